"""The practice cloud's Microsoft Graph: ``/graph/v1.0/…`` and ``/graph/beta/…`` over the tenants' states.

What is left out is refused, never answered with something made up: a property or a segment that
this Graph does not know is told so in Graph's words.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from flask import Flask, Request, Response, request

from practice import web
from practice.backend import Backend

from . import errors
from .callers import read as read_caller
from .calls import Answer
from .routes import Question, Routes

__all__ = ["application"]

_METHODS: Final = ["GET", "POST", "PATCH", "PUT", "DELETE"]
_CONTENT: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_CLIENT_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
_CODES: Final[Mapping[int, str]] = {
    400: "BadRequest",
    404: "ResourceNotFound",
    405: "Request_BadRequest",
    413: "RequestEntityTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


def application(backend: Backend) -> Flask:
    """Return the face as a WSGI application."""

    def refuse(status: int, said: str, headers: Mapping[str, str]) -> Response:
        return _told(backend, errors.Refusal(status, _CODES.get(status, "UnknownError"), said, headers=headers))

    app = web.application("graph", backend, refuse=refuse, tenant_of=lambda asked: _tenant_of(backend, asked))
    routes = Routes(backend)

    @app.route("/<path:path>", methods=_METHODS)
    def answer(path: str) -> Response:
        try:
            return _answered(routes.answer(_question(path)))
        except errors.Refusal as refusal:
            return _told(backend, refusal)

    return app


def _tenant_of(backend: Backend, asked: Request) -> str:
    """Return the tenant that a request's token speaks to: the address says nothing of it."""
    try:
        return read_caller(backend, web.bearer(asked)).tenant_id
    except errors.Refusal:
        return ""


def _question(path: str) -> Question:
    for name, values in request.args.lists():
        if len(values) > 1:
            raise errors.bad(
                f"Query option '{name[:100]}' was specified more than once, but it must be specified at most once.",
                "BadRequest",
            )
    return Question(
        method=request.method,
        path=path,
        options=request.args.to_dict(),
        headers={name.lower(): value for name, value in request.headers.items()},
        token=web.bearer(request),
        body=lambda: web.body(request),
    )


def _answered(answer: Answer) -> Response:
    headers = {**_ids(), **answer.headers}
    if answer.body is None:
        return Response(status=204, headers=headers)
    if isinstance(answer.body, str):
        return Response(answer.body, answer.status, {"Content-Type": "text/plain", **headers})
    return web.as_json(answer.body, answer.status, {"Content-Type": _CONTENT, "OData-Version": "4.0", **headers})


def _told(backend: Backend, refusal: errors.Refusal) -> Response:
    ids = _ids()
    body: dict[str, Any] = errors.body(refusal, backend.now(), ids["request-id"], ids["client-request-id"])
    return web.as_json(body, refusal.status, {**ids, **refusal.headers})


def _ids() -> dict[str, str]:
    made = str(uuid4())
    given = request.headers.get("client-request-id", "")
    return {"request-id": made, "client-request-id": given if _CLIENT_ID.fullmatch(given) else made}
