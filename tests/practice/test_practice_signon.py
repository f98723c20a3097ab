"""What a password comes to, from the tenant's state alone."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from practice import signins, signon
from practice.state import ConditionalAccessPolicy, Directory, Group
from practice.wellknown import EXCHANGE, ROLES, SIGN_IN_WORD
from practice.world import Network, Person, Site, World
from tests.practice.woodgrove import Woodgrove, woodgrove

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
ADA = "ada@woodgrove.example"


@pytest.fixture
def made() -> Woodgrove:
    return woodgrove(NOW)


def _come(
    made: Woodgrove, word: str = SIGN_IN_WORD, *, name: str = ADA, client: str = "IMAP4", now: datetime = NOW
) -> signon.SignOn:
    return signon.password(made.estate.tenant, name, word, signon.Attempt(client, "192.0.2.7", now))


def _policy(
    controls: list[str],
    *,
    users: dict[str, Any] | None = None,
    clients: list[str] | None = None,
    apps: dict[str, Any] | None = None,
    state: Any = "enabled",
    operator: str = "OR",
    **conditions: Any,
) -> ConditionalAccessPolicy:
    return ConditionalAccessPolicy(
        display_name="Policy",
        state=state,
        conditions={
            "users": users or {"includeUsers": ["All"]},
            "clientAppTypes": clients or ["all"],
            "applications": apps or {"includeApplications": ["All"]},
            **conditions,
        },
        grant_controls={"operator": operator, "builtInControls": controls},
    )


def _directory(made: Woodgrove) -> Directory:
    return made.estate.tenant.directory


def test_the_right_password_opens_where_nothing_forbids_it(made: Woodgrove) -> None:
    done = _come(made, name=ADA.upper())
    assert (done.code, done.user) == ("0", made.ada)


@pytest.mark.parametrize("name", ["nobody@woodgrove.example", "", "\x00", "ada", "invoices@woodgrove.example\n.x"])
def test_a_name_that_is_nobodys_is_50034(name: str, made: Woodgrove) -> None:
    assert _come(made, name=name).code == "50034"


def test_an_object_id_is_no_sign_in_name(made: Woodgrove) -> None:
    assert _come(made, name=made.ada.id).code == "50034"


def test_a_disabled_account_is_50057_whatever_the_password(made: Woodgrove) -> None:
    assert {_come(made, word, name="invoices@woodgrove.example").code for word in ("x", SIGN_IN_WORD)} == {"50057"}


def test_ten_failures_in_a_row_lock_for_a_minute(made: Woodgrove) -> None:
    assert [_come(made, "wrong").code for _ in range(10)] == ["50126"] * 10
    assert _come(made).code == "50053"
    assert _come(made, now=NOW + timedelta(seconds=61)).code == "0"
    assert made.ada.failed_sign_ins == 0


def test_a_success_ends_the_row_of_failures(made: Woodgrove) -> None:
    for word in [*["wrong"] * 9, SIGN_IN_WORD, *["wrong"] * 9]:
        _come(made, word)
    assert _come(made).code == "0"


def test_an_expired_password_is_told_only_to_who_knows_it(made: Woodgrove) -> None:
    made.ada.password_expired = True
    assert [_come(made, word).code for word in ("wrong", SIGN_IN_WORD)] == ["50126", "50055"]


def test_an_account_without_a_password_is_50056(made: Woodgrove) -> None:
    made.ada.password = ""
    assert _come(made, "").code == "50056"


def test_security_defaults_stop_legacy_clients_after_the_password(made: Woodgrove) -> None:
    _directory(made).policies.security_defaults = True
    assert [_come(made, word).code for word in ("wrong", SIGN_IN_WORD)] == ["50126", "530035"]
    assert _come(made, client="Mobile Apps and Desktop clients").code == "0"


def test_security_defaults_ask_administrators_for_a_second_factor(made: Woodgrove) -> None:
    _directory(made).policies.security_defaults = True
    for registered, code in ((True, "50076"), (False, "50079")):
        made.admin.mfa = registered
        done = _come(made, name=made.admin.user_principal_name, client="Mobile Apps and Desktop clients")
        assert done.code == code


@pytest.mark.parametrize(
    ("client", "kinds", "code"),
    [
        ("IMAP4", ["other"], "53003"),
        ("Authenticated SMTP", ["exchangeActiveSync", "other"], "53003"),
        ("Exchange ActiveSync", ["other"], "0"),
        ("Exchange ActiveSync", ["exchangeActiveSync"], "53003"),
        ("POP3", ["browser", "mobileAppsAndDesktopClients"], "0"),
        ("Browser", ["other", "exchangeActiveSync"], "0"),
        ("Browser", ["browser"], "53003"),
    ],
)
def test_a_block_stops_the_clients_that_it_names(client: str, kinds: list[str], code: str, made: Woodgrove) -> None:
    _directory(made).policies.conditional_access = [_policy(["block"], clients=kinds)]
    assert _come(made, client=client).code == code


@pytest.mark.parametrize("state", ["disabled", "enabledForReportingButNotEnforced"])
def test_a_policy_that_is_off_or_only_reports_stops_nobody(state: str, made: Woodgrove) -> None:
    _directory(made).policies.conditional_access = [_policy(["block"], state=state)]
    done = _come(made)
    assert done.code == "0"
    assert [one.result for one in done.ruling.applied] == ["notEnabled" if state == "disabled" else "reportOnlyFailure"]


@pytest.mark.parametrize(
    ("users", "code"),
    [
        ({"includeUsers": ["None"]}, "0"),
        ({"includeUsers": ["ada"]}, "53003"),
        ({"includeUsers": ["All"], "excludeUsers": ["ada"]}, "0"),
        ({"includeGroups": ["group"]}, "53003"),
        ({"includeUsers": ["All"], "excludeGroups": ["group"]}, "0"),
        ({"includeRoles": [ROLES["Global Administrator"]]}, "0"),
        ({"includeRoles": [ROLES["Reports Reader"]]}, "53003"),
        ({"includeUsers": ["All"], "excludeRoles": [ROLES["Reports Reader"]]}, "0"),
        ({"includeUsers": ["GuestsOrExternalUsers"]}, "0"),
        ({"includeUsers": "All"}, "0"),
    ],
)
def test_a_policy_covers_whom_it_names_and_does_not_exclude(users: dict[str, Any], code: str, made: Woodgrove) -> None:
    directory = _directory(made)
    directory.groups = [Group(id="group", display_name="Group", members=[made.ada.id])]
    made.estate.role(made.ada.id, "Reports Reader")
    known = {
        key: [made.ada.id if one == "ada" else one for one in ids] if isinstance(ids, list) else ids
        for key, ids in users.items()
    }
    directory.policies.conditional_access = [_policy(["block"], users=known)]
    assert _come(made).code == code


@pytest.mark.parametrize(
    ("apps", "code"),
    [
        ({"includeApplications": [EXCHANGE]}, "53003"),
        ({"includeApplications": ["Office365"]}, "53003"),
        ({"includeApplications": ["00000003-0000-0000-c000-000000000000"]}, "0"),
        ({"includeApplications": ["All"], "excludeApplications": [EXCHANGE]}, "0"),
        ({"includeUserActions": ["urn:user:registersecurityinfo"]}, "0"),
    ],
)
def test_a_policy_covers_the_applications_that_it_names(apps: dict[str, Any], code: str, made: Woodgrove) -> None:
    _directory(made).policies.conditional_access = [_policy(["block"], apps=apps)]
    assert _come(made).code == code


@pytest.mark.parametrize(
    ("controls", "operator", "legacy", "modern"),
    [
        (["mfa"], "OR", "53003", "50076"),
        (["mfa", "compliantDevice"], "OR", "53003", "50076"),
        (["mfa", "compliantDevice"], "AND", "53003", "53000"),
        (["compliantDevice"], "OR", "53003", "53000"),
        (["domainJoinedDevice"], "OR", "53003", "53001"),
        (["approvedApplication"], "OR", "53003", "53002"),
        ([], "OR", "0", "0"),
    ],
)
def test_a_grant_that_a_password_cannot_meet_stops_it(
    controls: list[str], operator: str, legacy: str, modern: str, made: Woodgrove
) -> None:
    _directory(made).policies.conditional_access = [_policy(controls, operator=operator)]
    assert _come(made).code == legacy
    assert _come(made, client="Mobile Apps and Desktop clients").code == modern


def test_a_second_factor_meets_an_mfa_grant(made: Woodgrove) -> None:
    _directory(made).policies.conditional_access = [_policy(["mfa"])]
    attempt = signon.Attempt("Browser", "::1", NOW, app_id=made.client.app_id)
    asked = [signon.completed(made.estate.tenant, made.ada, attempt, mfa=mfa) for mfa in (False, True)]
    assert [one.code for one in asked] == ["50076", "0"]
    assert asked[1].ruling.status == "success"


@pytest.mark.parametrize(
    "condition",
    [
        {"signInRiskLevels": ["high"]},
        {"locations": {"includeLocations": ["AllTrusted"]}},
        {"platforms": {"includePlatforms": ["android"]}},
        {"authenticationFlows": {"transferMethods": "deviceCodeFlow"}},
        {"devices": {"deviceFilter": {"mode": "include", "rule": "device.isCompliant -eq True"}}},
    ],
)
def test_a_condition_that_no_practice_sign_in_meets_passes_it_by(condition: dict[str, Any], made: Woodgrove) -> None:
    _directory(made).policies.conditional_access = [_policy(["block"], **condition)]
    assert _come(made).code == "0"


def test_a_federated_domain_keeps_wrong_passwords_to_itself(made: Woodgrove) -> None:
    _directory(made).domains[0].authentication_type = "Federated"
    wrong, right = _come(made, "wrong"), _come(made)
    assert (wrong.code, wrong.seen, right.code, right.seen) == ("50126", False, "0", True)
    assert made.ada.failed_sign_ins == 0
    assert signon.row(made.estate.tenant, right)["incomingTokenType"] == "saml20"


def test_a_policy_change_that_lags_still_lets_the_password_in(made: Woodgrove) -> None:
    tenant = made.estate.tenant
    with tenant.change_directory(NOW, timedelta(minutes=2)) as directory:
        directory.policies.security_defaults = True
    assert [_come(made, now=NOW + timedelta(minutes=minutes)).code for minutes in (1, 3)] == ["0", "530035"]


def test_a_row_has_the_fields_that_the_stories_rows_have(made: Woodgrove) -> None:
    office = Site("Office", Network("192.0.2.1", "Ulm", "DE"), "office")
    world = World("w", "W", "w.example", 9, {"office": office}, (Person("ada", "Ada", "office"),))
    told = signins.events(world, date(2026, 11, 23))[0]
    assert signon.row(made.estate.tenant, _come(made)).keys() == signins.as_graph(world, told).keys()


def test_a_legacy_row_is_exchanges_own(made: Woodgrove) -> None:
    row = signon.row(made.estate.tenant, _come(made))
    assert row["status"]["errorCode"] == 0
    assert (row["appId"], row["appDisplayName"]) == (EXCHANGE, "Office 365 Exchange Online")
    assert (row["clientAppUsed"], row["authenticationProtocol"], row["userAgent"]) == ("IMAP4", "ropc", "BAV2ROPC")
    assert [one["authenticationStepResultDetail"] for one in row["authenticationDetails"]] == ["Correct password"]


def test_a_row_after_a_policy_that_only_reports_was_made_says_what_it_would_have_done(made: Woodgrove) -> None:
    policy = _policy(["block"], state="enabledForReportingButNotEnforced")
    before = signon.row(made.estate.tenant, _come(made))
    _directory(made).policies.conditional_access = [policy]
    row = signon.row(made.estate.tenant, _come(made))
    assert (row["status"]["errorCode"], row["conditionalAccessStatus"]) == (0, "notApplied")
    told = [(one["id"], one["result"]) for one in row["appliedConditionalAccessPolicies"]]
    assert (before["appliedConditionalAccessPolicies"], told) == ([], [(policy.id, "reportOnlyFailure")])


def test_a_row_of_a_block_names_the_policy_and_the_right_password(made: Woodgrove) -> None:
    _directory(made).policies.conditional_access = [_policy(["block"])]
    row = signon.row(made.estate.tenant, _come(made))
    assert row["conditionalAccessStatus"] == "failure"
    assert [one["result"] for one in row["appliedConditionalAccessPolicies"]] == ["failure"]
    assert row["authenticationDetails"][0]["succeeded"]
