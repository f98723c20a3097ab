"""The tables of a tenant's findings: one function per question, all of them over the values of `findings`."""

from collections.abc import Mapping, Sequence

from mailauth import reference
from mailauth.checks import Check
from mailauth.coverage import Coverage
from mailauth.findings import ATTENTION, ActiveSyncUser, AppSummary, Group, UserSummary, Verdict
from mailauth.wording import counted

from .markup import Badge, Cell, Tone, text
from .tables import Table, without_empty

__all__ = [
    "GROUP_COLUMNS",
    "activesync",
    "apps",
    "checks",
    "coverage",
    "group_cells",
    "groups",
    "place",
    "users",
    "verdict_badge",
    "wave_badge",
]


def groups(
    rows: Sequence[Group],
    *,
    caption: str = "Who signs in with a password, and from where",
    more: Mapping[str, Sequence[Cell]] | None = None,
    columns: Sequence[str] = (),
    limit: int = 50,
    rest: str = "",
) -> Table:
    """Return senders and attacks, one row each, in the order given.

    Args:
        rows: As in `Findings.groups`, or some of them.
        caption: What the table answers.
        more: Further cells by sender id, such as a decision, its owner and its day.
        columns: The titles of the further cells.
        limit: As in `Table`.
        rest: As in `Table`.
    """
    blank: Sequence[Cell] = [None] * len(columns)
    cells = [(*group_cells(row), *(more or {}).get(row.sender_id, blank)) for row in rows]
    return Table(
        (*GROUP_COLUMNS, *columns),
        cells,
        caption,
        limit=limit,
        rest=rest,
        empty="Nobody in the records that were read.",
    )


GROUP_COLUMNS = ("Account", "What it is", "From", "Days active", "Went through", "Refused", "Last seen")


def group_cells(row: Group) -> tuple[Cell, ...]:
    """Return one group's cells for `GROUP_COLUMNS`; a password that was right and stopped counts as refused."""
    who = row.user or counted(row.names, "name that does not exist", "names that do not exist")
    what = verdict_badge(row.verdict)
    refused = row.right_password_blocks + row.failures
    return (who, row.protocol), what, place(row), row.days_active, row.successes, refused, row.last_seen.date()


def place(row: Group) -> Sequence[str]:
    """Return where a group comes from: a person's name for it, the address, the country."""
    if row.networks > 1 and not row.network.address:
        return (f"at least {row.networks:,} networks",)
    address = " ".join(part for part in (row.network.address, row.network.country) if part)
    known = "known site" if row.network.known_site and not row.network.label else row.network.label
    return tuple(part for part in (known, address) if part) or ("unknown network",)


def users(rows: Sequence[UserSummary], *, window: str = "", rest: str = "") -> Table:
    """Return accounts with what is worst about each and, beside it, what it sends with."""
    columns = (
        "Account",
        "Worst",
        "Sends as",
        "Protocols",
        "Networks",
        "Days active",
        "Went through",
        "OAuth days",
        "Last",
    )
    cells = [
        (
            row.user,
            verdict_badge(row.worst),
            verdict_badge(row.sender) if row.sender else None,
            row.protocols,
            row.networks,
            row.days_active,
            row.successes,
            row.oauth_days,
            row.last_seen.date(),
        )
        for row in rows
    ]
    return Table(
        columns, cells, _caption("Accounts", window), rest=rest, empty="No account in the records that were read."
    )


def apps(rows: Sequence[AppSummary], *, window: str = "", rest: str = "") -> Table:
    """Return client applications by what came of their sign-ins."""
    columns = (
        "Application",
        "Protocols",
        "Accounts",
        "Went through",
        "Right password, stopped",
        "Refused",
        "Attacks",
        "Last",
    )
    cells = [
        (
            (row.app or "without a name", row.app_id) if row.app_id else row.app or "without a name",
            row.protocols,
            row.users,
            row.successes,
            row.right_password_blocks,
            row.failures,
            row.attacks,
            row.last_seen.date(),
        )
        for row in rows
    ]
    return Table(
        columns,
        cells,
        _caption("Applications", window),
        rest=rest,
        empty="No application in the records that were read.",
    )


def activesync(rows: Sequence[ActiveSyncUser], *, window: str = "", rest: str = "") -> Table:
    """Return ActiveSync by account, certificates and passwords apart."""
    columns = ("Account", "With a certificate", "With a password", "Refused", "Days", "Networks", "First", "Last")
    cells = [
        (
            row.user,
            row.with_certificate,
            row.without_certificate,
            row.refused,
            row.days,
            row.networks,
            row.first_seen.date(),
            row.last_seen.date(),
        )
        for row in rows
    ]
    caption = _caption("ActiveSync sign-ins by account", window)
    return Table(columns, cells, caption, rest=rest, empty="No ActiveSync sign-in in the records that were read.")


def coverage(records: Sequence[Coverage]) -> Table:
    """Return how far the eye reached, what limits the numbers first."""
    order = list(_COVERAGE)
    cells = [
        (row.what, _COVERAGE[row.state], row.source.replace("_", " "), _span(row), row.lost or None, _why(row))
        for row in sorted(records, key=lambda row: order.index(row.state))
    ]
    columns = ("What", "How far", "Source", "Time", "Records lost", "Why, and what would help")
    return Table(
        *without_empty(columns, cells),
        "How far we looked",
        limit=200,
        empty="Nothing is known about the reach of this run.",
    )


_COVERAGE: dict[str, Badge] = {
    "unknown": Badge("cannot know", "know"),
    "absent": Badge("absent", "bad"),
    "partial": Badge("partial", "warn"),
    "complete": Badge("complete", "ok"),
}


def wave_badge(word: str) -> Badge:
    """Return how a wave of notebook 60 stands."""
    return _WAVES[word]


_WAVES: dict[str, Badge] = {
    "closed": Badge("closed (proven)", "ok"),
    "closing": Badge("closing", "warn"),
    "open": Badge("open", "bad"),
    "left out": Badge("left out", "quiet"),
    "cannot know": Badge("cannot know", "know"),
}


def _span(row: Coverage) -> Sequence[str]:
    ends = (row.start, row.end)
    if row.start and row.end and row.start.date() == row.end.date():
        return (f"on {text(row.start.date())}",)
    return tuple(f"{word} {text(end.date())}" for word, end in zip(("from", "to"), ends, strict=True) if end)


def _why(row: Coverage) -> Sequence[str]:
    return tuple(part for part in (row.reason, row.remedy) if part)


def checks(rows: Sequence[Check], *, caption: str = "Checkpoints") -> Table:
    """Return checkpoints with their remedy."""
    cells = [(row.name, Badge(row.outcome, _CHECKS[row.outcome]), row.found, row.remedy) for row in rows]
    columns = ("Check", "Outcome", "Found", "What to do")
    return Table(*without_empty(columns, cells), caption, limit=200)


_CHECKS: dict[str, Tone] = {"ok": "ok", "wrong": "bad", "cannot know": "know", "not configured": "quiet"}


def verdict_badge(verdict: Verdict) -> Badge:
    """Return a verdict in words."""
    titles = {fact["name"]: fact["title"] for fact in reference.table("verdicts")["verdict"]}
    return Badge(titles[verdict], "bad" if verdict in ATTENTION else _TONES.get(verdict, "quiet"))


_TONES: dict[Verdict, Tone] = {
    "basic_sender": "warn",
    "basic_unconfirmed": "warn",
    "certificate": "warn",
    "blocked_by_policy": "info",
    "stale_sender": "info",
    "ropc_mail_app": "warn",
    "powershell_password": "warn",
    "accepted_not_opened": "know",
}


def _caption(words: str, window: str) -> str:
    return f"{words}, {window}" if window else words
