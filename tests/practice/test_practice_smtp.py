"""Submission as Exchange speaks it: TLS first, EHLO again, AUTH in its forms, mail; with noise."""

import base64
import shutil
import smtplib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from practice import cloud
from tests.practice import mailing
from tests.practice.mailing import ADA, INVOICES, Raw
from tests.practice.woodgrove import TENANT, Woodgrove

pytest_plugins = ["tests.practice.mailfixtures"]

REFUSED = "535 5.7.3 Authentication unsuccessful [PRACTICE1.PRACP1.PROD.OUTLOOK.EXAMPLE]"
ANONYMOUS = "530 5.7.57 Client not authenticated to send mail"


@pytest.fixture
def raw(practice: cloud.Cloud, served: Woodgrove) -> Iterator[Raw]:
    with Raw(practice, "smtp") as raw:
        yield raw


def _extensions(raw: Raw) -> list[str]:
    raw.send(b"EHLO test\r\n")
    found = []
    while True:
        line = raw.line()
        found.append(line[4:])
        if line[3:4] == " ":
            return found[1:]


def test_auth_is_offered_under_tls_alone(raw: Raw) -> None:
    raw.line()
    common = ["SIZE 157286400", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES"]
    assert _extensions(raw) == [*common, "STARTTLS", "8BITMIME", "SMTPUTF8"]
    assert raw.ask(f"AUTH XOAUTH2 {mailing.xoauth2(ADA, 'x')}") == "504 5.7.4 Unrecognized authentication type"
    assert raw.ask(f"MAIL FROM:<{ADA}>") == ANONYMOUS


def test_a_client_greets_again_after_starttls(practice: cloud.Cloud, served: Woodgrove, token: str) -> None:
    with Raw(practice, "smtp") as raw:
        raw.start_tls()
        assert "AUTH LOGIN XOAUTH2" in _extensions(raw)
        assert "STARTTLS" not in _extensions(raw)
        assert raw.ask("STARTTLS") == "503 5.5.1 Bad sequence of commands"
        assert raw.ask(f"AUTH XOAUTH2 {mailing.xoauth2(ADA, token)}") == "235 2.7.0 Authentication successful"
    host, port = mailing.place(practice.smtp)
    with smtplib.SMTP(host, port, timeout=10) as client:
        client.starttls(context=mailing.trusting(practice))
        assert client.docmd("AUTH", f"XOAUTH2 {mailing.xoauth2(ADA, token)}") == (
            503,
            b"5.5.1 Bad sequence of commands",
        )


def test_nothing_said_in_the_clear_counts_under_tls(practice: cloud.Cloud, served: Woodgrove) -> None:
    with Raw(practice, "smtp") as raw:
        raw.answer()
        raw.ask("EHLO test")
        raw.send(b"STARTTLS\r\nNOOP\r\nQUIT\r\n")
        assert raw.line() == "220 2.0.0 SMTP server ready"
        raw.file.close()
        raw.sock = mailing.trusting(practice).wrap_socket(raw.sock, server_hostname="localhost")
        raw.file = raw.sock.makefile("rb")
        assert raw.ask("EHLO test") == "250 SMTPUTF8"


def test_a_token_comes_with_the_command_or_after_it(raw: Raw, token: str) -> None:
    raw.start_tls()
    assert raw.ask("AUTH XOAUTH2") == "334 "
    assert raw.ask(mailing.xoauth2(ADA, "x")) == REFUSED
    assert raw.ask("AUTH xoauth2") == "334 "
    assert raw.ask(mailing.xoauth2(ADA, token)) == "235 2.7.0 Authentication successful"
    assert raw.ask("AUTH XOAUTH2") == "503 5.5.1 Bad sequence of commands"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(["AUTH PLAIN AGEAYg=="], "504 5.7.4 Unrecognized authentication type", id="PLAIN is not offered"),
        pytest.param(["AUTH XOAUTH2 dXNlcj1h"], "501 5.5.4 Invalid arguments", id="S16: cut off"),
        pytest.param(
            ["AUTH XOAUTH2", mailing.xoauth2(ADA, "x" * 60)[:76]],
            "501 5.5.4 Invalid arguments",
            id="S16: wrapped",
        ),
        pytest.param(
            [f"AUTH XOAUTH2 {mailing.xoauth2(ADA, 'x' * 9_200)}"],
            "501 5.5.4 Invalid arguments",
            id="S16: too long",
        ),
        pytest.param(["AUTH XOAUTH2", mailing.xoauth2(ADA, "x" * 9_200)], REFUSED, id="S8: as long, in two lines"),
        pytest.param(["AUTH XOAUTH2 " + mailing.xoauth2(ADA, "x\n")], REFUSED, id="S8: a line end in the token"),
        pytest.param(["AUTH XOAUTH2 not*base64"], "501 5.5.2 Cannot Base64 decode", id="S16"),
        pytest.param(["AUTH XOAUTH2", ""], "501 5.5.2 Cannot Base64 decode", id="S16: an empty answer"),
        pytest.param(["AUTH XOAUTH2", "*"], "501 5.5.4 Invalid arguments", id="S16: given up"),
        pytest.param(["AUTH"], "504 5.7.4 Unrecognized authentication type", id="no mechanism"),
        pytest.param([f"MAIL FROM:<{ADA}>"], ANONYMOUS, id="S13"),
        pytest.param([f"RCPT TO:<{ADA}>"], ANONYMOUS, id="S13: RCPT"),
        pytest.param(["DATA"], ANONYMOUS, id="S13: DATA"),
        pytest.param(["FROBNICATE"], "500 5.3.3 Unrecognized command", id="unknown"),
        pytest.param([""], "500 5.3.3 Unrecognized command", id="empty"),
    ],
)
def test_a_command_that_cannot_be_is_told_why(lines: list[str], said: str, raw: Raw) -> None:
    raw.start_tls()
    assert [raw.ask(one) for one in lines][-1] == said


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([f"RCPT TO:<{INVOICES}>"], "503 5.5.1 Bad sequence of commands"),
        ([f"MAIL FROM:<{ADA}>", "DATA"], "503 5.5.1 Bad sequence of commands"),
        ([f"MAIL FROM:<{ADA}>", f"MAIL FROM:<{ADA}>"], "503 5.5.1 Bad sequence of commands"),
        (["MAIL FROM:ada"], "501 5.5.4 Invalid arguments"),
        ([f"MAIL FROM:<{ADA}>", "RCPT TO:<nobody>"], "501 5.5.4 Invalid arguments"),
        ([f"MAIL FROM:<{ADA}> SIZE=999999999"], "552 5.3.4 Message size exceeds fixed maximum message size"),
        ([f"MAIL FROM:<{ADA}> SIZE=10 BODY=8BITMIME"], "250 2.1.0 Sender OK"),
        (["MAIL FROM:<>"], "250 2.1.0 Sender OK"),
        (["NOOP"], "250 2.0.0 OK"),
        (["QUIT"], "221 2.0.0 Service closing transmission channel"),
    ],
)
def test_a_signed_in_client_is_told_what_is_wrong(lines: list[str], said: str, raw: Raw, token: str) -> None:
    raw.start_tls()
    raw.ask(f"AUTH XOAUTH2 {mailing.xoauth2(ADA, token)}")
    assert [raw.ask(one) for one in lines][-1] == said


def test_too_many_errors_close(raw: Raw) -> None:
    raw.start_tls()
    raw.send(b"X\r\n" * 12)
    assert raw.rest()[9:] == [
        "500 5.3.3 Unrecognized command",
        "421 4.7.0 Too many errors on this connection, closing transmission channel",
    ]


def test_a_message_that_is_too_large_is_read_and_refused(practice: cloud.Cloud, served: Woodgrove, token: str) -> None:
    practice.backend.mail = replace(practice.backend.mail, message_bytes=2_000)
    with mailing.smtp(practice, ADA, token) as client:
        client.mail(ADA)
        client.rcpt(INVOICES)
        assert client.data(b"Subject: x\r\n\r\n" + b"y" * 80 + b"\r\n" * 2_000)[0] == 552
        assert client.noop()[0] == 250
    assert served.invoices.messages == []


def test_of_a_large_message_the_beginning_is_kept(practice: cloud.Cloud, served: Woodgrove, token: str) -> None:
    practice.backend.mail = replace(practice.backend.mail, kept_bytes=2_000)
    body = b"Subject: scan\r\n\r\n" + (b"y" * 98 + b"\r\n") * 20_000 + b"z\r\n"
    with mailing.smtp(practice, ADA, token) as client:
        assert client.sendmail(ADA, [INVOICES], body) == {}
    (kept,) = mailing.box(practice, INVOICES).messages
    assert kept.endswith("y\r\n")
    assert len(kept) < 2_200
    with practice.states.reading(TENANT) as tenant:
        assert tenant.exchange.traced_messages[-1].size == len(body)


def test_an_endless_line_closes(raw: Raw) -> None:
    raw.line()
    raw.send(b"x" * 70_000)
    assert raw.rest() == ["500 5.5.2 Line too long"]


def test_a_lone_line_feed_ends_no_message(raw: Raw, served: Woodgrove, token: str) -> None:
    """A second message hidden behind one would be sent under the first one's name."""
    raw.start_tls()
    raw.ask(f"AUTH XOAUTH2 {mailing.xoauth2(ADA, token)}")
    raw.ask(f"MAIL FROM:<{ADA}>")
    raw.ask(f"RCPT TO:<{INVOICES}>")
    assert raw.ask("DATA").startswith("354")
    raw.send(b"Subject: one\r\n\r\nx\n.\nMAIL FROM:<ceo@woodgrove.example>\r\n.\r\n")
    assert raw.line().startswith("250 2.0.0 OK")
    assert len(served.invoices.messages) == 1


def test_smtplib_signs_in_by_its_own_method(practice: cloud.Cloud, served: Woodgrove, token: str) -> None:
    with mailing.smtp(practice) as client:
        said = base64.b64decode(mailing.xoauth2(ADA, token)).decode()
        assert client.auth("XOAUTH2", lambda challenge=None: said)[0] == 235


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on this machine")
@pytest.mark.parametrize("initial", [True, False], ids=["one line", "two lines"])
def test_curl_sends_a_message(
    initial: bool, practice: cloud.Cloud, served: Woodgrove, token: str, tmp_path: Path
) -> None:
    letter = tmp_path / "letter"
    letter.write_bytes(f"From: {ADA}\r\nSubject: by curl\r\n\r\nHello\r\n".encode())
    more = ["--ssl-reqd", "--mail-from", ADA, "--mail-rcpt", INVOICES, "--upload-file", str(letter)]
    said = mailing.curl(tmp_path, practice, f"smtp://{practice.smtp}", token, *more, initial=initial)
    assert said.returncode == 0, said.stderr
    with practice.states.reading(TENANT) as tenant:
        box = tenant.exchange.mailbox(INVOICES)
        assert box is not None
        assert "Subject: by curl" in box.messages[-1]
    assert (
        mailing.curl(tmp_path, practice, f"smtp://{practice.smtp}", "no-token", *more, initial=initial).returncode == 67
    )


_LINES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"EHLO \0",
            b"AUTH LOGIN",
            b"AUTH LOGIN AAAA",
            b"AUTH XOAUTH2 " + base64.b64encode(b"user=a\r\n\x01auth=Bearer \0\x01\x01"),
            b"MAIL FROM:<a\nb@woodgrove.example>",
            b"MAIL FROM:<ada@woodgrove.example> SIZE=" + b"9" * 500,
            b"MAIL FROM:<ada@woodgrove.example>",
            b"RCPT TO:<invoices@woodgrove.example>",
            b"RCPT TO:<\xff@\xfe>",
            b"DATA",
            b'From: =?utf-8?q?=00=ff?= <((((("',
            b".",
            b"BDAT 5 LAST",
        ]
    ),
)


@pytest.mark.parametrize("state", ["clear", "secured", "signed in", "in a message"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(_LINES, max_size=8))
def test_noise_is_answered_and_harms_nobody(
    state: str, lines: list[bytes], practice: cloud.Cloud, served: Woodgrove, token: str
) -> None:
    with mailing.no_failures(), Raw(practice, "smtp") as raw:
        if state == "clear":
            raw.line()
        else:
            raw.start_tls()
        if state in ("signed in", "in a message"):
            raw.ask(f"AUTH XOAUTH2 {mailing.xoauth2(ADA, token)}")
        if state == "in a message":
            raw.send(f"MAIL FROM:<{ADA}>\r\nRCPT TO:<{INVOICES}>\r\nDATA\r\n".encode())
        raw.send(b"\r\n".join(lines) + b"\r\n.\r\n" + b"QUIT\r\n" * 3)
        said = raw.rest()
    assert sum(map(len, said)) < 100_000
    assert mailing.sign_in(practice, "smtp", ADA, token)[0] == "235 2.7.0 Authentication successful"
