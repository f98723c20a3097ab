"""Where a sign-in stands between two pages, and what follows from it."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from flask import Response, g, request

from practice import signon
from practice.state import Tenant
from practice.wellknown import GRAPH

from . import clients, pages, scopes, sessions
from .asks import Ask
from .clients import Client
from .errors import Refused, correlation_id
from .persons import NOTHING, Agreed, Person
from .realms import Realm
from .sessions import Account

__all__ = ["Turn", "attempt", "client_app", "here", "judged", "record", "resource", "wanted", "who"]


@dataclass(frozen=True)
class Turn:
    """Where a sign-in stands.

    Args:
        ask: What the client asked.
        client: The app.
        realm: Where it asked.
        account: Who has signed in so far.
        fresh: Whether they did so just now, rather than in an earlier session.
        agreed: What they have agreed to on the way.
    """

    ask: Ask
    client: Client
    realm: Realm
    account: Account | None = None
    fresh: bool = False
    agreed: Agreed = NOTHING

    def sealed(self) -> str:
        """Return it as the page's form carries it."""
        account = vars(self.account) if self.account else None
        content = {
            "kind": "flow",
            "ask": self.ask.written(),
            "account": account,
            "fresh": self.fresh,
            "agreed": asdict(self.agreed),
            "issued": g.backend.now().timestamp(),
        }
        return str(g.backend.keys.seal(content))

    def page(self, template: str, **content: Any) -> Response:
        """Return a page of this sign-in."""
        address = f"/{self.realm.name}/login"
        back_to = self.ask.redirect_uri
        return pages.shown(
            template, back_to=back_to, action=address, flow=self.sealed(), app=self.client.name, **content
        )


def who(turn: Turn) -> Person:
    """Return the person of this turn, if the policies let them in with what they have shown.

    Raises:
        Refused: 50020, 50105, and what policies say.
    """
    assert turn.account is not None
    transfer = "deviceCodeFlow" if turn.ask.kind == "device" else ""
    app = turn.client
    person = sessions.person(turn.realm, turn.account, app_id=app.app_id, app=app.name, transfer=transfer)
    clients.check_user(here(turn, person), person.user)
    done = judged(turn, person)
    if not done.ok:
        raise Refused(done.code, resource=turn.client.name, tenant=person.tenant.title)
    return replace(person, agreed=turn.agreed)


def judged(turn: Turn, person: Person) -> signon.SignOn:
    """Return what the policies make of the sign-in so far."""
    tried, mfa, transfer = attempt(turn, person.tenant), person.mfa, person.transfer
    return signon.completed(person.tenant, person.user, tried, mfa=mfa, since=person.since, transfer=transfer)


def attempt(turn: Turn, tenant: Tenant) -> signon.Attempt:
    """Return what the sign-in is a try at, in *tenant*."""
    return signon.Attempt(
        client_app(turn),
        request.remote_addr or "",
        g.backend.now(),
        app_id=turn.client.app_id,
        app_name=turn.client.name,
        resource_app_id=resource(turn, tenant),
    )


def here(turn: Turn, person: Person) -> Client:
    """Return the app as the tenant of *person* knows it."""
    return clients.found(g.backend, Realm(person.tenant.tenant_id, person.tenant), turn.client.app_id)


def client_app(turn: Turn) -> str:
    """Return ``clientAppUsed``: a native client or a browser, by the platform of the redirect address."""
    native = turn.ask.kind == "device" or turn.client.platform_of(turn.ask.redirect_uri) == "public"
    return "Mobile Apps and Desktop clients" if native else "Browser"


def wanted(turn: Turn, tenant: Tenant) -> list[scopes.Wanted]:
    """Return what is asked of each resource.

    Raises:
        Refused: As `scopes.read`.
    """
    directory = tenant.directory_in_force(g.backend.now())
    return scopes.read(directory, turn.ask.scope, tenant=tenant.title, base_url=g.backend.base_url)


def resource(turn: Turn, tenant: Tenant) -> str:
    """Return the application id of the resource that policies are asked about: the first of those that are wanted."""
    if turn.ask.kind == "adminconsent" and turn.ask.v1:
        return GRAPH
    return wanted(turn, tenant)[0].resource.app_id


def record(turn: Turn, tenant: Tenant, done: signon.SignOn) -> None:
    """Leave the row of a sign-in."""
    row = signon.row(
        tenant,
        done,
        agent=request.headers.get("User-Agent", ""),
        protocol="deviceCode" if turn.ask.kind == "device" else "oAuth2",
        incoming="none" if turn.fresh or turn.account is None else "unknownFutureValue",
        correlation_id=correlation_id(),
    )
    g.backend.ledger.record(tenant.tenant_id, row)
