"""Scripts to read, copy and save: folded, so that a thousand lines do not stand between two cells."""

from pathlib import PurePath

from .markup import Stack
from .tables import Callout, Code

__all__ = ["kept", "nothing", "script"]


def script(text: str, name: str, *, note: str = "") -> Code:
    """Return a script under the name of its file.

    Args:
        text: The script.
        name: What it is saved as.
        note: A sentence above it; left out, how to try it.
    """
    lines = text.count("\n")
    said = note or "Read it, then run it with -WhatIf: it looks, and says what it would send."
    return Code(f"{name} ({lines:,} {'line' if lines == 1 else 'lines'})", text.replace("\r\n", "\n"), note=said)


def kept(text: str, where: PurePath, undo: str, undo_where: PurePath) -> Stack:
    """Return a script and the one that takes it back, with the files that hold them.

    Args:
        text: The script.
        where: Its file.
        undo: The script that takes it back.
        undo_where: Its file.
    """
    # Pasted from a page, a script loses the mark by which Windows PowerShell 5.1 knows its letters.
    first = f"Kept as {where}. Send the file itself. Run it with -WhatIf first: it looks, and says what it would send."
    return Stack([script(text, where.name, note=first), script(undo, undo_where.name, note=f"Kept as {undo_where}.")])


def nothing() -> Callout:
    """Return that there is no script, as there is nothing to change."""
    return Callout("info", "Nothing to change, and so no script", ["The plan above holds no step."])
