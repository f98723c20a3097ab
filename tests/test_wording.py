"""Numbers with their nouns, and words at the beginning of a sentence."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailauth import wording


@pytest.mark.parametrize(
    ("count", "several", "said"),
    [
        (0, "", "0 files"),
        (1, "", "1 file"),
        (1_200, "", "1,200 files"),
        (2, "people", "2 people"),
        (1, "people", "1 file"),
    ],
)
def test_a_number_is_told_with_its_noun(count: int, several: str, said: str) -> None:
    assert wording.counted(count, "file", several) == said


def test_a_capital_letter_takes_no_other_away() -> None:
    assert wording.capital("mail by IMAP") == "Mail by IMAP"
    assert wording.capital("") == ""


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(hours=24), "24 hours"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(seconds=90), "90 seconds"),
    ],
)
def test_a_length_of_time_is_told_in_the_largest_unit_that_it_is_whole_in(length: timedelta, said: str) -> None:
    assert wording.span(length) == said


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (datetime(2026, 11, 27, 12, tzinfo=UTC), "2026-11-27 12:00 UTC"),
        (datetime(2026, 11, 27, 12, 0, 0, 1, tzinfo=UTC), "2026-11-27 12:01 UTC"),
        (datetime(2026, 11, 27, 23, 59, 31, tzinfo=UTC), "2026-11-28 00:00 UTC"),
        (datetime(2026, 11, 27, 13, 0, 30, tzinfo=timezone(timedelta(hours=1))), "2026-11-27 12:01 UTC"),
    ],
)
def test_whoever_looks_at_the_minute_that_is_told_does_not_come_too_early(at: datetime, said: str) -> None:
    assert wording.moment_by(at) == said


def test_of_many_names_a_few_are_shown_and_the_rest_is_counted() -> None:
    assert wording.few([]) == ""
    assert wording.few(["b", "a", "c"]) == "b, a, c"
    assert wording.few(map(str, range(1_203))) == "0, 1, 2 and 1,200 more"


def test_a_moment_is_told_in_utc_wherever_its_clock_stands() -> None:
    assert (
        wording.moment(datetime(2026, 11, 27, 0, 30, 59, tzinfo=timezone(timedelta(hours=1)))) == "2026-11-26 23:30 UTC"
    )
