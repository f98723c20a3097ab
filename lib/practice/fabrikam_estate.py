"""Fabrikam's directory and Exchange organization: half done, and wrong in many ways; `answers` tells which."""

from datetime import datetime
from typing import Final

from .credentials import Credentials
from .fabrikam import FABRIKAM
from .firms import Firm, MailApp, Proof
from .state import Domain, Redirects, Tenant
from .wellknown import EXCHANGE, GRAPH
from .world import APPS, App

__all__ = ["MAIL_APPS", "PROOFS", "fabrikam"]

MAIL_APPS: Final = (MailApp("relay", "relay", ("interactive", "certificate", "secret")),)
PROOFS: Final = (
    Proof("reports", ("smtp",)),
    Proof("archive", ("imap",)),
    Proof("servicedesk", ("imap", "pop")),
    Proof("invoices", ("imap", "smtp"), "shared"),
)

_EXCEPTIONS: Final = (
    *("scanner", "copier.bristol", "erp", "monitor", "payroll", "reports"),
    *("tom.okafor", "lena.brandt", "paula.reyes", "ines.carver"),
)
_OLD_CLIENTS: Final = (
    *("archive", "tickets", "rooms", "boardroom", "deb.hale", "colm.byrne"),
    *("mei.tan", "ruth.adeyemi", "sam.otieno", "nora.pike"),
)
_STORED_PASSWORDS: Final = ("fleet", "stock", "svc.exchange", "reports")
_OLD_THUNDERBIRD: Final = App("08162f7c-0fd2-4200-a84a-f25a4db0b584", "Mozilla Thunderbird")


def fabrikam(now: datetime, given: Credentials) -> Tenant:
    """Return Fabrikam as it is at first."""
    firm = Firm(FABRIKAM, now, given)
    _mailboxes(firm)
    _directory(firm)
    _relay(firm)
    _fleet(firm)
    _stock(firm)
    _clients(firm)
    firm.tenant.exchange.smtp_auth_disabled = True
    firm.tenant.exchange.default_access_level = "Quarantine"
    firm.phones(versions={"hugo's old phone": "14.1"}, quarantined=["asha's old tablet"])
    firm.trace()
    firm.workspace(readers=[firm.reader.id, firm.admin.id])
    return firm.tenant


def _mailboxes(firm: Firm) -> None:
    for account, name in (
        ("scanner", "Copiers, Leeds"),
        ("copier.bristol", "Copier, Bristol"),
        ("erp", "ERP"),
        ("monitor", "Freezer monitoring"),
        ("reports", "Report server"),
        ("payroll", "Payroll bureau"),
        ("doorcam", "Door camera"),
        ("alarm.panel", "Alarm panel"),
        ("backup", "Nightly backup"),
        ("archive", "Mail archive"),
        ("rooms", "Room displays"),
        ("fleet", "Fleet software"),
    ):
        firm.account(account, name)
    firm.canary()
    firm.account("boardroom", "Boardroom", kind="RoomMailbox")
    firm.account("tickets", "Service desk", primary_smtp=firm.world.address("servicedesk"))
    firm.box("archive").imap_enabled = False
    for account, name in (("reception", "Reception"), ("postroom", "Post room"), ("invoices", "Invoices")):
        firm.shared(account, name)
    firm.shared("ivy.marsh", "Ivy Marsh (left)")
    for account in ("reception", "postroom"):
        firm.send_as(firm.box(account), firm.person("scanner").id)
    firm.send_as(firm.box("invoices"), firm.person("erp").id)
    firm.full_access(firm.box("invoices"), firm.person("hugo.penn").id)
    firm.allow_smtp([*_EXCEPTIONS, "doorcam", "viktor.sala", "alarm.panel", "marta.lindqvist"])


def _directory(firm: Firm) -> None:
    for account, name in (("stock", "Stock system"), ("surveys", "Survey service")):
        firm.user(account, name, licensed=False, mfa=False)
    firm.user("svc.exchange", "Night script", roles=["Exchange Administrator"], licensed=False, mfa=False)
    firm.tenant.directory.policies.permission_grant_policies.append(
        "ManagePermissionGrantsForSelf.microsoft-user-default-allow-consent-apps"
    )
    firm.block_legacy(days=20, exclude={"SMTP exceptions": _EXCEPTIONS, "Old mail clients": _OLD_CLIENTS})
    firm.block_legacy_one_day(days=18)
    firm.require_mfa(days=300, exclude=_STORED_PASSWORDS)
    # The plant signs in at its own server, so its failures are not in these logs.
    firm.tenant.directory.domains.append(Domain(id="plant.fabrikam.example", authentication_type="Federated"))
    firm.mailbox(firm.user("jo.mason@plant.fabrikam.example", "Jo Mason", on_premises_sync_enabled=True))


def _relay(firm: Firm) -> None:
    known = FABRIKAM.app("relay")
    scopes = ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send", "offline_access")
    roles = ("IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp")
    app = firm.app(
        known.name,
        app_id=known.app_id,
        asks=[*(("graph", "scope", one) for one in scopes), *(("exchange", "role", one) for one in roles)],
        public_client=Redirects(redirect_uris=["http://localhost", "https://localhost"]),
        is_fallback_public_client=True,
    )
    firm.certificate(app, firm.given.mail)
    firm.secret(app, firm.given.secret, days=-5, began=185)
    principal = firm.enterprise_app(app)
    # POP was added to the registration after the consent.
    firm.consent(principal, GRAPH, *(one for one in scopes if not one.startswith("POP.")))
    firm.allow(principal, EXCHANGE, *(one for one in roles if not one.startswith("POP.")))
    mirrored = firm.exchange_principal(app.app_id, app.id, known.name)
    for account in ("reports", "archive", "servicedesk", "invoices"):
        firm.full_access(firm.box(account), mirrored.sid)


def _fleet(firm: Firm) -> None:
    known = FABRIKAM.app("fleet")
    app = firm.app(
        known.name,
        app_id=known.app_id,
        asks=[("exchange", "role", "full_access_as_app"), ("graph", "scope", "IMAP.AccessAsUser.All")],
        is_fallback_public_client=True,
    )
    principal = firm.enterprise_app(app)
    firm.allow(principal, EXCHANGE, "full_access_as_app")
    firm.consent(principal, GRAPH, "IMAP.AccessAsUser.All", "offline_access", user=firm.person("fleet"))
    mirrored = firm.exchange_principal(app.app_id, principal.id, known.name)
    firm.full_access(firm.box("fleet"), mirrored.sid)


def _stock(firm: Firm) -> None:
    known, directory = FABRIKAM.app("stock"), FABRIKAM.app("directory")
    app = firm.app(known.name, app_id=known.app_id, is_fallback_public_client=True)
    firm.microsofts(directory)
    firm.consent(firm.enterprise_app(app), directory.app_id, "User.Read", user=firm.person("stock"))


def _clients(firm: Firm) -> None:
    current = firm.known_client(APPS["thunderbird"])
    viktor, lena, deb = firm.people(["viktor.sala", "lena.brandt", "deb.hale"])
    firm.consent(current, GRAPH, "IMAP.AccessAsUser.All", "SMTP.Send", "offline_access", user=viktor)
    firm.consent(current, GRAPH, "POP.AccessAsUser.All", "offline_access", user=lena)
    old = firm.known_client(_OLD_THUNDERBIRD)
    firm.consent(old, GRAPH, "IMAP.AccessAsUser.All", "SMTP.Send", "offline_access", user=deb)
    for app in (APPS["powershell"], APPS["teams service"]):
        firm.microsofts(app)
