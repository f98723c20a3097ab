"""The practice cloud's log query API, asked by Microsoft's own client."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.identity import ClientSecretCredential
from azure.monitor.query import LogsQueryClient, LogsQueryPartialResult, LogsQueryResult
from hypothesis import given, settings
from hypothesis import strategies as st

from practice import measure
from practice.cloud import Cloud
from practice.ledger import Copy
from practice.limits import LogLimits
from practice.logs import timespans
from practice.logs.throttle import Throttle
from tests.practice.woodgrove import SECRET, TENANT, Woodgrove, running, woodgrove

SPAN = timedelta(days=7)
COUNT = "SigninLogs | summarize rows = count(), ids = dcount(Id)"
MANY = "range n from 1 to 60000 step 1 | extend k = 1"
LONG = f"{MANY} | join kind=inner ({MANY}) on k | summarize max(n * n1)"


def sign_in(number: int, at: datetime, **fields: Any) -> dict[str, Any]:
    """Return a sign-in as Graph beta has it."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "createdDateTime": at.isoformat().replace("+00:00", "Z"),
        "userPrincipalName": f"user{number % 7}@woodgrove.example",
        "clientAppUsed": "IMAP4",
        "isInteractive": True,
        "signInEventTypes": ["interactiveUser"],
        "status": {"errorCode": 50126, "failureReason": "Error validating credentials.", "additionalDetails": ""},
        "location": {"city": "Leeds", "state": "", "countryOrRegion": "GB", "geoCoordinates": {}},
        "authenticationDetails": [{"authenticationMethod": "Password", "succeeded": True}],
        "deviceDetail": {"browser": ""},
        **fields,
    }


def story(now: datetime) -> Iterator[Copy]:
    """Yield a hundred sign-ins, each written nine minutes after it happened, and the last twice."""
    for number in range(100):
        at = now - timedelta(hours=number + 2)
        yield Copy(at + timedelta(minutes=9), sign_in(number, at))
    yield Copy(at + timedelta(minutes=12), sign_in(number, at))


@dataclass(frozen=True)
class Token:
    """A credential that holds one token."""

    text: str

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(self.text, int(time.time()) + 3600)


@dataclass
class Bank:
    """A practice cloud with the tenant, and a reader of its workspace.

    Args:
        made: The tenant.
        practice: The cloud.
        now: The clock when its sign-ins were written: they happened from two hours before it on, one each hour.
    """

    made: Woodgrove
    practice: Cloud
    now: datetime

    def token(self, **claims: Any) -> str:
        """Return a token for the query API; *claims* replace the daemon's."""
        held = {
            "aud": f"{self.practice.base_url}/logs",
            "iss": f"https://sts.windows.net/{TENANT}/",
            "tid": TENANT,
            "oid": self.made.daemon_principal.id,
            "exp": time.time() + 9 * 24 * 3600,
            **claims,
        }
        return self.practice.backend.keys.sign(held)

    @property
    def workspace(self) -> str:
        return self.made.estate.tenant.logs.workspace_id

    def client(self, **options: Any) -> LogsQueryClient:
        endpoint = f"{self.practice.base_url}/logs"
        return LogsQueryClient(Token(self.token()), endpoint=endpoint, transport=self.transport(), **options)

    def transport(self) -> RequestsTransport:
        return RequestsTransport(connection_verify=str(self.practice.ca_file), use_env_settings=False)

    def ask(self, text: str, *, span: Any = SPAN, **options: Any) -> LogsQueryResult | LogsQueryPartialResult:
        with self.client(retry_total=0) as client:
            return client.query_workspace(self.workspace, text, timespan=span, **options)

    def refused(self, text: str, **options: Any) -> tuple[int, list[str], str]:
        """Ask, be refused, and return the status, the codes from the outside in, and the innermost text."""
        with pytest.raises(HttpResponseError) as caught:
            self.ask(text, **options)
        assert caught.value.response is not None
        level = json.loads(caught.value.response.text())["error"]
        codes = [level["code"]]
        while "innererror" in level:
            level = level["innererror"]
            codes.append(level["code"])
        assert caught.value.status_code
        return caught.value.status_code, codes, str(level["message"])

    def post(self, body: bytes | str, path: str = "", **headers: str) -> requests.Response:
        address = f"{self.practice.base_url}/logs{path or f'/v1/workspaces/{self.workspace}/query'}"
        sent = {"Authorization": f"Bearer {self.token()}", "Content-Type": "application/json", **headers}
        with requests.Session() as session:
            session.trust_env = False
            return session.post(address, data=body, headers=sent, verify=str(self.practice.ca_file), timeout=60)


@pytest.fixture(scope="module")
def shared() -> Iterator[Bank]:
    made, now = woodgrove(), datetime.now(UTC)
    made.estate.tenant.logs.readers = [made.daemon_principal.id, made.ada.id]
    with running(made) as practice:
        practice.backend.ledger.fill(TENANT, "one", partial(story, now))
        yield Bank(made, practice, now)


@pytest.fixture
def bank(shared: Bank) -> Iterator[Bank]:
    """The shared cloud; what a test does to its logs and limits is undone."""
    with shared.practice.states.reading(TENANT) as tenant:
        logs = tenant.logs.model_copy(deep=True)
    yield shared
    shared.practice.backend.logs = LogLimits()
    shared.practice.faults.clear()
    with shared.practice.states.changing(TENANT) as tenant:
        tenant.logs = logs


def lower(bank: Bank, **limits: Any) -> None:
    bank.practice.backend.logs = replace(bank.practice.backend.logs, **limits)


def rows(answer: LogsQueryResult | LogsQueryPartialResult) -> list[list[Any]]:
    assert isinstance(answer, LogsQueryResult)
    return [list(row) for row in answer.tables[0].rows]


# --- answers --------------------------------------------------------------------------------------


def test_a_summary_counts_every_copy_of_a_row(bank: Bank) -> None:
    assert rows(bank.ask(COUNT)) == [[101, 100]]


def test_values_travel_as_the_service_sends_them(bank: Bank) -> None:
    text = (
        "SigninLogs | where Id endswith '000000000099' | top 1 by TimeGenerated | project CreatedDateTime, "
        "TimeGenerated, Status, AuthenticationDetails, IsInteractive, ResultType, Location, "
        "code = toint(Status.errorCode), Type, DurationMs"
    )
    answer = bank.ask(text)
    assert isinstance(answer, LogsQueryResult)
    kinds = dict(zip(answer.tables[0].columns, answer.tables[0].columns_types, strict=True))
    (row,) = rows(answer)
    at = bank.now - timedelta(hours=101)
    assert row[:2] == [at, at + timedelta(minutes=12)]
    assert (kinds["Status"], kinds["AuthenticationDetails"]) == ("dynamic", "string")
    assert [json.loads(row[2])["errorCode"], json.loads(row[3])[0]["authenticationMethod"]] == [50126, "Password"]
    assert row[4:] == [True, "50126", "GB", 50126, "SigninLogs", 0]


def test_the_timespan_of_a_request_bounds_what_is_seen(bank: Bank) -> None:
    assert rows(bank.ask(COUNT, span=timedelta(hours=10))) == [[9, 9]]
    assert rows(bank.ask(COUNT, span=(bank.now - timedelta(hours=10), timedelta(hours=5)))) == [[5, 5]]
    assert rows(bank.ask(COUNT, span=None)) == [[101, 100]]


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("P7D", "2026-11-16T09:00", None),
        ("pt90m", "2026-11-23T07:30", None),
        ("2026-11-20/2026-11-21T12:00:00.1234567Z", "2026-11-20", "2026-11-21T12:00:00.123456"),
        ("2026-11-20T01:00:00+01:00/P1D", "2026-11-20", "2026-11-21"),
        ("PT6H/2026-11-21T12:00Z", "2026-11-21T06:00", "2026-11-21T12:00"),
    ],
)
def test_a_timespan_has_every_form_of_the_standard(text: str, start: str, end: str | None) -> None:
    wanted = tuple(datetime.fromisoformat(one).replace(tzinfo=UTC) if one else None for one in (start, end))
    assert timespans.read(text, datetime(2026, 11, 23, 9, tzinfo=UTC)) == wanted


@pytest.mark.parametrize("text", ["yesterday", "7", "P", "P1D/P1D", "-P1D", "2026-11-20", "P99999999999D", "a/b", "/"])
def test_what_is_no_timespan_is_refused(bank: Bank, text: str) -> None:
    told = bank.post(json.dumps({"query": "print 1", "timespan": text}))
    assert (told.status_code, told.json()["error"]["code"]) == (400, "BadArgumentError")


def test_statistics_come_when_asked_for(bank: Bank) -> None:
    answer = bank.ask(COUNT, include_statistics=True)
    assert isinstance(answer, LogsQueryResult)
    assert answer.statistics
    assert answer.statistics["query"]["datasetStatistics"][0]["tableRowCount"] == 1
    assert bank.ask(COUNT).statistics is None


def test_an_answer_over_the_cap_on_rows_is_partial_and_says_so(bank: Bank) -> None:
    lower(bank, rows=30)
    answer = bank.ask("SigninLogs | project Id")
    assert isinstance(answer, LogsQueryPartialResult)
    assert len(answer.partial_data[0].rows) == 30
    assert answer.partial_error
    assert answer.partial_error.code == "PartialError"
    assert "E_QUERY_RESULT_SET_TOO_LARGE" in str(answer.partial_error)


def test_an_answer_over_the_cap_on_bytes_is_partial(bank: Bank) -> None:
    lower(bank, answer_bytes=4_000)
    answer = bank.ask("SigninLogs | project Id")
    assert isinstance(answer, LogsQueryPartialResult)
    assert 50 < len(answer.partial_data[0].rows) < 101
    lower(bank, answer_bytes=1_000_000)
    assert len(rows(bank.ask("SigninLogs | project Id"))) == 101


def test_an_answer_that_just_fits_is_whole(bank: Bank) -> None:
    lower(bank, rows=101)
    assert len(rows(bank.ask("SigninLogs | project Id"))) == 101


def test_the_kql_clock_is_the_clouds(bank: Bank) -> None:
    bank.practice.faults.clock.skew = timedelta(days=3)
    (row,) = rows(bank.ask("print now()"))
    assert row[0] - datetime.now(UTC) > timedelta(days=2)


# --- what the workspace holds -----------------------------------------------------------------------


def test_a_table_that_the_workspace_lacks_is_not_resolved(bank: Bank) -> None:
    with bank.practice.states.changing(TENANT) as tenant:
        tenant.logs.tables = ["SigninLogs"]
    status, codes, said = bank.refused("AADNonInteractiveUserSignInLogs | count")
    assert (status, codes) == (400, ["BadArgumentError", "SemanticError", "SEM0100"])
    assert said == "Failed to resolve table or column expression named 'AADNonInteractiveUserSignInLogs'"
    assert rows(bank.ask("union isfuzzy=true SigninLogs, AADNonInteractiveUserSignInLogs | count")) == [[101]]


def test_an_old_schema_lacks_columns(bank: Bank) -> None:
    with bank.practice.states.changing(TENANT) as tenant:
        tenant.logs.missing_columns = ["AuthenticationProtocol"]
    status, codes, said = bank.refused("SigninLogs | where AuthenticationProtocol == 'ropc'")
    assert (status, codes) == (400, ["BadArgumentError", "SemanticError", "SEM0100"])
    assert said == "Failed to resolve column or scalar expression named 'AuthenticationProtocol'"
    said = bank.refused("SigninLogs | project AuthenticationProtocol")[2]
    assert said == "Failed to resolve column or scalar expression named 'AuthenticationProtocol'"
    known = {row[0] for row in rows(bank.ask("SigninLogs | getschema | project ColumnName"))}
    assert "AuthenticationProtocol" not in known
    assert "ClientAppUsed" in known


def test_rows_older_than_the_retention_are_gone(bank: Bank) -> None:
    with bank.practice.states.changing(TENANT) as tenant:
        tenant.logs.retention_days = 1
    assert rows(bank.ask(COUNT, span=None)) == [[23, 23]]


def test_a_sign_in_of_now_can_be_read_when_it_has_been_taken_in(bank: Bank) -> None:
    text = "SigninLogs | where Id endswith '777777' | project late = TimeGenerated > CreatedDateTime"
    with bank.practice.states.changing(TENANT) as tenant:
        tenant.logs.ingestion_s = 300
    bank.practice.backend.ledger.record(TENANT, sign_in(777_777, datetime.now(UTC)))
    try:
        assert rows(bank.ask(text)) == []
        bank.practice.faults.clock.skew = timedelta(minutes=6)
        assert rows(bank.ask(text)) == [[True]]
    finally:
        bank.practice.backend.ledger.forget(TENANT)


def test_a_workspace_without_tables_has_no_content(bank: Bank) -> None:
    with bank.practice.states.changing(TENANT) as tenant:
        tenant.logs.tables = []
    assert bank.post(json.dumps({"query": COUNT})).status_code == 204


def test_metadata_names_tables_and_columns(bank: Bank) -> None:
    told = bank.post("{}", f"/v1/workspaces/{bank.workspace}/metadata").json()
    assert {one["name"]: len(one["columns"]) for one in told["tables"]} == {
        "SigninLogs": 98,
        "AADNonInteractiveUserSignInLogs": 88,
        "AADServicePrincipalSignInLogs": 47,
    }


# --- refusals ---------------------------------------------------------------------------------------


def test_a_text_that_is_no_query_is_refused_with_its_place(bank: Bank) -> None:
    status, codes, said = bank.refused("SigninLogs\n| wherever Id == 1")
    assert (status, codes) == (400, ["BadArgumentError", "SyntaxError", "SYN0002"])
    assert said.startswith("Query could not be parsed at '")
    assert "on line [2," in said


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("['/etc/passwd'] | take 1", "SemanticError"),
        ("['https://example.com/x.csv'] | take 1", "SemanticError"),
        ("externaldata(x:string)['https://example.com/x.csv']", "SemanticError"),
        ("copies | take 1", "SemanticError"),
        ("database('signins').copies | take 1", "SemanticError"),
        ("database('temp').SigninLogs | take 1", "SemanticError"),
        ("['signins.main.copies'] | take 1", "SemanticError"),
        ("duckdb_tables() | take 1", "SemanticError"),
        ("print getenv('HOME')", "SemanticError"),
        ("signinlogs | count", "SemanticError"),
        (".show tables", "SyntaxError"),
        ("// a remark\n.drop table SigninLogs", "SyntaxError"),
        (".set-or-replace x <| SigninLogs", "SyntaxError"),
        ("", "SyntaxError"),
        ("(" * 3_000, "SemanticError"),
        ("print " + "(" * 300 + "1" + ")" * 300, "SemanticError"),
    ],
)
def test_a_query_reaches_the_tenants_tables_and_nothing_else(bank: Bank, text: str, code: str) -> None:
    status, codes, said = bank.refused(text)
    assert (status, codes[:2]) == (400, ["BadArgumentError", code])
    assert "duckdb" not in said.lower() or "duckdb_tables" in said


def test_a_query_that_takes_too_long_is_a_gateway_timeout(bank: Bank) -> None:
    lower(bank, longest_s=0.2)
    began = time.monotonic()
    assert bank.refused(LONG, server_timeout=300)[:2] == (504, ["GatewayTimeout"])
    assert time.monotonic() - began < 5


def test_a_caller_has_so_many_requests_in_a_window_and_the_client_waits_for_the_next(bank: Bank) -> None:
    lower(bank, requests=1, window_s=0.8)
    with bank.client() as client:
        began = time.monotonic()
        for _ in range(2):
            client.query_workspace(bank.workspace, "print 1", timespan=None)
        assert time.monotonic() - began > 0.7
    lower(bank, requests=0)
    told = bank.post(json.dumps({"query": "print 1"}))
    assert (told.status_code, told.json()["error"]["code"]) == (429, "ThrottledError")
    assert int(told.headers["Retry-After"]) >= 1


def test_a_tenant_that_is_made_anew_has_not_asked_before(bank: Bank) -> None:
    lower(bank, requests=1)
    forget_all(bank)
    assert [bank.post('{"query": "print 1"}').status_code for _ in range(2)] == [200, 429]
    forget_all(bank)
    assert bank.post('{"query": "print 1"}').status_code == 200


def forget_all(bank: Bank) -> None:
    for forget in bank.practice.backend.forget:
        forget(TENANT)


def test_a_fault_throttles_and_the_client_waits(bank: Bank) -> None:
    bank.practice.faults.add("logs", "throttle", tenant="woodgrove", seconds=1)
    with bank.client() as client:
        began = time.monotonic()
        client.query_workspace(bank.workspace, COUNT, timespan=None)
        assert time.monotonic() - began >= 1


def test_a_fault_breaks_an_answer_off_in_the_middle(bank: Bank) -> None:
    bank.practice.faults.add("logs", "truncate")
    with pytest.raises(requests.exceptions.RequestException):
        bank.post(json.dumps({"query": "SigninLogs"}))
    assert bank.post(json.dumps({"query": "SigninLogs"})).status_code == 200


def ended(bank: Bank, text: str) -> tuple[int, float]:
    """Ask, and return the status and when it came."""
    status = bank.post(json.dumps({"query": text})).status_code
    return status, time.monotonic()


def test_queries_beyond_the_concurrent_ones_wait_their_turn(bank: Bank) -> None:
    lower(bank, concurrent=1, queue=0, timeout_s=2)
    with ThreadPoolExecutor(3) as pool:
        # Where one of two is refused, the other is being worked on.
        slow = {pool.submit(ended, bank, LONG) for _ in range(2)}
        (refused,), slow = wait(slow, return_when=FIRST_COMPLETED)
        assert refused.result()[0] == 429
        lower(bank, queue=1)
        quick = pool.submit(ended, bank, COUNT)
        (status, slow_end), (other, quick_end) = slow.pop().result(), quick.result()
    assert (status, other) == (504, 200)
    # Both answers may be under way at once when the turn passes on; without one, it would end two seconds earlier.
    assert quick_end > slow_end - 1


def test_a_turn_is_waited_for_until_the_one_before_has_ended() -> None:
    throttle, order = Throttle(lambda: LogLimits(concurrent=1), lambda: datetime.now(UTC)), []

    def second() -> None:
        with throttle.turn("a/b"):
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        with throttle.turn("a/b"):
            asked = pool.submit(second)
            until = time.monotonic() + 10
            while not throttle.waiting("a/b") and not asked.done() and time.monotonic() < until:
                time.sleep(0.001)
            order.append("first")
        asked.result()
    assert order == ["first", "second"]


def test_slow_queries_leave_threads_to_the_other_faces(bank: Bank) -> None:
    lower(bank, timeout_s=5, concurrent=100)
    with ThreadPoolExecutor(20) as pool:
        waiting = {pool.submit(ended, bank, LONG) for _ in range(20)}
        told = [one.result()[0] for one in islice(as_completed(waiting), 12)]
        began = time.monotonic()
        with requests.Session() as session:
            session.trust_env = False
            address = f"{bank.practice.base_url}/{TENANT}/v2.0/.well-known/openid-configuration"
            answered = session.get(address, verify=str(bank.practice.ca_file), timeout=60)
        took_s = time.monotonic() - began
        under_way = sum(not one.done() for one in waiting)
    assert told == [429] * 12
    assert (answered.status_code, under_way) == (200, 8), f"Entra took {took_s:.1f} s"
    assert {one.result()[0] for one in waiting} == {429, 504}


def test_a_full_queue_is_throttled(bank: Bank) -> None:
    lower(bank, concurrent=0, queue=0)
    assert bank.refused(COUNT)[0] == 429
    lower(bank, queue=1, queue_s=0.05)
    assert bank.refused(COUNT)[0] == 429


def test_who_holds_no_role_on_the_workspace_may_not_read_it(bank: Bank) -> None:
    with bank.practice.states.changing(TENANT) as tenant:
        tenant.logs.readers = [bank.made.ada.id]
    assert bank.refused(COUNT)[:2] == (403, ["InsufficientAccessError"])


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"aud": "https://api.loganalytics.io"}, 200, ""),
        ({"aud": "https://api.loganalytics.azure.com/"}, 200, ""),
        ({"aud": "https://graph.microsoft.com"}, 401, "InvalidTokenError"),
        ({"exp": 1}, 401, "InvalidTokenError"),
        ({"tid": "11111111-2222-4333-8444-555555555555"}, 403, "InsufficientAccessError"),
        ({"oid": ""}, 403, "InsufficientAccessError"),
    ],
    ids=["public cloud", "its new name", "Graph's", "expired", "of another tenant", "nobody's"],
)
def test_a_token_is_really_checked(bank: Bank, claims: dict[str, Any], status: int, code: str) -> None:
    told = bank.post(json.dumps({"query": COUNT}), Authorization=f"Bearer {bank.token(**claims)}")
    assert told.status_code == status
    assert not code or told.json()["error"]["code"] == code


def test_an_app_signs_in_and_reads_the_row_that_its_sign_in_left(bank: Bank) -> None:
    root = f"{bank.practice.base_url}/logs"
    credential = ClientSecretCredential(
        TENANT,
        bank.made.daemon.app_id,
        SECRET,
        authority=bank.practice.base_url,
        disable_instance_discovery=True,
        transport=bank.transport(),
    )
    text = "AADServicePrincipalSignInLogs | where TimeGenerated > ago(1h) | project ServicePrincipalId, ResultType"
    with credential, LogsQueryClient(credential, endpoint=root, transport=bank.transport()) as client:
        found = client.query_workspace(bank.workspace, text, timespan=None)
    assert rows(found)[-1:] == [[bank.made.daemon_principal.id, "0"]]


def test_without_a_token_the_answer_says_where_to_get_one(bank: Bank) -> None:
    told = bank.post("{}", Authorization="")
    assert (told.status_code, told.json()["error"]["code"]) == (401, "AuthorizationRequiredError")
    assert bank.practice.base_url in told.headers["WWW-Authenticate"]


def test_a_workspace_or_a_path_that_is_not_there_is_said_to_be_so(bank: Bank) -> None:
    elsewhere = "11111111-2222-4333-8444-555555555555"
    told = bank.post('{"query": "print 1"}', f"/v1/workspaces/{elsewhere}/query")
    assert (told.status_code, told.json()["error"]["code"]) == (404, "WorkspaceNotFoundError")
    told = bank.post("{}", f"/v1/workspaces/{bank.workspace}/queries")
    assert (told.status_code, told.json()["error"]["code"]) == (404, "PathNotFoundError")
    body = {"query": "print 1", "workspaces": [bank.workspace, elsewhere]}
    assert bank.post(json.dumps(body)).json()["error"]["code"] == "WorkspaceNotFoundError"


def test_a_post_without_a_body_or_its_type_is_an_empty_success(bank: Bank) -> None:
    for told in (bank.post(b""), bank.post('{"query": "print 1"}', **{"Content-Type": "text/plain"})):
        assert (told.status_code, told.content) == (200, b"")


def test_a_query_may_stand_in_the_address(bank: Bank) -> None:
    with requests.Session() as session:
        session.trust_env = False
        told = session.get(
            f"{bank.practice.base_url}/logs/v1/workspaces/{bank.workspace}/query",
            params={"query": COUNT, "timespan": "PT10H"},
            headers={"Authorization": f"Bearer {bank.token()}", "Prefer": "include-render=true"},
            verify=str(bank.practice.ca_file),
            timeout=60,
        )
    assert told.json()["tables"][0]["rows"] == [[9, 9]]
    assert told.json()["render"] == {"visualization": None}


# --- whatever may come ------------------------------------------------------------------------------

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_BODIES = st.one_of(
    st.binary(max_size=200),
    _JSON.map(json.dumps).map(str.encode),
    st.fixed_dictionaries({"query": _JSON, "timespan": _JSON, "workspaces": _JSON}).map(json.dumps).map(str.encode),
    st.builds(lambda text: json.dumps({"query": text}).encode(), st.text(max_size=60)),
    st.builds(
        lambda parts: json.dumps({"query": " ".join(parts)}).encode(),
        st.lists(
            st.sampled_from(
                ["SigninLogs", "|", "where", "Id", "==", "'x'", "(", ")", "union", "*", "let", "=", ";", "summarize",
                 "count()", "by", "bin(", "1h", ",", "print", "join", "$left", "[", "]", "toscalar", "mv-expand",
                 "parse_json", "'/etc/passwd'", "project", "-1", "1e999", "datetime(", "Status.errorCode"]
            ),
            max_size=12,
        ),
    ),
    st.builds(lambda text: json.dumps({"query": "print 1", "timespan": text}).encode(), st.text(max_size=30)),
)  # fmt: skip


@settings(deadline=None, max_examples=80)
@given(body=_BODIES)
def test_whatever_comes_is_answered_or_refused_and_never_an_error_of_our_own(shared: Bank, body: bytes) -> None:
    lower(shared, requests=1_000_000)
    told = shared.post(body)
    assert told.status_code in (200, 400), body
    assert "Traceback" not in told.text
    assert told.status_code == 200 or told.json()["error"]["code"] == "BadArgumentError"


def test_a_body_that_is_too_large_or_too_deep_is_refused(bank: Bank) -> None:
    assert bank.post(b'{"query": "' + b"x" * 5_000_000 + b'"}').status_code == 413
    assert bank.post(b"[" * 100_000).status_code == 400
    assert bank.post(json.dumps({"query": "print 1" + " " * 200_000})).status_code == 400


def test_the_figures_are_taken_in_a_process_of_their_own() -> None:
    told = measure.taken(20_000)
    assert told["rows"] == 20_000
    assert told["kql_s"] > 0
    assert told["memory_mb"] < 300
