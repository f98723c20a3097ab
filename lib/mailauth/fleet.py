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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import MailauthError
from .services import store
from .views import pages

__all__ = ["NOTEBOOKS", "Job", "Outcome", "recall", "remember", "run", "work"]

# The notebooks a report runs when none is named, in order, and the one whose page a reader opens first.
NOTEBOOKS = ("00-start", "10-find-basic-auth")
_FRONT = "10-find-basic-auth"

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
        has_sources: Whether the tenants file names any place where its sign-ins are found.
        indexed: Whether a page over several tenants will lie beside this one's folder, to go back to.
        keep_days: How long evidence of earlier runs stays, in days.
        parameters: More notebook parameters, by name; each notebook gets those that it declares.
    """

    tenant: str
    config: str
    out: str
    project: str
    notebooks: tuple[str, ...] = NOTEBOOKS
    rehearsal: bool = False
    has_sources: bool = True
    indexed: bool = False
    keep_days: int = 90
    parameters: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of one tenant's run.

    Args:
        tenant: Its name.
        assessed: Whether every notebook ran whole.
        state: The tenant's state in the evidence, empty where none was written.
        sentence: The state as a sentence, or why it stopped.
        senders: SMTP AUTH senders that work with a password.
        certificates: Accounts with ActiveSync by certificate.
        attention: How many accounts need somebody today.
        undecided: How many senders wait for an answer before anything can be decided about them.
        page: The tenant's page, relative to the folder of all reports; empty where none was written.
        made_at: When, RFC 3339.
        rehearsal: As in `Job`.
        blind: Whether sources are configured and not one record was read.
    """

    tenant: str
    assessed: bool
    state: str = ""
    sentence: str = ""
    senders: int = 0
    certificates: int = 0
    attention: int = 0
    undecided: int = 0
    page: str = ""
    made_at: str = ""
    rehearsal: bool = False
    blind: bool = False


def run(jobs: Sequence[Job], *, workers: int, say: Callable[[str], None], limit_s: float | None) -> list[Outcome]:
    """Run every job and return the outcomes in the order of *jobs*.

    Args:
        jobs: One per tenant.
        workers: How many tenants at a time.
        say: Where a line goes when a tenant begins, moves on or ends.
        limit_s: A time limit per tenant, in seconds; None for none.
    """
    running: set[subprocess.Popen[str]] = set()
    guard = threading.Lock()
    done = 0

    def one(job: Job) -> Outcome:
        nonlocal done
        began = time.monotonic()
        say(f"{job.tenant}: started")
        outcome = _in_a_process(job, running, guard, say, limit_s)
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
    limit_s: float | None,
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
                answer, errors = process.communicate(json.dumps(asdict(job)), timeout=limit_s)
        except subprocess.TimeoutExpired:
            _stop({process})
            return Outcome(job.tenant, False, sentence=f"stopped after the time limit of {limit_s:.0f} s")
        finally:
            with guard:
                running.discard(process)
    if process.returncode in (-signal.SIGINT, 130) or errors.rstrip().endswith("KeyboardInterrupt"):
        return Outcome(job.tenant, False, sentence="interrupted; nothing of this run was kept half written")
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
    because what they show does not depend on it. Evidence of an earlier run goes to ``history`` first, so
    that an old finding never stands for a new one.
    """
    folder = Path(job.out) / job.tenant
    failures: dict[str, str] = {}
    with _held(job.tenant):
        for name in job.notebooks:
            store.retire(folder, name, keep=timedelta(days=job.keep_days))
            node, failure = _execute(Path(job.project, "notebooks", f"{name}.ipynb"), job)
            if failure:
                failures[name] = failure
            _leave(node, name, folder, job, failure)
        # Without a page of the front's own, the address that is printed leads to what was run just now.
        if _FRONT in job.notebooks or not (folder / f"{_FRONT}.html").exists():
            front = _FRONT if _FRONT in job.notebooks else job.notebooks[-1]
            store.write_text(folder / "index.html", (folder / f"{front}.html").read_text(encoding="utf-8"))
    return _outcome(job, folder, failures)


@contextmanager
def _held(tenant: str) -> Iterator[None]:
    """Hold the tenant's lock; the kernels of this process work under it and must not ask for it again."""
    with store.lock(tenant):
        os.environ["MAILAUTH_LOCKED"] = tenant
        try:
            yield
        finally:
            del os.environ["MAILAUTH_LOCKED"]


def _outcome(job: Job, folder: Path, failures: Mapping[str, str]) -> Outcome:
    record = _evidence(folder) if _FRONT in job.notebooks else {}
    data = record.get("data", {})
    state, headline = data.get("state", {}), data.get("headline", {})
    stopped = "; ".join(f"{name} stopped: {failure}" for name, failure in failures.items())
    return Outcome(
        tenant=job.tenant,
        assessed=not failures,
        state=str(state.get("word", "")),
        sentence=stopped or str(state.get("sentence", "")) or f"ran {', '.join(job.notebooks)}",
        senders=int(headline.get("senders", 0)),
        certificates=int(headline.get("certificate_users", 0)),
        attention=int(headline.get("attention", 0)),
        undecided=int(headline.get("undecided", 0)),
        page=f"{job.tenant}/index.html",
        made_at=str(record.get("made_at", "")) or datetime.now(UTC).isoformat(timespec="seconds"),
        rehearsal=job.rehearsal,
        blind=bool(data) and job.has_sources and data.get("held") is None,
    )


def recall(out: Path) -> dict[str, Outcome]:
    """Return the last outcome of every tenant that has a page under *out*, by name."""
    try:
        rows = json.loads((out / _FLEET).read_text(encoding="utf-8"))["tenants"]
        known = {row["tenant"]: Outcome(**row) for row in rows}
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return {name: outcome for name, outcome in known.items() if (out / name).is_dir()}


def remember(out: Path, outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Write ``fleet.json`` and the page over all tenants, the new outcomes over the old ones; return all of them."""
    known = {**recall(out), **{outcome.tenant: outcome for outcome in outcomes}}
    rows = [known[name] for name in sorted(known)]
    store.write_evidence(out / _FLEET, {"schema": "mailauth/fleet/1", "tenants": [asdict(row) for row in rows]})
    rehearsal = bool(rows) and all(row.rehearsal for row in rows)
    store.write_text(out / "index.html", pages.index(rows, rehearsal=rehearsal))
    return rows


_FLEET = "fleet.json"


def _execute(notebook: Path, job: Job) -> tuple[Any, str]:
    """Return the notebook as far as it ran and, where it stopped, why."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    nbformat: Any = import_module("nbformat")
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
        except DeadKernelError:
            failure = "the kernel died; a machine that ran out of memory does that"
        except CellTimeoutError:
            failure = f"a cell ran for more than {_CELL_LIMIT_S // 3600} hours"
        # papermill writes the notebook as it goes, and nothing at all where the kernel never came up.
        return nbformat.read(str(target if target.exists() else notebook), as_version=4), failure


def _leave(node: Any, name: str, folder: Path, job: Job, failure: str) -> None:
    nbformat: Any = import_module("nbformat")
    facts = [("This run stopped", failure)] if failure else []
    page = pages.render(
        node,
        tenant=job.tenant,
        rehearsal=job.rehearsal,
        beside={*job.notebooks, *_pages(folder)},
        facts=facts,
        over="../index.html" if job.indexed else "",
        here=name,
    )
    store.write_text(folder / f"{name}.html", page)
    store.write_text(folder / f"{name}.ipynb", nbformat.writes(pages.scrub(node)))


def _pages(folder: Path) -> Iterator[str]:
    """Yield the names of the notebooks whose pages of earlier runs lie in *folder*."""
    return (path.stem for path in folder.glob("[0-9][0-9]-*.html"))


def _evidence(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "evidence" / f"{_FRONT}.json").read_text(encoding="utf-8"))
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
