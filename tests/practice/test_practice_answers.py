"""A trainer's answer key says what is wrong with a tenant as it is: a sentence while it is broken, none once mended."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from pydantic import BaseModel

from practice import answers, credentials, tenants
from practice.credentials import Credentials
from practice.estates import Estate
from practice.state import (
    Application,
    AppRoleAssignment,
    AuthenticationPolicy,
    ConditionalAccessPolicy,
    ExchangePrincipal,
    Mailbox,
    ManagementRoleAssignment,
    MobileDevice,
    ServicePrincipal,
    Tenant,
    User,
)
from practice.wellknown import EXCHANGE, GRAPH
from tests.practice.woodgrove import woodgrove

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DAY = timedelta(days=1)

Change = Callable[[Tenant], object]
T = TypeVar("T")


@pytest.fixture(scope="module")
def contoso(given: Credentials) -> str:
    """Return Contoso in order, as it is kept."""
    return tenants.build("contoso", NOW, given).written()


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return credentials.kept(tmp_path_factory.mktemp("keys") / "keys", ["all"])["all"]


# --- what a test finds in a tenant, and does to it ------------------------------------------------


def box(account: str) -> Callable[[Tenant], Mailbox]:
    return lambda tenant: present(tenant.exchange.mailbox(f"{account}@{tenant.name}.example"))


def person(account: str) -> Callable[[Tenant], User]:
    return lambda tenant: present(tenant.directory.user(f"{account}@{tenant.name}.example"))


def app(name: str) -> Callable[[Tenant], Application]:
    return lambda tenant: next(one for one in tenant.directory.applications if one.display_name == name)


def enterprise(name: str) -> Callable[[Tenant], ServicePrincipal]:
    return lambda tenant: present(tenant.directory.principal(app(name)(tenant).app_id))


def mirrored(name: str) -> Callable[[Tenant], ExchangePrincipal]:
    return lambda tenant: present(tenant.exchange.principal(app(name)(tenant).app_id))


def policy(name: str) -> Callable[[Tenant], ConditionalAccessPolicy]:
    return lambda tenant: next(one for one in tenant.directory.policies.conditional_access if one.display_name == name)


def role(tenant: Tenant) -> ManagementRoleAssignment:
    return tenant.exchange.role_assignments[0]


def phone(tenant: Tenant) -> MobileDevice:
    return tenant.exchange.mobile_devices[0]


def phones(tenant: Tenant) -> list[Any]:
    return tenant.exchange.mobile_devices


def present(found: T | None) -> T:
    assert found is not None
    return found


def having(found: Callable[[Tenant], BaseModel], **values: object) -> Change:
    """Return what gives fields of something other values."""

    def change(tenant: Tenant) -> None:
        give(found(tenant), values)

    return change


def give(found: BaseModel, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        setattr(found, name, value)


def without(listed: Callable[[Tenant], list[Any]], those: Callable[[Tenant, Any], bool]) -> Change:
    """Return what takes some members out of a list."""

    def change(tenant: Tenant) -> None:
        held = listed(tenant)
        held[:] = [one for one in held if not those(tenant, one)]

    return change


def each(listed: Callable[[Tenant], list[Any]], **values: object) -> Change:
    """Return what gives fields of every member of a list other values."""

    def change(tenant: Tenant) -> None:
        for one in listed(tenant):
            give(one, values)

    return change


def both(*changes: Change) -> Change:
    """Return what does several things."""
    return lambda tenant: [change(tenant) for change in changes]


def tenant_itself(tenant: Tenant) -> Tenant:
    return tenant


def exchange(tenant: Tenant) -> BaseModel:
    return tenant.exchange


def policies(tenant: Tenant) -> BaseModel:
    return tenant.directory.policies


def logs(tenant: Tenant) -> BaseModel:
    return tenant.logs


def full_access(tenant: Tenant) -> list[Any]:
    return tenant.exchange.mailbox_permissions


def send_as(tenant: Tenant) -> list[Any]:
    return tenant.exchange.recipient_permissions


def grants(tenant: Tenant) -> list[Any]:
    return tenant.directory.grants


def role_of(tenant: Tenant, value: str, resource: str = EXCHANGE) -> str:
    offered = present(tenant.directory.principal(resource)).app_roles
    return next(one.id for one in offered if one.value == value)


def allowing(name: str, value: str, resource: str = EXCHANGE) -> Change:
    """Return what gives an app a permission as itself."""
    return lambda tenant: tenant.directory.app_role_assignments.append(
        AppRoleAssignment(
            app_role_id=role_of(tenant, value, resource),
            principal_id=enterprise(name)(tenant).id,
            resource_id=present(tenant.directory.principal(resource)).id,
        )
    )


def forbidding(name: str, value: str) -> Change:
    """Return what takes such a permission away."""
    return without(
        lambda tenant: tenant.directory.app_role_assignments,
        lambda tenant, one: (
            (one.principal_id, one.app_role_id) == (enterprise(name)(tenant).id, role_of(tenant, value))
        ),
    )


def asking_no_longer(name: str, value: str) -> Change:
    """Return what takes such a permission out of an app's registration."""

    def change(tenant: Tenant) -> None:
        for asked in app(name)(tenant).required_resource_access:
            asked.resource_access = [one for one in asked.resource_access if one.id != role_of(tenant, value)]

    return change


def consenting_to(name: str, scope: str) -> Change:
    """Return what gives an app the scopes *scope* alone, for everybody."""

    def change(tenant: Tenant) -> None:
        for one in tenant.directory.grants:
            if one.client_id == enterprise(name)(tenant).id:
                one.scope = scope

    return change


def for_one_person(name: str, account: str) -> Change:
    """Return what makes the consent to an app one person's own."""

    def change(tenant: Tenant) -> None:
        for one in tenant.directory.grants:
            if one.client_id == enterprise(name)(tenant).id:
                one.consent_type, one.principal_id = "Principal", person(account)(tenant).id

    return change


def ended(found: Callable[[Tenant], Application], kind: str) -> Change:
    """Return what lets an app's secrets or certificates end the day before."""

    def change(tenant: Tenant) -> None:
        for one in getattr(found(tenant), kind):
            one.start_date_time, one.end_date_time = NOW - 90 * DAY, NOW - DAY

    return change


def conditions(name: str, **users: object) -> Change:
    """Return what gives a policy other users."""
    return lambda tenant: policy(name)(tenant).conditions["users"].update(users)


def removed(name: str) -> Change:
    """Return what takes an app's enterprise application away."""
    return without(
        lambda tenant: tenant.directory.service_principals, lambda tenant, one: one.app_id == app(name)(tenant).app_id
    )


DAEMON, MAIL, ALERTS = "Contoso Mail Daemon", "Contoso Mail", "Contoso Alerts"
BLOCK = "Block legacy authentication"
TICKETS, INVOICES = "tickets@contoso.example", "invoices@contoso.example"

CONTOSO: list[tuple[Change, str]] = [
    (
        having(logs, tables=["SigninLogs"]),
        "The diagnostic setting sends no AADNonInteractiveUserSignInLogs and no AADServicePrincipalSignInLogs to the "
        "workspace; it should send them.",
    ),
    (having(logs, missing_columns=["SessionId"]), "The workspace's tables lack SessionId."),
    (
        both(having(tenant_itself, premium=False), having(logs, workspace_id="")),
        "The tenant has neither Entra ID P1 nor a Log Analytics workspace, so its sign-ins can be read only in what "
        "somebody downloads.",
    ),
    # the apps
    (
        having(app(DAEMON), disabled_by_microsoft=True),
        f"Microsoft has disabled {DAEMON}: another app has to take its place.",
    ),
    (
        ended(app(DAEMON), "password_credentials"),
        f"The client secret of {DAEMON} expired on 2026-11-22; it needs a new one.",
    ),
    (
        ended(app(ALERTS), "key_credentials"),
        f"The certificate of {ALERTS} expired on 2026-11-22; it needs a new one.",
    ),
    (
        having(app(ALERTS), key_credentials=[]),
        f"{ALERTS} has no certificate, secret or federated credential, so it cannot sign in as itself.",
    ),
    (
        both(
            having(app(MAIL), is_fallback_public_client=None),
            lambda tenant: app(MAIL)(tenant).public_client.redirect_uris.clear(),
        ),
        f"People cannot sign in to {MAIL}: it has no redirect address, such as http://localhost of a public client, "
        "and allows no public client flows.",
    ),
    (
        having(enterprise(MAIL), account_enabled=False),
        f"The enterprise application {MAIL} is disabled; sign-in to it has to be enabled.",
    ),
    (
        having(enterprise(MAIL), app_role_assignment_required=True),
        f"{MAIL} wants its users assigned, and tickets@contoso.example and scanner@contoso.example are not.",
    ),
    (
        forbidding(DAEMON, "POP.AccessAsApp"),
        f"{DAEMON} asks for POP.AccessAsApp, and nobody has consented to it.",
    ),
    (
        both(forbidding(DAEMON, "POP.AccessAsApp"), asking_no_longer(DAEMON, "POP.AccessAsApp")),
        f"The registration of {DAEMON} does not ask for POP.AccessAsApp, as its work wants.",
    ),
    (
        consenting_to(MAIL, "IMAP.AccessAsUser.All POP.AccessAsUser.All offline_access"),
        f"{MAIL} asks for SMTP.Send, and nobody has consented to it.",
    ),
    (
        for_one_person(MAIL, "scanner"),
        "Neither tickets@contoso.example nor an administrator for everybody has consented to IMAP.AccessAsUser.All, "
        f"POP.AccessAsUser.All and SMTP.Send for {MAIL}.",
    ),
    (
        allowing(DAEMON, "full_access_as_app"),
        f"{DAEMON} holds full_access_as_app, which is for EWS and opens nothing by IMAP, POP or SMTP; it has to go.",
    ),
    (
        allowing(DAEMON, "Mail.Read", GRAPH),
        f"{DAEMON} holds Mail.Read, which is for Microsoft Graph and opens nothing by IMAP, POP or SMTP; it has to go.",
    ),
    (
        allowing(ALERTS, "SMTP.SendAsApp"),
        f"{ALERTS} may send by a role in Exchange and holds SMTP.SendAsApp too, which spoils the role: the permission "
        "has to go.",
    ),
    # what Exchange knows of them
    (
        having(exchange, dehydrated=True),
        "The organization is dehydrated: Enable-OrganizationCustomization has to run before an authentication policy, "
        "a management scope or a role assignment can be made.",
    ),
    (
        without(lambda tenant: tenant.exchange.principals, lambda tenant, one: one.display_name == DAEMON),
        f"Exchange does not know {DAEMON}; it has to be told its enterprise application's object id.",
    ),
    (
        having(role, scope=""),
        f"{ALERTS} may send as every mailbox: its role assignment Application SMTP.SendAsApp-Alerts has no scope.",
    ),
    (
        having(role, scope="Gone"),
        f"{ALERTS} may send as no mailbox: the scope Gone of its role assignment Application SMTP.SendAsApp-Alerts "
        "covers none.",
    ),
    # the mailboxes
    (
        without(
            full_access,
            lambda tenant, one: (
                one.trustee == mirrored(DAEMON)(tenant).sid and one.mailbox == box("tickets")(tenant).guid
            ),
        ),
        f"{DAEMON} has no FullAccess to {TICKETS}.",
    ),
    (
        each(
            lambda tenant: [
                one
                for one in full_access(tenant)
                if one.trustee == mirrored(DAEMON)(tenant).sid and one.mailbox == box("tickets")(tenant).guid
            ],
            deny=True,
        ),
        f"{DAEMON} is denied FullAccess to {TICKETS}.",
    ),
    (
        without(lambda tenant: tenant.exchange.mailboxes, lambda tenant, one: one.primary_smtp == TICKETS),
        f"There is no mailbox {TICKETS}.",
    ),
    (
        having(box("tickets"), soft_deleted=True),
        f"The mailbox {TICKETS} was removed; it can be brought back for 30 days.",
    ),
    (having(box("tickets"), kind="MailUser"), f"{TICKETS} is a mail user: the mailbox is not in Exchange Online."),
    (having(box("tickets"), used_mb=99 * 1024), f"The mailbox {TICKETS} is full."),
    (
        having(person("tickets"), licensed=False),
        f"The account of {TICKETS} has no licence, and so no mailbox that opens.",
    ),
    (
        having(person("tickets"), user_principal_name="desk@contoso.example"),
        f"The account desk@contoso.example has a mailbox whose primary address is {TICKETS}; they should be one, as "
        "IMAP and POP take the address for an account's name.",
    ),
    (
        both(
            having(person("tickets"), user_principal_name="desk@contoso.example"),
            having(box("tickets"), aliases=[TICKETS], primary_smtp="desk@contoso.example"),
        ),
        f"{TICKETS} is only a further address of the mailbox desk@contoso.example.",
    ),
    (
        having(person("tickets"), account_enabled=False),
        f"The account of {TICKETS} is disabled, so it cannot sign in for a token of its own.",
    ),
    (having(person("tickets"), password_expired=True), f"The password of {TICKETS} has expired."),
    (
        having(person("tickets"), locked_until=NOW + DAY),
        f"The account of {TICKETS} is locked until 2026-11-24 09:00 UTC.",
    ),
    (
        having(person("invoices"), account_enabled=True),
        f"The account of the shared mailbox {INVOICES} may sign in; it should be disabled.",
    ),
    (having(box("invoices"), imap_enabled=False), f"IMAP is off for the mailbox {INVOICES}; it should be on."),
    (having(box("tickets"), pop_enabled=False), f"POP is off for the mailbox {TICKETS}; it should be on."),
    (
        having(box("tickets"), smtp_auth_disabled=None),
        f"SMTP AUTH is off for {TICKETS}, in the organization, without an exception of its own; it should be on for "
        "this mailbox.",
    ),
    (
        having(box("tickets"), smtp_auth_disabled=True),
        f"SMTP AUTH is off for {TICKETS}, on the mailbox itself; it should be on for this mailbox.",
    ),
    (
        without(full_access, lambda tenant, one: one.trustee == person("carla.nunes")(tenant).id),
        f"Nobody has FullAccess to the shared mailbox {INVOICES}, so no person can open it.",
    ),
    (
        having(person("invoices"), licensed=False),
        f"The shared mailbox {INVOICES} has no licence, so no person can send by signing in to SMTP as it; somebody "
        "may sign in as themselves and send as it, or it needs one.",
    ),
    (
        without(send_as, lambda tenant, one: one.trustee == person("invoices")(tenant).id),
        f"{INVOICES} may not send as billing@contoso.example: it has no SendAs there.",
    ),
    # what is still open
    (
        both(
            lambda tenant: tenant.exchange.authentication_policies.append(
                AuthenticationPolicy(name="Old scanners", allow_basic={"Smtp": True})
            ),
            having(box("scanner"), authentication_policy="Old scanners"),
        ),
        "SMTP AUTH takes passwords for 1 mailbox (scanner@contoso.example): the authentication policy Old scanners "
        "allows Basic.",
    ),
    (
        having(exchange, smtp_auth_disabled=False),
        "SMTP AUTH is on in the organization, for every mailbox without a switch of its own; it should be off there, "
        "and on for the mailboxes that send.",
    ),
    (having(exchange, legacy_tls=True), "The organization lets clients in by TLS 1.0 and 1.1, which end with 2026."),
    (
        having(policy(BLOCK), state="disabled"),
        "Nothing blocks clients that only take a password: no Conditional Access policy is enforced that does.",
    ),
    (
        conditions(BLOCK, includeUsers=["someone"]),
        f'The policy "{BLOCK}" blocks old clients for some people only.',
    ),
    (
        lambda tenant: conditions(BLOCK, excludeUsers=[person("scanner")(tenant).id])(tenant),
        f'The policy "{BLOCK}" leaves out scanner@contoso.example; in the end it should leave out nobody.',
    ),
    (
        each(lambda tenant: tenant.exchange.cas_mailbox_plans, imap_enabled=True),
        "The mailbox plan ExchangeOnlineEnterprise turns IMAP on for every new mailbox; it should not.",
    ),
    (
        having(phone, client_version="14.1"),
        "The phone iPhone15C2 of jack.tran@contoso.example speaks ActiveSync 14.1; Exchange refuses what is below "
        "16.1.",
    ),
    (
        having(phone, access_state="Quarantined"),
        "The phone iPhone15C2 of jack.tran@contoso.example is in quarantine and waits for an administrator.",
    ),
]


@pytest.mark.parametrize(("broken", "sentence"), [pytest.param(*one, id=one[1][:50]) for one in CONTOSO])
def test_one_thing_broken_in_contoso_is_one_sentence_and_none_in_order(
    broken: Change, sentence: str, contoso: str
) -> None:
    tenant = Tenant.read(contoso)
    assert answers.of(tenant, NOW) == ()
    broken(tenant)
    assert answers.of(tenant, NOW) == (sentence,)


# --- a tenant that no story tells of --------------------------------------------------------------

OPEN = (
    "SMTP AUTH takes passwords for 3 mailboxes (admin@woodgrove.example, ada@woodgrove.example and "
    "invoices@woodgrove.example): no authentication policy refuses Basic.",
    "SMTP AUTH is on in the organization, for every mailbox without a switch of its own; it should be off there, and "
    "on for the mailboxes that send.",
    "Nothing blocks clients that only take a password: no Conditional Access policy is enforced that does.",
)
"""What Woodgrove leaves open: its tokens work, and passwords do too."""

WOODGROVE: list[tuple[Change, str]] = [
    (
        ended(app("Daemon"), "password_credentials"),
        "The client secret of Daemon expired on 2026-11-22; it needs a new one.",
    ),
    (forbidding("Daemon", "IMAP.AccessAsApp"), "Daemon asks for IMAP.AccessAsApp, and nobody has consented to it."),
    (
        consenting_to("Mail client", "openid"),
        "Mail client asks for IMAP.AccessAsUser.All, POP.AccessAsUser.All, SMTP.Send and offline_access, and nobody "
        "has consented to them.",
    ),
    (
        removed("Mail client"),
        "Mail client has no enterprise application in the tenant, so nothing can sign in to it or consent to it.",
    ),
    (
        without(lambda tenant: tenant.exchange.principals, lambda tenant, one: True),
        "Exchange does not know Daemon; it has to be told its enterprise application's object id.",
    ),
    (
        without(full_access, lambda tenant, one: one.trustee == mirrored("Daemon")(tenant).sid),
        "Daemon has FullAccess to no mailbox at all.",
    ),
    (having(box("ada"), imap_enabled=False), "IMAP is off for the mailbox ada@woodgrove.example; it should be on."),
    (
        having(box("invoices"), pop_enabled=False),
        "POP is off for the mailbox invoices@woodgrove.example; it should be on.",
    ),
]


@pytest.mark.parametrize(("broken", "sentence"), [pytest.param(*one, id=one[1][:50]) for one in WOODGROVE])
def test_of_a_tenant_without_a_story_the_state_says_what_is_meant(broken: Change, sentence: str) -> None:
    tenant = woodgrove(NOW).estate.tenant
    assert answers.of(tenant, NOW) == OPEN
    broken(tenant)
    assert answers.of(tenant, NOW) == (sentence, *OPEN)


def test_an_app_of_the_tenants_file_is_missed_until_another_takes_its_place(given: Credentials) -> None:
    tenant = tenants.build("fabrikam", NOW, given)
    for _, mend in FABRIKAM:
        mend(tenant)
    tenant.directory.deleted_applications.append(app(RELAY)(tenant))
    tenant.directory.applications.remove(app(RELAY)(tenant))
    assert answers.of(tenant, NOW) == ("Fabrikam Mail Relay, which the tenants file names, is not registered.",)
    builder = Estate("fabrikam", "Fabrikam", "fabrikam.example", tenant.tenant_id, NOW)
    builder.tenant = tenant
    builder.app("New relay", asks=[("exchange", "role", f"{one}AsApp") for one in ("IMAP.Access", "SMTP.Send")])
    assert answers.of(tenant, NOW)[0] == ("No app asks for POP, by which servicedesk@fabrikam.example is to be used.")


def test_the_wrong_object_id_is_told_with_the_right_one() -> None:
    made = woodgrove(NOW)
    tenant = made.estate.tenant
    tenant.exchange.principals[0].object_id = made.daemon.id
    assert answers.of(tenant, NOW)[0] == (
        f"Exchange knows Daemon by the object id of its app registration, {made.daemon.id}, in place of its enterprise "
        f"application's object id, {made.daemon_principal.id}: it has to be removed, made anew and given its rights "
        "again."
    )


def test_a_mailbox_whose_switch_waits_for_a_policy_is_told_so() -> None:
    tenant = woodgrove(NOW).estate.tenant
    box("ada")(tenant).smtp_auth_disabled = True
    assert answers.of(tenant, NOW)[0] == (
        "SMTP AUTH is off for ada@woodgrove.example, on the mailbox itself; it should be on for this mailbox, once an "
        "authentication policy refuses passwords there."
    )


def test_what_is_closed_by_security_defaults_and_the_announced_end_is_not_told() -> None:
    tenant = woodgrove(NOW).estate.tenant
    tenant.directory.policies.security_defaults = True
    assert answers.of(tenant, NOW) == OPEN[1:2]
    tenant.directory.policies.security_defaults = False
    assert answers.of(tenant, NOW + 90 * DAY) == OPEN[1:]


def test_a_change_that_still_spreads_counts_as_made_and_is_told_last() -> None:
    tenant = woodgrove(NOW).estate.tenant
    tenant.exchange.authentication_policies.append(REFUSING)
    with tenant.change_exchange(NOW, timedelta(minutes=30)) as organization:
        organization.default_authentication_policy = "Block Basic"
    spreading = "The last change in Exchange is still spreading, until 23 November 09:30:00 UTC."
    assert answers.of(tenant, NOW) == (*OPEN[1:], spreading)
    assert answers.of(tenant, NOW + DAY) == OPEN[1:]


# --- the four stories -----------------------------------------------------------------------------

RELAY = "Fabrikam Mail Relay"
REFUSING = AuthenticationPolicy(name="Block Basic", allow_basic={"Smtp": False})

FABRIKAM: list[tuple[str, Change]] = [
    (
        "The client secret of Fabrikam Mail Relay expired on 2026-11-18; it needs a new one.",
        having(app(RELAY), password_credentials=[]),
    ),
    (
        "Fabrikam Mail Relay asks for POP.AccessAsUser.All and POP.AccessAsApp, and nobody has consented to them.",
        both(
            allowing(RELAY, "POP.AccessAsApp"),
            consenting_to(RELAY, "IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send offline_access"),
        ),
    ),
    (
        "Fleet Mailer holds full_access_as_app, which is for EWS and opens nothing by IMAP, POP or SMTP; it needs "
        "IMAP.AccessAsApp in its place.",
        both(forbidding("Fleet Mailer", "full_access_as_app"), asking_no_longer("Fleet Mailer", "full_access_as_app")),
    ),
    (
        "Deb Hale consented to Thunderbird under the id 08162f7c-0fd2-4200-a84a-f25a4db0b584, which its publisher gave "
        "up in August 2024; it should be 9e5f94bc-e8a4-4e73-b8be-63364c29d753.",
        without(grants, lambda tenant, one: one.principal_id == person("deb.hale")(tenant).id),
    ),
    (
        "Exchange knows Fabrikam Mail Relay by the object id of its app registration, "
        "fa55d4ca-7d93-58e0-b2ab-549e92688554, in place of its enterprise application's object id, "
        "8227c246-dfad-5186-9d40-1c8d37df4fde: it has to be removed, made anew and given its rights again.",
        lambda tenant: having(mirrored(RELAY), object_id=enterprise(RELAY)(tenant).id)(tenant),
    ),
    (
        "IMAP is off for the mailbox archive@fabrikam.example; it should be on.",
        having(box("archive"), imap_enabled=True),
    ),
    (
        "The account tickets@fabrikam.example has a mailbox whose primary address is servicedesk@fabrikam.example; "
        "they should be one, as IMAP and POP take the address for an account's name.",
        having(person("tickets"), user_principal_name="servicedesk@fabrikam.example"),
    ),
    (
        "SMTP AUTH is off for invoices@fabrikam.example, in the organization, without an exception of its own; it "
        "should be on for this mailbox, once an authentication policy refuses passwords there.",
        both(
            lambda tenant: tenant.exchange.authentication_policies.append(REFUSING),
            having(box("invoices"), authentication_policy="Block Basic", smtp_auth_disabled=False),
        ),
    ),
    (
        "The shared mailbox invoices@fabrikam.example has no licence, so no person can send by signing in to SMTP as "
        "it; somebody may sign in as themselves and send as it, or it needs one.",
        having(person("invoices"), licensed=True),
    ),
    (
        "SMTP AUTH takes passwords for 14 mailboxes (ines.carver@fabrikam.example, tom.okafor@fabrikam.example, "
        "lena.brandt@fabrikam.example and 11 more): no authentication policy refuses Basic.",
        having(exchange, default_authentication_policy="Block Basic"),
    ),
    (
        'The policy "Block legacy authentication" leaves out the group SMTP exceptions with 10 members and the group '
        "Old mail clients with 10 members; in the end it should leave out nobody.",
        conditions(BLOCK, excludeGroups=[]),
    ),
    (
        'The policy "Microsoft-managed: Block legacy authentication" only reports; it should be enforced, or go.',
        having(policy(f"Microsoft-managed: {BLOCK}"), state="enabled"),
    ),
    (
        "The phone Android-Mail of hugo.penn@fabrikam.example speaks ActiveSync 14.1; Exchange refuses what is below "
        "16.1.",
        each(phones, client_version="16.1"),
    ),
    (
        "The phone iPad11C6 of asha.rao@fabrikam.example is in quarantine and waits for an administrator, as every new "
        "phone will.",
        each(phones, access_state="Allowed"),
    ),
]


def test_fabrikam_is_mended_sentence_by_sentence_until_nothing_is_wrong(given: Credentials) -> None:
    tenant = tenants.build("fabrikam", NOW, given)
    for done, (_, mend) in enumerate(FABRIKAM):
        assert list(answers.of(tenant, NOW)) == [sentence for sentence, _ in FABRIKAM[done:]]
        mend(tenant)
    assert answers.of(tenant, NOW) == ()


def test_northwind_lacks_an_app_and_the_means_to_look(given: Credentials) -> None:
    assert answers.of(tenants.build("northwind", NOW, given), NOW) == (
        "The tenant has neither Entra ID P1 nor a Log Analytics workspace, so its sign-ins can be read only in what "
        "somebody downloads.",
        "Nobody has registered an app for mail.",
        OPEN[1],
    )


ADATUM_OPEN = (
    "The organization is dehydrated: Enable-OrganizationCustomization has to run before an authentication policy, a "
    "management scope or a role assignment can be made.",
    "SMTP AUTH takes passwords for 1 mailbox (printer@adatum.example): no authentication policy refuses Basic.",
    OPEN[2],
)


def test_adatum_has_not_begun(given: Credentials) -> None:
    assert answers.of(tenants.build("adatum", NOW, given), NOW) == (
        "Nobody has registered an app for mail.",
        *ADATUM_OPEN,
    )


def test_an_app_that_an_engineer_registers_is_meant_for_the_mailboxes_of_the_tenants_file(given: Credentials) -> None:
    tenant = tenants.build("adatum", NOW, given)
    builder = Estate("adatum", "Adatum", "adatum.example", tenant.tenant_id, NOW)
    builder.tenant = tenant
    made = builder.app("Orders", asks=[("exchange", "role", f"{each}.AccessAsApp") for each in ("IMAP", "POP")])
    assert answers.of(tenant, NOW) == (
        "No app is registered that is to open printer@adatum.example.",
        "Orders has no enterprise application in the tenant, so nothing can sign in to it or consent to it.",
        "Orders has no certificate, secret or federated credential, so it cannot sign in as itself.",
        *ADATUM_OPEN,
    )
    builder.certificate(made, given.mail)
    principal = builder.enterprise_app(made)
    for protocol in ("IMAP", "POP"):
        builder.allow(principal, EXCHANGE, f"{protocol}.AccessAsApp")
    mirror = builder.exchange_principal(made.app_id, principal.id, "Orders")
    assert "Orders has no FullAccess to orders@adatum.example." in answers.of(tenant, NOW)
    builder.full_access(box("orders")(tenant), mirror.sid)
    assert answers.of(tenant, NOW) == ("No app is registered that is to open printer@adatum.example.", *ADATUM_OPEN)
