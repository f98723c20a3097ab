"""What a sender is: a phone, a scanner, an application, a mail program, a script.

A record of a password sign-in names no device, so all of this but a person's own word is inference, and says so. It
orders questions and words advice; it never makes or changes a verdict.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal, NamedTuple

from . import decisions, networks, protocols, reference
from .findings import Group
from .summary import MailRow

__all__ = ["PERSONAL", "Guess", "Kind", "Rhythm", "Sender", "guess", "rhythms", "title"]

Kind = Literal["phone", "scanner", "application", "mail client", "script", "powershell", "unknown"]
Basis = Literal["person", "protocol", "application id", "user agent", "address", "rhythm", ""]

_FACTS = reference.table("sender_kinds")
_CLIENTS = reference.table("mail_clients")
_KINDS: tuple[Kind, ...] = ("phone", "scanner", "mail client", "script", "application")
_STEADY_S = 10 * 60
_STEADY_DAYS = 3
_DAY_S = 24 * 60 * 60


PERSONAL = "a person's mail program"
"""What a sender is called of which only the account speaks, and that for a person."""


class Sender(NamedTuple):
    """What names a sender: the same four things as in a group."""

    user: str
    protocol: str
    app_id: str
    network: str


@dataclass(frozen=True)
class Rhythm:
    """When on its days a sender signs in.

    Args:
        days: Days with a success.
        steady: Whether its first sign-in of the day comes at the same time of day, within ten minutes.
        at: That time in UTC as ``hh:mm``, or empty.
    """

    days: int
    steady: bool
    at: str = ""


@dataclass(frozen=True)
class Guess:
    """What a sender is.

    Args:
        kind: One of `Kind`.
        name: What it is called more closely ("Thunderbird"), or a person's words; may be empty. Hostile text, unless
            `basis` is ``person``, ``protocol`` or ``application id``.
        basis: What it is known or inferred from; empty where nothing speaks.
    """

    kind: Kind = "unknown"
    name: str = ""
    basis: Basis = ""

    @property
    def inferred(self) -> bool:
        """Whether nobody has said so."""
        return self.basis not in ("person", "")

    @property
    def certain(self) -> bool:
        """Whether advice may rest on it: said by a person, or told by something that not anybody can choose."""
        return self.basis in ("person", "protocol", "application id")

    def __str__(self) -> str:
        words = self.name or title(self.kind)
        return f"{words} (inferred from the {self.basis})" if self.inferred else words


def guess(group: Group, decided: decisions.Sender | None = None, rhythm: Rhythm | None = None) -> Guess:
    """Return what a sender is; what a person says comes first, then what is hardest to forge.

    Args:
        group: The sender.
        decided: A person's decision about it.
        rhythm: From `rhythms`.
    """
    if decided and decided.what:
        return Guess(_said(decided.what), decided.what, "person")
    if group.verdict == "powershell_password" or group.app_id == protocols.POWERSHELL:
        return Guess("powershell", "PowerShell", "application id")
    if group.protocol == "ActiveSync":
        return Guess("phone", _agent(group.user_agents).name, "protocol")
    app = _CLIENTS["app"].get(group.app_id, {})
    if app and app["kind"] != "exchange":
        return Guess(_client_kind(app["kind"]), app["name"], "application id")
    found = _agent(group.user_agents)
    return found if found.basis else _by_address(group.user) or _by_rhythm(rhythm)


def title(kind: Kind) -> str:
    """Return a kind in words."""
    return str(_FACTS["kinds"][kind])


def rhythms(rows: Iterable[MailRow]) -> Mapping[Sender, Rhythm]:
    """Return when each sender signs in, from its successes."""
    firsts: dict[Sender, dict[datetime, datetime]] = {}
    for row in rows:
        if row.result == "0" and row.user:
            name = protocols.name(row.client_app, row.app_id)
            days = firsts.setdefault(Sender(row.user, name, row.app_id, networks.canonical(row.network)), {})
            days[row.day] = min(row.first, days.get(row.day, row.first))
    return {sender: _rhythm(list(days.values())) for sender, days in firsts.items()}


def _rhythm(firsts: Sequence[datetime]) -> Rhythm:
    times = sorted(_second(first) for first in firsts)
    # Around midnight the times lie at both ends of the day, so the widest gap on the clock's face is left out.
    gaps = [later - earlier for earlier, later in pairwise(times)] + [_DAY_S - times[-1] + times[0]]
    if len(times) < _STEADY_DAYS or _DAY_S - max(gaps) > _STEADY_S:
        return Rhythm(len(times), steady=False)
    start = times[(gaps.index(max(gaps)) + 1) % len(times)]
    return Rhythm(len(times), steady=True, at=f"{start // 3600:02}:{start % 3600 // 60:02}")


def _second(moment: datetime) -> int:
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def _said(words: str) -> Kind:
    text = f" {' '.join(re.findall(r'[a-z]+', words.lower()))} "
    return next((kind for kind in _KINDS if any(f" {word} " in text for word in _FACTS["said"][kind])), "unknown")


def _agent(agents: Iterable[str]) -> Guess:
    for agent in agents:
        for fact in _CLIENTS["agent"]:
            if fact["holds"] in agent.lower():
                return Guess(_client_kind(fact["kind"]), fact["name"], "user agent")
    return Guess()


def _client_kind(kind: str) -> Kind:
    return next((each for each in _KINDS if each == kind), "unknown")


def _by_address(user: str) -> Guess | None:
    parts = [part for part in re.split(r"[^a-z]+", user.lower().partition("@")[0]) if part]
    for kind in _KINDS:
        if any(_begins(part, word) for word in _FACTS["words"].get(kind, ()) for part in parts):
            return Guess(kind, "", "address")
    return None


def _begins(part: str, word: str) -> bool:
    return part == word or (len(word) > _SHORT and part.startswith(word))


# A word this short begins too many names ("ups", "app").
_SHORT = 4


def _by_rhythm(rhythm: Rhythm | None) -> Guess:
    return Guess("script", "", "rhythm") if rhythm and rhythm.steady else Guess()
