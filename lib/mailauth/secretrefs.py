"""Where a secret is kept, never the secret: ``env:NAME``, ``file:PATH``, ``keyring:SERVICE/USER``.

`services.secrets` reads what these name, at the last moment.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .errors import SecretError

__all__ = ["FORMS", "SecretRef", "parse"]

FORMS = "env:NAME, file:PATH or keyring:SERVICE/USER"

# A mistaken value is usually the secret itself. Only what has the shape of a name is taken for one, so that
# the reference may be printed: Entra's secrets hold "~", keys hold "-----BEGIN" or line ends.
_NAME = {
    "env": re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}"),
    "file": re.compile(r"(?!.*-----BEGIN)[^\x00-\x1f\x7f]{1,1024}"),
    "keyring": re.compile(r"[^/\x00-\x1f\x7f]{1,200}/[^\x00-\x1f\x7f]{1,200}"),
}


@dataclass(frozen=True)
class SecretRef:
    """The name of a secret; safe to show.

    Args:
        kind: Where it is kept.
        name: The variable, the file's path, or ``SERVICE/USER``.
    """

    kind: Literal["env", "file", "keyring"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def parse(text: str, *, base: Path | None = None) -> SecretRef:
    """Return the reference that *text* is.

    Args:
        text: As a person wrote it.
        base: The folder that a relative ``file:`` is meant from.

    Raises:
        SecretError: It is none of the forms. The text is not repeated: it may be the secret itself.
    """
    kind, _, name = text.strip().partition(":")
    name = name.strip()
    if kind not in _NAME or not _NAME[kind].fullmatch(name):
        raise SecretError(f"found text of {len(text)} characters, not shown; expected a reference: {FORMS}")
    if kind == "env":
        return SecretRef("env", name)
    if kind == "keyring":
        return SecretRef("keyring", name)
    path = Path(name).expanduser()
    return SecretRef("file", str(base / path if base else path))
