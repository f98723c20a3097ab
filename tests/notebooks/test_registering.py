"""Notebook 20 run headless on the practice tenant that has nothing yet: plan only, then applied, then taken back."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import papermill
import pytest
from ruamel.yaml import YAML

from mailauth import tenants
from practice import cloud, credentials
from practice import tenants as stories
from practice.cloud import Cloud

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "20-register-app.ipynb"


@dataclass
class Book:
    """The notebook and the tenant that it is run on."""

    practice: Cloud
    folder: Path

    def run(self, **parameters: Any) -> str:
        """Run it, and return all that its cells show."""
        given = {"tenant": "adatum", "config": str(self.folder / "tenants.yaml"), "out": str(self.folder / "reports")}
        run = papermill.execute_notebook(
            str(NOTEBOOK), None, parameters={**given, **parameters}, progress_bar=False, cwd=str(ROOT)
        )
        return json.dumps([cell.get("outputs", []) for cell in run.cells])

    def apps(self) -> list[str]:
        with self.practice.states.reading("adatum") as tenant:
            return [one.display_name for one in tenant.directory.applications]

    def receipts(self) -> list[Path]:
        return sorted((self.folder / "reports" / "adatum" / "receipts").glob("*.jsonl"))


@contextmanager
def opened(folder: Path) -> Iterator[Book]:
    given = credentials.kept(folder / "keys", ["adatum"])["adatum"]
    with cloud.start([stories.build("adatum", datetime.now(UTC), given)]) as practice:
        content = {"clouds": {"practice": practice.entry()}, "tenants": [stories.entry("adatum", "logs")]}
        with (folder / "tenants.yaml").open("w", encoding="utf-8") as text:
            YAML(typ="safe", pure=True).dump(content, text)
        yield Book(practice, folder)


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Book]:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    with opened(tmp_path) as found:
        yield found


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"flow": "app-only"}, id="app-only"),
        pytest.param({"flow": "delegated", "clients": "program"}, id="delegated", marks=pytest.mark.full),
    ],
)
def test_it_plans_registers_proves_and_takes_back(book: Book, asked: dict[str, str]) -> None:
    before = book.apps()
    shown = book.run(**asked)
    assert r"Register \u201cmail\u201d" in shown
    assert "Nothing was changed" in shown
    assert (book.apps(), book.receipts()) == (before, [])
    assert r"Change \u201cmail\u201d: nothing to change" in book.run(**asked, apply=True)
    assert book.apps() == [*before, "mail"]
    mail = tenants.load(book.folder / "tenants.yaml").tenant("adatum").mail_apps[0]
    assert mail.client_id
    record = json.loads((book.folder / "reports/adatum/evidence/20-register-app.json").read_text("utf-8"))
    assert record["data"]["outcome"] == "ok"
    [receipt] = book.receipts()
    book.run(**asked, apply=True, undo=str(receipt))
    assert book.apps() == before
    assert tenants.load(book.folder / "tenants.yaml").tenant("adatum").mail_apps == ()


def test_no_output_and_no_file_of_a_run_holds_the_secret(book: Book) -> None:
    shown = book.run(flow="app-only", credential="secret", keep_in="file:own.secret", apply=True)
    text = (book.folder / "own.secret").read_text("utf-8")
    reports = [path.read_text("utf-8") for path in (book.folder / "reports").rglob("*") if path.is_file()]
    state = (book.folder / "state" / "adatum.yaml").read_text("utf-8")
    assert len(text) == 40
    assert all(text not in each for each in (shown, state, *reports))


@pytest.mark.full
def test_it_rotates_and_retires(book: Book) -> None:
    # What one run has registered, the same run may renew.
    book.run(flow="app-only", apply=True, rotate="file")
    with book.practice.states.reading("adatum") as tenant:
        app = next(one for one in tenant.directory.applications if one.display_name == "mail")
        assert len(app.key_credentials) == 2
        newer = app.key_credentials[1].key_id
    book.run(flow="app-only", apply=True, retire="old")
    with book.practice.states.reading("adatum") as tenant:
        app = next(one for one in tenant.directory.applications if one.display_name == "mail")
        assert [one.key_id for one in app.key_credentials] == [newer]
