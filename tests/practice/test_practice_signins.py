"""Rows look like Entra's, with everything that makes them awkward."""

import json
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from practice import signins
from practice.fabrikam import FABRIKAM
from practice.signins import Delivery

TODAY = date(2026, 11, 23)
HAPPENED = signins.events(FABRIKAM, TODAY)
ROWS = tuple(signins.deliveries(HAPPENED, TODAY))


def rows_of(key: str) -> list[dict[str, Any]]:
    return [signins.as_graph(FABRIKAM, event) for event in HAPPENED if event.key == key]


def copies() -> dict[str, list[Delivery]]:
    found = defaultdict(list)
    for row in ROWS:
        found[row.event.id].append(row)
    return found


def test_the_same_seed_and_day_give_the_same_story_and_another_seed_another() -> None:
    assert signins.events(FABRIKAM, TODAY) == HAPPENED
    assert {event.id for event in signins.events(FABRIKAM, TODAY, seed=8)}.isdisjoint(event.id for event in HAPPENED)


def test_two_days_tell_the_same_of_the_days_that_both_know() -> None:
    def scanner(today: date) -> set[tuple[str, datetime, str]]:
        rows = (event for event in signins.events(FABRIKAM, today) if event.key == "scanner")
        return {(event.id, event.at, event.client) for event in rows if event.at.date() >= date(2026, 10, 26)}

    tomorrow = scanner(TODAY + timedelta(days=1))
    assert scanner(TODAY) < tomorrow


def test_nothing_happens_or_is_written_after_yesterday() -> None:
    midnight = datetime(2026, 11, 23, tzinfo=UTC)
    assert max(event.at for event in HAPPENED) < midnight
    assert max(row.written for row in ROWS) <= midnight
    assert all(row.written >= row.event.at for row in ROWS)


def test_the_story_goes_back_far_enough_to_hold_a_month_end() -> None:
    assert (TODAY - min(event.at for event in HAPPENED).date()).days == 35


def test_a_basic_row_names_exchange_and_the_password_grant() -> None:
    row = rows_of("bristol copier")[0]
    assert row["appId"] == row["resourceId"] == "00000002-0000-0ff1-ce00-000000000000"
    assert (row["authenticationProtocol"], row["incomingTokenType"], row["isInteractive"]) == ("ropc", "none", True)
    assert row["authenticationRequirement"] == "singleFactorAuthentication"
    (step,) = row["authenticationDetails"]
    assert (step["authenticationMethod"], step["succeeded"]) == ("Password", True)
    assert row["status"]["errorCode"] == 0


def test_a_basic_row_may_name_scopes_and_is_no_oauth_for_that() -> None:
    keys = {part["key"]: part["value"] for part in rows_of("archive")[0]["authenticationProcessingDetails"]}
    assert json.loads(keys["Oauth Scope Info"]) == ["IMAP.AccessAsUser.All", "offline_access"]


def test_certificates_are_spelt_more_than_one_way_and_may_be_one_step_of_two() -> None:
    forms = {
        tuple(step["authenticationMethod"] for step in row["authenticationDetails"]) for row in rows_of("ruth's phone")
    }
    assert len(forms) == 3
    assert all(any("certificate" in method.lower() for method in form) for form in forms)


@pytest.mark.parametrize("key", ["mei's phone", "sam's phone"])
def test_an_interrupted_row_comes_before_each_success_with_the_same_correlation_id(key: str) -> None:
    rows = [event for event in HAPPENED if event.key == key]
    before = [event for event in rows if event.code != "0"]
    after = {event.correlation_id: event for event in rows if event.code == "0"}
    assert len(before) == len(after) > 10
    assert all(event.at < after[event.correlation_id].at for event in before)


def test_a_policy_stops_the_right_password_and_says_so() -> None:
    row = rows_of("marta's password abroad")[0]
    assert row["status"]["errorCode"] == 53003
    assert row["conditionalAccessStatus"] == "failure"
    assert row["authenticationDetails"][0]["succeeded"] is True


def test_one_result_code_has_two_meanings_told_apart_by_its_text() -> None:
    reasons = {
        signins.as_graph(FABRIKAM, event)["status"]["failureReason"] for event in HAPPENED if event.code == "50053"
    }
    assert len(reasons) == 2
    assert sum("malicious" in reason for reason in reasons) == 1


def test_rows_repeat_in_each_of_the_ways_that_logs_repeat_them() -> None:
    exact = later = fuller = tied = 0
    for held in copies().values():
        first, *rest = held
        for row in rest:
            exact += row == first
            later += row.written > first.written and row.early == first.early
            fuller += row.written > first.written and first.early and not row.early
            tied += row.written == first.written and first.early and not row.early
    assert min(exact, later, fuller, tied) > 20


def test_the_last_copy_is_the_full_one() -> None:
    assert not any(max(held, key=lambda row: (row.written, not row.early)).early for held in copies().values())


def test_a_risk_is_missing_from_the_first_copy_and_there_in_the_last() -> None:
    held = next(held for held in copies().values() if held[0].event.key == "ines stolen, sending")
    risks = [signins.as_graph(FABRIKAM, row.event, early=row.early)["riskLevelDuringSignIn"] for row in held]
    assert (risks[0], risks[-1]) == ("none", "medium")


def test_rows_are_late_by_minutes_and_some_by_hours() -> None:
    lags = sorted((row.written - row.event.at).total_seconds() for row in ROWS if not row.early)
    assert 600 < lags[len(lags) // 2] < 3_600
    assert lags[-1] > 4 * 3_600


def test_blanks_are_there_and_make_nobody_a_guest() -> None:
    rows = [signins.as_graph(FABRIKAM, event) for event in HAPPENED if event.key == "scanner"]
    assert any(row["homeTenantId"] == "" for row in rows)
    assert any(row["location"]["countryOrRegion"] == "" for row in rows)
    assert {row["userType"] for row in rows} == {"member"}
    assert any(row["clientAppUsed"] == "" for row in rows_of("teams"))


@pytest.mark.parametrize(
    ("key", "spellings"),
    [
        ("scanner", {"Authenticated SMTP", "authenticated smtp", "Authenticated SMTP "}),
        ("room system", {"Autodiscover", "AutoDiscover"}),
        ("old outlook", {"MAPI over HTTP", "MAPI Over HTTP"}),
        ("archive", {"IMAP4", "Other clients; IMAP"}),
    ],
)
def test_client_names_are_spelt_as_they_are_found(key: str, spellings: set[str]) -> None:
    assert {row["clientAppUsed"] for row in rows_of(key)} == spellings


def test_hostile_text_stands_wherever_a_stranger_may_write() -> None:
    rows = rows_of("botnet")
    agents, names = {row["userAgent"] for row in rows}, {row["userPrincipalName"] for row in rows}
    for part in ("<script>", "=HYPERLINK", "\u202e", "](https://", "\x1b", "\r\n"):
        assert any(part in agent for agent in agents), part
    assert any(name.startswith("=") for name in names)
    assert max(len(row["userAgent"]) for row in rows_of("loud")) > 100_000
    assert any("<b>" in row["appDisplayName"] for row in rows_of("stock sync"))


def test_partners_and_guests_are_told_by_the_fields_that_tell_them() -> None:
    guest, partner = rows_of("guest's phone")[0], rows_of("partner's script")[0]
    assert (guest["userType"], guest["crossTenantAccessType"]) == ("guest", "b2bCollaboration")
    assert (partner["userType"], partner["crossTenantAccessType"]) == ("member", "serviceProvider")
    assert partner["homeTenantId"] not in ("", FABRIKAM.tenant_id)


def test_an_app_signs_in_as_itself_without_a_user() -> None:
    robots = [event for event in HAPPENED if event.table == "AADServicePrincipalSignInLogs"]
    row = signins.as_graph(FABRIKAM, robots[0])
    assert row["servicePrincipalName"] == "Fabrikam Mail Relay"
    assert "userPrincipalName" not in row
    assert "clientAppUsed" not in row
