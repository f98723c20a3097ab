"""What the tests of mail conversations have in common: a canary for a token, a search for it, a server on paper."""

import base64
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from mailauth.dialogue import Dialogue, Event, StartTls, bearer
from mailauth.proof import Talk, Tls

USER = "ada@contoso.example"
TLS = Tls("TLSv1.3", "TLS_AES_256_GCM_SHA384")

_SIGNS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def _canary() -> str:
    made = random.Random(5)
    return ".".join("eyJ" + "".join(made.choices(_SIGNS, k=size)) for size in (60, 900, 340))


CANARY = _canary()
"""A token's shape and length; no server knows it, so wherever it turns up it was leaked."""
SIGN_IN = bearer(USER, CANARY)
RESPONSE = SIGN_IN.answers[0].sent


def leaked(text: str, secret: str = CANARY, *, piece: int = 12) -> list[str]:
    """Return the pieces of *secret* in *text*: as it is, and in what base64 at any offset in it decodes to, twice."""
    wanted = {secret[place : place + piece] for place in range(len(secret) - piece + 1)}
    return [one for view in _views(text, 2) for one in _windows(view, piece) if one in wanted]


def clean(talk: Talk) -> Talk:
    """Return *talk* after a search of all that it holds."""
    assert leaked(repr(talk)) == []
    assert leaked("".join(line.text for line in talk.lines)) == []
    assert leaked("".join(line.text.partition(" ")[2] for line in talk.lines)) == []
    return talk


def _windows(text: str, size: int) -> Iterator[str]:
    return (text[place : place + size] for place in range(len(text) - size + 1))


def _views(text: str, deeper: int) -> Iterator[str]:
    yield text
    if deeper:
        for run in re.findall(r"[A-Za-z0-9+/_-]{16,}", text):
            for offset in range(4):
                part = run[offset:]
                with suppress(ValueError):
                    data = base64.b64decode(
                        part[: len(part) // 4 * 4], altchars=b"-_" if set(part) & set("-_") else None
                    )
                    yield from _views(data.decode("latin-1"), deeper - 1)


def converse(dialogue: Dialogue, greeting: str, *replies: str, closes: bool = True) -> list[str]:
    """Have *dialogue* talk to a server that says *greeting* and then one reply after each turn; return what it sent.

    Args:
        dialogue: Just made.
        greeting: What comes first; line ends are made whole.
        replies: The answers, in order.
        closes: Whether the server then closes the connection.
    """
    dialogue.connected()
    if dialogue.tls_first:
        dialogue.secured(TLS)
    sent: list[str] = []
    for text in (greeting, *replies):
        feed(dialogue, wire(text))
        if data := dialogue.send():
            sent.append(data.decode())
    if closes:
        dialogue.receive(b"")
    return sent


def ends(dialogue: Dialogue, said: Sequence[str], outcome: str, stage: str, reply: str, why: str) -> None:
    """Have *dialogue* talk to a server that says *said*, and compare how it ends.

    Args:
        dialogue: Just made.
        said: The greeting and the replies.
        outcome, stage: As in `Talk`.
        reply: How the deciding line begins; empty where there is none.
        why: What our own words hold; empty where there are none.
    """
    converse(dialogue, *said)
    talk = told(dialogue)
    assert (talk.outcome, talk.stage) == (outcome, stage)
    assert talk.reply.startswith(reply)
    assert bool(talk.reply) == bool(reply)
    assert why in talk.said
    assert bool(talk.said) == bool(why)


def feed(dialogue: Dialogue, data: bytes) -> list[Event]:
    """Return the events of *data*; TLS begins where it is to."""
    events = dialogue.receive(data)
    if any(isinstance(event, StartTls) for event in events):
        dialogue.secured(TLS)
    return events


def wire(text: str) -> bytes:
    """Return *text* as it goes over the wire, its last line ended."""
    return text.replace("\n", "\r\n").encode() + b"\r\n" if text else b""


def told(dialogue: Dialogue) -> Talk:
    """Return the conversation, searched for the canary."""
    return clean(dialogue.talk("mail.contoso.example:993"))
