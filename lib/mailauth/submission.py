"""Submission by SMTP, over STARTTLS, to a transaction that is taken back; no mail goes out unless asked.

What a server says in the clear counts for nothing but STARTTLS itself: what it offers is asked again under TLS,
and the token goes out after the server asked for it, on a line of its own, as a command's line may be too short for it.
That a sender is taken at MAIL FROM proves less than a mail that went out: a server may judge it only with the message.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import ClassVar, Final

from . import sasl
from .dialogue import Astray, Dialogue, Refused, Said, Script, SignIn
from .errors import SaslError
from .tenants import Protocol

__all__ = ["Reply", "Submission", "letter", "read"]

_LINE: Final = re.compile(r"(\d{3})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED: Final = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\s")
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_HELLO: Final = "[127.0.0.1]"  # an address in brackets is taken everywhere and gives no machine's name away


@dataclass(frozen=True)
class Reply:
    """A reply of one or more lines.

    Args:
        code: The three digits.
        enhanced: The enhanced status code (RFC 3463), such as ``5.7.139``; empty where there is none.
        text: All of it as one line, code first.
        lines: Its texts, without codes.
    """

    code: str
    enhanced: str
    text: str
    lines: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether the server did what it was asked."""
        return self.code.startswith("2")


def read(lines: Sequence[str]) -> Reply:
    """Return the reply that *lines* are, each with its code."""
    texts = [line[4:] for line in lines]
    found = _ENHANCED.match(texts[0] + " ")
    enhanced = found[1] if found else ""
    rest = [text.removeprefix(enhanced).strip() if enhanced else text.strip() for text in texts]
    return Reply(lines[0][:3], enhanced, " ".join(filter(None, [lines[0][:3], enhanced, *rest])), tuple(texts))


def letter(sender: str, to: str, at: datetime) -> bytes:
    """Return a small message that says what it is for.

    Args:
        sender: Its author.
        to: Its recipient.
        at: Its date, aware.
    """
    head = {"From": sender, "To": to, "Date": format_datetime(at), "Subject": "Mail submission works"}
    lines = [*(f"{name}: {value}" for name, value in head.items()), "", "Sent on request, to prove that it can be."]
    return "".join(f"{line}\r\n" for line in lines).encode()


class Submission(Dialogue):
    """One submission.

    Args:
        sign_in: How to sign in.
        senders: Who is to send, each in a transaction of its own; nobody means the user who signs in.
        to: Who is to receive; empty means the user who signs in.
        sent_at: The date of a mail that really goes out, from the first sender; None sends nothing.
        clock: As in `Dialogue`.

    Raises:
        SaslError: An address is none that can go into a command.
    """

    protocol: ClassVar[Protocol] = "smtp"
    tls_first: ClassVar[bool] = False

    def __init__(
        self,
        sign_in: SignIn,
        *,
        senders: Iterable[str] = (),
        to: str = "",
        sent_at: datetime | None = None,
        clock: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__(sign_in, clock=clock)
        self._refusals: list[str] = []
        self._senders = tuple(_address("sender", one) for one in senders) or (_address("user", sign_in.user),)
        self._to = _address("recipient", to or sign_in.user)
        self._letter = letter(self._senders[0], self._to, sent_at) if sent_at else b""

    def _prove(self) -> Script[None]:
        yield from self._greeting()
        self.stage = "capability"
        offered = yield from self._hello()
        self.stage = "tls"
        yield from self._start_tls(offered)
        self.stage = "capability"
        offered = yield from self._hello()
        self.offered = self._names(offered)
        self._must_offer(_mechanisms(offered))
        self.stage = "authenticate"
        yield from self._authenticate()
        self.stage = "command"
        yield from self._transactions()

    def _leave(self) -> Script[None]:
        yield from self._ask(Said("QUIT", "QUIT"))

    def _complaint(self) -> str:
        return self._refusals[0] if self._refusals else ""

    # --- the stages -------------------------------------------------------------------------------

    def _greeting(self) -> Script[None]:
        reply = yield from self._reply()
        name = (reply.lines[0].split() or [""])[0]
        self.server = name if "." in name and _HOST.fullmatch(name) else ""
        if reply.code != "220":
            raise Refused(reply.text)

    def _hello(self) -> Script[list[str]]:
        reply = yield from self._expect("250", f"EHLO {_HELLO}")
        return list(reply.lines[1:])

    def _start_tls(self, offered: list[str]) -> Script[None]:
        if "STARTTLS" not in (line.strip().upper() for line in offered):
            raise Refused("", "The server does not offer STARTTLS, or somebody took it away; nothing secret was sent.")
        yield from self._expect("220", "STARTTLS")
        yield "tls"

    def _authenticate(self) -> Script[None]:
        asked = f"AUTH {self._sign_in.mechanism}"
        left = list(self._sign_in.answers)
        reply = yield from self._ask(Said(asked, asked))
        while reply.code == "334":
            self._answer(reply.lines[0], left)
            reply = yield from self._reply()
        if reply.code != "235":
            raise Refused(reply.text)
        if left:
            raise Astray("The server let us in before a token was sent, so nothing could be proven.", reply.text)

    def _transactions(self) -> Script[None]:
        """Try every sender, so that one who is refused hides no other; the first refusal decides."""
        for number, sender in enumerate(self._senders):
            reply = yield from self._transaction(sender, self._letter if number == 0 else b"")
            if reply.code == "421":
                raise Refused(self._complaint() or reply.text, leave=False)
            if not reply.good:
                self._refusals.append(reply.text)
                self.note(f"{sender} cannot send here")
            yield from self._expect("250", "RSET")
        if self._refusals:
            raise Refused(self._complaint())

    def _transaction(self, sender: str, message: bytes) -> Script[Reply]:
        for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{self._to}>"):
            reply = yield from self._ask(Said(command, command))
            if not reply.good:
                return reply
        if message:
            reply = yield from self._deliver(message)
        return reply

    def _deliver(self, message: bytes) -> Script[Reply]:
        reply = yield from self._ask(Said("DATA", "DATA"))
        if reply.code != "354":
            return reply
        stuffed = re.sub(r"(?m)^\.", "..", message.decode())
        return (yield from self._ask(Said(stuffed + ".", f"(a message of {len(message):,} bytes)")))

    # --- commands and replies ---------------------------------------------------------------------

    def _expect(self, code: str, command: str) -> Script[Reply]:
        reply = yield from self._ask(Said(command, command))
        if reply.code != code:
            raise Refused(reply.text)
        return reply

    def _ask(self, command: Said) -> Script[Reply]:
        self._say(command)
        return (yield from self._reply())

    def _reply(self) -> Script[Reply]:
        lines: list[str] = []
        while True:
            line = self._heard((yield from self._line()))
            found = _LINE.fullmatch(line)
            if found is None or (lines and line[:3] != lines[0][:3]):
                raise Astray("What answered does not speak SMTP as it should.", line)
            lines.append(line)
            if found[2] != "-":
                return read(lines)


def _mechanisms(offered: Iterable[str]) -> list[str]:
    """Return what AUTH is offered with, in today's spelling or that with an equals sign."""
    lines = [re.split(r"[\s=]+", line.upper().strip()) for line in offered]
    return [name for words in lines if words[0] == "AUTH" for name in words[1:]]


def _address(field: str, value: str) -> str:
    sasl.check(**{field: value})
    # Anything else could end the path early; Exchange Online's own addresses are ASCII.
    if not re.fullmatch(r"[!-;=?-~]{1,320}", value):
        raise SaslError(f"{field}: found {value!r}; expected an address in ASCII without spaces and angle brackets")
    return value
