"""The protocol switches of mailboxes, which phones may sync with them, and the plans that new ones are made from:
``*-CASMailbox``, ``*-CASMailboxPlan``."""

from typing import Any, Final

from practice.state import CasMailboxPlan, Mailbox

from . import addresses, devices, errors, recipients
from .binding import Given, Parameter
from .cmdlets import IDENTITY, RESULT_SIZE, Cmdlet, Row, Run, assign, first
from .mailboxes import filtered

__all__ = ["CMDLETS"]

_RECIPIENTS: Final = "Mail Recipients"
_CLIENTS: Final = "Organization Client Access"
_SWITCHES: Final = {
    "ImapEnabled": "imap_enabled",
    "PopEnabled": "pop_enabled",
    "ActiveSyncEnabled": "active_sync_enabled",
}
_PHONES: Final = {
    "ActiveSyncAllowedDeviceIDs": "active_sync_allowed_ids",
    "ActiveSyncBlockedDeviceIDs": "active_sync_blocked_ids",
}


def _shown(box: Mailbox) -> Row:
    return {
        "Identity": box.user_id,
        "Name": box.user_id,
        "DisplayName": box.display_name,
        "PrimarySmtpAddress": box.primary_smtp,
        "EmailAddresses": addresses.proxies(box),
        "Guid": box.guid,
        "ExchangeObjectId": box.guid,
        "ExternalDirectoryObjectId": box.user_id,
        **{name: getattr(box, field) for name, field in (_SWITCHES | _PHONES).items()},
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
    values |= {field: given[name].of(getattr(box, field)) for name, field in _PHONES.items() if name in given}
    listed = devices.listed(box)
    assign(run, box, values, box.user_id)
    devices.admit(run, box, listed)
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
        (
            IDENTITY,
            *_PARAMETERS,
            Parameter("SmtpClientAuthenticationDisabled", "nullable bool"),
            *(Parameter(name, "edit") for name in _PHONES),
        ),
    ),
    Cmdlet("Get-CASMailboxPlan", _CLIENTS, _get_plan, (Parameter("Identity"),)),
    Cmdlet("Set-CASMailboxPlan", _CLIENTS, _set_plan, (IDENTITY, *_PARAMETERS)),
)
"""The cmdlets of this module."""
