"""The local engine: files are converted once, another tenant's records stay out, and a query opens nothing else."""

import gzip
import json
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mailauth import kql
from mailauth.coverage import Window
from mailauth.engines import Row
from mailauth.errors import MailauthError, QueryError
from mailauth.services import archive, readers, segments
from tests.exported import OTHER, TENANT, envelope, graph, lines, write

COUNT = "SigninLogs | summarize rows = count()"


def opened(folder: Path, *, tenant: str = TENANT, **options: Any) -> archive.Archive:
    return archive.open(tenant, ["in"], base=folder, cache=folder / "cache", **options)


def count(found: archive.Archive) -> object:
    return found.run(COUNT).rows[0]["rows"]


def reasons(found: archive.Archive) -> str:
    return "\n".join(f"{one.what}: {one.reason}" for one in found.coverage)


def made(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (folder / "cache" / "segments").iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(4):
        write(tmp_path / "in" / f"{number}.json", lines([envelope(number)]))
    return tmp_path


# --- files are converted once ---------------------------------------------------------------------


def test_a_second_opening_reads_no_file_again(folder: Path) -> None:
    with opened(folder):
        pass
    before = made(folder)
    told: list[str] = []
    with opened(folder, progress=told.append) as found:
        assert count(found) == 4
    assert (made(folder), told) == (before, [])


def test_a_file_that_grew_is_read_again_and_counts_once(folder: Path) -> None:
    with opened(folder):
        pass
    before = made(folder)
    write(folder / "in" / "3.json", lines([envelope(3), envelope(30)]))
    with opened(folder) as found:
        assert count(found) == 5
    assert set(before) < set(made(folder))


def test_a_file_that_went_away_no_longer_counts(folder: Path) -> None:
    with opened(folder):
        pass
    (folder / "in" / "0.json").unlink()
    with opened(folder) as found:
        assert count(found) == 3
        assert len(found.readings) == 3


def test_a_segment_of_mostly_old_rows_is_replaced(folder: Path) -> None:
    with opened(folder):
        pass
    before = made(folder)
    for number in range(3):
        write(folder / "in" / f"{number}.json", lines([envelope(number), envelope(100 + number)]))
    with opened(folder) as found:
        assert count(found) == 7
    assert not set(before) & set(made(folder))


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param(lambda cache: (cache / "manifest.json").write_text("{"), id="a broken manifest"),
        pytest.param(lambda cache: (cache / "manifest.json").write_text('{"version": 0}'), id="an old manifest"),
        pytest.param(lambda cache: [one.unlink() for one in (cache / "segments").iterdir()], id="segments gone"),
    ],
)
def test_a_damaged_cache_is_made_again(harm: Callable[[Path], object], folder: Path) -> None:
    with opened(folder):
        pass
    harm(folder / "cache")
    with opened(folder) as found:
        assert count(found) == 4


def test_an_interrupted_reading_leaves_nothing_half_written(folder: Path) -> None:
    write(folder / "in" / "page.json", json.dumps([graph(9)]).encode())

    def interrupt(line: str) -> None:
        if "one by one" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened(folder, progress=interrupt)
    assert [path.suffix for path in (folder / "cache" / "segments").iterdir()] == [".parquet"]
    told: list[str] = []
    with opened(folder, progress=told.append) as found:
        assert count(found) == 5
    assert told == ["Reading 1 of 1 files, one by one."]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no interrupt to one process alone")
def test_ctrl_c_while_the_engine_reads_ends_as_ctrl_c_and_leaves_nothing(tmp_path: Path) -> None:
    one = lines([envelope()])
    write(tmp_path / "in" / "big.json", one * 60_000)
    program = (
        "import sys\nfrom pathlib import Path\nfrom mailauth.services import archive\nbase = Path(sys.argv[1])\n"
        "tell = lambda line: print(line, flush=True)\n"
        "archive.open('contoso.example', ['in'], base=base, cache=base / 'cache', progress=tell)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("Reading 1 of 1")
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
    assert told.rstrip().endswith("KeyboardInterrupt")
    assert [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_another_tenant_id_reads_everything_anew(folder: Path) -> None:
    with opened(folder) as found:
        assert count(found) == 4
    with opened(folder, tenant=OTHER) as found:
        assert count(found) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps access lists, not modes")
def test_the_cache_is_readable_by_its_owner_only(folder: Path) -> None:
    with opened(folder):
        for path in [folder / "cache", *(folder / "cache").rglob("*")]:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_cache_that_cannot_be_written_is_said(folder: Path) -> None:
    (folder / "cache").write_text("in the way")
    with pytest.raises(MailauthError, match="cache"):
        opened(folder)


# --- whose records --------------------------------------------------------------------------------


def test_records_of_another_tenant_are_kept_apart_and_named(folder: Path) -> None:
    both = [envelope(50, tenant=OTHER), envelope(51, tenant=TENANT.upper()), envelope(52, tenant=OTHER)]
    write(folder / "in" / "mixed.json", lines(both))
    with opened(folder) as found:
        assert count(found) == 5
        assert {row["AADTenantId"] for row in found.run("SigninLogs").rows} == {TENANT}
        assert (
            f"records of another tenant: 2 records belong to tenant {OTHER} (in {Path('in', 'mixed.json')}"
            in reasons(found)
        )
    for path in (folder / "cache" / "segments").iterdir():
        assert OTHER.encode() not in path.read_bytes()


def test_a_domain_cannot_tell_tenants_apart_so_both_count_and_are_named(folder: Path) -> None:
    write(folder / "in" / "mixed.json", lines([envelope(50, tenant=OTHER)]))
    with opened(folder, tenant="contoso.example") as found:
        assert count(found) == 5
        assert (
            f"The files hold records of 2 tenants, and all of them are counted: {TENANT} (4), {OTHER} (1)."
            in reasons(found)
        )


def test_only_another_tenants_records_are_no_zero(tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.json", lines([envelope(1, tenant=OTHER)]))
    with opened(tmp_path) as found:
        states = {one.what: one.state for one in found.coverage}
    assert states["interactive sign-ins"] == "absent"
    assert "records of another tenant" in states


# --- coverage -------------------------------------------------------------------------------------


def test_coverage_says_what_each_table_holds(folder: Path) -> None:
    write(folder / "in" / "late.json", lines([envelope(9, createdDateTime="2026-06-20T00:00:00Z")]))
    with opened(folder) as found:
        interactive, other, apps = found.coverage
    assert (interactive.what, interactive.state, interactive.lost) == ("interactive sign-ins", "complete", 0)
    assert interactive.start == datetime(2026, 6, 15, 12, 40, 24, 178_000, tzinfo=UTC)
    assert interactive.end == datetime(2026, 6, 20, tzinfo=UTC)
    assert [other.state, apps.state] == ["absent", "absent"]


def test_many_bad_files_are_all_named(tmp_path: Path) -> None:
    for number in range(150):
        write(tmp_path / "in" / f"bad{number:03}.json", b"")
    with opened(tmp_path) as found:
        said = "\n".join(f"{one.what} {one.reason}" for one in found.coverage)
    assert all(f"bad{number:03}.json" in said for number in range(150))
    assert str(tmp_path) not in said


# --- queries --------------------------------------------------------------------------------------


def test_every_table_is_there_whatever_the_files_hold(tmp_path: Path) -> None:
    with opened(tmp_path) as found:
        assert set(found.schema()) == set(segments.TABLES)
        for table, columns in found.schema().items():
            assert found.run(f"{table} | project {', '.join(columns)}").rows == []
    assert found.schema()["SigninLogs"]["CreatedDateTime"] == "datetime"


def test_answers_are_plain_values_with_aware_times(folder: Path) -> None:
    text = (
        "SigninLogs | summarize n = count(), since = min(CreatedDateTime), day = min(bin(CreatedDateTime, 1d)) "
        "by IsInteractive"
    )
    with opened(folder) as found:
        (row,) = found.run(text).rows
    first = datetime(2026, 6, 15, 12, 40, 24, 178_000, tzinfo=UTC)
    assert row == {
        "IsInteractive": True,
        "n": 4,
        "since": first,
        "day": first.replace(hour=0, minute=0, second=0, microsecond=0),
    }
    assert isinstance(row["since"], datetime)
    assert row["since"].utcoffset() == timedelta(0)


def test_a_time_becomes_the_text_that_kusto_writes(folder: Path) -> None:
    with opened(folder) as found:
        (row,) = found.run("SigninLogs | summarize since = min(CreatedDateTime) | project said = tostring(since)").rows
    assert row == {"said": "2026-06-15T12:40:24.1780000Z"}


def test_a_fetched_segment_and_a_file_agree_on_times(folder: Path) -> None:
    fetched = folder / "fetched"
    moment = datetime(2026, 6, 15, 23, 30, tzinfo=timezone(-timedelta(hours=5)))
    segments.write(fetched / "SigninLogs.1.parquet", "SigninLogs", [{"Id": "f", "CreatedDateTime": moment}])
    text = "SigninLogs | summarize rows = count() by day = startofday(CreatedDateTime)"
    with opened(folder, fetched=fetched) as found:
        held = {str(row["day"])[:10]: row["rows"] for row in found.run(text).rows}
    assert held == {"2026-06-15": 4, "2026-06-16": 1}


def test_what_is_foreseen_is_translated_while_files_are_read(folder: Path) -> None:
    window = Window(datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC))
    foreseen = [kql.query(name, window=window, schema=archive.SCHEMA) for name in kql.names()]
    at_work: list[str] = []
    with opened(folder, foreseen=foreseen, progress=lambda _: at_work.extend(_threads())) as found:
        ahead = [found.run(text).rows for text in foreseen]
    assert "translate_0" in at_work
    with opened(folder) as found:
        assert _ordered(ahead) == _ordered([found.run(text).rows for text in foreseen])


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def _ordered(answers: list[list[Row]]) -> list[list[str]]:
    return [sorted(map(str, rows)) for rows in answers]


def test_a_foreseen_text_that_is_no_query_is_refused_when_it_is_asked(folder: Path) -> None:
    with opened(folder, foreseen=["SigninLogs | wherever"]) as found:
        assert count(found) == 4
        with pytest.raises(QueryError, match=r"^the local engine refuses the query: "):
            found.run("SigninLogs | wherever")


def test_settings_of_the_engine_cannot_be_changed(tmp_path: Path) -> None:
    with (
        archive.locked([tmp_path], spill=tmp_path, memory_mb=100, size=0) as engine,
        pytest.raises(duckdb.InvalidInputException, match="locked"),
    ):
        engine.execute("SET memory_limit = '9GB'")


def test_few_logs_are_read_and_asked_by_one_thread_and_many_by_all(tmp_path: Path) -> None:
    def of(engine: duckdb.DuckDBPyConnection) -> object:
        with engine:
            [(found,)] = engine.execute("SELECT current_setting('threads')").fetchall()
        return found

    with duckdb.connect() as plain:
        [(every,)] = plain.execute("SELECT current_setting('threads')").fetchall()
    for size, wanted in ((1 << 20, 1), (1 << 30, every)):
        assert of(readers.connect(tmp_path, 100, size=size)) == wanted
        assert of(archive.locked([tmp_path], spill=tmp_path, memory_mb=100, size=size)) == wanted


def test_no_text_is_null(folder: Path) -> None:
    write(folder / "in" / "bare.json", lines([{"id": "x", "createdDateTime": "2026-06-15T00:00:00Z"}]))
    with opened(folder) as found:
        assert count(found) == 5
        assert all(value is not None for row in found.run("SigninLogs").rows for value in row.values())


@pytest.mark.parametrize(
    "text",
    [
        "['/etc/passwd']",
        "['{outside}'] | take 1",
        "['{cache}/../in/0.json'] | take 1",
        "['https://files.example/x.parquet']",
        "['s3://bucket/x.csv']",
        "externaldata(line: string) ['/etc/passwd']",
        "envelope | take 1",
        "SigninLogs | wherever",
        "",
        ".set Copy <| SigninLogs",
        ".drop table SigninLogs",
    ],
)
def test_a_query_that_reaches_outside_is_refused(text: str, folder: Path) -> None:
    with opened(folder) as found:
        whole = text.replace("{outside}", str(folder / "in" / "0.json")).replace("{cache}", str(folder / "cache"))
        with pytest.raises(QueryError, match=r"^the local engine refuses the query: "):
            found.run(whole)
        assert count(found) == 4


def test_fetched_segments_are_united_with_the_files(folder: Path) -> None:
    fetched = folder / "fetched"
    row = segments.from_graph(graph(77), tenant_id=TENANT)
    segments.write(fetched / "SigninLogs.one.parquet", "SigninLogs", [row])
    with opened(folder, fetched=fetched) as found:
        assert count(found) == 5
    with opened(folder, fetched=folder / "never") as found:
        assert count(found) == 4


def test_a_segment_that_an_earlier_version_fetched_is_read_though_it_lacks_a_column(folder: Path) -> None:
    fetched = folder / "fetched"
    segments.write(fetched / "SigninLogs.new.parquet", "SigninLogs", [segments.from_graph(graph(9))])
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * EXCLUDE ConditionalAccessPolicies REPLACE ('old' AS Id) "
            f"FROM '{fetched / 'SigninLogs.new.parquet'}') TO '{fetched / 'SigninLogs.old.parquet'}' (FORMAT parquet)"
        )
    said = "SigninLogs | project Id, empty = ConditionalAccessPolicies == '', null = isnull(ConditionalAccessPolicies)"
    for old in (True, False):
        with archive.open(TENANT, [], base=folder, cache=folder / "cache", fetched=fetched) as found:
            held = {row["Id"]: (row["empty"], row["null"]) for row in found.run(said).rows}
        assert held == {"old": (True, False)} | ({graph(9)["id"]: (False, False)} if old else {})
        (fetched / "SigninLogs.new.parquet").unlink(missing_ok=True)


def test_a_thousand_small_files_open_together(tmp_path: Path) -> None:
    for number in range(1_500):
        write(tmp_path / "in" / f"h={number}" / "PT1H.json", lines([envelope(number)]))
    told: list[str] = []
    with opened(tmp_path, progress=told.append) as found:
        assert count(found) == 1_500
    assert told == ["Reading 1500 of 1500 files, part 1 of 1."]
    assert list((tmp_path / "cache" / "spill").iterdir()) == []


# --- what the coverage says, in whole sentences ----------------------------------------------------


def test_a_table_that_no_file_holds_is_called_by_its_name(folder: Path) -> None:
    with opened(folder) as found:
        said = {one.what: one.reason for one in found.coverage if one.state == "absent"}
    assert said["non-interactive sign-ins"] == "No file given holds non-interactive sign-ins."


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        (1, "1 record is lost, and how many more it lost is unknown; it is named below."),
        (2, "2 records are lost, and how many more 2 of them lost is unknown; they are named below."),
    ],
)
def test_what_damaged_files_cost_is_a_sentence(folder: Path, damaged: int, said: str) -> None:
    for number in range(damaged):
        whole = gzip.compress(lines([envelope(10 * number + inside) for inside in range(9)]))
        write(folder / "in" / f"cut{number}.json.gz", whole[:-12])
    with opened(folder) as found:
        [reason] = [one.reason for one in found.coverage if one.what == "interactive sign-ins"]
    assert reason == f"{damaged} of {4 + damaged} files could not be used whole: {said}"
