"""Senders on their way off a password: what somebody has to do for each, and how far it has come.

A log alone never says that a sender has moved: a password that Exchange refuses leaves no record. So it takes three
witnesses. No password for so many days of whole records; OAuth for the same sender, seen in the records or proven on
the wire, or a person's word for another road; and mail that still arrives. With the first alone it is quiet.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

from . import advice, deadlines, letters, mailsettings
from .calendar import spoken
from .cases import SENDERS
from .decisions import RESET, Decisions, Done, Sender
from .findings import ATTENTION
from .mailsettings import Setting
from .phrases import Named, Phrase, joined, phrase, words
from .shapes import KEPT, Address, Id, Person, Word
from .tenants import Tenant
from .verdicts import Thresholds
from .wording import counted

__all__ = ["BY_TOKEN", "STRANGERS", "Evidence", "Moving", "Standing", "Where", "Witness", "of", "settled"]

Record = Mapping[str, Any]
Where = Literal["cannot know", "not begun", "moving", "quiet", "closed"]
"""``not begun``: it used its password lately, and nothing speaks of a move. ``moving``: it did, and something does.
``quiet``: no password for a while, and a witness is missing. ``closed``: all three have spoken."""

BY_TOKEN: Final = frozenset({"oauth", "client"})
"""Roads on which the sender goes on signing in to send, so that a token has to be seen."""

STRANGERS: Final = frozenset({"confirm_today", "suspected_compromise"})
"""Verdicts on sign-ins of which nobody knows whose they were: to be settled by a person, not to be moved."""

# Whose password opens no mailbox any more has nothing to move.
_MOVES: Final = frozenset(SENDERS) - {"accepted_not_opened"}
_USER_TABLES: Final = ("interactive sign-ins", "non-interactive sign-ins")


@dataclass(frozen=True)
class Witness:
    """One of the three.

    Args:
        about: What it speaks of.
        state: Whether it has spoken: ``yes``, ``no``, or ``cannot know``.
        said: What it says, or what is missing.
    """

    about: Literal["no password", "road", "mail"]
    state: Literal["yes", "no", "cannot know"]
    said: Phrase


@dataclass(frozen=True)
class Standing:
    """How far a sender has come.

    Args:
        word: One of `Where`.
        witnesses: The three, in order; none where nobody could look.
        oauth: Whether OAuth was seen for it.
        proven: Whether a token opened its mailbox on the wire, since the last change.
    """

    word: Where
    witnesses: tuple[Witness, ...] = ()
    oauth: bool = False
    proven: bool = False

    @property
    def missing(self) -> tuple[Phrase, ...]:
        """What the witnesses that have not spoken lack."""
        return tuple(each.said for each in self.witnesses if each.state != "yes")


@dataclass(frozen=True)
class Moving:
    """A sender with its manual steps, and how far it has come.

    Args:
        sender_id: As in notebook 10's evidence.
        account: As what it signs in.
        protocol: By what.
        what: What it is.
        road: The id of the road that a person decided on, or that is advised; empty for none, or for one of their own.
        title: The road in words, or what comes before there is one.
        owner: Who sees to it; empty where nobody was named.
        due: By when.
        where: Where the settings stand in the program or device.
        enter: What to enter.
        steps: What to do, in order.
        letter: The text to its owner, or to whoever holds the phone; empty where it does not send today.
        last_password: The last time it used its password.
        word: How far it has come.
        witnesses: Who speaks for that.
        arrived: The last day of which a message trace holds its mail; None where none does, or none was asked.
    """

    sender_id: Id
    account: Address
    protocol: Word
    what: Phrase
    road: Word
    title: Phrase
    owner: Person
    due: date | None
    where: Phrase
    enter: Annotated[tuple[Setting, ...], KEPT]
    steps: tuple[Phrase, ...]
    letter: Phrase
    last_password: datetime
    word: Where
    witnesses: Annotated[tuple[Witness, ...], KEPT]
    arrived: date | None = None

    @property
    def missing(self) -> tuple[Phrase, ...]:
        """What stands between it and ``closed``."""
        return tuple(each.said for each in self.witnesses if each.state != "yes")


@dataclass(frozen=True)
class Evidence:
    """Everything that speaks of senders.

    Args:
        record: Notebook 10's record; None where nobody has looked.
        now: The moment, aware.
        decided: What a person decided, as the file stands now; None where there is none.
        proven: Names of mailboxes, in lower case, that a token opened since the last change, each with its protocol.
        arrived: By sender id, the last day of which a message trace holds mail of that sender from its own network.
    """

    record: Record | None
    now: datetime
    decided: Decisions | None = None
    proven: Collection[tuple[str, str]] = frozenset()
    arrived: Mapping[str, date] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def found(self) -> Record | None:
        """What notebook 10 found."""
        return self.record["data"] if self.record else None

    # A large tenant has tens of thousands of senders, and each asks the same things of the other records.
    @cached_property
    def reports(self) -> Mapping[str, Sequence[Record]]:
        """The addresses of the mail report, by the groups that may have sent under them."""
        found: dict[str, list[Record]] = defaultdict(list)
        for each in self.found["reported"] if self.found else ():
            for sender_id in each["sender_ids"]:
                found[sender_id].append(each)
        return found

    @cached_property
    def with_tokens(self) -> frozenset[tuple[str, str]]:
        """The accounts that were seen with a token, each with the protocol that it was for."""
        users = self.found["adoption"]["users"] if self.found else ()
        return frozenset((each["user"], protocol) for each in users for protocol in each["protocols"])

    @cached_property
    def looked(self) -> bool:
        """Whether the records can speak of today."""
        found = self.found
        return bool(found and found["state"]["word"] != "cannot know" and not found["last_look"])

    @cached_property
    def gap(self) -> str:
        """Why the records are not whole, in words; empty where they are."""
        if self.record is None or self.found is None or not self.found["held"]:
            return "no sign-in record was read"
        states = {each["what"]: each["state"] for each in self.record["coverage"] if each["what"] in _USER_TABLES}
        if lacking := [what for what in _USER_TABLES if states.get(what) != "complete"]:
            return f"the {lacking[0]} are {states.get(lacking[0], 'absent')}"
        start = self.now.date() - timedelta(days=_quiet_days())
        lost = [day for day in self.found["missing_days"] if date.fromisoformat(day) >= start]
        return f"{counted(len(lost), 'day')} of them {'is' if len(lost) == 1 else 'are'} missing" if lost else ""

    def oauth(self, group: Record) -> bool:
        """Whether the sign-in records or the mail report show the account sending with a token."""
        if group["oauth_days"] or any(each["oauth"] for each in self.reports.get(group["sender_id"], ())):
            return True
        return (group["user"], group["protocol"]) in self.with_tokens

    def decision(self, group: Record) -> Sender | None:
        """Return what a person decided about a group."""
        key = group["user"], group["protocol"], group["network"]["address"]
        return self.decided.sender(*key) if self.decided else None

    def untold(self, senders: Iterable[Moving]) -> Mapping[str, tuple[str, str]]:
        """Return, by id, the account and the network of each sender that only lacks a sign that its mail arrives."""
        quiet = {each.sender_id for each in senders if each.word == "quiet" and each.witnesses[-1].state != "yes"}
        groups = self.found["groups"] if self.found and quiet else ()
        return {
            each["sender_id"]: (each["user"], each["network"]["address"])
            for each in groups
            if each["sender_id"] in quiet
        }

    def stand(self, group: Record, last_password: datetime) -> Standing:
        """Return how far a sender has come.

        Args:
            group: Its group in notebook 10's evidence; where none is left of it, one with its id, user, protocol and
                network, and no `oauth_days`.
            last_password: The last time that it used its password, or its certificate.
        """
        if not self.looked:
            return Standing("cannot know")
        oauth = self.oauth(group)
        proven = (group["user"].lower(), "smtp") in self.proven
        own = self.decision(group)
        # A password that was reset is a password still.
        done = own.done if own and own.done and own.done.road != RESET else None
        three = (
            self._no_password(last_password),
            _road_taken(oauth, proven, done, last_password, self.now),
            self._mail(group, done, last_password),
        )
        begun = oauth or proven or bool(own and (own.action or done))
        return Standing(_word(three, begun), three, oauth, proven)

    def _no_password(self, last: datetime) -> Witness:
        days, held = _quiet_days(), self.found and self.found["held"]
        start = datetime.fromisoformat(held["from"]) if held else self.now
        gone = (self.now - max(last, start)).days
        if gone < days:
            said = words(f"No password for {counted(gone, 'day')} of records; {days} are needed.")
            return Witness("no password", "no", said)
        if self.gap:
            said = phrase("No password was seen, but {why}.", why=words(self.gap))
            return Witness("no password", "cannot know", said)
        return Witness("no password", "yes", words(f"No password for {counted(gone, 'day')} of whole records."))

    def _mail(self, group: Record, done: Done | None, last: datetime) -> Witness:
        if told := sum(each["oauth"] for each in self.reports.get(group["sender_id"], ())):
            said = words(f"Microsoft's mail report holds {counted(told, 'message')} that it sent with a token.")
            return Witness("mail", "yes", said)
        day = self.arrived.get(group["sender_id"])
        if day and day > last.date():
            return Witness("mail", "yes", phrase("A message trace holds its mail of {day}.", day=day))
        if done and _counts(done, last, self.now):
            return Witness("mail", "yes", _confirmed(done))
        return Witness("mail", "no", _NO_MAIL)


_NO_MAIL: Final = words("Nobody knows that its mail arrives: no report, no trace, and nobody's word under done.")


def of(
    evidence: Evidence, tenant: Tenant, *, before: Iterable[Moving] = (), due: date | None = None
) -> tuple[Moving, ...]:
    """Return every sender that has to leave a password or a certificate, with its steps: what works first.

    Args:
        evidence: What is known.
        tenant: Whose senders they are.
        before: Those of the run before; of whom the records hold nothing any more, these are what is known.
        due: By when, where nobody set a day and none is proposed.
    """
    groups = [each for each in (evidence.found["groups"] if evidence.found else ()) if _moves(each)]
    seen = {each["sender_id"] for each in groups}
    here = [_moving(evidence, tenant, group, due) for group in groups]
    gone = [_gone(evidence, each) for each in before if each.sender_id not in seen]
    return tuple(sorted((*here, *gone), key=lambda each: (_ORDER.index(each.word), each.account, each.sender_id)))


def settled(evidence: Evidence) -> frozenset[str]:
    """Return the ids of strangers' sign-ins of which a person has said, on a day after the last, that all is well.

    Whether a sign-in was theirs, its owner can say; once a stranger had the password, only that it was reset counts.
    """
    groups = evidence.found["groups"] if evidence.found else ()
    return frozenset(each["sender_id"] for each in groups if each["verdict"] in ATTENTION and _vouched(evidence, each))


def _vouched(evidence: Evidence, group: Record) -> bool:
    own, last = evidence.decision(group), datetime.fromisoformat(group["last_success"] or group["last_seen"])
    # A word has no hour: of the day of a sign-in, it may have come before it.
    if not own or not own.done or (group["verdict"] != "confirm_today" and own.done.road != RESET):
        return False
    return last.date() < own.done.on and _counts(own.done, last, evidence.now)


_ORDER: Final[tuple[Where, ...]] = ("not begun", "moving", "quiet", "cannot know", "closed")


def _moves(group: Record) -> bool:
    return group["population"] == "member" and (group["verdict"] in _MOVES or bool(group["moved"]))


def _moving(evidence: Evidence, tenant: Tenant, group: Record, due: date | None) -> Moving:
    own, now = group["decision"], evidence.decision(group)
    road = now.action if now and now.action else own["action"]
    known = advice.roads().get(road)
    # Who tries in vain has not left its password behind; who moved may still be tried by somebody else.
    last = datetime.fromisoformat((group["moved"] and group["last_success"]) or group["last_seen"])
    standing = evidence.stand(group, last)
    settings = mailsettings.of(road, kind=own["kind"], protocol=group["protocol"], account=group["user"], tenant=tenant)
    by = (now.due if now else _day(own["due"])) or _day(own["by"]) or due
    decided = bool(now.action) if now else own["decided"]
    ask_by = deadlines.ask_by(by, evidence.now.date())
    told = _Told(
        group,
        what=_what(group),
        road=road if decided else "",
        title=_title(road, own),
        day=now.due if now else _day(own["due"]),
        by=by,
        ask_by=ask_by,
    )
    steps = tuple(map(words, known.needs if known else own["steps"]))
    return Moving(
        sender_id=group["sender_id"],
        account=group["user"],
        protocol=group["protocol"],
        what=told.what,
        road=road if known else "",
        title=told.title,
        owner=now.owner if now else own["owner"],
        due=by,
        where=settings.where,
        enter=settings.fields,
        steps=(*steps, *settings.after),
        letter=_letter(told, steps, settings, tenant),
        last_password=last,
        arrived=evidence.arrived.get(group["sender_id"]),
        word=standing.word,
        witnesses=standing.witnesses,
    )


@dataclass(frozen=True)
class _Told:
    """A group, and what a letter says of it."""

    group: Record
    what: Phrase
    road: str
    title: Phrase
    day: date | None  # that a person decided on
    by: date | None
    ask_by: date | None


def _letter(told: _Told, steps: Sequence[Phrase], settings: mailsettings.Settings, tenant: Tenant) -> Phrase:
    group, place = told.group, _place(told.group)
    phone = group["verdict"] == "certificate"
    end = tenant.calendar.get("activesync-certificate" if phone else "smtp-auth-default-off")
    if phone:
        return letters.phones(firm=tenant.name, day=told.day, end=end)
    if told.road:
        return letters.move(
            told.what,
            account=group["user"],
            place=place,
            road=told.title,
            steps=steps,
            settings=settings,
            due=told.by,
            end=end,
        )
    if not group["ends_in_2026"]:
        return Phrase()  # It does not send today, so there is nothing to warn its owner of.
    asked = [each for each in group["decision"]["questions"] if advice.asks_owner(each["id"])]
    questions = tuple(words(each["text"]) for each in asked)
    seen = datetime.fromisoformat(group["last_seen"]).date()
    about = {"account": group["user"], "place": place, "last_seen": seen, "due": told.ask_by}
    return letters.device_owner(told.what, questions=questions, end=end, **about)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _what(group: Record) -> Phrase:
    own, label = group["decision"], group["network"]["label"]
    kind = words(own["kind"]) if own["kind_is_inferred"] else phrase("{kind}", kind=Named("device", own["kind"]))
    kind = words("a sender that nobody has named") if own["kind"] in ("", "not known") else kind
    named = phrase(" at {place}", place=Named("place", label)) if label else Phrase()
    return phrase("{kind}{place}", kind=kind.capital(), place=named)


def _place(group: Record) -> Phrase:
    address = group["network"]["address"]
    return phrase("{ip}", ip=Named("ip", address)) if address else Phrase()


def _title(road: str, own: Record) -> Phrase:
    known = advice.roads().get(road)
    if known:
        return words(known.title)
    return phrase("{road}", road=Named("free", road)) if road else phrase("{title}", title=Named("word", own["title"]))


def _gone(evidence: Evidence, each: Moving) -> Moving:
    group = {
        "sender_id": each.sender_id,
        "user": each.account,
        "protocol": each.protocol,
        "network": {"address": ""},
        "oauth_days": 0,
    }
    standing = evidence.stand(group, each.last_password)
    if standing.word == "cannot know":
        return each  # Who did not look cannot say that it stopped.
    return replace(each, word=standing.word, witnesses=standing.witnesses)


def _road_taken(oauth: bool, proven: bool, done: Done | None, last: datetime, now: datetime) -> Witness:
    seen = filter(
        None,
        (
            words("OAuth was seen for it.") if oauth else Phrase(),
            words("A token opened its mailbox on the wire.") if proven else Phrase(),
        ),
    )
    if said := joined(seen, " "):
        return Witness("road", "yes", said)
    if done and not _counts(done, last, now):
        text = "{by} confirmed its road on {day}, which is no day after its last password, {last}."
        return Witness("road", "no", phrase(text, by=Named("person", done.by), day=done.on, last=last.date()))
    if done and done.road in BY_TOKEN:
        text = "{by} says that it took OAuth, and no token was seen for it."
        return Witness("road", "no", phrase(text, by=Named("person", done.by)))
    if done:
        return Witness("road", "yes", _confirmed(done))
    return Witness("road", "no", _NO_ROAD)


_NO_ROAD: Final = words("No OAuth was seen, and nobody has confirmed another road under done in the decisions file.")


def _counts(done: Done, last: datetime, now: datetime) -> bool:
    """Whether a person's word is of a day since the last password, and has come."""
    return last.date() <= done.on <= now.date()


def _confirmed(done: Done) -> Phrase:
    known = advice.roads().get(done.road)
    road = words(known.title) if known else phrase("{road}", road=Named("free", done.road))
    text = "{by} confirmed on {day} that it goes another way ({road}) and that its mail arrives."
    return phrase(text, by=Named("person", done.by), day=words(spoken(done.on)), road=road)


def _word(three: tuple[Witness, ...], begun: bool) -> Where:
    if three[0].state == "no":
        return "moving" if begun else "not begun"
    return "closed" if all(each.state == "yes" for each in three) else "quiet"


def _quiet_days() -> int:
    return Thresholds.standard().quiet_days
