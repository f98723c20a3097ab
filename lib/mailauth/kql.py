"""KQL texts: the files of ``queries/``, with a window, values and a workspace's own schema put in.

A file is a whole query that can be pasted as it stands; its ``let _name = …;`` lines hold
examples. `query` puts typed literals in their place, supplies the columns that an older
workspace lacks, and leaves out the tables that are not there. Nothing else of a text changes,
and no value enters it in any other way.
"""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from urllib.parse import quote

from . import reference
from .clouds import Cloud
from .coverage import Window
from .engines import Schema

__all__ = ["LATE", "TABLES", "Value", "literal", "names", "portal_link", "query", "source"]

Value = str | bool | int | datetime | timedelta | list[str] | tuple[str, ...]

TABLES = ("SigninLogs", "AADNonInteractiveUserSignInLogs", "AADServicePrincipalSignInLogs")
"""The tables that the queries read."""

LATE = timedelta(days=2)
"""How long after the event a record is waited for; minutes are usual, an hour is common."""

# Clocks differ a little; a record from before its event is still looked at.
_EARLY = timedelta(hours=1)

# What stands in for a column that a workspace lacks, where an empty value would lose rows.
_INSTEAD = {"CreatedDateTime": "TimeGenerated", "UserId": "tolower(UserPrincipalName)"}
_EMPTY = {
    "string": '""',
    "bool": "bool(null)",
    "datetime": "datetime(null)",
    "int": "int(null)",
    "long": "long(null)",
    "dynamic": "dynamic(null)",
}

_PARAMETER = re.compile(r"^let _(?P<name>\w+) = (?P<literal>[^;]+);", re.MULTILINE)
_TABLE = re.compile(rf"^(?P<indent> +)\((?P<table>{'|'.join(TABLES)})$", re.MULTILINE)
_COMMENT = re.compile(r"//.*$", re.MULTILINE)


def names() -> tuple[str, ...]:
    """Return the names of the queries."""
    folder = resources.files(__package__) / "queries"
    return tuple(sorted(file.name.removesuffix(".kql") for file in folder.iterdir() if file.name.endswith(".kql")))


@cache
def source(name: str) -> str:
    """Return a query's file as it ships.

    Raises:
        LookupError: There is no such query.
    """
    try:
        return (resources.files(__package__) / "queries" / f"{name}.kql").read_text(encoding="utf-8")
    except OSError:
        raise LookupError(f"no query {name!r}; there are {', '.join(names())}") from None


def literal(value: Value) -> str:
    """Return *value* as a KQL literal of its own type; a list of texts is a ``dynamic`` list.

    Raises:
        ValueError: A text holds a control character, or a time has no zone.
        TypeError: There is no literal for the type.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return _quoted(value)
        case datetime():
            return f"datetime({_moment(value)})"
        case timedelta():
            minutes, seconds = divmod(value.seconds, 60)
            return f"timespan({value.days}.{minutes // 60:02}:{minutes % 60:02}:{seconds:02})"
        case list() | tuple():
            return f"dynamic([{', '.join(map(_quoted, value))}])"
    raise TypeError(f"no KQL literal for {type(value).__name__}")


def query(name: str, *, window: Window, schema: Schema | None = None, **values: Value) -> str:
    """Return the text of a query, whole: it can be run, shown, or pasted in the portal.

    Args:
        name: One of `names`.
        window: The event times asked for.
        schema: What the engine has; None for the tables as published.
        values: The file's parameters, without their underscore; what is not given keeps the example of the file.

    Raises:
        LookupError: There is no such query.
        ValueError: The query has no such parameter, or a value has no literal.
    """
    text = source(name)
    given: dict[str, Value] = {
        "start": window.start,
        "end": window.end,
        "recorded_from": window.start - _EARLY,
        "recorded_to": window.end + LATE,
        **values,
    }
    return _fitted(_filled(name, text, given), schema)


def portal_link(cloud: Cloud, text: str, *, tenant_id: str, workspace: str = "") -> str:
    """Return a link to the Azure portal, or nothing where the cloud has none.

    Args:
        cloud: Whose portal.
        text: The query.
        tenant_id: The Entra tenant to sign in to.
        workspace: The workspace's resource id (``/subscriptions/…``). With it the link opens the query; without it,
            for example where only the workspace's GUID is known, the list of workspaces, and the text is pasted.
    """
    if not cloud.portal:
        return ""
    root = f"{cloud.portal.rstrip('/')}/#@{quote(tenant_id, safe='')}/blade"
    if not workspace:
        return f"{root}/HubsExtension/BrowseResource/resourceType/Microsoft.OperationalInsights%2Fworkspaces"
    packed = base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode("ascii")
    return (
        f"{root}/Microsoft_Azure_Monitoring_Logs/LogsBlade/resourceId/{quote(workspace, safe='')}"
        f"/source/LogsBlade.AnalyticsShareLinkToQuery/q/{quote(packed, safe='')}"
    )


def _filled(name: str, text: str, values: Mapping[str, Value]) -> str:
    known = {found["name"] for found in _PARAMETER.finditer(text)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"query {name} has no parameter {unknown[0]!r}; there are {', '.join(sorted(known))}")

    def line(found: re.Match[str]) -> str:
        wanted = found["name"]
        return f"let _{wanted} = {literal(values[wanted]) if wanted in values else found['literal']};"

    return _PARAMETER.sub(line, text)


def _fitted(text: str, schema: Schema | None) -> str:
    """Return *text* for an engine with *schema*: missing columns supplied, missing tables empty."""
    if schema is None:
        return text
    words = set(re.findall(r"\w+", _COMMENT.sub("", text)))

    def reading(found: re.Match[str]) -> str:
        table, indent = found["table"], found["indent"]
        wanted = {column: kind for column, kind in reference.columns(table).items() if column in words}
        if table not in schema:
            columns = ", ".join(f"{column}: {kind}" for column, kind in wanted.items())
            return f"{indent}(datatable({columns})[]  // no table {table} here"
        missing = [column for column in wanted if column not in schema[table]]
        if not missing:
            return found[0]
        supplied = ", ".join(f"{column} = {_INSTEAD.get(column) or _EMPTY[wanted[column]]}" for column in missing)
        return f"{found[0]}\n{indent}| extend {supplied}  // not in this table here"

    return _TABLE.sub(reading, text)


def _quoted(text: str) -> str:
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in text):
        raise ValueError(f"text of {len(text)} characters holds a control character and cannot enter a query")
    # Beside control characters JSON escapes what KQL escapes, the quote and the backslash.
    return json.dumps(text, ensure_ascii=False)


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValueError(f"time without a zone: {value.isoformat()}")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
