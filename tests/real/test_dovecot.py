"""Where the protocol decides, a packaged Dovecot and the practice servers end the same client session alike.

Both take the same tokens: Dovecot validates them with the public part of the practice cloud's signing key. The
clients are the standard library's and imapclient; a session's outcome is a class a step, never a text.
"""

import base64
import contextlib
import getpass
import imaplib
import os
import poplib
import shutil
import smtplib
import socket
import socketserver
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trustme
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError
from joserfc.jwk import RSAKey

from practice import cloud
from tests.practice import mailing
from tests.practice.mailing import ADA, INVOICES, Raw
from tests.practice.woodgrove import running, woodgrove

DOVECOT = Path(shutil.which("dovecot") or "/usr/sbin/dovecot")  # Debian keeps it off a person's PATH
PROGRAMS = [DOVECOT, *(Path("/usr/lib/dovecot") / name for name in ("imap", "pop3", "submission"))]
FACES = ("imap", "pop", "smtp")

Outcome = list[tuple[str, str]]


@dataclass(frozen=True)
class Server:
    """A set of mail servers: ``host:port`` of each, and the certificate to trust."""

    imap: str
    pop: str
    smtp: str
    ca_file: Path


@dataclass(frozen=True)
class Pair:
    """The two that are compared, and the practice cloud, which signs for both."""

    practice: cloud.Cloud
    dovecot: Server
    tokens: dict[str, str]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    if not all(one.exists() for one in PROGRAMS):
        if os.environ.get("CI") and sys.platform == "linux":
            pytest.fail("dovecot is missing, and CI is set")
        pytest.skip("dovecot is not on this machine; .ci/run installs it")
    made = woodgrove()
    with (
        running(made) as practice,
        # Not pytest's own folder: the unprivileged parts of Dovecot could not reach into it.
        tempfile.TemporaryDirectory(prefix="dovecot-") as folder,
        _dovecot(Path(folder), practice) as dovecot,
    ):
        now = int(practice.backend.now().timestamp())
        good = mailing.delegated(practice, made)
        head, body, seal = good.split(".")
        tokens = {
            "good": good,
            "malformed": "no token",
            "forged": f"{head}.{body}.{seal[::-1]}",
            "expired": mailing.delegated(practice, made, iat=now - 7200, nbf=now - 7200, exp=now - 3600),
        }
        yield Pair(practice, dovecot, tokens)


@contextlib.contextmanager
def _dovecot(folder: Path, practice: cloud.Cloud) -> Iterator[Server]:
    """Give a Dovecot in *folder*, on free ports of loopback, as root or as whoever runs the tests."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    leaf = authority.issue_cert("localhost")
    leaf.private_key_pem.write_to_path(folder / "key.pem")
    for part in leaf.cert_chain_pems:
        part.write_to_path(folder / "cert.pem", append=True)
    keys = folder / "keys" / "default" / "RS256"
    keys.mkdir(parents=True)
    (public,) = practice.backend.keys.jwks()["keys"]
    (keys / public["kid"]).write_bytes(RSAKey.import_key(public).as_pem(private=False))
    with _relay() as relay:
        ports = [_free_port() for _ in FACES]
        _write(folder, ports, relay)
        process = subprocess.Popen(
            [str(DOVECOT), "-F", "-c", str(folder / "dovecot.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        try:
            for port in ports:
                _await(process, port, folder)
            imap, pop, smtp = (f"localhost:{port}" for port in ports)
            yield Server(imap, pop, smtp, folder / "ca.pem")
        finally:
            process.terminate()
            process.communicate(timeout=20)


def _write(folder: Path, ports: list[int], relay: int) -> None:
    """Write Dovecot's configuration."""
    root = getpass.getuser() == "root"
    inner, login = ("dovecot", "dovenull") if root else (getpass.getuser(), getpass.getuser())
    group = "dovecot" if root else subprocess.check_output(["id", "-gn"], text=True).strip()
    for name in ("run", "state", "mail"):
        (folder / name).mkdir()
    if root:
        folder.chmod(0o755)
        shutil.chown(folder / "mail", inner, group)
        shutil.chown(folder / "state", inner, group)
    (folder / "oauth2.conf").write_text(
        f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={folder}/keys/\n"
        "username_attribute = upn\n",
        encoding="utf-8",
    )
    imap, pop, smtp = ports
    (folder / "dovecot.conf").write_text(
        f"""
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
listen = 127.0.0.1
protocols = imap pop3 submission
default_internal_user = {inner}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 1
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:{folder}/mail/%u
auth_mechanisms = xoauth2
auth_failure_delay = 0
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
hostname = localhost
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid={inner} gid={group} home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imap}
    ssl = yes
  }}
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = 0
  }}
  inet_listener pop3s {{
    port = {pop}
    ssl = yes
  }}
}}
service submission-login {{
  chroot =
  inet_listener submission {{
    port = {smtp}
  }}
  inet_listener submissions {{
    port = 0
  }}
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
""",
        encoding="utf-8",
    )


class _Sink(socketserver.StreamRequestHandler):
    """A relay that takes everything and keeps nothing: Dovecot's submission hands on to one."""

    def handle(self) -> None:
        self.wfile.write(b"220 relay\r\n")
        for line in self.rfile:
            command = line[:4].upper()
            self.wfile.write({b"DATA": b"354 go\r\n", b"QUIT": b"221 bye\r\n"}.get(command, b"250 ok\r\n"))
            if command == b"QUIT":
                return


@contextlib.contextmanager
def _relay() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Sink) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _await(process: "subprocess.Popen[bytes]", port: int, folder: Path) -> None:
    for _ in range(100):
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    log = folder / "log"
    pytest.fail("dovecot did not start: " + (log.read_text(encoding="utf-8") if log.exists() else "it wrote no log"))


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
