"""Where a line about long work goes: to the run that waits for it, or under the cell that does it.

A report must not hold progress, so nothing here ends up in a notebook's saved output.
"""

import os
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["teller"]

_QUIET_S = 0.5  # a line more often than that only flickers


def teller() -> Callable[[str], None]:
    """Return what to call with a line of progress, and with an empty one when the work is over.

    A headless run names a file in MAILAUTH_PROGRESS and reads it as it grows; a person at a terminal or in
    JupyterLab sees one line that changes; everybody else sees nothing.
    """
    path = os.environ.get("MAILAUTH_PROGRESS", "")
    if path:
        return _appender(Path(path))
    if _in_a_kernel():
        return _cell_line()
    if sys.stderr is not None and sys.stderr.isatty():
        return lambda line: print(f"\r\033[K{line[:110]}", end="", file=sys.stderr, flush=True)
    return lambda line: None


def _appender(path: Path) -> Callable[[str], None]:
    def tell(line: str) -> None:
        if line:
            with path.open("a", encoding="utf-8") as log:
                log.write(" ".join(line.split()) + "\n")

    return tell


def _in_a_kernel() -> bool:
    # Whoever starts kernels, as a headless run does, has imported the package and is in none.
    return "ipykernel" in sys.modules and import_module("IPython").get_ipython() is not None


def _cell_line() -> Callable[[str], None]:
    notebook: Any = import_module("IPython.display")
    last = 0.0

    def tell(line: str) -> None:
        nonlocal last
        if not line:
            notebook.clear_output()
            return
        if time.monotonic() - last < _QUIET_S:
            return
        last = time.monotonic()
        notebook.clear_output(wait=True)
        notebook.display({"text/plain": " ".join(line.split())}, raw=True)

    return tell
