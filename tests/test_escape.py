"""Hostile text, in every place where it will stand."""

import csv
import html.parser
import io
import re
import unicodedata

import mistune
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauth import escape

TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b]")


class _Reader(html.parser.HTMLParser):
    """Collects what a browser would show, and every tag."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shown = ""
        self.tags: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.shown += data


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '" onmouseover="x', "' onmouseover='x", "a & b &lt;"])
def test_html_shows_markup_as_text_and_cannot_leave_an_attribute(text: str) -> None:
    made = escape.html(text)

    assert _Reader(made).shown == text
    assert _Reader(made).tags == []
    assert not {'"', "'"} & set(made)


def test_html_keeps_lines_and_tabs_of_a_query() -> None:
    assert escape.html("let x = 1;\r\n\tx | count\n") == "let x = 1;\n\tx | count\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("safe\u202egpj.exe", "safe[U+202E]gpj.exe", id="turned around"),
        pytest.param("pay\u200bpal", "pay[U+200B]pal", id="no width"),
        pytest.param("a\x1b[31mb", "a␛[31mb", id="terminal colours"),
        pytest.param("a\r\nb\tc\x00d\x7f", "a␍␊b␉c␀d␡", id="controls"),
        pytest.param("half \ud83d pair", "half [U+D83D] pair", id="surrogate"),
        pytest.param("tag\U000e0041", "tag[U+E0041]", id="tag letters"),
        pytest.param("Zoë Ångström 李明", "Zoë Ångström 李明", id="names stay"),
    ],
)
def test_line_shows_by_name_what_cannot_be_seen(text: str, shown: str) -> None:
    assert escape.line(text) == shown


def test_every_letter_that_turns_the_direction_is_named() -> None:
    turning = [chr(code) for code in range(0x110000) if unicodedata.bidirectional(chr(code)) in TURNING]

    assert len(turning) == 9
    assert not any(letter in escape.line(letter) or letter in escape.html(letter) for letter in turning)


def test_line_cuts_a_user_agent_of_five_megabytes() -> None:
    assert escape.line("A" * 5_000_000, limit=20) == "A" * 19 + "…"
    assert len(escape.line("\u202e" * 50, limit=20)) == 20
    assert escape.line("A" * 20, limit=20) == "A" * 20


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("  =1", "'  =1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("\t=1", "'␉=1"),
        ("\rcalc", "␍calc"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\ufe621", "'\ufe621"),
        ('"=1"', '\'"=1"'),
        ("\u200b=1", "[U+200B]=1"),
        ("\ufeff=1", "[U+FEFF]=1"),
        ('\ufeff"=1"', '[U+FEFF]"=1"'),
        ("\n=1", "'␊=1"),
        ('"\t=1', "'\"␉=1"),
        ("Mozilla/5.0 (a; b)", "Mozilla/5.0 (a; b)"),
        ("a; =cmd|' /C calc'!A0", "a;' =cmd|' /C calc'!A0"),
        ("first.last@example.org", "first.last@example.org"),
        ("", ""),
    ],
)
def test_a_cell_is_never_a_formula(text: str, made: str) -> None:
    assert escape.csv_cell(text) == made


@given(st.text(st.sampled_from("=+-@\uff1d \t\r\n\"';,a\u00a0\u3000|")))
def test_no_reading_of_a_cell_begins_a_formula(text: str) -> None:
    held = io.StringIO()
    csv.writer(held, quoting=csv.QUOTE_ALL).writerow(["first", escape.csv_cell(text)])

    for separator in ",;":
        for row in csv.reader(io.StringIO(held.getvalue()), delimiter=separator):
            assert not any(FORMULA.match(read) for read in row)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("Z" + "\u0301" * 100 + "algo", "Z" + "\u0301" * 4 + "[96 more marks]algo", id="one mark"),
        pytest.param("\u0e01" + "\u0e47" * 9, "\u0e01" + "\u0e47" * 4 + "[5 more marks]", id="Thai"),
        pytest.param("\u0627\u0651\u064e", "\u0627\u0651\u064e", id="Arabic as it is written"),
        pytest.param("a\u0323\u0302\u0301", "a\u0323\u0302\u0301", id="Vietnamese, taken apart"),
        pytest.param("\U0001f600" * 20, "\U0001f600" * 20, id="pictures"),
        pytest.param("\u2026" * 20, "\u2026" * 20, id="signs"),
    ],
)
def test_marks_piled_on_a_letter_are_counted_and_not_shown(text: str, shown: str) -> None:
    assert escape.html(text) == shown
    assert escape.line(text) == shown


@given(st.text(st.sampled_from("a\u0301\u0e47\u20dd\u0489\u064e\u200b =")))
def test_no_letter_carries_more_marks_than_a_writing_has(text: str) -> None:
    for place in (escape.html, escape.line, escape.csv_cell):
        assert not re.search(r"[\u0301\u0e47\u20dd\u0489\u064e]{5}", place(text))


@given(st.text(st.characters()))
def test_html_of_any_text_has_no_markup_and_can_be_written(text: str) -> None:
    made = escape.html(text)

    assert not re.search(r"[<>\"']|&(?!(?:amp|lt|gt|quot|#x27);)", made)
    assert isinstance(made.encode("utf-8"), bytes)


@given(st.text(st.characters()))
def test_any_text_can_be_written_wherever_it_stands(text: str) -> None:
    for place in (escape.html, escape.line, escape.csv_cell, escape.markdown):
        assert isinstance(place(text).encode("utf-8"), bytes)
        assert "\0" not in place(text)


@given(st.text(st.characters()))
def test_what_makes_a_cell_safe_is_one_line_and_never_a_formula(text: str) -> None:
    made = escape.csv_cell(text)

    assert not FORMULA.match(made)
    assert not {"\n", "\r", "\t"} & set(made)


def test_a_cell_of_five_megabytes_is_cut_to_what_a_spreadsheet_holds() -> None:
    assert len(escape.csv_cell("A" * 5_000_000)) == 32_000
    assert escape.csv_cell("=" + "A" * 5_000_000, limit=10) == "'=AAAAAAAA…"


@pytest.mark.parametrize(
    "text",
    [
        "[click](https://evil.example)",
        "![x](https://evil.example/pixel.png)",
        "<img src=x onerror=alert(1)>",
        "https://evil.example/ www.evil.example a@evil.example",
        "$x$ **bold** `code` ~~gone~~",
        "| a | b |",
        "# title",
        "1. list",
        "    code",
        "a\n\n- b",
        "&lt;b&gt; \\* &#42;",
    ],
)
def test_markdown_shows_text_as_it_is(text: str) -> None:
    reader = _Reader(str(mistune.html(escape.markdown(text))).strip())

    assert reader.tags == ["p"]
    assert reader.shown == escape.line(text).strip()
    assert "$" not in escape.markdown(text)
