"""Consent as a tenant holds it: what Graph returns for an app in, an answer per protocol and checkpoints out.

A delegated permission may be granted on Exchange's own service principal or on Microsoft Graph's, where the portal puts
it: tokens for mail come of either. A grant says what Entra will put into a token, and no more: whether Exchange then
opens a mailbox is another question, and whether a login works a third.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from . import consent, mailclients, permissions
from .checks import Check
from .coverage import Coverage
from .mailclients import MailClient
from .permissions import Kind, Offer, Permission, Resource
from .tenants import PEOPLE, MailApp, Protocol, Tenant

__all__ = [
    "AppConsent",
    "ClientConsent",
    "Consents",
    "Enterprise",
    "Extent",
    "Found",
    "Held",
    "ProtocolConsent",
    "Scopes",
    "SelfConsent",
    "Status",
    "TakenBack",
    "assess",
    "enterprise",
    "needs",
    "offer",
    "registration",
    "scopes",
    "status",
    "taken_back",
    "wide",
]

Record = Mapping[str, Any]

_FULL_ACCESS: Final = "full_access_as_app"
_OF_GRAPH: Final = "Mail."
_OWN: Final = "ManagePermissionGrantsForSelf."
_LEGACY: Final = f"{_OWN}microsoft-user-default-legacy"
_RECOMMENDED: Final = f"{_OWN}microsoft-user-default-recommended"
_MAIL_CLIENTS: Final = f"{_OWN}microsoft-user-default-allow-consent-apps"


@dataclass(frozen=True)
class Enterprise:
    """An app as the tenant knows it: its enterprise application.

    Args:
        object_id: Its id in this tenant; Exchange is told of an app by this one.
        name: Its display name, chosen by whoever made it.
        enabled: Whether anybody can sign in to it here.
        assigned_only: Whether only people who are assigned to it can.
        disabled_by_microsoft: Why Microsoft has switched it off everywhere; empty where it has not.
    """

    object_id: str
    name: str
    enabled: bool = True
    assigned_only: bool = False
    disabled_by_microsoft: str = ""


@dataclass(frozen=True)
class Scopes:
    """One grant of delegated permissions.

    Args:
        resource_id: The object id of the resource's service principal.
        values: The permissions' names.
        user_id: For whom; empty for everybody.
        text: The names as the directory writes them, which is what an undo has to write again.
    """

    resource_id: str
    values: frozenset[str]
    user_id: str = ""
    text: str = field(default="", compare=False)


@dataclass(frozen=True)
class Held:
    """What a tenant holds for one app.

    Args:
        enterprise: The enterprise application; None where the tenant has none, so that nobody has consented.
        scopes: Delegated permissions.
        roles: App roles, as pairs of the resource's object id and the role's id.
        asks: The ids of the permissions that the registration lists; None where it is not in this tenant, or not read.
        redirect_uris: The addresses that it has registered to be answered at, as far as this tenant knows them.
    """

    enterprise: Enterprise | None = None
    scopes: tuple[Scopes, ...] = ()
    roles: frozenset[tuple[str, str]] = frozenset()
    asks: frozenset[str] | None = None
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """What a look into the directory brought.

    Args:
        offers: The two resources, as far as they could be read.
        held: By application id; one that is missing could not be read.
        people: Names of accounts by object id, as far as they could be read.
        assigned: The policies by which users consent for themselves; None where they could not be read.
        rules: The rules of these policies by their id without a prefix, as far as the directory shows them.
        requests: Whether users can ask an administrator to consent; None where that could not be read.
        coverage: How far the look reached.
    """

    offers: tuple[Offer, ...] = ()
    held: Mapping[str, Held] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    assigned: tuple[str, ...] | None = None
    rules: Mapping[str, Record] = field(default_factory=dict)
    requests: bool | None = None
    coverage: tuple[Coverage, ...] = ()


@dataclass(frozen=True)
class ProtocolConsent:
    """What an app may get a token for, by one protocol.

    Args:
        protocol: Which.
        everybody: The resources on which it is granted for everybody.
        people: For whom else it is granted, by name where that is known.
        role: Whether the app holds the permission to act as itself.
    """

    protocol: Protocol
    everybody: tuple[Resource, ...] = ()
    people: tuple[str, ...] = ()
    role: bool = False


@dataclass(frozen=True)
class AppConsent:
    """One mail app of the tenants file.

    Args:
        name: What it is called there.
        client_id: Its id; empty until it is registered.
        needs: What its flows need: scopes, roles or both.
        enterprise: As in `Held`.
        protocols: An answer for each protocol that the tenant's mailboxes use; empty where it could not be read.
        redirect_uris: As in `Held`.
        smtp: What is to let it send as itself: the permission by ``consent``, or a role in Exchange by ``rbac``.
    """

    name: str
    client_id: str
    needs: tuple[Kind, ...]
    enterprise: Enterprise | None = None
    protocols: tuple[ProtocolConsent, ...] = ()
    redirect_uris: tuple[str, ...] = ()
    smtp: Literal["consent", "rbac"] = "consent"

    def lacks(self, kind: Kind) -> tuple[Protocol, ...]:
        """Return the protocols for which it lacks what its flows need of *kind*; consent of a few people counts not."""
        if kind not in self.needs:
            return ()
        return tuple(
            each.protocol
            for each in self.protocols
            if not (each.everybody if kind == "scope" else each.role or self.sends_by_role(each.protocol))
        )

    @property
    def needs_nothing(self) -> bool:
        """Whether a role in Exchange is all that it needs: it acts as itself, and only sends."""
        sends = bool(self.protocols) and all(self.sends_by_role(each.protocol) for each in self.protocols)
        return sends and self.needs == ("role",)

    def sends_by_role(self, protocol: Protocol) -> bool:
        """Whether a role in Exchange stands for the permission that *protocol* needs for the app itself."""
        return protocol == "smtp" and self.smtp == "rbac"


@dataclass(frozen=True)
class ClientConsent:
    """A well-known mail program.

    Args:
        client: Which.
        known: Whether the tenant could be asked about it.
        here: Whether the tenant has an enterprise application for it.
        enabled: Whether people can sign in to that.
        everybody: The permissions for mail that are granted for everybody.
        people: How many have a grant of their own.
    """

    client: MailClient
    known: bool = True
    here: bool = False
    enabled: bool = True
    everybody: tuple[str, ...] = ()
    people: int = 0


@dataclass(frozen=True)
class TakenBack:
    """A permission that the next consent may take back, as the registration does not list it now.

    Args:
        app: Whose, by its name in the tenants file.
        link: By which kind of link: the one for all that the app asks for, or one for what it asks of Exchange.
        resource: Where the permission is listed.
        kind: Whether a person is signed in.
        value: Its name.
    """

    app: str
    link: Literal["whole", "scoped"]
    resource: Resource
    kind: Kind
    value: str


@dataclass(frozen=True)
class Status:
    """How far consent for one app has come, in a word each.

    Args:
        app: The app.
        people: For people: ``all``, ``half`` (one protocol of several, or some people only), ``none``, ``not needed``
            or ``cannot know``.
        itself: For the app itself, in the same words.
    """

    app: str
    people: "Extent"
    itself: "Extent"


Extent = Literal["all", "half", "none", "not needed", "cannot know"]


@dataclass(frozen=True)
class SelfConsent:
    """Whether users can consent for themselves to reading or sending by one protocol.

    Args:
        protocol: Which.
        answer: ``yes``, ``no``, ``some apps`` or ``cannot know``.
        why: The rule behind it, in a sentence.
    """

    protocol: Protocol
    answer: Literal["yes", "no", "some apps", "cannot know"]
    why: str


@dataclass(frozen=True)
class Consents:
    """The consent that a tenant holds for mail.

    Args:
        apps: The mail apps of the tenants file.
        clients: Well-known mail programs.
        users: What users can consent to themselves, by protocol.
        requests: As in `Found`.
        checks: What the tenant's own mail apps lack; never empty.
        coverage: As in `Found`.
        found: What the look brought that all this was made of.
    """

    apps: tuple[AppConsent, ...]
    clients: tuple[ClientConsent, ...]
    users: tuple[SelfConsent, ...]
    requests: bool | None
    checks: tuple[Check, ...]
    coverage: tuple[Coverage, ...]
    found: Found


def enterprise(record: Record) -> Enterprise:
    """Return a service principal of Graph's as a value."""
    return Enterprise(
        str(record.get("id", "")),
        str(record.get("displayName") or ""),
        record.get("accountEnabled") is not False,
        record.get("appRoleAssignmentRequired") is True,
        str(record.get("disabledByMicrosoftStatus") or ""),
    )


def offer(resource: Resource, record: Record) -> Offer:
    """Return a resource's service principal as what it offers."""
    return Offer(
        resource,
        str(record.get("id", "")),
        {str(each.get("value")): str(each.get("id")) for each in record.get("oauth2PermissionScopes") or ()},
        {str(each.get("value")): str(each.get("id")) for each in record.get("appRoles") or ()},
    )


def scopes(record: Record) -> Scopes:
    """Return an oauth2PermissionGrant of Graph's as a value."""
    return Scopes(
        str(record.get("resourceId", "")),
        frozenset(str(record.get("scope") or "").split()),
        "" if record.get("consentType") == "AllPrincipals" else str(record.get("principalId") or "unknown"),
        str(record.get("scope") or ""),
    )


def registration(record: Record) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return what an app registration of Graph's asks for, as ids, and where it may be answered at."""
    asked = [each for one in record.get("requiredResourceAccess") or () for each in one.get("resourceAccess") or ()]
    kinds = [record.get(kind) or {} for kind in ("publicClient", "web", "spa")]
    return (
        frozenset(str(each.get("id")) for each in asked),
        tuple(str(uri) for kind in kinds for uri in kind.get("redirectUris") or ()),
    )


def needs(app: MailApp) -> tuple[Kind, ...]:
    """Return what the flows of *app* need: a scope where a person signs in, a role where it acts as itself."""
    # A token that was brought along says itself whose it is; the tenants file does not.
    kinds = {flow.kind in PEOPLE for flow in app.flows if flow.kind != "token"}
    people: tuple[Kind, ...] = ("scope",) if True in kinds else ()
    return (*people, "role") if False in kinds else people


def assess(tenant: Tenant, found: Found) -> Consents:
    """Return what the tenant's consent comes to."""
    protocols = _used(tenant)
    apps = tuple(_app(app, found, protocols) for app in tenant.mail_apps)
    return Consents(
        apps,
        tuple(_client(client, found) for client in mailclients.known()),
        tuple(_user(protocol, found) for protocol in permissions.PROTOCOLS),
        found.requests,
        tuple(_checks(apps, found)),
        found.coverage,
        found,
    )


def status(state: Consents) -> tuple[Status, ...]:
    """Return how far consent for each mail app has come, for a table over many tenants."""
    return tuple(Status(app.name, _extent(app, "scope"), _extent(app, "role")) for app in state.apps)


def _extent(app: AppConsent, kind: Kind) -> Extent:
    if not app.protocols:
        return "cannot know"
    if kind not in app.needs:
        return "not needed"
    lacking = app.lacks(kind)
    if not lacking:
        return "all"
    some = any(each.people for each in app.protocols) if kind == "scope" else False
    return "half" if some or len(lacking) < len(app.protocols) else "none"


def taken_back(state: Consents) -> tuple[TakenBack, ...]:
    """Return what the next consent by a link may take back, app by app.

    Consent for everybody takes the place of earlier consent for everybody, and it brings what the registration lists at
    that moment: all of it, or by a link for Exchange what is listed there. What an app holds whose registration is
    elsewhere, or was not read, cannot be said. App roles are named too; no page says that they stay.
    """
    found = state.found
    return tuple(
        TakenBack(app.name, link, offer.resource, kind, value)
        for app in state.apps
        if (held := found.held.get(app.client_id)) and held.asks is not None
        for link in _LINKS
        for offer, kind, value, permission_id in _given(held, found)
        if permission_id not in held.asks or (link == "scoped" and kind == "scope" and offer.resource != "exchange")
    )


_LINKS: Final[tuple[Literal["whole", "scoped"], ...]] = ("whole", "scoped")


def _given(held: Held, found: Found) -> Iterator[tuple[Offer, Kind, str, str]]:
    """Yield what an app holds for everybody: where, of which kind, by name and id."""
    everybody = {(each.resource_id, value) for each in held.scopes if not each.user_id for value in each.values}
    for offer in found.offers:
        for value, scope_id in sorted(offer.scopes.items()):
            if (offer.object_id, value) in everybody:
                yield offer, "scope", value, scope_id
        for value, role_id in sorted(offer.roles.items()):
            if (offer.object_id, role_id) in held.roles:
                yield offer, "role", value, role_id


def _used(tenant: Tenant) -> tuple[Protocol, ...]:
    """Return the protocols of the tenant's mailboxes; all of them where the file names no mailbox."""
    used = {protocol for mailbox in tenant.mailboxes for protocol in mailbox.protocols}
    return tuple(each for each in permissions.PROTOCOLS if each in used or not used)


def _app(app: MailApp, found: Found, protocols: Iterable[Protocol]) -> AppConsent:
    held = found.held.get(app.client_id)
    # A permission may be granted on either resource: with one of them unread, nothing can be called missing.
    if held is None or {each.resource for each in found.offers} != set(permissions.APP_IDS):
        known = held or Held()
        return AppConsent(app.name, app.client_id, needs(app), known.enterprise, (), known.redirect_uris, app.smtp)
    answers = tuple(_protocol(each, held, found) for each in protocols)
    return AppConsent(app.name, app.client_id, needs(app), held.enterprise, answers, held.redirect_uris, app.smtp)


def _protocol(protocol: Protocol, held: Held, found: Found) -> ProtocolConsent:
    everybody: list[Resource] = []
    people: dict[str, None] = {}
    for wanted in permissions.of(protocol, "scope"):
        for given in _on(wanted.resource, held, found):
            if wanted.value in given.values and given.user_id:
                people[found.people.get(given.user_id, given.user_id)] = None
            elif wanted.value in given.values:
                everybody.append(wanted.resource)
    role = any((wanted.resource, wanted.value) in _roles(held, found) for wanted in permissions.of(protocol, "role"))
    return ProtocolConsent(protocol, tuple(everybody), tuple(people), role)


def wide(held: Iterable[tuple[str, str]], offers: Iterable[Offer]) -> tuple[str, ...]:
    """Return the app roles among *held* that reach every mailbox otherwise than by IMAP, POP or SMTP, by value.

    Args:
        held: App roles, as pairs of the resource's object id and the role's id.
        offers: What the resources offer; a role of another one is not known.
    """
    pairs = frozenset(held)
    values = {value for each in offers for value, role_id in each.roles.items() if (each.object_id, role_id) in pairs}
    return tuple(sorted(value for value in values if value == _FULL_ACCESS or value.startswith(_OF_GRAPH)))


def _on(resource: Resource, held: Held, found: Found) -> Iterator[Scopes]:
    """Yield the grants on one of the two resources."""
    objects = {each.object_id for each in found.offers if each.resource == resource}
    return (given for given in held.scopes if given.resource_id in objects)


def _roles(held: Held, found: Found) -> set[tuple[Resource, str]]:
    """Return the app roles that are held, by resource and value."""
    return {
        (each.resource, value)
        for each in found.offers
        for value, role_id in each.roles.items()
        if (each.object_id, role_id) in held.roles
    }


def _client(client: MailClient, found: Found) -> ClientConsent:
    held = found.held.get(client.app_id)
    if held is None or held.enterprise is None:
        return ClientConsent(client, known=held is not None)
    everybody = {value for given in held.scopes if not given.user_id for value in given.values}
    people = {given.user_id for given in held.scopes if given.user_id}
    mail = sorted(value for value in everybody if value in _MAIL_SCOPES)
    return ClientConsent(client, True, True, held.enterprise.enabled, tuple(mail), len(people))


_MAIL_SCOPES: Final = frozenset(
    each.value for each in permissions.known() if each.kind == "scope" and (each.protocol or "AsUser" in each.value)
)


# What is missing.


def _checks(apps: Sequence[AppConsent], found: Found) -> Iterator[Check]:
    if not apps:
        remedy = "Run 20 first: it registers one. Or add the client id of one that is there under mail_apps:."
        yield Check("mail apps", "not configured", "the tenants file names no app that opens mailboxes", remedy)
        return
    yield permissions.check(found.offers)
    for app in apps:
        yield from _of_app(app, found)


def _of_app(app: AppConsent, found: Found) -> Iterator[Check]:
    if not app.client_id:
        remedy = "Register the app, and write its id into the tenants file."
        yield Check(app.name, "not configured", "no client_id", remedy)
        return
    if not app.needs:
        remedy = "Add flows: to the app, such as [{kind: interactive}]; they decide which consent it needs."
        yield Check(app.name, "not configured", "no flows", remedy)
        return
    held = found.held.get(app.client_id)
    if held is None or not app.protocols:
        yield Check(app.name, "cannot know", "its consent could not be read", "The coverage says why, and what helps.")
        return
    yield _presence(app)
    if app.enterprise is None:
        return
    missing = [check for kind in app.needs for each in app.protocols if (check := _permission(app, each, kind, held))]
    yield from missing
    lacking = any(check.outcome == "wrong" for check in missing)
    yield from _too_much(app, held, found, lacking=lacking)
    if lacking:
        yield from _at_risk(app, held, found)


def _presence(app: AppConsent) -> Check:
    name, known = f"{app.name}: enterprise application", app.enterprise
    if known is None:
        remedy = f"Open the link “{consent.WHOLE}” for {app.name} as an administrator: consent makes it."
        return Check(name, "wrong", "the tenant has none, so nobody has consented", remedy)
    if known.disabled_by_microsoft:
        remedy = "Ask its publisher; no consent helps."
        return Check(name, "wrong", f"Microsoft has disabled the app: {known.disabled_by_microsoft}", remedy)
    if not known.enabled:
        remedy = "Switch on “Enabled for users to sign-in” in its properties, unless somebody meant it."
        return Check(name, "wrong", "it is switched off in this tenant (AADSTS7000112)", remedy)
    if known.assigned_only and "scope" in app.needs:
        remedy = "Look who is assigned in its users and groups; everybody else is refused with AADSTS50105."
        return Check(name, "cannot know", "only people who are assigned can sign in; who is was not read", remedy)
    return Check(name, "ok", "enabled")


def _permission(app: AppConsent, held: ProtocolConsent, kind: Kind, asked: Held) -> Check:
    wanted = permissions.of(held.protocol, kind)
    name = f"{app.name}: {held.protocol.upper()} {'for people' if kind == 'scope' else 'for the app itself'}"
    value = wanted[0].value
    if kind == "role":
        if app.sends_by_role(held.protocol):
            return _by_role(name, value, held=held.role)
        if held.role:
            return Check(name, "ok", f"{value} is granted")
        return Check(name, "wrong", f"{value} is not granted", f"{_remedy(app, wanted, asked)}{_ROLES.get(value, '')}")
    if held.everybody:
        titles = " and ".join(permissions.titles()[resource] for resource in held.everybody)
        return Check(name, "ok", f"{value} is granted for everybody, on {titles}")
    if held.people:
        count = len(held.people)
        some = f"{count} {'person' if count == 1 else 'people'} only"
        return Check(name, "cannot know", f"{value} is granted for {some}", _FOR_SOME + _remedy(app, wanted, asked))
    return Check(name, "wrong", f"{value} is not granted", _remedy(app, wanted, asked))


def _by_role(name: str, value: str, *, held: bool) -> Check:
    if not held:
        return Check(name, "ok", f"{value} is not granted, as it should be: a role in Exchange lets the app send")
    remedy = "Take the permission back: step 4 plans it. With it the role's limits count for nothing."
    return Check(name, "wrong", f"{value} is granted beside a role in Exchange (smtp: rbac)", remedy)


_FOR_SOME: Final = "Enough where nobody else signs in to the app. For everybody: "
_ROLES: Final = {
    "SMTP.SendAsApp": (
        " Not where the app sends by a role in Exchange, which is not looked at here: with this consent it could send "
        "as every mailbox."
    )
}


def _remedy(app: AppConsent, wanted: Sequence[Permission], held: Held) -> str:
    opened = f"pen the link “{consent.WHOLE}” for {app.name} as an administrator."
    if held.asks is not None and any(each.id in held.asks for each in wanted) and (held.scopes or held.roles):
        # Consent covers what the registration lists at that moment, and nothing that is added later.
        return f"O{opened} The registration lists it, so it was added after the consent; sign in again afterwards."
    if held.asks is None or any(each.id in held.asks for each in wanted):
        return f"O{opened}"
    return f"The registration does not ask for {wanted[0].value}: add it there first, then o{opened}"


def _at_risk(app: AppConsent, held: Held, found: Found) -> Iterator[Check]:
    """Yield what the next consent may take back, as the registration does not list it any more."""
    if held.asks is None:
        return
    given = {value for _, _, value, permission_id in _given(held, found) if permission_id not in held.asks}
    # What defeats the role is to go anyway, and never into the registration.
    lost = sorted(value for value in given if not (app.smtp == "rbac" and value in _ROLES))
    if lost:
        remedy = "Add to the registration what of it is needed, before anybody opens a link."
        yield Check(f"{app.name}: a new consent", "cannot know", f"it may take back {', '.join(lost)}", remedy)


def _too_much(app: AppConsent, held: Held, found: Found, *, lacking: bool) -> Iterator[Check]:
    """Yield what is held and opens no mailbox by IMAP, POP or SMTP."""
    roles = _roles(held, found)
    if ("exchange", _FULL_ACCESS) in roles:
        said = f"{_FULL_ACCESS}: it opens every mailbox by EWS, and none by IMAP, POP or SMTP"
        remedy = "Remove it in the enterprise application's permissions, unless the app uses EWS."
        yield Check(f"{app.name}: more than it needs", "wrong", said, remedy)
    of_graph = {value for resource, value in roles if resource == "graph"}
    of_graph |= {value for given in _on("graph", held, found) for value in given.values}
    mail = sorted(value for value in of_graph if value.startswith(_OF_GRAPH))
    if mail and lacking:
        said = f"{', '.join(mail)} of Microsoft Graph: a token for it is refused by IMAP, POP and SMTP"
        remedy = "If it was meant for these, remove it; what is needed stands in the rows above."
        yield Check(f"{app.name}: of the wrong interface", "wrong", said, remedy)


# What users can do themselves.


def _user(protocol: Protocol, found: Found) -> SelfConsent:
    if found.assigned is None:
        return SelfConsent(protocol, "cannot know", "The policy could not be read; the coverage says why.")
    own = [each for each in found.assigned if each.startswith(_OWN)]
    if not own:
        return SelfConsent(protocol, "no", "Users consent to nothing themselves; an administrator does, app by app.")
    if _LEGACY in own:
        return SelfConsent(protocol, "yes", "Users may consent to any app for what it does in their name.")
    other = [each.removeprefix(_OWN) for each in own if each not in (_RECOMMENDED, _MAIL_CLIENTS)]
    answer = _recommended(protocol, found) if _RECOMMENDED in own else _NOTHING_ELSE[protocol]
    if answer.answer == "no" and _MAIL_CLIENTS in own:
        answer = SelfConsent(protocol, "some apps", f"{answer.why} {_EXCEPT}")
    if answer.answer in ("no", "some apps") and other:
        said = f"{answer.why} What the policy {', '.join(other)} adds is not judged here."
        return SelfConsent(protocol, "cannot know", said)
    return answer


_EXCEPT: Final = (
    "Except to the mail programs that Microsoft lists; Apple, Samsung, Android, Thunderbird, Spark and eM Client are "
    "reported."
)
_NOTHING_ELSE: Final = {
    each: SelfConsent(each, "no", "No general policy lets users consent.") for each in permissions.PROTOCOLS
}


def _recommended(protocol: Protocol, found: Found) -> SelfConsent:
    """Return what the policy that Microsoft manages says, by the rules that the tenant shows of it."""
    rules = found.rules.get(_RECOMMENDED.removeprefix(_OWN))
    if rules is None:
        said = "Microsoft manages the policy, and its rules could not be read."
        return SelfConsent(protocol, "cannot know", said)
    excluded = [
        any(_covers(rule, each, found) for rule in rules.get("excludes") or ())
        for each in permissions.of(protocol, "scope")
    ]
    if all(excluded):
        return SelfConsent(protocol, "no", "The policy that Microsoft manages leaves it to an administrator.")
    if any(excluded):
        said = "The policy that Microsoft manages leaves it to an administrator on one resource and not on the other."
        return SelfConsent(protocol, "cannot know", said)
    return SelfConsent(protocol, "yes", "The policy that Microsoft manages lets them, for apps of verified publishers.")


def _covers(rule: Record, wanted: Permission, found: Found) -> bool:
    ids = {wanted.id, *(each.id_of("scope", wanted.value) for each in found.offers if each.resource == wanted.resource)}
    listed = {str(each).lower() for each in rule.get("permissions") or ()}
    resource = str(rule.get("resourceApplication", "")).lower()
    return (
        rule.get("permissionType") in ("delegated", "delegatedUserConsentable")
        and resource in ("any", permissions.APP_IDS[wanted.resource])
        and not listed.isdisjoint({*ids, "all"} - {""})
    )
