"""Tallies to groups: one value per sender, with its verdict and the evidence for it."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from . import results, tallies, verdicts
from .findings import VERDICTS, Day, Group, Network, Verdict
from .networks import Places
from .results import Answer
from .summary import MailRow
from .tallies import Key, Tally
from .verdicts import Evidence, Thresholds

__all__ = ["groups_of", "order", "sender_id"]

_USER_AGENTS = 5


def groups_of(
    rows: Iterable[MailRow],
    places: Places,
    limits: Thresholds,
    *,
    oauth: Mapping[tuple[str, str], Collection[date]],
    sites_known: bool,
    moment: datetime,
) -> tuple[Group, ...]:
    """Return every sender and attack in *rows*, the worst first, then by days active.

    Args:
        rows: From all sources and slices, in any order.
        places: What is known of their networks.
        limits: The numbers behind the verdicts.
        oauth: By user and protocol, the days on which a token for it was held.
        sites_known: Whether any record said if MFA was required.
        moment: The time to judge from.
    """
    return tuple(
        sorted(
            (
                _group(judged, places, oauth, sites_known=sites_known, quiet_since=moment - _days(limits.quiet_days))
                for judged in _judged(tallies.tally(rows), places, limits)
            ),
            key=order,
        )
    )


def order(group: Group) -> tuple[object, ...]:
    """Return the place of a group in every list: the worst first, then by days active, never by sign-ins."""
    latest = -group.last_seen.timestamp()
    return (VERDICTS.index(group.verdict), -group.days_active, latest, group.user, group.protocol, group.sender_id)


def sender_id(user: str, protocol: str, app_id: str, network: str, *parts: str) -> str:
    """Return the short hash that names a sender from run to run.

    Args:
        user: The user principal name in lower case.
        protocol: The protocol's name.
        app_id: The client application's id.
        network: In the spelling of `networks.canonical`.
        parts: What else sets groups of the same four apart: ``certificate``, ``attack``, or a kind that is not Basic.
    """
    # JSON keeps the fields apart whatever characters a user name holds.
    return hashlib.sha256(json.dumps([user, protocol, app_id, network, *parts]).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class _Judged:
    key: Key
    counted: Tally
    seen: Evidence
    verdict: Verdict


def _judged(found: Mapping[Key, Tally], places: Places, limits: Thresholds) -> list[_Judged]:
    """Return each group with its verdict; what turns out to be noise joins the attack on the same account."""
    judged = []
    attacks = {key: counted for key, counted in found.items() if key.attack}
    for key, counted in found.items():
        if key.attack:
            continue
        counted.settle()
        seen = _evidence(key, counted, places)
        verdict = verdicts.judge(seen, limits)
        if verdict == "attack_noise":
            attacks.setdefault(key._replace(network="", attack=True), Tally()).absorb(counted)
        else:
            judged.append(_Judged(key, counted, seen, verdict))
    for key, counted in attacks.items():
        counted.settle()
        judged.append(_Judged(key, counted, _evidence(key, counted, places), "attack_noise"))
    return judged


def _evidence(key: Key, counted: Tally, places: Places) -> Evidence:
    numbers: dict[Answer, int] = defaultdict(int)
    malicious = 0
    days_ok: set[date] = set()
    days_tried: set[date] = set()
    for cell, count in counted.counts.items():
        result = results.read(cell.result, cell.note)
        numbers[result.answer] += count
        malicious += count if result.reason == results.MALICIOUS_ADDRESS else 0
        if result.answer == "accepted":
            days_ok.add(cell.day)
        elif result.answer in ("probably", "no", "not_evaluated"):
            days_tried.add(cell.day)
    return Evidence(
        kind=key.kind,
        protocol=key.protocol,
        certificate=key.certificate,
        successes=numbers["accepted"],
        days_ok=len(days_ok),
        blocks=numbers["right_then_stopped"],
        expired=numbers["probably"],
        failures=numbers["no"] + numbers["not_evaluated"],
        malicious=malicious,
        days_tried=len(days_tried),
        risk=_highest(counted.success_risks),
        token_events=numbers["not_password"],
        steps=key.certificate or bool(counted.texts["step"]),
        place=places.kind(key.network, key.user, key.protocol),
        sprays=places.sprays(key.network),
    )


def _highest(risks: Collection[str]) -> str:
    return next((level for level in ("high", "medium") if level in risks), "")


def _group(
    judged: _Judged,
    places: Places,
    oauth: Mapping[tuple[str, str], Collection[date]],
    *,
    sites_known: bool,
    quiet_since: datetime,
) -> Group:
    key, counted, seen, verdict = judged.key, judged.counted, judged.seen, judged.verdict
    network = _network(key, counted, places)
    days = _by_day(counted)
    oauth_days = len(oauth.get((key.user, key.protocol), ()))
    last_success = counted.last_success
    return Group(
        sender_id=sender_id(key.user, key.protocol, key.app_id, key.network, *_parts(key)),
        user=key.user,
        user_id="" if key.attack and not key.user else counted.text("user_id"),
        population=key.crowd or _population(counted),
        protocol=key.protocol,
        client_app_used=counted.text("client_app"),
        app=counted.text("app"),
        app_id=key.app_id,
        resource=counted.text("resource"),
        network=network,
        networks=max(counted.passing, len(counted.networks), 1) if key.attack else 1,
        names=max(counted.tried_names, len(counted.names)) if not key.user else 0,
        verdict=verdict,
        reason=verdicts.reason(verdict, seen, network),
        caveats=verdicts.caveats(verdict, seen, sites_known=sites_known),
        sources=tuple(sorted(source for source in counted.texts["source"] if source)),
        step="certificate" if key.certificate else counted.text("step"),
        interactive=_interactive(counted),
        successes=seen.successes,
        right_password_blocks=seen.blocks + seen.expired,
        failures=seen.failures,
        token_events=seen.token_events,
        days_active=seen.days_ok or len({cell.day for cell in counted.counts}),
        first_seen=_known(counted.first),
        last_seen=_known(counted.last),
        last_success=last_success,
        by_day=days,
        user_agents=counted.most("user_agent", _USER_AGENTS),
        result_codes=_codes(counted),
        reasons=_reasons(counted),
        risk=_highest({risk.lower() for risk in counted.texts["risk"]}),
        oauth_days=oauth_days,
        moved=oauth_days > 0 and last_success is not None and last_success < quiet_since,
    )


def _parts(key: Key) -> tuple[str, ...]:
    parts = ("certificate" if key.certificate else "", "attack" if key.attack else "", key.kind, key.crowd)
    return tuple(part for part in parts if part and part != "basic")


def _network(key: Key, counted: Tally, places: Places) -> Network:
    address = key.network
    if not address:
        return Network()
    name = places.name(address)
    kind = places.kind(address, key.user, key.protocol)
    return Network(
        address=address,
        asn=counted.text("asn"),
        country=counted.text("country"),
        label=name.label if name else "",
        kind=kind,
        known_site=kind in ("site", "members"),
        people=places.people.get(address, 0),
        victims=places.victims.get(address, 0),
    )


def _population(counted: Tally) -> str:
    # A source without the columns says "member" of everybody, so whoever says more is believed.
    said = counted.texts["population"]
    return next((each for each in ("partner", "guest", "member") if each in said), "nobody")


def _interactive(counted: Tally) -> Literal["yes", "no", "both"]:
    held = {cell.interactive for cell in counted.counts}
    if len(held) > 1:
        return "both"
    return "yes" if True in held else "no"


def _by_day(counted: Tally) -> tuple[Day, ...]:
    days: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0])
    for cell, count in counted.counts.items():
        column = _COLUMN.get(results.read(cell.result, cell.note).answer)
        if column is not None:
            days[cell.day][column] += count
    return tuple(Day(day, *numbers) for day, numbers in sorted(days.items()))


_COLUMN: Mapping[Answer, int] = {"accepted": 0, "right_then_stopped": 1, "probably": 1, "no": 2, "not_evaluated": 2}


def _codes(counted: Tally) -> Mapping[str, int]:
    codes: dict[str, int] = defaultdict(int)
    for cell, count in counted.counts.items():
        codes[cell.result] += count
    return dict(sorted(codes.items(), key=lambda item: (len(item[0]), item[0])))


def _reasons(counted: Tally) -> Mapping[str, Mapping[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for cell, count in counted.counts.items():
        found[results.read(cell.result, cell.note).reason][cell.result] += count
    return {reason: dict(sorted(codes.items())) for reason, codes in sorted(found.items())}


def _known(moment: datetime | None) -> datetime:
    assert moment is not None, "a tally is made with its first row"
    return moment


def _days(count: int) -> timedelta:
    return timedelta(days=count)
