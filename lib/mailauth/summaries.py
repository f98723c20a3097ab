"""Groups to the tables of a page: by protocol, account, app, reason, day.

Attack noise is counted apart in every one of them, so that the traffic of strangers
never hides, or looks like, a sender. By protocol and by day, certificates are apart from
passwords, and what is no mail or a token is left out.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from datetime import date
from typing import Literal, TypeVar

from . import results
from .findings import (
    VERDICTS,
    ActiveSyncUser,
    AppSummary,
    AttackTotals,
    Group,
    ProtocolSummary,
    ReasonSummary,
    RopcSplit,
    TrendRow,
    UserSummary,
    Verdict,
)
from .summary import NoiseTotal

__all__ = [
    "activesync",
    "attacks",
    "by_app",
    "by_protocol",
    "by_reason",
    "by_user",
    "is_certificate",
    "ropc",
    "trend",
]

_K = TypeVar("_K", bound=Hashable)

# What a person migrates, repairs or retires; what strangers do and what is no mail is not among it.
_SENDERS: tuple[Verdict, ...] = (
    "basic_sender",
    "basic_unconfirmed",
    "certificate",
    "blocked_by_policy",
    "stale_sender",
    "ropc_mail_app",
    "powershell_password",
)


_CERTIFICATE = " with a certificate"
_NO_CHECK = ("modern", "not_mail")


def is_certificate(protocol: str) -> bool:
    """Whether a row of `by_protocol` or `trend` counts certificates, which are no passwords.

    Args:
        protocol: The row's protocol: "ActiveSync with a certificate".
    """
    return protocol.endswith(_CERTIFICATE)


def by_protocol(groups: Sequence[Group]) -> tuple[ProtocolSummary, ...]:
    """Return one row per protocol, certificates in rows of their own, the one with most successes first."""
    rows = []
    for protocol, found in _by(_checked(groups), _series).items():
        own = _own(found)
        rows.append(
            ProtocolSummary(
                protocol=protocol,
                groups=len(own),
                users=len(_users(own)),
                successes=sum(group.successes for group in own),
                right_password_blocks=sum(group.right_password_blocks for group in own),
                failures=sum(group.failures for group in own),
                attacks=_attacks(found),
                last_seen=max(group.last_seen for group in found),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.successes, -row.failures, row.protocol)))


def by_user(groups: Sequence[Group], oauth: Mapping[str, Collection[date]]) -> tuple[UserSummary, ...]:
    """Return one row per account, the worst first; names that do not exist are no accounts.

    Args:
        groups: All groups.
        oauth: By account, the days on which it held a token for mail.
    """
    found = _by((group for group in groups if group.user), lambda group: group.user)
    rows = (_user(user, held, oauth.get(user, ())) for user, held in found.items())
    return tuple(sorted(rows, key=lambda row: (VERDICTS.index(row.worst), -row.days_active, row.user)))


def by_app(groups: Sequence[Group]) -> tuple[AppSummary, ...]:
    """Return one row per client application, the one with most successes first."""
    rows = []
    for app_id, found in _by(groups, lambda group: group.app_id).items():
        own = _own(found)
        rows.append(
            AppSummary(
                app_id=app_id,
                app=_common(found),
                protocols=tuple(sorted({group.protocol for group in own or found})),
                users=len(_users(own)),
                successes=sum(group.successes for group in own),
                right_password_blocks=sum(group.right_password_blocks for group in own),
                failures=sum(group.failures for group in own),
                attacks=_attacks(found),
                last_seen=max(group.last_seen for group in found),
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.successes, -row.failures, row.app_id)))


def by_reason(groups: Sequence[Group]) -> tuple[ReasonSummary, ...]:
    """Return one row per class of results that occurred, in the order of the facts."""
    found = {reason: _reason(reason, groups) for reason in results.reasons()}
    return tuple(row for row in found.values() if row is not None)


def trend(groups: Sequence[Group]) -> tuple[TrendRow, ...]:
    """Return one row per day and protocol with a sign-in, certificates in rows of their own, in order."""
    found: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for group in _checked(groups):
        noise = group.verdict == "attack_noise"
        for day in group.by_day:
            row = found[day.day, _series(group)]
            row[0] += day.successes
            row[1] += day.right_password_blocks
            row[3 if noise else 2] += day.failures
    return tuple(TrendRow(day, protocol, *numbers) for (day, protocol), numbers in sorted(found.items()))


def activesync(groups: Sequence[Group]) -> tuple[ActiveSyncUser, ...]:
    """Return ActiveSync by account, certificates apart from passwords, by days active."""
    own = _own(group for group in groups if group.protocol == "ActiveSync" and group.user)
    rows = (_activesync(user, found) for user, found in _by(own, lambda group: group.user).items())
    return tuple(sorted(rows, key=lambda row: (-row.days, row.user)))


def ropc(groups: Sequence[Group], not_mail: Mapping[str, int]) -> RopcSplit:
    """Return sign-ins by whose fault the password is; attacks are left out."""
    count: dict[str, int] = defaultdict(int)
    for group in _own(groups):
        count[group.verdict] += group.sign_ins
    apart = {"ropc_mail_app", "powershell_password", "not_mail", "modern", "certificate"}
    return RopcSplit(
        basic=sum(number for verdict, number in count.items() if verdict not in apart),
        mail_app=count["ropc_mail_app"],
        powershell=count["powershell_password"],
        elsewhere=not_mail.get("ropc elsewhere", 0) + count["not_mail"],
        blank_client=not_mail.get("blank client", 0),
    )


def attacks(groups: Sequence[Group], noise: Sequence[NoiseTotal]) -> AttackTotals:
    """Return attack noise in total.

    Slices and witnesses see the same networks and names again, so the largest number of each is a lower bound.
    """
    found = [group for group in groups if group.verdict == "attack_noise"]
    return AttackTotals(
        sign_ins=sum(group.sign_ins for group in found),
        accounts=len(_users(found)) + max((group.names for group in found if group.population != "nobody"), default=0),
        networks=max([*(total.networks for total in noise), *(group.networks for group in found)], default=0),
        names=max((group.names for group in found if group.population == "nobody"), default=0),
    )


def _user(user: str, groups: Sequence[Group], oauth: Collection[date]) -> UserSummary:
    own = _own(groups)
    ranked = tuple(sorted({group.verdict for group in groups}, key=VERDICTS.index))
    return UserSummary(
        user=user,
        population=_population(groups),
        worst=ranked[0],
        sender=_sender(own),
        verdicts=ranked,
        protocols=tuple(sorted({group.protocol for group in own or groups})),
        networks=len({group.network.address for group in own if group.network.address}),
        days_active=len({day.day for group in own for day in group.by_day if day.successes}),
        successes=sum(group.successes for group in own),
        right_password_blocks=sum(group.right_password_blocks for group in own),
        failures=sum(group.failures for group in own),
        attacks=_attacks(groups),
        last_seen=max(group.last_seen for group in groups),
        oauth_days=len(oauth),
    )


def _sender(groups: Iterable[Group]) -> Verdict | Literal[""]:
    senders = [group for group in groups if group.verdict in _SENDERS]
    ranked = sorted(senders, key=lambda group: (-group.days_active, _SENDERS.index(group.verdict)))
    return ranked[0].verdict if ranked else ""


def _population(groups: Iterable[Group]) -> str:
    said = {group.population for group in groups}
    return next((each for each in ("partner", "guest", "member") if each in said), "nobody")


def _reason(reason: str, groups: Sequence[Group]) -> ReasonSummary | None:
    users: set[str] = set()
    codes: dict[str, int] = defaultdict(int)
    noise = 0
    for group in groups:
        for code, count in group.reasons.get(reason, {}).items():
            codes[code] += count
            noise += count if group.verdict == "attack_noise" else 0
            users.add(group.user)
    if not codes:
        return None
    most = min(codes, key=lambda code: (-codes[code], code))
    return ReasonSummary(
        reason=reason,
        codes=tuple(sorted(codes, key=lambda code: (len(code), code))),
        password=results.read(most).answer,
        users=len(users - {""}),
        sign_ins=sum(codes.values()),
        attacks=noise,
    )


def _activesync(user: str, groups: Sequence[Group]) -> ActiveSyncUser:
    certificate = sum(group.successes for group in groups if group.verdict == "certificate")
    return ActiveSyncUser(
        user=user,
        population=_population(groups),
        with_certificate=certificate,
        without_certificate=sum(group.successes for group in groups) - certificate,
        refused=sum(group.right_password_blocks + group.failures for group in groups),
        days=len({day.day for group in groups for day in group.by_day if day.successes}),
        networks=len({group.network.address for group in groups if group.network.address}),
        first_seen=min(group.first_seen for group in groups),
        last_seen=max(group.last_seen for group in groups),
    )


def _by(groups: Iterable[Group], key: Callable[[Group], _K]) -> dict[_K, list[Group]]:
    found: dict[_K, list[Group]] = defaultdict(list)
    for group in groups:
        found[key(group)].append(group)
    return dict(found)


def _checked(groups: Iterable[Group]) -> list[Group]:
    return [group for group in groups if group.verdict not in _NO_CHECK]


def _series(group: Group) -> str:
    return group.protocol + (_CERTIFICATE if group.verdict == "certificate" else "")


def _own(groups: Iterable[Group]) -> list[Group]:
    return [group for group in groups if group.verdict != "attack_noise"]


def _attacks(groups: Iterable[Group]) -> int:
    return sum(group.sign_ins for group in groups if group.verdict == "attack_noise")


def _users(groups: Iterable[Group]) -> set[str]:
    return {group.user for group in groups if group.user}


def _common(groups: Sequence[Group]) -> str:
    names: dict[str, int] = defaultdict(int)
    for group in groups:
        if group.app:
            names[group.app] += group.sign_ins
    return min(names, key=lambda name: (-names[name], name), default="")
