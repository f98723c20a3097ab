"""The protocol switches of mailboxes and of the plans that new ones are made from, and the phones at them:
``*-CASMailbox``, ``*-CASMailboxPlan``, ``Get-MobileDevice`` and its statistics."""

from typing import Any, Final

from practice.state import CasMailboxPlan, Mailbox, MobileDevice

from . import errors, recipients
from .binding import Given, Parameter
from .cmdlets import IDENTITY, RESULT_SIZE, Cmdlet, Row, Run, assign, first, stamp
from .mailboxes import filtered

__all__ = ["CMDLETS"]

_RECIPIENTS: Final = "Mail Recipients"
_CLIENTS: Final = "Organization Client Access"
_SWITCHES: Final = {
    "ImapEnabled": "imap_enabled",
    "PopEnabled": "pop_enabled",
    "ActiveSyncEnabled": "active_sync_enabled",
}


def _shown(box: Mailbox) -> Row:
    return {
        "Identity": box.user_id,
        "Name": box.user_id,
        "DisplayName": box.display_name,
        "PrimarySmtpAddress": box.primary_smtp,
        "EmailAddresses": [f"SMTP:{box.primary_smtp}", *(f"smtp:{one}" for one in box.aliases)],
        "Guid": box.guid,
        "ExchangeObjectId": box.guid,
        "ExternalDirectoryObjectId": box.user_id,
        **{name: getattr(box, field) for name, field in _SWITCHES.items()},
        # Three states: null follows the organization, and PowerShell shows it as a blank (E5).
        "SmtpClientAuthenticationDisabled": box.smtp_auth_disabled,
    }


def _get(run: Run, given: Given) -> list[Row]:
    if given.text("Identity"):
        boxes = [recipients.mailbox(run, given.text("Identity"))]
    else:
        boxes = [one for one in recipients.mailboxes(run) if not one.soft_deleted]
    return first(run, [_shown(one) for one in filtered(run, given, boxes)], given)


def _set(run: Run, given: Given) -> list[Row]:
    box = recipients.mailbox(run, given.text("Identity"))
    values = _switches(given)
    if "SmtpClientAuthenticationDisabled" in given:
        values["smtp_auth_disabled"] = given["SmtpClientAuthenticationDisabled"]
    assign(run, box, values, box.user_id)
    return []


def _switches(given: Given) -> dict[str, Any]:
    return {field: given[name] for name, field in _SWITCHES.items() if name in given}


def _plan_shown(plan: CasMailboxPlan) -> Row:
    return {
        "Identity": plan.name,
        "Name": plan.name,
        "DisplayName": plan.name,
        **{name: getattr(plan, field) for name, field in _SWITCHES.items()},
    }


def _plan(run: Run, identity: str) -> CasMailboxPlan:
    found = next((one for one in run.exchange.cas_mailbox_plans if one.name.lower() == identity.lower()), None)
    if found is None:
        raise errors.not_found(identity, domain=run.initial_domain)
    return found


def _get_plan(run: Run, given: Given) -> list[Row]:
    identity = given.text("Identity")
    return [_plan_shown(one) for one in ([_plan(run, identity)] if identity else run.exchange.cas_mailbox_plans)]


def _set_plan(run: Run, given: Given) -> list[Row]:
    plan = _plan(run, given.text("Identity"))
    assign(run, plan, _switches(given), plan.name)
    return []


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


def _device_statistics(run: Run, given: Given) -> list[Row]:
    status = {"Allowed": "DeviceOk", "Blocked": "DeviceBlocked", "Quarantined": "DeviceOk"}
    return [
        {
            **_device(run, one),
            "LastSuccessSync": stamp(one.last_sync),
            "LastSyncAttemptTime": stamp(one.last_sync),
            "Status": status[one.access_state],
        }
        for one in _devices(run, given)
    ]


_PARAMETERS: Final = tuple(Parameter(name, "bool") for name in _SWITCHES)

CMDLETS: Final = (
    Cmdlet(
        "Get-CASMailbox",
        _RECIPIENTS,
        _get,
        (Parameter("Identity"), Parameter("Filter", longest=10_000), RESULT_SIZE),
    ),
    Cmdlet(
        "Set-CASMailbox",
        _RECIPIENTS,
        _set,
        (IDENTITY, *_PARAMETERS, Parameter("SmtpClientAuthenticationDisabled", "nullable bool")),
    ),
    Cmdlet("Get-CASMailboxPlan", _CLIENTS, _get_plan, (Parameter("Identity"),)),
    Cmdlet("Set-CASMailboxPlan", _CLIENTS, _set_plan, (IDENTITY, *_PARAMETERS)),
    Cmdlet(
        "Get-MobileDevice",
        _RECIPIENTS,
        _get_device,
        (Parameter("Identity"), Parameter("Mailbox"), Parameter("ActiveSync", "switch"), RESULT_SIZE),
    ),
    Cmdlet(
        "Get-MobileDeviceStatistics",
        _RECIPIENTS,
        _device_statistics,
        (Parameter("Identity"), Parameter("Mailbox")),
        one_of=(("Identity", "Mailbox"),),
    ),
)
"""The cmdlets of this module."""
