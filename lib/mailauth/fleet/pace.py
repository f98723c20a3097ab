"""How far a fleet has come, how fast it goes, and when it will be done."""

import math
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Pace"]

# Tenants differ; the last ones say more about the next ones than the first ones do.
_WINDOW = 50


class Pace:
    """Counts ends.

    Args:
        total: How many there will be.
        done: How many ended before, which says nothing about the rate.
        clock: The time of day, aware.
    """

    def __init__(self, total: int, *, done: int = 0, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._total = total
        self._done = done
        self._clock = clock
        self._ends: deque[datetime] = deque([clock()], maxlen=_WINDOW + 1)

    def end(self) -> str:
        """Count one more and return the standing, such as ``17 of 1,000, 3.2 a minute, done about 14:30 UTC``."""
        self._done += 1
        now = self._clock()
        self._ends.append(now)
        minutes = (now - self._ends[0]) / timedelta(minutes=1)
        standing = f"{self._done:,} of {self._total:,}"
        left = self._total - self._done
        if left <= 0 or minutes <= 0:
            return standing
        rate = (len(self._ends) - 1) / minutes
        # To the next whole minute: an estimate that is early is worse than one that is late.
        until = now + timedelta(minutes=math.ceil(left / rate))
        day = "" if until.date() == now.date() else f"{until:%Y-%m-%d} "
        return f"{standing}, {rate:,.{0 if rate >= 10 else 1}f} a minute, done about {day}{until:%H:%M} UTC"
