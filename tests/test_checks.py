"""Checkpoints say ok, or what was expected, what was found and what to do."""

import pytest

from mailauth import checks
from mailauth.checks import Check, Outcome, Request


def test_what_was_expected_is_ok_and_shows_it() -> None:
    assert str(checks.expect("mailboxes", 3, 3, hint="never shown")) == "ok: mailboxes (3)"


def test_what_was_not_expected_says_both_and_the_way_on() -> None:
    found = checks.expect("mailboxes", 2, 3, hint="Look at notebook 40.")
    assert str(found) == "WRONG: mailboxes (expected 3, found 2). Look at notebook 40."


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [
        pytest.param([], "ok", id="none"),
        pytest.param(["ok", "not configured"], "not configured", id="not configured"),
        pytest.param(["not configured", "cannot know"], "cannot know", id="cannot know"),
        pytest.param(["cannot know", "wrong", "ok"], "wrong", id="wrong outranks all"),
    ],
)
def test_the_worst_of_several_is_what_stops_a_migration_first(outcomes: list[Outcome], worst: Outcome) -> None:
    assert checks.worst(Check("a", outcome) for outcome in outcomes) == worst


@pytest.mark.parametrize(
    ("remedy", "request_"),
    [
        pytest.param(
            'Ask a Global Administrator: "Please consent to it."',
            Request("a Global Administrator", "Please consent to it."),
            id="somebody else's",
        ),
        pytest.param(
            'Activate it (PIM), or ask an administrator: "Please\n give it." Then look again.',
            Request("an administrator", "Please give it."),
            id="within a sentence",
        ),
        pytest.param("The plan adds it; then consent again.", None, id="ours"),
        pytest.param("Ask who uses it, before it is removed.", None, id="a question of ours"),
        pytest.param("", None, id="none"),
    ],
)
def test_a_remedy_says_what_is_asked_of_somebody_else(remedy: str, request_: Request | None) -> None:
    assert Check("role", "wrong", remedy=remedy).request == request_
