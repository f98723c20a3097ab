"""What somebody has pasted, read: a server's line, a message of Entra's, an address, a token, a log of another tool.

Text in, observations out; nothing is opened and no token is kept. Secrets are taken out before anything else is
looked at but tokens and SASL strings, of which the claims and the mailbox stay. Text from outside is hostile: it is cut
to a length, and read with patterns that take linear time.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from . import logs, tokens
from .catalogue import Kind
from .dialogue import server_name
from .errors import TokenError
from .guids import GUID
from .masking import mask, masked
from .signs import Evidence
from .symptoms import numbers
from .tenants import Protocol
from .tokens import Claims

__all__ = ["MOST", "Observation", "Pasted", "read"]

MOST: Final = 512 * 1024
"""So many characters are read: the last ones, as the end of a log is where the refusal stands."""

_ALWAYS: Final[Mapping[str, Mapping[str, bool]]] = {
    # It asks for Outlook's resource whatever it is told.
    "Get-IMAPAccessToken.ps1": {"audience_is_graph": False, "audience_is_foreign": False},
}
"""What each log of a tool says without a word."""

What = Literal["tool", "server", "line", "number", "answer", "token", "sasl", "id"]

_LONGEST_LINE: Final = 16 * 1024
_MOST_LINES: Final = 20_000
_MOST_FOUND: Final = 20
_SEP: Final = "\x01"

# From the beginning of a run alone: a search from each place in it would take its length again.
_JWT: Final = re.compile(r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{5,65536}\.[A-Za-z0-9_-]{5,65536}\.[A-Za-z0-9_-]{0,8192}")
# "user=" in base64, with what makes a SASL string of it; a program may have broken it into lines.
_SASL: Final = re.compile(r"dXNlcj[A-Za-z0-9+/_-]{8,131072}={0,2}")
_IDS: Final = re.compile(
    r"(?P<name>correlation[_ ]?id|trace[_ ]?id|timestamp)[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
    rf"(?P<value>{GUID}|"
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?)",
    re.IGNORECASE,
)
_CLAIM: Final = re.compile(
    r"[\"'](?P<name>aud|iss|tid|oid|appid|azp|upn|unique_name|preferred_username|idtyp|ver|scp)[\"']\s{0,4}:\s{0,4}"
    r"[\"'](?P<value>[^\"'\r\n]{1,1000})[\"']"
)
_MOMENT: Final = re.compile(r"[\"'](?P<name>exp|iat|nbf)[\"']\s{0,4}:\s{0,4}(?P<value>\d{1,11})\b")
_ROLES: Final = re.compile(r"[\"']roles[\"']\s{0,4}:\s{0,4}\[([^\]]{0,4000})\]")
_ADDRESS: Final = re.compile(r"https?://[^\s\"'<>]{1,8192}")
_ANSWERED: Final = ("error", "error_subcode", "error_description", "error_uri", "admin_consent", "tenant", "code")


@dataclass(frozen=True)
class Observation:
    """Something that was found in what was pasted.

    Args:
        what: Of which sort.
        said: What it is, in a sentence or as it stood; no secret, and hostile until a view escapes it.
    """

    what: What
    said: str


@dataclass(frozen=True)
class Pasted:
    """What was pasted, read.

    Args:
        tool: Which tool wrote it; empty for a bare line.
        text: All of it without secrets, as it may be shown and kept.
        heard: What a server or the tool said, in order.
        sent: What the client sent; None where the log does not show it.
        observations: What was found, in order.
        protocol, kind, mailbox: As far as the text tells.
        token: What the first token in it says; None where there is none that can be read.
        cut: How many characters were left out in front.
        malformed: Whether a SASL string in it has a flaw in its form; None where there is none.
        user: Who had signed in, where the log says so.
        token_shown: Whether the last sign-in in it is one with a token.
    """

    tool: str = ""
    text: str = ""
    heard: tuple[str, ...] = ()
    sent: tuple[str, ...] | None = None
    observations: tuple[Observation, ...] = ()
    protocol: Protocol | None = None
    kind: Kind | None = None
    mailbox: str = ""
    token: Claims | None = None
    cut: int = 0
    malformed: bool | None = None
    user: str = ""
    token_shown: bool = False

    @property
    def claims(self) -> Mapping[str, object]:
        """What the token says, under the names that a token uses."""
        return self.token.record() if self.token else {}

    @property
    def secret(self) -> bool:
        """Whether something in it was taken out as a secret."""
        return masked(self.text)

    def evidence(self, **known: Any) -> Evidence:
        """Return it as evidence, with what else is known, which comes first where both say something."""
        own: dict[str, Any] = {
            "texts": self.heard,
            "sent": self.sent,
            "protocol": self.protocol,
            "kind": self.kind,
            "mailbox": self.mailbox,
            "claims": self.claims,
            "malformed": self.malformed,
            "user": self.user,
            "token_shown": self.token_shown,
            "known": _ALWAYS.get(self.tool, {}),
        }
        return Evidence(**{**own, **{name: value for name, value in known.items() if value is not None}})


def read(text: str) -> Pasted:
    """Return what *text* says; of unknown text there are lines and no observations."""
    cut = max(0, len(text) - MOST)
    raw = text[-MOST:]
    token, mailboxes, found = _tokens(raw)
    shown = mask("\n".join(line[:_LONGEST_LINE] for line in _lines(raw)))
    del raw, text
    tool = logs.tool(shown)
    lines = list(logs.lines(shown))
    heard = tuple(line for way, line in lines if way == "heard")
    sent = tuple(line for way, line in lines if way == "sent") or None
    answers = tuple(_answers(shown))
    strings = [each.said for each in found if each.what == "sasl"]
    signed_in, told = logs.shown(shown), logs.account(shown)
    return Pasted(
        tool,
        shown,
        (*heard, *answers),
        sent,
        tuple(_observations(tool, shown, found, answers)),
        logs.protocol(shown),
        _kind(shown, signed_in, token),
        next(iter(mailboxes), "") or told.mailbox,
        token,
        cut,
        _malformed(strings),
        told.user,
        signed_in == "token",
    )


def _lines(text: str) -> list[str]:
    return [line.rstrip("\r") for line in text.split("\n")][-_MOST_LINES:]


# --- tokens and SASL strings ----------------------------------------------------------------------


def _tokens(text: str) -> tuple[Claims | None, list[str], list[Observation]]:
    """Return what the first token says, the mailboxes that SASL strings name, and what to say of all these."""
    found: list[Observation] = []
    mailboxes: list[str] = []
    inside: list[str] = []
    for each in list(_SASL.finditer(_unwrapped(text)))[:_MOST_FOUND]:
        user, token, flaw = _sasl(each[0])
        if user:
            mailboxes.append(user)
            found.append(Observation("sasl", f"A SASL string for {user}{': ' + flaw if flaw else ''}."))
            inside += [token] if token else []
    claims: Claims | None = None
    for token in dict.fromkeys([*(each[0] for each in _JWT.finditer(text)), *inside][:_MOST_FOUND]):
        with suppress(TokenError):
            read = tokens.read(token)
            claims = claims or read
            found.append(Observation("token", f"A token for {read.aud or 'nobody'} of {read.user or read.app_id}."))
    if claims is None and (claims := _decoded(text)):
        found.append(Observation("token", f"The claims of a token for {claims.aud} of {claims.user or claims.app_id}."))
    return claims, mailboxes, found


def _decoded(text: str) -> Claims | None:
    """Return the claims of a token that somebody has decoded and pasted as JSON; None where there are none."""
    texts = {each["name"]: each["value"] for each in _CLAIM.finditer(text)}
    times = {each["name"]: int(each["value"]) for each in _MOMENT.finditer(text)}
    roles = _ROLES.search(text)
    held = {"roles": re.findall(r"[\"']([^\"']{1,200})[\"']", roles[1])} if roles else {}
    if "aud" not in texts or not (texts.keys() & {"scp", "appid", "azp", "upn", "tid"} or held):
        return None
    return tokens.told({**texts, **times, **held})


def _unwrapped(text: str) -> str:
    """Return *text* with base64 that was broken into lines of one length in one piece again."""
    return re.sub(r"(?<=[A-Za-z0-9+/]{60})\r?\n(?=[A-Za-z0-9+/=]{4,}\r?$)", "", text, flags=re.MULTILINE)


def _sasl(coded: str) -> tuple[str, str, str]:
    """Return user and token of a SASL string, and what is wrong with its form."""
    try:
        data = base64.b64decode(coded + "=" * (-len(coded) % 4))
    except (binascii.Error, ValueError):
        return "", "", ""
    text = data.decode("utf-8", "replace")
    spelled = re.search(r"\^A|\\x01|\\001", text) if _SEP not in text else None
    fields = text.split(spelled[0] if spelled else _SEP)
    user, auth = fields[0].removeprefix("user="), fields[1] if len(fields) > 1 else ""
    token = auth.removeprefix("auth=Bearer ").strip()
    if not fields[0].startswith("user=") or not re.fullmatch(r"[^\x00-\x1f\x7f]{1,320}", user):
        return "", "", ""
    flaw = ""
    if spelled:
        flaw = f"Control-A is spelled out as {spelled[0]}"
    elif not auth.startswith("auth=Bearer "):
        flaw = "the word Bearer, or the Control-A in front of auth=, is missing"
    elif fields[2:] != ["", ""]:
        flaw = "it does not end in two Control-A, so it is cut off or wrapped"
    elif re.search(r"\s", auth.removeprefix("auth=Bearer ")):
        flaw = "there is a line end or a blank in the token"
    return user, token, flaw


def _malformed(strings: Sequence[str]) -> bool | None:
    """Return whether one of *strings*, as they are told of, is broken; None where none tells."""
    # A log may have cut a string off, so a missing end proves nothing.
    if any(re.search(r"line end or a blank|spelled out", said) for said in strings):
        return True
    return False if strings and not any(": " in said for said in strings) else None


# --- what Entra answers ---------------------------------------------------------------------------


def _answers(text: str) -> Iterator[str]:
    """Yield what addresses that a browser was sent back to say, decoded."""
    for found in list(_ADDRESS.finditer(text))[:_MOST_FOUND]:
        with suppress(ValueError):
            parts = urlsplit(found[0])
            query = parse_qsl(parts.query or parts.fragment, max_num_fields=50)
            said = [f"{name}={value}" for name, value in query if name in _ANSWERED]
            if any(each.partition("=")[0] in ("error", "admin_consent", "code") for each in said):
                yield mask("; ".join(said))


# --- what it is about -----------------------------------------------------------------------------


def _kind(text: str, signed_in: logs.Shown, token: Claims | None) -> Kind | None:
    """Return how somebody signed in, as far as no token tells it."""
    if signed_in == "password":
        return "password"
    app = None if token else logs.as_app(text)
    return None if app is None else "app" if app else "delegated"


def _observations(tool: str, text: str, found: Iterable[Observation], answers: Iterable[str]) -> Iterator[Observation]:
    if tool:
        yield Observation("tool", f"The log is one of {tool}.")
    if name := server_name(text) or _named(text):
        yield Observation("server", f"The server calls itself {name}.")
    yield from found
    yield from (Observation("answer", each) for each in answers)
    yield from (Observation("number", f"AADSTS{number}") for number in numbers(text)[:_MOST_FOUND])
    told = dict.fromkeys((each["name"].lower().replace(" ", "_"), each["value"]) for each in _IDS.finditer(text))
    yield from (Observation("id", f"{name}: {value}") for name, value in list(told)[:_MOST_FOUND])


def _named(text: str) -> str:
    """Return the name in a refusal's or a greeting's brackets, such as ``FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM``."""
    found = re.search(r"\[([A-Z0-9]{4,20}(?:\.[A-Z0-9-]{1,40}){2,8})(?: [^\]\n]{1,80})?\]", text, re.IGNORECASE)
    return found[1] if found else ""
