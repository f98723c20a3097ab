"""What stands first in an address of Entra: one tenant by id or domain, or a word for several."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from practice.backend import Backend
from practice.state import Tenant

from .errors import Refused

__all__ = ["MANY", "Realm", "home_of", "realm", "tenants"]

Many = Literal["common", "organizations", "consumers"]

MANY: Final = ("common", "organizations", "consumers")
_CONSUMERS: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of personal accounts, of which the practice cloud has none."""


@dataclass(frozen=True)
class Realm:
    """Who may sign in at an address.

    Args:
        name: As it stands in the address.
        tenant: The tenant; None where it is a word for several.
    """

    name: str
    tenant: Tenant | None

    @property
    def own_id(self) -> str:
        """The tenant's id, or the blank that discovery writes for several."""
        if self.tenant:
            return self.tenant.tenant_id
        return _CONSUMERS if self.name == "consumers" else "{tenantid}"


def realm(backend: Backend, name: str) -> Realm:
    """Return the realm of an address.

    Raises:
        Refused: There is no such tenant (90002).
    """
    if name.lower() in MANY:
        return Realm(name.lower(), None)
    found = next((one for one in tenants(backend) if _is(one, name.lower())), None)
    if found is None:
        raise Refused("90002", tenant=name)
    return Realm(name, found)


def tenants(backend: Backend) -> list[Tenant]:
    """Return all tenants; to look at while the states are held still."""
    found = (backend.states.find(name) for name in backend.states.names)
    return [one for one in found if one]


def home_of(backend: Backend, address: str) -> Tenant | None:
    """Return the tenant that a sign-in name's domain belongs to."""
    domain = address.rpartition("@")[2].strip().lower()
    return next((one for one in tenants(backend) if domain and one.owns(domain)), None)


def _is(tenant: Tenant, name: str) -> bool:
    # A tenant's short name is the practice cloud's own; Entra knows ids and verified domains.
    if re.fullmatch(r"[0-9a-f-]{36}", name):
        return tenant.tenant_id.lower() == name
    return any(one.id.lower() == name and one.is_verified for one in tenant.directory.domains)
