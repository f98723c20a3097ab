"""Waves: who goes with whom, who sends with OAuth, and who is left out by name."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from mailauth import decisions, tenants, waves
from mailauth.decisions import Decisions
from mailauth.organization import MailboxRight, Organization
from mailauth.waves import Excepted, Wave
from tests.closings import CLOSING, NOW, box, group, organization, record, tenant

GROUPS = f"{CLOSING}\n      groups: {{scanners: [scan@w.example, gone@w.example], desk: [Help@w.example]}}"


def of(
    closing: str = CLOSING,
    held: Organization | None = None,
    *,
    found: dict[str, Any] | None = None,
    decided: Decisions | None = None,
) -> tuple[Wave, ...]:
    return waves.of(tenant(closing), held or organization(), found or record(), decided, today=NOW.date())


def excepting(until: str) -> str:
    return f"{CLOSING}\n      exceptions: [{{address: bob@w.example, reason: in March, until: {until}}}]"


def test_the_pilot_goes_first_with_the_canary_and_the_tenant_last_with_everybody() -> None:
    pilot, everybody = of()
    assert (pilot.name, pilot.mailboxes) == ("pilot", ("ada@w.example", "canary@w.example"))
    assert (everybody.kind, everybody.mailboxes) == ("tenant", ("ada@w.example", "canary@w.example", "bob@w.example"))


def test_without_a_plan_the_tenant_is_one_wave_and_nobody_tries_a_password() -> None:
    [everybody] = of("{}")
    assert (everybody.name, everybody.canary, len(everybody.mailboxes)) == ("tenant", "", 3)


def test_groups_follow_in_the_order_of_the_file_by_primary_address_and_what_is_not_there_is_named() -> None:
    desk = box("desk", addresses=("desk@w.example", "help@w.example"))
    _, scanners, of_desk, _ = of(GROUPS, organization(box("ada"), box("canary"), box("scan"), desk))
    assert (scanners.mailboxes, scanners.unknown) == (("scan@w.example",), ("gone@w.example",))
    assert of_desk.mailboxes == ("desk@w.example",)


def test_while_no_mailbox_was_read_none_is_said_to_be_missing() -> None:
    assert [wave.unknown for wave in of(GROUPS, Organization())] == [(), (), (), ()]


def test_mailboxes_that_are_elsewhere_removed_or_exchanges_own_are_in_no_wave() -> None:
    others = (box("far", kind="MailUser"), box("old", soft_deleted=True), box("find", kind="DiscoveryMailbox"))
    held = organization(box("ada"), box("canary"), *others)
    assert of(held=held)[-1].mailboxes == ("ada@w.example", "canary@w.example")


def test_whoever_the_file_the_log_or_the_mail_report_knows_to_send_with_a_token_is_a_sender() -> None:
    users = [{"user": "bob@w.example", "protocols": ["SMTP AUTH"]}, {"user": "eve@w.example", "protocols": ["IMAP"]}]
    found = record(
        group("moved", moved=True),
        adoption={"users": users},
        reported=[{"address": "News@w.example", "account": "news@w.example", "basic": 0, "oauth": 3, "known": True}],
    )
    boxes = [box(name) for name in ("ada", "canary", "bob", "eve", "moved", "news")]
    everybody = of(held=organization(*boxes), found=found)[-1]
    assert everybody.provable == {"ada@w.example"}
    assert everybody.senders == {f"{name}@w.example" for name in ("ada", "bob", "moved", "news")}


def test_an_exception_leaves_its_mailbox_out_until_its_last_day_and_no_longer() -> None:
    on_its_last_day, over = of(excepting("2026-11-27"))[-1], of(excepting("2026-11-26"))[-1]
    assert on_its_last_day.excepted == (Excepted("bob@w.example", "in March", date(2026, 11, 27)),)
    assert "bob@w.example" not in on_its_last_day.mailboxes
    assert (over.excepted, [each.address for each in over.ended]) == ((), ["bob@w.example"])
    assert "bob@w.example" in over.mailboxes


def test_a_group_of_which_one_is_excepted_and_the_other_is_not_there_is_not_left_out() -> None:
    text = "senders:\n  - {user: bob@w.example, protocol: SMTP AUTH, exception_until: 2027-01-31}\n"
    decided = decisions.parse(text, Path("decisions.yaml"))
    for members, left_out in (("bob@w.example", True), ("bob@w.example, bobb@w.example", False)):
        _, copiers, _ = of(f"{CLOSING}\n      groups: {{copiers: [{members}]}}", decided=decided)
        assert copiers.left_out is left_out


def test_a_decision_with_a_last_day_is_an_exception_and_the_tenants_file_comes_before_it() -> None:
    text = "senders:\n  - {user: bob@w.example, protocol: SMTP AUTH, exception_until: 2027-01-31, note: old copier}\n"
    decided = decisions.parse(text, Path("decisions.yaml"))
    [one] = of(decided=decided)[-1].excepted
    assert (one.by, one.reason, one.until) == ("decisions", "old copier", date(2027, 1, 31))
    [other] = of(excepting("2026-12-24"), decided=decided)[-1].excepted
    assert (other.by, other.until) == ("tenants file", date(2026, 12, 24))


def test_a_decision_about_a_sign_in_without_a_protocol_is_an_exception_too() -> None:
    for protocol, count in (("Unknown", 1), ("Other clients", 1), ("IMAP", 0)):
        text = f"senders:\n  - {{user: bob@w.example, protocol: {protocol}, exception_until: 2027-01-31}}\n"
        decided = decisions.parse(text, Path("decisions.yaml"))
        assert len(of(decided=decided)[-1].excepted) == count


def test_a_mailbox_of_the_file_is_a_sender_even_where_no_app_can_prove_it() -> None:
    whole = replace(tenant(), mail_apps=())
    everybody = waves.of(whole, organization(), record(), None, today=NOW.date())[-1]
    assert everybody.senders == {"ada@w.example"}
    assert not everybody.provable


SHARED = "[{address: desk@w.example, kind: shared, protocols: [smtp]}]"
PEOPLE = "[{name: relay, client_id: 11111111-1111-1111-1111-111111111111, flows: [{kind: interactive}]}]"


def of_shared(*trustees: str, **fields: Any) -> Wave:
    """Return the last wave of a tenant that sends from a shared mailbox, which these people may open."""
    whole = tenant(mailboxes=SHARED)
    flows = tenants.load_text(f"tenants: [{{name: w, tenant_id: w.example, mail_apps: {PEOPLE}}}]", Path("t.yaml"))
    app = flows.tenant("w").mail_apps
    rights = tuple(MailboxRight("desk@w.example", f"{name}@w.example", ("FullAccess",)) for name in trustees)
    boxes = (box("canary"), box("hugo", **fields), box("ines"), box("desk", kind="SharedMailbox", licensed=False))
    held = replace(organization(*boxes), rights={"desk@w.example": rights} if trustees else {})
    return waves.of(replace(whole, mail_apps=app), held, record(), None, today=NOW.date())[-1]


def test_who_signs_in_for_a_shared_mailbox_that_sends_is_a_sender_as_notebook_40_has_it() -> None:
    alone = of_shared("hugo")
    assert alone.senders == {"hugo@w.example"}
    assert not alone.provable | {*alone.unsigned}


def test_of_several_who_may_sign_in_for_it_those_are_senders_whose_switch_somebody_turned_on() -> None:
    assert not of_shared("hugo", "ines").senders
    assert of_shared("hugo", "ines", smtp="on").senders == {"hugo@w.example"}


def test_a_shared_mailbox_of_which_was_not_read_who_opens_it_is_named() -> None:
    assert of_shared().unsigned == ("desk@w.example",)


def test_what_else_the_file_names_the_canary_as_is_told() -> None:
    assert [wave.canary_is for wave in of()] == ["", ""]
    named = tenant(mailboxes="[{address: canary@w.example, protocols: [imap]}]")
    made = waves.of(named, organization(), record(), None, today=NOW.date())
    assert made[0].canary_is == "mailboxes in the tenants file"
