"""Segments: Parquet files in the columns that every local source shares.

Whatever a sign-in came from (a page of Graph, a diagnostic-settings blob, a portal
download), it ends as a row of one of `TABLES` in a file of its own. The archive
unites those files and knows nothing of where they were found.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import duckdb

from . import store

__all__ = [
    "APP_COLUMNS",
    "DETAILS_LIMIT",
    "MODERN",
    "POLICIES_LIMIT",
    "POLICY_FIELDS",
    "REPORTED",
    "SIGNIN_COLUMNS",
    "TABLES",
    "TEXT_LIMIT",
    "connect",
    "found",
    "from_graph",
    "moment",
    "policies_text",
    "steps_text",
    "text",
    "utc_sql",
    "write",
]

TEXT_LIMIT: Final = 2_000
DETAILS_LIMIT: Final = 16_000
POLICIES_LIMIT: Final = 40
MODERN: Final = ("browser", "mobile apps and desktop clients")
REPORTED: Final = "reportOnly"
POLICY_FIELDS: Final[Mapping[str, int]] = MappingProxyType({"id": 60, "displayName": 200, "result": 40})
"""What is kept of a policy whose result begins with `REPORTED`, each field cut at so many characters."""

_BATCH: Final = 2_000
_LOCKED: Final[dict[str, str | bool | int | float | list[str]]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "threads": "1",
    "memory_limit": "500MB",
}

_TEXT = "VARCHAR"
_TIME = "TIMESTAMPTZ"

SIGNIN_COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "TimeGenerated": _TIME,
        "CreatedDateTime": _TIME,
        "Id": _TEXT,
        "CorrelationId": _TEXT,
        "AADTenantId": _TEXT,
        "UserId": _TEXT,
        "UserPrincipalName": _TEXT,
        "UserDisplayName": _TEXT,
        "UserType": _TEXT,
        "CrossTenantAccessType": _TEXT,
        "HomeTenantId": _TEXT,
        "ResourceTenantId": _TEXT,
        "AppId": _TEXT,
        "AppDisplayName": _TEXT,
        "ResourceDisplayName": _TEXT,
        "ResourceIdentity": _TEXT,
        "ClientAppUsed": _TEXT,
        "AuthenticationProtocol": _TEXT,
        "IncomingTokenType": _TEXT,
        "AuthenticationRequirement": _TEXT,
        "AuthenticationDetails": _TEXT,
        "AuthenticationProcessingDetails": _TEXT,
        "ResultType": _TEXT,
        "ResultDescription": _TEXT,
        "ConditionalAccessStatus": _TEXT,
        "ConditionalAccessPolicies": _TEXT,
        "RiskLevelDuringSignIn": _TEXT,
        "IPAddress": _TEXT,
        "AutonomousSystemNumber": _TEXT,
        "Location": _TEXT,
        "UserAgent": _TEXT,
        "IsInteractive": "BOOLEAN",
    }
)

APP_COLUMNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "TimeGenerated": _TIME,
        "CreatedDateTime": _TIME,
        "Id": _TEXT,
        "CorrelationId": _TEXT,
        "AADTenantId": _TEXT,
        "ServicePrincipalId": _TEXT,
        "ServicePrincipalName": _TEXT,
        "AppId": _TEXT,
        "ResourceDisplayName": _TEXT,
        "ResourceIdentity": _TEXT,
        "ResultType": _TEXT,
        "IPAddress": _TEXT,
    }
)

TABLES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "SigninLogs": SIGNIN_COLUMNS,
        "AADNonInteractiveUserSignInLogs": SIGNIN_COLUMNS,
        "AADServicePrincipalSignInLogs": APP_COLUMNS,
    }
)

# Where a Graph signIn (and the `properties` of a diagnostic record, which is the same object) keeps each text column.
_GRAPH: Final[Mapping[str, tuple[str, ...]]] = {
    "Id": ("id",),
    "CorrelationId": ("correlationId",),
    "UserId": ("userId",),
    "UserPrincipalName": ("userPrincipalName",),
    "UserDisplayName": ("userDisplayName",),
    "UserType": ("userType",),
    "CrossTenantAccessType": ("crossTenantAccessType",),
    "HomeTenantId": ("homeTenantId",),
    "ResourceTenantId": ("resourceTenantId",),
    "ServicePrincipalId": ("servicePrincipalId",),
    "ServicePrincipalName": ("servicePrincipalName",),
    "AppId": ("appId",),
    "AppDisplayName": ("appDisplayName",),
    "ResourceDisplayName": ("resourceDisplayName",),
    "ResourceIdentity": ("resourceId",),
    "ClientAppUsed": ("clientAppUsed",),
    "AuthenticationProtocol": ("authenticationProtocol",),
    "IncomingTokenType": ("incomingTokenType",),
    "AuthenticationRequirement": ("authenticationRequirement",),
    "ResultType": ("status", "errorCode"),
    "ResultDescription": ("status", "failureReason"),
    "ConditionalAccessStatus": ("conditionalAccessStatus",),
    "RiskLevelDuringSignIn": ("riskLevelDuringSignIn",),
    "IPAddress": ("ipAddress",),
    "AutonomousSystemNumber": ("autonomousSystemNumber",),
    "Location": ("location", "countryOrRegion"),
    "UserAgent": ("userAgent",),
}
_STEPS: Final[Mapping[str, str]] = {
    "AuthenticationDetails": "authenticationDetails",
    "AuthenticationProcessingDetails": "authenticationProcessingDetails",
}


def from_graph(
    record: Mapping[str, Any], *, table: str = "SigninLogs", tenant_id: str = "", generated: datetime | None = None
) -> dict[str, object]:
    """Return a Graph ``signIn`` object as a row of *table*.

    Args:
        record: The object as beta returns it, or the ``properties`` of a diagnostic-settings record.
        table: A name in `TABLES`; it decides which columns come back.
        tenant_id: The Entra tenant that was asked; the object itself does not say.
        generated: When the record was written, where the source tells it apart from the event.

    Raises:
        ValueError: The record has no readable ``createdDateTime``, so it belongs to no day.
    """
    created = moment(record.get("createdDateTime"))
    if created is None:
        raise ValueError(f"createdDateTime: found {record.get('createdDateTime')!r}; expected an ISO 8601 time")
    known: dict[str, object] = {name: text(_reach(record, path)) for name, path in _GRAPH.items()}
    known |= {name: steps_text(record.get(key)) for name, key in _STEPS.items()}
    known["ConditionalAccessPolicies"] = policies_text(
        record.get("appliedConditionalAccessPolicies"), record.get("clientAppUsed")
    )
    known |= {
        "TimeGenerated": generated or created,
        "CreatedDateTime": created,
        "AADTenantId": tenant_id,
        "IsInteractive": _interactive(record, table),
    }
    return {name: known[name] for name in TABLES[table]}


def write(path: Path, table: str, rows: Iterable[Mapping[str, object]]) -> int:
    """Write *rows* as one Parquet file, whole or not at all, and return how many there were.

    The file is readable by its owner only. A column that a row lacks is empty text,
    false, or the other of the two times.
    """
    columns = TABLES[table]
    complete = [_complete(row, columns) for row in rows]
    # mkstemp gives the file to its owner alone before the first byte is in it.
    handle, name = tempfile.mkstemp(dir=store.private_folder(path.parent), prefix=".", suffix=".part")
    os.close(handle)
    try:
        _copy(complete, columns, name)
        store.write_bytes(path, Path(name).read_bytes())
    finally:
        Path(name).unlink(missing_ok=True)
    return len(complete)


def connect() -> duckdb.DuckDBPyConnection:
    """Return an engine in memory for texts of our own: no extensions, little memory, times in UTC."""
    connection = duckdb.connect(config=_LOCKED)
    connection.execute("SET TimeZone = 'UTC'")
    return connection


def utc_sql(column: str) -> str:
    """Return SQL for a time as KQL has it: in UTC and without a zone.

    What DuckDB does with a time that has a zone goes through a calendar, row by row: cutting times to
    days takes ten times as long, and a cast is no better.
    """
    return f"make_timestamp(epoch_us({column}))"


def found(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Return the segments of *folder* by table: a segment's name is its table, a dot, and anything."""
    return {table: tuple(sorted(folder.glob(f"{table}.*parquet"))) for table in TABLES}


def moment(value: object) -> datetime | None:
    """Return a time as Entra writes it as an aware UTC datetime, or None where it is not readable."""
    if isinstance(value, datetime):
        parsed = value
    else:
        try:
            parsed = datetime.fromisoformat(str(value).strip())
        except ValueError:
            return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def text(value: object, limit: int = TEXT_LIMIT) -> str:
    """Return *value* as text that a file and an engine can hold: '' for nothing, cut at *limit* characters."""
    if value is None:
        return ""
    if isinstance(value, str):
        # A lone surrogate is legal in JSON and in no file; a NUL ends a string early in other tools.
        return value[:limit].encode("utf-8", "replace").decode("utf-8").replace("\0", "�")
    if isinstance(value, bool):
        return "true" if value else "false"
    return text(str(value), limit) if isinstance(value, int | float) else text(_json(value), limit)


def steps_text(value: object, limit: int = DETAILS_LIMIT) -> str:
    """Return authentication steps as JSON text; '' where the source has none, ``[]`` where its list is empty.

    A longer text than *limit* keeps whole steps only, those that name a certificate or an
    app password first: they decide what the row is.
    """
    if value is None or value == "":
        return ""
    whole = value if isinstance(value, str) else _json(value)
    return text(whole if len(whole) <= limit else _shortened(whole, limit), limit)


def policies_text(value: object, client: object) -> str:
    """Return what the policies that only report said of an old client's sign-in, as JSON text.

    Args:
        value: The policies as the source has them, a list or its JSON text.
        client: ClientAppUsed.

    Returns:
        ``''`` where the source does not say, or says it in another shape, and for clients that are not old, of which
        nobody asks. ``[]`` where only other policies spoke: nothing is kept of these.
    """
    if value is None or value == "" or text(client).strip().lower() in MODERN:
        return ""
    told = _parsed(value) if isinstance(value, str) else value
    if not isinstance(told, list):
        return ""
    spoken = [one for one in told if isinstance(one, dict) and text(one.get("result")).startswith(REPORTED)]
    kept = [{name: text(one.get(name), cut) for name, cut in POLICY_FIELDS.items()} for one in spoken]
    return _json(kept[:POLICIES_LIMIT])


def _parsed(whole: str) -> object:
    try:
        return json.loads(whole)
    except (ValueError, RecursionError):
        return None


def _shortened(whole: str, limit: int) -> str:
    try:
        steps = json.loads(whole)
    except ValueError:
        return whole
    if not isinstance(steps, list):
        return whole
    telling = [step for step in steps if _tells(step)]
    kept: list[str] = []
    room = limit - 2
    for step in [*telling, *(step for step in steps if not _tells(step))]:
        part = _json(_trimmed(step))
        if len(part) + 1 > room:
            break
        kept.append(part)
        room -= len(part) + 1
    return f"[{','.join(kept)}]"


def _tells(step: object) -> bool:
    return any(word in _json(step).lower() for word in ("certificate", "app password"))


def _trimmed(step: object) -> object:
    if not isinstance(step, dict):
        return step
    return {key[:100]: part[:TEXT_LIMIT] if isinstance(part, str) else part for key, part in step.items()}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _reach(record: Mapping[str, Any], path: tuple[str, ...]) -> object:
    found: object = record
    for key in path:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _interactive(record: Mapping[str, Any], table: str) -> bool:
    said = record.get("isInteractive")
    return said if isinstance(said, bool) else table == "SigninLogs"


def _complete(row: Mapping[str, object], columns: Mapping[str, str]) -> dict[str, object]:
    created = row.get("CreatedDateTime") or row.get("TimeGenerated")
    if created is None:
        raise ValueError("row has neither CreatedDateTime nor TimeGenerated; expected at least one of them")
    empty = {_TEXT: "", _TIME: created, "BOOLEAN": False}
    return {name: empty[kind] if row.get(name) is None else row[name] for name, kind in columns.items()}


def _copy(rows: list[dict[str, object]], columns: Mapping[str, str], name: str) -> None:
    with connect() as connection:
        definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        connection.execute(f"CREATE TABLE segment ({definition})")
        # Column by column is some twenty times faster than executemany and needs no data frame.
        lists = ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind in columns.values())
        for first in range(0, len(rows), _BATCH):
            batch = rows[first : first + _BATCH]
            connection.execute(
                f"INSERT INTO segment SELECT {lists}", [[row[column] for row in batch] for column in columns]
            )
        # DuckDB would otherwise write beside the file and rename, and the copy would be readable by others.
        target = name.replace("'", "''")
        connection.execute(f"COPY segment TO '{target}' (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)")
