"""papermill over tenants: notebooks in, pages and outcomes out.

One operating system process per tenant at a time: kernels started from threads of one process die now and
then, and a tenant that fails must not taint the next. A run that was killed is taken up where it was.
"""

import concurrent.futures
import heapq
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mailauth import escape
from mailauth.errors import MailauthError
from mailauth.services import store

from . import aside, record
from .jobs import FRONT, NOTEBOOKS, Job
from .journal import LOG, Journal, log_of, logs
from .outcomes import FLEET, Outcome, draw, read, recall, remember
from .pace import Pace
from .publishing import Place, join, shard_file
from .record import name_of
from .workers import COMMAND, Answer, Hand, Teller, Worker, close
from .working import work

__all__ = [
    "FLEET",
    "FRONT",
    "LOG",
    "NOTEBOOKS",
    "Hand",
    "Job",
    "Outcome",
    "Patience",
    "Place",
    "draw",
    "forget",
    "join",
    "read",
    "recall",
    "remember",
    "run",
    "shard_file",
    "work",
]

# How often the main thread looks up: on Windows Ctrl-C reaches it only then.
_LOOK_S = 0.5
# A page that cannot be made from what a killed run left is tried once more: the front may be what killed it.
_SALVAGES = 2
_LET_GO_S = 2.0
_MUTE = 5  # workers in a row that died without a word: the sixth would as well
_LONGEST = 1_000  # characters of a line


@dataclass(frozen=True)
class Patience:
    """How often a tenant is tried whose run did not end whole, or lacks records, for a reason that may pass.

    Args:
        attempts: The most attempts.
        first_s: The pause after the first attempt, in seconds; up to a third more or less, by chance.
        factor: How much longer each further pause is.
        throttled_s: The first pause where a source throttled, in seconds: it was waited for already.
    """

    attempts: int = 3
    first_s: float = 5.0
    factor: float = 4.0
    throttled_s: float = 60.0

    def pause_s(self, attempt: int, *, throttled: bool = False) -> float:
        """Return how long to wait after an attempt; the first is 1."""
        first_s = self.throttled_s if throttled else self.first_s
        # By chance, because a service that throttles a fleet would else see all of it come back at once.
        return first_s * self.factor ** (attempt - 1) * secrets.SystemRandom().uniform(0.67, 1.33)


_PATIENCE = Patience()


def forget(out: Path, tenant: str) -> None:
    """Take a tenant whose pages are gone out of the fleet's page, file, log and records."""
    record.forget(tenant)
    for name in logs(path.name for path in out.iterdir()):
        Journal(out / name).forget(tenant)
    remember(out, ())


def run(
    jobs: Sequence[Job],
    *,
    workers: int,
    say: Callable[[str], None],
    limit_s: float | None = None,
    resume: bool | None = None,
    also: str = "",
    ended: Callable[[Outcome], None] = lambda outcome: None,
    patience: Patience = _PATIENCE,
    command: Sequence[str] = COMMAND,
    crew: Sequence[Hand] = (),
    kept: Callable[[Job], bool] | None = None,
    ready: Callable[[str], None] = lambda tenant: None,
) -> list[Outcome]:
    """Run every job, write the page and the file over all of them, and return the outcomes in the order of *jobs*.

    Args:
        jobs: One per tenant, all with the same folder of reports.
        workers: How many tenants at a time.
        say: Where a line goes when a tenant begins, moves on or ends.
        limit_s: A time limit per tenant, in seconds; None for none.
        resume: Whether a run of the same jobs that did not end is taken up, as in `Record.begin`.
        also: A further file for the outcomes of these jobs alone, as in `remember`; the log lies beside it.
        ended: Called when a tenant is over, from one thread.
        patience: How often a tenant is tried.
        command: What starts a worker.
        crew: Who does the jobs in place of workers on this machine.
        kept: Whether a tenant that is done has its page still; without, whether it lies in the folder of reports.
        ready: Waits until what a tenant's run builds on is here; called before each attempt, from several threads.

    Raises:
        HeldError: Another process runs the same set.
        MailauthError: Workers do not start on this machine.
        KeyboardInterrupt: Ctrl-C or SIGTERM; what had ended is kept and shown.
    """
    out = Path(jobs[0].out)
    folder = store.fleet_dir(name_of(jobs))
    with store.lock_folder(folder, "this set of tenants"), _ended_by_sigterm():
        store.sweep(folder, older_than_s=0)
        logs = [folder / f"worker-{number}.log" for number in range(max(1, workers))]
        noted = record.Record.begin(folder / "run.json", resume=resume)
        journal = Journal(out / log_of(also))
        fleet = _Fleet(jobs, noted, say, journal, limit_s, patience, ended, kept or _has_page, ready)
        try:
            fleet.run(crew or [Worker(path, command=command) for path in logs])
        finally:
            # What libraries complained about: said where it ended a tenant, and nobody's business after that.
            for path in logs:
                path.unlink(missing_ok=True)
            # A page over no tenant would only say that there is none.
            if fleet.known or (out / FLEET).exists():
                remember(out, fleet.known.values(), also=also)
        # Not before it is shown: what could not be written down tonight is taken up instead of done again.
        noted.end()
    return [fleet.found[job.tenant] for job in jobs]


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Take what a service manager says for Ctrl-C while the block runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass(frozen=True, order=True)
class _Turn:
    """When a job is due, and what was tried before.

    Args:
        at: When, by the monotonic clock.
        place: Its place among the jobs.
        attempt: Which attempt it is; the first is 1.
        spent_s: How long the attempts before it took.
        needs_s: How long the last of them took that ran whole.
        killed: Why its process is gone: then only pages are made.
        salvages: How often that was tried.
    """

    at: float
    place: int
    attempt: int = 1
    spent_s: float = 0
    needs_s: float = 0
    killed: str = ""
    salvages: int = 0


class _Fleet:
    """A run over a set of jobs; everything but the attempts themselves happens in one thread."""

    def __init__(
        self,
        jobs: Sequence[Job],
        noted: record.Record,
        say: Callable[[str], None],
        journal: Journal,
        limit_s: float | None,
        patience: Patience,
        ended: Callable[[Outcome], None],
        kept: Callable[[Job], bool],
        ready: Callable[[str], None],
    ) -> None:
        self._jobs = jobs
        self._record = noted
        self._say = say
        self._journal = journal
        self._limit_s = limit_s
        self._patience = patience
        self._ended = ended
        self._ready = ready
        self.found = {job.tenant: noted.done[job.tenant] for job in jobs if job.tenant in noted.done and kept(job)}
        self._throttled: dict[str, Outcome] = {}
        self._mute = 0
        self._pace = Pace(len(jobs), done=len(self.found))

    @property
    def known(self) -> dict[str, Outcome]:
        """What is known by now, by tenant: also of those that have their pages and are tried again."""
        return {**self._throttled, **self.found}

    def run(self, crew: Sequence[Hand]) -> None:
        """Have the crew do what is left."""
        self._begin(len(crew))
        turns = [_Turn(0, place) for place, job in enumerate(self._jobs) if job.tenant not in self.found]
        free, active = list(crew), dict[concurrent.futures.Future[Answer], tuple[Hand, _Turn, float]]()
        with concurrent.futures.ThreadPoolExecutor(len(crew)) as pool:
            try:
                while turns or active:
                    while free and turns and turns[0].at <= time.monotonic():
                        worker, turn = free.pop(), heapq.heappop(turns)
                        active[pool.submit(self._attempt, worker, turn)] = worker, turn, time.monotonic()
                    for future in self._wait(active):
                        worker, turn, began = active.pop(future)
                        free.append(worker)
                        if again := self._next(turn, future.result(), time.monotonic() - began):
                            heapq.heappush(turns, again)
            except KeyboardInterrupt:
                self._say("stopping: what is under way ends first, which takes some seconds")
                self._tell(f"interrupted; {len(self.found):,} of {len(self._jobs):,} tenants are done")
                raise
            finally:
                close(crew)

    def _begin(self, workers: int) -> None:
        count = len(self._jobs)
        tenants = f"{count:,} {'tenant' if count == 1 else 'tenants'}"
        self._journal(f"run of {tenants}, {workers} at a time: {', '.join(self._jobs[0].notebooks)}")
        if self.found:
            began = f"{self._record.began_at:%Y-%m-%d %H:%M} UTC"
            self._tell(f"taking up the run that began at {began}: {len(self.found):,} of {tenants} are done")

    @staticmethod
    def _wait(
        active: dict[concurrent.futures.Future[Answer], tuple[Hand, _Turn, float]],
    ) -> set[concurrent.futures.Future[Answer]]:
        if not active:
            time.sleep(_LOOK_S / 5)
            return set()
        first = concurrent.futures.FIRST_COMPLETED
        return concurrent.futures.wait(active, timeout=_LOOK_S, return_when=first).done

    def _attempt(self, worker: Hand, turn: _Turn) -> Answer:
        job = self._jobs[turn.place]
        if turn.attempt == 1 and not turn.killed:
            self._tell(f"{job.tenant}: started")
        left_s = max(1.0, self._limit_s - turn.spent_s) if self._limit_s else None

        def tell(line: str) -> None:
            self._say(f"{job.tenant}: {line}")

        try:
            if not turn.killed:
                self._ready(job.tenant)
        except MailauthError as error:
            # Without what it builds on it would write over it: nothing is done, and what is known stays.
            return Answer(Outcome(job.tenant, False, sentence=str(error), ended="held", rehearsal=job.rehearsal))
        if job.tenant in self._throttled:
            return self._once_more(worker, replace(job, again=True), left_s, tell)
        return worker.do(job, limit_s=left_s, killed=turn.killed, tell=tell)

    @staticmethod
    def _once_more(worker: Hand, job: Job, left_s: float | None, tell: Teller) -> Answer:
        """Have a tenant done that ran whole before; of what ends worse nothing stays."""
        answer: Answer | None = None
        try:
            with aside.kept(job.tenant, Path(job.out, job.tenant)) as put_back:
                answer = worker.do(job, limit_s=left_s, tell=tell)
                if answer.outcome is None or not (answer.outcome.assessed or answer.outcome.ended == "held"):
                    put_back()
        except MailauthError as error:
            tell(str(error))
            return answer or Answer(None, str(error))
        return answer

    def _next(self, turn: _Turn, answer: Answer, took_s: float) -> _Turn | None:
        """Take an answer in; return the turn that is to follow, or None where the tenant is over."""
        job, outcome = self._jobs[turn.place], answer.outcome
        self._mute = self._mute + 1 if answer.mute else 0
        if self._mute > _MUTE:
            raise MailauthError(f"No worker starts: {answer.why}", remedy="Nothing further was tried.")
        passing = answer.passing if outcome is None else outcome.passing or outcome.ended == "held"
        why = answer.why if outcome is None else outcome.sentence
        throttled = outcome is not None and outcome.assessed and outcome.throttled
        if outcome is not None and throttled:
            # A source that is busy now has more room when the others are done.
            self._throttled[job.tenant], why = outcome, "a source throttled, and its records are missing"
        turn = replace(turn, spent_s=turn.spent_s + took_s, needs_s=took_s if throttled else turn.needs_s)
        again = (passing or throttled) and not turn.killed and turn.attempt < self._patience.attempts
        if again and self._has_time(turn):
            pause_s = self._patience.pause_s(turn.attempt, throttled=throttled)
            self._tell(f"{job.tenant}: {why}; tried again in {pause_s:.0f} s")
            return replace(turn, at=time.monotonic() + pause_s, attempt=turn.attempt + 1)
        if whole := self._throttled.get(job.tenant):
            self._over(turn, outcome if outcome is not None and outcome.assessed else whole)
            return None
        # Who was killed lets go of the tenant in a moment.
        if turn.killed and outcome is not None and outcome.ended == "held":
            outcome = None
        if outcome is None and turn.salvages < _SALVAGES:
            due = time.monotonic() + _LET_GO_S * turn.salvages
            return replace(turn, at=due, killed=turn.killed or why, salvages=turn.salvages + 1)
        self._over(turn, outcome or Outcome(job.tenant, False, sentence=turn.killed or why, ended="died"))
        return None

    def _has_time(self, turn: _Turn) -> bool:
        # Less time than a whole run took is sure to end worse.
        return self._limit_s is None or turn.spent_s + turn.needs_s < self._limit_s

    def _over(self, turn: _Turn, outcome: Outcome) -> None:
        outcome = replace(outcome, attempts=turn.attempt, took_s=round(turn.spent_s))
        self.found[outcome.tenant] = outcome
        self._record.add(outcome)
        self._ended(outcome)
        left = "a source throttled to the end; " if outcome.throttled else ""
        self._tell(f"{outcome.tenant}: {outcome.sentence} ({left}{outcome.took_s} s; {self._pace.end()})")

    def _tell(self, line: str) -> None:
        # What a tenant's run says may come from its logs, and a terminal obeys some of that.
        shown = escape.line(line, limit=_LONGEST)
        self._say(shown)
        self._journal(shown)


def _has_page(job: Job) -> bool:
    return Path(job.out, job.tenant, "index.html").is_file()
