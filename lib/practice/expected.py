"""The truth of a practice tenant: what a good report finds in its logs.

It is counted from the events themselves, so it knows nothing of files, repeats or queries;
tests hold the library's findings against it.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from .signins import Event
from .world import Mailer, World

__all__ = ["PROTOCOLS", "Guesses", "Sender", "adoption", "guesses", "known_sites", "senders"]

PROTOCOLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Authenticated SMTP": "SMTP AUTH",
        "Autodiscover": "Autodiscover",
        "Exchange ActiveSync": "ActiveSync",
        "Exchange Web Services": "EWS",
        "IMAP4": "IMAP",
        "MAPI over HTTP": "MAPI",
        "Mobile Apps and Desktop clients": "",
        "Other clients": "Other clients",
        "POP3": "POP",
        "": "",
    }
)
"""ClientAppUsed, as most rows spell it, to the protocol's short name; empty where it names none."""


@dataclass(frozen=True)
class Sender:
    """One sender as a report should show it.

    Args:
        user: The sign-in name in lower case.
        protocol: A value of `PROTOCOLS`.
        app_id: The application's id.
        network: The address, or the IPv6 /64 in its short form.
        verdict: What to say of it once a person's decisions are known; empty where the logs cannot tell.
        unnamed: The same without those decisions.
        population: ``member``, ``guest`` or ``partner``.
        days_active: Days with a success; where there was none, days with any sign-in.
        successes: Sign-ins that went through, each counted once.
        codes: Sign-ins by result code, interrupted ones included.
        stories: What it is, in sentences.
    """

    user: str
    protocol: str
    app_id: str
    network: str
    verdict: str
    unnamed: str
    population: str
    days_active: int
    successes: int
    codes: Mapping[str, int]
    stories: tuple[str, ...]


@dataclass(frozen=True)
class Guesses:
    """What strangers tried, at whatever account.

    Args:
        sign_ins: How often.
        networks: From how many networks.
        accounts: At how many accounts that exist.
        names: With how many names that do not.
    """

    sign_ins: int
    networks: int
    accounts: int
    names: int


def senders(world: World, happened: Iterable[Event]) -> tuple[Sender, ...]:
    """Return every sender of *world* among the events, in the order of its story."""
    found: dict[tuple[str, str, str, str], list[Mailer]] = {}
    rows: dict[str, list[Event]] = {}
    for event in happened:
        rows.setdefault(event.key, []).append(event)
    for mailer in world.mailers:
        if mailer.key in rows:
            found.setdefault(_identity(world, mailer), []).append(mailer)
    return tuple(
        _sender(identity, mailers, [event for mailer in mailers for event in rows[mailer.key]])
        for identity, mailers in found.items()
    )


def guesses(world: World, happened: Iterable[Event]) -> Guesses:
    """Return the attacks among the events in total."""
    keys = {attack.key for attack in world.attacks}
    tried = [event for event in happened if event.key in keys]
    return Guesses(
        sign_ins=len(tried),
        networks=len({event.network for event in tried}),
        accounts=len({event.user for event in tried if event.population == "member"}),
        names=len({event.user.lower() for event in tried if event.population == "nobody"}),
    )


def adoption(world: World, happened: Iterable[Event]) -> frozenset[tuple[date, str]]:
    """Return the sender-days of OAuth for mail: a day, and the user or (for an app as itself) the app's name.

    An app that trades a stored password for its token is not among them, nor is one that no tenants file lists.
    """
    robots = {robot.key for robot in world.robots if robot.listed}
    return frozenset(
        (event.at.date(), event.user.lower() or event.name)
        for event in happened
        if event.key in robots or (event.protocol == "oAuth2" and any(map(_for_mail, event.scopes)))
    )


def known_sites(happened: Iterable[Event]) -> Mapping[str, int]:
    """Return how many members completed MFA in each network."""
    people = {
        (event.network.group, event.user)
        for event in happened
        if event.population == "member" and event.code == "0" and event.requirement == "multiFactorAuthentication"
    }
    return Counter(network for network, _ in people)


def _identity(world: World, mailer: Mailer) -> tuple[str, str, str, str]:
    network = world.sites[mailer.site].network.group
    return world.address(mailer.account), PROTOCOLS[mailer.client], world.app(mailer.app).app_id, network


def _sender(identity: tuple[str, str, str, str], mailers: list[Mailer], rows: list[Event]) -> Sender:
    worked = [row for row in rows if row.code == "0"]
    user, protocol, app_id, network = identity
    return Sender(
        user=user,
        protocol=protocol,
        app_id=app_id,
        network=network,
        verdict=mailers[0].verdict,
        unnamed=mailers[0].unnamed or mailers[0].verdict,
        population=mailers[0].population,
        days_active=len({row.at.date() for row in worked or rows}),
        successes=len(worked),
        codes=MappingProxyType(dict(Counter(row.code for row in rows))),
        stories=tuple(mailer.story for mailer in mailers),
    )


def _for_mail(scope: str) -> bool:
    return scope.startswith(("IMAP.", "POP.", "SMTP."))
