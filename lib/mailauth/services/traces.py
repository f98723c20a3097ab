"""Reads from the message trace which addresses each sender puts into From.

The trace holds 90 days, answers for ten at a time and with 5,000 rows at most, and takes a hundred requests in five
minutes. It is asked by the address that messages were handed over from; that this is the client's own address for
SMTP AUTH is seen, not documented.
"""

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from mailauth.coverage import Coverage, Window
from mailauth.errors import AccessError, SourceError, UnreachableError
from mailauth.froms import Froms, Message, froms, message
from mailauth.plan import Cmdlet, Value

from .client import Pace
from .exchange import Exchange

__all__ = ["LIMIT", "arrivals", "read", "requests"]

LIMIT: Final = (100, 300.0)
"""How many requests are taken in how many seconds."""

_KEPT: Final = timedelta(days=90)
_SLICE: Final = timedelta(days=10)
_ROWS: Final = 5000
# A network that sends more than this in ten days is a mail system, and not one scanner.
_MOST_ROUNDS: Final = 20


def requests(senders: Mapping[str, Sequence[str]], window: Window) -> int:
    """Return how many requests reading takes at least: one for each network and ten days."""
    networks = {each for networks in senders.values() for each in networks if _single(each)}
    return len(networks) * len(list(_slices(window)))


def read(
    exchange: Exchange,
    senders: Mapping[str, Sequence[str]],
    *,
    window: Window,
    neighbours: Mapping[str, Sequence[str]] = MappingProxyType({}),
    now: datetime | None = None,
    pace: Pace | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Froms, ...]:
    """Return which addresses each sender used.

    Args:
        exchange: Whom to ask.
        senders: The networks of each account: addresses; a network with a prefix cannot be asked about.
        window: The time to look at.
        neighbours: The networks of every other sender that is known; they are not asked about.
        now: The clock.
        pace: How fast, one for all that ask in this tenant.
        tell: Called with a line of progress.

    Raises:
        AccessError: Exchange lets nobody in with this sign-in, or no role of theirs holds the trace.
        UnreachableError: Nothing answered.
    """
    moment = now or datetime.now(UTC)
    paced = pace or Pace(*LIMIT)
    networks = list(dict.fromkeys(each for networks in senders.values() for each in networks))
    found: list[Message] = []
    coverage: dict[str, list[Coverage]] = {}
    for number, network in enumerate(networks, start=1):
        tell(f"Exchange: messages from network {number} of {len(networks)}")
        messages, covered = _network(exchange, network, window, moment, paced)
        found += messages
        coverage[network] = covered
    tell("")
    return froms(senders, found, coverage, neighbours=neighbours)


def arrivals(
    exchange: Exchange,
    senders: Mapping[str, tuple[str, str]],
    *,
    now: datetime | None = None,
    pace: Pace | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Mapping[str, date], tuple[Coverage, ...]]:
    """Return the last day of the past ten on which mail of each sender was delivered, and what could not be asked.

    A sender is its account at its network, because a person with the same account sends from elsewhere as well. One
    request for each.

    Args:
        exchange: Whom to ask.
        senders: The account and the network of each, by any key.
        now: The clock.
        pace: How fast, one for all that ask in this tenant.
        tell: Called with a line of progress.
    """
    moment, paced = now or datetime.now(UTC), pace or Pace(*LIMIT)
    found: dict[str, date] = {}
    asked = {key: (account, network) for key, (account, network) in senders.items() if _single(network)}
    try:
        for number, (key, (account, network)) in enumerate(asked.items(), start=1):
            tell(f"Exchange: mail of sender {number} of {len(asked)}")
            paced.wait()
            rows = exchange.invoke(Cmdlet("Get-MessageTraceV2", _delivered(account, network, moment)))
            if days := [each.received.date() for each in map(message, rows) if each]:
                found[key] = max(days)
    except (AccessError, SourceError, UnreachableError) as error:
        lost = Coverage("mail that arrives", "unknown", "exchange", reason=error.message, remedy=error.remedy)
        return found, (lost,)
    finally:
        tell("")
    return found, ()


def _delivered(account: str, network: str, now: datetime) -> dict[str, Value]:
    span: dict[str, Value] = {"StartDate": _text(now - _SLICE), "EndDate": _text(now), "ResultSize": 100}
    return {"SenderAddress": [account], "FromIP": network, "Status": ["Delivered"], **span}


def _network(
    exchange: Exchange, network: str, window: Window, now: datetime, paced: Pace
) -> tuple[list[Message], list[Coverage]]:
    what = f"messages from {network}"
    held = _held(window, now)
    if not _single(network):
        reason = "the message trace is asked by single addresses, and this network is more than one"
        return [], [Coverage(what, "unknown", "exchange", reason=reason)]
    if held is None:
        return [], [Coverage(what, "absent", "exchange", reason="the message trace holds 90 days")]
    found: dict[tuple[str, str], Message] = {}
    lost: list[str] = []
    for part in _slices(held):
        try:
            rows, whole = _slice(exchange, network, part, paced)
        except (AccessError, UnreachableError):
            raise
        except SourceError as error:
            return [], [Coverage(what, "unknown", "exchange", reason=error.message, remedy=error.remedy)]
        # The ends of two slices are one moment, and a message at it is in both.
        found |= {(each.id, each.recipient): each for each in rows}
        if not whole:
            lost.append(f"{part.start:%d %B}")
    return list(found.values()), [_covered(what, held, window, lost)]


def _covered(what: str, held: Window, window: Window, lost: Sequence[str]) -> Coverage:
    if lost:
        reason = f"there are more messages than can be read in the ten days from {', '.join(lost)}"
        return Coverage(what, "partial", "exchange", held.start, held.end, reason=reason)
    if held.start > window.start:
        reason = "the message trace holds 90 days"
        return Coverage(what, "partial", "exchange", held.start, held.end, reason=reason)
    return Coverage(what, "complete", "exchange", held.start, held.end)


def _slice(exchange: Exchange, network: str, part: Window, paced: Pace) -> tuple[list[Message], bool]:
    """Return the messages of ten days, and whether they are all."""
    asked: dict[str, Value] = {"FromIP": network, "ResultSize": _ROWS, "StartDate": _text(part.start)}
    place: dict[str, Value] = {"EndDate": _text(part.end)}
    found: list[Message] = []
    for _ in range(_MOST_ROUNDS):
        paced.wait()
        rows = exchange.invoke(Cmdlet("Get-MessageTraceV2", {**asked, **place}))
        # An address of IPv6 has several spellings; the one that was asked for is the one that senders are known by.
        found += [replace(each, network=network) for each in map(message, rows) if each]
        if len(rows) < _ROWS:
            return found, True
        further = _place(rows[-1])
        if further == place:
            return found, False
        place = further
    return found, False


def _place(row: Mapping[str, object]) -> dict[str, Value]:
    """Return where the next request goes on: the trace has no pages, and wants the last row back."""
    return {"EndDate": str(row.get("Received")), "StartingRecipientAddress": str(row.get("RecipientAddress"))}


def _held(window: Window, now: datetime) -> Window | None:
    """Return the part of *window* that the trace still holds."""
    start, end = max(window.start, now - _KEPT), min(window.end, now)
    return Window(start, end) if start < end else None


def _slices(window: Window) -> Iterator[Window]:
    start = window.start
    while start < window.end:
        end = min(start + _SLICE, window.end)
        yield Window(start, end)
        start = end


def _single(network: str) -> bool:
    try:
        ipaddress.ip_address(network)
    except ValueError:
        return False
    return True


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
