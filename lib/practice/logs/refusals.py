"""How the query API says no.

The frame of 400 (syntax, with its codes) stands so in public transcripts. The texts of 401, 403, 404 and of an answer
that is cut short follow what client libraries expect; they and those marked "unverified" were not seen on a live
workspace.
"""

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from flask import Response

from practice import web

__all__ = ["Refusal", "bad_argument", "bare", "partial", "semantic", "syntax"]

_PARSED_AT: Final = "Query could not be parsed at '{}' on line [{},{}]"

_WORDS: Final[Mapping[int, tuple[str, str]]] = {
    401: ("AuthorizationRequiredError", "Valid authentication was not provided"),
    403: (
        "InsufficientAccessError",
        "The provided credentials have insufficient access to perform the requested operation",
    ),
    404: ("PathNotFoundError", "The requested path does not exist"),
    429: ("ThrottledError", "Rate limit is exceeded"),  # the text is unverified
    504: ("GatewayTimeout", "Gateway timeout"),
}


class Refusal(Exception):
    """A request that is not answered with rows.

    Args:
        status: The HTTP status.
        code: The outermost error code.
        message: Its text.
        inner: The ``innererror``, if there is one.
        headers: To send along.
    """

    def __init__(
        self,
        status: int,
        code: str = "",
        message: str = "",
        *,
        inner: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        known = _WORDS.get(status, ("UnspecifiedError", "The request could not be processed"))
        super().__init__(code or known[0])
        self.status = status
        self.code = code or known[0]
        self.message = message or known[1]
        self.inner = inner
        self.headers = headers or {}

    def response(self) -> Response:
        """Return it as the service sends it."""
        error: dict[str, Any] = {"message": self.message, "code": self.code, "correlationId": str(uuid4())}
        if self.inner is not None:
            error["innererror"] = dict(self.inner)
        return web.as_json({"error": error}, self.status, self.headers)


def bare(status: int, said: str, headers: Mapping[str, str]) -> Response:
    """Return the refusal of something that no query came of: a fault, a wrong path, a request that is too large."""
    if status in _WORDS:
        return Refusal(status, headers=headers).response()
    if 400 <= status < 500:
        return Refusal(status, "BadArgumentError", said, headers=headers).response()
    code = "ServiceUnavailable" if status == 503 else "UnspecifiedError"
    return Refusal(status, code, said, headers=headers).response()


def bad_argument(inner: Mapping[str, Any]) -> Refusal:
    """Return the refusal of a request whose parts are wrong; *inner* says which."""
    return Refusal(400, "BadArgumentError", "The request had some invalid properties", inner=inner)


def syntax(line: int, position: int, token: str) -> Refusal:
    """Return the refusal of a text that is no query from *token* on; lines count from 1, positions from 0."""
    told = {
        "code": "SYN0002",
        "message": _PARSED_AT.format(token, line, position),
        "line": line,
        "pos": position,
        "token": token,
    }
    message = "A recognition error occurred in the query."
    return bad_argument({"code": "SyntaxError", "message": message, "innererror": told})


def semantic(message: str, code: str = "SEM0100") -> Refusal:
    """Return the refusal of a query that names what is not there, or asks for what cannot be."""
    told = {"code": code, "message": message}
    return bad_argument({"code": "SemanticError", "message": "A semantic error occurred.", "innererror": told})


def partial(message: str) -> dict[str, Any]:
    """Return the error that stands beside the rows of an answer that is cut short."""
    inner = {"code": "-2133196797", "message": message, "severity": 2, "severityName": "Error"}
    detail = {
        "code": "EngineError",
        "message": "Something went wrong processing your query on the server.",
        "innererror": inner,
    }
    return {
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [detail],
    }
