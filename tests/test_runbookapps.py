"""The runbook's own two registrations: planned, made through one borrowed sign-in, noted, and taken back with it."""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from mailauth import cli, runbookapps, signing, tenants
from mailauth import plan as plans
from mailauth.errors import AccessError, MailauthError
from mailauth.plan import GraphCall
from mailauth.runbookapps import BOOTSTRAP, Found, Known
from mailauth.services import journal, store
from mailauth.session.signing_in import SigningIn
from mailauth.session.tenancy import Tenancy
from mailauth.signing import Grant
from practice.cloud import Cloud
from practice.state import Directory
from practice.wellknown import EXCHANGE, GRAPH
from tests.practice import windows
from tests.practice.woodgrove import DOMAIN, TENANT, Woodgrove, running, woodgrove

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
WHERE = Path("/nowhere/tenants.yaml")
PLAIN = f"tenants: [{{name: woodgrove, tenant_id: {TENANT}}}]"
OFFERS: Mapping[str, Mapping[str, str]] = {
    GRAPH: {
        name: f"{number:08d}-0000-4000-8000-000000000000"
        for number, name in enumerate(
            (
                "Application.Read.All",
                "Application.ReadWrite.All",
                "AppRoleAssignment.ReadWrite.All",
                "AuditLog.Read.All",
                "DelegatedPermissionGrant.ReadWrite.All",
                "Directory.Read.All",
                "Policy.Read.All",
            )
        )
    },
    EXCHANGE: {"Exchange.Manage": "00000099-0000-4000-8000-000000000000"},
}


def tenant() -> tenants.Tenant:
    return tenants.load_text(PLAIN, WHERE).tenant("woodgrove")


def planned(found: Found, *, multi: bool = False) -> plans.Plan:
    return runbookapps.plan(found, tenant=tenant(), id="p1", now=NOW, multi=multi)


def test_from_nothing_two_apps_are_made_each_with_its_enterprise_application() -> None:
    plan = planned(Found(offers=OFFERS))
    assert [step.id for step in plan.steps] == [
        "app:reader",
        "enterprise:reader",
        "app:operator",
        "enterprise:operator",
    ]
    made = plan.steps[0].do
    assert isinstance(made, GraphCall)
    assert made.path == ("/v1.0/applications(uniqueName='mailauth-runbook-reader')",)
    assert made.body is not None
    assert made.body["signInAudience"] == "AzureADMyOrg"
    assert made.body["publicClient"] == {"redirectUris": ["http://localhost"]}
    assert "p1" in str(made.body["notes"])
    assert "isFallbackPublicClient" not in made.body


def test_what_reads_and_what_changes_ask_for_different_things() -> None:
    plan = planned(Found(offers=OFFERS))
    asked = [_ids(step.do) for step in plan.steps if step.group == "app registration"]
    writing = {OFFERS[GRAPH][name] for name in OFFERS[GRAPH] if "ReadWrite" in name}
    assert not asked[0] & writing
    assert writing <= asked[1]


def _ids(do: Any) -> set[str]:
    return {each["id"] for record in do.body["requiredResourceAccess"] for each in record["resourceAccess"]}


def test_several_tenants_are_let_in_on_request_only_and_the_risk_is_said() -> None:
    plan = planned(Found(offers=OFFERS), multi=True)
    assert isinstance(plan.steps[0].do, GraphCall)
    assert plan.steps[0].do.body is not None
    assert plan.steps[0].do.body["signInAudience"] == "AzureADMultipleOrgs"
    (check,) = [check for check in plan.checks if check.name == "several tenants"]
    assert "reaches them all" in check.found
    assert "federated credential" in check.remedy


def test_a_redirect_and_permissions_of_others_stay_where_ours_are_added() -> None:
    theirs = {"resourceAppId": "11111111-1111-4111-8111-111111111111", "resourceAccess": [{"id": "x", "type": "Role"}]}
    known = Known("o", "c", "AzureADMyOrg", ("https://theirs.example",), (theirs,), "p")
    steps = {step.id: step for step in planned(Found({"reader": known, "operator": known}, OFFERS)).steps}
    assert steps["publicClient.redirectUris:reader"].after == {
        "publicClient.redirectUris": ["https://theirs.example", "http://localhost"]
    }
    assert theirs in (steps["requiredResourceAccess:reader"].after or {})["requiredResourceAccess"]


def test_a_permission_that_the_tenant_does_not_offer_is_left_out_and_said() -> None:
    plan = planned(Found(offers={GRAPH: OFFERS[GRAPH]}))
    (check,) = [check for check in plan.checks if check.outcome == "cannot know"]
    assert check.name == "permission Exchange.Manage"


def test_the_script_for_an_administrator_is_short_and_asks_for_one_permission() -> None:
    text = runbookapps.commands(tenant())
    assert text.startswith(f"Connect-MgGraph -TenantId '{TENANT}' -Scopes @('Application.ReadWrite.All') -NoWelcome\n")
    assert len(text.splitlines()) <= 16
    assert "New-MgApplication -DisplayName $Name -UniqueName" in text


def test_the_link_for_a_customer_leads_to_their_tenant_and_back_here() -> None:
    link = runbookapps.consent_link(tenant().cloud, tenant_id="fabrikam.example", client_id=BOOTSTRAP.client_id)
    assert link == (
        "https://login.microsoftonline.com/fabrikam.example/adminconsent?client_id="
        f"{BOOTSTRAP.client_id}&redirect_uri=http%3A%2F%2Flocalhost"
    )


# --- what a sign-in added -------------------------------------------------------------------------

OLD = Grant("g1", "client", "graph", "", ("User.Read",))


@pytest.mark.parametrize(
    ("before", "after", "undone"),
    [
        pytest.param([OLD], [OLD], [], id="nothing"),
        pytest.param(
            [OLD],
            [replace(OLD, scopes=("User.Read", "Directory.Read.All"))],
            [GraphCall("PATCH", ("/v1.0/oauth2PermissionGrants/g1",), {"scope": "User.Read"})],
            id="a scope more",
        ),
        pytest.param([], [OLD], [GraphCall("DELETE", ("/v1.0/oauth2PermissionGrants/g1",))], id="a grant"),
        pytest.param([OLD], [], [], id="less"),
    ],
)
def test_the_undo_takes_exactly_back_what_a_sign_in_added(
    before: list[Grant], after: list[Grant], undone: list[GraphCall]
) -> None:
    steps = signing.added(before, after, app="Tools")
    assert [step.undo for step in steps] == undone
    plan = replace(planned(Found(offers=OFFERS)), steps=steps)
    receipt = plans.Receipt(plan, signing.done(steps, at=NOW))
    assert [step.do for step in plans.undo(receipt, id="u", now=NOW).steps] == undone


# --- end to end -----------------------------------------------------------------------------------


@dataclass
class Office:
    """A practice cloud, and a tenants file that names nobody who signs in yet.

    Args:
        made: The tenant.
        practice: The cloud.
        file: The tenants file.
    """

    made: Woodgrove
    practice: Cloud
    file: Path

    def open(self) -> SigningIn:
        """Return the sign-in part of a session on the tenant, as its files are now."""
        configuration = tenants.load(self.file)
        return SigningIn(Tenancy(configuration, configuration.tenant("woodgrove"), self.file.parent / "reports"))

    def directory(self) -> Directory:
        """Return the directory as it is."""
        with self.practice.states.reading(TENANT) as found:
            return found.directory.model_copy(deep=True)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    made = woodgrove()
    made.estate.consent(made.client_principal, GRAPH, "Directory.Read.All", user=made.admin)
    with running(made) as practice:
        content = {
            "clouds": {"practice": practice.entry()},
            "tenants": [{"name": "woodgrove", "tenant_id": TENANT, "cloud": "practice"}],
        }
        text = io.StringIO()
        YAML(typ="safe", pure=True).dump(content, text)
        file = tmp_path / "tenants.yaml"
        file.write_text(text.getvalue(), encoding="utf-8")
        yield Office(made, practice, file)


def test_one_borrowed_sign_in_makes_two_apps_and_notes_their_ids(office: Office) -> None:
    with windows.opening(windows.person(office.practice, f"admin@{DOMAIN}")):
        receipt = office.open().make_apps()
    assert receipt.whole
    assert receipt.by == f"admin@{DOMAIN} in Woodgrove Bank"
    directory = office.directory()
    names = {app.unique_name: app for app in directory.applications if app.unique_name}
    assert set(names) == {"mailauth-runbook-reader", "mailauth-runbook-operator"}
    chosen = office.open().tenancy.tenant
    assert chosen.admin is not None
    assert chosen.operator is not None
    assert chosen.admin.client_id == names["mailauth-runbook-reader"].app_id
    assert chosen.operator.client_id == names["mailauth-runbook-operator"].app_id
    kept = Path(receipt.where).read_text(encoding="utf-8")
    assert "eyJ" not in kept
    assert (
        journal.read(Path(receipt.where), where=receipt.where, tenant_id=TENANT, cloud="practice").plan.steps
        == receipt.plan.steps
    )


def test_a_second_time_nothing_is_left_to_make(office: Office) -> None:
    with windows.opening(windows.person(office.practice, f"admin@{DOMAIN}")):
        office.open().make_apps()
        again = office.open()
        assert again.plan_apps().steps == ()


@pytest.mark.parametrize(
    ("principal", "whom", "said"),
    [
        pytest.param("", {"consentType": "AllPrincipals"}, "for everybody: Mail.Read", id="everybody"),
        pytest.param(
            "p", {"consentType": "Principal", "principalId": "p"}, "for one person: Mail.Read", id="one person"
        ),
    ],
)
def test_a_consent_that_was_not_there_names_whom_it_is_for_and_is_removed_whole(
    principal: str, whom: dict[str, str], said: str
) -> None:
    (step,) = signing.added((), (Grant("g", "c", "r", principal, ("Mail.Read",)),), app="Tools")
    assert said in step.title
    body = {"clientId": "c", "resourceId": "r", "scope": "Mail.Read", **whom}
    assert step.do == GraphCall("POST", ("/v1.0/oauth2PermissionGrants",), body)
    assert (step.before, step.undo) == (None, GraphCall("DELETE", ("/v1.0/oauth2PermissionGrants/g",)))


def test_a_consent_that_grew_shrinks_to_what_it_was() -> None:
    old, new = (Grant("g", "c", "r", "", scopes) for scopes in (("User.Read",), ("User.Read", "Mail.Read")))
    (step,) = signing.added((old,), (new,), app="Tools")
    path = ("/v1.0/oauth2PermissionGrants/g",)
    assert step.do == GraphCall("PATCH", path, {"scope": "User.Read Mail.Read"})
    assert step.undo == GraphCall("PATCH", path, {"scope": "User.Read"})
    assert step.title.endswith(": Mail.Read")


def test_while_another_run_of_the_tenant_is_under_way_none_is_made(office: Office) -> None:
    with store.lock("woodgrove"), pytest.raises(MailauthError, match=r"^woodgrove is being run already"):
        office.open().make_apps()
    assert not [app for app in office.directory().applications if app.unique_name]


def test_before_the_first_sign_in_nobody_can_say_what_it_added(office: Office) -> None:
    with windows.opening(windows.person(office.practice, f"admin@{DOMAIN}")):
        receipt = office.open().make_apps()
    assert "what the sign-in added to Microsoft Graph Command Line Tools" in [each.name for each in receipt.plan.checks]
    assert not [step for step in receipt.plan.steps if step.group == "Sign-in"]


def test_where_somebody_can_look_first_the_consent_stands_in_the_receipt_and_goes_with_the_undo(office: Office) -> None:
    text = office.file.read_text(encoding="utf-8").replace(
        "name: woodgrove", f"name: woodgrove, admin: {{client_id: {office.made.client.app_id}}}"
    )
    office.file.write_text(text, encoding="utf-8")
    with windows.opening(windows.person(office.practice, f"admin@{DOMAIN}")):
        receipt = office.open().make_apps()
    (agreed,) = [step for step in receipt.plan.steps if step.group == "Sign-in"]
    assert "Application.ReadWrite.All" in agreed.title
    back = plans.undo(receipt, id="u", now=NOW)
    assert back.steps[-1].do == agreed.undo
    assert len(back.steps) == len(receipt.plan.steps)


def test_what_a_sign_in_added_goes_with_what_it_was_for(office: Office) -> None:
    client = office.made.client
    ask = GraphCall("GET", (f"/v1.0/applications/{client.id}?$select=id,displayName",))
    step = plans.Step(
        id="name",
        title="Call it Post",
        why="It is a test.",
        group="app registration",
        service="graph",
        do=GraphCall("PATCH", (f"/v1.0/applications/{client.id}",), {"displayName": "Post"}),
        look=plans.Look(ask, fields=("displayName",)),
        before={"displayName": "Mail client"},
        after={"displayName": "Post"},
        undo=GraphCall("PATCH", (f"/v1.0/applications/{client.id}",), {"displayName": "Mail client"}),
        needs=("Application.ReadWrite.All",),
    )
    with windows.opening(windows.person(office.practice, f"admin@{DOMAIN}")):
        office.open().make_apps()
        tenancy = office.open().tenancy
        change = replace(planned(Found()), steps=(step,), cloud="practice", id=plans.new_id(NOW))
        tenancy.reader().get_token(f"{tenancy.tenant.cloud.graph}/.default")
        before = {grant.id: grant.scope for grant in office.directory().grants}
        done = tenancy.carry_out(change, apply=True)
        assert done.whole, done.entries
        agreed = [each for each in done.plan.steps if each.group == "Sign-in"]
        assert any("Application.ReadWrite.All" in each.title for each in agreed)
        back = tenancy.take_back(done.where, apply=True)
    assert back.whole, back.entries
    assert {grant.id: grant.scope for grant in office.directory().grants} == before


# --- the command ----------------------------------------------------------------------------------


def run(office: Office, *arguments: str) -> tuple[int, str]:
    """Return the status of ``mailauth runbook-app`` and what it showed."""
    where = ["--config", str(office.file), "--tenant", "woodgrove", "--out", str(office.file.parent / "reports")]
    found = CliRunner().invoke(cli.commands, ["runbook-app", *where, *arguments], standalone_mode=False)
    if found.exception:
        raise found.exception
    return int(found.return_value), found.output


def test_without_apply_the_plan_is_shown_and_nothing_is_made(office: Office) -> None:
    with windows.opening(windows.person(office.practice, f"admin@{DOMAIN}")):
        status, shown = run(office)
    assert status == 1
    assert "Register Mail OAuth Runbook (reads)" in shown
    assert BOOTSTRAP.client_id in shown
    assert not [app for app in office.directory().applications if app.unique_name]


def test_with_apply_the_receipt_is_shown_and_the_apps_are_there(office: Office) -> None:
    with windows.opening(windows.person(office.practice, f"admin@{DOMAIN}")):
        status, shown = run(office, "--apply")
    assert status == 0
    assert "eyJ" not in shown
    assert len([app for app in office.directory().applications if app.unique_name]) == 2
    assert (office.file.parent / "state" / "woodgrove.yaml").is_file()


def test_whoever_may_not_register_apps_is_told_so_and_nothing_is_half_made(office: Office) -> None:
    with windows.opening(windows.person(office.practice, f"ada@{DOMAIN}")), pytest.raises(AccessError) as caught:
        run(office, "--apply", "--sign-in", "interactive")
    assert "AADSTS" in str(caught.value) or "administrator" in str(caught.value)
    assert not [app for app in office.directory().applications if app.unique_name]


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        pytest.param(("--link", "mail"), "--link: found 'mail'; expected an application id", id="no id"),
        pytest.param(("--print", "--apply"), "--print and --link only show", id="shown and applied"),
    ],
)
def test_what_cannot_be_meant_is_refused(asked: tuple[str, ...], complaint: str, office: Office) -> None:
    with pytest.raises(click.UsageError, match=complaint):
        run(office, *asked)


@pytest.mark.parametrize("asked", [("--print",), ("--link", BOOTSTRAP.client_id)], ids=["script", "link"])
def test_what_is_to_be_sent_to_somebody_else_asks_nobody(asked: tuple[str, ...], office: Office) -> None:
    status, shown = run(office, *asked)
    assert status == 0
    assert TENANT in shown
