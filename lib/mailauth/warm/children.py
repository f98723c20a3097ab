"""Forked children: what they must put down of their parent, and what ends them with it."""

import atexit
import contextvars
import logging
import os
import signal
import sys
import traceback
import warnings
import weakref
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

__all__ = ["born", "detach", "die_with_parent", "reaped"]

assert sys.platform != "win32"  # which has no fork; nothing imports this there

_PR_SET_PDEATHSIG = 1  # prctl(2)


def born(life: Callable[[], None]) -> int:
    """Fork a child that lives *life* in a context of its own and ends, and return its process id."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    parent = os.getpid()
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        die_with_parent(parent)
        contextvars.Context().run(life)
        status = 0
    except KeyboardInterrupt:
        status = 130
    except BaseException:
        os.write(2, traceback.format_exc().encode(errors="replace"))
    finally:
        # Not one frame, cleanup or exit handler of the parent may run twice.
        os._exit(status)


def die_with_parent(parent: int) -> None:
    """Have the system end this process when *parent* ends, however that does; Linux only."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)


def detach(keep: Collection[int]) -> None:
    """Put down what a fork brought along: open files, signal handlers, exit handlers, logging, filters of warnings.

    Args:
        keep: Descriptors to leave open beside standard error; standard output becomes standard error.
    """
    _files(keep)
    _signals()
    _exits()
    logging.root.handlers.clear()
    logging.root.setLevel(logging.WARNING)
    _warnings()
    _reseed()


def _files(keep: Collection[int]) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    listed = Path("/proc/self/fd") if Path("/proc/self/fd").is_dir() else Path("/dev/fd")
    for number in [int(entry.name) for entry in listed.iterdir()]:
        if number > 2 and number not in keep and number != nothing and _open(number):
            # Not closed: an object of the parent may still close its number, which must not be another's by then.
            os.dup2(nothing, number, inheritable=False)
    os.dup2(nothing, 0)
    os.dup2(2, 1)


def _open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _signals() -> None:
    signal.set_wakeup_fd(-1)
    signal.setitimer(signal.ITIMER_REAL, 0)
    for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _exits() -> None:
    # As multiprocessing does in its own forked children.
    atexit._clear()
    finalize: Any = weakref.finalize
    for finalizer in list(finalize._registry):
        finalizer.atexit = False
    # Those of the child are its own to run.
    finalize._registered_with_atexit = False
    atexit.register(logging.shutdown)


def _warnings() -> None:
    """Filter warnings as a fresh interpreter does that was started with the same options."""
    warnings.resetwarnings()
    warnings.filterwarnings("ignore", category=ResourceWarning)
    warnings.simplefilter("ignore", ImportWarning)
    warnings.simplefilter("ignore", PendingDeprecationWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    warnings.filterwarnings("default", category=DeprecationWarning, module="__main__")
    options: Any = warnings
    options._processoptions(sys.warnoptions)


def _reseed() -> None:
    # Python seeds its own again after a fork; a library that draws numbers of its own does not.
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def reaped(child: int) -> bool:
    """Return whether *child* has ended, without waiting; its status is gone then."""
    try:
        return os.waitpid(child, os.WNOHANG)[0] == child
    except ChildProcessError:
        return True
