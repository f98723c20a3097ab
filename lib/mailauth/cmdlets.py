"""The cmdlets that plans, looks and scripts use, as values: their parameters, and who may run them.

Which management role holds a cmdlet is on none of Microsoft's pages: what stands here is general knowledge, and what
the organization itself answers (``Get-ManagementRole -Cmdlet``) wins.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from . import reference
from .checks import Check

__all__ = ["Available", "Known", "common", "entra_roles", "known", "role_groups", "who_may"]

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


@dataclass(frozen=True)
class Available:
    """Whether somebody may run a cmdlet.

    Args:
        cmdlet: Its name.
        may: Whether they may; None where Exchange did not say.
        roles: The management roles that hold it in this organization; none where that was not told.
        reason: Why nothing is known; empty where it is.
    """

    cmdlet: str
    may: bool | None
    roles: tuple[str, ...] = ()
    reason: str = ""

    def check(self) -> Check:
        """Return it as a checkpoint with what to ask for."""
        name = f"may run {self.cmdlet}"
        if self.may:
            return Check(name, "ok")
        asked = f"Please give the account or app {who_may(self.cmdlet, self.roles)}."
        remedy = f'Ask an administrator: "{asked}" Sign in again afterwards.'
        if self.may is None:
            return Check(name, "cannot know", self.reason, remedy)
        return Check(name, "wrong", "no management role of whoever is signed in holds it", remedy)


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


def who_may(cmdlet: str, roles: Sequence[str] = ()) -> str:
    """Return what it takes to run a cmdlet, as the end of a sentence.

    Args:
        cmdlet: Its name.
        roles: The management roles that hold it, where the organization told them; the facts' one otherwise.
    """
    of_facts = known()[cmdlet].role if cmdlet in known() else ""
    role = next((each for each in roles if each == of_facts), next(iter(roles), of_facts))
    if not role:
        return "a management role that holds it (Get-ManagementRole -Cmdlet names it)"
    groups = role_groups(role)
    if not groups:
        return f"the management role {role}"
    entra = " or ".join(entra_roles(groups[0]))
    return f"the management role {role}; the role group {groups[0]} has it, and so has who is {entra} in Entra"
