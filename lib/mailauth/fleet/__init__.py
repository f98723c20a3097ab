"""papermill over tenants: notebooks in, pages and outcomes out.

One operating system process per tenant at a time: kernels started from threads of one process die now and
then, and a tenant that fails must not taint the next. A worker answers with one line of JSON.
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
from dataclasses import asdict
from pathlib import Path

from .jobs import FRONT, NOTEBOOKS, Job
from .outcomes import Outcome, recall, remember
from .working import work

__all__ = ["FRONT", "NOTEBOOKS", "Job", "Outcome", "recall", "remember", "run", "work"]


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
