"""Pasted text from a file or a pipe: the end of it, as that is where a refusal stands, and never all of a large log."""

import codecs
from collections import deque
from pathlib import Path
from typing import BinaryIO, Final

from ..errors import ConfigurationError
from ..pasted import MOST

__all__ = ["from_file", "from_stream"]

# A character has up to four bytes.
_BYTES: Final = 4 * MOST
_CHUNK: Final = 64 * 1024
_MARKS: Final = ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"), (codecs.BOM_UTF8, "utf-8"))


def from_file(path: Path, *, where: str) -> str:
    """Return the end of a file, in any of the encodings that PowerShell and mail programs write.

    Raises:
        ConfigurationError: It cannot be read; the text calls it *where*.
    """
    try:
        with path.open("rb") as stream:
            return from_stream(stream)
    except OSError as error:
        raise ConfigurationError(
            f"file: found {where!r}, which cannot be read ({error.strerror}); expected a transcript.",
            remedy="Compare the path; a relative one begins at the project folder.",
        ) from None


def from_stream(stream: BinaryIO) -> str:
    """Return the end of what a stream holds; of more than it keeps nothing stays in memory."""
    first, kept, held = stream.read(_CHUNK), deque[bytes](), 0
    chunk = first
    while chunk:
        kept.append(chunk)
        held += len(chunk)
        # An even number goes, so that UTF-16 stays in step.
        while held - len(kept[0]) >= _BYTES and len(kept[0]) % 2 == 0:
            held -= len(kept.popleft())
        chunk = stream.read(_CHUNK)
    return _decoded(first[:3], b"".join(kept))


def _decoded(mark: bytes, data: bytes) -> str:
    for known, encoding in _MARKS:
        if mark.startswith(known):
            return data.removeprefix(known).decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        # The beginning may be the middle of a character.
        return data.decode("cp1252" if _western(data) else "utf-8", "replace")


def _western(data: bytes) -> bool:
    return data[:8192].decode("utf-8", "replace").count("\ufffd") > 4
