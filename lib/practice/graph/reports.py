"""``auditLogs/signIns``: the sign-in log, as v1.0 and beta give it.

v1.0 knows interactive sign-ins and two dozen properties. Beta knows the rest, and gives
interactive ones unless a filter on ``signInEventTypes`` asks for others. Pages are 1,000 records at most,
newest first, and the link to the next lives for minutes.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Final

from practice.signins import Table
from practice.tokens import TokenError

from . import errors, filters, matching, queries
from .callers import Access
from .calls import Answer, Call, Operation
from .pace import Pace

__all__ = ["Reports"]

Record = dict[str, Any]


_LARGEST: Final = 1_000
_STRINGS: Final = ("eq", "startsWith")
_LISTED: Final[Mapping[str, tuple[str, ...]]] = {
    "appDisplayName": _STRINGS,
    "appId": ("eq",),
    "authenticationRequirement": _STRINGS,
    "clientAppUsed": ("eq",),
    "conditionalAccessAudiences": ("eq",),
    "conditionalAccessStatus": ("eq",),
    "correlationId": ("eq",),
    "createdDateTime": ("eq", "le", "ge"),
    "deviceDetail/browser": _STRINGS,
    "deviceDetail/operatingSystem": _STRINGS,
    "id": ("eq",),
    "ipAddress": _STRINGS,
    "location/city": _STRINGS,
    "location/countryOrRegion": _STRINGS,
    "location/state": _STRINGS,
    "originalRequestId": ("eq",),
    "resourceDisplayName": ("eq",),
    "resourceId": ("eq",),
    "riskDetail": ("eq",),
    "riskEventTypes_v2": ("any", *_STRINGS),
    "riskLevelAggregated": ("eq",),
    "riskLevelDuringSignIn": ("eq",),
    "riskState": ("eq",),
    "servicePrincipalId": _STRINGS,
    "servicePrincipalName": _STRINGS,
    "signInEventTypes": ("any", "eq", "ne"),
    "status/errorCode": ("eq",),
    "tokenIssuerName": ("eq",),
    "userAgent": _STRINGS,
    "userDisplayName": _STRINGS,
    "userId": ("eq",),
    "userPrincipalName": _STRINGS,
}
"""Which filters the documentation of the type lists (beta, November 2024)."""

_V1: Final = queries.Kind(
    "signIn",
    "auditLogs/signIns",
    frozenset(
        {
            "appDisplayName",
            "appId",
            "appliedConditionalAccessPolicies",
            "clientAppUsed",
            "conditionalAccessStatus",
            "correlationId",
            "createdDateTime",
            "deviceDetail",
            "id",
            "ipAddress",
            "isInteractive",
            "location",
            "resourceDisplayName",
            "resourceId",
            "riskDetail",
            "riskEventTypes",
            "riskEventTypes_v2",
            "riskLevelAggregated",
            "riskLevelDuringSignIn",
            "riskState",
            "status",
            "userDisplayName",
            "userId",
            "userPrincipalName",
        }
    ),
)
_BETA: Final = queries.Kind(
    "signIn",
    "auditLogs/signIns",
    _V1.properties
    | {one.partition("/")[0] for one in _LISTED}
    | {
        "authenticationContextClassReferences",
        "authenticationDetails",
        "authenticationMethodsUsed",
        "authenticationProcessingDetails",
        "authenticationProtocol",
        "authenticationRequirementPolicies",
        "autonomousSystemNumber",
        "clientCredentialType",
        "crossTenantAccessType",
        "federatedCredentialId",
        "flaggedForReview",
        "homeTenantId",
        "homeTenantName",
        "incomingTokenType",
        "ipAddressFromResourceProvider",
        "isTenantRestricted",
        "networkLocationDetails",
        "originalTransferMethod",
        "processingTimeInMilliseconds",
        "resourceServicePrincipalId",
        "resourceTenantId",
        "servicePrincipalCredentialKeyId",
        "servicePrincipalCredentialThumbprint",
        "sessionId",
        "sessionLifetimePolicies",
        "signInIdentifier",
        "signInIdentifierType",
        "tokenIssuerType",
        "uniqueTokenIdentifier",
        "userType",
    },
)

_TABLES: Final[Mapping[str, Table]] = {
    "interactiveUser": "SigninLogs",
    "nonInteractiveUser": "AADNonInteractiveUserSignInLogs",
    "servicePrincipal": "AADServicePrincipalSignInLogs",
}
_USERS: Final = frozenset({"interactiveUser", "nonInteractiveUser"})

# Values that came later: Graph names them only to clients that say they can bear it.
_UNKNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "incomingTokenType": ("remoteDesktopToken", "refreshToken"),
    "authenticationProtocol": ("authenticationTransfer", "nativeAuth"),
    "crossTenantAccessType": ("passthrough",),
}

_READERS: Final = (
    "Global Administrator",
    "Global Reader",
    "Reports Reader",
    "Security Administrator",
    "Security Operator",
    "Security Reader",
)


class Reports:
    """The reports of one Graph, and how often each app has asked for them."""

    def __init__(self) -> None:
        self._pace = Pace()

    def forget(self, tenant_id: str) -> None:
        """Forget the requests about a tenant."""
        self._pace.forget(tenant_id)

    def operations(self) -> tuple[Operation, ...]:
        """Return what can be asked."""
        # Who may ask is told in the reports' own words, so the operations ask for nothing beforehand.
        return (
            Operation("GET", "auditLogs/signIns", self._list, Access()),
            Operation("GET", "auditLogs/signIns/{}", self._get, Access()),
        )

    def _list(self, call: Call) -> Answer:
        self._admit(call)
        kind = _V1 if call.version == "v1.0" else _BETA
        size, upwards = _size(call), _upwards(call, kind)
        node = _condition(call, kind)
        queries.selected(call, kind)
        # One more than the page tells whether there is another.
        rows = list(islice(_rows(call, node, _position(call), upwards=upwards), size + 1))
        page: Record = {"@odata.context": call.context(kind.collection)}
        if len(rows) > size:
            page["@odata.nextLink"] = queries.next_link(call, _link(call, rows[size - 1]))
        page["value"] = [queries.shown(call, kind, _as_seen(call, row)) for row in rows[:size]]
        return Answer(page)

    def _get(self, call: Call) -> Answer:
        self._admit(call)
        kind = _V1 if call.version == "v1.0" else _BETA
        tables = ("SigninLogs",) if call.version == "v1.0" else tuple(_TABLES.values())
        row = next(_logged(call, tables, only=call.keys[0].of("id")), None)
        if row is None:
            raise errors.missing(call.keys[0].value)
        return queries.single(call, kind, _as_seen(call, row))

    def _admit(self, call: Call) -> None:
        caller = call.caller
        self._pace.take(caller.app_id, caller.tenant_id, call.now, call.backend.graph)
        queries.check(call)
        if not caller.has("AuditLog.Read.All"):
            raise errors.denied(
                "The principal does not have required Microsoft Graph permission(s): AuditLog.Read.All to call this"
                " API. For more information about Microsoft Graph permissions, please visit"
                " https://learn.microsoft.com/graph/permissions-overview",
                "Authentication_MSGraphPermissionMissing",
            )
        with call.tenant() as tenant:
            if caller.delegated and not caller.holds(tenant.directory_in_force(call.now), _READERS):
                raise errors.denied("User is not in the allowed roles", "Authentication_RequestFromUnsupportedUserRole")
            if not tenant.premium:
                raise errors.denied(
                    "Neither tenant is B2C or tenant doesn't have premium license",
                    "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
                )


def _link(call: Call, last: Mapping[str, Any]) -> str:
    ends = call.now.timestamp() + call.backend.graph.link_s
    place = [call.caller.tenant_id, last["createdDateTime"], last["id"], ends]
    return call.backend.keys.seal({_V1.collection: place})


def _position(call: Call) -> tuple[datetime, str] | None:
    token = call.options.get("$skiptoken", "")
    if not token:
        return None
    try:
        # The same seal is on codes and refresh tokens, which lead nowhere here.
        tenant_id, created, identity, ends = call.backend.keys.unseal(token)[_V1.collection]
    except (TokenError, KeyError):
        raise errors.bad("Skip token is invalid.", "BadRequest") from None  # ≈
    if tenant_id != call.caller.tenant_id or call.now.timestamp() >= ends:
        raise errors.bad("Skip token has expired.", "BadRequest")  # ≈
    return datetime.fromisoformat(created), identity


def _size(call: Call) -> int:
    largest = call.backend.graph.report_page
    return min(queries.top(call, _LARGEST, _LARGEST), largest)


def _upwards(call: Call, kind: queries.Kind) -> bool:
    wanted = " ".join(call.options.get("$orderby", "").split())
    if wanted.partition(" ")[0] not in ("", *kind.properties):
        raise errors.bad(
            f"Could not find a property named '{wanted[:100]}' on type 'microsoft.graph.signIn'.", "BadRequest"
        )
    if wanted not in ("", "createdDateTime", "createdDateTime asc", "createdDateTime desc"):
        raise errors.bad("Sorting is supported on createdDateTime only.", "BadRequest")  # ≈
    return wanted in ("createdDateTime", "createdDateTime asc")


def _condition(call: Call, kind: queries.Kind) -> filters.Node | None:
    node = queries.condition(call, kind)
    habit = call.backend.graph.unlisted_filters
    if node is None or habit == "honoured":
        return node
    unlisted = [use for use in matching.uses(node) if not _listed(use)]
    if unlisted and habit == "refused":
        raise errors.bad(f"Filtering on {'/'.join(unlisted[0].path)[:100]} is not supported.", "BadRequest")  # ≈
    return matching.without(node, lambda use: not _listed(use))


def _listed(use: matching.Use) -> bool:
    return use.operator in _LISTED.get("/".join(use.path), ())


def _kinds(node: filters.Node | None) -> set[str]:
    """Return the kinds of sign-ins that a filter asks for; the interactive ones where it says nothing of them.

    Raises:
        Refusal: It asks for people and apps at once.
    """
    compared = matching.literals(node, "signInEventTypes")
    if not compared:
        return {"interactiveUser"}
    named = {str(value) for operator, value in compared if operator == "eq"}
    wanted = named or _USERS - {str(value) for _, value in compared}
    if wanted & _USERS and wanted - _USERS:
        # ≈
        raise errors.bad("User sign-ins and service principal sign-ins cannot be combined in one filter.", "BadRequest")
    return set(wanted)


def _rows(
    call: Call, node: filters.Node | None, after: tuple[datetime, str] | None, *, upwards: bool
) -> Iterator[Record]:
    tables = tuple(table for kind, table in _TABLES.items() if kind in _kinds(node))
    since, until = matching.bounds(node, "createdDateTime")
    clients = matching.named(node, "clientAppUsed")
    found = _logged(call, tables, since=since, until=until, clients=clients, after=after, upwards=upwards)
    return (row for row in found if node is None or matching.fits(node, row))


def _logged(
    call: Call,
    tables: Sequence[Table],
    *,
    since: datetime | None = None,
    clients: set[str] | None = None,
    **narrowed: Any,
) -> Iterator[Record]:
    """Return the rows that the tenant still has; *narrowed* are further arguments of `Ledger.sign_ins`."""
    if not tables:
        return iter(())
    with call.tenant() as tenant:
        tenant_id, logs = tenant.tenant_id, tenant.logs
    kept = call.now - timedelta(days=logs.retention_days)
    return call.backend.ledger.sign_ins(
        tenant_id,
        now=call.now,
        since=max(since or kept, kept),
        tables=tables,
        # Beyond ASCII the database folds case differently from the filter, which then looks at all.
        clients=sorted(map(str.lower, clients)) if clients and all(map(str.isascii, clients)) else None,
        ingestion_s=logs.ingestion_s,
        **narrowed,
    )


def _as_seen(call: Call, row: Record) -> Record:
    """Return a row as this caller may see it."""
    seen = {"riskEventTypes": row.get("riskEventTypes_v2", []), **row} if call.version == "v1.0" else dict(row)
    if not call.caller.has("Policy.Read.All", "Policy.Read.ConditionalAccess", "Policy.ReadWrite.ConditionalAccess"):
        seen.pop("appliedConditionalAccessPolicies", None)
    if "include-unknown-enum-members" not in call.prefer.lower():
        for name, later in _UNKNOWN.items():
            if seen.get(name) in later:
                seen[name] = "unknownFutureValue"
    properties = (_V1 if call.version == "v1.0" else _BETA).properties
    return {name: value for name, value in seen.items() if name in properties}
