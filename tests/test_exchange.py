"""services/exchange: cmdlets over HTTPS: reads asked again, changes sent once, errors that say what to do."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from mailauth.errors import AccessError, SourceError, UnclearError, UnreachableError
from mailauth.plan import Cmdlet
from mailauth.services.exchange import ROAD, Exchange
from practice.faults import Kind
from tests.exchanging import Answers, Credential, Lab, administering, answering, cmdlet, mailauth_cloud
from tests.practice.woodgrove import DOMAIN, TENANT, woodgrove

ADA = f"ada@{DOMAIN}"
NOBODY = f"nobody@{DOMAIN}"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """An administration for tests that change nothing that another reads."""
    with administering() as made:
        yield made


@pytest.fixture
def own() -> Iterator[Lab]:
    """An administration of the test's own."""
    with administering() as made:
        yield made


# --- rows, pages, warnings ------------------------------------------------------------------------


def test_the_rows_of_a_cmdlet_come_back(lab: Lab) -> None:
    rows = lab.exchange.invoke(cmdlet("Get-CASMailbox", Identity=ADA))
    assert [row["PrimarySmtpAddress"] for row in rows] == [ADA]


def test_the_token_is_asked_for_exchange_as_its_mail_is(lab: Lab) -> None:
    credential = Credential("no token")
    exchange = Exchange(mailauth_cloud(lab.practice), credential, tenant_id=TENANT)
    with exchange, pytest.raises(AccessError):
        exchange.invoke(cmdlet("Get-Mailbox"))
    assert credential.asked[0] == "https://outlook.office365.com/.default"


def test_every_page_is_followed_and_counted() -> None:
    made = woodgrove()
    for number in range(2300):
        made.estate.shared(f"room{number}", f"Room {number}")
    with administering(made) as lab:
        rows = lab.exchange.invoke(cmdlet("Get-Mailbox", ResultSize="Unlimited"))
        assert len({row["Guid"] for row in rows}) == len(rows) == 2303
        assert lab.exchange.calls == 3


def test_what_a_cmdlet_warns_of_is_kept_with_its_name_once(own: Lab) -> None:
    for _ in range(2):
        own.exchange.invoke(cmdlet("Set-CASMailbox", Identity=ADA, ImapEnabled=True))
    (warning,) = own.exchange.warnings
    assert warning.startswith("Set-CASMailbox: The command completed successfully but no settings")


def test_the_old_name_of_the_object_id_is_warned_of_e1(own: Lab) -> None:
    client = own.made.client_principal
    own.exchange.invoke(cmdlet("New-ServicePrincipal", AppId=client.app_id, ServiceId=client.id))
    assert own.exchange.warnings == (
        "New-ServicePrincipal: The ServiceId parameter is being depreciated and will be replaced with ObjectId.",
    )


def test_null_goes_through_as_a_value(own: Lab) -> None:
    for value in (True, False, None):
        own.exchange.invoke(cmdlet("Set-CASMailbox", Identity=ADA, SmtpClientAuthenticationDisabled=value))
        (row,) = own.exchange.rows(cmdlet("Get-CASMailbox", Identity=ADA))
        assert row["SmtpClientAuthenticationDisabled"] is value


# --- what goes wrong on the way -------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["throttle", "unavailable", "drop", "truncate"])
def test_a_read_is_asked_again_until_it_answers(own: Lab, kind: Kind) -> None:
    own.practice.faults.add("exchange", kind, operation="Get-CASMailbox", seconds=7)
    assert own.exchange.rows(cmdlet("Get-CASMailbox", Identity=ADA))


def test_a_wait_is_as_long_as_the_service_says(own: Lab) -> None:
    own.practice.faults.add("exchange", "throttle", operation="Get-CASMailbox", times=2, seconds=7)
    own.exchange.rows(cmdlet("Get-CASMailbox", Identity=ADA))
    assert own.waited_s == [7, 7]


def test_a_change_that_is_throttled_is_sent_when_it_may_be(own: Lab) -> None:
    own.practice.faults.add("exchange", "throttle", operation="Set-CASMailbox", seconds=7)
    own.exchange.invoke(cmdlet("Set-CASMailbox", Identity=ADA, PopEnabled=False))
    assert own.waited_s == [7]
    assert own.exchange.rows(cmdlet("Get-CASMailbox", Identity=ADA))[0]["PopEnabled"] is False


@pytest.mark.parametrize("kind", ["drop", "truncate"])
def test_a_change_without_a_reply_is_unclear_and_not_sent_again(own: Lab, kind: Kind) -> None:
    own.practice.faults.add("exchange", kind, operation="New-ServicePrincipal")
    client = own.made.client_principal
    with pytest.raises(UnclearError, match="New-ServicePrincipal") as caught:
        own.exchange.invoke(cmdlet("New-ServicePrincipal", AppId=client.app_id, ObjectId=client.id))
    assert own.waited_s == []
    assert "looks first" in caught.value.remedy
    assert own.practice.faults.armed == ()


def test_where_nothing_listens_nothing_was_sent(own: Lab) -> None:
    where = mailauth_cloud(own.practice)
    gone = type(where)(**{**vars(where), "exchange": "https://localhost:9"})
    exchange = Exchange(gone, Credential("any"), tenant_id=TENANT, sleep=own.waited_s.append)
    with exchange, pytest.raises(UnreachableError, match="cannot be reached"):
        exchange.invoke(cmdlet("Set-CASMailbox", Identity=ADA, PopEnabled=False))


def test_a_read_that_is_never_answered_says_so_in_the_end(own: Lab) -> None:
    own.practice.faults.add("exchange", "unavailable", operation="Get-CASMailbox", times=0)
    with pytest.raises(UnreachableError, match="kept answering 503") as caught:
        own.exchange.rows(cmdlet("Get-CASMailbox", Identity=ADA))
    assert "again" in caught.value.remedy


# --- what a cmdlet says ---------------------------------------------------------------------------


def test_a_cmdlet_that_the_roles_do_not_hold_names_role_and_role_group_e2(lab: Lab) -> None:
    with lab.as_person(lab.made.ada) as exchange, pytest.raises(AccessError, match="New-ServicePrincipal") as caught:
        exchange.invoke(cmdlet("New-ServicePrincipal", AppId=TENANT, ObjectId=TENANT))
    assert caught.value.code == "400 CommandNotFoundException"
    assert "the management role Role Management" in caught.value.remedy
    assert "role group Organization Management" in caught.value.remedy
    assert "Exchange Administrator" in caught.value.remedy


@pytest.mark.parametrize("identity", ["app_id", "id", "display_name"])
def test_an_app_named_by_a_wrong_id_is_told_which_is_right_e3(own: Lab, identity: str) -> None:
    named = str(getattr(own.made.daemon, identity))
    right = cmdlet("Add-MailboxPermission", Identity=ADA, User=named, AccessRights=["FullAccess"])
    with pytest.raises(SourceError) as caught:
        own.exchange.invoke(right)
    assert caught.value.code == "404 ManagementObjectNotFoundException"
    assert "ObjectId" in caught.value.remedy
    assert "New-ServicePrincipal" in caught.value.remedy


def test_a_look_at_what_is_not_there_shows_nothing(lab: Lab) -> None:
    assert lab.exchange.rows(cmdlet("Get-Mailbox", Identity=NOBODY)) == []


def test_a_second_of_one_name_is_refused(lab: Lab) -> None:
    daemon = lab.made.daemon_principal
    with pytest.raises(SourceError, match="exists already") as caught:
        lab.exchange.invoke(cmdlet("New-ServicePrincipal", AppId=daemon.app_id, ObjectId=daemon.id))
    assert caught.value.code == "400 ADObjectAlreadyExistsException"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(cmdlet("New-AuthenticationPolicy", Name="No basic"), id="policy"),
        pytest.param(
            cmdlet("New-ManagementScope", Name="Senders", RecipientRestrictionFilter="Alias -eq 'ada'"), id="scope"
        ),
        pytest.param(
            cmdlet("New-ManagementRoleAssignment", Role="Application SMTP.SendAsApp", App=TENANT), id="role assignment"
        ),
    ],
)
def test_a_dehydrated_organization_is_told_how_to_become_customizable_e6(change: Cmdlet) -> None:
    made = woodgrove()
    made.estate.tenant.exchange.dehydrated = True
    with administering(made) as lab, pytest.raises(SourceError, match="dehydrated") as caught:
        lab.exchange.invoke(change)
    assert caught.value.code == "400 InvalidOperationInDehydratedContextException"
    assert "Enable-OrganizationCustomization once" in caught.value.remedy


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        pytest.param(cmdlet("Set-CASMailbox", Identity=ADA, ImapEnabled="perhaps"), "ImapEnabled", id="value"),
        pytest.param(cmdlet("Set-CASMailbox", Identity=ADA, Weather=True), "Weather", id="parameter"),
        pytest.param(cmdlet("Set-CASMailbox"), "Identity", id="missing"),
    ],
)
def test_a_bad_call_names_what_is_bad(lab: Lab, asked: Cmdlet, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        lab.exchange.invoke(asked)
    assert caught.value.code.startswith("400 ")
    assert caught.value.remedy


def test_an_app_without_a_directory_role_is_told_which_one(lab: Lab) -> None:
    with lab.as_app("Exchange.ManageAsApp") as exchange, pytest.raises(AccessError) as caught:
        exchange.invoke(cmdlet("Get-Mailbox"))
    assert caught.value.code.startswith("403")
    assert "Exchange Administrator" in caught.value.remedy
    assert ROAD in caught.value.remedy


def test_a_token_without_the_permission_is_told_which_one(lab: Lab) -> None:
    with lab.as_app("IMAP.AccessAsApp") as exchange, pytest.raises(AccessError) as caught:
        exchange.invoke(cmdlet("Get-Mailbox"))
    assert caught.value.code.startswith("401")
    assert "Exchange.ManageAsApp" in caught.value.remedy


def test_the_text_of_an_error_is_one_short_line(lab: Lab) -> None:
    with pytest.raises(SourceError) as caught:
        lab.exchange.invoke(cmdlet("Get-Mailbox", Identity="x\n<script>" * 60))
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400


def test_no_token_stands_in_an_error(lab: Lab) -> None:
    exchange = Exchange(mailauth_cloud(lab.practice), Credential("eyJsecret"), tenant_id=TENANT)
    with exchange, pytest.raises(AccessError) as caught:
        exchange.invoke(cmdlet("Get-Mailbox"))
    assert "eyJ" not in str(caught.value)


# --- what no practice cloud says ------------------------------------------------------------------

READ = cmdlet("Get-Mailbox", ResultSize="Unlimited")
CHANGE = cmdlet("Set-CASMailbox", Identity=ADA, PopEnabled=False)
DONE: tuple[int, dict[str, str], Any] = (200, {}, {"value": []})


def asked(said: list[tuple[int, dict[str, str], Any]], what: Cmdlet, folder: Path) -> tuple[Answers, Exception | None]:
    """Return what a server that says these things was asked, and how that ended."""
    answers = Answers(said)
    with answering(answers, folder) as where:
        exchange = Exchange(where, Credential("eyJsecret"), tenant_id=TENANT, sleep=lambda _: None)
        with exchange:
            try:
                exchange.invoke(what)
            except SourceError as error:
                return answers, error
    return answers, None


@pytest.mark.parametrize(
    "link",
    [
        pytest.param("https://evil.example/adminapi/beta/{tenant}/InvokeCommand?$skiptoken=1", id="another host"),
        pytest.param("{base}/adminapi/beta/other-tenant/InvokeCommand?$skiptoken=1", id="another tenant"),
        pytest.param("{base}/adminapi/beta/{tenant}/../../../evil", id="upwards"),
        pytest.param("http://localhost/adminapi/beta/{tenant}/InvokeCommand", id="no TLS"),
    ],
)
def test_a_link_that_leaves_the_tenant_is_not_followed(tmp_path: Path, link: str) -> None:
    answers = Answers([])
    with answering(answers, tmp_path) as where:
        page = {"value": [{}], "@odata.nextLink": link.format(base=where.exchange, tenant=TENANT)}
        answers.said.append((200, {}, page))
        exchange = Exchange(where, Credential("eyJsecret"), tenant_id=TENANT)
        with exchange, pytest.raises(SourceError, match="not followed"):
            exchange.invoke(READ)
    assert len(answers.asked) == 1


def test_pages_that_go_in_a_circle_end(tmp_path: Path) -> None:
    answers = Answers([])
    with answering(answers, tmp_path) as where:
        again = f"{where.exchange}/adminapi/beta/{TENANT}/InvokeCommand?$skiptoken=1"
        answers.said.append((200, {}, {"value": [{}], "@odata.nextLink": again}))
        exchange = Exchange(where, Credential("any"), tenant_id=TENANT)
        with exchange, pytest.raises(SourceError, match="lead back"):
            exchange.invoke(READ)
    assert len(answers.asked) == 2


def test_what_is_sent_is_the_cmdlet_and_its_parameters(tmp_path: Path) -> None:
    when = datetime(2026, 11, 27, 10, 30, tzinfo=timezone(timedelta(hours=1)))
    what = cmdlet("Set-User", Identity=ADA, STSRefreshTokensValidFrom=when, AuthenticationPolicy=None)
    answers, _ = asked([DONE], what, tmp_path)
    parameters = {"Identity": ADA, "STSRefreshTokensValidFrom": "2026-11-27T09:30:00Z", "AuthenticationPolicy": None}
    assert answers.asked == [
        (
            f"/adminapi/beta/{TENANT}/InvokeCommand",
            {"CmdletInput": {"CmdletName": "Set-User", "Parameters": parameters}},
        )
    ]


@pytest.mark.parametrize(
    ("said", "kind", "times"),
    [
        pytest.param((500, {}, {}), UnclearError, 1, id="500"),
        pytest.param((502, {}, "<html>"), UnclearError, 1, id="gateway"),
        pytest.param((503, {}, {}), UnclearError, 1, id="503 with no time"),
        pytest.param((504, {}, ""), UnclearError, 1, id="timeout"),
        pytest.param((200, {}, "<html>"), UnclearError, 1, id="a page of a proxy"),
        pytest.param((200, {}, []), UnclearError, 1, id="a list"),
        pytest.param((503, {"Retry-After": "3"}, {}), UnreachableError, 7, id="503 with a time"),
        pytest.param((429, {"Retry-After": "3"}, {}), UnreachableError, 7, id="429"),
        pytest.param((403, {}, "\x00\x00\x00"), AccessError, 1, id="403 of NUL bytes"),
        pytest.param((400, {}, {"error": "bad"}), SourceError, 1, id="an error of another shape"),
    ],
)
def test_a_change_is_sent_again_only_where_it_was_not_done(
    tmp_path: Path, said: tuple[int, dict[str, str], Any], kind: type[SourceError], times: int
) -> None:
    answers, error = asked([said], CHANGE, tmp_path)
    assert type(error) is kind
    assert len(answers.asked) == times


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_read_is_asked_again_after_any_error_of_the_service(tmp_path: Path, status: int) -> None:
    answers, error = asked([(status, {}, {}), DONE], READ, tmp_path)
    assert error is None
    assert len(answers.asked) == 2


def test_an_empty_answer_to_a_change_is_a_success(tmp_path: Path) -> None:
    answers, error = asked([(200, {}, "")], CHANGE, tmp_path)
    assert error is None
    assert len(answers.asked) == 1


def test_where_the_way_itself_answers_strangely_the_other_road_is_named(tmp_path: Path) -> None:
    _, error = asked([(410, {}, {"error": {"code": "Gone", "message": "retired"}})], READ, tmp_path)
    assert isinstance(error, SourceError)
    assert error.remedy == ROAD
    assert "PowerShell" in ROAD
