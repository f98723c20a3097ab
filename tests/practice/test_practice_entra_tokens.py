"""The token endpoint gives and refuses by the tenant's state, with Entra's numbers."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from practice import cloud
from practice.credentials import public_part
from practice.signins import Table
from practice.state import Application, ConditionalAccessPolicy, Directory, FederatedCredential
from practice.wellknown import EXCHANGE, GRAPH, SIGN_IN_WORD
from tests.practice.asking import ADA, BACK, IMAP, OUTLOOK, Asking
from tests.practice.browsing import Browser, session
from tests.practice.woodgrove import DOMAIN, SECRET, TENANT, running, woodgrove

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def _daemon(entra: Asking, directory: Directory) -> Application:
    found = directory.application(entra.made.daemon.app_id)
    assert found is not None
    return found


# --- what is read before ---


@pytest.mark.parametrize("realm", [TENANT, DOMAIN, "common", "organizations", "consumers"])
@pytest.mark.parametrize("version", ["v2.0/", ""])
def test_discovery_says_where_everything_is(realm: str, version: str, entra: Asking) -> None:
    http, base = session(entra.practice), entra.practice.base_url
    found = http.get(f"{base}/{realm}/{version}.well-known/openid-configuration", timeout=20).json()
    place = TENANT if realm == DOMAIN else realm
    assert found["token_endpoint"] == f"{base}/{place}/oauth2/{version}token"
    assert http.get(found["jwks_uri"], timeout=20).json() == entra.practice.backend.keys.jwks()
    known = {"common": "{tenantid}", "organizations": "{tenantid}", "consumers": "9188040d-6c67-4c5b-b112-36a304b66dad"}
    own = known.get(realm, TENANT)
    assert found["issuer"] == (f"{base}/{own}/v2.0" if version else f"https://sts.windows.net/{own}/")


def test_discovery_knows_one_host_and_whose_password_it_is(entra: Asking) -> None:
    http, base = session(entra.practice), entra.practice.base_url
    found = http.get(f"{base}/common/discovery/instance?api-version=1.1", timeout=20).json()
    assert found["metadata"][0]["aliases"] == [base.removeprefix("https://")]
    with entra.changing() as directory:
        directory.domains[0].authentication_type = "Federated"
    realms = [http.get(f"{base}/common/userrealm/{name}", timeout=20).json() for name in (ADA, "x@nowhere.example")]
    assert [one["account_type"] for one in realms] == ["Federated", "Unknown"]


def test_an_id_token_is_signed_by_the_key_that_discovery_shows(entra: Asking) -> None:
    given = entra.redeem(entra.code(nonce="n-1"), client_info="1")
    shown = KeySet.import_key_set(
        session(entra.practice).get(f"{entra.practice.base_url}/common/discovery/keys", timeout=20).json()
    )
    claims = jwt.decode(given["id_token"], shown, algorithms=["RS256"]).claims
    assert (claims["aud"], claims["nonce"], claims["tid"]) == (entra.made.client.app_id, "n-1", TENANT)
    assert claims["preferred_username"] == ADA
    info = json.loads(base64.urlsafe_b64decode(given["client_info"] + "=="))
    assert info == {"uid": entra.made.ada.id, "utid": TENANT}


# --- what every refusal looks like ---


def test_a_refusal_says_what_entra_says_about_it(entra: Asking) -> None:
    correlation = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    answer = session(entra.practice).post(
        f"{entra.practice.base_url}/{TENANT}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "client_id": entra.made.daemon.app_id, "client_secret": "wrong"},
        headers={"client-request-id": correlation},
        timeout=20,
    )
    told = answer.json()
    assert (answer.status_code, told["error"], told["error_codes"]) == (401, "invalid_client", [7000215])
    assert told["correlation_id"] == correlation
    first, trace, correlated, moment = told["error_description"].split("\r\n")
    assert first.startswith("AADSTS7000215: Invalid client secret provided.")
    assert (trace, correlated) == (f"Trace ID: {told['trace_id']}", f"Correlation ID: {correlation}")
    assert moment == f"Timestamp: {told['timestamp']}"
    assert told["error_uri"].endswith("/error?code=7000215")


@pytest.mark.parametrize(
    ("form", "code", "error"),
    [
        pytest.param({}, 900144, "invalid_request", id="nothing"),
        pytest.param({"grant_type": "magic"}, 70003, "unsupported_grant_type", id="grant type"),
        pytest.param({"grant_type": "client_credentials"}, 900144, "invalid_request", id="no client"),
        pytest.param({"grant_type": "refresh_token", "client_id": "x"}, 700016, "unauthorized_client", id="no app"),
    ],
)
def test_a_request_that_is_none_is_told_so(form: dict[str, str], code: int, error: str, entra: Asking) -> None:
    answer = entra.token(**form)
    assert (answer["status"], answer["error_codes"], answer["error"]) == (400, [code], error)


def test_throttling_is_a_429_with_its_number(entra: Asking) -> None:
    entra.practice.faults.add("entra", "throttle", seconds=7)
    answer = entra.daemon()
    assert (answer["status"], answer["error_codes"]) == (429, [90055])
    assert "access_token" in entra.daemon()


def test_a_tenant_goes_by_id_or_verified_domain_and_by_nothing_else(entra: Asking) -> None:
    form = {"grant_type": "client_credentials", "client_id": entra.made.daemon.app_id, "client_secret": SECRET}
    found = {name: entra.token(name, scope=OUTLOOK, **form) for name in (DOMAIN, "woodgrove", "nowhere.example")}
    assert "access_token" in found[DOMAIN]
    assert [found[name]["error_codes"] for name in ("woodgrove", "nowhere.example")] == [[90002], [90002]]


# --- apps that act as themselves ---


def test_a_secret_that_has_ended_is_not_a_wrong_one(entra: Asking) -> None:
    with entra.changing() as directory:
        _daemon(entra, directory).password_credentials[0].end_date_time = entra.practice.backend.now() - timedelta(
            days=1
        )
    assert entra.daemon()["error_codes"] == [7000222]
    assert entra.daemon(client_secret=_daemon(entra, entra.directory).password_credentials[0].key_id)[
        "error_codes"
    ] == [7000215]


def test_an_app_without_an_enterprise_application_cannot_act(entra: Asking) -> None:
    kept = [one for one in entra.directory.service_principals if one.app_id != entra.made.daemon.app_id]
    with entra.changing() as directory:
        directory.service_principals = kept
    assert entra.daemon()["error_codes"] == [7000229]


def test_a_disabled_app_is_7000112(entra: Asking) -> None:
    with entra.changing() as directory:
        principal = directory.principal(entra.made.daemon.app_id)
        assert principal is not None
        principal.account_enabled = False
    assert entra.daemon()["error_codes"] == [7000112]


def test_roles_are_those_that_were_consented_to(entra: Asking) -> None:
    assert entra.claims(entra.daemon())["roles"] == ["IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp"]
    with entra.changing() as directory:
        directory.app_role_assignments.clear()
    assert "roles" not in entra.claims(entra.daemon())


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ("", 900144),
        ("https://outlook.office365.com/IMAP.AccessAsApp", 1002012),
        ("https://outlook.office365.us.example/.default", 500011),
        (f"{OUTLOOK} https://graph.microsoft.com/.default", 28000),
    ],
)
def test_an_app_asks_for_default_of_one_resource_that_is_there(scope: str, code: int, entra: Asking) -> None:
    assert entra.daemon(scope)["error_codes"] == [code]


def test_an_app_cannot_act_in_common(entra: Asking) -> None:
    form = {"grant_type": "client_credentials", "client_id": entra.made.daemon.app_id, "client_secret": SECRET}
    assert entra.token("common", scope=OUTLOOK, **form)["error_codes"] == [9001023]


def test_the_older_endpoint_takes_a_resource_and_writes_numbers_as_text(entra: Asking) -> None:
    answer = entra.token(
        path="oauth2/token",
        grant_type="client_credentials",
        client_id=entra.made.daemon.app_id,
        client_secret=SECRET,
        resource="https://outlook.office365.com",
    )
    assert entra.claims(answer)["aud"] == "https://outlook.office365.com"
    assert (answer["resource"], answer["expires_in"].isdigit()) == ("https://outlook.office365.com", True)


def test_a_policy_for_workload_identities_stops_an_app(entra: Asking) -> None:
    with entra.changing() as directory:
        directory.policies.conditional_access = [
            ConditionalAccessPolicy(
                display_name="No robots",
                conditions={
                    "clientApplications": {"includeServicePrincipals": ["ServicePrincipalsInMyTenant"]},
                    "applications": {"includeApplications": ["All"]},
                },
                grant_controls={"operator": "OR", "builtInControls": ["block"]},
            )
        ]
    assert entra.daemon()["error_codes"] == [53003]


# --- assertions ---


@pytest.fixture(scope="module")
def key() -> tuple[RSAKey, str]:
    issued = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("daemon.example", key_type=trustme.KeyType.RSA)
    pem = issued.cert_chain_pems[0].bytes().decode()
    return RSAKey.import_key(issued.private_key_pem.bytes()), pem


def _assertion(entra: Asking, key: tuple[RSAKey, str], header: dict[str, Any] | None = None, **claims: Any) -> str:
    now = int(entra.practice.backend.now().timestamp())
    der = x509.load_pem_x509_certificate(key[1].encode()).public_bytes(Encoding.DER)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")
    app_id = entra.made.daemon.app_id
    usual = {
        "aud": f"{entra.practice.base_url}/{TENANT}/oauth2/v2.0/token",
        "iss": app_id,
        "sub": app_id,
        "nbf": now,
        "exp": now + 300,
        "jti": "1",
    }
    head = {"alg": "PS256", "x5t#S256": thumbprint} if header is None else header
    return jwt.encode(head, {**usual, **claims}, key[0], algorithms=["PS256", "RS256"])


def _asserted(entra: Asking, text: str) -> dict[str, Any]:
    return entra.token(
        grant_type="client_credentials",
        client_id=entra.made.daemon.app_id,
        client_assertion_type=ASSERTION,
        client_assertion=text,
        scope=OUTLOOK,
    )


def test_an_assertion_has_to_be_of_this_app_this_moment_and_this_cloud(entra: Asking, key: tuple[RSAKey, str]) -> None:
    with entra.changing() as directory:
        _daemon(entra, directory).key_credentials = [public_part(key[1], name="daemon")]
    now = int(entra.practice.backend.now().timestamp())
    assert entra.claims(_asserted(entra, _assertion(entra, key)))["appidacr"] == "2"
    for claims, code in (
        ({"sub": "somebody"}, 700021),
        ({"exp": now - 3_600, "nbf": now - 7_200}, 700024),
        ({"nbf": now + 3_600, "exp": now + 7_200}, 700024),
        ({"exp": "soon"}, 700024),
        ({"aud": "https://login.microsoftonline.com/common"}, 700023),
    ):
        assert _asserted(entra, _assertion(entra, key, **claims))["error_codes"] == [code]


def test_an_assertion_is_refused_without_its_certificate_or_with_another_signature(
    entra: Asking, key: tuple[RSAKey, str]
) -> None:
    assert _asserted(entra, _assertion(entra, key))["error_codes"] == [700027]
    with entra.changing() as directory:
        _daemon(entra, directory).key_credentials = [public_part(key[1], name="daemon")]
    forged = _assertion(entra, (RSAKey.generate_key(2048), key[1]))
    assert _asserted(entra, forged)["error_codes"] == [700027]
    assert _asserted(entra, _assertion(entra, key, {"alg": "PS256"}))["error_codes"] == [50012]
    with entra.changing() as directory:
        _daemon(entra, directory).key_credentials[0].end_date_time = datetime(2020, 1, 1, tzinfo=UTC)
    assert "The key used is expired." in _asserted(entra, _assertion(entra, key))["error_description"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("", 7000216, id="nothing"),
        pytest.param("not a token", 50027, id="no JWT"),
        pytest.param("a.b.c", 50027, id="no JSON"),
        pytest.param("e30.W10.e30", 50027, id="no object"),
        pytest.param("é.é.é", 50027, id="no ASCII"),
        pytest.param("eyJhbGciOiJSUzI1NiJ9.e30.e30", 700211, id="nobody's"),
    ],
)
def test_an_assertion_that_is_none_is_refused(text: str, code: int, entra: Asking) -> None:
    assert _asserted(entra, text)["error_codes"] == [code]


def test_a_federated_token_is_compared_letter_by_letter(entra: Asking) -> None:
    issuer = f"{entra.practice.base_url}/practice-issuer"

    def token(**told: str) -> str:
        answer = session(entra.practice).post(f"{issuer}/token", json=told, timeout=20)
        return str(answer.json()["token"])

    held = FederatedCredential(name="runner", issuer=issuer, subject="repo:w/mail:main")
    assert _asserted(entra, token(subject="repo:w/mail:main"))["error_codes"] == [700211]
    with entra.changing() as directory:
        _daemon(entra, directory).federated_credentials = [held]
    assert _asserted(entra, token(subject="Repo:w/mail:main"))["error_codes"] == [700213]
    assert _asserted(entra, token(subject="repo:w/mail:main", audience="api://other"))["error_codes"] == [700212]
    given = _asserted(entra, token(subject="repo:w/mail:main"))
    assert entra.claims(given)["oid"] == entra.made.daemon_principal.id
    assert _asserted(entra, given["access_token"])["error_codes"] == [700222]


# --- people ---


def test_a_code_is_redeemed_once_by_whom_it_was_given_to(entra: Asking) -> None:
    code = entra.code()
    assert entra.redeem(code, code_verifier="w" * 43)["error_codes"] == [501481]
    assert entra.redeem(code, code_verifier="")["error_codes"] == [501481]
    given = entra.redeem(code)
    assert entra.claims(given)["scp"] == "IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send"
    assert entra.redeem(code)["error_codes"] == [54005]
    assert entra.redeem("nonsense")["error_codes"] == [9002313]


def test_a_code_ends_after_ten_minutes(entra: Asking) -> None:
    code = entra.code()
    entra.practice.faults.clock.skew = timedelta(minutes=11)
    assert entra.redeem(code)["error_codes"] == [70008]


def test_plain_pkce_is_compared_as_it_is(entra: Asking) -> None:
    code = entra.code(code_challenge="p" * 43, code_challenge_method="plain")
    assert entra.redeem(code, code_verifier="v" * 43)["error_codes"] == [501481]
    assert "access_token" in entra.redeem(code, code_verifier="p" * 43)


def test_one_code_gets_one_resource(entra: Asking) -> None:
    with entra.changing() as directory:
        graph = next(one for one in directory.grants if "IMAP.AccessAsUser.All" in one.scope)
        graph.scope += " User.Read"
    code = entra.code(scope=f"{IMAP} User.Read offline_access")
    assert entra.redeem(code, scope=f"{IMAP} User.Read")["error_codes"] == [28000]


def test_bare_names_are_graphs(entra: Asking) -> None:
    assert entra.claims(entra.password(scope="IMAP.AccessAsUser.All"))["aud"] == GRAPH
    both = {host: entra.claims(entra.password(scope=f"{host}/SMTP.Send"))["aud"] for host in _HOSTS}
    assert both == {host: host for host in _HOSTS}


_HOSTS = ("https://outlook.office.com", "https://outlook.office365.com")


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ("https://outlook.office.com/Imap.Everything", 650053),
        ("https://outlook.office.cn/IMAP.AccessAsUser.All", 500011),
        (f"{IMAP},SMTP.Send", 70011),
        ("https://outlook.office.com/.default https://outlook.office.com/SMTP.Send", 70011),
        (f"{IMAP} https://graph.microsoft.com/User.Read", 28000),
        ("Mail.Read", 65001),
        ("https://api.loganalytics.azure.com/.default", 650057),
    ],
)
def test_a_scope_is_refused_for_what_is_wrong_with_it(scope: str, code: int, entra: Asking) -> None:
    assert entra.password(scope=scope)["error_codes"] == [code]


def test_default_is_what_was_consented_to(entra: Asking) -> None:
    given = entra.password(scope="https://outlook.office.com/.default")
    assert entra.claims(given)["scp"].split() == ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"]
    with entra.changing() as directory:
        directory.grants.clear()
    assert entra.password(scope="https://outlook.office.com/.default")["error_codes"] == [65001]


def test_a_password_needs_a_public_client_and_no_second_factor(entra: Asking) -> None:
    assert entra.password("wrong")["error_codes"] == [50126]
    with entra.changing() as directory:
        directory.policies.conditional_access = [
            ConditionalAccessPolicy(
                display_name="MFA",
                conditions={
                    "users": {"includeUsers": ["All"]},
                    "applications": {"includeApplications": [EXCHANGE]},
                    "clientAppTypes": ["all"],
                },
                grant_controls={"operator": "OR", "builtInControls": ["mfa"]},
            )
        ]
    refused = entra.password()
    assert (refused["error_codes"], refused["error"], refused["suberror"]) == ([50076], "invalid_grant", "basic_action")
    with entra.changing() as directory:
        client = directory.application(entra.made.client.app_id)
        assert client is not None
        client.is_fallback_public_client = False
    assert entra.password()["error_codes"] == [7000218]


def test_a_public_client_brings_no_secret(entra: Asking) -> None:
    assert entra.password(client_secret="invented")["error_codes"] == [700025]


def test_a_refresh_token_lasts_ninety_days_of_idleness_and_ends_with_the_sessions(entra: Asking) -> None:
    first = entra.password()["refresh_token"]
    entra.practice.faults.clock.skew = timedelta(days=89)
    second = entra.refresh(first)["refresh_token"]
    entra.practice.faults.clock.skew = timedelta(days=91)
    assert entra.refresh(first)["error_codes"] == [700082]
    assert entra.claims(entra.refresh(second, scope="https://outlook.office.com/SMTP.Send"))["upn"] == ADA
    with entra.changing() as directory:
        ada = directory.user(ADA)
        assert ada is not None
        ada.sessions_valid_from = entra.practice.backend.now()
    assert entra.refresh(second)["error_codes"] == [50173]
    with entra.changing():
        ada.sessions_valid_from, ada.account_enabled = None, False
    assert entra.refresh(second)["error_codes"] == [50057]


def test_a_refresh_token_is_for_its_client_and_tenant_alone(entra: Asking) -> None:
    token = entra.password()["refresh_token"]
    form = {"grant_type": "refresh_token", "client_id": entra.made.daemon.app_id, "client_secret": SECRET}
    assert entra.token(refresh_token=token, **form)["error"] == "invalid_grant"
    assert entra.refresh("gAAAAA" + token[6:-1] + "x")["error_codes"] == [70000]


def test_a_refresh_token_outlives_the_process(tmp_path: Path) -> None:
    made = woodgrove()
    with running(made, home=tmp_path) as practice:
        token = Asking(made, practice).password()["refresh_token"]
    with cloud.start(home=tmp_path) as practice:
        assert Asking(made, practice).refresh(token)["token_type"] == "Bearer"


def test_a_change_that_lags_is_not_in_tokens_yet(entra: Asking) -> None:
    lag = timedelta(minutes=2)
    now = entra.practice.backend.now()
    with entra.practice.states.changing(TENANT) as tenant, tenant.change_directory(now, lag) as directory:
        directory.app_role_assignments.clear()
    assert len(entra.claims(entra.daemon())["roles"]) == 3
    entra.practice.faults.clock.skew = timedelta(minutes=3)
    assert "roles" not in entra.claims(entra.daemon())


def test_a_wrong_clock_is_in_the_tokens(entra: Asking) -> None:
    now = datetime.now(UTC).timestamp()
    entra.practice.faults.clock.skew = timedelta(hours=-5)
    assert entra.claims(entra.daemon())["iat"] == pytest.approx(now - 5 * 3_600, abs=60)


# --- devices ---


def _device(entra: Asking, realm: str = TENANT, **form: str) -> dict[str, Any]:
    sent = {"client_id": entra.made.client.app_id, "scope": IMAP, **form}
    return entra.token(realm, path="oauth2/v2.0/devicecode", **sent)


def _poll(entra: Asking, code: str) -> dict[str, Any]:
    return entra.token(grant_type=DEVICE, client_id=entra.made.client.app_id, device_code=code)


def test_a_device_waits_hurries_and_is_told_the_end(entra: Asking) -> None:
    device = _device(entra)
    assert (device["expires_in"], device["interval"]) == (900, 5)
    first, hurried = _poll(entra, device["device_code"]), _poll(entra, device["device_code"])
    assert (first["error"], first["error_codes"], hurried["error"]) == ("authorization_pending", [70016], "slow_down")
    assert _poll(entra, "nonsense")["error_codes"] == [70018]
    entra.practice.faults.clock.skew = timedelta(minutes=16)
    assert (_poll(entra, device["device_code"])["error"]) == "expired_token"


def test_a_person_may_decline_a_device(entra: Asking) -> None:
    device = _device(entra)
    browser = Browser(entra.practice)
    page = browser.press(browser.open("/common/oauth2/deviceauth"), otc=device["user_code"].lower())
    assert "You have declined" in browser.press(page, "cancel").text
    refused = _poll(entra, device["device_code"])
    assert (refused["error"], refused["error_codes"]) == ("authorization_declined", [65004])


def test_a_wrong_code_is_told_on_the_page(entra: Asking) -> None:
    browser = Browser(entra.practice)
    assert "That code didn't work" in browser.press(browser.open("/common/oauth2/deviceauth"), otc="WRONG").text


def test_device_codes_need_a_public_client_and_an_address_that_gives_them(entra: Asking) -> None:
    code = _device(entra, client_id=entra.made.daemon.app_id)["device_code"]
    polled = entra.token(grant_type=DEVICE, client_id=entra.made.daemon.app_id, device_code=code)
    assert polled["error_codes"] == [7000218]
    assert _poll(entra, code)["error"] == "invalid_request"
    assert _device(entra, "common")["error_codes"] == [9001023]
    assert _device(entra, scope="")["error_codes"] == [900144]


def test_the_older_device_endpoint_writes_numbers_as_text(entra: Asking) -> None:
    sent = {"client_id": entra.made.client.app_id, "resource": "https://outlook.office.com"}
    device = entra.token(path="oauth2/devicecode", **sent)
    assert (device["expires_in"], device["interval"]) == ("900", "5")
    browser = Browser(entra.practice)
    page = browser.press(browser.open(device["verification_url"]), otc=device["user_code"])
    browser.press(browser.sign_in(page, ADA, SIGN_IN_WORD), "confirm")
    form = {"grant_type": DEVICE, "device_code": device["device_code"], **sent}
    assert entra.claims(entra.token(path="oauth2/token", **form))["aud"] == "https://outlook.office.com"
    assert entra.token(path="oauth2/token", **form)["error_codes"] == [70018]


# --- machines ---


def test_a_machine_without_an_identity_gets_nothing(entra: Asking) -> None:
    address = f"{entra.practice.base_url}/msi/token"
    query = {"api-version": "2019-08-01", "resource": "https://outlook.office365.com"}
    answer = session(entra.practice).get(
        address, params=query, headers={"X-IDENTITY-HEADER": entra.made.daemon_principal.id}, timeout=20
    )
    assert (answer.status_code, answer.json()["statusCode"]) == (401, 401)


# --- rows ---


def test_every_sign_in_leaves_a_row(entra: Asking) -> None:
    entra.daemon()
    entra.daemon(client_secret="wrong")
    entra.password("wrong")
    assert "access_token" in entra.refresh(entra.password()["refresh_token"])
    found = [(row["status"]["errorCode"], row["signInEventTypes"][0]) for row in _rows(entra)]
    assert found == [
        (0, "servicePrincipal"),
        (7000215, "servicePrincipal"),
        (50126, "interactiveUser"),
        (0, "interactiveUser"),
        (0, "nonInteractiveUser"),
    ]


def test_a_row_names_an_app_that_the_tenant_has_no_enterprise_application_of(entra: Asking) -> None:
    shell = "fb78d390-0c51-40cd-8e17-fdbfab77341b"
    assert "access_token" in entra.password(client_id=shell, scope=OUTLOOK)
    assert entra.directory.principal(shell) is None
    (row,) = _rows(entra)
    assert (row["appId"], row["appDisplayName"]) == (shell, "Exchange Online PowerShell")


def _rows(entra: Asking) -> list[dict[str, Any]]:
    # A row can be read a moment after it was written.
    now = entra.practice.backend.now() + timedelta(minutes=1)
    tables = get_args(Table)
    return list(entra.practice.backend.ledger.sign_ins(TENANT, now=now, tables=tables))[::-1]


def test_a_refused_redirect_gets_no_code(entra: Asking) -> None:
    page = entra.authorize(Browser(entra.practice), redirect_uri="https://evil.example")
    assert (page.status, "AADSTS50011" in page.text) == (400, True)
    assert entra.redeem(entra.code(), redirect_uri=f"{BACK}/other")["error"] == "invalid_client"
