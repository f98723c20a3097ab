"""Watching a tenant that takes no passwords any more: what is set now, beside what notebook 60 has kept.

It reads, and asks nobody to sign in for more than that. Only with leave does it try tokens on the wire; it never tries
a password.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from .. import evidence, reportevidence, shapes, watch
from ..closable import Known, Proof
from ..closingrecord import Look
from ..conditions import Conditions
from ..coverage import Coverage
from ..errors import EvidenceError, MailauthError, StorageError
from ..organization import Organization
from ..registration import CredentialKind
from ..services import registrations, store
from ..tenants import MailApp
from ..watch import Broken, Lasting, Tried, Watched
from ..waves import Record
from .closing import NOTEBOOK, Closing
from .tenancy import Tenancy

__all__ = ["NAME", "Watching"]

NAME: Final = "watch"
"""The name of the evidence that a watch leaves."""

_FINDS: Final = "10-find-basic-auth"
_FRESH: Final = timedelta(hours=1)
_ENDING: Final[tuple[CredentialKind, ...]] = ("secret", "certificate")


@dataclass(frozen=True)
class Watching:
    """What `mailauth watch` asks of a tenant.

    Args:
        tenancy: The tenant, opened.
        closing: What notebook 60 asks of it.
        search: Reads the sign-ins so many days back and writes notebook 10's evidence; 0 for all there are.
    """

    tenancy: Tenancy
    closing: Closing
    search: Callable[[int], object]

    def look(
        self,
        *,
        search: bool = False,
        prove: bool = False,
        expires_days: int = watch.EXPIRES_DAYS,
        proven_days: int = watch.PROVEN_DAYS,
        wait_s: float = 0,
    ) -> Watched | None:
        """Compare the tenant with what was closed, keep what came of it, and return that; changes nothing in it.

        None where notebook 60 has closed no wave, and none was watched before: there is nothing to compare with. Where
        its evidence is gone and one was, nobody can know.

        Args:
            search: Whether to read the sign-ins anew where notebook 10 has not for an hour.
            prove: Whether to try a token on each mailbox that sends with one.
            expires_days: Within how many days a credential's end is told.
            proven_days: How many days old a proof may be.
            wait_s: How long another run of the tenant is waited for, before the search and again before the look.

        Raises:
            ConfigurationError: The decisions file is wrong: who is left out cannot be known then.
            EvidenceError: The evidence of notebook 60 is broken, or another tenant's.
            HeldError: Another run is at work on the tenant: what it is changing is neither held nor broken.
        """
        if search and self._is_old() and self._is_watched():
            # A search takes the tenant for itself.
            with self.tenancy.alone(wait_s=wait_s):
                pass
            self.search(0)
        with self.tenancy.alone(wait_s=wait_s):
            return self._looked(prove=prove, expires_days=expires_days, proven_days=proven_days)

    def _is_watched(self) -> bool:
        closed = self._closed()
        return closed is not None and bool(watch.closed_waves(closed) or self._before())

    def _looked(self, *, prove: bool, expires_days: int, proven_days: int) -> Watched | None:
        before, closed = self._before(), self._closed()
        if closed is None:
            return self._without(before) if before else None
        if not (watch.closed_waves(closed) or before):
            return None
        look = self.closing.look()
        proofs = tuple(Proof(each.mailbox, each.kind, each.good, each.at, each.said) for each in _tried(before))
        tried = tuple(self._tokens(look, closed)) if prove else ()
        look = look.with_proofs((*proofs, *tried))
        back = watch.undone(closed, before, look)
        closed = watch.without(closed, back)
        held, lost = self._credentials()
        days = {"expires_days": expires_days, "proven_days": proven_days}
        broken = (
            *(Broken("cannot know", each.about, each.found, each.remedy) for each in look.against),
            *watch.taken_back(closed, before, back, watch.waiting(look, before)),
            *watch.let_in(closed, before, look.known, back),
            *(watch.compare(closed, look.known, held, **days) if watch.closed_waves(closed) else ()),
        )
        kept = [Tried(each.mailbox, each.kind, each.good, each.at, each.said) for each in (*proofs, *tried)]
        broken = (*broken, *watch.opened(closed, look, broken, before))
        made = watch.watched(closed, broken, before, _latest(kept), look.known)
        self._keep(made, before, (*look.coverage, *lost))
        return made

    def ending(self, *, expires_days: int = watch.EXPIRES_DAYS) -> tuple[Broken, ...]:
        """Return which credentials of the mail apps end soon or have ended, as a watch would tell it; changes nothing.

        Args:
            expires_days: Within how many days an end is told.
        """
        held, _ = self._credentials()
        return tuple(watch.credentials(held, self.tenancy.now(), expires_days=expires_days))

    def headless(self) -> tuple[Coverage, ...]:
        """Look, for a report; return why that could not be, which is kept as well: an old watch says nothing of today.

        The sign-ins are those that notebook 10 has read, and no token is tried.
        """
        try:
            self.look()
        except MailauthError as error:
            self.lose(error)
            reason, remedy = error.message, error.remedy
            return (Coverage("whether what was closed still is", "unknown", "tenant", reason=reason, remedy=remedy),)
        return ()

    def lose(self, error: MailauthError) -> None:
        """Keep that a look could not be made, and why: what an older one said is not of today."""
        broken, now = Broken("cannot know", "the watch", error.message, error.remedy), self.tenancy.now()
        with suppress(EvidenceError):
            before, closed = self._before(), self._closed_or_none()
            if closed:
                blind = Known(Organization(), Conditions(), None, now)
                self._keep(watch.watched(closed, (broken,), before, _tried(before), blind), before, ())
            elif before:
                self._keep(watch.unknown(before, broken, now=now), before, ())

    def _closed_or_none(self) -> Record | None:
        try:
            return self._closed()
        except EvidenceError:
            return None

    def _without(self, before: Watched) -> Watched:
        """Return, and keep, that what was closed is known from an earlier watch only."""
        found = f"the evidence of {NOTEBOOK} is gone, by which {', '.join(before.waves)} had been closed"
        remedy = "Bring evidence/60-close-basic.json back from a copy, or run notebook 60 again."
        made = watch.unknown(before, Broken("cannot know", NOTEBOOK, found, remedy), now=self.tenancy.now())
        self._keep(made, before, ())
        return made

    def _keep(self, made: Watched, before: Watched | None, coverage: tuple[Coverage, ...]) -> Path:
        tenancy = self.tenancy
        record = watch.record(tenancy.tenant, coverage, made, made_at=tenancy.now())
        # A watch may run every hour: the history keeps where one word ended, and not each time it was said.
        if before and before.word != made.word:
            _retire(tenancy)
        return store.write_evidence(self._path(NAME), record)

    # Reading.

    def _path(self, name: str) -> Path:
        return self.tenancy.folder / "evidence" / f"{name}.json"

    def _bytes(self, name: str) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            found, remedy = (
                f"evidence/{name}.json: {error.strerror}",
                "Make it a file that may be read, and watch again.",
            )
            raise EvidenceError(found, remedy=remedy) from None

    def _closed(self) -> Record | None:
        found = reportevidence.read(self._bytes(NOTEBOOK), NOTEBOOK, self.tenancy.tenant, self.tenancy.now())
        if found.lost:
            raise EvidenceError(f"{NOTEBOOK}: {found.lost.reason}", remedy="Run notebook 60 again.")
        return found.record

    def _before(self) -> Watched | None:
        """Return the watch before; one that is broken or another tenant's says nothing of this one."""
        text = self._bytes(NAME)
        try:
            made = shapes.read(Watched, _whole(evidence.read(NAME, text)["data"])) if text else None
        except (EvidenceError, ValueError):
            return None
        return made if made and made.tenant_id.lower() == self.tenancy.tenant.tenant_id.lower() else None

    def _is_old(self) -> bool:
        text, tenant, now = self._bytes(_FINDS), self.tenancy.tenant, self.tenancy.now()
        made = reportevidence.read(text, _FINDS, tenant, now).source.made_at
        return bool(tenant.sources) and (made is None or now - made > _FRESH)

    def _tokens(self, look: Look, closed: Record) -> Iterator[Proof]:
        names = watch.closed_waves(closed)
        for wave in look.waves:
            if wave.name in names:
                yield from self.closing.prove(look, wave, tokens=True).proofs

    def _credentials(self) -> tuple[tuple[Lasting, ...] | None, tuple[Coverage, ...]]:
        """Return what each app that needs a credential proves itself by; None where one could not be read."""
        apps = [each for each in self.tenancy.tenant.mail_apps if each.client_id and _needed(each)]
        found: list[Lasting] = []
        for app in apps:
            try:
                held = registrations.read(self.tenancy.tenant.cloud, self.tenancy.reader(), "", client_id=app.client_id)
            except MailauthError as error:
                held = registrations.unread(error)
            self.tenancy.tell("")
            if held.app is None:
                return None, held.coverage
            found.append(Lasting(app.name, _needed(app), held.app.credentials))
        return tuple(found), ()


def _needed(app: MailApp) -> frozenset[CredentialKind]:
    kinds = {each.kind for each in app.flows}
    return frozenset(each for each in _ENDING if each in kinds)


def _retire(tenancy: Tenancy) -> None:
    try:
        store.retire(tenancy.folder, NAME, keep=tenancy.tenant.defaults.keep)
    except OSError as error:
        found = f"history: the watch before could not be moved there: {error.strerror}"
        raise StorageError(found, remedy="Free the folder for writing, and watch again.") from None


def _whole(data: Record) -> Record:
    """Return a watch with what an earlier version did not keep: who was open for a while, and later their ids."""
    return {**data, "reopened": [{"id": "", **each} for each in data.get("reopened", ())]}


def _tried(before: Watched | None) -> tuple[Tried, ...]:
    return before.proofs if before else ()


def _latest(made: list[Tried]) -> tuple[Tried, ...]:
    return tuple({(each.mailbox.lower(), each.kind): each for each in sorted(made, key=lambda one: one.at)}.values())
