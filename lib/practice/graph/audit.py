"""``security/auditLog/queries``: a search of the audit log that is started, looked at until it is done, and read.

Every licence has it. Its records of sign-ins are the same events as the sign-in log's under ids of their
own, without the protocol. Searches live in memory: one that was started before a restart is gone.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from practice.state import new_id

from . import bodies, errors, queries, wire
from .callers import Access
from .calls import Answer, Call, Key, Operation

__all__ = ["AuditLog"]

_KIND: Final = "AuditLogQuery"
_KEPT: Final = timedelta(days=180)
_MOST_SEARCHES: Final = 100
_MOST_RECORDS: Final = 10_000
# Graph's own limits on a search's lists are not known.
_MOST_VALUES: Final = 100
_LONGEST_VALUE: Final = 320

_LISTS: Final = (
    "recordTypeFilters",
    "operationFilters",
    "userPrincipalNameFilters",
    "ipAddressFilters",
    "objectIdFilters",
)
_FIELDS: Final = frozenset(
    {"displayName", "filterStartDateTime", "filterEndDateTime", "keywordFilter", "serviceFilter", *_LISTS}
)
_QUERY: Final = queries.Kind("auditLogQuery", "security/auditLog/queries", _FIELDS | {"id", "status"})
_RECORD: Final = queries.Kind(
    "auditLogRecord",
    "auditLogRecords",
    frozenset(
        {
            "id",
            "createdDateTime",
            "auditLogRecordType",
            "operation",
            "organizationId",
            "userType",
            "userId",
            "service",
            "objectId",
            "userPrincipalName",
            "clientIp",
            "auditData",
        }
    ),
)
_SEARCH: Final = Access(
    ("AuditLogsQuery-Entra.Read.All", "AuditLogsQuery.Read.All"),
    roles=("Global Administrator", "Global Reader", "Exchange Administrator", "Compliance Administrator"),
)

Record = dict[str, Any]


@dataclass(frozen=True)
class _Search:
    """A query as it was asked.

    Args:
        id: Its id.
        asked: When.
        start: From when records are wanted.
        end: Until when.
        wanted: The query as it came.
    """

    id: str
    asked: datetime
    start: datetime
    end: datetime
    wanted: Mapping[str, Any] = field(default_factory=dict)

    def shown(self, now: datetime, takes_s: float) -> Record:
        """Return the query as Graph shows it, which is done when it is *takes_s* seconds old."""
        age_s = (now - self.asked).total_seconds()
        status = "succeeded" if age_s >= takes_s else "running" if age_s >= takes_s / 4 else "notStarted"
        return {**self.wanted, "id": self.id, "status": status}

    def finds(self, record: Record) -> bool:
        """Whether a record is what is looked for."""
        for name, told in zip(
            _LISTS, ("auditLogRecordType", "operation", "userPrincipalName", "clientIp", "objectId"), strict=True
        ):
            names = self.wanted.get(name)
            if names and str(record[told]).lower() not in {one.lower() for one in names}:
                return False
        keyword = str(self.wanted.get("keywordFilter") or "").lower()
        return not keyword or keyword in json.dumps(record, ensure_ascii=False).lower()


class AuditLog:
    """The audit log of every tenant, and the last searches in it."""

    def __init__(self) -> None:
        self._searches: defaultdict[str, dict[str, _Search]] = defaultdict(dict)
        self._lock = threading.Lock()

    def operations(self) -> tuple[Operation, ...]:
        """Return what can be asked."""
        at = "security/auditLog/queries"
        return (
            Operation("GET", at, self._list, _SEARCH),
            Operation("POST", at, self._post, _SEARCH),
            Operation("GET", f"{at}/{{}}", self._get, _SEARCH),
            Operation("GET", f"{at}/{{}}/records", self._records, _SEARCH),
        )

    def forget(self, tenant_id: str) -> None:
        """Forget the searches of a tenant."""
        with self._lock:
            self._searches.pop(tenant_id, None)

    def _list(self, call: Call) -> Answer:
        with self._lock:
            found = list(self._searches[call.caller.tenant_id].values())
        return queries.listed(call, _QUERY, [_shown(call, one) for one in found])

    def _post(self, call: Call) -> Answer:
        given = bodies.fields(call.body, _KIND, _FIELDS, {"id", "status"})
        for name in ("displayName", "keywordFilter", "serviceFilter"):
            bodies.text(given, name, _KIND, needed=False)
        for name in _LISTS:
            if not _are_names(given.get(name) or []):
                raise errors.wrong_value(name, _KIND)
        start = bodies.moment(given, "filterStartDateTime", _KIND)
        end = bodies.moment(given, "filterEndDateTime", _KIND)
        if start is None or end is None or end <= start:
            raise errors.wrong_value("filterEndDateTime" if start else "filterStartDateTime", _KIND)
        search = _Search(new_id(), call.now, start, end, given)
        with self._lock:
            held = self._searches[call.caller.tenant_id]
            held[search.id] = search
            for old in list(held)[:-_MOST_SEARCHES]:
                del held[old]
        return call.one(_QUERY.collection, _shown(call, search), 201)

    def _get(self, call: Call) -> Answer:
        return queries.single(call, _QUERY, _shown(call, self._one(call, call.keys[0])))

    def _one(self, call: Call, key: Key) -> _Search:
        with self._lock:
            search = self._searches[call.caller.tenant_id].get(key.of("id"))
        if search is None:
            raise errors.missing(key.value)
        return search

    def _records(self, call: Call) -> Answer:
        search = self._one(call, call.keys[0])
        if _shown(call, search)["status"] != "succeeded":
            return queries.listed(call, _RECORD, ())
        found = (one for one in _logged(call, search) if search.finds(one))
        return queries.listed(call, _RECORD, islice(found, _MOST_RECORDS))


def _are_names(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= _MOST_VALUES
        and all(isinstance(one, str) and len(one) <= _LONGEST_VALUE for one in value)
    )


def _shown(call: Call, search: _Search) -> Record:
    return search.shown(call.now, call.backend.graph.search_s)


def _logged(call: Call, search: _Search) -> Iterator[Record]:
    with call.tenant() as tenant:
        tenant_id, lag = tenant.tenant_id, tenant.logs.ingestion_s
    rows = call.backend.ledger.sign_ins(
        tenant_id,
        # What was written after the search began is not in it.
        now=search.asked,
        since=max(search.start, call.now - _KEPT),
        until=search.end - timedelta(microseconds=1),
        tables=("SigninLogs", "AADNonInteractiveUserSignInLogs"),
        ingestion_s=lag,
    )
    return (_record(tenant_id, row) for row in rows)


def _record(tenant_id: str, row: Mapping[str, Any]) -> Record:
    status = row.get("status") or {}
    code = int(status.get("errorCode") or 0)
    operation = "UserLoginFailed" if code else "UserLoggedIn"
    identity, user = wire.derived_id("audit", str(row.get("id"))), str(row.get("userPrincipalName") or "")
    return {
        "id": identity,
        "createdDateTime": row.get("createdDateTime"),
        "auditLogRecordType": "azureActiveDirectoryStsLogon",
        "operation": operation,
        "organizationId": tenant_id,
        "userType": "regular",
        "userId": row.get("userId") or "",
        "service": "AzureActiveDirectory",
        "objectId": row.get("resourceId") or "",
        "userPrincipalName": user,
        "clientIp": row.get("ipAddress") or "",
        "auditData": {
            "CreationTime": str(row.get("createdDateTime"))[:19],
            "Id": identity,
            "Operation": operation,
            "OrganizationId": tenant_id,
            "RecordType": 15,
            "ResultStatus": "Failed" if code else "Success",
            "UserType": 0,
            "Version": 1,
            "Workload": "AzureActiveDirectory",
            "ClientIP": row.get("ipAddress") or "",
            "ActorIpAddress": row.get("ipAddress") or "",
            "ObjectId": row.get("resourceId") or "",
            "UserId": user,
            "AzureActiveDirectoryEventType": 1,
            "ExtendedProperties": [
                {"Name": "ResultStatusDetail", "Value": "Success" if not code else "UserError"},
                {"Name": "UserAgent", "Value": row.get("userAgent") or ""},
                {"Name": "RequestType", "Value": "OAuth2:Token"},
            ],
            "Actor": [{"ID": row.get("userId") or "", "Type": 0}, {"ID": user, "Type": 5}],
            "InterSystemsId": row.get("correlationId") or "",
            "IntraSystemId": row.get("id"),
            "ApplicationId": row.get("appId") or "",
            "ErrorNumber": str(code),
            "LogonError": str(status.get("failureReason") or "") if code else "",
        },
    }
