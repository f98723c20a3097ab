"""Every cmdlet of this cloud by name; what is not here is unknown, as a cmdlet is that one's roles do not hold."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from . import (
    access,
    devices,
    errors,
    mailboxes,
    organization,
    permissions,
    policies,
    principals,
    protocols,
    rbac,
    traces,
)
from .binding import Given, bind
from .cmdlets import Cmdlet

__all__ = ["CMDLETS", "bound", "find", "holders"]

_MODULES: Final = (devices, mailboxes, organization, permissions, policies, principals, protocols, rbac, traces)

CMDLETS: Final[Mapping[str, Cmdlet]] = MappingProxyType(
    {one.name.lower(): one for module in _MODULES for one in module.CMDLETS}
)
"""The cmdlets by name in lower case."""


def find(name: str) -> Cmdlet | None:
    """Return the cmdlet of this name, without regard to case."""
    return CMDLETS.get(name.lower())


def holders(name: str) -> frozenset[str]:
    """Return the management roles that hold the cmdlet of this name; none where there is no such cmdlet."""
    cmdlet = find(name)
    if cmdlet is None:
        return frozenset()
    return frozenset({cmdlet.role}) | (frozenset() if cmdlet.changes else access.VIEW_ONLY)


def bound(cmdlet: Cmdlet, given: Mapping[str, object]) -> Given:
    """Return the parameters of a call.

    Raises:
        errors.CmdletError: They do not fit the cmdlet.
    """
    values = bind(cmdlet.parameters, given)
    for names in cmdlet.one_of:
        present = [name for name in names if name in values]
        if not present:
            raise errors.mandatory([names[0]])
        if len(present) > 1:
            raise errors.unknown_parameters(present)
        if not values.text(present[0]):
            raise errors.mandatory(present)
    return values
