"""What forbids the next step: senders, coverage, freezes, proofs older than the last change, new policies."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mailauth import closable, closing, closingrecord, closingsteps, mailsteps
from mailauth.closable import Known, Proof, Refusal
from mailauth.organization import AuthenticationPolicy, Organization
from mailauth.organization import Plan as MailboxPlan
from mailauth.plan import Step
from tests import closings
from tests.closings import (
    CLOSING,
    DAY,
    NOW,
    POLICY,
    PROOFS,
    WHOLE,
    box,
    closed_organization,
    group,
    known,
    receipt,
    record,
    tenant,
)

HOUR = timedelta(hours=1)


def refused(told: Known, name: str = "pilot", closing_: str = CLOSING) -> list[tuple[str, str]]:
    """Return what forbids the next step of a wave, as kind and what it is about."""
    [wave] = [each for each in closings.made(told, tenant(closing_)) if each.name == name]
    return [(each.kind, each.about) for each in closing.readiness(wave, told)]


def begun(**fields: Any) -> Known:
    """Return what is known before anything was done."""
    return known(closings.organization(**fields.pop("held", {})), since={}, proofs=(), **fields)


def test_nothing_forbids_what_is_to_be_done_where_nobody_sends_with_a_password() -> None:
    assert refused(begun()) == []
    assert refused(begun(), "tenant") == []


# --- senders ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        pytest.param("ada", {}, [("sender", "ada@w.example")], id="a sender"),
        pytest.param("ada", {"verdict": "basic_unconfirmed"}, [("sender", "ada@w.example")], id="unconfirmed"),
        pytest.param(
            "ada", {"verdict": "confirm_today"}, [("sender", "ada@w.example")], id="nobody has said who it is"
        ),
        pytest.param(
            "ada", {"protocol": "Unknown"}, [("sender", "ada@w.example")], id="the audit log names no protocol"
        ),
        pytest.param("ada", {"moved": True}, [], id="moved, as the log shows"),
        pytest.param("ada", {"verdict": "attack_noise"}, [], id="an attack"),
        pytest.param("ada", {"verdict": "suspected_compromise"}, [("sender", "ada@w.example")], id="a stranger"),
        pytest.param("ada", {"protocol": "IMAP"}, [], id="a protocol that takes no passwords any more"),
        pytest.param("ada", {"population": "guest"}, [], id="a guest"),
        pytest.param("bob", {}, [], id="in another wave"),
    ],
)
def test_a_sender_of_the_wave_that_still_uses_a_password_forbids_it(
    name: str, fields: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert refused(begun(findings=record(group(name, **fields)))) == expected


def test_a_sender_that_has_moved_by_more_than_the_log_is_none() -> None:
    found = record(group("ada"))
    assert refused(begun(findings=found, moved=frozenset({"id-ada"}))) == []
    assert refused(begun(findings=found, moved=frozenset({"ada@w.example"}))) == []


def test_the_last_wave_waits_for_senders_without_a_mailbox_too_and_not_for_those_excepted_by_name() -> None:
    found = record(group("ghost"), group("bob"))
    named = f"{CLOSING}\n      exceptions: [{{address: bob@w.example, reason: in March, until: 2027-03-31}}]"
    assert refused(begun(findings=found), "tenant", named) == [("sender", "ghost@w.example")]


def test_whom_nobody_has_confirmed_is_to_be_settled_and_never_excepted() -> None:
    told = begun(findings=record(group("ada", verdict="confirm_today"), group("ada")))
    found = [each.remedy for each in closable.open_senders(closings.made(told, tenant())[0], told)]
    assert found[0].startswith("Settle it first (10, attention). Whoever has writes it under done ")
    assert "closing.exceptions" in found[1]


def test_an_exception_that_has_ended_is_said_to_have() -> None:
    named = f"{CLOSING}\n      exceptions: [{{address: bob@w.example, reason: in March, until: 2026-11-26}}]"
    told = begun(findings=record(group("bob")))
    wave = closings.made(told, tenant(named))[-1]
    [refusal] = closable.open_senders(wave, told)
    assert refusal.found.endswith("; its exception ended on 2026-11-26")


def test_an_address_that_only_the_mail_report_knows_forbids_it() -> None:
    row = {"address": "ada@w.example", "account": "ada@w.example", "basic": 214, "oauth": 0, "known": False}
    assert refused(begun(findings=record(reported=[row]))) == [("sender", "ada@w.example")]
    assert refused(begun(findings=record(reported=[{**row, "known": True}]))) == []


@pytest.mark.parametrize(
    ("signs_in", "row"),
    [
        ({"upn": "x@w.example"}, {"user": "x@w.example"}),
        ({}, {"user": "x@w.example", "user_id": "id-ada"}),
        ({"upn": "new@w.example", "addresses": ("ada@w.example",)}, {"user": "x@w.example", "user_id": "ID-ADA"}),
    ],
    ids=["it signs in by what another one receives at", "its id tells", "it is called otherwise since"],
)
def test_a_password_is_of_whoever_signs_in_and_not_of_whoever_receives_at_that_name(
    signs_in: dict[str, Any], row: dict[str, Any]
) -> None:
    own = {"authentication_policy": POLICY, "smtp": "on"}
    bob = box("bob", addresses=("bob@w.example", "x@w.example"))
    held = replace(closed_organization(), mailboxes=(box("ada", **own, **signs_in), box("canary", **own), bob))
    told = known(held, findings=record({**group("ada"), **row}))
    assert refused(told) == [("sender", "x@w.example")]
    again = replace(told, findings=record({**group("ada"), **row, "last_success": "2026-11-27T11:00:00Z"}))
    assert [each.about for each in closable.reopened(closings.made(again)[0], again)] == ["x@w.example"]


# --- coverage -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        pytest.param(None, [("coverage", "sign-ins")], id="nobody looked"),
        pytest.param(record(made_at="2026-10-01T11:00:00Z"), [("coverage", "sign-ins")], id="long ago"),
        pytest.param(
            record(state={"word": "cannot know", "sentence": "No log."}), [("coverage", "sign-ins")], id="cannot know"
        ),
        pytest.param(
            record(
                state={"word": "cannot know", "sentence": "No log."},
                coverage=[
                    {"what": "sign-ins", "state": "complete", "reason": "", "remedy": ""},
                    {"what": "legacy sign-ins", "state": "absent", "reason": "no licence", "remedy": "Buy P1."},
                ],
            ),
            [("coverage", "legacy sign-ins")],
            id="which source",
        ),
    ],
)
def test_coverage_that_cannot_know_forbids_it_and_names_the_source(
    findings: dict[str, Any] | None, expected: list[tuple[str, str]]
) -> None:
    assert refused(begun(findings=findings)) == expected


def test_a_table_with_a_lost_day_says_which_and_what_can_be_done_about_it() -> None:
    lost = {"state": "partial", "reason": "1 day in between holds no record: 20 November 2026.", "remedy": "Add graph."}
    told = known(findings=record(coverage=[WHOLE[0], {**WHOLE[1], **lost}]))
    [refusal] = closing.readiness(closings.made(told)[0], told)
    assert refusal.found.endswith(
        "the non-interactive sign-ins are partial. 1 day in between holds no record: 20 November 2026."
    )
    assert refusal.remedy == "Add graph. Then run 10, and look again."


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        pytest.param(
            {"coverage": WHOLE[:1]}, "the non-interactive sign-ins are absent", id="no non-interactive sign-ins"
        ),
        pytest.param(
            {"held": {"from": "2026-11-20T00:00:00Z", "to": "2026-11-27T11:00:00Z"}},
            "the records begin only on 2026-11-20",
            id="a week of records",
        ),
        pytest.param({"missing_days": ["2026-11-20"]}, "1 day of them is missing", id="a hole"),
        pytest.param(
            {"last_look": "2026-11-19"}, "the records end on 2026-11-19, too early to speak of today", id="old records"
        ),
    ],
)
def test_records_that_do_not_hold_every_day_forbid_it_and_keep_a_wave_from_being_called_closed(
    fields: dict[str, Any], found: str
) -> None:
    told = known(findings=record(**fields))
    pilot = closings.made(told)[0]
    [refusal] = closing.readiness(pilot, told)
    assert refusal.found == f"of the 14 days from 2026-11-13 to 2026-11-27: {found}"
    assert closing.standing(pilot, told).word == "cannot know"
    assert refused(begun(findings=record(**fields))) == [("coverage", "sign-ins")]


@pytest.mark.parametrize(
    ("held", "about"),
    [
        pytest.param(closings.organization(smtp_off=None), "the organization's SMTP AUTH switch", id="switch"),
        pytest.param(closings.organization(default_policy=None), "the default authentication policy", id="default"),
        pytest.param(Organization(), "mailboxes", id="nothing"),
        pytest.param(
            replace(closed_organization(), policies=(AuthenticationPolicy(POLICY),)), POLICY, id="what a policy takes"
        ),
        pytest.param(
            closings.organization(box("ada", authentication_policy=None), box("canary")), "ada@w.example", id="policy"
        ),
        pytest.param(
            closings.organization(box("ada", smtp="unknown"), box("canary")), "ada@w.example", id="own switch"
        ),
    ],
)
def test_what_of_exchange_was_not_read_is_never_taken_for_closed(held: Organization, about: str) -> None:
    told = known(held)
    wave = closings.made(told)[0]
    assert (closing.stage(wave, told), closing.standing(wave, told).word) == ("unknown", "cannot know")
    assert ("coverage", about) in refused(told)
    assert closings.planned(told).steps == ()


def test_a_freeze_forbids_it_on_its_first_and_its_last_day() -> None:
    today = NOW.date()
    for first, last, expected in (
        (today, today, [("freeze", "2026-11-27")]),
        (today - DAY, today + DAY, [("freeze", "2026-11-26")]),
        (today + DAY, today + 2 * DAY, []),
        (today - 2 * DAY, today - DAY, []),
    ):
        assert refused(begun(freezes=((first, last),))) == expected


def test_a_wave_waits_for_the_ones_before_it() -> None:
    told = begun()
    pilot, everybody = closings.made(told)
    assert [(each.kind, each.about) for each in closing.readiness(everybody, told, before=(pilot,))] == [
        ("wave", "pilot")
    ]


# --- proofs -------------------------------------------------------------------------------------------


def after(step: Step, at: datetime, **fields: Any) -> Known:
    """Return what is known when all is closed and proven, and *step* was done at a moment."""
    return known(receipts=(closings.receipt([step], at),), **fields)


def lacking(told: Known) -> list[tuple[str, str]]:
    return [(each.kind, each.about) for each in closable.lacking(closings.made(told)[0], told)]


def test_all_is_proven_where_both_kinds_of_try_are_younger_than_the_last_change() -> None:
    assert lacking(known()) == []


@pytest.mark.parametrize(
    ("proofs", "expected"),
    [
        pytest.param((), [("proof", "ada@w.example"), ("proof", "canary@w.example")], id="nothing was tried"),
        pytest.param((PROOFS[0], replace(PROOFS[1], good=False)), [("proof", "canary@w.example")], id="password taken"),
        pytest.param((replace(PROOFS[0], good=False), PROOFS[1]), [("proof", "ada@w.example")], id="token refused"),
        pytest.param(
            (*PROOFS, replace(PROOFS[0], good=False, at=NOW - HOUR)), [("proof", "ada@w.example")], id="refused since"
        ),
    ],
)
def test_what_was_not_tried_or_did_not_go_as_it_should_is_not_proven(
    proofs: tuple[Proof, ...], expected: list[tuple[str, str]]
) -> None:
    assert lacking(known(proofs=proofs)) == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(mailsteps.submission(box("ada")), ["ada@w.example", "canary@w.example"], id="its own switch"),
        pytest.param(mailsteps.submission(box("bob")), [], id="another mailbox"),
        pytest.param(
            closingsteps.tenant_switch(), ["ada@w.example", "canary@w.example"], id="the organization's switch"
        ),
        pytest.param(mailsteps.known("relay", "id-app", "id-object"), ["ada@w.example"], id="an app by Exchange"),
        pytest.param(closingsteps.access_policy(()), [], id="a policy that only reports"),
        pytest.param(closingsteps.new_mailboxes(MailboxPlan("P", imap=True)), [], id="what new ones get"),
    ],
)
def test_a_proof_that_is_older_than_a_change_of_what_it_is_about_is_none(step: Step, expected: list[str]) -> None:
    assert [about for _, about in lacking(after(step, NOW - HOUR * 1.5))] == expected


def test_a_token_that_was_tried_before_the_last_change_counted_proves_nothing() -> None:
    step = closingsteps.tenant_switch()
    proof = replace(PROOFS[0], at=NOW - HOUR)
    early, late = ((replace(proof, at=NOW - HOUR * hours), PROOFS[1]) for hours in (2, 1))
    receipts = (closings.receipt([step], NOW - HOUR * 2.5),)
    assert ("proof", "ada@w.example") in lacking(known(receipts=receipts, proofs=early))
    assert ("proof", "ada@w.example") not in lacking(known(receipts=receipts, proofs=late))


def test_an_undo_makes_a_proof_old_as_any_change_does() -> None:
    step = mailsteps.submission(box("ada"))
    told = known(receipts=(closings.receipt([step], NOW - HOUR, undoes="another"),))
    assert [about for _, about in lacking(told)] == ["ada@w.example", "canary@w.example"]


def test_a_password_is_not_tried_before_the_last_change_counts() -> None:
    told = after(closingsteps.assigned(box("ada"), POLICY, settles=DAY), NOW - HOUR * 5)
    [*_, refusal] = closable.lacking(closings.made(told)[0], told)
    assert (refusal.about, refusal.found) == (
        "canary@w.example",
        "too early to try a password: retest at 2026-11-28 07:00 UTC",
    )


@pytest.mark.parametrize(
    ("canary", "found"),
    [
        pytest.param({"authentication_policy": "Lax"}, "no authentication policy keeps passwords out", id="no policy"),
        pytest.param({"smtp": "inherit"}, "SMTP AUTH is off for it", id="its switch is off"),
        pytest.param({"kind": "MailUser"}, "Exchange Online has no such mailbox", id="no mailbox"),
    ],
)
def test_a_canary_that_would_show_nothing_is_said_to(canary: dict[str, Any], found: str) -> None:
    own = {"authentication_policy": POLICY, "smtp": "on"}
    own = {"authentication_policy": POLICY, "smtp": "on"}
    boxes = (box("ada", **own), box("canary", **{**own, **canary}))
    told = known(replace(closed_organization(policies={POLICY: False, "Lax": True}), mailboxes=boxes))
    wave = closings.made(told)[0]
    [said] = [each.found for each in closable.lacking(wave, told) if each.kind == "canary"]
    assert said.startswith(found)


def test_without_a_canary_a_wave_is_never_called_closed() -> None:
    told = known()
    [wave, *_] = closings.made(told, tenant("pilot: ada@w.example"))
    assert closing.standing(wave, told).word == "closing"
    assert [each.kind for each in closing.readiness(wave, told)] == ["canary"]


# --- policies -----------------------------------------------------------------------------------------


def settled(told: Known) -> datetime:
    return closable.settled_at(told, "ada@w.example")


def test_a_policy_counts_a_day_after_our_own_change_or_after_it_was_first_seen() -> None:
    step = closingsteps.assigned(box("ada"), POLICY, settles=DAY)
    assert settled(after(step, NOW - HOUR, since={})) == NOW - HOUR + DAY
    assert settled(known(since={"ada@w.example": NOW - HOUR})) == NOW - HOUR + DAY
    assert settled(known(since={})) == NOW + DAY


def test_a_policy_and_a_switch_that_was_set_by_hand_count_as_soon_as_the_cloud_had_time_for_them() -> None:
    minute = timedelta(minutes=1)
    told = known(since={"ada@w.example": NOW - HOUR}, settles=minute, flipped={"ada@w.example": NOW})
    assert settled(told) == NOW - HOUR + minute
    assert [each.settles_at for each in told.at("ada@w.example")] == [NOW + minute]


def test_a_policy_that_was_open_in_between_counts_from_when_it_was_seen_closed_again() -> None:
    step = closingsteps.assigned(box("ada"), POLICY, settles=DAY)
    told = after(step, NOW - 9 * DAY, since={"ada@w.example": NOW - HOUR})
    assert settled(told) == NOW - HOUR + DAY


def test_a_policy_that_somebody_took_off_and_gave_back_counts_a_day_after_it_was_seen_again() -> None:
    step = closingsteps.assigned(box("ada"), POLICY, settles=DAY)
    ours = NOW - HOUR * 20
    assert settled(after(step, ours, since={"ada@w.example": NOW - HOUR * 2})) == NOW - HOUR * 2 + DAY
    told = after(step, ours, since={}, looked=NOW - HOUR)
    assert settled(told) == NOW + DAY
    assert closable.remembered(after(step, ours, since={}))["ada@w.example"] == ours


def test_a_receipt_of_long_ago_says_nothing_of_since_when_where_no_look_is_kept() -> None:
    """Somebody may have taken the policy off and given it back since, and whoever would know it has lost its record."""
    steps = [
        closingsteps.default_policy("", POLICY, settles=DAY),
        *(closingsteps.assigned(box(name), POLICY, settles=DAY) for name in ("ada", "canary")),
    ]
    lost = closingrecord.remembering(known(since={}, receipts=(receipt(steps, NOW - 20 * DAY),)), None)
    assert [closing.standing(each, lost).word for each in closings.made(lost)] == ["closing", "closing"]
    for name in ("ada", "canary", "bob"):
        assert closable.settled_at(lost, f"{name}@w.example") == NOW + DAY


# --- switches that somebody else flips ----------------------------------------------------------------


def flipped(held: Organization, before: Organization, at: datetime, **fields: Any) -> list[str]:
    """Return whose switch was seen to be set otherwise than at a look before."""
    told = known(held, **fields)
    return sorted(closable.flipped(told, closable.Before(at, closable.switches(before))))


def test_a_switch_that_was_flipped_by_hand_makes_the_proofs_old() -> None:
    before = replace(closed_organization(), mailboxes=(box("ada", authentication_policy=POLICY, smtp="off"),))
    assert flipped(closed_organization(), before, NOW - DAY) == ["ada@w.example"]
    assert flipped(closed_organization(), closed_organization(smtp_off=False), NOW - DAY) == [""]
    assert flipped(closed_organization(), closed_organization(), NOW - DAY) == []
    assert lacking(known(flipped={"ada@w.example": NOW - HOUR * 1.5})) == [
        ("proof", "ada@w.example"),
        ("proof", "canary@w.example"),
    ]
    assert lacking(known(flipped={"": NOW - HOUR * 4})) == []


def test_a_switch_that_a_receipt_speaks_of_was_not_flipped_by_hand_unless_it_stands_otherwise() -> None:
    off = replace(closed_organization(), mailboxes=(box("ada", authentication_policy=POLICY, smtp="off"),))
    receipts = (closings.receipt([mailsteps.submission(box("ada", smtp="off"))], NOW - HOUR * 4),)
    assert flipped(closed_organization(), off, NOW - DAY, receipts=receipts) == []
    assert flipped(closed_organization(), off, NOW - HOUR, receipts=receipts) == ["ada@w.example"]
    assert flipped(off, closed_organization(), NOW - DAY, receipts=receipts) == ["ada@w.example"]


def test_what_the_look_before_did_not_read_may_have_been_flipped_and_the_first_look_knows_of_nothing() -> None:
    told = known()
    assert sorted(closable.flipped(told, closable.Before(NOW - DAY, None))) == [
        "",
        "ada@w.example",
        "bob@w.example",
        "canary@w.example",
    ]
    assert closable.flipped(told, None) == {}


def test_an_altered_policy_counts_a_day_later_for_all_who_have_it() -> None:
    assert settled(after(closingsteps.strict(POLICY, settles=DAY), NOW - HOUR)) == NOW - HOUR + DAY


def test_what_is_seen_is_remembered_until_it_is_open_again() -> None:
    earlier = NOW - 5 * DAY
    first = closable.remembered(known(since={"ada@w.example": earlier, "gone@w.example": earlier, "": earlier}))
    assert first == {"ada@w.example": earlier, "canary@w.example": NOW, "bob@w.example": earlier, "": earlier}
    opened = closed_organization(policies={POLICY: True})
    assert closable.remembered(known(opened, since=first)) == {}


@pytest.mark.parametrize(
    "dark",
    [
        pytest.param(Organization(), id="nothing"),
        pytest.param(replace(closed_organization(), policies=None), id="no policies"),
        pytest.param(replace(closed_organization(), mailboxes=None), id="no mailboxes"),
    ],
)
def test_a_look_that_reads_nothing_forgets_nothing(dark: Organization) -> None:
    """Else one night without a sign-in would make every policy a day old again."""
    assert closable.remembered(known(dark)) == closings.SINCE


def following(held: Organization | None = None, **fields: Any) -> Known:
    """Return what is known where bob has no policy of his own, the default refuses, and nobody remembers him."""
    since = {place: at for place, at in closings.SINCE.items() if place != "bob@w.example"}
    return known(held, since=since, looked=NOW - HOUR, **fields)


def test_who_comes_to_the_strict_default_from_a_policy_that_takes_passwords_is_not_closed_before_it_counts() -> None:
    told = following(loose=frozenset({"bob@w.example"}))
    assert closable.settled_at(told, "bob@w.example") == NOW + DAY
    assert closing.standing(closings.made(told)[-1], told).word == "closing"
    later = replace(told, since=closable.remembered(told), now=NOW + HOUR, looked=NOW, loose=frozenset())
    assert closable.settled_at(later, "bob@w.example") == NOW + DAY
    assert closable.settled_at(following(loose=None), "bob@w.example") == NOW + DAY


def test_a_mailbox_that_is_new_has_the_default_from_its_first_moment_on() -> None:
    told = following()
    assert closable.settled_at(told, "bob@w.example") == NOW - DAY
    assert closing.standing(closings.made(told)[-1], told).word == "closed"


def test_a_default_that_is_younger_than_the_mailbox_counts_from_its_own_first_day() -> None:
    told = known(since={**closings.SINCE, "": NOW - HOUR})
    assert closable.settled_at(told, "bob@w.example") == NOW - HOUR + DAY


def test_a_refusal_is_a_checkpoint_that_says_what_to_do() -> None:
    said = str(Refusal("freeze", "2026-12-14", "nothing is to be changed", "Wait.").check())
    assert said == "WRONG: freeze: 2026-12-14 (nothing is to be changed). Wait."


# --- what notebook 50 says ----------------------------------------------------------------------------


def attempt(outcome: str, at: str, **fields: Any) -> dict[str, Any]:
    fields = {"mailbox": "ada@w.example", **fields}
    return {"user": fields["mailbox"], "protocol": "smtp", "outcome": outcome, "at": at, "reply": "", **fields}


def test_one_way_to_a_token_that_works_is_enough_and_other_protocols_prove_nothing_here() -> None:
    tried = [
        attempt("no_token", "2026-11-27T10:00:02Z"),
        attempt("ok", "2026-11-27T10:00:01Z"),
        attempt("skipped", "2026-11-27T10:00:03Z", mailbox="bob@w.example"),
        attempt("ok", "2026-11-27T10:00:04Z", mailbox="bob@w.example", protocol="imap"),
    ]
    password = {"mailbox": "canary@w.example", "protocol": "smtp", "state": "unknown", "said": "The reply is new."}
    found = {"made_at": "2026-11-27T10:01:00Z", "data": {"attempts": tried, "password": password}}
    assert [(each.mailbox, each.kind, each.good) for each in closable.proofs(found)] == [
        ("ada@w.example", "oauth", True),
        ("canary@w.example", "password", False),
    ]
    lent = attempt("ok", "2026-11-27T10:00:01Z", mailbox="desk@w.example", user="ada@w.example")
    [proof] = closable.proofs({**found, "data": {"attempts": [lent], "password": None}})
    assert proof.mailbox == "ada@w.example"
    assert closable.proofs(None) == ()


@pytest.mark.parametrize(("cause", "good"), [("S3", True), ("S7", True), ("S5", False), ("S6", False)])
def test_what_conditional_access_or_security_defaults_stop_is_no_proof_of_a_policy(cause: str, good: bool) -> None:
    (proof,) = closable.proofs(with_password(cause, at="2026-11-27T09:50:00Z"))
    assert (proof.good, "another door" in proof.said) == (good, not good)


def with_password(cause: str, **fields: Any) -> dict[str, Any]:
    """Return the evidence of notebook 50, kept at 10:01, of one try with the canary's password."""
    tried = {"mailbox": "canary@w.example", "protocol": "smtp", "state": "closed", "said": "Stopped.", "cause": cause}
    return {"made_at": "2026-11-27T10:01:00Z", "data": {"attempts": [], "password": {**tried, **fields}}}


def test_a_try_of_notebook_50_is_of_when_it_was_made_and_not_of_when_its_record_was_kept() -> None:
    """Who tried before a policy counted, and kept the record after, has proven nothing of it."""
    (proof,) = closable.proofs(with_password("S3", at="2026-11-27T09:50:00Z"))
    assert (proof.at.hour, proof.at.minute) == (9, 50)
    assert closable.proofs(with_password("S3")) == closable.proofs(with_password("S3", at=None)) == ()
    (taken,) = closable.proofs(with_password("", state="open"))
    assert (taken.good, taken.at.minute) == (False, 1)


# --- tries that somebody else made --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"last_success": "2026-11-27T10:30:00Z"}, "was taken"),
        ({"successes": 0, "right_password_blocks": 1, "last_seen": "2026-11-27T10:30:00Z"}, "stopped in Entra"),
        ({"successes": 0, "right_password_blocks": 0}, ""),
        ({"protocol": "IMAP4"}, ""),
        ({"verdict": "modern"}, ""),
    ],
    ids=["taken", "stopped in Entra", "a wrong password", "another protocol", "a token"],
)
def test_a_canarys_password_in_the_sign_in_log_is_a_try_from_wherever_it_came(
    fields: dict[str, Any], said: str
) -> None:
    told = known(findings=record(group("canary", **fields)))
    found = list(closable.logged("canary@w.example", told))
    assert [(each.kind, each.good, each.at.hour) for each in found] == ([("password", False, 10)] if said else [])
    assert all(said in each.said for each in found)


def test_a_wrong_guess_makes_no_try_of_a_canarys_right_password_younger() -> None:
    """Else whoever guesses at the canary would keep a tenant from ever being proven."""
    days = [{"day": "2026-11-20", "right_password_blocks": 1}, {"day": "2026-11-27", "right_password_blocks": 0}]
    guessed = group("canary", successes=0, right_password_blocks=1, by_day=days, last_seen="2026-11-27T11:00:00Z")
    told = known(findings=record(guessed))
    (tried,) = closable.logged("canary@w.example", told)
    assert tried.at == datetime(2026, 11, 21, tzinfo=UTC)
    told = replace(told, proofs=(*told.proofs, tried))
    assert closing.standing(closings.made(told)[0], told).word == "closed"


def test_what_our_own_try_left_in_the_log_makes_no_sender_of_the_canary() -> None:
    """A password that was taken once, as the policy was slow, is refused by now."""
    taken = group("canary", verdict="confirm_today", successes=1, last_success="2026-11-27T09:00:00Z")
    told = known(findings=record(taken))
    told = replace(told, proofs=(*told.proofs, *closable.logged("canary@w.example", told)))
    assert [closing.standing(each, told).word for each in closings.made(told)] == ["closed", "closed"]
    unnamed = replace(told, findings=record({**taken, "protocol": "Unknown"}))
    assert [closing.standing(each, unnamed).word for each in closings.made(unnamed)] == ["closing", "closing"]


def test_a_canary_whose_sign_in_name_differs_from_its_address_is_known_in_the_log() -> None:
    own = {"authentication_policy": POLICY, "smtp": "on"}
    boxes = (box("ada", **own), box("canary", **own, upn="jane.doe@w.example"))
    row = {**group("canary", last_success="2026-11-27T10:30:00Z"), "user": "Jane.Doe@w.example"}
    told = known(replace(closed_organization(), mailboxes=boxes), findings=record(row))
    assert [each.mailbox for each in closable.logged("canary@w.example", told)] == ["canary@w.example"]


# --- the service's own default ------------------------------------------------------------------------


@pytest.mark.parametrize(("day", "told"), [(NOW.date(), True), (NOW.date() + DAY, False), (None, False)])
def test_a_refusal_after_microsofts_own_default_is_said_to_tell_nothing_of_the_policy(
    day: date | None, told: bool
) -> None:
    """An administrator can switch that default back, and what the try seemed to show is gone with it."""
    seen = known(default_off=day)
    found = closing.standing(closings.made(seen)[0], seen)
    assert (found.word, "Microsoft refuses passwords by default" in found.sentence) == ("closed", told)
