"""`mailauth close`: the same waves in a terminal, with an exit status that says whether they are closed."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from mailauth import cli
from mailauth.errors import ConfigurationError, HeldError, MailauthError
from tests.practice.shutting import ADA, BLOCK, PRINTER, Lab, exclude, shutting

_SETTLES: Final = timedelta(seconds=3)


def close(lab: Lab, *more: str) -> tuple[int, str]:
    """Return the exit status and what was shown."""
    asked = ["close", "--config", str(lab.config), "--tenant", "woodgrove", "--out", str(lab.folder), *more]
    done: Result = CliRunner().invoke(cli.commands, asked, standalone_mode=False)
    if done.exception:
        raise done.exception
    status: Any = done.return_value
    return status, done.stdout


def test_it_shows_plans_applies_only_when_asked_and_takes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    with shutting(tmp_path) as lab:
        status, shown = close(lab, "--wave", "tenant")
        assert (status, "nobody has looked" in shown) == (1, True)
        assert shown.endswith("\nNothing was changed.\n")
        assert "Wave tenant: a policy that takes no passwords: not yet" in shown
        lab.sign_ins()
        status, script = close(lab, "--script")
        assert (status, "New-AuthenticationPolicy" in script, "In which waves" in script) == (0, True, False)
        assert not (lab.folder / "woodgrove" / "receipts").exists()
        status, shown = close(lab, "--apply", "--try-password")
        assert (status, "Wave pilot: a policy that takes no passwords: done" in shown) == (1, True)
        assert "Nothing was changed" not in shown
        assert "No password was tried" in shown
        status, shown = close(lab, "--wave", "pilot", "--undo")
        assert shown.endswith("\nNothing was changed; --apply does this.\n")
        status, shown = close(lab, "--wave", "pilot", "--undo", "--apply")
        assert status == 1
        assert "No policy refuses passwords yet for 2 of 2 mailboxes." in close(lab)[1]
        status, shown = close(lab, "--wave", "tenant", "--undo", "--apply")
        assert "Wave tenant was never begun from here" in shown
        assert shown.endswith("\nNothing was changed.\n")
        with pytest.raises(ConfigurationError, match=r"^wave: found 'x'; expected one of pilot, tenant\.$"):
            close(lab, "--wave", "x")


def test_what_would_stop_it_at_the_end_is_said_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    with shutting(tmp_path) as lab:
        with lab.run.alone(), pytest.raises(HeldError, match=r"Then run this again: it looks first\.$"):
            close(lab, "--apply")
        other = tmp_path / "other"
        other.mkdir()
        (other / "woodgrove").write_text("in the way", encoding="utf-8")
        with pytest.raises(MailauthError, match="woodgrove is a file; expected a folder"):
            close(lab, "--out", str(other))


def test_exceptions_are_shown_in_the_terminal_those_that_have_ended_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    left_out = [
        {"address": PRINTER, "reason": "goes in spring", "until": "2030-01-01"},
        {"address": "invoices@woodgrove.example", "reason": "went", "until": "2020-01-01"},
    ]
    with shutting(tmp_path, {"pilot": ADA, "exceptions": left_out}) as lab:
        shown = close(lab)[1]
    assert shown.index("invoices@woodgrove.example") < shown.index("has ended") < shown.index(PRINTER)
    assert shown.index("Left out by name") < shown.index("In which waves passwords end")


def test_a_change_that_is_broken_off_says_what_was_done_and_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    with shutting(tmp_path) as lab:
        lab.sign_ins()
        close(lab, "--apply")
        asked = ["close", "--config", str(lab.config), "--tenant", "woodgrove", "--out", str(lab.folder)]
        status, said = interrupted_after_one(lab, [*asked, "--wave", "pilot", "--undo", "--apply"])
        title = "Undo: Wave pilot: a policy that takes no passwords"
        assert status == 130
        assert re.search(rf"{title}: 1 of 3 changes stand as wanted(, and of 1 nobody knows)?\.", said)
        assert "Run the same command again: it looks first, and does what is left." in said


def interrupted_after_one(lab: Lab, asked: Sequence[str]) -> tuple[int, str]:
    """Press Ctrl-C once the first change of the next receipt is done; return the exit status and what was said."""
    receipts = lab.folder / "woodgrove" / "receipts"
    before = {*receipts.iterdir()}
    running = subprocess.Popen(
        [sys.executable, "-m", "mailauth", *asked], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 120
    while running.poll() is None and time.monotonic() < until:
        if any('"outcome"' in path.read_text(encoding="utf-8") for path in {*receipts.iterdir()} - before):
            running.send_signal(signal.SIGINT)
            break
        time.sleep(0.002)
    _, said = running.communicate(timeout=120)
    return running.returncode, said


def closed_by_the_command(lab: Lab) -> list[str]:
    """Close every wave by the command and this machine's clock, and return what each run showed.

    It ends with 0 once every wave is closed, and not when the first one is.
    """
    shown: list[str] = []
    for _ in range(24):
        lab.sign_ins()
        status, said = close(lab, "--apply", "--try-password")
        shown.append(said)
        is_over = set(lab.words(lab.run.closing.look()).values()) == {"closed"}
        assert (status == 0) is is_over, said
        if is_over:
            return shown
        time.sleep(_SETTLES.total_seconds() / 2)
    raise AssertionError(shown[-1])


def watch(lab: Lab) -> tuple[int, str]:
    """Return the exit status of a watch, and what it showed."""
    asked = ["watch", "--config", str(lab.config), "--tenant", "woodgrove", "--out", str(lab.folder)]
    done: Result = CliRunner().invoke(cli.commands, asked, standalone_mode=False, catch_exceptions=False)
    status: Any = done.return_value
    return status, " ".join(done.stdout.split())


def test_settings_that_are_meant_are_what_a_watch_compares_with_once_the_command_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    with shutting(tmp_path, settles=_SETTLES) as lab:
        with lab.practice.states.changing("woodgrove") as tenant:
            tenant.directory.policies.conditional_access.append(BLOCK.model_copy(deep=True))
        shown = closed_by_the_command(lab)
        assert sum("A password is refused, as it should be" in each for each in shown) >= 2
        assert watch(lab)[0] == 0
        with lab.practice.states.changing("woodgrove") as tenant:
            exclude(tenant)
        assert close(lab)[0] == 0
        status, said = watch(lab)
        assert (status, "it was not left out, and is" in said, "mailauth close --renew" in said) == (1, True, True)
        assert close(lab, "--renew")[0] == 0
        assert watch(lab)[0] == 0
        status, said = close(lab, "--wave", "tenant", "--undo", "--apply")
        assert (status, "closed (proven)" in said, "open" in said) == (1, False, True)
