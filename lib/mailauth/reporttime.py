"""What changed since the run before, and the way to zero, day by day and run by run.

A curve that falls may mean that senders moved, that a policy refuses them unseen, or that records are missing; so each
day without records is told apart from a day without senders, and what may have bent the curve is marked on its day.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal

from . import findings
from .phrases import Named, Phrase, joined, phrase, words
from .plan import Cmdlet, Receipt, Step
from .report import Change, Changes, Mark, Point, State, Trend, TrendDay
from .reportevidence import NOTEBOOKS, Held, Reading, at
from .reportsenders import account, ends, moved, stops, waiting, where
from .wording import counted

__all__ = ["changes", "trend"]

Record = Mapping[str, Any]
Group = Mapping[str, Any]

_FINDS: Final = "10-find-basic-auth"
_MOST_POINTS: Final = 400
_POLICY: Final = ("AuthenticationPolicy", "STSRefreshTokensValidFrom", "SmtpClientAuthenticationDisabled")
_ORDER: Final[tuple[findings.State, ...]] = ("cannot know", "exposed", "moving", "quiet", "closed")


def changes(held: Held, state: State) -> Changes:
    """Return what changed since the run before; where there is none, that."""
    earlier = held.reading.earlier.get(_FINDS)
    if earlier is None and held.reading.before is None:
        return Changes(None, (), words("No evidence of an earlier run lies here, so nothing can be compared."))
    lines = (
        *_state(held, state),
        *(_senders(earlier["data"], held.found) if earlier and held.found else ()),
        *_proofs(held),
        *_consents(held),
        *_doors(held),
        *_policies(held),
        *_credentials(held),
        *_looks(held),
    )
    since = at(earlier["made_at"]) if earlier else held.reading.before.made_at if held.reading.before else None
    return Changes(since, lines, Phrase() if lines else words("Nothing that was looked at has changed."))


def _looks(held: Held) -> Iterator[Change]:
    """Yield what was looked at that no earlier run had looked at: there is nothing to compare it with."""
    sources = held.reading.before.looked.sources if held.reading.before else ()
    known = {*held.reading.earlier, *(each.notebook for each in sources if each.state == "read")}
    new = [name[:2] for name in NOTEBOOKS if name in held.reading.held and name not in known]
    if new:
        yield Change("look", None, words(f"Looked at for the first time: {', '.join(new)}."))


def _state(held: Held, state: State) -> Iterator[Change]:
    before, earlier = held.reading.before, held.reading.earlier.get(_FINDS)
    was: findings.State | None = before.state.word if before else earlier["data"]["state"]["word"] if earlier else None
    if was and was != state.word:
        good = None if "cannot know" in (was, state.word) else _ORDER.index(state.word) > _ORDER.index(was)
        yield Change("state", good, words(f"The state was “{was}” and is “{state.word}”."))


def _senders(was: Record, now: Record) -> Iterator[Change]:
    before = {each["sender_id"]: each for each in was["groups"]}
    after = {each["sender_id"]: each for each in now["groups"]}
    places = {(each["user"], each["protocol"]) for each in before.values() if ends(each)}
    blind = now["last_look"] is not None or now["held"] is None
    for key, group in after.items():
        other = before.get(key)
        if ends(group) and not (other and ends(other)):
            yield _appeared(group, again=(group["user"], group["protocol"]) in places)
        if moved(group) and other and ends(other):
            yield _about("sender", True, "{who} holds tokens now and has used no password for a while.", group)
        if other and (ends(group) or ends(other)):
            yield from _decision(other, group)
    for key, group in before.items():
        if ends(group) and key not in after and not blind:
            said = "{who} from {place} was not seen any more."
            yield _about("sender", None, said, group)
    yield from _strangers(before, after)


def _appeared(group: Group, *, again: bool) -> Change:
    if again:
        return _about("network", False, "{who} signs in from one network more: {place}.", group)
    return _about("sender", False, "{who} is new: it signs in with a password or certificate from {place}.", group)


def _about(kind: Literal["sender", "network", "decision"], good: bool | None, said: str, group: Group) -> Change:
    named = {"who": account(group["user"]), "place": where(group)}
    used = {name: value for name, value in named.items() if f"{{{name}}}" in said}
    return Change(kind, good, phrase(said, **used))


def _strangers(before: Mapping[str, Group], after: Mapping[str, Group]) -> Iterator[Change]:
    urgent = ("suspected_compromise", "password_known", "confirm_today")
    for key, group in after.items():
        other = before.get(key)
        if group["verdict"] in urgent and (other is None or other["verdict"] not in urgent):
            yield _about("sender", False, "{who} needs attention since then: a password was right from {place}.", group)


def _decision(was: Group, now: Group) -> Iterator[Change]:
    old, new = was["decision"], now["decision"]
    who = account(now["user"])
    if old["title"] != new["title"]:
        said = "For {who} the decision was “{old}” and is “{new}”."
        good = (new["decided"] and not old["decided"]) or None
        yield Change("decision", good, phrase(said, who=who, old=words(old["title"]), new=words(new["title"])))
    if old["owner"] != new["owner"]:
        held = phrase("{owner}", owner=Named("person", new["owner"])) if new["owner"] else words("open")
        yield Change("decision", bool(new["owner"]), phrase("The owner of {who} is {owner}.", who=who, owner=held))
    if old["due"] != new["due"]:
        day = phrase("{day}", day=date.fromisoformat(new["due"])) if new["due"] else words("open")
        yield Change("decision", None, phrase("The date for {who} is {day}.", who=who, day=day))


def _proofs(held: Held) -> Iterator[Change]:
    was, now = held.earlier("50-prove-mail-oauth"), held.data("50-prove-mail-oauth")
    if not was or not now:
        return
    old = {_attempt(each): each["outcome"] for each in was["attempts"]}
    for each in now["attempts"]:
        before = old.get(_attempt(each))
        if before is not None and "ok" in (before, each["outcome"]) and before != each["outcome"]:
            good = each["outcome"] == "ok"
            said = (
                "{who} by {protocol} with {app} is proven now." if good else "{who} by {protocol} with {app} fails now."
            )
            named = {"who": account(each["mailbox"]), "protocol": words(each["protocol"].upper())}
            yield Change("proof", good, phrase(said, app=Named("app", each["app"]), **named))


def _attempt(each: Record) -> tuple[str, ...]:
    return each["mailbox"], each["protocol"], each["app"], each["flow"]


def _consents(held: Held) -> Iterator[Change]:
    was, now = held.earlier("30-consent"), held.data("30-consent")
    if not was or not now:
        return
    old = {each["name"]: each for each in was["apps"]}
    for each in now["apps"]:
        app = Named("app", each["name"])
        before = {one["protocol"]: one for one in old[each["name"]]["protocols"]} if each["name"] in old else {}
        for one in each["protocols"]:
            had, has = _held(before.get(one["protocol"])), _held(one)
            protocol = words(one["protocol"].upper())
            if before and has != had:
                verb = "gained" if has > had else "lost" if has < had else "changed"
                said = f"{{app}} {verb} consent for {{protocol}}."
                yield Change("consent", True if has > had else None, phrase(said, app=app, protocol=protocol))


def _held(protocol: Record | None) -> frozenset[str]:
    if protocol is None:
        return frozenset()
    return frozenset((*protocol["everybody"], *protocol["people"], *(("itself",) if protocol["role"] else ())))


def _doors(held: Held) -> Iterator[Change]:
    for address, protocol, was, now in _opened(held):
        said = f"{{who}} lets a password in by {protocol.upper()}: it was {was} and is {now}."
        yield Change("setting", {"closed": True, "open": False}.get(now), phrase(said, who=account(address)))


def _opened(held: Held) -> Iterator[tuple[str, str, str, str]]:
    """Yield each password's door that another setting opened or closed, as address, protocol, before and now."""
    was, now = held.earlier("40-grant-mailboxes"), held.data("40-grant-mailboxes")
    if not was or not now:
        return
    old = _passwords(was)
    for key, state in _passwords(now).items():
        if old.get(key, state) != state:
            yield *key, old[key], state


def _policies(held: Held) -> Iterator[Change]:
    """Yield what changed about the policies that stop passwords, and about the tenant's own switch."""
    was, now = held.earlier("40-grant-mailboxes"), held.settings
    old = was.get("settings") if was else None
    if not old or not now:
        return
    if old["smtp_off"] != now["smtp_off"] and now["smtp_off"] is not None:
        said = "off" if now["smtp_off"] else "on"
        yield Change(
            "setting", now["smtp_off"], words(f"SMTP AUTH is {said} for every mailbox that says nothing else.")
        )
    before = {each["id"]: each for each in old["access"] or ()}
    for each in now["access"] or ():
        other, name = before.get(each["id"]), Named("free", each["name"])
        if other and other["state"] != each["state"]:
            good = each["state"] == "enabled"
            said = f"The policy “{{name}}” was {other['state']} and is {each['state']}."
            yield Change("setting", good, phrase(said, name=name))
        if other and other["excludes"] != each["excludes"]:
            grown = each["excludes"] - other["excludes"]
            said = f"The exclusions of “{{name}}” {'grew' if grown > 0 else 'shrank'} by {abs(grown):,}."
            yield Change("setting", grown < 0, phrase(said, name=name))


def _passwords(record: Record) -> Mapping[tuple[str, str], str]:
    return {
        (box["address"], door["protocol"]): door["state"]
        for box in record["mailboxes"]
        for door in box["doors"]
        if door["kind"] == "password"
    }


def _credentials(held: Held) -> Iterator[Change]:
    was, now = held.earlier("20-register-app"), held.data("20-register-app")
    if not was or not now or not was["app"] or not now["app"]:
        return
    app = Named("app", now["wanted"]["name"])
    old = {each["id"]: each["kind"] for each in was["app"]["credentials"]}
    new = {each["id"]: each["kind"] for each in now["app"]["credentials"]}
    for key in sorted(new.keys() - old.keys()):
        said = "{app} has a new {kind}, {id}."
        yield Change("credential", None, phrase(said, app=app, kind=words(new[key]), id=Named("id", key)))
    for key in sorted(old.keys() - new.keys()):
        said = "{app} has lost its {kind} {id}."
        yield Change("credential", None, phrase(said, app=app, kind=words(old[key]), id=Named("id", key)))


# The way to zero.


def trend(held: Held, state: State) -> Trend:
    """Return the way to zero.

    Args:
        held: The records.
        state: Where the tenant stands.
    """
    days = tuple(_days(held))
    points = _points(held, state)
    first = days[0].day if days else held.now.date()
    marks = tuple(sorted((each for each in _marks(held) if each.day >= first), key=lambda each: each.day))
    return Trend(_sentence(days, points), days, marks, points)


def _sentence(days: Sequence[TrendDay], points: Sequence[Point]) -> Phrase:
    seen = [day for day in days if not day.missing]
    if not seen:
        return words("There is no day of records to draw.")
    most, last = max(seen, key=lambda day: day.senders), seen[-1]
    said = phrase(
        "At most {most} on one day ({peak}), {last} on the last day of the records ({end}).",
        most=words(counted(most.senders, "password sender")),
        peak=most.day,
        last=last.senders,
        end=last.day,
    )
    lost = len(days) - len(seen)
    gap = (
        words(f"{counted(lost, 'day')} without records {'says' if lost == 1 else 'say'} nothing.") if lost else Phrase()
    )
    runs = words(f"{counted(len(points), 'run')} {'is' if len(points) == 1 else 'are'} known.")
    return joined((said, gap, runs), " ")


def _days(held: Held) -> Iterator[TrendDay]:
    span = held.found["held"] if held.found else None
    if not held.found or not span:
        return
    senders: dict[str, set[str]] = defaultdict(set)
    phones: dict[str, set[str]] = defaultdict(set)
    for group in held.groups:
        certificate = group["verdict"] == "certificate"
        for day in group["by_day"] if ends(group) or moved(group) else ():
            if day["successes"]:
                (phones if certificate else senders)[day["day"]].add(
                    group["user"] if certificate else group["sender_id"]
                )
    oauth = {each["day"]: each["senders"] for each in held.found["adoption"]["days"]}
    missing = set(held.found["missing_days"])
    day, last = at(span["from"]).astimezone(UTC).date(), at(span["to"]).astimezone(UTC).date()
    while day <= last:
        key = day.isoformat()
        yield TrendDay(day, len(senders[key]), len(phones[key]), oauth.get(key, 0), key in missing)
        day += timedelta(days=1)


def _points(held: Held, state: State) -> tuple[Point, ...]:
    known: dict[datetime, Point] = {}
    for record in (held.reading.first, held.reading.earlier.get(_FINDS)):
        if record:
            then = Held(Reading(held.tenant, at(record["made_at"]), {_FINDS: record}))
            point = _point(then, record, record["data"]["state"]["word"])
            known[point.made_at] = point
    known |= {each.made_at: each for each in (held.reading.before.trend.points if held.reading.before else ())}
    record = held.reading.held.get(_FINDS)
    if record:
        now = _point(held, record, state.word)
        known[now.made_at] = now
    return tuple(known[key] for key in sorted(known))[-_MOST_POINTS:]


def _point(held: Held, record: Record, word: findings.State) -> Point:
    undecided = len(waiting(stops(held)))
    told = record["data"]["headline"]
    made = at(record["made_at"])
    return Point(made, word, told["senders"], told["certificate_users"], told["attention"], undecided)


def _marks(held: Held) -> Iterator[Mark]:
    if held.found:
        for day, said in held.found["marks"].items():
            yield Mark(date.fromisoformat(day), "service", words(said))
    for receipt in held.reading.receipts:
        yield from _done(receipt)
    yield from _accesses(held)
    for address, protocol, was, now in _opened(held):
        made = held.made_at("40-grant-mailboxes") or held.now
        said = f"{protocol.upper()} for {{who}} went from {was} to {now}, on this day or before"
        yield Mark(made.date(), "access", phrase(said, who=account(address)))


def _accesses(held: Held) -> Iterator[Mark]:
    """Yield the days on which a Conditional Access policy about passwords changed, as far as that was read."""
    settings = held.settings
    policies = {each["id"]: each for each in (settings["access"] if settings else ()) or ()}
    days = {(each["id"], at(each["changed_at"]).date()): 0 for each in policies.values() if each["changed_at"]}
    for each in (settings["changes"] if settings else ()) or ():
        if each["policy"] in policies:
            key = each["policy"], at(each["at"]).date()
            days[key] = days.get(key, 0) + each["excluded"]
    for (policy, day), excluded in days.items():
        more = f", {counted(excluded, 'exclusion')} more" if excluded else ""
        name = Named("free", policies[policy]["name"])
        yield Mark(day, "access", phrase("Conditional Access “{name}” changed{more}", name=name, more=words(more)))


def _done(receipt: Receipt) -> Iterator[Mark]:
    """Yield one mark for each day and kind on which a receipt changed anything."""
    steps = {step.id: step for step in receipt.plan.steps}
    done: dict[tuple[date, Literal["policy", "change"]], int] = defaultdict(int)
    for entry in receipt.entries:
        if entry.outcome in ("done", "unclear") and entry.step in steps:
            done[entry.at.astimezone(UTC).date(), _kind(steps[entry.step])] += 1
    for (day, kind), count in done.items():
        what = "what passwords may do" if kind == "policy" else "apps and mailboxes"
        back = "taken back" if receipt.undoes else "carried out"
        yield Mark(day, kind, words(f"{counted(count, 'change')} to {what} {back}"))


def _kind(step: Step) -> Literal["policy", "change"]:
    if not isinstance(step.do, Cmdlet):
        return "change"
    named = (step.do.name, *step.do.parameters)
    return "policy" if any(word in each for each in named for word in _POLICY) else "change"
