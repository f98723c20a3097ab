"""IMAP as Exchange speaks it: greeting, states, refusals, reading; with clients that nobody here wrote, and noise."""

import base64
import imaplib
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from practice import cloud
from practice.mail import syntax
from tests.practice import mailing
from tests.practice.mailing import ADA, INVOICES, Raw
from tests.practice.woodgrove import TENANT, Woodgrove, woodgrove

pytest_plugins = ["tests.practice.mailfixtures"]

EARLY = (
    "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
)
LATE = (
    "* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES "
    "CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+"
)
MULTIPART = (
    "Received: from mx.example; Fri, 20 Nov 2026 08:00:00 +0000\r\n"
    "From: =?utf-8?q?B=C3=B6b?= <bob@fabrikam.example>\r\nTo: ada@woodgrove.example\r\n"
    "Date: Thu, 19 Nov 2026 10:00:00 +0000\r\nSubject: two\r\n parts\r\nMessage-ID: <1@fabrikam.example>\r\n"
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nfirst\r\n"
    "--b\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n"
)


@pytest.fixture
def letters() -> list[str]:
    return [MULTIPART]


@pytest.fixture
def client(practice: cloud.Cloud, token: str) -> Iterator[IMAPClient]:
    with _connected(practice) as client:
        client.oauth2_login(ADA, token)
        yield client


@pytest.fixture
def raw(practice: cloud.Cloud, served: Woodgrove) -> Iterator[Raw]:
    with Raw(practice, "imap") as raw:
        yield raw


def _connected(practice: cloud.Cloud) -> IMAPClient:
    host, port = mailing.place(practice.imap)
    return IMAPClient(host, port=port, ssl_context=mailing.trusting(practice), timeout=10)


def _login(raw: Raw, token: str) -> None:
    raw.line()
    assert raw.ask(f"A0 AUTHENTICATE XOAUTH2 {mailing.xoauth2(ADA, token)}") == "A0 OK AUTHENTICATE completed."


# --- the conversation -----------------------------------------------------------------------------


def test_the_greeting_names_the_server_in_base64(raw: Raw) -> None:
    said = raw.line()
    assert said.startswith("* OK The Microsoft Exchange IMAP4 service is ready. [")
    assert base64.b64decode(said[said.index("[") + 1 : -1]).decode("utf-16-le").endswith("OUTLOOK.EXAMPLE")


def test_capabilities_differ_before_and_after_authentication(raw: Raw, token: str) -> None:
    raw.line()
    raw.send(b"A1 CAPABILITY\r\n")
    assert [raw.line(), raw.line()] == [EARLY, "A1 OK CAPABILITY completed."]
    raw.ask(f"A2 AUTHENTICATE XOAUTH2 {mailing.xoauth2(ADA, token)}")
    raw.send(b"A3 CAPABILITY\r\n")
    assert [raw.line(), raw.line()] == [LATE, "A3 OK CAPABILITY completed."]


def test_a_token_comes_with_the_command_or_after_it(raw: Raw, token: str) -> None:
    raw.line()
    raw.send(b"A1 AUTHENTICATE XOAUTH2\r\n")
    assert raw.line() == "+ "
    assert raw.ask(mailing.xoauth2(ADA, token)) == "A1 OK AUTHENTICATE completed."


def test_no_challenge_follows_a_refusal_so_an_answer_to_one_is_an_error(raw: Raw) -> None:
    """I7."""
    raw.line()
    assert raw.ask(f"A1 AUTHENTICATE XOAUTH2 {mailing.xoauth2(ADA, 'x')}") == "A1 NO AUTHENTICATE failed."
    raw.send(b"\r\n")
    assert raw.line() == "* BAD Command Error. 12"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        pytest.param("A1 AUTHENTICATE XOAUTH2 not*base64", "A1 BAD Command Argument Error. 12", id="I24: no base64"),
        pytest.param("A1 AUTHENTICATE XOAUTH2 =", "A1 BAD Command Argument Error. 12", id="I24: empty"),
        pytest.param("A1 AUTHENTICATE XOAUTH2 YQ== YQ==", "A1 BAD Command Argument Error. 11", id="I24: wrapped"),
        pytest.param("A1 AUTHENTICATE XOAUTH2 dXNlcj1h", "A1 BAD Command Argument Error. 12", id="I24: cut off"),
        pytest.param(
            "A1 AUTHENTICATE XOAUTH2 " + mailing.xoauth2(ADA, "x" * 60)[:76],
            "A1 BAD Command Argument Error. 12",
            id="I24: wrapped at 76",
        ),
        pytest.param(
            f"A1 AUTHENTICATE XOAUTH2 {mailing.xoauth2(ADA, 'token with its line end' + chr(10))}",
            "A1 NO AUTHENTICATE failed.",
            id="I7: a line end in the token",
        ),
        pytest.param("A1 AUTHENTICATE CRAM-MD5", "A1 BAD Command Argument Error. 11", id="no such mechanism"),
        pytest.param("A1 LOGIN ada", "A1 BAD Command Argument Error. 11", id="an argument is missing"),
        pytest.param('A1 LOGIN "ada', "A1 BAD Command Argument Error. 11", id="an open quote"),
        pytest.param("A1 SELECT INBOX", "A1 BAD Command received in Invalid state.", id="I8: early"),
        pytest.param(
            "A1 APPEND INBOX {3+}\r\nabc", "A1 BAD Command received in Invalid state.", id="I8: with a literal"
        ),
        pytest.param("A1 STARTTLS", "A1 BAD Command received in Invalid state.", id="TLS already"),
        pytest.param("A1 FROBNICATE", "A1 BAD Command Error. 10", id="unknown"),
    ],
)
def test_a_command_that_cannot_be_is_told_why(command: str, said: str, raw: Raw) -> None:
    raw.line()
    assert raw.ask(command) == said


def test_a_second_authentication_is_an_invalid_state(raw: Raw, token: str) -> None:
    """I8."""
    _login(raw, token)
    assert raw.ask(f"A1 AUTHENTICATE XOAUTH2 {mailing.xoauth2(ADA, token)}").endswith(
        "Command received in Invalid state."
    )
    assert raw.ask("A2 FETCH 1 FLAGS") == "A2 BAD Command received in Invalid state."
    assert raw.ask("A3 EXAMINE INBOX") == "A3 OK [READ-ONLY] EXAMINE completed."


def test_the_third_invalid_command_closes(raw: Raw) -> None:
    """I19."""
    raw.line()
    raw.send(b"A1 SELECT INBOX\r\nA2 NOOP\r\nA3 LIST x y\r\nA4 SELECT INBOX\r\nA5 NOOP\r\n")
    invalid = "BAD Command received in Invalid state."
    assert raw.rest() == [
        f"A1 {invalid}",
        "A2 OK NOOP completed.",
        f"A3 {invalid}",
        f"A4 {invalid}",
        "* BYE Connection closed. 14",
    ]


def test_authenticated_but_not_connected_ends_the_same_way(
    practice: cloud.Cloud, raw: Raw, served: Woodgrove, token: str
) -> None:
    with mailing.changing(practice, served):
        served.ada_box.imap_enabled = False
    _login(raw, token)
    raw.send(b"A1 CAPABILITY\r\nA2 NAMESPACE\r\nA3 LIST x y\r\nA4 NOOP\r\n")
    said = "BAD User is authenticated but not connected."
    assert raw.rest()[1:] == [
        "A1 OK CAPABILITY completed.",
        f"A2 {said}",
        f"A3 {said}",
        f"A4 {said}",
        "* BYE Connection closed. 14",
    ]


def test_logout_works_in_every_state(practice: cloud.Cloud, raw: Raw, served: Woodgrove, token: str) -> None:
    with mailing.changing(practice, served):
        served.ada_box.imap_enabled = False
    _login(raw, token)
    raw.send(b"A1 LOGOUT\r\n")
    assert raw.rest() == ["* BYE Microsoft Exchange Server IMAP4 server signing off.", "A1 OK LOGOUT completed."]


def test_a_session_ends_with_its_token(practice: cloud.Cloud, served: Woodgrove, raw: Raw) -> None:
    """I17: at the next command where a trainer moves the clock, at once otherwise."""
    _login(raw, mailing.delegated(practice, served))
    practice.faults.clock.skew = timedelta(hours=2)
    raw.send(b"A1 NOOP\r\n")
    assert raw.rest() == ["* BYE Session invalidated - AccessTokenExpired"]
    practice.faults.clear()
    ends = int(practice.backend.now().timestamp()) + 2
    with Raw(practice, "imap") as idle:
        _login(idle, mailing.delegated(practice, served, exp=ends))
        assert idle.rest() == ["* BYE Session invalidated - AccessTokenExpired"]


def test_literals_are_taken_with_and_without_asking(
    practice: cloud.Cloud, raw: Raw, served: Woodgrove, token: str
) -> None:
    _login(raw, token)
    raw.send(b"A1 SELECT {5+}\r\nINBOX\r\n")
    assert raw.answer() == "A1 OK [READ-WRITE] SELECT completed."
    raw.send(b"A2 SELECT {5}\r\n")
    assert raw.line() == "+ Ready for additional command text."
    raw.send(b"inbox\r\n")
    assert raw.answer() == "A2 OK [READ-WRITE] SELECT completed."


@pytest.mark.parametrize("sign", ["", "+"])
def test_a_literal_that_is_too_large_is_never_read_as_commands(sign: str, raw: Raw, token: str) -> None:
    _login(raw, token)
    raw.send(f"A1 SELECT {{70000{sign}}}\r\nA2 NOOP\r\nA3 LOGOUT\r\n".encode())
    said = raw.rest()
    assert said[0] == "A1 BAD Command Argument Error. 11"
    assert ("A2 OK NOOP completed." in said) == (sign == "")


def test_an_endless_line_closes(raw: Raw) -> None:
    raw.line()
    raw.send(b"A1 " + b"x" * 70_000)
    assert raw.rest()[-1] == "* BYE Connection closed. 14"


# --- reading --------------------------------------------------------------------------------------


def test_imapclient_reads_a_mailbox(client: IMAPClient) -> None:
    folders = {name: flags for flags, _, name in client.list_folders()}
    assert set(folders) == {"INBOX", "Archive", "Deleted Items", "Drafts", "Junk Email", "Sent Items"}
    assert rb"\Trash" in folders["Deleted Items"]
    assert client.namespace().personal == (("", "/"),)
    assert client.folder_status("INBOX", ["MESSAGES", "UIDNEXT", "UNSEEN"]) == {
        b"MESSAGES": 2,
        b"UIDNEXT": 3,
        b"UNSEEN": 2,
    }
    selected = client.select_folder("INBOX", readonly=True)
    assert (selected[b"EXISTS"], selected[b"UIDNEXT"]) == (2, 3)
    found = client.fetch([2], ["ENVELOPE", "BODY.PEEK[]", "RFC822.SIZE", "INTERNALDATE", "BODYSTRUCTURE", "FLAGS"])[2]
    assert found[b"BODY[]"] == MULTIPART.encode()
    assert found[b"RFC822.SIZE"] == len(MULTIPART)
    assert str(found[b"ENVELOPE"].from_[0]) == "=?utf-8?q?B=C3=B6b?= <bob@fabrikam.example>"
    assert found[b"ENVELOPE"].subject == b"two parts"
    assert found[b"INTERNALDATE"].isoformat() == "2026-11-20T08:00:00"
    assert found[b"BODYSTRUCTURE"].is_multipart
    assert [part[1] for part in found[b"BODYSTRUCTURE"][0]] == [b"PLAIN", b"PDF"]


@pytest.mark.parametrize(
    ("section", "content"),
    [
        ("BODY.PEEK[1]", b"first"),
        ("BODY.PEEK[2]", b"JVBERg=="),
        ("BODY.PEEK[3]", None),
        (
            "BODY.PEEK[HEADER.FIELDS (Subject Message-ID)]",
            b"Subject: two\r\n parts\r\nMessage-ID: <1@fabrikam.example>\r\n\r\n",
        ),
        ("BODY.PEEK[TEXT]<0.5>", b"--b\r\n"),
        ("RFC822.TEXT", MULTIPART.partition("\r\n\r\n")[2].encode()),
        ("BODY.PEEK[2.MIME]", b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"),
    ],
)
def test_fetch_gives_the_bytes_that_were_stored(section: str, content: bytes | None, client: IMAPClient) -> None:
    client.select_folder("INBOX")
    found = client.fetch([2], [section])[2]
    del found[b"SEQ"]
    assert list(found.values()) == [content]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("ALL", [1, 2]),
        ("SEEN", []),
        ('SUBJECT "two"', [2]),
        ("NOT FROM bob@fabrikam.example", []),
        ("OR SUBJECT hello TEXT JVBER", [1, 2]),
        ("SINCE 20-Nov-2026", [2]),
        ("SENTBEFORE 20-Nov-2026 SENTON 19-Nov-2026", [2]),
        ("(1 UNSEEN) NOT LARGER 500", [1]),
        ("UID 2:*", [2]),
        ("HEADER Message-ID 1@fabrikam", [2]),
        ("BODY nowhere", []),
        ("2:* SMALLER 10", []),
    ],
)
def test_search_finds_what_is_asked(query: str, found: list[int], client: IMAPClient) -> None:
    client.select_folder("INBOX")
    assert client.search(query) == found


def test_what_would_change_the_mailbox_is_refused(client: IMAPClient) -> None:
    client.select_folder("INBOX")
    for act in (lambda: client.add_flags([1], [rb"\Seen"]), lambda: client.create_folder("New"), client.expunge):
        with pytest.raises(Exception, match=r"failed\."):
            act()
    assert client.search() == [1, 2]


def test_new_mail_and_deletions_are_told(practice: cloud.Cloud, client: IMAPClient, token: str) -> None:
    client.select_folder("INBOX")
    with mailing.smtp(practice, ADA, token) as sender:
        sender.sendmail(ADA, [ADA], b"From: ada@woodgrove.example\r\n\r\nnew\r\n")
    assert (3, b"EXISTS") in client.noop()[1]
    with mailing.pop(practice, ADA, token) as reader:
        reader.dele(1)
        reader.quit()
    client.idle()
    assert (1, b"EXPUNGE") in client.idle_done()[1]
    assert client.search() == [2, 3]
    with practice.states.reading(TENANT) as tenant:
        box = tenant.exchange.mailbox(ADA)
        assert box is not None
        assert (box.uids, box.uid_next) == ([2, 3], 4)


def test_a_folder_that_is_not_there_is_named(client: IMAPClient) -> None:
    with pytest.raises(Exception, match="Nowhere doesn't exist"):
        client.select_folder("Nowhere")


def test_imapclient_is_told_of_a_bad_token(practice: cloud.Cloud, served: Woodgrove) -> None:
    with _connected(practice) as client, pytest.raises(LoginError, match=r"AUTHENTICATE failed\."):
        client.oauth2_login(ADA, "no token")


def test_imaplib_and_plain_passwords(practice: cloud.Cloud, served: Woodgrove, token: str) -> None:
    with mailing.imap(practice, INVOICES, token) as client:
        assert client.select("INBOX", readonly=True) == ("OK", [b"0"])
    with Raw(practice, "imap") as raw:
        raw.line()
        secret = base64.b64encode(b"\0ada@woodgrove.example\0word").decode()
        assert raw.ask(f"A1 AUTHENTICATE PLAIN {secret}") == "A1 NO AUTHENTICATE failed."
    host, port = mailing.place(practice.imap)
    with (
        imaplib.IMAP4_SSL(host, port, ssl_context=mailing.trusting(practice)) as client,
        pytest.raises(imaplib.IMAP4.error, match=r"LOGIN failed\."),
    ):
        client.login(ADA, "word")


@pytest.mark.parametrize("initial", [True, False], ids=["with an initial response", "without"])
@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on this machine")
def test_curl_reads_a_mailbox(initial: bool, practice: cloud.Cloud, token: str, tmp_path: Path) -> None:
    said = mailing.curl(tmp_path, practice, f"imaps://{practice.imap}/INBOX;MAILINDEX=1", token, initial=initial)
    assert (said.returncode, said.stdout) == (0, woodgrove().ada_box.messages[0].encode())
    refused = mailing.curl(tmp_path, practice, f"imaps://{practice.imap}/", "no-token", initial=initial)
    assert refused.returncode == 67


# --- noise ----------------------------------------------------------------------------------------

_LINES = st.one_of(
    st.binary(max_size=300),
    st.sampled_from(
        [
            b'A1 LOGIN "a\0b" c',
            b"A1 SELECT {4+}\r\na\r\nb",
            b"A1 SELECT {99999999999}",
            b"A1 FETCH 1 (((((((((((((((((((((((",
            b"A1 FETCH 1:4294967295 BODY[99999.1.1.HEADER]",
            b'A1 UID FETCH *:* (BODY[HEADER.FIELDS ("a" b)])',
            b"A1 SEARCH " + b"NOT " * 300 + b"ALL",
            b"A1 SEARCH OR OR OR OR",
            b"A1 SEARCH SINCE 99-Foo-0000",
            b'A1 LIST "" ' + b"*" * 5000,
            b'A1 LIST "" {3+}\r\n&&&',
            b"A1 STATUS INBOX (((",
            b"A1 AUTHENTICATE XOAUTH2 " + base64.b64encode(b"user=a\r\nb\x01auth=Bearer c\0\x01\x01"),
            b"A1 AUTHENTICATE PLAIN AAAA",
            b"A1 IDLE",
            b"DONE",
            b"\xff\xfe {5+}",
            b"* BYE",
        ]
    ),
)


@pytest.mark.parametrize("state", ["early", "late", "selected", "unconnected"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(_LINES, max_size=8), torn=st.booleans())
def test_noise_is_answered_and_harms_nobody(
    state: str, lines: list[bytes], torn: bool, practice: cloud.Cloud, served: Woodgrove, token: str
) -> None:
    with mailing.changing(practice, served):
        served.ada_box.imap_enabled = state != "unconnected"
    with mailing.no_failures(), Raw(practice, "imap") as raw:
        if state != "early":
            _login(raw, token)
        if state == "selected":
            raw.ask("A1 SELECT INBOX")
        # What is still open after the noise (a line, a challenge, IDLE) swallows some of the farewells.
        raw.send(b"\r\n".join(lines) + (b"" if torn else b"\r\n") + b"\r\nZ LOGOUT\r\n" * 12)
        said = raw.rest()
    assert sum(map(len, said)) < 100_000
    assert not any("Traceback" in one or "Error:" in one for one in said)
    with mailing.changing(practice, served):
        served.ada_box.imap_enabled = True
    assert mailing.sign_in(practice, "imap", ADA, token)[0] == "OK AUTHENTICATE completed."


@given(text=st.binary(max_size=200))
def test_words_are_read_or_refused(text: bytes) -> None:
    try:
        syntax.nested(syntax.words([text]))
    except syntax.ArgumentError:
        return


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [("*", "Sent Items", True), ("%", "a/b", False), ("a/%", "a/b", True), ("a*b*", "axxbz", True), ("a%", "b", False)],
)
def test_wildcards(pattern: str, name: str, fits: bool) -> None:
    assert syntax.wildcard(pattern, name) is fits


def test_a_tenant_that_is_made_anew_numbers_its_messages_anew(
    practice: cloud.Cloud, served: Woodgrove, client: IMAPClient, token: str
) -> None:
    """RFC 3501: UIDVALIDITY grows, and is the same until then."""
    before = client.folder_status("INBOX", ["UIDVALIDITY"])[b"UIDVALIDITY"]
    with mailing.smtp(practice, ADA, token) as sender:
        sender.sendmail(ADA, [ADA], b"From: ada@woodgrove.example\r\n\r\nnew\r\n")
    assert client.select_folder("INBOX")[b"UIDVALIDITY"] == before
    practice.states.put(woodgrove(served.estate.now + timedelta(minutes=1)).estate.tenant)
    assert client.select_folder("INBOX")[b"UIDVALIDITY"] > before
