"""What is the same in every practice tenant: Microsoft's own apps, directory roles, permissions, one password."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, Literal
from uuid import NAMESPACE_URL, uuid5

__all__ = [
    "EXCHANGE",
    "GRAPH",
    "LOGS",
    "MICROSOFT",
    "ROLES",
    "SIGN_IN_WORD",
    "PermissionKind",
    "Resource",
    "known_permissions",
    "permission",
]

Resource = Literal["exchange", "graph"]
PermissionKind = Literal["scope", "role"]

EXCHANGE: Final = "00000002-0000-0ff1-ce00-000000000000"
GRAPH: Final = "00000003-0000-0000-c000-000000000000"
LOGS: Final = "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5"
MICROSOFT: Final = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
"""The tenant that Microsoft's own apps belong to."""

SIGN_IN_WORD: Final = "Rehearse-Oauth-2026!"
"""What every practice account signs in with, as long as nobody changes it; it opens nothing else."""

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
        "Global Reader": "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
        "Exchange Administrator": "29232cdf-9323-42fd-ade2-1d097af3e4de",
        "Cloud Application Administrator": "158c047a-c907-4556-b7ef-446551a6b5f7",
        "Application Administrator": "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3",
        "Privileged Role Administrator": "e8611ab8-c189-46e8-94e1-60213ab1f814",
        "Conditional Access Administrator": "b1be1c3e-b65d-4f19-8427-f6fa0d97feb9",
        "Security Reader": "5d6b6bb7-de71-4623-b4af-96380a352509",
        "Reports Reader": "4a5d8f65-41da-4de4-8968-e035b65339cf",
        "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
    }
)
"""Directory roles by name, with the ids of their templates, which are the same in every tenant."""


@cache
def known_permissions() -> Sequence[Mapping[str, Any]]:
    """Return the permissions whose real ids are known, as rows of `facts/permissions.toml`."""
    read = tomllib.loads((resources.files("facts") / "permissions.toml").read_text(encoding="utf-8"))
    return tuple(read["permission"])


def permission(resource: Resource, value: str, kind: PermissionKind) -> str:
    """Return the id of a permission: the real one where it is known, an invented one elsewhere."""
    for one in known_permissions():
        if (one["resource"], one["value"], one["type"]) == (resource, value, kind):
            return str(one["id"])
    return str(uuid5(NAMESPACE_URL, f"practice/{resource}/{kind}/{value}"))
