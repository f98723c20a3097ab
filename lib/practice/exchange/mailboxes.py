"""Mailboxes and recipients: ``Get-Mailbox``, ``Get-EXOMailbox``, ``Get-Recipient``, ``Set-Mailbox``, statistics."""

from typing import Any, Final

from practice import management_scopes, opath
from practice.state import Mailbox

from . import addresses, errors, recipients
from .binding import Given, Parameter
from .cmdlets import IDENTITY, RESULT_SIZE, Cmdlet, Row, Run, assign, first

__all__ = ["CMDLETS", "filtered"]

_ROLE: Final = "Mail Recipients"
_KINDS: Final = ("UserMailbox", "SharedMailbox", "RoomMailbox")
_TYPES: Final = {"Regular": "UserMailbox", "Shared": "SharedMailbox", "Room": "RoomMailbox"}
_ATTRIBUTES: Final = tuple(f"CustomAttribute{number}" for number in range(1, 16))
_MINIMUM: Final = (
    "Alias",
    "DisplayName",
    "DistinguishedName",
    "EmailAddresses",
    "ExchangeGuid",
    "ExternalDirectoryObjectId",
    "Guid",
    "Id",
    "Identity",
    "Name",
    "PrimarySmtpAddress",
    "RecipientType",
    "RecipientTypeDetails",
    "UserPrincipalName",
)
"""What Get-EXOMailbox returns unless it is asked for more."""


def filtered(run: Run, given: Given, boxes: list[Mailbox]) -> list[Mailbox]:
    """Return the mailboxes that ``-Filter`` and ``-RecipientTypeDetails`` leave.

    Raises:
        errors.CmdletError: The filter cannot be read.
    """
    kinds = given.texts("RecipientTypeDetails")
    boxes = [one for one in boxes if not kinds or one.kind in kinds]
    if not given.text("Filter"):
        return boxes
    try:
        return management_scopes.selected(run.directory, boxes, given.text("Filter"))
    except opath.FilterError as error:
        # The frame of the text is the real one, its reason this cloud's own.
        raise errors.bad_value("Filter", given.text("Filter"), "System.String", f"{error}.") from None


def _recipient(run: Run, box: Mailbox) -> Row:
    owner = run.people.get(box.user_id)
    return {
        "Identity": box.user_id,
        "Id": box.user_id,
        "Name": box.user_id,
        "DisplayName": box.display_name,
        "Alias": recipients.alias(box),
        "PrimarySmtpAddress": box.primary_smtp,
        "EmailAddresses": addresses.proxies(box),
        "RecipientType": "MailUser" if box.kind == "MailUser" else "UserMailbox",
        "RecipientTypeDetails": box.kind,
        "ExternalDirectoryObjectId": box.user_id,
        "ExchangeGuid": box.guid,
        "Guid": box.guid,
        "ExchangeObjectId": box.guid,
        "IsDirSynced": bool(owner and owner.on_premises_sync_enabled),
    }


def _mailbox(run: Run, box: Mailbox) -> Row:
    owner = run.people.get(box.user_id)
    return {
        **_recipient(run, box),
        "UserPrincipalName": owner.user_principal_name if owner else "",
        "WindowsEmailAddress": box.primary_smtp,
        "AccountDisabled": not (owner and owner.account_enabled),
        "SKUAssigned": owner.licensed if owner else None,
        "IsMailboxEnabled": True,
        "IsShared": box.kind == "SharedMailbox",
        "IsResource": box.kind == "RoomMailbox",
        "IsSoftDeletedByRemove": box.soft_deleted,
        "MailboxPlan": box.plan or None,
        "MessageCopyForSMTPClientSubmissionEnabled": box.copies_sent,
        "ProhibitSendQuota": _size(box.quota_mb),
        **{name: box.custom_attributes.get(name, "") for name in _ATTRIBUTES},
    }


def _size(megabytes: int) -> str:
    text = f"{megabytes / 1024:.4g} GB" if megabytes >= 1024 else f"{megabytes} MB"
    return f"{text} ({megabytes * 1024 * 1024:,} bytes)"


def _get(run: Run, given: Given) -> list[Row]:
    removed = given.flag("SoftDeletedMailbox")
    if given.text("Identity"):
        boxes = [recipients.mailbox(run, given.text("Identity"), removed=removed)]
    else:
        boxes = [one for one in recipients.mailboxes(run) if one.soft_deleted is removed]
    return first(run, [_mailbox(run, one) for one in filtered(run, given, boxes)], given)


def _get_exo(run: Run, given: Given) -> list[Row]:
    """Return what the module's own cmdlet shows. The module asks another address for it; here both are one."""
    wanted = {one.lower() for one in given.texts("Properties")}
    everything = "All" in given.texts("PropertySets") or "*" in wanted
    return [
        {name: value for name, value in row.items() if everything or name in _MINIMUM or name.lower() in wanted}
        for row in _get(run, given)
    ]


def _get_recipient(run: Run, given: Given) -> list[Row]:
    if given.text("Identity"):
        boxes = [recipients.mailbox(run, given.text("Identity"), mail_users=True)]
    else:
        boxes = [one for one in recipients.mailboxes(run, mail_users=True) if not one.soft_deleted]
    return first(run, [_recipient(run, one) for one in filtered(run, given, boxes)], given)


def _set(run: Run, given: Given) -> list[Row]:
    box = recipients.mailbox(run, given.text("Identity"))
    values: dict[str, Any] = {}
    if "MessageCopyForSMTPClientSubmissionEnabled" in given:
        values["copies_sent"] = given["MessageCopyForSMTPClientSubmissionEnabled"]
    if given.text("DisplayName"):
        values["display_name"] = given.text("DisplayName")
    if "Type" in given:
        values["kind"] = _TYPES[given["Type"]]
    if given.text("WindowsEmailAddress"):
        values |= addresses.readdressed(run, box, given.text("WindowsEmailAddress"))
    if "EmailAddresses" in given:
        values |= addresses.replaced(run, box, given["EmailAddresses"])
    if given.text("MicrosoftOnlineServicesID"):
        addresses.rename(run, box, given.text("MicrosoftOnlineServicesID"))
    named = [name for name in _ATTRIBUTES if name in given]
    if named:
        attributes = {**box.custom_attributes, **{name: given.text(name) for name in named}}
        values["custom_attributes"] = {name: value for name, value in attributes.items() if value}
    if values or not given.text("MicrosoftOnlineServicesID"):
        assign(run, box, values, box.user_id)
    return []


def _statistics(run: Run, given: Given) -> list[Row]:
    box = recipients.mailbox(run, given.text("Identity"))
    return [
        {
            "Identity": box.guid,
            "DisplayName": box.display_name,
            "MailboxGuid": box.guid,
            "MailboxType": "Private",
            "MailboxTypeDetail": box.kind,
            "ItemCount": len(box.messages),
            "TotalItemSize": _size(box.used_mb),
        }
    ]


_FILTER: Final = Parameter("Filter", longest=10_000)
_LIST: Final = (
    Parameter("Identity"),
    _FILTER,
    Parameter("RecipientTypeDetails", "choices", choices=_KINDS),
    RESULT_SIZE,
    Parameter("SoftDeletedMailbox", "switch"),
)

CMDLETS: Final = (
    Cmdlet("Get-Mailbox", _ROLE, _get, _LIST),
    Cmdlet(
        "Get-EXOMailbox",
        _ROLE,
        _get_exo,
        (
            *_LIST,
            Parameter("Properties", "texts"),
            Parameter("PropertySets", "choices", choices=("All", "Minimum")),
        ),
    ),
    Cmdlet(
        "Get-Recipient",
        _ROLE,
        _get_recipient,
        (
            Parameter("Identity"),
            _FILTER,
            Parameter("RecipientTypeDetails", "choices", choices=(*_KINDS, "MailUser")),
            RESULT_SIZE,
        ),
    ),
    Cmdlet(
        "Set-Mailbox",
        _ROLE,
        _set,
        (
            IDENTITY,
            Parameter("DisplayName", longest=256),
            Parameter("EmailAddresses", "edit"),
            Parameter("MicrosoftOnlineServicesID", longest=320),
            Parameter("MessageCopyForSMTPClientSubmissionEnabled", "bool"),
            Parameter("Type", "choice", choices=tuple(_TYPES)),
            Parameter("WindowsEmailAddress", longest=320),
            *(Parameter(name) for name in _ATTRIBUTES),
        ),
    ),
    Cmdlet("Get-MailboxStatistics", _ROLE, _statistics, (IDENTITY,)),
)
"""The cmdlets of this module."""
