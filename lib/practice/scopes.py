"""Whether a management scope covers a mailbox: the part of OPATH that recipient filters are written in."""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Final

from .state import Directory, Exchange, Mailbox, ManagementRoleAssignment

__all__ = ["FilterError", "covers", "matches"]

_TOKEN: Final = re.compile(r"""\s*(?:([()])|'((?:[^']|'')*)'|"([^"]*)"|(-[A-Za-z]+)|([^\s()'"]+))""")
_MOST: Final = 500
"""Words of a filter; Exchange takes longer ones, and nobody writes them."""


class FilterError(ValueError):
    """A recipient filter that cannot be read; the text says where."""


def covers(exchange: Exchange, directory: Directory, held: ManagementRoleAssignment, mailbox: Mailbox) -> bool:
    """Whether a role assignment reaches *mailbox*: always without a scope, never with one that cannot be read."""
    if not held.scope:
        return True
    scope = next((one for one in exchange.management_scopes if one.name.lower() == held.scope.lower()), None)
    try:
        return scope is not None and matches(scope.filter, mailbox, directory)
    except FilterError:
        return False


def matches(text: str, mailbox: Mailbox, directory: Directory) -> bool:
    """Whether a recipient filter holds of *mailbox*.

    Raises:
        FilterError: The filter cannot be read.
    """
    reader = _Reader(_words(text), _properties(mailbox, directory))
    found = reader.either()
    if reader.words:
        raise FilterError(f"unexpected {reader.words[0][1]!r}")
    return found


def _words(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    place = 0
    text = text.strip()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None or len(found) > _MOST:
            raise FilterError(f"cannot be read from character {place}")
        bracket, single, double, dash, bare = match.groups()
        if bracket or dash:
            found.append(("sign", (bracket or dash).lower()))
        elif bare is not None:
            found.append(("bare", bare))
        else:
            found.append(("text", single.replace("''", "'") if single is not None else double))
        place = match.end()
    return found


def _properties(mailbox: Mailbox, directory: Directory) -> Mapping[str, list[str]]:
    user = directory.user(mailbox.user_id)
    groups = [one for one in directory.groups if mailbox.user_id in one.members]  # direct members only, as in Exchange
    return {
        "memberofgroup": [name for one in groups for name in (one.id, one.display_name)],
        "primarysmtpaddress": [mailbox.primary_smtp],
        "windowsemailaddress": [mailbox.primary_smtp],
        "emailaddresses": [mailbox.primary_smtp, *mailbox.aliases],
        "alias": [mailbox.primary_smtp.partition("@")[0]],
        "name": [mailbox.display_name],
        "displayname": [mailbox.display_name],
        "recipienttypedetails": [mailbox.kind],
        "userprincipalname": [user.user_principal_name] if user else [],
        "externaldirectoryobjectid": [mailbox.user_id],
        "exchangeguid": [mailbox.guid],
        "guid": [mailbox.guid],
    }


_OPERATORS: Final[Mapping[str, Callable[[list[str], str], bool]]] = {
    "-eq": lambda held, wanted: wanted in held,
    "-ne": lambda held, wanted: wanted not in held,
    "-like": lambda held, wanted: any(fnmatchcase(one, wanted) for one in held),
    "-notlike": lambda held, wanted: not any(fnmatchcase(one, wanted) for one in held),
}


class _Reader:
    """Reads a filter and works it out as it goes."""

    def __init__(self, words: list[tuple[str, str]], properties: Mapping[str, list[str]]) -> None:
        self.words = words
        self.properties = properties
        self.depth = 0

    def either(self) -> bool:
        found = self.both()
        while self._next("-or"):
            found = self.both() or found
        return found

    def both(self) -> bool:
        found = self.term()
        while self._next("-and"):
            found = self.term() and found
        return found

    def term(self) -> bool:
        self.depth += 1
        if self.depth > 50:
            raise FilterError("nested too deeply")
        try:
            if self._next("-not"):
                return not self.term()
            if self._next("("):
                found = self.either()
                if not self._next(")"):
                    raise FilterError("a parenthesis is not closed")
                return found
            return self.comparison()
        finally:
            self.depth -= 1

    def comparison(self) -> bool:
        if len(self.words) < 3:
            raise FilterError("ends too early")
        (_, name), (_, operator), (_, value) = self.words[:3]
        del self.words[:3]
        held, apply = self.properties.get(name.lower()), _OPERATORS.get(operator)
        if held is None or apply is None:
            raise FilterError(f"cannot compare by {name!r} {operator!r}")
        if name.lower() == "memberofgroup":
            # A distinguished name begins with the group's own.
            value = re.sub(r"^CN=([^,]*),.*$", r"\1", value, flags=re.IGNORECASE | re.DOTALL)
        return apply([one.lower() for one in held], value.lower())

    def _next(self, sign: str) -> bool:
        if self.words and self.words[0] == ("sign", sign):
            del self.words[0]
            return True
        return False
