"""Tokens for mail: one for each app, flow and person, got silently where it can be, kept in memory, renewed in time.

A token of an app's own opens every mailbox that the app may open, and a person's every one that the person may: so it
is asked for once, however many mailboxes are tried. What stands in the way becomes a value, never an error: one app's
wrong secret must not end a run over others. Nothing here writes a token; only the call that sends it reveals it.
"""

import getpass
import re
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import quote_plus

from azure.core.credentials import TokenCredential

from mailauth import tokens
from mailauth.errors import ConfigurationError, MailauthError, SecretError, TokenError
from mailauth.guids import GUID
from mailauth.proof import NoToken
from mailauth.redaction import Redactor
from mailauth.secretrefs import SecretRef
from mailauth.tenants import PEOPLE, Flow, MailApp, Protocol, Tenant
from mailauth.tokens import Claims

from . import identity, secrets

__all__ = ["MailTokens", "Token"]

_REFUSED_FOR: Final = timedelta(minutes=1)
"""A refusal stands for so long: hundreds of mailboxes ask once, and who runs a cell again asks anew."""

_SCHEME: Final = re.compile(r"Bearer\s+", re.IGNORECASE)
_CODE: Final = re.compile(r"AADSTS\d{1,12}")
_WORD: Final = re.compile(r"[A-Za-z_ ]{1,60}")
_IS_GUID: Final = re.compile(rf"^({GUID})$")
# Entra ends its texts with these, in this order; older ones put each on a line of its own.
_TRACE: Final = re.compile(rf"Trace ID: ({GUID})")
_CORRELATION: Final = re.compile(rf"Correlation ID: ({GUID})")
_TIME: Final = re.compile(r"Timestamp: (\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\dZ?)")
_TAIL: Final = re.compile(r"[\r\n]| ?(?:Trace|Correlation) ID: | ?Timestamp: ")
# A cloud of the tenants file may be anybody's, and say again what it was sent: codes, assertions, PKCE's verifier.
# Thumbprints, which are hexadecimal, help to find a certificate, and stay.
_LONG: Final = re.compile(r"(?![0-9A-Fa-f]+(?![A-Za-z0-9_~+/=-]))[A-Za-z0-9_~+/=-]{43,}")
_MOST: Final = 600


class Token:
    """An access token that shows only its length, whoever prints it; it cannot be pickled.

    Args:
        secret: The token.
        claims: What it says; None for one that cannot be read, which a mail server may take all the same.
        ends_at: When it ends, by the answer that it came with; None where nothing says so.
        got_at: When it came.
    """

    __slots__ = ("_secret", "claims", "ends_at", "got_at")

    def __init__(
        self, secret: secrets.Secret, claims: Claims | None, *, ends_at: datetime | None, got_at: datetime
    ) -> None:
        self._secret = secret
        self.claims = claims
        self.ends_at = ends_at
        self.got_at = got_at

    def reveal(self) -> str:
        """Return the token itself, for the one call that sends it."""
        return self._secret.reveal()

    def __len__(self) -> int:
        return len(self._secret)

    def __repr__(self) -> str:
        return f"<access token of {len(self)} characters>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a token is not written down; get another where it is needed")


class _Key(NamedTuple):
    """Whose token: an app's by one flow, and for flows of people one person's."""

    client_id: str
    flow: Flow
    account: str


@dataclass
class _Held:
    """What is known of one key's token; `lock` is held while it is looked at or asked for."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    credential: TokenCredential | None = None
    found: Token | NoToken | None = None
    scopes: frozenset[str] = frozenset()
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class _SignIn:
    """A flow of a mail app, as `identity` wants it."""

    flow: str
    client_id: str
    account: str = ""
    secret: SecretRef | None = None
    certificate: SecretRef | None = None
    password: SecretRef | None = None
    assertion: SecretRef | None = None


class MailTokens:
    """Gets the tokens that open a tenant's mailboxes; to be shared by the threads that open them.

    Args:
        tenant: Whose mailboxes.
        attended: Whether a person sits there, as in `identity.credential`; so are those that follow.
        show: Receives what a person has to open.
        ask: Receives a prompt and returns the address that a person pasted.
        patience_s: How long a person has, in seconds.
        remember: A file for people's sign-ins; None keeps them in memory.
        strict: Refuse where that file cannot be encrypted.
        plain: Keep it unencrypted where there is no other way.
        now: The clock.
    """

    def __init__(
        self,
        tenant: Tenant,
        *,
        attended: bool,
        show: Callable[[str], object] = print,
        ask: Callable[[str], str] = getpass.getpass,
        patience_s: float = 300,
        remember: Path | None = None,
        strict: bool = False,
        plain: bool = False,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tenant = tenant
        self._now = now
        self._how: Mapping[str, Any] = {
            "attended": attended,
            "show": show,
            "ask": ask,
            "patience_s": patience_s,
            "remember": remember,
            "strict": strict,
            "plain": plain,
            # One question at a time: two browser windows, or two prompts, are more than a person can tell apart.
            "turn": threading.Lock(),
        }
        self._lock = threading.Lock()
        self._held: dict[_Key, _Held] = {}

    def token(
        self, app: MailApp, flow: Flow, protocols: Iterable[Protocol], *, account: str = "", fresh: bool = False
    ) -> Token | NoToken:
        """Return a token with some minutes left, or why there is none.

        Args:
            app: The app that gets it.
            flow: How, one of the app's.
            protocols: What it is to open; a person is asked for exactly these.
            account: Who signs in, for flows of people: for a shared mailbox not its address but its user's. Empty
                leaves it to the page, and all mailboxes without a name share that sign-in.
            fresh: Have a new one issued now: after a change of consent an old one still says what held before. A
                managed identity's service may hand out its old one all the same, for up to a day.
        """
        asked_at = self._now()
        people = flow.kind in PEOPLE
        wanted = tokens.asked(self._tenant.cloud, protocols, "scope" if people else "role")
        key = _Key(app.client_id, flow, account.casefold() if people else "")
        with self._lock:
            held = self._held.setdefault(key, _Held())
        with held.lock:
            if (known := _known(held, wanted, self._now(), since=asked_at if fresh else None)) is None:
                known = self._renew(held, app, flow, wanted, account if people else "", fresh=fresh)
            return known

    def __repr__(self) -> str:
        return f"<tokens for mail in {self._tenant.name}: {len(self._held)} asked for>"

    def _renew(
        self, held: _Held, app: MailApp, flow: Flow, wanted: tuple[str, ...], account: str, *, fresh: bool
    ) -> Token | NoToken:
        # What was held does not do any more: what msal keeps would not either, nor a secret that was refused.
        anew = fresh or (held.found is not None and held.scopes.issuperset(wanted))
        found, scopes = self._found(held, app, flow, wanted, account, fresh=anew)
        held.found, held.scopes, held.at = found, frozenset(scopes), self._now()
        return found

    def _found(
        self, held: _Held, app: MailApp, flow: Flow, wanted: tuple[str, ...], account: str, *, fresh: bool
    ) -> tuple[Token | NoToken, tuple[str, ...]]:
        try:
            if flow.kind == "token":
                return self._brought(flow), wanted
            return self._answered(held, app, flow, wanted, account, fresh=fresh)
        except MailauthError as error:
            return _not_asked(error), wanted

    def _answered(
        self, held: _Held, app: MailApp, flow: Flow, wanted: tuple[str, ...], account: str, *, fresh: bool
    ) -> tuple[Token | NoToken, tuple[str, ...]]:
        if held.credential is None:
            held.credential = self._credential(app, flow, account)
        answer = identity.acquire(held.credential, *wanted, fresh=fresh)
        if "access_token" not in answer:
            return _refused(answer, _redactor(flow)), wanted
        now = self._now()
        secret = secrets.Secret(str(answer["access_token"]))
        ends_at = now + timedelta(seconds=int(answer.get("expires_in", 0)))
        got = Token(secret, _claims(secret), ends_at=ends_at, got_at=now)
        # A person's token has all that was consented to on the resource, which Entra says beside it.
        return got, (*wanted, *str(answer.get("scope") or "").split())

    def _credential(self, app: MailApp, flow: Flow, account: str) -> TokenCredential:
        if not app.client_id and flow.kind != "managed-identity":
            raise ConfigurationError(
                f"mail_apps: {app.name} has no client_id: it is not registered yet.",
                remedy="Register it in notebook 20, or write its id into the tenants file.",
                code="not_registered",
            )
        references = {name: getattr(flow, name) for name in ("secret", "certificate", "password", "assertion")}
        # A machine's own identity is asked for without an id; with one it looks for what a person assigned to it.
        client_id = "" if flow.identity == "system" else app.client_id
        who = _SignIn(flow=flow.kind, client_id=client_id, account=account, **references)
        return identity.credential(who, tenant_id=self._tenant.tenant_id, cloud=self._tenant.cloud, **self._how)

    def _brought(self, flow: Flow) -> Token:
        """Return the token that somebody else got, read anew from its place each time."""
        assert flow.token is not None
        text = _SCHEME.sub("", secrets.read(flow.token).reveal().strip(), count=1)
        broken = bool(re.search(r"[^\x21-\x7e]", text))
        secret = secrets.Secret(text)
        del text
        if broken:
            raise SecretError(
                f"{flow.token} holds {len(secret)} characters with a space, a line end or worse among them, not shown; "
                "expected one access token."
            )
        claims = _claims(secret)
        return Token(secret, claims, ends_at=claims.ends_at if claims else None, got_at=self._now())


def _known(held: _Held, wanted: tuple[str, ...], now: datetime, *, since: datetime | None) -> Token | NoToken | None:
    """Return what is held where it answers: for these scopes, still, and no older than *since*."""
    if held.found is None or held.at is None or not held.scopes.issuperset(wanted):
        return None
    if since is not None and held.at < since:
        return None
    if isinstance(held.found, NoToken):
        stands = now - held.at < _REFUSED_FOR
    else:
        stands = held.found.ends_at is None or held.found.ends_at - now >= tokens.LEFT
    return held.found if stands else None


def _claims(secret: secrets.Secret) -> Claims | None:
    try:
        return tokens.read(secret.reveal())
    except TokenError:
        # Access tokens are opaque to whoever carries them, and some providers' are: the server decides.
        return None


def _redactor(flow: Flow) -> Redactor:
    """Return what takes this flow's secrets out of a text, as they are and as a form has them."""
    references = (flow.secret, flow.password, flow.assertion)
    known = [secrets.read(each).reveal() for each in references if each is not None]
    return Redactor(*known, *map(quote_plus, known))


def _refused(answer: Mapping[str, Any], redact: Redactor) -> NoToken:
    """Return what Entra said in place of a token, its ids and times apart from the sentence."""
    told = {name: str(answer.get(name) or "") for name in ("error", "error_description", "correlation_id", "trace_id")}
    text = redact(told["error_description"] or told["error"])
    error = told["error"] if _WORD.fullmatch(told["error"]) else ""
    return NoToken(
        _number(text, answer.get("error_codes")) or error or "no reason given",
        error,
        _sentence(text),
        _first(_IS_GUID, told["correlation_id"]) or _first(_CORRELATION, text),
        _first(_IS_GUID, told["trace_id"]) or _first(_TRACE, text),
        _first(_TIME, f"Timestamp: {answer.get('timestamp')} {text}"),
    )


def _number(text: str, numbers: object) -> str:
    """Return the AADSTS number with its prefix; empty where there is none."""
    if found := _CODE.search(text):
        return found[0]
    return f"AADSTS{numbers[0]}" if isinstance(numbers, list) and numbers and isinstance(numbers[0], int) else ""


def _sentence(text: str) -> str:
    said = _LONG.sub(lambda found: f"<{len(found[0])} characters>", _TAIL.split(text, maxsplit=1)[0])
    return re.sub(r"^.*?AADSTS\d+: ?", "", said).strip()[:_MOST]


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


def _not_asked(error: MailauthError) -> NoToken:
    """Return why nothing was asked, or nothing answered, in our own words."""
    kind = "secret" if isinstance(error, SecretError) else "configuration"
    return NoToken(error.code or kind, said=str(error))
