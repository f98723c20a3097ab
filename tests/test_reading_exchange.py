"""services/organization: what is read of a practice organization, with how many requests, and what cannot be read."""

import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailauth.errors import AccessError, ConfigurationError, UnreachableError
from mailauth.organization import SMTP_ROLE, Principal, principal
from mailauth.plan import Cmdlet
from mailauth.services import organization
from practice.faults import Kind
from practice.state import AuthenticationPolicy, RoleAssignment, User
from tests.exchanging import Lab, administering, cmdlet
from tests.practice import mailing
from tests.practice.woodgrove import DOMAIN, Woodgrove, woodgrove

ADA = f"ada@{DOMAIN}"
INVOICES = f"invoices@{DOMAIN}"
NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """An organization for tests that change nothing."""
    made = woodgrove()
    exchange = made.estate.tenant.exchange
    exchange.authentication_policies.append(AuthenticationPolicy(name="No basic", allow_basic={"Smtp": False}))
    exchange.default_authentication_policy = "No basic"
    made.ada_box.authentication_policy = "No basic"
    made.ada_box.smtp_auth_disabled = False
    made.ada_box.used_mb = 512
    elsewhere = made.estate.user("moved", "Moved Away")
    made.estate.mailbox(elsewhere, kind="MailUser")
    with administering(made) as administration:
        yield administration


def of_daemon(lab: Lab) -> Principal:
    (row,) = lab.exchange.rows(cmdlet("Get-ServicePrincipal", Identity=lab.made.daemon_principal.id))
    return principal(row)


def recipients_only(made: Woodgrove, user: User) -> None:
    """Give a user the Entra role Exchange Recipient Administrator."""
    role = RoleAssignment(principal_id=user.id, role_template_id="31392ffb-586c-42d1-9346-e59415a2cc4e")
    made.estate.tenant.directory.role_assignments.append(role)


def crowded(count: int) -> Iterator[Lab]:
    made = woodgrove()
    for number in range(count):
        made.estate.shared(f"room{number}", f"Room {number}")
    with administering(made) as administration:
        yield administration


# --- what is read ---------------------------------------------------------------------------------


def test_everything_of_a_sound_organization_is_read(lab: Lab) -> None:
    daemon = of_daemon(lab)
    held = organization.read(lab.exchange, mailboxes=[ADA], trustees=[ADA, daemon.object_id])
    assert (held.settings.smtp_off, held.settings.default_policy, held.settings.dehydrated) == (
        False,
        "No basic",
        False,
    )
    ada = held.mailbox(ADA)
    assert ada is not None
    assert (ada.imap, ada.pop, ada.smtp, ada.authentication_policy) == (True, True, "on", "No basic")
    assert (ada.used_bytes, ada.kind, ada.object_id) == (512 * 1024 * 1024, "UserMailbox", lab.made.ada.id)
    assert held.opens(daemon, ADA) is True
    assert held.sends_as(ADA) == frozenset({INVOICES})
    assert held.sends_as(daemon) == frozenset()
    assert held.principal(lab.made.daemon.app_id) == daemon
    assert held.smtp_role is True
    assert [each.name for each in held.domains or () if each.default] == [DOMAIN]
    assert {each.state for each in held.coverage} == {"complete"}


def test_who_may_use_ews_is_asked_only_where_it_is_on() -> None:
    made, apps = woodgrove(), ["aaaaaaaa-0000-4000-8000-00000000000e", "BBBBBBBB-0000-4000-8000-00000000000e"]
    with administering(made) as lab:
        off = organization.read(lab.exchange)
        made.estate.tenant.exchange.ews_enabled = True
        made.estate.tenant.exchange.ews_allowed_app_ids = apps
        on = organization.read(lab.exchange)
    assert (off.settings.ews, off.settings.ews_apps) == ("inherit", None)
    assert (on.settings.ews, on.settings.ews_apps) == ("on", tuple(each.lower() for each in apps))
    assert on.calls == off.calls + 1


def test_an_address_whose_mailbox_is_elsewhere_is_known(lab: Lab) -> None:
    moved = organization.read(lab.exchange).mailbox(f"moved@{DOMAIN}")
    assert moved is not None
    assert moved.remote


def test_who_may_open_a_mailbox_that_was_not_asked_about_is_not_known(lab: Lab) -> None:
    held = organization.read(lab.exchange, mailboxes=[ADA])
    assert held.rights_of(INVOICES) is None
    assert held.sends_as(ADA) is None


def test_a_mailbox_that_does_not_exist_is_in_the_coverage(lab: Lab) -> None:
    held = organization.read(lab.exchange, mailboxes=[f"nobody@{DOMAIN}"])
    assert held.calls == organization.read(lab.exchange).calls
    states = {each.what: each.state for each in held.coverage}
    assert states[f"who may open nobody@{DOMAIN}"] == "absent"
    assert held.rights_of(f"nobody@{DOMAIN}") is None


def test_a_trustee_whom_exchange_does_not_know_may_send_as_nobody(lab: Lab) -> None:
    unknown = lab.made.client_principal.id
    held = organization.read(lab.exchange, trustees=[unknown])
    assert held.sends_as(unknown) == frozenset()


def test_with_fewer_roles_the_rest_is_unknown_and_says_whom_to_ask() -> None:
    made = woodgrove()
    helper = made.estate.user("helper", "Helper")
    recipients_only(made, helper)
    with administering(made) as lab, lab.as_person(helper) as exchange:
        held = organization.read(exchange)
    assert held.mailboxes
    assert (held.settings.smtp_off, held.policies, held.principals, held.smtp_role) == (None, None, None, None)
    by_part = {each.what: each for each in held.coverage}
    assert by_part["the apps that Exchange knows"].state == "unknown"
    assert "Role Management" in by_part["the apps that Exchange knows"].remedy


def test_without_any_way_in_reading_ends(lab: Lab) -> None:
    with lab.as_app("IMAP.AccessAsApp") as exchange, pytest.raises(AccessError):
        organization.read(exchange)


def test_where_nothing_answers_reading_ends_soon() -> None:
    with administering() as lab:
        lab.practice.faults.add("exchange", "drop", times=0)
        with pytest.raises(UnreachableError, match="broke off"):
            organization.read(lab.exchange)
        assert lab.exchange.calls == 1


@pytest.mark.parametrize("kind", ["unavailable", "drop"])
def test_one_part_that_stays_away_does_not_take_the_others_with_it(kind: Kind) -> None:
    with administering() as lab:
        lab.practice.faults.add("exchange", kind, operation="Get-User", times=0)
        held = organization.read(lab.exchange)
    ada = held.mailbox(ADA)
    assert ada is not None
    assert (ada.imap, ada.authentication_policy) == (True, None)
    (away,) = [each for each in held.coverage if each.state == "unknown"]
    assert away.what == "which authentication policy each account has"


# --- how many requests it takes -------------------------------------------------------------------


def test_the_requests_grow_with_pages_and_not_with_mailboxes() -> None:
    calls: dict[int, int] = {}
    for count in (50, 1000):
        for lab in crowded(count):
            held = organization.read(lab.exchange, mailboxes=[ADA, INVOICES], trustees=[ADA])
            assert len(held.mailboxes or ()) == count + 3
            assert held.mailbox("room7@" + DOMAIN) is not None
            calls[count] = held.calls
    # Mailboxes, their protocols and their accounts: a second page each.
    assert calls == {50: 18, 1000: 21}


def test_how_full_mailboxes_are_is_left_out_where_nobody_wants_it(lab: Lab) -> None:
    held = organization.read(lab.exchange, mailboxes=[ADA], sizes=False)
    ada = held.mailbox(ADA)
    assert ada is not None
    assert ada.used_bytes is None
    assert held.rights_of(ADA)
    assert held.calls == organization.read(lab.exchange, mailboxes=[ADA]).calls - 1


# --- which mailboxes an app can open --------------------------------------------------------------


def test_what_an_app_can_open_today_is_listed(lab: Lab, tmp_path: Path) -> None:
    boxes = organization.read(lab.exchange).mailboxes or ()
    told: list[str] = []
    kept = tmp_path / "openings.jsonl"
    found = organization.openings(lab.exchange, of_daemon(lab), boxes, kept=kept, now=NOW, tell=told.append)
    assert found.opens == {ADA, INVOICES}
    assert (found.closed, dict(found.unread)) == (1, {})
    assert told[:-1] == [f"Exchange: who may open {number} of 3 mailboxes" for number in (1, 2, 3)]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    kept = tmp_path / "openings.jsonl"
    for lab in crowded(20):
        daemon, boxes = of_daemon(lab), organization.read(lab.exchange).mailboxes or ()
        lab.practice.faults.add("exchange", "drop", operation="Get-MailboxPermission", after=9, times=0)
        with pytest.raises(UnreachableError):
            organization.openings(lab.exchange, daemon, boxes, kept=kept, now=NOW)
        lab.practice.faults.clear()
        with kept.open("a", encoding="utf-8") as file:
            file.write('{"mailbox": "cut o')
        before = lab.exchange.calls
        found = organization.openings(lab.exchange, daemon, boxes, kept=kept, now=NOW + timedelta(hours=1))
        assert found.opens == {ADA, INVOICES}
        assert found.closed == 21
        assert 0 < lab.exchange.calls - before < len(boxes)


@pytest.mark.parametrize("hours", [25, -1])
def test_what_is_not_of_today_is_asked_again(lab: Lab, tmp_path: Path, hours: int) -> None:
    boxes = organization.read(lab.exchange).mailboxes or ()
    daemon, kept = of_daemon(lab), tmp_path / "openings.jsonl"
    organization.openings(lab.exchange, daemon, boxes, kept=kept, now=NOW)
    before = lab.exchange.calls
    organization.openings(lab.exchange, daemon, boxes, kept=kept, now=NOW + timedelta(hours=hours))
    assert lab.exchange.calls - before == 3


# --- what whoever is signed in may do -------------------------------------------------------------

CHANGES = ("New-ServicePrincipal", "Add-MailboxPermission", "Set-TransportConfig", "Set-CASMailbox")


def test_an_administrator_may_run_every_cmdlet_of_a_plan_and_asking_changes_nothing() -> None:
    with administering() as lab:
        before = lab.exchange.rows(cmdlet("Get-TransportConfig"))
        found = organization.may_run(lab.exchange, (*CHANGES, "Enable-OrganizationCustomization"))
        assert [each.may for each in found] == [True] * 5
        assert lab.exchange.rows(cmdlet("Get-TransportConfig")) == before


def test_each_cmdlet_that_is_missing_comes_with_what_to_ask_for() -> None:
    made = woodgrove()
    helper = made.estate.user("helper", "Helper")
    recipients_only(made, helper)
    with administering(made) as lab, lab.as_person(helper) as exchange:
        found = organization.may_run(exchange, CHANGES)
    assert [each.may for each in found] == [False, True, False, True]
    check = found[0].check()
    assert check.outcome == "wrong"
    assert "the management role Role Management" in check.remedy


def test_what_the_organization_says_of_roles_wins_over_the_facts() -> None:
    made = woodgrove()
    reader = made.estate.user("reader", "Reader")
    made.estate.role(reader.id, "Global Reader")
    with administering(made) as lab, lab.as_person(reader) as exchange:
        (found,) = organization.may_run(exchange, ["Set-CASMailbox"])
    assert (found.may, found.roles) == (False, ("Mail Recipients",))


def test_a_cmdlet_that_only_reads_is_not_tried(lab: Lab) -> None:
    before = lab.exchange.calls
    (found,) = organization.may_run(lab.exchange, ["Get-Mailbox"])
    assert found.may is None
    assert lab.exchange.calls == before


# --- right now, past the cache --------------------------------------------------------------------


def test_the_test_of_an_app_tells_the_current_state_e4() -> None:
    with administering() as lab:
        lab.practice.faults.exchange_lag = timedelta(hours=2)
        app = lab.made.daemon_principal.id
        lab.exchange.invoke(Cmdlet("New-ManagementRoleAssignment", {"Name": "send", "Role": SMTP_ROLE, "App": app}))
        (row,) = lab.exchange.rows(Cmdlet("Test-ServicePrincipalAuthorization", {"Identity": app, "Resource": ADA}))
    assert (row["RoleName"], row["InScope"]) == (SMTP_ROLE, True)


def test_a_right_that_is_new_opens_the_mailbox_only_after_the_lag_e4() -> None:
    made = woodgrove()
    orders = made.estate.shared("orders", "Orders").primary_smtp
    with administering(made) as lab:
        lab.practice.faults.exchange_lag = timedelta(minutes=30)
        app = of_daemon(lab)
        lab.exchange.invoke(
            cmdlet("Add-MailboxPermission", Identity=orders, User=app.object_id, AccessRights=["FullAccess"])
        )
        assert organization.read(lab.exchange, mailboxes=[orders]).opens(app, orders) is True
        token = mailing.app_only(lab.practice, made)
        early = mailing.sign_in(lab.practice, "imap", orders, token)
        lab.practice.faults.clock.skew = timedelta(minutes=31)
        later = mailing.sign_in(lab.practice, "imap", orders, token)
    assert early == ("OK AUTHENTICATE completed.", "BAD User is authenticated but not connected.")
    assert later == ("OK AUTHENTICATE completed.", "OK [READ-WRITE] SELECT completed.")


def test_the_old_form_of_a_shared_mailbox_is_refused_by_the_server_and_named_before_e7() -> None:
    with administering() as lab:
        token = mailing.delegated(lab.practice, lab.made)
        old, right = (mailing.sign_in(lab.practice, "imap", user, token) for user in (f"{ADA}\\invoices", INVOICES))
        assert (old[0], right[0]) == ("NO AUTHENTICATE failed.", "OK AUTHENTICATE completed.")
        with pytest.raises(ConfigurationError, match="the shared mailbox's own address"):
            organization.read(lab.exchange, mailboxes=[f"{ADA}\\invoices"])
