"""Which addresses a sender puts into From: a scanner signs in as one account and sends as many.

Each address that is not the account's own needs SendAs before passwords end, or has to become its own.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from .coverage import Coverage
from .organization import Organization

__all__ = ["Froms", "Message", "Use", "froms", "message"]


@dataclass(frozen=True)
class Message:
    """A message that went through, to one recipient.

    Args:
        id: Its trace id; the same for every recipient of one message.
        sender: What stood in From, in lower case.
        recipient: Whom it was for, in lower case.
        network: The address that it was handed over from.
        received: When, in UTC.
    """

    id: str
    sender: str
    recipient: str
    network: str
    received: datetime


@dataclass(frozen=True)
class Use:
    """An address that a sender used.

    Args:
        address: The address, in lower case; hostile until a view escapes it.
        messages: In how many messages.
        last: When last, in UTC.
        networks: From where.
        sure: Whether no other sender is known at one of these networks; otherwise it may have been theirs.
    """

    address: str
    messages: int
    last: datetime
    networks: tuple[str, ...]
    sure: bool


@dataclass(frozen=True)
class Froms:
    """The addresses that one sender used.

    Args:
        account: What it signs in as, in lower case.
        networks: Where it was looked for.
        uses: What was found, most messages first.
        coverage: How far that reaches; an address that is not here was not seen, which is not the same as not used.
    """

    account: str
    networks: tuple[str, ...]
    uses: tuple[Use, ...] = ()
    coverage: tuple[Coverage, ...] = field(default=())

    @property
    def known(self) -> bool:
        """Whether every network was looked at, for the whole time that was asked about."""
        return bool(self.networks) and all(each.state == "complete" for each in self.coverage)

    def others(self, organization: Organization) -> tuple[Use, ...]:
        """Return the uses of addresses that are not the account's own."""
        box = organization.mailbox(self.account)
        own = {self.account, *(box.addresses if box else ())}
        return tuple(each for each in self.uses if each.address not in own)


def message(row: Mapping[str, Any]) -> Message | None:
    """Return the message of a row of ``Get-MessageTraceV2``; None for one without a sender or a time."""
    sender = str(row.get("SenderAddress") or "").strip().lower()
    received = _moment(row.get("Received"))
    if not sender or received is None:
        return None
    return Message(
        id=str(row.get("MessageTraceId") or ""),
        sender=sender,
        recipient=str(row.get("RecipientAddress") or "").strip().lower(),
        network=str(row.get("FromIP") or ""),
        received=received,
    )


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    # The times of a trace are UTC, whether they say so or not.
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def froms(
    senders: Mapping[str, Sequence[str]],
    messages: Iterable[Message],
    coverage: Mapping[str, Sequence[Coverage]],
    *,
    neighbours: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> tuple[Froms, ...]:
    """Return for each sender what its networks put into From.

    Args:
        senders: The networks of each account.
        messages: What was traced, from whichever network.
        coverage: How far the trace of each network reaches.
        neighbours: The networks of every other sender that is known: what came from there may be theirs.
    """
    traced: defaultdict[str, list[Message]] = defaultdict(list)
    for each in messages:
        traced[each.network].append(each)
    users: defaultdict[str, set[str]] = defaultdict(set)
    for account, networks in (*senders.items(), *neighbours.items()):
        for network in networks:
            users[network].add(account.lower())
    return tuple(
        Froms(
            account=account.lower(),
            networks=tuple(networks),
            uses=_uses([each for network in networks for each in traced[network]], users),
            coverage=tuple(each for network in networks for each in coverage.get(network, ())),
        )
        for account, networks in senders.items()
    )


def _uses(messages: Iterable[Message], users: Mapping[str, set[str]]) -> tuple[Use, ...]:
    by_address: defaultdict[str, list[Message]] = defaultdict(list)
    for each in messages:
        by_address[each.sender].append(each)
    made = [_use(address, found, users) for address, found in by_address.items()]
    return tuple(sorted(made, key=lambda each: (-each.messages, each.address)))


def _use(address: str, found: Sequence[Message], users: Mapping[str, set[str]]) -> Use:
    networks = tuple(dict.fromkeys(each.network for each in found))
    return Use(
        address=address,
        messages=len({each.id or (each.received, each.recipient) for each in found}),
        last=max(each.received for each in found),
        networks=networks,
        sure=any(len(users.get(network, ())) <= 1 for network in networks),
    )
