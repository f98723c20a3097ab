"""What a watch shows: which tenants hold, since when, and what broke in the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ..watch import Broken, Watched, Word
from .markup import Badge, Cell, Stack
from .tables import Table

__all__ = ["Seen", "result"]

_WORDS: Final[Mapping[Word, Badge]] = {
    "held": Badge("held", "ok"),
    "broken": Badge("broken", "bad"),
    "cannot know": Badge("cannot know", "know"),
}
_LIMIT: Final = 100


@dataclass(frozen=True)
class Seen:
    """What came of watching one tenant.

    Args:
        tenant: Its name in the tenants file.
        watched: What the watch came to; None where there is nothing to compare with, or it could not be made.
        why: Why there is none.
    """

    tenant: str
    watched: Watched | None
    why: str = ""

    @property
    def word(self) -> Word:
        """Whether it held; what could not be watched cannot be known."""
        return self.watched.word if self.watched else "cannot know"


def result(seen: Sequence[Seen]) -> Stack:
    """Return one table with a row per tenant, and one with what broke."""
    rows = [_row(each) for each in seen]
    columns = ("Tenant", "What was closed", "Since", "Closed at", "Waves", "Why not known")
    lost = [_broken(each.tenant, one) for each in seen if each.watched for one in each.watched.broken]
    tables = [Table(columns, rows, "Whether what was closed still is", limit=len(rows))]
    if lost:
        titles = ("Tenant", "What", "Which", "Found", "By whom, when", "First seen", "What to do")
        tables.append(Table(titles, lost, "What does not hold", limit=_LIMIT, rest="evidence/watch.json"))
    return Stack(tables)


def _row(each: Seen) -> Sequence[Cell]:
    one = each.watched
    if one is None:
        return each.tenant, _WORDS["cannot know"], None, None, None, each.why
    since = [f"has held since {_moment(one.since)}", *filter(None, (one.why_since,))] if one.since else None
    return each.tenant, _WORDS[one.word], since, _moment(one.closed_at), list(one.waves), None


def _broken(tenant: str, one: Broken) -> Sequence[Cell]:
    tone = Badge(one.kind, "know" if one.kind == "cannot know" else "bad")
    who = [part for part in (one.by, _moment(one.at) if one.at else "") if part]
    return tenant, tone, one.about, one.found, who or None, _moment(one.first_seen), one.remedy


def _moment(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""
