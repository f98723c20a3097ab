"""Every page that a run over the practice tenants leaves, in a browser without a network: whole, quiet and legible."""

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.real.test_browser import browser, opening, violations

__all__ = ["browser"]

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("[0-9]*.ipynb"))
TENANTS = ("contoso", "fabrikam", "northwind", "adatum")

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("every page")]


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("every")
    command = [sys.executable, "-m", "mailauth", "report", "--no-open", "--out", str(folder)]
    done = subprocess.run(
        [*command, "--notebooks", ",".join(NOTEBOOKS)],
        capture_output=True,
        text=True,
        check=False,
        timeout=1_200,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module", params=["index", *(f"{t}/{n}" for t, n in itertools.product(TENANTS, NOTEBOOKS))])
def page(request: pytest.FixtureRequest, browser: Browser, left: Path) -> Iterator[Page]:
    # The fixture's end fails where anything was asked of the network or said on the console.
    with opening(browser, left) as opened:
        yield opened(f"{request.param}.html", viewport={"width": 1280, "height": 900})


def test_each_is_light_enough_for_a_mail(left: Path) -> None:
    assert {path.name: path.stat().st_size for path in left.rglob("*.html") if path.stat().st_size >= 2_500_000} == {}


def test_every_chart_is_drawn_and_has_its_words_and_its_table(page: Page) -> None:
    for figure in page.locator("figure.chart").all():
        assert figure.locator(".plot svg.main-svg").first.is_visible()
        assert figure.locator(".plot").get_attribute("aria-label")
        assert figure.locator("table").count() == 1
    for figure in page.locator("figure.drawn").all():
        assert figure.locator(".roomy svg").is_visible()
        assert not figure.locator(".narrow svg").is_visible()
        assert figure.locator("table").count() == 1


def test_no_width_makes_it_scroll_sideways(page: Page) -> None:
    for width in (320, 390, 768, 1280, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_headings_are_in_order_and_pictures_have_words(page: Page) -> None:
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((each) => Number(each.localName[1]))"
    )
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert page.locator("img:not([alt])").count() == 0


def test_the_zone_of_its_times_is_named(page: Page) -> None:
    assert re.search(r"Made \d+ \w{3} \d{4} \d\d:\d\d UTC", page.locator("header").inner_text())


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    assert violations(page) == []
