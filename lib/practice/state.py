"""What a practice tenant is: everything that its faces read and change, as one value that can be kept as JSON.

Directory objects are named and shaped as Microsoft Graph has them (aliases in camelCase, so that
a model reads and writes the wire form); Exchange objects carry what their cmdlets show. Nothing
here decides anything: a refusal is worked out by the face that gives it, from what stands here.

Changes spread: a tenant keeps how its directory and its Exchange organization were before a change
until the change is in force everywhere (`Tenant.change_directory`, `Tenant.directory_in_force`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, Literal, Self
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

__all__ = [
    "Api",
    "AppRole",
    "AppRoleAssignment",
    "Application",
    "AuthenticationPolicy",
    "CasMailboxPlan",
    "ConditionalAccessPolicy",
    "Directory",
    "Domain",
    "Exchange",
    "ExchangePrincipal",
    "FederatedCredential",
    "Grant",
    "Group",
    "KeyCredential",
    "Logs",
    "Mailbox",
    "MailboxPermission",
    "ManagementRoleAssignment",
    "ManagementScope",
    "MobileDevice",
    "PasswordCredential",
    "Policies",
    "RecipientPermission",
    "Redirects",
    "RequiredResource",
    "ResourceAccess",
    "RoleAssignment",
    "Scope",
    "ServicePrincipal",
    "Tenant",
    "TraceStatus",
    "TracedMessage",
    "User",
    "new_id",
]

Moment = datetime
"""Always aware, UTC."""

# "End of December 2026": no day was published, so the last one is the last.
_SWITCHED_OFF: Final = datetime(2027, 1, 1, tzinfo=UTC)


def new_id() -> str:
    """Return an id for an object made now."""
    return str(uuid4())


class _Record(BaseModel):
    """Values that may be changed in place; unknown fields are refused, as Graph refuses them."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="forbid",
        validate_assignment=True,
        # A password or a letter may be the input that an error is about.
        hide_input_in_errors=True,
    )


# --- the directory --------------------------------------------------------------------------------


class Domain(_Record):
    """A domain of the tenant; its ``id`` is its name."""

    id: str
    authentication_type: Literal["Managed", "Federated"] = "Managed"
    is_default: bool = False
    is_initial: bool = False
    is_verified: bool = True


class User(_Record):
    """A person or another account that can sign in.

    Args:
        password: In the clear, as nothing here guards anything; the file is readable by its owner only.
        mfa: Whether a second factor is registered; the practice sign-in page answers it with one click.
        password_expired: Then a right password is answered with 50055.
        failed_sign_ins: In a row; ten of them lock the account.
        locked_until: When a locked account opens again.
        sessions_valid_from: Refresh tokens issued before this moment are revoked.
        licensed: Whether a licence gives the account an Exchange mailbox plan.
    """

    id: str = Field(default_factory=new_id)
    user_principal_name: str
    display_name: str
    mail: str | None = None
    account_enabled: bool = True
    user_type: Literal["Member", "Guest"] = "Member"
    on_premises_sync_enabled: bool | None = None
    password: str = Field(default="", repr=False)
    mfa: bool = True
    password_expired: bool = False
    failed_sign_ins: int = 0
    locked_until: Moment | None = None
    sessions_valid_from: Moment | None = None
    licensed: bool = True


class Group(_Record):
    """A security group; `members` are ids of users, direct ones only."""

    id: str = Field(default_factory=new_id)
    display_name: str
    members: list[str] = []


class ResourceAccess(_Record):
    """A permission that an app asks for: a delegated scope or an app role, by its id."""

    id: str
    type: Literal["Scope", "Role"]


class RequiredResource(_Record):
    """What an app asks of one resource."""

    resource_app_id: str
    resource_access: list[ResourceAccess] = []


class PasswordCredential(_Record):
    """A client secret; the text itself is never kept, only `secret_hash` (SHA-256, hex), which no face shows."""

    key_id: str = Field(default_factory=new_id)
    display_name: str | None = None
    start_date_time: Moment
    end_date_time: Moment
    hint: str | None = None
    secret_hash: str = Field(default="", repr=False)


class KeyCredential(_Record):
    """The public part of a certificate: `key` is its DER in base64, `custom_key_identifier` its SHA-1 in hex."""

    key_id: str = Field(default_factory=new_id)
    type: str = "AsymmetricX509Cert"
    usage: str = "Verify"
    display_name: str | None = None
    start_date_time: Moment | None = None
    end_date_time: Moment | None = None
    custom_key_identifier: str | None = None
    key: str | None = None


class FederatedCredential(_Record):
    """Whose token an app accepts in place of a secret."""

    id: str = Field(default_factory=new_id)
    name: str
    issuer: str
    subject: str
    audiences: list[str] = ["api://AzureADTokenExchange"]
    description: str | None = None


class Redirects(_Record):
    """The redirect addresses of one platform."""

    redirect_uris: list[str] = []


class Scope(_Record):
    """A delegated permission that a resource offers (``oauth2PermissionScopes``)."""

    id: str
    value: str
    type: Literal["User", "Admin"] = "User"
    is_enabled: bool = True
    admin_consent_display_name: str = ""
    admin_consent_description: str = ""
    user_consent_display_name: str | None = None
    user_consent_description: str | None = None


class AppRole(_Record):
    """A permission that a resource offers to apps that sign in as themselves."""

    id: str
    value: str
    display_name: str = ""
    description: str = ""
    is_enabled: bool = True
    allowed_member_types: list[str] = ["Application"]


class Api(_Record):
    """How an app is called as a resource."""

    requested_access_token_version: int | None = None
    oauth2_permission_scopes: Annotated[list[Scope], Field(alias="oauth2PermissionScopes")] = []


class Application(_Record):
    """An app registration. Registered by the tenant itself, or (in a catalogue) by a publisher elsewhere.

    Args:
        owners: Object ids of the users and service principals that own it, who may change it without a role.
        deleted_date_time: When it was deleted; restorable for 30 days.
    """

    id: str = Field(default_factory=new_id)
    app_id: str = Field(default_factory=new_id)
    display_name: str
    unique_name: str | None = None
    sign_in_audience: Literal[
        "AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"
    ] = "AzureADMyOrg"
    created_date_time: Moment | None = None
    required_resource_access: list[RequiredResource] = []
    public_client: Redirects = Field(default_factory=Redirects)
    web: Redirects = Field(default_factory=Redirects)
    spa: Redirects = Field(default_factory=Redirects)
    is_fallback_public_client: bool | None = None
    api: Api = Field(default_factory=Api)
    app_roles: list[AppRole] = []
    identifier_uris: list[str] = []
    password_credentials: list[PasswordCredential] = []
    key_credentials: list[KeyCredential] = []
    federated_credentials: list[FederatedCredential] = []
    tags: list[str] = []
    notes: str | None = None
    verified_publisher: str | None = None
    disabled_by_microsoft: bool = False
    owners: list[str] = []
    deleted_date_time: Moment | None = None


class ServicePrincipal(_Record):
    """An enterprise application: an app as one tenant knows it.

    Args:
        deleted_date_time: When it was deleted; restorable for 30 days.
    """

    id: str = Field(default_factory=new_id)
    app_id: str
    display_name: str
    app_owner_organization_id: str | None = None
    account_enabled: bool = True
    app_role_assignment_required: bool = False
    service_principal_type: str = "Application"
    service_principal_names: list[str] = []
    app_roles: list[AppRole] = []
    oauth2_permission_scopes: Annotated[list[Scope], Field(alias="oauth2PermissionScopes")] = []
    reply_urls: list[str] = []
    tags: list[str] = []
    assigned_to: list[str] = []
    deleted_date_time: Moment | None = None


class Grant(_Record):
    """Consent to delegated scopes; `client_id` and `resource_id` are object ids of service principals."""

    id: str = Field(default_factory=new_id)
    client_id: str
    consent_type: Literal["AllPrincipals", "Principal"]
    principal_id: str | None = None
    resource_id: str
    scope: str = ""


class AppRoleAssignment(_Record):
    """Consent to an app role: *principal* (an app's service principal) may act as *app_role_id* on *resource*."""

    id: str = Field(default_factory=new_id)
    app_role_id: str
    principal_id: str
    principal_type: str = "ServicePrincipal"
    principal_display_name: str | None = None
    resource_id: str
    resource_display_name: str | None = None
    created_date_time: Moment | None = None


class RoleAssignment(_Record):
    """A directory role that a user or a service principal holds, by the role's template id."""

    principal_id: str
    role_template_id: str


class ConditionalAccessPolicy(_Record):
    """A Conditional Access policy; `conditions` and `grant_controls` are shaped as Graph has them."""

    id: str = Field(default_factory=new_id)
    display_name: str
    state: Literal["enabled", "disabled", "enabledForReportingButNotEnforced"] = "enabled"
    created_date_time: Moment | None = None
    modified_date_time: Moment | None = None
    conditions: dict[str, Any] = {}
    grant_controls: dict[str, Any] | None = None
    session_controls: dict[str, Any] | None = None


class Policies(_Record):
    """The tenant's policies.

    Args:
        security_defaults: Whether security defaults are on.
        conditional_access: Its Conditional Access policies.
        allowed_to_create_apps: Whether every user may register apps.
        permission_grant_policies: What a user may consent to (``permissionGrantPoliciesAssigned``).
        admin_consent_requests: Whether users may ask an administrator for consent.
        admin_consent_details: Who is asked then and for how long, as Graph has it; nothing here acts on that.
        app_management: The tenant's default app management policy, shaped as Graph has it.
        managed_app_policies: Policies for single apps (``appManagementPolicies``); ``appliesTo`` holds object ids.
    """

    security_defaults: bool = False
    conditional_access: list[ConditionalAccessPolicy] = []
    allowed_to_create_apps: bool = True
    permission_grant_policies: list[str] = ["ManagePermissionGrantsForSelf.microsoft-user-default-recommended"]
    admin_consent_requests: bool = False
    admin_consent_details: dict[str, Any] = {}
    app_management: dict[str, Any] = {"isEnabled": False}
    managed_app_policies: list[dict[str, Any]] = []


class Directory(_Record):
    """The tenant's directory.

    Args:
        deleted_applications: App registrations that were deleted.
        deleted_service_principals: Enterprise applications that were deleted.
        deleted_grants: Consent by or to one of these, which counts again when it is restored.
        deleted_app_role_assignments: The same for app roles.
    """

    domains: list[Domain] = []
    users: list[User] = []
    groups: list[Group] = []
    applications: list[Application] = []
    deleted_applications: list[Application] = []
    deleted_service_principals: list[ServicePrincipal] = []
    deleted_grants: list[Grant] = []
    deleted_app_role_assignments: list[AppRoleAssignment] = []
    service_principals: list[ServicePrincipal] = []
    grants: list[Grant] = []
    app_role_assignments: list[AppRoleAssignment] = []
    role_assignments: list[RoleAssignment] = []
    policies: Policies = Field(default_factory=Policies)

    def user(self, name: str) -> User | None:
        """Return a user by id or sign-in name, without regard to case."""
        wanted = name.lower()
        return next((one for one in self.users if wanted in (one.id, one.user_principal_name.lower())), None)

    def application(self, key: str) -> Application | None:
        """Return an app registration by object id or application id."""
        return next((one for one in self.applications if key.lower() in (one.id, one.app_id)), None)

    def principal(self, key: str) -> ServicePrincipal | None:
        """Return a service principal by object id or application id."""
        return next((one for one in self.service_principals if key.lower() in (one.id, one.app_id)), None)

    def roles_of(self, principal_id: str) -> set[str]:
        """Return the template ids of the directory roles that a user or service principal holds."""
        return {one.role_template_id for one in self.role_assignments if one.principal_id == principal_id}


# --- Exchange -------------------------------------------------------------------------------------


class Mailbox(_Record):
    """A mailbox, or a mail user whose mailbox is elsewhere.

    Args:
        guid: ``ExchangeGuid``, which its cmdlets accept as an identity.
        user_id: The directory's object id of the account it belongs to.
        display_name: As address books show it.
        primary_smtp: Its primary address; it may differ from the account's sign-in name.
        aliases: Further addresses.
        kind: Shared mailboxes need no licence; a mail user has no mailbox here.
        imap_enabled: ``Set-CASMailbox -ImapEnabled``.
        pop_enabled: The same for POP.
        active_sync_enabled: The same for ActiveSync.
        active_sync_allowed_ids: Ids of phones that may sync whatever the organization says of new ones.
        active_sync_blocked_ids: Ids of phones that may not; these come first.
        smtp_auth_disabled: Three states: None follows the organization.
        authentication_policy: The name of the user's own policy; empty follows the organization's default.
        copies_sent: ``MessageCopyForSMTPClientSubmissionEnabled``.
        plan: The CAS mailbox plan it was made from.
        messages: What its inbox holds, as whole RFC 5322 messages.
        uids: What IMAP knows the first of `messages` by; the rest are counted on from `uid_next`.
        uid_next: The number after the last that `uids` ever held.
        sent: What its Sent Items hold.
        sent_uids: As `uids`, of `sent`.
        sent_uid_next: As `uid_next`, of `sent_uids`.
        quota_mb: ``ProhibitSendQuota``.
        used_mb: How full it is.
        soft_deleted: Whether it was removed less than 30 days ago.
        restricted: Whether it may not send, as it sent spam (the page of restricted entities).
        custom_attributes: ``CustomAttribute1`` to ``CustomAttribute15`` by name, those that are set.
    """

    guid: str = Field(default_factory=new_id)
    user_id: str
    display_name: str
    primary_smtp: str
    aliases: list[str] = []
    kind: Literal["UserMailbox", "SharedMailbox", "RoomMailbox", "MailUser"] = "UserMailbox"
    imap_enabled: bool = True
    pop_enabled: bool = True
    active_sync_enabled: bool = True
    active_sync_allowed_ids: list[str] = []
    active_sync_blocked_ids: list[str] = []
    smtp_auth_disabled: bool | None = None
    authentication_policy: str = ""
    copies_sent: bool = True
    plan: str = ""
    folders: list[str] = ["INBOX", "Archive", "Deleted Items", "Drafts", "Junk Email", "Sent Items"]
    messages: list[str] = []
    uids: list[int] = []
    uid_next: int = 1
    sent: list[str] = []
    sent_uids: list[int] = []
    sent_uid_next: int = 1
    quota_mb: int = 99 * 1024
    used_mb: int = 1
    soft_deleted: bool = False
    restricted: bool = False
    custom_attributes: dict[str, str] = {}


class ExchangePrincipal(_Record):
    """An app as Exchange knows it (``Get-ServicePrincipal``).

    Args:
        object_id: What ``New-ServicePrincipal -ObjectId`` was given. Exchange does not check that it is the
            enterprise application's, which is how the classic mistake is made.
        app_id: The application id.
        display_name: As given.
        sid: What permissions name it by.
        guid: Exchange's own id of the object, different from both.
    """

    object_id: str
    app_id: str
    display_name: str = ""
    sid: str
    guid: str = Field(default_factory=new_id)


class MailboxPermission(_Record):
    """Rights on a mailbox; `trustee` is a user's id or an Exchange principal's SID, `inheritance` what takes part."""

    mailbox: str
    trustee: str
    rights: list[str] = ["FullAccess"]
    deny: bool = False
    automapping: bool = True
    inheritance: str = "All"


class RecipientPermission(_Record):
    """The right to send as a recipient; `recipient` is a mailbox's guid, `trustee` as in `MailboxPermission`."""

    recipient: str
    trustee: str
    rights: list[str] = ["SendAs"]


class AuthenticationPolicy(_Record):
    """Which protocols take a password, by what follows ``AllowBasicAuth``; in Exchange Online only Smtp has effect."""

    name: str
    allow_basic: dict[str, bool] = {}


class FormerPolicy(_Record):
    """What an authentication policy, or who has one, was before a change that does not count yet.

    Args:
        about: The mailbox's guid, empty for the organization's default, or the policy's name after ``policy ``.
        name: The policy that it had; empty for none, and where the policy itself changed.
        allow_basic: What the policy allowed, where it changed itself.
        since: When it was changed.
        until: From when the change counts.
    """

    about: str
    name: str = ""
    allow_basic: dict[str, bool] = {}
    since: Moment
    until: Moment

    def holds(self, now: datetime) -> bool:
        """Whether it is so at *now*; a change that a clock set back has not seen yet keeps nothing waiting."""
        return self.since <= now < self.until


class ManagementScope(_Record):
    """Which recipients a role assignment covers, as an OPATH filter."""

    name: str
    filter: str


class ManagementRoleAssignment(_Record):
    """A role that an app (by its Exchange principal's object id), a user or a role group holds."""

    name: str
    role: str
    assignee: str
    assignee_type: Literal["ServicePrincipal", "User", "RoleGroup"] = "ServicePrincipal"
    scope: str = ""


class CasMailboxPlan(_Record):
    """What a new mailbox gets; `name` is the plan's display name."""

    name: str
    imap_enabled: bool = True
    pop_enabled: bool = True
    active_sync_enabled: bool = True
    is_default: bool = False


class MobileDevice(_Record):
    """A partnership of a phone with a mailbox.

    Args:
        wipe: What an administrator asked to be wiped; it is done when the phone next syncs, which no phone does here.
        wipe_requested: When that was.
    """

    guid: str = Field(default_factory=new_id)
    mailbox: str
    device_id: str
    model: str = ""
    os: str = ""
    client_type: Literal["EAS", "REST", "MOWA"] = "EAS"
    client_version: str = "16.1"
    user_agent: str = ""
    access_state: Literal["Allowed", "Blocked", "Quarantined"] = "Allowed"
    first_sync: Moment
    last_sync: Moment | None = None
    wipe: Literal["", "device", "account"] = ""
    wipe_requested: Moment | None = None


TraceStatus = Literal["Delivered", "Failed", "Pending", "Quarantined"]
"""What became of a message, as a message trace says it."""


class TracedMessage(_Record):
    """A message that went through, as a message trace shows it."""

    message_trace_id: str = Field(default_factory=new_id)
    received: Moment
    sender: str
    recipient: str
    subject: str
    status: TraceStatus = "Delivered"
    from_ip: str = ""
    size: int = 0


class Exchange(_Record):
    """The tenant's Exchange organization.

    Args:
        smtp_auth_disabled: ``Set-TransportConfig -SmtpClientAuthenticationDisabled``.
        legacy_tls: ``-AllowLegacyTLSClients``.
        default_authentication_policy: A policy's name, or empty.
        reject_direct_send: ``Set-OrganizationConfig -RejectDirectSend``.
        ews_enabled: Three states.
        ews_allowed_app_ids: ``-EwsAllowedAppIDs``.
        dehydrated: Then ``Enable-OrganizationCustomization`` has to run first.
        basic_smtp: What Microsoft allows: on as before, off by default, or removed for good; as announced, it is on
            until the end of December 2026 and off by default from then on. See `basic_smtp_at`.
        ungranted_apps: What IMAP and POP say to an app without FullAccess on the mailbox: both are reported, and what
            decides is not known. "not connected" is the confirmed one.
        default_access_level: What happens to a new phone.
    """

    mailboxes: list[Mailbox] = []
    principals: list[ExchangePrincipal] = []
    mailbox_permissions: list[MailboxPermission] = []
    recipient_permissions: list[RecipientPermission] = []
    authentication_policies: list[AuthenticationPolicy] = []
    former_policies: list[FormerPolicy] = []
    management_scopes: list[ManagementScope] = []
    role_assignments: list[ManagementRoleAssignment] = []
    cas_mailbox_plans: list[CasMailboxPlan] = []
    mobile_devices: list[MobileDevice] = []
    traced_messages: list[TracedMessage] = []
    smtp_auth_disabled: bool = True
    legacy_tls: bool = False
    default_authentication_policy: str = ""
    reject_direct_send: bool = False
    ews_enabled: bool | None = None
    ews_allowed_app_ids: list[str] = []
    dehydrated: bool = False
    basic_smtp: Literal["as announced", "on", "off by default", "removed"] = "as announced"
    ungranted_apps: Literal["not connected", "refused"] = "not connected"
    default_access_level: Literal["Allow", "Block", "Quarantine"] = "Allow"

    def basic_smtp_at(self, now: datetime) -> Literal["on", "off by default", "removed"]:
        """Return what holds for passwords on SMTP AUTH at *now*."""
        if self.basic_smtp == "as announced":
            return "on" if now < _SWITCHED_OFF else "off by default"
        return self.basic_smtp

    def policy_at(self, box: Mailbox | None, now: datetime) -> AuthenticationPolicy | None:
        """Return the authentication policy that counts for *box*, or else the default that does; None for none.

        A name of which there is no policy any more is none.
        """
        former = {one.about: one for one in self.former_policies if one.holds(now)}
        own = (former[box.guid].name if box.guid in former else box.authentication_policy) if box else ""
        name = (own or (former[""].name if "" in former else self.default_authentication_policy)).lower()
        held = next((one for one in self.authentication_policies if one.name.lower() == name), None)
        was = former.get(f"policy {name}")
        return held.model_copy(update={"allow_basic": was.allow_basic}) if held and was else held

    def keep_policy(self, was: FormerPolicy) -> None:
        """Have *was* count until it ends; what counts of an earlier change goes on, and nothing else is remembered."""
        held = [one for one in self.former_policies if one.holds(was.since)]
        same = next((one for one in held if one.about == was.about), None)
        if same is not None:
            was = was.model_copy(update={"name": same.name, "allow_basic": same.allow_basic})
        self.former_policies = [
            *(one for one in held if one.about != was.about),
            *([was] if was.until > was.since else []),
        ]

    def mailbox(self, key: str) -> Mailbox | None:
        """Return a mailbox by guid, account id, or any of its addresses, without regard to case.

        One that was removed is found only where no other has that name: its addresses are free again.
        """
        wanted, removed = key.lower(), None
        for one in self.mailboxes:
            if wanted in (one.guid, one.user_id, one.primary_smtp.lower(), *map(str.lower, one.aliases)):
                if not one.soft_deleted:
                    return one
                removed = removed or one
        return removed

    def principal(self, key: str) -> ExchangePrincipal | None:
        """Return an Exchange principal by object id, application id, SID or guid."""
        wanted = key.lower()
        return next(
            (one for one in self.principals if wanted in (one.object_id, one.app_id, one.sid.lower(), one.guid)), None
        )


# --- the tenant -----------------------------------------------------------------------------------


class Logs(_Record):
    """What the tenant keeps of its sign-ins.

    Args:
        workspace_id: Its Log Analytics workspace; empty where it has none.
        tables: The sign-in tables that its diagnostic setting sends there.
        missing_columns: Columns that an older workspace lacks.
        retention_days: How far back Entra and the workspace hold rows.
        ingestion_s: How long after a sign-in its row can be read, in seconds.
        readers: Object ids of users and service principals that may query the workspace (Log Analytics Reader, a
            role in Azure that no directory role contains).
    """

    workspace_id: str = ""
    tables: list[str] = ["SigninLogs", "AADNonInteractiveUserSignInLogs", "AADServicePrincipalSignInLogs"]
    missing_columns: list[str] = []
    retention_days: int = 30
    ingestion_s: float = 0
    readers: list[str] = []


class _Former(_Record):
    """How things were, and until when they are still so for whoever is not an administrator looking at the change."""

    since: Moment
    until: Moment
    directory: Directory | None = None
    exchange: Exchange | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it is so at *now*; a change that a clock set back has not seen yet keeps nothing waiting."""
        return self.since <= now < self.until


class Relationship(_Record):
    """A delegated admin relationship with a customer, as the partner's tenant holds it.

    Args:
        customer_id: The customer's directory.
        customer_name: What the customer is called.
        roles: The template ids of the directory roles that it carries.
    """

    id: str = Field(default_factory=new_id)
    display_name: str
    customer_id: str
    customer_name: str
    status: Literal["active", "approvalPending", "terminated", "expiring", "created"] = "active"
    duration: str = "P730D"
    auto_extend_duration: str = "PT0S"
    activated_date_time: Moment | None = None
    end_date_time: Moment | None = None
    roles: list[str] = []


class Tenant(_Record):
    """One practice tenant.

    Args:
        name: As the tenants file calls it.
        tenant_id: The directory's id.
        title: What its people call it.
        premium: Whether it has Entra ID P1, without which Graph refuses its sign-ins.
        made: When it was made, or made anew, by the machine's clock; None where an earlier edition made it.
        relationships: With customers, for a tenant that is a partner.
        moved: Since which day an account has sent with a token, though its story tells of a password; by sign-in name.
    """

    name: str
    tenant_id: str
    title: str
    premium: bool = True
    directory: Directory = Field(default_factory=Directory)
    exchange: Exchange = Field(default_factory=Exchange)
    logs: Logs = Field(default_factory=Logs)
    made: Moment | None = None
    relationships: list[Relationship] = []
    moved: dict[str, date] = {}
    former: list[_Former] = []

    @contextmanager
    def change_directory(self, now: datetime, lag: timedelta) -> Iterator[Directory]:
        """Give the directory to change; what stood before stays in force for *lag*."""
        with self._spreading("directory", now, lag):
            yield self.directory

    @contextmanager
    def change_exchange(self, now: datetime, lag: timedelta) -> Iterator[Exchange]:
        """Give the Exchange organization to change; what stood before stays in force for *lag*."""
        with self._spreading("exchange", now, lag):
            yield self.exchange

    def directory_in_force(self, now: datetime) -> Directory:
        """Return the directory as a replica that lags shows it at *now*; not to be changed."""
        return next((one.directory for one in self.former if one.directory and one.holds(now)), self.directory)

    def directory_spread(self, now: datetime) -> datetime:
        """Return when the directory as it stands is in force everywhere: *now* where it is already."""
        return max((one.until for one in self.former if one.directory and one.until > now), default=now)

    def exchange_in_force(self, now: datetime) -> Exchange:
        """Return the Exchange organization as the mail servers know it at *now*; not to be changed."""
        return next((one.exchange for one in self.former if one.exchange and one.holds(now)), self.exchange)

    def shorten(self, directory_lag: timedelta, exchange_lag: timedelta, policy_lag: timedelta) -> None:
        """Let what is spreading be done within these lags at the latest."""
        for one in self.former:
            one.until = min(one.until, one.since + (directory_lag if one.directory else exchange_lag))
        for was in self.exchange.former_policies:
            was.until = min(was.until, was.since + policy_lag)

    def owns(self, domain: str) -> bool:
        """Whether *domain* is one of the tenant's."""
        return any(one.id == domain.lower() for one in self.directory.domains)

    @contextmanager
    def _spreading(self, part: Literal["directory", "exchange"], now: datetime, lag: timedelta) -> Iterator[None]:
        """Keep what stands before a change, unless a change shortly before is still spreading: then both spread as one.

        A copy for each of many quick changes would fill the file; so a change may be in force a sixtieth early.
        """
        until = now + lag
        joins = any(
            getattr(one, part) is not None and one.holds(now) and abs(until - one.until) <= lag / 60
            for one in self.former
        )
        before = None
        if lag and not joins:
            copied = getattr(self, part).model_copy(deep=True)
            before = _Former.model_validate({"since": now, "until": until, part: copied})
        yield
        # The other part may have been changed meanwhile, within this change.
        kept = [one for one in self.former if one.holds(now)]
        self.former = [*kept, before] if before else kept

    @classmethod
    def read(cls, text: str | bytes) -> Self:
        """Return a tenant from what `written` gave."""
        return cls.model_validate_json(text)

    def written(self) -> str:
        """Return the tenant as JSON."""
        return self.model_dump_json()
