"""One tenant's notebooks, run in this process: what a worker does.

What a run found is read from the evidence it left, never from the notebook's outputs.
"""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from mailauth.errors import MailauthError
from mailauth.services import store
from mailauth.views import pages

from . import outcomes
from .jobs import FRONT, Job
from .outcomes import Outcome

__all__ = ["main", "work"]

# A notebook that hangs is stopped; the longest honest run reads a large tenant live from Graph.
_CELL_LIMIT_S = 3 * 60 * 60
_KERNEL_START_S = 120


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
        if FRONT in job.notebooks or not (folder / f"{FRONT}.html").exists():
            front = FRONT if FRONT in job.notebooks else job.notebooks[-1]
            store.write_text(folder / "index.html", (folder / f"{front}.html").read_text(encoding="utf-8"))
    return outcomes.of(job, folder, failures)


@contextmanager
def _held(tenant: str) -> Iterator[None]:
    """Hold the tenant's lock; the kernels of this process work under it and must not ask for it again."""
    with store.lock(tenant):
        os.environ["MAILAUTH_LOCKED"] = tenant
        try:
            yield
        finally:
            del os.environ["MAILAUTH_LOCKED"]


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


def main() -> None:
    """Read a job as JSON from standard input, run it, and answer with its outcome as one line of JSON."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asked = json.loads(sys.stdin.read())
    asked["notebooks"] = tuple(asked["notebooks"])
    job = Job(**asked)
    try:
        outcome = work(job)
    except MailauthError as error:
        outcome = Outcome(job.tenant, False, sentence=str(error))
    print(json.dumps(asdict(outcome)))
