"""Senders in a report: what cannot wait, what stops with its decision, owner and date, and what moved.

A row of "what stops" is one sender. Phones that share a decision, an owner and a date are one row: a firm with four
hundred of them has one task there, not four hundred.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final, Literal

from . import advice, deadlines, letters, verdicts
from .calendar import spoken
from .decisions import Sender
from .findings import ATTENTION
from .phrases import Named, Phrase, joined, phrase, words
from .protocols import UNNAMED
from .report import Known, Progress, SenderRow, Stop, Urgent
from .reportevidence import Held, at
from .wording import called, counted

__all__ = [
    "account",
    "asks_maker",
    "ends",
    "listed",
    "moved",
    "opaque",
    "product",
    "progress",
    "rows",
    "stops",
    "urgent",
    "waiting",
    "where",
]

Group = Mapping[str, Any]

_UNKNOWN_USE: Final = words("not known; whoever owns it can say")


def account(name: str) -> Named | Phrase:
    """Return an account as a phrase takes it."""
    return Named("address", name) if name else words("an account without a name")


def listed(names: Sequence[str]) -> Phrase:
    """Return accounts as a sentence lists them: all of a few, else some and a count.

    Which are shown of many has nothing to do with their names: an edition for others would tell their order by it.
    """
    few = names if len(names) <= _NAMES else sorted(names, key=opaque)[:_NAMES]
    more = [words(f"{len(names) - _NAMES:,} more")] if len(names) > _NAMES else []
    return joined([*(phrase("{who}", who=account(each)) for each in few), *more], ", ", " and ")


_NAMES: Final = 3


def opaque(*names: str) -> str:
    """Return what to order by where nothing else decides: the same from run to run, and not the order of the names."""
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def where(group: Group) -> Phrase:
    """Return a group's network with the name that a person gave it, or what is known of it."""
    network = group["network"]
    if not network["address"]:
        return words("a network that no record names")
    place = phrase("{address}", address=Named("ip", network["address"]))
    if network["label"]:
        return phrase("{name} ({place})", name=Named("place", network["label"]), place=place)
    if network["known_site"]:
        return phrase("{place}, where other accounts of the tenant work", place=place)
    asn = phrase("{asn}", asn=Named("ip", f"AS{network['asn']}")) if network["asn"] else Phrase()
    country = phrase("{country}", country=Named("word", network["country"])) if network["country"] else Phrase()
    about = joined((country, asn))
    held = phrase("{place} ({about})", place=place, about=about) if about else place
    return held if network["kind"] else phrase("{place}, which nobody has confirmed", place=held)


# What cannot wait.


def urgent(held: Held) -> tuple[Urgent, ...]:
    """Return what cannot wait and nobody has settled, in the order of the findings: the worst first."""
    groups = {each["sender_id"]: each for each in held.groups if each["sender_id"] not in held.settled}
    found = held.found["attention"] if held.found else ()
    return tuple(_urgent(groups[each["sender_id"]], each["title"]) for each in found if each["sender_id"] in groups)


def _urgent(group: Group, title: str) -> Urgent:
    member = group["population"] == "member"
    return Urgent(
        sender_id=group["sender_id"],
        account=group["user"],
        member=member,
        protocol=group["protocol"],
        verdict=group["verdict"],
        title=title,
        evidence=_evidence(group),
        steps=tuple(map(words, verdicts.steps(group["verdict"], member=member))),
        owner=group["decision"]["owner"],
        last_seen=at(group["last_seen"]),
    )


def _evidence(group: Group) -> Phrase:
    right = group["successes"] or group["right_password_blocks"]
    times = "once" if right == 1 else f"{right:,} times"
    did = "signed in {times}" if group["successes"] else "was stopped {times} after the right password"
    return phrase(
        f"{{who}} {did.format(times=times)} by {{protocol}} from {{place}}, {{days}}.{{more}}",
        who=account(group["user"]),
        protocol=words(group["protocol"]),
        place=where(group),
        days=_days(group),
        more=_doubt(group),
    )


def _doubt(group: Group) -> Phrase:
    victims, failures = group["network"]["victims"], group["failures"]
    said = (
        f" The same network failed for {counted(victims, 'account')}." if victims > 1 else "",
        f" Entra ID Protection rated a sign-in {group['risk']}." if group["risk"] in ("medium", "high") else "",
        f" Beside it {counted(failures, 'password was', 'passwords were')} refused." if failures else "",
    )
    return words("".join(said))


def _days(group: Group) -> Phrase:
    days = [
        date.fromisoformat(day["day"]) for day in group["by_day"] if day["successes"] or day["right_password_blocks"]
    ]
    if not days:
        return phrase("last on {day}", day=at(group["last_seen"]).date())
    if min(days) == max(days):
        return phrase("on {day}", day=min(days))
    return phrase("between {first} and {last}", first=min(days), last=max(days))


# What stops.


def stops(held: Held) -> tuple[Stop, ...]:
    """Return what stops: what waits for somebody first, then by date, then what is used most."""
    if held.found is None:
        return ()
    groups = [group for group in held.groups if ends(group) or _unnamed(group)]
    phones = [group for group in groups if group["verdict"] == "certificate"]
    found = [
        *(_stop(held, group) for group in groups if group["verdict"] != "certificate"),
        *_phones(held, phones),
        *(_reported(held, each) for each in held.found["reported"] if each["basic"] and not each["known"]),
    ]
    return tuple(sorted(found, key=_work_order))


def waiting(rows: Sequence[Stop]) -> list[Stop]:
    """Return the rows that nobody has decided on: those which lack a road, an owner or a date."""
    return [each for each in rows if each.open]


def asks_maker(group: Group) -> bool:
    """Whether a sender's road waits for the word of whoever made it."""
    return any(question["id"] == "oauth" for question in group["decision"]["questions"])


def product(held: Held, group: Group) -> Named | None:
    """Return what a person calls the program or device; None where its kind is a guess, which nobody can be asked."""
    own, now = group["decision"], held.moving.decision(group)
    if now and now.vendor:
        return letters.line(now.vendor, kind="device")
    guessed = own["kind_is_inferred"] or own["kind"] in ("", "not known")
    return None if guessed else letters.line(own["kind"], kind="device")


def ends(group: Group) -> bool:
    """Whether what works for a group today ends with 2026."""
    return bool(group["ends_in_2026"])


def moved(group: Group) -> bool:
    """Whether a member's sender seems to have moved."""
    return bool(group["moved"]) and group["population"] == "member"


def _unnamed(group: Group) -> bool:
    works = group["verdict"] in ("basic_sender", "basic_unconfirmed")
    return works and group["population"] == "member" and group["protocol"] == UNNAMED and not group["moved"]


def _work_order(stop: Stop) -> tuple[Any, ...]:
    kinds = ("password", "unnamed", "certificate", "reported")
    due = stop.due or stop.exception_until or stop.propose or date.max
    last = opaque(*stop.accounts, *stop.sender_ids)
    return (kinds.index(stop.kind) == 3, not stop.open, due, kinds.index(stop.kind), -stop.days_active, last)


def _stop(held: Held, group: Group) -> Stop:
    end = held.tenant.calendar.get("smtp-auth-default-off")
    kind: Literal["password", "unnamed"] = "password" if ends(group) else "unnamed"
    return _decided(
        held,
        group,
        Stop(
            what=_what(group),
            kind=kind,
            accounts=(group["user"],),
            protocol=group["protocol"],
            used_for=_used_for(held, group),
            where=where(group),
            days_active=group["days_active"],
            last_seen=_worked(group),
            decision=Phrase(),
            decided=False,
            owner="",
            due=None,
            exception_until=None,
            propose=None,
            proposal=Phrase(),
            questions=(),
            ends=end.when,
            shows=end.shows,
            witness=_witness(held),
            sender_ids=(group["sender_id"],),
        ),
    )


def _what(group: Group) -> Phrase:
    own = group["decision"]
    kind = words(own["kind"]) if own["kind_is_inferred"] else phrase("{kind}", kind=Named("device", own["kind"]))
    if own["kind"] in ("", "not known"):
        kind = words("a sender that nobody has named")
    label = group["network"]["label"]
    place = phrase(", {name}", name=Named("place", label)) if label else Phrase()
    return phrase("{kind}{place} ({who})", kind=kind, place=place, who=account(group["user"]))


def _decided(held: Held, group: Group, stop: Stop) -> Stop:
    """Return a row with what a person decided; the decisions file as it stands now counts before the evidence."""
    own = group["decision"]
    now = _decision(held, group)
    until = now.exception_until if now else _day(own["exception_until"])
    action = now.action if now else (own["action"] if own["decided"] else "")
    taken = bool(action) or until is not None
    stays = phrase("stays as it is until {day}", day=until) if until else _road(action)
    decision = stays if taken else phrase("open: {title}", title=words(_advised(own)))
    return replace(
        stop,
        decision=decision,
        decided=taken,
        owner=now.owner if now else own["owner"],
        due=now.due if now else _day(own["due"]),
        exception_until=until,
        propose=_day(own["by"]),
        proposal=words(own["by_words"]),
        questions=tuple(phrase("{text}", text=words(each["text"])) for each in own["questions"]),
    )


def _road(action: str) -> Phrase:
    """Return a road in words; one that the runbook does not know is a person's own text."""
    known = advice.roads().get(action)
    return words(known.title) if known else phrase("{action}", action=Named("free", action))


def _advised(own: Mapping[str, Any]) -> str:
    if own["action"]:
        return f"the runbook advises {called(own['title'])}"
    return str(own["title"])


def _decision(held: Held, group: Group) -> Sender | None:
    decided = held.reading.decided
    return decided.sender(group["user"], group["protocol"], group["network"]["address"]) if decided else None


def _used_for(held: Held, group: Group) -> Phrase:
    now = _decision(held, group)
    outside = now.answers.get("outside") if now else None
    grants = held.data("40-grant-mailboxes")
    others = grants["senders"].get(group["user"].lower(), ()) if grants else ()
    told = sum(each["messages"] for each in held.moving.reports.get(group["sender_id"], ()))
    said = (
        words({True: "mail to people outside", False: "mail inside the firm only"}[outside])
        if outside is not None
        else Phrase(),
        phrase("sends as {names} too", names=joined(phrase("{a}", a=Named("address", each)) for each in others))
        if others
        else Phrase(),
        words(f"{counted(told, 'message')} in Microsoft's mail report") if told else Phrase(),
    )
    return joined(said, "; ") or _UNKNOWN_USE


def _phones(held: Held, groups: Sequence[Group]) -> Iterator[Stop]:
    """Yield the phones with certificates, those with the same decision, owner and date together."""
    alike: dict[tuple[Any, ...], list[tuple[Group, Stop]]] = defaultdict(list)
    for group in groups:
        row = _decided(held, group, _phone(held, group))
        alike[row.decision, row.owner, row.due, row.exception_until].append((group, row))
    for pairs in alike.values():
        yield _together([row for _, row in pairs])


def _phone(held: Held, group: Group) -> Stop:
    end = held.tenant.calendar.get("activesync-certificate")
    return replace(
        _stop(held, group),
        kind="certificate",
        used_for=words("mail on phones"),
        where=Phrase(),
        ends=end.when,
        shows=end.shows,
    )


def _together(rows: Sequence[Stop]) -> Stop:
    accounts = tuple(dict.fromkeys(name for row in rows for name in row.accounts))
    what = rows[0].what if len(rows) == 1 else words(f"phones with certificates, {counted(len(accounts), 'account')}")
    return replace(
        rows[0],
        what=what,
        accounts=accounts,
        days_active=max(row.days_active for row in rows),
        last_seen=max((row.last_seen for row in rows if row.last_seen), default=None),
        questions=tuple(dict.fromkeys(each for row in rows for each in row.questions)),
        sender_ids=tuple(each for row in rows for each in row.sender_ids),
    )


def _reported(held: Held, each: Mapping[str, Any]) -> Stop:
    end = held.tenant.calendar.get("smtp-auth-default-off")
    freeze = held.tenant.defaults.freeze
    due = deadlines.due(end, held.now.date(), freeze)
    return Stop(
        what=phrase("an address that only the mail report knows ({who})", who=account(each["address"])),
        kind="reported",
        accounts=(each["address"],),
        protocol="",
        used_for=words(f"{counted(each['basic'], 'message')} with a password"),
        where=Phrase(),
        days_active=0,
        last_seen=_day(each["last"]),
        decision=words("open: find which account sends in its name"),
        decided=False,
        owner="",
        due=None,
        exception_until=None,
        propose=due.day,
        proposal=words(due.why),
        questions=(words("Which account, on which device, sends under this address?"),),
        ends=end.when,
        shows=end.shows,
        witness=words("Microsoft's mail report"),
        sender_ids=(),
    )


def _witness(held: Held) -> Phrase:
    span = held.found["held"] if held.found else None
    if not span:
        return words("sign-in records")
    return phrase("sign-in records, {first} to {last}", first=at(span["from"]).date(), last=at(span["to"]).date())


def _worked(group: Group) -> date:
    return at(group["last_success"] or group["last_seen"]).date()


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


# What moved.


def progress(held: Held) -> Progress:
    """Return then and now, over every sender that any run has seen."""
    known = tuple(_known(held))
    senders = [each for each in known if each.kind == "password"]
    gone = [each for each in senders if each.now != "sends"]
    sure = sum(each.now in ("proven", "other road") for each in gone)
    now = held.found["headline"]["senders"] if held.found else 0
    since, then = _first(held)
    told = Progress(Phrase(), since, then if since else now, now, len(gone), sure, len(gone) - sure, known)
    return replace(told, sentence=_sentence(held, told))


def _first(held: Held) -> tuple[datetime | None, int]:
    """Return the first run that is known, and its senders; None where it is of the same day as this one."""
    points = held.reading.before.trend.points if held.reading.before else ()
    if points:
        since, count = points[0].made_at, points[0].senders
    elif held.reading.first:
        since, count = at(held.reading.first["made_at"]), held.reading.first["data"]["headline"]["senders"]
    else:
        return None, 0
    made = held.made_at("10-find-basic-auth") or held.now
    return (since, count) if since.date() < made.date() else (None, 0)


def _sentence(held: Held, told: Progress) -> Phrase:
    if held.found is None:
        return words("Nobody has looked yet, so there is nothing to compare.")
    verb = "sends" if told.moved == 1 else "send"
    gone = f"{told.moved:,} no longer {verb}: {told.proven:,} proven, {told.quiet:,} not proven."
    gone = gone if told.moved else "None has moved."
    # Who cannot see today has counted a day that is gone.
    when = "now" if held.moving.looked else "at the last good look"
    if told.since is None:
        known = held.reading.before or held.reading.first or held.reading.earlier
        first = "No run of an earlier day is known" if known else "This is the first look"
        return words(f"{first}: {counted(told.now, 'password sender')} {when}. {gone}")
    then = phrase("{count} on {day}", count=words(counted(told.then, "password sender")), day=told.since.date())
    return phrase(f"{{then}}, {{now}} {when}. {{gone}}", then=then, now=told.now, gone=words(gone))


def _known(held: Held) -> Iterator[Known]:
    """Yield every sender that any run has seen, the last one to use its password first."""
    found: dict[str, Known] = {}
    for each in held.reading.before.progress.known if held.reading.before else ():
        found[each.sender_id] = each
    for record in (held.reading.first, held.reading.earlier.get("10-find-basic-auth")):
        for group in record["data"]["groups"] if record else ():
            if record and (ends(group) or moved(group)):
                _add(found, group, at(record["made_at"]))
    for group in held.groups:
        if ends(group) or moved(group):
            _add(found, group, held.made_at("10-find-basic-auth") or held.now)
    groups = {each["sender_id"]: each for each in held.groups}
    said = (replace(each, now=_now(held, each, groups.get(each.sender_id))) for each in found.values())
    yield from sorted(said, key=lambda each: (each.last_password, each.sender_id), reverse=True)


def _add(found: dict[str, Known], group: Group, seen: datetime) -> None:
    kind: Literal["password", "certificate"] = "certificate" if group["verdict"] == "certificate" else "password"
    last = at(group["last_success"] or group["last_seen"])
    other = found.get(group["sender_id"])
    first = min(seen, other.first_seen) if other else seen
    now: Literal["sends", "quiet"] = "sends" if ends(group) else "quiet"
    last = max(last, other.last_password) if other else last
    found[group["sender_id"]] = Known(group["sender_id"], group["user"], kind, first, last, now)


def _now(held: Held, each: Known, group: Group | None) -> Literal["sends", "proven", "oauth", "other road", "quiet"]:
    if not held.moving.looked:
        return each.now  # Who did not look cannot say that it stopped.
    if group and ends(group):
        return "sends"
    standing = held.moving.stand(group or _made_up(held, each), each.last_password)
    if standing.word == "closed" and standing.proven:
        return "proven"
    if standing.word in ("quiet", "closed") and (standing.oauth or standing.proven):
        return "oauth"
    return "other road" if standing.word == "closed" else "quiet"


def _made_up(held: Held, each: Known) -> Group:
    """Return what the records say of a sender that is in none of their groups any more."""
    protocol = "ActiveSync" if each.kind == "certificate" else "SMTP AUTH"
    nowhere = {"address": ""}
    return {
        "sender_id": each.sender_id,
        "user": each.account,
        "protocol": protocol,
        "oauth_days": 0,
        "network": nowhere,
    }


# The engineer's table.


def rows(held: Held) -> tuple[SenderRow, ...]:
    """Return every sender as an engineer sees it: what works first, then what only tries."""
    shown = [group for group in held.groups if group["population"] == "member" and group["verdict"] not in _NO_ROW]
    return tuple(_row(held, group) for group in sorted(shown, key=_row_order))


_NO_ROW: Final = ATTENTION | {"attack_noise", "not_mail", "modern"}


def _row_order(group: Group) -> tuple[Any, ...]:
    return (not ends(group), not moved(group), -group["days_active"], group["user"], group["sender_id"])


def _row(held: Held, group: Group) -> SenderRow:
    grants = held.data("40-grant-mailboxes")
    own = group["decision"]
    return SenderRow(
        sender_id=group["sender_id"],
        account=group["user"],
        protocol=group["protocol"],
        verdict=verdicts.title(group["verdict"]),
        days_active=group["days_active"],
        successes=group["successes"],
        where=where(group),
        step=group["step"],
        sends_as=tuple(grants["senders"].get(group["user"].lower(), ())) if grants else (),
        oauth_days=group["oauth_days"],
        moved=group["moved"],
        last_seen=at(group["last_seen"]),
        road=words(f"stays as it is until {spoken(day)}" if (day := _day(own["exception_until"])) else own["title"]),
    )
