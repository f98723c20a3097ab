"""The grants of the token endpoint, each as a class of the OAuth library's with Entra's own rules."""

import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import OAuth2Request, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import DEVICE_CODE_GRANT_TYPE, DeviceCodeGrant
from flask import g, request

from practice import signon
from practice.state import Tenant
from practice.tokens import TokenError

from . import clients, issue, persons, scopes
from .asks import Ask
from .clients import Client
from .desk import Device
from .errors import Refused, correlation_id
from .persons import Person, SignedIn
from .realms import Realm, home_of

__all__ = [
    "CODE_LASTS",
    "AppGrant",
    "CodeGrant",
    "DeviceGrant",
    "PasswordGrant",
    "Pkce",
    "RefreshGrant",
    "Sealed",
    "new_code",
    "opened",
]

CODE_LASTS: Final = timedelta(minutes=10)
_METHODS: Final = ["entra"]


@dataclass(frozen=True)
class Sealed:
    """An authorization code or a refresh token, opened."""

    content: dict[str, Any]
    person: Person
    asked: str

    @property
    def code_challenge(self) -> str:
        """PKCE's challenge; '' where the client sent none."""
        return str(self.content.get("challenge") or "")

    @property
    def code_challenge_method(self) -> str | None:
        """How the challenge was made."""
        return self.content.get("challenge_method") or None

    def get_redirect_uri(self) -> str:
        """Return where the code was sent to."""
        return str(self.content.get("redirect") or "")

    def get_scope(self) -> str:
        """Return what is asked for now: Entra's codes and refresh tokens are good for every resource."""
        return self.asked or str(self.content.get("scope") or "")

    def check_client(self, client: Client) -> bool:
        """Return whether it was given to *client*."""
        return bool(self.content.get("client") == client.app_id)


def new_code(ask: Ask, person: Person) -> str:
    """Return a code for somebody who is on the page; it holds everything itself."""
    return str(
        g.backend.keys.seal(
            {
                "kind": "code",
                "id": secrets.token_urlsafe(12),
                "client": ask.client_id.lower(),
                "redirect": ask.redirect_uri,
                "scope": ask.scope,
                "challenge": ask.code_challenge,
                "challenge_method": ask.code_challenge_method,
                "nonce": ask.nonce,
                **asdict(person.kept()),
                "issued": g.backend.now().timestamp(),
            }
        )
    )


class _Grant:
    """What the grants share."""

    request: OAuth2Request

    def answer(self, person: Person, scope: str, *, tell: bool = False) -> dict[str, Any]:
        """Return the tokens that *person* gets for *scope*, or for the ``resource`` of an older request."""
        # At an address for several the client is one app, and what a tenant knows of it another thing.
        here = Realm(person.tenant.tenant_id, person.tenant)
        client = clients.found(g.backend, here, self.request.client.app_id)
        wanted = _wanted(person.tenant, scope)
        return issue.user_tokens(g.backend, client, person, wanted, proof=g.proof, tell=tell)


class CodeGrant(_Grant, grants.AuthorizationCodeGrant):
    """``authorization_code``; with `Pkce`."""

    TOKEN_ENDPOINT_AUTH_METHODS = _METHODS

    def query_authorization_code(self, code: str, client: Client) -> Sealed:
        """Return the code, opened.

        Raises:
            Refused: 9002313, 70000 where it was given to another client, 70008, 50034.
        """
        content = opened(code, "code", malformed="9002313")
        now = g.backend.now()
        if content["client"] != client.app_id:
            raise Refused("70000")
        if now.timestamp() >= content["issued"] + CODE_LASTS.total_seconds():
            raise Refused("70008")
        return Sealed(content, _person(content), request.form.get("scope") or "")

    def authenticate_user(self, authorization_code: Sealed) -> Person:
        """Return who signed in for it, and count it as redeemed, whatever comes of it.

        Raises:
            Refused: 54005 where it was redeemed before.
        """
        now = g.backend.now()
        if not g.desk.redeem(authorization_code.content["id"], now + CODE_LASTS, now):
            raise Refused("54005")
        return authorization_code.person

    def generate_token(self, user: Person, scope: str, **_: Any) -> dict[str, Any]:
        """Return the answer."""
        return self.answer(user, scope)

    def delete_authorization_code(self, authorization_code: Sealed) -> None:
        """Leave it: it was counted before."""


class Pkce(CodeChallenge):
    """Proof Key for Code Exchange; Entra takes native clients without it."""

    def __init__(self) -> None:
        super().__init__(required=False)


class RefreshGrant(_Grant, grants.RefreshTokenGrant):
    """``refresh_token``."""

    TOKEN_ENDPOINT_AUTH_METHODS = _METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> Sealed:
        """Return the token, opened.

        Raises:
            Refused: 70000, 700082, 50173.
        """
        content = opened(refresh_token, "refresh", malformed="70000")
        now, issued = g.backend.now(), datetime.fromtimestamp(content["issued"], UTC)
        if now >= issued + issue.IDLE:
            raise Refused("700082", issued=issued.isoformat())
        person = _person(content)
        valid = person.user.sessions_valid_from
        if valid and issued < valid:
            raise Refused("50173", issued=issued.isoformat(), valid=valid.isoformat())
        return Sealed(content, person, request.form.get("scope") or "")

    def authenticate_user(self, refresh_token: Sealed) -> Person:
        """Return whose it is."""
        return refresh_token.person

    def generate_token(self, user: Person, scope: str, **_: Any) -> dict[str, Any]:
        """Return the answer; a client that asks for a scope gets another refresh token unasked."""
        return self.answer(user, f"{scope} offline_access", tell=True)

    def revoke_old_credential(self, refresh_token: Sealed) -> None:
        """Leave it: Entra's refresh tokens stay good beside the newer ones."""


class AppGrant(_Grant, grants.ClientCredentialsGrant):
    """``client_credentials``."""

    TOKEN_ENDPOINT_AUTH_METHODS = _METHODS

    def validate_token_request(self) -> None:
        """Return if the app may act as itself here.

        Raises:
            Refused: 9001023 without a tenant, 7000229 without an enterprise application, and the credentials' own.
        """
        realm: Realm = g.realm
        if realm.tenant is None:
            raise Refused("9001023")
        client = self.authenticate_token_endpoint_client()
        if client.principal is None:
            raise Refused("7000229", app=client.app_id, tenant=realm.tenant.tenant_id)
        self.request.client = client

    def generate_token(self, scope: str, **_: Any) -> dict[str, Any]:
        """Return the answer.

        Raises:
            Refused: 1002012 for anything but ``.default``.
        """
        tenant: Tenant = g.realm.tenant
        asked = request.form.get("scope") or ""
        if not g.v1 and not (asked and all(one.endswith(f"/{scopes.DEFAULT}") for one in asked.split())):
            raise Refused("1002012" if asked else "900144", scope=asked, parameter="scope")
        return issue.app_token(g.backend, tenant, self.request.client, _wanted(tenant, asked), g.credential)


class PasswordGrant(_Grant, grants.ResourceOwnerPasswordCredentialsGrant):
    """``password``: no second factor, no page, no federation to speak of."""

    TOKEN_ENDPOINT_AUTH_METHODS = _METHODS

    def authenticate_user(self, username: str, password: str) -> Person:
        """Return who signs in.

        Raises:
            Refused: What `signon.password` says.
        """
        backend, realm = g.backend, g.realm
        tenant = realm.tenant or home_of(backend, username)
        if tenant is None:
            raise Refused("50034", tenant=realm.name)
        client: Client = g.client
        wanted = _wanted(tenant, request.form.get("scope") or "")
        now = backend.now()
        with backend.states.changing(tenant.tenant_id) as held:
            done = signon.password(held, username, password, issue.attempt(backend, client, wanted))
        if done.seen:
            agent = request.headers.get("User-Agent", "")
            row = signon.row(tenant, done, agent=agent, scopes=wanted.values, correlation_id=correlation_id())
            backend.ledger.record(tenant.tenant_id, row)
        if done.user is None or not done.ok:
            raise Refused(done.code, error="invalid_grant", tenant=tenant.title, resource=wanted.resource.app_id)
        return Person(done.user, tenant, tenant.tenant_id, mfa=False, since=now)

    def generate_token(self, user: Person, scope: str, **_: Any) -> dict[str, Any]:
        """Return the answer."""
        return self.answer(user, scope)


class DeviceGrant(_Grant, DeviceCodeGrant):
    """``device_code``, in every state of the polling."""

    GRANT_TYPE = DEVICE_CODE_GRANT_TYPE
    TOKEN_ENDPOINT_AUTH_METHODS = _METHODS

    def query_device_credential(self, device_code: str) -> "_Waiting":
        """Return the device that polls.

        Raises:
            Refused: 70018.
        """
        device = g.desk.device(device_code)
        if device is None:
            raise Refused("70018", error="bad_verification_code")
        return _Waiting(device, g.backend.now())

    def query_user_grant(self, user_code: str) -> tuple[Person | None, bool] | None:
        """Return who signed in and whether they agreed; None as long as nobody did.

        Raises:
            Refused: As `persons.found`.
        """
        device: Device = g.desk.device(self.request.form.get("device_code"))
        if device.declined:
            return None, False
        return (persons.found(g.backend, g.realm, device.signed_in), True) if device.signed_in else None

    def should_slow_down(self, credential: "_Waiting") -> bool:
        """Return whether the device asks more often than it was told to."""
        return credential.hurries()

    def generate_token(self, user: Person, scope: str, **_: Any) -> dict[str, Any]:
        """Return the answer; the code is used up with it."""
        given = self.answer(user, scope)
        g.desk.forget(self.request.form.get("device_code"))
        return given


@dataclass(frozen=True)
class _Waiting:
    """A device in the OAuth library's eyes."""

    device: Device
    now: datetime

    def get_client_id(self) -> str:
        return self.device.client_id

    def get_scope(self) -> str:
        return self.device.scope

    def get_user_code(self) -> str:
        return self.device.user_code

    def is_expired(self) -> bool:
        return self.now >= self.device.until

    def hurries(self) -> bool:
        before, self.device.polled = self.device.polled, self.now
        # A second of tolerance: the way here takes its time.
        return before is not None and self.now - before < timedelta(seconds=4)


def opened(text: str, kind: str, *, malformed: str) -> dict[str, Any]:
    """Return what was sealed.

    Raises:
        Refused: *malformed*.
    """
    try:
        content: dict[str, Any] = g.backend.keys.unseal(text)
    except TokenError:
        content = {}
    if content.get("kind") != kind:
        raise Refused(malformed)
    return content


def _person(content: dict[str, Any]) -> Person:
    """Return whom a code or a refresh token is for, as `persons.found`."""
    return persons.found(g.backend, g.realm, SignedIn.of(content), nonce=str(content.get("nonce") or ""))


def _wanted(tenant: Tenant, scope: str) -> scopes.Wanted:
    """Return the one resource that is asked for, by scope or in the older way by name."""
    directory = tenant.directory_in_force(g.backend.now())
    asked = scope
    if g.v1:
        resource = request.form.get("resource") or ""
        # The older endpoint names a resource whole, and gives a refresh token and an id token always.
        asked = f"{resource}/{scopes.DEFAULT} openid offline_access" if resource else scope
        if not asked:
            raise Refused("900144", parameter="resource")
    found = scopes.read(directory, asked, tenant=tenant.title, base_url=g.backend.base_url)
    return scopes.one(found, asked)
