"""Text that is sealed where it was typed and opened in this process alone.

JupyterLab can save the state of a notebook's widgets, on its own and at any moment. So what is pasted is encrypted in
the browser for a key that lives as long as this process and is written nowhere: what a widget holds is of no use to
whoever opens the notebook later. RSA-OAEP for a key that is used once, AES-GCM for the text: what browsers can do.
"""

import base64
import binascii
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = ["OAEP", "Lock"]

OAEP: Final = padding.OAEP(mgf=padding.MGF1(hashes.SHA256()), algorithm=hashes.SHA256(), label=None)


class Lock:
    """A key of this process: whoever has its public part can seal, and nobody else can open."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public(self) -> str:
        """The public part, as browsers take it: SPKI in base64."""
        return base64.b64encode(
            self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        ).decode()

    def opened(self, sealed: str) -> str:
        """Return the text of *sealed*: a wrapped key, a nonce and the text, in base64 with dots in between.

        Anything else gives an empty text: it comes from a browser, and whoever sits there can only try again.
        """
        try:
            wrapped, nonce, box = (base64.b64decode(part, validate=True) for part in sealed.split("."))
            return AESGCM(self._key.decrypt(wrapped, OAEP)).decrypt(nonce, box, None).decode("utf-8", "replace")
        except (ValueError, binascii.Error, InvalidTag):
            return ""

    def __repr__(self) -> str:
        return "<a key of this process>"
