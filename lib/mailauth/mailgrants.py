"""What lets an app open mailboxes in Exchange: what is there, what is wanted, and the changes between the two.

An app that acts as itself needs an Exchange service principal with the object id of its *enterprise application*, then
FullAccess on each mailbox that it reads, and for sending either the same or a role over a scope. An app that people
sign in to acts as they do, so that the rights are theirs. Everything here is made of values: nothing is asked or sent.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Final, TypeAlias

from . import mailscopes, mailsteps, registration
from .checks import Check
from .mailscopes import MailScope
from .mailsteps import FULL_ACCESS, SEND_AS
from .organization import SMTP_ROLE, Mailbox, Openings, Organization, Principal, RoleAssignment, Scope
from .plan import Plan, Step, Value
from .tenants import Mailbox as Wanted
from .tenants import Tenant
from .wording import called, counted

__all__ = ["ALL", "CONSENT", "App", "Opening", "Wish", "extra", "openings", "plan", "submitting"]

ALL: Final = "every mailbox"
"""What stands for an address where a right has no scope."""

CONSENT: Final = "consent"
"""What stands for the grant of an app role, which has no name in Exchange."""

# Roles in Exchange that reach mail by Exchange Web Services or Graph.
_WIDE: Final = (
    "Application EWS.AccessAsApp",
    "Application Exchange Full Access",
    "Application Mail Full Access",
    "Application Mail.",
)

# Above this many alike, the look over all of them that follows proves each, and not two looks of its own.
_FEW: Final = 20

_PERMISSION: Final = "SMTP.SendAsApp"
_HANGS: Final = "It hangs on an entry that is removed; what was meant is given to the right one."
_KNOWN: Final = "Exchange service principal"
_ROLE: Final = f"the role {SMTP_ROLE}"

_NO_APP: Final = Check("mail app", "not configured", "none is registered", "Run 20 first: it registers one.")

_Told: TypeAlias = "Iterator[Step | Check]"


@dataclass(frozen=True)
class App:
    """An app that is to open mailboxes, as the tenant's directory knows it.

    Args:
        name: What the tenants file calls it.
        client_id: Its application id.
        object_id: The object id of its enterprise application; empty where the tenant has none, or it was not read.
        registration_id: The object id of its registration, which is often taken for the other; empty where unknown.
        deleted_ids: The object ids of enterprise applications of this app that were deleted.
        alone: Whether it acts as itself.
        people: Whether people sign in to it.
        smtp: What lets it send as itself: the permission by ``consent``, or a role by ``rbac``.
        consented: Whether it holds the permission SMTP.SendAsApp; None where that was not read.
        enabled: Whether its enterprise application is switched on, as far as that was read.
        wide: The app roles it holds that reach every mailbox by Exchange Web Services or Graph, as far as was read.
    """

    name: str
    client_id: str
    object_id: str = ""
    registration_id: str = ""
    deleted_ids: frozenset[str] = frozenset()
    alone: bool = True
    people: bool = False
    smtp: str = "consent"
    consented: bool | None = None
    enabled: bool = True
    wide: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """Its name, as it stands in a sentence."""
        return called(self.name)


@dataclass(frozen=True)
class Wish:
    """What is to be open in the end. Addresses that are keys, or in sets, are in lower case.

    Args:
        mailboxes: The mailboxes with their protocols and further From addresses.
        senders: From addresses that were seen in use, by the address of the mailbox that used them.
        signs_in: The account that signs in for a shared mailbox, by its address; ``""`` for all that are not named.
        doors: Whether a mailbox can have SMTP AUTH on without letting passwords in, by its address: anything but
            ``ok`` keeps it off. One that is missing here was not looked at, and stays off too.
        let_in: Those that were named to be opened although passwords come in, by address.
        remove_extra: Addresses that the app is to open no longer, or `ALL` for a right without a scope.
    """

    mailboxes: tuple[Wanted, ...]
    senders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    signs_in: Mapping[str, str] = field(default_factory=dict)
    doors: Mapping[str, Check] = field(default_factory=dict)
    let_in: frozenset[str] = frozenset()
    remove_extra: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Opening:
    """A right of the app itself: to open a mailbox, or to send as it.

    Args:
        mailbox: Its primary address in lower case, `ALL`, or the name of a scope whose filter lists no addresses.
        right: ``FullAccess``, ``SendAs``, the role in Exchange, or the app role that was consented to.
        by: What grants it: the app's SID, the role assignment's name, or `CONSENT`.
        wanted: Whether the mailbox is one that the app is to open in this way.
    """

    mailbox: str
    right: str
    by: str
    wanted: bool


def plan(
    app: App,
    held: Organization,
    wish: Wish,
    *,
    tenant: Tenant,
    id: str,
    now: datetime,
    opened: Iterable[Openings] = (),
) -> Plan:
    """Return what is still to be done until the app opens the wanted mailboxes, and what speaks against it.

    What was not read is not known, and is neither changed nor called missing.

    Args:
        app: The app.
        held: What Exchange holds now.
        wish: What is wanted.
        tenant: The tenant.
        id: The plan's id.
        now: The clock.
        opened: What the app, and entries of it with a wrong id, can open over the whole organization; where it was
            not asked, only the mailboxes whose rights were read count.
    """
    draft = _Draft(app, held, wish, tuple(opened))
    told = list(_told(draft, tenant) if app.client_id else [_NO_APP])
    return Plan.of(
        tenant,
        id=id,
        title=f"Let {app.called} open {counted(len(wish.mailboxes), 'mailbox', 'mailboxes')}",
        now=now,
        steps=tuple(_paced([each for each in told if isinstance(each, Step)])),
        checks=tuple(dict.fromkeys(each for each in told if isinstance(each, Check))),
        bound={mailsteps.former(one).name: one.sid for one in draft.wrong},
    )


def _told(draft: "_Draft", tenant: Tenant) -> _Told:
    yield from draft.known()
    yield from draft.read()
    yield from draft.sent_as()
    yield from draft.scoped(tenant)
    yield from draft.switched()
    yield from draft.narrowed()


def openings(app: App, held: Organization, wish: Wish, opened: Iterable[Openings] = ()) -> tuple[Opening, ...]:
    """Return what the app itself can open or send as today, as far as it was read, by address; see `plan`."""
    draft = _Draft(app, held, wish, tuple(opened))
    found = (*draft.open, *draft.wide)
    return tuple(sorted(found, key=lambda each: (each.mailbox, each.right, each.by)))


def submitting(app: App, held: Organization, wish: Wish) -> frozenset[str]:
    """Return the addresses, in lower case, of the mailboxes whose accounts authenticate for SMTP.

    Before an app is registered, these are taken to be the sending mailboxes themselves.
    """
    known = app if app.alone or app.people else replace(app, alone=True)
    return frozenset(_key(box) for box in _Draft(known, held, wish).submitting())


def extra(found: Iterable[Opening]) -> tuple[str, ...]:
    """Return what the app can open or send as, and nobody asked for."""
    return tuple(dict.fromkeys(each.mailbox for each in found if not each.wanted))


def _paced(steps: Sequence[Step]) -> Iterator[Step]:
    sizes = Counter(step.group for step in steps)
    return (replace(step, watched=False) if sizes[step.group] > _FEW else step for step in steps)


@dataclass(frozen=True)
class _Draft:
    """The plan under way: what is wanted beside what is there. Its methods yield steps and checks, in order."""

    app: App
    held: Organization
    wish: Wish
    opened: tuple[Openings, ...] = ()

    # --- does Exchange know the app? ------------------------------------------------------------------

    @cached_property
    def ready(self) -> bool:
        """Whether the app acts as itself, and enough is known of it to give it rights."""
        return self.app.alone and bool(self.app.object_id) and self.held.principals is not None

    @cached_property
    def right(self) -> Principal | None:
        """The app as Exchange should know it."""
        wanted = self.app.client_id, self.app.object_id
        return next((one for one in self.held.principals or () if (one.app_id, one.object_id) == wanted), None)

    @cached_property
    def wrong(self) -> tuple[Principal, ...]:
        """What Exchange knows by one of the app's two ids and not by the other."""
        app_id, object_id = self.app.client_id, self.app.object_id
        listed = self.held.principals if self.ready else ()
        return tuple(one for one in listed or () if (one.app_id == app_id) is not (one.object_id == object_id))

    @cached_property
    def sid(self) -> Value:
        """What permissions show the app by."""
        return self.right.sid if self.right else mailsteps.SID

    def known(self) -> _Told:
        """Have Exchange know the app by the object id of its enterprise application."""
        if not self.app.enabled:
            yield _switched_off(self.app)
        if self.app.alone and not self.ready:
            yield _unready(self.app)
        if not self.ready:
            return
        for one in self.wrong:
            yield from self._mended(one)
        if self.right is None:
            yield mailsteps.known(self.app.name, self.app.client_id, self.app.object_id)
        else:
            yield Check(_KNOWN, "ok", self.app.object_id)

    def _mended(self, one: Principal) -> _Told:
        yield Check(
            _KNOWN,
            "wrong",
            f"Exchange knows {self.app.called} by {one.object_id}, {self._mistaken(one)}",
            "The plan removes that entry, makes it anew with the right id, and grants again what hung on it.",
        )
        old = f"the old entry of {self.app.called}"
        for box in self._opened_by(one):
            rights = self._rights(box, one)
            yield mailsteps.taken(mailsteps.full_access(box, one.object_id, mailsteps.former(one), old, rights), _HANGS)
        for box in self._sent_by(one):
            yield mailsteps.taken(mailsteps.send_as(box, one.object_id, mailsteps.former(one), old), _HANGS)
        for each in self.held.assigned(one) or ():
            yield mailsteps.unassigned(each, old, _HANGS)
        yield mailsteps.forgotten(one)

    def _mistaken(self, one: Principal) -> str:
        if one.object_id == self.app.registration_id:
            return "which is the id of its registration and not of its enterprise application"
        if one.object_id in self.app.deleted_ids:
            return "which is the id of an enterprise application that was deleted"
        if one.app_id != self.app.client_id:
            return f"and takes that id for another app's, {one.app_id}"
        return f"which is not the id of its enterprise application, {self.app.object_id}"

    # --- the mailboxes ------------------------------------------------------------------------------

    @cached_property
    def boxes(self) -> tuple[tuple[Wanted, Mailbox], ...]:
        """The wanted mailboxes that are there."""
        found = ((each, self.held.mailbox(each.address)) for each in self.wish.mailboxes)
        return tuple((each, box) for each, box in found if box and not box.remote and not box.soft_deleted)

    def read(self) -> _Told:
        """Have the app, or whoever signs in to it, open the mailboxes."""
        there = {each.address for each, _ in self.boxes}
        for each in self.wish.mailboxes:
            if each.address not in there:
                yield _absent(each, self.held)
        if self.ready:
            yield from self._opened_alone()
        if self.app.people:
            for each, box in self.boxes:
                yield from self._opened_by_people(each, box)

    def _opened_alone(self) -> _Told:
        wanted = [box for each, box in self.boxes if self._needs_full_access(each)]
        # What hung on a wrong entry was meant for this app; what is more than is wanted can be named like any other.
        again = [box for one in self.wrong for box in self._opened_by(one) if _key(box) not in self.wish.remove_extra]
        for box in {_key(box): box for box in (*wanted, *again)}.values():
            if self.held.rights_of(box.address) is None and box not in again:
                yield _unread(f"who opens {box.address}")
            elif self._is_denied(box):
                yield _denied(box, self.app.called)
            elif not self.right or not self.held.opens(self.right, box.address):
                rights = self._rights(box, self.right) if self.right else ()
                yield mailsteps.full_access(box, self.app.object_id, self.sid, self.app.called, rights)

    def _needs_full_access(self, each: Wanted) -> bool:
        return self.app.smtp == "consent" or bool({"imap", "pop"} & set(each.protocols))

    def _is_denied(self, box: Mailbox) -> bool:
        names = self.right.names if self.right else frozenset()
        rows = self.held.rights_of(box.address) or ()
        return any(row.deny and FULL_ACCESS in row.rights and row.trustee.lower() in names for row in rows)

    def _opened_by_people(self, each: Wanted, box: Mailbox) -> _Told:
        name = f"who opens {box.address}"
        if each.kind == "user":
            return
        if self.held.rights_of(box.address) is None:
            yield _unread(name)
            return
        who, holders = self._delegate(box), self._people_on(box)
        if not who:
            yield _nobody(name, holders)
        elif who.lower() in map(str.lower, holders):
            yield Check(name, "ok", who)
        elif {"imap", "pop"} & set(each.protocols) or box.licensed:
            yield mailsteps.full_access(box, who, who, who)

    def _delegate(self, box: Mailbox) -> str:
        """Return who signs in for a shared mailbox: as told, or the only one who can open it; empty if unknown."""
        holders = self._people_on(box)
        told = self.wish.signs_in.get(_key(box)) or self.wish.signs_in.get("", "")
        known = self.held.mailbox(told) if told else None
        return (known.upn if known else told) or (holders[0] if len(holders) == 1 else "")

    def _people_on(self, box: Mailbox) -> list[str]:
        return [row.trustee for row in self.held.rights_of(box.address) or () if row.opens and "@" in row.trustee]

    # --- From addresses -----------------------------------------------------------------------------

    def sent_as(self) -> _Told:
        """Have the account that signs in send as each From address that is in use."""
        for each, box in self.boxes:
            if "smtp" in each.protocols:
                for sender in self._senders(each, box):
                    yield from self._sender(each, box, sender)
        for one in self.wrong:
            for box in self._sent_by(one):
                if _key(box) not in self.wish.remove_extra:
                    yield mailsteps.send_as(box, self.app.object_id, self.sid, self.app.called)

    def _senders(self, each: Wanted, box: Mailbox) -> Iterable[str]:
        used = (*each.send_as, *self.wish.senders.get(_key(box), ()))
        others = {sender.lower(): sender for sender in used if sender.lower() not in box.names}
        # A shared mailbox without a licence is no account for SMTP AUTH: its delegate signs in, and sends as it.
        lent = [box.address] if self.app.people and _is_lent(each, box) else []
        return [*lent, *others.values()]

    def _sender(self, each: Wanted, box: Mailbox, sender: str) -> _Told:
        target = self.held.mailbox(sender)
        if target is None:
            yield _no_sender(box, sender)
            return
        for who in self._accounts(each, box):
            allowed = self.held.sends_as(who) if who else frozenset()
            if not who:
                yield _nobody(f"who sends for {box.address}", self._people_on(box))
            elif who.lower() in target.names:
                continue
            elif allowed is None:
                yield _unread(f"From {sender}")
            elif target.address.lower() in allowed:
                yield Check(f"From {sender}", "ok", f"{who} may send as it")
            else:
                yield mailsteps.send_as(target, who, who, who)

    def _accounts(self, each: Wanted, box: Mailbox) -> Iterable[str]:
        """Return the sign-in name of each account that authenticates where this mailbox sends.

        An app that acts as itself names the mailbox, and then it is the mailbox's own account that has to hold SendAs:
        measured, as a right of the app alone was not enough.
        """
        alone = [box.upn] if self.app.alone else []
        people = [self._delegate(box) if _is_lent(each, box) else box.upn] if self.app.people else []
        return dict.fromkeys((*alone, *people))

    # --- a role over a scope ------------------------------------------------------------------------

    @cached_property
    def scopes(self) -> tuple[MailScope, ...]:
        """The scopes that cover what the app is to send from; none where it does so by consent."""
        if self.app.smtp != "rbac":
            return ()
        return mailscopes.of(self.app.client_id, (box.address for each, box in self.boxes if "smtp" in each.protocols))

    @cached_property
    def roles(self) -> tuple[RoleAssignment, ...]:
        """The role assignments of the app, as far as they were read."""
        return (self.held.assigned(self.right) or ()) if self.right else ()

    def scoped(self, tenant: Tenant) -> _Told:
        """Have the app send by a role over exactly the wanted mailboxes, where that is chosen."""
        if self.ready and self.scopes:
            yield from list(self._against_a_scope(tenant)) or self._scopes()

    def _against_a_scope(self, tenant: Tenant) -> Iterator[Check]:
        if self.held.smtp_role is False or not registration.rbac_for_smtp(tenant.cloud):
            yield _roleless(tenant.cloud.name)
        if self.app.consented is not False:
            yield _defeated(self.app)
        if self.held.scopes is None or self.held.assignments is None:
            yield _unread(_ROLE)

    def _scopes(self) -> _Told:
        there = {one.name.lower(): one for one in self.held.scopes or ()}
        assigned = {each.scope.lower() for each in self.roles}
        altered = [wanted for wanted in self.scopes if _is_altered(wanted, there.get(wanted.name.lower()))]
        missing = [one for one in self.scopes if one not in altered and one.name.lower() not in there.keys() & assigned]
        again = [each for one in self.wrong for each in self.held.assigned(one) or () if self._is_foreign(each)]
        if (missing or again) and self.held.settings.dehydrated:
            yield mailsteps.customization()
        for wanted in missing:
            if wanted.name.lower() not in there:
                yield mailsteps.scope(wanted, self.app.called)
            yield mailsteps.role(wanted.name, wanted.name, self.app.object_id, self.app.called)
        for each in again:
            yield mailsteps.role(each.name, each.scope, self.app.object_id, self.app.called)
        yield from map(_altered, altered)
        if not missing and not altered:
            yield Check(_ROLE, "ok", counted(len(self.scopes), "scope"))

    def _is_foreign(self, each: RoleAssignment) -> bool:
        """Whether a role over a scope of somebody else's is to be given again to an app whose entry is mended."""
        return bool(each.scope) and not mailscopes.is_ours(each.scope, self.app.client_id)

    # --- switches -----------------------------------------------------------------------------------

    def switched(self) -> _Told:
        """Have the protocols on that are used; SMTP AUTH only where no password comes in with it."""
        # One kind after the other: a script draws many alike as one table.
        for each, box in self.boxes:
            if "imap" in each.protocols and box.imap is False:
                yield mailsteps.reading(box, "imap")
        for each, box in self.boxes:
            if "pop" in each.protocols and box.pop is False:
                yield mailsteps.reading(box, "pop")
        for box in self.submitting():
            yield from self._submission(box)

    def submitting(self) -> Iterable[Mailbox]:
        """Return the mailboxes whose accounts authenticate for SMTP, each once."""
        senders = [
            self.held.mailbox(who)
            for each, box in self.boxes
            if "smtp" in each.protocols
            for who in self._accounts(each, box)
            if who
        ]
        return {_key(box): box for box in senders if box is not None}.values()

    def _submission(self, box: Mailbox) -> _Told:
        off = {"on": False, "off": True, "inherit": self.held.settings.smtp_off}.get(box.smtp)
        door = self.wish.doors.get(_key(box))
        if off is None:
            yield _unread(f"SMTP AUTH on {box.address}")
        elif off and door and door.outcome == "ok":
            # What keeps passwords out, or that somebody named the mailbox, belongs to what is decided on.
            yield door
            yield mailsteps.submission(box, let_in=_key(box) in self.wish.let_in)
        elif off:
            yield door or _unread(f"whether passwords come in with SMTP AUTH on {box.address}")

    # --- what nobody asked for ----------------------------------------------------------------------

    @cached_property
    def open(self) -> tuple[Opening, ...]:
        """What the app itself may open or send as today."""
        if self.right is None:
            return ()
        sending = {each for wanted in self.scopes for each in wanted.addresses}
        reading = {_key(box) for each, box in self.boxes if self._needs_full_access(each)}
        sid = self.right.sid
        return (
            *(Opening(_key(box), FULL_ACCESS, sid, _key(box) in reading) for box in self._opened_by(self.right)),
            # Of no use to anybody: it is the mailbox that signs in which has to hold SendAs.
            *(Opening(_key(box), SEND_AS, sid, wanted=False) for box in self._sent_by(self.right)),
            *(
                Opening(address, SMTP_ROLE, each.name, address in sending)
                for each in self.roles
                for address in self._covered(each)
            ),
        )

    @cached_property
    def wide(self) -> tuple[Opening, ...]:
        """What the app reaches by other doors: by Exchange Web Services or Graph, by consent or by a role."""
        names = self.right.names | {self.app.client_id.lower(), self.app.name.lower()} if self.right else frozenset()
        roles = [
            each
            for each in self.held.assignments or ()
            if each.enabled and each.role.startswith(_WIDE) and each.app.lower() in names
        ]
        return (
            *(Opening(ALL, value, CONSENT, wanted=False) for value in self.app.wide),
            *(
                Opening(address, each.role, each.name, wanted=False)
                for each in roles
                for address in self._covered(each)
            ),
        )

    def _covered(self, each: RoleAssignment) -> Iterable[str]:
        if not each.scope:
            return [ALL]
        text = next((one.filter for one in self.held.scopes or () if one.name.lower() == each.scope.lower()), "")
        return sorted(mailscopes.addresses(text) or [f"the scope {each.scope}"])

    def narrowed(self) -> _Told:
        """Take away what is named, and name what else nobody asked for."""
        for each in self.wide:
            yield _by_another_door(each, self.app.called)
        unwanted = [each for each in self.open if not each.wanted]
        gone = [each for each in self.roles if self._is_over(each, unwanted)]
        for each in unwanted:
            step = self._revoked(each) if each.mailbox in self.wish.remove_extra else None
            if step:
                yield step
            elif each.by not in {one.name for one in gone}:
                yield _unasked(each, self.app.called)
        for one in gone:
            yield mailsteps.unassigned(one, self.app.called)
            yield from self._unscoped(one)

    def _revoked(self, each: Opening) -> Step | None:
        box = self.held.mailbox(each.mailbox)
        if box is None or self.right is None or each.right == SMTP_ROLE:
            return None
        if each.right == SEND_AS:
            return mailsteps.taken(mailsteps.send_as(box, self.app.object_id, each.by, self.app.called))
        rights = self._rights(box, self.right)
        return mailsteps.taken(mailsteps.full_access(box, self.app.object_id, each.by, self.app.called, rights))

    def _is_over(self, each: RoleAssignment, unwanted: Sequence[Opening]) -> bool:
        """Whether an assignment is to go: one of ours is replaced, or everything that it covers was named."""
        beyond = {one.mailbox for one in unwanted if one.by == each.name}
        ours = mailscopes.is_ours(each.scope, self.app.client_id)
        if ours:
            current = {wanted.name.lower() for wanted in self.scopes}
            return each.scope.lower() not in current and beyond <= self.wish.remove_extra
        return set(self._covered(each)) <= self.wish.remove_extra

    def _unscoped(self, gone: RoleAssignment) -> Iterator[Step]:
        name = gone.scope.lower()
        users = [each for each in self.held.assignments or () if each.scope.lower() == name and each != gone]
        found = next((one for one in self.held.scopes or () if one.name.lower() == name), None)
        if found and mailscopes.is_ours(found.name, self.app.client_id) and not users:
            covered = tuple(sorted(mailscopes.addresses(found.filter) or ()))
            yield mailsteps.taken(mailsteps.scope(MailScope(found.name, found.filter, covered), self.app.called))

    # --- who has which right --------------------------------------------------------------------------

    def _rights(self, box: Mailbox, app: Principal) -> tuple[str, ...]:
        rows = self.held.rights_of(box.address)
        if rows is None:
            # Only a list over all mailboxes speaks of it then, and that is a list of who can open it.
            return (FULL_ACCESS,) if _key(box) in self._listed(app) else ()
        return tuple(right for row in rows if row.trustee.lower() in app.names and not row.deny for right in row.rights)

    def _opened_by(self, app: Principal) -> list[Mailbox]:
        listed = self._listed(app)
        return [box for box in self.held.mailboxes or () if _key(box) in listed or self.held.opens(app, box.address)]

    def _listed(self, app: Principal) -> frozenset[str]:
        return frozenset(each for found in self.opened if found.app == app for each in found.opens)

    def _sent_by(self, app: Principal) -> list[Mailbox]:
        found = sorted(self.held.sends_as(app) or ())
        return [box for each in found if (box := self.held.mailbox(each))]


def _key(box: Mailbox) -> str:
    return box.address.lower()


def _is_lent(each: Wanted, box: Mailbox) -> bool:
    return each.kind != "user" and not box.licensed


def _is_altered(wanted: MailScope, found: Scope | None) -> bool:
    return found is not None and mailscopes.addresses(found.filter) != frozenset(wanted.addresses)


# --- what speaks against it ---------------------------------------------------------------------------


def _unready(app: App) -> Check:
    found = (
        f"no enterprise application of {app.called} was read" if not app.object_id else "Exchange's apps were not read"
    )
    remedy = "It comes with the registration or the consent: run 20, then 30, and look again."
    return Check(_KNOWN, "cannot know", found, remedy if not app.object_id else _SIGN_IN)


def _switched_off(app: App) -> Check:
    found = f"the enterprise application of {app.called} is switched off (AADSTS7000112): nobody gets a token for it"
    remedy = "Ask who switched it off and why, before rights are given; then switch it on in its properties."
    return Check("enterprise application", "wrong", found, remedy)


_SIGN_IN: Final = (
    "Sign in with somebody who may read it (View-Only Organization Management, Policy.Read.All); look again."
)


def _unread(name: str) -> Check:
    return Check(name, "cannot know", "it was not read, and so nothing is changed there", _SIGN_IN)


def _absent(each: Wanted, held: Organization) -> Check:
    name = f"mailbox {each.address}"
    if held.mailboxes is None:
        return _unread(name)
    found = held.mailbox(each.address)
    said = "its mailbox is not in Exchange Online" if found and found.remote else "Exchange Online has no such mailbox"
    return Check(name, "wrong", said, "Correct the address under mailboxes in the tenants file, or take it out.")


def _denied(box: Mailbox, name: str) -> Check:
    found = f"an entry denies {name} FullAccess, and a denial comes first"
    remedy = "Whoever made it takes it out: Remove-MailboxPermission with -Deny."
    return Check(f"who opens {box.address}", "wrong", found, remedy)


def _nobody(name: str, holders: Sequence[str]) -> Check:
    found = f"several people can: {', '.join(holders)}" if holders else "nobody has FullAccess on it"
    return Check(name, "cannot know", found, "Name the account that signs in for it, in signs_in.")


def _no_sender(box: Mailbox, sender: str) -> Check:
    found = f"{box.address} sends as {sender}, and Exchange has no mailbox of that address"
    remedy = f"Have the sender use its own address, {box.address}, or give the address to a mailbox."
    return Check(f"From {sender}", "wrong", found, remedy)


def _roleless(cloud: str) -> Check:
    found = f"the role is announced for the worldwide cloud; this one is {cloud}, or the tenant does not have it"
    return Check(_ROLE, "wrong", found, f"Set smtp: consent for the app, and grant {_PERMISSION} with 30.")


def _defeated(app: App) -> Check:
    if app.consented is None:
        found = f"whether {app.called} holds {_PERMISSION}, which defeats every scope, was not read"
        return Check(_ROLE, "cannot know", found, "Sign in with somebody who may read the app's consent; look again.")
    found = (
        f"{app.called} holds the permission {_PERMISSION}: it has no scope, and with it in the token Exchange asks for "
        "FullAccess instead of the role, so no scope is made"
    )
    remedy = (
        f"Take {_PERMISSION} away with 30, and out of the registration with 20; then run 40 again. Where it sends "
        "today, choose a quiet hour: it cannot send from the end of its token until the role counts, up to two hours."
    )
    return Check(_ROLE, "wrong", found, remedy)


def _altered(wanted: MailScope) -> Check:
    found = f"the filter of {wanted.name} is not the one that its name stands for"
    return Check(_ROLE, "wrong", found, "Remove the role assignment and the scope of that name, and plan again.")


def _by_another_door(each: Opening, name: str) -> Check:
    remedy = f'Ask who uses it. If nobody does, take it back in 30: remove="{each.right}".'
    if each.by != CONSENT:
        remedy = f"Ask who uses it. If nobody does, Remove-ManagementRoleAssignment takes {each.by} away."
    found = f"{each.right} lets {name} into {each.mailbox}, by Exchange Web Services or Graph"
    return Check(f"by another door: {each.mailbox}", "wrong", found, remedy)


def _unasked(each: Opening, name: str) -> Check:
    what = "open" if each.right == FULL_ACCESS else "send as"
    remedy = "Name it in remove_extra to take that away, or write it under mailboxes in the tenants file."
    if each.right == SEND_AS:
        remedy = "Name it in remove_extra to take that away: the account that signs in needs SendAs, and not the app."
    if each.mailbox == ALL:
        remedy = f"A role without a scope defeats every scope. Name {ALL!r} in remove_extra to take it away."
    return Check(f"more than is wanted: {each.mailbox}", "wrong", f"{name} may {what} {each.mailbox}", remedy)
