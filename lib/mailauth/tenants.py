"""The tenants file: which tenants there are, where their sign-ins are found, and who signs in to look.

What a person writes is checked whole before anything runs; every field that is wrong is named with its line.
`tenants.example.yaml` explains the fields. What the runbook itself made for a tenant stands in
``state/<tenant>.yaml`` beside the file and is read as if it had been written under the tenant's own lines.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta
from importlib import metadata
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationInfo

from . import clouds, deadlines, documents, secretrefs
from .clouds import Cloud
from .deadlines import Calendar
from .documents import Document, Mark, Place, Problem, complain, wrong
from .errors import ConfigurationError, SecretError
from .guids import is_guid
from .secretrefs import SecretRef

__all__ = [
    "PEOPLE",
    "WAVES",
    "Admin",
    "Canary",
    "Closing",
    "Configuration",
    "Defaults",
    "Excepted",
    "Flow",
    "MailApp",
    "Mailbox",
    "PersonKind",
    "Source",
    "Tenant",
    "load",
    "load_text",
    "locate",
]

_GROUP = "mailauth.configurations"
_FORBID = ConfigDict(extra="forbid", str_strip_whitespace=True)
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_RESOURCE = re.compile(
    r"/subscriptions/[0-9a-f-]{36}/resourceGroups/[\w.()-]{1,90}/providers/Microsoft\.OperationalInsights/workspaces/"
    r"[A-Za-z0-9-]{4,63}",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"[^@\s\"<>()\[\],;:\\\x00-\x1f]{1,64}@[^@\s]{1,253}")
# A tenant's name becomes a folder, and Windows keeps these for devices.
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}

T = TypeVar("T")
_Info: TypeAlias = "ValidationInfo[Any]"
PersonKind = Literal["interactive", "pasted", "device-code"]
SignInKind = Literal["interactive", "pasted", "certificate", "federated", "managed-identity", "device-code", "secret"]
FlowKind = Literal[SignInKind, "token"]
Protocol = Literal["imap", "pop", "smtp"]


def _guid(text: str) -> str:
    if not is_guid(text):
        raise ValueError
    return text.lower()


def _directory_id(text: str) -> str:
    if not (is_guid(text) or _DOMAIN.fullmatch(text.lower())):
        raise ValueError
    return text.lower()


def _tenant_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError
    if text in _DEVICES:
        raise complain(f"found {text!r}, which Windows keeps for a device; expected another name")
    return text


def _cloud_name(text: str, info: _Info) -> str:
    known = info.context["clouds"]
    if text.lower() == "gcc":
        raise complain("found 'gcc'; expected public: GCC tenants use the worldwide hosts, only GCC High has its own")
    if text not in known:
        built_in, own = list(clouds.built_in()), [name for name in known if name not in clouds.built_in()]
        raise wrong(f"one of {', '.join(built_in)} or {', '.join(own) or 'a name'} under clouds")
    return text


def _resource_id(text: str) -> str:
    if not _RESOURCE.fullmatch(text):
        raise ValueError
    return text


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError
    return text


def _without_login(text: str) -> str:
    if "@" in text:
        raise complain("found a user name or password in a URL, not shown; expected one without")
    return text


def _https(text: str) -> str:
    parts = urlsplit(_without_login(text))
    if parts.scheme != "https" or not parts.hostname or parts.port == 0 or parts.query or parts.fragment:
        raise ValueError
    return text.rstrip("/")


def _cluster(text: str) -> str:
    # A Kusto emulator or DuckDB behind its protocol answers on loopback, and without TLS.
    plain = urlsplit(text)
    return text.rstrip("/") if plain.scheme == "http" and plain.hostname in _LOOPBACK else _https(text)


def _proxy(text: str) -> str:
    if text in ("environment", "none"):
        return text
    parts = urlsplit(_without_login(text))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError
    return text.rstrip("/")


def _host_and_port(text: str) -> str:
    clouds.host_and_port(text)
    return text


def _secret(value: object, info: _Info) -> object:
    try:
        return secretrefs.parse(value, base=info.context["base"]) if isinstance(value, str) else value
    except SecretError as error:
        raise complain(error.message) from None


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _some(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise ValueError
    return values


def _filled(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _span(value: object) -> object:
    match = re.fullmatch(r"(\d{1,5}) +(day|week|year)s?", str(value).strip())
    if not match or int(match[1]) == 0:
        raise ValueError
    return timedelta(days=int(match[1]) * {"day": 1, "week": 7, "year": 365}[match[2]])


def _dates(value: object) -> object:
    first, dots, last = str(value).partition("..")
    if not dots:
        raise ValueError
    begin, end = date.fromisoformat(first.strip()), date.fromisoformat(last.strip())
    if end < begin:
        raise complain(f"found an end ({end}) before its begin ({begin}); expected the earlier date first")
    return begin, end


def _distinct(key: Callable[[T], str]) -> Callable[[tuple[T, ...]], tuple[T, ...]]:
    def checked(values: tuple[T, ...]) -> tuple[T, ...]:
        seen: set[str] = set()
        for name in map(key, values):
            if name.lower() in seen:
                raise complain(f"found {name!r} twice; expected each once")
            seen.add(name.lower())
        return values

    return checked


_Guid = Annotated[str, AfterValidator(_guid)]
_WORKSPACE_ID = "the workspace's id, a GUID (Azure portal, the workspace's overview)"
_ClientId = Annotated[
    # The secret is what gets pasted here by mistake.
    str, AfterValidator(_guid), Field(description="the app's client id, a GUID", repr=False)
]
_Reference = Annotated[
    SecretRef | None, BeforeValidator(_secret), Field(description=f"a reference: {secretrefs.FORMS}", repr=False)
]
_Keep = Annotated[timedelta, BeforeValidator(_span), Field(description="a length such as 90 days, 12 weeks or 2 years")]
_Freeze = Annotated[
    tuple[date, date] | None,
    BeforeValidator(_dates),
    Field(description="two dates, both included, such as 2026-12-14..2027-01-06"),
]


_CalendarFile = Annotated[str, AfterValidator(_filled), Field(description="the path of a TOML file of dates")]
_KINDS_OF_SIGN_IN = f"one of {', '.join(get_args(SignInKind))}"
_KINDS_OF_FLOW = f"one of {', '.join(get_args(FlowKind))}"


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One way to get a token.

    Args:
        kind: How.
        secret: For ``secret``: the client secret.
        certificate: For ``certificate``: the certificate and its key, as PEM or PFX (PKCS #12).
        password: For ``certificate``: the passphrase of the key or the PFX, where it has one.
        assertion: For ``federated``: the token of the other identity provider; None leaves it to the environment.
        token: For ``token``: an access token for mail that somebody else got; it is used as it is.
        identity: For ``managed-identity``: whether it is the ``system``'s or one that a ``user`` assigned, which is
            asked for by the app's client_id.
    """

    __pydantic_config__ = _FORBID

    kind: Annotated[FlowKind, Field(description=_KINDS_OF_FLOW)]
    secret: _Reference = None
    certificate: _Reference = None
    password: _Reference = None
    assertion: _Reference = None
    token: _Reference = None
    identity: Annotated[Literal["user", "system"], Field(description="one of user, system")] = "user"


@dataclass(frozen=True, kw_only=True)
class Admin:
    """Who signs in: to read the tenant's logs and settings, or to change them.

    Args:
        flow: How.
        client_id: The app that signs in; for ``managed-identity`` the user-assigned one, empty for the system's.
        account: The person who is expected to sign in, to fill in the sign-in page.
        secret: As in `Flow`, and so are the three that follow.
        remember: Where a person's sign-in is kept for the next run: empty for a file where the platform can encrypt
            one, ``never``, ``encrypted`` to insist on it, ``plain`` to do without.
    """

    __pydantic_config__ = _FORBID

    flow: Annotated[SignInKind, Field(description=_KINDS_OF_SIGN_IN)] = "interactive"
    client_id: _ClientId = ""
    account: Annotated[
        str, AfterValidator(_address), Field(description="an address such as admin@woodgrove.example")
    ] = ""
    secret: _Reference = None
    certificate: _Reference = None
    password: _Reference = None
    assertion: _Reference = None
    remember: Annotated[
        Literal["", "never", "encrypted", "plain"], Field(description="one of never, encrypted, plain")
    ] = ""


# What each flow cannot do without, and what else it can use.
_NEEDS: Mapping[str, tuple[set[str], set[str]]] = {
    "interactive": (set(), set()),
    "pasted": (set(), set()),
    "device-code": (set(), set()),
    "managed-identity": (set(), set()),
    "federated": (set(), {"assertion"}),
    "certificate": ({"certificate"}, {"password"}),
    "secret": ({"secret"}, set()),
    "token": ({"token"}, set()),
}


PEOPLE: Final = get_args(PersonKind)
"""The flows in which a person signs in."""


def _complete(kind: str, given: object) -> None:
    needed, usable = _NEEDS[kind]
    references = ("secret", "certificate", "password", "assertion", "token")
    held = {name for name in references if getattr(given, name, None)}
    if missing := sorted(needed - held):
        raise complain(
            f"flow {kind} has no {missing[0]}; expected `{missing[0]}:` with a reference ({secretrefs.FORMS})"
        )
    if unused := sorted(held - needed - usable):
        raise complain(f"flow {kind} does not use {unused[0]}; expected it gone, or another flow")


def _complete_flow(flow: Flow) -> Flow:
    _complete(flow.kind, flow)
    if flow.identity != "user" and flow.kind != "managed-identity":
        raise complain(f"flow {flow.kind} does not use identity; expected it gone: no identity of a machine signs in")
    return flow


def _complete_admin(admin: Admin) -> Admin:
    _complete(admin.flow, admin)
    if admin.flow in ("certificate", "secret") and not admin.client_id:
        raise complain(f"flow {admin.flow} has no client_id; expected the id of the app that signs in, a GUID")
    if admin.remember and admin.flow not in PEOPLE:
        raise complain(f"flow {admin.flow} does not use remember; expected it gone: no person signs in")
    return admin


def _complete_operator(operator: Admin) -> Admin:
    if operator.remember not in ("", "never"):
        raise complain("found remember; expected it gone: a sign-in that can change a tenant stays in memory")
    return _complete_admin(operator)


@dataclass(frozen=True, kw_only=True)
class MailApp:
    """An app registration that opens mailboxes.

    Args:
        name: What it is called here.
        client_id: Its id; empty until it is registered.
        flows: How it gets its tokens.
        smtp: For an app that sends as itself, what lets it: the permission SMTP.SendAsApp by ``consent``, or a role in
            Exchange by ``rbac``. The one defeats the other.
    """

    __pydantic_config__ = _FORBID

    name: Annotated[str, AfterValidator(_filled), Field(description="a name for the app, as text")]
    client_id: _ClientId = ""
    flows: Annotated[
        tuple[Annotated[Flow, AfterValidator(_complete_flow)], ...],
        Field(description="a list such as [{kind: interactive}]"),
    ] = ()
    smtp: Annotated[Literal["consent", "rbac"], Field(description="one of consent, rbac")] = "consent"


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """A mailbox that is proven on the wire.

    Args:
        address: Its address.
        protocols: Which ones.
        kind: Whose it is.
        send_as: Other addresses that it sends from.
    """

    __pydantic_config__ = _FORBID

    address: Annotated[
        str, AfterValidator(_address), Field(description="an address such as invoices@woodgrove.example")
    ]
    protocols: Annotated[
        tuple[Protocol, ...],
        AfterValidator(_some),
        Field(description="a list of imap, pop, smtp, such as [imap, smtp]"),
    ] = ("imap", "pop", "smtp")
    kind: Annotated[Literal["user", "shared", "resource"], Field(description="one of user, shared, resource")] = "user"
    send_as: Annotated[
        tuple[Annotated[str, AfterValidator(_address)], ...], Field(description="a list of addresses")
    ] = ()


def _wave_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError
    if text in WAVES:
        raise complain(f"found {text!r}, which is a wave of its own; expected another name")
    return text


def _until(value: object) -> object:
    # A bare number would pass for seconds since 1970.
    if isinstance(value, datetime) or not isinstance(value, str | date):
        raise ValueError
    return value


WAVES: Final = ("pilot", "tenant")
"""The waves of closing that no group may be called as: the first, and the last."""

_MailAddress = Annotated[
    str, AfterValidator(_address), Field(description="an address such as invoices@woodgrove.example")
]


@dataclass(frozen=True, kw_only=True)
class Canary:
    """A mailbox that nobody uses, on which it is tried whether passwords are refused.

    Args:
        address: Its address.
        password: Its account's password.
    """

    __pydantic_config__ = _FORBID

    address: _MailAddress
    password: _Reference


@dataclass(frozen=True, kw_only=True)
class Excepted:
    """A mailbox whose password goes on for a while, by name.

    Args:
        address: Its address.
        reason: Why.
        until: The last day on which it may.
    """

    __pydantic_config__ = _FORBID

    address: _MailAddress
    reason: Annotated[str, AfterValidator(_filled), Field(description="a reason, as text")]
    until: Annotated[date, BeforeValidator(_until), Field(description="a date such as 2027-03-31")]


@dataclass(frozen=True, kw_only=True)
class Closing:
    """In which waves passwords end.

    Args:
        pilot: The mailbox that goes first; empty for none.
        canary: Where it is tried; None where nobody made one.
        groups: Further waves in their order: the addresses of each, by its name. What none of them names goes with the
            tenant, last.
        exceptions: What is left out, by name.
        policy: The authentication policy; empty for one that is there, or else for a new one.
    """

    __pydantic_config__ = _FORBID

    pilot: _MailAddress = ""
    canary: Annotated[Canary | None, Field(description='a mapping such as {address: …, password: "env:CANARY"}')] = None
    groups: Annotated[
        dict[
            Annotated[str, AfterValidator(_wave_name)],
            Annotated[tuple[_MailAddress, ...], AfterValidator(_some), Field(description="a list of addresses")],
        ],
        Field(description="a mapping of names, in lower-case letters, digits and hyphens, to lists of addresses"),
    ] = field(default_factory=dict, hash=False)
    exceptions: Annotated[
        tuple[Excepted, ...],
        AfterValidator(_distinct(lambda one: one.address)),
        Field(description="a list such as [{address: …, reason: …, until: 2027-03-31}]"),
    ] = ()
    policy: Annotated[
        str, Field(max_length=64, description="the name of an authentication policy, up to 64 letters")
    ] = ""


def _apart(closing: Closing) -> Closing:
    """Return it where no mailbox stands in two places."""
    places = [("pilot", closing.pilot), ("canary", closing.canary.address if closing.canary else "")]
    places += [(name, address) for name, listed in closing.groups.items() for address in listed]
    places += [("exceptions", each.address) for each in closing.exceptions]
    first: dict[str, str] = {}
    for place, address in places:
        if address and address.lower() in first:
            other = first[address.lower()]
            raise complain(f"found {address!r} in {other} and in {place}; expected each mailbox in one place")
        first[address.lower()] = place
    return closing


@dataclass(frozen=True, kw_only=True)
class Source:
    """A place where sign-ins are found.

    Args:
        kind: Which kind; the witness's name on pages.
        workspace_id: For ``workspace``.
        resource_id: The same workspace as Azure addresses it; empty where the file does not say.
        patterns: For ``files`` and ``smtp_report``: files, folders or globs, as written.
        base: The folder that relative patterns are meant from.
        cluster: For ``kusto``: its URL.
        database: For ``kusto``.
    """

    kind: Literal["graph", "workspace", "files", "kusto", "audit", "smtp_report"]
    workspace_id: str = ""
    resource_id: str = ""
    patterns: tuple[str, ...] = ()
    base: Path = Path()
    cluster: str = ""
    database: str = ""


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What holds where a tenant says nothing else.

    Args:
        keep: How long a tenant's past evidence stays.
        freeze: The first and the last day on which nothing is to be changed.
    """

    keep: timedelta = timedelta(days=90)
    freeze: tuple[date, date] | None = None


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """One tenant, as a run needs it.

    Args:
        name: Its name in the tenants file, and its folder.
        tenant_id: The directory's id, or a verified domain.
        cloud: Where it lives.
        sources: Where its sign-ins are found; empty where none are configured.
        admin: Who signs in to read; None where nobody is configured.
        operator: Who signs in to change it; None where nobody is configured.
        mail_apps: The apps that open its mailboxes.
        mailboxes: What is proven on the wire.
        decisions: The file with a person's decisions; None where there is none.
        defaults: Retention and change freeze, the tenant's own before the file's.
        members_hint: About how many people the tenant has, where a person said so.
        closing: In which waves passwords end.
        calendar_file: A newer file of the dates that end a way of signing in; None for none of its own.
        calendar: Those dates, as they are known for it.
    """

    name: str
    tenant_id: str
    cloud: Cloud
    sources: tuple[Source, ...] = ()
    admin: Admin | None = None
    operator: Admin | None = None
    mail_apps: tuple[MailApp, ...] = ()
    mailboxes: tuple[Mailbox, ...] = ()
    decisions: Path | None = None
    defaults: Defaults = field(default_factory=Defaults)
    members_hint: int | None = None
    closing: Closing = field(default_factory=Closing)
    calendar_file: Path | None = None
    calendar: Calendar = field(default_factory=deadlines.built_in, repr=False)


@dataclass(frozen=True)
class Configuration:
    """The tenants of a file.

    Args:
        path: The file.
        tenants: In the order of the file.
        default: The tenant that an empty name means; empty where the file names none.
        partner: The tenant that looks after the others, whose relationships with them are read; empty for none.
    """

    path: Path
    tenants: Mapping[str, Tenant]
    default: str = ""
    partner: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The tenants' names, in the order of the file."""
        return tuple(self.tenants)

    def tenant(self, name: str) -> Tenant:
        """Return the tenant called *name*.

        Raises:
            ConfigurationError: There is none of that name; the text lists those that there are.
        """
        found = self.tenants.get(name or self.default)
        if found is None:
            known = documents.nearest(name, self.names)
            raise ConfigurationError(f"tenant: found {documents.show(name)}; {known} (of {self.path.name}).")
        return found


@dataclass(frozen=True, kw_only=True)
class _Nothing:
    __pydantic_config__ = _FORBID


@dataclass(frozen=True, kw_only=True)
class _Kusto:
    __pydantic_config__ = _FORBID

    cluster: Annotated[str, AfterValidator(_cluster), Field(description="the cluster's https URL")]
    database: Annotated[str, AfterValidator(_filled), Field(description="the database's name")]


@dataclass(frozen=True, kw_only=True)
class _Workspace:
    __pydantic_config__ = _FORBID

    id: Annotated[_Guid, Field(description=_WORKSPACE_ID)]
    resource_id: Annotated[
        str,
        AfterValidator(_resource_id),
        Field(description="/subscriptions/…/resourceGroups/…/providers/Microsoft.OperationalInsights/workspaces/…"),
    ] = ""


def _by_id(value: object) -> object:
    return _Workspace(id=_guid(value.strip())) if isinstance(value, str) else value


_Patterns = Annotated[
    tuple[Annotated[str, AfterValidator(_filled)], ...], BeforeValidator(_listed), AfterValidator(_some)
]


@dataclass(frozen=True, kw_only=True)
class _Source:
    __pydantic_config__ = _FORBID

    graph: Annotated[_Nothing | None, Field(description="{} and nothing inside")] = None
    workspace: Annotated[_Workspace | None, BeforeValidator(_by_id), Field(description=_WORKSPACE_ID)] = None
    files: Annotated[_Patterns, Field(description='paths, folders or globs, such as ["exports/*.json"]')] = ()
    kusto: Annotated[_Kusto | None, Field(description="{cluster: https://…, database: …}")] = None
    audit: Annotated[_Nothing | None, Field(description="{} and nothing inside")] = None
    smtp_report: Annotated[_Patterns, Field(description="the path of the report's CSV file")] = ()


_KINDS = tuple(item.name for item in fields(_Source))


def _one_kind(value: object) -> object:
    if value in _KINDS:
        raise complain(f"found {value!r} alone; expected a mapping such as {{{value}: …}}, see tenants.example.yaml")
    if isinstance(value, dict) and len(value) != 1:
        kinds = " and ".join(map(str, value)) or "nothing"
        raise complain(f"found {kinds} in one item; expected one of {', '.join(_KINDS)} in each item of the list")
    if isinstance(value, dict):
        return {kind: {} if inside is None and kind in ("graph", "audit") else inside for kind, inside in value.items()}
    return value


@dataclass(frozen=True, kw_only=True)
class _Cloud:
    __pydantic_config__ = _FORBID

    login: Annotated[str, AfterValidator(_https), Field(description="an https URL")]
    graph: Annotated[str, AfterValidator(_https), Field(description="an https URL")]
    logs: Annotated[str, AfterValidator(_https), Field(description="an https URL")]
    exchange: Annotated[str, AfterValidator(_https), Field(description="an https URL")]
    imap: Annotated[str, AfterValidator(_host_and_port), Field(description="host:port, such as localhost:993")]
    pop: Annotated[str, AfterValidator(_host_and_port), Field(description="host:port, such as localhost:995")]
    smtp: Annotated[str, AfterValidator(_host_and_port), Field(description="host:port, such as localhost:587")]
    mail_resource: Annotated[str, AfterValidator(_https), Field(description="an https URL")]
    portal: Annotated[str, AfterValidator(_https), Field(description="an https URL")] = ""
    ca_file: Annotated[str, AfterValidator(_filled), Field(description="the path of a PEM file")] = ""
    proxy: Annotated[str, AfterValidator(_proxy), Field(description="environment, none or a proxy's URL")] = (
        "environment"
    )
    rehearsal: Annotated[bool, Field(description="true or false")] = False
    settles_minutes: Annotated[float, Field(gt=0, le=10_080, description="minutes, 10080 (a week) at most")] = 1440


@dataclass(frozen=True, kw_only=True)
class _Defaults:
    __pydantic_config__ = _FORBID

    keep: _Keep = timedelta(days=90)
    freeze: _Freeze = None
    calendar: _CalendarFile = ""
    tenant: Annotated[str, Field(description="the name of a tenant of this file")] = ""
    partner: Annotated[str, Field(description="the name of a tenant of this file")] = ""


@dataclass(frozen=True, kw_only=True)
class _Tenant:
    __pydantic_config__ = _FORBID

    name: Annotated[
        str,
        AfterValidator(_tenant_name),
        Field(
            description="1 to 63 lower-case letters, digits and hyphens, a letter or digit first (it becomes a folder)"
        ),
    ]
    tenant_id: Annotated[
        str,
        AfterValidator(_directory_id),
        Field(description="the tenant's id, a GUID, or one of its verified domains such as woodgrove.example"),
    ]
    cloud: Annotated[str, AfterValidator(_cloud_name), Field(description="the name of a cloud, as text")] = "public"
    signin_logs: Annotated[
        tuple[Annotated[_Source, BeforeValidator(_one_kind), Field(description="a mapping such as {graph: {}}")], ...],
        Field(description="a list such as [{graph: {}}]"),
    ] = ()
    admin: Annotated[
        Annotated[Admin, AfterValidator(_complete_admin)] | None,
        Field(description="a mapping such as {flow: interactive}"),
    ] = None
    operator: Annotated[
        Annotated[Admin, AfterValidator(_complete_operator)] | None,
        Field(description="a mapping such as {flow: interactive, client_id: …}"),
    ] = None
    mail_apps: Annotated[
        tuple[MailApp, ...],
        AfterValidator(_distinct(lambda app: app.name)),
        Field(description="a list such as [{name: mail, client_id: …}]"),
    ] = ()
    mailboxes: Annotated[
        tuple[Mailbox, ...],
        AfterValidator(_distinct(lambda mailbox: mailbox.address)),
        Field(description="a list such as [{address: invoices@woodgrove.example}]"),
    ] = ()
    decisions: Annotated[str, AfterValidator(_filled), Field(description="the path of a YAML file")] = ""
    keep: Annotated[_Keep | None, Field(description="a length such as 90 days, 12 weeks or 2 years")] = None
    freeze: _Freeze = None
    members_hint: Annotated[int | None, Field(ge=1, description="how many people the tenant has, as a number")] = None
    closing: Annotated[
        Annotated[Closing, AfterValidator(_apart)], Field(description="a mapping such as {pilot: …, canary: …}")
    ] = field(default_factory=Closing)
    calendar: _CalendarFile = ""


@dataclass(frozen=True, kw_only=True)
class _File:
    __pydantic_config__ = _FORBID

    tenants: Annotated[tuple[_Tenant, ...], AfterValidator(_some), Field(description="a list with at least one tenant")]
    clouds: Annotated[dict[str, _Cloud], Field(description="a mapping of names to hosts")] = field(default_factory=dict)
    defaults: Annotated[_Defaults, Field(description="a mapping such as {keep: 90 days}")] = field(
        default_factory=_Defaults
    )


def locate(config: str, base: Path) -> Path:
    """Return the tenants file that *config* names.

    Args:
        config: The name of an installed configuration (an entry point in ``mailauth.configurations``; its
            callable makes the file, starts what it names where that is needed, and returns the path), or a path.
        base: The folder that a relative path is meant from.

    Raises:
        ConfigurationError: The named configuration cannot be made.
    """
    for point in metadata.entry_points(group=_GROUP, name=config):
        try:
            return Path(point.load()())
        except (OSError, RuntimeError) as error:
            raise ConfigurationError(f"configuration {config}: {error}") from None
    return base / Path(config).expanduser()


def load(path: Path) -> Configuration:
    """Return the tenants of the file at *path*, each with its ``state/<tenant>.yaml`` merged under it.

    Raises:
        ConfigurationError: A file is missing or unreadable, or anything in them is wrong: one line for each problem.
    """
    named = sorted(point.name for point in metadata.entry_points(group=_GROUP))
    expected = "a tenants file (tenants.example.yaml explains one)" + "".join(f" or the name {name}" for name in named)
    text = documents.read(path, expected=expected)
    kept = sorted(path.parent.glob("state/*.yaml"))
    return load_text(text, path, states={file.stem: documents.read(file, expected="a state file") for file in kept})


def load_text(text: str, where: Path, *, states: Mapping[str, str] = MappingProxyType({})) -> Configuration:
    """Return the tenants that *text* describes; opens nothing.

    Args:
        text: The tenants file.
        where: Where it is from: errors name it, and relative paths are meant from its folder.
        states: The text of the state files, by tenant.

    Raises:
        ConfigurationError: As `load` says.
    """
    document, conflicts = _with_states(documents.parse(text, where.name), states)
    own = document.data.get("clouds")
    known = [*clouds.built_in(), *(own if isinstance(own, dict) else ())]
    problems = [*conflicts, *_cloud_names(document), *_names(document)]
    context = {"clouds": known, "base": where.parent}
    file = documents.check(document, _File, more=problems, context=context)
    return Configuration(where, _tenants(file, where.parent), file.defaults.tenant, file.defaults.partner)


def _cloud_names(document: Document) -> Iterator[Problem]:
    own = document.data.get("clouds")
    for name in own if isinstance(own, dict) else ():
        place: Place = ("clouds", name)
        if name in clouds.built_in() or name == "gcc":
            text = f"found {name!r}, which is built in; expected another name for a cloud of your own."
            yield Problem(document.mark(place), place, text)
        elif not _NAME.fullmatch(name):
            text = f"found {documents.show(name)}; expected lower-case letters, digits and hyphens."
            yield Problem(document.mark(place), place, text)


def _entries(document: Document) -> list[tuple[int, dict[str, Any]]]:
    listed = document.data.get("tenants")
    return [(i, item) for i, item in enumerate(listed if isinstance(listed, list) else ()) if isinstance(item, dict)]


def _names(document: Document) -> Iterator[Problem]:
    first: dict[str, Mark] = {}
    for position, entry in _entries(document):
        place: Place = ("tenants", position, "name")
        name = str(entry.get("name"))
        if "name" in entry and name in first:
            text = f"found {name!r}, which line {first[name].line} has too; expected each name once."
            yield Problem(document.mark(place), place, text)
        first.setdefault(name, document.mark(place))
    for field_name in ("tenant", "partner"):
        place = ("defaults", field_name)
        chosen = document.at(place)
        if chosen is not None and str(chosen) not in first:
            known = documents.nearest(str(chosen), list(first))
            yield Problem(document.mark(place), place, f"found {documents.show(chosen)}; {known}.")


def _with_states(document: Document, states: Mapping[str, str]) -> tuple[Document, list[Problem]]:
    marks = dict(document.marks)
    problems: list[Problem] = []
    for position, entry in _entries(document):
        name = entry.get("name")
        if isinstance(name, str) and name in states:
            state = documents.parse(states[name], f"state/{name}.yaml")
            problems += _merge(entry, state, (), marks, ("tenants", position))
    return Document(document.data, marks), problems


def _merge(
    mine: dict[str, Any], state: Document, inside: Place, marks: dict[Place, Mark], place: Place
) -> Iterator[Problem]:
    """Put what *state* holds at *inside* under *mine*, in place; yield what contradicts it."""
    theirs = state.at(inside)
    assert isinstance(theirs, dict)
    for key, value in theirs.items():
        here, there = (*place, key), (*inside, key)
        held = mine.get(key)
        if held is None:
            mine[key] = value
            _take_marks(state, there, marks, here)
        elif isinstance(held, dict) and isinstance(value, dict):
            yield from _merge(held, state, there, marks, here)
        elif isinstance(held, list) and isinstance(value, list):
            yield from _merge_lists(held, state, there, marks, here)
        elif held != value:
            text = (
                f"stands here and, with another value, in {state.mark(there)}; expected one of the two to be removed."
            )
            yield Problem(marks[here], here, text)


def _merge_lists(
    mine: list[Any], state: Document, inside: Place, marks: dict[Place, Mark], place: Place
) -> Iterator[Problem]:
    theirs = state.at(inside)
    assert isinstance(theirs, list)
    for position, value in enumerate(theirs):
        same = next((i for i, held in enumerate(mine) if _identity(held) == _identity(value)), None)
        there = (*inside, position)
        if same is None:
            _take_marks(state, there, marks, (*place, len(mine)))
            mine.append(value)
        elif isinstance(value, dict):
            yield from _merge(mine[same], state, there, marks, (*place, same))


def _identity(item: object) -> object:
    """Return what makes two list items the same thing: an app's name, a mailbox's address, a flow's kind."""
    if not isinstance(item, dict):
        return item
    return next(((key, item[key]) for key in ("name", "address", "kind") if key in item), tuple(item))


def _take_marks(state: Document, inside: Place, marks: dict[Place, Mark], place: Place) -> None:
    for at, mark in state.marks.items():
        if at[: len(inside)] == inside:
            marks[(*place, *at[len(inside) :])] = mark


def _tenants(file: _File, base: Path) -> Mapping[str, Tenant]:
    own = {name: _own_cloud(name, entry, base) for name, entry in file.clouds.items()}
    known = {**clouds.built_in(), **own}
    return {entry.name: _tenant(entry, known, file.defaults, base) for entry in file.tenants}


def _own_cloud(name: str, entry: _Cloud, base: Path) -> Cloud:
    given = {item.name: getattr(entry, item.name) for item in fields(entry)}
    ca_file = base / Path(entry.ca_file).expanduser() if entry.ca_file else None
    return Cloud(**{**given, "name": name, "ca_file": ca_file, "source": "the tenants file"})


def _tenant(entry: _Tenant, known: Mapping[str, Cloud], defaults: _Defaults, base: Path) -> Tenant:
    calendar = entry.calendar or defaults.calendar
    return Tenant(
        name=entry.name,
        tenant_id=entry.tenant_id,
        cloud=known[entry.cloud],
        sources=tuple(_source(source, base) for source in entry.signin_logs),
        admin=entry.admin,
        operator=entry.operator,
        mail_apps=entry.mail_apps,
        mailboxes=entry.mailboxes,
        decisions=base / Path(entry.decisions).expanduser() if entry.decisions else None,
        defaults=Defaults(keep=entry.keep or defaults.keep, freeze=entry.freeze or defaults.freeze),
        members_hint=entry.members_hint,
        closing=entry.closing,
        calendar_file=base / Path(calendar).expanduser() if calendar else None,
    )


def _source(entry: _Source, base: Path) -> Source:
    if entry.workspace:
        return Source(kind="workspace", workspace_id=entry.workspace.id, resource_id=entry.workspace.resource_id)
    if entry.files:
        return Source(kind="files", patterns=entry.files, base=base)
    if entry.smtp_report:
        return Source(kind="smtp_report", patterns=entry.smtp_report, base=base)
    if entry.kusto:
        return Source(kind="kusto", cluster=entry.kusto.cluster, database=entry.kusto.database)
    return Source(kind="audit" if entry.audit else "graph")
