"""services/graph: what is asked of Graph, what is kept, what is said about the rest."""

import json
import os
import re
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth.clouds import Cloud
from mailauth.coverage import Coverage, Window
from mailauth.errors import AccessError, SourceError, UnreachableError
from mailauth.services import graph, segments
from mailauth.services.live import Run
from tests.graphserver import NOW, TENANT, Clock, Credential, Fault, World, cloud, days_ago, serving, sign_in

INTERACTIVE = "interactive sign-ins by legacy mail clients"
NON_INTERACTIVE = "non-interactive sign-ins by legacy mail clients"
ROPC = "password sign-ins by apps (ropc)"
SITES = "networks where members complete MFA"
OAUTH = "OAuth sign-ins for mail"
REACH = "how far back the sign-in log goes"


@pytest.fixture
def world() -> World:
    """A tenant in use: somebody signed in interactively three weeks ago."""
    return World(records=[sign_in(0, days_ago(22), "Browser", ipAddress="192.0.2.77")])


@pytest.fixture
def lab(world: World, tmp_path: Path) -> Iterator[Cloud]:
    with serving(world, tmp_path) as where:
        yield where


def fetch(
    lab: Cloud,
    world: World,
    folder: Path,
    *,
    now: datetime = NOW,
    window: Window | None = None,
    progress: Callable[[str], None] = lambda _: None,
    names: Sequence[str] = ("IMAP4",),
    **options: Any,
) -> dict[str, Coverage]:
    run = Run(
        lab,
        Credential(),
        TENANT,
        folder,
        window=window,
        progress=progress,
        clock=lambda: now,
        monotonic=world.clock.monotonic,
        sleep=world.clock.sleep,
    )
    return {record.what: record for record in graph.fetch(run, names=names, **options)}


def rows(folder: Path, table: str = "SigninLogs", what: str = "Id", where: str = "true") -> list[Any]:
    files = [str(path) for path in segments.found(folder)[table]]
    if not files:
        return []
    with segments.connect() as engine:
        text = f"SELECT DISTINCT {what} FROM read_parquet($files) WHERE {where} ORDER BY ALL"
        return [row[0] if len(row) == 1 else row for row in engine.execute(text, {"files": files}).fetchall()]


def test_legacy_sign_ins_land_in_the_table_of_their_kind(lab: Cloud, world: World, tmp_path: Path) -> None:
    quiet: dict[str, Any] = {"signInEventTypes": ["nonInteractiveUser"], "isInteractive": False}
    world.records += [sign_in(1, days_ago(5)), sign_in(2, days_ago(6), **quiet), sign_in(3, days_ago(7), "Browser")]
    found = fetch(lab, world, tmp_path / "graph")
    assert rows(tmp_path / "graph") == ["id-000001"]
    assert rows(tmp_path / "graph", "AADNonInteractiveUserSignInLogs", "Id, IsInteractive") == [("id-000002", False)]
    assert [found[INTERACTIVE].state, found[NON_INTERACTIVE].state] == ["complete", "complete"]
    assert found[INTERACTIVE].end == NOW


def test_everything_kept_is_readable_by_its_owner_only(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(1, days_ago(5))]
    fetch(lab, world, tmp_path / "graph")
    kept = [tmp_path / "graph", *(tmp_path / "graph").iterdir()]
    assert len(kept) > 2
    if os.name == "posix":
        assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in kept} == {0}


def test_a_quiet_month_costs_one_request_a_pass(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(number, days_ago(number)) for number in range(1, 29)]
    fetch(lab, world, tmp_path / "graph")
    assert len([text for text in world.filters() if "'IMAP4'" in text and "'interactiveUser'" in text]) == 1
    assert len(rows(tmp_path / "graph")) == 28


def test_a_busy_month_is_halved_until_it_fits_and_nothing_is_lost(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.page = 7
    times = [days_ago(0.05 + number * 0.21) for number in range(130)]
    midnights = [datetime(2026, 11, day, tzinfo=NOW.tzinfo) for day in range(1, 20)]
    world.records += [sign_in(number, when) for number, when in enumerate([*times, *midnights], start=1)]
    found = fetch(lab, world, tmp_path / "graph")
    assert len(rows(tmp_path / "graph")) == 149
    assert found[INTERACTIVE].state == "complete"


def test_a_day_of_many_pages_is_read_to_its_end(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.page = 5
    world.records += [sign_in(number, days_ago(5 + number / 2000)) for number in range(1, 400)]
    fetch(lab, world, tmp_path / "graph")
    assert len(rows(tmp_path / "graph")) == 399


def test_five_requests_in_ten_seconds_are_never_exceeded(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.limit = 5
    fetch(lab, world, tmp_path / "graph", names=("IMAP4", "POP3", "Authenticated SMTP"))
    assert len(world.asked) >= 10
    assert world.throttled == 0


def test_a_throttled_request_waits_as_long_as_it_is_told(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.faults = [Fault(429, "TooManyRequests", headers={"Retry-After": "37"}, times=2)]
    world.records += [sign_in(1, days_ago(5))]
    found = fetch(lab, world, tmp_path / "graph")
    assert world.clock.slept.count(37) == 2
    assert found[INTERACTIVE].state == "complete"


def test_a_log_that_throttles_to_the_end_says_so_by_a_code(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.faults = [Fault(429, "TooManyRequests", headers={"Retry-After": "37"}, times=10_000)]
    found = fetch(lab, world, tmp_path / "graph")
    assert found[INTERACTIVE].state == "unknown"
    assert found[INTERACTIVE].code == "throttled"
    world.faults = []
    assert {each.code for each in fetch(lab, world, tmp_path / "graph").values()} == {""}


def test_the_second_run_asks_for_the_newest_days_only(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(1, days_ago(5))]
    fetch(lab, world, tmp_path / "graph")
    world.asked.clear()
    fetch(lab, world, tmp_path / "graph", now=NOW + timedelta(hours=1))
    asked = [text for text in world.filters() if "'IMAP4'" in text]
    assert [text.split(" and ")[0] for text in asked] == ["createdDateTime ge 2026-11-18T00:00:00Z"] * 2


def test_a_record_that_came_late_is_found_by_the_next_run(lab: Cloud, world: World, tmp_path: Path) -> None:
    fetch(lab, world, tmp_path / "graph")
    world.records += [sign_in(1, days_ago(1))]
    fetch(lab, world, tmp_path / "graph", now=NOW + timedelta(hours=3))
    assert rows(tmp_path / "graph") == ["id-000001"]


def test_the_archive_keeps_what_the_log_has_forgotten(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(1, days_ago(28)), sign_in(2, days_ago(2))]
    fetch(lab, world, tmp_path / "graph")
    later = NOW + timedelta(days=14)
    world.records = [sign_in(2, days_ago(2)), sign_in(3, later - timedelta(days=4)), sign_in(4, later)]
    found = fetch(lab, world, tmp_path / "graph", now=later)
    assert rows(tmp_path / "graph") == ["id-000001", "id-000002", "id-000003"]
    assert found[INTERACTIVE].state == "complete"
    assert found[INTERACTIVE].start == datetime(2026, 10, 22, tzinfo=NOW.tzinfo)


def test_days_that_no_run_read_in_time_are_named(lab: Cloud, world: World, tmp_path: Path) -> None:
    fetch(lab, world, tmp_path / "graph")
    later = NOW + timedelta(days=40)
    world.records = [sign_in(1, later - timedelta(days=25))]
    found = fetch(lab, world, tmp_path / "graph", now=later)
    assert found[INTERACTIVE].state == "partial"
    assert "Not read: 2026-11-21 to 2026-11-30." in found[INTERACTIVE].reason


def test_a_killed_run_is_taken_up_where_it_stopped(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.page = 4
    world.records += [sign_in(number, days_ago(number / 3)) for number in range(1, 80)]
    fetch(lab, world, tmp_path / "whole")
    world.asked.clear()
    reached = threading.Event()

    def hang(_asked: object) -> None:
        if len(world.asked) == 25:
            reached.set()
            threading.Event().wait(20)

    world.before = hang
    victim = subprocess.Popen([sys.executable, "-c", _script(lab, tmp_path / "graph")])
    assert reached.wait(30)
    victim.kill()
    victim.wait()
    done = _finished(tmp_path / "graph")
    assert 5 < len(done) < 28

    world.before = lambda _asked: None
    world.asked.clear()
    found = fetch(lab, world, tmp_path / "graph")
    assert rows(tmp_path / "graph") == rows(tmp_path / "whole")
    assert found[INTERACTIVE].state == "complete"
    again = [text for text in world.filters() if "'IMAP4'" in text and "'interactiveUser'" in text]
    assert not [text for text in again for day in done if f"ge {day}T" in text]
    assert min(re.findall(r"ge (\d{4}-\d\d-\d\d)", " ".join(again))) > max(done)


def _script(lab: Cloud, folder: Path) -> str:
    return textwrap.dedent(f"""
        import sys
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        from tests import graphserver
        from mailauth.services import graph, live
        where = graphserver.cloud({lab.graph!r}, Path({str(lab.ca_file)!r}))
        run = live.Run(
            where, graphserver.Credential(), {TENANT!r}, Path({str(folder)!r}),
            clock=lambda: graphserver.NOW, sleep=lambda seconds: None,
        )
        graph.fetch(run, names=("IMAP4",))
    """)


def _finished(folder: Path) -> list[str]:
    days = json.loads((folder / "ledger.json").read_text(encoding="utf-8"))["days"]
    return sorted(days[graph.Pass("", "SigninLogs", "clientAppUsed eq 'IMAP4'").key])


def test_a_gateway_timeout_is_answered_with_smaller_bites(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(number, days_ago(5 + number / 100)) for number in range(1, 30)]
    world.faults = [Fault(504, "GatewayTimeout", times=99, when=lambda asked: int(asked.top) > 200)]
    found = fetch(lab, world, tmp_path / "graph", window=Window(days_ago(6), days_ago(5)))
    assert len(rows(tmp_path / "graph", where="ClientAppUsed = 'IMAP4'")) == 29
    assert {asked.top for asked in world.asked if "'IMAP4'" in asked.filter} == {"1000", "500", "200"}
    assert found[INTERACTIVE].state == "complete"


def test_a_window_that_never_answers_is_coverage_and_the_rest_is_read(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(1, days_ago(5), "POP3")]
    world.faults = [Fault(504, "GatewayTimeout", times=9999, when=lambda asked: "'IMAP4'" in asked.filter)]
    found = fetch(lab, world, tmp_path / "graph", names=("IMAP4", "POP3"), window=Window(days_ago(5.2), days_ago(4.9)))
    assert rows(tmp_path / "graph") == ["id-000001"]
    assert found[INTERACTIVE].state == "unknown"
    assert "504" in found[INTERACTIVE].reason


def test_a_link_that_ran_out_begins_its_window_again(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.page = 10
    world.records += [sign_in(number, days_ago(5 + number / 100)) for number in range(1, 30)]
    world.faults = [Fault(400, "BadRequest", "Skip token is no longer valid.", when=lambda asked: asked.token == "20")]
    found = fetch(lab, world, tmp_path / "graph")
    assert len(rows(tmp_path / "graph")) == 29
    assert found[INTERACTIVE].state == "complete"


@pytest.mark.parametrize(
    "foreign",
    [
        pytest.param("https://collector.example/graph", id="another host"),
        pytest.param("http://localhost/graph", id="no TLS"),
        pytest.param("https://localhost:1/graph", id="another port"),
    ],
)
def test_a_token_never_follows_a_link_to_another_place(lab: Cloud, world: World, tmp_path: Path, foreign: str) -> None:
    world.page, world.foreign = 3, foreign
    world.records += [sign_in(number, days_ago(5 + number / 100)) for number in range(1, 30)]
    found = fetch(lab, world, tmp_path / "graph")
    assert found[INTERACTIVE].state != "complete"
    assert "@odata.nextLink: found a link to" in found[INTERACTIVE].reason


def test_ropc_by_an_app_is_found_where_graph_honours_the_filter(lab: Cloud, world: World, tmp_path: Path) -> None:
    modern = "Mobile Apps and Desktop clients"
    world.records += [sign_in(1, days_ago(5), modern, authenticationProtocol="ropc", appId="app-1")]
    found = fetch(lab, world, tmp_path / "graph")
    assert rows(tmp_path / "graph", what="AppId", where="AuthenticationProtocol = 'ropc'") == ["app-1"]
    assert found[ROPC].state == "complete"


@pytest.mark.parametrize(
    ("habit", "said"),
    [
        pytest.param("ignored", "Graph ignored a filter", id="ignored"),
        pytest.param("refused", "Filtering on authenticationProtocol is not supported", id="refused"),
        pytest.param("blind", "lacks 1 of 1 known records", id="silently empty"),
    ],
)
def test_a_filter_that_graph_does_not_document_is_not_believed(
    lab: Cloud, world: World, tmp_path: Path, habit: str, said: str
) -> None:
    setattr(world, habit, frozenset({"authenticationProtocol"}))
    world.records += [sign_in(1, days_ago(5), authenticationProtocol="ropc")]
    found = fetch(lab, world, tmp_path / "graph")
    assert found[ROPC].state != "complete"
    assert said in found[ROPC].reason
    assert found[INTERACTIVE].state == "complete"


def test_a_sample_of_modern_sign_ins_to_exchange_is_read_beside(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.refused = frozenset({"authenticationProtocol"})
    modern = "Mobile Apps and Desktop clients"
    world.records += [sign_in(1, days_ago(5), modern, authenticationProtocol="ropc", appId="app-1")]
    found = fetch(lab, world, tmp_path / "graph")
    assert rows(tmp_path / "graph", what="AppId") == ["app-1"]
    assert "a sample was read" in found[ROPC].remedy


def test_networks_that_hold_mail_sign_ins_are_asked_who_completed_mfa(lab: Cloud, world: World, tmp_path: Path) -> None:
    mfa: dict[str, Any] = {"authenticationRequirement": "multiFactorAuthentication"}
    office6, elsewhere6 = "2001:db8:0:7:a::1", "2001:db8:0:8::1"
    world.records += [
        sign_in(1, days_ago(5), ipAddress="203.0.113.10"),
        sign_in(2, days_ago(5), ipAddress=office6),
        sign_in(3, days_ago(4), "Browser", ipAddress="203.0.113.10", **mfa),
        sign_in(4, days_ago(4), "Browser", ipAddress="203.0.113.10", **mfa),
        sign_in(5, days_ago(4), "Browser", ipAddress="198.51.100.9", **mfa),
        sign_in(6, days_ago(4), "Browser", ipAddress="2001:db8:0:7:b::2", **mfa),
        sign_in(7, days_ago(4), "Browser", ipAddress=elsewhere6, **mfa),
        sign_in(8, days_ago(4), "Browser", ipAddress="203.0.113.10"),
    ]
    found = fetch(lab, world, tmp_path / "graph")
    seen = rows(tmp_path / "graph", where="AuthenticationRequirement = 'multiFactorAuthentication'")
    assert seen == ["id-000003", "id-000004", "id-000006"]
    assert found[SITES].state == "complete"


def test_an_address_whose_prefix_others_share_is_no_error(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [
        sign_in(1, days_ago(5), ipAddress="2001:db8::1"),
        sign_in(
            2, days_ago(4), "Browser", ipAddress="2001:db8:9::1", authenticationRequirement="multiFactorAuthentication"
        ),
    ]
    found = fetch(lab, world, tmp_path / "graph")
    assert found[SITES].state == "complete"
    assert rows(tmp_path / "graph") == ["id-000001"]


def test_a_filter_on_the_address_that_graph_ignores_is_noticed(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.ignored = frozenset({"ipAddress"})
    mfa: dict[str, Any] = {"authenticationRequirement": "multiFactorAuthentication"}
    world.records += [sign_in(1, days_ago(5)), sign_in(2, days_ago(4), "Browser", ipAddress="192.0.2.1", **mfa)]
    found = fetch(lab, world, tmp_path / "graph")
    assert found[SITES].state == "partial"
    assert "Graph ignored the filter" in found[SITES].reason


def test_not_knowing_where_the_log_begins_does_not_stop_the_reading(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(1, days_ago(5))]
    world.faults = [Fault(504, "GatewayTimeout", times=9, when=lambda asked: asked.top == "1")]
    found = fetch(lab, world, tmp_path / "graph")
    assert (found[REACH].state, found[INTERACTIVE].state) == ("unknown", "complete")
    assert "504" in found[REACH].reason
    assert rows(tmp_path / "graph") == ["id-000001"]


def test_networks_are_asked_about_once_a_week_and_the_right_password_first(
    lab: Cloud, world: World, tmp_path: Path
) -> None:
    wrong: dict[str, Any] = {"status": {"errorCode": 50126, "failureReason": "wrong"}}
    stopped: dict[str, Any] = {"status": {"errorCode": 53003, "failureReason": "blocked"}}
    world.records += [sign_in(number, days_ago(number), ipAddress="198.51.100.1", **wrong) for number in range(1, 9)]
    world.records += [sign_in(20, days_ago(5), ipAddress="198.51.100.2", **stopped)]
    found = fetch(lab, world, tmp_path / "graph", site_limit=1)
    assert "1 of 2 networks asked about" in found[SITES].reason
    assert [text for text in world.filters() if "ipAddress eq '198.51.100.2'" in text]
    assert not [text for text in world.filters() if "ipAddress eq '198.51.100.1'" in text]
    world.asked.clear()
    fetch(lab, world, tmp_path / "graph", site_limit=1, now=NOW + timedelta(hours=2))
    assert not [text for text in world.filters() if "ipAddress eq '198.51.100.2'" in text]
    assert [text for text in world.filters() if "ipAddress eq '198.51.100.1'" in text]


def test_the_use_of_the_tenants_own_mail_app_is_read_with_its_app_only_sign_ins(
    lab: Cloud, world: World, tmp_path: Path
) -> None:
    app: dict[str, Any] = {"appId": "app-1", "clientAppUsed": "Mobile Apps and Desktop clients"}
    itself: dict[str, Any] = {"signInEventTypes": ["servicePrincipal"], "servicePrincipalId": "sp-1", "userId": ""}
    world.records += [sign_in(1, days_ago(5), **app), sign_in(2, days_ago(5), **(app | itself))]
    found = fetch(lab, world, tmp_path / "graph", registered=("app-1",))
    assert rows(tmp_path / "graph", where="AppId = 'app-1'") == ["id-000001"]
    assert rows(tmp_path / "graph", "AADServicePrincipalSignInLogs", "ServicePrincipalId") == ["sp-1"]
    assert found[OAUTH].state == "complete"


def test_known_mail_programs_are_asked_for_in_one_request_within_the_bounds_of_time(
    lab: Cloud, world: World, tmp_path: Path
) -> None:
    world.records += [
        sign_in(1, days_ago(5), "Mobile Apps and Desktop clients", appId="bird"),
        sign_in(2, days_ago(45), "Mobile Apps and Desktop clients", appId="mouse"),
        sign_in(3, days_ago(6), "Mobile Apps and Desktop clients", appId="other", resourceId="else"),
    ]
    fetch(lab, world, tmp_path / "graph", clients=("bird", "mouse"))
    assert rows(tmp_path / "graph") == ["id-000001"]
    assert len([text for text in world.filters() if "(appId eq 'bird' or appId eq 'mouse')" in text]) == 2


def test_mail_programs_of_the_facts_are_asked_for_and_outlook_is_not(lab: Cloud, world: World, tmp_path: Path) -> None:
    fetch(lab, world, tmp_path / "graph")
    (asked, _) = [text for text in world.filters() if "(appId eq '" in text]
    assert "9e5f94bc-e8a4-4e73-b8be-63364c29d753" in asked
    assert "d3590ed6-52b3-4102-aeff-aad2292ab01c" not in asked


def test_a_sample_says_that_it_is_one(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.page = 3
    world.records += [sign_in(number, days_ago(5 + number / 100), appId="app-1") for number in range(1, 30)]
    found = fetch(lab, world, tmp_path / "graph", names=(), registered=("app-1",))
    assert found[OAUTH].state == "partial"
    assert "Only the newest records were taken of 2026-11-15" in found[OAUTH].reason


@pytest.mark.parametrize(
    ("fault", "said", "remedy"),
    [
        pytest.param(
            Fault(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", times=99),
            "P1 or P2 licence",
            "audit log",
            id="no licence",
        ),
        pytest.param(
            Fault(403, "Authentication_MSGraphPermissionMissing", times=99),
            "may not read sign-in records",
            "AuditLog.Read.All",
            id="no permission",
        ),
        pytest.param(
            Fault(403, "Authentication_RequestFromUnsupportedUserRole", times=99),
            "no role",
            "Reports Reader",
            id="no role",
        ),
        pytest.param(
            Fault(403, "Authentication_ApplicationHasNoDirectoryReadAccess", times=99),
            "licence",
            "Directory.Read.All",
            id="no directory",
        ),
        pytest.param(Fault(401, "InvalidAuthenticationToken", times=99), "token", "Sign in again", id="no token"),
        pytest.param(Fault(503, "ServiceUnavailable", times=99), "503", "", id="down"),
    ],
)
def test_a_refusal_is_coverage_with_its_remedy(
    lab: Cloud, world: World, tmp_path: Path, fault: Fault, said: str, remedy: str
) -> None:
    world.faults = [fault]
    found = fetch(lab, world, tmp_path / "graph")
    for topic in (REACH, INTERACTIVE, NON_INTERACTIVE, ROPC, SITES, OAUTH):
        assert found[topic].state == "unknown"
        assert said in found[topic].reason
        assert remedy in found[topic].remedy
    assert not list((tmp_path / "graph").glob("*.parquet"))


def test_a_refusal_leaves_what_earlier_runs_read(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(1, days_ago(5))]
    fetch(lab, world, tmp_path / "graph")
    world.faults = [Fault(403, "Authentication_MSGraphPermissionMissing", times=99)]
    found = fetch(lab, world, tmp_path / "graph", now=NOW + timedelta(days=9))
    assert found[INTERACTIVE].state == "partial"
    assert found[INTERACTIVE].end == NOW
    assert "may not read sign-in records. Not read: 2026-11-21 to 2026-11-29." in found[INTERACTIVE].reason
    assert rows(tmp_path / "graph") == ["id-000001"]


def test_a_licence_check_that_fails_once_is_asked_again(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.faults = [Fault(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant")]
    assert fetch(lab, world, tmp_path / "graph")[INTERACTIVE].state == "complete"


def test_nothing_listening_is_coverage(world: World, tmp_path: Path) -> None:
    found = fetch(cloud("https://localhost:9/graph"), world, tmp_path / "graph")
    assert found[INTERACTIVE].state == "unknown"
    assert "cannot be reached" in found[INTERACTIVE].reason


@pytest.mark.parametrize(
    ("oldest", "state", "start"),
    [
        pytest.param(29.0, "complete", days_ago(30), id="30 days"),
        pytest.param(6.0, "partial", datetime(2026, 11, 14, tzinfo=NOW.tzinfo), id="7 days"),
        pytest.param(0.1, "partial", datetime(2026, 11, 20, tzinfo=NOW.tzinfo), id="since today"),
    ],
)
def test_how_far_back_the_log_goes_is_found_out(
    lab: Cloud, world: World, tmp_path: Path, oldest: float, state: str, start: datetime
) -> None:
    world.records = [sign_in(number, days_ago(oldest * number / 5), "Browser") for number in range(1, 6)]
    found = fetch(lab, world, tmp_path / "graph")
    assert (found[REACH].state, found[REACH].start) == (state, start)
    held = found[INTERACTIVE]
    assert held.state == "complete"
    assert held.start
    assert held.start >= start


def test_an_empty_log_is_no_proof_of_silence(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records = []
    found = fetch(lab, world, tmp_path / "graph")
    assert found[REACH].state == found[INTERACTIVE].state == "unknown"
    assert "nothing is logged" in found[INTERACTIVE].reason


def test_only_the_window_asked_for_is_read(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(number, days_ago(number)) for number in range(1, 20)]
    found = fetch(lab, world, tmp_path / "graph", window=Window(days_ago(10), days_ago(8)))
    assert rows(tmp_path / "graph") == ["id-000008", "id-000009", "id-000010"]
    assert found[INTERACTIVE].state == "complete"


def test_a_window_in_the_future_reads_nothing(lab: Cloud, world: World, tmp_path: Path) -> None:
    found = fetch(lab, world, tmp_path / "graph", window=Window(days_ago(-5), days_ago(-8)))
    assert found[INTERACTIVE].state == "absent"
    assert not [text for text in world.filters() if "IMAP4" in text]


def test_a_record_without_a_readable_time_is_counted_as_lost(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(1, days_ago(5)), sign_in(2, days_ago(5)) | {"createdDateTime": "soon"}]
    found = fetch(lab, world, tmp_path / "graph")
    assert rows(tmp_path / "graph") == ["id-000001"]
    assert (found[INTERACTIVE].state, found[INTERACTIVE].lost) == ("partial", 1)


def test_filters_that_differ_in_case_only_do_not_share_a_name() -> None:
    small, large = (graph.Pass("", "SigninLogs", f"clientAppUsed eq '{name}'") for name in graph.CLIENT_NAMES[6:8])
    assert small.where.lower() == large.where.lower()
    assert small.key.lower() != large.key.lower()


def test_progress_names_the_pass_and_what_it_found(lab: Cloud, world: World, tmp_path: Path) -> None:
    lines: list[str] = []
    world.records += [sign_in(1, days_ago(5))]
    fetch(lab, world, tmp_path / "graph", progress=lines.append)
    assert f"{INTERACTIVE}: clientAppUsed eq 'IMAP4', up to 20 Nov 09:30: 1 records" in lines


def test_an_hour_that_holds_more_than_is_read_at_once_makes_its_day_a_sample(
    lab: Cloud, world: World, tmp_path: Path
) -> None:
    world.page = 1
    world.records += [sign_in(number, days_ago(5 + number / 100_000)) for number in range(1, 30)]
    found = fetch(lab, world, tmp_path / "graph", window=Window(days_ago(6), days_ago(5)))
    assert found[INTERACTIVE].state == "partial"
    assert "Only the newest records were taken of 2026-11-15." in found[INTERACTIVE].reason


def test_a_folder_of_another_tenant_is_refused(lab: Cloud, world: World, tmp_path: Path) -> None:
    fetch(lab, world, tmp_path / "graph")
    with pytest.raises(SourceError, match="tenant_id: found 7c1d3b52"):
        graph.fetch(Run(lab, Credential(), "another", tmp_path / "graph", sleep=world.clock.sleep))


def test_a_damaged_ledger_is_read_anew(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(1, days_ago(5))]
    fetch(lab, world, tmp_path / "graph")
    (tmp_path / "graph" / "ledger.json").write_text('{"days": {"x": 3}}')
    assert fetch(lab, world, tmp_path / "graph")[INTERACTIVE].state == "complete"


def test_a_quote_in_a_name_stays_within_its_literal(lab: Cloud, world: World, tmp_path: Path) -> None:
    world.records += [sign_in(1, days_ago(5), "O'Mail' or id ne '")]
    fetch(lab, world, tmp_path / "graph", names=("O'Mail' or id ne '",))
    assert rows(tmp_path / "graph") == ["id-000001"]


def test_check_says_that_all_is_well_or_why_not(lab: Cloud, world: World, tmp_path: Path) -> None:
    graph.check(lab, Credential(), sleep=world.clock.sleep)
    world.faults = [Fault(403, "Authentication_MSGraphPermissionMissing", times=9)]
    with pytest.raises(AccessError, match=r"AuditLog\.Read\.All"):
        graph.check(lab, Credential(), sleep=world.clock.sleep)
    with pytest.raises(UnreachableError):
        graph.check(cloud("https://localhost:9"), Credential(), sleep=Clock().sleep)


def test_the_token_is_asked_for_graph_and_stands_in_no_file(lab: Cloud, world: World, tmp_path: Path) -> None:
    credential = Credential("secret-canary-token")
    world.records += [sign_in(1, days_ago(5))]
    run = Run(lab, credential, TENANT, tmp_path / "graph", sleep=world.clock.sleep)
    graph.fetch(run, names=("IMAP4",))
    assert "secret-canary" not in repr(run)
    assert set(credential.scopes) == {f"{lab.graph}/.default"}
    assert not [path for path in (tmp_path / "graph").iterdir() if b"secret-canary" in path.read_bytes()]
