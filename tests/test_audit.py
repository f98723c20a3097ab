"""services/audit: a query that is started, waited for and read, and what its rows may claim."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth.clouds import Cloud
from mailauth.coverage import Coverage, Window
from mailauth.errors import SourceError
from mailauth.services import audit
from mailauth.services.live import Run
from tests.graphserver import EXCHANGE, NOW, TENANT, Credential, Fault, World, cloud, days_ago, serving

ANNA = "0b7a6b8e-8f0e-4c52-9f2c-0d9f6f0c1a11"


def entry(number: int, when: datetime, user: str = "anna@fabrikam.example", **data: Any) -> dict[str, Any]:
    """Return one audit record; *data* goes into its auditData."""
    agent = data.pop("agent", "BAV2ROPC")
    return {
        "id": f"a-{number:05}",
        "createdDateTime": when.isoformat().replace("+00:00", "Z"),
        "auditLogRecordType": "azureActiveDirectoryStsLogon",
        "operation": data.pop("operation", "UserLoggedIn"),
        "userPrincipalName": user,
        "clientIp": "203.0.113.10:40512",
        "objectId": EXCHANGE,
        "auditData": {
            "ApplicationId": EXCHANGE,
            "ExtendedProperties": [
                {"Name": "UserAgent", "Value": agent},
                {"Name": "RequestType", "Value": "OAuth2:Token"},
            ],
            "Actor": [{"ID": user, "Type": 5}, {"ID": ANNA, "Type": 0}],
            "InterSystemsId": f"c-{number}",
        }
        | data,
    }


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def lab(world: World, tmp_path: Path) -> Iterator[Cloud]:
    with serving(world, tmp_path) as where:
        yield where


def fetch(
    lab: Cloud, world: World, folder: Path, *, now: datetime = NOW, window: Window | None = None, **options: Any
) -> Coverage:
    run = Run(
        lab,
        Credential(),
        TENANT,
        folder,
        window=window,
        clock=lambda: now,
        monotonic=world.clock.monotonic,
        sleep=world.clock.sleep,
    )
    (record,) = audit.fetch(run, **options)
    return record


def test_a_record_becomes_a_row_whose_protocol_nobody_knows(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.audit["BAV2ROPC"] = [entry(1, days_ago(100)), entry(2, days_ago(100) + timedelta(minutes=5))]
    said = fetch(lab, world, tmp_path / "audit")
    (row,) = audit.rows(tmp_path / "audit")
    assert (row.user, row.user_id, row.network) == ("anna@fabrikam.example", ANNA, "203.0.113.10")
    assert (row.client_app, row.protocol, row.app_id, row.result) == ("Other clients", "", EXCHANGE, "0")
    assert (row.sign_ins, row.source, row.population) == (2, "audit", "member")
    assert (said.state, said.source, said.end) == ("partial", "audit", NOW)
    assert "names no protocol" in said.reason


def test_each_agent_is_asked_for_in_stretches_of_two_months_at_most(lab: Cloud, world: World, tmp_path: Path) -> None:
    fetch(lab, world, tmp_path / "audit")
    assert [query["keywordFilter"] for query in world.queries] == ["BAV2ROPC"] * 3 + ["CBAInPROD"] * 3
    starts = [query["filterStartDateTime"] for query in world.queries[:3]]
    ends = [query["filterEndDateTime"] for query in world.queries[:3]]
    assert starts[1:] == ends[:-1]
    assert ends[-1] == "2026-11-20T09:30:00Z"
    assert world.queries[0]["operationFilters"] == ["UserLoggedIn", "UserLoginFailed"]


def test_the_next_run_asks_for_the_newest_days_only(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.audit["BAV2ROPC"] = [entry(1, days_ago(100))]
    fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",))
    world.queries.clear()
    world.audit["BAV2ROPC"] = [entry(2, days_ago(1))]
    fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",), now=NOW + timedelta(hours=5))
    assert [query["filterStartDateTime"] for query in world.queries] == ["2026-11-18T00:00:00Z"]
    assert len(audit.rows(tmp_path / "audit")) == 2


def test_a_record_that_comes_twice_counts_once(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.page = 2
    world.audit["BAV2ROPC"] = [entry(number % 3, days_ago(3)) for number in range(9)]
    fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",), window=Window(days_ago(5), NOW))
    assert [row.sign_ins for row in audit.rows(tmp_path / "audit")] == [3]


@pytest.mark.parametrize(
    ("data", "result", "population"),
    [
        pytest.param({}, "0", "member", id="success"),
        pytest.param({"operation": "UserLoginFailed", "ErrorNumber": "50126"}, "50126", "member", id="wrong password"),
        pytest.param({"operation": "UserLoginFailed", "ErrorNumber": "50034"}, "50034", "nobody", id="no such name"),
        pytest.param({"operation": "UserLoginFailed"}, "", "member", id="failure without a code is no success"),
        pytest.param({"operation": "UserLoginFailed", "ErrorNumber": "0"}, "", "member", id="nor is code 0"),
        pytest.param({"user": "eva_partner.example#ext#@fabrikam.example"}, "0", "guest", id="guest"),
        pytest.param({"user": "Not Available"}, "0", "nobody", id="no name"),
    ],
)
def test_what_a_record_says_of_its_sign_in(
    lab: Cloud, world: World, tmp_path: Path, data: dict[str, Any], result: str, population: str
) -> None:
    world.audit["BAV2ROPC"] = [entry(1, days_ago(3), **data)]
    fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",), window=Window(days_ago(5), NOW))
    (row,) = audit.rows(tmp_path / "audit")
    assert (row.result, row.population) == (result, population)


def test_a_keyword_found_elsewhere_in_a_record_is_no_password(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.audit["BAV2ROPC"] = [entry(1, days_ago(3), agent="Mozilla/5.0", Note="BAV2ROPC"), {"id": "broken"}]
    said = fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",), window=Window(days_ago(5), NOW))
    assert audit.rows(tmp_path / "audit") == ()
    assert said.lost == 1


def test_audit_data_may_be_text(lab: Cloud, world: World, tmp_path: Path) -> None:
    record = entry(1, days_ago(3))
    record["auditData"] = json.dumps(record["auditData"])
    world.audit["BAV2ROPC"] = [record]
    fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",), window=Window(days_ago(5), NOW))
    assert len(audit.rows(tmp_path / "audit")) == 1


def test_a_query_that_takes_longer_is_read_by_the_next_run(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.audit_polls = 9
    world.audit["BAV2ROPC"] = [entry(1, days_ago(3))]
    window = Window(days_ago(5), NOW)
    said = fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",), window=window, patience_s=30)
    assert said.state == "unknown"
    assert "1 queries are still being worked on" in said.reason
    later = NOW + timedelta(minutes=20)
    said = fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",), window=window, now=later)
    assert len(world.queries) == 1
    assert said.state == "partial"
    assert len(audit.rows(tmp_path / "audit")) == 1


def test_a_query_that_fails_is_said(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.audit_end = "failed"
    said = fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",), window=Window(days_ago(5), NOW))
    assert said.state == "unknown"
    assert "The query for BAV2ROPC from 2026-11-15 on has failed." in said.reason


def test_a_missing_permission_names_the_one_that_is_needed(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.faults = [Fault(403, "Forbidden", times=9)]
    said = fetch(lab, world, tmp_path / "audit")
    assert said.state == "unknown"
    assert "AuditLogsQuery-Entra.Read.All" in said.remedy


@pytest.mark.parametrize("name", ["gcc-high", "dod", "china"])
def test_other_clouds_have_no_audit_query(name: str, tmp_path: Path) -> None:
    (said,) = audit.fetch(Run(cloud("https://localhost:9", name=name), Credential(), TENANT, tmp_path / "audit"))
    assert (said.state, said.source) == ("absent", "audit")
    assert name in said.reason


def test_the_window_narrows_the_rows(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.audit["BAV2ROPC"] = [entry(1, days_ago(3)), entry(2, days_ago(50))]
    fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",))
    assert len(audit.rows(tmp_path / "audit")) == 2
    assert len(audit.rows(tmp_path / "audit", Window(days_ago(5), NOW))) == 1
    assert audit.rows(tmp_path / "nothing") == ()


def test_a_folder_of_another_tenant_is_refused(lab: Cloud, world: World, tmp_path: Path) -> None:
    fetch(lab, world, tmp_path / "audit", agents=("BAV2ROPC",))
    with pytest.raises(SourceError, match="expected another"):
        audit.fetch(Run(lab, Credential(), "another", tmp_path / "audit"))
