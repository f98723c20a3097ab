"""What the practice tenants' apps sign in with: made once per practice home, in files that only their owner can read.

A private key stands in a PEM beside its certificate, which is the form that sign-in libraries take; a tenant's state
gets the public parts.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from . import whole
from .state import KeyCredential

__all__ = ["Credentials", "kept", "public_part"]

_VALID: Final = timedelta(days=730)
# The stories tell of sign-ins with these certificates for five weeks back.
_BEGUN: Final = timedelta(days=60)


@dataclass(frozen=True)
class Credentials:
    """One tenant's credentials, as its state needs them.

    Args:
        reader: The certificate of the app that the runbook reads with, as PEM, without its key.
        operator: The certificate of the app that it changes the tenant with, likewise.
        mail: The certificate of the mail app, likewise.
        secret: The mail app's client secret.
        canary: The password of the account on which it is tried whether passwords are taken.
    """

    reader: str
    operator: str
    mail: str
    secret: str = field(repr=False)
    canary: str = field(repr=False)


def kept(folder: Path, names: Iterable[str]) -> dict[str, Credentials]:
    """Return the credentials of the tenants of these names, made in *folder* where they are missing.

    The files of tenant T are ``T-reader.pem``, ``T-operator.pem``, ``T-mail.pem`` (certificate and private key),
    ``T-mail.secret`` and ``T-canary.secret``.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    return {
        name: Credentials(
            reader=_certificate(folder / f"{name}-reader.pem", f"{name} runbook reader"),
            operator=_certificate(folder / f"{name}-operator.pem", f"{name} runbook operator"),
            mail=_certificate(folder / f"{name}-mail.pem", f"{name} mail app"),
            secret=_secret(folder / f"{name}-mail.secret"),
            canary=_secret(folder / f"{name}-canary.secret"),
        )
        for name in names
    }


def public_part(pem: str, *, name: str) -> KeyCredential:
    """Return a certificate as an app registration holds it."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    der = certificate.public_bytes(serialization.Encoding.DER)
    return KeyCredential(
        display_name=name,
        start_date_time=certificate.not_valid_before_utc,
        end_date_time=certificate.not_valid_after_utc,
        # Entra names a certificate by its SHA-1 thumbprint.
        custom_key_identifier=hashlib.sha1(der, usedforsecurity=False).hexdigest().upper(),
        key=base64.b64encode(der).decode(),
    )


def _certificate(path: Path, name: str) -> str:
    if not path.is_file():
        key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BEGUN)
            .not_valid_after(now + _VALID)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        whole.write(path, made.public_bytes(serialization.Encoding.PEM) + private)
    certificate, begins, _ = path.read_text(encoding="utf-8", errors="replace").partition("-----BEGIN PRIVATE KEY")
    if not begins or "BEGIN CERTIFICATE" not in certificate:
        raise RuntimeError(
            f"{path} is not the certificate with its key that was written there; remove the practice home to start anew"
        )
    return certificate


def _secret(path: Path) -> str:
    if not path.is_file():
        # Entra's own are 40 characters; this is as long.
        whole.write(path, secrets.token_urlsafe(30).encode())
    return path.read_text(encoding="ascii")
