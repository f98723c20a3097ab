"""A tenant's case: what the witnesses say, what a person decided, what to do about each sender, and by when.

The sign-in records know the account that signed in and where from. The mail report of the Exchange admin center knows
the address that stood in From, for 90 days and without a licence. Neither replaces the other, so a sender that only
one of them knows is named as such, and a password that only the report knows is exposed all the same.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from . import advice
from .advice import Advice
from .coverage import Coverage
from .deadlines import Deadline
from .decisions import Decisions
from .findings import ACTIVE_SENDER, MAY_BE_SMTP, Findings, Group, State, Verdict
from .kinds import Rhythm, Sender
from .smtp_report import Report, ReportRow
from .tenants import Tenant

__all__ = ["SENDERS", "Case", "Reported", "build"]

SENDERS: tuple[Verdict, ...] = (
    "basic_sender",
    "basic_unconfirmed",
    "certificate",
    "ropc_mail_app",
    "powershell_password",
    "blocked_by_policy",
    "stale_sender",
    "accepted_not_opened",
)
"""From what works today to what only tries; strangers and noise have lists of their own."""

_NO_SENDER = frozenset({"attack_noise", "not_mail", "modern"})

_REMEDY = (
    'Ask an Exchange Administrator: "Please open Reports, Mail flow, SMTP AUTH clients report in the Exchange admin '
    'center, choose 90 days, export it and send us the file." Name it under signin_logs.'
)


@dataclass(frozen=True)
class Reported:
    """One sender address of the mail report, and what the sign-in records know of it.

    Where several reports were read, each number is the most that one of them says: their days may overlap.

    Args:
        address: The address, lower case. Hostile text.
        basic: Messages sent with a password.
        oauth: Messages sent with OAuth.
        unclear: Messages of which the report does not say how.
        first: The first day, where the report holds days.
        last: The last day, likewise.
        old_tls: Whether some came over TLS 1.0 or 1.1; None where the report does not say.
        account: The account that the tenants file lets send under this address, else the address itself.
        sender_ids: That account's groups that may have sent by SMTP AUTH, in the order of the findings.
    """

    address: str
    basic: int = 0
    oauth: int = 0
    unclear: int = 0
    first: date | None = None
    last: date | None = None
    old_tls: bool | None = None
    account: str = ""
    sender_ids: tuple[str, ...] = ()

    @property
    def messages(self) -> int:
        """All of its messages; they are not sign-ins."""
        return self.basic + self.oauth + self.unclear

    @property
    def authentication(self) -> Literal["basic", "oauth", "both", "unknown"]:
        """How the messages were sent; ``both`` for a sender that is on its way."""
        if self.basic and self.oauth:
            return "both"
        if self.basic:
            return "basic"
        return "oauth" if self.oauth else "unknown"

    @property
    def known(self) -> bool:
        """Whether the sign-in records show the account behind it."""
        return bool(self.sender_ids)

    @property
    def note(self) -> str:
        """What it means that only the report knows the address; empty where both witnesses do."""
        if self.known or self.authentication == "oauth":
            return ""
        return (
            "Only the mail report knows this address: another account sends in its name, or it sent at a time that the "
            "sign-in records do not hold."
        )


@dataclass(frozen=True)
class Case:
    """Everything about one tenant that a page, a table or the evidence shows.

    Args:
        tenant: The tenant.
        findings: What the sign-ins say.
        advice: What to do about each of `findings.groups`, in the same order.
        deadlines: What ends, as far as it touches the tenant.
        decisions: What a person decided; None where there is no such file.
        unmatched: A sentence for each decision that belongs to nothing that was found; none where no record was read.
        queries: The text of each query as it ran, by source and name.
        reported: The mail report by address: what only it knows first, then by messages sent with a password.
        reports: How far each mail report reaches; one record that says so where none was read.
        marks: What the service changed, by day, within the records' span.
    """

    tenant: Tenant
    findings: Findings
    advice: tuple[Advice, ...]
    deadlines: tuple[Deadline, ...]
    decisions: Decisions | None
    unmatched: tuple[str, ...]
    queries: Mapping[str, str]
    reported: tuple[Reported, ...]
    reports: tuple[Coverage, ...]
    marks: Mapping[date, str]

    def __repr__(self) -> str:
        return f"Case({self.tenant.name!r}, {self.state}, {len(self.findings.groups)} groups)"

    @cached_property
    def state(self) -> State:
        """The tenant in one word, both witnesses heard."""
        return "exposed" if self._told_by_report else self.findings.state

    @cached_property
    def sentence(self) -> str:
        """The tenant in a few sentences, both witnesses heard."""
        said = self.findings.sentence
        if not self._told_by_report:
            return " ".join(filter(None, (said, self._more())))
        count = _addresses(len(self._told_by_report))
        lead = f"Microsoft's mail report shows {count} that sent mail with a password."
        why = "cannot confirm it" if self.findings.state == "cannot know" else "do not show it"
        return f"{lead} The sign-in records {why}: {said[:1].lower()}{said[1:]}"

    @property
    def coverage(self) -> tuple[Coverage, ...]:
        """Everything that limits the numbers, of both witnesses."""
        return (*self.findings.coverage, *self.reports)

    @cached_property
    def only_reported(self) -> tuple[Reported, ...]:
        """Addresses that sent with a password and whose account no sign-in record shows."""
        return tuple(each for each in self.reported if each.basic and not each.known)

    @cached_property
    def unreported(self) -> tuple[Group, ...]:
        """The tenant's SMTP AUTH senders under whose address no mail report lists a message; without a report, none."""
        listed = {sender_id for each in self.reported for sender_id in each.sender_ids}
        return tuple(
            group
            for group in self.findings.groups
            if self.reported
            and group.member
            and group.protocol == "SMTP AUTH"
            and group.verdict in ACTIVE_SENDER
            and group.sender_id not in listed
        )

    def senders(self) -> tuple[Group, ...]:
        """Return what needs a road, in the order of a work list: what works today first, then what only tries.

        Strangers (`findings.attention`) and attacks are not among them. Within one verdict the tenant's own accounts
        come first; what seems to have moved comes last of all.
        """
        return tuple(sorted((group for group in self.findings.groups if group.verdict in SENDERS), key=_work_order))

    def undecided(self) -> tuple[Group, ...]:
        """Return the senders whose road waits for an answer, an account's phones once, in the order of `senders`."""
        asked = {each.sender_id for each in self.advice if each.questions}
        waiting = [group for group in self.senders() if group.sender_id in asked]
        one = {(g.user if g.verdict == "certificate" else g.sender_id): g for g in reversed(waiting)}
        return tuple(reversed(one.values()))

    def advice_for(self, group: Group) -> Advice:
        """Return what to do about one of `findings.groups`."""
        return self._advice_by_id[group.sender_id]

    @cached_property
    def _advice_by_id(self) -> Mapping[str, Advice]:
        return {each.sender_id: each for each in self.advice}

    @cached_property
    def _told_by_report(self) -> tuple[Reported, ...]:
        """Addresses that make an exposed tenant of one in whose records nothing was seen."""
        if self.findings.state == "cannot know":
            return tuple(each for each in self.reported if each.basic)
        # Fresh records outrank a report that looks back 90 days, but only about accounts that they know.
        return self.only_reported if self.findings.state == "quiet" else ()

    def _more(self) -> str:
        if not self.only_reported:
            return ""
        count = _addresses(len(self.only_reported), "more ")
        return (
            f"Microsoft's mail report shows {count} that sent with a password: "
            "other names of the same senders, or senders that the sign-in records do not show."
        )


def build(
    tenant: Tenant,
    findings: Findings,
    queries: Mapping[str, str],
    decided: Decisions | None,
    reports: Sequence[Report],
    *,
    today: date,
    rhythms: Mapping[Sender, Rhythm] = MappingProxyType({}),
) -> Case:
    """Return the case of a tenant.

    Args:
        tenant: The tenant.
        findings: What its sign-ins say.
        queries: The text of each query as it ran.
        decided: What a person decided; None where there is no such file.
        reports: Every mail report that was found, readable or not.
        today: The day that dates are counted from.
        rhythms: When on its days each sender signs in, from `kinds.rhythms`; it helps to guess what a sender is.
    """
    groups = findings.groups
    reported = _reported(tenant, groups, reports)
    span = findings.held or findings.asked
    return Case(
        tenant=tenant,
        findings=findings,
        advice=tuple(_advise(group, tenant, decided, today, rhythms) for group in groups),
        deadlines=_deadlines(tenant, findings, reported, today),
        decisions=decided,
        unmatched=_unmatched(findings, decided),
        queries=dict(sorted(queries.items())),
        reported=reported,
        reports=tuple(report.coverage for report in reports) or (_no_report(tenant),),
        marks=tenant.calendar.marks(span.start.date(), span.end.date()) if span else {},
    )


def _advise(
    group: Group, tenant: Tenant, decided: Decisions | None, today: date, rhythms: Mapping[Sender, Rhythm]
) -> Advice:
    own = decided.sender(*_key(group)) if decided else None
    return advice.advise(
        group,
        decided=own,
        today=today,
        freeze=tenant.defaults.freeze,
        vendor=decided.vendors.get(own.vendor) if decided and own else None,
        cloud=tenant.cloud.name,
        calendar=tenant.calendar,
        rhythm=rhythms.get(Sender(group.user, group.protocol, group.app_id, group.network.address)),
    )


def _deadlines(tenant: Tenant, findings: Findings, reported: Sequence[Reported], today: date) -> tuple[Deadline, ...]:
    """Return the dates that touch what either witness knows, the earliest first."""
    touching = tenant.calendar.touching(findings, today=today)
    by_report = any(each.basic for each in reported)
    return tuple(
        deadline
        for deadline in tenant.calendar.entries
        if deadline in touching or (by_report and "smtp-password" in deadline.touches)
    )


def _unmatched(findings: Findings, decided: Decisions | None) -> tuple[str, ...]:
    if findings.held is None:
        return ()  # What nobody looked for is not gone, and a good decision would be deleted.
    # An attack on an account is not the sender that a decision is about.
    seen = [_key(group) for group in findings.groups if group.verdict not in _NO_SENDER]
    return decided.unmatched(seen) if decided else ()


def _key(group: Group) -> tuple[str, str, str]:
    return group.user, group.protocol, group.network.address


def _reported(tenant: Tenant, groups: Iterable[Group], reports: Iterable[Report]) -> tuple[Reported, ...]:
    senders: dict[str, list[str]] = defaultdict(list)
    for group in groups:
        if group.user and group.protocol in MAY_BE_SMTP and group.verdict not in _NO_SENDER:
            senders[group.user.lower()].append(group.sender_id)
    owners = {other.lower(): box.address.lower() for box in tenant.mailboxes for other in box.send_as}
    rows: dict[str, list[ReportRow]] = defaultdict(list)
    for report in reports:
        for row in report.rows:
            rows[row.address.lower()].append(row)
    found = [
        _one(address, account, rows[address], senders.get(account, []))
        for address in rows
        for account in (address if address in senders else owners.get(address, address),)
    ]
    return tuple(sorted(found, key=lambda each: (each.known, -each.basic, -each.messages, each.address)))


def _one(address: str, account: str, rows: Sequence[ReportRow], sender_ids: Sequence[str]) -> Reported:
    def most(authentication: str) -> int:
        return max((row.messages for row in rows if row.authentication == authentication), default=0)

    tls = [row.old_tls for row in rows if row.old_tls is not None]
    return Reported(
        address=address,
        basic=most("basic"),
        oauth=most("oauth"),
        unclear=most("unknown"),
        first=min((row.first for row in rows if row.first), default=None),
        last=max((row.last for row in rows if row.last), default=None),
        old_tls=any(tls) if tls else None,
        account=account,
        sender_ids=tuple(sender_ids),
    )


def _no_report(tenant: Tenant) -> Coverage:
    named = any(source.kind == "smtp_report" for source in tenant.sources)
    reason = (
        "The tenants file names a mail report, but no file was found there: the sign-in records are the only witness."
        if named
        else "No mail report was imported: the sign-in records are the only witness of who sends."
    )
    return Coverage("messages sent by SMTP AUTH", "absent", "smtp_report", reason=reason, remedy=_REMEDY)


def _work_order(group: Group) -> tuple[bool, int, bool, int, str, str]:
    rank = SENDERS.index(group.verdict)
    return group.moved, rank, not group.member, -group.days_active, group.user, group.sender_id


def _addresses(count: int, which: str = "") -> str:
    return f"{count:,} {which}{'address' if count == 1 else 'addresses'}"
