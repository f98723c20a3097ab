"""Notebook 90's part of a session: what lies in a tenant's folder becomes its report, whatever lies there."""

import json
import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth import evidence, report, tenants
from mailauth.errors import ConfigurationError, EvidenceError
from mailauth.services import store
from mailauth.session import Run
from tests.case_invented import NOW, SCANNER, case, mail
from tests.exported import envelope, lines, write
from tests.readings import stamped

TENANT_ID = "11111111-1111-1111-1111-111111111111"
DAILY = [mail(ago=ago) for ago in range(1, 20)]
FINDS = "10-find-basic-auth"


def opened(folder: Path, more: str = "") -> Run:
    """Return a run on a tenant whose folder is *folder*, on the day of the invented evidence."""
    path = folder / "tenants.yaml"
    path.write_text(f"tenants:\n  - {{name: woodgrove, tenant_id: {TENANT_ID}{more}}}\n", encoding="utf-8")
    configuration = tenants.load(path)
    out = folder / "reports" / "woodgrove"
    return Run(configuration, configuration.tenant("woodgrove"), out, tell=lambda _: None, now=lambda: NOW)


def leave(run: Run, record: Any, *, name: str = FINDS, history: str = "") -> Path:
    """Write a record where a notebook leaves it, or where an earlier run's is kept."""
    kept = run.folder / "history" / f"{name}.{history}.json"
    return store.write_evidence(kept if history else run.folder / "evidence" / f"{name}.json", record)


def test_an_empty_folder_is_a_report_that_knows_nothing(tmp_path: Path) -> None:
    found = opened(tmp_path).reports.gather()

    assert found.state.word == "cannot know"
    assert {each.state for each in found.looked.sources} == {"not there"}
    assert found.changes.since is None


def test_what_a_notebook_left_is_in_the_report_and_the_report_is_kept_and_read_back(tmp_path: Path) -> None:
    run = opened(tmp_path)
    leave(run, evidence.findings(case(DAILY)))

    found = run.reports.gather()
    kept = run.reports.keep(found)

    assert (found.state.word, found.summary.senders) == ("exposed", 1)
    assert kept == run.folder / "evidence" / "90-tenant-report.json"
    assert report.read(json.loads(kept.read_text(encoding="utf-8"))) == found


@pytest.mark.parametrize("left", [pytest.param(b"", id="empty"), pytest.param(b'{"schema": 1}', id="another shape")])
def test_a_broken_file_is_coverage_and_stops_nothing(tmp_path: Path, left: bytes) -> None:
    run = opened(tmp_path)
    leave(run, evidence.findings(case(DAILY)))
    (run.folder / "evidence" / "30-consent.json").write_bytes(left)
    store.write_bytes(run.folder / "receipts" / "r.jsonl", left)
    store.write_bytes(run.folder / "history" / f"{FINDS}.20261101T000000Z.json", left)

    found = run.reports.gather()

    assert found.state.word == "exposed"
    assert {each.what for each in found.coverage} >= {"evidence of notebook 30", "receipts"}


def test_the_evidence_of_another_tenant_is_named_and_not_read(tmp_path: Path) -> None:
    run = opened(tmp_path)
    record = evidence.findings(case(DAILY))
    leave(run, {**record, "data": {**record["data"], "tenant_id": "22222222-2222-2222-2222-222222222222"}})

    found = run.reports.gather()

    assert found.state.word == "cannot know"
    assert "is another tenant's" in found.state.sentence.plain()
    assert not found.stops


def test_a_decisions_file_counts_as_it_stands_now_and_a_wrong_one_is_coverage(tmp_path: Path) -> None:
    decisions = tmp_path / "woodgrove.yaml"
    run = opened(tmp_path, ", decisions: woodgrove.yaml")
    leave(run, evidence.findings(case(DAILY)))

    decisions.write_text(f"senders: [{{user: {SCANNER}, owner: J. Ward}}]", encoding="utf-8")
    assert run.reports.gather().stops[0].owner == "J. Ward"

    decisions.write_text("senders: [{user: nobody, action: dance}]", encoding="utf-8")
    found = run.reports.gather()
    assert found.stops[0].owner == ""
    assert "decisions" in {each.what for each in found.coverage}


def test_the_run_before_is_the_newest_in_history_and_the_first_the_oldest(tmp_path: Path) -> None:
    run = opened(tmp_path)
    two = [*DAILY, *(mail("erp@woodgrove.example", ago=ago) for ago in range(1, 9))]
    for days, rows in ((21, two), (14, DAILY)):
        at = NOW - timedelta(days=days)
        leave(run, stamped(evidence.findings(case(rows)), at), history=f"{at:%Y%m%dT%H%M%SZ}")
    leave(run, evidence.findings(case(DAILY)))

    found = run.reports.gather()

    assert found.changes.since == NOW - timedelta(days=14)
    assert [each.senders for each in found.trend.points] == [2, 1, 1]
    assert found.progress.since == NOW - timedelta(days=21)


def test_a_report_goes_on_from_the_one_before_when_history_has_gone(tmp_path: Path) -> None:
    run = opened(tmp_path)
    at = NOW - timedelta(days=7)
    two = [*DAILY, *(mail("erp@woodgrove.example", ago=ago) for ago in range(8, 12))]
    leave(run, stamped(evidence.findings(case(two)), at))
    early = replace(run, now=lambda: at)
    early.reports.keep(early.reports.gather())
    store.retire(run.folder, "90-tenant-report", keep=timedelta(days=3_000))
    leave(run, evidence.findings(case(DAILY)))

    found = run.reports.gather()

    assert [each.senders for each in found.trend.points] == [2, 1]
    assert {each.account for each in found.progress.known} == {SCANNER, "erp@woodgrove.example"}


def test_the_shareable_edition_is_drawn_from_a_mapped_record_only(tmp_path: Path) -> None:
    run = opened(tmp_path)
    leave(run, evidence.findings(case(DAILY)))
    kept = run.reports.keep(run.reports.gather())

    with pytest.raises(ConfigurationError, match=r"is the report in full\. Run `mailauth share`"):
        run.reports.gather(edition="shareable")

    record = json.loads(kept.read_text(encoding="utf-8"))
    mapped = {**record, "edition": "shareable", "data": {**record["data"], "tenant_id": "id-1"}}
    store.write_evidence(kept, mapped)
    shutil.rmtree(run.folder / "history", ignore_errors=True)
    (run.folder / "evidence" / f"{FINDS}.json").unlink()
    found = run.reports.gather(edition="shareable")
    assert (found.edition, found.tenant_id, found.state.word) == ("shareable", "id-1", "exposed")


def test_without_a_report_there_is_no_shareable_edition(tmp_path: Path) -> None:
    with pytest.raises(EvidenceError, match="evidence report: it is no JSON"):
        opened(tmp_path).reports.gather(edition="shareable")


def test_an_edition_that_there_is_not_is_refused(tmp_path: Path) -> None:
    edition: Any = "public"
    with pytest.raises(ConfigurationError, match=r"edition: found 'public'; expected full or shareable"):
        opened(tmp_path).reports.gather(edition=edition)


def test_sign_ins_on_this_machine_are_read_anew_where_nobody_has_looked_for_a_day(tmp_path: Path) -> None:
    write(tmp_path / "exports" / "signins.json", lines([envelope(1)]))
    run = replace(opened(tmp_path, ', signin_logs: [{files: ["exports/*.json"]}]'))
    old = stamped(evidence.findings(case(DAILY)), NOW - timedelta(days=2))
    path = leave(run, old)
    os.utime(path, (0, (NOW - timedelta(days=2)).timestamp()))

    found = run.reports.gather()

    assert found.looked.sources[1].age_s == 0
    assert found.changes.since == NOW - timedelta(days=2)
    assert json.loads(path.read_text(encoding="utf-8"))["made_at"] != old["made_at"]


def test_a_log_that_somebody_would_have_to_be_asked_for_is_not_read_for_a_report(tmp_path: Path) -> None:
    run = opened(tmp_path, ", signin_logs: [{graph: {}}]")
    leave(run, stamped(evidence.findings(case(DAILY)), NOW - timedelta(days=2)))

    found = run.reports.gather()

    assert (found.state.word, found.looked.sources[1].age_s) == ("exposed", 2 * 24 * 3600)
