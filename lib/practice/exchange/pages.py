"""How a long answer goes on: an opaque mark in the link to the next page, and what it stands for."""

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["LARGEST", "Call", "Pages", "size_wanted"]

LARGEST: Final = 1000
"""How many rows a page has at most, and has where nobody asks for fewer."""

_KEPT: Final = 1000
_WANTED: Final = re.compile(r"(?:^|[\s,;])odata\.maxpagesize\s*=\s*\"?([0-9]{1,9})", re.IGNORECASE)


@dataclass(frozen=True)
class Call:
    """What a request asks for.

    Args:
        cmdlet: The cmdlet's name as given.
        parameters: Its parameters as given.
        offset: How many rows earlier pages held.
        holder: Who may go on with it, by the tenant's id and the caller's; empty for a call that just came.
    """

    cmdlet: str
    parameters: Mapping[str, object]
    offset: int = 0
    holder: tuple[str, str] = ("", "")


class Pages:
    """The calls that can be gone on with. The oldest are forgotten, and a link can be followed more than once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: OrderedDict[str, Call] = OrderedDict()

    def mark(self, call: Call) -> str:
        """Return a mark that stands for *call*."""
        mark = secrets.token_urlsafe(24)
        with self._lock:
            self._calls[mark] = call
            while len(self._calls) > _KEPT:
                self._calls.popitem(last=False)
        return mark

    def find(self, mark: str) -> Call | None:
        """Return the call that a mark stands for, if it is still known."""
        with self._lock:
            return self._calls.get(mark)

    def forget(self, tenant_id: str) -> None:
        """Forget the calls that somebody in a tenant could go on with."""
        with self._lock:
            for mark in [mark for mark, call in self._calls.items() if call.holder[0] == tenant_id]:
                del self._calls[mark]


def size_wanted(prefer: str) -> int:
    """Return how many rows a page is to have by a ``Prefer`` header; what asks for none or too many gets the most."""
    found = _WANTED.search(prefer)
    wanted = int(found[1]) if found else LARGEST
    return wanted if 1 <= wanted <= LARGEST else LARGEST
