"""The practice cloud's tokens: JWTs that its own keys sign, and what is wrong with one that is brought back.

An RSA key for each issuer of a practice home, kept in a file for its owner only, so that a token outlives a restart.
"""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha1
from pathlib import Path
from typing import Any, Literal, Self

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from . import whole

__all__ = ["Keys", "TokenError", "tenant_of"]

_ALGORITHM = "RS256"

Flaw = Literal["malformed", "signature", "expired", "early"]


class TokenError(Exception):
    """A token that cannot be taken: `flaw` says why."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw)
        self.flaw: Flaw = flaw


class Keys:
    """The key that signs every token of one issuer in a practice cloud."""

    def __init__(self, key: RSAKey) -> None:
        self._key = key
        # Entra names its keys by the certificate's SHA-1; here it is the public key's.
        public = str(key.as_dict(private=False)["n"]).encode()
        self.kid = urlsafe_b64encode(sha1(public, usedforsecurity=False).digest()).decode().rstrip("=")
        derived = HKDF(SHA256(), 32, salt=None, info=b"practice seal").derive(key.as_der(private=True))
        self._seal = Fernet(urlsafe_b64encode(derived))

    @classmethod
    def kept(cls, path: Path) -> Self:
        """Return the key in *path*, made there if it is missing.

        Raises:
            RuntimeError: The file holds something else.
        """
        if not path.is_file():
            made = cls.fresh()
            whole.write(path, made._key.as_pem(private=True))
            return made
        try:
            return cls(RSAKey.import_key(path.read_bytes()))
        except (ValueError, TypeError):
            raise RuntimeError(f"{path} holds no private key; remove it, and a new one is made") from None

    @classmethod
    def fresh(cls) -> Self:
        """Return a new key."""
        return cls(RSAKey.generate_key(2048))

    def jwks(self) -> dict[str, Any]:
        """Return the public key as a JSON Web Key Set."""
        return {"keys": [{**self._key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": _ALGORITHM}]}

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return *claims* as a signed token."""
        header = {"alg": _ALGORITHM, "typ": "JWT", "kid": self.kid, "x5t": self.kid}
        return jwt.encode(header, dict(claims), self._key)

    def seal(self, content: Mapping[str, Any]) -> str:
        """Return *content* as text that nobody else can read or make: codes, refresh tokens, a browser's session."""
        return self._seal.encrypt(json.dumps(content).encode()).decode()

    def unseal(self, text: str) -> dict[str, Any]:
        """Return what `seal` was given.

        Raises:
            TokenError: It is no text of this cloud's.
        """
        try:
            content = json.loads(self._seal.decrypt(text.encode("ascii")))
        except (InvalidToken, ValueError):
            raise TokenError("malformed") from None
        return dict(content)

    def read(self, token: str, now: datetime) -> dict[str, Any]:
        """Return the claims of *token*.

        Raises:
            TokenError: It is no token of this issuer, or not one for this moment.
        """
        try:
            claims = jwt.decode(token, self._key, algorithms=[_ALGORITHM]).claims
        except (JoseError, ValueError, TypeError, KeyError) as error:
            flaw: Flaw = "signature" if token.count(".") == 2 and "signature" in str(error).lower() else "malformed"
            raise TokenError(flaw) from None
        moment = now.timestamp()
        if moment >= _number(claims.get("exp")):
            raise TokenError("expired")
        # Five minutes of tolerance, as Microsoft's services allow.
        if moment + 300 < _number(claims.get("nbf")):
            raise TokenError("early")
        return dict(claims)


def tenant_of(claims: Mapping[str, Any]) -> str:
    """Return the id of the tenant whose Entra issued a token; '' where its claims do not agree on that."""
    # v1.0 issuers are https://sts.windows.net/TENANT/, v2.0 ones HOST/TENANT/v2.0.
    tenant_id, issued_by = claims.get("tid"), str(claims.get("iss") or "").split("/")[3:4]
    return tenant_id if isinstance(tenant_id, str) and issued_by == [tenant_id] else ""


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
