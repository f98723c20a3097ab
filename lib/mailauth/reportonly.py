"""What a Conditional Access policy that only reports would have stopped: as sign-in records say it, or inferred.

A record says it only from the day on which there was such a policy, and only where the source carries it. Everywhere
else whoever signs in by an old client is taken for somebody whom the policy against these would stop.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal, NamedTuple

from . import protocols
from .conditions import AccessPolicy, Conditions
from .findings import PolicyCarrier, PolicyRuling, ReportOnly
from .summary import PolicyRow

__all__ = [
    "WHAT",
    "Blocked",
    "Carried",
    "Said",
    "against_legacy",
    "carried",
    "limits",
    "stopping",
    "summarise",
    "would_block",
]

Record = Mapping[str, Any]

WHAT: Final = "what policies that only report said"
"""What the coverage calls it."""

Basis = Literal["log", "inferred"]

_MODERN: Final = frozenset({"modern", "not_mail", "ropc_mail_app", "attack_noise", "powershell_password"})


@dataclass(frozen=True)
class Said:
    """What one policy that only reports said of somebody's sign-ins.

    Args:
        policy: Its display name. Hostile text.
        sign_ins: Of how many it spoke.
        stopped: How many of them it would have stopped.
        legacy: Whether it is one against old clients, as it stands now.
    """

    policy: str
    sign_ins: int
    stopped: int
    legacy: bool = False


@dataclass(frozen=True)
class Blocked:
    """Somebody whom a Conditional Access policy against old clients stops, or seems to.

    Args:
        user: Whose account.
        protocol: By which protocol.
        sign_ins: How often a sign-in went through; 0 where only policies spoke of it, as no sender of mail.
        last_seen: When last, in RFC 3339.
        certificate: Whether it was ActiveSync with a certificate, which such a policy stops too.
        basis: ``log`` where a policy against old clients spoke of it; ``inferred`` where it is concluded from the
            protocol alone, also beside others that would have stopped it, such as one that asks for MFA.
        said: What policies said of it, one against old clients first, then what would have stopped it most often.
    """

    user: str
    protocol: str
    sign_ins: int
    last_seen: str
    certificate: bool = False
    basis: Basis = "inferred"
    said: tuple[Said, ...] = ()

    @property
    def stopped(self) -> int:
        """How often it would have been stopped as the log has it; one against old clients decides where it spoke."""
        spoke = [each for each in self.said if each.legacy] or self.said
        return max((each.stopped for each in spoke), default=0)


Carried = Literal["all", "part", "none", "nothing", "not collected"]
"""How many records of a source carry what policies said; ``nothing`` where no old client got in."""


# --- from rows to findings ----------------------------------------------------------------------------


class _Key(NamedTuple):
    user: str
    protocol: str
    policy_id: str


@dataclass
class _Counts:
    """What one source counted; rows of one day in several slices add up."""

    sign_ins: int = 0
    stopped: int = 0


@dataclass
class _Seen:
    """What is known under one key: by day and source, and beside it. Changed while rows are read, then only read."""

    first: datetime
    last: datetime
    policy: str
    days: dict[date, dict[str, _Counts]]

    def add(self, row: PolicyRow) -> None:
        self.first, self.last = min(self.first, row.first), max(self.last, row.last)
        self.policy = max(self.policy, row.policy)
        counts = self.days.setdefault(row.day.date(), {}).setdefault(row.source, _Counts())
        counts.sign_ins += row.sign_ins
        counts.stopped += row.stopped

    def believed(self) -> Iterator[_Counts]:
        """Yield for each day what the source that saw most counted: two witnesses of one sign-in are still one."""
        for by_source in self.days.values():
            yield max(by_source.values(), key=lambda each: (each.sign_ins, each.stopped))


def summarise(rows: Iterable[PolicyRow]) -> ReportOnly:
    """Return what policies that only report said.

    Args:
        rows: From all sources and slices, in any order.
    """
    held = list(rows)
    return ReportOnly(tuple(_sources(each for each in held if not each.policy_id)), _rulings(held))


def _sources(totals: Iterable[PolicyRow]) -> Iterator[PolicyCarrier]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in totals:
        counts[row.source][0] += row.sign_ins
        counts[row.source][1] += row.carried
    for source, (sign_ins, carried) in sorted(counts.items()):
        yield PolicyCarrier(source, sign_ins, carried)


def _rulings(rows: Iterable[PolicyRow]) -> tuple[PolicyRuling, ...]:
    seen: dict[_Key, _Seen] = {}
    for row in rows:
        if row.policy_id:
            key = _Key(row.user.strip(), protocols.name(row.client_app, row.app_id), row.policy_id)
            seen.setdefault(key, _Seen(row.first, row.last, row.policy, {})).add(row)
    found = [_ruling(key, one) for key, one in seen.items()]
    return tuple(sorted(found, key=lambda one: (-one.stopped, one.user, one.protocol, one.policy_id)))


def _ruling(key: _Key, seen: _Seen) -> PolicyRuling:
    counts = list(seen.believed())
    return PolicyRuling(
        user=key.user,
        protocol=key.protocol,
        policy_id=key.policy_id,
        policy=seen.policy,
        sign_ins=sum(each.sign_ins for each in counts),
        stopped=sum(each.stopped for each in counts),
        first_seen=seen.first,
        last_seen=seen.last,
    )


# --- from evidence to an answer -----------------------------------------------------------------------


def carried(record: Record) -> Mapping[str, Carried]:
    """Return for each source how far its records carry what policies said.

    Args:
        record: The evidence of notebook 10; that of an earlier version of it collected nothing of the kind.
    """
    held = record["data"].get("report_only")
    if held is None:
        return {"": "not collected"}
    return {each["source"]: _carried(each["sign_ins"], each["carried"]) for each in held["sources"]}


def limits(record: Record) -> tuple[str, ...]:
    """Return why not all that policies said was counted, in sentences.

    Args:
        record: The evidence of notebook 10.
    """
    limited = (each for each in record["coverage"] if each["what"] == WHAT)
    return tuple(f"{each['source']}: {each['reason']} {each['remedy']}".strip() for each in limited)


def _carried(sign_ins: int, carried: int) -> Carried:
    if not sign_ins:
        return "nothing"
    return "all" if carried == sign_ins else "part" if carried else "none"


def stopping(records: Iterable[Record]) -> tuple[str, ...]:
    """Return the ids of the policies that stop who shows a password alone, as looks at Conditional Access left them.

    Args:
        records: The evidence of notebooks 40 and 60.
    """
    policies = (each for record in records for each in record["data"]["settings"]["access"] or ())
    # In older evidence of notebook 60 none says what it does.
    return tuple(sorted({each["id"].lower() for each in policies if each.get("stops", True)}))


def against_legacy(policy: AccessPolicy) -> bool:
    """Whether a policy is about everybody's old clients, stops them, and leaves newer ones alone."""
    return (
        policy.include.everybody
        and policy.reaches("other")
        and policy.effect("other") == "stops"
        and not policy.narrowed
        and not policy.reaches("mobileAppsAndDesktopClients")
    )


def would_block(record: Record, conditions: Conditions) -> tuple[Blocked, ...]:
    """Return whom policies that only report stop as the log has it, and whom one seems to stop where it is silent.

    Args:
        record: The evidence of notebook 10.
        conditions: The policies as they stand now, which tell what each of them is about.

    Returns:
        What is used most first. Who is inferred, and of whom a policy spoke, stands there once.
    """
    said = _said(record, frozenset(each.id.lower() for each in conditions.policies or () if against_legacy(each)))
    found = [
        _blocked(user, protocol, groups, said.pop((user, protocol), []))
        for (user, protocol), groups in _inferred(record).items()
    ]
    found += [_only_said(user, protocol, told) for (user, protocol), told in said.items()]
    return tuple(sorted(found, key=lambda each: (-each.sign_ins, -each.stopped, each.user, each.protocol)))


def _inferred(record: Record) -> Mapping[tuple[str, str], list[Record]]:
    found: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for each in record["data"]["groups"]:
        if each["successes"] and each["verdict"] not in _MODERN:
            found[each["user"], each["protocol"]].append(each)
    return found


def _said(record: Record, legacy: frozenset[str]) -> dict[tuple[str, str], list[tuple[Said, str]]]:
    """Return what was said of each account by each protocol, with the time of the last sign-in it was said of."""
    found: dict[tuple[str, str], list[tuple[Said, str]]] = defaultdict(list)
    for each in (record["data"].get("report_only") or {}).get("rulings", ()):
        said = Said(each["policy"], each["sign_ins"], each["stopped"], each["policy_id"] in legacy)
        # That a policy about something else does not apply says nothing of one against old clients.
        if said.legacy or said.stopped:
            found[each["user"], each["protocol"]].append((said, each["last_seen"]))
    return found


def _blocked(user: str, protocol: str, groups: Iterable[Record], told: Iterable[tuple[Said, str]]) -> Blocked:
    held, said = list(groups), _sorted(told)
    return Blocked(
        user=user,
        protocol=protocol,
        sign_ins=sum(each["successes"] for each in held),
        last_seen=max(each["last_seen"] for each in held),
        certificate=any(each["verdict"] == "certificate" for each in held),
        basis=_basis(said),
        said=said,
    )


def _only_said(user: str, protocol: str, told: Sequence[tuple[Said, str]]) -> Blocked:
    said = _sorted(told)
    return Blocked(user, protocol, 0, max(last for _, last in told), basis=_basis(said), said=said)


def _basis(said: Iterable[Said]) -> Basis:
    return "log" if any(each.legacy for each in said) else "inferred"


def _sorted(told: Iterable[tuple[Said, str]]) -> tuple[Said, ...]:
    said = (each for each, _ in told)
    return tuple(sorted(said, key=lambda each: (not each.legacy, -each.stopped, -each.sign_ins, each.policy)))
