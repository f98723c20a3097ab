"""What the readers of a live log share: whose folder they fill, over which days, and how far it reaches afterwards."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from azure.core.credentials import TokenCredential

from mailauth.clouds import Cloud
from mailauth.coverage import Code, Coverage, State, Window

from .client import Graph, Pace
from .ledger import Ledger, day_of, midnight

__all__ = ["DAY", "Job", "Reader", "Record", "Run", "days", "opened", "reach", "records"]

DAY: Final = timedelta(days=1)

Record = Mapping[str, Any]
"""One record of a log as the service sends it."""


@dataclass(frozen=True)
class Run:
    """Which log is to be read into which folder, and by which clocks.

    Args:
        cloud: Where Graph is.
        credential: Signs in with the permission that the log asks for.
        tenant_id: The tenant's id; it becomes the rows' AADTenantId.
        folder: The tenant's own folder for segments of this log.
        window: The event time wanted; None for all that the log holds.
        progress: Called with a line now and then.
        clock: The time of day, aware.
        monotonic: A clock that never goes back, in seconds.
        sleep: Waits for a number of seconds.
    """

    cloud: Cloud
    credential: TokenCredential = field(repr=False)
    tenant_id: str
    folder: Path
    window: Window | None = None
    progress: Callable[[str], None] = lambda _line: None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Job:
    """A run that has begun.

    Args:
        graph: Who is asked.
        ledger: What the folder holds already.
        folder: Where segments go.
        window: The event time wanted; None for all that the log holds.
        now: The moment of the run, UTC, in whole seconds.
        say: Called with a line now and then.
    """

    graph: Graph
    ledger: Ledger
    folder: Path
    window: Window | None
    now: datetime
    say: Callable[[str], None]


@contextmanager
def opened(run: Run) -> Iterator[Job]:
    """Yield the job of bringing the folder of *run* up to date.

    Raises:
        SourceError: The folder is another tenant's.
    """
    ledger = Ledger.open(run.folder, run.tenant_id)
    now = run.clock().astimezone(UTC).replace(microsecond=0)
    with Graph(run.cloud, run.credential, pace=Pace(monotonic=run.monotonic, sleep=run.sleep)) as graph:
        yield Job(graph, ledger, run.folder, run.window, now, run.progress)


class Reader:
    """Does a job."""

    def __init__(self, job: Job) -> None:
        self._graph = job.graph
        self._ledger = job.ledger
        self._folder = job.folder
        self._window = job.window
        self._now = job.now
        self._say = job.say


def records(page: Record) -> list[Record]:
    """Return the records of a page, without what is none."""
    value = page.get("value")
    return [record for record in value if isinstance(record, Mapping)] if isinstance(value, list) else []


def days(start: datetime, end: datetime) -> list[date]:
    """Return the UTC days that the time from *start* to *end*, not included, touches."""
    if end <= start:
        return []
    first, last = day_of(start), day_of(end - timedelta(microseconds=1))
    return [first + number * DAY for number in range((last - first).days + 1)]


def reach(
    what: str,
    state: State,
    source: str,
    there: Sequence[date],
    read_at: Mapping[date, datetime],
    *,
    lost: int,
    reason: str,
    remedy: str,
    code: Code = "",
) -> Coverage:
    """Return coverage from the first to the last day that is there, and of that one no more than was over when read.

    Args:
        what: As in `Coverage`, like `state`, `source`, `lost`, `reason` and `remedy`.
        state: How much of it there is.
        source: The witness.
        there: The days that are held, in order.
        read_at: When each was read.
        lost: How many records could not be read.
        reason: Why it is not complete.
        remedy: What would make it complete.
        code: What kind of reason it is.
    """
    return Coverage(
        what,
        state,
        source,
        start=midnight(there[0]) if there else None,
        end=min(read_at[there[-1]], midnight(there[-1]) + DAY) if there else None,
        lost=lost,
        reason=reason,
        remedy=remedy,
        code=code,
    )
