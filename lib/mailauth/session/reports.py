"""Notebook 90's part of a session: a tenant's report from the evidence in its folder, and that report as evidence.

It asks nobody, but for a headless report of a tenant that notebook 60 has closed: that one looks whether it still is.
What lies in the folder is what notebooks left, of this run or an earlier one; each record carries its
age. The decisions file is read as it stands, because owners and dates change between two looks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from .. import advice, decisions, evidence, report, reporting, tables
from ..coverage import Coverage
from ..decisions import Decisions
from ..errors import ConfigurationError, EvidenceError, MailauthError
from ..report import Edition, Report
from ..reportevidence import NOTEBOOKS, WATCH, Read, Reading, read
from ..services import store
from . import looking
from .tenancy import Tenancy, attended, shown

__all__ = ["NOTEBOOK", "Reporting"]

NOTEBOOK: Final = "90-tenant-report"

_FINDS: Final = "10-find-basic-auth"
_DAY: Final = timedelta(days=1)
_LOCAL: Final = frozenset({"files", "smtp_report"})
# A hundred times what a tenant of a hundred thousand accounts leaves.
_LARGEST: Final = 512 * 1024 * 1024


@dataclass(frozen=True)
class Reporting:
    """What notebook 90 asks of a tenant's folder.

    Args:
        tenancy: The tenant, opened.
        look: Reads the sign-ins so many days back and writes notebook 10's evidence; 0 for all there are.
        watch: Looks whether what was closed still is, and keeps what came of it; returns what could not be read.
    """

    tenancy: Tenancy
    look: Callable[[int], object]
    watch: Callable[[], tuple[Coverage, ...]] = tuple

    def gather(self, edition: Edition = "full", *, days: int = 0) -> Report:
        """Return the tenant's report from the evidence in its folder; what is broken or not there is named in it.

        Args:
            edition: ``full``, or ``shareable`` for the mapped report that `mailauth share` has put there.
            days: How many days back to look where the sign-ins are read anew, 0 for all that each source holds; they
                are where notebook 10 has not looked for a day, and all that there is to read lies on this machine.

        Raises:
            ConfigurationError: There is no such edition, or the report that lies there is not mapped.
            EvidenceError: For ``shareable``: no whole report lies there.
        """
        if edition not in ("full", "shareable"):
            raise ConfigurationError(f"edition: found {edition!r}; expected full or shareable.")
        if edition == "shareable":
            return self._mapped()
        lost = self._look_anew(days) if self._is_old() and self._is_local() else ()
        # Somebody who opens the page is not to be asked to sign in for it.
        lost += () if attended() else self.watch()
        return reporting.report(self._reading(lost))

    def keep(self, made: Report) -> Path:
        """Write notebook 90's evidence, the whole report, and its tables; return where the evidence is."""
        record = report.record(self.tenancy.tenant, made)
        for name, text in tables.of(record).items():
            store.write_bytes(self.tenancy.folder / "tables" / f"{name}.csv", text)
        return store.write_evidence(self._evidence(NOTEBOOK), record)

    def _is_old(self) -> bool:
        """Whether notebook 10 has not looked for a day, or left nothing that counts."""
        made = self._read(_FINDS).source.made_at
        return made is None or self.tenancy.now() - made > _DAY

    def _is_local(self) -> bool:
        """Whether all that there is to read lies on this machine: reading it asks nobody, and takes seconds."""
        kinds = {source.kind for source in self.tenancy.tenant.sources}
        return bool(kinds) and kinds <= _LOCAL

    def _look_anew(self, days: int) -> tuple[Coverage, ...]:
        try:
            self.look(days)
        except MailauthError as error:
            reason, remedy = error.message, error.remedy or "Run notebook 10."
            return (Coverage("a look at the sign-ins anew", "unknown", "tenant", reason=reason, remedy=remedy),)
        return ()

    def _mapped(self) -> Report:
        """Return the report that was mapped to pseudonyms; nothing else is looked at, for it would hold names."""
        path = self._evidence(NOTEBOOK)
        made = report.read(evidence.read("report", _bytes(path) or b""))
        if made.edition != "shareable":
            raise ConfigurationError(
                f"edition: {shown(path)} is the report in full.",
                remedy="Run `mailauth share`: it maps the report to pseudonyms and draws the page from that.",
            )
        return made

    def _reading(self, more: tuple[Coverage, ...]) -> Reading:
        """Return what lies in the folder, read and checked; *more* is what else was lost."""
        now, tenant = self.tenancy.now(), self.tenancy.tenant
        found = {name: self._read(name) for name in NOTEBOOKS}
        kept = {**found, WATCH: self._read(WATCH)}
        before = self._before()
        receipts, lost = looking.receipts(self.tenancy)
        decided, wrong = self._decided()
        mine = found[_FINDS].record
        earlier = {name: self._past(name, found[name].record) for name in NOTEBOOKS}
        return Reading(
            tenant=tenant,
            now=now,
            held={name: each.record for name, each in kept.items() if each.record is not None},
            sources=tuple(each.source for each in (*found.values(), before)),
            lost=(*(each.lost for each in found.values() if each.lost), *lost, *wrong, *more),
            earlier={name: each for name, each in earlier.items() if each is not None},
            first=self._first(mine) if before.record is None else None,
            before=_as_report(before),
            receipts=receipts,
            decided=decided,
        )

    def _evidence(self, name: str) -> Path:
        return self.tenancy.folder / "evidence" / f"{name}.json"

    def _read(self, name: str, path: Path | None = None) -> Read:
        text = _bytes(path or self._evidence(name))
        return read(text, name, self.tenancy.tenant, self.tenancy.now())

    def _before(self) -> Read:
        """Return the report before this one: of this folder's evidence, else the newest that history holds."""
        held = self._read(NOTEBOOK)
        return held if held.record else next(self._history(NOTEBOOK), held)

    def _past(self, name: str, now: Any) -> Any:
        """Return the newest record of a notebook in history that is not the one of today."""
        records = (each.record for each in self._history(name))
        return next((each for each in records if each and (not now or each["made_at"] != now["made_at"])), None)

    def _first(self, now: Any) -> Any:
        """Return the oldest record of notebook 10 in history; None where there is none but that of today."""
        oldest = next(self._history(_FINDS, oldest=True), None)
        record = oldest.record if oldest else None
        return record if record and (not now or record["made_at"] != now["made_at"]) else None

    def _history(self, name: str, *, oldest: bool = False) -> Iterator[Read]:
        """Yield the records of earlier runs that count, the newest first unless *oldest*."""
        paths = sorted((self.tenancy.folder / "history").glob(f"{name}.*.json"), reverse=not oldest)
        for path in paths:
            found = self._read(name, path)
            if found.record is not None:
                yield found

    def _decided(self) -> tuple[Decisions | None, tuple[Coverage, ...]]:
        """Return what a person decided; a file that is wrong is coverage, because a report goes on."""
        path = self.tenancy.tenant.decisions
        if path is None:
            return None, ()
        try:
            return decisions.load(path, actions=tuple(advice.roads())), ()
        except ConfigurationError as error:
            lost = Coverage("decisions", "unknown", "tenant", reason=error.message, remedy=error.remedy)
            return None, (lost,)


def _as_report(before: Read) -> Report | None:
    try:
        return report.read(before.record) if before.record else None
    except EvidenceError:
        # It fitted its schema, so another version of the library wrote it; what it knew is in history as well.
        return None


def _bytes(path: Path) -> bytes | None:
    """Return what a file holds, None where there is none; what cannot be read is read as nothing that fits."""
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST)
    except FileNotFoundError:
        return None
    except OSError:
        return b""
