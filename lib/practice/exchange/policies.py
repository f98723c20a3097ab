"""Which protocols take a password, and for whom: ``*-AuthenticationPolicy``, ``Get-User``, ``Set-User``."""

from datetime import timedelta
from typing import Final

from practice.state import AuthenticationPolicy, User

from . import errors, recipients
from .binding import Given, Parameter
from .cmdlets import IDENTITY, RESULT_SIZE, Cmdlet, Row, Run, assign, first, stamp
from .organization import policy

__all__ = ["CMDLETS"]

_CLIENTS: Final = "Organization Client Access"
_RECIPIENTS: Final = "Mail Recipients"
_PROTOCOLS: Final = (
    "ActiveSync",
    "Autodiscover",
    "Imap",
    "Mapi",
    "OfflineAddressBook",
    "OutlookService",
    "Pop",
    "Powershell",
    "ReportingWebServices",
    "Rpc",
    "Smtp",
    "WebServices",
)
_SWITCH: Final = "AllowBasicAuth"
_HURRIED: Final = timedelta(minutes=30)


def _shown(one: AuthenticationPolicy) -> Row:
    allowed = {f"{_SWITCH}{name}": one.allow_basic.get(name, False) for name in _PROTOCOLS}
    return {"Identity": one.name, "Id": one.name, "Name": one.name, **allowed}


def _switches(given: Given) -> dict[str, bool]:
    return {name: given[f"{_SWITCH}{name}"] for name in _PROTOCOLS if f"{_SWITCH}{name}" in given}


def _get(run: Run, given: Given) -> list[Row]:
    identity = given.text("Identity")
    return [_shown(one) for one in ([policy(run, identity)] if identity else run.exchange.authentication_policies)]


def _new(run: Run, given: Given) -> list[Row]:
    name = given.text("Name")
    if any(one.name.lower() == name.lower() for one in run.exchange.authentication_policies):
        raise errors.duplicate(name)
    # What is not asked for is off in a new policy.
    made = AuthenticationPolicy(name=name, allow_basic={**dict.fromkeys(_PROTOCOLS, False), **_switches(given)})
    run.exchange.authentication_policies.append(made)
    return [_shown(made)]


def _set(run: Run, given: Given) -> list[Row]:
    one = policy(run, given.text("Identity"))
    run.keep_policy(f"policy {one.name.lower()}", allow_basic=one.allow_basic)
    assign(run, one, {"allow_basic": {**one.allow_basic, **_switches(given)}}, one.name)
    return []


def _remove(run: Run, given: Given) -> list[Row]:
    one = policy(run, given.text("Identity"))
    name = one.name.lower()
    users = [box for box in run.exchange.mailboxes if box.authentication_policy.lower() == name]
    if users or run.exchange.default_authentication_policy.lower() == name:
        # Unverified: what the service says of a policy that is still in use.
        raise errors.invalid(
            f"The authentication policy \"{one.name}\" can't be removed because it's the default policy of the "
            f"organization or is assigned to users ({len(users)})."
        )
    run.exchange.authentication_policies = [
        kept for kept in run.exchange.authentication_policies if kept.name.lower() != name
    ]
    return []


def _user_shown(run: Run, one: User) -> Row:
    box = run.box(one.id)
    return {
        "Identity": one.id,
        "Name": one.id,
        "DisplayName": one.display_name,
        "UserPrincipalName": one.user_principal_name,
        "WindowsEmailAddress": box.primary_smtp if box else one.mail or "",
        "ExternalDirectoryObjectId": one.id,
        "Sid": recipients.sid(one),
        "RecipientTypeDetails": box.kind if box else "User",
        "AccountDisabled": not one.account_enabled,
        "IsDirSynced": bool(one.on_premises_sync_enabled),
        "AuthenticationPolicy": box.authentication_policy or None if box else None,
        "StsRefreshTokensValidFrom": stamp(one.sessions_valid_from),
    }


def _get_user(run: Run, given: Given) -> list[Row]:
    identity = given.text("Identity")
    found = [recipients.user(run, identity)] if identity else sorted(run.directory.users, key=lambda one: one.id)
    return first(run, [_user_shown(run, one) for one in found], given)


def _set_user(run: Run, given: Given) -> list[Row]:
    one = recipients.user(run, given.text("Identity"))
    revoked = given.get("STSRefreshTokensValidFrom")
    if revoked:
        with run.tenant.change_directory(run.now, run.directory_lag):
            one.sessions_valid_from = revoked
    if "AuthenticationPolicy" in given:
        box = run.box(one.id)
        if box is None:
            # Exchange keeps the policy with the user; this cloud keeps it with the mailbox.
            raise errors.not_found(given.text("Identity"), domain=run.initial_domain)
        wanted = given.text("AuthenticationPolicy")
        # Documented: signing everybody out of the account makes its policy count within 30 minutes.
        run.keep_policy(box.guid, _HURRIED if revoked else None, name=box.authentication_policy)
        assign(run, box, {"authentication_policy": policy(run, wanted).name if wanted else ""}, one.id)
    return []


_ALLOW: Final = tuple(Parameter(f"{_SWITCH}{name}", "switch") for name in _PROTOCOLS)

CMDLETS: Final = (
    Cmdlet("Get-AuthenticationPolicy", _CLIENTS, _get, (Parameter("Identity"),)),
    Cmdlet(
        "New-AuthenticationPolicy",
        _CLIENTS,
        _new,
        (Parameter("Name", required=True, longest=64), *_ALLOW),
        customizes=True,
    ),
    Cmdlet("Set-AuthenticationPolicy", _CLIENTS, _set, (IDENTITY, *_ALLOW)),
    Cmdlet("Remove-AuthenticationPolicy", _CLIENTS, _remove, (IDENTITY,)),
    Cmdlet("Get-User", _RECIPIENTS, _get_user, (Parameter("Identity"), RESULT_SIZE)),
    Cmdlet(
        "Set-User",
        _RECIPIENTS,
        _set_user,
        (IDENTITY, Parameter("AuthenticationPolicy"), Parameter("STSRefreshTokensValidFrom", "moment")),
    ),
)
"""The cmdlets of this module."""
