"""Who may ask how often, and how many questions of one caller are worked on at a time."""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from practice.limits import LogLimits
from practice.windows import Window

from .refusals import Refusal

__all__ = ["Throttle"]

_PAUSE_S: Final = 5


class Throttle:
    """Counts the requests of callers, each named ``tenant id/object id``.

    Args:
        limits: Gives what a caller may do now.
        now: Gives the cloud's time.
    """

    def __init__(self, limits: Callable[[], LogLimits], now: Callable[[], datetime]) -> None:
        self._limits = limits
        self._now = now
        self._changed = threading.Condition()
        self._windows: defaultdict[str, Window] = defaultdict(Window)
        self._running: defaultdict[str, int] = defaultdict(int)
        self._waiting: defaultdict[str, int] = defaultdict(int)

    def count(self, caller: str) -> None:
        """Count a request.

        Raises:
            Refusal: The caller has had as many as the window allows.
        """
        limits, now = self._limits(), self._now()
        with self._changed:
            window = self._windows[caller]
            wait_s = window.wait_s(now, timedelta(seconds=limits.window_s), limits.requests)
            if wait_s:
                raise _later(wait_s)
            window.count(now)

    def waiting(self, caller: str) -> int:
        """Return how many questions of a caller wait for their turn."""
        with self._changed:
            return self._waiting[caller]

    def forget(self, tenant_id: str) -> None:
        """Forget how much the callers of a tenant have asked."""
        with self._changed:
            for caller in [one for one in self._windows if one.startswith(f"{tenant_id}/")]:
                del self._windows[caller]

    @contextmanager
    def turn(self, caller: str) -> Iterator[None]:
        """Wait until one more question of the caller may be worked on, and hold that place.

        Raises:
            Refusal: Too many are worked on or wait already, or it took too long.
        """
        with self._changed:
            self._wait(caller)
            self._running[caller] += 1
        try:
            yield
        finally:
            with self._changed:
                self._running[caller] -= 1
                self._changed.notify_all()

    def _wait(self, caller: str) -> None:
        def free() -> bool:
            return self._running[caller] < self._limits().concurrent

        # Whoever is worked on or waits holds a thread, and every other face of the cloud needs threads too.
        if sum(self._running.values()) + sum(self._waiting.values()) >= self._limits().threads:
            raise _later(_PAUSE_S)
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


def _later(wait_s: int) -> Refusal:
    return Refusal(429, headers={"Retry-After": str(wait_s)})
