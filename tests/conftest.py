"""Every test run keeps its caches, archives and practice tenants in a folder of its own, removed at the end."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest


def pytest_configure(config: pytest.Config) -> None:
    # What takes minutes runs when it is named.
    config.option.markexpr = config.option.markexpr or "not full"
    home = tempfile.mkdtemp(prefix="mailauth-tests-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    os.environ["MAILAUTH_HOME"] = str(Path(home, "data"))
    os.environ["MAILAUTH_PRACTICE_HOME"] = str(Path(home, "practice"))
    # How wide the terminal of whoever runs the tests is says nothing of what a log shows.
    os.environ.pop("COLUMNS", None)
    # What a kernel prints about its debugger is not for a test to judge.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
