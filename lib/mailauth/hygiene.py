"""What is wrong with mailboxes beside how they are signed in to: full, licensed for nobody, open by default.

Each matter is one check over all mailboxes, with those that it is about by name: a list of a thousand lines is read by
nobody. What was not read is said to be unknown for as many as it is unknown for.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .checks import Check
from .conditions import Conditions
from .organization import SELF, Mailbox, Organization
from .wording import counted

__all__ = ["FULL", "NEARLY_FULL", "Matter", "Use", "matters"]

NEARLY_FULL: Final = 0.8
"""From what part of its quota on a mailbox that keeps copies of what it sends is worth a look."""

FULL: Final = 0.95
"""From what part of its quota on a mailbox is about to stop sending."""

_SIZES: Final = "Name the mailboxes that matter: Exchange tells the size of one at a time (Get-MailboxStatistics)."
_SHARED: Final = frozenset({"SharedMailbox", "RoomMailbox", "EquipmentMailbox"})


@dataclass(frozen=True)
class Use:
    """Which protocols sign-ins were seen on.

    Args:
        protocols: By sign-in name or address in lower case: ``imap``, ``pop``.
        days: How many days the log holds; a job that runs once a quarter may not be in it.
    """

    protocols: Mapping[str, Collection[str]]
    days: int


@dataclass(frozen=True)
class Matter:
    """One check over the mailboxes.

    Args:
        check: What was found, and what to do.
        mailboxes: Addresses of those that it is about.
        unknown: Addresses of those of which it cannot be known.
    """

    check: Check
    mailboxes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def matters(
    organization: Organization,
    conditions: Conditions,
    *,
    use: Use | None = None,
    only: Iterable[str] | None = None,
) -> tuple[Matter, ...]:
    """Return each matter, those in order too.

    Args:
        organization: What Exchange holds.
        conditions: What Entra holds: whether accounts may sign in.
        use: What sign-ins were seen; None where no log was read.
        only: Names of the mailboxes that are asked about; None for all.
    """
    boxes = _asked(organization, only)
    if boxes is None:
        unread = Check("Mailboxes", "cannot know", "not read", "Read Exchange, or run the collector script.")
        return (Matter(unread), _plans(organization))
    mailboxes = [box for box in boxes if not box.remote and not box.soft_deleted]
    return (
        _full(mailboxes),
        _copies(mailboxes, organization),
        _sign_in(mailboxes, conditions),
        _licences(mailboxes),
        _plans(organization),
        _unused(mailboxes, use),
        _automapping(mailboxes, organization),
    )


def _asked(organization: Organization, only: Iterable[str] | None) -> Sequence[Mailbox] | None:
    if organization.mailboxes is None or only is None:
        return organization.mailboxes
    return [box for name in only if (box := organization.mailbox(name))]


def _full(boxes: Sequence[Mailbox]) -> Matter:
    return _judged(
        "Room to go on sending",
        boxes,
        lambda box: _over(box, FULL),
        "at or near the size at which Exchange stops their sending",
        "Archive or delete old mail, or raise ProhibitSendQuota (Set-Mailbox).",
        _SIZES,
    )


def _copies(boxes: Sequence[Mailbox], organization: Organization) -> Matter:
    sending = [box for box in boxes if _sends(box, organization) and box.copies_sent is not False]
    return _judged(
        "Sent Items of mailboxes that SMTP AUTH is on for",
        sending,
        lambda box: None if box.copies_sent is None else _over(box, NEARLY_FULL),
        f"over {NEARLY_FULL:.0%} full, and a copy of each mail sent over SMTP AUTH is kept",
        "Set-Mailbox -MessageCopyForSMTPClientSubmissionEnabled $false where nobody reads the copies.",
        _SIZES,
    )


def _sign_in(boxes: Sequence[Mailbox], conditions: Conditions) -> Matter:
    shared = [box for box in boxes if box.kind in _SHARED]
    licensed = sum(box.licensed is True for box in shared if _enabled(box, conditions))
    disguise = f", {licensed:,} of them with a licence: users in disguise" if licensed else ""
    return _judged(
        "Sign-in to shared mailboxes",
        shared,
        lambda box: _enabled(box, conditions),
        f"shared, and somebody can sign in to the account{disguise}",
        "Block sign-in for the account (Entra: Users, Account enabled), and give people FullAccess instead.",
        "Read Get-User, or the accounts in Entra (User.Read.All).",
    )


def _licences(boxes: Sequence[Mailbox]) -> Matter:
    return _judged(
        "Licences",
        [box for box in boxes if box.kind == "UserMailbox"],
        lambda box: None if box.licensed is None else not box.licensed,
        "a person's, and without a licence",
        "Assign a licence, or make it a shared mailbox: otherwise the mailbox goes.",
        "Read Get-Mailbox (SKUAssigned), or the accounts in Entra (User.Read.All).",
    )


def _plans(organization: Organization) -> Matter:
    name = "What the next mailbox gets"
    if organization.plans is None:
        return Matter(Check(name, "cannot know", "mailbox plans were not read", "Read Get-CASMailboxPlan."))
    opening = [plan for plan in organization.plans if plan.imap or plan.pop]
    if not opening:
        return Matter(Check(name, "ok", "no mailbox plan switches POP or IMAP on"))
    found = (
        f"POP or IMAP is on for the next hire in {len(opening):,} of {counted(len(organization.plans), 'mailbox plan')}"
    )
    remedy = "Set-CASMailboxPlan -ImapEnabled $false -PopEnabled $false, and switch on for whoever needs it."
    return Matter(Check(name, "wrong", found, remedy), tuple(plan.title or plan.name for plan in opening))


def _unused(boxes: Sequence[Mailbox], use: Use | None) -> Matter:
    name = "Protocols that nobody uses"
    on = [box for box in boxes if box.imap or box.pop]
    if use is None:
        found = f"{counted(len(on), 'mailbox', 'mailboxes')} with IMAP or POP on; whether they are used was not read"
        return Matter(Check(name, "cannot know", found, "Run notebook 10 over the sign-in log first."))
    return _judged(
        name,
        on,
        lambda box: not _used(box, use),
        f"with IMAP or POP on, and no sign-in on it in {counted(use.days, 'day')}",
        "Ask for jobs that run once a quarter; then Set-CASMailbox -ImapEnabled $false -PopEnabled $false.",
        "Run notebook 10 over the sign-in log.",
    )


def _automapping(boxes: Sequence[Mailbox], organization: Organization) -> Matter:
    name = "Mailboxes that open by themselves in Outlook"
    apps = frozenset(named for each in organization.principals or () for named in each.names)
    read = [box for box in boxes if organization.rights_of(box.address) is not None]
    opened = tuple(box.address for box in read if _opened_by_people(box, organization, apps))
    if opened:
        found = f"people have FullAccess to {len(opened):,}; Exchange does not show whether with automapping"
        remedy = "Where Outlook opens too much: take FullAccess away and give it again with -AutoMapping $false."
        return Matter(Check(name, "cannot know", found, remedy), (), opened)
    if len(read) < len(boxes):
        found = f"who may open them was read for {len(read):,} of {counted(len(boxes), 'mailbox', 'mailboxes')}"
        return Matter(Check(name, "cannot know", found, "Name the mailboxes that matter."))
    return Matter(
        Check(name, "ok", f"no person has FullAccess to any of {counted(len(boxes), 'mailbox', 'mailboxes')}")
    )


def _opened_by_people(box: Mailbox, organization: Organization, apps: frozenset[str]) -> bool:
    rights = organization.rights_of(box.address) or ()
    return any(each.opens and each.trustee != SELF and each.trustee.lower() not in apps for each in rights)


def _judged(
    name: str, boxes: Sequence[Mailbox], is_so: Callable[[Mailbox], bool | None], said: str, remedy: str, look: str
) -> Matter:
    """Return one matter: which mailboxes it is so for, and of which that was not read.

    Args:
        name: What is looked at.
        boxes: The mailboxes that it can be so for.
        is_so: None where it was not read.
        said: What is so.
        remedy: What to do where it is.
        look: How to know where it is not known.
    """
    told = [(box.address, is_so(box)) for box in boxes]
    found, unknown = (tuple(address for address, so in told if so is wanted) for wanted in (True, None))
    total = counted(len(boxes), "mailbox", "mailboxes")
    if found:
        rest = f"; not known for {len(unknown):,}" if unknown else ""
        return Matter(Check(name, "wrong", f"{len(found):,} of {total}: {said}{rest}", remedy), found, unknown)
    if unknown:
        return Matter(Check(name, "cannot know", f"not known for {len(unknown):,} of {total}", look), (), unknown)
    return Matter(Check(name, "ok", f"none of {total}"))


def _over(box: Mailbox, part: float) -> bool | None:
    if box.used_bytes is None or box.quota_bytes is None:
        return None
    return box.used_bytes >= part * box.quota_bytes


def _sends(box: Mailbox, organization: Organization) -> bool:
    return box.smtp == "on" or (box.smtp == "inherit" and organization.settings.smtp_off is False)


def _enabled(box: Mailbox, conditions: Conditions) -> bool | None:
    account = conditions.account(box.object_id)
    if account and account.enabled is not None:
        return account.enabled
    return None if box.account_disabled is None else not box.account_disabled


def _used(box: Mailbox, use: Use) -> bool:
    seen = {each for name in box.names for each in use.protocols.get(name, ())}
    return not ((box.imap and "imap" not in seen) or (box.pop and "pop" not in seen))
