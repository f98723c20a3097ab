"""Entra's refusals: the AADSTS numbers, their texts, and the JSON and the redirects that carry them.

The texts are those of Entra's error code page and of answers that were published; clients are warned
not to read them, people do. Where a wording could not be checked a comment marks it with "≈".

Of the numbers that people meet with mail these are not produced, each because nothing in a practice tenant's state
leads to it: 53011, 530032, 530034 and 50131 (risk, and policies for it), 50074 and 50158 (a second factor that fails
or stands elsewhere), 500021 and 500022 (a proxy's header), 50134 and the numbers of other national clouds (one cloud
is all there is), 50199 (a page of its own for addresses of an app's own scheme), 50196 (a client that loops). Others
are told by a near relative: 50072 as 50079, 90072 and 16000 as 50020, 50132 and 50133 as 50173, 700022 as 28000, 70001
and 700011 as 700016, 90119 and 90120 as 70018, 90124 and 90130 as 9001023, 65005 as 650057.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from uuid import uuid4

from authlib.oauth2.rfc6749 import OAuth2Error
from flask import request

__all__ = ["Refused", "correlation_id", "from_library", "known"]


class _Kind(NamedTuple):
    """How a number is told: OAuth's word, the HTTP status, the text with its blanks, the sub-error."""

    error: str
    text: str
    status: int = 400
    suberror: str = ""


_SIGN_IN_AGAIN: Final = "Send an interactive authorization request for this user and resource."

_KINDS: Final[Mapping[str, _Kind]] = MappingProxyType(
    {
        "28000": _Kind(
            "invalid_request",
            "Provided value for the input parameter scope is not valid because it contains more than one resource. "
            "Scope {scope} is not valid.",
        ),
        "50011": _Kind(
            "invalid_request",
            "The redirect URI '{redirect}' specified in the request does not match the redirect URIs configured for "
            "the application '{app}'. Make sure the redirect URI sent in the request matches one added to your "
            "application in the Azure portal.",
        ),
        "50012": _Kind("invalid_client", "Client assertion contains an invalid signature.", 401),
        "50020": _Kind(
            "access_denied",
            "User account '{user}' from identity provider '{idp}' does not exist in tenant '{tenant}' and cannot "
            "access the application '{app}'({name}) in that tenant. The account needs to be added as an external user "
            "in the tenant first. Sign out and sign in again with a different Azure Active Directory user account.",
        ),
        "50027": _Kind("invalid_request", "JWT token is invalid or malformed."),
        "50034": _Kind(
            "invalid_grant",
            "The user account {{EUII Hidden}} does not exist in the {tenant} directory. To sign into this application, "
            "the account must be added to the directory.",
        ),
        "50053": _Kind(
            "invalid_grant",
            "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
        ),
        "50055": _Kind("invalid_grant", "The password is expired."),
        "50056": _Kind(
            "invalid_grant", "Invalid or null password: password doesn't exist in the directory for this user."
        ),
        "50057": _Kind("invalid_grant", "The user account is disabled."),
        "50058": _Kind("login_required", "A silent sign-in request was sent but no user is signed in."),
        "50076": _Kind(
            "invalid_grant",
            "Due to a configuration change made by your administrator, or because you moved to a new location, you "
            "must use multi-factor authentication to access '{resource}'.",
            suberror="basic_action",
        ),
        "50079": _Kind(
            "invalid_grant",
            "Due to a configuration change made by your administrator, or because you moved to a new location, you "
            "must enroll in multi-factor authentication to access '{resource}'.",
            suberror="basic_action",
        ),
        "50105": _Kind(
            "access_denied",
            "Your administrator has configured the application {name} ('{app}') to block users unless they are "
            "specifically granted ('assigned') access to the application. The signed in user '{{EUII Hidden}}' is "
            "blocked because they are not a direct member of a group with access, nor had access directly assigned by "
            "an administrator. Please contact your administrator to assign access to this application.",
        ),
        "50126": _Kind("invalid_grant", "Error validating credentials due to invalid username or password."),
        "50147": _Kind("invalid_request", "The size of the code challenge parameter isn't valid."),
        "50173": _Kind(
            "invalid_grant",
            "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have "
            "changed or reset their password. The grant was issued on '{issued}' and the TokensValidFrom date (before "
            "which tokens are not valid) for this user is '{valid}'.",
            suberror="bad_token",
        ),
        "50194": _Kind(
            "invalid_request",
            "Application '{app}'({name}) is not configured as a multi-tenant application. Usage of the /common "
            "endpoint is not supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or "
            "configure the application to be multi-tenant.",
        ),
        "53000": _Kind("invalid_grant", "Device is not in required device state: compliant.", suberror="message_only"),
        "53001": _Kind(
            "invalid_grant", "Device is not in required device state: domain_joined.", suberror="message_only"
        ),
        "53002": _Kind(
            "invalid_grant",
            "Application used is not an approved application for Conditional Access.",
            suberror="message_only",
        ),
        "53003": _Kind(
            "access_denied",
            "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
            suberror="message_only",
        ),
        "54005": _Kind(
            "invalid_grant",
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing "
            "refresh token.",
        ),
        "500011": _Kind(
            "invalid_resource",
            "The resource principal named {resource} was not found in the tenant named {tenant}. This can happen if "
            "the application has not been installed by the administrator of the tenant or consented to by any user in "
            "the tenant. You might have sent your authentication request to the wrong tenant.",
        ),
        "501481": _Kind(
            "invalid_grant",
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        ),
        "501051": _Kind(
            "invalid_grant", "Application '{app}'({name}) is not assigned to a role for the application '{resource}'."
        ),
        "65001": _Kind(
            "invalid_grant",
            "The user or administrator has not consented to use the application with ID '{app}' named '{name}'. "
            + _SIGN_IN_AGAIN,
            suberror="consent_required",
        ),
        "65002": _Kind(
            "invalid_client",
            "Consent between first party application '{app}' and first party resource '{resource}' must be configured "
            "via preauthorization - applications owned and operated by Microsoft must get approval from the API owner "
            "before requesting tokens for that API.",
        ),
        "65004": _Kind("access_denied", "User declined to consent to access the app."),
        "650052": _Kind(
            "invalid_client",  # ≈
            "The app is trying to access a service '{resource}' that your organization '{tenant}' lacks a service "
            "principal for. Contact your IT Admin to review the configuration of your service subscriptions or consent "
            "to the application in order to create the required service principal.",
        ),
        "650053": _Kind(
            "invalid_client",
            "The application '{name}' asked for scope '{scope}' that doesn't exist on the resource '{resource}'. "
            "Contact the app vendor.",
        ),
        "650056": _Kind(
            "invalid_client",
            "Misconfigured application. This could be due to one of the following: the client has not listed any "
            "permissions for '{resource}' in the requested permissions in the client's application registration. Or, "
            "the admin has not consented in the tenant. Or, check the application identifier in the request to ensure "
            "it matches the configured client application identifier. Please contact your admin to fix the "
            "configuration or consent on behalf of the tenant. Client app ID: {app}.",
        ),
        "650057": _Kind(
            "invalid_resource",
            "Invalid resource. The client has requested access to a resource which is not listed in the requested "
            "permissions in the client's application registration. Client app ID: {app}({name}). Resource value from "
            "request: {asked}. Resource app ID: {resource}. List of valid resources from app registration: {listed}.",
        ),
        "70000": _Kind("invalid_grant", "Provided grant is invalid or malformed."),
        "70003": _Kind("unsupported_grant_type", "The app requested an unsupported grant type '{grant}'."),
        "70005": _Kind(
            "unsupported_response_type", "The response type '{kind}' is not supported for this application."
        ),  # ≈
        "70007": _Kind("invalid_request", "'{mode}' is not a supported value of 'response_mode'."),  # ≈
        "70008": _Kind(
            "invalid_grant",
            "The provided authorization code or refresh token has expired due to inactivity. " + _SIGN_IN_AGAIN,
        ),
        "70011": _Kind(
            "invalid_scope",
            "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid.",
        ),
        "70016": _Kind(
            "authorization_pending",
            "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
        ),
        "70018": _Kind("bad_verification_code", "Invalid verification code."),  # ≈
        "70019": _Kind("expired_token", "Verification code expired. Have the user retry the sign-in."),
        "700016": _Kind(
            "unauthorized_client",
            "Application with identifier '{app}' was not found in the directory '{tenant}'. This can happen if the "
            "application has not been installed by the administrator of the tenant or consented to by any user in the "
            "tenant. You may have sent your authentication request to the wrong tenant.",
        ),
        "700021": _Kind(
            "invalid_client",
            "Client assertion application identifier doesn't match 'client_id' parameter.",
            401,
        ),
        "700023": _Kind("invalid_client", "Client assertion audience claim does not match Realm issuer.", 401),
        "700024": _Kind(
            "invalid_client",
            "Client assertion is not within its valid time range. Current time: {now}, assertion valid from {begins}, "
            "expiry time of assertion {ends}.",
            401,
        ),
        "700025": _Kind(
            "invalid_client",
            "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
            401,
        ),
        "700027": _Kind(
            "invalid_client",
            "Client assertion failed signature validation. [Reason - {reason}, Thumbprint of key used by client: "
            "'{thumbprint}']",
            401,
        ),
        "700051": _Kind(
            "unsupported_response_type", "response_type 'token' is not enabled for the application '{app}'."
        ),
        "70043": _Kind(
            "invalid_grant",
            "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access. The "
            "token was issued on {issued} and the maximum allowed lifetime for this request is {lasts}.",
            suberror="token_expired",  # ≈
        ),
        "700054": _Kind(
            "unsupported_response_type", "response_type 'id_token' is not enabled for the application '{app}'."
        ),
        "700082": _Kind(
            "invalid_grant",
            "The refresh token has expired due to inactivity. The token was issued on {issued} and was inactive for "
            "90.00:00:00.",
            suberror="token_expired",
        ),
        "700211": _Kind(
            "invalid_client",
            "No matching federated identity record found for presented assertion issuer '{issuer}'. Please check your "
            "federated identity credential Subject, Audience and Issuer against the presented assertion.",
            401,
        ),
        "700212": _Kind(
            "invalid_client",
            "No matching federated identity record found for presented assertion audience '{audience}'. Please check "
            "your federated identity credential Subject, Audience and Issuer against the presented assertion.",
            401,
        ),
        "700213": _Kind(
            "invalid_client",
            "No matching federated identity record found for presented assertion subject '{subject}'. Please check "
            "your federated identity credential Subject, Audience and Issuer against the presented assertion.",
            401,
        ),
        "700222": _Kind("invalid_client", "AAD-issued tokens may not be used for federated identity flows.", 401),
        "7000112": _Kind("unauthorized_client", "Application '{app}'({name}) is disabled."),
        "7000215": _Kind(
            "invalid_client",
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            "not the client secret ID, for a secret added to app '{app}'.",
            401,
        ),
        "7000216": _Kind(
            "invalid_client",
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type.",
            401,
        ),
        "7000218": _Kind(
            "invalid_client",
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            401,
        ),
        "7000222": _Kind(
            "invalid_client",
            "The provided client secret keys for app '{app}' are expired. Visit the Azure portal to create new keys "
            "for your app, or consider using certificate credentials for added security.",
            401,
        ),
        "7000229": _Kind(
            "unauthorized_client",
            "The client application {app} is missing service principal in the tenant {tenant}.",
        ),
        "90002": _Kind(
            "invalid_tenant",
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the "
            "correct cloud. Check with your subscription administrator, this may happen if there are no active "
            "subscriptions for the tenant.",
        ),
        "90033": _Kind("temporarily_unavailable", "A transient error has occurred. Please try again.", 503),
        "90055": _Kind("temporarily_unavailable", "The tenant is throttled: too many incoming requests.", 429),
        "90094": _Kind("access_denied", "The grant requires admin permission."),
        "90095": _Kind(
            "access_denied", "Admin consent is required: the application can be requested from an administrator."
        ),  # ≈
        "900144": _Kind("invalid_request", "The request body must contain the following parameter: '{parameter}'."),
        "900561": _Kind(
            "invalid_request", "The endpoint does not accept this kind of request. Received a {verb} request.", 405
        ),
        "900971": _Kind("invalid_request", "No reply address provided."),
        "901002": _Kind("invalid_request", "The 'resource' request parameter isn't supported."),
        "9001023": _Kind(
            "invalid_request",
            "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations "
            "or tenant-specific endpoint.",
        ),
        "9002313": _Kind("invalid_request", "Invalid request. Request is malformed or invalid."),
        "1002012": _Kind(
            "invalid_scope",
            "The provided value for scope {scope} is not valid. Client credential flows must have a scope value with "
            "/.default suffixed to the resource identifier (application ID URI).",
        ),
    }
)

_LINE: Final = "\r\n"
_LONGEST: Final = 200
_UNSHOWABLE: Final = re.compile(r"[^\x20-\x7e]|[\"\\<>]")


def known(code: str) -> bool:
    """Whether *code* is a number that is told here."""
    return code in _KINDS


class Refused(OAuth2Error):
    """A refusal by number.

    Args:
        code: The number behind AADSTS.
        error: OAuth's word, where another than the number's usual one is right.
        details: What fills the text's blanks.
    """

    def __init__(self, code: str, *, error: str = "", **details: object) -> None:
        kind = _KINDS[code]
        super().__init__(error=error or kind.error, status_code=kind.status)
        self.code = code
        self.suberror = kind.suberror
        shown = {name: _shown(value) for name, value in details.items()}
        self.text = kind.text.format_map(_Blank(shown))

    def told(self, now: datetime, base_url: str) -> dict[str, Any]:
        """Return the JSON answer's fields, for the request at hand."""
        moment = now.strftime("%Y-%m-%d %H:%M:%SZ")
        trace, correlation = str(uuid4()), correlation_id()
        lines = (
            f"AADSTS{self.code}: {self.text}",
            f"Trace ID: {trace}",
            f"Correlation ID: {correlation}",
            f"Timestamp: {moment}",
        )
        return {
            "error": self.error,
            "error_description": _LINE.join(lines),
            "error_codes": [int(self.code)],
            "timestamp": moment,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"{base_url}/error?code={self.code}",
            **({"suberror": self.suberror} if self.suberror else {}),
        }


class _Blank(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return ""


def _shown(value: object) -> str:
    # What a client sent goes into texts that stand in headers and pages.
    return _UNSHOWABLE.sub("?", str(value))[:_LONGEST]


def correlation_id() -> str:
    """Return the request's correlation id: the client's own where it sent one that can be one."""
    sent = request.headers.get("client-request-id") or request.args.get("client-request-id") or ""
    return sent.lower() if re.fullmatch(r"[0-9a-fA-F-]{36}", sent) else str(uuid4())


def from_library(error: OAuth2Error) -> Refused:
    """Return a refusal of the OAuth library's in Entra's words."""
    if isinstance(error, Refused):
        return error
    said = f"{error.error} {error.description or ''}"
    missing = re.search(r"Missing '([a-z_]+)'", said)
    match error.error:
        case "unsupported_grant_type":
            asked = request.form.get("grant_type")
            return Refused("70003", grant=asked) if asked else Refused("900144", parameter="grant_type")
        case "authorization_pending":
            return Refused("70016")
        case "slow_down":
            return Refused("70016", error="slow_down")
        case "expired_token":
            return Refused("70019")
        case "access_denied":
            return Refused("65004", error="authorization_declined")
    # A code_verifier that is missing is told as one that does not match.
    if "code_verifier" in said or "Code challenge" in said:
        return Refused("501481")
    if "code_challenge" in said:
        return Refused("50147")
    if missing:
        return Refused("900144", parameter=missing[1])
    return Refused("70000") if error.error == "invalid_grant" else Refused("9002313")
