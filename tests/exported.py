"""Sign-ins as each export writes them, from one description."""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

TENANT = "11111111-1111-1111-1111-111111111111"
OTHER = "22222222-2222-2222-2222-222222222222"

POLICIES: list[dict[str, Any]] = [
    {"id": "p", "displayName": 'Block “old” "clients"', "enforcedGrantControls": ["Block"], "result": "notApplied"},
    {"id": "q", "displayName": 'Block “old” "clients"', "result": "reportOnlyFailure", "conditionsSatisfied": "users"},
]
STEPS = [
    {
        "authenticationStepDateTime": "2026-06-15T12:40:24Z",
        "authenticationMethod": "Password",
        "authenticationMethodDetail": "Password in the cloud",
        "succeeded": True,
        "authenticationStepResultDetail": "Correct password",
        "authenticationStepRequirement": "",
    }
]

PORTAL_HEADER = [
    "Date (UTC)", "Request ID", "User agent", "Correlation ID", "User ID", "User", "Username", "User type",
    "Cross tenant access type", "Incoming token type", "Authentication Protocol", "Unique token identifier",
    "Original transfer method", "Client credential type", "Token Protection - Sign In Session",
    "Token Protection - Sign In Session StatusCode", "Application", "Application ID ", "App owner tenant ID",
    "Resource", "Resource ID ", "Resource tenant ID", "Resource owner tenant ID", "Home tenant ID",
    "Home tenant name", "IP address", "Location", "Status", "Sign-in error code", "Failure reason", "Client app",
    "Device ID", "Browser", "Operating System", "Compliant", "Managed", "Join Type",
    "Multifactor authentication result", "Multifactor authentication auth method",
    "Multifactor authentication auth detail", "Authentication requirement", "Sign-in identifier", "Session ID",
    "IP address (seen by resource)", "Through Global Secure Access", "Global Secure Access IP address",
    "Autonomous system  number", "Flagged for review", "Token issuer type", "Incoming token type",
    "Token issuer name", "Latency", "Conditional Access", "Managed Identity type", "Associated Resource Id",
    "Federated Token Id", "Federated Token Issuer",
]  # fmt: skip


def graph(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a sign-in as Graph's beta has it."""
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "createdDateTime": "2026-06-15T12:40:24.178Z",
        "userDisplayName": "Scanner, Leeds",
        "userPrincipalName": "scanner@contoso.example",
        "userId": "33333333-3333-3333-3333-333333333333",
        "userType": "member",
        "appId": "00000002-0000-0ff1-ce00-000000000000",
        "appDisplayName": "Office 365 Exchange Online",
        "ipAddress": "203.0.113.10",
        "autonomousSystemNumber": 64500,
        "clientAppUsed": "Authenticated SMTP",
        "userAgent": "BAV2ROPC",
        "correlationId": "44444444-4444-4444-4444-444444444444",
        "conditionalAccessStatus": "notApplied",
        "isInteractive": True,
        "authenticationProtocol": "ropc",
        "incomingTokenType": "none",
        "authenticationRequirement": "singleFactorAuthentication",
        "crossTenantAccessType": "none",
        "homeTenantId": TENANT,
        "resourceTenantId": TENANT,
        "resourceDisplayName": "Office 365 Exchange Online",
        "resourceId": "00000002-0000-0ff1-ce00-000000000000",
        "riskLevelDuringSignIn": "none",
        "status": {"errorCode": 0, "failureReason": "Other.", "additionalDetails": None},
        "location": {"city": "Leeds", "state": "England", "countryOrRegion": "GB"},
        "authenticationDetails": STEPS,
        "authenticationProcessingDetails": [{"key": "Legacy TLS (TLS 1.0, 1.1, 3DES)", "value": "False"}],
        "appliedConditionalAccessPolicies": POLICIES,
        "signInEventTypes": ["interactiveUser"],
    } | changes


def envelope(number: int = 1, *, tenant: str = TENANT, category: str = "SignInLogs", **changes: Any) -> dict[str, Any]:
    """Return a sign-in as a diagnostic setting writes it; *changes* concern the sign-in itself."""
    inner = graph(number, **changes)
    return {
        "time": "2026-06-15T12:45:00.000Z",
        "resourceId": f"/tenants/{tenant}/providers/Microsoft.aadiam",
        "operationName": "Sign-in activity",
        "category": category,
        "tenantId": tenant,
        "resultType": str((inner.get("status") or {}).get("errorCode", "0")),
        "resultSignature": "None",
        "resultDescription": "Other.",
        "durationMs": 0,
        "callerIpAddress": inner["ipAddress"],
        "correlationId": inner["correlationId"],
        "Level": 4,
        "properties": inner,
    }


def table_row(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a sign-in as Log Analytics exports it: text columns, JSON inside, the portal's dates."""
    one = graph(number)
    return {
        "TenantId": "99999999-9999-9999-9999-999999999999",
        "TimeGenerated [UTC]": "6/15/2026, 12:45:00.000 PM",
        "CreatedDateTime [UTC]": "6/15/2026, 12:40:24.178 PM",
        "Category": "SignInLogs",
        "Id": one["id"],
        "CorrelationId": one["correlationId"],
        "AADTenantId": TENANT,
        "UserId": one["userId"],
        "UserPrincipalName": one["userPrincipalName"],
        "UserDisplayName": one["userDisplayName"],
        "UserType": one["userType"],
        "CrossTenantAccessType": one["crossTenantAccessType"],
        "HomeTenantId": one["homeTenantId"],
        "ResourceTenantId": one["resourceTenantId"],
        "AppId": one["appId"],
        "AppDisplayName": one["appDisplayName"],
        "ResourceDisplayName": one["resourceDisplayName"],
        "ResourceIdentity": one["resourceId"],
        "ClientAppUsed": one["clientAppUsed"],
        "AuthenticationProtocol": one["authenticationProtocol"],
        "IncomingTokenType": one["incomingTokenType"],
        "AuthenticationRequirement": one["authenticationRequirement"],
        "AuthenticationDetails": compact(one["authenticationDetails"]),
        "AuthenticationProcessingDetails": compact(one["authenticationProcessingDetails"]),
        "ResultType": "0",
        "ResultDescription": "Other.",
        "ConditionalAccessStatus": one["conditionalAccessStatus"],
        "ConditionalAccessPolicies": compact(one["appliedConditionalAccessPolicies"]),
        "RiskLevelDuringSignIn": one["riskLevelDuringSignIn"],
        "IPAddress": one["ipAddress"],
        "AutonomousSystemNumber": str(one["autonomousSystemNumber"]),
        "Location": "GB",
        "LocationDetails": compact(one["location"]),
        "Status": compact(one["status"]),
        "UserAgent": one["userAgent"],
        "IsInteractive": "true",
        "Type": "SigninLogs",
    } | changes


def portal_row(number: int = 1, **changes: str) -> list[str]:
    """Return a sign-in as the Entra portal's CSV has it, in the order of its header."""
    one = graph(number)
    told = {
        "Date (UTC)": "2026-06-15T12:40:24Z",
        "Request ID": one["id"],
        "User agent": one["userAgent"],
        "Correlation ID": one["correlationId"],
        "User ID": one["userId"],
        "User": one["userDisplayName"],
        "Username": one["userPrincipalName"],
        "User type": one["userType"],
        "Cross tenant access type": "None",
        "Authentication Protocol": "ROPC",
        "Application": one["appDisplayName"],
        "Application ID ": one["appId"],
        "Resource": one["resourceDisplayName"],
        "Resource ID ": one["resourceId"],
        "Resource tenant ID": TENANT,
        "Home tenant ID": TENANT,
        "IP address": one["ipAddress"],
        "Location": "Leeds, England, GB",
        "Status": "Success",
        "Sign-in error code": "0",
        "Failure reason": "Other.",
        "Client app": one["clientAppUsed"],
        "Authentication requirement": "Single-factor authentication",
        "Autonomous system  number": "64500",
        "Conditional Access": "Not Applied",
    } | changes
    row = [told.get(name, "") for name in PORTAL_HEADER]
    row[PORTAL_HEADER.index("Incoming token type")] = "None"
    return row


def compact(value: object) -> str:
    """Return JSON as the service writes it inside a text column."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def lines(found: Iterable[Mapping[str, Any]]) -> bytes:
    """Return JSON Lines with the line ends of an append blob."""
    return b"".join(compact(one).encode("utf-8", "surrogatepass") + b"\r\n" for one in found)


def sheet(header: Iterable[str], rows: Iterable[Iterable[str]], encoding: str = "utf-8-sig") -> bytes:
    """Return a CSV."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([list(header), *(list(row) for row in rows)])
    return text.getvalue().encode(encoding)


def table_sheet(rows: Iterable[Mapping[str, str]], encoding: str = "utf-8-sig") -> bytes:
    """Return a Log Analytics CSV."""
    held = list(rows)
    return sheet(held[0], [list(row.values()) for row in held], encoding)


def write(path: Path, content: bytes, *, packed: bool = False) -> Path:
    """Write *content*, folders and all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    return path
