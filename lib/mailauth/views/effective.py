"""What notebook 40 shows before it grants: which mailboxes let what in and why, what contradicts, what is untidy."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from ..admission import DOORS, ORDER, Answer, Conflict, Effective, Kind, Link, Protocol, State, Verdict, guard
from ..hygiene import Matter
from ..wording import counted
from .markup import Badge, Cell, Stack, Tone
from .tables import Callout, Table

__all__ = ["chain", "conflict", "counts", "effective", "hygiene", "reasons", "sentence"]

_FEW: Final = 3
_PROTOCOLS: Final[tuple[Protocol, ...]] = ("smtp", "imap", "pop", "eas")
_TITLES: Final[dict[Protocol, str]] = {"smtp": "SMTP AUTH", "imap": "IMAP", "pop": "POP", "eas": "ActiveSync"}
_KINDS: Final[dict[Kind, str]] = {"password": "Password", "delegated": "OAuth, a person", "app": "OAuth, an app"}
_WITH: Final[dict[Kind, str]] = {"password": "a password", "delegated": "a person", "app": "an app"}
_TONES: Final[dict[tuple[bool, State], Tone]] = {
    (True, "open"): "bad",
    (True, "closed"): "ok",
    (True, "unknown"): "know",
    (False, "open"): "ok",
    (False, "closed"): "quiet",
    (False, "unknown"): "know",
}
_WORDS: Final[dict[State, str]] = {"open": "open", "closed": "closed", "unknown": "cannot know"}


def effective(found: Sequence[Effective]) -> Stack:
    """Return what the mailboxes let in: a sentence, the counts, and the reasons with the exceptions first."""
    return Stack([sentence(found), counts(found), reasons(found)])


def sentence(found: Sequence[Effective]) -> Callout:
    """Return in words for everybody how many mailboxes take a password, and of how many nobody can tell."""
    if not found:
        return Callout("cannot know", "No mailbox was looked at", ["None was asked about, or none could be read."])
    state = Counter(each.answer("smtp", "password").state for each in found)
    apps = sum(each.answer("smtp", "app").state == "open" for each in found)
    said = [
        f"We looked at {counted(len(found), 'mailbox', 'mailboxes')}. {state['open']:,} can be used by whoever has the"
        f" password and nothing else (SMTP AUTH), {state['closed']:,} cannot, and for {state['unknown']:,} we cannot"
        " tell.",
        f"{apps:,} would let an app with OAuth send. What it also needs, consent and permissions, is not counted here.",
    ]
    if state["open"]:
        return Callout(
            "attention", f"{counted(state['open'], 'mailbox', 'mailboxes')} open with a password alone", said
        )
    if state["unknown"]:
        return Callout("cannot know", "Whether a password opens a mailbox", said)
    return Callout("info", "No mailbox opens with a password alone", said)


def counts(found: Sequence[Effective]) -> Table:
    """Return how many mailboxes are open, closed or unknown, by protocol and kind of sign-in."""
    told = Counter((each.protocol, each.kind, each.state) for one in found for each in one.answers)
    rows: list[Sequence[Cell]] = [
        (_TITLES[protocol], _KINDS[kind], *(told[protocol, kind, state] for state in _WORDS))
        for protocol, kind in DOORS
    ]
    columns = ("Protocol", "Signed in to with", *(word.capitalize() for word in _WORDS.values()))
    note = "The doors alone: whether somebody holds a key (consent, FullAccess, a management role) is asked elsewhere."
    return Table(columns, rows, f"What {counted(len(found), 'mailbox', 'mailboxes')} let in", note)


def reasons(found: Sequence[Effective], *, limit: int = 50) -> Table:
    """Return the answers with what decides them; mailboxes that are alike share a row, the exceptions come first."""
    alike: defaultdict[tuple[Protocol, tuple[Answer, ...]], list[str]] = defaultdict(list)
    for one in found:
        for protocol in _PROTOCOLS:
            key = protocol, tuple(_decided(each) for each in one.answers if each.protocol == protocol)
            alike[key].append(one.mailbox.address)
    rows: list[Sequence[Cell]] = [
        (_named(addresses), _TITLES[protocol], *_badges(answers), _why(answers))
        for (protocol, answers), addresses in sorted(
            alike.items(), key=lambda each: _rank(each[0][0], each[0][1], len(each[1]))
        )
    ]
    columns = ("Mailboxes", "Protocol", *_KINDS.values(), "What decides")
    return Table(columns, rows, "Why, exceptions first", limit=limit, empty="No mailbox was looked at.")


def chain(found: Effective, protocol: Protocol = "smtp") -> Stack:
    """Return for one mailbox and protocol everything that was looked at, in order, and which of it decides."""
    return Stack([_chain(found, each) for each in found.answers if each.protocol == protocol])


def conflict(found: Conflict) -> Stack:
    """Return what switching SMTP AUTH on for OAuth would open, and the order in which it opens nothing else."""
    rows: list[Sequence[Cell]] = [
        *_shut(found.exposed, Badge("opens the door to passwords", "bad")),
        *_shut(found.unclear, Badge("cannot know", "know")),
        *_shut(found.guarded, Badge("passwords stay out", "ok")),
    ]
    columns = ("Mailboxes", "How many", "The switch, if turned on", "Why")
    table = Table(columns, rows, "Mailboxes that OAuth needs SMTP AUTH switched on for", empty="None.")
    return Stack([_contradiction(found), table])


def hygiene(found: Sequence[Matter]) -> Table:
    """Return each matter with the mailboxes it is about and what to do."""
    rows = [
        (
            each.check.name,
            Badge(each.check.outcome, _OUTCOMES[each.check.outcome]),
            each.check.found,
            _named(each.mailboxes or each.unknown) or None,
            "" if each.check.outcome == "ok" else each.check.remedy,
        )
        for each in found
    ]
    return Table(("What", "Is it so?", "Found", "Which", "What to do"), rows, "Hygiene of the mailboxes")


_OUTCOMES: Final[dict[str, Tone]] = {"ok": "ok", "wrong": "warn", "cannot know": "know", "not configured": "quiet"}


def _decided(answer: Answer) -> Answer:
    """Return *answer* with what decides it, and what an open door owes to an exception: what is alike for a reader."""
    owed = answer.exceptions if answer.state == "open" else ()
    return Answer(answer.protocol, answer.kind, (answer.decides, *owed))


def _rank(protocol: Protocol, answers: Iterable[Answer], count: int) -> tuple[bool, int, int, int]:
    states = {(each.kind == "password", each.state) for each in answers}
    order = [(True, "open"), (True, "unknown"), (False, "unknown"), (False, "closed")]
    worst = next((at for at, each in enumerate(order) if each in states), len(order))
    # ActiveSync is read by phones: whoever lets an app in asks about the others first.
    return protocol == "eas", worst, count, _PROTOCOLS.index(protocol)


def _badges(answers: Iterable[Answer]) -> Iterable[Cell]:
    by_kind = {each.kind: each for each in answers}
    return (_badge(by_kind[kind]) if kind in by_kind else None for kind in _KINDS)


def _badge(answer: Answer) -> Badge:
    return Badge(_WORDS[answer.state], _TONES[answer.kind == "password", answer.state])


def _why(answers: Iterable[Answer]) -> Sequence[str]:
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for each in answers:
        for link in each.chain:
            kinds[_said(link)].append(_WITH[each.kind])
    # A reason that holds for all alike needs no names before it.
    return [reason if len(kinds) == 1 else f"{' and '.join(named)}: {reason}" for reason, named in kinds.items()]


def _said(link: Link) -> str:
    since = f", since {link.since:%Y-%m-%d}" if link.since else ""
    if link.verdict == "excepts" and not since:
        since = ", since when and by whom is not known"
    return f"{link.rule}: {link.found}{since}{f', by {link.by}' if link.by else ''}"


def _named(addresses: Sequence[str]) -> Sequence[str]:
    more = len(addresses) - _FEW
    return [*addresses[:_FEW], *([f"and {more:,} more"] if more > 0 else [])]


_VERDICTS: Final[dict[Verdict, Badge]] = {
    "passes": Badge("lets it pass", "ok"),
    "excepts": Badge("leaves it out", "warn"),
    "closes": Badge("keeps it out", "bad"),
    "unknown": Badge("cannot know", "know"),
    "remark": Badge("to know", "info"),
}


def _chain(found: Effective, answer: Answer) -> Table:
    decides = answer.decides
    rows: list[Sequence[Cell]] = [
        (
            (link.rule, Badge("decides", "info")) if link is decides else link.rule,
            _VERDICTS[link.verdict],
            [said for said in (link.found, link.note) if said],
            link.where or None,
            link.since.date() if link.since else None,
            link.by or None,
        )
        for link in answer.chain
    ]
    title = f"{found.mailbox.address}, {_TITLES[answer.protocol]}, {_KINDS[answer.kind]}: {_WORDS[answer.state]}"
    columns = ("What was looked at", "What follows", "How it is set", "Where", "Since", "By")
    note = "A dash: nothing that was read tells. The log of changes forgets."
    return Table(columns, rows, title, note)


def _contradiction(found: Conflict) -> Callout:
    open_now = counted(len(found.open_now), "mailbox takes", "mailboxes take")
    if not found.shut:
        return Callout("info", "Nothing stands in the way of OAuth", [f"{open_now} a password over SMTP AUTH today."])
    said = [
        "The switch that security baselines turn off is that of the protocol: without it a token cannot send either."
        f" It is off for {counted(len(found.shut), 'mailbox', 'mailboxes')} here.",
        f"Turned on, it would open the door to passwords too on {len(found.exposed):,}, and on {len(found.unclear):,}"
        f" that cannot be known; on {len(found.guarded):,} something else keeps them out. {open_now} a password today.",
        "Conditional Access alone keeps none out: it acts once a password was found right, and one exclusion opens the"
        " door.",
    ]
    kind: Literal["attention", "cannot know", "info"]
    kind = "attention" if found.exposed else "cannot know" if found.unclear else "info"
    return Callout(kind, "“Turn SMTP AUTH off” and “send with OAuth” contradict each other", said, ORDER)


def _shut(found: Iterable[Effective], badge: Badge) -> Iterable[Sequence[Cell]]:
    alike: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for each in found:
        alike[tuple(_guard(each.opened))].append(each.mailbox.address)
    return ((_named(addresses), len(addresses), badge, why) for why, addresses in alike.items())


def _guard(opened: Answer) -> Sequence[str]:
    """Return what keeps a password out, or that nothing does, and to which exception that is owed."""
    if opened.state == "open":
        return ["nothing else keeps passwords out", *map(_said, opened.exceptions)]
    link = guard(opened)
    alone = ["on its own no lock"] if link is None and opened.state == "closed" else []
    return [_said(link or opened.decides), *alone]
