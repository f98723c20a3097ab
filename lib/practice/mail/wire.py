"""Carries a `Session` over Twisted: lines, literals, TLS, deadlines, faults. Nothing here waits on the reactor.

What changes a tenant is done on the threads of a pool; its session reads no further until it is.
"""

from collections.abc import Callable
from typing import Any, Final

from twisted.internet import reactor
from twisted.internet import ssl as tls
from twisted.internet.protocol import ServerFactory
from twisted.internet.threads import deferToThreadPool
from twisted.protocols.basic import LineReceiver
from twisted.python import failure, log
from twisted.python.threadpool import ThreadPool

from .desk import Desk
from .session import LONGEST, Session, Turn

__all__ = ["Factory", "Wire"]

_REACTOR: Final[Any] = reactor
_LINGER_S: Final = 30.0
_LOOK_AGAIN_S: Final = 30.0
"""How often an open session's token is looked at, at least: a trainer may move the clock."""


class Wire(LineReceiver):
    """One connection.

    It is its transport's producer: while a client does not read its answers, nothing more is read from
    it, so that a flood of commands costs no memory.

    Args:
        session: What is spoken.
        context: What STARTTLS shows.
        pool: Where sessions have their work done.
    """

    MAX_LENGTH = LONGEST
    delimiter = b"\r\n"

    def __init__(self, session: Session, context: tls.ContextFactory, pool: ThreadPool) -> None:
        self.session = session
        self.context = context
        self._pool = pool
        self._timers: dict[str, Any] = {}
        self._waits = self._full = self._closing = False
        self._wanted = 0
        self._raw: list[bytes] = []

    # --- Twisted calls ----------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Greet, and start the clocks."""
        self._transport.registerProducer(self, True)
        self._after("login", self.session.limits.login_s, self._time_out)
        self._after("idle", self.session.limits.idle_s, self._time_out)
        self._do(self.session.greet())

    def connectionLost(self, reason: failure.Failure | None = None) -> None:
        """Give back what the session held."""
        self._closing = True
        for timer in self._timers.values():
            if timer.active():
                timer.cancel()
        self._timers.clear()
        self.session.lost()

    def lineReceived(self, line: bytes) -> None:
        """Meet the faults that are due, then answer."""
        if self._closing:
            return
        self._after("idle", self.session.limits.idle_s, self._time_out)
        self._guarded(lambda: self._meet(line))

    def rawDataReceived(self, data: bytes) -> None:
        """Collect a literal."""
        taken, rest = data[: self._wanted], data[self._wanted :]
        self._wanted -= len(taken)
        self._raw.append(taken)
        if self._wanted == 0 and not self._closing:
            whole, self._raw = b"".join(self._raw), []
            self._guarded(lambda: self._do(self.session.literal(whole)))
            if self._wanted == 0:
                self._lines.setLineMode(rest)
            elif rest:
                self.rawDataReceived(rest)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse an endless line, and forget what came of it."""
        self._lines.clearLineBuffer()
        if not self._closing:
            self._do(self.session.too_long())

    def dataReceived(self, data: bytes) -> None:
        """Take bytes in; while nothing is to be read, only as many as one line may have."""
        base: Any = super()
        base.dataReceived(data)
        if self.paused and len(self._buffer) > LONGEST:
            self._transport.pauseProducing()

    def pauseProducing(self) -> None:
        """Answer no more lines for now; what is on its way still arrives, or no handshake could go on."""
        self._full = self.paused = True

    def resumeProducing(self) -> None:
        """Read on, unless an answer is being waited for."""
        self._full = False
        self._read_on()

    # --- what is done -----------------------------------------------------------------------------

    def _wait(self) -> None:
        self._waits = self.paused = True

    def _read_on(self) -> None:
        """Go on reading: neither an answer is being waited for, nor is the client slow to take those it had."""
        if not (self._waits or self._full or self._closing):
            base: Any = super()
            base.resumeProducing()

    @property
    def _lines(self) -> Any:
        """Itself, where Twisted gives a method no types."""
        return self

    @property
    def _transport(self) -> Any:
        return self.transport

    def _guarded(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            self._failed(None)

    def _failed(self, what: failure.Failure | None) -> None:
        """Close after *what*, or the exception in hand: it goes to the process's own log and never to the client."""
        log.err(what, f"the {self.session.face} server failed")
        if not self._closing:
            self._close()

    def _meet(self, line: bytes) -> None:
        about = self.session.about(line)
        faults = self.session.desk.backend.faults
        fault = None
        if about is not None:
            costly = about.operation in self.session.costly
            fault = faults.strike(self.session.face, about.operation, about.tenant, costly=costly)
        match fault.kind if fault else "":
            case "latency":
                assert fault is not None
                self._wait()
                self._after("latency", fault.seconds, lambda: self._late(line))
            case "throttle":
                assert fault is not None
                self._do(self.session.throttled(line, fault.seconds))
            case "unavailable":
                self._do(self.session.unavailable(line))
            case "drop":
                self._closing = True
                self._transport.abortConnection()
            case "truncate":
                self._do(self.session.line(line), cut=True)
            case _:
                self._do(self.session.line(line))

    def _late(self, line: bytes) -> None:
        self._waits = False
        self._guarded(lambda: self._do(self.session.line(line)))
        self._read_on()

    def _work(self, work: Callable[[], Callable[[], None]], *, cut: bool) -> None:
        def answer(finish: Callable[[], None]) -> None:
            finish()
            self._do(self.session.turn(), cut=cut)

        def worked(finish: Callable[[], None]) -> None:
            self._waits = False
            # Nobody is there any more to be answered, or to be given a place.
            if not self._closing:
                self._guarded(lambda: answer(finish))
                self._read_on()

        self._wait()
        doing: Any = deferToThreadPool(_REACTOR, self._pool, work)
        doing.addCallbacks(worked, self._failed)

    def _do(self, turn: Turn, *, cut: bool = False) -> None:
        if turn.work is not None:
            self._work(turn.work, cut=cut)
            return
        if cut:
            turn = Turn(turn.data[: len(turn.data) // 2], close=True)
        if turn.data:
            self._transport.write(turn.data)
        if turn.close:
            self._close()
        elif turn.secure:
            # Whatever was sent along in the clear is forgotten: it would count as said under TLS.
            self._lines.clearLineBuffer()
            self._transport.startTLS(self.context)
        elif turn.literal:
            self._wanted = turn.literal
            if self.line_mode:
                self._lines.setRawMode()
        if self.session.authenticated and "login" in self._timers:
            self._stop("login")
            self._watch_token()

    def _close(self) -> None:
        self._closing = True
        for name in tuple(self._timers):
            self._stop(name)
        self._lines.clearLineBuffer()
        self._transport.unregisterProducer()
        self._transport.loseConnection()
        # A client that reads nothing would otherwise keep its half for ever.
        self._after("linger", _LINGER_S, lambda: self._transport.abortConnection())

    def _time_out(self) -> None:
        self._do(self.session.timed_out())

    def _watch_token(self) -> None:
        remaining = self.session.remaining
        if remaining is None or self._closing:
            return
        gone = self.session.expired() if remaining.total_seconds() <= 0 else None
        if gone is not None:
            self._do(gone)
        else:
            wait = min(max(remaining.total_seconds(), 0.0) + 0.01, _LOOK_AGAIN_S)
            self._after("token", wait, self._watch_token)

    def _after(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        held = self._timers.get(name)
        if name == "idle" and held is not None and held.active():
            held.reset(seconds)
            return
        self._stop(name)
        self._timers[name] = _REACTOR.callLater(seconds, act)

    def _stop(self, name: str) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None and timer.active():
            timer.cancel()


class Factory(ServerFactory):
    """Makes the connections of one server."""

    noisy = False

    def __init__(
        self,
        desk: Desk,
        session: Callable[[Desk, str], Session],
        context: tls.ContextFactory,
        pool: ThreadPool,
    ) -> None:
        self.desk = desk
        self._session = session
        self._context = context
        self._pool = pool

    def buildProtocol(self, addr: Any) -> Any:
        """Return the protocol of a new connection."""
        made = Wire(self._session(self.desk, str(getattr(addr, "host", ""))), self._context, self._pool)
        made.factory = self
        return made
