"""``auditLogs/directoryAudits``: who changed a Conditional Access policy, and from what to what.

It is written down when the change goes through this Graph, and kept in memory: what a story began with, and what was
changed before a restart, is not in it, as a real log has forgotten what is older than its licence keeps.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from practice.state import Directory, new_id

from . import queries
from .callers import Access
from .calls import Answer, Call, Operation

__all__ = ["Changes"]

_KEPT: Final = timedelta(days=30)
_KEPT_FREE: Final = timedelta(days=7)
_MOST: Final = 1_000
_KIND: Final = queries.Kind(
    "directoryAudit",
    "auditLogs/directoryAudits",
    frozenset(
        {
            "id",
            "category",
            "correlationId",
            "result",
            "resultReason",
            "activityDisplayName",
            "activityDateTime",
            "loggedByService",
            "operationType",
            "initiatedBy",
            "targetResources",
            "additionalDetails",
        }
    ),
)
_READ: Final = Access(
    ("AuditLog.Read.All",),
    roles=("Global Administrator", "Global Reader", "Reports Reader", "Security Administrator", "Security Reader"),
)
_DONE: Final[Mapping[str, str]] = {"POST": "Add", "PATCH": "Update", "DELETE": "Delete"}

Record = dict[str, Any]


class Changes:
    """The log of every tenant."""

    def __init__(self) -> None:
        self._log: defaultdict[str, list[tuple[datetime, Record]]] = defaultdict(list)
        self._lock = threading.Lock()

    def operations(self) -> tuple[Operation, ...]:
        """Return what can be asked."""
        return (Operation("GET", "auditLogs/directoryAudits", self._list, _READ),)

    def watching(self, operations: Iterable[Operation]) -> tuple[Operation, ...]:
        """Return *operations* on policies such that each change that one makes is written down."""
        return tuple(one if one.method == "GET" else replace(one, handle=self._watched(one)) for one in operations)

    def forget(self, tenant_id: str) -> None:
        """Forget what happened in a tenant."""
        with self._lock:
            self._log.pop(tenant_id, None)

    def _watched(self, operation: Operation) -> Callable[[Call], Answer]:
        def handle(call: Call) -> Answer:
            before = _policies(call)
            answer = operation.handle(call)
            after = _policies(call)
            changed = [one for one in {**before, **after} if before.get(one) != after.get(one)]
            with self._lock:
                for one in changed:
                    record = _record(call, operation.method, before.get(one), after.get(one))
                    self._log[call.caller.tenant_id].append((call.now, record))
                del self._log[call.caller.tenant_id][:-_MOST]
            return answer

        return handle

    def _list(self, call: Call) -> Answer:
        with call.tenant() as tenant:
            since = call.now - (_KEPT if tenant.premium else _KEPT_FREE)
        with self._lock:
            found = [record for at, record in reversed(self._log[call.caller.tenant_id]) if since <= at <= call.now]
        return queries.listed(call, _KIND, found)


def _policies(call: Call) -> dict[str, Record]:
    with call.tenant() as tenant:
        return {
            one.id: one.model_dump(mode="json", by_alias=True) for one in tenant.directory.policies.conditional_access
        }


def _record(call: Call, method: str, before: Record | None, after: Record | None) -> Record:
    """Return the entry; which words stand in it is ≈, as no document lists them."""
    done, policy = _DONE[method], after or before or {}
    return {
        "id": new_id(),
        "category": "Policy",
        "correlationId": new_id(),
        "result": "success",
        "resultReason": None,
        "activityDisplayName": f"{done} conditional access policy",
        "activityDateTime": call.now.isoformat().replace("+00:00", "Z"),
        "loggedByService": "Conditional Access",
        "operationType": done,
        "initiatedBy": _initiator(call),
        "targetResources": [
            {
                "id": policy.get("id"),
                "displayName": policy.get("displayName"),
                "type": "Policy",
                "userPrincipalName": None,
                "modifiedProperties": [
                    {
                        "displayName": "ConditionalAccessPolicy",
                        "oldValue": json.dumps(before) if before else None,
                        "newValue": json.dumps(after) if after else None,
                    }
                ],
            }
        ],
        "additionalDetails": [],
    }


def _initiator(call: Call) -> Record:
    with call.tenant() as tenant:
        directory: Directory = tenant.directory
        person = directory.user(call.caller.object_id) if call.caller.delegated else None
        app = directory.principal(call.caller.app_id)
    if person is not None:
        named = {"id": person.id, "displayName": person.display_name, "userPrincipalName": person.user_principal_name}
        return {"user": {**named, "ipAddress": None}, "app": None}
    shown = {"appId": call.caller.app_id, "displayName": app.display_name if app else None}
    return {"user": None, "app": {**shown, "servicePrincipalId": call.caller.object_id}}
