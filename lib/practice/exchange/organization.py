"""The organization's own settings: transport, organization and ActiveSync configuration, accepted domains."""

from typing import Any, Final
from uuid import UUID

from practice.state import AuthenticationPolicy

from . import errors
from .binding import Given, Parameter
from .cmdlets import Cmdlet, Row, Run, assign

__all__ = ["CMDLETS", "policy"]

_TRANSPORT: Final = "Organization Transport Settings"
_CONFIGURATION: Final = "Organization Configuration"
_CLIENTS: Final = "Organization Client Access"
_DOMAINS: Final = "Remote and Accepted Domains"


def policy(run: Run, identity: str) -> AuthenticationPolicy:
    """Return the authentication policy that an identity names.

    Raises:
        errors.CmdletError: There is none.
    """
    wanted = identity.lower()
    found = next((one for one in run.exchange.authentication_policies if one.name.lower() == wanted), None)
    if found is None:
        raise errors.not_found(identity, domain=run.initial_domain)
    return found


def _chosen(given: Given, attributes: dict[str, str]) -> dict[str, Any]:
    return {attribute: given[name] for name, attribute in attributes.items() if name in given}


_TRANSPORT_SWITCHES: Final = {
    "SmtpClientAuthenticationDisabled": "smtp_auth_disabled",
    "AllowLegacyTLSClients": "legacy_tls",
}


def _get_transport(run: Run, given: Given) -> list[Row]:
    name = "Transport Settings"
    shown = {name: getattr(run.exchange, attribute) for name, attribute in _TRANSPORT_SWITCHES.items()}
    return [{"Identity": name, "Id": name, "Name": name, **shown}]


def _set_transport(run: Run, given: Given) -> list[Row]:
    assign(run, run.exchange, _chosen(given, _TRANSPORT_SWITCHES), "Transport Settings")
    return []


def _get_organization(run: Run, given: Given) -> list[Row]:
    shown: Row = {
        "Identity": run.initial_domain,
        "Name": run.initial_domain,
        "DisplayName": run.tenant.title,
        "DefaultAuthenticationPolicy": run.exchange.default_authentication_policy or None,
        "RejectDirectSend": run.exchange.reject_direct_send,
        "EwsEnabled": run.exchange.ews_enabled,
        "IsDehydrated": run.exchange.dehydrated,
        "OAuth2ClientProfileEnabled": True,
    }
    # The list is read from another service, so it is shown to whoever asks for it.
    if given.flag("RetrieveEwsOperationAccessPolicy"):
        shown["EwsAllowedAppIDs"] = ",".join(run.exchange.ews_allowed_app_ids)
    return [shown]


def _set_organization(run: Run, given: Given) -> list[Row]:
    values = _chosen(given, {"RejectDirectSend": "reject_direct_send", "EwsEnabled": "ews_enabled"})
    if "DefaultAuthenticationPolicy" in given:
        wanted = given.text("DefaultAuthenticationPolicy")
        values["default_authentication_policy"] = policy(run, wanted).name if wanted else ""
        run.keep_policy("", name=run.exchange.default_authentication_policy)
    if "EwsAllowedAppIDs" in given:
        values["ews_allowed_app_ids"] = _app_ids(given.texts("EwsAllowedAppIDs"))
    assign(run, run.exchange, values, run.initial_domain)
    return []


def _app_ids(given: tuple[str, ...]) -> list[str]:
    """Return the ids of a list; one text may hold several, with commas between."""
    listed = [one.strip() for text in given for one in text.split(",") if one.strip()]
    try:
        return list(dict.fromkeys(str(UUID(one)) for one in listed))
    except ValueError:
        raise errors.bad_value(
            "EwsAllowedAppIDs", ",".join(given), "System.String", "The list holds a value that isn't a GUID."
        ) from None


def _customize(run: Run, given: Given) -> list[Row]:
    if not run.exchange.dehydrated:
        raise errors.invalid("This operation is not required. Organization is already enabled for customization.")
    run.exchange.dehydrated = False
    return []


def _domains(run: Run, given: Given) -> list[Row]:
    wanted = given.text("Identity").lower()
    found = [one for one in run.directory.domains if one.is_verified and wanted in ("", one.id)]
    if wanted and not found:
        raise errors.not_found(given.text("Identity"), domain=run.initial_domain)
    return [
        {
            "Identity": one.id,
            "Name": one.id,
            "DomainName": one.id,
            "DomainType": "Authoritative",
            "Default": one.is_default,
            "InitialDomain": one.is_initial,
            "AuthenticationType": one.authentication_type,
        }
        for one in found
    ]


def _get_active_sync(run: Run, given: Given) -> list[Row]:
    name = "Mobile Mailbox Settings"
    return [{"Identity": name, "Name": name, "DefaultAccessLevel": run.exchange.default_access_level}]


def _set_active_sync(run: Run, given: Given) -> list[Row]:
    assign(run, run.exchange, _chosen(given, {"DefaultAccessLevel": "default_access_level"}), "Mobile Mailbox Settings")
    return []


_IDENTITY: Final = Parameter("Identity")

CMDLETS: Final = (
    Cmdlet("Get-TransportConfig", _TRANSPORT, _get_transport, (_IDENTITY,)),
    Cmdlet(
        "Set-TransportConfig",
        _TRANSPORT,
        _set_transport,
        (_IDENTITY, *(Parameter(name, "bool") for name in _TRANSPORT_SWITCHES)),
    ),
    Cmdlet(
        "Get-OrganizationConfig",
        _CONFIGURATION,
        _get_organization,
        (Parameter("RetrieveEwsOperationAccessPolicy", "switch"),),
    ),
    Cmdlet(
        "Set-OrganizationConfig",
        _CONFIGURATION,
        _set_organization,
        (
            Parameter("DefaultAuthenticationPolicy"),
            Parameter("RejectDirectSend", "bool"),
            Parameter("EwsEnabled", "nullable bool"),
            Parameter("EwsAllowedAppIDs", "texts", longest=40_000),
        ),
    ),
    Cmdlet("Enable-OrganizationCustomization", _CONFIGURATION, _customize),
    Cmdlet("Get-AcceptedDomain", _DOMAINS, _domains, (_IDENTITY,)),
    Cmdlet("Get-ActiveSyncOrganizationSettings", _CLIENTS, _get_active_sync, (_IDENTITY,)),
    Cmdlet(
        "Set-ActiveSyncOrganizationSettings",
        _CLIENTS,
        _set_active_sync,
        (_IDENTITY, Parameter("DefaultAccessLevel", "choice", choices=("Allow", "Block", "Quarantine"))),
    ),
)
"""The cmdlets of this module."""
