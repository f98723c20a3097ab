"""YAML that a person wrote, as plain values which know their lines; and what is wrong with them, in words.

A document is validated against a tree of dataclasses. What each field should hold stands beside it
(`pydantic.Field(description=...)`), and that text is the second half of the error: *found this; expected
that*. A field with ``repr=False`` may be holding a secret by mistake, so what was found there is not shown.
"""

import codecs
import difflib
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from .errors import ConfigurationError

__all__ = [
    "Document",
    "Mark",
    "Place",
    "Problem",
    "check",
    "complain",
    "decode",
    "dotted",
    "nearest",
    "parse",
    "read",
    "show",
    "wrong",
]

T = TypeVar("T")
Place = tuple[str | int, ...]

_MERGE = "tag:yaml.org,2002:merge"
_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("null", "bool", "int", "float", "str", "timestamp")}
# Aliases may be used; a document that grows beyond this by them is an accident or an attack.
_MOST_VALUES = 500_000


@dataclass(frozen=True)
class Mark:
    """A line of a file."""

    where: str
    line: int

    def __str__(self) -> str:
        return f"{self.where} line {self.line}"


@dataclass(frozen=True)
class Problem:
    """What is wrong at one place of a document."""

    mark: Mark
    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.mark}: {dotted(self.place)}: {self.text}"


@dataclass(frozen=True)
class Document:
    """A mapping as written, with the line of everything in it.

    Args:
        data: Mappings, lists and scalars.
        marks: The line of each value, by its place (keys and list positions from the top).
    """

    data: dict[str, Any]
    marks: Mapping[Place, Mark]

    def mark(self, place: Place) -> Mark:
        """Return the line of *place*, or of the nearest thing around it that was written."""
        while place not in self.marks:
            place = place[:-1]
        return self.marks[place]

    def at(self, place: Place) -> object:
        """Return what was written at *place*; None where nothing was."""
        found: Any = self.data
        for part in place:
            try:
                found = found[part]
            except (KeyError, IndexError, TypeError):
                return None
        return found


def read(path: Path, *, expected: str) -> str:
    """Return the text of a file that a person keeps; a byte order mark is accepted.

    Args:
        path: Where it should be.
        expected: What would be right there, for the error.

    Raises:
        ConfigurationError: There is no such file, it cannot be read, or it is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: no such file; expected {expected}.") from None
    except OSError as error:
        reason = "is a folder" if path.is_dir() else f"cannot be read ({error.strerror})"
        raise ConfigurationError(f"{path}: {reason}; expected {expected}.") from None
    return decode(content, path.name)


def decode(content: bytes, where: str) -> str:
    """Return *content* as text.

    Raises:
        ConfigurationError: It is not UTF-8; the line of the first wrong byte is named.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigurationError(f"{where} line 1: found UTF-16; expected UTF-8 (save it again as UTF-8).")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
    raise ConfigurationError(f"{where} line {line}: found byte 0x{byte:02x}; expected UTF-8 (save it again as UTF-8).")


def parse(text: str, where: str) -> Document:
    """Return the mapping that *text* is.

    Args:
        text: YAML 1.2.
        where: What errors call the file.

    Raises:
        ConfigurationError: It is no YAML, no mapping, empty, or a key stands twice.
    """
    try:
        # `compose` keeps each node's line, takes a third less time than the round-trip loader and runs no constructor.
        yaml = YAML(typ="safe", pure=True)
        node = yaml.compose(text.removeprefix("\ufeff"))
        if node is None:
            raise ConfigurationError(f"{where} line 1: the file is empty; expected a mapping (`key: value` lines).")
        if not isinstance(node, MappingNode):
            line = node.start_mark.line + 1
            raise ConfigurationError(
                f"{where} line {line}: found {_kind(node)}; expected `key: value` lines at the top."
            )
        return _Reader(where, yaml).document(node)
    except RecursionError:
        failed = ConfigurationError(f"{where}: nested too deeply.")
    except YAMLError as error:
        failed = _no_yaml(error, text, where)
    raise failed


def _no_yaml(error: YAMLError, text: str, where: str) -> ConfigurationError:
    # The parser's own text quotes the line, and a secret may stand there: only its finding is passed on.
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = error.problem or "cannot be read"
    else:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        problem = "a character that text files do not hold"
    if "\\t" in problem or "\t" in _line(text, line)[:1]:
        problem = "a tab; YAML is indented with spaces"
    elif "mapping values are not allowed" in problem:
        problem = "a second colon; a value that holds `: ` is put in quotes"
    return ConfigurationError(f"{where} line {line}: not YAML: {problem}.")


def _line(text: str, number: int) -> str:
    lines = text.splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""


class _Reader:
    """Turns nodes into values and notes their lines."""

    def __init__(self, where: str, yaml: YAML) -> None:
        self._where = where
        self._constructor = yaml.constructor
        self._marks: dict[Place, Mark] = {}
        self._open: set[int] = set()

    def document(self, node: MappingNode) -> Document:
        data = self._value(node, ())
        assert isinstance(data, dict)
        return Document(data, self._marks)

    def _value(self, node: Node, place: Place, mark: Mark | None = None) -> object:
        self._marks[place] = mark or self._mark(node)
        if len(self._marks) > _MOST_VALUES:
            raise self._error(node, f"more than {_MOST_VALUES:,} values; aliases multiply them")
        if id(node) in self._open:
            raise self._error(node, "an alias to something that it is a part of")
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, MappingNode):
                return {key: self._value(value, (*place, key), at) for key, (value, at) in self._entries(node).items()}
            assert isinstance(node, SequenceNode)
            return [self._value(item, (*place, position)) for position, item in enumerate(node.value)]
        finally:
            self._open.discard(id(node))

    def _entries(self, node: MappingNode) -> dict[str, tuple[Node, Mark]]:
        own: dict[str, tuple[Node, Mark]] = {}
        merged: dict[str, tuple[Node, Mark]] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise self._error(key, f"{_kind(key)} as a key; expected a word")
            if key.tag == _MERGE:
                merged = {**self._merged(value), **merged}
            elif key.value in own:
                raise self._error(key, f"the key {key.value!r} a second time; line {own[key.value][1].line} has it too")
            else:
                own[key.value] = (value, self._mark(key))
        return {**merged, **own}

    def _merged(self, node: Node) -> dict[str, tuple[Node, Mark]]:
        found: dict[str, tuple[Node, Mark]] = {}
        for source in node.value if isinstance(node, SequenceNode) else [node]:
            if not isinstance(source, MappingNode) or id(source) in self._open:
                raise self._error(node, "`<<` with something that is no mapping; expected an alias to one")
            found = {**self._entries(source), **found}
        return found

    def _scalar(self, node: ScalarNode) -> object:
        if node.tag not in _PLAIN:
            raise self._error(node, "a tag (`!`); expected a plain value, or quotes around it")
        try:
            return self._constructor.construct_object(node)
        except (ValueError, OverflowError):
            return node.value  # looks like a date or number and is none: whoever validates it says what is right

    def _mark(self, node: Node) -> Mark:
        return Mark(self._where, node.start_mark.line + 1)

    def _error(self, node: Node, found: str) -> ConfigurationError:
        return ConfigurationError(f"{self._mark(node)}: found {found}.")


def dotted(place: Place) -> str:
    """Return *place* as a person reads it: ``tenants[0].cloud``."""
    steps = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place)
    return steps.removeprefix(".") or "the file"


def _kind(node: Node) -> str:
    if isinstance(node, MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, SequenceNode) else "a single value"


def wrong(expected: str) -> PydanticCustomError:
    """Return the error for a validator to raise: *expected* replaces the field's description."""
    return PydanticCustomError("wrong", "{expected}", {"expected": expected})


def complain(sentence: str) -> PydanticCustomError:
    """Return the error for a validator to raise where "found; expected" does not fit: the whole sentence."""
    return PydanticCustomError("complaint", "{expected}", {"expected": sentence})


def check(document: Document, shape: type[T], *, more: Iterable[Problem] = (), context: object = None) -> T:
    """Return the document as a *shape*.

    Args:
        document: As parsed.
        shape: A dataclass; its fields say what they hold.
        more: Problems that were found otherwise, for the same error.
        context: What validators need to know.

    Raises:
        ConfigurationError: All that is wrong, one line for each.
    """
    problems = list(more)
    value: T | None = None
    kept: type = shape  # which can be looked up, as a type of anything cannot
    try:
        value = _validator(kept).validate_python(document.data, context=context)
    except ValidationError as error:
        problems += [_problem(document, shape, details) for details in error.errors(include_url=False)]
    if problems or value is None:
        lines = sorted({(problem.mark.where, problem.mark.line, str(problem)) for problem in problems})
        raise ConfigurationError("\n".join(text for _, _, text in lines))
    return value


@cache
def _validator(shape: type) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def _problem(document: Document, shape: type, details: Any) -> Problem:
    place: Place = tuple(details["loc"])
    owner, field = _declared(shape, place)
    said = details.get("ctx", {}).get("expected", "")
    expected = said if details["type"] == "wrong" else (field and field.description) or details["msg"]
    match details["type"]:
        case "complaint":
            text = said
        case "unexpected_keyword_argument":
            known = list(_hints(owner)) if owner else []
            text = f"unknown key; {nearest(str(place[-1]), known) or 'expected none here'}"
        case "missing":
            text = f"missing; expected {expected}"
        case _:
            hidden = field is not None and not field.repr
            # A short form has no such place in the file; the validator knows what it was made of.
            found = document.at(place) if document.at(place) is not None else details["input"]
            text = f"found {show(found, hidden=hidden)}; expected {expected}"
    return Problem(document.mark(place), place, f"{text}.")


def nearest(word: str, known: Sequence[str]) -> str:
    """Return what would be right in place of *word*: the most alike of *known* first, then a few of them all."""
    alike = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    listed = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
    return (f"did you mean {alike[0]!r}? " if alike else "") + (f"expected one of {listed}" if known else "")


def _declared(shape: type, place: Place) -> tuple[type | None, FieldInfo | None]:
    """Return the dataclass that the last key of *place* stands in, and the field that speaks for the place."""
    owner: type | None = None
    current: Any = shape
    field: FieldInfo | None = None
    for part in place:
        owner = next(_dataclasses(current), None)
        if isinstance(part, int) or owner is None:
            current = _item(current)
            field = _field(current) or field
            continue
        current = _hints(owner).get(part)
        field = _field(current)
    return owner, field


def _item(hint: Any) -> Any:
    bare = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
    arguments = [argument for argument in typing.get_args(bare) if argument is not Ellipsis]
    return arguments[-1] if arguments else None


def _hints(shape: type) -> dict[str, Any]:
    return typing.get_type_hints(shape, include_extras=True)


def _dataclasses(hint: Any) -> Iterator[type]:
    if isinstance(hint, type) and is_dataclass(hint):
        yield hint
    elif typing.get_origin(hint) in (typing.Annotated, typing.Union, types.UnionType):
        for argument in typing.get_args(hint):
            yield from _dataclasses(argument)


def _field(hint: Any) -> FieldInfo | None:
    metadata = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    return next((item for item in metadata if isinstance(item, FieldInfo)), None)


def show(value: object, *, hidden: bool = False) -> str:
    """Return *value* as an error may repeat it: short, control characters spelled out."""
    if isinstance(value, dict | list):
        return ("a " if value else "an empty ") + ("mapping" if isinstance(value, dict) else "list")
    if value is None:
        return "nothing"
    if hidden:
        return f"text of {len(str(value))} characters, not shown"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value)
    return repr(text[:60] + "…" if len(text) > 60 else text) if isinstance(value, str) else text[:60]
