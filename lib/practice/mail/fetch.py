"""IMAP's FETCH: what was asked for, read, and what is answered of one message."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .letters import Letter
from .syntax import ArgumentError, Node, text

__all__ = ["Item", "fetched", "items"]

_MACROS: Final[Mapping[bytes, Sequence[bytes]]] = {
    b"FAST": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE"),
    b"ALL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE"),
    b"FULL": (b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"ENVELOPE", b"BODY"),
}

_PLAIN: Final[Mapping[bytes, Callable[[Letter], bytes]]] = {
    b"FLAGS": lambda one: b"()",
    b"UID": lambda one: b"%d" % one.uid,
    b"RFC822.SIZE": lambda one: b"%d" % len(one.data),
    b"INTERNALDATE": Letter.internal_date,
    b"ENVELOPE": Letter.envelope,
    b"BODYSTRUCTURE": lambda one: one.structure(extended=True),
    b"BODY": lambda one: one.structure(extended=False),
    b"RFC822": lambda one: _literal(one.data),
    b"RFC822.HEADER": lambda one: _literal(one.header),
    b"RFC822.TEXT": lambda one: _literal(one.body),
}

_SECTION: Final = re.compile(rb"BODY(?:\.PEEK)?\[([^\]]*)\](?:<(\d{1,10})\.(\d{1,10})>)?", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """One thing asked of a message: a data item by name, or a section with its range in bytes."""

    name: bytes = b""
    section: str | None = None
    start: int = 0
    length: int | None = None


def items(node: Node, *, by_uid: bool) -> list[Item]:
    """Return what a FETCH asks for, each thing once.

    Raises:
        ArgumentError: It asks for nothing that there is.
    """
    if isinstance(node, list):
        asked = [text(one) for one in node]
    else:
        asked = list(_MACROS.get(text(node).upper(), (text(node),)))
    found = dict.fromkeys([*map(_item, asked), *([Item(b"UID")] if by_uid else [])])
    if not asked:
        raise ArgumentError
    return list(found)


def fetched(letter: Letter, asked: Sequence[Item]) -> bytes:
    """Return the data items of one message.

    Raises:
        ArgumentError: A section names nothing that a message can have.
    """
    return b" ".join(_answer(letter, one) for one in asked)


def _item(word: bytes) -> Item:
    if word.upper() in _PLAIN:
        return Item(word.upper())
    match = _SECTION.fullmatch(word)
    if match is None:
        raise ArgumentError
    section = match[1].decode("latin-1")
    if match[2] is None:
        return Item(section=section)
    return Item(section=section, start=int(match[2]), length=int(match[3]))


def _answer(letter: Letter, item: Item) -> bytes:
    if item.section is None:
        return item.name + b" " + _PLAIN[item.name](letter)
    data = letter.section(item.section)
    label = b"BODY[%s]" % item.section.upper().encode("latin-1", "replace")
    if item.length is not None:
        label += b"<%d>" % item.start
        data = None if data is None else data[item.start : item.start + item.length]
    return label + b" " + (b"NIL" if data is None else _literal(data))


def _literal(data: bytes) -> bytes:
    return b"{%d}\r\n%s" % (len(data), data)
