"""Consent without a click: what would be granted through Microsoft Graph, and what would be taken back, as a plan.

A grant that is made directly adds to what is there; a link takes the place of it. There is one grant of delegated
permissions per app, resource and person (or everybody), so a grant that exists is read, merged and written whole.
Calls: learn.microsoft.com/graph/api/oauth2permissiongrant-post and /serviceprincipal-post-approleassignedto.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from . import mailclients, permissions
from .checks import Check
from .grants import AppConsent, Consents, Held, Scopes
from .mailclients import MailClient
from .permissions import Kind, Offer, Resource
from .plan import GraphCall, Look, Plan, Ref, Step, Value
from .tenants import Tenant
from .wording import called

__all__ = ["Wanted", "plan"]

_ASSIGN: Final = "AppRoleAssignment.ReadWrite.All"
_DELEGATE: Final = "DelegatedPermissionGrant.ReadWrite.All"
_CREATE: Final = "Application.ReadWrite.All"

_SEND_AS_APP: Final = "SMTP.SendAsApp"
# Without it a program has to ask for the person again whenever its token ends.
_STAY: Final = "offline_access"
_SCOPES: Final[Mapping[str, str]] = {
    **{each.protocol: each.value for each in permissions.known() if each.kind == "scope" and each.protocol},
    "eas": "EAS.AccessAsUser.All",
}
_LAG: Final = timedelta(minutes=5)
_TOKENS: Final = "A token that was issued meanwhile stays good until it ends, 60 to 90 minutes after it was issued."
# By this tag the portal lists it among the enterprise applications.
_SHOWN: Final = "WindowsAzureActiveDirectoryIntegratedApp"
_OPENS: Final = (
    f"Whoever holds {_ASSIGN} or {_CREATE} can let any app open every mailbox: ask for them for this plan only, and "
    "sign out afterwards."
)
_ROLES: Final = (
    "Cloud Application Administrator is enough for all but Microsoft Graph's own app roles, which take Privileged Role "
    "Administrator."
)


@dataclass(frozen=True)
class Wanted:
    """What is to be granted beside what the flows in the tenants file need, and what is to be taken back.

    Args:
        people: Names by object id of those who alone are to use the apps; none means everybody.
        clients: Well-known mail programs that everybody is to use, by name or application id.
        remove: The names of permissions to take back from the mail apps, such as ``full_access_as_app``.
    """

    people: Mapping[str, str] = field(default_factory=dict)
    clients: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


def plan(tenant: Tenant, state: Consents, wanted: Wanted | None = None, *, id: str, now: datetime) -> Plan:
    """Return the plan that grants what the tenant's mail apps lack.

    Nothing that is held is taken back but what *wanted* names, and ``SMTP.SendAsApp`` where the tenants file says that
    the app sends by a role in Exchange.

    Args:
        tenant: The tenant.
        state: Its consent, as it was just looked at.
        wanted: What else.
        id: The id of the plan.
        now: The clock.
    """
    asked = wanted or Wanted()
    offers = {each.resource: each for each in state.found.offers}
    parts = [
        *(_of_app(app, state, offers, asked, id) for app in state.apps if app.client_id),
        *(_of_client(app_id, state, offers, id) for app_id in dict.fromkeys(asked.clients)),
    ]
    steps = tuple(step for part in parts for step in part.steps)
    checks = [check for part in parts for check in part.checks]
    return Plan.of(
        tenant,
        id=id,
        title=f"Consent for mail in {tenant.name}",
        now=now,
        steps=steps,
        checks=(*_odd(state), *_who(steps), *checks, *_not_held(asked.remove, state)),
    )


@dataclass(frozen=True)
class _Part:
    steps: tuple[Step, ...] = ()
    checks: tuple[Check, ...] = ()


@dataclass(frozen=True)
class _Client:
    """An app as one that is granted something.

    Args:
        name: What it is called.
        app_id: Its application id.
        held: What it holds.
        plan_id: The plan, which what is made is marked with.
    """

    name: str
    app_id: str
    held: Held
    plan_id: str

    @property
    def principal(self) -> str | Ref:
        """The object id of its enterprise application, which may be yet to be made."""
        return self.held.enterprise.object_id if self.held.enterprise else Ref(f"enterprise.{self.app_id}")

    def on(self, offer: Offer, user_id: str) -> Scopes | None:
        """Return its grant on a resource for somebody; None where there is none."""
        return next(
            (
                each
                for each in self.held.scopes
                if (each.resource_id, each.user_id.lower()) == (offer.object_id, user_id.lower())
            ),
            None,
        )


def _odd(state: Consents) -> Iterator[Check]:
    """Yield that the tenant's ids are not the known ones, where that is so; the tenant's are used all the same."""
    check = permissions.check(state.found.offers)
    if check.outcome == "wrong":
        yield check


def _who(steps: Sequence[Step]) -> Iterator[Check]:
    if steps:
        needed = ", ".join(dict.fromkeys(need for step in steps for need in step.needs))
        yield Check("who can apply this", "ok", f"an administrator of apps with {needed}. {_ROLES}", _OPENS)


def _not_held(remove: Iterable[str], state: Consents) -> Iterator[Check]:
    held = {value for app in state.apps for _, value in _excess(state.found.held.get(app.client_id) or Held(), state)}
    for value in remove:
        if value not in held:
            yield Check(value, "ok", "no mail app holds it, so there is nothing to take back")


# The tenant's own apps.


def _of_app(app: AppConsent, state: Consents, offers: Mapping[Resource, Offer], wanted: Wanted, plan_id: str) -> _Part:
    held = state.found.held.get(app.client_id)
    if held is None or len(offers) < len(permissions.APP_IDS):
        remedy = "The coverage says why; nothing is planned on what is not known."
        return _Part(checks=(Check(app.name, "cannot know", "its consent could not be read", remedy),))
    client = _Client(app.name, app.client_id, held, plan_id)
    scopes, roles = (_lacking(app, kind, wanted) for kind in _KINDS)
    remove = _removed(app, held, state, wanted)
    steps = [
        *_scope_steps(client, offers, scopes, wanted.people, {value for kind, value in remove if kind == "scope"}),
        *_role_steps(client, offers["exchange"], roles),
        *_removals(client, tuple(offers.values()), [value for kind, value in remove if kind == "role"]),
    ]
    checks = [*_missing(client, offers, scopes, roles), *_left(app, held, state, remove)]
    return _Part((*_entry(client, needed=bool(steps)), *steps), tuple(checks))


_KINDS: Final[tuple[Kind, ...]] = ("scope", "role")


def _lacking(app: AppConsent, kind: Kind, wanted: Wanted) -> list[str]:
    """Return the permissions to grant; what was named to be taken back is not granted in the same breath."""
    needed = {each.value: None for protocol in app.lacks(kind) for each in permissions.of(protocol, kind)}
    return [value for value in needed if value not in wanted.remove]


def _removed(app: AppConsent, held: Held, state: Consents, wanted: Wanted) -> list[tuple[Kind, str]]:
    named = [(kind, value) for kind, value in _excess(held, state) if value in wanted.remove]
    if app.smtp == "rbac" and ("role", _SEND_AS_APP) not in named:
        named += [(kind, value) for kind, value in _excess(held, state) if value == _SEND_AS_APP]
    return named


def _excess(held: Held, state: Consents) -> Iterator[tuple[Kind, str]]:
    """Yield all that is held for everybody, by kind and name: any of it can be named to be taken back."""
    given = {(each.resource_id, value) for each in held.scopes if not each.user_id for value in each.values}
    for offer in state.found.offers:
        for value in sorted(value for resource, value in given if resource == offer.object_id):
            yield "scope", value
        for value, role_id in sorted(offer.roles.items()):
            if (offer.object_id, role_id) in held.roles:
                yield "role", value


def _left(app: AppConsent, held: Held, state: Consents, removed: Iterable[tuple[Kind, str]]) -> Iterator[Check]:
    """Yield what opens mailboxes by other doors, or none of ours, and stays as long as nobody names it."""
    for kind, value in dict.fromkeys(_excess(held, state)):
        if (kind, value) not in removed and (value == "full_access_as_app" or value.startswith("Mail.")):
            said = "it is held, opens no mailbox by IMAP, POP or SMTP, and is left alone"
            yield Check(f"{app.name}: {value}", "ok", said, f'To take it back, name it: remove="{value}".')


def _missing(
    client: _Client, offers: Mapping[Resource, Offer], scopes: Sequence[str], roles: Sequence[str]
) -> Iterator[Check]:
    """Yield what this tenant does not offer, so that nobody can grant it."""
    remedy = "Look at the service principal of Office 365 Exchange Online in this tenant."
    lost = [value for value in scopes if not any(offer.id_of("scope", value) for offer in offers.values())]
    lost += [value for value in roles if not offers["exchange"].id_of("role", value)]
    for value in lost:
        yield Check(f"{client.name}: {value}", "wrong", "the tenant offers no such permission", remedy)


# Well-known programs.


def _of_client(app_id: str, state: Consents, offers: Mapping[Resource, Offer], plan_id: str) -> _Part:
    known = mailclients.known()
    program = next((each for each in known if app_id.lower() in (each.app_id, each.name.lower())), None)
    refused = _refused(app_id, program, state, offers)
    if refused or program is None:
        return _Part(checks=(refused,) if refused else ())
    client = _Client(program.name, program.app_id, state.found.held[program.app_id], plan_id)
    held = _everybody(client, offers)
    lacking = [_SCOPES[each] for each in program.asks if _SCOPES[each] not in held]
    steps = list(_scope_steps(client, offers, lacking, {}, frozenset()))
    warned = (Check(program.name, "ok", "think first", program.warning),) if program.warning else ()
    return _Part((*_entry(client, needed=bool(steps)), *steps), (*_missing(client, offers, lacking, ()), *warned))


def _refused(
    app_id: str, program: MailClient | None, state: Consents, offers: Mapping[Resource, Offer]
) -> Check | None:
    """Return why nothing can be planned for a program; None where something can."""
    if program is None:
        return Check(app_id, "not configured", "not a known mail program", "Add it to mail_apps to plan for it.")
    if program.disabled:
        remedy = f"Its id is {program.replaced_by} now." if program.replaced_by else "Ask its maker."
        return Check(program.name, "wrong", f"Microsoft has disabled it since {program.disabled}", remedy)
    if not program.asks:
        remedy = "Open its link as an administrator: the page lists what it asks for."
        return Check(program.name, "cannot know", "no public source says what it asks for", remedy)
    if program.app_id not in state.found.held or len(offers) < len(permissions.APP_IDS):
        return Check(program.name, "cannot know", "its consent could not be read", "The coverage says why.")
    return None


def _everybody(client: _Client, offers: Mapping[Resource, Offer]) -> set[str]:
    return {value for offer in offers.values() if (given := client.on(offer, "")) for value in given.values}


# Steps.


def _entry(client: _Client, *, needed: bool) -> Iterator[Step]:
    """Yield the step that makes the enterprise application, where there is none and something needs it."""
    if client.held.enterprise or not needed:
        return
    path = f"/v1.0/servicePrincipals(appId='{client.app_id}')"
    yield Step(
        id=f"enterprise-application:{client.app_id}",
        title=f"Let the tenant know the app {called(client.name)}",
        why="Grants are held by its enterprise application, and there is none.",
        group="Enterprise application",
        service="graph",
        do=GraphCall(
            "POST",
            ("/v1.0/servicePrincipals",),
            {"appId": client.app_id, "tags": [_SHOWN, f"mailauth:{client.plan_id}"]},
        ),
        look=Look(GraphCall("GET", (f"{path}?$select=id,appId",)), binds={f"enterprise.{client.app_id}": "id"}),
        before=None,
        after={},
        undo=GraphCall("DELETE", (path,)),
        needs=(_CREATE,),
        lag=_LAG,
        leaves="The directory keeps what was deleted for 30 days, where it can be restored.",
    )


def _scope_steps(
    client: _Client,
    offers: Mapping[Resource, Offer],
    lacking: Sequence[str],
    people: Mapping[str, str],
    gone: AbstractSet[str],
) -> Iterator[Step]:
    """Yield one step for each grant that changes: a resource and everybody, or a person."""
    home = offers[_home(client, offers, lacking)]
    offered = [value for value in lacking if home.id_of("scope", value)]
    for offer in offers.values():
        add = offered if offer is home and not people else []
        given = client.on(offer, "")
        if add or (given and gone & given.values):
            yield from _grant(client, offer, add, gone, "", "")
    for user_id, name in sorted(people.items()):
        own = {value for offer in offers.values() if (given := client.on(offer, user_id)) for value in given.values}
        if missing := [value for value in offered if value not in own]:
            yield from _grant(client, home, missing, frozenset(), user_id, name)


def _home(client: _Client, offers: Mapping[Resource, Offer], lacking: Sequence[str]) -> Resource:
    """Return where a grant goes: where the app's grant lives, or where its registration lists it, else to Exchange."""
    for offer in sorted(offers.values(), key=lambda each: each.resource):
        given = client.on(offer, "")
        if given and given.values & set(_SCOPES.values()):
            return offer.resource
    asks = client.held.asks or frozenset()
    listed = {name for name, offer in offers.items() if any(offer.id_of("scope", value) in asks for value in lacking)}
    return "graph" if listed == {"graph"} else "exchange"


def _grant(
    client: _Client, offer: Offer, add: Sequence[str], gone: AbstractSet[str], user_id: str, name: str
) -> Iterator[Step]:
    held = client.on(offer, user_id)
    before = held.text.split() or sorted(held.values) if held else []
    stay = [_STAY] if add and _STAY not in _on_any(client, user_id) else []
    after = [value for value in dict.fromkeys([*before, *add, *stay]) if value not in gone]
    if after == before:
        return
    whom = {"consentType": "Principal", "principalId": user_id} if user_id else {"consentType": "AllPrincipals"}
    ref = f"grant.{client.app_id}.{offer.resource}{f'.{user_id}' if user_id else ''}"
    title = permissions.titles()[offer.resource]
    do, undo = _calls(client, offer, whom, ref, held, after)
    yield Step(
        id=f"consent:{client.app_id}:{offer.resource}:{user_id or 'everybody'}",
        title=_said(called(client.name), name or "everybody", title, add, sorted(gone & set(before))),
        why=f"A token for mail holds what is granted, on {title} or on the other resource.",
        group="Consent of people" if user_id else "Consent for everybody",
        service="graph",
        do=do,
        look=Look(
            GraphCall("GET", ("/v1.0/servicePrincipals/", client.principal, "/oauth2PermissionGrants")),
            where={"resourceId": offer.object_id, **whom},
            fields=("scope",),
            binds={ref: "id"},
            words=("scope",),
        ),
        before={"scope": before} if held else None,
        after={"scope": after} if after else None,
        undo=undo,
        needs=(_DELEGATE,),
        lag=_LAG,
        leaves=_TOKENS,
    )


def _on_any(client: _Client, user_id: str) -> set[str]:
    """Return what somebody has with an app on whatever resource, what everybody has included."""
    return {value for each in client.held.scopes if each.user_id in ("", user_id) for value in each.values}


def _calls(
    client: _Client, offer: Offer, whom: Mapping[str, str], ref: str, held: Scopes | None, after: Sequence[str]
) -> tuple[GraphCall, GraphCall]:
    """Return what writes a grant, and what writes it back as it was."""
    one: tuple[str | Ref, ...] = ("/v1.0/oauth2PermissionGrants/", Ref(ref))
    about: dict[str, Value] = {"clientId": client.principal, **whom, "resourceId": offer.object_id}
    if held is None:
        made = GraphCall("POST", ("/v1.0/oauth2PermissionGrants",), {**about, "scope": " ".join(after)})
        return made, GraphCall("DELETE", one)
    former = held.text or " ".join(sorted(held.values))
    if not after:
        return GraphCall("DELETE", one), GraphCall(
            "POST", ("/v1.0/oauth2PermissionGrants",), {**about, "scope": former}
        )
    return GraphCall("PATCH", one, {"scope": " ".join(after)}), GraphCall("PATCH", one, {"scope": former})


def _said(app: str, whom: str, title: str, add: Sequence[str], gone: Sequence[str]) -> str:
    given = f"Grant {app} {', '.join(add)} on {title} for {whom}" if add else ""
    taken = f"{'take' if given else 'Take'} {', '.join(gone)} on {title} back from {app}" if gone else ""
    return ", and ".join(part for part in (given, taken) if part)


def _role_steps(client: _Client, exchange: Offer, values: Iterable[str]) -> Iterator[Step]:
    for value in values:
        role_id = exchange.id_of("role", value)
        if role_id:
            step = _assignment(client, exchange, value)
            who = called(client.name)
            why = f"A token that {who} gets for itself holds the roles that it is assigned, and {value} is not."
            yield Step(
                title=f"Let {who} hold {value} as itself", why=why, group="App roles", before=None, after={},
                do=_assign(client, exchange, role_id), undo=_unassign(client, exchange, value), **step,
            )  # fmt: skip


def _removals(client: _Client, offers: Sequence[Offer], values: Iterable[str]) -> Iterator[Step]:
    pairs = ((offer, value) for value in values for offer in offers)
    return (
        _removal(client, offer, value)
        for offer, value in pairs
        if (offer.object_id, offer.id_of("role", value)) in client.held.roles
    )


def _removal(client: _Client, offer: Offer, value: str) -> Step:
    """Return the step that takes an app role back."""
    by_role = value == _SEND_AS_APP
    why = (
        "It sends by a role in Exchange, and this permission lets it send as every mailbox in spite of it. Plan it off "
        "hours: no role assignment is known here, and an app without one cannot send from the end of its token, 60 to "
        "90 minutes, until the role of notebook 40 counts, which takes 30 minutes to 2 hours."
        if by_role
        else "It was named to be taken back."
    )
    return Step(
        title=f"Take {value} back from {called(client.name)}", why=why, group="Taken back", before={}, after=None,
        do=_unassign(client, offer, value), undo=_assign(client, offer, offer.id_of("role", value)),
        **_assignment(client, offer, value),
    )  # fmt: skip


def _assignment(client: _Client, offer: Offer, value: str) -> dict[str, Any]:
    """Return what granting and taking back an app role have in common."""
    return {
        "id": f"role:{client.app_id}:{value}",
        "service": "graph",
        "look": Look(
            GraphCall("GET", ("/v1.0/servicePrincipals/", client.principal, "/appRoleAssignments")),
            where={"resourceId": offer.object_id, "appRoleId": offer.id_of("role", value)},
            binds={f"role.{client.app_id}.{value}": "id"},
        ),
        "needs": (_ASSIGN,),
        "lag": _LAG,
        "leaves": _TOKENS,
    }


def _assign(client: _Client, offer: Offer, role_id: str) -> GraphCall:
    body: dict[str, Value] = {"principalId": client.principal, "resourceId": offer.object_id, "appRoleId": role_id}
    return GraphCall("POST", (f"/v1.0/servicePrincipals/{offer.object_id}/appRoleAssignedTo",), body)


def _unassign(client: _Client, offer: Offer, value: str) -> GraphCall:
    path = f"/v1.0/servicePrincipals/{offer.object_id}/appRoleAssignedTo/"
    return GraphCall("DELETE", (path, Ref(f"role.{client.app_id}.{value}")))
