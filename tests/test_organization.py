"""organization: rows of Exchange become values; what was not read stays unknown."""

from typing import Any

import pytest

from mailauth import organization
from mailauth.errors import ConfigurationError
from mailauth.organization import SMTP_ROLE, Missing, Openings, Principal, Switch

ORDERS = "orders@contoso.example"
GUID = "5d0f3e2a-6a7e-4c36-9a52-1e0f7ad0c001"
ACCOUNT = "0b1e7f52-57a7-4a53-b1f3-2c1d6a2bb002"
APP = Principal("6233fba6-0198-4277-892f-9275bf728bcc", "71487acd-ec93-476d-bd0e-6c8b31831053", sid="S-1-5-21-1-2-3-4")
BOX = {
    "Identity": "orders",
    "PrimarySmtpAddress": "Orders@contoso.example",
    "EmailAddresses": ["SMTP:Orders@contoso.example", "smtp:sales@contoso.example", "SIP:orders@contoso.example"],
    "Guid": GUID,
    "ExternalDirectoryObjectId": ACCOUNT,
    "UserPrincipalName": "o.rders@contoso.example",
    "RecipientTypeDetails": "SharedMailbox",
    "ProhibitSendQuota": "49.5 GB (53,150,220,288 bytes)",
}
NO = Missing("Get-CASMailbox is not among the cmdlets that may be run", "Ask for a role.")


@pytest.mark.parametrize(
    ("row", "switch"),
    [
        pytest.param({"SmtpClientAuthenticationDisabled": True}, "off", id="off"),
        pytest.param({"SmtpClientAuthenticationDisabled": False}, "on", id="on"),
        pytest.param({"SmtpClientAuthenticationDisabled": None}, "inherit", id="null follows the tenant (E5)"),
        pytest.param({"SmtpClientAuthenticationDisabled": ""}, "inherit", id="blank follows the tenant"),
        pytest.param({"SmtpClientAuthenticationDisabled": "False"}, "on", id="text of a script"),
        pytest.param({"SmtpClientAuthenticationDisabled": "perhaps"}, "unknown", id="nonsense"),
        pytest.param({"ImapEnabled": True}, "unknown", id="not in the row"),
        pytest.param(None, "unknown", id="not read"),
    ],
)
def test_the_smtp_switch_has_three_states_and_not_read_is_none_of_them(
    row: dict[str, Any] | None, switch: Switch
) -> None:
    assert organization.mailbox(BOX, cas=row).smtp == switch


def test_a_mailbox_is_found_by_whatever_names_it() -> None:
    held = organization.organization({"Get-Mailbox": [BOX]})
    names = ("orders@CONTOSO.example", "sales@contoso.example", "o.rders@contoso.example", GUID, ACCOUNT, "orders")
    assert {found.guid for name in names if (found := held.mailbox(name))} == {GUID}
    assert held.mailbox("sip:orders@contoso.example") is None


def test_rows_of_one_account_are_joined_by_its_ids() -> None:
    held = organization.organization(
        {
            "Get-Mailbox": [BOX],
            "Get-CASMailbox": [{"Guid": GUID, "ImapEnabled": True, "PopEnabled": False}],
            "Get-User": [{"ExternalDirectoryObjectId": ACCOUNT, "AuthenticationPolicy": None, "AccountDisabled": True}],
        }
    )
    found = held.mailbox(ORDERS)
    assert found is not None
    assert (found.imap, found.pop, found.active_sync) == (True, False, None)
    assert (found.authentication_policy, found.account_disabled) == ("", True)


def test_what_could_not_be_read_is_unknown_and_the_coverage_says_why() -> None:
    held = organization.organization({"Get-Mailbox": [BOX], "Get-CASMailbox": NO, "Get-ServicePrincipal": NO})
    found = held.mailbox(ORDERS)
    assert found is not None
    assert (found.imap, found.smtp, held.principals) == (None, "unknown", None)
    states = {each.what: (each.state, each.remedy) for each in held.coverage}
    assert states["which protocols each mailbox has"] == ("unknown", "Ask for a role.")
    assert states["mailboxes"] == ("complete", "")


def test_nothing_asked_is_nothing_known() -> None:
    held = organization.organization({})
    assert (held.mailboxes, held.policies, held.plans, held.principals) == (None, None, None, None)
    assert (held.scopes, held.assignments, held.domains, held.smtp_role) == (None, None, None, None)
    assert (held.settings.smtp_off, held.settings.dehydrated, held.settings.default_policy) == (None, None, None)
    assert held.opens(APP, ORDERS) is None
    assert held.sends_as(APP) is None
    assert held.assigned(APP) is None


@pytest.mark.parametrize(
    ("row", "opens"),
    [
        pytest.param({"User": "S-1-5-21-1-2-3-4", "AccessRights": ["FullAccess"]}, True, id="by SID"),
        pytest.param({"User": "S-1-5-21-1-2-3-4", "AccessRights": "FullAccess, ReadPermission"}, True, id="as text"),
        pytest.param({"User": APP.object_id.upper(), "AccessRights": ["FullAccess"]}, True, id="by object id"),
        pytest.param({"User": APP.app_id, "AccessRights": ["FullAccess"]}, False, id="not by application id"),
        pytest.param({"User": "S-1-5-21-1-2-3-4", "AccessRights": ["ReadPermission"]}, False, id="another right"),
        pytest.param({"User": "S-1-5-21-1-2-3-4", "AccessRights": ["FullAccess"], "Deny": True}, False, id="denied"),
        pytest.param({"User": "S-1-5-21-9-9-9-9", "AccessRights": ["FullAccess"]}, False, id="a former SID"),
    ],
)
def test_an_app_opens_a_mailbox_by_full_access_of_its_own(row: dict[str, Any], opens: bool) -> None:
    held = organization.organization({"Get-Mailbox": [BOX]}, rights={"sales@contoso.example": [row]})
    assert held.opens(APP, ORDERS) is opens


def test_what_is_denied_is_not_given_by_another_entry() -> None:
    rows = [{"User": APP.sid, "AccessRights": ["FullAccess"], "Deny": deny} for deny in (False, True)]
    held = organization.organization({"Get-Mailbox": [BOX]}, rights={ORDERS: rows})
    assert held.opens(APP, ORDERS) is False


def test_a_mailbox_that_calls_itself_as_another_receives_is_not_taken_for_it() -> None:
    boss = {"Identity": "boss", "PrimarySmtpAddress": "boss@contoso.example", "Guid": "b"}
    other = {
        "Identity": "boss@contoso.example",
        "PrimarySmtpAddress": "other@contoso.example",
        "UserPrincipalName": "boss@contoso.example",
        "Guid": "o",
    }
    row = {"Identity": "boss@contoso.example", "Trustee": APP.sid, "AccessRights": ["SendAs"]}
    for boxes in ([boss, other], [other, boss]):
        held = organization.organization({"Get-Mailbox": boxes, "Get-RecipientPermission": [row]})
        found = held.mailbox("boss@contoso.example")
        assert found is not None
        assert found.guid == "b"
        assert held.sends_as(APP) == frozenset({"other@contoso.example"})


def test_a_trustee_that_was_not_asked_about_is_not_one_who_may_send_as_nobody() -> None:
    row = {"Identity": "orders", "Trustee": APP.sid, "AccessRights": ["SendAs"]}
    held = organization.organization(
        {"Get-Mailbox": [BOX], "Get-RecipientPermission": [row]}, trustees=[APP.object_id, "ada@contoso.example"]
    )
    assert held.sends_as(APP) == frozenset({ORDERS})
    assert held.sends_as("ADA@contoso.example") == frozenset()
    assert held.sends_as("bob@contoso.example") is None


def test_of_everybody_everybody_is_known() -> None:
    held = organization.organization({"Get-RecipientPermission": []})
    assert held.sends_as("bob@contoso.example") == frozenset()


def test_only_roles_of_apps_are_kept_and_found_by_the_object_id() -> None:
    rows: list[organization.Row] = [
        {"Name": "a", "Role": SMTP_ROLE, "App": APP.object_id, "CustomResourceScope": "Senders", "Enabled": True},
        {"Name": "b", "Role": SMTP_ROLE, "App": APP.object_id, "Enabled": False},
        {"Name": "c", "Role": "Mail Recipients", "RoleAssignee": "Recipient Management"},
    ]
    held = organization.organization({"Get-ManagementRoleAssignment": rows})
    assert [each.name for each in held.assignments or ()] == ["a", "b"]
    assert [(each.name, each.scope) for each in held.assigned(APP) or ()] == [("a", "Senders")]


@pytest.mark.parametrize(("rows", "exists"), [([{"Name": SMTP_ROLE}], True), ([], False), (NO, None)])
def test_a_cloud_without_the_role_says_so(rows: Any, exists: bool | None) -> None:
    assert organization.organization({"Get-ManagementRole": rows}).smtp_role is exists


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("49.5 GB (53,150,220,288 bytes)", 53150220288),
        ("49,5 GB (53.150.220.288 bytes)", 53150220288),
        ("49,5 Go (53\u202f150\u202f220\u202f288 bytes)", 53150220288),
        ({"IsUnlimited": False, "Value": "1 KB (1,024 bytes)"}, 1024),
        ("Unlimited", None),
        (None, None),
    ],
)
def test_a_size_is_read_in_any_culture(text: object, size: int | None) -> None:
    assert organization.size(text) == size


def test_an_address_whose_mailbox_is_elsewhere_says_so() -> None:
    elsewhere = {**BOX, "RecipientTypeDetails": "MailUser"}
    held = organization.organization({"Get-Mailbox": [], "Get-Recipient": [elsewhere]})
    found = held.mailbox(ORDERS)
    assert found is not None
    assert found.remote


@pytest.mark.parametrize(
    ("row", "allows"),
    [
        ({}, None),
        ({"AllowBasicAuthSmtp": None}, None),
        ({"AllowBasicAuthSmtp": "unread"}, None),
        ({"AllowBasicAuthSmtp": False}, False),
        ({"AllowBasicAuthSmtp": True}, True),
    ],
)
def test_only_a_switch_that_was_read_says_whether_a_policy_takes_a_password(
    row: dict[str, object], allows: bool | None
) -> None:
    policy = organization.authentication_policy({"Name": "No basic", "AllowBasicAuthImap": True, **row})
    assert policy.basic == ({"Imap": True} if allows is None else {"Imap": True, "Smtp": allows})
    assert policy.allow_smtp is allows


@pytest.mark.parametrize("address", ["ada@contoso.example\\orders", "ada@contoso.example\\orders@contoso.example"])
def test_the_old_form_of_a_shared_mailbox_is_named_with_its_remedy_e7(address: str) -> None:
    with pytest.raises(ConfigurationError, match="the shared mailbox's own address") as caught:
        organization.named(address)
    assert "user=" in caught.value.remedy


@pytest.mark.parametrize("address", ["", "orders", "a b@contoso.example", "a@b@contoso.example", "x\n@contoso.example"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="expected an address"):
        organization.named(address)


def test_what_an_app_opens_is_set_against_what_it_should() -> None:
    found = Openings(APP, frozenset({"a@x.example", "b@x.example"}), unread={"d@x.example": "no answer"})
    assert found.beyond(["A@x.example"]) == {"b@x.example"}
    assert found.lacking(["a@x.example", "c@x.example", "d@x.example"]) == {"c@x.example"}


@pytest.mark.parametrize(
    ("held", "same"),
    [
        ("block basic smtp", True),
        ("CN=Block Basic SMTP", False),
        ("CN=Block Basic SMTP,CN=Auth Policies,CN=Configuration,DC=example", True),
        ("CN=Block Basic SMTP 2,CN=Auth Policies,CN=Configuration,DC=example", False),
        ("", False),
    ],
)
def test_a_policy_is_found_by_its_distinguished_name_too(held: str, same: bool) -> None:
    policy = organization.AuthenticationPolicy("Block Basic SMTP")
    found = organization.Organization(policies=(policy,)).policy(held)
    assert found == (policy if same else None)


def test_a_distinguished_name_is_read_as_the_name() -> None:
    user = {"AuthenticationPolicy": r"CN=Strict\, all,CN=Auth Policies,DC=example"}
    box = organization.mailbox({"PrimarySmtpAddress": "ada@w.example"}, user=user)
    assert box.authentication_policy == "Strict, all"
