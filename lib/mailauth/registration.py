"""App registrations for mail: the values that Graph's records become, which kind fits, and what is wrong with one.

Calls and traps: learn.microsoft.com/graph/api/application-upsert and the Exchange page on OAuth for IMAP, POP and SMTP.
What makes a registration right is a plan of `registrationplan`.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args

from pydantic import TypeAdapter, ValidationError

from . import clouds, permissions
from .checks import Check
from .clouds import Cloud
from .coverage import Coverage
from .permissions import Kind, Offer, Permission, Resource
from .tenants import Protocol
from .wording import counted

__all__ = [
    "CLIENTS",
    "MARK",
    "Advice",
    "App",
    "Ask",
    "Audience",
    "ClientKind",
    "Credential",
    "CredentialKind",
    "Federated",
    "Flow",
    "Found",
    "Platform",
    "Policy",
    "Principal",
    "SmtpBy",
    "Wanted",
    "advice",
    "app",
    "asks",
    "federated_audience",
    "lint",
    "policy",
    "principal",
    "rbac_for_smtp",
    "redirects",
    "wanted_permissions",
]

Record = Mapping[str, Any]
Flow = Literal["delegated", "app-only", "both"]
"""``delegated``: a person signs in; ``app-only``: the app acts as itself."""
Audience = Literal["single", "multi", ""]
"""Whether other tenants may use it; empty: as it is, and this tenant alone where there is none yet."""
CredentialKind = Literal["certificate", "federated", "secret", "none"]
SmtpBy = Literal["rbac", "consent"]
Platform = Literal["publicClient", "web", "spa"]
ClientKind = Literal["program", "nativeclient", "thunderbird"]

CLIENTS: Final[Mapping[ClientKind, str]] = {
    "program": "a program or script that opens the browser and listens on this machine",
    "nativeclient": "a program that shows the sign-in page in a window of its own",
    "thunderbird": "Thunderbird and programs that were modelled on it",
}
"""The kinds of client that people sign in with, and what each is."""

MARK: Final = "mailauth-runbook"
"""A tag on everything that the runbook registers."""

_SEVERAL: Final = "AzureADMultipleOrgs"
_PERSONAL: Final = ("AzureADand", "Personal")
_AUDIENCES: Final[Mapping[Audience, str]] = {"single": "AzureADMyOrg", "multi": _SEVERAL, "": "AzureADMyOrg"}
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f<>;&%]{1,80}")
_LONGEST_SECRET: Final = timedelta(days=730)
_SPAN: Final = TypeAdapter(timedelta)
_MOMENT: Final = TypeAdapter(datetime)


@dataclass(frozen=True)
class Ask:
    """A permission that a registration asks for.

    Args:
        resource_app_id: Whose.
        id: Its id.
        kind: As what it is asked for. Entra takes an id of the one kind under the other, and it never works.
    """

    resource_app_id: str
    id: str
    kind: Kind


@dataclass(frozen=True)
class Credential:
    """What an app proves itself by; never the secret itself.

    Args:
        kind: ``certificate``, ``secret`` or ``federated``.
        id: Its key id, or a federated credential's id.
        name: What it is called.
        starts: From when it counts; None where that is not said.
        ends: Until when; None for one without end.
        thumbprint: A certificate's SHA-1, upper-case hex, as Entra shows it; empty for others.
        issuer: Of a federated credential: whose tokens count.
        subject: Of a federated credential: which of them.
        audience: Of a federated credential: for whom they have to be meant.
        hint: Of a secret: its first letters, which Entra goes on showing; empty where it does not.
    """

    kind: CredentialKind
    id: str
    name: str = ""
    starts: datetime | None = None
    ends: datetime | None = None
    thumbprint: str = ""
    issuer: str = ""
    subject: str = ""
    audience: str = ""
    hint: str = field(default="", repr=False)

    def is_valid(self, now: datetime) -> bool:
        """Whether it counts at *now*."""
        return (self.starts is None or self.starts <= now) and (self.ends is None or now < self.ends)


@dataclass(frozen=True)
class Principal:
    """The enterprise application of a registration.

    Args:
        object_id: Its id, which Exchange is told.
        enabled: Whether anybody can sign in to it.
        disabled_by_microsoft: Why Microsoft has switched it off; empty where it has not.
    """

    object_id: str
    enabled: bool = True
    disabled_by_microsoft: str = ""


@dataclass(frozen=True)
class App:
    """An app registration.

    Args:
        object_id: Its id in Graph, which no program is told.
        client_id: Its application id.
        unique_name: The name by which it is made once and found again; empty for one made elsewhere.
        name: Its display name, chosen by whoever made it.
        audience: Who may sign in, in Graph's words, such as ``AzureADMyOrg``.
        redirects: Redirect addresses by platform.
        fallback_public: Whether it counts as a public client: no credential, and device code is let in.
        asks: The permissions that it asks for.
        credentials: What it proves itself by.
        created: When it was made; None where that is not said.
        tags: Its tags.
        keys: Graph's records of its certificates with their public parts: a change has to send all of them again.
    """

    object_id: str
    client_id: str
    unique_name: str = ""
    name: str = ""
    audience: str = "AzureADMyOrg"
    redirects: Mapping[Platform, tuple[str, ...]] = field(default_factory=dict)
    fallback_public: bool | None = None
    asks: tuple[Ask, ...] = ()
    credentials: tuple[Credential, ...] = ()
    created: datetime | None = None
    tags: tuple[str, ...] = ()
    keys: tuple[Record, ...] = field(default=(), repr=False)

    def of_kind(self, *kinds: CredentialKind) -> tuple[Credential, ...]:
        """Return its credentials of these kinds."""
        return tuple(each for each in self.credentials if each.kind in kinds)


@dataclass(frozen=True)
class Federated:
    """Whose tokens an app is to take in place of a secret.

    Args:
        name: A name for it, unchangeable once made.
        issuer: The issuer in these tokens, letter by letter.
        subject: The subject in them, letter by letter.

    Raises:
        ValueError: A field is empty or longer than Entra takes.
    """

    name: str
    issuer: str
    subject: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{2,119}", self.name):
            raise ValueError(f"federated name: found {self.name!r}; expected 3 to 120 letters, digits, - and _")
        if not re.fullmatch(r"https://\S{1,592}", self.issuer):
            raise ValueError(f"federated issuer: found {self.issuer!r}; expected an https address")
        if not self.subject.strip() or len(self.subject) > 600:
            raise ValueError("federated subject: expected 1 to 600 characters, as the other provider writes it")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """The registration that is wanted.

    Args:
        name: What the app is called, to people and in the tenants file.
        flow: Who signs in.
        protocols: What it is for.
        audience: Whether it serves this tenant alone; empty leaves one that serves several as it is.
        clients: What people sign in with; needed for a delegated app.
        credential: What the app itself proves itself by; ``none`` for an app that only people sign in to.
        federated: For ``federated``: whose tokens.
        smtp: What lets an app that acts as itself send; see `tenants.MailApp`.
        consent_redirect: Where an administrator's browser is sent back to after consenting.
        lasts: How long a certificate or secret is to last.

    Raises:
        ValueError: A field is wrong, or two do not fit each other.
    """

    name: str
    flow: Flow
    protocols: tuple[Protocol, ...] = ("imap", "pop", "smtp")
    audience: Audience = "single"
    clients: tuple[ClientKind, ...] = ()
    credential: CredentialKind = "certificate"
    federated: Federated | None = None
    smtp: SmtpBy = "consent"
    consent_redirect: str = "http://localhost"
    lasts: timedelta = timedelta(days=365)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not self.slug:
            raise ValueError(f"app: found {self.name!r}; expected a name of 1 to 80 characters with a letter or digit")
        for said, values, known in (
            ("flow", (self.flow,), get_args(Flow)),
            ("protocols", self.protocols, permissions.PROTOCOLS),
            ("audience", (self.audience,), get_args(Audience)),
            ("clients", self.clients, tuple(CLIENTS)),
            ("credential", (self.credential,), get_args(CredentialKind)),
            ("smtp", (self.smtp,), get_args(SmtpBy)),
        ):
            if wrong := [each for each in values if each not in known]:
                raise ValueError(f"{said}: found {wrong[0]!r}; expected one of {', '.join(filter(None, known))}")
        if not self.protocols:
            raise ValueError("protocols: found none; expected some of imap, pop, smtp")
        if self.acts_alone == (self.credential == "none"):
            expected = "a credential" if self.acts_alone else "none: people prove who they are"
            raise ValueError(f"credential: found {self.credential} for flow {self.flow}; expected {expected}")
        if (self.credential == "federated") != (self.federated is not None):
            raise ValueError("federated: credential federated needs NAME ISSUER SUBJECT, and no other takes them")
        if self.for_people and not self.clients:
            raise ValueError(f"clients: found none for flow {self.flow}; expected one of {', '.join(CLIENTS)}")
        if not timedelta(days=1) <= self.lasts <= _LONGEST_SECRET:
            raise ValueError(f"days: found {self.lasts.days}; expected 1 to {_LONGEST_SECRET.days}")

    @property
    def slug(self) -> str:
        """The name as file names and Graph's unique names take it."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")

    @property
    def unique_name(self) -> str:
        """The name by which Graph makes the registration once and finds it again."""
        return f"{MARK}-{self.slug}"

    @property
    def for_people(self) -> bool:
        """Whether people sign in to it."""
        return self.flow != "app-only"

    @property
    def acts_alone(self) -> bool:
        """Whether it acts as itself."""
        return self.flow != "delegated"

    @property
    def by_rbac(self) -> bool:
        """Whether a role in Exchange lets it send, so that it must not ask for SMTP.SendAsApp."""
        return self.acts_alone and "smtp" in self.protocols and self.smtp == "rbac"

    @property
    def graph_audience(self) -> str:
        """The audience in Graph's words, for an app that is to be made."""
        return _AUDIENCES[self.audience]

    def leaves(self, audience: str) -> bool:
        """Whether the audience that an app has stays: others may live by it, and only a person knows that."""
        return audience == self.graph_audience or (not self.audience and bool(audience))


@dataclass(frozen=True)
class Policy:
    """What the tenant's app management policies let this app have.

    Args:
        secrets: Whether a client secret may be added.
        secret_lasts: The longest that one may last; None for no limit.
        certificate_lasts: The same for a certificate.
        trusted_issuers: Whether a certificate has to come from an authority that the tenant trusts.
        names: The policies that say so, for a person to look up.
    """

    secrets: bool = True
    secret_lasts: timedelta | None = None
    certificate_lasts: timedelta | None = None
    trusted_issuers: bool = False
    names: tuple[str, ...] = ()

    def lasts(self, wanted: Wanted) -> timedelta:
        """Return how long the credential of *wanted* may last, which is no longer than wanted."""
        longest = self.secret_lasts if wanted.credential == "secret" else self.certificate_lasts
        return min(wanted.lasts, longest) if longest else wanted.lasts


@dataclass(frozen=True)
class Found:
    """What a look brought.

    Args:
        app: The registration; None where there is none, or `known` is False.
        principal: Its enterprise application; None where there is none.
        offers: The mail resources as the tenant has them.
        policy: None where it could not be read.
        known: Whether the registrations could be read.
        coverage: How far the look reached.
    """

    app: App | None = None
    principal: Principal | None = None
    offers: tuple[Offer, ...] = ()
    policy: Policy | None = None
    known: bool = True
    coverage: tuple[Coverage, ...] = ()


# Graph's records as values.


def app(record: Record, federated: Iterable[Record] = ()) -> App:
    """Return Graph's record of a registration, and of its federated credentials, as a value."""
    return App(
        object_id=str(record.get("id", "")),
        client_id=str(record.get("appId", "")),
        unique_name=str(record.get("uniqueName") or ""),
        name=str(record.get("displayName") or ""),
        audience=str(record.get("signInAudience") or ""),
        redirects={each: _uris(record, each) for each in get_args(Platform)},
        fallback_public=record.get("isFallbackPublicClient"),
        asks=tuple(asks(record)),
        credentials=(
            *(_certificate(each) for each in record.get("keyCredentials") or ()),
            *(_secret(each) for each in record.get("passwordCredentials") or ()),
            *map(_federated, federated),
        ),
        created=_moment(record.get("createdDateTime")),
        tags=tuple(map(str, record.get("tags") or ())),
        keys=tuple(record.get("keyCredentials") or ()),
    )


def asks(record: Record) -> Iterator[Ask]:
    """Yield what a registration asks for."""
    for resource in record.get("requiredResourceAccess") or ():
        for each in resource.get("resourceAccess") or ():
            kind: Kind = "role" if each.get("type") == "Role" else "scope"
            yield Ask(str(resource.get("resourceAppId", "")).lower(), str(each.get("id", "")).lower(), kind)


def principal(record: Record) -> Principal:
    """Return Graph's record of an enterprise application as a value."""
    return Principal(
        str(record.get("id", "")),
        record.get("accountEnabled") is not False,
        str(record.get("disabledByMicrosoftStatus") or ""),
    )


def policy(default: Record, own: Iterable[Record], *, created: datetime | None) -> Policy:
    """Return what the policies come to for one app.

    A policy that is assigned to the app decides for each restriction that it names; the tenant's default decides the
    rest, where it is switched on.

    Args:
        default: The tenant's default policy.
        own: The policies that are assigned to the app.
        created: When the app was made; None for one that is to be made. Restrictions spare apps older than they are.
    """
    named: dict[str, str] = {}
    secrets: dict[str, Record] = {}
    keys: dict[str, Record] = {}
    sources = [(default, "applicationRestrictions"), *((each, "restrictions") for each in own)]
    for record, part in sources:
        if record.get("isEnabled") is not True:
            continue
        for into, credentials in ((secrets, "passwordCredentials"), (keys, "keyCredentials")):
            for each in (record.get(part) or {}).get(credentials) or ():
                into[str(each.get("restrictionType"))] = each
                named[str(record.get("displayName") or "the tenant's default policy")] = ""
    held = {name: each for name, each in {**secrets, **keys}.items() if _in_force(each, created)}
    return Policy(
        secrets="passwordAddition" not in held,
        secret_lasts=_lasts(held.get("passwordLifetime")),
        certificate_lasts=_lasts(held.get("asymmetricKeyLifetime")),
        trusted_issuers="trustedCertificateAuthority" in held,
        names=tuple(named) if held else (),
    )


def _in_force(restriction: Record, created: datetime | None) -> bool:
    if restriction.get("state", "enabled") != "enabled":
        return False
    after = _moment(restriction.get("restrictForAppsCreatedAfterDateTime"))
    return after is None or created is None or created >= after


def _lasts(restriction: Record | None) -> timedelta | None:
    try:
        return _SPAN.validate_python((restriction or {}).get("maxLifetime"))
    except ValidationError:
        return None


def _uris(record: Record, platform: str) -> tuple[str, ...]:
    return tuple(map(str, (record.get(platform) or {}).get("redirectUris") or ()))


def _certificate(record: Record) -> Credential:
    return Credential(**_dated("certificate", record), thumbprint=str(record.get("customKeyIdentifier") or ""))


def _secret(record: Record) -> Credential:
    return Credential(**_dated("secret", record), hint=str(record.get("hint") or ""))


def _dated(kind: CredentialKind, record: Record) -> dict[str, Any]:
    return {
        "kind": kind,
        "id": str(record.get("keyId", "")),
        "name": str(record.get("displayName") or ""),
        "starts": _moment(record.get("startDateTime")),
        "ends": _moment(record.get("endDateTime")),
    }


def _federated(record: Record) -> Credential:
    return Credential(
        "federated",
        str(record.get("id", "")),
        str(record.get("name") or ""),
        issuer=str(record.get("issuer") or ""),
        subject=str(record.get("subject") or ""),
        audience=next(iter(map(str, record.get("audiences") or ())), ""),
    )


def _moment(value: object) -> datetime | None:
    try:
        found = _MOMENT.validate_python(value)
    except ValidationError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# What a cloud has.

# Audiences of federated credentials, by Entra's login host; no page of the vendor's was read for the sovereign ones.
_EXCHANGE_OF_TOKENS: Final = {
    "login.microsoftonline.us": "api://AzureADTokenExchangeUSGov",
    "login.partner.microsoftonline.cn": "api://AzureADTokenExchangeChina",
}


def federated_audience(cloud: Cloud) -> tuple[str, bool]:
    """Return the audience that federated credentials have in *cloud*, and whether a page of the vendor's says so."""
    host = cloud.login.rstrip("/").rpartition("/")[2]
    found = _EXCHANGE_OF_TOKENS.get(host)
    return (found, False) if found else ("api://AzureADTokenExchange", True)


def rbac_for_smtp(cloud: Cloud) -> bool:
    """Whether *cloud* is known to have the role by which an app sends without a permission in Entra.

    The page on it speaks of the worldwide cloud; that the others have it was not verified.
    """
    return cloud.name not in clouds.built_in() or cloud.name == "public"


def redirects(wanted: Wanted, cloud: Cloud) -> Mapping[Platform, tuple[str, ...]]:
    """Return the redirect addresses that *wanted* needs, by platform."""
    found = {
        "program": "http://localhost",
        "nativeclient": f"{cloud.login.rstrip('/')}/common/oauth2/nativeclient",
        "thunderbird": "https://localhost",
    }
    public = dict.fromkeys(found[each] for each in wanted.clients if wanted.for_people)
    back = wanted.consent_redirect
    # One address stands on one platform only: Entra refuses it on a second.
    web = (back,) if back and back not in public else ()
    return {"publicClient": tuple(public), "web": web}


# Which kind fits.


@dataclass(frozen=True)
class Advice:
    """A way for a sender or reader of mail.

    Args:
        choice: ``delegated``, ``app-only`` or ``no IMAP``: another way than these protocols.
        title: What it is.
        fits: When it is the right one.
        costs: What comes with it.
        advised: Whether it is the one for what was said.
    """

    choice: Literal["delegated", "app-only", "no IMAP"]
    title: str
    fits: str
    costs: str
    advised: bool = False


_WAYS: Final = (
    Advice(
        "delegated",
        "A person signs in",
        "a mail program, or one service account whose sign-in can be kept (a refresh token) and renewed",
        "it ends with the person: a new password, a blocked account or a Conditional Access policy stops it",
    ),
    Advice(
        "app-only",
        "The app acts as itself",
        "a program that runs with nobody there: a script, a ticket system, a scanner's server",
        "whoever holds its credential opens every mailbox that Exchange lets it open, so each is granted by name",
    ),
    Advice(
        "no IMAP",
        "Microsoft Graph instead",
        "somebody can change the program's code, and it reads or sends for more than a few mailboxes",
        "code is written anew; then register it for Graph's own mail permissions, limited to its mailboxes by RBAC for "
        "Applications, and not here. Who only sends, and inside the tenant alone, may be served by High Volume Email",
    ),
)


def advice(
    protocols: Collection[Protocol], *, attended: bool | None = None, own_code: bool | None = None
) -> tuple[Advice, ...]:
    """Return the ways, with the advised one marked; none is where the answers do not decide.

    Args:
        protocols: What it is for.
        attended: Whether a person signs in; None where nobody said.
        own_code: Whether somebody can change the program; None where nobody said.
    """
    chosen = "no IMAP" if own_code and attended is False else {True: "delegated", False: "app-only", None: ""}[attended]
    # Graph has no POP: a program that must speak it stays with it.
    if chosen == "no IMAP" and "pop" in protocols and len(protocols) == 1:
        chosen = "app-only"
    return tuple(replace(each, advised=each.choice == chosen) for each in _WAYS)


# What is wrong with one.


def lint(found: Found, wanted: Wanted, cloud: Cloud, *, now: datetime, soon_days: int = 30) -> tuple[Check, ...]:
    """Return what is right and wrong about the registration that was found, for what is wanted.

    Args:
        found: The look.
        wanted: What it is for.
        cloud: Where it is.
        now: The clock.
        soon_days: So many days before it ends a credential is called ending.
    """
    if not found.known:
        remedy = "The coverage says why, and what helps."
        return (Check("registration", "cannot know", "it could not be read", remedy),)
    if found.app is None:
        remedy = "The plan below makes it."
        return (Check("registration", "not configured", f"there is no {wanted.unique_name}", remedy),)
    one = found.app
    return (
        Check("registration", "ok", f"{one.name}, application id {one.client_id}"),
        permissions.check(found.offers),
        *_presence(found.principal),
        *_audience(one, wanted),
        *_permissions(one, wanted, found.offers),
        *_public(one, wanted),
        *_redirects(one, redirects(wanted, cloud)),
        *_credentials(one, wanted, now, soon_days),
    )


def _presence(found: Principal | None) -> Iterator[Check]:
    name = "enterprise application"
    if found is None:
        remedy = "The plan makes it; Exchange is told of an app by its object id, and nobody can consent without it."
        yield Check(name, "wrong", "the tenant has none for this registration", remedy)
    elif found.disabled_by_microsoft:
        yield Check(name, "wrong", f"Microsoft has disabled the app: {found.disabled_by_microsoft}", "Register anew.")
    elif not found.enabled:
        remedy = "Somebody switched it off. Ask who, then switch on “Enabled for users to sign-in” in its properties."
        yield Check(name, "wrong", "it is switched off in this tenant (AADSTS7000112)", remedy)
    else:
        yield Check(name, "ok", f"object id {found.object_id}: the one that Exchange is told")


def _audience(one: App, wanted: Wanted) -> Iterator[Check]:
    if one.audience == wanted.graph_audience:
        yield Check("audience", "ok", one.audience)
    elif wanted.leaves(one.audience) and one.audience.startswith(_PERSONAL):
        said = f"{one.audience}: personal accounts may sign in too; it is Graph's default, seldom meant, and left so"
        yield Check("audience", "wrong", said, "Ask who uses it; if only this tenant does, say so: single.")
    elif wanted.leaves(one.audience):
        said = f"{one.audience}: other tenants may use it, and it is left so"
        yield Check("audience", "cannot know", said, "Where none does, say that it is for this tenant alone: single.")
    elif one.audience.startswith(_PERSONAL):
        said = f"{one.audience}: personal accounts may sign in too; it is Graph's default, and seldom meant"
        yield Check("audience", "wrong", said, f"The plan sets {wanted.graph_audience}.")
    elif wanted.audience == "multi":
        said = f"{one.audience}: other tenants cannot use it (AADSTS50194, AADSTS700016)"
        yield Check("audience", "wrong", said, f"The plan sets {wanted.graph_audience}.")
    else:
        said = f"{one.audience}: every tenant can use it"
        yield Check("audience", "wrong", said, f"The plan sets {wanted.graph_audience}, unless other tenants use it.")


def _permissions(one: App, wanted: Wanted, offers: Sequence[Offer]) -> Iterator[Check]:
    known = {(permissions.APP_IDS[offer.resource], kind, id.lower()): value for offer, kind, value, id in _all(offers)}
    held = set()
    for ask in one.asks:
        value = known.get((ask.resource_app_id, ask.kind, ask.id), "")
        other = known.get((ask.resource_app_id, _other(ask.kind), ask.id), "")
        resource = _resource(ask.resource_app_id)
        if value and resource:
            held.add((resource, ask.kind, value))
            yield from _odd(resource, ask.kind, value, wanted)
        elif other:
            remedy = f"Remove it, and ask for it as {_KINDS[_other(ask.kind)]}: the plan adds what is needed."
            yield Check("wrong type", "wrong", f"{other} is asked for as {_KINDS[ask.kind]}", remedy)
        elif resource and any(offer.resource == resource for offer in offers):
            remedy = "Remove it, unless somebody knows it: consent to all that the app asks for fails with it."
            said = f"{permissions.titles()[resource]} offers nothing with the id {ask.id}"
            yield Check("unknown permission", "wrong", said, remedy)
    yield from _missing(held, wanted)


_KINDS: Final[Mapping[Kind, str]] = {"scope": "a delegated permission", "role": "an application permission"}


def _odd(resource: Resource, kind: Kind, value: str, wanted: Wanted) -> Iterator[Check]:
    if value == "full_access_as_app":
        said = "it opens every mailbox by EWS, which ends, and none by IMAP, POP or SMTP"
        remedy = "Remove it, unless the app still uses EWS; it is often picked by mistake."
        yield Check(value, "wrong", said, remedy)
    elif resource == "graph" and kind == "role" and value.startswith("Mail."):
        said = f"{value} is an application permission of Microsoft Graph: IMAP, POP and SMTP refuse a token for it"
        remedy = "Remove it, unless the app calls Graph as well. Exchange's own permissions are what is needed."
        yield Check("wrong interface", "wrong", said, remedy)
    elif resource == "graph" and value.startswith("Mail."):
        said = f"{value} is for Microsoft Graph's own calls; it opens neither IMAP nor POP, and sends nothing by SMTP"
        yield Check("Graph only", "wrong", said, "Remove it, unless the app calls Graph as well.")
    elif value == "SMTP.SendAsApp" and wanted.by_rbac:
        said = "it is asked for, and a role in Exchange is to let the app send: the permission would defeat the role"
        remedy = "The plan takes it out of the registration; where it was consented to, notebook 30 takes that back."
        yield Check("SMTP.SendAsApp", "wrong", said, remedy)


def _missing(held: Collection[tuple[Resource, Kind, str]], wanted: Wanted) -> Iterator[Check]:
    for kind in ("scope", "role"):
        for protocol in wanted.protocols if _uses(wanted, kind) else ():
            one_of = permissions.of(protocol, kind)
            name = f"{protocol.upper()} {'for people' if kind == 'scope' else 'for the app itself'}"
            if kind == "role" and protocol == "smtp" and wanted.by_rbac:
                yield Check(name, "ok", "by a role in Exchange, which notebook 40 gives")
            elif any((each.resource, each.kind, each.value) in held for each in one_of):
                yield Check(name, "ok", f"{one_of[0].value} is asked for")
            else:
                yield Check(
                    name, "wrong", f"{one_of[0].value} is not asked for", "The plan adds it; then consent again."
                )


def _uses(wanted: Wanted, kind: Kind) -> bool:
    return wanted.for_people if kind == "scope" else wanted.acts_alone


def _other(kind: Kind) -> Kind:
    return "role" if kind == "scope" else "scope"


def _resource(app_id: str) -> Resource | None:
    return next((name for name, known in permissions.APP_IDS.items() if known == app_id), None)


def _all(offers: Iterable[Offer]) -> Iterator[tuple[Offer, Kind, str, str]]:
    for offer in offers:
        yield from ((offer, "scope", value, id) for value, id in offer.scopes.items())
        yield from ((offer, "role", value, id) for value, id in offer.roles.items())


def _public(one: App, wanted: Wanted) -> Iterator[Check]:
    name = "public client"
    if wanted.for_people and not one.fallback_public:
        said = "“Allow public client flows” is off: device code and programs without a secret get AADSTS7000218"
        yield Check(name, "wrong", said, "The plan switches it on.")
    elif not wanted.for_people and one.fallback_public:
        said = "“Allow public client flows” is on, and nobody is meant to sign in to this app: device code is open"
        remedy = (
            "The plan leaves it on: whoever uses it would be cut off. Ask; then switch it off under Authentication."
        )
        yield Check(name, "wrong", said, remedy)
    else:
        yield Check(name, "ok", "on" if one.fallback_public else "off")


def _redirects(one: App, needed: Mapping[Platform, tuple[str, ...]]) -> Iterator[Check]:
    for platform, addresses in needed.items():
        for address in addresses:
            name = f"redirect {address}"
            elsewhere = [other for other in get_args(Platform) if address in one.redirects.get(other, ())]
            if platform in elsewhere:
                yield Check(name, "ok", _PLATFORMS[platform])
            elif elsewhere and platform == "web":
                yield Check(name, "ok", f"it stands under {_PLATFORMS[elsewhere[0]]}, which serves consent links too")
            elif elsewhere:
                said = f"it stands under {_PLATFORMS[elsewhere[0]]}, where a program without a secret is refused"
                yield Check(name, "wrong", said, f"The plan moves it to {_PLATFORMS[platform]}.")
            else:
                yield Check(name, "wrong", "it is not registered (AADSTS50011)", "The plan adds it.")


_PLATFORMS: Final[Mapping[str, str]] = {
    "publicClient": "mobile and desktop applications",
    "web": "web",
    "spa": "single-page application",
}


def _credentials(one: App, wanted: Wanted, now: datetime, soon_days: int) -> Iterator[Check]:
    for each in one.of_kind("certificate", "secret"):
        yield _dated_check(each, now, soon_days)
    valid = [each for each in one.credentials if each.is_valid(now)]
    if not wanted.acts_alone:
        return
    if not valid:
        found = "none" if not one.credentials else "all have ended"
        yield Check("credential", "wrong", found, f"The plan adds a {wanted.credential}.")
    elif wanted.credential != "secret" and {each.kind for each in valid} == {"secret"}:
        remedy = f"The plan adds a {wanted.credential}; retire the secret when the new credential is proven."
        yield Check("credential", "wrong", "a secret is all that it has, and a certificate could do its work", remedy)


def _dated_check(each: Credential, now: datetime, soon_days: int) -> Check:
    name = f"{each.kind} {each.name or each.id}"
    if each.ends is None:
        return Check(name, "ok", "no end is said")
    day, days = each.ends.date().isoformat(), (each.ends - now) // timedelta(days=1)
    if each.ends <= now:
        remedy = "Add a new one and prove it; then retire this one."
        return Check(name, "wrong", f"it ended on {day}, {counted(-days, 'day')} ago", remedy)
    if days < soon_days:
        remedy = "Rotate: add a new one, prove it, and only then retire this one."
        return Check(name, "wrong", f"it ends on {day}, in {counted(days, 'day')}", remedy)
    return Check(name, "ok", f"it ends on {day}, in {counted(days, 'day')}")


def wanted_permissions(wanted: Wanted) -> tuple[Permission, ...]:
    """Return what *wanted* has to ask for: delegated permissions where the portal puts them, roles of Exchange."""
    found = [
        each
        for kind in ("scope", "role")
        if _uses(wanted, kind)
        for protocol in wanted.protocols
        for each in permissions.of(protocol, kind)
        if each.resource == ("graph" if kind == "scope" else "exchange")
        and not (each.value == "SMTP.SendAsApp" and wanted.by_rbac)
    ]
    stay = [each for each in permissions.known() if each.value == "offline_access" and wanted.for_people]
    return (*found, *stay)
