"""Dates that end a way of signing in: what ends, when, whom of a tenant it touches, and by when to have acted.

The dates and their sources are data (``facts/deadlines.toml``). A day that nobody published stays unpublished here:
`Deadline.when` says so, and `Deadline.day` is the last day of the period, so that lists have an order.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any, Literal, get_args

from . import reference
from .calendar import spoken
from .findings import ACTIVE_SENDER, ATTENTION, Findings, Group

__all__ = ["Deadline", "Due", "Freeze", "Kind", "due", "get", "kinds", "known", "marks", "of", "read_on", "touching"]

Freeze = tuple[date, date]
"""The first and the last day on which nothing is to be changed."""

Kind = Literal["smtp-password", "activesync-certificate", "activesync", "pop-imap", "ews", "powershell-password"]
"""What in a tenant's findings a date can touch."""

# What ended longer ago explains nothing that a person sees today.
_REMEMBERED = timedelta(days=365)

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

    def __post_init__(self) -> None:
        if unknown := set(self.touches).difference(get_args(Kind)):
            expected = ", ".join(get_args(Kind))
            raise ValueError(f"deadline {self.id}: touches: found {sorted(unknown)}; expected some of {expected}")

    def passed(self, today: date) -> bool:
        """Whether it lies before *today*."""
        return self.day is not None and self.day < today


@dataclass(frozen=True)
class Due:
    """The day by which somebody should have acted, and why that day.

    Args:
        day: None where nothing is to come.
        why: The day in words, with its reason.
    """

    day: date | None
    why: str


@cache
def known() -> tuple[Deadline, ...]:
    """Return every date that the library knows, the earliest first."""
    return tuple(sorted(map(_deadline, reference.table("deadlines")["deadline"]), key=_order))


def read_on() -> date:
    """Return the day on which the facts were last read from their sources."""
    day: date = reference.table("deadlines")["read"]
    return day


def get(id: str) -> Deadline:
    """Return one of them.

    Raises:
        LookupError: There is no such date.
    """
    for deadline in known():
        if deadline.id == id:
            return deadline
    raise LookupError(f"deadline: found {id!r}; expected one of {', '.join(each.id for each in known())}")


def of(group: Group) -> Deadline | None:
    """Return the date that stops what works for a group today, or None."""
    if group.ends_in_2026:
        return get("activesync-certificate" if group.verdict == "certificate" else "smtp-auth-default-off")
    return None


def touching(findings: Findings, *, today: date) -> tuple[Deadline, ...]:
    """Return the dates that touch what was found, the earliest first; those of the past year are among them.

    Args:
        findings: What was found.
        today: The day to count from.
    """
    present = kinds(findings)
    return tuple(
        deadline
        for deadline in known()
        if present.intersection(deadline.touches) and not deadline.passed(today - _REMEMBERED)
    )


def kinds(findings: Findings) -> frozenset[Kind]:
    """Return what the tenant's own accounts hold of what a date can touch; attacks and strangers left out."""
    clients = [group for group in findings.groups if group.member and group.verdict not in _NO_CLIENT]
    found = {kind for group in clients for kind in _kinds(group)}
    # Old TLS ends for a client that has a token, too.
    if any({"IMAP", "POP"}.intersection(user.protocols) for user in findings.adoption.users):
        found.add("pop-imap")
    return frozenset(found)


def marks(start: date, end: date) -> Mapping[date, str]:
    """Return what changed at the service on the days from *start* to *end*, both included, in a few words each."""
    said: dict[date, str] = {}
    for deadline in known():
        if deadline.mark and deadline.day and start <= deadline.day <= end:
            said[deadline.day] = "; ".join(filter(None, (said.get(deadline.day), deadline.mark)))
    return said


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
    margin: int = reference.table("deadlines")["planning"]["margin_days"]
    latest = _working_day(end.day - timedelta(days=margin), -1)
    if freeze and freeze[0] <= max(latest, today) <= freeze[1]:
        return _around(freeze, today, end)
    if latest < today:
        return Due(today, f"now: fewer than {margin} days are left to change and to prove it ({end.when})")
    return Due(latest, f"by {spoken(latest)}, which leaves {margin} days to prove it ({end.when})")


def _around(freeze: Freeze, today: date, end: Deadline) -> Due:
    if today < freeze[0]:
        last = max(today, _working_day(freeze[0] - timedelta(days=1), -1))
        return Due(last, f"before {spoken(freeze[0])}, when the change freeze begins; it ends {end.when}")
    first = _working_day(freeze[1] + timedelta(days=1), 1)
    if end.day and first <= end.day:
        return Due(first, f"on {spoken(first)}, right after the change freeze; it ends {end.when}")
    late = f"it stops before that ({end.when}) unless the change is let through"
    return Due(first, f"on {spoken(first)}, after the change freeze; {late}")


def _working_day(day: date, step: int) -> date:
    while day.weekday() >= 5:
        day += timedelta(days=step)
    return day


def _kinds(group: Group) -> Iterator[Kind]:
    if group.protocol == "SMTP AUTH" and group.verdict in ACTIVE_SENDER and not group.moved:
        yield "smtp-password"
    if group.protocol == "ActiveSync":
        yield "activesync"
        if group.ends_in_2026:
            yield "activesync-certificate"
    if group.protocol in ("IMAP", "POP"):
        yield "pop-imap"
    if group.protocol == "EWS":
        yield "ews"
    if group.verdict == "powershell_password":
        yield "powershell-password"


def _order(deadline: Deadline) -> date:
    return deadline.day or date.max


def _deadline(fact: Mapping[str, Any]) -> Deadline:
    return Deadline(**{**fact, "touches": tuple(fact["touches"])})
