"""How far the eye reached: what was asked, what was held, what was lost and why.

A number without its coverage is a rumour, so every answer in this library carries
these records, and every page prints them beside the number they limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from .errors import MailauthError

__all__ = ["Code", "Coverage", "State", "Window", "code_of"]

State = Literal["complete", "partial", "absent", "unknown"]

Code = Literal["", "throttled"]
"""What kind of reason it is, for machines, where that decides what is done next."""


@dataclass(frozen=True)
class Window:
    """A half-open span of event time, ``start <= t < end``, both aware."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("end", self.end)):
            if value.tzinfo is None:
                raise ValueError(f"window {name} has no time zone: {value.isoformat()}")
        if self.end <= self.start:
            raise ValueError(f"window ends at {self.end.isoformat()}, not after its start {self.start.isoformat()}")

    @property
    def days(self) -> float:
        """The length in days of 24 hours."""
        return (self.end - self.start) / timedelta(days=1)


@dataclass(frozen=True)
class Coverage:
    """One thing that was looked at, or could not be.

    Args:
        what: What the record speaks of, in words a manager understands ("interactive sign-ins").
        state: ``complete``, ``partial`` (some of it is missing), ``absent`` (there is nothing to look
            at, for a known reason) or ``unknown`` (nobody can tell).
        source: The witness: ``files``, ``workspace``, ``graph``, ``kusto``, ``audit``, ``smtp_report`` or
            ``tenant`` for what holds whatever the source.
        start: The first moment held, or None where it is not known.
        end: The last moment held, or None.
        lost: How many records are known to be missing.
        reason: Why it is not complete, in a sentence; where it is, what that rests on, or empty.
        remedy: What would make it complete, in a sentence, or what to check.
        code: ``throttled`` where the source asked to come back later, for longer than anybody waited; else empty.
    """

    what: str
    state: State
    source: str
    start: datetime | None = None
    end: datetime | None = None
    lost: int = 0
    reason: str = ""
    remedy: str = ""
    code: Code = ""

    def __post_init__(self) -> None:
        if self.state != "complete" and not self.reason:
            raise ValueError(f"coverage of {self.what!r} is {self.state} and gives no reason")

    def as_record(self) -> Mapping[str, object]:
        """Return the record as evidence holds it; times in RFC 3339, UTC; a code only where there is one."""
        return {
            "what": self.what,
            "state": self.state,
            "source": self.source,
            "from": _rfc3339(self.start),
            "to": _rfc3339(self.end),
            "lost": self.lost,
            "reason": self.reason,
            "remedy": self.remedy,
            **({"code": self.code} if self.code else {}),
        }


def code_of(error: MailauthError | None) -> Code:
    """Return what kind of reason *error* is for what it leaves unknown."""
    return "throttled" if error is not None and error.code.partition(" ")[0] == "429" else ""


def _rfc3339(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
