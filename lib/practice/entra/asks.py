"""What a client asks of the authorize endpoint, checked, and the way back to it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from flask import Response, g, request

from . import clients, pages, scopes
from .clients import Client
from .errors import Refused

__all__ = ["Ask", "check", "check_rest", "read", "send_back"]

_MODES: Final = ("query", "fragment", "form_post")
_CHALLENGE_SIZES: Final = range(43, 129)


@dataclass(frozen=True)
class Ask:
    """An authorization request, or one for an administrator's consent.

    Args:
        realm: The address's first part.
        client_id: The app.
        redirect_uri: Where the answer goes; '' where none was sent.
        response_type: What is wanted; only codes are given.
        response_mode: How the answer travels.
        scope: What for.
        state: What the answer repeats.
        nonce: What the id token repeats.
        prompt: What the person is to be asked, whatever is known of them.
        login_hint: Whom the client expects.
        code_challenge: PKCE's.
        code_challenge_method: How that was made.
        v1: Whether it came to the older endpoint.
        kind: ``authorize``, ``adminconsent`` or, for a device's code, ``device``.
        device: The polling code of that device.
    """

    realm: str
    client_id: str
    redirect_uri: str = ""
    response_type: str = "code"
    response_mode: str = "query"
    scope: str = ""
    state: str = ""
    nonce: str = ""
    prompt: str = ""
    login_hint: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    v1: bool = False
    kind: str = "authorize"
    device: str = ""

    @property
    def prompts(self) -> frozenset[str]:
        """The single words of ``prompt``."""
        return frozenset(self.prompt.split())

    @property
    def for_everybody(self) -> bool:
        """Whether only an administrator's consent for the whole organization will do."""
        return self.kind == "adminconsent" or "admin_consent" in self.prompts

    def written(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return asdict(self)


def read() -> Ask:
    """Return the authorization request at hand."""
    sent = request.values
    names = Ask.__dataclass_fields__.keys() - {"realm", "v1", "kind", "device", "scope"}
    values = {name: sent.get(name, "") for name in names}
    scope = sent.get("scope", "")
    if g.v1:
        resource = sent.get("resource", "")
        scope = f"{resource}/{scopes.DEFAULT} openid offline_access" if resource else scope or "openid offline_access"
    values["response_mode"] = values["response_mode"] or "query"
    return Ask(realm=g.realm.name, scope=scope, v1=g.v1, **values)


def check(ask: Ask) -> Client:
    """Return the client of *ask*, if it may be answered at its redirect address.

    Raises:
        Refused: What is told on a page, because nobody can tell where the client is: 900144, 700016 and kin, 50011.
    """
    if not ask.client_id:
        raise Refused("900144", parameter="client_id")
    client = clients.found(g.backend, g.realm, ask.client_id)
    if not ask.redirect_uri:
        raise Refused("900144", parameter="redirect_uri")
    if client.platform_of(ask.redirect_uri) is None:
        raise Refused("50011", redirect=ask.redirect_uri, app=client.app_id)
    return client


def check_rest(ask: Ask) -> None:
    """Return if the rest of *ask* is right.

    Raises:
        Refused: What the client is told at its redirect address.
    """
    if ask.response_mode not in _MODES:
        raise Refused("70007", mode=ask.response_mode)
    if ask.response_type != "code":
        _refuse_type(ask)
    if not ask.v1 and request.values.get("resource"):
        raise Refused("901002")
    if not ask.scope.strip():
        raise Refused("900144", parameter="scope")
    if ask.code_challenge_method not in ("", "plain", "S256"):
        raise Refused("50147")
    if (ask.code_challenge or ask.code_challenge_method) and len(ask.code_challenge) not in _CHALLENGE_SIZES:
        raise Refused("50147")


def _refuse_type(ask: Ask) -> None:
    words = set(ask.response_type.split())
    if not words:
        raise Refused("900144", parameter="response_type")
    if words <= {"code", "token", "id_token"}:
        raise Refused("700051" if "token" in words else "700054", app=ask.client_id)
    raise Refused("70005", kind=ask.response_type)


def send_back(ask: Ask, values: Mapping[str, str]) -> Response:
    """Return the redirect that carries *values* back to the client."""
    sent = {**values, **({"state": ask.state} if ask.state else {})}
    if ask.response_mode == "form_post":
        return pages.posted(ask.redirect_uri, sent)
    parts = urlsplit(ask.redirect_uri)
    words = urlencode(sent)
    if ask.response_mode == "fragment":
        return _moved(parts._replace(fragment=words).geturl())
    return _moved(parts._replace(query=f"{parts.query}&{words}" if parts.query else words).geturl())


def _moved(address: str) -> Response:
    return Response(status=302, headers={"Location": address, "Cache-Control": "no-store"})
