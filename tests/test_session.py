"""A tenant, opened: what can be said of it before anything is asked, and what a source that fails becomes."""

import re
from pathlib import Path

import psutil
import pytest

from mailauth import session, tenants
from mailauth.errors import ConfigurationError
from mailauth.session import Run
from tests.exported import envelope, lines, write

TENANT = "{name: woodgrove, tenant_id: 11111111-1111-1111-1111-111111111111"


def run(folder: Path, more: str = "") -> Run:
    path = folder / "tenants.yaml"
    path.write_text(f"tenants:\n  - {TENANT}{more}}}\n", encoding="utf-8")
    configuration = tenants.load(path)
    return Run(configuration, configuration.tenant("woodgrove"), folder / "reports" / "woodgrove", tell=lambda _: None)


def test_an_unknown_tenant_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"tenant: found 'cantoso'.*contoso"):
        session.open("cantoso")


def test_a_place_that_takes_no_file_is_refused_when_the_tenant_is_opened(tmp_path: Path) -> None:
    run(tmp_path)
    (tmp_path / "out").write_text("mine", encoding="utf-8")
    out = str(tmp_path / "out")
    complaint = rf"out: found '{re.escape(out)}'; expected a folder that can be written: .* Set out to another folder"
    with pytest.raises(ConfigurationError, match=complaint):
        session.open("woodgrove", config=str(tmp_path / "tenants.yaml"), out=out)
    assert (tmp_path / "out").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize("days", [-1, 3_651, 99_999_999])
def test_days_out_of_range_are_refused_before_anything_is_asked(tmp_path: Path, days: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"days: found {days}; expected 0 to 3650"):
        run(tmp_path).find(days=days)


def test_a_tenant_without_a_source_is_not_configured_and_its_state_cannot_be_known(tmp_path: Path) -> None:
    opened = run(tmp_path)
    assert {check.name: check.outcome for check in opened.preflight()}["sign-in logs"] == "not configured"
    assert opened.find().state == "cannot know"
    assert opened.ask("SigninLogs | count").partial == "woodgrove has no source that answers KQL."


def test_files_that_are_not_there_are_wrong_and_named_as_they_were_written(tmp_path: Path) -> None:
    opened = run(tmp_path, ', signin_logs: [{files: ["exports/*.json"]}]')
    check = {check.name: check for check in opened.preflight()}["sign-in logs: files"]
    assert check.outcome == "wrong"
    assert "exports/*.json" in check.found
    assert any("exports/*.json" in row.reason for row in opened.find().coverage)


def test_a_file_of_no_known_kind_is_wrong_and_named(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_bytes(bytes(range(256)) * 16)
    opened = run(tmp_path, ", signin_logs: [{smtp_report: report.csv}]")
    check = {check.name: check for check in opened.preflight()}["sign-in logs: smtp report"]
    assert (check.outcome, "not recognised: report.csv" in check.found) == ("wrong", True)


def test_a_source_that_nobody_signs_in_to_is_coverage_and_not_the_end_of_the_run(tmp_path: Path) -> None:
    opened = run(tmp_path, ", signin_logs: [{workspace: 22222222-2222-2222-2222-222222222222}, {graph: {}}]")
    case = opened.find()
    reasons = {row.source: row.reason for row in case.coverage if row.state == "unknown"}
    assert "names nobody who signs in" in reasons["workspace"]
    assert "names nobody who signs in" in reasons["graph"]
    outcomes = {check.name: check.outcome for check in opened.preflight()}
    assert outcomes["sign-in logs: workspace"] == outcomes["sign-in logs: graph"] == "wrong"


def test_a_query_that_names_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    (tmp_path / "one.json").write_text("{}\n", encoding="utf-8")
    opened = run(tmp_path, ", signin_logs: [{files: one.json}]")
    reply = opened.ask(f"['{(tmp_path / 'secret.csv').as_posix()}']")
    assert (reply.rows, bool(reply.partial)) == ([], True)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        pytest.param("Nonsense | take 1", "Table with name Nonsense does not exist", id="no such table"),
        pytest.param("SigninLogs | where Foo == 1", 'column "Foo" not found', id="no such column"),
        pytest.param("SigninLogs | wher", "could not parse KQL at 1:11", id="no such operator"),
    ],
)
def test_a_query_that_is_refused_says_what_it_can_name_and_shows_no_sql(tmp_path: Path, text: str, cause: str) -> None:
    (tmp_path / "one.json").write_text("{}\n", encoding="utf-8")
    reply = run(tmp_path, ", signin_logs: [{files: one.json}]").ask(text)
    assert cause in reply.partial
    assert "a query can name the tables SigninLogs, AADNonInteractiveUserSignInLogs" in reply.partial
    assert not {"LINE", "_s0", "pg_settings"} & set(re.findall(r"\w+", reply.partial))


def test_a_file_that_is_no_export_may_be_left_out_and_a_broken_one_is_to_be_exported_again(tmp_path: Path) -> None:
    write(tmp_path / "in" / "README.md", b"# Exports\n\nFrom the portal.\n")
    write(tmp_path / "in" / "all.zip", b"PK\x03\x04" + b"\0" * 100)
    write(tmp_path / "in" / "cut.json", lines([envelope()]) + b'{"time": "2026-')
    told = {record.what: record for record in run(tmp_path, ", signin_logs: [{files: in}]").find().coverage}
    for name in ("README.md", "all.zip"):
        assert "leave it out if it is not" in told[f"file {Path('in', name)}"].remedy
    assert told[f"file {Path('in', 'cut.json')}"].remedy == "Export it again."


def test_what_the_preflight_keeps_tells_nothing_of_the_machine(tmp_path: Path) -> None:
    opened = run(tmp_path)
    path = opened.keep_start(opened.preflight())
    assert str(tmp_path) not in path.read_text(encoding="utf-8")


def test_a_pattern_below_a_folder_that_is_not_there_is_said_to_match_nothing(tmp_path: Path) -> None:
    [_, check] = run(tmp_path, ', signin_logs: [{files: ["none/**"]}]').look_here()
    assert (check.outcome, check.found) == ("wrong", "none/**: no such file")


def test_a_path_is_shown_from_the_project_folder_where_it_lies_there(tmp_path: Path) -> None:
    assert session.shown(session.project() / "reports" / "a" / "00-start.json") == "reports/a/00-start.json"
    assert session.shown(tmp_path / "x") == str(tmp_path / "x")


def test_a_practice_cloud_that_was_killed_is_started_again_by_the_next_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_PRACTICE_HOME", str(tmp_path))
    opened = session.open("contoso")
    servers = [each for each in psutil.process_iter(["cmdline"]) if str(tmp_path) in (each.info["cmdline"] or ())]
    for server in servers:
        server.kill()
    assert [server.wait(30) is None for server in servers] == [False]
    found = [row for row in opened.find().coverage if row.source == "workspace"]
    assert {row.state for row in found} <= {"complete", "partial"}


def test_silence_of_a_cloud_for_rehearsing_is_not_told_as_a_fact_about_the_tenant(tmp_path: Path) -> None:
    hosts = "".join(f"    {name}: https://127.0.0.1:9/{name}\n" for name in ("login", "graph", "logs", "exchange"))
    doors = "".join(f"    {name}: 127.0.0.1:9\n" for name in ("imap", "pop", "smtp"))
    remedies = {}
    for rehearsal in ("true", "false"):
        text = (
            f"tenants:\n  - {TENANT}, cloud: lab, signin_logs: [{{graph: {{}}}}],\n"
            "     admin: {flow: secret, client_id: 55555555-5555-5555-5555-555555555555, secret: 'env:PATH'}}\n"
            f"clouds:\n  lab:\n{hosts}{doors}    mail_resource: https://127.0.0.1:9\n    rehearsal: {rehearsal}\n"
        )
        configuration = tenants.load_text(text, tmp_path / "tenants.yaml")
        silent = Run(configuration, configuration.tenant("woodgrove"), tmp_path / "out", tell=lambda _: None)
        remedies[rehearsal] = next(check.remedy for check in silent.preflight() if check.name == "sign-in logs: graph")
        assert remedies[rehearsal] in [row.remedy for row in silent.find().coverage]
    assert "run the cell that opens the tenant again" in remedies["true"]
    assert "run the cell" not in remedies["false"]


@pytest.mark.parametrize(
    ("admin", "kept"),
    [
        pytest.param("", (True, False, False), id="nobody reads the tenant"),
        pytest.param(
            "admin: {client_id: 22222222-2222-2222-2222-222222222222, remember: never}",
            (False, False, False),
            id="never",
        ),
        pytest.param(
            "admin: {client_id: 22222222-2222-2222-2222-222222222222, remember: encrypted}",
            (True, True, False),
            id="encrypted",
        ),
        pytest.param(
            "admin: {client_id: 22222222-2222-2222-2222-222222222222, remember: plain}", (True, False, True), id="plain"
        ),
        pytest.param(
            "admin: {client_id: 22222222-2222-2222-2222-222222222222}",
            (True, False, False),
            id="encrypted where it can be",
        ),
    ],
)
def test_people_s_sign_ins_to_mail_are_kept_as_the_one_of_whoever_reads_the_tenant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, admin: str, kept: tuple[bool, bool, bool]
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    how = run(tmp_path, f", {admin}" if admin else "").proofs.tenancy.remembering
    assert (how["remember"] is not None, how["strict"], how["plain"]) == kept
    assert how["remember"] is None or how["remember"].name == "mail-sign-in.bin"
    assert how["remember"] is None or how["remember"].is_relative_to(tmp_path / "home")
