"""What the notebooks show, one function per step: a case in, a view out.

The words of a table's caption always say which window and which sources its numbers are from. Where no sign-in record
was read there is no number, and "none" would be taken for one: what counts records then says so (`_from_records`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import wraps
from typing import TypeVar

from .. import impacts, kql
from ..advice import Advice, mail_to_vendor
from ..cases import Case, Reported
from ..checks import Check
from ..coverage import Coverage
from ..engines import Reply
from ..findings import Group
from ..tenants import Configuration, Source, Tenant
from ..wording import capital, counted
from . import figures, listings
from .controls import Filter
from .figures import Chart
from .markup import Badge, Cell, Link, Stack, sentences, text
from .tables import Callout, Code, Facts, Headline, Step, Table

__all__ = [
    "activesync",
    "adoption",
    "apps",
    "attacks",
    "attention",
    "coverage",
    "deadlines",
    "explore",
    "first_screen",
    "letters",
    "preflight",
    "protocols",
    "queries",
    "reasons",
    "reported",
    "ropc",
    "rows",
    "senders",
    "trend",
    "unmatched",
    "users",
    "versions",
    "where",
]

# The first screen is one screen; the tables below it hold the rest.
_FIRST_ROWS = 12
_LIMITS = 5
_FEW = 2
_LETTERS = 20

_View = TypeVar("_View")


def _from_records(
    about: str, *, unless: Callable[[Case], bool] = lambda _case: False
) -> Callable[[Callable[[Case], _View]], Callable[[Case], _View | Callout]]:
    """Let a view speak of the sign-in records only where some were read, and else say what cannot be known.

    Args:
        about: What the view answers, as it follows "unknown".
        unless: Whether the view has an answer of its own without any record.
    """

    def decorate(view: Callable[[Case], _View]) -> Callable[[Case], _View | Callout]:
        @wraps(view)
        def answer(case: Case) -> _View | Callout:
            if case.findings.held is None and not unless(case):
                return Callout("cannot know", f"No sign-in record was read: it is unknown {about}.")
            return view(case)

        return answer

    return decorate


def where(tenant: Tenant, configuration: Configuration) -> Facts:
    """Return which tenant is about to be worked on, and where its sign-ins are read from."""
    others = sum(name != tenant.name for name in configuration.names)
    cloud = f"{tenant.cloud.name}{' (rehearsal: nothing here is real)' if tenant.cloud.rehearsal else ''}"
    items: list[tuple[str, Cell]] = [
        ("Tenant", tenant.name),
        ("Directory", tenant.tenant_id),
        ("Cloud", cloud),
        ("Sign-ins from", tuple(_source(source) for source in tenant.sources) or "no source is configured"),
        ("Decisions", tenant.decisions.name if tenant.decisions else "no decisions file"),
        ("Tenants file", configuration.path.name),
        # How many, and not which: this ends on a page that one customer gets, and the others may be customers too.
        ("Also in it", counted(others, "other tenant") if others else "no other tenant"),
    ]
    return Facts(items, caption="You are about to look at")


def _source(source: Source) -> str:
    detail = source.workspace_id or ", ".join(source.patterns) or source.database
    return f"{source.kind.replace('_', ' ')}{f': {detail}' if detail else ''}"


def versions(found: Sequence[tuple[str, str]]) -> Table:
    """Return what runs here."""
    return Table(("Package", "Version"), found, "What runs here")


def preflight(checked: Sequence[Check]) -> Table:
    """Return each check with its remedy."""
    return listings.checks(checked, caption="Preflight")


def first_screen(case: Case) -> Headline:
    """Return what a manager reads first: the sentence, today, what stops, what ends when, how far the eye reached."""
    lead, _, more = case.sentence.partition(". ")
    ahead = [each for each in case.deadlines if each.day and not each.passed(case.findings.made_at.date())]
    return Headline(
        state=case.state,
        sentence=f"{lead.rstrip('.')}.",
        reach=_reach(case),
        today=_today(case),
        dates=tuple(Step(capital(deadline.when), deadline.title) for deadline in ahead),
        decisions=_stopping(case),
        lines=[*([("Also", more)] if more else []), *_progress(case)],
    )


def _today(case: Case) -> tuple[Callout, ...]:
    """Return one callout with a line per account; everything else about it stands in the section below."""
    worst = {one.group.user: one for one in reversed(case.findings.attention)}
    if not worst:
        return ()
    title = f"{counted(len(worst), 'account')} {'needs' if len(worst) == 1 else 'need'} somebody today"
    lines = [f"{one.title}: {sentences(one.evidence)[0]} {one.steps[0]}" for one in reversed(worst.values())]
    more = len(lines) - _FIRST_ACCOUNTS
    rest = [f"{counted(more, 'more account')}: see the first table below."] if more > 0 else []
    return (Callout("attention", title, [*lines[:_FIRST_ACCOUNTS], *rest]),)


_FIRST_ACCOUNTS = 8


def _stopping(case: Case) -> Table | None:
    """Return what ends with 2026, for the tenant's own accounts, with its decision, owner and day."""
    shown = [group for group in case.senders() if group.ends_in_2026]
    phones = [group for group in shown if group.verdict == "certificate"]
    cells = [_stops((group.user, group.protocol), [group], case) for group in shown if group.verdict != "certificate"]
    for alike in _alike(phones, case):
        accounts = len({group.user for group in alike})
        cells.append(_stops((counted(accounts, "account"), "ActiveSync with a certificate"), alike, case))
    columns = ("What stops", "What it is", "From", "Last seen", "Decision", "Owner", "By")
    caption = f"What stops ({_window(case)})"
    return Table(columns, cells, caption, limit=_FIRST_ROWS, rest="tables/senders.csv") if cells else None


def _alike(groups: Sequence[Group], case: Case) -> Iterable[Sequence[Group]]:
    """Return *groups* in lots of the same decision, owner and day: a row speaks for all in it."""
    lots: dict[tuple[Cell, ...], list[Group]] = defaultdict(list)
    for group in groups:
        advised = case.advice_for(group)
        lots[tuple(_decision(advised)), advised.owner, _due(advised)].append(group)
    return lots.values()


def _stops(who: Sequence[str], groups: Sequence[Group], case: Case) -> tuple[Cell, ...]:
    """Return a row for senders that share what becomes of them."""
    advised = case.advice_for(groups[0])
    places = list(dict.fromkeys(" ".join(listings.place(group)) for group in groups))
    return (
        who,
        _kinds(groups, case),
        places if len(places) <= _FEW else f"{len(places)} networks",
        max(group.last_seen for group in groups).date(),
        _decision(advised),
        advised.owner or "open",
        _due(advised),
    )


def _decision(advised: Advice) -> Sequence[str | Badge]:
    if advised.decided:
        return (advised.title, Badge("decided", "ok"))
    return (advised.title, Badge("open", "warn")) if advised.questions else (advised.title, Badge("proposal", "info"))


def _kinds(groups: Sequence[Group], case: Case) -> Cell:
    """Return what senders are; where they differ, each kind with its accounts."""
    accounts = {(group.user, case.advice_for(group).kind) for group in groups}
    counted = Counter(kind for _, kind in sorted(accounts))
    if len(counted) == 1:
        return next(iter(counted))
    return tuple(f"{count:,}: {kind}" for kind, count in counted.most_common())


def _kind(advised: Advice) -> str:
    return f"{advised.kind}, by inference" if advised.kind_is_inferred else advised.kind


def _due(advised: Advice) -> Cell:
    day = advised.due or advised.exception_until
    if day:
        return (text(day), Badge("exception" if day == advised.exception_until else "decided", "ok"))
    return (text(advised.by), Badge("proposal", "info")) if advised.by else None


def _progress(case: Case) -> list[tuple[str, str]]:
    """Return the further sentences of the first screen, each under a bold word."""
    ending = [group for group in case.findings.groups if group.ends_in_2026]
    done = [
        *([_phones(case)] if any(group.verdict == "certificate" for group in ending) else []),
        *([_SENDERS] if any(group.verdict != "certificate" for group in ending) else []),
    ]
    said = (("Progress", _counted(case)), ("Open", _open(case)), ("If nothing is done", " ".join(done)))
    return [(name, words) for name, words in said if words]


def _counted(case: Case) -> str:
    """Return how many senders are left, and when that was seen; nothing where no record was read."""
    if case.findings.held is None:
        return ""
    day = case.findings.last_look
    when = f"at the last good look ({text(day)})" if day else "now"
    moved = len({group.user for group in case.findings.groups if group.member and group.moved})
    then = f"; {counted(moved, 'account')} moved, not proven yet" if moved else ""
    return f"{counted(case.findings.headline.senders, 'SMTP AUTH sender')} with a password {when}{then}."


def _open(case: Case) -> str:
    """Return how many senders wait for an answer: those of the table above it first, the rest named as such."""
    waiting = case.undecided()
    stopping = sum(group.ends_in_2026 for group in waiting)
    if not waiting:
        return ""
    rest = len(waiting) - stopping
    later = f"that {'does' if rest == 1 else 'do'} not stop in December"
    who = counted(stopping or rest, "sender")
    more = f" and {rest:,} {later}" if stopping and rest else "" if stopping else f" {later}"
    return f"{who}{more} cannot be decided: an answer is missing for each."


def _phones(case: Case) -> str:
    return f"Mail on the phones with certificates stops {case.tenant.calendar.get('activesync-certificate').then}."


_SENDERS = (
    "Mail from the senders with a password is refused without a message to your staff. An administrator can "
    "switch passwords on again for a time; how, and until when, Microsoft has not said. The final date is to be "
    "announced in the second half of 2027."
)


def _reach(case: Case) -> list[str]:
    """Return how far we looked, in sentences: the window, then what limits it most."""
    held = case.findings.held
    first = f"Sign-in records from {text(held.start)} to {text(held.end)}." if held else "No sign-in record was read."
    limits = sorted((row for row in case.coverage if row.state != "complete"), key=_weight)
    return [first, *list(dict.fromkeys(row.reason for row in limits))[:_LIMITS]]


def _weight(row: Coverage) -> tuple[bool, int]:
    """Return what orders limits: what is wrong with this tenant's sources before what no log can show."""
    return row.source == "tenant", ("unknown", "absent", "partial", "complete").index(row.state)


@_from_records("whether an account needs somebody today")
def attention(case: Case) -> Table:
    """Return the accounts that somebody has to look at today, with the evidence."""
    cells = [
        (
            one.group.user or "a name that does not exist",
            listings.verdict_badge(one.group.verdict),
            sentences(one.evidence),
            one.steps,
        )
        for one in case.findings.attention
    ]
    columns = ("Account", "What", "Evidence", "First steps")
    return Table(columns, cells, f"Needs attention today ({_window(case)})", limit=200, empty="Nothing was seen.")


def coverage(case: Case) -> Table:
    """Return how far the eye reached, what limits the numbers first."""
    return listings.coverage(case.coverage)


@_from_records("which dates touch this tenant", unless=lambda case: bool(case.deadlines))
def deadlines(case: Case) -> Table:
    """Return the dates that touch this tenant."""
    here = {each.deadline.id: each.said for each in impacts.of_case(case, today=case.findings.made_at.date())}
    cells = [
        (
            capital(d.when),
            d.title,
            here.get(d.id, ""),
            sentences(d.shows),
            sentences(d.note),
            f"{d.source} ({d.confidence})",
        )
        for d in case.deadlines
    ]
    columns = ("When", "What ends", "Here", "What a device or a user will see", "Note", "Source and confidence")
    known_by = "" if case.findings.held else "No sign-in record was read: these touch what the mail report shows. "
    note = f"{known_by}{case.tenant.calendar.said}"
    empty = "No date known to us touches what was found."
    return Table(columns, cells, "What ends, and when", note=note, limit=100, empty=empty)


@_from_records("which protocols are used with a password")
def protocols(case: Case) -> Chart:
    """Return the protocol summary."""
    return figures.protocols(case.findings.protocols, window=_window(case))


@_from_records("whether sign-ins become fewer or more")
def trend(case: Case) -> Chart:
    """Return successes by day and protocol."""
    found = case.findings
    return figures.trend(found.trend, missing=found.missing_days, marks=case.marks, window=_window(case))


@_from_records("who sends with a password")
def senders(case: Case) -> Table:
    """Return every sender with its decision or its proposal; attacks apart."""
    cells = [(*listings.group_cells(group), *_next(case.advice_for(group))) for group in case.senders()]
    columns = (*listings.GROUP_COLUMNS, "Decision", "Why, and what is missing", "Owner", "By")
    caption = f"Senders and what is to be done about each ({_window(case)})"
    return Table(columns, cells, caption, limit=200, rest="tables/senders.csv", empty="No sender was seen.")


def _next(advised: Advice) -> tuple[Cell, ...]:
    asked = (f"Open: {question.text}" for question in advised.questions)
    why = tuple(filter(None, (*sentences(advised.why), *asked, advised.note)))
    return (*_decision(advised), _kind(advised)), why, advised.owner or "open", _due(advised)


_NO_SENDER = ("attack_noise", "not_mail", "modern")


@_from_records("which vendors have to be asked")
def letters(case: Case) -> Stack:
    """Return a mail to send for each sender whose road waits for the answer of whoever makes it."""
    shown = []
    end = case.tenant.calendar.get("smtp-auth-default-off")
    for group in case.senders():
        advised = case.advice_for(group)
        if any(question.id == "oauth" for question in advised.questions):
            shown.append(Code(f"{group.user}: {advised.kind}", mail_to_vendor(advised.kind, advised, end)))
    return Stack(tuple(shown[:_LETTERS]) or (Callout("info", "No sender waits for a vendor's answer."),))


@_from_records("which accounts sign in with a password")
def users(case: Case) -> Table:
    """Return accounts, the worst and the sender side by side; accounts that were only attacked are left out."""
    rows = [user for user in case.findings.users if user.worst not in _NO_SENDER]
    return listings.users(rows, window=_window(case), rest="tables/users.csv")


@_from_records("which applications sign in with a password")
def apps(case: Case) -> Table:
    """Return client applications."""
    return listings.apps(case.findings.apps, window=_window(case))


@_from_records("who uses ActiveSync, and with what")
def activesync(case: Case) -> Table:
    """Return ActiveSync by account, certificates and passwords apart."""
    return listings.activesync(case.findings.activesync, window=_window(case), rest="tables/activesync.csv")


@_from_records("who hands passwords over, and how often")
def ropc(case: Case) -> Table:
    """Return password grants by whose fault they are."""
    found = case.findings.ropc
    cells: list[tuple[Cell, ...]] = [
        ("Exchange hands the password over", found.basic, "a legacy protocol: this is Basic authentication"),
        ("A mail app trades it for a token", found.mail_app, "the app's vendor has to change it; MFA breaks it"),
        ("PowerShell with a stored password", found.powershell, "a certificate or a managed identity instead"),
        ("Password grants elsewhere", found.elsewhere, "not mail, counted apart"),
        ("Records without a client name", found.blank_client, "answered by a modern resource: not mail"),
    ]
    return Table(("Whose", "Sign-ins", "What it means"), cells, f"Password grants by cause ({_window(case)})")


@_from_records("how many sign-ins failed, and why")
def reasons(case: Case) -> Chart:
    """Return why sign-ins failed."""
    return figures.reasons(case.findings.reasons, window=_window(case))


@_from_records("what strangers tried")
def attacks(case: Case) -> Facts:
    """Return what strangers tried."""
    found = case.findings.attacks
    return Facts(
        [
            ("Failed sign-ins", found.sign_ins),
            ("Accounts aimed at", found.accounts),
            ("Networks, at least", found.networks),
            ("Names that do not exist, at least", found.names),
        ],
        caption=f"Attack noise, left out everywhere else ({_window(case)})",
    )


@_from_records("who uses OAuth for mail")
def adoption(case: Case) -> Chart:
    """Return OAuth for mail beside passwords, in senders by day."""
    found = case.findings
    return figures.adoption(
        found.adoption, found.groups, missing=found.missing_days, last_look=found.last_look, window=_window(case)
    )


def reported(case: Case) -> Table:
    """Return what the Exchange admin center's report knows, and which of it no sign-in log does."""
    cells = [
        (
            row.address,
            row.authentication,
            row.messages,
            row.first,
            row.last,
            _witness(case, row),
        )
        for row in case.reported
    ]
    columns = ("Sender address", "Authentication", "Messages", "First", "Last", "Second witness")
    note = "Messages that were accepted, by sender address, which need not be the account that signed in."
    empty = "No SMTP AUTH clients report was given: it is the second witness, needs no licence, and looks back 90 days."
    return Table(columns, cells, "The Exchange admin center's report of SMTP AUTH clients", note=note, empty=empty)


def _witness(case: Case, row: Reported) -> Badge:
    if case.findings.held is None:
        return Badge("the sign-in log was not read", "know")
    return Badge("also in the sign-in log", "ok") if row.known else Badge("only in this report", "warn")


@_from_records("who signs in with a password, and from where")
def explore(case: Case) -> Filter:
    """Return the filter over all groups."""
    return Filter(case.findings.groups)


def queries(case: Case) -> Stack:
    """Return the text of each query as it ran, and a link that opens the portal."""
    tenant = case.tenant
    workspace = next((one.resource_id for one in tenant.sources if one.resource_id), "")
    said = (
        "Open this query in the portal"
        if workspace
        else "Open Log Analytics in the portal, choose the workspace, paste the text"
    )
    shown = []
    for name, query in case.queries.items():
        address = kql.portal_link(tenant.cloud, query, tenant_id=tenant.tenant_id, workspace=workspace)
        shown.append(Code(name, query, Link(said, address) if address else None))
    return Stack(tuple(shown))


@_from_records("which decisions still match a sender", unless=lambda case: case.decisions is None)
def unmatched(case: Case) -> Callout:
    """Return the decisions that match nothing any more."""
    if case.decisions is None:
        return Callout("info", "There is no decisions file; decisions.example.yaml explains one.")
    if not case.unmatched:
        return Callout("info", "Every decision matches a sender or a network that was seen.")
    return Callout("info", "Decisions that match nothing any more", case.unmatched)


def rows(reply: Reply, *, caption: str = "Your own question") -> Table:
    """Return the rows of one's own query, or why there are none."""
    columns = tuple(reply.rows[0]) if reply.rows else ("Answer",)
    cells = [tuple(_plain(row[name]) for name in columns) for row in reply.rows]
    if not cells and reply.partial:
        return Table(columns, cells, caption, empty=f"Cannot know: {reply.partial}")
    return Table(columns, cells, caption, note=reply.partial, empty="The query answered no row.")


def _plain(value: object) -> Cell:
    return value if isinstance(value, str | int | float | date) or value is None else str(value)


def _window(case: Case) -> str:
    held = case.findings.held
    span = f"{text(held.start.date())} to {text(held.end.date())} UTC" if held else "no records"
    sources = ", ".join(sorted({name.replace("_", " ") for group in case.findings.groups for name in group.sources}))
    return f"{span}{f'; {sources}' if sources else ''}"
