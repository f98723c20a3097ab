"""The trainer's door to a running practice cloud, under ``/practice``: what is there, what goes wrong, starting anew.

It opens with the key that stands in the practice home, which only its owner can read: a page in somebody's browser
must not be able to change what a practice is about.
"""

import hmac
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask import Flask, Response, request

from . import web
from .backend import Backend
from .faults import Fault, FaultError

__all__ = ["application"]

_MOST_S = 10 * 24 * 3_600
_SETTINGS = ("directory_lag_s", "exchange_lag_s", "skew_s")


def application(backend: Backend) -> Flask:
    """Return the door as a WSGI application."""
    app = web.application(None, backend, refuse=_refuse)
    app.before_request(lambda: None if _holds(backend.door_key) else _refuse(401, "The key is missing or wrong.", {}))

    @app.get("/tenants")
    def tenants() -> Response:
        return web.as_json({"tenants": [_summary(backend, name) for name in backend.states.names]})

    @app.get("/tenants/<name>/answers")
    def answers(name: str) -> Response:
        tenant = backend.states.find(name)
        return web.as_json({"story": tenant.story}) if tenant else _unknown(backend, name)

    @app.post("/reset")
    def reset() -> Response:
        given = web.body(request)
        problem = _wrong_reset(backend, given)
        if problem or given is None:
            return _refuse(400, problem, {})
        asked = given.get("tenants", list(backend.states.names))
        backend.reset(asked)
        return web.as_json({"tenants": asked})

    @app.get("/faults")
    def faults() -> Response:
        return web.as_json({"faults": [asdict(one) for one in backend.faults.armed], **_settings(backend)})

    @app.post("/faults")
    def arm() -> Response:
        given = web.body(request)
        if given is None:
            return _refuse(
                400, 'The body is no JSON object; expected {"face": "graph", "kind": "throttle"} or more.', {}
            )
        try:
            fault = Fault.read(given)
        except FaultError as error:
            return _refuse(400, f"{error}.", {})
        backend.faults.arm(fault)
        return web.as_json(asdict(fault), 201)

    @app.delete("/faults")
    def clear() -> Response:
        backend.faults.clear()
        return web.as_json({"faults": [], **_settings(backend)})

    @app.patch("/settings")
    def settings() -> Response:
        given = web.body(request)
        problem = _wrong_setting(given)
        if problem or given is None:
            return _refuse(400, problem, {})
        _set(backend, given)
        return web.as_json(_settings(backend))

    return app


def _holds(key: str) -> bool:
    return bool(key) and hmac.compare_digest(web.bearer(request).encode(), key.encode())


def _summary(backend: Backend, name: str) -> dict[str, Any]:
    with backend.states.reading(name) as tenant:
        people = [one.user_principal_name for one in tenant.directory.users if tenant.directory.roles_of(one.id)]
        return {
            "name": tenant.name,
            "title": tenant.title,
            "tenant_id": tenant.tenant_id,
            "domains": [one.id for one in tenant.directory.domains],
            "administrators": people,
            "mailboxes": len(tenant.exchange.mailboxes),
            "apps": len(tenant.directory.applications),
            "workspace_id": tenant.logs.workspace_id,
        }


def _unknown(backend: Backend, name: object) -> Response:
    return _refuse(404, f"tenant: found {name!r}; expected one of {', '.join(backend.states.names)}.", {})


def _wrong_reset(backend: Backend, given: Mapping[str, Any] | None) -> str:
    """Return what is wrong with a wish to start anew: too much must not be lost by a slip of the pen."""
    if given is None:
        return 'The body is no JSON object; expected {"tenants": ["adatum"]}, or {} for all.'
    if unknown := [name for name in given if name != "tenants"]:
        return f"{unknown[0]}: no such field; expected tenants, or nothing for all."
    asked = given.get("tenants", [])
    if not isinstance(asked, list):
        return f"tenants: found {asked!r}; expected a list of names."
    known = backend.states.names
    wrong = [one for one in asked if one not in known]
    return f"tenants: found {wrong[0]!r}; expected any of {', '.join(known)}." if wrong else ""


def _wrong_setting(given: Mapping[str, Any] | None) -> str:
    if given is None:
        return f"The body is no JSON object; expected any of {', '.join(_SETTINGS)}, in seconds."
    for name, value in given.items():
        if name not in _SETTINGS:
            return f"{name}: no such setting; expected any of {', '.join(_SETTINGS)}."
        low = -_MOST_S if name == "skew_s" else 0
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= _MOST_S:
            return f"{name}: found {value!r}; expected seconds from {low} to {_MOST_S}."
    return ""


def _set(backend: Backend, given: Mapping[str, Any]) -> None:
    faults = backend.faults
    faults.directory_lag = timedelta(seconds=given.get("directory_lag_s", faults.directory_lag.total_seconds()))
    faults.exchange_lag = timedelta(seconds=given.get("exchange_lag_s", faults.exchange_lag.total_seconds()))
    faults.clock.skew = timedelta(seconds=given.get("skew_s", faults.clock.skew.total_seconds()))


def _settings(backend: Backend) -> dict[str, float]:
    faults = backend.faults
    spans = (faults.directory_lag, faults.exchange_lag, faults.clock.skew)
    return {name: span.total_seconds() for name, span in zip(_SETTINGS, spans, strict=True)}


def _refuse(status: int, said: str, headers: Mapping[str, str]) -> Response:
    return web.as_json({"error": said}, status, headers)
