"""The road into a tenant, and those into all of them, with what is missing and the text that asks for it."""

from collections.abc import Sequence
from typing import Protocol

from .. import checks, letters
from ..grants import Consents
from ..roads import Road
from . import listings
from .markup import Badge, Cell, Stack
from .tables import Code, Table

__all__ = ["Way", "fleet", "requests", "road"]


class Way(Protocol):
    """What `fleet` needs of a tenant: its road, its consent, and the links that ask for what is missing."""

    @property
    def road(self) -> Road: ...
    @property
    def consent(self) -> Consents | None: ...
    @property
    def links(self) -> tuple[str, ...]: ...


def road(found: Road) -> Stack:
    """Return one tenant's road: as whom, by which way, until when; and what is missing."""
    return Stack([_roads([found]), listings.checks(found.checks, caption="What the road needs")])


def _roads(found: Sequence[Road]) -> Table:
    rows = [(each.tenant, each.kind, _who(each), _ends(each), _state(each)) for each in found]
    return Table(("Tenant", "Road", "As", "Relationship", "State"), rows, "The road into the tenant")


def fleet(found: Sequence[Way]) -> Table:
    """Return all tenants, one a row."""
    columns = ("Tenant", "Road", "As", "Relationship", "Road's state", "Consent")
    rows = [
        (each.road.tenant, each.road.kind, _who(each.road), _ends(each.road), _state(each.road), _consent(each))
        for each in found
    ]
    return Table(columns, rows, "Roads into the tenants")


def requests(found: Way) -> Stack:
    """Return the mail that asks a customer's administrator for what is missing; nothing where nothing is."""
    lacking = (*found.road.checks, *(found.consent.checks if found.consent else ()))
    text = letters.to_administrator(lacking, tenant=found.road.tenant, links=found.links)
    return Stack([Code(f"What to ask for in {found.road.tenant}", text)] if text else [])


def _who(each: Road) -> Cell:
    if each.actor is None:
        return Badge("nobody", "quiet")
    return (each.actor.name, ", ".join(each.actor.roles or ()) or "no directory role")


def _ends(each: Road) -> Cell:
    if each.relation is None:
        return "none known"
    ends = f"until {each.relation.ends:%Y-%m-%d}" if each.relation.ends else "without a known end"
    return (f"{each.relation.status}, {ends}", ", ".join(each.relation.roles))


def _state(each: Road) -> Badge:
    lacking = [check for check in each.checks if check.outcome != "ok"]
    return Badge(f"{len(lacking)} missing", "warn") if lacking else Badge("open", "ok")


def _consent(each: Way) -> Cell:
    if each.consent is None:
        return Badge("not read", "quiet")
    if not each.consent.apps:
        return Badge("no mail app", "quiet")
    lacking = sum(check.outcome != "ok" for check in each.consent.checks)
    fine = checks.worst(each.consent.checks) == "ok"
    return Badge("complete", "ok") if fine else Badge(f"{lacking} missing", "warn")
