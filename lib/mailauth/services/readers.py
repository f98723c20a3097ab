"""Exports in, Parquet segments out: what was in each file, what was lost of it, and why.

Well-formed JSON Lines go through DuckDB, many files in one statement; it answers a line that it
cannot read with an empty row, and only those lines get the careful look that everything else gets.
A segment is written beside its final name and renamed, so that an interrupted run leaves none.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import duckdb

from mailauth.errors import SourceError

from . import ndjson, records, segments, sheets, streams
from .exports import Export, Source
from .ndjson import quoted

__all__ = ["COLUMNS", "Held", "Job", "Made", "Reading", "bytes_of", "connect", "interruptible", "read", "threads"]

COLUMNS: Final[Mapping[str, str]] = {**segments.SIGNIN_COLUMNS, **segments.APP_COLUMNS}
"""The columns of a segment: those of every table. ``_table`` and ``_file`` come on top; times lose their zone, UTC."""

_BATCH_BYTES: Final = 512 << 20
# Small groups of rows are packed while a batch is still read, and not by one core at its end.
_GROUP_ROWS: Final = 20_480
_BATCH_FILES: Final = 4_000
_FEW_BYTES: Final = 64 << 20
_SMALL: Final = 16 << 20
_ROWS: Final = 20_000
_PACKED_FACTOR: Final = 12
_TABLES: Final = tuple(segments.TABLES)
_TIMES: Final = ", ".join(f"{segments.utc_sql(name)} AS {name}" for name, kind in COLUMNS.items() if "TIME" in kind)


@dataclass(frozen=True)
class Held:
    """What a file holds of one table: how many rows, from when to when."""

    rows: int
    first: datetime
    last: datetime

    def __add__(self, other: "Held") -> "Held":
        return Held(self.rows + other.rows, min(self.first, other.first), max(self.last, other.last))


@dataclass(frozen=True)
class Reading:
    """What became of one file.

    Args:
        path: The file.
        number: What its rows carry in a segment; 0 where it has none.
        size: Its length when it was read.
        changed_ns: When it had been written last.
        shape: What it was taken for; empty where it is not usable.
        tables: What it holds of each table.
        lost: How many records are known to be lost.
        trouble: What was wrong, in a sentence; empty where nothing was.
        cut: Whether more is lost than anybody can count.
        notes: What had to be assumed, with the number of records it concerns.
        tenants: Records that are used, by the tenant that they name.
        others: Records of other tenants, by tenant; they are not in a segment.
        elsewhere: Records that are no sign-ins, by what they are.
        steps: What the rows were joined with; empty where there was nothing to join.
    """

    path: str
    size: int
    changed_ns: int
    number: int = 0
    shape: str = ""
    tables: Mapping[str, Held] = field(default_factory=dict)
    lost: int = 0
    trouble: str = ""
    cut: bool = False
    notes: Mapping[str, int] = field(default_factory=dict)
    tenants: Mapping[str, int] = field(default_factory=dict)
    others: Mapping[str, int] = field(default_factory=dict)
    elsewhere: Mapping[str, int] = field(default_factory=dict)
    steps: str = ""

    @property
    def rows(self) -> int:
        """How many records are used."""
        return sum(held.rows for held in self.tables.values())

    def as_record(self) -> dict[str, Any]:
        """Return the reading as JSON can hold it."""
        # dataclasses.asdict copies deeply, which is felt where there are ten thousand files.
        record = {name: value for name, value in vars(self).items() if value or name in ("size", "changed_ns")}
        if self.tables:
            record["tables"] = {
                name: [held.rows, held.first.isoformat(), held.last.isoformat()] for name, held in self.tables.items()
            }
        return record

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> "Reading":
        """Return the reading that `as_record` made."""
        tables = {
            name: Held(rows, datetime.fromisoformat(first), datetime.fromisoformat(last))
            for name, (rows, first, last) in record.get("tables", {}).items()
        }
        return cls(**{**record, "tables": tables})


@dataclass(frozen=True)
class Job:
    """Where segments go and whose records count.

    Args:
        folder: The folder of the segments.
        tenant_id: The tenant whose records count, in lower case; empty to count all.
        connection: The engine that reads and writes.
        tell: Called with a line of progress.
        numbers: Gives each file the number that its rows carry.
    """

    folder: Path
    tenant_id: str
    connection: duckdb.DuckDBPyConnection
    tell: Callable[[str], object]
    numbers: Iterator[int]

    def segment(self) -> Path:
        """Return a name that no segment has had."""
        return self.folder / f"{uuid4().hex}.parquet"


Made = tuple[Mapping[Path, Sequence[int]], Sequence[Reading]]
"""The segments that were written, with the numbers of the files in each; and what became of each file."""


def threads(size: int) -> dict[str, str]:
    """Return the engine's setting for logs of so many bytes: one thread where they are few.

    Each takes buffers of its own, which with so little to do cost as much time as it saves; and in a run over many
    tenants the other cores have tenants of their own.
    """
    return {"threads": "1"} if size <= _FEW_BYTES else {}


def connect(temporary: Path, memory_mb: int, *, size: int) -> duckdb.DuckDBPyConnection:
    """Return an engine for our own statements over the user's files: no extensions, little memory, times in UTC.

    Args:
        temporary: Where what does not fit in memory goes.
        memory_mb: How much memory it may take.
        size: Of the files that it will read, in bytes.
    """
    connection = duckdb.connect(
        config={
            **threads(size),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(temporary),
            "preserve_insertion_order": "false",
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    return connection


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end the block as Ctrl-C; the engine reports it as an error of its own, by more than one name."""
    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None
    except RuntimeError as error:
        if "interrupted" in str(error).lower():
            raise KeyboardInterrupt from None
        raise


def read(job: Job, exports: Sequence[Export], steps_by_id: sheets.Steps, steps_mark: str) -> Iterator[Made]:
    """Read *exports* into segments, a batch at a time; what is done is whole when it is yielded.

    Args:
        job: Where to, and whose.
        exports: Usable files.
        steps_by_id: Authentication steps that portal files are joined with.
        steps_mark: What tells one set of steps from another.
    """
    fast = [export for export in exports if export.fast]
    careful = [export for export in exports if not export.fast]
    batches = list(_batches(fast))
    for number, batch in enumerate(batches, 1):
        job.tell(f"Reading {len(batch)} of {len(exports)} files, part {number} of {len(batches)}.")
        yield _together(job, batch)
    if careful:
        job.tell(f"Reading {len(careful)} of {len(exports)} files, one by one.")
        yield from _one_by_one(job, careful, steps_by_id, steps_mark)


def bytes_of(export: Export) -> int:
    """Return how many bytes a file holds when it is unpacked, about."""
    return export.size * (_PACKED_FACTOR if export.packed else 1)


def _is_small(export: Export) -> bool:
    """Whether opening the file costs the engine more than copying it costs us."""
    return bytes_of(export) <= _SMALL


def _kind(export: Export) -> tuple[str, bool, bool]:
    small = _is_small(export)
    return export.shape or "", small, export.packed and not small


def _batches(exports: Iterable[Export]) -> Iterator[list[Export]]:
    batch: list[Export] = []
    held = 0
    for export in sorted(exports, key=lambda one: (*_kind(one), str(one.path))):
        size = bytes_of(export)
        same = batch and _kind(batch[0]) == _kind(export)
        if batch and (not same or held + size > _BATCH_BYTES or len(batch) == _BATCH_FILES):
            yield batch
            batch, held = [], 0
        batch.append(export)
        held += size
    if batch:
        yield batch


# --- many files in one statement ------------------------------------------------------------------


def _together(job: Job, batch: Sequence[Export]) -> Made:
    """Read a batch in one statement, small files put together first; what cannot be is read one by one."""
    numbers = [next(job.numbers) for _ in batch]
    if not _is_small(batch[0]):
        try:
            return _converted(job, ndjson.direct(batch, numbers))
        except duckdb.InterruptException:
            raise
        except duckdb.Error:
            return _halved(job, batch)
    spool = job.folder.parent / "spill" / f"{uuid4().hex}.json"
    try:
        put, left = ndjson.spooled(batch, numbers, spool)
        try:
            made = _converted(job, put) if put else _NOTHING
        except duckdb.InterruptException:
            raise
        except duckdb.Error:
            made, left = _NOTHING, list(batch)
    finally:
        spool.unlink(missing_ok=True)
    return _joined([made, *_one_by_one(job, left, {}, "")]) if left else made


def _halved(job: Job, batch: Sequence[Export]) -> Made:
    """Find the file that is to blame, so that only it is read slowly."""
    if len(batch) == 1:
        return _joined(list(_one_by_one(job, batch, {}, "")))
    half = len(batch) // 2
    return _joined([_together(job, batch[:half]), _together(job, batch[half:])])


_NOTHING: Final[Made] = ({}, ())


def _joined(parts: Sequence[Made]) -> Made:
    written = {path: files for part in parts for path, files in part[0].items()}
    return written, [reading for part in parts for reading in part[1]]


def _converted(job: Job, put: ndjson.Input) -> Made:
    path = job.segment()
    with _replacing(path) as temporary:
        _copy(job, put.select, temporary)
        counted = job.connection.execute(
            f"FROM {_parquet(temporary)} SELECT _file, _table, AADTenantId, count(*), min(CreatedDateTime), "
            "max(CreatedDateTime) GROUP BY ALL"
        ).fetchall()
        # Most batches hold nothing else; the others are written once more without.
        if any(not _ours(job, table, tenant) for _, table, tenant, *_ in counted):
            whole = temporary.with_suffix(".whole")
            temporary.replace(whole)
            try:
                _copy(job, f"FROM {_parquet(whole)} WHERE {_ours_sql(job)}", temporary)
            finally:
                whole.unlink(missing_ok=True)
    return _accounted(job, put, path, counted)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Yield a file to fill that becomes *path* when the block ends well, and is gone when it does not."""
    # mkstemp gives the file to its owner alone before the first byte is in it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _copy(job: Job, select: str, target: Path) -> None:
    # Snappy takes half as much room again as zstd, of what is a fiftieth of the files, and a tenth less time.
    job.connection.execute(
        f"COPY (FROM ({select}) SELECT * REPLACE ({_TIMES})) TO {quoted(str(target))} "
        f"(FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE {_GROUP_ROWS}, USE_TMP_FILE false)"
    )


def _ours(job: Job, table: int, tenant: str) -> bool:
    return 0 <= table < len(_TABLES) and (not job.tenant_id or tenant in ("", job.tenant_id))


def _ours_sql(job: Job) -> str:
    tenants = f" AND AADTenantId IN ('', {quoted(job.tenant_id)})" if job.tenant_id else ""
    return f"_table BETWEEN 0 AND {len(_TABLES) - 1}{tenants}"


def _accounted(job: Job, put: ndjson.Input, path: Path, counted: Sequence[tuple[Any, ...]]) -> Made:
    tallies = {number: _Tally(export, number) for export, number in zip(put.exports, put.numbers, strict=True)}
    odd: set[int | None] = set()
    for number, table, tenant, rows, first, last in counted:
        if table == ndjson.ODD or table >= ndjson.DOUBTFUL:
            odd.add(number)
            continue
        tally = tallies[number]
        if table == ndjson.ELSEWHERE:
            tally.elsewhere["records that are no sign-ins of users or apps"] += rows
        elif _ours(job, table, tenant):
            tally.hold(_TABLES[table], Held(rows, first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)))
            tally.tenants[tenant] += rows
        else:
            tally.others[tenant] += rows
    written = {path: [number for number, tally in tallies.items() if tally.tables]}
    if not written[path]:
        path.unlink()
        written = {}
    writer = _Writer(job)
    for part in _suspects(put, odd):
        _second_look(job, part, tallies, writer)
    writer.flush()
    return {**written, **writer.written}, [tally.reading() for tally in tallies.values()]


def _suspects(put: ndjson.Input, odd: set[int | None]) -> Iterator[ndjson.Input]:
    if not odd:
        return
    if put.source.count("filename = true") == 0:
        yield put
        return
    for export, number in zip(put.exports, put.numbers, strict=True):
        if number in odd:
            yield ndjson.direct([export], [number])


def _second_look(job: Job, put: ndjson.Input, tallies: Mapping[int, "_Tally"], writer: "_Writer") -> None:
    """Read with care the lines that the engine balked at; it keeps their order, so their places find them."""
    job.connection.execute("SET preserve_insertion_order = true")
    try:
        found = job.connection.execute(put.odd).fetchall()
    finally:
        job.connection.execute("SET preserve_insertion_order = false")
    wanted = {place for place, _ in found}
    picked: list[tuple[_Tally, list[records.Read]]] = []
    place = 0
    for file, lines in put.pieces():
        tally = tallies[put.numbers[file]]
        for line in lines:
            place += 1
            if place in wanted:
                picked.append((tally, streams.of_line(line)))
    if found and place != found[0][1]:
        # The file changed between the two looks; it will be read anew when it is opened next.
        for number in put.numbers:
            tallies[number].trouble, tallies[number].cut = "the file changed while it was read", True
        return
    for tally, reads in picked:
        for one in reads:
            writer.take(tally, one)
        tally.trouble = "some lines are broken" if tally.lost else ""


def _parquet(path: Path) -> str:
    # Folders of an archive look like m=07/…/m=00, which would become a column, twice.
    return f"read_parquet({quoted(str(path))}, hive_partitioning = false)"


# --- one record at a time -------------------------------------------------------------------------


@dataclass
class _Tally:
    """The counts of a file while it is read."""

    export: Export
    number: int
    tables: dict[str, Held] = field(default_factory=dict)
    lost: int = 0
    trouble: str = ""
    cut: bool = False
    reasons: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    tenants: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[str] = field(default_factory=Counter)
    steps: str = ""

    def hold(self, table: str, held: Held) -> None:
        self.tables[table] = self.tables[table] + held if table in self.tables else held

    def reading(self) -> Reading:
        reasons = "; ".join(
            f"{reason} ({count} times)" if count > 1 else reason for reason, count in self.reasons.most_common(3)
        )
        trouble = "; ".join(dict.fromkeys(part for part in (self.trouble, reasons) if part))
        if not trouble and not self.tables and not self.others:
            kinds = ", ".join(self.elsewhere) or "no records"
            trouble = f"it holds no sign-ins ({kinds})" if self.elsewhere else ""
        export = self.export
        return Reading(
            path=str(export.path),
            size=export.size,
            changed_ns=export.changed_ns,
            number=self.number,
            shape=export.shape or "",
            tables=self.tables,
            lost=self.lost,
            trouble=trouble,
            cut=self.cut,
            notes=dict(self.notes),
            tenants=dict(self.tenants),
            others=dict(self.others),
            elsewhere=dict(self.elsewhere),
            steps=self.steps,
        )


@dataclass
class _Writer:
    """Rows of many files on their way into few segments."""

    job: Job
    rows: list[tuple[int, str, dict[str, object]]] = field(default_factory=list)
    written: dict[Path, list[int]] = field(default_factory=dict)

    def take(self, tally: _Tally, read: records.Read) -> None:
        """Count what was read, and keep it when it is a row of the tenant."""
        if isinstance(read, records.Lost):
            tally.lost += 1
            tally.reasons[read.reason] += 1
        elif isinstance(read, records.Elsewhere):
            tally.elsewhere[read.category or "another kind of record"] += 1
        else:
            tenant = str(read.columns["AADTenantId"])
            if not _ours(self.job, 0, tenant):
                tally.others[tenant] += 1
                return
            when = read.columns["CreatedDateTime"]
            assert isinstance(when, datetime)
            tally.hold(read.table, Held(1, when, when))
            tally.tenants[tenant] += 1
            if read.note:
                tally.notes[read.note] += 1
            self.rows.append((tally.number, read.table, read.columns))
            if len(self.rows) >= _ROWS:
                self.flush()

    def flush(self) -> None:
        """Write what has gathered as a segment of its own."""
        if not self.rows:
            return
        path = self.job.segment()
        try:
            with _replacing(path) as temporary:
                self._copy(temporary)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            # Not the file's fault: it is the cache that cannot be written.
            raise SourceError(f"cache folder {self.job.folder}: {_first_line(error)}") from None
        self.written[path] = sorted({file for file, _, _ in self.rows})
        self.rows = []

    def _copy(self, target: Path) -> None:
        kinds = {**COLUMNS, "_table": "TINYINT", "_file": "INTEGER"}
        empty = {"VARCHAR": "", "BOOLEAN": False}
        connection = self.job.connection
        connection.execute(f"CREATE OR REPLACE TEMP TABLE rows ({', '.join(f'{n} {k}' for n, k in kinds.items())})")
        lists = ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind in kinds.values())
        for first in range(0, len(self.rows), 2_000):
            some = self.rows[first : first + 2_000]
            values = [[row.get(name, empty.get(kind)) for _, _, row in some] for name, kind in COLUMNS.items()]
            values += [[_TABLES.index(table) for _, table, _ in some], [number for number, _, _ in some]]
            connection.execute(f"INSERT INTO rows SELECT {lists}", values)
        _copy(self.job, "FROM rows", target)
        connection.execute("DROP TABLE rows")


def _one_by_one(job: Job, exports: Sequence[Export], steps_by_id: sheets.Steps, mark: str) -> Iterator[Made]:
    writer = _Writer(job)
    readings: list[Reading] = []
    for export in exports:
        tally = _Tally(export, next(job.numbers), steps=mark if export.shape == "portal" else "")
        source = Source(export.path, export.packed)
        try:
            for one in _reads(export, source, steps_by_id, job):
                writer.take(tally, one)
        except (OSError, duckdb.Error) as error:
            source.tell(f"it cannot be read: {_first_line(error)}", cut=True)
        tally.trouble, tally.cut = source.trouble, source.cut
        readings.append(tally.reading())
    writer.flush()
    yield writer.written, readings


def _reads(export: Export, source: Source, steps_by_id: sheets.Steps, job: Job) -> Iterator[records.Read]:
    if export.shape == "parquet":
        return _of_parquet(export, job)
    if export.shape in ("csv", "portal", "portal apps"):
        return sheets.read_csv(export, source, steps_by_id)
    # Text that is not UTF-8 has no line ends that bytes could be split at.
    if export.shape == "document" or export.encoding.startswith("utf-16"):
        return streams.read_json(export, source)
    return (one for line in source.lines() for one in streams.of_line(line))


def _of_parquet(export: Export, job: Job) -> Iterator[records.Read]:
    # A cursor of its own, because the segments are written while it is read.
    with job.connection.cursor() as cursor:
        cursor.execute("SET TimeZone = 'UTC'")
        cursor.execute(f"FROM {_parquet(export.path)}")
        names = [column[0] for column in cursor.description or ()]
        while rows := cursor.fetchmany(1_000):
            for row in rows:
                told = zip(names, row, strict=True)
                yield records.normalise({name: _as_json(value) for name, value in told if value is not None})


def _as_json(value: object) -> object:
    """Return a value of the engine as JSON would have held it; ids and times have types of their own in Parquet."""
    if isinstance(value, dict):
        return {name: _as_json(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_json(part) for part in value]
    if isinstance(value, datetime):
        moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | bool | int | float | None) else str(value)


def _first_line(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text[:200]
