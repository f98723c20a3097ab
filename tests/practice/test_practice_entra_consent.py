"""What consent writes down, and what Microsoft's own apps get without it."""

from practice.estates import Estate
from practice.state import AppRole, Redirects
from practice.wellknown import SIGN_IN_WORD
from tests.practice.asking import ADMIN, IMAP, Asking
from tests.practice.browsing import Browser
from tests.practice.woodgrove import Woodgrove, running


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
        here = entra.directory.principal(theirs.app_id)
    assert here is not None
    assert here.app_owner_organization_id == other.tenant.tenant_id
    here.app_roles[0].is_enabled = False
    assert theirs.app_roles[0].is_enabled
