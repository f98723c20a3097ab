"""What every face of the practice cloud is given: the states, the keys, the clock, the faults, the sign-in rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from .clock import Clock
from .faults import Faults
from .ledger import Ledger
from .limits import GraphLimits, LogLimits, MailLimits
from .state import Tenant
from .states import States
from .tokens import Keys

__all__ = ["Backend"]


@dataclass
class Backend:
    """One practice cloud behind its faces.

    Args:
        states: The tenants.
        keys: What signs and checks the tokens of its Entra.
        issuer_keys: The same for the issuer of workload tokens, which says of anybody what it is asked to say.
        faults: What is to go wrong; its clock is the cloud's.
        ledger: The sign-in rows.
        base_url: Where the HTTP faces are, without a slash at the end; known once the cloud listens.
        door_key: What opens the trainer's door; empty keeps it shut.
        reset: Makes the tenants of these names anew.
        answers: Says what is wrong with a tenant at a moment, a sentence a fault.
        move: Has an account of a tenant, both by name, send with a token since a while; what is wrong with that, or ''.
        forget: Called with the id of a tenant that was made anew; a face that remembers something of tenants beside
            their states adds what forgets it.
        mail: What the mail servers take.
        logs: What the log query API takes.
        graph: What Graph takes.
    """

    states: States
    keys: Keys
    issuer_keys: Keys
    faults: Faults = field(default_factory=Faults)
    ledger: Ledger = field(default_factory=Ledger)
    base_url: str = ""
    door_key: str = field(default="", repr=False)
    reset: Callable[[Sequence[str]], None] = lambda names: None
    answers: Callable[[Tenant, datetime], Sequence[str]] = lambda tenant, now: ()
    move: Callable[[str, str], str] = lambda tenant, account: "this cloud tells no stories"
    forget: list[Callable[[str], None]] = field(default_factory=list)
    mail: MailLimits = field(default_factory=MailLimits)
    logs: LogLimits = field(default_factory=LogLimits)
    graph: GraphLimits = field(default_factory=GraphLimits)

    def on_forget(self, forget: Callable[[str], None]) -> None:
        """Have *forget* called with the id of every tenant that is made anew."""
        self.forget.append(forget)

    @property
    def clock(self) -> Clock:
        """The cloud's clock."""
        return self.faults.clock

    def now(self) -> datetime:
        """Return the cloud's time."""
        return self.faults.clock.now()
