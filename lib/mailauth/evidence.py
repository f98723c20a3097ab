"""What a notebook leaves for machines: one JSON record, checked against a schema that ships with the library.

A record says which tenant, which cloud, when, by which version, and how far the eye reached; what was found stands
under ``data``. Two runs over the same input differ in ``made_at`` alone. Text from a log stands as it came, without
the halves of characters that JSON cannot carry: who shows a record escapes it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import metadata, resources
from typing import Any, cast

import fastjsonschema

from . import escape
from .advice import Advice
from .cases import Case, Reported
from .checks import Check, worst
from .coverage import Coverage, Window
from .deadlines import Calendar, Deadline
from .errors import EvidenceError
from .findings import Attention, Group
from .plan import Plan, Receipt
from .tenants import Source, Tenant

__all__ = ["check", "envelope", "findings", "plain", "planned", "prepare", "read", "schema", "start"]

_TOOL = "mailauth-runbook"
_SCHEMAS = resources.files("mailauth") / "schemas"

# Far above what any log holds in one field, far below what makes a record unreadable.
_LONGEST = 20_000

Record = dict[str, Any]


def start(tenant: Tenant, checks: Sequence[Check], versions: Iterable[tuple[str, str]], *, made_at: datetime) -> Record:
    """Return the record of notebook 00: what is configured, what runs here, and what each checkpoint said.

    Args:
        tenant: The tenant.
        checks: The checkpoints, in the order in which they were asked.
        versions: Pairs of a program's name and its version.
        made_at: The moment, aware.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    data = {
        "tenant_id": tenant.tenant_id,
        "outcome": worst(checks),
        "checks": [plain(check) for check in checks],
        "versions": [{"name": name, "version": version} for name, version in versions],
        "configured": {
            "signin_logs": [_source(source) for source in tenant.sources],
            "admin": tenant.admin.flow if tenant.admin else None,
            "mail_apps": [{"name": app.name, "client_id": app.client_id} for app in tenant.mail_apps],
            "mailboxes": len(tenant.mailboxes),
            "decisions": tenant.decisions is not None,
        },
    }
    return envelope("start", tenant, filter(None, map(_of_check, checks)), data, made_at)


def findings(case: Case) -> Record:
    """Return the record of notebook 10: who still signs in with a password, and what is to be done about each.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    found = case.findings
    data = {
        "tenant_id": found.tenant_id,
        "asked": _window(found.asked),
        "held": _window(found.held),
        "state": {"word": case.state, "sentence": case.sentence},
        "headline": {
            **plain(found.headline),
            "only_reported": len(case.only_reported),
            "undecided": len(case.undecided()),
        },
        "attention": [_attention(each) for each in found.attention],
        "groups": [_group(group, own) for group, own in zip(found.groups, case.advice, strict=True)],
        **{name: plain(getattr(found, name)) for name in _AS_FOUND},
        "reported": [_reported(each) for each in case.reported],
        "unreported": [group.sender_id for group in case.unreported],
        "deadlines": [_deadline(each) for each in case.deadlines],
        "calendar": _calendar(case.tenant.calendar),
        "marks": plain(case.marks),
        "unmatched": plain(case.unmatched),
        # Whole, because a query that was cut cannot be pasted.
        "queries": {name: _writable(text) for name, text in sorted(case.queries.items())},
    }
    return envelope("findings", case.tenant, case.coverage, data, found.made_at)


def planned(change: Plan | None, receipt: Receipt | None) -> Record | None:
    """Return a plan as its steps in words, and what became of it."""
    if change is None:
        return None
    became = {entry.step: entry.outcome for entry in receipt.entries} if receipt else {}
    steps = [{"id": each.id, "title": each.title, "outcome": became.get(each.id)} for each in change.steps]
    return {"id": change.id, "title": change.title, "steps": plain(steps), "receipt": receipt.where if receipt else ""}


def schema(name: str) -> Mapping[str, Any]:
    """Return the JSON schema of a record, by the name of its file: ``findings`` for ``schemas/findings.json``.

    Raises:
        LookupError: No such schema ships with the library.
    """
    try:
        found: Mapping[str, Any] = json.loads((_SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    except OSError:
        raise LookupError(f"no schema {name!r}") from None
    return found


_AS_FOUND = (
    "protocols",
    "users",
    "apps",
    "reasons",
    "trend",
    "missing_days",
    "last_look",
    "activesync",
    "ropc",
    "attacks",
    "not_mail",
    "adoption",
    "business",
    "report_only",
)


def envelope(
    name: str, tenant: Tenant, coverage: Iterable[Coverage], data: Mapping[str, object], made_at: datetime
) -> Record:
    """Return a record: what a notebook found, with what every record says.

    Args:
        name: The schema, as it ships: ``consent`` for ``schemas/consent.json``.
        tenant: The tenant.
        coverage: How far the eye reached.
        data: What was found.
        made_at: The moment, aware.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    record = {
        "schema": f"mailauth/{name}/1",
        "tenant": tenant.name,
        "cloud": tenant.cloud.name,
        "rehearsal": tenant.cloud.rehearsal,
        "made_at": _time(made_at),
        "tool": {"name": _TOOL, "version": _version()},
        "coverage": [plain(each.as_record()) for each in coverage],
        "data": data,
    }
    check(name, record)
    return record


def _of_check(check: Check) -> Coverage | None:
    """Return what a checkpoint that is not ok takes from the numbers."""
    if check.outcome == "ok":
        return None
    said = f"{check.outcome}: {check.found}" if check.found else f"{check.outcome}."
    state: Any = "unknown" if check.outcome == "cannot know" else "absent"
    return Coverage(check.name, state, "tenant", reason=said, remedy=check.remedy)


def _source(source: Source) -> Record:
    # The folders of a user's machine are nobody's business who receives the record.
    return {"kind": source.kind, "workspace_id": source.workspace_id, "database": source.database}


def _attention(each: Attention) -> Record:
    group = each.group
    about = {"sender_id": group.sender_id, "user": group.user, "protocol": group.protocol, "verdict": group.verdict}
    return {**plain(about), "title": each.title, "evidence": _cut(each.evidence), "steps": list(each.steps)}


def _group(group: Group, own: Advice) -> Record:
    return {**plain(group), "ends_in_2026": group.ends_in_2026, "decision": _decision(own)}


def _decision(own: Advice) -> Record:
    held: Record = plain(own)
    del held["sender_id"]
    held["roads"] = [road.id for road in own.roads]
    return held


def _reported(each: Reported) -> Record:
    more = {"messages": each.messages, "authentication": each.authentication, "known": each.known, "note": each.note}
    return {**plain(each), **more}


def _deadline(each: Deadline) -> Record:
    held: Record = plain(each)
    return held


def _calendar(held: Calendar) -> Record:
    return {"read": held.read.isoformat(), "file": held.origin}


def _window(window: Window | None) -> Record | None:
    return {"from": _time(window.start), "to": _time(window.end)} if window else None


def read(name: str, text: bytes) -> Record:
    """Return the record that a file holds.

    Args:
        name: The schema that it has to fit: ``consent`` for ``schemas/consent.json``.
        text: The file.

    Raises:
        EvidenceError: It is no JSON, or does not fit; the text names the field.
    """
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EvidenceError(f"evidence {name}: it is no JSON: {escape.line(str(error), limit=120)}.") from None
    check(name, record)
    return cast(Record, record)


def plain(value: Any) -> Any:
    """Return *value* in the words of JSON."""
    if isinstance(value, str):
        return _cut(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(inside) for key, inside in value.items()}
    return [plain(inside) for inside in (sorted(value) if isinstance(value, AbstractSet) else value)]


def _cut(text: str) -> str:
    return _writable(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


def _writable(text: str) -> str:
    # Logs hold halves of surrogate pairs, which no UTF-8 file can.
    return text.encode("utf-8", "replace").decode("utf-8")


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


@cache
def _version() -> str:
    try:
        return metadata.version(_TOOL)
    except metadata.PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"


def check(name: str, record: Mapping[str, object]) -> None:
    """Compare *record* with its schema.

    Raises:
        EvidenceError: It does not fit.
    """
    try:
        _validator(name)(record)
    except fastjsonschema.JsonSchemaValueException:
        wrong = _explained(name, record)
        raise EvidenceError(f"evidence {name}: {_place(wrong.absolute_path)}: {_complaint(wrong)}.") from None


def prepare() -> None:
    """Make what checks each schema, once for a process that many others are forked from: half a second of work."""
    for path in _SCHEMAS.iterdir():
        _validator(path.name.removesuffix(".json"))


@cache
def _validator(name: str) -> Any:
    return fastjsonschema.compile(dict(schema(name)))


def _explained(name: str, record: Mapping[str, object]) -> Any:
    # The slower validator says more. It is imported where it is used: that costs a second where its format
    # checkers are installed, and none is asked for.
    from jsonschema import Draft202012Validator

    return next(Draft202012Validator(schema(name)).iter_errors(record))


def _place(path: Iterable[object]) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return place.removeprefix(".") or "the record"


def _complaint(wrong: Any) -> str:
    """Return what was found and what would be right; *wrong* is jsonschema's error."""
    wanted, found = wrong.validator_value, wrong.instance
    match wrong.validator:
        case "required":
            return f"lacks the fields {_listed(set(wanted) - set(found))}"
        case "additionalProperties":
            return (
                f"found the fields {_listed(set(found) - set(wrong.schema['properties']))}; expected none but its own"
            )
        case "enum":
            said = f"one of {', '.join(map(str, wanted))}"
        case "type":
            said = " or ".join([wanted] if isinstance(wanted, str) else wanted)
        case _:
            said = f"{wrong.validator} {wanted}"
    return f"found {escape.line(repr(found), limit=120)}; expected {said}"


def _listed(names: Iterable[object]) -> str:
    return escape.line(", ".join(sorted(map(str, names))))
