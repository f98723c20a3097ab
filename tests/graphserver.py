"""A Microsoft Graph on loopback that knows sign-ins and audit queries, with the habits that the documentation names.

It evaluates the filters it is sent, pages with links that run out, counts requests against
the clock it is given, and can be told to fail.
"""

import json
import re
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import trustme
from azure.core.credentials import AccessToken

from mailauth.clouds import Cloud

TENANT = "7c1d3b52-0f6e-4f6d-9a55-2f4f0f9f1a01"
EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
NOW = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)

Record = dict[str, Any]


def sign_in(number: int, when: datetime, client: str = "IMAP4", **fields: Any) -> Record:
    """Return one record as beta writes it; *fields* replace or add properties."""
    record: Record = {
        "id": f"id-{number:06}",
        "createdDateTime": when.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "correlationId": f"c-{number}",
        "userId": f"u-{number % 7}",
        "userPrincipalName": f"user{number % 7}@fabrikam.example",
        "userType": "member",
        "homeTenantId": TENANT,
        "resourceTenantId": TENANT,
        "appId": EXCHANGE,
        "appDisplayName": "Office 365 Exchange Online",
        "resourceDisplayName": "Office 365 Exchange Online",
        "resourceId": EXCHANGE,
        "clientAppUsed": client,
        "authenticationProtocol": "none",
        "authenticationRequirement": "singleFactorAuthentication",
        "authenticationDetails": [{"authenticationMethod": "Password", "succeeded": True}],
        "authenticationProcessingDetails": [],
        "status": {"errorCode": 0, "failureReason": "Other."},
        "conditionalAccessStatus": "notApplied",
        "riskLevelDuringSignIn": "none",
        "ipAddress": "203.0.113.10",
        "autonomousSystemNumber": 64500,
        "location": {"countryOrRegion": "GB"},
        "userAgent": "BAV2ROPC",
        "isInteractive": True,
        "signInEventTypes": ["interactiveUser"],
    }
    return record | fields


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class Credential:
    """Hands out one token and remembers what for."""

    def __init__(self, token: str = "token-of-the-runbook") -> None:
        self.token = token
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_options: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(self.token, int(time.time()) + 3600)


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    filter: str
    top: str
    token: str
    authorization: str


@dataclass
class Fault:
    """An answer in place of the real one, for the next *times* requests that *when* fits."""

    status: int
    code: str = "error"
    message: str = "told to fail"
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    when: Callable[[Asked], bool] = lambda _asked: True


@dataclass
class World:
    """What the server knows and how it behaves.

    Args:
        records: The sign-in log.
        page: The most records that a page holds.
        ignored: Properties whose filter has no effect.
        refused: Properties whose filter is an error.
        blind: Properties whose filter finds nothing.
        foreign: Where links to next pages lead instead.
        limit: Requests in ten seconds of *clock*; 0 for any number.
        audit: Audit records, by the keyword that finds them.
    """

    records: list[Record] = field(default_factory=list)
    page: int = 1000
    ignored: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    blind: frozenset[str] = frozenset()
    foreign: str = ""
    limit: int = 0
    clock: Clock = field(default_factory=Clock)
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    audit: dict[str, list[Record]] = field(default_factory=dict)
    audit_polls: int = 1
    audit_end: str = "succeeded"
    queries: list[Record] = field(default_factory=list)
    before: Callable[[Asked], None] = lambda _asked: None
    throttled: int = 0
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=5))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def filters(self) -> list[str]:
        """Return the filters asked for, first pages only."""
        return [asked.filter for asked in self.asked if not asked.token]


@contextmanager
def serving(world: World, folder: Path) -> Iterator[Cloud]:
    """Serve *world* over TLS on loopback and yield the cloud that leads there."""
    authority = trustme.CA()
    ca_file = folder / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(world))
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield cloud(f"https://localhost:{server.server_port}/graph", ca_file)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def cloud(graph: str, ca_file: Path | None = None, name: str = "lab") -> Cloud:
    """Return a cloud whose Graph is at *graph* and whose other hosts do not exist."""
    nowhere = "https://nowhere.example"
    return Cloud(
        name=name,
        login=nowhere,
        graph=graph,
        logs=nowhere,
        exchange=nowhere,
        imap="nowhere.example:993",
        pop="nowhere.example:995",
        smtp="nowhere.example:587",
        mail_resource=nowhere,
        ca_file=ca_file,
        proxy="none",
    )


def _handler(world: World) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # headers and body in one packet; two wait for each other

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            address = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(address.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(
                method,
                address.path.removeprefix("/graph"),
                query.get("$filter", ""),
                query.get("$top", ""),
                query.get("$skiptoken", ""),
                self.headers.get("Authorization", ""),
            )
            world.before(asked)
            with world.lock:
                status, content, headers = _route(world, asked, body, f"https://{self.headers['Host']}/graph")
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


Answer = tuple[int, Record, Mapping[str, str]]


def _error(status: int, code: str, message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    return status, {"error": {"code": code, "message": message}}, headers or {}


def _route(world: World, asked: Asked, body: bytes, base: str) -> Answer:
    world.asked.append(asked)
    now = world.clock.monotonic()
    if world.limit and len(world.recent) == world.limit and now < world.recent[0] + 10:
        world.throttled += 1
        return _error(429, "TooManyRequests", headers={"Retry-After": "10"})
    world.recent.append(now)
    for fault in world.faults:
        if fault.times and fault.when(asked):
            fault.times -= 1
            return _error(fault.status, fault.code, fault.message, fault.headers)
    if not asked.authorization.startswith("Bearer "):
        return _error(401, "InvalidAuthenticationToken")
    if asked.path in ("/beta/auditLogs/signIns", "/v1.0/auditLogs/signIns"):
        return _sign_ins(world, asked, base)
    if asked.path.startswith("/beta/security/auditLog/queries"):
        return _audit(world, asked, body, base)
    return _error(404, "ResourceNotFound", asked.path)


def _sign_ins(world: World, asked: Asked, base: str) -> Answer:
    if asked.path.startswith("/v1.0") and "signInEventTypes" in asked.filter:
        return _error(400, "BadRequest", "Could not find a property named 'signInEventTypes' on type 'signIn'.")
    top = int(asked.top or 1000)
    if top > 1000:
        return _error(400, "BadRequest", "The limit of '1000' for Top query has been exceeded.")
    for name in world.refused:
        if name in asked.filter:
            return _error(400, "BadRequest", f"Filtering on {name} is not supported.")
    try:
        fits = _conjunction(asked.filter, world)
    except ValueError as error:
        return _error(400, "BadRequest", f"Invalid filter clause: {error}")
    if "signInEventTypes" not in asked.filter:
        fits.append(lambda record: "interactiveUser" in record["signInEventTypes"])
    found = [record for record in world.records if all(fit(record) for fit in fits)]
    found.sort(key=lambda record: (record["createdDateTime"], record["id"]), reverse=True)
    first, size = int(asked.token or 0), min(top, world.page)
    page: Record = {"value": found[first : first + size]}
    if first + size < len(found):
        query = f"$filter={quote(asked.filter)}&$top={top}&$skiptoken={first + size}"
        page["@odata.nextLink"] = f"{world.foreign or base}/beta/auditLogs/signIns?{query}"
    return 200, page, {}


Fit = Callable[[Record], bool]


def _conjunction(text: str, world: World) -> list[Fit]:
    return [_term(part, world) for part in _split(text, " and ")] if text else []


def _split(text: str, word: str) -> list[str]:
    parts, depth, quoted, start, at = [], 0, False, 0, 0
    while at < len(text):
        letter = text[at]
        quoted ^= letter == "'"
        depth += 0 if quoted else (letter == "(") - (letter == ")")
        if not quoted and not depth and text.startswith(word, at):
            parts.append(text[start:at])
            start = at = at + len(word)
            continue
        at += 1
    return [*parts, text[start:]]


def _term(text: str, world: World) -> Fit:
    if text.startswith("(") and text.endswith(")"):
        either = [_term(part, world) for part in _split(text[1:-1], " or ")]
        return lambda record: any(fit(record) for fit in either)
    if found := re.fullmatch(r"signInEventTypes/any\(t: ?t eq '(\w+)'\)", text):
        kind = found[1]
        return lambda record: kind in record["signInEventTypes"]
    if found := re.fullmatch(r"createdDateTime (ge|le) (\S+Z)", text):
        return _time(found[1], datetime.fromisoformat(found[2]))
    if found := re.fullmatch(r"startsWith\((ipAddress|userAgent),'([^']*)'\)", text):
        name, start = found[1], found[2]
        return lambda record: str(record[name]).startswith(start)
    if found := re.fullmatch(r"status/errorCode eq (\d+)", text):
        code = int(found[1])
        return lambda record: bool(record["status"]["errorCode"] == code)
    if found := re.fullmatch(r"(\w+) eq '((?:[^']|'')*)'", text):
        return _equal(found[1], found[2].replace("''", "'"), world)
    raise ValueError(text)


def _time(word: str, bound: datetime) -> Fit:
    def fits(record: Record) -> bool:
        try:
            created = datetime.fromisoformat(record["createdDateTime"])
        except ValueError:
            return True
        return created >= bound if word == "ge" else created <= bound

    return fits


def _equal(name: str, value: str, world: World) -> Fit:
    if name in world.ignored:
        return lambda _record: True
    if name in world.blind:
        return lambda _record: False
    return lambda record: bool(record.get(name) == value)


def _audit(world: World, asked: Asked, body: bytes, base: str) -> Answer:
    parts = asked.path.removeprefix("/beta/security/auditLog/queries").strip("/").split("/")
    if asked.method == "POST":
        query = json.loads(body) | {"id": f"q{len(world.queries)}", "status": "notStarted", "polls": world.audit_polls}
        world.queries.append(query)
        return 201, query, {}
    query = next(query for query in world.queries if query["id"] == parts[0])
    if len(parts) == 1:
        query["polls"] -= 1
        query["status"] = "running" if query["polls"] > 0 else world.audit_end
        return 200, query, {}
    found = world.audit.get(query["keywordFilter"], [])
    first = int(asked.token or 0)
    page: Record = {"value": found[first : first + world.page]}
    if first + world.page < len(found):
        page["@odata.nextLink"] = f"{base}{asked.path}?$skiptoken={first + world.page}"
    return 200, page, {}


def days_ago(days: float) -> datetime:
    """Return the moment *days* before the tests' now."""
    return NOW - timedelta(days=days)
