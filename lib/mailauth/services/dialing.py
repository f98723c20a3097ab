"""Connections for mail, under one deadline: every address of a name, a proxy's CONNECT, TLS that is verified.

A library's timeout counts for each read, so a server that sends a byte a second keeps a client for ever. Here
one deadline counts for everything: the name, the connection, the handshake and each read after it.
"""

import base64
import errno
import os
import queue
import selectors
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from requests.utils import get_environ_proxies, select_proxy

from mailauth.clouds import Cloud
from mailauth.errors import ConfigurationError
from mailauth.proof import Tls
from mailauth.redaction import Redactor

__all__ = ["Deadline", "Proxy", "ProxyError", "Wire", "connect", "context", "proxy", "tunnel"]

_HEAD_START_S: Final = 0.25
"""How long an address is waited for before the next is tried beside it (RFC 8305)."""
_HEAD_BYTES: Final = 16_384
_READ_BYTES: Final = 16_384

_UNDER_WAY: Final = {0, errno.EINPROGRESS, errno.EWOULDBLOCK, 10035}  # the last is Windows' own EWOULDBLOCK
_Address = tuple[Any, ...]


class ProxyError(OSError):
    """A proxy does not let us through; the text is a sentence, without its credentials."""


class Deadline:
    """A point in time that everything must keep.

    Args:
        seconds: From now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, more than none.

        Raises:
            TimeoutError: None are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def shorten(self, seconds: float) -> None:
        """Allow no more than *seconds* from now."""
        self._end = min(self._end, time.monotonic() + seconds)


@dataclass(frozen=True)
class Proxy:
    """Where a proxy is; its credentials stay out of reprs."""

    host: str
    port: int
    credentials: str = field(default="", repr=False)


class Wire:
    """An open connection whose every step keeps *deadline*; a context manager that closes it."""

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self._sock = sock
        self._deadline = deadline

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *about: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it, whatever state it is in."""
        with suppress(OSError):
            self._sock.close()

    @property
    def address(self) -> str:
        """Return the address and port at the other end."""
        host, port, *_ = self._sock.getpeername()
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def secure(self, trusted: ssl.SSLContext, host: str) -> Tls:
        """Shake hands, verify, and return what was negotiated."""
        made = trusted.wrap_socket(self._sock, server_hostname=host, do_handshake_on_connect=False)
        self._sock = made
        made.settimeout(self._deadline.left())
        made.do_handshake()
        return _negotiated(made)

    def receive(self, most: int = _READ_BYTES) -> bytes:
        """Return what came, at least a byte; none at the end."""
        self._sock.settimeout(self._deadline.left())
        return self._sock.recv(most)

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._sock.settimeout(self._deadline.left())
        self._sock.sendall(data)


def context(cloud: Cloud) -> ssl.SSLContext:
    """Return what verifies a server of *cloud*: TLS 1.2 or newer, against its certificates or the system's.

    Raises:
        ConfigurationError: The cloud's ``ca_file`` cannot be read.
    """
    path = cloud.ca_file
    try:
        return _context(path, path.stat().st_mtime_ns if path else 0)
    except OSError as error:  # ssl.SSLError is one too
        raise ConfigurationError(
            f"cloud {cloud.name}: ca_file: {path} cannot be read ({error.strerror or type(error).__name__}); "
            "expected certificates in PEM form."
        ) from None


@lru_cache(maxsize=8)  # the system's certificates take 20 ms to read
def _context(path: Path | None, changed: int) -> ssl.SSLContext:
    made = ssl.create_default_context(cafile=path)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    return made


def proxy(cloud: Cloud, host: str, port: int) -> Proxy | None:
    """Return the proxy on the way to a mail server, as the cloud's entry or the environment has it.

    Raises:
        ProxyError: It is one that cannot carry mail.
    """
    url = cloud.proxy
    if url in ("none", ""):
        return None
    if url == "environment":
        wanted = f"https://{_bracketed(host)}:{port}"
        # The rules of NO_PROXY are those that our HTTP requests go by.
        url = select_proxy(wanted, get_environ_proxies(wanted)) or ""
        if not url:
            return None
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not parts.hostname:
        raise ProxyError(f"The proxy is of the kind {parts.scheme!r}; mail goes through http:// proxies only.")
    credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}" if parts.username else ""
    return Proxy(parts.hostname, parts.port or 80, credentials)


def tunnel(wire: Wire, through: Proxy, host: str, port: int) -> None:
    """Have a proxy connect *wire* to a mail server.

    Raises:
        ProxyError: It does not.
    """
    target = f"{_bracketed(host)}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if through.credentials:
        lines.append("Proxy-Authorization: Basic " + base64.b64encode(through.credentials.encode()).decode())
    wire.send("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
    head = bytearray()
    # Byte by byte: what follows the head is the mail server's greeting already.
    while not head.endswith(b"\r\n\r\n"):
        byte = wire.receive(1)
        head += byte
        if not byte or len(head) > _HEAD_BYTES:
            raise ProxyError(f"The proxy gave no answer to CONNECT {target} that HTTP knows.")
    status = head.split(b"\r\n", 1)[0].decode("latin-1")
    if status.split(" ")[1:2] != ["200"]:
        shown = Redactor(through.credentials, through.credentials.partition(":")[2])(status)
        raise ProxyError(f"The proxy does not connect to {target}: {shown[:200]}")


def connect(host: str, port: int, deadline: Deadline) -> Wire:
    """Return a connection to the first address of *host* that takes one; the next is tried soon beside a slow one.

    Raises:
        OSError: None does (the last refusal), the name is not found, or time is up.
    """
    waiting = _addresses(host, port, deadline)
    trying: set[socket.socket] = set()
    failure: OSError = OSError("no address")
    with selectors.DefaultSelector() as watch:
        try:
            while waiting or trying:
                if waiting:
                    try:
                        sock = _begin(*waiting.pop(0))
                    except OSError as error:
                        failure = error
                        continue
                    trying.add(sock)
                    watch.register(sock, selectors.EVENT_WRITE)
                left = deadline.left()
                for key, _ in watch.select(min(left, _HEAD_START_S) if waiting else left):
                    done: Any = key.fileobj
                    watch.unregister(done)
                    trying.remove(done)
                    number = done.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                    if number == 0:
                        return Wire(done, deadline)
                    done.close()
                    failure = OSError(number, os.strerror(number))
        finally:
            for sock in trying:
                sock.close()
    raise failure


def _begin(family: int, address: _Address) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setblocking(False)
    number = sock.connect_ex(address)
    if number not in _UNDER_WAY:
        sock.close()
        raise OSError(number, os.strerror(number))
    return sock


def _addresses(host: str, port: int, deadline: Deadline) -> list[tuple[int, _Address]]:
    """Return the addresses of a name, the families taking turns.

    A resolver keeps no deadline, so it has a thread of its own that may be left behind.
    """
    answers: queue.SimpleQueue[list[Any] | OSError | UnicodeError] = queue.SimpleQueue()

    def resolve() -> None:
        try:
            answers.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=resolve, daemon=True, name="mail-name").start()
    try:
        found = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, UnicodeError):
        raise socket.gaierror(socket.EAI_NONAME, "not a host name")
    if isinstance(found, OSError):
        raise found
    first = found[0][0]
    same = [(one[0], one[4]) for one in found if one[0] == first]
    other = [(one[0], one[4]) for one in found if one[0] != first]
    return [one for one in chain.from_iterable(zip_longest(same, other)) if one is not None]


def _negotiated(sock: ssl.SSLSocket) -> Tls:
    shown: Any = sock.getpeercert() or {}
    suite = sock.cipher()
    return Tls(
        version=sock.version() or "",
        cipher=suite[0] if suite else "",
        subject=_name(shown.get("subject", ())),
        issuer=_name(shown.get("issuer", ())),
        names=tuple(value for _, value in shown.get("subjectAltName", ())),
        ends_at=datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC) if shown else None,
    )


def _name(parts: Any) -> str:
    return ", ".join(f"{key}={value}" for part in parts for key, value in part)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
