"""Client names and applications: which protocol a sign-in stands for, and whether Exchange asked for it.

ClientAppUsed has many spellings; `name` brings them together (facts: ``client_apps.toml``).
"""

from functools import cache, lru_cache
from typing import Literal

from . import reference

__all__ = ["EXCHANGE", "POWERSHELL", "UNNAMED", "Kind", "is_known", "kind", "name", "names"]

Kind = Literal["basic", "ropc_mail_app", "powershell_password", "not_mail", "modern"]
"""What a sign-in without a certificate is: rule 2.6 of the practice, whatever its result was."""

_FACTS = reference.table("client_apps")
EXCHANGE: str = _FACTS["exchange_app_id"]
POWERSHELL: str = _FACTS["powershell_app_id"]

UNNAMED = "Unknown"
"""The protocol of a record that names none."""

_OTHER = "Other clients"


@lru_cache(maxsize=4096)
def name(client_app: str, app_id: str = "") -> str:
    """Return the protocol's name for a ClientAppUsed in any spelling.

    Args:
        client_app: As sent; blank is "Unknown", a name that nobody has seen before "Other clients".
        app_id: Tells PowerShell where the client's name does not.
    """
    found = _by_spelling().get(_folded(client_app), _OTHER)
    return "Exchange PowerShell" if app_id == POWERSHELL and found in (_OTHER, UNNAMED) else found


def names() -> tuple[str, ...]:
    """Return every protocol name, in the order of the facts."""
    return tuple(_FACTS["protocols"])


def is_known(client_app: str) -> bool:
    """Whether the facts hold this spelling, as legacy or as modern."""
    folded = _folded(client_app)
    return folded in _by_spelling() or folded in _modern()


def kind(*, client_app: str, protocol: str, app_id: str, resource: str) -> Kind:
    """Return what a sign-in without a certificate is, in the order of rule 2.6.

    Args:
        client_app: ClientAppUsed as sent.
        protocol: AuthenticationProtocol as sent.
        app_id: The client application's id; blank in old exports, where a protocol's name has to do.
        resource: The resource's display name or id.
    """
    return _kind(_folded(client_app), _folded(protocol) == "ropc", _folded(app_id), _folded(resource))


@lru_cache(maxsize=4096)
def _kind(client_app: str, ropc: bool, app_id: str, resource: str) -> Kind:
    modern = client_app in _modern()
    named = not modern and _by_spelling().get(client_app, _OTHER) not in (_OTHER, UNNAMED)
    mail = resource in _exchange_resources()
    if app_id == EXCHANGE:
        return "modern" if modern and not ropc else "basic"
    # Exports without application ids: a sender that is missed stops without warning, so the doubt counts as Basic.
    if not app_id and not modern and (named or mail or not resource):
        return "basic"
    # PowerShell asks for a token to Exchange too, and is no mail app: its id goes before the resource.
    if app_id == POWERSHELL and (ropc or not modern):
        return "powershell_password"
    if ropc:
        return "ropc_mail_app" if mail else "not_mail"
    if modern:
        return "modern"
    return "basic" if named or mail else "not_mail"


def _folded(text: str) -> str:
    return " ".join(text.split()).lower()


@cache
def _by_spelling() -> dict[str, str]:
    return {_folded(spelling): name for name, spellings in _FACTS["protocols"].items() for spelling in spellings}


@cache
def _modern() -> frozenset[str]:
    return frozenset(map(_folded, _FACTS["modern"]))


@cache
def _exchange_resources() -> frozenset[str]:
    return frozenset(map(_folded, _FACTS["exchange_resources"]))
