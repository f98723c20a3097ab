"""Counting: summary rows into one tally per sender, each sign-in once whatever the number of witnesses.

Two sources may hold the same sign-ins (an archive and the live log overlap by a month). They are never added: per
sender, day and result the source with the larger count is believed, and all of them are named. The audit log, which
names no protocol, is a witness only where no other has the sign-in.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

from . import networks, protocols, results
from .protocols import Kind
from .summary import MailRow

__all__ = ["Cell", "Key", "Tally", "is_attack", "tally"]


_WEAK = "audit"
_TEXTS = (
    "source",
    "user_id",
    "population",
    "client_app",
    "app",
    "resource",
    "asn",
    "country",
    "step",
    "risk",
    "user_agent",
)


class Key(NamedTuple):
    """What makes one sender; `attack` keeps failures from passing networks apart from the sender they aim at.

    `crowd` is the population of an attack whose accounts are only counted, not listed.
    """

    user: str
    protocol: str
    app_id: str
    network: str
    kind: Kind
    attack: bool = False
    certificate: bool = False
    crowd: str = ""


class Cell(NamedTuple):
    """The finest unit that sources are compared in."""

    day: date
    result: str
    note: str
    interactive: bool


@dataclass
class Tally:
    """The sign-ins of one key, and what was read beside them. Changed while rows are read, then only read."""

    counts: dict[Cell, int] = field(default_factory=dict)
    per_source: dict[Cell, dict[str, int]] = field(default_factory=dict)
    texts: dict[str, dict[str, int]] = field(default_factory=lambda: {name: {} for name in _TEXTS})
    first: datetime | None = None
    last: datetime | None = None
    last_success: datetime | None = None
    success_risks: set[str] = field(default_factory=set)
    passing: int = 0
    networks: set[str] = field(default_factory=set)
    tried_names: int = 0
    names: set[str] = field(default_factory=set)

    def add(self, row: MailRow, cell: Cell) -> None:
        """Count one row."""
        _count(self.per_source.setdefault(cell, {}), row.source, row.sign_ins)
        for name, counts in self.texts.items():
            if text := getattr(row, name):
                _count(counts, text, row.sign_ins)
        self._span(row.first, row.last)
        if results.read(row.result).answer == "accepted":
            self.last_success = max(self.last_success or row.last, row.last)
            self.success_risks.add(row.risk.lower())
        self.tried_names = max(self.tried_names, row.names)
        if row.population == "nobody" and row.user:
            self.names.add(row.user)
        if row.network:
            self.networks.add(networks.canonical(row.network))
        elif row.collapsed:
            self.passing = max(self.passing, row.networks)

    def absorb(self, other: "Tally") -> None:
        """Take over everything that *other* counted: it is part of the same attack."""
        for cell, by_source in other.per_source.items():
            for source, count in by_source.items():
                _count(self.per_source.setdefault(cell, {}), source, count)
        for name, counts in other.texts.items():
            for text, count in counts.items():
                _count(self.texts[name], text, count)
        if other.first and other.last:
            self._span(other.first, other.last)
        self.passing = max(self.passing, other.passing)
        self.networks |= other.networks
        self.tried_names = max(self.tried_names, other.tried_names)
        self.names |= other.names

    def settle(self) -> None:
        """Decide what was counted: in each cell the source that saw most."""
        self.counts = {cell: max(by_source.values()) for cell, by_source in self.per_source.items()}

    def text(self, name: str) -> str:
        """Return the most frequent text of a field; of equally frequent ones the first in order."""
        return next(iter(self.most(name, 1)), "")

    def most(self, name: str, count: int) -> tuple[str, ...]:
        """Return the most frequent texts of a field."""
        found = sorted(self.texts[name].items(), key=lambda item: (-item[1], item[0]))
        return tuple(text for text, _ in found[:count])

    def _span(self, first: datetime, last: datetime) -> None:
        self.first = min(self.first or first, first)
        self.last = max(self.last or last, last)


def _count(counts: dict[str, int], name: str, more: int) -> None:
    counts[name] = counts.get(name, 0) + more


def tally(rows: Iterable[MailRow]) -> dict[Key, Tally]:
    """Return the tallies of *rows*, not settled yet: attacks may still be put together."""
    pending: dict[Key, list[tuple[MailRow, Cell]]] = defaultdict(list)
    weak: list[MailRow] = []
    for row in rows:
        if row.source == _WEAK:
            weak.append(row)
        else:
            pending[_key(row)].append((row, _cell(row)))
    echoes = _echoes(weak, pending) if weak else set()
    tallies: dict[Key, Tally] = {}
    for key, members in pending.items():
        for split, row, cell in _split(key, members):
            counted = tallies.setdefault(split, Tally())
            counted.add(row, cell)
            if (key.user, key.network) in echoes:
                counted.texts["source"].setdefault(_WEAK, 0)
    return tallies


def _echoes(weak: Iterable[MailRow], pending: dict[Key, list[tuple[MailRow, Cell]]]) -> set[tuple[str, str]]:
    """Add what only the weak witness saw to *pending*; return whose sign-ins it saw again, and from where."""
    strong = {(key.user, key.network, cell.day, cell.result) for key, seen in pending.items() for _, cell in seen}
    echoes = set()
    for row in weak:
        key, cell = _key(row), _cell(row)
        # Other sources put the failures from passing networks together, without an address.
        places = (key.network, "") if cell.result != "0" else (key.network,)
        if any((key.user, place, cell.day, cell.result) in strong for place in places):
            echoes.add((key.user, key.network))
        else:
            pending[key].append((row, cell))
    return echoes


def is_attack(row: MailRow) -> bool:
    """Whether a row is an attack before anything else is known: a name that does not exist, or passing networks.

    A right password is never an attack only, even where its network was lost among others.
    """
    if results.read(row.result, row.note).answer in ("accepted", "right_then_stopped", "probably"):
        return False
    return row.collapsed or row.population == "nobody"


def _key(row: MailRow) -> Key:
    attack = is_attack(row)
    user = "" if attack and row.population == "nobody" else (row.user or row.user_id).strip().lower()
    kind = protocols.kind(client_app=row.client_app, protocol=row.protocol, app_id=row.app_id, resource=row.resource)
    app_id = row.app_id.strip().lower()
    network = "" if attack else networks.canonical(row.network)
    crowd = row.population if attack and not user else ""
    return Key(user, protocols.name(row.client_app, app_id), app_id, network, kind, attack, crowd=crowd)


def _cell(row: MailRow) -> Cell:
    return Cell(row.day.astimezone(UTC).date(), row.result.strip(), row.note, row.interactive)


def _split(key: Key, members: list[tuple[MailRow, Cell]]) -> Iterable[tuple[Key, MailRow, Cell]]:
    """Yield the rows with their key, certificates apart from passwords.

    A row without steps goes with the certificate where no password was seen. Where another source saw the same
    day and result with its steps, and as often, the row without steps says nothing new and is left to that source.
    """
    steps = {_step(row) for row, _ in members}
    if key.attack or "certificate" not in steps:
        yield from ((key, row, cell) for row, cell in members)
        return
    blank = key._replace(certificate="password" not in steps)
    believed = _believed(members) if "password" in steps else {}
    for row, cell in members:
        step = _step(row)
        if step:
            yield key._replace(certificate=step == "certificate"), row, cell
        elif believed.get(cell, row.source) == row.source:
            yield blank, row, cell


def _believed(members: list[tuple[MailRow, Cell]]) -> dict[Cell, str]:
    """Return per cell the source that saw most; of equals the one with more steps, then the first by name."""
    seen: dict[Cell, dict[str, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for row, cell in members:
        counts = seen[cell][row.source]
        counts[0] += row.sign_ins
        counts[1] += row.sign_ins if _step(row) else 0
    return {cell: min(found, key=lambda name: (-found[name][0], -found[name][1], name)) for cell, found in seen.items()}


def _step(row: MailRow) -> str:
    step = row.step.lower()
    if "certificate" in step:
        return "certificate"
    return "password" if step.strip() else ""
