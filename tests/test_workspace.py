"""The real Log Analytics client against a loopback service."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mailauth.clouds import Cloud
from mailauth.coverage import Window, code_of
from mailauth.errors import AccessError, ConfigurationError, QueryError, SourceError, UnreachableError
from mailauth.services import http
from mailauth.services.workspace import Workspace
from tests import loganalytics, signinrows
from tests.loganalytics import WORKSPACE, Credential, Service, refusal

WINDOW = Window(signinrows.START, signinrows.END)
COUNT = "SigninLogs | project UserPrincipalName, CreatedDateTime, IsInteractive"


@pytest.fixture
def service() -> Service:
    rows = [signinrows.row(f"user{number}", signinrows.START + timedelta(hours=number)) for number in range(20)]
    return Service({"SigninLogs": rows, "AADNonInteractiveUserSignInLogs": []})


@pytest.fixture
def cloud(service: Service, tmp_path: Path) -> Iterator[Cloud]:
    with loganalytics.serving(service, tmp_path) as made:
        yield made


@pytest.fixture
def workspace(cloud: Cloud) -> Iterator[Workspace]:
    with Workspace(cloud, Credential(), WORKSPACE) as made:
        yield made


def test_rows_come_with_their_own_types(workspace: Workspace) -> None:
    reply = workspace.run(COUNT, WINDOW)
    assert not reply.partial
    first = min(reply.rows, key=lambda row: str(row["CreatedDateTime"]))
    assert first == {
        "UserPrincipalName": "user0@fabrikam.example",
        "CreatedDateTime": signinrows.START,
        "IsInteractive": True,
    }


def test_the_schema_says_what_is_there_and_is_asked_once(workspace: Workspace, service: Service) -> None:
    schema = workspace.schema()
    assert set(schema) == {"SigninLogs", "AADNonInteractiveUserSignInLogs"}
    assert schema["SigninLogs"]["CreatedDateTime"] == "datetime"
    assert schema["SigninLogs"]["UserAgent"] == "string"
    asked = len(service.asked)
    workspace.schema()
    assert len(service.asked) == asked


def test_the_span_of_record_time_goes_beyond_the_window_on_both_sides(workspace: Workspace, service: Service) -> None:
    workspace.run(COUNT, WINDOW)
    assert service.asked[-1]["timespan"] == "2026-10-23T23:00:00.000Z/2026-11-25T00:00:00.000Z"


def test_the_token_is_for_the_query_api_and_batch_is_never_used(cloud: Cloud, service: Service) -> None:
    credential = Credential()
    with Workspace(cloud, credential, WORKSPACE) as workspace:
        workspace.schema()
        workspace.run(COUNT, WINDOW)
    assert set(credential.scopes) == {f"{cloud.logs}/.default"}
    assert set(service.paths) == {f"/v1/workspaces/{WORKSPACE}/query"}


def test_a_partial_answer_stays_partial(workspace: Workspace, service: Service) -> None:
    service.row_cap = 7
    reply = workspace.run(COUNT, WINDOW)
    assert len(reply.rows) == 7
    assert "E_QUERY_RESULT_SET_TOO_LARGE" in reply.partial


def test_a_query_that_takes_too_long_is_partial_and_not_sent_again(workspace: Workspace, service: Service) -> None:
    service.longest = timedelta(days=1)
    reply = workspace.run(COUNT, WINDOW)
    assert reply.rows == []
    assert "time limit" in reply.partial
    assert len(service.asked) == 1


def test_throttling_is_waited_out_as_long_as_the_service_says(workspace: Workspace, service: Service) -> None:
    service.refusals.append(refusal(429, "ThrottledError", Retry_After="1"))
    began = time.monotonic()
    assert len(workspace.run(COUNT, WINDOW).rows) == 20
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize("headers", [{"Retry_After": "2"}, {}], ids=["told how long", "not told"])
def test_throttling_beyond_the_patience_is_an_error_that_says_so(
    cloud: Cloud, service: Service, headers: dict[str, str]
) -> None:
    service.refusals.extend(refusal(429, "ThrottledError", **headers) for _ in range(50))
    with (
        Workspace(cloud, Credential(), WORKSPACE, patience_s=1) as workspace,
        pytest.raises(UnreachableError, match="throttling for longer than 1 seconds") as caught,
    ):
        workspace.run(COUNT, WINDOW)
    assert code_of(caught.value) == "throttled"


def test_a_workspace_that_does_not_exist_is_named(cloud: Cloud) -> None:
    wrong = "99999999-2222-4333-8444-555555555555"
    with (
        Workspace(cloud, Credential(), wrong) as workspace,
        pytest.raises(SourceError, match=f"Workspace {wrong} .* does not exist") as caught,
    ):
        workspace.schema()
    assert caught.value.code == "404 WorkspaceNotFoundError"
    assert "workspace ID" in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "code", "remedy"),
    [(403, "InsufficientAccessError", "Log Analytics Reader"), (401, "InvalidTokenError", "Sign in again")],
    ids=["no role", "no valid token"],
)
def test_a_refusal_says_who_can_change_it(
    workspace: Workspace, service: Service, status: int, code: str, remedy: str
) -> None:
    service.refusals.append(refusal(status, code))
    with pytest.raises(AccessError) as caught:
        workspace.run(COUNT, WINDOW)
    assert caught.value.code == f"{status} {code}"
    assert remedy in caught.value.remedy


def test_a_wrong_token_shows_nowhere(cloud: Cloud) -> None:
    with (
        Workspace(cloud, Credential("a-wrong-token-of-length"), WORKSPACE) as workspace,
        pytest.raises(AccessError) as caught,
    ):
        workspace.run(COUNT, WINDOW)
    assert "a-wrong-token" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


def test_a_text_that_the_service_refuses_is_a_query_error_with_its_codes(workspace: Workspace) -> None:
    with pytest.raises(QueryError) as caught:
        workspace.run("NoSuchTable | count", WINDOW)
    assert caught.value.code == "400 BadArgumentError SemanticError SEM0100"


def test_an_answer_that_is_not_json_is_no_answer(workspace: Workspace, service: Service) -> None:
    service.refusals.append((200, {}, b"<html>the proxy's login page</html>"))
    with pytest.raises((UnreachableError, SourceError)):
        workspace.run(COUNT, WINDOW)


def test_a_refused_connection_names_the_place_and_what_to_check(tmp_path: Path, cloud: Cloud) -> None:
    closed = loganalytics.cloud("https://localhost:9", cloud.ca_file or tmp_path)
    with (
        Workspace(closed, Credential(), WORKSPACE, patience_s=0) as workspace,
        pytest.raises(UnreachableError, match="https://localhost:9 cannot be reached") as caught,
    ):
        workspace.run(COUNT, WINDOW)
    assert "proxy" in caught.value.remedy


def test_a_certificate_of_somebody_else_is_not_trusted(tmp_path: Path, cloud: Cloud) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with (
        loganalytics.serving(Service({}), other),
        Workspace(loganalytics.cloud(cloud.logs, other / "ca.pem"), Credential(), WORKSPACE) as workspace,
        pytest.raises(UnreachableError, match="certificate"),
    ):
        workspace.run(COUNT, WINDOW)


def test_a_bundle_or_proxy_in_the_environment_does_not_capture_a_cloud_with_its_own(
    cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
    monkeypatch.setenv("HTTPS_PROXY", "http://localhost:9")
    with Workspace(cloud, Credential(), WORKSPACE) as workspace:
        assert len(workspace.run(COUNT, WINDOW).rows) == 20


def test_a_ca_file_that_is_none_is_a_configuration_error(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate", encoding="ascii")
    with pytest.raises(ConfigurationError, match=r"cloud loopback: ca_file: .*ca\.pem cannot be read"):
        http.session(loganalytics.cloud("https://localhost:9", tmp_path / "ca.pem"))
