"""Access tokens for mail, read: what one says, and where that does not fit what is to be opened with it.

Nobody but the mail server can check a token's signature, and nothing here does: claims are what the token says of
itself. That is enough to see, before anything is sent, that it is for another service, tenant, app or protocol.
What reads a token keeps none of it but the claims, and no error repeats it. Claims may be hostile text.
"""

import base64
import binascii
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NoReturn
from urllib.parse import urlsplit

from . import clouds, permissions, reference
from .clouds import Cloud
from .errors import TokenError
from .guids import is_guid
from .permissions import Kind
from .tenants import Protocol

__all__ = ["LEFT", "Claims", "Finding", "Need", "Weight", "asked", "audiences", "lint", "read", "told"]

LEFT: Final = timedelta(minutes=5)
"""A token with less time than this is as good as over: it is renewed, and a dialogue is not begun with it."""

Weight = Literal["stops", "doubt", "remark"]
"""``stops``: a server that keeps to the rules refuses it. ``doubt``: what decides is not in the token."""

# Entra's tokens are a few kilobytes, and below 20 with hundreds of groups.
_MOST_CHARACTERS: Final = 64 * 1024
_MOST_TEXT: Final = 1_000
_MOST_WORDS: Final = 200
_FEW: Final = 8
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999, where datetime ends
_PART: Final = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a token says of itself; what it does not say is empty or None.

    Args:
        aud: The service that it is for.
        iss: Who issued it.
        tid: The directory that it is of.
        app_id: The app that got it (``appid``, or ``azp`` in version 2.0).
        oid: The object that it is about: a person, or the app's enterprise application.
        roles: What the app may do as itself.
        scopes: What it may do for the person (``scp``).
        upn, unique_name, preferred_username: Names of the person.
        idtyp: ``app`` or ``user``.
        ver: ``1.0`` or ``2.0``; Exchange's own are 1.0, whichever endpoint issued them.
        issued_at, starts_at, ends_at: ``iat``, ``nbf`` and ``exp``, in UTC.
        odd: The claims among these whose value is of a kind that no token of Entra's has; they are left out above.
    """

    aud: str = ""
    iss: str = ""
    tid: str = ""
    app_id: str = ""
    oid: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    upn: str = ""
    unique_name: str = ""
    preferred_username: str = ""
    idtyp: str = ""
    ver: str = ""
    issued_at: datetime | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    odd: tuple[str, ...] = ()

    @property
    def user(self) -> str:
        """The person's sign-in name; empty for an app's own token."""
        return self.upn or self.preferred_username or self.unique_name

    @property
    def is_app(self) -> bool:
        """Whether it is an app's own: no person signed in."""
        return self.idtyp == "app" or (self.idtyp != "user" and not self.scopes and not self.user)

    def record(self) -> dict[str, object]:
        """Return what is said, as JSON has it, under the names that a token uses."""
        times = {"iat": self.issued_at, "nbf": self.starts_at, "exp": self.ends_at}
        said: dict[str, object] = {
            **{name: getattr(self, name) for name in ("aud", "iss", "tid")},
            "appid": self.app_id,
            "oid": self.oid,
            "roles": list(self.roles),
            "scp": " ".join(self.scopes),
            **{name: getattr(self, name) for name in ("upn", "unique_name", "preferred_username", "idtyp", "ver")},
            **{name: moment.isoformat() for name, moment in times.items() if moment},
            "odd": list(self.odd),
        }
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a token is to open.

    Args:
        protocol: By which protocol.
        mailbox: The mailbox's address, the ``user=`` of the sign-in.
        cloud: Where it is.
        tenant_id: Its directory; a domain says nothing about a token, and an empty one neither.
        app_id: The app that should have got the token.
        as_app: Whether the app acts as itself; None leaves it to the token.
        shared: Whether the mailbox is a shared one, whose token is always somebody else's.
        smtp: What lets the app send as itself, as in the tenants file.
        principal_id: The object id of the app's enterprise application, as Entra says.
        registration_id: The object id of its app registration, as Entra says.
        exchange_id: The object id that Exchange's service principal of the app was made with.
    """

    protocol: Protocol
    mailbox: str
    cloud: Cloud
    tenant_id: str = ""
    app_id: str = ""
    as_app: bool | None = None
    shared: bool = False
    smtp: Literal["consent", "rbac"] = "consent"
    principal_id: str = ""
    registration_id: str = ""
    exchange_id: str = ""


@dataclass(frozen=True)
class Finding:
    """Where a token does not fit.

    Args:
        check: What was compared: a word such as ``audience``.
        weight: What it means for the sign-in.
        rows: The rows of the failure catalogue that it speaks for; empty where none is about it.
        said: What was found and what would be right; may hold text of the token's.
        remedy: What to do.
    """

    check: str
    weight: Weight
    rows: tuple[str, ...]
    said: str
    remedy: str = ""


def asked(cloud: Cloud, protocols: Iterable[Protocol], kind: Kind) -> tuple[str, ...]:
    """Return the scopes to ask for, so that the token opens *protocols* in *cloud*.

    Args:
        cloud: Where.
        protocols: Which.
        kind: ``scope``: a person signs in; ``role``: the app acts as itself and asks for all that it was given.
    """
    if kind == "role":
        return (f"{cloud.mail_resource.rstrip('/')}/.default",)
    host = str(_facts(cloud).get("delegated", cloud.mail_resource)).rstrip("/")
    return tuple(f"{host}/{_permission(protocol, 'scope')}" for protocol in dict.fromkeys(protocols))


def audiences(cloud: Cloud) -> tuple[str, ...]:
    """Return what ``aud`` is in a token that the mail servers of *cloud* take."""
    return tuple(dict.fromkeys([cloud.mail_resource.rstrip("/"), *_facts(cloud).get("audiences", ())]))


# --- reading --------------------------------------------------------------------------------------


def read(token: str) -> Claims:
    """Return what *token* says; its signature is not checked.

    Raises:
        TokenError: It is none that can be read; the text says what was found and never repeats it.
    """
    claims, complaint = _read(token)
    # A traceback may show what its frames hold.
    del token
    if claims is None:
        _refuse(complaint)
    return claims


def told(payload: Mapping[str, object]) -> Claims:
    """Return what a token says that somebody else has decoded, by the names of its claims."""
    return _claims(payload)


def _refuse(complaint: str) -> NoReturn:
    raise TokenError(
        f"token: found {complaint}, not shown; expected an access token of Entra's: three parts with dots in between.",
        remedy="Copy the access token alone, whole: not the id token, the refresh token or the code.",
    )


def _read(token: str) -> tuple[Claims | None, str]:
    """Return the claims, or what was found in their place."""
    if len(token) > _MOST_CHARACTERS:
        return None, f"text of {len(token)} characters, where no token has more than {_MOST_CHARACTERS}"
    parts = token.strip().split(".")
    if len(parts) == 5 and isinstance(header := _object(parts[0]), dict) and "enc" in header:
        return None, "an encrypted token (JWE), which only the service that it is for can read"
    if len(parts) != 3:
        return None, f"text of {len(token)} characters in {len(parts)} parts, which is opaque or no token"
    header, payload = map(_object, parts[:2])
    if not isinstance(header, dict) or "alg" not in header:
        return None, f"text of {len(token)} characters whose first part is no header of a token"
    if isinstance(payload, dict):
        return _claims(payload), ""
    nested = str(header.get("cty", "")).upper() == "JWT"
    return None, "a token inside a token" if nested else "a token whose middle part is no JSON object"


def _object(part: str) -> object:
    """Return the JSON in a part of a token; None where there is none."""
    if not _PART.fullmatch(part):
        return None
    try:
        text = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()
        return json.loads(text, parse_constant=_no_number)
    except (binascii.Error, ValueError, RecursionError):
        return None


def _no_number(_name: str) -> NoReturn:
    # NaN and Infinity are Python's idea of JSON, and compare with nothing.
    raise ValueError


def _claims(payload: Mapping[str, Any]) -> Claims:
    odd: list[str] = []

    def taken(name: str, value: object) -> Any:
        if value is None and payload.get(name) is not None:
            odd.append(name)
        return value

    def text(name: str) -> str:
        return taken(name, _text(payload.get(name))) or ""

    def moment(name: str) -> datetime | None:
        found: datetime | None = taken(name, _moment(payload.get(name)))
        return found

    return Claims(
        **{name: text(name) for name in ("aud", "iss", "tid", "oid", "upn", "unique_name", "preferred_username")},
        **{name: text(name) for name in ("idtyp", "ver")},
        app_id=text("appid") or text("azp"),
        roles=taken("roles", _words(payload.get("roles"))) or (),
        scopes=tuple(text("scp").split()[:_MOST_WORDS]),
        issued_at=moment("iat"),
        starts_at=moment("nbf"),
        ends_at=moment("exp"),
        odd=tuple(odd),
    )


def _text(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        return None
    # Half a surrogate pair is JSON, and no file or page can hold it.
    return None if any("\ud800" <= each <= "\udfff" for each in value) else value


def _words(value: object) -> tuple[str, ...] | None:
    fits = isinstance(value, list) and len(value) <= _MOST_WORDS and all(_text(each) is not None for each in value)
    return tuple(value) if fits and isinstance(value, list) else None


def _moment(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not math.isfinite(value) or not 0 <= value <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(value, UTC)


# --- comparing ------------------------------------------------------------------------------------

# By what was compared. Of POP's and submission's rows some stand for several of IMAP's: there one answer means many.
_ROWS: Final[Mapping[str, Mapping[Protocol, tuple[str, ...]]]] = {
    "graph": {"imap": ("I1",), "pop": ("I1", "P1"), "smtp": ("S12",)},
    "audience": {"imap": ("T4",), "pop": ("T4", "P1"), "smtp": ("S12",)},
    "issuer": {"imap": ("T2",), "pop": ("T2", "P1"), "smtp": ("T2",)},
    "tenant": {"imap": ("T2",), "pop": ("T2", "P1"), "smtp": ("T2",)},
    "role": {"imap": ("I5",), "pop": ("I5", "P1"), "smtp": ("I5", "S8")},
    "scope": {"imap": ("T3",), "pop": ("T3", "P1"), "smtp": ("T3",)},
    "rbac": {"smtp": ("S9",)},
    "guest": {"imap": ("T4",), "pop": ("T4", "P1"), "smtp": ("S12",)},
    "user": {"imap": ("I6", "I11"), "pop": ("I6", "I11", "P1", "P3"), "smtp": ("S10",)},
    "shared": {"imap": ("I11",), "pop": ("I11", "P3"), "smtp": ("S11",)},
    "principal": {"imap": ("I2",), "pop": ("I2", "P1"), "smtp": ("I2", "S8")},
    "ended": {"imap": ("T1",), "pop": ("T1", "P1"), "smtp": ("T1",)},
    "ends soon": {"imap": ("I17",)},
}


def lint(claims: Claims, need: Need, *, now: datetime) -> tuple[Finding, ...]:
    """Return each claim that does not fit *need*, what stops the sign-in first; nothing where all of them fit.

    Args:
        claims: What the token says.
        need: What it is to open.
        now: The time that its own times are held against.
    """
    found = [
        *_oddities(claims),
        *_audience(claims, need),
        *_origin(claims, need),
        *_times(claims, need, now),
        *(_of_app(claims, need) if claims.is_app else _of_person(claims, need)),
    ]
    return tuple(sorted(found, key=lambda each: ("stops", "doubt", "remark").index(each.weight)))


def _finding(check: str, weight: Weight, need: Need, said: str, remedy: str) -> Finding:
    return Finding(check, weight, _ROWS.get(check, {}).get(need.protocol, ()), said, remedy)


def _oddities(claims: Claims) -> Iterator[Finding]:
    if claims.odd:
        said = f"The token's {', '.join(claims.odd)} is of a kind that no token of Entra's has."
        yield Finding("shape", "doubt", (), said, "Find out who issued it.")


def _audience(claims: Claims, need: Need) -> Iterator[Finding]:
    found, right = claims.aud.rstrip("/"), audiences(need.cloud)
    if found in right:
        return
    facts = reference.table("tokens")
    asked_for = ", ".join(asked(need.cloud, [need.protocol], "role" if claims.is_app else "scope"))
    remedy = f"Ask for {asked_for} in a request of its own, and send the new token."
    if found == facts["exchange_app_id"]:
        said = "The token is for Exchange by its application id; every token that was seen to work names a host."
        yield _finding("audience", "remark", need, said, f"If it is refused: {remedy}")
    elif found in (facts["graph_app_id"], need.cloud.graph.rstrip("/"), *_graphs()):
        said = (
            f"The token is for Microsoft Graph ({_shown(found)}), which no mail server takes. A scope without a host "
            "in front of it is Graph's."
        )
        yield _finding("graph", "stops", need, said, remedy)
    else:
        whose = next((name for name, cloud in clouds.built_in().items() if found in audiences(cloud)), "")
        said = f"The token is for {_shown(found)}; this cloud's mail servers take {' or '.join(right)}."
        said += f" That is a host of the cloud {whose}." if whose else ""
        yield _finding("audience", "stops", need, said, remedy)


def _origin(claims: Claims, need: Need) -> Iterator[Finding]:
    host, tenant = _issuer(claims.iss)
    own = _issuer(need.cloud.login)[0]
    whose = next((cloud.name for cloud in clouds.built_in().values() if _issuer(cloud.login)[0] == host), "")
    remedy = "Sign in to the tenant that the mailbox is in: compare tenant_id and cloud of the tenants file."
    if whose and host != own:
        said = f"The token was issued by {host}, which is the cloud {whose}; this tenant signs in at {own}."
        yield _finding("issuer", "stops", need, said, remedy)
    elif claims.tid and tenant.lower() != claims.tid.lower():
        said = f"The token says that it is of the tenant {_shown(claims.tid)} and that {_shown(claims.iss)} issued it."
        yield _finding("issuer", "doubt", need, said, remedy)
    if is_guid(need.tenant_id) and claims.tid.lower() != need.tenant_id.lower():
        said = f"The token is of the tenant {_shown(claims.tid)}; the mailbox is in {need.tenant_id}."
        yield _finding("tenant", "stops" if claims.tid else "doubt", need, said, remedy)
    if need.app_id and claims.app_id.lower() != need.app_id.lower():
        said = f"The app {_shown(claims.app_id)} got the token; it should be {need.app_id}."
        yield _finding("app", "doubt", need, said, "Compare client_id of the app, or use the right token.")


def _times(claims: Claims, need: Need, now: datetime) -> Iterator[Finding]:
    if claims.starts_at and now + LEFT < claims.starts_at:
        said = f"The token begins at {_at(claims.starts_at)}; this machine says that it is {_at(now)}."
        yield _finding("not begun", "stops", need, said, "Set this machine's clock.")
    if claims.ends_at is None:
        yield _finding("no end", "doubt", need, "The token does not say when it ends.", "Find out who issued it.")
    elif claims.ends_at <= now:
        said = f"The token ended at {_at(claims.ends_at)}; it is {_at(now)}."
        yield _finding("ended", "stops", need, said, "Get a new token.")
    elif claims.ends_at - now < LEFT:
        said = f"The token ends at {_at(claims.ends_at)}, in less than {LEFT.seconds // 60} minutes."
        yield _finding("ends soon", "doubt", need, said, "Get a new token: an open session ends with its token.")


def _of_app(claims: Claims, need: Need) -> Iterator[Finding]:
    if need.as_app is False:
        said = "The token is an app's own; a person's was wanted."
        yield _finding("kind", "doubt", need, said, "Sign in as the person, or expect what the app itself may do.")
    role = _permission(need.protocol, "role")
    by_rbac = need.protocol == "smtp" and need.smtp == "rbac"
    if by_rbac and role in claims.roles:
        said = (
            f"The token has the role {role}, and the app is to send by a role in Exchange: the one defeats the other, "
            "for then Exchange asks for FullAccess on the mailbox too."
        )
        remedy = f"Take back the permission {role} and get a new token, or grant FullAccess on the mailbox."
        yield _finding("rbac", "doubt", need, said, remedy)
    elif not by_rbac and role not in claims.roles:
        yield _finding("role", "stops", need, _lacks(claims, role), _CONSENT.format(role))
    if need.exchange_id and claims.oid.lower() != need.exchange_id.lower():
        which = " (the app registration's)" if need.exchange_id.lower() == need.registration_id.lower() else ""
        said = f"Exchange knows the app by the id {need.exchange_id}{which}; the token is about {_shown(claims.oid)}."
        remedy = "Make Exchange's service principal anew with the enterprise application's object id, and grant again."
        yield _finding("principal", "stops", need, said, remedy)
    if need.principal_id and claims.oid.lower() != need.principal_id.lower():
        said = f"The token is about {_shown(claims.oid)}; the app's enterprise application here is {need.principal_id}."
        yield _finding("object", "doubt", need, said, "Compare tenant_id and client_id with those that got the token.")


_CONSENT: Final = (
    "Add the application permission {} of Office 365 Exchange Online, have an administrator consent to it, and get a "
    "new token."
)


def _lacks(claims: Claims, role: str) -> str:
    said = f"The token lacks the role {role}; it has {_listed(claims.roles)}."
    if claims.roles == ("full_access_as_app",):
        return f"{said} full_access_as_app is for Exchange Web Services alone."
    if any(each.startswith("Mail.") for each in claims.roles):
        return f"{said} Mail.* are permissions of Microsoft Graph; they open nothing by IMAP, POP or SMTP."
    return said


def _of_person(claims: Claims, need: Need) -> Iterator[Finding]:
    if need.as_app:
        said = f"The token is of a person ({_shown(claims.user)}); the app's own was wanted."
        yield _finding("kind", "doubt", need, said, "Use a flow in which the app signs in as itself.")
    scope = _permission(need.protocol, "scope")
    if scope not in claims.scopes:
        said = f"The token lacks the scope {scope}; it has {_listed(claims.scopes)}."
        wanted = asked(need.cloud, [need.protocol], "scope")[0]
        yield _finding("scope", "stops", need, said, f"Ask for {wanted}, consent to it, and send the new token.")
    names = (claims.upn, claims.unique_name, claims.preferred_username)
    if any("#EXT#" in name.upper() or name.lower().startswith("live.com#") for name in names):
        said = f"{_shown(claims.user)} is a guest or a personal account, which has no mailbox in this tenant."
        yield _finding("guest", "stops", need, said, "Sign in with an account of the tenant itself.")
    elif claims.user and claims.user.casefold() != need.mailbox.casefold():
        yield _of_somebody_else(claims, need)


def _of_somebody_else(claims: Claims, need: Need) -> Finding:
    who = _shown(claims.user)
    if need.shared and need.protocol == "smtp":
        said = f"The token is of {who}; a shared mailbox without a licence cannot sign in to send, whoever holds it."
        remedy = f"Sign in to SMTP as {who} and send as {need.mailbox}, which needs SendAs; or license the mailbox."
        return _finding("shared", "doubt", need, said, remedy)
    if need.shared:
        said = f"The token is of {who}, as it should be for a shared mailbox: FullAccess of that person decides."
        remedy = f"Grant {who} FullAccess on {need.mailbox} where it is missing."
        return _finding("shared", "remark", need, said, remedy)
    said = f"{who} signed in, and {need.mailbox} is to be opened: right if that person holds it, and no other way."
    remedy = f"Sign in as {need.mailbox}, use the sign-in name where it differs from the address, or grant FullAccess."
    return _finding("user", "doubt", need, said, remedy)


def _facts(cloud: Cloud) -> Mapping[str, Any]:
    """Return the facts of *cloud*, or of the one that has the same mail resource."""
    facts = reference.table("tokens")
    same = (name for name, each in clouds.built_in().items() if each.mail_resource == cloud.mail_resource.rstrip("/"))
    found: Mapping[str, Any] = facts[cloud.name] if cloud.name in clouds.built_in() else facts.get(next(same, ""), {})
    return found


def _permission(protocol: Protocol, kind: Kind) -> str:
    return permissions.of(protocol, kind)[0].value


def _graphs() -> Iterator[str]:
    return (cloud.graph for cloud in clouds.built_in().values())


def _issuer(address: str) -> tuple[str, str]:
    """Return the host and the tenant of an issuer's or an authority's address; empty where it is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "", ""
    return parts.netloc.lower(), parts.path.strip("/").partition("/")[0]


def _at(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _shown(text: str) -> str:
    """Return text of a token's as it may stand in a sentence: in one line and not too long."""
    plain = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:120])
    return plain or "nothing"


def _listed(words: tuple[str, ...]) -> str:
    more = f" and {len(words) - _FEW} more" if len(words) > _FEW else ""
    return (", ".join(map(_shown, words[:_FEW])) or "none") + more
