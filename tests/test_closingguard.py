"""Who would take passwords by what turns SMTP AUTH on, or by what takes a policy back, on Exchange's own values."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from mailauth import closingguard, closingsteps, mailsteps, plan, receipts
from mailauth.closingguard import GUARDED, TOOK
from mailauth.organization import Organization
from mailauth.plan import Plan, Receipt, Step
from mailauth.waves import Excepted, Wave
from tests.closings import DAY, NOW, POLICY, box, organization, receipt

ADA, BOB = "ada@w.example", "bob@w.example"
MAKE = closingsteps.policy(POLICY)
STRICT = closingsteps.strict("Mail", settles=DAY)


def given(name: str = "ada", policy: str = POLICY, **fields: Any) -> Step:
    return closingsteps.assigned(box(name, **fields), policy, settles=DAY)


def held(*boxes: Any, policies: Any = None, **fields: Any) -> Organization:
    return organization(*boxes, policies={POLICY: False} if policies is None else policies, **fields)


def done(*steps: Step, took: tuple[str, ...] | None = ()) -> Receipt:
    """Return the receipt of steps; *took* is who took passwords before, None where nobody had looked."""
    made = receipt(steps, NOW)
    return replace(made, plan=replace(made.plan, noted={} if took is None else {TOOK: took}))


def opened(made: Receipt, *boxes: Any, **fields: Any) -> tuple[str, ...]:
    return closingguard.opened(made, held(*boxes, **fields))


def noted(*steps: Step, by: Organization) -> tuple[str, ...]:
    change = Plan("p", "Wave pilot: x", "w", "w.example", "public", steps)
    return closingguard.noted(change, by).noted.get(TOOK, ("nobody has looked",))


@pytest.mark.parametrize(
    ("fields", "smtp_off", "bare"),
    [
        pytest.param({"smtp": "on"}, True, (ADA,), id="on"),
        pytest.param({"smtp": "off"}, False, (), id="off"),
        pytest.param({"smtp": "inherit"}, True, (), id="off with the organization"),
        pytest.param({"smtp": "inherit"}, False, (ADA,), id="on with the organization"),
        pytest.param({"smtp": "inherit"}, None, (ADA,), id="the organization's was not read"),
        pytest.param({"smtp": "unknown"}, True, (ADA,), id="its own was not read"),
    ],
)
def test_a_switch_that_is_on_or_may_be_forbids_to_take_its_policy(fields: Any, smtp_off: Any, bare: Any) -> None:
    mine = box("ada", authentication_policy=POLICY, **fields)
    assert opened(done(MAKE, given()), mine, smtp_off=smtp_off) == bare


def test_who_took_passwords_before_gets_them_back_and_nobody_else_does() -> None:
    boxes = [box(name, authentication_policy=POLICY, smtp="on", guid=f"g-{name}") for name in ("ada", "bob")]
    both = given("ada"), given("bob")
    assert opened(done(*both, took=("g-ada",)), *boxes) == (BOB,)
    assert opened(done(*both, took=None), *boxes) == (ADA, BOB)


def test_a_mailbox_that_came_to_a_policy_later_is_not_opened_with_it() -> None:
    later = box("bob", authentication_policy="Mail", smtp="on")
    assert opened(done(STRICT), later, policies={"Mail": False}) == (BOB,)
    assert opened(done(STRICT), box("bob", smtp="on"), policies={"Mail": False}, default_policy="Mail") == (BOB,)
    assert opened(done(STRICT), box("bob", smtp="on"), policies={"Mail": False}) == ()


def test_the_default_guards_whoever_follows_it() -> None:
    default = closingsteps.default_policy("", POLICY, settles=DAY)
    boxes = box("ada", smtp="on"), box("bob", smtp="on", authentication_policy=POLICY)
    assert opened(done(default), *boxes, default_policy=POLICY) == (ADA,)
    other = closingsteps.default_policy("Other", POLICY, settles=DAY)
    strict = {POLICY: False, "Other": False}
    assert opened(done(other), *boxes, default_policy=POLICY, policies=strict) == ()


def test_what_falls_back_to_a_default_that_goes_with_it_is_opened() -> None:
    default = closingsteps.default_policy("", POLICY, settles=DAY)
    mine = box("ada", smtp="on", authentication_policy=POLICY)
    assert opened(done(given()), mine, default_policy=POLICY) == ()
    assert opened(done(given(), default), mine, default_policy=POLICY) == (ADA,)


def test_only_what_the_receipt_did_is_taken_back_and_only_from_whom_still_has_it() -> None:
    mine = box("ada", smtp="on", authentication_policy=POLICY)
    late = replace(done(given()), entries=(plan.Entry(given().id, "already", NOW),))
    assert opened(late, mine) == ()
    sealed = replace(mine, authentication_policy="Sealed")
    assert opened(done(given()), sealed, policies={POLICY: False, "Sealed": False}) == ()
    assert closingguard.is_guard(done(given()))
    assert not closingguard.is_guard(late)
    assert not closingguard.is_guard(done(mailsteps.submission(box("ada", smtp="off"))))


def test_a_policy_that_was_not_read_is_taken_for_one_that_keeps_passwords_out() -> None:
    unread = replace(held(box("ada", smtp="on", authentication_policy=None)), policies=None)
    assert closingguard.opened(done(given()), unread) == (ADA,)


@pytest.mark.parametrize(
    ("fields", "policies", "bare"),
    [
        pytest.param({"authentication_policy": POLICY}, {POLICY: False}, (), id="refuses"),
        pytest.param({"authentication_policy": POLICY}, {POLICY: True}, (ADA,), id="takes passwords"),
        pytest.param({"authentication_policy": POLICY}, {}, (ADA,), id="is not there"),
        pytest.param({"authentication_policy": None}, {POLICY: False}, (ADA,), id="was not read"),
        pytest.param({"authentication_policy": ""}, {POLICY: False}, (ADA,), id="none"),
    ],
)
def test_a_switch_is_turned_on_only_where_a_policy_is_seen_to_refuse(fields: Any, policies: Any, bare: Any) -> None:
    there = box("ada", smtp="off", **fields)
    change = Plan("p", "Wave pilot: x", "w", "w.example", "public", (mailsteps.submission(there),))
    wave = Wave("pilot", "pilot", (ADA,))
    noted = closingguard.noted(change, held(there), wave)
    assert noted.noted == {GUARDED: (ADA,)}
    assert closingguard.unguarded(noted, held(there, policies=policies)) == bare
    spared = replace(wave, excepted=(Excepted(ADA, "in March", date(2027, 3, 31)),))
    assert closingguard.noted(change, held(there), spared).noted == {GUARDED: ()}
    assert closingguard.unguarded(noted, held(box("bob"))) == (ADA,)


def test_a_switch_that_is_turned_on_again_needs_its_policy_again() -> None:
    change = replace(receipt([mailsteps.submission(box("ada", smtp="off"))], NOW).plan, noted={GUARDED: (ADA,)})
    back = plan.undo(Receipt(change, (plan.Entry(change.steps[0].id, "done", NOW),)), id="back", now=NOW)
    again = plan.undo(Receipt(back, (plan.Entry(change.steps[0].id, "done", NOW),)), id="again", now=NOW)
    assert (closingguard.guarded(back), closingguard.guarded(again)) == ((), (ADA,))
    assert closingguard.unguarded(again, held(box("ada", smtp="off"))) == (ADA,)


def test_a_plan_notes_who_takes_passwords_and_will_not() -> None:
    boxes = [box("ada", smtp="on", guid="G-ADA"), box("bob", smtp="on"), box("eve", smtp="off"), box("joe", smtp="on")]
    steps = [MAKE, *map(given, ("ada", "bob", "eve"))]
    assert noted(*steps, by=organization(*boxes)) == ("g-ada", "id-bob")
    follows = organization(
        box("ada"), box("bob", authentication_policy=POLICY), smtp_off=False, policies={POLICY: False}
    )
    assert noted(closingsteps.default_policy("", POLICY, settles=DAY), by=follows) == ("id-ada",)
    lax = organization(box("ada", smtp="on", authentication_policy="Mail"), box("bob"), policies={"Mail": True})
    assert noted(STRICT, by=lax) == ("id-ada",)


def test_what_was_not_read_is_not_noted_and_a_plan_without_policies_notes_nothing() -> None:
    steps = [MAKE, *map(given, ("ada", "bob"))]
    unread = organization(box("ada", smtp="unknown"), box("bob", smtp="on", authentication_policy=None))
    assert noted(*steps, by=unread) == ()
    assert noted(mailsteps.submission(box("ada", smtp="off")), by=unread) == ("nobody has looked",)


def test_what_takes_policies_back_notes_anew_whose_passwords_it_ends() -> None:
    back = plan.undo(done(given(), took=("g-ada",)), id="back", now=NOW)
    mine = box("ada", smtp="on", authentication_policy=POLICY)
    assert closingguard.noted(back, held(mine)).noted == {TOOK: ()}
    again = plan.undo(Receipt(back, (plan.Entry(given().id, "done", NOW),)), id="again", now=NOW)
    assert closingguard.noted(again, held(box("ada", smtp="on"))).noted == {TOOK: ("id-ada",)}


def test_a_script_compares_with_what_was_set_and_says_what_is_left() -> None:
    default = closingsteps.default_policy("Old", POLICY, settles=DAY)
    back = plan.undo(done(MAKE, STRICT, given("ada", authentication_policy="Other"), default), id="back", now=NOW)
    left = closingguard.restored(back)
    assert left == closingguard.Restored(
        held={"ada@w.example": POLICY, "": POLICY},
        given={"ada@w.example": "Other", "": "Old"},
        altered={"mail": False, POLICY.lower(): False},
    )
    again = plan.undo(Receipt(back, tuple(plan.Entry(step.id, "done", NOW) for step in back.steps)), id="2", now=NOW)
    stood = closingguard.restored(again)
    assert stood
    assert (stood.given, stood.altered) == (left.held, {"mail": True, POLICY.lower(): True})
    assert closingguard.restored(Plan("p", "x", "w", "w.example", "public", (MAKE, given()))) is None


def test_the_receipt_keeps_the_note_so_does_its_undo_and_an_older_receipt_is_read() -> None:
    made = done(given(), took=("g-ada",))
    text = receipts.header(made.plan, by="w")
    read = receipts.read(text, where="r", tenant_id="w.example", cloud="public")
    assert read.plan == made.plan
    assert plan.undo(made, id="back", now=NOW).noted == made.plan.noted
    old = text.replace(', "noted": {"takes passwords by SMTP AUTH": ["g-ada"]}', "")
    old = old.replace(', "takes_back": false', "")
    assert len(text) - len(old) > 60
    assert receipts.read(old, where="r", tenant_id="w.example", cloud="public").plan.noted == {}
