"""The queries' answers: by hand, against plain Python, on every engine, and in slices."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailauth import answers, kql, networks
from mailauth.answers import Parameters, ask
from mailauth.coverage import Coverage, Window
from mailauth.engines import Engine, Reply, Schema
from mailauth.errors import ConfigurationError, UnreachableError
from mailauth.services import archive, segments
from mailauth.services.kusto import Kusto
from mailauth.services.workspace import Workspace
from mailauth.summary import Answers, MailRow, NetworkRow, NoiseTotal, TableDay
from tests import reference, signinrows
from tests.kustocluster import serving as serving_kusto
from tests.loganalytics import WORKSPACE, Credential, Service, serving
from tests.signinrows import END, EXCHANGE, GRAPH, MAIL_APP, SHELL, START, STRANGER, app, modern, row, scopes, steps

WINDOW = Window(START, END)
NOW = END + timedelta(hours=9)
PARAMETERS = Parameters(
    right=("53003", "530035", "50074", "50076", "50055"),
    interrupted=("50074", "50076"),
    nobody=("50034", "90072"),
    regular_days=3,
    spray_victims=3,
    site_people=2,
    registered_apps=(MAIL_APP,),
    not_password=("50140", "700082"),
    tenant_id=signinrows.TENANT,
)
NOON = START + timedelta(days=3, hours=12)

Open = Callable[[signinrows.Tables], Engine]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Open]:
    """Open the archive over rows that were written to segments."""
    with ExitStack() as stack:

        def opened(tables: signinrows.Tables) -> Engine:
            fetched = tmp_path / "fetched"
            for table, rows in tables.items():
                segments.write(fetched / f"{table}.test.parquet", table, rows)
            made = archive.open(signinrows.TENANT, [], base=tmp_path, cache=tmp_path / "cache", fetched=fetched)
            return stack.enter_context(made)

        yield opened


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Open]:
    """Serve rows as a workspace and open it with the real client."""
    with ExitStack() as stack:

        def opened(tables: signinrows.Tables) -> Engine:
            cloud = stack.enter_context(serving(Service(tables), tmp_path))
            return stack.enter_context(Workspace(cloud, Credential(), WORKSPACE))

        yield opened


@pytest.fixture
def kusto(tmp_path: Path) -> Iterator[Open]:
    """Serve rows as a Kusto database and open it with the real client."""
    with ExitStack() as stack:

        def opened(tables: signinrows.Tables) -> Engine:
            cloud, cluster = stack.enter_context(serving_kusto(tables, tmp_path))
            return stack.enter_context(Kusto(cloud, Credential(), cluster, "memory"))

        yield opened


@pytest.fixture(params=["files", "workspace", "kusto"])
def every_engine(request: pytest.FixtureRequest) -> Open:
    """Each engine in turn."""
    found: Open = request.getfixturevalue(request.param)
    return found


@pytest.fixture(params=["files", *(pytest.param(name, marks=pytest.mark.full) for name in ("workspace", "kusto"))])
def open_engine(request: pytest.FixtureRequest) -> Open:
    """As `every_engine`, for claims about a query's own text: whether each engine runs it alike is tested once."""
    found: Open = request.getfixturevalue(request.param)
    return found


def tables(*interactive: signinrows.Row, **more: list[signinrows.Row]) -> signinrows.Tables:
    """Return tables with *interactive* in the first."""
    return {
        "SigninLogs": list(interactive),
        "AADNonInteractiveUserSignInLogs": more.get("silent", []),
        "AADServicePrincipalSignInLogs": more.get("apps", []),
    }


def asked(engine: Engine, parameters: Parameters = PARAMETERS, window: Window = WINDOW) -> Answers:
    return ask(engine, window=window, parameters=parameters, now=NOW)


def test_a_sender_is_counted_once_however_often_its_rows_repeat(every_engine: Open) -> None:
    first = row("scanner", NOON, AuthenticationDetails="[]", UserAgent="early")
    fuller = {**first, "AuthenticationDetails": steps("Password")}
    late = {**fuller, "TimeGenerated": first["TimeGenerated"] + timedelta(minutes=30), "UserAgent": "late"}
    second = row("Scanner", NOON + timedelta(hours=1), UserAgent="late")
    found = asked(every_engine(tables(first, fuller, late, dict(late), second)))
    assert found.mail == (
        MailRow(
            day=datetime(2026, 10, 27, tzinfo=UTC),
            user="scanner@fabrikam.example",
            user_id=max(first["UserId"], second["UserId"]),
            population="member",
            client_app="Authenticated SMTP",
            protocol="ropc",
            app_id=EXCHANGE,
            app="Office 365 Exchange Online",
            resource="Office 365 Exchange Online",
            network="203.0.113.10",
            asn="64500",
            country="GB",
            step="password",
            result="0",
            note="",
            risk="",
            interactive=True,
            sign_ins=2,
            first=NOON,
            last=NOON + timedelta(hours=1),
            user_agent="late",
            source=found.mail[0].source,
        ),
    )
    day = datetime(2026, 10, 27, tzinfo=UTC)
    assert found.tables == (
        TableDay(
            "SigninLogs",
            day,
            signinrows.TENANT,
            rows=5,
            sign_ins=2,
            with_requirement=5,
            with_steps=4,
            first=NOON,
            last=NOON + timedelta(hours=1),
            lag_s=39 * 60,
            source=found.mail[0].source,
        ),
    )


def test_of_copies_that_are_equal_in_all_that_matters_the_same_one_counts_in_any_order(open_engine: Open) -> None:
    one = row("scanner", NOON, "203.0.113.10", UserAgent="early", AutonomousSystemNumber="64501")
    other = {**one, "IPAddress": "203.0.113.9", "UserAgent": "late", "AutonomousSystemNumber": "64500"}
    for copies in ((one, other), (other, one)):
        (found,) = asked(open_engine(tables(*copies))).mail
        assert (found.network, found.user_agent, found.asn, found.sign_ins) == ("203.0.113.9", "late", "64500", 1)


def test_one_id_under_two_names_is_two_sign_ins(open_engine: Open) -> None:
    one = row("scanner", NOON)
    other = row("erp", NOON + timedelta(hours=1), Id=one["Id"])
    found = asked(open_engine(tables(one, other, dict(other))))
    assert sorted((each.user.partition("@")[0], each.sign_ins) for each in found.mail) == [("erp", 1), ("scanner", 1)]


def test_rows_without_an_id_are_each_a_sign_in_of_their_own(files: Open) -> None:
    found = asked(files(tables(row("erp", NOON, Id=""), row("erp", NOON, Id=""), row("erp", NOON))))
    assert sum(one.sign_ins for one in found.mail) == 3


def test_a_certificate_with_an_interrupted_row_first_is_one_success(open_engine: Open) -> None:
    phone = {"ClientAppUsed": "Exchange ActiveSync", "CorrelationId": "one", "AuthenticationProtocol": "none"}
    found = asked(
        open_engine(
            tables(
                row("dora", NOON, ResultType="50074", AuthenticationDetails="[]", **phone),
                row("dora", NOON, AuthenticationDetails=steps("Password", "X.509 CERTIFICATE"), **phone),
            )
        )
    )
    assert [(one.step, one.result, one.sign_ins) for one in found.mail] == [("certificate", "0", 1)]


def test_an_interrupted_row_of_somebody_else_does_not_fold_into_a_success(files: Open) -> None:
    found = asked(
        files(
            tables(
                row("dora", NOON, ResultType="50076", CorrelationId="shared"), row("erp", NOON, CorrelationId="shared")
            )
        )
    )
    assert sorted(one.result for one in found.mail) == ["0", "50076"]


def test_failures_from_passing_networks_stand_together_and_a_sender_under_attack_does_not_vanish(
    open_engine: Open,
) -> None:
    attack = [
        row("scanner", NOON + timedelta(minutes=number), f"198.51.100.{number}", ResultType="50126")
        for number in range(1, 21)
    ]
    found = asked(open_engine(tables(row("scanner", NOON), *attack)))
    alone, together = sorted(found.mail, key=lambda one: one.network == "")
    assert (alone.network, alone.result, alone.sign_ins, alone.networks, alone.collapsed) == (
        "203.0.113.10",
        "0",
        1,
        1,
        False,
    )
    assert (together.user, together.result, together.sign_ins, together.networks, together.collapsed) == (
        "scanner@fabrikam.example",
        "50126",
        20,
        20,
        True,
    )
    assert found.noise == (NoiseTotal(20, 20, 0),)


def test_names_that_do_not_exist_are_counted_and_never_named(files: Open) -> None:
    zero = "00000000-0000-0000-0000-000000000000"
    ghosts = [
        row(f"ghost{number}", NOON, f"198.51.100.{number % 3}", ResultType="50034", UserId="") for number in range(9)
    ]
    found = asked(files(tables(*ghosts, row("ghost0", NOON, "192.0.2.1", ResultType="50053", UserId=zero))))
    assert {(one.user, one.user_id, one.population) for one in found.mail} == {("", "", "nobody")}
    assert {one.result: (one.sign_ins, one.networks, one.names) for one in found.mail} == {
        "50034": (9, 3, 9),
        "50053": (1, 1, 1),
    }
    assert found.noise == (NoiseTotal(10, 4, 9),)


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param([row("erp", NOON, "198.51.100.5", ResultType="53003")], id="the password was right"),
        pytest.param(
            [row("erp", NOON, "198.51.100.5", ResultType="50126"), modern("dora", NOON, "198.51.100.5")],
            id="a member completed MFA there",
        ),
        pytest.param([row("erp", NOON, "198.51.100.200", ResultType="50126")], id="a person named the network"),
        pytest.param(
            [row("erp", NOON + timedelta(days=day), "198.51.100.5", ResultType="50126") for day in range(3)],
            id="failing is a habit there",
        ),
    ],
)
def test_failures_keep_their_network_where(kept: list[signinrows.Row], files: Open) -> None:
    named = replace(PARAMETERS, named_networks=("198.51.100.192/26",))
    found = asked(files(tables(*kept)), named)
    assert all(one.network.startswith("198.51.100.") and one.user for one in found.mail)
    assert not found.noise


def test_a_habit_of_a_spraying_network_is_still_an_attack(files: Open) -> None:
    sprayed = [
        row(user, NOON + timedelta(days=day), "198.51.100.5", ResultType="50126")
        for user in ("erp", "dora", "scanner")
        for day in range(4)
    ]
    found = asked(files(tables(*sprayed)))
    assert all(one.collapsed for one in found.mail)
    assert {one.user for one in found.mail} == {f"{user}@fabrikam.example" for user in ("erp", "dora", "scanner")}


def test_many_accounts_under_attack_stand_together_and_a_sender_keeps_its_name(files: Open) -> None:
    attacked = [row(f"user{number}", NOON, f"198.51.100.{number}", ResultType="50126") for number in range(5)]
    few = replace(PARAMETERS, listed_accounts=3)
    found = asked(files(tables(row("user0", NOON), *attacked)), few)
    together = [one for one in found.mail if one.collapsed]
    assert {(one.user, one.sign_ins, one.networks, one.names) for one in together} == {
        ("user0@fabrikam.example", 1, 1, 0),
        ("", 4, 4, 4),
    }


def test_networks_say_who_completed_mfa_and_who_failed_there(open_engine: Open) -> None:
    found = asked(
        open_engine(
            tables(
                row("scanner", NOON),
                row("erp", NOON, ResultType="50126"),
                modern("dora", NOON, UserId="D"),
                modern("dora", NOON, "192.0.2.77", UserId="D"),
                modern("guest", NOON, UserType="Guest"),
                modern("partner", NOON, CrossTenantAccessType="serviceProvider"),
                modern("single", NOON, AuthenticationRequirement="singleFactorAuthentication"),
                silent=[modern("max", NOON, UserId="M", ClientAppUsed="Mobile Apps and Desktop clients")],
            )
        )
    )
    erp = row("erp", NOON)["UserId"]
    assert set(found.networks) == {
        NetworkRow("203.0.113.10", "site", "", 2),
        NetworkRow("203.0.113.10", "spray", erp, 1),
    }


def test_one_person_with_mfa_is_named_so_that_slices_can_be_united(files: Open) -> None:
    found = asked(files(tables(row("scanner", NOON), modern("dora", NOON, UserId="D"))))
    assert found.networks == (NetworkRow("203.0.113.10", "site", "d", 1),)


def test_an_ipv6_sender_is_its_64_and_an_ipv4_inside_ipv6_is_itself(open_engine: Open) -> None:
    found = asked(
        open_engine(
            tables(
                row("erp", NOON, "2001:db8:0:5::1"),
                row("erp", NOON, "2001:DB8:0:5:9:9:9:9"),
                row("erp", NOON, "::ffff:203.0.113.10"),
                row("erp", NOON, "::FFFF:203.0.113.11"),
                modern("dora", NOON, "203.0.113.11", UserId="D"),
            )
        )
    )
    assert {one.network: one.sign_ins for one in found.mail} == {
        "2001:0db8:0000:0005::/64": 2,
        "203.0.113.10": 1,
        "203.0.113.11": 1,
    }
    assert found.networks == (NetworkRow("203.0.113.11", "site", "d", 1),)


ADDRESSES = (
    "203.0.113.10",
    " 203.0.113.10 ",
    "::ffff:203.0.113.10",
    "::FFFF:203.0.113.11",
    "0:0:0:0:0:ffff:203.0.113.11",
    "2001:db8::1",
    "2001:DB8:0:0:5::9",
    "2001:db8:1:2:3:4:5:6",
    "::1",
)


def test_the_query_the_core_and_the_named_networks_agree_on_what_is_one_network(files: Open) -> None:
    rows = [row(f"user{number}", NOON, address) for number, address in enumerate(ADDRESSES)]
    found = asked(files(tables(*rows)))
    spelled = {ADDRESSES[int(one.user.partition("@")[0].removeprefix("user"))]: one.network for one in found.mail}
    assert set(spelled) == set(ADDRESSES)
    for address, network in spelled.items():
        assert networks.canonical(network) == networks.canonical(address)
        pattern = answers.network_pattern([address])
        assert {other for other in spelled if re.search(pattern, spelled[other])} == {
            other for other in spelled if networks.canonical(other) == networks.canonical(address)
        }


def test_another_tenants_rows_are_counted_nowhere_but_in_the_coverage(open_engine: Open) -> None:
    strange = {"AADTenantId": STRANGER, "HomeTenantId": STRANGER, "ResourceTenantId": STRANGER}
    token = {"AuthenticationProcessingDetails": scopes("IMAP.AccessAsUser.All")}
    engine = open_engine(
        tables(
            row("erp", NOON),
            row("erp", NOON, AADTenantId=""),
            row("erp", NOON, ResultType="50126", **strange),
            modern("dora", NOON, **strange, **token),
            modern("dora", NOON, **token),
            silent=[row("max", NOON, **strange), modern("max", NOON, **strange, **token)],
            apps=[
                app(MAIL_APP, NOON, AADTenantId=STRANGER),
                app(MAIL_APP, NOON, AADTenantId=signinrows.TENANT.upper()),
            ],
        )
    )
    found = asked(engine)
    assert [(one.user, one.result, one.sign_ins) for one in found.mail] == [("erp@fabrikam.example", "0", 2)]
    assert [(one.fact, one.people) for one in found.networks] == [("site", 1)]
    assert {(one.user, one.sign_ins) for one in found.adoption} == {("", 1), ("dora@fabrikam.example", 1)}
    assert {one.tenant_id for one in found.tables} == {"", signinrows.TENANT, STRANGER}
    everybody = asked(engine, replace(PARAMETERS, tenant_id="fabrikam.example"))
    assert sum(one.sign_ins for one in everybody.mail) == 4


def test_certificates_and_tokens_make_nobody_a_victim_of_a_network(open_engine: Open) -> None:
    phone = {"ClientAppUsed": "Exchange ActiveSync", "AuthenticationDetails": steps("X.509 Certificate")}
    found = asked(
        open_engine(
            tables(
                row("erp", NOON),
                row("dora", NOON, ResultType="50126", **phone),
                row("max", NOON, ResultType="53003", **phone),
                row("ida", NOON, ResultType="700082"),
                row("jon", NOON, ResultType="50126", UserId="J"),
            )
        )
    )
    assert found.networks == (NetworkRow("203.0.113.10", "spray", "j", 1),)


def test_of_two_copies_that_say_the_same_the_interactive_one_counts(open_engine: Open) -> None:
    one = row("erp", NOON, UserAgent="a person")
    found = asked(open_engine(tables(one, silent=[{**one, "UserAgent": "a token", "IsInteractive": False}])))
    assert [(row.interactive, row.user_agent, row.sign_ins) for row in found.mail] == [(True, "a person", 1)]


def test_adoption_is_of_members_and_counts_a_sign_in_once(open_engine: Open) -> None:
    token = {"AuthenticationProcessingDetails": scopes("IMAP.AccessAsUser.All")}
    one = modern("erp", NOON, **token)
    found = asked(
        open_engine(
            tables(
                one,
                dict(one),
                {**one, "Id": ""},
                modern("ann", NOON, UserType="Guest", **token),
                modern("bob", NOON, HomeTenantId=GRAPH, **token),
                modern("cat", NOON, CrossTenantAccessType="serviceProvider", **token),
            )
        )
    )
    assert [(each.user, each.sign_ins) for each in found.adoption] == [("erp@fabrikam.example", 2)]


def test_ropc_and_blank_clients_are_split_by_whose_they_are(open_engine: Open) -> None:
    to_graph = {"ResourceDisplayName": "Microsoft Graph", "ResourceIdentity": GRAPH}
    token = {"ClientAppUsed": "Mobile Apps and Desktop clients", "AppId": MAIL_APP}
    found = asked(
        open_engine(
            tables(
                row("erp", NOON, **token),
                row("erp", NOON, **token, **to_graph),
                row("erp", NOON, ClientAppUsed="Other clients", AppId=GRAPH, **to_graph),
                row("admin", NOON, ClientAppUsed="Other clients", AppId=SHELL, **to_graph),
                row("dora", NOON, ClientAppUsed="", AppId=GRAPH, AuthenticationProtocol="none", **to_graph),
                row("dora", NOON, ClientAppUsed="", AuthenticationProtocol="none"),
                row("max", NOON, ClientAppUsed=" Browser ", AuthenticationProtocol="none"),
            )
        )
    )
    assert sorted((one.user.partition("@")[0], one.app_id) for one in found.mail) == [
        ("admin", SHELL),
        ("dora", EXCHANGE),
        ("erp", MAIL_APP),
    ]
    assert found.not_mail == {"ropc elsewhere": 2, "blank client": 1}


@pytest.mark.parametrize(
    ("columns", "population"),
    [
        ({"UserType": "guest"}, "guest"),
        ({"HomeTenantId": GRAPH}, "guest"),
        ({"HomeTenantId": ""}, "member"),
        ({"CrossTenantAccessType": "serviceProvider", "HomeTenantId": GRAPH}, "partner"),
        ({"ResultType": "53003", "UserId": ""}, "member"),
    ],
)
def test_a_population_is(columns: dict[str, str], population: str, files: Open) -> None:
    assert [one.population for one in asked(files(tables(row("erp", NOON, **columns)))).mail] == [population]


def test_locked_and_malicious_are_told_apart_and_so_is_risk(files: Open) -> None:
    bad = "Sign-in was blocked because it came from an IP address with Malicious activity."
    found = asked(
        files(
            tables(
                row("erp", NOON, ResultType="50053", ResultDescription=bad),
                row("erp", NOON, ResultType="50053", ResultDescription="The account is locked."),
                row("erp", NOON, RiskLevelDuringSignIn="High"),
            )
        )
    )
    assert sorted((one.result, one.note, one.risk) for one in found.mail) == [
        ("0", "", "high"),
        ("50053", "", ""),
        ("50053", "malicious address", ""),
    ]


def test_adoption_counts_tokens_for_mail_and_the_registered_apps(open_engine: Open) -> None:
    found = asked(
        open_engine(
            tables(
                modern("erp", NOON, AppId=GRAPH, AuthenticationProcessingDetails=scopes("IMAP.AccessAsUser.All")),
                modern("erp", NOON, AppId=GRAPH, AuthenticationProcessingDetails=scopes("SMTP.Send", "openid")),
                modern("erp", NOON, AppId=GRAPH, AuthenticationProcessingDetails=scopes("Mail.Read", "XPOP.Read")),
                modern("erp", NOON, AuthenticationProcessingDetails=scopes("POP.A"), ResultType="50126"),
                row("erp", NOON, AuthenticationProcessingDetails=scopes("EWS.AccessAsUser.All", "IMAP.A")),
                silent=[modern("erp", NOON, AppId=MAIL_APP.upper(), AppDisplayName="Relay")],
                apps=[app(MAIL_APP, NOON), app(GRAPH, NOON), app(MAIL_APP, NOON, ResourceIdentity=GRAPH, Id="x")],
            )
        )
    )
    told = sorted(
        (one.user.partition("@")[0], one.app_id, one.imap, one.pop, one.smtp, one.registered, one.sign_ins)
        for one in found.adoption
    )
    assert told == [
        ("", MAIL_APP, False, False, False, True, 2),
        ("erp", GRAPH, True, False, True, False, 3),
        ("erp", MAIL_APP, False, False, False, True, 1),
    ]


def test_what_a_policy_that_only_reports_said_is_counted_once_for_each_sign_in_that_went_through(
    every_engine: Open,
) -> None:
    stops, spares = (
        signinrows.policies(("P-1", "reportOnlyFailure")),
        signinrows.policies(("p-1", "reportOnlyNotApplied")),
    )
    asks = signinrows.policies(("p-1", "reportOnlyInterrupted"), ("p-2", "success"))
    early = row("erp", NOON)
    found = asked(
        every_engine(
            tables(
                early,
                {**early, "ConditionalAccessPolicies": stops},
                row("erp", NOON, ConditionalAccessPolicies=asks),
                row("erp", NOON, ConditionalAccessPolicies=spares),
                row("erp", NOON, ConditionalAccessPolicies="[]"),
                row("erp", NOON),
                row("erp", NOON, ConditionalAccessPolicies=stops, ResultType="50126"),
                row("erp", NOON, ConditionalAccessPolicies=stops, ClientAppUsed="Browser"),
                row("erp", NOON, ConditionalAccessPolicies=stops, ClientAppUsed="", AppId=GRAPH),
                silent=[row("erp", NOON, ConditionalAccessPolicies=stops)],
            )
        )
    )
    told = sorted((one.policy_id, one.policy, one.sign_ins, one.carried, one.stopped) for one in found.policies)
    assert told == [("", "", 6, 5, 0), ("p-1", "Block old clients", 4, 4, 3)]


def test_what_a_policy_said_that_cannot_be_read_is_carried_and_says_nothing(every_engine: Open) -> None:
    broken = (
        "reportOnlyFailure, nobody knows of whom",
        '{"result": "reportOnlyFailure"}',
        '[7, "reportOnlyFailure", null]',
    )
    found = asked(every_engine(tables(*(row("erp", NOON, ConditionalAccessPolicies=each) for each in broken))))
    assert {(one.policy_id, one.stopped) for one in found.policies} == {("", 0)}


def test_five_policies_are_told_apart_the_newest_that_stops_first_and_how_many_were_not_is_said(
    open_engine: Open,
) -> None:
    hostile = "<script>alert('x')</script>\n=1+1|\"\\u0041 🖨" + "x" * 300
    many = [(f"p{number}", "reportOnlyNotApplied") for number in range(9)]
    rows = [
        row("erp", NOON, ConditionalAccessPolicies=signinrows.policies(*many)),
        row("erp", NOON, ConditionalAccessPolicies=signinrows.policies(("p8", "reportOnlyFailure"), name=hostile)),
    ]
    found = asked(open_engine(tables(*rows)))
    told = {one.policy_id: (one.policy, one.stopped) for one in found.policies if one.policy_id}
    assert told.keys() == {"p0", "p1", "p2", "p3", "p8"}
    assert told["p8"] == (max(hostile[:200], "Block old clients"), 1)
    (limit,) = [one for one in found.coverage if one.what == "what policies that only report said"]
    assert (limit.state, limit.reason) == (
        "partial",
        "4 further policies that only report spoke of old clients, and what they said is not counted.",
    )


def test_a_policy_that_is_listed_is_told_apart_whatever_five_others_stop(open_engine: Open) -> None:
    many = [(f"mfa{number}", "reportOnlyInterrupted") for number in range(5)]
    everyday = [
        row("erp", NOON + timedelta(days=6 * step), ConditionalAccessPolicies=signinrows.policies(*many, *spares))
        for step, spares in enumerate([[("Block-Old", "reportOnlyNotApplied")], [], [], []])
    ]
    listing = replace(PARAMETERS, listed_policies=("BLOCK-old",))
    engine = open_engine(tables(*everyday))
    found = asked(engine, listing)
    told = {one.policy_id for one in found.policies if one.policy_id}
    assert told == {"block-old", *(policy for policy, _ in many)}
    assert not [one for one in found.coverage if one.what == "what policies that only report said"]
    # In each half the five others are other ones where an engine gives parts: the listed one is whole all the same.
    halves = asked(Parts(engine, timedelta(days=15)), listing)
    assert sum(one.sign_ins for one in halves.policies if one.policy_id == "block-old") == 1


def test_of_policies_that_nobody_listed_the_one_made_yesterday_is_told_apart(open_engine: Open) -> None:
    many = [(f"mfa{number}", "reportOnlyInterrupted") for number in range(5)]
    rows = [
        row("erp", NOON - timedelta(days=1), ConditionalAccessPolicies=signinrows.policies(*many)),
        row("erp", NOON, ConditionalAccessPolicies=signinrows.policies(*many, ("block-new", "reportOnlyFailure"))),
    ]
    found = asked(open_engine(tables(*rows)))
    assert {one.policy_id for one in found.policies} == {"", "block-new", "mfa0", "mfa1", "mfa2", "mfa3"}


def test_a_workspace_without_the_column_says_so_and_tells_of_no_policy(tmp_path: Path) -> None:
    service = Service({"SigninLogs": [row("erp", NOON)]}, lacking=("ConditionalAccessPolicies",))
    with serving(service, tmp_path) as cloud, Workspace(cloud, Credential(), WORKSPACE) as engine:
        found = asked(engine)
    assert [(one.sign_ins, one.carried) for one in found.policies] == [(1, 0)]
    assert any("no column ConditionalAccessPolicies, so nobody can say" in one.reason for one in found.coverage)


def test_hostile_text_comes_through_as_it_is(every_engine: Open) -> None:
    hostile = "<script>alert('x')</script>\n=1+1|\"\\u0041 🖨"
    found = asked(every_engine(tables(row("erp", NOON, UserAgent=hostile, AppDisplayName=hostile))))
    assert (found.mail[0].user_agent, found.mail[0].app) == (hostile, hostile)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_engine_answers_what_plain_python_computes(seed: int, every_engine: Open) -> None:
    made = signinrows.messy(seed, 400)
    varied = replace(PARAMETERS, named_networks=("198.51.100.0/28",), listed_accounts=seed, regular_days=1 + seed)
    varied = replace(varied, listed_policies=(f"P{5 + seed}",))
    engine = every_engine(made)
    schema = engine.schema()
    wanted = {
        "mail_signins": reference.mail_signins(made, WINDOW, varied),
        "adoption": reference.adoption(made, WINDOW, varied),
        "coverage": reference.coverage(made, WINDOW),
        "report_only": reference.report_only(made, WINDOW, varied),
    }
    for name in kql.names():
        reply = engine.run(kql.query(name, window=WINDOW, schema=schema, **varied.of(name, WINDOW)), WINDOW)
        assert _ordered(reply.rows) == _ordered(wanted[name]), name


def test_rows_grow_with_senders_and_not_with_sign_ins(files: Open) -> None:
    attack = [
        row(f"user{number % 300}", START + timedelta(minutes=number * 9), f"198.51.{number % 50}.{number % 199}")
        | {"ResultType": "50126", "ClientAppUsed": "IMAP4"}
        for number in range(4_000)
    ]
    senders = [row("scanner", START + timedelta(hours=number)) for number in range(700)]
    found = asked(files(tables(*attack, *senders)))
    assert len(found.mail) <= 2 * 30
    assert sum(one.sign_ins for one in found.mail) == 4_700


class Parts:
    """An engine that gives whole answers only for short windows, and may never give one for some hours."""

    name = "workspace"
    coverage: tuple[Coverage, ...] = ()

    def __init__(self, inner: Engine, longest: timedelta, never: datetime | None = None) -> None:
        self._inner = inner
        self._longest = longest
        self._never = never
        self.windows: list[Window] = []

    def schema(self) -> Schema:
        return self._inner.schema()

    def run(self, text: str, window: Window | None = None) -> Reply:
        assert window is not None
        self.windows.append(window)
        whole = self._inner.run(text, window)
        hopeless = self._never is not None and window.start <= self._never < window.end
        if hopeless or window.end - window.start > self._longest:
            return Reply(whole.rows[:1], "Too many rows.")
        return whole


def test_slices_add_up_to_the_whole(files: Open) -> None:
    made = signinrows.messy(7, 500)
    # What is told apart by days or by hundreds needs the whole window; everything else must not.
    wide = replace(PARAMETERS, regular_days=1, spray_victims=10_000, interrupted=())
    engine, few_days = files(made), Window(START + timedelta(days=10), START + timedelta(days=15))
    whole = asked(engine, wide, few_days)
    sliced = asked(Parts(engine, timedelta(days=3)), wide, few_days)
    assert sum(one.sign_ins for one in sliced.mail) == sum(one.sign_ins for one in whole.mail)
    assert _successes(sliced) == _successes(whole)
    assert sliced.not_mail == whole.not_mail
    assert _ordered([vars(one) | {"source": ""} for one in sliced.tables]) == _ordered(
        [vars(one) | {"source": ""} for one in whole.tables]
    )
    assert not sliced.coverage or all(one.state != "partial" for one in sliced.coverage)


class Nothing:
    """An engine that holds nothing, and says why its answers are partial."""

    name = "workspace"
    coverage: tuple[Coverage, ...] = ()

    def __init__(self, partial: str = "") -> None:
        self.partial = partial
        self.runs = 0

    def schema(self) -> Schema:
        return {}

    def run(self, text: str, window: Window | None = None) -> Reply:
        self.runs += 1
        return Reply([], self.partial)


EVERYTHING = {
    "password sign-ins",
    "OAuth tokens for mail",
    "what the tables hold, by day",
    "what policies that only report said",
}


def test_only_the_hours_that_stay_partial_are_lost_and_named() -> None:
    bad = START + timedelta(days=11, hours=5, minutes=30)
    engine = Parts(Nothing(), timedelta(days=40), bad)
    found = asked(engine)
    gaps = [one for one in found.coverage if one.state == "partial"]
    hour = (START + timedelta(days=11, hours=5), START + timedelta(days=11, hours=6))
    assert {(one.what, one.start, one.end) for one in gaps} == {(what, *hour) for what in EVERYTHING}
    assert all("down to an hour" in one.reason for one in gaps)
    assert len(engine.windows) < 4 * 40


def test_an_engine_that_never_gives_a_whole_answer_is_given_up_on() -> None:
    engine = Nothing("Too many rows.")
    found = asked(engine)
    assert engine.runs <= 4 * 260
    assert {one.what for one in found.coverage if one.state == "partial"} == EVERYTHING


@pytest.mark.parametrize("days", [0.5, 1, 3.3, 30, 90])
def test_halves_meet_and_end_at_an_hour(days: float) -> None:
    pending, done = [Window(START, START + timedelta(days=days))], 0
    while pending:
        window = pending.pop()
        halves = answers._halves(window)
        if not halves:
            assert window.end - window.start <= timedelta(hours=1)
            done += 1
            continue
        assert [halves[0].start, halves[1].end] == [window.start, window.end]
        assert halves[0].end == halves[1].start
        pending.extend(halves)
    assert done <= days * 24 + 2


def test_a_window_in_the_future_is_refused_before_anything_is_asked(files: Open) -> None:
    engine = Parts(files(tables()), timedelta(days=1))
    future = Window(NOW + timedelta(days=9), NOW + timedelta(days=12))
    with pytest.raises(ConfigurationError, match="window: found 2026-12-02 09:00 UTC to 2026-12-05 09:00 UTC"):
        asked(engine, window=future)
    assert engine.windows == []


def test_missing_tables_and_columns_become_coverage_and_the_rest_is_answered(tmp_path: Path) -> None:
    service = Service(
        {"SigninLogs": [row("scanner", NOON), row("erp", NOON, ResultType="53003")]},
        lacking=("AuthenticationProtocol", "AuthenticationRequirement", "AuthenticationProcessingDetails", "UserId"),
    )
    with serving(service, tmp_path) as cloud, Workspace(cloud, Credential(), WORKSPACE) as engine:
        found = asked(engine)
    assert sorted(one.user for one in found.mail) == ["erp@fabrikam.example", "scanner@fabrikam.example"]
    assert {one.population for one in found.mail} == {"member"}
    told = {(one.what, one.state): one for one in found.coverage}
    assert told["non-interactive sign-ins", "absent"].remedy.startswith("Add the category NonInteractiveUserSignInLogs")
    reasons = " ".join(one.reason for one in found.coverage if one.what == "interactive sign-ins")
    assert "no column AuthenticationRequirement, so no network can be recognised" in reasons


def test_a_query_that_is_not_answered_is_unknown_and_the_others_stand(files: Open) -> None:
    class Half(Parts):
        def run(self, text: str, window: Window | None = None) -> Reply:
            if text.startswith("// adoption"):
                raise UnreachableError("Nothing answered.", remedy="Try again.")
            return super().run(text, window)

    found = asked(Half(files(tables(row("scanner", NOON))), timedelta(days=90)))
    assert len(found.mail) == 1
    assert [(one.what, one.state, one.remedy) for one in found.coverage if one.state == "unknown"] == [
        ("OAuth tokens for mail", "unknown", "Try again.")
    ]


@pytest.mark.parametrize(("said", "told"), [("429 ThrottledError", "throttled"), ("503", ""), ("unreachable", "")])
def test_what_was_throttled_is_told_by_a_code_that_machines_read(files: Open, said: str, told: str) -> None:
    class Busy(Parts):
        def run(self, text: str, window: Window | None = None) -> Reply:
            raise UnreachableError("It has no time.", code=said)

    found = asked(Busy(files(tables(row("scanner", NOON))), timedelta(days=90)))
    refused = [one for one in found.coverage if one.reason.startswith("The query ")]
    assert len(refused) == len(kql.names())
    assert {one.code for one in refused} == {told}
    assert {one.as_record().get("code", "") for one in refused} == {told}


def test_the_texts_that_ran_are_kept(files: Open) -> None:
    engine = files(tables())
    found = asked(engine)
    assert set(found.queries) == {f"{engine.name}/{name}" for name in kql.names()}
    assert 'let _right = dynamic(["53003", ' in found.queries[f"{engine.name}/mail_signins"]


def test_two_witnesses_are_kept_apart_and_totals_are_not_added() -> None:
    def part(source: str, count: int) -> Answers:
        noise = (NoiseTotal(count, 1, 1),)
        return Answers(noise=noise, not_mail={"blank client": count}, queries={f"{source}/coverage": "…"})

    found = answers.together([part("files", 3), part("graph", 5)])
    assert found.noise == (NoiseTotal(5, 1, 1),)
    assert found.not_mail == {"blank client": 5}
    assert set(found.queries) == {"files/coverage", "graph/coverage"}


def _ordered(rows: Any) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda one: sorted((name, str(value)) for name, value in one.items()))


def _successes(found: Answers) -> dict[tuple[Any, ...], int]:
    counted: dict[tuple[Any, ...], int] = {}
    for one in found.mail:
        if one.result == "0":
            key: tuple[Any, ...] = (one.day, one.user, one.client_app, one.protocol, one.app_id, one.resource)
            key += (one.network, one.step, one.population, one.risk, one.interactive)
            counted[key] = counted.get(key, 0) + one.sign_ins
    return counted
