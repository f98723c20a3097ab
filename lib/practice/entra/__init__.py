"""The practice cloud's Entra: discovery, sign-in and consent pages, tokens."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Request, Response, g, request

from practice import web
from practice.backend import Backend

from . import adminconsent, authorize, device, discovery, errors, pages, realms, workload
from .desk import Desk
from .errors import Refused
from .server import Server, refused

__all__ = ["application"]

_V2 = "/<name>/oauth2/v2.0"
_V1 = "/<name>/oauth2"


def application(backend: Backend) -> Flask:
    """Return the face as a WSGI application."""
    desk = Desk()
    backend.on_forget(desk.forget_tenant)

    def refuse(status: int, _said: str, headers: Mapping[str, str]) -> Response:
        begin()
        return _refuse(status, headers)

    app = web.application("entra", backend, refuse=refuse, tenant_of=_tenant)

    @app.before_request
    def begin() -> None:
        g.backend, g.desk, g.v1 = backend, desk, False

    app.register_error_handler(Refused, refused)
    server = Server(app)
    _read(app, backend)
    for prefix, v1 in ((_V2, False), (_V1, True)):
        _serve(app, f"{prefix}/token", server.create_token_response, ["POST"], v1=v1)
        _show(app, f"{prefix}/authorize", authorize.begin, ["GET", "POST"], v1=v1)
        _serve(app, f"{prefix}/devicecode", device.begin, ["POST"], v1=v1)
        _show(app, f"{prefix}/logout", pages.signed_out, ["GET"], v1=v1)
    _show(app, "/<name>/login", authorize.step, ["POST"])
    _show(app, "/<name>/oauth2/deviceauth", device.page, ["GET", "POST"])
    _show(app, "/<name>/adminconsent", adminconsent.begin, ["GET"], v1=True)
    _show(app, "/<name>/v2.0/adminconsent", adminconsent.begin, ["GET"])
    workload.serve(app, backend)
    return app


def _serve(app: Flask, rule: str, view: Callable[[], Response], methods: list[str], *, v1: bool = False) -> None:
    """Serve an endpoint for programs at *rule*; a refusal is told as JSON."""

    def answer(name: str) -> Response:
        g.v1 = v1
        with g.backend.states.held():
            g.realm = realms.realm(g.backend, name)
            return view()

    app.add_url_rule(rule, rule, answer, methods=methods)


def _show(app: Flask, rule: str, view: Callable[[], Response], methods: list[str], *, v1: bool = False) -> None:
    """Serve a page for people at *rule*; a refusal is a page too."""

    def answer(name: str) -> Response:
        g.v1 = v1
        with g.backend.states.held():
            try:
                g.realm = realms.realm(g.backend, name)
                return view()
            except Refused as refusal:
                return pages.refusal(refusal)

    app.add_url_rule(rule, rule, answer, methods=methods)


def _read(app: Flask, backend: Backend) -> None:
    """Serve what a client reads before it signs in anybody."""

    def metadata(name: str, v2: bool) -> Response:
        with backend.states.held():
            return web.as_json(discovery.metadata(backend, realms.realm(backend, name), v2=v2))

    def keys(**_: Any) -> Response:
        return web.as_json(backend.keys.jwks())

    def user_realm(name: str) -> Response:
        with backend.states.held():
            return web.as_json(discovery.user_realm(backend, name))

    well_known = ".well-known/openid-configuration"
    app.add_url_rule(f"/<name>/v2.0/{well_known}", "v2", metadata, defaults={"v2": True})
    app.add_url_rule(f"/<name>/{well_known}", "v1", metadata, defaults={"v2": False})
    app.add_url_rule("/<name>/discovery/v2.0/keys", "keys", keys)
    app.add_url_rule("/common/discovery/keys", "older keys", keys)
    app.add_url_rule("/common/discovery/instance", "instance", lambda: web.as_json(discovery.instance(backend)))
    app.add_url_rule("/common/userrealm/<path:name>", "user realm", user_realm)
    app.add_url_rule("/error", "error", pages.looked_up)


def _tenant(asked: Request) -> str:
    return asked.path.split("/")[1] if "/" in asked.path else ""


def _refuse(status: int, headers: Mapping[str, str]) -> Response:
    code = {405: "900561", 429: "90055", 500: "90033", 503: "90033"}.get(status, "9002313")
    error = errors.Refused(code, verb=request.method)
    # The number is Entra's, the status what HTTP or a fault asks for.
    error.status_code = status
    answer = refused(error)
    answer.headers.update(headers)
    return answer
