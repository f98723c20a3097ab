"""As whom a notebook acts in a tenant, and what that account or app lacks for a plan, before anything is tried.

For a person two things have to come together: what the app was let do for them (scopes, which the sign-in asks for),
and what they may do themselves (directory roles, role groups of Exchange). An app has its permissions alone, and a
role in Exchange.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from . import cmdlets
from .checks import Check
from .cmdlets import Available
from .coverage import Coverage
from .plan import Plan

__all__ = ["READS", "Actor", "covers", "missing", "roles_for"]

READS: Final = "saying who acts needs Directory.Read.All"
"""What reading an actor needs, as the end of a sentence."""

_EVERYTHING: Final = "Global Administrator"
_OF_APPS: Final = ("Cloud Application Administrator", "Application Administrator", _EVERYTHING)
# What a person has to be for what the permission lets an app do in their name, the least first.
_ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "Application.ReadWrite.All": _OF_APPS,
    "AppRoleAssignment.ReadWrite.All": _OF_APPS,
    "DelegatedPermissionGrant.ReadWrite.All": _OF_APPS,
    "Policy.ReadWrite.ApplicationConfiguration": _OF_APPS,
    "Policy.ReadWrite.ConditionalAccess": ("Conditional Access Administrator", "Security Administrator", _EVERYTHING),
    "AuditLog.Read.All": ("Reports Reader", "Security Reader", "Global Reader", _EVERYTHING),
}
# Permissions have a dot and no blank; the rest of a plan's needs are roles.
_PERMISSION: Final = re.compile(r"[A-Za-z-]+(\.[A-Za-z-]+)+")


@dataclass(frozen=True)
class Actor:
    """Who acts, as the tenant says.

    Args:
        name: The person's sign-in name, or what the app is called.
        kind: ``person``, or an ``app`` that acts as itself.
        client_id: The app that is signed in to, or signs in.
        tenant_id: The directory.
        tenant: What it is called there; empty where that was not read.
        roles: The directory roles it holds; None where that could not be read. A role that is only eligible (PIM) is
            none until it is activated.
        graph: For a person the scopes of Graph that the sign-in brought, for an app its permissions; None where not
            read.
        coverage: What was looked at.
    """

    name: str
    kind: Literal["person", "app"]
    client_id: str
    tenant_id: str
    tenant: str = ""
    roles: tuple[str, ...] | None = None
    graph: frozenset[str] | None = None
    coverage: tuple[Coverage, ...] = ()

    def __str__(self) -> str:
        what = "" if self.kind == "person" else "the app "
        return f"{what}{self.name} in {self.tenant or self.tenant_id}"


def covers(held: Iterable[str], needed: str) -> bool:
    """Whether one of the permissions *held* lets do what *needed* does: writing includes reading."""
    return not {needed, needed.replace(".Read.", ".ReadWrite.")}.isdisjoint(held)


def roles_for(permission: str) -> tuple[str, ...]:
    """Return the directory roles of which a person needs one for a permission, the least first; none if any will do."""
    return _ROLES.get(permission, ())


def missing(plan: Plan, actor: Actor, available: Sequence[Available] = ()) -> tuple[Check, ...]:
    """Return what the actor lacks for *plan*, each with the request to send; one ok where nothing is missing.

    Args:
        plan: What is to be carried out.
        actor: Who would do it.
        available: What Exchange says of the plan's cmdlets; none where it was not asked, and then the directory roles
            have to tell.
    """
    found = (*_graph(plan, actor), *_exchange(plan, actor, available))
    if found or not plan.steps:
        return found
    return (Check("permissions and roles", "ok", f"{actor} has all that the plan needs"),)


def _graph(plan: Plan, actor: Actor) -> Iterator[Check]:
    needs = [need for need in plan.needs("graph") if _PERMISSION.fullmatch(need)]
    # A person is asked for scopes when the plan is applied: what a sign-in has not brought yet is not missing.
    if actor.kind == "app" and needs:
        yield from _permissions(needs, actor)
    if actor.kind == "person":
        yield from _directory(needs, actor)


def _permissions(needs: list[str], actor: Actor) -> Iterator[Check]:
    if actor.graph is None:
        yield Check("permissions of Graph", "cannot know", f"what {actor} holds could not be read", _TRIED)
        return
    for need in needs:
        if not covers(actor.graph, need):
            remedy = (
                f'Ask a Privileged Role Administrator: "Please give the app {actor.name} ({actor.client_id}) the '
                f'application permission {need} of Microsoft Graph, and consent to it for the tenant."'
            )
            yield Check(f"permission {need}", "wrong", f"{actor} does not hold it", remedy)


def _directory(needs: list[str], actor: Actor) -> Iterator[Check]:
    wanted = dict.fromkeys(roles for need in needs if (roles := roles_for(need)))
    for roles in wanted:
        if actor.roles is None:
            yield Check("directory roles", "cannot know", f"what {actor} holds could not be read", _TRIED)
            return
        if not set(actor.roles) & set(roles):
            held = ", ".join(actor.roles) or "none"
            remedy = (
                f'Activate it if it is yours to activate (PIM), or ask a Global Administrator: "Please give '
                f'{actor.name} the role {roles[0]}, for a day." Sign in again afterwards.'
            )
            yield Check(f"role {roles[0]}", "wrong", f"{actor} holds {held}", remedy)


def _exchange(plan: Plan, actor: Actor, available: Sequence[Available]) -> Iterator[Check]:
    told = [each.check() for each in available]
    yield from (check for check in told if check.outcome != "ok")
    needs = [] if told else plan.needs("exchange")
    if needs and actor.roles is None:
        yield Check("roles in Exchange", "cannot know", f"what {actor} holds could not be read", _TRIED)
        return
    for need in needs:
        group = next(iter(cmdlets.role_groups(need)), "")
        entra = [role for each in cmdlets.role_groups(need) for role in cmdlets.entra_roles(each)]
        if not set(entra) & set(actor.roles or ()):
            asked = f"the role {entra[0]}" if entra else f"the management role {need} in Exchange"
            inside = f", or the role group {group} in Exchange" if group else ""
            remedy = (
                f'If it holds no role group in Exchange either, ask an administrator: "Please give {actor.name} {asked}'
                f'{inside}." It counts within an hour; sign in again then.'
            )
            yield Check(f"role {need} in Exchange", "cannot know", f"no directory role of {actor} has it", remedy)


_TRIED: Final = "The coverage says why. Applying names it where something is refused, and keeps what was done."
