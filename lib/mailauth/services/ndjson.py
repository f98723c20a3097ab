"""What DuckDB is told to read from JSON Lines: the fields we use, and how each becomes a column.

One statement reads many files. Small ones cost it more to open than to read, so they are put
together in one file first, each line with the number of the file that it came from.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from . import records, segments
from .exports import Export, Source

__all__ = ["DOUBTFUL", "ELSEWHERE", "ODD", "Input", "columns_sql", "direct", "fields_sql", "quoted", "spooled"]

ODD: Final = -1
"""In place of a table: a line that has to be read with care."""

ELSEWHERE: Final = -2
"""In place of a table: a record that is no sign-in of a user or an app."""

DOUBTFUL: Final = 90
"""Added to a table where a record of it has to be read with care."""

_TABLES: Final = tuple(segments.TABLES)
_OBJECT_LIMIT: Final = 1 << 24
_UNPACKED_LIMIT: Final = 1 << 26
_FILE: Final = "mailauth_file"
_BINARY: Final = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Input:
    """JSON Lines that one statement reads.

    Args:
        exports: The files, all of one shape.
        numbers: What they are called in a segment, in the same order.
        source: What stands after FROM.
        number: The expression that gives a row's number.
        pieces: The lines again, in the order of the rows: for each file its place among `exports`
            and its lines without the blank ones.
    """

    exports: Sequence[Export]
    numbers: Sequence[int]
    source: str
    number: str
    pieces: Callable[[], Iterator[tuple[int, Iterable[bytes]]]]

    @property
    def select(self) -> str:
        """The statement that gives segment rows."""
        columns = ", ".join(f'{sql} AS "{name}"' for name, sql in _expressions(self._enveloped).items())
        return f"FROM {self.source} SELECT {columns}, {self._table} AS _table, {self.number}::INTEGER AS _file"

    @property
    def odd(self) -> str:
        """The statement that gives the place of each row, and whether it has to be read with care."""
        inner = f"FROM {self.source} SELECT row_number() OVER () AS place, {self._table} AS kind"
        return f"FROM ({inner}) SELECT place, count(*) OVER () QUALIFY kind = {ODD} OR kind >= {DOUBTFUL}"

    @property
    def _enveloped(self) -> bool:
        return self.exports[0].shape == "diagnostic"

    @property
    def _table(self) -> str:
        # A line that got no number does not begin like a record.
        return f"CASE WHEN {self.number} IS NULL THEN {ODD} ELSE {_table_sql(self._enveloped)} END::TINYINT"


def direct(exports: Sequence[Export], numbers: Sequence[int]) -> Input:
    """Return *exports* as the engine opens them itself, all packed or none."""
    files = ", ".join(quoted(str(export.path)) for export in exports)
    packed = "gzip" if exports[0].packed else "none"
    source = _read_sql(f"[{files}]", columns_sql(exports[0].shape or ""), f"filename = true, compression = '{packed}'")
    number = f"({list(numbers)})[list_position([{files}], filename)]"

    def pieces() -> Iterator[tuple[int, Iterable[bytes]]]:
        yield from ((place, Source(one.path, one.packed).lines()) for place, one in enumerate(exports))

    return Input(exports, numbers, source, number, pieces)


def spooled(exports: Sequence[Export], numbers: Sequence[int], spool: Path) -> tuple[Input | None, list[Export]]:
    """Put *exports* together in *spool*; return the file, and those that could not be read whole.

    Args:
        exports: Small files of one shape.
        numbers: What they are called in a segment.
        spool: A file to write; removing it is the caller's.
    """
    whole: list[tuple[Export, int, int]] = []
    left: list[Export] = []
    with os.fdopen(os.open(spool, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600), "wb") as target:
        for export, number in zip(exports, numbers, strict=True):
            content = _content(export)
            if content is None:
                left.append(export)
                continue
            begin = target.tell()
            target.write(_numbered(content, number))
            whole.append((export, number, begin))
        end = target.tell()
    if not whole:
        return None, left
    begins = [begin for _, _, begin in whole]

    def pieces() -> Iterator[tuple[int, Iterable[bytes]]]:
        with spool.open("rb") as file:
            for place, (begin, stop) in enumerate(zip(begins, [*begins[1:], end], strict=True)):
                file.seek(begin)
                yield place, (line for line in file.read(stop - begin).split(b"\n") if line.strip())

    columns = columns_sql(exports[0].shape or "", **{_FILE: "INTEGER"})
    source = _read_sql(f"[{quoted(str(spool))}]", columns, "compression = 'none'")
    return Input([one for one, _, _ in whole], [number for _, number, _ in whole], source, _FILE, pieces), left


def _content(export: Export) -> bytes | None:
    source = Source(export.path, export.packed)
    parts: list[bytes] = []
    held = 0
    for chunk in source:
        parts.append(chunk)
        held += len(chunk)
        if held > _UNPACKED_LIMIT:
            return None
    return None if source.trouble else b"".join(parts)


def _numbered(content: bytes, number: int) -> bytes:
    tag = b'{"%s":%d,' % (_FILE.encode(), number)
    text = b"\n" + content.removeprefix(b"\xef\xbb\xbf")
    return text.replace(b"\n{", b"\n" + tag) + b"\n"


def _read_sql(files: str, columns: str, more: str) -> str:
    # Folders of an archive look like m=07/…/m=00, which would become a column, twice.
    return (
        f"read_ndjson({files}, columns = {columns}, ignore_errors = true, hive_partitioning = false, "
        f"maximum_object_size = {_OBJECT_LIMIT}, {more})"
    )


def quoted(text: str) -> str:
    """Return *text* as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


# --- the statement's parts ---------------------------------------------------------------------------

_GRAPH: Final[Mapping[str, str]] = {
    "Id": "id", "CorrelationId": "correlationId", "UserId": "userId", "UserPrincipalName": "userPrincipalName",
    "UserDisplayName": "userDisplayName", "UserType": "userType", "CrossTenantAccessType": "crossTenantAccessType",
    "HomeTenantId": "homeTenantId", "ResourceTenantId": "resourceTenantId", "AppId": "appId",
    "AppDisplayName": "appDisplayName", "ResourceDisplayName": "resourceDisplayName", "ResourceIdentity": "resourceId",
    "ClientAppUsed": "clientAppUsed", "AuthenticationProtocol": "authenticationProtocol",
    "IncomingTokenType": "incomingTokenType", "AuthenticationRequirement": "authenticationRequirement",
    "AuthenticationDetails": "authenticationDetails",
    "AuthenticationProcessingDetails": "authenticationProcessingDetails",
    "ConditionalAccessStatus": "conditionalAccessStatus",
    "ConditionalAccessPolicies": "appliedConditionalAccessPolicies", "RiskLevelDuringSignIn": "riskLevelDuringSignIn",
    "IPAddress": "ipAddress", "AutonomousSystemNumber": "autonomousSystemNumber", "UserAgent": "userAgent",
    "ServicePrincipalId": "servicePrincipalId", "ServicePrincipalName": "servicePrincipalName",
}  # fmt: skip
_PLAIN: Final = (*_GRAPH.values(), "createdDateTime", "isInteractive")
_NESTED: Final[Mapping[str, str]] = {
    "status": "STRUCT(errorCode VARCHAR, failureReason VARCHAR)",
    "location": "STRUCT(countryOrRegion VARCHAR)",
}
_ENVELOPE: Final = (
    "time", "category", "tenantId", "resultType", "resultDescription", "correlationId", "callerIpAddress", "location",
)  # fmt: skip
# Where somebody outside may have put a zero byte; replacing it in every column would cost a sixth of the time.
_CHOSEN_OUTSIDE: Final = frozenset(
    {"UserAgent", "UserPrincipalName", "UserDisplayName", "AppDisplayName", "ClientAppUsed", "ServicePrincipalName"}
)


def columns_sql(shape: str, **more: str) -> str:
    """Return the ``columns=`` argument under which DuckDB reads the fields we use and skips the rest."""
    fields = {**dict.fromkeys(_PLAIN, "VARCHAR"), **_NESTED}
    if shape == "graph":
        return _struct({**fields, "signInEventTypes": "VARCHAR", **more})
    inner = ", ".join(f'"{name}" {kind}' for name, kind in fields.items())
    return _struct({**dict.fromkeys(_ENVELOPE, "VARCHAR"), "properties": f"STRUCT({inner})", **more})


def fields_sql(shape: str) -> str:
    """Return the fields themselves, as they are; `bench` copies them for comparison."""
    inner = "" if shape == "graph" else "properties."
    nested = [f"{inner}status.errorCode", f"{inner}status.failureReason", f"{inner}location.countryOrRegion"]
    outer = [] if shape == "graph" else [f"{name} AS outer_{name}" for name in _ENVELOPE]
    return ", ".join([*(f'{inner}"{name}"' for name in _PLAIN), *nested, *outer])


def _struct(fields: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in fields.items()) + "}"


def _expressions(enveloped: bool) -> dict[str, str]:
    inner = "properties." if enveloped else ""
    created = f"try_cast({inner}createdDateTime AS TIMESTAMPTZ)"
    told = {name: f'{inner}"{field}"' for name, field in _GRAPH.items()}
    told["ResultDescription"] = f"{inner}status.failureReason"
    told["Location"] = f"{inner}location.countryOrRegion"
    result = f"coalesce({inner}status.errorCode, '')"
    tenant, generated = "''", created
    if enveloped:
        told["ResultDescription"] = f"coalesce(nullif(resultDescription, ''), {told['ResultDescription']})"
        told["Location"] = f"coalesce({told['Location']}, location)"
        told["CorrelationId"] = f"coalesce({told['CorrelationId']}, correlationId)"
        told["IPAddress"] = f"coalesce(nullif({told['IPAddress']}, ''), callerIpAddress)"
        # A forwarder puts a word there; the number then stands in the status.
        result = (
            "CASE WHEN try_cast(resultType AS BIGINT) IS NOT NULL THEN resultType ELSE coalesce("
            f"{inner}status.errorCode, CASE WHEN lower(resultType) = 'success' THEN '0' ELSE resultType END, '') END"
        )
        tenant = "lower(coalesce(tenantId, ''))"
        generated = f"coalesce(try_cast(time AS TIMESTAMPTZ), {created})"
    texts = {name: _text_sql(name, sql) for name, sql in told.items()}
    texts["ConditionalAccessPolicies"] = _policies_sql(told["ConditionalAccessPolicies"], told["ClientAppUsed"])
    fixed = {
        "TimeGenerated": generated,
        "CreatedDateTime": created,
        "AADTenantId": tenant,
        "ResultType": result,
        "IsInteractive": f"coalesce({inner}isInteractive = 'true', {_table_sql(enveloped)} = 0)",
    }
    return {name: (fixed | texts)[name] for name in (*segments.SIGNIN_COLUMNS, *segments.APP_COLUMNS)}


def _text_sql(name: str, sql: str) -> str:
    limit = segments.DETAILS_LIMIT if name.startswith("Authentication") and name.endswith("Details") else 0
    if limit:
        return f"coalesce({sql}, '')"  # a longer one is odd and shortened with care
    limit = segments.TEXT_LIMIT
    cut = f"CASE WHEN strlen({sql}) > {limit} THEN left({sql}, {limit}) ELSE coalesce({sql}, '') END"
    return f"replace({cut}, chr(0), chr(65533))" if name in _CHOSEN_OUTSIDE else cut


def _policies_sql(sql: str, client: str) -> str:
    """Return the expression that says what `segments.policies_text` does."""
    fields = segments.POLICY_FIELDS
    shape = ", ".join(f'"{name}":"VARCHAR"' for name in fields)
    cut = ", ".join(f"'{name}': left(coalesce(x.\"{name}\", ''), {limit})" for name, limit in fields.items())
    spoken = f"list_filter(from_json({sql}, '[{{{shape}}}]'), lambda x: starts_with(x.result, '{segments.REPORTED}'))"
    kept = f"to_json(list_transform({spoken}[1:{segments.POLICIES_LIMIT}], lambda x: {{{cut}}}))::VARCHAR"
    modern = ", ".join(map(quoted, segments.MODERN))
    return (
        f"CASE WHEN coalesce({sql}, '') = '' OR lower(trim(coalesce({client}, ''))) IN ({modern}) THEN '' "
        f"WHEN contains({sql}, '{segments.REPORTED}') THEN "
        f"replace(coalesce(try({kept}), ''), '\\u0000', chr(65533)) "
        f"WHEN starts_with({sql}, '[') THEN '[]' ELSE '' END"
    )


def _table_sql(enveloped: bool) -> str:
    inner = "properties." if enveloped else ""
    odd = (
        f"try_cast({inner}createdDateTime AS TIMESTAMPTZ) IS NULL OR coalesce({inner}id, '') = ''"
        f" OR strlen({inner}authenticationDetails) > {segments.DETAILS_LIMIT}"
        f" OR strlen({inner}authenticationProcessingDetails) > {segments.DETAILS_LIMIT}"
    )
    if not enveloped:
        return (
            f"(CASE WHEN {odd} THEN {ODD} WHEN contains(signInEventTypes, 'managedIdentity') THEN {ELSEWHERE} "
            "WHEN contains(signInEventTypes, 'servicePrincipal') OR (coalesce(servicePrincipalId, '') <> '' AND "
            "coalesce(userId, '') = '') THEN 2 WHEN contains(signInEventTypes, 'nonInteractiveUser') OR "
            "(coalesce(signInEventTypes, '[]') = '[]' AND isInteractive = 'false') THEN 1 ELSE 0 END)::TINYINT"
        )
    known = " ".join(f"WHEN '{category}' THEN {_TABLES.index(table)}" for category, table in records.CATEGORIES.items())
    signins = ", ".join(f"'{category}'" for category in records.CATEGORIES)
    return (
        f"(CASE WHEN category IS NULL OR tenantId IS NULL THEN {ODD} ELSE CASE lower(category) {known} "
        f"ELSE {ELSEWHERE} END "
        f"+ CASE WHEN lower(category) IN ({signins}) AND ({odd}) THEN {DOUBTFUL} ELSE 0 END END)::TINYINT"
    )
