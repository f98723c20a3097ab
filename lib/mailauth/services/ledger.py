"""What a tenant's archive of live sign-ins already holds: which day of which pass was read, and when.

A day read while it was young is read again, because records of it were still on their way;
a day read late enough is final. The file is small JSON, written whole or not at all.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

from mailauth.errors import SourceError

from . import store

__all__ = ["FINAL_AFTER", "Ledger", "day_of", "midnight"]

FINAL_AFTER: Final = timedelta(days=2)
"""How long after its end a day must be read before its records are taken as complete."""

_NAME: Final = "ledger.json"


@dataclass
class Ledger:
    """The record beside a tenant's segments.

    Args:
        path: Where it is kept.
        tenant_id: Whose it is.
        days: By pass, each day that was read whole, and when.
        sampled: By pass, the days of which only the newest records were taken.
        networks: By network, when it was asked about and how many members were seen there.
    """

    path: Path
    tenant_id: str
    days: dict[str, dict[date, datetime]] = field(default_factory=dict)
    sampled: dict[str, set[date]] = field(default_factory=dict)
    networks: dict[str, tuple[datetime, int]] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, tenant_id: str) -> "Ledger":
        """Return the ledger of *folder*, empty where there is none that can be read.

        Raises:
            SourceError: It is another tenant's.
        """
        path = folder / _NAME
        held = _read(path)
        owner = held.get("tenant_id", tenant_id)
        if owner != tenant_id:
            raise SourceError(
                f"{path}: tenant_id: found {owner}; expected {tenant_id}.",
                remedy="Give each tenant an archive folder of its own.",
            )
        try:
            return cls(path, tenant_id, **_parsed(held))
        # Reading a day again costs a minute; a damaged ledger that is believed costs days that are never read.
        except (AttributeError, TypeError, ValueError):
            return cls(path, tenant_id)

    def save(self) -> None:
        """Write the ledger, whole or not at all."""
        record = {
            "tenant_id": self.tenant_id,
            "days": {
                key: {day.isoformat(): read.isoformat() for day, read in sorted(days.items())}
                for key, days in sorted(self.days.items())
            },
            "sampled": {key: sorted(day.isoformat() for day in days) for key, days in sorted(self.sampled.items())},
            "networks": {name: [at.isoformat(), people] for name, (at, people) in sorted(self.networks.items())},
        }
        store.write_text(self.path, json.dumps(record, indent=1))

    def read(self, key: str, day: date, at: datetime, *, sampled: bool) -> None:
        """Note that *day* of pass *key* was read whole at *at*, or as a sample."""
        self.days.setdefault(key, {})[day] = at
        marks = self.sampled.setdefault(key, set())
        (marks.add if sampled else marks.discard)(day)

    def held(self, key: str) -> Mapping[date, datetime]:
        """Return the days of pass *key* and when each was read."""
        return self.days.get(key, {})

    def shared(self, keys: Iterable[str]) -> dict[date, datetime]:
        """Return the days that every pass of *keys* holds, and when the first of them was read."""
        held = [self.held(key) for key in keys]
        days = set(held[0]).intersection(*held[1:]) if held else set()
        return {day: min(of[day] for of in held) for day in days}

    def final(self, key: str, day: date) -> bool:
        """Whether *day* of pass *key* needs no second look."""
        at = self.held(key).get(day)
        return at is not None and at >= midnight(day) + timedelta(days=1) + FINAL_AFTER


def midnight(day: date) -> datetime:
    """Return the first moment of *day*, UTC."""
    return datetime.combine(day, time.min, UTC)


def day_of(moment: datetime) -> date:
    """Return the UTC day of *moment*."""
    return moment.astimezone(UTC).date()


def _read(path: Path) -> Mapping[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, Mapping) else {}


def _parsed(held: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "days": {
            str(key): {date.fromisoformat(day): datetime.fromisoformat(at) for day, at in days.items()}
            for key, days in held.get("days", {}).items()
        },
        "sampled": {
            str(key): {date.fromisoformat(day) for day in days} for key, days in held.get("sampled", {}).items()
        },
        "networks": {
            str(name): (datetime.fromisoformat(at), int(people))
            for name, (at, people) in held.get("networks", {}).items()
        },
    }
