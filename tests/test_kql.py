"""Texts of queries: literals, parameters, older schemas, links."""

import base64
import gzip
import re
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import unquote

import duckdb_kql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailauth import clouds, kql, reference
from mailauth.answers import Parameters
from mailauth.coverage import Window
from mailauth.verdicts import Thresholds

WINDOW = Window(datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
FULL = {table: dict(reference.columns(table)) for table in kql.TABLES}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Leeds", '"Leeds"'),
        ('a"b\\c', '"a\\"b\\\\c"'),
        ("Grüße 🖨", '"Grüße 🖨"'),
        (True, "true"),
        (3, "3"),
        (datetime(2026, 11, 1, 12, 30, tzinfo=timezone(timedelta(hours=1))), "datetime(2026-11-01T11:30:00.000000Z)"),
        (timedelta(days=1, hours=2, minutes=3, seconds=4), "timespan(1.02:03:04)"),
        (("a", 'b"'), 'dynamic(["a", "b\\""])'),
        ((), "dynamic([])"),
    ],
)
def test_a_literal_has_the_type_of_its_value(value: kql.Value, text: str) -> None:
    assert kql.literal(value) == text


@pytest.mark.parametrize("hostile", ['a";\nlet _right = dynamic([]);', "a\0b", "\x7f", "\x85"])
def test_a_control_character_never_enters_a_query(hostile: str) -> None:
    with pytest.raises(ValueError, match=f"text of {len(hostile)} characters holds a control character"):
        kql.literal(hostile)


def test_a_time_without_a_zone_has_no_literal() -> None:
    with pytest.raises(ValueError, match="time without a zone: 2026-11-01T00:00:00"):
        kql.literal(datetime(2026, 11, 1))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40), min_size=1, max_size=20))
def test_text_comes_back_from_an_engine_as_it_went_in(texts: list[str]) -> None:
    printed = ", ".join(f"t{number} = {kql.literal(text)}" for number, text in enumerate(texts))
    with duckdb_kql.connect() as engine:
        assert duckdb_kql.kql(engine, f"print {printed}").fetchall() == [tuple(texts)]


def test_each_file_says_its_question_and_its_columns() -> None:
    for name in kql.names():
        source = kql.source(name)
        assert re.match(rf"// {name}: [^\n]*\?\n", source), name
        assert "\n// Columns: " in source, name


def test_each_file_is_a_whole_query_that_only_its_parameters_change() -> None:
    for name in kql.names():
        text = kql.query(name, window=WINDOW, schema=FULL)
        source = kql.source(name)
        changed = [new for new, old in zip(text.splitlines(), source.splitlines(), strict=True) if new != old]
        assert {line.split(" = ")[0] for line in changed} <= {
            "let _start",
            "let _end",
            "let _recorded_from",
            "let _recorded_to",
        }


def test_record_time_is_looked_at_beyond_the_window() -> None:
    text = kql.query("coverage", window=WINDOW)
    assert "let _start = datetime(2026-10-24T00:00:00.000000Z);" in text
    assert "let _end = datetime(2026-11-23T00:00:00.000000Z);" in text
    assert "let _recorded_from = datetime(2026-10-23T23:00:00.000000Z);" in text
    assert "let _recorded_to = datetime(2026-11-25T00:00:00.000000Z);" in text


@pytest.mark.parametrize(
    ("tenant_id", "text"),
    [
        ("7C1D3B52-0f6e-4f6d-9a55-2f4f0f9f1a01", '"7c1d3b52-0f6e-4f6d-9a55-2f4f0f9f1a01"'),
        ("fabrikam.example", '""'),
        ("", '""'),
    ],
)
def test_only_an_id_tells_tenants_apart_and_every_table_is_asked_for_it(tenant_id: str, text: str) -> None:
    parameters = Parameters.standard(Thresholds.standard(), tenant_id=tenant_id)
    assert parameters.not_password
    for name in ("mail_signins", "adoption"):
        made = kql.query(name, window=WINDOW, schema=FULL, **parameters.of(name, WINDOW))
        assert f"let _tenant = {text};" in made
        tables = re.findall(r"^ +\(\w+Logs$", made, re.MULTILINE)
        assert made.count('| where _tenant == "" or AADTenantId in~ ("", _tenant)') == len(tables)


def test_values_enter_as_let_literals_only() -> None:
    text = kql.query("adoption", window=WINDOW, registered_apps=['x"]); print 1; //'])
    assert 'let _registered_apps = dynamic(["x\\"]); print 1; //"]);' in text
    assert text.count("print 1") == 1


def test_a_parameter_that_a_query_does_not_have_is_named() -> None:
    with pytest.raises(ValueError, match="query coverage has no parameter 'right'; there are end, recorded_from"):
        kql.query("coverage", window=WINDOW, right=["53003"])


def test_a_query_that_does_not_exist_is_named() -> None:
    with pytest.raises(
        LookupError, match="no query 'signins'; there are adoption, coverage, mail_signins, report_only"
    ):
        kql.query("signins", window=WINDOW)


def test_an_older_schema_gets_the_columns_that_it_lacks() -> None:
    older = {table: {name: kind for name, kind in FULL[table].items() if name != "AADTenantId"} for table in FULL}
    text = kql.query("coverage", window=WINDOW, schema=older)
    assert text.count('| extend AADTenantId = ""  // not in this table here') == 3


def test_what_would_lose_rows_when_empty_gets_a_stand_in() -> None:
    older = {"SigninLogs": {name: kind for name, kind in FULL["SigninLogs"].items() if name != "CreatedDateTime"}}
    assert "| extend CreatedDateTime = TimeGenerated" in kql.query("coverage", window=WINDOW, schema=older)


def test_a_missing_table_is_left_out_and_said_so() -> None:
    text = kql.query("adoption", window=WINDOW, schema={"SigninLogs": FULL["SigninLogs"]})
    assert "(SigninLogs\n" in text
    assert "// no table AADNonInteractiveUserSignInLogs here" in text
    assert not re.search(r"^ +\(AAD", text, re.MULTILINE)


def test_the_queries_keep_to_the_subset_that_engines_agree_on() -> None:
    for name in kql.names():
        code = re.sub(r"//.*", "", kql.source(name))
        if name == "report_only":  # Of a list in a record; test_answers and test_workspace hold the engines to it.
            code = code.replace("mv-expand policy = parse_json(said)", "")
        for word in (
            "dcount",
            "make_set",
            "make_list",
            "mv-expand",
            "parse_ipv6",
            "column_ifexists",
            "isempty",
            " has ",
        ):
            assert word not in code, (name, word)


def test_a_link_opens_the_query_in_the_portal_of_the_cloud() -> None:
    workspace = "/subscriptions/1/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/main"
    text = kql.query("coverage", window=WINDOW)
    link = kql.portal_link(clouds.built_in()["gcc-high"], text, tenant_id="fabrikam.example", workspace=workspace)
    root, packed = link.split("/q/")
    assert root.startswith(
        "https://portal.azure.us/#@fabrikam.example/blade/Microsoft_Azure_Monitoring_Logs/LogsBlade/"
    )
    assert "%2Fworkspaces%2Fmain/source/" in root
    assert gzip.decompress(base64.b64decode(unquote(packed))).decode() == text
    assert re.fullmatch(r"[A-Za-z0-9%.]+", packed)


def test_without_the_resource_id_a_link_opens_the_list_of_workspaces() -> None:
    link = kql.portal_link(clouds.built_in()["public"], "print 1", tenant_id="a/b")
    assert link == (
        "https://portal.azure.com/#@a%2Fb/blade/HubsExtension/BrowseResource/resourceType/"
        "Microsoft.OperationalInsights%2Fworkspaces"
    )
