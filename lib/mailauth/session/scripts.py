"""The same change as PowerShell, kept beside the evidence for whoever must run it."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from .. import collector, literals, powershell
from ..errors import MailauthError
from ..plan import Plan
from ..services import store
from ..tenants import Tenant
from .tenancy import shown

__all__ = ["Kept", "collecting", "keep", "named"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,80}")


@dataclass(frozen=True)
class Kept:
    """A script and the one that takes it back.

    Args:
        script: The file.
        undo: The file of the other; None where there is none.
        text: What the script says.
        undo_text: What the other says; empty where there is none.
    """

    script: Path
    undo: Path | None
    text: str
    undo_text: str = ""


def keep(folder: Path, plan: Plan, *, then: str = "") -> Kept:
    """Write the script of *plan*, and the one that takes it back, and return them.

    Args:
        folder: The tenant's folder of reports; the files go to its ``scripts``.
        plan: What is to be done; kept again, it gives the same files.
        then: What is to be done after it has run; empty for nothing.

    Raises:
        MailauthError: The plan's id cannot name a file, or the file cannot be written.
    """
    text, undo = powershell.script(plan, then=then), powershell.undo_of_script(plan, now=plan.made_at)
    return Kept(_written(folder, plan.id, text), _written(folder, f"{plan.id}-undo", undo), text, undo)


def collecting(folder: Path, tenant: Tenant, *, mailboxes: tuple[str, ...] = (), now: datetime) -> Kept:
    """Write the script that collects how mail is set up in *tenant*, and return it.

    Args:
        folder: As for `keep`.
        tenant: The tenant.
        mailboxes: As for `collector.script`.
        now: The clock.

    Raises:
        ConfigurationError: One of *mailboxes* is no address.
        MailauthError: The file cannot be written.
    """
    text = collector.script(tenant, mailboxes=mailboxes, now=now)
    return Kept(_written(folder, "collect", text), None, text)


def named(kept: Kept) -> Kept:
    """Return scripts with their files as a person names them: what is shown travels."""
    return replace(kept, script=Path(shown(kept.script)), undo=Path(shown(kept.undo)) if kept.undo else None)


def _written(folder: Path, name: str, text: str) -> Path:
    # An id becomes a file's name, and a plan may come out of a file.
    if not _ID.fullmatch(name):
        raise MailauthError(f"plan id: found {name[:100]!r}; expected letters, digits and hyphens.")
    return store.write_bytes(folder / "scripts" / f"{name}.ps1", literals.encoded(text))
