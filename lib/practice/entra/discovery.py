"""The documents that a client reads before it signs in anybody."""

from typing import Any
from urllib.parse import urlsplit

from practice.backend import Backend

from .realms import Realm, home_of

__all__ = ["instance", "metadata", "user_realm"]


def metadata(backend: Backend, realm: Realm, *, v2: bool) -> dict[str, Any]:
    """Return the OpenID Connect metadata of a realm, in the shape of the newer or the older endpoints."""
    base = f"{backend.base_url}/{realm.tenant.tenant_id if realm.tenant else realm.name}"
    oauth = f"{base}/oauth2/v2.0" if v2 else f"{base}/oauth2"
    return {
        "token_endpoint": f"{oauth}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/discovery/v2.0/keys" if v2 else f"{backend.base_url}/common/discovery/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "code_challenge_methods_supported": ["plain", "S256"],
        "issuer": f"{backend.base_url}/{realm.own_id}/v2.0" if v2 else f"https://sts.windows.net/{realm.own_id}/",
        "request_uri_parameter_supported": False,
        "authorization_endpoint": f"{oauth}/authorize",
        "device_authorization_endpoint": f"{oauth}/devicecode",
        "http_logout_supported": True,
        "end_session_endpoint": f"{oauth}/logout",
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver"],
        "tenant_region_scope": "EU",
        "cloud_instance_name": urlsplit(backend.base_url).hostname,
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": urlsplit(backend.base_url).netloc,
    }


def instance(backend: Backend) -> dict[str, Any]:
    """Return what an instance discovery tells: this cloud knows no host but its own."""
    host = urlsplit(backend.base_url).netloc
    return {
        "tenant_discovery_endpoint": f"{backend.base_url}/common/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }


def user_realm(backend: Backend, name: str) -> dict[str, Any]:
    """Return who looks at the password of a sign-in name."""
    domain = name.rpartition("@")[2].strip().lower()
    tenant = home_of(backend, name)
    held = next((one for one in tenant.directory.domains if one.id.lower() == domain), None) if tenant else None
    kind = held.authentication_type if held else "Unknown"
    return {
        "ver": "1.0",
        "account_type": kind,
        "domain_name": domain,
        "cloud_instance_name": urlsplit(backend.base_url).netloc,
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }
