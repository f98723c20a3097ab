"""The sign-in tables of Log Analytics: their columns, and what each takes from a Graph-beta ``signIn``."""

import csv
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, get_args

from .signins import Table

__all__ = ["CATEGORIES", "SOURCES", "TABLES", "columns", "constants", "source", "table_of", "text"]

TABLES: Final[tuple[Table, ...]] = get_args(Table)

CATEGORIES: Final[Mapping[Table, str]] = MappingProxyType(
    {
        "SigninLogs": "SignInLogs",
        "AADNonInteractiveUserSignInLogs": "NonInteractiveUserSignInLogs",
        "AADServicePrincipalSignInLogs": "ServicePrincipalSignInLogs",
    }
)
"""The diagnostic setting's category of each table."""

SOURCES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ConditionalAccessPolicies": ("appliedConditionalAccessPolicies",),
        "IPAddress": ("ipAddress",),
        "IPAddressFromResourceProvider": ("ipAddressFromResourceProvider",),
        "Location": ("location", "countryOrRegion"),
        "LocationDetails": ("location",),
        "ProcessingTimeInMs": ("processingTimeInMilliseconds",),
        "ResourceIdentity": ("resourceId",),
        "ResultDescription": ("status", "failureReason"),
        "ResultType": ("status", "errorCode"),
        "RiskEventTypes_V2": ("riskEventTypes_v2",),
    }
)
"""Where a column's value stands in a ``signIn``, for columns whose name does not say it."""

_APP_KINDS: Final = frozenset({"servicePrincipal", "managedIdentity"})


@cache
def columns(table: Table) -> Mapping[str, str]:
    """Return the columns of *table* with their Kusto types, as published."""
    text = (resources.files("facts") / "tables" / f"{table}.csv").read_text(encoding="utf-8")
    return MappingProxyType({row["name"]: row["type"] for row in csv.DictReader(text.splitlines())})


def source(table: Table, column: str) -> tuple[str, ...]:
    """Return the path of keys to a column's value in a ``signIn``."""
    if column == "Identity":
        return ("servicePrincipalName",) if table == "AADServicePrincipalSignInLogs" else ("userDisplayName",)
    return SOURCES.get(column) or (column[:1].lower() + column[1:],)


@cache
def constants(table: Table) -> Mapping[str, Any]:
    """Return the columns that say the same in every row of *table*."""
    return MappingProxyType(
        {
            "Category": CATEGORIES[table],
            "DurationMs": 0,
            "Level": "4",
            "OperationName": "Sign-in activity",
            "OperationVersion": "1.0",
            "Resource": "Microsoft.aadiam",
            "ResourceGroup": "Microsoft.aadiam",
            "ResultSignature": "None",
            "SourceSystem": "Azure AD",
            "Type": table,
            "_IsBillable": "True",
        }
    )


def text(table: Table, column: str, row: Mapping[str, Any]) -> str:
    """Return a column's value as exported text, for a ``signIn``; '' where it has none."""
    value: Any = constants(table).get(column)
    if value is None:
        value = row
        for key in source(table, column):
            value = value.get(key) if isinstance(value, Mapping) else None
    if column == "UserType":
        # Graph writes the type small, Log Analytics does not.
        return str(value or "").capitalize()
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return "" if value is None else str(value)


def table_of(row: Mapping[str, Any]) -> Table:
    """Return the table that a ``signIn`` lands in."""
    kinds: Sequence[Any] = row.get("signInEventTypes") or ()
    if _APP_KINDS.intersection(kinds):
        return "AADServicePrincipalSignInLogs"
    return "AADNonInteractiveUserSignInLogs" if "nonInteractiveUser" in kinds else "SigninLogs"
