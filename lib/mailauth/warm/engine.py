"""The parent's side: a forked kernel behind the interface by which papermill's client knows kernels."""

import asyncio
import os
import queue
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
from jupyter_client.session import Session
from jupyter_core.utils import ensure_event_loop, run_sync
from papermill.engines import NBClientEngine, NotebookExecutionManager

from . import children, kernel
from .frames import SHELL, Decoder, encode

__all__ = ["Forking", "spent", "suits"]

assert sys.platform != "win32"  # which has no fork; nothing imports this there

_PIECE: Final = 1 << 16
_END_S: Final = 5.0  # as long as nbclient waits for a kernel to end by itself
_PYTHONS: Final = {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info[:2])}

spent: dict[str, float] = {"cells_cpu_s": 0.0}
"""What the cells of this process's notebooks have used so far, in seconds of CPU."""


def suits(kernel_name: str, options: Mapping[str, Any]) -> bool:
    """Return whether the notebook wants this Python's own kernel, started as it always is."""
    if options.get("km") or "kernel_manager_class" in options:
        return False
    try:
        spec = KernelSpecManager().get_kernel_spec(kernel_name)
    except NoSuchKernel:
        return False
    # Jupyter itself takes these names for the interpreter that it runs on.
    ours = spec.argv[0] in _PYTHONS | {sys.executable}
    return ours and "ipykernel_launcher" in spec.argv and not spec.env


class Forking(NBClientEngine):
    """papermill's engine on a kernel that is forked from this process."""

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, **options: Any) -> Any:
        """Run *nb* and return it; as papermill's engine does, but for how often the file is written."""
        told = {name: options.pop(name) for name in _OF_THE_MANAGER & options.keys()}
        manager = _Manager(nb, **told)
        manager.notebook_start()
        try:
            cls.execute_managed_notebook(manager, kernel_name, log_output=manager.log_output, **options)
        finally:
            manager.cleanup_pbar()
            manager.notebook_complete()
        return manager.nb

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Run the notebook of *nb_man*; the options are those of papermill's engine."""
        forked = _Forked()
        try:
            super().execute_managed_notebook(nb_man, kernel_name, km=forked, **options)
        finally:
            run_sync(forked.ended)()


_OF_THE_MANAGER: Final = {"output_path", "progress_bar", "log_output", "autosave_cell_every"}
_QUIET_S: Final = 0.5


class _Manager(NotebookExecutionManager):
    """papermill's keeper of a run, which writes the notebook twice a second at most.

    papermill writes all of it twice a cell, which costs more than most cells do.
    """

    _saved_s = 0.0
    _later: asyncio.TimerHandle | None = None

    def notebook_complete(self, **options: Any) -> None:
        """Note the end and write the notebook, whatever was written just now."""
        self._saved_s = 0.0
        super().notebook_complete(**options)

    def save(self, **options: Any) -> None:
        """Write the notebook, or see to it that it is written while the next cell runs."""
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if time.monotonic() - self._saved_s < _QUIET_S:
            self._later = ensure_event_loop().call_later(_QUIET_S, self.save)
            return
        super().save(**options)
        self._saved_s = time.monotonic()


class _Forked:
    """The kernel's process, as nbclient knows a kernel manager."""

    has_kernel = True
    ipykernel = True

    def __init__(self) -> None:
        self._link, theirs = socket.socketpair()
        with theirs:
            self._process = children.born(lambda: kernel.live(theirs))
        self._talk: _Talk | None = None
        self._over = False

    def client(self) -> "_Talk":
        """Return the one client."""
        self._talk = _Talk(self._link, self.is_alive)
        return self._talk

    def is_alive(self) -> bool:
        """Return whether the process runs."""
        self._over = self._over or children.reaped(self._process)
        return not self._over

    async def shutdown_kernel(self, now: bool = False) -> None:
        """End the process."""
        await self.ended(at_once=now)

    def interrupt_kernel(self) -> None:
        """Stop the cell that runs."""
        self._signal(signal.SIGINT)

    def cleanup_resources(self) -> None:
        """Nothing is left on disk."""

    async def ended(self, *, at_once: bool = False) -> None:
        """Have the kernel end by itself, a cell that still runs interrupted; kill it where it does not."""
        if self._talk is not None and self._talk.waits and not at_once:
            self.interrupt_kernel()
        if self._talk is None:
            self._link.close()
        else:
            self._talk.stop_channels()
        await self._gone(0.0 if at_once else _END_S)
        self._signal(signal.SIGKILL)
        await self._gone(_END_S)
        if self._talk is not None:
            await self._talk.closed()

    async def _gone(self, within_s: float) -> None:
        deadline, pause = time.monotonic() + within_s, 0.001
        while self.is_alive() and time.monotonic() < deadline:
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.05)

    def _signal(self, number: int) -> None:
        # A process that was waited for may have lent its number to another.
        if self.is_alive():
            os.kill(self._process, number)


class _Channel:
    """Messages of one kind, as nbclient takes them."""

    def __init__(self, send: Callable[[dict[str, Any]], None]) -> None:
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.send = send
        self.put = self._waiting.put_nowait

    async def get_msg(self, timeout: float | None = None) -> dict[str, Any]:
        """Return the next message.

        Raises:
            queue.Empty: None came in *timeout* seconds.
        """
        try:
            return await asyncio.wait_for(self._waiting.get(), timeout)
        except TimeoutError:
            raise queue.Empty from None


class _Talk:
    """Requests to the kernel and its messages, as nbclient knows a kernel client."""

    allow_stdin = False

    def __init__(self, link: socket.socket, is_alive: Callable[[], bool]) -> None:
        self._link, self.is_alive = link, is_alive
        self.session = Session(key=b"")
        self.shell_channel, self.iopub_channel = _Channel(self._send), _Channel(self._send)
        self._asked: set[str] = set()

    @property
    def waits(self) -> bool:
        """Whether a request has no reply yet."""
        return bool(self._asked)

    async def start_channels(self) -> None:
        """Begin to listen."""
        self._reader, self._writer = await asyncio.open_unix_connection(sock=self._link)
        self._listening = asyncio.ensure_future(self._listen())

    def stop_channels(self) -> None:
        """Say that nothing more will be asked."""
        if not self._writer.is_closing():
            self._writer.write_eof()

    async def closed(self) -> None:
        """Put the link down."""
        self._listening.cancel()
        self._writer.close()
        await asyncio.wait([self._listening])

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Return when the kernel has answered.

        Raises:
            RuntimeError: It died, or did not answer in *timeout* seconds.
        """
        deadline = time.monotonic() + (timeout or float("inf"))
        asked = self.kernel_info()
        while True:
            try:
                if (await self.shell_channel.get_msg(0.5))["parent_header"].get("msg_id") == asked:
                    return
            except queue.Empty:
                if not self.is_alive():
                    raise RuntimeError("Kernel died before replying to kernel_info") from None
                if time.monotonic() > deadline:
                    raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds") from None

    def kernel_info(self) -> str:
        """Ask what the kernel is; return the request's id."""
        return self._ask("kernel_info_request", {})

    def execute(self, code: str, *, store_history: bool = True, stop_on_error: bool = True) -> str:
        """Have *code* run; return the request's id."""
        content = {
            "code": code,
            "silent": False,
            "store_history": store_history,
            "user_expressions": {},
            "allow_stdin": self.allow_stdin,
            "stop_on_error": stop_on_error,
        }
        return self._ask("execute_request", content)

    def _ask(self, kind: str, content: dict[str, Any]) -> str:
        message = self.session.msg(kind, content)
        asked = str(message["header"]["msg_id"])
        self._asked.add(asked)
        self._send(message)
        return asked

    def _send(self, message: dict[str, Any]) -> None:
        parts = [*self.session.serialize(message), *message.get("buffers", ())]
        self._writer.write(encode(SHELL, parts))

    async def _listen(self) -> None:
        decoder = Decoder()
        while piece := await self._reader.read(_PIECE):
            for channel, parts in decoder.feed(piece):
                self._heard(channel, parts)

    def _heard(self, channel: bytes, parts: list[bytes]) -> None:
        _, signed = self.session.feed_identities(parts)
        message = self.session.deserialize(signed)
        # As Jupyter's clients do: buffers are views.
        message["buffers"] = [memoryview(part) for part in message["buffers"]]
        if channel != SHELL:
            self.iopub_channel.put(message)
            return
        self._asked.discard(message["parent_header"].get("msg_id", ""))
        spent["cells_cpu_s"] += message["metadata"].get("cpu_s", 0.0)
        self.shell_channel.put(message)
