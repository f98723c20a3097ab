"""The lines that ``run.py bench`` prints: what was measured, what was found, what was wanted."""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Figure", "limited", "show"]


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        what: What was measured.
        found: The figure, in words.
        wanted: The limit, in words; empty where there is none.
        held: Whether the limit held; None where there is none, or where it means nothing.
    """

    what: str
    found: str
    wanted: str = ""
    held: bool | None = None


def limited(what: str, found: float, limit: float, unit: str, *, judged: bool) -> Figure:
    """Return a figure with its limit; it holds, is missed, or is not judged."""
    digits = 0 if unit == "MB" else 2
    return Figure(what, f"{found:,.{digits}f} {unit}", f"at most {limit:,g} {unit}", found <= limit if judged else None)


def show(figures: Sequence[Figure]) -> None:
    """Print figures as a table."""
    width = max(len(figure.what) for figure in figures)
    for figure in figures:
        verdict = {True: "ok", False: "MISSED", None: ""}[figure.held]
        print(f"{figure.what:<{width}}  {figure.found:>24}  {figure.wanted:<20} {verdict}".rstrip())
