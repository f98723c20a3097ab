"""What notebook 60 shows: the waves, what forbids the next step of each, what was tried, and what takes a wave back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from .. import closing
from ..closable import Proof, Refusal
from ..closing import Counted, Standing
from ..closingrecord import Look
from ..moving import Moving
from ..plan import Plan, Receipt
from ..proving import OTHER_DOOR, Closed, by_policy
from ..waves import Wave
from ..wording import counted, moment, moment_by, span
from . import changing, listings, proving
from .markup import Badge, Cell, Stack, Tone, View
from .tables import Callout, Code, Table

__all__ = [
    "against",
    "exceptions",
    "manual",
    "moving",
    "planned",
    "standing",
    "tokens",
    "tried",
    "undo",
    "waves",
]

_KINDS: Final = {
    "sender": "still sends with a password",
    "coverage": "cannot be known",
    "freeze": "change freeze",
    "proof": "not proven since the last change",
    "policy": "the policy",
    "wave": "another wave comes first",
    "canary": "the canary",
}
_MOST: Final = 36
_GOES_ON: Final = Badge("goes on", "warn")
_REFUSED: Final = Badge("a policy refuses it", "bad")


def exceptions(look: Look) -> Table:
    """Return whose passwords go on, by name, with the day on which that ends; those that have ended first."""
    last = look.waves[-1]
    rows: list[Sequence[Cell]] = [
        (each.address, each.reason, each.until, each.by, Badge("has ended", "bad")) for each in last.ended
    ]
    shut = closing.in_vain(last, look.known)
    rows += [
        (each.address, each.reason, each.until, each.by, _REFUSED if each in shut else _GOES_ON)
        for each in last.excepted
    ]
    note = "After its last day a mailbox is in its wave again, and forbids it until it has moved."
    columns = ("Mailbox", "Why", "Last day", "Written in", "Stands")
    return Table(columns, rows, "Left out by name", note, limit=_MOST, empty="Nobody is left out.")


def waves(look: Look) -> Table:
    """Return the waves in their order, counted, with what is next for each, and how long a wave takes at least."""
    rows = [_wave(look, each) for each in look.waves]
    columns = ("Wave", "Mailboxes", "Send with OAuth", "Left out", "Stands", "Which means", "Forbidden by")
    lag = span(look.known.settles)
    note = f"A policy counts within {lag} in this cloud, and a switch within an hour: so long each wave takes at least."
    if look.known.settles < _HOUR:
        note = f"A change counts within {lag} in this cloud: so long each stage of a wave takes at least."
    return Table(columns, rows, "In which waves passwords end", note, limit=len(rows))


_HOUR: Final = timedelta(hours=1)


def _wave(look: Look, wave: Wave) -> Sequence[Cell]:
    held, refused = look.standing(wave), look.refusals(wave)
    forbids = Badge(counted(len(refused), "reason"), "warn") if refused else "nothing"
    if held.word in closing.OVER and not refused:
        forbids = "nothing is left to do"
    size: Cell = len(wave.mailboxes)
    if wave.canary in wave.mailboxes and wave.kind != "tenant":
        size = [f"{len(wave.mailboxes):,}", "with the canary"]
    return (
        wave.name,
        size,
        len(wave.senders),
        len(wave.excepted),
        listings.wave_badge(held.word),
        held.sentence,
        forbids,
    )


def against(look: Look, *, limit: int = _MOST) -> Table:
    """Return what forbids the next step of each wave, then a later one; what several waves share stands once."""
    shared: dict[tuple[Refusal, str], list[str]] = {}
    for wave in look.waves:
        for each in look.refusals(wave):
            shared.setdefault((each, "now"), []).append(wave.name)
    for wave in look.waves:
        for each in closing.later(wave, look.known):
            shared.setdefault((each, "later"), []).append(wave.name)
    rows: list[Sequence[Cell]] = [
        (names, when, Badge(_KINDS[each.kind], _tone(each)), *_said(each)) for (each, when), names in shared.items()
    ]
    columns = ("Waves", "When", "What forbids it", "Which", "Found", "What to do")
    note = "Later: it forbids nothing yet, and nothing is called closed before it is done." if _later(shared) else ""
    caption, empty = "What stands against the next step", "Nothing stands against it."
    return Table(columns, rows, caption, note, limit=limit, empty=empty)


def _later(shared: Iterable[tuple[Refusal, str]]) -> bool:
    return any(when == "later" for _, when in shared)


def _tone(each: Refusal) -> Tone:
    return "know" if each.kind in ("coverage", "canary") else "bad"


def _said(each: Refusal) -> Sequence[Cell]:
    return each.about, each.found, each.remedy


def moving(look: Look, wave: Wave) -> Table:
    """Return how far each sender of a wave has come on its way off a password, and what is missing until it counts."""
    rows: list[Sequence[Cell]] = [
        (
            [each.account, each.protocol],
            each.what,
            each.title,
            _STEPS.get(each.word, Badge(each.word, "warn")),
            # Before its password is gone, the other witnesses have nothing to speak of.
            list(each.missing if each.word == "quiet" else each.missing[:1]),
            each.owner or None,
            each.due,
        )
        for each in look.senders(wave)
    ]
    columns = ("Sender", "What it is", "Its road", "Stands", "What is missing", "Owner", "By")
    note = "Closed takes three witnesses: no password any more, its new road seen, and mail that arrives."
    empty = "Nobody in this wave was seen with a password."
    if look.known.findings is None:
        empty = "Cannot know: notebook 10 has left no evidence."
    return Table(columns, rows, "Senders on their way off a password", note, limit=_MOST, empty=empty)


_STEPS: Final[Mapping[str, Badge]] = {
    "not begun": Badge("not begun", "bad"),
    "quiet": Badge("quiet", "info"),
    "closed": Badge("closed", "ok"),
    "cannot know": Badge("cannot know", "know"),
}


def manual(look: Look, wave: Wave, *, limit: int = 12) -> Stack:
    """Return for each sender of a wave that has not moved what somebody does by hand: what to enter, and the letter."""
    left = [each for each in look.senders(wave) if each.word != "closed"]
    views: list[View] = [Code(f"{each.account}, {each.protocol}: by hand", _steps(each)) for each in left[:limit]]
    if len(left) > limit:
        said = [f"{len(left) - limit:,} more stand in the evidence, with their letters."]
        views.append(Callout("info", "Not all are shown", said))
    return Stack(views or [Callout("info", "Nothing is to be done by hand", ["No sender of this wave is left."])])


def _steps(each: Moving) -> str:
    lines = [
        *(f"{number}. {step.plain()}" for number, step in enumerate(each.steps, start=1)),
        *([f"Where: {each.where.plain()}"] if each.where else []),
        *(f"  {one.name}: {one.value.plain()}" for one in each.enter),
        "",
        f"To {each.owner or 'its owner'}:",
        each.letter.plain(),
    ]
    return "\n".join(lines)


def standing(look: Look, wave: Wave) -> Callout:
    """Return how a wave stands, for somebody who reads nothing else."""
    held = look.standing(wave)
    said = [held.sentence, *_until(held)]
    if wave.excepted:
        said.append(f"{counted(len(wave.excepted), 'mailbox is', 'mailboxes are')} left out by name.")
    # Only what was shut before is somebody's to look at today; what is not begun stands in the plan.
    weight: _Weight = "cannot know" if held.word == "cannot know" else "attention" if held.reopened else "info"
    return Callout(weight, f"Wave {wave.name}: {listings.wave_badge(held.word).text}", said)


_Weight: TypeAlias = Literal["attention", "cannot know", "info"]


def _until(held: Standing) -> Iterator[str]:
    if held.counts_at:
        yield f"Look again at {moment_by(held.counts_at)}: before that a password may still be taken."


def planned(look: Look, wave: Wave, change: Plan) -> Stack:
    """Return the next stage of a wave: what it comes to in groups, from when it counts, then each change."""
    views: list[View] = [standing(look, wave)]
    if change.steps:
        columns = ("What", "How many", "Such as", "Counts within", "What an undo cannot restore")
        rows = [_group(each) for each in closing.groups(change)]
        after = look.known.now + max(each.lag for each in closing.groups(change))
        note = f"If it is applied now, it counts at the latest at {moment_by(after)}."
        views.append(Table(columns, rows, f"{change.title}, in groups", note, limit=len(rows)))
    if not change.steps and (refused := look.refusals(wave)):
        gone = "it is" if len(refused) == 1 else "they are"
        said = [f"{counted(len(refused), 'reason')} against it; nothing is planned until {gone} gone."]
        checks = listings.checks(change.checks, caption="What was considered")
        weight: _Weight = "info" if all(each.kind in _WAITED for each in refused) else "attention"
        return Stack([*views, Callout(weight, f"{change.title}: not yet", said), checks])
    return Stack([*views, *changing.plan(change).views])


# What goes by itself, or with another wave: nobody has to do anything about it today.
_WAITED: Final = frozenset({"freeze", "policy", "wave"})


def _group(each: Counted) -> Sequence[Cell]:
    more = each.count - len(each.titles)
    titles = [*each.titles, *([f"and {more:,} more"] if more > 0 else [])]
    return each.group, each.count, titles, span(each.lag) if each.lag else "at once", list(each.leaves) or "nothing"


def tokens(made: Sequence[Proof]) -> Table:
    """Return whether a token was taken for each mailbox that sends with one."""
    rows = [
        (each.mailbox, Badge("ok", "ok") if each.good else Badge("not taken", "bad"), each.said, moment(each.at))
        for each in sorted(made, key=lambda one: (one.good, one.mailbox))
        if each.kind == "oauth"
    ]
    columns = ("Mailbox", "A token by SMTP", "What the server said", "When")
    return Table(columns, rows, "Does what sends with OAuth still send?", limit=_MOST, empty="No token was tried.")


def tried(found: Closed | None, why: str) -> Callout:
    """Return what came of the one password.

    Args:
        found: The try; None where none was made.
        why: Why none was made.
    """
    if found is None:
        return Callout("info", "No password was tried", [why])
    if found.state == "closed" and not by_policy(found.cause):
        said = [f"{found.mailbox}: {found.said} {OTHER_DOOR}", *filter(None, [found.talk.reply])]
        steps = ["The authentication policy refuses before that: see whether it is assigned, and counts by now."]
        return Callout("cannot know", "Another door refused the password", said, steps)
    return proving.closed(found)


def undo(found: Sequence[Receipt], look: Look, wave: Wave, *, config: str = "") -> Stack:
    """Return what takes a wave back, or what became of that, the last change first.

    Args:
        found: What taking back returned, one for each receipt.
        look: The look that it stands on.
        wave: The wave.
        config: The tenants file, for the command line.
    """
    if not found and not look.is_begun(wave):
        said = ["No receipt here says that anything was changed for it, so there is nothing to take back."]
        return Stack([Callout("info", f"Wave {wave.name} was never begun from here", said)])
    if not found:
        return Stack([Callout("info", "Nothing is to be taken back", ["No receipt of this wave is left."])])
    views = (changing.receipt(each, config=config) if each.applied else changing.plan(each.plan) for each in found)
    return Stack([each for stack in views for each in stack.views])
