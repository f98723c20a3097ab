"""Something that is done in a thread for as long as a block runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["beside"]


@contextmanager
def beside(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Have *act* done in a thread while the block runs, and wait for its end.

    Args:
        act: What is done; the event that it is given is set when the block is over.
    """
    over = threading.Event()
    thread = threading.Thread(target=act, args=[over], daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
