"""Who asks, and whether they may: a token for the query API, and the role Log Analytics Reader on the workspace."""

from typing import Final

from flask import Request

from practice import web
from practice.backend import Backend
from practice.state import Tenant
from practice.tokens import TokenError, tenant_of

from .refusals import Refusal

__all__ = ["caller", "workspace"]

_AUDIENCES: Final = frozenset(
    {
        "https://api.loganalytics.io",
        "https://api.loganalytics.azure.com",
        "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5",  # the application id of Log Analytics API
    }
)


def caller(backend: Backend, asked: Request) -> tuple[str, str]:
    """Return who asks: the tenant that issued their token, and their object id in it.

    Raises:
        Refusal: There is no token, or not one for this API.
    """
    token = web.bearer(asked)
    if not token:
        resource = f"{backend.base_url}/logs"
        challenge = f'Bearer authorization_uri="{backend.base_url}/common", resource="{resource}"'
        raise Refusal(401, headers={"WWW-Authenticate": challenge})
    try:
        claims = backend.keys.read(token, backend.now())
    except TokenError:
        raise _invalid() from None
    audience = str(claims.get("aud", "")).rstrip("/")
    if audience not in _AUDIENCES and audience != f"{backend.base_url}/logs":
        raise _invalid()
    return tenant_of(claims), str(claims.get("oid", ""))


def workspace(backend: Backend, workspace_id: str, who: tuple[str, str]) -> Tenant:
    """Return a copy of the tenant whose workspace this is, for somebody who may query it.

    Raises:
        Refusal: There is no such workspace, or it is not theirs to read.
    """
    found = backend.states.of_workspace(workspace_id)
    if found is None:
        raise Refusal(404, "WorkspaceNotFoundError", "The workspace could not be found")
    tenant_id, object_id = who
    with backend.states.reading(found.tenant_id) as tenant:
        # A role outlives its holder as an assignment to nobody.
        people, apps = tenant.directory.users, tenant.directory.service_principals
        known = object_id in {one.id for one in people} | {one.id for one in apps}
        if tenant.tenant_id != tenant_id or not known or object_id not in tenant.logs.readers:
            raise Refusal(403)
        return Tenant(name=tenant.name, tenant_id=tenant_id, title="", logs=tenant.logs.model_copy(deep=True))


def _invalid() -> Refusal:
    return Refusal(401, "InvalidTokenError", "The provided authentication is not valid for this resource")
