"""Whether what was closed still is: a tenant's settings, sign-ins, credentials and proofs now, beside the last closing.

Settings are judged by what they do: another policy that refuses passwords as well breaks nothing. What was not read is
never taken for closed; it stands among what broke, as something that cannot be known. A credential that ends, or a
token that is not taken, opens no door: somebody is to see to it, and what was closed holds. What an undo from here
opened is told as that, for as long as notebook 60 has not closed it again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Annotated, Final, Literal

from . import catalogue, closable, closing, closingrecord, evidence, reference, shapes, waves
from .closable import Known
from .closingrecord import Look
from .conditions import AccessPolicy
from .coverage import Coverage
from .findings import MAY_BE_SMTP
from .organization import Mailbox, Organization
from .plan import Receipt
from .registration import Credential, CredentialKind
from .shapes import Address, Free, Id, Order
from .tenants import Tenant
from .waves import Record, Wave, primary
from .wording import counted, few, moment

__all__ = [
    "EXPIRES_DAYS",
    "OPENS_NONE",
    "PROVEN_DAYS",
    "Broken",
    "Kind",
    "Lasting",
    "Reopened",
    "Tried",
    "Watched",
    "Word",
    "closed_waves",
    "compare",
    "credentials",
    "let_in",
    "opened",
    "record",
    "taken_back",
    "undone",
    "unknown",
    "waiting",
    "watched",
    "without",
    "word",
]

Kind = Literal[
    "switch",
    "mailbox",
    "policy",
    "plan",
    "access",
    "exclusion",
    "basic",
    "credential",
    "proof",
    "wave",
    "undone",
    "cannot know",
]
Word = Literal["held", "attention", "undone", "broken", "cannot know"]

OPENS_NONE: Final[frozenset[Kind]] = frozenset({"credential", "proof"})
"""What wants somebody's attention and lets no password in."""

EXPIRES_DAYS: Final = 30
"""A credential that ends within so many days is told, unless somebody asks for others."""

PROVEN_DAYS: Final = 30
"""A token has to have been taken within so many days, unless somebody asks for others."""

_GAP: Final = timedelta(days=reference.table("report")["watching"]["gap_days"])

# A sign-in of these with a password came through Exchange's door; blocked and modern ones did not.
_CAME_IN: Final = frozenset({"basic_sender", "basic_unconfirmed", "confirm_today", "suspected_compromise"})
_ON: Final = "enabled"
_LEGACY: Final = "other"
_MEANT: Final = (
    "Where it is meant to be so, run 60 with renew (mailauth close --renew): a watch compares with that from then on."
)
_CLOSE: Final = "Open 60: it shows what is set, who changed what, and closes it again."
# What may be meant and leaves a wave closed: a switch that is on for a new sender with OAuth, a default that an
# exception cannot live with. Anything else 60 calls open, whatever a watch compares with.
_SET: Final = f"{_CLOSE} {_MEANT}"
# What 60 neither sets nor closes: Entra's own settings, and a password that came in.
_DEFAULTS: Final = (
    "Switch security defaults on again in the Entra admin center, or put a Conditional Access policy that blocks these "
    f"programs in their place. {_MEANT}"
)
_ENABLE: Final = (
    f"Ask who changed the policy, and switch it on again in the Entra admin center, under Conditional Access. {_MEANT}"
)
_WIDEN: Final = (
    f"Ask who changed the policy, and set it back in the Entra admin center, under Conditional Access. {_MEANT}"
)
_LEAVE: Final = (
    f"Ask who put the account there, and take it out of that group or role in the Entra admin center. {_MEANT}"
)
_LEAVE_IN: Final = (
    f"Ask who left the account out, and take it out of the policy's exclusions in the Entra admin center. {_MEANT}"
)
_CAME_BACK: Final = (
    "See with 10 who signs in from there, move that sender to OAuth, and set a new password where nobody knows it. "
    "Where nothing else broke, 60 tells by which policy the mailbox takes passwords."
)
_READ: Final = "See the coverage for what would make it readable, and watch again."


@dataclass(frozen=True)
class Lasting:
    """What an app proves itself by.

    Args:
        app: What the tenants file calls it.
        needs: The kinds of credential by which it signs in: ``secret``, ``certificate``.
        credentials: All that Entra holds for it, those that ended as well.
    """

    app: str
    needs: frozenset[CredentialKind]
    credentials: tuple[Credential, ...]


@dataclass(frozen=True)
class Broken:
    """Something that is no longer as it was closed, or of which that cannot be known.

    Args:
        kind: What: the tenant's switch, a mailbox's, an authentication policy, a mailbox plan, a Conditional Access
            policy, an exclusion in one, a password that was taken or not refused as such, a credential, a token that
            was not taken or not for long, a wave that was opened, one that an undo opened; or ``cannot know``.
        about: Which one; text from outside.
        found: What was found, beside what had been.
        remedy: What to do.
        mailboxes: Whose passwords or mail it concerns, where it is about mailboxes.
        at: When it came about, where anything tells.
        by: Who did it, as the audit log names them; empty where it does not tell.
        first_seen: When a watch saw it first.
    """

    kind: Kind
    about: Free
    found: Free
    remedy: Free = ""
    mailboxes: tuple[Address, ...] = ()
    at: datetime | None = None
    by: Address = ""
    first_seen: datetime | None = None


@dataclass(frozen=True)
class Tried:
    """A token that was tried while watching; the fields are those of `closable.Proof`."""

    mailbox: Address
    kind: Literal["oauth", "password"]
    good: bool
    at: datetime
    said: Free


@dataclass(frozen=True)
class Reopened:
    """A mailbox of a closed wave that a watch saw without a policy which refuses passwords.

    Once it has one again, the old state may act for as long as after any change.

    Args:
        address: Its primary address; empty for whoever follows the default.
        at: When it was last seen so.
        since: Since when passwords were seen to be refused again; None while they are not.
        id: The mailbox's id, as its address may change; empty where none was read.
    """

    address: Address
    at: datetime
    since: datetime | None = None
    id: Id = ""


@dataclass(frozen=True)
class Watched:
    """What a watch came to.

    Args:
        tenant_id: The directory.
        word: Whether it held; ``attention`` where it did and something else wants somebody, ``undone`` where all that
            is open was opened by an undo.
        since: The first watch of those without a break between that held, and never before anything that closes was
            last changed, or a password last refused; None where this one did not.
        at: When it was made.
        closed_at: When notebook 60 last saw a wave become closed.
        waves: The names of the waves that were closed.
        broken: What did not hold.
        proofs: What was tried on the wire, here or in a watch before.
        why_since: Why it does not count from an earlier watch that held as well; empty where none did.
        reopened: Who was seen open since notebook 60 last looked, as far as it has not seen the same.
        record_at: When the evidence of notebook 60 was made that this is compared with; None of an earlier version.
    """

    tenant_id: Id
    word: Word
    since: datetime | None
    at: datetime
    closed_at: datetime
    waves: tuple[Free, ...]
    broken: Annotated[tuple[Broken, ...], Order(("~kind",))]
    proofs: Annotated[tuple[Tried, ...], Order(("at",))] = ()
    why_since: Free = ""
    reopened: Annotated[tuple[Reopened, ...], Order(("at",))] = ()
    record_at: datetime | None = None


def closed_waves(closed: Record) -> tuple[str, ...]:
    """Return the names of the waves that the evidence of notebook 60 calls closed."""
    return tuple(each["name"] for each in closed["data"]["waves"] if each["word"] == "closed")


def undone(closed: Record, before: Watched | None, look: Look) -> Mapping[str, Receipt]:
    """Return the undo by which each wave was opened that was closed and is not since; none for any other.

    Args:
        closed: The evidence of notebook 60.
        before: The watch before; None for the first.
        look: Today's look, with what this machine's receipts say.
    """
    names, found = closed_waves(closed), dict[str, Receipt]()
    for name in dict.fromkeys((*names, *_names(before))):
        # What 60 has called closed after an undo, is.
        last = _at(closed["made_at"]) if name in names else before.closed_at if before else look.known.now
        for each in closing.undos_of(look.known.receipts, name):
            if each.changed and _moment_of(each) > last:
                found[name] = each
    return found


def _moment_of(receipt: Receipt) -> datetime:
    return max(each.at for each in receipt.entries)


def without(closed: Record, names: Iterable[str]) -> Record:
    """Return the evidence of notebook 60 as if it called none of these waves closed."""
    gone = {*names}
    stand = [{**each, "word": "open"} if each["name"] in gone else each for each in closed["data"]["waves"]]
    return {**closed, "data": {**closed["data"], "waves": stand}}


def compare(
    closed: Record,
    known: Known,
    held: Sequence[Lasting] | None,
    *,
    expires_days: int = EXPIRES_DAYS,
    proven_days: int = PROVEN_DAYS,
) -> tuple[Broken, ...]:
    """Return what is no longer as it was closed, and what of it cannot be known; nothing where all of it held.

    Args:
        closed: The evidence of notebook 60, with at least one wave that is closed.
        known: What is known now; `Known.now` is the moment of the watch.
        held: What each app proves itself by; None where that was not read.
        expires_days: Within how many days a credential's end is told.
        proven_days: How many days old a proof may be.
    """
    told = _Told(closed, known)
    return (
        *_settings(told),
        *_policies(told),
        *_mailboxes(told),
        *_plans(told),
        *_access(told),
        *_sign_ins(told),
        *credentials(held, known.now, expires_days=expires_days),
        *_proofs(told, timedelta(days=proven_days)),
    )


def taken_back(
    closed: Record,
    before: Watched | None,
    back: Mapping[str, Receipt] | None = None,
    late: Collection[str] = (),
) -> tuple[Broken, ...]:
    """Return the waves that an earlier watch knew as closed, and of which notebook 60 says something else now.

    Args:
        closed: The evidence of notebook 60.
        before: The watch before; None for the first.
        back: The undo by which each wave was opened of which that is so.
        late: The waves that are only to be proven again.
    """
    back = back or {}
    now = {each["name"]: each for each in closed["data"]["waves"]}
    # Whoever is left out is so by name and with a last day, which a watch looks at.
    over = {name for name, each in now.items() if each["word"] in closing.OVER}
    gone = [name for name in _known_waves(closed, before) if name not in {*over, *back, *late}]
    return (
        *(
            Broken("wave", name, f"notebook 60 says {now[name]['word']}: {now[name]['sentence']}", _CLOSE)
            if name in now
            else Broken("wave", name, "the tenants file names no such wave any more", _CLOSE)
            for name in gone
        ),
        *(_undone(name, each) for name, each in back.items()),
    )


def _known_waves(closed: Record, before: Watched | None) -> tuple[str, ...]:
    """Return the waves that were closed once, as far as there still are such, and not all of theirs are left out."""
    stand = {each["name"]: each for each in closed["data"]["waves"]}
    by_name = {name for name, each in stand.items() if each["word"] == "left out"}
    # A wave that the tenants file names no more is part of the last one, which holds every mailbox.
    whole = any(each["kind"] == "tenant" and each["word"] == "closed" for each in stand.values())
    known = (name for name in _names(before) if name not in by_name and (name in stand or not whole))
    return tuple(dict.fromkeys((*closed_waves(closed), *known)))


def _undone(name: str, back: Receipt) -> Broken:
    at = _moment_of(back)
    found = f"opened by an undo at {moment(at)} (plan {back.plan.id}, which took back {back.undoes})"
    return Broken("undone", name, found, _AGAIN, at=at, by=back.by)


_AGAIN: Final = (
    "Where it is to stay open, nothing is to be done: a watch goes on to say so. Else close it again with 60. Until "
    "then passwords may be taken there."
)


def let_in(closed: Record, before: Watched | None, known: Known, back: Collection[str] = ()) -> tuple[Broken, ...]:
    """Return each canary whose password was not refused when it was last tried, whatever 60 says of its wave since.

    Args:
        closed: The evidence of notebook 60.
        before: The watch before; None for the first.
        known: What is known now.
        back: The waves that an undo opened.
    """
    names = {*_known_waves(closed, before)} - {*back}
    mine = {each["canary"] for each in closed["data"]["waves"] if each["name"] in names and each["canary"]}
    tried = {address: _let_in(primary(known.organization, address), known) for address in sorted(mine)}
    return tuple(_taken(address, proof) for address, proof in tried.items() if proof)


def _let_in(canary: str, known: Known) -> closable.Proof | None:
    """Return the last try of a canary's password where it was not refused as such."""
    proof = known.tried(canary, "password")
    return proof if proof and not proof.good else None


def _taken(canary: str, proof: closable.Proof) -> Broken:
    found = f"a password was not refused as such at {moment(proof.at)}: {proof.said}"
    return Broken("basic", canary, found, _CLOSE, (canary,), proof.at)


def opened(closed: Record, look: Look, broken: Sequence[Broken], before: Watched | None) -> tuple[Broken, ...]:
    """Return the waves that notebook 60 has closed, and of which a look of its own says something else by now.

    Settings may stand as they were and passwords be taken all the same: by a mailbox that is called otherwise, of an
    exception that has ended, or by a policy that was given back and does not count yet. What a wave lacks that is only
    to be proven again is told by whom it is about.

    Args:
        closed: The evidence of notebook 60.
        look: Today's.
        broken: What else was found: what cannot be known is told once, and so is a token that was not taken.
        before: The watch before; None for the first.
    """
    names, doors = closed_waves(closed), {each.kind for each in broken} - OPENS_NONE - {"undone", "cannot know"}
    # Beside a door that stands open, each wave behind it is told as open.
    late = {} if doors else waiting(look, before)
    told = {each.about for each in broken if each.kind == "proof"}
    dark = any(each.kind == "cannot know" for each in broken)
    found = (_opened(each, look) for each in look.waves if each.name in names and each.name not in late)
    unproven = dict.fromkeys(one for name, each in late.items() if name in {*names, *_names(before)} for one in each)
    return (
        *(each for each in found if each and not (each.kind == "cannot know" and dark)),
        *(each for each in unproven if each.about not in told),
    )


def _opened(wave: Wave, look: Look) -> Broken | None:
    held = look.standing(wave)
    if held.word in closing.OVER:
        return None
    if held.word == "cannot know":
        return Broken("cannot know", f"wave {wave.name}", held.sentence, _CLOSE)
    return Broken("wave", wave.name, f"it was closed, and 60 would say {held.word} now: {held.sentence}", _CLOSE)


def waiting(look: Look, before: Watched | None) -> Mapping[str, tuple[Broken, ...]]:
    """Return what each wave waits for whose policy counts, and which is only to be proven again; none for any other.

    After a change from here the proofs are older than the change: that lets no password in. What was seen open may,
    and so does a canary whose password was not refused when it was last tried.

    Args:
        look: Today's look.
        before: The watch before; None for the first.
    """
    late = [each for each in look.waves if look.standing(each).stage == "prove" and not _was_open(each, look, before)]
    late = [each for each in late if not _let_in(each.canary, look.known)]
    lacking = {each.name: tuple(closable.lacking(each, look.known)) for each in late}
    return {
        name: tuple(Broken("proof", each.about, each.found, each.remedy, (each.about,)) for each in found)
        for name, found in lacking.items()
        if found and all(each.kind == "proof" for each in found)
    }


def _was_open(wave: Wave, look: Look, before: Watched | None) -> bool:
    """Whether a watch saw a mailbox of a wave without a policy that refuses passwords, and 60 has not looked since."""
    held = look.known.organization
    seen = _seen_open(before, held)
    boxes = [held.mailbox(each) for each in wave.mailboxes] if "" in seen else []
    return bool(seen.keys() & {*wave.mailboxes}) or any(box and not box.authentication_policy for box in boxes)


def _seen_open(before: Watched | None, held: Organization) -> Mapping[str, Reopened]:
    """Return who was open at a watch before, by the addresses that they have now; ``""`` for the default."""
    rows = [{"address": each.address, "id": each.id, "seen": each} for each in (before.reopened if before else ())]
    return {address: row["seen"] for address, row in closingrecord.by_address(held, rows).items()}


def _names(before: Watched | None) -> tuple[str, ...]:
    return before.waves if before else ()


def word(broken: Iterable[Broken]) -> Word:
    """Return what all of it comes to."""
    kinds = {each.kind for each in broken}
    if kinds - OPENS_NONE - {"undone", "cannot know"}:
        return "broken"
    if "cannot know" in kinds:
        return "cannot know"
    return "undone" if "undone" in kinds else "attention" if kinds else "held"


def watched(
    closed: Record, broken: Sequence[Broken], before: Watched | None, proofs: Sequence[Tried], known: Known
) -> Watched:
    """Return what a watch came to, with since when it has held.

    Args:
        closed: The evidence of notebook 60.
        broken: What did not hold.
        before: The watch before; None for the first.
        proofs: What was tried on the wire.
        known: What is known now; `Known.now` is the moment of the watch.
    """
    data, held = closed["data"], word(broken)
    names = (*_known_waves(closed, before), *(each.about for each in broken if each.kind in ("wave", "undone")))
    since, why = _since(closed, before, known) if held in ("held", "attention") else (None, "")
    return Watched(
        tenant_id=data["tenant_id"],
        word=held,
        since=since,
        at=known.now,
        closed_at=_closed_at(closed, before),
        waves=tuple(dict.fromkeys(names)),
        broken=_first_seen(broken, before, known.now),
        proofs=tuple(proofs),
        why_since=why,
        reopened=tuple(_reopened(closed, before, known)),
        record_at=_at(closed["made_at"]),
    )


def _closed_at(closed: Record, before: Watched | None) -> datetime:
    """Return when a wave was last seen to become closed; a record of before that was noted counts as of when it was."""
    made = closed["made_at"]
    seen = [_at(each.get("closed_at") or made) for each in closed["data"]["waves"] if each["word"] == "closed"]
    # An earlier version of the watch knew only when 60 had run.
    was = [before.closed_at] if before and before.record_at else []
    return max((*seen, *was), default=before.closed_at if before else _at(made))


def _reopened(closed: Record, before: Watched | None, known: Known) -> Iterator[Reopened]:
    """Yield who takes passwords now, and who did at a watch before, as long as 60 has not looked at them since."""
    told = _Told(closed, known)
    seen = _seen_open(before, told.held)
    for place in sorted({*told.mine, *seen, *({""} & told.remembered.keys())}):
        refuses, row = closable.refuses(told.held, place), seen.get(place)
        if refuses is False:
            yield Reopened(place, known.now, id=closingrecord.id_of(told.held.mailbox(place)))
        elif row and refuses is None:
            yield row
        elif row and told.remembered.get(place, row.at) <= row.at:
            yield replace(row, address=place, since=known.since.get(place, known.now))


def unknown(before: Watched, broken: Broken, *, now: datetime) -> Watched:
    """Return what a watch comes to that has nothing left to compare with: the one before, and that nobody knows more.

    Args:
        before: The watch before, by which something was closed.
        broken: What is missing.
        now: The moment, aware.
    """
    lost = _first_seen((broken,), before, now)
    return replace(before, word=word(lost), since=None, at=now, broken=lost, why_since="")


def _first_seen(broken: Iterable[Broken], before: Watched | None, now: datetime) -> tuple[Broken, ...]:
    seen = {(each.kind, each.about): each.first_seen for each in before.broken} if before else {}
    return tuple(replace(each, first_seen=seen.get((each.kind, each.about)) or now) for each in broken)


def _since(closed: Record, before: Watched | None, known: Known) -> tuple[datetime, str]:
    """Return since when it has held, and why not for longer; a gap may hide that it was open for a while."""
    now = known.now
    if before is None or before.since is None:
        return now, ""
    if now - before.at > _GAP:
        return now, f"nobody watched between {moment(before.at)} and {moment(now)}"
    last = min(_last_change(closed, known), now)
    if last > before.since:
        return last, "what closes was changed then, or a password was refused for the last time"
    return before.since, before.why_since


def _last_change(closed: Record, known: Known) -> datetime:
    """Return when something that closes was last changed from here, or undone, or a password last refused."""
    told, groups = _Told(closed, known), _closing_groups()
    changes = (each for place in told.mine for each in known.changes(place) if each.group in groups)
    refused = (_at(each["at"]) for each in closed["data"]["proofs"] if each["kind"] == "password" and each["good"])
    return max((*(each.at for each in changes), *refused), default=datetime.min.replace(tzinfo=UTC))


def _closing_groups() -> frozenset[str]:
    """Return the groups of steps by which passwords are ended, or let in again; grants are not among them."""
    return frozenset(group for name in ("switch", "policy") for group in catalogue.lags()[name].groups)


def record(tenant: Tenant, coverage: Iterable[Coverage], made: Watched, *, made_at: datetime) -> Record:
    """Return a watch as evidence.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    return evidence.envelope("watch", tenant, coverage, shapes.record(made), made_at)


# --- what is compared ---------------------------------------------------------------------------------


class _Told:
    """The closing and today's look, side by side.

    Args:
        closed: The evidence of notebook 60.
        known: What is known now.
    """

    def __init__(self, closed: Record, known: Known) -> None:
        data = closed["data"]
        self.closed = closed
        self.known = known
        self.held: Organization = known.organization
        self.then: Record = closingrecord.as_closed(closed)
        self.waves = [each for each in data["waves"] if each["word"] == "closed"]
        self.whole = any(each["kind"] == "tenant" for each in self.waves)
        refused = [_at(each["at"]) for each in data["proofs"] if each["kind"] == "password" and each["good"]]
        # From the moment on at which a password was refused, each one that is taken is news.
        self.since = max(refused, default=_at(closed["made_at"]))

    @cached_property
    def mine(self) -> frozenset[str]:
        """Whose passwords have ended, by the addresses that they have now."""
        now = {row["address"]: address for address, row in self.boxes.items()}
        named = (address for wave in self.waves for address in wave["mailboxes"])
        return frozenset(now.get(address) or primary(self.held, address) for address in named)

    @cached_property
    def remembered(self) -> Mapping[str, datetime]:
        """Since when 60 has seen that passwords are refused; ``""`` for the default."""
        return closingrecord.since(self.held, self.closed)

    @cached_property
    def spared(self) -> frozenset[str]:
        """Who is left out by name, and whose last day has not passed."""
        return self._excepted(ended=False)

    @cached_property
    def ended(self) -> frozenset[str]:
        """Who was left out by name, and whose last day has passed."""
        return self._excepted(ended=True) - self.spared

    def _excepted(self, *, ended: bool) -> frozenset[str]:
        named = [each for wave in self.waves for each in wave["excepted"]]
        today = self.known.now.date()
        found = (each["address"] for each in named if (date.fromisoformat(each["until"]) < today) is ended)
        return frozenset(primary(self.held, each) for each in found)

    @cached_property
    def boxes(self) -> Mapping[str, Record]:
        """The mailboxes as they stood then, by the addresses that they have now."""
        return closingrecord.by_address(self.held, self.then["mailboxes"] or ())

    @cached_property
    def opened(self) -> Set[str]:
        """The policies, in lower case, that refused passwords then and take them now."""
        refused = {each["name"].lower() for each in self.then["policies"] or () if each["smtp"] is False}
        return refused & {each.name.lower() for each in self.held.policies or () if each.allow_smtp}

    def policy_then(self, address: str) -> str:
        """Return the policy that counted for a mailbox; empty for none."""
        own = self.boxes[address]["policy"] if address in self.boxes else ""
        return own or self.then["default_policy"] or ""

    def policy_now(self, box: Mailbox) -> str:
        """Return the policy that counts for a mailbox now; empty for none."""
        return box.authentication_policy or self.held.settings.default_policy or ""

    def covers(self, account: str) -> bool:
        """Whether the passwords of an account have ended."""
        return account in self.mine or (self.whole and account not in self.spared)


def _settings(told: _Told) -> Iterator[Broken]:
    """Yield which of the organization's own settings opens a door again."""
    if not told.whole:
        return
    now = told.held.settings
    if told.then["smtp_off"]:
        yield from _still(now.smtp_off, "SMTP AUTH of the tenant", "it was off, and is on for whoever inherits it")
    if told.then["security_defaults"]:
        found = "they were on, and are off"
        yield from _still(told.known.conditions.defaults, "security defaults", found, _DEFAULTS)
    yield from _default(told)


def _still(value: bool | None, about: str, found: str, remedy: str = _CLOSE) -> Iterator[Broken]:
    if value is None:
        yield _unread(about)
    elif not value:
        yield Broken("switch", about, found, remedy)


def _default(told: _Told) -> Iterator[Broken]:
    was, now = told.then["default_policy"], told.held.settings.default_policy
    if not was or was == now:
        return
    about = "the default authentication policy"
    held = told.held.policy(now) if now else None
    if now is None or (now and (told.held.policies is None or held is None or held.allow_smtp is None)):
        yield _unread(about)
    elif held is None or held.allow_smtp:
        boxes = [box for address in sorted(told.mine) if (box := told.held.mailbox(address))]
        inherit = tuple(box.address.lower() for box in boxes if box.authentication_policy == "")
        found = f"it was {was}, and is {now or 'none'}, which refuses no passwords"
        yield Broken("policy", about, found, _SET, inherit)


def _policies(told: _Told) -> Iterator[Broken]:
    """Yield each authentication policy that takes passwords again, with whom it covers."""
    if told.held.policies is None:
        yield _unread("authentication policies")
        return
    covered: dict[str, list[str]] = {name: [] for name in told.opened}
    for address in sorted(told.mine):
        box = told.held.mailbox(address)
        name = told.policy_now(box).lower() if box else ""
        if name in covered:
            covered[name].append(address)
    for name, addresses in sorted(covered.items()):
        if addresses or (told.whole and name == (told.held.settings.default_policy or "").lower()):
            found = (
                f"it refused passwords by SMTP, and takes them from {counted(len(addresses), 'mailbox', 'mailboxes')}"
            )
            yield Broken("policy", name, found, _CLOSE, tuple(addresses))


def _mailboxes(told: _Told) -> Iterator[Broken]:
    """Yield what opens single mailboxes, those that are alike together."""
    if told.held.mailboxes is None:
        yield _unread("mailboxes")
        return
    found: dict[tuple[Kind, str, str], list[str]] = {}
    for box in told.held.mailboxes:
        if not (box.remote or box.soft_deleted):
            for what in _of_mailbox(told, box):
                found.setdefault(what, []).append(box.address.lower())
    for (kind, about, said), addresses in sorted(found.items()):
        remedy = _READ if kind == "cannot know" else _SET if about == _OWN_SWITCH else _CLOSE
        yield Broken(kind, about, f"{said}: {few(sorted(addresses))}", remedy, tuple(sorted(addresses)))


def _of_mailbox(told: _Told, box: Mailbox) -> Iterator[tuple[Kind, str, str]]:
    address = box.address.lower()
    if address not in told.mine:
        yield from _of_another(told, box, address)
        return
    closes = closable.closes_passwords(told.held, box)
    if closes is None or box.smtp == "unknown":
        yield "cannot know", "policies and switches of mailboxes", "not read for"
        return
    was, now = told.policy_then(address), told.policy_now(box)
    before = told.boxes.get(address)
    # What the default does to whoever has no policy of their own is told once, of the default.
    told_already = told.whole and not (box.authentication_policy or (before and before["policy"]))
    if not (closes or told_already) and now.lower() not in told.opened and was != now:
        yield "policy", was, f"the policy was taken off, so that {now or 'no policy'} counts, for"
    if before and before["smtp"] not in ("on", box.smtp) and closable.is_on(told.held, box):
        yield "mailbox", _OWN_SWITCH, f"it was {_SWITCH[before['smtp']]}, and is on for"


_OWN_SWITCH: Final = "SMTP AUTH of mailboxes"
_SWITCH: Final = {"on": "on", "off": "off", "inherit": "inherited from the tenant", "unknown": "not read"}


def _of_another(told: _Told, box: Mailbox, address: str) -> Iterator[tuple[Kind, str, str]]:
    """Yield what speaks against a mailbox that no closed wave names: a new one, or one whose exception has ended."""
    if address in told.spared or not (told.whole or address in told.ended):
        return
    closes = closable.closes_passwords(told.held, box)
    if closes or not (closable.is_on(told.held, box) or box.smtp == "unknown"):
        return
    if closes is None or box.smtp == "unknown":
        yield "cannot know", "policies and switches of mailboxes", "not read for"
        return
    if address in told.boxes or address in told.ended:
        yield "mailbox", "exceptions", "it has ended, and passwords are taken for"
    else:
        yield "mailbox", "new mailboxes", "made since, and passwords are taken for"


def _plans(told: _Told) -> Iterator[Broken]:
    """Yield which mailbox plan gives new mailboxes IMAP or POP again."""
    shut = [each for each in told.then["plans"] or () if each["imap"] is False or each["pop"] is False]
    if not told.whole or not shut:
        return
    if told.held.plans is None:
        yield _unread("mailbox plans")
        return
    now = {each.name: each for each in told.held.plans}
    for each in shut:
        plan = now.get(each["name"])
        for name in ("imap", "pop"):
            value = getattr(plan, name) if plan else False
            if each[name] is False and value is None:
                yield _unread(f"{name.upper()} of the mailbox plan {each['name']}")
            elif each[name] is False and value:
                yield Broken("plan", each["name"], f"{name.upper()} was off for new mailboxes, and is on", _CLOSE)


# --- Conditional Access -------------------------------------------------------------------------------


def _access(told: _Told) -> Iterator[Broken]:
    """Yield which policy on programs that show a password was switched off, and whom one has begun to leave out."""
    then, now = told.then["access"], told.known.conditions.policies
    if now is None or then is None:
        found = "not read" if now is None else "not read when it was closed, so that there is nothing to compare with"
        yield Broken("cannot know", "Conditional Access", found, _READ if now is None else "Run 60 again with renew.")
        return
    held = {each.id: each for each in now}
    for each in then:
        if each["state"] != "disabled":
            yield from _of_policy(told, each, held.get(each["id"]))


def _of_policy(told: _Told, then: Record, now: AccessPolicy | None) -> Iterator[Broken]:
    changes = told.known.conditions.changes or ()
    last = next((each for each in changes if each.policy == then["id"] and each.at > told.since), None)
    if then["state"] == _ON and (now is None or now.state != _ON or not now.reaches(_LEGACY)):
        is_now = "gone" if now is None else now.state if now.state != _ON else "no longer about these programs"
        at, by = (last.at, last.by) if last else (None, "")
        yield Broken("access", then["name"], f"it was enabled, and is {is_now}", _ENABLE, at=at, by=by)
    elif then["state"] == _ON and now:
        at, by = (last.at, last.by) if last else (None, "")
        for found in _weaker(then, now):
            yield Broken("access", then["name"], found, _WIDEN, at=at, by=by)
    for one in sorted((now.exclude.ids if now else frozenset()) - {*then["excluded"]}):
        yield _exclusion(told, then, now, one)
    if now:
        yield from _joined(told, then, now)


def _weaker(then: Record, now: AccessPolicy) -> Iterator[str]:
    """Yield what a policy stops no longer that is on as before; nothing of what an earlier version did not keep."""
    if then.get("stops") and now.effect(_LEGACY) != "stops":
        yield "it stopped who shows nothing but a password, and does not"
    if then.get("everybody") and not now.include.everybody:
        yield "it was about everybody, and is about some"
    gone = frozenset[str]() if now.include.everybody else {*then.get("included", ())} - now.include.ids
    if gone:
        yield f"it is no longer about {counted(len(gone), 'account, group or role', 'accounts, groups or roles')}"
    if then.get("included_guests") and not (now.include.guests or now.include.everybody):
        yield "it was about guests, and is not"
    if then.get("excluded_guests") is False and now.exclude.guests:
        yield "it did not leave out guests, and does"
    if more := sorted({*now.narrowed} - {*then.get("narrowed", now.narrowed)}):
        yield f"it counts only under conditions that it had not: {', '.join(more)}"


def _joined(told: _Told, then: Record, now: AccessPolicy) -> Iterator[Broken]:
    """Yield who has joined a group, or got a role, that a policy leaves out."""
    before, inside = then.get("excluded_members"), told.known.conditions.left_out(now)
    if before is None:
        return
    if inside is None:
        yield _unread(f"who is in the groups that {then['name']} leaves out")
        return
    # Who is in what was not left out before is told of by that.
    new = now.exclude.ids - {*then["excluded"]}
    for one in sorted(inside - {*before} - now.exclude.users):
        if told.known.conditions.excluded_by(now, one) not in new:
            found = "it was in no group or role that is left out, and is"
            yield replace(_exclusion(told, then, None, one), found=found, remedy=_LEAVE)


def _exclusion(told: _Told, then: Record, now: AccessPolicy | None, one: str) -> Broken:
    box, access = told.held.mailbox(one), told.known.conditions
    account = access.account(one)
    name = box.address if box else account.name if account else access.names.get(one, one)
    change = access.changed(now, excluding=one) if now else None
    return Broken(
        "exclusion",
        f"{then['name']}: {name}",
        "it was not left out, and is",
        _LEAVE_IN,
        (box.address.lower(),) if box else (),
        change.at if change else None,
        change.by if change else "",
    )


# --- sign-ins, credentials, proofs --------------------------------------------------------------------


def _sign_ins(told: _Told) -> Iterator[Broken]:
    """Yield who came in with a password since, and why nobody can say who did."""
    for each in closable.unseen(told.known):
        yield Broken("cannot know", each.about, each.found, each.remedy)
    for group in told.known.findings["data"]["groups"] if told.known.findings else ():
        last, account = group["last_success"], waves.account(told.held, group["user"], group.get("user_id", ""))
        came = group["verdict"] in _CAME_IN and group["protocol"] in MAY_BE_SMTP and group["population"] == "member"
        if came and last and _at(last) > told.since and told.covers(account):
            network = group["network"]
            place = network["label"] or network["address"] or "an address that the log does not name"
            found = f"a password was taken by {group['protocol']} from {place}, last at {moment(_at(last))}"
            yield Broken("basic", group["user"], found, _CAME_BACK, (account,), _at(last))


def credentials(held: Sequence[Lasting] | None, now: datetime, *, expires_days: int = EXPIRES_DAYS) -> Iterator[Broken]:
    """Yield which credentials of the apps end soon, and which app has none of a kind that it needs.

    Args:
        held: What each app proves itself by; None where that was not read.
        now: The moment, aware.
        expires_days: Within how many days an end is told.
    """
    within = timedelta(days=expires_days)
    if held is None:
        yield _unread("credentials of the apps")
    for each in held or ():
        live = [one for one in each.credentials if one.is_valid(now)]
        for kind in sorted(each.needs - {one.kind for one in live}):
            yield _no_credential(each, kind, live, now)
        # Entra does not tell which of several is used, so one that lasts says nothing of another that ends.
        for one in live:
            if one.ends and one.ends <= now + within:
                about = f"{each.app}: {one.kind} {one.name or one.id}"
                yield Broken("credential", about, f"it ends at {moment(one.ends)}", _RENEW, at=one.ends)


def _no_credential(held: Lasting, kind: CredentialKind, live: Sequence[Credential], now: datetime) -> Broken:
    past = [one.ends for one in held.credentials if one.kind == kind and one.ends and one.ends <= now]
    last = max(past, default=None)
    found = f"its last {kind} ended at {moment(last)}" if last else f"it has no {kind}"
    other = next((each for each in live if each.kind in held.needs), None)
    if other is None:
        return Broken("credential", held.app, found, "Make a new one with 20, and prove it.", at=last)
    remedy = f"Make a new one with 20, or take the flow {kind} of this app out of the tenants file."
    return Broken("credential", held.app, f"{found}; its {other.kind} still lets it sign in", remedy, at=last)


_RENEW: Final = "Make a new one with 20 and prove it; then take this one away there, or where nothing uses it any more."


def _proofs(told: _Told, lasts: timedelta) -> Iterator[Broken]:
    """Yield whose token was not taken, or not for long."""
    for address in sorted({address for wave in told.waves for address in wave["provable"]}):
        proof = told.known.tried(address, "oauth")
        if proof is None:
            yield Broken("cannot know", f"proof of {address}", "no token was tried on it", _PROVE, (address,))
        elif not proof.good:
            found = f"a token was not taken at {moment(proof.at)}: {proof.said}"
            yield Broken("proof", address, found, "See 80 for the cause.", (address,), proof.at)
        elif proof.at + lasts < told.known.now:
            found = f"last proven at {moment(proof.at)}, more than {lasts.days} days ago"
            yield Broken("proof", address, found, _PROVE, (address,), proof.at)


_PROVE: Final = "Watch again with --prove, or prove it with 50."


def _unread(about: str) -> Broken:
    return Broken("cannot know", about, "not read", _READ)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
