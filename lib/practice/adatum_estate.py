"""Adatum's directory and Exchange organization: nothing of OAuth for mail yet."""

from datetime import datetime
from typing import Final

from .adatum import ADATUM
from .credentials import Credentials
from .firms import Firm, Proof
from .state import Tenant

__all__ = ["MAIL_APPS", "PROOFS", "adatum"]

MAIL_APPS: Final = ()
PROOFS: Final = (
    Proof("orders", ("imap", "pop"), "shared"),
    Proof("printer", ("smtp",)),
)


def adatum(now: datetime, given: Credentials) -> Tenant:
    """Return Adatum as it is at first."""
    firm = Firm(ADATUM, now, given)
    firm.account("printer", "Printer")
    firm.canary()
    program = firm.account("order.program", "Order program")
    firm.full_access(firm.shared("orders", "Orders"), program.user_id)
    firm.tenant.exchange.smtp_auth_disabled = True
    firm.tenant.exchange.dehydrated = True
    firm.tenant.directory.policies.permission_grant_policies.append(
        "ManagePermissionGrantsForSelf.microsoft-user-default-allow-consent-apps"
    )
    firm.allow_smtp(["printer"])
    firm.require_mfa(days=100)
    firm.trace()
    firm.workspace(readers=[firm.reader.id, firm.admin.id])
    return firm.tenant
