"""The practice Graph: app registrations, their credentials, enterprise applications, consent."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import RSAKey

from practice.wellknown import EXCHANGE, GRAPH, permission
from tests.practice.graphclient import Lab, lab
from tests.practice.woodgrove import SECRET

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


def certificate(days: int = 365) -> tuple[rsa.RSAPrivateKey, bytes]:
    """Return a key and the DER of its certificate."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "runbook")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return key, made.public_bytes(serialization.Encoding.DER)


def pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def as_key(der: bytes, **details: str) -> dict[str, str]:
    return {"type": "AsymmetricX509Cert", "usage": "Verify", "key": base64.b64encode(der).decode(), **details}


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


# Secrets.


def test_a_secret_is_shown_once_and_only_its_hash_is_kept(shared: Lab) -> None:
    made = shared.admin.post("/applications", {"displayName": "with a secret"})
    added = shared.admin.post(
        f"/applications/{made['id']}/addPassword", {"passwordCredential": {"displayName": "k"}}, 200
    )
    text = added["secretText"]
    assert 16 <= len(text) <= 64
    assert added["hint"] == text[:3]
    lasts = datetime.fromisoformat(added["endDateTime"]) - datetime.fromisoformat(added["startDateTime"])
    assert timedelta(days=730) <= lasts <= timedelta(days=731)
    answer = shared.admin.ask("GET", f"/applications/{made['id']}")
    assert text not in answer.text
    assert "Hash" not in answer.text
    assert answer.json()["passwordCredentials"][0]["secretText"] is None
    with shared.practice.states.reading("woodgrove") as tenant:
        app = tenant.directory.application(made["id"])
        assert app is not None
        assert [one.secret_hash for one in app.password_credentials] == [hashlib.sha256(text.encode()).hexdigest()]
        assert text not in tenant.written()


def test_a_secret_goes_by_its_key_id(shared: Lab) -> None:
    made = shared.admin.post("/applications", {"displayName": "two secrets"})
    path = f"/applications(appId='{made['appId']}')"
    first, second = (shared.admin.post(f"{path}/addPassword", status=200) for _ in range(2))
    shared.admin.post(f"{path}/removePassword", {"keyId": first["keyId"]}, 204)
    left = shared.admin.get(path)["passwordCredentials"]
    assert [one["keyId"] for one in left] == [second["keyId"]]
    assert shared.admin.refused("POST", f"{path}/removePassword", {"keyId": first["keyId"]})[0] == 400


def test_secrets_cannot_be_set_by_patch(shared: Lab) -> None:
    body = {"passwordCredentials": [{"displayName": "mine"}]}
    status, code, _ = shared.admin.refused("PATCH", f"/applications/{shared.made.daemon.id}", body)
    assert (status, code) == (400, "Request_BadRequest")


def test_no_face_of_the_directory_shows_what_is_private(shared: Lab) -> None:
    for path in ("/applications", "/servicePrincipals", "/users", "/groups", "/policies/appManagementPolicies"):
        text = shared.admin.ask("GET", path).text
        for private in (
            "secretHash",
            "assignedTo",
            "failedSignIns",
            '"mfa"',
            '"password"',
            'disabledByMicrosoft"',
            SECRET,
        ):
            assert private not in text, (path, private)


@pytest.mark.parametrize(
    ("restriction", "code"),
    [
        pytest.param({"restrictionType": "passwordAddition"}, "CredentialTypeNotAllowedAsPerAppPolicy", id="none"),
        pytest.param(
            {"restrictionType": "passwordLifetime", "maxLifetime": "P90D"},
            "CredentialInvalidLifetimeAsPerAppPolicy",
            id="none for so long",
        ),
    ],
)
def test_the_tenants_default_policy_governs_secrets(fresh: Lab, restriction: dict[str, str], code: str) -> None:
    on, off = ({"passwordCredentials": [{**restriction, "state": state}]} for state in ("enabled", "disabled"))
    policy = {"isEnabled": True, "applicationRestrictions": on}
    fresh.admin.patch("/policies/defaultAppManagementPolicy", policy)
    path = f"/applications/{fresh.made.daemon.id}"
    assert fresh.admin.refused("POST", f"{path}/addPassword", {})[:2] == (400, code)
    # A policy of its own lets this app off, and goes before the tenant's.
    own = {"displayName": "ours", "isEnabled": True, "restrictions": off}
    made = fresh.admin.post("/policies/appManagementPolicies", own)
    link = {"@odata.id": f"https://graph.microsoft.com/v1.0/policies/appManagementPolicies/{made['id']}"}
    fresh.admin.post(f"{path}/appManagementPolicies/$ref", link, 204)
    assert fresh.admin.post(f"{path}/addPassword", status=200)["secretText"]
    assert (
        fresh.admin.get(f"/policies/appManagementPolicies/{made['id']}/appliesTo")["value"][0]["id"]
        == fresh.made.daemon.id
    )


def test_a_policy_leaves_apps_alone_that_are_older_than_it(fresh: Lab) -> None:
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    rule = {"restrictionType": "passwordAddition", "restrictForAppsCreatedAfterDateTime": since}
    policy = {"isEnabled": True, "applicationRestrictions": {"passwordCredentials": [rule]}}
    fresh.admin.patch("/policies/defaultAppManagementPolicy", policy)
    assert fresh.admin.post(f"/applications/{fresh.made.daemon.id}/addPassword", status=200)
    fresh.practice.faults.clock.skew = timedelta(seconds=5)
    new = fresh.admin.post("/applications", {"displayName": "new"})
    assert (
        fresh.admin.refused("POST", f"/applications/{new['id']}/addPassword")[1]
        == "CredentialTypeNotAllowedAsPerAppPolicy"
    )


# Certificates.


def test_certificates_are_replaced_whole_and_shown_only_when_named(shared: Lab) -> None:
    _, first = certificate()
    _, second = certificate()
    made = shared.admin.post("/applications", {"displayName": "certified"})
    path = f"/applications/{made['id']}"
    shared.admin.patch(path, {"keyCredentials": [as_key(first, displayName="one")]})
    held = shared.admin.get(path)["keyCredentials"]
    assert [(one["displayName"], one["key"]) for one in held] == [("one", None)]
    assert held[0]["customKeyIdentifier"] == hashlib.sha1(first).hexdigest().upper()
    # Written back as it was read, the list has no keys in it.
    said = shared.admin.refused("PATCH", path, {"keyCredentials": [*held, as_key(second)]})[2]
    assert said == f"Update to existing credential with KeyId '{held[0]['keyId']}' is not allowed."
    whole = shared.admin.get(path, select="keyCredentials")["keyCredentials"]
    assert whole[0]["key"] == base64.b64encode(first).decode()
    shared.admin.patch(path, {"keyCredentials": [*whole, as_key(second)]})
    assert len(shared.admin.get(path)["keyCredentials"]) == 2
    shared.admin.patch(path, {"keyCredentials": []})
    assert shared.admin.get(path)["keyCredentials"] == []


def test_a_policy_limits_how_long_a_certificate_lasts(fresh: Lab) -> None:
    rule = {"restrictionType": "asymmetricKeyLifetime", "maxLifetime": "P30D"}
    policy = {"isEnabled": True, "applicationRestrictions": {"keyCredentials": [rule]}}
    fresh.admin.patch("/policies/defaultAppManagementPolicy", policy)
    path = f"/applications/{fresh.made.daemon.id}"
    long, short = (as_key(certificate(days)[1]) for days in (365, 20))
    assert (
        fresh.admin.refused("PATCH", path, {"keyCredentials": [long]})[1] == "CredentialInvalidLifetimeAsPerAppPolicy"
    )
    fresh.admin.patch(path, {"keyCredentials": [short]})


@pytest.mark.parametrize("key", [None, 5, "", "not base64", base64.b64encode(b"not a certificate").decode()])
def test_what_is_no_certificate_is_refused(shared: Lab, key: object) -> None:
    body = {"keyCredentials": [{"type": "AsymmetricX509Cert", "usage": "Verify", "key": key}]}
    status, code, message = shared.admin.refused("PATCH", f"/applications/{shared.made.daemon.id}", body)
    assert (status, code) == (400, "Request_BadRequest")
    assert "'key'" in message


def test_an_app_rolls_its_own_key_with_a_proof_of_the_old_one(fresh: Lab) -> None:
    old, der = certificate()
    _, new = certificate()
    app, path = fresh.made.daemon, f"/applications/{fresh.made.daemon.id}"
    fresh.admin.patch(path, {"keyCredentials": [as_key(der)]})
    daemon = fresh.app(fresh.made.daemon_principal)
    now = int(fresh.practice.backend.now().timestamp())

    def proof(key: rsa.RSAPrivateKey = old, **claims: object) -> str:
        usual = {"aud": "00000002-0000-0000-c000-000000000000", "iss": app.id, "nbf": now, "exp": now + 600}
        return jwt.encode({"alg": "RS256"}, {**usual, **claims}, RSAKey.import_key(pem(key)))

    other, _ = certificate()
    wrong = [proof(other), proof(aud=GRAPH), proof(iss=app.app_id), proof(exp=now + 4000), proof(exp=now - 1)]
    for one in (*wrong, "x", None):
        assert daemon.refused("POST", f"{path}/addKey", {"keyCredential": as_key(new), "proof": one})[0] == 403
    wanted = {"keyCredential": as_key(new), "passwordCredential": None, "proof": proof()}
    added = daemon.post(f"{path}/addKey", wanted, 200)
    assert len(fresh.admin.get(path)["keyCredentials"]) == 2
    daemon.post(f"{path}/removeKey", {"keyId": added["keyId"], "proof": proof()}, 204)
    assert len(fresh.admin.get(path)["keyCredentials"]) == 1


# Federated credentials.


def test_an_app_takes_twenty_federated_credentials_each_with_a_name_and_subject_of_its_own(shared: Lab) -> None:
    made = shared.admin.post("/applications", {"displayName": "federated"})
    path = f"/applications/{made['id']}/federatedIdentityCredentials"

    def credential(number: int, **details: object) -> dict[str, object]:
        usual = {"name": f"runner-{number}", "issuer": "https://idp.example", "subject": f"job:{number}"}
        return {**usual, "audiences": ["api://AzureADTokenExchange"], **details}

    for number in range(20):
        shared.admin.post(path, credential(number))
    assert shared.admin.refused("POST", path, credential(20))[0] == 400
    listed = shared.admin.get(path)["value"]
    shared.admin.ask("DELETE", f"{path}/{listed[0]['id']}")
    assert shared.admin.refused("POST", path, credential(1, subject="new"))[0] == 409
    assert shared.admin.refused("POST", path, credential(30, subject="job:1"))[0] == 409
    assert shared.admin.refused("POST", path, credential(30, audiences=["a", "b"]))[0] == 400
    shared.admin.patch(f"{path}/{listed[1]['id']}", {"subject": "moved"})
    assert shared.admin.get(f"{path}/runner-1")["subject"] == "moved"
    assert "federated" not in shared.admin.ask("GET", f"/applications/{made['id']}").text.replace('"federated"', "")


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
        pytest.param(
            {"consentType": "Principal"},
            (
                400,
                "Request_BadRequest",
                "Invalid value specified for property 'principalId' of resource 'OAuth2PermissionGrant'.",
            ),
            id="whose",
        ),
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
        "appRoleId": "00000000-0000-0000-0000-000000000000",
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


def test_an_app_of_another_publisher_can_be_taken_in(fresh: Lab) -> None:
    thunderbird = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
    made = fresh.admin.post("/servicePrincipals", {"appId": thunderbird})
    assert made["appOwnerOrganizationId"] != fresh.made.estate.tenant.tenant_id
    assert "Thunderbird" in made["displayName"]
    owner = fresh.app(fresh.made.daemon_principal, "Application.ReadWrite.OwnedBy")
    other = {"appId": "e9a7fea1-1cc0-4cd9-a31b-9137ca5deedd"}
    assert "in the local tenant" in owner.refused("POST", "/servicePrincipals", other)[2]
