"""How often an app may ask: requests counted in a window that slides, on the cloud's own clock."""

import math
import threading
from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Final

from . import errors

__all__ = ["Pace"]


class Pace:
    """At most so many requests of one app in one tenant in any ten seconds."""

    span: Final = timedelta(seconds=10)

    def __init__(self) -> None:
        self._taken: defaultdict[tuple[str, str], deque[datetime]] = defaultdict(deque)
        self._lock = threading.Lock()

    def take(self, app_id: str, tenant_id: str, now: datetime, limit: int) -> None:
        """Count a request.

        Args:
            app_id: Who asks.
            tenant_id: About whom.
            now: The cloud's time.
            limit: Requests allowed in `span`; 0 for any number.

        Raises:
            Refusal: That is one too many; it is not counted.
        """
        if not limit:
            return
        with self._lock:
            taken = self._taken[app_id, tenant_id]
            # A clock that was set back leaves requests in the future, which hold nobody up.
            while taken and not now - self.span < taken[0] <= now:
                taken.popleft()
            if len(taken) >= limit:
                wait = math.ceil((taken[-limit] + self.span - now).total_seconds())
                raise errors.Refusal(
                    429, "TooManyRequests", "Too many requests.", headers={"Retry-After": str(max(wait, 1))}
                )
            taken.append(now)
