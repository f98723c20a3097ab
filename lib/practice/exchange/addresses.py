"""A mailbox's addresses, and the name by which its owner signs in, as ``Set-Mailbox`` changes them."""

import re
from typing import Any, Final

from practice.state import Mailbox

from . import errors
from .binding import Edit
from .cmdlets import Run

__all__ = ["proxies", "readdressed", "rename", "replaced"]

_PRIMARY: Final = "SMTP:"
_LOCAL: Final = re.compile(r"[\w.'#^~!+-]{1,64}", re.ASCII)


def proxies(box: Mailbox) -> list[str]:
    """Return a mailbox's addresses as Exchange lists them: the primary one has its type in capitals."""
    return [f"{_PRIMARY}{box.primary_smtp}", *(f"smtp:{one}" for one in box.aliases)]


def readdressed(run: Run, box: Mailbox, address: str) -> dict[str, Any]:
    """Return what a new primary address changes: the old one stays as a further address.

    Raises:
        errors.CmdletError: The address is another's, or of no domain of the tenant.
    """
    _check(run, box, address)
    kept = [one for one in (box.primary_smtp, *box.aliases) if one.lower() != address.lower()]
    return {"primary_smtp": address, "aliases": kept}


def replaced(run: Run, box: Mailbox, edit: Edit) -> dict[str, Any]:
    """Return what an edit of ``EmailAddresses`` changes.

    An address without a type is a further one. A primary one that is added takes the place of the one before, which
    stays as a further address.

    Raises:
        errors.CmdletError: An address cannot be had, or there is not one primary address.
    """
    wanted = [one if ":" in one else f"smtp:{one}" for one in edit.of(proxies(box))]
    if strange := [one for one in wanted if not one.lower().startswith(_PRIMARY.lower())]:
        raise errors.invalid(f"The practice cloud keeps SMTP addresses only, and not {errors.shown(strange[0])}.")
    fresh = [one for one in edit.add if one.startswith(_PRIMARY)]
    primary = fresh or [one for one in wanted if one.startswith(_PRIMARY)]
    if len(primary) != 1:
        # That there has to be one is documented, the wording is unverified.
        raise errors.invalid("A recipient has to have exactly one primary SMTP address.")
    addresses = [one[len(_PRIMARY) :] for one in (primary[0], *wanted)]
    held = {one.lower() for one in (box.primary_smtp, *box.aliases)}
    for one in addresses:
        if one.lower() not in held:
            _check(run, box, one)
    ordered = list({one.lower(): one for one in addresses}.values())
    return {"primary_smtp": ordered[0], "aliases": ordered[1:]}


def rename(run: Run, box: Mailbox, name: str) -> None:
    """Give the account of a mailbox another sign-in name, which spreads as a change of the directory does.

    Raises:
        errors.CmdletError: The name is another account's, or of no domain of the tenant.
    """
    _check_domain(run, name)
    if any(one.user_principal_name.lower() == name.lower() for one in run.directory.users if one.id != box.user_id):
        # Type and text are unverified.
        raise errors.invalid(f'The user principal name "{name}" is already in use.')
    owner = run.people.get(box.user_id)
    if owner is None or owner.on_premises_sync_enabled:
        raise errors.invalid(
            "The action 'Set-Mailbox', 'MicrosoftOnlineServicesID', can't be performed on the object "
            f"'{box.display_name}' because the object is being synchronized from your on-premises organization."
        )
    with run.tenant.change_directory(run.now, run.directory_lag):
        owner.user_principal_name = name


def _check(run: Run, box: Mailbox, address: str) -> None:
    _check_domain(run, address)
    other = run.exchange.mailbox(address)
    if other is not None and other.guid != box.guid and not other.soft_deleted:
        raise errors.invalid(
            f'The proxy address "SMTP:{address}" is already being used by the proxy addresses or LegacyExchangeDN of '
            f'"{other.user_id}". Please choose another proxy address.',
            "Microsoft.Exchange.Management.RecipientTasks.ProxyAddressExistsException",  # type unverified
        )


def _check_domain(run: Run, address: str) -> None:
    local, at, domain = address.partition("@")
    if not _LOCAL.fullmatch(local) or not at or not run.tenant.owns(domain):
        raise errors.invalid(
            f"You can't use the domain because it's not an accepted domain for your organization: \"{address}\".",
            "Microsoft.Exchange.Management.Tasks.NotAcceptedDomainException",  # unverified, text and type
        )
