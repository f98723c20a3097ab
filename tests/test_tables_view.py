from datetime import UTC, date, datetime

import pytest

from mailauth.checks import Check
from mailauth.coverage import Coverage
from mailauth.phrases import Named, Phrase, phrase
from mailauth.views import listings
from mailauth.views.markup import MARK, STYLE
from mailauth.views.tables import Badge, Callout, Code, Facts, Headline, Link, Step, Table, without_empty
from tests import views_invented as world

HOSTILE = world.HOSTILE
DASH = "\N{EN DASH}"


def test_a_table_has_a_caption_scopes_and_row_headers() -> None:
    shown = Table(("Account", "Days"), (("a@fabrikam.example", 3),), "Who, and how often").html()
    assert "<caption>Who, and how often</caption>" in shown
    assert '<th scope="col">Account</th><th scope="col" class="num">Days</th>' in shown
    assert '<th scope="row" data-label="Account">a@<wbr>fabrikam.example</th>' in shown
    assert '<td class="num" data-label="Days" data-key="3">3</td>' in shown


def test_numbers_dates_and_absence_are_shown_in_words() -> None:
    cells = (12431, 1.25, date(2026, 11, 4), datetime(2026, 11, 4, 9, 5, tzinfo=UTC), None, "", ("one", "two"))
    shown = Table(tuple("abcdefg"), (cells,), "x").text().splitlines()[2]
    assert shown.split("  ") == ["12,431", "1.2", "4 Nov 2026", "4 Nov 2026 09:05 UTC", DASH, DASH, "one, two"]


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^table 'Who': row 2 has 1 cells for 2 columns$"):
        Table(("a", "b"), (("x", 1), ("y",)), "Who")


def test_a_long_table_says_what_it_leaves_out_and_where_it_is() -> None:
    table = Table(("Account",), tuple((f"u{n}",) for n in range(12_431)), "Accounts", rest="tables/users.csv")
    assert table.left_out == "Showing 50 of 12,431; all of them are in tables/users.csv."
    assert table.left_out in table.html()
    assert table.left_out in table.text()
    assert table.html().count("<tr>") == 51


def test_a_column_without_a_title_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^table 'Rows': column 2 has no title$"):
        Table(("A", ""), [("a", 1)], "Rows")


def test_a_table_without_rows_says_so_in_words() -> None:
    table = Table(("Account",), (), "Senders", empty="Nobody was seen.")
    assert "Nobody was seen." in table.html()
    assert table.text() == "Senders\nNobody was seen."
    assert "<table" not in table.html()


def _hostile_views() -> list[Table | Callout | Facts | Code | Headline]:
    return [
        Table((HOSTILE, "b"), ((HOSTILE, (HOSTILE, Badge(HOSTILE))),), HOSTILE, note=HOSTILE, rest=HOSTILE, limit=0),
        Table((HOSTILE,), ((HOSTILE,),), HOSTILE),
        Table((HOSTILE,), (), HOSTILE, empty=HOSTILE),
        Callout("attention", HOSTILE, (HOSTILE,), (HOSTILE,)),
        Facts(((HOSTILE, HOSTILE),), HOSTILE),
        Code(HOSTILE, HOSTILE, Link(HOSTILE, "https://portal.azure.com/"), HOSTILE),
        Headline(HOSTILE, HOSTILE, (HOSTILE,), dates=(Step(HOSTILE, HOSTILE),), lines=((HOSTILE, HOSTILE),)),
    ]


@pytest.mark.parametrize("view", _hostile_views(), ids=lambda view: type(view).__name__)
def test_hostile_text_never_becomes_markup_nor_a_link_nor_a_terminal_command(
    view: Table | Callout | Facts | Code | Headline,
) -> None:
    shown = view.html()
    assert "<script" not in shown
    assert "href='https" not in shown
    assert 'href="https://evil' not in shown
    assert "&lt;script&gt;" in shown
    assert "\x1b" not in shown + view.text()


def test_a_user_agent_of_megabytes_is_cut() -> None:
    shown = Table(("Agent",), (("x" * 5_000_000,),), "Agents")
    assert len(shown.html()) < 1_000
    assert len(shown.text()) < 1_000


@pytest.mark.parametrize(
    "address",
    [
        "http://portal.example/",
        "javascript:alert(1)",
        "//evil.example/x",
        "https://evil.example/\"onclick='x'",
        "data:text/html,x",
        "a b",
        "",
    ],
)
def test_a_link_leads_to_https_or_a_plain_relative_path_only(address: str) -> None:
    with pytest.raises(ValueError, match="neither https nor a plain relative path"):
        Link("here", address)


@pytest.mark.parametrize("address", ["https://portal.azure.com/#blade/a/b%2Fc", "woodgrove/index.html", "#part"])
def test_links_of_our_own_are_admitted(address: str) -> None:
    assert Link("here", address).url == address


def test_a_view_shows_itself_with_the_mark_that_a_page_trusts() -> None:
    data, about = Table(("a",), (("x",),), "t")._repr_mimebundle_()
    assert data["text/html"].startswith(STYLE)
    assert data["text/plain"].startswith("t\n")
    assert about == {"mailauth": MARK}


@pytest.mark.parametrize("view", _hostile_views(), ids=lambda view: type(view).__name__)
def test_dollar_signs_are_never_typeset_as_mathematics(view: Table | Callout | Facts | Code | Headline) -> None:
    shown = view._repr_mimebundle_()[0]["text/html"].removeprefix(STYLE)
    assert shown.startswith('<div class="mathjax_ignore">')
    assert shown.endswith("</div>")


def test_the_first_screen_goes_sentence_today_dates_decisions_reach() -> None:
    headline = world.headline()
    order = ["Exposed", "Three systems", "Suspected compromise", "11 December 2026", "What stops", "How far we looked"]
    for shown in (headline.html(), headline.text().replace("EXPOSED", "Exposed")):
        places = [shown.index(words) for words in order]
        assert places == sorted(places)
    assert headline.about()["mailauth_first"] is True


@pytest.mark.parametrize(
    ("state", "words"),
    [("exposed", "Exposed"), ("quiet", "Quiet, not proven"), ("closed", "Closed, proven"), ("", "Not assessed")],
)
def test_a_state_is_a_word_and_says_when_it_is_not_proven(state: str, words: str) -> None:
    assert words in Headline(state, "Sentence.", ("30 days.",)).html()


def test_what_limits_the_numbers_most_stands_first_in_the_coverage() -> None:
    rows = listings.coverage(world.COVERAGE).rows
    assert [row[1] for row in rows] == [
        Badge("cannot know", "know"),
        Badge("partial", "warn"),
        Badge("complete", "ok"),
    ]


def test_what_is_missing_of_a_day_is_not_said_to_be_held() -> None:
    moments = (datetime(2026, 11, 26, 1, tzinfo=UTC), datetime(2026, 11, 26, 9, tzinfo=UTC))
    table = listings.coverage([Coverage("the newest sign-ins", "partial", "tenant", *moments, reason="Late.")])
    assert "Held" not in table.columns
    assert table.rows[0][table.columns.index("Time")] == ("on 26 Nov 2026",)


def test_a_group_names_its_place_and_what_it_is() -> None:
    compromised, scanner, _, attack = (listings.group_cells(group) for group in world.GROUPS)
    assert scanner[2] == ("Leeds office", "203.0.113.10 GB")
    assert compromised[1] == Badge("Suspected compromise", "bad")
    assert attack[0] == ("96 names that do not exist", "SMTP AUTH")
    assert attack[2] == ("at least 1,380 networks",)


def test_further_columns_are_filled_by_sender_and_blank_elsewhere() -> None:
    table = listings.groups(world.GROUPS[:2], more={"d0": ("Reset",)}, columns=("Decision",))
    assert [row[-1] for row in table.rows] == ["Reset", None]


def test_checkpoints_show_outcome_and_remedy() -> None:
    row = listings.checks((Check("packages", "wrong", "duckdb is missing", "Start with run.py."),)).rows[0]
    assert row == ("packages", Badge("wrong", "bad"), "duckdb is missing", "Start with run.py.")


WIDE = Table(
    ("What", "Now", "Then"),
    (("box@adatum.example", None, "a sentence " * 12), ("https://login.example/" + "x" * 120, "there", "gone")),
    "Changes",
    note="A note.",
)


def test_a_row_stays_a_line_where_no_terminal_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = WIDE.text().splitlines()
    assert len(lines) == 5
    assert max(map(len, lines)) > 250


@pytest.mark.parametrize(("columns", "width"), [("100", 100), ("20", 80)], ids=["its width", "no narrower than 80"])
def test_a_table_wider_than_the_terminal_is_told_row_by_row(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = WIDE.text().splitlines()
    assert lines[:2] == ["Changes", "box@adatum.example"]
    assert lines[2].startswith("  Then  a sentence a sentence")
    assert lines[-4:] == ["https://login.example/" + "x" * 120, "  Now   there", "  Then  gone", "A note."]
    assert all(len(line) <= width for line in lines if "login" not in line)
    assert " ".join(WIDE.text().split()).count("a sentence") == 12


def test_a_table_that_fits_keeps_its_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert Table(("a", "b"), (("x", 1),), "Few").text().splitlines() == ["Few", "a  b", "x  1"]


def test_columns_in_which_no_row_says_anything_are_left_out() -> None:
    columns, rows = without_empty(("What", "Who", "When", "Why"), ((None, "", None, ()), (None, "", 0, ())))
    assert (columns, rows) == (("What", "When"), [(None, None), (None, 0)])
    assert without_empty(("What", "Who"), ()) == (("What",), [])


@pytest.mark.parametrize(
    ("source", "brief"),
    [
        pytest.param("a line\n" * 60, True, id="a page"),
        pytest.param("a line\n" * 61, False, id="more"),
        pytest.param("x" * 6_100, False, id="one line that is more"),
    ],
)
def test_what_is_folded_is_printed_where_a_page_has_room_for_it(source: str, brief: bool) -> None:
    assert ('class="mailauth code brief"' in Code("A query", source).html()) is brief


DORA = phrase(
    "{who} signed in from {place}.", who=Named("address", "dora@fabrikam.example"), place=Named("free", HOSTILE)
)


def test_a_name_in_a_sentence_is_isolated_and_escaped_wherever_a_sentence_stands() -> None:
    for view in (
        Table(("a", "b"), ((DORA, (DORA, Badge("open"))),), "x"),
        Callout("info", DORA, (DORA,), (DORA,)),
        Facts((("Who", DORA),)),
        Headline("quiet", DORA, (DORA,), also=(DORA,), dates=(Step(DORA, DORA, DORA),), lines=(("x", DORA),)),
        Headline("quiet", "x", ("y",), actions=(Step(DORA, DORA, DORA),)),
    ):
        shown = view.html()
        assert shown.count("<bdi>dora@<wbr>fabrikam.example</bdi> signed in from <bdi>&lt;script&gt;") >= 1
        assert "<script" not in shown
        assert "dora@fabrikam.example signed in from" in view.text()


def test_a_first_screen_names_each_next_step_with_its_day_and_its_reason() -> None:
    step = Step("by 11 December 2026", "Decide about the scanners", "Nobody has: notebook 10.")
    shown = Headline("exposed", "Three systems stop.", ("30 days.",), actions=(step,))
    assert (
        shown.html().index("Three systems stop.")
        < shown.html().index("What to do next")
        < shown.html().index("30 days")
    )
    assert '<div class="why">Nobody has: notebook 10.</div>' in shown.html()
    assert "Next, by 11 December 2026: Decide about the scanners" in shown.text()


def test_a_phrase_without_a_word_is_a_dash_in_a_table() -> None:
    assert 'aria-label="none"' in Table(("a", "b"), (("x", Phrase()),), "x").html()
