"""What is known of a refusal, and what follows from it: one rule for each sign of the catalogue.

A rule answers yes, no, or None for "not known". Nothing that was not looked at counts as in order: a rule that lacks
what it needs answers None, and whatever a confirmation rests on stays unknown when something known is taken away.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, TypeAlias, cast

from . import catalogue, clouds, permissions, reference, tokens
from .catalogue import Kind, Lag
from .grants import Held
from .organization import Mailbox, MailboxRight, Organization, Principal, opened
from .proof import Attempt
from .tenants import PEOPLE, Protocol

__all__ = ["RULES", "Change", "Evidence", "answer", "early", "matters", "said"]

Answer: TypeAlias = bool | None

_CONSUMERS: Final = frozenset({"outlook.com", "hotmail.com", "live.com", "msn.com"})
_SELF: Final = "ManagePermissionGrantsForSelf."
_AGAIN: Final = timedelta(minutes=15)
"""Two refusals that are so far apart are no passing fault's."""


@dataclass(frozen=True)
class Change:
    """Something that was changed and that a login may depend on.

    Args:
        kind: Which kind, one of `catalogue.lags`.
        at: When.
        what: What it was about, such as a mailbox; may hold text from outside.
        settles_at: Until when it may not be in force; None for as long as such a change takes at the most.
    """

    kind: str
    at: datetime
    what: str = ""
    settles_at: datetime | None = None

    @property
    def lag(self) -> Lag:
        """How long such a change takes."""
        return catalogue.lags()[self.kind]

    @property
    def ends_at(self) -> datetime:
        """From when on it is no excuse."""
        return self.settles_at or self.at + self.lag.most


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is at hand about one refusal. Everything may be missing, and what is missing is not known.

    Args:
        attempt: The attempt; None where all there is was pasted.
        texts: Words that were shown beside the attempt's own: a line, a message, a transcript, in their order.
        sent: What the client sent, redacted; None where that was not seen.
        protocol, kind, mailbox, user, at: As far as no attempt says them; user is who signed in, at when it was tried.
        app_id: The app, as far as neither attempt nor token says it.
        claims: What the token says, under the token's names; the attempt's own come first.
        sender: The address in MAIL FROM.
        tenant_id: The id of the mailbox's tenant.
        audiences: What ``aud`` may be; those of every cloud where it is empty.
        findings: What `tokens.lint` says of the token; None where it was not asked.
        rbac: Whether the app is to send by a role in Exchange.
        enterprise_id: The object id of the enterprise application.
        held: What the tenant holds for the app.
        policies: The policies by which users consent.
        organization: What Exchange holds.
        others: Other attempts, earlier or later; None where nobody tried.
        changes: What was changed lately; None where that was not asked.
        known: Signs that a person, or another look, has answered.
        malformed: Whether the SASL string that was sent has a flaw in its form; None where none was seen.
        token_shown: Whether what was pasted shows that a token was sent.
    """

    attempt: Attempt | None = None
    texts: tuple[str, ...] = ()
    sent: tuple[str, ...] | None = None
    protocol: Protocol | None = None
    kind: Kind | None = None
    mailbox: str = ""
    user: str = ""
    app_id: str = ""
    at: datetime | None = None
    claims: Mapping[str, object] = field(default_factory=dict)
    sender: str = ""
    tenant_id: str = ""
    audiences: tuple[str, ...] = ()
    findings: tuple[tokens.Finding, ...] | None = None
    rbac: bool | None = None
    enterprise_id: str = ""
    held: Held | None = None
    policies: tuple[str, ...] | None = None
    organization: Organization | None = None
    others: tuple[Attempt, ...] | None = None
    changes: tuple[Change, ...] | None = None
    known: Mapping[str, bool] = field(default_factory=dict)
    malformed: bool | None = None
    token_shown: bool = False

    def whole(self, *, now: datetime) -> "Evidence":
        """Return the same with what attempt and token tell in its place; tried *now* where nothing says when."""
        one = self.attempt
        claims = (one.claims if one else {}) or self.claims
        made = replace(
            self,
            claims=claims,
            protocol=one.protocol if one else self.protocol,
            mailbox=one.mailbox if one else self.mailbox,
            kind=_kind_of(one) if one else self.kind or _kind(claims),
            user=(one.user if one else "") or self.user or _user(claims),
            sent=_sent(one) if one and one.talk else self.sent,
            at=one.at if one else self.at or now,
        )
        return replace(made, texts=(*_texts(one), *self.texts)) if one else made

    @property
    def client_id(self) -> str:
        """The app's id."""
        if self.attempt:
            return self.attempt.client_id
        return _text(self.claims, "appid") or _text(self.claims, "azp") or self.app_id

    @property
    def box(self) -> Mailbox | None:
        """The mailbox as Exchange knows it."""
        return self.organization.mailbox(self.mailbox) if self.organization and self.mailbox else None

    @property
    def principal(self) -> Principal | None:
        """The app as Exchange knows it."""
        return self.organization.principal(self.client_id) if self.organization and self.client_id else None

    @property
    def named(self) -> Mapping[str, str]:
        """What the sentences of signs speak of; may hold text from outside."""
        return {
            "mailbox": self.mailbox or "the mailbox",
            "user": self.user or "somebody",
            "protocol": {"imap": "IMAP", "pop": "POP", "smtp": "SMTP"}.get(self.protocol or "", "the protocol"),
            "client_id": self.client_id or "the app",
        }


def answer(sign: str, evidence: Evidence) -> Answer:
    """Return what *evidence*, made whole, says of a sign."""
    if sign in evidence.known:
        return evidence.known[sign]
    return RULES[sign](evidence)


def matters(sign: str, evidence: Evidence) -> bool:
    """Return whether it counts that nobody knows *sign*: words told around a refusal need not be there."""
    if sign == "scope_is_graph":
        return evidence.attempt is None and not evidence.claims
    return sign not in _TOLD


_TOLD: Final = frozenset({"comes_and_goes", "told_of_app", "shared_spoken_of", "alias_spoken_of", "names_spoken_of"})


def said(sign: str, found: bool, evidence: Evidence) -> str:
    """Return the sentence for an answer; may hold text from outside."""
    known = catalogue.signs()[sign]
    return (known.yes if found else known.no).format_map(evidence.named)


def early(evidence: Evidence) -> tuple[Change, ...]:
    """Return the changes that may not have been in force when it was tried, the latest to settle first."""
    found = [each for each in evidence.changes or () if evidence.at is not None and evidence.at < each.ends_at]
    return tuple(
        sorted((each for each in found if _about(each, evidence)), key=lambda each: each.ends_at, reverse=True)
    )


def _about(change: Change, evidence: Evidence) -> bool:
    """Whether a change may be about the mailbox: it names that one, by any of its names, or none."""
    if "@" not in change.what or not evidence.mailbox:
        return True
    names = {evidence.mailbox.lower(), *(evidence.box.names if evidence.box else ())}
    return any(name in change.what.lower() for name in names)


# --- what an attempt tells ------------------------------------------------------------------------


def _kind_of(one: Attempt) -> Kind | None:
    if one.flow == "token":
        # Whoever brought a token knows how it was got; the token says of whom it is.
        return _kind(one.claims)
    return "delegated" if one.flow in PEOPLE else "app"


def _kind(claims: Mapping[str, object]) -> Kind | None:
    if claims.get("idtyp") == "app" or (claims.get("roles") and not claims.get("scp")):
        return "app"
    return "delegated" if claims.get("scp") or _user(claims) else None


def _user(claims: Mapping[str, object]) -> str:
    return next((_text(claims, name) for name in ("upn", "unique_name", "preferred_username") if claims.get(name)), "")


def _texts(one: Attempt | None) -> tuple[str, ...]:
    if one is None or one.outcome in ("ok", "skipped"):
        return ()
    if one.no_token:
        return (f"{one.no_token.code}: {one.no_token.said}", one.no_token.error)
    if one.talk is None:
        return ()
    heard = tuple(line.text for line in one.talk.lines if line.way == "received")
    # The line that decided may be in the transcript already; twice does no harm, and a talk may keep none.
    return (*heard, one.talk.reply, one.talk.said)


def _sent(one: Attempt) -> tuple[str, ...] | None:
    lines = one.talk.lines if one.talk else ()
    return tuple(line.text for line in lines if line.way == "sent") if lines else None


def _text(claims: Mapping[str, object], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _words(claims: Mapping[str, object], name: str) -> frozenset[str]:
    value = claims.get(name)
    if isinstance(value, str):
        return frozenset(value.split())
    return frozenset(str(each) for each in value) if isinstance(value, (list, tuple)) else frozenset()


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()


def _not(found: Answer) -> Answer:
    return None if found is None else not found


# --- the token ------------------------------------------------------------------------------------


def _audience(known: Evidence) -> str:
    return _text(known.claims, "aud").rstrip("/")


def _graph(known: Evidence) -> Answer:
    hosts = {cloud.graph.rstrip("/") for cloud in clouds.built_in().values()}
    return _audience(known) in {*hosts, reference.table("tokens")["graph_app_id"]} if _audience(known) else None


def _foreign(known: Evidence) -> Answer:
    found = _audience(known)
    if not found:
        return None
    right = known.audiences or {aud for cloud in clouds.built_in().values() for aud in tokens.audiences(cloud)}
    return not _graph(known) and found not in right and found != reference.table("tokens")["exchange_app_id"]


def _scope_is_graph(known: Evidence) -> Answer:
    """Whether the scopes in what was pasted are Graph's; a token says it better."""
    scopes = "\n".join(each[1] for text in known.texts for each in _SCOPES.finditer(text))
    if _audience(known) or known.attempt or not scopes:
        return None
    if _OUTLOOK.search(scopes):
        return False
    return True if _OF_GRAPH.search(scopes) else None


_SCOPES: Final = re.compile(r"scopes?[\"'`]{0,2}\s{0,20}(?:=>|[:=`])\s{0,4}([^\r\n;}]{1,600})", re.IGNORECASE)
_OUTLOOK: Final = re.compile(r"outlook\.office|partner\.outlook|%2Foutlook", re.IGNORECASE)
_OF_GRAPH: Final = re.compile(
    r"graph\.microsoft|(?<![/\w.])(?:IMAP\.AccessAsUser\.All|POP\.AccessAsUser\.All|SMTP\.Send)\b", re.IGNORECASE
)


def _role(known: Evidence) -> Answer:
    """Whether the token holds the app role of the protocol; None where it is not known, or is no app's."""
    if known.kind != "app" or known.protocol is None or not known.claims:
        return None
    return permissions.of(known.protocol, "role")[0].value in _words(known.claims, "roles")


def _role_missing(known: Evidence) -> Answer:
    held = _role(known)
    if held is None or held:
        return _not(held)
    if known.protocol != "smtp":
        return True
    return _not(known.rbac)


def _role_not_held(known: Evidence) -> Answer:
    """Whether a token for sending lacks the role, where nobody says that the app sends by a role in Exchange."""
    return _not(_role(known)) if known.protocol == "smtp" and known.rbac is None else None


def _scope_missing(known: Evidence) -> Answer:
    if known.kind != "delegated" or known.protocol is None or not known.claims:
        return None
    return permissions.of(known.protocol, "scope")[0].value not in _words(known.claims, "scp")


def _expired(known: Evidence) -> Answer:
    ends = _moment(known.claims.get("exp"))
    return None if ends is None or known.at is None else ends <= known.at


def _moment(value: object) -> datetime | None:
    try:
        if isinstance(value, str):
            made = datetime.fromisoformat(value)
            return made if made.tzinfo else made.replace(tzinfo=UTC)
        return datetime.fromtimestamp(cast("float", value), UTC) if isinstance(value, (int, float)) else None
    except (ValueError, OverflowError, OSError):
        return None


def _other_tenant(known: Evidence) -> Answer:
    tid = _text(known.claims, "tid")
    return not _same(tid, known.tenant_id) if tid and known.tenant_id else None


def _guest(known: Evidence) -> Answer:
    if known.kind == "app":
        return False
    return "#ext#" in known.user.lower() or known.user.lower().startswith("live.com#") if known.user else None


def _user_differs(known: Evidence) -> Answer:
    if known.kind != "delegated" or not known.user or not known.mailbox:
        return None
    return not _owns(known)


def _owns(known: Evidence) -> bool:
    own = known.organization.mailbox(known.user) if known.organization else None
    return _same(known.user, known.mailbox) or (own is not None and own == known.box)


def _old_form(known: Evidence) -> Answer:
    return "\\" in known.mailbox if known.mailbox else None


def _malformed(known: Evidence) -> Answer:
    # What is sent from here is formed right.
    return known.malformed if known.attempt is None else False


def _consumer(known: Evidence) -> Answer:
    return known.mailbox.rpartition("@")[2].lower() in _CONSUMERS if "@" in known.mailbox else None


# --- Exchange -------------------------------------------------------------------------------------


def _absent(known: Evidence) -> Answer:
    if known.organization is None or known.organization.principals is None or not known.client_id:
        return None
    return known.principal is None


def _wrong_id(known: Evidence) -> Answer:
    right = (_text(known.claims, "oid") if known.kind == "app" else "") or known.enterprise_id
    if _absent(known):
        return False
    return not _same(known.principal.object_id, right) if known.principal and right else None


def _no_full_access(known: Evidence) -> Answer:
    if known.kind != "app":
        return None
    if known.protocol == "smtp" and not _role(known) and known.rbac is not False:
        # A token without the role goes by the role in Exchange, which asks for no FullAccess.
        return False if known.rbac and _role(known) is False else None
    if known.organization is None or known.principal is None or not known.mailbox:
        return None
    return _not(known.organization.opens(known.principal, known.mailbox))


def _may_not_open(known: Evidence) -> Answer:
    if known.kind != "delegated" or not known.user or not known.mailbox:
        return None
    if _owns(known):
        return False
    rights = known.organization.rights_of(known.mailbox) if known.organization else None
    if known.organization is None or known.organization.mailboxes is None or rights is None:
        return None
    own = known.organization.mailbox(known.user)
    names = own.names if own else frozenset({known.user.lower()})
    if opened([each for each in rights if each.trustee.lower() in names]):
        return False
    return None if _by_others(rights, known.organization) else True


def _by_others(rights: Iterable[MailboxRight], organization: Organization) -> bool:
    """Whether somebody who is no mailbox holds a right: a group may, and whoever is in it."""
    apps = {name for each in organization.principals or () for name in each.names}
    others = (each.trustee for each in rights if each.opens and not each.trustee.upper().startswith("NT AUTHORITY"))
    return any(organization.mailbox(trustee) is None and trustee.lower() not in apps for trustee in others)


def _names_nobody(known: Evidence) -> Answer:
    if known.organization is None or known.organization.mailboxes is None or not known.mailbox:
        return None
    box = known.box
    return box is None or not any(_same(known.mailbox, name) for name in (box.address, box.upn))


def _no_mailbox(known: Evidence) -> Answer:
    if known.organization is None or known.organization.mailboxes is None or not known.mailbox:
        return None
    box = known.box
    if box is None or box.soft_deleted or box.remote or not box.address:
        return True
    if box.kind != "UserMailbox":
        return False if box.kind else None
    return _not(box.licensed)


def _protocol_off(known: Evidence) -> Answer:
    if known.box is None or known.protocol not in ("imap", "pop"):
        return None
    return _not(known.box.imap if known.protocol == "imap" else known.box.pop)


def _upn_differs(known: Evidence) -> Answer:
    box = known.box
    if box is None or not box.upn or not box.address:
        return None
    return _same(known.mailbox, box.address) and not _same(box.upn, box.address)


def _shared_unlicensed(known: Evidence) -> Answer:
    box = known.box
    if box is None or not box.kind:
        return None
    if box.kind != "SharedMailbox" or box.licensed:
        return False
    return _user_differs(known) if box.licensed is False else None


def _off_mailbox(known: Evidence) -> Answer:
    return known.box.smtp == "off" if known.box and known.box.smtp != "unknown" else None


def _off_tenant(known: Evidence) -> Answer:
    if known.organization is None or known.box is None or known.box.smtp == "unknown":
        return None
    return known.organization.settings.smtp_off if known.box.smtp == "inherit" else False


def _policy(known: Evidence) -> Answer:
    box, organization = known.box, known.organization
    if organization is None or box is None or box.authentication_policy is None:
        return None
    name = box.authentication_policy or organization.settings.default_policy
    if not name:
        return None if name is None else False
    found = organization.policy(name)
    return _not(found.allow_smtp) if found else None


def _rbac_with_role(known: Evidence) -> Answer:
    held = _role(known)
    if known.protocol not in ("smtp", None) or held is False or known.rbac is False:
        return False
    return True if held and known.rbac else None


def _rbac_missing(known: Evidence) -> Answer:
    if known.protocol not in ("smtp", None) or known.rbac is False or _role(known):
        return False
    if known.protocol is None or not known.rbac or known.organization is None or known.principal is None:
        return None
    held = known.organization.assigned(known.principal)
    if not held:
        return None if held is None else True
    # Which mailboxes a scope holds is for Exchange to say.
    return False if any(not each.scope for each in held) else None


def _no_send_as(known: Evidence) -> Answer:
    if not known.sender or not known.mailbox:
        return None
    box = known.box
    if _same(known.sender, known.mailbox) or (box and known.sender.lower() in box.names):
        return False
    may = known.organization.sends_as(known.mailbox) if known.organization else None
    return None if may is None else known.sender.lower() not in may


def _just_granted(known: Evidence) -> Answer:
    if known.changes is None:
        return None
    return any(each.kind in ("principal", "full_access", "send_as", "role") for each in early(known))


# --- the wire -------------------------------------------------------------------------------------


def _plain(known: Evidence) -> Answer:
    if known.kind == "password":
        return True
    if known.attempt is not None or known.kind is not None or known.token_shown:
        return False
    return _sends(known, r"\bAUTH(?:ENTICATE)? (?:PLAIN|LOGIN)\b|^\S+ LOGIN |^USER ") or None


def _token_used(known: Evidence) -> Answer:
    return _not(_plain(known))


def _bad_after(known: Evidence) -> Answer:
    heard = "\n".join(known.texts)
    if re.search(r"AUTHENTICATE failed.{0,200}?BAD Command Error", heard, re.IGNORECASE | re.DOTALL):
        return True
    return False if known.attempt and known.attempt.talk else None


def _one_line(known: Evidence) -> Answer:
    if known.protocol not in ("pop", None):
        return False
    if _sends(known, r"^AUTH XOAUTH2 +\S"):
        return True
    return False if _sends(known, r"^AUTH XOAUTH2\s*$") else None


def _sends(known: Evidence, pattern: str) -> bool:
    return any(re.search(pattern, line, re.IGNORECASE) for line in known.sent or ())


def _not_offered(known: Evidence) -> Answer:
    talk = known.attempt.talk if known.attempt else None
    offers = talk.offered if talk else tuple(_offers(known.texts))
    return not any("XOAUTH2" in each.upper() for each in offers) if offers else None


def _offers(texts: Iterable[str]) -> Iterator[str]:
    """Yield the lines in which a server says how one may sign in."""
    for line in (line for text in texts for line in text.splitlines()):
        # Before STARTTLS a server offers nothing, and that is as it should be.
        if _OFFER.search(line) and not ("STARTTLS" in line and "AUTH=" not in line.upper()):
            yield line


_OFFER: Final = re.compile(r"AUTH=[A-Z]|\bLOGINDISABLED\b|\b250[ -]AUTH[ =]|^SASL [A-Z]", re.IGNORECASE)


def _clear_port(known: Evidence) -> Answer:
    """Whether the port is one that begins in clear; None where no port of mail is named, or both kinds are."""
    text = "\n".join(known.texts)
    clear, tls = _CLEAR.search(text) is not None, _TLS.search(text) is not None
    return clear if clear != tls else None


_CLEAR: Final = re.compile(r"(?::|\bport\W{1,4}|\bport'?: '?|[\"'], )(?:587|143|110|25)\b", re.IGNORECASE)
_TLS: Final = re.compile(r"(?::|\bport\W{1,4}|[\"'], )(?:993|995|465)\b", re.IGNORECASE)


def _no_auth(known: Evidence) -> Answer:
    return None if known.sent is None else not _sends(known, r"^AUTH\b")


# --- other attempts -------------------------------------------------------------------------------


def _other_mailbox(known: Evidence) -> Answer:
    return _tried(known, lambda one, other: other.protocol == one.protocol and not _same(other.mailbox, one.mailbox))


def _other_protocol(known: Evidence) -> Answer:
    def fits(one: Attempt, other: Attempt) -> bool:
        # Sending by a role in Exchange says nothing of the right to open a mailbox.
        by_role = other.protocol == "smtp" and known.rbac is not False
        return other.protocol != one.protocol and _same(other.mailbox, one.mailbox) and not by_role

    return _tried(known, fits)


def _again(known: Evidence) -> Answer:
    def fits(one: Attempt, other: Attempt) -> bool:
        same = other.protocol == one.protocol and _same(other.mailbox, one.mailbox)
        return same and (other.outcome == "ok" or abs(other.at - one.at) >= _AGAIN)

    return _tried(known, fits)


_CAME: Final = re.compile(
    r"\b(?:suddenly|sporadic\w{0,4}|intermittent\w{0,2}|at random|randomly|now and then|sometimes (?:it )?works)\b"
    r"|\b(?:worked|used it|was working)\b.{0,20}?"
    r"\b(?:yesterday|last (?:week|month|night)|(?:one|a|two) (?:week|day)s? ago)\b",
    re.IGNORECASE,
)


def _spoken_of(known: Evidence, pattern: re.Pattern[str]) -> Answer:
    """Whether words stand in what was pasted; that they do not proves nothing."""
    return True if known.attempt is None and any(pattern.search(text) for text in known.texts) else None


_SHARED: Final = re.compile(r"\bshared[ -]?mailbox", re.IGNORECASE)
_ALIAS: Final = re.compile(r"\balias(?:es)?\b|\bdistribution (?:list|group)s?\b", re.IGNORECASE)
_NAMES: Final = re.compile(
    r"\b(?:UPN|UserPrincipalName)\b.{0,200}?\bprimary|\bprimary.{0,200}?\bUPN\b", re.IGNORECASE | re.DOTALL
)
_MIRRORED: Final = re.compile(r"\bNew-ServicePrincipal\b|\bservice principals?\b|\bobject[- ]id\b", re.IGNORECASE)


def _tried(known: Evidence, fits: Callable[[Attempt, Attempt], bool]) -> Answer:
    """Return whether any other attempt of the same app and flow that fits went well; None where none did or failed."""
    one = known.attempt
    if one is None or known.others is None:
        return None
    alike = [each for each in known.others if (each.client_id, each.flow) == (one.client_id, one.flow)]
    outcomes = {each.outcome for each in alike if each is not one and fits(one, each)}
    return True if "ok" in outcomes else False if "refused" in outcomes else None


# --- consent --------------------------------------------------------------------------------------


def _granted(known: Evidence) -> bool:
    """Whether the token holds what consent gives for the protocol, so that no lack of consent is behind a refusal."""
    if known.protocol == "smtp" and known.kind == "app" and known.rbac:
        # The role in Exchange is asked for in place of consent.
        return True
    return bool(_role(known)) or _scope_missing(known) is False


def _replaced(known: Evidence) -> Answer:
    # What was granted before is in the audit log alone.
    return False if _granted(known) else None


def _too_soon(known: Evidence) -> Answer:
    held = known.held
    if _granted(known):
        return False
    if held is None or held.asks is None or known.protocol is None:
        return None
    wanted = permissions.of(known.protocol, "role")[0].id
    lacks = wanted in held.asks and wanted not in {role for _, role in held.roles}
    return lacks and bool(held.roles or held.scopes)


def _managed(known: Evidence) -> Answer:
    wanted = f"{_SELF}microsoft-user-default-recommended".lower()
    return None if known.policies is None else any(each.lower() == wanted for each in known.policies)


def _off(known: Evidence) -> Answer:
    return None if known.policies is None else not any(each.startswith(_SELF) for each in known.policies)


RULES: Final[Mapping[str, Callable[[Evidence], Answer]]] = {
    "audience_is_graph": _graph,
    "audience_is_foreign": _foreign,
    "scope_is_graph": _scope_is_graph,
    "role_missing": _role_missing,
    "role_not_held": _role_not_held,
    "scope_missing": _scope_missing,
    "token_expired": _expired,
    "other_tenant": _other_tenant,
    "guest": _guest,
    "user_differs": _user_differs,
    "old_form": _old_form,
    "sasl_malformed": _malformed,
    "principal_absent": _absent,
    "principal_wrong_id": _wrong_id,
    "no_full_access": _no_full_access,
    "person_may_not_open": _may_not_open,
    "names_nobody": _names_nobody,
    "protocol_off": _protocol_off,
    "upn_differs": _upn_differs,
    "no_mailbox": _no_mailbox,
    "shared_unlicensed": _shared_unlicensed,
    "smtp_off_tenant": _off_tenant,
    "smtp_off_mailbox": _off_mailbox,
    "policy_stops_passwords": _policy,
    "rbac_with_role": _rbac_with_role,
    "rbac_missing": _rbac_missing,
    "no_send_as": _no_send_as,
    "just_granted": _just_granted,
    "plain_used": _plain,
    "token_used": _token_used,
    "bad_after_refusal": _bad_after,
    "one_line_pop": _one_line,
    "xoauth2_not_offered": _not_offered,
    "clear_port": _clear_port,
    "no_auth_sent": _no_auth,
    "other_mailbox_works": _other_mailbox,
    "other_protocol_works": _other_protocol,
    "passes_later": _again,
    "comes_and_goes": partial(_spoken_of, pattern=_CAME),
    "alias_spoken_of": partial(_spoken_of, pattern=_ALIAS),
    "names_spoken_of": partial(_spoken_of, pattern=_NAMES),
    "told_of_app": partial(_spoken_of, pattern=_MIRRORED),
    "shared_spoken_of": partial(_spoken_of, pattern=_SHARED),
    "consumer": _consumer,
    "consented_too_soon": _too_soon,
    "consent_replaced": _replaced,
    "user_consent_managed": _managed,
    "user_consent_off": _off,
}
"""Every sign's rule. `Evidence.known` answers those that no rule can."""
