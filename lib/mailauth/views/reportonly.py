"""What notebook 60 shows of Conditional Access: whom a policy against old clients stops, by the log or by inference."""

from collections.abc import Iterator, Mapping
from typing import Final

from .. import reportonly
from ..closingrecord import Look
from ..reportonly import Blocked, Carried
from ..wording import counted
from .markup import Badge, Cell, Stack, View
from .tables import Callout, Table

__all__ = ["blocked"]

_COLUMNS: Final = (
    *("Account", "Protocol", "Sign-ins that went through", "Last", "Would be stopped"),
    *("What policies that only report said in the log", "Remark"),
)
_CAPTION: Final = "What the Conditional Access policy would have stopped"
_MOST: Final = 36


def blocked(look: Look) -> Stack:
    """Return whom a policy against old clients would have stopped, and why the log is silent where it is."""
    found = look.known.findings
    if found is None:
        return Stack([Table(_COLUMNS, (), _CAPTION, empty="Cannot know: notebook 10 has left no evidence.")])
    held = reportonly.carried(found)
    limits = reportonly.limits(found)
    # Of one account the records may be those that carry nothing, and its policy one that was not counted.
    silent = bool(limits) or not held or not set(held.values()) <= {"all", "nothing"}
    rows = [_row(each, silent=silent) for each in reportonly.would_block(found, look.known.conditions)]
    note = (
        "In the log: a policy against old clients that only reports spoke of these sign-ins. Inferred: it is an old "
        "client, and no more is known. The policy is made to report only; a person switches it on, or does not."
    )
    table = Table(_COLUMNS, rows, _CAPTION, note, limit=_MOST, empty="Nobody was seen whom it would have stopped.")
    said = [*_silences(held), *limits]
    views: list[View] = [table]
    if said:
        views.append(Callout("cannot know", "Where the log does not say what policies did", said))
    return Stack(views)


def _row(each: Blocked, *, silent: bool) -> tuple[Cell, ...]:
    return (
        each.user or "an account without a name",
        each.protocol,
        each.sign_ins or None,
        each.last_seen[:10],
        _verdict(each),
        [_spoken(one.policy, one.sign_ins, one.stopped) for one in each.said]
        or ("cannot know" if silent else "nothing: no such policy spoke of it"),
        "a certificate: stopped though it is strong" if each.certificate else "",
    )


def _verdict(each: Blocked) -> Badge:
    if each.basis == "inferred":
        return Badge("yes (inferred)", "know")
    if each.stopped:
        return Badge("yes (in the log)", "bad")
    return Badge("no (in the log)", "ok")


def _spoken(policy: str, sign_ins: int, stopped: int) -> str:
    name = policy or "a policy without a name"
    return f"“{name}”: would have stopped {stopped:,} of {counted(sign_ins, 'sign-in')}"


def _silences(held: Mapping[str, Carried]) -> Iterator[str]:
    for source, how in held.items():
        if how == "not collected":
            yield "The evidence of notebook 10 is older than this question. Run 10 again."
        elif how == "none":
            yield f"{source}: no record carries it. {_REMEDIES.get(source, _TABLES)}"
        elif how == "part":
            yield f"{source}: some records carry it, others do not. {_REMEDIES.get(source, _TABLES)}"


_TABLES: Final = "Its tables need the column ConditionalAccessPolicies."
_REMEDIES: Final[Mapping[str, str]] = {
    "graph": "Graph leaves it out without Policy.Read.All, and days that were read before stay as they are.",
    "files": "The portal's download leaves it out; diagnostic settings and exports of Log Analytics hold it.",
}
