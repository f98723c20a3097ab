"""Checkpoints: a line that says ok, or what was expected, what was found and what to do.

A notebook asks them in the open, after the step they belong to, and ends with all of them in a row.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

__all__ = ["Check", "Outcome", "Request", "expect", "worst"]

Outcome = Literal["ok", "wrong", "cannot know", "not configured"]

# From what stops a migration to what does not; `worst` reads it.
_ORDER: tuple[Outcome, ...] = ("wrong", "cannot know", "not configured", "ok")


_REQUEST: Final = re.compile(r'\b[Aa]sk (?P<who>[^:"]{1,100}): "(?P<what>Please [^"]+)"')


@dataclass(frozen=True)
class Request:
    """What somebody else is asked to do.

    Args:
        who: Who may do it, ``a Global Administrator``.
        what: The request, word for word.
    """

    who: str
    what: str


@dataclass(frozen=True)
class Check:
    """One checkpoint.

    Args:
        name: What was looked at.
        outcome: ``ok``, ``wrong``, ``cannot know`` or ``not configured``.
        found: What was found, in a few words; may hold text from outside.
        remedy: What to do when it is not ok. Where that is somebody else's to do, it holds the request in quotation
            marks: ``Ask a Global Administrator: "Please …"``.
    """

    name: str
    outcome: Outcome
    found: str = ""
    remedy: str = ""

    @property
    def request(self) -> Request | None:
        """What the remedy asks of somebody else; None for what is ours to do."""
        found = _REQUEST.search(" ".join(self.remedy.split()))
        return Request(found["who"], found["what"]) if found else None

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
