"""Looks that explain a refusal: recent changes, consent, and what Exchange holds; what cannot be read is coverage."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from .. import moving, recently
from ..coverage import Coverage
from ..errors import ConfigurationError, MailauthError
from ..grants import Found
from ..moving import Moving
from ..organization import Organization, named
from ..plan import Receipt
from ..recently import Recent
from ..services import directory, journal, traces
from ..services import organization as holdings
from .tenancy import Tenancy, shown

__all__ = ["addresses", "arrivals", "consents", "organization", "receipts", "recent"]

_RECENT: Final = timedelta(days=2)


def recent(tenancy: Tenancy) -> tuple[tuple[Recent, ...], tuple[Coverage, ...]]:
    """Return what this machine's receipts say was changed lately, and which of them cannot be read."""
    tenant, receipts, lost = tenancy.tenant, list[Receipt](), list[Coverage]()
    oldest = (tenancy.now() - _RECENT).timestamp()
    for path in sorted((tenancy.folder / "receipts").glob("*.jsonl")):
        if path.stat().st_mtime < oldest:
            continue
        try:
            where = {"tenant_id": tenant.tenant_id, "cloud": tenant.cloud.name}
            receipts.append(journal.read(path, where=shown(path), **where))
        except ConfigurationError as error:
            lost.append(Coverage("recent changes", "partial", "tenant", reason=error.message, remedy=error.remedy))
    return recently.changes(receipts), tuple(lost)


def receipts(tenancy: Tenancy) -> tuple[tuple[Receipt, ...], tuple[Coverage, ...]]:
    """Return everything that this machine's receipts say was changed, and which of them cannot be read."""
    tenant, found, lost = tenancy.tenant, list[Receipt](), list[Coverage]()
    for path in sorted((tenancy.folder / "receipts").glob("*.jsonl")):
        try:
            where = {"tenant_id": tenant.tenant_id, "cloud": tenant.cloud.name}
            found.append(journal.read(path, where=shown(path), **where))
        except ConfigurationError as error:
            lost.append(Coverage("receipts", "partial", "tenant", reason=error.message, remedy=error.remedy))
    return tuple(found), tuple(lost)


def consents(tenancy: Tenancy, apps: Mapping[str, str]) -> Found:
    """Return what the directory holds for *apps*, names by application id."""
    tenancy.tell("reading the tenant's consent")
    try:
        who = tenancy.tenant.cloud, tenancy.reader()
        return directory.read(*who, {app_id: name for app_id, name in apps.items() if app_id})
    except MailauthError as error:
        return directory.unread(error)
    finally:
        tenancy.tell("")


def organization(
    tenancy: Tenancy, mailboxes: Sequence[str], *, senders: bool = False
) -> tuple[Organization | None, tuple[Coverage, ...]]:
    """Return what Exchange holds; None where nothing could be read.

    Args:
        tenancy: The tenant.
        mailboxes: Those of which it is asked whom they let in: a request each.
        senders: Whether to ask as whom they may send as well.
    """
    try:
        with tenancy.exchange() as exchange:
            trustees = mailboxes if senders else ()
            held = holdings.read(exchange, mailboxes=mailboxes, trustees=trustees, sizes=False, tell=tenancy.tell)
    except MailauthError as error:
        lost = Coverage("what Exchange holds", "unknown", "exchange", reason=error.message, remedy=error.remedy)
        return None, (lost,)
    return held, held.coverage


def arrivals(
    tenancy: Tenancy, evidence: moving.Evidence, senders: Sequence[Moving]
) -> tuple[Mapping[str, date], tuple[Coverage, ...]]:
    """Return the last day on which mail of senders went through of whom nothing else is missing but that.

    Args:
        tenancy: The tenant.
        evidence: What is known of its senders.
        senders: How far each has come by that.
    """
    asked = evidence.untold(senders)
    if not asked:
        return {}, ()
    try:
        with tenancy.exchange() as exchange:
            return traces.arrivals(exchange, asked, now=tenancy.now(), tell=tenancy.tell)
    except MailauthError as error:
        return {}, (Coverage("mail that arrives", "unknown", "exchange", reason=error.message, remedy=error.remedy),)


def addresses(names: Sequence[str]) -> tuple[str, ...]:
    """Return those of *names* that Exchange can be asked about, each once, in lower case."""
    return tuple(dict.fromkeys(name.lower() for name in names if name and _is_address(name)))


def _is_address(name: str) -> bool:
    try:
        named(name)
    except ConfigurationError:
        return False
    return True
