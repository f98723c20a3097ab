"""The Exchange admin center's report "SMTP AUTH clients": a second witness beside the sign-in log.

It looks back 90 days, needs no P1 licence and counts messages that were accepted, so it holds the quarter-end job
that a log of 30 days misses. It is keyed by sender address, which is what stands in From, and not by the account
that signed in: one copier may be three lines here and one sender in the log.

What is known of the file: Microsoft's page on the report names the columns Sender address, Domain, TLS 1.0, TLS 1.1,
TLS 1.2 (percentages) and Messages sent, and a button that exports the displayed rows as CSV; the report before it
called the last column Message count. Since October 2024 the view has an Authentication Protocol column (MC786329).
What is not: no exported file and no page was found that shows the CSV's own header, whether the new column is in it,
how its values are spelled, or whether a sender that used both protocols has two lines. So headers are read in any of
the spellings below and blanks, case and punctuation are ignored. The documented columns hold no date, and the view
covers 7 days unless somebody asks for more: without a date column nobody can tell which days a file speaks of.
https://learn.microsoft.com/exchange/monitoring/mail-flow-reports/mfr-smtp-auth-clients-report
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from . import escape
from .coverage import Coverage, Window

__all__ = ["Authentication", "Report", "ReportRow", "decode", "looks_like", "parse"]

Authentication = Literal["basic", "oauth", "unknown"]
"""How the messages were submitted; ``unknown`` where the report does not say."""

_WHAT = "messages sent by SMTP AUTH"
_DAYS_BACK = 90
_NAMED = 50  # problems; a file of another kind has one in every line
_REMEDY = (
    'Ask an Exchange Administrator: "Please open Reports, Mail flow, SMTP AUTH clients report in the Exchange admin '
    f"center, choose {_DAYS_BACK} days, export it again, and note the days in the file's name.\""
)

_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "address": ("senderaddress", "sender", "senderemail", "senderemailaddress", "fromaddress", "from", "mailbox"),
    "authentication": (
        "authenticationprotocol",
        "authenticationtype",
        "authenticationmethod",
        "authprotocol",
        "authtype",
        "authentication",
    ),
    "messages": (
        "messagessent",
        "messagecount",
        "messages",
        "messagevolume",
        "numberofmessages",
        "totalmessages",
        "count",
        "volume",
    ),
    "first": ("startdate", "firstseen", "firstmessage", "firstdate", "datefrom", "datestart"),
    "last": ("enddate", "lastseen", "lastmessage", "lastdate", "lastused", "dateend"),
    "day": ("date", "day", "reportdate"),
    "tls_1_0": ("tls10", "tls10percentage", "tls10percent", "tlsv10"),
    "tls_1_1": ("tls11", "tls11percentage", "tls11percent", "tlsv11"),
    "tls": ("tlsversion", "tlsprotocol", "tls"),
    "tls_1_2": ("tls12", "tls12percentage", "tls12percent", "tlsv12"),
}
# A message trace has senders and messages too; a report of clients has nobody that received anything.
_NEVER = ("recipient", "recipientaddress", "subject", "messageid", "messagetraceid")

_BASIC = ("basic", "basicauth", "basicauthentication", "password", "login", "plain")
_OAUTH = ("oauth", "oauth2", "oauth20", "xoauth2", "modern", "modernauth", "modernauthentication", "bearer")


@dataclass(frozen=True)
class ReportRow:
    """What one address sent by SMTP AUTH with one kind of authentication.

    Args:
        address: The sender address in lower case. Hostile text.
        authentication: As in `Authentication`.
        messages: How many were accepted.
        first: The first day on which the file says so; None without dates.
        last: The last such day.
        old_tls: Whether some of them came over TLS 1.0 or 1.1; None where the file does not say.
    """

    address: str
    authentication: Authentication
    messages: int
    first: date | None = None
    last: date | None = None
    old_tls: bool | None = None

    def __add__(self, other: "ReportRow") -> "ReportRow":
        return replace(
            self,
            messages=self.messages + other.messages,
            first=min(filter(None, (self.first, other.first)), default=None),
            last=max(filter(None, (self.last, other.last)), default=None),
            old_tls=self.old_tls or other.old_tls if self.old_tls is not None else other.old_tls,
        )


@dataclass(frozen=True)
class Report:
    """One exported file.

    Args:
        where: What the file is called.
        rows: One for each address and authentication, by address.
        problems: What could not be read, a sentence each, with its line; the first 50.
        lost: How many lines could not be read.
        says_how: Whether the file has the authentication column at all.
        readable: Whether the file is this report; where it is not, `problems` says what was found.
    """

    where: str
    rows: tuple[ReportRow, ...] = ()
    problems: tuple[str, ...] = ()
    lost: int = 0
    says_how: bool = True
    readable: bool = True

    @property
    def start(self) -> datetime | None:
        """UTC midnight of the first day that a row speaks of; None without dates."""
        return self.window.start if self.window else None

    @property
    def end(self) -> datetime | None:
        """UTC midnight after the last such day; None without dates."""
        return self.window.end if self.window else None

    @property
    def window(self) -> Window | None:
        """The days that the rows speak of; None where the file has no dates, as the documented one has none."""
        days = [day for row in self.rows for day in (row.first, row.last) if day]
        return Window(_midnight(min(days)), _midnight(max(days)) + timedelta(days=1)) if days else None

    @property
    def coverage(self) -> Coverage:
        """How far the report reaches, and what it cannot say."""
        if not self.readable:
            return Coverage(_WHAT, "absent", "smtp_report", reason=" ".join(self.problems), remedy=_REMEDY)
        reasons = tuple(self._reasons())
        if not reasons:
            return Coverage(_WHAT, "complete", "smtp_report", self.start, self.end)
        return Coverage(_WHAT, "partial", "smtp_report", self.start, self.end, self.lost, " ".join(reasons), _REMEDY)

    def _reasons(self) -> Iterator[str]:
        if self.window is None:
            yield f"{self.where} does not say which days it covers: 7 unless more were chosen, {_DAYS_BACK} at most."
        if not self.says_how:
            yield "It has no column for the authentication, so password and OAuth cannot be told apart."
        unclear = sum(row.messages for row in self.rows if row.authentication == "unknown")
        if unclear and self.says_how:
            yield f"It does not say how {unclear:,} {'message was' if unclear == 1 else 'messages were'} sent."
        if self.lost:
            yield f"{self.lost:,} {'line' if self.lost == 1 else 'lines'} could not be read."


def looks_like(header: Sequence[str]) -> bool:
    """Whether a CSV file with this header is the report: senders, messages, and how they came in."""
    columns = _columns(header)
    folded = {_folded(name) for name in header}
    how = columns.keys() & {"authentication", "tls_1_0", "tls_1_1", "tls_1_2", "tls"}
    return {"address", "messages"} <= columns.keys() and bool(how) and not folded & set(_NEVER)


def decode(content: bytes) -> str:
    """Return the text of a file as spreadsheet programs and portals write it: UTF-8, UTF-16 or a Western code page."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def parse(text: str, where: str) -> Report:
    """Return what an exported file says; a line that cannot be read is named and left out.

    A file that is not the report gives a `Report` that is not readable, and says what was found instead.

    Args:
        text: The file's text.
        where: What the file is called.
    """
    lines = _records(text.removeprefix("\ufeff"))
    header, start = next(lines, ([], 0))
    if not looks_like(header):
        found_instead = (
            f"{where} line {start or 1}: found {_shown(header)}; expected the columns of the report SMTP AUTH clients, "
            "such as Sender address, Authentication Protocol, Messages sent."
        )
        return Report(where, problems=(found_instead,), readable=False)
    columns = _columns(header)
    found: dict[tuple[str, str], ReportRow] = {}
    problems: list[str] = []
    lost = 0
    for cells, number in lines:
        row, wrong = _row(cells, columns)
        problems += [f"{where} line {number}: {each}" for each in wrong]
        if row is None:
            lost += 1
        else:
            key = (row.address, row.authentication)
            found[key] = found[key] + row if key in found else row
    rows = tuple(found[key] for key in sorted(found))
    return Report(where, rows, tuple(problems[:_NAMED]), lost, says_how="authentication" in columns)


def _records(text: str) -> Iterator[tuple[list[str], int]]:
    """Yield each line that holds anything, with its number."""
    first, _, rest = text.partition("\n")
    # Excel's own hint about the separator; no part of the table.
    skipped = first.strip().strip('"').lower().startswith("sep=")
    body = rest if skipped else text
    head = body.partition("\n")[0]
    reader = csv.reader(io.StringIO(body, newline=""), delimiter=max(",;\t", key=head.count))
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            cells = ["\0"]
        if any(cell.strip() for cell in cells):
            yield cells, reader.line_num + skipped


def _columns(header: Sequence[str]) -> dict[str, int]:
    names = {_folded(name): place for place, name in reversed(list(enumerate(header)))}
    found = {field: [names[name] for name in spelled if name in names] for field, spelled in _SPELLINGS.items()}
    return {field: places[0] for field, places in found.items() if places}


def _folded(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _row(cells: Sequence[str], columns: Mapping[str, int]) -> tuple[ReportRow | None, list[str]]:
    """Return the row, or None, and what is wrong with it."""
    read = {field: cells[place].strip() for field, place in columns.items() if place < len(cells)}
    address, messages = read.get("address", "").lower(), _count(read.get("messages", ""))
    if "@" not in address or any(letter.isspace() for letter in address):
        return None, [f"the sender address is {_shown([address])}; the line was left out."]
    if messages is None:
        return None, [f"the number of messages is {_shown([read.get('messages', '')])}; the line was left out."]
    how, spelled = _authentication(read.get("authentication", "")), read.get("authentication", "")
    problems = (
        [f"the authentication is {_shown([spelled])}; expected Basic or OAuth."] if spelled and how == "unknown" else []
    )
    first, last = (_day(read.get(field) or read.get("day", "")) for field in ("first", "last"))
    return ReportRow(address, how, messages, first, last, _old_tls(read)), problems


def _authentication(text: str) -> Authentication:
    folded = _folded(text)
    if folded in _BASIC:
        return "basic"
    return "oauth" if folded in _OAUTH else "unknown"


def _count(text: str) -> int | None:
    """Return a whole number, also with thousands set apart in any country's manner."""
    grouped = re.fullmatch(r"\d{1,3}(?:[,. '\u2019\xa0\u202f]\d{3})+", text)
    digits = re.sub(r"\D", "", text) if grouped else text
    return int(digits) if re.fullmatch(r"[0-9]{1,15}", digits) else None


def _day(text: str) -> date | None:
    # Month and day stand in either order elsewhere, and nothing in the file says which.
    try:
        day = date.fromisoformat(text[:10])
    except ValueError:
        return None
    return day if 2000 <= day.year < 2200 else None


def _old_tls(read: Mapping[str, str]) -> bool | None:
    if "tls_1_0" in read or "tls_1_1" in read:
        return any(_share(read.get(field, "")) > 0 for field in ("tls_1_0", "tls_1_1"))
    if "tls_1_2" in read:
        return _share(read["tls_1_2"]) < 100
    return any(version in read["tls"] for version in ("1.0", "1.1")) if "tls" in read else None


def _share(text: str) -> float:
    number = re.match(r"\d+(?:[.,]\d+)?", text)
    return float(number[0].replace(",", ".")) if number else 0.0


def _shown(cells: Sequence[str]) -> str:
    said = escape.line(", ".join(cell.strip() for cell in cells), limit=80)
    return repr(said) if said else "empty"


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
