"""One question to Graph and its answer: the address taken apart, the caller, the body, the directory as it shows."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from practice.backend import Backend
from practice.state import Directory, Exchange, Tenant

from . import errors
from .callers import Access, Caller

__all__ = ["Answer", "Call", "Key", "Method", "Operation", "Version", "address", "is_guid"]

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
Version = Literal["v1.0", "beta"]

_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ALTERNATE: Final = re.compile(
    r"(?P<name>[A-Za-z.$]+)\((?:(?P<property>[A-Za-z]+)=)?(?P<value>'(?:[^']|'')*'|[^'()]*)\)"
)


@dataclass(frozen=True)
class Key:
    """How an address names an object: by a property of it, ``id`` where none is named."""

    value: str
    by: str = "id"

    def of(self, *properties: str) -> str:
        """Return the value where the key goes by one of *properties*.

        Raises:
            Refusal: It goes by another, or by an id that is none.
        """
        if self.by not in properties:
            raise errors.unknown_path(self.by)
        return self.value.lower()

    @property
    def guid(self) -> str:
        """The object id.

        Raises:
            Refusal: It is none.
        """
        value = self.of("id")
        if not is_guid(value):
            raise errors.bad(f"Invalid object identifier '{self.value[:200]}'.")
        return value


@dataclass(frozen=True)
class Answer:
    """What Graph answers; without a body it is 204.

    Args:
        body: The JSON, or text for ``$count``.
        status: The HTTP status.
        headers: Headers to send along.
    """

    body: Mapping[str, Any] | str | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One question.

    Args:
        backend: What Graph works on.
        caller: Who asks.
        version: ``v1.0`` or ``beta``.
        path: The address below the version, as it was asked for.
        keys: The objects that the address names, from left to right.
        options: The query's options, by name.
        body: The JSON object that came with it; an empty one where none did.
        prefer: The ``Prefer`` header.
        eventual: Whether ``ConsistencyLevel: eventual`` was asked for.
        now: The cloud's time.
    """

    backend: Backend
    caller: Caller
    version: Version
    path: str
    keys: tuple[Key, ...]
    options: Mapping[str, str]
    body: Mapping[str, Any]
    prefer: str
    eventual: bool
    now: datetime

    @property
    def root(self) -> str:
        """Where this version of Graph is."""
        return f"{self.backend.base_url}/graph/{self.version}"

    @contextmanager
    def tenant(self) -> Iterator[Tenant]:
        """Hold the caller's tenant still while something is looked up in it."""
        with self.backend.states.reading(self.caller.tenant_id) as tenant:
            yield tenant

    @contextmanager
    def directory(self) -> Iterator[Directory]:
        """Hold the directory, as it has reached this replica."""
        with self.tenant() as tenant:
            yield tenant.directory_in_force(self.now)

    @contextmanager
    def changing(self) -> Iterator[tuple[Directory, Directory]]:
        """Give the directory as this replica shows it, and the directory to change."""
        with self.backend.states.changing(self.caller.tenant_id) as tenant:
            seen = tenant.directory_in_force(self.now)
            with tenant.change_directory(self.now, self.backend.faults.directory_lag) as directory:
                yield seen, directory

    @contextmanager
    def changing_everything(self) -> Iterator[tuple[Tenant, Directory, Exchange]]:
        """Give the tenant, and its directory and its Exchange organization to change."""
        faults = self.backend.faults
        with (
            self.backend.states.changing(self.caller.tenant_id) as tenant,
            tenant.change_directory(self.now, faults.directory_lag) as directory,
            tenant.change_exchange(self.now, faults.exchange_lag) as exchange,
        ):
            yield tenant, directory, exchange

    def context(self, of: str) -> str:
        """Return the ``@odata.context`` of what is answered."""
        return f"{self.root}/$metadata#{of}"

    def one(self, of: str, record: Mapping[str, Any], status: int = 200) -> Answer:
        """Return an answer that is one object."""
        return Answer({"@odata.context": self.context(f"{of}/$entity"), **record}, status)


@dataclass(frozen=True)
class Operation:
    """Something that can be asked of Graph.

    Args:
        method: The HTTP method.
        path: The address; ``{}`` stands for an object's key.
        handle: Answers it.
        access: What it asks of the caller.
    """

    method: Method
    path: str
    handle: Callable[[Call], Answer]
    access: Access

    def keys(self, parts: tuple[str | Key, ...]) -> tuple[Key, ...] | None:
        """Return the keys in an address that is this operation's, None for any other."""
        pattern = self.path.split("/")
        if len(pattern) != len(parts):
            return None
        found: list[Key] = []
        for wanted, part in zip(pattern, parts, strict=True):
            if wanted == "{}":
                found.append(part if isinstance(part, Key) else Key(part))
            elif not isinstance(part, str) or part.lower() != wanted.lower():
                return None
        return tuple(found)


def is_guid(text: str) -> bool:
    """Whether *text* is an id."""
    return _GUID.fullmatch(text) is not None


def address(path: str) -> tuple[str | Key, ...]:
    """Take an address below the version apart: names, and keys where they stand in parentheses.

    A plain segment may be either, as in ``applications/{id}``; `Operation.keys` says which.

    Raises:
        Refusal: It is no address.
    """
    parts: list[str | Key] = []
    for segment in _segments(path.strip("/")):
        found = _ALTERNATE.fullmatch(segment)
        if found is None:
            parts.append(segment.removeprefix("microsoft.graph."))
            continue
        value = found["value"]
        plain = value[1:-1].replace("''", "'") if value.startswith("'") else value
        parts += [found["name"], Key(plain, found["property"] or "id")]
    return tuple(parts)


def _segments(path: str) -> Iterator[str]:
    start, quoted = 0, False
    for at, letter in enumerate(path):
        quoted ^= letter == "'"
        if letter == "/" and not quoted:
            yield path[start:at]
            start = at + 1
    if quoted:
        raise errors.bad("Bad Request - Error in query syntax.", "BadRequest")
    yield path[start:]
