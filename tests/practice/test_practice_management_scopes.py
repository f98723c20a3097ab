"""The filters of management scopes: what they mean, and what is no filter."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from practice import management_scopes, opath
from practice.state import Group, ManagementScope
from tests.practice.woodgrove import DOMAIN, woodgrove

KNOWN = frozenset({"alias", "size", "empty", "address"})
OF = {"alias": ("Invoices",), "size": ("5",), "empty": (), "address": ("a@x.example", "B@y.example")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Alias -eq 'invoices'", True),
        ('alias -EQ "Invoices"', True),
        ("Alias -ne 'invoices'", False),
        ("Alias -like 'inv*'", True),
        ("Alias -like '*voice'", False),
        ("Alias -notlike '*voice'", True),
        ("Alias -like 'i?voices'", False),
        ("Alias -like '[i]nvoices'", False),
        ("Size -ge '5' -and Size -lt '6'", True),
        ("Size -gt '5' -or Size -le '4'", False),
        ("Address -eq 'b@y.example'", True),
        ("Empty -eq $null", True),
        ("Empty -ne $null", False),
        ("Alias -ne $null", True),
        ("Empty -ne 'x'", True),
        ("-not (Alias -eq 'invoices')", False),
        ("Alias -eq 'x' -or Alias -eq 'invoices' -and Size -eq '5'", True),
        ("(Alias -eq 'x' -or Alias -eq 'invoices') -and Size -eq '4'", False),
        ("{Alias -eq 'invoices'}", True),
        ("Alias -eq 'O''Brien'", False),
        ("((Alias -eq 'invoices') -and (-not (Size -eq '4')))", True),
    ],
)
def test_a_filter_means_what_exchange_says_it_means(text: str, expected: bool) -> None:
    assert opath.read(text, KNOWN)(OF) is expected


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the filter ends too early"),
        ("Alias", "the filter ends too early"),
        ("Alias -eq", "the filter ends too early"),
        ("Alias = 'x'", "unexpected text at position 7"),
        ("Alias -is 'x'", "'-is' is not an operator, at position 7"),
        ("Other -eq 'x'", "'Other' is not a recognized filterable property"),
        ("Alias -eq 'x", "unexpected text at position 11"),
        ("(Alias -eq 'x'", "a parenthesis is not closed"),
        ("Alias -eq 'x')", "unexpected text at position 14"),
        ("Alias -eq $(id)", "'$' is not a value, at position 11"),
        ("Alias -like $null", "-like cannot compare with $null"),
        ("(" * 40 + "Alias -eq 'x'" + ")" * 40, "parentheses are nested too deep"),
        ("-not " * 5000 + "Alias -eq 'x'", "parentheses are nested too deep"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(text: str, complaint: str) -> None:
    with pytest.raises(opath.FilterError, match=f"^{re.escape(complaint)}$"):
        opath.read(text, KNOWN)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="Alias -eqnotlik'\"(){}$*\\,é\n", max_size=60))
def test_any_text_is_a_filter_or_is_refused(text: str) -> None:
    try:
        test = opath.read(text, KNOWN)
    except opath.FilterError:
        return
    assert test(OF) in (True, False)


def test_a_scope_covers_the_direct_members_of_its_group() -> None:
    made = woodgrove()
    directory, exchange = made.estate.tenant.directory, made.estate.tenant.exchange
    group = Group(display_name='Scanners, "old"', members=[made.invoices.user_id])
    directory.groups.append(group)
    name = management_scopes.distinguished_name(directory, group)
    exchange.management_scopes.append(ManagementScope(name="Scanners", filter=f"MemberOfGroup -eq '{name}'"))
    assert management_scopes.covers(exchange, directory, "scanners", made.invoices)
    assert not management_scopes.covers(exchange, directory, "scanners", made.ada_box)


def test_no_scope_is_the_whole_organization_and_an_unknown_one_is_nothing() -> None:
    made = woodgrove()
    directory, exchange = made.estate.tenant.directory, made.estate.tenant.exchange
    exchange.management_scopes.append(ManagementScope(name="broken", filter="Alias is x"))
    assert management_scopes.covers(exchange, directory, "", made.ada_box)
    assert not management_scopes.covers(exchange, directory, "unknown", made.ada_box)
    assert not management_scopes.covers(exchange, directory, "broken", made.ada_box)


def test_a_scope_can_name_an_address_or_an_own_attribute() -> None:
    made = woodgrove()
    directory, exchange = made.estate.tenant.directory, made.estate.tenant.exchange
    made.ada_box.custom_attributes["CustomAttribute7"] = "mail app"
    exchange.management_scopes += [
        ManagementScope(name="address", filter=f"PrimarySmtpAddress -like 'inv*@{DOMAIN}'"),
        ManagementScope(name="attribute", filter="CustomAttribute7 -eq 'Mail App'"),
    ]
    covered = {
        name: [
            box.display_name for box in exchange.mailboxes if management_scopes.covers(exchange, directory, name, box)
        ]
        for name in ("address", "attribute")
    }
    assert covered == {"address": ["Invoices"], "attribute": ["Ada Byron"]}
