"""Notebook 80's part of a session: what somebody has pasted, read and explained, with the tenant's state when asked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import diagnosed, pasted
from ..diagnosed import Diagnosed, Known
from ..errors import ConfigurationError
from ..grants import Found
from ..organization import Organization, named
from ..services import pasting, store
from . import looking
from .tenancy import Tenancy, project

__all__ = ["Diagnosing"]

_OF_MAILBOX = frozenset({"no_send_as"})


@dataclass(frozen=True)
class Diagnosing:
    """What notebook 80 asks. It changes nothing, and asks the tenant only when told to.

    Args:
        tenancy: The tenant, opened.
    """

    tenancy: Tenancy

    def diagnose(self, text: str = "", *, file: str = "", look: bool = False, mailbox: str = "") -> Diagnosed:
        """Return what *text*, or the end of *file*, says and what is behind it.

        Tokens and secrets are taken out first and nothing keeps them. With *look* the checks that reading can answer
        are carried out in the tenant, as far as they would tell causes apart; what may not be read stays unknown.

        Args:
            text: What was pasted.
            file: The path of a transcript in its place, relative to the project folder.
            look: Whether the tenant is asked too.
            mailbox: The mailbox that it is about, where the text does not say.

        Raises:
            ConfigurationError: Both were given, the file cannot be read, or *mailbox* is no address.
        """
        if text.strip() and file.strip():
            raise ConfigurationError("pasted and file: found both; expected one of them.", remedy="Empty the other.")
        box = named(mailbox.strip()) if mailbox.strip() else ""
        if file.strip():
            text = pasting.from_file(project() / Path(file.strip()).expanduser(), where=Path(file.strip()).name)
        read = pasted.read(text)
        # A traceback may show what its frames hold.
        del text
        now = self.tenancy.now()
        if not look:
            return diagnosed.diagnosed(read, now=now, known=Known(mailbox=box))
        return self._looked(read, box)

    def record(self, found: Diagnosed) -> Mapping[str, Any]:
        """Return what `keep` writes as evidence; writes nothing."""
        return diagnosed.record(self.tenancy.tenant, found, made_at=self.tenancy.now())

    def keep(self, found: Diagnosed) -> Path:
        """Write notebook 80's evidence, without what was taken out as a secret, and return where it is."""
        return store.write_evidence(self.tenancy.folder / "evidence" / "80-diagnose.json", self.record(found))

    def _looked(self, read: pasted.Pasted, mailbox: str) -> Diagnosed:
        """Return the diagnosis with what the tenant says of it: no more is read than would tell causes apart."""
        tenant, now = self.tenancy.tenant, self.tenancy.now()
        recent, lost = looking.recent(self.tenancy)
        box = mailbox or diagnosed.mailbox(read, tenant)
        known = Known(mailbox=box, app=diagnosed.app(read, tenant), recent=recent, coverage=lost)
        first = diagnosed.diagnosed(read, now=now, tenant=tenant, known=known, looked=True)
        needed = diagnosed.need(first.diagnosis)
        if not (needed["exchange"] or needed["consent"]):
            return first
        self.tenancy.renew()
        known = self._more(first, known, needed)
        return diagnosed.diagnosed(read, now=now, tenant=tenant, known=known, looked=True)

    def _more(self, first: Diagnosed, known: Known, needed: Mapping[str, frozenset[str]]) -> Known:
        consents: Found | None = None
        organization: Organization | None = None
        coverage = known.coverage
        if first.app_id:
            consents = looking.consents(self.tenancy, {first.app_id: known.app.name if known.app else first.app_id})
            coverage += consents.coverage
        if needed["exchange"]:
            user = first.pasted.token.user if first.pasted.token else ""
            boxes = looking.addresses([first.mailbox, user])
            senders = bool(needed["exchange"] & _OF_MAILBOX)
            organization, lost = looking.organization(self.tenancy, boxes, senders=senders)
            coverage += lost
        return replace(known, consents=consents, organization=organization, coverage=coverage)
