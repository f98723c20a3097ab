"""Many alike steps as one table: the same steps come out that went in."""

from mailauth import alike
from mailauth.literals import Column
from mailauth.plan import Cmdlet
from tests import planned


def test_a_thousand_mailboxes_are_one_table_with_a_column_of_addresses() -> None:
    (table,) = alike.parts(planned.thousand().steps)
    assert isinstance(table, alike.Table)
    assert len(table.rows) == 1000
    assert table.rows[7] == {
        "Title": "Let Mail open user0007@woodgrove.example",
        "Identity": "user0007@woodgrove.example",
    }
    assert isinstance(table.step.do, Cmdlet)
    assert table.step.do.parameters["Identity"] == Column("Identity")
    assert table.step.do.parameters["AutoMapping"] is False


def test_what_is_not_alike_keeps_its_place() -> None:
    steps = [planned.full_access("a@x.example"), planned.send_as("a@x.example"), planned.full_access("b@x.example")]
    assert list(alike.parts(steps)) == steps


def test_a_switch_that_was_off_for_some_and_inherited_by_others_is_one_table() -> None:
    found = (None, True, None, True)
    steps = [planned.switch(f"{at}@x.example", found=each) for at, each in enumerate(found)]
    (table,) = alike.parts(steps)
    assert isinstance(table, alike.Table)
    assert [row["OldSmtpClientAuthenticationDisabled"] for row in table.rows] == list(found)


def test_a_value_that_equals_the_titles_is_not_taken_from_them() -> None:
    addresses = ("a\u202e@x.example", "b@x.example", "c@x.example")
    steps = [planned.titled(planned.send_as(each), each) for each in addresses]
    (table,) = alike.parts(steps)
    assert isinstance(table, alike.Table)
    assert isinstance(table.step.do, Cmdlet)
    assert table.step.do.parameters["Identity"] == Column("Identity")
