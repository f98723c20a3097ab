"""YAML that a person wrote: read with its lines, or refused with the line and what would be right."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ConfigDict, Field

from mailauth import documents
from mailauth.documents import Mark
from mailauth.errors import ConfigurationError


def test_every_value_knows_its_line() -> None:
    document = documents.parse("a: 1\nb:\n  - x\n  - {c: 2}\n", "f.yaml")
    assert document.data == {"a": 1, "b": ["x", {"c": 2}]}
    assert document.mark(("b", 1, "c")) == Mark("f.yaml", 4)
    assert str(document.mark(("b", 1, "missing"))) == "f.yaml line 4"
    assert document.at(("b", 0)) == "x"
    assert document.at(("b", 7, "c")) is None


def test_words_stay_words_and_a_date_that_is_none_stays_text() -> None:
    document = documents.parse("a: yes\nb: off\nc: 2026-13-45\nd: 'quoted: colon'\n10.0.0.1: e\n1: f", "f.yaml")
    assert document.data == {"a": "yes", "b": "off", "c": "2026-13-45", "d": "quoted: colon", "10.0.0.1": "e", "1": "f"}


def test_an_alias_and_a_merge_save_repetition() -> None:
    text = "base: &b {x: 1, y: 2}\none: *b\ntwo:\n  <<: *b\n  y: 3\nthree: {<<: [*b, {z: 4}]}\n"
    data = documents.parse(text, "f.yaml").data
    assert data["one"] == {"x": 1, "y": 2}
    assert data["two"] == {"x": 1, "y": 3}
    assert data["three"] == {"x": 1, "y": 2, "z": 4}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "f.yaml line 1: the file is empty; expected a mapping", id="empty"),
        pytest.param("# only a comment\n", "f.yaml line 1: the file is empty", id="comment"),
        pytest.param("- a\n- b\n", "f.yaml line 1: found a list; expected `key: value` lines at the top", id="list"),
        pytest.param("\n\nwords", "f.yaml line 3: found a single value; expected", id="words"),
        pytest.param("a:\n\tb: 1\n", "f.yaml line 2: not YAML: a tab; YAML is indented with spaces", id="tab"),
        pytest.param("a:\n  b: 1\n\tc: 1\n", "f.yaml line 3: not YAML: a tab", id="tab later"),
        pytest.param("a: b: c\n", "f.yaml line 1: not YAML: a second colon", id="colon"),
        pytest.param("a: [1\nb: 2\n", "f.yaml line 2: not YAML: ", id="bracket"),
        pytest.param("a: 'x\n", "f.yaml line 2: not YAML: found unexpected end", id="quote"),
        pytest.param("a: \x00\n", "f.yaml line 1: not YAML: a character that text", id="NUL"),
        pytest.param("a: 1\n---\nb: 2\n", "f.yaml line 2: not YAML: ", id="two documents"),
        pytest.param(
            "a: 1\nb: 2\na: 3\n", "f.yaml line 3: found the key 'a' a second time; line 1 has it too", id="twice"
        ),
        pytest.param("x:\n  - {a: 1, a: 1}\n", "f.yaml line 2: found the key 'a' a second time", id="twice inside"),
        pytest.param("a: !!python/object:os.system x\n", "f.yaml line 1: found a tag", id="tag"),
        pytest.param("a: !mine x\n", "f.yaml line 1: found a tag", id="own tag"),
        pytest.param("[a, b]: c\n", "f.yaml line 1: found a list as a key; expected a word", id="key"),
        pytest.param("a: *b\n", "f.yaml line 1: not YAML: ", id="alias of nothing"),
        pytest.param("a: &x [*x]\n", "f.yaml line 1: found an alias to something that it is a part of", id="circle"),
        pytest.param("a: &x {<<: *x}\n", "f.yaml line 1: found `<<` with something", id="circle of merges"),
        pytest.param("a: {<<: 1}\n", "f.yaml line 1: found `<<` with something", id="merge of a number"),
        pytest.param("a: " + "[" * 5000, "f.yaml: nested too deeply", id="deep"),
    ],
)
def test_what_is_no_document_is_named_with_its_line(text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        documents.parse(text, "f.yaml")
    assert str(caught.value).startswith(complaint)


def test_a_line_that_cannot_be_read_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as caught:
        documents.parse('a: 1\nsecret: "cAn8ary~value" again: x\n', "f.yaml")
    assert "line 2" in str(caught.value)
    assert "cAn8ary" not in str(caught.value)
    assert caught.value.__context__ is None


def test_aliases_that_multiply_are_stopped() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 30)}]\n" for n in range(1, 9))
    with pytest.raises(ConfigurationError, match="more than 500,000 values; aliases multiply them"):
        documents.parse("a0: &a0 x\n" + levels, "f.yaml")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        pytest.param(b"a: 1\nb: \xe4\n", "f.yaml line 2: found byte 0xe4; expected UTF-8", id="Latin-1"),
        pytest.param("a: 1".encode("utf-16"), "f.yaml line 1: found UTF-16; expected UTF-8", id="UTF-16"),
        pytest.param(b"PK\x03\x04\xff", "f.yaml line 1: found byte 0xff", id="binary"),
    ],
)
def test_a_file_that_is_not_utf8_is_named_with_its_line(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        documents.read(path, expected="a file")
    assert str(caught.value).startswith(complaint)


def test_a_byte_order_mark_and_windows_lines_are_accepted(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert documents.parse(documents.read(path, expected=""), "f.yaml").data == {"a": 1, "b": 2}
    assert documents.parse("\ufeffa: 1", "f.yaml").data == {"a": 1}


def test_a_missing_file_and_a_folder_are_named_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nothing\.yaml: no such file; expected a list of things\.$"):
        documents.read(tmp_path / "nothing.yaml", expected="a list of things")
    with pytest.raises(ConfigurationError, match=r": is a folder; expected a list of things\.$"):
        documents.read(tmp_path, expected="a list of things")


@dataclass(frozen=True, kw_only=True)
class _Inner:
    __pydantic_config__ = ConfigDict(extra="forbid")

    size: Annotated[int, Field(description="a size in millimetres")]
    key: Annotated[str, Field(description="the id", repr=False)] = ""


@dataclass(frozen=True, kw_only=True)
class _Outer:
    __pydantic_config__ = ConfigDict(extra="forbid")

    items: Annotated[tuple[_Inner, ...], Field(description="a list of items")]


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = "items:\n  - {size: large, seize: 1}\n  - {key: 5}\n  - 7\nitmes: 1\n"
    with pytest.raises(ConfigurationError) as caught:
        documents.check(documents.parse(text, "f.yaml"), _Outer)
    assert str(caught.value).splitlines() == [
        "f.yaml line 2: items[0].seize: unknown key; did you mean 'size'? expected one of size, key.",
        "f.yaml line 2: items[0].size: found 'large'; expected a size in millimetres.",
        "f.yaml line 3: items[1].key: found text of 1 characters, not shown; expected the id.",
        "f.yaml line 3: items[1].size: missing; expected a size in millimetres.",
        "f.yaml line 4: items[2]: found 7; expected a list of items.",
        "f.yaml line 5: itmes: unknown key; did you mean 'items'? expected one of items.",
    ]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"),
        (True, "true"),
        ("a\n\x1b[31m", r"'a\n\x1b[31m'"),
        ("x" * 200, "'" + "x" * 60 + "…'"),
        ({}, "an empty mapping"),
        ([1], "a list"),
    ],
)
def test_what_was_found_is_shown_short_and_harmless(value: object, shown: str) -> None:
    assert documents.show(value) == shown


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%@`#,? \n\t\r\x00\ufeff<0.~_é")) | st.text(max_size=60))
def test_no_text_gets_past_the_configuration_error(text: str) -> None:
    told = "f.yaml"
    try:
        documents.parse(text, "f.yaml")
    except ConfigurationError as error:
        told = str(error)
    assert told.startswith("f.yaml")
