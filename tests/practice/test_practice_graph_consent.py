"""The practice Graph: consent, and who may give it or change an app."""

from collections.abc import Iterator

import pytest

from practice.wellknown import EXCHANGE, permission
from tests.practice.graphclient import Lab, lab

NO_ROLE = "00000000-0000-0000-0000-000000000000"
NOBODY = "00000000-0000-0000-0000-00000000dead"
MISSING = f"Resource '{NOBODY}' does not exist or one of its queried reference-property objects are not present."
NO_PRINCIPAL = "Invalid value specified for property 'principalId' of resource 'OAuth2PermissionGrant'."
DENIED = (403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    """A cloud for tests that leave nothing behind, or only what is their own."""
    with lab() as found:
        yield found


@pytest.fixture
def fresh() -> Iterator[Lab]:
    with lab() as found:
        yield found


# Consent.


def test_there_is_one_grant_for_a_client_a_resource_and_a_principal(fresh: Lab) -> None:
    grant = {
        "clientId": fresh.made.daemon_principal.id,
        "consentType": "AllPrincipals",
        "resourceId": fresh.graph_id,
        "scope": "IMAP.AccessAsUser.All",
    }
    made = fresh.admin.post("/oauth2PermissionGrants", grant)
    assert fresh.admin.refused("POST", "/oauth2PermissionGrants", grant) == (
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        "Permission entry already exists.",
    )
    for_ada = {**grant, "consentType": "Principal", "principalId": fresh.made.ada.id}
    assert fresh.admin.post("/oauth2PermissionGrants", for_ada)["id"] != made["id"]
    fresh.admin.patch(f"/oauth2PermissionGrants/{made['id']}", {"scope": "SMTP.Send"})
    where = f"clientId eq '{grant['clientId']}' and consentType eq 'AllPrincipals'"
    found = fresh.admin.get("/oauth2PermissionGrants", filter=where)
    assert [one["scope"] for one in found["value"]] == ["SMTP.Send"]
    assert fresh.admin.ask("DELETE", f"/oauth2PermissionGrants/{made['id']}").status_code == 204
    assert fresh.admin.refused("GET", f"/oauth2PermissionGrants/{made['id']}")[0] == 404


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        pytest.param({"clientId": NOBODY}, (404, "Request_ResourceNotFound", MISSING), id="no such client"),
        pytest.param({"resourceId": NOBODY}, (404, "Request_ResourceNotFound", MISSING), id="no such resource"),
        pytest.param(
            {"consentType": "Principal", "principalId": NOBODY},
            (404, "Request_ResourceNotFound", MISSING),
            id="no such user",
        ),
        pytest.param({"consentType": "Principal"}, (400, "Request_BadRequest", NO_PRINCIPAL), id="whose"),
    ],
)
def test_a_grant_is_between_things_that_exist(
    shared: Lab, change: dict[str, str], refusal: tuple[int, str, str]
) -> None:
    grant = {
        "clientId": shared.made.daemon_principal.id,
        "consentType": "AllPrincipals",
        "resourceId": shared.graph_id,
        "scope": "",
    }
    assert shared.admin.refused("POST", "/oauth2PermissionGrants", {**grant, **change}) == refusal


def test_an_app_role_is_given_once_and_only_if_the_resource_has_it(fresh: Lab) -> None:
    exchange = fresh.admin.get(f"/servicePrincipals(appId='{EXCHANGE}')")
    role = next(one["id"] for one in exchange["appRoles"] if one["value"] == "IMAP.AccessAsApp")
    wanted = {"principalId": fresh.made.client_principal.id, "resourceId": exchange["id"], "appRoleId": role}
    made = fresh.admin.post(f"/servicePrincipals/{wanted['principalId']}/appRoleAssignments", wanted)
    said = (400, "Request_BadRequest", "Permission being assigned already exists on the object")
    assert fresh.admin.refused("POST", f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo", wanted) == said
    other = {**wanted, "appRoleId": permission("exchange", "IMAP.AccessAsUser.All", "scope")}
    said = (400, "Request_BadRequest", "Permission being assigned was not found on application")
    assert fresh.admin.refused("POST", f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo", other) == said
    holders = fresh.admin.get(f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo")["value"]
    assert made["id"] in [one["id"] for one in holders]
    assert (
        fresh.admin.ask("DELETE", f"/servicePrincipals/{exchange['id']}/appRoleAssignedTo/{made['id']}").status_code
        == 204
    )
    assert fresh.admin.get(f"/servicePrincipals/{wanted['principalId']}/appRoleAssignments")["value"] == []


def test_a_person_can_be_assigned_to_an_app(fresh: Lab) -> None:
    principal = fresh.made.client_principal.id
    wanted = {
        "principalId": fresh.made.ada.id,
        "resourceId": principal,
        "appRoleId": NO_ROLE,
    }
    made = fresh.admin.post(f"/servicePrincipals/{principal}/appRoleAssignedTo", wanted)
    assert (made["principalType"], made["principalDisplayName"]) == ("User", "Ada Byron")
    with fresh.practice.states.reading("woodgrove") as tenant:
        found = tenant.directory.principal(principal)
        assert found is not None
        assert found.assigned_to == [fresh.made.ada.id]
    assert (
        fresh.admin.ask("DELETE", f"/servicePrincipals/{principal}/appRoleAssignedTo/{made['id']}").status_code == 204
    )
    assert fresh.admin.get(f"/servicePrincipals/{principal}/appRoleAssignedTo")["value"] == []


# Who may.


def test_a_directory_role_decides_what_a_person_may_change(fresh: Lab) -> None:
    estate, ada = fresh.made.estate, fresh.made.ada
    path, change = f"/applications/{fresh.made.daemon.id}", {"notes": "seen"}
    assert fresh.user(ada).refused("PATCH", path, change) == DENIED
    estate.role(ada.id, "Cloud Application Administrator")
    fresh.practice.states.put(estate.tenant)
    fresh.user(ada).patch(path, change)
    # The role without the scope is as little use as the scope without the role.
    assert fresh.user(ada, "User.Read").refused("PATCH", path, change) == DENIED


def test_a_scope_lets_nobody_do_what_takes_a_directory_role(shared: Lab) -> None:
    ada = shared.user(shared.made.ada)
    grant = {"clientId": shared.made.daemon_principal.id, "resourceId": shared.graph_id}
    everybody = {**grant, "consentType": "AllPrincipals", "scope": "SMTP.Send"}
    assert ada.refused("POST", "/oauth2PermissionGrants", everybody) == DENIED
    assert ada.refused("GET", "/identity/conditionalAccess/policies") == DENIED
    assert ada.refused("PATCH", "/policies/defaultAppManagementPolicy", {"isEnabled": False}) == DENIED
    assert ada.get("/policies/defaultAppManagementPolicy")["isEnabled"] is False


def test_roles_of_graph_itself_take_a_privileged_role_administrator(fresh: Lab) -> None:
    estate, ada = fresh.made.estate, fresh.made.ada
    estate.role(ada.id, "Cloud Application Administrator")
    fresh.practice.states.put(estate.tenant)
    exchange = fresh.admin.get(f"/servicePrincipals(appId='{EXCHANGE}')")["id"]
    wanted = {"principalId": fresh.made.client_principal.id}
    mail = {**wanted, "resourceId": exchange, "appRoleId": permission("exchange", "IMAP.AccessAsApp", "role")}
    reading = {**wanted, "resourceId": fresh.graph_id, "appRoleId": permission("graph", "AuditLog.Read.All", "role")}
    path = f"/servicePrincipals/{wanted['principalId']}/appRoleAssignments"
    assert fresh.user(ada).refused("POST", path, reading) == DENIED
    fresh.user(ada).post(path, mail)
    estate.role(ada.id, "Privileged Role Administrator")
    fresh.practice.states.put(estate.tenant)
    fresh.user(ada).post(path, reading)


def test_whoever_registers_an_app_owns_it(fresh: Lab) -> None:
    ada = fresh.user(fresh.made.ada)
    made = ada.post("/applications", {"displayName": "Ada's"})
    assert [one["id"] for one in ada.get(f"/applications/{made['id']}/owners")["value"]] == [fresh.made.ada.id]
    ada.patch(f"/applications/{made['id']}", {"notes": "mine"})
    assert ada.post(f"/applications/{made['id']}/addPassword", status=200)["secretText"]
    fresh.admin.patch("/policies/authorizationPolicy", {"defaultUserRolePermissions": {"allowedToCreateApps": False}})
    assert ada.refused("POST", "/applications", {"displayName": "another"}) == DENIED


def test_an_app_with_ownedby_changes_its_own_apps_only(fresh: Lab) -> None:
    owner = fresh.app(fresh.made.daemon_principal, "Application.ReadWrite.OwnedBy")
    made = owner.post("/applications", {"displayName": "child"})
    owner.post(f"/applications/{made['id']}/addPassword", status=200)
    owner.post("/servicePrincipals", {"appId": made["appId"]})
    assert owner.refused("POST", f"/applications/{fresh.made.client.id}/addPassword") == DENIED
    link = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{fresh.made.daemon_principal.id}"}
    fresh.admin.post(f"/applications/{fresh.made.client.id}/owners/$ref", link, 204)
    owner.post(f"/applications/{fresh.made.client.id}/addPassword", status=200)


def test_consent_needs_the_permission_for_it(shared: Lab) -> None:
    reader = shared.app(shared.made.daemon_principal, "Application.Read.All")
    assert reader.get(f"/servicePrincipals(appId='{EXCHANGE}')")["appRoles"]
    for path in ("/oauth2PermissionGrants", f"/servicePrincipals/{shared.graph_id}/appRoleAssignedTo", "/applications"):
        assert reader.refused("POST", path, {"displayName": "x"}) == DENIED
