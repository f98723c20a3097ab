"""The four tenants: what their sign-ins tell follows from their states, and each has its own faults and no others."""

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import product
from typing import Literal

import pytest

from practice import access, credentials, signins, tenants
from practice.answers.meant import held_roles, held_scopes, meant
from practice.contoso import MOVED
from practice.credentials import Credentials, public_part
from practice.mail import access as mail
from practice.signins import Event
from practice.state import Tenant, User
from practice.wellknown import EXCHANGE, GRAPH, MICROSOFT, ROLES
from practice.world import APPS

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
# On another day of the week other things happened.
DAYS = (date(2026, 11, 23), date(2026, 11, 19))
MAIL = ("IMAP.", "POP.", "SMTP.", "EAS.")
SMTP = "Authenticated SMTP"

each = pytest.mark.parametrize("name", tenants.NAMES)
each_day = pytest.mark.parametrize(("name", "day"), [*product(tenants.NAMES, DAYS)], ids=lambda value: str(value))


@cache
def events(name: str, day: date) -> tuple[Event, ...]:
    return signins.events(tenants.world_of(name), day)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    # Made once: a key takes its time, and each tenant may have the same here.
    return credentials.kept(tmp_path_factory.mktemp("keys") / "keys", ["all"])["all"]


@pytest.fixture(scope="module")
def states(given: Credentials) -> Mapping[str, Tenant]:
    return {name: tenants.build(name, NOW, given) for name in tenants.NAMES}


def built(name: str, day: date, given: Credentials) -> Tenant:
    """Return the state of a tenant made on the morning after the story's last day."""
    return tenants.build(name, datetime(day.year, day.month, day.day, 9, tzinfo=UTC), given)


def client_type(client: str) -> Literal["browser", "mobileAppsAndDesktopClients", "exchangeActiveSync", "other"]:
    if client in access.MODERN:
        return "browser" if client == "Browser" else "mobileAppsAndDesktopClients"
    return "exchangeActiveSync" if client.lower().startswith("exchange activesync") else "other"


def of_members(name: str, day: date) -> list[Event]:
    return [event for event in events(name, day) if event.population == "member" and event.user]


def account(tenant: Tenant, event: Event) -> User:
    found = tenant.directory.user(event.user_id)
    assert found is not None, event.user
    return found


@each_day
def test_who_signs_in_has_an_account_that_may(name: str, day: date, given: Credentials) -> None:
    tenant = built(name, day, given)
    for event in events(name, day):
        if event.population in ("member", "guest") and event.code != "90072":
            user = account(tenant, event)
            assert event.user.lower() == (user.mail if event.population == "guest" else user.user_principal_name)
            assert user.user_type.lower() == event.population
            assert user.account_enabled == (event.code != "50057") or event.code not in ("0", "50057")


@each_day
def test_a_name_that_is_nobodys_is_nobodys(name: str, day: date, given: Credentials) -> None:
    tenant = built(name, day, given)
    tried = {event.user for event in events(name, day) if event.code in ("50034", "90072")}
    assert tried
    for address in tried:
        assert tenant.directory.user(address) is None
        assert tenant.exchange.mailbox(address) is None


@each_day
def test_the_policies_say_of_each_sign_in_what_its_row_says(name: str, day: date, given: Credentials) -> None:
    directory = built(name, day, given).directory
    begun = max(
        (one.modified_date_time for one in directory.policies.conditional_access if one.modified_date_time),
        default=NOW - timedelta(days=400),
    )
    judged = 0
    for event in of_members(name, day):
        user = directory.user(event.user_id)
        if user and event.client and event.code in ("0", "53003") and event.at > begun:
            ruling = access.conditional_access(
                directory,
                user,
                client_app_type=client_type(event.client),
                app_ids=[event.resource.app_id],
                mfa=event.requirement == "multiFactorAuthentication",
            )
            assert ruling.code == event.code, (event.user, event.client)
            row = signins.as_graph(tenants.world_of(name), event)
            listed = {one["id"]: one["result"] for one in row["appliedConditionalAccessPolicies"]}
            enforced = {one.id: one.result for one in ruling.applied if one.result in ("success", "failure")}
            assert listed == enforced
            judged += 1
    assert judged > 50


def test_a_story_says_what_fabrikams_policy_that_only_reports_would_have_done(given: Credentials) -> None:
    directory = built("fabrikam", DAYS[0], given).directory
    [policy] = [one for one in directory.policies.conditional_access if one.state.endswith("NotEnforced")]
    world = replace(tenants.world_of("fabrikam"), reporting=access.Reporting(directory))
    told: dict[tuple[bool, bool], set[str]] = {}
    for event in of_members("fabrikam", DAYS[0]):
        row = signins.as_graph(world, event)
        results = {one["result"] for one in row["appliedConditionalAccessPolicies"] if one["id"] == policy.id} or {""}
        if event.code == "0" and directory.user(event.user_id):
            assert policy.modified_date_time is not None
            key = (event.at >= policy.modified_date_time, event.client in access.MODERN)
            told.setdefault(key, set()).update(results)
    assert told == {
        (True, True): {"reportOnlyNotApplied"},
        (True, False): {"reportOnlyFailure"},
        (False, True): {""},
        (False, False): {""},
    }


@each_day
def test_security_defaults_stop_old_clients_from_their_first_refusal_on(
    name: str, day: date, given: Credentials
) -> None:
    policies = built(name, day, given).directory.policies
    refused = [event.at for event in events(name, day) if event.code == "530035"]
    assert bool(refused) == policies.security_defaults
    if refused:
        assert not policies.conditional_access
        after = [event for event in of_members(name, day) if event.at > min(refused) and event.code == "0"]
        assert after
        assert {event.client for event in after} <= set(access.MODERN)


@each_day
def test_a_token_for_mail_follows_from_consent(name: str, day: date, given: Credentials) -> None:
    tenant = built(name, day, given)
    resources = {one.id for one in tenant.directory.service_principals if one.app_id in (GRAPH, EXCHANGE)}
    for event in of_members(name, day):
        asked = {scope for scope in event.scopes if scope.startswith(MAIL)}
        client = tenant.directory.principal(event.app.app_id)
        if asked and event.code == "0" and event.app != APPS["exchange"]:
            assert client is not None, event.app.name
            granted = {
                scope
                for grant in tenant.directory.grants
                if grant.client_id == client.id and grant.principal_id in (None, event.user_id)
                if grant.resource_id in resources
                for scope in grant.scope.split()
            }
            assert asked <= granted, event.user


@each_day
def test_an_app_that_signs_in_as_itself_has_what_its_row_shows(name: str, day: date, given: Credentials) -> None:
    tenant = built(name, day, given)
    for event in events(name, day):
        if event.table == "AADServicePrincipalSignInLogs":
            row = signins.as_graph(tenants.world_of(name), event)
            principal = tenant.directory.principal(row["servicePrincipalId"])
            app = tenant.directory.application(row["appId"])
            assert principal is not None
            assert app is not None
            assert (principal.app_id, principal.display_name) == (row["appId"], row["appDisplayName"])
            assert row["clientCredentialType"] == "clientAssertion"
            assert any(
                one.start_date_time and one.end_date_time and one.start_date_time <= event.at < one.end_date_time
                for one in app.key_credentials
            )
            by_exchange = {work.app.app_id for work in meant(tenant).works if work.by_exchange}
            assert held_roles(tenant, app.app_id) or app.app_id in by_exchange, app.display_name


@each_day
def test_every_app_that_got_a_token_is_known_to_the_tenant(name: str, day: date, given: Credentials) -> None:
    tenant = built(name, day, given)
    first_party = {app.app_id for key, app in APPS.items() if key != "thunderbird"}
    for event in of_members(name, day):
        if event.code == "0" and event.app.app_id not in first_party:
            principal = tenant.directory.principal(event.app.app_id)
            assert principal is not None, event.app.name
            assert principal.display_name == event.app.name


@each_day
def test_exchange_lets_through_the_passwords_of_the_last_days_and_no_others(
    name: str, day: date, given: Credentials
) -> None:
    tenant = built(name, day, given)
    recent = [event for event in of_members(name, day) if (day - event.at.date()).days <= 14]
    for event in recent:
        if event.client.strip().lower() == SMTP.lower() and event.code == "0":
            box = tenant.exchange.mailbox(event.user_id)
            assert box is not None, event.user
            assert not mail.basic_barrier(view(tenant), box.primary_smtp, event.at), event.user
    if tenant.exchange.default_authentication_policy:
        # Exchange refuses before it asks Entra, so neither a device nor a stranger leaves a row.
        assert not [event for event in events(name, day) if event.client == SMTP and event in recent]


@each
def test_sent_messages_came_from_where_the_story_sends_and_from_an_address_that_may(
    name: str, states: Mapping[str, Tenant]
) -> None:
    tenant, world = states[name], tenants.world_of(name)
    places = [
        ipaddress.ip_network(one.network.group if ":" in one.network.group else f"{one.network.group}/32")
        for one in world.sites.values()
    ]
    rights = {(one.recipient, one.trustee) for one in tenant.exchange.recipient_permissions}
    others = {(address, mailer.account) for mailer in world.mailers for address in mailer.sends_as}
    for message in tenant.exchange.traced_messages:
        assert any(ipaddress.ip_address(message.from_ip) in place for place in places), message.from_ip
        assert tenant.exchange.mailbox(message.sender) is not None, message.sender
        assert message.received < NOW
    for address, account_name in others:
        box = tenant.exchange.mailbox(world.address(address))
        trustee = tenant.directory.user(world.address(account_name))
        assert box is not None
        assert trustee is not None
        assert (box.guid, trustee.id) in rights


@each
def test_a_canary_in_the_tenants_file_is_a_mailbox_of_its_own_with_the_password_that_is_kept(
    name: str, states: Mapping[str, Tenant], given: Credentials
) -> None:
    entry = tenants.entry(name, ".")
    assert ("closing" in entry) is (name != "northwind")
    if "closing" in entry:
        canary = entry["closing"]["canary"]["address"]
        owner = states[name].directory.user(canary)
        assert owner is not None
        assert (owner.password, states[name].exchange.mailbox(canary) is not None) == (given.canary, True)


@each
def test_each_phone_of_the_story_has_a_partnership(name: str, states: Mapping[str, Tenant]) -> None:
    tenant, world = states[name], tenants.world_of(name)
    guids = {box.guid for box in tenant.exchange.mailboxes}
    assert {one.mailbox for one in tenant.exchange.mobile_devices} <= guids
    held = {one.user_agent for one in tenant.exchange.mobile_devices}
    told = {
        one.agents[0] for one in world.mailers if one.client == "Exchange ActiveSync" and one.population == "member"
    }
    assert told <= held


@each
def test_the_runbook_reads_with_a_certificate_and_may_read_and_no_more(name: str, states: Mapping[str, Tenant]) -> None:
    tenant = states[name]
    (client_id,) = {tenants.entry(name, ".")["admin"]["client_id"]}
    app, principal = tenant.directory.application(client_id), tenant.directory.principal(client_id)
    assert app is not None
    assert principal is not None
    assert (len(app.key_credentials), app.password_credentials) == (1, [])
    assert held_roles(tenant, client_id) == {
        "Application.Read.All",
        "AuditLog.Read.All",
        "Directory.Read.All",
        "Policy.Read.All",
        "Exchange.ManageAsApp",
        *(["DelegatedAdminRelationship.Read.All"] if name == tenants.PARTNER else []),
    }
    assert tenant.directory.roles_of(principal.id) == {ROLES["Global Reader"]}
    assert (principal.id in tenant.logs.readers) == bool(tenant.logs.workspace_id)


@each
def test_the_runbook_changes_with_a_certificate_of_its_own(name: str, states: Mapping[str, Tenant]) -> None:
    tenant, entry = states[name], tenants.entry(name, ".")
    client_id = entry["operator"]["client_id"]
    app, principal = tenant.directory.application(client_id), tenant.directory.principal(client_id)
    assert app is not None
    assert principal is not None
    assert (len(app.key_credentials), app.password_credentials) == (1, [])
    assert entry["operator"]["certificate"] != entry["admin"]["certificate"]
    assert held_roles(tenant, client_id) == {
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "DelegatedPermissionGrant.ReadWrite.All",
        "Directory.Read.All",
        "Policy.Read.All",
        "Policy.ReadWrite.ConditionalAccess",
        "Exchange.ManageAsApp",
    }
    assert tenant.directory.roles_of(principal.id) == {
        ROLES["Exchange Administrator"],
        ROLES["Cloud Application Administrator"],
    }


@each
def test_a_tenant_of_an_older_edition_gets_its_operator_once(
    name: str, states: Mapping[str, Tenant], given: Credentials
) -> None:
    tenant = Tenant.read(states[name].written())
    directory, client_id = tenant.directory, tenants.entry(name, ".")["operator"]["client_id"]
    principal = directory.principal(client_id)
    assert principal is not None
    directory.applications = [one for one in directory.applications if one.app_id != client_id]
    directory.service_principals.remove(principal)
    directory.app_role_assignments = [one for one in directory.app_role_assignments if one.principal_id != principal.id]
    directory.role_assignments = [one for one in directory.role_assignments if one.principal_id != principal.id]
    assert tenants.add_operator(tenant, given)
    assert directory.principal(client_id) == principal
    app = directory.application(client_id)
    assert app is not None
    assert [one.key for one in app.key_credentials] == [public_part(given.operator, name="practice").key]
    assert held_roles(tenant, client_id) == held_roles(states[name], client_id)
    assert directory.roles_of(principal.id) == states[name].directory.roles_of(principal.id)
    assert not tenants.add_operator(tenant, given)


@each
def test_one_person_administers_it(name: str, states: Mapping[str, Tenant]) -> None:
    directory = states[name].directory
    people = [one for one in directory.users if directory.roles_of(one.id) == {ROLES["Global Administrator"]}]
    assert [one.user_principal_name for one in people] == [f"admin@{name}.example"]


@each
def test_a_state_is_whole_and_names_nothing_that_is_not_there(name: str, states: Mapping[str, Tenant]) -> None:
    tenant = states[name]
    directory, exchange = tenant.directory, tenant.exchange
    assert Tenant.read(tenant.written()) == tenant
    principals = {one.id for one in directory.service_principals}
    users = {one.id for one in directory.users}
    ids = [*users, *principals, *(one.id for one in directory.applications)]
    assert len(users) == len(directory.users)
    assert len(principals) == len(directory.service_principals)
    addresses = [one for box in exchange.mailboxes for one in (box.primary_smtp, *box.aliases)]
    assert len(ids) == len(set(ids))
    assert len(addresses) == len(set(addresses))
    assert {one.user_id for one in exchange.mailboxes} <= users
    assert {one.client_id for one in directory.grants} | {one.resource_id for one in directory.grants} <= principals
    assert {one.principal_id for one in directory.role_assignments} <= users | principals
    assert {member for group in directory.groups for member in group.members} <= users
    trustees = users | {one.sid for one in exchange.principals}
    assert {one.trustee for one in exchange.mailbox_permissions} <= trustees
    assert {one.trustee for one in exchange.recipient_permissions} <= trustees
    foreign = {one.app_owner_organization_id for one in directory.service_principals}
    assert {MICROSOFT, tenant.tenant_id} <= foreign


def claims(tenant: Tenant, **own: object) -> dict[str, object]:
    return {
        "aud": "https://outlook.office365.com",
        "iss": f"https://sts.windows.net/{tenant.tenant_id}/",
        "tid": tenant.tenant_id,
        "exp": (NOW + timedelta(hours=1)).timestamp(),
        **own,
    }


def as_app(tenant: Tenant, key: str) -> dict[str, object]:
    """Return what a token of an app as itself says."""
    app_id = tenants.world_of(tenant.name).app(key).app_id
    principal = tenant.directory.principal(app_id)
    assert principal is not None
    return claims(tenant, appid=app_id, oid=principal.id, roles=sorted(held_roles(tenant, app_id)))


def as_person(tenant: Tenant, key: str, user: User) -> dict[str, object]:
    """Return what a token says that a person signed in for."""
    app_id = tenants.world_of(tenant.name).app(key).app_id
    scope = " ".join(sorted(held_scopes(tenant, app_id)))
    return claims(tenant, appid=app_id, oid=user.id, upn=user.user_principal_name, scp=scope)


def view(tenant: Tenant) -> mail.View:
    return mail.View(tenant.tenant_id, tenant.directory, tenant.exchange)


def outcomes(tenant: Tenant, key: str) -> dict[tuple[str, str], str]:
    """Return how far the app as itself comes with each mailbox and protocol that the tenants file names."""
    world, said = tenants.world_of(tenant.name), as_app(tenant, key)
    return {
        (proof.account, protocol): mail.token(view(tenant), protocol, world.address(proof.account), said).stage
        for proof in tenants.proofs(tenant.name)
        for protocol in proof.protocols
    }


def test_all_of_contoso_opens_by_the_mail_servers_rules(states: Mapping[str, Tenant]) -> None:
    tenant = states["contoso"]
    assert set(outcomes(tenant, "daemon").values()) == {"open"}
    delegate = tenant.directory.user("carla.nunes@contoso.example")
    assert delegate is not None
    for proof in tenants.proofs("contoso"):
        address = f"{proof.account}@contoso.example"
        box, own = tenant.exchange.mailbox(address), tenant.directory.user(address)
        assert box is not None
        assert own is not None
        user = own if proof.kind == "user" else delegate
        for protocol in proof.protocols:
            opened = mail.token(view(tenant), protocol, address, as_person(tenant, "mail", user))
            assert opened.stage == "open", (address, protocol, opened.reason)
        assert not mail.submission_switch(tenant.exchange, box)
        assert all(mail.may_send_as(view(tenant), box, f"{other}@contoso.example") for other in proof.send_as)


def test_contosos_alerts_may_send_as_one_mailbox_by_its_role(states: Mapping[str, Tenant]) -> None:
    tenant = states["contoso"]
    said = as_app(tenant, "alerts")
    assert said["roles"] == []
    assert mail.token(view(tenant), "smtp", "alerts@contoso.example", said).stage == "open"
    assert mail.token(view(tenant), "smtp", "scanner@contoso.example", said).stage == "refused"
    assert mail.token(view(tenant), "imap", "invoices@contoso.example", said).stage == "refused"


def test_fabrikams_app_is_refused_everywhere_until_exchange_knows_the_right_id(states: Mapping[str, Tenant]) -> None:
    tenant = states["fabrikam"].model_copy(deep=True)
    assert set(outcomes(tenant, "relay").values()) == {"refused"}
    app_id = tenants.world_of("fabrikam").app("relay").app_id
    mirrored, principal = tenant.exchange.principal(app_id), tenant.directory.principal(app_id)
    assert mirrored is not None
    assert principal is not None
    mirrored.object_id = principal.id
    assert outcomes(tenant, "relay") == {
        ("reports", "smtp"): "open",
        ("archive", "imap"): "unconnected",
        ("servicedesk", "imap"): "unconnected",
        ("servicedesk", "pop"): "refused",
        ("invoices", "imap"): "open",
        ("invoices", "smtp"): "open",
    }
    invoices = tenant.exchange.mailbox("invoices@fabrikam.example")
    assert mail.submission_switch(tenant.exchange, invoices) == "Tenant"


def test_adatum_has_not_begun(states: Mapping[str, Tenant]) -> None:
    tenant = states["adatum"]
    assert [one.display_name for one in tenant.directory.applications] == ["Runbook reader", "Runbook operator"]
    assert not tenant.directory.grants
    assert not tenant.exchange.principals
    assert tenant.logs.workspace_id
    assert tenant.exchange.dehydrated
    policies = tenant.directory.policies.permission_grant_policies
    assert "ManagePermissionGrantsForSelf.microsoft-user-default-allow-consent-apps" in policies


def test_contosos_last_password_worked_before_the_policy() -> None:
    for day in DAYS:
        passwords = [
            event.at
            for event in events("contoso", day)
            if event.code == "0" and event.client not in access.MODERN and event.table == "SigninLogs"
        ]
        assert passwords
        assert (day - max(passwords).date()).days > MOVED


def test_the_secret_itself_stands_in_no_state(states: Mapping[str, Tenant], given: Credentials) -> None:
    assert not any(given.secret in one.written() for one in states.values())


def test_four_tenants_are_told_and_built_in_a_moment(given: Credentials) -> None:
    began = time.process_time()
    for name in tenants.NAMES:
        tenants.build(name, NOW, given)
        happened = signins.events(tenants.world_of(name), NOW.date())
        assert list(signins.deliveries(happened, NOW.date()))
    assert time.process_time() - began < 2
