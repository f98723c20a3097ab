"""The permissions that open mailboxes, as values: found by name in what a tenant offers, held against known ids.

An id belongs to a resource and never changes, so the facts know them; which of them a tenant offers, its own service
principal of the resource says. Where the two differ, something is odd about the tenant or old about the facts.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final, Literal

from . import reference
from .checks import Check
from .tenants import Protocol

__all__ = ["APP_IDS", "PROTOCOLS", "Kind", "Offer", "Permission", "Resource", "check", "known", "of", "titles"]

Resource = Literal["exchange", "graph"]
"""Where a mail permission is listed: Exchange itself, or Microsoft Graph, where the portal shows it."""

Kind = Literal["scope", "role"]
"""``scope``: a person is signed in; ``role``: the app acts as itself."""

PROTOCOLS: Final[tuple[Protocol, ...]] = ("imap", "pop", "smtp")
"""The protocols that permissions are about, in the order in which they are shown."""


@dataclass(frozen=True)
class Permission:
    """One permission.

    Args:
        resource: Who offers it.
        kind: Whether a person is signed in.
        value: Its name, as it stands in a token.
        id: Its id, the same in every tenant.
        protocol: What it opens; empty for one that is not about IMAP, POP or SMTP.
    """

    resource: Resource
    kind: Kind
    value: str
    id: str
    protocol: Protocol | Literal[""] = ""


@dataclass(frozen=True)
class Offer:
    """A resource as one tenant has it.

    Args:
        resource: Which.
        object_id: The id of its service principal, another one in each tenant; grants name it.
        scopes: The ids of what can be consented to for people, by value.
        roles: The ids of what can be consented to for apps, by value.
    """

    resource: Resource
    object_id: str
    scopes: Mapping[str, str]
    roles: Mapping[str, str]

    def id_of(self, kind: Kind, value: str) -> str:
        """Return the id of the permission called *value*; empty where this tenant does not offer it."""
        return (self.scopes if kind == "scope" else self.roles).get(value, "")


@cache
def known() -> tuple[Permission, ...]:
    """Return the permissions of the facts."""
    return tuple(
        Permission(each["resource"], each["type"], each["value"], each["id"], each.get("protocol", ""))
        for each in reference.table("permissions")["permission"]
    )


def of(protocol: Protocol, kind: Kind) -> tuple[Permission, ...]:
    """Return what opens *protocol*: for people one on each resource, either of which will do; for apps one."""
    return tuple(each for each in known() if (each.protocol, each.kind) == (protocol, kind))


def titles() -> Mapping[str, str]:
    """Return the resources' own names."""
    return {name: str(each["name"]) for name, each in reference.table("permissions")["resources"].items()}


APP_IDS: Final[Mapping[Resource, str]] = MappingProxyType(
    {
        "exchange": reference.table("permissions")["resources"]["exchange"]["app_id"],
        "graph": reference.table("permissions")["resources"]["graph"]["app_id"],
    }
)
"""The resources' application ids, the same in every tenant and cloud."""


def check(offers: Iterable[Offer]) -> Check:
    """Compare what the tenant offers for mail with the facts."""
    found = list(offers)
    if len(found) < len(APP_IDS):
        missing = ", ".join(titles()[name] for name in APP_IDS if name not in {each.resource for each in found})
        remedy = "Look at the reason in the coverage; without it no permission of that resource can be told by its id."
        return Check("mail permissions", "cannot know", f"not read: {missing}", remedy)
    odd = [said for offer in found for said in _differences(offer)]
    if odd:
        remedy = "The tenant's own ids were used. Compare them with Microsoft's permissions reference."
        return Check("mail permissions", "wrong", "; ".join(odd), remedy)
    return Check("mail permissions", "ok", "the tenant offers them under the known ids")


def _differences(offer: Offer) -> Iterator[str]:
    for each in known():
        if each.resource == offer.resource and each.protocol:
            found = offer.id_of(each.kind, each.value)
            if found.lower() != each.id:
                yield f"{titles()[offer.resource]} {each.value}: found {found or 'none'}, expected {each.id}"
