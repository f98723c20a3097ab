"""What a report is made from: the records that notebooks left, each with its age, and what could not be read.

A record counts only whole and only of the tenant that is open: one that is broken, or another tenant's, is named as
coverage and read no further, because a page that mixes tenants is worse than a page with a hole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, Final, Literal

from . import closable, closingrecord, evidence, moving, recently
from .closable import Proof
from .coverage import Coverage
from .decisions import Decisions
from .errors import EvidenceError
from .phrases import Phrase, phrase, words
from .plan import Receipt
from .recently import Recent
from .report import Report, Source
from .tenants import Tenant

__all__ = ["NOTEBOOKS", "WATCH", "Held", "Read", "Reading", "age", "at", "read"]

Record = Mapping[str, Any]

NOTEBOOKS: Final[Mapping[str, tuple[str, str]]] = {
    "00-start": ("start", "what is configured and reachable"),
    "10-find-basic-auth": ("findings", "who still signs in with a password"),
    "20-register-app": ("registration", "the app registration and its credentials"),
    "30-consent": ("consent", "what was consented to"),
    "40-grant-mailboxes": ("mailboxes", "what the app can open and what mailboxes let in"),
    "50-prove-mail-oauth": ("attempts", "what was proven on the wire"),
    "60-close-basic": ("closing", "how far passwords are closed"),
}
"""The notebooks that a report reads, in order: the schema of each one's evidence, and what it tells."""

WATCH: Final = "watch"
"""The name of what a watch leaves."""

_PROVES, _CLOSES = "50-prove-mail-oauth", "60-close-basic"
_OTHERS: Final[Mapping[str, tuple[str, str]]] = {WATCH: (WATCH, "whether what was closed still is")}
_REPORT: Final = ("report", "the report before this one")


@dataclass(frozen=True)
class Read:
    """What came of reading one record.

    Args:
        source: The same for a page.
        record: The record; None where it does not count.
        lost: What that takes from the report; None where it counts, or where nobody has run the notebook.
    """

    source: Source
    record: Record | None = None
    lost: Coverage | None = None


@dataclass(frozen=True)
class Reading:
    """What a report is made from.

    Args:
        tenant: The tenant.
        now: The moment, aware.
        held: The records of today, by notebook.
        sources: Every record that was looked for.
        lost: What could not be read.
        earlier: The record of the run before, by notebook.
        first: The oldest record of notebook 10 that is kept; None where there is none but that of today.
        before: The report before this one; None for the first.
        receipts: What this machine changed.
        decided: What a person decided, as the file stands now; None where there is none.
    """

    tenant: Tenant
    now: datetime
    held: Mapping[str, Record] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    lost: tuple[Coverage, ...] = ()
    earlier: Mapping[str, Record] = field(default_factory=dict)
    first: Record | None = None
    before: Report | None = None
    receipts: tuple[Receipt, ...] = ()
    decided: Decisions | None = None


class Held:
    """A `Reading` with its records at hand; what nobody has looked at is None.

    Args:
        reading: The records.
    """

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.tenant = reading.tenant
        self.now = reading.now
        self.found = self.data("10-find-basic-auth")
        self.changes: tuple[Recent, ...] = recently.changes(reading.receipts)

    def data(self, notebook: str) -> Record | None:
        """Return what a notebook found."""
        record = self.reading.held.get(notebook)
        return record["data"] if record else None

    def made_at(self, notebook: str) -> datetime | None:
        """Return when it looked."""
        record = self.reading.held.get(notebook)
        return at(record["made_at"]) if record else None

    def earlier(self, notebook: str) -> Record | None:
        """Return what it had found in the run before."""
        record = self.reading.earlier.get(notebook)
        return record["data"] if record else None

    @property
    def groups(self) -> Sequence[Record]:
        """Every group of notebook 10's evidence."""
        return self.found["groups"] if self.found else ()

    @cached_property
    def moving(self) -> moving.Evidence:
        """What speaks of senders on their way."""
        record = self.reading.held.get("10-find-basic-auth")
        closed = self.data(_CLOSES)
        traced = [each for each in (closed["moving"] if closed else ()) if each["arrived"]]
        arrived = {each["sender_id"]: date.fromisoformat(each["arrived"]) for each in traced}
        return moving.Evidence(record, self.now, self.reading.decided, self.proven, arrived)

    @cached_property
    def settled(self) -> frozenset[str]:
        """The ids of strangers' sign-ins that a person has settled since."""
        return moving.settled(self.moving)

    @cached_property
    def proven(self) -> frozenset[tuple[str, str]]:
        """The names of mailboxes, in lower case, that a token opened since the last change, each with its protocol.

        Where notebooks 50 and 60 both tried a mailbox by SMTP, what was tried last counts.
        """
        tried = self.data(_PROVES)
        good = [each for each in (tried["attempts"] if tried else ()) if each["outcome"] == "ok"]
        opened = {
            (each[name].lower(), each["protocol"])
            for each in good
            if not self.is_stale(each) and not self._refused_later(each)
            for name in ("mailbox", "user", "signed_in")
        }
        closing = {(each.mailbox.lower(), "smtp") for each in self.closing if each.good and not self.is_past(each)}
        return frozenset(opened | closing)

    @cached_property
    def closing(self) -> tuple[Proof, ...]:
        """The tokens that notebook 60 tried by SMTP and nobody has tried since, one for each mailbox."""
        known = closable.proofs(self.reading.held.get(_PROVES))
        tried = (*closingrecord.proofs(self.reading.held.get(_CLOSES)), *known)
        tokens = (each for each in tried if each.kind == "oauth")
        # Notebook 60 repeats what it knew of notebook 50: of two of the same moment the one of 50 stays.
        last = {each.mailbox.lower(): each for each in sorted(tokens, key=lambda each: each.at)}
        return tuple(each for each in last.values() if each not in known)

    def _refused_later(self, attempt: Record) -> bool:
        """Whether notebook 60 tried after an attempt by SMTP, in vain."""
        mine = (each for each in self.closing if each.mailbox.lower() == attempt["mailbox"].lower())
        return attempt["protocol"] == "smtp" and any(not each.good for each in mine)

    def is_stale(self, attempt: Record) -> bool:
        """Whether something was changed after an attempt that its outcome may depend on."""
        names = (attempt["mailbox"], attempt["user"], attempt["signed_in"])
        return self._changed_since(at(attempt["at"]), names, attempt["client_id"])

    def is_past(self, proof: Proof) -> bool:
        """Whether something was changed after a try of notebook 60 that its outcome may depend on."""
        return self._changed_since(proof.at, (proof.mailbox,))

    def _changed_since(self, moment: datetime, names: Iterable[str], client_id: str = "") -> bool:
        return any(each.change.at > moment and each.concerns(names, client_id) for each in self.changes)

    @property
    def watched(self) -> Record | None:
        """What the last watch came to; None where nobody has watched what notebook 60 says now.

        Where notebook 60's evidence is gone, a watch counts that says so.
        """
        made, closed = self.data(WATCH), self.made_at(_CLOSES)
        if made is None or (closed is None and made["word"] != "cannot know"):
            return None
        # An earlier version called that the time of the closing itself.
        return made if closed in (None, at(made.get("record_at") or made["closed_at"])) else None

    @property
    def settings(self) -> Record | None:
        """What notebook 40 read of the whole tenant; None where it did not, or an earlier version of it did."""
        record = self.data("40-grant-mailboxes")
        return record.get("settings") if record else None

    @property
    def federated(self) -> frozenset[str] | None:
        """The domains that sign in with a server of their own, in lower case; None where that was not read."""
        domains = self.settings["domains"] if self.settings else None
        if domains is None:
            return None
        return frozenset(each["name"].lower() for each in domains if each["kind"] == "Federated")

    @property
    def changed_at(self) -> datetime | None:
        """When this machine last changed anything in the tenant."""
        done = ("done", "unclear")
        times = [entry.at for each in self.reading.receipts for entry in each.entries if entry.outcome in done]
        return max(times, default=None)

    def coverage(self) -> Iterator[Coverage]:
        """Yield everything that limits the numbers, of every record, each once."""
        told = [_coverage(each) for record in self.reading.held.values() for each in record["coverage"]]
        yield from dict.fromkeys((*told, *self.reading.lost))


def read(text: bytes | None, notebook: str, tenant: Tenant, now: datetime) -> Read:
    """Return what a file of evidence comes to.

    Args:
        text: The file; None where there is none.
        notebook: Whose evidence it should be, one of `NOTEBOOKS`, `WATCH` or ``90-tenant-report``.
        tenant: The tenant that is open.
        now: The moment to count its age from, aware.
    """
    schema, what = {**NOTEBOOKS, **_OTHERS}.get(notebook, _REPORT)
    if text is None:
        said = phrase("{what}: not looked at, {notebook} has left no evidence here.", **_of(what, notebook))
        return Read(Source(notebook, what, "not there", None, 0, said.capital()))
    try:
        record = evidence.read(schema, text)
        made = at(record["made_at"])
    except EvidenceError as error:
        said = phrase("{what}: the evidence of {notebook} is broken and was not used.", **_of(what, notebook))
        return _lost(notebook, what, "broken", said, str(error))
    if _owner(record) != (tenant.tenant_id.lower(), tenant.cloud.name):
        said = phrase("{what}: the evidence of {notebook} is another tenant's.", **_of(what, notebook))
        return _lost(notebook, what, "another tenant's", said, "It names another directory or another cloud.")
    told = phrase("{what}: {notebook}, {age}.", age=age(now - made), **_of(what, notebook))
    return Read(Source(notebook, what, "read", made, int((now - made).total_seconds()), told.capital()), record)


def at(text: str) -> datetime:
    """Return a time as evidence holds it, aware."""
    return datetime.fromisoformat(text)


def age(since: timedelta) -> Phrase:
    """Return how old something is, in words."""
    hours = since // timedelta(hours=1)
    if hours < 1:
        return words("less than an hour old")
    if hours < 2 * 24:
        return words("an hour old" if hours == 1 else f"{hours} hours old")
    return words(f"{hours // 24:,} days old")


def _of(what: str, notebook: str) -> dict[str, Phrase]:
    return {"what": words(what), "notebook": words(f"notebook {notebook[:2]}")}


def _owner(record: Record) -> tuple[str, str]:
    return str(record["data"]["tenant_id"]).lower(), record["cloud"]


def _lost(notebook: str, what: str, state: Literal["broken", "another tenant's"], said: Phrase, reason: str) -> Read:
    number = notebook[:2]
    remedy = f"Run notebook {number} again."
    lost = Coverage(f"evidence of notebook {number}", "unknown", "tenant", reason=reason, remedy=remedy)
    return Read(Source(notebook, what, state, None, 0, said.capital()), lost=lost)


def _coverage(held: Record) -> Coverage:
    return Coverage(
        held["what"],
        held["state"],
        held["source"],
        at(held["from"]) if held["from"] else None,
        at(held["to"]) if held["to"] else None,
        held["lost"],
        held["reason"],
        held["remedy"],
    )
