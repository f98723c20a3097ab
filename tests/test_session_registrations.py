"""Notebook 20's steps as session methods, from a tenant without the app to one with it, and back."""

import base64
import json
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailauth import cli, powershell, tenants
from mailauth import plan as plans
from mailauth.checks import Check
from mailauth.errors import ConfigurationError, SecretError
from mailauth.plan import Receipt
from mailauth.registration import Found, Wanted
from mailauth.registrationplan import Place
from practice.state import RequiredResource, ResourceAccess, Tenant
from practice.wellknown import EXCHANGE, GRAPH
from tests.practice.woodgrove import Woodgrove, woodgrove
from tests.registering import Desk, desk

Opened = Callable[..., Desk]
ALONE: dict[str, Any] = {"flow": "app-only"}


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Return a function that starts a cloud and opens a desk on it."""
    with ExitStack() as stack:

        def start(made: Woodgrove | None = None, **options: Any) -> Desk:
            return stack.enter_context(desk(tmp_path, monkeypatch, made, **options))

        yield start


def planned(at: Desk, keep_in: str = "", **asked: Any) -> tuple[plans.Plan, Found, Wanted, Place | None]:
    part = at.registering
    wanted = part.wanted("Mail", **asked)
    found = part.look(wanted)
    place = part.place(found, wanted, keep_in=keep_in)
    return part.plan(found, wanted, place), found, wanted, place


def applied(at: Desk, keep_in: str = "", **asked: Any) -> Receipt:
    return at.registering.apply(*planned(at, keep_in, **asked), apply=True)


def outcomes(receipt: Receipt) -> list[str]:
    return [entry.outcome for entry in receipt.entries]


def directory(tenant: Tenant) -> str:
    """Return the directory as text, without what Graph keeps of deleted things."""
    kept = tenant.directory.model_dump(mode="json", by_alias=True)
    return json.dumps({name: value for name, value in kept.items() if not name.startswith("deleted")}, sort_keys=True)


def wrong(at: Desk, **asked: Any) -> set[str]:
    part = at.registering
    wanted = part.wanted("Mail", **asked)
    found = part.look(wanted)
    place = part.place(found, wanted)
    return {check.name for check in part.lint(found, wanted, place) if check.outcome == "wrong"}


@pytest.mark.parametrize(
    ("asked", "flows"),
    [
        pytest.param({"flow": "app-only", "smtp": "rbac"}, ["certificate"], id="app-only by a role"),
        pytest.param({"flow": "app-only", "smtp": "consent"}, ["certificate"], id="app-only by consent"),
        pytest.param({"clients": "program, thunderbird"}, ["interactive"], id="delegated"),
        pytest.param({"flow": "both", "clients": "nativeclient"}, ["interactive", "certificate"], id="both"),
        pytest.param({"flow": "app-only", "audience": "multi"}, ["certificate"], id="for several tenants"),
        pytest.param(
            {"flow": "app-only", "credential": "federated", "federated": "runner https://idp.example repo:a/b"},
            ["federated"],
            id="federated",
        ),
    ],
)
def test_from_nothing_to_a_registered_app_and_back(opened: Opened, asked: dict[str, Any], flows: list[str]) -> None:
    at = opened()
    with at.state() as tenant:
        before = directory(tenant)
    receipt = applied(at, **asked)
    assert receipt.whole
    assert wrong(at, **asked) == set()
    mail = tenants.load(at.file).tenant("woodgrove").mail_apps[0]
    assert (mail.client_id, [flow.kind for flow in mail.flows]) == (at.app().app_id, flows)
    again = planned(at, **asked)
    assert again[0].steps == ()
    assert at.registering.apply(*again, apply=True).entries == ()
    back = at.run.take_back(receipt.where, apply=True)
    assert set(outcomes(back)) == {"done"}
    with at.state() as tenant:
        assert directory(tenant) == before
    assert tenants.load(at.file).tenant("woodgrove").mail_apps == ()


def test_without_apply_nothing_is_sent_and_nothing_is_made(opened: Opened) -> None:
    at = opened()
    with at.state() as tenant:
        before = directory(tenant)
    assert not at.registering.apply(*planned(at, **ALONE)).applied
    with at.state() as tenant:
        assert directory(tenant) == before
    assert sorted(path.name for path in at.file.parent.iterdir()) == ["home", "tenants.yaml"]


def test_the_certificate_proves_the_app_and_its_key_is_the_owners_alone(opened: Opened) -> None:
    at = opened()
    receipt = applied(at, **ALONE)
    part = at.registering
    wanted = part.wanted("Mail")
    found = part.look(wanted)
    place = part.place(found, wanted)
    assert place is not None
    assert part.prove(found, wanted, place).outcome == "ok"
    if sys.platform != "win32":
        assert stat.S_IMODE(Path(place.ref.name).stat().st_mode) == 0o600
    assert at.app().key_credentials[0].display_name == f"mailauth-runbook {receipt.plan.id}"


def test_a_key_that_is_there_is_used_and_never_overwritten(opened: Opened) -> None:
    at = opened()
    part = at.registering
    wanted = part.wanted("Mail", **ALONE)
    found = part.look(wanted)
    made = part.place(found, wanted, keep_in="file:keys/own.pem", make=True)
    assert made is not None
    before = Path(made.ref.name).read_bytes()
    assert applied(at, "file:keys/own.pem", **ALONE).whole
    assert Path(made.ref.name).read_bytes() == before
    assert made.certificate is not None
    assert at.app().key_credentials[0].key == made.certificate.key


def test_what_is_no_certificate_is_not_taken_for_one(opened: Opened) -> None:
    at = opened()
    (at.file.parent / "own.pem").write_text("not a key", encoding="utf-8")
    with pytest.raises(SecretError, match=r"own\.pem is there already"):
        applied(at, "file:own.pem", **ALONE)
    with at.state() as tenant:
        assert "Mail" not in {one.display_name for one in tenant.directory.applications}


# Secrets.


def everything(at: Desk, receipt: Receipt) -> str:
    """Return all that a run left behind, but for the place of the secret itself."""
    left = [
        path.read_text("utf-8") for path in at.file.parent.rglob("*") if path.is_file() and path.suffix != ".secret"
    ]
    return "\n".join([*left, repr(receipt), powershell.script(receipt.plan)])


def test_a_secret_goes_where_it_was_told_and_nowhere_else(opened: Opened) -> None:
    at = opened()
    change, found, wanted, place = planned(at, "file:own.secret", flow="app-only", credential="secret")
    part = at.registering
    receipt = part.apply(change, found, wanted, place, apply=True)
    text = (at.file.parent / "own.secret").read_text("utf-8")
    assert len(text) == 40
    look = part.look(wanted)
    assert part.prove(look, wanted, place).outcome == "ok"
    part.keep(look, wanted, part.lint(look, wanted, place), change, receipt, place)
    assert text not in everything(at, receipt)
    assert "file:own.secret" in everything(at, receipt)
    assert planned(at, "file:own.secret", flow="app-only", credential="secret")[0].steps == ()


@pytest.mark.parametrize("kind", ["drop", "truncate"])
def test_a_secret_whose_reply_was_lost_is_removed_and_made_anew(opened: Opened, kind: Any) -> None:
    at = opened()
    change, found, wanted, place = planned(at, "file:own.secret", flow="app-only", credential="secret")
    at.practice.faults.add("graph", kind, operation="addPassword")
    receipt = at.registering.apply(change, found, wanted, place, apply=True)
    assert receipt.whole
    assert len(at.app().password_credentials) == 1
    part = at.registering
    assert part.prove(part.look(wanted), wanted, place).outcome == "ok"


def test_a_policy_that_forbids_secrets_is_met_before_anything_is_tried(opened: Opened) -> None:
    made = woodgrove()
    forbids = {"passwordCredentials": [{"restrictionType": "passwordAddition", "state": "enabled"}]}
    made.estate.tenant.directory.policies.app_management = {"isEnabled": True, "applicationRestrictions": forbids}
    at = opened(made)
    change, *_ = planned(at, flow="app-only", credential="secret")
    [check] = [check for check in change.checks if check.outcome == "wrong"]
    assert (change.steps, check.name) == ((), "app management policy")
    assert "secrets are not allowed" in check.found
    assert "certificate or a federated credential" in check.remedy
    assert applied(at, **ALONE).whole


def test_credentials_last_no_longer_than_the_policy_allows(opened: Opened) -> None:
    made = woodgrove()
    limits = {
        "passwordCredentials": [{"restrictionType": "passwordLifetime", "maxLifetime": "P60D"}],
        "keyCredentials": [{"restrictionType": "asymmetricKeyLifetime", "maxLifetime": "P30D"}],
    }
    made.estate.tenant.directory.policies.app_management = {"isEnabled": True, "applicationRestrictions": limits}
    at = opened(made)
    assert applied(at, **ALONE).whole
    assert applied(at, flow="app-only", credential="secret").whole
    app = at.app()
    times = [(one.start_date_time, one.end_date_time) for one in app.key_credentials]
    times += [(one.start_date_time, one.end_date_time) for one in app.password_credentials]
    assert [(ends - begins).days for begins, ends in times if begins and ends] == [30, 59]


# Others at work.


def test_two_engineers_at_once_leave_one_app(opened: Opened) -> None:
    at = opened()
    first, second = planned(at, "file:one.pem", **ALONE), planned(at, "file:two.pem", **ALONE)
    assert at.registering.apply(*first, apply=True).whole
    late = at.registering.apply(*second, apply=True)
    assert outcomes(late)[:2] == ["already", "already"]
    assert outcomes(late)[2] == "foreign"
    with at.state() as tenant:
        assert [one.display_name for one in tenant.directory.applications].count("Mail") == 1
        assert [one.app_id for one in tenant.directory.service_principals].count(at.app().app_id) == 1
    assert len(at.app().key_credentials) == 1


def test_what_somebody_changed_meanwhile_stops_the_plan_and_stays(opened: Opened) -> None:
    at = opened()
    applied(at, flow="app-only", protocols="imap")
    change = planned(at, flow="app-only", protocols="imap, pop")
    theirs = RequiredResource(resource_app_id=GRAPH, resource_access=[ResourceAccess(id=GRAPH, type="Scope")])
    with at.changing() as app:
        app.required_resource_access = [*app.required_resource_access, theirs]
    receipt = at.registering.apply(*change, apply=True)
    assert outcomes(receipt) == ["foreign"]
    assert theirs in at.app().required_resource_access


def test_what_others_put_there_is_kept_and_the_mistakes_are_mended(opened: Opened) -> None:
    at = opened()
    applied(at, flow="app-only", protocols="imap")
    with at.changing() as app:
        app.sign_in_audience = "AzureADandPersonalMicrosoftAccount"
        app.is_fallback_public_client = True
        app.web.redirect_uris = ["https://portal.woodgrove.example/back"]
        app.required_resource_access = [
            RequiredResource(
                resource_app_id=GRAPH,
                resource_access=[ResourceAccess(id="7427e0e9-2fba-42fe-b0c0-848c9e6a8182", type="Scope")],
            )
        ]
    named = wrong(at, **ALONE)
    assert {"audience", "public client", "redirect http://localhost", "IMAP for the app itself"} <= named
    before = at.app().model_dump(mode="json")
    receipt = applied(at, **ALONE)
    assert receipt.whole
    # What might cut somebody off is named and left.
    assert wrong(at, **ALONE) == {"audience", "public client"}
    mended = at.app()
    assert (mended.sign_in_audience, mended.is_fallback_public_client) == ("AzureADandPersonalMicrosoftAccount", True)
    assert mended.web.redirect_uris == ["http://localhost", "https://portal.woodgrove.example/back"]
    assert {one.resource_app_id for one in mended.required_resource_access} == {GRAPH, EXCHANGE}
    assert set(outcomes(at.run.take_back(receipt.where, apply=True))) == {"done"}
    assert at.app().model_dump(mode="json") == before


def test_an_app_that_serves_several_tenants_goes_on_doing_so_until_somebody_says_otherwise(opened: Opened) -> None:
    at = opened()
    applied(at, audience="multi", **ALONE)
    assert planned(at, **ALONE)[0].steps == ()
    assert "audience" not in wrong(at, **ALONE)
    assert [step.id for step in planned(at, audience="single", **ALONE)[0].steps] == ["signInAudience:mail"]


@pytest.mark.parametrize("there", ["AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"])
def test_whom_an_app_lets_in_is_narrowed_only_where_that_was_asked(opened: Opened, there: Any) -> None:
    at = opened()
    applied(at, **ALONE)
    with at.changing() as app:
        app.sign_in_audience = there
        app.is_fallback_public_client = True
    assert planned(at, **ALONE)[0].steps == ()
    assert {"audience", "public client"} <= wrong(at, **ALONE)
    assert [step.id for step in planned(at, audience="single", **ALONE)[0].steps] == ["signInAudience:mail"]


def test_a_switch_that_graph_leaves_out_is_off(opened: Opened) -> None:
    at = opened()
    change = planned(at, **ALONE)[0]
    made = change.steps[0]
    given = dict(made.do.body or {}) if isinstance(made.do, plans.GraphCall) else {}
    shown = {**given, "isFallbackPublicClient": None, "id": "o", "appId": "a"}
    seen, _ = plans.read(made.look, [shown], {})
    assert plans.standing(made, seen, {}) == "after"


def test_a_list_of_certificates_that_came_without_their_contents_is_not_sent(opened: Opened) -> None:
    at = opened()
    applied(at, **ALONE)
    _, found, wanted, place = planned(at, **ALONE)
    assert found.app
    bare = replace(found, app=replace(found.app, keys=tuple({**each, "key": None} for each in found.app.keys)))
    change, _ = at.registering.rotate(bare, wanted, place)
    assert change.steps == ()
    assert [check.name for check in change.checks if check.outcome == "wrong"] == ["certificates on the app"]
    proven = Check("a token", "ok", "")
    gone = at.registering.retire(bare, wanted, place, proven, key_ids=found.app.credentials[0].id)
    assert "certificates on the app" in {check.name for check in gone.checks}


def test_a_redirect_moves_to_the_platform_where_it_works(opened: Opened) -> None:
    at = opened()
    applied(at, clients="program")
    with at.changing() as app:
        app.spa.redirect_uris, app.public_client.redirect_uris = ["http://localhost"], []
    assert wrong(at, clients="program") == {"redirect http://localhost"}
    assert applied(at, clients="program").whole
    assert (at.app().spa.redirect_uris, at.app().public_client.redirect_uris) == ([], ["http://localhost"])


def test_the_permission_is_taken_out_where_a_role_in_exchange_is_chosen(opened: Opened) -> None:
    at = opened()
    applied(at, flow="app-only", smtp="consent")
    assert wrong(at, flow="app-only", smtp="rbac") == {"SMTP.SendAsApp"}
    assert applied(at, flow="app-only", smtp="rbac").whole
    asked = [one.id for resource in at.app().required_resource_access for one in resource.resource_access]
    assert "7146a1f0-8703-45b3-9eae-527a64c00995" not in asked
    assert len(asked) == 2


# What goes wrong.


def test_replicas_that_lag_are_waited_for(opened: Opened) -> None:
    at = opened()
    at.practice.faults.directory_lag = timedelta(seconds=2)
    assert applied(at, **ALONE).whole
    assert len(at.app().key_credentials) == 1


@pytest.mark.parametrize(
    "operation", [r"PATCH .*applications\(", r"PATCH .*servicePrincipals", "PATCH .*applications/"]
)
@pytest.mark.parametrize("kind", ["drop", "throttle"])
def test_a_lost_or_refused_call_leaves_nothing_doubled_and_nothing_lost(
    opened: Opened, operation: str, kind: Any
) -> None:
    at = opened()
    at.practice.faults.add("graph", kind, operation=operation, seconds=1)
    receipt = applied(at, **ALONE)
    if not receipt.whole:
        receipt = applied(at, **ALONE)
    assert receipt.whole
    with at.state() as tenant:
        assert [one.display_name for one in tenant.directory.applications].count("Mail") == 1
    assert len(at.app().key_credentials) == 1
    assert wrong(at, **ALONE) == set()


def test_whoever_may_not_change_is_told_what_is_missing_and_nothing_is_made(opened: Opened) -> None:
    at = opened(changes=("Application.Read.All",))
    receipt = applied(at, **ALONE)
    assert outcomes(receipt) == ["refused", "not reached", "not reached"]
    assert "Insufficient privileges" in receipt.entries[0].said
    assert receipt.entries[0].remedy
    assert tenants.load(at.file).tenant("woodgrove").mail_apps == ()


def test_who_may_not_read_the_policy_is_told_so_and_can_go_on(opened: Opened) -> None:
    at = opened(reads=("Application.Read.All",))
    change = planned(at, **ALONE)
    assert {check.name: check.outcome for check in change[0].checks}["app management policy"] == "cannot know"
    assert at.registering.apply(*change, apply=True).whole


def test_a_deleted_registration_that_keeps_the_name_is_told_with_the_way_out(opened: Opened) -> None:
    at = opened()
    at.run.take_back(applied(at, **ALONE).where, apply=True)
    receipt = applied(at, **ALONE)
    assert outcomes(receipt) == ["refused", "not reached", "not reached"]
    assert "uniqueName already exists" in receipt.entries[0].said
    assert "restore it, or delete it permanently" in receipt.entries[0].remedy


def test_nothing_is_planned_on_a_guess(opened: Opened) -> None:
    at = opened(reads=())
    change, *_ = planned(at, **ALONE)
    assert change.steps == ()
    assert {check.name for check in change.checks if check.outcome == "wrong"} == {"registration"}


def test_a_contradiction_with_the_tenants_file_is_named_before_anything_is_sent(opened: Opened) -> None:
    own = [{"name": "Mail", "flows": [{"kind": "certificate", "certificate": "file:theirs.pem"}]}]
    at = opened(mail_apps=own)
    with pytest.raises(ConfigurationError, match=r"state/woodgrove\.yaml line"):
        planned(at, "file:ours.pem", **ALONE)
    with at.state() as tenant:
        assert "Mail" not in {one.display_name for one in tenant.directory.applications}


# Rotation.


def rotated(at: Desk, **asked: Any) -> tuple[Receipt, Place]:
    part = at.registering
    wanted = part.wanted("Mail", **asked)
    found = part.look(wanted)
    change, place = part.rotate(found, wanted, part.place(found, wanted))
    assert place is not None
    return part.apply(change, found, wanted, place, apply=True), place


@pytest.mark.parametrize("credential", ["certificate", "secret"])
def test_a_rotation_never_leaves_the_app_without_a_credential(opened: Opened, credential: str) -> None:
    at = opened()
    asked: dict[str, Any] = {"flow": "app-only", "credential": credential}
    applied(at, **asked)
    part = at.registering
    wanted = part.wanted("Mail", **asked)
    old = part.place(part.look(wanted), wanted)
    receipt, place = rotated(at, **asked)
    assert receipt.whole
    part = at.registering
    found = part.look(wanted)
    assert part.prove(found, wanted, old).outcome == "ok"
    # Programs keep the old one until the new one is proven.
    assert old is not None
    flow = tenants.load(at.file).tenant("woodgrove").mail_apps[0].flows[0]
    assert old.ref in (flow.certificate, flow.secret)
    proof = part.prove(found, wanted, place, note=True)
    assert proof.outcome == "ok"
    flow = tenants.load(at.file).tenant("woodgrove").mail_apps[0].flows[0]
    assert place.ref in (flow.certificate, flow.secret)
    change = part.retire(found, wanted, place, proof)
    assert len(change.steps) == 1
    assert part.apply(change, found, wanted, place, apply=True).whole
    found = part.look(wanted)
    assert found.app is not None
    assert len(found.app.of_kind("certificate", "secret")) == 1
    assert part.prove(found, wanted, place).outcome == "ok"


def test_where_the_new_credential_is_not_proven_the_old_one_stays_named_and_is_not_retired(opened: Opened) -> None:
    at = opened()
    asked: dict[str, Any] = {"flow": "app-only", "credential": "secret"}
    applied(at, **asked)
    before = tenants.load(at.file).tenant("woodgrove").mail_apps
    receipt, place = rotated(at, **asked)
    part = at.registering
    wanted = part.wanted("Mail", **asked)
    found = part.look(wanted)
    at.practice.faults.add("entra", "unavailable", times=0)
    assert part.prove(found, wanted, place, note=True).outcome != "ok"
    assert tenants.load(at.file).tenant("woodgrove").mail_apps == before
    # The newer one may go then, and never the one that programs use.
    old = part.place(found, wanted)
    change = part.retire(found, wanted, old, Check("a token", "ok", ""))
    assert found.app is not None
    new = next(each.id for each in found.app.credentials if each.name.endswith(receipt.plan.id))
    assert [step.id.rpartition(":")[2] for step in change.steps] == [new]


def test_nothing_is_retired_before_the_new_credential_is_proven(opened: Opened) -> None:
    at = opened()
    applied(at, **ALONE)
    _, place = rotated(at, **ALONE)
    part = at.registering
    wanted = part.wanted("Mail", **ALONE)
    found = part.look(wanted)
    with at.changing() as app:
        app.key_credentials = app.key_credentials[:1]
    proof = part.prove(found, wanted, place)
    assert (proof.outcome, "AADSTS700027" in proof.found) == ("wrong", True)
    change = part.retire(found, wanted, place, proof)
    assert change.steps == ()
    assert [check.name for check in change.checks if check.outcome == "wrong"] == ["proof of the new credential"]


def test_where_entra_is_down_nothing_is_known_of_the_credential(opened: Opened) -> None:
    at = opened()
    applied(at, **ALONE)
    part = at.registering
    wanted = part.wanted("Mail", **ALONE)
    found = part.look(wanted)
    at.practice.faults.add("entra", "unavailable", times=0)
    proof = part.prove(found, wanted, part.place(found, wanted))
    assert (proof.outcome, "503" in proof.found) == ("cannot know", True)


def test_the_last_credential_is_never_retired(opened: Opened) -> None:
    at = opened()
    applied(at, **ALONE)
    part = at.registering
    wanted = part.wanted("Mail", **ALONE)
    found = part.look(wanted)
    assert found.app is not None
    proof = part.prove(found, wanted, part.place(found, wanted))
    change = part.retire(found, wanted, None, proof, key_ids=found.app.credentials[0].id)
    assert change.steps == ()
    assert "no credential that counts would be left" in {check.found for check in change.checks}


@pytest.mark.parametrize("credential", ["certificate", "secret"])
def test_the_credential_that_was_just_proven_is_never_retired(opened: Opened, credential: str) -> None:
    at = opened()
    asked: dict[str, Any] = {"flow": "app-only", "credential": credential}
    applied(at, **asked)
    receipt, place = rotated(at, **asked)
    part = at.registering
    wanted = part.wanted("Mail", **asked)
    found = part.look(wanted)
    assert found.app is not None
    made = next(each for each in found.app.credentials if each.name.endswith(receipt.plan.id))
    proof = part.prove(found, wanted, place)
    assert proof.outcome == "ok"
    change = part.retire(found, wanted, place, proof, key_ids=made.id.upper())
    assert change.steps == ()
    assert f"{made.id} is the one in use, which was just proven" in {check.found for check in change.checks}


def test_a_reference_in_the_tenants_file_itself_stops_a_rotation_and_not_whoever_looks_at_it(opened: Opened) -> None:
    at = opened(mail_apps=[{"name": "Mail", "flows": [{"kind": "certificate", "certificate": "file:theirs.pem"}]}])
    applied(at, **ALONE)
    part = at.registering
    wanted = part.wanted("Mail", **ALONE)
    found = part.look(wanted)
    for asked, outcome in (("", "not configured"), ("file", "wrong")):
        change, _ = part.rotate(found, wanted, part.place(found, wanted), keep_in=asked)
        assert change.steps == ()
        told = {check.name: check for check in change.checks}["tenants file"]
        assert told.outcome == outcome
        assert re.match(r"tenants\.yaml line \d+ names the credential itself", told.found)
        assert "state/" not in told.found


def test_a_reference_that_the_tenants_file_names_by_its_whole_path_contradicts_nothing(
    opened: Opened, tmp_path: Path
) -> None:
    key = tmp_path / "keys" / "own.pem"
    at = opened(mail_apps=[{"name": "Mail", "flows": [{"kind": "certificate", "certificate": f"file:{key}"}]}])
    assert planned(at, **ALONE)[0].steps
    assert applied(at, **ALONE).whole
    (app,) = at.run.tenant.mail_apps
    assert app.client_id == at.app().app_id
    assert [flow.certificate and flow.certificate.name for flow in app.flows] == [str(key)]
    assert planned(at, **ALONE)[0].steps == ()


def test_undoing_a_rotation_brings_the_old_reference_back(opened: Opened) -> None:
    at = opened()
    applied(at, **ALONE)
    before = tenants.load(at.file).tenant("woodgrove").mail_apps
    receipt, new = rotated(at, **ALONE)
    part = at.registering
    wanted = part.wanted("Mail", **ALONE)
    assert part.prove(part.look(wanted), wanted, new, note=True).outcome == "ok"
    assert tenants.load(at.file).tenant("woodgrove").mail_apps != before
    at.run.take_back(receipt.where, apply=True)
    assert tenants.load(at.file).tenant("woodgrove").mail_apps == before
    assert len(at.app().key_credentials) == 1


# Parameters.


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        pytest.param({"flow": "ropc"}, "flow: found 'ropc'", id="flow"),
        pytest.param({"federated": "a b"}, "federated: found 2 words", id="federated"),
        pytest.param({"protocols": "imap, eas"}, "protocols: found 'eas'", id="protocol"),
    ],
)
def test_a_wrong_parameter_is_named(opened: Opened, asked: dict[str, Any], complaint: str) -> None:
    part = opened().registering
    with pytest.raises(ConfigurationError, match=complaint):
        part.wanted("Mail", **asked)


@pytest.mark.parametrize(
    ("keep_in", "complaint"),
    [
        pytest.param("FOO", "keep_in: found text of 3 characters", id="no reference"),
        pytest.param("env:FOO", "keep_in: found env:FOO, which nothing can be written to", id="variable"),
    ],
)
def test_a_place_that_cannot_take_the_credential_is_refused_before_the_plan(
    opened: Opened, keep_in: str, complaint: str
) -> None:
    with pytest.raises(SecretError, match=complaint):
        planned(opened(), keep_in, **ALONE)


def test_what_is_left_empty_is_chosen(opened: Opened) -> None:
    at = opened(mailboxes=[{"address": "printer@woodgrove.example", "protocols": ["smtp"]}])
    wanted = at.registering.wanted()
    assert (wanted.name, wanted.flow, wanted.protocols) == ("mail", "app-only", ("smtp",))
    assert (wanted.credential, wanted.smtp, wanted.by_rbac) == ("certificate", "rbac", True)
    people = at.registering.wanted(clients="thunderbird")
    assert (people.flow, people.credential) == ("delegated", "none")
    applied(at, flow="app-only", smtp="consent")
    assert at.registering.wanted().name == "Mail"
    assert at.registering.wanted().smtp == "consent"


def test_the_record_holds_when_credentials_end_and_where_they_are_kept(opened: Opened) -> None:
    at = opened()
    change, found, wanted, place = planned(at, **ALONE)
    part = at.registering
    receipt = part.apply(change, found, wanted, place, apply=True)
    found = part.look(wanted)
    path = part.keep(found, wanted, part.lint(found, wanted, place), change, receipt, place)
    record = json.loads(path.read_text("utf-8"))
    assert (path.name, record["schema"]) == ("20-register-app.json", "mailauth/registration/1")
    [credential] = record["data"]["app"]["credentials"]
    assert credential["ends"].endswith("Z")
    assert record["data"]["reference"] == "file:credentials/woodgrove-mail.pem"
    assert {step["outcome"] for step in record["data"]["plan"]["steps"]} == {"done"}


# The command.


def command(at: Desk, *words: str) -> tuple[int, str]:
    where = ["--config", str(at.file), "--tenant", "woodgrove"]
    out = [] if words[0] == "undo" else ["--out", str(at.out)]
    result = CliRunner().invoke(cli.commands, [*words, *where, *out], standalone_mode=False)
    assert result.exception is None
    return int(result.return_value), result.output


def test_the_command_plans_applies_and_takes_back(opened: Opened) -> None:
    at = opened()
    asked = ("register", "--app", "Mail", "--flow", "app-only")
    status, said = command(at, *asked)
    assert (status, "What would be changed, 3 changes" in said) == (1, True)
    assert "The certificate is not made yet" in command(at, *asked, "--script")[1]
    assert command(at, *asked, "--apply")[0] == 0
    status, said = command(at, *asked)
    assert (status, "nothing to change" in said) == (0, True)
    [receipt] = (at.out / "woodgrove" / "receipts").iterdir()
    assert command(at, "undo", str(receipt), "--apply")[0] == 0
    assert tenants.load(at.file).tenant("woodgrove").mail_apps == ()


def test_an_app_that_a_script_made_is_noted_by_the_next_plain_look_and_the_script_says_so(opened: Opened) -> None:
    at = opened()
    wanted = at.registering.wanted("Mail", **ALONE)
    found = at.registering.look(wanted)
    place = at.registering.place(found, wanted, make=True)
    kept = at.registering.scripts(at.registering.plan(found, wanted, place))
    assert kept is not None
    assert "# Then:     run notebook 20 without apply" in kept.text
    assert "state/woodgrove.yaml" in kept.text
    applied(at, **ALONE)
    noted = tenants.load(at.file).tenant("woodgrove").mail_apps
    (at.file.parent / "state" / "woodgrove.yaml").unlink()
    change = planned(at, **ALONE)
    assert change[0].steps == ()
    assert at.registering.scripts(change[0]) is None
    at.registering.apply(*change)
    assert tenants.load(at.file).tenant("woodgrove").mail_apps == noted


def test_an_app_that_is_not_right_is_not_noted_without_apply(opened: Opened) -> None:
    at = opened()
    applied(at, **ALONE)
    (at.file.parent / "state" / "woodgrove.yaml").unlink()
    with at.changing() as app:
        app.required_resource_access = []
    at.registering.apply(*planned(at, **ALONE))
    assert tenants.load(at.file).tenant("woodgrove").mail_apps == ()


def test_the_script_holds_the_certificate_and_never_its_key(opened: Opened) -> None:
    at = opened()
    _, said = command(at, "register", "--app", "Mail", "--flow", "app-only", "--make-key", "--script")
    pem = (at.file.parent / "credentials" / "woodgrove-mail.pem").read_text("utf-8")
    key = serialization.load_pem_private_key(pem.encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    longest = max(re.findall(r"[A-Za-z0-9+/=]+", said), key=len)
    sent, prime = base64.b64decode(longest), key.private_numbers().p
    assert x509.load_der_x509_certificate(sent).public_key() == key.public_key()
    assert prime.to_bytes((prime.bit_length() + 7) // 8, "big") not in sent
    assert "PRIVATE KEY" not in said
