"""Secrets, read where their reference says, at the last moment."""

import codecs
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from mailauth.errors import SecretError
from mailauth.secretrefs import SecretRef

__all__ = ["Secret", "read"]

# A key with its chain is a few kilobytes; more is the wrong file.
_LIMIT = 256 * 1024


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


def _from_environment(ref: SecretRef, environ: Mapping[str, str]) -> str:
    if ref.name not in environ:
        raise SecretError(f"{ref}: no such environment variable.", remedy=_REMEDIES["env"])
    return environ[ref.name]


def _from_file(ref: SecretRef, _environ: Mapping[str, str]) -> str:
    try:
        with Path(ref.name).open("rb") as file:
            held = file.read(_LIMIT + 1)
    except OSError as error:
        raise SecretError(f"{ref}: {error.strerror}.", remedy=_REMEDIES["file"]) from None
    if len(held) > _LIMIT:
        raise SecretError(f"{ref} holds more than {_LIMIT // 1024} KiB, which no secret or key needs.")
    # PowerShell 5 writes UTF-16 when it redirects text into a file.
    encoding = "utf-16" if held.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return held.decode(encoding)
    except UnicodeDecodeError:
        pass  # its text would carry the bytes into a traceback
    raise SecretError(f"{ref} is not text.", remedy="A certificate with its key belongs there as PEM, not PFX.")


def _from_keyring(ref: SecretRef, _environ: Mapping[str, str]) -> str:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        raise SecretError(
            f"{ref}: the package keyring is not installed.",
            remedy="Install it beside the runbook: .venv/bin/python -m pip install keyring",
        ) from None
    service, _, user = ref.name.partition("/")
    try:
        value = keyring.get_password(service, user)
    except KeyringError as error:
        raise SecretError(f"{ref}: the keyring refused ({type(error).__name__}).", remedy="Unlock it.") from None
    if value is None:
        raise SecretError(f"{ref}: the keyring holds no such entry.", remedy=_REMEDIES["keyring"])
    return str(value)


_READERS = {"env": _from_environment, "file": _from_file, "keyring": _from_keyring}
_REMEDIES = {
    "env": "Set it in the shell that starts the runbook.",
    "file": "Put the secret there, readable by you only; a relative path is meant from the tenants file.",
    "keyring": "Store it with: keyring set SERVICE USER",
}
