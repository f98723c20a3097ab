"""Words around numbers and at the beginning of sentences, the same on every page."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

__all__ = ["called", "capital", "counted", "few", "moment", "moment_by", "span"]


def capital(words: str) -> str:
    """Return *words* with a capital letter in front; capitalize() would take the others away."""
    return words[:1].upper() + words[1:]


def counted(count: int, one: str, several: str = "") -> str:
    """Return a number with its noun: ``1 file``, ``1,200 files``; *several* where an s does not make the plural."""
    return f"{count:,} {one if count == 1 else several or one + 's'}"


def called(name: str) -> str:
    """Return a name as it stands in a sentence: an app may be called “mail”, and people call theirs what they like."""
    return f"“{name}”"


def few(names: Iterable[str], *, most: int = 3) -> str:
    """Return names as a sentence lists them: ``a, b, c and 1,200 more``.

    Args:
        names: The names, in the order in which they are shown.
        most: How many are named.
    """
    found = list(names)
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    return f"{', '.join(found[:most])}{more}"


def span(length: timedelta) -> str:
    """Return a length of time in whole hours, or else in minutes or seconds: ``24 hours``, ``90 minutes``."""
    seconds = round(length.total_seconds())
    if seconds % 60:
        return counted(seconds, "second")
    return counted(seconds // 3600, "hour") if seconds % 3600 == 0 else counted(seconds // 60, "minute")


def moment(at: datetime) -> str:
    """Return a moment to the minute, in UTC: ``2026-11-27 22:40 UTC``."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def moment_by(at: datetime) -> str:
    """Return the first whole minute by which *at* has come, in UTC: whoever looks then is not told to wait again."""
    minute = at.astimezone(UTC).replace(second=0, microsecond=0)
    whole = minute if minute == at else minute + timedelta(minutes=1)
    return moment(whole)
