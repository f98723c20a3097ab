"""A fleet's figures: notebook 90 with its page on 20 tenants, against a shell loop, and what one worker holds.

The tenants are copies of the four practice stories' evidence under other names, and the notebook draws from that.
Nothing is asked of any cloud while the clock runs, so that what is measured is this program and not the practice cloud
beside it. A worker's imports are made once and count as time, and not as the CPU of any notebook.
"""

import json
import mmap
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from .benchlines import Figure, limited
from .services.beside import beside

__all__ = ["figures", "left_mb"]

_TENANTS: Final = 20
_LOOPED: Final = 4  # one of each story; each takes the loop as long as the next of its story
_NOTEBOOK: Final = "90-tenant-report"
_BEFORE: Final = (
    "00-start",
    "10-find-basic-auth",
    "20-register-app",
    "30-consent",
    "40-grant-mailboxes",
    "50-prove-mail-oauth",
)
_FASTER: Final = 10.0
_CPU_LIMIT_S: Final = 0.4
_MEMORY_LIMIT_MB: Final = 400
_GROWTH_LIMIT_MB: Final = 5.0
_LOOK_S: Final = 0.1
_SAID_EVERY: Final = 100
_LEFT_LIMIT_MB: Final = 1.5


def figures(folder: Path, *, runs: int, judged: bool) -> Iterator[Figure]:
    """Measure and yield the lines.

    Args:
        folder: Where what is made for it goes.
        runs: How many runs of one worker its growth is measured over.
        judged: Whether limits are held against what was found.
    """
    fleet = _invented(folder / "fleet")
    cores = os.cpu_count() or 1
    shell_s = _loop(fleet)
    ours_s = _ours(fleet, cores)
    faster = shell_s / ours_s
    what = f"{_TENANTS} tenants, notebook 90 with its page"
    yield Figure(f"{what}: this program, start and index too", f"{ours_s:.1f} s on {cores} cores")
    yield Figure(f"{what}: papermill and nbconvert in a loop", f"{shell_s:.0f} s, from {_LOOPED} of them")
    held = faster >= _FASTER if judged else None
    yield Figure("the same, against the loop", f"{faster:.1f} times faster", f"at least {_FASTER:g} times", held)
    yield from _one_worker(fleet, runs, judged=judged)
    yield from _nights(fleet, judged=judged)


# --- tenants --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fleet:
    """Where the tenants lie.

    Args:
        folder: The folder of all reports.
        config: The tenants file.
        project: The folder that holds ``notebooks``.
        environment: What programs are started with.
    """

    folder: Path
    config: Path
    project: Path
    environment: Mapping[str, str] = field(repr=False)

    @property
    def names(self) -> list[str]:
        """The tenants' names."""
        return sorted(path.name for path in self.folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _invented(place: Path) -> _Fleet:
    from . import session

    source, folder, config = place / "stories", place / "reports", place / "tenants.yaml"
    environment = {
        **os.environ,
        "MAILAUTH_HOME": str(place / "data"),
        "MAILAUTH_PRACTICE_HOME": str(place / "practice"),
    }
    command = ["mailauth", "report", "--no-open", "--out", str(source), "--notebooks", ",".join(_BEFORE)]
    _called(command, environment)
    stories = sorted(path for path in source.iterdir() if (path / "evidence").is_dir())
    entries = []
    for number in range(_TENANTS):
        story = stories[number % len(stories)]
        name = f"{story.name}-{number + 1:02}"
        for path in (story / "evidence").glob("*.json"):
            record = json.loads(path.read_text(encoding="utf-8")) | {"tenant": name}
            target = folder / name / "evidence" / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(record), encoding="utf-8")
        entries.append({"name": name, "tenant_id": f"{name}.example"})
    # JSON is YAML.
    config.write_text(json.dumps({"tenants": entries}), encoding="utf-8")
    return _Fleet(folder, config, session.project(), environment)


def _called(command: list[str], environment: Mapping[str, str], cwd: Path | None = None) -> float:
    """Run a Python program of this installation and return what it took, in seconds."""
    program = shutil.which(command[0], path=str(Path(sys.executable).parent)) or command[0]
    began = time.perf_counter()
    done = subprocess.run(
        [program, *command[1:]], env=environment, cwd=cwd, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()[-2_000:]}")
    return time.perf_counter() - began


# --- the fleet and the loop -----------------------------------------------------------------------


def _loop(fleet: _Fleet) -> float:
    """Return what a loop over two commands takes for all tenants, in seconds, from what it takes for some."""
    target = fleet.folder.parent / "loop"
    target.mkdir()
    seconds = 0.0
    for name in fleet.names[:: _TENANTS // _LOOPED]:
        given = ["-p", "tenant", name, "-p", "config", str(fleet.config), "-p", "out", str(fleet.folder)]
        book = fleet.project / "notebooks" / f"{_NOTEBOOK}.ipynb"
        made = target / f"{name}.ipynb"
        seconds += _called(["papermill", str(book), str(made), *given], fleet.environment, book.parent)
        seconds += _called(["jupyter", "nbconvert", "--to", "html", str(made)], fleet.environment)
        _say(f"papermill and nbconvert, {name}: {seconds:.1f} s so far")
    return seconds * _TENANTS / _LOOPED


def _ours(fleet: _Fleet, jobs: int) -> float:
    command = ["mailauth", "report", "--no-open", "--config", str(fleet.config), "--out", str(fleet.folder)]
    seconds = _called([*command, "--notebooks", _NOTEBOOK, "--jobs", str(jobs)], fleet.environment)
    pages = [fleet.folder / name / f"{_NOTEBOOK}.html" for name in fleet.names]
    if not all(page.exists() for page in pages):
        raise RuntimeError("not every tenant has its page")
    _say(f"report on {len(pages)} tenants: {seconds:.1f} s")
    return seconds


# --- what is left -----------------------------------------------------------------------------------


def _nights(fleet: _Fleet, *, judged: bool) -> Iterator[Figure]:
    """Run the practice tenants' notebooks on two nights, as `mailauth report` does, and yield what a tenant's leave."""
    folder = fleet.folder.parent / "nights"
    left = []
    for _ in range(2):
        _called(["mailauth", "report", "--no-open", "--out", str(folder)], fleet.environment)
        left.append(mean_left_mb(folder))
    first, second = left
    held = first <= _LEFT_LIMIT_MB if judged else None
    what = "left on disk by a tenant's night, the mean of the practice tenants"
    yield Figure(what, f"{first:.2f} MB", f"at most {_LEFT_LIMIT_MB:g} MB", held)
    yield Figure("the same, by each night after it", f"{second - first:.2f} MB")


def mean_left_mb(folder: Path) -> float:
    """Return what a tenant's folder in *folder* holds, in megabytes, as the mean of those with evidence."""
    every = [left_mb(path.parent) for path in folder.glob("*/evidence")]
    return sum(every) / len(every)


def left_mb(folder: Path) -> float:
    """Return what the files in *folder* and below hold, in megabytes; one of two names counts once."""
    files = (path.stat() for path in folder.rglob("*") if path.is_file())
    return sum({(file.st_dev, file.st_ino): file.st_size for file in files}.values()) / 1e6


# --- one worker -----------------------------------------------------------------------------------


def _one_worker(fleet: _Fleet, runs: int, *, judged: bool) -> Iterator[Figure]:
    with _worker(fleet) as worker, worker.watched():
        used = [worker.do(name) for name in fleet.names]
        beyond_s = sum(used) / len(used)
        what = "CPU beyond the cells' own, a notebook with its page"
        yield limited(what, beyond_s, _CPU_LIMIT_S, "s", judged=judged)
        if not worker.peak_mb:
            yield Figure("memory of a worker", "not measured: this system does not tell it")
            return
        yield limited("memory of a worker at its peak", worker.peak_mb, _MEMORY_LIMIT_MB, "MB", judged=judged)
        before = worker.held_mb()
        for number in range(runs):
            worker.do(fleet.names[number % _TENANTS])
            if (number + 1) % _SAID_EVERY == 0:
                _say(f"after {number + 1:,} notebooks the worker holds {worker.held_mb() - before:+.1f} MB")
        grown = worker.held_mb() - before
        found = f"{grown:+.1f} MB, then {worker.peak_mb:.0f} MB at its peak"
        held = grown <= _GROWTH_LIMIT_MB if judged else None
        wanted = f"at most {_GROWTH_LIMIT_MB:g} MB"
        yield Figure(f"growth of a worker over {runs:,} notebooks", found, wanted, held)


class _Worker:
    """A worker that is given one job after the other and watched."""

    def __init__(self, fleet: _Fleet, process: "subprocess.Popen[str]") -> None:
        self._fleet, self._process = fleet, process
        self._own_s = 0.0
        self.peak_mb = 0.0

    def do(self, name: str) -> float:
        """Have one tenant's notebook done; return its CPU beyond that of the cells, in seconds."""
        assert self._process.stdin is not None
        job = {
            "tenant": name,
            "config": str(self._fleet.config),
            "out": str(self._fleet.folder),
            "project": str(self._fleet.project),
            "notebooks": [_NOTEBOOK],
        }
        self._process.stdin.write(json.dumps({"job": job}) + "\n")
        self._process.stdin.flush()
        said = self._answer()
        if not said.get("outcome", {}).get("assessed"):
            raise RuntimeError(f"{name}: {said}")
        before, self._own_s = self._own_s, said["own_cpu_s"]
        return float(said["cpu_s"] - said["cells_cpu_s"] + self._own_s - before)

    def ready(self) -> None:
        """Wait until its imports are done."""
        self._own_s = self._answer()["own_cpu_s"]

    def held_mb(self) -> float:
        """Return what the worker itself holds, in megabytes."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * mmap.PAGESIZE / 1e6

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note the most that the worker and all that it has forked hold together, several times a second."""

        def watch(over: threading.Event) -> None:
            while not over.wait(_LOOK_S):
                self.peak_mb = max(self.peak_mb, sum(map(_share_mb, _tree(self._process.pid))))

        with beside(watch):
            yield

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said: dict[str, Any] = json.loads(line)
            if "progress" not in said:
                return said
        raise RuntimeError("the worker ended")


def _tree(process: int) -> Iterator[int]:
    """Yield a process and all below it; nothing where the system does not tell."""
    path = Path(f"/proc/{process}/task/{process}/children")
    with suppress(OSError):
        below = path.read_text(encoding="ascii").split()
        yield process
        for child in below:
            yield from _tree(int(child))


def _share_mb(process: int) -> float:
    """Return what a process holds, what it shares with others in parts; 0 when it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1_024 / 1e6
    return 0.0


@contextmanager
def _worker(fleet: _Fleet) -> Iterator[_Worker]:
    with subprocess.Popen(
        [sys.executable, "-m", "mailauth.fleet"],
        env=fleet.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        encoding="utf-8",
    ) as process:
        worker = _Worker(fleet, process)
        worker.ready()
        try:
            yield worker
        finally:
            assert process.stdin is not None
            process.stdin.close()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
