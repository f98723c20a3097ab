"""The directory's objects as Graph shows them, and which properties each type has.

A property that a query may name and that the state knows nothing of is not there, rather than
always null: a tool that reads it fails in rehearsal, where that is cheap.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import NAMESPACE_URL, uuid5

from practice.state import (
    Application,
    AppRoleAssignment,
    Directory,
    FederatedCredential,
    Grant,
    Group,
    KeyCredential,
    PasswordCredential,
    ServicePrincipal,
    User,
)

from .licences import EXCHANGE_PLAN
from .queries import Kind

__all__ = [
    "APPLICATION",
    "ASSIGNMENT",
    "EVERYBODY",
    "FEDERATED",
    "GRANT",
    "GROUP",
    "OBJECT",
    "PRINCIPAL",
    "USER",
    "application",
    "assignment",
    "assignments_to",
    "derived_id",
    "federated",
    "grant",
    "group",
    "key",
    "principal",
    "secret",
    "user",
]

Wire = dict[str, Any]

EVERYBODY: Final = "00000000-0000-0000-0000-000000000000"
"""The app role of an assignment that gives no role: access, and nothing else."""

# What no face shows.
_PRIVATE_OF_APPS: Final = frozenset({"federated_credentials", "disabled_by_microsoft", "owners"})
_DISABLED: Final = "DisabledDueToViolationOfServicesAgreement"


def derived_id(*parts: str) -> str:
    """Return an id for what the state does not give one."""
    return str(uuid5(NAMESPACE_URL, "/".join(("practice", *parts))))


def application(app: Application) -> Wire:
    """Return an app registration."""
    shown = app.model_dump(mode="json", by_alias=True, exclude=set(_PRIVATE_OF_APPS))
    publisher = app.verified_publisher
    return {
        **shown,
        "verifiedPublisher": {
            "displayName": publisher,
            "verifiedPublisherId": derived_id("publisher", publisher) if publisher else None,
            "addedDateTime": None,
        },
        "disabledByMicrosoftStatus": _DISABLED if app.disabled_by_microsoft else None,
        "passwordCredentials": [secret(one) for one in app.password_credentials],
    }


def secret(credential: PasswordCredential, text: str | None = None) -> Wire:
    """Return a client secret; *text* only where it has just been made."""
    shown = credential.model_dump(mode="json", by_alias=True, exclude={"secret_hash"})
    return {"customKeyIdentifier": None, **shown, "secretText": text}


def key(credential: KeyCredential) -> Wire:
    """Return a certificate, with its public part."""
    return credential.model_dump(mode="json", by_alias=True)


def federated(credential: FederatedCredential) -> Wire:
    """Return a federated credential."""
    return credential.model_dump(mode="json", by_alias=True)


def principal(found: ServicePrincipal, backing: Application | None) -> Wire:
    """Return an enterprise application; *backing* is its registration, where that is known here."""
    shown = found.model_dump(mode="json", by_alias=True, exclude={"assigned_to"})
    publisher = backing.verified_publisher if backing else None
    return {
        **shown,
        "appDisplayName": backing.display_name if backing else found.display_name,
        "servicePrincipalNames": found.service_principal_names or [found.app_id],
        "signInAudience": backing.sign_in_audience if backing else None,
        "verifiedPublisher": {
            "displayName": publisher,
            "verifiedPublisherId": derived_id("publisher", publisher) if publisher else None,
            "addedDateTime": None,
        },
        "disabledByMicrosoftStatus": _DISABLED if backing and backing.disabled_by_microsoft else None,
    }


def grant(found: Grant) -> Wire:
    """Return consent to delegated scopes."""
    return found.model_dump(mode="json", by_alias=True)


def assignment(found: AppRoleAssignment) -> Wire:
    """Return consent to an app role."""
    return {"deletedDateTime": None, **found.model_dump(mode="json", by_alias=True)}


def assignments_to(resource: ServicePrincipal, directory: Directory) -> list[Wire]:
    """Return who may use *resource*: apps with a role, and people who are assigned."""
    apps = [assignment(one) for one in directory.app_role_assignments if one.resource_id == resource.id]
    people = {one.id: one for one in directory.users}
    return apps + [
        {
            "deletedDateTime": None,
            "id": derived_id(resource.id, "assigned", one),
            "appRoleId": EVERYBODY,
            "createdDateTime": None,
            "principalId": one,
            "principalType": "User" if one in people else "Group",
            "principalDisplayName": people[one].display_name if one in people else None,
            "resourceId": resource.id,
            "resourceDisplayName": resource.display_name,
        }
        for one in resource.assigned_to
    ]


_EXCHANGE_PLAN: Final = {
    "assignedDateTime": None,
    "capabilityStatus": "Enabled",
    "service": EXCHANGE_PLAN.service,
    "servicePlanId": EXCHANGE_PLAN.plan_id,
}


def user(found: User) -> Wire:
    """Return an account."""
    valid_from = found.sessions_valid_from
    return {
        "id": found.id,
        "displayName": found.display_name,
        "userPrincipalName": found.user_principal_name,
        "mail": found.mail,
        "accountEnabled": found.account_enabled,
        "userType": found.user_type,
        "onPremisesSyncEnabled": found.on_premises_sync_enabled,
        "signInSessionsValidFromDateTime": valid_from.isoformat().replace("+00:00", "Z") if valid_from else None,
        "assignedLicenses": [{"disabledPlans": [], "skuId": EXCHANGE_PLAN.sku_id}] if found.licensed else [],
        "assignedPlans": [_EXCHANGE_PLAN] if found.licensed else [],
    }


def group(found: Group) -> Wire:
    """Return a group."""
    return {
        "id": found.id,
        "displayName": found.display_name,
        "mailEnabled": False,
        "securityEnabled": True,
        "groupTypes": [],
    }


def _names(record: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(record)


_SOME_APP: Final = Application(display_name="any")
_SOME_PRINCIPAL: Final = ServicePrincipal(app_id="any", display_name="any")
_SOME_USER: Final = User(user_principal_name="any", display_name="any")

APPLICATION: Final = Kind("application", "applications", _names(application(_SOME_APP)))
PRINCIPAL: Final = Kind("servicePrincipal", "servicePrincipals", _names(principal(_SOME_PRINCIPAL, None)))
FEDERATED: Final = Kind(
    "federatedIdentityCredential",
    "federatedIdentityCredentials",
    _names(federated(FederatedCredential(name="any", issuer="any", subject="any"))),
)
GRANT: Final = Kind(
    "oAuth2PermissionGrant",
    "oauth2PermissionGrants",
    _names(grant(Grant(client_id="any", consent_type="AllPrincipals", resource_id="any"))),
)
ASSIGNMENT: Final = Kind(
    "appRoleAssignment",
    "appRoleAssignments",
    _names(assignment(AppRoleAssignment(app_role_id="any", principal_id="any", resource_id="any"))),
)
# Graph shows a user's other properties only to those who name them.
USER: Final = Kind(
    "user",
    "users",
    _names(user(_SOME_USER)),
    hidden=frozenset(
        {
            "accountEnabled",
            "userType",
            "onPremisesSyncEnabled",
            "signInSessionsValidFromDateTime",
            "assignedLicenses",
            "assignedPlans",
        }
    ),
)
GROUP: Final = Kind("group", "groups", _names(group(Group(display_name="any"))))
OBJECT: Final = Kind(
    "directoryObject", "directoryObjects", USER.properties | GROUP.properties | PRINCIPAL.properties | {"@odata.type"}
)
