"""Notebook 60's part of a session: the waves in which passwords end, what forbids the next step, proof, and undo.

Every look reads the tenant anew and takes nothing for granted of the one before but what no look can tell again: since
when each policy was seen, by 60 or by a watch, and what was tried on the wire.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from .. import (
    advice,
    canary,
    closable,
    closing,
    closingguard,
    closingrecord,
    decisions,
    moving,
    proving,
    reach,
    reportevidence,
    waves,
)
from ..closable import Proof, Refusal
from ..closingrecord import Look
from ..conditions import Conditions
from ..coverage import Coverage
from ..decisions import Decisions
from ..errors import ConfigurationError, HeldError, MailauthError
from ..organization import Organization
from ..plan import Plan, Receipt, new_id
from ..proving import OTHER_DOOR, Closed
from ..services import conditions, store
from ..waves import Wave
from ..wording import few, moment, moment_by
from . import looking, scripts
from .proofs import Proving
from .scripts import Kept
from .tenancy import Tenancy
from .tries import LOST, Noted

__all__ = ["NOTEBOOK", "Closing", "Tries"]

NOTEBOOK: Final = "60-close-basic"

_FINDS: Final = "10-find-basic-auth"
_PROVES: Final = "50-prove-mail-oauth"
_SMTP: Final = "smtp"
_PATIENCE_S: Final = 60.0


@dataclass(frozen=True)
class Tries:
    """What came of trying a wave on the wire.

    Args:
        proofs: What was tried: tokens, and the password where it was.
        closed: The one try with a password; None where none was made.
        why: Why no password was tried; empty where one was.
    """

    proofs: tuple[Proof, ...] = ()
    closed: Closed | None = None
    why: str = ""


@dataclass(frozen=True)
class Closing:
    """What notebook 60 asks of a tenant, and does to it.

    Args:
        tenancy: The tenant, opened.
    """

    tenancy: Tenancy

    def insist_on(self, **named: str) -> None:
        """Insist that each wave is one of the tenants file's, before anything is read; an empty name is none.

        Args:
            named: The names of waves, by the parameters that hold them.

        Raises:
            ConfigurationError: There is none of that name; the text names the parameter.
        """
        known = waves.names(self.tenancy.tenant)
        for parameter, name in named.items():
            if name and name not in known:
                raise ConfigurationError(f"{parameter}: found {name!r}; expected one of {', '.join(known)}.")

    def look(self) -> Look:
        """Return how every wave stands; changes nothing. What cannot be read is never taken for closed.

        Raises:
            ConfigurationError: A decision in the decisions file is wrong: who is excepted cannot be known then.
        """
        tenancy = self.tenancy
        tenancy.renew()
        decided = self._decided()
        records = {_FINDS: self._read(_FINDS), _PROVES: self._read(_PROVES), NOTEBOOK: self._own()}
        findings, proven, own = (each.record for each in records.values())
        records[reportevidence.WATCH] = self._read(reportevidence.WATCH)
        broken = tuple(each.lost for each in records.values() if each.lost)
        organization, reached = looking.organization(tenancy, waves.lent(tenancy.tenant))
        access = self._conditions()
        receipts, lost = looking.receipts(tenancy)
        noted, unknown = self._tries()
        now, tenant, freeze = tenancy.now(), tenancy.tenant, tenancy.tenant.defaults.freeze
        held = organization or Organization()
        known = closable.Known(
            organization=held,
            conditions=access,
            findings=findings,
            proofs=(*closable.proofs(proven), *closingrecord.proofs(own), *noted),
            receipts=receipts,
            freezes=(freeze,) if freeze else (),
            settles=tenant.cloud.settles,
            default_off=tenant.calendar.get("smtp-auth-default-off").day,
            now=now,
        )
        known = closingrecord.remembering(known, own, records[reportevidence.WATCH].record)
        tenancy.tell("")
        seen = moving.Evidence(findings, now, decided, closingrecord.taken(known))
        before = closingrecord.moving(own)
        senders = moving.of(seen, tenant, before=before)
        arrived, untraced = looking.arrivals(tenancy, seen, senders)
        if arrived:
            senders = moving.of(replace(seen, arrived=arrived), tenant, before=before)
        made = waves.of(tenant, held, findings, decided, today=now.date())
        logged = closable.logged(made[-1].canary, known) if made[-1].canary else ()
        gone = frozenset(each.sender_id for each in senders if each.word == "closed") | moving.settled(seen)
        return Look(
            replace(known, moved=gone, proofs=(*known.proofs, *logged)),
            made,
            (*_unknown(lost), *unknown),
            (*reached, *access.coverage, *lost, *broken, *untraced, *(reach.unseen(findings) if findings else ())),
            senders,
        )

    def plan(self, look: Look, wave: Wave) -> Plan:
        """Return the next stage of a wave, and what speaks against it; asks nobody and changes nothing."""
        change = look.plan(wave, tenant=self.tenancy.tenant, id=new_id(look.known.now))
        return closingguard.noted(change, look.known.organization, wave)

    def scripts(self, change: Plan) -> Kept | None:
        """Write *change* as a PowerShell script, and its undo as another; None where nothing is changed."""
        return scripts.named(scripts.keep(self.tenancy.folder, change)) if change.steps else None

    def is_to_prove(self, look: Look, wave: Wave) -> bool:
        """Whether the next step waits for a token: before its policy, after its switches, or after a change since."""
        return look.standing(wave).stage == "prove" or any(each.kind == "proof" for each in look.refusals(wave))

    def prove(self, look: Look, wave: Wave, *, tokens: bool = False, password: bool = False) -> Tries:
        """Try a wave on the wire: a token on each mailbox that sends with one, and one password on the canary.

        The password is tried once, only on the canary, and only where its refusal would speak of what is set now: each
        try counts towards a lockout, and one that comes too early may find a password that is still remembered. Where
        it was not refused as such, it is tried again after a change, or once the cloud had time for all of them again.

        Args:
            look: The look.
            wave: The wave.
            tokens: Whether to try tokens.
            password: Whether to try the password.

        Raises:
            ConfigurationError: The canary's password cannot be read.
        """
        made = tuple(self._tokens(look, wave)) if tokens else ()
        why = self._against_password(look, wave) if password else "Nobody asked for it."
        if why:
            return Tries(made, why=why)
        try:
            # What another run has tried meanwhile counts, and none begins until this one is noted.
            with self.tenancy.alone():
                return self._tried(self._again(look), wave, made)
        except HeldError as error:
            return Tries(made, why=str(error))

    def carry_out(self, wave: Wave, change: Plan, *, apply: bool) -> Receipt:
        """Carry out a stage of a wave, right after another look at what policies and switches there are.

        SMTP AUTH is turned on only where a policy keeps passwords out, and whose passwords a policy ends is noted.

        Args:
            wave: The wave.
            change: The plan.
            apply: Whether to do it.

        Raises:
            ConfigurationError: No policy keeps passwords out of a mailbox by now; else as `Tenancy.carry_out` says.
        """
        return self.tenancy.carry_out(change, apply=apply, first=partial(self._looked_at, wave))

    def undo(self, look: Look, wave: Wave, *, apply: bool = False) -> tuple[Receipt, ...]:
        """Take back what was done for a wave, the last change first; without *apply* their plans are all there is.

        It ends at the first that is refused or unclear: a policy that is taken back while the switches which it guards
        stay on would open Basic. A mailbox that somebody else has set since is left as it is, and said.

        Raises:
            ConfigurationError: With *apply*, a later wave stands on this one: it is taken back first. Or SMTP AUTH was
                turned on since for a mailbox that a policy guards.
        """
        later = look.waves[look.waves.index(wave) + 1 :]
        if apply and (standing := [each.name for each in later if look.receipts_of(each)]):
            raise ConfigurationError(
                f"undo: {wave.name} came before {', '.join(standing)}.", remedy=f"Take back {standing[-1]} first."
            )
        found: list[Receipt] = []
        for each in look.receipts_of(wave):
            found.append(self.tenancy.take_back(each.where, apply=apply))
            if apply and not found[-1].settled:
                break
        return tuple(found)

    def keep(
        self,
        look: Look,
        wave: Wave,
        change: Plan | None = None,
        receipt: Receipt | None = None,
        *,
        renew: bool = False,
    ) -> Path:
        """Write notebook 60's evidence and return where it is; what stood there before goes to the history.

        A run that is under way on this machine is waited for, a minute at most: two would forget what the other saw.

        Args:
            look: The last look.
            wave: The wave that was worked on.
            change: What was planned for it.
            receipt: What became of that.
            renew: Whether `mailauth watch` compares with today's settings from now on. Else those count that stood when
                a wave was last closed.

        Raises:
            HeldError: Another run still holds the tenant; nothing was written.
        """
        tenancy = self.tenancy
        with tenancy.alone(wait_s=_PATIENCE_S):
            before = self._own().record
            made = closingrecord.record(
                tenancy.tenant, look, wave, change, receipt, made_at=tenancy.now(), before=before, renew=renew
            )
            store.retire(tenancy.folder, NOTEBOOK, keep=tenancy.tenant.defaults.keep)
            return store.write_evidence(self._evidence(NOTEBOOK), made)

    # What one change would open because somebody else has made another.

    def _looked_at(self, wave: Wave, change: Plan) -> Plan:
        """Return a plan with whose passwords its policies end; raise where none guards what it turns on.

        Raises:
            ConfigurationError: As said; or a freeze has begun, or 10 has looked again, since it was planned.
        """
        self._insist_on_today(change)
        if not (closingguard.switches(change) or closingguard.policies(change)):
            return change
        held = self._organization()
        noted = closingguard.noted(change, held, wave)
        _insist_on_policies(noted, held)
        return noted

    def _insist_on_today(self, change: Plan) -> None:
        now, freeze = self.tenancy.now(), self.tenancy.tenant.defaults.freeze
        bare = closable.Known(Organization(), Conditions(), None, now, freezes=(freeze,) if freeze else ())
        if frozen := next(closable.frozen_until(bare), None):
            raise ConfigurationError(f"Nothing was changed: {frozen.found}.", remedy=frozen.remedy)
        findings = self._read(_FINDS).record
        if findings and datetime.fromisoformat(findings["made_at"]) > change.made_at:
            raise ConfigurationError(
                "Nothing was changed: notebook 10 has looked again since this was planned.",
                remedy="Look again: who still signs in with a password is asked before the next plan.",
            )

    def insist_on_switches(self, receipt: Receipt, back: Plan) -> Plan:
        """Insist that Basic is opened on no mailbox when a receipt is taken back; asks nobody where it holds no policy.

        Args:
            receipt: The receipt.
            back: What takes it back; it is returned with what its own receipt has to know.

        Raises:
            ConfigurationError: SMTP AUTH is on for a mailbox that it would leave without a policy, and was not noted to
                have been on before.
        """
        if not (closingguard.is_guard(receipt) or closingguard.guarded(back)):
            return back
        held = self._organization()
        _insist_on_policies(back, held)
        if bare := closingguard.opened(receipt, held):
            known = closingguard.TOOK in receipt.plan.noted
            since = " since" if known else ", and the receipt does not say whether it was before"
            raise ConfigurationError(
                f"undo: without its policy Basic would be open on {few(bare)}: SMTP AUTH is on there{since}.",
                remedy="Turn it off first, or take back what turned it on (40, or somebody by hand), then undo again.",
            )
        return closingguard.noted(back, held) if closingguard.policies(back) else back

    def _organization(self) -> Organization:
        held, lost = looking.organization(self.tenancy, ())
        if held is None or held.mailboxes is None:
            raise ConfigurationError(
                "Nothing was changed: who has which policy and switch cannot be read now.",
                remedy=next((each.remedy for each in lost if each.remedy), ""),
            )
        return held

    # Trying.

    def _tokens(self, look: Look, wave: Wave) -> Iterator[Proof]:
        """Yield what came of a token on each mailbox but those where SMTP AUTH is off until the policy is there."""
        proving, held = Proving(self.tenancy), look.known.organization
        named = {waves.primary(held, each.address): each.address for each in self.tenancy.tenant.mailboxes}
        mine = [named.get(each, each) for each in sorted(wave.provable) if closable.is_triable(look.known, each)]
        if not mine:
            return iter(())
        rows = proving.rows(mailboxes=",".join(mine), protocols=_SMTP)
        tried = [each.attempt for each in proving.attempts(rows, fresh=True).tried if each.good is not None]
        return closingrecord.by_mailbox(
            Proof(
                one.mailbox,
                "oauth",
                one.outcome == "ok",
                one.at,
                (one.talk.reply or one.talk.server) if one.talk else one.no_token.said if one.no_token else one.said,
            )
            for one in tried
        )

    def _against_password(self, look: Look, wave: Wave) -> str:
        """Return why no password is to be tried now; empty where it may be."""
        if not wave.canary or self.tenancy.tenant.closing.canary is None:
            return "No canary mailbox is named under closing in the tenants file."
        # What was changed, or tried, is not known then.
        if unread := next(iter(look.against), None):
            return f"{unread.about}: {unread.found}."
        if dark := next(closable.unseen(look.known), None):
            return f"Whether somebody uses {wave.canary} cannot be known: {dark.about}: {dark.found}."
        if unfit := next(canary.unfit(wave, look.known), None):
            return f"{unfit.about}: {unfit.found}."
        if closing.is_unset(wave, look.known):
            return "It waits until nothing of this wave is left to be set: what is set after a try makes that old."
        after = closable.may_try(wave, look.known)
        if after is None:
            left = (each for each in closable.lacking(wave, look.known) if each.kind == "canary")
            return next((f"{each.about}: {each.found}." for each in left), "Its refusal would show nothing.")
        if after > look.known.now:
            return f"It is too early: what was changed counts from {moment_by(after)} at the latest."
        proof = look.known.tried(wave.canary, "password")
        if proof is None or proof.at < after:
            return ""
        # One that did not go well may have met a state that was on its way out: a day later another try tells.
        once_more = proof.at + look.known.settles
        if not proof.good and look.known.now >= once_more:
            return ""
        lost = f": {LOST}" if proof.said == LOST else ""
        more = "" if proof.good else f" One more try may be made from {moment_by(once_more)} on."
        return f"It was tried at {moment(proof.at)}, and nothing was changed since{lost}.{more}"

    def _tried(self, look: Look, wave: Wave, made: tuple[Proof, ...]) -> Tries:
        """Try the password, noted before it is sent and after; nothing where something speaks against it by now."""
        if why := self._against_password(look, wave):
            return Tries(made, why=why)
        noted, at = self._noted, self.tenancy.now()
        before = noted.read()
        tried = self._password(look, wave, lambda: noted.trying(wave.canary, at))
        if not proving.was_shown(tried.talk):
            noted.forget(wave.canary, before)
            return Tries(made, tried)
        proof = Proof(wave.canary, "password", proving.by_policy(tried.cause), at, _said(tried))
        noted.note(proof)
        return Tries((*made, proof), tried)

    def _again(self, look: Look) -> Look:
        """Return the look with what this machine knows now of tries and changes."""
        own, (receipts, lost) = self._own().record, looking.receipts(self.tenancy)
        tries = (*look.known.proofs, *closingrecord.proofs(own), *self._noted.read())
        known = replace(look.known, proofs=tries, receipts=receipts, now=self.tenancy.now())
        return replace(look, known=known, against=tuple(_unknown(lost)))

    def _password(self, look: Look, wave: Wave, sending: Callable[[], None]) -> Closed:
        canary, box = self.tenancy.tenant.closing.canary, look.known.organization.mailbox(wave.canary)
        assert canary is not None
        # Entra knows an account by its sign-in name alone: by an address, a right password is a wrong one.
        asked = f"{(box and box.upn) or canary.address}={canary.password}"
        tried = Proving(self.tenancy).try_password(asked, protocol=_SMTP, sending=sending)
        assert tried is not None
        return tried

    @property
    def _noted(self) -> Noted:
        return Noted(self.tenancy.folder, self.tenancy.tenant.tenant_id)

    # Reading.

    def _evidence(self, name: str) -> Path:
        return self.tenancy.folder / "evidence" / f"{name}.json"

    def _own(self) -> reportevidence.Read:
        """Return what this notebook left last; a headless run has it in the history already."""
        held = self._read(NOTEBOOK)
        past = sorted((self.tenancy.folder / "history").glob(f"{NOTEBOOK}.*.json"), reverse=True)
        if held.record or held.lost:
            return held
        return next((found for path in past if (found := self._read(NOTEBOOK, path)).record), held)

    def _read(self, name: str, path: Path | None = None) -> reportevidence.Read:
        """Return what a notebook's evidence comes to; one that is broken, or another tenant's, does not count."""
        try:
            text = (path or self._evidence(name)).read_bytes()
        except FileNotFoundError:
            text = None
        except OSError:
            text = b""
        return reportevidence.read(text, name, self.tenancy.tenant, self.tenancy.now())

    def _tries(self) -> tuple[tuple[Proof, ...], tuple[Refusal, ...]]:
        try:
            return self._noted.read(), ()
        except ConfigurationError as error:
            return (), (Refusal("coverage", "password tries", error.message, error.remedy),)

    def _decided(self) -> Decisions | None:
        path = self.tenancy.tenant.decisions
        return decisions.load(path, actions=tuple(advice.roads())) if path else None

    def _conditions(self) -> Conditions:
        self.tenancy.tell("reading what Entra asks of sign-ins")
        try:
            return conditions.read(self.tenancy.tenant.cloud, self.tenancy.reader())
        except MailauthError as error:
            return conditions.unread(error)


def _insist_on_policies(change: Plan, held: Organization) -> None:
    if bare := closingguard.unguarded(change, held):
        raise ConfigurationError(
            f"Nothing was changed: no policy keeps passwords out of {few(bare)} by now.",
            remedy="Somebody took it away since the look. Look again: the next plan begins with the policy.",
        )


def _unknown(lost: Iterable[Coverage]) -> Iterator[Refusal]:
    """Yield that receipts could not be read: what was changed is not known then."""
    yield from (Refusal("coverage", "receipts", each.reason, each.remedy) for each in lost)


def _said(tried: Closed) -> str:
    """Return what a try says, as the proof keeps it."""
    if proving.by_policy(tried.cause) or tried.state != "closed":
        return tried.talk.reply or tried.said
    return f"{tried.said} {OTHER_DOOR}"
