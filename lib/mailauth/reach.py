"""How far the records reach, in sentences that a manager understands.

The engines say what they could not fetch. What the records themselves show (where they begin, days without any,
columns that were empty, codes that nobody knows) and what no sign-in log can show is added here.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from . import protocols, results, rhythm
from .calendar import BusinessDates, days_of, spoken
from .coverage import Coverage, Window
from .guids import is_guid
from .summary import Answers, TableDay

__all__ = ["UNSEEN", "USER_TABLES", "coverage", "empty_days", "held", "missing_days", "own", "sites_known", "unseen"]

USER_TABLES = {"SigninLogs": "interactive sign-ins", "AADNonInteractiveUserSignInLogs": "non-interactive sign-ins"}
"""The tables in which people's sign-ins stand, and what a page calls them. Passwords for mail show in the first."""

# A live reading asks for mail clients by name, so a day without a record is a day without a sign-in: how far it
# reaches is in its own coverage, which speaks of a table's sign-ins with these words at the end.
_LIVE = " by legacy mail clients"
# What an archive calls records that a domain as the tenant's id cannot tell apart; it names the tenants itself.
_SEVERAL = "records of several tenants"
_SHOWN = 8  # names of codes or clients in one sentence

# What holds for every tenant and every log.
_NEVER_SHOWN = (
    Coverage(
        "passwords refused by Exchange",
        "unknown",
        "tenant",
        reason="An Exchange authentication policy, or a protocol that is off, refuses a password before it is checked: "
        "that leaves no sign-in record.",
        remedy="Ask for the mail report in the Exchange admin center, or test a mailbox on the wire.",
    ),
    Coverage(
        "sign-ins that Exchange remembers",
        "unknown",
        "tenant",
        reason="Exchange may remember a good password for up to 24 hours: numbers are password checks, not messages.",
        remedy="After a change, wait a day before a missing record means anything.",
    ),
    Coverage(
        "federated domains and mailboxes on premises",
        "unknown",
        "tenant",
        reason="Wrong passwords of a federated domain stay with its own login server, and a mailbox on premises leaves "
        "no record here. Which domains and mailboxes those are was not read.",
        remedy="Read each domain's authentication type and the mailboxes' locations.",
    ),
)


def own(answers: Answers, tenant_id: str) -> Answers:
    """Return *answers* without the days that a shared workspace holds of other tenants.

    Args:
        answers: From all sources.
        tenant_id: The tenant's id; where it is a domain, its days cannot be told from others', and all stay.
    """
    wanted = tenant_id.strip().lower()
    if not is_guid(wanted):
        return answers
    ours = tuple(day for day in answers.tables if day.tenant_id.strip().lower() in ("", wanted))
    return replace(answers, tables=ours)


def held(answers: Answers, asked: Window | None = None) -> Window | None:
    """Return the span that was looked at: from the first to the last record of people's sign-ins, and live readings.

    None where nothing was there to look at. A live reading reaches beyond *asked* at times, and is cut to it.
    """
    days = [(day.first, day.last) for day in answers.tables if day.table in USER_TABLES and day.rows]
    spans = [*days, *((span.start, span.end) for span in _live(answers.coverage, asked))]
    spans = spans or [(row.first, row.last) for row in answers.mail]
    if not spans:
        return None
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    # One event alone is a moment; a window has a length.
    return Window(first, max(last, first + timedelta(seconds=1)))


def empty_days(answers: Answers, span: Window | None) -> tuple[date, ...]:
    """Return the days of *span* of which no user table holds a record; none where the tables were not asked."""
    if span is None or not answers.tables:
        return ()
    present = {_day(day.day) for day in answers.tables if day.table in USER_TABLES and day.rows}
    present.update(day for live in _live(answers.coverage) for day in days_of(live))
    return tuple(day for day in days_of(span) if day not in present)


def missing_days(answers: Answers, span: Window | None) -> tuple[date, ...]:
    """Return the days of *span* of which no user table holds a record, but for weekdays silent in every week."""
    silent = rhythm.silent(_spoken_on(answers), span) if span else ()
    return tuple(day for day in empty_days(answers, span) if day not in silent)


def _spoken_on(answers: Answers) -> frozenset[date]:
    """Return the days of which any witness holds a sign-in of somebody."""
    tables = (day.day for day in answers.tables if day.table in USER_TABLES and day.rows)
    return frozenset(_day(each) for each in (*tables, *(row.day for row in answers.mail)))


def sites_known(answers: Answers) -> bool:
    """Whether a known site could have been recognised: some record said if MFA was required, or one was."""
    if any(row.fact == "site" for row in answers.networks):
        return True
    return not answers.tables or any(day.with_requirement for day in answers.tables if day.table in USER_TABLES)


def coverage(
    answers: Answers,
    *,
    tenant_id: str,
    asked: Window | None,
    held: Window | None,
    business: BusinessDates,
    now: datetime,
) -> tuple[Coverage, ...]:
    """Return everything that limits the numbers: the engines' own records first, then what the rows show.

    Args:
        answers: From all sources, other tenants' days among them.
        tenant_id: The tenant's id; where it is a domain, ids in the records are not compared with it.
        asked: The window asked for, or None.
        held: From `held`.
        business: The business dates in it.
        now: The moment of the run.
    """
    ours = own(answers, tenant_id)
    sources = sorted({day.source for day in answers.tables})
    found = (
        *_tables(answers.coverage, list(_read(ours, asked, sources))),
        *_unseen(ours, held),
        *_columns(ours.tables),
        *_newest(ours, asked, now),
        *_ahead(answers.coverage, now),
        *_strangers(answers, tenant_id),
        *_unknown_codes(answers),
        *_unknown_clients(answers),
        business.coverage(held),
        *_NEVER_SHOWN,
    )
    return tuple(dict.fromkeys(found))


def _ahead(records: Sequence[Coverage], now: datetime) -> Iterator[Coverage]:
    """Yield a record for each source that holds event times later than *now*: no query asks for them."""
    for record in records:
        if record.end and record.end > now + _CLOCKS:
            day = spoken(record.end.astimezone(UTC).date())
            yield Coverage(
                f"{record.what} dated in the future",
                "partial",
                record.source,
                start=now,
                end=record.end,
                reason=f"Some records carry a time after this run, up to {day}; they are not counted.",
                remedy="Compare the clock of what exported them, and of this machine.",
            )


# Two clocks never agree to the minute.
_CLOCKS = timedelta(hours=1)


def _live(records: Sequence[Coverage], asked: Window | None = None, what: str = "") -> Iterator[Window]:
    for record in records:
        if not record.what.endswith(_LIVE) or not record.what.startswith(what) or not (record.start and record.end):
            continue
        start = max(record.start, asked.start) if asked else record.start
        end = min(record.end, asked.end) if asked else record.end
        if record.state in ("complete", "partial") and start < end:
            yield Window(start, end)


def _tables(told: Sequence[Coverage], shown: Sequence[Coverage]) -> Iterator[Coverage]:
    """Yield the engines' own records and what the rows show: one record for each table and source."""
    left = {(each.what, each.source): each for each in shown}
    for record in told:
        here = (record.what, record.source)
        yield _joined(record, left.pop(here)) if here in left and _is_whole(record) else record
    yield from left.values()


def _is_whole(record: Coverage) -> bool:
    """Whether an engine speaks of a table as a whole; of a single column it gives no span."""
    return record.state != "partial" or record.start is not None


def _joined(told: Coverage, shown: Coverage) -> Coverage:
    """Return one record of one table; where the rows show some of what an engine says is not there, they are a part."""
    if told.state == "complete":
        whole = shown.state == "complete"
        return replace(told, reason=shown.reason, remedy=shown.remedy) if whole else shown
    if told.state == shown.state == "absent":
        return told
    return replace(
        told,
        state="absent" if shown.state == "absent" else "partial",
        start=min(filter(None, (told.start, shown.start)), default=None),
        end=max(filter(None, (told.end, shown.end)), default=None),
        reason=f"{told.reason} {shown.reason}".rstrip(),
        remedy=f"{told.remedy} {shown.remedy}".strip(),
    )


def _read(answers: Answers, asked: Window | None, sources: Sequence[str]) -> Iterator[Coverage]:
    """Yield what the rows show of each table in each source."""
    for source in sources:
        for table, what in USER_TABLES.items():
            days = [day for day in answers.tables if (day.source, day.table) == (source, table) and day.rows]
            live = list(_live(answers.coverage, asked, what))
            if days:
                yield _table(what, days, live, asked, answers)
            elif not live:
                yield _empty(what, source)


def _table(
    what: str, days: Sequence[TableDay], live: Sequence[Window], asked: Window | None, answers: Answers
) -> Coverage:
    source = days[0].source
    first = min([day.first for day in days] + [span.start for span in live])
    last = max([day.last for day in days] + [span.end for span in live])
    span = Window(min(first, asked.start), max(last, asked.end)) if asked else _up_to(first, last)
    silent = rhythm.silent(
        {_day(day.day) for day in answers.tables if day.table == days[0].table and day.rows},
        span,
        elsewhere=_spoken_on(answers),
        arrived=_spoken_on(Answers(tables=tuple(day for day in answers.tables if day.source == source))),
    )
    wrong = [*_edges(what, first, last, asked, silent)]
    present = {_day(day.day) for day in days}.union(*(days_of(span) for span in live))
    if lost := [day for day in days_of(_up_to(first, last)) if day not in present | silent]:
        wrong.append(_lost(what, lost))
    if wrong:
        remedy = _ARCHIVE if "begin" in wrong[0] else _LOST if lost else ""
        return Coverage(what, "partial", source, first, last, reason=" ".join(wrong), remedy=remedy)
    if quiet := silent - present:
        reason = f"No record on {rhythm.spoken(quiet)}, as in every week held."
        return Coverage(what, "complete", source, first, last, reason=reason)
    return Coverage(what, "complete", source, first, last)


_ARCHIVE = "Keep an archive from now on; older records cannot be fetched any more."
_LOST = (
    "Add graph: {} to the tenant's signin_logs, where Entra itself tells of the last 30 days (7 without P1), or files "
    "with the records of these days. A day on which nobody worked counts as lost until the days asked for leave it out."
)


def unseen(record: Mapping[str, Any]) -> tuple[Coverage, ...]:
    """Return what takes silence for granted in a record of notebook 10."""
    told = (each for each in record["coverage"] if each["what"] == UNSEEN)
    return tuple(Coverage(UNSEEN, "unknown", "tenant", reason=each["reason"], remedy=each["remedy"]) for each in told)


UNSEEN = "days of which nothing arrived"
"""What the coverage calls weekdays that are taken for silent though no record of any kind shows that they were read."""

_SILENT = "If something does send on these days, check that their records are delivered."


def _unseen(answers: Answers, span: Window | None) -> Iterator[Coverage]:
    """Yield what takes silence for granted: an export that leaves weekdays out looks the same."""
    silent = rhythm.silent(_spoken_on(answers), span) if span else frozenset()
    arrived = {_day(day.day) for day in answers.tables if day.rows}
    arrived.update(day for live in _live(answers.coverage) for day in days_of(live))
    if unseen := silent - arrived:
        yield Coverage(
            UNSEEN,
            "unknown",
            "tenant",
            reason=f"No record of any kind arrived on {rhythm.spoken(unseen)}: they are taken for days on which nobody "
            "works, and an export that leaves them out would look the same.",
            remedy=_SILENT,
        )


def _lost(what: str, days: Sequence[date]) -> str:
    holds = "day in between holds" if len(days) == 1 else "days in between hold"
    return f"{len(days)} {holds} no record of {what}: {_some([spoken(day) for day in days])}."


def _up_to(first: datetime, last: datetime) -> Window:
    """Return the span that holds *last* as well."""
    return Window(first, last + timedelta(seconds=1))


def _edges(what: str, first: datetime, last: datetime, asked: Window | None, silent: Collection[date]) -> Iterator[str]:
    if asked is None:
        return
    if first - asked.start - rhythm.length(silent, asked.start, first) > timedelta(days=1):
        yield f"The records of {what} begin on {spoken(_day(first))}, not on {spoken(_day(asked.start))}."
    if asked.end - last - rhythm.length(silent, last, asked.end) > timedelta(days=1):
        yield f"The last record of {what} is of {spoken(_day(last))}."


def _empty(what: str, source: str) -> Coverage:
    return Coverage(
        what,
        "absent",
        source,
        reason=f"No record of {what} was there to read.",
        remedy="Check that they are exported, or routed to the workspace, and that the account may read them.",
    )


def _columns(tables: Sequence[TableDay]) -> Iterator[Coverage]:
    for source in sorted({day.source for day in tables}):
        days = [day for day in tables if day.source == source and day.table in USER_TABLES and day.rows]
        if not days:
            continue
        if not any(day.with_requirement for day in days):
            yield Coverage(
                "known sites",
                "unknown",
                source,
                reason="No record says whether MFA was required, so no network is recognised as one of your sites.",
                remedy="Name your offices' networks in the decisions file.",
            )
        if not any(day.with_steps for day in days):
            yield Coverage(
                "certificates",
                "unknown",
                source,
                reason="No record holds its authentication steps, so certificates cannot be told from passwords.",
                remedy="Add the authentication details to the export, or read the sign-ins live.",
            )


def _newest(answers: Answers, asked: Window | None, now: datetime) -> Iterator[Coverage]:
    what = "the newest sign-ins"
    lag = timedelta(seconds=max((day.lag_s for day in answers.tables), default=0))
    end = min(asked.end, now) if asked else now
    if lag and end > now - lag and all(record.what != what for record in answers.coverage):
        yield Coverage(
            what,
            "partial",
            "tenant",
            start=now - lag,
            end=end,
            reason=f"Records arrived up to {_spoken_lag(lag)} after the sign-in: the end of the window is not whole.",
            remedy="Run again later.",
        )


def _strangers(answers: Answers, tenant_id: str) -> Iterator[Coverage]:
    told = {record.source for record in answers.coverage if record.what == _SEVERAL}
    rows: dict[str, int] = defaultdict(int)
    for day in answers.tables:
        if day.source not in told:
            rows[day.tenant_id.strip().lower()] += day.rows
    wanted = tenant_id.strip().lower()
    named = is_guid(wanted)
    if not named:
        # A domain names no id; the tenant that most records belong to is taken for it.
        wanted = min(rows, key=lambda each: (-rows[each], each), default="")
    foreign = sorted(rows.keys() - {"", wanted})
    if foreign:
        lost = sum(rows[each] for each in foreign)
        yield Coverage(
            "records of other tenants",
            "partial",
            "tenant",
            lost=lost,
            reason=f"{lost:,} records carry the id of another tenant ({_some(foreign)}): "
            + ("their sign-ins are not counted." if named else "their sign-ins are counted with the rest."),
            remedy="Check that the files and the workspace belong to this tenant."
            if named
            else "Write the tenant's GUID as tenant_id in the tenants file; then only its own records count.",
        )


def _unknown_codes(answers: Answers) -> Iterator[Coverage]:
    counts: dict[str, int] = defaultdict(int)
    for row in answers.mail:
        if not results.read(row.result).known:
            counts[row.result.strip() or "blank"] += row.sign_ins
    if counts:
        yield Coverage(
            "result codes",
            "partial",
            "tenant",
            lost=sum(counts.values()),
            reason=f"{sum(counts.values()):,} sign-ins have a result code that this tool does not know "
            f"({_some(sorted(counts))}): they count as failures, and nothing is said about their password.",
            remedy="Look the codes up at https://login.microsoftonline.com/error.",
        )


def _unknown_clients(answers: Answers) -> Iterator[Coverage]:
    names = sorted({row.client_app.strip() for row in answers.mail if not protocols.is_known(row.client_app)})
    if names:
        yield Coverage(
            "names of clients",
            "partial",
            "tenant",
            reason=f"Client names that this tool does not know count as other clients: {_some(names)}.",
        )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"


def _spoken_lag(lag: timedelta) -> str:
    minutes = -(-int(lag.total_seconds()) // 60)
    if minutes < 120:
        return f"{minutes} {'minute' if minutes == 1 else 'minutes'}"
    return f"{-(-minutes // 60)} hours"


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
