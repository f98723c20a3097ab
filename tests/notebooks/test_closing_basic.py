"""Notebook 60, run after run with the cloud's clock moved on, until what it shows is closed (proven)."""

import ast
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import papermill
import pytest

from mailauth.session import Run
from practice import tenants as stories
from tests.case_invented import mail
from tests.practice.closing import closing_in
from tests.practice.shutting import leave_sign_ins, shutting

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "60-close-basic.ipynb"
ERP, PRINTER = "erp@fabrikam.example", "printer@adatum.example"
LONG = timedelta(hours=25)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))


def walked(run: Run, **parameters: Any) -> str:
    """Run the notebook's cells on a run whose clock is the cloud's, and return all that they show."""
    cells = [each for each in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if each["cell_type"] == "code"]
    space: dict[str, Any] = {}
    exec("".join(cells[0]["source"]), space)
    space |= parameters
    shown: list[str] = []
    for cell in cells[1:]:
        body = ast.parse("".join(cell["source"])).body
        *first, last = [each for each in body if "session.open" not in ast.unparse(each)]
        space["run"] = run
        exec(compile(ast.Module(first, []), "cell", "exec"), space)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), space) if isinstance(last, ast.Expr) else None
        shown.append("\n".join(map(str, getattr(value, "views", [value]))))
    return "\n".join(shown)


def until_closed(opened: Callable[[], Run], pass_time: Callable[[], None], wave: str, rows: Any = ()) -> list[str]:
    """Run it with everything on, a day between two runs, until the wave is closed; return what each run showed."""
    shown: list[str] = []
    for _ in range(10):
        run = opened()
        leave_sign_ins(run, rows)
        shown.append(walked(run, wave=wave, apply=True, try_password=True))
        if f"Wave {wave}: closed (proven)" in shown[-1]:
            return shown
        pass_time()
    raise AssertionError(shown[-1])


def test_the_pilot_is_closed_and_proven_over_several_runs_and_taken_back(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        before = walked(lab.run)
        assert "nobody has looked: notebook 10 has left no evidence" in before
        assert "Nothing was changed" in before
        first, *_, last = until_closed(lambda: lab.run, lambda: lab.pass_time(hours=25), "pilot")
        assert "Wave pilot: a policy that takes no passwords: done" in first
        assert "Look again at " in first
        assert "A password is refused, as it should be" in last
        back = walked(lab.run, undo="pilot", apply=True)
        assert "Wave pilot: open" in walked(lab.run)
        secrets = [(tmp_path / name).read_text(encoding="utf-8") for name in ("canary.word", "daemon.secret")]
        left = [path.read_text(encoding="utf-8") for path in lab.folder.rglob("*") if path.is_file()]
        assert [word for word in secrets for text in (before, first, last, back, *left) if word in text] == []


def test_headless_it_shows_the_plan_and_changes_nothing(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        lab.sign_ins()
        given = {"config": str(lab.config), "out": str(lab.folder), "tenant": "woodgrove"}
        run = papermill.execute_notebook(str(NOTEBOOK), None, parameters=given, progress_bar=False, cwd=str(ROOT))
        shown = json.dumps([cell.get("outputs", []) for cell in run.cells])
        assert "Wave pilot: a policy that takes no passwords" in shown
        assert "If it is applied now, it counts at the latest at " in shown
        assert not (lab.folder / "woodgrove" / "receipts").exists()
        assert (lab.folder / "woodgrove" / "evidence" / "60-close-basic.json").is_file()


def excepting(name: str, address: str) -> Mapping[str, Any]:
    """Return what the tenants file says of closing a practice tenant, with one mailbox left out by name."""
    closing = stories.entry(name, ".")["closing"]
    return {**closing, "exceptions": [{"address": address, "reason": "replaced in March", "until": "2099-03-31"}]}


@pytest.mark.full  # some hundred requests each
@pytest.mark.parametrize(("name", "left_out"), [("adatum", PRINTER), ("fabrikam", ERP)])
def test_a_practice_tenant_is_closed_wave_by_wave(name: str, left_out: str, tmp_path: Path) -> None:
    closing = excepting(name, left_out)
    with closing_in(tmp_path, name, closing=closing, mail_apps=[], mailboxes=[]) as lab:
        rows = [mail(left_out, ago=ago) for ago in range(1, 20)]
        waves = [*dict.fromkeys(["pilot", *closing.get("groups", {}), "tenant"])]
        for wave in waves:
            shown = until_closed(lambda: lab.run, lambda: lab.pass_time(LONG), wave, rows)
        assert shown[-1].count("closed (proven)") >= len(waves)
        assert lab.takes_passwords() == {left_out}
