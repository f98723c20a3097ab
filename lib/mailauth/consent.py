"""Admin consent: the exact links that ask for it, and what the address that comes back says. Opens nothing.

Forms and callback: learn.microsoft.com/entra/identity-platform/v2-admin-consent, and the Entra page on granting
tenant-wide admin consent; scopes for Exchange: the Exchange page on OAuth for IMAP, POP and SMTP. What the browser
shows last proves nothing either way: a consent may be stored behind an error page, so look at the grants.
"""

import hmac
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qs, quote, urlencode, urlsplit

from .clouds import Cloud
from .guids import is_guid
from .tenants import Protocol

__all__ = [
    "ALL",
    "WHOLE",
    "Answer",
    "AppLinks",
    "Family",
    "Link",
    "families",
    "for_app",
    "links",
    "message",
    "read",
    "redirect",
    "state",
]

Family = Literal["receive", "send"]
"""IMAP and POP share one consent scope, SMTP has another; for app permissions the two are asked for apart."""

ALL: Final[tuple[Family, ...]] = ("receive", "send")

WHOLE: Final = "all that the app asks for"
"""The title of the link that needs nothing but the app's id."""

_PUBLIC: Final = "https://outlook.office365.com"
# An identifier address of the Exchange resource; administrators do not know the domain and are right to ask.
_RECEIVE_SCOPE: Final = "https://ps.outlook.com/.default"
_LOOPBACK: Final = ("localhost", "127.0.0.1")
_CODE: Final = re.compile(r"AADSTS\d+")
_TENANT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class Link:
    """One address that an administrator opens.

    Args:
        title: What it is, in a few words.
        url: The address.
        asks: What a consent through it covers.
        ends: What the browser shows last, and what that means.
    """

    title: str
    url: str
    asks: str
    ends: str


@dataclass(frozen=True)
class AppLinks:
    """The links for one app, and what an answer to them is held against.

    Args:
        app: What the app is called here.
        client_id: The application id.
        links: The links, the simplest first.
        redirect_uri: Where the browser is sent back to; empty where the links name no way back.
        state: What comes back with it; empty where nothing does.
    """

    app: str
    client_id: str
    links: tuple[Link, ...]
    redirect_uri: str = ""
    state: str = ""


@dataclass(frozen=True)
class Answer:
    """What came back to the redirect address.

    Args:
        granted: Whether Entra says that consent was given. True proves nothing yet: anybody can write an address.
        error: Entra's error, such as ``access_denied``; empty where there is none.
        code: Its AADSTS number with the letters; empty where there is none.
        description: The first sentence of what Entra says of it.
        app: The app whose link it answers, as far as its state tells; empty where it does not.
        tenant: The tenant that the address names. It is a claim and never decides anything.
        doubts: Why the address is not to be trusted, in sentences; empty for one that fits.
    """

    granted: bool
    error: str = ""
    code: str = ""
    description: str = ""
    app: str = ""
    tenant: str = ""
    doubts: tuple[str, ...] = ()


def links(
    cloud: Cloud,
    *,
    tenant: str,
    client_id: str,
    redirect_uri: str = "",
    state: str = "",
    families: tuple[Family, ...] = ALL,
) -> tuple[Link, ...]:
    """Return the links for one app, the simplest first.

    Args:
        cloud: Where the tenant lives.
        tenant: Its id or a verified domain. An app of somebody else's is consented to in this tenant as well.
        client_id: The application id.
        redirect_uri: A redirect address that the app has registered, letter by letter. Without one there is only the
            link that consents to all that the registration asks for.
        state: What the callback has to bring back; hard to guess, see `state`.
        families: What the app is for.

    Raises:
        ValueError: `tenant` or `client_id` is not what such a link can carry.
    """
    if not _TENANT.fullmatch(tenant) or tenant.lower() in ("common", "consumers"):
        raise ValueError(f"tenant: found {tenant!r}; expected the tenant's id or a verified domain")
    if not is_guid(client_id):
        raise ValueError(f"client_id: found {client_id!r}; expected the application id, a GUID")
    root = f"{cloud.login.rstrip('/')}/{quote(tenant)}"
    back = {"redirect_uri": redirect_uri, "state": state} if redirect_uri else {}
    found = [_whole(root, client_id, back)]
    if redirect_uri:
        found += [_scoped(root, client_id, back, scope, asks) for scope, asks in _scopes(cloud, families)]
        found.append(_old(root, client_id, back))
    return tuple(found)


def for_app(
    cloud: Cloud,
    *,
    tenant: str,
    app: str,
    client_id: str,
    redirect_uri: str = "",
    key: bytes = b"",
    families: tuple[Family, ...] = ALL,
) -> AppLinks:
    """Return `links` with what their answers are held against; *key* makes the state, see `state`."""
    known = state(key, tenant=tenant, client_id=client_id) if redirect_uri else ""
    found = links(cloud, tenant=tenant, client_id=client_id, redirect_uri=redirect_uri, state=known, families=families)
    return AppLinks(app, client_id, found, redirect_uri, known)


def families(protocols: Iterable[Protocol]) -> tuple[Family, ...]:
    """Return what an app is for that uses *protocols*."""
    wanted = set(protocols)
    receive: tuple[Family, ...] = ("receive",) if wanted & {"imap", "pop"} else ()
    return (*receive, "send") if "smtp" in wanted else receive


def redirect(registered: Iterable[str]) -> str:
    """Return the address to send an administrator back to, of those that the app has registered; empty for none.

    This machine's own comes first: nobody else sees what is sent there. Of these, one with a port of its own does: not
    everybody may listen at port 80.
    """
    usable = sorted(
        (each for each in registered if _parts(each).scheme in ("http", "https")),
        key=lambda each: (_parts(each).scheme, ":" not in _parts(each).netloc, each),
    )
    near = [each for each in usable if _parts(each).hostname in _LOOPBACK]
    return next(iter(near or [each for each in usable if each.startswith("https://")]), "")


def state(key: bytes, *, tenant: str, client_id: str) -> str:
    """Return what the links for one app carry: the same on each run, and not to be guessed without *key*."""
    return hmac.new(key, f"{tenant.lower()}\n{client_id.lower()}".encode(), "sha256").hexdigest()[:32]


def message(asked: AppLinks, *, tenant: str) -> str:
    """Return a mail to the administrator who has to open the simplest of the links; plain text."""
    link = asked.links[0]
    return (
        f"Subject: Please consent to the app {asked.app} for {tenant}\n\n"
        f"Mail with passwords ends, so the app {asked.app} ({asked.client_id})\n"
        f"is to sign in to mail with OAuth instead. Somebody has to agree once, for everybody in {tenant}, who is\n"
        "Cloud Application Administrator, Application Administrator or Global Administrator there.\n"
        "This is the address to open:\n\n"
        f"{link.url}\n\n"
        f"What it asks for: {link.asks}.\n"
        f"What the browser shows at the end: {link.ends}.\n\n"
        "Please send back the address that the browser shows at the end, whole. It holds no secret.\n"
    )


def read(address: str, sent: Sequence[AppLinks], *, tenant_id: str) -> Answer:
    """Return what an address that the browser was sent back to says.

    Args:
        address: As pasted, or as a listener received it.
        sent: The links of which it is to answer one.
        tenant_id: The directory that was asked. Where it is a domain, no tenant can be compared.

    Raises:
        ValueError: The text is no such address at all.
    """
    parts = _parts(address.strip())
    # Entra answers in the query; a client that asked for a fragment gets it there.
    fields = {name: values[-1] for text in (parts.fragment, parts.query) for name, values in parse_qs(text).items()}
    if not parts.scheme or not fields.keys() & {"admin_consent", "error"}:
        raise ValueError(
            "found no answer in it; expected the whole address that the browser shows after consenting, with "
            "admin_consent or error in it"
        )
    error = fields.get("error", "")
    said = fields.get("error_description", "")
    code = _CODE.search(said)
    asked = next((each for each in sent if each.state and each.state == fields.get("state")), None)
    return Answer(
        # Entra sends admin_consent=True beside an error too.
        granted=not error and fields.get("admin_consent", "").lower() == "true",
        error=error,
        code=code[0] if code else "",
        description=re.split(r"\r|\n| Trace ID:", said, maxsplit=1)[0].strip(),
        app=asked.app if asked else "",
        tenant=fields.get("tenant", ""),
        doubts=tuple(_doubts(parts, fields, asked, tenant_id)),
    )


def _parts(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:  # brackets that are no IPv6 address
        return urlsplit("")


def _doubts(parts: SplitResult, fields: Mapping[str, str], asked: AppLinks | None, tenant_id: str) -> Iterator[str]:
    if asked is None and not fields.get("state"):
        yield "It carries no state: the link named no way back, or somebody made it up. Nothing ties it to a link."
    elif asked is None:
        yield "Its state is not one that was sent: it answers another link, or somebody made it up."
    elif not _is_there(parts, _parts(asked.redirect_uri)):
        yield f"It came back to {parts.scheme}://{parts.netloc}{parts.path}, not to {asked.redirect_uri}."
    named = fields.get("tenant", "")
    if named and is_guid(tenant_id) and named.lower() != tenant_id.lower():
        yield f"It speaks of tenant {named}, and {tenant_id} was asked."


def _is_there(found: SplitResult, wanted: SplitResult) -> bool:
    if (found.scheme, found.path.rstrip("/")) != (wanted.scheme, wanted.path.rstrip("/")) or "@" in found.netloc:
        return False
    # A loopback address may come back on any port (RFC 8252).
    if wanted.hostname in _LOOPBACK:
        return found.hostname == wanted.hostname
    return found.netloc.lower() == wanted.netloc.lower()


def _ends(back: Mapping[str, str]) -> str:
    where = _parts(back.get("redirect_uri", "")).hostname
    if where in _LOOPBACK:
        return (
            f"an address that begins with {back['redirect_uri']} and that the browser cannot open unless somebody "
            "waits there, which is as it should be; admin_consent=True in it, and no error, says that it worked"
        )
    if where:
        return "the app's own page; admin_consent=True in its address, and no error, says that it worked"
    return "the app's own page, or an error page such as AADSTS900971 or AADSTS50011, even where it worked"


def _whole(root: str, client_id: str, back: Mapping[str, str]) -> Link:
    return Link(
        WHOLE,
        f"{root}/adminconsent?{urlencode({'client_id': client_id, **back})}",
        "every permission in the app's registration, for people and for the app itself",
        _ends(back),
    )


def _scopes(cloud: Cloud, families: tuple[Family, ...]) -> Iterator[tuple[str, str]]:
    """Yield each scope with what it asks for."""
    if cloud.mail_resource.rstrip("/") != _PUBLIC:
        # The documented pair of scopes is the public cloud's; elsewhere the mail resource stands for all of them.
        unsure = " No page of Microsoft's names this scope." if "mail_resource" in cloud.unverified else ""
        yield f"{cloud.mail_resource.rstrip('/')}/.default", f"IMAP, POP and SMTP.{unsure}"
        return
    if "receive" in families:
        yield (
            _RECEIVE_SCOPE,
            "IMAP and POP. The address and the screen name ps.outlook.com: another name of Exchange Online.",
        )
    if "send" in families:
        yield f"{_PUBLIC}/.default", "SMTP."


def _scoped(root: str, client_id: str, back: Mapping[str, str], scope: str, asks: str) -> Link:
    return Link(
        f"what it asks of Exchange for {asks.partition('.')[0]}",
        f"{root}/v2.0/adminconsent?{urlencode({'client_id': client_id, 'scope': scope, **back})}",
        f"what the registration lists under Exchange, for {asks} What it lists under Microsoft Graph, where the portal "
        "puts permissions for people, only the first link covers.",
        _ends(back),
    )


def _old(root: str, client_id: str, back: Mapping[str, str]) -> Link:
    fields = {"client_id": client_id, "response_type": "code", "prompt": "admin_consent", **back}
    return Link(
        f"{WHOLE}, by the first version of the sign-in service",
        f"{root}/oauth2/authorize?{urlencode(fields)}",
        "the same as the first link, for an app that was registered for that version; only where the first link fails",
        "the app's own page, with a code in its address that is of no use here",
    )
