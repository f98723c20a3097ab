"""The plan for mailboxes: what is missing is planned, what is there is left alone, what would harm is refused."""

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailauth import cmdlets, mailgrants, mailscopes, mailsteps, powershell
from mailauth import plan as plans
from mailauth.checks import Check
from mailauth.organization import Organization, Principal, RoleAssignment, Scope, Settings
from mailauth.plan import Cmdlet, Plan, Ref, Value
from tests import powershell_grammar
from tests.mailboxes_invented import (
    APP,
    APP_ID,
    ENTERPRISE,
    KNOWN,
    REGISTRATION,
    SID,
    TENANT,
    address,
    box,
    by_role,
    calls,
    for_people,
    organization,
    planned,
    right,
    sends,
    told,
    wanted,
    wish,
)

ROLE = "Application SMTP.SendAsApp"


def role_over(*names: str) -> dict[str, Any]:
    """Return the scope and the assignment of the app over these mailboxes."""
    [scope] = mailscopes.of(APP_ID, map(address, names))
    return {
        "scopes": (Scope(scope.name, scope.filter),),
        "assignments": (RoleAssignment(scope.name, ROLE, ENTERPRISE, scope.name),),
    }


# --- does Exchange know the app? ----------------------------------------------------------------------


def test_an_app_that_exchange_does_not_know_is_made_known_by_its_enterprise_application() -> None:
    plan = planned(organization(box("ada"), principals=()), wish(wanted("ada")))
    assert calls(plan.steps)[0] == (
        "New-ServicePrincipal",
        {"AppId": APP_ID, "ObjectId": ENTERPRISE, "DisplayName": "mail"},
    )
    assert plan.steps[0].undo == Cmdlet("Remove-ServicePrincipal", {"Identity": ENTERPRISE})


def test_an_app_that_is_switched_off_is_said_before_rights_are_given_to_it() -> None:
    plan = planned(organization(box("ada")), wish(wanted("ada")), replace(APP, enabled=False))
    assert "AADSTS7000112" in next(check.found for check in plan.checks if check.outcome == "wrong")


def test_what_permissions_show_a_new_app_by_is_told_by_the_look_at_it() -> None:
    known, access = planned(organization(box("ada"), principals=()), wish(wanted("ada"))).steps
    assert known.look.binds == {"exchange.principal.sid": "Sid"}
    assert access.look.where["User"] == Ref("exchange.principal.sid")


@pytest.mark.parametrize(
    ("found", "deleted", "said"),
    [
        pytest.param(REGISTRATION, (), "the id of its registration", id="the registration's"),
        pytest.param("0" * 8, ("0" * 8,), "an enterprise application that was deleted", id="a deleted one's"),
        pytest.param("1" * 8, (), "not the id of its enterprise application", id="any other"),
    ],
)
def test_a_wrong_object_id_is_found_explained_and_mended_with_what_hung_on_it(
    found: str, deleted: tuple[str, ...], said: str
) -> None:
    old = Principal(found, APP_ID, "Mail (old)", "S-1-5-21-9", "g")
    held = organization(box("ada"), box("bob"), principals=(old,), rights=right("ada", old.sid) | right("bob", old.sid))
    plan = planned(held, wish(wanted("ada")), replace(APP, deleted_ids=frozenset(deleted)))
    [check] = [each for each in plan.checks if each.outcome == "wrong"]
    assert said in check.found
    assert [(name, parameters.get("User") or parameters.get("Identity")) for name, parameters in calls(plan.steps)] == [
        ("Remove-MailboxPermission", found),
        ("Remove-MailboxPermission", found),
        ("Remove-ServicePrincipal", found),
        ("New-ServicePrincipal", None),
        ("Add-MailboxPermission", ENTERPRISE),
        ("Add-MailboxPermission", ENTERPRISE),
    ]
    former = Ref(f"exchange.former.{found}.sid")
    assert plan.bound == {former.name: old.sid}
    # Made again by the undo, the entry has another SID: the looks at its permissions follow it.
    assert [step.look.where.get("User") for step in plan.steps[:2]] == [former, former]
    assert plan.steps[2].look.binds == {former.name: "Sid"}
    assert plan.steps[2].undo == Cmdlet(
        "New-ServicePrincipal", {"AppId": APP_ID, "ObjectId": found, "DisplayName": "Mail (old)"}
    )


def test_a_role_that_hangs_on_a_wrong_entry_goes_before_the_entry_does() -> None:
    old = Principal(REGISTRATION, APP_ID, "Mail (old)", "S-1-5-21-9", "g")
    given = RoleAssignment("Old scope", ROLE, REGISTRATION, "Old scope")
    plan = planned(organization(box("ada"), principals=(old,), assignments=(given,)), wish(wanted("ada")))
    assert calls(plan.steps)[:2] == [
        ("Remove-ManagementRoleAssignment", {"Identity": "Old scope"}),
        ("Remove-ServicePrincipal", {"Identity": REGISTRATION}),
    ]


def test_the_right_id_held_for_another_app_is_mended_too() -> None:
    other = replace(KNOWN, app_id="bbbbbbbb-0000-0000-0000-00000000000b")
    plan = planned(organization(box("ada"), principals=(other,)), wish(wanted("ada")))
    assert [name for name, _ in calls(plan.steps)][:2] == ["Remove-ServicePrincipal", "New-ServicePrincipal"]


@pytest.mark.parametrize(
    ("app", "held"),
    [
        pytest.param(replace(APP, object_id=""), organization(box("ada")), id="no enterprise application"),
        pytest.param(APP, organization(box("ada"), principals=None), id="apps not read"),
    ],
)
def test_nothing_is_given_to_an_app_of_which_too_little_is_known(app: mailgrants.App, held: Organization) -> None:
    plan = planned(held, wish(wanted("ada")), app)
    assert (plan.steps, told(plan)["Exchange service principal"]) == ((), "cannot know")


# --- the mailboxes ------------------------------------------------------------------------------------


def test_full_access_is_given_to_the_service_principal_and_proven_by_its_sid() -> None:
    [step] = planned(organization(box("ada")), wish(wanted("ada"))).steps
    assert step.do == Cmdlet(
        "Add-MailboxPermission",
        {"Identity": address("ada"), "User": ENTERPRISE, "AccessRights": ["FullAccess"], "AutoMapping": False},
    )
    assert (step.look.where, step.before, step.after) == (
        {"User": SID, "Deny": False},
        None,
        {"AccessRights": ["FullAccess"]},
    )


def test_rights_that_were_there_come_back_as_they_were() -> None:
    rights = {address("ada"): (replace(right("ada", SID)[address("ada")][0], rights=("ReadPermission",)),)}
    [step] = planned(organization(box("ada"), rights=rights), wish(wanted("ada"))).steps
    assert (step.before, step.after) == (
        {"AccessRights": ["ReadPermission"]},
        {"AccessRights": ["ReadPermission", "FullAccess"]},
    )


def test_what_is_there_is_left_alone() -> None:
    held = organization(box("ada", smtp="on"), rights=right("ada", SID))
    plan = planned(held, wish(wanted("ada", "imap", "pop", "smtp")))
    assert (plan.steps, [check.outcome for check in plan.checks]) == ((), ["ok"])


@pytest.mark.parametrize(
    ("held", "outcome"),
    [
        pytest.param(organization(), "wrong", id="no such mailbox"),
        pytest.param(organization(box("ada", kind="MailUser")), "wrong", id="on-premises"),
        pytest.param(replace(organization(), mailboxes=None), "cannot know", id="not read"),
    ],
)
def test_a_mailbox_that_is_not_there_is_named(held: Organization, outcome: str) -> None:
    plan = planned(held, wish(wanted("ada")))
    assert (plan.steps, told(plan)[f"mailbox {address('ada')}"]) == ((), outcome)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        pytest.param({"rights": {}}, "cannot know", id="not read"),
        pytest.param({"rights": right("ada", SID, deny=True)}, "wrong", id="denied"),
    ],
)
def test_a_mailbox_whose_rights_are_unknown_or_denied_is_not_touched(fields: dict[str, Any], outcome: str) -> None:
    plan = planned(organization(box("ada"), **fields), wish(wanted("ada")))
    assert (plan.steps, told(plan)[f"who opens {address('ada')}"]) == ((), outcome)


class TestPeople:
    """An app that people sign in to has their rights."""

    shared = box("orders", kind="SharedMailbox", licensed=False, upn="orders@woodgrove.example")

    def test_nothing_is_given_where_everybody_opens_their_own(self) -> None:
        assert planned(organization(box("ada"), principals=()), wish(wanted("ada")), for_people()).steps == ()

    def test_whoever_is_named_gets_a_shared_mailbox(self) -> None:
        asked = wish(wanted("orders", kind="shared"), signs_in={address("orders"): address("ada")})
        [step] = planned(organization(box("ada"), self.shared), asked, for_people()).steps
        assert calls([step])[0][1]["User"] == address("ada")
        assert step.look.where["User"] == address("ada")

    def test_the_only_one_who_has_it_needs_no_name(self) -> None:
        held = organization(box("ada"), self.shared, rights=right("orders", address("ada")))
        plan = planned(held, wish(wanted("orders", kind="shared")), for_people())
        assert (plan.steps, told(plan)) == ((), {f"who opens {address('orders')}": "ok"})

    def test_nobody_is_guessed(self) -> None:
        plan = planned(organization(box("ada"), self.shared), wish(wanted("orders", kind="shared")), for_people())
        assert plan.steps == ()
        assert "signs_in" in plan.checks[0].remedy

    def test_a_shared_mailbox_without_a_licence_is_sent_from_by_its_delegate(self) -> None:
        """An unlicensed shared mailbox is no account for SMTP AUTH (S11)."""
        held = organization(box("ada"), self.shared)
        asked = wish(wanted("orders", "smtp", kind="shared"), signs_in={"": address("ada")})
        asked = replace(asked, doors={address("ada"): Check("door", "ok")})
        assert calls(planned(held, asked, for_people()).steps) == [
            (
                "Add-RecipientPermission",
                {"Identity": address("orders"), "Trustee": address("ada"), "AccessRights": ["SendAs"]},
            ),
            ("Set-CASMailbox", {"Identity": address("ada"), "SmtpClientAuthenticationDisabled": False}),
        ]


# --- From addresses -----------------------------------------------------------------------------------


def test_the_mailbox_that_signs_in_gets_send_as_on_each_from_address() -> None:
    """Measured: a right of the app alone is not enough (S14)."""
    held = organization(box("scan", smtp="on"), box("info"), box("sales"), rights=right("scan", SID))
    asked = wish(wanted("scan", "smtp", send_as=(address("info"),)), senders={address("scan"): (address("sales"),)})
    assert calls(planned(held, asked).steps) == [
        (
            "Add-RecipientPermission",
            {"Identity": address(name), "Trustee": address("scan"), "AccessRights": ["SendAs"]},
        )
        for name in ("info", "sales")
    ]


@pytest.mark.parametrize(
    ("sender", "send_as", "outcome"),
    [
        pytest.param("scan", (), None, id="its own address"),
        pytest.param("copier", (), None, id="its alias"),
        pytest.param("info", (sends("info", address("scan")),), "ok", id="granted already"),
        pytest.param("info", None, "cannot know", id="not read"),
        pytest.param("gone", (), "wrong", id="nobody's address"),
    ],
)
def test_a_from_address_that_needs_no_right_gets_none(sender: str, send_as: Any, outcome: str | None) -> None:
    scan = box("scan", smtp="on", addresses=(address("scan"), address("copier")))
    held = organization(scan, box("info"), rights=right("scan", SID), send_as=send_as)
    plan = planned(held, wish(wanted("scan", "smtp", send_as=(address(sender),))))
    assert (plan.steps, told(plan).get(f"From {address(sender)}")) == ((), outcome)


def test_an_address_that_nobody_has_is_to_be_replaced_by_the_senders_own() -> None:
    held = organization(box("scan", smtp="on"), rights=right("scan", SID))
    plan = planned(held, wish(wanted("scan", "smtp", send_as=(address("gone"),))))
    assert any("use its own address, scan@woodgrove.example" in check.remedy for check in plan.checks)


# --- a role over a scope ------------------------------------------------------------------------------


def test_a_role_is_given_over_exactly_the_wanted_mailboxes_and_by_the_object_id() -> None:
    held = organization(box("scan", smtp="on"), box("ada"), settings=Settings(smtp_off=True, dehydrated=True))
    plan = planned(held, wish(wanted("scan", "smtp")), by_role())
    [scope] = mailscopes.of(APP_ID, [address("scan")])
    assert calls(plan.steps) == [
        ("Enable-OrganizationCustomization", {}),
        ("New-ManagementScope", {"Name": scope.name, "RecipientRestrictionFilter": scope.filter}),
        (
            "New-ManagementRoleAssignment",
            {"Name": scope.name, "Role": ROLE, "App": ENTERPRISE, "CustomResourceScope": scope.name},
        ),
    ]
    assert (plan.steps[0].undo, "cannot be undone" in plan.steps[0].leaves) == (None, True)


def test_a_role_settles_within_two_hours_and_a_right_within_one() -> None:
    held = organization(box("ada"), settings=Settings(smtp_off=True, dehydrated=True))
    plan = planned(held, wish(wanted("ada", "imap", "smtp")), by_role())
    lags = {step.group: step.lag for step in plan.steps}
    assert (lags["FullAccess"], lags["Organization"]) == (timedelta(hours=1), timedelta(hours=2))
    assert {lags[group] for group in lags if group.startswith(("Role", "Scope"))} == {timedelta(hours=2)}


@pytest.mark.parametrize(("dehydrated", "side"), [(True, "before"), (False, "after")])
def test_customizing_is_sent_to_an_organization_that_still_needs_it(dehydrated: bool, side: str) -> None:
    assert plans.standing(mailsteps.customization(), {"IsDehydrated": dehydrated}, {}) == side


def test_reading_needs_full_access_beside_the_role() -> None:
    held = organization(box("scan", smtp="on"), **role_over("scan"))
    assert [name for name, _ in calls(planned(held, wish(wanted("scan", "imap", "smtp")), by_role()).steps)] == [
        "Add-MailboxPermission"
    ]


def test_a_role_that_is_there_is_left_alone() -> None:
    plan = planned(organization(box("scan", smtp="on"), **role_over("scan")), wish(wanted("scan", "smtp")), by_role())
    assert (plan.steps, set(told(plan).values())) == ((), {"ok"})


@pytest.mark.parametrize(
    ("changes", "outcome", "said"),
    [
        pytest.param({"consented": True}, "wrong", "Take SMTP.SendAsApp away with 30", id="the consent exists"),
        pytest.param({"consented": None}, "cannot know", "look again", id="the consent was not read"),
    ],
)
def test_no_scope_is_made_while_the_consent_may_defeat_it(changes: dict[str, Any], outcome: str, said: str) -> None:
    plan = planned(organization(box("scan", smtp="on")), wish(wanted("scan", "smtp")), replace(by_role(), **changes))
    [check] = [each for each in plan.checks if each.name == f"the role {ROLE}"]
    assert (plan.steps, check.outcome, said in check.remedy) == ((), outcome, True)


def test_who_takes_the_consent_away_is_told_how_long_nothing_is_sent() -> None:
    plan = planned(
        organization(box("scan", smtp="on")), wish(wanted("scan", "smtp")), replace(by_role(), consented=True)
    )
    assert any("cannot send from the end of its token" in check.remedy for check in plan.checks)


def test_the_plan_says_why_smtp_auth_may_be_switched_on() -> None:
    door = Check("SMTP AUTH for scan", "ok", "a password would be let in too; opened because it was named")
    held = organization(box("scan"), rights=right("scan", SID))
    plan = planned(held, wish(wanted("scan", "smtp"), doors={address("scan"): door}))
    assert [name for name, _ in calls(plan.steps)] == ["Set-CASMailbox"]
    assert door in plan.checks


@pytest.mark.parametrize("names", [("scan",), ("scan", "post", "fax")], ids=["one", "many, as a table"])
def test_a_script_names_the_mailboxes_that_let_passwords_in(names: tuple[str, ...]) -> None:
    held = organization(
        *map(box, names), rights={key: value for name in names for key, value in right(name, SID).items()}
    )
    open_to = frozenset(map(address, names[:1]))
    plan = planned(held, wish(*(wanted(name, "smtp") for name in names), let_in=open_to))
    said = [step for step in plan.steps if "Passwords come in" in step.why and "passwords come in" in step.leaves]
    assert [step.id for step in said] == [f"smtp-auth-on:{address(names[0])}"]
    head, _, body = powershell.script(plan).partition("#Requires")
    assert f"# Stays:    Turn SMTP AUTH on for {address(names[0])}, for passwords too: passwords come in" in head
    assert "# Why: " in body
    assert body.count("Passwords come in with it") == 1


@pytest.mark.parametrize(
    ("fields", "cloud"),
    [
        pytest.param({"smtp_role": False}, "public", id="the tenant lacks it"),
        pytest.param({}, "china", id="another cloud"),
    ],
)
def test_no_scope_is_made_where_the_role_does_not_exist(fields: dict[str, Any], cloud: str) -> None:
    tenant = replace(TENANT, cloud=replace(TENANT.cloud, name=cloud))
    held = organization(box("scan", smtp="on"), **fields)
    plan = planned(held, wish(wanted("scan", "smtp")), by_role(), tenant)
    assert (plan.steps, told(plan)[f"the role {ROLE}"]) == ((), "wrong")


def test_a_scope_that_somebody_changed_is_named_and_not_used() -> None:
    [scope] = mailscopes.of(APP_ID, [address("scan")])
    held = organization(box("scan", smtp="on"), scopes=(Scope(scope.name, "(PrimarySmtpAddress -eq 'x@y.example')"),))
    plan = planned(held, wish(wanted("scan", "smtp")), by_role())
    assert (plan.steps, told(plan)[f"the role {ROLE}"]) == ((), "wrong")


def test_another_list_is_another_scope_and_the_old_one_goes_when_what_it_opens_is_named() -> None:
    held = organization(box("scan", smtp="on"), box("ada"), **role_over("ada", "scan"))
    plan = planned(held, wish(wanted("scan", "smtp"), remove_extra=frozenset({address("ada")})), by_role())
    assert [name for name, _ in calls(plan.steps)] == [
        "New-ManagementScope",
        "New-ManagementRoleAssignment",
        "Remove-ManagementRoleAssignment",
        "Remove-ManagementScope",
    ]


def test_a_role_without_a_scope_is_warned_of_and_removed_by_name() -> None:
    everywhere = RoleAssignment("Everything", ROLE, ENTERPRISE)
    held = organization(box("scan", smtp="on"), **role_over("scan") | {"assignments": (everywhere,)})
    plan = planned(held, wish(wanted("scan", "smtp")), by_role())
    assert any("defeats every scope" in check.remedy for check in plan.checks)
    named = planned(held, wish(wanted("scan", "smtp"), remove_extra=frozenset({mailgrants.ALL})), by_role())
    assert ("Remove-ManagementRoleAssignment", {"Identity": "Everything"}) in calls(named.steps)


# --- switches -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "off", "before"),
    [
        pytest.param("inherit", True, None, id="follows the organization"),
        pytest.param("off", False, True, id="off for the mailbox"),
    ],
)
def test_smtp_auth_is_opened_and_comes_back_to_what_it_was(found: Any, off: bool, before: bool | None) -> None:
    held = organization(box("scan", smtp=found), rights=right("scan", SID), settings=Settings(smtp_off=off))
    [step] = planned(held, wish(wanted("scan", "smtp"))).steps
    switch = "SmtpClientAuthenticationDisabled"
    assert step.do == Cmdlet("Set-CASMailbox", {"Identity": address("scan"), switch: False})
    assert step.undo == Cmdlet("Set-CASMailbox", {"Identity": address("scan"), switch: before})
    assert (step.before, step.after) == ({switch: before}, {switch: False})


@pytest.mark.parametrize(
    ("found", "off"),
    [pytest.param("on", True, id="on for the mailbox"), pytest.param("inherit", False, id="on for all")],
)
def test_a_switch_that_is_on_stays_as_it_is(found: Any, off: bool) -> None:
    held = organization(box("scan", smtp=found), rights=right("scan", SID), settings=Settings(smtp_off=off))
    assert planned(held, wish(wanted("scan", "smtp"), doors={})).steps == ()


@pytest.mark.parametrize(
    "doors",
    [
        pytest.param({address("scan"): Check("SMTP AUTH for scan", "wrong", "a password would be let in")}, id="open"),
        pytest.param({address("scan"): Check("SMTP AUTH for scan", "cannot know", "not read")}, id="unknown"),
        pytest.param({}, id="not looked at"),
    ],
)
def test_smtp_auth_stays_off_where_a_password_might_come_in(doors: dict[str, Check]) -> None:
    plan = planned(organization(box("scan"), rights=right("scan", SID)), wish(wanted("scan", "smtp"), doors=doors))
    assert plan.steps == ()
    assert [check for check in plan.checks if check.outcome != "ok"] != []


def test_reading_is_switched_on_where_it_is_off_and_wanted() -> None:
    held = organization(box("ada", imap=False, pop=False), rights=right("ada", SID))
    assert calls(planned(held, wish(wanted("ada", "imap"))).steps) == [
        ("Set-CASMailbox", {"Identity": address("ada"), "ImapEnabled": True})
    ]


# --- what nobody asked for ----------------------------------------------------------------------------


def test_what_the_app_opens_today_stands_beside_what_is_wanted() -> None:
    held = organization(box("ada"), box("boss"), rights=right("ada", SID) | right("boss", SID))
    found = mailgrants.openings(APP, held, wish(wanted("ada")))
    assert [(each.mailbox, each.wanted) for each in found] == [(address("ada"), True), (address("boss"), False)]
    assert mailgrants.extra(found) == (address("boss"),)


def test_what_the_app_reaches_by_other_doors_stands_there_too_and_stays() -> None:
    given = [
        RoleAssignment("Old EWS", "Application EWS.AccessAsApp", ENTERPRISE),
        RoleAssignment("Reader", "Application Mail.Read", ENTERPRISE, "Two boxes"),
        RoleAssignment("Rooms", "Application MailboxSettings.Read", ENTERPRISE),
        RoleAssignment("Off", "Application Mail.Send", ENTERPRISE, enabled=False),
        RoleAssignment("Another's", "Application Mail.Send", "another app"),
    ]
    held = organization(box("ada"), rights=right("ada", SID), assignments=tuple(given))
    app = replace(APP, wide=("Mail.ReadWrite", "full_access_as_app"))
    found = [each for each in mailgrants.openings(app, held, wish(wanted("ada"))) if not each.wanted]
    assert [(each.mailbox, each.right, each.by) for each in found] == [
        ("every mailbox", "Application EWS.AccessAsApp", "Old EWS"),
        ("every mailbox", "Mail.ReadWrite", mailgrants.CONSENT),
        ("every mailbox", "full_access_as_app", mailgrants.CONSENT),
        ("the scope Two boxes", "Application Mail.Read", "Reader"),
    ]
    plan = planned(held, wish(wanted("ada"), remove_extra=frozenset({"every mailbox"})), app)
    assert plan.steps == ()
    remedies = [check.remedy for check in plan.checks if check.name.startswith("by another door")]
    assert [each for each in remedies if 'remove="full_access_as_app"' in each] != []
    assert [each for each in remedies if "Remove-ManagementRoleAssignment" in each] != []


def test_more_than_is_wanted_is_named_and_taken_away_only_by_name() -> None:
    held = organization(
        box("ada"), box("boss"), rights=right("ada", SID) | right("boss", SID), send_as=(sends("boss", SID),)
    )
    asked = wish(wanted("ada"))
    assert told(planned(held, asked))[f"more than is wanted: {address('boss')}"] == "wrong"
    plan = planned(held, replace(asked, remove_extra=frozenset({address("boss")})))
    assert [name for name, _ in calls(plan.steps)] == ["Remove-MailboxPermission", "Remove-RecipientPermission"]
    # What comes back is what a grant without -AutoMapping makes: nothing shows whether it was on.
    back = plan.steps[0].undo
    assert isinstance(back, Cmdlet)
    assert (back.name, "AutoMapping" in back.parameters) == ("Add-MailboxPermission", False)


# --- many, and hostile --------------------------------------------------------------------------------


def test_a_thousand_mailboxes_are_planned_in_groups_and_unwatched() -> None:
    plan = crowd(1_000)
    assert Counter(step.group for step in plan.steps) == {
        "Exchange service principal": 1,
        "FullAccess": 1_000,
        "Protocol switch": 1_000,
    }
    assert {step.group for step in plan.steps if step.watched} == {"Exchange service principal"}
    assert len({step.id for step in plan.steps}) == len(plan.steps)


def test_ten_times_the_mailboxes_are_planned_in_ten_times_the_time_and_not_a_hundred() -> None:
    def took(number: int) -> float:
        started = time.process_time()
        crowd(number)
        return time.process_time() - started

    few, many = (min(took(number) for _ in range(3)) for number in (100, 1_000))
    assert many < 40 * few


def crowd(number: int) -> Plan:
    """Return the plan for so many mailboxes of which the app opens none yet."""
    names = [f"scanner{each:04}" for each in range(number)]
    held = organization(*map(box, names), principals=())
    return planned(held, wish(*(wanted(name, "imap", "smtp") for name in names)))


def test_hostile_names_stay_values_of_parameters() -> None:
    name = "x'); Remove-Mailbox ada; ('<script>"
    plan = planned(organization(box("ada"), principals=()), wish(wanted("ada")), replace(APP, name=name))
    assert calls(plan.steps)[0][1]["DisplayName"] == name


def test_every_cmdlet_is_one_that_the_facts_know_with_its_parameters() -> None:
    held = organization(
        box("scan", imap=False, pop=False),
        box("info"),
        principals=(Principal(REGISTRATION, APP_ID, "m", "S-1-5-21-9", "g"),),
        rights=right("scan", "S-1-5-21-9") | right("info", "S-1-5-21-9"),
        settings=Settings(smtp_off=True, dehydrated=True),
    )
    plan = planned(held, wish(wanted("scan", "imap", "pop", "smtp", send_as=(address("info"),))), by_role())
    operations: list[Any] = [each for step in plan.steps for each in (step.do, step.undo, step.look.ask) if each]
    unknown: list[tuple[str, Value]] = [
        (each.name, name)
        for each in operations
        for name in each.parameters
        if name not in cmdlets.known()[each.name].parameters
    ]
    assert unknown == []
    assert all(step.needs for step in plan.steps)


@pytest.mark.parametrize("name", ["x'); Remove-Mailbox ada; ('", "Post\u2019s $(Get-Date) `n", "<script>"])
def test_the_script_of_a_role_and_of_a_mended_entry_says_what_the_plan_sends(name: str) -> None:
    old = Principal(REGISTRATION, APP_ID, name, "S-1-5-21-9", "g")
    held = organization(
        box("o'brien", smtp="off"),
        box("info"),
        principals=(old,),
        rights=right("o'brien", old.sid) | right("info", old.sid),
        settings=Settings(smtp_off=True, dehydrated=True),
    )
    asked = wish(wanted("o'brien", "imap", "smtp", send_as=(address("info"),)))
    plan = planned(held, asked, replace(by_role(), name=name))
    root = powershell_grammar.parse(powershell.script(plan))
    sent = [(each.sent.name, each.sent.values(each.variables)) for each in powershell_grammar.changes(root)]
    assert [(cmdlet, _plain(values)) for cmdlet, values in sent] == [
        (cmdlet, _plain(values)) for cmdlet, values in calls(plan.steps)
    ]
    [scope] = [values for cmdlet, values in sent if cmdlet == "New-ManagementScope"]
    assert scope["RecipientRestrictionFilter"] == "(PrimarySmtpAddress -eq 'o''brien@woodgrove.example')"


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Return parameters as PowerShell takes them: a list of one stands for itself."""
    own = {name: each for name, each in values.items() if name not in ("Confirm", "ErrorAction")}
    return {name: each[0] if isinstance(each, list) and len(each) == 1 else each for name, each in own.items()}
