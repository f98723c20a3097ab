"""Dates that end a way of signing in: what ends, when, whom of a tenant it touches, and by when to have acted.

The dates and their sources are data (``facts/deadlines.toml``), and a newer file of the same form may take its place:
the service changes its mind more often than a library is released. A day that nobody published stays unpublished here:
`Deadline.when` says so, and `Deadline.day` is the last day of the period, so that lists have an order.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo

from . import documents, reference
from .calendar import spoken
from .documents import Document, Mark, Place, Problem, complain
from .errors import ConfigurationError
from .findings import ACTIVE_SENDER, ATTENTION, Findings, Group
from .phrases import Named, Phrase, joined, phrase, words

__all__ = [
    "Calendar",
    "Deadline",
    "Due",
    "Freeze",
    "Kind",
    "answer_by",
    "ask_by",
    "built_in",
    "due",
    "get",
    "kinds",
    "kinds_of",
    "known",
    "newest",
    "parse",
    "read_on",
    "within",
]

Freeze = tuple[date, date]
"""The first and the last day on which nothing is to be changed."""

Kind = Literal[
    "smtp-password",
    "activesync-certificate",
    "activesync",
    "pop-imap",
    "ews",
    "powershell-password",
    "managed-policy",
    "hve",
]
"""What of a tenant a date can touch: sign-ins of a kind, a policy that Microsoft made, or a road that a sender took."""

# What ended longer ago explains nothing that a person sees today.
_REMEMBERED = timedelta(days=365)

# Advice, letters and reports speak of these by name.
_RELIED_ON: Final = ("smtp-auth-default-off", "smtp-auth-final", "activesync-certificate", "powershell-credential")

_NO_CLIENT = ATTENTION | {"attack_noise", "not_mail", "modern"}


@dataclass(frozen=True)
class Deadline:
    """Something that ends, or ended.

    Args:
        id: A short name that stays the same.
        title: What happens.
        when: The date in words, as a page prints it.
        day: A date to order and compare by, not to print; None where not even a period is known.
        touches: What it touches: values of `Kind`; empty where no sign-in shows it.
        shows: What the device or its user will see.
        note: What else is known, and what is not.
        source: Where it is from.
        confidence: ``high`` or ``medium``.
        mark: A few words for a chart, or empty.
        breaks: What stops working.
        unseen: What decides whether it breaks and stands in no sign-in record; empty where the records tell.
    """

    id: str
    title: str
    when: str
    day: date | None
    touches: tuple[Kind, ...]
    shows: str
    note: str
    source: str
    confidence: str
    mark: str = ""
    breaks: str = ""
    unseen: str = ""

    @property
    def then(self) -> str:
        """When it happens, within a sentence: ``at the end of December 2026 (no day has been published)``."""
        return within(self.when)

    def passed(self, today: date) -> bool:
        """Whether it lies before *today*."""
        return self.day is not None and self.day < today


_NO_DAY: Final = "no day published"
# What stands before a date within a sentence, by how the date is written.
_LEADS: Final = (
    (re.compile(r"(beginning|middle|end) of "), "at the "),
    (re.compile(r"\d{1,2} [A-Z][a-z]+ \d{4}$"), "on "),
    (re.compile(r"[A-Z][a-z]+ \d{4}$"), "in "),
    (re.compile(r"(after|before|by|from|in|on|since) "), ""),
)


@dataclass(frozen=True)
class Due:
    """The day by which somebody should have acted, and why that day.

    Args:
        day: None where nothing is to come.
        why: The day in words, with its reason.
    """

    day: date | None
    why: str


@dataclass(frozen=True)
class Calendar:
    """Every date that is known, as it was on one day.

    Args:
        read: The day on which the dates were read from their sources.
        entries: The dates, the earliest first.
        origin: The file that they are from; empty for the one that ships with the library.
        note: What was not used in its place, and why.
    """

    read: date
    entries: tuple[Deadline, ...]
    origin: str = ""
    note: Phrase = field(default_factory=Phrase)

    @property
    def said(self) -> Phrase:
        """Which dates these are and as of when, in a sentence or two."""
        whose = phrase("from {file}", file=Named("free", self.origin)) if self.origin else _BUILT_IN
        lead = phrase("The dates are {whose}, as read from their sources on {day}.", whose=whose, day=self.read)
        return joined((lead, self.note), " ")

    def get(self, id: str) -> Deadline:
        """Return one of the dates.

        Raises:
            LookupError: There is no such date.
        """
        for deadline in self.entries:
            if deadline.id == id:
                return deadline
        raise LookupError(f"deadline: found {id!r}; expected one of {', '.join(each.id for each in self.entries)}")

    def ends(self, id: str) -> date:
        """Return the day of one of the dates, or the last day of its period.

        Raises:
            LookupError: There is no such date, or it has neither.
        """
        if day := self.get(id).day:
            return day
        raise LookupError(f"deadline {id}: found no day; expected one")

    def of(self, group: Group) -> Deadline | None:
        """Return the date that stops what works for a group today, or None."""
        if group.ends_in_2026:
            return self.get("activesync-certificate" if group.verdict == "certificate" else "smtp-auth-default-off")
        return None

    def touching(self, findings: Findings, *, today: date) -> tuple[Deadline, ...]:
        """Return the dates that touch what was found, the earliest first; those of the past year are among them.

        Args:
            findings: What was found.
            today: The day to count from.
        """
        present = kinds(findings)
        return tuple(each for each in self.remembered(today) if present.intersection(each.touches))

    def remembered(self, today: date) -> tuple[Deadline, ...]:
        """Return the dates that are to come and those of the past year, the earliest first."""
        return tuple(each for each in self.entries if not each.passed(today - _REMEMBERED))

    def marks(self, start: date, end: date) -> Mapping[date, str]:
        """Return what changed at the service from *start* to *end*, both included, in a few words for each day."""
        told: dict[date, str] = {}
        for deadline in self.entries:
            if deadline.mark and deadline.day and start <= deadline.day <= end:
                told[deadline.day] = "; ".join(filter(None, (told.get(deadline.day), deadline.mark)))
        return told


@cache
def built_in() -> Calendar:
    """Return the dates that ship with the library."""
    return replace(parse(reference.text("deadlines"), "deadlines.toml"), origin="")


def known() -> tuple[Deadline, ...]:
    """Return every date that ships with the library, the earliest first."""
    return built_in().entries


def read_on() -> date:
    """Return the day on which these were last read from their sources."""
    return built_in().read


def get(id: str) -> Deadline:
    """Return one of the dates that ship with the library.

    Raises:
        LookupError: There is no such date.
    """
    return built_in().get(id)


def newest(files: Iterable[Calendar]) -> Calendar:
    """Return the calendar that counts: the newest, a file before the built-in one of the same day.

    Args:
        files: Those that somebody put down, the most particular first.
    """
    own, held = built_in(), list(files)
    best = max((each for each in held if each.read >= own.read), key=lambda each: each.read, default=own)
    notes = [_ignored(each, best) for each in held if each is not best]
    return replace(best, note=joined(notes, " "))


def _ignored(file: Calendar, best: Calendar) -> Phrase:
    than = phrase("those from {file}", file=Named("free", best.origin)) if best.origin else _BUILT_IN
    said = "{file} was ignored: it was read on {day}, no later than {than}."
    return phrase(said, file=Named("free", file.origin), day=file.read, than=than)


def parse(text: str, where: str, *, today: date | None = None) -> Calendar:
    """Return the calendar that a file holds; opens nothing.

    Args:
        text: TOML, in the form of ``facts/deadlines.toml``.
        where: What errors call the file.
        today: The day that its own may not lie beyond; None for any.

    Raises:
        ConfigurationError: It is no TOML, or anything in it is wrong: one line for each problem.
    """
    try:
        data = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{where}{_no_toml(error)}.") from None
    document = Document(data, _marks(text, where))
    file = documents.check(document, _File, more=_problems(document), context=today)
    entries = (Deadline(**{name: getattr(entry, name) for name in _FIELDS}) for entry in file.deadline)
    return Calendar(file.read, tuple(sorted(entries, key=_order)), where)


def within(when: str) -> str:
    """Return a date in words as it stands within a sentence; one that fits in none stands in brackets.

    Args:
        when: As in `Deadline.when`.
    """
    day, _, more = when.partition(", ")
    lead = next((lead for pattern, lead in _LEADS if pattern.match(day)), None)
    if lead is None:
        return f"({when})"
    after = " (no day has been published)" if more == _NO_DAY else f", {more}" if more else ""
    return f"{lead}{day}{after}"


def kinds(findings: Findings) -> frozenset[Kind]:
    """Return what the tenant's own accounts hold of what a date can touch; attacks and strangers left out."""
    clients = [group for group in findings.groups if group.member and group.verdict not in _NO_CLIENT]
    found = {kind for each in clients for kind in kinds_of(each.protocol, each.verdict, each.moved, each.ends_in_2026)}
    # Old TLS ends for a client that has a token, too.
    if any({"IMAP", "POP"}.intersection(user.protocols) for user in findings.adoption.users):
        found.add("pop-imap")
    return frozenset(found)


def kinds_of(protocol: str, verdict: str, moved: bool, ends: bool) -> Iterator[Kind]:
    """Yield what a date can touch of one group of a tenant's own account.

    Args:
        protocol: The group's, as pages name it.
        verdict: Its verdict.
        moved: Whether it seems to have moved.
        ends: Whether what works for it ends with 2026.
    """
    if verdict in _NO_CLIENT:
        return
    if protocol == "SMTP AUTH" and verdict in ACTIVE_SENDER and not moved:
        yield "smtp-password"
    if protocol == "ActiveSync":
        yield "activesync"
        if ends:
            yield "activesync-certificate"
    if protocol in ("IMAP", "POP"):
        yield "pop-imap"
    if protocol == "EWS":
        yield "ews"
    if verdict == "powershell_password":
        yield "powershell-password"


def due(end: Deadline | None, today: date, freeze: Freeze | None = None) -> Due:
    """Return the day by which to act so that nothing stops; it is never inside the change freeze.

    Args:
        end: What ends; None where nothing does.
        today: The day to count from.
        freeze: Days on which nothing may be changed; None where there is no freeze.
    """
    if end is None or end.day is None:
        return Due(None, "no date")
    if end.passed(today):
        return Due(None, f"the date has passed ({end.when}): what still works may stop at any hour")
    margin: int = reference.table("report")["planning"]["margin_days"]
    latest = _working_day(end.day - timedelta(days=margin), -1)
    if freeze and freeze[0] <= max(latest, today) <= freeze[1]:
        return _around(freeze, today, end)
    if latest < today:
        return Due(today, f"now: fewer than {margin} days are left to change and to prove it; it stops {end.then}")
    return Due(latest, f"by {spoken(latest)}, which leaves {margin} days to prove it; it stops {end.then}")


def ask_by(change: date | None, today: date) -> date | None:
    """Return the day by which to ask and to decide, so that time is left until a change; today at the earliest.

    Args:
        change: When it is to be made; None where nothing hurries.
        today: The day to count from.
    """
    if change is None:
        return None
    lead: int = reference.table("report")["planning"]["lead_days"]
    return max(today, _working_day(change - timedelta(days=lead), -1))


def answer_by(change: date | None, today: date) -> date | None:
    """Return the day that a letter of today asks an answer by: as `ask_by`, with time to read it and to answer.

    Args:
        change: When it is to be made; None where nothing hurries.
        today: The day to count from.
    """
    asked = ask_by(change, today)
    if asked is None:
        return None
    first = today
    for _ in range(reference.table("report")["planning"]["answer_days"]):
        first = _working_day(first + timedelta(days=1), 1)
    return max(asked, first)


def _around(freeze: Freeze, today: date, end: Deadline) -> Due:
    if today < freeze[0]:
        last = max(today, _working_day(freeze[0] - timedelta(days=1), -1))
        return Due(last, f"before {spoken(freeze[0])}, when the change freeze begins; it stops {end.then}")
    first = _working_day(freeze[1] + timedelta(days=1), 1)
    if end.day and first <= end.day:
        return Due(first, f"on {spoken(first)}, right after the change freeze; it stops {end.then}")
    late = f"it stops before that, {end.then}, unless the change is let through"
    return Due(first, f"on {spoken(first)}, after the change freeze; {late}")


def _working_day(day: date, step: int) -> date:
    while day.weekday() >= 5:
        day += timedelta(days=step)
    return day


def _order(deadline: Deadline) -> date:
    return deadline.day or date.max


# The file.

_BUILT_IN: Final = words("those that ship with this version")
_FORBID = ConfigDict(extra="forbid", str_strip_whitespace=True)
_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_KEY: Final = re.compile(r"\s*([A-Za-z0-9_-]+)\s*=")
_AT: Final = re.compile(r"(.*) \(at (line \d+), column \d+\)")
_LONGEST: Final = 2_000
_MOST: Final = 500


def _day(value: object) -> object:
    # A bare number would pass for seconds since 1970, and a moment for its day.
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError
    return value


def _not_to_come(day: date, info: ValidationInfo[Any]) -> date:
    if info.context and day > info.context:
        raise complain(f"found {day}; expected a day that has been")
    return day


def _named(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError
    return text


def _short(text: str) -> str:
    if len(text) > _LONGEST or any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ValueError
    return text


def _filled(text: str) -> str:
    if not text:
        raise ValueError
    return _short(text)


_Day = Annotated[date | None, BeforeValidator(_day), Field(description="a date without quotes, such as 2026-12-31")]
_Said = Annotated[str, AfterValidator(_filled), Field(description=f"text of one line, at most {_LONGEST:,} characters")]
_Maybe = Annotated[str, AfterValidator(_short), Field(description=f"text of one line, at most {_LONGEST:,} characters")]
_Kind = Annotated[Kind, Field(description=f"one of {', '.join(get_args(Kind))}")]


@dataclass(frozen=True, kw_only=True)
class _Entry:
    __pydantic_config__ = _FORBID

    id: Annotated[str, AfterValidator(_named), Field(description="lower-case letters, digits and hyphens")]
    title: _Said
    when: _Said
    touches: Annotated[tuple[_Kind, ...], Field(description=f"a list of some of {', '.join(get_args(Kind))}")]
    shows: _Said
    note: _Said
    source: _Said
    confidence: Annotated[Literal["high", "medium"], Field(description="one of high, medium")]
    breaks: _Said
    day: _Day = None
    mark: _Maybe = ""
    unseen: _Maybe = ""


_FIELDS: Final = tuple(_Entry.__annotations__)


@dataclass(frozen=True, kw_only=True)
class _File:
    __pydantic_config__ = _FORBID

    read: Annotated[
        date,
        BeforeValidator(_day),
        AfterValidator(_not_to_come),
        Field(description="the day on which the sources were read, a date without quotes such as 2026-11-23"),
    ]
    deadline: Annotated[
        tuple[_Entry, ...], Field(max_length=_MOST, description=f"[[deadline]] entries, at most {_MOST}")
    ]


def _no_toml(error: tomllib.TOMLDecodeError) -> str:
    found = _AT.fullmatch(str(error))
    return f" {found[2]}: not TOML: {found[1]}" if found else f": not TOML: {error}"


def _marks(text: str, where: str) -> Mapping[Place, Mark]:
    """Return the line of each entry and of each of its fields; the parser that reads them keeps none."""
    marks: dict[Place, Mark] = {(): Mark(where, 1)}
    place: Place = ()
    entries = 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip().startswith("[[deadline]]"):
            place, entries = ("deadline", entries), entries + 1
            marks.setdefault(("deadline",), Mark(where, number))
            marks[place] = Mark(where, number)
        elif found := _KEY.match(line):
            marks.setdefault((*place, found[1]), Mark(where, number))
    return marks


def _problems(document: Document) -> Iterator[Problem]:
    listed = document.data.get("deadline")
    entries = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    first: dict[str, Mark] = {}
    for number, entry in enumerate(entries):
        place: Place = ("deadline", number, "id")
        id, mark = str(entry.get("id", "")), document.mark(place)
        if id in first:
            yield Problem(mark, place, f"found {id!r}, which line {first[id].line} has too; expected each id once.")
        first.setdefault(id, mark)
        if id in _RELIED_ON and "day" not in entry:
            where: Place = ("deadline", number, "day")
            yield Problem(document.mark(where), where, "missing; expected a date, the last of the period at least.")
    if missing := [each for each in _RELIED_ON if each not in first]:
        text = f"{', '.join(missing)} missing; expected each of {', '.join(_RELIED_ON)}."
        yield Problem(document.mark(("deadline",)), ("deadline",), text)
