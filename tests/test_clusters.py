"""Tenants on a Dask cluster: by TLS or on loopback only, and a worker that dies costs an attempt and no tenant."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import fsspec
import psutil
import pytest

from mailauth import fleet
from mailauth.errors import ConfigurationError
from mailauth.fleet import Job, Outcome, Patience, Place, clusters
from mailauth.fleet.workers import Answer, Teller, Worker, close
from mailauth.services import store
from tests import daskcluster

dask = pytest.importorskip("dask", reason="the extra dask is not installed")
pytest.importorskip("distributed", reason="the extra dask is not installed")

WORKER = (sys.executable, str(Path(__file__).with_name("fleetworker.py")))
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest.mark.parametrize("address", ["tls://dask.example:8786", "tcp://127.0.0.1:8786", "tcp://[::1]:8786"])
def test_tenants_travel_by_tls_or_stay_on_this_machine(address: str) -> None:
    assert clusters.checked(address) == address


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("tcp://10.0.0.4:8786", "not encrypted"),
        ("tcp://localhost.example:8786", "not encrypted"),
        ("ws://127.0.0.1:8786", "expected tls://"),
        ("10.0.0.4:8786", "expected tls://HOST:PORT"),
        ("tls://dask.example", "expected tls://HOST:PORT"),
        ("tls://dask.example:none", "expected tls://HOST:PORT"),
    ],
)
def test_an_address_where_others_could_listen_is_refused(address: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        clusters.checked(address)


class Trial:
    """Tenants whose fate stands in their jobs, and what was said of them."""

    def __init__(self, folder: Path) -> None:
        self.said = list[str]()
        self.config, self.out = folder / "tenants.yaml", folder / "out"
        self.config.write_text("the machine has it")

    @property
    def place(self) -> Place:
        return Place(str(self.out))

    def jobs(self, acts: dict[str, list[str]]) -> list[Job]:
        where = str(self.config), str(self.out), "the project of another machine"
        return [Job(name, *where, parameters={"acts": each}) for name, each in acts.items()]

    def run(self, address: str, acts: dict[str, list[str]]) -> dict[str, Outcome]:
        jobs, patience = self.jobs(acts), Patience(attempts=3, first_s=0.2, factor=1)
        with clusters.gathered(address, self.place, jobs, command=WORKER) as crew:
            found = fleet.run(jobs, workers=1, say=self.said.append, patience=patience, crew=crew)
        return {outcome.tenant: outcome for outcome in found}

    def asked(self, tenant: str) -> int:
        """Return the process that was asked first for a tenant, once it was."""
        path, until = self.out / "asked.jsonl", time.monotonic() + 60
        while time.monotonic() < until:
            rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
            if found := [int(row[3]) for row in rows if row[0] == tenant]:
                return found[0]
            time.sleep(0.05)
        raise AssertionError("nobody was asked")


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    return Trial(tmp_path)


@posix
def test_a_tenant_whose_machine_dies_is_done_by_another_and_ctrl_c_leaves_nothing_running(
    trial: Trial, tmp_path: Path
) -> None:
    settings = daskcluster.certified(tmp_path)
    with daskcluster.running(tmp_path, settings=settings) as cluster, dask.config.set(settings):

        def kill() -> None:
            cluster.workers[cluster.of(trial.asked("unlucky"))].kill()

        with beside(kill):
            acts = {"unlucky": ["waits", "whole"], "fine": ["whole"], "refused": ["refused"], "also": ["slow"]}
            found = trial.run(cluster.address, acts)
        assert {name: (each.ended, each.attempts) for name, each in found.items()} == {
            "unlucky": ("whole", 2),
            "fine": ("whole", 1),
            "refused": ("stopped", 1),
            "also": ("whole", 1),
        }
        assert any(
            re.match(r"unlucky: the Dask worker tls://127\.0\.0\.1:\d+ is gone; tried", line) for line in trial.said
        )
        rows = json.loads((trial.out / "fleet.json").read_text())["tenants"]
        assert [row["tenant"] for row in rows] == ["also", "fine", "refused", "unlucky"]

        with beside(lambda: interrupt_once(trial.asked("endless"))), pytest.raises(KeyboardInterrupt):
            trial.run(cluster.address, {"endless": ["waits"]})
        until = time.monotonic() + 20
        while psutil.pid_exists(trial.asked("endless")):
            assert time.monotonic() < until, "the machine still works on it"
            time.sleep(0.1)
    assert not list(trial.out.glob(".shared-*"))


def interrupt_once(_asked: int) -> None:
    os.kill(os.getpid(), signal.SIGINT)


@contextmanager
def beside(act: Callable[[], None]) -> Iterator[None]:
    """Have *act* done in a thread while the block runs."""
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def needs(trial: Trial, **other: str) -> dict[str, str]:
    trial.out.mkdir()
    (trial.out / ".shared-1").touch()
    digest = hashlib.sha256(trial.config.read_bytes()).hexdigest()
    found = {"version": metadata.version("mailauth-runbook"), "config": str(trial.config), "digest": digest}
    return {**found, "out": str(trial.out), "shared": ".shared-1", "address": "", **other}


def test_a_machine_with_all_that_is_needed_lacks_nothing(trial: Trial) -> None:
    assert clusters.look_there(needs(trial)) == ""


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"version": "0.0.1"}, r"it has version .* and this one is 0\.0\.1"),
        ({"config": "/nowhere/tenants.yaml"}, "it has no /nowhere/tenants.yaml: the tenants file must lie there"),
        ({"digest": "0" * 64}, r"its .*tenants\.yaml is another one"),
        ({"shared": ".shared-2"}, "it does not see the folder .*out of this machine"),
    ],
)
def test_what_a_machine_lacks_is_named(trial: Trial, other: dict[str, str], why: str) -> None:
    assert re.search(why, clusters.look_there(needs(trial, **other)))


def test_without_certificates_the_settings_that_name_them_are_named(trial: Trial) -> None:
    jobs = trial.jobs({"woodgrove": ["whole"]})
    wanted = r"no distributed\.comm\.tls\.ca-file and no .*client\.cert.*DASK_DISTRIBUTED__COMM__TLS__CA_FILE and "
    with pytest.raises(ConfigurationError, match=wanted), clusters.gathered("tls://127.0.0.1:1", trial.place, jobs):
        pass


def test_certificates_that_cannot_be_read_are_named(trial: Trial) -> None:
    named = {"distributed.comm.tls.ca-file": "none.pem", "distributed.comm.tls.client.cert": "none.pem"}
    crew = clusters.gathered("tls://127.0.0.1:1", trial.place, trial.jobs({"woodgrove": ["whole"]}))
    with (
        dask.config.set(named),
        pytest.raises(ConfigurationError, match="certificates in Dask's configuration"),
        crew,
    ):
        pass


@posix
@pytest.mark.parametrize("again", ["the same run", "another night"])
def test_what_a_killed_process_reached_goes_to_the_address_and_not_what_another_night_left(
    again: str, trial: Trial
) -> None:
    files = fsspec.filesystem("memory").store
    files.clear()
    address, name = "memory://bucket/reports", "woodgrove"
    evidence = f"/bucket/reports/{name}/evidence/10-find-basic-auth.json"
    fsspec.filesystem("memory").pipe_file(evidence, b'"last night"')
    (job,) = trial.jobs({name: ["reached, then killed"]})
    order = {"needs": {"address": address}, "limit_s": None, "killed": "", "run": "the same run"}
    hand = Worker(trial.out / "worker.log", command=WORKER)
    try:
        assert clusters.done(hand, job, order).passing
        assert clusters.done(hand, job, {**order, "run": again, "killed": "the process was killed"}).outcome is not None
    finally:
        close([hand])
    left = {"the same run": b'"tonight"', "another night": b'"last night"'}
    assert fsspec.filesystem("memory").cat_file(evidence) == left[again]
    assert not list(store.fleet_dir("").glob("dask-*/run"))


@posix
@pytest.mark.parametrize("act", ["worse", "killed", "whole"])
def test_at_an_address_only_another_whole_run_takes_the_place_of_one_of_the_same_night(act: str, trial: Trial) -> None:
    files = fsspec.filesystem("memory")
    files.store.clear()
    page = "/bucket/reports/woodgrove/index.html"
    files.pipe_file(page, b"the first attempt's")
    (job,) = trial.jobs({"woodgrove": [act]})
    order = {"needs": {"address": "memory://bucket/reports"}, "limit_s": None, "killed": "", "run": "tonight"}
    hand = Worker(trial.out / "worker.log", command=WORKER)
    try:
        clusters.done(hand, replace(job, again=True), order)
    finally:
        close([hand])
    assert (files.cat_file(page) == b"the first attempt's") == (act != "whole")
    assert not list(store.home().rglob("woodgrove/index.html"))
    assert not list(store.fleet_dir("").glob("dask-*/run"))


class Slow:
    """A hand that is done when it is told so."""

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def do(self, job: Job, *, limit_s: float | None, killed: str = "", tell: Teller) -> Answer:
        store.write_text(Path(job.out, job.tenant, "index.html"), "page")
        self.begun.set()
        assert self.may_end.wait(60)
        return Answer(Outcome(job.tenant, True))

    def dismiss(self) -> None:
        self.may_end.set()


def test_two_runs_that_have_a_tenant_on_one_machine_are_not_in_one_folder_at_once(trial: Trial) -> None:
    (job,) = trial.jobs({"woodgrove": ["whole"]})
    order = {"needs": {"address": "memory://bucket/reports"}, "limit_s": None, "killed": "", "run": "one"}
    first, answers = Slow(), list[Answer]()
    with beside(lambda: answers.append(clusters.done(first, job, order))):
        assert first.begun.wait(60)
        second = clusters.done(Slow(), job, order).outcome
        first.dismiss()
    assert second is not None
    assert (second.ended, [each.outcome and each.outcome.ended for each in answers]) == ("held", ["whole"])
    assert fsspec.filesystem("memory").cat_file("/bucket/reports/woodgrove/index.html") == b"page"


DISK = """
from fsspec.implementations.local import LocalFileSystem

class Disk(LocalFileSystem):
    protocol = "disk"

    @classmethod
    def _strip_protocol(cls, path):
        return path.removeprefix("disk://")
"""


def an_address(folder: Path) -> str:
    """Install a file system that fsspec finds in every process whose PYTHONPATH names *folder*; return an address."""
    about = folder / "disk-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: disk\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[fsspec.specs]\ndisk = diskfiles:Disk\n")
    (folder / "diskfiles.py").write_text(DISK)
    return f"disk://{folder / 'out'}"


@pytest.mark.full
@posix
@pytest.mark.parametrize("elsewhere", [False, True], ids=["a shared folder", "an address"])
def test_practice_tenants_have_their_pages_when_one_of_two_machines_dies(
    elsewhere: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MAILAUTH_HOME", "MAILAUTH_PRACTICE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    address = an_address(tmp_path) if elsewhere else str(tmp_path / "out")
    settings, out, said = daskcluster.certified(tmp_path), tmp_path / "out", list[str]()
    words = ("report", "--out", address, "--notebooks", "00-start,10-find-basic-auth,90-tenant-report", "--no-open")
    with daskcluster.running(tmp_path, settings=settings) as cluster:
        command = [sys.executable, "-m", "mailauth", *words, "--dask", cluster.address]
        environment = {**os.environ, **daskcluster.variables(settings)}
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                said.append(line)
                if " at tls://" in line and cluster.workers["one"].poll() is None:
                    time.sleep(4)
                    cluster.workers["one"].kill()
        print("".join(said))
        assert process.returncode == 0
    assert any("is gone; tried again" in line for line in said)
    rows = json.loads((out / "fleet.json").read_text())["tenants"]
    assert [(row["tenant"], row["ended"]) for row in rows] == [
        (name, "whole") for name in ("adatum", "contoso", "fabrikam", "northwind")
    ]
    for row in rows:
        assert (out / row["tenant"] / "index.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
        assert (out / row["tenant"] / "evidence" / "90-tenant-report.json").is_file()
    assert "adatum/index.html" in (out / "index.html").read_text(encoding="utf-8")
