"""Values as PowerShell writes them: what the grammar reads is what was meant, whatever the text holds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauth import literals
from mailauth.plan import Ref, Value
from tests import planned, powershell_grammar


def _apart(table: dict[str, object]) -> bool:
    return len({key.lower() for key in table}) == len(table)


TEXTS = st.text(st.characters(codec=None, exclude_categories=())) | st.sampled_from(planned.HOSTILE)
NAMES = st.text(st.sampled_from("abcAB.-' \u2019"), min_size=1, max_size=6)
VALUES: st.SearchStrategy[Any] = st.recursive(
    TEXTS | st.booleans() | st.none() | st.integers(-(2**31), 2**31 - 1) | st.builds(Ref, TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3).filter(_apart),
    max_leaves=8,
)


def _read(expression: str) -> Any:
    root = powershell_grammar.parse(f"Get-Thing -Value {expression}\r\n")
    (found,) = powershell_grammar.commands(root)
    assert found.name == "Get-Thing"
    assert not found.rest
    return found.values({})["Value"]


@pytest.mark.parametrize("text", planned.HOSTILE, ids=ascii)
def test_a_hostile_text_is_one_argument_and_says_what_it_said(text: str) -> None:
    assert _read(literals.quoted(text)) == text


@given(TEXTS)
def test_any_text_is_one_argument_and_says_what_it_said(text: str) -> None:
    assert _read(literals.quoted(text)) == text


@given(TEXTS)
def test_a_text_is_printable_ascii_on_one_line_whatever_code_page_reads_it(text: str) -> None:
    assert all(" " <= each <= "~" for each in literals.quoted(text))


@given(VALUES)
def test_a_value_comes_back_whole_on_one_line_or_laid_out(value: Value) -> None:
    assert _read(literals.literal(value)) == value
    assert _read(literals.literal(value, indent=0)) == value


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        pytest.param("it's", "'it''s'", id="a straight quote is doubled"),
        pytest.param("C:\\x $env:PATH `n", "'C:\\x $env:PATH `n'", id="nothing is expanded"),
        pytest.param("M\u00fcller", "([regex]::Unescape('M\\u00fcller'))", id="a letter beyond ASCII"),
        pytest.param("\u2019", "([regex]::Unescape('\\u2019'))", id="a quote from a word processor"),
        pytest.param("a\\\u00fc", "([regex]::Unescape('a\\\\\\u00fc'))", id="a backslash beside one"),
        pytest.param("\U0001f600", "([regex]::Unescape('\\ud83d\\ude00'))", id="two units"),
        pytest.param("", "''", id="nothing"),
    ],
)
def test_a_text_is_written_so(text: str, expression: str) -> None:
    assert literals.quoted(text) == expression


def test_a_list_alone_in_a_list_stays_one() -> None:
    assert literals.literal([["a", "b"]]) == "@(, @('a', 'b'))"


def test_keys_that_powershell_cannot_tell_apart_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^keys that differ in case only: Name, name$"):
        literals.literal({"name": 1, "Name": 2})


@given(TEXTS)
def test_no_text_leaves_its_comment(text: str) -> None:
    lines = literals.comment(text, label="Why: ")
    root = powershell_grammar.parse("\r\n".join([*lines, "Get-Thing"]) + "\r\n")
    assert [each.name for each in powershell_grammar.commands(root)] == ["Get-Thing"]
    assert all(line.startswith("# ") and line.splitlines() == [line] for line in lines)


@given(TEXTS)
def test_a_comment_ends_in_ascii_and_is_no_instruction_to_the_host(text: str) -> None:
    for line in literals.comment(text, label="1 of 1: "):
        assert line[-1:].isascii()
        assert not line.startswith(("#R", "#r", "# SIG"))


def test_a_file_begins_with_the_mark_that_windows_powershell_needs() -> None:
    assert literals.encoded("# \u00fc\r\n") == b"\xef\xbb\xbf# \xc3\xbc\r\n"
