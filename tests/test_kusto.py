"""The real Kusto client against a loopback cluster."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme

from mailauth import kql
from mailauth.clouds import Cloud
from mailauth.errors import QueryError, SourceError, UnreachableError
from mailauth.services.kusto import Kusto
from tests import loganalytics, signinrows
from tests.kustocluster import serving
from tests.loganalytics import Credential


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Cloud, str]]:
    rows = [signinrows.row(f"user{number}", signinrows.START + timedelta(hours=number)) for number in range(3)]
    with serving({**{table: [] for table in kql.TABLES}, "SigninLogs": rows}, tmp_path) as served:
        yield served


@contextmanager
def refusing(answer: dict[str, Any], folder: Path) -> Iterator[tuple[Cloud, str]]:
    """Serve a cluster that refuses every query with *answer*."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            content = json.dumps(answer).encode()
            self.send_response(400)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay quiet."""

    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = loganalytics.tls(authority).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    url = f"https://localhost:{server.server_address[1]}"
    try:
        yield loganalytics.cloud(url, folder / "ca.pem"), url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_rows_come_with_their_own_types(cluster: tuple[Cloud, str]) -> None:
    cloud, address = cluster
    with Kusto(cloud, Credential(), address, "memory") as engine:
        columns = "UserPrincipalName, CreatedDateTime, IsInteractive, n = strlen(Location)"
        reply = engine.run(f"SigninLogs | project {columns}")
    assert {
        "UserPrincipalName": "user0@fabrikam.example",
        "CreatedDateTime": signinrows.START,
        "IsInteractive": True,
        "n": 2,
    } in reply.rows


def test_the_schema_says_what_is_there(cluster: tuple[Cloud, str]) -> None:
    cloud, address = cluster
    with Kusto(cloud, Credential(), address, "memory") as engine:
        schema = engine.schema()
    assert set(schema) == set(kql.TABLES)
    assert schema["SigninLogs"]["CreatedDateTime"] == "datetime"


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            {"code": "BadRequest_QueryLimits", "message": "Request is invalid.", "@message": "Too much."}, id="limits"
        ),
        pytest.param("invalid_request", id="one word"),
    ],
)
def test_a_refusal_that_is_about_no_name_is_not_taken_for_a_missing_table(error: object, tmp_path: Path) -> None:
    with (
        refusing({"error": error}, tmp_path) as (cloud, address),
        Kusto(cloud, Credential(), address, "memory") as engine,
        pytest.raises(QueryError, match="does not accept the query"),
    ):
        engine.schema()


def test_a_name_that_the_database_does_not_know_is_a_missing_table(tmp_path: Path) -> None:
    unknown = {
        "error": {
            "code": "General_BadRequest",
            "message": "Request is invalid and cannot be executed.",
            "@type": "Kusto.Data.Exceptions.SemanticException",
            "@message": "Semantic error: SEM0100: 'getschema' operator: Failed to resolve table 'SigninLogs'",
        }
    }
    with (
        refusing(unknown, tmp_path) as (cloud, address),
        Kusto(cloud, Credential(), address, "memory") as engine,
    ):
        assert engine.schema() == {}


def test_the_credential_stays_open_for_others(cluster: tuple[Cloud, str]) -> None:
    class Shared(Credential):
        closed = False

        def close(self) -> None:
            self.closed = True

    cloud, address = cluster
    credential = Shared()
    with Kusto(cloud, credential, address, "memory") as engine:
        engine.run("print 1")
    assert credential.scopes
    assert not credential.closed


def test_a_database_that_does_not_exist_is_named(cluster: tuple[Cloud, str]) -> None:
    cloud, address = cluster
    with (
        Kusto(cloud, Credential(), address, "nowhere") as engine,
        pytest.raises(SourceError, match=r"Database nowhere at .* does not exist"),
    ):
        engine.run("print 1")


def test_a_text_that_is_refused_is_a_query_error(cluster: tuple[Cloud, str]) -> None:
    cloud, address = cluster
    with Kusto(cloud, Credential(), address, "memory") as engine, pytest.raises(QueryError, match="NoSuchTable"):
        engine.run("NoSuchTable | count")


def test_a_cluster_that_does_not_answer_is_unreachable(cluster: tuple[Cloud, str], tmp_path: Path) -> None:
    closed = loganalytics.cloud("https://localhost:9", tmp_path / "ca.pem")
    with (
        Kusto(closed, Credential(), "https://localhost:9", "memory") as engine,
        pytest.raises(UnreachableError, match="cannot be reached"),
    ):
        engine.run("print 1")
