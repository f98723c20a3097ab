"""Evidence as CSV files for spreadsheets, which is where most of this work is planned.

UTF-8 with a byte order mark and CRLF, because that is what Excel opens without asking; RFC 4180 otherwise. Numbers are
numbers, dates are ISO, times are UTC to the second, and every other cell goes through `escape.csv_cell`. A table is
made from a record and from nothing else, so each edition of a record has its own.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from . import verdicts
from .cases import SENDERS
from .escape import csv_cell

__all__ = ["of", "written"]

Cell = str | int | float | bool | None | Sequence[Any]
Row = Sequence[Cell]

_BOM = b"\xef\xbb\xbf"
# No spreadsheet shows less than a second.
_FRACTION = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{1,9}Z$")


def of(record: Mapping[str, Any]) -> Mapping[str, bytes]:
    """Return each table of a record as the bytes of a CSV file, by its name without the ending.

    Args:
        record: Evidence of any notebook and any edition; most have no tables.
    """
    known = _TABLES.get(record["schema"], {})
    return MappingProxyType({name: written(head, rows(record)) for name, (head, rows) in known.items()})


def _senders(record: Mapping[str, Any]) -> Iterator[Row]:
    for group in sorted((group for group in record["data"]["groups"] if group["verdict"] in SENDERS), key=_work_order):
        yield (*_group(group), *_decision(group["decision"]))


def _work_order(group: Mapping[str, Any]) -> tuple[bool, int, bool, int, str, str]:
    rank, stranger = SENDERS.index(group["verdict"]), group["population"] != "member"
    return group["moved"], rank, stranger, -group["days_active"], group["user"], group["sender_id"]


def _attention(record: Mapping[str, Any]) -> Iterator[Row]:
    groups = {group["sender_id"]: group for group in record["data"]["groups"]}
    for each in record["data"]["attention"]:
        yield each["title"], *_group(groups[each["sender_id"]]), each["evidence"], each["steps"]


def _attacks(record: Mapping[str, Any]) -> Iterator[Row]:
    for group in record["data"]["groups"]:
        if group["verdict"] == "attack_noise":
            yield _values(
                group, "user population protocol networks names failures first_seen last_seen reason sender_id"
            )


def _users(record: Mapping[str, Any]) -> Iterator[Row]:
    for user in record["data"]["users"]:
        sender = verdicts.title(user["sender"]) if user["sender"] else ""
        about = (user["user"], user["population"], verdicts.title(user["worst"]), sender)
        yield (*about, *_values(user, f"protocols networks days_active {_COUNTS} oauth_days last_seen"))


def _results(record: Mapping[str, Any]) -> Iterator[Row]:
    for each in record["data"]["reasons"]:
        password = each["password"].replace("_", " ")
        yield (*_values(each, "reason codes"), password, *_values(each, "users sign_ins attacks"))


def _trend(record: Mapping[str, Any]) -> Iterator[Row]:
    for each in record["data"]["trend"]:
        yield *_values(each, f"day protocol {_COUNTS}"), record["data"]["marks"].get(each["day"], "")


def _coverage(record: Mapping[str, Any]) -> Iterator[Row]:
    for each in record["coverage"]:
        yield _values(each, "what state source from to lost reason remedy")


def _listed(where: str, names: str) -> Callable[[Mapping[str, Any]], Iterator[Row]]:
    """Return what makes a row of each item of a list under ``data``.

    Args:
        where: The list; ``adoption.users`` for one within an object.
        names: The fields of an item, with blanks between.
    """

    def rows(record: Mapping[str, Any]) -> Iterator[Row]:
        items: Any = record["data"]
        for part in where.split("."):
            items = items[part]
        return (_values(each, names) for each in items)

    return rows


def _values(item: Mapping[str, Any], names: str) -> Row:
    return tuple(item[name] for name in names.split())


_COUNTS = "successes right_password_blocks failures attacks"


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


def _group(group: Mapping[str, Any]) -> Row:
    network, title = group["network"], verdicts.title(group["verdict"])
    return (
        *_values(group, "user population protocol client_app_used app app_id"),
        *_values(network, "address asn country label known_site"),
        title,
        *_values(group, "reason step days_active successes right_password_blocks failures"),
        *_values(group, "first_seen last_seen last_success oauth_days moved user_agents sources sender_id"),
    )


def _decision(own: Mapping[str, Any]) -> Row:
    return (
        *_values(own, "kind kind_is_inferred title decided by by_words owner due exception_until why breaks ends"),
        [question["text"] for question in own["questions"]],
        own["note"],
    )


def _attempts(record: Mapping[str, Any]) -> Iterator[Row]:
    for each in record["data"]["attempts"]:
        first = each["causes"][0] if each["causes"] else {"title": "", "standing": "", "remedy": ""}
        yield (
            *_values(each, "mailbox protocol app flow outcome at stage reply"),
            (each["no_token"] or each)["said"] or each["said"],
            *_values(each, "host server"),
            each["tls"]["version"] if each["tls"] else "",
            each["took_ms"] if each["stage"] else None,
            [cause["id"] for cause in each["causes"]],
            *_values(first, "title standing remedy"),
            each["retest_at"],
        )


def _doors(record: Mapping[str, Any]) -> Iterator[Row]:
    for each in record["data"]["mailboxes"]:
        for door in each["doors"]:
            yield each["address"], each["kind"], *_values(door, "protocol password delegated app decides")


def _proofs(record: Mapping[str, Any]) -> Iterator[Row]:
    for each in record["data"]["mailboxes"]:
        for one in each["tried"]:
            yield each["address"], *_values(one, "protocol app flow outcome at stale cause remedy retest_at")


_Tables = Mapping[str, tuple[Sequence[str], Callable[[Mapping[str, Any]], Iterable[Row]]]]

_FINDINGS: _Tables = {
    "senders": ((*_GROUP, *_DECISION), _senders),
    "attention": (("What", *_GROUP, "Evidence", "Steps"), _attention),
    "users": (
        (
            *("User", "Population", "Worst", "Sender", "Protocols", "Networks", "Days active", *_SUMS),
            *("Days with OAuth", "Last seen (UTC)"),
        ),
        _users,
    ),
    "protocols": (
        ("Protocol", "Senders", "Users", *_SUMS, "Last seen (UTC)"),
        _listed("protocols", f"protocol groups users {_COUNTS} last_seen"),
    ),
    "apps": (
        ("App", "App id", "Protocols", "Users", *_SUMS, "Last seen (UTC)"),
        _listed("apps", f"app app_id protocols users {_COUNTS} last_seen"),
    ),
    "results": (
        ("Result", "Codes", "Password", "Users", "Sign-ins", "Of these attacks"),
        _results,
    ),
    "trend": (("Day (UTC)", "Protocol", *_SUMS, "What changed"), _trend),
    "activesync": (
        ("User", "Population", "With certificate", "Without certificate", "Refused", "Days", "Networks", *_SPAN),
        _listed(
            "activesync",
            "user population with_certificate without_certificate refused days networks first_seen last_seen",
        ),
    ),
    "adoption": (
        ("User", "App", "App id", "Protocols", "Own app", "Days", "First day", "Last day"),
        _listed("adoption.users", "user app app_id protocols registered days first last"),
    ),
    "reported": (
        (
            *("Sender address", "Authentication", "Messages with a password", "Messages with OAuth"),
            *("Messages, not said how", "First day", "Last day", "Old TLS", "Seen in sign-ins", "Account"),
            *("Sender ids", "Note"),
        ),
        _listed(
            "reported",
            "address authentication basic oauth unclear first last old_tls known account sender_ids note",
        ),
    ),
    "attacks": (
        ("User", "Population", "Protocol", "Networks", "Names", "Failures", *_SPAN, "Why", "Sender id"),
        _attacks,
    ),
    "deadlines": (
        ("What", "When", "To sort by", "What is shown", "Note", "Source", "Confidence"),
        _listed("deadlines", "title when day shows note source confidence"),
    ),
    "coverage": (
        ("What", "State", "Source", "From (UTC)", "To (UTC)", "Records lost", "Reason", "Remedy"),
        _coverage,
    ),
}

_PROVEN: _Tables = {
    "attempts": (
        (
            *("Mailbox", "Protocol", "App", "Flow", "Outcome", "At (UTC)", "Stage", "Reply", "Said", "Host", "Server"),
            *("TLS", "Milliseconds", "Causes", "First cause", "How sure", "Remedy", "Try again at (UTC)"),
        ),
        _attempts,
    ),
}

_REPORT: _Tables = {
    "stops": (
        (
            *("What stops", "Kind", "Accounts", "Protocol", "Used for", "Where", "Days active", "Last seen (UTC)"),
            *("Decision", "Decided by a person", "Owner", "Due", "Exception until", "Proposed day", "Proposal"),
            *("Open questions", "Ends with", "What is shown", "Witness", "Sender ids"),
        ),
        _listed(
            "stops",
            "what kind accounts protocol used_for where days_active last_seen decision decided owner due "
            "exception_until propose proposal questions ends shows witness sender_ids",
        ),
    ),
    "actions": (
        ("What to do", "Why", "Kind", "Notebook", "Where", "By", "When", "Owner"),
        _listed("actions", "title why kind notebook where by when owner"),
    ),
    "progress": (
        ("Account", "Kind", "First seen (UTC)", "Last password (UTC)", "Now", "Sender id"),
        _listed("progress.known", "account kind first_seen last_password now sender_id"),
    ),
    "runs": (
        ("Made (UTC)", "State", "Senders", "Phones with certificates", "Need somebody", "Open decisions"),
        _listed("trend.points", "made_at word senders certificates attention undecided"),
    ),
    "answers": (("Number", "Question", "Answer", "Known"), _listed("answers", "number question said known")),
    "doors": (("Mailbox", "Kind", "Protocol", "Password", "Token of a person", "Token of an app", "Decides"), _doors),
    "proofs": (
        (
            *("Mailbox", "Protocol", "App", "Flow", "Outcome", "At (UTC)", "Older than a change", "Cause", "Remedy"),
            "Try again at (UTC)",
        ),
        _proofs,
    ),
    "credentials": (
        ("App", "Kind", "Id", "Name", "Ends (UTC)", "Days left", "State", "Read (UTC)"),
        _listed("credentials", "app kind id name ends days word made_at"),
    ),
    "openings": (
        ("App", "Mailbox", "Right", "By", "Asked for", "How to take it away", "Read (UTC)"),
        _listed("openings", "app mailbox right by wanted take_away made_at"),
    ),
    "sources": (
        ("Notebook", "What", "State", "Made (UTC)", "Seconds old", "In words"),
        _listed("looked.sources", "notebook what state made_at age_s said"),
    ),
}

_TABLES: Mapping[str, _Tables] = {
    "mailauth/findings/1": _FINDINGS,
    "mailauth/attempts/1": _PROVEN,
    "mailauth/report/1": _REPORT,
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
        case str():
            return csv_cell(_FRACTION.sub(r"\1Z", value))
    return csv_cell(_joined(value))


def _joined(value: Sequence[Any]) -> str:
    """Return a list in one line; a sentence with names in it (`phrases.Phrase`) as it reads."""
    if any(isinstance(part, Mapping) for part in value):
        return "".join(part["value"] if isinstance(part, Mapping) else part for part in value)
    parts = [part if isinstance(part, str) else _joined(part) for part in value]
    # Whole sentences need nothing between them.
    return "".join(part + (" " if part.endswith(".") else "; ") for part in parts[:-1]) + "".join(parts[-1:])
