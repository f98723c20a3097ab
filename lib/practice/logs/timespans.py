"""The timespan of a request: ISO 8601, as a duration up to now, or as two ends with a slash between."""

from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import TypeAdapter, ValidationError

from practice.statements import Span

__all__ = ["read"]

_MOMENT: Final = TypeAdapter(datetime)
_DURATION: Final = TypeAdapter(timedelta)


def read(text: str, now: datetime) -> Span:
    """Return the span that *text* means: ``P7D``, ``PT1H/2026-11-23T00:00Z``, two times, a time and a duration.

    Raises:
        ValueError: It means none.
    """
    try:
        first, slash, second = text.strip().partition("/")
        if not slash:
            return now - _duration(first), None
        if _is_duration(first):
            end = _moment(second)
            return end - _duration(first), end
        start = _moment(first)
        return start, start + _duration(second) if _is_duration(second) else _moment(second)
    except (ValidationError, OverflowError):
        raise ValueError(f"{text[:100]!r} is no timespan") from None


def _is_duration(text: str) -> bool:
    return text[:1] in ("P", "p")


def _duration(text: str) -> timedelta:
    if not _is_duration(text):
        raise ValueError("no duration")
    found = _DURATION.validate_python(text.upper())
    if found < timedelta():
        raise ValueError("a duration does not go back")
    return found


def _moment(text: str) -> datetime:
    if not text[:4].isdigit() or "-" not in text:
        raise ValueError("no time")
    found = _MOMENT.validate_python(text)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
