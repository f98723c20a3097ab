"""Mail servers of the tests' own on loopback: they say what a test has them say, and remember what they saw."""

import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import trustme

from mailauth.clouds import Cloud, built_in

__all__ = ["Line", "Server", "cloud", "issued", "serving"]


class Line:
    """The server's end of a connection."""

    def __init__(self, sock: socket.socket, seen: bytearray) -> None:
        self.sock = sock
        self.seen = seen
        self._rest = b""

    def say(self, text: str) -> None:
        """Send lines."""
        self.sock.sendall((text + "\n").replace("\n", "\r\n").encode())

    def hear(self) -> str:
        """Return the next line; '' at the end."""
        while b"\n" not in self._rest:
            data = self.sock.recv(65_536)
            self.seen += data
            self._rest += data
            if not data:
                return ""
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode().rstrip("\r")

    def secure(self, context: ssl.SSLContext) -> None:
        """Shake hands."""
        self.sock = context.wrap_socket(self.sock, server_side=True)

    def answer(self, replies: dict[str, str]) -> None:
        """Answer each line by its first word that is known (IMAP's tag is put in front); others by the entry ''."""
        while line := self.hear():
            words = line.upper().split(" ")
            key = next((word for word in words[:2] if word in replies), "")
            self.say(replies[key].replace("TAG", words[0]))


Act = Callable[[Line], None]


@dataclass
class Server:
    """A server that is up.

    Args:
        address: ``host:port``.
        seen: All that clients sent, in the clear or under TLS.
        errors: What its handshakes failed with.
    """

    address: str
    seen: bytearray = field(default_factory=bytearray)
    errors: list[str] = field(default_factory=list)


@contextmanager
def serving(act: Act, *, host: str = "localhost", context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Give a server that does *act* with every client, under TLS from the first byte where it has a context."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(20)
            line = Line(self.request, server.seen)
            with suppress(ConnectionError, TimeoutError):
                try:
                    if context:
                        line.secure(context)
                    act(line)
                except ssl.SSLError as error:
                    server.errors.append(str(error))
                finally:
                    with suppress(OSError):
                        line.sock.close()

    class Listener(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    bound = {"localhost": "127.0.0.1"}.get(host, host)
    with Listener((bound, 0), Handler) as listener:
        named = f"[{host}]" if ":" in host else host
        server = Server(f"{named}:{listener.server_address[1]}")
        threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield server
        finally:
            listener.shutdown()


def issued(folder: Path, *names: str) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context with a certificate for *names*, and the file with what signed it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    path = folder / f"ca-{time.monotonic_ns()}.pem"
    authority.cert_pem.write_to_path(path)
    return context, path


def cloud(address: str, ca_file: Path | None = None, *, proxy: str = "none") -> Cloud:
    """Return a cloud whose mail servers are all at *address*."""
    public = built_in()["public"]
    return replace(public, name="test", imap=address, pop=address, smtp=address, ca_file=ca_file, proxy=proxy)
