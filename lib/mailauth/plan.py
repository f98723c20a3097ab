"""Changes as data: what would be sent, against what was seen, and what takes it back.

A step says how to look at exactly what it changes, and what that look shows before and after. So the same value plans,
applies, proves and undoes, and is a request to a service as well as a line of PowerShell:

    sees `before`    the step is sent, and the look is repeated until it shows `after`
    sees `after`     nothing is sent: twice is once
    sees neither     somebody else was there: the plan stops and shows both versions

After a reply that never came, the same three answers say what became of the request.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, Self, TypeAlias
from urllib.parse import quote

from .checks import Check
from .secretrefs import SecretRef
from .tenants import Tenant

__all__ = [
    "ACCOUNT",
    "Bound",
    "Cmdlet",
    "Entry",
    "GraphCall",
    "Keep",
    "Look",
    "Operation",
    "Outcome",
    "Plan",
    "Receipt",
    "Ref",
    "Seen",
    "Service",
    "Standing",
    "Step",
    "Value",
    "common_name",
    "each",
    "filled",
    "frozen",
    "new_id",
    "of_all",
    "read",
    "resolve",
    "same",
    "shows_settings",
    "standing",
    "undo",
]

ACCOUNT: Final = "ExternalDirectoryObjectId"
"""By this field rows of Exchange name an account, whatever its address and its sign-in name are by now."""

Service = Literal["graph", "exchange"]
Standing = Literal["before", "after", "foreign"]
Outcome = Literal["done", "already", "foreign", "refused", "failed", "unclear", "not reached"]


@dataclass(frozen=True)
class Ref:
    """Something that only a look or a reply tells, by the name under which a look binds it, such as ``app.id``."""

    name: str


Value: TypeAlias = "str | int | bool | Ref | Sequence[Value] | Mapping[str, Value] | None"
Seen: TypeAlias = Mapping[str, Any] | None
Bound: TypeAlias = Mapping[str, str]


@dataclass(frozen=True)
class GraphCall:
    """A request to Microsoft Graph.

    Args:
        method: GET, POST, PATCH, PUT or DELETE.
        path: Its path with the query, from ``/v1.0`` on, in pieces: a `Ref` is a piece of its own, so that no text
            from outside can pretend to be one.
        body: Its JSON; None where it has none.
        headers: What the call needs beside the usual ones, such as ``Prefer: create-if-missing``.
    """

    method: Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
    path: tuple[str | Ref, ...]
    body: Mapping[str, Value] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cmdlet:
    """A cmdlet of Exchange Online, invoked over HTTPS or written into a script.

    Args:
        name: Verb and noun.
        parameters: By the name that the cmdlet declares; a switch is True.
    """

    name: str
    parameters: Mapping[str, Value] = field(default_factory=dict)


Operation: TypeAlias = GraphCall | Cmdlet


@dataclass(frozen=True)
class Look:
    """How to see exactly what a step changes.

    Args:
        ask: A GET, or a cmdlet that reads.
        where: Which of the rows it returns: those whose fields (dotted names) have these values. Text is compared
            without regard to case; a field that is a list has to hold the value.
        fields: The fields (dotted names) that are compared; none where only being there counts. A name that leads
            through a list gives the list of what its items hold: ``keyCredentials.keyId``.
        binds: `Ref` names to fields of the row.
        inside: A field of the answer's rows that is a list, whose items are the rows instead, such as
            ``passwordCredentials``; empty where the answer's own rows are meant.
        words: Which of the fields are text that holds words in any order, such as the ``scope`` of a grant; they are
            shown and compared as lists.
        flags: Which of the fields are switches that a service may leave out where they are off; absent is off.
    """

    ask: Operation
    where: Mapping[str, Value] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    binds: Mapping[str, str] = field(default_factory=dict)
    inside: str = ""
    words: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Keep:
    """What a reply holds once and never again, and where it goes.

    Args:
        field: Its name in the reply.
        into: Where it is written, readable by its owner only; the receipt holds this name alone.
        replaces: Whether it may take the place of what is kept there already. Otherwise the plan stops before anything
            is sent.
    """

    field: str
    into: SecretRef
    replaces: bool = False


@dataclass(frozen=True)
class Step:
    """One change.

    Args:
        id: Its name, the same whenever the same change is planned: ``full-access:orders@adatum.example``.
        title: What it does, as a person says it: "Let Mail open orders@adatum.example".
        why: What it is needed for, in a sentence.
        group: What it is shown and counted with: "FullAccess".
        service: Who is asked.
        do: What is sent.
        look: How to see what it changes.
        before: What the look showed when the plan was made, by field; None for "not there".
        after: What it shows when the step is done. May hold a `Ref`.
        undo: What takes it back; None where nothing does.
        needs: The permissions or management roles that whoever sends it needs, by name.
        lag: How long at most until it counts everywhere.
        leaves: What the undo cannot restore, in a sentence; empty for nothing.
        watched: Whether to look right before and right after sending. False for one of many alike: where one look can
            show all of them, it is made before the first and again while they are sent; their replies count, and the
            look over all of them that follows proves.
        keeps: What its reply holds once.
        takes_back: Whether it takes another step back.
    """

    id: str
    title: str
    why: str
    group: str
    service: Service
    do: Operation
    look: Look
    before: Seen
    after: Seen
    undo: Operation | None = None
    needs: tuple[str, ...] = ()
    lag: timedelta = timedelta()
    leaves: str = ""
    watched: bool = True
    keeps: Keep | None = None
    takes_back: bool = False

    @property
    def alone(self) -> bool:
        """Whether it takes back a setting of one mailbox: what somebody else has set there since keeps no other one."""
        return self.takes_back and isinstance(self.do, Cmdlet) and self.do.name in _OF_ONE


_OF_ONE: Final = frozenset({"Set-CASMailbox", "Set-User"})


@dataclass(frozen=True)
class Plan:
    """What would be done in a tenant, in this order.

    Args:
        id: Stands in everything that the plan makes and that has room for it, and names its receipt.
        title: What it comes to.
        tenant: The tenant's name in the tenants file.
        tenant_id: Its directory.
        cloud: The name of its cloud.
        steps: The changes that are still needed; none where all is as wanted.
        checks: What was considered: what is refused and why, what is left to a person.
        bound: What the looks behind the plan have told already, by `Ref` name.
        made_at: When it was made.
        noted: What stood there beside it, when it was made or else right before it was carried out, and a script or
            taking it back has to know: ids by what they are; what is not in it was not looked at. What takes the plan
            back has the same, until it is carried out.
    """

    id: str
    title: str
    tenant: str
    tenant_id: str
    cloud: str
    steps: tuple[Step, ...]
    checks: tuple[Check, ...] = ()
    bound: Bound = field(default_factory=dict)
    made_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    noted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        tenant: Tenant,
        *,
        id: str,
        title: str,
        now: datetime,
        steps: Sequence[Step] = (),
        checks: Iterable[Check] = (),
        bound: Bound | None = None,
    ) -> Self:
        """Return a plan for *tenant*, made *now*; no step takes longer to count than its cloud does."""
        most = tenant.cloud.settles
        paced = tuple(step if step.lag <= most else replace(step, lag=most) for step in steps)
        where = tenant.name, tenant.tenant_id, tenant.cloud.name
        return cls(id, title, *where, steps=paced, checks=tuple(checks), bound=bound or {}, made_at=now)

    def needs(self, service: Service) -> tuple[str, ...]:
        """Return what carrying it out needs at one service, each once, in the order of the steps."""
        return tuple(dict.fromkeys(need for step in self.steps if step.service == service for need in step.needs))


@dataclass(frozen=True)
class Entry:
    """What became of one step.

    Args:
        step: Its id.
        outcome: ``done``, ``already`` (it was as wanted), ``foreign`` (somebody else changed it meanwhile),
            ``refused``, ``failed``, ``unclear`` (no reply, and looking did not settle it) or ``not reached``.
        at: When that was known.
        seen: What the last look showed.
        bound: What the looks told.
        said: The service's own words, or ours; empty where it went well. Never a secret.
        remedy: What to do next.
        settles_at: Until when the old state may still act somewhere.
    """

    step: str
    outcome: Outcome
    at: datetime
    seen: Seen = None
    bound: Bound = field(default_factory=dict)
    said: str = ""
    remedy: str = ""
    settles_at: datetime | None = None


@dataclass(frozen=True)
class Receipt:
    """What became of a plan.

    Args:
        plan: The plan.
        entries: One for each step that was come to, in order; none where it was not applied.
        by: As whom it was carried out; empty where it was not.
        where: The file that holds the receipt, as a person writes its name; empty where nothing was applied.
        undoes: The id of the plan that this one took back; empty for any other.
    """

    plan: Plan
    entries: tuple[Entry, ...] = ()
    by: str = ""
    where: str = ""
    undoes: str = ""

    @property
    def applied(self) -> bool:
        """Whether anything was tried."""
        return bool(self.entries)

    @property
    def whole(self) -> bool:
        """Whether every step is as wanted now."""
        return {entry.step for entry in self.entries if entry.outcome in _GOOD} >= {step.id for step in self.plan.steps}

    @property
    def settled(self) -> bool:
        """Whether nothing of it is left to do: the rest, if any, is what others have set since an undo began."""
        alone = {step.id for step in self.plan.steps if step.alone}
        over = {
            each.step
            for each in self.entries
            if each.outcome in _GOOD or (each.outcome == "foreign" and each.step in alone)
        }
        return over >= {step.id for step in self.plan.steps}

    @property
    def changed(self) -> tuple[Step, ...]:
        """The steps that changed something, or may have: what an undo is about, in their order."""
        sent = {entry.step for entry in self.entries if entry.outcome in _CHANGED}
        return tuple(step for step in self.plan.steps if step.id in sent)

    @property
    def undoable(self) -> bool:
        """Whether there is anything to take back."""
        return any(step.undo for step in self.changed)

    @property
    def bound(self) -> Bound:
        """What is known after it, by `Ref` name."""
        return {**self.plan.bound, **{name: each for entry in self.entries for name, each in entry.bound.items()}}

    @property
    def settles_at(self) -> datetime | None:
        """Until when some old state may still act; None where nothing was done."""
        return max((entry.settles_at for entry in self.entries if entry.settles_at), default=None)


_CHANGED: Final = frozenset({"done", "unclear"})
_GOOD: Final = frozenset({"done", "already"})


def new_id(now: datetime) -> str:
    """Return an id for a plan: short, made of what every service takes in a name, and in the order of time.

    Receipts are taken back from the last to the first, and several may be made within a second.
    """
    thousandth = now.microsecond // 1000
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%S}-{thousandth:03x}{secrets.randbelow(1 << 12):03x}"


def frozen(first: date, last: date) -> Check:
    """Return the warning of a tenant whose change freeze, first and last day included, is on."""
    return Check(
        "change freeze",
        "wrong",
        f"nothing is to be changed from {first.isoformat()} to {last.isoformat()}",
        "Wait, or agree on an exception with whoever decided on the freeze. Applying is not stopped.",
    )


def undo(receipt: Receipt, *, id: str, now: datetime) -> Plan:
    """Return the plan that takes back what *receipt* says was done, last first.

    A step that changed nothing is left alone, and so is one that nothing takes back: a check says so.

    Args:
        receipt: What was carried out.
        id: The id of the new plan.
        now: The clock.
    """
    steps = receipt.changed[::-1]
    return replace(
        receipt.plan,
        id=id,
        title=f"Undo: {receipt.plan.title}",
        steps=tuple(_inverse(step, step.undo, receipt.plan.id) for step in steps if step.undo),
        checks=tuple(_lasting(steps)),
        bound=receipt.bound,
        made_at=now,
    )


def _inverse(step: Step, back: Operation, made_by: str) -> Step:
    return replace(
        step,
        title=f"Take back: {step.title}",
        why=f"Plan {made_by} did it.",
        do=back,
        undo=step.do if step.keeps is None else None,
        before=step.after,
        after=step.before,
        keeps=None,
        watched=True,
        takes_back=True,
    )


def _lasting(steps: Sequence[Step]) -> Iterator[Check]:
    for (back, leaves), these in _alike(steps).items():
        if not back:
            yield Check(_named(these), "cannot know", "nothing takes this back", leaves or "It stays as it is.")
        elif leaves:
            yield Check(_named(these), "ok", f"what is not restored: {leaves}")


def _alike(steps: Iterable[Step]) -> Mapping[tuple[bool, str], Sequence[Step]]:
    found: dict[tuple[bool, str], list[Step]] = {}
    for step in steps:
        found.setdefault((step.undo is not None, step.leaves), []).append(step)
    return found


def _named(steps: Sequence[Step]) -> str:
    return steps[0].title if len(steps) == 1 else f"{steps[0].title}, and {len(steps) - 1:,} more"


def resolve(value: Value, bound: Bound) -> Any:
    """Return *value* with each `Ref` in it replaced.

    Raises:
        KeyError: Nothing has told what a `Ref` stands for; the step that tells it comes first.
    """
    if isinstance(value, Ref):
        return bound[value.name]
    if isinstance(value, Mapping):
        return {key: resolve(each, bound) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [resolve(each, bound) for each in value]
    return value


def filled(operation: Operation, bound: Bound) -> Operation:
    """Return *operation* as it is sent: each `Ref` replaced, the path in one piece.

    Raises:
        KeyError: As `resolve`, or what a `Ref` in the path stands for can be no key: nothing, or dots alone.
    """
    if isinstance(operation, Cmdlet):
        return replace(operation, parameters=resolve(operation.parameters, bound))
    path = "".join(piece if isinstance(piece, str) else _in_path(piece, bound[piece.name]) for piece in operation.path)
    body = None if operation.body is None else resolve(operation.body, bound)
    return replace(operation, path=(path,), body=body)


def _in_path(ref: Ref, value: str) -> str:
    # "Up from here" is no key, and quoting would not keep it from being followed.
    if not value.strip("."):
        raise KeyError(ref.name)
    # A key may stand between quotes, which it has to double before it is encoded.
    return quote(value.replace("'", "''"), safe="")


def read(look: Look, rows: Sequence[Mapping[str, Any]], bound: Bound) -> tuple[Seen, Bound]:
    """Return what *look* shows in the rows of its answer, and what it tells.

    Args:
        look: The look.
        rows: The answer: the objects of a list, one object as a list of one, or nothing where there is none.
        bound: What is known so far.
    """
    return next(iter(each(look, rows, bound)), (None, {}))


def shows_settings(look: Look) -> bool:
    """Whether a look shows settings of one mailbox, by a cmdlet that can show those of all."""
    return isinstance(look.ask, Cmdlet) and look.ask.name in _SHOWS_ALL


def of_all(look: Look) -> Look | None:
    """Return a look that `shows_settings` as one at all mailboxes; None where it names its own by no id."""
    if not isinstance(look.ask, Cmdlet) or ACCOUNT not in look.where:
        return None
    return replace(look, ask=Cmdlet(look.ask.name, {"ResultSize": "Unlimited"}))


_SHOWS_ALL: Final = frozenset({"Get-CASMailbox", "Get-User"})


def each(look: Look, rows: Sequence[Mapping[str, Any]], bound: Bound) -> list[tuple[Seen, Bound]]:
    """Return the same for every row that *look* means; more than one where something was made twice."""
    wanted = {name: resolve(value, bound) for name, value in look.where.items()}
    if look.inside:
        rows = [item for row in rows for item in _at(row, look.inside) or () if isinstance(item, Mapping)]
    meant = [row for row in rows if all(_holds(_at(row, name), value) for name, value in wanted.items())]
    return [
        (_fields(look, row), {name: str(_at(row, place) or "") for name, place in look.binds.items()}) for row in meant
    ]


def _fields(look: Look, row: Mapping[str, Any]) -> Seen:
    return {name: _shown(look, name, _at(row, name)) for name in look.fields}


def _shown(look: Look, name: str, found: object) -> object:
    words = name in look.words
    if name in look.flags and found is None:
        return False
    if isinstance(found, str) and name.endswith("AuthenticationPolicy"):
        return common_name(found)
    return found.split() if words and isinstance(found, str) else found


def common_name(held: str) -> str:
    """Return the first name of a distinguished name, and any other text as it is.

    Exchange writes a policy's name where it is assigned. That it may write a distinguished name is not verified.
    """
    found = _COMMON_NAME.match(held)
    return re.sub(r"\\(.)", r"\1", found[1]) if found else held


_COMMON_NAME: Final = re.compile(r"cn=((?:\\.|[^,\\])+),", re.IGNORECASE)


def standing(step: Step, seen: Seen, bound: Bound) -> Standing:
    """Return which side of *step* a look is on.

    What a step was to take out of a thing counts as taken out where the thing itself is gone, and so does any setting
    that is taken back, if the look names its mailbox by an id that no other name changes.

    Raises:
        KeyError: As `resolve`.
    """
    # What was wanted counts first: where both versions look alike, there is nothing left to send.
    if _shows(seen, step.after, bound) or _is_gone_with_its_holder(step, seen, bound):
        return "after"
    return "before" if _shows(seen, step.before, bound) else "foreign"


def _is_gone_with_its_holder(step: Step, seen: Seen, bound: Bound) -> bool:
    """Whether all that a step was to take out of something is gone, because the thing itself is."""
    if seen is not None or step.before is None or not step.after:
        return False
    # What is found by an address or a sign-in name may be called otherwise by now, and still be as it was set.
    return ACCOUNT in step.look.where if step.alone else same(resolve(step.after, bound), {})


def _shows(seen: Seen, version: Seen, bound: Bound) -> bool:
    # What is not there tells nothing either, so a version that the look itself has to complete is not asked for.
    if seen is None or version is None:
        return seen is version
    return same(seen, resolve(version, bound))


def same(one: object, other: object) -> bool:
    """Whether two values from a service say the same: lists in any order, an absent field like an empty one."""
    return _canonical(one) == _canonical(other)


def _canonical(value: object) -> object:
    if isinstance(value, Mapping):
        held = {key: _canonical(each) for key, each in value.items()}
        return ("object", *sorted(((key, each) for key, each in held.items() if each != _NOTHING), key=repr))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ("list", *sorted((_canonical(each) for each in value), key=repr)) if value else _NOTHING
    # `None` for a whole object is "not there", which callers keep apart; for a field it is as good as empty.
    return _NOTHING if value is None or value == "" else repr(value)


# No value's `repr`, so that no text from a service can pass for it.
_NOTHING: Final = "nothing"


def _holds(found: object, wanted: object) -> bool:
    if isinstance(found, Sequence) and not isinstance(found, str):
        return any(_holds(each, wanted) for each in found)
    if isinstance(found, str) and isinstance(wanted, str):
        return found.lower() == wanted.lower()
    return found == wanted


def _at(row: Mapping[str, Any], name: str) -> Any:
    first, _, rest = name.partition(".")
    found = row.get(first)
    if not rest:
        return found
    if isinstance(found, Sequence) and not isinstance(found, str):
        return [_at(each, rest) for each in found if isinstance(each, Mapping)]
    return _at(found, rest) if isinstance(found, Mapping) else None
