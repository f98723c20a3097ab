"""The OAuth server: the library's, with Entra's clients, grants and refusals."""

import logging
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Error, OAuth2Request
from authlib.oauth2.rfc6749.util import extract_basic_authorization
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE
from flask import Flask, Response, g, request

from practice import signon, web

from . import clients, grants, proofs
from .clients import Client
from .errors import Refused, correlation_id, from_library

__all__ = ["Server", "refused"]

# The library writes whole tokens into its log where somebody listens at the level DEBUG.
logging.getLogger("authlib.oauth2").setLevel(logging.INFO)

_BY_PERSON: Final = ("password", DEVICE_CODE_GRANT_TYPE)


class Server(AuthorizationServer):
    """Answers token requests.

    The request at hand stands in `flask.g`: ``backend``, ``desk``, ``realm`` and ``v1`` before it comes here;
    ``client``, ``proof`` and ``credential`` once the client has proved itself.
    """

    def __init__(self, app: Flask) -> None:
        super().__init__(app, query_client=_client, save_token=lambda _token, _request: None)
        self.register_client_auth_method("entra", _authenticate)
        self.register_grant(grants.CodeGrant, [grants.Pkce()])
        for grant in (grants.RefreshGrant, grants.AppGrant, grants.PasswordGrant, grants.DeviceGrant):
            self.register_grant(grant)

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        """Return a token answer; the older endpoint writes numbers as text and says more."""
        if isinstance(body, dict) and g.v1 and "access_token" in body:
            body = _older(body)
        return web.as_json(body, status, {**dict(headers), "Cache-Control": "no-store, no-cache", "Pragma": "no-cache"})

    def handle_error_response(self, request: OAuth2Request, error: OAuth2Error) -> Response:
        """Return a refusal in Entra's words."""
        return refused(from_library(error))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Tell nobody: what there is to know stands in the sign-in rows."""


def refused(error: Refused) -> Response:
    """Return a refusal as JSON."""
    return web.as_json(
        error.told(g.backend.now(), g.backend.base_url), error.status_code, {"Cache-Control": "no-store"}
    )


def _client(app_id: str) -> Client:
    return clients.found(g.backend, g.realm, app_id)


def _authenticate(query_client: Callable[[str], Client], asked: OAuth2Request) -> Client:
    """Return the client, proved by whatever it sent.

    Raises:
        Refused: What it sent proves nothing, or nothing was sent that had to be.
    """
    form = request.form
    basic_id, basic_secret = extract_basic_authorization(asked.headers)
    text, secret = form.get("client_assertion"), form.get("client_secret") or unquote(basic_secret or "")
    assertion = proofs.Assertion(text) if text and form.get("client_assertion_type") == proofs.ASSERTION else None
    client_id = form.get("client_id") or basic_id or (assertion.client_id if assertion else "")
    if not client_id:
        raise Refused("900144", parameter="client_id")
    client = query_client(client_id)
    g.client = client
    try:
        g.proof, g.credential = _proved(client, assertion, secret)
    except Refused as refusal:
        _tell(client, refusal.code, "clientAssertion" if assertion else "clientSecret" if secret else "none")
        raise
    return client


def _proved(client: Client, assertion: proofs.Assertion | None, secret: str) -> tuple[str, str]:
    grant = request.form.get("grant_type", "")
    public = _is_public(client, grant)
    if assertion is None and not secret:
        if grant == "client_credentials":
            raise Refused("7000216")
        if not public:
            raise Refused("7000218")
        return "none", "none"
    if public and (grant == "authorization_code" or not client.credentialed):
        raise Refused("700025")
    if assertion:
        return "assertion", assertion.prove(g.backend, g.realm, client)
    proofs.secret(client, secret, g.backend.now())
    return "secret", "clientSecret"


def _is_public(client: Client, grant: str) -> bool:
    """Return whether this request may come without a credential: the platform of the redirect address decides for
    codes, what the code's tokens were for refreshes, and the registration's own word for the rest."""
    form = request.form
    if grant == "authorization_code":
        return client.platform_of(form.get("redirect_uri", "")) in ("public", "spa")
    if grant == "refresh_token":
        return bool(grants.opened(form.get("refresh_token", ""), "refresh", malformed="70000")["public"])
    return grant in _BY_PERSON and bool(client.app.is_fallback_public_client)


def _tell(client: Client, code: str, credential: str) -> None:
    """Leave the row of an app that could not prove itself."""
    tenant, principal = g.realm.tenant, client.principal
    if tenant and principal and credential != "none" and request.form.get("grant_type") == "client_credentials":
        row = signon.principal_row(
            tenant,
            principal,
            code=code,
            resource_app_id="",
            credential=credential,
            address=request.remote_addr or "",
            now=g.backend.now(),
            correlation_id=correlation_id(),
        )
        g.backend.ledger.record(tenant.tenant_id, row)


def _older(body: dict[str, Any]) -> dict[str, Any]:
    now = int(g.backend.now().timestamp())
    lasts = int(body["expires_in"])
    return {
        **body,
        "expires_in": str(lasts),
        "ext_expires_in": str(lasts),
        "expires_on": str(now + lasts),
        "not_before": str(now),
        "resource": request.form.get("resource", ""),
    }
