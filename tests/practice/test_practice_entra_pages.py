"""The sign-in and consent pages: who gets in, who may consent, and what the client hears of it."""

from datetime import timedelta
from typing import Any

import pytest

from practice.estates import Estate
from practice.state import ConditionalAccessPolicy, Redirects, User
from practice.wellknown import EXCHANGE, GRAPH, SIGN_IN_WORD
from tests.practice.asking import ADA, ADMIN, BACK, IMAP, VERIFIER, Asking
from tests.practice.browsing import Browser, Page
from tests.practice.woodgrove import DOMAIN, SCOPES, TENANT, Woodgrove, running

THUNDERBIRD = "9e5f94bc-e8a4-4e73-b8be-63364c29d753"
OLD_THUNDERBIRD = "08162f7c-0fd2-4200-a84a-f25a4db0b584"
SPARK = "b50c1dbd-1855-4e54-b07c-d3c3029e93d3"
RECOMMENDED = "ManagePermissionGrantsForSelf.microsoft-user-default-recommended"
MAIL_CLIENTS = "ManagePermissionGrantsForSelf.microsoft-user-default-allow-consent-apps"
LEGACY = "ManagePermissionGrantsForSelf.microsoft-user-default-legacy"


def _in(browser: Browser, page: Page, name: str = ADA) -> Page:
    return browser.sign_in(page, name, SIGN_IN_WORD)


def _grants(entra: Asking, app_id: str) -> list[tuple[str, str]]:
    principal = entra.directory.principal(app_id)
    return [
        (one.consent_type, one.scope) for one in entra.directory.grants if principal and one.client_id == principal.id
    ]


def _asking_mfa(*, controls: list[str] | None = None) -> ConditionalAccessPolicy:
    return ConditionalAccessPolicy(
        display_name="Everybody",
        conditions={
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
            "clientAppTypes": ["all"],
        },
        grant_controls={"operator": "OR", "builtInControls": controls or ["mfa"]},
    )


# --- the pages themselves ---


def test_a_page_asks_nobody_else_and_can_be_used_without_a_mouse(entra: Asking, browser: Browser) -> None:
    page = entra.authorize(browser, login_hint=ADA)
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert f"form-action 'self' {BACK}" in policy
    assert "http" not in page.html.replace("<!doctype html>", "")
    assert '<label for="username">' in page.html
    assert 'name="viewport"' in page.html
    assert page.fields["username"] == ADA


def test_what_a_client_sends_is_escaped(entra: Asking, browser: Browser) -> None:
    page = entra.authorize(browser, login_hint='"><script>alert(1)</script>')
    assert "<script>alert" not in page.html
    assert entra.authorize(browser, redirect_uri="javascript:alert('<b>')").html.count("<b>") == 0


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
def test_the_answer_travels_as_the_client_asks(mode: str, entra: Asking, browser: Browser) -> None:
    page = _in(browser, entra.authorize(browser, response_mode=mode))
    sent = page.fields if mode == "form_post" else page.sent
    assert sent["state"] == "of the client"
    assert "access_token" in entra.redeem(sent["code"])
    assert page.address.startswith(f"{BACK}#" if mode == "fragment" else BACK if mode == "query" else "https://")


# --- what the client asked ---


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"client_id": "00000000-dead-4bad-8bad-000000000000"}, "700016"),
        ({"client_id": ""}, "900144"),
        ({"client_id": OLD_THUNDERBIRD, "redirect_uri": "https://localhost"}, "7000112"),
        ({"redirect_uri": "http://localhost:5000/elsewhere"}, "50011"),
        ({"redirect_uri": "https://localhost:5000"}, "50011"),
        ({"redirect_uri": ""}, "900144"),
        ({"realm": "common"}, "50194"),
        ({"realm": "nowhere.example"}, "90002"),
    ],
)
def test_a_refusal_that_cannot_be_sent_back_is_a_page(
    query: dict[str, str], code: str, entra: Asking, browser: Browser
) -> None:
    page = entra.authorize(browser, **query)
    assert (page.status, f"AADSTS{code}:" in page.text) == (400, True)


@pytest.mark.parametrize(
    ("query", "code", "error"),
    [
        ({"response_type": "token"}, "700051", "unsupported_response_type"),
        ({"response_type": "id_token"}, "700054", "unsupported_response_type"),
        ({"response_type": "magic"}, "70005", "unsupported_response_type"),
        ({"response_mode": "pigeon"}, "70007", "invalid_request"),
        ({"code_challenge": "short"}, "50147", "invalid_request"),
        ({"code_challenge_method": "md5"}, "50147", "invalid_request"),
        ({"scope": ""}, "900144", "invalid_request"),
        ({"resource": "https://outlook.office.com"}, "901002", "invalid_request"),
        ({"prompt": "none"}, "50058", "login_required"),
    ],
)
def test_a_refusal_goes_back_to_a_client_that_can_be_trusted_with_it(
    query: dict[str, str], code: str, error: str, entra: Asking, browser: Browser
) -> None:
    sent = entra.authorize(browser, **query).sent
    assert (sent["error"], sent["state"]) == (error, "of the client")
    assert sent["error_description"].startswith(f"AADSTS{code}: ")


def test_a_scope_that_is_not_there_goes_back_after_the_sign_in(entra: Asking, browser: Browser) -> None:
    sent = _in(browser, entra.authorize(browser, scope="https://outlook.office.com/Nothing")).sent
    assert "AADSTS650053" in sent["error_description"]


# --- who ---


def test_a_wrong_password_is_told_on_the_page(entra: Asking, browser: Browser) -> None:
    page = browser.sign_in(entra.authorize(browser), ADA, "wrong")
    assert "Your account or password is incorrect." in page.text
    page = browser.sign_in(page, "nobody@woodgrove.example", "wrong")
    assert "We couldn't find an account" in page.text
    assert "code" in _in(browser, page).sent


def test_cancel_tells_the_client_that_the_person_declined(entra: Asking, browser: Browser) -> None:
    sent = browser.press(entra.authorize(browser), "cancel").sent
    assert (sent["error"], sent["error_description"][:11]) == ("access_denied", "AADSTS65004")


def test_a_session_answers_the_next_client_and_prompts_override_it(entra: Asking, browser: Browser) -> None:
    _in(browser, entra.authorize(browser))
    assert "code" in entra.authorize(browser).sent
    assert "code" in entra.authorize(browser, prompt="none").sent
    assert "Sign in" in entra.authorize(browser, prompt="login").text
    accounts = entra.authorize(browser, prompt="select_account")
    assert "Pick an account" in accounts.text
    assert "code" in browser.press(accounts, entra.made.ada.id).sent
    assert browser.press(accounts, "").fields["username"] == ""
    assert "Permissions requested" in entra.authorize(browser, prompt="consent").text
    _in(browser, entra.authorize(browser, login_hint=ADMIN), ADMIN)
    assert "Pick an account" in entra.authorize(browser).text


def test_a_revoked_session_asks_again(entra: Asking, browser: Browser) -> None:
    _in(browser, entra.authorize(browser))
    with entra.changing() as directory:
        ada = directory.user(ADA)
        assert ada is not None
        ada.sessions_valid_from = entra.practice.backend.now()
    assert "Sign in" in entra.authorize(browser).text


def test_a_second_factor_is_asked_for_where_a_policy_wants_one(entra: Asking, browser: Browser) -> None:
    with entra.changing() as directory:
        directory.policies.conditional_access = [_asking_mfa()]
    page = _in(browser, entra.authorize(browser))
    assert page.buttons == ["approve", "cancel"]
    given = entra.redeem(browser.press(page, "approve").sent["code"])
    assert entra.claims(given)["amr"] == ["pwd", "mfa"]


def test_a_second_factor_can_be_registered_on_the_way(entra: Asking, browser: Browser) -> None:
    with entra.changing() as directory:
        directory.policies.conditional_access = [_asking_mfa()]
        ada = directory.user(ADA)
        assert ada is not None
        ada.mfa = False
    page = _in(browser, entra.authorize(browser))
    assert "More information required" in page.text
    assert "code" in browser.press(page, "enroll").sent
    assert ada.mfa


def test_a_block_is_told_to_the_person(entra: Asking, browser: Browser) -> None:
    with entra.changing() as directory:
        directory.policies.conditional_access = [_asking_mfa(controls=["block"])]
    assert "AADSTS53003" in _in(browser, entra.authorize(browser)).text


def _often(**control: Any) -> ConditionalAccessPolicy:
    policy = _asking_mfa()
    policy.grant_controls = None
    policy.session_controls = {"signInFrequency": {"isEnabled": True, **control}}
    return policy


@pytest.mark.parametrize(
    ("control", "minutes"),
    [
        pytest.param({"value": 1, "type": "hours"}, 60, id="an hour"),
        pytest.param({"value": 2, "type": "days"}, 2 * 24 * 60, id="two days"),
        pytest.param({"frequencyInterval": "everyTime"}, 5, id="every time"),
    ],
)
def test_a_sign_in_that_a_policy_finds_too_long_ago_is_done_again(
    control: dict[str, Any], minutes: int, entra: Asking, browser: Browser
) -> None:
    with entra.changing() as directory:
        directory.policies.conditional_access = [_often(value=90, type="days"), _often(**control)]
    assert "code" in _in(browser, entra.authorize(browser)).sent
    token = entra.password()["refresh_token"]
    clock = entra.practice.faults.clock
    clock.skew = timedelta(minutes=minutes - 1)
    assert ("code" in entra.authorize(browser).sent, "access_token" in entra.refresh(token)) == (True, True)
    clock.skew = timedelta(minutes=minutes + 1)
    refused = entra.refresh(token)
    assert (refused["error"], refused["error_codes"]) == ("invalid_grant", [70043])
    assert entra.authorize(browser, prompt="none").sent["error"] == "interaction_required"
    page = entra.authorize(browser)
    assert page.fields["username"] == ADA
    assert "code" in _in(browser, page).sent


def test_a_policy_that_only_reports_ends_no_sign_in(entra: Asking) -> None:
    with entra.changing() as directory:
        directory.policies.conditional_access = [_often(value=1, type="hours")]
        directory.policies.conditional_access[0].state = "enabledForReportingButNotEnforced"
    token = entra.password()["refresh_token"]
    entra.practice.faults.clock.skew = timedelta(hours=2)
    assert "access_token" in entra.refresh(token)


def test_device_codes_can_be_blocked_by_themselves(entra: Asking, browser: Browser) -> None:
    policy = _asking_mfa(controls=["block"])
    policy.conditions["authenticationFlows"] = {"transferMethods": "deviceCodeFlow"}
    with entra.changing() as directory:
        directory.policies.conditional_access = [policy]
    device = entra.token(path="oauth2/v2.0/devicecode", client_id=entra.made.client.app_id, scope=IMAP)
    page = browser.press(browser.open("/common/oauth2/deviceauth"), otc=device["user_code"])
    assert "AADSTS53003" in _in(browser, page).text
    assert "code" in entra.authorize(browser).sent


def test_an_app_that_wants_its_users_assigned_refuses_the_others(entra: Asking, browser: Browser) -> None:
    with entra.changing() as directory:
        principal = directory.principal(entra.made.client.app_id)
        assert principal is not None
        principal.app_role_assignment_required = True
    assert "AADSTS50105" in _in(browser, entra.authorize(browser)).text
    with entra.changing():
        principal.assigned_to = [entra.made.ada.id]
    assert "code" in entra.authorize(browser).sent


def test_guests_are_let_in_where_they_are_known(made: Woodgrove) -> None:
    other = Estate("fabrikam", "Fabrikam", "fabrikam.example", "5d1f0000-0000-4000-8000-000000000001", made.estate.now)
    bob = other.user("bob", "Bob")
    with running(made) as practice:
        practice.states.put(other.tenant)
        entra, browser = Asking(made, practice), Browser(practice)
        assert "AADSTS50020" in _in(browser, entra.authorize(browser), bob.user_principal_name).text
        with entra.changing() as directory:
            directory.users.append(
                User(
                    user_principal_name="bob_fabrikam.example#EXT#@woodgrove.onmicrosoft.example",
                    display_name="Bob",
                    mail=bob.user_principal_name,
                    user_type="Guest",
                )
            )
        given = entra.redeem(entra.authorize(browser, scope=f"{IMAP} openid").sent["code"])
        assert entra.claims(given)["acct"] == 1


# --- consent ---


def _strange(entra: Asking, browser: Browser, app_id: str = SPARK, *, name: str = ADA, **query: str) -> Page:
    back = {THUNDERBIRD: "https://localhost"}.get(
        app_id, "https://login.microsoftonline.com/common/oauth2/nativeclient"
    )
    return _in(browser, entra.authorize(browser, client_id=app_id, redirect_uri=back, **query), name)


@pytest.mark.parametrize(
    ("policies", "app_id", "scope", "ends"),
    [
        ([RECOMMENDED], SPARK, IMAP, "Need admin approval"),
        ([RECOMMENDED], SPARK, "https://outlook.office.com/SMTP.Send", "Permissions requested"),
        ([RECOMMENDED, MAIL_CLIENTS], SPARK, IMAP, "Permissions requested"),
        ([LEGACY], SPARK, IMAP, "Permissions requested"),
        ([], SPARK, "https://outlook.office.com/SMTP.Send", "Need admin approval"),
        ([LEGACY], SPARK, "Directory.Read.All", "Need admin approval"),
        ([RECOMMENDED, MAIL_CLIENTS], THUNDERBIRD, IMAP, "Permissions requested"),
        ([RECOMMENDED, MAIL_CLIENTS], "8787a430-6eee-41e1-b914-681d90d35625", IMAP, "Need admin approval"),
    ],
)
def test_the_tenants_policies_say_what_users_may_consent_to(
    policies: list[str], app_id: str, scope: str, ends: str, entra: Asking, browser: Browser
) -> None:
    with entra.changing() as directory:
        directory.policies.permission_grant_policies = policies
    assert ends in _strange(entra, browser, app_id, scope=scope).text


def test_without_approval_the_client_is_told(entra: Asking, browser: Browser) -> None:
    page = _strange(entra, browser)
    sent = browser.press(page, "return").sent
    assert (sent["error"], sent["error_description"][:11]) == ("access_denied", "AADSTS90094")
    with entra.changing() as directory:
        directory.policies.admin_consent_requests = True
    page = _strange(entra, Browser(entra.practice))
    assert "AADSTS90095" in page.text


def test_a_user_consents_for_themselves(entra: Asking, browser: Browser) -> None:
    with entra.changing() as directory:
        directory.policies.permission_grant_policies = [LEGACY]
    page = _strange(entra, browser, THUNDERBIRD)
    assert "Read and write access to your mail via IMAP" in page.text
    assert "publisher verified" in page.text
    assert 'id="everybody"' not in page.html
    sent = browser.press(page, "accept").sent
    assert "code" in sent
    assert ("Principal", "IMAP.AccessAsUser.All") in _grants(entra, THUNDERBIRD)
    assert "code" in _strange(entra, Browser(entra.practice), THUNDERBIRD).sent
    assert "Need admin approval" not in _strange(entra, Browser(entra.practice), THUNDERBIRD, name=ADMIN).text


def test_a_mail_client_that_is_registered_elsewhere_works_in_common(entra: Asking, browser: Browser) -> None:
    """Thunderbird's way: one public client for all tenants, no tenant named anywhere."""
    with entra.changing() as directory:
        directory.policies.permission_grant_policies = [RECOMMENDED, MAIL_CLIENTS]
    page = _strange(entra, browser, THUNDERBIRD, realm="common")
    code = browser.press(page, "accept").sent["code"]
    sent = {"client_id": THUNDERBIRD, "redirect_uri": "https://localhost"}
    given = entra.token("common", grant_type="authorization_code", code=code, code_verifier=VERIFIER, **sent)
    assert entra.claims(given)["scp"] == "IMAP.AccessAsUser.All"
    form = {"grant_type": "refresh_token", "client_id": THUNDERBIRD, "refresh_token": given["refresh_token"]}
    again = entra.token("common", scope=IMAP, **form)
    assert (entra.claims(again)["tid"], entra.claims(again)["appid"]) == (TENANT, THUNDERBIRD)


def test_an_administrator_consents_for_everybody(entra: Asking, browser: Browser) -> None:
    page = _strange(entra, browser, name=ADMIN)
    assert 'id="everybody"' in page.html
    browser.press(page, "accept", everybody="1")
    assert ("AllPrincipals", "IMAP.AccessAsUser.All") in _grants(entra, SPARK)
    assert "code" in _strange(entra, Browser(entra.practice)).sent


def test_who_is_no_administrator_cannot_press_for_everybody(entra: Asking, browser: Browser) -> None:
    with entra.changing() as directory:
        directory.policies.permission_grant_policies = [LEGACY]
    browser.press(_strange(entra, browser), "accept", everybody="1")
    assert {kind for kind, _ in _grants(entra, SPARK)} == {"Principal"}


def test_declining_consent_leaves_nothing(entra: Asking, browser: Browser) -> None:
    sent = browser.press(_strange(entra, browser, name=ADMIN), "decline").sent
    assert sent["error"] == "access_denied"
    assert _grants(entra, SPARK) == []


def test_microsofts_own_apps_are_no_way_to_mail(entra: Asking, browser: Browser) -> None:
    office = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
    assert "AADSTS65002" in _strange(entra, browser, office, scope=IMAP).sent["error_description"]


def test_prompt_none_says_that_consent_is_missing(entra: Asking, browser: Browser) -> None:
    _in(browser, entra.authorize(browser))
    sent = entra.authorize(browser, prompt="none", scope="User.Read").sent
    assert (sent["error"], sent["error_description"][:11]) == ("consent_required", "AADSTS65001")


# --- an administrator's consent by address ---


def _admin_consent(entra: Asking, browser: Browser, *, v2: bool = False, name: str = ADMIN, **query: Any) -> Page:
    path = "v2.0/adminconsent" if v2 else "adminconsent"
    usual = {"response_type": "", "code_challenge": "", "code_challenge_method": "", "scope": ""}
    page = entra.authorize(browser, path=path, **{**usual, **query})
    return _in(browser, page, name) if "password" in page.buttons else page


def test_admin_consent_writes_what_the_app_lists_and_comes_back(entra: Asking, browser: Browser) -> None:
    kept = [
        one for one in entra.directory.app_role_assignments if one.resource_display_name != "Office 365 Exchange Online"
    ]
    with entra.changing() as directory:
        directory.app_role_assignments = kept
        daemon = directory.application(entra.made.daemon.app_id)
        assert daemon is not None
        daemon.web = Redirects(redirect_uris=["https://daemon.example/consented"])
    page = _admin_consent(
        entra, browser, client_id=daemon.app_id, redirect_uri="https://daemon.example/consented", state="s"
    )
    assert "for all users in your organization" in page.text
    sent = browser.press(page, "accept").sent
    assert sent == {"admin_consent": "True", "tenant": TENANT, "state": "s"}
    assert "roles" in entra.claims(entra.daemon())


def test_admin_consent_without_a_way_back_is_kept_all_the_same(entra: Asking, browser: Browser) -> None:
    with entra.changing() as directory:
        directory.app_role_assignments.clear()
    page = _admin_consent(entra, browser, client_id=entra.made.daemon.app_id, redirect_uri="")
    assert "AADSTS900971" in browser.press(page, "accept").text
    assert "roles" in entra.claims(entra.daemon())


def test_an_administrator_cannot_consent_to_a_resource_that_the_tenant_does_not_have(
    entra: Asking, browser: Browser
) -> None:
    with entra.changing() as directory:
        directory.service_principals = [one for one in directory.service_principals if one.app_id != EXCHANGE]
    page = _admin_consent(entra, browser, client_id=entra.made.daemon.app_id, redirect_uri="")
    assert "AADSTS650052" in page.text


def test_admin_consent_that_names_no_way_back_ends_at_the_apps_own(entra: Asking, browser: Browser) -> None:
    page = _admin_consent(entra, browser, redirect_uri="")
    assert "form-action 'self' http://localhost;" in page.headers["Content-Security-Policy"]
    assert browser.press(page, "accept").sent["admin_consent"] == "True"
    declined = browser.press(_admin_consent(entra, Browser(entra.practice), redirect_uri=""), "decline")
    assert declined.address.startswith("http://localhost")
    assert (declined.sent["error"], declined.sent["admin_consent"]) == ("consent_required", "True")


def test_admin_consent_for_everybody_takes_the_place_of_what_was(entra: Asking, browser: Browser) -> None:
    with entra.changing() as directory:
        client = directory.application(entra.made.client.app_id)
        assert client is not None
        client.required_resource_access = client.required_resource_access[:1]
        client.required_resource_access[0].resource_access = client.required_resource_access[0].resource_access[:1]
    browser.press(_admin_consent(entra, browser, redirect_uri="http://localhost"), "accept")
    assert _grants(entra, client.app_id) == [("AllPrincipals", SCOPES[0])]


def test_a_cancelled_or_forbidden_admin_consent_still_says_true(entra: Asking, browser: Browser) -> None:
    sent = browser.press(_admin_consent(entra, browser, redirect_uri="http://localhost"), "decline").sent
    assert (sent["error"], sent["admin_consent"]) == ("consent_required", "True")
    page = _admin_consent(entra, Browser(entra.practice), name=ADA, redirect_uri="http://localhost")
    assert "Need admin approval" in page.text
    sent = browser.press(page, "return").sent
    assert (sent["error"], sent["admin_consent"]) == ("access_denied", "True")


@pytest.mark.parametrize("host", ["https://ps.outlook.com", "https://outlook.office365.com"])
def test_the_newer_form_consents_to_what_its_scope_names(host: str, entra: Asking, browser: Browser) -> None:
    with entra.changing() as directory:
        directory.app_role_assignments.clear()
        daemon = directory.application(entra.made.daemon.app_id)
        assert daemon is not None
        daemon.web = Redirects(redirect_uris=["https://daemon.example"])
    page = _admin_consent(
        entra,
        browser,
        v2=True,
        client_id=daemon.app_id,
        redirect_uri="https://daemon.example",
        scope=f"{host}/.default",
    )
    sent = browser.press(page, "accept").sent
    assert (sent["admin_consent"], sent["scope"]) == ("True", f"{host}/.default")
    assert len(entra.claims(entra.daemon())["roles"]) == 3


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"redirect_uri": BACK, "scope": f"{EXCHANGE}/.default"}, "50011"),
        ({"redirect_uri": "http://localhost", "scope": ""}, "900144"),
        ({"redirect_uri": "", "scope": f"{GRAPH}/.default"}, "900144"),
        ({"redirect_uri": "http://localhost", "scope": f"{GRAPH}/.default", "realm": "common"}, "9001023"),
    ],
)
def test_the_newer_form_is_strict(query: dict[str, str], code: str, entra: Asking, browser: Browser) -> None:
    assert f"AADSTS{code}" in _admin_consent(entra, browser, v2=True, **query).text


def test_admin_consent_brings_an_app_that_is_registered_elsewhere(entra: Asking, browser: Browser) -> None:
    page = _admin_consent(
        entra, browser, realm="organizations", client_id=THUNDERBIRD, redirect_uri="https://localhost"
    )
    assert browser.press(page, "accept").sent["tenant"] == TENANT
    principal = entra.directory.principal(THUNDERBIRD)
    assert principal is not None
    assert principal.app_owner_organization_id != TENANT
    assert any("IMAP.AccessAsUser.All" in scope for _, scope in _grants(entra, THUNDERBIRD))


def test_the_oldest_form_gives_a_code_along(entra: Asking, browser: Browser) -> None:
    page = entra.authorize(
        browser,
        path="oauth2/authorize",
        client_id="f8d98a96-0999-43f5-8af3-69971c7bb423",
        redirect_uri="https://login.microsoftonline.com/common/oauth2/nativeclient",
        prompt="admin_consent",
        resource="https://outlook.office365.com",
        scope="",
    )
    sent = browser.press(_in(browser, page, ADMIN), "accept").sent
    assert (sent["admin_consent"], "code" in sent) == ("True", True)


def test_the_older_authorize_takes_a_resource(entra: Asking, browser: Browser) -> None:
    page = entra.authorize(browser, path="oauth2/authorize", resource="https://outlook.office.com", scope="")
    code = _in(browser, page).sent["code"]
    given = entra.redeem(code, scope="")
    assert entra.claims(given)["aud"] == "https://outlook.office.com"


def test_error_numbers_can_be_looked_up(browser: Browser) -> None:
    assert "AADSTS50011" in browser.open("/error?code=50011").text
    assert "no such number" in browser.open("/error?code=<b>1").text


def test_signing_out_ends_the_session(entra: Asking, browser: Browser) -> None:
    _in(browser, entra.authorize(browser))
    assert "You signed out" in browser.open(f"/{DOMAIN}/oauth2/v2.0/logout").text
    assert "Sign in" in entra.authorize(browser).text
