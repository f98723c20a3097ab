"""Days on which sign-in tables hold nothing because nobody works on them: weekends, as a rule.

An empty day is silence or a loss, and a table alone cannot tell which. A week that repeats can, where nothing speaks
against it: the table holds nothing on that weekday in any source, and nobody's sign-in lies on it in another table or
with another witness, or the day's other sign-ins did arrive by the same way.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, time, timedelta

from .calendar import days_of
from .coverage import Window

__all__ = ["length", "silent", "spoken"]

_DAY = timedelta(days=1)

# A weekday that was empty twice may have been lost twice.
_WEEKS = 3
# Records that lie on three weekdays or fewer are sparse, and show no week.
_MOST = 3

_NAMES = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")


def silent(
    held: Collection[date], span: Window, *, elsewhere: Iterable[date] = (), arrived: Collection[date] = ()
) -> frozenset[date]:
    """Return the days of *span* whose weekday holds nothing in any week, and nothing says that they were lost.

    Args:
        held: The days of which any source holds a record of the table in question, in UTC.
        span: The days to speak of.
        elsewhere: The days of which any witness holds somebody's sign-in.
        arrived: The days of which other people's sign-ins did arrive by the same way.
    """
    empty = _empty_weekdays(held) if held else set()
    busy = {day.weekday() for day in elsewhere}
    return frozenset(
        day for day in days_of(span) if day.weekday() in empty and (day in arrived or day.weekday() not in busy)
    )


def length(days: Iterable[date], start: datetime, end: datetime) -> timedelta:
    """Return how much of the time from *start* to *end* lies on *days*."""
    midnights = (datetime.combine(day, time(), UTC) for day in days)
    parts = (min(end, midnight + _DAY) - max(start, midnight) for midnight in midnights)
    return sum((part for part in parts if part > timedelta(0)), timedelta(0))


def spoken(days: Iterable[date]) -> str:
    """Return the weekdays of *days* as a page names them: ``Saturdays and Sundays``."""
    *most, last = [_NAMES[number] for number in sorted({day.weekday() for day in days})]
    return f"{', '.join(most)} and {last}" if most else last


def _empty_weekdays(held: Collection[date]) -> set[int]:
    """Return the weekdays on which no record lies, in so many weeks between the first day and the last."""
    first, last = min(held), max(held)
    between = (first + number * _DAY for number in range((last - first).days + 1))
    often = {weekday for weekday, times in Counter(day.weekday() for day in between).items() if times >= _WEEKS}
    empty = often - {day.weekday() for day in held}
    return empty if len(empty) <= _MOST else set()
