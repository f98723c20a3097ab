"""What is to be done next until a wave takes no password any more, in the one order that never opens Basic by itself.

    policy      an authentication policy without Basic is made or found, and assigned; it counts within `Known.settles`
    waiting     until then passwords may still be taken
    switches    SMTP AUTH on, for the mailboxes that send with OAuth and for nobody else
    prove       a token is taken for each of these
    rest        everybody else follows the organization again; in the last wave the organization is closed itself
    prove       a password is refused on the canary: once, when no change is left that would make the try old
    closed      all of it is set, has come to count, and was proven since the last change

A wave in which everybody is excepted by name is left out, and the next one does not wait for it.

Each call looks at what stands, so that a plan which broke off, or an order that somebody else violated, leads back to
the first of these that is not fulfilled.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from itertools import chain, count
from typing import Final, Literal

from . import canary, closable, closingsteps, mailsteps
from .checks import Check
from .closable import Known, Refusal
from .conditions import AccessPolicy
from .organization import AuthenticationPolicy, Mailbox, is_policy
from .plan import Plan, Receipt, Step
from .reach import USER_TABLES
from .reportonly import against_legacy
from .tenants import Tenant
from .waves import Excepted, Wave
from .wording import counted, few, moment_by

__all__ = [
    "NAME",
    "OVER",
    "Counted",
    "Stage",
    "Standing",
    "groups",
    "in_vain",
    "is_begun",
    "is_unset",
    "later",
    "plan",
    "readiness",
    "receipts_of",
    "stage",
    "standing",
    "undos_of",
]

Stage = Literal["unknown", "policy", "waiting", "switches", "prove", "rest", "closed", "left out"]

NAME: Final = "Block Basic SMTP"
"""What a new authentication policy is called, where the tenants file names none; one more gets a number."""

# Above this many alike, the look over all of them that follows proves each, and not two looks of its own.
_FEW: Final = 20
_EXAMPLES: Final = 3

_TITLES: Final[Mapping[Stage, str]] = {
    "unknown": "cannot be planned before it is read",
    "policy": "a policy that takes no passwords",
    "waiting": "wait until the policy counts",
    "switches": "SMTP AUTH on for what sends with OAuth",
    "prove": "prove it",
    "rest": "close what is left",
    "closed": "closed",
    "left out": "everybody in it is left out by name",
}
OVER: Final = frozenset({"closed", "left out"})
"""The stages, and the words, of a wave in which nothing is to be done."""


@dataclass(frozen=True)
class Standing:
    """How a wave stands.

    Args:
        word: ``closed`` is closed (proven); ``closing`` is on its way; ``open`` is not begun, or somebody opened it;
            ``left out`` is a group of which everybody is excepted by name.
        stage: What is next.
        sentence: The same in a sentence.
        counts_at: When what is set counts everywhere at the latest; None where nothing is on its way.
        excepted: Who is left out by name: their passwords go on meanwhile, unless a policy refuses them all the same.
        reopened: Whether it was refused before what is taken now: somebody has to look today.
    """

    word: Literal["open", "closing", "closed", "left out", "cannot know"]
    stage: Stage
    sentence: str
    counts_at: datetime | None = None
    excepted: tuple[Excepted, ...] = ()
    reopened: bool = False


@dataclass(frozen=True)
class Counted:
    """Steps of one group, as a person reads them.

    Args:
        group: The group.
        count: How many.
        titles: The first of them.
        lag: How long at most until they count.
        leaves: What an undo of them cannot restore, each once.
    """

    group: str
    count: int
    titles: tuple[str, ...]
    lag: timedelta
    leaves: tuple[str, ...]


# --- where a wave stands ------------------------------------------------------------------------------


def stage(wave: Wave, known: Known) -> Stage:
    """Return what is next for a wave.

    Args:
        wave: The wave.
        known: What is known.
    """
    if wave.left_out:
        return "left out"
    if any(closable.unread(wave, known)):
        return "unknown"
    draft = _Draft(wave, known)
    if any(draft.policies()):
        return "policy"
    if draft.counts_at > known.now:
        return "waiting"
    if any(draft.switches()):
        return "switches"
    if any(closable.untaken(wave, known)):
        return "prove"
    if draft.has_rest:
        return "rest"
    if not closable.proven(wave, known):
        return "prove"
    if any(closable.unseen(known)):
        return "unknown"
    return "rest" if any(_against(wave, known)) else "closed"


def is_unset(wave: Wave, known: Known) -> bool:
    """Whether anything of a wave is left to be set: a password that is tried before is to be tried again."""
    draft = _Draft(wave, known)
    return draft.has_rest or any(draft.policies()) or any(draft.switches())


def _against(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield what keeps a wave of which everything is set and proven from being called closed."""
    yield from closable.open_senders(wave, known)
    yield from closable.unproven(wave, known)


def readiness(wave: Wave, known: Known, *, before: Sequence[Wave] = ()) -> tuple[Refusal, ...]:
    """Return what forbids the next step of a wave; nothing where it may be taken.

    Args:
        wave: The wave.
        known: What is known.
        before: The waves that come first.
    """
    next_one = stage(wave, known)
    if next_one == "left out":
        return ()
    return (
        *closable.unread(wave, known),
        *closable.unseen(known),
        *canary.unfit(wave, known),
        *closable.open_senders(wave, known),
        *(closable.frozen_until(known) if next_one != "closed" else ()),
        *(_first(each, known) for each in before if stage(each, known) not in OVER),
        *_of_stage(wave, known, next_one),
    )


def _of_stage(wave: Wave, known: Known, next_one: Stage) -> Iterator[Refusal]:
    """Yield what forbids one stage alone."""
    match next_one:
        case "waiting":
            yield from _waits(wave, known)
        case "prove":
            yield from (closable.untaken if any(closable.untaken(wave, known)) else closable.lacking)(wave, known)
        case "policy":
            # What somebody else opened again is closed at once: nobody's mail hangs on a password that had ended.
            yield from (each for each in closable.untried(wave, known) if not closable.was_ended(known, each.about))
            yield from _Draft(wave, known).shared()
        case "rest":
            yield from closable.unnamed(wave, known)
            yield from _unsigned(wave)
            # What was never tried does not keep the rest from being closed: it keeps the wave from being called so.
            yield from closable.unproven(wave, known) if not _Draft(wave, known).has_rest else ()


def later(wave: Wave, known: Known) -> tuple[Refusal, ...]:
    """Return what forbids nothing yet and is known to forbid a later step, so that nobody meets it at the end.

    Args:
        wave: The wave.
        known: What is known.
    """
    next_one = stage(wave, known)
    if next_one in OVER or next_one == "unknown":
        return ()
    now = frozenset((each.kind, each.about) for each in _of_stage(wave, known, next_one))
    found = (*closable.has_canary(wave), *closable.unnamed(wave, known), *_unsigned(wave), *_untriable(wave, known))
    return tuple(each for each in found if (each.kind, each.about) not in now)


def _unsigned(wave: Wave) -> Iterator[Refusal]:
    for address in wave.unsigned:
        found = "it sends with OAuth as somebody who signs in for it, and who may open it was not read"
        yield Refusal("coverage", address, found, "Look again with somebody who may read mailbox permissions.")


def _untriable(wave: Wave, known: Known) -> Iterator[Refusal]:
    """Yield each sender that no app of the file can try: it has to be seen to send once everything is set."""
    if wave.senders == wave.provable:
        return
    read = known.findings["coverage"] if known.findings else ()
    files = {each.get("source") for each in read if each["what"] in USER_TABLES.values()} == {"files"}
    more = ". These records are files, which show it once they are exported anew" if files else ""
    for address in sorted(wave.senders - wave.provable - closable.resting(wave, known)):
        found = f"it sends with OAuth, no app tries it, and 10 has to see it send again after the last change{more}"
        yield Refusal("proof", address, found, closable.UNPROVEN)


def _first(earlier: Wave, known: Known) -> Refusal:
    held = stage(earlier, known)
    next_one = (
        "how it stands cannot be known" if held == "unknown" else f"it is not closed; its next step: {_TITLES[held]}"
    )
    found = f"it comes first, and {next_one}"
    return Refusal("wave", earlier.name, found, "Finish that wave, or take it out of the tenants file.")


def _waits(wave: Wave, known: Known) -> Iterator[Refusal]:
    at = moment_by(_Draft(wave, known).counts_at)
    yield Refusal("policy", wave.name, f"assigned, and it counts at the latest at {at}", f"Look again at {at}.")


def standing(wave: Wave, known: Known) -> Standing:
    """Return how a wave stands; the arguments are those of `stage`."""
    next_one = stage(wave, known)
    if next_one == "unknown":
        found = next(chain(closable.unread(wave, known), closable.unseen(known)))
        return Standing("cannot know", next_one, f"{found.about}: {found.found}.", excepted=wave.excepted)
    if taken := next(closable.reopened(wave, known), None):
        return Standing("open", next_one, f"{taken.about}: {taken.found}.", excepted=wave.excepted, reopened=True)
    draft = _Draft(wave, known)
    against = "" if next_one != "rest" or draft.has_rest else _said(_against(wave, known))
    either = _EITHER if next_one in ("rest", "closed") and closable.is_ambiguous(wave, known) else ""
    said = f"{_sentence(draft, next_one)}{either}{against}{_left_open(wave, known)}{draft.uncovered}{draft.dark}"
    until = draft.counts_at if next_one == "waiting" else None
    words: Mapping[Stage, Literal["open", "closed", "left out"]] = {
        "policy": "open",
        "closed": "closed",
        "left out": "left out",
    }
    return Standing(words.get(next_one, "closing"), next_one, said, until, wave.excepted)


_EITHER: Final = (
    " Microsoft refuses passwords by default by then, in the same words: that the policy counts is known by its time, "
    "and not by this try."
)


def _sentence(draft: "_Draft", next_one: Stage) -> str:
    wave = draft.wave
    size = counted(len(wave.mailboxes), "mailbox", "mailboxes")
    if next_one == "left out":
        return "Nothing is to be done in it: everybody in it is left out."
    if next_one == "policy":
        left = sum(not closable.closes_passwords(draft.known.organization, box) for box in draft.boxes)
        return (
            f"No policy refuses passwords yet for {left:,} of {size}." if left else f"A policy is to be set for {size}."
        )
    if next_one == "waiting":
        return f"Passwords may be taken for {size} until {moment_by(draft.counts_at)}, when the policy counts."
    tokens = f", and a token was taken for {counted(len(wave.provable), 'sender')}" if wave.provable else ""
    shut = f"A policy refuses passwords on {size}"
    tried = f"one was tried, and refused, on {wave.canary}{tokens}, since the last change"
    if next_one == "rest" and draft.has_rest:
        return f"{shut}{tokens}. What is left open beside them is to be closed; then a password is tried, once."
    return {
        "switches": f"A policy refuses passwords for {size}; SMTP AUTH is to be switched on for what sends with OAuth.",
        "prove": f"A policy refuses passwords for {size}; that is not proven since the last change.",
        "rest": f"{shut}; {tried}.",
        "closed": f"{shut}; {tried}.",
    }[next_one]


def _said(against: Iterable[Refusal]) -> str:
    found = list(against)
    more = f" and {len(found) - _EXAMPLES:,} more" if len(found) > _EXAMPLES else ""
    return f" Not closed yet: {'; '.join(f'{each.about}: {each.found}' for each in found[:_EXAMPLES])}{more}."


def _left_open(wave: Wave, known: Known) -> str:
    """Return who is left out, so that nobody takes closed for more than it is, nor an exception for one that acts."""
    shut = in_vain(wave, known)
    on = [each for each in wave.excepted if each not in shut]
    vain = f" Excepted by name, and a policy refuses their passwords all the same: {_spared(shut)}." if shut else ""
    return f"{f' Passwords go on, by name, for {_spared(on)}.' if on else ''}{vain}"


def in_vain(wave: Wave, known: Known) -> tuple[Excepted, ...]:
    """Return whose passwords a policy refuses though they are excepted by name: their own, or the default."""
    boxes = [(each, known.organization.mailbox(each.address)) for each in wave.excepted]
    return tuple(each for each, box in boxes if box and closable.closes_passwords(known.organization, box))


def _spared(excepted: Sequence[Excepted]) -> str:
    return few([f"{each.address} (until {each.until.isoformat()})" for each in excepted])


# --- what would be done -------------------------------------------------------------------------------


def plan(wave: Wave, known: Known, *, tenant: Tenant, id: str, before: Sequence[Wave] = ()) -> Plan:
    """Return the steps of what is next for a wave, and what speaks against it; no step where anything does.

    Args:
        wave: The wave.
        known: What is known.
        tenant: The tenant.
        id: The plan's id.
        before: The waves that come first.
    """
    next_one = stage(wave, known)
    refused = readiness(wave, known, before=before)
    told = list(_told(_Draft(wave, known), next_one))
    steps = [] if refused else [each for each in told if isinstance(each, Step)]
    return Plan.of(
        tenant,
        id=id,
        title=f"{_of(wave.name)}{_TITLES[next_one]}",
        now=known.now,
        steps=_paced(steps),
        checks=(
            *_left_out(wave, known),
            *_resting(wave, known),
            *(each.check() for each in refused),
            *(canary.judged(wave, known) if next_one == "policy" else ()),
            *(_untaken_yet(wave, known) if next_one == "policy" else ()),
            *dict.fromkeys(each for each in told if isinstance(each, Check)),
        ),
    )


def _of(name: str) -> str:
    return f"Wave {name}: "


def _left_out(wave: Wave, known: Known) -> Iterator[Check]:
    shut = in_vain(wave, known)
    excepted = [each for each in wave.excepted if each not in shut]
    if excepted:
        reasons = few(tuple(dict.fromkeys(each.reason for each in excepted if each.reason)))
        why = f": {reasons}" if reasons else ""
        size = counted(len(excepted), "mailbox", "mailboxes")
        yield Check(f"excepted: {size}", "ok", f"passwords go on for {_spared(excepted)}{why}")
    if shut:
        size = counted(len(shut), "mailbox", "mailboxes")
        found = f"its own policy, or the default, refuses the password of {_spared(shut)} all the same"
        yield Check(f"excepted in vain: {size}", "wrong", found, _IN_VAIN)


_IN_VAIN: Final = (
    "End the exception; or, where it is meant, give the mailbox by hand a policy of its own that takes passwords by "
    "SMTP."
)


def _resting(wave: Wave, known: Known) -> Iterator[Check]:
    if resting := sorted(closable.resting(wave, known)):
        size = counted(len(resting), "sender", "senders")
        found = f"SMTP AUTH is off for {few(resting)}, and no token was seen there for long: nothing is proven of it"
        remedy = "Where it is to send, name it under mailboxes with smtp in the tenants file; 40 turns SMTP AUTH on."
        yield Check(f"no longer sending: {size}", "not configured", found, remedy)


def _untaken_yet(wave: Wave, known: Known) -> Iterator[Check]:
    """Yield for which senders no token can be tried before the policy, or has to be taken only after it."""
    yield from (each.check() for each in closable.untried(wave, known) if closable.was_ended(known, each.about))
    off = [each for each in sorted(wave.provable) if not closable.may_send(known, each)]
    if off:
        found = f"SMTP AUTH is off for {few(off)}: neither a token nor a password is taken there before the switches"
        yield Check("tokens before the policy", "ok", found)


def _paced(steps: Sequence[Step]) -> tuple[Step, ...]:
    sizes: dict[str, int] = {}
    for step in steps:
        sizes[step.group] = sizes.get(step.group, 0) + 1
    return tuple(replace(step, watched=False) if sizes[step.group] > _FEW else step for step in steps)


def _told(draft: "_Draft", next_one: Stage) -> Iterator[Step | Check]:
    match next_one:
        case "policy":
            yield from draft.policies()
        case "switches":
            yield from draft.switches()
        case "rest" | "closed":
            yield from draft.rest()


@dataclass(frozen=True)
class _Draft:
    """The plan of a wave under way."""

    wave: Wave
    known: Known

    @cached_property
    def boxes(self) -> tuple[Mailbox, ...]:
        """The mailboxes of the wave that were read."""
        found = (self.known.organization.mailbox(address) for address in self.wave.mailboxes)
        return tuple(box for box in found if box)

    # --- policy ---------------------------------------------------------------------------------------

    @cached_property
    def policy(self) -> AuthenticationPolicy | None:
        """The policy that is assigned, as it is: the one that was named, or else one that refuses passwords."""
        held = self.known.organization
        if self.wave.policy:
            return held.policy(self.wave.policy)
        default = held.policy(held.settings.default_policy or "")
        others = sorted(held.policies or (), key=lambda each: (each.name.lower() != NAME.lower(), each.name.lower()))
        candidates = [*([default] if default else ()), *others]
        return next((each for each in candidates if each.allow_smtp is False), None)

    @property
    def name(self) -> str:
        """The policy's name, whether it is there or not."""
        return self.policy.name if self.policy else self.wave.policy or self._free_name

    @property
    def _free_name(self) -> str:
        """What a new policy may be called: one that takes passwords may have the name, and holders that are to."""
        every = chain((NAME,), (f"{NAME} {number}" for number in count(2)))
        return next(name for name in every if self.known.organization.policy(name) is None)

    @cached_property
    def lacking(self) -> tuple[Mailbox, ...]:
        """The mailboxes that need the policy."""
        return tuple(box for box in self.boxes if self._needs(box))

    def _needs(self, box: Mailbox) -> bool:
        held = self.known.organization
        if box.authentication_policy:
            return not closable.closes_passwords(held, box)
        # Who sends by SMTP AUTH with a switch of their own is not left to a default that may change unseen.
        return self.wave.kind != "tenant" or not self._defaults or box.address.lower() in self._own

    @cached_property
    def _own(self) -> frozenset[str]:
        """Those whose SMTP AUTH switch is to be on: what sends with a token, and where a password is tried."""
        return self.wave.senders | {self.wave.canary}

    @cached_property
    def _defaults(self) -> bool:
        """Whether the default may refuse passwords: nobody who is excepted would lose theirs by it."""
        return not self._without_policy

    @property
    def uncovered(self) -> str:
        """Who is not covered though the last wave is closed: whoever is new, while the default takes passwords."""
        if self.wave.kind != "tenant" or self._defaults or not self._is_lax_by_default:
            return ""
        until = max(each.until for each in self._without_policy).isoformat()
        return f" No policy covers new mailboxes: the default is set after {until}."

    @property
    def dark(self) -> str:
        """What of the organization was not read beside policies and switches; only the last wave is about it."""
        named = {"mailbox plans": self.known.organization.plans, "Conditional Access": self.known.conditions.policies}
        unread = [name for name, held in named.items() if held is None]
        if self.wave.kind != "tenant" or not unread:
            return ""
        return f" Not read, and not known to be closed: {' and '.join(unread)}."

    @cached_property
    def _without_policy(self) -> tuple[Excepted, ...]:
        boxes = [(each, self.known.organization.mailbox(each.address)) for each in self.wave.excepted]
        return tuple(each for each, box in boxes if box and not box.authentication_policy)

    def policies(self) -> Iterator[Step]:
        """Yield what makes the policy, and gives it to whoever needs it."""
        needs_default = self._default_is_needed()
        altered = self._altered(needs_default)
        if self.policy is None and (self.lacking or needs_default):
            if self.known.organization.settings.dehydrated:
                yield mailsteps.customization()
            yield closingsteps.policy(self.name)
        yield from altered
        for box in self.lacking:
            if not _is_named(box.authentication_policy, self.name):
                yield closingsteps.assigned(box, self.name, settles=self.known.settles)
        if needs_default and not _is_named(self.known.organization.settings.default_policy, self.name):
            found = self.known.organization.settings.default_policy or ""
            yield closingsteps.default_policy(found, self.name, settles=self.known.settles)

    def shared(self) -> Iterator[Refusal]:
        """Yield that the policy which would have to be altered is others' too."""
        policy = self.policy
        if policy is None or policy.allow_smtp is False:
            return
        held, mine = self.known.organization, frozenset(self.wave.mailboxes)
        holders = [box for box in held.mailboxes or () if _is_named(box.authentication_policy, policy.name)]
        others = sum(box.address.lower() not in mine for box in holders)
        is_default = self.wave.kind != "tenant" and _is_named(held.settings.default_policy, policy.name)
        if self.wave.kind == "tenant" and self._without_policy and _is_named(held.settings.default_policy, policy.name):
            spared = few([each.address for each in self._without_policy])
            found = f"it lets passwords in, and it is the default: altered, it would end the exception of {spared}"
            yield Refusal("policy", policy.name, found, "Name another policy under closing in the tenants file.")
        if others or is_default:
            whose = (
                "it is the organization's default" if is_default else f"{counted(others, 'account')} outside have it"
            )
            found = f"it lets passwords in, and {whose}: altered, it would close more than this wave"
            yield Refusal("policy", policy.name, found, "Name another policy under closing in the tenants file.")

    def _altered(self, needs_default: bool) -> tuple[Step, ...]:
        if self.policy and self.policy.allow_smtp is not False and (self.lacking or needs_default):
            return (closingsteps.strict(self.policy.name, settles=self.known.settles),)
        return ()

    def _default_is_needed(self) -> bool:
        return self.wave.kind == "tenant" and self._defaults and self._is_lax_by_default

    @property
    def _is_lax_by_default(self) -> bool:
        default = self.known.organization.settings.default_policy
        held = self.known.organization.policy(default) if default else None
        return held is None or held.allow_smtp is not False

    @cached_property
    def counts_at(self) -> datetime:
        """When the policy counts for all of the wave at the latest."""
        return max((closable.settled_at(self.known, box.address.lower()) for box in self.boxes), default=self.known.now)

    # --- switches -------------------------------------------------------------------------------------

    def switches(self) -> Iterator[Step]:
        """Yield what lets tokens in; where this is asked, a policy keeps passwords out of each of these mailboxes."""
        off = self.known.organization.settings.smtp_off
        for box in self.boxes:
            address = box.address.lower()
            named = address in self.wave.provable or address == self.wave.canary
            closed = box.smtp == "off" or (box.smtp == "inherit" and off is True)
            # In the last wave the organization's own switch goes off under whoever follows it.
            follows = address in self._own and self.wave.kind == "tenant" and box.smtp == "inherit" and not off
            if (named and closed) or follows:
                yield closingsteps.tried_on(box) if address == self.wave.canary else mailsteps.submission(box)

    # --- what is left ---------------------------------------------------------------------------------

    def rest(self) -> Iterator[Step | Check]:
        """Yield what closes the wave for all that do not send with OAuth, and in the last one the organization."""
        for box in self.boxes:
            if box.smtp == "on" and box.address.lower() not in self._own:
                yield closingsteps.following(box)
        if self.wave.kind == "tenant":
            yield from self._organization()

    @cached_property
    def has_rest(self) -> bool:
        """Whether anything is left to be set."""
        return any(isinstance(each, Step) for each in self.rest())

    def _organization(self) -> Iterator[Step | Check]:
        held = self.known.organization
        if not held.settings.smtp_off:
            for one in self.wave.excepted:
                box = held.mailbox(one.address)
                if box and box.smtp == "inherit" and not closable.closes_passwords(held, box):
                    yield closingsteps.kept(box, one.until.isoformat())
            yield closingsteps.tenant_switch()
        lives = self._without_policy if self._is_lax_by_default else ()
        if lives:
            names, until = few([each.address for each in lives]), max(each.until for each in lives)
            found = f"a strict one would end what is excepted and has no policy of its own: {names}"
            yield Check(
                "default authentication policy", "not configured", found, f"It is set after {until.isoformat()}."
            )
        if held.plans is None:
            yield Check("mailbox plans", "cannot know", "not read", "Read Get-CASMailboxPlan.")
        for each in held.plans or ():
            if each.imap or each.pop:
                yield closingsteps.new_mailboxes(each)
        yield from self._template()

    def _template(self) -> Iterator[Step | Check]:
        conditions = self.known.conditions
        name = _ACCESS
        if conditions.policies is None:
            yield Check(name, "cannot know", "the policies were not read", "Sign in with Policy.Read.All.")
        elif conditions.defaults:
            yield Check(name, "ok", "security defaults block legacy clients")
        elif refused := _refused(self.known.receipts):
            yield Check(name, "not configured", f"it was refused: {refused}", "It needs Entra ID P1; do without it.")
        else:
            there = [each for each in conditions.policies if each.state != "disabled" and against_legacy(each)]
            if not there:
                yield from self._new_template()
            for each in there:
                said = "is on" if each.state == "enabled" else "only reports; a person switches it on"
                yield Check(name, "ok", f"“{each.name}” {said}")
                yield from self._hit(each)

    @cached_property
    def _spared(self) -> tuple[Mailbox, ...]:
        boxes = (self.known.organization.mailbox(each.address) for each in self.wave.excepted)
        return tuple(box for box in boxes if box)

    def _new_template(self) -> Iterator[Step | Check]:
        """Yield the policy, and whom it would stop though they are to be left out."""
        yield closingsteps.access_policy(box.object_id for box in self._spared if box.object_id)
        named = {box.address.lower() for box in self._spared if box.object_id}
        if left := [each.address for each in self.wave.excepted if each.address not in named]:
            found = f"excepted, and not left out of the policy, as no account was read: {few(left)}"
            yield Check(_ACCESS, "wrong", found, "Leave the account out of the policy by hand.")
        found = "the policy leaves out no emergency account: nobody here knows which they are"
        yield Check(_ACCESS, "not configured", found, "Leave them out by hand before you switch it on.")

    def _hit(self, policy: AccessPolicy) -> Iterator[Check]:
        """Yield who is excepted, and is not left out of a policy by their own account."""
        if hit := [box.address for box in self._spared if box.object_id not in policy.exclude.users]:
            found = f"excepted, and not left out of “{policy.name}” by its own account: {few(hit)}"
            remedy = "Leave the account out of the policy, or see that a group which is left out holds it."
            yield Check(_ACCESS, "wrong" if policy.state == "enabled" else "not configured", found, remedy)


_ACCESS: Final = "Conditional Access against legacy clients"


def _refused(receipts: Iterable[Receipt]) -> str:
    """Return why the last try to make the policy was refused; empty where none was."""
    entries = [entry for receipt in receipts for entry in receipt.entries if entry.step == closingsteps.ACCESS]
    last = max(entries, key=lambda each: each.at, default=None)
    return last.said if last and last.outcome == "refused" else ""


def _is_named(held: str | None, name: str) -> bool:
    return is_policy(held or "", name)


# --- for a person -------------------------------------------------------------------------------------


def groups(change: Plan) -> tuple[Counted, ...]:
    """Return the steps of a plan grouped and counted, in their order."""
    found: dict[str, list[Step]] = {}
    for step in change.steps:
        found.setdefault(step.group, []).append(step)
    return tuple(
        Counted(
            group=group,
            count=len(steps),
            titles=tuple(step.title for step in steps[:_EXAMPLES]),
            lag=max(step.lag for step in steps),
            leaves=tuple(dict.fromkeys(step.leaves for step in steps if step.leaves)),
        )
        for group, steps in found.items()
    )


def receipts_of(receipts: Iterable[Receipt], wave: Wave) -> tuple[Receipt, ...]:
    """Return the receipts of a wave that were not taken back whole, the last first, as they are to be taken back.

    One that changed nothing, or nothing that can be taken back, is none of them: it would stand in the way for ever.
    A policy that is taken back before the switches which it guards would open Basic.
    """
    every = list(receipts)
    gone = {each.undoes for each in every if each.undoes and each.settled}
    mine = [each for each in every if each.plan.title.startswith(_of(wave.name)) and each.undoable and not each.undoes]
    return tuple(sorted((one for one in mine if one.plan.id not in gone), key=lambda one: one.plan.id, reverse=True))


def is_begun(receipts: Iterable[Receipt], wave: Wave) -> bool:
    """Whether anything was changed for a wave, however much of it was taken back since."""
    mine = (each for each in receipts if each.plan.title.startswith(_of(wave.name)) and not each.undoes)
    return any(each.changed for each in mine)


def undos_of(receipts: Iterable[Receipt], name: str) -> tuple[Receipt, ...]:
    """Return the receipts by which anything of the wave of that name was taken back, the first one first."""
    every = {each.plan.id: each for each in receipts}
    mine = (each for each in every.values() if each.undoes in every)
    found = (each for each in mine if every[each.undoes].plan.title.startswith(_of(name)))
    return tuple(sorted(found, key=lambda one: one.plan.id))
