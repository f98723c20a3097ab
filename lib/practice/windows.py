"""So much in so long: what is counted in a window that slides, on the cloud's own clock."""

import math
from collections import deque
from datetime import datetime, timedelta

__all__ = ["Window"]


class Window:
    """What was counted lately. Ask with `wait_s` before each `count`; threads that share a window bring a lock."""

    def __init__(self) -> None:
        self._counted: deque[tuple[datetime, int]] = deque()
        self._total = 0

    def wait_s(self, now: datetime, span: timedelta, most: int, number: int = 1) -> int:
        """Return after how many whole seconds *number* more fit; 0 where they fit now.

        Args:
            now: The cloud's time.
            span: How far back the window reaches.
            most: How many it holds.
            number: How many are to come; where they are more than *most*, the wait is the span.
        """
        self._forget_future(now)
        while self._counted and self._counted[0][0] <= now - span:
            self._total -= self._counted.popleft()[1]
        over = self._total + number - most
        if over <= 0:
            return 0
        free_at = now + span
        for at, held in self._counted:
            over -= held
            if over <= 0:
                free_at = at + span
                break
        return max(math.ceil((free_at - now).total_seconds()), 1)

    def count(self, now: datetime, number: int = 1) -> None:
        """Count *number* at *now*."""
        self._forget_future(now)
        self._counted.append((now, number))
        self._total += number

    def _forget_future(self, now: datetime) -> None:
        """Drop what a clock that was set back since has left in the future: it must not lock anybody out."""
        while self._counted and self._counted[-1][0] > now:
            self._total -= self._counted.pop()[1]
