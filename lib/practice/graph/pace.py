"""How often an app may ask: requests counted in a window that slides, on the cloud's own clock."""

import math
import threading
from collections import defaultdict, deque
from datetime import datetime, timedelta

from practice.limits import GraphLimits

from . import errors

__all__ = ["Pace"]


class Pace:
    """Requests of one app: in one tenant, and in all of them together."""

    def __init__(self) -> None:
        self._taken: defaultdict[tuple[str, str], deque[datetime]] = defaultdict(deque)
        self._lock = threading.Lock()

    def take(self, app_id: str, tenant_id: str, now: datetime, limits: GraphLimits) -> None:
        """Count a request.

        Args:
            app_id: Who asks.
            tenant_id: About whom.
            now: The cloud's time.
            limits: How many are allowed.

        Raises:
            Refusal: That is one too many; it is not counted.
        """
        if not limits.reports:
            return
        span = timedelta(seconds=limits.reports_s)
        with self._lock:
            windows = (
                (self._taken[app_id, tenant_id], limits.reports),
                (self._taken[app_id, ""], limits.reports_everywhere),
            )
            waits = [_wait(taken, most, now, span) for taken, most in windows]
            if any(waits):
                told = {"Retry-After": str(max(waits))}
                raise errors.Refusal(429, "TooManyRequests", "Too many requests.", headers=told)
            for taken, _ in windows:
                taken.append(now)


def _wait(taken: deque[datetime], most: int, now: datetime, span: timedelta) -> int:
    """Return for how many whole seconds a window is full; 0 where it is not."""
    # A clock that was set back leaves requests in the future, which hold nobody up.
    while taken and not now - span < taken[0] <= now:
        taken.popleft()
    if len(taken) < most:
        return 0
    return max(math.ceil((taken[-most] + span - now).total_seconds()), 1)
