"""Who may ask how often, and how many questions of one caller are worked on at a time."""

import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from practice.limits import LogLimits

from .refusals import Refusal

__all__ = ["Throttle"]

_PAUSE_S: Final = 5.0


class Throttle:
    """Counts callers' requests.

    Args:
        limits: Gives what a caller may do now.
    """

    def __init__(self, limits: Callable[[], LogLimits]) -> None:
        self._limits = limits
        self._changed = threading.Condition()
        self._asked: defaultdict[str, deque[float]] = defaultdict(deque)
        self._running: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, int] = defaultdict(int)

    def count(self, caller: str) -> None:
        """Count a request.

        Raises:
            Refusal: The caller has had as many as the window allows.
        """
        limits, now = self._limits(), time.monotonic()
        with self._changed:
            asked = self._asked[caller]
            while asked and asked[0] <= now - limits.window_s:
                asked.popleft()
            if len(asked) >= limits.requests:
                oldest = asked[0] if asked else now
                raise _later(oldest + limits.window_s - now)
            asked.append(now)

    @contextmanager
    def turn(self, caller: str) -> Iterator[None]:
        """Wait until one more question of the caller may be worked on, and hold that place.

        Raises:
            Refusal: Too many wait already, or it took too long.
        """
        with self._changed:
            self._wait(caller)
            self._running[caller] += 1
        try:
            yield
        finally:
            with self._changed:
                self._running[caller] -= 1
                if not self._running[caller]:
                    del self._running[caller]
                self._changed.notify_all()

    def _wait(self, caller: str) -> None:
        def free() -> bool:
            return self._running.get(caller, 0) < self._limits().concurrent

        if free():
            return
        if self._waiting[caller] >= self._limits().queue:
            raise _later(_PAUSE_S)
        self._waiting[caller] += 1
        try:
            if not self._changed.wait_for(free, self._limits().queue_s):
                raise _later(_PAUSE_S)
        finally:
            self._waiting[caller] -= 1


def _later(wait_s: float) -> Refusal:
    return Refusal(429, headers={"Retry-After": str(max(math.ceil(wait_s), 1))})
