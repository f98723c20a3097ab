"""A trainer's answer key: what is wrong with mail and OAuth in a practice tenant, as it is at this moment.

It looks at the state alone and says one sentence a fault, in the order in which an engineer would mend them: what the
logs hold, the apps, what Exchange knows of them, the mailboxes, the passwords, the phones. What nothing is meant to
do is no fault (`meant`). No face may import it: what a face refuses follows from the rules, not from these sentences.
"""

from collections.abc import Iterator
from datetime import datetime

from ..state import Tenant
from . import apps, closing, mailboxes, organization
from .meant import Meant, meant

__all__ = ["of"]


def of(tenant: Tenant, now: datetime) -> tuple[str, ...]:
    """Return what is wrong with *tenant*: nothing where all is in order.

    Args:
        tenant: As its administrators see it. A change that is still spreading counts as made, and is said last.
        now: The cloud's time, on which ends of credentials and of locks depend.
    """
    wanted = meant(tenant)
    said = (
        *_logs(tenant),
        *_unserved(wanted),
        *(fault for work in wanted.works for fault in apps.faults(tenant, work, now)),
        *apps.given_up(tenant),
        *organization.faults(tenant, wanted),
        *(fault for use in wanted.uses for fault in mailboxes.faults(tenant, wanted, use, now)),
        *closing.faults(tenant, now),
        *_spreading(tenant, now),
    )
    # Two apps may have the same mailbox.
    return tuple(dict.fromkeys(said))


def _logs(tenant: Tenant) -> Iterator[str]:
    logs = tenant.logs
    if not logs.workspace_id:
        if not tenant.premium:
            yield (
                "The tenant has neither Entra ID P1 nor a Log Analytics workspace, so its sign-ins can be read only in "
                "what somebody downloads."
            )
        return
    full = type(logs)()
    if tables := [one for one in full.tables if one not in logs.tables]:
        yield f"The diagnostic setting sends no {' and no '.join(tables)} to the workspace; it should send them."
    if logs.missing_columns:
        yield f"The workspace's tables lack {' and '.join(logs.missing_columns)}."


def _unserved(wanted: Meant) -> Iterator[str]:
    """Say which apps are missing, which mailboxes no app is there for, and which protocols no app asks for."""
    if wanted.missing:
        yield from (f"{name}, which the tenants file names, is not registered." for name in wanted.missing)
        return
    if not wanted.works:
        yield "Nobody has registered an app for mail."
        return
    for use in wanted.uses:
        serving = [work for work in wanted.works if use in work.uses]
        if not serving:
            yield f"No app is registered that is to open {use.address}."
        for protocol in use.protocols if serving else ():
            if not any(protocol in work.protocols for work in serving):
                yield f"No app asks for {protocol.upper()}, by which {use.address} is to be used."


def _spreading(tenant: Tenant, now: datetime) -> Iterator[str]:
    for part in ("directory", "exchange"):
        ends = [one.until for one in tenant.former if getattr(one, part) is not None and one.holds(now)]
        if ends:
            where = "Entra" if part == "directory" else "Exchange"
            yield f"The last change in {where} is still spreading, until {max(ends):%d %B %H:%M:%S} UTC."
