"""OData's query options over records: ``$filter``, ``$select``, ``$orderby``, ``$top``, ``$count``, and pages.

``$search`` and the rules of advanced queries (``ConsistencyLevel``) are left out: what the real directory gives
only with that header is given here without it.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from . import errors, filters, matching
from .calls import Answer, Call

__all__ = ["Kind", "check", "condition", "count", "listed", "next_link", "selected", "shown", "single", "top"]

Record = Mapping[str, Any]

_LARGEST: Final = 999
_PAGE: Final = 100
_KNOWN: Final = frozenset(
    ["$filter", "$select", "$orderby", "$top", "$skip", "$count", "$expand", "$search", "$skiptoken", "$format"]
)
_PLAIN: Final = "/$()',="
_PROPERTY: Final = re.compile(r"[A-Za-z][\w.]*")
_CLAUSE: Final = re.compile(r"\(.*\)", re.DOTALL)


@dataclass(frozen=True)
class Kind:
    """A type of Graph, as far as queries need to know it.

    Args:
        name: As ``microsoft.graph.<name>`` has it.
        collection: As ``@odata.context`` names it.
        properties: All of its properties.
        hidden: Those that are shown only when ``$select`` names them.
        related: What ``$expand`` can add, by name: from the record to the objects.
    """

    name: str
    collection: str
    properties: frozenset[str]
    hidden: frozenset[str] = frozenset()
    related: Mapping[str, Callable[[Record], Any]] | None = None


def check(call: Call) -> None:
    """Refuse options that OData does not have, and those that the directory does not take.

    Raises:
        Refusal: There is one.
    """
    for name in call.options:
        if name.startswith("$") and name not in _KNOWN:
            raise errors.bad(f"Query option '{name[:100]}' was specified but is not supported.", "BadRequest")
    if "$skip" in call.options:
        raise errors.bad("'$skip' is not supported by the service.")
    if "$search" in call.options:
        raise errors.bad("$search is not supported by the practice cloud.", "Request_UnsupportedQuery")


def listed(call: Call, kind: Kind, records: Iterable[Record]) -> Answer:
    """Return a page of *records* as the query wants them.

    Raises:
        Refusal: The query is none, or names properties that the type does not have.
    """
    check(call)
    found = _ordered(call, kind, _filtered(call, kind, records))
    first, size = _token(call), min(top(call, _LARGEST, _PAGE), call.backend.graph.page)
    page: dict[str, Any] = {"@odata.context": call.context(_described(call, kind))}
    if call.options.get("$count") == "true":
        page["@odata.count"] = len(found)
    if first + size < len(found):
        page["@odata.nextLink"] = next_link(call, f"at-{first + size}")
    page["value"] = [shown(call, kind, one) for one in found[first : first + size]]
    return Answer(page)


def single(call: Call, kind: Kind, record: Record, status: int = 200) -> Answer:
    """Return one object as the query wants it.

    Raises:
        Refusal: The query names properties that the type does not have.
    """
    check(call)
    context = call.context(f"{_described(call, kind)}/$entity")
    return Answer({"@odata.context": context, **shown(call, kind, record)}, status)


def count(call: Call, kind: Kind, records: Iterable[Record]) -> Answer:
    """Return how many records the query finds, as text.

    Raises:
        Refusal: The query is none, or lacks the header that the directory wants for counting.
    """
    check(call)
    if not call.eventual:
        raise errors.bad("$count is not currently supported.")
    return Answer(str(len(_filtered(call, kind, records))))


def top(call: Call, most: int, usual: int) -> int:
    """Return the size of a page.

    Raises:
        Refusal: It is no number, or too large.
    """
    text = call.options.get("$top", "")
    if not text:
        return usual
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise errors.bad(f"Invalid value '{text[:50]}' for $top query option found.", "BadRequest")
    if int(text) > most:
        raise errors.bad(f"The limit of '{most}' for Top query has been exceeded.", "BadRequest")
    return int(text)


def next_link(call: Call, token: str) -> str:
    """Return the address of the next page."""
    kept = {name: value for name, value in call.options.items() if name != "$skiptoken"}
    said = "&".join(f"{name}={quote(value, safe='')}" for name, value in {**kept, "$skiptoken": token}.items())
    return f"{call.root}/{quote(call.path, safe=_PLAIN)}?{said}"


def condition(call: Call, kind: Kind) -> filters.Node | None:
    """Return what the query filters by.

    Raises:
        Refusal: It is no filter, or names a property that the type does not have.
    """
    text = call.options.get("$filter", "").strip()
    if not text:
        return None
    try:
        node = filters.parse(text)
    except filters.FilterError as error:
        raise errors.bad(f"Invalid filter clause: {error}", "BadRequest") from None
    for use in matching.uses(node):
        if use.path[0] not in kind.properties:
            raise errors.bad(f"Invalid filter clause: {_no_property(use.path[0], kind)}", "BadRequest")
    return node


def _filtered(call: Call, kind: Kind, records: Iterable[Record]) -> list[Record]:
    node = condition(call, kind)
    return [one for one in records if node is None or matching.fits(node, one)]


def _ordered(call: Call, kind: Kind, records: list[Record]) -> list[Record]:
    for part in reversed([one for one in call.options.get("$orderby", "").split(",") if one.strip()]):
        name, _, direction = part.strip().partition(" ")
        if name not in kind.properties:
            raise errors.bad(f"Invalid orderby clause: {_no_property(name, kind)}", "BadRequest")
        if direction.strip() not in ("", "asc", "desc"):
            raise errors.bad(f"Syntax error in orderby clause '{part.strip()[:100]}'.", "BadRequest")
        records.sort(key=lambda one: str(one.get(name) or "").casefold(), reverse=direction.strip() == "desc")
    return records


def _token(call: Call) -> int:
    text = call.options.get("$skiptoken", "")
    if text and not re.fullmatch(r"at-[0-9]{1,9}", text):
        raise errors.bad("The specified page token value is invalid.", "Directory_InvalidPageToken")
    return int(text.removeprefix("at-") or 0)


def selected(call: Call, kind: Kind) -> Sequence[str]:
    """Return what ``$select`` names.

    Raises:
        Refusal: The type does not have it.
    """
    names = [one.strip() for one in call.options.get("$select", "").split(",") if one.strip()]
    for name in names:
        if name != "*" and name not in kind.properties:
            raise errors.bad(f"Parsing OData Select and Expand failed: {_no_property(name, kind)}", "BadRequest")
    return names


def _described(call: Call, kind: Kind) -> str:
    names = selected(call, kind)
    return f"{kind.collection}({','.join(names)})" if names else kind.collection


def shown(call: Call, kind: Kind, record: Record) -> dict[str, Any]:
    """Return what ``$select`` and ``$expand`` want of a record.

    Raises:
        Refusal: The type does not have it.
    """
    names = selected(call, kind)
    every = not names or "*" in names
    found = {
        name: value
        for name, value in record.items()
        if name in names or name == "@odata.type" or (every and name not in kind.hidden)
    }
    related = kind.related or {}
    for name in _expanded(call):
        if name not in related:
            raise errors.bad(f"Parsing OData Select and Expand failed: {_no_property(name, kind)}", "BadRequest")
        found[name] = related[name](record)
    return found


def _expanded(call: Call) -> list[str]:
    return [one.strip() for one in _CLAUSE.sub("", call.options.get("$expand", "")).split(",") if one.strip()]


def _no_property(name: str, kind: Kind) -> str:
    shown = name[:100] if _PROPERTY.fullmatch(name[:100]) else "?"
    return f"Could not find a property named '{shown}' on type 'microsoft.graph.{kind.name}'."
