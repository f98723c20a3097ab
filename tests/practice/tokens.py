"""Tokens for a practice cloud's faces, signed by its own key: what Entra would issue, without asking it."""

from typing import Any

from practice.backend import Backend
from practice.state import Tenant, User

EXCHANGE_AUDIENCE = "https://outlook.office365.com"


def signed(backend: Backend, tenant: Tenant, **claims: Any) -> str:
    """Return a token of *tenant* that is good for an hour; *claims* are added to what every token says."""
    now = backend.now().timestamp()
    times = {"iat": now - 5, "nbf": now - 5, "exp": now + 3600}
    issuer = f"https://sts.windows.net/{tenant.tenant_id}/"
    return backend.keys.sign({"iss": issuer, "tid": tenant.tenant_id, "ver": "1.0", **times, **claims})


def of_person(backend: Backend, tenant: Tenant, user: User, scopes: str, **claims: Any) -> str:
    """Return a token that *user* got for Exchange through some app."""
    held = {"aud": EXCHANGE_AUDIENCE, "oid": user.id, "upn": user.user_principal_name, "scp": scopes}
    return signed(backend, tenant, **{**held, "appid": "fb78d390-0c51-40cd-8e17-fdbfab77341b", **claims})


def of_app(backend: Backend, tenant: Tenant, app_id: str, object_id: str, *roles: str, **claims: Any) -> str:
    """Return a token that an app got for Exchange as itself; *object_id* is its enterprise application's."""
    held = {"aud": EXCHANGE_AUDIENCE, "oid": object_id, "appid": app_id, "roles": list(roles), "idtyp": "app"}
    return signed(backend, tenant, **{**held, **claims})
