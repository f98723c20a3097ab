"""What is wrong with a mailbox that is to be used with tokens: itself, its account, its switches, who may open it."""

from collections.abc import Iterator
from datetime import datetime

from ..mail import access
from ..state import Mailbox, Tenant, User
from .closing import refuses_passwords
from .meant import Meant, Use

__all__ = ["faults"]


def faults(tenant: Tenant, wanted: Meant, use: Use, now: datetime) -> Iterator[str]:
    """Yield what is wrong with one mailbox."""
    box = tenant.exchange.mailbox(use.address)
    owner = tenant.directory.user(box.user_id) if box else None
    if box is None or owner is None:
        yield f"There is no mailbox {use.address}."
        return
    if use.address.lower() != box.primary_smtp.lower():
        yield f"{use.address} is only a further address of the mailbox {box.primary_smtp or owner.user_principal_name}."
    yield from _there(use, box, owner)
    yield from _account(use, owner, now)
    yield from _switches(tenant, use, box, now)
    yield from _apps(tenant, wanted, use, box)
    yield from _people(tenant, use, box, owner)
    yield from _senders(tenant, use, box)


def _there(use: Use, box: Mailbox, owner: User) -> Iterator[str]:
    if box.soft_deleted:
        yield f"The mailbox {use.address} was removed; it can be brought back for 30 days."
    elif box.kind == "MailUser":
        yield f"{use.address} is a mail user: the mailbox is not in Exchange Online."
    elif not box.primary_smtp:
        yield f"The mailbox {use.address} has no primary address."
    elif box.kind == "UserMailbox" and not owner.licensed:
        yield f"The account of {use.address} has no licence, and so no mailbox that opens."
    if box.primary_smtp and owner.user_principal_name.lower() != box.primary_smtp.lower():
        yield (
            f"The account {owner.user_principal_name} has a mailbox whose primary address is {box.primary_smtp}; they "
            "should be one, as IMAP and POP take the address for an account's name."
        )
    if box.used_mb >= box.quota_mb:
        yield f"The mailbox {use.address} is full."


def _account(use: Use, owner: User, now: datetime) -> Iterator[str]:
    if use.shared:
        if owner.account_enabled:
            yield f"The account of the shared mailbox {use.address} may sign in; it should be disabled."
        return
    if not use.by_people:
        return
    if not owner.account_enabled:
        yield f"The account of {use.address} is disabled, so it cannot sign in for a token of its own."
    if owner.password_expired:
        yield f"The password of {use.address} has expired."
    if owner.locked_until and owner.locked_until > now:
        yield f"The account of {use.address} is locked until {owner.locked_until:%Y-%m-%d %H:%M} UTC."


def _switches(tenant: Tenant, use: Use, box: Mailbox, now: datetime) -> Iterator[str]:
    for protocol, enabled in (("imap", box.imap_enabled), ("pop", box.pop_enabled)):
        if protocol in use.protocols and not enabled:
            yield f"{protocol.upper()} is off for the mailbox {use.address}; it should be on."
    off = access.submission_switch(tenant.exchange, box) if "smtp" in use.protocols else ""
    if off:
        where = "on the mailbox itself" if off == "Mailbox" else "in the organization, without an exception of its own"
        # The switch opens SMTP AUTH to passwords too.
        first = "" if refuses_passwords(tenant, box, now) else ", once an authentication policy refuses passwords there"
        yield f"SMTP AUTH is off for {use.address}, {where}; it should be on for this mailbox{first}."


def _apps(tenant: Tenant, wanted: Meant, use: Use, box: Mailbox) -> Iterator[str]:
    for work in wanted.works:
        mirrored = tenant.exchange.principal(work.app.app_id)
        by_itself = set(work.by_role).intersection(use.protocols)
        if mirrored is None or use not in work.uses or not by_itself:
            continue
        held = [
            one
            for one in tenant.exchange.mailbox_permissions
            if one.mailbox == box.guid
            and one.trustee in (mirrored.sid, mirrored.object_id)
            and "FullAccess" in one.rights
        ]
        if not held:
            yield f"{work.name} has no FullAccess to {use.address}."
        elif any(one.deny for one in held):
            yield f"{work.name} is denied FullAccess to {use.address}."


def _people(tenant: Tenant, use: Use, box: Mailbox, owner: User) -> Iterator[str]:
    if not (use.shared and use.by_people):
        return
    accounts = {one.id for one in tenant.directory.users if one.id != owner.id}
    groups = {one.id for one in tenant.directory.groups if accounts.intersection(one.members)}
    if not any(
        one.mailbox == box.guid and one.trustee in accounts | groups and "FullAccess" in one.rights and not one.deny
        for one in tenant.exchange.mailbox_permissions
    ):
        yield f"Nobody has FullAccess to the shared mailbox {use.address}, so no person can open it."
    if "smtp" in use.protocols and not owner.licensed:
        yield (
            f"The shared mailbox {use.address} has no licence, so no person can send by signing in to SMTP as it; "
            "somebody may sign in as themselves and send as it, or it needs one."
        )


def _senders(tenant: Tenant, use: Use, box: Mailbox) -> Iterator[str]:
    view = access.View(tenant.tenant_id, tenant.directory, tenant.exchange)
    for sender in use.send_as:
        if not access.may_send_as(view, box, sender):
            yield f"{use.address} may not send as {sender}: it has no SendAs there."
