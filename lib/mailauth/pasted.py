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

from . import tokens
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
        }
        return Evidence(**{**own, **{name: value for name, value in known.items() if value is not None}})


def read(text: str) -> Pasted:
    """Return what *text* says; of unknown text there are lines and no observations."""
    cut = max(0, len(text) - MOST)
    raw = text[-MOST:]
    token, mailboxes, found = _tokens(raw)
    shown = mask("\n".join(line[:_LONGEST_LINE] for line in _lines(raw)))
    del raw, text
    tool = next((name for name, marks in _TOOLS.items() if re.search(marks, shown, re.MULTILINE)), "")
    lines = [_way(line) for line in shown.split("\n")]
    heard = tuple(line for way, line in lines if way != "sent")
    sent = tuple(line for way, line in lines if way == "sent") or None
    answers = tuple(_answers(shown))
    strings = [each.said for each in found if each.what == "sasl"]
    return Pasted(
        tool,
        shown,
        (*heard, *answers),
        sent,
        tuple(_observations(tool, shown, found, answers)),
        _protocol(shown),
        _kind(sent or (), shown, token),
        next(iter(mailboxes), ""),
        token,
        cut,
        _malformed(strings),
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
    return claims, mailboxes, found


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


# --- the tool and its lines -----------------------------------------------------------------------

_TOOLS: Final[Mapping[str, str]] = {
    "openssl s_client": r"^CONNECTED\([0-9A-F]{8}\)|^SSL-Session:|^Certificate chain",
    "Get-IMAPAccessToken.ps1": (
        r"Get-IMAPAccessToken|ERROR during authentication|Accessing Sharedmailbox|^A01 (?:OK AUTHENTICATE|NO AUTH)"
    ),
    "email-oauth2-proxy": r"Email OAuth 2\.0 Proxy|emailproxy|(?:IMAP|POP|SMTP) \([^)\n]{1,200}\) ?(?:-->|<--)",
    "MailKit": r"^Connected to (?:imaps?|pops?|smtps?)://|MailKit\.",
    "Thunderbird": r"[DIE]/(?:IMAP|POP3|SMTP)\b|mailnews\.(?:smtp|imap|pop3)|ImapLogger",
    "offlineimap": r"OfflineIMAP|Establishing connection to .{1,200}:\d{2,5} \(",
    "nodemailer": r"\bcode: '(?:EAUTH|ECONNECTION|ESOCKET|ETIMEDOUT|EENVELOPE)'|SMTPConnection|nodemailer",
    "swaks": r"^=== (?:Trying|Connected)|^<\*\* |^ -> (?:EHLO|AUTH)|^<-  ",
    "curl": r"^curl: \(\d{1,3}\)|^\* (?:Connected to|Trying|  Trying|TLSv1)",
    "smtplib": r"^(?:send: ['\"]|reply: (?:b['\"]|retcode))|smtplib\.",
    "imaplib": r"^ {0,4}\d\d:\d\d\.\d\d [<>] |imaplib\.",
}
"""By which marks the log of a tool is known, the more telling ones first."""

_WAYS: Final = (
    # Marks in front of what a client sends and of what it hears, with the time and the channel that stand before.
    ("sent", re.compile(r"^(?:.{0,160}?\s)?(?:-->|->|~>|C:|>>>|send:|\S{1,80}SendData:)\s{0,4}(?P<text>.{1,16384})$")),
    (
        "heard",
        re.compile(
            r"^(?:.{0,160}?\s)?(?:<--|<-|<\*\*|<~\*?|S:|<<<|reply:|\S{1,80}CreateNewLineFromSocket:)\s{0,4}(?P<text>.{1,16384})$"
        ),
    ),
    ("sent", re.compile(r"^(?: {0,4}\d\d:\d\d\.\d\d )?> (?P<text>.{1,16384})$")),
    ("heard", re.compile(r"^(?: {0,4}\d\d:\d\d\.\d\d )?< (?P<text>.{1,16384})$")),
)
_BYTES: Final = re.compile(r"^b?(?P<mark>['\"])(?P<text>.*)(?P=mark)$")


def _way(line: str) -> tuple[Literal["sent", "heard"], str]:
    for way, pattern in _WAYS:
        if found := pattern.match(line):
            return ("sent" if way == "sent" else "heard"), _bare(found["text"])
    return "heard", line


def _bare(text: str) -> str:
    """Return *text* out of the quotes that a program writes bytes in, without the line end in them."""
    found = _BYTES.match(text.strip())
    return (found["text"] if found else text).removesuffix("\\r\\n").strip()


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

_PROTOCOLS: Final[tuple[tuple[Protocol, str], ...]] = (
    ("smtp", r"smtp[\w.-]*\.(?:office365|outlook|partner)|:587\b|\b(?:535|550|530|454) \d\.\d|Microsoft ESMTP|EHLO\b"),
    ("pop", r":995\b|POP3 service|\bpop\.|-ERR "),
    ("imap", r":993\b|IMAP4 service|\bAUTHENTICATE\b|IMAP4rev1|imaps?://|imaplib"),
)


def _protocol(text: str) -> Protocol | None:
    """Return the one protocol that the text speaks of; None where it is none or several."""
    found = [name for name, marks in _PROTOCOLS if re.search(marks, text, re.MULTILINE)]
    return found[0] if len(found) == 1 else None


def _kind(sent: Iterable[str], text: str, token: Claims | None) -> Kind | None:
    commands = "\n".join(sent)
    if re.search(r"\b(?:AUTH|AUTHENTICATE) (?:XOAUTH2|OAUTHBEARER)\b", commands or text, re.IGNORECASE):
        return None
    password = re.search(r"\bAUTH(?:ENTICATE)? (?:PLAIN|LOGIN)\b|^\S{1,20} LOGIN |^PASS ", commands, re.M | re.I)
    # Java's mail library leaves commands out that hold a password.
    password = password or re.search(r"\bAUTH(?:ENTICATE)? (?:PLAIN|LOGIN) command trace suppressed", text)
    return "password" if password and not token else None


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
