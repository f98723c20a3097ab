"""The canary: who is none, by all that is known, and what is said of one that nobody was seen to use."""

from typing import Any

import pytest

from mailauth import canary
from tests import closings
from tests.closings import closed_organization, group, known, record, tenant

CANARY = "canary@w.example"


@pytest.mark.parametrize(
    ("findings", "used"),
    [
        pytest.param(
            {"adoption": {"users": [{"user": CANARY, "protocols": ["IMAP", "POP"]}]}}, "IMAP, POP", id="token"
        ),
        pytest.param({"groups": [group("canary", protocol="ActiveSync", successes=6)]}, "ActiveSync", id="password"),
        pytest.param(
            {"groups": [group("j.doe", user_id="ID-canary", successes=6)]}, "SMTP AUTH", id="by the name it had"
        ),
        pytest.param({"groups": [group("canary", successes=5)]}, "", id="our own tries"),
        pytest.param({"groups": [group("bob", successes=60)]}, "", id="somebody else"),
        pytest.param(
            {"reported": [{"account": "", "address": CANARY, "basic": 0, "oauth": 2, "known": True}]},
            "the mail report shows that it sends",
            id="mail report",
        ),
    ],
)
def test_a_canary_that_anybody_was_seen_to_use_is_none_and_forbids_the_wave(
    findings: dict[str, Any], used: str
) -> None:
    told = known(findings=record(*findings.pop("groups", ()), **findings))
    pilot = closings.made(told)[0]
    assert canary.used(pilot, told) == used
    assert [each.about for each in canary.unfit(pilot, told)] == ([CANARY] if used else [])
    assert bool([*canary.judged(pilot, told)]) is not bool(used)


def test_a_canary_that_the_file_names_for_something_else_is_none() -> None:
    told = known(closed_organization(), findings=None)
    pilot = closings.made(told, tenant(mailboxes=f"[{{address: {CANARY}, protocols: [imap]}}]"))[0]
    [refusal] = canary.unfit(pilot, told)
    assert "mailboxes in the tenants file" in refusal.found


def test_where_there_is_no_canary_nothing_is_said_of_it() -> None:
    told = known()
    pilot = closings.made(told, tenant("pilot: ada@w.example"))[0]
    assert ([*canary.unfit(pilot, told)], [*canary.judged(pilot, told)]) == ([], [])
