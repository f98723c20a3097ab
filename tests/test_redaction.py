"""A token is taken out of a text however a server sends it back, and nothing else is."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailauth.redaction import REDACTED, Redactor
from tests.wiretalk import CANARY, RESPONSE, leaked

REDACTOR = Redactor(CANARY)


def _b64(data: str) -> str:
    return base64.b64encode(data.encode()).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CANARY, id="as it is"),
        pytest.param(f"535 no: {CANARY}!", id="within words"),
        pytest.param(CANARY[100:130], id="a piece"),
        pytest.param(f"a {CANARY[:50]} b {CANARY[-50:]} c", id="two pieces"),
        pytest.param(CANARY.upper(), id="in capitals"),
        pytest.param(RESPONSE, id="the SASL string"),
        *(pytest.param(_b64("x" * offset + CANARY + "tail"), id=f"base64 at offset {offset}") for offset in range(4)),
        pytest.param(base64.urlsafe_b64encode(CANARY.encode()).decode(), id="base64 for URLs"),
        *(pytest.param(_b64("x" * offset + RESPONSE), id=f"base64 twice, at offset {offset}") for offset in range(3)),
        pytest.param(_b64(json.dumps({"status": "400", "error": f"bad {CANARY}"})), id="a challenge"),
        pytest.param(CANARY.encode().hex(), id="in hexadecimal"),
    ],
)
def test_no_piece_of_a_token_stays(text: str) -> None:
    shown = Redactor(CANARY)(text)
    assert REDACTED in shown
    assert leaked(shown) == []
    assert leaked(shown.lower(), CANARY.lower()) == []
    assert not any(CANARY.encode().hex()[place : place + 16] in shown for place in range(0, len(CANARY) * 2, 2))


@pytest.mark.parametrize("deep", [0, 1, 2])
@pytest.mark.parametrize("offset", range(4))
def test_the_search_for_leaks_finds_those_that_are_planted(deep: int, offset: int) -> None:
    text = "x" * offset + CANARY[200:260]
    for _ in range(deep):
        text = _b64("y" * offset + text)
    assert leaked(f"a line, {text}, and more") != []
    assert leaked("a line with nothing in it, " + _b64("nor in base64, at any offset")) == []


@given(st.text(max_size=30), st.integers(0, len(CANARY) - 8), st.integers(8, 60), st.text(max_size=30))
def test_a_piece_of_eight_is_found_anywhere(before: str, start: int, size: int, after: str) -> None:
    piece = CANARY[start : start + size]
    assert piece not in REDACTOR(before + piece + after)


@given(st.integers(0, len(CANARY) - 12), st.integers(0, 2))
def test_a_piece_in_base64_is_found_anywhere(start: int, offset: int) -> None:
    coded = _b64("x" * offset + CANARY[start : start + 12])
    assert leaked(REDACTOR(coded)) == []


def test_a_token_handed_out_over_many_lines_is_taken_out() -> None:
    lines = [f"* OK {CANARY[place : place + 8]}" for place in range(0, len(CANARY) - 8, 8)]
    assert {REDACTOR(line) for line in lines} == {f"* OK {REDACTED}"}


@pytest.mark.parametrize(
    "text",
    [
        "NO AUTHENTICATE failed.",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.",
        "* OK The Microsoft Exchange IMAP4 service is ready. [UABSAEEAQwBUAEkAQwBFADEALgBQAFIATwBEAC4A]",
        "",
        "\x00\x1b[31m\u00e9",
    ],
)
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert Redactor(CANARY, "pass word 1")(text) == text
    assert Redactor()(text) == text


@pytest.mark.parametrize("text", ["LOGIN pass word 1", _b64("\0ada\0pass word 1"), "PASS WORD 1"])
def test_a_password_goes_whole(text: str) -> None:
    assert REDACTED in Redactor("pass word 1")(text)


def test_words_that_a_password_is_made_of_stay() -> None:
    assert Redactor("authentication-failed!")("NO authentication") == "NO authentication"


def test_neighbours_share_a_mark() -> None:
    assert Redactor("first secret", "second one")("first secretsecond one, first secret") == (f"{REDACTED}, {REDACTED}")
