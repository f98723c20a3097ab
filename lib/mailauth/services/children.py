"""Programs that this one starts, and stays beside until they end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import IO, TypeAlias

__all__ = ["Child", "call", "lines_given", "start", "stop"]

Child: TypeAlias = "subprocess.Popen[str]"

# Windows has no SIGHUP.
_HANDLED = ("SIGINT", "SIGTERM", "SIGHUP")


def call(command: Sequence[str]) -> int:
    """Run *command* on this terminal and return its exit status, 128 and the signal's number where one ended it.

    Ctrl-C is left to it: the terminal tells both, and whether that means the end is for the one that was started to
    say. What only this program is told, such as a service manager's SIGTERM, is passed on.
    """
    with subprocess.Popen(command) as child, _beside(child):
        status = child.wait()
    return status if status >= 0 else 128 - status


def start(command: Sequence[str], *, errors: IO[str]) -> Child:
    """Start *command* out of reach of this terminal's Ctrl-C, with pipes for its input and output.

    It is told to end by its input's end, which also comes when this process is killed: see `lines_given`.

    Args:
        command: The program and its arguments.
        errors: Where its errors go: a file, because the end of a pipe is only seen when all that it started is gone.
    """
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
        start_new_session=sys.platform != "win32",
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


def stop(running: "Iterable[Child]", *, patience_s: float = 10) -> None:
    """End what `start` gave: each is told at once, and killed where it has not ended when the patience is over."""
    told = list(running)
    for process in told:
        if process.stdin:
            with suppress(OSError):
                process.stdin.close()
    until = time.monotonic() + patience_s
    for process in told:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def lines_given() -> Iterator[str]:
    """Yield the lines of this process' standard input until it ends.

    Whoever started this process holds the other end, so it ends also when that is killed: no signal and no
    parent's id, which differ between systems. Meant for a thread of its own.
    """
    held = b""
    # Not through sys.stdin: a thread that waits there keeps its lock when the interpreter ends.
    while given := os.read(0, 65_536):
        *lines, held = (held + given).split(b"\n")
        yield from (line.decode() for line in lines)


@contextmanager
def _beside(child: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Handle signals for the sake of *child* while the block runs."""

    def pass_on(number: int, _frame: object) -> None:
        if number != signal.SIGINT:
            child.send_signal(number)

    numbers = [getattr(signal, name) for name in _HANDLED if hasattr(signal, name)]
    # What whoever started this has switched off (nohup does) stays off.
    before = {number: signal.getsignal(number) for number in numbers if signal.getsignal(number) != signal.SIG_IGN}
    for number in before:
        signal.signal(number, pass_on)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
