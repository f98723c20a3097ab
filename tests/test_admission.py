"""mailauth.admission: what lets a sign-in in, against a plain computation over every way in which it can be set."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest

from mailauth import admission, conditions
from mailauth.admission import Answer, Effective, Kind, Protocol, State
from mailauth.conditions import Conditions
from mailauth.organization import Mailbox, Organization
from tests.admissions import ADA, AT, GROUP, Setting, box, entra, exchange, records, whole


def of(setting: Setting) -> Effective:
    """Return what Ada's mailbox lets in under a setting."""
    return _of(**setting)


@cache
def _of(*, tenant: str, mailbox: str, policy: str, default: str, defaults: str, access: str) -> Effective:
    return admission.effective(box(mailbox, policy), exchange(tenant, default), _entra(defaults, access), now=AT)


@cache
def _entra(defaults: str, access: str) -> Conditions:
    return entra(defaults, access)


def plainly(setting: Setting, kind: Kind) -> State:
    """Return the answer for SMTP AUTH as a person works it out from the setting's words."""
    switch = setting["tenant"] if setting["mailbox"] == "inherit" else setting["mailbox"]
    said = [{"on": "passes", "off": "closes", "unread": "unknown"}[switch]]
    if kind == "password":
        policy = setting["policy"] if setting["policy"] != "none" else setting["default"]
        said += [{"none": "passes", "lets": "passes", "does not let": "closes", "unread": "unknown"}[policy]]
        said += [{"off": "passes", "on": "closes", "unread": "unknown"}[setting["defaults"]]]
        said += ["closes"] if setting["access"] in ("blocks", "asks") else []
        said += ["unknown"] if setting["access"] in ("members unread", "unread") else []
    elif setting["access"] == "unread":
        said += ["unknown"]
    return "closed" if "closes" in said else "unknown" if "unknown" in said else "open"


@pytest.mark.parametrize("kind", ["password", "delegated", "app"])
def test_every_setting_has_the_answer_that_a_person_works_out(kind: Kind) -> None:
    settings = list(whole())
    found = {tuple(each.values()): of(each).answer("smtp", kind).state for each in settings}
    assert found == {tuple(each.values()): plainly(each, kind) for each in settings}
    assert set(found.values()) == {"open", "closed", "unknown"}


def test_what_the_switch_would_open_is_what_the_mailbox_answers_with_the_switch_on() -> None:
    for setting in whole():
        switched = of({**setting, "mailbox": "on"}).answer("smtp", "password")
        assert of(setting).opened.state == switched.state


def test_one_part_that_is_not_read_never_makes_an_answer_open() -> None:
    for setting in whole():
        unread = [name for name, value in setting.items() if "unread" in value]
        if of(setting).answer("smtp", "password").state == "open":
            # What stands behind a switch that is set needs no reading.
            assert set(unread) <= {"tenant", "default"}


def answered(protocol: Protocol, kind: Kind, /, *, directory: Conditions | None = None, **details: Any) -> Answer:
    found = admission.effective(box(**details), exchange(), directory or entra(), now=AT)
    return found.answer(protocol, kind)


@pytest.mark.parametrize(
    ("protocol", "kind", "details", "state", "rule"),
    [
        pytest.param("imap", "password", {}, "closed", "Basic authentication", id="Basic is gone for IMAP"),
        pytest.param("pop", "password", {}, "closed", "Basic authentication", id="Basic is gone for POP"),
        pytest.param("eas", "password", {}, "closed", "Basic authentication", id="Basic is gone for ActiveSync"),
        pytest.param("imap", "delegated", {}, "open", "protocol switch", id="IMAP on"),
        pytest.param("imap", "app", {"imap": False}, "closed", "protocol switch", id="IMAP off"),
        pytest.param("pop", "app", {"pop": None}, "unknown", "protocol switch", id="POP unread"),
        pytest.param("eas", "delegated", {"active_sync": False}, "closed", "protocol switch", id="ActiveSync off"),
        pytest.param("imap", "app", {"kind": "MailUser"}, "closed", "mailbox", id="mailbox elsewhere"),
        pytest.param("smtp", "app", {"soft_deleted": True}, "closed", "mailbox", id="mailbox removed"),
        pytest.param("smtp", "app", {"kind": ""}, "unknown", "mailbox", id="mailbox of a kind not read"),
        pytest.param("imap", "delegated", {"licensed": False}, "closed", "licence", id="no licence"),
        pytest.param(
            "imap", "app", {"kind": "SharedMailbox", "licensed": False}, "open", "protocol switch", id="shared"
        ),
    ],
)
def test_the_deciding_reason_is_named(
    protocol: Protocol, kind: Kind, details: dict[str, Any], state: State, rule: str
) -> None:
    answer = answered(protocol, kind, **details)
    assert (answer.state, answer.decides.rule) == (state, rule)


SHARED: dict[str, Any] = {"kind": "SharedMailbox", "mailbox": "on", "account_disabled": False}


@pytest.mark.parametrize(
    ("licensed", "kind", "state"),
    [
        pytest.param(False, "delegated", "closed", id="a token without a licence"),
        pytest.param(None, "delegated", "unknown", id="a token, the licence unread"),
        pytest.param(True, "delegated", "open", id="a token with a licence"),
        pytest.param(False, "app", "open", id="an app needs no licence"),
        pytest.param(False, "password", "unknown", id="a password: seen for OAuth only"),
    ],
)
def test_a_shared_mailbox_without_a_licence_cannot_sign_in_to_smtp_itself(
    licensed: bool | None, kind: Kind, state: State
) -> None:
    assert answered("smtp", kind, licensed=licensed, **SHARED).state == state


def test_an_account_that_may_not_sign_in_stops_people_and_not_apps() -> None:
    users = [{"id": ADA, "accountEnabled": False}]
    answers = [answered("smtp", kind, directory=entra(users=users)) for kind in ("password", "delegated", "app")]
    assert [each.state for each in answers] == ["closed", "closed", "open"]
    assert answers[0].decides.rule == "account"


def test_an_authentication_policy_and_security_defaults_are_remarks_for_oauth() -> None:
    answer = answered("smtp", "delegated", policy="does not let", directory=entra("on"))
    remarks = [link.rule for link in answer.chain if link.verdict == "remark"]
    assert (answer.state, remarks) == ("open", ["authentication policy", "security defaults"])
    assert all("prove it on the wire" in link.note for link in answer.chain if link.verdict == "remark")


def test_a_federated_domain_is_remarked_and_decides_nothing() -> None:
    domains = [{"id": "woodgrove.example", "authenticationType": "Federated"}]
    answer = answered("smtp", "password", directory=entra(domains=domains))
    assert (answer.state, answer.chain[-1].rule, answer.chain[-1].verdict) == ("open", "federated domain", "remark")


def test_after_december_a_password_that_nothing_stops_is_unknown() -> None:
    found = admission.effective(box(), exchange(), entra(), now=datetime(2027, 1, 2, tzinfo=UTC))
    assert (found.answer("smtp", "password").state, found.opened.decides.rule) == ("unknown", "Microsoft's date")
    assert found.answer("smtp", "app").state == "open"


def policy(**changed: Any) -> dict[str, Any]:
    """Return the policy that blocks, with other conditions or another field."""
    (made,) = records("blocks")
    inner = {**made["conditions"], **{key: changed.pop(key) for key in list(changed) if key in _CONDITIONS}}
    return {**made, "conditions": inner, **changed}


_CONDITIONS = {
    "users",
    "applications",
    "clientAppTypes",
    "locations",
    "signInRiskLevels",
    "devices",
    "authenticationFlows",
    "clientApplications",
}
_MODERN = ["mobileAppsAndDesktopClients"]


@pytest.mark.parametrize(
    ("made", "kind", "state"),
    [
        pytest.param(policy(users={"includeUsers": [ADA]}), "password", "closed", id="names the account"),
        pytest.param(policy(users={"includeUsers": ["None"]}), "password", "open", id="names nobody"),
        pytest.param(policy(users={"includeGroups": [GROUP]}), "password", "closed", id="names its group"),
        pytest.param(policy(users={"includeGroups": ["other"]}), "password", "unknown", id="names a group not read"),
        pytest.param(policy(users={"includeRoles": ["role"]}), "password", "unknown", id="names a role not read"),
        pytest.param(
            policy(users={"includeUsers": ["All"], "excludeUsers": [ADA.upper()]}), "password", "open", id="leaves out"
        ),
        pytest.param(policy(applications={"includeApplications": ["Office365"]}), "password", "closed", id="Office"),
        pytest.param(
            policy(applications={"includeApplications": [conditions.EXCHANGE]}), "password", "closed", id="Exchange"
        ),
        pytest.param(policy(applications={"includeApplications": [GROUP]}), "password", "open", id="another app"),
        pytest.param(policy(clientAppTypes=[*_MODERN, "browser"]), "password", "open", id="modern clients, a password"),
        pytest.param(policy(clientAppTypes=_MODERN), "delegated", "closed", id="modern clients, a token"),
        pytest.param(policy(clientAppTypes=[]), "password", "closed", id="every client"),
        pytest.param(policy(locations={"includeLocations": ["abc"]}), "password", "unknown", id="some places"),
        pytest.param(
            policy(locations={"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}),
            "password",
            "unknown",
            id="all but trusted places",
        ),
        pytest.param(policy(signInRiskLevels=["high"]), "password", "unknown", id="a risk"),
        pytest.param(policy(devices={"deviceFilter": {"mode": "exclude"}}), "password", "unknown", id="some devices"),
        pytest.param(
            policy(applications={"includeApplications": [], "applicationFilter": {"mode": "include"}}),
            "password",
            "unknown",
            id="apps that a filter finds",
        ),
        pytest.param(
            policy(authenticationFlows={"transferMethods": "deviceCodeFlow"}),
            "password",
            "open",
            id="device codes only",
        ),
        pytest.param(policy(authenticationFlows={"transferMethods": "none"}), "password", "closed", id="no flow"),
        pytest.param(policy(grantControls=None), "password", "open", id="asks for nothing"),
        pytest.param(policy(state="unknownFutureValue"), "password", "unknown", id="a state that is new"),
        pytest.param(
            policy(clientAppTypes=["all"], grantControls={"operator": "OR", "builtInControls": ["mfa"]}),
            "delegated",
            "open",
            id="a second factor, which a person gives",
        ),
        pytest.param(
            policy(
                clientAppTypes=["all"], grantControls={"operator": "AND", "builtInControls": ["mfa", "compliantDevice"]}
            ),
            "delegated",
            "unknown",
            id="a device",
        ),
    ],
)
def test_a_policy_counts_as_far_as_it_covers_the_sign_in(made: dict[str, Any], kind: Kind, state: State) -> None:
    assert answered("smtp", kind, directory=entra(conditionalAccess=[made])).state == state


def test_nested_groups_and_roles_count_as_they_were_read() -> None:
    made = policy(users={"includeUsers": ["All"], "excludeRoles": ["62e90394-69f5-4237-9190-012177145e10"]})
    held = [{"principalId": GROUP, "roleDefinitionId": "62e90394-69f5-4237-9190-012177145e10"}]
    answer = answered("smtp", "password", directory=entra(conditionalAccess=[made], roleAssignments=held))
    assert answer.state == "open"


def test_a_managed_policy_says_from_when_on_it_may_switch_itself_on() -> None:
    made = policy(
        displayName="Microsoft-managed: Block legacy authentication", state="enabledForReportingButNotEnforced"
    )
    answer = answered("smtp", "password", directory=entra(conditionalAccess=[made]))
    (remark,) = [link for link in answer.chain if link.rule == "Conditional Access"]
    assert (answer.state, remark.verdict) == ("open", "remark")
    assert remark.note == "Microsoft switches it on, not before 2026-04-16, unless somebody decides otherwise."


def test_an_exclusion_says_since_when_and_by_whom_where_the_log_remembers() -> None:
    made = policy(users={"includeUsers": ["All"], "excludeUsers": [ADA]})
    before = '{"conditions": {"users": {"excludeUsers": []}}}'
    after = before.replace("[]", f'["{ADA}"]')
    audit = {
        "activityDisplayName": "Update conditional access policy",
        "activityDateTime": "2026-11-03T14:05:00Z",
        "initiatedBy": {"user": {"userPrincipalName": "wanda@woodgrove.example"}, "app": None},
        "targetResources": [{"id": made["id"], "modifiedProperties": [{"oldValue": before, "newValue": after}]}],
    }
    for audits, since, by in (
        ([audit], datetime(2026, 11, 3, 14, 5, tzinfo=UTC), "wanda@woodgrove.example"),
        ([], None, ""),
        (None, None, ""),
    ):
        answer = answered("smtp", "password", directory=entra(conditionalAccess=[made], directoryAudits=audits))
        (link,) = [each for each in answer.chain if each.rule == "Conditional Access"]
        assert (answer.state, answer.exceptions) == ("open", (link,))
        assert (link.found, link.since, link.by) == ("“No passwords” leaves the account out by name", since, by)


@pytest.mark.parametrize(
    ("users", "found"),
    [
        pytest.param({"excludeGroups": [GROUP]}, f"the group “{GROUP}”, which it is in", id="a group"),
        pytest.param({"excludeRoles": ["role"]}, "a role that it holds", id="a role"),
        pytest.param({"excludeUsers": ["GuestsOrExternalUsers"]}, "guests", id="guests"),
    ],
)
def test_an_exclusion_that_is_not_by_name_does_not_say_since_when_it_holds_for_the_account(
    users: dict[str, list[str]], found: str
) -> None:
    made = policy(users={"includeUsers": ["All"], **users})
    known = [{"id": ADA, "userType": "Guest", "accountEnabled": True}]
    held = [{"principalId": ADA, "roleDefinitionId": "role"}]
    answer = answered("smtp", "password", directory=entra(conditionalAccess=[made], users=known, roleAssignments=held))
    (link,) = answer.exceptions
    assert (link.found, link.since) == (f"“No passwords” leaves out {found}", None)
    assert link.note == "Since when the account is among them was not read."


@pytest.mark.parametrize(
    ("named", "answers"),
    [
        pytest.param({"includeServicePrincipals": ["AAAA"]}, ["closed", "open", "unknown"], id="one app"),
        pytest.param(
            {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"], "excludeServicePrincipals": ["BBBB"]},
            ["unknown", "open", "unknown"],
            id="the tenant's own apps but one",
        ),
    ],
)
def test_a_policy_for_workload_identities_stops_the_apps_that_it_names(
    named: dict[str, list[str]], answers: list[State]
) -> None:
    directory = entra(conditionalAccess=[policy(users={"includeUsers": ["None"]}, clientApplications=named)])
    found = [
        admission.effective(box(), exchange(), directory, now=AT, app=app).answer("smtp", "app").state
        for app in ("aaaa", "bbbb", "")
    ]
    assert found == answers


@pytest.mark.parametrize(
    ("policy", "access", "told", "outcome"),
    [
        pytest.param("does not let", "none", False, "ok", id="a policy keeps passwords out"),
        pytest.param("none", "blocks", False, "wrong", id="Conditional Access alone tells who guessed right"),
        pytest.param("none", "asks", False, "wrong", id="a second factor alone does too"),
        pytest.param("does not let", "blocks", False, "ok", id="a policy before Conditional Access"),
        pytest.param("none", "blocks", True, "ok", id="Conditional Access alone, named by the engineer"),
        pytest.param("unread", "blocks", False, "cannot know", id="authentication policy unread, Conditional Access"),
        pytest.param("none", "none", False, "wrong", id="nothing keeps passwords out"),
        pytest.param("none", "reports", False, "wrong", id="what only reports keeps nothing out"),
        pytest.param("none", "none", True, "ok", id="named by the engineer"),
        pytest.param("none", "unread", False, "cannot know", id="policies unread"),
        pytest.param("unread", "none", False, "cannot know", id="authentication policy unread"),
    ],
)
def test_smtp_auth_is_safe_to_open_only_where_passwords_stay_out(
    policy: str, access: str, told: bool, outcome: str
) -> None:
    found = admission.effective(box("inherit", policy), exchange("off"), entra(access=access), now=AT)
    check = admission.safe_to_open(found, told=told)
    assert check.outcome == outcome
    assert (check.outcome == "ok") or "AllowBasicAuthSmtp" in check.remedy


def test_why_conditional_access_alone_is_no_lock_is_said() -> None:
    found = admission.effective(box("inherit", "none"), exchange("off"), entra(access="blocks"), now=AT)
    check = admission.safe_to_open(found)
    assert "Conditional Access alone" in check.found
    assert "once the password was found right" in check.found
    assert "one exclusion opens the door" in check.found
    assert admission.conflicts([found]).exposed == (found,)


@pytest.mark.parametrize(
    ("policy", "defaults", "users", "rule"),
    [
        pytest.param("none", "on", {}, "security defaults", id="security defaults"),
        pytest.param("none", "off", {"accountEnabled": False}, "account", id="nobody can sign in"),
        pytest.param(
            "does not let", "on", {"accountEnabled": False}, "authentication policy", id="what lasts is named"
        ),
    ],
)
def test_what_refuses_a_password_unchecked_is_named_and_what_would_undo_it(
    policy: str, defaults: str, users: dict[str, Any], rule: str
) -> None:
    directory = entra(defaults, users=[{"id": ADA, **users}])
    check = admission.safe_to_open(admission.effective(box("inherit", policy), exchange("off"), directory, now=AT))
    assert check.outcome == "ok"
    assert f"a password stays refused: {rule}" in check.found
    assert ("lets it sign in opens the door" in check.found) is (rule == "account")


def test_a_missing_licence_alone_is_no_lock() -> None:
    found = admission.effective(box("inherit", licensed=False), exchange("off"), entra(), now=AT)
    assert admission.safe_to_open(found).outcome == "wrong"


def test_the_conflict_names_what_the_switch_would_open() -> None:
    boxes = (
        box("inherit", "does not let", address="guarded@woodgrove.example"),
        box("inherit", "none", address="exposed@woodgrove.example"),
        box("inherit", "unread", address="unclear@woodgrove.example"),
        box("on", "none", address="open@woodgrove.example"),
    )
    found = admission.conflicts(admission.every(exchange("off", "none", *boxes), entra(), now=AT))
    named = {
        name: [each.mailbox.address.partition("@")[0] for each in getattr(found, name)]
        for name in ("shut", "guarded", "exposed", "unclear", "open_now")
    }
    assert named == {
        "shut": ["guarded", "exposed", "unclear"],
        "guarded": ["guarded"],
        "exposed": ["exposed"],
        "unclear": ["unclear"],
        "open_now": ["open"],
    }


def test_only_the_mailboxes_that_are_asked_about_are_answered() -> None:
    held = exchange(
        "on", "none", box(), box(address="bob@woodgrove.example", upn="bob@woodgrove.example", object_id="")
    )
    found = admission.every(held, entra(), now=AT, only=["BOB@woodgrove.example", "nobody@woodgrove.example"])
    assert [each.mailbox.address for each in found] == ["bob@woodgrove.example"]


@pytest.mark.parametrize(
    ("made", "state"),
    [
        pytest.param(policy(clientAppTypes=["exchangeActiveSync"]), "unknown", id="old clients alone"),
        pytest.param(policy(clientAppTypes=["exchangeActiveSync", *_MODERN]), "closed", id="modern clients as well"),
        pytest.param(policy(clientAppTypes=["other"]), "open", id="other old clients"),
        pytest.param(policy(clientAppTypes=["exchangeActiveSync"], state="disabled"), "open", id="disabled"),
        pytest.param(
            policy(clientAppTypes=["exchangeActiveSync"], users={"includeUsers": ["All"], "excludeUsers": [ADA]}),
            "open",
            id="leaves the account out",
        ),
    ],
)
def test_a_policy_for_activesync_alone_is_not_guessed_to_meet_a_token(made: dict[str, Any], state: str) -> None:
    found = answered("eas", "delegated", directory=entra(conditionalAccess=[made]))
    assert found.state == state


def test_a_door_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"^eas has no sign-in of the kind 'app'"):
        answered("eas", "app")


def test_ten_times_the_mailboxes_take_ten_times_as_long_and_not_a_hundred() -> None:
    few, many = (min(_timed(*_crowd(number)) for _ in range(3)) for number in (100, 1_000))
    assert many < 40 * few


def _crowd(number: int) -> tuple[Organization, Conditions]:
    """Return an organization of so many mailboxes, and twenty policies that leave out some of them."""
    boxes = tuple(_numbered(each) for each in range(number))
    access = [
        policy(id=f"policy-{each}", users={"includeUsers": ["All"], "excludeGroups": [GROUP]}) for each in range(20)
    ]
    members = {GROUP: [{"id": each.object_id} for each in boxes[: number // 3]]}
    return exchange("on", "none", *boxes), entra(conditionalAccess=access, groupMembers=members)


def test_accounts_that_policies_treat_alike_get_the_answers_of_one_that_is_asked_alone() -> None:
    boxes = tuple(_numbered(number) for number in range(6))
    users = {"includeUsers": [boxes[0].object_id, boxes[1].object_id], "excludeGroups": [GROUP]}
    directory = entra(
        conditionalAccess=[policy(users=users)],
        groupMembers={GROUP: [{"id": boxes[1].object_id}, {"id": boxes[2].object_id}]},
    )
    held = exchange("on", "none", *boxes)
    alone = tuple(admission.effective(each, held, directory, now=AT) for each in boxes)
    together = admission.every(held, directory, now=AT)
    assert together == alone
    assert [each.answer("smtp", "password").state for each in alone] == ["closed", *["open"] * 5]


def _numbered(number: int) -> Mailbox:
    account, address = f"{number:08x}-6f38-4a55-9d0f-3f4b8b8f0001", f"p{number}@woodgrove.example"
    return replace(box(), address=address, upn=address, object_id=account)


def _timed(held: Organization, directory: Conditions) -> float:
    began = time.perf_counter()
    assert all(admission.every(held, directory, now=AT))
    return time.perf_counter() - began
