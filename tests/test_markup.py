"""The one place in which a cell becomes HTML: whatever stands in it, a reader sees text."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauth.phrases import Named, Phrase
from mailauth.views import markup

ANY = st.text(st.characters(), max_size=300)
NASTY = st.text(st.sampled_from("<>&\"'@=-W\u0301\u202e\u200b\x00\n "), max_size=300)


def _without(made: str, *tags: str) -> str:
    """Return what a browser shows of HTML in which no other tags than these stand."""
    return html.unescape(re.sub(rf"</?(?:{'|'.join(tags)})>", "", made))


@given(ANY | NASTY)
def test_a_cell_of_text_has_no_tag_but_places_to_break(text: str) -> None:
    made = markup.html(text)

    if text:
        assert not re.search(r"<(?!wbr>)", made)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u200b\u202a-\u202e]", made)
        assert len(_without(made, "wbr")) <= 6_000


@given(st.text(st.sampled_from("<>&\"'@-aW "), min_size=1, max_size=200))
def test_a_cell_shows_what_it_was_given(text: str) -> None:
    assert _without(markup.html(text), "wbr") == text


@given(ANY | NASTY)
def test_a_name_in_a_sentence_is_text_and_kept_apart(text: str) -> None:
    made = markup.said(Phrase(("Seen: ", Named("person", text), ".")))

    assert made.startswith("Seen: ")
    assert made.endswith(".")
    assert not re.search(r"<(?!wbr>|/?bdi>)", made)


@given(st.text(st.sampled_from("WwM"), min_size=1, max_size=400))
def test_no_word_is_longer_than_a_line_of_a_telephone_can_hold(text: str) -> None:
    assert max(map(len, markup.html(text).split("<wbr>"))) <= 49


@given(st.lists(ANY, min_size=1, max_size=4))
def test_several_values_are_lines_of_text(texts: list[str]) -> None:
    assert not re.search(r"<(?!wbr>|/?div|span class=\"none\"|/span)", markup.html(texts))


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "http://evil.example", "https://a b", ""]
)
def test_a_link_that_leads_elsewhere_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="the address is neither https nor a plain relative path"):
        markup.Link("x", address)
