"""How often an app may ask: requests counted in windows that slide, on the cloud's own clock."""

import threading
from collections import defaultdict
from datetime import datetime, timedelta

from practice.limits import GraphLimits
from practice.windows import Window

from . import errors

__all__ = ["Pace"]


class Pace:
    """Requests of one app: in one tenant, and in all of them together."""

    def __init__(self) -> None:
        self._windows: defaultdict[tuple[str, str], Window] = defaultdict(Window)
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
                (self._windows[app_id, tenant_id], limits.reports),
                (self._windows[app_id, ""], limits.reports_everywhere),
            )
            wait_s = max(window.wait_s(now, span, most) for window, most in windows)
            if wait_s:
                told = {"Retry-After": str(wait_s)}
                raise errors.Refusal(429, "TooManyRequests", "Too many requests.", headers=told)
            for window, _ in windows:
                window.count(now)

    def forget(self, tenant_id: str) -> None:
        """Forget the requests about a tenant; those of an app in all tenants are still counted."""
        with self._lock:
            for key in [one for one in self._windows if one[1] == tenant_id]:
                del self._windows[key]
