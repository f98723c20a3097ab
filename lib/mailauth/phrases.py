"""Sentences that know which of their words name somebody or something: text for a page, and for an edition of it.

A `Phrase` is a row of plain words, which are this library's own, and of `Named` values, each with its kind. Who shows
a phrase joins and escapes it; who gives a page away puts a pseudonym in the place of each named value by its kind, and
nothing has to be searched for. Named values may be hostile text and stand here as they came.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from string import Formatter
from typing import Any, Final, Literal, get_args

from .calendar import spoken

__all__ = ["KINDS", "Kind", "Named", "Phrase", "Value", "joined", "moment", "phrase", "words"]

Kind = Literal[
    "person",
    "address",
    "host",
    "device",
    "app",
    "place",
    "tenant",
    "id",
    "ip",
    "domain",
    "thumbprint",
    "product",
    "word",
    "free",
]
"""What a value names: somebody; a mail address or a name that signs in; a computer; a thing that sends; what a tenant
calls an app; what a person calls a place; the tenant or the firm; any id; an address, a network or an autonomous
system; a domain; a certificate; a product that the world knows, which stays; our own words as another record holds
them, which stay where each is ours; and text that anybody may have written."""

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True)
class Named:
    """A value with its kind.

    Args:
        kind: One of `KINDS`.
        value: The value as it came. Hostile text.
    """

    kind: Kind
    value: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind: found {self.kind!r}; expected one of {', '.join(KINDS)}")

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Phrase:
    """A sentence, or a part of one.

    Args:
        parts: Plain words, which are this library's own, and named values, in order.
    """

    parts: tuple[str | Named, ...] = ()

    def __str__(self) -> str:
        return self.plain()

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __add__(self, other: "Phrase") -> "Phrase":
        return _whole((*self.parts, *other.parts))

    def plain(self) -> str:
        """Return it as text, each named value as it came."""
        return "".join(map(str, self.parts))

    def capital(self) -> "Phrase":
        """Return it with a capital letter in front; a named value is left as it is."""
        match self.parts:
            case (str(first), *rest):
                return Phrase((first[:1].upper() + first[1:], *rest))
        return self

    def as_json(self) -> list[Any]:
        """Return it as evidence holds it: texts, and objects with ``kind`` and ``value``."""
        return [{"kind": each.kind, "value": each.value} if isinstance(each, Named) else each for each in self.parts]

    @classmethod
    def of_json(cls, parts: Iterable[Any]) -> "Phrase":
        """Return the phrase that evidence holds.

        Raises:
            ValueError: A part is neither text nor an object of a known kind with its value.
        """
        return cls(tuple(map(_read, parts)))


Value = Named | Phrase | int | date | datetime
"""What a template takes: never plain text, because nobody could tell afterwards whether it names somebody."""


def phrase(template: str, /, **values: Value) -> Phrase:
    """Return a template with its places filled: ``phrase("{who} signed in", who=Named("person", "Dora"))``.

    Numbers get commas, days and moments are spoken, in UTC.

    Args:
        template: Our own words, with places as `str.format` has them; it holds no value itself.
        values: One for each place, by its name.

    Raises:
        LookupError: A place has no value.
        TypeError: A value is plain text: it is either our own `words`, or `Named` by its kind.
    """
    parts: list[str | Named] = []
    for text, place, _, _ in Formatter().parse(template):
        parts.append(text)
        if place is not None:
            parts += _filled(place, values[place])
    return _whole(parts)


def words(text: str) -> Phrase:
    """Return our own words as a phrase; they are shown to everybody, so they name nobody."""
    return _whole((text,))


def joined(phrases: Iterable[Phrase], between: str = ", ", last: str = "") -> Phrase:
    """Return phrases one after the other, the empty ones left out.

    Args:
        phrases: In order.
        between: What stands between two of them.
        last: What stands before the last one; empty for the same.
    """
    held = [each for each in phrases if each]
    parts: list[str | Named] = []
    for number, each in enumerate(held):
        if number:
            parts.append(last if last and number == len(held) - 1 else between)
        parts += each.parts
    return _whole(parts)


def moment(at: datetime) -> str:
    """Return a moment as a page prints it: ``20 November 2026, 14:02 UTC``."""
    there = at.astimezone(UTC)
    return f"{spoken(there.date())}, {there:%H:%M} UTC"


def _filled(place: str, value: Value) -> tuple[str | Named, ...]:
    match value:
        case Named():
            return (value,)
        case Phrase():
            return value.parts
        case datetime():
            return (moment(value),)
        case date():
            return (spoken(value),)
        case int():
            return (f"{value:,}",)
    raise TypeError(f"{place}: found {type(value).__name__}; expected a named value, a phrase, a number or a date")


def _whole(parts: Iterable[str | Named]) -> Phrase:
    """Return the parts with neighbouring words put together and empty ones left out."""
    held: list[str | Named] = []
    for part in parts:
        if isinstance(part, str) and held and isinstance(held[-1], str):
            held[-1] += part
        elif isinstance(part, Named) or part:
            held.append(part)
    return Phrase(tuple(held))


def _read(part: Any) -> str | Named:
    if isinstance(part, str):
        return part
    if isinstance(part, Mapping) and part.keys() == {"kind", "value"} and isinstance(part["value"], str):
        return Named(part["kind"], part["value"])
    raise ValueError(f"phrase: found {type(part).__name__}; expected text, or an object with a kind and a value")
