"""Who has signed in: while a request is answered, and as it is kept between two requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from practice.backend import Backend
from practice.state import Tenant, User

from .errors import Refused
from .realms import Realm, tenants

__all__ = ["Person", "SignedIn", "found"]


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
    """

    tenant: str
    user: str
    home: str
    mfa: bool
    since: float
    transfer: str = ""

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "SignedIn":
        """Return it as a sealed code or refresh token holds it, among other things."""
        return cls(**{name: content[name] for name in cls.__dataclass_fields__ if name in content})


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
    """

    user: User
    tenant: Tenant
    home: str
    mfa: bool
    since: datetime
    transfer: str = ""
    nonce: str = ""

    def kept(self) -> SignedIn:
        """Return it as it can be kept."""
        return SignedIn(
            self.tenant.tenant_id, self.user.id, self.home, self.mfa, self.since.timestamp(), transfer=self.transfer
        )


def found(backend: Backend, realm: Realm, kept: SignedIn, *, nonce: str = "") -> Person:
    """Return whose sign-in it is, as things are now.

    Raises:
        Refused: 50034 where the account is gone, 70000 where it belongs to another tenant than is asked.
    """
    tenant = next((one for one in tenants(backend) if one.tenant_id == kept.tenant), None)
    if tenant is None or (realm.tenant and realm.tenant is not tenant):
        raise Refused("70000")
    user = next((one for one in tenant.directory_in_force(backend.now()).users if one.id == kept.user), None)
    if user is None:
        raise Refused("50034", tenant=tenant.title)
    since = datetime.fromtimestamp(kept.since, UTC)
    return Person(user, tenant, kept.home, kept.mfa, since, transfer=kept.transfer, nonce=nonce)
