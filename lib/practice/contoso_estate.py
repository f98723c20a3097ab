"""Contoso's directory and Exchange organization: everything in order, passwords closed, no app with too much."""

from datetime import datetime, timedelta
from typing import Final

from .contoso import CONTOSO, MOVED
from .credentials import Credentials
from .fabrikam import FABRIKAM
from .firms import Firm, MailApp, Proof
from .state import (
    AuthenticationPolicy,
    ManagementRoleAssignment,
    ManagementScope,
    MobileDevice,
    Redirects,
    Relationship,
    ServicePrincipal,
    Tenant,
)
from .wellknown import EXCHANGE, GRAPH, ROLES
from .world import APPS, App

__all__ = ["MAIL_APPS", "PROOFS", "contoso"]

MAIL_APPS: Final = (
    MailApp("mail", "mail", ("interactive",)),
    MailApp("daemon", "daemon", ("certificate", "secret")),
)
PROOFS: Final = (
    Proof("invoices", ("imap", "pop", "smtp"), "shared", send_as=("billing",)),
    Proof("tickets", ("pop", "smtp")),
    Proof("scanner", ("smtp",)),
)

_SCOPES: Final = ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send", "offline_access")
_ROLES: Final = ("IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp")
_PASSWORDS: Final = (
    *("ActiveSync", "Autodiscover", "Imap", "Mapi", "OfflineAddressBook", "OutlookService"),
    *("Pop", "Powershell", "ReportingWebServices", "Rpc", "Smtp", "WebServices"),
)
_APPLE: Final = App("f8d98a96-0999-43f5-8af3-69971c7bb423", "Apple Internet Accounts")


def contoso(now: datetime, given: Credentials) -> Tenant:
    """Return Contoso as it is at first."""
    firm = Firm(CONTOSO, now, given)
    _mailboxes(firm)
    _directory(firm)
    _mail_app(firm)
    _daemon(firm)
    _alerts(firm)
    _clients(firm)
    _exchange(firm)
    _partner(firm)
    firm.trace({"daemon": "invoices", "alerts": "alerts"})
    firm.workspace(retention_days=90, readers=[firm.reader.id, firm.admin.id])
    return firm.tenant


def _partner(firm: Firm) -> None:
    """Let Contoso look after Fabrikam, for some weeks more."""
    firm.allow(firm.reader, GRAPH, "DelegatedAdminRelationship.Read.All")
    firm.tenant.relationships.append(
        Relationship(
            id=firm.id_of("relationship/fabrikam"),
            display_name="Contoso looks after Fabrikam",
            customer_id=FABRIKAM.tenant_id,
            customer_name=FABRIKAM.title,
            activated_date_time=firm.now - timedelta(days=710),
            end_date_time=firm.now + timedelta(days=20),
            roles=[ROLES["Global Reader"], ROLES["Exchange Administrator"]],
        )
    )


def _mailboxes(firm: Firm) -> None:
    # New mailboxes get neither protocol, so the next hire opens nothing.
    plan = firm.tenant.exchange.cas_mailbox_plans[0]
    plan.imap_enabled = plan.pop_enabled = False
    firm.account("scanner", "Copiers, Cambridge")
    firm.account("copier.norwich", "Copier, Norwich")
    firm.account("tickets", "Ticket system")
    firm.account("display", "Meeting room display", kind="RoomMailbox")
    firm.canary()
    for account, name in (
        ("invoices", "Invoices"),
        ("billing", "Billing"),
        ("reception", "Reception"),
        ("alerts", "Alerts"),
    ):
        firm.shared(account, name)
    # With a licence a person can send as it by signing in to SMTP; its account may still not sign in.
    firm.person("invoices").licensed = True
    for box in firm.tenant.exchange.mailboxes:
        box.imap_enabled = box.pop_enabled = False
    for account in ("invoices", "yara.haddad"):
        firm.box(account).imap_enabled = True
    for account in ("invoices", "tickets"):
        firm.box(account).pop_enabled = True
    firm.allow_smtp(["scanner", "copier.norwich", "tickets", "yara.haddad", "invoices", "alerts"])
    firm.send_as(firm.box("reception"), firm.person("scanner").id)
    for account in ("invoices", "billing"):
        firm.full_access(firm.box(account), firm.person("carla.nunes").id)
        firm.send_as(firm.box(account), firm.person("carla.nunes").id)
    # Whoever opens one mailbox and sends from another needs the right for the mailbox that it opened.
    firm.send_as(firm.box("billing"), firm.person("invoices").id)


def _directory(firm: Firm) -> None:
    policies = firm.tenant.directory.policies
    policies.allowed_to_create_apps = False
    policies.admin_consent_requests = True
    policies.permission_grant_policies = [
        "ManagePermissionGrantsForSelf.microsoft-user-default-recommended",
        "ManagePermissionGrantsForSelf.microsoft-user-default-allow-consent-apps",
    ]
    firm.block_legacy(days=MOVED, exclude={})
    firm.require_mfa(days=200)


def _mail_app(firm: Firm) -> None:
    """Add the app that people and devices sign in to."""
    known = CONTOSO.app("mail")
    app = firm.app(
        known.name,
        app_id=known.app_id,
        asks=[("graph", "scope", scope) for scope in _SCOPES],
        public_client=Redirects(redirect_uris=["http://localhost", "https://localhost"]),
        is_fallback_public_client=True,
    )
    firm.consent(firm.enterprise_app(app), GRAPH, *_SCOPES)


def _daemon(firm: Firm) -> None:
    """Add the app that opens the shared mailbox as itself."""
    known = CONTOSO.app("daemon")
    app = firm.app(known.name, app_id=known.app_id, asks=[("exchange", "role", role) for role in _ROLES])
    firm.certificate(app, firm.given.mail)
    firm.secret(app, firm.given.secret, days=150, began=60)
    principal = firm.enterprise_app(app)
    firm.allow(principal, EXCHANGE, *_ROLES)
    mirrored = firm.exchange_principal(app.app_id, principal.id, known.name)
    for account in ("invoices", "tickets", "scanner"):
        firm.full_access(firm.box(account), mirrored.sid)
    for account in ("invoices", "billing"):
        firm.send_as(firm.box(account), mirrored.sid)


def _alerts(firm: Firm) -> None:
    """Add the app that may send as one mailbox: by a role in Exchange, so it has no permission in Entra."""
    known = CONTOSO.app("alerts")
    app = firm.app(known.name, app_id=known.app_id)
    firm.certificate(app, firm.given.mail)
    principal = firm.enterprise_app(app)
    mirrored = firm.exchange_principal(app.app_id, principal.id, known.name)
    exchange = firm.tenant.exchange
    address = firm.box("alerts").primary_smtp
    exchange.management_scopes.append(ManagementScope(name="Alerts", filter=f"PrimarySmtpAddress -eq '{address}'"))
    exchange.role_assignments.append(
        ManagementRoleAssignment(
            name="Application SMTP.SendAsApp-Alerts",
            role="Application SMTP.SendAsApp",
            assignee=mirrored.object_id,
            scope="Alerts",
        )
    )


def _clients(firm: Firm) -> None:
    """Add the mail programs that people may use: Thunderbird for one, Apple's for everybody."""
    thunderbird = firm.known_client(APPS["thunderbird"])
    person = firm.person("yara.haddad")
    firm.consent(thunderbird, GRAPH, "IMAP.AccessAsUser.All", "SMTP.Send", "offline_access", user=person)
    apple = firm.known_client(_APPLE)
    firm.consent(apple, EXCHANGE, "EAS.AccessAsUser.All")
    _phone(firm, "jack.tran", apple)
    firm.phones()


def _phone(firm: Firm, account: str, client: ServicePrincipal) -> None:
    firm.tenant.exchange.mobile_devices.append(
        MobileDevice(
            guid=firm.id_of(f"phone/{account}"),
            mailbox=firm.box(account).guid,
            device_id=firm.id_of(f"device/{account}").replace("-", "").upper(),
            model="iPhone15C2",
            os="iOS",
            user_agent=f"{client.display_name.split()[0]}-iPhone15C2/2201.5",
            first_sync=firm.now - timedelta(days=24),
            last_sync=firm.now - timedelta(hours=9),
        )
    )


def _exchange(firm: Firm) -> None:
    exchange = firm.tenant.exchange
    name = "Block Basic"
    exchange.authentication_policies.append(
        AuthenticationPolicy(name=name, allow_basic=dict.fromkeys(_PASSWORDS, False))
    )
    exchange.default_authentication_policy = name
    exchange.smtp_auth_disabled = True
    exchange.reject_direct_send = True
    exchange.ews_enabled = False
