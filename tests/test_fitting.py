"""A page that is too heavy: which tables are cut, and what they say of it."""

import pytest

from mailauth.views.fitting import fitted
from mailauth.views.tables import Table


def _table(rows: int, letters: int) -> str:
    return Table(("Account", "Text"), [(f"row {n}", "x" * letters) for n in range(rows)], "Rows", limit=rows).html()


def test_a_page_that_fits_stays_as_it_is() -> None:
    body = _table(100, 100)

    assert fitted(body, room=len(body)) == body


def test_the_longest_table_is_cut_first_and_says_how_much_of_it_is_shown() -> None:
    small, large = _table(20, 100), _table(500, 200)
    made = fitted(f"{small}<p>between</p>{large}<p>after</p>", room=60_000)

    assert len(made) <= 60_000 + len('<p class="note">The page has room for 000 of these 000 rows.</p>')
    assert made.startswith(f"{small}<p>between</p>")
    assert made.endswith("<p>after</p>")
    shown = made.count("<tr>") - small.count("<tr>") - 1
    assert 100 < shown < 500
    assert f"The page has room for {shown} of these 500 rows." in made


def test_tables_of_one_length_are_cut_alike() -> None:
    made = fitted(_table(400, 100) * 3, room=60_000)
    first, second, third = (part.count("<tr>") for part in made.split("<table>")[1:])

    assert first == second == third
    assert made.count("The page has room for") == 3


def test_a_table_keeps_some_rows_whatever_they_weigh() -> None:
    rows = [("row", *["y" * 200] * 60) for _ in range(12)]
    made = fitted(Table([f"c{n}" for n in range(61)], rows, "Rows").html(), room=1)

    assert made.count("<tr>") == 1 + 3


def test_what_a_log_said_is_no_end_of_a_row() -> None:
    rows = [("</tr></tbody></table>" * 5, "<tr>") for _ in range(50)]
    body = Table(("A", "B"), rows, "Rows").html()
    made = fitted(body, room=len(body) // 2)

    assert made.count("</table>") == made.count("<table>") == 1
    assert made.count("<tr>") == made.count("</tr>")


@pytest.mark.parametrize("body", ["", "<p>words</p>"])
def test_nothing_is_cut_where_there_is_no_table(body: str) -> None:
    assert fitted(body, room=0) == body
