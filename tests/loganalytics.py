"""A Log Analytics query API on loopback, TLS and all: the real client talks to it, duckdb-kql answers.

It has the service's habits: a cap on rows that makes an answer partial, a span that takes too long, throttling,
workspaces that do not exist, tables and columns that are not there.
"""

import json
import re
import ssl
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import duckdb
import duckdb_kql
import trustme
from azure.core.credentials import AccessToken
from duckdb_kql.types import kusto_type

from mailauth.clouds import Cloud
from mailauth.services import segments

WORKSPACE = "11111111-2222-4333-8444-555555555555"
TOKEN = "token-that-nobody-may-see"

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


class Credential:
    """Hands out one token and remembers what for."""

    def __init__(self, token: str = TOKEN) -> None:
        self.token = token
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self.token, int(datetime.now(UTC).timestamp()) + 3600)


@dataclass
class Service:
    """The workspace and its moods; a test changes the fields and reads what was asked.

    Args:
        tables: What the workspace holds.
        lacking: Columns that its tables do not have.
        row_cap: Answers end after so many rows, and say so.
        longest: A query over a longer span of time ends with 504.
        refusals: What to answer instead, one per request: status, headers, body.
        asked: The request bodies.
    """

    tables: Tables
    lacking: tuple[str, ...] = ()
    row_cap: int = 500_000
    longest: timedelta | None = None
    refusals: deque[tuple[int, dict[str, str], Any]] = field(default_factory=deque)
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.engine = engine(self.tables, lacking=self.lacking)

    def answer(self, body: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """Return status and JSON for a query."""
        if self.longest and (span := _span(body.get("timespan"))) and span > self.longest:
            return 504, {"error": {"code": "GatewayTimeout", "message": "Gateway timeout"}}
        try:
            with self.lock:
                sql = translated(body["query"], tuple(self.tables), self.lacking)
                found = self.engine.execute(sql, sql.parameters)
                columns = [(one[0], kusto_type(one[1])) for one in found.description or ()]
                rows = found.fetchall()
        except (duckdb.Error, duckdb_kql.KqlError) as error:
            return 400, _semantic(str(error))
        answer: dict[str, Any] = {"tables": [_table(columns, rows[: self.row_cap])]}
        if len(rows) > self.row_cap:
            answer["error"] = _partial(self.row_cap)
        return 200, answer


@cache
def translated(text: str, tables: tuple[str, ...], lacking: tuple[str, ...] = ()) -> duckdb_kql.TranslationResult:
    """Return a query for an engine with *tables* and without *lacking*; it takes half a second, and tests ask alike."""
    schema = {table: [name for name in segments.TABLES[table] if name not in lacking] for table in tables}
    return duckdb_kql.to_sql(text, schema=schema, allow_write=False)


def engine(tables: Tables, *, lacking: Sequence[str] = ()) -> duckdb.DuckDBPyConnection:
    """Return an engine in memory that holds *tables*, without the columns in *lacking*."""
    connection = duckdb_kql.connect()
    for table, rows in tables.items():
        columns = {name: kind for name, kind in segments.TABLES[table].items() if name not in lacking}
        connection.execute(f"CREATE TABLE {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
        lists = ", ".join(f"unnest(CAST(? AS {kind}[]))" for kind in columns.values())
        if rows:
            values = [
                [row.get(name, "" if kind == "VARCHAR" else None) for row in rows] for name, kind in columns.items()
            ]
            connection.execute(f"INSERT INTO {table} SELECT {lists}", values)
    return connection


@contextmanager
def serving(service: Service, folder: Path) -> Iterator[Cloud]:
    """Serve *service* on loopback and give the cloud that reaches it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    server.socket = tls(authority).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield cloud(f"https://localhost:{server.server_port}", folder / "ca.pem")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        service.engine.close()


def tls(authority: trustme.CA) -> ssl.SSLContext:
    """Return a server's context with a certificate for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


def cloud(url: str, ca_file: Path) -> Cloud:
    """Return a cloud whose every host is *url*."""
    return Cloud(
        name="loopback",
        login=url,
        graph=url,
        logs=url,
        exchange=url,
        imap="localhost:1",
        pop="localhost:1",
        smtp="localhost:1",
        mail_resource=url,
        ca_file=ca_file,
        proxy="none",
    )


def refusal(status: int, code: str, message: str = "refused", **headers: str) -> tuple[int, dict[str, str], Any]:
    """Return a refusal as the service words it."""
    return status, headers, {"error": {"code": code, "message": message, "correlationId": "c-1"}}


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
            service.asked.append(body)
            service.paths.append(self.path)
            self._send(*self._decide(body))

        def _decide(self, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
            if service.refusals:
                return service.refusals.popleft()
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return refusal(401, "InvalidTokenError", "The provided authentication is not valid for this resource")
            found = re.fullmatch(r"/v1/workspaces/([^/]+)/query", self.path)
            if not found or found[1] != WORKSPACE:
                return refusal(404, "WorkspaceNotFoundError", "The workspace could not be found")
            status, answer = service.answer(body)
            return status, {}, answer

        def _send(self, status: int, headers: dict[str, str], answer: Any) -> None:
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay quiet."""

    return Handler


def _table(columns: list[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    return {
        "name": "PrimaryResult",
        "columns": [{"name": name, "type": kind} for name, kind in columns],
        "rows": [[_wire(value) for value in row] for row in rows],
    }


def _wire(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps(value) if isinstance(value, dict | list) else value


def _semantic(message: str) -> dict[str, Any]:
    inner = {"code": "SEM0100", "message": message}
    semantic = {"code": "SemanticError", "message": "A semantic error occurred.", "innererror": inner}
    return {
        "error": {
            "code": "BadArgumentError",
            "message": "The request had some invalid properties",
            "correlationId": "c-1",
            "innererror": semantic,
        }
    }


def _partial(cap: int) -> dict[str, Any]:
    detail = {
        "code": "EngineError",
        "message": "Something went wrong processing your query on the server.",
        "innererror": {
            "code": "-2133196797",
            "message": f"Results of this query exceed the set limit of {cap} records. (E_QUERY_RESULT_SET_TOO_LARGE)",
            "severity": 2,
            "severityName": "Error",
        },
    }
    return {
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [detail],
    }


def _span(text: object) -> timedelta | None:
    parts = str(text or "").split("/")
    if len(parts) != 2:
        return None
    start, end = (datetime.fromisoformat(part) for part in parts)
    return end - start
