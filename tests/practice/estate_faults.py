"""The catalogue of what can be wrong with mail and OAuth in a tenant, looked for in a practice tenant's state.

It reads what stands in the state and decides for itself, so that a tenant said to be in order has to be.
"""

from collections.abc import Iterator
from datetime import datetime

from practice import tenants
from practice.firms import READER, Proof
from practice.state import Application, Mailbox, Tenant

__all__ = ["faults", "roles", "scopes", "sends_by_role", "smtp_is_on", "takes_passwords"]

_SCOPES = {"IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"}
_ROLES = {"IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp"}
_RBAC = "Application SMTP.SendAsApp"
_GIVEN_UP = "08162f7c-0fd2-4200-a84a-f25a4db0b584"


def faults(tenant: Tenant, now: datetime) -> set[str]:
    """Return what is wrong with *tenant*, each in a few words."""
    return {
        *_apps(tenant, now),
        *_principals(tenant),
        *(fault for proof in tenants.proofs(tenant.name) for fault in _mailbox(tenant, proof)),
        *_policies(tenant),
        *_passwords(tenant),
        *_phones(tenant),
    }


def roles(tenant: Tenant, app_id: str) -> set[str]:
    """Return the values of the app roles that an app holds."""
    directory = tenant.directory
    names = {role.id: role.value for one in directory.service_principals for role in one.app_roles}
    principal = directory.principal(app_id)
    held = directory.app_role_assignments if principal else []
    return {names[one.app_role_id] for one in held if principal and one.principal_id == principal.id}


def scopes(tenant: Tenant, app_id: str) -> set[str]:
    """Return the delegated permissions that anybody has consented to for an app."""
    principal = tenant.directory.principal(app_id)
    grants = [one for one in tenant.directory.grants if principal and one.client_id == principal.id]
    return {scope for grant in grants for scope in grant.scope.split()}


def sends_by_role(tenant: Tenant, app_id: str) -> bool:
    """Whether an app may send by a role in Exchange."""
    mirrored = tenant.exchange.principal(app_id)
    return any(
        mirrored and one.role == _RBAC and one.assignee == mirrored.object_id
        for one in tenant.exchange.role_assignments
    )


def smtp_is_on(tenant: Tenant, mailbox: Mailbox) -> bool:
    """Whether the mailbox takes SMTP AUTH at all."""
    own = mailbox.smtp_auth_disabled
    return not (tenant.exchange.smtp_auth_disabled if own is None else own)


def takes_passwords(tenant: Tenant, mailbox: Mailbox) -> bool:
    """Whether SMTP AUTH lets a password through to Entra."""
    exchange = tenant.exchange
    name = mailbox.authentication_policy or exchange.default_authentication_policy
    policy = next((one for one in exchange.authentication_policies if one.name == name), None)
    return smtp_is_on(tenant, mailbox) and (policy is None or policy.allow_basic.get("Smtp", False))


def _asked(tenant: Tenant, app: Application) -> set[str]:
    names: dict[str, str] = {}
    for one in tenant.directory.service_principals:
        names |= {role.id: role.value for role in one.app_roles}
        names |= {scope.id: scope.value for scope in one.oauth2_permission_scopes}
    return {names[access.id] for asked in app.required_resource_access for access in asked.resource_access}


def _apps(tenant: Tenant, now: datetime) -> Iterator[str]:
    own = [one for one in tenant.directory.applications if one.display_name != READER]
    mail = [
        one
        for one in own
        if _asked(tenant, one) & (_SCOPES | _ROLES | {"full_access_as_app"}) or sends_by_role(tenant, one.app_id)
    ]
    if not mail:
        yield "no app for mail"
    for app in mail:
        held = roles(tenant, app.app_id) | scopes(tenant, app.app_id)
        for value in _asked(tenant, app) - held:
            yield f"no consent to {value.partition('.')[0]}"
        if "full_access_as_app" in held:
            yield "full_access_as_app"
        if "SMTP.SendAsApp" in held and sends_by_role(tenant, app.app_id):
            yield "a permission that spoils a role"
        if any(one.end_date_time <= now for one in app.password_credentials):
            yield "expired secret"
        if any(one.end_date_time is None or one.end_date_time <= now for one in app.key_credentials):
            yield "expired certificate"
    if scopes(tenant, _GIVEN_UP):
        yield "consent for an app that was given up"


def _principals(tenant: Tenant) -> Iterator[str]:
    exchange, directory = tenant.exchange, tenant.directory
    for one in exchange.principals:
        principal = directory.principal(one.app_id)
        if principal is None or one.object_id != principal.id:
            yield "not the enterprise application's object id"
    for app in directory.applications:
        if roles(tenant, app.app_id) & _ROLES and exchange.principal(app.app_id) is None:
            yield "an app that Exchange does not know"
    scoped = {one.name for one in exchange.management_scopes}
    if any(one.role == _RBAC and one.scope not in scoped for one in exchange.role_assignments):
        yield "a role without a scope"


def _mailbox(tenant: Tenant, proof: Proof) -> Iterator[str]:
    exchange, directory = tenant.exchange, tenant.directory
    address = tenants.world_of(tenant.name).address(proof.account)
    box = exchange.mailbox(address)
    assert box is not None, address
    owner = directory.user(box.user_id)
    assert owner is not None, address
    if owner.user_principal_name.lower() != box.primary_smtp.lower():
        yield f"{address} is not what its account is called"
    if "imap" in proof.protocols and not box.imap_enabled:
        yield f"IMAP is off for {address}"
    if "pop" in proof.protocols and not box.pop_enabled:
        yield f"POP is off for {address}"
    if "smtp" in proof.protocols and not smtp_is_on(tenant, box):
        yield f"SMTP AUTH is off for {address}"
    if "smtp" in proof.protocols and not owner.licensed:
        yield f"{address} has no licence to send"
    for app in tenants.mail_apps(tenant.name):
        mirrored = exchange.principal(tenants.world_of(tenant.name).app(app.app).app_id)
        if mirrored and not any(
            one.mailbox == box.guid and one.trustee == mirrored.sid for one in exchange.mailbox_permissions
        ):
            yield f"no FullAccess to {address}"
    for account in proof.send_as:
        sender = exchange.mailbox(tenants.world_of(tenant.name).address(account))
        assert sender is not None, account
        if not any(one.recipient == sender.guid and one.trustee == owner.id for one in exchange.recipient_permissions):
            yield f"{address} may not send as {account}"


def _policies(tenant: Tenant) -> Iterator[str]:
    policies = tenant.directory.policies
    blocking = [one for one in policies.conditional_access if "block" in (one.grant_controls or {})["builtInControls"]]
    if not policies.security_defaults and not any(one.state == "enabled" for one in blocking):
        yield "nothing blocks old clients"
    for one in blocking:
        if one.state == "enabled" and one.conditions["users"]["excludeGroups"]:
            yield "a policy with exceptions"
        if one.state == "enabledForReportingButNotEnforced":
            yield "a policy that only reports"


def _passwords(tenant: Tenant) -> Iterator[str]:
    taken = any(takes_passwords(tenant, box) for box in tenant.exchange.mailboxes)
    if taken and not tenant.directory.policies.security_defaults:
        yield "SMTP AUTH takes passwords"


def _phones(tenant: Tenant) -> Iterator[str]:
    for phone in tenant.exchange.mobile_devices:
        if tuple(map(int, phone.client_version.split("."))) < (16, 1):
            yield "a phone that is too old"
        if phone.access_state == "Quarantined":
            yield "a phone in quarantine"
