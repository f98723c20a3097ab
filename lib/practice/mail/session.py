"""What a conversation with any of the mail servers is: bytes in, a `Turn` out, no socket.

Each protocol is a small state machine of its own. Twisted's `IMAP4Server`, `POP3` and `ESMTP`, as their source
has them, do not serve: they answer in their own words from many places, refuse an initial response and a
non-synchronizing literal, print a client's nonsense as tracebacks, and render a message anew instead
of sending what was stored. Twisted listens, secures and paces the connections (`wire`).
"""

import base64
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import ClassVar, Final, TypeVar

from ..faults import Face
from .desk import Desk, Entry, Seat

__all__ = ["LONGEST", "About", "Session", "Turn", "banner"]

LONGEST: Final = 65_536
"""The longest line that is read, in bytes, and the largest literal."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Turn:
    """What a server does next.

    Args:
        data: What it sends.
        close: Whether it hangs up afterwards.
        secure: Whether TLS begins afterwards.
        literal: How many bytes, rather than a line, it reads next.
        work: What has to be done, on another thread, before anything can be said. What it returns is called on the
            session's own; the session's next turn follows, and nothing is read in between.
    """

    data: bytes = b""
    close: bool = False
    secure: bool = False
    literal: int = 0
    work: Callable[[], Callable[[], None]] | None = None


@dataclass(frozen=True)
class About:
    """What a line is about, as far as faults are concerned: the command's name and the tenant's."""

    operation: str
    tenant: str = ""


def banner() -> str:
    """Return the server's name as greetings show it: in UTF-16LE, in base64."""
    # The name is of the practice's own making; its form is the real one's.
    return base64.b64encode("PRACTICE1.PRACP1.PROD.OUTLOOK.EXAMPLE".encode("utf-16-le")).decode()


class Session(ABC):
    """One conversation.

    Args:
        desk: What decides and counts.
        address: Where the client is.
    """

    face: ClassVar[Face]
    costly: ClassVar[frozenset[str]]
    """Commands that need what is behind the front end."""

    def __init__(self, desk: Desk, address: str) -> None:
        self.desk = desk
        self.limits = desk.limits
        self.address = address
        self.secured = False
        self.seat: Seat | None = None
        self.tenant = ""
        self.authenticated = False
        self._said: list[bytes] = []
        self._end = self._secure = False
        self._literal = 0
        self._work: Callable[[], Callable[[], None]] | None = None
        self._commands = 0

    # --- what the wire calls ----------------------------------------------------------------------

    @abstractmethod
    def greet(self) -> Turn:
        """Return what a client hears first."""

    @abstractmethod
    def about(self, line: bytes) -> About | None:
        """Return what *line* is about; None where it is no command of its own."""

    @abstractmethod
    def heard(self, line: bytes) -> None:
        """Answer one line."""

    def literal(self, data: bytes) -> Turn:
        """Take in the bytes that the last turn asked for; a protocol that never asks for any hangs up."""
        return Turn(close=True)

    @abstractmethod
    def too_long(self) -> Turn:
        """Refuse a line longer than `LONGEST`."""

    @abstractmethod
    def timed_out(self) -> Turn:
        """Say goodbye to a client that is silent, or never authenticates."""

    @abstractmethod
    def throttled(self, line: bytes, seconds: float) -> Turn:
        """Refuse *line* for its sender asks too much; *seconds* is how long it should wait."""

    @abstractmethod
    def unavailable(self, line: bytes) -> Turn:
        """Refuse *line* for something behind the server is down."""

    def expired(self) -> Turn | None:
        """Return how a session ends whose token has ended; None where the protocol lets it go on."""
        return None

    def line(self, line: bytes) -> Turn:
        """Answer one line, within the limits of a connection."""
        self._commands += 1
        if self._commands > (self.limits.commands if self.authenticated else self.limits.early_commands):
            return self.timed_out()
        gone = self.expired() if self.seat and self.desk.over(self.seat) else None
        if gone:
            return gone
        self.heard(line)
        return self.turn()

    def lost(self) -> None:
        """End the conversation: the connection is gone."""
        if self.seat is not None:
            self.desk.leave(self.seat)
            self.seat = None

    @property
    def remaining(self) -> timedelta | None:
        """How long the session's token still counts."""
        if self.seat is None or self.seat.until is None:
            return None
        return self.seat.until - self.desk.backend.now()

    # --- what a protocol calls --------------------------------------------------------------------

    def say(self, *lines: bytes) -> None:
        """Add lines to the answer."""
        self._said += [line + b"\r\n" for line in lines]

    def hang_up(self) -> None:
        """Close after the answer."""
        self._end = True

    def farewell(self, *lines: bytes) -> Turn:
        """Return the turn that says *lines* and closes."""
        self.say(*lines)
        self.hang_up()
        return self.turn()

    def wait_for(self, act: Callable[[], _Answer], then: Callable[[_Answer], None]) -> None:
        """Have *act* done on another thread, as it changes a tenant, and answer in *then* with what it returned."""
        self._work = lambda: partial(then, act())

    def start_tls(self) -> None:
        """Begin TLS after the answer."""
        self._secure = True

    def await_literal(self, size: int) -> None:
        """Read *size* bytes next."""
        self._literal = size

    def admitted(self, entry: Entry) -> None:
        """Open the session's mailbox."""
        self.authenticated = True
        self.seat = self.desk.take(entry)

    def turn(self) -> Turn:
        """Return what was said since the last turn, or what it waits for."""
        if self._work is not None:
            work, self._work = self._work, None
            return Turn(work=work)
        made = Turn(b"".join(self._said), self._end, self._secure, self._literal)
        self._said, self._secure, self._literal = [], False, 0
        return made
