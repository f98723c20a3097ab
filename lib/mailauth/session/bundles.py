"""The support bundle's part of a session: what was found, with the ids that support asks for, in one file."""

from dataclasses import dataclass, replace
from pathlib import Path

from .. import bundle
from ..bundle import Bundle
from ..diagnosed import Diagnosed
from ..proving import Gathered, Proof
from ..services import machine, store
from . import looking
from .tenancy import Tenancy

__all__ = ["Bundling"]

_MOST_BOXES = 20


@dataclass(frozen=True)
class Bundling:
    """Makes support bundles. It changes nothing in the tenant.

    Args:
        tenancy: The tenant, opened.
    """

    tenancy: Tenancy

    def check_writable(self) -> None:
        """Insist that a bundle can be written, before anybody signs in for it.

        Raises:
            MailauthError: It cannot; the text names the folder.
        """
        store.check_writable(self.tenancy.folder / "support")

    def of_proof(self, proof: Proof, *, folders: bool = False) -> Path:
        """Write what was proven and refused, and return where it is.

        Ids and settings that explaining the refusals did not need are read now, as far as they may be read.

        Args:
            proof: What was tried, explained.
            folders: Whether names of folders stay in transcripts that hold them.
        """
        whole, tenancy = replace(proof, gathered=self._gathered(proof)), self.tenancy
        made = bundle.of_proof(tenancy.tenant, whole, machine=machine.about(), made_at=tenancy.now(), folders=folders)
        return self._write("50-prove-mail-oauth", made)

    def of_diagnosis(self, found: Diagnosed, *, folders: bool = False) -> Path:
        """Write what was pasted, without secrets, and what is behind it; return where it is."""
        tenancy = self.tenancy
        made = bundle.of_diagnosis(
            tenancy.tenant, found, machine=machine.about(), made_at=tenancy.now(), folders=folders
        )
        return self._write("80-diagnose", made)

    def _write(self, name: str, made: Bundle) -> Path:
        return store.write_bytes(self.tenancy.folder / "support" / f"{name}.zip", bundle.packed(made))

    def _gathered(self, proof: Proof) -> Gathered:
        known = proof.gathered
        if proof.interrupted or self.tenancy.tenant.admin is None:
            return known
        if known.consents is None:
            apps = {each.row.app.client_id: each.row.app.name for each in proof.tried}
            consents = looking.consents(self.tenancy, apps)
            known = replace(known, consents=consents, coverage=(*known.coverage, *consents.coverage))
        if known.organization is None:
            boxes = looking.addresses([each.row.mailbox for each in proof.tried])[:_MOST_BOXES]
            held, lost = looking.organization(self.tenancy, boxes)
            known = replace(known, organization=held, coverage=(*known.coverage, *lost))
        return known
