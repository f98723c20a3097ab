"""The next three things to do in a tenant, in an order that whoever answers for it and whoever does it can accept.

First what cannot wait: a password that a stranger has, and records that nobody can read. Then what ends, the earliest
day first: a credential, an access, a decision. Last the next step of the road, which is to move, then to prove, then to
close. That step keeps the last of the three places: dates come up every week, and a migration that lets each of them
push the proof out arrives nowhere. Where it has a day of its own that is early enough, it stands among the dates. What
is left without a place and has a day within a month is named in the last one.

Days on which nothing may be changed put what changes the tenant behind what only asks, looks or decides; the next step
is then the first one that they allow.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from . import deadlines, reference, reportsenders, roads
from .calendar import spoken
from .phrases import Named, Phrase, joined, phrase, words
from .report import Action, App, Credential, Mailbox, Progress, State, Stop, Urgent
from .reportapps import about, problems
from .reportevidence import NOTEBOOKS, Held
from .reportsenders import listed
from .reportstate import door, nameless, open_doors
from .wording import counted

__all__ = ["Made", "actions"]

_MOST: Final = 3
_NAMES: Final = 3
_SOON: Final = timedelta(days=30)
_ORDER: Final = ("security", "look", "credential", "decide", "move", "prove", "close")
_CHANGES: Final = frozenset({"credential", "move", "close"})
_ROAD: Final = frozenset({"move", "prove", "close"})

_STARTS, _FINDS, _REGISTERS, _CONSENTS, _GRANTS, _PROVES = (
    "00-start",
    "10-find-basic-auth",
    "20-register-app",
    "30-consent",
    "40-grant-mailboxes",
    "50-prove-mail-oauth",
)
_TOKENS: Final = frozenset({"OAuth in the same client", "Another client"})


@dataclass(frozen=True)
class Made:
    """The parts of a report that its actions, answers and letters are made from."""

    state: State
    urgent: Sequence[Urgent]
    stops: Sequence[Stop]
    apps: Sequence[App]
    mailboxes: Sequence[Mailbox]
    credentials: Sequence[Credential]
    progress: Progress


def actions(held: Held, made: Made) -> tuple[Action, ...]:
    """Return the next three things to do, as the module says in which order."""
    found = [_dated(held, each) for each in (*_secure(made), *_look(held, made), *_renew(made), *_decide(held, made))]
    found += [_dated(held, each) for each in _access(held)]
    found += [_dated(held, each) for each in (*_move(held, made), *_prove(held, made), *_close(held, made))]
    ordered = sorted(found, key=lambda each: _rank(held, each))
    shown = _with_next_step(ordered)
    soon = held.now.date() + _SOON
    late = [each for each in ordered if each not in shown and each.by and each.by <= soon]
    return ((*shown[:-1], _naming(shown[-1], late)) if late else shown) or (_again(held),)


def _naming(last: Action, late: Sequence[Action]) -> Action:
    """Return the last action, whose reason names the dates that have no place of their own."""
    lead = "One more date:" if len(late) == 1 else f"{len(late):,} more dates:"
    named = [phrase("{title} ({when})", title=each.title, when=each.when) for each in late[:_NAMES]]
    more = [words(f"{len(late) - _NAMES:,} more")] if len(late) > _NAMES else []
    dates = phrase("{lead} {dates}.", lead=words(lead), dates=joined([*named, *more], "; "))
    return replace(last, why=joined((last.why, dates), " "))


def _with_next_step(ordered: Sequence[Action]) -> tuple[Action, ...]:
    """Return the first three; where the road's next step is not among them, it takes the place of the last."""
    shown = ordered[:_MOST]
    step = next((each for each in ordered if each.kind in _ROAD), None)
    return tuple(shown) if step is None or step in shown else (*shown[:-1], step)


def _again(held: Held) -> Action:
    """Return what is left to do where nothing else is."""
    by = held.now.date() + timedelta(days=reference.table("report")["progress"]["look_again_days"])
    return Action(
        kind="look",
        title=words("Look again in a week"),
        why=words("A password that comes back, or a policy that somebody opens, shows in the next run only."),
        notebook="00-start",
        where=words("Run the report again, by hand or by a scheduled job."),
        by=by,
        when=phrase("by {day}", day=by),
        owner="",
    )


def _rank(held: Held, each: Action) -> tuple[Any, ...]:
    """Return the place of an action: what cannot wait, then what the freeze does not forbid, then by date."""
    held_up = each.kind in _CHANGES and _frozen(held)
    first = each.kind == "security" or (each.kind == "look" and held.found is None)
    return (not first, held_up, each.by or date.max, _ORDER.index(each.kind))


def _frozen(held: Held) -> bool:
    freeze = held.tenant.defaults.freeze
    return freeze is not None and freeze[0] <= held.now.date() <= freeze[1]


def _dated(held: Held, each: Action) -> Action:
    """Return an action whose words about its day say what the change freeze does to it."""
    freeze = held.tenant.defaults.freeze
    if freeze is None or each.kind not in _CHANGES or freeze[1] < held.now.date():
        return each
    if _frozen(held):
        said = f"after the change freeze, which ends on {spoken(freeze[1])}, unless the change is let through"
    elif each.by is None or each.by >= freeze[0]:
        said = f"before the change freeze, which begins on {spoken(freeze[0])}"
    else:
        return each
    return replace(each, when=words(said))


def _secure(made: Made) -> Iterator[Action]:
    """Yield what cannot wait as one thing to do: each account by the first step that the worst of it asks for."""
    worst: dict[str, Urgent] = {}
    for each in made.urgent:
        worst.setdefault(each.account, each)
    if not worst:
        return
    alike: dict[str, list[str]] = {}
    for each in worst.values():
        alike.setdefault(_first_step(each), []).append(each.account)
    owners = {each.owner for each in worst.values()}
    steps = joined((phrase(step, who=listed(names)) for step, names in alike.items()), "; ")
    count = counted(len(worst), "account")
    yield Action(
        kind="security",
        title=steps.capital(),
        why=words(f"A password of {count} was right where nobody has confirmed it; the evidence stands above."),
        notebook=_FINDS,
        where=words("In the Entra admin center, under Users, by whoever may reset passwords."),
        by=None,
        when=words("today"),
        owner=owners.pop() if len(owners) == 1 else "",
    )


def _first_step(each: Urgent) -> str:
    if not each.member:
        return "tell the organisation that {who} belongs to"
    if each.verdict == "confirm_today":
        return "ask {who} today, by telephone, whether this was theirs"
    return "reset the password of {who} and revoke the sessions"


def _look(held: Held, made: Made) -> Iterator[Action]:
    if made.state.word != "cannot know":
        return
    notebook = _FINDS if held.found is None else "00-start"
    yield Action(
        kind="look",
        title=words("Make the sign-in records readable, and look again"),
        why=nameless(made.state),
        notebook=notebook,
        where=words("Notebook 00 says what is missing and whom to ask."),
        by=held.now.date(),
        when=words("now: without it no other number here speaks of today"),
        owner="",
    )


def _access(held: Held) -> Iterator[Action]:
    """Yield what notebook 00 found wrong: an access that ends as a thing of its own, by when it is to be asked for."""
    others = []
    for each in problems(held, _STARTS):
        if each["outcome"] == "wrong":
            day = roads.access_ends(each["name"], each["found"])
            if day:
                yield _renewing(each, day, held.now.date())
            else:
                others.append(each)
    if others:
        yield _righting(others)


def _renewing(check: Mapping[str, Any], day: date, today: date) -> Action:
    by = deadlines.ask_by(day, today)
    return Action(
        kind="look",
        title=phrase("Renew our access: {name} ends on {day}", name=Named("word", check["name"]), day=day),
        why=words("Then nothing can be looked at, changed or taken back here any more."),
        notebook=_STARTS,
        where=phrase("{remedy}", remedy=Named("free", check["remedy"])),
        by=by,
        when=phrase("by {day}", day=by) if by else words("no date"),
        owner="",
    )


def _righting(checks: Sequence[Mapping[str, Any]]) -> Action:
    names = joined([phrase("{name}", name=Named("word", each["name"])) for each in checks[:_NAMES]], ", ", " and ")
    return Action(
        kind="look",
        title=phrase("Put right what notebook 00 found wrong: {names}", names=names),
        why=_lacks(checks, ()),
        notebook=_STARTS,
        where=words("Notebook 00 says for each what is missing and whom to ask."),
        by=None,
        when=words("no date"),
        owner="",
    )


def _renew(made: Made) -> Iterator[Action]:
    """Yield each credential that has ended or is about to; one that another has followed hurries nobody."""
    running = {each.app for each in made.credentials if each.word in ("runs", "does not end")}
    for each in made.credentials:
        if each.word not in ("ended", "ending") or each.ends is None:
            continue
        followed = each.app in running
        title = "Retire the {kind} of {app}, once nothing uses it" if followed else _RENEWS
        when = phrase("{verb} on {day}", verb=words("ended" if each.word == "ended" else "ends"), day=each.ends.date())
        more = " Another credential of the app runs on." if followed else " Nothing else lets the app sign in."
        yield Action(
            kind="credential",
            title=phrase(title, **_credential(each)),
            why=phrase("The {kind} {when}.{more}", kind=words(each.kind), when=when, more=words(more)),
            notebook=_REGISTERS,
            where=words("Notebook 20, by whoever may change the app registration."),
            by=None if followed else each.ends.date(),
            when=when,
            owner="",
        )


_RENEWS: Final = "Renew the {kind} of {app}, prove it, then retire the old one"


def _credential(each: Credential) -> dict[str, Any]:
    return {"kind": words(each.kind), "app": Named("app", each.app)}


def _decide(held: Held, made: Made) -> Iterator[Action]:
    waiting = reportsenders.waiting(made.stops)
    if not waiting:
        return
    change = min((day for each in waiting if (day := each.due or each.propose)), default=None)
    by = deadlines.ask_by(change, held.now.date())
    many = words(f"{len(waiting):,} rows under “What stops, and when?”")
    lack = f"{'It lacks' if len(waiting) == 1 else 'Each lacks'} a road, an owner or a date"
    yield Action(
        kind="decide",
        title=phrase("Decide what becomes of {what}", what=waiting[0].what if len(waiting) == 1 else many),
        why=phrase("{lack}: {rows}.", lack=words(lack), rows=_rows(waiting)),
        notebook=_FINDS,
        where=words("In the tenant's decisions file; notebook 10 writes its lines."),
        by=by,
        when=phrase("by {day}", day=by) if by else words("no date"),
        owner="",
    )


def _rows(rows: Sequence[Stop]) -> Phrase:
    shown = [each.what for each in rows[:_NAMES]]
    more = [words(f"{len(rows) - _NAMES:,} more")] if len(rows) > _NAMES else []
    return joined([*shown, *more], "; ", "; and ")


def _move(held: Held, made: Made) -> Iterator[Action]:
    """Yield what stands between the senders and OAuth: the first notebook whose evidence is not in order."""
    moving = [each for each in made.stops if each.decided and each.decision.plain() in _TOKENS]
    due = deadlines.due(held.tenant.calendar.get("smtp-auth-default-off"), held.now.date(), held.tenant.defaults.freeze)
    by = min((each.due for each in moving if each.due), default=due.day)
    if not made.apps and moving:
        who = counted(len(moving), "sender is", "senders are")
        why = words(f"{who} to move to OAuth, and no app is named in the tenants file.")
        yield _moved(_REGISTERS, words("Register an app for mail"), why, _STEPS[_REGISTERS][1], by)
    for notebook, (title, where) in _STEPS.items():
        wrong = [each for each in made.apps if _status(each, notebook) in ("wrong", "not configured")]
        lacks = _hindering(held, notebook)
        if wrong and lacks:
            names = joined([phrase("{app}", app=Named("app", each.name)) for each in wrong], ", ", " and ")
            yield _moved(notebook, phrase(title + " ({names})", names=names), _lacks(lacks, wrong), where, by)
            return


def _moved(notebook: str, title: Phrase, why: Phrase, where: str, by: date | None) -> Action:
    when = phrase("by {day}", day=by) if by else words("no date")
    return Action("move", title, why, notebook, words(where), by, when, "")


def _hindering(held: Held, notebook: str) -> list[Mapping[str, Any]]:
    """Return what is wrong, without credentials that end: they are things to do of their own."""
    return [each for each in problems(held, notebook) if not each["name"].startswith(("certificate ", "secret "))]


_STEPS: Final = {
    _REGISTERS: ("Put the app registration in order", "Notebook 20, by whoever may change app registrations."),
    _CONSENTS: ("Give the consent that is missing", "Notebook 30: a link that an administrator opens."),
    _GRANTS: ("Let the app open its mailboxes", "Notebook 40, by whoever administers Exchange."),
}


def _status(app: App, notebook: str) -> str:
    of: Mapping[str, str] = {
        _REGISTERS: app.registration.word,
        _CONSENTS: app.consent.word,
        _GRANTS: app.grants.word,
    }
    return of[notebook]


def _lacks(checks: Sequence[Mapping[str, Any]], apps: Sequence[App]) -> Phrase:
    one = checks[0]
    name = next((about(one, app.name) for app in apps if about(one, app.name) != one["name"]), one["name"])
    first = phrase("{name}: {found}", name=Named("word", name), found=Named("free", one["found"]))
    more = words(f" {counted(len(checks) - 1, 'more point')}.") if len(checks) > 1 else Phrase()
    return phrase("{first}.{more}", first=first, more=more)


def _prove(held: Held, made: Made) -> Iterator[Action]:
    unproven = [each for each in made.mailboxes if each.unproven]
    named = {each.address.lower() for each in made.mailboxes}
    moved = [each for each in _moving(made) if each.lower() not in named]
    names = list(dict.fromkeys((*(each.address for each in unproven), *moved)))
    if not names or not (made.apps or moved):
        return  # Without an app there is nothing to prove with: registering one comes first.
    if refused := _refused(held, unproven):
        cause = next(iter(refused.values()))
        yield _mend(cause, [name for name, other in refused.items() if other["title"] == cause["title"]])
        return
    yield Action(
        kind="prove",
        title=phrase("Prove OAuth on the wire for {who}", who=listed(names)),
        why=_unproven(unproven, moved),
        notebook=_PROVES,
        where=words("Notebook 50: it reads, changes nothing, and sends nothing."),
        by=None,
        when=words("after each change"),
        owner="",
    )


def _unproven(unproven: Sequence[Mailbox], moved: Sequence[str]) -> Phrase:
    """Return what is missing for a proof of mailboxes, and of accounts with tokens that are not among them."""
    tried = any(each.tried for each in unproven)
    why = words("No attempt since the last change went well." if tried else _UNTRIED) if unproven else _TOKENS_ONLY
    listing = phrase("The tenants file does not list {who} under mailboxes yet.", who=listed(moved))
    return joined((why, listing), " ") if moved else why


def _refused(held: Held, unproven: Sequence[Mailbox]) -> dict[str, Mapping[str, Any]]:
    """Return the first cause of the refusal that still counts, for each mailbox of which one is known."""
    tried, waiting = held.data(_PROVES), {each.address.lower() for each in unproven}
    found: dict[str, Mapping[str, Any]] = {}
    for each in tried["attempts"] if tried else ():
        if each["mailbox"].lower() in waiting and each["causes"] and not held.is_stale(each):
            found.setdefault(each["mailbox"], each["causes"][0])
    return found


def _mend(cause: Mapping[str, Any], names: Sequence[str]) -> Action:
    """Return what comes before another try: what refused the one before is put right where that is done."""
    notebook = next((name for name in NOTEBOOKS if cause["notebook"] and name.startswith(cause["notebook"])), _PROVES)
    return Action(
        kind="prove",
        title=phrase("{cause}: put it right for {who}", cause=Named("word", cause["title"]), who=listed(names)),
        why=words("This is the first cause of what notebook 50 was refused; trying again before it changes nothing."),
        notebook=notebook,
        where=phrase("{remedy} Then prove again with notebook 50.", remedy=Named("word", cause["remedy"])),
        by=None,
        when=words("before the next try"),
        owner="",
    )


def _moving(made: Made) -> list[str]:
    """Return the accounts that hold tokens and are not proven."""
    return [each.account for each in made.progress.known if each.now == "oauth"]


_UNTRIED: Final = "Nobody has tried yet whether a token opens it."
_TOKENS_ONLY: Final = words("Tokens were seen for it; that a mailbox opens with them was not.")


def _close(held: Held, made: Made) -> Iterator[Action]:
    waits = [*(each for each in made.mailboxes if each.unproven), *_moving(made)]
    if made.state.word != "quiet" or door(held, made.progress.known) or waits:
        return  # Whoever closes the door before OAuth is proven finds out by mail that does not come.
    due = deadlines.due(held.tenant.calendar.get("smtp-auth-default-off"), held.now.date(), held.tenant.defaults.freeze)
    shut = held.data(_GRANTS) is not None and not open_doors(held)
    closes = "Close the door to passwords by policy, then test that it is shut"
    yield Action(
        kind="close",
        title=words("Test that a password is refused" if shut else closes),
        why=made.state.missing[0] if made.state.missing else Phrase(),
        notebook=_CLOSES,
        where=words(_TESTS if shut else _IN_WAVES),
        by=due.day,
        when=words(due.why),
        owner="",
    )


_CLOSES: Final = "60-close-basic"
_TESTS: Final = "Notebook 60, step 5: one try with the password of a mailbox that nobody uses."
_IN_WAVES: Final = (
    "Notebook 60, by whoever administers Exchange: an authentication policy with AllowBasicAuthSmtp off first, then "
    "the switches, then the test."
)
