"""The practice Graph: app registrations and enterprise applications."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from practice.wellknown import EXCHANGE, permission
from tests.practice.asking import Asking
from tests.practice.graphclient import Lab, lab

NOBODY = "00000000-0000-0000-0000-00000000dead"


@pytest.fixture(scope="module")
def shared() -> Iterator[Lab]:
    """A cloud for tests that leave nothing behind, or only what is their own."""
    with lab() as found:
        yield found


@pytest.fixture
def fresh() -> Iterator[Lab]:
    with lab() as found:
        yield found


# App registrations.


def test_an_app_is_found_by_object_id_application_id_and_unique_name(shared: Lab) -> None:
    made = shared.admin.post("/applications", {"displayName": "Three names", "uniqueName": "three-names"})
    ways = [f"/{made['id']}", f"('{made['id']}')", f"(appId='{made['appId']}')", "(uniqueName='three-names')"]
    assert {shared.admin.get(f"/applications{way}")["id"] for way in ways} == {made["id"]}
    found = shared.admin.get("/applications", filter=f"appId eq '{made['appId']}'")["value"]
    assert [one["displayName"] for one in found] == ["Three names"]


def test_an_app_that_names_no_audience_is_open_to_everybody(shared: Lab) -> None:
    usual = shared.admin.post("/applications", {"displayName": "usual"})
    own = shared.admin.post("/applications", {"displayName": "own", "signInAudience": "AzureADMyOrg"})
    assert (usual["signInAudience"], own["signInAudience"]) == ("AzureADandPersonalMicrosoftAccount", "AzureADMyOrg")


def test_an_upsert_makes_once_and_changes_afterwards(shared: Lab) -> None:
    path = "/applications(uniqueName='runbook-mail')"
    missing = shared.admin.refused("PATCH", path, {"displayName": "Mail"})
    assert missing[:2] == (404, "Request_ResourceNotFound")
    made = shared.admin.patch(path, {"displayName": "Mail"}, 201, Prefer="create-if-missing")
    assert made["uniqueName"] == "runbook-mail"
    shared.admin.patch(path, {"displayName": "Mail, again"}, 204, Prefer="create-if-missing")
    assert shared.admin.get(path)["displayName"] == "Mail, again"
    assert shared.admin.get(path)["id"] == made["id"]


def test_an_upsert_is_one_app_even_before_the_first_has_arrived(fresh: Lab) -> None:
    fresh.practice.faults.directory_lag = timedelta(minutes=5)
    path = "/applications(uniqueName='twice')"
    fresh.admin.patch(path, {"displayName": "Twice"}, 201, Prefer="create-if-missing")
    fresh.admin.patch(path, {"displayName": "Twice"}, 204, Prefer="create-if-missing")
    fresh.practice.faults.clear()
    fresh.practice.faults.clock.skew = timedelta(minutes=6)
    assert len(fresh.admin.get("/applications", filter="uniqueName eq 'twice'")["value"]) == 1


def test_a_change_replaces_what_it_names_and_nothing_else(shared: Lab) -> None:
    role = permission("exchange", "IMAP.AccessAsApp", "role")
    asks = [{"resourceAppId": EXCHANGE, "resourceAccess": [{"id": role, "type": "Role"}]}]
    body = {"displayName": "before", "requiredResourceAccess": asks, "notes": "ours"}
    made = shared.admin.post("/applications", body)
    change = {"displayName": "after", "publicClient": {"redirectUris": ["http://localhost"]}}
    shared.admin.patch(f"/applications/{made['id']}", change)
    found = shared.admin.get(f"/applications/{made['id']}")
    assert (found["displayName"], found["notes"], found["requiredResourceAccess"]) == ("after", "ours", asks)
    assert found["publicClient"]["redirectUris"] == ["http://localhost"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param({"displayName": 5}, "displayName", id="number for text"),
        pytest.param({"displayName": ""}, "displayName", id="empty"),
        pytest.param({"displayName": "two\r\nlines"}, "displayName", id="two lines"),
        pytest.param({"displayName": "x", "colour": "red"}, "Invalid property 'colour'.", id="unknown"),
        pytest.param({"displayName": "x", "appId": NOBODY}, "read-only", id="its own id"),
        pytest.param({"displayName": "x", "owners": []}, "Invalid property 'owners'.", id="private"),
        pytest.param({"displayName": "x", "disabledByMicrosoft": True}, "Invalid property", id="private too"),
        pytest.param({"displayName": "x", "isFallbackPublicClient": "yes"}, "isFallbackPublicClient", id="text"),
        pytest.param({"displayName": "x", "signInAudience": "Everybody"}, "signInAudience", id="unknown audience"),
        pytest.param({"displayName": "x", "requiredResourceAccess": [{}]}, "requiredResourceAccess", id="half"),
    ],
)
def test_a_body_that_is_wrong_names_the_property(shared: Lab, body: dict[str, Any], said: str) -> None:
    status, code, message = shared.admin.refused("POST", "/applications", body)
    assert (status, code) == (400, "Request_BadRequest")
    assert said in message


def test_a_deleted_app_can_be_brought_back_for_thirty_days(fresh: Lab) -> None:
    made = fresh.admin.post("/applications", {"displayName": "gone"})
    deleted = "/directory/deletedItems"
    assert fresh.admin.ask("DELETE", f"/applications/{made['id']}").status_code == 204
    assert fresh.admin.refused("GET", f"/applications/{made['id']}")[:2] == (404, "Request_ResourceNotFound")
    listed = fresh.admin.get(f"{deleted}/microsoft.graph.application")["value"]
    assert [(one["id"], bool(one["deletedDateTime"])) for one in listed] == [(made["id"], True)]
    fresh.admin.post(f"{deleted}/{made['id']}/restore", status=200)
    assert fresh.admin.get(f"/applications/{made['id']}")["deletedDateTime"] is None
    fresh.admin.ask("DELETE", f"/applications/{made['id']}")
    fresh.practice.faults.clock.skew = timedelta(days=31)
    assert fresh.admin.refused("POST", f"{deleted}/{made['id']}/restore")[:2] == (404, "Request_ResourceNotFound")


def test_a_deleted_app_keeps_its_unique_name_until_it_is_gone_for_good(fresh: Lab) -> None:
    path, told = "/applications(uniqueName='kept')", {"displayName": "Kept"}
    made = fresh.admin.patch(path, told, 201, Prefer="create-if-missing")
    fresh.admin.ask("DELETE", f"/applications/{made['id']}")
    refused = fresh.admin.ask("PATCH", path, told, headers={"Prefer": "create-if-missing"})
    assert (refused.status_code, refused.json()["error"]["message"]) == (
        400,
        "Another object with the same value for property uniqueName already exists.",
    )
    fresh.admin.post(f"/directory/deletedItems/{made['id']}/restore", status=200)
    fresh.admin.ask("DELETE", f"/applications/{made['id']}")
    fresh.admin.ask("DELETE", f"/directory/deletedItems/{made['id']}")
    fresh.admin.patch(path, told, 201, Prefer="create-if-missing")


# Enterprise applications and replication.


def test_an_enterprise_application_needs_its_registration_to_have_arrived(fresh: Lab) -> None:
    fresh.practice.faults.directory_lag = timedelta(seconds=90)
    made = fresh.admin.post("/applications", {"displayName": "new"})
    said = f"The appId '{made['appId']}' of the service principal does not reference a valid application object."
    answer = fresh.admin.ask("POST", "/servicePrincipals", {"appId": made["appId"]})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["message"]) == (400, "Request_BadRequest", said)
    assert [one["code"] for one in error["details"]] == ["NoBackingApplicationObject"]
    for method, path in (("GET", ""), ("POST", "/addPassword"), ("PATCH", "")):
        refused = fresh.admin.refused(method, f"/applications/{made['id']}{path}", {} if method != "GET" else None)
        assert refused[:2] == (404, "Request_ResourceNotFound")
    fresh.practice.faults.clock.skew = timedelta(seconds=91)
    principal = fresh.admin.post("/servicePrincipals", {"appId": made["appId"]})
    assert principal["id"] not in (made["id"], made["appId"])
    assert principal["appOwnerOrganizationId"] == fresh.made.estate.tenant.tenant_id


def test_an_enterprise_application_is_there_once(shared: Lab) -> None:
    made = shared.admin.post("/applications", {"displayName": "once"})
    first = shared.admin.post("/servicePrincipals", {"appId": made["appId"]})
    status, code, message = shared.admin.refused("POST", "/servicePrincipals", {"appId": made["appId"]})
    assert (status, code) == (409, "Request_MultipleObjectsWithSameKeyValue")
    assert "already in use" in message
    path = f"/servicePrincipals(appId='{made['appId']}')"
    shared.admin.patch(path, {"accountEnabled": False}, 204, Prefer="create-if-missing")
    assert shared.admin.get(path)["accountEnabled"] is False
    assert shared.admin.get(path)["id"] == first["id"]


def test_an_enterprise_application_takes_its_consents_along(fresh: Lab) -> None:
    path = f"/servicePrincipals/{fresh.made.daemon_principal.id}"
    assert fresh.admin.get(f"{path}/appRoleAssignments")["value"]
    assert fresh.admin.ask("DELETE", path).status_code == 204
    with fresh.practice.states.reading("woodgrove") as tenant:
        assert not [
            one for one in tenant.directory.app_role_assignments if one.principal_id == fresh.made.daemon_principal.id
        ]
        assert tenant.directory.application(fresh.made.daemon.id)


def test_a_deleted_app_takes_its_enterprise_application_along_and_brings_it_back(fresh: Lab) -> None:
    entra, admin, deleted = Asking(fresh.made, fresh.practice), fresh.admin, "/directory/deletedItems"
    app, principal = fresh.made.daemon, fresh.made.daemon_principal
    assert admin.ask("DELETE", f"/applications/{app.id}").status_code == 204
    assert admin.refused("GET", f"/servicePrincipals/{principal.id}")[0] == 404
    assert entra.daemon()["error_codes"] == [700016]
    listed = admin.get(f"{deleted}/microsoft.graph.servicePrincipal")["value"]
    assert [(one["id"], bool(one["deletedDateTime"])) for one in listed] == [(principal.id, True)]
    alone = admin.refused("POST", f"{deleted}/{principal.id}/restore")
    assert "does not reference a valid application object" in alone[2]
    admin.post(f"{deleted}/{app.id}/restore", status=200)
    assert admin.get(f"/servicePrincipals/{principal.id}")["deletedDateTime"] is None
    assert admin.get(f"{deleted}/servicePrincipal")["value"] == []
    assert entra.claims(entra.daemon())["roles"]


def test_a_deleted_enterprise_application_comes_back_with_its_consents_for_thirty_days(fresh: Lab) -> None:
    entra, admin = Asking(fresh.made, fresh.practice), fresh.admin
    principal = fresh.made.client_principal
    kept = f"/directory/deletedItems/{principal.id}"
    before = (admin.get("/oauth2PermissionGrants")["value"], entra.password()["scope"])
    admin.ask("DELETE", f"/servicePrincipals/{principal.id}")
    assert admin.get("/oauth2PermissionGrants")["value"] == []
    assert "access_token" not in entra.password()
    assert admin.get(kept)["appId"] == fresh.made.client.app_id
    restored = admin.post(f"{kept}/restore", status=200)
    assert (restored["@odata.type"], restored["id"]) == ("#microsoft.graph.servicePrincipal", principal.id)
    assert (admin.get("/oauth2PermissionGrants")["value"], entra.password()["scope"]) == before
    admin.ask("DELETE", f"/servicePrincipals/{principal.id}")
    fresh.practice.faults.clock.skew = timedelta(days=31)
    assert fresh.admin.refused("POST", f"{kept}/restore")[:2] == (404, "Request_ResourceNotFound")


def test_an_enterprise_application_that_was_made_again_keeps_the_deleted_one_out(fresh: Lab) -> None:
    admin, principal = fresh.admin, fresh.made.client_principal
    admin.ask("DELETE", f"/servicePrincipals/{principal.id}")
    again = admin.post("/servicePrincipals", {"appId": fresh.made.client.app_id})
    assert admin.get(f"/servicePrincipals/{again['id']}/oauth2PermissionGrants")["value"] == []
    assert admin.refused("POST", f"/directory/deletedItems/{principal.id}/restore")[0] == 409
    assert admin.ask("DELETE", f"/directory/deletedItems/{principal.id}").status_code == 204
    assert admin.refused("GET", f"/directory/deletedItems/{principal.id}")[0] == 404
    with fresh.practice.states.reading("woodgrove") as tenant:
        assert tenant.directory.deleted_grants == []


def test_an_app_that_is_removed_for_good_leaves_no_enterprise_application(fresh: Lab) -> None:
    admin, app = fresh.admin, fresh.made.daemon
    admin.ask("DELETE", f"/applications/{app.id}")
    stranger = fresh.user(fresh.made.ada)
    kept = f"/directory/deletedItems/{fresh.made.daemon_principal.id}"
    assert stranger.refused("POST", f"{kept}/restore")[0] == 403
    assert admin.ask("DELETE", f"/directory/deletedItems/{app.id}").status_code == 204
    assert admin.refused("GET", kept)[0] == 404


def test_a_registration_shows_in_its_enterprise_application(shared: Lab) -> None:
    role = {
        "id": NOBODY,
        "value": "Do.It",
        "displayName": "d",
        "isEnabled": True,
        "allowedMemberTypes": ["Application"],
    }
    made = shared.admin.post("/applications", {"displayName": "api"})
    principal = shared.admin.post("/servicePrincipals", {"appId": made["appId"]})
    change = {"displayName": "API", "appRoles": [role], "identifierUris": [f"api://{made['appId']}"]}
    shared.admin.patch(f"/applications/{made['id']}", change)
    found = shared.admin.get(f"/servicePrincipals/{principal['id']}")
    assert found["displayName"] == "API"
    assert found["servicePrincipalNames"] == [made["appId"], f"api://{made['appId']}"]
    assert [one["value"] for one in found["appRoles"]] == ["Do.It"]
    # Somebody may hold it, so it has to be switched off first.
    path = f"/applications/{made['id']}"
    assert shared.admin.refused("PATCH", path, {"appRoles": []})[1] == "CannotDeleteOrUpdateEnabledEntitlement"
    shared.admin.patch(path, {"appRoles": [{**role, "isEnabled": False}]})
    shared.admin.patch(path, {"appRoles": []})


def test_an_app_of_another_publisher_can_be_taken_in(fresh: Lab) -> None:
    thunderbird = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
    made = fresh.admin.post("/servicePrincipals", {"appId": thunderbird})
    assert made["appOwnerOrganizationId"] != fresh.made.estate.tenant.tenant_id
    assert "Thunderbird" in made["displayName"]
    owner = fresh.app(fresh.made.daemon_principal, "Application.ReadWrite.OwnedBy")
    other = {"appId": "e9a7fea1-1cc0-4cd9-a31b-9137ca5deedd"}
    assert "in the local tenant" in owner.refused("POST", "/servicePrincipals", other)[2]
