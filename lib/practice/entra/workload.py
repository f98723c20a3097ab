"""Machines: the managed identity endpoint as App Service has it, and an issuer of workload tokens to federate with."""

from typing import Any

from flask import Flask, Response, g, request

from practice import web
from practice.backend import Backend
from practice.state import ServicePrincipal, Tenant

from . import issue, proofs, realms, scopes
from .errors import Refused

__all__ = ["serve"]

_VERSIONS = ("2019-08-01", "2017-09-01")
_LASTS_S = 3_600


def serve(app: Flask, backend: Backend) -> None:
    """Add the endpoints to *app*."""

    def identity() -> Response:
        with backend.states.held():
            return _identity(backend)

    def issued() -> Response:
        return _issued(backend)

    def metadata() -> Response:
        name = proofs.issuer(backend)
        return web.as_json(
            {
                "issuer": name,
                "jwks_uri": f"{name}/keys",
                "response_types_supported": ["id_token"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            }
        )

    app.add_url_rule("/msi/token", "managed identity", identity)
    app.add_url_rule("/practice-issuer/.well-known/openid-configuration", "issuer", metadata)
    app.add_url_rule("/practice-issuer/keys", "issuer keys", lambda: web.as_json(backend.issuer_keys.jwks()))
    app.add_url_rule("/practice-issuer/token", "issuer token", issued, methods=["POST"])


def _identity(backend: Backend) -> Response:
    """Answer a machine that asks for its identity's token.

    ``X-IDENTITY-HEADER`` is what App Service puts into the machine's environment; here it is the object id of the
    system-assigned identity, a service principal of the type ManagedIdentity. ``client_id`` chooses another one of
    the same tenant, as user-assigned identities are.
    """
    if request.args.get("api-version") not in _VERSIONS:
        return _no(400, "The api-version is missing or not supported.")
    resource = request.args.get("resource", "")
    if not resource:
        return _no(400, "The resource is missing.")
    header = request.headers.get("X-IDENTITY-HEADER") or request.headers.get("secret") or ""
    found = _identity_of(backend, header)
    if found is None:
        return _no(401, "The identity header is missing or wrong.")
    tenant, principal = found
    asked = request.args.get("client_id") or request.args.get("clientid") or ""
    chosen = _chosen(backend, tenant, asked) if asked else principal
    if chosen is None:
        return _no(400, "No User Assigned Managed Identity found for the specified ClientId.")
    directory = tenant.directory_in_force(backend.now())
    try:
        wanted = scopes.read(directory, f"{resource}/{scopes.DEFAULT}", tenant=tenant.title, base_url=backend.base_url)
        given = issue.machine_token(backend, tenant, chosen, wanted[0])
    except Refused as refusal:
        # What Entra says to it, App Service hides behind a status.
        return _no(500, f"AADSTS{refusal.code}: {refusal.text}")
    ends = int(backend.now().timestamp()) + int(given["expires_in"])
    return web.as_json(
        {
            "access_token": given["access_token"],
            "expires_on": str(ends),
            "resource": resource,
            "token_type": "Bearer",
            "client_id": chosen.app_id,
        }
    )


def _identity_of(backend: Backend, object_id: str) -> tuple[Tenant, ServicePrincipal] | None:
    for tenant in realms.tenants(backend):
        for one in _identities(backend, tenant):
            if object_id.lower() == one.id:
                return tenant, one
    return None


def _chosen(backend: Backend, tenant: Tenant, app_id: str) -> ServicePrincipal | None:
    return next((one for one in _identities(backend, tenant) if one.app_id == app_id.lower()), None)


def _identities(backend: Backend, tenant: Tenant) -> list[ServicePrincipal]:
    known = tenant.directory_in_force(backend.now()).service_principals
    return [one for one in known if one.service_principal_type == "ManagedIdentity" and one.account_enabled]


def _no(status: int, said: str) -> Response:
    return web.as_json({"statusCode": status, "message": said}, status)


def _issued(backend: Backend) -> Response:
    """Give a token of the practice issuer for whatever subject is asked: it stands for a platform that knows."""
    sent = web.body(request) or {}
    subject, audience = sent.get("subject"), sent.get("audience", "api://AzureADTokenExchange")
    if not (isinstance(subject, str) and subject and isinstance(audience, str)):
        raise Refused("9002313")
    now = int(g.backend.now().timestamp())
    claims: dict[str, Any] = {"iss": proofs.issuer(backend), "sub": subject, "aud": audience}
    token = backend.issuer_keys.sign({**claims, "iat": now, "nbf": now, "exp": now + _LASTS_S})
    return web.as_json({"token": token})
