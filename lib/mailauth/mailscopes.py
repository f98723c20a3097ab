"""Management scopes for an app that sends: names and recipient filters in, exactly the wanted mailboxes out.

RBAC for Applications covers the recipients that a filter selects. Three kinds of filter could do:

    a list of addresses    names exactly the mailboxes, writes on none of them, and nobody widens it in passing
    a group                its direct members only, and whoever manages the group decides who may be sent as
    a custom attribute     one write on each mailbox, and whoever edits recipients decides

So it is the list. A long one becomes several scopes, as assignments add up. A scope is never changed: its name holds
a digest of its list, so that another list is another scope, and two engineers who plan the same make the same.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

__all__ = ["MailScope", "addresses", "is_ours", "of"]

# No page gives the longest filter that Exchange takes; this stays far below what is known to work (unverified).
_MOST: Final = 4_000
_CLAUSE: Final = re.compile(r"PrimarySmtpAddress\s+-eq\s+'((?:[^']|'')*)'", re.IGNORECASE)
_REST: Final = re.compile(r"-or|[\s(){}]", re.IGNORECASE)


@dataclass(frozen=True)
class MailScope:
    """A scope over mailboxes by address.

    Args:
        name: At most 64 characters, as Exchange wants.
        filter: Its recipient filter.
        addresses: What it selects, in lower case and in order.
    """

    name: str
    filter: str
    addresses: tuple[str, ...]


def of(app_id: str, wanted: Iterable[str]) -> tuple[MailScope, ...]:
    """Return the scopes that together cover exactly the mailboxes with these primary addresses.

    Args:
        app_id: The application id of the app that they are for.
        wanted: The addresses.
    """
    return tuple(_scope(app_id, some) for some in _lots(sorted({each.lower() for each in wanted})))


def is_ours(name: str, app_id: str) -> bool:
    """Whether a scope of that name was made here for an app."""
    return name.lower().startswith(f"{_prefix(app_id)} ".lower())


def addresses(text: str) -> frozenset[str] | None:
    """Return the primary addresses that a filter selects, in lower case; None where it is no plain list of them.

    Exchange may show a filter with other parentheses than it was given.
    """
    found = [each.replace("''", "'").lower() for each in _CLAUSE.findall(text)]
    rest = _REST.sub("", _CLAUSE.sub("", text))
    return frozenset(found) if found and not rest else None


def _scope(app_id: str, some: Sequence[str]) -> MailScope:
    digest = sha256("\n".join(some).encode()).hexdigest()[:12]
    return MailScope(f"{_prefix(app_id)} {digest}", " -or ".join(map(_clause, some)), tuple(some))


def _prefix(app_id: str) -> str:
    return f"Mail OAuth {app_id}"


def _clause(address: str) -> str:
    # OPATH doubles a quotation mark inside quotation marks, as PowerShell does; the two are quoted one after the other.
    return "(PrimarySmtpAddress -eq '{}')".format(address.replace("'", "''"))


def _lots(ordered: Sequence[str]) -> Iterable[Sequence[str]]:
    lot: list[str] = []
    size = 0
    for each in ordered:
        length = len(_clause(each)) + len(" -or ")
        if lot and size + length > _MOST:
            yield lot
            lot, size = [], 0
        lot.append(each)
        size += length
    if lot:
        yield lot
