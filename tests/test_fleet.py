"""Notebooks in, pages and outcomes out: what a run leaves when a notebook fails, and what it leaves alone."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from mailauth import fleet
from mailauth.cli import commands
from mailauth.fleet import Job, Outcome, outcomes
from mailauth.fleet.jobs import best

OUTCOME = Outcome("woodgrove", True, "quiet", "Nothing was seen.", made_at="2026-11-23T10:00:00Z", rehearsal=True)

WRITES = (
    "import json, pathlib\n"
    "folder = pathlib.Path(out, tenant, 'evidence')\n"
    "folder.mkdir(parents=True, exist_ok=True)\n"
    "NUMBERS = {'senders': 2, 'attention': 1, 'undecided': 3}\n"
    "data = {'state': {'word': 'exposed', 'sentence': 'Two senders.'}, 'headline': NUMBERS}\n"
    "text = json.dumps({'made_at': '2026-11-23T10:00:00Z', 'data': data})\n"
    "_ = (folder / '10-find-basic-auth.json').write_text(text)"
)

REPORTS = (
    "import json, pathlib\n"
    "folder = pathlib.Path(out, tenant, 'evidence')\n"
    "folder.mkdir(parents=True, exist_ok=True)\n"
    "NUMBERS = {'senders': 2, 'certificates': 4, 'attention': 1, 'undecided': 3, 'overdue': 1, 'expiring': 5}\n"
    "said = ['Two senders, one of them ', {'kind': 'address', 'value': 'a@b.example'}, '.']\n"
    "more = {'word': 'exposed', 'sentence': said, 'coverage': 'partial', 'blind': False, 'unproven': 6}\n"
    "ends = {'when': 'end of 2026', 'title': 'It ends', 'day': '2026-12-31', 'passed': False, 'senders': 2}\n"
    "over = {'when': '2025', 'title': 'It ended', 'day': '2025-12-31', 'passed': True, 'senders': 2}\n"
    "data = {'summary': NUMBERS | more, 'endings': [over, ends]}\n"
    "coverage = [{'source': 'files', 'to': '2026-11-22T10:00:00Z'}, {'source': 'tenant', 'to': None}]\n"
    "record = {'made_at': '2026-11-23T10:00:00Z', 'coverage': coverage, 'data': data}\n"
    "_ = (folder / '90-tenant-report.json').write_text(json.dumps(record))"
)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    searched = ("00-start", "10-find-basic-auth")
    return Job(tenant="woodgrove", config="none", out=str(tmp_path / "out"), project=str(tmp_path), notebooks=searched)


def notebook(project: str, name: str, code: str, *before: str) -> None:
    """Write a notebook with a title, the usual parameters, and the cells *before* and *code*."""

    def cell(source: str, *tags: str) -> dict[str, object]:
        known: dict[str, object] = {"execution_count": None, "outputs": [], "id": f"c{len(source)}"}
        return {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source, **known}

    cells = [cell('tenant: str = ""  # who\nout: str = ""  # where', "parameters"), *map(cell, before), cell(code)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path = Path(project, "notebooks", f"{name}.ipynb")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def test_an_outcome_is_read_from_the_evidence_of_this_run(job: Job) -> None:
    notebook(job.project, "00-start", "1 + 1")
    notebook(job.project, "10-find-basic-auth", WRITES)
    found = fleet.work(job)
    assert (found.assessed, found.state, found.sentence) == (True, "exposed", "Two senders.")
    assert (found.senders, found.attention, found.undecided) == (2, 1, 3)
    folder = Path(job.out) / "woodgrove"
    assert (folder / "index.html").read_bytes() == (folder / "10-find-basic-auth.html").read_bytes()
    again = fleet.work(dataclasses.replace(job, notebooks=("00-start",)))
    assert (again.state, again.sentence) == ("", "ran 00-start")
    assert (folder / "index.html").read_bytes() == (folder / "10-find-basic-auth.html").read_bytes()


def test_that_a_source_throttled_is_read_from_the_evidence_of_this_run_alone(job: Job) -> None:
    notebook(job.project, "00-start", "1 + 1")
    coverage = "[{'source': 'graph', 'state': 'unknown', 'code': 'throttled'}]"
    notebook(
        job.project, "10-find-basic-auth", WRITES.replace("'data': data}", f"'data': data, 'coverage': {coverage}}}")
    )
    found = fleet.work(job)
    assert (found.ended, found.assessed, found.throttled, found.coverage) == ("whole", True, True, "unknown")
    assert not fleet.work(dataclasses.replace(job, notebooks=("00-start",))).throttled
    notebook(job.project, "10-find-basic-auth", "raise ValueError('a defect')")
    assert not fleet.work(job).throttled


def test_the_report_outranks_the_search_in_what_is_said_and_shown(job: Job) -> None:
    notebook(job.project, "10-find-basic-auth", WRITES)
    notebook(job.project, fleet.FRONT, REPORTS)
    found = fleet.work(dataclasses.replace(job, notebooks=("10-find-basic-auth", fleet.FRONT)))
    assert found.sentence == "Two senders, one of them a@b.example."
    assert (found.senders, found.certificates, found.undecided, found.overdue) == (2, 4, 3, 1)
    assert (found.expiring, found.unproven, found.coverage, found.blind) == (5, 6, "partial", False)
    assert (found.stops, found.deadline, found.ends, found.when) == (2, "It ends", "2026-12-31", "end of 2026")
    assert (found.read_until, found.made_at) == ("2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z")
    assert found.pages == ("10-find-basic-auth", fleet.FRONT)
    folder = Path(job.out) / "woodgrove"
    assert (folder / "index.html").samefile(folder / f"{fleet.FRONT}.html")
    assert (folder / "index.html").read_bytes() == (folder / f"{fleet.FRONT}.html").read_bytes()


def test_without_a_front_page_the_index_is_what_says_most_of_what_was_run(job: Job) -> None:
    assert best(["00-start", "20-register-app", "50-prove-mail-oauth", "80-diagnose"]) == "50-prove-mail-oauth"
    assert best(["80-diagnose", "99-ours"]) == "80-diagnose"
    notebook(job.project, "00-start", "1 + 1")
    fleet.work(dataclasses.replace(job, notebooks=("00-start",)))
    folder = Path(job.out) / "woodgrove"
    assert (folder / "index.html").read_bytes() == (folder / "00-start.html").read_bytes()


def test_a_notebook_is_given_the_parameters_that_it_declares_and_no_other(job: Job) -> None:
    notebook(job.project, "00-start", "print(tenant, 'days' in globals())")
    only = dataclasses.replace(job, notebooks=("00-start",), parameters={"days": 7})
    assert fleet.work(only).assessed
    said = json.loads((Path(job.out) / "woodgrove" / "00-start.ipynb").read_text(encoding="utf-8"))
    outputs = [output["text"] for cell in said["cells"] for output in cell.get("outputs", ())]
    assert "".join(map("".join, outputs)).strip() == "woodgrove False"


def test_a_page_leads_back_to_the_index_only_where_one_is_written(job: Job) -> None:
    notebook(job.project, "00-start", "1 + 1")
    only = dataclasses.replace(job, notebooks=("00-start",))
    page = Path(job.out) / "woodgrove" / "00-start.html"
    for indexed in (True, False):
        fleet.work(dataclasses.replace(only, indexed=indexed))
        assert ("../index.html" in page.read_text(encoding="utf-8")) is indexed


def test_an_old_finding_never_stands_for_a_run_that_failed(job: Job) -> None:
    notebook(job.project, "10-find-basic-auth", WRITES)
    only = dataclasses.replace(job, notebooks=("10-find-basic-auth",))
    fleet.work(only)
    notebook(job.project, "10-find-basic-auth", "raise ValueError('the log is <b>gone</b>')")
    found = fleet.work(only)
    assert (found.assessed, found.state, found.senders) == (False, "", 0)
    assert found.sentence == "10-find-basic-auth stopped: ValueError: the log is <b>gone</b>"
    folder = Path(job.out) / "woodgrove"
    assert not (folder / "evidence" / "10-find-basic-auth.json").exists()
    assert len(list((folder / "history").iterdir())) == 1
    assert "&lt;b&gt;gone" in (folder / "index.html").read_text(encoding="utf-8")


def test_the_front_page_says_which_notebooks_before_it_did_not_run(job: Job) -> None:
    notebook(job.project, "10-find-basic-auth", "raise ValueError('the log is gone')")
    notebook(job.project, fleet.FRONT, REPORTS)
    fleet.work(dataclasses.replace(job, notebooks=("10-find-basic-auth", fleet.FRONT)))
    page = (Path(job.out) / "woodgrove" / f"{fleet.FRONT}.html").read_text(encoding="utf-8")
    assert "Not everything before this page was run" in page
    assert "10-find-basic-auth stopped: ValueError: the log is gone" in page


@pytest.mark.parametrize(
    ("known", "finding", "status"),
    [
        pytest.param({"expiring": None}, "expiring", 1, id="nobody looked at credentials"),
        pytest.param({"expiring": 0}, "expiring", 0, id="somebody looked and none ends"),
        pytest.param({"unproven": None}, "unproven", 1, id="nobody looked at proofs"),
        pytest.param({"unproven": 0, "expiring": None}, "unproven", 0, id="nobody asked about credentials"),
        pytest.param({"watched": "cannot know"}, "broken", 1, id="nobody knows what is closed"),
        pytest.param({"watched": "cannot know"}, "basic", 0, id="nobody asked about what is closed"),
    ],
)
def test_what_nobody_looked_at_counts_as_a_finding_and_is_said(
    known: Any, finding: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcomes.remember(tmp_path, [dataclasses.replace(OUTCOME, **known)])

    assert commands.main(["index", str(tmp_path), "--fail-on", finding], standalone_mode=False) == status
    said = f"--fail-on {finding}: woodgrove: "
    assert (said in capsys.readouterr().err) is bool(status)


@pytest.mark.parametrize(("word", "status"), [("", 0), ("held", 0), ("broken", 1)])
def test_what_was_closed_and_is_not_any_more_is_a_finding(word: str, status: int, tmp_path: Path) -> None:
    outcomes.remember(tmp_path, [dataclasses.replace(OUTCOME, watched=word)])

    assert commands.main(["index", str(tmp_path), "--fail-on", "broken"], standalone_mode=False) == status


def test_a_total_is_of_the_tenants_of_which_it_is_known() -> None:
    blind, seen = (dataclasses.replace(OUTCOME, expiring=count) for count in (None, 2))

    assert outcomes.totals([blind])["expiring"] is None
    assert outcomes.totals([blind, seen])["expiring"] == 2
    assert outcomes.totals([])["expiring"] == 0


def test_a_kernel_that_dies_leaves_a_page_that_says_so_and_the_next_notebook_runs(job: Job) -> None:
    notebook(job.project, "00-start", "import os; os._exit(9)")
    notebook(job.project, "10-find-basic-auth", WRITES)
    found = fleet.work(job)
    assert (found.assessed, found.state) == (False, "exposed")
    assert "the kernel died" in found.sentence
    assert "the kernel died" in (Path(job.out) / "woodgrove" / "00-start.html").read_text(encoding="utf-8")


def test_when_the_time_is_over_what_was_reached_is_shown_and_the_front_is_made_of_it(job: Job) -> None:
    notebook(job.project, "00-start", "print('this far'); import time; time.sleep(120)")
    notebook(job.project, "20-register-app", "1 + 1")
    notebook(job.project, fleet.FRONT, REPORTS)
    names = ("00-start", "20-register-app", fleet.FRONT)
    found = fleet.work(dataclasses.replace(job, notebooks=names), limit_s=4)
    assert (found.assessed, found.ended, found.state) == (False, "limit", "exposed")
    assert found.sentence.startswith("00-start stopped: the tenant's time of 4 s was over; 20-register-app ")
    folder = Path(job.out) / "woodgrove"
    pages = {name: (folder / f"{name}.html").read_text(encoding="utf-8") for name in names}
    assert "this far" in pages["00-start"]
    assert "the tenant&#x27;s time of 4 s was over" in pages["00-start"]
    assert "not begun: the tenant&#x27;s time of 4 s was over" in pages["20-register-app"]
    assert "This run did not end" not in pages[fleet.FRONT]


def test_a_process_that_is_killed_leaves_the_page_of_what_it_reached(job: Job) -> None:
    # The notebook is written down twice a second while it runs.
    notebook(job.project, "00-start", "import os, time; time.sleep(1); os.kill(os.getppid(), 9)", "print('so far')")
    notebook(job.project, fleet.FRONT, REPORTS)
    said: list[str] = []
    only = dataclasses.replace(job, notebooks=("00-start", fleet.FRONT))
    [found] = fleet.run([only], workers=1, say=said.append, patience=fleet.Patience(attempts=1))
    assert (found.assessed, found.ended, found.state) == (False, "died", "exposed")
    folder = Path(job.out) / "woodgrove"
    page = (folder / "00-start.html").read_text(encoding="utf-8")
    assert "so far" in page
    assert "This run did not end" in page
    assert "the process was killed; a machine that ran out of memory does that" in page
    assert (folder / "index.html").read_bytes() == (folder / f"{fleet.FRONT}.html").read_bytes()
    assert [path.name for path in Path(job.out).rglob("*.part")] == []
    assert json.loads((Path(job.out) / "fleet.json").read_text(encoding="utf-8"))["tenants"][0]["ended"] == "died"


def test_tenants_of_earlier_runs_stay_in_the_index_until_they_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "woodgrove").mkdir()
    (tmp_path / "northwind").mkdir()
    fleet.remember(tmp_path, [OUTCOME])
    both = fleet.remember(tmp_path, [dataclasses.replace(OUTCOME, tenant="northwind", state="exposed")])
    assert [row.tenant for row in both] == ["northwind", "woodgrove"]
    assert "woodgrove" in (tmp_path / "index.html").read_text(encoding="utf-8")
    (tmp_path / "woodgrove").rmdir()
    assert [row.tenant for row in fleet.remember(tmp_path, [])] == ["northwind"]
    assert "woodgrove" not in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("text", ["", "[]", '{"tenants": [{"name": 1}]}'], ids=["empty", "no mapping", "foreign"])
def test_a_fleet_file_that_is_none_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "fleet.json").write_text(text, encoding="utf-8")
    assert fleet.recall(tmp_path) == {}
