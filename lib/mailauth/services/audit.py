"""The audit log as a weaker witness: 180 days, in every licence, and never more than "somebody used a password".

A record names no protocol. What gives a password sign-in away is the user agent that
Exchange writes when it hands a password to Entra, so a query asks for each of those. A
query is work that the service does by itself; it is started, looked at until it is done,
and read. One that takes longer than a run is found again by the next.

Its rows stay in a folder of their own: they are the same events as the sign-in log's under
other ids, and beside those they would count twice.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote
from uuid import UUID

from mailauth import networks, protocols, results
from mailauth.coverage import Coverage, State, Window, code_of
from mailauth.errors import AccessError, SourceError
from mailauth.summary import MailRow

from . import live, segments, store
from .client import status
from .ledger import day_of, midnight
from .live import DAY, Record, Run

__all__ = ["AGENTS", "SOURCE", "fetch", "rows"]

AGENTS: Final = ("BAV2ROPC", "CBAInPROD")
"""User agents that stand for a password handed over by Exchange; one query each."""

SOURCE: Final = "audit"

_QUERIES: Final = "/beta/security/auditLog/queries"
_TABLE: Final = "SigninLogs"
_WHAT: Final = "password sign-ins in the audit log"
_KEPT: Final = timedelta(days=180)
_CHUNK: Final = timedelta(days=60)
_MOST: Final = 50_000
_WITHOUT: Final = ("gcc-high", "dod", "china")
_LIMITS: Final = (
    "The audit log names no protocol, and only sign-ins whose user agent is Exchange's own are known for passwords."
)


@dataclass(frozen=True)
class _Query:
    """A query that the service works on."""

    id: str
    agent: str
    start: datetime
    end: datetime
    asked: datetime


def fetch(run: Run, *, agents: Sequence[str] = AGENTS, patience_s: float = 900.0) -> tuple[Coverage, ...]:
    """Bring the folder of *run* up to date with the tenant's audit log; return how far it now reaches.

    Args:
        run: Its credential signs in with AuditLogsQuery-Entra.Read.All; its folder holds nothing else.
        agents: User agents to ask for.
        patience_s: How long to wait for the service to finish its queries.

    Raises:
        SourceError: The folder is another tenant's.
    """
    if run.cloud.name in _WITHOUT:
        reason = f"Microsoft offers the query of the audit log in its public cloud only, not in {run.cloud.name}."
        return (Coverage(_WHAT, "absent", SOURCE, reason=reason),)
    with live.opened(run) as job:
        reader = _Reader(job)
        try:
            reader.start(agents)
            reader.finish(patience_s, run.monotonic, run.sleep)
        except SourceError as error:
            reader.stopped = error
    return (reader.coverage(agents),)


def rows(folder: Path, window: Window | None = None) -> tuple[MailRow, ...]:
    """Return what *folder* holds as mail rows of the witness ``audit``: client and protocol unknown."""
    grouped: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    for row in _held(folder, window):
        key = (day_of(row["CreatedDateTime"]), *(row[name] for name in _KEY), networks.canonical(row["IPAddress"]))
        grouped.setdefault(key, []).append(row)
    return tuple(_mail_row(together) for together in grouped.values())


_KEY: Final = ("UserPrincipalName", "UserId", "AppId", "ResourceDisplayName", "ResultType")


def _held(folder: Path, window: Window | None) -> list[dict[str, Any]]:
    files = [str(path) for path in segments.found(folder)[_TABLE]]
    if not files:
        return []
    start, end = (window.start, window.end) if window else (datetime.min.replace(tzinfo=UTC), _FOREVER)
    with segments.connect() as connection:
        # The service has been seen to give a record twice, and one run's days overlap the next one's.
        found = connection.execute(
            "SELECT DISTINCT ON (Id) * FROM read_parquet($files)"
            " WHERE CreatedDateTime >= $start AND CreatedDateTime < $end ORDER BY Id, CreatedDateTime",
            {"files": files, "start": start, "end": end},
        )
        names = [column[0] for column in found.description]
        return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


_FOREVER: Final = datetime(9999, 1, 1, tzinfo=UTC)


def _mail_row(together: Sequence[Mapping[str, Any]]) -> MailRow:
    one = together[0]
    times = sorted(row["CreatedDateTime"].astimezone(UTC) for row in together)
    return MailRow(
        day=midnight(day_of(times[0])),
        user=one["UserPrincipalName"],
        user_id=one["UserId"],
        population=_population(one),
        client_app=one["ClientAppUsed"],
        protocol="",
        app_id=one["AppId"],
        app="",
        resource=one["ResourceDisplayName"],
        network=networks.canonical(one["IPAddress"]),
        asn="",
        country="",
        step="",
        result=one["ResultType"],
        note="",
        risk="",
        interactive=True,
        sign_ins=len(together),
        first=times[0],
        last=times[-1],
        user_agent=max(row["UserAgent"] for row in together)[:200],
        source=SOURCE,
    )


def _population(row: Mapping[str, Any]) -> str:
    if row["ResultType"] in results.nobody_codes() or not row["UserPrincipalName"]:
        return "nobody"
    return "guest" if row["UserType"] == "guest" else "member"


class _Reader(live.Reader):
    """One run: starts the queries that are due, waits for them, keeps what they found."""

    def __init__(self, job: live.Job) -> None:
        super().__init__(job)
        self.stopped: SourceError | None = None
        self._failed: list[str] = []
        self._lost = 0
        self._open = [query for query in _pending(self._folder) if query.asked > self._now - DAY]

    def start(self, agents: Iterable[str]) -> None:
        """Start a query for each stretch of days that is neither held nor asked for already."""
        for agent in agents:
            due = [day for day in self._days() if not self._ledger.final(_key(agent), day)]
            due = [day for day in due if not any(_covers(query, agent, day) for query in self._open)]
            for first, last in _chunks(due):
                self._open.append(self._started(agent, midnight(first), min(midnight(last) + DAY, self._now)))
                self._remember()

    def finish(self, patience_s: float, monotonic: Callable[[], float], sleep: Callable[[float], None]) -> None:
        """Wait for the queries and read those that are done; what is not done in time stays for the next run."""
        until, pause_s = monotonic() + patience_s, 5.0
        while True:
            self._open = [query for query in self._open if not self._settled(query)]
            self._remember()
            if not self._open or monotonic() + pause_s > until:
                return
            self._say(f"The audit log is working on {len(self._open)} queries.")
            sleep(pause_s)
            pause_s = min(pause_s * 1.5, 60.0)

    def _started(self, agent: str, start: datetime, end: datetime) -> _Query:
        answer = self._graph.post(
            _QUERIES,
            {
                "@odata.type": "#microsoft.graph.security.auditLogQuery",
                "displayName": f"Mail OAuth Runbook: {agent}",
                "filterStartDateTime": start.isoformat().replace("+00:00", "Z"),
                "filterEndDateTime": end.isoformat().replace("+00:00", "Z"),
                "recordTypeFilters": ["azureActiveDirectoryStsLogon"],
                "operationFilters": ["UserLoggedIn", "UserLoginFailed"],
                "keywordFilter": agent,
            },
        )
        return _Query(str(answer.get("id", "")), agent, start, end, self._now)

    def _settled(self, query: _Query) -> bool:
        try:
            state = str(self._graph.get(f"{_QUERIES}/{quote(query.id, safe='')}").get("status"))
        except SourceError as error:
            if status(error) != 404:
                raise
            state = "gone"
        if state == "succeeded":
            self._keep(query)
        elif state in ("failed", "cancelled", "gone"):
            self._failed.append(f"The query for {query.agent} from {query.start:%Y-%m-%d} on has {state}.")
        return state in ("succeeded", "failed", "cancelled", "gone")

    def _keep(self, query: _Query) -> None:
        records, more = self._records(query)
        by_day: dict[date, list[dict[str, object]]] = {}
        for record in records:
            row = _row(record, query.agent, self._ledger.tenant_id)
            if row is None:
                self._lost += 1
            elif row:
                by_day.setdefault(day_of(cast(datetime, row["CreatedDateTime"])), []).append(row)
        for day, found in by_day.items():
            name = f"{_key(query.agent)}.{day.isoformat()}.{query.asked:%Y%m%dT%H%M%SZ}.parquet"
            segments.write(self._folder / name, _TABLE, found)
        for day in live.days(query.start, query.end):
            self._ledger.read(_key(query.agent), day, query.asked, sampled=more)
        self._ledger.save()

    def _records(self, query: _Query) -> tuple[list[Record], bool]:
        page = self._graph.get(f"{_QUERIES}/{quote(query.id, safe='')}/records")
        records = live.records(page)
        while (link := page.get("@odata.nextLink")) and len(records) < _MOST:
            page = self._graph.follow(str(link))
            records += live.records(page)
        return records, bool(link)

    def _remember(self) -> None:
        store.write_text(self._folder / _PENDING, json.dumps([asdict(query) for query in self._open], default=_text))

    def _days(self) -> list[date]:
        start, end = self._now - _KEPT + DAY, self._now
        if self._window:
            start, end = max(start, self._window.start), min(end, self._window.end)
        return live.days(start, end)

    def coverage(self, agents: Sequence[str]) -> Coverage:
        """Return how far the folder reaches: never complete, because the witness is weak."""
        read_at = self._ledger.shared(_key(agent) for agent in agents)
        days = [day for day in self._days() if day in read_at]
        missing = len(self._days()) - len(days)
        reasons = [*([self.stopped.message] if self.stopped else []), *self._failed]
        if self._open and not self.stopped:
            reasons.append(f"{len(self._open)} queries are still being worked on.")
        if missing:
            reasons.append(f"{missing} of {len(self._days())} days are not read.")
        if any(self._ledger.sampled.get(_key(agent)) for agent in agents):
            reasons.append(f"A query found more than {_MOST} records; the rest was not read.")
        state: State = "partial" if days else "unknown"
        reason = " ".join([*reasons, _LIMITS])
        remedy, code = self._remedy(), code_of(self.stopped)
        return live.reach(_WHAT, state, SOURCE, days, read_at, lost=self._lost, reason=reason, remedy=remedy, code=code)

    def _remedy(self) -> str:
        if isinstance(self.stopped, AccessError) and status(self.stopped) == 403:
            return _ASK
        if self.stopped:
            return self.stopped.remedy
        return "The next run looks again." if self._open else ""


_ASK: Final = (
    'Ask an administrator: "Please grant the app AuditLogsQuery-Entra.Read.All, and consent to it." A person needs a '
    "role that may search the audit log as well."
)
_PENDING: Final = "queries.json"


def _key(agent: str) -> str:
    return f"{_TABLE}.audit-{''.join(letter for letter in agent.lower() if letter.isalnum())}"


def _covers(query: _Query, agent: str, day: date) -> bool:
    return query.agent == agent and query.start <= midnight(day) and midnight(day) < query.end


def _chunks(days: Sequence[date]) -> list[tuple[date, date]]:
    """Return stretches of neighbouring days, none longer than `_CHUNK`: the service gives up on wide ones."""
    found: list[tuple[date, date]] = []
    for day in sorted(days):
        if found and day - found[-1][1] == DAY and day - found[-1][0] < _CHUNK:
            found[-1] = found[-1][0], day
        else:
            found.append((day, day))
    return found


def _pending(folder: Path) -> list[_Query]:
    with suppress(OSError, ValueError, TypeError, KeyError):
        held = json.loads((folder / _PENDING).read_text(encoding="utf-8"))
        times = ("start", "end", "asked")
        return [_Query(**one | {name: datetime.fromisoformat(one[name]) for name in times}) for one in held]
    return []


def _text(moment: object) -> str:
    return moment.isoformat() if isinstance(moment, datetime) else str(moment)


def _row(record: Record, agent: str, tenant_id: str) -> dict[str, object] | None:
    """Return *record* as a row; empty where it is another's sign-in, None where it cannot be read."""
    data = _object(record.get("auditData"))
    created = segments.moment(record.get("createdDateTime") or data.get("CreationTime"))
    if created is None:
        return None
    said = _pairs(data.get("ExtendedProperties")).get("UserAgent", "")
    # The keyword is looked for in the whole record, so a file of that name would be found too.
    if agent.lower() not in said.lower():
        return {}
    user = segments.text(record.get("userPrincipalName") or data.get("UserId")).strip().lower()
    resource = segments.text(record.get("objectId") or data.get("ObjectId"))
    return {
        "CreatedDateTime": created,
        "Id": segments.text(record.get("id") or data.get("Id")),
        "CorrelationId": segments.text(data.get("InterSystemsId")),
        "AADTenantId": tenant_id,
        "UserId": _user_id(data),
        "UserPrincipalName": user if "@" in user else "",
        "UserType": "guest" if "#ext#" in user else "member",
        "AppId": segments.text(data.get("ApplicationId")).lower(),
        "ResourceIdentity": resource,
        "ResourceDisplayName": "Office 365 Exchange Online" if resource == protocols.EXCHANGE else resource,
        "ClientAppUsed": "Other clients",
        "ResultType": _result(record, data),
        "ResultDescription": segments.text(data.get("LogonError")),
        "IPAddress": _address(data.get("ActorIpAddress") or record.get("clientIp") or data.get("ClientIP")),
        "UserAgent": segments.text(said),
        "IsInteractive": True,
    }


def _object(value: object) -> Record:
    if isinstance(value, str):
        with suppress(ValueError):
            value = json.loads(value)
    return value if isinstance(value, Mapping) else {}


def _pairs(value: object) -> dict[str, str]:
    pairs = value if isinstance(value, list) else []
    return {str(pair.get("Name")): str(pair.get("Value")) for pair in pairs if isinstance(pair, Mapping)}


def _user_id(data: Record) -> str:
    actors = data.get("Actor")
    for actor in actors if isinstance(actors, list) else []:
        said = str(actor.get("ID")) if isinstance(actor, Mapping) else ""
        with suppress(ValueError):
            return str(UUID(said))
    return ""


def _result(record: Record, data: Record) -> str:
    """Return the result code; a failure that names none is no success and gets no code."""
    code = segments.text(data.get("ErrorNumber")).strip()
    if str(record.get("operation") or data.get("Operation")) == "UserLoggedIn":
        return code or "0"
    return "" if code == "0" else code


def _address(value: object) -> str:
    """Return the address without the port that some records write behind it."""
    said = segments.text(value).strip()
    if said.startswith("["):
        return said[1:].partition("]")[0]
    return said.partition(":")[0] if said.count(":") == 1 else said
