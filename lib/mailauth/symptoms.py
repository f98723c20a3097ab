"""Recognises what is shown: which rows of the catalogue a text can stand for.

A text may be the server's line, several of them, or what a client makes of them. It is hostile: it is read with
patterns that look a bounded stretch ahead, and only so much of it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

from .catalogue import Cause, causes, symptoms

__all__ = ["LONGEST", "Recognised", "numbers", "recognise"]

LONGEST: Final = 256 * 1024
"""So many characters are read; what decides stands at the end, so it is the last ones that are."""

_GAP: Final = ".{0,200}?"
_NUMBER: Final = re.compile(r"AADSTS(\d{4,8})(?!\d)", re.IGNORECASE)
_LISTED: Final = re.compile(r"error_codes\W{1,8}((?:\d{4,8}[,\s]{0,4}){1,8})")


@dataclass(frozen=True)
class Recognised:
    """What a text can stand for.

    Args:
        rows: The rows of the catalogue, in its order.
        symptoms: The shared symptoms among what was shown.
        numbers: The AADSTS numbers in it, whether the catalogue knows them or not.
    """

    rows: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()


def recognise(texts: Iterable[str]) -> Recognised:
    """Return what *texts*, in their order, can stand for; nothing where no words of theirs are known."""
    text = "\n".join(texts)[-LONGEST:]
    codes = numbers(text)
    shared = tuple(id for id, each in symptoms().items() if _found(text, (*each.shown, *each.clients)))
    rows = [each for each in causes().values() if _shows(each, text, codes, shared)]
    return Recognised(tuple(each.id for each in _apart(rows)), shared, codes)


def numbers(text: str) -> tuple[int, ...]:
    """Return the AADSTS numbers in *text*, each once."""
    listed = (number for found in _LISTED.finditer(text) for number in re.findall(r"\d+", found[1]))
    return tuple(dict.fromkeys(map(int, (*_NUMBER.findall(text), *listed))))


def _shows(cause: Cause, text: str, codes: Sequence[int], shared: Sequence[str]) -> bool:
    if cause.codes and codes:
        # The number decides: words such as invalid_scope stand beside many of them.
        return not set(cause.codes).isdisjoint(codes)
    own = (*cause.shown, *cause.about, *cause.clients)
    return not set(cause.symptoms).isdisjoint(shared) or _found(text, own)


def _apart(rows: Sequence[Cause]) -> Iterator[Cause]:
    """Yield *rows* without those that mean nothing beside others."""
    others = any(not each.lone for each in rows)
    for each in rows:
        if not (each.lone and others):
            yield each


def _found(text: str, patterns: tuple[str, ...]) -> bool:
    return any(_pattern(each).search(text) for each in patterns)


@cache
def _pattern(words: str) -> re.Pattern[str]:
    parts = (r"\s{1,8}".join(map(re.escape, part.split())) for part in words.split("*"))
    return re.compile(_GAP.join(parts), re.IGNORECASE | re.DOTALL)
