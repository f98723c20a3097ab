"""The plan of a wave: what comes next and nothing before it, readable, and what takes it back."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth import closable, closing, closingsteps, conditions, decisions, mailsteps, plan, waves
from mailauth.closable import Known, Proof
from mailauth.closingrecord import Look
from mailauth.conditions import AccessPolicy, Conditions
from mailauth.organization import Plan as MailboxPlan
from mailauth.plan import Cmdlet, Entry, GraphCall, Receipt
from tests import closings
from tests.closings import (
    CLOSING,
    DAY,
    NOW,
    POLICY,
    PROOFS,
    box,
    closed_organization,
    group,
    known,
    organization,
    planned,
    receipt,
    record,
    tenant,
)

LAX = {"Lax": True}
OWN = {"authentication_policy": POLICY}


def sent(change: plan.Plan) -> list[tuple[str, dict[str, Any]]]:
    """Return the cmdlets of a plan with what they are given."""
    return [(step.do.name, dict(step.do.parameters)) for step in change.steps if isinstance(step.do, Cmdlet)]


def excepting(*names: str, policy: str = "") -> str:
    listed = ", ".join(f"{{address: {name}@w.example, reason: in March, until: 2027-03-31}}" for name in names)
    named = f"\n      policy: {policy}" if policy else ""
    return f"{CLOSING}\n      exceptions: [{listed}]{named}"


# --- the order ----------------------------------------------------------------------------------------


def test_a_policy_is_made_and_assigned_before_any_switch_is_touched() -> None:
    change = planned(known(organization(), since={}, proofs=()))
    assert sent(change) == [
        ("New-AuthenticationPolicy", {"Name": POLICY}),
        ("Set-User", {"Identity": "ada@w.example", "AuthenticationPolicy": POLICY}),
        ("Set-User", {"Identity": "canary@w.example", "AuthenticationPolicy": POLICY}),
    ]
    assert [step.lag for step in change.steps] == [timedelta(), DAY, DAY]


def test_an_organization_that_was_never_customized_is_made_ready_first() -> None:
    change = planned(known(organization(dehydrated=True), since={}, proofs=()))
    assert sent(change)[0] == ("Enable-OrganizationCustomization", {})


ASSIGNED = organization(box("ada", **OWN), box("canary", **OWN), box("bob", smtp="on"), policies={POLICY: False})


def test_nothing_is_planned_until_the_policy_counts() -> None:
    told = known(ASSIGNED, since={"ada@w.example": NOW - DAY / 2, "canary@w.example": NOW - DAY / 2})
    change = planned(told)
    assert change.steps == ()
    assert [str(check) for check in change.checks] == [
        "WRONG: policy: pilot (assigned, and it counts at the latest at 2026-11-28 00:00 UTC). "
        "Look again at 2026-11-28 00:00 UTC."
    ]
    [wave, _] = closings.made(told)
    assert closing.standing(wave, told).counts_at == NOW + DAY / 2


def test_then_smtp_auth_is_switched_on_for_what_sends_with_a_token_and_nobody_else() -> None:
    assert sent(planned(known(ASSIGNED))) == [
        ("Set-CASMailbox", {"Identity": "ada@w.example", "SmtpClientAuthenticationDisabled": False}),
        ("Set-CASMailbox", {"Identity": "canary@w.example", "SmtpClientAuthenticationDisabled": False}),
    ]


def on(**fields: Any) -> Known:
    """Return a tenant where nothing is begun, and SMTP AUTH is on for the pilot, which sends with a password today."""
    return known(organization(box("ada", smtp="on"), box("canary"), box("bob")), since={}, **fields)


@pytest.mark.parametrize(
    ("proofs", "said"),
    [
        pytest.param((), "no token was tried on it by SMTP", id="never tried"),
        pytest.param((replace(PROOFS[0], good=False),), "a token was not taken", id="not taken"),
        pytest.param((replace(PROOFS[0], at=NOW - DAY),), "and changed since", id="tried before the app changed"),
    ],
)
def test_no_policy_takes_a_password_before_a_token_of_its_mailbox_was_taken(
    proofs: tuple[Proof, ...], said: str
) -> None:
    granted = receipt([mailsteps.known("relay", "id-app", "id-object")], NOW - DAY / 2)
    told = on(proofs=proofs, receipts=(granted,))
    pilot = closings.made(told)[0]
    assert closing.stage(pilot, told) == "policy"
    [refusal] = closing.readiness(pilot, told)
    assert (refusal.kind, refusal.about) == ("proof", "ada@w.example")
    assert said in refusal.found
    assert planned(told).steps == ()
    assert len(sent(planned(on(proofs=PROOFS, receipts=(granted,))))) == 3


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"proofs": (*PROOFS, replace(PROOFS[0], good=False, at=NOW))}, id="its secret has run out"),
        pytest.param({"flipped": {"ada@w.example": NOW - timedelta(minutes=10)}}, id="its switch was flipped"),
    ],
)
def test_what_somebody_opened_again_is_closed_at_once_and_the_plan_says_that_no_token_was_taken(more: Any) -> None:
    """Its mail does not hang on a password that had ended; one that was opened by an undo waits for a token."""
    lax = box("ada", smtp="on", authentication_policy="Lax")
    held = closed_organization(policies={POLICY: False, **LAX})
    held = replace(held, mailboxes=(lax, *(held.mailboxes or ())[1:]))
    step = closingsteps.assigned(box("ada"), POLICY, settles=DAY)
    ended = receipt([step], NOW - 9 * DAY)
    told = known(held, receipts=(ended,), **more)
    change = planned(told)
    assert [name for name, _ in sent(change)] == ["Set-User"]
    assert [each.name for each in change.checks if each.outcome == "wrong"] == ["proof: ada@w.example"]
    back = receipt([step], NOW - 8 * DAY, undoes=ended.plan.id)
    assert planned(replace(told, receipts=(ended, back))).steps == ()


def test_a_policy_that_was_given_half_way_does_not_wait_for_another_token() -> None:
    step = closingsteps.assigned(box("ada"), POLICY, settles=DAY)
    held = organization(box("ada", smtp="on", **OWN), box("canary"), box("bob"), policies={POLICY: False})
    told = known(held, since={}, receipts=(receipt([step], NOW - timedelta(hours=1)),))
    assert [name for name, _ in sent(planned(told))] == ["Set-User"]


def test_a_token_before_the_policy_is_not_made_old_by_a_change_of_policies() -> None:
    made = receipt([closingsteps.policy(POLICY)], NOW - timedelta(hours=1))
    [kind] = [each.group for each in made.plan.steps]
    assert [each.group for each in on(receipts=(made,)).changes("ada@w.example")] == [kind]
    assert planned(on(proofs=PROOFS, receipts=(made,))).steps


def test_where_smtp_auth_is_off_no_token_can_be_tried_before_the_policy_and_the_plan_says_so() -> None:
    change = planned(known(organization(), since={}, proofs=()))
    assert change.steps
    assert "SMTP AUTH is off for ada@w.example: neither a token nor a password is taken" in "; ".join(
        check.found for check in change.checks
    )


def test_a_password_is_tried_when_no_change_is_left_that_would_make_the_try_old() -> None:
    held = closed_organization(smtp_off=False)
    told = known(held, proofs=PROOFS[:1])
    everybody = closings.made(told)[-1]
    assert (closing.stage(everybody, told), closing.is_unset(everybody, told)) == ("rest", True)
    assert [name for name, _ in sent(planned(told, "tenant"))] == ["Set-TransportConfig"]
    assert closing.standing(everybody, told).sentence.endswith("is to be closed; then a password is tried, once.")
    done = known(proofs=PROOFS[:1])
    off = known(replace(done.organization, mailboxes=(box("ada", **OWN), *(done.organization.mailboxes or ())[1:])))
    assert (closing.stage(everybody, off), closing.is_unset(everybody, off)) == ("switches", True)
    assert (closing.stage(everybody, done), closing.is_unset(everybody, done)) == ("prove", False)


def test_a_group_in_which_everybody_is_excepted_is_left_out_and_passed_over() -> None:
    whole = tenant(f"{CLOSING}\n      groups: {{copiers: [bob@w.example]}}")
    text = "senders:\n  - {user: bob@w.example, protocol: SMTP AUTH, exception_until: 2027-01-31}\n"
    decided = decisions.parse(text, Path("decisions.yaml"))
    told = known(closed_organization(default_policy=""))
    made = waves.of(whole, told.organization, told.findings, decided, today=NOW.date())
    pilot, copiers, everybody = made
    found = closing.standing(copiers, told)
    assert (found.word, found.stage) == ("left out", "left out")
    assert closing.readiness(copiers, told) == ()
    assert closing.readiness(everybody, told, before=(pilot, copiers)) == ()
    assert closing.standing(everybody, told).word == "closed"
    assert Look(told, made).wave().name == "tenant"


# --- what stands against it later ---------------------------------------------------------------------


def test_a_canary_that_is_somebodys_forbids_the_first_step() -> None:
    users = [{"user": "canary@w.example", "protocols": ["IMAP"], "last": "2026-11-26"}]
    told = known(organization(), since={}, proofs=(), findings=record(adoption={"users": users}))
    pilot = closings.made(told)[0]
    assert [(each.kind, each.about) for each in closing.readiness(pilot, told)] == [("canary", "canary@w.example")]
    assert planned(told).steps == ()


def test_of_a_canary_that_nobody_uses_it_is_said_what_no_record_shows() -> None:
    [check] = [each for each in planned(known(organization(), since={}, proofs=())).checks if "canary" in each.name]
    assert (check.outcome, "Outlook" in check.found) == ("ok", True)


def test_what_will_stand_against_a_later_step_is_known_from_the_first_look() -> None:
    users = [{"user": "bob@w.example", "protocols": ["SMTP AUTH"], "last": "2026-11-26"}]
    others = {"what": "messages sent by SMTP AUTH", "state": "partial", "source": "smtp_report"}
    exported = [*({**each, "source": "files"} for each in closings.WHOLE), others]
    found = record(adoption={"users": users}, coverage=exported)
    told = known(organization(), since={}, proofs=(), findings=found)
    pilot, everybody = closings.made(told, tenant("pilot: ada@w.example"))
    assert [each.kind for each in closing.later(pilot, told)] == ["canary"]
    assert closing.readiness(pilot, told) == ()
    held = closed_organization()
    done = known(replace(held, mailboxes=(*(held.mailboxes or ())[:2], box("bob", **OWN))), findings=found)
    [once] = closing.readiness(closings.made(done)[-1], done)
    assert (once.about, closing.later(closings.made(done)[-1], done)) == ("bob@w.example", ())
    assert "SMTP AUTH is off for it" in once.found
    [_, sender] = closing.later(everybody, told)
    assert (sender.kind, sender.about) == ("proof", "bob@w.example")
    assert "These records are files" in sender.found
    done = known()
    assert [closing.later(each, done) for each in closings.made(done)] == [(), ()]


@pytest.mark.parametrize(
    ("last", "smtp", "named", "stands"),
    [
        pytest.param("2026-01-01", "off", "ada", "closed", id="long ago"),
        pytest.param("2026-11-26", "off", "ada", "closing", id="yesterday"),
        pytest.param("2026-01-01", "on", "ada", "closing", id="it may send"),
        pytest.param("2026-01-01", "off", "bob", "closing", id="the tenants file names it"),
    ],
)
def test_who_was_seen_with_a_token_long_ago_and_cannot_send_is_no_sender_to_prove(
    last: str, smtp: Any, named: str, stands: str
) -> None:
    users = [{"user": "bob@w.example", "protocols": ["SMTP AUTH"], "last": last}]
    held = closed_organization()
    held = replace(held, mailboxes=(*(held.mailboxes or ())[:2], box("bob", smtp=smtp, **OWN)))
    told = known(held, findings=record(adoption={"users": users}))
    whole = tenant(mailboxes=f"[{{address: {named}@w.example, protocols: [smtp]}}]")
    everybody = closings.made(told, whole)[-1]
    assert closing.standing(everybody, told).word == stands
    said = [check.found for check in planned(told, "tenant", whole).checks if check.name.startswith("no longer")]
    assert [each[:33] for each in said] == (["SMTP AUTH is off for bob@w.example"[:33]] if stands == "closed" else [])


def test_who_may_send_for_a_shared_mailbox_is_read_before_switches_are_taken_away() -> None:
    held = closed_organization()
    left = (*(held.mailboxes or ())[:2], box("bob", smtp="on"))
    told = known(replace(held, mailboxes=left))
    everybody = replace(closings.made(told)[-1], unsigned=("desk@w.example",))
    assert closing.stage(everybody, told) == "rest"
    [refusal] = closing.readiness(everybody, told)
    assert (refusal.kind, refusal.about) == ("coverage", "desk@w.example")
    early = known(organization(), since={}, proofs=())
    assert [each.about for each in closing.later(everybody, early)] == ["desk@w.example"]


def test_the_rest_follows_once_tokens_are_taken_and_not_before() -> None:
    held = closed_organization(plans=(MailboxPlan("P1", imap=True, pop=False),), smtp_off=False, default_policy=POLICY)
    held = replace(held, mailboxes=(*(held.mailboxes or ())[:2], box("bob", smtp="on", **OWN)))
    assert planned(known(held, proofs=()), "tenant").steps == ()
    assert sent(planned(known(held), "tenant")) == [
        ("Set-CASMailbox", {"Identity": "bob@w.example", "SmtpClientAuthenticationDisabled": None}),
        ("Set-TransportConfig", {"SmtpClientAuthenticationDisabled": True}),
        ("Set-CASMailboxPlan", {"Identity": "P1", "ImapEnabled": False}),
    ]


def test_who_sends_with_a_token_and_follows_the_organization_gets_a_switch_before_that_goes_off() -> None:
    users = [{"user": "bob@w.example", "protocols": ["SMTP AUTH"], "last": "2026-11-26"}]
    held = closed_organization(smtp_off=False)
    held = replace(held, mailboxes=(*(held.mailboxes or ())[:2], box("bob", **OWN)))
    told = known(held, findings=record(adoption={"users": users}))
    assert sent(planned(told, "tenant")) == [
        ("Set-CASMailbox", {"Identity": "bob@w.example", "SmtpClientAuthenticationDisabled": False})
    ]


def test_where_all_is_set_and_proven_nothing_is_left() -> None:
    told = known()
    for wave in closings.made(told):
        assert closing.standing(wave, told).word == "closed"
        assert planned(told, wave.name).steps == ()


@pytest.mark.parametrize(
    ("findings", "word", "said"),
    [
        pytest.param(None, "cannot know", "nobody has looked", id="nobody looked"),
        pytest.param(
            record(state={"word": "cannot know", "sentence": "No log."}), "cannot know", "No log.", id="no log"
        ),
        pytest.param(
            record(group("ada", last_success="2026-11-27T10:30:00Z", moved=True)),
            "open",
            "a password was taken at 2026-11-27 10:30 UTC",
            id="a password was taken after it was refused",
        ),
        pytest.param(record(group("ada")), "closing", "Not closed yet: ada@w.example", id="a sender is not moved"),
        pytest.param(
            record(group("ada", last_success="2026-11-27T09:00:00Z", moved=True)),
            "closed",
            "A policy refuses passwords",
            id="it was taken before",
        ),
    ],
)
def test_sign_ins_that_contradict_it_keep_a_wave_from_being_called_closed(
    findings: dict[str, Any] | None, word: str, said: str
) -> None:
    told = known(findings=findings)
    for wave in closings.made(told):
        assert closing.standing(wave, told).word == word
        assert said in closing.standing(wave, told).sentence
        assert (closing.stage(wave, told) == "closed") is (word == "closed")
        assert bool(closing.readiness(wave, told)) is (word != "closed")


def test_a_password_that_was_taken_before_its_policy_counted_contradicts_nothing() -> None:
    since = {**closings.SINCE, "": NOW - timedelta(hours=3)}
    told = known(since=since, findings=record(group("bob", last_success="2026-11-27T10:30:00Z")))
    pilot, everybody = closings.made(told)
    assert (closing.standing(pilot, told).word, closing.standing(everybody, told).word) == ("closed", "closing")
    assert closing.stage(everybody, told) == "waiting"


def test_a_password_that_was_taken_after_the_last_try_lets_another_be_made() -> None:
    told = known(findings=record(group("ada", last_success="2026-11-27T10:30:00Z", moved=True)))
    at = closable.may_try(closings.made(told)[0], told)
    assert at == datetime(2026, 11, 27, 10, 30, tzinfo=UTC)


def adopted(user: str, last: str = "2026-11-26") -> dict[str, Any]:
    """Return somebody, or for an empty name an app as itself, who was seen to send with a token."""
    row = {"user": user, "protocols": ["SMTP AUTH"], "app": "Mailer", "app_id": "id-app", "last": last}
    return record(adoption={"users": [row]})


def test_a_sender_that_nobody_can_try_keeps_a_wave_from_being_called_closed_until_it_was_seen_again() -> None:
    held = closed_organization()
    held = replace(held, mailboxes=(*(held.mailboxes or ())[:2], box("bob", **OWN, smtp="on")))
    told = known(held, findings=adopted("bob@w.example"))
    everybody = closings.made(told)[-1]
    assert closing.standing(everybody, told).word == "closing"
    assert "bob@w.example: not proven" in closing.standing(everybody, told).sentence
    assert [(each.kind, each.about) for each in closing.readiness(everybody, told)] == [("proof", "bob@w.example")]
    again = known(held, findings=adopted("bob@w.example", "2026-11-27"))
    assert closing.standing(closings.made(again)[-1], again).word == "closed"


def test_a_switch_that_is_on_is_a_persons_to_explain_while_an_app_sends_as_itself() -> None:
    held = closed_organization()
    held = replace(held, mailboxes=(*(held.mailboxes or ())[:2], box("bob", **OWN, smtp="on")))
    told = known(held, findings=adopted(""))
    everybody = closings.made(told)[-1]
    [refusal] = closing.readiness(everybody, told)
    assert (refusal.kind, refusal.about) == ("sender", "bob@w.example")
    assert "Mailer may send from it" in refusal.found
    assert planned(told, "tenant").steps == ()
    assert sent(planned(known(held), "tenant"))[0][0] == "Set-CASMailbox"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        pytest.param({"policies": {POLICY: True}}, "open", id="the policy lets passwords in"),
        pytest.param({"policies": {}}, "open", id="the policy is gone"),
        pytest.param({"default_policy": ""}, "open", id="no default"),
        pytest.param({"smtp_off": False}, "closing", id="the organization's switch is on"),
        pytest.param({"plans": (MailboxPlan("P1", imap=True),)}, "closing", id="new mailboxes get IMAP"),
    ],
)
def test_what_somebody_opens_by_hand_is_not_closed_any_more(change: dict[str, Any], word: str) -> None:
    told = known(closed_organization(**change))
    everybody = closings.made(told)[-1]
    assert closing.standing(everybody, told).word == word


# --- which policy -------------------------------------------------------------------------------------


def names(**fields: Any) -> list[tuple[str, dict[str, Any]]]:
    policy = fields.pop("policy", "")
    whole = tenant(f"{CLOSING}\n      policy: {policy}") if policy else tenant()
    return sent(planned(known(organization(**fields), since={}, proofs=()), "pilot", whole))


def test_a_policy_that_refuses_passwords_is_found_and_the_default_is_the_first_choice() -> None:
    assert names(policies={"Other": False})[0][1]["AuthenticationPolicy"] == "Other"
    found = names(policies={"A": False, "Default": False}, default_policy="Default")
    assert found[0][1]["AuthenticationPolicy"] == "Default"
    assert names(policies=LAX)[0] == ("New-AuthenticationPolicy", {"Name": POLICY})


def test_the_policy_that_the_tenants_file_names_is_made_or_altered_and_never_lets_passwords_in() -> None:
    assert names(policy="Mine")[0] == ("New-AuthenticationPolicy", {"Name": "Mine"})
    assert names(policy="Mine", policies={"Mine": True})[0] == (
        "Set-AuthenticationPolicy",
        {"Identity": "Mine", "AllowBasicAuthSmtp": False},
    )


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"policies": {"Mine": True}, "default_policy": "Mine"}, id="it is the default"),
        pytest.param({"policies": {"Mine": True}, "others": True}, id="others have it"),
    ],
)
def test_a_policy_that_is_others_too_is_not_altered(fields: dict[str, Any]) -> None:
    others = fields.pop("others", False)
    bob = box("bob", authentication_policy="mine" if others else "")
    held = organization(box("ada"), box("canary"), bob, **fields)
    change = planned(known(held, since={}, proofs=()), "pilot", tenant(f"{CLOSING}\n      policy: Mine"))
    assert change.steps == ()
    assert [check.name for check in change.checks if check.outcome != "ok"] == ["policy: Mine"]


def test_in_the_last_wave_the_default_is_set_and_a_policy_of_ones_own_that_lets_passwords_in_is_replaced() -> None:
    boxes = (box("ada", **OWN), box("canary", **OWN), box("bob", authentication_policy="Lax"), box("eve"))
    change = planned(known(organization(*boxes, policies={POLICY: False, **LAX})), "tenant")
    assert sent(change) == [
        ("Set-User", {"Identity": "bob@w.example", "AuthenticationPolicy": POLICY}),
        ("Set-OrganizationConfig", {"DefaultAuthenticationPolicy": POLICY}),
    ]
    assert change.steps[0].undo == Cmdlet("Set-User", {"Identity": "bob@w.example", "AuthenticationPolicy": "Lax"})
    assert change.steps[1].undo == Cmdlet("Set-OrganizationConfig", {"DefaultAuthenticationPolicy": None})


# --- exceptions ---------------------------------------------------------------------------------------


def test_an_exception_keeps_its_password_and_everybody_else_gets_the_policy_by_name() -> None:
    boxes = (box("ada", **OWN), box("canary", **OWN), box("bob"), box("eve"))
    told = known(organization(*boxes, policies={POLICY: False}))
    change = planned(told, "tenant", tenant(excepting("bob")))
    assert sent(change) == [("Set-User", {"Identity": "eve@w.example", "AuthenticationPolicy": POLICY})]
    assert str(change.checks[0]) == (
        "ok: excepted: 1 mailbox (passwords go on for bob@w.example (until 2027-03-31): in March)"
    )


def test_an_exception_whose_password_a_policy_refuses_is_no_password_that_goes_on() -> None:
    """The default or a policy of its own was strict before it was excepted: its mail stops, and that is to be said."""
    for own in ({}, {"authentication_policy": POLICY}):
        boxes = (box("ada", **OWN), box("canary", **OWN), box("bob", **own))
        for off in (True, False):
            told = known(replace(closed_organization(smtp_off=off), mailboxes=boxes))
            change = planned(told, "tenant", tenant(excepting("bob")))
            assert not [step.id for step in change.steps if "kept" in step.id]
            assert str(change.checks[0]).startswith(
                "WRONG: excepted in vain: 1 mailbox (its own policy, or the default, refuses the password of bob@w.ex"
            )
            assert not any("passwords go on" in str(each) or "a strict one" in str(each) for each in change.checks)
            said = closing.standing(closings.made(told, tenant(excepting("bob")))[-1], told).sentence
            assert "Passwords go on" not in said
            assert "a policy refuses their passwords all the same: bob@w.example (until 2027-03-31)." in said


def test_a_default_that_lets_passwords_in_is_not_altered_under_an_exception_that_lives_by_it() -> None:
    boxes = (box("ada"), box("canary"), box("bob"))
    told = known(organization(*boxes, policies={"Mine": True}, default_policy="Mine"), since={}, proofs=())
    change = planned(told, "tenant", tenant(excepting("bob", policy="Mine")))
    assert change.steps == ()
    [check] = [each for each in change.checks if each.name == "policy: Mine"]
    assert "would end the exception of bob@w.example" in str(check)
    assert sent(planned(told, "tenant", tenant(f"{CLOSING}\n      policy: Mine")))


def test_an_exception_that_follows_the_organization_gets_a_switch_before_that_goes_off() -> None:
    held = closed_organization(smtp_off=False, default_policy="")
    change = planned(known(held), "tenant", tenant(excepting("bob")))
    assert [name for name, _ in sent(change)] == ["Set-CASMailbox", "Set-TransportConfig"]
    assert change.steps[0].title == "Keep SMTP AUTH on for bob@w.example, for passwords too, until 2027-03-31"
    assert "default authentication policy" in [check.name for check in change.checks]


def test_what_is_left_out_is_said_wherever_a_wave_is_called_closed() -> None:
    held = closed_organization(default_policy="")
    told = known(held)
    everybody = closings.made(told, tenant(excepting("bob")))[-1]
    found = closing.standing(everybody, told)
    assert (found.word, found.sentence) == (
        "closed",
        "A policy refuses passwords on 2 mailboxes; one was tried, and refused, on canary@w.example, and a token was "
        "taken for 1 sender, since the last change. Passwords go on, by name, for bob@w.example (until 2027-03-31). "
        "No policy covers new mailboxes: the default is set after 2027-03-31.",
    )
    own = (*(held.mailboxes or ())[:2], box("bob", authentication_policy="Lax"))
    covered = known(replace(closed_organization(policies={POLICY: False, **LAX}), mailboxes=own))
    last = closings.made(covered, tenant(excepting("bob")))[-1]
    assert closing.standing(last, covered).sentence.endswith("for bob@w.example (until 2027-03-31).")


def test_many_exceptions_are_a_line_for_each_kind_with_the_names_of_a_few() -> None:
    names = [f"m{number:02}" for number in range(12)]
    own = {"authentication_policy": POLICY, "smtp": "on"}
    boxes = (box("ada", **own), box("canary", **own), *map(box, names))
    blocks = [conditions.access_policy({**BLOCKS, "id": one, "displayName": one}) for one in ("first", "second")]
    access = Conditions(defaults=False, policies=tuple(blocks))
    told = known(replace(closed_organization(default_policy=""), mailboxes=boxes), conditions=access)
    change = planned(told, "tenant", tenant(excepting(*names)))
    lines = [check for check in change.checks if "m00@w.example" in str(check)]
    assert [(check.name, check.outcome) for check in lines] == [
        ("excepted: 12 mailboxes", "ok"),
        ("default authentication policy", "not configured"),
        ("Conditional Access against legacy clients", "wrong"),
        ("Conditional Access against legacy clients", "wrong"),
    ]
    assert all("m02@w.example" in str(check) and "and 9 more" in str(check) for check in lines)
    assert not any("m03@w.example" in str(check) for check in change.checks)


# --- Conditional Access -------------------------------------------------------------------------------

BLOCKS: dict[str, Any] = {
    "id": "ca",
    "displayName": "Block legacy",
    "state": "enabled",
    "conditions": {
        "clientAppTypes": ["exchangeActiveSync", "other"],
        "applications": {"includeApplications": ["All"]},
        "users": {"includeUsers": ["All"]},
    },
    "grantControls": {"operator": "OR", "builtInControls": ["block"]},
}


def template(access: Conditions) -> plan.Plan:
    return planned(known(conditions=access), "tenant")


def test_a_policy_against_legacy_clients_is_made_to_report_only() -> None:
    [step] = template(Conditions(defaults=False, policies=())).steps
    assert isinstance(step.do, GraphCall)
    assert step.do.body is not None
    assert (step.do.method, step.do.body["state"]) == ("POST", "enabledForReportingButNotEnforced")
    assert isinstance(step.undo, GraphCall)
    assert step.undo.method == "DELETE"
    made = conditions.access_policy(plan.resolve(step.do.body, {}))
    assert (made.include.everybody, made.effect("other"), made.reaches("other")) == (True, "stops", True)
    assert not made.reaches("mobileAppsAndDesktopClients")


THERE = conditions.access_policy(BLOCKS)


@pytest.mark.parametrize(
    "access",
    [
        pytest.param(Conditions(defaults=False, policies=None), id="not read"),
        pytest.param(Conditions(defaults=True, policies=()), id="security defaults"),
        pytest.param(Conditions(defaults=False, policies=(THERE,)), id="there"),
        pytest.param(
            Conditions(policies=(replace(THERE, state=closingsteps.REPORT_ONLY),)), id="there, and only reports"
        ),
    ],
)
def test_no_policy_is_made_beside_what_is_there_or_where_nothing_was_read(access: Conditions) -> None:
    told = known(closed_organization(), conditions=access)
    assert planned(told, "tenant").steps == ()
    assert closing.stage(closings.made(told)[-1], told) == "closed"


def test_a_policy_that_is_off_or_leaves_most_people_alone_is_none() -> None:
    some = {**BLOCKS, "conditions": {**BLOCKS["conditions"], "users": {"includeUsers": ["id-bob"]}}}
    for other in ({**BLOCKS, "state": "disabled"}, some):
        access = Conditions(defaults=False, policies=(conditions.access_policy(other),))
        assert [step.id for step in template(access).steps] == ["access-policy"]


def told_of_access(access: Conditions, **bob: Any) -> list[str]:
    boxes = (box("ada", **OWN, smtp="on"), box("canary", **OWN, smtp="on"), box("bob", **OWN, **bob))
    told = known(replace(closed_organization(), mailboxes=boxes), conditions=access)
    change = planned(told, "tenant", tenant(excepting("bob")))
    return [each.found for each in change.checks if each.name.startswith("Conditional Access")]


@pytest.mark.parametrize(
    ("held", "access", "said"),
    [
        ({"plans": None}, (), "mailbox plans."),
        ({}, None, "Conditional Access."),
        ({"plans": None}, None, "mailbox plans and Conditional Access."),
        ({}, (), ""),
    ],
)
def test_what_of_the_organization_was_not_read_is_said_where_it_is_called_closed(
    held: dict[str, Any], access: tuple[AccessPolicy, ...] | None, said: str
) -> None:
    told = known(closings.closed_organization(**held), conditions=Conditions(defaults=True, policies=access))
    pilot, everybody = closings.made(told)
    found = closing.standing(everybody, told)
    assert (found.word, found.sentence.rpartition("Not read, and not known to be closed: ")[2] if said else "") == (
        "closed",
        said,
    )
    assert ("Not read" in found.sentence) is bool(said)
    assert "Not read" not in closing.standing(pilot, told).sentence


def test_who_is_excepted_and_would_be_stopped_by_conditional_access_is_named() -> None:
    none = Conditions(defaults=False, policies=())
    emergency = "the policy leaves out no emergency account: nobody here knows which they are"
    assert told_of_access(none) == [emergency]
    assert told_of_access(none, object_id="") == [
        "excepted, and not left out of the policy, as no account was read: bob@w.example",
        emergency,
    ]
    there = Conditions(defaults=False, policies=(THERE,))
    assert told_of_access(there) == [
        "“Block legacy” is on",
        "excepted, and not left out of “Block legacy” by its own account: bob@w.example",
    ]
    spared = replace(THERE, exclude=replace(THERE.exclude, users=frozenset({"id-bob"})))
    assert told_of_access(Conditions(defaults=False, policies=(spared,))) == ["“Block legacy” is on"]


def test_a_tenant_whose_licence_does_not_have_it_is_closed_without_it() -> None:
    step = closingsteps.access_policy(())
    tried = receipt([step], NOW - DAY)
    refused = replace(tried, entries=(Entry(step.id, "refused", NOW - DAY, said="Your tenant is not licensed."),))
    told = known(conditions=Conditions(defaults=False, policies=()), receipts=(refused,))
    assert closing.stage(closings.made(told)[-1], told) == "closed"


def test_a_wave_that_is_closed_stays_so_while_the_default_of_others_comes_to_count() -> None:
    step = closingsteps.default_policy("", POLICY, settles=DAY)
    told = known(receipts=(receipt([step], NOW - DAY / 2, title="Wave tenant: a policy that takes no passwords"),))
    pilot, everybody = closings.made(told)
    assert closing.standing(pilot, told).word == "closed"
    assert closing.standing(everybody, told).counts_at == NOW + DAY / 2


# --- for a person, and at scale -----------------------------------------------------------------------


def many(count: int) -> Known:
    boxes = [box(f"m{number:04}", authentication_policy="Lax") for number in range(count)]
    held = organization(box("ada", **OWN), box("canary", **OWN), *boxes, policies={POLICY: False, **LAX})
    return known(held)


def test_five_thousand_mailboxes_are_planned_in_a_second_and_read_as_two_lines() -> None:
    told = many(5_000)
    began = time.process_time()
    change = planned(told, "tenant")
    spent = time.process_time() - began
    assert len(change.steps) == 5_001
    [assigned] = closing.groups(change)
    assert (assigned.group, assigned.count, len(assigned.titles)) == ("Policy assignment", 5_001, 3)
    assert len(assigned.leaves) == 1
    assert spent < 3


def test_of_many_alike_none_is_looked_at_by_itself() -> None:
    assert not any(step.watched for step in planned(many(21), "tenant").steps[:-1])
    assert all(step.watched for step in planned(many(19), "tenant").steps)


# --- undo ---------------------------------------------------------------------------------------------


def test_a_wave_is_taken_back_from_its_last_receipt_to_its_first_and_each_once() -> None:
    step = closingsteps.assigned(box("ada"), POLICY, settles=DAY)
    switch = closingsteps.following(box("bob", smtp="on"))
    policy = receipt([step], NOW - 3 * DAY, title="Wave pilot: a policy that takes no passwords")
    switches = receipt([switch], NOW - 2 * DAY, title="Wave pilot: SMTP AUTH on for what sends with OAuth")
    other = receipt([step], NOW - DAY, title="Wave tenant: close what is left")
    unapplied = Receipt(policy.plan)
    pilot = closings.made(known())[0]
    every = (policy, switches, other, unapplied)
    assert closing.receipts_of(every, pilot) == (switches, policy)
    back = receipt([switch], NOW, title="Undo: Wave pilot: SMTP AUTH on", undoes=switches.plan.id)
    assert closing.receipts_of((*every, back), pilot) == (policy,)


def test_half_an_undo_leaves_its_receipt_to_be_taken_back() -> None:
    steps = [closingsteps.following(box(name, smtp="on")) for name in ("bob", "eve")]
    switches = receipt(steps, NOW - DAY, title="Wave pilot: SMTP AUTH on for what sends with OAuth")
    back = receipt(steps, NOW, title="Undo: Wave pilot: SMTP AUTH on", undoes=switches.plan.id)
    half = replace(back, entries=(back.entries[0], replace(back.entries[1], outcome="refused")))
    pilot = closings.made(known())[0]
    assert closing.receipts_of((switches, half), pilot) == (switches,)
    assert closing.receipts_of((switches, half, back), pilot) == ()


@pytest.mark.parametrize("outcome", ["refused", "failed", "foreign", "already", "not reached"])
def test_a_receipt_that_changed_nothing_stands_in_no_undos_way(outcome: Any) -> None:
    made = receipt([closingsteps.following(box("bob", smtp="on"))], NOW, title="Wave tenant: close what is left")
    tenant = closings.made(known())[-1]
    nothing = replace(made, entries=(replace(made.entries[0], outcome=outcome),))
    assert closing.receipts_of((nothing,), tenant) == ()
    assert closing.receipts_of((replace(made, entries=(replace(made.entries[0], outcome="unclear"),)),), tenant)
    for_ever = receipt([mailsteps.customization()], NOW, title="Wave tenant: close what is left")
    assert closing.receipts_of((for_ever,), tenant) == ()
