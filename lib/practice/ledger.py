"""The practice tenants' sign-in rows: the stories' own, and those that the cloud's faces add.

Rows live in a DuckDB file, so that they take disk and not memory, and are there at the next start. A
sign-in that happens now goes to a journal first, a line appended, and from there into the database
before the next question: whoever signs somebody in does not wait for a database.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import duckdb

from . import columns, statements
from .journal import Batch, Journal, as_text
from .signins import Delivery, Table, as_graph
from .state import Tenant
from .world import World

__all__ = ["Copy", "Ledger", "copies"]

_MEMORY: Final = "128MB"
_BATCH: Final = 2_000
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a story's sign-in, as a log received it.

    Args:
        written: When the log wrote it.
        row: The ``signIn``, as Graph beta gives it.
    """

    written: datetime
    row: Mapping[str, Any]


def copies(world: World, deliveries: Iterable[Delivery]) -> Iterator[Copy]:
    """Yield what the log of *world* received, for `Ledger.fill`."""
    for one in deliveries:
        yield Copy(one.written, as_graph(world, one.event, early=one.early))


class Ledger:
    """The sign-in rows of one practice home; it is ready at once and opens its database when it is first needed.

    Args:
        folder: Where the database and the journal are, made for its owner only; None keeps all in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._journal = Journal(folder)
        self._database: duckdb.DuckDBPyConnection | None = None
        self._bare: duckdb.DuckDBPyConnection | None = None
        self._opening = threading.Lock()
        self._closed = False
        self._naming = threading.Lock()
        # One writer at a time: two transactions that change a table would fail one another.
        self._writing = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give files back; whatever is asked of the ledger afterwards raises a `ValueError`, as with a closed file."""
        with self._opening, self._naming:
            for connection in (self._database, self._bare):
                if connection is not None:
                    connection.close()
            self._database = self._bare = None
            self._closed = True
            self._journal.close()

    def record(self, tenant_id: str, row: Mapping[str, Any]) -> None:
        """Take in a sign-in that happened just now; when this returns, it outlives the process.

        Args:
            tenant_id: Whose it is.
            row: The ``signIn``, as Graph beta gives it; its kind decides the table that it lands in.
        """
        self._journal.append(tenant_id, row)

    def edition(self, tenant_id: str) -> str:
        """Return which edition of its story a tenant's rows are from; '' where it has none."""
        with self._cursor() as cursor:
            found = cursor.execute("SELECT edition FROM editions WHERE tenant = ?", [tenant_id]).fetchone()
        return str(found[0]) if found else ""

    def fill(self, tenant_id: str, edition: str, rows: Callable[[], Iterable[Copy]]) -> None:
        """Have a story's rows in place, in the place of an earlier edition's; what was recorded stays.

        Args:
            tenant_id: Whose they are.
            edition: Names these very rows; where it is there already, *rows* is not called.
            rows: Gives them.
        """
        with self._writing:
            if self.edition(tenant_id) == edition:
                return
            with self._transaction() as cursor:
                cursor.execute("DELETE FROM copies WHERE _tenant = ? AND _story", [tenant_id])
                for batch in _batches(rows()):
                    _insert(cursor, [_told(tenant_id, one) for one in batch])
                cursor.execute("INSERT OR REPLACE INTO editions VALUES (?, ?)", [tenant_id, edition])

    def forget(self, tenant_id: str) -> None:
        """Take out what was recorded of a tenant; its story stays."""
        self._settle()
        with self._writing, self._transaction() as cursor:
            cursor.execute("DELETE FROM copies WHERE _tenant = ? AND NOT _story", [tenant_id])

    def sign_ins(
        self,
        tenant_id: str,
        *,
        now: datetime,
        since: datetime | None = None,
        until: datetime | None = None,
        tables: Sequence[Table] = ("SigninLogs",),
        clients: Sequence[str] | None = None,
        only: str | None = None,
        after: tuple[datetime, str] | None = None,
        upwards: bool = False,
        ingestion_s: float = 0,
    ) -> Iterator[dict[str, Any]]:
        """Yield sign-ins as Graph beta gives them, newest first, each once and in its latest copy.

        Args:
            tenant_id: Whose.
            now: The cloud's time; what was written later cannot be seen yet.
            since: From when, by ``createdDateTime``, included.
            until: Until when, included, as ``le`` has it.
            tables: The kinds of sign-ins, by the table that they land in.
            clients: Only those whose ``clientAppUsed`` is one of these, in lower case; None for all.
            only: The id of the one that is wanted, in any case of letters; None for all.
            after: The time and the id of the last that was seen, where those before it are to be left out.
            upwards: Whether they come oldest first.
            ingestion_s: How long after a sign-in its row can be read (`Logs.ingestion_s`).
        """
        self._settle()
        values: dict[str, Any] = {
            "tenant": tenant_id,
            "tables": list(tables),
            "clients": None if clients is None else list(clients),
            "now": now,
            "lag": statements.lag(ingestion_s),
            "since": since,
            "until": until,
            "only": only,
            "at": after[0] if after else None,
            "id": after[1] if after else None,
            "page": _PAGE,
        }
        while True:
            with self._cursor() as cursor:
                found = cursor.execute(statements.page(upwards=upwards), values).fetchall()
            for _, _, body in found:
                yield json.loads(body)
            if len(found) < _PAGE:
                return
            values["at"], values["id"], _ = found[-1]

    @contextmanager
    def looking(
        self, tenant: Tenant, *, now: datetime, span: statements.Span = (None, None)
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection on which the tenant's tables are as its workspace shows them at *now*.

        The tables are views of this connection alone. Whoever runs a text that comes from elsewhere makes sure
        that it names nothing but them.

        Args:
            tenant: Whose; its `Logs` say which tables and columns there are, for how long rows are kept, and how
                long after a sign-in its row can be read.
            now: The cloud's time.
            span: Which rows, by TimeGenerated.
        """
        self._settle()
        with self._cursor() as cursor:
            for table in columns.TABLES:
                if table in tenant.logs.tables:
                    cursor.execute(statements.view(table, tenant, now, span))
            yield cursor

    def tables_in(self, sql: str) -> set[str]:
        """Return the names of the tables in a statement, as it has them: with their schema where one is given.

        Raises:
            duckdb.Error: It is no statement.
        """
        with self._naming:
            self._check_open()
            # On a connection that holds nothing, no view stands for a name.
            self._bare = self._bare or _locked(":memory:", memory="16MB")
            return set(self._bare.get_table_names(sql, qualified=True))

    def _settle(self) -> None:
        """Bring what was recorded into the database."""
        if not self._journal.waiting:
            return
        with self._writing, self._journal.taking() as batches, self._transaction() as cursor:
            # After a crash, what waits may be here already.
            known = {name for (name,) in cursor.execute("SELECT name FROM taken").fetchall()}
            _insert(cursor, [one for batch in batches if batch.name not in known for one in _recorded(batch)])
            cursor.execute("DELETE FROM taken")
            cursor.execute("INSERT INTO taken SELECT unnest(?::VARCHAR[])", [[batch.name for batch in batches]])

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._opened().cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._cursor() as cursor:
            cursor.begin()
            try:
                yield cursor
                cursor.commit()
            except BaseException:
                with suppress(duckdb.Error):
                    cursor.rollback()
                raise

    def _opened(self) -> duckdb.DuckDBPyConnection:
        with self._opening:
            self._check_open()
            if self._database is None:
                self._database = _open(self._folder)
            return self._database

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError("the ledger is closed")


def _open(folder: Path | None) -> duckdb.DuckDBPyConnection:
    if folder is None:
        database = _locked(":memory:", memory="500MB")
    else:
        database = _locked(str(folder / "signins.duckdb"), memory=_MEMORY, temp_directory=str(folder / "spill"))
    _shape(database)
    return database


def _shape(database: duckdb.DuckDBPyConnection) -> None:
    """Make the tables; where another release made them, fill them anew from the JSON that they hold."""
    database.begin()
    database.execute("CREATE TABLE IF NOT EXISTS form (digest VARCHAR)")
    held = database.execute("FROM form").fetchone()
    if held != (statements.form(),):
        if held:
            database.execute("ALTER TABLE copies RENAME TO former")
        for statement in statements.schema():
            database.execute(statement)
        if held:
            database.execute(statements.insertion(statements.FORMER))
            database.execute("DROP TABLE former")
        database.execute("DELETE FROM form")
        database.execute("INSERT INTO form VALUES (?)", [statements.form()])
    database.commit()


def _locked(path: str, *, memory: str, **more: str) -> duckdb.DuckDBPyConnection:
    """Return a database that opens no other file and loads no extension; none of this can be changed any more."""
    database = duckdb.connect(
        path,
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "allow_persistent_secrets": "false",
            "python_enable_replacements": "false",
            "memory_limit": memory,
            "threads": "2",
            "preserve_insertion_order": "false",
            **more,
        },
    )
    database.execute("SET GLOBAL TimeZone = 'UTC'")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


_Body = tuple[str, bool, datetime | None, Table, str]
"""Whose, whether a story's, when written (None: as the tenant's lag has it), the table, and the JSON."""


def _told(tenant_id: str, one: Copy) -> _Body:
    return tenant_id, True, one.written, columns.table_of(one.row), as_text(one.row)


def _recorded(batch: Batch) -> Iterator[_Body]:
    for line in batch.lines:
        yield line.tenant_id, False, None, line.table, line.body


def _batches(rows: Iterable[Copy]) -> Iterator[list[Copy]]:
    batch: list[Copy] = []
    for one in rows:
        batch.append(one)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _insert(cursor: duckdb.DuckDBPyConnection, bodies: Sequence[_Body]) -> None:
    for first in range(0, len(bodies), _BATCH):
        parts = zip(*bodies[first : first + _BATCH], strict=True)
        cursor.execute(statements.insertion(), [list(part) for part in parts])
