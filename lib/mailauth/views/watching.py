"""What a watch shows: which tenants hold, since when, and what broke in the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from ..watch import EXPIRES_DAYS, OPENS_NONE, Broken, Watched, Word
from .markup import Badge, Cell, Stack, Tone
from .tables import Table

__all__ = ["Seen", "Told", "ending", "result"]

Told = Literal[Word, "not closed", "busy"]
"""What is said of a tenant: what a watch came to, or why there is none."""

_WORDS: Final[Mapping[Told, Badge]] = {
    "held": Badge("held", "ok"),
    "attention": Badge("attention", "warn"),
    "undone": Badge("undone", "warn"),
    "broken": Badge("broken", "bad"),
    "cannot know": Badge("cannot know", "know"),
    "not closed": Badge("not closed", "quiet"),
    "busy": Badge("busy", "info"),
}
_LIMIT: Final = 100


@dataclass(frozen=True)
class Seen:
    """What came of watching one tenant.

    Args:
        tenant: Its name in the tenants file.
        watched: What the watch came to; None where there is nothing to compare with, or it could not be made.
        why: Why there is none.
        lacks: What that is called.
    """

    tenant: str
    watched: Watched | None
    why: str = ""
    lacks: Literal["cannot know", "not closed", "busy"] = "cannot know"

    @property
    def word(self) -> Told:
        """Whether it held; what could not be watched cannot be known."""
        return self.watched.word if self.watched else self.lacks


def result(seen: Sequence[Seen]) -> Stack:
    """Return one table with a row per tenant, and one with what broke."""
    rows = [_row(each) for each in seen]
    columns = ("Tenant", "What was closed", "Since", "Closed at", "Waves", "Why not known")
    lost = [_broken(each.tenant, one) for each in seen if each.watched for one in each.watched.broken]
    tables = [Table(columns, rows, "Whether what was closed still is", limit=len(rows))]
    if lost:
        titles = ("Tenant", "What", "Which", "Found", "By whom, when", "First seen", "What to do")
        tables.append(
            Table(titles, lost, "What does not hold, or wants somebody", limit=_LIMIT, rest="evidence/watch.json")
        )
    return Stack(tables)


def ending(found: Sequence[Broken]) -> Table:
    """Return which credentials of what sends with OAuth end, or have; they open no door, and their mail stops."""
    rows: list[Sequence[Cell]] = [
        (Badge(each.kind, _tone(each)), each.about, each.found, each.remedy) for each in found
    ]
    columns = ("What", "Which", "Found", "What to do")
    empty = f"No credential of the mail apps has ended or ends within {EXPIRES_DAYS} days."
    return Table(columns, rows, "Will what sends with OAuth go on?", limit=_LIMIT, empty=empty)


def _row(each: Seen) -> Sequence[Cell]:
    one = each.watched
    if one is None:
        return each.tenant, _WORDS[each.word], None, None, None, each.why
    since = [f"has held since {_moment(one.since)}", *filter(None, (one.why_since,))] if one.since else None
    return each.tenant, _WORDS[one.word], since, _moment(one.closed_at), list(one.waves), None


def _broken(tenant: str, one: Broken) -> Sequence[Cell]:
    who = [part for part in (one.by, _moment(one.at) if one.at else "") if part]
    return tenant, Badge(one.kind, _tone(one)), one.about, one.found, who or None, _moment(one.first_seen), one.remedy


def _tone(one: Broken) -> Tone:
    if one.kind == "cannot know":
        return "know"
    return "warn" if one.kind in OPENS_NONE or one.kind == "undone" else "bad"


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""
