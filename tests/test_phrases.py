"""Sentences that know which of their words name somebody."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from mailauth.phrases import Named, Phrase, joined, phrase, words

DORA = Named("address", "dora@fabrikam.example")


def test_a_template_keeps_what_it_names_apart_from_its_words() -> None:
    made = phrase("{who} signed in from {place}.", who=DORA, place=Named("ip", "203.0.113.9"))

    assert made.parts == (DORA, " signed in from ", Named("ip", "203.0.113.9"), ".")
    assert str(made) == "dora@fabrikam.example signed in from 203.0.113.9."


def test_numbers_days_and_moments_are_spoken_in_utc() -> None:
    leeds = timezone(timedelta(hours=1))
    made = phrase(
        "{count} on {day}, last {at}",
        count=41207,
        day=date(2026, 11, 4),
        at=datetime(2026, 11, 20, 0, 2, tzinfo=leeds),
    )

    assert made == words("41,207 on 4 November 2026, last 19 November 2026, 23:02 UTC")


def test_a_phrase_fills_the_place_of_another_and_words_that_meet_become_one() -> None:
    inside = phrase("the scanner ({who})", who=DORA)

    assert phrase("Ask {what} today.", what=inside).parts == ("Ask the scanner (", DORA, ") today.")


def test_plain_text_is_refused_because_it_may_name_somebody() -> None:
    plain: Any = "dora"
    with pytest.raises(TypeError, match=r"^who: found str; expected a named value, a phrase, a number or a date$"):
        phrase("{who} signed in", who=plain)


def test_a_place_without_a_value_is_refused() -> None:
    with pytest.raises(LookupError, match="who"):
        phrase("{who} signed in")


def test_an_unknown_kind_is_refused() -> None:
    kind: Any = "name"
    with pytest.raises(ValueError, match=r"^kind: found 'name'; expected one of person, address"):
        Named(kind, "dora")


def test_hostile_values_are_no_templates() -> None:
    assert str(phrase("{who}", who=Named("free", "{0} {who} {{"))) == "{0} {who} {{"


def test_a_phrase_comes_back_from_json_as_it_was() -> None:
    made = phrase("{who} and {more}", who=DORA, more=Named("free", "<script>"))

    assert made.as_json() == [
        {"kind": "address", "value": "dora@fabrikam.example"},
        " and ",
        {"kind": "free", "value": "<script>"},
    ]
    assert Phrase.of_json(made.as_json()) == made


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(3, id="a number"),
        pytest.param({"kind": "address"}, id="no value"),
        pytest.param({"kind": "address", "value": 3}, id="a value that is no text"),
        pytest.param({"kind": "nobody", "value": "x"}, id="an unknown kind"),
    ],
)
def test_json_that_is_no_phrase_is_refused(part: object) -> None:
    with pytest.raises(ValueError, match="found"):
        Phrase.of_json([part])


def test_phrases_are_joined_with_a_word_before_the_last() -> None:
    three = [words("scans"), Phrase(), phrase("{who}", who=DORA), words("invoices")]

    assert str(joined(three, ", ", " and ")) == "scans, dora@fabrikam.example and invoices"


def test_only_our_own_words_get_a_capital_letter() -> None:
    assert str(words("three senders").capital()) == "Three senders"
    assert phrase("{who} sends", who=DORA).capital() == phrase("{who} sends", who=DORA)


def test_a_sum_is_one_phrase() -> None:
    assert (words("a ") + words("b")).parts == ("a b",)
    assert not Phrase()
