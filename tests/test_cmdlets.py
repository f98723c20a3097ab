"""What the facts know of cmdlets fits together, and fits the practice cloud's own."""

import pytest

from mailauth import cmdlets
from practice.exchange.registry import CMDLETS

TYPES = {"text", "list", "bool", "number", "moment", "switch", "map"}


@pytest.mark.parametrize("name", cmdlets.known())
def test_a_cmdlet_names_types_and_needs_only_what_it_takes(name: str) -> None:
    known = cmdlets.known()[name]
    assert {kind.removesuffix("?") for kind in known.parameters.values()} <= TYPES
    assert set(known.required) <= set(known.parameters)
    assert not set(known.parameters) & set(cmdlets.common())


@pytest.mark.parametrize("name", [name for name, known in cmdlets.known().items() if known.role])
def test_a_role_group_and_an_entra_role_lead_to_each_cmdlet(name: str) -> None:
    groups = cmdlets.role_groups(cmdlets.known()[name].role)
    assert "Organization Management" in groups
    assert all(cmdlets.entra_roles(group) for group in groups)


@pytest.mark.parametrize("name", [name for name, known in cmdlets.known().items() if known.role])
def test_practice_knows_the_cmdlet_under_the_same_role(name: str) -> None:
    practised = CMDLETS[name.lower()]
    assert practised.role == cmdlets.known()[name].role
    assert practised.customizes is cmdlets.known()[name].customizes
    required = {one.name for one in practised.parameters if one.required}
    assert required <= set(cmdlets.known()[name].required)


def test_signing_in_needs_no_management_role_and_changes_nothing() -> None:
    assert not cmdlets.known()["Connect-ExchangeOnline"].changes
    assert cmdlets.known()["Connect-MgGraph"].module == "Microsoft.Graph.Authentication"
    assert cmdlets.known()["Set-CASMailbox"].changes
    assert not cmdlets.known()["Test-ServicePrincipalAuthorization"].changes
