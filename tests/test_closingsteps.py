"""The steps of closing: what each sends is what its cmdlet takes, and what takes it back is its inverse."""

from collections.abc import Sequence
from typing import Any

import pytest

from mailauth import closingsteps, cmdlets, plan, powershell
from mailauth.organization import Plan as MailboxPlan
from mailauth.plan import Cmdlet, Entry, Receipt, Step
from tests import closings, planned
from tests.closings import DAY, POLICY, box

BOB = box("bob", smtp="on", authentication_policy="Lax")
STEPS = (
    closingsteps.policy("Strict"),
    closingsteps.strict("Strict", settles=DAY),
    closingsteps.assigned(BOB, "Strict", settles=DAY),
    closingsteps.assigned(box("eve"), "Strict", settles=DAY),
    closingsteps.default_policy("", "Strict", settles=DAY),
    closingsteps.following(BOB),
    closingsteps.kept(box("eve"), "2027-03-31"),
    closingsteps.tenant_switch(),
    closingsteps.new_mailboxes(MailboxPlan("P1", imap=True, pop=True)),
    closingsteps.access_policy(["id-bob"]),
)
CMDLETS = [step for step in STEPS if isinstance(step.do, Cmdlet)]


def each(steps: Sequence[Step]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("step", steps, ids=lambda step: step.id)


@each(CMDLETS)
def test_what_is_sent_and_what_takes_it_back_are_cmdlets_that_the_facts_know(step: Step) -> None:
    for cmdlet in (step.do, step.undo, step.look.ask):
        assert isinstance(cmdlet, Cmdlet)
        known = cmdlets.known()[cmdlet.name]
        assert set(known.required) <= set(cmdlet.parameters) <= set(known.parameters)
        for name, value in cmdlet.parameters.items():
            assert value is not None or known.parameters[name].endswith("?")


@each(CMDLETS)
def test_whoever_sends_it_is_told_which_role_that_needs(step: Step) -> None:
    assert isinstance(step.do, Cmdlet)
    assert step.needs == (cmdlets.known()[step.do.name].role,)


@each([step for step in STEPS if step.before is not None])
def test_an_undo_sets_what_the_look_showed_before(step: Step) -> None:
    assert isinstance(step.undo, Cmdlet)
    assert step.before is not None
    assert {**step.before, "Identity": 0} == {**step.undo.parameters, "Identity": 0}


@each(STEPS)
def test_what_is_not_restored_and_how_long_the_old_state_acts_is_said(step: Step) -> None:
    silent = {closingsteps.policy("Strict").id}
    assert bool(step.leaves) is (step.id not in silent)
    if step.group in (closingsteps.ASSIGNED, closingsteps.POLICY) and step.leaves:
        assert step.lag == DAY
        assert "24 hours" in step.leaves


def test_a_look_at_a_policy_sees_that_one_alone_and_takes_an_absent_switch_for_off() -> None:
    look = closingsteps.strict("Strict", settles=DAY).look
    rows: list[dict[str, Any]] = [{"Name": "Lax", "AllowBasicAuthSmtp": True}, {"Name": "strict"}]
    assert plan.read(look, rows, {}) == ({"AllowBasicAuthSmtp": False}, {})
    assert plan.read(look, rows[:1], {}) == (None, {})


def test_nothing_of_ours_ever_allows_passwords_but_an_undo() -> None:
    for step in STEPS:
        assert "AllowBasicAuthSmtp': True" not in repr(step.do)
    assert "AllowBasicAuth" not in repr(closingsteps.policy("Strict").do)


def test_windows_powershell_is_told_off_and_nothing_in_the_words_it_knows() -> None:
    whole = planned.plan(*STEPS)
    text = powershell.script(whole)
    assert "Set-AuthenticationPolicy -Identity 'Strict' -AllowBasicAuthSmtp:$false -ErrorAction Stop" in text
    assert "Set-CASMailbox -Identity 'bob@w.example' -SmtpClientAuthenticationDisabled $null" in text
    assert "Set-TransportConfig -SmtpClientAuthenticationDisabled:$true" in text
    done = Receipt(whole, tuple(Entry(step.id, "done", closings.NOW) for step in STEPS))
    back = powershell.undo_script(done, now=closings.NOW)
    assert "Set-User -Identity 'eve@w.example' -AuthenticationPolicy $null" in back
    assert "Set-OrganizationConfig -DefaultAuthenticationPolicy $null" in back
    assert "-Method 'DELETE'" in back


def test_the_template_leaves_out_whom_it_is_told_to_and_switches_nothing_on() -> None:
    [step] = [one for one in STEPS if one.id == closingsteps.ACCESS]
    assert isinstance(step.do, plan.GraphCall)
    body = plan.resolve(step.do.body, {})
    assert body["conditions"]["users"] == {"includeUsers": ["All"], "excludeUsers": ["id-bob"]}
    assert body["state"] == "enabledForReportingButNotEnforced"
    assert step.after == {"state": "enabledForReportingButNotEnforced"}


def test_an_assignment_is_seen_to_be_done_where_exchange_writes_a_distinguished_name() -> None:
    step = closingsteps.assigned(box("eve"), "Strict", settles=DAY)
    row = {"ExternalDirectoryObjectId": "id-eve", "AuthenticationPolicy": "CN=Strict,CN=Auth Policies,DC=example"}
    seen, bound = plan.read(step.look, [row], {})
    assert plan.standing(step, seen, bound) == "after"


def test_a_mailbox_is_named_by_what_no_new_address_changes_and_else_by_its_address() -> None:
    eve = box("eve", guid="g-eve", smtp="on")
    for step in (closingsteps.assigned(eve, POLICY, settles=DAY), closingsteps.following(eve)):
        asked = [
            each.parameters["Identity"] for each in (step.do, step.look.ask, step.undo) if isinstance(each, Cmdlet)
        ]
        assert (asked, step.look.where) == (["g-eve"] * 3, {"ExternalDirectoryObjectId": "id-eve"})
    unread = box("eve", smtp="on", upn="e@w.example", object_id="")
    named = [closingsteps.assigned(unread, POLICY, settles=DAY), closingsteps.following(unread)]
    asked = [step.do.parameters["Identity"] for step in named if isinstance(step.do, Cmdlet)]
    assert (asked, {bool(step.look.where) for step in named}) == (["e@w.example", "eve@w.example"], {False})
