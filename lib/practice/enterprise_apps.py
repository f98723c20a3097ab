"""Enterprise applications: what a tenant's own record of an app repeats of the app's registration, wherever that is,
and what goes and comes back with such a record."""

from datetime import datetime

from .state import Application, Directory, ServicePrincipal

__all__ = ["delete", "forget", "made", "mirror", "restore"]


def made(app: Application, owner: str) -> ServicePrincipal:
    """Return a new enterprise application of *app*; *owner* is the tenant that registered it."""
    principal = ServicePrincipal(app_id=app.app_id, display_name=app.display_name, app_owner_organization_id=owner)
    mirror(app, principal)
    return principal


def mirror(app: Application, principal: ServicePrincipal) -> None:
    """Let an enterprise application show what its registration says now; it shares nothing with it."""
    principal.display_name = app.display_name
    principal.app_roles = [one.model_copy(deep=True) for one in app.app_roles]
    principal.oauth2_permission_scopes = [one.model_copy(deep=True) for one in app.api.oauth2_permission_scopes]
    principal.service_principal_names = [app.app_id, *app.identifier_uris]
    principal.reply_urls = [*app.web.redirect_uris, *app.spa.redirect_uris, *app.public_client.redirect_uris]


def delete(directory: Directory, principal: ServicePrincipal, now: datetime) -> None:
    """Put an enterprise application aside, and with it the consents by and to it, which count no more.

    Directory roles that it holds are gone for good; whether Entra keeps those too is unverified.
    """
    directory.service_principals.remove(principal)
    principal.deleted_date_time = now
    directory.deleted_service_principals.append(principal)
    grants = [one for one in directory.grants if principal.id in (one.client_id, one.resource_id)]
    held = [one for one in directory.app_role_assignments if principal.id in (one.principal_id, one.resource_id)]
    directory.deleted_grants += grants
    directory.deleted_app_role_assignments += held
    directory.grants = [one for one in directory.grants if one not in grants]
    directory.app_role_assignments = [one for one in directory.app_role_assignments if one not in held]
    directory.role_assignments = [one for one in directory.role_assignments if one.principal_id != principal.id]


def restore(directory: Directory, principal: ServicePrincipal) -> None:
    """Bring back a deleted enterprise application and its consents, as far as both ends of one are there.

    That its configuration comes back is documented; that consents belong to it is unverified.
    """
    directory.deleted_service_principals.remove(principal)
    principal.deleted_date_time = None
    directory.service_principals.append(principal)
    people = {one.id for one in directory.users}
    principal.assigned_to = [
        one for one in principal.assigned_to if one in people | {group.id for group in directory.groups}
    ]
    there = {one.id for one in directory.service_principals}
    grants = [
        one
        for one in directory.deleted_grants
        if there.issuperset((one.client_id, one.resource_id)) and (not one.principal_id or one.principal_id in people)
    ]
    held = [
        one for one in directory.deleted_app_role_assignments if there.issuperset((one.principal_id, one.resource_id))
    ]
    directory.grants += grants
    directory.app_role_assignments += held
    directory.deleted_grants = [one for one in directory.deleted_grants if one not in grants]
    directory.deleted_app_role_assignments = [one for one in directory.deleted_app_role_assignments if one not in held]


def forget(directory: Directory, principal: ServicePrincipal) -> None:
    """Remove a deleted enterprise application for good, with what was kept of its consents."""
    directory.deleted_service_principals.remove(principal)
    directory.deleted_grants = [
        one for one in directory.deleted_grants if principal.id not in (one.client_id, one.resource_id)
    ]
    directory.deleted_app_role_assignments = [
        one for one in directory.deleted_app_role_assignments if principal.id not in (one.principal_id, one.resource_id)
    ]
