"""What clients of Microsoft's services share: which requests are sent again, and which links are followed."""

import ssl
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from azure.core.pipeline import Pipeline, PipelineResponse
from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpResponse
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from mailauth.errors import SourceError

__all__ = ["Client", "Retries", "before_sending", "refused"]

_BEGINNINGS: Final = (NewConnectionError, ConnectTimeoutError, ssl.SSLCertVerificationError)


class Client:
    """A client of one service, closed by leaving its block."""

    base: str
    """Below which the service answers; the token is sent nowhere else."""
    _pipeline: Pipeline[Any, Any]

    def __enter__(self) -> Self:
        self._pipeline.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipeline.__exit__(kind, value, trace)

    def _followed(self, link: str) -> str:
        """Return *link*, an ``@odata.nextLink``, where it is below `base`.

        Raises:
            SourceError: It is not; nothing was sent to it.
        """
        # The link comes from a response body. Followed blindly it would carry the token to any host it names.
        if not _same_place(link, self.base):
            raise SourceError(
                f"@odata.nextLink: found a link to {_origin(link)}, not followed; expected one below {self.base}.",
                code="foreign nextLink",
            )
        return link


class Retries(RetryPolicy[Any, Any]):
    """azure-core's retries, with a sleep from outside.

    A request is sent again after a lost connection, and after a server's error, only where its method is among
    ``retry_on_methods`` of the call: those that read. Any other waits and goes on only where nothing was done.

    Args:
        sleep: Waits for a number of seconds.
    """

    def __init__(self, sleep: Callable[[float], None]) -> None:
        super().__init__(retry_total=8, retry_status=6, retry_connect=3, retry_read=1, retry_backoff_max=60)
        self._sleep = sleep

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """Whether the answer is one after which the request is sent again."""
        answer = response.http_response
        if answer.request.method not in settings["methods"]:
            # azure-core sends a POST again after 500, 503 and 504, when it may be done already.
            return bool(settings["total"]) and refused(answer)
        return bool(super().is_retry(settings, response))

    def sleep(self, settings: dict[str, Any], transport: Any, response: Any = None) -> None:
        """Wait as long as the answer says, or else a little longer each time."""
        told = self.get_retry_after(response) if response else None
        self._sleep(told or self.get_backoff_time(settings))


def refused(response: HttpResponse) -> bool:
    """Whether an answer says that nothing was done and that it may be asked again."""
    return response.status_code == 429 or (response.status_code == 503 and "Retry-After" in response.headers)


def _same_place(link: str, base: str) -> bool:
    """Whether *link* is below *base*; the token may be sent nowhere else."""
    # Compared as text: two parsers that disagree about a host cannot be played against each other.
    start, rest = link[: len(base)], link[len(base) :]
    path = unquote(rest.partition("?")[0])
    return base.startswith("https://") and start.lower() == base.lower() and path.startswith("/") and ".." not in path


def _origin(link: str) -> str:
    """Return the scheme and the host of *link*, for a person to read."""
    try:
        found = urlsplit(link)
    except ValueError:
        return "something that is no address"
    return f"{found.scheme}://{found.hostname or ''}"[:200]


def before_sending(error: BaseException) -> bool:
    """Whether *error* says that there was no connection to send anything over.

    What reads like one may have come later: a connection that breaks under TLS while the answer is awaited is told
    like one that never came to be. So only what can have come at the beginning counts.
    """
    return any(isinstance(each, _BEGINNINGS) for each in _behind(error))


def _behind(error: BaseException) -> Iterator[BaseException]:
    """Return *error* and what it was made from, as azure-core, requests and urllib3 wrap one another."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            wrapped = (getattr(each, name, None) for name in ("inner_exception", "reason"))
            related = (each.__cause__, each.__context__, *wrapped, *each.args)
            waiting += [found for found in related if isinstance(found, BaseException)]
