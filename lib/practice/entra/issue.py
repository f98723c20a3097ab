"""Tokens: what stands in them, and what has to be true before one is given.

Microsoft's own services take the older form of access token (``ver`` 1.0, issued by sts.windows.net)
whichever endpoint it was asked at; an app's own API says in its registration which it wants.
"""

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Final, Literal

from flask import request

from practice import signon
from practice.access import workload_access
from practice.backend import Backend
from practice.state import Directory, ServicePrincipal, Tenant
from practice.wellknown import GRAPH, MICROSOFT

from . import consent
from .clients import Client, check_user
from .errors import Refused, correlation_id
from .persons import Person
from .scopes import Wanted

__all__ = ["IDLE", "Proof", "app_token", "attempt", "machine_token", "refreshable", "user_tokens"]

IDLE: Final = timedelta(days=90)
"""How long a refresh token lasts that nobody uses."""

Proof = Literal["none", "secret", "assertion"]
_PROOFS: Final[Mapping[Proof, str]] = {"none": "0", "secret": "1", "assertion": "2"}
"""``appidacr``: how the client proved itself."""

_NATIVE: Final = "Mobile Apps and Desktop clients"

_PLAIN_USER: Final = "b79fbf4d-3ef9-4689-8143-76b194e85509"
"""In ``wids``: a person without a directory role."""
_PLAIN_APP: Final = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"
"""The same for an app."""


def user_tokens(
    backend: Backend,
    client: Client,
    person: Person,
    wanted: Wanted,
    *,
    proof: Proof,
    tell: bool = False,
) -> dict[str, Any]:
    """Return the token endpoint's answer for a person.

    Args:
        backend: The cloud.
        client: Who gets the tokens.
        person: For whom.
        wanted: For what.
        proof: How the client proved itself.
        tell: Whether this is a sign-in of its own, which leaves a row: a refreshed token is one, a code that a page
            has given just now is none.

    Raises:
        Refused: 50057, 50034, 50105, 65001 and kin, 53003 and kin, 70043.
    """
    check_user(client, person.user)
    tried, mfa, transfer = attempt(backend, client, wanted), person.mfa, person.transfer
    done = signon.completed(person.tenant, person.user, tried, mfa=mfa, since=person.since, transfer=transfer)
    if tell:
        row = signon.row(
            person.tenant,
            done,
            agent=request.headers.get("User-Agent", ""),
            protocol="oAuth2",
            interactive=False,
            incoming="refreshToken",
            scopes=wanted.values,
            correlation_id=correlation_id(),
        )
        backend.ledger.record(person.tenant.tenant_id, row)
    if not done.ok:
        about = {"resource": wanted.resource.app_id, "tenant": person.tenant.title, "issued": person.since.isoformat()}
        raise Refused(done.code, error="invalid_grant", lasts=done.ruling.lasts, **about)
    return _answer(backend, client, person, wanted, proof)


def attempt(backend: Backend, client: Client, wanted: Wanted) -> signon.Attempt:
    """Return what a token request of a person's client is a try at."""
    return signon.Attempt(
        _NATIVE,
        request.remote_addr or "",
        backend.now(),
        app_id=client.app_id,
        app_name=client.name,
        resource_app_id=wanted.resource.app_id,
    )


def _answer(backend: Backend, client: Client, person: Person, wanted: Wanted, proof: Proof) -> dict[str, Any]:
    directory = person.tenant.directory_in_force(backend.now())
    scopes = _scopes(directory, client, person, wanted)
    token, lasts = _access_token(backend, client, wanted, _of_user(directory, person, scopes), person.tenant, proof)
    answer: dict[str, Any] = {
        "token_type": "Bearer",
        "scope": " ".join([*(f"{wanted.named}{one}" for one in scopes), *_shown_openid(wanted)]),
        "expires_in": lasts,
        "ext_expires_in": lasts,
        "access_token": token,
    }
    if "offline_access" in wanted.openid:
        answer["refresh_token"] = refreshable(backend, client, person, wanted, public=proof == "none")
    if "openid" in wanted.openid:
        answer["id_token"] = _id_token(backend, client, person)
    if request.values.get("client_info"):
        answer["client_info"] = _plain({"uid": person.user.id, "utid": person.home})
    return answer


def app_token(backend: Backend, tenant: Tenant, client: Client, wanted: Wanted, credential: str) -> dict[str, Any]:
    """Return the token endpoint's answer for an app that acts as itself, and leave its row.

    Args:
        backend: The cloud.
        tenant: Where.
        client: The app.
        wanted: ``.default`` of a resource.
        credential: What it proved itself with, as rows call it.

    Raises:
        Refused: 53003, 501051.
    """
    principal = client.principal
    assert principal is not None
    proof: Proof = "secret" if credential == "clientSecret" else "assertion"
    return _machine(backend, tenant, client.app_id, principal, wanted, credential, proof)


def machine_token(backend: Backend, tenant: Tenant, principal: ServicePrincipal, wanted: Wanted) -> dict[str, Any]:
    """Return the same for a managed identity.

    Raises:
        Refused: 501051.
    """
    return _machine(backend, tenant, principal.app_id, principal, wanted, "managedIdentity", "assertion")


def _machine(
    backend: Backend,
    tenant: Tenant,
    app_id: str,
    principal: ServicePrincipal,
    wanted: Wanted,
    credential: str,
    proof: Proof,
) -> dict[str, Any]:
    now = backend.now()
    directory = tenant.directory_in_force(now)
    ruling = workload_access(directory, principal, [wanted.resource.app_id])
    row = signon.principal_row(
        tenant,
        principal,
        code=ruling.code,
        resource_app_id=wanted.resource.app_id,
        credential=credential,
        address=request.remote_addr or "",
        now=now,
        ruling=ruling,
        correlation_id=correlation_id(),
    )
    backend.ledger.record(tenant.tenant_id, row)
    if ruling.code != "0":
        raise Refused(ruling.code)
    roles = consent.roles_of(directory, principal, wanted.resource)
    if wanted.resource.app_role_assignment_required and not roles:
        raise Refused("501051", app=app_id, name=principal.display_name, resource=wanted.resource.app_id)
    about: dict[str, Any] = {
        "app_displayname": principal.display_name,
        "idtyp": "app",
        "oid": principal.id,
        "sub": principal.id,
        **({"roles": roles} if roles else {}),
        "wids": sorted(directory.roles_of(principal.id)) or [_PLAIN_APP],
    }
    subject = _Subject(app_id, about)
    token, lasts = _signed(backend, tenant, wanted, subject, proof)
    return {"token_type": "Bearer", "expires_in": lasts, "ext_expires_in": lasts, "access_token": token}


def refreshable(backend: Backend, client: Client, person: Person, wanted: Wanted, *, public: bool) -> str:
    """Return a refresh token: good for every resource that was consented to, as long as it is used."""
    return backend.keys.seal(
        {
            "kind": "refresh",
            "client": client.app_id,
            **asdict(person.kept()),
            "issued": backend.now().timestamp(),
            "scope": " ".join([*(f"{wanted.named}{one}" for one in wanted.values), *wanted.openid]),
            "public": public,
        }
    )


def _scopes(directory: Directory, client: Client, person: Person, wanted: Wanted) -> list[str]:
    """Return what the token's ``scp`` holds: everything that was ever consented to on the resource.

    Raises:
        Refused: 65001 and what `consent.asked` says.
    """
    if consent.missing(directory, client, [wanted], person):
        raise Refused("65001", app=client.app_id, name=client.name)
    if client.preauthorized:
        return sorted(consent.asked(directory, client, wanted).scopes)
    had = consent.consented(directory, client, wanted.resource, person)
    basics = {"offline_access"} if wanted.resource.app_id == GRAPH else set()
    return sorted(had - basics)


def _shown_openid(wanted: Wanted) -> list[str]:
    return [one for one in wanted.openid if one != "offline_access"]


@dataclass(frozen=True)
class _Subject:
    """Whom an access token is about."""

    app_id: str
    claims: Mapping[str, Any]


def _of_user(directory: Directory, person: Person, scopes: list[str]) -> dict[str, Any]:
    user = person.user
    given, _, family = user.display_name.rpartition(" ")
    return {
        "acct": 1 if user.user_type == "Guest" else 0,
        "acr": "1",
        "amr": ["pwd", "mfa"] if person.mfa else ["pwd"],
        "family_name": family,
        "given_name": given,
        "idtyp": "user",
        "name": user.display_name,
        "oid": user.id,
        "puid": sha256(user.id.encode()).hexdigest()[:16].upper(),
        "scp": " ".join(scopes),
        "sub": _pairwise(user.id, person.tenant.tenant_id),
        "unique_name": user.user_principal_name,
        "upn": user.user_principal_name,
        "wids": sorted(directory.roles_of(user.id)) or [_PLAIN_USER],
    }


def _access_token(
    backend: Backend, client: Client, wanted: Wanted, about: Mapping[str, Any], tenant: Tenant, proof: Proof
) -> tuple[str, int]:
    claims = {"app_displayname": client.name, **about}
    return _signed(backend, tenant, wanted, _Subject(client.app_id, claims), proof)


def _signed(backend: Backend, tenant: Tenant, wanted: Wanted, subject: _Subject, proof: Proof) -> tuple[str, int]:
    """Return an access token and how long it lasts, in seconds."""
    now = int(backend.now().timestamp())
    # Entra spreads lifetimes between 60 and 90 minutes, so that not all clients come back at once.
    lasts = 3_600 + secrets.randbelow(1_800)
    times = {"iat": now, "nbf": now, "exp": now + lasts}
    common = {
        **times,
        "ipaddr": request.remote_addr or "",
        "rh": f"1.{secrets.token_urlsafe(24)}.",
        "tid": tenant.tenant_id,
        "uti": secrets.token_urlsafe(16),
    }
    if _version(backend, wanted.resource) == 2:
        own = {
            "aud": wanted.resource.app_id,
            "iss": f"{backend.base_url}/{tenant.tenant_id}/v2.0",
            "azp": subject.app_id,
            "azpacr": _PROOFS[proof],
            "ver": "2.0",
        }
    else:
        own = {
            "aud": wanted.audience,
            "iss": f"https://sts.windows.net/{tenant.tenant_id}/",
            "appid": subject.app_id,
            "appidacr": _PROOFS[proof],
            "idp": f"https://sts.windows.net/{tenant.tenant_id}/",
            "ver": "1.0",
        }
    return backend.keys.sign({**own, **common, **subject.claims}), lasts


def _version(backend: Backend, resource: ServicePrincipal) -> int:
    if resource.app_owner_organization_id == MICROSOFT:
        return 1
    owner = backend.states.find(resource.app_owner_organization_id or "")
    app = owner.directory.application(resource.app_id) if owner else None
    return (app.api.requested_access_token_version or 1) if app else 1


def _id_token(backend: Backend, client: Client, person: Person) -> str:
    now = int(backend.now().timestamp())
    user, tenant_id = person.user, person.tenant.tenant_id
    return backend.keys.sign(
        {
            "aud": client.app_id,
            "iss": f"{backend.base_url}/{tenant_id}/v2.0",
            "iat": now,
            "nbf": now,
            "exp": now + 3_900,
            "name": user.display_name,
            **({"nonce": person.nonce} if person.nonce else {}),
            "oid": user.id,
            "preferred_username": user.mail if user.user_type == "Guest" and user.mail else user.user_principal_name,
            "rh": f"1.{secrets.token_urlsafe(24)}.",
            "sub": _pairwise(user.id, client.app_id),
            "tid": tenant_id,
            "uti": secrets.token_urlsafe(16),
            "ver": "2.0",
        }
    )


def _pairwise(one: str, other: str) -> str:
    return urlsafe_b64encode(sha256(f"{one}/{other}".encode()).digest()).decode().rstrip("=")


def _plain(content: Mapping[str, str]) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
