"""The practice cloud's log query API: ``/v1/workspaces/{id}/query``, and what is there to be asked."""

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from flask import Flask, Request, Response, request

from practice import web
from practice.backend import Backend
from practice.state import Tenant
from practice.statements import Span

from . import access, kql, refusals, timespans
from .answers import Answer
from .refusals import Refusal
from .throttle import Throttle

__all__ = ["application"]

_PATH: Final = re.compile(r"/v1/workspaces/([^/]+)/")
_PREFERENCE: Final = re.compile(r"([\w-]+)\s*=\s*([^,;\s]+)")
_RENDER: Final = re.compile(r"\|\s*render\s+(\w+)[^|]*$")


def application(backend: Backend) -> Flask:
    """Return the face as a WSGI application."""

    def tenant_of(asked: Request) -> str:
        found = _PATH.match(asked.path)
        tenant = backend.states.of_workspace(found[1]) if found else None
        return tenant.name if tenant else ""

    app = web.application("logs", backend, refuse=refusals.bare, tenant_of=tenant_of)
    throttle = Throttle(lambda: backend.logs, backend.now)
    backend.on_forget(throttle.forget)
    app.register_error_handler(Refusal, lambda refusal: refusal.response())

    def asking(workspace_id: str) -> tuple[Tenant, str]:
        who = access.caller(backend, request)
        throttle.count("/".join(who))
        return access.workspace(backend, workspace_id, who), "/".join(who)

    @app.route("/v1/workspaces/<workspace_id>/query", methods=["GET", "POST"])
    def query(workspace_id: str) -> Response:
        tenant, who = asking(workspace_id)
        asked = request.args if request.method == "GET" else _body(request)
        if asked is None:
            # So the service answers a POST without a body, or without a type that says JSON.
            return Response(status=200)
        if not tenant.logs.tables:
            return Response(status=204)
        text, span = _question(asked, backend)
        _others(backend, asked, access.caller(backend, request))
        wishes = _preferences(request)
        began = time.monotonic()
        with throttle.turn(who):
            found = kql.answer(backend, tenant, text, span, timeout_s=_timeout(wishes, backend))
        more = _more(wishes, text, found, time.monotonic() - began)
        return Response(list(_written(found, more)), 200, {"Content-Type": "application/json; charset=utf-8"})

    @app.route("/v1/workspaces/<workspace_id>/metadata", methods=["GET", "POST"])
    def metadata(workspace_id: str) -> Response:
        tenant, _ = asking(workspace_id)
        return web.as_json(_metadata(tenant))

    return app


def _body(asked: Request) -> Mapping[str, Any] | None:
    if not asked.is_json or not asked.get_data().strip():
        return None
    body = web.body(asked)
    if body is None:
        raise refusals.bad_argument({"code": "BadArgumentError", "message": "The request body is no JSON object"})
    return body


def _question(asked: Mapping[str, Any], backend: Backend) -> tuple[str, Span]:
    """Return the query and the timespan that a request holds.

    Raises:
        Refusal: There is none, or it is of the wrong kind.
    """
    text, span = asked.get("query"), asked.get("timespan")
    if not isinstance(text, str):
        raise refusals.bad_argument({"code": "QueryValidationError", "message": "The query is missing or is no text"})
    if span is None or span == "":
        return text, (None, None)
    try:
        if not isinstance(span, str):
            raise ValueError("the timespan is no text")
        return text, timespans.read(span, backend.now())
    except ValueError as error:
        raise refusals.bad_argument({"code": "InvalidTimespan", "message": str(error)}) from None


def _others(backend: Backend, asked: Mapping[str, Any], who: tuple[str, str]) -> None:
    """Look at the further workspaces of a request: a tenant here has one alone, so none adds rows.

    Raises:
        Refusal: One does not exist, or is not the caller's to read.
    """
    others = asked.get("workspaces") or []
    if not isinstance(others, list) or not all(isinstance(one, str) for one in others):
        raise refusals.bad_argument({"code": "BadArgumentError", "message": "workspaces: expected a list of texts"})
    for one in others:
        access.workspace(backend, one, who)


def _preferences(asked: Request) -> Mapping[str, str]:
    said = ",".join(asked.headers.getlist("Prefer"))
    return {name.lower(): value.lower() for name, value in _PREFERENCE.findall(said)}


def _timeout(wishes: Mapping[str, str], backend: Backend) -> float:
    wait = wishes.get("wait", "")
    wanted = float(wait) if wait.isdecimal() and len(wait) < 9 else backend.logs.timeout_s
    return min(wanted, backend.logs.longest_s)


def _more(wishes: Mapping[str, str], text: str, found: Answer, took_s: float) -> Mapping[str, Any]:
    more: dict[str, Any] = {}
    if wishes.get("include-statistics") == "true":
        size = [{"tableRowCount": found.rows, "tableSize": found.size}]
        more["statistics"] = {"query": {"executionTime": took_s, "datasetStatistics": size}}
    if wishes.get("include-render") == "true":
        drawn = _RENDER.search(text)
        more["render"] = {"visualization": drawn[1] if drawn else None}
    if found.cut:
        more["error"] = refusals.partial(found.cut)
    return more


def _written(found: Answer, more: Mapping[str, Any]) -> Iterator[bytes]:
    yield b'{"tables":['
    yield from found.table()
    yield b"]"
    for name, value in more.items():
        yield b',"' + name.encode() + b'":' + web.as_json(value).get_data()
    yield b"}"


def _metadata(tenant: Tenant) -> Mapping[str, Any]:
    tables = [
        {
            "id": f"t/{table}",
            "name": table,
            "timespanColumn": "TimeGenerated",
            "columns": [{"name": name, "type": kind} for name, kind in held.items()],
        }
        for table, held in kql.schema(tenant).items()
    ]
    here = {"id": tenant.logs.workspace_id, "name": tenant.name, "tables": [table["id"] for table in tables]}
    return {"tables": tables, "workspaces": [here]}
