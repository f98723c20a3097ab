"""Northwind's directory and Exchange organization: no Entra ID P1, no workspace, security defaults."""

from datetime import datetime
from typing import Final

from .credentials import Credentials
from .firms import Firm, Proof
from .northwind import NORTHWIND
from .state import Tenant

__all__ = ["MAIL_APPS", "PROOFS", "northwind"]

MAIL_APPS: Final = ()
PROOFS: Final = (Proof("shop", ("smtp",)),)

_STORY: Final = (
    "The tenant has no Entra ID P1 and no workspace: all that is known of its sign-ins are two downloads and a broken "
    "archive.",
    "Two days between the downloads were forgotten, and nothing is newer than ten days.",
    "Security defaults were turned on after the last download: whether the web shop still sends is in no file.",
    "SMTP AUTH is on in the organization, and no authentication policy refuses Basic: only security defaults do.",
    "Nobody has registered an app for mail.",
)


def northwind(now: datetime, given: Credentials) -> Tenant:
    """Return Northwind as it is at first."""
    firm = Firm(NORTHWIND, now, given)
    firm.tenant.premium = False
    firm.account("shop", "Web shop")
    firm.tenant.directory.policies.security_defaults = True
    firm.tenant.exchange.smtp_auth_disabled = False
    firm.phones()
    firm.trace()
    firm.tenant.story = list(_STORY)
    return firm.tenant
