"""The SQL of the ledger: how its one table is made, filled, and shown as the tables of Log Analytics.

Every copy of every tenant's sign-ins is one row of ``copies``: whose it is, whether a story's, when it was
written, the table that it lands in, the ``signIn`` as JSON, and what the tables' columns take from it.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from . import columns
from .signins import Table
from .state import Tenant

__all__ = ["FORMER", "GIVEN", "Span", "form", "insertion", "lag", "page", "schema", "view"]

Span = tuple[datetime | None, datetime | None]
"""From when, included, and until when, excluded; None is open."""

# Log Analytics stamps a row when it takes it in, which is after the event by however little.
_LEAST_LAG: Final = timedelta(milliseconds=1)

_TYPES: Final[Mapping[str, str]] = {
    "string": "VARCHAR",
    "dynamic": "JSON",
    "datetime": "TIMESTAMPTZ",
    "bool": "BOOLEAN",
    "long": "BIGINT",
    "int": "INTEGER",
    "real": "DOUBLE",
}
_PLACED: Final = frozenset({"TenantId", "AADTenantId", "TimeGenerated", "ResourceId"})
"""Columns that the tenant's state and the row's own time decide when they are read."""

_US: Final = timedelta(microseconds=1)

GIVEN: Final = (
    "SELECT unnest(?::VARCHAR[]) AS tenant, unnest(?::BOOLEAN[]) AS story, unnest(?::TIMESTAMPTZ[]) AS written, "
    "unnest(?::VARCHAR[]) AS kind, unnest(?::VARCHAR[]) AS body"
)
"""Rows that are handed over with the statement."""

FORMER: Final = (
    "FROM former SELECT _tenant AS tenant, _story AS story, _written AS written, _table AS kind, _body AS body"
)
"""Rows of the table as it was, under the name ``former``."""

_PAGE: Final = """
FROM copies SELECT CreatedDateTime, Id, _body WHERE rowid IN (
    FROM (
        FROM copies SELECT rowid AS place, CreatedDateTime, Id, ClientAppUsed, row_number() OVER (
            PARTITION BY Id ORDER BY coalesce(_written, CreatedDateTime + $lag) DESC, rowid DESC
        ) AS turn
        WHERE _tenant = $tenant AND list_contains($tables, _table)
            AND coalesce(_written, CreatedDateTime + $lag) <= $now
            AND ($since::TIMESTAMPTZ IS NULL OR CreatedDateTime >= $since)
            AND ($until::TIMESTAMPTZ IS NULL OR CreatedDateTime <= $until)
            AND ($only::VARCHAR IS NULL OR lower(Id) = lower($only))
    )
    SELECT place
    WHERE turn = 1 AND ($clients::VARCHAR[] IS NULL OR list_contains($clients, lower(ClientAppUsed)))
        AND ($at::TIMESTAMPTZ IS NULL OR (CreatedDateTime, Id) {beyond} ($at, $id))
    ORDER BY CreatedDateTime {order}, Id {order} LIMIT $page
)
ORDER BY CreatedDateTime {order}, Id {order}
"""


def schema() -> tuple[str, ...]:
    """Return the statements that make what is not there yet."""
    kept = (f'"{name}" {_TYPES[kind]}' for name, kind in _kept().items())
    return (
        "CREATE TABLE IF NOT EXISTS editions (tenant VARCHAR PRIMARY KEY, edition VARCHAR NOT NULL)",
        "CREATE TABLE IF NOT EXISTS taken (name VARCHAR)",
        "CREATE TABLE IF NOT EXISTS copies (_tenant VARCHAR, _story BOOLEAN, _written TIMESTAMPTZ, _table VARCHAR, "
        f"_body VARCHAR, {', '.join(kept)})",
    )


@cache
def _kept() -> Mapping[str, str]:
    """Return the columns of all tables, as far as a row decides them, with their types; text may be JSON in one."""
    found: dict[str, str] = {}
    for table in columns.TABLES:
        for name, kind in columns.columns(table).items():
            if name not in columns.constants(table) and name not in _PLACED:
                found[name] = "dynamic" if "dynamic" in (kind, found.get(name)) else kind
    return found


def form() -> str:
    """Return what stands for the table's form and for how it is filled, in short: another where either is another."""
    return hashlib.sha256("".join((*schema(), insertion())).encode()).hexdigest()


@cache
def insertion(rows: str = GIVEN) -> str:
    """Return the statement that takes in *rows*: `GIVEN` as five lists (whose, a story's, written, table, JSON)."""
    sources = {columns.source(table, name)[0] for table in columns.TABLES for name in _kept()}
    shape = json.dumps(dict.fromkeys(sorted(sources), "VARCHAR"))
    values = ", ".join(_value(name, kind) for name, kind in _kept().items())
    return (
        f"INSERT INTO copies FROM (FROM ({rows}) "
        f"SELECT *, json_transform(body, '{shape}') AS r) SELECT tenant, story, written, kind, body, {values}"
    )


def _value(name: str, kind: str) -> str:
    if name == "_BilledSize":
        return "CAST(strlen(body) AS DOUBLE)"
    if name == "UserType":
        return "CASE r.\"userType\" WHEN 'member' THEN 'Member' WHEN 'guest' THEN 'Guest' ELSE '' END"
    found = [_at(columns.source(table, name)) for table in columns.TABLES]
    # Only one table names the column otherwise, and what it names the others lack.
    value = found[0] if len(set(found)) == 1 else f"coalesce({', '.join(dict.fromkeys(found))})"
    # Kusto has no text that is null: what is missing is empty.
    return f"coalesce({value}, '')" if kind == "string" else f"try_cast({value} AS {_TYPES[kind]})"


def _at(path: tuple[str, ...]) -> str:
    first, *rest = path
    return f'r."{first}"' + "".join(f" ->> '$.{key}'" for key in rest)


def page(*, upwards: bool) -> str:
    """Return the statement that gives a page of sign-ins, oldest first where *upwards*, else newest first.

    Each comes in its latest copy; of two of one moment, in the one that came last.
    """
    return _PAGE.format(beyond=">", order="ASC") if upwards else _PAGE.format(beyond="<", order="DESC")


def lag(ingestion_s: float) -> timedelta:
    """Return how long after a sign-in of now its row is written; *ingestion_s* is in seconds."""
    return max(timedelta(seconds=ingestion_s), _LEAST_LAG)


def view(table: Table, tenant: Tenant, now: datetime, span: Span) -> str:
    """Return the statement that shows *table* on one connection as *tenant*'s workspace has it at *now*."""
    generated = f"coalesce(_written, CreatedDateTime + INTERVAL '{lag(tenant.logs.ingestion_s) // _US} microseconds')"
    placed = {
        "TenantId": _literal(tenant.logs.workspace_id),
        "AADTenantId": _literal(tenant.tenant_id),
        "TimeGenerated": generated,
        "ResourceId": _literal(f"/tenants/{tenant.tenant_id}/providers/Microsoft.aadiam"),
        **{name: _literal(str(value)) for name, value in columns.constants(table).items()},
    }
    shown = ", ".join(
        f'{_shown(name, kind, placed.get(name))} AS "{name}"'
        for name, kind in columns.columns(table).items()
        if name not in tenant.logs.missing_columns
    )
    oldest = now - timedelta(days=tenant.logs.retention_days)
    since, until = span
    bounds = [
        f"_tenant = {_literal(tenant.tenant_id)}",
        f"_table = {_literal(table)}",
        f"{generated} <= {_moment(now)}",
        f"{generated} > {_moment(oldest)}",
        *([f"{generated} >= {_moment(since)}"] if since else []),
        *([f"{generated} < {_moment(until)}"] if until else []),
    ]
    return f'CREATE TEMP VIEW "{table}" AS FROM copies SELECT {shown} WHERE {" AND ".join(bounds)}'


def _shown(name: str, kind: str, placed: str | None) -> str:
    if placed is not None:
        return f"CAST({placed} AS {_TYPES[kind]})"
    if kind == "string" and _kept()[name] == "dynamic":
        return f"coalesce(CAST(\"{name}\" AS VARCHAR), '')"
    return f'"{name}"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _moment(at: datetime) -> str:
    return f"TIMESTAMPTZ '{at.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')}+00'"
