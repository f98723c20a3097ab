"""A worker as whoever gives the orders sees it: a process that runs one tenant at a time and answers in JSON lines."""

import json
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from mailauth import escape
from mailauth.services import children, store

from .jobs import Job
from .outcomes import Outcome

__all__ = ["COMMAND", "Answer", "Hand", "Teller", "Worker", "close"]

COMMAND = (sys.executable, "-m", "mailauth.fleet")
"""What starts a worker."""

Teller: TypeAlias = "Callable[[str], None]"

# A tenant whose time is over still gets its front page, and its pages are written; a worker that takes longer hangs.
_GRACE_S = 180
_LOOK_S = 0.2


@dataclass(frozen=True)
class Answer:
    """What came of an order.

    Args:
        outcome: What the worker found, or None where it died.
        why: Why it died.
        passing: Whether it may live when it is tried again.
        mute: Whether it died before it said anything, as one does that cannot start at all.
    """

    outcome: Outcome | None
    why: str = ""
    passing: bool = False
    mute: bool = False

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Answer":
        """Return the answer that `row` gave."""
        outcome = row["outcome"]
        return cls(Outcome.of_row(outcome) if outcome else None, row["why"], row["passing"], row["mute"])

    def row(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


class Hand(Protocol):
    """Whoever does tenants one after the other: a worker of this machine, or one elsewhere."""

    def do(self, job: Job, *, limit_s: float | None, killed: str = "", tell: Teller) -> Answer:
        """Have *job* done and return what came of it."""

    def dismiss(self) -> "children.Child | None":
        """Take no further job and stop the one that runs; return the process that is to be told, if any."""


class Worker:
    """A worker, started when it is first needed and again when it died.

    Args:
        errors: The file that takes what it complains about.
        command: What starts it.
    """

    def __init__(self, errors: Path, *, command: Sequence[str] = COMMAND) -> None:
        self.errors = errors
        self._command = command
        self.child: children.Child | None = None
        self._said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._spoke = False
        self.stopped = False

    def do(self, job: Job, *, limit_s: float | None, killed: str = "", tell: Teller) -> Answer:
        """Have *job* done and return what came of it.

        Args:
            job: What to do.
            limit_s: How long it may take.
            killed: As `working.work` takes it.
            tell: Where a line of progress goes.
        """
        if self.stopped:
            return Answer(None, "interrupted")
        try:
            child = self._ready()
            order = {"job": asdict(job), "limit_s": limit_s, "killed": killed}
            assert child.stdin is not None
            child.stdin.write(json.dumps(order) + "\n")
            child.stdin.flush()
        except OSError as error:
            self._end()
            return Answer(None, f"the worker did not take the job: {error.strerror}", passing=True)
        return self._answer(child, limit_s, tell)

    def dismiss(self) -> "children.Child | None":
        """Take no further job; the process is to be told to end."""
        self.stopped = True
        return self.child

    def _ready(self) -> children.Child:
        if self.child is None or self.child.poll() is not None:
            self._end()
            self._said, self._spoke = queue.SimpleQueue(), False
            store.write_text(self.errors, "")
            with self.errors.open("a", encoding="utf-8") as errors:
                self.child = children.start(self._command, errors=errors)
            threading.Thread(target=_read, args=(self.child, self._said), daemon=True).start()
        return self.child

    def _answer(self, child: children.Child, limit_s: float | None, tell: Teller) -> Answer:
        until = time.monotonic() + limit_s + _GRACE_S if limit_s else None
        gone = False
        while True:
            try:
                said = self._said.get(timeout=_LOOK_S)
            except queue.Empty:
                if gone:
                    return self._died(child)
                # What it said last may be on its way still.
                gone = child.poll() is not None
                if until is not None and time.monotonic() > until:
                    self._end()
                    return Answer(None, "the worker did not come back when the tenant's time was over")
                continue
            self._spoke = True
            if "progress" in said:
                tell(escape.line(str(said["progress"])))
            elif "outcome" in said:
                return Answer(Outcome.of_row(said["outcome"]))
            elif "died" in said:
                return Answer(None, str(said["died"]), bool(said.get("transient")))

    def _died(self, child: children.Child) -> Answer:
        status = child.returncode
        lines = self.errors.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        last = escape.line(lines[-1]) if lines else ""
        self._end()
        if self.stopped or status == 130:
            return Answer(None, "interrupted")
        if status in (-getattr(signal, "SIGKILL", 9), 137):
            return Answer(None, "the process was killed; a machine that ran out of memory does that", passing=True)
        if status < 0:
            return Answer(None, f"the process was ended by signal {-status}", passing=True)
        why = f"the process ended with {status}: {last or 'it said nothing'}"
        return Answer(None, why, passing="MemoryError" in last, mute=not self._spoke)

    def _end(self) -> None:
        if self.child is not None:
            self.child.kill()
            children.stop([self.child])
            self.child = None


def close(crew: Iterable[Hand]) -> None:
    """Tell all of *crew* to end; jobs that run are stopped, and no further one is taken."""
    told = [hand.dismiss() for hand in crew]
    children.stop([child for child in told if child is not None])


def _read(child: children.Child, said: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Pass on what *child* says until it is gone; lines that are none of ours, such as a library's, are left out."""
    assert child.stdout is not None
    for line in child.stdout:
        try:
            message = json.loads(line)
        except ValueError:
            continue
        if isinstance(message, dict):
            said.put(message)
    child.stdout.close()
