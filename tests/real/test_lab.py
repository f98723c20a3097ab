"""The notebooks in JupyterLab, as an engineer has them: all cells run, and a control changes the numbers under it."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from mailauth.report import TrendDay
from mailauth.views.drawn import SenderDays
from mailauth.views.figures import PLOTLY
from tests.notebooks.test_one_page import log
from tests.real import labserver
from tests.real.test_browser import CHROMIUM, FLAGS

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
SLOW = 120_000  # ms: a kernel starts and imports while other tests have the machine

pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if not CHROMIUM:
        pytest.fail("chromium is missing, and CI is set") if os.environ.get("CI") else pytest.skip("no chromium")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium.new_page(viewport={"width": 1400, "height": 1000})
        chromium.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the notebooks, set to a tenant whose log lies beside them."""
    made = tmp_path_factory.mktemp("lab")
    # Without this, cells that are out of sight are no part of the page.
    settings = made / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}', encoding="utf-8")
    given = {"tenant": ("", "contoso"), "config": ("practice", str(log(made))), "out": ("reports", str(made / "out"))}
    for name in ("00-start", "10-find-basic-auth", "90-tenant-report"):
        text = (NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8")
        for parameter, values in given.items():
            before, after = (json.dumps(f'{parameter}: str = "{value}"')[1:-1] for value in values)
            assert before in text
            text = text.replace(before, after)
        (made / f"{name}.ipynb").write_text(text, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def lab(folder: Path) -> Iterator[str]:
    try:
        with labserver.serving(folder, MAILAUTH_HOME=str(folder / "home")) as address:
            yield address
    finally:
        shutil.rmtree(folder / "home", ignore_errors=True)


@contextmanager
def _run(page: Page, lab: str, folder: Path, name: str) -> Iterator[list[Any]]:
    """Run all cells of a notebook and give its code cells as they were saved then."""
    page.goto(f"{lab}/lab/tree/{name}.ipynb?reset", wait_until="domcontentloaded")
    page.locator(".jp-CodeCell").first.wait_for(timeout=SLOW)
    page.get_by_text("| Idle").first.wait_for(timeout=SLOW)
    page.locator(".jp-CodeCell").first.click()
    page.get_by_role("menuitem", name="Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).first.click()
    for _ in range(SLOW // 2_000):
        page.keyboard.press("Control+s")
        page.wait_for_timeout(2_000)
        cells = [cell for cell in _saved(folder, name) if cell["cell_type"] == "code"]
        failed = any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
        if failed or all(cell["execution_count"] for cell in cells):
            break
    yield cells


def _saved(folder: Path, name: str) -> Any:
    for _ in range(20):
        text = (folder / f"{name}.ipynb").read_text(encoding="utf-8")
        if text.endswith("}\n"):
            return json.loads(text)["cells"]
        time.sleep(0.2)  # it is being written
    pytest.fail(f"{name}.ipynb was not written whole")


@pytest.mark.parametrize("name", ["00-start", "10-find-basic-auth", "90-tenant-report"])
def test_every_cell_runs_and_shows_what_the_next_one_reads(page: Page, lab: str, folder: Path, name: str) -> None:
    with _run(page, lab, folder, name) as cells:
        outputs = [output for cell in cells for output in cell["outputs"]]
        assert [each["evalue"] for each in outputs if each["output_type"] == "error"] == []
        assert [cell["id"] for cell in cells if not cell["execution_count"]] == []
        silent = [cell["id"] for cell in cells if not cell["outputs"]]
        assert silent == [f"{name[:2]}-01"]  # the parameters


def test_the_filter_of_10_changes_the_rows_and_the_sums_under_it(page: Page, lab: str, folder: Path) -> None:
    with _run(page, lab, folder, "10-find-basic-auth"):
        account = page.get_by_placeholder("part of the name").first
        account.scroll_into_view_if_needed(timeout=SLOW)
        assert page.get_by_text("2 groups of 2 accounts").count()
        account.fill("scanner")
        page.get_by_text("1 groups of 1 accounts").wait_for(timeout=SLOW)
        account.fill("nobody at all")
        page.get_by_text("0 groups of 0 accounts").wait_for(timeout=SLOW)


def test_a_chart_is_a_figure_whose_series_come_and_go_and_not_the_picture_of_a_page(
    page: Page, lab: str, folder: Path
) -> None:
    with _run(page, lab, folder, "10-find-basic-auth") as cells:
        held = [output for cell in cells for output in cell["outputs"] if PLOTLY in output.get("data", {})]
        charts = page.locator(".jp-OutputArea-output.js-plotly-plot")
        charts.first.scroll_into_view_if_needed(timeout=SLOW)
        assert charts.count() == len(held) > 1
        assert page.locator("figure.drawn svg").count() == 0


def test_where_nobody_trusts_the_notebook_the_table_of_a_picture_stays_and_none_of_its_words(
    page: Page, lab: str, folder: Path
) -> None:
    days = tuple(TrendDay(date(2026, 11, day), day % 3, 0, 1, day == 4) for day in range(1, 20))
    data, about = SenderDays("Fewer by the day", days)._repr_mimebundle_()
    shown = {"output_type": "display_data", "data": data, "metadata": about}
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "", "execution_count": 1, "outputs": [shown]}
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    (folder / "sent.ipynb").write_text(json.dumps(book), encoding="utf-8")

    page.goto(f"{lab}/lab/tree/sent.ipynb?reset", wait_until="domcontentloaded")
    output = page.locator(".jp-OutputArea-output").first
    output.get_by_text("Fewer by the day", exact=True).wait_for(timeout=SLOW)

    assert output.locator("svg").count() == 0
    assert not output.get_by_text("Users and apps with OAuth").first.is_visible()
    output.get_by_text("The numbers as a table").click()
    assert output.get_by_role("cell", name="no records").is_visible()
    assert output.inner_text().startswith("Fewer by the day")
