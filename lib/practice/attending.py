"""Finds or starts the practice cloud of a practice home, and keeps it up while this process lives.

`attend` holds a lease: an open connection on loopback, which ends with the process however that dies. The serving
process (`serving`) stops some seconds after its last lease has gone. This module loads nothing but the standard
library, because every notebook that rehearses goes through it.
"""

import atexit
import json
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

__all__ = ["FAILED", "LOG", "READY", "SERVER", "TENANTS", "Attendance", "PracticeError", "attend", "has_gone"]

_START_S: Final = 60.0
_ANSWER_S: Final = 5.0
_LOG_BYTES: Final = 1_000_000
_POLL_S: Final = 0.02
SERVER: Final = "server.json"
"""Where a serving process says how it is reached; gone when none serves."""
LOG: Final = "server.log"
TENANTS: Final = "tenants.yaml"
READY: Final = "ready"
"""What the cloud says to a new user when its stories are today's."""
FAILED: Final = "failed: "
"""What it says when they cannot be told; the reason follows."""


class PracticeError(RuntimeError):
    """The practice cloud could not be started; the text says why and what to do."""


@dataclass(frozen=True)
class Attendance:
    """A running practice cloud, as one of its users knows it.

    Args:
        home: The practice home.
        base_url: Where its HTTP faces are.
        imap, pop, smtp: ``host:port``.
        lease_port: Where leases are held, on 127.0.0.1.
        instance: Which start of the cloud this is.
        door_key: What opens the trainer's door.
    """

    home: Path
    base_url: str
    imap: str
    pop: str
    smtp: str
    lease_port: int
    instance: str
    door_key: str = field(repr=False)

    @property
    def tenants_file(self) -> Path:
        """The tenants file of the practice tenants."""
        return self.home / TENANTS

    @property
    def ca_file(self) -> Path:
        """The certificate to trust."""
        return self.home / "ca.pem"

    @classmethod
    def read(cls, home: Path) -> Self | None:
        """Return what the serving process of *home* has written, None where there is nothing."""
        try:
            return cls(home=home, **json.loads((home / SERVER).read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    def written(self) -> str:
        """Return this as JSON, without the home."""
        return json.dumps({name: value for name, value in asdict(self).items() if name != "home"})


# One lease a process and home; it lives as long as the process does.
_held: dict[Path, tuple[Attendance, socket.socket]] = {}
_holding = threading.Lock()
_servers: list["_Server"] = []


@atexit.register
def _leave() -> None:
    for _, lease in _held.values():
        lease.close()


def attend(home: Path) -> Attendance:
    """Return the practice cloud of *home*, started if need be; it stays up while this process lives.

    Each call has the cloud look whether its stories are today's.

    Raises:
        PracticeError: It does not start, or cannot tell its stories.
    """
    with _holding:
        attendance, lease = _attended(home)
        before = _held.pop(home, None)
        _held[home] = attendance, lease
        if before is not None:
            before[1].close()
        return attendance


def has_gone(home: Path) -> bool:
    """Whether the cloud that this process uses hung up: it was killed, or told to end."""
    with _holding:
        if home not in _held:
            return True
        lease = _held[home][1]
        try:
            lease.setblocking(False)
            return lease.recv(1) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True


def _attended(home: Path) -> tuple[Attendance, socket.socket]:
    _made(home)
    ends = time.monotonic() + _START_S
    server: _Server | None = None
    while time.monotonic() < ends:
        attendance = Attendance.read(home)
        lease = _lease(attendance) if attendance else None
        if attendance and lease:
            return attendance, lease
        if server is None:
            server = _spawn(home)
        elif server.poll() == 0:
            server = None  # another one serves, or did until just now
            time.sleep(_POLL_S * 5)
        elif server.poll() is not None:
            raise PracticeError(f"The practice cloud did not start: {_last_line(home)} (see {home / LOG}).")
        time.sleep(_POLL_S)
    raise PracticeError(f"The practice cloud was not ready within {_START_S:.0f} s (see {home / LOG}).")


def _made(home: Path) -> None:
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (home / LOG).open("ab"):
            pass
    except OSError as error:
        raise PracticeError(
            f"{home}: {error.strerror or error}; expected a folder that can be written. "
            "MAILAUTH_PRACTICE_HOME names another one."
        ) from None


def _lease(attendance: Attendance) -> socket.socket | None:
    """Return a lease, None where nobody gives one: the cloud is gone, or another program has its port.

    Raises:
        PracticeError: The cloud is there and cannot tell its stories.
    """
    try:
        lease = socket.create_connection(("127.0.0.1", attendance.lease_port), timeout=_ANSWER_S)
    except OSError:
        return None
    try:
        with lease.makefile("r", encoding="utf-8", errors="replace") as said:
            if said.readline(200).strip() == attendance.instance:
                lease.settimeout(_START_S)
                answer = said.readline(1_000).strip()
                if answer == READY:
                    return lease
                if answer.startswith(FAILED):
                    raise PracticeError(
                        f"The practice cloud cannot tell its stories: {answer.removeprefix(FAILED)} "
                        f"(see {attendance.home / LOG})."
                    )
    except OSError:
        pass
    lease.close()
    return None


def _spawn(home: Path) -> "_Server":
    # Not from the home itself: a module that lies there is not ours.
    command = [sys.executable, "-P", "-m", "practice", "--serve", "--home", str(home)]
    # Apart from the terminal: Ctrl-C there is not meant for it.
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    with (home / LOG).open("ab" if (home / LOG).stat().st_size < _LOG_BYTES else "wb") as log:
        started = _Server(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=str(home), **apart)
    # Those that have ended since are let go, which nobody else would do in a kernel that lives for days.
    _servers[:] = [one for one in _servers if one.poll() is None]
    _servers.append(started)
    return started


class _Server(subprocess.Popen[bytes]):
    """A process that outlives the one that started it, so its handle may go while it runs."""

    def __del__(self) -> None:
        """Go without a word."""


def _last_line(home: Path) -> str:
    with suppress(OSError):
        lines = (home / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return "it said nothing"
