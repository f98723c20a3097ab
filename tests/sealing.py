"""Seals a text as the browser does, for tests of what opens it."""

import base64
import os

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailauth.sealed import OAEP

__all__ = ["sealed"]


def sealed(text: str, key: str) -> str:
    """Return *text* sealed for a public key in base64."""
    public = load_der_public_key(base64.b64decode(key))
    assert isinstance(public, rsa.RSAPublicKey)
    once, nonce = AESGCM.generate_key(256), os.urandom(12)
    parts = (public.encrypt(once, OAEP), nonce, AESGCM(once).encrypt(nonce, text.encode(), None))
    return ".".join(base64.b64encode(part).decode() for part in parts)
