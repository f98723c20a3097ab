"""In which waves passwords end: a pilot mailbox, groups of senders, the tenant.

A wave is made of mailboxes that Exchange has, and says which of them send with OAuth and have to go on sending. Who is
left out is left out by name, with a reason and a last day; after that day nobody is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, TypeAlias

from .decisions import Decisions
from .organization import Mailbox, Organization
from .tenants import Tenant

__all__ = ["Excepted", "Kind", "Record", "Wave", "account", "of", "primary"]

Kind = Literal["pilot", "group", "tenant"]
Record: TypeAlias = Mapping[str, Any]

_SMTP: Final = "SMTP AUTH"
# What an audit log shows names no protocol, and a decision about it may be about SMTP.
_MAY_BE_SMTP: Final = frozenset({"", _SMTP, "Other clients", "Unknown"})
# Exchange's own: nobody signs in to them, and some have no account that a policy could be given to.
_SYSTEM: Final = frozenset(
    {"ArbitrationMailbox", "AuditLogMailbox", "AuxAuditLogMailbox", "DiscoveryMailbox", "MonitoringMailbox"}
)


@dataclass(frozen=True)
class Excepted:
    """A mailbox whose password goes on for a while.

    Args:
        address: Its primary address in lower case, or what was named where no mailbox of it was read.
        reason: Why, as a person says it; text from outside.
        until: The last day.
        by: Where that is written.
    """

    address: str
    reason: str
    until: date
    by: Literal["tenants file", "decisions"] = "tenants file"


@dataclass(frozen=True)
class Wave:
    """Mailboxes whose passwords end together. Addresses are primary ones, in lower case.

    Args:
        name: Its name: ``pilot``, ``tenant``, or what the tenants file calls the group.
        kind: What it is.
        mailboxes: Whose passwords end, by address.
        senders: Of these, those that send with OAuth, as far as the tenants file or the sign-ins tell; the canary sends
            nothing, and is none.
        provable: Of the senders, those that the tenants file names and an app of it can get a token for.
        excepted: Who is left out by name, whom it would have held otherwise.
        ended: Exceptions whose last day has passed; their mailboxes are among `mailboxes` again.
        canary: The mailbox on which a password is tried; empty for none. It goes with the first wave.
        policy: The authentication policy that the tenants file names; empty for none.
        unknown: What was named, and Exchange has no mailbox of.
    """

    name: str
    kind: Kind
    mailboxes: tuple[str, ...]
    senders: frozenset[str] = frozenset()
    provable: frozenset[str] = frozenset()
    excepted: tuple[Excepted, ...] = ()
    ended: tuple[Excepted, ...] = ()
    canary: str = ""
    policy: str = ""
    unknown: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Wave({self.name!r}, {len(self.mailboxes)} mailboxes)"


def of(
    tenant: Tenant,
    organization: Organization,
    record: Record | None,
    decisions: Decisions | None,
    *,
    today: date,
) -> tuple[Wave, ...]:
    """Return the waves in their order, the tenant last.

    Args:
        tenant: The tenant, with what its file says under ``closing``.
        organization: What Exchange holds.
        record: The evidence of notebook 10; None where there is none.
        decisions: What a person decided; None where there is no such file.
        today: The day that exceptions are counted to.
    """
    made = _Making(tenant, organization, record, tuple(_exceptions(tenant, organization, decisions)), today)
    named = dict(_named(tenant))
    return (
        *(made.wave(name, "pilot" if name == "pilot" else "group", addresses) for name, addresses in named.items()),
        made.wave("tenant", "tenant", None),
    )


def _named(tenant: Tenant) -> Iterator[tuple[str, tuple[str, ...]]]:
    closing = tenant.closing
    listed = [*([("pilot", (closing.pilot,))] if closing.pilot else ()), *closing.groups.items()]
    for number, (name, addresses) in enumerate(listed):
        yield name, (*addresses, closing.canary.address) if closing.canary and number == 0 else addresses


@dataclass(frozen=True)
class _Making:
    """What all waves of a tenant are made from."""

    tenant: Tenant
    organization: Organization
    record: Record | None
    exceptions: tuple[Excepted, ...]
    today: date

    def wave(self, name: str, kind: Kind, named: Iterable[str] | None) -> Wave:
        """Return a wave of the mailboxes that are *named*; None for all of the organization."""
        held, unknown = self._here(named), () if named is None else self._missing(named)
        out = {each.address: each for each in self.exceptions if named is None or each.address in held}
        excepted = tuple(each for each in out.values() if each.until >= self.today)
        without = {each.address for each in excepted}
        mailboxes = tuple(address for address in held if address not in without)
        sending = self._named()
        senders = frozenset({*sending, *self._seen()})
        # Whom no app of the tenants file can get a token for sends all the same.
        provable = sending if self.tenant.mail_apps else frozenset[str]()
        return Wave(
            name=name,
            kind=kind,
            mailboxes=mailboxes,
            senders=senders & frozenset(mailboxes) - {self._canary()},
            provable=provable & frozenset(mailboxes) - {self._canary()},
            excepted=excepted,
            ended=tuple(each for each in out.values() if each.until < self.today),
            canary=self._canary(),
            policy=self.tenant.closing.policy,
            unknown=unknown,
        )

    def _here(self, named: Iterable[str] | None) -> list[str]:
        """Return the primary addresses of the mailboxes that are in Exchange Online, each once."""
        if named is None:
            boxes: Iterable[Mailbox] = self.organization.mailboxes or ()
        else:
            boxes = (box for name in named if (box := self.organization.mailbox(name)))
        return list(dict.fromkeys(box.address.lower() for box in boxes if _is_here(box)))

    def _missing(self, named: Iterable[str]) -> tuple[str, ...]:
        return tuple(name for name in named if not self._here([name]))

    def _canary(self) -> str:
        canary = self.tenant.closing.canary
        return primary(self.organization, canary.address) if canary else ""

    def _named(self) -> frozenset[str]:
        return frozenset(
            primary(self.organization, box.address) for box in self.tenant.mailboxes if "smtp" in box.protocols
        )

    def _seen(self) -> Iterator[str]:
        """Yield who was seen to send with OAuth, or to hold a token for it."""
        data = self.record["data"] if self.record else {}
        for user in data.get("adoption", {}).get("users", ()):
            if _SMTP in user["protocols"] and user["user"]:
                yield account(self.organization, user["user"])
        for group in data.get("groups", ()):
            if group["protocol"] == _SMTP and group["moved"]:
                yield account(self.organization, group["user"], group.get("user_id", ""))
        for row in data.get("reported", ()):
            if row["oauth"]:
                yield account(self.organization, row["account"] or row["address"])


def _is_here(box: Mailbox) -> bool:
    return not box.remote and not box.soft_deleted and box.kind not in _SYSTEM


def primary(organization: Organization, name: str) -> str:
    """Return the primary address in lower case of what is called *name*, or *name* where no mailbox of it was read."""
    found = organization.mailbox(name)
    return (found.address if found else name).lower()


def account(organization: Organization, name: str, object_id: str = "") -> str:
    """Return the primary address in lower case of whoever signs in, as `Organization.signing_in` finds it, or *name*."""
    found = organization.signing_in(name, object_id)
    return (found.address if found else name).lower()


def _exceptions(tenant: Tenant, organization: Organization, decisions: Decisions | None) -> Iterator[Excepted]:
    """Yield each exception once: what the tenants file says of a mailbox comes before a decision about a sender."""
    named: set[str] = set()
    for each in tenant.closing.exceptions:
        address = primary(organization, each.address)
        named.add(address)
        yield Excepted(address, each.reason, each.until)
    for decision in decisions.senders if decisions else ():
        address = account(organization, decision.user)
        if decision.exception_until and decision.protocol in _MAY_BE_SMTP and address not in named:
            named.add(address)
            yield Excepted(address, decision.note or decision.what, decision.exception_until, "decisions")
