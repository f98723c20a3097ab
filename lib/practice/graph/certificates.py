"""Certificates of an app: the whole array by PATCH, or one by one with a proof that the old key is at hand."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from practice.state import Application, Directory, KeyCredential, new_id

from . import bodies, errors, restrictions, wire
from .callers import Access
from .calls import Answer, Call, Key, Operation, is_guid
from .registrations import found, managed

__all__ = ["OPERATIONS", "replaced"]

_KIND: Final = "KeyCredential"
_FIELDS: Final = frozenset(
    {"customKeyIdentifier", "displayName", "endDateTime", "key", "keyId", "startDateTime", "type", "usage"}
)
_TYPES: Final = ("AsymmetricX509Cert", "X509CertAndPassword")
_USAGES: Final = ("Verify", "Sign")
_PROOF_AUDIENCE: Final = "00000002-0000-0000-c000-000000000000"
_PROOF_LASTS: Final = timedelta(minutes=10)
_TOLERANCE: Final = timedelta(minutes=5)


def replaced(call: Call, seen: Directory, app: Application, wanted: object) -> list[KeyCredential]:
    """Return what *app*'s certificates become: all of *wanted*, and nothing else.

    Raises:
        Refusal: One is none, changes one that is there, or a policy forbids it.
    """
    if not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
        raise errors.wrong_value("keyCredentials", "Application")
    there = {one.key_id: one for one in app.key_credentials}
    return [_kept_or_made(call, seen, app, there, one) for one in wanted]


def _kept_or_made(
    call: Call, seen: Directory, app: Application, there: Mapping[str, KeyCredential], wanted: Mapping[str, Any]
) -> KeyCredential:
    key_id = wanted.get("keyId")
    old = there.get(key_id.lower()) if isinstance(key_id, str) else None
    if old is None:
        return _made(call, seen, app, wanted)
    # A list that was read without $select=keyCredentials has no keys in it: writing it back would lose them.
    if wanted.get("key") != old.key:
        raise errors.bad(f"Update to existing credential with KeyId '{old.key_id}' is not allowed.")
    return old


def _made(call: Call, seen: Directory, app: Application, wanted: Mapping[str, Any]) -> KeyCredential:
    given = bodies.fields(wanted, _KIND, _FIELDS)
    certificate = _certificate(given.get("key"))
    start = bodies.moment(given, "startDateTime", _KIND) or certificate.not_valid_before_utc
    end = bodies.moment(given, "endDateTime", _KIND) or certificate.not_valid_after_utc
    if end > certificate.not_valid_after_utc or end <= start:
        raise errors.bad("Key credential end date is invalid.")
    if start < certificate.not_valid_before_utc.replace(microsecond=0):
        raise errors.bad("Key credential start date is invalid.")
    if given.get("type", _TYPES[0]) not in _TYPES or given.get("usage", _USAGES[0]) not in _USAGES:
        raise errors.wrong_value("type" if given.get("type") not in _TYPES else "usage", _KIND)
    restrictions.check_key(seen.policies, app, start, end)
    key_id = given.get("keyId")
    if key_id is not None and not (isinstance(key_id, str) and is_guid(key_id)):
        raise errors.wrong_value("keyId", _KIND)
    der = certificate.public_bytes(Encoding.DER)
    return KeyCredential(
        key_id=key_id.lower() if key_id else new_id(),
        type=given.get("type", _TYPES[0]),
        usage=given.get("usage", _USAGES[0]),
        display_name=bodies.text(given, "displayName", _KIND, needed=False) or certificate.subject.rfc4514_string(),
        start_date_time=start,
        end_date_time=end,
        custom_key_identifier=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
        key=base64.b64encode(der).decode(),
    )


def _certificate(encoded: object) -> x509.Certificate:
    try:
        der = base64.b64decode(encoded, validate=True) if isinstance(encoded, str) else b""
        # What portals take is DER; a PEM file, encoded once more, is what scripts send by mistake, and Graph takes it.
        return x509.load_pem_x509_certificate(der) if der.startswith(b"-----") else x509.load_der_x509_certificate(der)
    except (ValueError, binascii.Error):
        raise errors.wrong_value("key", _KIND) from None


# One by one.


def _add(call: Call) -> Answer:
    wanted = call.body.get("keyCredential")
    if not isinstance(wanted, dict):
        raise errors.wrong_value("keyCredential", "Application")
    with call.changing() as (seen, directory):
        app = _proven(call, seen, directory)
        made = _made(call, seen, app, wanted)
        app.key_credentials = [*app.key_credentials, made]
    return Answer({"@odata.context": call.context("microsoft.graph.keyCredential"), **wire.key(made)})


def _remove(call: Call) -> Answer:
    key_id = bodies.text(call.body, "keyId", _KIND).lower()
    with call.changing() as (seen, directory):
        app = _proven(call, seen, directory)
        kept = [one for one in app.key_credentials if one.key_id != key_id]
        if len(kept) == len(app.key_credentials):
            raise errors.bad("No credentials found to be removed.")
        app.key_credentials = kept
    return Answer()


def _proven(call: Call, seen: Directory, directory: Directory) -> Application:
    """Return the app whose key is to change, where the caller shows that it holds a valid one already."""
    app = found(directory, Key(found(seen, call.keys[0]).id))
    # An app needs no permission to roll its own keys.
    if call.caller.delegated or call.caller.app_id != app.app_id:
        app = managed(call, seen, directory, call.keys[0])
        if not call.caller.has("Application.ReadWrite.All", "Application.ReadWrite.OwnedBy"):
            raise errors.denied()
    proof = call.body.get("proof")
    if not isinstance(proof, str) or not any(_proves(proof, one, app, call.now) for one in app.key_credentials):
        raise errors.Refusal(403, "Authentication_MissingOrMalformed", "Access Token missing or malformed.")  # ≈
    return app


def _proves(proof: str, credential: KeyCredential, app: Application, now: datetime) -> bool:
    if credential.key is None or (credential.end_date_time is not None and credential.end_date_time <= now):
        return False
    try:
        public = _certificate(credential.key).public_key()
        key = RSAKey.import_key(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        claims = jwt.decode(proof, key, algorithms=["RS256", "PS256"]).claims
    except (JoseError, UnsupportedAlgorithm, ValueError, TypeError, KeyError, errors.Refusal):
        return False
    begins, ends = (claims.get(name) for name in ("nbf", "exp"))
    if not isinstance(begins, (int, float)) or not isinstance(ends, (int, float)):
        return False
    moment = now.timestamp()
    in_time = begins - _TOLERANCE.total_seconds() <= moment < ends and ends - begins <= _PROOF_LASTS.total_seconds()
    return in_time and claims.get("aud") == _PROOF_AUDIENCE and str(claims.get("iss")).lower() == app.id


OPERATIONS: Final = (
    Operation("POST", "applications/{}/addKey", _add, Access()),
    Operation("POST", "applications/{}/removeKey", _remove, Access()),
)
