"""Consent while the directory lags: whoever agreed on a page goes on at once, everybody else when the lag is over."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msal
import pytest

from practice.wellknown import SIGN_IN_WORD
from tests.practice.asking import ADA, ADMIN, IMAP, OUTLOOK, VERIFIER, Asking
from tests.practice.browsing import Browser, Page, session
from tests.practice.woodgrove import ROLES, TENANT, woodgrove

LAG = timedelta(seconds=30)
OVER = LAG + timedelta(seconds=1)
LEGACY = "ManagePermissionGrantsForSelf.microsoft-user-default-legacy"


@dataclass(frozen=True)
class Case:
    """An app that nobody has consented to, who does, and to what."""

    app_id: str
    name: str
    scope: str
    redirect_uri: str

    def public(self, entra: Asking) -> Any:
        """Return msal's public client."""
        options = {"instance_discovery": False, "http_client": session(entra.practice)}
        return msal.PublicClientApplication(self.app_id, authority=f"{entra.practice.base_url}/{TENANT}", **options)


THUNDERBIRD = Case("9e5f94bc-e8a4-4e73-b8be-63364c29d753", ADA, IMAP, "https://localhost")
GRAPH_TOOLS = Case("14d82eec-204b-4c2f-b7e8-296a70dab67e", ADMIN, "Policy.Read.All", "http://localhost:5000")

each_case = pytest.mark.parametrize(
    "case", [pytest.param(THUNDERBIRD, id="a user's mail client"), pytest.param(GRAPH_TOOLS, id="an admin's tools")]
)


@pytest.fixture
def lagging(entra: Asking) -> Asking:
    """A cloud whose replicas lag, with users who may consent."""
    with entra.changing() as directory:
        directory.policies.permission_grant_policies = [LEGACY]
    entra.practice.faults.directory_lag = LAG
    return entra


def _signed_in(entra: Asking, case: Case) -> tuple[Any, dict[str, Any]]:
    """Return msal's client and what it got at once after somebody had agreed on the page."""
    app, browser = case.public(entra), Browser(entra.practice)
    flow = app.initiate_auth_code_flow([case.scope], redirect_uri=case.redirect_uri, response_mode="form_post")
    page = _asked(browser, browser.open(flow["auth_uri"]), case)
    return app, app.acquire_token_by_auth_code_flow(flow, browser.press(page, "accept").fields)


def _asked(browser: Browser, page: Page, case: Case) -> Page:
    page = browser.sign_in(page, case.name, SIGN_IN_WORD)
    assert "Permissions requested" in page.text
    return page


def _refreshed(app: Any, scope: str) -> dict[str, Any]:
    """Return the refresh token's answer; msal tells the error of one with the whole answer alone."""
    found: dict[str, Any] = app.acquire_token_silent_with_error([scope], app.get_accounts()[0], force_refresh=True)
    return found


def _later(entra: Asking, how_much: timedelta) -> None:
    entra.practice.faults.clock.skew += how_much


@each_case
def test_a_code_is_good_for_what_was_agreed_to_on_the_page(case: Case, lagging: Asking) -> None:
    app, given = _signed_in(lagging, case)
    assert case.scope.rpartition("/")[2] in lagging.claims(given)["scp"].split()
    for _ in range(2):
        assert lagging.claims(_refreshed(app, case.scope))["appid"] == case.app_id
    _later(lagging, OVER)
    assert lagging.claims(_refreshed(app, case.scope))["appid"] == case.app_id


@each_case
def test_a_device_is_good_for_what_was_agreed_to_on_the_page(case: Case, lagging: Asking) -> None:
    app, browser = case.public(lagging), Browser(lagging.practice)
    flow = app.initiate_device_flow([case.scope])
    page = browser.press(browser.open(flow["verification_uri"]), otc=flow["user_code"])
    page = browser.press(_asked(browser, page, case), "accept")
    assert "You have signed in" in browser.press(page, "confirm").text
    given = app.acquire_token_by_device_flow(flow)
    assert case.scope.rpartition("/")[2] in lagging.claims(given)["scp"].split()
    assert lagging.claims(_refreshed(app, case.scope))["appid"] == case.app_id


def test_default_is_what_was_agreed_to_and_nothing_else_is(lagging: Asking) -> None:
    app, _ = _signed_in(lagging, THUNDERBIRD)
    # What is consented to on one resource by name is what its default holds.
    default = _refreshed(app, IMAP.replace("IMAP.AccessAsUser.All", ".default"))
    assert lagging.claims(default)["scp"] == "IMAP.AccessAsUser.All"
    assert "AADSTS65001" in _refreshed(app, IMAP.replace("IMAP.AccessAsUser.All", "SMTP.Send"))["error_description"]


def test_mail_scopes_that_are_agreed_to_under_graph_count_for_exchange_at_once(lagging: Asking) -> None:
    under_graph = Case(THUNDERBIRD.app_id, ADA, "IMAP.AccessAsUser.All", THUNDERBIRD.redirect_uri)
    app, _ = _signed_in(lagging, under_graph)
    assert lagging.claims(_refreshed(app, IMAP))["scp"] == "IMAP.AccessAsUser.All"


def test_a_consent_that_is_withdrawn_ends_with_the_lag_of_that(lagging: Asking) -> None:
    app, _ = _signed_in(lagging, THUNDERBIRD)
    _later(lagging, LAG / 2)
    now = lagging.practice.backend.now()
    with lagging.practice.states.changing(TENANT) as tenant, tenant.change_directory(now, LAG) as directory:
        directory.grants.clear()
    for _ in range(2):
        # Within the lag of the consent by what was agreed to, after that by the replica that still knows it.
        assert lagging.claims(_refreshed(app, IMAP))["scp"] == "IMAP.AccessAsUser.All"
        _later(lagging, LAG / 2 + timedelta(seconds=1))
    refused = _refreshed(app, IMAP)
    assert (refused["error"], "AADSTS65001" in refused["error_description"]) == ("invalid_grant", True)


def test_what_is_agreed_to_counts_until_the_slowest_replica_knows_it(lagging: Asking) -> None:
    now, slower = lagging.practice.backend.now(), LAG * 10
    with lagging.practice.states.changing(TENANT) as tenant, tenant.change_directory(now, slower) as directory:
        directory.policies.admin_consent_requests = True
    app, _ = _signed_in(lagging, THUNDERBIRD)
    _later(lagging, OVER)
    assert lagging.claims(_refreshed(app, IMAP))["scp"] == "IMAP.AccessAsUser.All"


def test_a_tenant_that_is_made_anew_knows_of_no_agreement(lagging: Asking) -> None:
    app, _ = _signed_in(lagging, THUNDERBIRD)
    lagging.practice.states.put(woodgrove().estate.tenant)
    assert "AADSTS65001" in _refreshed(app, IMAP)["error_description"]


def test_what_one_person_agreed_to_is_not_anothers(lagging: Asking) -> None:
    app, browser = THUNDERBIRD.public(lagging), Browser(lagging.practice)
    flow = app.initiate_device_flow([IMAP])
    page = browser.press(browser.open(flow["verification_uri"]), otc=flow["user_code"])
    page = browser.press(_asked(browser, page, THUNDERBIRD), "accept")
    assert page.buttons[0] == "confirm"
    other = browser.sign_in(page, ADMIN, SIGN_IN_WORD)
    browser.press(other, "confirm")
    assert "AADSTS65001" in app.acquire_token_by_device_flow(flow)["error_description"]


def test_another_sign_in_sees_the_replica_that_lags(lagging: Asking) -> None:
    _signed_in(lagging, THUNDERBIRD)
    sent = {"client_id": THUNDERBIRD.app_id, "redirect_uri": THUNDERBIRD.redirect_uri, "scope": IMAP}
    browser = Browser(lagging.practice)
    _asked(browser, lagging.authorize(browser, **sent), THUNDERBIRD)
    _later(lagging, OVER)
    code = lagging.code(**sent)
    given = lagging.token(grant_type="authorization_code", code=code, code_verifier=VERIFIER, **sent)
    assert lagging.claims(given)["scp"] == "IMAP.AccessAsUser.All"


def test_an_app_that_acts_as_itself_waits_until_the_lag_is_over(lagging: Asking) -> None:
    daemon = lagging.made.daemon
    with lagging.changing() as directory:
        directory.service_principals = [one for one in directory.service_principals if one.app_id != daemon.app_id]
    browser = Browser(lagging.practice)
    page = browser.sign_in(browser.open(f"/{TENANT}/adminconsent?client_id={daemon.app_id}"), ADMIN, SIGN_IN_WORD)
    browser.press(page, "accept")
    assert lagging.daemon(OUTLOOK)["error_codes"] == [7000229]
    _later(lagging, OVER)
    assert lagging.claims(lagging.daemon(OUTLOOK))["roles"] == sorted(ROLES)
