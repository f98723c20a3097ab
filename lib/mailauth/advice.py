"""The next step for each sender: which road it takes away from its password, by when, and what nobody has answered yet.

Roads, conditions and texts are data (``facts/roads.toml``). The rules here are few. A stolen password is never given
migration advice. A person's decision wins and is shown as theirs; what speaks against it is said beside it. Nothing
is guessed that a person can answer: without the answer there is no road, and the question stands in its place.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any

from . import deadlines, decisions, kinds, reference, verdicts
from .calendar import spoken
from .deadlines import Calendar, Deadline, Freeze
from .findings import ACTIVE_SENDER, ATTENTION, Group, Verdict
from .kinds import Guess, Rhythm

__all__ = ["Advice", "Question", "Road", "advise", "asks_owner", "mail_to_vendor", "roads"]


@dataclass(frozen=True)
class Question:
    """Something that no log can answer.

    Args:
        id: ``oauth``, ``outside``, ``azure``, ``fixed_address`` (as under ``answers:`` in the decisions file),
            ``place`` or ``needed``.
        text: The question to a person.
        how: Where the answer is written down.
    """

    id: str
    text: str
    how: str = ""


@dataclass(frozen=True)
class Road:
    """A way for a sender to live without its password.

    Args:
        id: What a decisions file calls it.
        title: What a page calls it.
        conditions: What must hold; nobody can read it from a log.
        ends: How long it lasts.
        breaks: What stops working, or begins to need care.
        needs: What to do for it, in order.
        source: Where it is written.
        confidence: ``high`` or ``medium``.
        requires: Answers that it cannot do without.
        only: Kinds of sender that it is for; empty for any.
        certificate: Whether it is for sign-ins with a certificate, and for nothing else.
        not_in: Clouds that do not have it, as far as known.
        local: Whether it needs a place in one's own network.
    """

    id: str
    title: str
    conditions: tuple[str, ...]
    ends: str
    breaks: str
    needs: tuple[str, ...]
    source: str
    confidence: str
    requires: Mapping[str, bool]
    only: tuple[str, ...]
    certificate: bool
    not_in: tuple[str, ...]
    local: bool = False


@dataclass(frozen=True)
class Advice:
    """What to do about one sender.

    Args:
        sender_id: The group it is about.
        kind: What the sender is, in words.
        kind_is_inferred: Whether `kind` is a guess; otherwise a person said so.
        action: The road's id, or empty where none is taken.
        title: The action in words, or what comes in its place.
        why: Its reasons, and what speaks against a person's decision.
        roads: The roads that nothing known closes, in order; the one that is taken first.
        questions: The answers that are missing.
        by: The proposed date, never inside the change freeze; None where nothing hurries.
        by_words: The same in words, with its reason; where a person set a date or an exception, theirs.
        breaks: What the road breaks.
        ends: How long the road lasts.
        owner: Who sees to it, as a person said.
        due: The person's date.
        decided: Whether the road, or the exception, is a person's own decision.
        note: What a person noted.
        exception_until: The last day on which a person lets it stay as it is.
        steps: What to do, in order.
    """

    sender_id: str
    kind: str
    kind_is_inferred: bool
    action: str
    title: str
    why: str
    roads: tuple[Road, ...] = ()
    questions: tuple[Question, ...] = ()
    by: date | None = None
    by_words: str = "no date"
    breaks: str = ""
    ends: str = ""
    owner: str = ""
    due: date | None = None
    decided: bool = False
    note: str = ""
    exception_until: date | None = None
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Asked:
    """One sender with everything that decides about it; `known` holds answers, each with a sentence that says it."""

    group: Group
    decided: decisions.Sender | None
    known: Mapping[str, tuple[bool, str]]
    vendor: decisions.Vendor | None
    what: Guess
    personal: bool
    cloud: str
    today: date
    freeze: Freeze | None
    calendar: Calendar


@cache
def roads() -> Mapping[str, Road]:
    """Return every road by id, in the order of preference; the ids are what a decisions file may say."""
    return MappingProxyType({fact["name"]: _road(fact) for fact in reference.table("roads")["road"]})


def advise(
    group: Group,
    *,
    decided: decisions.Sender | None,
    today: date,
    freeze: Freeze | None,
    vendor: decisions.Vendor | None = None,
    cloud: str = "public",
    calendar: Calendar | None = None,
    rhythm: Rhythm | None = None,
) -> Advice:
    """Return what to do about one group.

    Args:
        group: The sender, or the attack.
        decided: What a person decided and answered about it.
        today: The day to count from.
        freeze: The first and the last day on which nothing is to be changed.
        vendor: What the vendor that `decided` names said.
        cloud: The cloud's name, because not every road exists in each.
        calendar: What ends when; None for what ships with the library.
        rhythm: When it signs in, from `kinds.rhythms`.
    """
    if group.verdict in _NOBODY:
        return Advice(group.sender_id, _NOBODY[group.verdict], True, "", _text("none")["title"], _text("none")["why"])
    if group.verdict in ATTENTION:
        return _attention(group, decided, today)
    what = kinds.guess(group, decided, rhythm)
    personal = what.kind in _PERSONAL or (what.kind == "unknown" and bool(_FULL_NAME.match(group.user)))
    known = _known(group, decided, vendor, what, personal=personal)
    dates = calendar or deadlines.built_in()
    asked = _Asked(group, decided, known, vendor, what, personal, cloud, today, freeze, dates)
    return _with_person(asked, _dated(asked, _next(asked)))


def mail_to_vendor(product: str, advice: Advice, end: Deadline | None = None) -> str:
    """Return a mail that asks a maker about OAuth; *product* stands in it as it is given.

    Args:
        product: What is asked about.
        advice: What is to be done about the sender.
        end: When passwords end for it; None for what ships with the library.
    """
    day = advice.due or advice.by
    text: str = reference.table("roads")["mail"]["vendor"]
    when = (end or deadlines.get("smtp-auth-default-off")).then
    return text.strip().format(product=product, when=when, due=spoken(day) if day else "the end of this month") + "\n"


# What is known of it.


def _known(
    group: Group, decided: decisions.Sender | None, vendor: decisions.Vendor | None, what: Guess, *, personal: bool
) -> Mapping[str, tuple[bool, str]]:
    """Return what is known: a person's answers before the vendor's, the vendor's before what can be read."""
    known = {}
    if what.certain and _does_oauth(what.name):
        known["oauth"] = (True, f"{what.name} can sign in with OAuth.")
    elif personal and group.oauth_days:
        days = "one day" if group.oauth_days == 1 else f"{group.oauth_days:,} days"
        known["oauth"] = (True, f"The account held OAuth tokens for this protocol on {days}.")
    if vendor and vendor.oauth is not None:
        known["oauth"] = (vendor.oauth, _vendors_word(vendor))
    given = decided.answers if decided else {}
    return known | {name: (given[name], _ANSWERED[name, given[name]]) for name in _ANSWERS if name in given}


def _does_oauth(name: str) -> bool:
    words = name.casefold()
    return any(client.casefold() in words for client in reference.table("roads")["clients"]["oauth"])


def _vendors_word(vendor: decisions.Vendor) -> str:
    word = {True: "can do OAuth", False: "cannot do OAuth", None: "has not been answered for"}[vendor.oauth]
    day = f" ({spoken(vendor.answered)})" if vendor.answered else ""
    return f"{vendor.name} {word}{day}{f': {vendor.note}' if vendor.note else ''}."


def _kind(asked: _Asked) -> str:
    what = asked.what
    if what.basis == "person":
        return what.name
    if what.kind == "unknown" and asked.personal:
        return kinds.PERSONAL
    title = kinds.title(what.kind)
    return f"{title} ({what.name})" if what.name and what.name != title else title


# What comes next, before dates and people.


def _attention(group: Group, decided: decisions.Sender | None, today: date) -> Advice:
    """Return what comes before any road: whoever has the password must lose it."""
    text = _text("confirm" if group.verdict == "confirm_today" else "secure")
    steps = verdicts.steps(group.verdict, member=group.member)
    title = text["title"] if group.member else _text("not_ours")["title"]
    why = " ".join((text["why"], *steps))
    if decided and decided.action:
        why += " What was decided is about a device; it does not answer who signed in here."
    said = Advice(group.sender_id, "not known, perhaps a stranger", True, "", title, why, steps=steps)
    said = replace(said, by=today, by_words="today")
    return replace(said, owner=decided.owner, note=decided.note) if decided else said


def _next(asked: _Asked) -> Advice:
    group = asked.group
    if not group.member:
        return _other(asked, "not_ours")
    if group.moved:
        return _other(asked, "prove")
    if group.verdict == "certificate":
        return _taken(asked, "profile") if group.protocol == "ActiveSync" else _other(asked, "look")
    if group.verdict == "powershell_password":
        return _taken(asked, "app_only")
    if group.verdict == "ropc_mail_app":
        return _other(asked, "token_flow")
    if group.protocol != "SMTP AUTH":
        return _other(asked, _ELSEWHERE.get(group.verdict, "find_holder"), *_place(group))
    if group.verdict == "stale_sender" and not asked.known:
        return replace(_other(asked, "find_device", "needed"), roads=_open(asked))
    return _smtp(asked)


def _smtp(asked: _Asked) -> Advice:
    """Return the road of an SMTP AUTH sender, or what has to be answered first."""
    road, missing = _choose(asked)
    missing = (*_place(asked.group), *missing)
    blocked = "already stopped: " if asked.group.verdict == "blocked_by_policy" else ""
    said = " ".join((*(sentence for _, sentence in asked.known.values()), *_verdict_says(asked.group)))
    if not missing:
        taken = _taken(asked, road)
        return replace(taken, title=blocked + taken.title, why=said or _like(asked))
    count = len(missing)
    which = ", ".join(reference.table("roads")["question"][id]["short"] for id in missing)
    title = f"{blocked}cannot decide: {count} {'answer' if count == 1 else 'answers'} missing ({which})"
    why = " ".join(filter(None, (_hint(road, missing), said)))
    return _plain(asked, title, why, roads=_open(asked), questions=_questions(missing))


def _place(group: Group) -> tuple[str, ...]:
    return ("place",) if group.verdict == "basic_unconfirmed" else ()


def _choose(asked: _Asked) -> tuple[str, tuple[str, ...]]:
    """Return the road as far as it is known (or empty), and the answers that would change it, in the order to ask."""
    does_oauth = asked.known.get("oauth")
    if does_oauth and does_oauth[0]:
        return "oauth", ()
    missing = () if does_oauth else ("oauth",)
    if asked.personal:
        return "client", () if asked.what.certain else missing
    road, question = _without_oauth(asked)
    return road, (*missing, question) if question else missing


def _without_oauth(asked: _Asked) -> tuple[str, str]:
    """Return the road of what cannot do OAuth, or the question that stands before it."""
    for id in ("hve", "acs", "connector"):
        road = roads()[id]
        if asked.cloud in road.not_in:
            continue
        ((question, wanted),) = road.requires.items()
        if question not in asked.known:
            return "", question
        if asked.known[question][0] == wanted:
            return id, ""
    # A relay stands in one's own network, and somebody else's service does not.
    return ("client" if asked.group.network.kind == "hosted" else "relay"), ""


def _like(asked: _Asked) -> str:
    return f"It is a {_kind(asked)}, and such programs can do OAuth today."


def _hint(road: str, missing: Sequence[str]) -> str:
    """Return what can be said before the answers are there."""
    if "place" in missing:
        return "Nobody has named the network: a stranger with the password would look the same."
    if road and missing == ("oauth",):
        return f"If it cannot do OAuth: {roads()[road].title}."
    return f"The missing {'answer decides' if len(missing) == 1 else 'answers decide'} which road it can take."


def _verdict_says(group: Group) -> tuple[str, ...]:
    said = {
        "blocked_by_policy": "It already does not send, because a policy stops it: it needs a road, or nobody "
        "misses it; not an exclusion from the policy.",
        "stale_sender": "Its password is old and nothing works: it needs a road, not a new password.",
    }
    app = group.step == "app password"
    more = ("It holds an app password, which MFA does not stop: deleting it is part of the move.",) if app else ()
    return (*((said[group.verdict],) if group.verdict in said else ()), *more)


def _open(asked: _Asked) -> tuple[Road, ...]:
    """Return the roads that nothing known closes, in the order of preference."""
    certificate = asked.group.verdict == "certificate"
    fitting = [road for road in roads().values() if road.certificate == certificate or road.id in ("client", "retire")]
    return tuple(road for road in fitting if _fits(road, asked) and not _against(road, asked))


def _fits(road: Road, asked: _Asked) -> bool:
    """Whether a road is for this kind of sender at all."""
    if asked.personal:
        return road.id in _PERSONS_ROADS
    if asked.group.network.kind == "hosted":
        return not road.local
    return not road.only or asked.what.kind in road.only


def _against(road: Road, asked: _Asked) -> tuple[str, ...]:
    """Return what closes a road."""
    cloud = ("It is not known to exist in this cloud.",) if asked.cloud in road.not_in else ()
    wanted = road.requires.items()
    return (*cloud, *(asked.known[name][1] for name, yes in wanted if asked.known.get(name, (yes, ""))[0] != yes))


def _plain(asked: _Asked, title: str, why: str, **more: Any) -> Advice:
    inferred = asked.what.basis != "person"
    return Advice(asked.group.sender_id, _kind(asked), inferred, "", title, why, **more)


def _taken(asked: _Asked, id: str) -> Advice:
    return _on(roads()[id], _plain(asked, "", _ROAD_WHY.get(id, ""), roads=_open(asked)))


def _on(road: Road, advice: Advice) -> Advice:
    """Return *advice* with a road taken."""
    others = tuple(other for other in advice.roads if other.id != road.id)
    taken = replace(advice, action=road.id, title=road.title, roads=(road, *others), steps=road.needs, questions=())
    return replace(taken, breaks=road.breaks, ends=road.ends)


def _other(asked: _Asked, name: str, *questions: str) -> Advice:
    text = _text(name)
    return _plain(asked, text["title"], text["why"], questions=_questions(questions), steps=tuple(text["steps"]))


# Dates, and what a person decided.


def _dated(asked: _Asked, advice: Advice) -> Advice:
    group = asked.group
    if not group.member or group.moved:
        return advice
    if group.verdict == "powershell_password":
        return replace(advice, by_words=asked.calendar.get("powershell-credential").when)
    if group.verdict in _NO_DATE:
        return replace(advice, by_words=_NO_DATE[group.verdict])
    found = deadlines.due(asked.calendar.of(group), asked.today, asked.freeze)
    return replace(advice, by=found.day, by_words=found.why)


def _with_person(asked: _Asked, advice: Advice) -> Advice:
    own = asked.decided
    if own is None:
        return advice
    said = advice
    if own.action:
        said = _decided(asked, own, advice)
    elif own.exception_until:
        said = _excepted(own.exception_until, advice, asked.today)
    if own.due or own.exception_until:
        said = replace(said, by_words=_their_words(own, asked))
    against = " ".join(_against_dates(asked, own))
    return replace(
        said,
        why=" ".join(filter(None, (said.why, against))),
        owner=own.owner,
        due=own.due,
        decided=bool(own.action or own.exception_until),
        note=own.note,
        exception_until=own.exception_until,
    )


def _decided(asked: _Asked, own: decisions.Sender, advice: Advice) -> Advice:
    road = roads().get(own.action)
    if road is None:
        known = ", ".join(roads())
        why = f"Decided by a person. {own.action} is not one of the roads this runbook knows: {known}."
        return replace(advice, action=own.action, title=own.action, why=why, questions=(), steps=())
    against = _against(road, asked)
    if asked.group.verdict == "basic_unconfirmed":
        against = (*against, _hint("", ("place",)))
    doubt = ("Look at its conditions again:", *against) if against else ()
    return replace(_on(road, advice), why=" ".join(("Decided by a person.", *doubt, *_verdict_says(asked.group))))


def _excepted(until: date, advice: Advice, today: date) -> Advice:
    if until < today:
        return replace(advice, title=f"the exception has ended: {advice.title}")
    road = roads().get(advice.action)
    why = f"A person lets it stay for now. Afterwards: {road.title if road else advice.title}."
    return replace(
        advice, action="", title=f"stays as it is until {spoken(until)}", why=why, breaks="", ends="", steps=()
    )


def _their_words(own: decisions.Sender, asked: _Asked) -> str:
    said = []
    if own.due:
        said.append(f"{'due since' if own.due < asked.today else 'by'} {spoken(own.due)}")
    if own.exception_until:
        ended = own.exception_until < asked.today
        said.append(f"exception {'ended on' if ended else 'until'} {spoken(own.exception_until)}")
    return ", ".join(said)


def _against_dates(asked: _Asked, own: decisions.Sender) -> Iterator[str]:
    end, today, freeze = asked.calendar.of(asked.group), asked.today, asked.freeze
    if own.due and own.due < today and asked.group.verdict in ACTIVE_SENDER | {"certificate"}:
        yield f"The day that was set, {spoken(own.due)}, has passed and it still signs in the old way."
    if own.due and freeze and freeze[0] <= own.due <= freeze[1]:
        yield f"{spoken(own.due)} falls into the change freeze."
    if own.due and end and end.day and end.day < own.due:
        yield f"{spoken(own.due)} is too late: it stops by itself {end.then}."
    if own.exception_until and own.exception_until < today:
        yield f"The exception ran out on {spoken(own.exception_until)}."
    elif own.exception_until and end and end.day and end.day < own.exception_until:
        yield f"The exception reaches beyond what it is for, which stops {end.then}: it keeps nothing working."


# Facts.

_PERSONAL: tuple[kinds.Kind, ...] = ("mail client", "phone")

# A person's mail needs no relay and no service for bulk mail.
_PERSONS_ROADS = ("oauth", "client", "profile", "retire")

# An account that is called after a person, where nothing speaks for a device.
_FULL_NAME = re.compile(r"[^\W\d_]+\.[^\W\d_]+@")

_NOBODY: Mapping[Verdict, str] = {
    "attack_noise": "attack",
    "not_mail": "nothing to do with mail",
    "modern": "modern sign-in",
}

_ELSEWHERE: Mapping[Verdict, str] = {"stale_sender": "find_device", "blocked_by_policy": "find_device"}

_NO_DATE: Mapping[Verdict, str] = {
    "blocked_by_policy": "no date: it already does not send",
    "stale_sender": "no date: it does not work today",
    "accepted_not_opened": "no date: Exchange refuses passwords here since the turn of 2022/23",
    "ropc_mail_app": "no date published: it stops on the day its account needs MFA",
}

_ROAD_WHY: Mapping[str, str] = {
    "profile": "A certificate shown straight to Exchange is no OAuth and ends as well. A re-made account is a new "
    "device to Exchange, so phones may wait in quarantine for an administrator.",
    "app_only": "A stored password that manages mailboxes opens more than any mailbox; an app with a certificate or a "
    "managed identity needs none.",
}

_ANSWERS = ("oauth", "outside", "azure", "fixed_address")
_ANSWERED = {
    ("oauth", True): "It can sign in with OAuth.",
    ("oauth", False): "It cannot sign in with OAuth.",
    ("outside", True): "It sends to people outside.",
    ("outside", False): "It sends to people inside only.",
    ("fixed_address", True): "It sends from a fixed public address.",
    ("fixed_address", False): "It has no fixed public address.",
    ("azure", True): "An Azure subscription may be used.",
    ("azure", False): "No Azure subscription may be used.",
}


def asks_owner(question: str) -> bool:
    """Whether whoever runs a device can answer a question, by its id; what the firm pays for they cannot say."""
    asked: str = reference.table("roads")["question"].get(question, {}).get("asks", "")
    return asked != "administrator"


def _questions(ids: Sequence[str]) -> tuple[Question, ...]:
    facts = reference.table("roads")["question"]
    return tuple(Question(id, facts[id]["text"], facts[id]["how"]) for id in ids)


def _text(name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(fact for fact in reference.table("roads")["next"] if fact["name"] == name)
    return found


def _road(fact: Mapping[str, Any]) -> Road:
    return Road(
        id=fact["name"],
        title=fact["title"],
        conditions=tuple(fact["conditions"]),
        ends=fact["ends"],
        breaks=" ".join(fact["breaks"]),
        needs=tuple(fact["steps"]),
        source="; ".join(fact["sources"]),
        confidence=fact["confidence"],
        requires=MappingProxyType(fact["needs"]),
        only=tuple(fact.get("only", ())),
        certificate=fact.get("certificate", False),
        not_in=tuple(fact["not_in"]),
        local=fact.get("local", False),
    )
