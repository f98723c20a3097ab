"""The practice cloud's Exchange administration as a service: who may come in, how it refuses, how it pages."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practice.exchange.registry import CMDLETS
from practice.state import ManagementRoleAssignment, RoleAssignment, TracedMessage
from practice.wellknown import EXCHANGE, ROLES
from tests.practice import tokens
from tests.practice.administration import Administration, administering
from tests.practice.woodgrove import DOMAIN, TENANT, woodgrove

ADA = f"ada@{DOMAIN}"
NOW = datetime.now(UTC).replace(microsecond=0)
TRACE = "Get-MessageTraceV2"
MANAGE = "Exchange.ManageAsApp"
EXPIRED = "The skip token is invalid or has expired."


@pytest.fixture(scope="module")
def admin() -> Iterator[Administration]:
    """An administration for tests that change nothing."""
    with administering() as administration:
        yield administration


# --- who may come in ------------------------------------------------------------------------------


def unknown(name: str) -> str:
    return f"The term '{name}' is not recognized as the name of a cmdlet, function, script file, or operable program."


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        pytest.param({"aud": "https://graph.microsoft.com"}, "The audience claim value is invalid.", id="for Graph"),
        pytest.param({"exp": 0}, "The token has expired.", id="expired"),
        pytest.param({"nbf": 9e9}, "The token is not valid yet.", id="early"),
        pytest.param({"scp": "Mail.Read"}, "The token contains no permissions", id="other scope"),
        pytest.param({"scp": ""}, "The token contains no permissions", id="no scope"),
        pytest.param({"oid": "nobody"}, "The user is unknown in this tenant", id="unknown"),
        pytest.param({"tid": "22222222-2222-4222-8222-222222222222"}, "issued by another tenant", id="other tenant"),
    ],
)
def test_a_token_that_is_not_for_this_is_refused(admin: Administration, claims: dict[str, Any], said: str) -> None:
    backend, tenant = admin.practice.backend, admin.made.estate.tenant
    token = tokens.of_person(backend, tenant, admin.made.admin, "Exchange.Manage", **claims)
    answer = Administration(admin.practice, admin.made, admin.session, token).ask("Get-Mailbox")
    assert answer.status_code == (403 if "tid" in claims else 401)
    assert said in answer.json()["error"]["message"]
    assert ("WWW-Authenticate" in answer.headers) is (answer.status_code == 401)


def test_the_official_modules_own_scopes_are_taken(admin: Administration) -> None:
    backend, tenant = admin.practice.backend, admin.made.estate.tenant
    scopes = "AdminApi.AccessAsUser.All FfoPowerShell.AccessAsUser.All RemotePowerShell.AccessAsUser.All"
    token = tokens.of_person(backend, tenant, admin.made.admin, scopes)
    assert Administration(admin.practice, admin.made, admin.session, token).rows("Get-Mailbox")


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
def test_what_is_no_token_is_refused(admin: Administration, token: str) -> None:
    answer = admin.session.post(admin.address, json={}, headers={"Authorization": f"Bearer {token}".encode()})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "Unauthorized"


@pytest.mark.parametrize("audience", [EXCHANGE, "https://outlook.office.com", "https://outlook.office365.com/"])
def test_a_token_for_any_name_of_exchange_is_taken(admin: Administration, audience: str) -> None:
    backend, tenant = admin.practice.backend, admin.made.estate.tenant
    token = tokens.of_person(backend, tenant, admin.made.admin, "Exchange.Manage", aud=audience)
    assert Administration(admin.practice, admin.made, admin.session, token).rows("Get-Mailbox")


def test_a_tenant_that_is_not_there_is_not_found(admin: Administration) -> None:
    url = f"{admin.practice.base_url}/exchange/adminapi/beta/nowhere.example/InvokeCommand"
    assert admin.ask("Get-Mailbox", url=url).status_code == 404


def test_the_tenant_may_be_named_by_its_domain(admin: Administration) -> None:
    url = f"{admin.practice.base_url}/exchange/adminapi/beta/{DOMAIN}/InvokeCommand"
    assert admin.ask("Get-Mailbox", url=url).status_code == 200


_READS, _CHANGES, _MANAGES = "Get-TransportConfig", "Set-CASMailbox", "New-ServicePrincipal"


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        pytest.param("Global Administrator", {_READS, _CHANGES, _MANAGES}, id="global administrator"),
        pytest.param("Exchange Administrator", {_READS, _CHANGES, _MANAGES}, id="exchange administrator"),
        pytest.param("Global Reader", {_READS}, id="global reader"),
        pytest.param("Security Reader", set(), id="security reader"),
        pytest.param("", set(), id="no role"),
    ],
)
@pytest.mark.parametrize("kind", ["person", "app"])
def test_roles_decide_which_cmdlets_there_are(role: str, allowed: set[str], kind: str) -> None:
    made = woodgrove()
    holder = made.ada.id if kind == "person" else made.daemon_principal.id
    if role:
        made.estate.role(holder, role)
    with administering(made) as admin:
        backend, tenant = admin.practice.backend, made.estate.tenant
        if kind == "person":
            admin.token = tokens.of_person(backend, tenant, made.ada, "openid Exchange.Manage")
        else:
            admin.token = tokens.of_app(backend, tenant, made.daemon.app_id, holder, MANAGE)
        for name in (_READS, _CHANGES, _MANAGES):
            answer = admin.ask(name)
            if kind == "app" and not allowed:
                assert answer.status_code == 403
                assert "isn't supported in this scenario" in answer.json()["error"]["message"]
                assert made.daemon.app_id in answer.json()["error"]["message"]
            else:
                # A cmdlet that is there then asks for its parameters.
                assert (unknown(name) in answer.text) is (name not in allowed)


def test_a_directory_role_that_is_given_counts_when_it_is_in_force() -> None:
    with administering() as admin:
        backend, tenant = admin.practice.backend, admin.made.estate.tenant
        principal = admin.made.daemon_principal
        admin.token = tokens.of_app(backend, tenant, principal.app_id, principal.id, MANAGE)
        with (
            backend.states.changing(TENANT) as held,
            held.change_directory(backend.now(), timedelta(minutes=30)) as new,
        ):
            role = RoleAssignment(principal_id=principal.id, role_template_id=ROLES["Exchange Administrator"])
            new.role_assignments.append(role)
        assert admin.ask("Get-Mailbox").status_code == 403
        backend.clock.skew = timedelta(minutes=31)
        assert admin.ask("Get-Mailbox").status_code == 200


def test_an_app_needs_the_permission_beside_its_role() -> None:
    made = woodgrove()
    made.estate.role(made.daemon_principal.id, "Exchange Administrator")
    with administering(made) as other:
        backend, tenant = other.practice.backend, made.estate.tenant
        other.token = tokens.of_app(
            backend, tenant, made.daemon.app_id, made.daemon_principal.id, "IMAP.AccessAsApp", "full_access_as_app"
        )
        assert other.ask("Get-Mailbox").status_code == 401
        made.daemon_principal.account_enabled = False
        other.token = tokens.of_app(backend, tenant, made.daemon.app_id, made.daemon_principal.id, MANAGE)
        assert other.ask("Get-Mailbox").status_code == 401


def test_a_management_role_of_ones_own_brings_its_cmdlets() -> None:
    made = woodgrove()
    made.estate.tenant.exchange.role_assignments.append(
        ManagementRoleAssignment(name="ada", role="Mail Recipients", assignee=made.ada.id, assignee_type="User")
    )
    with administering(made) as admin:
        admin.token = tokens.of_person(admin.practice.backend, made.estate.tenant, made.ada, "Exchange.Manage")
        assert admin.rows("Get-CASMailbox", Identity=ADA)
        assert admin.warnings("Set-CASMailbox", Identity=ADA, PopEnabled=False) == []
        assert admin.refusal(_MANAGES).endswith(unknown(_MANAGES))


# --- how it refuses -------------------------------------------------------------------------------


def test_a_refusal_has_the_frame_of_the_real_service(admin: Administration) -> None:
    text = (
        "The operation couldn't be performed because object 'nobody' couldn't be found on "
        "'PR00A00DC001.woodgrove.onmicrosoft.example'."
    )
    kind = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
    answer = admin.ask("Get-Mailbox", {"Identity": "nobody"})
    assert answer.status_code == 404
    assert answer.json() == {
        "error": {
            "code": "NotFound",
            "message": "Error executing cmdlet",
            "details": [{"code": "Context", "target": "", "message": f"Ex6F9304|{kind}|{text}"}],
            "innererror": {
                "message": "Error executing cmdlet",
                "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                "stacktrace": "",
                "internalexception": {"message": text, "type": kind, "stacktrace": ""},
            },
        }
    }


@pytest.mark.parametrize(
    ("cmdlet", "parameters", "said"),
    [
        pytest.param(
            "Get-Mailbox",
            {"BogusParameter": 1},
            "Microsoft.Exchange.AdminApi.CommandInvocation.AmbiguousParameterSetException: Parameter set cannot be "
            "resolved using the specified named parameters. Invalid cmdlet parameters specified. BogusParameter",
            id="unknown",
        ),
        pytest.param("Get-MailboxPermission", {}, "missing mandatory parameters: Identity.", id="missing"),
        pytest.param("Set-CASMailbox", {"Identity": None}, "missing mandatory parameters: Identity.", id="null"),
        pytest.param("Get-Foo", {}, unknown("Get-Foo"), id="no cmdlet"),
        pytest.param(
            "Set-CASMailbox", {"Identity": ADA, "ImapEnabled": "yes"}, "on parameter 'ImapEnabled'", id="no boolean"
        ),
        pytest.param("Set-CASMailbox", {"Identity": ADA, "ImapEnabled": None}, "'ImapEnabled'", id="no null"),
        pytest.param("Set-CASMailbox", {"Identity": ["a"]}, "on parameter 'Identity'", id="list"),
        pytest.param("Get-Mailbox", {"Identity": "a\r\nb"}, "on parameter 'Identity'", id="line break"),
        pytest.param("Get-Mailbox", {"Identity": "a\0b"}, "on parameter 'Identity'", id="NUL"),
        pytest.param("Get-Mailbox", {"Identity": "a" * 2000}, "The maximum length is 1024", id="long"),
        pytest.param("Get-Mailbox", {"ResultSize": "many"}, "on parameter 'ResultSize'", id="no number"),
        pytest.param("Get-Mailbox", {"ResultSize": 0}, "must be greater than 0", id="nothing"),
        pytest.param("New-ServicePrincipal", {"AppId": "x", "ObjectId": "y"}, "'AppId'", id="no guid"),
        pytest.param(
            "Add-MailboxPermission",
            {"Identity": ADA, "User": ADA, "AccessRights": "Everything"},
            "Specify one of the following enumerator names and try again: ChangeOwner, ChangePermission, DeleteItem, "
            'ExternalAccount, FullAccess, ReadPermission"',
            id="no right",
        ),
        pytest.param(TRACE, {"StartDate": "soon"}, "not recognized as a valid DateTime", id="no date"),
        pytest.param("Get-Mailbox", {"Filter": "Alias is x"}, "unexpected text at position 7", id="no filter"),
        pytest.param("Get-Mailbox", {"identity": "a", "Identity": "b"}, "specified more than once", id="twice"),
    ],
)
def test_a_wrong_call_is_refused_by_name(
    admin: Administration, cmdlet: str, parameters: dict[str, Any], said: str
) -> None:
    assert said in admin.refusal(cmdlet, **parameters)


def test_names_are_compared_without_case_and_common_parameters_are_taken(admin: Administration) -> None:
    parameters = {"IDENTITY": ADA, "ErrorAction": "SilentlyContinue", "Verbose": True, "Confirm": False}
    typed = {"@odata.type": "#Exchange.GenericHashTable", "Identity@odata.type": "String"}
    assert len(admin.rows("get-casmailbox", **parameters, **typed)) == 1


def test_only_the_asked_properties_come(admin: Administration) -> None:
    answer = admin.ask("Get-CASMailbox", {"Identity": ADA}, url=f"{admin.address}?$select=imapEnabled, PopEnabled")
    assert answer.json()["value"] == [{"ImapEnabled": True, "PopEnabled": True}]


def test_another_format_than_json_is_refused(admin: Administration) -> None:
    assert admin.ask("Get-Mailbox", X_ResponseFormat="clixml").status_code == 400


# --- pages ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large() -> Iterator[Administration]:
    """A tenant of 2,500 mailboxes and as many traced messages, two of them a second; Ada may read."""
    made = woodgrove(NOW)
    made.estate.role(made.ada.id, "Global Reader")
    for number in range(2500 - len(made.estate.tenant.exchange.mailboxes)):
        made.estate.mailbox(made.estate.user(f"user{number:04}", f"User {number:04}"))
    made.estate.tenant.exchange.traced_messages = [
        TracedMessage(
            received=NOW - timedelta(seconds=60 + number // 2, milliseconds=number % 7),
            sender=ADA if number % 2 else f"user0001@{DOMAIN}",
            recipient=f"to{number:04}@else.example",
            subject=f"Scan {number}",
            from_ip="203.0.113.10" if number % 2 else "198.51.100.1",
        )
        for number in range(2500)
    ]
    with administering(made) as administration:
        yield administration


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_every_mailbox_comes_once_page_by_page(large: Administration, method: str) -> None:
    answer = large.ask("Get-Mailbox", {"ResultSize": "Unlimited"}, Prefer="odata.maxpagesize=1000")
    sizes, seen = [], []
    while True:
        content = answer.json()
        sizes.append(len(content["value"]))
        seen += [row["Guid"] for row in content["value"]]
        link = content.get("@odata.nextLink", "")
        if not link:
            break
        assert link.startswith(f"{large.address}?")
        if method == "POST":
            answer = large.ask("Get-Mailbox", {"ResultSize": "Unlimited"}, url=link, Prefer="odata.maxpagesize=1000")
        else:
            answer = large.session.get(link, headers={"Authorization": f"Bearer {large.token}"})
    assert sizes == [1000, 1000, 500]
    assert len(set(seen)) == 2500


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        ("odata.maxpagesize=7", 7),
        ("return=minimal, odata.maxpagesize=7", 7),
        ("odata.maxpagesize=5000", 1000),
        ("odata.maxpagesize=0", 1000),
        ("odata.maxpagesize=-3", 1000),
        ("odata.maxpagesize=many", 1000),
        ("", 1000),
    ],
)
def test_a_page_is_never_larger_than_asked_nor_than_a_thousand(
    large: Administration, prefer: str, expected: int
) -> None:
    content = large.ask("Get-CASMailbox", {"ResultSize": "Unlimited"}, Prefer=prefer).json()
    assert len(content["value"]) == expected
    assert "@odata.nextLink" in content


def test_a_list_that_is_cut_short_says_so(large: Administration) -> None:
    usual = large.answer("Get-User")
    assert len(usual["value"]) == 1000
    assert "@odata.nextLink" not in usual
    assert usual["@adminapi.warnings"][0].startswith("By default, only the first 1000 items are returned.")
    (warning,) = large.warnings("Get-Recipient", ResultSize=3)
    assert warning.startswith("There are more results available than are currently displayed.")


def test_a_link_is_for_whoever_got_it(large: Administration) -> None:
    link = large.ask("Get-Mailbox", {"ResultSize": 50}, Prefer="odata.maxpagesize=20").json()["@odata.nextLink"]
    made = large.made
    ada = tokens.of_person(large.practice.backend, made.estate.tenant, made.ada, "Exchange.Manage")
    other = Administration(large.practice, made, large.session, ada)
    assert len(other.rows("Get-Mailbox", ResultSize=50)) == 50, "she may see the same, and still has to ask herself"
    refused = large.session.get(link, headers={"Authorization": f"Bearer {ada}"})
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, EXPIRED)
    assert large.session.get(f"{link}x", headers={"Authorization": f"Bearer {large.token}"}).status_code == 400
    for _ in range(2):
        assert len(large.session.get(link, headers={"Authorization": f"Bearer {large.token}"}).json()["value"]) == 30


def test_a_tenant_that_is_made_anew_has_no_links_and_has_traced_nothing() -> None:
    with administering() as admin:
        first = admin.ask("Get-Mailbox", Prefer="odata.maxpagesize=1")
        link = first.json()["@odata.nextLink"]
        assert [admin.ask(TRACE).status_code for _ in range(101)] == [200] * 100 + [429]
        for forget in admin.practice.backend.forget:
            forget(admin.made.estate.tenant.tenant_id)
        refused = admin.session.get(link, headers={"Authorization": f"Bearer {admin.token}"})
        assert (refused.status_code, refused.json()["error"]["message"]) == (400, EXPIRED)
        assert admin.ask(TRACE).status_code == 200


# --- message trace --------------------------------------------------------------------------------


def test_a_trace_goes_on_by_the_call_that_its_warning_names(large: Administration) -> None:
    large.practice.faults.clock.skew = timedelta()
    call: dict[str, Any] = {"StartDate": (NOW - timedelta(days=1)).isoformat(), "FromIP": "203.0.113.10"}
    call |= {"ResultSize": 500, "SenderAddress": [ADA]}
    seen: list[str] = []
    sizes = []
    while True:
        answer = large.answer(TRACE, **call)
        sizes.append(len(answer["value"]))
        seen += [row["MessageTraceId"] for row in answer["value"]]
        if not answer["@adminapi.warnings"]:
            break
        (warning,) = answer["@adminapi.warnings"]
        last = answer["value"][-1]
        assert warning.startswith("There are more results, use the following command to get more. Get-MessageTraceV2 ")
        assert f'-StartingRecipientAddress "{last["RecipientAddress"]}" -ResultSize 500' in warning
        call |= {"StartingRecipientAddress": last["RecipientAddress"], "EndDate": last["Received"]}
    assert sizes == [500, 500, 250]
    assert len(set(seen)) == 1250


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        pytest.param({"StartDate": -11}, "can't be longer than 10 days", id="11 days"),
        pytest.param({"StartDate": -95, "EndDate": -91}, "can't be more than 90 days ago", id="old"),
        pytest.param({"StartDate": -1, "EndDate": -2}, "must be before", id="backwards"),
        pytest.param({"ResultSize": 5001}, "between 1 and 5000", id="size"),
    ],
)
def test_a_trace_keeps_within_its_limits(large: Administration, parameters: dict[str, Any], said: str) -> None:
    dates = {
        name: (NOW + timedelta(days=value)).isoformat() if "Date" in name else value
        for name, value in parameters.items()
    }
    assert said in large.refusal(TRACE, **dates)


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"Subject": "scan 24", "SubjectFilterType": "StartsWith"}, 111),
        ({"RecipientAddress": "to0007@else.example"}, 1),
        ({"SenderAddress": f"*@{DOMAIN}", "Subject": "scan 2499"}, 1),
        ({"Status": "Failed, Pending"}, 0),
        ({"EndDate": (NOW - timedelta(hours=1)).isoformat()}, 0),
    ],
)
def test_a_trace_is_narrowed(large: Administration, parameters: dict[str, Any], expected: int) -> None:
    assert len(large.rows(TRACE, ResultSize=5000, **parameters)) == expected


def test_the_hundred_and_first_trace_in_five_minutes_waits() -> None:
    with administering() as admin:
        for _ in range(100):
            assert admin.ask(TRACE).status_code == 200
        refused = admin.ask(TRACE)
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 301
        assert admin.ask("Get-Mailbox").status_code == 200
        admin.practice.faults.clock.skew = timedelta(minutes=5, seconds=1)
        assert admin.ask(TRACE).status_code == 200


# --- faults and malformed input -------------------------------------------------------------------


def test_a_fault_strikes_one_cmdlet(admin: Administration) -> None:
    admin.practice.faults.add("exchange", "throttle", operation="^Get-CASMailbox$", tenant="woodgrove", seconds=7)
    assert admin.ask("Get-Mailbox").status_code == 200
    struck = admin.ask("Get-CASMailbox")
    assert (struck.status_code, struck.headers["Retry-After"]) == (429, "7")
    assert struck.json()["error"]["code"] == "TooManyRequests"
    assert admin.ask("Get-CASMailbox").status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"CmdletInput": []}',
        b'{"CmdletInput": {"CmdletName": 7}}',
        b'{"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": [1]}}',
        b'{"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": {"Identity": "\\ud800"}}}',
        b'{"CmdletInput": {"CmdletName": "\\udfff"}}',
        b'{"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": {"ResultSize": ' + b"9" * 6000 + b"}}}",
        b"[" * 100_000,
        b'{"CmdletInput": {"Parameters": ' + b'{"a":' * 900 + b"1" + b"}" * 902,
    ],
    ids=range(13),
)
def test_a_body_that_is_no_call_is_refused(admin: Administration, body: bytes) -> None:
    answer = admin.session.post(admin.address, data=body, headers={"Authorization": f"Bearer {admin.token}"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "BadRequest"


def test_a_body_that_is_too_large_is_refused(admin: Administration) -> None:
    answer = admin.session.post(
        admin.address, data=b" " * (4 * 1024 * 1024 + 1), headers={"Authorization": f"Bearer {admin.token}"}
    )
    assert answer.status_code == 413
    assert "error" in answer.json()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_other_methods_are_refused(admin: Administration, method: str) -> None:
    answer = admin.session.request(method, admin.address, headers={"Authorization": f"Bearer {admin.token}"})
    assert answer.status_code == 405
    assert answer.json()["error"]["code"] == "MethodNotAllowed"


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from([ADA, "Daemon", "*", "$null", "0001-01-01T00:00:00+14:00", "9999-12-31", "S-1-5-21-1", "\r\n"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def _calls(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    cmdlet = CMDLETS[draw(st.sampled_from(sorted(CMDLETS)))]
    names = draw(st.lists(st.sampled_from([one.name for one in cmdlet.parameters] or ["x"]), max_size=4, unique=True))
    required = [one.name for one in cmdlet.parameters if one.required]
    return cmdlet.name, {name: draw(_VALUES) for name in (*names, *required)}


@pytest.fixture(scope="module")
def worn() -> Iterator[Administration]:
    """An administration whose tenant may come to look like anything."""
    with administering() as administration:
        yield administration


@settings(max_examples=100, deadline=None)
@given(call=_calls())
def test_any_value_of_any_parameter_is_taken_or_refused(worn: Administration, call: tuple[str, dict[str, Any]]) -> None:
    answer = worn.ask(*call)
    # Only the trace has an allowance, and it may be used up.
    assert answer.status_code in ((200, 400, 404, 429) if call[0] == TRACE else (200, 400, 404))
    assert answer.json()
