"""What a client asks for: scopes by their resource, as the tenant's directory knows them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from practice.state import Directory, ServicePrincipal
from practice.wellknown import EXCHANGE, GRAPH, LOGS

from .errors import Refused

__all__ = ["DEFAULT", "OPENID", "Wanted", "one", "read", "resource"]

OPENID: Final = ("openid", "profile", "email", "offline_access")
DEFAULT: Final = ".default"

_SCOPE: Final = re.compile(r"[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+")
"""RFC 6749's characters without the comma, which some clients separate scopes with."""

_FACES: Final[Mapping[str, str]] = {"graph": GRAPH, "logs": LOGS, "exchange": EXCHANGE}
"""The practice cloud's own addresses stand for the services behind them."""


@dataclass(frozen=True)
class Wanted:
    """What is asked of one resource.

    Args:
        resource: Its service principal.
        audience: How the client named it, which is the token's ``aud``.
        values: The scopes' values; ``.default`` alone for what is configured.
        openid: Which of `OPENID` came with them.
        named: How the client wrote a scope's front, for the answer's ``scope``; '' for a bare name.
    """

    resource: ServicePrincipal
    audience: str
    values: tuple[str, ...]
    openid: tuple[str, ...] = ()
    named: str = ""

    @property
    def default(self) -> bool:
        """Whether it is what is configured, rather than what is named."""
        return DEFAULT in self.values


def read(directory: Directory, scope: str, *, tenant: str, base_url: str) -> list[Wanted]:
    """Return what *scope* asks for, by resource in the order of their first scopes.

    Bare names are Graph's, however well Exchange knows them too. Scopes of `OPENID` alone ask Graph for nothing.

    Raises:
        Refused: 70011 for what is no scope, 500011 for a resource that the tenant does not have.
    """
    words = scope.split()
    if not words or any(not _SCOPE.fullmatch(word) for word in words):
        raise Refused("70011", scope=scope)
    openid = tuple(word for word in OPENID if word in words)
    asked: dict[str, list[str]] = {}
    for word in words:
        if word not in OPENID:
            front, _, value = word.rpartition("/")
            if not value:
                raise Refused("70011", scope=scope)
            asked.setdefault(front, []).append(value)
    asked = asked or {"": []}
    found = [
        _wanted(directory, front, values, openid, tenant=tenant, base_url=base_url) for front, values in asked.items()
    ]
    for each in found:
        if each.default and len(each.values) > 1:
            raise Refused("70011", scope=scope)
    return _merged(found)


def one(wanted: list[Wanted], scope: str) -> Wanted:
    """Return the one resource that a token can be for.

    Raises:
        Refused: 28000 for several.
    """
    if len(wanted) > 1:
        raise Refused("28000", scope=scope)
    return wanted[0]


def resource(directory: Directory, name: str, *, tenant: str, base_url: str) -> ServicePrincipal:
    """Return the service principal of a resource by any of its names.

    Raises:
        Refused: 500011.
    """
    plain = name.rstrip("/").lower()
    face = _FACES.get(plain.removeprefix(f"{base_url}/")) if plain.startswith(base_url) else None
    for principal in directory.service_principals:
        names = {principal.app_id, *(each.rstrip("/").lower() for each in principal.service_principal_names)}
        if plain in names or principal.app_id == face:
            return principal
    raise Refused("500011", resource=name, tenant=tenant)


def _wanted(
    directory: Directory, front: str, values: Iterable[str], openid: tuple[str, ...], *, tenant: str, base_url: str
) -> Wanted:
    principal = resource(directory, front or GRAPH, tenant=tenant, base_url=base_url)
    audience = front or GRAPH
    return Wanted(principal, audience, tuple(dict.fromkeys(values)), openid, f"{front}/" if front else "")


def _merged(found: list[Wanted]) -> list[Wanted]:
    """Return *found* with one entry for each service: two of its names are still one resource."""
    merged: dict[str, Wanted] = {}
    for each in found:
        known = merged.get(each.resource.app_id)
        values = (*known.values, *each.values) if known else each.values
        first = known or each
        merged[each.resource.app_id] = Wanted(
            first.resource, first.audience, tuple(dict.fromkeys(values)), first.openid, first.named
        )
    return list(merged.values())
