"""Notebook 90 for the engineer: apps, proofs, doors, credentials, what can be opened, and how far the eye reached.

Where no notebook has looked, a row says so; it is never left out, and never shown as fine.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ..phrases import Phrase
from ..report import Credential, Door, Mailbox, Report, SenderRow, Status, Tried
from ..wording import counted
from . import listings
from .markup import Badge, Cell, Tone, text
from .report import name, window
from .tables import Callout, Facts, Table, without_empty

__all__ = ["apps", "coverage", "credentials", "doors", "lines", "openings", "proofs", "senders", "sources"]

_PROTOCOLS: Final = {"imap": "IMAP", "pop": "POP", "smtp": "SMTP", "eas": "ActiveSync"}
_FOUND: Final[dict[str, Tone]] = {
    "ok": "ok",
    "wrong": "bad",
    "cannot know": "know",
    "not configured": "quiet",
    "not looked at": "know",
}
_OUTCOMES: Final[dict[str, Badge]] = {
    "ok": Badge("proven", "ok"),
    "refused": Badge("refused", "bad"),
    "unreachable": Badge("unreachable", "bad"),
    "no_token": Badge("no token", "bad"),
    "skipped": Badge("not tried", "know"),
}
_STANDING: Final[dict[str, Tone]] = {"ended": "bad", "ending": "warn", "runs": "ok", "does not end": "info"}
# What is good news for a password is none for a token.
_PASSWORD: Final[dict[str, Tone]] = {"open": "warn", "closed": "ok"}
_TOKEN: Final[dict[str, Tone]] = {"open": "ok", "closed": "quiet"}


def lines(report: Report) -> Facts:
    """Return the engineer's block: state, coverage, effective SMTP AUTH, not senders, apps, next."""
    return Facts([(line.label, line.said) for line in report.engineer.lines], caption="In an engineer's words")


def senders(report: Report) -> Table | Callout:
    """Return every sender with its days, its network and the addresses it sends under."""
    if not report.looked.start and not report.engineer.senders:
        return Callout("cannot know", "No sign-in record was read: it is unknown who sends.", report.looked.lines)
    rows = [_sender(row) for row in report.engineer.senders]
    columns = (
        *("Account", "What it is", "From", "Days active", "Password checks", "Step"),
        *("Sends as", "OAuth days", "Last seen", "Road", "Id"),
    )
    note = (
        "Password checks are not messages: Exchange remembers a good password for up to a day. Ids as in the evidence."
    )
    empty = "No sender in the records that were read."
    caption = f"Senders ({window(report)})"
    return Table(*without_empty(columns, rows), caption, note, limit=200, rest="tables/senders.csv", empty=empty)


def _sender(row: SenderRow) -> Sequence[Cell]:
    what = (row.verdict, Badge("seems to have moved", "info")) if row.moved else row.verdict
    others = tuple(name("address", each) for each in row.sends_as)
    account = (name("address", row.account) or "without a name", row.protocol)
    return (
        account,
        what,
        row.where,
        row.days_active,
        row.successes,
        row.step or None,
        others,
        row.oauth_days,
        row.last_seen.date(),
        row.road,
        name("id", row.sender_id),
    )


def apps(report: Report) -> Table | Callout:
    """Return each mail app with its registration, its consent, its grants and its proof."""
    if not report.apps:
        said = "Without one nothing can be moved to OAuth by a program of your own: notebook 20 makes it."
        return Callout("info", "No mail app is configured", [said])
    rows = [
        (
            (name("app", app.name), name("id", app.client_id)) if app.client_id else name("app", app.name),
            *map(_status, (app.registration, app.consent, app.grants, app.proof)),
        )
        for app in report.apps
    ]
    columns = ("App", "Registration (20)", "Consent (30)", "Mailboxes (40)", "Proof (50)")
    return Table(columns, rows, "Apps: registered, consented to, let in, proven", limit=100)


def _status(status: Status) -> Sequence[str | Badge | Phrase]:
    at = [f"looked at {text(status.made_at)}"] if status.made_at and status.word != "not looked at" else []
    return (Badge(status.word, _FOUND[status.word]), *status.said, *at)


def proofs(report: Report) -> Table:
    """Return each mailbox and protocol that is to work with OAuth, and what was seen on the wire."""
    rows = [row for box in report.mailboxes for row in _proofs(box)]
    columns = ("Mailbox", "Protocol", "On the wire", "App", "Tried", "First cause of a refusal", "What to do")
    note = "Proven: a command after the sign-in succeeded, and nothing was changed since. A sign-in alone is no proof."
    empty = "The tenants file names no mailbox, so nothing is to be proven."
    return Table(*without_empty(columns, rows), "Proven on the wire", note, limit=200, empty=empty)


def _proofs(box: Mailbox) -> list[Sequence[Cell]]:
    tried = [each for each in box.tried if each.outcome != "skipped"]
    rows = [_attempt(box, each) for each in tried]
    never = [protocol for protocol in box.wanted if protocol not in {each.protocol for each in tried}]
    blank: Sequence[Cell] = (None,) * 4
    return [*rows, *((_mailbox(box), _protocol(each), Badge("not tried", "know"), *blank) for each in never)]


def _attempt(box: Mailbox, tried: Tried) -> Sequence[Cell]:
    badge = _OUTCOMES[tried.outcome]
    outcome: Cell = (badge, "something was changed since: it proves nothing any more") if tried.stale else badge
    if tried.stale and tried.outcome == "ok":
        outcome = (Badge("no longer proven", "warn"), "something was changed since")
    late = [f"too early to judge before {text(tried.retest_at)}"] if tried.retest_at else []
    return (
        _mailbox(box),
        _protocol(tried.protocol),
        outcome,
        (name("app", tried.app), tried.flow),
        tried.at,
        tuple(filter(None, (tried.cause, *late))) or None,
        name("free", tried.remedy),
    )


def _mailbox(box: Mailbox) -> Cell:
    return (name("address", box.address), box.kind) if box.kind else name("address", box.address)


def _protocol(protocol: str) -> str:
    return _PROTOCOLS.get(protocol, protocol)


def doors(report: Report) -> Table:
    """Return what lets passwords and tokens into each mailbox; what was not read is unknown, and never shut."""
    rows = [_door(box, door) for box in report.mailboxes for door in box.doors]
    columns = (
        "Mailbox",
        "Protocol",
        "A password",
        "A person's token",
        "An app's token",
        "What decides about passwords",
    )
    note = "From notebook 40. The last column decides about the password; open means that nothing read refuses it."
    empty = "Notebook 40 has not looked: it is unknown what each mailbox lets in."
    if not report.mailboxes:
        empty = "The tenants file names no mailbox."
    return Table(columns, rows, "What each mailbox lets in", note if rows else "", limit=200, empty=empty)


def _door(box: Mailbox, door: Door) -> Sequence[Cell]:
    password = Badge(door.password, _PASSWORD.get(door.password, "know"))
    tokens = (Badge(each, _TOKEN.get(each, "know")) for each in (door.delegated, door.app))
    return (_mailbox(box), _protocol(door.protocol), password, *tokens, door.decides or None)


def credentials(report: Report) -> Table | Callout:
    """Return what the apps sign in with, what ends first in front."""
    if not report.credentials and not _looked(report, "registration"):
        said = "Notebook 20 has not looked: a secret or a certificate may end on any day, and mail with it."
        return Callout("cannot know", "It is unknown when the apps' credentials end", [said])
    rows = [
        (
            (name("app", each.app), name("free", each.name)) if each.name else name("app", each.app),
            each.kind,
            Badge(each.word, _STANDING[each.word]),
            each.ends.date() if each.ends else None,
            _left(each),
            name("id", each.id),
            each.made_at,
        )
        for each in report.credentials
    ]
    columns = ("App", "Signs in with a", "Stands", "Ends", "Days left", "Id", "Looked at")
    note = "On the day that one ends, whatever signs in with it stops, without a message to anybody."
    empty = "The apps hold no credential of their own."
    return Table(columns, rows, "What the apps sign in with, and until when", note, limit=100, empty=empty)


def _left(each: Credential) -> Cell:
    return each.days if each.days is None or each.days >= 0 else f"{counted(-each.days, 'day')} ago"


def _looked(report: Report, what: str) -> bool:
    found: list[datetime | None] = [getattr(app, what).made_at for app in report.apps]
    return any(found)


def openings(report: Report) -> Table | Callout:
    """Return the mailboxes that each app can open or send as today, by which right, and how to take it away."""
    if not report.openings and not _looked(report, "grants"):
        said = "Notebook 40 has not looked. An app may be able to open every mailbox of the tenant."
        return Callout("cannot know", "It is unknown what the apps can open", [said])
    rows = [
        (
            name("app", each.app),
            each.mailbox,
            each.right,
            each.by,
            Badge("asked for", "ok") if each.wanted else Badge("not asked for", "warn"),
            each.take_away,
            each.made_at,
        )
        for each in report.openings
    ]
    columns = ("App", "Mailbox", "Right", "Given by", "In the tenants file", "How to take it away", "Looked at")
    empty = "By what notebook 40 read, no app can open a mailbox."
    return Table(columns, rows, "What the apps can open today", limit=200, empty=empty)


def coverage(report: Report) -> Table:
    """Return how far the eye reached, what limits the numbers first."""
    return listings.coverage(report.coverage)


def sources(report: Report) -> Table:
    """Return the records that this page was made from, or would have been."""
    rows = [(source.notebook, _STATES[source.state], source.made_at, source.said) for source in report.looked.sources]
    columns = ("Record", "There", "Made", "What it tells")
    return Table(columns, rows, "What this page was made from", limit=50)


_STATES: Final[dict[str, Badge]] = {
    "read": Badge("read", "ok"),
    "not there": Badge("not there", "know"),
    "broken": Badge("broken", "bad"),
    "another tenant's": Badge("another tenant's", "bad"),
}
