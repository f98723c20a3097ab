"""The ten questions that people ask about such a page, answered from the evidence; what nobody can know is said so."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from . import advice, deadlines, reference, reportwaves
from .decisions import RESET, Vendor
from .phrases import Named, Phrase, joined, phrase, words
from .report import Answer, Changes, Credential, Looked, Opening, Stop, Wave
from .reportactions import Made
from .reportevidence import Held, at
from .reportsenders import account, asks_maker, listed, opaque, product, where
from .verdicts import Thresholds
from .wording import counted, span

__all__ = ["of"]

Known = Literal["yes", "in part", "cannot know"]
Said = tuple[Known, list[Phrase]]

_MOST: Final = 12
_SENDER_DAYS: Final = Thresholds.standard().quiet_days
_TENANT_DAYS: Final[int] = reference.table("report")["closed"]["whole_days"]


@dataclass(frozen=True)
class _Asked:
    """What the answers are made from."""

    held: Held
    made: Made
    looked: Looked
    openings: Sequence[Opening]
    changes: Changes
    waves: Sequence[Wave]


def of(
    held: Held,
    made: Made,
    *,
    looked: Looked,
    openings: Sequence[Opening],
    changes: Changes,
    waves: Sequence[Wave],
) -> tuple[Answer, ...]:
    """Return the ten questions with their answers.

    Args:
        held: The records.
        made: The report's parts so far.
        looked: How far the eye reached.
        openings: What the apps can open.
        changes: What changed since the run before.
        waves: What takes no password any more.
    """
    asked = _Asked(held, made, looked, openings, changes, waves)
    return tuple(_answer(number, asked) for number in range(1, len(_QUESTIONS) + 1))


def _answer(number: int, asked: _Asked) -> Answer:
    question, answer = _QUESTIONS[number - 1]
    known, said = answer(asked)
    return Answer(number, question, tuple(said), known)


def _what_stops(asked: _Asked) -> Said:
    if asked.held.found is None:
        return "cannot know", [asked.made.state.sentence]
    alike: dict[tuple[str, str], list[Stop]] = {}
    for each in asked.made.stops:
        alike.setdefault((each.ends, each.shows), []).append(each)
    said = [
        phrase(
            "{when}: {what}. What they show: {shows}",
            when=words(deadlines.within(when)).capital(),
            what=_rows(rows),
            shows=words(shows),
        )
        for (when, shows), rows in alike.items()
    ]
    if not said:
        said = [words("Nothing that was seen signs in with a password or certificate that ends.")]
    else:
        said.append(words("The days that are proposed leave two weeks to prove each change."))
    return ("in part" if asked.made.state.word == "cannot know" else "yes"), said


def _everything(asked: _Asked) -> Said:
    said = list(asked.looked.lines)
    if asked.looked.start and _has_report(asked.held):
        said.append(words("The sign-in records are one witness; Microsoft's mail report is the other."))
    said.append(
        words(
            "No log shows a password that Exchange refuses before it is checked, a job that runs on a day that is not "
            "in the records, or wrong passwords of a domain that signs in with its own server."
        )
    )
    return ("cannot know" if asked.made.state.word == "cannot know" else "in part"), said


def _has_report(held: Held) -> bool:
    record = held.reading.held.get("10-find-basic-auth")
    told = [each for each in (record["coverage"] if record else ()) if each["source"] == "smtp_report"]
    return any(each["state"] != "absent" for each in told)


def _which_device(asked: _Asked) -> Said:
    groups = {each["sender_id"]: each for each in asked.held.groups}
    said = []
    for stop in asked.made.stops:
        group = next((groups[key] for key in stop.sender_ids if key in groups), None)
        if stop.kind in ("password", "unnamed") and group:
            said.append(
                phrase(
                    "{who} signs in from {place}, last {at}. Its use: {used}. {ask}",
                    who=account(group["user"]),
                    place=where(group),
                    at=at(group["last_seen"]),
                    used=stop.used_for,
                    ask=words("Ask there." if group["network"]["kind"] else "Ask whoever uses the account."),
                )
            )
    if not said:
        return ("yes" if asked.held.found else "cannot know"), [words("There is no password sender to look for.")]
    unnamed = [each for each in asked.made.stops if each.kind == "reported"]
    if unnamed:
        names = joined(_named(unnamed), ", ")
        said.append(phrase("Which account sends under these addresses is not known: {names}.", names=names))
    return "in part", _cut(said, "senders")


def _named(rows: Sequence[Stop]) -> Iterator[Phrase]:
    return (phrase("{who}", who=account(name)) for row in rows[:_MOST] for name in row.accounts)


def _hacked(asked: _Asked) -> Said:
    if asked.held.found is None:
        return "cannot know", [asked.made.state.sentence]
    said = []
    for name in dict.fromkeys(each.account for each in asked.made.urgent):
        about = [each for each in asked.made.urgent if each.account == name]
        said += [joined([each.evidence for each in about], " "), joined(about[0].steps, " ")]
    settled = [each for each in asked.held.groups if each["sender_id"] in asked.held.settled]
    said += _cut([_settled(asked.held, each) for each in settled], "settled sign-ins")
    if not said:
        said.append(words("In these records no stranger used a right password."))
    noise = asked.held.found["attacks"]
    if noise["sign_ins"]:
        # Whether such a stranger is one of those above, no record says.
        none = "" if asked.made.urgent or settled else "; they had none that was right"
        said.append(
            words(
                f"Beside that {counted(noise['sign_ins'], 'sign-in')} from at least "
                f"{counted(noise['networks'], 'network')} failed: strangers who try passwords, as everywhere{none}."
            )
        )
    said.append(words("What happened before the first record, nobody can say from them."))
    return ("in part" if asked.made.state.word == "cannot know" else "yes"), said


def _settled(held: Held, group: Mapping[str, Any]) -> Phrase:
    own = held.moving.decision(group)
    assert own is not None
    assert own.done is not None
    reset = own.done.road == RESET
    how = "the password was reset and the sessions were revoked" if reset else "it was no stranger"
    said = f"{{who}} by {{protocol}} from {{place}}: {{by}} settled it on {{day}}, {how}."
    named = {"who": account(group["user"]), "place": where(group), "by": Named("person", own.done.by)}
    return phrase(said, protocol=words(group["protocol"]), day=own.done.on, **named)


def _on_again(asked: _Asked) -> Said:
    dates = asked.held.tenant.calendar
    default, final = dates.get("smtp-auth-default-off"), dates.get("smtp-auth-final")
    said = [
        words(f"{default.title} {default.then}. {default.note}"),
        words(f"{final.title} {final.then}. {final.note}"),
    ]
    phones = any(each.kind == "certificate" for each in asked.made.stops)
    if phones:
        said.append(words("For phones with certificates no way back was published."))
    if asked.made.urgent:
        accounts = len({each.account for each in asked.made.urgent})
        said.append(
            words(f"What it costs: {counted(accounts, 'account')} here had a right password in the wrong place.")
        )
    return "in part", said


def _cost(asked: _Asked) -> Said:
    """Return what each road needs; prices that a page cannot know are not on it."""
    groups = {each["sender_id"]: each for each in asked.held.groups}
    roads: dict[str, int] = {}
    for stop in asked.made.stops:
        for key in stop.sender_ids:
            for road in groups[key]["decision"]["roads"][:1] if key in groups else ():
                roads[road] = roads.get(road, 0) + 1
    said = []
    for name, count in roads.items():
        road = advice.roads().get(name)
        if road:
            needs = " ".join((*road.conditions, *road.needs[:1]))
            said.append(words(f"{road.title}, for {counted(count, 'sender')}: {needs}"))
    said.append(words("What licences and hours cost with you, this page cannot know."))
    return "in part", said


def _vendors(asked: _Asked) -> Said:
    decided = asked.held.reading.decided
    said = [_vendor(each) for each in (decided.vendors.values() if decided else ())]
    makers = {each["sender_id"]: product(asked.held, each) for each in asked.held.groups if asks_maker(each)}
    waiting = [each for each in asked.made.stops if each.kind != "certificate" and makers.keys() & each.sender_ids]
    named = [each for each in waiting if any(makers.get(key) for key in each.sender_ids)]
    unnamed = [each for each in waiting if each not in named]
    if named:
        said.append(phrase("Nobody has answered yet for {what}. The letter is below.", what=_rows(named)))
    if unnamed:
        lead = "Before a maker can be asked, somebody has to say what these are: {what}."
        said.append(phrase(lead, what=_rows(unnamed)))
    if not said:
        said = [words("No sender waits for its maker's word, and no answer of a maker was written down.")]
    return ("in part" if waiting else "yes"), said


def _vendor(each: Vendor) -> Phrase:
    word = {True: "can do OAuth", False: "cannot do OAuth", None: "has not been answered for"}[each.oauth]
    day = phrase(" ({day})", day=each.answered) if each.answered else Phrase()
    note = phrase(": {note}", note=Named("free", each.note)) if each.note else Phrase()
    return phrase(f"{{name}} {word}{{day}}{{note}}.", name=Named("device", each.name), day=day, note=note)


def _rows(rows: Sequence[Stop]) -> Phrase:
    """Return rows as a sentence lists them, those as one of which nothing but the address is known."""
    told = [name for each in rows if each.kind == "reported" for name in each.accounts]
    named = [each.what for each in rows if each.kind != "reported" or len(told) == 1]
    if len(told) > 1:
        lead = "{count} addresses that only the mail report knows ({who})"
        named.append(phrase(lead, count=len(told), who=listed(told)))
    more = [words(f"{len(named) - _MOST:,} more")] if len(named) > _MOST else []
    return joined([*named[:_MOST], *more], "; ", "; and ")


def _may_read(asked: _Asked) -> Said:
    if asked.held.data("40-grant-mailboxes") is None:
        return "cannot know", [words("Notebook 40 has left no evidence: what the app can open was not looked at.")]
    every: Sequence[Opening] = asked.openings
    if len(every) > _MOST:
        every = sorted(every, key=lambda each: opaque(each.app, str(each.mailbox), each.right))
    said = [_opening(each) for each in every]
    if not said:
        said = [words("As itself the app can open no mailbox, as far as Exchange was read.")]
    people = [each for each in asked.made.apps if each.consent.word != "not looked at"]
    if people:
        said.append(words("With a person's token an app opens what that person may open, and only while they agree."))
    said += [_runs_out(each) for each in asked.made.credentials]
    made = asked.held.made_at("40-grant-mailboxes")
    if made:
        said.append(phrase("Looked at {at}.", at=made))
    return "yes", _cut(said, "lines")


def _opening(each: Opening) -> Phrase:
    said = "{app} can open {mailbox} ({right}).{extra} To take it away: {away}"
    extra = Phrase() if each.wanted else words(" Nobody asked for that.")
    app = Named("app", each.app)
    return phrase(said, app=app, mailbox=each.mailbox, right=words(each.right), extra=extra, away=each.take_away)


def _runs_out(each: Credential) -> Phrase:
    day = phrase("ends on {day}", day=each.ends.date()) if each.ends else words("does not end")
    return phrase("The {kind} of {app} {day}.", kind=words(each.kind), app=Named("app", each.app), day=day)


def _noticed(asked: _Asked) -> Said:
    said = [
        words(
            "Whoever uses a mail program signs in once more in a browser window. "
            "A device is set up once by whoever runs it."
        )
    ]
    if any(each.kind == "certificate" for each in asked.made.stops):
        said.append(
            words(
                "A phone whose account is made again is new to Exchange, and may wait in quarantine for an "
                "administrator."
            )
        )
    said.append(
        words(
            "Each change leaves a receipt that takes it back. It cannot take back everything: a token that was issued "
            "works for 60 to 90 minutes, Exchange may remember a password for up to "
            f"{span(asked.held.tenant.cloud.settles)}, and a secret that was removed is gone."
        )
    )
    receipts = [each for each in asked.held.reading.receipts if each.applied]
    settles = max((each.settles_at for each in receipts if each.settles_at), default=None)
    if receipts:
        count = counted(len(receipts), "receipt")
        said.append(words(f"Beside this page: {count} of changes that were made from this machine."))
    if settles and settles > asked.held.now:
        said.append(phrase("The last change is in force at the latest {at}.", at=settles))
    return "yes", said


def _done(asked: _Asked) -> Said:
    said = [
        words(
            f"When three witnesses agree for each sender: no password in the records for {_SENDER_DAYS} days, OAuth "
            "seen or another road that a person confirmed, and mail still arriving; and when a door test shows that "
            f"passwords are refused, after {_TENANT_DAYS} whole days of records without a password of anybody."
        ),
        *reportwaves.said(asked.held, asked.waves),
        *asked.made.state.proofs[:_MOST],
        *asked.made.state.missing,
    ]
    said += _owned(asked.made.stops)
    said += [each.said for each in asked.changes.lines[:_MOST]]
    return ("in part" if asked.made.state.word != "closed" else "yes"), said


def _owned(rows: Sequence[Stop]) -> Iterator[Phrase]:
    """Yield who sees to what until when, those with the same owner and date together."""
    alike: dict[tuple[str, date | None], list[Stop]] = {}
    for each in rows:
        alike.setdefault((each.owner, each.due), []).append(each)
    for (owner, due), held in alike.items():
        who = phrase("{owner}", owner=Named("person", owner)) if owner else words("open")
        day = phrase("{due}", due=due) if due else words("open")
        yield phrase("Owner {who}, date {day}: {what}.", who=who, day=day, what=_rows(held))


def _cut(said: list[Phrase], of_what: str) -> list[Phrase]:
    more = len(said) - _MOST
    return said if more <= 0 else [*said[:_MOST], words(f"{more:,} more {of_what}, in the tables of this page.")]


_QUESTIONS: Final[tuple[tuple[str, Callable[[_Asked], Said]], ...]] = (
    ("What exactly stops, and on which day?", _what_stops),
    ("How do you know that this is everything?", _everything),
    ("Which device is it?", _which_device),
    ("Were we hacked?", _hacked),
    ("Can we not just switch it on again?", _on_again),
    ("What does it cost?", _cost),
    ("Does our copier or program support this?", _vendors),
    ("May your app read all our mail?", _may_read),
    ("What will our people notice, and can you undo it?", _noticed),
    ("When are we done, and who says so?", _done),
)
