"""What a cmdlet is: its name, its parameters, the management role that holds it, and what it does."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel

from practice.state import Directory, Exchange, FormerPolicy, Mailbox, Tenant, User

from .binding import Given, Parameter

__all__ = ["IDENTITY", "RESULT_SIZE", "Cmdlet", "Row", "Run", "assign", "first", "stamp"]

Row = dict[str, Any]

IDENTITY: Final = Parameter("Identity", required=True)
RESULT_SIZE: Final = Parameter("ResultSize", "size")

_DEFAULT_SIZE: Final = 1000


@dataclass
class Run:
    """One call of a cmdlet.

    Args:
        tenant: The tenant it works on; changed only by cmdlets that change.
        now: The moment of the call.
        directory_lag: How long a change of the directory takes to be in force everywhere.
        policy_lag: How long an authentication policy takes to count.
        warnings: What the cmdlet warns of, in its order.
        holders: Which management roles hold the cmdlet of a name.
    """

    tenant: Tenant
    now: datetime
    directory_lag: timedelta = timedelta()
    policy_lag: timedelta = timedelta()
    warnings: list[str] = field(default_factory=list)
    holders: Callable[[str], frozenset[str]] = lambda _: frozenset()

    @property
    def exchange(self) -> Exchange:
        """The organization, as the administration shows it: changes at once."""
        return self.tenant.exchange

    @property
    def directory(self) -> Directory:
        """The tenant's directory."""
        return self.tenant.directory

    @cached_property
    def people(self) -> Mapping[str, User]:
        """The tenant's accounts by object id."""
        return {one.id: one for one in self.directory.users}

    @cached_property
    def _boxes(self) -> Mapping[str, Mailbox]:
        return {key: one for one in self.exchange.mailboxes for key in (one.user_id, one.guid)}

    def box(self, key: str) -> Mailbox | None:
        """Return a mailbox by its guid, by its account's id, or else by an address."""
        return self.exchange.mailbox(key) if "@" in key else self._boxes.get(key)

    @property
    def initial_domain(self) -> str:
        """The tenant's first domain, by which Exchange calls the organization."""
        return next((one.id for one in self.directory.domains if one.is_initial), f"{self.tenant.name}.example")

    def keep_policy(self, about: str, lag: timedelta | None = None, **was: Any) -> None:
        """Have what an authentication policy was, or who had one, count for a while yet; see `FormerPolicy`."""
        until = self.now + (self.policy_lag if lag is None else min(lag, self.policy_lag))
        self.exchange.keep_policy(FormerPolicy(about=about, since=self.now, until=until, **was))

    def warn(self, text: str) -> None:
        """Tell a warning beside the result."""
        self.warnings.append(text)


@dataclass(frozen=True)
class Cmdlet:
    """A cmdlet as data.

    Args:
        name: Verb and noun.
        role: The management role that it is an entry of. Which role holds which cmdlet is Exchange's own division
            as far as it is documented; view-only roles hold every cmdlet that only reads.
        run: Does it; what it returns is the answer's ``value``.
        parameters: What it takes beside the common parameters.
        one_of: Sets of parameters of which exactly one must be given.
        customizes: Whether a dehydrated organization refuses it.
    """

    name: str
    role: str
    run: Callable[[Run, Given], Iterable[Row]]
    parameters: tuple[Parameter, ...] = ()
    one_of: tuple[tuple[str, ...], ...] = ()
    customizes: bool = False

    @property
    def changes(self) -> bool:
        """Whether it changes anything."""
        return self.name.partition("-")[0] not in ("Get", "Test")


def first(run: Run, rows: list[Row], given: Given) -> list[Row]:
    """Return the rows that ``-ResultSize`` lets through, with Exchange's warning where some are left out."""
    # None stands for Unlimited, so only an absent parameter means the default.
    size = given.get("ResultSize", _DEFAULT_SIZE)
    if size is None or len(rows) <= size:
        return rows
    if "ResultSize" in given:
        run.warn(
            "There are more results available than are currently displayed. To view them, increase the value for the "
            "ResultSize parameter."
        )
    else:
        run.warn(
            f"By default, only the first {_DEFAULT_SIZE} items are returned. Use the ResultSize parameter to specify "
            'the number of items returned. To return all items, specify "-ResultSize Unlimited". Be aware that, '
            "depending on the actual number of items, returning all items can take a long time and consume a large "
            "amount of memory. Also, we don't recommend storing the results in a variable. Instead, pipe the results "
            "to another task or script to perform batch changes."
        )
    return rows[:size]


def assign(run: Run, record: BaseModel, values: Mapping[str, Any], shown: str) -> None:
    """Set attributes of *record*, and warn where that changes nothing, as every Set- cmdlet does.

    Args:
        run: The call.
        record: What is changed.
        values: The new values by attribute.
        shown: The identity that the warning names.
    """
    changed = {name: value for name, value in values.items() if getattr(record, name) != value}
    for name, value in changed.items():
        setattr(record, name, value)
    if not changed:
        run.warn(f"The command completed successfully but no settings of '{shown}' have been modified.")


def stamp(moment: datetime | None) -> str | None:
    """Return a time as rows show it: UTC, in whole seconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None
