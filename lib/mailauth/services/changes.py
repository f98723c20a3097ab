"""Carrying a plan out: look, send, look again, and write down what became of each step before the next.

What follows from services that are not of one mind for a while (Entra's replicas: up to about two minutes):

- After a change was confirmed, its look is repeated until it shows the change. A look that still shows what was before
  proves nothing until two minutes have passed.
- After a change whose reply was lost, a look that shows the change settles it. One that shows what was before does so
  at once only where sending again makes nothing double (whatever is not a creation); a creation is sent again when
  looks have shown nothing for two minutes. The services refuse a second thing of the same name or key, and a refusal
  that says "already there" is settled by looking, too.
- A secret whose text never came is removed and made anew. Another two minutes are then spent looking for one that came
  late, because nothing refuses a second secret.
- A refusal that says "not there" is waited out while something that this plan changed is less than two minutes old.
- A look that shows neither version stops the plan, unless such a change of our own may still be on its way. An undo
  leaves a mailbox's setting that somebody else has changed since, says so, and goes on with the others.
- Many alike are compared with one look at all mailboxes, which is repeated every five minutes while they are sent.

Graph has no conditional writes for these objects. What somebody else changes in the moment between a look and the
request that follows it can be lost; the look afterwards shows what stands.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Protocol

from mailauth import plan as plans
from mailauth import receipts
from mailauth.errors import (
    AccessError,
    ConfigurationError,
    MailauthError,
    SecretError,
    SourceError,
    UnclearError,
    UnreachableError,
)
from mailauth.plan import (
    Bound,
    Cmdlet,
    Entry,
    GraphCall,
    Look,
    Operation,
    Outcome,
    Plan,
    Receipt,
    Seen,
    Service,
    Standing,
    Step,
)

from . import client, secrets
from .journal import Journal

__all__ = ["Doer", "Doers", "OnExchange", "OnGraph", "Rows", "apply"]

Rows = Sequence[Mapping[str, Any]]

_LAG: Final = timedelta(minutes=2)
# A look at all mailboxes takes a request for each thousand, and sending to so many takes the better part of an hour.
_FRESH: Final = timedelta(minutes=5)
_PAUSES_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
# Each is a request whose reply was lost; whoever loses so many has another problem.
_TRIES: Final = 4
_RATE_AFTER_S: Final = 5.0

_LAGGING: Final = ("NoBackingApplicationObject", "Request_ResourceNotFound", "ManagementObjectNotFoundException")
_THERE: Final = (
    "Request_MultipleObjectsWithSameKeyValue",
    "Permission being assigned already exists on the object",
    "Permission entry already exists",
    "already exist",
    "already in use",
    "ADObjectAlreadyExistsException",
)
_MISSING: Final = ("ManagementObjectNotFoundException",)


class Doer(Protocol):
    """Who asks one service."""

    def look(self, ask: Operation) -> Rows:
        """Return the rows of an answer; none where there is no such thing. Raises as a service does."""

    def send(self, do: Operation) -> Mapping[str, Any]:
        """Send a change and return the reply.

        Raises:
            UnclearError: No reply tells what became of it.
            UnreachableError: Nothing was done.
            SourceError: The service refused; nothing was done.
        """


Doers = Mapping[Service, Doer]


class OnGraph:
    """Microsoft Graph, as plans ask it.

    Args:
        graph: The client.
    """

    def __init__(self, graph: client.Graph) -> None:
        self._graph = graph

    def look(self, ask: Operation) -> Rows:
        """Return an object as one row, a list with all of its pages; nothing for a 404."""
        call = _graph_call(ask)
        try:
            answer = self._graph.get(call.path)
        except SourceError as error:
            if client.status(error) == 404:
                return []
            raise
        return list(self._pages(answer)) if isinstance(answer.get("value"), list) else [answer]

    def send(self, do: Operation) -> Mapping[str, Any]:
        """Send a change; see `Doer.send`."""
        call = _graph_call(do)
        if call.method == "DELETE":
            return self._graph.delete(call.path, headers=call.headers)
        methods = {"POST": self._graph.post, "PATCH": self._graph.patch, "PUT": self._graph.put}
        return methods[call.method](call.path, call.body, headers=call.headers)

    def _pages(self, answer: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        yield from answer.get("value", ())
        while link := answer.get("@odata.nextLink"):
            answer = self._graph.follow(str(link))
            yield from answer.get("value", ())


@dataclass(frozen=True)
class _GraphRequest:
    method: str
    path: str
    body: Mapping[str, Any] | None
    headers: Mapping[str, str]


def _graph_call(operation: Operation) -> _GraphRequest:
    assert isinstance(operation, GraphCall)
    (path,) = operation.path
    assert isinstance(path, str)
    return _GraphRequest(operation.method, path, operation.body, operation.headers)


class _Invoker(Protocol):
    def invoke(self, cmdlet: Cmdlet) -> Rows: ...


class OnExchange:
    """Exchange Online's cmdlets, as plans ask them.

    Args:
        exchange: The client.
    """

    def __init__(self, exchange: _Invoker) -> None:
        self._exchange = exchange

    def look(self, ask: Operation) -> Rows:
        """Return what a cmdlet returns; nothing where it finds no such object."""
        assert isinstance(ask, Cmdlet)
        try:
            return self._exchange.invoke(ask)
        except SourceError as error:
            if any(name in error.code for name in _MISSING):
                return []
            raise

    def send(self, do: Operation) -> Mapping[str, Any]:
        """Send a change; see `Doer.send`."""
        assert isinstance(do, Cmdlet)
        return next(iter(self._exchange.invoke(do)), {})


def apply(
    plan: Plan,
    doers: Doers,
    journal: Journal,
    *,
    tell: Callable[[str], None],
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    changed_at: datetime | None = None,
    known: Sequence[Entry] = (),
) -> Receipt:
    """Carry *plan* out, and return what became of each step; what stops it stands in the receipt.

    Args:
        plan: The plan.
        doers: Who asks each service that it needs.
        journal: Where it is written down meanwhile.
        tell: Called with lines of progress.
        now: The clock.
        sleep: Waits for a number of seconds, by that clock.
        changed_at: When what the plan starts from was made, where that is known: for two minutes from then on, a look
            that shows nothing of it is repeated.
        known: What became already of steps that come first, such as what a sign-in page did; they are written down and
            not sent.

    Raises:
        ConfigurationError: A service has nobody who asks it, or a secret could not be kept; nothing was sent.
        KeyboardInterrupt: The step in flight is written down as unclear.
    """
    _check(plan, doers)
    run = _Run(plan, doers, journal, tell, now, sleep, changed_at)
    entries = list(known)
    for entry in known:
        journal.entry(entry)
    steps = plan.steps[len(known) :]
    began = now()
    try:
        for number, step in enumerate(steps, start=1):
            tell(f"{number:,} of {len(steps):,}: {step.title}{_rate(number, len(steps), now() - began)}")
            entries.append(run.carry(step))
            if entries[-1].outcome not in ("done", "already") and not _is_left(step, entries[-1]):
                break
    finally:
        tell("")
    return journal.receipt(receipts.complete(plan, entries, at=entries[-1].at) if entries else ())


def _is_left(step: Step, entry: Entry) -> bool:
    return step.alone and entry.outcome == "foreign"


def _check(plan: Plan, doers: Doers) -> None:
    missing = next((step.service for step in plan.steps if step.service not in doers), None)
    if missing:
        raise ConfigurationError(f"plan {plan.id}: nobody is signed in to {missing}, which it has to change.")
    for step in plan.steps:
        if step.keeps:
            secrets.check_writable(step.keeps.into, replaces=step.keeps.replaces)


def _rate(number: int, total: int, spent: timedelta) -> str:
    seconds = spent.total_seconds()
    if number == 1 or seconds < _RATE_AFTER_S:
        return ""
    each = seconds / (number - 1)
    minutes = round(each * (total - number + 1) / 60)
    rest = f"about {minutes:,} min left" if minutes else "less than a minute left"
    return f" ({1 / each:.1f} a second, {rest})" if each < 1 else f" ({each:.0f} s each, {rest})"


@dataclass(frozen=True)
class _Found:
    """What a look showed: `blind` where it could not, and why."""

    standing: Standing | Literal["blind"]
    seen: Seen = None
    told: Bound = field(default_factory=dict)
    why: str = ""


class _Run:
    """One plan on its way."""

    def __init__(
        self,
        plan: Plan,
        doers: Doers,
        journal: Journal,
        tell: Callable[[str], None],
        now: Callable[[], datetime],
        sleep: Callable[[float], None],
        changed_at: datetime | None,
    ) -> None:
        self._doers = doers
        self._journal = journal
        self._tell = tell
        self._now = now
        self._sleep = sleep
        self._bound = dict(plan.bound)
        # Until when a replica may not know what this plan, or what it takes back, has changed.
        self._undone_until = changed_at + _LAG if changed_at else None
        self._own_until: datetime | None = None
        self._all: dict[str, tuple[datetime, Mapping[str, Rows]]] = {}
        self._sent = False
        self._lost = False

    def carry(self, step: Step) -> Entry:
        """Carry one step out and write down what became of it."""
        self._sent = self._lost = False
        try:
            entry = self._attempted(step)
        except KeyboardInterrupt:
            if self._sent:
                self._journal.entry(self._unclear(step, _Found("blind"), "It was interrupted while it was being sent."))
            raise
        self._bound.update(entry.bound)
        self._journal.entry(entry)
        return entry

    def _attempted(self, step: Step) -> Entry:
        try:
            return self._carried(step)
        except SourceError as error:
            return self._refused(step, error)
        except SecretError as error:
            return self._entry(step, "failed", said=error.message, remedy=error.remedy)
        except KeyError as error:
            # A look that came before has not told it: what it is about is not there any more.
            said = f"Nothing tells what {error.args[0]} is."
            if self._sent:
                return self._unclear(step, _Found("blind"), said)
            return self._entry(step, "failed", said=said, remedy="Look at the tenant and plan again.")

    def _carried(self, step: Step) -> Entry:
        found = self._steady(step) if step.watched else self._among_all(step)
        if found is not None:
            if found.standing == "after":
                return self._entry(step, "already", found)
            if found.standing == "foreign":
                return self._foreign(step, found)
            # What is to be removed or changed may be known from this look alone.
            self._bound.update(found.told)
        return self._sent_through(step)

    def _sent_through(self, step: Step) -> Entry:
        found = _Found("blind")
        for _ in range(_TRIES):
            reply = self._send(step, step.do)
            if reply is not None and (step.keeps is None or reply.get(step.keeps.field)):
                return self._after_reply(step, reply)
            self._lost = True
            found = self._settled(step)
            if found.standing == "after" and step.keeps is None:
                return self._entry(step, "done", found)
            if found.standing == "foreign":
                return self._foreign(step, found)
            if found.standing == "blind" or (found.standing == "after" and not self._taken_away(step, found)):
                break
        return self._unclear(step, found, "No reply came, and looking has not settled what became of it.")

    def _after_reply(self, step: Step, reply: Mapping[str, Any]) -> Entry:
        try:
            self._keep(step, reply)
        except SecretError as error:
            # Nobody will ever know its text.
            found = self._confirmed(step, reply)
            if found.standing == "after" and self._taken_away(step, found):
                raise
            return self._unclear(step, found, f"{error.message} What was made may still be there.")
        if not step.watched:
            return self._entry(step, "done")
        found = self._confirmed(step, reply)
        if found.standing == "after" and _only_updated(step, reply) and not self._lost:
            return self._entry(step, "already", found, said="Somebody else made it in the same moment.")
        if found.standing == "after":
            return self._entry(step, "done", found)
        if found.standing == "foreign":
            return self._foreign(step, found)
        return self._unclear(step, found, f"The service said yes, and {_minutes()} of looking have not shown it.")

    def _keep(self, step: Step, reply: Mapping[str, Any]) -> None:
        if step.keeps:
            text = secrets.Secret(str(reply[step.keeps.field]))
            secrets.write(step.keeps.into, text, replaces=step.keeps.replaces)

    # Sending.

    def _send(self, step: Step, do: Operation, told: Bound | None = None) -> Mapping[str, Any] | None:
        """Return the reply, or None where none came; waits while what it needs may not have arrived everywhere."""
        operation = plans.filled(do, {**self._bound, **(told or {})})
        patience = self._own_until or self._undone_until
        self._journal.sending(step.id, self._now())
        self._sent = True
        for pause_s in self._pauses(patience):
            try:
                return self._sent_once(step, operation)
            except SourceError as error:
                if pause_s is None or not any(name in error.code for name in _LAGGING):
                    raise
                self._wait(step, pause_s)
        raise AssertionError("the last attempt returns or raises")

    def _sent_once(self, step: Step, operation: Operation) -> Mapping[str, Any] | None:
        try:
            reply = self._doers[step.service].send(operation)
        except UnclearError:
            self._own_until = self._now() + _LAG
            return None
        self._own_until = self._now() + _LAG
        return reply

    def _taken_away(self, step: Step, found: _Found) -> bool:
        """Remove what was made without anybody learning its secret; whether the look shows that it is gone."""
        if step.undo is None:
            return False
        for _ in range(_TRIES):
            try:
                self._send(step, step.undo, found.told)
            except (AccessError, UnreachableError):
                return False
            except SourceError:
                # It is gone already, or has not arrived where this was asked: looking tells which.
                pass
            found = self._until(step, lambda each: each.standing == "before")
            if found.standing != "after":
                return found.standing == "before"
        return False

    # Looking.

    def _look(self, step: Step) -> _Found:
        rows = self._doers[step.service].look(plans.filled(step.look.ask, self._bound))
        seen, told = plans.read(step.look, rows, self._bound)
        return _Found(plans.standing(step, seen, {**self._bound, **told}), seen, told)

    def _among_all(self, step: Step) -> _Found | None:
        """Return what stands before one of many alike is sent, by a look at all; None where nothing shows all."""
        if not plans.shows_settings(step.look):
            return None
        every = plans.of_all(step.look)
        if every is None:
            return self._steady(step)
        rows = self._rows_of_all(step.service, every)
        seen, told = plans.read(every, rows.get(_account(every.where), ()), self._bound)
        return _Found(plans.standing(step, seen, {**self._bound, **told}), seen, told)

    def _rows_of_all(self, service: Service, every: Look) -> Mapping[str, Rows]:
        """Return the rows of everybody by account, as they are or were a few minutes ago."""
        assert isinstance(every.ask, Cmdlet)
        looked_at, rows = self._all.get(every.ask.name, (None, {}))
        if looked_at is None or self._now() - looked_at > _FRESH:
            looked_at = self._now()
            rows = {_account(row): [row] for row in self._doers[service].look(every.ask)}
            self._all[every.ask.name] = looked_at, rows
        return rows

    def _steady(self, step: Step) -> _Found:
        """Return what stands before anything is sent, once replicas had the time to agree about our own changes."""
        found = self._look(step)
        for pause_s in self._pauses(self._doubt(found)):
            if pause_s is None or found.standing == "before":
                break
            self._wait(step, pause_s)
            found = self._look(step)
        return found

    def _doubt(self, found: _Found) -> datetime | None:
        """Return until when what a look shows may be older than what we have done ourselves."""
        own = self._own_until if found.standing == "foreign" else None
        return max((until for until in (own, self._undone_until) if until), default=None)

    def _settled(self, step: Step) -> _Found:
        """Return what became of a request whose reply was lost."""
        if not _creates(step.do):
            return self._until(step, lambda each: each.standing in ("after", "before"))
        return self._until(step, lambda each: each.standing == "after")

    def _confirmed(self, step: Step, reply: Mapping[str, Any]) -> _Found:
        """Return what the look shows once it shows what the reply speaks of, or when the time for that is over."""
        if step.keeps and self._lost:
            # An earlier request may have arrived after all. Its secret is another one, which nobody has read.
            found = self._until(_narrowed(step, reply), lambda each: each.standing == "after")
            if found.standing == "after" and step.undo:
                self._twins_removed(step, found, step.undo)
            return found
        return self._until(step, lambda each: each.standing == "after" and _is_of(step, reply, each))

    def _twins_removed(self, step: Step, ours: _Found, undo: Operation) -> None:
        """Look for as long as replicas may take, and remove what is not *ours*: nobody knows its secret."""
        for pause_s in self._pauses(self._now() + _LAG):
            # A replica that shows less than is there says no; the next look asks another.
            with contextlib.suppress(SourceError):
                for told in self._twins(step, ours):
                    self._send(step, undo, told)
            if pause_s is not None:
                self._wait(step, pause_s)

    def _twins(self, step: Step, ours: _Found) -> list[Bound]:
        rows = self._doers[step.service].look(plans.filled(step.look.ask, self._bound))
        return [told for _, told in plans.each(step.look, rows, self._bound) if told != ours.told]

    def _until(self, step: Step, enough: Callable[[_Found], bool]) -> _Found:
        """Look until *enough*, for two minutes at most; what cannot be looked at is blind."""
        found = _Found("blind")
        for pause_s in self._pauses(self._now() + _LAG):
            try:
                found = self._look(step)
            except AccessError as error:
                return _Found("blind", why=error.message)
            except SourceError as error:
                found = _Found("blind", why=error.message)
            if pause_s is None or enough(found):
                break
            self._wait(step, pause_s)
        return found

    def _wait(self, step: Step, seconds: float) -> None:
        self._tell(f"{step.title}: waiting {seconds:.0f} s until it shows")
        self._sleep(seconds)

    def _pauses(self, until: datetime | None) -> Iterator[float | None]:
        """Yield how long to wait after each attempt, and None with the last one."""
        number = 0
        while until is not None and (rest := (until - self._now()).total_seconds()) > 0:
            yield min(_PAUSES_S[min(number, len(_PAUSES_S) - 1)], rest)
            number += 1
        yield None

    # What became of it.

    def _refused(self, step: Step, error: SourceError) -> Entry:
        if isinstance(error, AccessError | UnreachableError) or not self._sent:
            return self._stopped(step, error)
        there = any(said in f"{error.code} {error.message}" for said in _THERE)
        found = self._until(step, lambda each: not there or each.standing == "after")
        if found.standing == "after" and step.keeps is None:
            return self._entry(step, "done" if self._lost else "already", found)
        if there and found.standing == "foreign":
            return self._foreign(step, found)
        return self._stopped(step, error, found)

    def _stopped(self, step: Step, error: SourceError, found: _Found | None = None) -> Entry:
        if self._lost:
            return self._unclear(step, found or _Found("blind"), error.message)
        outcome: Outcome = "failed" if isinstance(error, UnreachableError) else "refused"
        return self._entry(step, outcome, found, said=error.message, remedy=_remedy(step, error))

    def _foreign(self, step: Step, found: _Found) -> Entry:
        when = "while it was being changed" if self._sent else "after the plan was made"
        again = "then plan again from what stands there now"
        if step.alone:
            again = "it was left as it is, and what stands after it was taken back"
        said, remedy = f"Somebody else changed this {when}.", f"Find out who and why: {again}."
        if step.alone and found.seen is None:
            said = "Nothing is called so any more: it is gone, or it has another name and is as it was set."
        return self._entry(step, "foreign", found, said=said, remedy=remedy)

    def _unclear(self, step: Step, found: _Found, said: str) -> Entry:
        said = f"{said} {found.why}".rstrip()
        return self._entry(step, "unclear", found, said=said, remedy="Plan again or take it back: both look first.")

    def _entry(
        self, step: Step, outcome: Outcome, found: _Found | None = None, *, said: str = "", remedy: str = ""
    ) -> Entry:
        at = self._now()
        return Entry(
            step=step.id,
            outcome=outcome,
            at=at,
            seen=found.seen if found else None,
            bound=found.told if found else {},
            said=said,
            remedy=remedy,
            settles_at=at + step.lag if outcome in ("done", "unclear") else None,
        )


def _only_updated(step: Step, reply: Mapping[str, Any]) -> bool:
    """Whether what was to be made was there: Graph says so by answering nothing, and it is not ours to take back."""
    upsert = isinstance(step.do, GraphCall) and step.do.headers.get("Prefer") == "create-if-missing"
    return upsert and step.before is None and not reply


def _narrowed(step: Step, reply: Mapping[str, Any]) -> Step:
    """Return the step with a look that means nothing but what the reply speaks of."""
    named = {place: str(reply[place]) for place in step.look.binds.values() if reply.get(place)}
    return replace(step, look=replace(step.look, where={**step.look.where, **named}))


def _is_of(step: Step, reply: Mapping[str, Any], found: _Found) -> bool:
    """Whether a look shows what the reply speaks of, and not what had the same name before."""
    named = ((str(reply.get(place) or ""), found.told.get(name, "")) for name, place in step.look.binds.items())
    return all(said.lower() in ("", told.lower()) for said, told in named)


def _account(row: Mapping[str, Any]) -> str:
    return str(row.get(plans.ACCOUNT) or "").lower()


def _creates(do: Operation) -> bool:
    return do.method == "POST" if isinstance(do, GraphCall) else do.name.startswith("New-")


def _remedy(step: Step, error: MailauthError) -> str:
    if isinstance(error, AccessError) and step.needs and not error.code.startswith(("401", "token")):
        return f"This step needs {' and '.join(step.needs)}. {error.remedy}".rstrip()
    if "uniqueName already exists" in error.message:
        return _KEPT_NAME
    return error.remedy


# Called a bug of the service: learn.microsoft.com/graph/templates/known-issues-graph-bicep.
_KEPT_NAME: Final = (
    "A deleted registration keeps its unique name for 30 days. Under App registrations, Deleted applications: restore "
    "it, or delete it permanently. Then plan again."
)


def _minutes() -> str:
    return f"{_LAG.total_seconds() / 60:.0f} minutes"
