"""Who asks: the claims of a Graph token, and what they and the directory let their bearer do."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from practice.backend import Backend
from practice.state import Directory
from practice.tokens import TokenError, tenant_of
from practice.wellknown import GRAPH, ROLES

from . import errors

__all__ = ["ADMINS_OF_APPS", "Access", "Caller", "read"]

ADMINS_OF_APPS: Final = ("Global Administrator", "Application Administrator", "Cloud Application Administrator")

# ≈ where the facts give no wording: what Graph says of a token differs between its releases.
_FLAWS: Final[Mapping[str, str]] = {
    "malformed": "CompactToken parsing failed with error code: 80049217",
    "signature": "Access token validation failure. Invalid signature.",
    "expired": "Lifetime validation failed, the token is expired.",
    "early": "Lifetime validation failed, the token is not yet valid.",
}


@dataclass(frozen=True)
class Caller:
    """Whoever a token was issued to.

    Args:
        tenant_id: The tenant that it speaks to.
        app_id: The app that holds the token.
        object_id: The user's id or, for an app that acts as itself, its service principal's.
        delegated: Whether a user is signed in.
        permissions: The scopes or the app roles in the token.
    """

    tenant_id: str
    app_id: str
    object_id: str
    delegated: bool
    permissions: frozenset[str]

    def has(self, *permissions: str) -> bool:
        """Whether the token holds one of *permissions*."""
        return not self.permissions.isdisjoint(permissions)

    def holds(self, directory: Directory, roles: Collection[str]) -> bool:
        """Whether the directory gives the caller one of *roles*, by their names."""
        return not directory.roles_of(self.object_id).isdisjoint(ROLES[one] for one in roles if one in ROLES)


@dataclass(frozen=True)
class Access:
    """What an operation asks of its caller.

    Args:
        permissions: Scopes or app roles, one of which the token must hold.
        owned: Whether an app may come with ``Application.ReadWrite.OwnedBy``; the operation checks whose object it is.
        roles: Directory roles of which a signed-in user must hold one; empty where any user may.
    """

    permissions: tuple[str, ...] = ()
    owned: bool = False
    roles: tuple[str, ...] = ()

    def check(self, caller: Caller, directory: Directory) -> None:
        """Return if *caller* may.

        Raises:
            Refusal: It may not.
        """
        owned = self.owned and not caller.delegated and caller.has("Application.ReadWrite.OwnedBy")
        if self.permissions and not caller.has(*self.permissions) and not owned:
            raise errors.denied()
        if self.roles and caller.delegated and not caller.holds(directory, self.roles):
            raise errors.denied()


def read(backend: Backend, token: str) -> Caller:
    """Return who *token* was issued to.

    Raises:
        Refusal: It is no token for Graph, or not any more.
    """
    if not token:
        raise _unauthorized(backend, "Access token is empty.")
    try:
        claims = backend.keys.read(token, backend.now())
    except TokenError as error:
        raise _unauthorized(backend, _FLAWS[error.flaw]) from None
    audience = str(claims.get("aud")).rstrip("/")
    # A national cloud's Graph goes by its own address, and so does this one's.
    if audience not in (GRAPH, "https://graph.microsoft.com", f"{backend.base_url}/graph"):
        raise _unauthorized(backend, "Access token validation failure. Invalid audience.")
    tenant_id = tenant_of(claims)
    tenant = backend.states.find(tenant_id or "-")
    if tenant is None or tenant.tenant_id != tenant_id:
        raise _unauthorized(backend, "Access token validation failure. Invalid issuer.")
    scopes, roles = claims.get("scp"), claims.get("roles")
    delegated = isinstance(scopes, str)
    held = cast(str, scopes).split() if delegated else roles if isinstance(roles, list) else []
    return Caller(
        tenant.tenant_id,
        _text(claims, "appid") or _text(claims, "azp"),
        _text(claims, "oid"),
        delegated,
        frozenset(one for one in held if isinstance(one, str)),
    )


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.lower() if isinstance(value, str) else ""


def _unauthorized(backend: Backend, said: str) -> errors.Refusal:
    challenge = f'Bearer realm="", authorization_uri="{backend.base_url}/common/oauth2/authorize", client_id="{GRAPH}"'
    return errors.Refusal(401, "InvalidAuthenticationToken", said, headers={"WWW-Authenticate": challenge})
