"""The rehearsal that the README tells of, by commands: a practice tenant with nothing, until it is closed (proven)."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from mailauth import cli, session, tenants
from practice import cloud
from practice.cloud import Cloud
from practice.home import Home
from practice.mail.access import View, basic_barrier

PRINTER: Final = "printer@adatum.example"
_SETTLES: Final = timedelta(seconds=4)


@dataclass
class Rehearsal:
    """A practice home that is served, and what its user does at a terminal."""

    practice: Cloud
    home: Home
    folder: Path

    @property
    def config(self) -> Path:
        """The tenants file."""
        return self.folder / "home" / "tenants.yaml"

    def run(self, *words: str) -> int:
        """Run a command and return its exit status."""
        given = ["--config", str(self.config), "--tenant", "adatum", "--out", str(self.folder / "reports")]
        done = CliRunner().invoke(cli.commands, [*words, *given], standalone_mode=False, catch_exceptions=False)
        status: Any = done.return_value
        return int(status)

    def find(self) -> None:
        """Leave what notebook 10 leaves."""
        configuration = tenants.load(self.config)
        tenant = configuration.tenant("adatum")
        run = session.Run(configuration, tenant, self.folder / "reports" / "adatum", tell=lambda _: None)
        run.keep_findings(run.find(days=0))

    def takes_passwords(self) -> set[str]:
        """Return the mailboxes on which the mail servers take a password by SMTP now."""
        now = self.practice.backend.now()
        with self.practice.states.reading("adatum") as tenant:
            view = View(tenant.tenant_id, tenant.directory_in_force(now), tenant.exchange_in_force(now))
            return {
                box.primary_smtp for box in view.exchange.mailboxes if not basic_barrier(view, box.primary_smtp, now)
            }


@pytest.fixture
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rehearsal]:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "mine"))
    with cloud.start(home=tmp_path / "home", settles=_SETTLES) as practice:
        practice.faults.usual = (timedelta(), timedelta(), _SETTLES)
        practice.faults.clear()
        home = Home(tmp_path / "home", practice)
        home.refresh()
        yield Rehearsal(practice, home, tmp_path)


@pytest.mark.full  # waits half a minute for what settles
def test_adatum_is_closed_and_proven_in_one_sitting(rehearsal: Rehearsal) -> None:
    assert rehearsal.takes_passwords() == {PRINTER}
    for words in (("register", "--flow", "app-only"), ("consent", "--grant"), ("grant",)):
        assert rehearsal.run(*words, "--apply") == 0
    rehearsal.find()
    # Its owner has not moved the printer yet.
    assert rehearsal.run("close", "--wave", "tenant", "--apply") == 1
    assert rehearsal.home.move("adatum", "printer") == ""
    rehearsal.find()
    for wave in ("pilot", "tenant"):
        for _ in range(8):
            if rehearsal.run("close", "--wave", wave, "--apply", "--try-password") == 0:
                break
            time.sleep(_SETTLES.total_seconds())
        else:
            raise AssertionError(wave)
    assert rehearsal.takes_passwords() == set()
    assert rehearsal.run("close", "--wave", "pilot") == rehearsal.run("close", "--wave", "tenant") == 0
    assert rehearsal.run("watch") == 0
