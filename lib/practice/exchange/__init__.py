"""The Exchange administration over HTTP: ``POST /adminapi/beta/{tenant}/InvokeCommand``, which the official
PowerShell module runs on and Microsoft does not document.

A cmdlet's name and parameters come in, rows and warnings go out, page by page. Changes are seen at once here,
and by the mail servers when the cloud's lag is over.
"""

import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from flask import Flask, Request, Response, request

from practice import web
from practice.backend import Backend
from practice.state import Tenant
from practice.tokens import TokenError

from . import access, errors, pages, registry, traces
from .cmdlets import Cmdlet, Row, Run
from .pages import Call

__all__ = ["application"]

_ROUTE: Final = "/adminapi/beta/<tenant>/InvokeCommand"
_FLAWS: Final = {
    "malformed": "The token is malformed.",
    "signature": "The token's signature is invalid.",
    "expired": "The token has expired.",
    "early": "The token is not valid yet.",
}


def application(backend: Backend) -> Flask:
    """Return the face as a WSGI application."""
    face = _Face(backend)
    app = web.application("exchange", backend, refuse=_refuse, tenant_of=_tenant_named, operation_of=face.operation)
    app.add_url_rule(_ROUTE, view_func=face.answer, methods=["GET", "POST"])
    return app


class _WhatIf(Exception):
    """Ends a change that was only to be tried: the state goes back to what it was."""


class _Face:
    """Answers requests.

    Args:
        backend: The cloud behind it.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._pages = pages.Pages()
        self._allowance = traces.Allowance()
        backend.on_forget(self._pages.forget)
        backend.on_forget(self._allowance.forget)

    def answer(self, tenant: str) -> Response:
        """Return the answer to the request that Flask has at hand."""
        try:
            claims = self._backend.keys.read(web.bearer(request), self._backend.now())
            call = self._call()
            if isinstance(call, Response):
                return call
            with self._backend.states.reading(tenant) as held:
                caller = access.caller(claims, held, self._backend.now())
                tenant_id = held.tenant_id
            return self._run(call, caller, tenant_id)
        except TokenError as error:
            return self._unauthorized(_FLAWS[error.flaw], "")
        except access.AccessError as error:
            if error.status == 401:
                return self._unauthorized(str(error), error.diagnostics)
            return _refuse(error.status, str(error), {})
        except LookupError:
            # Unverified: what the service says of a tenant that it does not have.
            return _refuse(404, "The tenant that the request names was not found.", {})
        except errors.CmdletError as error:
            return web.as_json(error.content(), error.status)

    def operation(self, asked: Request) -> str:
        """Return the cmdlet's name, which faults go by; where there is none, the method and the path."""
        call = self._pages.find(asked.args.get("$skiptoken", "")) or _read(asked)
        return call.cmdlet if call else f"{asked.method} {asked.path}"

    def _call(self) -> Call | Response:
        """Return what the request asks for, or the refusal of a request that asks for nothing."""
        if request.headers.get("X-ResponseFormat", "json").lower() != "json":
            return _refuse(400, "The response format isn't supported; expected json.", {})
        mark = request.args.get("$skiptoken")
        if mark is not None:
            return self._pages.find(mark) or _refuse(400, "The skip token is invalid or has expired.", {})
        if request.method == "GET":
            return _refuse(405, "The requested resource does not support http method 'GET'.", {"Allow": "POST"})
        return _read(request) or _refuse(400, "The request body isn't a valid CmdletInput.", {})

    def _run(self, call: Call, caller: access.Caller, tenant_id: str) -> Response:
        holder = (tenant_id, caller.key)
        if call.offset and call.holder != holder:
            return _refuse(400, "The skip token is invalid or has expired.", {})
        cmdlet = registry.find(call.cmdlet)
        if cmdlet is None or not caller.may(cmdlet):
            raise errors.not_recognized(call.cmdlet)
        wait_s = self._wait_s(cmdlet, tenant_id) if not call.offset else 0
        if wait_s:
            # That it is refused is documented, how is not: unverified.
            return _refuse(429, "The request was throttled.", {"Retry-After": str(wait_s)})
        rows, warnings = self._rows(cmdlet, call, tenant_id)
        return self._page(call, holder, rows, [] if call.offset else warnings)

    def _wait_s(self, cmdlet: Cmdlet, tenant_id: str) -> int:
        if cmdlet.name != traces.NAME:
            return 0
        return self._allowance.wait_s(tenant_id, self._backend.now())

    def _rows(self, cmdlet: Cmdlet, call: Call, tenant_id: str) -> tuple[list[Row], list[str]]:
        """Run the cmdlet; return its rows and its warnings."""
        given = registry.bound(cmdlet, call.parameters)
        if not cmdlet.changes:
            with self._backend.states.reading(tenant_id) as tenant:
                run = self._running(tenant)
                return list(cmdlet.run(run, given)), run.warnings
        try:
            with self._backend.states.changing(tenant_id) as tenant:
                run = self._running(tenant)
                if cmdlet.customizes and tenant.exchange.dehydrated:
                    raise errors.dehydrated()
                with tenant.change_exchange(run.now, self._backend.faults.exchange_lag):
                    rows = list(cmdlet.run(run, given))
                if given.flag("WhatIf"):
                    raise _WhatIf
                return rows, run.warnings
        except _WhatIf:
            return [], []

    def _running(self, tenant: Tenant) -> Run:
        faults = self._backend.faults
        return Run(
            tenant, self._backend.now(), faults.directory_lag, policy_lag=faults.policy_lag, holders=registry.holders
        )

    def _page(self, call: Call, holder: tuple[str, str], rows: list[Row], warnings: list[str]) -> Response:
        end = call.offset + pages.size_wanted(request.headers.get("Prefer", ""))
        address = f"{self._backend.base_url}/exchange/adminapi/beta/{holder[0]}"
        content: dict[str, Any] = {
            "@odata.context": f"{address}/$metadata#Collection(Exchange.GenericHashTable)",  # unverified
            "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": warnings,
        }
        if end < len(rows):
            mark = self._pages.mark(Call(call.cmdlet, call.parameters, end, holder))
            content["@odata.nextLink"] = f"{address}/InvokeCommand?%24skiptoken={quote(mark)}"
        content["value"] = [_selected(row) for row in rows[call.offset : end]]
        return web.as_json(content)

    def _unauthorized(self, said: str, diagnostics: str) -> Response:
        challenge = (
            'Bearer client_id="00000002-0000-0ff1-ce00-000000000000", '
            'trusted_issuers="00000001-0000-0000-c000-000000000000@*", '
            'token_types="app_asserted_user_v1 service_asserted_app_v1", '
            f'authorization_uri="{self._backend.base_url}/common/oauth2/authorize", error="invalid_token"'
        )
        headers = {"WWW-Authenticate": challenge}
        return _refuse(401, said, {**headers, "x-ms-diagnostics": diagnostics} if diagnostics else headers)


def _read(asked: Request) -> Call | None:
    """Return the call in a request's body, None where there is none."""
    content = web.body(asked)
    given = content.get("CmdletInput") if content else None
    if not isinstance(given, dict):
        return None
    name, parameters = given.get("CmdletName"), given.get("Parameters")
    if not isinstance(name, str) or not isinstance(parameters, dict | None):
        return None
    try:
        # Half of a surrogate pair is JSON, but no text that could be kept or sent.
        json.dumps(given, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    # What says the type of a value beside it is not a parameter.
    return Call(name, {key: value for key, value in (parameters or {}).items() if "@" not in key})


def _selected(row: Row) -> Row:
    """Return what ``$select`` leaves of a row."""
    wanted = {name.strip().lower() for name in request.args.get("$select", "").split(",") if name.strip()}
    return {name: value for name, value in row.items() if not wanted or name.lower() in wanted}


def _tenant_named(asked: Request) -> str:
    parts = asked.path.split("/")
    return parts[3] if len(parts) > 3 else ""


_CODES: Final[Mapping[int, str]] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    413: "RequestEntityTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


def _refuse(status: int, said: str, headers: Mapping[str, str]) -> Response:
    """Return a refusal of the service itself, which no cmdlet had a part in."""
    inner = {"message": said, "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException", "stacktrace": ""}
    error = {"code": _CODES.get(status, str(status)), "message": said, "innererror": inner}
    return web.as_json({"error": error}, status, headers)
