"""What each date of the calendar breaks in one tenant, as far as sign-ins and settings tell.

"Nothing seen" is no "nothing breaks", and what nobody has read is unknown: a program that signs in once a quarter may
stand in no record, and no record holds a version of TLS.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from .cases import Case
from .deadlines import Calendar, Deadline, Kind, kinds_of
from .phrases import Named, Phrase, joined, phrase, words
from .wording import counted

__all__ = ["Impact", "State", "of", "of_case"]

Record = Mapping[str, Any]
State = Literal["breaks", "held off", "nothing seen", "unknown"]
"""``held off``: a setting of the tenant keeps it working for now."""

_EWS: Final[Kind] = "ews"
_MANAGED: Final[Kind] = "managed-policy"
_HVE: Final[Kind] = "hve"
_NAMES: Final = 3


@dataclass(frozen=True)
class Impact:
    """What one date does to the tenant.

    Args:
        deadline: The date.
        state: One of `State`.
        accounts: Whom it touches, each once.
        said: The same in a sentence.
    """

    deadline: Deadline
    state: State
    accounts: tuple[str, ...]
    said: Phrase


def of(calendar: Calendar, found: Record | None, settings: Record | None, *, today: date) -> tuple[Impact, ...]:
    """Return what each date does to the tenant, the earliest first; those of the past year are among them.

    Args:
        calendar: The dates.
        found: What notebook 10's evidence holds as data; None where nobody has looked.
        settings: The tenant's settings as notebook 40's evidence holds them; None where they were not read.
        today: The day to count from.
    """
    accounts = _accounts(found) if found and found["held"] else None
    return _all(calendar, _Known(accounts, settings, today))


def of_case(case: Case, *, today: date) -> tuple[Impact, ...]:
    """Return the same for what a look at the sign-ins has just found; the tenant's settings are not read there.

    Args:
        case: What was found.
        today: The day to count from.
    """
    touched: dict[Kind, list[str]] = defaultdict(list)
    for group, advised in zip(case.findings.groups, case.advice, strict=True):
        kinds = kinds_of(group.protocol, group.verdict, group.moved, group.ends_in_2026)
        for kind in (*kinds, *_taken(advised.action, advised.decided)) if group.member else ():
            touched[kind].append(group.user)
    _add_tokens(touched, ((each.user or each.app, each.protocols) for each in case.findings.adoption.users))
    return _all(case.tenant.calendar, _Known(touched if case.findings.held else None, None, today))


def _all(calendar: Calendar, known: "_Known") -> tuple[Impact, ...]:
    return tuple(_impact(each, known) for each in calendar.remembered(known.today) if each.touches)


@dataclass(frozen=True)
class _Known:
    """What is known of the tenant: which accounts each kind of date touches, None where nobody has looked."""

    touched: Mapping[Kind, Sequence[str]] | None
    settings: Record | None
    today: date

    @property
    def accounts(self) -> Mapping[Kind, Sequence[str]]:
        return self.touched or {}

    def of(self, deadline: Deadline) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for kind in deadline.touches for name in self.accounts.get(kind, ())))


def _accounts(found: Record) -> Mapping[Kind, Sequence[str]]:
    touched: dict[Kind, list[str]] = defaultdict(list)
    for each in found["groups"]:
        for kind in _kinds(each) if each["population"] == "member" else ():
            touched[kind].append(each["user"])
    users = found["adoption"]["users"]
    _add_tokens(touched, ((each["user"] or each["app"], each["protocols"]) for each in users))
    return touched


def _add_tokens(touched: dict[Kind, list[str]], users: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Add whoever reads mail with a token: old TLS ends for them, too."""
    touched["pop-imap"] += [name for name, protocols in users if {"IMAP", "POP"}.intersection(protocols)]


def _kinds(group: Record) -> Iterator[Kind]:
    yield from kinds_of(group["protocol"], group["verdict"], group["moved"], group["ends_in_2026"])
    yield from _taken(group["decision"]["action"], group["decision"]["decided"])


def _taken(action: str, decided: bool) -> Iterator[Kind]:
    if action == "hve" and decided:
        yield _HVE


def _impact(deadline: Deadline, known: _Known) -> Impact:
    accounts = known.of(deadline)
    if _MANAGED in deadline.touches:
        return _managed(deadline, known)
    if _EWS in deadline.touches:
        return _ews(deadline, known, accounts)
    if _HVE in deadline.touches and accounts:
        said = "{who} took this road: with OAuth there, nothing stops."
        return Impact(deadline, "unknown", accounts, phrase(said, who=_names(accounts)))
    return _by_sign_ins(deadline, known, accounts)


def _by_sign_ins(deadline: Deadline, known: _Known, accounts: tuple[str, ...]) -> Impact:
    if known.touched is None:
        return Impact(deadline, "unknown", (), _UNREAD)
    if not accounts:
        return Impact(deadline, "nothing seen", (), _NONE)
    if deadline.unseen:
        said = "Touches {who}; no record says {what}."
        return Impact(deadline, "unknown", accounts, phrase(said, who=_names(accounts), what=words(deadline.unseen)))
    verb = "Touched" if deadline.passed(known.today) else "Touches"
    return Impact(deadline, "breaks", accounts, phrase(f"{verb} {{who}}.", who=_names(accounts)))


def _ews(deadline: Deadline, known: _Known, accounts: tuple[str, ...]) -> Impact:
    """Return what becomes of Exchange Web Services: the tenant's switch and list decide, until they are gone."""
    switch, apps = (known.settings or {}).get("ews", "unknown"), (known.settings or {}).get("ews_apps")
    seen = phrase(" Passwords were tried there for {who}.", who=_names(accounts)) if accounts else Phrase()
    if switch == "off":
        return Impact(deadline, "breaks" if accounts else "nothing seen", accounts, _EWS_OFF + seen)
    if switch == "on" and deadline.id == "ews-end":
        return Impact(deadline, "breaks", accounts, _EWS_ENDS + _listed(apps) + seen)
    if switch == "on":
        return Impact(deadline, "held off" if apps else "unknown", accounts, _EWS_ON + _listed(apps) + seen)
    said = _EWS_UNSET if switch == "inherit" else _EWS_UNREAD
    return Impact(deadline, "unknown", accounts, said + seen)


def _listed(apps: Sequence[str] | None) -> Phrase:
    if apps is None:
        return words(" The list of allowed apps was not read.")
    if not apps:
        return words(" The list of allowed apps is empty.")
    shown = [phrase("{id}", id=Named("id", each)) for each in apps[:_NAMES]]
    more = [words(f"{len(apps) - _NAMES:,} more")] if len(apps) > _NAMES else []
    return phrase(" Allowed: {apps}.", apps=joined([*shown, *more], ", ", " and "))


def _managed(deadline: Deadline, known: _Known) -> Impact:
    access = known.settings["access"] if known.settings else None
    if access is None:
        return Impact(deadline, "unknown", (), _NO_ACCESS)
    waiting = [each for each in access if each["managed"] and each["switches_on"]]
    if not waiting:
        return Impact(deadline, "nothing seen", (), _NONE_WAITS)
    senders = tuple(dict.fromkeys((*known.accounts.get("smtp-password", ()), *_certificates(known))))
    day = min(datetime.fromisoformat(each["switches_on"]).date() for each in waiting)
    said = phrase(
        "{count} may switch on from {day}, the first of them.{who}",
        count=words(counted(len(waiting), "policy that only reports", "policies that only report")),
        day=day,
        who=phrase(" Stops {who}, unless excluded.", who=_names(senders)) if senders else Phrase(),
    )
    return Impact(deadline, "breaks" if senders else "unknown", senders, said)


def _certificates(known: _Known) -> Sequence[str]:
    return known.accounts.get("activesync-certificate", ())


def _names(names: Sequence[str]) -> Phrase:
    shown = [phrase("{who}", who=Named("address", each)) for each in names[:_NAMES]]
    more = [words(f"{len(names) - _NAMES:,} more")] if len(names) > _NAMES else []
    return joined([*shown, *more], ", ", " and ")


_UNREAD: Final = words("Sign-ins were not read: whom it touches is not known.")
_NONE: Final = words("No sign-in that was read is of this kind; what signs in seldom may be in no record.")
_EWS_OFF: Final = words("Exchange Web Services are off here.")
_EWS_ON: Final = words("Exchange Web Services are switched on here, for the listed apps.")
_EWS_ENDS: Final = words("Exchange Web Services are on here; neither switch nor list keeps them beyond that day.")
_EWS_UNSET: Final = words("EwsEnabled is empty here: Microsoft sets it to false when this tenant's turn comes.")
_EWS_UNREAD: Final = words("EwsEnabled was not read here (notebook 40 reads it).")
_NO_ACCESS: Final = words("Conditional Access was not read here (notebook 40 reads it).")
_NONE_WAITS: Final = words("No policy that Microsoft made waits to switch itself on, among those about old programs.")
