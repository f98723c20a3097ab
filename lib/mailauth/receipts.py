"""Receipts as text: one JSON object a line, the plan first, then what became of each step as it became known.

A receipt takes changes back days later, and until then it is a file that anybody may have edited. So reading accepts
no request that a plan could not have held: only cmdlets that the facts know, only Graph's paths for apps and consent,
only the tenant and the cloud that are open.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, get_args

from . import checks, cmdlets, secretrefs
from .checks import Check
from .errors import ConfigurationError, EvidenceError, MailauthError
from .plan import (
    Cmdlet,
    Entry,
    GraphCall,
    Keep,
    Look,
    Operation,
    Outcome,
    Plan,
    Receipt,
    Ref,
    Seen,
    Service,
    Step,
    Value,
)

__all__ = ["LARGEST", "complete", "entry", "header", "read", "sending"]

_EDITION: Final = 1
LARGEST: Final = 64 * 1024 * 1024
"""As much of a file as is read, in characters; no plan's receipt comes near it."""

_REF: Final = "$ref"

_PLAN_ID: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
# A path and its query, as a plan writes them: no other host, no way up, nothing that is not there to be seen. What
# sends it decodes %2e, and then walks up where two dots stand.
_PATH: Final = re.compile(r"/(?:v1\.0|beta)/(?!.*(?:\.\.|//|\\|%(?:2e|2f|5c)))[!-~]{1,2000}", re.IGNORECASE)
_READS: Final = re.compile(
    r"/(?:v1\.0|beta)/(?:applications|servicePrincipals|oauth2PermissionGrants|policies|directory|users|groups"
    r"|organization|domains|identity|directoryRoles|roleManagement|subscribedSkus|me)(?:[/(?]|$)"
)
_WRITES: Final = re.compile(
    r"/(?:v1\.0|beta)/(?:applications|servicePrincipals|oauth2PermissionGrants|directory/deletedItems"
    r"|policies/appManagementPolicies|identity/conditionalAccess/policies)(?:[/(?]|$)"
)
_HEADER: Final = re.compile(r"(?:Prefer|ConsistencyLevel|If-Match)")


def header(plan: Plan, *, by: str, undoes: str = "") -> str:
    """Return the first line of a receipt.

    Args:
        plan: What is carried out.
        by: As whom.
        undoes: The id of the plan that this one takes back.

    Raises:
        EvidenceError: The plan asks for something that reading would refuse: a defect of whoever made it.
    """
    line = _line({"receipt": _EDITION, "by": by, "undoes": undoes, "plan": _plan(plan)})
    try:
        _read_plan(json.loads(line)["plan"])
    except _Wrong as error:
        raise EvidenceError(f"plan {plan.id}: {error}; no receipt could be read again, so nothing is sent.") from None
    return line


def sending(step: str, at: datetime) -> str:
    """Return the line that stands before a step is sent: whoever finds nothing after it has to look."""
    return _line({"sending": step, "at": at.isoformat()})


def entry(of: Entry) -> str:
    """Return the line that says what became of a step."""
    return _line(
        {
            "step": of.step,
            "outcome": of.outcome,
            "at": of.at.isoformat(),
            "seen": of.seen,
            "bound": dict(of.bound),
            "said": of.said,
            "remedy": of.remedy,
            "settles_at": of.settles_at.isoformat() if of.settles_at else None,
        }
    )


def complete(plan: Plan, entries: Iterable[Entry], *, sent: Iterable[str] = (), at: datetime) -> tuple[Entry, ...]:
    """Return an entry for every step of *plan*, in its order.

    Args:
        plan: The plan.
        entries: What is known; the last one of a step counts.
        sent: The steps that were sent: one of them without an entry is unclear.
        at: When the last thing became known.
    """
    known = {each.step: each for each in entries}
    begun = set(sent)
    return tuple(known.get(step.id) or _untold(step.id, at, begun=step.id in begun) for step in plan.steps)


def _untold(step: str, at: datetime, *, begun: bool) -> Entry:
    if begun:
        said = "It was being sent when the run ended."
        return Entry(step, "unclear", at, said=said, remedy="Plan again or take it back: both look first.")
    return Entry(step, "not reached", at)


def read(text: str, *, where: str, tenant_id: str, cloud: str) -> Receipt:
    """Return the receipt that *text* is; a last line that was torn off by a crash does not count.

    Args:
        text: The file.
        where: Its name, for the receipt and for errors.
        tenant_id: The directory that is open.
        cloud: The name of its cloud.

    Raises:
        ConfigurationError: It is no receipt, it is another tenant's, or it asks for what no plan asks for.
    """
    try:
        return _receipt(_objects(text), where=where, tenant_id=tenant_id, cloud=cloud)
    except _Wrong as error:
        wrong = str(error)
    except RecursionError:
        wrong = "found objects within objects, deeper than any plan has them"
    raise ConfigurationError(f"{where}: {wrong}.", remedy="Use the receipt as the runbook wrote it; nothing was sent.")


class _Wrong(ValueError):
    """Something in a receipt is not as it was written; the text says what and where."""


def _line(record: Mapping[str, object]) -> str:
    return json.dumps(record, ensure_ascii=True, allow_nan=False) + "\n"


def _objects(text: str) -> list[Mapping[str, Any]]:
    if len(text) > LARGEST:
        raise _Wrong(f"found more than {LARGEST:,} characters")
    *whole, torn = text.split("\n")
    found = [_object(line, number) for number, line in enumerate(whole, start=1)]
    try:
        # Only a file that somebody edited ends without a line end and is whole all the same.
        found += [_object(torn, len(found) + 1)] if torn else []
    except _Wrong:
        if not found:
            raise
    return found


def _object(line: str, number: int) -> Mapping[str, Any]:
    try:
        found = json.loads(line, object_pairs_hook=_once_each, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _Wrong(f"line {number}: expected a JSON object, each of its fields once")
    return found


def _once_each(pairs: Sequence[tuple[str, Any]]) -> Mapping[str, Any]:
    # Whoever reads the file sees the first of two, and json takes the last.
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("two fields have one name")
    return found


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError("not a number that JSON can write")
    return found


def _receipt(lines: Sequence[Mapping[str, Any]], *, where: str, tenant_id: str, cloud: str) -> Receipt:
    if not lines or lines[0].get("receipt") != _EDITION:
        raise _Wrong(f"found no receipt; expected a first line with receipt: {_EDITION}")
    first, *rest = lines
    plan = _read_plan(_field(first, "plan", dict))
    for name, found, expected in (("tenant_id", plan.tenant_id, tenant_id), ("cloud", plan.cloud, cloud)):
        if found.lower() != expected.lower():
            raise _Wrong(f"{name}: found {found[:100]!r}, expected {expected!r}, which is open")
    ids = {step.id for step in plan.steps}
    sent = [_field(each, "sending", str) for each in rest if "sending" in each]
    entries = [_read_entry(each) for each in rest if "sending" not in each]
    strange = next((name for name in (*sent, *(each.step for each in entries)) if name not in ids), None)
    if strange is not None:
        raise _Wrong(f"found a line about {strange[:100]!r}, which is no step of the plan")
    if not rest:
        return Receipt(plan, (), _field(first, "by", str), where, _field(first, "undoes", str))
    at = _moment(rest[-1].get("at"), "at")
    known = complete(plan, entries, sent=sent, at=at)
    return Receipt(plan, known, _field(first, "by", str), where, _field(first, "undoes", str))


def _read_entry(given: Mapping[str, Any]) -> Entry:
    return Entry(
        step=_field(given, "step", str),
        outcome=_one_of(given, "outcome", get_args(Outcome)),
        at=_moment(given.get("at"), "at"),
        seen=_seen(given.get("seen"), "seen"),
        bound=_texts(given, "bound"),
        said=_field(given, "said", str),
        remedy=_field(given, "remedy", str),
        settles_at=_moment(given["settles_at"], "settles_at") if given.get("settles_at") else None,
    )


# Plans.


def _plan(plan: Plan) -> Mapping[str, object]:
    return {
        "id": plan.id,
        "title": plan.title,
        "tenant": plan.tenant,
        "tenant_id": plan.tenant_id,
        "cloud": plan.cloud,
        "steps": [_step(step) for step in plan.steps],
        "checks": [[each.name, each.outcome, each.found, each.remedy] for each in plan.checks],
        "bound": dict(plan.bound),
        "made_at": plan.made_at.isoformat(),
        "noted": {name: list(ids) for name, ids in plan.noted.items()},
    }


def _read_plan(given: Mapping[str, Any]) -> Plan:
    found = Plan(
        id=_field(given, "id", str),
        title=_field(given, "title", str),
        tenant=_field(given, "tenant", str),
        tenant_id=_field(given, "tenant_id", str),
        cloud=_field(given, "cloud", str),
        steps=tuple(_read_step(each) for each in _each(given, "steps", dict)),
        checks=tuple(_read_check(each) for each in _each(given, "checks", list)),
        bound=_texts(given, "bound"),
        made_at=_moment(given.get("made_at"), "made_at"),
        noted=_read_noted(given),
    )
    if not _PLAN_ID.fullmatch(found.id):
        raise _Wrong(f"id: found {found.id[:100]!r}, expected letters, digits and hyphens")
    if len({step.id for step in found.steps}) < len(found.steps):
        raise _Wrong("steps: two have the same id, expected each once")
    return found


def _read_noted(given: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    # A receipt of an earlier version holds none.
    found: Mapping[str, Any] = _field({"noted": {}, **given}, "noted", dict)
    return {name: tuple(_each(found, name, str)) for name in found}


def _read_check(given: Sequence[Any]) -> Check:
    if len(given) != 4 or not all(isinstance(part, str) for part in given) or given[1] not in get_args(checks.Outcome):
        raise _Wrong("checks: expected a name, an outcome, what was found and a remedy")
    return Check(*given)


def _step(step: Step) -> Mapping[str, object]:
    return {
        "id": step.id,
        "title": step.title,
        "why": step.why,
        "group": step.group,
        "service": step.service,
        "do": _operation(step.do),
        "look": _look(step.look),
        "before": _written(step.before),
        "after": _written(step.after),
        "undo": _operation(step.undo) if step.undo else None,
        "needs": list(step.needs),
        "lag_s": step.lag.total_seconds(),
        "leaves": step.leaves,
        "watched": step.watched,
        "keeps": _keep(step.keeps) if step.keeps else None,
        "takes_back": step.takes_back,
    }


def _read_step(given: Mapping[str, Any]) -> Step:
    identity = _field(given, "id", str)
    try:
        found = _step_of(given, identity)
    except _Wrong as error:
        raise _Wrong(f"step {identity[:100]!r}: {error}") from None
    for operation in filter(None, (found.do, found.undo, found.look.ask)):
        if isinstance(operation, GraphCall) != (found.service == "graph"):
            raise _Wrong(f"step {identity[:100]!r}: service: found {found.service}, expected the one that it asks")
    return found


def _step_of(given: Mapping[str, Any], identity: str) -> Step:
    return Step(
        id=identity,
        title=_field(given, "title", str),
        why=_field(given, "why", str),
        group=_field(given, "group", str),
        service=_one_of(given, "service", get_args(Service)),
        do=_read_operation(_field(given, "do", dict), changes=True),
        look=_read_look(_field(given, "look", dict)),
        before=_seen(given.get("before"), "before"),
        after=_seen(given.get("after"), "after"),
        undo=_read_operation(_field(given, "undo", dict), changes=True) if given.get("undo") else None,
        needs=tuple(_each(given, "needs", str)),
        lag=timedelta(seconds=_seconds(given.get("lag_s"))),
        leaves=_field(given, "leaves", str),
        watched=_field(given, "watched", bool),
        keeps=_read_keep(_field(given, "keeps", dict)) if given.get("keeps") else None,
        # A receipt of an earlier version does not say it.
        takes_back=_field({"takes_back": False, **given}, "takes_back", bool),
    )


def _keep(keep: Keep) -> Mapping[str, object]:
    return {"field": keep.field, "into": str(keep.into), "replaces": keep.replaces}


def _read_keep(given: Mapping[str, Any]) -> Keep:
    try:
        into = secretrefs.parse(_field(given, "into", str))
    except MailauthError as error:
        raise _Wrong(f"keeps.into: {error}") from None
    return Keep(_field(given, "field", str), into, _field(given, "replaces", bool))


def _look(look: Look) -> Mapping[str, object]:
    return {
        "ask": _operation(look.ask),
        "where": _written(look.where),
        "fields": list(look.fields),
        "binds": dict(look.binds),
        "inside": look.inside,
        "words": list(look.words),
        "flags": list(look.flags),
    }


def _read_look(given: Mapping[str, Any]) -> Look:
    where = _read_value(_field(given, "where", dict))
    assert isinstance(where, Mapping)
    return Look(
        ask=_read_operation(_field(given, "ask", dict), changes=False),
        where=where,
        fields=tuple(_each(given, "fields", str)),
        binds=_texts(given, "binds"),
        inside=_field(given, "inside", str),
        words=tuple(_each(given, "words", str)),
        # A receipt of an earlier version knows none.
        flags=tuple(_each({"flags": [], **given}, "flags", str)),
    )


# What is sent.


def _operation(operation: Operation) -> Mapping[str, object]:
    if isinstance(operation, Cmdlet):
        return {"cmdlet": operation.name, "parameters": _written(operation.parameters)}
    return {
        "method": operation.method,
        "path": [_written(piece) for piece in operation.path],
        "body": _written(operation.body),
        "headers": dict(operation.headers),
    }


def _read_operation(given: Mapping[str, Any], *, changes: bool) -> Operation:
    if "cmdlet" in given:
        return _read_cmdlet(given, changes=changes)
    method = _one_of(given, "method", ("POST", "PATCH", "PUT", "DELETE") if changes else ("GET",))
    pieces = _field(given, "path", list)
    path = tuple(_piece(piece) for piece in pieces)
    # A Ref stands for one key, and is quoted when it is filled in: any plain word shows the path's shape.
    shape = "".join("x" if isinstance(piece, Ref) else piece for piece in path)
    if not _PATH.fullmatch(shape) or not (_WRITES if changes else _READS).match(shape):
        raise _Wrong(f"path: found {shape[:100]!r}, expected one of those that plans {'change' if changes else 'read'}")
    headers = _texts(given, "headers")
    if not all(_HEADER.fullmatch(name) and value.isprintable() for name, value in headers.items()):
        raise _Wrong("headers: expected Prefer, ConsistencyLevel or If-Match")
    body = given.get("body")
    return GraphCall(method, path, None if body is None else _read_mapping(body, "body"), headers)


def _piece(given: Any) -> str | Ref:
    found = _read_value(given)
    if not isinstance(found, str | Ref):
        raise _Wrong("path: expected pieces of text and names of what is filled in")
    return found


def _read_cmdlet(given: Mapping[str, Any], *, changes: bool) -> Cmdlet:
    name = _field(given, "cmdlet", str)
    known = cmdlets.known().get(name)
    if known is None or known.changes != changes:
        raise _Wrong(f"cmdlet: found {name[:100]!r}, expected one that plans {'change' if changes else 'read'} with")
    parameters = _read_mapping(given.get("parameters"), "parameters")
    strange = next((each for each in parameters if each not in {*known.parameters, *cmdlets.common()}), None)
    if strange is not None:
        raise _Wrong(f"cmdlet {name}: found the parameter {strange[:100]!r}, which it does not have")
    return replace(Cmdlet(name), parameters=parameters)


# Values.


def _written(value: Value) -> object:
    if isinstance(value, Ref):
        return {_REF: value.name}
    if isinstance(value, Mapping):
        if _REF in value:
            raise EvidenceError(f"found a field called {_REF}, which a receipt keeps for itself.")
        return {key: _written(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_written(each) for each in value]
    return value


def _read_value(given: Any) -> Value:
    if isinstance(given, dict):
        if set(given) == {_REF} and isinstance(given[_REF], str):
            return Ref(given[_REF])
        return {key: _read_value(each) for key, each in given.items()}
    if isinstance(given, list):
        return [_read_value(each) for each in given]
    # What remains of JSON is text, numbers, true and false, and null.
    plain: Value = given
    return plain


def _read_mapping(given: Any, name: str) -> Mapping[str, Value]:
    if not isinstance(given, dict):
        raise _Wrong(f"{name}: expected an object")
    return {key: _read_value(each) for key, each in given.items()}


def _seen(given: Any, name: str) -> Seen:
    return None if given is None else _read_mapping(given, name)


def _field(given: Mapping[str, Any], name: str, kind: Callable[..., Any]) -> Any:
    found = given.get(name)
    if type(found) is not kind:
        raise _Wrong(f"{name}: expected {_KINDS[kind]}")
    return found


_KINDS: Final[Mapping[Callable[..., Any], str]] = {
    str: "text",
    dict: "an object",
    list: "a list",
    bool: "true or false",
}


def _one_of(given: Mapping[str, Any], name: str, allowed: Sequence[str]) -> Any:
    found = given.get(name)
    if found not in allowed:
        raise _Wrong(f"{name}: found {str(found)[:50]!r}, expected one of {', '.join(allowed)}")
    return found


def _each(given: Mapping[str, Any], name: str, kind: Callable[..., Any]) -> list[Any]:
    found: list[Any] = _field(given, name, list)
    if not all(type(each) is kind for each in found):
        raise _Wrong(f"{name}: expected a list, and in it {_KINDS[kind]}")
    return found


def _texts(given: Mapping[str, Any], name: str) -> Mapping[str, str]:
    found: Mapping[str, str] = _field(given, name, dict)
    if not all(isinstance(each, str) for each in found.values()):
        raise _Wrong(f"{name}: expected text for each name")
    return found


def _seconds(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 7 * 86_400:
        raise _Wrong("lag_s: expected seconds, a week at most")
    return given


def _moment(given: Any, name: str) -> datetime:
    try:
        found = datetime.fromisoformat(given)
    except (TypeError, ValueError):
        raise _Wrong(f"{name}: expected a time such as 2026-11-27T09:00:00+00:00") from None
    if found.tzinfo is None:
        raise _Wrong(f"{name}: expected a time with its zone")
    return found
