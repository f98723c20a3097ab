"""What the service itself ends, and what each of these dates breaks in the tenant at hand."""

from collections.abc import Mapping
from typing import Final

from .. import evidence, impacts, mailboxes
from ..closingrecord import Look
from ..impacts import Impact, State
from ..tenants import Tenant
from .markup import Badge, Cell, sentences
from .tables import Table

__all__ = ["calendar"]

_COLUMNS: Final = ("When", "What the service does", "Here", "What that means here", "What stops", "Source")
_BADGES: Final[Mapping[State, Badge]] = {
    "breaks": Badge("breaks something", "bad"),
    "held off": Badge("held off for now", "warn"),
    "unknown": Badge("cannot know", "know"),
    "nothing seen": Badge("nothing seen", "info"),
}


def calendar(tenant: Tenant, look: Look) -> Table:
    """Return what the service itself will do, and what of it touches the tenant; the earliest first.

    Args:
        tenant: The tenant, with its dates.
        look: The look at its settings and at the evidence of notebook 10.
    """
    known = look.known
    held = evidence.plain(mailboxes.settings(known.organization, known.conditions))
    found = known.findings["data"] if known.findings else None
    rows = [_row(each) for each in impacts.of(tenant.calendar, found, held, today=known.now.date())]
    caption = "What the service does by itself, and what that does here"
    return Table(_COLUMNS, rows, caption, tenant.calendar.said.plain(), limit=len(rows))


def _row(each: Impact) -> tuple[Cell, ...]:
    end = each.deadline
    source = f"{end.source} ({end.confidence})"
    return end.when, end.title, _BADGES[each.state], each.said, sentences(end.breaks), source
