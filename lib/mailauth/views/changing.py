"""What a plan and a receipt show: what would change, what became of it, and how it is taken back."""

import json
import shlex
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from .. import checks, permissions
from ..checks import Check
from ..plan import Entry, Outcome, Plan, Receipt, Ref, Seen, Step
from ..wording import counted
from . import listings
from .markup import Badge, Cell, Stack, Tone, View, text
from .tables import Callout, Code, Facts, Table, without_empty

__all__ = ["plan", "receipt"]

# So many rows are read; the rest is counted, and so is what is alike after a handful.
_ROWS: Final = 36
_ALIKE: Final = 5
_LEAST: Final = 3


def plan(found: Plan) -> Stack:
    """Return what would be changed, with what is refused or left to a person first; some dozens of rows at most."""
    title = found.title if found.steps else f"{found.title}: nothing to change"
    views: list[View] = [_considered(found.checks)] if found.checks else []
    facts: list[tuple[str, Cell]] = [
        ("Tenant", f"{found.tenant} ({found.tenant_id}, cloud {found.cloud})"),
        ("Changes", _counts(found.steps)),
        *(("It needs", list(needs)) for needs in [_needs(found)] if needs),
        ("Plan", found.id),
    ]
    views.append(Facts(facts, title))
    if found.steps:
        views.append(_steps(found.steps))
    return Stack(views)


def receipt(found: Receipt, *, config: str = "") -> Stack:
    """Return what became of a plan, and how to take it back.

    Args:
        found: What carrying it out returned.
        config: The tenants file, for the command line; empty for the one that stands there without a word.
    """
    if not found.applied:
        said = "The plan changes nothing." if not found.plan.steps else "It was not applied: nobody was asked."
        return Stack([Callout("info", "Nothing was changed", [said])])
    views = [_headline(found), _facts(found), *_foreign(found), _entries(found)]
    return Stack([*views, *_lasting(found), *_undo(found, config)])


# A plan.


def _considered(found: Sequence[Check]) -> Table:
    order = ("wrong", "cannot know", "not configured", "ok")
    ranked = sorted(found, key=lambda each: order.index(each.outcome))
    more = len(ranked) - _ROWS
    rest = [Check(f"and {more:,} more", checks.worst(ranked[_ROWS:]))] if more > 0 else []
    return listings.checks([*ranked[:_ROWS], *rest], caption="Before anything is changed")


def _needs(found: Plan) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*found.needs("graph"), *found.needs("exchange"))))


def _counts(steps: Iterable[Step]) -> Sequence[str]:
    counts = Counter(step.group for step in steps)
    return [f"{group}: {number:,}" for group, number in counts.items()] or ["none"]


def _steps(steps: Sequence[Step]) -> Table:
    columns = ("What", "Now", "Then", "Why", "Undo")
    rows = [row for run in _runs(steps, len(columns)) for row in run]
    caption = f"What would be changed, {counted(len(steps), 'change')}"
    return Table(columns, rows, caption, limit=len(rows))


def _runs(steps: Sequence[Step], width: int) -> Iterator[list[Sequence[Cell]]]:
    """Yield the rows in the order in which they are carried out, those of a group that follow each other together."""
    runs = [(group, list(run)) for group, run in groupby(steps, key=lambda step: step.group)]
    most = min(_ALIKE, max(_LEAST, _ROWS // len(runs)))
    for group, run in runs[: _ROWS // _LEAST]:
        shown = [_step(step) for step in run[:most]]
        more = len(run) - len(shown)
        yield [*shown, *([_more_of(more, group, width)] if more else [])]
    later = [step for _, run in runs[_ROWS // _LEAST :] for step in run]
    if later:
        yield [_more_of(len(later), ", ".join(dict.fromkeys(step.group for step in later)), width)]


def _more_of(count: int, group: str, width: int) -> Sequence[Cell]:
    return (f"and {count:,} more: {group}", *[None] * (width - 1))


def _step(step: Step) -> Sequence[Cell]:
    back = "can be taken back" if step.undo else Badge("cannot be taken back", "warn")
    return (step.title, _version(step.before), _version(step.after), step.why, [back, *filter(None, [step.leaves])])


def _version(seen: Seen) -> Cell:
    """Return one version of what a step changes, in words."""
    if seen is None:
        return Badge("not there", "quiet")
    return [
        f"{name}: {_EMPTY.get(name, 'empty') if _is_empty(value) else _value(value)}" for name, value in seen.items()
    ] or "there"


# A switch that a mailbox leaves to the organization is no empty field to whoever reads a plan.
_EMPTY: Final[Mapping[str, str]] = {"SmtpClientAuthenticationDisabled": "as the organization has it"}


def _is_empty(value: object) -> bool:
    return value is None or value == "" or value == []


def _value(value: object) -> str:
    if isinstance(value, Ref):
        return f"({value.name})"
    if _is_empty(value):
        return "empty"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int):
        return str(value)
    if isinstance(value, Mapping):
        if "resourceAppId" in value:
            return _asked(value)
        return "; ".join(f"{name}: {_value(each)}" for name, each in value.items())
    return ", ".join(map(_value, value)) if isinstance(value, Sequence) else json.dumps(value)


def _asked(resource: Mapping[str, object]) -> str:
    """Return what a registration asks of one resource, by the names that the facts know, else by ids."""
    access = resource.get("resourceAccess")
    values = {each.id: each.value for each in permissions.known()}
    ids = [str(each.get("id")) for each in access if isinstance(each, Mapping)] if isinstance(access, Sequence) else []
    app_id = str(resource["resourceAppId"])
    title = next((permissions.titles()[name] for name, known in permissions.APP_IDS.items() if known == app_id), app_id)
    return f"{title}: {', '.join(values.get(each, each) for each in ids) or 'nothing'}"


# A receipt.

_OUTCOMES: Final[Mapping[Outcome, tuple[str, Tone]]] = {
    "done": ("done", "ok"),
    "already": ("was so already", "ok"),
    "foreign": ("somebody else changed it", "bad"),
    "refused": ("refused", "bad"),
    "failed": ("failed, nothing done", "bad"),
    "unclear": ("unclear", "know"),
    "not reached": ("not reached", "quiet"),
}
_GOOD: Final = ("done", "already")


def _headline(found: Receipt) -> Callout:
    total = len(found.plan.steps)
    if found.whole:
        said = "The change stands as wanted." if total == 1 else f"All of {counted(total, 'change')} stand as wanted."
        return Callout("info", f"{found.plan.title}: done", [said])
    stop = next((entry for entry in found.entries if entry.outcome not in (*_GOOD, "not reached")), None)
    if found.settled:
        left = sum(entry.outcome == "foreign" for entry in found.entries)
        theirs = f"{left:,} of {counted(total, 'change')} were left: somebody else has set them since."
        return Callout("attention", f"{found.plan.title}: done but for others' settings", [theirs])
    unclear = stop is not None and stop.outcome == "unclear"
    good = sum(entry.outcome in _GOOD for entry in found.entries)
    said = f"{good:,} of {counted(total, 'change')} stand as wanted; the rest was left alone."
    if total == 1:
        said = "Whether the change stands is not known." if unclear else "The change does not stand."
    steps = [stop.remedy] if stop and stop.remedy else []
    why = [stop.said] if stop and stop.said else []
    title = f"{found.plan.title}: stopped"
    return Callout("cannot know" if unclear else "attention", title, [said, *why], steps)


def _facts(found: Receipt) -> Facts:
    counts = Counter(entry.outcome for entry in found.entries)
    items: list[tuple[str, Cell]] = [
        ("As whom", found.by),
        ("Outcome", [f"{_OUTCOMES[outcome][0]}: {counts[outcome]:,}" for outcome in _OUTCOMES if counts[outcome]]),
        ("Effective", f"at the latest {text(found.settles_at)}" if found.settles_at else "nothing was changed"),
        ("Receipt", found.where),
    ]
    return Facts(items, f"Plan {found.plan.id}")


def _foreign(found: Receipt) -> Iterator[Table]:
    steps = {step.id: step for step in found.plan.steps}
    rows = [
        (
            steps[entry.step].title,
            _version(entry.seen),
            _version(steps[entry.step].before),
            _version(steps[entry.step].after),
        )
        for entry in found.entries
        if entry.outcome == "foreign"
    ]
    if rows:
        columns = ("What", "It is now", "The plan saw", "The plan wanted")
        yield Table(columns, rows, "What somebody else changed meanwhile")


def _entries(found: Receipt) -> Table:
    steps = {step.id: step for step in found.plan.steps}
    order = ("refused", "foreign", "failed", "unclear", "done", "already", "not reached")
    alike: dict[tuple[Outcome, str], list[Entry]] = {}
    for entry in sorted(found.entries, key=lambda each: order.index(each.outcome)):
        alike.setdefault((entry.outcome, steps[entry.step].group), []).append(entry)
    rows: list[Sequence[Cell]] = []
    for (outcome, group), entries in alike.items():
        # What went wrong is read one by one; of what is as it should be, a handful says enough.
        most = _ALIKE if outcome in (*_GOOD, "not reached") else _ROWS
        rows += [_entry(entry, steps[entry.step]) for entry in entries[:most]]
        if more := len(entries[most:]):
            rows.append((f"and {more:,} more: {group}", Badge(*_OUTCOMES[outcome]), None, None))
    columns = ("What", "What became of it", "Why", "What to do")
    return Table(*without_empty(columns, rows), "Each change", limit=len(rows))


def _entry(entry: Entry, step: Step) -> Sequence[Cell]:
    return (step.title, Badge(*_OUTCOMES[entry.outcome]), entry.said, entry.remedy)


def _lasting(found: Receipt) -> Iterator[Callout]:
    changed = {entry.step for entry in found.entries if entry.outcome in ("done", "unclear")}
    steps = [step for step in found.plan.steps if step.id in changed]
    left = Counter(step.leaves for step in steps if step.undo and step.leaves)
    said = [f"{sentence}{f' ({number:,} times)' if number > 1 else ''}" for sentence, number in left.items()]
    stuck = [f"{step.title}: nothing takes this back. {step.leaves}".rstrip() for step in steps if step.undo is None]
    if said or stuck:
        yield Callout("info", "What the undo does not restore", [*said, *stuck[:_LEAST], *_more(stuck)])


def _more(sentences: Sequence[str]) -> Sequence[str]:
    return [f"And {len(sentences) - _LEAST:,} more."] if len(sentences) > _LEAST else []


def _undo(found: Receipt, config: str) -> Iterator[Code]:
    if not any(entry.outcome in ("done", "unclear") for entry in found.entries):
        return
    words = ["mailauth", "undo", found.where, *(["--config", config] if config else []), "--tenant", found.plan.tenant]
    again = "Redo" if found.undoes else "Undo"
    note = "Without apply=True it shows what would be taken back."
    yield Code(f"{again}, in a notebook", f"run.take_back({json.dumps(found.where)}, apply=True)", note=note)
    yield Code(f"{again}, on the command line", f"{shlex.join(words)} --apply", note="Without --apply it only shows.")
