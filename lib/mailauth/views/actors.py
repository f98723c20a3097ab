"""As whom a notebook acts, at the head of everything that it is about to change."""

from collections.abc import Sequence

from ..actors import Actor
from ..checks import Check
from . import listings
from .markup import Stack
from .tables import Callout, Table

__all__ = ["acting"]


def acting(actor: Actor | None, lacking: Sequence[Check] = ()) -> Stack:
    """Return who acts, in which tenant, with which roles; and what is missing for it.

    Args:
        actor: Who; None where nobody was asked.
        lacking: What `actors.missing` returned.
    """
    if actor is None:
        return Stack([Callout("info", "Nobody was asked", ["Nothing is applied, or nobody is configured for it."])])
    who = "A person" if actor.kind == "person" else "An app, as itself"
    rows = [
        ("As", (actor.name, who)),
        ("In", (actor.tenant or "its name could not be read", actor.tenant_id)),
        ("Through the app", actor.client_id or "the machine's own identity"),
        ("Directory roles", _listed(actor.roles, "could not be read")),
        ("Lets the app" if actor.kind == "person" else "Permissions", _listed(actor.graph, "not known yet")),
    ]
    table = Table(("What", "Now"), rows, "As whom this acts")
    return Stack([table, listings.checks(lacking, caption="What is missing for this")] if lacking else [table])


def _listed(found: Sequence[str] | frozenset[str] | None, unknown: str) -> list[str] | str:
    if found is None:
        return unknown
    return sorted(found) or "none"
