"""Findings as CSV files for spreadsheets, which is where most of this work is planned.

UTF-8 with a byte order mark and CRLF, because that is what Excel opens without asking; RFC 4180 otherwise. Numbers are
numbers, dates are ISO, times are UTC, and every other cell goes through `escape.csv_cell`.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from types import MappingProxyType

from . import verdicts
from .advice import Advice
from .cases import Case
from .escape import csv_cell
from .findings import Group

__all__ = ["of", "written"]

Cell = str | int | float | bool | date | datetime | None | Sequence[str]
Row = Sequence[Cell]

_BOM = b"\xef\xbb\xbf"


def of(case: Case) -> Mapping[str, bytes]:
    """Return each table as the bytes of a CSV file, by its name without the ending."""
    return MappingProxyType({name: written(head, rows(case)) for name, (head, rows) in _TABLES.items()})


def _senders(case: Case) -> Iterator[Row]:
    for group in case.senders():
        yield (*_group(group), *_decision(case.advice_for(group)))


def _attention(case: Case) -> Iterator[Row]:
    for each in case.findings.attention:
        yield each.title, *_group(each.group), each.evidence, each.steps


def _attacks(case: Case) -> Iterator[Row]:
    for group in case.findings.groups:
        if group.verdict == "attack_noise":
            about = (group.user, group.population, group.protocol, group.networks, group.names)
            yield (*about, group.failures, group.first_seen, group.last_seen, group.reason, group.sender_id)


def _users(case: Case) -> Iterator[Row]:
    for user in case.findings.users:
        sender = verdicts.title(user.sender) if user.sender else ""
        about = (user.user, user.population, verdicts.title(user.worst), sender, user.protocols, user.networks)
        sums = (user.successes, user.right_password_blocks, user.failures, user.attacks)
        yield (*about, user.days_active, *sums, user.oauth_days, user.last_seen)


def _protocols(case: Case) -> Iterator[Row]:
    for each in case.findings.protocols:
        sums = (each.successes, each.right_password_blocks, each.failures, each.attacks)
        yield each.protocol, each.groups, each.users, *sums, each.last_seen


def _apps(case: Case) -> Iterator[Row]:
    for each in case.findings.apps:
        sums = (each.successes, each.right_password_blocks, each.failures, each.attacks)
        yield each.app, each.app_id, each.protocols, each.users, *sums, each.last_seen


def _results(case: Case) -> Iterator[Row]:
    for each in case.findings.reasons:
        yield each.reason, each.codes, each.password.replace("_", " "), each.users, each.sign_ins, each.attacks


def _trend(case: Case) -> Iterator[Row]:
    for each in case.findings.trend:
        sums = (each.successes, each.right_password_blocks, each.failures, each.attacks)
        yield each.day, each.protocol, *sums, case.marks.get(each.day, "")


def _activesync(case: Case) -> Iterator[Row]:
    for each in case.findings.activesync:
        sums = (each.with_certificate, each.without_certificate, each.refused, each.days, each.networks)
        yield each.user, each.population, *sums, each.first_seen, each.last_seen


def _adoption(case: Case) -> Iterator[Row]:
    for each in case.findings.adoption.users:
        yield each.user, each.app, each.app_id, each.protocols, each.registered, each.days, each.first, each.last


def _reported(case: Case) -> Iterator[Row]:
    for each in case.reported:
        sums = (each.basic, each.oauth, each.unclear)
        rest = (each.first, each.last, each.old_tls, each.known, each.account, each.sender_ids, each.note)
        yield each.address, each.authentication, *sums, *rest


def _deadlines(case: Case) -> Iterator[Row]:
    for each in case.deadlines:
        yield each.title, each.when, each.day, each.shows, each.note, each.source, each.confidence


def _coverage(case: Case) -> Iterator[Row]:
    for each in case.coverage:
        yield each.what, each.state, each.source, each.start, each.end, each.lost, each.reason, each.remedy


_GROUP = (
    "User",
    "Population",
    "Protocol",
    "Client",
    "App",
    "App id",
    "Network",
    "AS number",
    "Country",
    "Network name",
    "Known site",
    "Verdict",
    "Why",
    "Step",
    "Days active",
    "Successes",
    "Right password, then stopped",
    "Failures",
    "First seen (UTC)",
    "Last seen (UTC)",
    "Last success (UTC)",
    "Days with OAuth",
    "Seems to have moved",
    "User agents",
    "Witnesses",
    "Sender id",
)
_DECISION = (
    "What it is",
    "Inferred",
    "Decision",
    "Decided by a person",
    "By",
    "By, in words",
    "Owner",
    "Due",
    "Exception until",
    "Reason for it",
    "What changes",
    "Lasts until",
    "Open questions",
    "Note",
)
_SUMS = ("Successes", "Right password, then stopped", "Failures", "Attacks")
_SPAN = ("First seen (UTC)", "Last seen (UTC)")


def _group(group: Group) -> Row:
    network = group.network
    return (
        group.user,
        group.population,
        group.protocol,
        group.client_app_used,
        group.app,
        group.app_id,
        network.address,
        network.asn,
        network.country,
        network.label,
        network.known_site,
        verdicts.title(group.verdict),
        group.reason,
        group.step,
        group.days_active,
        group.successes,
        group.right_password_blocks,
        group.failures,
        group.first_seen,
        group.last_seen,
        group.last_success,
        group.oauth_days,
        group.moved,
        group.user_agents,
        group.sources,
        group.sender_id,
    )


def _decision(own: Advice) -> Row:
    return (
        own.kind,
        own.kind_is_inferred,
        own.title,
        own.decided,
        own.by,
        own.by_words,
        own.owner,
        own.due,
        own.exception_until,
        own.why,
        own.breaks,
        own.ends,
        tuple(question.text for question in own.questions),
        own.note,
    )


_TABLES: Mapping[str, tuple[Sequence[str], Callable[[Case], Iterable[Row]]]] = {
    "senders": ((*_GROUP, *_DECISION), _senders),
    "attention": (("What", *_GROUP, "Evidence", "Steps"), _attention),
    "users": (
        (
            *("User", "Population", "Worst", "Sender", "Protocols", "Networks", "Days active", *_SUMS),
            *("Days with OAuth", "Last seen (UTC)"),
        ),
        _users,
    ),
    "protocols": (("Protocol", "Senders", "Users", *_SUMS, "Last seen (UTC)"), _protocols),
    "apps": (("App", "App id", "Protocols", "Users", *_SUMS, "Last seen (UTC)"), _apps),
    "results": (("Result", "Codes", "Password", "Users", "Sign-ins", "Of these attacks"), _results),
    "trend": (("Day (UTC)", "Protocol", *_SUMS, "What changed"), _trend),
    "activesync": (
        ("User", "Population", "With certificate", "Without certificate", "Refused", "Days", "Networks", *_SPAN),
        _activesync,
    ),
    "adoption": (("User", "App", "App id", "Protocols", "Own app", "Days", "First day", "Last day"), _adoption),
    "reported": (
        (
            *("Sender address", "Authentication", "Messages with a password", "Messages with OAuth"),
            *("Messages, not said how", "First day", "Last day", "Old TLS", "Seen in sign-ins", "Account"),
            *("Sender ids", "Note"),
        ),
        _reported,
    ),
    "attacks": (
        ("User", "Population", "Protocol", "Networks", "Names", "Failures", *_SPAN, "Why", "Sender id"),
        _attacks,
    ),
    "deadlines": (("What", "When", "To sort by", "What is shown", "Note", "Source", "Confidence"), _deadlines),
    "coverage": (
        ("What", "State", "Source", "From (UTC)", "To (UTC)", "Records lost", "Reason", "Remedy"),
        _coverage,
    ),
}


def written(head: Sequence[str], rows: Iterable[Row]) -> bytes:
    """Return a table as the bytes of a CSV file."""
    file = io.StringIO()
    writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return _BOM + file.getvalue().encode("utf-8")


def _cell(value: Cell) -> str | int | float:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return value
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case str():
            return csv_cell(value)
    return csv_cell("; ".join(value))
