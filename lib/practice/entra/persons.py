"""Who has signed in: while a request is answered, and as it is kept between two requests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from practice.backend import Backend
from practice.state import ServicePrincipal, Tenant, User

from .errors import Refused
from .realms import Realm, tenants

__all__ = ["NOTHING", "Agreed", "Person", "SignedIn", "found"]


@dataclass(frozen=True)
class Agreed:
    """What somebody has just agreed to on a page, good until no replica of the directory lags behind it any more.

    Whoever comes back with what the page gave them is not refused for a consent that is still on its way.

    Args:
        scopes: Delegated ones, separated by spaces, by the object id of their resource.
        until: When the directory alone says what was consented to, in seconds since 1970.
    """

    scopes: Mapping[str, str] = field(default_factory=dict)
    until: float = 0

    def to(self, resource: ServicePrincipal) -> set[str]:
        """Return the scopes of *resource*."""
        return set(self.scopes.get(resource.id, "").split())


NOTHING: Final = Agreed()


@dataclass(frozen=True)
class SignedIn:
    """A sign-in in a tenant, by ids alone.

    Nothing of a state may outlive its request: a change that is taken back replaces the tenant, and who held on to
    it would see an account that nobody can disable any more.

    Args:
        tenant: The id of the tenant that tokens are for.
        user: The account's object id there.
        home: The id of the tenant that the person belongs to.
        mfa: Whether a second factor was given.
        since: When they signed in, in seconds since 1970.
        transfer: ``deviceCodeFlow`` where a code carried the sign-in to another device.
        agreed: What they agreed to along with it.
    """

    tenant: str
    user: str
    home: str
    mfa: bool
    since: float
    transfer: str = ""
    agreed: Agreed = NOTHING

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "SignedIn":
        """Return it as a sealed code or refresh token holds it, among other things."""
        plain = {name: content[name] for name in cls.__dataclass_fields__ if name in content}
        return cls(**{**plain, "agreed": Agreed(**content.get("agreed", {}))})


@dataclass(frozen=True)
class Person:
    """Somebody who has signed in, as the states are while one request is answered.

    Args:
        user: Their account in the tenant that the token is for.
        tenant: That tenant.
        home: The tenant that they belong to.
        mfa: Whether a second factor was given.
        since: When they signed in.
        transfer: ``deviceCodeFlow`` where a code carried the sign-in to another device.
        nonce: What the id token repeats.
        agreed: What they agreed to just now, and a replica that lags may not know yet.
    """

    user: User
    tenant: Tenant
    home: str
    mfa: bool
    since: datetime
    transfer: str = ""
    nonce: str = ""
    agreed: Agreed = NOTHING

    def kept(self) -> SignedIn:
        """Return it as it can be kept."""
        since = self.since.timestamp()
        return SignedIn(self.tenant.tenant_id, self.user.id, self.home, self.mfa, since, self.transfer, self.agreed)


def found(backend: Backend, realm: Realm, kept: SignedIn, *, nonce: str = "") -> Person:
    """Return whose sign-in it is, as things are now.

    Raises:
        Refused: 50034 where the account is gone, 70000 where it belongs to another tenant than is asked.
    """
    tenant = next((one for one in tenants(backend) if one.tenant_id == kept.tenant), None)
    if tenant is None or (realm.tenant and realm.tenant is not tenant):
        raise Refused("70000")
    now = backend.now()
    user = next((one for one in tenant.directory_in_force(now).users if one.id == kept.user), None)
    if user is None:
        raise Refused("50034", tenant=tenant.title)
    since = datetime.fromtimestamp(kept.since, UTC)
    # Where nothing lags any more the directory says it all, in a tenant that was made anew as well.
    until = min(kept.agreed.until, tenant.directory_spread(now).timestamp())
    agreed = kept.agreed if now.timestamp() < until else NOTHING
    return Person(user, tenant, kept.home, kept.mfa, since, transfer=kept.transfer, nonce=nonce, agreed=agreed)
