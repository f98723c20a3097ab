"""The main job, run as its user runs it: a process, the practice tenants, the pages it leaves."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from mailauth import session
from tests.starting import mailauth

ROOT = Path(__file__).resolve().parent.parent


def started(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mailauth", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.CompletedProcess[str], Path]]:
    folder = tmp_path_factory.mktemp("reports")
    yield started("report", "--no-open", "--out", str(folder)), folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.xdist_group("report")
class TestPractice:
    """One run over the practice tenants."""

    def test_it_ends_with_0_and_the_path_of_the_page(
        self, reports: tuple[subprocess.CompletedProcess[str], Path]
    ) -> None:
        done, folder = reports
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1] == str(folder / "index.html")

    @pytest.mark.parametrize("tenant", ["contoso", "fabrikam", "northwind", "adatum"])
    def test_it_leaves_pages_evidence_and_tables_for_each_tenant(
        self, reports: tuple[subprocess.CompletedProcess[str], Path], tenant: str
    ) -> None:
        folder = reports[1] / tenant
        names = ("index.html", "00-start.html", "10-find-basic-auth.html", "10-find-basic-auth.ipynb")
        for name in (*names, "90-tenant-report.html"):
            assert (folder / name).stat().st_size > 1_000
        assert (folder / "tables" / "senders.csv").read_bytes().startswith(b"\xef\xbb\xbf")
        record = json.loads((folder / "evidence" / "10-find-basic-auth.json").read_text(encoding="utf-8"))
        assert (record["tenant"], record["rehearsal"]) == (tenant, True)
        assert record["coverage"]

    def test_nothing_is_readable_by_others(self, reports: tuple[subprocess.CompletedProcess[str], Path]) -> None:
        if os.name == "nt":
            pytest.skip("Windows has no such modes; the user's profile is private there")
        assert [path.name for path in reports[1].rglob("*") if path.stat().st_mode & 0o077] == []

    def test_the_log_that_cannot_answer_is_said_to_be_so(
        self, reports: tuple[subprocess.CompletedProcess[str], Path]
    ) -> None:
        text = (reports[1] / "northwind" / "evidence" / "10-find-basic-auth.json").read_text(encoding="utf-8")
        assert json.loads(text)["data"]["state"]["word"] == "cannot know"

    def test_a_page_fetches_nothing_and_stays_below_its_size(
        self, reports: tuple[subprocess.CompletedProcess[str], Path]
    ) -> None:
        page = (reports[1] / "fabrikam" / "index.html").read_text(encoding="utf-8")
        assert len(page.encode()) < 2_500_000
        assert "default-src 'none'" in page
        assert re.findall(r"<(?:script|img|link|iframe)[^>]+(?:src|href)=[\"'](?!data:|#)", page) == []

    def test_headless_and_interactive_give_the_same_numbers(
        self, reports: tuple[subprocess.CompletedProcess[str], Path]
    ) -> None:
        case = session.open("fabrikam").find()
        text = (reports[1] / "fabrikam" / "evidence" / "10-find-basic-auth.json").read_text(encoding="utf-8")
        headless = {row["sender_id"]: row["successes"] for row in json.loads(text)["data"]["groups"]}
        assert {group.sender_id: group.successes for group in case.findings.groups} == headless

    def test_nothing_that_a_run_leaves_tells_of_the_machine(
        self, reports: tuple[subprocess.CompletedProcess[str], Path]
    ) -> None:
        told = [str(ROOT), str(reports[1]), os.environ["MAILAUTH_HOME"], os.environ["MAILAUTH_PRACTICE_HOME"]]
        for path in reports[1].rglob("*.*"):
            text = path.read_text(encoding="utf-8")
            assert [path.name for place in told if place in text] == []

    def test_the_notebook_beside_the_page_opens_in_jupyterlab(
        self, reports: tuple[subprocess.CompletedProcess[str], Path]
    ) -> None:
        path = reports[1] / "fabrikam" / "10-find-basic-auth.ipynb"
        nbformat.validate(json.loads(path.read_text(encoding="utf-8")))

    def test_findings_end_with_1_only_when_asked(self, reports: tuple[subprocess.CompletedProcess[str], Path]) -> None:
        rows = json.loads((reports[1] / "fleet.json").read_text(encoding="utf-8"))["tenants"]
        assert {row["tenant"]: (row["senders"] > 0, row["state"]) for row in rows} == {
            "contoso": (False, "quiet"),
            "fabrikam": (True, "exposed"),
            "northwind": (True, "cannot know"),
            "adatum": (True, "exposed"),
        }


def test_a_tenant_that_fails_does_not_stop_the_others_and_leaves_its_page(tmp_path: Path) -> None:
    (tmp_path / "tenants.yaml").write_text(
        "tenants:\n"
        "  - {name: broken, tenant_id: 11111111-1111-1111-1111-111111111111, decisions: decisions.yaml}\n"
        "  - {name: empty, tenant_id: 22222222-2222-2222-2222-222222222222}\n",
        encoding="utf-8",
    )
    (tmp_path / "decisions.yaml").write_text("senders: nobody\n", encoding="utf-8")
    done = started("report", "--no-open", "--config", "tenants.yaml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "decisions.yaml line 1" in done.stderr
    page = (tmp_path / "out" / "broken" / "index.html").read_text(encoding="utf-8")
    assert "Not everything before this page was run" in page
    assert "10-find-basic-auth stopped: ConfigurationError: decisions.yaml line 1" in page
    assert "This step stopped" in (tmp_path / "out/broken/10-find-basic-auth.html").read_text(encoding="utf-8")
    assert "Traceback" not in page
    record = json.loads((tmp_path / "out/empty/evidence/10-find-basic-auth.json").read_text(encoding="utf-8"))
    assert record["data"]["state"]["word"] == "cannot know"


def test_a_tenant_that_nobody_could_look_at_ends_with_1(tmp_path: Path) -> None:
    text = "tenants:\n  - {name: a, tenant_id: a.example, signin_logs: [{files: none/*}], decisions: none.yaml}\n"
    (tmp_path / "tenants.yaml").write_text(text, encoding="utf-8")
    checked = mailauth("check", "--config", "tenants.yaml", cwd=tmp_path)
    assert checked.returncode == 1
    assert "none.yaml" in checked.stdout
    assert "none/*: no such file" in checked.stdout
    (tmp_path / "tenants.yaml").write_text(text.replace(", decisions: none.yaml", ""), encoding="utf-8")
    done = started("report", "--no-open", "--config", "tenants.yaml", "--out", "out", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    page = (tmp_path / "out" / "a" / "index.html").read_text(encoding="utf-8")
    assert "No sign-in record was read" in page
    assert "SMTP AUTH senders with a password now" not in page


def test_a_parameter_that_the_notebook_does_not_declare_stops_it(tmp_path: Path) -> None:
    import papermill

    with pytest.raises(papermill.PapermillExecutionError, match=r"no parameter 'tennant'.*Did you mean 'tenant'"):
        papermill.execute_notebook(
            str(ROOT / "notebooks" / "00-start.ipynb"),
            str(tmp_path / "out.ipynb"),
            parameters={"tennant": "northwind", "out": str(tmp_path)},
            cwd=str(ROOT / "notebooks"),
            progress_bar=False,
        )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["report", "--tenant", "cantoso"], "tenant: found 'cantoso'", id="unknown tenant"),
        pytest.param(["report", "--config", "none.yaml"], "none.yaml", id="no such file"),
        pytest.param(["report", "--notebooks", "11-find"], "--notebooks: found '11-find'", id="unknown notebook"),
        pytest.param(["report", "--fail-on", "rain"], "--fail-on: found 'rain'", id="unknown finding"),
        pytest.param(["report", "--shard", "9/3"], "--shard: found '9/3'", id="impossible shard"),
        pytest.param(["report", "--days", "-1"], "-1 is not in the range", id="negative days"),
        pytest.param(["report", "--limit", "-1"], "-1 is not in the range", id="negative limit"),
        pytest.param(["reprot"], "No such command 'reprot'", id="unknown command"),
    ],
)
def test_wrong_usage_ends_with_2_and_names_what_was_found(arguments: list[str], complaint: str, tmp_path: Path) -> None:
    done = mailauth(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_was_used_wrongly_ends_with_2_and_without_a_traceback(tmp_path: Path) -> None:
    done = started("report", "--tenant", "cantoso", cwd=tmp_path)
    assert done.returncode == 2
    assert "tenant: found 'cantoso'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a console of its own is needed to send Ctrl-C on Windows")
def test_an_interrupted_run_ends_with_130_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mailauth", "report", "--no-open", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert "started" in process.stderr.readline()
    time.sleep(3)
    if sys.platform != "win32":
        os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert [path.name for path in tmp_path.rglob("*") if path.suffix == ".part"] == []


def test_forgetting_a_tenant_removes_what_is_kept_of_it(tmp_path: Path) -> None:
    session.open("northwind").find()
    kept = Path(os.environ["MAILAUTH_HOME"], "tenants", "northwind")
    assert kept.is_dir()
    done = mailauth("forget", "--tenant", "northwind", "--out", str(tmp_path))
    assert (done.returncode, done.stdout) == (0, f"removed {kept}\n")
    assert not kept.exists()
    assert "nothing is kept" in mailauth("forget", "--tenant", "northwind", "--out", str(tmp_path)).stdout
