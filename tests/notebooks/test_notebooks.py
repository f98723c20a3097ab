"""The notebooks as they are committed: without outputs, short cells, prose that reads the result."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from mailauth import parameters

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> Any:
    found: Any = json.loads(request.param.read_text(encoding="utf-8"))
    nbformat.validate(found)
    return found


def source(cell: Any) -> str:
    return "".join(cell["source"])


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def test_there_are_notebooks() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "00-start",
        "10-find-basic-auth",
        "20-register-app",
        "30-consent",
        "40-grant-mailboxes",
        "50-prove-mail-oauth",
        "60-close-basic",
        "80-diagnose",
        "90-tenant-report",
    ]


def test_it_is_committed_without_outputs(notebook: Any) -> None:
    assert [source(cell) for cell in code(notebook) if cell["outputs"] or cell["execution_count"]] == []


def test_it_declares_its_parameters_as_literals_with_a_comment_each(notebook: Any) -> None:
    cell = next(cell for cell in code(notebook) if "parameters" in cell["metadata"].get("tags", []))
    assert {"tenant": "", "config": "practice", "out": "reports"}.items() <= parameters.declared(source(cell)).items()
    assert all("  # " in line for line in source(cell).splitlines())


def test_a_cell_is_one_breath_and_defines_nothing(notebook: Any) -> None:
    for cell in code(notebook):
        if "parameters" not in cell["metadata"].get("tags", []):
            assert len(source(cell).splitlines()) <= 6
        defined = [line for line in ast.parse(source(cell)).body if isinstance(line, ast.FunctionDef | ast.ClassDef)]
        assert defined == []


def test_only_what_reads_sign_ins_takes_the_days_of_a_report() -> None:
    taking = [path.stem for path in NOTEBOOKS if "days" in _declared(path)]
    assert taking == ["10-find-basic-auth", "90-tenant-report"]


def _declared(path: Path) -> dict[str, object]:
    cells = code(json.loads(path.read_text("utf-8")))
    return dict(parameters.declared(source(next(c for c in cells if "parameters" in c["metadata"].get("tags", [])))))


SHOWS = re.compile(r"(runbook|registering|consenting|mailboxes|changing|closing|effective|report|answering|engineer)\.")


def test_what_a_cell_shows_is_read_by_the_prose_after_it(notebook: Any) -> None:
    cells = notebook["cells"]
    shown = [i for i, cell in enumerate(cells) if cell["cell_type"] == "code" and SHOWS.search(source(cell))]
    read = [i for i in shown if i + 1 < len(cells) and cells[i + 1]["cell_type"] == "markdown"]
    assert len(read) / len(shown) >= 0.85


def test_what_a_reader_of_90_sees_is_drawn_from_the_report_alone() -> None:
    [path] = [path for path in NOTEBOOKS if path.stem == "90-tenant-report"]
    cells = code(json.loads(path.read_text("utf-8")))
    seen = [
        source(cell) for cell in cells if not {"parameters", "notebook-only"} & set(cell["metadata"].get("tags", []))
    ]
    assert seen[0] == "found = run.reports.gather(edition, days=days)\nreport.first_screen(found)"
    assert [text for text in seen[1:] if not re.fullmatch(r"(report|answering|engineer)\.\w+\(found\)", text)] == []
