"""`mailauth close`: the same waves in a terminal, with an exit status that says whether they are closed."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from mailauth import cli
from mailauth.errors import ConfigurationError
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
        with pytest.raises(ConfigurationError, match=r"^wave: found 'x'; expected one of pilot, tenant\.$"):
            close(lab, "--wave", "x")


def test_a_script_of_the_policy_is_written_once_a_token_was_taken(tmp_path: Path) -> None:
    with shutting(tmp_path) as lab:
        lab.sign_ins()
        with lab.practice.states.changing("woodgrove") as tenant:
            rights, tenant.exchange.mailbox_permissions = tenant.exchange.mailbox_permissions, []
        assert "Set-User" not in close(lab, "--script")[1]
        with lab.practice.states.changing("woodgrove") as tenant:
            tenant.exchange.mailbox_permissions = rights
        assert "Set-User" in close(lab, "--script")[1]


def test_a_wave_in_which_everybody_is_left_out_is_passed_over_and_ends_well(tmp_path: Path) -> None:
    decided = tmp_path / "decisions.yaml"
    text = f"senders:\n  - {{user: {PRINTER}, protocol: smtp, exception_until: 2099-12-31}}\n"
    decided.write_text(text, encoding="utf-8")
    groups = {"pilot": ADA, "groups": {"printers": [PRINTER]}}
    with shutting(tmp_path, groups, decisions=str(decided)) as lab:
        lab.sign_ins()
        status, shown = close(lab, "--wave", "printers")
        assert (status, "Wave printers: left out" in shown) == (0, True)
        assert "Wave pilot: " in close(lab)[1]


def closed_by_the_command(lab: Lab) -> list[str]:
    """Close every wave by the command and this machine's clock, and return what each run showed."""
    shown: list[str] = []
    for _ in range(24):
        lab.sign_ins()
        shown.append(close(lab, "--apply", "--try-password")[1])
        if set(lab.words(lab.run.closing.look()).values()) == {"closed"}:
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
