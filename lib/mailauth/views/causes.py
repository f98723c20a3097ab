"""A diagnosis, as notebooks 50 and 80 and the commands show it: causes, whether it is too early, what would decide."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from ..catalogue import Cause, Look
from ..causes import Behind, Deciding, Diagnosis, Ranked, Standing
from ..tokens import Finding
from .markup import Badge, Cell, Tone, View
from .tables import Callout, Table

__all__ = ["diagnosis"]

_STANDINGS: Final[dict[Standing, Tone]] = {
    "certain": "bad",
    "confirmed": "bad",
    "likely": "warn",
    "possible": "info",
    "unlikely": "quiet",
}
_NOTEBOOKS: Final = {
    "10": "10-find-basic-auth",
    "20": "20-register-app",
    "30": "30-consent",
    "40": "40-grant-mailboxes",
    "50": "50-prove-mail-oauth",
}
_LOOKS: Final[dict[Look, str]] = {
    "token": "the token",
    "consent": "Entra",
    "exchange": "Exchange",
    "transcript": "the log",
    "experiment": "an experiment",
    "person": "by hand",
}
_COLUMNS: Final = ("Cause", "How sure", "Because", "Against", "What to do", "Where")
_MOST_CHECKS: Final = 5


def diagnosis(
    found: Diagnosis, title: str, *, shown: str = "", by_token: Iterable[tuple[Finding, Cause]] = ()
) -> Iterator[View]:
    """Yield the causes, the likeliest first, until when it is too early to judge, and the checks that would decide.

    Args:
        found: The diagnosis.
        title: What was refused.
        shown: What was said, in a line.
        by_token: What stops it before anything is sent, with the row of the catalogue.
    """
    rows = [*(_by_token(*each) for each in by_token), *map(_cause, found.causes)]
    note = " ".join(filter(None, (f"The words were: “{shown}”" if shown else "", found.undecided if rows else "")))
    yield Table(_COLUMNS, rows, title, note, empty=f"No cause is known. {shown or found.undecided}")
    if found.behind:
        yield Callout("info", "Wrong too, and met once this is mended", [_next(each) for each in found.behind])
    if found.too_early:
        at = max(each.retest_at for each in found.too_early)
        said = [each.said for each in found.too_early]
        yield Callout("info", f"Too early to judge, retest at {_clock(at)}", said)
    if found.deciding:
        yield _deciding(found.deciding[:_MOST_CHECKS])


def _by_token(finding: Finding, cause: Cause) -> Sequence[Cell]:
    return [cause.id, cause.title], Badge("confirmed", "bad"), finding.said, None, finding.remedy, _where(cause)


def _cause(each: Ranked) -> Sequence[Cell]:
    row = each.cause
    return (
        [row.id, row.title],
        [Badge(each.standing, _STANDINGS[each.standing]), f"known with {row.confidence} confidence"],
        list(each.because) or None,
        list(each.against) or None,
        [row.remedy, *row.cmdlets],
        _where(row),
    )


def _next(each: Behind) -> str:
    return f"{each.cause.id} {each.cause.title}. {' '.join(each.because)} {each.cause.remedy}"


def _where(cause: Cause) -> Cell:
    name = _NOTEBOOKS.get(cause.notebook, "")
    return f"notebook {name}" if name else None


def _deciding(found: Sequence[Deciding]) -> Table:
    rows = [(each.ask, _LOOKS[each.look], list(each.rows), each.cmdlet or None) for each in found]
    return Table(("Check", "Where", "Decides", "Cmdlet"), rows, "What would decide")


def _clock(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M} UTC"
