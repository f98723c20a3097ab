"""What came of the tenants' runs: read from the evidence they left, kept in one file, shown on one page."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from mailauth import evidence
from mailauth.errors import EvidenceError
from mailauth.phrases import Phrase
from mailauth.services import store
from mailauth.views import fleetpage

from .jobs import Job

__all__ = ["FLEET", "Ended", "Outcome", "draw", "held", "of", "read", "recall", "remember", "totals"]

FLEET = "fleet.json"
"""The name of the file with one row per tenant."""

Ended = Literal["whole", "stopped", "limit", "died", "held"]

_REPORT = "90-tenant-report"
_SEARCH = "10-find-basic-auth"
# Drawing the page over all tenants takes a second; another fleet may be at it.
_WAIT_S = 60


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
        undecided: How many senders wait for an answer, an owner or a date.
        page: The tenant's page, relative to the folder of all reports; empty where none was written.
        made_at: When, RFC 3339.
        rehearsal: As in `Job`.
        blind: Whether sources are configured and not one record was read.
        ended: ``whole``; ``stopped`` where a notebook failed; ``limit`` where the time was over; ``died`` where the
            process went without an answer; ``held`` where nothing was done:
            another run had the tenant, or the address did not give what the run builds on.
        passing: Whether it did not end whole for a reason that may be gone when it is tried again.
        throttled: Whether a source asked to come back later than anybody waited, so that its records are missing.
        overdue: Decisions whose date lies before the day of the run.
        stops: Senders that stop at the next deadline.
        deadline: That deadline in words, empty where none touches the tenant.
        ends: Its day, ISO, to order by; empty where there is none.
        when: Its day in words: where nobody published one, they say so.
        coverage: How far the eye reached in the sign-in records: ``complete``, ``partial``, ``absent``, ``unknown``;
            empty where nothing was looked at.
        read_until: The last moment of the records that were read, RFC 3339; empty where that is not known.
        expiring: Credentials that have ended or end within 30 days; None where nobody looked at them.
        unproven: Mailboxes of the tenants file that OAuth has not opened by each of their protocols, and accounts that
            no longer send without a proof that they moved; None where nobody looked.
        watched: Whether what was closed still is: the word of a watch (`watch.Word`); empty where nothing is.
        held_since: The first watch without a break since that found it so, RFC 3339; empty where it does not hold.
        pages: The notebooks whose pages lie in the tenant's folder, in order.
        attempts: How often it was tried.
        took_s: How long that took, in seconds, without the waiting between.
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
    ended: Ended = "whole"
    passing: bool = False
    throttled: bool = False
    overdue: int = 0
    stops: int = 0
    deadline: str = ""
    ends: str = ""
    when: str = ""
    coverage: str = ""
    read_until: str = ""
    expiring: int | None = None
    unproven: int | None = None
    watched: str = ""
    held_since: str = ""
    pages: tuple[str, ...] = ()
    attempts: int = 1
    took_s: int = 0

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> "Outcome":
        """Return the outcome that a row of the fleet's file holds; what it does not know is left out.

        Raises:
            TypeError: It is no such row.
        """
        known = {each.name for each in fields(cls)}
        told = {name: value for name, value in row.items() if name in known}
        return cls(**told | {"pages": tuple(told.get("pages", ()))})


def of(job: Job, failures: Mapping[str, str]) -> Outcome:
    """Return what came of *job*.

    Args:
        job: What was asked for; its evidence lies in the tenant's folder of reports.
        failures: Why each notebook stopped that did not run whole, by name.
    """
    folder = Path(job.out, job.tenant)
    found = _found(job, folder)
    stopped = "; ".join(f"{name} stopped: {failure}" for name, failure in failures.items())
    return replace(
        found,
        assessed=not failures,
        ended="stopped" if failures else "whole",
        sentence=stopped or found.sentence or f"ran {', '.join(job.notebooks)}",
        page=f"{job.tenant}/index.html",
        pages=tuple(sorted(path.stem for path in folder.glob("[0-9][0-9]-*.html"))),
        made_at=found.made_at or _now(),
        throttled=any(_throttled(_evidence(folder, name)) for name in job.notebooks),
        **_watched(folder),
    )


def _throttled(record: Mapping[str, Any]) -> bool:
    return any(each.get("code") == "throttled" for each in record.get("coverage", ()))


def _watched(folder: Path) -> dict[str, Any]:
    """Return what the last watch came to, by the names of an outcome's fields; nothing where nothing was closed."""
    data = _evidence(folder, "watch").get("data", {})
    return {"watched": str(data.get("word", "")), "held_since": str(data.get("since") or "")}


def _found(job: Job, folder: Path) -> Outcome:
    """Return what the evidence of *job*'s notebooks says, the report's before that of the search."""
    nothing = Outcome(job.tenant, True, rehearsal=job.rehearsal)
    if _REPORT in job.notebooks and (record := _evidence(folder, _REPORT)):
        return _of_report(nothing, record)
    if _SEARCH in job.notebooks and (record := _evidence(folder, _SEARCH)):
        return _of_findings(nothing, record, has_sources=job.has_sources)
    return nothing


def _of_report(nothing: Outcome, record: Mapping[str, Any]) -> Outcome:
    """Return what notebook 90 made of all there is."""
    data = record["data"]
    found = data["summary"]
    coming = [each for each in data["endings"] if each["senders"] and not each["passed"]]
    ending: dict[str, Any] = coming[0] if coming else {"title": "", "day": None, "when": "", "senders": 0}
    return replace(
        nothing,
        state=found["word"],
        sentence=str(Phrase.of_json(found["sentence"])),
        blind=found["blind"],
        coverage=found["coverage"],
        stops=ending["senders"],
        deadline=ending["title"],
        ends=ending["day"] or "",
        when=ending["when"],
        read_until=_latest(record["coverage"]),
        made_at=record["made_at"],
        senders=found["senders"],
        certificates=found["certificates"],
        attention=found["attention"],
        undecided=found["undecided"],
        overdue=found["overdue"],
        expiring=found["expiring"],
        unproven=found["unproven"],
    )


def _of_findings(nothing: Outcome, record: Mapping[str, Any], *, has_sources: bool) -> Outcome:
    """Return what notebook 10 found."""
    data = record.get("data", {})
    state, headline, held = data.get("state", {}), data.get("headline", {}), data.get("held")
    return replace(
        nothing,
        state=str(state.get("word", "")),
        sentence=str(state.get("sentence", "")),
        senders=int(headline.get("senders", 0)),
        certificates=int(headline.get("certificate_users", 0)),
        attention=int(headline.get("attention", 0)),
        undecided=int(headline.get("undecided", 0)),
        read_until=str(held["to"]) if held else "",
        coverage=_worst(record.get("coverage", ())),
        blind=has_sources and held is None,
        made_at=str(record.get("made_at", "")),
    )


def _worst(coverage: Iterable[Mapping[str, Any]]) -> str:
    states = {str(each.get("state")) for each in coverage}
    return next((word for word in ("unknown", "absent", "partial") if word in states), "complete")


def _latest(coverage: Iterable[Mapping[str, Any]]) -> str:
    """Return the last moment that any record of sign-ins reaches to."""
    return max((each["to"] for each in coverage if each["to"] and each["source"] != "tenant"), default="")


def recall(out: Path) -> dict[str, Outcome]:
    """Return the last outcome of every tenant that has a page under *out*, by name."""
    try:
        rows = json.loads((out / FLEET).read_text(encoding="utf-8"))["tenants"]
        known = {row["tenant"]: Outcome.of_row(row) for row in rows}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    return {name: outcome for name, outcome in known.items() if (out / name).is_dir()}


def read(text: str, where: str) -> list[Outcome]:
    """Return the outcomes that a fleet's file from elsewhere holds.

    Args:
        text: What it holds.
        where: Its name, for the error.

    Raises:
        EvidenceError: It is none.
    """
    try:
        record = json.loads(text)
        evidence.check("fleet", record)
    except (ValueError, EvidenceError) as error:
        raise EvidenceError(f"{where}: {error}") from None
    return [Outcome.of_row(row) for row in record["tenants"]]


def remember(out: Path, outcomes: Iterable[Outcome], *, also: str = "") -> list[Outcome]:
    """Write the fleet's file and page, the new outcomes over the old ones; return all of them.

    Args:
        out: The folder of all reports.
        outcomes: What came of this run; a tenant that another run had keeps what is known of it.
        also: A further file for this run's outcomes alone, which is what a shard hands in.
    """
    new = {outcome.tenant: outcome for outcome in outcomes if outcome.ended != "held"}
    with held(out):
        store.sweep(out, older_than_s=_WAIT_S)
        known = {**recall(out), **new}
        rows = [known[name] for name in sorted(known)]
        if also:
            store.write_evidence(out / also, _record(sorted(new.values(), key=lambda row: row.tenant)))
        draw(out, rows)
    return rows


@contextmanager
def held(out: Path) -> Iterator[None]:
    """Hold the fleet's page and file in *out* for the length of the block.

    Raises:
        HeldError: Another run has held them for a minute.
    """
    name = hashlib.sha256(str(out).encode()).hexdigest()[:16]
    with store.lock_folder(store.fleet_dir(name), f"the index of {out}", wait_s=_WAIT_S):
        yield


def draw(out: Path, rows: Sequence[Outcome], *, pseudonyms: bool = False) -> None:
    """Write the fleet's page, and then its file, over *rows* into *out*; the page says where names are pseudonyms."""
    rehearsal = bool(rows) and all(row.rehearsal for row in rows)
    store.write_text(out / "index.html", fleetpage.index(rows, rehearsal=rehearsal, pseudonyms=pseudonyms))
    store.write_evidence(out / FLEET, _record(rows))


def totals(rows: Sequence[Outcome]) -> dict[str, Any]:
    """Return the figures over all tenants."""
    summed = ("senders", "certificates", "attention", "undecided", "overdue", "stops", "expiring", "unproven")
    return {
        "tenants": len(rows),
        "assessed": sum(row.assessed for row in rows),
        "blind": sum(row.blind for row in rows),
        "states": dict(sorted(Counter(row.state for row in rows if row.state).items())),
        **{name: _sum(getattr(row, name) for row in rows) for name in summed},
    }


def _sum(counts: Iterable[int | None]) -> int | None:
    """Return the sum of what is known; None where there are tenants and nothing is known of any."""
    told = list(counts)
    known = [each for each in told if each is not None]
    return sum(known) if known or not told else None


def _record(rows: Sequence[Outcome]) -> dict[str, Any]:
    found = [asdict(row) | {"pages": list(row.pages)} for row in rows]
    record = {"schema": "mailauth/fleet/2", "made_at": _now(), "totals": totals(rows), "tenants": found}
    evidence.check("fleet", record)
    return record


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _evidence(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / "evidence" / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
