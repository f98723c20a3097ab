"""Checkpoints: a line that says ok, or what was expected, what was found and what to do.

A notebook asks them in the open, after the step they belong to, and ends with all of them in a row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Check", "Outcome", "expect", "worst"]

Outcome = Literal["ok", "wrong", "cannot know", "not configured"]

# From what stops a migration to what does not; `worst` reads it.
_ORDER: tuple[Outcome, ...] = ("wrong", "cannot know", "not configured", "ok")


@dataclass(frozen=True)
class Check:
    """One checkpoint.

    Args:
        name: What was looked at.
        outcome: ``ok``, ``wrong``, ``cannot know`` or ``not configured``.
        found: What was found, in a few words; may hold text from outside.
        remedy: What to do when it is not ok.
    """

    name: str
    outcome: Outcome
    found: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.outcome.upper() if self.outcome == 'wrong' else self.outcome}: {self.name}"
        return ". ".join(part for part in (f"{line} ({self.found})" if self.found else line, self.remedy) if part)


def expect(name: str, found: object, wanted: object, *, hint: str = "") -> Check:
    """Return ok where *found* equals *wanted*, else what was expected and *hint*."""
    if found == wanted:
        return Check(name, "ok", str(found))
    return Check(name, "wrong", f"expected {wanted}, found {found}", hint)


def worst(checks: Iterable[Check]) -> Outcome:
    """Return the outcome that matters most; ``ok`` when there is none."""
    outcomes = {check.outcome for check in checks}
    return next((outcome for outcome in _ORDER if outcome in outcomes), "ok")
