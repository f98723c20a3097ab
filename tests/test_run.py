"""The front door, run as a person runs it: a process of its own, in a folder of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import run

ROOT = Path(__file__).resolve().parent.parent


def start(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "run.py"), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=120,
        check=False,
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with run.py and locks of a single package that no index has."""
    shutil.copy(ROOT / "run.py", tmp_path)
    for lock in ("requirements.txt", "requirements-dev.txt"):
        (tmp_path / lock).write_text(f"no-such-package==1 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)], ids=["nothing", "--help", "-h"])
def test_help_names_every_command_and_the_exit_status(arguments: tuple[str, ...]) -> None:
    done = start(ROOT, *arguments)
    assert done.returncode == 0
    assert all(command in done.stdout for command in run.COMMANDS)
    assert "Exit status" in done.stdout


def test_a_misspelt_command_is_wrong_usage_and_names_the_nearest() -> None:
    done = start(ROOT, "reprot")
    assert done.returncode == 2
    assert "Did you mean 'report'?" in done.stderr


def test_a_package_index_out_of_reach_is_said_in_plain_words(clone: Path) -> None:
    done = start(clone, "report", PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_EXTRA_INDEX_URL="", PIP_RETRIES="0")
    assert done.returncode == 2
    assert "installing the pinned packages failed" in done.stderr
    assert "was not reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (clone / ".venv" / "installed.sha256").exists()


SLOW_TO_END = """
import pathlib, time
print("Collecting thing", flush=True)
pathlib.Path("began").touch()
try:
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(1)
    pathlib.Path("ended").touch()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows gives no process group Ctrl-C from outside its console")
def test_ctrl_c_while_preparing_waits_until_the_installer_has_ended(clone: Path) -> None:
    (clone / "slow.py").write_text(SLOW_TO_END, encoding="utf-8")
    code = (
        "import sys, run; run.prepare = lambda lock: run.step([sys.executable, 'slow.py'], 'x'); run.main(['report'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=clone, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not (clone / "began").exists():
        time.sleep(0.05)
    if sys.platform != "win32":
        os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert (clone / "ended").exists()
    assert "stopping" in said
    assert "the next start goes on from here" in said


def test_a_clone_without_its_lock_file_says_which_file_is_missing(clone: Path) -> None:
    (clone / "requirements.txt").unlink()
    done = start(clone, "report")
    assert done.returncode == 2
    assert "cannot read requirements.txt beside run.py" in done.stderr


def test_seeing_that_nothing_changed_takes_at_most_half_a_second(clone: Path) -> None:
    began = time.process_time()
    for lock in ("requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / lock, clone)
        assert run.fingerprint(lock, clone)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("said", "meaning"),
    [
        pytest.param("OSError: [Errno 28] No space left on device", "the disk is full", id="disk full"),
        pytest.param("Temporary failure in name resolution", "was not reached", id="no network"),
        pytest.param("SSL: CERTIFICATE_VERIFY_FAILED", "PIP_CERT", id="inspecting proxy"),
        pytest.param("THESE PACKAGES DO NOT MATCH THE HASHES", "differs from the one that was pinned", id="tampered"),
        pytest.param("ensurepip is not available", "python3-venv", id="Debian without venv"),
        pytest.param("[Errno 13] Permission denied: '/srv'", "cannot be written", id="read-only folder"),
        pytest.param("No matching distribution found for x==1", "no build of a pinned package", id="odd platform"),
    ],
)
def test_what_the_tools_say_is_explained(said: str, meaning: str) -> None:
    assert meaning in run.explain(f"a line before\n{said}\na line after")


def test_what_nobody_has_seen_before_is_not_explained_away() -> None:
    assert run.explain("something new") == ""


def test_run_py_is_readable_for_a_python_that_is_too_old() -> None:
    """A Python 3.6 must get as far as the sentence that says what it needs."""
    import ast

    ast.parse((ROOT / "run.py").read_text(encoding="utf-8"), feature_version=(3, 6))
