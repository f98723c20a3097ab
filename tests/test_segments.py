"""services/segments: rows in the shared columns, files that are whole and private."""

import json
import os
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauth.services import segments

WHEN = datetime(2026, 11, 20, 1, 2, 3, 123456, tzinfo=UTC)


def read(path: Path) -> list[dict[str, Any]]:
    with segments.connect() as engine:
        found = engine.execute("SELECT * FROM read_parquet($path)", {"path": str(path)})
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("table", list(segments.TABLES))
def test_a_row_has_every_column_of_its_table_in_order(table: str) -> None:
    row = segments.from_graph({"createdDateTime": "2026-11-20T01:02:03.1234567Z"}, table=table)
    assert list(row) == list(segments.TABLES[table])
    assert row["TimeGenerated"] == row["CreatedDateTime"] == WHEN
    assert {value for name, value in row.items() if segments.TABLES[table][name] == "VARCHAR"} == {""}


def test_nested_properties_find_their_columns() -> None:
    row = segments.from_graph(
        {
            "createdDateTime": "2026-11-20T01:02:03Z",
            "status": {"errorCode": 50126, "failureReason": "wrong"},
            "location": {"countryOrRegion": "GB"},
            "autonomousSystemNumber": 64500,
            "isInteractive": False,
        },
        tenant_id="t-1",
        generated=WHEN,
    )
    assert (row["ResultType"], row["ResultDescription"], row["Location"]) == ("50126", "wrong", "GB")
    assert (row["AutonomousSystemNumber"], row["AADTenantId"], row["IsInteractive"]) == ("64500", "t-1", False)
    assert row["TimeGenerated"] == WHEN


@pytest.mark.parametrize("sent", [None, "", "yesterday", 5, {}])
def test_a_record_without_a_readable_time_belongs_to_no_day(sent: object) -> None:
    with pytest.raises(ValueError, match=r"^createdDateTime: found .*; expected an ISO 8601 time$"):
        segments.from_graph({"createdDateTime": sent})


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("2023-07-26 22:58:30.983201900", datetime(2023, 7, 26, 22, 58, 30, 983201, tzinfo=UTC)),
        ("2026-11-20T03:02:03+02:00", datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)),
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_come_back_in_utc(sent: object, meant: datetime) -> None:
    assert segments.moment(sent) == meant


@pytest.mark.parametrize(("sent", "kept"), [(None, ""), ("", ""), ([], "[]"), ("[]", "[]"), ([{"a": 1}], '[{"a":1}]')])
def test_no_steps_and_an_empty_list_of_steps_stay_apart(sent: object, kept: str) -> None:
    assert segments.steps_text(sent) == kept


def test_a_certificate_survives_the_cut_of_a_long_list() -> None:
    steps = [{"authenticationMethod": "Password", "pad": "x" * 1000}] * 50
    kept = segments.steps_text([*steps, {"authenticationMethod": "X.509 Certificate"}])
    assert len(kept) <= segments.DETAILS_LIMIT
    assert json.loads(kept)[0] == {"authenticationMethod": "X.509 Certificate"}


def test_a_user_agent_of_five_megabytes_is_cut() -> None:
    row = segments.from_graph({"createdDateTime": "2026-11-20T01:02:03Z", "userAgent": "a" * 5_000_000})
    assert row["UserAgent"] == "a" * segments.TEXT_LIMIT


def test_a_segment_is_whole_private_and_typed(tmp_path: Path) -> None:
    path = tmp_path / "it's here" / "SigninLogs.x.parquet"
    row = segments.from_graph({"createdDateTime": "2026-11-20T01:02:03.123456Z", "id": "a", "userAgent": "=cmd()"})
    assert segments.write(path, "SigninLogs", [row] * 4500) == 4500
    held = read(path)
    assert len(held) == 4500
    assert (held[0]["Id"], held[0]["UserAgent"], held[0]["CreatedDateTime"]) == ("a", "=cmd()", WHEN)
    assert segments.found(path.parent)["SigninLogs"] == (path,)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_write_that_fails_leaves_the_old_segment_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "SigninLogs.x.parquet"
    segments.write(path, "SigninLogs", [{"CreatedDateTime": WHEN, "Id": "old"}])
    with pytest.raises(ValueError, match="neither CreatedDateTime nor TimeGenerated"):
        segments.write(path, "SigninLogs", [{"Id": "new"}])
    with pytest.raises(Exception, match="soon"):
        segments.write(path, "SigninLogs", [{"CreatedDateTime": "soon", "Id": "new"}])
    assert [row["Id"] for row in read(path)] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_row_lacks_is_empty_and_never_null(tmp_path: Path) -> None:
    path = tmp_path / "AADServicePrincipalSignInLogs.x.parquet"
    segments.write(path, "AADServicePrincipalSignInLogs", [{"TimeGenerated": WHEN, "AppId": None}])
    (row,) = read(path)
    assert row["CreatedDateTime"] == row["TimeGenerated"] == WHEN
    assert {value for value in row.values() if isinstance(value, str)} == {""}
    assert None not in row.values()


def test_an_empty_segment_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "SigninLogs.x.parquet"
    assert segments.write(path, "SigninLogs", []) == 0
    assert read(path) == []


@given(st.text(st.characters(exclude_categories=()), max_size=80))
def test_any_text_can_be_held_by_a_file(sent: str) -> None:
    kept = segments.text(sent)
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert "\0" not in kept


@given(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.lists(st.text(), max_size=3), st.dictionaries(st.text(), st.text())
    )
)
def test_any_value_has_a_text(sent: object) -> None:
    assert isinstance(segments.text(sent), str)
    assert isinstance(segments.steps_text(sent), str)
