"""What notebook 30 leaves for machines: the consent that the tenant holds, what is missing, and the links for it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from . import evidence
from .checks import worst
from .consent import AppLinks
from .grants import Consents, taken_back
from .plan import Plan, Receipt
from .tenants import Tenant

__all__ = ["record"]


def record(
    tenant: Tenant,
    state: Consents,
    links: Iterable[AppLinks],
    change: Plan | None = None,
    receipt: Receipt | None = None,
    *,
    made_at: datetime,
) -> dict[str, Any]:
    """Return the record of notebook 30.

    Args:
        tenant: The tenant.
        state: Its consent.
        links: The links for its own apps.
        change: What was planned to be granted directly.
        receipt: What became of that; the receipt itself is a file of its own.
        made_at: The moment, aware.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    data = {
        "tenant_id": tenant.tenant_id,
        "outcome": worst(state.checks),
        "checks": [evidence.plain(check) for check in state.checks],
        "apps": [evidence.plain(app) for app in state.apps],
        "clients": [evidence.plain(client) for client in state.clients if client.here],
        "users": [evidence.plain(each) for each in state.users],
        "requests": state.requests,
        "links": [evidence.plain(each) for each in links],
        "taken_back": [evidence.plain(each) for each in taken_back(state)],
        "plan": evidence.planned(change, receipt),
    }
    return evidence.envelope("consent", tenant, state.coverage, data, made_at)
