"""A program that this one starts and stays beside until it ends."""

import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

__all__ = ["call"]

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
