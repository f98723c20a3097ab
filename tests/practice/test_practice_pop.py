"""POP as Exchange speaks it: the two-line AUTH, its refusals, reading and deleting; with noise."""

import base64
import poplib
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practice import cloud
from tests.practice import mailing
from tests.practice.mailing import ADA, Raw
from tests.practice.woodgrove import TENANT, Woodgrove, woodgrove

pytest_plugins = ["tests.practice.mailfixtures"]

REFUSED = "-ERR Authentication failure: unknown user name or bad password."
STATE = "-ERR Command is not valid in this state."
CLOSED = "-ERR Connection is closed. 21"


@pytest.fixture
def letters() -> list[str]:
    return ["Subject: second\r\n\r\none\r\n.two\r\nthree\r\n"]


@pytest.fixture
def raw(practice: cloud.Cloud, served: Woodgrove) -> Iterator[Raw]:
    with Raw(practice, "pop") as raw:
        yield raw


def _login(raw: Raw, token: str) -> None:
    raw.line()
    assert raw.ask("AUTH XOAUTH2") == "+ "
    assert raw.ask(mailing.xoauth2(ADA, token)) == "+OK User successfully authenticated."


def test_the_greeting_names_the_server_in_base64(raw: Raw) -> None:
    said = raw.line()
    assert said.startswith("+OK The Microsoft Exchange POP3 service is ready. [")
    assert base64.b64decode(said[said.index("[") + 1 : -1]).decode("utf-16-le").endswith("OUTLOOK.EXAMPLE")


def test_the_initial_response_has_a_line_of_its_own(raw: Raw, token: str) -> None:
    """P2."""
    raw.line()
    assert raw.ask(f"AUTH XOAUTH2 {mailing.xoauth2(ADA, token)}").startswith("-ERR")
    assert raw.ask("AUTH XOAUTH2") == "+ "
    assert raw.ask(mailing.xoauth2(ADA, token)) == "+OK User successfully authenticated."


@pytest.mark.parametrize("said", ["", "*", "not base64", "dXNlcj1h", "====", "YQ==\x00"])
def test_a_response_that_is_none_is_a_refusal(said: str, raw: Raw) -> None:
    raw.line()
    raw.ask("AUTH XOAUTH2")
    assert raw.ask(said) == REFUSED


def test_commands_out_of_their_state_are_refused_and_the_third_closes(raw: Raw, token: str) -> None:
    """P5."""
    raw.line()
    raw.send(b"STAT\r\nCAPA\r\nPASS word\r\nLIST\r\nQUIT\r\n")
    said = raw.rest()
    assert [one for one in said if one.startswith("-")] == [STATE, STATE, STATE, CLOSED]
    assert said[1:7] == ["+OK", "TOP", "UIDL", "SASL PLAIN XOAUTH2", "USER", "."]


def test_a_second_authentication_is_not_valid(raw: Raw, token: str) -> None:
    _login(raw, token)
    assert raw.ask("AUTH XOAUTH2") == STATE
    assert raw.ask("USER ada") == STATE
    assert raw.ask("STAT") == "+OK 2 94"


def test_authenticated_but_not_connected_closes_after_the_third_command(
    practice: cloud.Cloud, raw: Raw, served: Woodgrove, token: str
) -> None:
    """P3."""
    with mailing.changing(practice, served):
        served.ada_box.pop_enabled = False
    _login(raw, token)
    raw.send(b"STAT\r\nLIST\r\nUIDL\r\nQUIT\r\n")
    assert raw.rest() == ["-ERR User is authenticated but not connected."] * 3 + [CLOSED]


def test_a_session_ends_with_its_token(practice: cloud.Cloud, raw: Raw, token: str) -> None:
    _login(raw, token)
    practice.faults.clock.skew = timedelta(hours=2)
    raw.send(b"NOOP\r\n")
    assert raw.rest() == ["-ERR Session invalidated - AccessTokenExpired"]


def test_poplib_reads(practice: cloud.Cloud, token: str) -> None:
    with mailing.pop(practice, ADA, token) as client:
        assert client.stat() == (2, 94)
        assert client.list()[1] == [b"1 57", b"2 37"]
        single: Any = client.list(2)
        assert single == b"+OK 2 37"
        assert client.retr(2)[1] == [b"Subject: second", b"", b"one", b".two", b"three"]
        assert client.top(2, 1)[1] == [b"Subject: second", b"", b"one"]
        uids = client.uidl()[1]
        assert client.capa() == {"TOP": [], "UIDL": [], "SASL": ["PLAIN", "XOAUTH2"], "USER": []}
        with pytest.raises(poplib.error_proto, match="out of range"):
            client.retr(3)
        client.quit()
    with mailing.pop(practice, ADA, token) as again:
        assert again.uidl()[1] == uids


@pytest.mark.parametrize(
    ("commands", "left"),
    [
        (["DELE 1", "QUIT"], 1),
        (["DELE 1", "RSET", "QUIT"], 2),
        (["DELE 1"], 2),
        (["DELE 1", "DELE 1", "DELE 2", "QUIT"], 0),
    ],
    ids=["deleted", "taken back", "hung up", "both"],
)
def test_deleting_counts_after_quit(commands: list[str], left: int, practice: cloud.Cloud, token: str) -> None:
    with Raw(practice, "pop") as raw:
        _login(raw, token)
        for command in commands:
            raw.ask(command)
        assert commands[-1] == "QUIT" or raw.ask("STAT") == "+OK 1 37"
    with practice.states.reading(TENANT) as tenant:
        box = tenant.exchange.mailbox(ADA)
        assert box is not None
        assert len(box.messages) == left


def test_an_endless_line_closes(raw: Raw) -> None:
    raw.line()
    raw.send(b"x" * 70_000)
    assert raw.rest() == ["-ERR Protocol error. 14"]


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on this machine")
def test_curl_reads_a_message(practice: cloud.Cloud, token: str, tmp_path: Path) -> None:
    said = mailing.curl(tmp_path, practice, f"pop3s://{practice.pop}/1", token, initial=False)
    assert (said.returncode, said.stdout) == (0, woodgrove().ada_box.messages[0].encode())
    refused = mailing.curl(tmp_path, practice, f"pop3s://{practice.pop}/1", "no-token", initial=False)
    assert refused.returncode == 67


_LINES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"AUTH XOAUTH2",
            b"AUTH PLAIN",
            b"AAAA",
            b"USER \0",
            b"PASS a\0b",
            b"RETR 99999999999999999999",
            b"TOP 1 -1",
            b"DELE 0",
        ]
    ),
)


@pytest.mark.parametrize("state", ["early", "late", "unconnected"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(_LINES, max_size=8))
def test_noise_is_answered_and_harms_nobody(
    state: str, lines: list[bytes], practice: cloud.Cloud, served: Woodgrove, token: str
) -> None:
    with mailing.changing(practice, served):
        served.ada_box.pop_enabled = state != "unconnected"
    with mailing.no_failures(), Raw(practice, "pop") as raw:
        if state != "early":
            _login(raw, token)
        raw.send(b"\r\n".join(lines) + b"\r\nRSET\r\nQUIT\r\nQUIT\r\n")
        said = raw.rest()
    assert sum(map(len, said)) < 100_000
    with mailing.changing(practice, served):
        served.ada_box.pop_enabled = True
    assert mailing.sign_in(practice, "pop", ADA, token)[0] == "+OK User successfully authenticated."


def test_a_line_that_is_a_dot_ends_no_message(practice: cloud.Cloud, raw: Raw, served: Woodgrove, token: str) -> None:
    with mailing.changing(practice, served):
        served.ada_box.messages = ["Subject: dots\r\n\r\n.\r\n.two\r\nthree\r\n"]
    _login(raw, token)
    for command in ("RETR 1", "TOP 1 9"):
        raw.send(command.encode() + b"\r\n")
        assert [raw.line() for _ in range(7)] == ["+OK", "Subject: dots", "", "..", "..two", "three", "."]
