"""Steps that differ in values alone, as one step and a table of the values.

A thousand mailboxes are a thousand steps. A person who reviews them reads one step and a column of addresses.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final, TypeAlias

from .literals import BARE, Column
from .plan import Cmdlet, Ref, Step, Value

__all__ = ["Part", "Table", "parts"]

_FEW: Final = 3  # alike steps in a row from which on they become a table


@dataclass(frozen=True)
class Table:
    """Steps that are alike.

    Args:
        step: The first of them, with a `Column` for each value that differs.
        rows: The values by column, and the ``Title`` of each.
    """

    step: Step
    rows: tuple[Mapping[str, Value], ...]


Part: TypeAlias = "Step | Table"


def parts(steps: Sequence[Step]) -> Iterator[Part]:
    """Yield the steps, with many alike in a row as one table."""
    for _, some in groupby(enumerate(steps), lambda each: _likeness(*each)):
        alike = [step for _, step in some]
        if len(alike) < _FEW:
            yield from alike
        else:
            yield _tabled(alike)


def _likeness(number: int, step: Step) -> object:
    """Return what is the same in steps that differ in values alone; a thing of its own for one that never joins."""
    do, look = step.do, step.look
    if not isinstance(do, Cmdlet) or not isinstance(look.ask, Cmdlet) or step.keeps or look.binds:
        return number
    names = (
        step.group,
        step.why,
        do.name,
        look.ask.name,
        look.inside,
        look.fields,
        look.words,
        look.flags,
        step.watched,
    )
    # A version that is nothing is another shape: its row is made or removed, not changed.
    return (*names, *(value is None or repr(_mapped(value, lambda path, each: "")) for value in _values(step)))


def _values(step: Step) -> tuple[Value, ...]:
    assert isinstance(step.do, Cmdlet)
    assert isinstance(step.look.ask, Cmdlet)
    return step.do.parameters, step.look.ask.parameters, step.look.where, step.before, step.after


def _mapped(value: Value, change: Any, path: tuple[str, ...] = ()) -> Any:
    """Return *value* with each text, number, boolean and nothing in it changed, and all else as it is."""
    if isinstance(value, Ref):
        return value
    if isinstance(value, Mapping):
        return {key: _mapped(each, change, (*path, key)) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_mapped(each, change, (*path, str(at))) for at, each in enumerate(value)]
    return change(path, value)


def _tabled(steps: Sequence[Step]) -> Table:
    # Leaf by leaf: the values of all the steps at one place.
    places: dict[tuple[str, ...], list[Value]] = {}
    for step in steps:
        for at, value in enumerate(_values(step)):
            _mapped(value, lambda path, each: places.setdefault(path, []).append(each), (str(at),))
    columns: dict[tuple[str, ...], str] = {}
    for path, held in places.items():
        if len(set(map(repr, held))) > 1:
            columns.setdefault(tuple(map(repr, held)), _unique(path, ("Title", *columns.values())))
    names = {path: columns[key] for path, held in places.items() if (key := tuple(map(repr, held))) in columns}
    values = {names[path]: held for path, held in places.items() if path in names}
    flags = {name for name, held in values.items() if any(isinstance(each, bool) for each in held)}
    template = steps[0]
    do, ask, where, before, after = (
        _mapped(
            value, lambda path, each: Column(names[path], names[path] in flags) if path in names else each, (str(at),)
        )
        for at, value in enumerate(_values(template))
    )
    assert isinstance(template.do, Cmdlet)
    assert isinstance(template.look.ask, Cmdlet)
    look = replace(template.look, ask=replace(template.look.ask, parameters=ask), where=where)
    step = replace(template, do=replace(template.do, parameters=do), look=look, before=before, after=after)
    rows = tuple(
        {"Title": one.title, **{name: held[at] for name, held in values.items()}} for at, one in enumerate(steps)
    )
    return Table(step, rows)


def _unique(path: Sequence[str], taken: Iterable[str]) -> str:
    word = next((part for part in reversed(path[1:]) if BARE.fullmatch(part)), "Value")
    base = {"3": "Old", "4": "New"}.get(path[0], "") + word
    used = {name.lower() for name in taken}
    return next(
        name for number in range(1, 1000) if (name := base if number == 1 else f"{base}{number}").lower() not in used
    )
