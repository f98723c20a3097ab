"""What receipts say was changed lately, as far as a login may depend on it.

Receipts know what was changed from this machine. That they hold nothing says nothing about what others did.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .plan import Cmdlet, GraphCall, Operation, Receipt
from .signs import Change

__all__ = ["Recent", "changes"]

_CMDLETS: Final = {
    "New-ServicePrincipal": "principal",
    "Add-MailboxPermission": "full_access",
    "Add-RecipientPermission": "send_as",
    "New-ManagementRoleAssignment": "role",
    "Set-CASMailbox": "switch",
    "Set-TransportConfig": "switch",
    "Set-User": "policy",
    "Set-OrganizationConfig": "policy",
    "Set-AuthenticationPolicy": "policy",
}
# By a part of Graph's path, the narrower one first.
_PATHS: Final = (
    ("oauth2PermissionGrants", "consent"),
    ("appRoleAssign", "consent"),
    ("addPassword", "credential"),
    ("addKey", "credential"),
    ("federatedIdentityCredentials", "credential"),
    ("applications", "registration"),
    ("servicePrincipals", "registration"),
)


@dataclass(frozen=True)
class Recent:
    """A change, and what it is about.

    Args:
        change: The change.
        mailbox: The mailbox, as the receipt names it; empty where it is about no single one.
        app_id: The app, where the receipt names it.
    """

    change: Change
    mailbox: str = ""
    app_id: str = ""

    def concerns(self, names: Iterable[str], app_id: str) -> bool:
        """Whether a login to a mailbox with these names, by this app, may depend on it."""
        if self.app_id and app_id:
            return self.app_id.casefold() == app_id.casefold()
        return not self.mailbox or self.mailbox.casefold() in {name.casefold() for name in names}


def changes(receipts: Iterable[Receipt]) -> tuple[Recent, ...]:
    """Return what was done, or may have been, by these receipts; the latest last."""
    found = [recent for receipt in receipts for recent in _of(receipt)]
    return tuple(sorted(found, key=lambda each: each.change.at))


def _of(receipt: Receipt) -> Iterator[Recent]:
    steps = {step.id: step for step in receipt.plan.steps}
    for entry in receipt.entries:
        step = steps.get(entry.step)
        kind = _kind(step.do) if step and entry.outcome in ("done", "unclear") else ""
        if step and kind:
            change = Change(kind, entry.at, step.title, entry.settles_at)
            yield Recent(change, _parameter(step.do, "Identity"), _parameter(step.do, "AppId"))


def _kind(do: Operation) -> str:
    if isinstance(do, Cmdlet):
        return _CMDLETS.get(do.name, "")
    path = "/".join(part for part in do.path if isinstance(part, str)) if isinstance(do, GraphCall) else ""
    return next((kind for part, kind in _PATHS if part in path and do.method != "DELETE"), "")


def _parameter(do: Operation, name: str) -> str:
    value = do.parameters.get(name) if isinstance(do, Cmdlet) else ""
    return value if isinstance(value, str) else ""
