"""SASL XOAUTH2 strings: text in, text out, nothing sent.

The mail dialogues send what these functions return; the notebooks print it redacted.
Format: developers.google.com/workspace/gmail/imap/xoauth2-protocol
"""

import base64
import json
import unicodedata
from dataclasses import dataclass

from .errors import SaslError

__all__ = ["Refusal", "check", "initial_response", "read_refusal", "redact"]

_SEP = "\x01"  # Control-A, the protocol's field separator


@dataclass(frozen=True)
class Refusal:
    """Why a server refused a token; what it did not say is empty."""

    status: str = ""
    scope: str = ""


def initial_response(user: str, token: str) -> str:
    """Return the base64 argument of ``AUTH XOAUTH2``.

    Args:
        user: The mailbox to open, as a UPN; for a shared mailbox this is not
            the account that the token was issued to.
        token: The access token as issued, without the word "Bearer".

    Raises:
        SaslError: A field is empty, or holds a separator or another control character.
    """
    check(user=user, token=token)
    text = f"user={user}{_SEP}auth=Bearer {token}{_SEP}{_SEP}"
    return base64.b64encode(text.encode()).decode("ascii")


def check(**fields: str) -> None:
    """Insist that nothing in *fields* is empty or could end a field, a line or a command early.

    Raises:
        SaslError: Names the field and the place; the value stays out, as it may be a secret.
    """
    for field, value in fields.items():
        if not value:
            raise SaslError(f"{field} is empty")
        for place, sign in enumerate(value):
            # A separator inside a value would begin a field of the caller's choosing, a line end a command.
            if sign == _SEP:
                raise SaslError(f"{field} holds a Control-A at position {place}")
            if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp"):
                raise SaslError(f"{field} holds a control character (U+{ord(sign):04X}) at position {place}")


def redact(response: str) -> str:
    """Return *response* decoded, its token shown only as a length in characters."""
    user, auth = base64.b64decode(response).decode().rstrip(_SEP).split(_SEP)
    return f"{user} auth=Bearer <{len(auth.removeprefix('auth=Bearer '))} characters>"


def read_refusal(challenge: str) -> Refusal:
    """Decode the challenge that a server sends in place of its OK.

    Unreadable text gives an empty `Refusal`: the login failed either way, and an
    error raised here would hide that from the operator.
    """
    try:
        sent = json.loads(base64.b64decode(challenge, validate=True))
        return Refusal(str(sent.get("status", "")), str(sent.get("scope", "")))
    # The last is what brackets without end come to.
    except (ValueError, AttributeError, RecursionError):
        return Refusal()
