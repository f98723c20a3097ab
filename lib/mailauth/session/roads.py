"""The roads into the tenants of a file: who signs in, what that may do, how long, and what is missing. Reads only."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import checks, roads
from ..actors import Actor
from ..checks import Check
from ..errors import MailauthError
from ..grants import Consents
from ..roads import Relation, Road
from ..services import identity, relations
from .tenancy import Tenancy

if TYPE_CHECKING:
    from . import Run

__all__ = ["Way", "known", "road", "ways"]

# Each tenant waits for the network most of the time.
_AT_ONCE = 8


@dataclass(frozen=True)
class Way:
    """A tenant's road, with its consent.

    Args:
        road: The road.
        consent: What the tenant's mail apps need and hold; None where the road leads nowhere.
        links: The simplest link for each mail app that lacks something.
    """

    road: Road
    consent: Consents | None = None
    links: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether neither road nor consent lacks anything."""
        return self.road.open and self.consent is not None and checks.worst(self.consent.checks) == "ok"


def known(tenancy: Tenancy) -> tuple[tuple[Relation, ...] | None, Check | None]:
    """Return the relationships of the partner's tenant, and why they could not be read; both None without a partner."""
    configuration = tenancy.configuration
    if not configuration.partner:
        return None, None
    partner = configuration.tenant(configuration.partner)
    try:
        credential = Tenancy(configuration, partner, tenancy.folder, tenancy.tell).reader()
        return relations.read(partner.cloud, credential), None
    except MailauthError as error:
        return None, Check("relationships", "cannot know", error.message, error.remedy)


def road(
    run: "Run", found: Sequence[Relation] | None = None, *, unread: Check | None = None, sources: Sequence[Check] = ()
) -> Road:
    """Return the road into one tenant; five questions to its directory.

    Args:
        run: The tenant, opened.
        found: The partner's relationships.
        unread: Why those could not be read.
        sources: What came of asking where the tenant's sign-ins are.
    """
    actor, refused = _actor(run)
    made = roads.assess(
        run.tenant,
        now=run.now(),
        actor=actor,
        refused=refused,
        known=found,
        partner=run.tenant.name == run.configuration.partner,
        sources=sources,
    )
    return made if unread is None else Road(**{**vars(made), "checks": (*made.checks, unread)})


def ways(runs: Sequence["Run"]) -> Iterator[Way]:
    """Yield the way into each tenant, in order, as it becomes known; what one lacks costs no other."""
    if not runs:
        return
    found, unread = known(runs[0])
    people = any(run.tenant.admin and run.tenant.admin.flow in identity.PEOPLE for run in runs)
    # One person cannot answer several browser windows at once.
    with ThreadPoolExecutor(1 if people else _AT_ONCE, thread_name_prefix="roads") as pool:
        yield from pool.map(lambda run: _way(run, found, unread), runs)


def _way(run: "Run", found: Sequence[Relation] | None, unread: Check | None) -> Way:
    if run.tenant.admin is None:
        return Way(road(run, found, unread=unread))
    sources = [check for check in run.preflight() if check.name.startswith("sign-in logs")]
    state = run.consents.look()
    lacking = {each.name for each in state.apps if any(each.name in check.name for check in _missing(state))}
    links = tuple(each.links[0].url for each in run.consents.links(state) if each.app in lacking)
    return Way(road(run, found, unread=unread, sources=sources), state, links)


def _missing(state: Consents) -> list[Check]:
    return [check for check in state.checks if check.outcome != "ok"]


def _actor(run: "Run") -> tuple[Actor | None, Check | None]:
    if run.tenant.admin is None:
        return None, None
    try:
        actor = run.signing_in.reader()
    except MailauthError as error:
        return None, Check("sign-in", "wrong", error.message, error.remedy)
    dead = [each for each in actor.coverage if each.state == "unknown"]
    if actor.coverage and len(dead) == len(actor.coverage):
        return None, Check("sign-in", "wrong", dead[0].reason, dead[0].remedy)
    return actor, None
