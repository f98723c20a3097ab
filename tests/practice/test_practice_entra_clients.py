"""msal and azure-identity, unchanged, sign in to the practice cloud."""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msal
import pytest
import requests
import trustme
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import CertificateCredential, ClientSecretCredential, ManagedIdentityCredential

from practice.cloud import Cloud
from practice.credentials import public_part
from practice.state import FederatedCredential, ServicePrincipal
from practice.wellknown import EXCHANGE, GRAPH, LOGS, SIGN_IN_WORD
from tests.practice.browsing import Browser, Page, session
from tests.practice.woodgrove import DOMAIN, ROLES, SCOPES, SECRET, TENANT, Woodgrove, running, woodgrove

OUTLOOK = "https://outlook.office365.com/.default"
MAIL = ["https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send"]
ADA = f"ada@{DOMAIN}"


@dataclass
class Place:
    """A running cloud and the tenant in it."""

    made: Woodgrove
    practice: Cloud
    pem: Path

    def claims(self, token: str) -> dict[str, Any]:
        """Return what stands in a token that the cloud signed."""
        return self.practice.backend.keys.read(token, self.practice.backend.now())

    def public(self, **options: Any) -> Any:
        """Return msal's public client."""
        return msal.PublicClientApplication(self.made.client.app_id, **self._options(), **options)

    def confidential(self, credential: Any) -> Any:
        """Return msal's confidential client."""
        return msal.ConfidentialClientApplication(
            self.made.daemon.app_id, client_credential=credential, **self._options()
        )

    def _options(self) -> dict[str, Any]:
        authority = f"{self.practice.base_url}/{TENANT}"
        return {"authority": authority, "instance_discovery": False, "http_client": session(self.practice)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = woodgrove()
    pem = tmp_path_factory.mktemp("credentials") / "daemon.pem"
    issued = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("daemon.example", key_type=trustme.KeyType.RSA)
    issued.private_key_and_cert_chain_pem.write_to_path(pem)
    made.daemon.key_credentials = [public_part(issued.cert_chain_pems[0].bytes().decode(), name="daemon")]
    machine = ServicePrincipal(
        id=made.estate.id_of("machine"),
        app_id=made.estate.id_of("machine app"),
        display_name="Machine",
        service_principal_type="ManagedIdentity",
    )
    made.estate.tenant.directory.service_principals.append(machine)
    made.estate.allow(machine, EXCHANGE, *ROLES)
    with running(made) as practice:
        yield Place(made, practice, pem)


def _walk(place: Place, uri: str) -> Page:
    """Sign in at *uri* as a person would, and return the page that posts the answer on."""
    browser = Browser(place.practice)
    return browser.sign_in(browser.open(uri), ADA, SIGN_IN_WORD)


def test_msal_signs_a_person_in_interactively(place: Place) -> None:
    app = place.public()

    def browse(uri: str) -> None:
        page = _walk(place, uri)
        # msal's own little server takes the answer, as soon as this function has returned.
        threading.Thread(target=requests.post, args=(page.action, page.fields), kwargs={"timeout": 20}).start()

    found = app.acquire_token_interactive(MAIL, auth_uri_callback=browse, login_hint=ADA, timeout=20)
    claims = place.claims(found["access_token"])
    assert claims["aud"] == "https://outlook.office.com"
    assert claims["scp"].split() == sorted(SCOPES)
    assert (claims["upn"], claims["appid"], claims["ver"]) == (ADA, place.made.client.app_id, "1.0")
    assert claims["iss"] == f"https://sts.windows.net/{TENANT}/"
    assert 3_600 <= claims["exp"] - claims["iat"] <= 5_400
    account = app.get_accounts()[0]
    assert account["username"] == ADA
    assert app.acquire_token_silent(MAIL, account)["access_token"] == found["access_token"]
    refreshed = app.acquire_token_silent(MAIL, account, force_refresh=True)
    assert place.claims(refreshed["access_token"])["uti"] != claims["uti"]


def test_msal_verifies_the_code_with_pkce(place: Place) -> None:
    app = place.public()
    flow = app.initiate_auth_code_flow(MAIL, redirect_uri="http://localhost:5000", response_mode="form_post")
    assert "code_challenge=" in flow["auth_uri"]
    sent = _walk(place, flow["auth_uri"]).fields
    flow["code_verifier"] = "x" * 43
    refused = app.acquire_token_by_auth_code_flow(flow, sent)
    assert refused["error_codes"] == [501481]


def test_msal_signs_a_person_in_by_device_code(place: Place) -> None:
    app = place.public()
    flow = app.initiate_device_flow(MAIL)
    browser = Browser(place.practice)
    page = browser.press(browser.open(flow["verification_uri"]), otc=flow["user_code"])
    page = browser.sign_in(page, ADA, SIGN_IN_WORD)
    assert "Are you trying to sign in to Mail client?" in page.text
    assert "You have signed in" in browser.press(page, "confirm").text
    found = app.acquire_token_by_device_flow(flow)
    assert place.claims(found["access_token"])["upn"] == ADA


def test_msal_signs_an_app_in_by_secret_and_keeps_the_token(place: Place) -> None:
    app = place.confidential(SECRET)
    found = app.acquire_token_for_client([OUTLOOK])
    claims = place.claims(found["access_token"])
    assert (claims["aud"], claims["roles"]) == ("https://outlook.office365.com", sorted(ROLES))
    assert (claims["oid"], claims["appidacr"]) == (place.made.daemon_principal.id, "1")
    assert app.acquire_token_for_client([OUTLOOK])["token_source"] == "cache"


@pytest.mark.parametrize("sha1", [False, True], ids=["PS256 and x5t#S256", "RS256 and x5t"])
def test_msal_signs_an_app_in_by_certificate(sha1: bool, place: Place) -> None:
    pem = place.pem.read_text(encoding="ascii")
    credential: dict[str, str] = {"private_key": pem}
    if sha1:
        der = base64.b64decode(place.made.daemon.key_credentials[0].key or "")
        credential["thumbprint"] = hashlib.sha1(der).hexdigest()
    else:
        credential["public_certificate"] = pem
    found = place.confidential(credential).acquire_token_for_client([OUTLOOK])
    assert "access_token" in found, found
    assert place.claims(found["access_token"])["appidacr"] == "2"


def test_msal_hands_over_another_issuers_token(place: Place) -> None:
    issuer = f"{place.practice.base_url}/practice-issuer"
    with place.practice.states.changing(TENANT) as tenant:
        app = tenant.directory.application(place.made.daemon.app_id)
        assert app is not None
        app.federated_credentials = [FederatedCredential(name="runner", issuer=issuer, subject="repo:w/mail:main")]
    http = session(place.practice)
    token = http.post(f"{issuer}/token", json={"subject": "repo:w/mail:main"}, timeout=20).json()["token"]
    found = place.confidential({"client_assertion": lambda: token}).acquire_token_for_client([OUTLOOK])
    assert place.claims(found["access_token"])["roles"] == sorted(ROLES)


def test_azure_identity_signs_an_app_in(place: Place) -> None:
    options: dict[str, Any] = {"authority": place.practice.base_url, "disable_instance_discovery": True}
    for credential in (
        ClientSecretCredential(TENANT, place.made.daemon.app_id, SECRET, transport=_transport(place), **options),
        CertificateCredential(TENANT, place.made.daemon.app_id, str(place.pem), transport=_transport(place), **options),
    ):
        with credential:
            assert place.claims(credential.get_token(OUTLOOK).token)["roles"] == sorted(ROLES)


def test_azure_identity_and_msal_get_a_managed_identitys_token(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{place.practice.base_url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", place.made.estate.id_of("machine"))
    with ManagedIdentityCredential(transport=_transport(place)) as credential:
        claims = place.claims(credential.get_token(OUTLOOK).token)
    assert (claims["oid"], claims["roles"]) == (place.made.estate.id_of("machine"), sorted(ROLES))
    client = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=session(place.practice))
    found = client.acquire_token_for_client(resource="https://outlook.office365.com")
    assert place.claims(found["access_token"])["idtyp"] == "app"


def _transport(place: Place) -> RequestsTransport:
    made = session(place.practice)
    return RequestsTransport(session=made, connection_verify=str(place.practice.ca_file), use_env_settings=False)


@pytest.mark.parametrize(
    ("scope", "app_id", "audience"),
    [
        ("https://graph.microsoft.com/.default", GRAPH, "https://graph.microsoft.com"),
        ("{base}/graph/.default", GRAPH, "{base}/graph"),
        ("https://api.loganalytics.azure.com/.default", LOGS, "https://api.loganalytics.azure.com"),
        ("{base}/logs/.default", LOGS, "{base}/logs"),
        (f"{EXCHANGE}/.default", EXCHANGE, EXCHANGE),
        ("https://ps.outlook.com/.default", EXCHANGE, "https://ps.outlook.com"),
    ],
)
def test_a_resource_goes_by_any_of_its_names(scope: str, app_id: str, audience: str, place: Place) -> None:
    base = place.practice.base_url
    found = place.confidential(SECRET).acquire_token_for_client([scope.format(base=base)])
    assert place.claims(found["access_token"])["aud"] == audience.format(base=base)


_SIGN_IN = """
import json, os, sys
import msal, requests
told = json.loads(sys.stdin.read())
http = requests.Session()
http.trust_env, http.verify = False, told["ca_file"]
app = msal.ConfidentialClientApplication(told["app"], client_credential=told["secret"], authority=told["authority"],
    instance_discovery=False, http_client=http)
print(app.acquire_token_for_client([told["scope"]])["token_type"])
"""


def test_an_environment_full_of_nonsense_stops_nothing(place: Place) -> None:
    nonsense = {
        "REQUESTS_CA_BUNDLE": "/nowhere/ca.pem",
        "CURL_CA_BUNDLE": "/nowhere/ca.pem",
        "HTTPS_PROXY": "http://127.0.0.1:9",
    }
    told = {
        "app": place.made.daemon.app_id,
        "secret": SECRET,
        "authority": f"{place.practice.base_url}/{TENANT}",
        "ca_file": str(place.practice.ca_file),
        "scope": OUTLOOK,
    }
    done = subprocess.run(
        [sys.executable, "-c", _SIGN_IN],
        input=json.dumps(told),
        env={**os.environ, **nonsense},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "Bearer"), done.stderr
