"""One tenant's notebooks, run in this process: what a worker does.

What a run found is read from the evidence it left, never from the notebook's outputs.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from mailauth import warm
from mailauth.errors import HeldError
from mailauth.services import store
from mailauth.views import pages

from . import outcomes
from .jobs import FRONT, WHOLE, Job, best
from .outcomes import Outcome

__all__ = ["stopping", "work"]

stopping = threading.Event()
"""Set when this process was told to end: a kernel that dies then is no failure of the notebook."""

# A notebook that hangs is stopped; the longest honest run reads a large tenant live from Graph.
_CELL_LIMIT_S = 3 * 60 * 60
_KERNEL_START_S = 120
# A writer that is alive is done with a file much sooner.
_PART_AGE_S = 60
# When a tenant's time is over, its front page is still made from what there is.
_FRONT_S = 60

# Errors that a service or a network gives and that may be gone in a minute, as the notebook's kernel names them.
_PASSING = frozenset(
    {
        "ConnectTimeout",
        "ConnectionError",
        "ConnectionResetError",
        "ReadTimeout",
        "ServiceRequestError",
        "ServiceRequestTimeoutError",
        "ServiceResponseError",
        "ServiceResponseTimeoutError",
        "TimeoutError",
        "UnreachableError",
    }
)


@dataclass(frozen=True)
class _Failure:
    """Why a notebook stopped, and whether that may pass."""

    why: str
    passing: bool = False
    limit: bool = False


@dataclass
class _Course:
    """How far a run has come; it is written down for whoever makes the pages when this process is killed.

    Args:
        path: Where.
        begun: The notebook that runs.
        failures: Why each of those stopped that are over, empty where it ran whole.
    """

    path: Path
    begun: str = ""
    failures: dict[str, str] = field(default_factory=dict)

    @classmethod
    def left(cls, path: Path) -> "_Course":
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            return cls(path, str(held["begun"]), dict(held["failures"]))
        except (OSError, ValueError, KeyError, TypeError):
            return cls(path)

    def begin(self, name: str) -> None:
        self.begun = name
        self._save()

    def end(self, name: str, why: str) -> None:
        self.failures[name] = why
        self._save()

    def _save(self) -> None:
        store.write_text(self.path, json.dumps({"begun": self.begun, "failures": self.failures}))


class _Time:
    """How much of a tenant's time is left."""

    def __init__(self, limit_s: float | None) -> None:
        self.limit_s = limit_s
        self._until = time.monotonic() + limit_s if limit_s else None

    def left_s(self) -> float:
        return _CELL_LIMIT_S if self._until is None else min(_CELL_LIMIT_S, self._until - time.monotonic())

    @property
    def over(self) -> bool:
        return self.left_s() <= 0


def work(job: Job, *, limit_s: float | None = None, killed: str = "") -> Outcome:
    """Run one tenant's notebooks in this process and write what they leave.

    A notebook that fails leaves its page up to the cell that failed; the notebooks after it still run,
    because what they show does not depend on it. Evidence of an earlier run goes to ``history`` first, so
    that an old finding never stands for a new one. When the time is over, the notebooks that are left are not
    begun, but for the front, which shows what was reached.

    Args:
        job: What to do.
        limit_s: How long it may take, in seconds.
        killed: Why an earlier process that was at this job is gone: then nothing is run again but the front, and
            the pages show what that process reached.

    Raises:
        KeyboardInterrupt: This process was told to end.
    """
    began = time.monotonic()
    try:
        with _held(job.tenant):
            scratch = store.run_folder(job.tenant, afresh=not killed)
            try:
                outcome = _run(job, scratch, _Time(limit_s), killed)
            except KeyboardInterrupt:
                shutil.rmtree(scratch, ignore_errors=True)
                raise
    except HeldError as error:
        return Outcome(job.tenant, False, sentence=str(error), ended="held", rehearsal=job.rehearsal)
    return replace(outcome, took_s=round(time.monotonic() - began))


def _run(job: Job, scratch: Path, clock: _Time, killed: str) -> Outcome:
    folder = store.private_folder(Path(job.out, job.tenant))
    # Whoever held the lock before is gone, and with it whoever was writing for it.
    store.sweep(folder, older_than_s=0 if killed else _PART_AGE_S)
    course = _Course.left(scratch / "course.json")
    found: dict[str, _Failure] = {}
    over = killed
    for name in job.notebooks:
        if name in course.failures:
            continue
        if killed and name == course.begun:
            node, failure = _reached(job, name, scratch), _Failure(killed)
        elif (over or clock.over) and name != FRONT:
            over = over or _said(clock)
            _retire(job, name, folder)
            node, failure = _reached(job, name, scratch), _Failure(f"not begun: {over}", limit=not killed)
        else:
            course.begin(name)
            _retire(job, name, folder)
            node, failure = _execute(job, name, scratch, _Time(_FRONT_S) if over or clock.over else clock)
        found[name] = failure
        before = [f"{other} stopped: {why}" for other, why in course.failures.items() if why]
        _leave(node, name, folder, job, failure.why, unfinished=before if name == FRONT else ())
        course.end(name, failure.why)
    _open_with(job, folder)
    shutil.rmtree(scratch, ignore_errors=True)
    return _judged(outcomes.of(job, {name: why for name, why in course.failures.items() if why}), found, killed)


def _retire(job: Job, name: str, folder: Path) -> None:
    """Make room for a notebook's evidence; what an earlier attempt of this run left is no night of its own."""
    if job.again:
        (folder / "evidence" / f"{name}.json").unlink(missing_ok=True)
    store.retire(folder, name, keep=timedelta(days=job.keep_days))


def _judged(outcome: Outcome, failures: dict[str, _Failure], killed: str) -> Outcome:
    """Return *outcome* with how the run ended."""
    if killed:
        return replace(outcome, ended="died", assessed=False)
    stopped = [failure for failure in failures.values() if failure.why]
    if any(failure.limit for failure in stopped):
        return replace(outcome, ended="limit")
    return replace(outcome, passing=any(failure.passing for failure in stopped))


def _said(clock: _Time) -> str:
    seconds = round(clock.limit_s or 0)
    length = f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds} s"
    return f"the tenant's time of {length} was over"


def _open_with(job: Job, folder: Path) -> None:
    """Write the page that a reader opens first: one about the tenant as a whole, or the best of this run."""
    made = (name for name in WHOLE if (folder / f"{name}.html").exists())
    shown = next(made, best(job.notebooks))
    # Pages are replaced and never written into, so that the one may be the other.
    store.link(folder / "index.html", folder / f"{shown}.html")


@contextmanager
def _held(tenant: str) -> Iterator[None]:
    """Hold the tenant's lock; the kernels of this process work under it and must not ask for it again."""
    with store.lock(tenant):
        os.environ["MAILAUTH_LOCKED"] = tenant
        try:
            yield
        finally:
            del os.environ["MAILAUTH_LOCKED"]


def _notebook(job: Job, name: str) -> Path:
    return Path(job.project, "notebooks", f"{name}.ipynb")


def _execute(job: Job, name: str, scratch: Path, clock: _Time) -> tuple[Any, _Failure]:
    """Return the notebook as far as it ran and, where it stopped, why.

    Raises:
        KeyboardInterrupt: This process was told to end.
    """
    failure = _executed(job, name, scratch, clock)
    # Told to end, nbclient ends the kernel and takes that for a kernel that died.
    if stopping.is_set():
        raise KeyboardInterrupt
    return _reached(job, name, scratch), failure


def _executed(job: Job, name: str, scratch: Path, clock: _Time) -> _Failure:
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    notebook = _notebook(job, name)
    wanted = {"tenant": job.tenant, "config": job.config, "out": job.out, **job.parameters}
    known = papermill.inspect_notebook(str(notebook))
    try:
        papermill.execute_notebook(
            str(notebook),
            str(scratch / notebook.name),
            parameters={name: value for name, value in wanted.items() if name in known},
            kernel_name="python3",
            engine_name=warm.ENGINE,
            progress_bar=False,
            log_output=False,
            cwd=str(notebook.parent),
            start_timeout=_KERNEL_START_S,
            # Nothing and less than nothing mean no limit to nbclient.
            timeout_func=lambda cell: max(0.1, clock.left_s()),
        )
    except papermill.PapermillExecutionError as error:
        return _Failure(f"{error.ename}: {error.evalue}", passing=error.ename in _PASSING)
    except CellTimeoutError:
        if clock.over:
            return _Failure(_said(clock), limit=True)
        return _Failure(f"a cell ran for more than {_CELL_LIMIT_S // 3600} hours")
    except DeadKernelError:
        return _Failure("the kernel died; a machine that ran out of memory does that", passing=True)
    except (RuntimeError, OSError) as error:
        return _Failure(f"the kernel did not start: {error}", passing=True)
    return _Failure("")


def _reached(job: Job, name: str, scratch: Path) -> Any:
    """Return the notebook as far as papermill wrote it down, or as it is where it wrote nothing or half of it."""
    nbformat: Any = import_module("nbformat")
    try:
        return nbformat.read(str(scratch / f"{name}.ipynb"), as_version=4)
    except (OSError, ValueError):
        return nbformat.read(str(_notebook(job, name)), as_version=4)


def _marked(node: Any, failure: str) -> Any:
    """Return *node* with *failure* where it stopped, unless the notebook says so itself."""
    nbformat: Any = import_module("nbformat")
    cells = [cell for cell in node["cells"] if cell["cell_type"] == "code"]
    said = any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])
    if failure and cells and not said:
        done = [bool(cell["metadata"].get("papermill", {}).get("end_time")) for cell in cells]
        place = cells[done.index(False)] if False in done else cells[-1]
        place["outputs"].append(nbformat.v4.new_output("error", ename="Stopped", evalue=failure, traceback=[]))
    return node


def _leave(node: Any, name: str, folder: Path, job: Job, failure: str, *, unfinished: Sequence[str] = ()) -> None:
    nbformat: Any = import_module("nbformat")
    node = _marked(node, failure)
    facts = [("This run stopped", failure)] if failure else []
    page = pages.render(
        node,
        tenant=job.tenant,
        rehearsal=job.rehearsal,
        beside={*job.notebooks, *_pages(folder)},
        facts=facts,
        unfinished=unfinished,
        over="../index.html" if job.indexed else "",
        here=name,
        front=name == FRONT,
    )
    store.write_text(folder / f"{name}.html", page)
    store.write_text(folder / f"{name}.ipynb", nbformat.writes(pages.scrub(node)))


def _pages(folder: Path) -> Iterator[str]:
    """Yield the names of the notebooks whose pages of earlier runs lie in *folder*."""
    return (path.stem for path in folder.glob("[0-9][0-9]-*.html"))
