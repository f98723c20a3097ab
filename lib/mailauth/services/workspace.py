"""A Log Analytics workspace as an engine: the service does the work, only summaries travel.

azure-monitor-query sends the text and honours Retry-After. What is added is the schema that
comes first, a partial answer that stays partial, and refusals in words. Its batch operation
is never used: it is being withdrawn, and does not retry what was throttled inside a batch.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import RetryPolicy
from azure.monitor.query import LogsQueryClient, LogsQueryPartialResult, LogsTable

from mailauth import kql
from mailauth.clouds import Cloud
from mailauth.coverage import Window
from mailauth.engines import Reply, Row
from mailauth.errors import AccessError, MailauthError, QueryError, SourceError, UnreachableError

from . import http, refusals, remote

__all__ = ["Workspace"]

# The service's own limit, and the longest that it accepts.
_SERVER_TIMEOUT_S: Final = 600

# Record time trails event time; the text says so itself, and the service may skip what lies outside.
_EARLY: Final = timedelta(hours=1)

# What the service says when a query was too much for it; less of the window may be fine.
_TOO_MUCH: Final = (
    "E_QUERY_RESULT_SET_TOO_LARGE",
    "E_LOW_MEMORY_CONDITION",
    "E_RUNAWAY_QUERY",
    "E_QUERY_TIMEOUT",
    "ResponsePayloadTooLarge",
    "GatewayTimeout",
    "QueryTimeout",
)

_READER: Final = (
    'Ask the owner of the subscription: "Please give the account or app the role Log Analytics Reader on the '
    'workspace." It counts after a few minutes.'
)


class Workspace(remote.Remote):
    """One workspace, read as one identity.

    Args:
        cloud: Where the query API is, and how to reach it.
        credential: What signs in; its token goes to the query API only.
        workspace_id: The GUID that the portal calls the workspace ID.
        patience_s: How long throttling is waited out, for one query.
        server_timeout_s: How long the service may work on one query; it allows 600.
    """

    name = "workspace"

    def __init__(
        self,
        cloud: Cloud,
        credential: TokenCredential,
        workspace_id: str,
        *,
        patience_s: float = 300,
        server_timeout_s: int = _SERVER_TIMEOUT_S,
    ) -> None:
        self.workspace_id = workspace_id
        self.endpoint = cloud.logs.rstrip("/")
        self._silence = refusals.silent(cloud)
        self._server_timeout_s = server_timeout_s
        self._patience_s = patience_s
        self._client = LogsQueryClient(
            credential,
            endpoint=self.endpoint,
            transport=http.transport(cloud, timeout_s=server_timeout_s + 30),
            retry_policy=_Retries(patience_s),
        )

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()

    def run(self, text: str, window: Window | None = None) -> Reply:
        """Answer *text*; see `engines.Engine`.

        Raises:
            QueryError: The service refuses the text.
            AccessError: The workspace refuses us.
            UnreachableError: Nothing answered, or it kept throttling for longer than the patience.
            SourceError: There is no such workspace.
        """
        span = (window.start - _EARLY, window.end + kql.LATE) if window else None
        try:
            answer = self._client.query_workspace(
                self.workspace_id, text, timespan=span, server_timeout=self._server_timeout_s
            )
        except AzureError as error:
            if reason := _too_much(error):
                return Reply([], reason)
            raise self._refusal(error) from error
        except ValueError as error:
            raise UnreachableError(
                f"{self.endpoint} answered something that is not JSON.", remedy=refusals.CHECK, code="not JSON"
            ) from error
        if isinstance(answer, LogsQueryPartialResult):
            return Reply(_rows(answer.partial_data), f"The workspace gave a part only: {_said(answer.partial_error)}.")
        return Reply(_rows(answer.tables))

    def _refusal(self, error: AzureError) -> MailauthError:
        here = f"Workspace {self.workspace_id} at {self.endpoint}"
        if isinstance(error, HttpResponseError) and error.response is not None:
            return _refused(here, error, self._patience_s)
        if isinstance(error, ClientAuthenticationError):
            return refusals.no_token(self.endpoint, error)
        if isinstance(error, ServiceRequestError | ServiceResponseError):
            return refusals.unreachable(here, error, remedy=self._silence)
        return SourceError(f"{here}: {refusals.first_line(error)}")


class _Retries(RetryPolicy[Any, Any]):
    """azure-core's retries, as long as the patience lasts.

    A query changes nothing, so it may be sent again although it is a POST, with or without a Retry-After.
    Not after 504: the same question would time out again, a smaller one may not.
    """

    def __init__(self, patience_s: float) -> None:
        super().__init__(retry_total=1000, retry_connect=2, retry_read=1, retry_status=1000, retry_backoff_max=30)
        self._patience_s = patience_s

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        if response.http_response.status_code not in (408, 429, 500, 502, 503):
            return False
        pause_s = self.get_retry_after(response) or self.get_backoff_time(settings)
        settings["paused_s"] = settings.get("paused_s", 0.0) + pause_s
        return bool(settings["paused_s"] <= self._patience_s)


def _refused(here: str, error: HttpResponseError, patience_s: float) -> MailauthError:
    status, codes, said = error.status_code or 0, _codes(error), _innermost(refusals.body(error.response))
    code = " ".join(filter(None, (str(status), *codes)))
    match status:
        case 400:
            return QueryError(f"{here} does not accept the query: {said}", code=code)
        case 401:
            return AccessError(f"{here} does not accept the token.", remedy="Sign in again.", code=code)
        case 403:
            return AccessError(f"{here} may not be read by this identity.", remedy=_READER, code=code)
        case 404:
            remedy = "Compare it with the workspace ID on the workspace's overview page; each cloud has its own."
            return SourceError(f"{here} does not exist in this cloud.", remedy=remedy, code=code)
        case 429:
            told = f"{here} has been throttling for longer than {patience_s:g} seconds."
            remedy = "Run again later; a user or address gets 200 requests in 30 seconds."
            return UnreachableError(told, remedy=remedy, code=code)
    return UnreachableError(f"{here} answered {code}: {said}", remedy="Run again later.", code=code)


def _too_much(error: AzureError) -> str:
    """Return why a query that was too much for the service was, or nothing when something else is wrong."""
    if not isinstance(error, HttpResponseError) or error.response is None:
        return ""
    if error.status_code == 504:
        return "The workspace did not answer within its time limit."
    text = str(refusals.body(error.response))
    found = next((name for name in _TOO_MUCH if name in text), "")
    return f"The workspace gave up on the query ({found})." if found else ""


def _rows(tables: Iterable[LogsTable]) -> list[Row]:
    """Return the rows of the first table: the answer; what may follow are statistics."""
    table = next(iter(tables), None)
    if table is None:
        return []
    kinds = list(zip(table.columns, table.columns_types, strict=True))
    return [
        {name: remote.plain(kind, value) for (name, kind), value in zip(kinds, row, strict=True)} for row in table.rows
    ]


def _codes(error: HttpResponseError) -> list[str]:
    """Return the codes from the outside in: ``BadArgumentError``, ``SemanticError``, ``SEM0100``."""
    codes, level = [], refusals.body(error.response)
    while level:
        codes.append(str(level.get("code") or "")[:80])
        inner = level.get("innererror")
        level = inner if isinstance(inner, Mapping) else {}
    return [code for code in codes if code]


def _innermost(level: Mapping[str, Any]) -> str:
    while isinstance(inner := level.get("innererror"), Mapping):
        level = inner
    return " ".join(str(level.get("message") or "no reason given").split())[:300]


def _said(error: Any) -> str:
    """Return the reason inside a partial answer, which comes as one error with more of them inside."""
    details = getattr(error, "details", None) or ()
    said = [_innermost(detail) for detail in details if isinstance(detail, Mapping)]
    text = said[0] if said else str(getattr(error, "message", "") or error)
    return " ".join(text.split())[:300].rstrip(".")
