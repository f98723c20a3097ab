"""Records made from the schemas alone: every field there is, and a text of the test's choice in every place for one."""

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import mailauth
from mailauth import evidence

__all__ = ["MOMENT", "NAMES", "Node", "Planted", "keyed", "made", "rows", "texts"]

MOMENT = "2026-11-23T12:00:00Z"
_DAY, _SENDER = "2026-11-23", "0123456789ab"

NAMES = sorted(path.stem for path in (Path(mailauth.__file__).parent / "schemas").glob("*.json"))
"""Every schema that ships with the library."""

Node = Mapping[str, Any]


class Planted:
    """Makes a canary for every place that takes any text, so that each is found again on its own.

    Args:
        name: Tells several of them apart: two letters or digits.

    Attributes:
        canaries: What was planted, by place.
    """

    def __init__(self, name: str = "zq") -> None:
        self.canaries: dict[str, str] = {}
        self._name = name
        self._count = itertools.count(1)

    def __call__(self, path: str, node: Node) -> str:
        for fits in (MOMENT, _DAY, _SENDER):
            if "pattern" in node and re.search(node["pattern"], fits):
                return fits
        number = next(self._count)
        canary = f"{self._name}{number * 7919:06x}kestrelmarsh{number:04}"
        self.canaries[f"{self._name} {number} {path}"] = canary
        return _SHAPES.get(node.get("x-kind", "free"), "{}").format(canary)


# A canary as each kind of value is written; the rest is the canary alone.
_SHAPES = {
    "address": "{0}@{0}.example",
    "person": "{0} Kestrelmarsh",
    "host": "{0}.woodgrove.example:993",
    "id": "{0}-0000-4000-8000",
    "word": "Reached {0} once.",
    "free": "<b>{0}</b> said =1+1 https://{0}.example",
    "product": "Mozilla/5.0 ({0})",
}


def texts(name: str) -> Iterator[tuple[str, Node]]:
    """Yield each place for a text in a schema with its part of the schema."""
    yield from ((path, node) for path, node in _nodes(name) if _takes(node, "string"))


def keyed(name: str) -> Iterator[tuple[str, Node]]:
    """Yield each map in a schema whose keys are somebody's own."""
    yield from ((path, node) for path, node in _nodes(name) if isinstance(node.get("additionalProperties"), Mapping))


def rows(name: str) -> Iterator[tuple[str, Node, Node]]:
    """Yield each list of objects in a schema with its part of the schema, and with that of its objects."""
    root = evidence.schema(name)
    for path, node in _nodes(name):
        items = node.get("items", {})
        if "$ref" in items:
            items = root["$defs"][items["$ref"].rpartition("/")[2]]
        if "array" in _types(node) and "object" in _types(items) and items.get("x-kind") != "phrase":
            yield path, node, items


def made(name: str, text: Callable[[str, Node], str]) -> dict[str, Any]:
    """Return a record with all of its fields.

    Args:
        name: The schema.
        text: Returns the text for a place and its part of the schema; a key of a map ends with ``{}``.
    """
    root = evidence.schema(name)
    record: dict[str, Any] = _value(root, root, "", text)
    return record


def _nodes(name: str) -> Iterator[tuple[str, Node]]:
    root = evidence.schema(name)
    waiting: list[tuple[str, Any]] = [("", root), *(root.get("$defs", {}).items())]
    while waiting:
        path, node = waiting.pop()
        # What a phrase is made of is read as one (`phrases.Phrase`), and not as fields.
        if not isinstance(node, Mapping) or node.get("x-kind") == "phrase":
            continue
        yield path, node
        waiting += [(f"{path}.{key}".strip("."), inside) for key, inside in node.get("properties", {}).items()]
        waiting += [(f"{path}[]", node.get("items")), (f"{path}{{}}", node.get("additionalProperties"))]
        waiting += [(path, each) for word in ("anyOf", "oneOf", "allOf") for each in node.get(word, ())]
        waiting += [(f"{path}{{}}", each) for each in node.get("patternProperties", {}).values()]


def _types(node: Node) -> list[str]:
    found = node.get("type", [])
    return [found] if isinstance(found, str) else list(found)


def _takes(node: Node, kind: str) -> bool:
    return kind in _types(node) or (not _types(node) and any(word in node for word in ("enum", "const", "pattern")))


def _value(node: Node, root: Node, path: str, text: Callable[[str, Node], str]) -> Any:
    if "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    for word in ("anyOf", "oneOf"):
        if word in node:
            return _value(node[word][0], root, path, text)
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return next(each for each in reversed(node["enum"]) if each is not None)
    if node.get("x-kind") == "phrase":
        kinds = node["items"]["properties"]["kind"]["enum"]
        named = [{"kind": kind, "value": text(f"{path}:{kind}", {"x-kind": kind})} for kind in kinds]
        return ["Ours: ", *named]
    if _takes(node, "string"):
        return text(path, node)
    return _other(node, root, path, text)


def _other(node: Node, root: Node, path: str, text: Callable[[str, Node], str]) -> Any:
    kinds = _types(node)
    if "object" in kinds:
        held = {
            key: _value(inside, root, f"{path}.{key}".strip("."), text)
            for key, inside in node.get("properties", {}).items()
        }
        others = node.get("additionalProperties", True)
        if others is True:
            held |= {text(f"{path}{{}}", {}): {"inside": [text(f"{path}{{}}", {})]}}
        elif isinstance(others, Mapping):
            key = text(f"{path}{{}}", {**node.get("propertyNames", {}), "x-kind": node.get("x-key-kind")})
            held[key] = _value(others, root, f"{path}{{}}", text)
        return held
    if "array" in kinds:
        return [_value(node.get("items", {"type": "string"}), root, f"{path}[]", text)]
    return True if "boolean" in kinds else 7
