"""XOAUTH2 strings are as the protocol wants them, and nothing smuggled gets into one."""

import base64
import json

import pytest

from mailauth import sasl
from mailauth.errors import SaslError


def test_initial_response_is_the_documented_one() -> None:
    # The sample of "How to authenticate an IMAP, POP or SMTP application by using OAuth".
    made = sasl.initial_response("test@contoso.onmicrosoft.com", "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA")
    assert made == (
        "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ=="
    )


@pytest.mark.parametrize(
    ("user", "token", "complaint"),
    [
        pytest.param("", "t", "user is empty", id="no user"),
        pytest.param("a@b", "", "token is empty", id="no token"),
        pytest.param("a@b\x01auth=x", "t", "user holds a Control-A at position 3", id="smuggled"),
        pytest.param("a@b\r\nA1 X", "t", r"user holds a control character \(U\+000D\) at position 3", id="a line end"),
        pytest.param("a@b\n", "t", r"user holds a control character \(U\+000A\) at position 3", id="a bare LF"),
        pytest.param("a\0@b", "t", r"user holds a control character \(U\+0000\) at position 1", id="NUL"),
        pytest.param("a@b\x85", "t", r"user holds a control character \(U\+0085\) at position 3", id="NEL"),
        pytest.param(
            "a@b\u2028", "t", r"user holds a control character \(U\+2028\) at position 3", id="line separator"
        ),
        pytest.param("a@b\ud800", "t", r"user holds a control character \(U\+D800\) at position 3", id="half a sign"),
        pytest.param("a@b", "t\n", r"token holds a control character \(U\+000A\) at position 1", id="a token's own"),
    ],
)
def test_initial_response_names_the_field_it_rejects(user: str, token: str, complaint: str) -> None:
    with pytest.raises(SaslError, match=f"^{complaint}$"):
        sasl.initial_response(user, token)


def test_redact_shows_the_user_and_the_length_alone() -> None:
    assert sasl.redact(sasl.initial_response("ada@contoso.example", "x" * 1500)) == (
        "user=ada@contoso.example auth=Bearer <1500 characters>"
    )


@pytest.mark.parametrize(
    ("challenge", "refusal"),
    [
        pytest.param(
            # Google's own sample.
            "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K",
            sasl.Refusal("401", "https://mail.google.com/"),
            id="Google",
        ),
        pytest.param("eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIn0=", sasl.Refusal("invalid_token"), id="Dovecot"),
        pytest.param("", sasl.Refusal(), id="nothing"),
        pytest.param("no base64!", sasl.Refusal(), id="no base64"),
        pytest.param("AAAA", sasl.Refusal(), id="no JSON"),
        pytest.param("/////w==", sasl.Refusal(), id="no UTF-8"),
        pytest.param(base64.b64encode(b"[1, 2]").decode(), sasl.Refusal(), id="a list"),
        pytest.param(base64.b64encode(b"[" * 40_000).decode(), sasl.Refusal(), id="brackets without end"),
        pytest.param("e30=\u00e9", sasl.Refusal(), id="no ASCII"),
        pytest.param(base64.b64encode(json.dumps({"status": 401}).encode()).decode(), sasl.Refusal("401"), id="int"),
    ],
)
def test_read_refusal_reads_what_is_there(challenge: str, refusal: sasl.Refusal) -> None:
    assert sasl.read_refusal(challenge) == refusal
