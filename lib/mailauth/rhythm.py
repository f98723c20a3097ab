"""Days on which a sign-in table holds nothing because nobody works on them: weekends, as a rule.

An empty day is silence or a loss, and the table alone cannot tell which. A week that repeats can, where nothing speaks
against it: no other record lies on that weekday, or the day's other records did arrive.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta

from .calendar import days_of
from .coverage import Window
from .summary import TableDay

__all__ = ["length", "silent", "spoken", "witnessed"]

_DAY = timedelta(days=1)

# A weekday that was empty twice may have been lost twice.
_WEEKS = 3
# A table that speaks on three weekdays or fewer is sparse, and shows no week.
_MOST = 3

_NAMES = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def silent(tables: Sequence[TableDay], *, source: str, table: str, span: Window) -> frozenset[date]:
    """Return the days of *span* on which *table* holds nothing, as in every week, and nothing says that they were lost.

    Args:
        tables: What all tables of the tenant hold, by day.
        source: The witness whose table it is.
        table: The table; it holds a record at least.
        span: The days to speak of.
    """
    held = [day for day in tables if day.rows]
    arrived = witnessed(held, source=source)
    empty = _empty_weekdays({_day(day) for day in held if (day.source, day.table) == (source, table)})
    busy = {_day(day).weekday() for day in held}
    return frozenset(
        day for day in days_of(span) if day.weekday() in empty and (day in arrived or day.weekday() not in busy)
    )


def witnessed(tables: Iterable[TableDay], *, source: str) -> frozenset[date]:
    """Return the days of which any table of *source* holds a record."""
    return frozenset(_day(day) for day in tables if day.source == source and day.rows)


def length(days: Iterable[date], start: datetime, end: datetime) -> timedelta:
    """Return how much of the time from *start* to *end* lies on *days*."""
    midnights = (datetime.combine(day, time(), UTC) for day in days)
    parts = (min(end, midnight + _DAY) - max(start, midnight) for midnight in midnights)
    return sum((part for part in parts if part > timedelta(0)), timedelta(0))


def spoken(days: Iterable[date]) -> str:
    """Return the weekdays of *days* as a page names them: ``Saturdays and Sundays``."""
    *most, last = [_NAMES[number] for number in sorted({day.weekday() for day in days})]
    return f"{', '.join(most)} and {last}" if most else last


def _empty_weekdays(held: set[date]) -> set[int]:
    """Return the weekdays on which no record lies, in so many weeks between the first day and the last."""
    first, last = min(held), max(held)
    between = (first + number * _DAY for number in range((last - first).days + 1))
    often = {weekday for weekday, times in Counter(day.weekday() for day in between).items() if times >= _WEEKS}
    empty = often - {day.weekday() for day in held}
    return empty if len(empty) <= _MOST else set()


def _day(held: TableDay) -> date:
    return held.day.astimezone(UTC).date()
