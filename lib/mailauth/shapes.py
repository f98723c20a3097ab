"""Trees of frozen dataclasses as JSON and back, and the schema of that JSON, all three read from the classes.

Each text says of which kind it is, where its class declares it: ``Annotated[str, "address"]``. The schema repeats the
kind as ``x-kind``, which is all that an edition for others needs to know about a field. Each list of objects says what
its order is made of, ``Annotated[tuple[Leaf, ...], Order(("-count",))]``, which the schema repeats as ``x-order``.
"""

import types
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from .phrases import KINDS, Phrase

__all__ = [
    "KEPT",
    "NAMES",
    "PHRASE",
    "Address",
    "AppName",
    "Device",
    "Domain",
    "Free",
    "Host",
    "Id",
    "Ip",
    "Order",
    "Person",
    "Product",
    "TenantName",
    "Thumbprint",
    "Word",
    "read",
    "record",
    "schema",
]

Address = Annotated[str, "address"]
"""A mail address, or a name that signs in."""
AppName = Annotated[str, "app"]
"""What a tenant calls an app."""
Device = Annotated[str, "device"]
Domain = Annotated[str, "domain"]
Free = Annotated[str, "free"]
"""Text that anybody may have written."""
Host = Annotated[str, "host"]
Id = Annotated[str, "id"]
Ip = Annotated[str, "ip"]
Person = Annotated[str, "person"]
Product = Annotated[str, "product"]
TenantName = Annotated[str, "tenant"]
Thumbprint = Annotated[str, "thumbprint"]
Word = Annotated[str, "word"]
"""One of our own: a title from the facts, a notebook, a protocol, a well-known id."""


@dataclass(frozen=True)
class Order:
    """What the order of a list of objects is made of, as `editions` reads it.

    Args:
        keys: Fields, the weightiest first; without any, names alone have made it.
        kept: Whether no name has a part in it.
    """

    keys: tuple[str, ...] = ()
    kept: bool = False

    @property
    def said(self) -> str | list[str]:
        """The order as a schema says it."""
        return "kept" if self.kept else list(self.keys)


KEPT: Final = Order(kept=True)
NAMES: Final = Order()


def record(value: Any) -> Any:
    """Return a tree in the words of JSON: objects by field name, times in RFC 3339, UTC."""
    if isinstance(value, Phrase):
        return value.as_json()
    if is_dataclass(value):
        return {each.name: record(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [record(each) for each in value]
    return value


def read(shape: Any, held: Any) -> Any:
    """Return the value of a type that JSON holds.

    Args:
        shape: A dataclass, or what a field of one is declared as.
        held: The JSON, as it was parsed.

    Raises:
        ValueError: It is not of that shape; the text names the place.
    """
    return _reader(shape)(held, "")


def schema(shape: type, *, leave_out: Collection[str] = ()) -> dict[str, Any]:
    """Return the JSON schema of a dataclass: every field required, no others, each text with its ``x-kind``.

    Args:
        shape: The dataclass.
        leave_out: Fields that stand somewhere else.

    Raises:
        TypeError: A text is declared without its kind, or a list of objects without its order.
    """
    return _object_schema({name: hint for name, hint in _hints(shape).items() if name not in leave_out})


# The array comes first: whoever maps by kind takes the phrase whole, and looks into its parts itself.
_PART = {
    "type": ["string", "object"],
    "x-kind": "word",
    "required": ["kind", "value"],
    "additionalProperties": False,
    "properties": {"kind": {"enum": list(KINDS), "x-kind": "word"}, "value": {"type": "string", "x-kind": "free"}},
}
PHRASE: Final[Mapping[str, Any]] = {"type": "array", "x-kind": "phrase", "items": _PART}
"""The schema of a phrase, to which others refer as ``#/$defs/phrase``."""
_PLAIN: Mapping[type, str] = {int: "integer", float: "number", bool: "boolean"}


@dataclass(frozen=True)
class _Shape:
    """What a declared type comes to: what it is, of which kind or in which order, and whether it may be absent."""

    of: Any
    kind: str | Order = ""
    optional: bool = False


@cache
def _shape(declared: Any) -> _Shape:
    origin = get_origin(declared)
    if origin is Annotated:
        of, kind = get_args(declared)[:2]
        return _Shape(of, kind)
    if origin in (Union, types.UnionType):
        (inside,) = (each for each in get_args(declared) if each is not types.NoneType)
        known = _shape(inside)
        return _Shape(known.of, known.kind, optional=True)
    return _Shape(declared)


@cache
def _hints(of: Any) -> dict[str, Any]:
    hints = get_type_hints(of, include_extras=True)
    return {each.name: hints[each.name] for each in fields(of)}


@cache
def _reader(declared: Any) -> Any:
    shape = _shape(declared)
    inside = _reading(shape.of)
    if not shape.optional:
        return inside
    return lambda held, place: None if held is None else inside(held, place)


def _reading(of: Any) -> Any:
    if of is Phrase:
        return _checked(lambda held: Phrase.of_json(_a(list, held)), "a phrase")
    if is_dataclass(of):
        return _object(of)
    if get_origin(of) is tuple:
        each = _reader(get_args(of)[0])
        listed = _checked(lambda held: _a(list, held), "a list")
        return lambda held, place: tuple(each(one, f"{place}[{n}]") for n, one in enumerate(listed(held, place)))
    if get_origin(of) is Literal:
        known = get_args(of)
        return _checked(lambda held: known[known.index(held)], f"one of {', '.join(map(str, known))}")
    if of is datetime:
        return _checked(datetime.fromisoformat, "a time")
    if of is date:
        return _checked(date.fromisoformat, "a date")
    return _checked(lambda held: _a(of, held), of.__name__)


def _object(of: Any) -> Any:
    def made(held: Any, place: str) -> Any:
        hints = _hints(of)
        if not isinstance(held, Mapping) or held.keys() != hints.keys():
            lacks = ", ".join(sorted(set(hints).symmetric_difference(held))) if isinstance(held, Mapping) else "all"
            raise ValueError(
                f"{place.removeprefix('.') or 'the record'}: expected the fields of {of.__name__}: {lacks}"
            )
        values = {name: _reader(hint)(held[name], f"{place}.{name}") for name, hint in hints.items()}
        try:
            return of(**values)
        except ValueError as error:
            raise ValueError(f"{place.removeprefix('.') or 'the record'}: {error}") from None

    return made


def _checked(make: Any, wanted: str) -> Any:
    def made(held: Any, place: str) -> Any:
        try:
            return make(held)
        except (ValueError, TypeError):
            raise ValueError(f"{place.removeprefix('.')}: found {str(held)[:80]!r}; expected {wanted}") from None

    return made


def _a(of: type, held: Any) -> Any:
    # True is a number to Python, and none to JSON.
    if not isinstance(held, of) or (of is int and isinstance(held, bool)):
        raise TypeError
    return held


def _schema(declared: Any) -> dict[str, Any]:
    shape = _shape(declared)
    made = _schema_of(shape.of, shape.kind)
    if not shape.optional:
        return made
    return {"anyOf": [made, {"type": "null"}]} if "type" not in made else {**made, "type": [made["type"], "null"]}


def _object_schema(hints: Mapping[str, Any]) -> dict[str, Any]:
    inside = {name: _schema(hint) for name, hint in hints.items()}
    return {"type": "object", "required": list(inside), "additionalProperties": False, "properties": inside}


def _schema_of(of: Any, kind: str | Order) -> dict[str, Any]:
    if of is Phrase:
        return {"$ref": "#/$defs/phrase"}
    if is_dataclass(of):
        assert isinstance(of, type)
        return _object_schema(_hints(of))
    if get_origin(of) is tuple:
        return _list_schema(get_args(of)[0], kind)
    if get_origin(of) is Literal:
        return {"enum": list(get_args(of)), "x-kind": "word"}
    if of in (datetime, date):
        return {"type": "string", "x-kind": "word"}
    if of is str:
        if not kind:
            raise TypeError("a text without a kind: declare it as one of the kinds of this module")
        return {"type": "string", "x-kind": kind}
    return {"type": _PLAIN[of]}


def _list_schema(each: Any, order: str | Order) -> dict[str, Any]:
    items = _schema(each)
    if not is_dataclass(each) or each is Phrase:
        return {"type": "array", "items": items}
    if not isinstance(order, Order):
        raise TypeError("a list of objects without an order: declare what it is made of, or KEPT")
    return {"type": "array", "x-order": order.said, "items": items}
