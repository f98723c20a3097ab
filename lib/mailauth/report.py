"""A tenant's report as one value: everything that its page shows, in the order in which a reader asks for it.

First the state in a sentence, then what cannot wait, what stops on which date, what to do, how far the eye reached;
after that what an engineer asks. `reporting.report` makes it from evidence. The value goes whole into notebook 90's
evidence and comes back whole from it (`record`, `read`), so that a page can be drawn from the record alone. Every text
carries its kind, in a `Phrase` or where its field is declared; an empty text or a None says "open" or "not known",
never "fine".
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from . import coverage, evidence, findings, shapes
from .coverage import Coverage
from .errors import EvidenceError
from .phrases import Phrase
from .shapes import KEPT, NAMES, Address, AppName, Domain, Free, Id, Order, Person, TenantName, Word
from .tenants import Tenant

__all__ = [
    "Action",
    "Answer",
    "App",
    "Change",
    "Changes",
    "Credential",
    "Door",
    "Edition",
    "Ending",
    "Engineer",
    "Known",
    "LeftOut",
    "Letter",
    "Line",
    "Looked",
    "Mailbox",
    "Mark",
    "Missed",
    "Opening",
    "Point",
    "Progress",
    "Report",
    "SenderRow",
    "Source",
    "State",
    "Status",
    "Stop",
    "Summary",
    "Trend",
    "TrendDay",
    "Tried",
    "Urgent",
    "Wave",
    "data_schema",
    "read",
    "record",
]

Edition = Literal["full", "shareable"]

Found = Literal["ok", "wrong", "cannot know", "not configured", "not looked at"]
"""How a thing stands; ``not looked at`` where no notebook has left evidence of it."""


# The first screen.


@dataclass(frozen=True)
class State:
    """Where the tenant stands.

    Args:
        word: ``exposed``, ``moving``, ``quiet`` (not proven), ``closed`` (proven) or ``cannot know``.
        sentence: The first sentence of the page; it begins with the tenant's name.
        also: What belongs beside it: what the other witness says, what moved, why nobody could look.
        proofs: What is proven, each with its day; these make ``closed``.
        missing: What is missing before ``closed`` may be said; empty where it is said.
    """

    word: findings.State
    sentence: Phrase
    also: tuple[Phrase, ...] = ()
    proofs: tuple[Phrase, ...] = ()
    missing: tuple[Phrase, ...] = ()


@dataclass(frozen=True)
class Urgent:
    """Something that cannot wait for a migration; it stands above everything else.

    Args:
        sender_id: The group in notebook 10's evidence.
        account: Who it is about; empty for an account without a name.
        member: Whether the account belongs to the tenant.
        protocol: The protocol's name.
        verdict: Its verdict.
        title: The verdict in words.
        evidence: What was seen: who, from where, how often, when, and what speaks for a stranger.
        steps: What to do first, in order.
        owner: Who sees to it; empty where that is open.
        last_seen: The last event.
    """

    sender_id: Id
    account: Address
    member: bool
    protocol: Word
    verdict: Literal["suspected_compromise", "password_known", "confirm_today"]
    title: Word
    evidence: Phrase
    steps: tuple[Phrase, ...]
    owner: Person
    last_seen: datetime


@dataclass(frozen=True)
class Stop:
    """A row of "what stops": one sender, or the phones with certificates that share a decision, owner and date.

    Args:
        what: The sender in words, with its place.
        kind: ``password`` (SMTP AUTH), ``certificate`` (ActiveSync), ``unnamed`` (a password, by a protocol that the
            record does not name) or ``reported`` (an address that only the mail report knows).
        accounts: The accounts behind it.
        protocol: The protocol's name; empty for ``reported``.
        used_for: What it is used for, as far as anybody said or the evidence shows.
        where: The network with its name; empty for phones and for ``reported``.
        days_active: On how many days it was seen, of those looked at; 0 where only days of a report are known.
        last_seen: The last day on which it worked, None where a report holds no days.
        decision: The road, or what comes in its place; starts with "open" where nobody decided.
        decided: Whether a person decided.
        owner: Who sees to it; empty where that is open.
        due: The person's date; None where that is open.
        exception_until: The last day on which a person lets it stay as it is.
        propose: The date that the runbook proposes; None where nothing hurries.
        proposal: The same in words, with its reason.
        questions: What somebody has to answer before anything can be decided.
        ends: The date on which it stops, in words.
        shows: What the device will show, or its user.
        witness: Which source says so, over which window.
        sender_ids: Its groups in notebook 10's evidence; empty for ``reported``.
    """

    what: Phrase
    kind: Literal["password", "certificate", "unnamed", "reported"]
    accounts: tuple[Address, ...]
    protocol: Word
    used_for: Phrase
    where: Phrase
    days_active: int
    last_seen: date | None
    decision: Phrase
    decided: bool
    owner: Person
    due: date | None
    exception_until: date | None
    propose: date | None
    proposal: Phrase
    questions: tuple[Phrase, ...]
    ends: Word
    shows: Word
    witness: Phrase
    sender_ids: tuple[Id, ...]

    @property
    def open(self) -> bool:
        """Whether a decision, an owner or a date is missing."""
        return not (self.decided and self.owner and (self.due or self.exception_until))


@dataclass(frozen=True)
class Known:
    """A sender that any run has seen, and what became of it.

    Args:
        sender_id: As in notebook 10's evidence.
        account: Its account.
        kind: ``password`` or ``certificate``.
        first_seen: When a run first saw it.
        last_password: The last time that its password, or its certificate, worked.
        now: ``sends`` (it still works), ``proven`` (OAuth was proven on the wire since), ``oauth`` (it holds tokens
            now, not proven), ``other road`` (a person decided on one without OAuth, and nothing comes any more) or
            ``quiet`` (nothing comes any more, and nobody knows why).
    """

    sender_id: Id
    account: Address
    kind: Literal["password", "certificate"]
    first_seen: datetime
    last_password: datetime
    now: Literal["sends", "proven", "oauth", "other road", "quiet"]


@dataclass(frozen=True)
class Progress:
    """Then and now.

    Args:
        sentence: It in one sentence; says so where there is no earlier run.
        since: The first run that is known; None where this is the first.
        then: Senders at that run.
        now: Senders now.
        moved: How many of those ever seen send with a password no more; that alone does not say that they moved.
        proven: How many of these are proven on the wire, or took another road that a person confirmed.
        quiet: How many of these are not.
        known: Each of them.
    """

    sentence: Phrase
    since: datetime | None
    then: int
    now: int
    moved: int
    proven: int
    quiet: int
    known: Annotated[tuple[Known, ...], Order(("-last_password",))]


@dataclass(frozen=True)
class LeftOut:
    """A mailbox whose password goes on by name.

    Args:
        address: Its address.
        until: The last day.
    """

    address: Address
    until: date


@dataclass(frozen=True)
class Wave:
    """Mailboxes that stop taking passwords together, as notebook 60 saw them.

    Args:
        name: What it is called.
        word: How it stands.
        since: Since when it is closed; None where it is not, or an earlier version noted no moment.
        mailboxes: How many of them there are, without those that are left out.
        senders: How many of them send with OAuth.
        with_token: For how many of these a token was taken by SMTP since the last change.
        left_out: Whose passwords go on by name.
    """

    name: Phrase
    word: Literal["open", "closing", "closed", "left out", "cannot know"]
    since: datetime | None
    mailboxes: int
    senders: int
    with_token: int
    left_out: Annotated[tuple[LeftOut, ...], Order(("until",))]


@dataclass(frozen=True)
class Missed:
    """A business date that the records do not contain.

    Args:
        name: ``month end``, ``quarter end`` or ``year end``.
        day: The most recent one.
    """

    name: Word
    day: date


@dataclass(frozen=True)
class Source:
    """A record that the report was made from, or would have been.

    Args:
        notebook: Whose evidence, ``10-find-basic-auth``; ``90-tenant-report`` for the report before this one.
        what: What it tells.
        state: ``read``, ``not there``, ``broken`` or ``another tenant's``.
        made_at: When it was made; None where it was not read.
        age_s: How old it is, in seconds.
        said: The same as a sentence, for a page.
    """

    notebook: Word
    what: Word
    state: Literal["read", "not there", "broken", "another tenant's"]
    made_at: datetime | None
    age_s: int
    said: Phrase


@dataclass(frozen=True)
class Looked:
    """How far the eye reached.

    Args:
        word: ``complete``, ``partial``, ``absent`` or ``unknown``, of the sign-in records.
        lines: It in sentences, the manager's first.
        start: The first sign-in record; None where there was none.
        end: The last one.
        last_look: The last day of the records, where they end too early to speak of today.
        report_start: The first day of the mail reports, where they hold days.
        report_end: The last one.
        missed: Business dates that the records do not contain.
        missing_days: Days within the records of which there is none.
        federated: Domains that sign in with their own server, as far as a notebook read that.
        sources: The records behind the report.
    """

    word: coverage.State
    lines: tuple[Phrase, ...]
    start: datetime | None
    end: datetime | None
    last_look: date | None
    report_start: date | None
    report_end: date | None
    missed: Annotated[tuple[Missed, ...], KEPT]
    missing_days: tuple[date, ...]
    federated: tuple[Domain, ...]
    sources: Annotated[tuple[Source, ...], KEPT]


@dataclass(frozen=True)
class Ending:
    """A date that ends a way of signing in, as far as it touches this tenant.

    Args:
        id: As in the facts.
        title: What happens.
        when: The date in words: a day that nobody published is not printed.
        day: To order by; None where not even a period is known.
        passed: Whether it lies before today.
        shows: What the device or its user will see.
        note: What else is known, and what is not.
        source: Where it is from.
        senders: How many accounts of "what stops" end then; 0 where it touches something else.
    """

    id: Word
    title: Word
    when: Word
    day: date | None
    passed: bool
    shows: Word
    note: Word
    source: Word
    senders: int


@dataclass(frozen=True)
class Action:
    """One of the next three things to do.

    Args:
        kind: ``security``, ``look``, ``credential``, ``decide``, ``move``, ``prove`` or ``close``.
        title: What to do.
        why: Why, and why now.
        notebook: The notebook that does it or leads to it, ``40-grant-mailboxes``.
        where: Where it is done, by whom.
        by: The day; None where none is given.
        when: The day in words; says what the change freeze does to it.
        owner: Who sees to it; empty where that is open.
    """

    kind: Literal["security", "look", "credential", "decide", "move", "prove", "close"]
    title: Phrase
    why: Phrase
    notebook: Word
    where: Phrase
    by: date | None
    when: Phrase
    owner: Person


# Apps, mailboxes, credentials.


@dataclass(frozen=True)
class Status:
    """How one thing about an app stands.

    Args:
        word: One of `Found`.
        said: What was found, a sentence each; where it was not looked at, that.
        made_at: When somebody looked; None where nobody did.
        notebook: Which one looks.
    """

    word: Found
    said: tuple[Phrase, ...]
    made_at: datetime | None
    notebook: Word


@dataclass(frozen=True)
class App:
    """A mail app, with what the notebooks say of it.

    Args:
        name: As in the tenants file.
        client_id: Its application id; empty where none is known.
        registration: From notebook 20.
        consent: From notebook 30.
        grants: From notebook 40.
        proof: From notebook 50.
    """

    name: AppName
    client_id: Id
    registration: Status
    consent: Status
    grants: Status
    proof: Status


@dataclass(frozen=True)
class Door:
    """What a mailbox lets in by one protocol, from notebook 40; ``not looked at`` where it was not asked.

    Args:
        protocol: ``imap``, ``pop``, ``smtp`` or ``eas``.
        password: ``open``, ``closed``, ``unknown`` or ``not looked at``.
        delegated: The same for a person's token.
        app: The same for an app's own token.
        decides: What decides about the password.
    """

    protocol: Word
    password: Literal["open", "closed", "unknown", "not looked at"]
    delegated: Literal["open", "closed", "unknown", "not looked at"]
    app: Literal["open", "closed", "unknown", "not looked at"]
    decides: Word


@dataclass(frozen=True)
class Tried:
    """One attempt of notebook 50, or of notebook 60 where that tried last.

    Args:
        protocol: ``imap``, ``pop`` or ``smtp``.
        app: Whose token; empty for notebook 60, whose evidence does not say.
        flow: How it was got; of notebook 60, ``while closing``.
        outcome: As in its evidence.
        at: When.
        stale: Whether something was changed after it, so that it proves nothing any more.
        cause: The first cause of a refusal, in words; empty where it went well.
        remedy: What to do about it, as the facts say.
        retest_at: Before when a refusal proves nothing.
    """

    protocol: Word
    app: AppName
    flow: Word
    outcome: Literal["ok", "refused", "unreachable", "no_token", "skipped"]
    at: datetime
    stale: bool
    cause: Word
    remedy: Word
    retest_at: datetime | None


@dataclass(frozen=True)
class Mailbox:
    """A mailbox of the tenants file.

    Args:
        address: Its address.
        kind: What Exchange says it is; empty where it was not looked at.
        wanted: The protocols that it is to be opened by.
        doors: What it lets in.
        tried: What was tried on it, one attempt for each protocol, app and flow.
        unproven: Those of `wanted` for which no attempt went well since the last change.
    """

    address: Address
    kind: Word
    wanted: tuple[Word, ...]
    doors: Annotated[tuple[Door, ...], KEPT]
    tried: Annotated[tuple[Tried, ...], Order(("~protocol", "at"))]
    unproven: tuple[Word, ...]


@dataclass(frozen=True)
class Credential:
    """A certificate, secret or federated credential of an app, from notebook 20.

    Args:
        app: The app.
        kind: ``certificate``, ``secret`` or ``federated``.
        id: Its key id.
        name: What its owner called it.
        ends: When; None for what does not end.
        days: Days left, negative where it has ended; None for what does not end.
        word: ``ended``, ``ending`` (within 30 days), ``runs`` or ``does not end``.
        made_at: When somebody looked.
    """

    app: AppName
    kind: Literal["certificate", "secret", "federated"]
    id: Id
    name: Free
    ends: datetime | None
    days: int | None
    word: Literal["ended", "ending", "runs", "does not end"]
    made_at: datetime


@dataclass(frozen=True)
class Opening:
    """A mailbox that an app itself can open or send as today, from notebook 40.

    Args:
        app: The app.
        mailbox: Its address, or the words "every mailbox".
        right: ``FullAccess``, ``SendAs``, a role in Exchange, or the permission that was consented to.
        by: What grants it.
        wanted: Whether it is one that the tenants file asks for.
        take_away: How to take it away.
        made_at: When somebody looked.
    """

    app: AppName
    mailbox: Phrase
    right: Word
    by: Phrase
    wanted: bool
    take_away: Phrase
    made_at: datetime


# Over time.


@dataclass(frozen=True)
class Change:
    """Something that is not as it was.

    Args:
        kind: ``state``, ``sender``, ``network``, ``decision``, ``proof``, ``consent``, ``setting``, ``credential`` or
            ``look``.
        good: Whether it is a step towards the end; None where it is neither.
        said: The change in a sentence.
    """

    kind: Literal["state", "sender", "network", "decision", "proof", "consent", "setting", "credential", "look"]
    good: bool | None
    said: Phrase


@dataclass(frozen=True)
class Changes:
    """What changed since the run before.

    Args:
        since: When that run was; None where this is the first that is known.
        lines: Each change; none where nothing did.
        said: Where nothing can be compared, why; else empty.
    """

    since: datetime | None
    lines: Annotated[tuple[Change, ...], Order(("~kind,good",))]
    said: Phrase


@dataclass(frozen=True)
class TrendDay:
    """One UTC day.

    Args:
        day: The day.
        senders: Senders whose password worked on it.
        certificates: Accounts whose certificate worked on it.
        oauth: Users and apps that held a token for mail on it.
        missing: Whether there is no record of it, so that the numbers say nothing.
    """

    day: date
    senders: int
    certificates: int
    oauth: int
    missing: bool


@dataclass(frozen=True)
class Mark:
    """Something that explains a change of a curve.

    Args:
        day: Its day.
        kind: ``service`` (Microsoft changed something, default-off among it), ``policy`` (the runbook changed what
            passwords may do), ``access`` (what Conditional Access does to passwords changed) or ``change`` (any other
            change by the runbook).
        said: It in a few words.
    """

    day: date
    kind: Literal["service", "policy", "access", "change"]
    said: Phrase


@dataclass(frozen=True)
class Point:
    """What one run found; the first is the oldest that is known.

    Args:
        made_at: When.
        word: The state.
        senders: Password senders.
        certificates: Accounts with a certificate.
        attention: Accounts that needed somebody.
        undecided: Rows of "what stops" that lacked a decision, an owner or a date, as in `Summary`.
    """

    made_at: datetime
    word: findings.State
    senders: int
    certificates: int
    attention: int
    undecided: int


@dataclass(frozen=True)
class Trend:
    """The way to zero.

    Args:
        sentence: It in a sentence.
        days: Day by day, over the records of this run; every day from the first to the last stands here.
        marks: What explains a bend, by day.
        points: Run by run.
    """

    sentence: Phrase
    days: Annotated[tuple[TrendDay, ...], KEPT]
    marks: Annotated[tuple[Mark, ...], Order(("day",))]
    points: Annotated[tuple[Point, ...], KEPT]


# For whoever asks.


@dataclass(frozen=True)
class Answer:
    """An answer to one of the ten questions that people ask about such a page.

    Args:
        number: 1 to 10.
        question: The question.
        said: The answer, a sentence each.
        known: ``yes``, ``in part`` or ``cannot know``.
    """

    number: int
    question: Word
    said: tuple[Phrase, ...]
    known: Literal["yes", "in part", "cannot know"]


@dataclass(frozen=True)
class Letter:
    """A text to send; nothing is sent.

    Args:
        kind: ``device owner``, ``vendor``, ``users`` or ``administrator``.
        to: To whom.
        about: About what.
        text: The mail with its subject, plain, with line ends.
    """

    kind: Literal["device owner", "vendor", "users", "administrator"]
    to: Phrase
    about: Phrase
    text: Phrase


@dataclass(frozen=True)
class Line:
    """A line of the engineer's block.

    Args:
        label: What it is about: "Effective SMTP AUTH".
        said: What stands there, separated on a page by bars.
    """

    label: Word
    said: tuple[Phrase, ...]


@dataclass(frozen=True)
class SenderRow:
    """A sender as the engineer sees it.

    Args:
        sender_id: As in notebook 10's evidence.
        account: Its account.
        protocol: The protocol's name.
        verdict: The verdict in words.
        days_active: On how many days it worked.
        successes: Password checks that went through; they are not messages.
        where: Its network, with name and what is known of it.
        step: ``certificate``, ``app password``, ``password`` or empty.
        sends_as: Other addresses that it was seen sending under, from notebook 40.
        oauth_days: Days on which the account held a token for this protocol.
        moved: Whether it seems to have moved.
        last_seen: The last event.
        road: The road's title.
    """

    sender_id: Id
    account: Address
    protocol: Word
    verdict: Word
    days_active: int
    successes: int
    where: Phrase
    step: Word
    sends_as: tuple[Address, ...]
    oauth_days: int
    moved: bool
    last_seen: datetime
    road: Phrase


@dataclass(frozen=True)
class Engineer:
    """The block for the engineer.

    Args:
        lines: State, coverage, effective SMTP AUTH, policies, calendar, not senders, apps, next, in this order.
        senders: Every sender.
    """

    lines: Annotated[tuple[Line, ...], KEPT]
    senders: Annotated[tuple[SenderRow, ...], Order(("moved", "-days_active", "-successes"))]


@dataclass(frozen=True)
class Summary:
    """What a table of tenants shows, and what a scheduler decides by.

    Args:
        word: The state.
        sentence: The page's first sentence, without the tenant's name in front.
        senders: Password senders (SMTP AUTH).
        certificates: Accounts with ActiveSync by certificate.
        attention: Accounts that need somebody today.
        undecided: Rows of "what stops" without a decision, an owner or a date.
        overdue: Rows whose date lies before today.
        next_due: The earliest day that a person set, or else that is proposed, for any row; None where there is none.
        next_end: What ends next for a row without a decision, in words; empty where there is none.
        coverage: ``complete``, ``partial``, ``absent`` or ``unknown``, of the sign-in records.
        blind: Whether sources are configured and not one record was read.
        expiring: Credentials of mail apps that have ended or end within 30 days; None where nobody looked at them.
        next_expiry: When the next credential ends, or the last that has ended did; None where none is known.
        proven: Mailboxes of the tenants file that OAuth opened by each of their protocols since the last change.
        unproven: The others of them, and accounts that no longer send with a password without a proof that they moved;
            None where nobody has looked and the tenants file names none.
    """

    word: findings.State
    sentence: Phrase
    senders: int
    certificates: int
    attention: int
    undecided: int
    overdue: int
    next_due: date | None
    next_end: Word
    coverage: coverage.State
    blind: bool
    expiring: int | None
    next_expiry: datetime | None
    proven: int
    unproven: int | None


@dataclass(frozen=True)
class Report:
    """The report of one tenant.

    Args:
        tenant: Its name in the tenants file.
        cloud: Where it lives.
        rehearsal: Whether that is the practice cloud.
        made_at: When.
        coverage: Everything that limits the numbers, of every record behind the report.
        edition: ``full``, or ``shareable``: with pseudonyms.
        tenant_id: Its directory.
        summary: For machines and tables of tenants.
        state: Where it stands.
        urgent: What cannot wait, the worst first.
        stops: What stops, open rows first.
        progress: Then and now.
        if_nothing: What happens if nothing is done.
        looked: How far the eye reached.
        endings: Dates that touch the tenant, the earliest first.
        actions: The next three things to do, in order.
        apps: The mail apps.
        mailboxes: The mailboxes of the tenants file.
        credentials: What the apps sign in with, what ends first in front.
        openings: What the apps can open.
        changes: What changed since the run before.
        trend: The way to zero.
        answers: The ten questions.
        letters: Texts to send.
        engineer: The block for the engineer.
        purpose: Why the page holds personal data, from which sources, and for how long.
        waves: What takes no password any more, the whole tenant last; none where notebook 60 has not looked.
    """

    tenant: TenantName
    cloud: Word
    rehearsal: bool
    made_at: datetime
    coverage: Annotated[tuple[Coverage, ...], Order(("~what",))]
    edition: Edition
    tenant_id: Id
    summary: Summary
    state: State
    urgent: Annotated[tuple[Urgent, ...], Order(("~verdict,member", "-last_seen"))]
    stops: Annotated[
        tuple[Stop, ...], Order(("~witness", "decided", "due", "exception_until", "propose", "kind", "-days_active"))
    ]
    progress: Progress
    if_nothing: tuple[Phrase, ...]
    looked: Looked
    endings: Annotated[tuple[Ending, ...], KEPT]
    actions: Annotated[tuple[Action, ...], Order(("~kind,by",))]
    apps: Annotated[tuple[App, ...], NAMES]
    mailboxes: Annotated[tuple[Mailbox, ...], NAMES]
    credentials: Annotated[tuple[Credential, ...], Order(("ends",))]
    openings: Annotated[tuple[Opening, ...], NAMES]
    changes: Changes
    trend: Trend
    answers: Annotated[tuple[Answer, ...], KEPT]
    letters: Annotated[tuple[Letter, ...], Order(("~kind",))]
    engineer: Engineer
    purpose: Phrase
    waves: Annotated[tuple[Wave, ...], KEPT] = ()


# What every record has outside its data.
_ENVELOPE: Final = ("tenant", "cloud", "rehearsal", "made_at", "coverage")
# What the reports of earlier versions do not hold.
_LATER: Final[Mapping[str, Any]] = {"waves": []}
# An edition for others drops reasons, and nothing that is incomplete may stand without one.
_LEFT_OUT: Final = "The reason is left out of this edition."


def record(tenant: Tenant, report: Report) -> dict[str, Any]:
    """Return notebook 90's record: the whole report.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    names = (each.name for each in fields(Report) if each.name not in _ENVELOPE)
    data = {name: shapes.record(getattr(report, name)) for name in names}
    return evidence.envelope("report", tenant, report.coverage, evidence.plain(data), report.made_at)


def read(record: Mapping[str, Any]) -> Report:
    """Return the report that a record holds; of a mapped record, the report of that edition.

    Raises:
        EvidenceError: It is no record of a report; the text names the field.
    """
    try:
        top = {name: record[name] for name in _ENVELOPE}
        # Whoever maps a record says so outside its data.
        top["edition"] = record.get("edition", record["data"]["edition"])
        held = [_coverage(each) for each in record["coverage"]]
        found: Report = shapes.read(Report, {**_LATER, **record["data"], **top, "coverage": held})
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"evidence report: {error}") from None
    return found


def data_schema() -> dict[str, Any]:
    """Return the schema of a record's data, as the classes of this module say it."""
    made = shapes.schema(Report, leave_out=_ENVELOPE)
    return {**made, "required": [each for each in made["required"] if each not in _LATER]}


def _coverage(held: Mapping[str, Any]) -> dict[str, Any]:
    more = {"start": held["from"], "end": held["to"], "reason": held["reason"], "code": held.get("code", "")}
    if held["state"] != "complete" and not more["reason"]:
        more["reason"] = _LEFT_OUT
    return {**{name: value for name, value in held.items() if name not in ("from", "to")}, **more}
