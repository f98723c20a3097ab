"""`mailauth close`: the same waves in a terminal, with an exit status that says whether they are closed."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from mailauth import cli
from mailauth.errors import ConfigurationError
from tests.practice.shutting import Lab, shutting


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
