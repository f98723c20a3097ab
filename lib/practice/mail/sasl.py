"""What clients send to authenticate, read: text in, values out."""

import base64
import binascii
import re
from dataclasses import dataclass, field

__all__ = ["CutOffError", "Presented", "SaslError", "decoded", "plain", "shown", "xoauth2"]

_LONGEST_NAME = 320
"""Of a mailbox address: 64 characters, the sign, 255 more."""


class SaslError(ValueError):
    """What was sent is no response."""


class CutOffError(SaslError):
    """It is base64, but its end is missing, as when it was wrapped at a multiple of four characters."""


@dataclass(frozen=True)
class Presented:
    """A name and what proves it; `secret` is a token or a password, and never shown."""

    user: str
    secret: str = field(repr=False)


def decoded(line: bytes) -> bytes:
    """Return what one line of base64 holds.

    Raises:
        SaslError: It is empty, wrapped, or no base64.
    """
    try:
        found = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError):
        raise SaslError("no base64") from None
    if not found:
        raise SaslError("empty")
    return found


def shown(mechanism: str, line: bytes) -> Presented | None:
    """Return what a response to XOAUTH2 or PLAIN holds; None where its fields are not as they must be.

    Raises:
        SaslError: It is no response.
    """
    text = decoded(line)
    return xoauth2(text) if mechanism == "XOAUTH2" else plain(text)


def xoauth2(text: bytes) -> Presented | None:
    """Return what an XOAUTH2 response holds; None where its fields are not as they must be.

    Raises:
        CutOffError: The two separators that end it are missing.
    """
    if not text.endswith(b"\x01\x01"):
        raise CutOffError("cut off")
    match = re.fullmatch(rb"user=([^\x01]*)\x01auth=Bearer ([^\x01]*)\x01\x01", text, re.IGNORECASE | re.DOTALL)
    return _presented(match[1], match[2]) if match else None


def plain(text: bytes) -> Presented | None:
    """Return what a PLAIN response holds; None where it is not three fields."""
    fields = text.split(b"\0")
    return _presented(fields[1], fields[2]) if len(fields) == 3 else None


def _presented(user: bytes, secret: bytes) -> Presented | None:
    try:
        name, word = user.decode(), secret.decode()
    except UnicodeDecodeError:
        return None
    # A control character in a name or a token (a file's last line end, say) makes it another one.
    if not name or not word or len(name) > _LONGEST_NAME or re.search(r"[\0-\x1f\x7f]", name + word):
        return None
    return Presented(name, word)
