"""The rehearsal that the README tells of, by commands: a practice tenant with nothing, until it is closed (proven)."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from mailauth import cli, session, tenants
from practice import cloud, credentials, files, ledger, signins
from practice import tenants as stories
from practice.adatum import ADATUM
from practice.cloud import Cloud
from practice.mail.access import View, basic_barrier
from practice.world import World

PRINTER: Final = "printer@adatum.example"
_SETTLES: Final = timedelta(seconds=2)


@dataclass
class Rehearsal:
    """Adatum on a cloud where changes count within seconds, and what its user does at a terminal."""

    practice: Cloud
    folder: Path

    @property
    def config(self) -> Path:
        """The tenants file."""
        return self.folder / "tenants.yaml"

    def tell(self, world: World) -> None:
        """Have the workspace and the mail report hold a story, as the practice home does."""
        today = datetime.now(UTC).date()
        rows = partial(ledger.copies, world, signins.deliveries(signins.events(world, today), today))
        self.practice.backend.ledger.fill(world.tenant_id, repr(world.mailers), rows)
        files.smtp_report(self.folder / "logs" / "adatum" / files.REPORT, world)

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
    given = credentials.kept(tmp_path / "keys", ["adatum"])["adatum"]
    with cloud.start([stories.build("adatum", datetime.now(UTC), given)], settles=_SETTLES) as practice:
        practice.faults.policy_lag = _SETTLES
        entry = {key: value for key, value in stories.entry("adatum", "logs").items() if key != "decisions"}
        content = {"clouds": {"practice": practice.entry()}, "tenants": [entry]}
        (tmp_path / "tenants.yaml").write_text(json.dumps(content), encoding="utf-8")
        whole = Rehearsal(practice, tmp_path)
        whole.tell(ADATUM)
        yield whole


def test_adatum_is_closed_and_proven_in_one_sitting(rehearsal: Rehearsal) -> None:
    assert rehearsal.takes_passwords() == {PRINTER}
    for words in (("register", "--flow", "app-only"), ("consent", "--grant"), ("grant",)):
        assert rehearsal.run(*words, "--apply") == 0
    rehearsal.find()
    # Its owner has not moved the printer yet.
    assert rehearsal.run("close", "--wave", "tenant", "--apply") == 1
    today = datetime.now(UTC).date()
    rehearsal.tell(ADATUM.moved({PRINTER: today - timedelta(days=15)}, today))
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
