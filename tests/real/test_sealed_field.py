"""The field for what nobody else is to read: in a browser, and in JupyterLab that saves the state of its widgets."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import ipywidgets
import pytest
from playwright.sync_api import Page, sync_playwright

from mailauth.views.sealing import Field
from tests.real import labserver
from tests.real.test_browser import CHROMIUM, FLAGS

TEXT = "A01 BAD User is authenticated but not connected.\nclient_secret=Planted-Se\u00fcret-0123456789\n" * 20
CANARY = "Planted-Se"


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    if not CHROMIUM:
        pytest.fail("chromium is missing, and CI is set") if os.environ.get("CI") else pytest.skip("no chromium")
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium.new_page()
        chromium.close()


@pytest.mark.parametrize("lines", [1, 6])
def test_what_is_typed_leaves_the_browser_sealed_and_the_field_empty(page: Page, lines: int, tmp_path: Path) -> None:
    taken: list[str] = []
    field = Field(label="Paste", button="Explain it", hint="here", take=taken.append, lines=lines)
    name = re.search(r'data-inbox="([^"]+)"', field.form.value)
    assert name
    content = f'<meta charset="utf-8">{field.form.value}<div class="{name[1]}"><textarea></textarea></div>'
    (tmp_path / "page.html").write_text(content, encoding="utf-8")
    page.goto((tmp_path / "page.html").as_uri())
    typed = TEXT if lines > 1 else "ada@woodgrove.example"
    page.get_by_role("textbox", name="Paste").fill(typed)
    if lines > 1:
        page.get_by_role("button", name="Explain it").click()
    else:
        page.keyboard.press("Enter")
    page.wait_for_function(f"document.querySelector('.{name[1]} textarea').value")
    sealed = page.locator(f".{name[1]} textarea").input_value()
    assert CANARY not in sealed
    assert page.get_by_role("textbox", name="Paste").input_value() == ""
    field.inbox.set_state({"value": sealed})
    assert taken == [typed]
    assert CANARY not in json.dumps(ipywidgets.Widget.get_manager_state())
    ipywidgets.Widget.close_all()


CELL = """from datetime import UTC, datetime
from mailauth import diagnosed, pasted
from mailauth.views import diagnosing
diagnosing.Pasting(lambda text, **_: diagnosed.diagnosed(pasted.read(text), now=datetime.now(UTC)))"""


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """JupyterLab on one notebook, set to save the state of its widgets."""
    settings = tmp_path / "settings" / "@jupyter-widgets" / "jupyterlab-manager"
    settings.mkdir(parents=True)
    (settings / "plugin.jupyterlab-settings").write_text('{"saveState": true}')
    cell: dict[str, object] = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    cells = [{**cell, "id": f"c{len(text)}", "source": text} for text in (CELL, "import time; time.sleep(4)")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "form.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    with labserver.serving(tmp_path) as address:
        yield address


@pytest.mark.full
def test_no_notebook_that_jupyterlab_saves_ever_holds_what_was_pasted(page: Page, lab: str, tmp_path: Path) -> None:
    page.goto(f"{lab}/lab/tree/form.ipynb?reset", wait_until="domcontentloaded")
    page.locator(".jp-CodeCell").first.wait_for(timeout=90_000)
    page.wait_for_timeout(3_000)
    page.locator(".jp-CodeCell").first.click()
    page.keyboard.press("Shift+Enter")
    page.get_by_role("textbox", name="Paste").wait_for(timeout=90_000)
    page.get_by_role("textbox", name="Paste").fill(TEXT[:200])
    _saved(page, tmp_path)  # typed
    page.keyboard.press("Shift+Enter")  # from here on the kernel has no time for widgets
    page.get_by_role("button", name="Explain it").click()
    _saved(page, tmp_path)  # pressed, and not taken yet
    page.get_by_text("What is behind it").wait_for(timeout=60_000)
    _saved(page, tmp_path)  # explained


def _saved(page: Page, folder: Path) -> None:
    """Leave the field, save, and look at what was saved."""
    page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Control+s")
    page.wait_for_timeout(1_500)
    saved = (folder / "form.ipynb").read_text(encoding="utf-8")
    assert "application/vnd.jupyter.widget-state+json" in saved
    assert CANARY not in saved
