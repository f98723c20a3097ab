"""Microsoft Graph over HTTPS: one paced pipeline, and its refusals as errors that say what to do.

Retry, Retry-After and the keeping of the token out of logs come from azure-core. What is
added is the pace that Graph's reports allow, the smaller bites that a gateway timeout asks
for, and the rule that the token goes to the cloud's own Graph host and nowhere else.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, unquote, urlencode, urlsplit

from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline import Pipeline, PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import (
    BearerTokenCredentialPolicy,
    HeadersPolicy,
    HttpLoggingPolicy,
    RequestIdPolicy,
    RetryPolicy,
    SansIOHTTPPolicy,
    UserAgentPolicy,
)
from azure.core.rest import HttpRequest, HttpResponse

from mailauth.clouds import Cloud
from mailauth.errors import AccessError, SourceError, UnreachableError

from . import http, refusals

__all__ = ["Graph", "Pace", "status"]

_PREMIUM: Final = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"

_LICENCE_PAUSES_S: Final = (2.0, 10.0)

# What a 403 from Graph means here, and who can change it.
_REFUSALS: Final[Mapping[str, tuple[str, str]]] = {
    _PREMIUM: (
        "Graph gives sign-in records to tenants with an Entra ID P1 or P2 licence, and says that this one has none.",
        "Add a P1 licence, or read the portal's CSV download, the audit log or the SMTP AUTH report instead.",
    ),
    "Authentication_MSGraphPermissionMissing": (
        "The app may not read sign-in records.",
        "An administrator grants it AuditLog.Read.All and consents for the tenant.",
    ),
    "Authentication_ApplicationHasNoDirectoryReadAccess": (
        "Graph could not check the tenant's licence with this app's permissions.",
        "An administrator grants the app Directory.Read.All beside AuditLog.Read.All.",
    ),
    "Authentication_RequestFromUnsupportedUserRole": (
        "The signed-in person holds no role that may read sign-in records.",
        "An administrator gives the account the role Reports Reader; sign in again afterwards.",
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


class Graph:
    """Microsoft Graph of one cloud, as one identity.

    Args:
        cloud: Where Graph is, and how to reach it.
        credential: What signs in; its token is sent to the cloud's Graph host only.
        pace: How fast; one for all clients of a tenant.
        needs: What reading needs, as the end of a sentence, for a refusal that Graph gives no name to.
    """

    def __init__(
        self,
        cloud: Cloud,
        credential: TokenCredential,
        *,
        pace: Pace | None = None,
        needs: str = "reading sign-ins needs AuditLog.Read.All",
    ) -> None:
        self.base = cloud.graph.rstrip("/")
        self._ask = f"Ask an administrator which permission this app or account lacks; {needs}."
        self._silence = refusals.silent(cloud)
        self._pace = pace or Pace()
        self._pipeline: Pipeline[Any, Any] = Pipeline(
            http.transport(cloud, timeout_s=180),
            policies=[
                RequestIdPolicy(),
                HeadersPolicy({"Prefer": "include-unknown-enum-members", "Accept": "application/json"}),
                UserAgentPolicy(base_user_agent="mailauth-runbook"),
                _Retries(self._pace.sleep),
                BearerTokenCredentialPolicy(credential, f"{self.base}/.default"),
                _Paced(self._pace),
                HttpLoggingPolicy(),
            ],
        )

    def __enter__(self) -> Self:
        self._pipeline.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipeline.__exit__(kind, value, trace)

    def get(self, path: str, parameters: Mapping[str, str | int] | None = None) -> Mapping[str, Any]:
        """Return the JSON object at *path* (``/beta/…``).

        Raises:
            AccessError: 401 or 403; `remedy` says who can change that.
            UnreachableError: Nothing answered, or only after retries gave up.
            SourceError: Graph refused the request; `code` begins with the HTTP status.
        """
        query = f"?{urlencode(parameters, quote_via=quote)}" if parameters else ""
        return self._send(HttpRequest("GET", f"{self.base}{path}{query}"))

    def follow(self, link: str) -> Mapping[str, Any]:
        """Return the page at *link*, a ``@odata.nextLink``; raises as `get` does.

        Raises:
            SourceError: The link leaves this Graph; nothing was sent to it.
        """
        # The link comes from a response body. Followed blindly it would carry the token to any host it names.
        if not _same_place(link, self.base):
            raise SourceError(
                f"@odata.nextLink: found a link to {_origin(link)}, not followed; expected one below {self.base}.",
                code="foreign nextLink",
            )
        return self._send(HttpRequest("GET", link))

    def post(self, path: str, body: Mapping[str, object]) -> Mapping[str, Any]:
        """Return the answer to *body* sent to *path* as JSON; raises as `get` does."""
        return self._send(HttpRequest("POST", f"{self.base}{path}", json=dict(body)))

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
        try:
            response = self._pipeline.run(request).http_response
            content = response.json() if response.status_code < 300 else None
        except ClientAuthenticationError as error:
            raise refusals.no_token(f"Graph at {self.base}", error) from error
        except ServiceResponseError as error:
            raise UnreachableError(
                f"Graph at {self.base} broke off: {refusals.first_line(error)}", code="504 no answer"
            ) from error
        except (ServiceRequestError, AzureError) as error:
            raise refusals.unreachable(f"Graph at {self.base}", error, remedy=self._silence) from error
        except ValueError as error:
            raise SourceError(f"Graph at {self.base} answered something that is not JSON.", code="not JSON") from error
        if not isinstance(content, Mapping):
            raise _refusal(response, self.base, self._ask)
        return content


def status(error: SourceError) -> int:
    """Return the HTTP status that *error* came with, or 0."""
    first = error.code.partition(" ")[0]
    return int(first) if first.isdigit() else 0


class _Retries(RetryPolicy[Any, Any]):
    """azure-core's retries, with a sleep from outside and without 504: the same question would time out again."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        super().__init__(retry_total=8, retry_status=6, retry_connect=3, retry_read=1, retry_backoff_max=60)
        self._sleep = sleep

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        return response.http_response.status_code != 504 and bool(super().is_retry(settings, response))

    def sleep(self, settings: dict[str, Any], transport: Any, response: Any = None) -> None:
        told = self.get_retry_after(response) if response else None
        self._sleep(told or self.get_backoff_time(settings))


class _Paced(SansIOHTTPPolicy[Any, Any]):
    """Each attempt waits its turn: retries count against the limit too."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace

    def on_request(self, request: PipelineRequest[Any]) -> None:
        self._pace.wait()


def _same_place(link: str, base: str) -> bool:
    # Compared as text: two parsers that disagree about a host cannot be played against each other.
    start, rest = link[: len(base)], link[len(base) :]
    path = unquote(rest.partition("?")[0])
    return base.startswith("https://") and start.lower() == base.lower() and path.startswith("/") and ".." not in path


def _origin(link: str) -> str:
    try:
        found = urlsplit(link)
    except ValueError:
        return "something that is no address"
    return f"{found.scheme}://{found.hostname or ''}"[:200]


def _refusal(response: HttpResponse, base: str, ask: str) -> SourceError:
    name, said = _error_of(response)
    code = f"{response.status_code} {name}".rstrip()
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
    return SourceError(f"Graph answered {code}: {said or 'no reason given'}", code=code)


def _error_of(response: HttpResponse) -> tuple[str, str]:
    error = refusals.body(response)
    return str(error.get("code") or "")[:100], " ".join(str(error.get("message") or "").split())[:300]
