"""Sign-ins as files, the way customers have them.

`fabrikam_files` and `northwind_files` put a whole tenant in a folder. Everything else here knows a format and
nothing of the stories.
"""

import csv
import gzip
import io
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from . import columns
from .northwind import ARCHIVED, DOWNLOADED
from .signins import SEED, Delivery, Event, Table, as_graph, deliveries, events
from .world import World

__all__ = [
    "FABRIKAM_SIGNINS",
    "NORTHWIND_SIGNINS",
    "PORTAL_HEADER",
    "REPORT",
    "cut_short",
    "diagnostic_record",
    "diagnostics",
    "fabrikam_files",
    "graph_pages",
    "log_analytics_csv",
    "northwind_files",
    "portal_csv",
    "smtp_report",
]

FABRIKAM_SIGNINS: Final = ("insights-logs-*/**/*.json*", "exports/*.csv", "graph/*.json")
REPORT: Final = "reports/SmtpAuthClients.csv"
NORTHWIND_SIGNINS: Final = ("downloads/*.csv", "old/*.json.gz")

_INTERRUPTED: Final = frozenset({"50074", "50199"})

PORTAL_HEADER: Final = (
    "Date (UTC)", "Request ID", "User agent", "Correlation ID", "User ID", "User", "Username", "User type",
    "Cross tenant access type", "Incoming token type", "Authentication Protocol", "Unique token identifier",
    "Original transfer method", "Client credential type", "Token Protection - Sign In Session",
    "Token Protection - Sign In Session StatusCode", "Application", "Application ID ", "App owner tenant ID",
    "Resource", "Resource ID ", "Resource tenant ID", "Resource owner tenant ID", "Home tenant ID",
    "Home tenant name", "IP address", "Location", "Status", "Sign-in error code", "Failure reason", "Client app",
    "Device ID", "Browser", "Operating System", "Compliant", "Managed", "Join Type",
    "Multifactor authentication result", "Multifactor authentication auth method",
    "Multifactor authentication auth detail", "Authentication requirement", "Sign-in identifier", "Session ID",
    "IP address (seen by resource)", "Through Global Secure Access", "Global Secure Access IP address",
    "Autonomous system  number", "Flagged for review", "Token issuer type", "Incoming token type",
    "Token issuer name", "Latency", "Conditional Access", "Managed Identity type", "Associated Resource Id",
    "Federated Token Id", "Federated Token Issuer",
)  # fmt: skip
"""The portal's columns, two of them with a space at the end, one with two inside and one name twice."""

_EXPORTED: Final = (
    "TenantId", "SourceSystem", "TimeGenerated [UTC]", "OperationName", "Category", "ResultType", "ResultSignature",
    "ResultDescription", "CorrelationId", "Identity", "Level", "Location", "AppDisplayName", "AppId",
    "AuthenticationDetails", "AuthenticationProcessingDetails", "AuthenticationProtocol", "AuthenticationRequirement",
    "AutonomousSystemNumber", "ClientAppUsed", "ConditionalAccessPolicies", "ConditionalAccessStatus",
    "CreatedDateTime [UTC]", "CrossTenantAccessType", "DeviceDetail", "HomeTenantId", "Id", "IncomingTokenType",
    "IPAddress", "IsInteractive", "LocationDetails", "OriginalTransferMethod", "ResourceDisplayName",
    "ResourceIdentity", "ResourceTenantId", "RiskLevelDuringSignIn", "RiskState", "Status", "UserAgent",
    "UserDisplayName", "UserId", "UserPrincipalName", "UserType", "AADTenantId", "Type",
)  # fmt: skip
"""Columns of a Log Analytics export."""

# What a diagnostic record of 2021 did not have yet.
_SINCE_2021: Final = (
    "authenticationProtocol",
    "authenticationProcessingDetails",
    "authenticationRequirement",
    "autonomousSystemNumber",
    "crossTenantAccessType",
    "incomingTokenType",
    "originalTransferMethod",
    "sessionId",
    "signInEventTypes",
)


def fabrikam_files(folder: Path, world: World, today: date, *, seed: int = SEED) -> tuple[Event, ...]:
    """Write a tenant whose logs are all there, and for some days twice.

    The diagnostic-settings archive holds every row; a Log Analytics export and saved Graph
    pages hold some of them again. Returns the sign-ins that can be read from them, each once.
    """
    happened = events(world, today, seed=seed)
    rows = tuple(deliveries(happened, today))
    diagnostics(folder, world, rows, packed_before=today - timedelta(days=20))
    interactive = [row for row in rows if row.event.table == "SigninLogs"]
    log_analytics_csv(folder / "exports" / "query_data.csv", world, _between(interactive, today, 6, 4))
    latest = {row.event.id: row for row in _between(interactive, today, 4, 1)}
    graph_pages(folder / "graph", world, [*latest.values()])
    return happened


def northwind_files(folder: Path, world: World, today: date, *, seed: int = SEED) -> tuple[Event, ...]:
    """Write a tenant whose logs cannot answer.

    Two portal downloads leave two days out between them, and the last is old; there is no
    file with authentication steps and none of non-interactive sign-ins. An archive from the
    time before them is in an old schema and breaks off. Returns the sign-ins that can be read from them.
    """
    happened = events(world, today, seed=seed)
    rows = [row for row in deliveries(happened, today) if row.event.table == "SigninLogs"]
    readable: list[Delivery] = []
    for first, last in DOWNLOADED:
        name = f"InteractiveSignIns_{today - timedelta(days=first)}_{today - timedelta(days=last - 1)}.csv"
        part = _between(rows, today, first, last)
        portal_csv(folder / "downloads" / name, world, part, requirement=False)
        readable += part
    old = _between(rows, today, *ARCHIVED)
    readable += old[: cut_short(folder / "old" / "signins.json.gz", world, old)]
    held = {row.event.id for row in readable}
    return tuple(event for event in happened if event.id in held)


def diagnostics(folder: Path, world: World, rows: Iterable[Delivery], *, packed_before: date) -> tuple[Path, ...]:
    """Write the tree of hourly blobs that diagnostic settings leave in a storage account.

    Args:
        folder: Where the containers begin.
        world: The tenant.
        rows: What the log received.
        packed_before: Blobs of days before this one are gzipped.
    """
    hours: defaultdict[tuple[Table, datetime], list[bytes]] = defaultdict(list)
    for row in rows:
        hour = row.event.at.replace(minute=0, second=0, microsecond=0)
        line = json.dumps(diagnostic_record(world, row), ensure_ascii=False, separators=(",", ":"))
        hours[row.event.table, hour].append(line.encode() + b"\r\n")
    written = []
    for (table, hour), lines in hours.items():
        packed = hour.date() < packed_before
        place = folder / f"insights-logs-{columns.CATEGORIES[table].lower()}" / f"tenantId={world.tenant_id}"
        path = place / f"{hour:y=%Y/m=%m/d=%d/h=%H/m=00}" / ("PT1H.json.gz" if packed else "PT1H.json")
        _write(path, _packed(b"".join(lines)) if packed else b"".join(lines))
        written.append(path)
    return tuple(written)


def diagnostic_record(world: World, row: Delivery) -> dict[str, Any]:
    """Return the envelope of one record; the sign-in itself stands in its ``properties``."""
    event = row.event
    properties = as_graph(world, event, early=row.early)
    return {
        "time": _instant(row.written),
        "resourceId": f"/tenants/{world.tenant_id}/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity",
        "operationVersion": "1.0",
        "category": columns.CATEGORIES[event.table],
        "tenantId": world.tenant_id,
        "resultType": event.code,
        "resultSignature": "SUCCESS" if event.code == "0" else "FAILURE",
        "resultDescription": properties["status"]["failureReason"],
        "durationMs": "0",
        "callerIpAddress": event.ip,
        "correlationId": event.correlation_id,
        "identity": event.name,
        "level": "4",
        "location": properties["location"]["countryOrRegion"],
        "properties": properties,
    }


def graph_pages(folder: Path, world: World, rows: Sequence[Delivery], *, size: int = 250) -> tuple[Path, ...]:
    """Write the answers of ``GET /auditLogs/signIns`` as somebody saved them, newest first."""
    newest = sorted(rows, key=lambda row: row.event.at, reverse=True)
    parts = [newest[first : first + size] for first in range(0, len(newest), size)]
    address = "https://graph.microsoft.com/beta"
    written = []
    for number, part in enumerate(parts, start=1):
        page: dict[str, Any] = {"@odata.context": f"{address}/$metadata#auditLogs/signIns"}
        if number < len(parts):
            page["@odata.nextLink"] = f"{address}/auditLogs/signIns?$top={size}&$skiptoken=practice_{number}"
        page["value"] = [as_graph(world, row.event, early=row.early) for row in part]
        path = folder / f"signIns-{number:02}.json"
        _write(path, json.dumps(page, ensure_ascii=False, indent=1).encode())
        written.append(path)
    return tuple(written)


def portal_csv(path: Path, world: World, rows: Iterable[Delivery], *, requirement: bool = True) -> None:
    """Write the Entra portal's download, each sign-in once, newest first.

    Args:
        path: The file.
        world: The tenant.
        rows: What the log received.
        requirement: Whether the column Authentication requirement is filled.
    """
    latest = {row.event.id: row for row in rows}
    newest = sorted(latest.values(), key=lambda row: row.event.at, reverse=True)
    # A list of pairs, not a mapping: one column name stands there twice.
    lines = [[value for _, value in _portal_row(world, row, requirement)] for row in newest]
    _write_csv(path, PORTAL_HEADER, lines, encoding="utf-8-sig")


def log_analytics_csv(path: Path, world: World, rows: Iterable[Delivery], *, encoding: str = "utf-8-sig") -> None:
    """Write the export of a Log Analytics query: ``[UTC]`` in headers, American dates, JSON text in columns."""
    lines = [_log_analytics_row(world, row) for row in rows]
    header = list(lines[0]) if lines else []
    _write_csv(path, header, [list(line.values()) for line in lines], encoding=encoding)


def smtp_report(path: Path, world: World) -> None:
    """Write the Exchange admin center's report on SMTP AUTH, as its export button gives it."""
    header = ("Sender address", "Domain", "Authentication Protocol", "TLS 1.0", "TLS 1.1", "TLS 1.2", "Messages sent")
    lines = []
    for line in world.reported:
        shares = (f"{100 - line.tls_1_2:g}%", "0%", f"{line.tls_1_2:g}%")
        lines.append((line.address, line.address.partition("@")[2], line.protocol, *shares, str(line.messages)))
    _write_csv(path, header, lines, encoding="utf-8-sig")


def cut_short(path: Path, world: World, rows: Iterable[Delivery], *, kept: float = 0.6) -> int:
    """Write an archive of an old schema that breaks off, as a copy does when the disk fills.

    Args:
        path: The ``.gz`` file.
        world: The tenant.
        rows: What the log received.
        kept: Which part of the records can still be read.

    Returns:
        How many records can still be read. The broken one after them is lost, and so is the rest.
    """
    lines = [_old_line(world, row) for row in rows]
    whole = int(len(lines) * kept)
    packer = zlib.compressobj(wbits=31)
    # A full flush ends a block, so what is before the cut can be read by anybody, and nothing after it.
    readable = packer.compress(b"".join(lines[:whole])) + packer.flush(zlib.Z_FULL_FLUSH)
    rest = packer.compress(b"".join(lines[whole:])) + packer.flush()
    _write(path, readable + rest[:9])
    return whole


def _old_line(world: World, row: Delivery) -> bytes:
    record = diagnostic_record(world, row)
    record["properties"] = {key: value for key, value in record["properties"].items() if key not in _SINCE_2021}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\r\n"


def _between(rows: Iterable[Delivery], today: date, first: int, last: int) -> list[Delivery]:
    """Return the rows of the days from *first* to *last* days ago, both included, by event time."""
    start = datetime.combine(today - timedelta(days=first), time(), UTC)
    end = datetime.combine(today - timedelta(days=last - 1), time(), UTC)
    return [row for row in rows if start <= row.event.at < end]


def _portal_row(world: World, row: Delivery, requirement: bool) -> list[tuple[str, str]]:
    event = row.event
    record = as_graph(world, event, early=row.early)
    place = record["location"]
    filled = {
        "Date (UTC)": event.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "Request ID": event.id,
        "User agent": event.agent,
        "Correlation ID": event.correlation_id,
        "User ID": event.user_id,
        "User": event.name,
        "Username": record["userPrincipalName"],
        "User type": record["userType"].capitalize(),
        "Cross tenant access type": record["crossTenantAccessType"],
        "Incoming token type": record["incomingTokenType"],
        "Authentication Protocol": event.protocol,
        "Application": event.app.name,
        "Application ID ": event.app.app_id,
        "Resource": event.resource.name,
        "Resource ID ": event.resource.app_id,
        "Resource tenant ID": world.tenant_id,
        "Home tenant ID": record["homeTenantId"],
        "IP address": event.ip,
        "Location": f"{place['city']}, {place['state']}, {place['countryOrRegion']}",
        "Status": _portal_status(event.code),
        "Sign-in error code": event.code if event.code != "0" else "",
        "Failure reason": record["status"]["failureReason"],
        "Client app": event.client,
        "Browser": record["deviceDetail"]["browser"],
        "Operating System": record["deviceDetail"]["operatingSystem"],
        "Authentication requirement": event.requirement if requirement else "",
        "Sign-in identifier": event.user,
        "Autonomous system  number": str(event.network.asn),
        "Flagged for review": "No",
        "Token issuer type": "Microsoft Entra ID",
        "Latency": str(record["processingTimeInMilliseconds"]),
        "Conditional Access": {"notApplied": "Not Applied"}.get(
            record["conditionalAccessStatus"], record["conditionalAccessStatus"].capitalize()
        ),
    }
    return [(name, filled.get(name, "")) for name in PORTAL_HEADER]


def _portal_status(code: str) -> str:
    if code == "0":
        return "Success"
    return "Interrupted" if code in _INTERRUPTED else "Failure"


def _log_analytics_row(world: World, row: Delivery) -> dict[str, str]:
    event = row.event
    record = as_graph(world, event, early=row.early)
    placed = {
        "TenantId": world.id_of("workspace"),
        "TimeGenerated [UTC]": _american(row.written),
        "CreatedDateTime [UTC]": _american(event.at),
        "AADTenantId": world.tenant_id,
    }
    return {name: placed.get(name) or columns.text(event.table, name, record) for name in _EXPORTED}


def _american(at: datetime) -> str:
    half = "AM" if at.hour < 12 else "PM"
    clock = f"{at.hour % 12 or 12}:{at:%M:%S}.{at.microsecond // 1000:03}"
    return f"{at.month}/{at.day}/{at.year}, {clock} {half}"


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06d}0Z"


def _packed(data: bytes) -> bytes:
    # mtime=0: the same story gives the same bytes.
    return gzip.compress(data, compresslevel=1, mtime=0)


def _write_csv(path: Path, header: Sequence[str], lines: Iterable[Sequence[str]], *, encoding: str) -> None:
    held = io.StringIO(newline="")
    writer = csv.writer(held, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(lines)
    _write(path, held.getvalue().encode(encoding))


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
