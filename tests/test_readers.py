"""Every export reads to the same rows; what cannot be read is counted and named, and takes nothing else with it."""

import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mailauth.services import archive, exports
from mailauth.services.readers import Reading
from tests.exported import (
    OTHER,
    POLICIES,
    PORTAL_HEADER,
    STEPS,
    TENANT,
    compact,
    envelope,
    graph,
    lines,
    portal_row,
    sheet,
    table_row,
    table_sheet,
    write,
)

Rows = list[dict[str, Any]]


@contextmanager
def opened(folder: Path, *patterns: str, tenant: str = TENANT) -> Iterator[archive.Archive]:
    with archive.open(tenant, patterns or ("in",), base=folder, cache=folder / "cache") as found:
        yield found


def rows(found: archive.Archive, table: str = "SigninLogs") -> Rows:
    return sorted(found.run(table).rows, key=lambda row: str(row["Id"]))


def reading(found: archive.Archive, name: str) -> Reading:
    (one,) = [one for one in found.readings if Path(one.path).name == name]
    return one


def reasons(found: archive.Archive) -> str:
    return "\n".join(f"{one.what}: {one.reason}" for one in found.coverage)


# --- one sign-in, many exports --------------------------------------------------------------------

WHOLE: dict[str, Callable[[], bytes]] = {
    "diagnostic lines": lambda: lines([envelope()]),
    "diagnostic lines after a byte order mark": lambda: b"\xef\xbb\xbf" + lines([envelope()]),
    "diagnostic records of an event hub": lambda: compact({"records": [envelope()]}).encode(),
    "printed diagnostic records": lambda: json.dumps([envelope()], indent=2).encode(),
    "diagnostic lines in UTF-16": lambda: lines([envelope()]).decode().encode("utf-16"),
    "properties as text": lambda: lines([envelope() | {"properties": compact(graph())}]),
    "forwarded in lower case": lambda: lines([{key.lower(): value for key, value in envelope().items()}]),
    "Log Analytics CSV": lambda: table_sheet([table_row()]),
    "Log Analytics CSV in UTF-16 LE": lambda: b"\xff\xfe" + table_sheet([table_row()], "utf-16-le"),
    "Log Analytics CSV in UTF-16 BE": lambda: b"\xfe\xff" + table_sheet([table_row()], "utf-16-be"),
    "Log Analytics CSV with semicolons": lambda: semicolons(table_row()),
    "Log Analytics rows as JSON": lambda: compact([iso(table_row())]).encode(),
    "Log Analytics data export": lambda: lines([iso(table_row())]),
    "an answer of the Log Analytics API": lambda: answer(iso(table_row())),
    "Python literals": lambda: table_sheet([table_row(AuthenticationDetails=str(STEPS))]),
}

BARE: dict[str, Callable[[], bytes]] = {
    "Graph page": lambda: compact({"@odata.context": "https://graph.example/$metadata", "value": [graph()]}).encode(),
    "Graph page with a next link": lambda: compact(
        {"value": [graph()], "@odata.nextLink": "https://g.example"}
    ).encode(),
    "Graph pages in lines": lambda: lines([{"value": [graph()]}]),
    "portal JSON": lambda: json.dumps([graph()], indent=1).encode(),
    "one printed object": lambda: json.dumps(graph(), indent=2).encode(),
    "Graph lines": lambda: lines([graph()]),
}


def semicolons(row: dict[str, str]) -> bytes:
    quoted = ['"' + value.replace('"', '""') + '"' for value in row.values()]
    return "\r\n".join([";".join(row), ";".join(quoted)]).encode()


def answer(row: dict[str, Any]) -> bytes:
    columns = [{"name": name, "type": "string"} for name in row]
    return json.dumps(
        {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": [list(row.values())]}]}
    ).encode()


def iso(row: dict[str, Any]) -> dict[str, Any]:
    told = {name.removesuffix(" [UTC]"): value for name, value in row.items()}
    return told | {"TimeGenerated": "2026-06-15T12:45:00Z", "CreatedDateTime": "2026-06-15T12:40:24.178Z"}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("expected")
    write(folder / "in" / "PT1H.json", lines([envelope()]))
    with opened(folder) as found:
        (row,) = rows(found)
    return row


def test_a_diagnostic_record_fills_every_column(expected: dict[str, Any]) -> None:
    assert expected == {
        "TimeGenerated": datetime(2026, 6, 15, 12, 45, tzinfo=UTC),
        "CreatedDateTime": datetime(2026, 6, 15, 12, 40, 24, 178_000, tzinfo=UTC),
        "Id": "00000000-0000-4000-8000-000000000001",
        "CorrelationId": "44444444-4444-4444-4444-444444444444",
        "AADTenantId": TENANT,
        "UserId": "33333333-3333-3333-3333-333333333333",
        "UserPrincipalName": "scanner@contoso.example",
        "UserDisplayName": "Scanner, Leeds",
        "UserType": "member",
        "CrossTenantAccessType": "none",
        "HomeTenantId": TENANT,
        "ResourceTenantId": TENANT,
        "AppId": "00000002-0000-0ff1-ce00-000000000000",
        "AppDisplayName": "Office 365 Exchange Online",
        "ResourceDisplayName": "Office 365 Exchange Online",
        "ResourceIdentity": "00000002-0000-0ff1-ce00-000000000000",
        "ClientAppUsed": "Authenticated SMTP",
        "AuthenticationProtocol": "ropc",
        "IncomingTokenType": "none",
        "AuthenticationRequirement": "singleFactorAuthentication",
        "AuthenticationDetails": compact(STEPS),
        "AuthenticationProcessingDetails": '[{"key":"Legacy TLS (TLS 1.0, 1.1, 3DES)","value":"False"}]',
        "ResultType": "0",
        "ResultDescription": "Other.",
        "ConditionalAccessStatus": "notApplied",
        "ConditionalAccessPolicies": compact([{name: POLICIES[1][name] for name in ("id", "displayName", "result")}]),
        "RiskLevelDuringSignIn": "none",
        "IPAddress": "203.0.113.10",
        "AutonomousSystemNumber": "64500",
        "Location": "GB",
        "UserAgent": "BAV2ROPC",
        "IsInteractive": True,
    }


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("export", WHOLE)
def test_one_sign_in_reads_the_same_from_every_export(
    export: str, packed: bool, tmp_path: Path, expected: dict[str, Any]
) -> None:
    write(tmp_path / "in" / "anything.dat", WHOLE[export](), packed=packed)
    with opened(tmp_path) as found:
        assert rows(found) == [expected]
        assert not reading(found, "anything.dat").trouble


@pytest.mark.parametrize("export", BARE)
def test_a_bare_graph_record_reads_the_same_without_tenant_and_record_time(
    export: str, tmp_path: Path, expected: dict[str, Any]
) -> None:
    write(tmp_path / "in" / "anything.dat", BARE[export]())
    with opened(tmp_path) as found:
        assert rows(found) == [expected | {"AADTenantId": "", "TimeGenerated": expected["CreatedDateTime"]}]
        assert not reading(found, "anything.dat").trouble


@pytest.mark.parametrize("shape", ["sign-ins", "columns"])
def test_parquet_reads_the_same(shape: str, tmp_path: Path, expected: dict[str, Any]) -> None:
    source = write(tmp_path / "rows.json", lines([graph() if shape == "sign-ins" else iso(table_row())]))
    (tmp_path / "in").mkdir()
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (FROM read_json_auto('{source}')) TO '{tmp_path / 'in' / 'x.parquet'}' (FORMAT parquet)"
        )
    bare = {"AADTenantId": "", "TimeGenerated": expected["CreatedDateTime"]} if shape == "sign-ins" else {}
    with opened(tmp_path) as found:
        (row,) = rows(found)
    assert {name: row[name] for name in row if name != "AuthenticationProcessingDetails"} == {
        name: value for name, value in (expected | bare).items() if name != "AuthenticationProcessingDetails"
    }


def test_the_careful_way_and_the_fast_way_agree_on_odd_values(tmp_path: Path) -> None:
    odd: list[dict[str, Any]] = [
        {"status": {"errorCode": 53003, "failureReason": "Blocked"}},
        {"authenticationDetails": []},
        {"authenticationDetails": None, "userAgent": None},
        {"userAgent": "x" * 5_000, "isInteractive": None},
        {"userAgent": '=HYPERLINK("x")<script>\u0000', "userPrincipalName": "a\u0000b@contoso.example"},
        {"location": None, "ipAddress": ""},
        {"autonomousSystemNumber": None, "userDisplayName": "Žofie 😀"},
        {"createdDateTime": "2026-06-15T14:40:24.1234567+02:00"},
        {"appliedConditionalAccessPolicies": []},
        {"appliedConditionalAccessPolicies": None},
        {"appliedConditionalAccessPolicies": "reportOnly, nobody knows of whom"},
        {"appliedConditionalAccessPolicies": {"result": "reportOnlyFailure"}},
        {"appliedConditionalAccessPolicies": [7, "reportOnlyFailure", {"id": 7, "result": "reportOnlyFailure"}]},
        {"appliedConditionalAccessPolicies": [{"id": {"a": 1}, "result": "reportOnlyFailure"}, {"result": None}]},
        {
            "appliedConditionalAccessPolicies": [{"displayName": "x" * 999 + "\n", "result": "reportOnlyFailure" * 9}]
            * 99
        },
        {"appliedConditionalAccessPolicies": [{"displayName": 'a\u0000b/\\"é😀', "result": "reportOnlySuccess"}]},
        {"appliedConditionalAccessPolicies": POLICIES, "clientAppUsed": " Browser "},
    ]
    records = [envelope(number, **one) for number, one in enumerate(odd)]
    records += [envelope(50) | {"resultType": "Success"}, envelope(51) | {"resultType": "Failure"}]
    write(tmp_path / "a" / "in" / "x", lines(records))
    write(tmp_path / "b" / "in" / "x", compact(records).encode())
    with opened(tmp_path / "a") as fast, opened(tmp_path / "b") as careful:
        assert reading(fast, "x").shape == "diagnostic"
        assert reading(careful, "x").shape == "document"
        assert rows(fast) == rows(careful)
        assert len(rows(fast)) == len(records)


@pytest.mark.parametrize(
    ("outer", "inner", "result"),
    [
        pytest.param("0", {"errorCode": 0}, "0", id="both"),
        pytest.param("Failure", {"errorCode": 50126}, "50126", id="a word outside"),
        pytest.param("Success", {"errorCode": 0}, "0", id="a good word outside"),
        pytest.param("Success", None, "0", id="nothing inside"),
        pytest.param("50053", None, "50053", id="only outside"),
        pytest.param("Failure", None, "Failure", id="a failure that nobody explains"),
    ],
)
def test_the_result_is_a_code_wherever_it_stands(
    outer: str, inner: dict[str, Any] | None, result: str, tmp_path: Path
) -> None:
    write(tmp_path / "in" / "x", lines([envelope(status=inner) | {"resultType": outer}]))
    with opened(tmp_path) as found:
        assert [row["ResultType"] for row in rows(found)] == [result]


def test_categories_become_tables_and_others_are_not_counted(tmp_path: Path) -> None:
    app = {"servicePrincipalId": "s", "servicePrincipalName": "Mail Relay"}
    records = [
        envelope(1),
        envelope(2, category="NonInteractiveUserSignInLogs", isInteractive=False),
        envelope(3, category="ServicePrincipalSignInLogs", **app),
        envelope(4, category="AuditLogs"),
        envelope(5, category="ManagedIdentitySignInLogs"),
    ]
    write(tmp_path / "in" / "PT1H.json", lines(records))
    with opened(tmp_path) as found:
        assert [row["IsInteractive"] for row in rows(found)] == [True]
        assert [row["IsInteractive"] for row in rows(found, "AADNonInteractiveUserSignInLogs")] == [False]
        assert [row["ServicePrincipalName"] for row in rows(found, "AADServicePrincipalSignInLogs")] == ["Mail Relay"]
        one = reading(found, "PT1H.json")
    assert (one.rows, one.lost, sum(one.elsewhere.values())) == (3, 0, 2)


def test_a_record_without_an_id_still_counts_once(tmp_path: Path) -> None:
    nameless = {key: value for key, value in envelope().items() if key != "properties"}
    inner = {key: value for key, value in graph().items() if key != "id"}
    write(tmp_path / "in" / "x", lines([{**nameless, "properties": inner}] * 2 + [envelope(2)]))
    with opened(tmp_path) as found:
        assert len({row["Id"] for row in rows(found)}) == 2
        assert len(rows(found)) == 3
        assert "" not in {row["Id"] for row in rows(found)}


def test_service_rows_without_a_tenant_take_it_from_the_resource(tmp_path: Path) -> None:
    row = table_row(AADTenantId="", ResourceId=f"/tenants/{OTHER.upper()}/providers/Microsoft.aadiam")
    write(tmp_path / "in" / "x.csv", table_sheet([row]))
    with opened(tmp_path, tenant="contoso.example") as found:
        assert [row["AADTenantId"] for row in rows(found)] == [OTHER]


# --- CSV ------------------------------------------------------------------------------------------


def test_a_pair_of_columns_that_a_union_made_gives_the_filled_one(tmp_path: Path) -> None:
    row = table_row(ResultType="", Location="")
    for name in ("Status", "LocationDetails"):
        row |= {f"{name}_dynamic": "", f"{name}_string": row.pop(name)}
    row["Status_string"] = "{'errorCode': 50126, 'failureReason': 'Bad'}"
    write(tmp_path / "in" / "x.csv", table_sheet([row]))
    with opened(tmp_path) as found:
        assert [(one["ResultType"], one["Location"]) for one in rows(found)] == [("50126", "GB")]


@pytest.mark.parametrize(
    ("written", "day", "doubt"),
    [
        pytest.param(["6/15/2026, 12:40:24.178 PM"], (6, 15), "", id="American"),
        pytest.param(["6/5/2026, 12:40:24.178 PM"], (6, 5), "", id="American, ambiguous"),
        pytest.param(["15/06/2026, 12:40:24.178"], (6, 15), "", id="British"),
        pytest.param(
            ["05/06/2026, 12:40:24.178", "15/06/2026, 12:40:24.178"], (6, 5), "", id="British, by its neighbour"
        ),
        pytest.param(["5.6.2026, 12:40:24,178"], (6, 5), "", id="German"),
        pytest.param(["6/15/2026 12:40"], (6, 15), "", id="saved by Excel"),
        pytest.param(["2026-06-15 12:40:24.178"], (6, 15), "", id="ISO without a zone"),
        pytest.param(["05/06/2026, 12:40:24.178"], (6, 5), "cannot be told apart", id="nobody can know"),
    ],
)
def test_dates_are_read_in_the_order_that_the_file_shows(
    written: list[str], day: tuple[int, int], doubt: str, tmp_path: Path
) -> None:
    table = [
        table_row(n, **{"CreatedDateTime [UTC]": one, "TimeGenerated [UTC]": one}) for n, one in enumerate(written)
    ]
    write(tmp_path / "in" / "x.csv", table_sheet(table))
    with opened(tmp_path) as found:
        first = rows(found)[0]["CreatedDateTime"]
        assert (first.month, first.day, first.hour, first.minute) == (*day, 12, 40)
        assert (doubt in reasons(found)) if doubt else not reading(found, "x.csv").notes


def test_a_row_without_times_takes_the_first_step_and_says_so(tmp_path: Path) -> None:
    row = {name: value for name, value in table_row().items() if "[UTC]" not in name}
    write(tmp_path / "in" / "x.csv", table_sheet([row, row | {"AuthenticationDetails": "[]"}]))
    with opened(tmp_path) as found:
        assert [one["CreatedDateTime"] for one in rows(found)] == [datetime(2026, 6, 15, 12, 40, 24, tzinfo=UTC)]
        assert "1 record: no time column: the time of the first step was taken." in reasons(found)
        assert reading(found, "x.csv").lost == 1


def test_local_times_are_doubted_aloud(tmp_path: Path) -> None:
    row = {name.replace("[UTC]", "[Local Time]"): value for name, value in table_row().items()}
    write(tmp_path / "in" / "x.csv", table_sheet([row]))
    with opened(tmp_path) as found:
        assert "local time zone" in reasons(found)


def test_portal_rows_are_joined_with_their_steps(tmp_path: Path, expected: dict[str, Any]) -> None:
    header = (
        "Date (UTC),Request ID,Authentication method,Authentication method detail,Succeeded,Result detail,Requirement"
    )
    steps = [
        ["2026-06-15T12:40:26Z", graph(1)["id"], "X.509 Certificate", "", "TRUE", "", ""],
        ["2026-06-15T12:40:24Z", graph(1)["id"], "Password", "Password in the cloud", "true", "Correct password", ""],
    ]
    write(tmp_path / "in" / "one.csv", sheet(PORTAL_HEADER, [portal_row(1), portal_row(2)]))
    write(tmp_path / "in" / "two.csv", sheet(header.split(","), steps))
    with opened(tmp_path) as found:
        first, second = rows(found)
        assert "1 record: no AuthDetails file tells how they signed in." in reasons(found)
    told = json.loads(first["AuthenticationDetails"])
    assert [step["authenticationMethod"] for step in told] == ["Password", "X.509 Certificate"]
    assert told[0] == STEPS[0]
    created = datetime(2026, 6, 15, 12, 40, 24, tzinfo=UTC)
    same = {"AuthenticationDetails": "", "AuthenticationProcessingDetails": "", "RiskLevelDuringSignIn": ""}
    assert second == expected | same | {
        "ConditionalAccessPolicies": "",
        "Id": graph(2)["id"],
        "AADTenantId": "",
        "CreatedDateTime": created,
        "TimeGenerated": created,
    }


def test_steps_that_come_later_are_joined_at_the_next_opening(tmp_path: Path) -> None:
    write(tmp_path / "in" / "one.csv", sheet(PORTAL_HEADER, [portal_row(1)]))
    with opened(tmp_path) as found:
        assert rows(found)[0]["AuthenticationDetails"] == ""
    header = ["Date (UTC)", "Request ID", "Authentication method", "Succeeded"]
    write(tmp_path / "in" / "two.csv", sheet(header, [["2026-06-15T12:40:26Z", graph(1)["id"], "Password", "true"]]))
    with opened(tmp_path) as found:
        assert "Password" in rows(found)[0]["AuthenticationDetails"]
        assert len(rows(found)) == 1


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        pytest.param({"Status": "Failure", "Sign-in error code": "50126"}, "50126", id="failure"),
        pytest.param({"Status": "Success", "Sign-in error code": ""}, "0", id="success without a code"),
        pytest.param({"Status": "Failure", "Sign-in error code": "0"}, "Failure", id="a code that denies its status"),
        pytest.param({"Status": "Interrupted", "Sign-in error code": "50140"}, "50140", id="interrupted"),
    ],
)
def test_portal_results_are_codes(changes: dict[str, str], result: str, tmp_path: Path) -> None:
    write(tmp_path / "in" / "x.csv", sheet(PORTAL_HEADER, [portal_row(1, **changes)]))
    with opened(tmp_path) as found:
        assert [row["ResultType"] for row in rows(found)] == [result]


def test_the_portal_files_that_share_a_header_are_told_apart_by_name(tmp_path: Path) -> None:
    write(tmp_path / "in" / "NonInteractiveSignIns_2026-06-15.csv", sheet(PORTAL_HEADER, [portal_row(1)]))
    with opened(tmp_path) as found:
        assert [row["IsInteractive"] for row in rows(found, "AADNonInteractiveUserSignInLogs")] == [False]
        assert rows(found) == []


def test_a_broken_row_loses_only_itself(tmp_path: Path) -> None:
    content = table_sheet([table_row(1), table_row(2), table_row(3)]).split(b"\r\n")
    content[2] = content[2][: len(content[2]) // 3]
    write(tmp_path / "in" / "x.csv", b"\r\n".join(content))
    with opened(tmp_path) as found:
        one = reading(found, "x.csv")
        assert [row["Id"] for row in rows(found)] == [graph(1)["id"], graph(3)["id"]]
    assert one.lost == 1
    assert "columns" in one.trouble


# --- what is wrong is named -----------------------------------------------------------------------


def test_one_truncated_gzip_among_a_thousand_good_files_loses_only_its_own_end(tmp_path: Path) -> None:
    for number in range(1_000):
        folder = (
            tmp_path / "in" / f"tenantId={TENANT}" / "y=2026" / "m=06" / f"d={number % 30}" / f"h={number}" / "m=00"
        )
        write(folder / "PT1H.json", lines([envelope(number)]), packed=True)
    whole = gzip.compress(lines(envelope(5_000 + number, userAgent=os.urandom(40).hex()) for number in range(200)))
    write(tmp_path / "in" / "cut.json.gz", whole[: len(whole) // 2])
    with opened(tmp_path, "in/**/PT1H.json", "in/*.gz") as found:
        ids = {str(row["Id"]) for row in rows(found)}
        one = reading(found, "cut.json.gz")
        said = reasons(found)
    assert {graph(number)["id"] for number in range(1_000)} <= ids
    assert 0 < one.rows < 200
    assert one.cut
    assert "in/cut.json.gz: The gzip file is truncated" in said.replace("\\", "/")
    assert f"{one.rows} records of it are used; how many are lost is unknown" in said


def test_broken_lines_are_counted_and_the_others_used(tmp_path: Path) -> None:
    records = [lines([envelope(number)]) for number in range(300)]
    records[10] = b'{"category":"SignInLogs","properties":{"id":\r\n'
    records[20] = b"\r\n"
    records[200] = b"no json at all\r\n"
    records[-1] = records[-1][:100]
    write(tmp_path / "in" / "PT1H.json", b"".join(records))
    write(tmp_path / "in" / "good.json", lines([envelope(1_000)]))
    with opened(tmp_path) as found:
        one = reading(found, "PT1H.json")
        assert len(rows(found)) == 297
        assert "file PT1H.json" in reasons(found) or "file in" in reasons(found)
        assert "296 records of it are used, 3 are lost" in reasons(found)
        assert {state.state for state in found.coverage if state.what == "interactive sign-ins"} == {"partial"}
    assert (one.rows, one.lost, one.cut) == (296, 3, False)


def test_lines_that_only_the_engine_cannot_read_are_saved(tmp_path: Path) -> None:
    surrogate = compact(envelope(1, userAgent="HALF")).replace("HALF", "\\ud800 half a pair").encode()
    latin = compact(envelope(2, userAgent="HALF")).encode().replace(b"HALF", b"caf\xe9")
    joined = compact(envelope(3)).encode() + compact(envelope(4)).encode()
    unzoned = lines([envelope(5) | {"time": "2026-06-15 12:45:00.123"}]).strip()
    write(tmp_path / "in" / "x", b"\r\n".join([surrogate, latin, joined, unzoned, b""]))
    with opened(tmp_path) as found:
        assert reading(found, "x").lost == 0
        assert [str(row["Id"])[-1] for row in rows(found)] == ["1", "2", "3", "4", "5"]
        assert [row["UserAgent"] for row in rows(found)][:2] == ["? half a pair", "caf\ufffd"]


def test_hostile_values_break_nothing(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    twice = compact(envelope(3)).replace('"userAgent":', '"userAgent":"first","userAgent":')
    content = [
        compact(envelope(1, userAgent="U" * 5_000_000)),
        compact(envelope(2)).replace('"userAgent":"BAV2ROPC"', f'"userAgent":{deep}'),
        twice,
        compact(envelope(4, userDisplayName="=cmd|' /C calc'!A0", appDisplayName="<script>alert(1)</script>")),
        compact(envelope(5, authenticationDetails=[*STEPS * 200, {"authenticationMethod": "X.509 Certificate"}])),
    ]
    write(tmp_path / "in" / "x", "\r\n".join(content).encode())
    with opened(tmp_path) as found:
        told = rows(found)
        one = reading(found, "x")
    assert one.rows + one.lost == 5
    assert len(told[0]["UserAgent"]) == 2_000
    assert told[-2]["AppDisplayName"] == "<script>alert(1)</script>"
    assert len(told[-1]["AuthenticationDetails"]) <= 16_000
    assert "X.509 Certificate" in told[-1]["AuthenticationDetails"]


def test_a_line_longer_than_the_engine_takes_is_read_with_care(tmp_path: Path) -> None:
    long = compact(envelope(1, userAgent="U" * 40_000_000))
    write(tmp_path / "in" / "x", "\r\n".join([long, compact(envelope(2))]).encode())
    with opened(tmp_path) as found:
        assert [len(str(row["UserAgent"])) for row in rows(found)] == [2_000, 8]


def test_a_page_cut_in_the_middle_keeps_what_came_before(tmp_path: Path) -> None:
    page = compact({"value": [graph(number) for number in range(100)]})
    write(tmp_path / "in" / "cut.json", page[: len(page) // 2].encode())
    whole = compact([graph(number) for number in range(100, 110)])
    write(tmp_path / "in" / "ends.json", whole[:-1].encode())
    with opened(tmp_path) as found:
        cut, ends = reading(found, "cut.json"), reading(found, "ends.json")
    assert 40 < cut.rows < 60
    assert (cut.cut, cut.lost) == (True, 1)
    assert "ends in the middle" in cut.trouble
    assert (ends.rows, ends.cut) == (10, True)


def test_a_broken_record_inside_a_page_loses_only_itself(tmp_path: Path) -> None:
    parts = [compact(graph(number)) for number in range(50)]
    parts[20] = parts[20].replace('"status":', '"status";')
    write(tmp_path / "in" / "x.json", ('{"value":[' + ",".join(parts) + "]}").encode())
    with opened(tmp_path) as found:
        one = reading(found, "x.json")
    assert (one.rows, one.lost) == (49, 1)


UNUSABLE = {
    "empty": (b"", "the file is empty"),
    "blank": (b" \r\n\t\r\n", "nothing but blanks"),
    "binary": (bytes(range(256)) * 20, "binary data"),
    "zip": (b"PK\x03\x04" + b"\0" * 100, "zip or Excel"),
    "prose": (b"Dear all,\nplease find attached.\n", "plain text"),
    "another table": (b"Name,City\nAda,Leeds\n", "begins with Name, City"),
    "empty gzip": (gzip.compress(b""), "the file is empty"),
    "half a gzip header": (gzip.compress(b"x" * 50)[:5], "truncated"),
    "not Parquet inside": (b"PAR1" + b"\0" * 50, "cannot be read"),
    "other JSON": (b'{"a": 1}\n{"a": 2}\n', "no sign-in"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_file_that_is_no_export_is_named_with_the_reason(what: str, tmp_path: Path) -> None:
    content, reason = UNUSABLE[what]
    write(tmp_path / "in" / "bad.json", content)
    write(tmp_path / "in" / "good.json", lines([envelope()]))
    with opened(tmp_path) as found:
        assert len(rows(found)) == 1
        assert reason in reading(found, "bad.json").trouble
        (named,) = [one for one in found.coverage if one.what.endswith("bad.json")]
    assert reason.lower() in named.reason.lower()


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this user may read every file")
def test_a_file_without_permission_is_named(tmp_path: Path) -> None:
    write(tmp_path / "in" / "bad.json", lines([envelope()])).chmod(0)
    with opened(tmp_path) as found:
        assert "no permission" in reading(found, "bad.json").trouble


def test_a_file_that_vanishes_while_others_are_read_is_named(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path / "in" / f"{number}.json", lines([envelope(number)]))

    def vanish(line: str) -> None:
        (tmp_path / "in" / "3.json").unlink(missing_ok=True)

    with archive.open(TENANT, ["in"], base=tmp_path, cache=tmp_path / "cache", progress=vanish) as found:
        assert len(rows(found)) == 4
        assert "went away" in reading(found, "3.json").trouble


# --- finding --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        pytest.param("*.json", ["a.json"], id="one folder"),
        pytest.param("**/*.json", ["a.json", "b.json", "c[1].json"], id="every folder"),
        pytest.param(".", ["a.json", "b.json", "c[1].json", "d.csv"], id="a folder whole"),
        pytest.param("x/c[1].json", ["c[1].json"], id="a name like a pattern"),
        pytest.param("x/*", ["b.json", "c[1].json", "d.csv"], id="folders that a pattern meets"),
    ],
)
def test_patterns_name_files(pattern: str, names: list[str], tmp_path: Path) -> None:
    for name in ("a.json", "x/y/b.json", "x/c[1].json", "x/d.csv", ".hidden/e.json", ".f.json"):
        write(tmp_path / name, b"{}")
    found = exports.find([pattern], tmp_path)
    assert sorted(path.name for path, _ in found.files) == names
    absolute = exports.find([str(tmp_path / pattern)], Path("/nowhere"))
    assert [path for path, _ in absolute.files] == [path for path, _ in found.files]


def test_a_base_named_like_a_pattern_is_taken_as_it_stands(tmp_path: Path) -> None:
    write(tmp_path / "cases [2026]" / "a.json", b"{}")
    assert len(exports.find(["*.json"], tmp_path / "cases [2026]").files) == 1


def test_a_file_met_twice_counts_once_and_a_loop_ends(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.json", lines([envelope()]))
    try:
        (tmp_path / "in" / "again.json").symlink_to(tmp_path / "in" / "a.json")
        (tmp_path / "in" / "loop").symlink_to(tmp_path / "in", target_is_directory=True)
    except OSError:
        pytest.skip("links need a privilege here")
    with opened(tmp_path, "in", "in/*.json") as found:
        assert len(rows(found)) == 1


def test_a_pattern_that_meets_nothing_is_named(tmp_path: Path) -> None:
    with opened(tmp_path, "exports/*.json") as found:
        assert rows(found) == []
        assert "files asked for: exports/*.json: no such file." in reasons(found)
        assert {one.state for one in found.coverage} == {"absent"}


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    try:
        (tmp_path / "a.json").symlink_to(tmp_path / "gone.json")
    except OSError:
        pytest.skip("links need a privilege here")
    assert exports.find(["a.json"], tmp_path).troubles == ("a.json: the file went away before it was read",)
