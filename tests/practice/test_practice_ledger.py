"""The practice tenants' sign-in rows: what is filled in, what is recorded, and what outlives a process."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from practice import columns
from practice.fabrikam import FABRIKAM
from practice.ledger import Copy, Ledger, copies
from practice.signins import Delivery, as_graph, deliveries, events
from practice.state import Logs, Tenant

TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
HERE = "7c1d3b52-0f6e-4f6d-9a55-2f4f0f9f1a01"
ELSEWHERE = "7c1d3b52-0f6e-4f6d-9a55-2f4f0f9f1a02"


def sign_in(number: int, at: datetime = NOW - timedelta(hours=1), **fields: Any) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "createdDateTime": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06}0Z",
        "userPrincipalName": "ada@woodgrove.example",
        "isInteractive": True,
        "signInEventTypes": ["interactiveUser"],
        **fields,
    }


def tenant(tenant_id: str = HERE, **logs: Any) -> Tenant:
    held = Logs(workspace_id="11111111-2222-4333-8444-555555555555", **logs)
    return Tenant(name="woodgrove", tenant_id=tenant_id, title="Woodgrove", logs=held)


def one(*numbers: int, **fields: Any) -> list[Copy]:
    return [Copy(NOW - timedelta(minutes=30), sign_in(number, **fields)) for number in numbers]


def ids(ledger: Ledger, tenant_id: str = HERE, **asked: Any) -> list[int]:
    return [int(row["id"][-12:]) for row in ledger.sign_ins(tenant_id, **{"now": NOW, **asked})]


def counted(ledger: Ledger, held: Tenant, table: str = "SigninLogs", **asked: Any) -> int:
    with ledger.looking(held, **{"now": NOW, **asked}) as connection:
        (found,) = connection.execute(f"FROM {table} SELECT count(*)").fetchone() or (0,)
    return int(found)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "signins") as made:
        yield made


def test_the_same_edition_is_filled_once_and_another_takes_its_place(ledger: Ledger) -> None:
    told: list[str] = []

    def rows(name: str, *numbers: int) -> Iterator[Copy]:
        told.append(name)
        yield from one(*numbers)

    for name, numbers in (("monday", (1, 2)), ("monday", (1, 2)), ("tuesday", (2, 3, 4))):
        ledger.fill(HERE, name, partial(rows, name, *numbers))
    assert told == ["monday", "tuesday"]
    assert sorted(ids(ledger)) == [2, 3, 4]
    assert (ledger.edition(HERE), ledger.edition(ELSEWHERE)) == ("tuesday", "")


def test_what_was_recorded_stays_when_a_story_changes_and_goes_when_it_is_forgotten(ledger: Ledger) -> None:
    ledger.fill(HERE, "monday", lambda: one(1))
    ledger.record(HERE, sign_in(100))
    ledger.fill(HERE, "tuesday", lambda: one(2))
    assert sorted(ids(ledger)) == [2, 100]
    ledger.forget(HERE)
    assert ids(ledger) == [2]


def test_rows_that_cannot_be_made_leave_the_edition_before(ledger: Ledger) -> None:
    def broken() -> Iterator[Copy]:
        yield from one(*range(2, 900))
        raise RuntimeError("no more")

    ledger.fill(HERE, "monday", lambda: one(1))
    with pytest.raises(RuntimeError):
        ledger.fill(HERE, "tuesday", broken)
    assert (ids(ledger), ledger.edition(HERE)) == ([1], "monday")


def test_tenants_see_their_own_rows_alone(ledger: Ledger) -> None:
    ledger.fill(HERE, "monday", lambda: one(1, 2))
    ledger.record(ELSEWHERE, sign_in(3))
    assert (sorted(ids(ledger)), ids(ledger, ELSEWHERE)) == ([1, 2], [3])
    assert (counted(ledger, tenant()), counted(ledger, tenant(ELSEWHERE))) == (2, 1)


def test_a_second_start_finds_everything(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.fill(HERE, "monday", lambda: one(1))
        ledger.record(HERE, sign_in(2))
    with Ledger(tmp_path) as ledger:
        ledger.fill(HERE, "monday", lambda: pytest.fail("the rows are there"))
        assert sorted(ids(ledger)) == [1, 2]


def test_another_release_finds_what_an_earlier_one_kept(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.fill(HERE, "monday", lambda: one(1, userAgent="BAV2ROPC"))
        ledger.record(HERE, sign_in(2))
        ids(ledger)
    with duckdb.connect(str(tmp_path / "signins.duckdb")) as database:
        database.execute("ALTER TABLE copies DROP UserAgent")
        database.execute("UPDATE form SET digest = 'another'")
    with Ledger(tmp_path) as ledger:
        assert (sorted(ids(ledger)), ledger.edition(HERE)) == ([1, 2], "monday")
        with ledger.looking(tenant(), now=NOW) as connection:
            found = connection.execute("FROM SigninLogs SELECT UserAgent ORDER BY Id").fetchall()
        assert found == [("BAV2ROPC",), ("",)]


def test_a_process_that_is_killed_loses_nothing_that_was_recorded(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from practice.ledger import Ledger\n"
        "from tests.practice.test_practice_ledger import HERE, NOW, ids, sign_in\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "for number in range(50): ledger.record(HERE, sign_in(number))\n"
        "assert len(ids(ledger)) == 50\n"
        "for number in range(50, 80): ledger.record(HERE, sign_in(number))\n"
        "os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)]).returncode == 9
    with (tmp_path / "recorded.ndjson").open("ab") as journal:
        journal.write(b'{"tenant":"half a li')
    with Ledger(tmp_path) as ledger:
        assert sorted(ids(ledger)) == list(range(80))


def test_lines_that_a_crash_left_behind_after_they_were_taken_are_not_taken_twice(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.record(HERE, sign_in(1))
        journal = (tmp_path / "recorded.ndjson").read_bytes()
        assert ids(ledger) == [1]
    with duckdb.connect(str(tmp_path / "signins.duckdb")) as database:
        ((name,),) = database.execute("FROM taken").fetchall()
    (tmp_path / name).write_bytes(journal)
    with Ledger(tmp_path) as ledger:
        assert counted(ledger, tenant()) == 1
    assert not list(tmp_path.glob("*.ndjson"))


def test_many_threads_record_at_a_time_while_others_read(ledger: Ledger) -> None:
    def work(thread: int) -> int:
        for number in range(100):
            ledger.record(HERE, sign_in(thread * 1_000 + number))
        return len(ids(ledger))

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(work, range(8))) <= 800
    assert len(set(ids(ledger))) == 800


def test_a_sign_in_is_given_once_in_its_latest_copy_newest_first(ledger: Ledger) -> None:
    happened = events(FABRIKAM, TODAY)
    rows = list(deliveries(happened, TODAY))
    ledger.fill(FABRIKAM.tenant_id, "story", lambda: copies(FABRIKAM, rows))
    latest: dict[str, Delivery] = {}
    for row in rows:
        held = latest.get(row.event.id)
        # Of two of one moment, the log received the poorer one first.
        if held is None or row.written >= held.written:
            latest[row.event.id] = row
    wanted = {key: as_graph(FABRIKAM, row.event, early=row.early) for key, row in latest.items()}
    found = list(ledger.sign_ins(FABRIKAM.tenant_id, now=NOW, tables=columns.TABLES))
    assert {row["id"]: row for row in found} == wanted
    assert len(found) == len(wanted)
    order = [(row["createdDateTime"], row["id"]) for row in found]
    assert order == sorted(order, reverse=True)


def test_sign_ins_are_bounded_by_time_and_kind(ledger: Ledger) -> None:
    at = NOW - timedelta(hours=3)
    rows = [Copy(NOW, sign_in(number, at + timedelta(minutes=number))) for number in range(4)]
    app = sign_in(9, at, signInEventTypes=["servicePrincipal"], servicePrincipalName="Robot")
    ledger.fill(HERE, "story", lambda: [*rows, Copy(NOW, app)])
    first, last = at + timedelta(minutes=1), at + timedelta(minutes=2)
    assert ids(ledger, since=first, until=last) == [2, 1]
    assert ids(ledger, tables=["AADServicePrincipalSignInLogs"]) == [9]
    assert ids(ledger, now=NOW - timedelta(seconds=1)) == []


def test_sign_ins_go_on_after_the_last_that_was_seen_in_either_direction(ledger: Ledger) -> None:
    at = NOW - timedelta(hours=3)
    # Three to a moment, so that a page may end within one; more than are read at a time.
    rows = [Copy(NOW, sign_in(number, at + timedelta(seconds=number // 3))) for number in range(1_200)]
    ledger.fill(HERE, "story", lambda: rows)
    last = at + timedelta(seconds=100), sign_in(301)["id"]
    assert ids(ledger, upwards=True) == list(range(1_200))
    assert ids(ledger, upwards=True, after=last) == list(range(302, 1_200))
    assert ids(ledger, after=last) == list(range(300, -1, -1))


def test_one_sign_in_is_found_by_its_id_in_any_case_of_letters(ledger: Ledger) -> None:
    ledger.fill(HERE, "story", lambda: [*one(1, id="id-1-ABC"), *one(2)])
    (found,) = ledger.sign_ins(HERE, now=NOW, only="ID-1-abc")
    assert found["id"] == "id-1-ABC"
    assert ids(ledger, only="id-1") == []


def test_a_ledger_that_is_closed_takes_nothing_and_opens_nothing(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.record(HERE, sign_in(1))
        assert ids(ledger) == [1]
    for late in (
        lambda: ledger.record(HERE, sign_in(2)),
        lambda: ids(ledger),
        lambda: ledger.fill(HERE, "tuesday", lambda: one(3)),
        lambda: ledger.tables_in("FROM copies"),
    ):
        with pytest.raises(ValueError, match="closed"):
            late()
    assert not list(tmp_path.glob("*.ndjson"))
    with Ledger(tmp_path) as ledger:
        assert ids(ledger) == [1]


def test_a_recorded_row_appears_after_its_lag(ledger: Ledger) -> None:
    ledger.record(HERE, sign_in(1, NOW))
    late = tenant(ingestion_s=600)
    for now, seen in ((NOW + timedelta(seconds=599), 0), (NOW + timedelta(seconds=600), 1)):
        assert counted(ledger, late, now=now) == seen
        assert len(ids(ledger, now=now, ingestion_s=600)) == seen
    with ledger.looking(tenant(), now=NOW + timedelta(seconds=1)) as connection:
        assert connection.execute("FROM SigninLogs SELECT TimeGenerated > CreatedDateTime").fetchall() == [(True,)]


def test_a_workspace_shows_its_tables_columns_and_days(ledger: Ledger) -> None:
    rows = [Copy(NOW - timedelta(days=days), sign_in(days, NOW - timedelta(days=days))) for days in (1, 5, 20)]
    ledger.fill(HERE, "story", lambda: rows)
    old = tenant(tables=["SigninLogs"], missing_columns=["SessionId"], retention_days=7)
    assert counted(ledger, old) == 2
    assert counted(ledger, old, span=(NOW - timedelta(days=2), None)) == 1
    with ledger.looking(old, now=NOW) as connection:
        shown = {name for name, *_ in connection.execute("DESCRIBE SigninLogs").fetchall()}
        assert set(columns.columns("SigninLogs")) - shown == {"SessionId"}
        with pytest.raises(duckdb.CatalogException):
            connection.execute("FROM AADNonInteractiveUserSignInLogs")


def test_a_column_has_the_type_that_its_table_gives_it(ledger: Ledger) -> None:
    values: dict[str, Any] = {
        "status": {"errorCode": 0, "failureReason": "Other.", "additionalDetails": ""},
        "authenticationDetails": [{"authenticationMethod": "Password"}],
        "userType": "member",
    }
    user, refresh = sign_in(1, **values), sign_in(2, **{**values, "signInEventTypes": ["nonInteractiveUser"]})
    ledger.fill(HERE, "story", lambda: [Copy(NOW, user), Copy(NOW, refresh)])
    with ledger.looking(tenant(), now=NOW) as connection:
        for table, kind in (("SigninLogs", "JSON"), ("AADNonInteractiveUserSignInLogs", "VARCHAR")):
            found = connection.execute(
                f"FROM {table} SELECT Status, typeof(Status), typeof(AuthenticationDetails), AuthenticationDetails, "
                "ResultType, UserType, UserAgent, AADTenantId, Type"
            ).fetchall()
            assert found == [
                (
                    '{"errorCode":0,"failureReason":"Other.","additionalDetails":""}',
                    kind,
                    "VARCHAR",
                    '[{"authenticationMethod":"Password"}]',
                    "0",
                    "Member",
                    "",
                    HERE,
                    table,
                )
            ]


@pytest.mark.parametrize(
    "text", ["\ud800", "\x00", "\x1b[0m", '"}\n{"tenant":1}', "🦆" * 9_000, "'; DROP TABLE copies"]
)
def test_a_name_of_any_kind_is_kept(ledger: Ledger, text: str) -> None:
    ledger.record(HERE, sign_in(1, userPrincipalName=text))
    ledger.record(HERE, sign_in(2))
    told = {row["id"][-1]: row["userPrincipalName"] for row in ledger.sign_ins(HERE, now=NOW)}
    assert told["1"] == text.encode("utf-8", "replace").decode()
    assert counted(ledger, tenant()) == 2


def test_the_database_opens_no_other_file_and_cannot_be_talked_into_it(ledger: Ledger, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n", encoding="utf-8")
    with ledger.looking(tenant(), now=NOW) as connection:
        for statement in (
            f"FROM '{other}'",
            f"FROM read_csv('{other}')",
            f"COPY (SELECT 1) TO '{other}'",
            f"ATTACH '{tmp_path / 'x.duckdb'}'",
            "SET enable_external_access = true",
            "INSTALL httpfs",
        ):
            with pytest.raises(duckdb.Error):
                connection.execute(statement)
    assert other.read_text(encoding="utf-8") == "a\n1\n"


def test_without_a_folder_everything_is_in_memory() -> None:
    with Ledger() as ledger:
        ledger.fill(HERE, "story", lambda: one(1))
        ledger.record(HERE, sign_in(2))
        assert sorted(ids(ledger)) == [1, 2]
