"""Writes a file whole or not at all, for its owner only: what a practice home is made of."""

import os
import tempfile
import time
from pathlib import Path
from typing import Final

__all__ = ["clear", "write"]

_UNFINISHED: Final = ".unfinished-"
_TRIES: Final = 20
_PAUSE_S: Final = 0.05


def write(path: Path, content: str | bytes) -> None:
    """Set *content* in place of what *path* held; a reader sees one or the other, and a failure leaves the old."""
    handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        _replace(unfinished, path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def clear(folder: Path) -> None:
    """Remove what a process that was killed left unfinished in *folder*."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        path.unlink(missing_ok=True)


def _replace(unfinished: Path, path: Path) -> None:
    for _ in range(_TRIES):
        try:
            unfinished.replace(path)
        except PermissionError:
            # Windows refuses while somebody reads the file; elsewhere it means what it says.
            if os.name != "nt":
                raise
            time.sleep(_PAUSE_S)
        else:
            return
    unfinished.replace(path)
