"""The shareable edition of a record: each text is kept, renamed or left out by the kind that its schema gives it.

Nothing is searched for in a text and replaced there. What a schema says nothing of counts as free text, of which only a
known product remains; what it calls a word has to be one (`vocabulary.is_ours`) unless the schema itself lists what may
stand there. Days, counts and yes or no stay; of a moment only its day does, for a log that somebody else holds would
show by the second who is meant.

Nor does order give a name away. A list of names alone is put in the order of the new ones, and so are the keys of a
map, names that a sentence lists, and sentences that differ in names and numbers alone. Rows are ordered by what the
schema says under ``x-order``: ``kept`` where no name has a part in it, else the fields to sort by, before the new names
decide. A field falls with a ``-`` in front, and has the order of its ``enum`` where it has one. Behind a ``~`` stand
fields whose values come in the order in which they came first: a rank that the row itself does not hold. Where nothing
is said, the new names alone decide.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from .pseudonyms import LEFT_OUT, Pseudonyms
from .shapes import KEPT

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
        named: Record = {}
        for key, inside in value.items():
            if key in known:
                made[key] = self.value(inside, known[key], f"{path}.{key}".removeprefix("."))
                continue
            name = self.text(Leaf(f"{path}{{}}", kind, key), node.get("propertyNames", {}))
            # A field that nobody foresaw goes with its name, whatever it holds; so does one whose name is left out.
            if isinstance(others, Mapping) and name != LEFT_OUT:
                held = self.value(inside, others, f"{path}{{}}")
                named[name] = _joined(named[name], held) if name in named else held
        return {**made, **(named if kind == "word" else dict(sorted(named.items())))}

    def _list(self, value: list[Any], node: Schema, path: str) -> list[Any]:
        items = node.get("items", {})
        made = [self.value(inside, items, f"{path}[]") for inside in value]
        if self._renamed(items, made):
            made.sort()
        elif made and all(isinstance(each, Mapping) for each in made):
            made = _ordered(made, node.get("x-order", ()), self._resolved(items, made[0]))
        elif made and self._resolved(items, made[0]).get("x-kind") == "phrase":
            made = _exchanged(made)
        # One remark that something is missing says as much as forty.
        return [each for number, each in enumerate(made) if each != LEFT_OUT or LEFT_OUT not in made[:number]]

    def _renamed(self, items: Any, made: list[Any]) -> bool:
        """Whether a list holds nothing but names, whose order would say what they were."""
        return all(isinstance(each, str) for each in made) and any(
            self._resolved(items, each).get("x-kind", "free") not in ("word", "free") for each in made
        )

    def _phrase(self, value: list[Any], path: str) -> list[Any]:
        return _relisted([self._part(part, path) for part in value])

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


def _ordered(rows: list[Any], order: str | Sequence[str], items: Schema) -> list[Any]:
    """Return rows as their schema orders them; where it leaves two alike, what they say now decides."""
    if order == KEPT.said:
        return rows
    ranks = [_ranks(rows, key, items.get("properties", {})) for key in order]
    places = sorted(range(len(rows)), key=lambda at: (*(rank[at] for rank in ranks), _said(rows[at])))
    return [rows[at] for at in places]


def _ranks(rows: Sequence[Any], key: str, fields: Schema) -> list[Any]:
    """Return by row what a key of ``x-order`` compares; what is not known comes last."""
    if key.startswith("~"):
        found = [_said([row.get(name) for name in key[1:].split(",")]) for row in rows]
        first = {said: at for at, said in reversed([*enumerate(found)])}
        return [first[said] for said in found]
    name = key.removeprefix("-")
    listed = fields.get(name, {}).get("enum", ())
    held = [row.get(name) for row in rows]
    known = [listed.index(each) if each in listed else each for each in held]
    if key.startswith("-"):
        rising = sorted({each for each in known if each is not None}, reverse=True)
        return [len(rising) if each is None else rising.index(each) for each in known]
    return [(each is None, 0 if each is None else each) for each in known]


def _said(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _exchanged(phrases: list[Any]) -> list[Any]:
    """Return sentences in their places; those that are one but for names and numbers exchange theirs."""
    alike: dict[str, list[int]] = {}
    for at, each in enumerate(phrases):
        alike.setdefault(re.sub(r"\d+", "0", _said([_form(part) for part in each])), []).append(at)
    made = list(phrases)
    for places in alike.values():
        for at, each in zip(places, sorted((phrases[at] for at in places), key=_said), strict=True):
            made[at] = each
    return made


def _form(part: Any) -> Any:
    return part["kind"] if isinstance(part, Mapping) else [part]


def _relisted(parts: list[Any]) -> list[Any]:
    """Return a sentence in which names that stand in one list have the order of the new ones."""
    made = list(parts)
    for first, last in _lists(parts):
        made[first : last + 1 : 2] = sorted(parts[first : last + 1 : 2], key=_said)
    return made


def _lists(parts: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Yield where lists of names begin and end in a sentence."""
    at = 0
    while at < len(parts):
        begin = at
        while _go_on(parts, at):
            at += 2
        if at > begin:
            yield begin, at
        at += 1


def _go_on(parts: Sequence[Any], at: int) -> bool:
    """Whether after a name the next of a list comes: of the same kind, in the same words, such as ``copier (one)``."""
    before, name, between, following, after = (parts[n] if 0 <= n < len(parts) else "" for n in range(at - 1, at + 4))
    if not (isinstance(name, Mapping) and isinstance(following, Mapping) and name["kind"] == following["kind"]):
        return False
    cut = (between.partition(mark) for mark in _BETWEEN)
    return any(mark and _plain(before).endswith(head) and _plain(after).startswith(tail) for tail, mark, head in cut)


_BETWEEN: Final = (", ", " and ", "; ", "; and ")


def _plain(part: Any) -> str:
    return part if isinstance(part, str) else ""


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
