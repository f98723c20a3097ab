"""Notebook 60's part of a session: waves closed stage by stage on the wire, what forbids it, and what it never does."""

import json
import socket
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailauth import evidence, kql, mailsteps, moving, reach, shapes
from mailauth.closable import Proof
from mailauth.closingrecord import Look
from mailauth.coverage import Coverage
from mailauth.errors import ConfigurationError
from mailauth.plan import Plan, new_id
from mailauth.session.tries import LOST, Noted
from tests import exported
from tests.case_invented import mail
from tests.practice.shutting import ADA, CANARY, PRINTER, Lab, leave_sign_ins, shutting, switched

STAGES = [
    ("pilot", "policy"),
    ("pilot", "waiting"),
    ("tenant", "policy"),
    ("tenant", "waiting"),
    ("tenant", "switches"),
    ("tenant", "rest"),
    ("tenant", "closed"),
]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with shutting(tmp_path) as found:
        yield found


def refused(look: Look, wave: str) -> list[tuple[str, str]]:
    return [(each.kind, each.about) for each in look.refusals(look.wave(wave))]


def kept(lab: Lab) -> Any:
    path = lab.folder / "woodgrove" / "evidence" / "60-close-basic.json"
    return json.loads(path.read_text(encoding="utf-8"))["data"]


def test_run_after_run_both_waves_are_closed_and_proven_and_then_taken_back(lab: Lab) -> None:
    before = lab.exchange()
    seen: list[tuple[str, str]] = []
    older: list[str] = []
    for _ in range(14):
        lab.sign_ins()
        look = lab.run.closing.look()
        chosen = look.wave()
        seen += [step] if (step := (chosen.name, look.standing(chosen).stage)) not in seen[-1:] else []
        after, _ = lab.step()
        older += [each.found for each in after.refusals(after.wave("pilot")) if each.kind == "proof"]
        lab.pass_time(hours=13)
        if set(lab.words(after).values()) == {"closed"}:
            break
    assert lab.words(after) == {"pilot": "closed", "tenant": "closed"}
    # A change of the whole tenant makes the proofs of the first wave older than it.
    assert [found for found in older if "and changed since" in found]
    assert [step for step in STAGES if step in seen] == STAGES[:-1]
    record = kept(lab)
    assert [each["word"] for each in record["waves"]] == ["closed", "closed"]
    assert {each["kind"] for each in record["proofs"] if each["good"]} == {"oauth", "password"}
    assert record["settings"]["smtp_off"] is True
    another_look_does_not_make_what_somebody_opened_the_right_state(lab)
    last = lab.run.closing.look()
    with pytest.raises(ConfigurationError, match=r"^undo: pilot came before tenant\. Take back tenant first\.$"):
        lab.run.closing.undo(last, last.wave("pilot"), apply=True)
    for wave in reversed(last.waves):
        assert {each.whole for each in lab.run.closing.undo(lab.run.closing.look(), wave, apply=True)} == {True}
    assert lab.exchange() == before
    assert set(lab.words(lab.run.closing.look()).values()) == {"open"}


def another_look_does_not_make_what_somebody_opened_the_right_state(lab: Lab) -> None:
    past = lab.folder / "woodgrove" / "history"
    assert kept(lab)["as_closed"] == kept(lab)["settings"]
    switched(lab, PRINTER, off=False)
    lab.pass_time(minutes=1)
    before, part = len([*past.glob("60-close-basic.*.json")]), lab.run.closing
    look = part.look()
    part.keep(look, look.wave("tenant"))
    assert len([*past.glob("60-close-basic.*.json")]) == before + 1
    found = kept(lab)
    assert found["as_closed"] != found["settings"]
    part.keep(look, look.wave("tenant"), renew=True)
    assert (kept(lab)["as_closed"] or found["settings"]) == found["settings"]
    switched(lab, PRINTER, off=None)


def test_it_refuses_and_says_which_sender_what_cannot_be_known_and_which_wave_comes_first(lab: Lab) -> None:
    part = lab.run.closing
    assert refused(part.look(), "pilot") == [("coverage", "sign-ins"), ("proof", ADA)]
    lab.sign_ins([mail(ADA, ago=ago) for ago in range(1, 20)])
    look = part.look()
    look = look.with_proofs(part.prove(look, look.wave("pilot"), tokens=part.is_to_prove(look, look.wave())).proofs)
    assert refused(look, "pilot") == [("sender", ADA)]
    assert part.plan(look, look.wave("pilot")).steps == ()
    assert refused(look, "tenant") == [("sender", ADA), ("wave", "pilot")]
    assert [(each.account, each.word) for each in look.senders(look.wave("pilot"))] == [(ADA, "moving")]
    lab.sign_ins(held=False)
    assert {kind for kind, _ in refused(part.look(), "pilot")} == {"coverage", "proof"}


def test_a_password_is_left_until_a_token_was_taken_of_its_mailbox_on_the_wire(lab: Lab) -> None:
    lab.sign_ins()
    before = lab.exchange()
    with lab.practice.states.changing("woodgrove") as tenant:
        rights, tenant.exchange.mailbox_permissions = tenant.exchange.mailbox_permissions, []
    look, receipt = lab.step("pilot")
    assert receipt.plan.steps == ()
    [refusal] = look.refusals(look.wave("pilot"))
    assert (refusal.about, refusal.found.endswith("a token was not taken")) == (ADA, True)
    with lab.practice.states.changing("woodgrove") as tenant:
        tenant.exchange.mailbox_permissions = rights
    assert lab.exchange() == before
    _, receipt = lab.step("pilot")
    assert [entry.outcome for entry in receipt.entries] == ["done"] * 3


def test_a_try_that_a_change_of_the_same_run_would_make_old_waits(lab: Lab) -> None:
    lab.sign_ins()
    for _ in range(4):
        lab.step("pilot")
        lab.pass_time(hours=13)
        lab.sign_ins()
    look = lab.run.closing.look()
    while look.standing(look.wave("tenant")).stage in ("policy", "waiting", "switches", "prove"):
        lab.step("tenant")
        lab.pass_time(hours=13)
        lab.sign_ins()
        look = lab.run.closing.look()
    assert look.standing(look.wave("tenant")).stage == "rest"
    tries = lab.run.closing.prove(look, look.wave("tenant"), password=True)
    assert (tries.closed, tries.why[:55]) == (None, "It waits until nothing of this wave is left to be set: ")


def test_it_refuses_in_a_freeze_and_spares_only_who_is_named(tmp_path: Path) -> None:
    excepted = [{"address": PRINTER, "reason": "replaced in March", "until": "2099-03-31"}]
    closing = {"pilot": ADA, "exceptions": excepted}
    with shutting(tmp_path, closing, freeze="2020-01-01..2099-12-31") as lab:
        lab.sign_ins([mail(PRINTER, ago=ago) for ago in range(1, 20)])
        look = lab.run.closing.look()
        assert refused(look, "pilot") == [("freeze", "2020-01-01"), ("proof", ADA)]
        assert [each.address for each in look.wave("tenant").excepted] == [PRINTER]
        assert "sender" not in dict(refused(look, "tenant"))


def test_a_policy_has_to_count_before_a_password_is_tried_and_one_try_is_enough(lab: Lab) -> None:
    lab.sign_ins()
    after, receipt = lab.step("pilot")
    assert [entry.outcome for entry in receipt.entries] == ["done"] * 3
    assert refused(after, "pilot") == [("policy", "pilot")]
    early = lab.run.closing.prove(after, after.wave("pilot"), password=True)
    assert early.closed is None
    assert early.why.startswith("It is too early: what was changed counts from ")
    lab.pass_time(hours=24, minutes=1)
    lab.sign_ins()
    after, _ = lab.step("pilot")
    assert lab.words(after)["pilot"] == "closed"
    again = lab.run.closing.prove(after, after.wave("pilot"), password=True)
    assert (again.closed, again.why[:12]) == (None, "It was tried")


def test_a_password_is_tried_on_a_mailbox_that_nobody_uses_and_on_no_other(lab: Lab, tmp_path: Path) -> None:
    lab.sign_ins()
    lab.step("pilot")
    lab.pass_time(hours=25)
    leave_sign_ins(lab.run, [mail(CANARY, ago=ago) for ago in range(1, 20)])
    look = lab.run.closing.look()
    tries = lab.run.closing.prove(look, look.wave("pilot"), password=True)
    assert (tries.closed, tries.why) == (
        None,
        f"{CANARY}: it is in use (SMTP AUTH): a canary is a mailbox that nobody signs in to.",
    )
    (tmp_path / "other").mkdir()
    with shutting(tmp_path / "other", canary=False) as without:
        look = without.run.closing.look()
        said = without.run.closing.prove(look, look.wave("pilot"), password=True).why
        assert said == "No canary mailbox is named under closing in the tenants file."


def counts(lab: Lab) -> Look:
    """Bring the pilot to where a password may be tried, and return the look."""
    lab.sign_ins()
    lab.step("pilot")
    lab.pass_time(hours=25)
    lab.sign_ins()
    return lab.run.closing.look()


def test_a_canary_that_signs_in_by_another_name_is_in_use(lab: Lab) -> None:
    with lab.practice.states.changing("woodgrove") as tenant:
        user = next(each for each in tenant.directory.users if each.user_principal_name == CANARY)
        user.user_principal_name = "jane.doe@woodgrove.example"
    look = counts(lab)
    leave_sign_ins(lab.run, [mail("jane.doe@woodgrove.example", ago=ago) for ago in range(1, 20)])
    look = lab.run.closing.look()
    tries = lab.run.closing.prove(look, look.wave("pilot"), password=True)
    assert (tries.closed, tries.why.rpartition(":")[0]) == (None, f"{CANARY}: it is in use (SMTP AUTH)")


def test_where_nobody_knows_who_signs_in_no_password_is_tried(lab: Lab) -> None:
    counts(lab)
    for held in (False, None):
        (lab.sign_ins(held=False) if held is False else findings(lab).unlink())
        look = lab.run.closing.look()
        tries = lab.run.closing.prove(look, look.wave("pilot"), password=True)
        assert (tries.closed, tries.why[:46]) == (None, f"Whether somebody uses {CANARY}"[:46])


def findings(lab: Lab) -> Path:
    return lab.folder / "woodgrove" / "evidence" / "10-find-basic-auth.json"


@pytest.mark.parametrize(
    ("more", "where"),
    [
        ({"mailboxes": [{"address": CANARY, "protocols": ["imap"]}]}, "mailboxes"),
        ({"mailboxes": [{"address": ADA, "protocols": ["smtp"], "send_as": [CANARY]}]}, "send_as"),
    ],
)
def test_a_canary_is_no_mailbox_of_the_file(more: Any, where: str, tmp_path: Path) -> None:
    with shutting(tmp_path, **more) as lab:
        look = counts(lab)
        tries = lab.run.closing.prove(look, look.wave("pilot"), password=True)
        assert (tries.closed, tries.why.rpartition(":")[0]) == (
            None,
            f"{CANARY}: it is in use ({where} in the tenants file)",
        )
        assert ("canary", CANARY) in refused(look, "pilot")


def test_a_try_that_got_lost_is_a_try_and_no_second_one_is_made_before_a_change_or_a_day_later(lab: Lab) -> None:
    look = counts(lab)
    noted = Noted(lab.folder / "woodgrove", lab.run.tenant.tenant_id)
    first = lab.run.closing.prove(look, look.wave("pilot"), password=True)
    assert first.closed is not None
    # Its run ended here: nothing was kept as evidence, and another look was made before.
    second = lab.run.closing.prove(look, look.wave("pilot"), password=True)
    assert (second.closed, second.why[:12]) == (None, "It was tried")
    assert lab.run.closing.look().known.tried(CANARY, "password") == first.proofs[0]
    assert Noted(noted.folder, noted.tenant_id.upper()).read() == noted.read() != ()
    # The tenants file may name the tenant by a domain of it by now; another id is another tenant's.
    assert Noted(noted.folder, "woodgrove.example").read() == noted.read()
    assert Noted(noted.folder, "f" + noted.tenant_id[1:]).read() == ()
    noted.trying(CANARY, lab.run.now())
    third = lab.run.closing.prove(look, look.wave("pilot"), password=True)
    assert (third.closed, LOST in third.why) == (None, True)
    assert " One more try may be made from 20" in third.why
    lab.pass_time(hours=24)
    lab.sign_ins()
    look = lab.run.closing.look()
    last = lab.run.closing.prove(look, look.wave("pilot"), password=True)
    assert [each.good for each in last.proofs] == [True]
    lab.pass_time(hours=48)
    lab.sign_ins()
    look = lab.run.closing.look()
    good = lab.run.closing.prove(look, look.wave("pilot"), password=True)
    assert (good.closed, good.why[-30:]) == (None, "and nothing was changed since.")
    assert noted.path.stat().st_mode & 0o077 == 0 or sys.platform == "win32"
    noted.path.write_text("{}", encoding="utf-8")
    dark = lab.run.closing.look()
    assert ("coverage", "password tries") in refused(dark, "pilot")
    assert dark.standing(dark.wave("pilot")).word == "cannot know"


def test_a_try_is_noted_before_a_server_is_asked_and_counts_for_nothing_where_no_password_was_sent(lab: Lab) -> None:
    look, run = counts(lab), lab.run
    noted, seen = Noted(run.folder, run.tenant.tenant_id), list[tuple[Proof, ...]]()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            with server.accept()[0]:
                seen.append(noted.read())

        thread = threading.Thread(target=hang_up)
        thread.start()
        cloud = replace(run.tenant.cloud, smtp=f"127.0.0.1:{server.getsockname()[1]}")
        away = replace(run, tenant=replace(run.tenant, cloud=cloud))
        tries = away.closing.prove(look, look.wave("pilot"), password=True)
        thread.join(timeout=10)
    assert [(each.mailbox, each.good, each.said) for each in seen[0]] == [(CANARY, False, LOST)]
    assert (noted.read(), tries.proofs) == ((), ())
    assert lab.run.closing.prove(look, look.wave("pilot"), password=True).closed is not None


def test_while_another_run_is_under_way_no_password_is_tried(lab: Lab) -> None:
    look = counts(lab)
    with lab.run.alone():
        tries = lab.run.closing.prove(look, look.wave("pilot"), password=True)
    assert (tries.closed, tries.why[:36]) == (None, "woodgrove is being run already by pr")


def test_what_another_run_changed_since_the_look_counts_before_a_password_is_sent(lab: Lab) -> None:
    look, run = counts(lab), lab.run
    box = look.known.organization.mailbox(ADA)
    assert box is not None
    now = run.now()
    other = Plan.of(run.tenant, id=new_id(now), title="Another", now=now, steps=(mailsteps.submission(box),))
    assert run.carry_out(other, apply=True).whole
    tries = run.closing.prove(look, look.wave("pilot"), password=True)
    assert (tries.closed, tries.why[:15]) == (None, "It is too early")


def test_where_a_receipt_cannot_be_read_nothing_is_called_closed_and_nothing_is_planned(lab: Lab) -> None:
    lab.sign_ins()
    store = lab.folder / "woodgrove" / "receipts"
    store.mkdir(parents=True)
    (store / "20261127T120000-aaaaaa.jsonl").write_text("{}\n", encoding="utf-8")
    look = lab.run.closing.look()
    wave = look.wave("pilot")
    assert ("coverage", "receipts") in refused(look, "pilot")
    assert look.standing(wave).word == "cannot know"
    assert lab.run.closing.plan(look, wave).steps == ()


def test_where_a_receipt_cannot_be_read_no_password_is_tried(lab: Lab) -> None:
    look = counts(lab)
    (lab.folder / "woodgrove" / "receipts" / "20261127T120000-aaaaaa.jsonl").write_text("{}\n", encoding="utf-8")
    for known in (look, lab.run.closing.look()):
        tries = lab.run.closing.prove(known, known.wave("pilot"), password=True)
        assert (tries.closed, tries.why.partition(":")[0]) == (None, "receipts")


def test_a_policy_is_not_taken_from_a_mailbox_whose_switch_somebody_turned_on_since(lab: Lab) -> None:
    switched(lab, ADA, off=True)
    lab.sign_ins()
    lab.step("pilot")
    switched(lab, ADA, off=False)
    part, look = lab.run.closing, lab.run.closing.look()
    with pytest.raises(ConfigurationError, match=rf"^undo: .* open on {ADA}: SMTP AUTH is on there since\."):
        part.undo(look, look.wave("pilot"), apply=True)
    assert lab.run.closing.look().receipts_of(look.wave("pilot"))
    switched(lab, ADA, off=True)
    assert [each.whole for each in part.undo(look, look.wave("pilot"), apply=True)] == [True]


def test_a_late_look_does_not_make_a_switch_one_that_was_on_before(lab: Lab) -> None:
    switched(lab, ADA, off=True)
    lab.sign_ins()
    part, look = lab.run.closing, lab.run.closing.look()
    wave = look.wave("pilot")
    # The run ended before it kept a record, and somebody turned the switch on before the next one.
    assert part.carry_out(wave, part.plan(look, wave), apply=True).whole
    switched(lab, ADA, off=False)
    late = part.look()
    part.keep(late, late.wave("pilot"))
    with pytest.raises(ConfigurationError, match=rf"^undo: .* open on {ADA}: SMTP AUTH is on there since\."):
        part.undo(late, late.wave("pilot"), apply=True)


def test_a_switch_that_was_on_before_the_policy_comes_back_with_the_passwords(lab: Lab) -> None:
    switched(lab, ADA, off=True)
    lab.sign_ins()
    part, look = lab.run.closing, lab.run.closing.look()
    change = part.plan(look, look.wave("pilot"))
    # What counts is what stands right before the policy is applied.
    switched(lab, ADA, off=False)
    assert part.carry_out(look.wave("pilot"), change, apply=True).whole
    after = part.look()
    assert [each.whole for each in part.undo(after, after.wave("pilot"), apply=True)] == [True]


def test_an_older_receipt_is_taken_back_where_no_switch_is_on_as_it_does_not_say_who_took_passwords(lab: Lab) -> None:
    lab.sign_ins()
    _, done = lab.step("pilot")
    path = lab.folder / "woodgrove" / "receipts" / f"{done.plan.id}.jsonl"
    first, *rest = path.read_text(encoding="utf-8").splitlines()
    header = json.loads(first)
    assert header["plan"].pop("noted")
    header["plan"]["steps"] = [{k: v for k, v in step.items() if k != "takes_back"} for step in header["plan"]["steps"]]
    path.write_text("\n".join([json.dumps(header), *rest, ""]), encoding="utf-8")
    part, look = lab.run.closing, lab.run.closing.look()
    with pytest.raises(ConfigurationError, match=r"is on there, and the receipt does not say whether it was before\."):
        part.undo(look, look.wave("pilot"), apply=True)
    for address in (ADA, CANARY):
        switched(lab, address, off=True)
    assert [each.whole for each in part.undo(look, look.wave("pilot"), apply=True)] == [True]


def test_an_undo_finds_who_is_called_otherwise_and_leaves_to_others_what_they_have_set(lab: Lab) -> None:
    lab.sign_ins()
    assert lab.step("pilot")[1].undoable
    with lab.practice.states.changing("woodgrove") as tenant:
        held = {box.primary_smtp: box for box in tenant.exchange.mailboxes}
        user = next(each for each in tenant.directory.users if each.id == held[ADA].user_id)
        held[ADA].primary_smtp = user.user_principal_name = "countess@woodgrove.example"
        held[ADA].aliases.append(ADA)
        sealed = tenant.exchange.authentication_policies[0].model_copy(update={"name": "Sealed"})
        tenant.exchange.authentication_policies.append(sealed)
        held[CANARY].authentication_policy = sealed.name
    lab.pass_time(minutes=3)
    part, look = lab.run.closing, lab.run.closing.look()
    [back] = part.undo(look, look.wave("pilot"), apply=True)
    outcomes = {entry.step: entry.outcome for entry in back.entries}
    assert (outcomes[f"policy-of:{ADA}"], outcomes[f"policy-of:{CANARY}"]) == ("done", "foreign")
    with lab.practice.states.reading("woodgrove") as tenant:
        left = {box.primary_smtp: box.authentication_policy for box in tenant.exchange.mailboxes}
    assert (left["countess@woodgrove.example"], bool(left[CANARY])) == ("", True)
    assert (back.whole, back.settled, part.look().receipts_of(look.wave("pilot"))) == (False, True, ())


def test_no_switch_is_turned_on_where_the_policy_was_taken_away_since_the_plan(lab: Lab) -> None:
    switched(lab, ADA, off=True)
    look = counts(lab)
    wave = look.wave("pilot")
    change = lab.run.closing.plan(look, wave)
    assert [step.title for step in change.steps] == [f"Turn SMTP AUTH on for {ADA}"]
    with lab.practice.states.changing("woodgrove") as tenant:
        next(each for each in tenant.exchange.mailboxes if each.primary_smtp == ADA).authentication_policy = ""
    with pytest.raises(ConfigurationError, match=rf"^Nothing was changed: .* passwords out of {ADA} by now\."):
        lab.run.closing.carry_out(wave, change, apply=True)
    with lab.practice.states.reading("woodgrove") as tenant:
        assert next(each for each in tenant.exchange.mailboxes if each.primary_smtp == ADA).smtp_auth_disabled is True


def test_a_plan_is_not_carried_out_in_a_freeze_nor_after_10_has_looked_again(lab: Lab) -> None:
    lab.sign_ins()
    before, look = lab.exchange(), lab.run.closing.look()
    look = look.with_proofs(lab.run.closing.prove(look, look.wave(), tokens=True).proofs)
    change = lab.run.closing.plan(look, look.wave())
    assert change.steps
    lab.pass_time(minutes=5)
    day, run = lab.practice.backend.now().date(), lab.run
    frozen = replace(run, tenant=replace(run.tenant, defaults=replace(run.tenant.defaults, freeze=(day, day))))
    with pytest.raises(ConfigurationError, match="Nothing was changed: nothing is to be changed from "):
        frozen.closing.carry_out(look.wave(), change, apply=True)
    lab.sign_ins([mail(PRINTER)])
    with pytest.raises(ConfigurationError, match="Nothing was changed: notebook 10 has looked again since"):
        lab.run.closing.carry_out(look.wave(), change, apply=True)
    assert lab.exchange() == before


def test_the_same_stage_is_kept_as_powershell(lab: Lab) -> None:
    lab.sign_ins()
    part, look = lab.run.closing, lab.run.closing.look()
    look = look.with_proofs(part.prove(look, look.wave("pilot"), tokens=True).proofs)
    made = part.scripts(part.plan(look, look.wave("pilot")))
    assert made is not None
    assert "New-AuthenticationPolicy" in made.text
    assert "AllowBasicAuthSmtp:$true" not in made.text
    assert "Remove-AuthenticationPolicy" in made.undo_text


def test_a_look_knows_the_day_of_microsofts_own_default(lab: Lab) -> None:
    assert lab.run.closing.look().known.default_off == lab.run.tenant.calendar.ends("smtp-auth-default-off")


def test_another_tenants_evidence_counts_for_nothing(lab: Lab) -> None:
    lab.sign_ins()
    path = lab.folder / "woodgrove" / "evidence" / "10-find-basic-auth.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    record["data"]["tenant_id"] = "22222222-2222-2222-2222-222222222222"
    path.write_text(json.dumps(record), encoding="utf-8")
    look = lab.run.closing.look()
    assert ("coverage", "sign-ins") in refused(look, "pilot")
    assert look.known.findings is None


def test_the_record_holds_senders_in_the_shape_that_they_have() -> None:
    assert evidence.schema("closing")["$defs"]["moving"] == shapes.schema(moving.Moving)


def test_a_look_says_that_weekdays_of_which_nothing_arrived_are_taken_for_silent_and_refuses_nothing_for_it(
    lab: Lab,
) -> None:
    lab.sign_ins()
    before = refused(lab.run.closing.look(), "pilot")
    path = lab.folder / "woodgrove" / "evidence" / "10-find-basic-auth.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    rests = Coverage(reach.UNSEEN, "unknown", "tenant", reason="Nothing arrived on Sundays.", remedy="Check that.")
    record["coverage"].append(rests.as_record())
    path.write_text(json.dumps(record), encoding="utf-8")
    look = lab.run.closing.look()
    assert rests in look.coverage
    assert refused(look, "pilot") == before


def test_notebook_10_asks_for_what_the_policies_said_that_a_look_found_to_stop_old_clients(lab: Lab) -> None:
    lab.sign_ins()
    lab.step()
    path = lab.folder / "woodgrove" / "evidence" / "60-close-basic.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    policy = {"name": "Block", "state": "enabledForReportingButNotEnforced", "excluded": []}
    record["data"]["settings"]["access"] = [
        {"id": f"Policy-{number}", "stops": number > 0, **policy} for number in range(3)
    ]
    path.write_text(json.dumps(record), encoding="utf-8")
    exported.write(lab.config.with_name("exports") / "PT1H.json", exported.lines([exported.envelope(0)]))
    config = json.loads(lab.config.read_text(encoding="utf-8"))
    config["tenants"][0]["signin_logs"] = [{"files": ["exports/*.json"]}]
    lab.config.write_text(json.dumps(config), encoding="utf-8")
    asked = lab.run.find().queries["files/report_only"]
    assert f"let _listed_policies = {kql.literal(['policy-1', 'policy-2'])};" in asked
