"""What a ``$filter`` means: whether a record fits, which properties it speaks of, what part of it can be told apart."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from .filters import Comparison, Junction, Node, Quantifier, Value, instant

__all__ = ["Use", "bounds", "fits", "literals", "named", "uses", "without"]

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Use:
    """How a filter uses a property: its path from the record, and the operator."""

    path: tuple[str, ...]
    operator: str


def uses(node: Node, base: tuple[str, ...] = (), variable: str = "") -> Iterator[Use]:
    """Yield every property that a filter speaks of, with the operator; a collection's is ``any`` or ``all``."""
    match node:
        case Comparison(path, operator, _):
            inner = path[1:] if variable and path[0] == variable else path
            if not variable or inner:
                yield Use((*base, *inner) if variable else path, operator)
        case Junction(_, parts):
            for part in parts:
                yield from uses(part, base, variable)
        case Quantifier(path, word, inner_variable, condition):
            whole = (*base, *path[1:]) if variable and path[0] == variable else path
            yield Use(whole, word)
            if condition is not None:
                yield from uses(condition, whole, inner_variable)


def fits(node: Node, record: Record) -> bool:
    """Whether *record* fits the filter."""
    return _fits(node, record, {})


def bounds(node: Node | None, name: str) -> tuple[datetime | None, datetime | None]:
    """Return between which times *name* must be for a record to fit, where the filter says so outright."""
    since: list[datetime] = []
    until: list[datetime] = []
    parts = node.parts if isinstance(node, Junction) and node.word == "and" else (node,)
    for part in parts:
        if isinstance(part, Junction) and part.word == "and":
            inner = bounds(part, name)
            since += [one for one in inner[:1] if one]
            until += [one for one in inner[1:] if one]
        elif isinstance(part, Comparison) and part.path == (name,) and isinstance(part.values[0], datetime):
            since += [part.values[0]] if part.operator in ("eq", "ge", "gt") else []
            until += [part.values[0]] if part.operator in ("eq", "le", "lt") else []
    return max(since, default=None), min(until, default=None)


def named(node: Node | None, name: str) -> set[str] | None:
    """Return the texts of which *name* must be one for a record to fit; None where the filter does not say so."""
    match node:
        case Comparison((only,), "eq" | "in", values) if only == name:
            texts = {one for one in values if isinstance(one, str)}
            return texts if len(texts) == len(values) else None
        case Junction("or", parts):
            sets = [named(part, name) for part in parts]
            return None if None in sets else set().union(*(one for one in sets if one is not None))
        case Junction("and", parts):
            return next((found for part in parts if (found := named(part, name)) is not None), None)
    return None


def literals(node: Node | None, name: str) -> set[tuple[str, Value]]:
    """Return what the items of the collection *name* are compared with: operators and values."""
    match node:
        case Junction(_, parts):
            return {found for part in parts for found in literals(part, name)}
        case Quantifier((first,), _, variable, condition) if first == name:
            return _compared(condition, variable)
        case Quantifier(_, _, _, condition):
            return literals(condition, name)
    return set()


def _compared(node: Node | None, variable: str) -> set[tuple[str, Value]]:
    match node:
        case Junction(word, parts):
            found = {one for part in parts for one in _compared(part, variable)}
            return (
                {("ne" if operator == "eq" else "eq", value) for operator, value in found} if word == "not" else found
            )
        case Comparison((only,), operator, values) if only == variable:
            return {(operator, value) for value in values}
    return set()


def without(node: Node, dropped: Callable[[Use], bool]) -> Node | None:
    """Return the filter as a service applies it that pays no heed to some of its parts; None where nothing is left."""
    if isinstance(node, Junction):
        parts = [kept for part in node.parts if (kept := without(part, dropped)) is not None]
        return Junction(node.word, tuple(parts)) if parts else None
    return None if any(dropped(use) for use in uses(node)) else node


def _fits(node: Node, record: Record, bound: Mapping[str, Any]) -> bool:
    match node:
        case Comparison(path, operator, values):
            return _compare(_value(path, record, bound), operator, values)
        case Junction("and", parts):
            return all(_fits(part, record, bound) for part in parts)
        case Junction("or", parts):
            return any(_fits(part, record, bound) for part in parts)
        case Junction(_, parts):
            return not _fits(parts[0], record, bound)
        case Quantifier(path, _, _, condition):
            items = _value(path, record, bound)
            return _over(node, items, record, bound) if condition else bool(items)


def _over(node: Quantifier, items: object, record: Record, bound: Mapping[str, Any]) -> bool:
    assert node.condition is not None
    condition = node.condition
    found = (
        _fits(condition, record, {**bound, node.variable: item}) for item in (items if isinstance(items, list) else [])
    )
    return any(found) if node.word == "any" else all(found)


def _value(path: tuple[str, ...], record: Record, bound: Mapping[str, Any]) -> Any:
    value: Any = bound[path[0]] if path[0] in bound else record.get(path[0])
    for name in path[1:]:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _compare(found: Any, operator: str, wanted: tuple[Value, ...]) -> bool:
    if operator in ("eq", "in", "ne"):
        equal = any(_same(found, one) for one in wanted)
        return not equal if operator == "ne" else equal
    if operator in ("startsWith", "endsWith", "contains"):
        return _within(found, operator, wanted[0])
    one, other = _pair(found, wanted[0])
    if one is None or other is None:
        return False
    try:
        return bool(_ORDER[operator](one, other))
    except TypeError:
        return False


_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
}


def _same(found: Any, wanted: Value) -> bool:
    one, other = _pair(found, wanted)
    if isinstance(one, str) and isinstance(other, str):
        # The directory compares text without regard to case.
        return one.casefold() == other.casefold()
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other)


def _within(found: Any, operator: str, wanted: Value) -> bool:
    if not isinstance(found, str) or not isinstance(wanted, str):
        return False
    text, part = found.casefold(), wanted.casefold()
    if operator == "startsWith":
        return text.startswith(part)
    return text.endswith(part) if operator == "endsWith" else part in text


def _pair(found: Any, wanted: Value) -> tuple[Any, Any]:
    if isinstance(wanted, datetime):
        return instant(found) if isinstance(found, str) else found, wanted
    return found, wanted
