"""Waits on this machine for the answer to a consent link: the address that a browser is sent back to.

Whatever else asks there, such as for an icon, gets a page that says nothing, and the wait goes on. What an answer is
worth, `consent.read` says; only one that carries the state of a link of ours ends the wait.
"""

import contextlib
import errno
import queue
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import urlsplit

from mailauth import consent
from mailauth.consent import Answer, AppLinks
from mailauth.errors import ConfigurationError

__all__ = ["wait"]

_LONGEST: Final = 8_000  # characters of an address; a description of Entra's has a few hundred
_PATIENCE_S: Final = 10.0
_BITE_S: Final = 0.5
_DONE: Final = "The answer has arrived. You can close this window; what it says stands where you came from."
_OTHER: Final = "Nothing to see here."
_PAGE: Final = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    "<title>Consent</title></head><body><p>{}</p></body></html>"
)


def wait(sent: Sequence[AppLinks], *, tenant_id: str, wait_s: float) -> Answer | None:
    """Return the first answer to one of the links that comes back to this machine; None where none came in time.

    Args:
        sent: The links; those that lead back to ``http://localhost``, or to 127.0.0.1, are waited for.
        tenant_id: As for `consent.read`.
        wait_s: How long, in seconds.

    Raises:
        ConfigurationError: No link leads back to this machine, or somebody else listens there.
    """
    ports = {port for each in sent if (port := _port(each.redirect_uri))}
    if not ports:
        raise ConfigurationError(
            "No link leads back to http://localhost, so there is nothing to wait for.",
            remedy="Register http://localhost:8400 with the app as a redirect address of a public client, or paste the "
            "address that the browser shows as callback.",
        )
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    class Handler(_Handler):
        def answered(self, address: str) -> Answer | None:
            return _ours(address, sent, tenant_id)

        def take(self, answer: Answer) -> None:
            answers.put(answer)

    with contextlib.ExitStack() as stack:
        for port in sorted(ports):
            stack.enter_context(_listening(port, Handler))
        return _first(answers, time.monotonic() + wait_s)


def _first(answers: "queue.SimpleQueue[Answer]", until: float) -> Answer | None:
    while (rest := until - time.monotonic()) > 0:
        # In bites: Windows lets nobody interrupt a wait in one piece.
        with contextlib.suppress(queue.Empty):
            return answers.get(timeout=min(_BITE_S, rest))
    return None


def _port(redirect_uri: str) -> int:
    """Return the port of an address on this machine; 0 for any other."""
    parts = urlsplit(redirect_uri)
    # A browser takes no certificate that could be made here.
    return (parts.port or 80) if parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1") else 0


def _ours(address: str, sent: Sequence[AppLinks], tenant_id: str) -> Answer | None:
    try:
        found = consent.read(address, sent, tenant_id=tenant_id)
    except ValueError:
        return None
    return found if found.app else None


class _Handler(BaseHTTPRequestHandler):
    """Answers a browser; nothing that was sent is shown or written down."""

    server_version = "mailauth"
    sys_version = ""
    timeout = _PATIENCE_S

    def answered(self, address: str) -> Answer | None:
        raise NotImplementedError

    def take(self, answer: Answer) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        """Take the answer, if it is one."""
        host = self.headers.get("Host", "")
        usable = len(self.path) <= _LONGEST and self.path.startswith("/")
        answer = self.answered(f"http://{host}{self.path}") if usable else None
        self._say(_DONE if answer else _OTHER, 200 if answer else 404)
        if answer:
            self.take(answer)

    def _say(self, words: str, status: int) -> None:
        page = _PAGE.format(words).encode()
        self.send_response(status)
        for name, value in _headers(len(page)):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing: the address holds the state."""


def _headers(length: int) -> tuple[tuple[str, str], ...]:
    return (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(length)),
        ("Content-Security-Policy", "default-src 'none'"),
        ("Cache-Control", "no-store"),
        ("Referrer-Policy", "no-referrer"),
        ("Connection", "close"),
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Windows would let a second program listen at the same port and take the answer.
    allow_reuse_address = not hasattr(socket, "SO_EXCLUSIVEADDRUSE")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a browser that goes away is no news."""


class _Server6(_Server):
    address_family = socket.AF_INET6


@contextlib.contextmanager
def _listening(port: int, handler: type[BaseHTTPRequestHandler]) -> Iterator[None]:
    """Listen at a port of this machine, and of this machine only, for the length of the block."""
    servers = list(_bound(port, handler))
    threads = [threading.Thread(target=each.serve_forever, args=(0.05,), daemon=True) for each in servers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


def _bound(port: int, handler: type[BaseHTTPRequestHandler]) -> Iterator[_Server]:
    """Yield a server for each loopback address that the machine has."""
    with contextlib.ExitStack() as opened:
        # Browsers try the newer address first, so another program may not have it either.
        for kind, host in ((_Server, "127.0.0.1"), (_Server6, "::1")):
            try:
                server = kind((host, port), handler)
            except OSError as error:
                if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT) and kind is _Server6:
                    continue
                raise ConfigurationError(
                    f"Port {port} of this machine cannot be listened at: {error.strerror}.",
                    remedy="Register http://localhost with another port, such as 8400, and set redirect_uri to it; or "
                    "paste the address that the browser shows as callback.",
                ) from None
            opened.callback(server.server_close)
            yield server
        opened.pop_all()
