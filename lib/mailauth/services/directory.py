"""A tenant's consent read from Microsoft Graph: enterprise applications, grants, app roles, consent policies.

What one part refuses costs that part alone and becomes coverage. Reading changes nothing.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from azure.core.credentials import TokenCredential

from mailauth import grants, permissions
from mailauth.clouds import Cloud
from mailauth.coverage import Coverage
from mailauth.errors import MailauthError
from mailauth.grants import Found, Held

from .client import Graph, Pace
from .parts import SOURCE, Parts, Record

__all__ = ["NEEDS", "accounts", "read", "unread"]

NEEDS: Final = "reading consent needs Application.Read.All, Directory.Read.All and Policy.Read.All"

# Requests and seconds. Directory reads are cheap, and the quota of a tenant is shared with everybody's scripts in it.
_PACE: Final = (50, 10.0)
_PRINCIPAL: Final = "id,appId,displayName,accountEnabled,appRoleAssignmentRequired,disabledByMicrosoftStatus,replyUrls"
_REGISTRATION: Final = "appId,requiredResourceAccess,publicClient,web,spa"
_IDS_AT_A_TIME: Final = 15  # the most values that Graph takes in one "in"
_MOST_PEOPLE: Final = 150
_USERS: Final = "ManagePermissionGrantsForSelf."


def read(
    cloud: Cloud,
    credential: TokenCredential,
    apps: Mapping[str, str],
    *,
    clients: Sequence[str] = (),
    pace: Pace | None = None,
) -> Found:
    """Return what the directory holds about consent.

    Args:
        cloud: Where Graph is.
        credential: Signs in with what `NEEDS` says.
        apps: The tenant's own mail apps: what each is called, by application id.
        clients: Well-known mail programs, which most tenants know a few of.
        pace: How fast; None for what suits the directory.
    """
    with Graph(cloud, credential, pace=pace or Pace(*_PACE), needs=NEEDS) as graph:
        look = _Look(graph)
        offers = tuple(offer for name in permissions.APP_IDS if (offer := look.offer(name)))
        held = {app_id: found for app_id, name in apps.items() if (found := look.app(app_id, name))}
        held |= look.clients([each for each in clients if each not in held])
        people = {given.user_id for each in held.values() for given in each.scopes} - {""}
        names = look.people(sorted(people))
        assigned, rules = look.policy()
        return Found(offers, held, names, assigned, rules, look.requests(), tuple(look.coverage))


def accounts(cloud: Cloud, credential: TokenCredential, addresses: Sequence[str]) -> Mapping[str, str]:
    """Return the object ids of people by the address that they sign in with, as it was given; who is not found lacks.

    Raises:
        SourceError: They could not be read.
    """
    with Graph(cloud, credential, pace=Pace(*_PACE), needs=NEEDS) as graph:
        look = _Look(graph)
        found = {name.lower(): user_id for user_id, name in look.named("userPrincipalName", addresses)}
    return {address: found[address.lower()] for address in addresses if address.lower() in found}


def unread(error: MailauthError) -> Found:
    """Return the look of somebody who could not begin to look."""
    return Found(coverage=(Coverage("consent", "unknown", SOURCE, reason=error.message, remedy=error.remedy),))


class _Look(Parts):
    """One look at consent."""

    def app(self, app_id: str, name: str) -> Held | None:
        """Return what is held for one app; None where that could not be read."""
        return self.part(f"consent for {name}", lambda: self._held(app_id))

    def clients(self, app_ids: Sequence[str]) -> Mapping[str, Held]:
        """Return what is held for well-known programs, those included that the tenant does not know."""
        if not app_ids:
            return {}
        found = self.part("consent for well-known mail programs", lambda: dict(self._clients(app_ids)))
        return found or {}

    def people(self, user_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the names of accounts, as far as they are few and may be read."""
        if not user_ids:
            return {}
        found = self.part("names of people with a consent of their own", lambda: dict(self._names(user_ids)))
        if found is not None and len(user_ids) > _MOST_PEOPLE:
            lost = len(user_ids) - _MOST_PEOPLE
            said = f"Names were looked up for {_MOST_PEOPLE} people; the others stand with their ids."
            self.coverage[-1] = Coverage(self.coverage[-1].what, "partial", SOURCE, lost=lost, reason=said)
        return found or {}

    def policy(self) -> tuple[tuple[str, ...] | None, Mapping[str, Record]]:
        """Return the policies by which users consent themselves, and the rules of those that the directory shows."""
        assigned = self.part("what users can consent to", self._assigned)
        if not assigned:
            return assigned, {}
        found = self.part("rules of the consent policies", lambda: dict(self._rules(assigned)))
        return assigned, found or {}

    def requests(self) -> bool | None:
        """Return whether users can ask an administrator for consent."""
        path = "/v1.0/policies/adminConsentRequestPolicy"
        return self.part("requests for admin consent", lambda: self.graph.get(path).get("isEnabled") is True)

    def _held(self, app_id: str) -> Held:
        wanted = {"$select": _REGISTRATION}
        registered = self.if_any(f"/v1.0/applications(appId='{app_id}')", wanted)
        asks, redirects = grants.registration(registered)
        record = self.principal(app_id, _PRINCIPAL)
        known = tuple(map(str, record.get("replyUrls") or ()))
        held = self._consent(record) if record else Held()
        # An app of another publisher is registered elsewhere, where nobody here can look.
        return replace(held, asks=asks if registered else None, redirect_uris=(*redirects, *known))

    def _consent(self, record: Record) -> Held:
        known = grants.enterprise(record)
        path = f"/v1.0/servicePrincipals/{known.object_id}"
        roles = self.all(f"{path}/appRoleAssignments")
        return Held(
            known,
            tuple(map(grants.scopes, self.all(f"{path}/oauth2PermissionGrants"))),
            frozenset((str(each.get("resourceId")), str(each.get("appRoleId"))) for each in roles),
        )

    def _clients(self, app_ids: Sequence[str]) -> Iterator[tuple[str, Held]]:
        for some in _lots(app_ids):
            wanted = {"$filter": f"appId in ({_quoted(some)})", "$select": _PRINCIPAL}
            known = {str(each.get("appId")): each for each in self.all("/v1.0/servicePrincipals", wanted)}
            yield from ((app_id, self._consent(known[app_id]) if app_id in known else Held()) for app_id in some)

    def _names(self, user_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
        return self.named("id", user_ids[:_MOST_PEOPLE])

    def named(self, field: str, values: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield id and name of the accounts whose *field* has one of the values."""
        for some in _lots(values):
            wanted = {"$filter": f"{field} in ({_quoted(some)})", "$select": "id,userPrincipalName"}
            for each in self.all("/v1.0/users", wanted):
                yield str(each.get("id")), str(each.get("userPrincipalName"))

    def _assigned(self) -> tuple[str, ...]:
        given = self.graph.get("/v1.0/policies/authorizationPolicy").get("defaultUserRolePermissions") or {}
        return tuple(map(str, given.get("permissionGrantPoliciesAssigned") or ()))

    def _rules(self, assigned: Iterable[str]) -> Iterator[tuple[str, Record]]:
        wanted = {each.removeprefix(_USERS) for each in assigned if each.startswith(_USERS)}
        for each in self.all("/v1.0/policies/permissionGrantPolicies"):
            if each.get("id") in wanted:
                yield str(each["id"]), each


def _lots(values: Sequence[str]) -> Iterator[Sequence[str]]:
    return (values[start : start + _IDS_AT_A_TIME] for start in range(0, len(values), _IDS_AT_A_TIME))


def _quoted(values: Iterable[str]) -> str:
    # Ids, but some come from the service: a quote in one would begin a filter of its choosing.
    return ", ".join("'" + each.replace("'", "''") + "'" for each in values)
