"""The local engine: sign-ins from files and from earlier fetches, asked in KQL.

A file is converted once and remembered by its path, length and time of change; a file that grew is
read again, one that went away no longer counts. Queries run on an engine that can open nothing but
the tenant's own segments: a KQL text may come from anywhere, and a path in it must stay a path.
"""

import contextlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb
import duckdb_kql

from mailauth.coverage import Coverage, Window
from mailauth.engines import Reply, Row, Schema
from mailauth.errors import QueryError, SourceError
from mailauth.guids import is_guid
from mailauth.wording import counted

from . import exports, readers, records, segments, sheets, store
from .readers import Reading

__all__ = ["SCHEMA", "Archive", "locked", "open"]

_VERSION: Final = 3
_MANIFEST: Final = "manifest.json"
_SHOWN: Final = 100
_ORPHAN_S: Final = 3_600
_SEGMENT_FACTOR: Final = 40  # how much longer a log is than its segment
_KUSTO: Final = {"VARCHAR": "string", "TIMESTAMPTZ": "datetime", "BOOLEAN": "bool"}
_COLUMNS: Final = {table: list(columns) for table, columns in segments.TABLES.items()}
SCHEMA: Final[Schema] = {
    table: {name: _KUSTO[kind] for name, kind in columns.items()} for table, columns in segments.TABLES.items()
}
"""The tables and columns of every archive."""

_TOPICS: Final = {
    "SigninLogs": "interactive sign-ins",
    "AADNonInteractiveUserSignInLogs": "non-interactive sign-ins",
    "AADServicePrincipalSignInLogs": "sign-ins of apps as themselves",
}


def open(
    tenant_id: str,
    patterns: Sequence[str],
    *,
    base: Path,
    cache: Path,
    fetched: Path | None = None,
    memory_mb: int = 1_500,
    progress: Callable[[str], object] = str,
    foreseen: Iterable[str] = (),
) -> "Archive":
    """Read what is new among the files and return the engine that answers over all of them.

    Args:
        tenant_id: The tenant whose records count. Where it is a domain and no GUID, records cannot
            be told apart by it: all count, and two tenants in the files are named.
        patterns: Files, folders or globs.
        base: The folder that relative patterns start from.
        cache: A folder of the tenant's own for segments; its files are readable by their owner only.
        fetched: A folder of segments from elsewhere (`services.graph`), united with the files.
        memory_mb: How much memory the engine may take.
        progress: Called with a line from time to time.
        foreseen: KQL texts that will be asked, in that order; they are translated while files are read.

    Raises:
        SourceError: The cache cannot be written.
    """
    translations = _Translations(foreseen)
    try:
        folder = store.private_folder(cache) / "segments"
        store.private_folder(folder)
        store.private_folder(cache / "spill")
    except OSError as error:
        raise SourceError(f"cache folder {cache}: {error.strerror or error}") from None
    tenant = tenant_id.lower() if is_guid(tenant_id) else ""
    found = exports.find(patterns, base)
    manifest = _Manifest.load(cache / _MANIFEST, tenant)
    try:
        _bring_up_to_date(manifest, found, folder, memory_mb, progress, translations)
    except OSError as error:
        raise SourceError(f"cache folder {cache}: {error.strerror or error}") from None
    archive = Archive(found, manifest, folder, base, fetched, memory_mb, translations, has_files=bool(patterns))
    translations.begin()
    return archive


def locked(folders: Iterable[Path], *, spill: Path, memory_mb: int, size: int) -> duckdb.DuckDBPyConnection:
    """Return an engine for texts of any origin: it opens files below *folders* and nothing else.

    Extensions are neither installed nor loaded, no variable of this program is seen as a table, and
    what does not fit in memory goes to *spill*. None of this can be changed any more.

    Args:
        folders: The folders.
        spill: A folder for what does not fit.
        memory_mb: How much memory it may take.
        size: Of the logs behind the files, in bytes.
    """
    connection = duckdb.connect(
        config={
            **readers.threads(size),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "allow_persistent_secrets": "false",
            "python_enable_replacements": "false",
            "memory_limit": f"{memory_mb}MB",
            "temp_directory": str(spill),
            "preserve_insertion_order": "false",
        }
    )
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET allowed_directories = $folders", {"folders": [str(folder) for folder in folders]})
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


class Archive:
    """The engine over the segments of one tenant; close it, or use it in a ``with`` block."""

    def __init__(
        self,
        found: exports.Found,
        manifest: "_Manifest",
        folder: Path,
        base: Path,
        fetched: Path | None,
        memory_mb: int,
        translations: "_Translations",
        *,
        has_files: bool,
    ) -> None:
        self._has_files = has_files
        self._translations = translations
        self._shown = _names(base, [path for path, _ in found.files])
        self._readings = tuple(manifest.readings.values())
        self._patterns_troubles = found.troubles
        fetched = fetched if fetched is not None and fetched.is_dir() else None
        folders = [folder.parent, *([fetched] if fetched else [])]
        more = segments.found(fetched) if fetched else {}
        self._connection = locked(
            folders, spill=folder.parent / "spill", memory_mb=memory_mb, size=_held(folder, manifest, more)
        )
        for number, (table, columns) in enumerate(segments.TABLES.items()):
            self._connection.execute(_view(table, columns, number, manifest, folder, more.get(table, ())))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the segments."""
        self._connection.close()

    @property
    def name(self) -> str:
        """The witness: ``files``, or ``graph`` where only what was fetched is held."""
        return "files" if self._has_files else "graph"

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What became of each file."""
        return self._readings

    @property
    def smtp_reports(self) -> tuple[Path, ...]:
        """The files among them that are the Exchange admin center's report of SMTP AUTH clients."""
        return tuple(Path(reading.path) for reading in self._readings if reading.shape == "smtp")

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """What the files hold of each table, and what was lost, file by file; who fetched speaks for itself."""
        if not self._has_files:
            return ()
        return (*_of_tables(self._readings), *_of_files(self._readings, self._patterns_troubles, self._shown))

    def schema(self) -> Schema:
        """Return the tables and columns; they are all there, whatever the files hold."""
        return SCHEMA

    def run(self, text: str, window: Window | None = None) -> Reply:
        """Answer a KQL text.

        Raises:
            QueryError: The text is no query, or asks for what this engine does not open.
        """
        try:
            with readers.interruptible():
                sql = self._translations.of(text)
                # Not `sql`: its relation is bound once for its columns and once more for its rows.
                answer = self._connection.execute(sql, sql.parameters)
                names, rows = [column[0] for column in answer.description or ()], answer.fetchall()
        except (duckdb.Error, duckdb_kql.KqlError) as error:
            raise QueryError(f"the local engine refuses the query: {_said(error)}") from None
        return Reply([_row(names, row) for row in rows])


class _Translations:
    """KQL texts as SQL, the foreseen ones made beside other work: it takes half a second of Python."""

    def __init__(self, foreseen: Iterable[str]) -> None:
        self._foreseen = tuple(foreseen)
        self._begun: dict[str, Future[duckdb_kql.TranslationResult]] = {}

    def begin(self) -> None:
        """Translate what is foreseen while the engine works, which it does without the interpreter's lock.

        Beside work of many small steps there is nothing to gain: each step would wait for that lock.
        """
        beside = ThreadPoolExecutor(1, "translate")
        self._begun |= {text: beside.submit(_sql, text) for text in self._foreseen if text not in self._begun}
        # Nobody waits here; whoever asks does.
        beside.shutdown(wait=False)

    def of(self, text: str) -> duckdb_kql.TranslationResult:
        """Return *text* as SQL.

        Raises:
            duckdb_kql.KqlError: It is no query, or one that writes.
        """
        begun = self._begun.get(text)
        return begun.result() if begun else _sql(text)


@lru_cache(maxsize=64)  # a cell that is run again asks the same, and it takes half a second of Python
def _sql(text: str) -> duckdb_kql.TranslationResult:
    return duckdb_kql.to_sql(text, schema=_COLUMNS, allow_write=False)


def _row(names: Sequence[str], values: Sequence[object]) -> Row:
    told = zip(names, values, strict=True)
    return {name: _utc(value) if isinstance(value, datetime) else value for name, value in told}


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:500]


# --- what is held ---------------------------------------------------------------------------------


@dataclass
class _Manifest:
    """Which file is in which segment, and what became of each; a small JSON beside the segments.

    Args:
        path: Where it is kept.
        tenant: Whose records the segments hold; empty for everybody's.
        readings: By file.
        files: By segment, the numbers of the files whose rows it holds.
        stale: By segment, those of them whose rows no longer count.
        following: The number that the next file gets; none is given twice.
        dropped: Segments that this run has done away with.
    """

    path: Path
    tenant: str
    readings: dict[str, Reading] = field(default_factory=dict)
    files: dict[str, list[int]] = field(default_factory=dict)
    stale: dict[str, list[int]] = field(default_factory=dict)
    following: int = 1
    dropped: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, path: Path, tenant: str) -> Self:
        """Return what is kept at *path*; nothing where it cannot be used."""
        try:
            held = json.loads(path.read_text(encoding="utf-8"))
            if held["version"] != _VERSION or held["tenant"] != tenant:
                return cls(path, tenant)
            readings = {one["path"]: Reading.of_record(one) for one in held["readings"]}
            there = {segment.name for segment in (path.parent / "segments").iterdir()}
            manifest = cls(path, tenant, readings, held["files"], held["stale"], held["following"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            # A cache that cannot be read is made again; it holds nothing that the files do not.
            return cls(path, tenant)
        gone = {number for name in set(manifest.files) - there for number in manifest.files[name]}
        manifest.forget([file for file, reading in readings.items() if reading.number in gone])
        return manifest

    def save(self) -> None:
        """Write it whole or not at all."""
        held = {
            "version": _VERSION,
            "tenant": self.tenant,
            "following": self.following,
            "readings": [reading.as_record() for reading in self.readings.values()],
            "files": self.files,
            "stale": self.stale,
        }
        store.write_text(self.path, json.dumps(held, ensure_ascii=True))

    def number(self) -> Iterator[int]:
        """Yield numbers that no file has had."""
        while True:
            self.following += 1
            yield self.following - 1

    def forget(self, files: Iterable[str]) -> None:
        """Let rows of *files* no longer count; a segment that is mostly such rows goes, its other files with it."""
        gone = {self.readings.pop(file).number for file in files if file in self.readings}
        while gone:
            more: set[int] = set()
            for name, held in list(self.files.items()):
                stale = set(self.stale.get(name, ())) | gone.intersection(held)
                if len(stale) * 2 > len(held):
                    more |= set(held) - stale
                    del self.files[name]
                    self.stale.pop(name, None)
                    self.dropped.add(name)
                elif stale:
                    self.stale[name] = sorted(stale)
            dragged = [file for file, reading in self.readings.items() if reading.number in more]
            gone = {self.readings.pop(file).number for file in dragged}

    def add(self, made: readers.Made) -> None:
        """Take in what was read."""
        for path, numbers in made[0].items():
            self.files[path.name] = list(numbers)
        for reading in made[1]:
            self.readings[reading.path] = reading


def _bring_up_to_date(
    manifest: _Manifest,
    found: exports.Found,
    folder: Path,
    memory_mb: int,
    progress: Callable[[str], object],
    translations: "_Translations",
) -> None:
    files = {str(path): (path, status) for path, status in found.files}
    before = set(manifest.readings)
    manifest.forget([file for file, one in manifest.readings.items() if not _current(one, files.get(file))])
    looked_at = {file: exports.recognise(*files[file]) for file in files if file not in manifest.readings}
    mark = _steps_mark(manifest, looked_at)
    manifest.forget([file for file, one in manifest.readings.items() if one.shape == "portal" and one.steps != mark])
    due = [looked_at.get(file) or exports.recognise(*files[file]) for file in files if file not in manifest.readings]
    if not due and before == set(manifest.readings) and manifest.path.exists():
        return
    if due:
        _read(manifest, due, mark, folder, memory_mb, progress, translations)
    manifest.save()
    _sweep(folder, manifest)


def _current(reading: Reading, file: tuple[Path, os.stat_result] | None) -> bool:
    return file is not None and (reading.size, reading.changed_ns) == (file[1].st_size, file[1].st_mtime_ns)


def _steps_mark(manifest: _Manifest, looked_at: Mapping[str, exports.Export]) -> str:
    """Return what tells this set of AuthDetails files from another: portal rows were joined with one of them."""
    held = [(one.path, one.size, one.changed_ns) for one in manifest.readings.values() if one.shape == "steps"]
    held += [(file, one.size, one.changed_ns) for file, one in looked_at.items() if one.shape == "steps"]
    return sha256(repr(sorted(held)).encode()).hexdigest() if held else ""


def _read(
    manifest: _Manifest,
    due: Sequence[exports.Export],
    mark: str,
    folder: Path,
    memory_mb: int,
    progress: Callable[[str], object],
    translations: "_Translations",
) -> None:
    aside = [export for export in due if export.shape in (None, "smtp")]
    manifest.add(({}, [_aside(export) for export in aside]))
    steps, told = _steps(manifest, due)
    manifest.add(({}, told))
    wanted = [export for export in due if export.shape not in (None, "smtp", "steps")]
    size = sum(map(readers.bytes_of, wanted))
    with readers.interruptible(), readers.connect(folder.parent / "spill", memory_mb, size=size) as connection:
        job = readers.Job(folder, manifest.tenant, connection, progress, manifest.number())
        translations.begin()
        for made in readers.read(job, wanted, steps, mark):
            manifest.add(made)
            # What is read stays read when the next batch is interrupted.
            manifest.save()


def _aside(export: exports.Export) -> Reading:
    unknown = bool(export.trouble) and export.size > 0
    return Reading(
        path=str(export.path),
        size=export.size,
        changed_ns=export.changed_ns,
        shape=export.shape or "",
        trouble=export.trouble,
        cut=unknown,
    )


def _steps(manifest: _Manifest, due: Sequence[exports.Export]) -> tuple[sheets.Steps, list[Reading]]:
    files = [export for export in due if export.shape == "steps"]
    if any(export.shape == "portal" for export in due):
        known = [Path(one.path) for one in manifest.readings.values() if one.shape == "steps"]
        files += [exports.recognise(path, path.stat()) for path in known]
    found: list[tuple[str, dict[str, object]]] = []
    told = []
    for export in files:
        source = exports.Source(export.path, export.packed)
        lost = 0
        for one in sheets.steps(export, source):
            if isinstance(one, records.Lost):
                lost += 1
            else:
                found.append(one)
        trouble = source.trouble or ("some rows are broken" if lost else "")
        told.append(replace(_aside(export), lost=lost, trouble=trouble, cut=source.cut))
    return sheets.joined(found), told


def _sweep(folder: Path, manifest: _Manifest) -> None:
    """Remove segments that nobody refers to, but leave alone what another run may be writing just now."""
    for path in (*folder.iterdir(), *(folder.parent / "spill").iterdir()):
        with contextlib.suppress(OSError):  # on Windows another run may have it open; the next sweep takes it
            old = time.time() - path.stat().st_mtime > _ORPHAN_S
            if path.name in manifest.dropped or (old and path.name not in manifest.files):
                path.unlink()


def _held(folder: Path, manifest: _Manifest, fetched: Mapping[str, Sequence[Path]]) -> int:
    """Return of how many bytes of logs the segments are, about."""
    paths = [*(folder / name for name in manifest.files), *(path for some in fetched.values() for path in some)]
    return _SEGMENT_FACTOR * sum(path.stat().st_size for path in paths)


# --- views ----------------------------------------------------------------------------------------


def _view(
    table: str, columns: Mapping[str, str], number: int, manifest: _Manifest, folder: Path, fetched: Sequence[Path]
) -> str:
    names = ", ".join(columns)
    whole = [folder / name for name in manifest.files if name not in manifest.stale]
    parts = [f"FROM {_parquet(whole)} SELECT {names} WHERE _table = {number}"] if whole else []
    for name, numbers in manifest.stale.items():
        old = ", ".join(map(str, numbers))
        source = _parquet([folder / name])
        parts.append(f"FROM {source} SELECT {names} WHERE _table = {number} AND _file NOT IN ({old})")
    timed = {name for name, kind in columns.items() if kind == "TIMESTAMPTZ"}
    told = ", ".join(f"{segments.utc_sql(name)} AS {name}" if name in timed else name for name in columns)
    nothing = ", ".join(f"NULL::{'TIMESTAMP' if name in timed else kind} AS {name}" for name, kind in columns.items())
    parts += [f"FROM ({_fetched(columns, fetched)}) SELECT {told}"] if fetched else []
    return f"CREATE VIEW {table} AS " + (" UNION ALL ".join(parts) or f"SELECT {nothing} WHERE false")


def _fetched(columns: Mapping[str, str], paths: Sequence[Path]) -> str:
    """Return what was fetched, also by an earlier version that knew fewer columns; these are empty then."""
    nothing = ", ".join(f"NULL::{kind}" for kind in columns.values())
    blank = f"FROM (VALUES ({nothing})) AS blank({', '.join(columns)}) WHERE false"
    filled = ", ".join(
        f"coalesce({name}, '') AS {name}" if kind == "VARCHAR" else name for name, kind in columns.items()
    )
    return f"FROM ({blank} UNION ALL BY NAME FROM {_parquet(paths, ', union_by_name = true')}) SELECT {filled}"


def _parquet(paths: Sequence[Path], more: str = "") -> str:
    return f"read_parquet([{_list(str(path) for path in paths)}], hive_partitioning = false{more})"


def _list(texts: Iterable[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


# --- coverage -------------------------------------------------------------------------------------


def _of_tables(readings: Sequence[Reading]) -> list[Coverage]:
    found = []
    harm = _harm(readings)
    for table, topic in _TOPICS.items():
        held = [reading.tables[table] for reading in readings if table in reading.tables]
        if not held:
            said = f"No file given holds {topic}." if readings else "No files were found."
            found.append(
                Coverage(topic, "absent", "files", reason=said, remedy=f"Export them too, if they exist ({table}).")
            )
            continue
        total = sum(held[1:], held[0])
        found.append(Coverage(topic, "partial" if harm else "complete", "files", total.first, total.last, 0, harm))
    return found


def _harm(readings: Sequence[Reading]) -> str:
    """Return in a sentence what the files cost; '' when all could be used whole."""
    bad = [reading for reading in readings if reading.trouble]
    if not bad:
        return ""
    named = "it is named below" if len(bad) == 1 else "they are named below"
    return f"{len(bad)} of {len(readings)} files could not be used whole{_loss(bad)}; {named}."


def _loss(bad: Sequence[Reading]) -> str:
    """Return how many records damaged files lost, as far as anybody can know."""
    lost, cut = sum(reading.lost for reading in bad), sum(reading.cut for reading in bad)
    told = [f"{lost} {'record is' if lost == 1 else 'records are'} lost"] if lost else []
    if cut:
        whose = "it" if len(bad) == 1 else f"{cut} of them"
        told.append(f"how many {'more' if lost else 'records'} {whose} lost is unknown")
    return f": {', and '.join(told)}" if told else ""


def _names(base: Path, files: Sequence[Path]) -> Callable[[str], str]:
    """Return how a file is named in a report: without the folders that all of them share, which name people."""
    outside = [str(path.parent) for path in files if not path.is_relative_to(base)]
    try:
        common = Path(os.path.commonpath(outside)) if outside else base
    except ValueError:  # two drives have no folder in common
        common = base

    def name(file: str) -> str:
        path = Path(file)
        folder = next((one for one in (base, common) if path.is_relative_to(one)), None)
        return segments.text(str(path.relative_to(folder) if folder else path), limit=1_000)

    return name


def _of_files(readings: Sequence[Reading], missing: Sequence[str], name: Callable[[str], str]) -> list[Coverage]:
    found = [
        Coverage("files asked for", "absent", "files", reason=f"{said}.", remedy="Check the path in the tenants file.")
        for said in missing
    ]
    bad = [reading for reading in readings if reading.trouble]
    found += [_of_file(reading, name) for reading in bad[:_SHOWN]]
    if rest := bad[_SHOWN:]:
        names = ", ".join(name(reading.path) for reading in rest[:_SHOWN])
        said = f"They could not be used whole: {names}{', and others' if len(rest) > _SHOWN else ''}."
        lost = sum(reading.lost for reading in rest)
        found.append(Coverage(f"{len(rest)} more files", "partial", "files", lost=lost, reason=said))
    return [*found, *_of_tenants(readings, name), *_of_notes(readings)]


def _of_file(reading: Reading, name: Callable[[str], str]) -> Coverage:
    trouble = segments.text(reading.trouble, limit=1_000)
    if not reading.shape:
        loss = "it is not used"
    elif reading.cut:
        loss = f"{reading.rows} records of it are used; how many are lost is unknown"
    else:
        loss = f"{reading.rows} records of it are used, {reading.lost} are lost"
    return Coverage(
        f"file {name(reading.path)}",
        "partial" if reading.rows else "absent",
        "files",
        lost=reading.lost,
        reason=f"{trouble[:1].upper()}{trouble[1:]}; {loss}.",
        remedy=_remedy(reading),
    )


def _remedy(reading: Reading) -> str:
    if not reading.shape:
        return "Export it again if it is one of the logs, and leave it out if it is not; the README lists the formats."
    return "Export it again." if reading.lost or reading.cut else ""


def _of_tenants(readings: Sequence[Reading], name: Callable[[str], str]) -> list[Coverage]:
    others = _by_tenant(readings, lambda reading: reading.others)
    ours = _by_tenant(readings, lambda reading: {key: rows for key, rows in reading.tenants.items() if key})
    found = [
        Coverage(
            "records of another tenant",
            "partial",
            "files",
            reason=f"{rows} records belong to tenant {segments.text(tenant, limit=100)} (in {name(file)}, for one); "
            "they are kept apart and not counted.",
            remedy="Check tenant_id in the tenants file, or give each tenant its own files.",
        )
        for tenant, (rows, file) in list(others.items())[:_SHOWN]
    ]
    if len(ours) > 1:
        listed = ", ".join(f"{segments.text(tenant, limit=100)} ({rows})" for tenant, (rows, _) in ours.items())
        said = f"The files hold records of {len(ours)} tenants, and all of them are counted: {listed[:1_000]}."
        remedy = "Write the tenant's GUID as tenant_id in the tenants file; then only its own records count."
        found.append(Coverage("records of several tenants", "partial", "files", reason=said, remedy=remedy))
    return found


def _by_tenant(
    readings: Sequence[Reading], those: Callable[[Reading], Mapping[str, int]]
) -> dict[str, tuple[int, str]]:
    """Return by tenant how many records there are and a file that holds some; the most first."""
    rows: Counter[str] = Counter()
    files: dict[str, str] = {}
    for reading in readings:
        rows.update(those(reading))
        for tenant in those(reading):
            files.setdefault(tenant, reading.path)
    return {tenant: (count, files[tenant]) for tenant, count in rows.most_common()}


def _of_notes(readings: Sequence[Reading]) -> list[Coverage]:
    notes: Counter[str] = Counter()
    for reading in readings:
        notes.update(reading.notes)
    return [
        Coverage(
            "records with something assumed",
            "partial",
            "files",
            reason=f"{counted(count, 'record')}: {segments.text(note, limit=1_000)}.",
        )
        for note, count in notes.most_common()
    ]
