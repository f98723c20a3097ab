"""Many conversations at once, within the limits of the service, each result handed on as it comes.

Exchange Online takes three submissions at once from a mailbox and refuses the next (432 4.3.2); for reading, one
connection to a mailbox at a time is the polite measure. Different mailboxes do not wait for each other.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeAlias, TypeVar

__all__ = ["AT_ONCE", "SMTP_MOST", "Job", "many"]

AT_ONCE: Final = 24
"""How many conversations go on at once: they mostly wait, and more would only queue for the processor."""
SMTP_MOST: Final = 3
"""How many submissions Exchange Online takes at once from one mailbox."""

_LOOK_S: Final = 0.5  # how soon Ctrl-C is noticed where waiting for a thread cannot be interrupted


class Job(Protocol):
    """What is to be tried: anything that tells its mailbox and protocol."""

    @property
    def mailbox(self) -> str:
        """The mailbox to open."""
        ...

    @property
    def protocol(self) -> str:
        """``imap``, ``pop`` or ``smtp``."""
        ...


J = TypeVar("J", bound=Job)
R = TypeVar("R")
_Place: TypeAlias = tuple[str, bool]


def many(
    jobs: Iterable[J],
    talk: Callable[[J], R],
    *,
    at_once: int = AT_ONCE,
    per_mailbox: int = 1,
    smtp_per_mailbox: int = 1,
    tell: Callable[[str], None] = lambda line: None,
) -> Iterator[tuple[J, R]]:
    """Return an iterator over each job with what *talk* returned for it, in the order in which they end.

    At Ctrl-C, or where the caller stops early, no further job begins; those that ended are yielded, and the
    interrupt goes on to the caller. No result is lost then, and the one at which it came may come twice.
    Conversations under way are left to their own deadlines.

    Args:
        jobs: What to try.
        talk: Tries one, in a thread; what it raises ends all of this, so it returns what failed as a value.
        at_once: The most conversations at once, 1 or more.
        per_mailbox: The most at once to read one mailbox.
        smtp_per_mailbox: The most submissions at once by one mailbox, 1 to 3.
        tell: Called with lines of progress, and an empty one at the end.

    Raises:
        ValueError: A number is out of its range.
    """
    if at_once < 1 or per_mailbox < 1 or not 1 <= smtp_per_mailbox <= SMTP_MOST:
        raise ValueError(f"expected at least 1 of each, and at most {SMTP_MOST} submissions by a mailbox")
    return _run(_Line(jobs, per_mailbox, smtp_per_mailbox), _Crew(talk), at_once, tell)


def _run(line: "_Line[J]", crew: "_Crew[J, R]", at_once: int, tell: Callable[[str], None]) -> Iterator[tuple[J, R]]:
    ended = 0
    try:
        while True:
            while crew.busy < at_once and (job := line.next()) is not None:
                crew.give(job)
            if not crew.busy:
                return
            job, result = crew.wait()
            ended += 1
            line.leave(job)
            tell(f"{ended:,} of {line.size:,}: {job.mailbox} by {job.protocol}")
            yield job, result
            crew.drop()
    except KeyboardInterrupt:
        while crew.has_ended:
            yield crew.wait()
            crew.drop()
        raise
    finally:
        crew.dismiss()
        tell("")


@dataclass(frozen=True)
class _Result(Generic[R]):
    value: R


class _Crew(Generic[J, R]):
    """Threads that work, as many as were ever busy at once."""

    def __init__(self, talk: Callable[[J], R]) -> None:
        self.busy = 0
        self._talk = talk
        self._hired = 0
        self._given: queue.SimpleQueue[J | None] = queue.SimpleQueue()
        # An interrupt can come between any two steps: a result stays here until it was handed on.
        self._ended: deque[tuple[J, _Result[R] | BaseException]] = deque()
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()

    @property
    def has_ended(self) -> bool:
        """Whether a job has ended that was not handed on yet."""
        return bool(self._ended)

    def give(self, job: J) -> None:
        """Begin a job."""
        if self.busy == self._hired:
            # A daemon: a server that hangs must not keep the program from ending.
            threading.Thread(target=self._work, daemon=True, name="mail").start()
            self._hired += 1
        self.busy += 1
        self._given.put(job)

    def wait(self) -> tuple[J, R]:
        """Wait for a job to end, and return it as long as it was not dropped; raises what it raised."""
        while not self._ended:
            with suppress(queue.Empty):
                self._news.get(timeout=_LOOK_S)
        job, result = self._ended[0]
        if isinstance(result, BaseException):
            self.drop()
            raise result
        return job, result.value

    def drop(self) -> None:
        """Forget the job that `wait` returned: it was handed on."""
        self._ended.popleft()
        self.busy -= 1

    def dismiss(self) -> None:
        """Let the threads end after what they are at."""
        for _ in range(self._hired):
            self._given.put(None)

    def _work(self) -> None:
        while (job := self._given.get()) is not None:
            try:
                self._ended.append((job, _Result(self._talk(job))))
            except BaseException as error:
                self._ended.append((job, error))
            self._news.put(None)


class _Line(Generic[J]):
    """Jobs in line, so that no mailbox gets more connections than it may."""

    def __init__(self, jobs: Iterable[J], per_mailbox: int, smtp_per_mailbox: int) -> None:
        self._limits = {True: smtp_per_mailbox, False: per_mailbox}
        self._waiting: dict[_Place, deque[J]] = {}
        self._busy: dict[_Place, int] = {}
        self.size = 0
        for job in jobs:
            self._waiting.setdefault(_place(job), deque()).append(job)
            self.size += 1
        self._ready = deque(self._waiting)

    def next(self) -> J | None:
        """Return a job that may begin now; None where none may."""
        while self._ready:
            place = self._ready.popleft()
            waiting, busy = self._waiting.get(place), self._busy.get(place, 0)
            if waiting is None or busy >= self._limits[place[1]]:
                continue  # `leave` brings it back
            job = waiting.popleft()
            self._busy[place] = busy + 1
            if waiting:
                self._ready.append(place)
            else:
                del self._waiting[place]
            return job
        return None

    def leave(self, job: J) -> None:
        """Take note that a job has ended."""
        place = _place(job)
        self._busy[place] -= 1
        if not self._busy[place]:
            del self._busy[place]
        if place in self._waiting:
            self._ready.append(place)


def _place(job: Job) -> _Place:
    return job.mailbox.casefold(), job.protocol == "smtp"
