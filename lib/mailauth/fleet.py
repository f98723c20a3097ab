"""papermill over tenants: notebooks in, pages and outcomes out.

One operating system process per tenant at a time: kernels started from threads of one process die now and
then, and a tenant that fails must not taint the next. A worker answers with one line of JSON; what a run
found is read from the evidence it left, never from the notebook's outputs.
"""

import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import MailauthError
from .services import store
from .views import pages

__all__ = ["NOTEBOOKS", "Job", "Outcome", "run", "work"]

# The notebooks a report runs when none is named, in order; the last one's page becomes index.html.
NOTEBOOKS = ("00-start", "10-find-basic-auth")

# A notebook that hangs is stopped; the longest honest run reads a large tenant live from Graph.
_CELL_LIMIT_S = 3 * 60 * 60
_KERNEL_START_S = 120


@dataclass(frozen=True)
class Job:
    """One tenant's run.

    Args:
        tenant: Its name in the tenants file.
        config: The tenants file, or the name of a configuration.
        out: The folder of all reports, absolute.
        project: The folder that holds ``notebooks``.
        notebooks: Their names without the ending.
        rehearsal: Whether the tenant's cloud is for practice; pages say so.
        parameters: More notebook parameters, by name; each notebook gets those that it declares.
    """

    tenant: str
    config: str
    out: str
    project: str
    notebooks: tuple[str, ...] = NOTEBOOKS
    rehearsal: bool = False
    parameters: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of one tenant's run.

    Args:
        tenant: Its name.
        assessed: Whether every notebook ran whole.
        state: The tenant's state in the evidence, empty where none was written.
        sentence: The state as a sentence, or why it stopped.
        attention: How many accounts need somebody today.
        page: The tenant's page, empty where none was written.
        made_at: When, RFC 3339.
        seconds: How long it took.
    """

    tenant: str
    assessed: bool
    state: str = ""
    sentence: str = ""
    attention: int = 0
    page: str = ""
    made_at: str = ""
    seconds: float = 0.0


def run(
    jobs: Sequence[Job], *, workers: int, say: Callable[[str], None], stop_after_s: float | None = None
) -> list[Outcome]:
    """Run every job and return the outcomes in the order of *jobs*.

    Args:
        jobs: One per tenant.
        workers: How many tenants at a time.
        say: Where a line goes when a tenant begins, moves on or ends.
        stop_after_s: A time limit per tenant, in seconds.
    """
    running: set[subprocess.Popen[str]] = set()
    guard = threading.Lock()
    done = 0

    def one(job: Job) -> Outcome:
        nonlocal done
        began = time.monotonic()
        say(f"{job.tenant}: started")
        outcome = _in_a_process(job, running, guard, say, stop_after_s)
        with guard:
            done += 1
            count = done
        ended = f"{job.tenant}: {outcome.sentence or 'done'}"
        say(f"{ended} ({time.monotonic() - began:.0f} s, {count} of {len(jobs)})")
        return outcome

    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        futures = [pool.submit(one, job) for job in jobs]
        try:
            return [future.result() for future in futures]
        except KeyboardInterrupt:
            for future in futures:
                future.cancel()
            with guard:
                _stop(running)
            raise


def _stop(running: set[subprocess.Popen[str]]) -> None:
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()


def _in_a_process(
    job: Job,
    running: set[subprocess.Popen[str]],
    guard: threading.Lock,
    say: Callable[[str], None],
    stop_after_s: float | None,
) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="mailauth-") as folder:
        progress = Path(folder, "progress.log")
        progress.touch()
        process = subprocess.Popen(
            [sys.executable, "-m", "mailauth.fleet"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, "MAILAUTH_PROGRESS": str(progress), "PYTHONUTF8": "1"},
        )
        with guard:
            running.add(process)
        try:
            with _followed(progress, lambda line: say(f"{job.tenant}: {line}")):
                answer, errors = process.communicate(json.dumps(asdict(job)), timeout=stop_after_s)
        except subprocess.TimeoutExpired:
            _stop({process})
            return Outcome(job.tenant, False, sentence=f"stopped after the time limit of {stop_after_s:.0f} s")
        finally:
            with guard:
                running.discard(process)
    try:
        return Outcome(**json.loads(answer.splitlines()[-1]))
    except (IndexError, ValueError, TypeError):
        last = errors.strip().splitlines()[-1:] or [f"exit status {process.returncode}"]
        return Outcome(job.tenant, False, sentence=f"the run ended without an answer: {last[0]}")


@contextmanager
def _followed(path: Path, tell: Callable[[str], None]) -> Iterator[None]:
    """Pass each line that the run appends to *path* on to *tell* while the block runs."""
    over = threading.Event()

    def follow() -> None:
        with path.open(encoding="utf-8") as lines:
            while True:
                last_look = over.is_set()
                for line in lines:
                    tell(line.rstrip())
                if last_look:
                    return
                over.wait(0.3)

    follower = threading.Thread(target=follow, daemon=True)
    follower.start()
    try:
        yield
    finally:
        over.set()
        follower.join()


def work(job: Job) -> Outcome:
    """Run one tenant's notebooks in this process and write what they leave.

    A notebook that fails leaves its page up to the cell that failed; the notebooks after it still run,
    because what they show does not depend on it.
    """
    began = time.monotonic()
    folder = Path(job.out) / job.tenant
    failures: list[str] = []
    with store.lock(job.tenant):
        # The kernels below work for this process and must not ask for the lock again.
        os.environ["MAILAUTH_LOCKED"] = job.tenant
        for name in job.notebooks:
            node, failure = _execute(Path(job.project, "notebooks", f"{name}.ipynb"), job)
            if failure:
                failures.append(f"{name}: {failure}")
            _leave(node, name, folder, job)
        store.write_text(folder / "index.html", (folder / f"{job.notebooks[-1]}.html").read_text(encoding="utf-8"))
    record = _evidence(folder)
    data = record.get("data", {}) if not failures else {}
    state = data.get("state", {})
    return Outcome(
        tenant=job.tenant,
        assessed=not failures,
        state=str(state.get("word", "")),
        sentence="; ".join(failures) or str(state.get("sentence", "")),
        attention=int(data.get("headline", {}).get("attention", 0)),
        page=str(folder / "index.html"),
        made_at=str(record.get("made_at", "")),
        seconds=round(time.monotonic() - began, 1),
    )


def _execute(notebook: Path, job: Job) -> tuple[Any, str]:
    """Return the executed notebook and, where a cell failed, why."""
    import papermill

    wanted = {"tenant": job.tenant, "config": job.config, "out": job.out, **job.parameters}
    known = papermill.inspect_notebook(str(notebook))
    with tempfile.TemporaryDirectory(prefix="mailauth-") as folder:
        target = Path(folder, notebook.name)
        failure = ""
        try:
            papermill.execute_notebook(
                str(notebook),
                str(target),
                parameters={name: value for name, value in wanted.items() if name in known},
                kernel_name="python3",
                progress_bar=False,
                log_output=False,
                cwd=str(notebook.parent),
                start_timeout=_KERNEL_START_S,
                execution_timeout=_CELL_LIMIT_S,
            )
        except papermill.PapermillExecutionError as error:
            failure = f"{error.ename}: {error.evalue}"
        nbformat: Any = import_module("nbformat")
        return nbformat.read(str(target), as_version=4), failure


def _leave(node: Any, name: str, folder: Path, job: Job) -> None:
    nbformat: Any = import_module("nbformat")
    page = pages.render(node, tenant=job.tenant, rehearsal=job.rehearsal, beside=job.notebooks)
    store.write_text(folder / f"{name}.html", page)
    store.write_text(folder / f"{name}.ipynb", nbformat.writes(pages.scrub(node)))


def _evidence(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "evidence" / "10-find-basic-auth.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _main() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked = json.loads(sys.stdin.read())
    asked["notebooks"] = tuple(asked["notebooks"])
    job = Job(**asked)
    try:
        outcome = work(job)
    except MailauthError as error:
        outcome = Outcome(job.tenant, False, sentence=str(error))
    print(json.dumps(asdict(outcome)))


if __name__ == "__main__":
    _main()
