"""The app that is to open mailboxes, as the directory has it: its ids, and whether it may send by consent."""

from functools import cached_property
from typing import Final

from azure.core.credentials import TokenCredential

from mailauth import grants, permissions
from mailauth.clouds import Cloud
from mailauth.coverage import Coverage
from mailauth.errors import MailauthError
from mailauth.mailgrants import App
from mailauth.permissions import Offer
from mailauth.tenants import MailApp

from .client import Graph, Pace
from .parts import SOURCE, Parts

__all__ = ["NEEDS", "read", "unread"]

NEEDS: Final = "reading the app needs Application.Read.All and Directory.Read.All"

_PACE: Final = (50, 10.0)  # requests and seconds, as for consent
_SENDS: Final = "SMTP.SendAsApp"
_EVENTUAL: Final = {"ConsistencyLevel": "eventual"}


def read(
    cloud: Cloud, credential: TokenCredential, app: MailApp, *, pace: Pace | None = None
) -> tuple[App, tuple[Coverage, ...]]:
    """Return what the directory holds of an app, and how far the look reached.

    Args:
        cloud: Where Graph is.
        credential: Signs in with what `NEEDS` says.
        app: The app, registered.
        pace: How fast; None for what suits the directory.
    """
    with Graph(cloud, credential, pace=pace or Pace(*_PACE), needs=NEEDS) as graph:
        look = _Look(graph, app)
        object_id = look.enterprise()
        roles = look.roles(object_id)
        found = App(
            name=app.name,
            client_id=app.client_id,
            object_id=object_id,
            registration_id=look.registration(),
            deleted_ids=look.deleted(),
            alone="role" in grants.needs(app),
            people="scope" in grants.needs(app),
            smtp=app.smtp,
            consented=look.sends(roles),
            wide=look.wide(roles),
            enabled=look.enabled,
        )
        return found, tuple(look.coverage)


def unread(app: MailApp, error: MailauthError) -> tuple[App, tuple[Coverage, ...]]:
    """Return the look of somebody who could not begin to look."""
    lost = Coverage("the app", "unknown", SOURCE, reason=error.message, remedy=error.remedy)
    kinds = grants.needs(app)
    return App(app.name, app.client_id, alone="role" in kinds, people="scope" in kinds, smtp=app.smtp), (lost,)


class _Look(Parts):
    """One look at an app; '' and nothing are for "there is none" and for "not read", which the coverage tells apart."""

    def __init__(self, graph: Graph, app: MailApp) -> None:
        super().__init__(graph)
        self._app_id = app.client_id
        self.enabled = True

    def enterprise(self) -> str:
        found = self.part("the enterprise application", lambda: self.principal(self._app_id, "id,appId,accountEnabled"))
        self.enabled = (found or {}).get("accountEnabled") is not False
        return str((found or {}).get("id", ""))

    def registration(self) -> str:
        path = f"/v1.0/applications(appId='{self._app_id}')"
        found = self.part("the app registration", lambda: self.if_any(path, {"$select": "id,appId"}))
        return str((found or {}).get("id", ""))

    def deleted(self) -> frozenset[str]:
        path = "/v1.0/directory/deletedItems/microsoft.graph.servicePrincipal"
        # The page of deletedItems answers some queries as advanced ones only, and does not say which.
        asked = {"$filter": f"appId eq '{self._app_id}'", "$select": "id,appId", "$count": "true"}
        found = self.part("deleted enterprise applications", lambda: list(self.all(path, asked, headers=_EVENTUAL)))
        return frozenset(str(each.get("id")) for each in found or () if each.get("appId") == self._app_id)

    def roles(self, object_id: str) -> frozenset[tuple[str, str]] | None:
        """Return the app roles that the app holds, as pairs of the resource's and the role's id; None where unread."""
        if not object_id:
            return None
        path = f"/v1.0/servicePrincipals/{object_id}/appRoleAssignments"
        held = self.part("the app's permissions", lambda: list(self.all(path)))
        if held is None:
            return None
        return frozenset((str(each.get("resourceId")), str(each.get("appRoleId"))) for each in held)

    def sends(self, held: frozenset[tuple[str, str]] | None) -> bool | None:
        """Return whether the app holds the permission to send as itself; None where that was not read."""
        # The tenant's own id decides; the well-known one stands in where the tenant's could not be read.
        offer = self._exchange
        role = offer.id_of("role", _SENDS) if offer else permissions.of("smtp", "role")[0].id
        return None if held is None else role in {each for _, each in held}

    def wide(self, held: frozenset[tuple[str, str]] | None) -> tuple[str, ...]:
        """Return the roles that reach every mailbox by other doors; whoever holds none elsewhere costs no request."""
        known = self._exchange.object_id if self._exchange else ""
        elsewhere = any(resource != known for resource, _ in held or ())
        offers = (self._exchange, self.offer("graph") if elsewhere else None)
        return grants.wide(held or (), (each for each in offers if each))

    @cached_property
    def _exchange(self) -> Offer | None:
        return self.offer("exchange")
