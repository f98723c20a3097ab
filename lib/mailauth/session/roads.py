"""The roads into the tenants of a file: who signs in, what that may do, how long, and what is missing. Reads only."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import checks
from ..checks import Check
from ..grants import Consents
from ..roads import Relation, Road
from ..tenants import PEOPLE

if TYPE_CHECKING:
    from . import Run

__all__ = ["Way", "ways"]

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


def ways(runs: Sequence["Run"]) -> Iterator[Way]:
    """Yield the way into each tenant, in order, as it becomes known; what one lacks costs no other."""
    if not runs:
        return
    known = runs[0].signing_in.relationships()
    people = any(run.tenant.admin and run.tenant.admin.flow in PEOPLE for run in runs)
    # One person cannot answer several browser windows at once.
    with ThreadPoolExecutor(1 if people else _AT_ONCE, thread_name_prefix="roads") as pool:
        yield from pool.map(lambda run: _way(run, known), runs)


def _way(run: "Run", known: tuple[Sequence[Relation] | None, Check | None]) -> Way:
    if run.tenant.admin is None:
        return Way(run.signing_in.road(known))
    sources = [check for check in run.preflight() if check.name.startswith("sign-in logs")]
    state = run.consents.look()
    lacking = {each.name for each in state.apps if any(each.name in check.name for check in _missing(state))}
    links = tuple(each.links[0].url for each in run.consents.links(state) if each.app in lacking)
    return Way(run.signing_in.road(known, sources=sources), state, links)


def _missing(state: Consents) -> list[Check]:
    return [check for check in state.checks if check.outcome != "ok"]
