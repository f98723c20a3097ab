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


@pytest.mark.parametrize(
    ("cmdlet", "roles", "said"),
    [
        pytest.param("Add-MailboxPermission", (), "the role group Recipient Management has it", id="smallest group"),
        pytest.param("Set-TransportConfig", (), "Organization Transport Settings", id="of the facts"),
        pytest.param("Set-TransportConfig", ("Our own",), "the management role Our own", id="of the organization"),
        pytest.param("Get-Weather", (), "Get-ManagementRole -Cmdlet", id="unknown"),
    ],
)
def test_what_it_takes_is_said_as_something_to_ask_for(cmdlet: str, roles: tuple[str, ...], said: str) -> None:
    assert said in cmdlets.who_may(cmdlet, roles)


@pytest.mark.parametrize(("may", "outcome"), [(True, "ok"), (False, "wrong"), (None, "cannot know")])
def test_a_cmdlet_that_may_not_be_run_is_a_checkpoint_with_a_remedy(may: bool | None, outcome: str) -> None:
    check = cmdlets.Available("Set-CASMailbox", may, reason="no answer").check()
    assert check.outcome == outcome
    assert bool(check.remedy) is (may is not True)
