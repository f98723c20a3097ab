"""A closed tenant, watched on the practice cloud: it holds; then each thing that may open it again is done by hand."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mailauth import cli, closable, evidence, shapes, watch
from mailauth.conditions import Change, Conditions, People
from mailauth.errors import HeldError
from mailauth.fleet import outcomes
from mailauth.fleet.jobs import Job
from mailauth.organization import Organization
from mailauth.registration import Credential, CredentialKind
from mailauth.views import watching
from mailauth.watch import Watched
from practice.state import AuthenticationPolicy, Mailbox, Tenant
from tests.case_invented import mail
from tests.practice.shutting import ADA, BLOCK, CANARY, PRINTER, Lab, exclude, shutting

EVIDENCE = Path("woodgrove", "evidence")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A tenant whose waves are closed and proven, once for all tests here: each puts back what it breaks."""
    folder = tmp_path_factory.mktemp("watched")
    with pytest.MonkeyPatch.context() as patch, shutting(folder) as found:
        patch.setenv("MAILAUTH_HOME", str(folder / "home"))
        with found.practice.states.changing("woodgrove") as tenant:
            tenant.directory.policies.conditional_access.append(BLOCK.model_copy(deep=True))
        # A command goes by this machine's clock: what it looks at is to be in its past.
        found.pass_time(hours=-13 * 14)
        for _ in range(14):
            found.sign_ins()
            after, _ = found.step()
            found.pass_time(hours=13)
            if set(found.words(after).values()) == {"closed"}:
                break
        found.practice.backend.clock.skew = timedelta()
        found.sign_ins()
        yield found


@pytest.fixture(autouse=True)
def forgotten(lab: Lab) -> Iterator[None]:
    """No test here hears what a watch of another one saw."""
    yield
    (lab.folder / EVIDENCE / "watch.json").unlink(missing_ok=True)


@contextmanager
def changed(lab: Lab, change: Callable[[Tenant], object]) -> Iterator[None]:
    """Change what the cloud holds, as somebody in the admin center does, and put it back at the end."""
    with lab.practice.states.changing("woodgrove") as tenant:
        kept = tenant.exchange.model_copy(deep=True), tenant.directory.model_copy(deep=True)
        change(tenant)
    try:
        yield
    finally:
        with lab.practice.states.changing("woodgrove") as tenant:
            tenant.exchange, tenant.directory = kept


@contextmanager
def rewritten(path: Path, change: Callable[[Any], object]) -> Iterator[None]:
    text = path.read_text(encoding="utf-8")
    record = json.loads(text)
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def watched(lab: Lab, **asked: Any) -> Watched:
    found = lab.run.watching.look(**asked)
    assert found is not None
    return found


def broken(lab: Lab, **asked: Any) -> list[tuple[str, str]]:
    """Return what broke, but the waves that no longer are closed for it."""
    return [(each.kind, each.about) for each in details(watched(lab, **asked))]


def details(made: Watched) -> list[watch.Broken]:
    return [each for each in made.broken if each.kind != "wave"]


def kept(lab: Lab) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads((lab.folder / EVIDENCE / "watch.json").read_text(encoding="utf-8"))["data"]
    return found


def test_what_is_closed_holds_since_the_first_watch_and_a_break_begins_that_anew(lab: Lab) -> None:
    first = watched(lab)
    assert (first.word, first.broken, first.waves) == ("held", (), ("pilot", "tenant"))
    lab.pass_time(minutes=10)
    assert watched(lab).since == first.since
    with changed(lab, lambda tenant: setattr(tenant.exchange, "smtp_auth_disabled", False)):
        seen = watched(lab)
        assert (seen.word, seen.since) == ("broken", None)
        lab.pass_time(minutes=10)
        again = watched(lab)
        assert again.broken[0].first_seen == seen.broken[0].first_seen
    last = watched(lab)
    assert last.word == "held"
    assert first.since
    assert last.since
    assert last.since >= first.since + timedelta(minutes=20)
    assert kept(lab)["word"] == "held"
    assert len(list((lab.folder / "woodgrove" / "history").glob("watch.*.json"))) >= 1


def test_held_since_is_never_before_what_closes_was_last_changed_or_a_password_refused(lab: Lab) -> None:
    """An undo and another closing between two watches leave both of them with nothing that is broken."""
    record, known = closed(lab), lab.run.closing.look().known
    before = replace(watched(lab), since=known.now - timedelta(days=300), at=known.now - timedelta(days=1))
    made = watch.watched(record, (), before, (), known)
    refused = max(datetime.fromisoformat(each["at"]) for each in record["data"]["proofs"] if each["kind"] == "password")
    assert (made.since, made.why_since[:19]) == (refused, "what closes was cha")
    switched = {step.id for one in known.receipts for step in one.plan.steps if step.group == "Organization switch"}
    (*_, undone) = (entry for receipt in known.receipts for entry in receipt.entries if entry.step in switched)
    later = replace(undone, at=known.now - timedelta(hours=2))
    again = [replace(one, entries=(*one.entries, later)) if undone in one.entries else one for one in known.receipts]
    anew = watch.watched(record, (), before, (), replace(known, receipts=tuple(again)))
    assert anew.since == later.at
    kept_on = watch.watched(record, (), replace(anew, at=known.now), (), known)
    assert (kept_on.since, kept_on.why_since) == (later.at, anew.why_since)


@pytest.mark.parametrize(("days", "kept_on"), [(8, True), (9, False)])
def test_a_gap_in_which_nobody_watched_begins_it_anew_and_is_told(lab: Lab, days: int, kept_on: bool) -> None:
    record, known = closed(lab), lab.run.closing.look().known
    before = watched(lab)
    assert before.since
    now = before.at + timedelta(days=days)
    made = watch.watched(record, (), before, (), replace(known, now=now))
    assert made.since == (before.since if kept_on else now)
    assert made.why_since.startswith("" if kept_on else "nobody watched between 20")
    row = str(watching.result([watching.Seen("woodgrove", made)]).views[0])
    assert ("nobody watched" in row) is not kept_on


def test_what_was_closed_cannot_be_known_where_the_evidence_of_60_is_gone(lab: Lab) -> None:
    assert watched(lab).word == "held"
    path = lab.folder / EVIDENCE / "60-close-basic.json"
    text = path.read_bytes()
    path.unlink()
    try:
        seen = watched(lab)
        told = ["watch", "--config", str(lab.config), "--out", str(lab.folder), "--json"]
        ended = CliRunner().invoke(cli.commands, told, standalone_mode=False)
        state = lab.run.reports.gather().state
    finally:
        path.write_bytes(text)
    assert [(each.kind, each.about) for each in seen.broken] == [("cannot know", "60-close-basic")]
    assert (seen.word, seen.since, seen.waves) == ("cannot know", None, ("pilot", "tenant"))
    assert (ended.return_value, json.loads(ended.stdout)["tenants"][0]["word"]) == (1, "cannot know")
    assert "Whether what was closed still is cannot be known: 60-close-basic" in state.also[0].plain()
    assert watched(lab).word == "held"


def box_of(tenant: Tenant, address: str) -> Mailbox:
    found = tenant.exchange.mailbox(address)
    assert found is not None
    return found


def set_switch(tenant: Tenant) -> None:
    tenant.exchange.smtp_auth_disabled = False


def set_mailbox(tenant: Tenant) -> None:
    box_of(tenant, PRINTER).smtp_auth_disabled = False


def set_plan(tenant: Tenant) -> None:
    tenant.exchange.cas_mailbox_plans[0].pop_enabled = True


def set_policy(tenant: Tenant) -> None:
    for each in tenant.exchange.authentication_policies:
        each.allow_basic["Smtp"] = True


def set_no_default(tenant: Tenant) -> None:
    tenant.exchange.default_authentication_policy = ""


def unassign(tenant: Tenant) -> None:
    tenant.exchange.authentication_policies.append(AuthenticationPolicy(name="Open", allow_basic={"Smtp": True}))
    box_of(tenant, ADA).authentication_policy = "Open"


def rename_policy(tenant: Tenant) -> None:
    tenant.exchange.authentication_policies.append(AuthenticationPolicy(name="Shut too", allow_basic={"Smtp": False}))
    tenant.exchange.default_authentication_policy = "Shut too"


def hire(tenant: Tenant) -> None:
    tenant.exchange.authentication_policies.append(AuthenticationPolicy(name="Open", allow_basic={"Smtp": True}))
    user = tenant.directory.user("ada@woodgrove.example")
    box = box_of(tenant, ADA)
    assert user is not None
    more = {"id": NEW, "user_principal_name": "new@woodgrove.example", "display_name": "New"}
    tenant.directory.users.append(user.model_copy(update=more))
    more = {"primary_smtp": "new@woodgrove.example", "user_id": NEW, "guid": NEW, "authentication_policy": "Open"}
    tenant.exchange.mailboxes.append(box.model_copy(update=more))


def except_printer(tenant: Tenant) -> None:
    tenant.exchange.authentication_policies.append(AuthenticationPolicy(name="Open", allow_basic={"Smtp": True}))
    box_of(tenant, PRINTER).authentication_policy = "Open"
    box_of(tenant, PRINTER).smtp_auth_disabled = False


NEW = "9d3c2f5e-7d2b-4e6e-8a51-2f1b9c0d4e77"


ALL = {ADA, CANARY, PRINTER, "admin@woodgrove.example", "invoices@woodgrove.example"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (set_switch, ("switch", "SMTP AUTH of the tenant", set())),
        (set_mailbox, ("mailbox", "SMTP AUTH of mailboxes", {PRINTER})),
        (set_plan, ("plan", "ExchangeOnlineEnterprise", set())),
        (set_policy, ("policy", "block basic smtp", ALL)),
        (set_no_default, ("policy", "the default authentication policy", ALL - {ADA, CANARY})),
        (unassign, ("policy", "Block Basic SMTP", {ADA})),
        (exclude, ("exclusion", f"{BLOCK.display_name}: {PRINTER}", {PRINTER})),
        (hire, ("mailbox", "new mailboxes", {"new@woodgrove.example"})),
    ],
)
def test_each_door_that_is_opened_by_hand_is_named(
    lab: Lab, change: Callable[[Tenant], object], found: tuple[str, str, set[str]]
) -> None:
    with changed(lab, change):
        seen = watched(lab)
    assert [(each.kind, each.about, {*each.mailboxes}) for each in details(seen)] == [found]
    assert seen.word == "broken"


def rename(tenant: Tenant) -> None:
    box = box_of(tenant, PRINTER)
    box.aliases = [*box.aliases, box.primary_smtp]
    box.primary_smtp = "print@woodgrove.example"


POLICY, SHUT = "authentication_policy", "Block Basic SMTP"


def in_a_group(record: Any) -> None:
    """Have the record tell of a tenant whose first two waves alone are closed, the second one of the printer."""
    pilot, everybody = record["data"]["waves"]
    leeds = {**pilot, "name": "leeds", "kind": "group", "mailboxes": [PRINTER], "provable": [], "senders": []}
    record["data"]["waves"] = [pilot, leeds, {**everybody, "word": "closing"}]
    (ada,) = (each for each in record["data"]["since"] if each["address"] == ADA)
    record["data"]["since"].append({**ada, "address": PRINTER})
    for each in record["data"]["as_closed"]["mailboxes"]:
        each["policy"] = "Block Basic SMTP"


def with_an_ended_exception(record: Any) -> None:
    in_a_group(record)
    wave = record["data"]["waves"][1]
    wave["mailboxes"].remove(PRINTER)
    wave["excepted"] = [{"address": PRINTER, "reason": "old", "until": "2020-01-01", "by": "tenants file"}]


def before_the_printer(record: Any) -> None:
    in_a_group(record)
    held = record["data"]["as_closed"]
    held["mailboxes"] = [each for each in held["mailboxes"] if each["address"] != PRINTER]


@pytest.mark.parametrize(
    ("kept_then", "named_now"),
    [(in_a_group, True), (with_an_ended_exception, False), (before_the_printer, False)],
    ids=["called otherwise since", "its exception in a group has ended", "made after the settings were kept"],
)
def test_a_closed_wave_that_60_would_not_call_closed_does_not_hold(
    lab: Lab, tmp_path: Path, kept_then: Callable[[Any], None], named_now: bool
) -> None:
    """The settings that are compared know nothing of such a mailbox; whoever looks at the wave does."""

    def opening(tenant: Tenant) -> None:
        except_printer(tenant)
        if named_now:
            rename(tenant)

    groups = json.loads(lab.config.read_text(encoding="utf-8"))
    groups["tenants"][0]["closing"]["groups"] = {"leeds": [PRINTER]}
    there = replace(lab, config=tmp_path / "tenants.yaml")
    there.config.write_text(json.dumps(groups), encoding="utf-8")
    path = lab.folder / EVIDENCE / "60-close-basic.json"
    with rewritten(path, kept_then), changed(lab, lambda tenant: setattr(box_of(tenant, PRINTER), POLICY, SHUT)):
        (lab.folder / EVIDENCE / "watch.json").unlink(missing_ok=True)
        assert watched(there).word == "held"
        with changed(lab, opening):
            seen = watched(there)
    ended = [each.mailboxes for each in seen.broken if (each.kind, each.about) == ("mailbox", "exceptions")]
    assert ended == ([(PRINTER,)] if kept_then is with_an_ended_exception else [])
    found = [each.found for each in seen.broken if (each.kind, each.about) == ("wave", "leeds")]
    assert seen.word == "broken"
    assert [each[: each.index(":")] for each in found] == ["it was closed, and 60 would say open now"]


def closed(lab: Lab) -> Any:
    return json.loads((lab.folder / EVIDENCE / "60-close-basic.json").read_text(encoding="utf-8"))


def test_another_policy_that_refuses_as_well_breaks_nothing(lab: Lab) -> None:
    with changed(lab, rename_policy):
        assert broken(lab) == []


def test_who_added_an_exclusion_or_switched_a_policy_off_stands_beside_it(lab: Lab) -> None:
    known, record = lab.run.closing.look().known, closed(lab)
    access = known.conditions
    assert access.policies
    (policy,) = access.policies
    record["data"]["as_closed"]["access"][0]["state"] = "enabled"
    one = "3f0e6a52-52a1-4f0c-9d35-0c1f6f3f7a11"
    change = Change(policy.id, known.now, "eve@woodgrove.example", "Update", frozenset({one}))
    off = replace(policy, exclude=People(users=frozenset({one})), state="disabled")
    now = replace(known, conditions=replace(access, policies=(off,), changes=(change,)))
    found = watch.compare(record, now, ())
    assert [(each.kind, each.at, each.by) for each in found] == [
        ("access", known.now, "eve@woodgrove.example"),
        ("exclusion", known.now, "eve@woodgrove.example"),
    ]
    assert found[1].about == f"{BLOCK.display_name}: {one}"


ONE, TEAM = "3f0e6a52-52a1-4f0c-9d35-0c1f6f3f7a11", "6b1f0f0e-3d0a-4c55-9d3e-0f6a3c1d7e11"


@pytest.mark.parametrize(
    ("now", "found"),
    [
        ({"include": People(users=frozenset({ONE}))}, "it was about everybody, and is about some"),
        ({"narrowed": ("locations",)}, "it counts only under conditions that it had not: locations"),
        ({"exclude": People(guests=True)}, "it did not leave out guests, and does"),
        ({"controls": ()}, "it stopped who shows nothing but a password, and does not"),
        ({"name": "Another name"}, ""),
    ],
    ids=["include", "narrowed", "guests", "controls", "name"],
)
def test_a_policy_that_is_on_and_stops_less_than_it_did_is_named(lab: Lab, now: dict[str, Any], found: str) -> None:
    known, record = lab.run.closing.look().known, closed(lab)
    (policy,) = known.conditions.policies or ()
    record["data"]["as_closed"]["access"][0]["state"] = "enabled"
    less = replace(known.conditions, policies=(replace(policy, state="enabled", **now),))
    told = watch.compare(record, replace(known, conditions=less), ())
    assert [(each.kind, each.found) for each in told] == ([("access", found)] if found else [])
    kept_then = record["data"]["as_closed"]["access"][0]
    kept_then.update(everybody=False, included=[ONE, TEAM])
    fewer = replace(policy, state="enabled", include=People(users=frozenset({ONE})))
    (told_of,) = watch.compare(record, replace(known, conditions=replace(less, policies=(fewer,))), ())
    assert told_of.found == "it is no longer about 1 account, group or role"
    only = {"id", "name", "state", "excluded"}
    record["data"]["as_closed"]["access"] = [
        {name: value for name, value in each.items() if name in only} for each in record["data"]["as_closed"]["access"]
    ]
    assert watch.compare(record, replace(known, conditions=less), ()) == ()  # kept by an earlier version


def test_who_joins_a_group_that_a_policy_leaves_out_is_named_as_whoever_is_left_out_by_name(lab: Lab) -> None:
    known, record = lab.run.closing.look().known, closed(lab)
    (policy,) = known.conditions.policies or ()
    access = replace(
        known.conditions,
        policies=(replace(policy, exclude=People(groups=frozenset({TEAM}))),),
        members={TEAM: frozenset({ONE})},
    )
    kept_then = record["data"]["as_closed"]["access"][0]
    kept_then.update(excluded=[TEAM], excluded_members=[])
    (joined,) = watch.compare(record, replace(known, conditions=access), ())
    assert (joined.kind, joined.about) == ("exclusion", f"{BLOCK.display_name}: {ONE}")
    assert "Ask who put the account there" in joined.remedy
    kept_then["excluded_members"] = [ONE]
    assert watch.compare(record, replace(known, conditions=access), ()) == ()
    (dark,) = watch.compare(record, replace(known, conditions=replace(access, members={})), ())
    assert (dark.kind, dark.about) == ("cannot know", f"who is in the groups that {BLOCK.display_name} leaves out")
    kept_then.update(excluded=[], excluded_members=[])
    (left_out,) = watch.compare(record, replace(known, conditions=access), ())
    assert left_out.about == f"{BLOCK.display_name}: {TEAM}"


def test_a_remedy_names_60_only_for_what_60_closes(lab: Lab) -> None:
    """Conditional Access and security defaults are set in Entra: 60 neither shows nor closes them."""
    record = closed(lab)
    record["data"]["as_closed"]["access"][0]["state"] = "enabled"
    record["data"]["as_closed"]["security_defaults"] = True
    known = lab.run.closing.look().known
    access = replace(known.conditions, defaults=False)
    with changed(lab, exclude):
        left_out = lab.run.closing.look().known.conditions.policies
    at = evidence.plain(known.now)
    group = {"verdict": "basic_sender", "protocol": "SMTP AUTH", "population": "member", "last_success": at}
    group |= {"user": PRINTER, "network": {"label": "the office", "address": ""}}
    findings = {**(known.findings or {}), "data": {**(known.findings or {})["data"], "groups": [group]}}
    now = replace(known, conditions=replace(access, policies=left_out), findings=findings)
    remedies: dict[tuple[str, str], str] = {
        (each.kind, each.about): each.remedy for each in watch.compare(record, now, ())
    }
    mine = ("switch", "security defaults"), ("exclusion", f"{BLOCK.display_name}: {PRINTER}")
    assert {*mine, ("access", BLOCK.display_name), ("basic", PRINTER)} == {*remedies}
    assert not any("closes it again" in each for each in remedies.values())
    assert all("Entra admin center" in remedies[each] for each in (*mine, ("access", BLOCK.display_name)))
    assert all("run 60 with renew" in remedies[each] for each in (*mine, ("access", BLOCK.display_name)))
    assert "10" in remedies["basic", PRINTER]


def test_what_is_not_read_is_never_taken_for_held(lab: Lab) -> None:
    known = lab.run.closing.look().known
    blind = replace(known, organization=Organization(), conditions=Conditions(), findings=None)
    found = watch.compare(closed(lab), blind, None)
    assert {each.kind for each in found} == {"cannot know"}
    assert [each.about for each in found] == [
        "SMTP AUTH of the tenant",
        "the default authentication policy",
        "authentication policies",
        "mailboxes",
        "mailbox plans",
        "Conditional Access",
        "sign-ins",
        "credentials of the apps",
    ]
    assert watch.word(found) == "cannot know"


def test_a_password_that_is_taken_again_is_named_with_its_place_and_its_time(lab: Lab) -> None:
    at = (lab.practice.backend.now() - timedelta(minutes=1)).isoformat()
    lab.sign_ins([mail(PRINTER)])
    path = lab.folder / EVIDENCE / "10-find-basic-auth.json"
    assert broken(lab) == []  # it is from before the closing
    with rewritten(path, lambda record: record["data"]["groups"][0].update(last_success=at.replace("+00:00", "Z"))):
        seen = watched(lab)
    lab.sign_ins()
    assert [(each.kind, each.about, each.mailboxes) for each in details(seen)] == [("basic", PRINTER, (PRINTER,))]
    assert "by SMTP AUTH from 203.0.113.10" in seen.broken[0].found
    assert seen.broken[0].at
    assert seen.broken[0].at.isoformat() == at


def test_a_credential_that_ends_and_a_proof_that_is_old_are_told_by_the_days_that_are_asked_for(lab: Lab) -> None:
    assert {kind for kind, _ in broken(lab, expires_days=3650)} == {"credential"}
    assert broken(lab, proven_days=0) == [("proof", ADA)]


def test_what_opens_no_door_wants_attention_and_what_was_closed_still_holds(lab: Lab) -> None:
    first = watched(lab)
    lab.pass_time(minutes=1)
    for asked in ({"expires_days": 3650}, {"proven_days": 0}):
        seen = watched(lab, **asked)
        assert (seen.word, seen.since) == ("attention", first.since)
    state = lab.run.reports.gather().state
    told = [each.plain() for each in (*state.also, *state.missing)]
    assert any(each.startswith(f"What sends with OAuth needs attention: {ADA}, last proven at") for each in told)
    assert any(each.startswith("What was closed has held since") for each in told)
    assert not any("does not hold" in each for each in (*told, state.sentence.plain()))
    told_now = ["watch", "--config", str(lab.config), "--out", str(lab.folder), "--proven", "0"]
    assert CliRunner().invoke(cli.commands, told_now, standalone_mode=False).return_value == 3


def test_a_password_of_the_canary_that_was_not_refused_is_a_door_and_no_matter_of_oauth(lab: Lab) -> None:
    """A try of 60 takes the word closed from every wave, and settings that stand as they were say nothing of it."""
    assert watched(lab).word == "held"
    path = lab.folder / EVIDENCE / "60-close-basic.json"
    with rewritten(path, lambda _: None):
        look = lab.run.closing.look()
        taken = closable.Proof(CANARY, "password", False, look.known.now, "235 2.7.0 Authentication successful")
        seen = look.with_proofs((taken,))
        lab.run.closing.keep(seen, seen.waves[0])
        assert lab.words(seen) == {"pilot": "closing", "tenant": "closing"}
        again = watched(lab)
    assert (again.word, again.since) == ("broken", None)
    assert [(each.kind, each.about) for each in again.broken] == [
        ("wave", "pilot"),
        ("wave", "tenant"),
        ("basic", CANARY),
    ]
    assert taken.said in again.broken[-1].found


def secret(name: str, **span: float) -> Credential:
    return Credential("secret", f"id-{name}", name, ends=NOON + timedelta(**span) if span else None)


NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
LASTS = Credential("certificate", "id-lasts", "lasts", ends=NOON + timedelta(days=700))


@pytest.mark.parametrize(
    ("held", "found"),
    [
        ((secret("a", days=40), LASTS), []),
        ((secret("a", days=30), LASTS), [("mail: secret a", "it ends at 2026-12-31 12:00 UTC")]),
        ((secret("a", days=30), secret("b", days=90)), [("mail: secret a", "it ends at 2026-12-31 12:00 UTC")]),
        ((secret("a", days=-1), secret("b")), []),
        ((secret("a", days=-1), LASTS), [("mail", "its last secret ended at 2026-11-30 12:00 UTC")]),
        ((), [("mail", "it has no secret")]),
    ],
)
def test_each_live_credential_that_ends_is_told_and_an_app_that_has_none_of_its_kind(
    lab: Lab, held: tuple[Credential, ...], found: list[tuple[str, str]]
) -> None:
    known = replace(lab.run.closing.look().known, now=NOON)
    told = watch.compare(closed(lab), known, (watch.Lasting("mail", frozenset({"secret"}), held),))
    assert [(each.about, each.found) for each in told if each.kind == "credential"] == found


def test_an_app_with_another_credential_that_works_is_told_what_to_do_about_the_flow_that_has_none(lab: Lab) -> None:
    needs: frozenset[CredentialKind] = frozenset({"secret", "certificate"})
    (told,) = watch.credentials((watch.Lasting("mail", needs, (secret("a", days=-1), LASTS)),), NOON)
    assert told.found == "its last secret ended at 2026-11-30 12:00 UTC; its certificate still lets it sign in"
    assert told.remedy == "Make a new one with 20, or take the flow secret of this app out of the tenants file."
    assert watch.word((told,)) == "attention"


def test_an_app_whose_last_secret_was_deleted_does_not_hold(lab: Lab) -> None:
    def delete(tenant: Tenant) -> None:
        for each in tenant.directory.applications:
            if each.app_id == lab.made.daemon.app_id:
                each.password_credentials.clear()

    with changed(lab, delete):
        seen = watched(lab)
    assert [(each.kind, each.about, each.found) for each in seen.broken] == [("credential", "mail", "it has no secret")]


def test_evidence_that_cannot_be_opened_is_told_of_its_tenant_alone(lab: Lab) -> None:
    """A folder in its place is what every system refuses to read."""
    path = lab.folder / EVIDENCE / "60-close-basic.json"
    text = path.read_bytes()
    path.unlink()
    path.mkdir()
    try:
        asked = ["watch", "--config", str(lab.config), "--out", str(lab.folder), "--json"]
        ended = CliRunner().invoke(cli.commands, asked, standalone_mode=False, catch_exceptions=False)
    finally:
        path.rmdir()
        path.write_bytes(text)
    (tenant,) = json.loads(ended.stdout)["tenants"]
    assert (ended.return_value, tenant["word"]) == (1, "cannot know")
    assert tenant["why"].startswith("evidence/60-close-basic.json: ")


def test_a_token_that_is_not_taken_any_more_is_told_and_one_that_is_again_is_kept(lab: Lab) -> None:
    with changed(lab, lambda tenant: setattr(box_of(tenant, ADA), "smtp_auth_disabled", True)):
        seen = watched(lab, prove=True)
    assert [(each.kind, each.about) for each in details(seen)] == [("proof", ADA)]
    assert broken(lab) == [("proof", ADA)]
    assert broken(lab, prove=True) == []
    assert [(each["mailbox"], each["good"]) for each in kept(lab)["proofs"]] == [(ADA, True)]


@pytest.mark.parametrize(("until", "found"), [(0, []), (-1, [("mailbox", "exceptions", (PRINTER,))])])
def test_an_exception_holds_until_its_last_day_is_over(lab: Lab, until: int, found: list[Any]) -> None:
    record = closed(lab)
    wave = record["data"]["waves"][-1]
    day = lab.practice.backend.now().date() + timedelta(days=until)
    wave["mailboxes"].remove(PRINTER)
    wave["excepted"].append({"address": PRINTER, "reason": "old", "until": day.isoformat(), "by": "decisions"})
    with changed(lab, except_printer):
        told = watch.compare(record, lab.run.closing.look().known, ())
    assert [(each.kind, each.about, each.mailboxes) for each in told] == found


def test_a_wave_that_60_calls_open_is_told_until_it_is_closed_again(lab: Lab) -> None:
    watched(lab)
    path = lab.folder / EVIDENCE / "60-close-basic.json"
    with rewritten(path, lambda record: record["data"]["waves"][0].update(word="open", sentence="It was opened.")):
        for _ in range(2):
            assert [(each.kind, each.about) for each in watched(lab).broken] == [("wave", "pilot")]
    assert watched(lab).broken == ()


def test_a_wave_of_which_everybody_is_left_out_by_name_since_is_no_wave_that_was_opened(lab: Lab) -> None:
    watched(lab)
    path = lab.folder / EVIDENCE / "60-close-basic.json"
    said = "Nothing is to be done in it: everybody in it is left out."
    with rewritten(path, lambda record: record["data"]["waves"][0].update(word="left out", sentence=said)):
        assert watched(lab).broken == ()


def test_the_command_ends_with_what_came_of_it_and_tells_machines(lab: Lab) -> None:
    asked = ["watch", "--config", str(lab.config), "--out", str(lab.folder), "--tenant", "woodgrove"]
    told = CliRunner().invoke(cli.commands, [*asked, "--json"], standalone_mode=False)
    tenant = json.loads(told.stdout)["tenants"][0]
    assert (tenant["tenant"], tenant["word"], told.return_value) == ("woodgrove", "held", 0)
    with changed(lab, set_switch):
        table = CliRunner().invoke(cli.commands, asked, standalone_mode=False)
    assert table.return_value == 1
    assert "SMTP AUTH of the tenant" in table.stdout


def test_while_another_run_is_under_way_a_watch_writes_nothing_and_says_who_holds_the_tenant(lab: Lab) -> None:
    watched(lab)
    path = lab.folder / EVIDENCE / "watch.json"
    before = path.read_bytes()
    asked = ["watch", "--config", str(lab.config), "--out", str(lab.folder), "--tenant", "woodgrove"]
    with changed(lab, set_switch):
        with lab.run.alone():
            with pytest.raises(HeldError, match=r"^woodgrove is being run already by process \d+ since "):
                lab.run.watching.look()
            told = CliRunner().invoke(cli.commands, [*asked, "--wait", "0", "--json"], standalone_mode=False)
        assert path.read_bytes() == before
    (tenant,) = json.loads(told.stdout)["tenants"]
    assert (told.return_value, tenant["word"], tenant["broken"], tenant["since"]) == (3, "busy", [], None)
    assert "woodgrove is being run already by process" in tenant["why"]


def test_a_watch_waits_for_another_run_of_the_tenant_to_end(lab: Lab) -> None:
    asked = ["watch", "--config", str(lab.config), "--out", str(lab.folder), "--tenant", "woodgrove"]
    with ThreadPoolExecutor(1) as beside:
        with lab.run.alone():
            told = beside.submit(CliRunner().invoke, cli.commands, asked, standalone_mode=False)
            with pytest.raises(TimeoutError):
                told.result(timeout=3)
        assert told.result().return_value == 0


def test_what_may_be_meant_and_leaves_a_wave_closed_is_said_to_be_taken_over_by_renew(lab: Lab) -> None:
    meant = {}
    for change in (set_switch, set_mailbox, set_plan, set_policy, set_no_default, unassign, hire):
        with changed(lab, change):
            (found,) = details(watched(lab))
            meant[change.__name__] = "mailauth close --renew" in found.remedy
    assert {name for name, said in meant.items() if said} == {"set_mailbox", "set_no_default"}


def test_a_wave_that_is_named_no_more_is_part_of_the_last_one(lab: Lab) -> None:
    before = watched(lab)
    record = closed(lab)
    record["data"]["waves"] = [each for each in record["data"]["waves"] if each["kind"] == "tenant"]
    assert watch.taken_back(record, before) == ()
    record["data"]["waves"][0]["word"] = "open"
    assert [each.about for each in watch.taken_back(record, before)] == ["pilot", "tenant"]


def test_a_wave_of_which_all_are_left_out_by_name_was_opened_by_nobody(lab: Lab) -> None:
    before, record = watched(lab), closed(lab)
    record["data"]["waves"][0]["word"] = "left out"
    assert watch.taken_back(record, before) == ()


def test_a_tenant_in_which_nothing_is_closed_is_no_tenant_that_holds(lab: Lab, tmp_path: Path) -> None:
    asked = ["watch", "--config", str(lab.config), "--out", str(tmp_path)]
    named = CliRunner().invoke(cli.commands, [*asked, "--tenant", "woodgrove"], standalone_mode=False)
    assert named.return_value == 1
    assert "Nothing was closed here yet, by what lies in" in " ".join(named.stdout.split())
    for more in ([], ["--tenant", "woodgrove"]):
        told = CliRunner().invoke(cli.commands, [*asked, "--json", *more], standalone_mode=False)
        (tenant,) = json.loads(told.stdout)["tenants"]
        assert (told.return_value, tenant["word"], tenant["broken"], tenant["since"]) == (1, "not closed", [], None)
    told = CliRunner().invoke(cli.commands, [*asked[:-1], str(lab.folder), "--json"], standalone_mode=False)
    assert json.loads(told.stdout)["tenants"][0].keys() == tenant.keys()


def test_the_headless_report_watches_and_says_since_when_it_has_held_or_what_broke(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = "What was closed has held since"
    watched(lab)
    (lab.folder / EVIDENCE / "watch.json").unlink()
    assert not any(said in each.plain() for each in lab.run.reports.gather().state.also)  # somebody sits there
    monkeypatch.setenv("MAILAUTH_PROGRESS", str(tmp_path / "progress"))
    also = [each.plain() for each in lab.run.reports.gather().state.also]
    assert also[0].startswith(said)
    job = Job("woodgrove", str(lab.config), str(lab.folder), str(tmp_path), ("90-tenant-report",))
    assert (outcomes.of(job, {}).watched, outcomes.of(job, {}).held_since[:2]) == ("held", "20")
    with changed(lab, set_switch):
        state = lab.run.reports.gather().state
        assert state.also[0].plain().startswith("What was closed does not hold: SMTP AUTH of the tenant, it was off")
        assert state.missing[0].plain().startswith("What was closed does not hold: mailauth watch says")
        assert state.word != "closed"
        assert "What was closed does not hold: mailauth watch says" in state.sentence.plain()
    assert (outcomes.of(job, {}).watched, outcomes.of(job, {}).held_since) == ("broken", "")


def test_a_watch_that_could_not_be_made_leaves_no_older_one_in_its_place(lab: Lab, tmp_path: Path) -> None:
    assert watched(lab).word == "held"
    (tmp_path / "woodgrove.yaml").write_text("senders: 3\n", encoding="utf-8")
    run = lab.run
    run = replace(run, tenant=replace(run.tenant, decisions=tmp_path / "woodgrove.yaml"))
    (lost,) = run.watching.headless()
    assert (lost.what, lost.state) == ("whether what was closed still is", "unknown")
    assert (kept(lab)["word"], kept(lab)["since"]) == ("cannot know", None)


def test_a_command_that_could_not_watch_leaves_no_older_watch_in_its_place(lab: Lab, tmp_path: Path) -> None:
    assert watched(lab).word == "held"
    (tmp_path / "woodgrove.yaml").write_text("senders: 3\n", encoding="utf-8")
    entry = json.loads(lab.config.read_text(encoding="utf-8"))
    entry["tenants"][0]["decisions"] = str(tmp_path / "woodgrove.yaml")
    config = tmp_path / "tenants.yaml"
    config.write_text(json.dumps(entry), encoding="utf-8")
    asked = ["watch", "--config", str(config), "--out", str(lab.folder), "--tenant", "woodgrove"]
    assert CliRunner().invoke(cli.commands, asked, standalone_mode=False).return_value == 1
    assert (kept(lab)["word"], kept(lab)["since"]) == ("cannot know", None)


def test_the_schema_is_what_the_classes_say_and_what_an_earlier_version_kept_fits_it() -> None:
    made = shapes.schema(Watched)
    for name in ("reopened", "record_at"):
        made["required"].remove(name)
    made["properties"]["reopened"]["items"]["required"].remove("id")
    assert evidence.schema("watch")["properties"]["data"] == made


def test_what_a_watch_saw_open_and_was_given_back_by_hand_is_not_held_before_it_counts(lab: Lab) -> None:
    """Neither the settings nor 60's own record tell that it was open, and until then the old state acts."""
    said = "Passwords may be taken for"
    assert watched(lab).word == "held"
    with changed(lab, except_printer):
        assert watched(lab).word == "broken"
    lab.pass_time(minutes=2)
    (wave,) = watched(lab).broken
    assert (wave.kind, wave.about, said in wave.found) == ("wave", "tenant", True)
    lab.pass_time(minutes=2)
    (again,) = watched(lab).broken
    assert again.found == wave.found
    look = lab.run.closing.look()
    assert lab.words(look) == {"pilot": "closed", "tenant": "closing"}
    lab.pass_time(hours=24)
    lab.sign_ins()
    (wave,) = watched(lab).broken
    assert "not proven since the last change" in wave.found
    after, _ = lab.step("tenant")
    assert lab.words(after) == {"pilot": "closed", "tenant": "closed"}
    assert (watched(lab).word, kept(lab)["reopened"]) == ("held", [])


def hand_over(tenant: Tenant) -> None:
    """Give the printer's mailbox, with all that is known of it, another address and another sign-in name."""
    box, user = box_of(tenant, PRINTER), tenant.directory.user(PRINTER)
    assert user is not None
    box.primary_smtp, box.aliases, user.user_principal_name = NAMED_ANEW, [], NAMED_ANEW


NAMED_ANEW = "label@woodgrove.example"


def test_what_a_watch_saw_open_is_not_held_before_it_counts_where_it_has_another_address_by_then(lab: Lab) -> None:
    closed_again(lab)
    assert watched(lab).word == "held"
    with changed(lab, except_printer):
        assert watched(lab).word == "broken"
    lab.pass_time(minutes=2)
    with changed(lab, hand_over):
        look = lab.run.closing.look()
        assert lab.words(look) == {"pilot": "closed", "tenant": "closing"}
        assert watched(lab).word == "broken"
        assert [each["address"] for each in kept(lab)["reopened"]] == [NAMED_ANEW]


def closed_again(lab: Lab) -> None:
    for _ in range(14):
        lab.sign_ins()
        after, _ = lab.step()
        if set(lab.words(after).values()) == {"closed"}:
            return
        lab.pass_time(hours=25)
    raise AssertionError(lab.words(after))


def test_what_an_undo_from_here_opened_is_told_as_that_until_60_has_closed_it_again(lab: Lab) -> None:
    closed_again(lab)
    first = watched(lab)
    look = lab.run.closing.look()
    lab.run.closing.keep(look, look.waves[-1])
    again = watched(lab)
    assert (again.closed_at, again.record_at == first.record_at) == (first.closed_at, False)
    (*_, last) = lab.run.closing.undo(look, look.waves[-1], apply=True)
    seen = watched(lab)  # 60 has not looked since: its evidence calls the wave closed
    assert (seen.word, seen.since, seen.closed_at) == ("undone", None, first.closed_at)
    # The organization's switch is everybody's: the pilot is to be proven again.
    told = [("undone", "tenant"), ("proof", ADA), ("proof", CANARY)]
    assert [(each.kind, each.about) for each in seen.broken] == told
    assert seen.broken[0].by == last.by
    assert seen.broken[0].found.startswith("opened by an undo at 20")
    look = lab.run.closing.look()
    lab.run.closing.keep(look, look.waves[-1])
    again = watched(lab)
    assert [(each.kind, each.about) for each in again.broken] == told
    state = lab.run.reports.gather().state
    said = "What was closed was taken back on purpose: tenant, opened by an undo at 20"
    assert any(each.plain().startswith(said) for each in state.also)
    assert "What was closed was taken back: close it again with 60, or leave it open." in [
        each.plain() for each in state.missing
    ]
    assert (again.word, again.waves, again.closed_at) == ("undone", ("pilot", "tenant"), first.closed_at)
    asked = ["watch", "--config", str(lab.config), "--out", str(lab.folder), "--json"]
    assert CliRunner().invoke(cli.commands, asked, standalone_mode=False).return_value == 3
    with changed(lab, unassign):
        assert watched(lab).word == "broken"
    lab.pass_time(hours=25)
    closed_again(lab)
    last_one = watched(lab)
    assert (last_one.word, last_one.closed_at > first.closed_at) == ("held", True)
