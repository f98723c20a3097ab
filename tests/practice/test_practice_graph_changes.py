"""The log of changes of policies, and the licence of an account as its plans show it."""

import json
from collections.abc import Iterator

import pytest

from tests.practice.graphclient import Lab, lab

POLICIES = "/identity/conditionalAccess/policies"
AUDITS = "/auditLogs/directoryAudits"
CONDITIONS = {
    "users": {"includeUsers": ["All"], "excludeUsers": []},
    "applications": {"includeApplications": ["All"]},
    "clientAppTypes": ["other", "exchangeActiveSync"],
}
BLOCK = {
    "displayName": "Block legacy authentication",
    "state": "enabled",
    "conditions": CONDITIONS,
    "grantControls": {"operator": "OR", "builtInControls": ["block"]},
}


@pytest.fixture
def graph() -> Iterator[Lab]:
    with lab() as found:
        yield found


def test_every_change_of_a_policy_is_written_down_with_who_made_it_and_both_versions(graph: Lab) -> None:
    made = graph.admin.post(POLICIES, BLOCK)
    users = {"includeUsers": ["All"], "excludeUsers": [graph.made.ada.id]}
    graph.admin.patch(f"{POLICIES}/{made['id']}", {"conditions": {**CONDITIONS, "users": users}})
    newest, oldest = graph.admin.get(AUDITS, filter="category eq 'Policy'")["value"]
    assert [each["activityDisplayName"] for each in (oldest, newest)] == [
        "Add conditional access policy",
        "Update conditional access policy",
    ]
    assert newest["initiatedBy"]["user"]["userPrincipalName"] == graph.made.admin.user_principal_name
    (target,) = newest["targetResources"]
    (prop,) = target["modifiedProperties"]
    excluded = [json.loads(prop[name])["conditions"]["users"]["excludeUsers"] for name in ("oldValue", "newValue")]
    assert (target["id"], excluded) == (made["id"], [[], [graph.made.ada.id]])


def test_a_change_that_changes_nothing_is_not_written_down(graph: Lab) -> None:
    graph.admin.ask("DELETE", f"{POLICIES}/{graph.made.ada.id}")
    assert graph.admin.get(AUDITS)["value"] == []


def test_who_may_not_read_the_log_is_refused(graph: Lab) -> None:
    assert graph.user(graph.made.admin, "Policy.Read.All").ask("GET", AUDITS).status_code == 403


def test_the_log_forgets_a_tenant_that_is_made_anew(graph: Lab) -> None:
    graph.admin.post(POLICIES, BLOCK)
    graph.forget()
    assert graph.admin.get(AUDITS)["value"] == []


def test_an_account_shows_the_exchange_plan_of_its_licence(graph: Lab) -> None:
    graph.made.ada.licensed = False
    rows = graph.admin.get("/users", select="userPrincipalName,assignedPlans")["value"]
    services = {row["userPrincipalName"]: [plan["service"] for plan in row["assignedPlans"]] for row in rows}
    assert (services["ada@woodgrove.example"], services["admin@woodgrove.example"]) == ([], ["exchange"])
