"""Security defaults, Conditional Access, accounts and their changes, read from Microsoft Graph.

What one part refuses costs that part alone and becomes coverage, with the permission that would help. Requests grow
with pages and with the groups that policies name, not with mailboxes. Reading changes nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from azure.core.credentials import TokenCredential

from mailauth import conditions
from mailauth.clouds import Cloud
from mailauth.conditions import Conditions
from mailauth.coverage import Coverage
from mailauth.errors import AccessError, ConfigurationError, MailauthError, SourceError, UnreachableError

from .client import Graph, Pace

__all__ = ["NEEDS", "read", "unread"]

NEEDS: Final = "reading who may sign in how needs Policy.Read.All, Directory.Read.All and AuditLog.Read.All"

_SOURCE: Final = "graph"
_PACE: Final = (50, 10.0)  # requests and seconds, as for consent
_ACCOUNT: Final = "id,userPrincipalName,accountEnabled,userType,onPremisesSyncEnabled,assignedPlans"
_IDS_AT_A_TIME: Final = 15  # the most values that Graph takes in one "in"
_FEW: Final = 4 * _IDS_AT_A_TIME  # more accounts than so many are quicker found by reading all
_PAGE: Final = 999
_POLICIES: Final = "category eq 'Policy'"

_ASK: Final[Mapping[str, str]] = {
    "securityDefaults": "Policy.Read.All",
    "conditionalAccess": "Policy.Read.All",
    "users": "User.Read.All",
    "groupMembers": "GroupMember.Read.All",
    "roleAssignments": "RoleManagement.Read.Directory",
    "domains": "Domain.Read.All",
    "directoryAudits": "AuditLog.Read.All",
}
_WHAT: Final[Mapping[str, str]] = {
    "securityDefaults": "security defaults",
    "conditionalAccess": "Conditional Access policies",
    "users": "accounts behind the mailboxes",
    "groupMembers": "members of groups that policies name",
    "roleAssignments": "holders of roles that policies name",
    "domains": "how the domains sign in",
    "directoryAudits": "who changed policies",
}

Record = Mapping[str, Any]


def read(
    cloud: Cloud, credential: TokenCredential, account_ids: Iterable[str] = (), *, pace: Pace | None = None
) -> Conditions:
    """Return what the directory says about signing in.

    Args:
        cloud: Where Graph is.
        credential: Signs in with what `NEEDS` says.
        account_ids: Object ids of the accounts behind the mailboxes that are asked about.
        pace: How fast; None for what suits the directory.
    """
    with Graph(cloud, credential, pace=pace or Pace(*_PACE), needs=NEEDS) as graph:
        look = _Look(graph)
        look.part("securityDefaults", lambda: graph.get("/v1.0/policies/identitySecurityDefaultsEnforcementPolicy"))
        look.part("conditionalAccess", lambda: look.all("/v1.0/identity/conditionalAccess/policies"))
        look.part("users", lambda: list(look.accounts(sorted(set(account_ids) - {""}))))
        look.people()
        look.part("domains", lambda: look.all("/v1.0/domains", {"$select": "id,authenticationType"}))
        look.part("directoryAudits", lambda: look.all("/v1.0/auditLogs/directoryAudits", {"$filter": _POLICIES}))
        return conditions.of(look.records, coverage=look.coverage)


def unread(error: MailauthError) -> Conditions:
    """Return the look of somebody who could not begin to look: nothing is known."""
    return conditions.of({}, coverage=[_unknown("who may sign in how", error)])


class _Look:
    """One look, part by part; `records` and `coverage` grow as it goes."""

    def __init__(self, graph: Graph) -> None:
        self.records: dict[str, Any] = {}
        self.coverage: list[Coverage] = []
        self._graph = graph
        self._dead: MailauthError | None = None

    def part(self, name: str, ask: Callable[[], Any]) -> None:
        """Keep the answer of *ask* under *name*; where there is none, the coverage says why."""
        try:
            # Whoever has no token, or no network, has none for the next question either: a person is asked once.
            if self._dead:
                raise self._dead
            self.records[name] = ask()
        except (SourceError, ConfigurationError) as error:
            if error.code == "token" or isinstance(error, UnreachableError | ConfigurationError):
                self._dead = error
            self.coverage.append(_unknown(_WHAT[name], error, permission=_ASK[name]))
        else:
            self.coverage.append(Coverage(_WHAT[name], "complete", _SOURCE))

    def accounts(self, ids: Sequence[str]) -> Iterator[Record]:
        """Yield the accounts of *ids*: a few by their ids, many by reading all."""
        if len(ids) > _FEW:
            wanted = frozenset(ids)
            whole = self._pages("/v1.0/users", {"$select": _ACCOUNT, "$top": _PAGE})
            yield from (each for each in whole if each.get("id") in wanted)
            return
        yield from self._by_id("/v1.0/users", ids, _ACCOUNT)

    def people(self) -> None:
        """Read whom the policies mean by groups and roles; nothing where they name none."""
        policies = [conditions.access_policy(each) for each in self.records.get("conditionalAccess") or ()]
        groups, roles = conditions.wanted_groups(policies), conditions.wanted_roles(policies)
        if roles:
            self.part("roleAssignments", self._assignments)
            groups += conditions.owners(self.records.get("roleAssignments") or (), roles)
        if groups:
            self._members(tuple(dict.fromkeys(groups)))

    def all(self, path: str, parameters: Mapping[str, str | int] | None = None) -> list[Record]:
        """Return the records of every page."""
        return list(self._pages(path, parameters))

    def _assignments(self) -> list[Record]:
        return self.all("/v1.0/roleManagement/directory/roleAssignments", {"$expand": "principal"})

    def _members(self, groups: Sequence[str]) -> None:
        self.records["groupMembers"] = found = dict[str, list[Record]]()
        refused = dict[str, MailauthError]()
        # Without a name a group stands with its id: nothing is decided by it.
        with suppress(SourceError):
            self.records["groups"] = list(self._by_id("/v1.0/groups", groups, "id,displayName"))
        for group in groups:
            # A group that cannot be read is unknown; the others still decide for their members.
            try:
                found[group] = self.all(f"/v1.0/groups/{group}/transitiveMembers", {"$select": "id", "$top": _PAGE})
            except SourceError as error:
                refused[group] = error
        self.coverage.append(_partly(refused) if refused else Coverage(_WHAT["groupMembers"], "complete", _SOURCE))

    def _by_id(self, path: str, ids: Sequence[str], fields: str) -> Iterator[Record]:
        for start in range(0, len(ids), _IDS_AT_A_TIME):
            # Ids, but they come from a service: a quote in one would begin a filter of its choosing.
            some = ", ".join("'" + each.replace("'", "''") + "'" for each in ids[start : start + _IDS_AT_A_TIME])
            yield from self._pages(path, {"$select": fields, "$filter": f"id in ({some})"})

    def _pages(self, path: str, parameters: Mapping[str, str | int] | None = None) -> Iterator[Record]:
        page = self._graph.get(path, parameters)
        yield from page.get("value") or ()
        while link := page.get("@odata.nextLink"):
            page = self._graph.follow(str(link))
            yield from page.get("value") or ()


def _partly(refused: Mapping[str, MailauthError]) -> Coverage:
    first = next(iter(refused.values()))
    told = _unknown(_WHAT["groupMembers"], first, permission=_ASK["groupMembers"])
    return replace(told, lost=len(refused), reason=f"{len(refused)} groups could not be read: {first.message}")


def _unknown(what: str, error: MailauthError, *, permission: str = "") -> Coverage:
    help_ = (
        f'Ask an administrator: "Please grant the app {permission}, and consent to it." A person needs a role that may '
        "read it."
    )
    return Coverage(
        what,
        "unknown",
        _SOURCE,
        reason=error.message,
        remedy=help_ if permission and isinstance(error, AccessError) else error.remedy,
    )
