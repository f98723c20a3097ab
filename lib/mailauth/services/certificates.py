"""Certificates for apps, made on this machine: the private key is written before anybody is told of the certificate.

A PEM holds the certificate and its key, as `identity` reads it; a PFX (PKCS #12) that is there already signs in just as
well. The key store of Windows is not built; a file that only its owner can read, or a keyring, is where a key goes.
"""

import base64
import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from mailauth.errors import SecretError
from mailauth.registrationplan import Certificate
from mailauth.secretrefs import SecretRef

from . import secrets

__all__ = ["find", "make", "public", "signing"]

_BITS: Final = 3_072
_EXPONENT: Final = 65_537
# Clocks differ by minutes, and a certificate that does not count yet is refused.
_EARLY: Final = timedelta(minutes=5)
_MOST_COMMON_NAME: Final = 64


def make(ref: SecretRef, *, name: str, lasts: timedelta, now: datetime | None = None) -> Certificate:
    """Make a key and a certificate for it, write both to *ref*, and return the public part.

    Args:
        ref: A file, which only its owner can read then, or a keyring's entry.
        name: What the certificate is called.
        lasts: From its first moment to its last.
        now: The clock.

    Raises:
        SecretError: Something is there already, which is never overwritten, or it cannot be written.
    """
    secrets.check_writable(ref)
    key = rsa.generate_private_key(_EXPONENT, _BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:_MOST_COMMON_NAME])])
    starts = (now or datetime.now(UTC)).replace(microsecond=0) - _EARLY
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(starts + lasts)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    secrets.write(ref, secrets.Secret((made.public_bytes(serialization.Encoding.PEM) + private).decode()))
    return _public(made)


def find(ref: SecretRef) -> Certificate | None:
    """Return the public part of the certificate at *ref*; None where nothing is there.

    Raises:
        SecretError: What is there is no PEM with a certificate and its key.
    """
    return public(secrets.read(ref).reveal(), str(ref)) if secrets.is_taken(ref) else None


def public(pem: str, where: str) -> Certificate:
    """Return the public part of a PEM.

    Args:
        pem: A certificate and its key.
        where: What errors call it.

    Raises:
        SecretError: It holds no certificate, or no key.
    """
    if "PRIVATE KEY-----" not in pem:
        raise SecretError(f"{where} holds no PRIVATE KEY; expected a PEM with the certificate and its private key.")
    try:
        return _public(x509.load_pem_x509_certificate(pem.encode()))
    except ValueError:
        pass  # its text may quote what stands in the file
    raise SecretError(f"{where} holds no CERTIFICATE that can be read; expected a PEM with it and its private key.")


def signing(ref: SecretRef, password: secrets.Secret | None = None) -> secrets.Secret:
    """Return the certificate and its key at *ref* as one PEM without a passphrase, for the call that signs with it.

    Args:
        ref: A PEM or a PFX (PKCS #12), told apart by what is there; a PFX in a variable or a keyring is in base64.
        password: The passphrase of the key or the PFX.

    Raises:
        SecretError: It is neither, something is missing in it, or the passphrase does not fit; nothing is quoted.
    """
    packed = secrets.read_binary(ref)
    pem, complaint = _from_pem(secrets.read(ref), password) if packed is None else _from_pfx(packed, password)
    if pem is None:
        raise SecretError(f"{ref}{complaint}")
    return pem


_UNREADABLE: Final = ": its private key cannot be read; is the password right, or missing?"


def _from_pem(held: secrets.Secret, password: secrets.Secret | None) -> tuple[secrets.Secret | None, str]:
    """Return the PEM, or what is wrong: nothing is raised where the key can be seen."""
    text = held.reveal()
    missing = next((part for part in ("CERTIFICATE", "PRIVATE KEY") if f"{part}-----" not in text), "")
    if missing:
        return None, f" holds no {missing}; expected a PEM or a PFX with the certificate and its private key."
    try:
        key = serialization.load_pem_private_key(text.encode(), _bytes(password))
        found = x509.load_pem_x509_certificates(text.encode())
    except (ValueError, TypeError):
        return None, _UNREADABLE
    return _joined(key, found)


def _from_pfx(packed: secrets.Secret, password: secrets.Secret | None) -> tuple[secrets.Secret | None, str]:
    try:
        key, own, more = pkcs12.load_key_and_certificates(base64.b64decode(packed.reveal()), _bytes(password))
    except ValueError:
        return None, ": its PFX cannot be opened; is the password right, or missing?"
    if key is None or own is None:
        return None, f" holds no {'PRIVATE KEY' if own else 'CERTIFICATE'}; export the PFX with its private key."
    return _joined(key, [own, *more])


def _joined(key: object, chain: list[x509.Certificate]) -> tuple[secrets.Secret | None, str]:
    if not isinstance(key, rsa.RSAPrivateKey):
        return None, ": its key is not RSA; expected an RSA key, the only kind that signs in to Entra."
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public_parts = [each.public_bytes(serialization.Encoding.PEM) for each in chain]
    return secrets.Secret(b"".join([*public_parts, private]).decode()), ""


def _bytes(password: secrets.Secret | None) -> bytes | None:
    return password.reveal().encode() if password and password.reveal() else None


def _public(certificate: x509.Certificate) -> Certificate:
    der = certificate.public_bytes(serialization.Encoding.DER)
    return Certificate(
        key=base64.b64encode(der).decode(),
        key_id=str(uuid.UUID(bytes=certificate.fingerprint(hashes.SHA256())[:16], version=4)),
        starts=certificate.not_valid_before_utc,
        ends=certificate.not_valid_after_utc,
        # Entra names a certificate by its SHA-1 thumbprint.
        thumbprint=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
    )
