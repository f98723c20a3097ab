"""The process behind a practice home: serves its cloud for as long as somebody holds a lease on it.

One process serves a home; a lock file that the operating system holds sees to that. `attending` is the other side.
"""

import json
import logging
import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.python.failure import Failure

from . import answers, cloud, whole
from .attending import FAILED, READY, SERVER, Attendance
from .home import Home

__all__ = ["serve"]

_LOG = logging.getLogger(__name__)

_GRACE_S: Final = 10.0
_FIRST_S: Final = 60.0
# A script that does not wait for its changes to spread fails here as it fails there, only sooner mended: Entra's take
# seconds to two minutes, Exchange's minutes to hours, and a policy's, like a password that is remembered, up to a day.
_SETTLES: Final = timedelta(minutes=1)
_LAGS: Final = (timedelta(seconds=2), timedelta(seconds=3), _SETTLES)
_PORTS: Final = "ports.json"

_REACTOR: Final[Any] = reactor  # its own type says nothing of what it can do


def serve(folder: Path, *, grace_s: float = _GRACE_S, first_s: float = _FIRST_S) -> None:
    """Serve the cloud of the practice home *folder* until nobody uses it any more; return at once where one serves it.

    Args:
        folder: The practice home.
        grace_s: How long to stay when the last user has gone, in seconds.
        first_s: How long to wait for the first one.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(folder / "server.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    with lock, cloud.start(home=folder, ports=_ports(folder), settles=_SETTLES) as practice:
        home = Home(folder, practice)
        home.refresh()
        practice.backend.door_key = secrets.token_urlsafe(24)
        practice.backend.reset = home.reset
        practice.backend.move = home.move
        practice.backend.answers = answers.of
        practice.faults.usual = _LAGS
        practice.faults.clear()
        instance = f"practice {secrets.token_hex(8)}"
        leases = _Leases(instance, home.refresh, grace_s)
        with leases.listening(first_s) as port:
            attendance = Attendance(
                home=folder,
                base_url=practice.base_url,
                imap=practice.imap,
                pop=practice.pop,
                smtp=practice.smtp,
                lease_port=port,
                instance=instance,
                door_key=practice.backend.door_key,
            )
            whole.write(folder / _PORTS, json.dumps(_taken(attendance)))
            whole.write(folder / SERVER, attendance.written())
            try:
                _wait(leases.ended)
            finally:
                with suppress(OSError):  # a home that was removed meanwhile has nothing to take back
                    (folder / SERVER).unlink(missing_ok=True)


class _Leases(Factory):
    """Counts who uses the cloud; `ended` is set some seconds after the last one has gone."""

    def __init__(self, instance: str, refresh: Callable[[], None], grace_s: float) -> None:
        self.instance = instance
        self.refresh = refresh
        self.grace_s = grace_s
        self.ended = threading.Event()
        self.held: set[Protocol] = set()
        self._ending: Any = None

    @contextmanager
    def listening(self, first_s: float) -> Iterator[int]:
        """Take leases, and give the port where; nobody within *first_s* seconds is the end too."""
        port = blockingCallFromThread(_REACTOR, _REACTOR.listenTCP, 0, self, interface="127.0.0.1")
        _REACTOR.callFromThread(self._end_in, first_s)
        try:
            yield port.getHost().port
        finally:
            blockingCallFromThread(_REACTOR, port.stopListening)

    def buildProtocol(self, addr: Any) -> "_Lease":
        """Return the protocol of a new lease."""
        return _Lease(self)

    def take(self, lease: "_Lease") -> None:
        """Count a lease."""
        self.held.add(lease)
        if self._ending is not None and self._ending.active():
            self._ending.cancel()

    def give_back(self, lease: "_Lease") -> None:
        """Count it no longer."""
        self.held.discard(lease)
        if not self.held:
            self._end_in(self.grace_s)

    def _end_in(self, seconds: float) -> None:
        if not self.held:
            self._ending = _REACTOR.callLater(seconds, self.ended.set)


class _Lease(Protocol):
    """One user of the cloud, as long as the connection lasts; greeted once today's stories are in place."""

    def __init__(self, leases: _Leases) -> None:
        self._leases = leases

    def connectionMade(self) -> None:
        """Count it, or hang up where the end has come already."""
        if self._leases.ended.is_set():
            self._transport.abortConnection()
            return
        self._leases.take(self)
        self._transport.write(f"{self._leases.instance}\n".encode())
        made: Any = deferToThread(self._leases.refresh)
        made.addCallbacks(lambda _: self._transport.write(f"{READY}\n".encode()), self._failed)

    def connectionLost(self, reason: Any = None) -> None:
        """Give it back."""
        self._leases.give_back(self)

    def _failed(self, failure: Failure) -> None:
        """Say why today's stories are not there, to the log and to whoever waits for them."""
        _LOG.error("today's stories could not be told", exc_info=failure.value)
        said = " ".join(f"{type(failure.value).__name__}: {failure.value}".split())
        self._transport.write(f"{FAILED}{said[:400]}\n".encode())
        self._transport.loseConnection()

    @property
    def _transport(self) -> Any:
        return self.transport


def _wait(ended: threading.Event) -> None:
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: ended.set())
    # In steps, because Windows lets no signal through to a wait without an end.
    while not ended.wait(timeout=0.5):
        pass


def _ports(folder: Path) -> dict[str, int]:
    """Return the ports of the last time, so that an address in a notebook or a mail program stays right."""
    try:
        found = json.loads((folder / _PORTS).read_bytes())
    except (OSError, ValueError):
        return {}
    ports = found.items() if isinstance(found, dict) else ()
    return {str(name): port for name, port in ports if isinstance(port, int) and 0 < port < 65_536}


def _taken(attendance: Attendance) -> dict[str, int]:
    addresses = {
        "https": attendance.base_url, "imap": attendance.imap, "pop": attendance.pop, "smtp": attendance.smtp
    }  # fmt: skip
    return {name: int(address.rpartition(":")[2]) for name, address in addresses.items()}
