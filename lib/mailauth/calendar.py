"""Business dates: which month ends, quarter ends and year ends a window of sign-ins contains.

A job that sends invoices on the last day of a quarter leaves nothing in a log of 30 days
that misses that day, so every page says which of these days it has seen.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from .coverage import Coverage, Window

__all__ = ["BusinessDates", "business_dates", "days_of", "spoken"]


@dataclass(frozen=True)
class BusinessDates:
    """Ends of months, quarters and years that a window contains, but for an hour at its edges, and those it misses.

    Args:
        month_ends: Contained month ends, quarter ends among them.
        quarter_ends: Contained quarter ends.
        year_ends: Contained year ends.
        missed: The most recent end of each length that the window does not contain, as ``(name, day)``;
            empty for lengths that it does.
    """

    month_ends: tuple[date, ...] = ()
    quarter_ends: tuple[date, ...] = ()
    year_ends: tuple[date, ...] = ()
    missed: tuple[tuple[str, date], ...] = ()

    def coverage(self, held: Window | None, source: str = "tenant") -> Coverage:
        """Return the record that says which business dates were seen."""
        what = "business dates"
        if held is None:
            return Coverage(
                what,
                "unknown",
                source,
                reason="No sign-in record was read: a job that runs at the end of a month, a quarter or a year "
                "would not show.",
                remedy=_ELSEWHERE,
            )
        if not self.missed:
            return Coverage(what, "complete", source, held.start, held.end)
        names = ", ".join(f"the {name} of {spoken(day)}" for name, day in self.missed)
        return Coverage(
            what,
            "partial",
            source,
            held.start,
            held.end,
            reason=f"The records do not contain {names}: a job that runs on such a day only would not show.",
            remedy=_ELSEWHERE,
        )


_ELSEWHERE = "Let the runbook keep its own archive, or ask for the mail report, which looks back 90 days."


def business_dates(held: Window | None, *, now: datetime, missing: Collection[date] = ()) -> BusinessDates:
    """Return the business dates that *held* contains; without a window it contains none.

    Args:
        held: From the first to the last record.
        now: An end counts as missed when it lies before this moment.
        missing: Days within *held* of which there is no record.
    """
    ends = tuple(day for day in _month_ends(held) if held and _contains(held, day) and day not in missing)
    quarters = tuple(day for day in ends if day.month % 3 == 0)
    years = tuple(day for day in ends if day.month == 12)
    kinds = (("month end", 1, ends), ("quarter end", 3, quarters), ("year end", 12, years))
    missed = tuple((name, _latest(now.astimezone(UTC).date(), months)) for name, months, seen in kinds if not seen)
    return BusinessDates(ends, quarters, years, missed)


def days_of(window: Window) -> Iterator[date]:
    """Yield each UTC day that *window* touches, in order."""
    day = window.start.astimezone(UTC).date()
    while datetime.combine(day, time(), UTC) < window.end:
        yield day
        day += timedelta(days=1)


def spoken(day: date) -> str:
    """Return a date as a page prints it, the same on every platform: ``4 November 2026``."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


# The first and the last record seldom stand at midnight.
_EDGE = timedelta(hours=1)

_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def _month_ends(held: Window | None) -> Iterator[date]:
    if held is None:
        return
    day = _end_of_month(held.start.astimezone(UTC).date())
    while datetime.combine(day, time(), UTC) < held.end:
        yield day
        day = _end_of_month(day + timedelta(days=1))


def _contains(held: Window, day: date) -> bool:
    start = datetime.combine(day, time(), UTC)
    return held.start <= start + _EDGE and start + timedelta(days=1) - _EDGE <= held.end


def _end_of_month(day: date) -> date:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following - timedelta(days=1)


def _latest(today: date, months: int) -> date:
    """Return the last end of a period of so many months before *today*."""
    day = today.replace(day=1) - timedelta(days=1)
    while day.month % months:
        day = day.replace(day=1) - timedelta(days=1)
    return day
