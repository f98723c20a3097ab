"""The road into a customer's tenant: who signs in there, what they may do, how long, and what is missing for it.

Whoever looks after many tenants has up to three roads into each: an account of the customer's own, a delegated admin
relationship (GDAP), or an app that acts as itself. GDAP reaches Entra and Exchange, not a Log Analytics workspace: that
is Azure's, with roles of its own. Relationships: learn.microsoft.com/graph/api/resources/delegatedadminrelationship.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

from .actors import Actor
from .checks import Check, worst
from .tenants import PEOPLE, Tenant
from .wording import counted

__all__ = ["NEEDS", "PATH", "Kind", "Relation", "Road", "access_ends", "assess", "names", "relations", "shared"]

Kind = Literal["own admin", "GDAP", "app-only", "none"]

PATH: Final = "/v1.0/tenantRelationships/delegatedAdminRelationships"
"""Where a partner's own tenant shows its relationships."""

NEEDS: Final = "reading delegated admin relationships needs DelegatedAdminRelationship.Read.All in the partner's tenant"

_SOON: Final = timedelta(days=60)
_LIVE: Final = ("active", "expiring")
_EXTENDS: Final = ("", "PT0S", "P0D")
_READS_EXCHANGE: Final = frozenset({"Global Reader", "Exchange Administrator", "Global Administrator"})
_READS: Final = frozenset({"Global Reader", "Security Reader", "Global Administrator"})
# Directory roles by the ids of their templates, the same in every tenant; those that mail has to do with.
_TEMPLATES: Final[Mapping[str, str]] = {
    "62e90394-69f5-4237-9190-012177145e10": "Global Administrator",
    "f2ef992c-3afb-46b9-b7cf-a126ee74c451": "Global Reader",
    "29232cdf-9323-42fd-ade2-1d097af3e4de": "Exchange Administrator",
    "158c047a-c907-4556-b7ef-446551a6b5f7": "Cloud Application Administrator",
    "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3": "Application Administrator",
    "5d6b6bb7-de71-4623-b4af-96380a352509": "Security Reader",
    "4a5d8f65-41da-4de4-8968-e035b65339cf": "Reports Reader",
}


@dataclass(frozen=True)
class Relation:
    """A delegated admin relationship, as the partner's tenant shows it.

    Args:
        name: What it is called.
        customer_id: The customer's directory.
        customer: What the customer is called.
        status: As Graph says it: ``active``, ``expiring``, ``approvalPending``, ``expired``, …
        ends: When it ends; None where that is not said.
        roles: The directory roles that it carries, by name, or by id where the name is not known here. They count for
            members of the partner's groups that were assigned to it.
        extends: Whether it is extended by itself when it ends.
    """

    name: str
    customer_id: str
    customer: str
    status: str
    ends: datetime | None
    roles: tuple[str, ...]
    extends: bool = False


@dataclass(frozen=True)
class Road:
    """The road into one tenant.

    Args:
        tenant: The tenant's name in the tenants file.
        tenant_id: Its directory.
        kind: Which road.
        actor: As whom; None where nobody could sign in.
        relation: The relationship with it; None where there is none, or none was looked for.
        checks: What was looked at; each that is not ok with the request to send.
    """

    tenant: str
    tenant_id: str
    kind: Kind
    actor: Actor | None
    relation: Relation | None
    checks: tuple[Check, ...]

    @property
    def open(self) -> bool:
        """Whether nothing is missing."""
        return worst(self.checks) == "ok"


def relations(records: Iterable[Mapping[str, Any]]) -> tuple[Relation, ...]:
    """Return Graph's records, the one that ends last first."""
    found = [_relation(record) for record in records]
    return tuple(sorted(found, key=lambda each: each.ends.timestamp() if each.ends else 0, reverse=True))


def names(role_ids: Iterable[str]) -> tuple[str, ...]:
    """Return directory roles by name; an id that is not known here stays."""
    return tuple(sorted(_TEMPLATES.get(each.lower(), each) for each in role_ids))


def assess(
    tenant: Tenant,
    *,
    now: datetime,
    actor: Actor | None = None,
    refused: Sequence[Check] = (),
    known: Sequence[Relation] | None = None,
    partner: bool = False,
    sources: Sequence[Check] = (),
) -> Road:
    """Return the road into *tenant*.

    Args:
        tenant: The tenant.
        now: The clock.
        actor: As whom it is read; None where nobody could sign in.
        refused: Why nobody could, or why the relationships could not be read.
        known: The partner's relationships; None where they could not be read, or no partner is named.
        partner: Whether it is the partner's own tenant.
        sources: What came of asking where its sign-ins are kept.
    """
    relation = next((each for each in known or () if each.customer_id.lower() == tenant.tenant_id.lower()), None)
    kind = _kind(tenant, relation)
    checks = (
        *refused,
        *_signs_in(tenant),
        *_related(relation, kind, now, partner=partner),
        *(_actor(actor) if actor else ()),
        *_sources(sources, kind),
    )
    return Road(tenant.name, tenant.tenant_id, kind, actor, relation, checks)


def shared(tenants: Sequence[Tenant]) -> tuple[Check, ...]:
    """Return what several tenants have in common, and what whoever stole it would reach."""
    apps: dict[str, list[str]] = defaultdict(list)
    keys: dict[str, list[str]] = defaultdict(list)
    for tenant in tenants:
        signs_in = [each for each in (tenant.admin, tenant.operator) if each]
        ids = {*(each.client_id for each in signs_in), *(app.client_id for app in tenant.mail_apps)} - {""}
        held = [ref for each in signs_in for ref in (each.certificate, each.secret)]
        held += [ref for app in tenant.mail_apps for flow in app.flows for ref in (flow.certificate, flow.secret)]
        refs = {str(ref) for ref in held if ref}
        for client_id in ids:
            apps[client_id].append(tenant.name)
        for ref in refs:
            keys[ref].append(tenant.name)
    return (*_one_app(apps), *_one_key(keys))


def _one_app(apps: Mapping[str, Sequence[str]]) -> Iterator[Check]:
    for client_id, where in apps.items():
        if len(where) > 1:
            said = f"one app serves {counted(len(where), 'tenant')}: whoever can change it reaches them all"
            yield Check(f"app {client_id}", "ok", said, _CHAIN)


def _one_key(keys: Mapping[str, Sequence[str]]) -> Iterator[Check]:
    for ref, where in keys.items():
        if len(where) > 1:
            said = f"one credential opens {counted(len(where), 'tenant')}: {', '.join(where)}"
            yield Check(ref, "wrong", said, _CHAIN)


_CHAIN: Final = (
    "Prefer a federated credential, which cannot be copied, and keep the app's owners few; a certificate for each "
    "customer where a contract asks for it."
)


def _relation(record: Mapping[str, Any]) -> Relation:
    customer = record.get("customer") or {}
    access = (record.get("accessDetails") or {}).get("unifiedRoles") or ()
    return Relation(
        name=str(record.get("displayName") or ""),
        customer_id=str(customer.get("tenantId") or ""),
        customer=str(customer.get("displayName") or ""),
        status=str(record.get("status") or ""),
        ends=_moment(record.get("endDateTime")),
        roles=names(str(each.get("roleDefinitionId") or "") for each in access),
        extends=str(record.get("autoExtendDuration") or "") not in _EXTENDS,
    )


def _moment(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else None


def _kind(tenant: Tenant, relation: Relation | None) -> Kind:
    if tenant.admin is None:
        return "none"
    if tenant.admin.flow not in PEOPLE:
        return "app-only"
    return "GDAP" if relation and relation.status in _LIVE else "own admin"


def _signs_in(tenant: Tenant) -> Iterator[Check]:
    if tenant.admin is None:
        remedy = "Add admin: to the tenant; `mailauth runbook-app` makes the app that it signs in with."
        yield Check("who reads", "not configured", "nobody signs in", remedy)
    elif tenant.admin.client_id and tenant.operator and tenant.admin.client_id == tenant.operator.client_id:
        remedy = "Let another app change it: `mailauth runbook-app` makes two."
        yield Check("who changes", "wrong", "the same app reads and changes", remedy)


def _related(relation: Relation | None, kind: Kind, now: datetime, *, partner: bool) -> Iterator[Check]:
    if partner or relation is None:
        return
    name = f"relationship {relation.name}"
    if relation.status not in _LIVE:
        remedy = f'Ask the customer\'s Global Administrator: "Please approve the relationship {relation.name}."'
        yield Check(name, "wrong", f"it is {relation.status or 'in an unknown state'}", remedy)
    elif relation.ends is None:
        yield Check(name, "cannot know", "when it ends is not said", "Look in Partner Center.")
    elif relation.ends - now < _SOON and not relation.extends:
        remedy = (
            "Request a new one in Partner Center now, and ask the customer's Global Administrator: \"Please approve "
            f'our new relationship before {relation.ends:%d %B %Y}; with the old one ends our access."'
        )
        left = counted(max((relation.ends.date() - now.date()).days, 0), "day")
        yield Check(name, "wrong", f"it ends on {relation.ends:%d %B %Y}, in {left}", remedy)
    else:
        yield Check(name, "ok", f"until {relation.ends:%d %B %Y}, with {', '.join(relation.roles) or 'no role'}")
    if kind == "GDAP":
        yield from _carries(relation)


def access_ends(name: str, found: str) -> date | None:
    """Return the day on which a checkpoint of a road says that our access ends; None where it says none.

    Args:
        name: The checkpoint's name.
        found: What it found, as this module writes it.
    """
    said = _ENDS.match(found) if name.startswith("relationship ") else None
    return datetime.strptime(f"{said[1]} +0000", "%d %B %Y %z").date() if said else None


_MONTHS: Final = "January|February|March|April|May|June|July|August|September|October|November|December"
_ENDS: Final = re.compile(rf"it ends on (\d\d (?:{_MONTHS}) \d{{4}}), in ")


def _carries(relation: Relation) -> Iterator[Check]:
    for wanted, what in ((_READS_EXCHANGE, "Exchange Administrator"), (_READS, "Global Reader")):
        if not wanted & set(relation.roles):
            remedy = (
                f"A relationship's roles cannot be changed: request a new one that carries {what}, and ask the "
                'customer\'s Global Administrator: "Please approve it."'
            )
            yield Check(f"role {what}", "wrong", f"{relation.name} does not carry it", remedy)


def _actor(actor: Actor) -> Iterator[Check]:
    if actor.kind == "app" and actor.graph is not None and "Exchange.ManageAsApp" not in actor.graph:
        remedy = (
            f'Ask a Global Administrator: "Please consent to Exchange.ManageAsApp of Office 365 Exchange Online for '
            f'the app {actor.name} ({actor.client_id})."'
        )
        yield Check("permission Exchange.ManageAsApp", "wrong", f"{actor} does not hold it", remedy)
    if actor.roles is None:
        yield Check(
            "role in Exchange", "cannot know", f"the roles of {actor} could not be read", "Its coverage says why."
        )
    elif not _READS_EXCHANGE & set(actor.roles):
        remedy = (
            f'Ask a Privileged Role Administrator: "Please give {actor.name} the role Global Reader." To change '
            "something, whoever does needs Exchange Administrator."
        )
        held = ", ".join(actor.roles) or "none"
        yield Check("role in Exchange", "wrong", f"{actor} holds {held}", remedy)
    else:
        yield Check("role in Exchange", "ok", ", ".join(actor.roles))


def _sources(sources: Sequence[Check], kind: Kind) -> Iterator[Check]:
    for check in sources:
        if kind == "GDAP" and "workspace" in check.name and check.outcome != "ok":
            remedy = (
                "GDAP does not reach a workspace: it is Azure's. Ask the customer's owner of the subscription: "
                '"Please give us Log Analytics Reader on the workspace, by Azure Lighthouse or for our guest account."'
            )
            yield Check(check.name, check.outcome, check.found, remedy)
        else:
            yield check
