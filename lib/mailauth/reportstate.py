"""The tenant's state in a report: one word, one sentence, and what is missing before "closed" may be said.

A sign-in log alone never says ``closed``: a password that Exchange refuses leaves no record. So it takes a door test
on the wire, every sender that was ever seen accounted for, and proofs younger than the last change. ``cannot know``
outranks everything but a compromise, and evidence that is old is no look at today.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from . import findings, reference, standing
from .calendar import spoken
from .findings import ATTENTION, Headline
from .phrases import Named, Phrase, joined, phrase, words
from .report import Known, Progress, State, Stop, Urgent
from .reportevidence import WATCH, Held, at
from .reportsenders import account, listed
from .verdicts import Thresholds
from .watch import OPENS_NONE
from .wording import counted

__all__ = ["door", "headline", "nameless", "of", "open_doors"]

_FACTS: Final = reference.table("report")["closed"]
_WHOLE_DAYS: Final[int] = _FACTS["whole_days"]
_COUNTS: Final = timedelta(days=_FACTS["counts_days"])
_NAMES: Final = 3


@dataclass(frozen=True)
class _Told:
    """What the state is made from."""

    held: Held
    urgent: Sequence[Urgent]
    stops: Sequence[Stop]
    progress: Progress


def of(held: Held, urgent: Sequence[Urgent], stops: Sequence[Stop], progress: Progress) -> State:
    """Return where the tenant stands.

    Args:
        held: The records.
        urgent: What cannot wait.
        stops: What stops.
        progress: What became of every sender.
    """
    told = _Told(held, urgent, stops, progress)
    blind = _blind(held)
    hurt = any(each.verdict == "suspected_compromise" for each in urgent)
    if held.found is None or (blind and not hurt):
        return State("cannot know", _sentence(held, blind, _last_good(held), _today(held)), also=tuple(_also(told)))
    word: findings.State = _word(held)
    if word == "cannot know":
        word = "exposed"
    if stops and word == "quiet":
        word = "exposed"  # The mail report knows of some that the sign-in records do not.
    proofs, missing = tuple(_proofs(told)), tuple(_missing(told))
    if word == "quiet" and not missing:
        return State("closed", _closed(told, proofs), also=tuple(_also(told)), proofs=proofs)
    said = _quiet(held) if word == "quiet" else _ends(held, stops)
    return State(
        word,
        _sentence(held, said, *_missing_watch(held), _today(held)),
        (*_also(told), *filter(None, (blind,))),
        proofs,
        missing,
    )


def _word(held: Held) -> findings.State:
    """Return the state that notebook 10 found, but for what was settled since."""
    assert held.found is not None
    word: findings.State = held.found["state"]["word"]
    if word != "exposed" or not held.settled or (numbers := headline(held)).attention:
        return word
    return standing.state(numbers, begun=_begun(held))


def _begun(held: Held) -> bool:
    users = held.found["adoption"]["users"] if held.found else ()
    going = (each for each in held.groups if each["ends_in_2026"] or each["moved"])
    return any(each["oauth_days"] for each in going) or any(each["registered"] for each in users)


def headline(held: Held) -> Headline:
    """Return the numbers of notebook 10's first sentence, without what was settled since; zeros where nobody looked."""
    numbers = held.found["headline"] if held.found else {}
    found = Headline(**{each.name: numbers.get(each.name, 0) for each in fields(Headline)})
    if not held.settled:
        return found
    open_ones = (each for each in held.groups if each["sender_id"] not in held.settled)
    return replace(found, attention=len({each["user"] for each in open_ones if each["verdict"] in ATTENTION}))


def nameless(state: State) -> Phrase:
    """Return the first sentence without the tenant's name, which stands beside it in a table."""
    match state.sentence.parts:
        case (Named(), str(first), *rest) if first.startswith(": "):
            return Phrase((first.removeprefix(": "), *rest)).capital()
    return state.sentence


def _sentence(held: Held, *parts: Phrase) -> Phrase:
    said = joined(parts, " ").capital()
    return phrase("{tenant}: {said}", tenant=Named("tenant", held.tenant.name), said=said)


# Who did not look.


def _blind(held: Held) -> Phrase:
    """Return why nobody can speak of today, or nothing."""
    if held.found is None:
        return _unlooked(held)
    made = held.made_at("10-find-basic-auth") or held.now
    days = Thresholds.standard().fresh_days
    if held.now - made > timedelta(days=days):
        return phrase("we have not looked since {day}, more than {days} days ago.", day=made.date(), days=days)
    if held.found["state"]["word"] != "cannot know" and not held.found["last_look"]:
        return Phrase()
    if held.found["last_look"]:
        last = at(held.found["held"]["to"]).date()
        return phrase("we could not look at the time since {day}: there are no records of it.", day=last)
    return phrase("we could not look. {why}", why=_why(held))


def _unlooked(held: Held) -> Phrase:
    for each in held.reading.sources:
        if each.notebook.startswith("10") and each.state in ("broken", "another tenant's"):
            return phrase("we could not look. {said}", said=each.said)
    return words("nobody has looked yet: notebook 10 has left no evidence here.")


def _why(held: Held) -> Phrase:
    record = held.reading.held["10-find-basic-auth"]
    for each in record["coverage"]:
        if each["source"] != "tenant" and each["state"] != "complete":
            return phrase("{what}: {reason}", what=Named("word", each["what"]), reason=Named("word", each["reason"]))
    return words("No sign-in record was there to read, which does not mean that nobody signed in.")


def _last_good(held: Held) -> Phrase:
    """Return what the last look showed that could speak of its own day."""
    if held.found and held.found["held"]:
        count, day = held.found["headline"]["senders"], at(held.found["held"]["to"]).date()
    else:
        points = held.reading.before.trend.points if held.reading.before else ()
        good = [each for each in points if each.word != "cannot know"]
        if not good:
            return Phrase()
        count, day = good[-1].senders, good[-1].made_at.date()
    return words(f"The last good look ({spoken(day)}) showed {counted(count, 'password sender')}.")


# What was found.


def _ends(held: Held, stops: Sequence[Stop]) -> Phrase:
    said = words(standing.what_ends(headline(held), held.now.date(), held.tenant.calendar))
    reported = sum(each.kind == "reported" for each in stops)
    if said or not reported:
        return said or _quiet(held)
    count = counted(reported, "address", "addresses")
    return words(f"{count} sent mail with a password, as Microsoft's mail report shows; the sign-in records do not.")


def _today(held: Held) -> Phrase:
    return words(standing.needs_today(headline(held)))


def _quiet(held: Held) -> Phrase:
    span = held.found["held"] if held.found else None
    if not span:
        return Phrase()
    first, last = at(span["from"]).date(), at(span["to"]).date()
    said = (
        "nothing signs in with a password any more, as far as the records reach ({first} to {last}); quiet, not proven."
    )
    return phrase(said, first=first, last=last)


def _closed(told: _Told, proofs: Sequence[Phrase]) -> Phrase:
    days = _quiet_days(told)
    count = len(told.progress.known)
    proven = sum(each.now == "proven" for each in told.progress.known)
    other = f", {count - proven:,} on another road that a person decided" if count > proven else ""
    sure = f"{proven:,} of {counted(count, 'sender')} proven with OAuth{other}."
    lead = phrase(
        "closed{but}. No password sender in {days} days; {door}", days=days, door=proofs[0], but=_but(told.held)
    )
    return _sentence(told.held, lead, words(sure) if count else Phrase())


def _but(held: Held) -> Phrase:
    """Return who is left out, so that nobody takes closed for more than it is."""
    spared = _spared(held)
    if not spared:
        return Phrase()
    said = ", but for {who}, whose password goes on by name until {day} at the latest"
    return phrase(said, who=listed(list(spared)), day=max(spared.values()))


def _quiet_days(told: _Told) -> int:
    """Return for how many days of the records no password worked."""
    span = told.held.found["held"] if told.held.found else None
    if not span:
        return 0
    # A password that worked at the beginning of the records is no day without one.
    since = max([at(span["from"]), *(each.last_password for each in told.progress.known)])
    return (at(span["to"]) - since).days


def _also(told: _Told) -> Iterator[Phrase]:
    yield from _watched(told.held)
    found = told.held.found
    if found is None:
        return
    reported = sum(each.kind == "reported" for each in told.stops)
    if reported and told.held.found and headline(told.held).senders:
        count = counted(reported, "more address", "more addresses")
        yield words(
            f"Microsoft's mail report shows {count} that sent with a password: other names of the same senders, or "
            "senders that the sign-in records do not show."
        )
    if told.progress.quiet:
        verb = "sends" if told.progress.quiet == 1 else "send"
        yield words(f"{counted(told.progress.quiet, 'sender')} no longer {verb}; a move is not proven.")
    tries = _trying(told.held)
    if tries:
        verb = "tries" if len(tries) == 1 else "try"
        yield words(f"{counted(len(tries), 'account')} still {verb} with a password, in vain.")


def _watched(held: Held) -> Iterator[Phrase]:
    """Yield since when what was closed has held, or what broke it."""
    made, seen_at = held.watched, held.made_at(WATCH)
    if not made or not seen_at:
        return
    if made["since"]:
        said = "What was closed has held since {day}; that was looked at on {last}."
        yield phrase(said, day=at(made["since"]).date(), last=seen_at.date())
        if made["why_since"]:
            yield phrase("Not for longer: {why}.", why=Named("free", made["why_since"]))
    for each in made["broken"][:_NAMES]:
        said = f"{_LEADS.get(each['kind'], 'What was closed does not hold')}: {{about}}, {{found}} ({{day}})."
        yield phrase(said, about=Named("free", each["about"]), found=Named("free", each["found"]), day=seen_at.date())
    if len(made["broken"]) > _NAMES:
        yield words(f"{len(made['broken']) - _NAMES:,} more is told by mailauth watch.")


# A credential that ends, or a token that is not taken, opens no door.
_LEADS: Final[Mapping[str, str]] = {
    "cannot know": "Whether what was closed still is cannot be known",
    "undone": "What was closed was taken back on purpose",
    **dict.fromkeys(OPENS_NONE, "What sends with OAuth needs attention"),
}


def _missing_watch(held: Held) -> Iterator[Phrase]:
    """Yield that a door may be open again."""
    kinds = {each["kind"] for each in held.watched["broken"]} if held.watched else set()
    if kinds - OPENS_NONE - {"plan", "undone", "cannot know"}:
        yield words("What was closed does not hold: mailauth watch says what to do about each.")
    elif "cannot know" in kinds:
        yield words("Whether what was closed still is cannot be known.")
    elif "undone" in kinds:
        yield words("What was closed was taken back: close it again with 60, or leave it open.")


def _trying(held: Held) -> tuple[str, ...]:
    """Return the members that still try with a password."""
    trying = (each["user"] for each in held.groups if each["population"] == "member" and _in_vain(each))
    return tuple(dict.fromkeys(trying))


# What closed takes.


def _proofs(told: _Told) -> Iterator[Phrase]:
    """Yield what is proven, the door test first."""
    if test := door(told.held, told.progress.known):
        yield test
    for each in told.progress.known:
        if each.now in ("proven", "other road"):
            how = "was proven with OAuth" if each.now == "proven" else "took another road, which a person decided"
            yield phrase(f"{{who}} {how}.", who=account(each.account))


@dataclass(frozen=True)
class _Test:
    """A password that was tried on the wire and refused: when, and on which mailbox."""

    at: datetime
    mailbox: str


def door(held: Held, known: Sequence[Known]) -> Phrase:
    """Return the door test that still counts, or nothing.

    Args:
        held: The records.
        known: Every sender that any run has seen.
    """
    test = _tested(held)
    if test is None or _opened(held, test) or _refuted(held, known, test):
        return Phrase()
    said = "passwords are refused (tested {day} on {mailbox})."
    return phrase(said, day=test.at.date(), mailbox=Named("address", test.mailbox))


def _tested(held: Held) -> _Test | None:
    """Return the door test of notebook 60, where its last wave is closed and nothing was changed since; or nothing.

    What notebook 50 tries speaks of one mailbox: which policy the others have, and who is left out, it does not read.
    """
    record, made = held.data(_CLOSES), held.made_at(_CLOSES)
    if not record or not made or record["waves"][-1]["word"] != "closed" or _is_overtaken(held, made):
        return None
    last = _last_try(record)
    return _Test(at(last["at"]), last["mailbox"]) if last and last["good"] else None


def _last_try(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    tried = [each for each in record["proofs"] if each["kind"] == "password"]
    return max(tried, key=lambda each: at(each["at"]), default=None)


_CLOSES: Final = "60-close-basic"


def _is_overtaken(held: Held, made: datetime) -> bool:
    return held.changed_at is not None and made < held.changed_at


def _opened(held: Held, test: _Test | None) -> Phrase:
    """Return that a password still opened SMTP when notebook 50 tried one, not before a test; or nothing."""
    tried, made = held.data(_PROVES), held.made_at(_PROVES)
    one = tried["password"] if tried else None
    if not one or not made or (one["state"], one["protocol"]) != ("open", "smtp") or (test and made < test.at):
        return Phrase()
    said = "A password still opened SMTP for {mailbox} on {day}."
    return phrase(said, mailbox=Named("address", one["mailbox"]), day=made.date())


_PROVES: Final = "50-prove-mail-oauth"


def _refuted(held: Held, known: Sequence[Known], test: _Test) -> Phrase:
    """Return why a test says nothing of today, or nothing: a password worked since, or it is old."""
    last = max((each.last_password for each in known if each.kind == "password"), default=None)
    if last is not None and last.date() >= test.at.date():
        said = "A password worked on {last}; the door test of {day} was not after that, and proves nothing."
        return phrase(said, last=last.date(), day=test.at.date())
    if held.now - test.at > _COUNTS:
        said = "The door test of {day} is more than {days} days old: notebook 60 tests it again."
        return phrase(said, day=test.at.date(), days=_COUNTS.days)
    return Phrase()


def _excepted(held: Held) -> Sequence[Mapping[str, Any]]:
    """Return who was left out by name when notebook 60 looked."""
    record = held.data(_CLOSES)
    found: Sequence[Mapping[str, Any]] = record["waves"][-1]["excepted"] if record else ()
    return found


def _spared(held: Held) -> dict[str, date]:
    """Return whose password goes on by name, and until when."""
    days = {each["address"]: date.fromisoformat(each["until"]) for each in _excepted(held)}
    return {address: day for address, day in days.items() if day >= held.now.date()}


def _missing(told: _Told) -> Iterator[Phrase]:
    """Yield what is missing before the tenant may be called closed."""
    held = told.held
    yield from _missing_watch(held)
    yield from _missing_door(held, told.progress.known)
    if opened := open_doors(held):
        yield phrase("SMTP AUTH lets a password in for {who}.", who=listed(opened))
    yield from _missing_senders(told.progress.known)
    yield from _missing_records(told)
    open_ones = {each["user"] for each in held.groups if _in_vain(each) and not each["decision"]["decided"]}
    undecided = [name for name in _trying(held) if name in open_ones]
    if undecided:
        yield phrase("Find what still tries with a password: {who}.", who=listed(undecided))
    if held.found and (unseen := held.found["unreported"]):
        yield words(f"{counted(len(unseen), 'sender')} of the sign-in records is in no mail report.")


def _missing_door(held: Held, known: Sequence[Known]) -> Iterator[Phrase]:
    test = _tested(held)
    if opened := _opened(held, test):
        yield opened
    if test is None:
        yield _untested(held)
    elif refuted := _refuted(held, known, test):
        yield refuted
    for each in _excepted(held):
        if each["address"] not in _spared(held):
            said = "The exception of {who} ended on {day}: notebook 60 closes it, or takes another."
            yield phrase(said, who=account(each["address"]), day=date.fromisoformat(each["until"]))


def _untested(held: Held) -> Phrase:
    """Return why no test of notebook 60 says that the tenant refuses passwords."""
    record, made = held.data(_CLOSES), held.made_at(_CLOSES)
    if record and made:
        last = record["waves"][-1]
        if last["word"] != "closed":
            said = "Notebook 60 found on {day} that it is not closed. {sentence}"
            return phrase(said, day=made.date(), sentence=Named("free", last["sentence"]))
        if _is_overtaken(held, made):
            return phrase("Something was changed since notebook 60 looked on {day}: it looks again.", day=made.date())
        if taken := _last_try(record):
            said = "On {day} no policy refused the password of {who}: notebook 60 says what did, or that it works."
            return phrase(said, who=account(taken["mailbox"]), day=at(taken["at"]).date())
    tried, day = held.data(_PROVES), held.made_at(_PROVES)
    if tried and day and tried["password"] and tried["password"]["state"] == "closed":
        said = "A password was refused for {who} on {day}, which says nothing of the others: notebook 60 looks at all."
        return phrase(said, who=account(tried["password"]["mailbox"]), day=day.date())
    return words("No password was tried on the wire: notebook 60 tests that a password is refused.")


def _overtaken(held: Held, read: datetime | None) -> bool:
    """Whether notebook 60 has closed the doors after notebook 40 read them, or without it."""
    closed = held.made_at(_CLOSES)
    return _tested(held) is not None and closed is not None and (read is None or read < closed)


def open_doors(held: Held) -> list[str]:
    """Return the mailboxes that let a password in by SMTP AUTH, as notebook 40 read them."""
    grants = held.data("40-grant-mailboxes")
    # What it read before the doors were closed says nothing of them.
    if _overtaken(held, held.made_at("40-grant-mailboxes")):
        return []
    boxes, spared = grants["mailboxes"] if grants else (), _spared(held)
    opened = [each["address"] for each in boxes if any(_is_open(one) for one in each["doors"])]
    return [address for address in opened if address not in spared]


def _is_open(door: Mapping[str, Any]) -> bool:
    return (door["protocol"], door["kind"], door["state"]) == ("smtp", "password", "open")


def _missing_senders(known: Sequence[Known]) -> Iterator[Phrase]:
    for now, said in (
        ("oauth", "OAuth was seen; a proof since the last change, or a sign that mail arrives, is missing: {who}."),
        ("quiet", "Nobody knows why nothing comes any more: {who}."),
    ):
        names = list(dict.fromkeys(each.account for each in known if each.now == now))
        if names:
            yield phrase(said, who=listed(names))


def _missing_records(told: _Told) -> Iterator[Phrase]:
    held = told.held
    span = held.found["held"] if held.found else None
    if not span:
        return
    days = (at(span["to"]) - at(span["from"])).days
    if days < _WHOLE_DAYS:
        yield words(f"The records reach back {counted(days, 'day')}; {_WHOLE_DAYS} are needed.")
    elif (quiet := _quiet_days(told)) == 0:
        yield words(f"A password worked on the last day of the records; {_WHOLE_DAYS} days without one are needed.")
    elif quiet < _WHOLE_DAYS:
        yield words(f"No password for {counted(quiet, 'day')}; {_WHOLE_DAYS} are needed.")
    if held.found and (lost := held.found["missing_days"]):
        yield words(f"{counted(len(lost), 'day')} of the records {'is' if len(lost) == 1 else 'are'} missing.")
    user = ("interactive sign-ins", "non-interactive sign-ins")
    record = held.reading.held["10-find-basic-auth"]
    for each in record["coverage"]:
        if each["what"] in user and each["state"] != "complete":
            yield words(f"The {each['what']} are {each['state']}, not complete.")


def _in_vain(group: Mapping[str, Any]) -> bool:
    return group["verdict"] in ("stale_sender", "blocked_by_policy")
