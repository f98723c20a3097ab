"""Sign-in records read live from Microsoft Graph into the tenant's own archive.

Graph's log answers a few filters, a page at a time, slowly, and forgets after 30 days. So
this reads what mail needs and nothing else: one `Pass` per legacy client name and kind of
sign-in, and small samples of modern sign-ins for known sites and for OAuth. Each day of a
pass becomes a segment in the archive folder, and the ledger beside them says which days are
there; the next run asks only for the rest. A window that holds more than a page is halved,
down to an hour, so a quiet month costs one request and a busy one costs what it holds.
"""

import hashlib
import ipaddress
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from azure.core.credentials import TokenCredential

from mailauth import networks, protocols, reference, results
from mailauth.clouds import Cloud
from mailauth.coverage import Code, Coverage, State, code_of
from mailauth.errors import AccessError, SourceError, UnreachableError

from . import live, segments
from .client import Graph, Pace, status
from .ledger import FINAL_AFTER, day_of, midnight
from .live import DAY, Record, Run

__all__ = ["CLIENT_NAMES", "Pass", "check", "fetch"]

CLIENT_NAMES: Final = (
    "Authenticated SMTP",
    "Exchange ActiveSync",
    "IMAP4",
    "POP3",
    "Exchange Web Services",
    "Other clients",
    "Autodiscover",
    "AutoDiscover",
    "MAPI over HTTP",
    "MAPI Over HTTP",
    "Outlook Anywhere (RPC over HTTP)",
    "Offline Address Book",
    "Outlook Service",
    "Universal Outlook",
    "Exchange Online PowerShell",
    "Reporting Web Services",
)
"""Names of legacy clients as Entra writes them today, what matters most first.

Whether Graph's ``eq`` minds the case is not documented, so both spellings stand.
"""

SOURCE: Final = "graph"

_SIGN_INS: Final = "/beta/auditLogs/signIns"
_OFFICE: Final = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
_MODERN: Final = "Mobile Apps and Desktop clients"

_KEPT: Final = timedelta(days=30)
_KEPT_FREE: Final = timedelta(days=7)
_HOUR: Final = timedelta(hours=1)
_TOPS: Final = (1000, 500, 200, 100)
_PAGES: Final = 20  # records of a window are held in memory, some 10 KB each
_RESTARTS: Final = 3
_AT_A_SITE: Final = 200

_INTERACTIVE: Final = "SigninLogs"
_NON_INTERACTIVE: Final = "AADNonInteractiveUserSignInLogs"
_APPS: Final = "AADServicePrincipalSignInLogs"
_EVENTS: Final[Mapping[str, str]] = {
    _INTERACTIVE: "interactiveUser",
    _NON_INTERACTIVE: "nonInteractiveUser",
    _APPS: "servicePrincipal",
}

_BY_CLIENT: Final[Mapping[str, str]] = {
    _INTERACTIVE: "interactive sign-ins by legacy mail clients",
    _NON_INTERACTIVE: "non-interactive sign-ins by legacy mail clients",
}
_LOG: Final = "how far back the sign-in log goes"
_ROPC: Final = "password sign-ins by apps (ropc)"
_SITES: Final = "networks where members complete MFA"
_OAUTH: Final = "OAuth sign-ins for mail"

_ROPC_IDS: Final = """
    SELECT DISTINCT Id FROM read_parquet($files)
    WHERE AuthenticationProtocol = 'ropc' AND CreatedDateTime >= $start AND CreatedDateTime < $end
"""
_BY_NETWORK: Final = """
    SELECT IPAddress, count(*) FILTER (list_contains($right, ResultType)),
        count(DISTINCT CAST(CreatedDateTime AS DATE))
    FROM read_parquet($files) WHERE CreatedDateTime >= $start GROUP BY IPAddress
"""

Row = dict[str, object]


@dataclass(frozen=True)
class Pass:
    """One filter, read day by day.

    Args:
        topic: What its coverage speaks of; the passes of a topic share a record.
        table: Where its rows go, which also says what kind of sign-in is asked for.
        where: The filter beside time and kind.
        cap: Pages a day where a sample is enough; 0 for all.
        expects: True for a record that the filter may return; given where Graph does not
            document the filter, because a service that ignores it returns everything.
    """

    topic: str
    table: str
    where: str
    cap: int = 0
    expects: Callable[[Record], bool] | None = field(default=None, compare=False)

    @property
    def key(self) -> str:
        """The name of the pass in ledger and segments; no two passes share it."""
        said = re.sub(r"[^a-z0-9]+", "-", self.where.lower()).strip("-")[:40]
        return f"{self.table}.{said}-{hashlib.sha256(self.where.encode()).hexdigest()[:8]}"


def fetch(
    run: Run,
    *,
    names: Sequence[str] = CLIENT_NAMES,
    registered: Sequence[str] = (),
    clients: Sequence[str] | None = None,
    people: int = 2,
    site_limit: int = 100,
) -> tuple[Coverage, ...]:
    """Bring the folder of *run* up to date with the tenant's sign-in log; return how far it now reaches.

    The segments of earlier runs stay and count. A log that refuses or does not answer is
    coverage, not an error: what the folder holds can still be read.

    Args:
        run: Its credential signs in with AuditLog.Read.All.
        names: Values of ``clientAppUsed``, one pass each.
        registered: Ids of the tenant's own mail apps, whose use is adoption.
        clients: Ids of mail programs, whose use is adoption as well; None for those in the facts.
        people: How many members make a network a known site.
        site_limit: How many networks to ask about in one run.

    Raises:
        SourceError: The folder is another tenant's.
    """
    legacy, adoption = _legacy(names), _adoption(registered, _programs() if clients is None else clients)
    with live.opened(run) as job:
        for left in run.folder.glob(".*.part"):  # of a run that was killed
            left.unlink(missing_ok=True)
        reader = _Reader(job)
        with suppress(_Stopped):
            reader.find_start()
            reader.read(legacy)
            reader.read(_passwords())
            reader.check_passwords(legacy)
            reader.read_sites(legacy, people, site_limit)
            reader.read(adoption)
    return reader.coverage([*legacy, *_passwords(), *adoption])


def check(cloud: Cloud, credential: TokenCredential, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Return when the tenant's sign-ins can be read.

    Raises:
        AccessError: A permission, a role or a licence is missing; `remedy` says which.
        UnreachableError: Graph does not answer.
        SourceError: Graph refused the request for another reason.
    """
    with Graph(cloud, credential, pace=Pace(sleep=sleep)) as graph:
        graph.get(_SIGN_INS, {"$top": 1})


def _legacy(names: Iterable[str]) -> list[Pass]:
    tables = (_INTERACTIVE, _NON_INTERACTIVE)
    return [Pass(_BY_CLIENT[t], t, f"clientAppUsed eq {_quoted(name)}") for t in tables for name in names]


def _passwords() -> list[Pass]:
    # Graph's documentation lists no filter for this property. It is tried, and what comes back is checked.
    where = "authenticationProtocol eq 'ropc'"
    return [Pass(_ROPC, table, where, expects=_is_ropc) for table in (_INTERACTIVE, _NON_INTERACTIVE)]


def _adoption(registered: Iterable[str], clients: Sequence[str]) -> list[Pass]:
    users = (_INTERACTIVE, _NON_INTERACTIVE)
    own = [Pass(_OAUTH, t, f"appId eq {_quoted(app)}", cap=3) for app in registered for t in (*users, _APPS)]
    known = " or ".join(f"appId eq {_quoted(app)}" for app in clients)
    # Without the parentheses the bounds of time would hold for the first id only.
    programs = [Pass(_OAUTH, t, f"({known})", cap=3) for t in users if known]
    # Any other program shows itself when its user signs in: few rows, and they hold the scopes.
    exchange = f"clientAppUsed eq {_quoted(_MODERN)} and resourceId eq {_quoted(protocols.EXCHANGE)}"
    return [*own, *programs, Pass(_OAUTH, _INTERACTIVE, exchange, cap=2)]


def _programs() -> tuple[str, ...]:
    apps: Mapping[str, Mapping[str, str]] = reference.table("mail_clients")["app"]
    # Outlook is everybody, all day: its rows would fill the sample and show nothing of IMAP, POP or SMTP.
    return tuple(key for key, app in apps.items() if app["kind"] in ("mail client", "phone") and key != _OFFICE)


def _is_ropc(record: Record) -> bool:
    return str(record.get("authenticationProtocol")).lower() == "ropc"


class _Stopped(Exception):
    """Nothing more can be read in this run; the reader holds the reason."""


class _Ignored(Exception):
    """A filter that Graph does not document had no effect."""


class _Expired(Exception):
    """The link to the next page is too old."""


@dataclass(frozen=True)
class _Log:
    """Where Graph's log begins.

    Args:
        start: The first moment worth asking for.
        whole_from: Before this, records have begun to be forgotten.
        known: Whether this was seen, or is what the documentation leads to expect.
    """

    start: datetime
    whole_from: datetime
    known: bool


@dataclass(frozen=True)
class _Leaf:
    """A window read to its end, or sampled."""

    start: datetime
    end: datetime
    records: list[Record]
    sampled: bool


class _Reader(live.Reader):
    """One run over one tenant's log: reads passes, keeps segments, remembers what it could not have."""

    def __init__(self, job: live.Job) -> None:
        super().__init__(job)
        self._log = _Log(self._now - _KEPT, self._now - _KEPT_FREE, known=False)
        self._stopped: SourceError | None = None
        self._failed: defaultdict[str, list[str]] = defaultdict(list)
        self._lost: Counter[str] = Counter()
        self._parts: Counter[tuple[str, date]] = Counter()
        self._cut: set[tuple[str, date]] = set()
        self._sites: tuple[int, int] | None = None

    # Where the log begins.

    def find_start(self) -> None:
        """Find where the log begins: 30 days back, or later for a short memory or a young log."""
        self._say("Asking how far back the sign-in log goes.")
        free = day_of(self._now - _KEPT_FREE - DAY)
        with self._noting(_LOG):
            if self._anything(self._now - _KEPT, midnight(free)):
                self._log = _Log(self._now - _KEPT, self._now - _KEPT, known=True)
            elif self._anything(midnight(free), self._now):
                first = midnight(self._first_day(free, day_of(self._now) + DAY))
                self._log = _Log(first, self._now - _KEPT_FREE, known=True)

    def _first_day(self, low: date, high: date) -> date:
        if high - low <= DAY:
            return low
        middle = low + (high - low) // 2
        if self._anything(midnight(low), midnight(middle)):
            return self._first_day(low, middle)
        return self._first_day(middle, high)

    def _anything(self, start: datetime, end: datetime) -> bool:
        where = _filter(_INTERACTIVE, "", start, end - timedelta(seconds=1))
        return bool(live.records(self._graph.get(_SIGN_INS, {"$filter": where, "$top": 1})))

    # Passes.

    def read(self, passes: Iterable[Pass]) -> None:
        """Read what is due of *passes*; one that fails is noted and the next is read."""
        for one in passes:
            with self._noting(one.topic):
                self._read(one)

    def _read(self, one: Pass) -> None:
        for start, end in self._due(one.key):
            read = 0
            for leaf in self._leaves(one, start, end):
                self._keep(one, leaf)
                self._ledger.save()
                read += len(leaf.records)
                self._say(f"{one.topic}: {one.where}, up to {leaf.end:%d %b %H:%M}: {read} records")

    def _due(self, key: str) -> list[tuple[datetime, datetime]]:
        begin, end = self._asked()
        whole = [d for d in live.days(begin, end) if not self._ledger.final(key, d)]
        # Half of the log's first day is gone already. It is worth a look once, and never counts as read.
        due = [d for d in whole if midnight(d) >= self._log.whole_from or not self._ledger.held(key)]
        return [(max(begin, midnight(a)), min(end, midnight(b) + DAY)) for a, b in _runs(due)]

    def _asked(self) -> tuple[datetime, datetime]:
        begin, end = self._log.start, self._now
        if self._window:
            begin = max(begin, midnight(day_of(self._window.start)))
            end = min(end, midnight(day_of(self._window.end - timedelta(microseconds=1))) + DAY)
        return begin, end

    def _leaves(self, one: Pass, start: datetime, end: datetime) -> Iterator["_Leaf"]:
        got = self._attempt(one, start, end)
        if got is not None:
            yield _Leaf(start, end, *got)
            return
        middle = _middle(start, end)
        yield from self._leaves(one, start, middle)
        yield from self._leaves(one, middle, end)

    def _attempt(self, one: Pass, start: datetime, end: datetime) -> tuple[list[Record], bool] | None:
        """Return the records of a window and whether they are a sample; None for a window that is too wide."""
        wide = end - start > DAY
        for top in _TOPS:
            try:
                records, more = self._pages(one, start, end, top, 1 if wide else one.cap or _PAGES)
            except SourceError as error:
                if status(error) != 504:
                    raise
                if wide or (top == _TOPS[-1] and end - start > _HOUR):
                    return None
                if top == _TOPS[-1]:
                    raise
                continue
            if more and (wide or (not one.cap and end - start > _HOUR)):
                return None
            return records, more
        return None

    def _pages(self, one: Pass, start: datetime, end: datetime, top: int, limit: int) -> tuple[list[Record], bool]:
        for _ in range(_RESTARTS):
            # A link lives for minutes; a machine that slept meanwhile begins the window again.
            with suppress(_Expired):
                return self._pages_once(one, start, end, top, limit)
        raise SourceError(f"The links to next pages kept running out for {one.where}.", code="expired")

    def _pages_once(self, one: Pass, start: datetime, end: datetime, top: int, limit: int) -> tuple[list[Record], bool]:
        page = self._graph.get(_SIGN_INS, {"$filter": _filter(one.table, one.where, start, end), "$top": top})
        records = _expected(one, page)
        for _ in range(limit - 1):
            if "@odata.nextLink" not in page:
                break
            page = self._next(str(page["@odata.nextLink"]))
            records += _expected(one, page)
        return records, "@odata.nextLink" in page

    def _next(self, link: str) -> Record:
        try:
            return self._graph.follow(link)
        except SourceError as error:
            if status(error) in (400, 404, 410):
                raise _Expired from error
            raise

    def _keep(self, one: Pass, leaf: _Leaf) -> None:
        rows: defaultdict[date, list[Row]] = defaultdict(list)
        for record in leaf.records:
            try:
                row = segments.from_graph(record, table=one.table, tenant_id=self._ledger.tenant_id)
            except ValueError:
                self._lost[one.topic] += 1
                continue
            created = cast(datetime, row["CreatedDateTime"])
            if leaf.start <= created < leaf.end:
                rows[day_of(created)].append(row)
        for day in live.days(leaf.start, leaf.end):
            self._keep_day(one, leaf, day, rows[day])

    def _keep_day(self, one: Pass, leaf: _Leaf, day: date, rows: list[Row]) -> None:
        begins = leaf.start <= midnight(day)
        part = 0 if begins else self._parts[one.key, day]
        if rows:
            segments.write(self._segment(one, day, part), one.table, rows)
            part += 1
        self._parts[one.key, day] = part
        if leaf.sampled:
            self._cut.add((one.key, day))
        if leaf.end < min(midnight(day) + DAY, self._now):
            return
        while (old := self._segment(one, day, part)).exists():
            old.unlink()
            part += 1
        if midnight(day) >= self._log.whole_from:
            self._ledger.read(one.key, day, self._now, sampled=(one.key, day) in self._cut)

    def _segment(self, one: Pass, day: date, part: int) -> Path:
        return self._folder / f"{one.key}.{day.isoformat()}.{part:02}.parquet"

    # Password sign-ins by apps.

    def check_passwords(self, legacy: Sequence[Pass]) -> None:
        """Hold the undocumented filter to what the documented ones found: it must have seen those rows too."""
        ours, theirs = _passwords(), [one.key for one in legacy]
        days = self._ledger.shared(one.key for one in ours)
        if not days or self._failed[_ROPC]:
            return
        # The passes are minutes apart, so the newest records may stand in one and not yet in the other.
        span = {"start": midnight(min(days)), "end": self._now - DAY}
        wanted = {row[0] for row in self._select(_ROPC_IDS, theirs, **span)}
        missed = wanted - {row[0] for row in self._select(_ROPC_IDS, [one.key for one in ours], **span)}
        if missed:
            self._failed[_ROPC].append(
                f"What a filter that Graph does not document found lacks {len(missed)} of {len(wanted)} known records"
            )

    def _select(self, text: str, keys: Iterable[str], **values: object) -> list[tuple[Any, ...]]:
        """Return what *text* finds in the segments of the passes *keys*."""
        files = [str(path) for key in keys for path in sorted(self._folder.glob(f"{key}.*.parquet"))]
        if not files:
            return []
        with segments.connect() as connection:
            return connection.execute(text, {"files": files, **values}).fetchall()

    # Known sites.

    def read_sites(self, legacy: Sequence[Pass], people: int, limit: int) -> None:
        """Ask, for each network that holds mail sign-ins, who completed MFA there."""
        due = [network for network in self._networks(legacy) if self._unasked(network, people)]
        self._sites = len(due), min(len(due), limit)
        for number, batch in enumerate(_batches(due[:limit], 20)):
            self._say(f"Asking which of {min(len(due), limit)} networks are sites: {number * 20} done.")
            with self._noting(_SITES):
                self._read_sites(batch)
            if self._failed[_SITES]:
                return

    def _read_sites(self, batch: Sequence[str]) -> None:
        rows: defaultdict[str, list[Row]] = defaultdict(list)
        for network in batch:
            members: set[str] = set()
            for table in (_INTERACTIVE, _NON_INTERACTIVE):
                found = self._at(network, table)
                rows[table] += found
                members |= {str(row["UserId"]) for row in found if _is_member(row)}
                # Whoever is asked about twice costs two seconds; two members settle it.
                if len(members) > 1:
                    break
            self._ledger.networks[network] = self._now, len(members)
        stamp = f"{self._now:%Y%m%dT%H%M%SZ}-{hashlib.sha256(batch[0].encode()).hexdigest()[:8]}"
        for table, kept in rows.items():
            if kept:
                segments.write(self._folder / f"{table}.sites.{stamp}.parquet", table, kept)
        self._ledger.save()

    def _at(self, network: str, table: str) -> list[Row]:
        where = (
            f"{_address_filter(network)} and authenticationRequirement eq 'multiFactorAuthentication'"
            " and status/errorCode eq 0"
        )
        page = self._graph.get(
            _SIGN_INS, {"$filter": _filter(table, where, self._log.start, self._now), "$top": _AT_A_SITE}
        )
        rows = []
        for record in live.records(page):
            with suppress(ValueError):
                rows.append(segments.from_graph(record, table=table, tenant_id=self._ledger.tenant_id))
        there = [row for row in rows if _network(str(row["IPAddress"])) == network]
        if rows and not there and ":" not in network:
            raise SourceError("Graph ignored the filter on the network's address.", code="ignored")
        return there

    def _networks(self, legacy: Sequence[Pass]) -> list[str]:
        """Return the networks of mail sign-ins: where a password was right first, then the most regular."""
        right = list(results.codes("accepted", "right_then_stopped", "probably"))
        counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        keys = [one.key for one in legacy]
        for address, matched, days in self._select(_BY_NETWORK, keys, start=self._log.start, right=right):
            if network := _network(address):
                counts[network][0] += matched
                counts[network][1] += days
        return sorted(counts, key=lambda network: (not counts[network][0], -counts[network][1], network))

    def _unasked(self, network: str, people: int) -> bool:
        at, members = self._ledger.networks.get(network, (datetime.min.replace(tzinfo=UTC), 0))
        return at < self._now - (7 * DAY if members >= people else DAY)

    # What became of it.

    def coverage(self, passes: Iterable[Pass]) -> tuple[Coverage, ...]:
        """Return how far the folder reaches now, one record for each topic."""
        topics: defaultdict[str, list[Pass]] = defaultdict(list)
        for one in passes:
            topics[one.topic].append(one)
        return (
            self._log_coverage(),
            *(self._topic_coverage(topic, those) for topic, those in topics.items()),
            self._sites_coverage(),
            Coverage(
                "sign-ins that name no client",
                "unknown",
                SOURCE,
                reason="Graph is asked for clients by name, so a record whose client is blank is not found this way.",
                remedy="A workspace or exported files hold those records too.",
            ),
            Coverage(
                "the newest sign-ins",
                "partial",
                SOURCE,
                start=self._now - FINAL_AFTER,
                end=self._now,
                reason="Records reach the log minutes to hours after the event.",
                remedy="The next run reads these days again.",
            ),
        )

    def _log_coverage(self) -> Coverage:
        if not self._log.known:
            return self._unread(_LOG)
        if self._log.start <= self._now - _KEPT:
            return Coverage(_LOG, "complete", SOURCE, start=self._log.start, end=self._now)
        return Coverage(
            _LOG,
            "partial",
            SOURCE,
            start=self._log.start,
            end=self._now,
            reason=f"The log begins on {self._log.start:%Y-%m-%d}, so it keeps 7 days in place of 30, or it began then:"
            " a new licence does not bring back older records.",
            remedy="Run this at least weekly; the archive keeps what the log forgets.",
        )

    def _topic_coverage(self, topic: str, passes: Sequence[Pass]) -> Coverage:
        days, held = self._wanted(passes), self._ledger.shared(one.key for one in passes)
        there = [day for day in days if day in held]
        missing = [day for day in days if day not in held]
        reasons = self._reasons(topic, passes, there, missing)
        unknown = not there or self._empty()
        state: State = "unknown" if unknown else "partial" if reasons else "complete"
        if not days:
            state, reasons = "absent", ["The window asked for has not begun yet."]
        remedy = self._remedy(topic) if state != "complete" else ""
        return live.reach(
            topic,
            state,
            SOURCE,
            there,
            held,
            lost=self._lost[topic],
            reason=" ".join(reasons),
            remedy=remedy,
            code=self._code() if missing else "",
        )

    def _wanted(self, passes: Sequence[Pass]) -> list[date]:
        end = min(self._now, self._window.end) if self._window else self._now
        if self._window:
            return live.days(self._window.start, end)
        earliest = [midnight(min(held)) for one in passes if (held := self._ledger.held(one.key))]
        return live.days(min([_ceiling(max(self._log.start, self._log.whole_from)), *earliest]), end)

    def _reasons(self, topic: str, passes: Sequence[Pass], there: Sequence[date], missing: Sequence[date]) -> list[str]:
        reasons = [_sentence(said) for said in dict.fromkeys(self._failed[topic])]
        if self._empty() or (missing and self._stopped):
            reasons.append(self._why_unknown())
        if missing:
            begun = f" The log begins on {self._log.start:%Y-%m-%d}." if self._log.known and not self._stopped else ""
            reasons.append(f"Not read: {_spelled(missing)}.{begun}")
        sampled = {day for one in passes for day in self._ledger.sampled.get(one.key, ())} & set(there)
        if sampled:
            reasons.append(f"Only the newest records were taken of {_spelled(sorted(sampled))}.")
        if self._lost[topic]:
            reasons.append(f"{self._lost[topic]} records had no readable time.")
        return reasons

    def _sites_coverage(self) -> Coverage:
        asked = f"Asked about networks with mail sign-ins only, the newest {_AT_A_SITE} MFA sign-ins of each."
        if self._sites is None:
            return self._unread(_SITES)
        due, done = self._sites
        reasons = [_sentence(said) for said in self._failed[_SITES]]
        if self._stopped:
            reasons.append(_sentence(self._stopped.message))
        if due > done:
            reasons.append(f"{done} of {due} networks asked about, those where a password was right first.")
        state: State = "partial" if reasons else "complete"
        remedy = "The next run asks about the rest." if due > done else self._remedy() if reasons else ""
        return Coverage(
            _SITES,
            state,
            SOURCE,
            start=self._log.start,
            end=self._now,
            reason=" ".join([*reasons, asked]),
            remedy=remedy,
            code=self._code(),
        )

    def _unread(self, what: str) -> Coverage:
        return Coverage(what, "unknown", SOURCE, reason=self._why_unknown(), remedy=self._remedy(), code=self._code())

    def _empty(self) -> bool:
        """Whether the log was asked for anything at all, and had nothing."""
        return not self._log.known and not self._stopped and not self._failed[_LOG]

    def _why_unknown(self) -> str:
        if self._stopped or self._failed[_LOG]:
            return _sentence(self._stopped.message if self._stopped else self._failed[_LOG][0])
        return (
            "The log holds no interactive sign-in of the last 30 days: either nobody works here, or nothing is logged."
        )

    def _code(self) -> Code:
        return code_of(self._stopped)

    def _remedy(self, topic: str = "") -> str:
        if topic == _ROPC and self._failed[topic]:
            return "A workspace or exported files show them; of those that asked for Exchange, a sample was read."
        return self._stopped.remedy if self._stopped else ""

    @contextmanager
    def _noting(self, topic: str) -> Iterator[None]:
        """Note what goes wrong with *topic*; end the run at what every further question would meet too."""
        try:
            yield
        except _Ignored:
            self._failed[topic].append("Graph ignored a filter that it does not document")
        except SourceError as error:
            if isinstance(error, AccessError | UnreachableError) and status(error) != 504:
                self._stopped = error
                raise _Stopped from error
            self._failed[topic].append(error.message)


def _filter(table: str, where: str, start: datetime, end: datetime) -> str:
    # Only ge and le are documented for the time; the record at the end belongs to the next window and is dropped.
    event = f"signInEventTypes/any(t: t eq '{_EVENTS[table]}')"
    times = f"createdDateTime ge {_zulu(start)} and createdDateTime le {_zulu(end)}"
    return " and ".join(part for part in (times, where, event) if part)


def _zulu(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _quoted(value: str) -> str:
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


def _expected(one: Pass, page: Record) -> list[Record]:
    records = live.records(page)
    if one.expects and not all(map(one.expects, records)):
        raise _Ignored
    return records


def _is_member(row: Row) -> bool:
    home, there = row["HomeTenantId"], row["ResourceTenantId"]
    ours = not home or not there or home == there
    passed = row["ResultType"] == "0" and row["AuthenticationRequirement"] == "multiFactorAuthentication"
    return passed and ours and bool(row["UserId"]) and str(row["UserType"]).lower() != "guest"


def _network(address: object) -> str:
    network = networks.canonical(str(address))
    try:
        ipaddress.ip_network(network)
    except ValueError:
        return ""
    return network


def _address_filter(network: str) -> str:
    if ":" not in network:
        return f"ipAddress eq {_quoted(network)}"
    start = ipaddress.ip_network(network).network_address
    groups = [f"{int(group, 16):x}" for group in start.exploded.split(":")[:4]]
    # A zero group at the end may be swallowed by "::", so the text before it is all that is certain.
    while groups[-1] == "0":
        groups.pop()
    return f"startsWith(ipAddress,{_quoted(':'.join(groups) + ':')})"


def _middle(start: datetime, end: datetime) -> datetime:
    if end - start <= DAY:
        return (start + (end - start) / 2).replace(microsecond=0)
    middle = midnight(day_of(start + (end - start) / 2))
    return middle if middle > start else midnight(day_of(start)) + DAY


def _ceiling(moment: datetime) -> datetime:
    down = midnight(day_of(moment))
    return down if down == moment else down + DAY


def _runs(days: Iterable[date]) -> Iterator[tuple[date, date]]:
    first = last = None
    for day in sorted(days):
        if first is None or last is None:
            first = day
        elif day != last + DAY:
            yield first, last
            first = day
        last = day
    if first is not None and last is not None:
        yield first, last


def _spelled(days: Sequence[date]) -> str:
    return ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in _runs(days))


def _sentence(said: str) -> str:
    return said if said.endswith((".", "!", "?")) else f"{said}."


def _batches(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (items[first : first + size] for first in range(0, len(items), size))
