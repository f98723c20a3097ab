"""How an app proves itself: a secret, a JWT that its certificate signs, or another issuer's token."""

import hashlib
import hmac
import json
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from datetime import UTC, datetime
from typing import Any, Final

from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.jws import JWSRegistry

from practice.backend import Backend
from practice.state import KeyCredential
from practice.tokens import TokenError

from .clients import Client
from .errors import Refused
from .realms import Realm

__all__ = ["ASSERTION", "Assertion", "issuer", "secret"]

ASSERTION: Final = JWTBearerClientAssertion.CLIENT_ASSERTION_TYPE

_ALGORITHMS: Final = ["RS256", "PS256"]
_LEEWAY_S: Final = 300


class _Roomy(JWSRegistry):
    """Admits headers that carry a whole certificate chain (``x5c``), as msal sends them."""

    max_header_length = 32 * 1024
    max_payload_length = 64 * 1024
    max_signature_length = 4 * 1024


_REGISTRY: Final = _Roomy(algorithms=_ALGORITHMS, strict_check_header=False)


def secret(client: Client, text: str, now: datetime) -> None:
    """Return if *text* is a client secret of the app that is in force.

    Raises:
        Refused: 7000222 where it was one, 7000215 where it is none.
    """
    digest = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
    found = [one for one in client.app.password_credentials if hmac.compare_digest(one.secret_hash, digest)]
    if any(one.start_date_time <= now < one.end_date_time for one in found):
        return
    expired = any(one.end_date_time <= now for one in found)
    raise Refused("7000222" if expired else "7000215", app=client.app_id)


def issuer(backend: Backend) -> str:
    """Return the issuer of workload tokens that this practice cloud is itself."""
    return f"{backend.base_url}/practice-issuer"


class Assertion(JWTBearerClientAssertion):
    """A client assertion: ``client_assertion`` of a token request, read but not yet believed.

    Args:
        text: As it was sent.

    Raises:
        Refused: 50027 where it is no JWT.
    """

    def __init__(self, text: str) -> None:
        super().__init__(validate_jti=False, leeway=_LEEWAY_S)
        self._text = text
        try:
            read = jws.extract_compact(text.encode("ascii"), registry=_REGISTRY)
            claims = json.loads(read.payload or b"")
        except (JoseError, ValueError, TypeError, RecursionError):
            raise Refused("50027") from None
        if not isinstance(claims, dict):
            raise Refused("50027")
        self.headers: dict[str, Any] = dict(read.headers())
        self.claims: dict[str, Any] = claims

    @property
    def client_id(self) -> str:
        """Who it says it is from, for a request that does not say so itself."""
        return str(self.claims.get("iss") or "")

    def prove(self, backend: Backend, realm: Realm, client: Client) -> str:
        """Return what kind of credential it is, as sign-in rows call it.

        Raises:
            Refused: It proves nothing.
        """
        if str(self.claims.get("iss")) == client.app_id:
            self._by_certificate(backend, realm, client)
            return "clientAssertion"
        self._by_another_issuer(backend, client)
        return "federatedIdentityCredential"

    # --- a certificate of the app ---

    def _by_certificate(self, backend: Backend, realm: Realm, client: Client) -> None:
        now = backend.now()
        if self.claims.get("sub") != client.app_id:
            raise Refused("700021")
        held = self._certificate(client, now)
        self._verify(held)
        self._check_times(now)
        self._check_audience(backend, realm)

    def _certificate(self, client: Client, now: datetime) -> KeyCredential:
        names = ("x5t#S256", "x5t", "kid")
        # Some clients leave the padding on.
        sent = [str(self.headers[name]).rstrip("=") for name in names if self.headers.get(name)]
        if not sent:
            raise Refused("50012")
        found = next((one for one in client.app.key_credentials if not _thumbprints(one).isdisjoint(sent)), None)
        if found is None:
            raise Refused("700027", reason="The key was not found.", thumbprint=sent[0])
        if found.end_date_time and found.end_date_time <= now:
            raise Refused("700027", reason="The key used is expired.", thumbprint=sent[0])
        return found

    def _verify(self, held: KeyCredential) -> None:
        if self.headers.get("alg") not in _ALGORITHMS:
            raise Refused("50012")
        try:
            certificate = x509.load_der_x509_certificate(b64decode(held.key or ""))
            # The library admits RS256 of these two by itself; Entra's own clients sign with PS256 today.
            jwt.decode(self._text, RSAKey.import_key(_public(certificate)), algorithms=_ALGORITHMS, registry=_REGISTRY)
        except (JoseError, ValueError, TypeError):
            thumbprint = str(self.headers.get("x5t#S256") or self.headers.get("x5t") or "")
            reason = "The provided signature value did not match the expected signature value."
            raise Refused("700027", reason=reason, thumbprint=thumbprint) from None

    def _check_times(self, now: datetime) -> None:
        begins, ends = (_moment(self.claims.get(name)) for name in ("nbf", "exp"))
        moment = now.timestamp()
        if ends is None or moment >= ends + self.leeway or (begins is not None and moment + self.leeway < begins):
            raise Refused("700024", now=_told(moment), begins=_told(begins), ends=_told(ends))

    def _check_audience(self, backend: Backend, realm: Realm) -> None:
        sent = self.claims.get("aud")
        audiences = sent if isinstance(sent, list) else [sent]
        names = {realm.name, realm.own_id}
        known = {
            f"{backend.base_url}/{name}{path}"
            for name in names
            for path in ("/oauth2/v2.0/token", "/oauth2/token", "/v2.0", "/")
        }
        if not any(one in known for one in audiences):
            raise Refused("700023")

    # --- somebody else's token ---

    def _by_another_issuer(self, backend: Backend, client: Client) -> None:
        claims = self.claims
        sent = str(claims.get("iss") or "")
        if sent.startswith("https://sts.windows.net/"):
            raise Refused("700222")
        trusted = [one for one in client.app.federated_credentials if one.issuer == sent]
        if not trusted:
            raise Refused("700211", issuer=sent)
        subject = claims.get("sub")
        # Compared letter by letter: Entra is strict about case here.
        trusted = [one for one in trusted if one.subject == subject]
        if not trusted:
            raise Refused("700213", subject=subject)
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if not any(one in credential.audiences for credential in trusted for one in audiences):
            raise Refused("700212", audience=audience)
        self._verify_issued(backend, sent)

    def _verify_issued(self, backend: Backend, sent: str) -> None:
        now = backend.now()
        # Nobody else's keys can be fetched from a loopback cloud, so only its own issuer can be believed.
        if sent != issuer(backend):
            raise Refused("50012")
        try:
            backend.issuer_keys.read(self._text, now)
        except TokenError as error:
            if error.flaw in ("expired", "early"):
                begins, ends = (_moment(self.claims.get(name)) for name in ("nbf", "exp"))
                told = {"now": _told(now.timestamp()), "begins": _told(begins), "ends": _told(ends)}
                raise Refused("700024", **told) from None
            raise Refused("50012") from None


def _thumbprints(held: KeyCredential) -> frozenset[str]:
    """Return how a JWT's header may name a certificate."""
    try:
        der = b64decode(held.key or "")
    except (Base64Error, ValueError):
        return frozenset()
    if not der:
        return frozenset()
    short, long = hashlib.sha1(der, usedforsecurity=False), hashlib.sha256(der)
    shown = {urlsafe_b64encode(one.digest()).decode().rstrip("=") for one in (short, long)}
    return frozenset({*shown, short.hexdigest().upper(), held.key_id})


def _public(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _moment(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _told(moment: float | None) -> str:
    try:
        return datetime.fromtimestamp(moment, UTC).isoformat() if moment is not None else "unknown"
    except (ValueError, OverflowError, OSError):
        return "unknown"
