"""Notebook 50 run headless: what is refused is explained, what works is not, and the form is a hint."""

import json
from pathlib import Path
from typing import Any

import papermill
import pytest

from practice.wellknown import SIGN_IN_WORD
from tests import leaks
from tests.practice import mailing
from tests.practice.mailing import ADA
from tests.practice.mailrefusals import having
from tests.practice.provable import READER_SECRET, kept, provable
from tests.practice.woodgrove import SECRET

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "50-prove-mail-oauth.ipynb"


def ran(folder: Path, **parameters: Any) -> tuple[str, dict[str, Any]]:
    """Run the notebook; return all that its cells show, and what it leaves under ``data``."""
    given = {"config": str(folder / "tenants.yaml"), "out": str(folder / "out"), "tenant": "woodgrove"}
    run = papermill.execute_notebook(
        str(NOTEBOOK), None, parameters={**given, **parameters}, progress_bar=False, cwd=str(ROOT)
    )
    path = folder / "out" / "woodgrove" / "evidence" / "50-prove-mail-oauth.json"
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["data"]
    return json.dumps([cell.get("outputs", []) for cell in run.cells]), data


def test_it_explains_what_is_refused_and_tries_what_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    word = kept(tmp_path, "word", SIGN_IN_WORD)
    with provable(tmp_path, broken=having("ada_box", imap_enabled=False)) as lab:
        shown, data = ran(tmp_path, experiments=True, send=True, try_password_of=f"{ADA}={word}")
        box = mailing.box(lab.practice, ADA)
    outcomes = {(each["mailbox"], each["protocol"]): each["outcome"] for each in data["attempts"]}
    assert outcomes.pop((ADA, "imap")) == "refused"
    assert set(outcomes.values()) == {"ok"}
    [refused] = [each for each in data["attempts"] if each["outcome"] == "refused"]
    assert refused["causes"][0]["id"] == "I12"
    assert "Set mailboxes in the first cell" in shown
    assert data["password"]["state"] in ("closed", "open")
    assert len(box.messages) > 1
    secrets = {"daemon": SECRET, "reader": READER_SECRET, "word": SIGN_IN_WORD}
    assert leaks.search(secrets, folders=[tmp_path / "out"], texts={"notebook": shown}) == []
    assert "eyJ" not in shown
