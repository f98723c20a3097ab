"""IMAP's SEARCH: a query in, a question that each message is asked out."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final

from .letters import MONTHS, Letter
from .syntax import ArgumentError, Node, members, text

__all__ = ["compiled"]

Asked = Callable[[Letter], bool]

_MONTHS: Final = {name.lower(): place for place, name in enumerate(MONTHS, 1)}
_DEEPEST: Final = 20

# No flag is kept here: every message is unseen, unanswered, not recent.
_PLAIN: Final[Mapping[bytes, bool]] = {
    **dict.fromkeys((b"ALL", b"UNSEEN", b"UNANSWERED", b"UNDELETED", b"UNDRAFT", b"UNFLAGGED", b"OLD"), True),
    **dict.fromkeys((b"SEEN", b"ANSWERED", b"DELETED", b"DRAFT", b"FLAGGED", b"NEW", b"RECENT"), False),
}


def compiled(query: Sequence[Node], letters: Sequence[Letter]) -> Asked:
    """Return what a query asks of each of *letters*.

    Raises:
        ArgumentError: It is no query.
    """
    if not query:
        raise ArgumentError
    return _all(list(query), letters, 0)


def _all(rest: list[Node], letters: Sequence[Letter], depth: int) -> Asked:
    questions = []
    while rest:
        questions.append(_key(rest, letters, depth))
    return lambda one: all(question(one) for question in questions)


def _key(rest: list[Node], letters: Sequence[Letter], depth: int) -> Asked:
    """Take one search key off the front of *rest*."""
    if depth > _DEEPEST or not rest:
        raise ArgumentError
    first = rest.pop(0)
    if isinstance(first, list):
        if not first:
            raise ArgumentError
        return _all(list(first), letters, depth + 1)
    name = text(first).upper()
    if name in _PLAIN:
        return lambda one: _PLAIN[name]
    if name == b"NOT":
        denied = _key(rest, letters, depth + 1)
        return lambda one: not denied(one)
    if name == b"OR":
        left, right = _key(rest, letters, depth + 1), _key(rest, letters, depth + 1)
        return lambda one: left(one) or right(one)
    if name == b"HEADER":
        field = _argument(rest).decode("latin-1")
        return _contains(lambda one: one.values(field), _argument(rest))
    if name in (b"KEYWORD", b"UNKEYWORD"):
        _argument(rest)
        return lambda one: name == b"UNKEYWORD"
    if re.match(rb"[\d*]", name):
        places = members(name, [one.place for one in letters])
        return lambda one: one.place in places
    return _with_argument(name, rest, letters)


def _with_argument(name: bytes, rest: list[Node], letters: Sequence[Letter]) -> Asked:
    if name == b"UID":
        uids = members(_argument(rest), [one.uid for one in letters])
        return lambda one: one.uid in uids
    if name in (b"SUBJECT", b"FROM", b"TO", b"CC", b"BCC"):
        return _contains(lambda one: one.values(name.decode()), _argument(rest))
    if name in (b"BODY", b"TEXT"):
        wanted = _argument(rest).lower()
        return lambda one: wanted in (one.body if name == b"BODY" else one.data).lower()
    if name in (b"LARGER", b"SMALLER"):
        size = _argument(rest)
        if not re.fullmatch(rb"\d{1,10}", size):
            raise ArgumentError
        return lambda one: len(one.data) > int(size) if name == b"LARGER" else len(one.data) < int(size)
    match = re.fullmatch(rb"(SENT)?(SINCE|BEFORE|ON)", name)
    if match is None:
        raise ArgumentError
    return _dated(match[2], _date(_argument(rest)), sent=match[1] is not None)


def _dated(how: bytes, day: date, *, sent: bool) -> Asked:
    def asked(one: Letter) -> bool:
        found = (one.sent if sent else one.arrived).date()
        return {b"SINCE": found >= day, b"BEFORE": found < day, b"ON": found == day}[how]

    return asked


def _contains(shown: Callable[[Letter], str], wanted: bytes) -> Asked:
    sought = wanted.decode("utf-8", "replace").lower()
    return lambda one: sought in shown(one).lower()


def _argument(rest: list[Node]) -> bytes:
    if not rest:
        raise ArgumentError
    return text(rest.pop(0))


def _date(said: bytes) -> date:
    match = re.fullmatch(rb"(\d{1,2})-([A-Za-z]{3})-(\d{4})", said)
    try:
        if match is not None:
            return date(int(match[3]), _MONTHS[match[2].decode().lower()], int(match[1]))
    except (ValueError, KeyError):
        pass
    raise ArgumentError
