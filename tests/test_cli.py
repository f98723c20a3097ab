"""JupyterLab as ``mailauth lab`` starts it: a real one, on a terminal of its own."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailauth import cli

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")


def test_a_report_runs_the_runbooks_own_notebooks_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notebooks").mkdir()
    for name in ("00-start", "20-register-app", "try-this", "2nd-look"):
        (tmp_path / "notebooks" / f"{name}.ipynb").touch()
    monkeypatch.setenv("MAILAUTH_ROOT", str(tmp_path))
    for name in ("try-this", "2nd-look"):
        said = CliRunner().invoke(cli.commands, ["report", "--notebooks", name])
        assert said.exit_code == 2
        assert "20-register-app" in said.output


def new_terminal() -> tuple[int, int]:
    """Return our end of a new terminal, and a program's."""
    ends = (0, 0)
    if sys.platform != "win32":
        ends = os.openpty()
    return ends


class Lab:
    """A running ``mailauth lab`` and what its terminal shows."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.terminal, end = new_terminal()
        own = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "DATA", "RUNTIME")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mailauth", "lab", "--no-browser", "--allow-root", "--port=0", "--ip=127.0.0.1"],
            stdin=end,
            stdout=end,
            stderr=end,
            env={**os.environ, **own, **environment},
            start_new_session=True,
        )
        os.close(end)
        self.shown = ""

    def wait_for(self, words: str, timeout_s: float = 60) -> None:
        """Return when the terminal has shown *words*."""
        ends = time.monotonic() + timeout_s
        while not re.search(words, self.shown):
            assert time.monotonic() < ends, self.shown
            if select.select([self.terminal], [], [], 0.2)[0]:
                self.shown += os.read(self.terminal, 65_536).decode(errors="replace")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    (tmp_path / "file").touch()
    # No practice cloud can live in a folder below a file.
    started = Lab(tmp_path, MAILAUTH_PRACTICE_HOME=str(tmp_path / "file" / "home"))
    yield started
    if started.process.poll() is None and sys.platform != "win32":
        os.killpg(started.process.pid, signal.SIGKILL)
    started.process.wait(30)
    os.close(started.terminal)


@posix
def test_it_opens_without_the_practice_cloud_and_ends_when_jupyter_or_a_signal_says_so(lab: Lab) -> None:
    lab.wait_for(r"http://127\.0\.0\.1:\d+/lab/tree/notebooks/00-start\.ipynb\?token=")
    assert "the practice tenants are not ready" in lab.shown
    assert "Traceback" not in lab.shown
    if sys.platform != "win32":
        os.killpg(lab.process.pid, signal.SIGINT)
    lab.wait_for(r"Shut down this Jupyter server")
    os.write(lab.terminal, b"n\n")
    lab.wait_for(r"resuming operation|No answer")
    assert lab.process.poll() is None
    lab.process.terminate()
    lab.wait_for(r"Shutting down|received signal 15")
    assert lab.process.wait(90) == 0
