"""The child's side: IPython's kernel, whose messages go to one stream of bytes and to no port.

Everything that a cell can see is ipykernel's own: the shell, streams, display hooks, comms, its profile and
extensions. Only what listens on the network is left out.
"""

import asyncio
import atexit
import contextvars
import fcntl
import gc
import importlib.util
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterable
from contextlib import redirect_stderr, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import traitlets
import zmq
from ipykernel.iostream import IOPubThread
from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from tornado.ioloop import IOLoop

from . import children
from .frames import IOPUB, SHELL, Decoder, encode

__all__ = ["ARGUMENTS", "live"]

assert sys.platform != "win32"  # which has no fork; nothing imports this there

# What every kernel loads when it starts is loaded once, here.
_EACH = (
    "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger", "IPython.core.oinspect",
    "IPython.extensions.storemagic", "IPython.utils.wildcard", "faulthandler", "ipykernel.debugger",
    "ipykernel.kernelspec", "sqlite3", "tornado.platform.asyncio",
)  # fmt: skip
# The debugger warns of breakpoints that it would miss, and here nothing can set one.
with redirect_stderr(StringIO()):
    for _name in _EACH:
        # Python may be built without SQLite, and its kernels then have no history.
        with suppress(ImportError):
            importlib.import_module(_name)

# What nbclient starts ipykernel with: a history that ends with the process.
ARGUMENTS = ["--HistoryManager.hist_file=:memory:"]
_PIECE = 1 << 16
_FIRST = sys.path[0]
_SENT_S = 1.0


def live(link: socket.socket) -> None:
    """Be the kernel at the other end of *link* until that closes."""
    children.detach({link.fileno()})
    # What the parent made is never collected here: looking at it would only copy its memory.
    gc.freeze()
    _as_if_launched()
    asyncio.set_event_loop(asyncio.new_event_loop())
    application: Any = _Application.instance(link=link)
    application.initialize(ARGUMENTS)
    _redraw_plotly()
    application.start()
    sys.stdout.flush()
    sys.stderr.flush()
    # What cells have registered runs; what the parent had is gone by now.
    atexit._run_exitfuncs()


def _as_if_launched() -> None:
    """Have arguments and import path be those of ``python -m ipykernel_launcher``."""
    launcher = importlib.util.find_spec("ipykernel_launcher")
    # Where the parent's own program lies is no place for a notebook to import from.
    if sys.path[:1] == [_FIRST] and not sys.flags.safe_path:
        del sys.path[0]
    sys.argv = [str(launcher.origin) if launcher else ""]


def _redraw_plotly() -> None:
    """Have plotly choose its renderer again, as it does when it is first imported in a kernel."""
    if "plotly.io._renderers" in sys.modules:
        fresh: Any = importlib.reload(sys.modules["plotly.io._renderers"])
        sys.modules["plotly.io"].__dict__["renderers"] = fresh.renderers


class _Outlet:
    """One channel of the link, as far as Jupyter's session and streams use a socket."""

    closed = False

    def __init__(self, link: socket.socket, channel: bytes, context: "zmq.Context[Any]", turn: "_Turn") -> None:
        self.context = context
        self._link, self._channel, self._turn = link, channel, turn

    def send_multipart(self, parts: Iterable[bytes], *_: Any, **__: Any) -> None:
        """Send one message; nothing waits to hear that it was."""
        message = encode(self._channel, parts)
        with self._turn:
            self._link.sendall(message)

    def flush(self, *_: Any) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        self.closed = True


class _Turn:
    """One message at a time, also from processes that a cell forks."""

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._file, name = tempfile.mkstemp()
        Path(name).unlink()

    def __enter__(self) -> None:
        self._guard.acquire()
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN)
        self._guard.release()


class _Shell:
    """Stands where ipykernel has the thread that reads requests: here the main thread does, and there is one shell."""

    def __init__(self, outlet: _Outlet) -> None:
        self.parent_thread = threading.main_thread()
        self.manager = self
        self._outlet = outlet

    def get_subshell_to_shell_channel_socket(self, _subshell: str | None) -> _Outlet:
        """Return where replies go."""
        return self._outlet


class _Kernel(IPythonKernel):
    """IPython's kernel with outlets where its sockets were."""

    def start(self) -> None:
        """Take up work; there is no debugger's stream to listen to."""
        if self.shell:
            self.shell.exit_now = False
        self.io_loop = IOLoop.current()
        tell: Any = self._publish_status
        tell("starting", "shell")

    def _publish_execute_input(self, code: str, parent: Any, execution_count: int) -> None:
        """Tell that the cell begins, and see it sent: the cell may end the process at once."""
        base: Any = super()
        base._publish_execute_input(code, parent, execution_count)
        sent = threading.Event()
        self.iopub_thread.schedule(sent.set)
        sent.wait(_SENT_S)

    def init_metadata(self, parent: dict[str, Any]) -> dict[str, Any]:
        """Note what the process had used before the cell."""
        self._used_s = _used_s()
        base: Any = super()
        return dict(base.init_metadata(parent))

    def finish_metadata(self, parent: Any, metadata: dict[str, Any], reply_content: Any) -> dict[str, Any]:
        """Tell the parent, outside the notebook, what the cell used, in seconds of CPU."""
        told = {"cpu_s": _used_s() - self._used_s}
        base: Any = super()
        return dict(base.finish_metadata(parent, metadata, reply_content)) | told

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        """Nothing queues: the client sends one request and waits."""


def _used_s() -> float:
    return sum(os.times()[:4])


class _Application(IPKernelApp):
    """ipykernel's application without its ports, heartbeat and connection file."""

    link = traitlets.Instance(socket.socket)
    _decoder = traitlets.Instance(Decoder, ())

    def init_connection_file(self) -> None:
        """Write none: nobody is to find this kernel."""

    def write_connection_file(self, **_: Any) -> None:
        """As above."""

    def log_connection_info(self) -> None:
        """As above."""

    def init_heartbeat(self) -> None:
        """The parent waits for the process itself."""

    def close(self) -> None:
        """The process ends with it."""

    def init_sockets(self) -> None:
        """Make the outlets; streams need a context for what their threads say to each other in this process."""
        self.session.key = b""
        self.context = zmq.Context(io_threads=0)
        self._turn = _Turn()
        self.shell_socket = _Outlet(self.link, SHELL, self.context, self._turn)
        prepare: Any = self.configure_tornado_logger
        prepare()
        outlet = _Outlet(self.link, IOPUB, self.context, self._turn)
        self.iopub_thread = IOPubThread(outlet, pipe=False, session=self.session)
        self.iopub_thread.start()
        self.iopub_socket = self.iopub_thread.background_socket

    def init_kernel(self) -> None:
        """Make the kernel over the outlets."""
        self.kernel = kernel = _Kernel.instance(
            parent=self,
            session=self.session,
            shell_channel_thread=_Shell(self.shell_socket),
            iopub_thread=self.iopub_thread,
            iopub_socket=self.iopub_socket,
            log=self.log,
            profile_dir=self.profile_dir,
            user_ns=self.user_ns,
        )
        self.displayhook.get_execution_count = lambda: kernel.execution_count

    def start(self) -> None:
        """Answer requests until the link closes or a cell ends the kernel."""
        self.kernel.start()
        loop = IOLoop.current()
        context = contextvars.copy_context()

        def hear(*_: Any) -> None:
            piece = self.link.recv(_PIECE, socket.MSG_DONTWAIT)
            if not piece:
                loop.stop()
            for _channel, parts in self._decoder.feed(piece):
                frames = [zmq.Frame(part) for part in parts]
                asyncio.get_running_loop().create_task(self.kernel.shell_main(None, frames), context=context)

        loop.add_handler(self.link.fileno(), hear, loop.READ)
        loop.start()
