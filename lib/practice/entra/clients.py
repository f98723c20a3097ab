"""An app as the endpoints meet it: its registration, wherever that is, and its enterprise application here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import ClientMixin

from practice import catalogue
from practice.backend import Backend
from practice.state import Application, Directory, ServicePrincipal, Tenant, User

from .errors import Refused
from .realms import Realm, tenants

__all__ = ["Client", "Platform", "check", "check_user", "found"]

Platform = Literal["public", "web", "spa"]

_LOOPBACK: Final = re.compile(r"^http://(localhost|127\.0\.0\.1)(:\d+)?(/|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Client(ClientMixin):
    """An app that asks.

    Args:
        app: Its registration.
        owner: The tenant that registered it.
        tenant: The tenant that it asks in; None at an address for several, before anybody signed in.
        principal: Its enterprise application there; None before there is one.
    """

    app: Application
    owner: str
    tenant: Tenant | None
    principal: ServicePrincipal | None

    @property
    def app_id(self) -> str:
        """The application id."""
        return self.app.app_id

    @property
    def name(self) -> str:
        """What people see."""
        return self.app.display_name

    @property
    def shared(self) -> bool:
        """Whether other tenants can use it."""
        return self.app.sign_in_audience in ("AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount")

    @property
    def preauthorized(self) -> bool:
        """Whether it is one of Microsoft's own that are good for certain scopes alone, and need no consent to them."""
        return self.app_id in catalogue.PREAUTHORIZED

    @property
    def credentialed(self) -> bool:
        """Whether it has anything to prove itself with."""
        return bool(self.app.password_credentials or self.app.key_credentials or self.app.federated_credentials)

    def redirects(self) -> Iterator[tuple[Platform, str]]:
        """Yield the registered redirect addresses and the platform of each."""
        yield from (("public", one) for one in self.app.public_client.redirect_uris)
        yield from (("web", one) for one in self.app.web.redirect_uris)
        yield from (("spa", one) for one in self.app.spa.redirect_uris)

    def platform_of(self, redirect_uri: str) -> Platform | None:
        """Return the platform that a redirect address is registered on, None where it is registered on none."""
        return next((kind for kind, one in self.redirects() if _same(kind, one, redirect_uri)), None)

    def registers(self, redirect_uri: str) -> bool:
        """Whether exactly this address is registered, its port included."""
        return any(one == redirect_uri for _, one in self.redirects())

    # What the OAuth library asks of a client.

    def get_client_id(self) -> str:
        """Return the application id."""
        return self.app_id

    def get_default_redirect_uri(self) -> str | None:
        """Return the first registered redirect address."""
        return next((one for _, one in self.redirects()), None)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Return True: how the app proved itself was judged by then."""
        return True

    def check_grant_type(self, grant_type: str) -> bool:
        """Return True: what an app may not do, Entra tells by its credentials."""
        return True


def found(backend: Backend, realm: Realm, app_id: str) -> Client:
    """Return the app of this id as *realm* knows it.

    Raises:
        Refused: 700016, and what `check` says.
    """
    wanted = app_id.strip().lower()
    now = backend.now()
    directory = realm.tenant.directory_in_force(now) if realm.tenant else None
    registered = _registration(backend, directory, realm, wanted)
    if registered is None:
        raise Refused("700016", app=app_id, tenant=_named(realm))
    app, owner = registered
    principal = directory.principal(app.app_id) if directory else None
    client = Client(app, owner, realm.tenant, principal)
    check(client, realm)
    return client


def check(client: Client, realm: Realm) -> None:
    """Return if *client* may be used at all where it asks.

    Raises:
        Refused: 7000112 where it is disabled, 50194 at an address for several, 700016 in a tenant not its own.
    """
    about = {"app": client.app_id, "name": client.name}
    if client.app.disabled_by_microsoft or (client.principal and not client.principal.account_enabled):
        raise Refused("7000112", **about)
    if realm.tenant is None and not client.shared:
        raise Refused("50194", **about)
    if realm.tenant and client.owner != realm.tenant.tenant_id and not client.shared:
        raise Refused("700016", app=client.app_id, tenant=_named(realm))


def check_user(client: Client, user: User) -> None:
    """Return if *user* may use *client*.

    Raises:
        Refused: 50105 where the app wants its users assigned and this one is not.
    """
    principal, tenant = client.principal, client.tenant
    if principal is None or tenant is None or not principal.app_role_assignment_required:
        return
    groups = {one.id for one in tenant.directory.groups if user.id in one.members}
    if user.id not in principal.assigned_to and groups.isdisjoint(principal.assigned_to):
        raise Refused("50105", app=client.app_id, name=client.name)


def _registration(
    backend: Backend, directory: Directory | None, realm: Realm, app_id: str
) -> tuple[Application, str] | None:
    if directory and realm.tenant:
        own = next((one for one in directory.applications if one.app_id == app_id), None)
        if own:
            return own, realm.tenant.tenant_id
    for tenant in tenants(backend):
        if tenant is realm.tenant:
            continue
        other = next(
            (one for one in tenant.directory_in_force(backend.now()).applications if one.app_id == app_id), None
        )
        if other:
            return other, tenant.tenant_id
    published = catalogue.published().get(app_id)
    return (published, catalogue.owner(app_id)) if published else None


def _named(realm: Realm) -> str:
    return realm.tenant.title if realm.tenant else realm.name


def _same(kind: Platform, registered: str, asked: str) -> bool:
    if registered == asked:
        return True
    # A native client listens on whatever port is free; path and host must be those that are registered.
    if kind == "public" and _LOOPBACK.match(registered) and _LOOPBACK.match(asked):
        one, other = urlsplit(registered), urlsplit(asked)
        return one.hostname == other.hostname and (one.path or "/") == (other.path or "/") and not other.fragment
    return False
