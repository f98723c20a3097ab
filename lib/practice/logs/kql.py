"""KQL texts of any origin over one tenant's tables, and what the service says of those that are none.

duckdb-kql does the work, so some things are not as in the service, and show: columns are found in any case of
letters; ``make_set`` and ``make_list`` pay no heed to a limit; a union of a dynamic and a text column of one name
gives one column and not two; text that an outer join leaves without a value and blank text are two groups; and what
it does not translate (``mv-apply``, ``make-series``, ``search``, ``find``, ``evaluate``, ``externaldata``,
``workspace()``) is refused.
"""

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import duckdb
import duckdb_kql
from duckdb_kql.control import strip_leading_comments

from practice import columns
from practice.backend import Backend
from practice.ledger import Ledger
from practice.limits import LogLimits
from practice.state import Tenant
from practice.statements import Span

from . import answers
from .answers import Answer
from .refusals import Refusal, semantic, syntax

__all__ = ["answer", "schema"]

_COLUMN: Final = re.compile(
    r'Referenced column "(?P<missing>[^"]+)" not found'
    r'|does not have a column named "(?P<absent>[^"]+)"'
    r'|Column "(?P<later>[^"]+)" referenced that exists in the SELECT clause'
)
_KIND: Final = re.compile(r"^[A-Z][\w ]* Error: ")
_TABLE: Final = re.compile(r"Table with name (\S+) does not exist")
_SHOWN: Final = 300


def schema(tenant: Tenant) -> Mapping[str, Mapping[str, str]]:
    """Return the tables of the tenant's workspace: columns with Kusto types."""
    missing = tenant.logs.missing_columns
    return {
        table: {name: kind for name, kind in columns.columns(table).items() if name not in missing}
        for table in columns.TABLES
        if table in tenant.logs.tables
    }


def answer(backend: Backend, tenant: Tenant, text: str, span: Span, *, timeout_s: float) -> Answer:
    """Return what *text* finds in the tenant's tables.

    Args:
        backend: Whose ledger is asked; its `LogLimits` cut the answer off.
        tenant: Whose tables.
        text: KQL.
        span: Which rows it sees, by TimeGenerated.
        timeout_s: How long it may take.

    Raises:
        Refusal: The text is no query, names what is not there, or takes too long.
    """
    now, limits = backend.now(), backend.logs
    sql = _translated(backend.ledger, text, tenant, now, limits)
    with backend.ledger.looking(tenant, now=now, span=span) as connection, _stopped_after(timeout_s, connection):
        try:
            return answers.read(connection.execute(sql, sql.parameters), limits)
        except duckdb.Error as error:
            raise _refused(error) from None


def _translated(
    ledger: Ledger, text: str, tenant: Tenant, now: datetime, limits: LogLimits
) -> duckdb_kql.TranslationResult:
    if len(text) > limits.query_characters:
        raise semantic(f"The query is longer than {limits.query_characters} characters.", "SEM0001")
    head = strip_leading_comments(text).strip()
    if not head or head.startswith("."):
        # A control command is none of this endpoint's.
        raise syntax(1, 0, head[:1])
    tables = schema(tenant)
    try:
        sql = duckdb_kql.to_sql(
            text,
            schema={table: list(held) for table, held in tables.items()},
            allow_write=False,
            query_now=now.astimezone(UTC).replace(tzinfo=None),
        )
        named = ledger.tables_in(_without_parameters(sql))
    except duckdb_kql.KqlSyntaxError as error:
        raise _unparsed(text, error) from None
    except RecursionError:
        raise semantic("The query is nested too deeply.", "SEM0001") from None
    except duckdb_kql.KqlUnsupportedError as error:
        raise _unsupported(error) from None
    except (duckdb_kql.KqlError, duckdb.Error) as error:
        raise semantic(_said(error), "SEM0001") from None
    # A name that no table of the tenant's has could be a file's, another database's or another tenant's.
    for name in sorted(named):
        if name not in tables:
            raise semantic(f"Failed to resolve table or column expression named '{_unquoted(name)}'")
    return sql


def _without_parameters(sql: duckdb_kql.TranslationResult) -> str:
    # What names the tables of a statement takes none. The names are duckdb-kql's or were declared; no table of
    # the tenant's comes of a name that holds one.
    names = "|".join(map(re.escape, sql.parameters))
    return re.sub(rf"\$({names})\b", "NULL", sql) if names else str(sql)


@contextmanager
def _stopped_after(timeout_s: float, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    timer = threading.Timer(timeout_s, connection.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _unparsed(text: str, error: duckdb_kql.KqlSyntaxError) -> Refusal:
    where = error.diagnostics[0].span if error.diagnostics else None
    line, position = (where.line, where.column) if where else (1, 0)
    lines: Sequence[str] = text.splitlines() or [""]
    rest = lines[line - 1][position:] if line <= len(lines) else ""
    token = re.match(r"\s*(\w+|\S)", rest)
    return syntax(line, position, token[1] if token else "<EOF>")


def _unsupported(error: duckdb_kql.KqlUnsupportedError) -> Refusal:
    what, _, name = error.construct.partition(":")
    if what == "function":
        return semantic(f"Unknown function: '{name}'", "SEM0260")
    return semantic(f"The practice cloud does not answer {error.construct[:100]!r}.", "SEM0001")


def _refused(error: duckdb.Error) -> Refusal:
    if isinstance(error, duckdb.InterruptException):
        return Refusal(504)
    if isinstance(error, duckdb.OutOfMemoryException):
        # What the service says at its own, far larger bound; the frame around the code is unverified.
        told = "Query execution lacks memory resources to complete (E_LOW_MEMORY_CONDITION)"
        return Refusal(
            400,
            "EngineError",
            "Something went wrong processing your query on the server.",
            inner={"code": "-2133196793", "message": told},
        )
    text = str(error)
    if found := _COLUMN.search(text):
        return semantic(f"Failed to resolve column or scalar expression named '{found[found.lastgroup or 0]}'")
    if found := _TABLE.search(text):
        return semantic(f"Failed to resolve table or column expression named '{found[1]}'")
    return semantic(_said(error), "SEM0001")


def _said(error: Exception) -> str:
    # The first line alone: the others show the SQL that was made of the query.
    said = " ".join(str(error).partition("\n")[0].split())
    return _KIND.sub("", said)[:_SHOWN]


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name[:1] == '"' == name[-1:] else name
