"""Real workers with real kernels, killed at random moments together with the run itself; what they leave is whole.

The same claim is held with a worker that runs no notebook in test_fleet_scheduling, in seconds and in every test run.
"""

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from mailauth import benchfleet
from mailauth.services import store
from mailauth.services.beside import beside
from tests import exported, leaks
from tests.test_fleet import REPORTS, notebook

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

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


# --- killing --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Odds:
    """What is killed, and how often.

    Args:
        runs: How many times the run itself.
        lives: Between which numbers of tenants a run ends before it may be killed.
        beside: How many workers, tenants' processes and kernels, all in all.
        pause_s: How long nothing is killed, on average.
    """

    runs: int
    lives: tuple[int, int]
    beside: int
    pause_s: float


@dataclass
class Course:
    """What became of a command that was killed and started again until it ended by itself.

    Args:
        killed: How often what was killed.
        resumed: How many runs were taken up.
        ends: How often each tenant came to its end.
        said: What was said.
    """

    killed: Counter[str] = field(default_factory=Counter)
    resumed: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)


def survived(command: Sequence[str], odds: Odds, ended: Callable[[Course], None] = lambda course: None) -> Course:
    """Run *command* until it ends by itself, killed at random moments; call *ended* whenever a tenant is over."""
    chance, course = random.Random(1), Course()
    while True:
        lives = sum(course.ends.values()) + chance.randint(*odds.lives)
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
            killing(process, chance, odds, course, lives) as alive,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                course.said.append(line)
                course.resumed += "taking up the run that began at" in line
                if found := re.match(r"([a-z-]+\d{4}): .*; [\d,]+ of ", line):
                    course.ends[found[1]] += 1
                    ended(course)
        assert psutil.wait_procs(alive, timeout=20)[1] == [], "a process outlived its run"
        if process.returncode == 0:
            return course
        assert alive, f"it ended by itself with {process.returncode}: {''.join(course.said[-20:])}"


@contextmanager
def killing(
    process: "subprocess.Popen[str]", chance: random.Random, odds: Odds, course: Course, lives: int
) -> Iterator[list[psutil.Process]]:
    """Kill while the block runs; yield what ran beside the run when that was killed itself."""
    alive = list[psutil.Process]()

    def kill(over: threading.Event) -> None:
        while not over.wait(chance.expovariate(1 / odds.pause_s)):
            found = running(process)
            if found and course.killed["run"] < odds.runs and sum(course.ends.values()) >= lives:
                alive.extend(found)
                process.kill()
                course.killed["run"] += 1
                return
            if found and course.killed["beside"] < odds.beside:
                with suppress(psutil.NoSuchProcess):
                    chance.choice(found).kill()
                    course.killed["beside"] += 1

    with beside(kill):
        yield alive


def running(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    """Return the workers, the tenants' processes and their kernels."""
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


# --- looking --------------------------------------------------------------------------------------

_STEP_NS = 100_000_000


class Watch:
    """Looks at everything below a folder as a reader does, again and again, as soon as it changes.

    Args:
        out: The folder of all reports.
    """

    def __init__(self, out: Path) -> None:
        self._out = out
        self._seen: dict[Path, tuple[int, int, int]] = {}
        self._still: dict[Path, int] = {}
        self.looks: Counter[str] = Counter()
        self.halves: list[str] = []

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Look while the block runs, and once more when it is over."""

        def watch(over: threading.Event) -> None:
            pause_s = 0.0
            # A fifth of a core at most: what is watched needs the others.
            while not over.wait(pause_s):
                began = time.perf_counter()
                self.look()
                pause_s = max(0.02, 4 * (time.perf_counter() - began))

        with beside(watch):
            yield
        self._still.clear()
        self.look()

    def look(self) -> None:
        """Look at each file that is another one than it was."""
        for folder in self._folders():
            with suppress(FileNotFoundError):
                changed = folder.stat().st_mtime_ns
                if self._still.get(folder) == changed:
                    continue
                began = time.time_ns()
                self._look_into(folder)
                # The clock of files goes in steps: what changes again within one is not to be missed.
                if began - changed > _STEP_NS:
                    self._still[folder] = changed

    def _folders(self) -> Iterator[Path]:
        if self._out.exists():
            yield self._out
            for folder in filter(Path.is_dir, self._out.iterdir()):
                yield from (folder, folder / "evidence", folder / "history")

    def _look_into(self, folder: Path) -> None:
        for path in folder.iterdir():
            with suppress(FileNotFoundError):
                status = path.stat()
                mark = status.st_ino, status.st_mtime_ns, status.st_size
                if path.suffix in (".html", ".json", ".ipynb") and self._seen.get(path) != mark:
                    self._seen[path] = mark
                    self.looks[path.suffix] += 1
                    if not whole(path):
                        self.halves.append(str(path.relative_to(self._out)))


def whole(path: Path) -> bool:
    """Whether a page has its end, and a record can be read.

    Raises:
        FileNotFoundError: It was taken away.
    """
    content = path.read_bytes()
    if path.suffix == ".html":
        return content.rstrip().endswith(b"</html>")
    try:
        return bool(json.loads(content))
    except ValueError:
        return False


# --- notebooks that do little ---------------------------------------------------------------------


@pytest.mark.full
@posix
@pytest.mark.parametrize("tenants", [12, 1_000])
def test_after_kills_at_random_moments_every_tenant_has_one_whole_page(
    tmp_path: Path, tenants: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    notebook(str(tmp_path), "00-start", ROWS)
    notebook(str(tmp_path), "90-tenant-report", REPORTS)
    out = tmp_path / "out"
    watch = Watch(out)
    odds = Odds(3, (3, 6), 6, 0.5) if tenants < 100 else Odds(6, (50, 200), 40, 4)
    with watch():
        course = survived([sys.executable, "-c", RUN, str(tmp_path), str(tenants)], odds)
    print(f"{course.killed}, {course.resumed} runs taken up, {watch.looks} looked at")
    assert watch.halves == []
    names = [f"t{number:04}" for number in range(tenants)]
    ended_once(course, out, names, ("00-start", "90-tenant-report"))


def ended_once(course: Course, out: Path, names: Sequence[str], notebooks: Sequence[str]) -> None:
    """Hold that each tenant came to its end once, and that what lies there is all of it."""
    assert course.killed["run"]
    assert course.resumed
    # A run that is killed after it noted a tenant and before it said so says nothing of it.
    assert set(course.ends.values()) == {1}
    assert len(names) - course.killed["run"] <= len(course.ends)
    rows = json.loads((out / "fleet.json").read_text(encoding="utf-8"))["tenants"]
    assert [row["tenant"] for row in rows] == list(names)
    assert Counter(row["ended"] for row in rows) == {"whole": len(names)}
    assert sorted(path.name for path in out.iterdir() if path.is_dir()) == list(names)
    wanted = {"index.html", *(f"{name}.{ending}" for name in notebooks for ending in ("html", "ipynb"))}
    for name in names:
        folder = out / name
        assert {path.name for path in folder.iterdir() if path.is_file()} == wanted
        assert (folder / "index.html").read_bytes() == (folder / "90-tenant-report.html").read_bytes()
        assert json.loads((folder / "evidence" / "90-tenant-report.json").read_text(encoding="utf-8"))["data"]
    assert list(out.rglob("*.part")) == []
    assert list((store.home() / "tenants").glob("*/.run")) == []
    assert list((store.home() / "fleet").glob("*/run.json")) == []


# --- the notebooks of a report, on tenants with sign-ins of their own -------------------------------


REPORT = ("00-start", "10-find-basic-auth", "90-tenant-report")
IN_THE_ENVIRONMENT = "cAn8ry~Kq7Zx2Wm4tYb~Lq0Pz5sRd"
UNNAMED = "cAn8ry~Uj6Vt3Xe9Gn~Bf1Mc8Ho"
IN_A_FILE = "cAn8ry~Rd5sPzQ2kN~Ys7Tw4Li"
BESIDE = "cAn8ry~Hc4Wd8Vf2Lg5~Ea9Pu0Jx"
LARGEST_MB = 3.0  # what a tenant's night may leave: 1,000 of them leave 3 GB
DAYS = 12


@posix
@pytest.mark.full
@pytest.mark.parametrize("tenants", [8, int(os.environ.get("MAILAUTH_TENANTS", "1000"))])
def test_reports_that_are_killed_at_random_moments_leave_each_tenant_its_own_whole_page(
    tmp_path: Path, tenants: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("READER_SECRET", IN_THE_ENVIRONMENT)
    monkeypatch.setenv("ANOTHER_SECRET", UNNAMED)
    names = [f"client-{number:04}" for number in range(tenants)]
    config, out = invented(tmp_path, names), tmp_path / "out"
    command = [sys.executable, "-m", "mailauth", "report", "--no-open", "--jobs", "2"]
    watch = Watch(out)
    odds = Odds(2, (1, 3), 3, 2) if tenants < 100 else Odds(8, (40, 120), 60, 20)
    with watch():
        course = survived([*command, "--config", str(config), "--out", str(out)], odds, partial(told, watch))
    left_mb = benchfleet.left_mb(out) + benchfleet.left_mb(tmp_path / "home")
    print(f"{course.killed}, {course.resumed} runs taken up, {watch.looks} looked at, {left_mb / tenants:.2f} MB each")
    assert watch.halves == []
    ended_once(course, out, names, REPORT)
    assert left_mb / tenants <= LARGEST_MB
    for name in names:
        assert mentioned(out / name) == {name}
        for page in ("10-find-basic-auth", "90-tenant-report"):
            assert f"scanner.{name}@" in (out / name / f"{page}.html").read_text(encoding="utf-8")
    canaries = {"environment": IN_THE_ENVIRONMENT, "unnamed": UNNAMED, "file": IN_A_FILE, "comment": BESIDE}
    said = {"what was said": "".join(course.said)}
    assert leaks.search(canaries, folders=[out, tmp_path / "home"], texts=said) == []


def told(watch: Watch, course: Course) -> None:
    """Say now and then how far a long run is."""
    ended = sum(course.ends.values())
    if ended % 10 == 0:
        seen = f"{sum(watch.looks.values()):,} files looked at, {len(watch.halves)} not whole"
        print(f"\n{datetime.now(UTC):%H:%M:%S} {ended} ended, killed {dict(course.killed)}, {seen}", flush=True)


def mentioned(folder: Path) -> set[str]:
    """Return which tenants any file below *folder* names, and be it by an address of theirs."""
    files = (path.read_bytes() for path in folder.rglob("*") if path.is_file())
    return {name.decode() for content in files for name in re.findall(rb"client-\d{4}", content)}


def invented(folder: Path, names: Sequence[str]) -> Path:
    """Write tenants with a few dozen exported sign-ins each; return the tenants file.

    Their services answer nobody, which a report says and survives. Their secrets stand in the environment and in files.
    """
    nowhere = "https://localhost:1"
    web = {name: f"{nowhere}/{name}" for name in ("login", "graph", "logs", "exchange")}
    mail = dict.fromkeys(("imap", "pop", "smtp"), "localhost:1")
    secret = folder / "mail.secret"
    secret.touch(0o600)
    secret.write_text(IN_A_FILE)
    config = {
        "clouds": {"nowhere": {**web, **mail, "mail_resource": "https://outlook.office365.com", "proxy": "none"}},
        "tenants": [tenant(folder, name, number) for number, name in enumerate(names)],
    }
    path = folder / "tenants.yaml"
    # JSON is YAML, and a comment is one.
    path.write_text(f"{json.dumps(config)}\n# the old secret was {BESIDE}\n", encoding="utf-8")
    return path


def tenant(folder: Path, name: str, number: int) -> Mapping[str, object]:
    """Write a tenant's sign-ins, and return what the tenants file says of it."""
    directory = f"{number:08x}-0000-4000-8000-0000000000aa"
    records = sign_ins(name, number, directory)
    exported.write(folder / "exports" / name / "PT1H.json", exported.lines(records))
    app = "33333333-3333-4333-8333-333333333333"
    return {
        "name": name,
        "tenant_id": directory,
        "cloud": "nowhere",
        "signin_logs": [{"files": [f"exports/{name}/*.json"]}],
        "admin": {"flow": "secret", "client_id": app, "secret": "env:READER_SECRET"},
        "mail_apps": [{"name": "mail", "client_id": app, "flows": [{"kind": "secret", "secret": "file:mail.secret"}]}],
        "mailboxes": [{"address": f"scanner.{name}@{name}.example", "protocols": ["smtp"]}],
    }


def sign_ins(name: str, number: int, directory: str) -> Iterable[dict[str, Any]]:
    """Yield a scanner's, a program's and a person's sign-ins, one of each a day; no other tenant has such people."""
    now = datetime.now(UTC)
    shown = {
        "scanner": {},
        "crm": {"clientAppUsed": "IMAP4"},
        "ada": {"clientAppUsed": "Browser", "authenticationProtocol": "oAuth2", "userAgent": "Mozilla/5.0"},
    }
    for day in range(DAYS):
        for place, (person, more) in enumerate(shown.items()):
            yield exported.envelope(
                (number * DAYS + day) * len(shown) + place,
                tenant=directory,
                createdDateTime=f"{now - timedelta(days=day + 1, minutes=place):%Y-%m-%dT%H:%M:%SZ}",
                userPrincipalName=f"{person}.{name}@{name}.example",
                userDisplayName=f"{person} of {name}",
                userId=f"{number:08x}-1111-4000-8000-{place:012}",
                homeTenantId=directory,
                resourceTenantId=directory,
                **more,
            )
