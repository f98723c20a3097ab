"""What closing looks at as one value, and what notebook 60 leaves for machines: how each wave stands, and why.

The record keeps what no other look can tell again: since when each policy was seen, what was tried on the wire, and the
settings that stood when it was written, with which a later look is compared.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from . import closable, closing, evidence, reportonly, shapes
from .checks import Check
from .closable import Known, Proof, Refusal
from .closing import Standing
from .conditions import AccessPolicy, Conditions
from .coverage import Coverage
from .errors import ConfigurationError
from .moving import Moving
from .organization import Mailbox, Organization
from .plan import Plan, Receipt
from .tenants import Tenant
from .waves import Record, Wave, account, primary

__all__ = [
    "Look",
    "as_closed",
    "by_address",
    "by_mailbox",
    "id_of",
    "latest",
    "moving",
    "proofs",
    "record",
    "remembering",
    "since",
    "taken",
]

_LEGACY: Final = "other"


@dataclass(frozen=True)
class Look:
    """A tenant that is to take no passwords, looked at once.

    Args:
        known: Everything that is known.
        waves: The waves in their order, the tenant last.
        against: What this machine itself cannot tell, such as a receipt that cannot be read: nothing is closed then.
        coverage: How far the look reached.
        moving: Every sender that has to leave a password, with its manual steps, what works first.
    """

    known: Known
    waves: tuple[Wave, ...]
    against: tuple[Refusal, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    moving: tuple[Moving, ...] = ()

    def wave(self, name: str = "") -> Wave:
        """Return the wave of that name; for an empty one the first with something to do, or else the last.

        Raises:
            ConfigurationError: There is none of that name.
        """
        if not name:
            left = (each for each in self.waves if self.standing(each).word not in closing.OVER)
            return next(left, self.waves[-1])
        found = next((each for each in self.waves if each.name == name), None)
        if found is None:
            known = ", ".join(each.name for each in self.waves)
            raise ConfigurationError(f"wave: found {name!r}; expected one of {known}.")
        return found

    def before(self, wave: Wave) -> tuple[Wave, ...]:
        """Return the waves that come before *wave*."""
        return self.waves[: self.waves.index(wave)]

    def refusals(self, wave: Wave) -> tuple[Refusal, ...]:
        """Return what forbids the next step of *wave*; nothing where it may be taken."""
        return (*self.against, *closing.readiness(wave, self.known, before=self.before(wave)))

    def standing(self, wave: Wave) -> Standing:
        """Return how *wave* stands; nothing stands where this machine's own receipts cannot be read."""
        held = closing.standing(wave, self.known)
        if not self.against:
            return held
        first = self.against[0]
        return Standing("cannot know", "unknown", f"{first.about}: {first.found}.", excepted=held.excepted)

    def plan(self, wave: Wave, *, tenant: Tenant, id: str) -> Plan:
        """Return the next stage of *wave* as a plan; no step where anything forbids it."""
        change = closing.plan(wave, self.known, tenant=tenant, id=id, before=self.before(wave))
        more = tuple(each.check() for each in self.against)
        return replace(change, steps=(), checks=(*more, *change.checks)) if more else change

    def receipts_of(self, wave: Wave) -> tuple[Receipt, ...]:
        """Return what is still to be taken back of *wave*, in the order in which it may be."""
        return closing.receipts_of(self.known.receipts, wave)

    def is_begun(self, wave: Wave) -> bool:
        """Whether anything was changed for *wave* from here, however much of it was taken back since."""
        return closing.is_begun(self.known.receipts, wave)

    def senders(self, wave: Wave) -> tuple[Moving, ...]:
        """Return the senders of *wave* that have to leave a password, those included that are left out by name."""
        mine = {*wave.mailboxes, *(each.address for each in wave.excepted)}
        held = self.known.organization
        return tuple(each for each in self.moving if wave.kind == "tenant" or account(held, each.account) in mine)

    def with_proofs(self, made: Iterable[Proof]) -> "Look":
        """Return the same look with what was tried since."""
        return replace(self, known=replace(self.known, proofs=(*self.known.proofs, *made)))

    @property
    def checks(self) -> tuple[Check, ...]:
        """What forbids the next step of each wave, as checkpoints, each once."""
        return tuple(dict.fromkeys(one.check() for wave in self.waves for one in self.refusals(wave)))


# --- evidence -----------------------------------------------------------------------------------------


def record(
    tenant: Tenant,
    look: Look,
    wave: Wave,
    change: Plan | None = None,
    receipt: Receipt | None = None,
    *,
    made_at: datetime,
    before: Record | None = None,
    renew: bool = False,
) -> Record:
    """Return the record of notebook 60.

    Args:
        tenant: The tenant.
        look: The last look.
        wave: The wave that was worked on.
        change: What was planned for it; None where nothing was.
        receipt: What became of that.
        made_at: The moment, aware.
        before: The record before this one; None where there is none.
        renew: Whether a watch compares with today's settings from now on, though no wave was closed anew.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    known = look.known
    stand, settings = [_wave(look, each) for each in look.waves], _settings(known.organization, known.conditions)
    closed = _closed(stand, before)
    stand = [{**each, "closed_at": _closed_at(look, each["name"], closed, before)} for each in stand]
    data = {
        "tenant_id": tenant.tenant_id,
        "wave": wave.name,
        "waves": stand,
        "looked": known.now,
        "since": _moments(known.organization, closable.remembered(known)),
        "flipped": _moments(known.organization, known.flipped),
        "proofs": latest(known.proofs),
        "settings": settings,
        "closed": sorted(closed),
        "as_closed": _as_closed(closed, settings, None if renew else before),
        "would_block": list(reportonly.would_block(known.findings, known.conditions)) if known.findings else None,
        "moving": [shapes.record(each) for each in look.moving],
        "plan": evidence.planned(change, receipt),
    }
    return evidence.envelope("closing", tenant, look.coverage, evidence.plain(data), made_at)


def _as_closed(closed: frozenset[str], settings: Mapping[str, Any], before: Record | None) -> Mapping[str, Any] | None:
    """Return the settings with which a watch compares: a look that finds another state does not make it the right one.

    Args:
        closed: The waves that are closed, or were when that was last known.
        settings: Today's.
        before: The record before this one; None where today's are to count.
    """
    was = _known_closed(before)
    if before and was and not closed - was:
        held: Mapping[str, Any] | None = as_closed(before)
        return held
    return settings if closed else None


def _closed(stand: Iterable[Mapping[str, Any]], before: Record | None) -> frozenset[str]:
    """Return the waves that are closed, or were when that was last known: who cannot know has closed nothing anew."""
    words = {each["name"]: each["word"] for each in stand}
    dark = frozenset(name for name, word in words.items() if word == "cannot know")
    return frozenset(name for name, word in words.items() if word == "closed") | (dark & _known_closed(before))


def _closed_at(look: Look, name: str, closed: frozenset[str], before: Record | None) -> datetime | None:
    """Return since when a wave was seen closed, with nothing of it taken back since; None where it is not closed."""
    if name not in closed:
        return None
    if before is None or name not in _known_closed(before):
        return look.known.now
    made = datetime.fromisoformat(before["made_at"])
    if any(entry.at > made for each in closing.undos_of(look.known.receipts, name) for entry in each.entries):
        return look.known.now
    then: Record = next((each for each in before["data"]["waves"] if each["name"] == name), {})
    return datetime.fromisoformat(then.get("closed_at") or before["made_at"])


def _known_closed(record: Record | None) -> frozenset[str]:
    if record is None:
        return frozenset()
    data = record["data"]
    closed = (each["name"] for each in data["waves"] if each["word"] == "closed")
    return frozenset(data.get("closed", closed))


def as_closed(record: Record) -> Record:
    """Return the settings that stood when a wave was last closed, or those of the look where none is."""
    data = record["data"]
    held: Record = data.get("as_closed") or data["settings"]
    return held


def _moments(held: Organization, moments: Mapping[str, datetime]) -> Sequence[Mapping[str, Any]]:
    boxes = {address: held.mailbox(address) for address in moments}
    return [{"address": each, "id": id_of(boxes[each]), "since": at} for each, at in sorted(moments.items())]


def id_of(box: Mailbox | None) -> str:
    """Return the id by which a mailbox is known again under another address; empty where none was read."""
    return (box.guid or box.object_id) if box else ""


def _wave(look: Look, wave: Wave) -> Mapping[str, Any]:
    standing = look.standing(wave)
    return {
        "name": wave.name,
        "kind": wave.kind,
        "word": standing.word,
        "stage": standing.stage,
        "sentence": standing.sentence,
        "counts_at": standing.counts_at,
        "mailboxes": wave.mailboxes,
        "senders": wave.senders,
        "provable": wave.provable,
        "canary": wave.canary,
        "excepted": wave.excepted,
        "ended": wave.ended,
        "unknown": wave.unknown,
        "refusals": look.refusals(wave),
    }


def _settings(held: Organization, conditions: Conditions) -> Mapping[str, Any]:
    """Return what a later look is compared with; None for what was not read."""
    access = None if conditions.policies is None else [each for each in conditions.policies if each.reaches(_LEGACY)]
    return {
        "smtp_off": held.settings.smtp_off,
        "default_policy": held.settings.default_policy,
        "security_defaults": conditions.defaults,
        "policies": _each(held.policies, lambda one: {"name": one.name, "smtp": one.allow_smtp}),
        "access": _each(access, lambda one: _policy(one, conditions)),
        "plans": _each(held.plans, lambda one: {"name": one.name, "imap": one.imap, "pop": one.pop}),
        "mailboxes": _each(held.mailboxes, _mailbox),
    }


def _each(found: Sequence[Any] | None, told: Any) -> list[Mapping[str, Any]] | None:
    return None if found is None else [told(one) for one in found]


def _policy(one: AccessPolicy, conditions: Conditions) -> Mapping[str, Any]:
    inside = conditions.left_out(one)
    return {
        "id": one.id,
        "name": one.name,
        "state": one.state,
        "excluded": sorted(one.exclude.ids),
        "excluded_guests": one.exclude.guests,
        "excluded_members": None if inside is None else sorted(inside),
        "everybody": one.include.everybody,
        "included": sorted(one.include.ids),
        "included_guests": one.include.guests,
        "narrowed": list(one.narrowed),
        "stops": one.effect(_LEGACY) == "stops",
    }


def _mailbox(box: Mailbox) -> Mapping[str, Any]:
    return {"address": box.address.lower(), "id": id_of(box), "policy": box.authentication_policy, "smtp": box.smtp}


# --- what an earlier record tells ---------------------------------------------------------------------


def remembering(known: Known, record: Record | None, watched: Record | None = None) -> Known:
    """Return *known* with what only looks before can tell: since when policies, and when switches, were seen.

    Args:
        known: What is known now.
        record: What notebook 60 left last; None where it has left nothing.
        watched: What a watch left last; None where it has left nothing.
    """
    if record is None:
        return replace(known, loose=None)
    data, held = record["data"], known.organization
    at, settings = _at(data.get("looked") or record["made_at"]), data["settings"]
    every = by_address(held, settings["mailboxes"]) if settings["mailboxes"] is not None else None
    states = {False: "on", True: "off", None: "unknown"}
    switches = None if every is None else {address: each["smtp"] for address, each in every.items()}
    if switches is not None:
        switches[""] = states[settings["smtp_off"]]
    seen = since(held, record)
    seen |= _since_again(known, seen, watched["data"].get("reopened", ()) if watched else ())
    whole = replace(known, since=seen, loose=_loose(every, settings), looked=at)
    before = closable.Before(at, switches, _read_moments(held, data.get("flipped", ())))
    return replace(whole, flipped=closable.flipped(whole, before))


def by_address(held: Organization, rows: Iterable[Record]) -> Mapping[str, Record]:
    """Return rows about mailboxes by the addresses that these have now: one may have got another since.

    Args:
        held: What Exchange holds now.
        rows: Rows with an ``address``, and the ``id`` of the mailbox where an earlier look knew it.
    """
    found = ((_address_now(held, each), each) for each in rows)
    return {address: each for address, each in found if address is not None}


def _address_now(held: Organization, row: Record) -> str | None:
    """Return the address of a row's mailbox; None where that is gone, and another one has its address."""
    address, one = str(row["address"]), row.get("id")
    if box := held.mailbox(one or address):
        return box.address.lower()
    return None if one and held.mailbox(address) else address


def _loose(every: Mapping[str, Record] | None, settings: Record) -> frozenset[str] | None:
    """Return who had a policy of their own that takes passwords, or one that was not read; None where nobody's was."""
    if every is None or settings["policies"] is None:
        return None
    strict = {each["name"].lower() for each in settings["policies"] if each["smtp"] is False}
    named = {address: each["policy"] for address, each in every.items() if each["policy"] != ""}
    return frozenset(address for address, name in named.items() if name is None or name.lower() not in strict)


def since(held: Organization, record: Record) -> dict[str, datetime]:
    """Return since when a record says that passwords are refused, by present address; ``""`` for the default."""
    return _read_moments(held, record["data"]["since"])


def _since_again(known: Known, seen: Mapping[str, datetime], rows: Iterable[Record]) -> Mapping[str, datetime]:
    """Return since when passwords are refused again for whom a watch saw without a policy that does so."""
    found = by_address(known.organization, rows)
    late = {place: each for place, each in found.items() if seen.get(place, _at(each["at"])) <= _at(each["at"])}
    return {place: _at(each["since"]) if each["since"] else known.now for place, each in late.items()}


def _read_moments(held: Organization, rows: Iterable[Record]) -> dict[str, datetime]:
    return {address: _at(each["since"]) for address, each in by_address(held, rows).items()}


def moving(record: Record | None) -> tuple[Moving, ...]:
    """Return the senders as the look before had them."""
    return tuple(shapes.read(Moving, each) for each in record["data"]["moving"]) if record else ()


def proofs(record: Record | None) -> tuple[Proof, ...]:
    """Return what notebook 60 itself has tried on the wire."""
    tried = record["data"]["proofs"] if record else ()
    return tuple(Proof(each["mailbox"], each["kind"], each["good"], _at(each["at"]), each["said"]) for each in tried)


def latest(made: Iterable[Proof]) -> tuple[Proof, ...]:
    """Return the last try of each kind on each mailbox: the last that went well, and the last that did not."""
    found: dict[tuple[str, str, bool], Proof] = {}
    for each in sorted(made, key=lambda one: one.at):
        found[each.mailbox.lower(), each.kind, each.good] = each
    return tuple(found.values())


def taken(known: Known) -> frozenset[tuple[str, str]]:
    """Return the mailboxes, in lower case, on which a token was taken by SMTP after the last change, each with it."""
    names = {primary(known.organization, each.mailbox) for each in known.proofs}
    found = ((name, known.tried(name, "oauth")) for name in names)
    return frozenset(
        (name, "smtp")
        for name, tried in found
        if tried and tried.good and all(each.settles_at <= tried.at for each in known.changes(name))
    )


def by_mailbox(tried: Iterable[Proof]) -> Iterator[Proof]:
    """Yield one proof for each mailbox: that a token was taken by any road, where one was."""
    found: dict[str, Proof] = {}
    for each in tried:
        before = found.get(each.mailbox.lower())
        if before is None or (each.good and not before.good):
            found[each.mailbox.lower()] = each
    yield from found.values()


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
