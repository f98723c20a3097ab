"""What notebook 20 leaves for machines: the registration, what is wrong with it, when its credentials end."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from . import evidence
from .checks import Check, worst
from .plan import Plan, Receipt
from .registration import Found, Wanted
from .tenants import Tenant

__all__ = ["record"]


def record(
    tenant: Tenant,
    found: Found,
    wanted: Wanted,
    checks: Sequence[Check],
    change: Plan,
    receipt: Receipt | None = None,
    *,
    reference: str = "",
    made_at: datetime,
) -> dict[str, Any]:
    """Return the record of notebook 20.

    Args:
        tenant: The tenant.
        found: The last look.
        wanted: The registration that is wanted.
        checks: What that look came to.
        change: What was planned.
        receipt: What became of it; the receipt itself is a file of its own.
        reference: Where the app's credential is kept, as the state file names it.
        made_at: The moment, aware.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    app, principal = found.app, found.principal
    data = {
        "tenant_id": tenant.tenant_id,
        "outcome": worst(checks),
        "checks": [evidence.plain(check) for check in checks],
        "wanted": {
            "name": wanted.name,
            "flow": wanted.flow,
            "protocols": list(wanted.protocols),
            "audience": wanted.audience,
            "clients": list(wanted.clients),
            "credential": wanted.credential,
            "smtp": wanted.smtp,
        },
        "app": None
        if app is None
        else {
            "name": app.name,
            "client_id": app.client_id,
            "object_id": app.object_id,
            "unique_name": app.unique_name,
            "enterprise_object_id": principal.object_id if principal else "",
            "audience": app.audience,
            "credentials": [
                {"kind": each.kind, "id": each.id, "name": each.name, "ends": evidence.plain(each.ends)}
                for each in app.credentials
            ],
        },
        "reference": reference,
        "plan": evidence.planned(change, receipt),
    }
    return evidence.envelope("registration", tenant, found.coverage, evidence.plain(data), made_at)
