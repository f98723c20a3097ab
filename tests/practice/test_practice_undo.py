"""Carrying out and taking back as a session and the command line do it: killed in the middle, by pasting."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth import session
from mailauth.errors import ConfigurationError, MailauthError
from mailauth.plan import Plan
from mailauth.services import store
from mailauth.session import Run
from mailauth.views import changing
from mailauth.views.tables import Code
from practice.cloud import Cloud
from practice.wellknown import EXCHANGE
from tests.practice import moving
from tests.practice.woodgrove import TENANT, Woodgrove, running, woodgrove

ROOT = Path(__file__).resolve().parents[2]
SECRET = "woodgrove~operator~Q8~only-in-tests"
ROLES = ("Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All")

# The look that follows each of these, which a fault holds up: it is sent, and nobody knows yet.
LOOKS = {
    "app": r"GET .*/applications\(uniqueName",
    "role": r"GET .*/appRoleAssignments",
    "secret": r"GET .*/applications/[0-9a-f-]{36}$",
}

CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from mailauth import session
from tests.practice import moving
config, out, exchange, secret = sys.argv[1:]
run = session.open("woodgrove", config=config, out=out)
plan = moving.plan("woodgrove", run.tenant.tenant_id, exchange, now=datetime.now(UTC), secret=Path(secret), cloud="lab")
run.carry_out(plan, apply=True)
"""


@dataclass
class Woods:
    """A tenant with somebody who may change it, a tenants file that names them, and a run on it."""

    made: Woodgrove
    practice: Cloud
    folder: Path
    run: Run

    @property
    def config(self) -> Path:
        return self.folder / "tenants.yaml"

    @property
    def secret_file(self) -> Path:
        return self.folder / "mover.secret"

    @property
    def exchange(self) -> str:
        found = self.made.estate.tenant.directory.principal(EXCHANGE)
        assert found is not None
        return found.id

    def plan(self) -> Plan:
        now = datetime.now(UTC)
        return moving.plan("woodgrove", TENANT, self.exchange, now=now, secret=self.secret_file, cloud="lab")

    def state(self) -> Any:
        kept = json.loads(self.made.estate.tenant.written())
        for name in ("deleted_applications", "deleted_service_principals"):
            kept["directory"].pop(name)
        return kept

    def receipts(self) -> list[Path]:
        return sorted((self.folder / "out" / "woodgrove" / "receipts").glob("*.jsonl"))

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "mailauth", *words]
        return subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)


@pytest.fixture
def woods(tmp_path: Path) -> Iterator[Woods]:
    made = woodgrove()
    estate = made.estate
    operator = estate.app("Runbook", asks=[("graph", "role", role) for role in ROLES])
    estate.secret(operator, SECRET)
    estate.allow(estate.enterprise_app(operator), "00000003-0000-0000-c000-000000000000", *ROLES)
    (tmp_path / "operator").write_text(SECRET)
    with running(made) as practice:
        entry = {**practice.entry(), "ca_file": str(practice.ca_file)}
        file = {
            "clouds": {"lab": entry},
            "tenants": [
                {
                    "name": "woodgrove",
                    "tenant_id": TENANT,
                    "cloud": "lab",
                    "operator": {"flow": "secret", "client_id": operator.app_id, "secret": f"file:{tmp_path}/operator"},
                }
            ],
        }
        (tmp_path / "tenants.yaml").write_text(json.dumps(file))
        run = session.open("woodgrove", config=str(tmp_path / "tenants.yaml"), out=str(tmp_path / "out"))
        yield Woods(made, practice, tmp_path, run)


def test_without_apply_nobody_is_asked(woods: Woods) -> None:
    before, plan = woods.state(), woods.plan()
    nobody = replace(woods.run, tenant=replace(woods.run.tenant, operator=None))
    receipt = nobody.carry_out(plan, apply=False)
    assert (receipt.plan, receipt.applied, receipt.where) == (plan, False, "")
    assert (woods.state(), woods.receipts()) == (before, [])


def test_nobody_who_may_change_the_tenant_is_said(woods: Woods) -> None:
    nobody = replace(woods.run, tenant=replace(woods.run.tenant, operator=None))
    with pytest.raises(
        ConfigurationError, match=r"woodgrove names nobody who may change it\. Run `mailauth runbook-app`"
    ):
        nobody.carry_out(woods.plan(), apply=True)


def test_what_the_receipt_shows_takes_back_when_it_is_pasted(woods: Woods) -> None:
    before = woods.state()
    receipt = woods.run.carry_out(woods.plan(), apply=True)
    assert receipt.whole
    assert receipt.by.startswith("app ")
    shown = changing.receipt(receipt, config=str(woods.config))
    in_notebook, on_line = [view.source for view in shown.views if isinstance(view, Code)]
    found = re.fullmatch(r'run\.take_back\("([^"]+)", apply=True\)', in_notebook)
    assert found is not None
    assert woods.run.take_back(found[1], apply=False).plan.steps
    done = woods.command(*on_line.split()[1:])
    assert (done.returncode, done.stderr) == (0, "")
    assert "All of 5 changes stand as wanted." in done.stdout
    assert woods.state() == before
    # Minutes later, so that replicas need not be waited for.
    later = replace(woods.run, now=lambda: datetime.now(UTC) + timedelta(minutes=5))
    assert later.take_back(found[1], apply=True).whole
    said = done.stdout + "".join(map(str, shown.views)) + "".join(path.read_text() for path in woods.receipts())
    assert not any(text in said for text in (woods.secret_file.read_text(), SECRET))


def test_the_command_shows_the_undo_and_its_script_before_it_is_told_to_apply(woods: Woods) -> None:
    receipt = woods.run.carry_out(woods.plan(), apply=True)
    after = woods.state()
    shown = woods.command("undo", receipt.where, "--config", str(woods.config), "--tenant", "woodgrove")
    assert (shown.returncode, shown.stderr) == (1, "")
    assert "Take back: Register Mover" in shown.stdout
    assert "Set-StrictMode" in shown.stdout
    assert woods.state() == after


@pytest.mark.parametrize("step", LOOKS)
def test_what_a_killed_run_did_is_taken_back(woods: Woods, step: str) -> None:
    before, faults = woods.state(), woods.practice.backend.faults
    faults.add("graph", "latency", operation=LOOKS[step], after=1, seconds=100.0)
    words = [str(woods.config), str(woods.folder / "out"), woods.exchange, str(woods.secret_file)]
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, *words], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    ends = time.monotonic() + 60
    while faults.armed:
        assert child.poll() is None
        assert time.monotonic() < ends
        time.sleep(0.05)
    child.kill()
    child.wait(30)
    faults.clear()
    assert woods.state() != before
    (receipt,) = woods.receipts()
    with receipt.open("a") as file:
        file.write('{"step": "ro')  # what a crash in the middle of a line leaves
    shown = woods.run.take_back(receipt, apply=False)
    assert shown.plan.steps[0].id == step
    assert woods.run.take_back(receipt, apply=True).whole
    assert woods.state() == before


def test_two_on_one_machine_do_not_change_a_tenant_at_once(woods: Woods) -> None:
    before = woods.state()
    with store.lock("woodgrove"), pytest.raises(MailauthError, match="woodgrove is being run already"):
        woods.run.carry_out(woods.plan(), apply=True)
    assert woods.state() == before


def test_a_receipt_of_another_tenant_takes_nothing_back(woods: Woods) -> None:
    receipt = woods.run.carry_out(woods.plan(), apply=True)
    after = woods.state()
    other = replace(woods.run, tenant=replace(woods.run.tenant, tenant_id="22222222-2222-2222-2222-222222222222"))
    with pytest.raises(ConfigurationError, match=r"tenant_id: found '0c6f6d1c.*which is open"):
        other.take_back(receipt.where, apply=True)
    with pytest.raises(ConfigurationError, match="Open woodgrove to carry it out"):
        other.carry_out(woods.plan(), apply=True)
    assert woods.state() == after


def test_a_change_freeze_is_the_first_thing_that_a_plan_says(woods: Woods) -> None:
    freeze = (date(2026, 12, 14), date(2027, 1, 6))
    frozen = replace(woods.run.tenant, defaults=replace(woods.run.tenant.defaults, freeze=freeze))
    days = iter((datetime(2026, 12, 14, tzinfo=UTC), datetime(2026, 12, 13, tzinfo=UTC)))
    run = replace(woods.run, tenant=frozen, now=lambda: next(days))
    during, before = (run.considered(woods.plan()) for _ in range(2))
    assert [check.name for check in during.checks] == ["change freeze"]
    assert before.checks == ()
