"""The practice cloud's own time: the machine's, moved as far as a trainer likes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

__all__ = ["Clock"]


@dataclass
class Clock:
    """A clock that can be wrong; `skew` is added to the machine's time."""

    skew: timedelta = timedelta()

    def now(self) -> datetime:
        """Return the time, aware and in UTC."""
        return datetime.now(UTC) + self.skew
