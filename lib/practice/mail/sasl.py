"""What clients send to authenticate, read: text in, values out."""

import base64
import binascii
import re
from dataclasses import dataclass, field

__all__ = ["Presented", "SaslError", "decoded", "plain", "xoauth2"]

_LONGEST_NAME = 320
"""Of a mailbox address: 64 characters, the sign, 255 more."""


class SaslError(ValueError):
    """What was sent is no base64."""


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


def xoauth2(text: bytes) -> Presented | None:
    """Return what an XOAUTH2 response holds; None where its fields are not as they must be."""
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
