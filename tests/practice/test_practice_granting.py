"""From a registered and consented app to mailboxes that open, on the practice cloud, and back."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth.errors import ConfigurationError
from mailauth.services.client import Graph, Pace
from mailauth.services.exchange import Exchange
from mailauth.session import mailboxes
from mailauth.views import mailboxes as shown
from practice.state import ExchangePrincipal, MailboxPermission, TracedMessage
from practice.wellknown import EXCHANGE
from tests.practice import mailing
from tests.practice.granting import ADA, INVOICES, Lab, bare, granting, without_smtp_consent
from tests.practice.woodgrove import TENANT
from tests.test_collector import Witness

GREETED = {"imap": "OK", "pop": "+OK", "smtp": "235"}


def opened(lab: Lab, face: str, user: str, token: str) -> bool:
    """Whether a mail server lets a token in, and to the mailbox behind."""
    said, then = lab.sign_in(face, user, token)
    return said.startswith(GREETED[face]) and then.startswith(("OK", "+OK", "250"))


def closed_at_first(lab: Lab) -> None:
    for face in GREETED:
        assert not opened(lab, face, mailing.ADA, mailing.app_only(lab.practice, lab.made)), face


def granted(lab: Lab, **told: str) -> str:
    """Carry the plan out, insist that nothing is left, and return where the receipt is."""
    change = lab.run.mailboxes.plan(lab.run.mailboxes.look(), **told)
    receipt = lab.run.carry_out(change, apply=True)
    assert receipt.whole, receipt.entries
    left = lab.run.mailboxes.plan(lab.run.mailboxes.look(), **told)
    assert (left.steps, [str(check) for check in left.checks if check.outcome != "ok"]) == ((), [])
    assert lab.run.mailboxes.scripts(left) is None
    return receipt.where


def taken_back(lab: Lab, where: str) -> None:
    receipt = lab.run.take_back(where, apply=True)
    assert receipt.whole, receipt.entries


def test_an_app_with_consent_opens_a_mailbox_by_all_three_protocols_and_the_undo_closes_it(tmp_path: Path) -> None:
    with granting(tmp_path, bare(), ADA) as lab:
        before = lab.exchange()
        closed_at_first(lab)
        where = granted(lab)
        token = mailing.app_only(lab.practice, lab.made)
        with mailing.imap(lab.practice, mailing.ADA, token) as client:
            assert client.select("INBOX", readonly=True)[0] == "OK"
        with mailing.pop(lab.practice, mailing.ADA, token) as reader:
            assert reader.stat()[0] >= 1
        with mailing.smtp(lab.practice, mailing.ADA, token) as sender:
            assert sender.mail(mailing.ADA)[0] == 250
        taken_back(lab, where)
        assert lab.exchange() == before
        closed_at_first(lab)


def test_an_app_sends_by_a_role_over_just_its_mailboxes_without_any_consent(tmp_path: Path) -> None:
    made = without_smtp_consent(bare())
    with granting(tmp_path, made, {**ADA, "protocols": ["smtp"]}, smtp="rbac") as lab:
        before = lab.exchange()
        where = granted(lab)
        token = mailing.app_only(lab.practice, lab.made, roles=None)
        assert opened(lab, "smtp", mailing.ADA, token)
        assert not opened(lab, "smtp", mailing.INVOICES, token)
        assert not opened(lab, "imap", mailing.ADA, token)
        [check] = lab.run.mailboxes.tested(lab.run.mailboxes.look())
        assert check.outcome == "ok"
        taken_back(lab, where)
        assert lab.exchange() == before


def test_a_dehydrated_organization_is_made_ready_first_and_stays_so(tmp_path: Path) -> None:
    made = without_smtp_consent(bare(dehydrated=True))
    with granting(tmp_path, made, {**ADA, "protocols": ["smtp"]}, smtp="rbac") as lab:
        before = lab.exchange()
        where = granted(lab)
        back = lab.run.take_back(where, apply=False)
        assert any(check.outcome == "cannot know" and "customization" in check.name for check in back.plan.checks)
        taken_back(lab, where)
        assert lab.exchange() == {**before, "dehydrated": False}


def test_no_scope_is_made_while_the_consent_exists(tmp_path: Path) -> None:
    with granting(tmp_path, bare(), {**ADA, "protocols": ["smtp"]}, smtp="rbac") as lab:
        change = lab.run.mailboxes.plan(lab.run.mailboxes.look())
        assert [step.group for step in change.steps] == ["Exchange service principal", "Protocol switch"]
        assert any("no scope is made" in check.found for check in change.checks)


def test_a_person_opens_a_shared_mailbox_and_sends_as_it_with_their_own_token(tmp_path: Path) -> None:
    made = bare()
    client = made.client.app_id
    with granting(tmp_path, made, INVOICES, flow="interactive", client_id=client) as lab:
        before = lab.exchange()
        look = lab.run.mailboxes.look(signs_in=mailing.ADA)
        receipt = lab.run.carry_out(lab.run.mailboxes.plan(look), apply=True)
        assert receipt.whole, receipt.entries
        token = mailing.delegated(lab.practice, lab.made)
        assert opened(lab, "imap", mailing.INVOICES, token)
        with mailing.smtp(lab.practice, mailing.ADA, token) as sender:
            assert sender.mail(mailing.INVOICES)[0] == 250
            assert sender.rcpt("bob@fabrikam.example")[0] == 250
        taken_back(lab, receipt.where)
        assert lab.exchange() == before


def test_the_registrations_id_is_mended_and_the_undo_makes_the_mistake_again(tmp_path: Path) -> None:
    made = bare()
    exchange = made.estate.tenant.exchange
    wrong = ExchangePrincipal(object_id=made.daemon.id, app_id=made.daemon.app_id, display_name="Old", sid="S-1-5-21-7")
    exchange.principals = [wrong]
    exchange.mailbox_permissions = [
        MailboxPermission(mailbox=box.guid, trustee=wrong.sid) for box in (made.ada_box, made.invoices)
    ]
    with granting(tmp_path, made, {**ADA, "protocols": ["imap"]}) as lab:
        found = lab.run.mailboxes.plan(lab.run.mailboxes.look())
        assert any("the id of its registration" in check.found for check in found.checks)
        receipt = lab.run.carry_out(found, apply=True)
        assert receipt.whole, receipt.entries
        token = mailing.app_only(lab.practice, made)
        # What hung on the old entry was given again, though nobody asked for it: the next plan says so.
        assert [opened(lab, "imap", who, token) for who in (mailing.ADA, mailing.INVOICES)] == [True, True]
        left = lab.run.mailboxes.plan(lab.run.mailboxes.look())
        assert [check.name for check in left.checks if check.outcome == "wrong"] == [
            f"more than is wanted: {mailing.INVOICES}"
        ]
        taken_back(lab, receipt.where)
        now = lab.exchange()
        assert [(one["object_id"], one["display_name"]) for one in now["principals"]] == [(made.daemon.id, "Old")]
        [sid] = [one["sid"] for one in now["principals"]]
        assert {(one["mailbox"], one["trustee"]) for one in now["mailbox_permissions"]} == {
            (made.ada_box.guid, sid),
            (made.invoices.guid, sid),
        }


def test_what_is_named_is_taken_away_and_comes_back(tmp_path: Path) -> None:
    made = bare()
    exchange = made.estate.tenant.exchange
    mirrored = made.estate.exchange_principal(made.daemon.app_id, made.daemon_principal.id, "mail")
    made.estate.full_access(made.invoices, mirrored.sid)
    assert exchange.principals == [mirrored]
    with granting(tmp_path, made, {**ADA, "protocols": ["imap"]}) as lab:
        before = lab.exchange()
        where = granted(lab, remove_extra=mailing.INVOICES)
        token = mailing.app_only(lab.practice, made)
        assert [opened(lab, "imap", who, token) for who in (mailing.ADA, mailing.INVOICES)] == [True, False]
        taken_back(lab, where)
        assert lab.exchange() == before


def test_smtp_auth_is_not_opened_for_passwords_unless_the_mailbox_is_named(tmp_path: Path) -> None:
    made = bare(authentication_policies=[], default_authentication_policy="")
    with granting(tmp_path, made, {**ADA, "protocols": ["smtp"]}) as lab:
        found = lab.run.mailboxes.look()
        change = lab.run.mailboxes.plan(found)
        assert not [step for step in change.steps if step.group == "Protocol switch"]
        assert [check.name for check in change.checks if check.outcome == "wrong"] == [f"SMTP AUTH for {mailing.ADA}"]
        told = lab.run.mailboxes.plan(found, let_passwords_in=mailing.ADA)
        assert [step.id for step in told.steps if step.group == "Protocol switch"] == [f"smtp-auth-on:{mailing.ADA}"]


def test_what_the_app_was_consented_to_beyond_mail_protocols_is_seen(tmp_path: Path) -> None:
    made = bare()
    made.estate.allow(made.daemon_principal, EXCHANGE, "full_access_as_app")
    with granting(tmp_path, made, {**ADA, "protocols": ["imap"]}) as lab:
        found = lab.run.mailboxes.look()
        assert [(each.mailbox, each.right) for each in found.openings] == [("every mailbox", "full_access_as_app")]


def test_what_counts_later_counts_after_the_lag(tmp_path: Path) -> None:
    with granting(tmp_path, bare(), {**ADA, "protocols": ["imap"]}) as lab:
        lab.practice.faults.exchange_lag = timedelta(minutes=30)
        granted(lab)
        assert not opened(lab, "imap", mailing.ADA, mailing.app_only(lab.practice, lab.made))
        lab.pass_time(minutes=31)
        assert opened(lab, "imap", mailing.ADA, mailing.app_only(lab.practice, lab.made))


def test_two_engineers_who_plan_the_same_make_it_once(tmp_path: Path) -> None:
    made = without_smtp_consent(bare())
    with granting(tmp_path, made, ADA, smtp="rbac") as lab:
        first, second = (lab.run.mailboxes.plan(lab.run.mailboxes.look()) for _ in range(2))
        assert lab.run.carry_out(first, apply=True).whole
        after = lab.exchange()
        receipt = lab.run.carry_out(second, apply=True)
        assert {entry.outcome for entry in receipt.entries} == {"already"}
        assert lab.exchange() == after


def test_the_record_fits_its_schema_and_names_what_was_done(tmp_path: Path) -> None:
    with granting(tmp_path, bare(), ADA) as lab:
        part: mailboxes.Granting = lab.run.mailboxes
        found = part.look()
        change = part.plan(found)
        receipt = lab.run.carry_out(change, apply=True)
        text = part.keep(part.look(), change, receipt).read_text(encoding="utf-8")
        assert '"mailauth/mailboxes/1"' in text
        assert receipt.where in text


@pytest.mark.parametrize("name", ["Mail'); Remove-Mailbox ada; ('", "<script>alert(1)</script>", "Post\u2019s \u202e"])
def test_a_hostile_name_is_sent_as_it_is_and_comes_back_as_it_is(tmp_path: Path, name: str) -> None:
    with granting(tmp_path, bare(), {**ADA, "protocols": ["imap"]}) as lab:
        found = lab.run.mailboxes.look()
        change = lab.run.mailboxes.plan(replace(found, app=replace(found.app, name=name)))
        assert lab.run.carry_out(change, apply=True).whole
        assert [one["display_name"] for one in lab.exchange()["principals"]] == [name]


CALLS = (
    "New-ServicePrincipal",
    "Add-MailboxPermission",
    "Add-RecipientPermission",
    "Set-CASMailbox",
    "Enable-OrganizationCustomization",
    "New-ManagementScope",
    "New-ManagementRoleAssignment",
)


@pytest.mark.parametrize("cmdlet", CALLS)
@pytest.mark.parametrize("kind", ["drop", "truncate"])
def test_a_reply_that_is_lost_after_any_call_leaves_nothing_doubled_and_the_undo_whole(
    tmp_path: Path, cmdlet: str, kind: Any
) -> None:
    made = without_smtp_consent(bare(dehydrated=True))
    with granting(tmp_path, made, {**ADA, "send_as": [mailing.INVOICES]}, smtp="rbac") as lab:
        before = lab.exchange()
        lab.practice.faults.add("exchange", kind, operation=cmdlet)
        where = granted(lab)
        assert lab.practice.faults.armed == ()
        held = lab.exchange()
        made_once = (
            "principals",
            "mailbox_permissions",
            "recipient_permissions",
            "management_scopes",
            "role_assignments",
        )
        assert {name: len(held[name]) for name in made_once} == dict.fromkeys(made_once, 1)
        taken_back(lab, where)
        assert lab.exchange() == {**before, "dehydrated": False}


def test_another_engineers_choice_stops_the_step_and_both_versions_are_kept(tmp_path: Path) -> None:
    with granting(tmp_path, bare(), {**ADA, "protocols": ["smtp"]}) as lab:
        change = lab.run.mailboxes.plan(lab.run.mailboxes.look())
        with mailing.changing(lab.practice, lab.made) as made:
            made.ada_box.smtp_auth_disabled = True
        receipt = lab.run.carry_out(change, apply=True)
        entry = next(each for each in receipt.entries if each.step.startswith("smtp-auth-on"))
        assert (entry.outcome, entry.seen) == ("foreign", {"SmtpClientAuthenticationDisabled": True})
        assert lab.exchange()["mailboxes"][1]["smtp_auth_disabled"] is True


def test_a_role_that_may_not_make_apps_known_is_named_and_nothing_after_it_is_sent(tmp_path: Path) -> None:
    """E2: the cmdlet is hidden from whoever lacks the role."""
    made = bare()
    recipient_administrator = "31392ffb-586c-42d1-9346-e59415a2cc4e"
    for one in made.estate.tenant.directory.role_assignments:
        if made.estate.tenant.directory.principal(one.principal_id):
            one.role_template_id = recipient_administrator
    with granting(tmp_path, made, ADA) as lab:
        before = lab.exchange()
        change = lab.run.mailboxes.plan(lab.run.mailboxes.look())
        assert change.steps == ()
        assert any(check.outcome == "cannot know" for check in change.checks)
        assert lab.exchange() == before


def test_the_number_of_calls_grows_with_pages_and_not_with_mailboxes_where_the_service_allows(tmp_path: Path) -> None:
    made = bare()
    names = [f"scanner{number:03}" for number in range(300)]
    for name in names:
        made.estate.mailbox(made.estate.user(name, name))
    wanted = [{"address": f"{name}@woodgrove.example", "protocols": ["imap"]} for name in names[:10]]
    with granting(tmp_path, made, *wanted) as lab:
        found = lab.run.mailboxes.look()
        # A request for each mailbox that is planned for what has no bulk form, twice; the rest is pages.
        assert found.organization.calls < 2 * len(wanted) + 20
        assert len(lab.run.mailboxes.plan(found).steps) == 1 + len(wanted)


class Collected:
    """What the collector's witness wants at hand, for the tenant of a run."""

    def __init__(self, lab: Lab, exchange: Exchange) -> None:
        self.made = lab.made
        self.exchange = exchange


def test_what_a_script_collected_is_planned_over_like_a_look_and_nobody_is_asked(tmp_path: Path) -> None:
    with granting(tmp_path, bare(), {**ADA, "send_as": [mailing.INVOICES]}) as lab:
        tenant, who = lab.run.tenant, lab.run.reader()
        live = lab.run.mailboxes.plan(lab.run.mailboxes.look())
        text = lab.run.mailboxes.collecting().text
        pace = Pace(50, 10.0)
        with (
            Exchange(tenant.cloud, who, tenant_id=TENANT) as exchange,
            Graph(tenant.cloud, who, pace=pace, needs="") as graph,
        ):
            witness: Any = Collected(lab, exchange)
            held = Witness(witness, graph, [mailing.ADA, mailing.INVOICES]).file(text)
        (tmp_path / "collected.json").write_text(held, encoding="utf-8")
        # Whoever asks now is refused.
        lab.practice.faults.add("any", "unavailable", times=0)
        found = lab.run.mailboxes.look(collected=str(tmp_path / "collected.json"))
        same = lab.run.mailboxes.plan(found)
        assert [(step.id, step.do, step.undo, step.before) for step in same.steps] == [
            (step.id, step.do, step.undo, step.before) for step in live.steps
        ]
        assert lab.run.mailboxes.tested(found, collected="x") == ()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with granting(tmp_path, bare(), ADA) as lab, pytest.raises(ConfigurationError, match=r"^collected: none\.json"):
        lab.run.mailboxes.look(collected="none.json")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        pytest.param({"let_passwords_in": "nobody@woodgrove.example"}, "let_passwords_in: found nobody@", id="unknown"),
        pytest.param({"let_passwords_in": "ada"}, "let_passwords_in: ", id="no address"),
        pytest.param({"remove_extra": "ada\\\\bob"}, "remove_extra: ", id="no address to remove"),
    ],
)
def test_a_parameter_that_is_wrong_is_named(tmp_path: Path, told: dict[str, str], said: str) -> None:
    with granting(tmp_path, bare(), ADA) as lab, pytest.raises(ConfigurationError, match=f"^{said}"):
        lab.run.mailboxes.plan(lab.run.mailboxes.look(), **told)


def test_another_app_of_the_tenants_file_is_named_with_those_that_there_are(tmp_path: Path) -> None:
    with (
        granting(tmp_path, bare(), ADA) as lab,
        pytest.raises(ConfigurationError, match=r"'relay'; woodgrove has mail"),
    ):
        lab.run.mailboxes.look("relay")


def test_from_addresses_that_were_seen_in_use_get_send_as_and_doubtful_ones_wait(tmp_path: Path) -> None:
    made = bare()
    now = made.estate.now
    for sender in (mailing.ADA, mailing.INVOICES):
        made.estate.tenant.exchange.traced_messages.append(
            TracedMessage(
                received=now, sender=sender, recipient="bob@fabrikam.example", subject="", from_ip="192.0.2.7"
            )
        )
    with granting(tmp_path, made, {**ADA, "protocols": ["smtp"]}) as lab:
        unknown = lab.run.mailboxes.look()
        assert [each.state for each in unknown.coverage if each.what == "From addresses in use"] == ["unknown"]
        _found_by_10(lab, {mailing.ADA: "192.0.2.7"})
        lab.pass_time(minutes=1)
        sure = lab.run.mailboxes.plan(lab.run.mailboxes.look())
        assert f"send-as:{mailing.INVOICES}:{mailing.ADA}" in [step.id for step in sure.steps]
        # Somebody else sends from there, too: it may have been theirs.
        _found_by_10(lab, {mailing.ADA: "192.0.2.7", mailing.INVOICES: "192.0.2.7"})
        found = lab.run.mailboxes.look()
        assert not [step for step in lab.run.mailboxes.plan(found).steps if step.group == "SendAs"]
        assert "ask: others send from there too" in str(shown.froms(found))


def _found_by_10(lab: Lab, senders: dict[str, str]) -> None:
    groups = [
        {"user": user, "protocol": "SMTP AUTH", "network": {"address": network}} for user, network in senders.items()
    ]
    path = lab.run.folder / "evidence" / "10-find-basic-auth.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"data": {"groups": groups}}), encoding="utf-8")


def test_the_only_person_on_a_shared_mailbox_is_found_with_what_they_may_send_as(tmp_path: Path) -> None:
    made = bare()
    made.estate.full_access(made.invoices, made.ada.id)
    made.estate.send_as(made.invoices, made.ada.id)
    made.ada_box.smtp_auth_disabled = False
    with granting(tmp_path, made, INVOICES, flow="interactive", client_id=made.client.app_id) as lab:
        change = lab.run.mailboxes.plan(lab.run.mailboxes.look())
        assert (change.steps, {check.outcome for check in change.checks}) == ((), {"ok"})


@pytest.mark.full
def test_the_command_plans_grants_and_prints_the_script(tmp_path: Path) -> None:
    with granting(tmp_path, bare(), ADA) as lab:
        planned = command(tmp_path, "grant")
        assert (planned.returncode, "Have Exchange know “mail”" in planned.stdout) == (1, True), planned.stderr
        script = command(tmp_path, "grant", "--script")
        assert (script.returncode, "Add-MailboxPermission" in script.stdout) == (0, True), script.stderr
        done = command(tmp_path, "grant", "--apply")
        assert done.returncode == 0, done.stdout + done.stderr
        assert command(tmp_path, "grant").returncode == 0
        assert opened(lab, "imap", mailing.ADA, mailing.app_only(lab.practice, lab.made))


@pytest.mark.parametrize("more_than_wanted", [False, True])
def test_the_command_ends_by_what_is_left_after_it_and_not_by_what_was_wrong_before(
    tmp_path: Path, more_than_wanted: bool
) -> None:
    made = bare()
    exchange = made.estate.tenant.exchange
    wrong = ExchangePrincipal(object_id=made.daemon.id, app_id=made.daemon.app_id, display_name="Old", sid="S-1-5-21-7")
    exchange.principals = [wrong]
    boxes = (made.ada_box, made.invoices) if more_than_wanted else (made.ada_box,)
    exchange.mailbox_permissions = [MailboxPermission(mailbox=box.guid, trustee=wrong.sid) for box in boxes]
    with granting(tmp_path, made, {**ADA, "protocols": ["imap"]}):
        done = command(tmp_path, "grant", "--apply")
    assert done.returncode == int(more_than_wanted), done.stdout + done.stderr
    assert (f"more than is wanted: {mailing.INVOICES}" in done.stdout) == more_than_wanted


def command(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line on the tenant."""
    asked = [
        sys.executable,
        "-m",
        "mailauth",
        *arguments,
        "--tenant",
        "woodgrove",
        "--config",
        str(folder / "tenants.yaml"),
    ]
    environment = {**os.environ, "MAILAUTH_HOME": str(folder / "home")}
    return subprocess.run(
        [*asked, "--out", str(folder)], capture_output=True, text=True, check=False, timeout=120, env=environment
    )
