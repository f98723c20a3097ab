"""The trainer's door to a running practice cloud, under ``/practice``: what is there, what goes wrong, starting anew.

It opens with the key that stands in the practice home, which only its owner can read: a page in somebody's browser
must not be able to change what a practice is about.
"""

import hmac
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, Final

from flask import Flask, Response, request

from . import web
from .backend import Backend
from .faults import Fault, FaultError

__all__ = ["application"]

_MOST_S: Final = 24 * 3_600
_SETTINGS: Final[Mapping[str, tuple[float, float]]] = {
    "directory_lag_s": (0, _MOST_S),
    "exchange_lag_s": (0, _MOST_S),
    "policy_lag_s": (0, _MOST_S),
    # Far enough for a token that nobody used for ninety days, and for what Microsoft announced for next year.
    "skew_s": (-400 * _MOST_S, 400 * _MOST_S),
}
_BASIC: Final = ("as announced", "on", "off by default", "removed")


def application(backend: Backend) -> Flask:
    """Return the door as a WSGI application."""
    app = web.application(None, backend, refuse=_refuse)
    app.before_request(lambda: None if _holds(backend.door_key) else _refuse(401, "The key is missing or wrong.", {}))
    door = _Door(backend)
    app.add_url_rule("/tenants", view_func=door.tenants)
    app.add_url_rule("/tenants/<name>", view_func=door.change, methods=["PATCH"])
    app.add_url_rule("/tenants/<name>/answers", view_func=door.answers)
    app.add_url_rule("/reset", view_func=door.reset, methods=["POST"])
    app.add_url_rule("/faults", view_func=door.faults)
    app.add_url_rule("/faults", view_func=door.arm, methods=["POST"])
    app.add_url_rule("/faults", view_func=door.clear, methods=["DELETE"])
    app.add_url_rule("/settings", view_func=door.settings, methods=["PATCH"])
    return app


class _Door:
    """What a trainer can ask for."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def tenants(self) -> Response:
        """Say which tenants there are."""
        states = self._backend.states
        told = [_summary(self._backend, name) for name in states.names]
        return web.as_json({"tenants": told, "unreadable": states.unreadable})

    def answers(self, name: str) -> Response:
        """Say what is wrong with a tenant."""
        backend = self._backend
        if backend.states.find(name) is None:
            return _unknown(backend, name)
        with backend.states.reading(name) as tenant:
            return web.as_json({"answers": backend.answers(tenant, backend.now())})

    def change(self, name: str) -> Response:
        """Set what no administrator can: what Microsoft does to passwords, and that a sender's owner has moved it."""
        given = web.body(request)
        if given is None or len(given) != 1 or not (given.get("basic_smtp") in _BASIC or _named(given.get("moved"))):
            said = f"expected basic_smtp, one of {', '.join(_BASIC)}, or moved, an account that sends with a password; "
            return _refuse(400, f"{said}lags and the clock are set without a tenant.", {})
        if self._backend.states.find(name) is None:
            return _unknown(self._backend, name)
        if "moved" in given:
            wrong = self._backend.move(name, given["moved"])
            return _refuse(400, f"moved: {wrong}.", {}) if wrong else web.as_json(given)
        with self._backend.states.changing(name) as tenant:
            tenant.exchange.basic_smtp = given["basic_smtp"]
        return web.as_json(given)

    def reset(self) -> Response:
        """Make tenants as they were at first."""
        given = web.body(request)
        problem = _wrong_reset(self._backend, given)
        if problem or given is None:
            return _refuse(400, problem, {})
        asked = given.get("tenants", list(self._backend.states.names))
        self._backend.reset(asked)
        return web.as_json({"tenants": asked})

    def faults(self) -> Response:
        """Say what is armed, and the settings."""
        armed = [asdict(one) for one in self._backend.faults.armed]
        return web.as_json({"faults": armed, **_settings(self._backend)})

    def arm(self) -> Response:
        """Arm a fault."""
        given = web.body(request)
        if given is None:
            said = 'The body is no JSON object; expected {"face": "graph", "kind": "throttle"} or more.'
            return _refuse(400, said, {})
        try:
            fault = Fault.read(given)
        except FaultError as error:
            return _refuse(400, f"{error}.", {})
        if fault.tenant and fault.tenant not in self._backend.states.names:
            return _unknown(self._backend, fault.tenant)
        self._backend.faults.arm(fault)
        return web.as_json(asdict(fault), 201)

    def clear(self) -> Response:
        """Let everything work again."""
        self._backend.faults.clear()
        _hurry(self._backend)
        return self.faults()

    def settings(self) -> Response:
        """Set lags and the clock."""
        given = web.body(request)
        problem = _wrong_setting(given)
        if problem or given is None:
            return _refuse(400, problem, {})
        _set(self._backend, given)
        _hurry(self._backend)
        return web.as_json(_settings(self._backend))


def _named(value: object) -> bool:
    return isinstance(value, str) and bool(value)


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
        low, high = _SETTINGS[name]
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            return f"{name}: found {value!r}; expected seconds from {low:g} to {high:g}."
    return ""


def _set(backend: Backend, given: Mapping[str, Any]) -> None:
    faults = backend.faults
    faults.directory_lag = timedelta(seconds=given.get("directory_lag_s", faults.directory_lag.total_seconds()))
    faults.exchange_lag = timedelta(seconds=given.get("exchange_lag_s", faults.exchange_lag.total_seconds()))
    faults.policy_lag = timedelta(seconds=given.get("policy_lag_s", faults.policy_lag.total_seconds()))
    faults.clock.skew = timedelta(seconds=given.get("skew_s", faults.clock.skew.total_seconds()))


def _hurry(backend: Backend) -> None:
    """Let what is spreading in any tenant be done within the lags that hold now."""
    faults = backend.faults
    for name in backend.states.names:
        with backend.states.changing(name) as tenant:
            tenant.shorten(faults.directory_lag, faults.exchange_lag, faults.policy_lag)


def _settings(backend: Backend) -> dict[str, float]:
    faults = backend.faults
    spans = (faults.directory_lag, faults.exchange_lag, faults.policy_lag, faults.clock.skew)
    return {name: span.total_seconds() for name, span in zip(_SETTINGS, spans, strict=True)}


def _refuse(status: int, said: str, headers: Mapping[str, str]) -> Response:
    return web.as_json({"error": said}, status, headers)
