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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

__all__ = ["LOG", "SERVER", "Attendance", "PracticeError", "attend"]

_START_S: Final = 60.0
_POLL_S: Final = 0.02
SERVER: Final = "server.json"
"""Where a serving process says how it is reached; gone when none serves."""
LOG: Final = "server.log"


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
    door_key: str

    @property
    def tenants_file(self) -> Path:
        """The tenants file of the practice tenants."""
        return self.home / "tenants.yaml"

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


@atexit.register
def _leave() -> None:
    for _, lease in _held.values():
        lease.close()


def attend(home: Path) -> Attendance:
    """Return the practice cloud of *home*, started if need be; it stays up while this process lives.

    Raises:
        PracticeError: It does not start.
    """
    with _holding:
        if home in _held and not _gone(_held[home][1]):
            return _held[home][0]
        attendance, lease = _attended(home)
        _held[home] = attendance, lease
        return attendance


def _gone(lease: socket.socket) -> bool:
    """Whether the other end has hung up: a cloud that was killed has."""
    try:
        lease.setblocking(False)
        return lease.recv(1) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _attended(home: Path) -> tuple[Attendance, socket.socket]:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
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


def _lease(attendance: Attendance) -> socket.socket | None:
    try:
        lease = socket.create_connection(("127.0.0.1", attendance.lease_port), timeout=_START_S)
        # It greets once today's stories are in place; another program on that port says something else.
        with lease.makefile("rb") as said:
            if said.readline(200).decode(errors="replace").strip() == attendance.instance:
                return lease
        lease.close()
    except OSError:
        pass
    return None


def _spawn(home: Path) -> "_Server":
    command = [sys.executable, "-m", "practice", "--serve", "--home", str(home)]
    # Apart from the terminal: Ctrl-C there is not meant for it.
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    with (home / LOG).open("ab") as log:
        return _Server(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=str(home), **apart)


class _Server(subprocess.Popen[bytes]):
    """A process that outlives the one that started it, so its handle may go while it runs."""

    def __del__(self) -> None:
        """Go without a word."""


def _last_line(home: Path) -> str:
    with suppress(OSError):
        lines = (home / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return "it said nothing"
