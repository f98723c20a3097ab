"""Notebooks run by papermill without a kernel to start: the engine ``mailauth-warm``.

A process that has done its imports forks a child for each notebook. The child is an ordinary IPython kernel but
for its sockets: requests and messages go over a pair of nameless sockets that no other process can open. What
reads them is papermill's own client, so that the notebook it leaves is the stock engine's.

This module alone decides which engine runs: papermill's own where a process cannot be forked (Windows) or not safely
(macOS), where threads run that a fork would lose, and where a notebook wants another kernel than this Python's or
what only a kernel with ports has.
"""

import re
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["CAN_FORK", "ENGINE", "WarmEngine", "alone", "chosen"]

# A forked child that asks macOS for its proxies, as every HTTPS client does, may crash; Python's own multiprocessing
# has not forked there since 3.8: docs.python.org/3/library/multiprocessing.html#contexts-and-start-methods
CAN_FORK: Final = sys.platform not in ("win32", "darwin")

ENGINE: Final = "mailauth-warm" if CAN_FORK else None
"""What papermill is to be given as ``engine_name``; None is its own."""

# Magics that draw windows, open ports or talk to the connection file.
_BEYOND: Final = re.compile(r"^\s*%(?:gui|matplotlib|pylab|subshell|connect_info|qtconsole)\b", re.MULTILINE)


def alone() -> bool:
    """Return whether no other thread runs in this process, so that a fork of it is whole."""
    tasks = Path("/proc/self/task")
    # Libraries start threads of their own, which Python does not know of and Linux counts.
    count = len(list(tasks.iterdir())) if tasks.is_dir() else threading.active_count()
    return count == 1


class WarmEngine:
    """What papermill finds under the engine's name; loaded whenever papermill is, so it imports nothing more."""

    @staticmethod
    def execute_notebook(nb: Any, kernel_name: str, **options: Any) -> Any:
        """Run *nb* and return it; the arguments are those of papermill's engines."""
        return chosen(nb, kernel_name, options).execute_notebook(nb, kernel_name, **options)

    @staticmethod
    def nb_kernel_name(nb: Any, name: str | None = None) -> Any:
        """Return the kernel that the notebook names, as papermill's own engine does."""
        return _stock().nb_kernel_name(nb, name)

    @staticmethod
    def nb_language(nb: Any, language: str | None = None) -> Any:
        """Return the notebook's language, as papermill's own engine does."""
        return _stock().nb_language(nb, language)


def _stock() -> Any:
    from papermill.engines import NBClientEngine

    return NBClientEngine


def chosen(nb: Any, kernel_name: str, options: Mapping[str, Any]) -> Any:
    """Return the engine that runs *nb* here and now; the arguments are those of papermill's engines."""
    engine = _stock()
    if sys.platform != "win32":
        # papermill starts a thread for its bar before it asks, so a run with a bar is the stock engine's.
        apart = CAN_FORK and alone() and not options.get("progress_bar")
        if apart and not _asks_beyond(nb):
            from . import engine as forking

            engine = forking.Forking if forking.suits(kernel_name, options) else engine
    return engine


def _asks_beyond(nb: Any) -> bool:
    return any(_BEYOND.search(cell["source"]) for cell in nb["cells"] if cell["cell_type"] == "code")
