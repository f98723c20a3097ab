"""What one tenant's run is asked to do."""

from collections.abc import Collection
from dataclasses import dataclass, field

__all__ = ["FRONT", "NOTEBOOKS", "WHOLE", "Job", "best"]

NOTEBOOKS = ("00-start", "10-find-basic-auth", "90-tenant-report")
"""The notebooks a report runs when none is named, in order."""

FRONT = "90-tenant-report"
"""The notebook whose page a reader opens first."""

WHOLE = (FRONT, "10-find-basic-auth")
"""The notebooks whose pages are about a tenant as a whole, the better one first."""

# Which page says most about a tenant to whoever opens its folder. What 80 shows is about one error, not the tenant.
_TELLING = (
    *WHOLE,
    "50-prove-mail-oauth",
    "60-close-basic",
    "40-grant-mailboxes",
    "30-consent",
    "20-register-app",
    "00-start",
    "80-diagnose",
)


@dataclass(frozen=True)
class Job:
    """One tenant's run.

    Args:
        tenant: Its name in the tenants file.
        config: The tenants file, or the name of a configuration.
        out: The folder of all reports, absolute.
        project: The folder that holds ``notebooks``.
        notebooks: Their names without the ending.
        rehearsal: Whether the tenant's cloud is for practice; pages say so.
        has_sources: Whether the tenants file names any place where its sign-ins are found.
        indexed: Whether a page over several tenants will lie beside this one's folder, to go back to.
        keep_days: How long evidence of earlier runs stays, in days.
        parameters: More notebook parameters, by name; each notebook gets those that it declares.
        again: Whether an earlier attempt of this run ended whole: a worse one is not put over it.
    """

    tenant: str
    config: str
    out: str
    project: str
    notebooks: tuple[str, ...] = NOTEBOOKS
    rehearsal: bool = False
    has_sources: bool = True
    indexed: bool = False
    keep_days: int = 90
    parameters: dict[str, object] = field(default_factory=dict)
    again: bool = False


def best(notebooks: Collection[str]) -> str:
    """Return the one of *notebooks* whose page says most about a tenant."""
    return min(notebooks, key=lambda name: (_TELLING.index(name) if name in _TELLING else len(_TELLING), name))
