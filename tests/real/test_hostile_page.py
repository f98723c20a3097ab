"""A tenant in whose sign-in log every column of text is a stranger's, from the export to the page in a browser."""

import csv
import html.parser
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests import hostile
from tests.real.test_browser import browser, opening, violations

__all__ = ["browser"]

PAGES = (
    "woodgrove/90-tenant-report.html",
    "index.html",
    pytest.param("woodgrove/10-find-basic-auth.html", marks=pytest.mark.full),
)
FORMULA = re.compile(r"[\s\"'\u2400-\u2421]*[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b]")

pytestmark = pytest.mark.xdist_group("hostile")


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of reports that a headless run over the hostile tenant left."""
    folder = tmp_path_factory.mktemp("hostile")
    config = hostile.tenant(folder)
    command = [
        sys.executable,
        "-m",
        "mailauth",
        "report",
        "--no-open",
        "--config",
        str(config),
        "--out",
        str(folder / "out"),
    ]
    done = subprocess.run(
        [*command, "--notebooks", "10-find-basic-auth,90-tenant-report"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder / "out"


@pytest.fixture(scope="module")
def shown(browser: Browser, left: Path) -> Iterator[Callable[[str], Page]]:
    """Return a function that gives an open page on a telephone's screen; each is opened once."""
    with opening(browser, left) as opened:
        yield cache(lambda name: opened(name, viewport={"width": 390, "height": 844}))


@pytest.mark.parametrize("name", PAGES)
def test_nothing_that_a_stranger_wrote_acts_or_breaks_the_page(shown: Callable[[str], Page], name: str) -> None:
    page = shown(name)

    assert page.evaluate("window.hostile") is None
    assert _acting(page) == []
    for width in (320, 390, 1280):
        page.set_viewport_size({"width": width, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert _sticking_out(page, width) == []
    assert page.get_by_text("Made by the Mail OAuth Runbook.").is_visible()


def _acting(page: Page) -> list[str]:
    """Return every element that runs something, loads something, changes the page, or is a link that is not ours."""
    found: list[str] = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((element) => {
            const name = element.localName;
            if ([...element.attributes].some((attribute) => attribute.name.startsWith("on"))) return true;
            if (["iframe", "object", "embed", "form", "base"].includes(name)) return true;
            if (name === "meta" && element.httpEquiv === "refresh") return true;
            if (name === "style" && !element.closest("head, svg, .js-plotly-plot")) return true;
            if (name !== "a") return false;
            const to = element.getAttribute("href") ?? element.getAttribute("xlink:href") ?? "";
            return !/^(#|https:[/][/]|[.A-Za-z0-9/_-]+[.]html$)/.test(to) || to.includes("evil");
        }).map((element) => element.outerHTML.slice(0, 200))"""
    )
    return found


def _sticking_out(page: Page, width: int) -> list[str]:
    """Return the elements with text that reach over the edge of the screen outside of a box that scrolls."""
    found: list[str] = page.evaluate(
        """(width) => [...document.querySelectorAll("main :is(p, td, th, li, dd, dt, pre, figcaption)")]
        .filter((element) => {
            if (element.closest(".mailauth.table:not(.fits), pre, .plot")) return false;
            const box = element.getBoundingClientRect();
            return box.width && (box.right > width + 1 || box.left < -1);
        }).map((element) => element.outerHTML.slice(0, 200))""",
        width,
    )
    return found


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation_on_a_hostile_page(shown: Callable[[str], Page], name: str) -> None:
    page = shown(name)
    page.emulate_media(color_scheme="dark")
    assert violations(page) == []


def test_every_text_is_on_the_page_as_text(shown: Callable[[str], Page]) -> None:
    page = shown("woodgrove/90-tenant-report.html")
    words = page.locator("main").inner_text()

    for text in (
        "<script>window.hostile=1</script>",
        "<img src=x onerror=",
        "[click](https://evil.example/c)",
        "[U+202E]gpj",
    ):
        assert text in words
    assert page.locator("main a", has_text="evil").count() == 0


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_of_a_file_for_spreadsheets_begins_a_formula(left: Path, separator: str) -> None:
    files = list(left.rglob("*.csv"))

    assert len(files) > 10
    for path in files:
        text = path.read_bytes().decode("utf-8-sig")
        assert not re.search(r"[\x00-\x09\x0b\x0c\x0e-\x1f\u200b\u202a-\u202e\ufeff]", text), path.name
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            assert [cell for cell in row if _formula(cell)] == [], path.name


def _formula(cell: str) -> bool:
    """Whether a program may take a cell for a formula; an apostrophe in front says that it is text."""
    return not cell.startswith("'") and FORMULA.match(cell) is not None and not re.fullmatch(r"-?\d+(\.\d+)?", cell)


def test_what_machines_read_can_be_read(left: Path) -> None:
    for path in left.rglob("*.json"):
        assert json.loads(path.read_text(encoding="utf-8"))


class _Tags(html.parser.HTMLParser):
    """Collects the names of elements and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


def test_the_notebook_beside_the_page_is_clean_and_opens(left: Path) -> None:
    nbformat: Any = import_module("nbformat")
    for path in left.rglob("*.ipynb"):
        written = path.read_text(encoding="utf-8")
        notebook = nbformat.reads(written, as_version=4)
        nbformat.validate(notebook)
        assert set(notebook["metadata"]) <= {"kernelspec", "language_info", "mailauth"}
        for told in (str(left), str(left.parent), os.environ["MAILAUTH_HOME"], str(Path.home()), sys.prefix):
            assert told not in written
        outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
        assert outputs
        for output in outputs:
            tags = _Tags(output.get("data", {}).get("text/html", "")).found
            assert not tags & {
                "script",
                "img",
                "foreignobject",
                "use",
                "image",
                "animate",
                "set",
                "iframe",
                "base",
                "form",
                "meta",
                "onerror",
                "onload",
                "onmouseover",
            }
