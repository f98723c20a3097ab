"""Networks: one spelling for each, and what is known of it.

A network belongs to a sender: a password sign-in has no device and a constant app, so
the address is what tells a copier from a botnet. A *known site* is one where members
completed a modern sign-in with MFA; a person's names add to that.
"""

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Literal

from .decisions import Decisions
from .summary import MailRow, NetworkRow

__all__ = ["Kind", "Name", "Places", "canonical", "places"]

_LIMIT = 64  # longer than any address: what is cut was never one


Kind = Literal["site", "hosted", "claimed", "members", ""]
"""Why a network is accounted for: a person named it (``site``, ``hosted``), or named it for this one sender
(``claimed``), or members passed MFA there (``members``); empty where it is not."""


@dataclass(frozen=True)
class Name:
    """What a person calls a network.

    Args:
        label: The name ("Leeds office").
        kind: ``site`` where their people or devices are, ``hosted`` where somebody else's system sends for them.
    """

    label: str
    kind: Literal["site", "hosted"]


@dataclass(frozen=True)
class Places:
    """What is known of every network that matters.

    Args:
        people: How many members passed MFA, by network.
        victims: How many accounts failed a mail sign-in, by network.
        members_for_site: From so many people on, a network is a known site.
        spray_victims: From so many accounts on, a network is a spray.
        name: What a person calls a network, or None.
        claims: Whether a person's decision names the network for this user and protocol.
    """

    people: Mapping[str, int] = field(default_factory=dict)
    victims: Mapping[str, int] = field(default_factory=dict)
    members_for_site: int = 2
    spray_victims: int = 3
    name: Callable[[str], Name | None] = lambda _: None
    claims: Callable[[str, str, str], bool] = lambda _user, _protocol, _network: False

    def kind(self, network: str, user: str = "", protocol: str = "") -> Kind:
        """Return why a network is accounted for, as far as this sender goes."""
        if not network:
            return ""
        name = self.name(network)
        if name is not None:
            return name.kind
        if self.people.get(network, 0) >= self.members_for_site:
            return "members"
        return "claimed" if self.claims(user, protocol, network) else ""

    def sprays(self, network: str) -> bool:
        """Whether so many accounts failed there that it looks like an attack."""
        return bool(network) and self.victims.get(network, 0) >= self.spray_victims


@lru_cache(maxsize=65536)
def canonical(address: str) -> str:
    """Return one spelling of a network: an IPv4 address, or an IPv6 /64 such as ``2001:db8:0:1::/64``.

    An IPv4 address inside an IPv6 one is the IPv4 address, and a port is dropped. What is no
    address comes back trimmed and in lower case, at most 64 characters: it is a network of its own.
    """
    text = address.strip().lower()[:_LIMIT]
    try:
        return _network(ipaddress.ip_address(_without_port(text.partition("/")[0])))
    except ValueError:
        return text


def places(
    facts: Iterable[NetworkRow],
    refused: Iterable[MailRow],
    *,
    limits: tuple[int, int],
    decisions: Decisions | None = None,
) -> Places:
    """Return what the queries, failed sign-ins and a person say of networks.

    Args:
        facts: People by network; counted rows and rows of one person each mix, so the larger of the two holds.
        refused: Rows whose result is not a success; their accounts count as victims too.
        limits: How many members make a site, and how many victims a spray.
        decisions: A person's names.
    """
    counted: dict[str, dict[str, int]] = {"site": {}, "spray": {}}
    persons: dict[str, dict[str, set[str]]] = {"site": {}, "spray": {}}
    for fact in facts:
        network = canonical(fact.network)
        if fact.fact not in counted or not network:
            continue
        if fact.user_id:
            persons[fact.fact].setdefault(network, set()).add(fact.user_id)
        else:
            counted[fact.fact][network] = max(fact.people, counted[fact.fact].get(network, 0))
    tried: dict[str, set[str]] = {}
    for row in refused:
        if row.network:
            tried.setdefault(canonical(row.network), set()).add(row.user_id or row.user)
    return Places(
        people=_larger(counted["site"], persons["site"]),
        victims=_larger(counted["spray"], persons["spray"], tried),
        members_for_site=limits[0],
        spray_victims=limits[1],
        name=_names(decisions),
        claims=_claims(decisions),
    )


def _names(decisions: Decisions | None) -> Callable[[str], Name | None]:
    @cache
    def name(network: str) -> Name | None:
        found = decisions.network(network) if decisions and network else None
        return Name(found.name, "hosted" if found.kind == "hosted" else "site") if found else None

    return name


def _claims(decisions: Decisions | None) -> Callable[[str, str, str], bool]:
    users = frozenset(sender.user for sender in decisions.senders) if decisions else frozenset()

    def claims(user: str, protocol: str, network: str) -> bool:
        found = decisions.sender(user, protocol, network) if decisions and user in users else None
        return found is not None and bool(found.networks)

    return claims


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0] if host.count(":") == 1 else host


def _larger(counted: Mapping[str, int], *sets: Mapping[str, set[str]]) -> dict[str, int]:
    largest = dict(counted)
    for members in sets:
        for network, people in members.items():
            largest[network] = max(len(people), largest.get(network, 0))
    return largest


def _network(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))
