"""Real workers with real kernels, killed at random moments together with the run itself; what they leave is whole.

The same claim is held with a worker that runs no notebook in test_fleet_scheduling, in seconds and in every test run.
"""

import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest

from mailauth.services import store
from tests.test_fleet import REPORTS, notebook

RUN = """
import sys
from mailauth import fleet
from mailauth.fleet import Job, Patience
project, tenants = sys.argv[1], int(sys.argv[2])
names = ("00-start", "90-tenant-report")
jobs = [Job(f"t{n:04}", "none", f"{project}/out", project, notebooks=names, indexed=True) for n in range(tenants)]
fleet.run(jobs, workers=2, say=lambda line: print(line, flush=True), patience=Patience(8, 0.5, 1))
"""
ROWS = "rows = [{'user': f'u{n}@a.example', 'day': n % 30} for n in range(200)]; len(rows)"


def running(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Return the workers, the tenants' processes and their kernels."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


@pytest.mark.full
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("tenants", [12, 1_000])
def test_after_kills_at_random_moments_every_tenant_has_one_whole_page(
    tmp_path: Path, tenants: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    notebook(str(tmp_path), "00-start", ROWS)
    notebook(str(tmp_path), "90-tenant-report", REPORTS)
    out, chance, killed, resumed = tmp_path / "out", random.Random(1), Counter[str](), 0
    command = [sys.executable, "-c", RUN, str(tmp_path), str(tenants)]
    again = True
    while again:
        lives = chance.randint(3, 6) if tenants < 100 else chance.randint(50, 400)
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                resumed += "taking up the run that began at" in line
                ended = re.match(r"(t\d{4}): .*; [\d,]+ of ", line)
                lives -= bool(ended)
                if chance.random() < (0.1 if tenants < 100 else 0.01) and (found := running(process)):
                    chance.choice(found).kill()
                    killed["beside"] += 1
                if ended:
                    page = (out / ended[1] / "index.html").read_text(encoding="utf-8")
                    assert page.rstrip().endswith("</html>")
                if lives <= 0 and killed["run"] < (3 if tenants < 100 else 6):
                    beside = running(process)
                    process.kill()
                    killed["run"] += 1
                    assert psutil.wait_procs(beside, timeout=20)[1] == [], "a process outlived its run"
                    break
        again = process.returncode != 0
        assert killed["run"] or not again, "it ended by itself"
    print(f"{killed['run']} runs and {killed['beside']} processes beside them were killed, {resumed} runs taken up")
    assert resumed
    rows = json.loads((out / "fleet.json").read_text(encoding="utf-8"))["tenants"]
    assert [row["tenant"] for row in rows] == [f"t{number:04}" for number in range(tenants)]
    assert Counter(row["ended"] for row in rows) == {"whole": tenants}
    wanted = {"00-start.html", "00-start.ipynb", "90-tenant-report.html", "90-tenant-report.ipynb", "index.html"}
    for row in rows:
        folder = out / row["tenant"]
        assert {path.name for path in folder.iterdir() if path.is_file()} == wanted
        assert (folder / "index.html").read_bytes() == (folder / "90-tenant-report.html").read_bytes()
        assert json.loads((folder / "evidence" / "90-tenant-report.json").read_text())["data"]
    assert list(out.rglob("*.part")) == []
    assert list((store.home() / "tenants").glob("*/.run")) == []
    assert list((store.home() / "fleet").glob("*/run.json")) == []
