"""What came of the tenants' runs: read from the evidence they left, kept in one file, shown on one page."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailauth.services import store
from mailauth.views import pages

from .jobs import FRONT, Job

__all__ = ["Outcome", "of", "recall", "remember"]

_FLEET = "fleet.json"


@dataclass(frozen=True)
class Outcome:
    """What came of one tenant's run.

    Args:
        tenant: Its name.
        assessed: Whether every notebook ran whole.
        state: The tenant's state in the evidence, empty where none was written.
        sentence: The state as a sentence, or why it stopped.
        senders: SMTP AUTH senders that work with a password.
        certificates: Accounts with ActiveSync by certificate.
        attention: How many accounts need somebody today.
        undecided: How many senders wait for an answer before anything can be decided about them.
        page: The tenant's page, relative to the folder of all reports; empty where none was written.
        made_at: When, RFC 3339.
        rehearsal: As in `Job`.
        blind: Whether sources are configured and not one record was read.
    """

    tenant: str
    assessed: bool
    state: str = ""
    sentence: str = ""
    senders: int = 0
    certificates: int = 0
    attention: int = 0
    undecided: int = 0
    page: str = ""
    made_at: str = ""
    rehearsal: bool = False
    blind: bool = False


def of(job: Job, folder: Path, failures: Mapping[str, str]) -> Outcome:
    """Return what came of *job*.

    Args:
        job: What was asked for.
        folder: The tenant's folder of reports.
        failures: Why each notebook stopped that did not run whole, by name.
    """
    record = _evidence(folder) if FRONT in job.notebooks else {}
    data = record.get("data", {})
    state, headline = data.get("state", {}), data.get("headline", {})
    stopped = "; ".join(f"{name} stopped: {failure}" for name, failure in failures.items())
    return Outcome(
        tenant=job.tenant,
        assessed=not failures,
        state=str(state.get("word", "")),
        sentence=stopped or str(state.get("sentence", "")) or f"ran {', '.join(job.notebooks)}",
        senders=int(headline.get("senders", 0)),
        certificates=int(headline.get("certificate_users", 0)),
        attention=int(headline.get("attention", 0)),
        undecided=int(headline.get("undecided", 0)),
        page=f"{job.tenant}/index.html",
        made_at=str(record.get("made_at", "")) or datetime.now(UTC).isoformat(timespec="seconds"),
        rehearsal=job.rehearsal,
        blind=bool(data) and job.has_sources and data.get("held") is None,
    )


def recall(out: Path) -> dict[str, Outcome]:
    """Return the last outcome of every tenant that has a page under *out*, by name."""
    try:
        rows = json.loads((out / _FLEET).read_text(encoding="utf-8"))["tenants"]
        known = {row["tenant"]: Outcome(**row) for row in rows}
    except (OSError, ValueError, TypeError, KeyError):
        return {}
    return {name: outcome for name, outcome in known.items() if (out / name).is_dir()}


def remember(out: Path, outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Write ``fleet.json`` and the page over all tenants, the new outcomes over the old ones; return all of them."""
    known = {**recall(out), **{outcome.tenant: outcome for outcome in outcomes}}
    rows = [known[name] for name in sorted(known)]
    store.write_evidence(out / _FLEET, {"schema": "mailauth/fleet/1", "tenants": [asdict(row) for row in rows]})
    rehearsal = bool(rows) and all(row.rehearsal for row in rows)
    store.write_text(out / "index.html", pages.index(rows, rehearsal=rehearsal))
    return rows


def _evidence(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / "evidence" / f"{FRONT}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
