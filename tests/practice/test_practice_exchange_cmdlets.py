"""The practice cloud's cmdlets: what each reads and changes, and what Exchange says when it refuses."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from practice.exchange.registry import CMDLETS
from practice.state import (
    AuthenticationPolicy,
    Group,
    ManagementRoleAssignment,
    ManagementScope,
    MobileDevice,
    TracedMessage,
)
from tests.practice.administration import Administration, administering
from tests.practice.woodgrove import DOMAIN, TENANT, Woodgrove, woodgrove

ADA = f"ada@{DOMAIN}"
INVOICES = f"invoices@{DOMAIN}"
APP_ID = "33333333-3333-4333-8333-333333333333"
OBJECT_ID = "44444444-4444-4444-8444-444444444444"
ROLE = "Application SMTP.SendAsApp"
NOT_FOUND = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"
AMBIGUOUS = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectAmbiguousException"


def furnished() -> Woodgrove:
    """Return the tenant with one of everything that cmdlets show."""
    made = woodgrove()
    tenant = made.estate.tenant
    tenant.directory.groups.append(Group(display_name="Scanners, old", members=[made.invoices.user_id]))
    exchange = tenant.exchange
    exchange.authentication_policies.append(AuthenticationPolicy(name="Block", allow_basic={"Smtp": False}))
    exchange.management_scopes.append(ManagementScope(name="Shared", filter="RecipientTypeDetails -eq 'SharedMailbox'"))
    exchange.role_assignments.append(
        ManagementRoleAssignment(name="daemon", role=ROLE, assignee=made.daemon_principal.id, scope="Shared")
    )
    now = datetime.now(UTC)
    exchange.mobile_devices.append(
        MobileDevice(mailbox=made.ada_box.guid, device_id="ApplF2", model="iPhone", first_sync=now, last_sync=now)
    )
    exchange.traced_messages.append(TracedMessage(received=now, sender=ADA, recipient="x@y.example", subject="one"))
    return made


@pytest.fixture
def admin() -> Iterator[Administration]:
    with administering(furnished()) as administration:
        yield administration


@pytest.fixture(scope="module")
def reader() -> Iterator[Administration]:
    """An administration for tests that change nothing."""
    with administering(furnished()) as administration:
        yield administration


@dataclass(frozen=True)
class Trip:
    """A change and its undo, seen through a reading cmdlet."""

    read: str
    change: str
    changes: dict[str, Any]
    undo: str
    undoes: dict[str, Any]
    reads: dict[str, Any] = field(default_factory=dict)


_FULL = {"Identity": INVOICES, "User": f"admin@{DOMAIN}", "AccessRights": ["FullAccess"]}
_SEND = {"Identity": INVOICES, "Trustee": f"admin@{DOMAIN}", "AccessRights": "SendAs", "Confirm": False}
_CAS = "Set-CASMailbox"
_PLAN = {"Identity": "ExchangeOnlineEnterprise"}
_GUIDS = f"{APP_ID},{OBJECT_ID}"

TRIPS = [
    Trip(
        "Get-ServicePrincipal",
        "New-ServicePrincipal",
        {"AppId": APP_ID, "ObjectId": OBJECT_ID, "DisplayName": "New"},
        "Remove-ServicePrincipal",
        {"Identity": OBJECT_ID, "Confirm": False},
    ),
    Trip(
        "Get-ServicePrincipal",
        "Set-ServicePrincipal",
        {"Identity": "Daemon", "DisplayName": "Other"},
        "Set-ServicePrincipal",
        {"Identity": "Other", "DisplayName": "Daemon"},
    ),
    Trip(
        "Get-MailboxPermission",
        "Add-MailboxPermission",
        {**_FULL, "AutoMapping": False},
        "Remove-MailboxPermission",
        _FULL,
        {"Identity": INVOICES},
    ),
    Trip(
        "Get-MailboxPermission",
        "Add-MailboxPermission",
        {**_FULL, "Deny": True, "InheritanceType": "None"},
        "Remove-MailboxPermission",
        {**_FULL, "Deny": {"IsPresent": True}},
        {"Identity": INVOICES},
    ),
    Trip(
        "Get-RecipientPermission",
        "Add-RecipientPermission",
        _SEND,
        "Remove-RecipientPermission",
        _SEND,
        {"Identity": INVOICES},
    ),
    *(
        Trip("Get-CASMailbox", _CAS, {"Identity": ADA, name: ["one", "two"]}, _CAS, {"Identity": ADA, name: None})
        for name in ("ActiveSyncAllowedDeviceIDs", "ActiveSyncBlockedDeviceIDs")
    ),
    Trip(
        "Get-MobileDeviceStatistics",
        "Clear-MobileDevice",
        {"Identity": "ApplF2", "Confirm": False, "AccountOnly": True},
        "Clear-MobileDevice",
        {"Identity": "ApplF2", "Cancel": True},
        {"Mailbox": ADA},
    ),
    *(
        Trip("Get-CASMailbox", _CAS, {"Identity": ADA, name: False}, _CAS, {"Identity": ADA, name: True})
        for name in ("ImapEnabled", "PopEnabled", "ActiveSyncEnabled")
    ),
    *(
        Trip(
            "Get-CASMailbox",
            _CAS,
            {"Identity": ADA, "SmtpClientAuthenticationDisabled": value},
            _CAS,
            {"Identity": ADA, "SmtpClientAuthenticationDisabled": None},
        )
        for value in (True, False)
    ),
    Trip(
        "Get-CASMailboxPlan",
        "Set-CASMailboxPlan",
        {**_PLAN, "ImapEnabled": False},
        "Set-CASMailboxPlan",
        {**_PLAN, "ImapEnabled": True},
    ),
    Trip(
        "Get-Mailbox",
        "Set-Mailbox",
        {
            "Identity": ADA,
            "MessageCopyForSMTPClientSubmissionEnabled": False,
            "CustomAttribute3": "x",
            "Type": "Shared",
        },
        "Set-Mailbox",
        {"Identity": ADA, "MessageCopyForSMTPClientSubmissionEnabled": True, "CustomAttribute3": "", "Type": "Regular"},
    ),
    Trip(
        "Get-User",
        "Set-User",
        {"Identity": ADA, "AuthenticationPolicy": "block"},
        "Set-User",
        {"Identity": ADA, "AuthenticationPolicy": None},
    ),
    Trip(
        "Get-TransportConfig",
        "Set-TransportConfig",
        {"SmtpClientAuthenticationDisabled": True, "AllowLegacyTLSClients": True},
        "Set-TransportConfig",
        {"SmtpClientAuthenticationDisabled": False, "AllowLegacyTLSClients": False},
    ),
    Trip(
        "Get-OrganizationConfig",
        "Set-OrganizationConfig",
        {
            "RejectDirectSend": True,
            "EwsEnabled": True,
            "EwsAllowedAppIDs": _GUIDS,
            "DefaultAuthenticationPolicy": "Block",
        },
        "Set-OrganizationConfig",
        {"RejectDirectSend": False, "EwsEnabled": None, "EwsAllowedAppIDs": "", "DefaultAuthenticationPolicy": None},
        {"RetrieveEwsOperationAccessPolicy": True},
    ),
    Trip(
        "Get-AuthenticationPolicy",
        "New-AuthenticationPolicy",
        {"Name": "Allow", "AllowBasicAuthSmtp": True},
        "Remove-AuthenticationPolicy",
        {"Identity": "Allow"},
    ),
    Trip(
        "Get-AuthenticationPolicy",
        "Set-AuthenticationPolicy",
        {"Identity": "Block", "AllowBasicAuthSmtp": True},
        "Set-AuthenticationPolicy",
        {"Identity": "Block", "AllowBasicAuthSmtp": False},
    ),
    Trip(
        "Get-ActiveSyncOrganizationSettings",
        "Set-ActiveSyncOrganizationSettings",
        {"DefaultAccessLevel": "Quarantine"},
        "Set-ActiveSyncOrganizationSettings",
        {"DefaultAccessLevel": "Allow"},
    ),
    Trip(
        "Get-ManagementScope",
        "New-ManagementScope",
        {"Name": "Ada", "RecipientRestrictionFilter": f"PrimarySmtpAddress -eq '{ADA}'"},
        "Remove-ManagementScope",
        {"Identity": "ada"},
    ),
    Trip(
        "Get-ManagementScope",
        "Set-ManagementScope",
        {"Identity": "Shared", "RecipientRestrictionFilter": "Alias -like 'inv*'"},
        "Set-ManagementScope",
        {"Identity": "Shared", "RecipientRestrictionFilter": "RecipientTypeDetails -eq 'SharedMailbox'"},
    ),
    Trip(
        "Get-ManagementRoleAssignment",
        "New-ManagementRoleAssignment",
        {"Name": "all", "Role": ROLE, "App": "Daemon"},
        "Remove-ManagementRoleAssignment",
        {"Identity": "all"},
    ),
]


@pytest.mark.parametrize("trip", [pytest.param(one, id=f"{one.change} {number}") for number, one in enumerate(TRIPS)])
def test_a_change_shows_at_once_and_its_undo_takes_it_back(admin: Administration, trip: Trip) -> None:
    before = admin.rows(trip.read, **trip.reads)
    assert admin.warnings(trip.change, **trip.changes) == []
    assert admin.rows(trip.read, **trip.reads) != before
    assert admin.warnings(trip.undo, **trip.undoes) == []
    assert admin.rows(trip.read, **trip.reads) == before


def test_the_trips_leave_no_cmdlet_out() -> None:
    tried = {name for one in TRIPS for name in (one.change, one.undo)}
    for_good = {"Enable-OrganizationCustomization", "Remove-MobileDevice"}
    assert {one.name for one in CMDLETS.values() if one.changes} - tried == for_good


def test_a_change_that_is_tried_with_whatif_is_not_kept(admin: Administration) -> None:
    assert admin.rows("Set-CASMailbox", Identity=ADA, ImapEnabled=False, WhatIf=True) == []
    assert admin.rows("Get-CASMailbox", Identity=ADA)[0]["ImapEnabled"] is True


def test_a_phone_is_let_in_and_kept_out_by_its_mailboxs_lists(admin: Administration) -> None:
    admin.answer("Set-ActiveSyncOrganizationSettings", DefaultAccessLevel="Quarantine")
    seen = []
    changes: tuple[dict[str, Any], ...] = (
        {"ActiveSyncAllowedDeviceIDs": "other"},
        {"ActiveSyncBlockedDeviceIDs": {"@odata.type": "#Exchange.GenericHashTable", "Add": "applf2"}},
        {"ActiveSyncAllowedDeviceIDs": {"add": ["ApplF2"]}},
        {"ActiveSyncBlockedDeviceIDs": {"Remove": "ApplF2"}},
        {"ActiveSyncAllowedDeviceIDs": []},
        {"ActiveSyncAllowedDeviceIDs": ["ApplF2"]},
    )
    for change in changes:
        admin.answer("Set-CASMailbox", Identity=ADA, **change)
        seen.append(admin.rows("Get-MobileDevice", Mailbox=ADA)[0]["DeviceAccessState"])
    assert seen == ["Allowed", "Blocked", "Blocked", "Allowed", "Quarantined", "Allowed"]
    assert admin.rows("Get-CASMailbox", Identity=ADA)[0]["ActiveSyncAllowedDeviceIDs"] == ["ApplF2"]


def test_a_phone_that_is_removed_is_gone_and_one_that_is_wiped_stays(admin: Administration) -> None:
    (phone,) = admin.rows("Get-MobileDevice", Mailbox=ADA)
    admin.answer("Clear-MobileDevice", Identity=phone["Identity"])
    (told,) = admin.rows("Get-MobileDeviceStatistics", Mailbox=ADA)
    assert (told["Status"], bool(told["DeviceWipeRequestTime"])) == ("DeviceWipePending", True)
    admin.answer("Remove-MobileDevice", Identity=phone["Identity"], Confirm=False)
    assert admin.rows("Get-MobileDevice", Mailbox=ADA) == []
    assert admin.refusal("Remove-MobileDevice", Identity=phone["Identity"]).startswith(NOT_FOUND)


def test_an_old_phone_cannot_be_cleared_of_its_account_alone(admin: Administration) -> None:
    with admin.practice.states.changing(TENANT) as tenant:
        tenant.exchange.mobile_devices[0].client_version = "14.1"
    assert "ActiveSync 16.1" in admin.refusal("Clear-MobileDevice", Identity="ApplF2", AccountOnly=True)
    assert admin.rows("Get-MobileDeviceStatistics", Mailbox=ADA)[0]["Status"] == "DeviceOk"


def test_addresses_are_replaced_added_and_removed(admin: Administration) -> None:
    seen = []
    changes: tuple[Any, ...] = (
        [f"SMTP:{ADA}", f"smtp:countess@{DOMAIN}"],
        {"Add": f"SMTP:countess@{DOMAIN}"},
        {"Add": f"lady@{DOMAIN}", "Remove": f"smtp:{ADA}"},
        [f"SMTP:{ADA}"],
    )
    for change in changes:
        admin.answer("Set-Mailbox", Identity=admin.made.ada.id, EmailAddresses=change)
        (row,) = admin.rows("Get-Mailbox", Identity=admin.made.ada.id)
        assert row["EmailAddresses"][0] == f"SMTP:{row['PrimarySmtpAddress']}"
        seen.append([one.removesuffix(f"@{DOMAIN}") for one in row["EmailAddresses"]])
    assert seen == [
        ["SMTP:ada", "smtp:countess"],
        ["SMTP:countess", "smtp:ada"],
        ["SMTP:countess", "smtp:lady"],
        ["SMTP:ada"],
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ([f"smtp:{ADA}"], "exactly one primary"),
        ([f"SMTP:{ADA}", f"SMTP:b@{DOMAIN}"], "exactly one primary"),
        ({"Remove": f"SMTP:{ADA}"}, "exactly one primary"),
        (None, "exactly one primary"),
        ({"Add": f"smtp:{INVOICES}"}, "already being used"),
        ({"Add": "smtp:ada@elsewhere.example"}, "not an accepted domain"),
        ({"Add": "sip:ada"}, "SMTP addresses only"),
        ({"Plus": "x"}, "Add and Remove"),
        ({"Add": [5, {}]}, "isn't a string"),
        ({}, "Add and Remove"),
    ],
)
def test_an_address_that_cannot_be_had_is_refused(reader: Administration, change: Any, said: str) -> None:
    assert said in reader.refusal("Set-Mailbox", Identity=ADA, EmailAddresses=change)


def test_an_account_is_renamed_by_its_mailbox_when_that_has_spread(admin: Administration) -> None:
    admin.practice.faults.directory_lag = timedelta(minutes=5)
    new = f"countess@{DOMAIN}"
    admin.answer("Set-Mailbox", Identity=ADA, MicrosoftOnlineServicesID=new)
    (row,) = admin.rows("Get-Mailbox", Identity=ADA)
    assert (row["UserPrincipalName"], row["PrimarySmtpAddress"]) == (new, ADA)
    with admin.practice.states.reading(TENANT) as tenant:
        now = admin.practice.backend.now()
        assert tenant.directory_in_force(now).user(new) is None
        assert tenant.directory_in_force(now + timedelta(minutes=6)).user(new) is not None
    taken = admin.refusal("Set-Mailbox", Identity=INVOICES, MicrosoftOnlineServicesID=new)
    assert "already in use" in taken
    foreign = admin.refusal("Set-Mailbox", Identity=INVOICES, MicrosoftOnlineServicesID="x@elsewhere.example")
    assert "not an accepted domain" in foreign


def test_a_set_cmdlet_that_changes_nothing_says_so(admin: Administration) -> None:
    (warning,) = admin.warnings("Set-CASMailbox", Identity=ADA, ImapEnabled=True)
    assert warning.startswith("The command completed successfully but no settings of '")


_NEEDS: dict[str, dict[str, Any]] = {
    "Get-MailboxPermission": {"Identity": INVOICES},
    "Get-MailboxStatistics": {"Identity": INVOICES},
    "Get-MobileDeviceStatistics": {"Mailbox": ADA},
    "Get-RoleGroupMember": {"Identity": "Organization Management"},
    "Test-ServicePrincipalAuthorization": {"Identity": "Daemon"},
}


@pytest.mark.parametrize("name", sorted(one.name for one in CMDLETS.values() if not one.changes))
def test_a_reading_cmdlet_shows_what_the_tenant_has(reader: Administration, name: str) -> None:
    rows = reader.rows(name, **_NEEDS.get(name, {}))
    assert rows
    assert all(any(row.values()) for row in rows)


_OTHERS: dict[str, dict[str, Any]] = {
    "Add-MailboxPermission": {"User": ADA, "AccessRights": "FullAccess"},
    "Remove-MailboxPermission": {"User": ADA, "AccessRights": "FullAccess"},
    "Add-RecipientPermission": {"Trustee": ADA, "AccessRights": "SendAs"},
    "Remove-RecipientPermission": {"Trustee": ADA, "AccessRights": "SendAs"},
}
# These have one object, and take an identity without looking at it.
_SINGLE = {"TransportConfig", "ActiveSyncOrganizationSettings"}
_NAMED = [
    one.name
    for one in CMDLETS.values()
    if any(parameter.name == "Identity" for parameter in one.parameters) and one.name.partition("-")[2] not in _SINGLE
]


@pytest.mark.parametrize("name", sorted(_NAMED))
def test_what_nothing_is_called_is_not_found(reader: Administration, name: str) -> None:
    said = reader.refusal(name, Identity="nobody", **_OTHERS.get(name, {}))
    assert said.startswith(
        f"{NOT_FOUND}: The operation couldn't be performed because object 'nobody' couldn't be found"
    )


def test_an_app_is_shown_with_the_id_that_is_its_name_and_another_that_is_its_own(reader: Administration) -> None:
    (shown,) = reader.rows("Get-ServicePrincipal", Identity="Daemon")
    assert shown["ObjectId"] == shown["Identity"] == shown["Name"] == reader.made.daemon_principal.id
    assert shown["AppId"] == reader.made.daemon.app_id
    assert shown["Guid"] == shown["ExchangeObjectId"]
    assert shown["Guid"] not in (shown["ObjectId"], shown["AppId"])
    assert shown["Sid"].startswith("S-1-5-21-")


def test_any_object_id_is_taken_the_registrations_too(admin: Administration) -> None:
    admin.answer("Remove-ServicePrincipal", Identity="Daemon")
    registration = admin.made.daemon.id
    (shown,) = admin.rows("New-ServicePrincipal", AppId=admin.made.daemon.app_id, ObjectId=registration)
    assert shown["ObjectId"] == registration


def test_a_service_id_is_taken_with_a_warning_that_it_goes_away(admin: Administration) -> None:
    said = admin.answer("New-ServicePrincipal", AppId=APP_ID, ServiceId=OBJECT_ID)
    assert said["@adminapi.warnings"] == [
        "The ServiceId parameter is being depreciated and will be replaced with ObjectId."
    ]
    assert said["value"][0]["ObjectId"] == OBJECT_ID


def test_an_app_is_known_once(admin: Administration) -> None:
    said = admin.refusal("New-ServicePrincipal", AppId=admin.made.daemon.app_id, ObjectId=OBJECT_ID)
    assert said.startswith("Microsoft.Exchange.Data.Directory.ADObjectAlreadyExistsException: ")


def test_an_app_gets_access_by_the_ids_that_exchange_shows_and_by_no_other(admin: Administration) -> None:
    box = admin.rows("Get-Mailbox", Identity=f"admin@{DOMAIN}")[0]["Guid"]
    (app,) = admin.rows("Get-ServicePrincipal")
    for wrong in ("Daemon", admin.made.daemon.id, app["AppId"]):
        said = admin.refusal("Add-MailboxPermission", Identity=box, User=wrong, AccessRights="FullAccess")
        assert (
            said == f"{NOT_FOUND}: User or group \"{wrong}\" wasn't found. Please make sure you've typed it correctly."
        )
    for right in (app["ObjectId"], app["Sid"], app["Guid"]):
        (entry,) = admin.rows("Add-MailboxPermission", Identity=box, User=right, AccessRights="FullAccess")
        assert entry["User"] == app["Sid"]
        admin.answer("Remove-MailboxPermission", Identity=box, User=right, AccessRights="FullAccess")


def test_access_that_is_there_already_is_a_warning_and_so_is_access_that_is_not(admin: Administration) -> None:
    given = {"Identity": INVOICES, "User": ADA, "AccessRights": "FullAccess"}
    (warning,) = admin.warnings("Add-MailboxPermission", **given)
    assert warning.startswith("The appropriate access control entry is already present on the object")
    assert admin.warnings("Remove-MailboxPermission", **given) == []
    (warning,) = admin.warnings("Remove-MailboxPermission", **given)
    assert warning.startswith("Can't remove the access control entry on the object")


def test_the_rights_of_an_app_that_was_removed_stay_as_a_sid_and_are_not_a_new_apps(admin: Administration) -> None:
    (old,) = admin.rows("Get-ServicePrincipal")
    admin.answer("Remove-ServicePrincipal", Identity=old["AppId"])
    (new,) = admin.rows("New-ServicePrincipal", AppId=old["AppId"], ObjectId=old["ObjectId"])
    holders = [row["User"] for row in admin.rows("Get-MailboxPermission", Identity=INVOICES)]
    assert old["Sid"] in holders
    assert new["Sid"] not in holders
    admin.answer("Remove-MailboxPermission", Identity=INVOICES, User=old["Sid"], AccessRights="FullAccess")
    assert old["Sid"] not in [row["User"] for row in admin.rows("Get-MailboxPermission", Identity=INVOICES)]


def test_what_the_mailbox_servers_know_lags_and_what_the_administration_shows_does_not(admin: Administration) -> None:
    admin.practice.faults.exchange_lag = timedelta(minutes=30)
    admin.answer("Set-CASMailbox", Identity=ADA, ImapEnabled=False)
    admin.answer("New-ManagementRoleAssignment", Role=ROLE, App="Daemon")
    assert admin.rows("Get-CASMailbox", Identity=ADA)[0]["ImapEnabled"] is False
    tested = admin.rows("Test-ServicePrincipalAuthorization", Identity="Daemon", Resource=ADA)
    assert [row["InScope"] for row in tested] == [False, True]
    with admin.practice.states.reading(TENANT) as tenant:
        for minutes, imap in ((29, True), (31, False)):
            seen = tenant.exchange_in_force(admin.practice.backend.now() + timedelta(minutes=minutes))
            box = seen.mailbox(ADA)
            assert box is not None
            assert box.imap_enabled is imap


def test_a_switch_that_follows_the_organization_is_null(reader: Administration) -> None:
    assert reader.rows("Get-CASMailbox", Identity=ADA)[0]["SmtpClientAuthenticationDisabled"] is None


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("New-AuthenticationPolicy", {"Name": "x"}),
        ("New-ManagementScope", {"Name": "x", "RecipientRestrictionFilter": "Alias -eq 'x'"}),
        ("New-ManagementRoleAssignment", {"Role": ROLE, "App": "Daemon"}),
    ],
)
def test_a_dehydrated_organization_wants_to_be_customized_first(name: str, parameters: dict[str, Any]) -> None:
    made = furnished()
    made.estate.tenant.exchange.dehydrated = True
    with administering(made) as admin:
        assert admin.refusal(name, **parameters).endswith(
            "The command you tried to run isn't currently allowed in your organization. To run this command, you "
            "first need to run the command: Enable-OrganizationCustomization."
        )
        admin.answer("Enable-OrganizationCustomization")
        assert admin.rows("Get-OrganizationConfig")[0]["IsDehydrated"] is False
        assert admin.rows(name, **parameters)
        assert admin.refusal("Enable-OrganizationCustomization").endswith(
            ": This operation is not required. Organization is already enabled for customization."
        )


def test_a_new_policy_lets_no_password_in_unless_asked(admin: Administration) -> None:
    (made,) = admin.rows("New-AuthenticationPolicy", Name="New", AllowBasicAuthPop=True)
    allowed = {name: value for name, value in made.items() if name.startswith("AllowBasicAuth")}
    assert len(allowed) == 12
    assert [name for name, value in allowed.items() if value] == ["AllowBasicAuthPop"]


def test_a_policy_in_use_stays(admin: Administration) -> None:
    admin.answer("Set-User", Identity=ADA, AuthenticationPolicy="Block")
    assert "can't be removed" in admin.refusal("Remove-AuthenticationPolicy", Identity="Block")


def test_revoking_sessions_reaches_the_directory(admin: Administration) -> None:
    admin.answer("Set-User", Identity=ADA, STSRefreshTokensValidFrom="2026-11-26T10:00:00Z")
    with admin.practice.states.reading(TENANT) as tenant:
        user = tenant.directory.user(ADA)
        assert user is not None
        assert user.sessions_valid_from == datetime(2026, 11, 26, 10, tzinfo=UTC)


def test_a_name_that_two_mailboxes_share_names_neither(admin: Administration) -> None:
    admin.answer("Set-Mailbox", Identity=ADA, DisplayName="Invoices")
    assert admin.refusal("Get-CASMailbox", Identity="invoices") == (
        f"{AMBIGUOUS}: The operation couldn't be performed because 'invoices' matches multiple entries."
    )


def test_a_primary_address_moves_and_keeps_the_old_one(admin: Administration) -> None:
    admin.answer("Set-Mailbox", Identity=ADA, WindowsEmailAddress=f"byron@{DOMAIN}")
    (shown,) = admin.rows("Get-Mailbox", Identity=ADA)
    assert shown["EmailAddresses"] == [f"SMTP:byron@{DOMAIN}", f"smtp:{ADA}"]
    assert "already being used" in admin.refusal("Set-Mailbox", Identity=ADA, WindowsEmailAddress=INVOICES)
    assert "not an accepted domain" in admin.refusal("Set-Mailbox", Identity=ADA, WindowsEmailAddress="a@else.example")


def test_an_app_is_tested_against_its_scope(reader: Administration) -> None:
    found = {
        box: reader.rows("Test-ServicePrincipalAuthorization", Identity="Daemon", Resource=box)
        for box in (ADA, INVOICES)
    }
    expected = {"RoleName": ROLE, "GrantedPermissions": "SMTP.SendAsApp", "AllowedResourceScope": "Shared"}
    assert found[ADA] == [{**expected, "ScopeType": "CustomRecipientScope", "InScope": False}]
    assert found[INVOICES] == [{**expected, "ScopeType": "CustomRecipientScope", "InScope": True}]
    assert reader.rows("Test-ServicePrincipalAuthorization", Identity="Daemon")[0]["InScope"] == "Not Run"


def test_a_scope_by_group_is_written_with_the_name_that_the_group_shows(admin: Administration) -> None:
    (group,) = admin.rows("Get-Group")
    text = f"MemberOfGroup -eq '{group['DistinguishedName']}'"
    admin.answer("New-ManagementScope", Name="Group", RecipientRestrictionFilter=text)
    (made,) = admin.rows("New-ManagementRoleAssignment", Role=ROLE, App="Daemon", CustomResourceScope="group")
    assert made["Name"] == f"{ROLE}-{admin.made.daemon_principal.id}"[:64]
    (_, tested) = admin.rows("Test-ServicePrincipalAuthorization", Identity="Daemon", Resource=INVOICES)
    assert (tested["AllowedResourceScope"], tested["InScope"]) == ("Group", True)
    assert "in use" in admin.refusal("Remove-ManagementScope", Identity="Group")


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        pytest.param({"Role": "Mail Recipients", "App": "Daemon"}, "can't be assigned to a service", id="admin role"),
        pytest.param({"Role": ROLE, "User": ADA}, "can't be assigned to a user", id="person"),
        pytest.param({"Role": "Application IMAP.AccessAsApp", "App": "Daemon"}, "couldn't be found", id="no IMAP role"),
        pytest.param({"Role": ROLE, "App": "Daemon", "CustomResourceScope": "none"}, "couldn't be found", id="scope"),
        pytest.param({"Role": ROLE}, "missing mandatory parameters: App.", id="no holder"),
        pytest.param({"Role": ROLE, "App": "Daemon", "User": ADA}, "specified. App,User", id="two holders"),
        pytest.param(
            {"Role": ROLE, "App": "Daemon", "CustomRecipientWriteScope": "Shared"},
            "specified. CustomRecipientWriteScope",
            id="a person's scope",
        ),
    ],
)
def test_a_role_goes_to_whom_it_is_for(reader: Administration, parameters: dict[str, Any], said: str) -> None:
    assert said in reader.refusal("New-ManagementRoleAssignment", **parameters)


def test_a_filter_that_cannot_be_read_makes_no_scope(reader: Administration) -> None:
    said = reader.refusal("New-ManagementScope", Name="x", RecipientRestrictionFilter="Colour -eq 'red'")
    assert "'Colour' is not a recognized filterable property" in said


def test_mailboxes_are_listed_by_filter_and_by_kind(reader: Administration) -> None:
    by_filter = reader.rows("Get-Mailbox", Filter="Alias -like 'a*' -and -not (Alias -eq 'ada')")
    assert [row["Alias"] for row in by_filter] == ["admin"]
    by_kind = reader.rows("Get-EXOMailbox", RecipientTypeDetails="SharedMailbox", Properties="IsShared")
    assert [(row["Alias"], row["IsShared"]) for row in by_kind] == [("invoices", True)]
    assert "SKUAssigned" not in by_kind[0]


def test_the_roles_that_hold_a_cmdlet_are_listed(admin: Administration) -> None:
    reading = {"View-Only Configuration", "View-Only Recipients"}
    assert {row["Name"] for row in admin.rows("Get-ManagementRole", Cmdlet="Set-CASMailbox")} == {"Mail Recipients"}
    assert {row["Name"] for row in admin.rows("Get-ManagementRole", Cmdlet="get-casmailbox")} == {
        "Mail Recipients",
        *reading,
    }
    assert admin.rows("Get-ManagementRole", Cmdlet="Get-Weather") == []


def test_an_authentication_policy_counts_a_day_after_it_was_assigned_altered_or_taken_away(
    admin: Administration,
) -> None:
    admin.practice.faults.policy_lag = timedelta(hours=24)
    admin.answer("New-AuthenticationPolicy", Name="Strict")
    admin.answer("New-AuthenticationPolicy", Name="Lax", AllowBasicAuthSmtp=True)

    def taken(hours: float) -> bool:
        with admin.practice.states.reading(TENANT) as tenant:
            now = admin.practice.backend.now() + timedelta(hours=hours)
            held = tenant.exchange.policy_at(tenant.exchange.mailbox(ADA), now)
        return held is None or held.allow_basic["Smtp"]

    for cmdlet, given, ends in (
        ("Set-User", {"Identity": ADA, "AuthenticationPolicy": "Lax"}, True),
        ("Set-User", {"Identity": ADA, "AuthenticationPolicy": "Strict"}, False),
        ("Set-AuthenticationPolicy", {"Identity": "Strict", "AllowBasicAuthSmtp": True}, True),
        ("Set-AuthenticationPolicy", {"Identity": "Strict", "AllowBasicAuthSmtp": False}, False),
        ("Set-User", {"Identity": ADA, "AuthenticationPolicy": "Lax"}, True),
        ("Set-OrganizationConfig", {"DefaultAuthenticationPolicy": "Strict"}, True),
        ("Set-User", {"Identity": ADA, "AuthenticationPolicy": None}, False),
    ):
        before = taken(0)
        admin.answer(cmdlet, **given)
        assert (taken(23), taken(24.1)) == (before, ends), (cmdlet, given)
        with admin.practice.states.changing(TENANT) as tenant:
            tenant.exchange.former_policies = []  # a day later


def test_signing_an_account_out_makes_its_policy_count_within_half_an_hour(admin: Administration) -> None:
    admin.practice.faults.policy_lag = timedelta(hours=24)
    admin.answer("New-AuthenticationPolicy", Name="Strict")
    admin.answer(
        "Set-User", Identity=ADA, AuthenticationPolicy="Strict", STSRefreshTokensValidFrom="2026-11-20T10:00:00Z"
    )
    with admin.practice.states.reading(TENANT) as tenant:
        [was] = tenant.exchange.former_policies
    assert was.until - was.since == timedelta(minutes=30)
