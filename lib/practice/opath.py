"""OPATH, the filter language of Exchange, as far as recipient filters need it: text in, a test of properties out.

Reference: learn.microsoft.com/powershell/exchange/recipient-filters. Understood are ``-eq -ne -like -notlike
-lt -le -gt -ge`` over single values, ``-and -or -not``, parentheses, and braces around the whole.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache
from typing import Final

__all__ = ["FilterError", "Properties", "Test", "read"]

Properties = Mapping[str, tuple[str, ...]]
"""What a recipient has, by property name in lower case; a property that is empty has no value."""

Test = Callable[[Properties], bool]

_TOKEN: Final = re.compile(
    r"""(?:(?P<open>\()|(?P<close>\))|(?P<operator>-[A-Za-z]+)|"""
    r"""'(?P<single>(?:[^']|'')*)'|"(?P<double>(?:[^"]|"")*)"|(?P<word>[$\w.\-@*]+))""",
)
_DEEPEST: Final = 32
_COMPARISONS: Final = ("-eq", "-ne", "-like", "-notlike", "-lt", "-le", "-gt", "-ge")


class FilterError(ValueError):
    """A filter that is none; the text says what is wrong and where, counted in characters from 1."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


@lru_cache(maxsize=256)
def read(text: str, known: frozenset[str]) -> Test:
    """Return the test that *text* stands for.

    Args:
        text: The filter.
        known: The properties that may be named, in lower case.

    Raises:
        FilterError: It cannot be read, or names an unknown property.
    """
    bare = text.strip()
    if bare.startswith("{") and bare.endswith("}"):
        bare = bare[1:-1]
    reader = _Reader(_tokens(bare), known)
    test = reader.either(0)
    reader.end()
    return test


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    place = 0
    while rest := text[place:].lstrip():
        place = len(text) - len(rest)
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise FilterError(f"unexpected text at position {place + 1}")
        kind = match.lastgroup
        value = match[kind]
        if kind in ("single", "double"):
            quote = "'" if kind == "single" else '"'
            kind, value = "value", value.replace(quote * 2, quote)
        found.append(_Token(kind, value, place + 1))
        place = match.end()
    return found


@dataclass
class _Reader:
    """Reads tokens from left to right; ``-and`` binds tighter than ``-or``, which Exchange nowhere says of itself."""

    tokens: list[_Token]
    known: frozenset[str]
    at: int = field(default=0)

    def either(self, depth: int) -> Test:
        if depth > _DEEPEST:
            raise FilterError("parentheses are nested too deep")
        tests = [self.both(depth)]
        while self._takes("operator", "-or"):
            tests.append(self.both(depth))
        return tests[0] if len(tests) == 1 else lambda of: any(test(of) for test in tests)

    def both(self, depth: int) -> Test:
        tests = [self.single(depth)]
        while self._takes("operator", "-and"):
            tests.append(self.single(depth))
        return tests[0] if len(tests) == 1 else lambda of: all(test(of) for test in tests)

    def single(self, depth: int) -> Test:
        if depth > _DEEPEST:
            raise FilterError("parentheses are nested too deep")
        if self._takes("operator", "-not"):
            inner = self.single(depth + 1)
            return lambda of: not inner(of)
        if self._takes("open"):
            inner = self.either(depth + 1)
            if not self._takes("close"):
                raise FilterError("a parenthesis is not closed")
            return inner
        return self._comparison()

    def end(self) -> None:
        if self.at < len(self.tokens):
            raise FilterError(f"unexpected text at position {self.tokens[self.at].place}")

    def _comparison(self) -> Test:
        name, operator, value = self._next("word"), self._next("operator"), self._next("value", "word")
        if name.text.lower() not in self.known:
            raise FilterError(f"'{name.text}' is not a recognized filterable property")
        if operator.text.lower() not in _COMPARISONS:
            raise FilterError(f"'{operator.text}' is not an operator, at position {operator.place}")
        return _compare(name.text.lower(), operator.text.lower(), _plain(value))

    def _takes(self, kind: str, text: str = "") -> bool:
        if self.at >= len(self.tokens):
            return False
        token = self.tokens[self.at]
        if token.kind != kind or (text and token.text.lower() != text):
            return False
        self.at += 1
        return True

    def _next(self, *kinds: str) -> _Token:
        if self.at >= len(self.tokens):
            raise FilterError("the filter ends too early")
        token = self.tokens[self.at]
        if token.kind not in kinds:
            raise FilterError(f"unexpected text at position {token.place}")
        self.at += 1
        return token


def _plain(token: _Token) -> str | None:
    """Return the value of a token in lower case; None for ``$null``."""
    text = token.text.lower()
    if token.kind == "word" and text.startswith("$"):
        if text not in ("$true", "$false", "$null"):
            raise FilterError(f"'{token.text}' is not a value, at position {token.place}")
        return None if text == "$null" else text[1:]
    return text


def _compare(name: str, operator: str, value: str | None) -> Test:
    if value is None:
        if operator not in ("-eq", "-ne"):
            raise FilterError(f"{operator} cannot compare with $null")
        wanted = operator == "-ne"
        return lambda of: bool(of.get(name)) is wanted
    if operator in ("-like", "-notlike"):
        # Only the star is a wildcard; brackets and question marks stand for themselves.
        shape = re.compile(translate(re.sub(r"[\[?]", lambda found: f"[{found[0]}]", value)))
        hit = operator == "-like"
        return lambda of: any(shape.match(one.lower()) for one in of.get(name, ())) is hit
    if operator in ("-eq", "-ne"):
        equal = operator == "-eq"
        return lambda of: (value in [one.lower() for one in of.get(name, ())]) is equal
    order = {"-lt": str.__lt__, "-le": str.__le__, "-gt": str.__gt__, "-ge": str.__ge__}[operator]
    return lambda of: any(order(one.lower(), value) for one in of.get(name, ()))
