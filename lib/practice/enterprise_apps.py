"""Enterprise applications: what a tenant's own record of an app repeats of the app's registration, wherever that is."""

from .state import Application, ServicePrincipal

__all__ = ["made", "mirror"]


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
