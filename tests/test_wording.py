"""Numbers with their nouns, and words at the beginning of a sentence."""

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
