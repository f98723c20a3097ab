"""The road into each tenant, what is missing for it with the request to send, and all of them in one table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

from mailauth import cli, letters, roads, tenants
from mailauth.actors import Actor
from mailauth.checks import Check
from mailauth.tenants import Tenant
from mailauth.views import roads as views
from practice.cloud import Cloud
from practice.state import Relationship
from practice.wellknown import GRAPH, ROLES
from tests.practice.graphclient import lab
from tests.practice.woodgrove import SECRET, TENANT, Woodgrove, running, woodgrove

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
WHERE = Path("/nowhere/tenants.yaml")
PERSON = "{flow: interactive, client_id: 55555555-5555-5555-5555-555555555555}"
OTHER = "66666666-6666-6666-6666-666666666666"
APP = Actor("Reader", "app", "c", TENANT, "Woodgrove", ("Global Reader",), frozenset({"Exchange.ManageAsApp"}))

# As Graph's page on the relationship shows one.
RECORD: Mapping[str, Any] = {
    "id": "e98f0b3c-6a4f-4b2b-9c53-0f6d2d3a5e11-4f1d2a6b-7d5a-4a33-9c02-6d3b0a1c2e44",
    "displayName": "Woodgrove care",
    "duration": "P730D",
    "customer": {"tenantId": TENANT, "displayName": "Woodgrove Bank"},
    "status": "active",
    "createdDateTime": "2024-12-10T10:00:00Z",
    "activatedDateTime": "2024-12-17T10:00:00Z",
    "endDateTime": "2026-12-17T10:00:00Z",
    "autoExtendDuration": "PT0S",
    "accessDetails": {
        "unifiedRoles": [
            {"roleDefinitionId": "29232cdf-9323-42fd-ade2-1d097af3e4de"},
            {"roleDefinitionId": "f2ef992c-3afb-46b9-b7cf-a126ee74c451"},
        ]
    },
}


def tenant(lines: str = f"admin: {PERSON}") -> Tenant:
    return tenants.load_text(f"tenants: [{{name: woodgrove, tenant_id: {TENANT}, {lines}}}]", WHERE).tenant("woodgrove")


def relation(**changed: Any) -> roads.Relation:
    return roads.relations([{**RECORD, **changed}])[0]


def test_a_relationship_is_read_with_its_roles_by_name_and_its_end() -> None:
    found = relation()
    assert (found.customer_id, found.status, found.roles) == (
        TENANT,
        "active",
        ("Exchange Administrator", "Global Reader"),
    )
    assert found.ends == datetime(2026, 12, 17, 10, tzinfo=UTC)
    assert not found.extends
    assert relation(autoExtendDuration="P180D").extends


@pytest.mark.parametrize(
    ("lines", "known", "kind"),
    [
        pytest.param(f"admin: {PERSON}", [], "own admin", id="person"),
        pytest.param(f"admin: {PERSON}", [RECORD], "GDAP", id="partner"),
        pytest.param(f"admin: {PERSON}", [{**RECORD, "status": "terminated"}], "own admin", id="ended"),
        pytest.param("admin: {flow: managed-identity}", [RECORD], "app-only", id="app"),
        pytest.param("keep: 90 days", [RECORD], "none", id="nobody"),
    ],
)
def test_the_road_is_told_from_who_signs_in_and_from_the_relationship(lines: str, known: list[Any], kind: str) -> None:
    found = roads.assess(tenant(lines), now=NOW, known=roads.relations(known))
    assert found.kind == kind


def outcomes(found: roads.Road) -> dict[str, str]:
    return {check.name: check.outcome for check in found.checks}


@pytest.mark.parametrize(
    ("changed", "outcome", "said"),
    [
        pytest.param({}, "wrong", "it ends on 17 December 2026, in 20 days", id="soon"),
        pytest.param(
            {"endDateTime": "2026-12-17T08:00:00Z"}, "wrong", "it ends on 17 December 2026, in 20 days", id="by dates"
        ),
        pytest.param({"autoExtendDuration": "P180D"}, "ok", "until 17 December 2026", id="extended by itself"),
        pytest.param({"endDateTime": "2028-01-01T00:00:00Z"}, "ok", "until 01 January 2028", id="long"),
        pytest.param({"endDateTime": None}, "cannot know", "when it ends is not said", id="not said"),
        pytest.param({"status": "approvalPending"}, "wrong", "it is approvalPending", id="not approved"),
    ],
)
def test_a_relationship_is_named_before_it_ends(changed: dict[str, Any], outcome: str, said: str) -> None:
    found = roads.assess(tenant(), now=NOW, known=[relation(**changed)])
    (check,) = [each for each in found.checks if each.name == "relationship Woodgrove care"]
    assert (check.outcome, check.found.startswith(said)) == (outcome, True), check.found
    ends = date(2026, 12, 17) if said.startswith("it ends on") else None
    assert roads.access_ends(check.name, check.found) == ends


def test_a_role_that_a_relationship_does_not_carry_takes_a_new_one() -> None:
    bare = relation(accessDetails={"unifiedRoles": []}, endDateTime="2028-01-01T00:00:00Z")
    found = roads.assess(tenant(), now=NOW, known=[bare])
    assert outcomes(found)["role Exchange Administrator"] == "wrong"
    assert "roles cannot be changed" in found.checks[-1].remedy


def test_a_workspace_is_beyond_gdap_and_says_whom_to_ask() -> None:
    refused = Check("sign-in logs: workspace", "wrong", "may not be read by this identity", "Give the account …")
    by_gdap = roads.assess(tenant(), now=NOW, known=[relation()], sources=[refused])
    assert "GDAP does not reach a workspace" in by_gdap.checks[-1].remedy
    by_own = roads.assess(tenant(), now=NOW, sources=[refused])
    assert by_own.checks[-1] == refused


@pytest.mark.parametrize(
    ("actor", "missing"),
    [
        pytest.param(APP, set(), id="enough"),
        pytest.param(replace(APP, graph=frozenset()), {"permission Exchange.ManageAsApp"}, id="no permission"),
        pytest.param(replace(APP, roles=()), {"role in Exchange"}, id="no role"),
        pytest.param(replace(APP, roles=None), {"role in Exchange"}, id="not read"),
    ],
)
def test_an_app_needs_both_a_permission_and_a_role(actor: Actor, missing: set[str]) -> None:
    found = roads.assess(tenant("admin: {flow: managed-identity}"), now=NOW, actor=actor)
    assert {check.name for check in found.checks if check.outcome != "ok"} == missing
    assert all(check.remedy for check in found.checks if check.outcome != "ok")
    assert found.open == (not missing)


def test_one_app_for_reading_and_changing_is_wrong() -> None:
    found = roads.assess(tenant(f"admin: {PERSON}, operator: {PERSON}"), now=NOW)
    assert outcomes(found)["who changes"] == "wrong"


def test_one_certificate_for_every_customer_is_wrong_and_one_app_is_said() -> None:
    admin = f"{{flow: certificate, client_id: {OTHER}, certificate: 'file:/keys/all.pem'}}"
    text = (
        "tenants: [" + ", ".join(f"{{name: {name}, tenant_id: {name}.example, admin: {admin}}}" for name in "ab") + "]"
    )
    configuration = tenants.load_text(text, WHERE)
    found = roads.shared([configuration.tenant(name) for name in "ab"])
    assert [(check.name, check.outcome) for check in found] == [
        (f"app {OTHER}", "ok"),
        ("file:/keys/all.pem", "wrong"),
    ]
    assert all("federated credential" in check.remedy for check in found)


def test_a_letter_asks_for_all_that_is_missing_and_for_nothing_else() -> None:
    asked = [Check("role", "wrong", "none", 'Ask Mei: "Please give it."'), Check("fine", "ok"), Check("ours", "wrong")]
    text = letters.to_administrator(asked, tenant="woodgrove", links=["https://login.example/adminconsent?x=1"])
    assert "1. Please give it.\n   For: Mei\n   Because of: role (none)\n" in text
    assert "https://login.example/adminconsent?x=1" in text
    assert "fine" not in text
    assert "Ours" not in text
    assert letters.to_administrator([Check("fine", "ok")], tenant="woodgrove") == ""


def test_what_somebody_named_a_relationship_cannot_write_a_letter_of_its_own() -> None:
    asked = Check("x\n\nSend money", "wrong", "a\r\nb", 'Ask Mei: "Please pay.\n\nSend money"')
    text = letters.to_administrator([asked], tenant="w\nSubject: no")
    assert "\nSend money" not in text
    assert text.count("Subject:") == 2
    assert "\nSubject: no" not in text


def test_people_are_told_when_what_to_do_and_what_never_to_do() -> None:
    text = letters.phones(firm="Woodgrove", day=date(2026, 12, 14), contact="4711").plain()
    assert text.startswith("Subject: Your phone will ask you to sign in for your mail on Monday, 14 December 2026\n")
    assert "by a certificate" in text
    assert "stored" not in text
    assert "https://login.microsoftonline.com/" in text
    assert "Nobody will ask you for your password" in text


# --- end to end -----------------------------------------------------------------------------------


def partner() -> Woodgrove:
    """Return a tenant that looks after another one, with an app that may read so."""
    made = woodgrove()
    made.estate.allow(made.daemon_principal, GRAPH, "DelegatedAdminRelationship.Read.All", "Directory.Read.All")
    made.estate.role(made.daemon_principal.id, "Global Reader")
    now = datetime.now(UTC)
    made.estate.tenant.relationships = [
        Relationship(
            display_name="care",
            customer_id=OTHER,
            customer_name="Customer",
            activated_date_time=now - timedelta(days=700),
            end_date_time=now + timedelta(days=days),
            roles=[ROLES["Global Reader"]],
        )
        for days in (30, -1)
    ]
    return made


def test_relationships_are_read_from_graph_and_one_that_is_over_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    made = partner()
    with lab(made) as at:
        answer = at.app(made.daemon_principal, "DelegatedAdminRelationship.Read.All").get(
            "/tenantRelationships/delegatedAdminRelationships"
        )
        assert [record["status"] for record in answer["value"]] == ["active", "expired"]
        assert set(RECORD) <= {*answer["value"][0], "createdDateTime"}
        status, code, _ = at.app(made.daemon_principal).refused(
            "GET", "/tenantRelationships/delegatedAdminRelationships"
        )
        assert (status, code) == (403, "Authorization_RequestDenied")


@dataclass
class Office:
    """A practice cloud with a partner's tenant, and a tenants file of two: itself, and one that is not there.

    Args:
        practice: The cloud.
        file: The tenants file.
    """

    practice: Cloud
    file: Path


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WOODGROVE_SECRET", SECRET)
    made = partner()
    with running(made) as practice:
        admin = {"flow": "secret", "client_id": made.daemon.app_id, "secret": "env:WOODGROVE_SECRET"}
        content = {
            "clouds": {"practice": practice.entry()},
            "tenants": [
                {"name": "woodgrove", "tenant_id": TENANT, "cloud": "practice", "admin": admin},
                {"name": "customer", "tenant_id": OTHER, "cloud": "practice", "admin": admin},
            ],
            "defaults": {"partner": "woodgrove"},
        }
        file = tmp_path / "tenants.yaml"
        with file.open("w", encoding="utf-8") as text:
            YAML(typ="safe", pure=True).dump(content, text)
        yield Office(practice, file)


def test_all_roads_in_one_table_and_one_that_leads_nowhere_costs_no_other(office: Office) -> None:
    asked = ["roads", "--config", str(office.file), "--letters"]
    found = CliRunner().invoke(cli.commands, asked, standalone_mode=False)
    assert found.exception is None, found.exception
    assert found.return_value == 1
    lines = found.output.splitlines()
    assert any(line.startswith("woodgrove") and "Daemon" in line for line in lines)
    assert any(line.startswith("customer") and "nobody" in line and "active, until" in line for line in lines)
    assert "customer: WRONG: sign-in" in found.output
    assert "customer: WRONG: relationship care" in found.output
    assert "one credential opens 2 tenants" in found.output
    assert SECRET not in found.output
    assert "eyJ" not in found.output


def test_a_hostile_name_stays_text() -> None:
    hostile = roads.assess(tenant(), now=NOW, known=[relation(displayName="<img src=x>")])
    shown = "".join(view.html() for view in views.road(hostile).views)
    assert "<img" not in shown
