"""Who may open a mailbox and who may send as it: ``*-MailboxPermission`` and ``*-RecipientPermission``."""

from typing import Final

from practice.state import Mailbox, MailboxPermission, RecipientPermission

from . import recipients
from .binding import Given, Parameter
from .cmdlets import IDENTITY, RESULT_SIZE, Cmdlet, Row, Run, first

__all__ = ["CMDLETS"]

_ROLE: Final = "Mail Recipients"
_RIGHTS: Final = (
    "ChangeOwner",
    "ChangePermission",
    "DeleteItem",
    "ExternalAccount",
    "FullAccess",
    "ReadPermission",
)
_INHERITANCE: Final = ("None", "All", "Children", "Descendents", "SelfAndChildren")
_MAILBOX_RIGHTS: Final = Parameter("AccessRights", "choices", required=True, choices=_RIGHTS)
_SEND_AS: Final = Parameter("AccessRights", "choices", required=True, choices=("SendAs",))


def _entry(run: Run, box: Mailbox, held: MailboxPermission) -> Row:
    return {
        "Identity": box.user_id,
        "User": held.trustee if held.trustee == recipients.SELF else recipients.trustee_named(run, held.trustee),
        "AccessRights": list(held.rights),
        "IsInherited": False,
        "Deny": held.deny,
        "InheritanceType": held.inheritance,
    }


def _get_mailbox(run: Run, given: Given) -> list[Row]:
    box = recipients.mailbox(run, given.text("Identity"))
    owner = MailboxPermission(mailbox=box.guid, trustee=recipients.SELF, rights=["FullAccess", "ReadPermission"])
    held = [owner, *(one for one in run.exchange.mailbox_permissions if one.mailbox == box.guid)]
    if given.text("User"):
        wanted = _trustee(run, given.text("User"))
        held = [one for one in held if one.trustee == wanted]
    return first(run, [_entry(run, box, one) for one in held], given)


def _add_mailbox(run: Run, given: Given) -> list[Row]:
    box = recipients.mailbox(run, given.text("Identity"))
    trustee = recipients.trustee(run, given.text("User"))
    found = _held(run, box, trustee, deny=given.flag("Deny"))
    missing = [right for right in given.texts("AccessRights") if found is None or right not in found.rights]
    if found is not None and not missing:
        _warn_present(run, box, trustee)
        return []
    if found is None:
        found = MailboxPermission(mailbox=box.guid, trustee=trustee, rights=[], deny=given.flag("Deny"))
        run.exchange.mailbox_permissions.append(found)
    found.rights = [*found.rights, *missing]
    # Absent means yes, as in Exchange: Outlook opens the mailbox by itself.
    found.automapping = bool(given.get("AutoMapping", True))
    found.inheritance = str(given.get("InheritanceType", "All"))
    return [_entry(run, box, found)]


def _remove_mailbox(run: Run, given: Given) -> list[Row]:
    box = recipients.mailbox(run, given.text("Identity"))
    trustee = _trustee(run, given.text("User"))
    found = _held(run, box, trustee, deny=given.flag("Deny"))
    if found is None or not set(found.rights) & set(given.texts("AccessRights")):
        _warn_absent(run, box, trustee)
        return []
    found.rights = [right for right in found.rights if right not in given.texts("AccessRights")]
    run.exchange.mailbox_permissions = [one for one in run.exchange.mailbox_permissions if one.rights]
    return []


def _held(run: Run, box: Mailbox, trustee: str, *, deny: bool) -> MailboxPermission | None:
    return next(
        (
            one
            for one in run.exchange.mailbox_permissions
            if (one.mailbox, one.trustee, one.deny) == (box.guid, trustee, deny)
        ),
        None,
    )


def _send_as_entry(run: Run, box: Mailbox, trustee: str) -> Row:
    return {
        "Identity": box.user_id,
        "Trustee": trustee if trustee == recipients.SELF else recipients.trustee_named(run, trustee),
        "AccessControlType": "Allow",
        "AccessRights": ["SendAs"],
        "IsInherited": False,
        "InheritanceType": "None",
    }


def _get_recipient(run: Run, given: Given) -> list[Row]:
    identity = given.text("Identity")
    boxes = [recipients.mailbox(run, identity, mail_users=True)] if identity else recipients.mailboxes(run)
    wanted = _trustee(run, given.text("Trustee")) if given.text("Trustee") else ""
    holders: dict[str, list[str]] = {}
    for one in run.exchange.recipient_permissions:
        holders.setdefault(one.recipient, []).append(one.trustee)
    rows = [
        _send_as_entry(run, box, trustee)
        for box in boxes
        for trustee in (recipients.SELF, *holders.get(box.guid, ()))
        if wanted in ("", trustee)
    ]
    return first(run, rows, given)


def _add_recipient(run: Run, given: Given) -> list[Row]:
    box = recipients.mailbox(run, given.text("Identity"), mail_users=True)
    trustee = recipients.trustee(run, given.text("Trustee"))
    if _sends(run, box, trustee):
        _warn_present(run, box, trustee)
        return []
    run.exchange.recipient_permissions.append(RecipientPermission(recipient=box.guid, trustee=trustee))
    return [_send_as_entry(run, box, trustee)]


def _remove_recipient(run: Run, given: Given) -> list[Row]:
    box = recipients.mailbox(run, given.text("Identity"), mail_users=True)
    trustee = _trustee(run, given.text("Trustee"))
    if not _sends(run, box, trustee):
        _warn_absent(run, box, trustee)
        return []
    run.exchange.recipient_permissions = [
        one for one in run.exchange.recipient_permissions if (one.recipient, one.trustee) != (box.guid, trustee)
    ]
    return []


def _sends(run: Run, box: Mailbox, trustee: str) -> bool:
    return any((one.recipient, one.trustee) == (box.guid, trustee) for one in run.exchange.recipient_permissions)


def _trustee(run: Run, identity: str) -> str:
    """Return whom an identity means where a permission is looked for: the owner and removed apps too."""
    if identity.lower() == recipients.SELF.lower():
        return recipients.SELF
    held = {one.trustee for one in run.exchange.mailbox_permissions}
    held |= {one.trustee for one in run.exchange.recipient_permissions}
    # The SID of an app that was removed stands in permissions still, and can be taken out by it.
    left = next((one for one in held if one.lower() == identity.lower() and one not in run.people), "")
    return left or recipients.trustee(run, identity)


# Both warnings are worded from memory, unverified.


def _warn_present(run: Run, box: Mailbox, trustee: str) -> None:
    account = recipients.trustee_named(run, trustee)
    run.warn(
        f'The appropriate access control entry is already present on the object "{box.user_id}" for account '
        f'"{account}".'
    )


def _warn_absent(run: Run, box: Mailbox, trustee: str) -> None:
    account = recipients.trustee_named(run, trustee)
    run.warn(
        f'Can\'t remove the access control entry on the object "{box.user_id}" for account "{account}" because the ACE '
        "isn't present."
    )


_TYPE: Final = Parameter("InheritanceType", "choice", choices=_INHERITANCE)
_USER: Final = Parameter("User", required=True)
_TRUSTEE: Final = Parameter("Trustee", required=True)

CMDLETS: Final = (
    Cmdlet("Get-MailboxPermission", _ROLE, _get_mailbox, (IDENTITY, Parameter("User"), RESULT_SIZE)),
    Cmdlet(
        "Add-MailboxPermission",
        _ROLE,
        _add_mailbox,
        (IDENTITY, _USER, _MAILBOX_RIGHTS, Parameter("AutoMapping", "bool"), Parameter("Deny", "switch"), _TYPE),
    ),
    Cmdlet(
        "Remove-MailboxPermission",
        _ROLE,
        _remove_mailbox,
        (IDENTITY, _USER, _MAILBOX_RIGHTS, Parameter("Deny", "switch"), _TYPE),
    ),
    Cmdlet(
        "Get-RecipientPermission",
        _ROLE,
        _get_recipient,
        (
            Parameter("Identity"),
            Parameter("Trustee"),
            Parameter("AccessRights", "choices", choices=("SendAs",)),
            RESULT_SIZE,
        ),
    ),
    Cmdlet("Add-RecipientPermission", _ROLE, _add_recipient, (IDENTITY, _TRUSTEE, _SEND_AS)),
    Cmdlet("Remove-RecipientPermission", _ROLE, _remove_recipient, (IDENTITY, _TRUSTEE, _SEND_AS)),
)
"""The cmdlets of this module."""
