"""The rows that sign-ins leave: the ``signIn`` objects of Graph beta, as `signins` tells those of the stories."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from . import signins
from .access import Ruling, SignOn
from .state import ServicePrincipal, Tenant, new_id

__all__ = ["REASONS", "principal_row", "row"]

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **signins.REASONS,
        "50055": "Invalid password, entered expired password.",
        "50056": "Invalid or null password: password doesn't exist in the directory for this user.",
        "50076": (
            "Due to a configuration change made by your administrator, or because you moved to a new location, "
            "you must use multi-factor authentication to access the resource."
        ),
        "50079": "User needs to enroll for second factor authentication.",
        "53000": "Device is not in required device state: compliant.",
        "53001": "Device is not in required device state: domain_joined.",
        "53002": "Application used is not an approved application for Conditional Access.",
        "530035": "Access has been blocked by security defaults.",
        "50105": "The signed in user is not assigned to a role for the application.",
        "50173": "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
        "70043": ("The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access."),
        "65001": "The user or administrator has not consented to use the application.",
        "65004": "User declined to consent to access the app.",
        "7000215": "Invalid client secret is provided.",
        "7000222": "The provided client secret keys are expired.",
        "700027": "Client assertion failed signature validation.",
    }
)
"""What a row says of each result code."""


def row(
    tenant: Tenant,
    done: SignOn,
    *,
    agent: str = "BAV2ROPC",
    protocol: str = "ropc",
    interactive: bool = True,
    incoming: str = "none",
    scopes: tuple[str, ...] = (),
    correlation_id: str = "",
) -> dict[str, Any]:
    """Return the ``signIn`` object, as Graph beta gives it, of a person's sign-in.

    Args:
        tenant: Where.
        done: The sign-in.
        agent: The user agent; Exchange writes ``BAV2ROPC`` where it hands a password on.
        protocol: ``authenticationProtocol``.
        interactive: Whether somebody took part; rows of legacy protocols say so too.
        incoming: ``incomingTokenType``: what was brought in place of a password.
        scopes: What ``Oauth Scope Info`` lists.
        correlation_id: The request's, so that an interrupted sign-in and its completion share one.
    """
    user, attempt, made = done.user, done.attempt, new_id()
    apps = {one.app_id: one.display_name for one in tenant.directory.service_principals}
    brought = "saml20" if done.federated and incoming == "none" else incoming
    return {
        "id": made,
        "createdDateTime": _instant(attempt.at),
        "userDisplayName": user.display_name if user else "",
        "userPrincipalName": (user.user_principal_name if user else done.name).lower(),
        "userId": user.id if user else "",
        "userType": user.user_type.lower() if user else "",
        "appId": attempt.app_id,
        "appDisplayName": apps.get(attempt.app_id, attempt.app_name),
        "resourceDisplayName": apps.get(attempt.resource_app_id, ""),
        "resourceId": attempt.resource_app_id,
        "resourceTenantId": tenant.tenant_id,
        "homeTenantId": tenant.tenant_id if user else "",
        "homeTenantName": "",
        "ipAddress": attempt.address,
        "ipAddressFromResourceProvider": "",
        "autonomousSystemNumber": 0,
        "location": dict(_NOWHERE),
        "clientAppUsed": attempt.client_app,
        "userAgent": agent,
        "correlationId": correlation_id or new_id(),
        "originalRequestId": "",
        "isInteractive": interactive,
        "signInEventTypes": ["interactiveUser" if interactive else "nonInteractiveUser"],
        "signInIdentifier": done.name,
        "authenticationProtocol": "saml20" if brought == "saml20" and protocol == "ropc" else protocol,
        "incomingTokenType": brought,
        "clientCredentialType": "none",
        "tokenIssuerName": "",
        "tokenIssuerType": "AzureAD",
        "originalTransferMethod": "deviceCodeFlow" if protocol == "deviceCode" else "none",
        "uniqueTokenIdentifier": made.replace("-", "")[:22],
        "sessionId": "",
        "processingTimeInMilliseconds": 80,
        "crossTenantAccessType": "b2bCollaboration" if user and user.user_type == "Guest" else "none",
        "authenticationRequirement": (
            "multiFactorAuthentication" if done.mfa or done.ruling.mfa_asked else "singleFactorAuthentication"
        ),
        "conditionalAccessStatus": done.ruling.status,
        "appliedConditionalAccessPolicies": [one.as_graph() for one in done.ruling.applied],
        "riskDetail": "none",
        "riskLevelAggregated": "none",
        "riskLevelDuringSignIn": "none",
        "riskState": "none",
        "riskEventTypes_v2": [],
        "flaggedForReview": False,
        "status": _status(done.code),
        "deviceDetail": dict(_NO_DEVICE),
        "authenticationDetails": _steps(done, brought),
        "authenticationProcessingDetails": _processing(scopes),
        "networkLocationDetails": [],
        "authenticationMethodsUsed": [],
        "sessionLifetimePolicies": [],
    }


def principal_row(
    tenant: Tenant,
    principal: ServicePrincipal,
    *,
    code: str,
    resource_app_id: str,
    credential: str,
    address: str,
    now: datetime,
    ruling: Ruling | None = None,
    correlation_id: str = "",
) -> dict[str, Any]:
    """Return the ``signIn`` object of an app that signs in as itself.

    Args:
        tenant: Where.
        principal: Its enterprise application.
        code: "0" or the number behind AADSTS.
        resource_app_id: The application id of what was to be reached.
        credential: ``clientCredentialType``: ``clientSecret``, ``clientAssertion``, ``federatedIdentityCredential``,
            ``managedIdentity``.
        address: Where it came from.
        now: The cloud's time.
        ruling: What Conditional Access for workload identities said.
        correlation_id: The request's.
    """
    made, said = new_id(), ruling or Ruling("0")
    resource = tenant.directory.principal(resource_app_id)
    kind = "managedIdentity" if credential == "managedIdentity" else "servicePrincipal"
    return {
        "id": made,
        "createdDateTime": _instant(now),
        "appId": principal.app_id,
        "appDisplayName": principal.display_name,
        "servicePrincipalId": principal.id,
        "servicePrincipalName": principal.display_name,
        "resourceDisplayName": resource.display_name if resource else "",
        "resourceId": resource_app_id,
        "resourceTenantId": tenant.tenant_id,
        "ipAddress": address,
        "autonomousSystemNumber": 0,
        "location": dict(_NOWHERE),
        "correlationId": correlation_id or new_id(),
        "isInteractive": False,
        "signInEventTypes": [kind],
        "clientCredentialType": credential,
        "authenticationProtocol": "none",
        "incomingTokenType": "none",
        "conditionalAccessStatus": said.status,
        "appliedConditionalAccessPolicies": [one.as_graph() for one in said.applied],
        "uniqueTokenIdentifier": made.replace("-", "")[:22],
        "status": _status(code),
        "authenticationProcessingDetails": [],
    }


_NOWHERE: Final[Mapping[str, Any]] = {"city": "", "state": "", "countryOrRegion": "", "geoCoordinates": {}}
_NO_DEVICE: Final[Mapping[str, Any]] = {
    "deviceId": "",
    "displayName": "",
    "operatingSystem": "",
    "browser": "",
    "isCompliant": False,
    "isManaged": False,
    "trustType": "",
}


def _status(code: str) -> dict[str, Any]:
    said = REASONS.get(code, "Other.")
    return {"errorCode": int(code), "failureReason": said, "additionalDetails": ""}


def _steps(done: SignOn, brought: str) -> list[dict[str, Any]]:
    """Return ``authenticationDetails``; a name that is nobody's has none."""
    wrong = {
        "50126": "Invalid username or password or Invalid on-premise username or password.",
        "50053": REASONS["50053"],
        "50056": REASONS["50056"],
        "50057": "User account is disabled. The account has been disabled by an administrator.",
    }
    at = done.attempt.at
    if done.code == "50034":
        return []
    if done.code in wrong:
        return [_step(at, 0, "Password", "", wrong[done.code], succeeded=False)]
    if brought == "none":
        forms = [("Password", "Password in the cloud", "Correct password")]
        if done.mfa:
            forms.append(("Mobile app notification", "", "MFA successfully completed"))
    else:
        forms = [("Previously satisfied", "", "First factor requirement satisfied by claim in the token")]
        if done.mfa:
            forms.append(("Previously satisfied", "", "MFA requirement satisfied by claim in the token"))
    return [_step(at, place, *form) for place, form in enumerate(forms)]


def _step(at: datetime, place: int, method: str, detail: str, result: str, *, succeeded: bool = True) -> dict[str, Any]:
    return {
        "authenticationStepDateTime": _instant(at),
        "authenticationMethod": method,
        "authenticationMethodDetail": detail,
        "succeeded": succeeded,
        "authenticationStepResultDetail": result,
        "authenticationStepRequirement": "",
        "StatusSequence": 0,
        "RequestSequence": place + 1,
    }


def _processing(scopes: tuple[str, ...]) -> list[dict[str, str]]:
    known = [("Legacy TLS (TLS 1.0, 1.1, 3DES)", "False"), ("Is CAE Token", "False")]
    if scopes:
        known.append(("Oauth Scope Info", "[" + ",".join(f'"{scope}"' for scope in scopes) + "]"))
    return [{"key": key, "value": value} for key, value in known]


def _instant(at: datetime) -> str:
    return f"{at.strftime('%Y-%m-%dT%H:%M:%S')}.{at.microsecond:06d}0Z"
