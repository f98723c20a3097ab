"""OAuth for mail, counted as sender-days.

Token refreshes dwarf Basic sign-ins, and a token of an app that acts as itself names no protocol. So what counts is
on how many days a user or an app held a token, once per protocol, and never a percentage.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date

from .findings import Adoption, AdoptionDay, AdoptionUser
from .summary import AdoptionRow

__all__ = ["days_by_protocol", "days_by_user", "summarise"]

_PROTOCOLS = (("IMAP", "imap"), ("POP", "pop"), ("SMTP AUTH", "smtp"))


def days_by_protocol(rows: Iterable[AdoptionRow]) -> Mapping[tuple[str, str], set[date]]:
    """Return the days on which a user held a token, by user and protocol name."""
    days: dict[tuple[str, str], set[date]] = defaultdict(set)
    for row in rows:
        for protocol in _named(row):
            days[_user(row), protocol].add(_day(row))
    return dict(days)


def days_by_user(rows: Iterable[AdoptionRow]) -> Mapping[str, set[date]]:
    """Return the days on which a user held a token for any mail protocol or registered mail app."""
    days: dict[str, set[date]] = defaultdict(set)
    for row in rows:
        days[_user(row)].add(_day(row))
    return dict(days)


def summarise(rows: Iterable[AdoptionRow], registered_apps: Collection[str] = ()) -> Adoption:
    """Return adoption by day and by user; two witnesses of one sender-day count once.

    Args:
        rows: From all sources, in any order.
        registered_apps: Application ids of the tenant's own mail apps, beside what the rows say themselves.
    """
    own = {app.strip().lower() for app in registered_apps}
    by_sender: dict[tuple[str, str], list[AdoptionRow]] = defaultdict(list)
    for row in rows:
        by_sender[_user(row), row.app_id.strip().lower()].append(row)
    days = _days(row for held in by_sender.values() for row in held)
    users = tuple(
        sorted(
            (_sender(*key, held, own) for key, held in by_sender.items()),
            key=lambda each: (-each.days, each.user, each.app_id),
        )
    )
    return Adoption(sum(day.senders for day in days), days, users)


def _days(rows: Iterable[AdoptionRow]) -> tuple[AdoptionDay, ...]:
    found: dict[date, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        # An app that acts as itself is a sender of its own; a user with two apps is one.
        sender = _user(row) or row.app_id.strip().lower()
        found[_day(row)]["any"].add(sender)
        for protocol in _named(row):
            found[_day(row)][protocol].add(sender)
    return tuple(
        AdoptionDay(day, len(of["IMAP"]), len(of["POP"]), len(of["SMTP AUTH"]), len(of["any"]))
        for day, of in sorted(found.items())
    )


def _sender(user: str, app_id: str, rows: list[AdoptionRow], own: Collection[str]) -> AdoptionUser:
    days = {_day(row) for row in rows}
    named = {protocol for row in rows for protocol in _named(row)}
    return AdoptionUser(
        user=user,
        app_id=app_id,
        app=min((row.app for row in rows if row.app), default=""),
        protocols=tuple(name for name, _ in _PROTOCOLS if name in named),
        registered=app_id in own or any(row.registered for row in rows),
        days=len(days),
        first=min(days),
        last=max(days),
    )


def _named(row: AdoptionRow) -> tuple[str, ...]:
    return tuple(name for name, field in _PROTOCOLS if getattr(row, field))


def _user(row: AdoptionRow) -> str:
    return row.user.strip().lower()


def _day(row: AdoptionRow) -> date:
    return row.day.astimezone(UTC).date()
