"""A look into the directory, part by part: what one part is refused costs that part alone, and becomes coverage."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from mailauth import grants, permissions
from mailauth.coverage import Coverage
from mailauth.errors import ConfigurationError, MailauthError, SourceError, UnreachableError
from mailauth.permissions import Offer

from .client import Graph, status

__all__ = ["SOURCE", "Parts", "Record"]

SOURCE: Final = "graph"
"""What coverage calls the directory."""

T = TypeVar("T")
Record = Mapping[str, Any]

_OFFERED: Final = "id,appId,appRoles,oauth2PermissionScopes"


class Parts:
    """One look; `coverage` grows as it goes.

    Args:
        graph: Who is asked.
    """

    def __init__(self, graph: Graph) -> None:
        self.coverage: list[Coverage] = []
        self.graph = graph
        self._dead: MailauthError | None = None

    def part(self, what: str, ask: Callable[[], T]) -> T | None:
        """Return the answer of *ask*, or None with the reason in the coverage."""
        try:
            # Whoever has no token, or no network, has none for the next question either: a person is asked once.
            if self._dead:
                raise self._dead
            answer = ask()
        except (SourceError, ConfigurationError) as error:
            if error.code == "token" or isinstance(error, UnreachableError | ConfigurationError):
                self._dead = error
            self.coverage.append(Coverage(what, "unknown", SOURCE, reason=error.message, remedy=error.remedy))
            return None
        self.coverage.append(Coverage(what, "complete", SOURCE))
        return answer

    def offer(self, name: permissions.Resource) -> Offer | None:
        """Return a resource as the tenant has it; None where it has none, or was not read."""
        title = f"permissions of {permissions.titles()[name]}"
        record = self.part(title, lambda: self.principal(permissions.APP_IDS[name], _OFFERED))
        if record is None:
            return None
        if not record:
            self.coverage[-1] = Coverage(title, "absent", SOURCE, reason="The tenant has no such service principal.")
            return None
        return grants.offer(name, record)

    def principal(self, app_id: str, fields: str) -> Record:
        """Return a service principal by its application id; empty where the tenant has none."""
        return self.if_any(f"/v1.0/servicePrincipals(appId='{app_id}')", {"$select": fields})

    def if_any(self, path: str, parameters: Mapping[str, str] | None = None) -> Record:
        """Return the object at *path*; empty where there is none."""
        try:
            return self.graph.get(path, parameters)
        except SourceError as error:
            if status(error) == 404:
                return {}
            raise

    def all(
        self,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Iterator[Record]:
        """Yield the records of every page."""
        page = self.graph.get(path, parameters, headers=headers)
        yield from page.get("value") or ()
        while link := page.get("@odata.nextLink"):
            page = self.graph.follow(str(link))
            yield from page.get("value") or ()
