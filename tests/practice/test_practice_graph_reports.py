"""The practice Graph's sign-in log, and the library's own reader of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from mailauth.errors import AccessError
from mailauth.services import audit, graph, live, segments
from practice.limits import GraphLimits
from tests import graphserver
from tests.practice.graphclient import Client, Lab, lab
from tests.practice.woodgrove import TENANT

V1, BETA = "/v1.0/auditLogs/signIns", "/beta/auditLogs/signIns"
INTERACTIVE = "signInEventTypes/any(t: t eq 'interactiveUser')"
QUIET = "signInEventTypes/any(t: t eq 'nonInteractiveUser')"


@pytest.fixture
def cloud() -> Iterator[Lab]:
    with lab() as found:
        yield found


@pytest.fixture(scope="module")
def logged() -> Iterator[Lab]:
    """A log that no test changes."""
    with lab() as found:
        record(found, 1, 1, clientAppUsed="Authenticated SMTP", status={"errorCode": 50126, "failureReason": "x"})
        record(found, 2, 2, appDisplayName="Scanner", appliedConditionalAccessPolicies=[{"displayName": "block"}])
        record(found, 3, 3, clientAppUsed="POP3", userPrincipalName="o'brien@woodgrove.example")
        record(found, 4, 4, **quiet(), incomingTokenType="refreshToken", authenticationProtocol="ropc")
        record(found, 5, 5, **of_app())
        record(found, 6, 20, clientAppUsed="POP3", ipAddress="2001:db8::7", location={"countryOrRegion": "FR"})
        record(found, 7, 40)
        yield found


def quiet() -> dict[str, Any]:
    return {"signInEventTypes": ["nonInteractiveUser"], "isInteractive": False}


def of_app() -> dict[str, Any]:
    return {"signInEventTypes": ["servicePrincipal"], "isInteractive": False, "servicePrincipalName": "Daemon"}


def record(found: Lab, number: int, days: float, **fields: Any) -> None:
    when = found.practice.backend.now() - timedelta(days=days)
    found.practice.backend.ledger.record(TENANT, graphserver.sign_in(number, when, **fields))


def numbers(client: Client, path: str = BETA, where: str = "", **options: str) -> list[int]:
    page = client.get(path, **({"filter": where} if where else {}), **options)
    return [int(one["id"].removeprefix("id-")) for one in page["value"]]


# What each version gives.


def test_v1_gives_interactive_sign_ins_and_two_dozen_properties(logged: Lab) -> None:
    assert numbers(logged.admin, V1) == [1, 2, 3, 6]
    row = logged.admin.get(V1)["value"][1]
    assert "authenticationDetails" not in row
    assert "userAgent" not in row
    assert {"clientAppUsed", "status", "riskEventTypes", "appliedConditionalAccessPolicies"} <= set(row)
    assert len(set(row)) <= 24


def test_v1_does_not_know_the_kind_of_a_sign_in(logged: Lab) -> None:
    status, code, message = logged.admin.refused("GET", V1, params={"$filter": QUIET})
    assert (status, code) == (400, "BadRequest")
    assert "Could not find a property named 'signInEventTypes'" in message


def test_beta_gives_interactive_sign_ins_unless_others_are_asked_for(logged: Lab) -> None:
    asked = {where: numbers(logged.admin, BETA, where) for where in ("", INTERACTIVE, QUIET)}
    assert asked == {"": [1, 2, 3, 6], INTERACTIVE: [1, 2, 3, 6], QUIET: [4]}
    assert numbers(logged.admin, BETA, "signInEventTypes/any(t: t eq 'servicePrincipal')") == [5]
    assert numbers(logged.admin, BETA, f"({INTERACTIVE} or {QUIET})") == [1, 2, 3, 4, 6]
    assert numbers(logged.admin, BETA, "signInEventTypes/any(t: t ne 'interactiveUser')") == [4]
    both = f"({QUIET} or signInEventTypes/any(t: t eq 'servicePrincipal'))"
    assert logged.admin.refused("GET", BETA, params={"$filter": both})[:2] == (400, "BadRequest")


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("clientAppUsed eq 'POP3'", [3, 6]),
        ("(clientAppUsed eq 'POP3' or clientAppUsed eq 'Authenticated SMTP')", [1, 3, 6]),
        ("userPrincipalName eq 'o''brien@woodgrove.example'", [3]),
        ("startswith(appDisplayName,'scan')", [2]),
        ("startsWith(ipAddress,'2001:db8:')", [6]),
        ("status/errorCode eq 50126", [1]),
        ("status/errorCode eq 0 and location/countryOrRegion eq 'FR'", [6]),
        ("id eq 'id-000003'", [3]),
        ("clientAppUsed ne 'POP3'", [1, 2]),
        ("not (clientAppUsed eq 'POP3')", [1, 2]),
        ("clientAppUsed eq 'pop3'", [3, 6]),
        ("clientAppUsed in ('POP3','IMAP4') and id ne 'id-000006'", [2, 3]),
        ("(clientAppUsed eq 'POP3' or status/errorCode eq 50126)", [1, 3, 6]),
    ],
)
def test_a_filter_finds_what_it_says(logged: Lab, where: str, expected: list[int]) -> None:
    assert numbers(logged.admin, BETA, where) == expected


def test_bounds_of_time_hold_for_both_sides_of_an_or_only_in_parentheses(logged: Lab) -> None:
    since = (datetime.now(UTC) - timedelta(days=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    either = "clientAppUsed eq 'Authenticated SMTP' or clientAppUsed eq 'POP3'"
    assert numbers(logged.admin, BETA, f"createdDateTime ge {since} and ({either})") == [1, 3]
    assert numbers(logged.admin, BETA, f"createdDateTime ge {since} and {either}") == [1, 3, 6]


def test_one_sign_in_can_be_asked_for(logged: Lab) -> None:
    assert logged.admin.get(f"{BETA}/id-000004")["authenticationProtocol"] == "ropc"
    assert logged.admin.refused("GET", f"{V1}/id-000004")[0] == 404


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"$filter": "colour eq 'red'"}, "Could not find a property named 'colour' on type 'microsoft.graph.signIn'."),
        ({"$filter": "clientAppUsed eq"}, "Invalid filter clause"),
        ({"$select": "colour"}, "Could not find a property named 'colour'"),
        ({"$top": "1001"}, "The limit of '1000' for Top query has been exceeded."),
        ({"$top": "many"}, "$top"),
        ({"$orderby": "userAgent"}, "createdDateTime"),
        ({"$skip": "3"}, "'$skip' is not supported by the service."),
        ({"$skiptoken": "x"}, "Skip token"),
    ],
)
def test_a_query_that_is_none_is_told_so(logged: Lab, options: dict[str, str], said: str) -> None:
    status, _, message = logged.admin.refused("GET", BETA, params=options)
    assert status == 400
    assert said in message


@pytest.mark.parametrize(
    ("habit", "found"),
    [("honoured", [4]), ("ignored", [4, 8]), ("refused", [])],
)
def test_what_becomes_of_a_filter_that_is_not_documented_can_be_chosen(
    cloud: Lab, habit: Literal["honoured", "ignored", "refused"], found: list[int]
) -> None:
    record(cloud, 4, 1, **quiet(), authenticationProtocol="ropc")
    record(cloud, 8, 2, **quiet())
    cloud.practice.backend.graph = GraphLimits(reports=0, unlisted_filters=habit)
    answer = cloud.admin.ask("GET", BETA, params={"$filter": f"authenticationProtocol eq 'ropc' and {QUIET}"})
    assert [int(one["id"][3:]) for one in answer.json().get("value", [])] == found
    assert answer.status_code == (400 if habit == "refused" else 200)


def test_newer_values_are_named_to_clients_that_ask_for_them(logged: Lab) -> None:
    prefer = {"Prefer": "include-unknown-enum-members"}
    said = [
        logged.admin.ask("GET", BETA, params={"$filter": QUIET}, headers=headers).json()["value"][0]
        for headers in ({}, prefer)
    ]
    assert [one["incomingTokenType"] for one in said] == ["unknownFutureValue", "refreshToken"]


# Pages.


def test_pages_are_newest_first_and_miss_nothing_where_moments_are_shared(cloud: Lab) -> None:
    moment = datetime.now(UTC) - timedelta(days=2)
    for number in range(1, 8):
        row = graphserver.sign_in(number, moment if number > 3 else moment - timedelta(hours=number))
        cloud.practice.backend.ledger.record(TENANT, row)
    for order, expected in (
        ("createdDateTime desc", [7, 6, 5, 4, 1, 2, 3]),
        ("createdDateTime", [3, 2, 1, 4, 5, 6, 7]),
    ):
        page = cloud.admin.get(BETA, top="2", orderby=order)
        read = [one["id"] for one in page["value"]]
        while "@odata.nextLink" in page:
            link = page["@odata.nextLink"]
            assert link.startswith(f"{cloud.practice.base_url}/graph/beta/auditLogs/signIns?")
            page = cloud.admin.session.get(link, headers={"Authorization": f"Bearer {cloud.admin.token}"}).json()
            assert len(page["value"]) <= 2
            read += [one["id"] for one in page["value"]]
        assert [int(one[3:]) for one in read] == expected


def test_the_link_to_the_next_page_lives_for_minutes(cloud: Lab) -> None:
    for number in range(3):
        record(cloud, number, number)
    client = cloud.admin
    link = client.get(BETA, top="1")["@odata.nextLink"]
    followed = {"Authorization": f"Bearer {client.token}"}
    assert client.session.get(link, headers=followed).status_code == 200
    cloud.practice.faults.clock.skew = timedelta(minutes=11)
    assert client.session.get(link, headers=followed).status_code == 400


def test_what_is_sealed_for_something_else_is_no_place_in_the_log(logged: Lab) -> None:
    keys = logged.practice.backend.keys
    for content in ({"kind": "code"}, {}):
        options = {"$skiptoken": keys.seal(content)}
        assert "invalid" in logged.admin.refused("GET", BETA, params=options)[2]


def test_a_sign_in_is_forgotten_when_the_tenant_keeps_it_no_longer(cloud: Lab) -> None:
    record(cloud, 1, 6)
    record(cloud, 2, 8)
    assert numbers(cloud.admin) == [1, 2]
    with cloud.practice.states.changing("woodgrove") as tenant:
        tenant.logs.retention_days = 7
    assert numbers(cloud.admin) == [1]


# Who may, and how often.


def test_reading_needs_the_permission_the_role_and_the_licence(cloud: Lab) -> None:
    daemon = cloud.app(cloud.made.daemon_principal, "Directory.Read.All")
    status, code, message = daemon.refused("GET", V1)
    assert (status, code) == (403, "Authentication_MSGraphPermissionMissing")
    assert "AuditLog.Read.All" in message
    ada = cloud.user(cloud.made.ada)
    assert ada.refused("GET", V1)[:2] == (403, "Authentication_RequestFromUnsupportedUserRole")
    cloud.made.estate.role(cloud.made.ada.id, "Reports Reader")
    cloud.practice.states.put(cloud.made.estate.tenant)
    assert ada.get(V1)["value"] == []
    with cloud.practice.states.changing("woodgrove") as tenant:
        tenant.premium = False
    assert ada.refused("GET", BETA) == (
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
        "Neither tenant is B2C or tenant doesn't have premium license",
    )


def test_what_policies_did_is_left_out_for_those_who_may_not_read_policies(logged: Lab) -> None:
    daemon = logged.made.daemon_principal
    for also, shown in (((), False), (("Policy.Read.All",), True)):
        rows = logged.app(daemon, "AuditLog.Read.All", *also).get(BETA)["value"]
        assert ("appliedConditionalAccessPolicies" in rows[1]) is shown


def test_an_app_may_ask_five_times_in_ten_seconds(cloud: Lab) -> None:
    cloud.practice.backend.graph = GraphLimits()
    daemon = cloud.app(cloud.made.daemon_principal, "AuditLog.Read.All")
    for _ in range(5):
        daemon.get(V1, top="1")
    answer = daemon.ask("GET", V1)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "TooManyRequests")
    wait = int(answer.headers["Retry-After"])
    assert 1 <= wait <= 10
    # Another app has its own five, and so has everything that is no report.
    cloud.admin.get(V1)
    daemon.refused("GET", "/users")
    cloud.practice.faults.clock.skew += timedelta(seconds=wait)
    daemon.get(V1)


def test_a_tenant_that_is_made_anew_has_not_asked_before(cloud: Lab) -> None:
    cloud.practice.backend.graph = GraphLimits(reports=1)
    assert [cloud.admin.ask("GET", V1).status_code for _ in range(2)] == [200, 429]
    cloud.forget()
    cloud.admin.get(V1)


def test_what_an_app_may_ask_in_all_tenants_is_limited_too(cloud: Lab) -> None:
    cloud.practice.backend.graph = GraphLimits(reports_everywhere=2)
    daemon = cloud.app(cloud.made.daemon_principal, "AuditLog.Read.All")
    assert [daemon.ask("GET", V1).status_code for _ in range(3)] == [200, 200, 429]


# The library's reader.


def fetch(found: Lab, folder: Path, **options: Any) -> dict[str, Any]:
    """Return what the library says of a run, for which waiting moves the cloud's clock instead."""

    def sleep(seconds: float) -> None:
        found.practice.faults.clock.skew += timedelta(seconds=seconds)

    backend = found.practice.backend
    run = live.Run(
        found.cloud(),
        graphserver.Credential(found.admin.token),
        TENANT,
        folder,
        clock=backend.now,
        monotonic=lambda: backend.now().timestamp(),
        sleep=sleep,
    )
    return {one.what: one for one in graph.fetch(run, **options)}


def ids(folder: Path, table: str) -> list[str]:
    files = [str(path) for path in segments.found(folder)[table]]
    if not files:
        return []
    with segments.connect() as engine:
        found = engine.execute("SELECT DISTINCT Id FROM read_parquet($files) ORDER BY Id", {"files": files}).fetchall()
    return [one for (one,) in found]


def test_the_librarys_reader_keeps_to_the_pace_and_misses_nothing(cloud: Lab, tmp_path: Path) -> None:
    cloud.practice.backend.graph = GraphLimits(report_page=10)
    record(cloud, 0, 22, clientAppUsed="Browser", ipAddress="192.0.2.77")
    for number in range(1, 40):
        record(cloud, number, number * 0.6)
    record(cloud, 50, 3, **quiet())
    record(cloud, 51, 3, clientAppUsed="Browser", authenticationProtocol="ropc")
    said = fetch(cloud, tmp_path / "graph", names=("IMAP4",), clients=())
    assert ids(tmp_path / "graph", "SigninLogs") == [f"id-{number:06}" for number in (*range(1, 40), 51)]
    assert ids(tmp_path / "graph", "AADNonInteractiveUserSignInLogs") == ["id-000050"]
    for topic in ("interactive sign-ins by legacy mail clients", "password sign-ins by apps (ropc)"):
        assert said[topic].state == "complete"


def test_the_librarys_reader_tells_a_filter_that_was_ignored(cloud: Lab, tmp_path: Path) -> None:
    record(cloud, 1, 3, clientAppUsed="Browser")
    cloud.practice.backend.graph = GraphLimits(reports=0, unlisted_filters="ignored")
    said = fetch(cloud, tmp_path / "graph", names=("IMAP4",), clients=())["password sign-ins by apps (ropc)"]
    assert said.state != "complete"
    assert "ignored a filter that it does not document" in said.reason


def test_the_librarys_reader_says_what_a_tenant_without_a_licence_needs(cloud: Lab, tmp_path: Path) -> None:
    with cloud.practice.states.changing("woodgrove") as tenant:
        tenant.premium = False
    said = fetch(cloud, tmp_path / "graph", names=("IMAP4",), clients=())
    assert {one.state for what, one in said.items() if "newest" not in what} == {"unknown"}
    assert "P1 or P2 licence" in said["interactive sign-ins by legacy mail clients"].reason
    with pytest.raises(AccessError, match="P1 or P2"):
        graph.check(cloud.cloud(), graphserver.Credential(cloud.admin.token), sleep=lambda _: None)


# The audit log.


def test_the_audit_log_answers_without_a_licence_and_names_no_protocol(cloud: Lab, tmp_path: Path) -> None:
    with cloud.practice.states.changing("woodgrove") as tenant:
        tenant.premium = False
    record(cloud, 1, 3)
    record(cloud, 2, 4, status={"errorCode": 50126, "failureReason": "Invalid username or password."})
    record(cloud, 3, 5, userAgent="Mozilla/5.0")
    client = cloud.user(cloud.made.admin, "AuditLogsQuery-Entra.Read.All")

    def sleep(seconds: float) -> None:
        cloud.practice.faults.clock.skew += timedelta(seconds=seconds)

    now = cloud.practice.backend.now
    run = live.Run(
        cloud.cloud(),
        graphserver.Credential(client.token),
        TENANT,
        tmp_path / "audit",
        clock=now,
        monotonic=lambda: now().timestamp(),
        sleep=sleep,
    )
    (said,) = audit.fetch(run)
    assert said.state == "partial"
    found = audit.rows(tmp_path / "audit")
    assert sorted((row.result, row.protocol, row.user_agent) for row in found) == [
        ("0", "", "BAV2ROPC"),
        ("50126", "", "BAV2ROPC"),
    ]


def test_a_search_of_the_audit_log_is_done_after_a_while(cloud: Lab) -> None:
    record(cloud, 1, 3)
    client = cloud.user(cloud.made.admin, "AuditLogsQuery.Read.All")
    now = cloud.practice.backend.now()
    query = {
        "filterStartDateTime": (now - timedelta(days=9)).isoformat(),
        "filterEndDateTime": now.isoformat(),
        "operationFilters": ["UserLoggedIn"],
    }
    path = "/beta/security/auditLog/queries"
    made = client.post(path, query)
    assert made["status"] == "notStarted"
    assert client.get(f"{path}/{made['id']}/records")["value"] == []
    cloud.practice.faults.clock.skew = timedelta(seconds=10)
    assert client.get(f"{path}/{made['id']}")["status"] == "succeeded"
    (found,) = client.get(f"{path}/{made['id']}/records")["value"]
    assert (found["operation"], found["auditData"]["RecordType"]) == ("UserLoggedIn", 15)
    assert "IMAP" not in str(found)
    assert client.refused("POST", path, {**query, "filterEndDateTime": "soon"})[0] == 400
    assert cloud.app(cloud.made.daemon_principal, "AuditLog.Read.All").refused("POST", path, query)[0] == 403


SEARCHES = "/beta/security/auditLog/queries"


def search(**filters: Any) -> dict[str, Any]:
    """Return a search in the last nine days."""
    now = datetime.now(UTC)
    start = now - timedelta(days=9)
    return {"filterStartDateTime": start.isoformat(), "filterEndDateTime": now.isoformat(), **filters}


def test_the_last_hundred_searches_are_kept_until_the_tenant_is_made_anew(cloud: Lab) -> None:
    client = cloud.admin
    made = [client.post(SEARCHES, search(displayName=f"{number}"))["id"] for number in range(101)]
    assert client.refused("GET", f"{SEARCHES}/{made[0]}")[0] == 404
    assert client.get(f"{SEARCHES}/{made[1]}")["displayName"] == "1"
    cloud.forget()
    assert client.get(SEARCHES)["value"] == []
    assert client.refused("GET", f"{SEARCHES}/{made[100]}")[0] == 404


@pytest.mark.parametrize(
    "names",
    ["UserLoggedIn", [1], ["x"] * 101, ["x" * 321]],
    ids=["no list", "no text", "too many", "too long"],
)
def test_a_search_that_holds_more_than_a_search_needs_is_refused(logged: Lab, names: Any) -> None:
    for field in ("operationFilters", "userPrincipalNameFilters", "objectIdFilters"):
        status, _, said = logged.admin.refused("POST", SEARCHES, search(**{field: names}))
        assert status == 400
        assert field in said
    logged.admin.post(SEARCHES, search(operationFilters=["x" * 320] * 100))
