"""Notebook 90 for whoever decides: the first screen, what cannot wait, what stops, what to do, how it moves.

A report in, a view out. Nothing is shown here that the report does not hold: an edition for others is drawn by the
same functions from a report of other names. Where nobody looked, a view says so and shows no number.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

from ..phrases import Kind, Named, Phrase, joined, phrase, words
from ..report import Action, Change, Ending, Known, Report, Stop, Urgent, Wave
from ..wording import capital, counted
from . import listings
from .drawn import SenderDays
from .markup import Badge, Cell, Said, Tone, sentences, text
from .tables import Callout, Facts, Headline, Step, Table, state_badge, without_empty

__all__ = [
    "attention",
    "changed",
    "endings",
    "first_screen",
    "name",
    "person",
    "progress",
    "purpose",
    "runs",
    "senders",
    "stops",
    "trend",
    "waves",
    "window",
]

# The first screen is one screen; the tables below it hold the rest.
_FIRST_ROWS: Final = 8
_FIRST_DATES: Final = 3
_FIRST_ACCOUNTS: Final = 4
_BELOW: Final = "“What stops, and when?” below"

# Each names what is missing: “open” beside an owner reads as how something stands.
_UNDECIDED: Final = Badge("not decided", "warn")
_NOBODY: Final = Badge("nobody yet", "warn")
_NO_DAY: Final = Badge("no day", "warn")
_VERDICTS: Final[dict[str, Tone]] = {"suspected_compromise": "bad", "password_known": "bad", "confirm_today": "warn"}


def first_screen(report: Report) -> Headline:
    """Return what a manager reads first: the sentence, today, the dates, what to do, what stops, how far we looked."""
    # Why nobody could look belongs to the sentence; what a second witness adds can wait for a line below.
    blind = report.state.word == "cannot know"
    return Headline(
        state=report.state.word,
        sentence=report.state.sentence,
        reach=report.looked.lines or (words("Nobody has looked yet: notebook 10 reads the sign-in records."),),
        also=report.state.also if blind else (),
        today=_today(report),
        dates=_dates(report),
        actions=tuple(map(_step, report.actions)),
        decisions=_stopping(report),
        lines=_lines(report),
    )


def _today(report: Report) -> tuple[Callout, ...]:
    """Return one callout with a line per account; everything else about it stands in the section below."""
    worst = {one.account or one.sender_id: one for one in reversed(report.urgent)}
    if not worst:
        return ()
    shown = list(reversed(worst.values()))
    title = f"{counted(len(shown), 'account')} {'needs' if len(shown) == 1 else 'need'} somebody today"
    more = len(shown) - _FIRST_ACCOUNTS
    rest = [words(f"{counted(more, 'more account')}: see “What needs somebody today?” below.")] if more > 0 else []
    return (Callout("attention", title, [*map(_urgent_line, shown[:_FIRST_ACCOUNTS]), *rest]),)


def _urgent_line(one: Urgent) -> Phrase:
    owner = phrase(" Owner: {who}.", who=Named("person", one.owner)) if one.owner else words(" Owner: nobody yet.")
    step = phrase(" {step}", step=one.steps[0]) if one.steps else Phrase()
    return phrase("{what}: {seen}", what=words(one.title), seen=_first_sentence(one.evidence)) + step + owner


def _first_sentence(said: Phrase) -> Phrase:
    """Return a phrase up to its first full stop; a name with a full stop in it ends nothing."""
    parts: list[str | Named] = []
    for part in said.parts:
        if isinstance(part, str) and ". " in part:
            return Phrase((*parts, part[: part.index(". ") + 1]))
        parts.append(part)
    return said


def _dates(report: Report) -> tuple[Step, ...]:
    """Return what is still to end, a step for each date."""
    ahead: dict[str, list[Ending]] = {}
    for each in report.endings:
        if each.day and not each.passed:
            ahead.setdefault(each.when, []).append(each)
    return tuple(_date(when, alike, report.stops) for when, alike in list(ahead.items())[:_FIRST_DATES])


def _date(when: str, alike: Sequence[Ending], stops: Sequence[Stop]) -> Step:
    counts = [_stopping_then(each, stops) for each in alike]
    return Step(capital(when), "; ".join(each.title for each in alike), "; ".join(filter(None, counts)))


def _stopping_then(end: Ending, stops: Sequence[Stop]) -> str:
    """Return what an end stops as the first sentence counts it, and apart from it what may stop too."""
    if end.id == _PHONES_END:
        return f"phones of {counted(end.senders, 'account')}" if end.senders else ""
    sure = counted(end.senders, "sender") if end.senders else ""
    more = _may_stop(end, stops)
    return " and ".join(filter(None, (sure, f"up to {more:,} more of the table below" if more else "")))


def _may_stop(end: Ending, stops: Sequence[Stop]) -> int:
    return sum(each.kind in ("unnamed", "reported") for each in stops) if end.id == _PASSWORDS_END else 0


_PASSWORDS_END: Final = "smtp-auth-default-off"
_PHONES_END: Final = "activesync-certificate"


def _step(action: Action) -> Step:
    owner = phrase("Owner: {who}.", who=Named("person", action.owner)) if action.owner else words("Owner: nobody yet.")
    # Why an account needs somebody stands right above.
    why = Phrase() if action.kind == "security" else action.why
    return Step(action.when, action.title, joined((why, action.where, owner), " "))


def _stopping(report: Report) -> Table | None:
    rows = [(*_what(stop), stop.last_seen, _decision(stop), *_who_and_when(stop, report)) for stop in report.stops]
    columns = ("What stops", "Used for", "Last seen", "Decision", "Owner", "By")
    caption = f"What stops ({window(report)})"
    return Table(columns, rows, caption, limit=_FIRST_ROWS, rest=_BELOW) if rows else None


def _lines(report: Report) -> list[tuple[str, Said]]:
    """Return the further sentences of the first screen, each under a bold word."""
    state = report.state
    said: list[tuple[str, Said]] = [
        ("Also", joined(state.also, " ") if state.word != "cannot know" else Phrase()),
        ("Progress", report.progress.sentence),
        ("Proven", joined(state.proofs, " ")),
        ("Not proven yet", joined(state.missing, " ") if state.word != "exposed" else Phrase()),
        ("If nothing is done", joined(report.if_nothing, " ")),
        ("The names are pseudonyms", _PSEUDONYMS if report.edition == "shareable" else ""),
    ]
    return [(title, sentence) for title, sentence in said if sentence]


def _what(stop: Stop) -> tuple[Cell, Cell]:
    return stop.what.capital(), stop.used_for.capital() or None


def _decision(stop: Stop) -> Sequence[Phrase | Badge]:
    if stop.decided:
        return (stop.decision.capital(), Badge("decided", "ok"))
    return (_without_open(stop.decision).capital(), _UNDECIDED)


def _without_open(said: Phrase) -> Phrase:
    """Return a decision without the word that the badge beside it says."""
    match said.parts:
        case (str(first), *rest):
            return Phrase((first.removeprefix("open: "), *rest))
    return said


def _who_and_when(stop: Stop, report: Report) -> tuple[Cell, Cell]:
    return person(stop.owner), _by(stop, report.made_at.date())


def _by(stop: Stop, today: date) -> Cell:
    if stop.exception_until:
        return (text(stop.exception_until), Badge("exception", "bad" if stop.exception_until < today else "info"))
    if stop.due:
        return (text(stop.due), Badge("overdue", "bad")) if stop.due < today else text(stop.due)
    return (_NO_DAY, f"{text(stop.propose)} proposed") if stop.propose else _NO_DAY


def person(owner: str) -> Cell:
    """Return who sees to something, or that nobody does."""
    return name("person", owner) if owner else _NOBODY


def name(kind: Kind, value: str) -> Phrase:
    """Return a name from a field of the report; no word where there is none."""
    return Phrase((Named(kind, value),)) if value else Phrase()


def window(report: Report) -> str:
    """Return which records a number is from, as it stands behind it."""
    looked = report.looked
    said = (
        f"sign-in records of {text(looked.start.date())} to {text(looked.end.date())} UTC"
        if looked.start and looked.end
        else "no sign-in records"
    )
    if looked.report_start and looked.report_end:
        return f"{said}; mail report of {text(looked.report_start)} to {text(looked.report_end)}"
    return said


def _unseen(report: Report, about: str) -> Callout | None:
    """Return that it cannot be known, where no sign-in record was read."""
    if report.looked.start:
        return None
    return Callout("cannot know", f"No sign-in record was read: it is unknown {about}.", report.looked.lines)


# --- below the first screen -----------------------------------------------------------------------


def attention(report: Report) -> Table | Callout:
    """Return the accounts that somebody has to look at today, with what was seen and the first steps."""
    unseen = _unseen(report, "whether an account needs somebody today")
    if unseen and not report.urgent:
        return unseen
    alike: dict[tuple[str, str], list[Urgent]] = {}
    for one in report.urgent:
        alike.setdefault((one.account or one.sender_id, one.verdict), []).append(one)
    rows = [_attention(group) for group in alike.values()]
    columns = ("Account", "What", "What was seen", "First steps", "Owner", "Last seen")
    caption = f"Needs somebody today ({window(report)})"
    empty = f"{_nothing(report)} What the records do not hold stands under “How far did we look?”."
    return Table(columns, rows, caption, limit=200, empty=empty)


def _nothing(report: Report) -> str:
    """Return that nothing was seen, and until when somebody could have seen it."""
    last = report.looked.last_look
    return f"Nothing was seen up to {text(last)}; nobody could look since." if last else "Nothing was seen."


def _attention(alike: Sequence[Urgent]) -> Sequence[Cell]:
    """Return one account's row; what was seen of it by several protocols stands together."""
    one = alike[0]
    return (
        (name("address", one.account) or "a name that does not exist", *(each.protocol for each in alike)),
        Badge(one.title, _VERDICTS[one.verdict]),
        tuple(each.evidence for each in alike),
        one.steps,
        person(one.owner),
        max(each.last_seen for each in alike).date(),
    )


def stops(report: Report) -> Table | Callout:
    """Return each sender that stops: when, what its decision is, who sees to it, and which witness says so."""
    unseen = _unseen(report, "what stops")
    if unseen and not report.stops:
        return unseen
    rows = [
        (
            (stop.what.capital(), stop.protocol) if stop.protocol else stop.what.capital(),
            stop.used_for.capital() or None,
            _seen(stop),
            capital(stop.ends),
            (*_decision(stop), *(phrase("Open: {what}", what=each) for each in stop.questions)),
            *_who_and_when(stop, report),
            (stop.witness, stop.proposal) if stop.proposal else stop.witness,
        )
        for stop in report.stops
    ]
    columns = ("What stops", "Used for", "Seen", "Stops", "Decision", "Owner", "By", "Who says so, and why that day")
    caption = f"What stops ({window(report)})"
    empty = f"{_nothing(report)} That proves nothing about what left no record."
    return Table(columns, rows, caption, limit=200, rest="tables/senders.csv", empty=empty)


def _seen(stop: Stop) -> Sequence[str]:
    days = [f"on {counted(stop.days_active, 'day')}"] if stop.days_active else []
    last = [f"last {text(stop.last_seen)}"] if stop.last_seen else []
    return [*days, *last] or ["the report holds no days"]


def endings(report: Report) -> Table | Callout:
    """Return the dates that touch this tenant, with what a device or its user will see."""
    unseen = _unseen(report, "which dates touch this tenant")
    if unseen and not report.endings:
        return unseen
    rows = [
        (
            (capital(each.when), Badge("has begun", "quiet")) if each.passed else capital(each.when),
            each.title,
            _counted_above(each, report.stops),
            sentences(each.shows),
            sentences(each.note),
            each.source,
        )
        for each in report.endings
    ]
    columns = (
        "When",
        "What ends",
        "Senders above",
        "What a device or a user will see",
        "What else is known",
        "Source",
    )
    empty = "No date known to us touches what was found."
    note = "Where Microsoft has published no day, none is shown."
    return Table(columns, rows, "What ends, and when", note, limit=100, empty=empty)


def _counted_above(end: Ending, stops: Sequence[Stop]) -> Cell:
    more = _may_stop(end, stops)
    if not more:
        return end.senders or None
    return f"{end.senders:,}, and up to {more:,} more" if end.senders else f"up to {more:,}"


# --- over time ------------------------------------------------------------------------------------


def progress(report: Report) -> Facts:
    """Return then and now, in numbers that add up."""
    held = report.progress
    if held.since is None:
        return Facts([("Progress", held.sentence)])
    day = text(held.since.date())
    items: list[tuple[str, Cell]] = [
        ("In a sentence", held.sentence),
        (f"Senders on {day}", held.then),
        ("Senders now", held.now if report.looked.start else "cannot know: no sign-in record was read"),
        ("Send with a password no more", held.moved),
        ("of these proven", held.proven),
        ("of these not proven", held.quiet),
    ]
    return Facts(items, caption=f"Since {day}; now: {window(report)}")


def waves(report: Report) -> Table:
    """Return what takes no password any more, as notebook 60 saw it, and who is left out until when."""
    looked = (each.made_at for each in report.looked.sources if each.notebook == "60-close-basic" and each.made_at)
    day = next((f", as notebook 60 saw it on {text(made.date())}" for made in looked), "")
    columns = ("Wave", "Mailboxes", "How it stands", "Since", "Senders with a token", "Left out by name")
    note = "“Closed (proven)” is each wave's own; the tenant is closed when the last one is."
    return Table(
        columns, [_wave(each) for each in report.waves], f"Where passwords have ended{day}", note, limit=100,
        empty="Notebook 60 has left no evidence here: nobody has closed anything with it.",
    )  # fmt: skip


def _wave(wave: Wave) -> Sequence[Cell]:
    named = [phrase("{who} until {day}", who=name("address", each.address), day=each.until) for each in wave.left_out]
    more = [f"{len(named) - _LEFT_OUT:,} more"] if len(named) > _LEFT_OUT else []
    return (
        wave.name.capital(),
        wave.mailboxes,
        listings.wave_badge(wave.word),
        wave.since and wave.since.date(),
        f"{wave.with_token:,} of {wave.senders:,}" if wave.senders else None,
        [*named[:_LEFT_OUT], *more],
    )


_LEFT_OUT: Final = 20


def senders(report: Report) -> Table | Callout:
    """Return every sender that any run has seen, and what became of it."""
    unseen = _unseen(report, "who sends with a password")
    if unseen and not report.progress.known:
        return unseen
    rows = [
        (
            name("address", each.account) or "without a name",
            each.kind,
            each.first_seen.date(),
            each.last_password.date(),
            _NOW[each.now],
        )
        for each in sorted(report.progress.known, key=_standing)
    ]
    columns = ("Account", "Signs in with", "First seen by a run", "Last time it worked", "Now")
    note = "“Moved” needs proof on the wire, or a person who confirms another road. A sender that fell silent is quiet."
    since = report.progress.since
    runs_of = f"every run since {text(since.date())}" if since else "no run of an earlier day is known"
    caption = f"What became of each sender ({runs_of})"
    return Table(columns, rows, caption, note, limit=100, empty="No run has seen a sender.")


def _standing(known: Known) -> tuple[int, str]:
    return list(_NOW).index(known.now), known.account


_NOW: Final[dict[str, Badge]] = {
    "sends": Badge("still works", "warn"),
    "quiet": Badge("quiet, not proven", "info"),
    "oauth": Badge("holds OAuth tokens, not proven", "info"),
    "other road": Badge("another road, confirmed", "ok"),
    "proven": Badge("moved, proven", "ok"),
}


def trend(report: Report) -> SenderDays | Callout:
    """Return the way to zero, day by day, with what explains its bends; days without records are hatched."""
    unseen = _unseen(report, "whether senders become fewer")
    if unseen:
        return unseen
    held = report.trend
    return SenderDays(held.sentence.plain().rstrip("."), held.days, held.marks, window(report))


def runs(report: Report) -> Table:
    """Return what each run found, the newest first."""
    rows = [
        (each.made_at, state_badge(each.word), each.senders, each.certificates, each.attention, each.undecided)
        for each in sorted(report.trend.points, key=lambda point: point.made_at, reverse=True)
    ]
    columns = ("Run", "State", "Password senders", "With a certificate", "Needed somebody", "Without a decision")
    return Table(columns, rows, "Run by run", limit=30, empty="This is the first run that is known.")


def changed(report: Report) -> Table | Callout:
    """Return what is not as it was at the run before."""
    held = report.changes
    if held.since is None:
        return Callout("info", "Nothing to compare with yet", [held.said] if held.said else ())
    rows = [(each.said, _KINDS[each.kind], _good(each)) for each in held.lines]
    caption = f"What changed since the run of {text(held.since)}"
    columns = ("Change", "What it is about", "Good or bad")
    note = held.said.plain()
    empty = note or "Nothing that the two runs can tell apart."
    return Table(*without_empty(columns, rows), caption, note if rows else "", limit=100, empty=empty)


def _good(change: Change) -> Cell:
    if change.good is None:
        return None
    return Badge("a step forward", "ok") if change.good else Badge("look at it", "warn")


_KINDS: Final[dict[str, str]] = {
    "state": "the tenant's state",
    "sender": "a sender",
    "network": "a network",
    "decision": "a decision",
    "proof": "a proof",
    "consent": "consent",
    "setting": "a setting",
    "credential": "a credential",
    "look": "a first look",
}


_PSEUDONYMS: Final = (
    "Each stands for one person, mailbox, network, place or app, and is the same wherever it is found, here and in the "
    "files beside this page. Whoever made this edition can look up who is meant. Times of day are left out; days, "
    "counts, countries and decisions are real, so who has the same logs can tell by them who is meant."
)


def purpose(report: Report) -> Callout:
    """Return why the page holds what it holds of people, and for how long; of pseudonyms, what they are."""
    if report.edition == "shareable":
        return Callout("info", "The names on this page are pseudonyms", (_PSEUDONYMS,))
    return Callout("info", "Why this page names people", (report.purpose,))
