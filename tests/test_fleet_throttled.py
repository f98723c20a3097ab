"""A workspace that throttles for longer than notebook 10 waits, and has time when the fleet comes back."""

import json
from pathlib import Path

import pytest

from mailauth import fleet, session
from mailauth.fleet import Job, Patience
from tests.practice.provable import provable
from tests.practice.woodgrove import Woodgrove

FINDS = "10-find-basic-auth"
LONGER_S = 400  # than anybody waits for one query


def with_workspace(made: Woodgrove) -> None:
    """Let the app that reads read a workspace as well."""
    principals = made.estate.tenant.directory.service_principals
    made.estate.workspace(readers=[one.id for one in principals if one.display_name == "Runbook"])


def test_a_workspace_that_throttled_is_read_when_it_has_time_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    out, said = tmp_path / "out", list[str]()
    with provable(tmp_path, broken=with_workspace) as lab:
        config = json.loads(lab.config.read_text(encoding="utf-8"))
        config["tenants"][0]["signin_logs"] = [{"workspace": lab.made.estate.id_of("workspace")}]
        lab.config.write_text(json.dumps(config), encoding="utf-8")
        job = Job("woodgrove", str(lab.config), str(out), str(session.project()), notebooks=(FINDS,))
        (before,) = fleet.run([job], workers=1, say=said.append)
        last_night = made_at(out / "woodgrove" / "evidence" / f"{FINDS}.json")
        lab.practice.faults.add("logs", "throttle", seconds=LONGER_S)
        patience = Patience(attempts=3, first_s=600, throttled_s=0.1)
        (found,) = fleet.run([job], workers=1, say=said.append, patience=patience)
    assert (found.ended, found.assessed, found.attempts, found.throttled) == ("whole", True, 2, False), said
    assert (before.assessed, before.attempts) == (True, 1)
    # The night before is what the report compares with, and not the attempt before.
    (past,) = (out / "woodgrove" / "history").glob(f"{FINDS}.*.json")
    assert made_at(past) == last_night
    assert codes(out / "woodgrove" / "evidence" / f"{FINDS}.json") == {""}


def made_at(path: Path) -> str:
    """Return when evidence was made."""
    return str(json.loads(path.read_text(encoding="utf-8"))["made_at"])


def codes(path: Path) -> set[str]:
    """Return the codes that the coverage of evidence has."""
    return {each.get("code", "") for each in json.loads(path.read_text(encoding="utf-8"))["coverage"]}
