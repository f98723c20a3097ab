"""The consent pages: what somebody is asked to agree to, whether they may, and what their agreement writes."""

from flask import Response, g, request

from practice.state import Tenant
from practice.wellknown import GRAPH, MICROSOFT

from . import consent, scopes, turns
from .clients import Client
from .consent import Asked
from .errors import Refused
from .persons import Agreed, Person
from .turns import Turn

__all__ = ["give", "lacking", "page", "refusal"]


def refusal(turn: Turn) -> Refused:
    """Return what the client is told where somebody may not consent, or went back without having it done."""
    person = turns.who(turn)
    return Refused(_forbidden(turn, person, lacking(turn, person)) or "90094")


def lacking(turn: Turn, person: Person) -> list[Asked]:
    """Return what consent is needed for."""
    directory = person.tenant.directory_in_force(g.backend.now())
    client = turns.here(turn, person)
    if turn.ask.for_everybody:
        return _of_administrator(turn, person.tenant, client)
    wanted = turns.wanted(turn, person.tenant)
    if "consent" in turn.ask.prompts and not client.preauthorized:
        return [consent.asked(directory, client, one) for one in wanted]
    return consent.missing(directory, client, wanted, person)


def _of_administrator(turn: Turn, tenant: Tenant, client: Client) -> list[Asked]:
    """Return what an administrator consents to: all that the app lists, or what the scope names.

    Raises:
        Refused: 650056 where there is nothing, 650052 where it is of a resource that the tenant does not have.
    """
    directory = tenant.directory_in_force(g.backend.now())
    listed = consent.static(directory, client.app)
    if turn.ask.kind == "adminconsent" and not turn.ask.v1:
        found = []
        for one in turns.wanted(turn, tenant):
            of_resource = [each for each in listed if each.resource.app_id == one.resource.app_id]
            found += of_resource if one.default and of_resource else [consent.asked(directory, client, one)]
        listed = found
    elif absent := consent.unknown(directory, client.app):
        raise Refused("650052", resource=absent, tenant=tenant.title)
    if not listed:
        raise Refused("650056", resource="Microsoft Graph", app=client.app_id)
    return listed


def page(turn: Turn, person: Person, wanted: list[Asked]) -> Response:
    """Return the page that asks for consent, or the one that sends to an administrator."""
    directory = person.tenant.directory_in_force(g.backend.now())
    content = {
        "title": "Permissions requested",
        "name": person.user.user_principal_name,
        "publisher": turn.client.app.verified_publisher or "",
        "permissions": _worded(turn, wanted),
    }
    code = _forbidden(turn, person, wanted)
    if code:
        return turn.page("approval", **content, code=code)
    return turn.page(
        "consent",
        **content,
        own=turn.client.owner == person.tenant.tenant_id,
        microsofts=turn.client.owner == MICROSOFT,
        admin=consent.is_admin(directory, person.user, wanted),
        everybody=turn.ask.for_everybody,
    )


def give(turn: Turn, person: Person) -> Agreed:
    """Write down that *person* agrees, and return to what, for as long as that lags.

    Raises:
        Refused: 90094 or 90095 where they may not.
    """
    wanted = lacking(turn, person)
    if _forbidden(turn, person, wanted):
        raise refusal(turn)
    everybody = turn.ask.for_everybody
    if request.form.get("everybody"):
        directory = person.tenant.directory_in_force(g.backend.now())
        everybody = everybody or consent.is_admin(directory, person.user, wanted)
    with g.backend.states.changing(person.tenant.tenant_id) as held:
        return consent.record(
            g.backend,
            held,
            turns.here(turn, person),
            [*wanted, *_basics(turn, held)],
            user=None if everybody else person.user,
            replace=turn.ask.for_everybody,
        )


def _forbidden(turn: Turn, person: Person, wanted: list[Asked]) -> str:
    directory = person.tenant.directory_in_force(g.backend.now())
    if turn.ask.for_everybody:
        return "" if consent.is_admin(directory, person.user, wanted) else "90094"
    return consent.forbidden(directory, turns.here(turn, person), wanted, person.user)


def _worded(turn: Turn, wanted: list[Asked]) -> list[dict[str, str]]:
    shown = [
        {"value": value, "words": consent.worded(value, one.resource)}
        for one in wanted
        for value in (*one.scopes, *(role.value for role in one.roles))
    ]
    told = {one["value"] for one in shown}
    extra = [one for one in scopes.OPENID if one in turn.ask.scope.split() and one not in told]
    return [*shown, *({"value": one, "words": consent.worded(one, wanted[0].resource)} for one in extra)]


def _basics(turn: Turn, tenant: Tenant) -> list[Asked]:
    """Return the scopes of OpenID that were asked along, which are Graph's."""
    graph = tenant.directory.principal(GRAPH)
    named = tuple(one for one in scopes.OPENID if one in turn.ask.scope.split())
    return [Asked(graph, named)] if graph and named else []
