"""The facts that ship with the library can be found and read."""

import operator
from typing import cast

import pytest

from mailauth import reference

TABLES = ("SigninLogs", "AADNonInteractiveUserSignInLogs", "AADServicePrincipalSignInLogs")
KUSTO_TYPES = {"bool", "datetime", "dynamic", "int", "long", "real", "string"}


@pytest.mark.parametrize("table", TABLES)
def test_each_sign_in_table_has_its_schema(table: str) -> None:
    columns = reference.columns(table)
    assert columns["TimeGenerated"] == "datetime"
    assert set(columns.values()) <= KUSTO_TYPES


def test_one_column_differs_in_type_between_the_user_tables() -> None:
    # The reason why queries turn such columns into text before a union.
    interactive, other = (reference.columns(table) for table in TABLES[:2])
    assert (interactive["Status"], other["Status"]) == ("dynamic", "string")


def test_facts_are_read_once_and_cannot_be_changed() -> None:
    first = reference.table("clouds")
    assert reference.table("clouds") is first
    with pytest.raises(TypeError):
        operator.setitem(cast("dict[str, object]", first), "public", {})


@pytest.mark.parametrize("name", ["nothing", "../../etc/passwd"])
def test_facts_that_do_not_ship_are_a_lookup_error(name: str) -> None:
    with pytest.raises(LookupError, match="no facts in"):
        reference.table(name)
    with pytest.raises(LookupError, match="no facts in"):
        reference.columns(name)
