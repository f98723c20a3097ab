"""Microsoft Graph over HTTPS: one paced pipeline, and its refusals as errors that say what to do.

Retry, Retry-After and the keeping of the token out of logs come from azure-core. What is
added is the pace that Graph's reports allow, the smaller bites that a gateway timeout asks
for, and the rule that the token goes to the cloud's own Graph host and nowhere else.

What reads may be asked again. What changes something is sent once: it is repeated only where Graph says that it did
nothing yet and when to come back (429, or 503 with Retry-After). Where no answer tells what became of it, that is an
`UnclearError`, and whoever sent it has to look.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceResponseError
from azure.core.pipeline import Pipeline, PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    HttpLoggingPolicy,
    RequestIdPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest, HttpResponse

from mailauth.clouds import Cloud
from mailauth.errors import AccessError, SourceError, UnclearError, UnreachableError

from . import http, pipeline, refusals

__all__ = ["Graph", "Pace", "status"]

_PREMIUM: Final = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"

_LICENCE_PAUSES_S: Final = (2.0, 10.0)

# What a 403 from Graph means here, and who can change it.
_REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    _PREMIUM: (
        "Graph gives sign-in records to tenants with an Entra ID P1 or P2 licence, and says that this one has none.",
        'Ask an administrator: "Please add an Entra ID P1 licence, or send us what the portal downloads as CSV." '
        "Without either, the audit log and the SMTP AUTH report are left.",
    ),
    "Authentication_MSGraphPermissionMissing": (
        "The app may not read sign-in records.",
        'Ask an administrator: "Please grant the app AuditLog.Read.All, and consent to it for the tenant."',
    ),
    "Authentication_ApplicationHasNoDirectoryReadAccess": (
        "Graph could not check the tenant's licence with this app's permissions.",
        'Ask an administrator: "Please grant the app Directory.Read.All beside AuditLog.Read.All, and consent to it."',
    ),
    "Authentication_RequestFromUnsupportedUserRole": (
        "The signed-in person holds no role that may read sign-in records.",
        'Ask an administrator: "Please give the account the role Reports Reader." Sign in again afterwards.',
    ),
}

# What is sent with every request that asks for nothing else.
_HEADERS: Final[Mapping[str, str]] = {"Prefer": "include-unknown-enum-members", "Accept": "application/json"}

# What a 400 or 409 to a change means here, and what to do; sought in everything that the refusal is called.
_CHANGES: Final[Mapping[str, tuple[str, str]]] = {
    "CredentialTypeNotAllowedAsPerAppPolicy": (
        "The tenant's app management policy forbids this kind of credential",
        "Use a certificate or a federated credential, or have an administrator exempt this one app from it first.",
    ),
    "CredentialInvalidLifetimeAsPerAppPolicy": (
        "The tenant's app management policy allows no credential that lasts so long",
        "Choose an earlier end date; notebook 20 shows the longest that the policy allows.",
    ),
    "NoBackingApplicationObject": (
        "The app registration has not reached every replica of the directory yet",
        "Wait two minutes and run it again: what is done already is not sent again.",
    ),
    "Request_ResourceNotFound": (
        "Something that this needs is not there, or has not reached every replica of the directory yet",
        "Wait two minutes and run it again: what is done already is not sent again.",
    ),
}


class Pace:
    """At most *limit* requests in any *per_s* seconds, by waiting.

    Args:
        limit: Requests allowed in the span; Graph allows reports 5 per app and tenant.
        per_s: The span, in seconds.
        monotonic: A clock that never goes back, in seconds.
        sleep: Waits for a number of seconds.
    """

    def __init__(
        self,
        limit: int = 5,
        per_s: float = 10.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.sleep = sleep
        self._per_s = per_s
        self._monotonic = monotonic
        self._sent: deque[float] = deque(maxlen=limit)

    def wait(self) -> None:
        """Return when the next request may leave."""
        if len(self._sent) == self._sent.maxlen:
            rest = self._sent[0] + self._per_s - self._monotonic()
            if rest > 0:
                self.sleep(rest)
        self._sent.append(self._monotonic())


class Graph(pipeline.Client):
    """Microsoft Graph of one cloud, as one identity.

    Args:
        cloud: Where Graph is, and how to reach it.
        credential: What signs in; its token is sent to the cloud's Graph host only.
        pace: How fast; one for all clients of a tenant.
        needs: What is needed, as the end of a sentence, for a refusal that Graph gives no name to.
        scopes: What a person's sign-in is asked for, such as
            ``https://graph.microsoft.com/Application.ReadWrite.All``; none for what was consented to before
            (``/.default``), which is all that an app can ask for.
    """

    def __init__(
        self,
        cloud: Cloud,
        credential: TokenCredential,
        *,
        pace: Pace | None = None,
        needs: str = "reading sign-ins needs AuditLog.Read.All",
        scopes: Sequence[str] = (),
    ) -> None:
        self.base = cloud.graph.rstrip("/")
        self._ask = f'Ask an administrator: "Please look which permission our app or account lacks; {needs}."'
        self._silence = refusals.silent(cloud)
        self._pace = pace or Pace()
        self._pipeline: Pipeline[Any, Any] = Pipeline(
            http.transport(cloud, timeout_s=180),
            policies=[
                RequestIdPolicy(),
                UserAgentPolicy(base_user_agent="mailauth-runbook"),
                _Retries(self._pace.sleep),
                BearerTokenCredentialPolicy(credential, *(scopes or (f"{self.base}/.default",))),
                _Paced(self._pace),
                HttpLoggingPolicy(),
            ],
        )

    def get(
        self,
        path: str,
        parameters: Mapping[str, str | int] | None = None,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> Mapping[str, Any]:
        """Return the JSON object at *path* (``/beta/…``).

        Raises:
            AccessError: 401 or 403; `remedy` says who can change that.
            UnreachableError: Nothing answered, or only after retries gave up.
            SourceError: Graph refused the request; `code` begins with the HTTP status.
        """
        query = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
        return self._send(self._request("GET", f"{path}{query}", None, headers))

    def follow(self, link: str) -> Mapping[str, Any]:
        """Return the page at *link*, a ``@odata.nextLink``; raises as `get` does.

        Raises:
            SourceError: The link leaves this Graph; nothing was sent to it.
        """
        return self._send(HttpRequest("GET", self._followed(link), headers=dict(_HEADERS)))

    def post(
        self, path: str, body: Mapping[str, object] | None = None, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Mapping[str, Any]:
        """Return the answer to *body* sent to *path* as JSON, an empty object where there is none.

        Raises:
            AccessError: 401 or 403; `remedy` says who can change that.
            UnreachableError: It was not sent, or Graph says that it did nothing.
            UnclearError: It was sent, and no answer tells what became of it.
            SourceError: Graph refused the request; `code` begins with the HTTP status.
        """
        return self._send(self._request("POST", path, body, headers))

    def patch(
        self, path: str, body: Mapping[str, object] | None = None, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Mapping[str, Any]:
        """Change what is at *path*; returns and raises as `post` does."""
        return self._send(self._request("PATCH", path, body, headers))

    def put(
        self, path: str, body: Mapping[str, object] | None = None, *, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Mapping[str, Any]:
        """Put *body* in the place of what is at *path*; returns and raises as `post` does."""
        return self._send(self._request("PUT", path, body, headers))

    def delete(self, path: str, *, headers: Mapping[str, str] = MappingProxyType({})) -> Mapping[str, Any]:
        """Remove what is at *path*; returns and raises as `post` does."""
        return self._send(self._request("DELETE", path, None, headers))

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> HttpRequest:
        content = None if body is None else dict(body)
        return HttpRequest(method, f"{self.base}{path}", headers={**_HEADERS, **headers}, json=content)

    def _send(self, request: HttpRequest) -> Mapping[str, Any]:
        # Licensed tenants have met this refusal too, now and then: the check of the licence fails, not the licence.
        for pause_s in _LICENCE_PAUSES_S:
            try:
                return self._send_once(request)
            except AccessError as error:
                if not error.code.endswith(_PREMIUM):
                    raise
            self._pace.sleep(pause_s)
        return self._send_once(request)

    def _send_once(self, request: HttpRequest) -> Mapping[str, Any]:
        changes = request.method != "GET"
        try:
            response = self._pipeline.run(request, retry_on_methods=["GET"]).http_response
            content = _content(response)
        except ClientAuthenticationError as error:
            raise refusals.no_token(f"Graph at {self.base}", error) from error
        except (AzureError, ValueError) as error:
            if changes and not pipeline.before_sending(error):
                raise _unclear(self.base, refusals.first_line(error), "no answer") from error
            raise self._unanswered(error) from error
        if not isinstance(content, Mapping):
            raise _refusal(response, self.base, self._ask)
        return content

    def _unanswered(self, error: Exception) -> SourceError:
        place = f"Graph at {self.base}"
        if isinstance(error, ValueError):
            return SourceError(f"{place} answered something that is not JSON.", code="not JSON")
        if isinstance(error, ServiceResponseError):
            return UnreachableError(f"{place} broke off: {refusals.first_line(error)}", code="504 no answer")
        return refusals.unreachable(place, error, remedy=self._silence)


def status(error: SourceError) -> int:
    """Return the HTTP status that *error* came with, or 0."""
    first = error.code.partition(" ")[0]
    return int(first) if first.isdigit() else 0


class _Retries(pipeline.Retries):
    """The retries of all our clients, without 504 for a read: the same question would time out again."""

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        return response.http_response.status_code != 504 and super().is_retry(settings, response)


class _Paced(SansIOHTTPPolicy[Any, Any]):
    """Each attempt waits its turn: retries count against the limit too."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def on_request(self, request: PipelineRequest[Any]) -> None:
        self._pace.wait()


def _refusal(response: HttpResponse, base: str, ask: str) -> SourceError:
    name, said, details = _error_of(response)
    code = " ".join([str(response.status_code), *filter(None, (name, *details))])
    changes = response.request.method != "GET"
    if changes and response.status_code >= 500 and not pipeline.refused(response):
        return _unclear(base, said or "no reason given", code)
    match response.status_code:
        case 401:
            return AccessError(
                f"Graph at {base} did not accept the token.",
                remedy="Sign in again; if that does not help, check that the account or app belongs to this tenant.",
                code=code,
            )
        case 403:
            known = ("Graph refused the request: " + (said or name or "no reason given"), ask)
            message, remedy = _REFUSALS.get(name, known)
            return AccessError(message, remedy=remedy, code=code)
        case 429 | 500 | 502 | 503:
            return UnreachableError(
                f"Graph at {base} kept answering {code}; every retry that it allows was made.", code=code
            )
    meant, remedy = next((_CHANGES[name] for name in _CHANGES if changes and name in code), ("", ""))
    answered = f"Graph answered {code}: {said or 'no reason given'}"
    return SourceError(f"{meant}. {answered}" if meant else answered, remedy=remedy, code=code)


def _error_of(response: HttpResponse) -> tuple[str, str, Sequence[str]]:
    error = refusals.body(response)
    details = error.get("details")
    codes = [str(each.get("code") or "")[:100] for each in details or () if isinstance(each, Mapping)]
    return str(error.get("code") or "")[:100], " ".join(str(error.get("message") or "").split())[:300], codes


def _content(response: HttpResponse) -> Any:
    """Return the JSON of a success, an empty object where it is empty; None for a refusal."""
    if response.status_code >= 300:
        return None
    return response.json() if response.content else {}


def _unclear(base: str, said: str, code: str) -> UnclearError:
    return UnclearError(
        f"Graph at {base} was sent a change and did not say what became of it: {said}",
        remedy="Run it again: it looks first, and sends only what is missing.",
        code=code,
    )
