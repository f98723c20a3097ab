"""Phones and their partnerships with mailboxes: ``*-MobileDevice``, its statistics, and which phones may sync."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from practice.state import Mailbox, MobileDevice

from . import errors, recipients
from .binding import Given, Parameter
from .cmdlets import IDENTITY, RESULT_SIZE, Cmdlet, Row, Run, first, stamp

__all__ = ["CMDLETS", "admit", "listed"]

_ROLE: Final = "Mail Recipients"
_BY_DEFAULT: Final[Mapping[str, Literal["Allowed", "Blocked", "Quarantined"]]] = {
    "Allow": "Allowed",
    "Block": "Blocked",
    "Quarantine": "Quarantined",
}
_STATUS: Final = {"Allowed": "DeviceOk", "Blocked": "DeviceBlocked", "Quarantined": "DeviceOk"}
# The second name is from memory, unverified.
_WIPES: Final = {"device": "DeviceWipePending", "account": "AccountOnlyDeviceWipePending"}


def listed(box: Mailbox) -> set[str]:
    """Return the ids of the phones that a mailbox's own lists name, in lower case."""
    return {one.lower() for one in (*box.active_sync_allowed_ids, *box.active_sync_blocked_ids)}


def admit(run: Run, box: Mailbox, before: set[str]) -> None:
    """Let the phones of a mailbox in or keep them out as its lists say now; a block comes before an allowance.

    A phone that left the lists is treated as a new one. Exchange looks at all that when the phone next syncs; as no
    phone syncs here, it is done at once.

    Args:
        run: The call.
        box: The mailbox.
        before: What `listed` was before the change.
    """
    allowed, blocked = (
        {one.lower() for one in ids} for ids in (box.active_sync_allowed_ids, box.active_sync_blocked_ids)
    )
    for device in run.exchange.mobile_devices:
        name = device.device_id.lower()
        if run.box(device.mailbox) is not box:
            continue
        if name in blocked:
            device.access_state = "Blocked"
        elif name in allowed:
            device.access_state = "Allowed"
        elif name in before:
            device.access_state = _BY_DEFAULT[run.exchange.default_access_level]


def _device_name(run: Run, device: MobileDevice) -> str:
    """Return a device's identity: the mailbox's name, the container, and a name made of kind and id."""
    box = run.box(device.mailbox)
    container = "ExchangeActiveSyncDevices" if device.client_type == "EAS" else "ExchangeDevices"
    return f"{box.user_id if box else device.mailbox}\\{container}\\{device.client_type}§{device.device_id}"


def _device(run: Run, device: MobileDevice) -> Row:
    box = run.box(device.mailbox)
    name = _device_name(run, device)
    return {
        "Identity": name,
        "Name": name.rpartition("\\")[2],
        "Guid": device.guid,
        "DeviceId": device.device_id,
        "DeviceModel": device.model,
        "FriendlyName": device.model,
        "DeviceOS": device.os,
        "DeviceUserAgent": device.user_agent,
        "ClientType": device.client_type,
        "ClientVersion": device.client_version,
        "DeviceAccessState": device.access_state,
        "FirstSyncTime": stamp(device.first_sync),
        "UserDisplayName": box.display_name if box else "",
    }


def _devices(run: Run, given: Given) -> list[MobileDevice]:
    found = sorted(run.exchange.mobile_devices, key=lambda one: (one.mailbox, one.device_id))
    if given.text("Mailbox"):
        box = recipients.mailbox(run, given.text("Mailbox"))
        return [one for one in found if run.box(one.mailbox) is box]
    identity = given.text("Identity").lower()
    if not identity:
        return found
    named = [one for one in found if identity in (one.guid, one.device_id.lower(), _device_name(run, one).lower())]
    if not named:
        raise errors.not_found(given.text("Identity"), domain=run.initial_domain)
    return named


def _get_device(run: Run, given: Given) -> list[Row]:
    kinds = {"EAS"} if given.flag("ActiveSync") else {"EAS", "REST", "MOWA"}
    return first(run, [_device(run, one) for one in _devices(run, given) if one.client_type in kinds], given)


def _statistics(run: Run, given: Given) -> list[Row]:
    return [
        {
            **_device(run, one),
            "LastSuccessSync": stamp(one.last_sync),
            "LastSyncAttemptTime": stamp(one.last_sync),
            "DeviceWipeRequestTime": stamp(one.wipe_requested),
            "Status": _WIPES.get(one.wipe) or _STATUS[one.access_state],
        }
        for one in _devices(run, given)
    ]


def _one(run: Run, given: Given) -> MobileDevice:
    found = _devices(run, given)
    if len(found) > 1:
        raise errors.ambiguous(given.text("Identity"))
    return found[0]


def _remove(run: Run, given: Given) -> list[Row]:
    """End a partnership. The phone begins another when it syncs again, as long as it may."""
    gone = _one(run, given)
    run.exchange.mobile_devices = [one for one in run.exchange.mobile_devices if one.guid != gone.guid]
    return []


def _clear(run: Run, given: Given) -> list[Row]:
    """Ask for a phone to be wiped when it next syncs, or take that back; its partnership stays."""
    device = _one(run, given)
    if given.flag("Cancel"):
        device.wipe, device.wipe_requested = "", None
        return []
    if given.flag("AccountOnly") and device.client_type == "EAS" and _older(device.client_version):
        raise errors.invalid(  # that it is refused is documented, the wording is unverified
            f"Device '{device.device_id}' doesn't support account only remote wipe: it needs ActiveSync 16.1."
        )
    device.wipe, device.wipe_requested = "account" if given.flag("AccountOnly") else "device", run.now
    return []


def _older(version: str) -> bool:
    return tuple(int(one) for one in re.findall(r"[0-9]{1,9}", version)) < (16, 1)


CMDLETS: Final = (
    Cmdlet(
        "Get-MobileDevice",
        _ROLE,
        _get_device,
        (Parameter("Identity"), Parameter("Mailbox"), Parameter("ActiveSync", "switch"), RESULT_SIZE),
    ),
    Cmdlet(
        "Get-MobileDeviceStatistics",
        _ROLE,
        _statistics,
        (Parameter("Identity"), Parameter("Mailbox")),
        one_of=(("Identity", "Mailbox"),),
    ),
    Cmdlet("Remove-MobileDevice", _ROLE, _remove, (IDENTITY,)),
    Cmdlet(
        "Clear-MobileDevice",
        _ROLE,
        _clear,
        (
            IDENTITY,
            Parameter("AccountOnly", "switch"),
            Parameter("Cancel", "switch"),
            Parameter("NotificationEmailAddresses", "texts"),
        ),
    ),
)
"""The cmdlets of this module."""
