"""OData's ``$filter``: text in, a tree out.

The grammar is the part that Graph takes of its directory and its reports: comparisons, ``in``,
``startsWith``, ``endsWith``, ``contains``, ``any`` and ``all`` over collections, ``and``, ``or``, ``not``
and parentheses. What a tree means for a record is in `matching`.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

__all__ = ["Comparison", "FilterError", "Junction", "Node", "Quantifier", "Value", "instant", "parse"]

Value = str | int | float | bool | datetime | None

_DEEPEST: Final = 40
_LONGEST: Final = 20_000


class FilterError(ValueError):
    """A filter that is none; the text says where it goes wrong."""


@dataclass(frozen=True)
class Comparison:
    """One comparison: *path* by *operator* with *values* (several for ``in`` alone)."""

    path: tuple[str, ...]
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Junction:
    """Parts put together by a word: ``and``, ``or``, ``not``."""

    word: str
    parts: tuple["Node", ...]


@dataclass(frozen=True)
class Quantifier:
    """``any`` or ``all`` over a collection; without a condition it asks whether anything is there."""

    path: tuple[str, ...]
    word: str
    variable: str
    condition: "Node | None"


Node = Comparison | Junction | Quantifier


_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)?|\d{4}-\d\d-\d\d(?![0-9a-fA-F-]))
    | (?P<guid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})
    | (?P<number>-?\d{1,18}(?:\.\d{1,18})?(?![\w.]))
    | (?P<name>[A-Za-z_@][\w.@]*)
    | (?P<mark>[(),/:])
    )""",
    re.VERBOSE,
)
_COMPARISONS: Final = ("eq", "ne", "gt", "ge", "lt", "le", "in")
_FUNCTIONS: Final = {"startswith": "startsWith", "endswith": "endsWith", "contains": "contains"}
_CONSTANTS: Final[Mapping[str, Value]] = {"true": True, "false": False, "null": None}


def parse(text: str) -> Node:
    """Return the tree of a filter.

    Raises:
        FilterError: It is none.
    """
    if len(text) > _LONGEST:
        raise FilterError(f"the filter is longer than {_LONGEST} characters")
    return _Parser(text).whole()


class _Parser:
    """Reads one filter, from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(_tokens(text))
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._either()
        if self._at < len(self._tokens):
            raise self._wrong()
        return node

    def _either(self) -> Node:
        return self._row("or", lambda: self._row("and", self._negation))

    def _row(self, word: str, part: Callable[[], Node]) -> Node:
        parts = [part()]
        while self._takes(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _negation(self) -> Node:
        with_not = 0
        while self._takes("not"):
            with_not += 1
        node = self._term()
        return Junction("not", (node,)) if with_not % 2 else node

    def _term(self) -> Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise FilterError("the filter is nested too deeply")
        try:
            if self._takes("("):
                node = self._either()
                self._expect(")")
                return node
            return self._function() or self._comparison()
        finally:
            self._depth -= 1

    def _function(self) -> Node | None:
        name = _FUNCTIONS.get(self._peek()[1].lower(), "")
        if not name or self._peek(1)[1] != "(":
            return None
        self._at += 2
        path = self._path()
        self._expect(",")
        value = self._literal()
        self._expect(")")
        # OData lets a function be compared with true or false.
        if self._takes("eq") and self._literal() is not True:
            return Junction("not", (Comparison(path, name, (value,)),))
        return Comparison(path, name, (value,))

    def _comparison(self) -> Node:
        path = self._path()
        if path[-1] in ("any", "all") and self._takes("("):
            return self._lambda(path)
        kind, operator = self._next()
        if kind != "name" or operator not in _COMPARISONS:
            raise self._wrong()
        if operator != "in":
            return Comparison(path, operator, (self._literal(),))
        self._expect("(")
        values = [self._literal()]
        while self._takes(","):
            values.append(self._literal())
        self._expect(")")
        return Comparison(path, "in", tuple(values))

    def _lambda(self, path: tuple[str, ...]) -> Node:
        if len(path) == 1:
            raise self._wrong()
        if self._takes(")"):
            return Quantifier(path[:-1], path[-1], "", None)
        kind, variable = self._next()
        if kind != "name":
            raise self._wrong()
        self._expect(":")
        condition = self._either()
        self._expect(")")
        return Quantifier(path[:-1], path[-1], variable, condition)

    def _path(self) -> tuple[str, ...]:
        names: list[str] = []
        while True:
            kind, name = self._next()
            if kind != "name":
                raise self._wrong()
            names.append(name)
            if not self._takes("/"):
                return tuple(names)

    def _literal(self) -> Value:
        kind, text = self._next()
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "guid":
            return text.lower()
        if kind == "number":
            return float(text) if "." in text else int(text)
        if kind == "time":
            return self._moment(text)
        if kind == "name" and text.lower() in _CONSTANTS:
            return _CONSTANTS[text.lower()]
        raise self._wrong()

    def _moment(self, text: str) -> datetime:
        moment = instant(text)
        if moment is None:
            raise self._wrong()
        return moment

    def _takes(self, word: str) -> bool:
        kind, text = self._peek()
        if kind in ("name", "mark") and text == word:
            self._at += 1
            return True
        return False

    def _expect(self, mark: str) -> None:
        if not self._takes(mark):
            self._at += 1
            raise self._wrong()

    def _next(self) -> tuple[str, str]:
        found = self._peek()
        self._at += 1
        return found

    def _peek(self, ahead: int = 0) -> tuple[str, str]:
        place = self._at + ahead
        return self._tokens[place][:2] if place < len(self._tokens) else ("end", "")

    def _wrong(self) -> FilterError:
        place = self._at - 1
        position = self._tokens[place][2] if 0 <= place < len(self._tokens) else len(self._text)
        return FilterError(f"Syntax error at position {position} in '{self._text[:200]}'.")


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    at, end = 0, len(text.rstrip())
    while at < end:
        found = _TOKEN.match(text, at)
        if found is None or found.end() == at:
            raise FilterError(f"Syntax error at position {at} in '{text[:200]}'.")
        kind = str(found.lastgroup)
        yield kind, found[kind], found.start(kind)
        at = found.end()


def instant(text: str) -> datetime | None:
    """Return the time that *text* is, aware and in UTC; None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
