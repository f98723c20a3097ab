"""Opens a tenant: configuration and credentials in, services out; what a notebook's cell or the command line calls.

This is the one place that decides which services a tenant has. Everything that can be said without asking
anybody is left to the core; everything that can be shown is left to the views.
"""

import contextlib
import importlib.metadata
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from .. import (
    advice,
    answers,
    cases,
    decisions,
    evidence,
    kinds,
    kql,
    parameters,
    reportevidence,
    reportonly,
    signins,
    smtp_report,
    tables,
    tenants,
)
from ..cases import Case
from ..checks import Check, Outcome
from ..coverage import Coverage, Window, code_of
from ..decisions import Decisions
from ..engines import Engine, Reply
from ..errors import AccessError, ConfigurationError, MailauthError, QueryError, SourceError
from ..plan import Plan, Receipt
from ..services import archive, audit, calendars, exports, graph, kusto, live, store, workspace
from ..summary import Answers
from ..tenants import Source, Tenant
from ..verdicts import Thresholds
from ..wording import counted
from .tenancy import Tenancy, history, plain_errors, project, shown

if TYPE_CHECKING:
    from ..diagnosed import Diagnosed
    from .bundles import Bundling
    from .closing import Closing
    from .consents import Consenting
    from .diagnoses import Diagnosing
    from .mailboxes import Granting
    from .proofs import Proving
    from .registrations import Registering
    from .reports import Reporting
    from .signing_in import SigningIn
    from .watching import Watching

__all__ = ["MOST_DAYS", "Run", "open", "project", "shown", "versions"]

# Packages whose version decides what a run does; the user meets their names in errors.
_PACKAGES = (
    "mailauth-runbook",
    "jupyterlab",
    "ipywidgets",
    "papermill",
    "plotly",
    "msal",
    "azure-monitor-query",
    "duckdb",
    "duckdb-kql",
)

MOST_DAYS = 3_650
"""The most days that a run looks back; no log is kept for longer."""

# Further back than any log that a tenant is likely to keep; what a source really holds is in the coverage.
_WIDEST = timedelta(days=730)

_OLD_DATES = "Take the older file away, or put a newer one in its place."

# A page and its evidence need a few megabytes; an archive of a large tenant needs this and more.
_DISK_FLOOR = 1 << 30


def open(tenant: str = "", *, config: str = "practice", out: str = "reports") -> "Run":
    """Return a run on one tenant.

    Args:
        tenant: Its name in the tenants file; empty for the file's own default.
        config: The tenants file, relative to the project folder, or the name of a configuration.
        out: Where pages, evidence and tables go, relative to the project folder.

    Raises:
        ConfigurationError: The file or a decision in it is wrong, there is no such tenant, or the notebook was given a
            parameter that it does not declare, or nothing can be written where *out* is.
    """
    plain_errors()
    parameters.refuse_unknown(history())
    root = project()
    located = partial(tenants.locate, config, root)
    configuration = tenants.load(located())
    chosen = _dated(configuration.tenant(tenant))
    return Run(configuration, chosen, _kept_in(root / Path(out).expanduser() / chosen.name, out), renew=located)


def _kept_in(folder: Path, out: str) -> Path:
    """Return *folder*, made and tried: what the last cell cannot keep would cost the run, and a change its record."""
    try:
        store.check_writable(folder)
    except MailauthError as error:
        raise ConfigurationError(
            f"out: found {out!r}; expected a folder that can be written: {error.message}",
            remedy="Set out to another folder, or take away what lies in its place.",
        ) from None
    return folder


def _dated(tenant: Tenant) -> Tenant:
    """Return the tenant with the dates that are known for it."""
    return replace(tenant, calendar=calendars.used(tenant, today=datetime.now(UTC).date()))


def versions() -> tuple[tuple[str, str], ...]:
    """Return what runs here, as pairs of name and version; ``missing`` where a package is not installed."""
    return (("Python", sys.version.split()[0]), *((name, _version(name)) for name in _PACKAGES))


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


@dataclass(frozen=True, repr=False)
class Run(Tenancy):
    """One tenant, opened, with everything that a notebook's cell asks of it."""

    # Each part is imported by whoever asks for it: a notebook needs one or two, and start-up pays for none.
    @cached_property
    def bundles(self) -> "Bundling":
        """Support bundles: what was found, in one file for whoever helps."""
        from .bundles import Bundling

        return Bundling(self)

    @cached_property
    def closing(self) -> "Closing":
        """Closing Basic: the waves in which passwords end, what forbids the next step, proof, and undo."""
        from .closing import Closing

        return Closing(self)

    @cached_property
    def consents(self) -> "Consenting":
        """Consent: what the tenant holds, what is missing, and what grants it."""
        from .consents import Consenting

        return Consenting(self)

    @cached_property
    def diagnoses(self) -> "Diagnosing":
        """Diagnoses: what somebody has pasted, and what is behind it."""
        from .diagnoses import Diagnosing

        return Diagnosing(self)

    @cached_property
    def mailboxes(self) -> "Granting":
        """Mailboxes: what lets an app open them, what is missing, and what grants it."""
        from .mailboxes import Granting

        return Granting(self)

    @cached_property
    def proofs(self) -> "Proving":
        """Proof on the wire: what each mailbox answers to a token, and why it is refused."""
        from .proofs import Proving

        return Proving(self)

    @cached_property
    def registrations(self) -> "Registering":
        """App registrations: what is wrong with one, what makes it right, and new credentials for it."""
        from .registrations import Registering

        return Registering(self)

    @cached_property
    def reports(self) -> "Reporting":
        """The report: everything that the tenant's evidence says, on one page."""
        from .reports import Reporting

        return Reporting(self, self._look_anew, lambda: self.watching.headless())

    @cached_property
    def signing_in(self) -> "SigningIn":
        """Signing in: as whom this acts, what that lacks, and the apps of its own to sign in with."""
        from .signing_in import SigningIn

        return SigningIn(self)

    @cached_property
    def watching(self) -> "Watching":
        """Watching: whether what was closed still is, and since when."""
        from .watching import Watching

        return Watching(self, self.closing, self._look_anew)

    def take_back(self, where: str | Path, *, apply: bool) -> Receipt:
        """Take back what a receipt says was done, and what the state file says of it; see `Tenancy.take_back`."""
        receipt = super().take_back(where, apply=apply)
        self.registrations.undone(receipt)
        return receipt

    def _insisted_before_undo(self, done: Receipt, back: Plan) -> Plan:
        return self.closing.insist_on_switches(done, back)

    def preflight(self) -> tuple[Check, ...]:
        """Look whether this machine can do what the notebooks ask; changes nothing."""
        self.renew()
        return (
            _packages(),
            _disk(store.home()),
            _writable(self.folder),
            self._decisions_check(),
            *self._calendar_checks(),
            *self._source_checks(self.tenant.sources),
        )

    def look_here(self) -> tuple[Check, ...]:
        """Look at what the tenants file names on this machine, and ask nobody: the decisions file, files, reports."""
        local = [source for source in self.tenant.sources if source.kind in ("files", "smtp_report")]
        return (
            self._decisions_check(),
            *self._calendar_checks(),
            *(self._source_checks(local) if local else ()),
        )

    def find(self, *, days: int = 0) -> Case:
        """Ask every source of the tenant and return what they say, with a road for each sender.

        Args:
            days: How many days back; 0 for all that each source holds.

        Raises:
            ConfigurationError: `days` is out of range, or a decision is wrong.
        """
        if not 0 <= days <= MOST_DAYS:
            raise ConfigurationError(f"days: found {days}; expected 0 to {MOST_DAYS}.")
        now = self.now()
        window = Window(now - (timedelta(days=days) if days else _WIDEST), now)
        self.renew()
        decided = self._decided()
        with self.alone():
            heard, reports = self._listen(window, decided, now, whole=not days)
            self.tell("")
        findings = signins.assess(
            heard,
            tenant_id=self.tenant.tenant_id,
            now=now,
            window=window if days else None,
            decisions=decided,
            registered_apps=self._registered(),
            small_tenant=self._is_small(),
            dates=self.tenant.calendar,
        )
        rhythms = kinds.rhythms(heard.mail)
        return cases.build(self.tenant, findings, heard.queries, decided, reports, today=now.date(), rhythms=rhythms)

    def ask(self, text: str, *, days: int = 30) -> Reply:
        """Answer one's own KQL from wherever the tenant's sign-ins are; the first source that can answer does.

        Where there is no such source, or it refuses, the reply is empty and says why: a report goes on.

        Args:
            text: The query.
            days: How far back a workspace looks; the local archive answers from all that it holds.
        """
        now = self.now()
        why = f"{self.tenant.name} has no source that answers KQL."
        self.renew()
        for source, start in self._engines():
            try:
                with start() as engine:
                    return engine.run(text, Window(now - timedelta(days=days), now))
            except (SourceError, QueryError, ConfigurationError) as error:
                why = f"{source.kind}: {_declined(error)}"
        return Reply([], partial=why)

    def keep_start(self, checked: Sequence[Check]) -> Path:
        """Write notebook 00's evidence and return where it is."""
        record = evidence.start(self.tenant, checked, versions(), made_at=self.now())
        return store.write_evidence(self.folder / "evidence" / "00-start.json", record)

    def keep_diagnosis(self, found: "Diagnosed") -> tuple[Path, ...]:
        """Write notebook 80's evidence and a support bundle, and return where they are; none without a text."""
        if not found.pasted.text.strip():
            return ()
        return self.diagnoses.keep(found), self.bundles.of_diagnosis(found)

    def keep_findings(self, case: Case) -> tuple[Path, ...]:
        """Write notebook 10's evidence and its tables, and return where they are."""
        record = evidence.findings(case)
        return (
            store.write_evidence(self.folder / "evidence" / "10-find-basic-auth.json", record),
            *(
                store.write_bytes(self.folder / "tables" / f"{name}.csv", text)
                for name, text in tables.of(record).items()
            ),
        )

    def _look_anew(self, days: int) -> None:
        """Do what notebook 10 does, for a report that has no look of today."""
        case = self.find(days=days)
        store.retire(self.folder, "10-find-basic-auth", keep=self.tenant.defaults.keep)
        self.keep_findings(case)

    def _decided(self) -> Decisions | None:
        path = self.tenant.decisions
        return decisions.load(path, actions=tuple(advice.roads())) if path else None

    def _registered(self) -> list[str]:
        return [app.client_id for app in self.tenant.mail_apps if app.client_id]

    def _looks(self) -> Iterator[reportonly.Record]:
        """Yield the records of the notebooks that look at Conditional Access, as far as they are there."""
        for name in ("40-grant-mailboxes", "60-close-basic"):
            path = self.folder / "evidence" / f"{name}.json"
            text = path.read_bytes() if path.is_file() else None
            if record := reportevidence.read(text, name, self.tenant, self.now()).record:
                yield record

    def _is_small(self) -> bool:
        people = self.tenant.members_hint
        return people is not None and people < Thresholds.standard().small_tenant

    def _of(self, kind: str) -> list[Source]:
        return [source for source in self.tenant.sources if source.kind == kind]

    def _kept(self, folder: Callable[[str, str], Path]) -> Path:
        return folder(self.tenant.name, self.tenant.tenant_id)

    def _listen(
        self, window: Window, decided: Decisions | None, now: datetime, *, whole: bool
    ) -> tuple[Answers, list[smtp_report.Report]]:
        """Return what every source says, put together, and the mail reports among them."""
        parts, lost = self._fetch(None if whole else window)
        asked = answers.Parameters.standard(
            Thresholds.standard(),
            small_tenant=self._is_small(),
            named_networks=[network.network for network in decided.networks] if decided else (),
            registered_apps=self._registered(),
            tenant_id=self.tenant.tenant_id,
            listed_policies=reportonly.stopping(self._looks()),
        )
        reports: list[Path] = []
        with contextlib.ExitStack() as stack:
            for source, start in self._engines(window, asked):
                try:
                    engine = stack.enter_context(start())
                    self.tell(f"asking {engine.name}")
                    parts.append(answers.ask(engine, window=window, parameters=asked, now=now))
                    reports.extend(getattr(engine, "smtp_reports", ()))
                except (SourceError, ConfigurationError) as error:
                    lost.append(_unheard(source, error))
        for source in self._of("smtp_report"):
            found = exports.find(source.patterns, source.base)
            reports.extend(path for path, _ in found.files)
        heard = answers.together([*parts, Answers(coverage=tuple(lost))])
        return heard, [_report(path) for path in dict.fromkeys(reports)]

    def _fetch(self, window: Window | None) -> tuple[list[Answers], list[Coverage]]:
        """Bring the archives of live sources up to date; a log that refuses is coverage."""
        parts: list[Answers] = []
        lost: list[Coverage] = []
        for source in self.tenant.sources:
            try:
                if source.kind == "graph":
                    lost += graph.fetch(
                        self._run("graph", window),
                        registered=self._registered(),
                        people=Thresholds.standard().site(small_tenant=self._is_small()),
                    )
                elif source.kind == "audit":
                    lost += audit.fetch(self._run("audit", window))
            except (SourceError, ConfigurationError) as error:
                lost.append(_unheard(source, error))
        # What earlier runs fetched counts whether or not the log answered today.
        if self._of("audit"):
            parts.append(Answers(mail=audit.rows(self._kept(store.archive_dir) / "audit", window)))
        return parts, lost

    def _run(self, log: str, window: Window | None) -> live.Run:
        folder = self._kept(store.archive_dir) / log
        who = self.tenant.cloud, self.reader(), self.tenant.tenant_id
        return live.Run(*who, folder, window=window, progress=self.tell)

    def _engines(
        self, window: Window | None = None, asked: answers.Parameters | None = None
    ) -> Iterator[tuple[Source, Callable[[], "_Opened"]]]:
        """Yield what answers KQL for this tenant, as its source and the function that opens it.

        Args:
            window: The event times that all queries will be asked for, if they will.
            asked: What the queries will be told.
        """
        local = [source for source in self.tenant.sources if source.kind in ("files", "graph")]
        if local:
            foreseen = answers.texts(window, asked, archive.SCHEMA) if window and asked else {}
            yield local[0], partial(self._archive, foreseen.values())
        for source in self.tenant.sources:
            if source.kind == "workspace":
                yield source, partial(self._workspace, source)
            elif source.kind == "kusto":
                yield source, partial(self._kusto, source)

    def _archive(self, foreseen: Iterable[str]) -> archive.Archive:
        files = self._of("files")
        return archive.open(
            self.tenant.tenant_id,
            [pattern for source in files for pattern in source.patterns],
            base=files[0].base if files else self.configuration.path.parent,
            cache=self._kept(store.cache_dir),
            fetched=self._kept(store.archive_dir) / "graph",
            progress=self.tell,
            foreseen=foreseen,
        )

    def _workspace(self, source: Source) -> workspace.Workspace:
        return workspace.Workspace(self.tenant.cloud, self.reader(), source.workspace_id)

    def _kusto(self, source: Source) -> kusto.Kusto:
        return kusto.Kusto(self.tenant.cloud, self.reader(), source.cluster, source.database)

    def _decisions_check(self) -> Check:
        path = self.tenant.decisions
        if path is None:
            remedy = "A decisions file keeps names of networks, owners and dates; decisions.example.yaml explains it."
            return Check("decisions file", "not configured", "none", remedy)
        try:
            decided = self._decided()
        except MailauthError as error:
            return Check("decisions file", "wrong", str(error), error.remedy)
        assert decided is not None
        counts = {"network": decided.networks, "sender": decided.senders, "vendor": decided.vendors}
        found = ", ".join(counted(len(entries), noun) for noun, entries in counts.items())
        return Check("decisions file", "ok", found)

    def _calendar_checks(self) -> Iterator[Check]:
        """Yield what came of a newer file of dates, where there is one."""
        try:
            held = calendars.read(self.tenant, today=self.now().date())
        except ConfigurationError as error:
            yield Check("dates", "wrong", str(error), "Mend the file, or take it away.")
            return
        if held.origin or held.note:
            yield Check("dates", "ok" if held.origin else "wrong", held.said.plain(), "" if held.origin else _OLD_DATES)

    def _source_checks(self, sources: Sequence[Source]) -> Iterator[Check]:
        if not sources:
            remedy = "Add signin_logs: to the tenant; tenants.example.yaml explains the six kinds."
            yield Check("sign-in logs", "not configured", "no source", remedy)
        for source in sources:
            name = f"sign-in logs: {source.kind.replace('_', ' ')}"
            try:
                yield Check(name, *self._look(source))
            except ConfigurationError as error:
                yield Check(name, "wrong", error.message, error.remedy)
            except AccessError as error:
                yield Check(name, "wrong", error.message, error.remedy)
            except SourceError as error:
                yield Check(name, "cannot know", error.message, error.remedy)

    def _look(self, source: Source) -> tuple[Outcome, str, str]:
        """Return what one source answers to the smallest question there is."""
        if source.kind in ("files", "smtp_report"):
            found = exports.find(source.patterns, source.base)
            if not found.files:
                return "wrong", "; ".join(found.troubles), "Compare the pattern with where the export lies."
            return _recognised(source, found)
        if source.kind == "graph":
            graph.check(self.tenant.cloud, self.reader())
            return "ok", "Microsoft Graph answers", ""
        if source.kind == "audit":
            self.reader().get_token(f"{self.tenant.cloud.graph}/.default")
            return "ok", "signed in; whether the audit log may be read shows when it is asked", ""
        start = self._workspace if source.kind == "workspace" else self._kusto
        with start(source) as engine:
            missing = [table for table in kql.TABLES if table not in engine.schema()]
        if missing:
            remedy = "Add the missing categories to the tenant's diagnostic setting."
            return "cannot know", f"no table {', '.join(missing)}", remedy
        return "ok", "all tables are there", ""


class _Opened(Engine, Protocol):
    """An engine that is closed by leaving its block."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def _packages() -> Check:
    missing = [name for name, version in versions() if version == "missing"]
    if missing:
        return Check(
            "packages", "wrong", f"missing: {', '.join(missing)}", "Start through run.py, which installs them."
        )
    return Check("packages", "ok", f"Python {sys.version.split()[0]}")


def _recognised(source: Source, found: exports.Found) -> tuple[Outcome, str, str]:
    """Return what the files are, as far as a look at the beginning of some of them can tell."""
    odd = [path.name for path, status in found.files[:_LOOKED_AT] if not _is_source(source, path, status)]
    count, size = len(found.files), sum(status.st_size for _, status in found.files)
    said = (
        f"{counted(count, 'file')}, {size / 1e6:,.1f} MB"
        if size >= 1e5
        else f"{counted(count, 'file')}, {size:,} bytes"
    )
    if not odd:
        return "ok", said, ""
    names = ", ".join(odd[:3])
    remedy = "Compare them with the list of formats in the README; the rest is used."
    return "wrong", f"{said}; not recognised: {names}{' and more' if len(odd) > len(odd[:3]) else ''}", remedy


def _is_source(source: Source, path: Path, status: os.stat_result) -> bool:
    shape = exports.recognise(path, status).shape
    return shape == "smtp" if source.kind == "smtp_report" else shape is not None


# Opening thousands of files only to look at them would make the preflight the slowest notebook.
_LOOKED_AT = 200


def _disk(folder: Path) -> Check:
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(there).free
    # No path: this ends on a page that travels.
    found = f"{free / 1e9:,.1f} GB free where cached data is kept"
    if free < _DISK_FLOOR:
        return Check("disk", "wrong", found, "Make room, or set MAILAUTH_HOME to a folder on a larger disk.")
    return Check("disk", "ok", found)


def _writable(folder: Path) -> Check:
    shown = f"{folder.parent.name}/{folder.name}"
    try:
        store.private_folder(folder)
        store.write_text(folder / ".preflight", "")
        (folder / ".preflight").unlink()
    except OSError as error:
        return Check("reports folder", "wrong", f"{shown}: {error.strerror}", "Choose another folder with out.")
    except MailauthError:
        return Check("reports folder", "wrong", f"{shown} is in use or is a file", "Choose another folder with out.")
    return Check("reports folder", "ok", shown)


def _report(path: Path) -> smtp_report.Report:
    return smtp_report.parse(smtp_report.decode(path.read_bytes()), path.name)


def _declined(error: MailauthError) -> str:
    """Return why one's own query was not answered, with the engine's words marked as such."""
    if not isinstance(error, QueryError):
        return str(error)
    # The local engine goes on with the SQL that the KQL became, which nobody here wrote.
    said = re.split(r"\s+(?:Did you mean\b|LINE \d+:)", error.message)[0].rstrip(". ")
    known = ", ".join(kql.TABLES)
    return f"{said}. These are the engine's own words; a query can name the tables {known} and their columns."


def _unheard(source: Source, error: MailauthError) -> Coverage:
    what = f"sign-in records ({source.kind.replace('_', ' ')})"
    return Coverage(what, "unknown", source.kind, reason=error.message, remedy=error.remedy, code=code_of(error))
