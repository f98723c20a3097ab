"""Secrets, read and written where their reference says, at the last moment."""

import base64
import codecs
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NoReturn

from mailauth.errors import MailauthError, SecretError
from mailauth.secretrefs import SecretRef

from . import store

__all__ = ["Secret", "check_writable", "is_taken", "read", "read_binary", "write"]

# A key with its chain is a few kilobytes; more is the wrong file.
_LIMIT = 256 * 1024
_BASE64 = re.compile(rb"MI[A-Za-z0-9+/]+={0,2}")
"""What begins with a long sequence, in base64."""


class Secret:
    """A secret that shows only its length, whoever prints it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the secret itself, for the one call that sends it."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return f"<secret of {len(self)} characters>"

    def __reduce__(self) -> NoReturn:
        # Pickles, caches and worker queues write what they carry.
        raise TypeError("a secret is not written down; send its reference")


def read(ref: SecretRef, *, environ: Mapping[str, str] = os.environ) -> Secret:
    """Return the secret that *ref* names, without the line end that editors and ``echo`` add.

    Raises:
        SecretError: There is nothing at that place, it is empty, or it cannot be read.
    """
    value = _READERS[ref.kind](ref, environ).rstrip("\r\n")
    if not value.strip():
        raise SecretError(f"{ref} is empty.", remedy=_REMEDIES[ref.kind])
    return Secret(value)


def read_binary(ref: SecretRef, *, environ: Mapping[str, str] = os.environ) -> Secret | None:
    """Return the bytes that *ref* names, in base64; None where it holds text of another kind.

    A file holds them as they are or in base64; a variable or a keyring, which hold text alone, in base64.

    Raises:
        SecretError: As `read`.
    """
    held = _held(ref) if ref.kind == "file" else read(ref, environ=environ).reveal().encode()
    # ASN.1's sequence with a long length, as which every key or PFX in DER begins; no text does.
    if held[:1] == b"\x30" and held[1:2] >= b"\x80":
        return Secret(base64.b64encode(held).decode())
    text = b"".join(held.split())
    return Secret(text.decode()) if _BASE64.fullmatch(text) and not len(text) % 4 else None


def check_writable(ref: SecretRef, *, replaces: bool = False) -> None:
    """Return where a secret can be written to *ref*; nothing is changed.

    Args:
        ref: The place.
        replaces: Whether what is there already may go.

    Raises:
        SecretError: It cannot, or something is there that would be lost.
    """
    if ref.kind == "env":
        raise SecretError(
            f"{ref}: an environment variable cannot be written.",
            remedy="Name a place that keeps it: file:PATH or keyring:SERVICE/USER.",
        )
    if not replaces and is_taken(ref):
        raise SecretError(
            f"{ref} is there already and would be lost.",
            remedy="Name another place, or move away what is there.",
        )


def write(ref: SecretRef, secret: Secret, *, replaces: bool = False) -> None:
    """Keep *secret* where *ref* says, readable by its owner only; the same one again changes nothing.

    Args:
        ref: The place: a file or a keyring's entry.
        secret: The secret.
        replaces: Whether what is there already may go.

    Raises:
        SecretError: As `check_writable`, or the place refused.
    """
    check_writable(ref, replaces=replaces or _holds(ref, secret))
    _WRITERS[ref.kind](ref, secret)


def is_taken(ref: SecretRef) -> bool:
    """Return whether anything is kept at *ref*.

    Raises:
        SecretError: The keyring cannot be asked.
    """
    if ref.kind == "file":
        return Path(ref.name).exists()
    if ref.kind == "env":
        return ref.name in os.environ
    return _in_keyring(ref) is not None


def _holds(ref: SecretRef, secret: Secret) -> bool:
    try:
        return ref.kind != "env" and read(ref).reveal() == secret.reveal()
    except SecretError:
        return False


def _to_file(ref: SecretRef, secret: Secret) -> None:
    try:
        store.write_bytes(Path(ref.name), secret.reveal().encode())
    except MailauthError as error:
        raise SecretError(f"{ref}: {error.message}", remedy=error.remedy) from None


def _to_keyring(ref: SecretRef, secret: Secret) -> None:
    _with_keyring(ref, "set_password", secret.reveal())


def _in_keyring(ref: SecretRef) -> str | None:
    found = _with_keyring(ref, "get_password")
    return None if found is None else str(found)


def _with_keyring(ref: SecretRef, verb: Literal["get_password", "set_password"], *values: str) -> Any:
    try:
        import keyring
    except ImportError:
        raise SecretError(
            f"{ref}: the package keyring is not installed.",
            remedy="Install it beside the runbook: .venv/bin/python -m pip install keyring",
        ) from None
    service, _, user = ref.name.partition("/")
    try:
        return getattr(keyring, verb)(service, user, *values)
    except keyring.errors.KeyringError as error:
        refused = type(error).__name__
    # Outside the block above, whose error would bring the text along that was to be kept.
    raise SecretError(f"{ref}: the keyring refused ({refused}).", remedy="Unlock it.")


def _from_environment(ref: SecretRef, environ: Mapping[str, str]) -> str:
    if ref.name not in environ:
        raise SecretError(f"{ref}: no such environment variable.", remedy=_REMEDIES["env"])
    return environ[ref.name]


def _held(ref: SecretRef) -> bytes:
    try:
        with Path(ref.name).open("rb") as file:
            held = file.read(_LIMIT + 1)
    except OSError as error:
        raise SecretError(f"{ref}: {error.strerror}.", remedy=_REMEDIES["file"]) from None
    if len(held) <= _LIMIT:
        return held
    del held
    raise SecretError(f"{ref} holds more than {_LIMIT // 1024} KiB, which no secret or key needs.")


def _from_file(ref: SecretRef, _environ: Mapping[str, str]) -> str:
    held = _held(ref)
    # PowerShell 5 writes UTF-16 when it redirects text into a file.
    encoding = "utf-16" if held.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return held.decode(encoding)
    except UnicodeDecodeError:
        del held  # the error's text and a frame's variables would carry the bytes into a traceback
    raise SecretError(f"{ref} is not text.", remedy="A certificate with its key belongs there as PEM, not PFX.")


def _from_keyring(ref: SecretRef, _environ: Mapping[str, str]) -> str:
    value = _in_keyring(ref)
    if value is None:
        raise SecretError(f"{ref}: the keyring holds no such entry.", remedy=_REMEDIES["keyring"])
    return str(value)


_WRITERS: Mapping[str, Callable[[SecretRef, Secret], None]] = {"file": _to_file, "keyring": _to_keyring}
_READERS = {"env": _from_environment, "file": _from_file, "keyring": _from_keyring}
_REMEDIES = {
    "env": "Set it in the shell that starts the runbook.",
    "file": "Put the secret there, readable by you only; a relative path is meant from the tenants file.",
    "keyring": "Store it with: keyring set SERVICE USER",
}
