"""Builds a practice tenant's state: what Microsoft sets up in every tenant, and what a firm adds to it.

A builder's methods are the steps that an administrator would take, the wrong ones included; they
check nothing, so that a tenant can be as broken as a story wants it.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import NAMESPACE_URL, uuid5

from .credentials import public_part
from .state import (
    Application,
    AppRole,
    AppRoleAssignment,
    CasMailboxPlan,
    ConditionalAccessPolicy,
    Domain,
    ExchangePrincipal,
    Grant,
    Group,
    KeyCredential,
    Logs,
    Mailbox,
    MailboxPermission,
    PasswordCredential,
    RecipientPermission,
    RequiredResource,
    ResourceAccess,
    RoleAssignment,
    Scope,
    ServicePrincipal,
    Tenant,
    User,
)
from .wellknown import (
    EXCHANGE,
    GRAPH,
    LOGS,
    MICROSOFT,
    ROLES,
    SIGN_IN_WORD,
    PermissionKind,
    Resource,
    known_permissions,
    permission,
)

__all__ = ["Estate"]

PolicyState = Literal["enabled", "disabled", "enabledForReportingButNotEnforced"]

_EXCHANGE_NAMES: Final = (
    "https://outlook.office365.com",
    "https://outlook.office.com",
    "https://outlook.com",
    "https://ps.outlook.com",
    "https://ps.compliance.protection.outlook.com",
    "https://outlook.office365.us",
)

_GRAPH_PERMISSIONS: Final = (
    ("AppRoleAssignment.ReadWrite.All", "scope role"),
    ("Application.Read.All", "scope role"),
    ("Application.ReadWrite.All", "scope role"),
    ("Application.ReadWrite.OwnedBy", "role"),
    ("AuditLog.Read.All", "scope role"),
    ("AuditLogsQuery-Entra.Read.All", "scope role"),
    ("DelegatedAdminRelationship.Read.All", "scope role"),
    ("DelegatedPermissionGrant.ReadWrite.All", "scope role"),
    ("Directory.AccessAsUser.All", "scope"),
    ("Directory.Read.All", "scope role"),
    ("Directory.ReadWrite.All", "scope role"),
    ("Domain.Read.All", "scope role"),
    ("Group.Read.All", "scope role"),
    ("LicenseAssignment.ReadWrite.All", "scope role"),
    ("Mail.Read", "scope role"),
    ("Mail.Send", "scope role"),
    ("Organization.Read.All", "scope role"),
    ("Policy.Read.All", "scope role"),
    ("Policy.ReadWrite.ApplicationConfiguration", "scope role"),
    ("Policy.ReadWrite.Authorization", "scope"),
    ("Policy.ReadWrite.ConditionalAccess", "scope role"),
    ("Policy.ReadWrite.ConsentRequest", "scope"),
    ("Policy.ReadWrite.SecurityDefaults", "scope"),
    ("RoleManagement.Read.Directory", "scope role"),
    ("User-PasswordProfile.ReadWrite.All", "scope role"),
    ("User.Read", "scope"),
    ("User.Read.All", "scope role"),
    ("User.ReadWrite.All", "scope role"),
    ("User.RevokeSessions.All", "scope role"),
    ("email", "scope"),
    ("openid", "scope"),
    ("profile", "scope"),
)
"""What Graph offers, and whether to people, to apps or to both; the mail scopes come on top."""


class Estate:
    """A tenant under construction.

    Args:
        name: As the tenants file calls it.
        title: What its people call it.
        domain: Its mail domain.
        tenant_id: The directory's id.
        now: The moment from which dates are reckoned.
    """

    def __init__(self, name: str, title: str, domain: str, tenant_id: str, now: datetime) -> None:
        self.domain = domain
        self.now = now
        self.tenant = Tenant(name=name, title=title, tenant_id=tenant_id, made=now)
        directory = self.tenant.directory
        directory.domains = [
            Domain(id=domain, is_default=True),
            Domain(id=f"{name}.onmicrosoft.example", is_initial=True),
        ]
        directory.service_principals = [self._exchange_online(), self._graph(), self._log_analytics()]
        self.tenant.exchange.cas_mailbox_plans = [CasMailboxPlan(name="ExchangeOnlineEnterprise", is_default=True)]

    def id_of(self, what: str) -> str:
        """Return the id that this tenant has for *what*, the same in every run."""
        return str(uuid5(NAMESPACE_URL, f"https://{self.domain}/{what}"))

    def user(self, account: str, name: str, *, roles: Iterable[str] = (), **details: Any) -> User:
        """Add an account; *roles* are names in `ROLES`, *details* further fields of `User`."""
        address = account if "@" in account else f"{account}@{self.domain}"
        values = {
            "id": self.id_of(f"user/{address}"),
            "user_principal_name": address,
            "mail": address,
            "password": SIGN_IN_WORD,
            **details,
        }
        made = User(display_name=name, **values)
        self.tenant.directory.users.append(made)
        for role in roles:
            self.role(made.id, role)
        return made

    def role(self, principal_id: str, role: str) -> None:
        """Give a user or a service principal a directory role."""
        held = RoleAssignment(principal_id=principal_id, role_template_id=ROLES[role])
        self.tenant.directory.role_assignments.append(held)

    def mailbox(self, owner: User, **details: Any) -> Mailbox:
        """Give *owner* a mailbox; *details* are further fields of `Mailbox`."""
        values = {"guid": self.id_of(f"mailbox/{owner.id}"), "primary_smtp": owner.mail, **details}
        made = Mailbox(user_id=owner.id, display_name=owner.display_name, **values)
        self.tenant.exchange.mailboxes.append(made)
        return made

    def shared(self, account: str, name: str, **details: Any) -> Mailbox:
        """Add a shared mailbox: its account may not sign in and has no licence."""
        owner = self.user(account, name, account_enabled=False, licensed=False, mfa=False)
        return self.mailbox(owner, kind="SharedMailbox", **details)

    def app(
        self, name: str, *, app_id: str = "", asks: Iterable[tuple[Resource, PermissionKind, str]] = (), **details: Any
    ) -> Application:
        """Register an app; *asks* are permissions as (resource, kind, value), *details* fields of `Application`."""
        wanted: dict[str, list[ResourceAccess]] = {}
        for resource, kind, value in asks:
            access = ResourceAccess(id=permission(resource, value, kind), type="Scope" if kind == "scope" else "Role")
            wanted.setdefault(EXCHANGE if resource == "exchange" else GRAPH, []).append(access)
        made = Application(
            id=self.id_of(f"application/{name}"),
            app_id=app_id or self.id_of(f"app/{name}"),
            display_name=name,
            created_date_time=self.now - timedelta(days=40),
            required_resource_access=[
                RequiredResource(resource_app_id=resource, resource_access=access)
                for resource, access in wanted.items()
            ],
            **details,
        )
        self.tenant.directory.applications.append(made)
        return made

    def enterprise_app(self, app: Application, **details: Any) -> ServicePrincipal:
        """Make the enterprise application of *app*."""
        made = ServicePrincipal(
            id=self.id_of(f"principal/{app.app_id}"),
            app_id=app.app_id,
            display_name=app.display_name,
            **{"app_owner_organization_id": self.tenant.tenant_id, **details},
        )
        self.tenant.directory.service_principals.append(made)
        return made

    def secret(self, app: Application, text: str, *, days: float = 180, began: float = 10) -> PasswordCredential:
        """Give *app* a client secret that was made *began* days ago and ends in *days* days."""
        made = PasswordCredential(
            display_name="practice",
            start_date_time=self.now - timedelta(days=began),
            end_date_time=self.now + timedelta(days=days),
            hint=text[:3],
            secret_hash=hashlib.sha256(text.encode()).hexdigest(),
        )
        app.password_credentials.append(made)
        return made

    def certificate(self, app: Application, pem: str) -> KeyCredential:
        """Give *app* a certificate to sign in with; *pem* holds its public part alone."""
        made = public_part(pem, name="practice")
        app.key_credentials.append(made)
        return made

    def group(self, name: str, members: Iterable[User]) -> Group:
        """Add a security group."""
        made = Group(id=self.id_of(f"group/{name}"), display_name=name, members=[one.id for one in members])
        self.tenant.directory.groups.append(made)
        return made

    def policy(
        self,
        key: str,
        name: str,
        *,
        controls: Iterable[str],
        clients: Iterable[str],
        days: float,
        exclude: Iterable[Group] = (),
        state: PolicyState = "enabled",
    ) -> ConditionalAccessPolicy:
        """Add a Conditional Access policy for every user and every app.

        Args:
            key: Its id is that of "policy/" and the key.
            name: As rows of sign-ins show it.
            controls: Built-in grant controls.
            clients: ``clientAppTypes``.
            days: How many days ago it got its present form.
            exclude: Groups that it leaves out.
            state: Whether it is enforced.
        """
        made = ConditionalAccessPolicy(
            id=self.id_of(f"policy/{key}"),
            display_name=name,
            state=state,
            created_date_time=self.now - timedelta(days=days),
            modified_date_time=self.now - timedelta(days=days),
            conditions={
                "users": {"includeUsers": ["All"], "excludeGroups": [one.id for one in exclude]},
                "applications": {"includeApplications": ["All"]},
                "clientAppTypes": list(clients),
            },
            grant_controls={"operator": "OR", "builtInControls": list(controls)},
        )
        self.tenant.directory.policies.conditional_access.append(made)
        return made

    def consent(self, client: ServicePrincipal, resource: str, *scopes: str, user: User | None = None) -> Grant:
        """Record consent to delegated scopes, for everybody or for one user; *resource* is an application id."""
        made = Grant(
            client_id=client.id,
            consent_type="Principal" if user else "AllPrincipals",
            principal_id=user.id if user else None,
            resource_id=self._of(resource).id,
            scope=" ".join(scopes),
        )
        self.tenant.directory.grants.append(made)
        return made

    def allow(self, client: ServicePrincipal, resource: str, *roles: str) -> None:
        """Record consent to app roles; *resource* is an application id."""
        held = self._of(resource)
        for value in roles:
            role = next(one for one in held.app_roles if one.value == value)
            self.tenant.directory.app_role_assignments.append(
                AppRoleAssignment(
                    app_role_id=role.id,
                    principal_id=client.id,
                    principal_display_name=client.display_name,
                    resource_id=held.id,
                    resource_display_name=held.display_name,
                    created_date_time=self.now - timedelta(days=39),
                )
            )

    def exchange_principal(self, app_id: str, object_id: str, name: str = "") -> ExchangePrincipal:
        """Mirror an app into Exchange with whatever object id is given."""
        number = int(hashlib.sha256(f"{self.domain}/{app_id}".encode()).hexdigest()[:8], 16)
        sid = f"S-1-5-21-1004336348-{number}-682003330-{1000 + len(self.tenant.exchange.principals)}"
        made = ExchangePrincipal(object_id=object_id, app_id=app_id, display_name=name, sid=sid)
        self.tenant.exchange.principals.append(made)
        return made

    def full_access(self, mailbox: Mailbox, trustee: str) -> None:
        """Let *trustee* (a user's id or an Exchange principal's SID) open *mailbox*."""
        self.tenant.exchange.mailbox_permissions.append(MailboxPermission(mailbox=mailbox.guid, trustee=trustee))

    def send_as(self, mailbox: Mailbox, trustee: str) -> None:
        """Let *trustee* send as *mailbox*."""
        held = RecipientPermission(recipient=mailbox.guid, trustee=trustee)
        self.tenant.exchange.recipient_permissions.append(held)

    def workspace(self, **details: Any) -> None:
        """Send sign-ins to a Log Analytics workspace; *details* are further fields of `Logs`, such as `readers`."""
        self.tenant.logs = Logs(**{"workspace_id": self.id_of("workspace"), **details})

    def _of(self, app_id: str) -> ServicePrincipal:
        found = self.tenant.directory.principal(app_id)
        assert found is not None, app_id
        return found

    def _exchange_online(self) -> ServicePrincipal:
        offered = [one for one in known_permissions() if one["resource"] == "exchange"]
        return ServicePrincipal(
            id=self.id_of("principal/exchange"),
            app_id=EXCHANGE,
            display_name="Office 365 Exchange Online",
            app_owner_organization_id=MICROSOFT,
            service_principal_names=[EXCHANGE, *_EXCHANGE_NAMES],
            app_roles=[_role(one["id"], one["value"]) for one in offered if one["type"] == "role"],
            oauth2_permission_scopes=[
                *(_scope(one["id"], one["value"]) for one in offered if one["type"] == "scope"),
                _scope(permission("exchange", "Exchange.Manage", "scope"), "Exchange.Manage"),
            ],
        )

    def _graph(self) -> ServicePrincipal:
        mail = [one["value"] for one in known_permissions() if one["resource"] == "graph"]
        return ServicePrincipal(
            id=self.id_of("principal/graph"),
            app_id=GRAPH,
            display_name="Microsoft Graph",
            app_owner_organization_id=MICROSOFT,
            service_principal_names=[GRAPH, "https://graph.microsoft.com"],
            app_roles=[_role(permission("graph", value, "role"), value) for value in _graphs("role")],
            oauth2_permission_scopes=[
                _scope(permission("graph", value, "scope"), value) for value in (*_graphs("scope"), *mail)
            ],
        )

    def _log_analytics(self) -> ServicePrincipal:
        return ServicePrincipal(
            id=self.id_of("principal/logs"),
            app_id=LOGS,
            display_name="Log Analytics API",
            app_owner_organization_id=MICROSOFT,
            service_principal_names=[LOGS, "https://api.loganalytics.azure.com", "https://api.loganalytics.io"],
            app_roles=[_role(str(uuid5(NAMESPACE_URL, "practice/logs/role/Data.Read")), "Data.Read")],
            oauth2_permission_scopes=[_scope(str(uuid5(NAMESPACE_URL, "practice/logs/scope/Data.Read")), "Data.Read")],
        )


def _graphs(kind: PermissionKind) -> list[str]:
    return [value for value, kinds in _GRAPH_PERMISSIONS if kind in kinds.split()]


def _role(identity: str, value: str) -> AppRole:
    return AppRole(id=identity, value=value, display_name=value)


def _scope(identity: str, value: str) -> Scope:
    # What reaches beyond the signed-in user's own things takes an administrator's consent.
    admin = value.endswith(".All") and (value.startswith("Directory.") or "AccessAsUser" not in value)
    kind: Literal["User", "Admin"] = "Admin" if admin or value.startswith(("Policy.", "Exchange.")) else "User"
    return Scope(id=identity, value=value, type=kind, admin_consent_display_name=value)
