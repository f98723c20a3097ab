"""In which waves passwords end: a pilot mailbox, groups of senders, the tenant.

A wave is made of mailboxes that Exchange has, and says which of them send with OAuth and have to go on sending. Who is
left out is left out by name, with a reason and a last day; after that day nobody is.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal, TypeAlias

from . import grants, mailgrants
from .decisions import Decisions
from .findings import MAY_BE_SMTP
from .mailgrants import App, Wish
from .organization import Mailbox, Organization
from .tenants import MailApp, Tenant

__all__ = ["Excepted", "Kind", "Record", "Wave", "account", "lent", "of", "primary"]

Kind = Literal["pilot", "group", "tenant"]
Record: TypeAlias = Mapping[str, Any]

_SMTP: Final = "SMTP AUTH"
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
        senders: Of these, those that send with OAuth, as far as the tenants file or the sign-ins tell, and who signs
            in for a shared mailbox that does; the canary sends nothing, and is none.
        named: Of the senders, those that the tenants file names, or who sign in for what it names.
        provable: Of these, those that an app of the tenants file can get a token for.
        excepted: Who is left out by name, whom it would have held otherwise.
        ended: Exceptions whose last day has passed; their mailboxes are among `mailboxes` again.
        unsigned: Shared mailboxes of the tenants file that send as somebody who signs in for them, of which was not
            read who that may be.
        canary: The mailbox on which a password is tried; empty for none. It goes with the first wave.
        canary_is: What else the tenants file names the canary as; empty for nothing.
        policy: The authentication policy that the tenants file names; empty for none.
        unknown: What was named, and Exchange has no mailbox of.
    """

    name: str
    kind: Kind
    mailboxes: tuple[str, ...]
    senders: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    provable: frozenset[str] = frozenset()
    excepted: tuple[Excepted, ...] = ()
    ended: tuple[Excepted, ...] = ()
    unsigned: tuple[str, ...] = ()
    canary: str = ""
    canary_is: str = ""
    policy: str = ""
    unknown: tuple[str, ...] = ()

    @property
    def left_out(self) -> bool:
        """Whether everybody in it is excepted by name, so that nothing is to be done; never so of the tenant."""
        return self.kind != "tenant" and bool(self.excepted) and not (self.mailboxes or self.unknown)

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


def names(tenant: Tenant) -> tuple[str, ...]:
    """Return what the waves of a tenant are called, in their order."""
    return (*dict(_named(tenant)), "tenant")


def lent(tenant: Tenant) -> tuple[str, ...]:
    """Return the shared mailboxes of the tenants file for which somebody signs in to send, by address."""
    people = any("scope" in grants.needs(app) for app in tenant.mail_apps)
    return tuple(box.address for box in tenant.mailboxes if people and box.kind != "user" and "smtp" in box.protocols)


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
        sending = self._signing_in()
        senders = frozenset({*sending, *self._switched_on(), *self._seen()})
        # Whom no app of the tenants file can get a token for sends all the same.
        provable = sending & self._named() if self.tenant.mail_apps else frozenset[str]()
        return Wave(
            name=name,
            kind=kind,
            mailboxes=mailboxes,
            senders=senders & frozenset(mailboxes) - {self._canary()},
            named=sending & frozenset(mailboxes) - {self._canary()},
            provable=provable & frozenset(mailboxes) - {self._canary()},
            excepted=excepted,
            ended=tuple(each for each in out.values() if each.until < self.today),
            unsigned=tuple(each for each in lent(self.tenant) if self._is_unsigned(each)),
            canary=self._canary(),
            canary_is=self._canary_is(),
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
        # Before mailboxes are read, nobody knows which are missing.
        return tuple(name for name in named if self.organization.mailboxes is not None and not self._here([name]))

    def _canary(self) -> str:
        canary = self.tenant.closing.canary
        return primary(self.organization, canary.address) if canary else ""

    def _canary_is(self) -> str:
        """Return as what else the tenants file names the canary."""
        canary = self._canary()
        places = _places(self.tenant) if canary else iter(())
        return next((place for place, name in places if primary(self.organization, name) == canary), "")

    def _named(self) -> frozenset[str]:
        return frozenset(
            primary(self.organization, box.address) for box in self.tenant.mailboxes if "smtp" in box.protocols
        )

    def _signing_in(self) -> frozenset[str]:
        """Return whose accounts authenticate where the tenants file's mailboxes send: those that 40 lets submit."""
        wish, apps = Wish(self.tenant.mailboxes), self.tenant.mail_apps or (MailApp(name=""),)
        every = (mailgrants.submitting(_app(app), self.organization, wish) for app in apps)
        return frozenset[str]().union(*every)

    def _is_unsigned(self, name: str) -> bool:
        box = self.organization.mailbox(name)
        return bool(box and _is_here(box) and self.organization.rights_of(name) is None)

    def _switched_on(self) -> Iterator[str]:
        """Yield whoever may sign in for a shared mailbox, and has SMTP AUTH on: 40 was told, and the file is not."""
        for name in lent(self.tenant):
            for right in self.organization.rights_of(name) or ():
                box = self.organization.mailbox(right.trustee) if right.opens else None
                if box and box.smtp == "on":
                    yield box.address.lower()

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


def _app(app: MailApp) -> App:
    needs = grants.needs(app)
    return App(app.name, app.client_id, alone="role" in needs, people="scope" in needs)


def _places(tenant: Tenant) -> Iterator[tuple[str, str]]:
    """Yield every address that the tenants file names for something else than a canary, with where."""
    for box in tenant.mailboxes:
        yield "mailboxes in the tenants file", box.address
        yield from (("send_as in the tenants file", each) for each in box.send_as)
    closing = tenant.closing
    if closing.pilot:
        yield "the pilot of the tenants file", closing.pilot
    for name, listed in closing.groups.items():
        yield from ((f"group {name} of the tenants file", each) for each in listed)
    yield from (("an exception of the tenants file", each.address) for each in closing.exceptions)


def _is_here(box: Mailbox) -> bool:
    return not box.remote and not box.soft_deleted and box.kind not in _SYSTEM


def primary(organization: Organization, name: str) -> str:
    """Return the primary address in lower case of what is called *name*, or *name* where no mailbox of it was read."""
    found = organization.mailbox(name)
    return (found.address if found else name).lower()


def account(organization: Organization, name: str, object_id: str = "") -> str:
    """Return the primary address in lower case of whoever signs in, found by `Organization.signing_in`, or *name*."""
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
        if decision.exception_until and decision.protocol in ("", *MAY_BE_SMTP) and address not in named:
            named.add(address)
            yield Excepted(address, decision.note or decision.what, decision.exception_until, "decisions")
