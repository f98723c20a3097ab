"""The device code flow: where a device asks for a code, and where its person types it."""

from typing import Any

from flask import Response, g, request

from practice import web

from . import authorize, clients, pages, realms, scopes
from .asks import Ask
from .desk import DEVICE_LASTS, INTERVAL_S
from .errors import Refused
from .turns import Turn

__all__ = ["begin", "page"]


def begin() -> Response:
    """Answer a device that asks for a code.

    Raises:
        Refused: 9001023 at /common and /consumers, 900144, 700016 and kin. An app that is not public is
            told so when it polls.
    """
    if g.realm.name in ("common", "consumers"):
        raise Refused("9001023")
    client_id = request.form.get("client_id", "")
    if not client_id:
        raise Refused("900144", parameter="client_id")
    client = clients.found(g.backend, g.realm, client_id)
    resource = request.form.get("resource", "")
    scope = f"{resource}/{scopes.DEFAULT} openid offline_access" if g.v1 else request.form.get("scope", "")
    if not (resource if g.v1 else scope):
        raise Refused("900144", parameter="resource" if g.v1 else "scope")
    if g.realm.tenant:
        directory = g.realm.tenant.directory_in_force(g.backend.now())
        found = scopes.read(directory, scope, tenant=g.realm.tenant.title, base_url=g.backend.base_url)
        scopes.one(found, scope)
    device = g.desk.new_device(g.backend.now(), client_id=client.app_id, scope=scope, realm=g.realm.name)
    where = f"{g.backend.base_url}/common/oauth2/deviceauth"
    said = (
        f"To sign in, use a web browser to open the page {where} and enter the code {device.user_code} to authenticate."
    )
    lasts: Any = int(DEVICE_LASTS.total_seconds())
    answer = {"user_code": device.user_code, "device_code": device.code, "message": said}
    if g.v1:
        # The older endpoint calls the address a URL, and writes its numbers as text.
        return web.as_json({**answer, "verification_url": where, "expires_in": str(lasts), "interval": str(INTERVAL_S)})
    return web.as_json({**answer, "verification_uri": where, "expires_in": lasts, "interval": INTERVAL_S})


def page() -> Response:
    """Show where a code is typed, and begin the sign-in that a code is for."""
    typed = request.values.get("otc", "")
    if request.method == "GET":
        return _asked(typed)
    device = g.desk.device_shown(typed, g.backend.now())
    if device is None:
        return _asked(typed, "That code didn't work. Check the code and try again.")
    realm = realms.realm(g.backend, device.realm)
    ask = Ask(realm.name, device.client_id, scope=device.scope, kind="device", device=device.code)
    return authorize.start(Turn(ask, clients.found(g.backend, realm, device.client_id), realm))


def _asked(typed: str, error: str = "") -> Response:
    action = f"/{g.realm.name}/oauth2/deviceauth"
    return pages.shown("code", title="Enter code", action=action, code=typed, error=error)
