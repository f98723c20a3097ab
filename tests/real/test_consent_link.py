"""The road of notebook 30, walked: its link in a real browser, an administrator who agrees, and the proof after it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from ruamel.yaml import YAML

from mailauth import tenants
from mailauth.checks import worst
from mailauth.session import Run
from practice.cloud import Cloud
from practice.state import Redirects
from practice.wellknown import GRAPH, SIGN_IN_WORD
from tests.practice.asking import ADMIN
from tests.practice.woodgrove import ROLES, SCOPES, TENANT, Woodgrove, running, woodgrove
from tests.real.test_browser import browser

__all__ = ["browser"]

_APP = "33333333-3333-3333-3333-333333333333"
_READER = "44444444-4444-4444-4444-444444444444"
_READS = ("Application.Read.All", "Directory.Read.All", "Policy.Read.All")
_SECRET = "woodgrove~reader~only-in-tests"


@pytest.fixture
def made() -> Woodgrove:
    return tenant("http://localhost")


def tenant(redirect_uri: str) -> Woodgrove:
    """Return the tenant with an app that asks for everything and was granted nothing."""
    found = woodgrove()
    found.estate.app(
        "New mail relay",
        app_id=_APP,
        asks=[
            *(("graph", "scope", scope) for scope in (*SCOPES, "offline_access")),
            *(("exchange", "role", role) for role in ROLES),
        ],
        public_client=Redirects(redirect_uris=[redirect_uri]),
    )
    reader = found.estate.app("Reader", app_id=_READER)
    found.estate.secret(reader, _SECRET)
    found.estate.allow(found.estate.enterprise_app(reader), GRAPH, *_READS)
    return found


@pytest.fixture
def practice(made: Woodgrove) -> Iterator[Cloud]:
    with running(made) as cloud:
        yield cloud


@pytest.fixture
def run(practice: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MAILAUTH_TEST_READER", _SECRET)
    reader = {
        "flow": "secret",
        "client_id": _READER,
        "secret": "env:MAILAUTH_TEST_READER",
    }
    app = {
        "name": "relay",
        "client_id": _APP,
        "flows": [{"kind": "interactive"}, {"kind": "managed-identity"}],
    }
    content = {
        "clouds": {"practice": practice.entry()},
        "tenants": [
            {"name": "woodgrove", "tenant_id": TENANT, "cloud": "practice", "admin": reader, "mail_apps": [app]}
        ],
    }
    path = tmp_path / "tenants.yaml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(content, file)
    configuration = tenants.load(path)
    return Run(configuration, configuration.tenant("woodgrove"), tmp_path / "woodgrove", tell=lambda _: None)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True)
    # What a browser shows where nobody listens is no page that a driver can wait for.
    context.route("http://localhost/**", lambda route: route.fulfill(status=200, body="nobody listens here"))
    yield context.new_page()
    context.close()


def answer(page: Page, url: str, button: str) -> str:
    """Open *url* as the administrator does and return the address at the end."""
    page.goto(url)
    page.get_by_label("Email or sign-in name").fill(ADMIN)
    page.get_by_label("Password").fill(SIGN_IN_WORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=button).click()
    expect(page.get_by_text("nobody listens here")).to_be_visible()
    return page.url


def test_a_click_on_the_link_turns_the_proof_green(run: Run, page: Page) -> None:
    before = run.consents.look()
    assert {check.outcome for check in before.checks} == {"ok", "wrong"}
    [links] = run.consents.links(before)
    callback = answer(page, links.links[0].url, "Accept")
    claim = run.consents.read(callback, run.consents.links(before))
    assert claim is not None
    assert (claim.granted, claim.app, claim.doubts) == (True, "relay", ())
    after = run.consents.look()
    assert worst(after.checks) == "ok", [str(check) for check in after.checks]
    assert [(each.everybody, each.role) for each in after.apps[0].protocols] == [(("graph",), True)] * 3


def test_an_administrator_who_says_no_is_read_as_a_no(run: Run, page: Page) -> None:
    [links] = run.consents.links(run.consents.look())
    claim = run.consents.read(answer(page, links.links[0].url, "Cancel"), [links])
    assert claim is not None
    assert (claim.granted, claim.code, claim.doubts) == (False, "AADSTS65004", ())
    assert worst(run.consents.look().checks) == "wrong"


def test_the_links_for_exchange_grant_what_the_app_acts_as_and_nothing_of_graph(run: Run, page: Page) -> None:
    [links] = run.consents.links(run.consents.look())
    answer(page, links.links[1].url, "Accept")
    after = run.consents.look()
    assert [(each.everybody, each.role) for each in after.apps[0].protocols] == [((), True)] * 3
