"""The shareable edition of a record: each text is kept, renamed or left out by the kind that its schema gives it.

Nothing is searched for in a text and replaced there. What a schema says nothing of counts as free text, of which only a
known product remains; what it calls a word has to be one (`vocabulary.is_ours`) unless the schema itself lists what may
stand there. Days, counts and yes or no stay; of a moment only its day does, for a log that somebody else holds would
show by the second who is meant. A list of names alone is put in the order of the new ones.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from .pseudonyms import LEFT_OUT, Pseudonyms

__all__ = ["EDITION", "Leaf", "leaves", "shareable"]

EDITION: Final = "shareable"
"""What a record of this edition says under ``edition``."""

_MOMENT: Final = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)T[0-9:.]+Z")
_TIME: Final = re.compile(r", \d\d:\d\d UTC")  # as `phrases` speaks moments

Schema = Mapping[str, Any]
Record = dict[str, Any]

# What says which words may stand in a place; a shape (``x-shape``) binds the shareable edition alone.
_BOUNDS: Final = ("const", "enum", "pattern", "x-shape")


class Leaf(NamedTuple):
    """A text in a record.

    Args:
        path: Where it stands, such as ``data.groups[].user``; a key of a map ends with ``{}``.
        kind: What its schema calls it; ``free`` where it says nothing.
        value: The text.
    """

    path: str
    kind: str
    value: str


def shareable(record: Mapping[str, Any], schema: Schema, names: Pseudonyms) -> Record:
    """Return *record* with pseudonyms in the place of names; it fits its schema as before.

    Args:
        record: A record that fits *schema*, as evidence holds it. It is not changed.
        schema: Its schema, in which each text has its ``x-kind``.
        names: The pseudonyms of one key.
    """
    mapped = _Walk(schema, lambda leaf, node: _text(leaf, node, names)).object(record, schema, "")
    return _marked(mapped, schema)


def _marked(record: Record, node: Schema) -> Record:
    """Return *record* with its edition where the schema has a place for it: on top, or in the data."""
    known = node.get("properties", {})
    if "edition" in known:
        return {**record, "edition": EDITION}
    return {**record, "data": _marked(record["data"], known["data"])} if "data" in known else record


def leaves(record: Mapping[str, Any], schema: Schema) -> Iterator[Leaf]:
    """Yield every text of *record* with the kind that its schema gives it, keys of maps included."""
    found: list[Leaf] = []

    def seen(leaf: Leaf, _: Schema) -> str:
        found.append(leaf)
        return leaf.value

    _Walk(schema, seen).object(record, schema, "")
    yield from found


class _Walk(NamedTuple):
    """A walk through a record beside its schema.

    Args:
        root: The schema, for what is referred to.
        text: Returns what becomes of a text, given its kind and its part of the schema.
    """

    root: Schema
    text: Callable[[Leaf, Schema], str]

    def value(self, value: Any, node: Schema, path: str) -> Any:
        node = self._resolved(node, value)
        if isinstance(value, str):
            return self.text(Leaf(path, node.get("x-kind", "free"), value), node)
        if isinstance(value, list):
            return self._phrase(value, path) if node.get("x-kind") == "phrase" else self._list(value, node, path)
        return self.object(value, node, path) if isinstance(value, Mapping) else value

    def object(self, value: Mapping[str, Any], node: Schema, path: str) -> Record:
        known, others = node.get("properties", {}), node.get("additionalProperties")
        kind = node.get("x-key-kind", "free")
        made: Record = {}
        for key, inside in value.items():
            if key in known:
                made[key] = self.value(inside, known[key], f"{path}.{key}".removeprefix("."))
                continue
            named = self.text(Leaf(f"{path}{{}}", kind, key), node.get("propertyNames", {}))
            # A field that nobody foresaw goes with its name, whatever it holds; so does one whose name is left out.
            if isinstance(others, Mapping) and named != LEFT_OUT:
                held = self.value(inside, others, f"{path}{{}}")
                made[named] = _joined(made[named], held) if named in made else held
        return made

    def _list(self, value: list[Any], node: Schema, path: str) -> list[Any]:
        made = [self.value(inside, node.get("items", {}), f"{path}[]") for inside in value]
        if self._renamed(node.get("items", {}), made):
            made.sort()
        # One remark that something is missing says as much as forty.
        return [each for number, each in enumerate(made) if each != LEFT_OUT or LEFT_OUT not in made[:number]]

    def _renamed(self, items: Any, made: list[Any]) -> bool:
        """Whether a list holds nothing but names, whose order would say what they were."""
        return all(isinstance(each, str) for each in made) and any(
            self._resolved(items, each).get("x-kind", "free") not in ("word", "free") for each in made
        )

    def _phrase(self, value: list[Any], path: str) -> list[Any]:
        return [self._part(part, path) for part in value]

    def _part(self, part: Any, path: str) -> Any:
        if isinstance(part, Mapping):
            kind = str(part.get("kind", "free"))
            return {"kind": kind, "value": self.text(Leaf(path, kind, str(part.get("value", ""))), {})}
        return self.text(Leaf(path, "phrase", str(part)), {})

    def _resolved(self, node: Any, value: Any) -> Schema:
        while isinstance(node, Mapping) and "$ref" in node:
            node = _at(self.root, node["$ref"])
        if not isinstance(node, Mapping):
            return {}
        for each in (*node.get("anyOf", ()), *node.get("oneOf", ())):
            inside = self._resolved(each, value)
            if _takes(inside, value):
                return {**node, **inside}
        return node


def _text(leaf: Leaf, node: Schema, names: Pseudonyms) -> str:
    if leaf.kind in ("word", "phrase"):
        leaf = leaf._replace(value=_day_alone(leaf.value))
    if leaf.kind not in ("word", "phrase"):
        return names.name(leaf.kind, leaf.value)
    if any(bound in node for bound in _BOUNDS):
        return leaf.value if not leaf.value or _bounded(leaf.value, node) else LEFT_OUT
    # The plain words of a phrase are ours as well, and are asked all the same: a slip there must not give a name away.
    return names.name("word", leaf.value)


def _day_alone(text: str) -> str:
    """Return *text* with midnight for its moment, where it is one, and without times of day that a phrase speaks."""
    if found := _MOMENT.fullmatch(text):
        return f"{found['day']}T00:00:00Z"
    return _TIME.sub("", text)


def _bounded(text: str, node: Schema) -> bool:
    allowed = node.get("enum", [node["const"]] if "const" in node else [text])
    return text in allowed and all(re.search(node.get(bound, ""), text) for bound in ("pattern", "x-shape"))


def _joined(one: Any, other: Any) -> Any:
    """Return what stands under two keys that are the same now."""
    if isinstance(one, list) and isinstance(other, list):
        return [*one, *(each for each in other if each not in one)]
    if type(one) is type(other) is int:
        return one + other
    return other


def _at(root: Schema, reference: str) -> Any:
    node: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        node = node[part]
    return node


def _takes(node: Schema, value: Any) -> bool:
    types = node.get("type", ())
    name = next((name for name, kind in _TYPES.items() if isinstance(value, kind)), "null")
    return not types or name in ([types] if isinstance(types, str) else types)


_TYPES: Final[Mapping[str, type | tuple[type, ...]]] = {
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "array": list,
    "object": Mapping,
}
