"""The practice cloud's sign-in pages in a real browser: by keyboard, on a telephone, under their own strict policy."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Literal
from urllib.parse import parse_qs, urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from practice.cloud import Cloud
from practice.state import ConditionalAccessPolicy
from practice.wellknown import SIGN_IN_WORD
from tests.practice.asking import ADA, ADMIN, IMAP
from tests.practice.woodgrove import TENANT, Woodgrove, running, woodgrove
from tests.real.test_browser import AXE, _without, browser

__all__ = ["browser"]


class Client:
    """A client on loopback that takes the answer, by GET or POST."""

    def __init__(self) -> None:
        self.got: list[dict[str, list[str]]] = []
        client = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._take(self.path.partition("?")[2])

            def do_POST(self) -> None:
                self._take(self.rfile.read(int(self.headers["Content-Length"])).decode())

            def _take(self, text: str) -> None:
                if self.path != "/favicon.ico":
                    client.got.append(parse_qs(text))
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(b"<p>thanks</p>")

            def log_message(self, format: str, *args: object) -> None:
                """Stay quiet."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://localhost:{self.server.server_port}"


@pytest.fixture
def client() -> Iterator[Client]:
    made = Client()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


@pytest.fixture
def made() -> Woodgrove:
    found = woodgrove()
    policies = found.estate.tenant.directory.policies
    policies.permission_grant_policies = ["ManagePermissionGrantsForSelf.microsoft-user-default-legacy"]
    policies.conditional_access = [
        ConditionalAccessPolicy(
            display_name="MFA",
            conditions={"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
            grant_controls={"operator": "OR", "builtInControls": ["mfa"]},
        )
    ]
    return found


@pytest.fixture
def practice(made: Woodgrove) -> Iterator[Cloud]:
    with running(made) as cloud:
        yield cloud


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Give a telephone's page; afterwards it may not have complained."""
    context = browser.new_context(ignore_https_errors=True, viewport={"width": 360, "height": 740})
    made, said = context.new_page(), []
    made.on("console", lambda message: said.append(message.text))
    made.on("pageerror", lambda error: said.append(str(error)))
    yield made
    context.close()
    assert said == []


@pytest.mark.parametrize(("mode", "scheme"), [("query", "light"), ("form_post", "dark")])
def test_a_person_signs_in_and_consents_by_keyboard_alone(
    mode: str, scheme: Literal["light", "dark"], made: Woodgrove, practice: Cloud, client: Client, page: Page
) -> None:
    page.emulate_media(color_scheme=scheme)
    asked = {
        "client_id": made.client.app_id,
        "response_type": "code",
        "response_mode": mode,
        "redirect_uri": client.address,
        "scope": f"{IMAP} User.Read",
    }
    page.goto(f"{practice.base_url}/{TENANT}/oauth2/v2.0/authorize?{urlencode(asked)}")
    shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(shade.removeprefix("rgb(").partition(",")[0]) < 128) == (scheme == "dark")
    _check(page)
    _sign_in(page, ADA)
    expect(page.get_by_role("heading")).to_have_text("Approve sign in request")
    _check(page)
    _enter(page, "Second factor approved")
    expect(page.get_by_role("heading")).to_have_text("Permissions requested")
    _check(page)
    _enter(page, "Accept")
    expect(page.get_by_text("thanks")).to_be_visible()
    assert [sorted(one) for one in client.got] == [["code", "session_state"]]


@pytest.mark.parametrize(
    ("answer", "brings"), [("Accept", ["admin_consent", "tenant"]), ("Cancel", ["admin_consent", "error"])]
)
def test_an_administrators_answer_without_a_redirect_address_reaches_the_apps_own(
    answer: str, brings: list[str], made: Woodgrove, practice: Cloud, client: Client, page: Page
) -> None:
    with practice.states.changing(TENANT) as tenant:
        app = tenant.directory.application(made.client.app_id)
        assert app is not None
        app.public_client.redirect_uris = [client.address]
    page.goto(f"{practice.base_url}/{TENANT}/adminconsent?{urlencode({'client_id': made.client.app_id})}")
    _sign_in(page, ADMIN)
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("button", name=answer).click()
    expect(page.get_by_text("thanks")).to_be_visible()
    (got,) = client.got
    assert set(brings) <= set(got)


def _sign_in(page: Page, name: str) -> None:
    """Sign in with the keyboard alone, from the field that has the focus by itself."""
    # Keys that come before the focus is there would go nowhere; a person sees where they type.
    expect(page.get_by_label("Email or sign-in name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    expect(page.get_by_label("Password")).to_be_focused()
    page.keyboard.type(SIGN_IN_WORD)
    page.keyboard.press("Enter")


def _enter(page: Page, button: str) -> None:
    """Press Enter on the button that has the focus by itself."""
    expect(page.get_by_role("button", name=button)).to_be_focused()
    page.keyboard.press("Enter")


def _check(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    if not AXE.is_file():
        _without("axe-core")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [(each["id"], each["impact"], each["nodes"][0]["html"]) for each in found["violations"]] == []
