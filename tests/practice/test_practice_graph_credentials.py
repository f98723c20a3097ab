"""The practice Graph: secrets, certificates and federated credentials of apps, and the policies for them."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import RSAKey

from practice.wellknown import GRAPH
from tests.practice.graphclient import Lab, lab
from tests.practice.woodgrove import SECRET


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
