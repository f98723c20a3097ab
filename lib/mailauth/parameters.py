"""Notebook parameters: what a notebook declares, and what somebody passed that it does not.

papermill only warns about a parameter that the notebook does not declare and runs on with the
default, so a misspelt ``tenant`` would report on the wrong tenant. The injected cell stands in the
kernel's input history, where this can be seen.
"""

import ast
import difflib
from collections.abc import Iterator, Mapping, Sequence

from .errors import ConfigurationError

__all__ = ["declared", "injected", "listed", "refuse_unknown"]

_EVERY = frozenset({"tenant", "config", "out"})
# No two parameters of a notebook are that near to each other.
_NEAR = 0.8

# papermill's own first line of the cell that it injects; its source calls it the comment of the parameters cell.
_INJECTED = "# Parameters"


def listed(text: str) -> tuple[str, ...]:
    """Return the parts of a list with commas, blanks and empty parts left out."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def declared(cell: str) -> dict[str, object]:
    """Return the names that a parameters cell assigns, with their literal values.

    Raises:
        ConfigurationError: The cell is not Python, or a value is not a literal.
    """
    try:
        lines = ast.parse(cell).body
    except SyntaxError as error:
        raise ConfigurationError(f"parameters cell, line {error.lineno}: not Python ({error.msg}).") from None
    found: dict[str, object] = {}
    for line in lines:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value is not None:
            found[line.target.id] = _literal(line.target.id, line.value)
        elif isinstance(line, ast.Assign):
            for target in line.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = _literal(target.id, line.value)
    return found


def injected(history: Sequence[str]) -> bool:
    """Return whether papermill put a parameters cell into the cells that ran."""
    return any(cell.startswith(_INJECTED) for cell in history)


def refuse_unknown(history: Sequence[str]) -> None:
    """Raise where an injected cell assigns what the cell before it does not declare, or the parameters cell misspells.

    What a person adds to the parameters cell may be theirs to use; only what is nearly a parameter's name is refused.

    Args:
        history: The cells as they ran, in order (IPython's ``In``).

    Raises:
        ConfigurationError: Names each unknown parameter and the nearest declared one.
    """
    for position, cell in enumerate(history):
        if position == 0 or not injected([cell]):
            continue
        known = declared(history[position - 1])
        unknown = [name for name in declared(cell) if name not in known]
        if unknown:
            raise ConfigurationError(" ".join(_complaint(name, list(known)) for name in unknown))
    # The last one that ran: what was misspelt before that may be mended.
    own = next((names for names in map(_assigned, reversed(history)) if names.keys() >= _EVERY), {})
    if wrong := list(_misspelt(own)):
        right = [name for name in own if name not in wrong]
        raise ConfigurationError(" ".join(_complaint(name, right) for name in wrong))


def _assigned(cell: str) -> dict[str, bool]:
    """Return the names that a cell assigns, and of each whether with a type, as a notebook declares its parameters."""
    try:
        lines = ast.parse(cell).body
    except (SyntaxError, ValueError):
        return {}
    found: dict[str, bool] = {}
    for line in lines:
        typed = isinstance(line, ast.AnnAssign)
        targets = (
            line.targets if isinstance(line, ast.Assign) else [line.target] if isinstance(line, ast.AnnAssign) else []
        )
        found |= {each.id: typed or found.get(each.id, False) for each in targets if isinstance(each, ast.Name)}
    return found


def _misspelt(names: Mapping[str, bool]) -> Iterator[str]:
    """Yield what is nearly another name: what has no type, and of two that have one the later."""
    known: list[str] = []
    for name in sorted(names, key=lambda name: (name not in _EVERY, not names[name])):
        if difflib.get_close_matches(name, known, n=1, cutoff=_NEAR):
            yield name
        else:
            known.append(name)


def _literal(name: str, value: ast.expr) -> object:
    try:
        return ast.literal_eval(value)
    except ValueError:
        raise ConfigurationError(f"parameter {name}: found {ast.unparse(value)!r}; expected a literal.") from None


def _complaint(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    return f"This notebook has no parameter {name!r}; it has {', '.join(known)}.{meant}"
