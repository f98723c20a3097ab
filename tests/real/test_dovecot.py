"""Where the protocol decides, a packaged Dovecot and the practice servers end the same client session alike.

Both take the same tokens: Dovecot validates them with the public part of the practice cloud's signing key. The
clients are the standard library's and imapclient; a session's outcome is a class a step, never a text.
"""

import base64
import imaplib
import poplib
import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from practice import cloud
from tests.practice import mailing
from tests.practice.mailing import ADA, INVOICES, Raw
from tests.practice.woodgrove import running, woodgrove
from tests.real.dovecot import FACES, Server, dovecot

Outcome = list[tuple[str, str]]


@dataclass(frozen=True)
class Pair:
    """The two that are compared, and the practice cloud, which signs for both."""

    practice: cloud.Cloud
    dovecot: Server
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    made = woodgrove()
    with running(made) as practice, dovecot(practice) as server:
        now = int(practice.backend.now().timestamp())
        good = mailing.delegated(practice, made)
        head, body, seal = good.split(".")
        tokens = {
            "good": good,
            "malformed": "no token",
            "forged": f"{head}.{body}.{seal[::-1]}",
            "expired": mailing.delegated(practice, made, iat=now - 7200, nbf=now - 7200, exp=now - 3600),
        }
        yield Pair(practice, server, tokens)


# --- sessions -------------------------------------------------------------------------------------


def _context(server: Any) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca_file))


def _step(act: Callable[[], object]) -> str:
    """Return the class of what came of a step."""
    try:
        act()
    except (IMAPClientError, imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPException):
        return "refused"
    return "ok"


def imap_session(server: Any, token: str) -> Outcome:
    """Sign in with imapclient, list, look, leave."""
    host, port = mailing.place(server.imap)
    client = IMAPClient(host, port=port, ssl_context=_context(server), timeout=10)
    found = [("login", _step(lambda: client.oauth2_login(ADA, token)))]
    if found[-1][1] == "ok":
        found.append(("list", _step(client.list_folders)))
        found.append(("examine", _step(lambda: client.select_folder("INBOX", readonly=True))))
        found.append(("status", _step(lambda: client.folder_status("INBOX", ["MESSAGES"]))))
        found.append(("search", _step(client.search)))
        found.append(("nowhere", _step(lambda: client.select_folder("Nowhere"))))
        found.append(("noop", _step(client.noop)))
    found.append(("logout", _step(client.logout)))
    return found


def pop_session(server: Any, token: str) -> Outcome:
    """Sign in with poplib, count, leave."""
    host, port = mailing.place(server.pop)
    client: Any = poplib.POP3_SSL(host, port, context=_context(server), timeout=10)

    def login() -> None:
        assert client._shortcmd("AUTH XOAUTH2").startswith(b"+")
        said = client._shortcmd(mailing.xoauth2(ADA, token))
        # Dovecot tells why in a challenge, which is answered with nothing; Exchange has none.
        if not said.startswith(b"+OK"):
            client._shortcmd("")

    found = [("login", _step(login))]
    if found[-1][1] == "ok":
        found += [("stat", _step(client.stat)), ("list", _step(client.list))]
        found += [("a message that is not there", _step(lambda: client.retr(99))), ("rset", _step(client.rset))]
    found.append(("quit", _step(client.quit)))
    client.close()
    return found


def smtp_session(server: Any, token: str) -> Outcome:
    """Sign in with smtplib, begin a message and take it back, leave."""
    host, port = mailing.place(server.smtp)
    client = smtplib.SMTP(host, port, timeout=10)

    def expect(code: int, said: tuple[int, bytes]) -> None:
        if said[0] != code:
            raise smtplib.SMTPResponseException(*said)

    def login() -> None:
        answers = iter([base64.b64decode(mailing.xoauth2(ADA, token)).decode()])
        # In two lines: Dovecot refuses a token on the command's own, which is longer than RFC 5321 allows.
        client.auth("XOAUTH2", lambda challenge=None: next(answers, ""), initial_response_ok=False)

    client.ehlo()
    found = [("starttls", _step(lambda: client.starttls(context=_context(server))))]
    client.ehlo()
    found.append(("auth offered", str("XOAUTH2" in client.esmtp_features.get("auth", ""))))
    found.append(("mail before login", _step(lambda: expect(250, client.mail(ADA)))))
    found.append(("login", _step(login)))
    found.append(("mail", _step(lambda: expect(250, client.mail(ADA)))))
    found.append(("rcpt", _step(lambda: expect(250, client.rcpt(INVOICES)))))
    found.append(("rset", _step(lambda: expect(250, client.rset()))))
    found.append(("data after rset", _step(lambda: expect(354, client.docmd("DATA")))))
    found.append(("quit", _step(lambda: expect(221, client.quit()))))
    return found


SESSIONS = {"imap": imap_session, "pop": pop_session, "smtp": smtp_session}


@pytest.mark.parametrize("token", ["good", "malformed", "forged", "expired"])
@pytest.mark.parametrize("face", FACES)
def test_a_session_ends_alike_on_both(face: str, token: str, pair: Pair) -> None:
    practice = SESSIONS[face](pair.practice, pair.tokens[token])
    assert practice == SESSIONS[face](pair.dovecot, pair.tokens[token])
    assert ("login", "ok" if token == "good" else "refused") in practice


@pytest.mark.parametrize(
    ("face", "lines"),
    [
        ("imap", ["A1 SELECT INBOX", "A2 CAPABILITY", "A3 FETCH 1 FLAGS", "A4 LOGOUT"]),
        ("imap", ["A1 FROBNICATE", "A2 NOOP", "A3 LOGIN ada word", "A4 LOGOUT"]),
        ("imap", ["A1 AUTHENTICATE NOSUCH", "A2 LOGOUT"]),
        ("pop", ["STAT", "QUIT"]),
        ("pop", ["DELE 1", "QUIT"]),
        ("pop", ["AUTH NOSUCH", "QUIT"]),
        ("smtp", ["EHLO x", f"MAIL FROM:<{ADA}>", "RSET", "DATA", "FROBNICATE", "NOOP", "QUIT"]),
    ],
)
def test_commands_before_login_are_taken_or_refused_alike(face: str, lines: list[str], pair: Pair) -> None:
    found = []
    for server in (pair.practice, pair.dovecot):
        with Raw(server, face) as raw:
            raw.answer() if face == "smtp" else raw.line()
            found.append([_kind(face, raw.ask(line)) for line in lines])
    assert found[0] == found[1]


def _kind(face: str, said: str) -> str:
    if face == "imap":
        return "ok" if said.split(" ")[1:2] == ["OK"] else "refused"
    return "ok" if said[:1] in ("+", "2") else "refused"
