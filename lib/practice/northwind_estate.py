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


def northwind(now: datetime, given: Credentials) -> Tenant:
    """Return Northwind as it is at first."""
    firm = Firm(NORTHWIND, now, given)
    firm.tenant.premium = False
    firm.account("shop", "Web shop")
    firm.tenant.directory.policies.security_defaults = True
    firm.tenant.exchange.smtp_auth_disabled = False
    firm.phones()
    firm.trace()
    return firm.tenant
