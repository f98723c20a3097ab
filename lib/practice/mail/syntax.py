"""IMAP's commands, read: words, lists, sequence sets, wildcards; bounded whatever is sent."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["ArgumentError", "Node", "Text", "members", "nested", "text", "wildcard", "words"]

_WORD: Final = re.compile(
    rb"""\s*(?:
        (?P<sign>[()])
      | "(?P<quoted>(?:[^"\\\r\n\0]|\\["\\])*)"
      | (?P<atom>(?:BODY(?:\.PEEK)?\[[^\]"\0\r\n]*\](?:<[0-9.]+>)?|[^\s()"\0-\x1f\x7f])+)
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_DEEPEST: Final = 20
_FURTHEST: Final = 2**32


class ArgumentError(ValueError):
    """A command's arguments are not as they must be."""


@dataclass(frozen=True)
class Text:
    """A string that came in quotes or as a literal, and so is no keyword."""

    data: bytes


Node = bytes | Text | list["Node"]
"""An atom, a string, or a list in parentheses."""


def words(pieces: Sequence[bytes | Text]) -> list[bytes | Text]:
    """Return the words of a command that came in *pieces*: text, with literals between.

    Raises:
        ArgumentError: Something is no word.
    """
    found: list[bytes | Text] = []
    for piece in pieces:
        if isinstance(piece, Text):
            found.append(piece)
            continue
        rest = piece.rstrip()
        place = 0
        while place < len(rest):
            match = _WORD.match(rest, place)
            if match is None:
                raise ArgumentError
            quoted = match["quoted"]
            if quoted is not None:
                found.append(Text(re.sub(rb"\\(.)", rb"\1", quoted)))
            else:
                found.append(match["sign"] or match["atom"])
            place = match.end()
    return found


def nested(found: Sequence[bytes | Text]) -> list[Node]:
    """Return *words* with their parentheses made lists.

    Raises:
        ArgumentError: The parentheses do not match, or go too deep.
    """
    stack: list[list[Node]] = [[]]
    for word in found:
        if word == b"(":
            stack.append([])
        elif word == b")":
            if len(stack) < 2:
                raise ArgumentError
            closed = stack.pop()
            stack[-1].append(closed)
        else:
            stack[-1].append(word)
        if len(stack) > _DEEPEST:
            raise ArgumentError
    if len(stack) != 1:
        raise ArgumentError
    return stack[0]


def text(node: Node) -> bytes:
    """Return what an atom or a string says.

    Raises:
        ArgumentError: It is a list.
    """
    if isinstance(node, list):
        raise ArgumentError
    return node.data if isinstance(node, Text) else node


def members(spec: bytes, held: Sequence[int]) -> set[int]:
    """Return those of *held* (ascending) that a sequence set names.

    Raises:
        ArgumentError: It is none.
    """
    last = held[-1] if held else 0
    found: set[int] = set()
    for part in spec.split(b","):
        match = re.fullmatch(rb"(\d{1,10}|\*)(?::(\d{1,10}|\*))?", part)
        if match is None:
            raise ArgumentError
        ends = [last if end == b"*" else int(end) for end in (match[1], match[2] or match[1])]
        if not all(0 <= end < _FURTHEST for end in ends) or (0 in ends and b"*" not in part):
            raise ArgumentError
        found.update(one for one in held if min(ends) <= one <= max(ends))
    return found


def wildcard(pattern: str, name: str) -> bool:
    """Whether a folder's name fits a pattern of LIST: ``*`` is anything, ``%`` anything without a slash."""
    places = {0}
    for sign in pattern:
        if sign in "*%":
            reached: set[int] = set()
            for start in places:
                end = name.find("/", start) if sign == "%" else len(name)
                reached.update(range(start, (end if end >= 0 else len(name)) + 1))
            places = reached
        else:
            places = {one + 1 for one in places if one < len(name) and name[one] == sign}
        if not places:
            return False
    return len(name) in places
