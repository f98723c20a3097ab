"""Business dates that a window contains and misses."""

from datetime import UTC, date, datetime

import pytest

from mailauth import calendar
from mailauth.coverage import Window

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def moment(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def window(start: tuple[int, ...], end: tuple[int, ...]) -> Window:
    return Window(moment(*start), moment(*end))


def test_thirty_days_in_november_miss_the_quarter_and_the_year() -> None:
    found = calendar.business_dates(window((2026, 10, 24, 0), (2026, 11, 23, 12)), now=NOW)
    assert found.month_ends == (date(2026, 10, 31),)
    assert found.quarter_ends == found.year_ends == ()
    assert found.missed == (("quarter end", date(2026, 9, 30)), ("year end", date(2025, 12, 31)))
    record = found.coverage(window((2026, 10, 24, 0), (2026, 11, 23, 12)))
    assert record.state == "partial"
    assert "the quarter end of 30 September 2026 and the year end" in record.reason.replace(
        ", the year", " and the year"
    )


def test_a_year_of_archive_misses_nothing() -> None:
    year = window((2025, 11, 1, 0), (2026, 11, 23, 12))
    found = calendar.business_dates(year, now=NOW)
    assert len(found.month_ends) == 12
    assert found.quarter_ends == (date(2025, 12, 31), date(2026, 3, 31), date(2026, 6, 30), date(2026, 9, 30))
    assert found.year_ends == (date(2025, 12, 31),)
    assert found.missed == ()
    assert found.coverage(year).state == "complete"


@pytest.mark.parametrize(
    ("start", "end", "seen"),
    [
        pytest.param((2026, 9, 30, 0, 40), (2026, 9, 30, 23, 20), True, id="first and last record of the day itself"),
        pytest.param((2026, 9, 30, 9), (2026, 10, 2, 0), False, id="begins in the morning of it"),
        pytest.param((2026, 9, 1, 0), (2026, 9, 30, 17), False, id="ends in the afternoon of it"),
    ],
)
def test_half_a_day_is_no_business_date(start: tuple[int, ...], end: tuple[int, ...], seen: bool) -> None:
    assert bool(calendar.business_dates(window(start, end), now=NOW).quarter_ends) is seen


def test_a_day_without_records_is_not_contained() -> None:
    held = window((2026, 9, 1, 0), (2026, 11, 23, 12))
    assert calendar.business_dates(held, now=NOW, missing=[date(2026, 9, 30)]).quarter_ends == ()


def test_without_a_window_everything_is_missed() -> None:
    assert [name for name, _ in calendar.business_dates(None, now=NOW).missed] == [
        "month end",
        "quarter end",
        "year end",
    ]


def test_days_are_those_that_the_window_touches() -> None:
    assert list(calendar.days_of(window((2026, 2, 28, 23), (2026, 3, 1, 0, 1)))) == [
        date(2026, 2, 28),
        date(2026, 3, 1),
    ]
