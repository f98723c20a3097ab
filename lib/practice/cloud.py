"""Starts the practice cloud: its listeners on loopback, their certificates, one state behind them all.

    with cloud.start(tenants, home=folder) as practice:
        practice.base_url, practice.imap, practice.faults.add("graph", "throttle", seconds=2)

Twisted's reactor runs once per process, in a thread of its own; clouds come and go on it, several
at a time where tests want that. Everything binds to loopback, on free ports.
"""

import atexit
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import trustme
from OpenSSL import SSL
from twisted.internet import reactor
from twisted.internet import ssl as tls
from twisted.internet.error import CannotListenError
from twisted.internet.threads import blockingCallFromThread
from twisted.protocols.policies import WrappingFactory
from twisted.python.threadpool import ThreadPool
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from twisted.web.wsgi import WSGIResource
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from . import control, entra, exchange, graph, logs, mail
from .backend import Backend
from .faults import Faults
from .ledger import Ledger
from .limits import MailLimits
from .state import Tenant
from .states import States
from .tokens import Keys
from .web import BREAK

__all__ = ["HOST", "Certificates", "Cloud", "start"]

HOST: Final = "localhost"
_LOOPBACK: Final = ("127.0.0.1", "::1")
_THREADS: Final = 16
_MAIL_THREADS: Final = 2
_HALT_S: Final = 2.0

_REACTOR: Final[Any] = reactor  # what it can do depends on the platform, so its own type says nothing


@dataclass(frozen=True)
class Cloud:
    """A practice cloud that is up.

    Args:
        backend: What is behind its faces.
        ca_file: The certificate to trust, as PEM.
        imap: ``host:port``, TLS from the first byte.
        pop: The same for POP.
        smtp: ``host:port``, STARTTLS.
    """

    backend: Backend
    ca_file: Path
    imap: str
    pop: str
    smtp: str

    @property
    def base_url(self) -> str:
        """Where its HTTP faces are."""
        return self.backend.base_url

    @property
    def states(self) -> States:
        """Its tenants."""
        return self.backend.states

    @property
    def faults(self) -> Faults:
        """What is to go wrong."""
        return self.backend.faults

    def entry(self) -> dict[str, Any]:
        """Return what a tenants file says of this cloud under ``clouds``."""
        return {
            "login": self.base_url,
            "graph": f"{self.base_url}/graph",
            "logs": f"{self.base_url}/logs",
            "exchange": f"{self.base_url}/exchange",
            "imap": self.imap,
            "pop": self.pop,
            "smtp": self.smtp,
            "mail_resource": "https://outlook.office365.com",
            "ca_file": str(self.ca_file),
            "proxy": "none",
            "rehearsal": True,
            "settles_minutes": self.backend.mail.basic_cache.total_seconds() / 60,
        }


@contextmanager
def start(
    tenants: Iterable[Tenant] = (),
    *,
    home: Path | None = None,
    ports: Mapping[str, int] | None = None,
    settles: timedelta = timedelta(hours=24),
) -> Iterator[Cloud]:
    """Give a cloud that is up; it is down when the block ends.

    Args:
        tenants: Set in place of what *home* holds of these tenants.
        home: Where states and signing keys are kept, made for its owner only; None keeps nothing.
        ports: Ports to take where they are free, by face (``https``, ``imap``, ``pop``, ``smtp``).
        settles: For how long a good password is remembered, and within what a policy counts: what is said of the cloud.
    """
    with ExitStack() as stack:
        if home is not None:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = home or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mailauth-practice-")))
        keys, issuer_keys = (
            Keys.kept(folder / f"{name}.pem") if home else _shared_key(name) for name in ("signing-key", "issuer-key")
        )
        ledger = stack.enter_context(Ledger(folder / "signins"))
        mail_limits = MailLimits(basic_cache=settles)
        backend = Backend(
            States(folder / "states" if home else None), keys, issuer_keys, ledger=ledger, mail=mail_limits
        )
        for tenant in tenants:
            backend.states.put(tenant)
        ca_file = folder / "ca.pem"
        yield stack.enter_context(_listening(backend, ca_file, Certificates(ca_file), dict(ports or {})))


@cache
def _shared_key(_name: str) -> Keys:
    """A key of clouds that keep nothing: making one takes longer than starting a cloud."""
    return Keys.fresh()


@contextmanager
def _listening(backend: Backend, ca_file: Path, context: "Certificates", ports: Mapping[str, int]) -> Iterator[Cloud]:
    _spin()
    with ExitStack() as stack:
        sizes = (_THREADS, _MAIL_THREADS, 1)
        pool, mail_pool, door_pool = (stack.enter_context(_threads(most)) for most in sizes)
        # Whoever a fault keeps waiting would hold the end up.
        stack.callback(backend.faults.clear)

        def listen(name: str, factory: Any, *, secure: bool) -> str:
            wrapped = WrappingFactory(factory)
            found = blockingCallFromThread(_REACTOR, _listen, wrapped, context if secure else None, ports.get(name, 0))
            stack.callback(blockingCallFromThread, _REACTOR, _hang_up, wrapped)
            for one in found:
                stack.callback(blockingCallFromThread, _REACTOR, one.stopListening)
            return f"{HOST}:{found[0].getHost().port}"

        # The faces are told the address before anybody can ask them anything.
        site = _Site()
        backend.base_url = f"https://{listen('https', site, secure=True)}"
        door = WSGIResource(_REACTOR, door_pool, control.application(backend))
        site.resource = _Root(door, WSGIResource(_REACTOR, pool, _faces(backend)))
        imap, pop, smtp = (make(backend, context, mail_pool) for make in (mail.imap, mail.pop, mail.smtp))
        yield Cloud(
            backend,
            ca_file,
            imap=listen("imap", imap, secure=True),
            pop=listen("pop", pop, secure=True),
            smtp=listen("smtp", smtp, secure=False),
        )


@contextmanager
def _threads(most: int) -> Iterator[ThreadPool]:
    pool = ThreadPool(minthreads=1, maxthreads=most, name="practice")
    pool.start()
    try:
        yield pool
    finally:
        pool.stop()


def _faces(backend: Backend) -> Any:
    return DispatcherMiddleware(
        entra.application(backend),
        {
            "/graph": graph.application(backend),
            "/logs": logs.application(backend),
            "/exchange": exchange.application(backend),
        },
    )


class _Request(Request):
    """A request whose answer may be broken off, where a fault says so."""

    def write(self, data: bytes) -> None:
        """Send *data*, or half of it, or nothing."""
        base: Any = super()
        how = self.responseHeaders.getRawHeaders(BREAK, [""])[0]
        if not how:
            base.write(data)
            return
        if how == "half":
            self.responseHeaders.removeHeader(BREAK)
            base.write(data[: len(data) // 2])
        base.loseConnection()


class _Root(Resource):
    """Leads to the trainer's door, which has a thread of its own: it opens while every other one is kept waiting."""

    def __init__(self, door: WSGIResource, faces: WSGIResource) -> None:
        base: Any = super()
        base.__init__()
        self._door = door
        self._faces = faces

    def getChild(self, path: bytes, request: Any) -> WSGIResource:
        """Return who answers."""
        if path == b"practice":
            return self._door
        request.postpath.insert(0, request.prepath.pop())
        return self._faces


class _Channel(HTTPChannel):
    """A connection that says why it ends when a line of a request is too long, where Twisted says nothing."""

    _refused = False

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse an address, or a header, of more than 16 KiB."""
        base: Any = self
        base.transport.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        self._refused = True
        base.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        """Take in what came, but nothing after a refusal: what is left unread would take the answer along."""
        base: Any = super()
        if not self._refused:
            base.dataReceived(data)


class _Site(Site):
    """The HTTP listener."""

    protocol: Any = _Channel

    def __init__(self) -> None:
        base: Any = super()
        base.__init__(Resource(), requestFactory=_Request)

    def log(self, request: Any) -> None:
        """Stay quiet: whoever wants to see traffic looks at the client."""


def _listen(factory: WrappingFactory, context: "Certificates | None", wanted: int) -> list[Any]:
    """Return the ports that *factory* listens on: one number on every loopback address that this machine has."""
    found = [_bound(factory, context, wanted, _LOOPBACK[0])]
    # Windows tries ::1 first and waits two seconds for it, so it is answered where there is one.
    with suppress(CannotListenError, OSError):
        found.append(_bind(factory, context, found[0].getHost().port, _LOOPBACK[1]))
    return found


def _bound(factory: WrappingFactory, context: "Certificates | None", wanted: int, address: str) -> Any:
    try:
        return _bind(factory, context, wanted, address)
    except CannotListenError:
        return _bind(factory, context, 0, address)


def _bind(factory: WrappingFactory, context: "Certificates | None", port: int, address: str) -> Any:
    if context is None:
        return _REACTOR.listenTCP(port, factory, interface=address)
    return _REACTOR.listenSSL(port, factory, context, interface=address)


def _hang_up(wrapped: WrappingFactory) -> None:
    for protocol in list(wrapped.protocols):
        protocol.transport.abortConnection()


class Certificates(tls.ContextFactory):
    """What the listeners show, signed by an authority made just now; nothing older than TLS 1.2 is taken.

    Args:
        ca_file: Where the authority's certificate goes.
    """

    def __init__(self, ca_file: Path) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(ca_file)
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        leaf = authority.issue_cert(HOST, *_LOOPBACK)
        with leaf.private_key_and_cert_chain_pem.tempfile() as path:
            self._context.use_certificate_chain_file(path)
            self._context.use_privatekey_file(path)

    def getContext(self) -> SSL.Context:
        """Return the context of a new connection."""
        return self._context


@cache
def _spin() -> threading.Thread:
    """Run the reactor in a thread of its own; once, because a reactor cannot be started again."""
    ready = threading.Event()
    _REACTOR.callWhenRunning(ready.set)
    thread = threading.Thread(
        target=_REACTOR.run, kwargs={"installSignalHandlers": False}, name="practice reactor", daemon=True
    )
    thread.start()
    ready.wait()
    # Python ends with what a running thread holds still alive, which DuckDB complains about at length.
    atexit.register(_halt, thread)
    return thread


def _halt(thread: threading.Thread) -> None:
    _REACTOR.callFromThread(_REACTOR.stop)
    thread.join(_HALT_S)
