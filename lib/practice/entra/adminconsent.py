"""The address that an administrator opens to consent for everybody, in its older and its newer form."""

from flask import Response, g, request

from . import authorize, clients
from .asks import Ask
from .errors import Refused
from .turns import Turn

__all__ = ["begin"]


def begin() -> Response:
    """Answer ``/{tenant}/adminconsent`` and ``/{tenant}/v2.0/adminconsent``.

    The older form consents to all that the app lists, and needs no redirect address; the newer one to
    what ``scope`` says, and needs one that is registered to the letter.

    Raises:
        Refused: 900144, 9001023, 700016 and kin, 50011.
    """
    sent, v2 = request.args, not g.v1
    for name in ("client_id", "scope", "redirect_uri") if v2 else ("client_id",):
        if not sent.get(name):
            raise Refused("900144", parameter=name)
    if v2 and g.realm.name in ("common", "consumers"):
        raise Refused("9001023")
    client = clients.found(g.backend, g.realm, sent["client_id"])
    redirect_uri = sent.get("redirect_uri", "")
    if redirect_uri and not client.registers(redirect_uri):
        raise Refused("50011", redirect=redirect_uri, app=client.app_id)
    # Whoever names no way back is sent to the app's own, of which the page's policy has to know before.
    redirect_uri = redirect_uri or client.get_default_redirect_uri() or ""
    ask = Ask(
        realm=g.realm.name,
        client_id=client.app_id,
        redirect_uri=redirect_uri,
        scope=sent.get("scope", ""),
        state=sent.get("state", ""),
        # Whoever consents for everybody says so in person: an earlier session is offered, not taken.
        prompt="select_account",
        v1=g.v1,
        kind="adminconsent",
    )
    return authorize.start(Turn(ask, client, g.realm))
