"""A journal of sign-ins that happened just now: a line appended for each, until they are taken elsewhere."""

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from .columns import table_of
from .signins import Table

__all__ = ["Batch", "Journal", "Line", "as_text"]

_NAME: Final = "recorded.ndjson"
_TAKEN: Final = "taken-{}.ndjson"
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str)


@dataclass(frozen=True, slots=True)
class Line:
    """One sign-in: whose, the table that it lands in, and its ``signIn`` as JSON."""

    tenant_id: str
    table: Table
    body: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Lines that are taken together; no two batches have one name, in no process."""

    name: str
    lines: list[Line] = field(default_factory=list)


def as_text(row: Mapping[str, Any]) -> str:
    """Return a ``signIn`` as JSON that any reader takes."""
    text = _JSON.encode(row)
    # A name that a client sent may hold half a surrogate pair, which is no JSON to DuckDB.
    return text.encode("utf-8", "replace").decode("utf-8")


class Journal:
    """The journal of one folder.

    Args:
        folder: Where it is; None keeps it in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._file: BufferedWriter | None = None
        self._lines: list[Line] = []
        self._taken: list[Batch] = []
        self._closed = False
        if folder is not None:
            if (folder / _NAME).exists():
                (folder / _NAME).rename(folder / _TAKEN.format(uuid4()))
            # What a process that ended before it could bring them home left behind.
            self._taken += [Batch(path.name, _read(path)) for path in sorted(folder.glob(_TAKEN.format("*")))]

    @property
    def waiting(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._lines or self._taken)

    def append(self, tenant_id: str, row: Mapping[str, Any]) -> None:
        """Keep a sign-in; it outlives the process from here on (not the machine: nothing waits for the disk).

        Raises:
            ValueError: The journal is closed.
        """
        line = Line(tenant_id, table_of(row), as_text(row))
        with self._lock:
            if self._closed:
                raise ValueError("the journal is closed")
            if self._folder is not None:
                self._file = self._file or _appending(self._folder / _NAME)
                head = json.dumps({"tenant": line.tenant_id, "table": line.table})
                self._file.write(f'{head[:-1]},"body":{line.body}}}\n'.encode())
                self._file.flush()
            self._lines.append(line)

    @contextmanager
    def taking(self) -> Iterator[list[Batch]]:
        """Give all that waits; it is gone when the block ends well, and waits on when it does not.

        A process that ends right after the block leaves its batches behind: whoever takes remembers their names.
        One at a time takes.
        """
        with self._lock:
            if self._lines:
                self._taken.append(Batch(self._put_aside(), self._lines))
                self._lines = []
            taken = list(self._taken)
        yield taken
        with self._lock:
            self._taken = self._taken[len(taken) :]
        if self._folder is not None:
            for batch in taken:
                (self._folder / batch.name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; nothing is taken in any more."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None

    def _put_aside(self) -> str:
        name = _TAKEN.format(uuid4())
        if self._folder is not None and self._file is not None:
            self._file.close()
            self._file = None
            (self._folder / _NAME).rename(self._folder / name)
        return name


def _appending(path: Path) -> BufferedWriter:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(handle, "wb")


def _read(path: Path) -> list[Line]:
    found = []
    for text in path.read_bytes().splitlines():
        try:
            line = json.loads(text)
            found.append(Line(line["tenant"], line["table"], as_text(line["body"])))
        except (ValueError, KeyError, TypeError):
            # The line that a crash broke off was acknowledged to nobody.
            continue
    return found
