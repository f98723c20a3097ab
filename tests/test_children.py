"""A program that another one stays beside: Ctrl-C is its own affair, what ends the one ends the other."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailauth.services import children

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signal to one process alone")

OUTER = "import sys; from mailauth.services import children; sys.exit(children.call([sys.executable, *sys.argv[1:]]))"
# Ends with 7 on SIGTERM, and makes nothing of Ctrl-C but a note.
INNER = """
import os, pathlib, signal, sys, time
notes = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGINT, lambda *_: (notes / "asked").touch())
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
(notes / "half").write_text(str(os.getpid()))
(notes / "half").rename(notes / "started")
time.sleep(60)
"""


def wait_for(path: Path) -> None:
    ends = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < ends, path
        time.sleep(0.02)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Two programs that have a terminal's process group in common."""
    (tmp_path / "inner.py").write_text(INNER, encoding="utf-8")
    command = [sys.executable, "-c", OUTER, str(tmp_path / "inner.py"), str(tmp_path)]
    with subprocess.Popen(command, start_new_session=True) as outer:
        wait_for(tmp_path / "started")
        yield outer
        if outer.poll() is None and sys.platform != "win32":
            os.killpg(outer.pid, signal.SIGKILL)


def test_ctrl_c_is_left_to_the_program_that_was_started(pair: subprocess.Popen[bytes], tmp_path: Path) -> None:
    if sys.platform != "win32":
        os.killpg(pair.pid, signal.SIGINT)
    wait_for(tmp_path / "asked")
    time.sleep(0.5)
    assert pair.poll() is None


def test_what_ends_one_ends_the_other_whose_exit_status_is_the_answer(
    pair: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    pair.terminate()
    assert pair.wait(30) == 7
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "started").read_text(encoding="utf-8")), 0)


def test_a_program_that_a_signal_ended_is_told_as_shells_tell_it() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert children.call([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) == 137
    assert signal.getsignal(signal.SIGTERM) is before
