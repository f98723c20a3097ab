"""Notebook 40 run headless: plan only, then applied, then taken back; and on what a script collected."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import papermill
import pytest

from tests.practice import mailing
from tests.practice.granting import ADA, Lab, bare, granting

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "40-grant-mailboxes.ipynb"


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    with granting(tmp_path, bare(), ADA) as found:
        yield found


def ran(folder: Path, **parameters: Any) -> str:
    """Run the notebook and return all that its cells show."""
    given = {"config": str(folder / "tenants.yaml"), "out": str(folder), "tenant": "woodgrove"}
    run = papermill.execute_notebook(
        str(NOTEBOOK), None, parameters={**given, **parameters}, progress_bar=False, cwd=str(ROOT)
    )
    return json.dumps([cell.get("outputs", []) for cell in run.cells])


def test_it_plans_grants_looks_again_and_takes_back_and_neither_shows_nor_leaves_a_secret(
    lab: Lab, tmp_path: Path
) -> None:
    before = lab.exchange()
    shown = ran(tmp_path)
    assert r"Have Exchange know \u201cmail\u201d" in shown
    assert "Nothing was changed" in shown
    assert lab.exchange() == before
    applied = ran(tmp_path, apply=True)
    assert "nothing to change" in applied
    token = mailing.app_only(lab.practice, lab.made)
    assert lab.sign_in("imap", mailing.ADA, token)[0].startswith("OK")
    record = json.loads((tmp_path / "woodgrove" / "evidence" / "40-grant-mailboxes.json").read_text(encoding="utf-8"))
    assert {step["outcome"] for step in record["data"]["plan"]["steps"]} == {"done"}
    [receipt] = (tmp_path / "woodgrove" / "receipts").glob("*.jsonl")
    undone = ran(tmp_path, apply=True, undo=str(receipt))
    assert lab.exchange() == before
    secret = (tmp_path / "runbook-secret").read_text(encoding="utf-8")
    left = [path.read_text(encoding="utf-8") for path in (tmp_path / "woodgrove").rglob("*") if path.is_file()]
    assert left
    assert [text for text in (shown, applied, undone, *left) if secret in text or "eyJ" in text] == []
