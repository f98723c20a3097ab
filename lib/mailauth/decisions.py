"""What a person decided about a tenant's senders: names of networks, roads, owners, dates, exceptions.

The file is theirs: the runbook reads it and never writes it. What is in it survives the next run, is shown as
theirs, and is named when it matches nothing any more.
"""

import ipaddress
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo

from . import documents, reference
from .documents import Document, Mark, Place, Problem, complain, wrong

__all__ = ["RESET", "Decisions", "Done", "Network", "Sender", "Vendor", "load", "parse"]

_FORBID = ConfigDict(extra="forbid", str_strip_whitespace=True)
_IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Kind = Literal["site", "hosted"]
RESET: Final = "reset"
"""In place of a road: a stranger had the password, which was reset, and the sessions were revoked."""
# Wider than this is no office and no service: it would make a stranger's address a known one.
_WIDEST = {4: 8, 6: 19}


@dataclass(frozen=True)
class Network:
    """A network that a person named.

    Args:
        network: The address or the range in CIDR form; an IPv6 address stands for its /64.
        name: What it is called.
        kind: ``site`` (the tenant's own people sit there) or ``hosted`` (a service that sends for the tenant).
        note: Anything else.
        mark: Where it is written.
    """

    network: str
    name: str
    kind: Kind
    note: str
    mark: Mark

    def holds(self, network: str) -> bool:
        """Whether *network* (an address, or an IPv6 /64) is part of it."""
        return _part_of(network, _network(self.network))


@dataclass(frozen=True)
class Done:
    """A person's word that a sender has left its password behind, and its mail arrives; or that no stranger has it.

    Args:
        on: The day on which they saw it.
        by: Who saw it.
        road: The road that it took, or `RESET`.
    """

    on: date
    by: str
    road: str


@dataclass(frozen=True)
class Sender:
    """A decision about one sender, or about several that a user name, protocol and network have in common.

    Args:
        user: The user principal name, in lower case.
        protocol: As pages name it (``SMTP AUTH``); empty for any.
        networks: Where it sends from; empty for anywhere.
        what: What it is, in the person's words.
        action: The road it takes; empty where it is not decided.
        answers: What the person knows: ``outside`` (sends to people outside), ``oauth`` (can do OAuth),
            ``fixed_address`` (sends from a fixed public address), ``azure`` (an Azure subscription may be used).
        owner: Who sees to it.
        due: By when.
        vendor: Whose answer counts for it: a name in `Decisions.vendors`, or empty.
        note: Anything else.
        exception_until: The last day on which it may stay as it is.
        mark: Where it is written.
        done: Who confirmed that it has moved; None where nobody has.
    """

    user: str
    protocol: str
    networks: tuple[str, ...]
    what: str
    action: str
    answers: Mapping[str, bool]
    owner: str
    due: date | None
    vendor: str
    note: str
    exception_until: date | None
    mark: Mark
    done: Done | None = None

    def matches(self, user: str, protocol: str, network: str) -> bool:
        """Whether the decision is about this sender."""
        here = not self.networks or any(_part_of(network, _network(own)) for own in self.networks)
        return here and user.lower() == self.user and self.protocol in ("", _protocols().get(protocol.casefold(), ""))

    def __str__(self) -> str:
        return " ".join(filter(None, (self.user, self.protocol and f"by {self.protocol}", self._places())))

    def _places(self) -> str:
        return f"from {' or '.join(self.networks)}" if self.networks else ""


@dataclass(frozen=True)
class Vendor:
    """What a vendor said about a product.

    Args:
        name: The product.
        oauth: Whether it can sign in with OAuth for mail; None where the vendor has not said.
        answered: The day of the answer.
        note: The answer, or a version.
    """

    name: str
    oauth: bool | None
    answered: date | None
    note: str


@dataclass(frozen=True)
class Decisions:
    """A tenant's decisions; without a file, none."""

    networks: tuple[Network, ...] = ()
    senders: tuple[Sender, ...] = ()
    vendors: Mapping[str, Vendor] = field(default_factory=dict)

    def network(self, network: str) -> Network | None:
        """Return the narrowest named network that *network* is part of."""
        holding = [named for named in self.networks if named.holds(network)]
        return max(holding, key=lambda named: _network(named.network).prefixlen, default=None)

    def sender(self, user: str, protocol: str, network: str) -> Sender | None:
        """Return the decision that speaks most closely of a sender: its network counts before its protocol."""
        about = [decision for decision in self.senders if decision.matches(user, protocol, network)]
        return max(about, key=lambda decision: (bool(decision.networks), bool(decision.protocol)), default=None)

    def unmatched(self, seen: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
        """Return a sentence for each decision and named network that nothing seen belongs to.

        Args:
            seen: User, protocol and network of each sender found.
        """
        found = list(seen)
        lost: list[Sender | Network] = [
            decision for decision in self.senders if not any(decision.matches(*sender) for sender in found)
        ]
        lost += [named for named in self.networks if not any(named.holds(network) for _, _, network in found)]
        return tuple(f"{item.mark}: {_title(item)} matches nothing that was found." for item in lost)


def _title(item: Sender | Network) -> str:
    return f"{item.name} ({item.network})" if isinstance(item, Network) else f"the decision about {item}"


@lru_cache(maxsize=65_536)
def _network(text: str) -> _IPNetwork:
    found = ipaddress.ip_network(text)
    # Privacy addresses change daily inside their /64, so that is what a sender is known by.
    return found.supernet(new_prefix=64) if found.version == 6 and found.prefixlen > 64 else found


def _written(network: _IPNetwork) -> str:
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if single else str(network)


def _part_of(network: str, whole: _IPNetwork) -> bool:
    try:
        part = _network(network)
    except ValueError:
        return False  # a record without an address
    return (
        part.version == whole.version
        and int(whole.network_address) <= int(part.network_address)
        and int(part.broadcast_address) <= int(whole.broadcast_address)
    )


def _protocols() -> Mapping[str, str]:
    """Return each spelling of a protocol, and the name that pages use for it."""
    known = reference.table("client_apps")["protocols"]
    return {spelling.casefold(): name for name, spellings in known.items() for spelling in (name, *spellings)}


_Info = ValidationInfo[Any]


def _protocol(text: str) -> str:
    names = _protocols()
    if text.casefold() not in names or not text:
        raise wrong(f"one of {', '.join(sorted(set(names.values())))}")
    return names[text.casefold()]


def _own_networks(text: str, info: _Info) -> str:
    if text not in info.context["names"]:
        _checked_network(text)
    return text


def _checked_network(text: str) -> str:
    try:
        found = ipaddress.ip_network(text)
    except ValueError:
        raise complain(f"found {documents.show(text)}; {_better_network(text)}") from None
    if found.prefixlen < _WIDEST[found.version]:
        raise complain(f"found {text!r}; expected a network of /{_WIDEST[found.version]} or narrower")
    return text


def _better_network(text: str) -> str:
    try:
        meant = ipaddress.ip_interface(text)
    except ValueError:
        return "expected an address such as 203.0.113.10, or a range such as 198.51.100.0/24"
    return f"expected {meant.network}, or the one address {meant.ip}"


def _named(value: object) -> object:
    return {"name": value} if isinstance(value, str) else value


def _day(value: object) -> object:
    # A bare number would pass for seconds since 1970.
    if isinstance(value, datetime) or not isinstance(value, str | date):
        raise ValueError
    return value


def _filled(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _road(text: str, info: _Info) -> str:
    return _one_of(text, info.context["actions"])


def _end(text: str, info: _Info) -> str:
    roads = info.context["actions"]
    return _one_of(text, [*roads, RESET] if roads else [])


def _one_of(text: str, known: Sequence[str]) -> str:
    if known and text not in known:
        raise complain(f"found {documents.show(text)}; {documents.nearest(text, known)}")
    return text


def _user(text: str) -> str:
    if not text or any(character.isspace() for character in text):
        raise ValueError
    return text.lower()


_Day = Annotated[date | None, BeforeValidator(_day), Field(description="a date such as 2026-12-11")]
_Text = Annotated[str, Field(description="text")]
_YesNo = Annotated[bool | None, Field(description="yes or no; leave it out where nobody knows")]


@dataclass(frozen=True, kw_only=True)
class _Answers:
    __pydantic_config__ = _FORBID

    outside: _YesNo = None
    oauth: _YesNo = None
    fixed_address: _YesNo = None
    azure: _YesNo = None


@dataclass(frozen=True, kw_only=True)
class _NetworkEntry:
    __pydantic_config__ = _FORBID

    name: Annotated[str, AfterValidator(_filled), Field(description="what the network is called")]
    kind: Annotated[Kind, Field(description="site or hosted")] = "site"
    note: _Text = ""


@dataclass(frozen=True, kw_only=True)
class _DoneEntry:
    __pydantic_config__ = _FORBID

    on: Annotated[date, BeforeValidator(_day), Field(description="the day it was seen, such as 2026-12-09")]
    by: Annotated[str, AfterValidator(_filled), Field(description="who saw it, as text")]
    road: Annotated[str, AfterValidator(_filled), AfterValidator(_end), Field(description="a road or reset, as text")]


@dataclass(frozen=True, kw_only=True)
class _SenderEntry:
    __pydantic_config__ = _FORBID

    user: Annotated[str, AfterValidator(_user), Field(description="a user name such as scanner@woodgrove.example")]
    protocol: Annotated[str, AfterValidator(_protocol), Field(description="a protocol such as smtp")] = ""
    network: Annotated[
        str,
        AfterValidator(_own_networks),
        Field(description="an address, a range, or the name of a network under networks"),
    ] = ""
    what: _Text = ""
    action: Annotated[str, AfterValidator(_road), Field(description="a road, as text")] = ""
    answers: Annotated[_Answers, Field(description="a mapping such as {outside: yes, oauth: no}")] = field(
        default_factory=_Answers
    )
    owner: _Text = ""
    due: _Day = None
    vendor: Annotated[str, Field(description="the name of a product under vendors")] = ""
    note: _Text = ""
    exception_until: _Day = None
    done: Annotated[
        _DoneEntry | None, Field(description="a mapping such as {on: 2026-12-09, by: J. Ward, road: relay}")
    ] = None


@dataclass(frozen=True, kw_only=True)
class _VendorEntry:
    __pydantic_config__ = _FORBID

    oauth: _YesNo = None
    answered: _Day = None
    note: _Text = ""


@dataclass(frozen=True, kw_only=True)
class _File:
    __pydantic_config__ = _FORBID

    networks: Annotated[
        dict[
            str,
            Annotated[_NetworkEntry, BeforeValidator(_named), Field(description="a name, or {name: …, kind: hosted}")],
        ],
        Field(description="a mapping such as 203.0.113.10: Leeds office"),
    ] = field(default_factory=dict)
    senders: Annotated[
        tuple[_SenderEntry, ...], Field(description="a list such as [{user: scanner@woodgrove.example, action: …}]")
    ] = ()
    vendors: Annotated[
        dict[str, Annotated[_VendorEntry, Field(description="a mapping such as {oauth: yes, answered: 2026-11-01}")]],
        Field(description="a mapping of products to what their vendors said"),
    ] = field(default_factory=dict)


def load(path: Path, *, actions: Collection[str] = ()) -> Decisions:
    """Return the decisions in the file at *path*.

    Raises:
        ConfigurationError: It is missing or unreadable, or anything in it is wrong: one line for each problem.
    """
    return parse(documents.read(path, expected="the file that the tenant's `decisions:` names"), path, actions=actions)


def parse(text: str, where: Path, *, actions: Collection[str] = ()) -> Decisions:
    """Return the decisions that *text* holds; opens nothing.

    Args:
        text: YAML.
        where: What errors call the file.
        actions: The roads there are; empty lets any text pass.

    Raises:
        ConfigurationError: As `load` says.
    """
    document = documents.parse(text, where.name)
    names = {name for name, _ in _network_names(document)}
    problems = [*_network_problems(document), *_sender_problems(document)]
    context = {"names": names, "actions": list(actions)}
    file = documents.check(document, _File, more=problems, context=context)
    networks = tuple(_named_network(document, text, entry) for text, entry in file.networks.items())
    senders = tuple(_sender(document, number, entry, networks) for number, entry in enumerate(file.senders))
    vendors = {name: Vendor(name, entry.oauth, entry.answered, entry.note) for name, entry in file.vendors.items()}
    return Decisions(networks, senders, vendors)


def _network_names(document: Document) -> Iterator[tuple[str, str]]:
    held = document.data.get("networks")
    for text, entry in held.items() if isinstance(held, dict) else ():
        name = entry.get("name") if isinstance(entry, dict) else entry
        yield str(name), text


def _network_problems(document: Document) -> Iterator[Problem]:
    first: dict[_IPNetwork, Mark] = {}
    for _, text in _network_names(document):
        place: Place = ("networks", text)
        mark = document.mark(place)
        try:
            found = _network(_checked_network(text))
        except ValueError as error:
            yield Problem(mark, place, f"{error}.")
            continue
        if found in first:
            yield Problem(mark, place, f"found the network of line {first[found].line} again; expected each once.")
        first.setdefault(found, mark)


def _sender_problems(document: Document) -> Iterator[Problem]:
    listed, vendors = document.data.get("senders"), document.data.get("vendors")
    known = list(vendors) if isinstance(vendors, dict) else []
    first: dict[tuple[str, ...], Mark] = {}
    for number, entry in enumerate(listed if isinstance(listed, list) else ()):
        if not isinstance(entry, dict):
            continue
        place: Place = ("senders", number)
        mark = document.mark(place)
        about = tuple(str(entry.get(key, "")).casefold() for key in ("user", "protocol", "network"))
        if about in first:
            yield Problem(mark, place, f"found the sender of line {first[about].line} again; expected each once.")
        first.setdefault(about, mark)
        vendor = entry.get("vendor")
        if vendor and str(vendor) not in known:
            wanted = documents.nearest(str(vendor), known) or "expected a section vendors that holds it"
            vendor_place = (*place, "vendor")
            yield Problem(document.mark(vendor_place), vendor_place, f"found {documents.show(vendor)}; {wanted}.")


def _named_network(document: Document, text: str, entry: _NetworkEntry) -> Network:
    return Network(_written(_network(text)), entry.name, entry.kind, entry.note, document.mark(("networks", text)))


def _sender(document: Document, number: int, entry: _SenderEntry, named: tuple[Network, ...]) -> Sender:
    by_name = tuple(network.network for network in named if network.name == entry.network)
    own = by_name or ((_written(_network(entry.network)),) if entry.network else ())
    given = {item.name: getattr(entry.answers, item.name) for item in fields(entry.answers)}
    return Sender(
        user=entry.user,
        protocol=entry.protocol,
        networks=own,
        what=entry.what,
        action=entry.action,
        answers={question: answer for question, answer in given.items() if answer is not None},
        owner=entry.owner,
        due=entry.due,
        vendor=entry.vendor,
        note=entry.note,
        exception_until=entry.exception_until,
        mark=document.mark(("senders", number)),
        done=Done(entry.done.on, entry.done.by, entry.done.road) if entry.done else None,
    )
