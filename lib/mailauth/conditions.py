"""What Entra puts before a mailbox: security defaults, Conditional Access policies, accounts, and who changed them.

Records of Microsoft Graph in, values out; nothing is asked here. What was not read stays None, because "no policy" and
"no permission to see the policies" lead to opposite answers.
"""

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal

from .coverage import Coverage

__all__ = [
    "EXCHANGE",
    "AccessPolicy",
    "Account",
    "Change",
    "Client",
    "Conditions",
    "Effect",
    "People",
    "access_policy",
    "account",
    "change",
    "of",
    "owners",
    "wanted_groups",
    "wanted_roles",
]

Client = Literal["other", "exchangeActiveSync", "mobileAppsAndDesktopClients"]
"""How a sign-in comes, in the words of ``clientAppTypes``; ``other`` is what takes nothing but a password."""

Effect = Literal["nothing", "stops", "asks", "depends"]
"""What a policy does to a sign-in that it covers: it ``asks`` for what a person can give, ``depends`` on a device."""

EXCHANGE: Final = "00000002-0000-0ff1-ce00-000000000000"
_EXCHANGE: Final = frozenset({"all", "office365", EXCHANGE})
_LEGACY: Final = ("other", "exchangeActiveSync")
# What a person in front of a browser can give.
_GIVEN: Final = frozenset({"mfa", "passwordchange", "authentication strength", "terms of use", "sign-in frequency"})
# Microsoft-managed policies are introduced report-only and switch themselves on no less than so long after.
_NOTICE: Final = timedelta(days=45)

Record = Mapping[str, Any]


@dataclass(frozen=True)
class People:
    """Whom a policy names on one side, included or excluded.

    Args:
        everybody: Whether it says ``All``.
        guests: Whether it names guests or other external users.
        users: Object ids of accounts.
        groups: Object ids of groups.
        roles: Template ids of directory roles.
    """

    everybody: bool = False
    guests: bool = False
    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()

    @property
    def ids(self) -> frozenset[str]:
        """Everything that is named by an id."""
        return self.users | self.groups | self.roles


@dataclass(frozen=True)
class AccessPolicy:
    """A Conditional Access policy, as far as mail meets it.

    Args:
        id: Its id.
        name: What it is called; anybody's text.
        state: ``enabled``, ``disabled`` or ``enabledForReportingButNotEnforced``.
        include: Whom it names.
        exclude: Whom it leaves out.
        exchange: Whether Exchange Online is among its applications.
        clients: The kinds of client that it names, in small letters; empty for all.
        narrowed: Conditions that a look cannot decide (``locations``, ``platforms``, a risk).
        flows: Whether it is about transferred sign-ins only, such as the device code flow.
        controls: What it asks for: ``block``, ``mfa`` and so on.
        either: Whether one of the controls is enough.
        principals: Service principals that it names, for a policy on workload identities.
        spared: Service principals that it leaves out.
        made_at: When it was made.
        changed_at: When it was last changed; None where it never was.
    """

    id: str
    name: str
    state: str
    include: People = People()
    exclude: People = People()
    exchange: bool = True
    clients: frozenset[str] = frozenset()
    narrowed: tuple[str, ...] = ()
    flows: bool = False
    controls: tuple[str, ...] = ()
    either: bool = True
    principals: frozenset[str] = frozenset()
    spared: frozenset[str] = frozenset()
    made_at: datetime | None = None
    changed_at: datetime | None = None

    @property
    def managed(self) -> bool:
        """Whether Microsoft made it; the prefix of the name is all that says so, and its spelling varies."""
        return self.name.strip().lower().replace(" ", "-").startswith("microsoft-managed")

    @property
    def switches_on(self) -> datetime | None:
        """The earliest moment at which a managed policy that only reports switches itself on; None for any other."""
        if self.managed and self.state == "enabledForReportingButNotEnforced" and self.made_at:
            return self.made_at + _NOTICE
        return None

    def reaches(self, client: Client) -> bool:
        """Whether it is about Exchange and *client* at all, whoever signs in."""
        return self.exchange and not self.flows and (not self.clients or bool(self.clients & {"all", client.lower()}))

    def effect(self, client: Client) -> Effect:
        """Return what it does to *client* where it covers a sign-in and is on."""
        if not self.controls:
            return "nothing"
        if "block" in self.controls or client in _LEGACY:
            # Whoever shows a password alone can show no second factor and no device.
            return "stops"
        given = [one.lower() in _GIVEN for one in self.controls]
        return "asks" if (any(given) if self.either else all(given)) else "depends"


@dataclass(frozen=True)
class Account:
    """An account of the directory.

    Args:
        id: Its object id.
        name: Its sign-in name.
        enabled: Whether it may sign in; None where that was not read.
        licensed: Whether a licence gives it Exchange; None where that was not read.
        synced: Whether it comes from an on-premises directory.
        guest: Whether it is another organization's.
    """

    id: str
    name: str = ""
    enabled: bool | None = None
    licensed: bool | None = None
    synced: bool = False
    guest: bool = False


@dataclass(frozen=True)
class Change:
    """A change of a policy, from the audit log.

    Args:
        policy: The policy's id.
        at: When.
        by: Who, as the log names them; empty where it does not.
        what: The log's name of what was done.
        excluded: Ids that it added to the policy's exclusions.
    """

    policy: str
    at: datetime
    by: str = ""
    what: str = ""
    excluded: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Conditions:
    """What was read of the directory; None for what was not.

    Args:
        defaults: Whether security defaults are on.
        policies: The Conditional Access policies.
        accounts: By object id: those asked about.
        members: For each group that was read, the ids of its members, nested ones included.
        roles: For each directory role that a policy names, the ids of who holds it.
        names: What groups that were read are called, by id; anybody's text.
        domains: ``Managed`` or ``Federated``, by the domain's name.
        changes: Changes of policies, newest first, as far back as the log remembers.
        coverage: How far the look reached.
    """

    defaults: bool | None = None
    policies: tuple[AccessPolicy, ...] | None = None
    accounts: Mapping[str, Account] | None = None
    members: Mapping[str, frozenset[str]] = field(default_factory=dict)
    roles: Mapping[str, frozenset[str]] | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    domains: Mapping[str, str] | None = None
    changes: tuple[Change, ...] | None = None
    coverage: tuple[Coverage, ...] = ()

    def account(self, account_id: str) -> Account | None:
        """Return an account; None where it was not read or is not there."""
        return (self.accounts or {}).get(account_id.lower())

    def standing(self, account_id: str) -> Hashable:
        """Return what the policies can tell accounts apart by: they treat two of the same standing alike."""
        known, named = self.account(account_id), self._named.get(account_id.lower(), frozenset())
        return bool(account_id), known.guest if known else None, named

    @cached_property
    def _named(self) -> Mapping[str, frozenset[str]]:
        """For each account, the ids by which policies name it: its own, its groups', its roles'."""
        found: dict[str, set[str]] = {}
        own = {each: (each,) for policy in self.policies or () for each in policy.include.users | policy.exclude.users}
        for named, ids in (*own.items(), *self.members.items(), *(self.roles or {}).items()):
            for each in ids:
                found.setdefault(each, set()).add(named)
        return {each: frozenset(named) for each, named in found.items()}

    def federated(self, name: str) -> bool | None:
        """Whether another identity provider looks at the passwords of *name*'s domain."""
        kind = None if self.domains is None else self.domains.get(name.rpartition("@")[2].lower())
        return None if kind is None else kind == "Federated"

    def includes(self, policy: AccessPolicy, account_id: str) -> bool | None:
        """Whether *policy* names the account among those whom it is for; None where that cannot be known."""
        return self._names(policy.include, account_id.lower())

    def excludes(self, policy: AccessPolicy, account_id: str) -> bool | None:
        """Whether *policy* leaves the account out; None where that cannot be known."""
        return self._names(policy.exclude, account_id.lower())

    def left_out(self, policy: AccessPolicy) -> frozenset[str] | None:
        """Return who is in the groups and has the roles that a policy leaves out; None where one was not read."""
        named = policy.exclude
        held = [*map(self.members.get, named.groups), *(map(self.roles.get, named.roles) if self.roles else ())]
        if (named.roles and self.roles is None) or any(self.members.get(each) is None for each in named.groups):
            return None
        return frozenset[str]().union(*(each for each in held if each))

    def excluded_by(self, policy: AccessPolicy, account_id: str) -> str:
        """Return the id on the policy's list of exclusions that leaves the account out; empty where none does."""
        own = account_id.lower()
        ids = sorted(policy.exclude.ids, key=lambda each: (each != own, each))
        return next((each for each in ids if self._holds(each, own)), "")

    def changed(self, policy: AccessPolicy, *, excluding: str = "") -> Change | None:
        """Return the newest change of *policy* that the log remembers, or the one that began to exclude an id."""
        for each in self.changes or ():
            if each.policy == policy.id and (not excluding or excluding in each.excluded):
                return each
        return None

    def _names(self, people: People, account_id: str) -> bool | None:
        if people.everybody or account_id in people.users:
            return True
        if not account_id:  # nobody said whose mailbox it is
            return None if people.ids or people.guests else False
        told = [account_id in self.members[each] if each in self.members else None for each in people.groups]
        if people.roles:
            told += [None if self.roles is None else self._holds(each, account_id) for each in people.roles]
        if people.guests:
            known = self.account(account_id)
            told.append(None if known is None else known.guest)
        return True if True in told else None if None in told else False

    def _holds(self, each: str, account_id: str) -> bool:
        return (
            each == account_id
            or account_id in self.members.get(each, ())
            or account_id in (self.roles or {}).get(each, ())
        )


def of(records: Mapping[str, Any], *, coverage: Sequence[Coverage] = ()) -> Conditions:
    """Return conditions from Graph's records.

    Args:
        records: By name; what was not read is absent or None. ``securityDefaults``: the policy. ``conditionalAccess``,
            ``users``, ``groups``, ``roleAssignments``, ``domains``, ``directoryAudits``: lists. ``groupMembers``: a
            list for each group's id.
        coverage: How far the look reached.
    """
    members = {key.lower(): _ids(each) for key, each in (records.get("groupMembers") or {}).items()}
    return Conditions(
        defaults=_switch(records.get("securityDefaults"), "isEnabled"),
        policies=_listed(records.get("conditionalAccess"), access_policy),
        accounts=_by_id(records.get("users")),
        members=members,
        roles=_roles(records.get("roleAssignments"), members),
        names={str(each.get("id")).lower(): str(each.get("displayName")) for each in _records(records.get("groups"))},
        domains=_domains(records.get("domains")),
        changes=_changes(records.get("directoryAudits")),
        coverage=tuple(coverage),
    )


def access_policy(record: Record) -> AccessPolicy:
    """Return a Conditional Access policy from Graph's ``conditionalAccessPolicy``."""
    conditions = _object(record.get("conditions"))
    users, applications = _object(conditions.get("users")), _object(conditions.get("applications"))
    workloads, grant = _object(conditions.get("clientApplications")), _object(record.get("grantControls"))
    kinds = _words(conditions.get("clientAppTypes"))
    return AccessPolicy(
        id=str(record.get("id") or ""),
        name=str(record.get("displayName") or ""),
        state=str(record.get("state") or ""),
        include=_people(users, "include"),
        exclude=_people(users, "exclude"),
        exchange=_names_exchange(applications),
        clients=frozenset() if "all" in kinds else kinds,
        narrowed=tuple(_narrowed(conditions)),
        flows=_object(conditions.get("authenticationFlows")).get("transferMethods") not in (None, "", "none"),
        controls=tuple(_controls(grant)),
        either=str(grant.get("operator") or "OR").upper() == "OR",
        principals=_words(workloads.get("includeServicePrincipals")),
        spared=_words(workloads.get("excludeServicePrincipals")),
        made_at=_moment(record.get("createdDateTime")),
        changed_at=_moment(record.get("modifiedDateTime")),
    )


def account(record: Record) -> Account:
    """Return an account from Graph's ``user``."""
    return Account(
        id=str(record.get("id") or "").lower(),
        name=str(record.get("userPrincipalName") or ""),
        enabled=_switch(record, "accountEnabled"),
        licensed=_licensed(record),
        synced=record.get("onPremisesSyncEnabled") is True,
        guest=record.get("userType") == "Guest",
    )


def change(record: Record) -> Change | None:
    """Return a change of a policy from Graph's ``directoryAudit``; None where it is none, or cannot be read."""
    target = next((each for each in _records(record.get("targetResources")) if each.get("id")), None)
    at = _moment(record.get("activityDateTime"))
    if target is None or at is None or record.get("result") == "failure":
        return None
    return Change(
        policy=str(target["id"]),
        at=at,
        by=_initiator(_object(record.get("initiatedBy"))),
        what=str(record.get("activityDisplayName") or ""),
        excluded=frozenset(_newly_excluded(target)),
    )


def wanted_groups(policies: Iterable[AccessPolicy]) -> tuple[str, ...]:
    """Return the groups whose members have to be known to say whom *policies* cover for mail."""
    relevant = [each for each in policies if _matters(each)]
    return tuple(sorted({group for each in relevant for group in each.include.groups | each.exclude.groups}))


def wanted_roles(policies: Iterable[AccessPolicy]) -> tuple[str, ...]:
    """Return the directory roles whose holders have to be known for the same."""
    relevant = [each for each in policies if _matters(each)]
    return tuple(sorted({role for each in relevant for role in each.include.roles | each.exclude.roles}))


def owners(assignments: Iterable[Record], roles: Iterable[str]) -> tuple[str, ...]:
    """Return the groups that hold one of *roles*, so that their members do."""
    wanted = set(roles)
    found = {
        str(each.get("principalId")).lower()
        for each in assignments
        if str(each.get("roleDefinitionId")).lower() in wanted and _is_group(each)
    }
    return tuple(sorted(found))


def _matters(policy: AccessPolicy) -> bool:
    return policy.exchange and policy.state != "disabled" and not policy.flows


def _people(users: Record, side: str) -> People:
    named = _words(users.get(f"{side}Users"))
    external = bool(users.get(f"{side}GuestsOrExternalUsers")) or "guestsorexternalusers" in named
    return People(
        everybody="all" in named,
        guests=external,
        users=named - {"all", "none", "guestsorexternalusers"},
        groups=_words(users.get(f"{side}Groups")),
        roles=_words(users.get(f"{side}Roles")),
    )


def _names_exchange(applications: Record) -> bool:
    if _words(applications.get("excludeApplications")) & _EXCHANGE:
        return False
    # Which apps a filter finds depends on attributes that are not read: `narrowed` says so.
    return bool(_words(applications.get("includeApplications")) & _EXCHANGE or applications.get("applicationFilter"))


def _narrowed(conditions: Record) -> Iterator[str]:
    locations, platforms = _object(conditions.get("locations")), _object(conditions.get("platforms"))
    if _words(locations.get("includeLocations")) - {"all"} or _words(locations.get("excludeLocations")):
        yield "locations"
    if _words(platforms.get("includePlatforms")) - {"all"} or _words(platforms.get("excludePlatforms")):
        yield "platforms"
    for name in ("userRiskLevels", "signInRiskLevels", "servicePrincipalRiskLevels", "insiderRiskLevels"):
        if conditions.get(name):
            yield "risk"
    if any(_object(conditions.get("devices")).values()):
        yield "devices"
    if _object(conditions.get("applications")).get("applicationFilter"):
        yield "a filter of apps"


def _controls(grant: Record) -> Iterator[str]:
    yield from (str(each).strip() for each in grant.get("builtInControls") or ())
    if grant.get("authenticationStrength"):
        yield "authentication strength"
    if grant.get("termsOfUse"):
        yield "terms of use"
    yield from (f"custom: {each}" for each in grant.get("customAuthenticationFactors") or ())


def _licensed(record: Record) -> bool | None:
    plans = record.get("assignedPlans")
    if plans is None:
        return None
    return any(
        each.get("service") == "exchange" and each.get("capabilityStatus") in ("Enabled", "Warning")
        for each in _records(plans)
    )


def _roles(assignments: object, members: Mapping[str, frozenset[str]]) -> Mapping[str, frozenset[str]] | None:
    if assignments is None:
        return None
    held: dict[str, set[str]] = {}
    for each in _records(assignments):
        principal = str(each.get("principalId")).lower()
        held.setdefault(str(each.get("roleDefinitionId")).lower(), set()).update(
            {principal}, members.get(principal, ())
        )
    return {role: frozenset(ids) for role, ids in held.items()}


def _is_group(assignment: Record) -> bool:
    return str(_object(assignment.get("principal")).get("@odata.type")).lower() == "#microsoft.graph.group"


def _domains(records: object) -> Mapping[str, str] | None:
    if records is None:
        return None
    return {str(each.get("id")).lower(): str(each.get("authenticationType") or "") for each in _records(records)}


def _changes(records: object) -> tuple[Change, ...] | None:
    if records is None:
        return None
    found = [each for record in _records(records) if (each := change(record))]
    return tuple(sorted(found, key=lambda each: each.at, reverse=True))


def _initiator(record: Record) -> str:
    person, app = _object(record.get("user")), _object(record.get("app"))
    return str(person.get("userPrincipalName") or person.get("id") or app.get("displayName") or app.get("appId") or "")


def _newly_excluded(target: Record) -> Iterator[str]:
    for each in _records(target.get("modifiedProperties")):
        before, after = (_excluded(each.get(name)) for name in ("oldValue", "newValue"))
        yield from after - before


def _excluded(value: object) -> frozenset[str]:
    """Return whom a policy excluded, from the JSON text that the log keeps of it; nobody where it is no policy."""
    with suppress(ValueError, TypeError):
        held = json.loads(str(value))
        if isinstance(held, Mapping):
            return _people(_object(_object(held.get("conditions")).get("users")), "exclude").ids
    return frozenset()


def _by_id(records: object) -> Mapping[str, Account] | None:
    return None if records is None else {each.id: each for each in map(account, _records(records))}


def _listed(records: object, made: Any) -> tuple[Any, ...] | None:
    return None if records is None else tuple(map(made, _records(records)))


def _ids(records: object) -> frozenset[str]:
    return frozenset(str(each.get("id")).lower() for each in _records(records))


def _records(value: object) -> list[Record]:
    return [each for each in value if isinstance(each, Mapping)] if isinstance(value, list | tuple) else []


def _switch(record: object, name: str) -> bool | None:
    value = record.get(name) if isinstance(record, Mapping) else None
    return value if isinstance(value, bool) else None


def _words(value: object) -> frozenset[str]:
    return frozenset(str(each).lower() for each in value) if isinstance(value, list | tuple) else frozenset()


def _object(value: object) -> Record:
    return value if isinstance(value, Mapping) else {}


def _moment(value: object) -> datetime | None:
    with suppress(ValueError):
        moment = datetime.fromisoformat(str(value))
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None
