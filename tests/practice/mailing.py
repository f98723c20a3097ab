"""What the mail servers' tests have in common: tokens of the real shape, clients of the standard library, raw lines."""

import base64
import imaplib
import poplib
import smtplib
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from twisted.logger import LogLevel, formatEvent, globalLogPublisher

from practice.cloud import Cloud
from practice.state import Mailbox
from tests.practice.woodgrove import TENANT, Woodgrove

ADA = "ada@woodgrove.example"
INVOICES = "invoices@woodgrove.example"
SCOPES = "IMAP.AccessAsUser.All POP.AccessAsUser.All SMTP.Send"
ROLES = ["IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp"]


def delegated(practice: Cloud, made: Woodgrove, **claims: Any) -> str:
    """Return a token that Ada signed in for; *claims* take the place of its own, None takes one out."""
    return _signed(practice, {"scp": SCOPES, "oid": made.ada.id, "upn": ADA, "appid": made.client.app_id, **claims})


def app_only(practice: Cloud, made: Woodgrove, **claims: Any) -> str:
    """Return a token that the daemon was issued; *claims* as in `delegated`."""
    own = {"roles": ROLES, "oid": made.daemon_principal.id, "appid": made.daemon.app_id, "idtyp": "app"}
    return _signed(practice, {**own, **claims})


def _signed(practice: Cloud, claims: dict[str, Any]) -> str:
    now = practice.backend.now()
    base = {
        "aud": "https://outlook.office365.com",
        "iss": f"https://sts.windows.net/{TENANT}/",
        "tid": TENANT,
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int((now + timedelta(hours=1)).timestamp()),
        "sub": "practice",
        "ver": "1.0",
    }
    return practice.backend.keys.sign({name: value for name, value in {**base, **claims}.items() if value is not None})


@contextmanager
def changing(practice: Cloud, made: Woodgrove) -> Iterator[Woodgrove]:
    """Give the tenant to change, as whatever changes it in the cloud does."""
    with practice.states.changing(TENANT) as tenant:
        assert tenant is made.estate.tenant
        yield made


def box(practice: Cloud, address: str) -> Mailbox:
    """Return a mailbox as it is kept."""
    with practice.states.reading(TENANT) as tenant:
        found = tenant.exchange.mailbox(address)
    assert found is not None
    return found


def forget(practice: Cloud, tenant_id: str) -> None:
    """Have the cloud forget what it remembers beside a tenant's state, as when that is made anew."""
    for one in practice.backend.forget:
        one(tenant_id)


def xoauth2(user: str, token: str) -> str:
    """Return an XOAUTH2 response."""
    return base64.b64encode(f"user={user}\x01auth=Bearer {token}\x01\x01".encode()).decode()


def place(address: str) -> tuple[str, int]:
    """Return host and port of ``host:port``."""
    host, _, port = address.rpartition(":")
    return host, int(port)


def trusting(practice: Any) -> ssl.SSLContext:
    """Return a context that trusts the practice cloud and nobody else."""
    return ssl.create_default_context(cafile=str(practice.ca_file))


class Raw:
    """A connection without a protocol: what is sent is what the server gets."""

    def __init__(self, practice: Any, face: str, *, secure: bool | None = None) -> None:
        self._context = trusting(practice)
        sock = socket.create_connection(place(getattr(practice, face)), timeout=10)
        if secure if secure is not None else face != "smtp":
            sock = self._context.wrap_socket(sock, server_hostname="localhost")
        self.sock = sock
        self.file = sock.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()
        self.sock.close()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.sock.sendall(data)

    def line(self) -> str:
        """Return the next line; '' at the end."""
        return self.file.readline().decode("latin-1").rstrip("\r\n")

    def ask(self, command: str) -> str:
        """Send a line and return the next one that is no untagged or continued reply."""
        self.send(command.encode() + b"\r\n")
        return self.answer()

    def answer(self) -> str:
        """Return the next line that ends an answer: IMAP's tagged one, SMTP's last, POP's first."""
        while True:
            line = self.line()
            if not line.startswith("* ") and line[3:4] != "-":
                return line

    def rest(self) -> list[str]:
        """Return every line until the server hangs up, be it with a reset because it had not read everything."""
        found: list[str] = []
        with suppress(ConnectionError):
            for line in self.file:
                found.append(line.decode("latin-1").rstrip("\r\n"))
        return found

    def start_tls(self) -> None:
        """Greet, begin TLS, greet again."""
        self.answer()
        self.ask("EHLO test")
        assert self.ask("STARTTLS").startswith("220")
        self.file.close()
        self.sock = self._context.wrap_socket(self.sock, server_hostname="localhost")
        self.file = self.sock.makefile("rb")
        self.ask("EHLO test")


def sign_in(practice: Cloud, face: str, user: str, token: str) -> tuple[str, str]:
    """Return what a server says to a token, and to the first command that needs the mailbox."""
    with Raw(practice, face) as raw:
        if face == "smtp":
            raw.start_tls()
            return raw.ask(f"AUTH XOAUTH2 {xoauth2(user, token)}"), raw.ask(f"MAIL FROM:<{user}>")
        raw.line()
        if face == "pop":
            raw.ask("AUTH XOAUTH2")
            return raw.ask(xoauth2(user, token)), raw.ask("STAT")
        said = raw.ask(f"A1 AUTHENTICATE XOAUTH2 {xoauth2(user, token)}")
        return said.removeprefix("A1 "), raw.ask("A2 SELECT INBOX").removeprefix("A2 ")


@contextmanager
def imap(practice: Cloud, user: str, token: str) -> Iterator[imaplib.IMAP4_SSL]:
    """Give an open mailbox of `imaplib`."""
    host, port = place(practice.imap)
    with imaplib.IMAP4_SSL(host, port, ssl_context=trusting(practice), timeout=10) as client:
        client.authenticate("XOAUTH2", lambda _: base64.b64decode(xoauth2(user, token)))
        yield client


@contextmanager
def pop(practice: Cloud, user: str, token: str) -> Iterator[poplib.POP3_SSL]:
    """Give an open mailbox of `poplib`, which knows no XOAUTH2 of its own."""
    host, port = place(practice.pop)
    client = poplib.POP3_SSL(host, port, context=trusting(practice), timeout=10)
    try:
        short: Any = client
        assert short._shortcmd("AUTH XOAUTH2").startswith(b"+")
        short._shortcmd(xoauth2(user, token))
        yield client
    finally:
        client.close()


@contextmanager
def smtp(practice: Cloud, user: str = "", token: str = "") -> Iterator[smtplib.SMTP]:
    """Give a submission under TLS, signed in where a user is named."""
    host, port = place(practice.smtp)
    with smtplib.SMTP(host, port, timeout=10) as client:
        client.starttls(context=trusting(practice))
        client.ehlo()
        if user:
            code, text = client.docmd("AUTH", f"XOAUTH2 {xoauth2(user, token)}")
            if code != 235:
                raise smtplib.SMTPAuthenticationError(code, text)
        yield client


@contextmanager
def no_failures() -> Iterator[None]:
    """Insist that nothing goes wrong inside a server, whatever its client is told."""
    failed: list[str] = []

    def observe(event: Any) -> None:
        if event.get("log_level") is LogLevel.critical:
            failed.append(formatEvent(event) or "unnamed")

    observer: Any = observe
    globalLogPublisher.addObserver(observer)
    try:
        yield
    finally:
        globalLogPublisher.removeObserver(observer)
    assert failed == []


def curl(
    folder: Path, practice: Cloud, url: str, token: str, *more: str, initial: bool = True
) -> "subprocess.CompletedProcess[bytes]":
    """Run curl, its token in a file, as a command line is everybody's to read."""
    config = folder / "curl.conf"
    config.write_text(
        f'oauth2-bearer = "{token}"\nuser = "{ADA}"\n' + ("sasl-ir\n" if initial else ""), encoding="utf-8"
    )
    command = ["curl", "-sS", "--max-time", "20", "--cacert", str(practice.ca_file), "-K", str(config), *more, url]
    return subprocess.run(command, capture_output=True, check=False, timeout=30)
