"""What a tenant's apps for mail are meant to do: which mailboxes each is to open, by which protocols, as whom.

Of the four stories it is known: their tenants files name apps and mailboxes. Elsewhere, and of an app that the story
does not name, the state says it: an app is meant for what it asks for, on the mailboxes that it may open.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from .. import tenants
from ..firms import MailApp
from ..mail.access import Protocol
from ..state import Application, Tenant

__all__ = [
    "APP_ROLES",
    "SCOPES",
    "SENDING_ROLE",
    "Meant",
    "Use",
    "Work",
    "held_roles",
    "held_scopes",
    "listed",
    "meant",
]

SCOPES: Final[Mapping[Protocol, str]] = {
    "imap": "IMAP.AccessAsUser.All",
    "pop": "POP.AccessAsUser.All",
    "smtp": "SMTP.Send",
}
"""The delegated permission for each protocol."""

APP_ROLES: Final[Mapping[Protocol, str]] = {
    "imap": "IMAP.AccessAsApp",
    "pop": "POP.AccessAsApp",
    "smtp": "SMTP.SendAsApp",
}
"""The permission for each protocol of an app that signs in as itself."""

SENDING_ROLE: Final = "Application SMTP.SendAsApp"
"""The role in Exchange by which an app sends without a permission in Entra."""

_EWS: Final = "full_access_as_app"


@dataclass(frozen=True)
class Use:
    """A mailbox as it is to be used.

    Args:
        address: What a client calls it.
        protocols: By which it is used.
        shared: Whether it is several people's.
        by_people: Whether people open it with tokens of their own.
        send_as: Further addresses that it sends from.
    """

    address: str
    protocols: tuple[Protocol, ...]
    shared: bool = False
    by_people: bool = False
    send_as: tuple[str, ...] = ()


@dataclass(frozen=True)
class Work:
    """An app for mail, and what it is for.

    Args:
        app: Its registration.
        uses: The mailboxes that it is to open.
        by_role: The protocols that it is to use as itself.
        by_scope: The protocols that people are to use through it.
        by_exchange: The protocols that it uses by a role in Exchange.
        asks: The permissions that its registration asks for.
    """

    app: Application
    uses: tuple[Use, ...]
    by_role: tuple[Protocol, ...]
    by_scope: tuple[Protocol, ...]
    by_exchange: tuple[Protocol, ...]
    asks: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called."""
        return self.app.display_name

    @property
    def protocols(self) -> set[Protocol]:
        """The protocols that it uses in any way."""
        return {*self.by_role, *self.by_scope, *self.by_exchange}


@dataclass(frozen=True)
class Meant:
    """What a tenant's apps for mail are meant to do.

    Args:
        works: The apps.
        uses: All mailboxes that they or the story's tenants file are about.
        missing: Names of apps that the tenants file names, and that neither are there nor have a substitute.
    """

    works: tuple[Work, ...]
    uses: tuple[Use, ...]
    missing: tuple[str, ...] = ()


def meant(tenant: Tenant) -> Meant:
    """Return what the apps of *tenant* are meant to do."""
    told = tenants.mail_apps(tenant.name) if tenant.name in tenants.NAMES else ()
    uses = _told_uses(tenant, told) if tenant.name in tenants.NAMES else ()
    works = tuple(_works(tenant, told, uses))
    every = dict.fromkeys((*uses, *(use for work in works for use in work.uses)))
    return Meant(works, tuple(every), tuple(_missing(tenant, told, works)))


def held_roles(tenant: Tenant, app_id: str) -> set[str]:
    """Return the values of the app roles that an app holds."""
    directory = tenant.directory
    names = {role.id: role.value for one in directory.service_principals for role in one.app_roles}
    principal = directory.principal(app_id)
    held = [one for one in directory.app_role_assignments if principal and one.principal_id == principal.id]
    return {names[one.app_role_id] for one in held if one.app_role_id in names}


def held_scopes(tenant: Tenant, app_id: str, user_id: str = "") -> set[str]:
    """Return the delegated permissions of an app that *user_id* has, or (where that is empty) anybody at all."""
    principal = tenant.directory.principal(app_id)
    grants = [one for one in tenant.directory.grants if principal and one.client_id == principal.id]
    counted = [
        one for one in grants if not user_id or one.consent_type == "AllPrincipals" or one.principal_id == user_id
    ]
    return {scope for grant in counted for scope in grant.scope.split()}


def listed(words: Iterable[str], most: int = 4) -> str:
    """Return *words* as a sentence lists them, of more than *most* the first and how many more there are."""
    given = list(words)
    if len(given) > most:
        given = [*given[: most - 1], f"{len(given) - most + 1} more"]
    return " and ".join(filter(None, (", ".join(given[:-1]), given[-1])))


def _told_uses(tenant: Tenant, told: Iterable[MailApp]) -> tuple[Use, ...]:
    world = tenants.world_of(tenant.name)
    by_people = any("interactive" in app.flows for app in told)
    return tuple(
        Use(
            address=world.address(one.account),
            protocols=one.protocols,
            shared=one.kind == "shared",
            by_people=by_people,
            send_as=tuple(map(world.address, one.send_as)),
        )
        for one in tenants.proofs(tenant.name)
    )


def _works(tenant: Tenant, told: Iterable[MailApp], uses: tuple[Use, ...]) -> Iterator[Work]:
    world = tenants.world_of(tenant.name) if tenant.name in tenants.NAMES else None
    by_id = {world.app(one.app).app_id: one for one in told} if world else {}
    known = {one.app_id for one in world.apps.values()} if world else set()
    registered = tenant.directory.applications
    # Where the tenants file's apps are not there, whatever an engineer registered in their place is meant.
    replaced = not any(one.app_id in by_id for one in registered)
    for app in registered:
        found = _by_state(tenant, app)
        if app.app_id in by_id:
            yield _by_story(found, by_id[app.app_id], uses)
        elif found.protocols or _EWS in {*found.asks, *held_roles(tenant, app.app_id)}:
            wanted = uses if replaced and app.app_id not in known else ()
            served = tuple(use for use in wanted if found.protocols.intersection(use.protocols))
            yield replace(found, uses=served) if served else found


def _missing(tenant: Tenant, told: Iterable[MailApp], works: Iterable[Work]) -> Iterator[str]:
    if tenant.name not in tenants.NAMES:
        return
    world, there = tenants.world_of(tenant.name), {one.app.app_id for one in works}
    apps = [world.app(one.app) for one in told]
    known = {one.app_id for one in world.apps.values()}
    if there <= known or any(one.app_id in there for one in apps):
        yield from (one.name for one in apps if one.app_id not in there)


def _by_story(found: Work, told: MailApp, uses: tuple[Use, ...]) -> Work:
    used: tuple[Protocol, ...] = tuple(dict.fromkeys(protocol for use in uses for protocol in use.protocols))
    return replace(
        found,
        uses=uses,
        by_role=used if {"certificate", "secret"} & set(told.flows) else (),
        by_scope=used if "interactive" in told.flows else (),
    )


def _by_state(tenant: Tenant, app: Application) -> Work:
    asks = _asks(tenant, app)
    values = {*asks, *held_roles(tenant, app.app_id), *held_scopes(tenant, app.app_id)}
    found = Work(
        app,
        uses=(),
        by_role=tuple(one for one, value in APP_ROLES.items() if value in values),
        by_scope=tuple(one for one, value in SCOPES.items() if value in values),
        by_exchange=("smtp",) if _sends_by_role(tenant, app) else (),
        asks=asks,
    )
    return replace(found, uses=_opened(tenant, found))


def _asks(tenant: Tenant, app: Application) -> tuple[str, ...]:
    names: dict[str, str] = {}
    for one in tenant.directory.service_principals:
        names |= {role.id: role.value for role in one.app_roles}
        names |= {scope.id: scope.value for scope in one.oauth2_permission_scopes}
    wanted = [access.id for asked in app.required_resource_access for access in asked.resource_access]
    return tuple(names[one] for one in wanted if one in names)


def _sends_by_role(tenant: Tenant, app: Application) -> bool:
    mirrored = tenant.exchange.principal(app.app_id)
    names = (mirrored.object_id, mirrored.sid, mirrored.guid, mirrored.app_id) if mirrored else ()
    held = [one for one in tenant.exchange.role_assignments if one.assignee_type == "ServicePrincipal"]
    return any(one.role == SENDING_ROLE and one.assignee in names for one in held)


def _opened(tenant: Tenant, work: Work) -> tuple[Use, ...]:
    """Return the mailboxes that an app may open as itself, each by the protocols that it asks for."""
    mirrored = tenant.exchange.principal(work.app.app_id)
    held = [one.mailbox for one in tenant.exchange.mailbox_permissions if mirrored and one.trustee == mirrored.sid]
    boxes = [box for box in tenant.exchange.mailboxes if box.guid in held]
    by = tuple(protocol for protocol in SCOPES if protocol in work.protocols)
    return tuple(Use(box.primary_smtp, by, shared=box.kind == "SharedMailbox") for box in boxes)
