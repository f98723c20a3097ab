"""The practice home on disk: made once a day, whole; what an engineer changed in a tenant is no part of the day."""

import os
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from practice import cloud, home, tenants
from practice.access import MODERN
from practice.cloud import Cloud
from practice.signins import Table
from practice.state import ConditionalAccessPolicy

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def practice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with cloud.start(home=tmp_path_factory.mktemp("practice")) as running:
        yield running


def days(folder: Path) -> list[str]:
    return sorted(path.name[:10] for path in (folder / "days").iterdir())


def on(day: date, practice: Cloud) -> home.Home:
    """Return the home as it is on *day*."""
    found = home.Home(practice.ca_file.parent, practice, today=lambda: day)
    found.refresh()
    return found


def test_a_second_look_on_the_same_day_writes_nothing(practice: Cloud) -> None:
    folder = practice.ca_file.parent
    kept = on(TODAY, practice)
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*") if "signins" not in file.parts}
    kept.refresh()
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_the_next_day_has_files_of_its_own_and_old_ones_go_after_a_while(practice: Cloud) -> None:
    folder = practice.ca_file.parent
    on(TODAY, practice)
    on(date(2026, 11, 24), practice)
    assert days(folder) == ["2026-11-23", "2026-11-24"]
    assert "days/2026-11-23" not in (folder / "tenants.yaml").read_text(encoding="utf-8")
    on(date(2026, 11, 25), practice)
    assert days(folder) == ["2026-11-23", "2026-11-24", "2026-11-25"]
    # It counts from when a day was superseded, not from when it was made: a notebook may still be open on it.
    for mark in (folder / "days").glob("2026-11-23*/.superseded"):
        os.utime(mark, (time.time() - 25 * 3_600,) * 2)
    on(date(2026, 11, 26), practice)
    assert days(folder) == ["2026-11-24", "2026-11-25", "2026-11-26"]


def test_a_change_in_a_tenant_outlives_the_day_and_ends_with_a_reset(practice: Cloud) -> None:
    kept = on(TODAY, practice)
    now = datetime.now(UTC)
    first = len(tenants.build("adatum", now, kept.credentials["adatum"]).directory.applications)
    with practice.states.changing("adatum") as tenant:
        tenant.exchange.reject_direct_send = True
        tenant.directory.applications.clear()
    on(date(2026, 11, 24), practice)
    with practice.states.reading("adatum") as tenant:
        assert tenant.exchange.reject_direct_send
    noted = [practice.ca_file.parent / "state" / f"{name}.yaml" for name in ("adatum", "contoso")]
    noted[0].parent.mkdir()
    for path in noted:
        path.write_text("", encoding="utf-8")
    kept.reset(["adatum"])
    assert [path.exists() for path in noted] == [False, True]
    with practice.states.reading("adatum") as tenant:
        assert not tenant.exchange.reject_direct_send
        assert len(tenant.directory.applications) == first


def test_a_state_that_cannot_be_read_is_put_aside_and_made_anew(practice: Cloud, tmp_path: Path) -> None:
    (tmp_path / "states").mkdir()
    (tmp_path / "states" / "adatum.json").write_text('{"name": "adatum", "of": "another edition"}', encoding="utf-8")
    with cloud.start(home=tmp_path) as running:
        assert running.states.names == ()
    assert (tmp_path / "states" / "adatum.unreadable-1").is_file()


def test_a_fill_that_fails_leaves_no_day_behind(practice: Cloud) -> None:
    folder = practice.ca_file.parent
    with pytest.raises(OSError, match="nowhere"):
        home.fill(folder / "nowhere" / "day", TODAY)
    assert not list(folder.glob("**/.new-*"))


def test_a_persons_decisions_outlive_the_day_and_end_with_a_reset(practice: Cloud) -> None:
    kept = on(TODAY, practice)
    path = practice.ca_file.parent / "decisions" / "fabrikam.yaml"
    first = path.read_text(encoding="utf-8")
    on(date(2026, 11, 24), practice)
    assert path.read_text(encoding="utf-8") != first, "dates that nobody changed are told anew"
    path.write_text(f"{first}# mine\n", encoding="utf-8")
    on(date(2026, 11, 25), practice)
    assert path.read_text(encoding="utf-8") == f"{first}# mine\n"
    kept.reset(["fabrikam"])
    assert path.read_text(encoding="utf-8") == first


def test_what_was_taken_away_is_put_back(practice: Cloud) -> None:
    folder = practice.ca_file.parent
    kept = on(TODAY, practice)
    (day,) = (folder / "days").glob("2026-11-23*")
    for path in (folder / "tenants.yaml", folder / "decisions" / "adatum.yaml"):
        path.unlink()
    shutil.rmtree(day / "northwind")
    kept.refresh()
    assert (folder / "tenants.yaml").is_file()
    assert (folder / "decisions" / "adatum.yaml").is_file()
    assert list((day / "northwind").rglob("*.csv"))


def tenants_file(folder: Path) -> Any:
    """Return what the practice tenants' file says."""
    return YAML(typ="safe", pure=True).load((folder / "tenants.yaml").read_text(encoding="utf-8"))


def protocols(practice: Cloud, name: str, account: str) -> dict[str, set[int]]:
    """Return how many days ago an account signed in, by the program's kind."""
    world, found = tenants.world_of(name), dict[str, set[int]]()
    tables: tuple[Table, ...] = ("SigninLogs", "AADNonInteractiveUserSignInLogs")
    now = datetime(2026, 11, 24, tzinfo=UTC)
    for row in practice.backend.ledger.sign_ins(world.tenant_id, now=now, tables=tables):
        if row["userPrincipalName"] == world.address(account) and row["status"]["errorCode"] == 0:
            day = date.fromisoformat(row["createdDateTime"][:10])
            found.setdefault(row["clientAppUsed"].strip(), set()).add((TODAY - day).days)
    return found


def test_a_sender_that_is_moved_has_used_a_token_and_no_password_for_a_fortnight(practice: Cloud) -> None:
    kept, folder = on(TODAY, practice), practice.ca_file.parent
    assert set(protocols(practice, "adatum", "printer")) == {"Authenticated SMTP"}
    assert kept.move("adatum", "printer") == kept.move("fabrikam", "SCANNER@fabrikam.example") == ""
    found = protocols(practice, "adatum", "printer")
    assert set(found) == {"Authenticated SMTP", "Mobile Apps and Desktop clients"}
    assert min(found["Authenticated SMTP"]) > 15 >= max(found["Mobile Apps and Desktop clients"])
    day = tenants_file(folder)["tenants"][1]["signin_logs"][1]["smtp_report"]
    report = (folder / day).read_text("utf-8-sig").splitlines()
    how = {line.split(",")[0]: line.split(",")[2] for line in report}
    names = ("scanner", "reception", "invoices")
    assert [how[f"{name}@fabrikam.example"] for name in names] == ["OAuth", "OAuth", "Basic"]
    kept.reset(["adatum", "fabrikam"])
    assert set(protocols(practice, "adatum", "printer")) == {"Authenticated SMTP"}


def reported(row: Any) -> set[str]:
    """Return what policies that only report said of a sign-in."""
    said = {one["result"] for one in row["appliedConditionalAccessPolicies"]}
    return {result for result in said if result.startswith("reportOnly")}


def test_records_after_a_policy_was_made_say_what_it_would_have_done(practice: Cloud) -> None:
    kept, world = on(TODAY, practice), tenants.world_of("adatum")
    made = datetime(2026, 11, 20, 12, tzinfo=UTC)
    template = ConditionalAccessPolicy(
        display_name="Block old clients",
        state="enabledForReportingButNotEnforced",
        modified_date_time=made,
        conditions={
            "users": {"includeUsers": ["All"]},
            "applications": {"includeApplications": ["All"]},
            "clientAppTypes": ["exchangeActiveSync", "other"],
        },
        grant_controls={"operator": "OR", "builtInControls": ["block"]},
    )
    with practice.states.changing("adatum") as tenant:
        tenant.directory.policies.conditional_access.append(template)
    kept = on(date(2026, 11, 24), practice)
    now = datetime(2026, 11, 25, tzinfo=UTC)
    told: dict[tuple[bool, bool, bool], set[str]] = {}
    for row in practice.backend.ledger.sign_ins(world.tenant_id, now=now):
        if row["userId"] in {user.id for user in tenant.directory.users}:
            since = datetime.fromisoformat(row["createdDateTime"]) >= made
            old, went = row["clientAppUsed"] not in MODERN, row["status"]["errorCode"] == 0
            told.setdefault((since, old, went), set()).update(reported(row) or {""})
    kept.reset(["adatum"])
    assert told.pop((True, True, True)) == {"reportOnlyFailure"}
    assert told.pop((True, False, True)) == {"reportOnlyNotApplied"}
    assert told.pop((False, True, True)) == told.pop((False, False, True)) == {""}
    assert set().union(*told.values()) == {""}, "of a wrong password no policy is asked"


def test_who_sends_with_no_password_cannot_be_moved(practice: Cloud) -> None:
    said = on(TODAY, practice).move("adatum", "kim.asante")
    assert said == "found 'kim.asante'; expected one of printer@adatum.example"
