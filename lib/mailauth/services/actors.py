"""Who is signed in, as the tenant's own directory says: the person, or the app and what it was given.

What one question is refused costs that part alone and becomes coverage. Reading changes nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from azure.core.credentials import TokenCredential

from mailauth import permissions
from mailauth.actors import READS, Actor
from mailauth.clouds import Cloud
from mailauth.tenants import PEOPLE, Admin

from . import identity
from .client import Graph, Pace
from .parts import Parts

__all__ = ["read"]

# Requests and seconds; five are made.
_PACE: Final = (50, 10.0)
_DIRECTORY_ROLE: Final = "#microsoft.graph.directoryRole"


def read(
    cloud: Cloud, credential: TokenCredential, admin: Admin, *, tenant_id: str, scopes: Sequence[str] = ()
) -> Actor:
    """Return as whom *credential* acts.

    Args:
        cloud: Where Graph is.
        credential: Signed in, or about to be.
        admin: What it was made of: the flow tells whether a person is behind it.
        tenant_id: The directory.
        scopes: What a person is asked for; none for what the app was let do before.
    """
    with Graph(
        cloud,
        credential,
        pace=Pace(*_PACE),
        needs=READS,
        scopes=[f"{cloud.graph.rstrip('/')}/{scope}" for scope in scopes],
    ) as graph:
        look = Parts(graph)
        tenant = look.part("the tenant's name", lambda: _tenant(look)) or ""
        known = _Known(look, admin, tenant_id, tenant)
        return known.person(credential) if admin.flow in PEOPLE else known.app()


class _Known:
    """What is the same for whoever it is."""

    def __init__(self, look: Parts, admin: Admin, tenant_id: str, tenant: str) -> None:
        self._look = look
        self._admin = admin
        self._where = tenant_id, tenant

    def person(self, credential: TokenCredential) -> Actor:
        """Return the person who signed in."""
        me = self._look.part(
            "who signed in", lambda: self._look.graph.get("/v1.0/me", {"$select": "userPrincipalName"})
        )
        name = str((me or {}).get("userPrincipalName") or self._admin.account or "somebody")
        roles = self._look.part("directory roles", lambda: tuple(sorted(self._mine())))
        return self._actor(name, "person", roles, identity.granted(credential))

    def app(self) -> Actor:
        """Return the app that signs in as itself."""
        fields = "id,displayName"
        title = "the app's enterprise application"
        found = self._look.part(title, lambda: self._look.principal(self._admin.client_id, fields))
        if not found:
            return self._actor(self._admin.client_id or "the machine's identity", "app", None, None)
        held = self._look.part("permissions of the app", lambda: frozenset(self._permissions(str(found["id"]))))
        roles = self._look.part("directory roles", lambda: tuple(sorted(self._assigned(str(found["id"])))))
        return self._actor(str(found.get("displayName") or ""), "app", roles, held)

    def _actor(self, name: str, kind: Any, roles: tuple[str, ...] | None, held: frozenset[str] | None) -> Actor:
        return Actor(name, kind, self._admin.client_id, *self._where, roles, held, tuple(self._look.coverage))

    def _mine(self) -> Iterator[str]:
        # A role that comes through a group is held as well.
        for each in self._look.all("/v1.0/me/transitiveMemberOf"):
            if each.get("@odata.type") == _DIRECTORY_ROLE:
                yield str(each.get("displayName") or "")

    def _assigned(self, principal: str) -> Iterator[str]:
        asked = {"$filter": f"principalId eq '{principal}'", "$expand": "roleDefinition"}
        for each in self._look.all("/v1.0/roleManagement/directory/roleAssignments", asked):
            yield str((each.get("roleDefinition") or {}).get("displayName") or "")

    def _permissions(self, principal: str) -> Iterator[str]:
        """Yield what the app was given by Graph and Exchange; names are unique across the two."""
        offered = {}
        for app_id in permissions.APP_IDS.values():
            record = self._look.principal(app_id, "id,appRoles")
            for role in record.get("appRoles") or ():
                offered[record.get("id"), role.get("id")] = str(role.get("value") or "")
        for each in self._look.all(f"/v1.0/servicePrincipals/{principal}/appRoleAssignments"):
            yield offered.get((each.get("resourceId"), each.get("appRoleId")), "")


def _tenant(look: Parts) -> str:
    found = next(look.all("/v1.0/organization", {"$select": "displayName"}), {})
    return str(found.get("displayName") or "")
