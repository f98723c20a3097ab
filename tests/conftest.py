"""Every test run keeps its caches, archives and practice tenants in a folder of its own, removed at the end."""

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

_MEMORY = Path("/dev/shm")
_ROOM = 2 << 30  # bytes; a run takes a few hundred megabytes


def pytest_configure(config: pytest.Config) -> None:
    # What takes minutes runs when it is named.
    config.option.markexpr = config.option.markexpr or "not full"
    if config.option.markexpr == "not full" and _has_room():
        # Thousands of small files are made, synchronized and removed: on a disk, that is a good part of all the time.
        tempfile.tempdir = os.environ["TMPDIR"] = str(_MEMORY)
    # A hundred processes are started that all import the library: each would compile it anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    # With this package, jsonschema builds forty grammars when it is imported, for formats that no schema here names.
    sys.modules.setdefault("rfc3987_syntax", ModuleType("rfc3987_syntax"))
    home = tempfile.mkdtemp(prefix="mailauth-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ["MAILAUTH_HOME"] = str(Path(home, "data"))
    os.environ["MAILAUTH_PRACTICE_HOME"] = str(Path(home, "practice"))
    # A shell starts what runs in the background with Ctrl-C switched off, and every process inherits that.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # How wide the terminal of whoever runs the tests is says nothing of what a log shows.
    os.environ.pop("COLUMNS", None)
    # What a kernel prints about its debugger is not for a test to judge.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")


def _has_room() -> bool:
    """Whether there is a file system in memory, with enough room, from which programs may be started too."""
    if sys.platform == "linux" and "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK):
        held = os.statvfs(_MEMORY)
        return held.f_bavail * held.f_frsize >= _ROOM and not held.f_flag & os.ST_NOEXEC
    return False
