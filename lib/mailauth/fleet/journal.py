"""The log of a folder of reports: what its fleets did, a line each, for a person."""

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TextIO

from mailauth import escape
from mailauth.services import store

__all__ = ["LOG", "Journal", "joined", "log_of", "logs", "with_older"]

LOG = "fleet.log"
"""The name of the log that a person reads."""

_NAME = re.compile(r"fleet(-\d+-of-\d+)?\.log")
_TIME = len("2026-11-23T10:00:00Z")
_WIDEST = 1_000  # characters of a line

# A run over 1,000 tenants writes 0.3 MB. It begins a new file rather than cut itself in two.
_LONGEST = 1_000_000
_KEPT = 3


class Journal:
    """A file that grows by a line at a time, with its time (UTC) in front; readable by its owner only.

    Args:
        path: The file; older ones lie beside it as ``.1`` (the youngest) to ``.3``.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        store.private_folder(path.parent)
        if path.exists() and path.stat().st_size > _LONGEST:
            self._turn()

    def __call__(self, line: str) -> None:
        """Write *line*."""
        # A full disk ends what has to be written down; a line less in the log ends nothing.
        with suppress(OSError), self._opened() as file:
            file.write(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {escape.line(line, limit=_WIDEST)}\n")

    def _opened(self) -> TextIO:
        # For each line, and in the mode in which two processes' lines do not mix.
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(handle, "w", encoding="utf-8", errors="replace")

    def forget(self, tenant: str) -> None:
        """Take out every line about a tenant."""
        for path in self._paths():
            if path.exists():
                lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
                kept = [line for line in lines if not line.partition(" ")[2].startswith(f"{tenant}: ")]
                store.write_text(path, "".join(kept))

    def _turn(self) -> None:
        for older, younger in pairwise(self._paths()):
            if younger.exists():
                younger.replace(older)

    def _paths(self) -> list[Path]:
        return [self._path.with_name(name) for name in with_older(self._path.name)]


def log_of(shard: str) -> str:
    """Return the name of the log beside the file in which a shard hands in its outcomes; the fleet's without one."""
    return f"{Path(shard).stem}.log" if shard else LOG


def logs(names: Iterable[str]) -> list[str]:
    """Return those of *names* that are logs of a fleet or of a shard of it."""
    return sorted(filter(_NAME.fullmatch, names))


def with_older(name: str) -> list[str]:
    """Return the names of a log's files, the oldest first and its own last."""
    return [*(f"{name}.{number}" for number in range(_KEPT, 0, -1)), name]


def joined(there: Sequence[bytes], here: str) -> list[str]:
    """Return a log's files as fetched, the last with what was written here later: what is older was taken out there.

    Args:
        there: What was fetched, the oldest file first.
        here: The log as it is on this machine, all its files in one.
    """
    known = [[escape.line(line, limit=_TIME + _WIDEST) for line in _lines(each)] for each in there]
    last = next((lines[-1][:_TIME] for lines in reversed(known) if lines), "")
    newer = [line for line in here.splitlines() if line[:_TIME] > last]
    return ["".join(f"{line}\n" for line in lines) for lines in (*known[:-1], [*known[-1], *newer])]


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines()
