"""Consent: what was given, what is missing, who may give it, and how it is written down."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from practice import catalogue, enterprise_apps
from practice.backend import Backend
from practice.state import (
    Application,
    AppRole,
    AppRoleAssignment,
    Directory,
    Grant,
    Scope,
    ServicePrincipal,
    Tenant,
    User,
)
from practice.wellknown import EXCHANGE, GRAPH, ROLES

from .clients import Client
from .errors import Refused
from .persons import Agreed, Person
from .scopes import OPENID, Wanted

__all__ = [
    "Asked",
    "asked",
    "consented",
    "forbidden",
    "is_admin",
    "missing",
    "record",
    "roles_of",
    "static",
    "unknown",
    "worded",
]

_ADMINS: Final = frozenset(
    ROLES[one]
    for one in (
        "Global Administrator",
        "Privileged Role Administrator",
        "Cloud Application Administrator",
        "Application Administrator",
    )
)
_HIGHEST: Final = frozenset(ROLES[one] for one in ("Global Administrator", "Privileged Role Administrator"))

_SELF: Final = "managepermissiongrantsforself."
_LOW: Final = frozenset({*OPENID, "User.Read"})
_RESERVED: Final = frozenset(
    {
        "IMAP.AccessAsUser.All",
        "POP.AccessAsUser.All",
        "EAS.AccessAsUser.All",
        "EWS.AccessAsUser.All",
        # ≈ the managed policy's list for Graph is longer; these are the ones that concern mail.
        "Mail.Read",
        "Mail.ReadWrite",
        "Mail.Send",
        "MailboxSettings.ReadWrite",
    }
)
"""What Microsoft's managed policy has kept from users since November 2025; SMTP.Send is not among it."""

_WORDS: Final[Mapping[str, str]] = {
    "IMAP.AccessAsUser.All": "Read and write access to your mail via IMAP",
    "POP.AccessAsUser.All": "Read and write access to your mail via POP",
    "EAS.AccessAsUser.All": "Access your mailboxes via Exchange ActiveSync",
    "EWS.AccessAsUser.All": "Access your mailboxes via Exchange Web Services",
    "SMTP.Send": "Send emails from your mailbox using SMTP AUTH",
    "IMAP.AccessAsApp": "Read and write all mailboxes it is let into via IMAP, without a signed-in user",
    "POP.AccessAsApp": "Read all mailboxes it is let into via POP, without a signed-in user",
    "SMTP.SendAsApp": "Send email as any mailbox it is let into via SMTP AUTH, without a signed-in user",
    "offline_access": "Maintain access to data you have given it access to",
    "openid": "Sign you in",
    "profile": "View your basic profile",
    "email": "View your email address",
    "User.Read": "Sign you in and read your profile",
    "Mail.Read": "Read your mail",
    "Mail.Send": "Send mail as you",
}


@dataclass(frozen=True)
class Asked:
    """Permissions of one resource that consent is about.

    Args:
        resource: Its service principal.
        scopes: Delegated ones, by value.
        roles: Application ones.
    """

    resource: ServicePrincipal
    scopes: tuple[str, ...] = ()
    roles: tuple[AppRole, ...] = ()


def consented(directory: Directory, client: Client, resource: ServicePrincipal, person: Person) -> frozenset[str]:
    """Return the delegated scopes of *resource* that *client* has for *person*, in one order or another.

    What they agreed to just now is among them, whether *directory* knows it yet or not.
    """
    values = _granted(directory, client, resource, person)
    if resource.app_id == EXCHANGE:
        # The portal lists the mail scopes under Graph; consent to them there counts for Exchange as well.
        graph = directory.principal(GRAPH)
        offered = {one.value for one in resource.oauth2_permission_scopes}
        values |= _granted(directory, client, graph, person) & offered if graph else set()
    return frozenset(values)


def _granted(directory: Directory, client: Client, resource: ServicePrincipal, person: Person) -> set[str]:
    principal, agreed = client.principal, person.agreed.to(resource)
    if principal is None:
        return agreed
    return agreed | {
        value
        for one in directory.grants
        if one.client_id == principal.id and one.resource_id == resource.id
        if one.consent_type == "AllPrincipals" or one.principal_id == person.user.id
        for value in one.scope.split()
    }


def roles_of(directory: Directory, principal: ServicePrincipal, resource: ServicePrincipal) -> list[str]:
    """Return the app roles of *resource* that *principal* holds, by value."""
    offered = {one.id: one.value for one in resource.app_roles}
    held = (
        offered.get(one.app_role_id)
        for one in directory.app_role_assignments
        if one.principal_id == principal.id and one.resource_id == resource.id
    )
    return sorted(value for value in held if value)


def static(directory: Directory, app: Application) -> list[Asked]:
    """Return what a registration lists, resource by resource; what the tenant does not have is left out."""
    found = []
    for one in app.required_resource_access:
        resource = directory.principal(one.resource_app_id)
        if resource is None:
            continue
        scopes = {each.id: each.value for each in resource.oauth2_permission_scopes}
        roles = {each.id: each for each in resource.app_roles}
        access = one.resource_access
        found.append(
            Asked(
                resource,
                tuple(scopes[each.id] for each in access if each.type == "Scope" and each.id in scopes),
                tuple(roles[each.id] for each in access if each.type == "Role" and each.id in roles),
            )
        )
    return found


def unknown(directory: Directory, app: Application) -> str:
    """Return the application id of a resource that a registration lists and the tenant does not have, or ''."""
    listed = (one.resource_app_id for one in app.required_resource_access)
    return next((one for one in listed if directory.principal(one) is None), "")


def asked(directory: Directory, client: Client, wanted: Wanted) -> Asked:
    """Return the permissions behind what a client wants of a resource.

    Raises:
        Refused: 650056 or 650057 where ``.default`` finds nothing, 650053 for a scope that does not exist, 65002 for
            an app of Microsoft's that reaches for what it was not made for.
    """
    resource = wanted.resource
    if client.preauthorized:
        return _preauthorized(client, wanted)
    if wanted.default:
        return _configured(directory, client, wanted)
    offered = {one.value.lower(): one.value for one in resource.oauth2_permission_scopes if one.is_enabled}
    for value in wanted.values:
        if value.lower() not in offered:
            raise Refused("650053", name=client.name, scope=value, resource=resource.app_id)
    return Asked(resource, tuple(offered[value.lower()] for value in wanted.values))


def _preauthorized(client: Client, wanted: Wanted) -> Asked:
    resource = wanted.resource
    may = {value.lower(): value for value in catalogue.PREAUTHORIZED[client.app_id].get(resource.app_id, ())}
    values = tuple(may) if wanted.default else tuple(value.lower() for value in wanted.values)
    if not may.keys() >= set(values) or (wanted.default and not may):
        raise Refused("65002", app=client.app_id, resource=resource.app_id)
    return Asked(resource, tuple(may[value] for value in values))


def _configured(directory: Directory, client: Client, wanted: Wanted) -> Asked:
    listed = static(directory, client.app)
    found = next((one for one in listed if one.resource.app_id == wanted.resource.app_id), None)
    if found and found.scopes:
        return found
    if wanted.resource.app_id == EXCHANGE:
        # Mail scopes that are listed under Graph are what such an app is configured with for Exchange too.
        offered = {one.value for one in wanted.resource.oauth2_permission_scopes}
        graph = next((one for one in listed if one.resource.app_id == GRAPH), None)
        mail = tuple(value for value in graph.scopes if value in offered) if graph else ()
        if mail:
            return Asked(wanted.resource, mail)
    if not listed:
        raise Refused("650056", resource=wanted.resource.display_name, app=client.app_id)
    raise Refused(
        "650057",
        app=client.app_id,
        name=client.name,
        asked=wanted.audience,
        resource=wanted.resource.app_id,
        listed=", ".join(one.resource.display_name for one in listed),
    )


def missing(directory: Directory, client: Client, wanted: Iterable[Wanted], person: Person) -> list[Asked]:
    """Return what consent is still needed for.

    With ``.default`` any earlier consent to the resource is enough, as it is in Entra.

    Raises:
        Refused: As `asked`.
    """
    lacking = []
    known = client.principal is not None or bool(person.agreed.scopes)
    for each in wanted:
        if client.preauthorized:
            asked(directory, client, each)
            continue
        had = consented(directory, client, each.resource, person)
        if each.default and had:
            continue
        scopes = tuple(value for value in asked(directory, client, each).scopes if value not in had)
        if scopes or not (had or known):
            lacking.append(Asked(each.resource, scopes))
    return lacking


def forbidden(directory: Directory, client: Client, lacking: Iterable[Asked], user: User) -> str:
    """Return why *user* may not consent to this alone: "90094", "90095", or '' where they may."""
    if is_admin(directory, user):
        return ""
    if all(_user_may(directory, client, one, scope) for one in lacking for scope in one.scopes):
        return ""
    return "90095" if directory.policies.admin_consent_requests else "90094"


def is_admin(directory: Directory, user: User, permissions: Iterable[Asked] = ()) -> bool:
    """Return whether *user* may consent for everybody; app roles of Graph take one of the two highest roles."""
    held = directory.roles_of(user.id)
    graph = any(one.resource.app_id == GRAPH and one.roles for one in permissions)
    return bool(held & (_HIGHEST if graph else _ADMINS))


def _user_may(directory: Directory, client: Client, one: Asked, value: str) -> bool:
    offered: dict[str, Scope] = {each.value: each for each in one.resource.oauth2_permission_scopes}
    if value in offered and offered[value].type == "Admin":
        return False
    policies = {each.lower().removeprefix(_SELF) for each in directory.policies.permission_grant_policies}
    trusted = bool(client.app.verified_publisher) or any(
        each.app_id == client.app_id for each in directory.applications
    )
    return (
        "microsoft-user-default-legacy" in policies
        or ("microsoft-user-default-recommended" in policies and trusted and value not in _RESERVED)
        or ("microsoft-user-default-low" in policies and trusted and value in _LOW)
        or ("microsoft-user-default-allow-consent-apps" in policies and client.app_id in catalogue.MAIL_CLIENTS)
    )


def worded(value: str, resource: ServicePrincipal) -> str:
    """Return a permission in words for a person."""
    described = {one.value: one.user_consent_display_name or "" for one in resource.oauth2_permission_scopes}
    return described.get(value) or _WORDS.get(value) or f"{resource.display_name}: {value}"


# --- writing --------------------------------------------------------------------------------------


def record(
    backend: Backend, tenant: Tenant, client: Client, permissions: Sequence[Asked], *, user: User | None, replace: bool
) -> Agreed:
    """Write consent down, and return it until that is in force; an enterprise application is made where there is none.

    Args:
        backend: The cloud.
        tenant: Where; under `States.changing`.
        client: To whom.
        permissions: To what.
        user: For whom; None for everybody, app roles included.
        replace: Whether consent for everybody takes the place of earlier consent for everybody. It does in the
            portal and by address, which is how permissions that are not listed any more get lost.
    """
    now = backend.now()
    with tenant.change_directory(now, backend.faults.directory_lag) as directory:
        principal = directory.principal(client.app_id) or _enterprise_app(directory, client, user)
        if replace and user is None:
            directory.grants = [
                one
                for one in directory.grants
                if not (one.client_id == principal.id and one.consent_type == "AllPrincipals")
            ]
        for one in permissions:
            _grant(directory, principal, one, user)
            if user is None:
                _assign(directory, principal, one, now)
    return _agreed(permissions, tenant.directory_spread(now))


def _agreed(permissions: Iterable[Asked], until: datetime) -> Agreed:
    scopes: dict[str, str] = {}
    for one in permissions:
        scopes[one.resource.id] = " ".join([*scopes.get(one.resource.id, "").split(), *one.scopes])
    return Agreed(scopes, until.timestamp())


def _enterprise_app(directory: Directory, client: Client, user: User | None) -> ServicePrincipal:
    made = enterprise_apps.made(client.app, client.owner)
    made.tags = ["WindowsAzureActiveDirectoryIntegratedApp"]
    made.assigned_to = [user.id] if user else []
    directory.service_principals.append(made)
    return made


def _grant(directory: Directory, principal: ServicePrincipal, one: Asked, user: User | None) -> None:
    if not one.scopes:
        return
    kept = next(
        (
            each
            for each in directory.grants
            if (each.client_id, each.resource_id) == (principal.id, one.resource.id)
            and each.principal_id == (user.id if user else None)
        ),
        None,
    )
    if kept:
        kept.scope = " ".join(dict.fromkeys([*kept.scope.split(), *one.scopes]))
        return
    directory.grants.append(
        Grant(
            client_id=principal.id,
            consent_type="Principal" if user else "AllPrincipals",
            principal_id=user.id if user else None,
            resource_id=one.resource.id,
            scope=" ".join(one.scopes),
        )
    )


def _assign(directory: Directory, principal: ServicePrincipal, one: Asked, now: datetime) -> None:
    held = {
        each.app_role_id
        for each in directory.app_role_assignments
        if (each.principal_id, each.resource_id) == (principal.id, one.resource.id)
    }
    directory.app_role_assignments.extend(
        AppRoleAssignment(
            app_role_id=role.id,
            principal_id=principal.id,
            principal_display_name=principal.display_name,
            resource_id=one.resource.id,
            resource_display_name=one.resource.display_name,
            created_date_time=now,
        )
        for role in one.roles
        if role.id not in held
    )
