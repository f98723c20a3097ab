"""Delegated admin relationships, as a partner's tenant shows those with its customers."""

from typing import Any, Final

from practice.state import Relationship

from . import queries
from .callers import Access
from .calls import Answer, Call, Operation

__all__ = ["OPERATIONS"]

_PATH: Final = "tenantRelationships/delegatedAdminRelationships"
_READ: Final = Access(("DelegatedAdminRelationship.Read.All", "DelegatedAdminRelationship.ReadWrite.All"))
_RELATIONSHIP: Final = queries.Kind(
    "delegatedAdminRelationship",
    _PATH,
    frozenset({"id", "displayName", "customer", "status", "duration", "autoExtendDuration", "createdDateTime",
               "activatedDateTime", "endDateTime", "lastModifiedDateTime", "accessDetails"}),
)  # fmt: skip


def _relationships(call: Call) -> Answer:
    with call.tenant() as tenant:
        shown = [_shown(one, call) for one in tenant.relationships]
    return queries.listed(call, _RELATIONSHIP, shown)


def _shown(one: Relationship, call: Call) -> dict[str, Any]:
    over = one.end_date_time is not None and one.end_date_time <= call.now
    record = one.model_dump(mode="json", by_alias=True, exclude={"customer_id", "customer_name", "roles"})
    return {
        **record,
        "status": "expired" if one.status == "active" and over else one.status,
        "customer": {"tenantId": one.customer_id, "displayName": one.customer_name},
        "accessDetails": {"unifiedRoles": [{"roleDefinitionId": template} for template in one.roles]},
    }


OPERATIONS: Final = (Operation("GET", _PATH, _relationships, _READ),)
