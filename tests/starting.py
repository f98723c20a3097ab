"""The ``mailauth`` command, started as its entry point starts it, in the process of the tests: a second less each."""

import io
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from mailauth import cli

__all__ = ["mailauth"]

ROOT = Path(__file__).resolve().parent.parent


def mailauth(*arguments: str, cwd: Path = ROOT) -> CompletedProcess[str]:
    """Return how the command ended and what it wrote, as of a process of its own."""
    said, complained = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        chdir(cwd),
        redirect_stdout(said),
        redirect_stderr(complained),
    ):
        patch.setattr("sys.argv", ["mailauth", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    assert isinstance(ended.value.code, int)
    return CompletedProcess(arguments, ended.value.code, said.getvalue(), complained.getvalue())
