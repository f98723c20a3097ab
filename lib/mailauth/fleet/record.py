"""What a run over a set of tenants has done so far, so that it can be taken up again after it was killed."""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mailauth.services import store

from .jobs import Job
from .outcomes import Outcome

__all__ = ["Record", "forget", "name_of"]

# What was found the day before yesterday is no part of tonight's report, unless somebody says so.
_YOUNG = timedelta(hours=12)


def name_of(jobs: Sequence[Job]) -> str:
    """Return a name for this set of jobs: the same tenants and notebooks of the same file, asked the same."""
    told = [[job.tenant, job.config, job.out, job.notebooks, job.parameters] for job in jobs]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:12]


class Record:
    """The file of a set's run, written whole after each tenant and gone when the run ends.

    Args:
        path: Where it lies.
        began_at: When the run began, aware.
        done: What came of the tenants that ran whole, by name.
    """

    def __init__(self, path: Path, began_at: datetime, done: dict[str, Outcome]) -> None:
        self.began_at = began_at
        self.done = done
        self._path = path

    @classmethod
    def begin(cls, path: Path, *, resume: bool | None, now: datetime | None = None) -> "Record":
        """Begin a run, or take up the last one if it did not end.

        Args:
            path: Where the record lies; whoever calls holds the set's lock.
            resume: Whether to take it up: always, never, or (None) when it began within 12 hours.
            now: The clock.
        """
        moment = now or datetime.now(UTC)
        held = _read(path)
        began_at = datetime.fromisoformat(held["began_at"]) if held else None
        wanted = began_at is not None and (resume if resume is not None else moment - began_at < _YOUNG)
        if held is None or began_at is None or not wanted:
            record = cls(path, moment, {})
        else:
            rows = (Outcome.of_row(row) for row in held["done"])
            record = cls(path, began_at, {row.tenant: row for row in rows})
        record._save()
        return record

    @property
    def resumed(self) -> bool:
        """Whether this is a run that was begun before and has something to show for it."""
        return bool(self.done)

    def add(self, outcome: Outcome) -> None:
        """Note that a tenant ran; one that did not run whole is tried again when the run is taken up."""
        if outcome.assessed:
            self.done[outcome.tenant] = outcome
            self._save()

    def end(self) -> None:
        """Note that the run came to its end: nothing is left to be taken up."""
        self._path.unlink(missing_ok=True)

    def _save(self) -> None:
        record = {
            "schema": "mailauth/run/1",
            "began_at": self.began_at.isoformat(),
            "process": os.getpid(),
            "done": [asdict(row) for row in self.done.values()],
        }
        # Compact: it is written a thousand times in a night.
        store.write_text(self._path, json.dumps(record, separators=(",", ":")))


def forget(tenant: str) -> None:
    """Take a tenant out of the records of runs that did not end."""
    for path in store.fleet_dir("").glob("*/run.json"):
        held = _read(path)
        if held is not None and any(row["tenant"] == tenant for row in held["done"]):
            kept = [row for row in held["done"] if row["tenant"] != tenant]
            store.write_text(path, json.dumps(held | {"done": kept}))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        datetime.fromisoformat(held["began_at"])
        [Outcome.of_row(row) for row in held["done"]]
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return dict(held)
