"""Apps with APIs of their own, apps of Microsoft's, machines, accounts that are gone: what Entra makes of them."""

from datetime import timedelta
from typing import Any

import pytest

from practice.estates import Estate
from practice.state import (
    Api,
    ConditionalAccessPolicy,
    Directory,
    FederatedCredential,
    Scope,
    ServicePrincipal,
    User,
)
from practice.tokens import TokenError
from practice.wellknown import EXCHANGE, SIGN_IN_WORD
from tests.practice.asking import ADA, BACK, IMAP, OUTLOOK, VERIFIER, Asking
from tests.practice.browsing import Browser, session
from tests.practice.woodgrove import SECRET, TENANT, Woodgrove, running

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
POWERSHELL = "fb78d390-0c51-40cd-8e17-fdbfab77341b"


def _person(directory: Directory, name: str = ADA) -> User:
    found = directory.user(name)
    assert found is not None
    return found


# --- other apps ---


def test_an_api_of_ones_own_says_which_form_of_token_it_wants(made: Woodgrove) -> None:
    api = made.estate.app("Ledger", api=Api(requested_access_token_version=2), identifier_uris=["api://ledger"])
    made.estate.enterprise_app(
        api,
        service_principal_names=[api.app_id, "api://ledger"],
        oauth2_permission_scopes=[Scope(id=made.estate.id_of("scope"), value="read")],
        app_role_assignment_required=True,
    )
    made.estate.consent(made.client_principal, api.app_id, "read")
    with running(made) as practice:
        entra = Asking(made, practice)
        claims = entra.claims(entra.password(scope="api://ledger/read"))
        assert (claims["aud"], claims["ver"], claims["scp"]) == (api.app_id, "2.0", "read")
        assert claims["iss"] == f"{practice.base_url}/{TENANT}/v2.0"
        assert entra.daemon("api://ledger/.default")["error_codes"] == [501051]


def test_exchanges_powershell_needs_nobodys_consent(entra: Asking, browser: Browser) -> None:
    page = entra.authorize(browser, client_id=POWERSHELL, realm="organizations", scope=f"{OUTLOOK} offline_access")
    code = browser.sign_in(page, ADA, SIGN_IN_WORD).sent["code"]
    given = entra.token(
        "organizations",
        grant_type="authorization_code",
        client_id=POWERSHELL,
        code=code,
        redirect_uri=BACK,
        code_verifier=VERIFIER,
    )
    assert "AdminApi.AccessAsUser.All" in entra.claims(given)["scp"]


def test_an_app_of_another_tenants_own_is_not_found(made: Woodgrove) -> None:
    other = Estate("fabrikam", "Fabrikam", "fabrikam.example", "5d1f0000-0000-4000-8000-000000000001", made.estate.now)
    app = other.app("Theirs")
    with running(made) as practice:
        practice.states.put(other.tenant)
        entra = Asking(made, practice)
        assert entra.daemon(client_id=app.app_id)["error_codes"] == [700016]
        assert entra.authorize(Browser(practice), client_id=app.app_id).status == 400


def test_an_app_that_lists_nothing_is_told_to(entra: Asking) -> None:
    with entra.changing() as directory:
        client = directory.application(entra.made.client.app_id)
        assert client is not None
        client.required_resource_access = []
        directory.grants.clear()
    assert entra.password(scope="https://outlook.office.com/.default")["error_codes"] == [650056]


def test_a_policy_for_robots_leaves_the_others_alone(entra: Asking) -> None:
    with entra.changing() as directory:
        directory.policies.conditional_access = [
            ConditionalAccessPolicy(
                display_name="One robot",
                conditions={
                    "clientApplications": {"includeServicePrincipals": ["somebody else"]},
                    "applications": {"includeApplications": ["All"]},
                },
                grant_controls={"builtInControls": ["block"]},
            )
        ]
    assert "access_token" in entra.daemon()


# --- machines ---


@pytest.fixture
def machine(made: Woodgrove) -> ServicePrincipal:
    found = ServicePrincipal(
        id=made.estate.id_of("machine"),
        app_id=made.estate.id_of("machine app"),
        display_name="Machine",
        service_principal_type="ManagedIdentity",
    )
    made.estate.tenant.directory.service_principals.append(found)
    return found


def _machine_asks(entra: Asking, header: str, **query: str) -> tuple[int, dict[str, Any]]:
    sent = {
        name: value for name, value in {"api-version": "2019-08-01", "resource": "https://x", **query}.items() if value
    }
    answer = session(entra.practice).get(
        f"{entra.practice.base_url}/msi/token", params=sent, headers={"X-IDENTITY-HEADER": header}, timeout=20
    )
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ({"api-version": ""}, 400, "api-version"),
        ({"resource": ""}, 400, "resource"),
        ({"client_id": "nobody"}, 400, "No User Assigned"),
        ({"resource": "https://nowhere.example"}, 500, "AADSTS500011"),
    ],
)
def test_a_machine_is_told_what_its_request_lacks(
    query: dict[str, str], status: int, says: str, machine: ServicePrincipal, entra: Asking
) -> None:
    answer, content = _machine_asks(entra, machine.id, **query)
    assert (answer, content["statusCode"], says in content["message"]) == (status, status, True)


def test_a_machine_may_choose_another_identity_of_its_tenant(machine: ServicePrincipal, entra: Asking) -> None:
    other = ServicePrincipal(app_id="0f0f0f0f-0000-4000-8000-000000000001", display_name="Other")
    other.service_principal_type = "ManagedIdentity"
    with entra.changing() as directory:
        directory.service_principals.append(other)
    status, content = _machine_asks(entra, machine.id, resource="https://outlook.office.com", client_id=other.app_id)
    assert (status, content["client_id"]) == (200, other.app_id)
    assert entra.claims(content)["oid"] == other.id


# --- issuers ---


def _federated(entra: Asking, token: str) -> dict[str, Any]:
    return entra.token(
        grant_type="client_credentials",
        client_id=entra.made.daemon.app_id,
        client_assertion_type=ASSERTION,
        client_assertion=token,
        scope=OUTLOOK,
    )


def test_a_federated_token_must_be_signed_by_who_it_says_and_in_time(entra: Asking) -> None:
    issuer = f"{entra.practice.base_url}/practice-issuer"
    http = session(entra.practice)
    metadata = http.get(f"{issuer}/.well-known/openid-configuration", timeout=20).json()
    assert metadata["issuer"] == issuer
    assert http.get(metadata["jwks_uri"], timeout=20).json() == entra.practice.backend.issuer_keys.jwks()
    elsewhere = "https://token.actions.githubusercontent.com"
    with entra.changing() as directory:
        app = directory.application(entra.made.daemon.app_id)
        assert app is not None
        app.federated_credentials = [
            FederatedCredential(name="runner", issuer=issuer, subject="runner"),
            FederatedCredential(name="github", issuer=elsewhere, subject="runner"),
        ]
    token = http.post(f"{issuer}/token", json={"subject": "runner"}, timeout=20).json()["token"]
    head, _, signature = token.rpartition(".")
    assert _federated(entra, f"{head}.{signature[:-6]}AAAAAA")["error_codes"] == [50012]
    claims = {"iss": elsewhere, "sub": "runner", "aud": "api://AzureADTokenExchange", "exp": 9_999_999_999}
    assert _federated(entra, entra.practice.backend.issuer_keys.sign(claims))["error_codes"] == [50012]
    entra.practice.faults.clock.skew = timedelta(hours=2)
    assert _federated(entra, token)["error_codes"] == [700024]
    assert http.post(f"{issuer}/token", json={"subject": 1}, timeout=20).json()["error_codes"] == [9002313]


def test_what_signs_for_anybody_signs_no_token_of_entra(entra: Asking) -> None:
    practice = entra.practice
    asked = {"subject": entra.made.ada.id, "audience": "https://outlook.office365.com"}
    http = session(practice)
    token = http.post(f"{practice.base_url}/practice-issuer/token", json=asked, timeout=20).json()["token"]
    with pytest.raises(TokenError, match="signature"):
        practice.backend.keys.read(token, practice.backend.now())


def test_a_token_of_entra_is_no_token_of_the_other_issuer(entra: Asking) -> None:
    issuer = f"{entra.practice.base_url}/practice-issuer"
    with entra.changing() as directory:
        app = directory.application(entra.made.daemon.app_id)
        assert app is not None
        app.federated_credentials = [FederatedCredential(name="runner", issuer=issuer, subject="runner")]
    claims = {"iss": issuer, "sub": "runner", "aud": "api://AzureADTokenExchange", "exp": 9_999_999_999}
    assert _federated(entra, entra.practice.backend.keys.sign(claims))["error_codes"] == [50012]
    assert "access_token" in _federated(entra, entra.practice.backend.issuer_keys.sign(claims))


@pytest.mark.parametrize(
    ("audience", "path", "body"),
    [
        pytest.param("https://graph.microsoft.com", "graph/v1.0/$batch", {"requests": []}, id="Graph"),
        pytest.param(
            "https://outlook.office365.com",
            f"exchange/adminapi/beta/{TENANT}/InvokeCommand",
            {"CmdletInput": {"CmdletName": "Get-AcceptedDomain", "Parameters": {}}},
            id="Exchange",
        ),
        pytest.param(
            "https://api.loganalytics.io",
            "logs/v1/workspaces/WORKSPACE/query",
            {"query": "print 1"},
            id="Log Analytics",
        ),
    ],
)
def test_a_token_that_another_tenants_issuer_names_opens_nothing(
    entra: Asking, audience: str, path: str, body: dict[str, Any]
) -> None:
    practice, logs = entra.practice, entra.made.estate.tenant.logs
    logs.readers = [entra.made.admin.id]
    address = f"{practice.base_url}/{path.replace('WORKSPACE', logs.workspace_id)}"
    ends = practice.backend.now().timestamp() + 600
    claims = {"aud": audience, "tid": TENANT, "oid": entra.made.admin.id, "scp": "Exchange.Manage", "exp": ends}
    answers = []
    for issuer in (TENANT, "5d1f0000-0000-4000-8000-000000000001"):
        token = practice.backend.keys.sign({**claims, "iss": f"https://sts.windows.net/{issuer}/"})
        head = {"Authorization": f"Bearer {token}"}
        answers.append(session(practice).post(address, json=body, headers=head, timeout=20).status_code)
    assert answers[0] not in (401, 403)
    assert answers[1] in (401, 403)


# --- accounts that are gone, pages that are old ---


def test_an_account_that_is_gone_refreshes_nothing_and_has_no_session(entra: Asking, browser: Browser) -> None:
    token = entra.password()["refresh_token"]
    browser.sign_in(entra.authorize(browser), ADA, SIGN_IN_WORD)
    with entra.changing() as directory:
        directory.users.remove(_person(directory))
    assert entra.refresh(token)["error_codes"] == [50034]
    assert "Sign in" in entra.authorize(browser).text


def test_a_page_ends_after_half_an_hour(entra: Asking, browser: Browser) -> None:
    page = entra.authorize(browser)
    entra.practice.faults.clock.skew = timedelta(minutes=31)
    assert "AADSTS70008" in browser.sign_in(page, ADA, SIGN_IN_WORD).text


def test_a_device_that_gave_up_meanwhile_is_told_to_the_person(entra: Asking, browser: Browser) -> None:
    device = entra.token(path="oauth2/v2.0/devicecode", client_id=entra.made.client.app_id, scope=IMAP)
    page = browser.press(browser.open("/common/oauth2/deviceauth"), otc=device["user_code"])
    page = browser.sign_in(page, ADA, SIGN_IN_WORD)
    entra.practice.faults.clock.skew = timedelta(minutes=16)
    assert "AADSTS70019" in browser.press(page, "confirm").text


def _signed_in_device(entra: Asking, browser: Browser) -> str:
    """Return the polling code of a device that Ada has signed in to."""
    device = entra.token(path="oauth2/v2.0/devicecode", client_id=entra.made.client.app_id, scope=IMAP)
    page = browser.press(browser.open("/common/oauth2/deviceauth"), otc=device["user_code"])
    assert "You have signed in" in browser.press(browser.sign_in(page, ADA, SIGN_IN_WORD), "confirm").text
    return str(device["device_code"])


def _poll(entra: Asking, code: str) -> dict[str, Any]:
    return entra.token(grant_type=DEVICE, client_id=entra.made.client.app_id, device_code=code)


def test_a_device_is_judged_by_the_account_as_it_is_when_the_device_asks(entra: Asking, browser: Browser) -> None:
    code = _signed_in_device(entra, browser)
    with pytest.raises(LookupError), entra.practice.states.changing(TENANT):
        raise LookupError("a change that is taken back replaces the tenant")
    with entra.changing() as directory:
        _person(directory).account_enabled = False
    assert _poll(entra, code)["error_codes"] == [50057]
    with entra.changing() as directory:
        _person(directory).account_enabled = True
    assert entra.claims(_poll(entra, code))["upn"] == ADA


def test_a_device_is_forgotten_with_the_tenant_that_its_person_was_in(entra: Asking, browser: Browser) -> None:
    code = _signed_in_device(entra, browser)
    for forget in entra.practice.backend.forget:
        forget(TENANT)
    assert _poll(entra, code)["error_codes"] == [70018]


def test_a_device_whose_person_was_deleted_meanwhile_gets_nothing(entra: Asking, browser: Browser) -> None:
    code = _signed_in_device(entra, browser)
    with entra.changing() as directory:
        directory.users.remove(_person(directory))
    assert _poll(entra, code)["error_codes"] == [50034]


def test_a_step_that_no_page_offers_leads_nowhere(entra: Asking, browser: Browser) -> None:
    page = entra.authorize(browser)
    for forged in ("accept", "approve", "confirm"):
        assert browser.press(page, forged).buttons == ["password", "cancel"]
    page = browser.sign_in(entra.authorize(browser, scope="Directory.Read.All"), ADA, SIGN_IN_WORD)
    assert "Need admin approval" in page.text
    assert browser.press(page, "accept").sent["error"] == "access_denied"
    assert "AADSTS9002313" in browser.press(page, "dance").text
    assert "AADSTS9002313" in browser.press(page, "confirm").text


def test_a_second_factor_that_is_not_registered_cannot_be_approved(entra: Asking, browser: Browser) -> None:
    with entra.changing() as directory:
        directory.policies.conditional_access = [
            ConditionalAccessPolicy(
                display_name="Strong",
                conditions={"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": [EXCHANGE]}},
                grant_controls={"operator": "AND", "builtInControls": [], "authenticationStrength": {"id": "mfa"}},
            )
        ]
        _person(directory).mfa = False
    page = browser.sign_in(entra.authorize(browser), ADA, SIGN_IN_WORD)
    assert "AADSTS50079" in browser.press(page, "approve").text
    sent = entra.authorize(browser, prompt="none").sent
    assert (sent["error"], sent["error_description"][:11]) == ("interaction_required", "AADSTS50079")


def test_personal_accounts_are_nobody_here(entra: Asking, browser: Browser) -> None:
    thunderbird = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
    page = entra.authorize(browser, realm="consumers", client_id=thunderbird, redirect_uri="https://localhost")
    assert "We couldn't find" in browser.sign_in(page, "somebody@outlook.example", "word").text
    assert "AADSTS50020" in browser.sign_in(page, ADA, SIGN_IN_WORD).text


def test_a_client_that_says_who_it_is_in_the_header_is_heard(entra: Asking) -> None:
    http = session(entra.practice)
    http.auth = (entra.made.daemon.app_id, SECRET)
    answer = http.post(
        f"{entra.practice.base_url}/{TENANT}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "scope": OUTLOOK},
        timeout=20,
    )
    assert entra.claims(answer.json())["appid"] == entra.made.daemon.app_id
