"""The answer to a consent link, taken by this machine's own listener from a real browser."""

import threading
from collections.abc import Iterator
from queue import SimpleQueue

import pytest
from playwright.sync_api import Browser, Page, expect

from mailauth.consent import Answer
from mailauth.session import Run
from practice.wellknown import SIGN_IN_WORD
from tests.practice.asking import ADMIN
from tests.practice.woodgrove import Woodgrove
from tests.real import test_consent_link as linked
from tests.real.test_browser import browser
from tests.real.test_consent_link import practice, run
from tests.test_loopback import free_port, listens

__all__ = ["browser", "practice", "run"]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def made(port: int) -> Woodgrove:
    """Return the tenant with an app whose links lead back to this machine."""
    return linked.tenant(f"http://localhost:{port}")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(ignore_https_errors=True)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize(("button", "granted"), [("Accept", True), ("Cancel", False)])
def test_the_browser_is_told_that_it_can_go_and_the_answer_is_here(
    run: Run, page: Page, port: int, button: str, granted: bool
) -> None:
    links = run.consents.links(run.consents.look())
    answers: SimpleQueue[Answer | None] = SimpleQueue()
    waiting = threading.Thread(target=lambda: answers.put(run.consents.listen(links, wait_s=60)), daemon=True)
    waiting.start()
    page.goto(links[0].links[0].url)
    page.get_by_label("Email or sign-in name").fill(ADMIN)
    page.get_by_label("Password").fill(SIGN_IN_WORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name=button).click()
    expect(page.get_by_text("You can close this window")).to_be_visible()
    answer = answers.get(timeout=20)
    assert answer is not None
    assert (answer.granted, answer.app, answer.doubts) == (granted, "relay", ())
    waiting.join(10)
    assert not listens(port)
