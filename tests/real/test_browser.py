"""The page in a real browser: offline, quiet, drawn; readable on a telephone, in the dark, on paper, scripts off."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from mailauth.views import fleetpage, pages
from tests import views_invented as world
from tests.test_fleetpage import Outcome

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
FLAGS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AXE = (
    Path(os.environ.get("MAILAUTH_NODE_MODULES") or Path(__file__).parents[2] / ".ci" / "node_modules")
    / "axe-core"
    / "axe.min.js"
)

Opened = Callable[..., Page]


def _without(what: str) -> None:
    """Skip for want of a program, except in CI, where it is installed and its absence is a failure."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI is set")
    pytest.skip(f"{what} is not on this machine; .ci/run installs it")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        _without("chromium")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("page")
    page = pages.render(world.executed(), tenant="Fabrikam", rehearsal=True, beside=("00-start",))
    made.joinpath("page.html").write_text(page, encoding="utf-8")
    rows = [Outcome("fabrikam", state="exposed", attention=1), Outcome("tailspin", assessed=False, page="")]
    made.joinpath("index.html").write_text(fleetpage.index(rows, rehearsal=True), encoding="utf-8")
    return made


@contextmanager
def opening(browser: Browser, folder: Path) -> Iterator[Opened]:
    """Give the block a function that opens a page; afterwards nobody may have complained, nor asked the network.

    Args:
        browser: As `started` gives it.
        folder: Where the pages lie.
    """
    contexts: list[BrowserContext] = []
    said: list[str] = []

    def open_page(name: str = "page.html", **settings: Any) -> Page:
        context = browser.new_context(offline=True, **settings)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else said.append(asked.url))
        page.goto(folder.joinpath(name).as_uri())
        if settings.get("java_script_enabled", True) and page.locator("#library").count():
            page.wait_for_selector("html[data-charts=drawn]", timeout=60_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert said == []


def violations(page: Page) -> Sequence[tuple[str, str, str]]:
    """Return what axe-core complains of, with every fold open: the rule, how bad it is, an element."""
    if not AXE.is_file():
        _without("axe-core")
    page.evaluate("document.querySelectorAll('main details').forEach((fold) => (fold.open = true))")
    # The page's own policy refuses scripts that are not its own, so the checker is evaluated and not added.
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [(each["id"], each["impact"], each["nodes"][0]["html"]) for each in found["violations"]]


@pytest.fixture
def opened(browser: Browser, folder: Path) -> Iterator[Opened]:
    with opening(browser, folder) as opened:
        yield opened


def test_it_opens_from_a_file_and_draws_every_chart(opened: Opened) -> None:
    page = opened()
    assert page.locator("figure.chart").count() == 5
    for plot in page.locator("figure.chart .plot").all():
        assert plot.is_visible()
        assert plot.locator("svg.main-svg").first.is_visible()
    assert page.locator("figure.chart .plot path").count() > 50


def test_the_tables_fold_under_their_charts_and_open_again(opened: Opened) -> None:
    page = opened()
    table = page.locator("figure.chart").first.locator("table")
    assert not table.is_visible()
    page.locator("figure.chart summary").first.click()
    assert table.is_visible()


def test_without_scripts_every_number_stands_in_a_table(opened: Opened) -> None:
    page = opened(java_script_enabled=False)
    for figure in page.locator("figure.chart").all():
        assert figure.locator("figcaption").is_visible()
        assert figure.locator("table").is_visible()
        assert not figure.locator(".plot").is_visible()


def test_no_width_makes_the_page_scroll_sideways(opened: Opened) -> None:
    page = opened()
    for width in (320, 390, 768, 1280, 1600):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.wait_for_timeout(500)
        assert page.evaluate("document.querySelector('.plot .main-svg').clientWidth") <= width


def test_the_first_screen_of_a_desk_holds_the_sentence_and_what_is_urgent(opened: Opened) -> None:
    page = opened(viewport={"width": 1280, "height": 900})
    for words in ("Three systems will stop", "Suspected compromise", "End of December 2026"):
        box = page.get_by_text(words).first.bounding_box()
        assert box
        assert box["y"] + box["height"] < 900


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_and_charts_follow_the_readers_colours(opened: Opened, scheme: str) -> None:
    page = opened(color_scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = page.evaluate("getComputedStyle(document.querySelector('.plot .xtick text')).fill")
    assert (paper, ink) == {
        "light": ("rgb(255, 255, 255)", "rgb(28, 30, 33)"),
        "dark": ("rgb(21, 24, 29)", "rgb(227, 230, 234)"),
    }[scheme]


def test_charts_change_with_the_colours_while_the_page_is_open(opened: Opened) -> None:
    page = opened(color_scheme="light")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(1_000)
    assert page.evaluate("getComputedStyle(document.querySelector('.plot .xtick text')).fill") == "rgb(227, 230, 234)"


def test_on_paper_charts_are_pictures_and_folds_are_open(opened: Opened) -> None:
    page = opened(viewport={"width": 700, "height": 990}, color_scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("figure.chart img.for-paper").count() == 5
    assert all(picture.is_visible() for picture in page.locator("img.for-paper").all())
    assert page.evaluate("[...document.querySelectorAll('.for-paper')].every((i) => i.naturalWidth > 0)")
    assert not page.locator(".plot").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") >= 3


def test_rows_can_be_sorted_and_filtered(opened: Opened) -> None:
    page = opened()
    box = page.locator(".mailauth.table", has_text="Accounts that were tried")
    column = box.locator("th", has_text="Days")
    column.get_by_role("button").click()
    assert column.get_attribute("aria-sort") == "ascending"
    column.get_by_role("button").click()
    assert box.locator("tbody td.num").first.inner_text() == "30"
    box.get_by_role("searchbox").fill("user00017@")
    assert box.locator("tbody tr:visible").count() == 1
    assert "1 of 50 rows" in box.inner_text()


def test_hostile_text_stays_text(opened: Opened) -> None:
    page = opened()
    assert page.get_by_text("<script>alert(1)</script>").count() > 0
    assert page.locator("a[href*=evil]").count() == 0


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("page.html", {}),
        ("page.html", {"color_scheme": "dark"}),
        ("page.html", {"viewport": {"width": 390, "height": 844}}),
        ("index.html", {}),
        ("index.html", {"color_scheme": "dark"}),
    ],
)
def test_axe_finds_no_violation(opened: Opened, name: str, settings: dict[str, Any]) -> None:
    assert violations(opened(name, **settings)) == []
