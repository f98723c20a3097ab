"""Messages as IMAP shows them: envelope, structure, sections, each from the bytes that were stored."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from functools import cached_property
from typing import Final, TypeAlias

from .store import Stored
from .syntax import ArgumentError

__all__ = ["MONTHS", "Letter", "string"]

_UNDATED: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DEEPEST: Final = 30
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SECTION: Final = re.compile(
    r"(?P<part>\d{1,5}(?:\.\d{1,5}){0,20})?\.?"
    r"(?:(?P<what>HEADER|TEXT|MIME)|HEADER\.FIELDS(?P<negate>\.NOT)? \((?P<fields>[^()]*)\))?",
    re.IGNORECASE,
)

Part: TypeAlias = "Message[str, str]"


class Letter:
    """One message of a selected folder."""

    def __init__(self, place: int, stored: Stored) -> None:
        self.place = place
        self.uid = stored.uid
        self._stored = stored

    @cached_property
    def data(self) -> bytes:
        """The message, whole."""
        return self._stored.data

    @cached_property
    def parsed(self) -> Part:
        """The message, taken apart; one that is nested without end counts as plain text."""
        try:
            return message_from_bytes(self.data)
        except RecursionError:
            return message_from_bytes(self.data.partition(b"\r\n\r\n")[0])

    @cached_property
    def header(self) -> bytes:
        """The header with the blank line that ends it."""
        head, blank, _ = self.data.partition(b"\r\n\r\n")
        return head + blank if blank else self.data

    @property
    def body(self) -> bytes:
        """What comes after the header."""
        return self.data[len(self.header) :]

    @cached_property
    def arrived(self) -> datetime:
        """When the message arrived: as its first Received header says, or its Date."""
        said = str(self.parsed.get("Received") or "").rpartition(";")[2] or str(self.parsed.get("Date") or "")
        return _moment(said) or _UNDATED

    @property
    def sent(self) -> datetime:
        """When the message says it was sent."""
        return _moment(str(self.parsed.get("Date") or "")) or _UNDATED

    def values(self, name: str) -> str:
        """Return the values of a header field, one a line."""
        return "\n".join(str(one) for one in self.parsed.get_all(name) or [])

    def internal_date(self) -> bytes:
        """Return INTERNALDATE."""
        at = self.arrived
        return f'"{at.day:2d}-{MONTHS[at.month - 1]}-{at.year:04d} {at:%H:%M:%S} +0000"'.encode()

    def envelope(self) -> bytes:
        """Return ENVELOPE."""
        sender = self.values("From")
        people = [sender, self.values("Sender") or sender, self.values("Reply-To") or sender]
        people += [self.values(name) for name in ("To", "Cc", "Bcc")]
        return _list(
            [
                self._field("Date"),
                self._field("Subject"),
                *(_people(one) for one in people),
                self._field("In-Reply-To"),
                self._field("Message-ID"),
            ]
        )

    def structure(self, *, extended: bool) -> bytes:
        """Return BODYSTRUCTURE, or BODY where it is not *extended*."""
        return _structure(self.parsed, extended, 0)

    def section(self, spec: str) -> bytes | None:
        """Return what ``BODY[spec]`` names; None where the message has no such part.

        Raises:
            ArgumentError: It names nothing that a message can have.
        """
        match = _SECTION.fullmatch(spec)
        if match is None or spec.endswith("."):
            raise ArgumentError
        what = (match["what"] or "").upper()
        if match["part"] is None:
            if what == "MIME":
                raise ArgumentError
            return self._whole(what, match["fields"], negate=match["negate"] is not None)
        part = _part(self.parsed, [int(one) for one in match["part"].split(".")])
        if part is None:
            return None
        if what == "MIME":
            return _mime(part)
        if match["fields"] is not None or what:
            return None  # only a message within the message has a header of its own; none is opened here
        return _payload(part)

    def _whole(self, what: str, fields: str | None, *, negate: bool) -> bytes:
        if fields is not None:
            wanted = {one.strip('"').lower() for one in fields.split()}
            return _chosen(self.header, wanted, negate=negate)
        return {"": self.data, "HEADER": self.header, "TEXT": self.body}[what]

    def _field(self, name: str) -> bytes:
        found = self.parsed.get(name)
        return string(None if found is None else _flat(str(found)))


def string(value: str | None) -> bytes:
    """Return an IMAP string, or NIL."""
    if value is None:
        return b"NIL"
    data = value.replace("\0", "").encode("utf-8", "replace")
    if re.search(rb"[\r\n\x80-\xff]", data):
        return b"{%d}\r\n%s" % (len(data), data)
    return b'"' + re.sub(rb'(["\\])', rb"\\\1", data) + b'"'


def _flat(value: str) -> str:
    return re.sub(r"[\r\n]+[ \t]*", " ", value).strip()


def _list(items: Iterable[bytes]) -> bytes:
    return b"(" + b" ".join(items) + b")"


def _moment(said: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(said.strip())
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _people(value: str) -> bytes:
    try:
        found = getaddresses([_flat(value)]) if value else []
    except (ValueError, IndexError, RecursionError):
        found = []
    shown = []
    for name, address in found:
        if address:
            mailbox, _, host = address.rpartition("@")
            shown.append(
                _list([string(name or None), b"NIL", string(mailbox or host), string(host if mailbox else "")])
            )
    return b"(" + b"".join(shown) + b")" if shown else b"NIL"


def _chosen(header: bytes, wanted: set[str], *, negate: bool) -> bytes:
    fields = re.findall(rb"[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*", header)
    kept = [one for one in fields if (one.partition(b":")[0].strip().decode("latin-1").lower() in wanted) != negate]
    return b"".join(kept) + b"\r\n"


def _children(part: Part) -> list[Part]:
    payload = part.get_payload()
    multipart = part.get_content_maintype() == "multipart" and isinstance(payload, list)
    return [one for one in payload if isinstance(one, Message)] if multipart else []


def _part(message: Part, numbers: list[int]) -> "Part | None":
    found = message
    for number in numbers:
        children = _children(found)
        if not children and number == 1 and numbers == [1]:
            return found  # a message that is not multipart has one part
        if not 1 <= number <= len(children):
            return None
        found = children[number - 1]
    return found


def _payload(part: Part) -> bytes:
    if _children(part) or part.is_multipart():
        try:
            return part.as_bytes().partition(b"\n\n")[2].replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        except (RecursionError, ValueError, KeyError, LookupError):
            return b""
    return str(part.get_payload()).encode("utf-8", "surrogateescape")


def _mime(part: Part) -> bytes:
    lines = [f"{name}: {value}" for name, value in part.items()]
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "replace")


def _structure(part: Part, extended: bool, depth: int) -> bytes:
    children = _children(part) if depth < _DEEPEST else []
    if children:
        shown = b"".join(_structure(one, extended, depth + 1) for one in children)
        more = [_parameters(part), b"NIL", b"NIL", b"NIL"] if extended else []
        return b"(" + b" ".join([shown, string(part.get_content_subtype().upper()), *more]) + b")"
    body = _payload(part)
    kind = "TEXT" if part.get_content_maintype() in ("multipart", "message") else part.get_content_maintype().upper()
    subtype = (
        "PLAIN" if kind == "TEXT" and part.get_content_maintype() != "text" else part.get_content_subtype().upper()
    )
    items = [
        string(kind),
        string(subtype),
        _parameters(part),
        string(_optional(part, "Content-ID")),
        string(_optional(part, "Content-Description")),
        string(_optional(part, "Content-Transfer-Encoding") or "7BIT"),
        b"%d" % len(body),
    ]
    if kind == "TEXT":
        items.append(b"%d" % body.count(b"\n"))
    return _list([*items, b"NIL", b"NIL", b"NIL", b"NIL"] if extended else items)


def _optional(part: Part, name: str) -> str | None:
    found = part.get(name)
    return None if found is None else _flat(str(found))


def _parameters(part: Part) -> bytes:
    try:
        found = part.get_params(failobj=[], unquote=True) or []
    except (ValueError, IndexError, TypeError):
        found = []
    shown = [
        word for name, value in found[1:] for word in (string(_flat(str(name)).upper()), string(_flat(str(value))))
    ]
    return _list(shown) if shown else b"NIL"
