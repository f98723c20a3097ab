"""One record of any export, read with care: a row in the shared columns, or the reason why it is none.

The archive's engine reads well-formed diagnostic-settings lines by itself, a thousand files at a
time. Everything else comes through here: pages, arrays, CSV, and the lines that the engine balked at.
"""

import ast
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from . import segments

__all__ = [
    "CATEGORIES",
    "SLASHED",
    "Clock",
    "Elsewhere",
    "Lost",
    "Read",
    "Row",
    "named",
    "normalise",
    "of_columns",
    "time_of",
]

CATEGORIES: Final[Mapping[str, str]] = {
    "signinlogs": "SigninLogs",
    "noninteractiveusersigninlogs": "AADNonInteractiveUserSignInLogs",
    "aadnoninteractiveusersigninlogs": "AADNonInteractiveUserSignInLogs",
    "serviceprincipalsigninlogs": "AADServicePrincipalSignInLogs",
    "aadserviceprincipalsigninlogs": "AADServicePrincipalSignInLogs",
}
"""The category of a diagnostic setting, or the Type of a row, in lower case, to its table."""

_LITERAL_LIMIT: Final = 1 << 20
_TENANT: Final = re.compile(r"/tenants/([^/]+)", re.IGNORECASE)
SLASHED: Final = re.compile(
    r"(\d{1,4})([/.])(\d{1,2})\2(\d{4}),?\s+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([AaPp])?\.?[Mm]?\.?"
)
_POWERSHELL: Final = re.compile(r"\\?/Date\((-?\d+)[^)]*\)\\?/")


@dataclass(frozen=True)
class Row:
    """A sign-in: the table it belongs to and its columns.

    Args:
        table: A name in `segments.TABLES`.
        columns: Every column of that table.
        note: What had to be taken from elsewhere, or is in doubt; empty when nothing was.
    """

    table: str
    columns: dict[str, object]
    note: str = ""


@dataclass(frozen=True)
class Lost:
    """A record that cannot be used, and why."""

    reason: str


@dataclass(frozen=True)
class Elsewhere:
    """A record of another kind, an audit entry say: not lost, just nothing to count."""

    category: str


Read = Row | Lost | Elsewhere
"""What came of one record."""

Clock = Callable[[object], datetime | None]
"""Reads a time as one file writes it; None where it is none."""


def normalise(record: object) -> Read:
    """Return what one record is, whichever export it came from."""
    if not isinstance(record, dict):
        return Lost("a record is no object")
    keys = {str(key).lower(): key for key in reversed(record)}
    try:
        if "properties" in keys and {"category", "operationname", "resulttype"} & keys.keys():
            return _of_envelope({name: record[key] for name, key in keys.items()})
        if "createdDateTime" in record:
            return _of_graph(record, "", None, {})
        if {"createddatetime", "timegenerated"} & {name.split(" [")[0] for name in keys}:
            return of_columns({str(key): value for key, value in record.items()}, _first_order)
    except (ValueError, RecursionError) as error:
        return Lost(str(error)[:200] or "nested too deeply")
    return Lost("a record is no sign-in")


def _of_envelope(envelope: dict[str, Any]) -> Read:
    """A diagnostic-settings record; its keys in lower case, because forwarders change them."""
    category = str(envelope.get("category") or "")
    table = CATEGORIES.get(category.lower())
    if table is None:
        return Elsewhere(category[:60] or "no category")
    properties = envelope["properties"]
    if isinstance(properties, str):
        properties = json.loads(properties)
    if not isinstance(properties, dict):
        return Lost("properties is no object")
    generated = segments.moment(envelope.get("time"))
    note = ""
    if segments.moment(properties.get("createdDateTime")) is None:
        if generated is None:
            return Lost("a record has no time")
        properties = {**properties, "createdDateTime": generated}
        note = "no createdDateTime: the time of the record was taken"
    tenant = _tenant(envelope.get("tenantid"), envelope.get("resourceid"))
    read = _of_graph(properties, tenant, generated, envelope, table)
    return Row(read.table, read.columns, note) if isinstance(read, Row) else read


def _of_graph(
    record: dict[str, Any],
    tenant: str,
    generated: datetime | None,
    envelope: Mapping[str, Any],
    table: str = "",
) -> Read:
    table = table or _graph_table(record)
    if table not in segments.TABLES:
        return Elsewhere(table)
    row = segments.from_graph(record, table=table, tenant_id=tenant, generated=generated)
    row["ResultType"] = _result(envelope.get("resulttype"), row["ResultType"])
    _fill(row, "CorrelationId", envelope.get("correlationid"))
    _fill(row, "IPAddress", envelope.get("calleripaddress"))
    if "Location" in row:
        _fill(row, "Location", envelope.get("location"))
        row["ResultDescription"] = segments.text(envelope.get("resultdescription")) or row["ResultDescription"]
    return Row(table, named(row))


def _graph_table(record: Mapping[str, Any]) -> str:
    kinds = record.get("signInEventTypes")
    kinds = [str(kind) for kind in kinds] if isinstance(kinds, list) else []
    if "managedIdentity" in kinds:
        return "managed identities"
    if "servicePrincipal" in kinds or (record.get("servicePrincipalId") and not record.get("userId")):
        return "AADServicePrincipalSignInLogs"
    if "nonInteractiveUser" in kinds or (not kinds and record.get("isInteractive") is False):
        return "AADNonInteractiveUserSignInLogs"
    return "SigninLogs"


def _fill(row: dict[str, object], name: str, value: object) -> None:
    if not row[name]:
        row[name] = segments.text(value)


def _result(outer: object, inner: object) -> str:
    """Return the result code; the outer field may hold a word in place of it."""
    word = segments.text(outer).strip()
    if re.fullmatch(r"-?\d+(\.0)?", word):
        return word.removesuffix(".0")
    return segments.text(inner) or ("0" if word.lower() == "success" else word)


def _tenant(told: object, resource: object) -> str:
    if told:
        return segments.text(told).strip().lower()
    met = _TENANT.search(segments.text(resource))
    return met[1].lower() if met else ""


def named(row: dict[str, object]) -> dict[str, object]:
    """Give a record without an Id one made of its contents, so that copies of it still count once."""
    if not row["Id"]:
        parts = [segments.text(row.get(name)) for name in _IDENTIFYING]
        row["Id"] = "made-" + hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
    return row


_IDENTIFYING: Final = (
    "CreatedDateTime", "CorrelationId", "UserId", "UserPrincipalName", "ServicePrincipalId", "AppId",
    "IPAddress", "ClientAppUsed", "ResourceIdentity", "ResultType", "IsInteractive",
)  # fmt: skip


# --- columns: Log Analytics and the portal --------------------------------------------------------

_USED: Final = frozenset(
    {*segments.SIGNIN_COLUMNS, *segments.APP_COLUMNS}
    | {"Type", "Category", "Status", "LocationDetails", "ResourceId", "AuthenticationDetails"}
)
_BY_LOWER: Final = {name.lower(): name for name in _USED}
_PAIRED: Final = re.compile(r"_(dynamic|string|int|long|real|double|bool|guid|datetime)$")
_STEP_COLUMNS: Final = ("AuthenticationDetails", "AuthenticationProcessingDetails")


def of_columns(record: Mapping[str, object], clock: Clock) -> Read:
    """Return what a row in Log Analytics columns is, by whatever suffixes its columns carry.

    Args:
        record: Column name to value, as text or as JSON has it.
        clock: How its times are written.
    """
    told = _coalesced(record)
    table = _table(told)
    if table is None:
        return Elsewhere(segments.text(told.get("Type") or told.get("Category"))[:60])
    status = _object(told.get("Status"))
    location = _object(told.get("Location")) or _object(told.get("LocationDetails"))
    details = {name: segments.steps_text(_plain(told.get(name))) for name in _STEP_COLUMNS}
    created, note = _eventtime_of(told, details["AuthenticationDetails"], clock)
    if created is None:
        return Lost("a row has no time")
    row: dict[str, object] = {name: segments.text(_scalar(told.get(name))) for name in segments.TABLES[table]}
    row |= {name: text for name, text in details.items() if name in row}
    if "ConditionalAccessPolicies" in row:
        said = _plain(told.get("ConditionalAccessPolicies"))
        row["ConditionalAccessPolicies"] = segments.policies_text(said, told.get("ClientAppUsed"))
    row["CreatedDateTime"] = created
    row["TimeGenerated"] = clock(told.get("TimeGenerated")) or created
    row["AADTenantId"] = _tenant(told.get("AADTenantId"), told.get("ResourceId"))
    row["ResultType"] = _result(row["ResultType"], status.get("errorcode"))
    resource = segments.text(_scalar(told.get("ResourceId")))
    if not row["ResourceIdentity"] and "/" not in resource:
        row["ResourceIdentity"] = resource  # PowerShell prints Graph's own name for it
    if "IsInteractive" in row:
        said = segments.text(told.get("IsInteractive")).strip().lower()
        row["IsInteractive"] = said in ("true", "1") if said else table == "SigninLogs"
        row["Location"] = segments.text(location.get("countryorregion")) or row["Location"]
        row["ResultDescription"] = row["ResultDescription"] or segments.text(status.get("failurereason"))
    return Row(table, named(row), note)


def _coalesced(record: Mapping[str, object]) -> dict[str, object]:
    """Return the columns that count; of a pair that a union made (``X_dynamic``, ``X_string``) the filled one."""
    told: dict[str, object] = {}
    for name, value in record.items():
        known = _BY_LOWER.get(_column(name))
        if known and told.get(known) in (None, ""):
            told[known] = value
    return told


def _column(name: str) -> str:
    bare = name.split(" [")[0].strip().lower()
    return bare if bare in _BY_LOWER else _PAIRED.sub("", bare)


def _table(told: Mapping[str, object]) -> str | None:
    for name in ("Type", "Category"):
        if kind := segments.text(told.get(name)).strip().lower():
            return CATEGORIES.get(kind)
    if told.get("ServicePrincipalId") and not (told.get("UserId") or told.get("UserPrincipalName")):
        return "AADServicePrincipalSignInLogs"
    said = segments.text(told.get("IsInteractive")).strip().lower()
    return "AADNonInteractiveUserSignInLogs" if said == "false" else "SigninLogs"


def _eventtime_of(told: Mapping[str, object], details: str, clock: Clock) -> tuple[datetime | None, str]:
    if created := clock(told.get("CreatedDateTime")):
        return created, ""
    if generated := clock(told.get("TimeGenerated")):
        return generated, "no CreatedDateTime: the time of the record was taken"
    found = re.search(r'"authenticationStepDateTime"\s*:\s*"([^"]+)"', details)
    return (segments.moment(found[1]) if found else None), "no time column: the time of the first step was taken"


def _scalar(value: object) -> object:
    return "" if isinstance(value, dict | list | datetime) else value


def _object(value: object) -> dict[str, object]:
    found = _plain(value)
    return {str(key).lower(): part for key, part in found.items()} if isinstance(found, dict) else {}


def _plain(value: object) -> object:
    """Return a dynamic column as it is; one that was printed by Python (single quotes, True, None) unquoted."""
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        found = json.loads(value)
        return found if isinstance(found, dict) else value
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(value) if len(value) < _LITERAL_LIMIT else value
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value


# --- times ----------------------------------------------------------------------------------------


def _first_order(value: object) -> datetime | None:
    return time_of(value, day_first=False)


def time_of(value: object, *, day_first: bool) -> datetime | None:
    """Return a time as any of the exports writes it, or None; without a zone it is UTC."""
    if value is None or value == "":
        return None
    if (found := segments.moment(value)) is not None:
        return found
    text = str(value).strip()
    if met := _POWERSHELL.fullmatch(text):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(met[1]))
    met = SLASHED.fullmatch(text)
    return _slashed(met, day_first) if met else None


def _slashed(met: re.Match[str], day_first: bool) -> datetime | None:
    one, two = int(met[1]), int(met[3])
    day, month = (one, two) if day_first else (two, one)
    hour = int(met[5])
    if met[9]:
        hour = hour % 12 + (12 if met[9] in "Pp" else 0)
    micro = int((met[8] or "0")[:6].ljust(6, "0"))
    try:
        return datetime(int(met[4]), month, day, hour, int(met[6]), int(met[7] or 0), micro, tzinfo=UTC)
    except ValueError:
        return None
