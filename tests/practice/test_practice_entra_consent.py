"""What consent writes down, and what apps get that are registered elsewhere, Microsoft's own among them."""

import pytest

from practice import catalogue
from practice.estates import Estate
from practice.state import AppRole, Redirects
from practice.wellknown import SIGN_IN_WORD
from tests.practice.asking import ADA, ADMIN, IMAP, OUTLOOK, VERIFIER, Asking
from tests.practice.browsing import Browser
from tests.practice.woodgrove import Woodgrove, running

NATIVE = "https://login.microsoftonline.com/common/oauth2/nativeclient"
POWERSHELL = "fb78d390-0c51-40cd-8e17-fdbfab77341b"
OFFICE = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
GRAPH_TOOLS = "14d82eec-204b-4c2f-b7e8-296a70dab67e"
K9 = "e647013a-ada4-4114-b419-e43d250f99c5"


def test_an_enterprise_application_shares_nothing_with_its_registration(made: Woodgrove) -> None:
    other = Estate("fabrikam", "Fabrikam", "fabrikam.example", "5d1f0000-0000-4000-8000-000000000001", made.estate.now)
    theirs = other.app(
        "Theirs",
        sign_in_audience="AzureADMultipleOrgs",
        app_roles=[AppRole(id=other.id_of("role"), value="Read")],
        public_client=Redirects(redirect_uris=["http://localhost"]),
        asks=[("graph", "scope", "IMAP.AccessAsUser.All")],
    )
    with running(made) as practice:
        practice.states.put(other.tenant)
        entra, browser = Asking(made, practice), Browser(practice)
        page = browser.sign_in(entra.authorize(browser, client_id=theirs.app_id, scope=IMAP), ADMIN, SIGN_IN_WORD)
        assert "code" in browser.press(page, "accept").sent
        with entra.changing() as directory:
            here = directory.principal(theirs.app_id)
            assert here is not None
            assert here.app_owner_organization_id == other.tenant.tenant_id
            here.app_roles[0].is_enabled = False
    assert theirs.app_roles[0].is_enabled


# --- apps that are registered elsewhere ---


@pytest.mark.parametrize(
    ("app_id", "scope"),
    [
        pytest.param(POWERSHELL, "https://graph.microsoft.com/Application.ReadWrite.All", id="Graph by PowerShell"),
        pytest.param(POWERSHELL, "https://graph.microsoft.com/.default", id="anything of Graph by PowerShell"),
        pytest.param(OFFICE, "https://graph.microsoft.com/Directory.Read.All", id="Graph by Office"),
        pytest.param(OFFICE, "https://outlook.office.com/SMTP.Send", id="mail by Office"),
        pytest.param(POWERSHELL, IMAP, id="mail by PowerShell"),
    ],
)
@pytest.mark.parametrize("name", [ADA, ADMIN])
def test_microsofts_own_apps_get_what_they_were_made_for_and_nothing_else(
    app_id: str, scope: str, name: str, entra: Asking, browser: Browser
) -> None:
    page = entra.authorize(browser, client_id=app_id, redirect_uri=NATIVE, scope=scope)
    sent = browser.sign_in(page, name, SIGN_IN_WORD).sent
    assert ("code" in sent, sent["error_description"][:11]) == (False, "AADSTS65002")
    given = entra.password(client_id=app_id, scope=scope, username=name)
    assert given["error_codes"] == [65002]


def test_office_gets_its_own_scope_of_exchange_without_consent(entra: Asking) -> None:
    assert entra.claims(entra.password(client_id=OFFICE, scope=OUTLOOK))["scp"] == "user_impersonation"


def test_the_command_line_tools_for_graph_get_what_an_administrator_consents_to(
    entra: Asking, browser: Browser
) -> None:
    scope = "https://graph.microsoft.com/Application.ReadWrite.All"
    sent = {"client_id": GRAPH_TOOLS, "redirect_uri": "http://localhost:5000", "scope": scope}
    page = browser.sign_in(entra.authorize(browser, **sent), ADMIN, SIGN_IN_WORD)
    assert "is published by Microsoft" in page.text
    code = browser.press(page, "accept").sent["code"]
    given = entra.token(grant_type="authorization_code", code=code, code_verifier=VERIFIER, **sent)
    assert entra.claims(given)["scp"] == "Application.ReadWrite.All"
    other = Browser(entra.practice)
    assert "Need admin approval" in other.sign_in(entra.authorize(other, **sent), ADA, SIGN_IN_WORD).text


@pytest.mark.parametrize(
    ("policy", "ends"), [("recommended", "Need admin approval"), ("legacy", "Permissions requested")]
)
def test_an_unverified_publishers_app_needs_an_administrator_where_microsoft_decides(
    policy: str, ends: str, entra: Asking, browser: Browser
) -> None:
    with entra.changing() as directory:
        directory.policies.permission_grant_policies = [
            f"ManagePermissionGrantsForSelf.microsoft-user-default-{policy}"
        ]
    sent = {"client_id": K9, "redirect_uri": "msauth://com.fsck.k9", "scope": "https://outlook.office.com/SMTP.Send"}
    page = browser.sign_in(entra.authorize(browser, **sent), ADA, SIGN_IN_WORD)
    assert (ends in page.text, "unverified" in page.text) == (True, True)


def test_both_ids_of_thunderbird_are_one_publishers() -> None:
    old = "08162f7c-0fd2-4200-a84a-f25a4db0b584"
    assert catalogue.owner(old) == catalogue.owner("9e5f94bc-e8a4-4e73-b8be-63364c29d753")
