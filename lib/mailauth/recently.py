"""What receipts say was changed lately, as far as a login may depend on it.

Receipts know what was changed from this machine. That they hold nothing says nothing about what others did.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from . import catalogue
from .plan import Cmdlet, Operation, Receipt, Step
from .signs import Change

__all__ = ["Recent", "changes"]


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
    """Return what these receipts did, or may have done, the latest last; what was taken back is none of it."""
    kinds = {group: kind for kind, lag in catalogue.lags().items() for group in lag.groups}
    found = [recent for receipt in receipts if not receipt.undoes for recent in _of(receipt, kinds)]
    return tuple(sorted(found, key=lambda each: each.change.at))


def _of(receipt: Receipt, kinds: Mapping[str, str]) -> Iterator[Recent]:
    steps = {step.id: step for step in receipt.plan.steps}
    for entry in receipt.entries:
        step = steps.get(entry.step)
        if step and entry.outcome in ("done", "unclear") and step.group in kinds and not _removes(step.do):
            change = Change(kinds[step.group], entry.at, step.title, entry.settles_at)
            yield Recent(change, _mailbox(step), _parameter(step.do, "AppId"))


def _mailbox(step: Step) -> str:
    """Return the address of the mailbox that a step is about; steps that name it by an id hold it in their own."""
    identity = _parameter(step.do, "Identity")
    address = next((part for part in step.id.split(":") if "@" in part), "")
    return identity if "@" in identity or not address else address


def _removes(do: Operation) -> bool:
    return do.name.startswith("Remove-") if isinstance(do, Cmdlet) else do.method == "DELETE"


def _parameter(do: Operation, name: str) -> str:
    value = do.parameters.get(name) if isinstance(do, Cmdlet) else ""
    return value if isinstance(value, str) else ""
