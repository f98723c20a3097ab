"""The cmdlets that plans, looks and scripts use, as values: their parameters, and who may run them.

Which management role holds a cmdlet is on none of Microsoft's pages: what stands here is general knowledge, and what
the organization itself answers (``Get-ManagementRole -Cmdlet``) wins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from . import reference

__all__ = ["Known", "common", "entra_roles", "known", "role_groups"]

_PAGES: Final = "learn.microsoft.com/powershell/module/exchangepowershell/"


@dataclass(frozen=True)
class Known:
    """A cmdlet that the facts know.

    Args:
        name: Verb and noun.
        module: The PowerShell module that brings it.
        role: A management role that holds it (unverified); empty for one that no role holds, as those that sign in.
        parameters: Its own parameters and their types: ``text``, ``list``, ``bool``, ``number``, ``moment``,
            ``switch`` or ``map``, with a question mark where ``$null`` is a value that means something.
        required: The parameters that no call does without.
        readers: Whether the view-only roles hold it too (unverified).
        what_if: Whether it takes ``-WhatIf``.
        customizes: Whether a dehydrated organization refuses it.
        source: Where its parameters are documented.
    """

    name: str
    module: str
    role: str
    parameters: Mapping[str, str]
    required: tuple[str, ...] = ()
    readers: bool = False
    what_if: bool = False
    customizes: bool = False
    source: str = ""

    @property
    def changes(self) -> bool:
        """Whether it changes anything in the organization."""
        return bool(self.role) and self.name.partition("-")[0] not in ("Get", "Test")


@cache
def known() -> Mapping[str, Known]:
    """Return the cmdlets by name."""
    facts = reference.table("cmdlets")
    modules = {key: each["name"] for key, each in facts["modules"].items()}
    return MappingProxyType({name: _known(name, each, modules) for name, each in facts["cmdlet"].items()})


def _known(name: str, facts: Mapping[str, Any], modules: Mapping[str, str]) -> Known:
    return Known(
        name=name,
        module=modules[facts.get("module", "exchange")],
        role=facts.get("role", ""),
        parameters=MappingProxyType(facts["parameters"]),
        required=tuple(facts.get("required", ())),
        readers=facts.get("readers", False),
        what_if=facts.get("what_if", False),
        customizes=facts.get("customizes", False),
        source=facts.get("source", f"{_PAGES}{name.lower()}"),
    )


def common() -> Mapping[str, str]:
    """Return the parameters that every cmdlet takes beside its own, with their types."""
    return MappingProxyType(reference.table("cmdlets")["common"])


def role_groups(role: str) -> tuple[str, ...]:
    """Return the role groups that hold a management *role*, the one with the fewest rights first; none if unknown."""
    return tuple(reference.table("cmdlets")["roles"].get(role, ()))


def entra_roles(group: str) -> tuple[str, ...]:
    """Return the Entra roles that put whoever holds one into a role *group*, the one with the fewest rights first."""
    return tuple(reference.table("cmdlets")["groups"].get(group, ()))
