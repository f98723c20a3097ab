"""CSV: what Log Analytics and the Entra portal export, in the encodings, dates and column names that they choose."""

import codecs
import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from . import records, segments
from .exports import Export, Source, header_names
from .records import Clock, Lost, Read, Row

__all__ = ["Steps", "joined", "read_csv", "steps"]

Steps = Mapping[str, str]
"""Request id to the authentication steps of a portal AuthDetails file, as JSON text."""

_FEW: Final = 100

_PORTAL: Final[Mapping[str, str]] = {
    "request id": "Id",
    "user agent": "UserAgent",
    "correlation id": "CorrelationId",
    "user id": "UserId",
    "user": "UserDisplayName",
    "username": "UserPrincipalName",
    "user type": "UserType",
    "cross tenant access type": "CrossTenantAccessType",
    "incoming token type": "IncomingTokenType",
    "authentication protocol": "AuthenticationProtocol",
    "application": "AppDisplayName",
    "application id": "AppId",
    "resource": "ResourceDisplayName",
    "resource id": "ResourceIdentity",
    "resource tenant id": "ResourceTenantId",
    "home tenant id": "HomeTenantId",
    "ip address": "IPAddress",
    "location": "Location",
    "sign-in error code": "ResultType",
    "failure reason": "ResultDescription",
    "client app": "ClientAppUsed",
    "authentication requirement": "AuthenticationRequirement",
    "autonomous system number": "AutonomousSystemNumber",
    "conditional access": "ConditionalAccessStatus",
    "service principal id": "ServicePrincipalId",
    "service principal name": "ServicePrincipalName",
}
# The portal prints words where the service writes names.
_WORDS: Final[Mapping[str, str]] = {
    name.lower(): name
    for name in (
        "none", "oAuth2", "ropc", "wsFederation", "saml20", "deviceCode", "authenticationTransfer", "nativeAuth",
        "primaryRefreshToken", "refreshToken", "saml11", "remoteDesktopToken", "singleFactorAuthentication",
        "multiFactorAuthentication", "success", "failure", "notApplied", "serviceProvider", "b2bCollaboration",
        "b2bDirectConnect", "microsoftSupport", "passthrough",
    )
}  # fmt: skip
_WORDED: Final = (
    "AuthenticationProtocol", "IncomingTokenType", "AuthenticationRequirement", "ConditionalAccessStatus",
    "CrossTenantAccessType",
)  # fmt: skip


def read_csv(export: Export, source: Source, steps_by_id: Steps) -> Iterator[Read]:
    """Yield the rows of a Log Analytics or portal CSV.

    Args:
        export: The file.
        source: Its bytes.
        steps_by_id: For portal files: the steps that belong to each request.
    """
    clock, doubt = _clock(export)
    for found in _rows(export, source):
        if isinstance(found, Lost):
            yield found
            continue
        try:
            log = export.shape == "csv"
            read = records.of_columns(found, clock) if log else _of_portal(found, clock, export, steps_by_id)
        except (ValueError, RecursionError) as error:
            read = Lost(str(error)[:200] or "nested too deeply")
        yield Row(read.table, read.columns, read.note or doubt) if isinstance(read, Row) and doubt else read


def steps(export: Export, source: Source) -> Iterator[tuple[str, dict[str, object]] | Lost]:
    """Yield request id and step of each row of a portal AuthDetails file, in the names that the service uses."""
    for found in _rows(export, source):
        if isinstance(found, Lost):
            yield found
            continue
        row = {" ".join(name.split()).lower(): value for name, value in reversed(found.items())}
        date = next((value for name, value in row.items() if name.startswith("date")), "")
        yield (
            row.get("request id", "").strip(),
            {
                "authenticationStepDateTime": date,
                "authenticationMethod": row.get("authentication method", ""),
                "authenticationMethodDetail": row.get("authentication method detail", ""),
                "succeeded": row.get("succeeded", "").strip().lower() in ("true", "yes", "1"),
                "authenticationStepResultDetail": row.get("result detail", ""),
                "authenticationStepRequirement": row.get("requirement", ""),
            },
        )


def _rows(export: Export, source: Source) -> Iterator[dict[str, str] | Lost]:
    # A field of 5 MB is somebody's joke and no reason to lose the file; the limit is one of the whole process.
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    lines = _text_lines(export, source)
    first = next(lines, "")
    if first.lower().startswith("sep="):
        first = next(lines, "")
    names, _ = header_names(first)
    names = [name.strip("\ufeff") for name in names]
    reader = csv.reader(lines, delimiter=export.delimiter, strict=True)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Lost("a row is broken")
            continue
        if len(row) == len(names):
            # Of two columns with one name the first counts.
            yield dict(zip(reversed(names), reversed(row), strict=True))
        elif any(row):
            yield Lost(f"a row has {len(row)} columns, the header {len(names)}")


def _text_lines(export: Export, source: Source) -> Iterator[str]:
    decode = codecs.getincrementaldecoder(export.encoding)("replace")
    pending = ""
    for chunk in source:
        *whole, pending = (pending + decode.decode(chunk)).split("\n")
        yield from (line + "\n" for line in whole)
    pending += decode.decode(b"", final=True)
    if pending:
        yield pending


def _of_portal(record: Mapping[str, str], clock: Clock, export: Export, steps_by_id: Steps) -> Read:
    row = {" ".join(name.split()).lower(): value for name, value in record.items()}
    date = next((value for name, value in row.items() if name.split(" (")[0] == "date"), "")
    created = clock(date)
    if created is None:
        return Lost("a row has no time")
    apps = export.shape == "portal apps"
    table = "AADServicePrincipalSignInLogs" if apps else _portal_table(export.path)
    told: dict[str, object] = dict.fromkeys(segments.TABLES[table], "")
    told |= {name: segments.text(row[column].strip()) for column, name in _PORTAL.items() if column in row}
    told |= {name: _word(told[name]) for name in _WORDED if name in told}
    told |= {"CreatedDateTime": created, "TimeGenerated": created}
    told["ResultType"] = _portal_result(str(told["ResultType"]), row.get("status", ""))
    if not apps:
        told["Location"] = str(told["Location"]).rsplit(",", 1)[-1].strip()
        told["AuthenticationDetails"] = segments.steps_text(steps_by_id.get(str(told["Id"])))
        told["IsInteractive"] = table == "SigninLogs"
    note = "" if apps or told["AuthenticationDetails"] else "no AuthDetails file tells how they signed in"
    return Row(table, records.named({name: told[name] for name in segments.TABLES[table]}), note)


def _portal_table(path: Path) -> str:
    # The two user files have one header and no column that tells them apart: only the portal's file name does.
    name = re.sub(r"[^a-z]", "", path.name.lower())
    return "AADNonInteractiveUserSignInLogs" if "noninteractive" in name else "SigninLogs"


def _portal_result(code: str, status: str) -> str:
    word = status.strip()
    if re.fullmatch(r"\d+", code) and not (int(code) == 0 and word.lower() in ("failure", "interrupted")):
        return code
    return "0" if word.lower() == "success" else word or code


def _word(value: object) -> str:
    return _WORDS.get(re.sub(r"[^a-z0-9]", "", str(value).lower()), str(value))


# --- times ---


@dataclass
class _Order:
    """What the dates of a file show about their order; 15/6 can only begin with the day."""

    first: int = 0
    second: int = 0
    marks: set[str] = field(default_factory=set)
    local: bool = False


def _clock(export: Export) -> tuple[Clock, str]:
    """Return how a CSV's times are read, and the doubt that remains."""
    seen = _Order()
    for number, row in enumerate(_rows(export, Source(export.path, export.packed))):
        if isinstance(row, dict):
            _look(row, seen)
        if max(seen.first, seen.second) > 12 or (number > _FEW and not seen.marks):
            break
    day_first = seen.first > 12 or (seen.second <= 12 and bool(seen.marks & {".", "/0"}) and "AP" not in seen.marks)
    doubt = ""
    if seen.local:
        doubt = "the times were exported in a local time zone and are taken as UTC"
    elif seen.first and seen.first <= 12 and seen.second <= 12 and "AP" not in seen.marks and "." not in seen.marks:
        doubt = f"day and month of the dates cannot be told apart; {'the day' if day_first else 'the month'} is first"
    return (lambda value: records.time_of(value, day_first=day_first)), doubt


def _look(row: Mapping[str, str], seen: _Order) -> None:
    for name, value in row.items():
        low = name.lower()
        if not (low.startswith(("createddatetime", "timegenerated")) or low.split(" (")[0].strip() == "date"):
            continue
        seen.local |= "local" in low or bool(re.search(r"[\[(](?!utc)[^\])]+[\])]", low))
        if met := records.SLASHED.match(value.strip()):
            seen.first, seen.second = max(seen.first, int(met[1])), max(seen.second, int(met[3]))
            seen.marks |= {"AP" if met[9] else "24", met[2], "/0" if met[1].startswith("0") else "/"}


def joined(found: Iterable[tuple[str, dict[str, object]]]) -> Steps:
    """Return the steps of each request as one list, by time."""
    by_id: dict[str, list[dict[str, object]]] = {}
    for request, step in found:
        if step not in by_id.setdefault(request, []):
            by_id[request].append(step)
    return {
        request: json.dumps(sorted(those, key=lambda step: str(step["authenticationStepDateTime"])))
        for request, those in by_id.items()
    }
