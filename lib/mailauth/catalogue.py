"""The catalogue of refusals as values: causes, the signs that speak for them, and how long changes take.

The data is ``facts/causes.toml`` and ``facts/signs.toml``, where each field is explained; nothing is decided here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal

from . import reference
from .tenants import Protocol

__all__ = [
    "LAYERS",
    "Cause",
    "Confidence",
    "Kind",
    "Lag",
    "Look",
    "Sign",
    "Symptom",
    "Trial",
    "causes",
    "lags",
    "signs",
    "source",
    "symptoms",
]

Kind = Literal["delegated", "app", "password"]
"""How a sign-in comes: a person with a token, an app with its own, or anybody with a password."""

Confidence = Literal["high", "medium", "low"]
Look = Literal["token", "consent", "exchange", "transcript", "experiment", "person"]
Trial = Literal["", "another-mailbox", "another-protocol", "again"]

LAYERS: Final = (
    "tls",
    "client",
    "token",
    "consent",
    "graph",
    "exchange auth",
    "mailbox",
    "submission",
    "admin",
    "service",
)
"""Where a refusal can come from, in the order in which a login meets them."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A row of the catalogue; the fields are those of the file, with what it leaves out empty."""

    id: str
    layer: str
    title: str
    cause: str
    confirm: str
    apart: str
    remedy: str
    source: tuple[str, ...]
    confidence: Confidence
    often: int = 1
    protocols: tuple[Protocol, ...] = ()
    kinds: tuple[Kind, ...] = ()
    symptoms: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    codes: tuple[int, ...] = ()
    at: tuple[str, ...] = ()
    mail: bool = False
    seen_by: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    says: bool = False
    open: bool = False
    lone: bool = False
    quiet: bool = False
    confirmed_by: tuple[str, ...] = ()
    hinted_by: tuple[str, ...] = ()
    ruled_out_by: tuple[str, ...] = ()
    instead_of: tuple[str, ...] = ()
    covers: tuple[str, ...] = ()
    cmdlets: tuple[str, ...] = ()
    notebook: str = ""
    link: str = ""

    @property
    def signs(self) -> tuple[str, ...]:
        """The signs that it depends on, those that decide first."""
        return (*self.confirmed_by, *self.ruled_out_by, *self.hinted_by)


@dataclass(frozen=True, kw_only=True)
class Sign:
    """Something to look at; ``yes``, ``no`` and the rest may hold names in braces.

    Args:
        id: Its name.
        look: Where the answer is found.
        yes, no: What is said for each answer.
        ask: The check that would answer it.
        cmdlet: How Exchange is asked; empty for what is not in Exchange.
        trial: Which experiment; empty for what is none.
    """

    id: str
    look: Look
    yes: str
    no: str
    ask: str
    cmdlet: str = ""
    trial: Trial = ""


@dataclass(frozen=True, kw_only=True)
class Symptom:
    """A refusal that many causes share: its words, as the service and as programs write them.

    Those in `of_tokens` mean it only where a token was sent.
    """

    id: str
    title: str
    shown: tuple[str, ...]
    clients: tuple[str, ...] = ()
    of_tokens: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Lag:
    """How long a kind of change takes.

    Args:
        id: The kind.
        title: What was changed, in words.
        usual: When it is worth looking again.
        most: From when on it is no excuse.
        signs: Whose answers are not to be trusted meanwhile.
        rows: Which causes may only seem to be there meanwhile.
        groups: What plans call the steps that make such a change.
        source: Where the figures are from.
    """

    id: str
    title: str
    usual: timedelta
    most: timedelta
    signs: tuple[str, ...]
    rows: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    source: str


@cache
def causes() -> Mapping[str, Cause]:
    """Return every row by its id, in the catalogue's order."""
    rows = reference.table("causes")["cause"]
    return MappingProxyType({id: _cause(id, row) for id, row in rows.items()})


@cache
def signs() -> Mapping[str, Sign]:
    """Return every sign by its name."""
    rows = reference.table("signs")["sign"]
    return MappingProxyType({id: Sign(id=id, **row) for id, row in rows.items()})


@cache
def symptoms() -> Mapping[str, Symptom]:
    """Return every shared symptom by its name."""
    rows = reference.table("causes")["symptom"]
    return MappingProxyType({id: Symptom(id=id, **_tuples(row)) for id, row in rows.items()})


@cache
def lags() -> Mapping[str, Lag]:
    """Return how long each kind of change takes."""
    rows = reference.table("causes")["change"]
    return MappingProxyType({id: _lag(id, row) for id, row in rows.items()})


def source(name: str) -> str:
    """Return where a source of a row is to be found, in full where the catalogue abbreviates it."""
    full: str = reference.table("causes")["sources"].get(name, name)
    return full


def _cause(id: str, row: Mapping[str, Any]) -> Cause:
    values = _tuples(row)
    if "symptom" in values:
        values["symptoms"] = (values.pop("symptom"),)
    return Cause(id=id, **values)


def _lag(id: str, row: Mapping[str, Any]) -> Lag:
    spans = {name: timedelta(minutes=row[name]) for name in ("usual", "most")}
    return Lag(id=id, **{**_tuples(row), **spans})


def _tuples(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
