"""The warm parent: a process whose imports are done, which forks one child per job and outlives every one of them.

It reads requests as lines of JSON and answers with lines of JSON. A job that is stopped, runs out of time or dies
takes its whole process group along, and nothing else.
"""

import gc
import json
import os
import selectors
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from . import children

__all__ = ["PROGRESS", "serve"]

assert sys.platform != "win32"  # which has no fork; nothing imports this there

PROGRESS: Final = "MAILAUTH_PROGRESS"
"""The variable that names where a run's lines of progress go."""

_MERCY_S: Final = 7.0  # between being asked to end and being killed
_GRACE_S: Final = 150.0  # past its limit, for the pages that say so
_PIECE: Final = 1 << 16

Asked = Mapping[str, Any]
Work = Callable[[Asked], Mapping[str, Any]]


def serve(work: Work, *, grace_s: float = _GRACE_S) -> None:
    """Answer the requests on standard input until it ends, each ``job`` by *work* in a child of its own.

    Args:
        work: Takes a request and returns the answer to it; what the CPU was used for is added, in seconds. A request's
            ``limit_s`` is its own to keep.
        grace_s: How long after its limit a job is killed, in seconds.
    """
    gc.collect()
    # What a collection does not touch, the children share.
    gc.freeze()
    with _folder() as place:
        server = _Server(work, grace_s, _moved_output(), place / "progress")
        try:
            server.run()
        finally:
            server.end()
            # Or libraries that look for their own leftovers at the end find all of it.
            gc.unfreeze()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="mailauth-") as name:
        yield Path(name)


def _moved_output() -> int:
    """Return a descriptor for answers; whatever else is printed goes to standard error from now on."""
    moved = os.dup(1)
    os.dup2(2, 1)
    return moved


@dataclass
class _Child:
    """A running job.

    Args:
        process: Its process, which leads a group of its own.
        answer: Where its answer comes from, and its end.
        kill_at: When it is killed, on the monotonic clock.
        why: Why it was told to end, empty while it may run.
    """

    process: int
    answer: int
    kill_at: float
    why: str = ""

    def signal(self, number: int) -> None:
        """Tell the whole group."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process, number)

    def stop(self, why: str) -> None:
        """Ask it to end and leave things clean."""
        if not self.why:
            self.why, self.kill_at = why, time.monotonic() + _MERCY_S
            self.signal(signal.SIGTERM)


class _Server:
    def __init__(self, work: Work, grace_s: float, answers: int, progress: Path) -> None:
        os.mkfifo(progress, 0o600)
        self._work, self._grace_s, self._answers, self._path = work, grace_s, answers, progress
        # Held for writing too, or it would end whenever a job closes it.
        self._progress = os.open(progress, os.O_RDWR | os.O_NONBLOCK)
        self._lines = {0: b"", self._progress: b""}
        self._answer = b""
        self._child: _Child | None = None
        self._watched = selectors.DefaultSelector()
        for source in self._lines:
            self._watched.register(source, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until there is nobody left to serve."""
        self._say(ready=True, own_cpu_s=time.process_time())
        while True:
            for key, _ in self._watched.select(self._pause()):
                piece = os.read(key.fd, _PIECE)
                if key.fd == 0 and not piece:
                    return
                self._heard(key.fd, piece)
            self._look_at_the_clock()

    def end(self) -> None:
        """Stop a job that still runs."""
        if self._child is None:
            return
        self._child.stop("the worker was told to end")
        while self._child is not None:
            if self._watched.select(self._pause()):
                self._heard(self._child.answer, os.read(self._child.answer, _PIECE))
            self._look_at_the_clock()

    def _pause(self) -> float | None:
        if self._child is None or self._child.kill_at == float("inf"):
            return None
        return max(0.0, self._child.kill_at - time.monotonic())

    def _look_at_the_clock(self) -> None:
        if self._child is not None and time.monotonic() >= self._child.kill_at:
            self._child.why = self._child.why or "the time limit passed and it did not end"
            self._child.kill_at = time.monotonic() + _MERCY_S
            self._child.signal(signal.SIGKILL)

    def _heard(self, source: int, piece: bytes) -> None:
        if source not in self._lines:
            self._answer += piece
            if not piece:
                self._ended()
            return
        *lines, self._lines[source] = (self._lines[source] + piece).split(b"\n")
        for line in filter(None, lines):
            if source == self._progress:
                self._say(progress=line.decode(errors="replace"))
            else:
                self._asked(json.loads(line))

    def _asked(self, request: Asked) -> None:
        if "stop" in request:
            if self._child is not None:
                self._child.stop(str(request["stop"]))
        else:
            self._child = self._born(request)
            self._watched.register(self._child.answer, selectors.EVENT_READ)

    def _born(self, request: Asked) -> _Child:
        read, write = os.pipe()
        process = children.born(lambda: self._live(request, write))
        # Here and in the child: whichever comes first, a signal finds the group.
        with suppress(ProcessLookupError, PermissionError):
            os.setpgid(process, process)
        os.close(write)
        limit_s = request.get("limit_s")
        kill_at = time.monotonic() + limit_s + self._grace_s if limit_s else float("inf")
        self._answer = b""
        return _Child(process, read, kill_at)

    def _live(self, request: Asked, write: int) -> None:
        """Do one job: the whole life of a child."""
        with suppress(PermissionError):
            os.setpgid(0, 0)
        children.detach({write})
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        os.environ[PROGRESS] = str(self._path)
        answer = json.dumps(self._work(request)).encode()
        with os.fdopen(write, "wb") as answers:
            answers.write(answer)

    def _ended(self) -> None:
        """Answer for the child that has ended, and end what it left running."""
        child, self._child = self._child, None
        assert child is not None
        self._watched.unregister(child.answer)
        os.close(child.answer)
        # Its number is its own, and the group's, only until it is waited for.
        if sys.platform != "darwin":  # whose Python has it since 3.13 only, and where nothing is forked
            os.waitid(os.P_PID, child.process, os.WEXITED | os.WNOWAIT)
        child.signal(signal.SIGKILL)
        _, status, used = os.wait4(child.process, 0)
        self._tell_the_rest()
        try:
            answer = json.loads(self._answer)
        except ValueError:
            self._say(died=child.why or _death(status), transient=not child.why)
        else:
            self._say(**answer, cpu_s=used.ru_utime + used.ru_stime, own_cpu_s=time.process_time())

    def _tell_the_rest(self) -> None:
        with suppress(BlockingIOError):
            self._heard(self._progress, os.read(self._progress, _PIECE))
        # Half a line of a job that was killed is no beginning of the next one's.
        self._lines[self._progress] = b""

    def _say(self, **answer: Any) -> None:
        line = json.dumps(answer).encode() + b"\n"
        while line:
            line = line[os.write(self._answers, line) :]


def _death(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code == -signal.SIGKILL:
        return "the process was killed; a machine that ran out of memory does that"
    if code < 0:
        return f"the process was ended by {signal.Signals(-code).name}"
    return f"the process ended with {code} and no answer"
