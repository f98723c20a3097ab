"""Faults on demand: what a trainer or a test makes the practice cloud do wrong, and how long.

A fault names the face it strikes and, where it matters, the tenant and the operation. It counts
down as it strikes and goes when it is used up. Lag and clock skew are settings, not strikes: they
hold until they are changed.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final, Literal, get_args

from .clock import Clock

__all__ = ["Face", "Fault", "FaultError", "Faults", "Kind"]

Face = Literal["entra", "graph", "logs", "exchange", "imap", "pop", "smtp", "any"]
Kind = Literal["latency", "throttle", "unavailable", "truncate", "drop"]

_MOST: Final = 1_000_000
_LONGEST_S: Final = 3_600


class FaultError(ValueError):
    """A fault that was asked for is none; the text names the field, what was found and what would be right."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Args:
        face: Where.
        kind: ``latency`` waits `seconds`; ``throttle`` refuses in the face's own way and names `seconds` to wait;
            ``unavailable`` answers as a service that is down (503, 4xx temporary); ``truncate`` breaks off in the
            middle of an answer; ``drop`` closes the connection before it.
        tenant: The tenant's name it is for; empty for all.
        operation: A regular expression that must be found in the operation: ``METHOD /path`` over HTTP, a
            cmdlet's name in the Exchange administration, the command's name in a mail protocol. Empty for all; a
            ``throttle`` or ``unavailable`` then spares a mail protocol's greetings and housekeeping.
        after: Lets so many matching operations pass first.
        times: Strikes so often; 0 for always.
        seconds: As `kind` says.
    """

    face: Face
    kind: Kind
    tenant: str = ""
    operation: str = ""
    after: int = 0
    times: int = 1
    seconds: float = 1.0

    def fits(self, face: str, tenant: str, operation: str, *, costly: bool = True) -> bool:
        """Whether the fault is for this operation; `costly` as in `Faults.strike`."""
        if self.face not in (face, "any") or self.tenant not in ("", tenant):
            return False
        if not self.operation:
            return costly or self.kind not in ("throttle", "unavailable")
        return re.search(self.operation, operation, re.IGNORECASE) is not None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Fault":
        """Return a fault from its JSON form.

        Raises:
            FaultError: A field is wrong.
        """
        unknown = sorted(set(given) - set(cls.__dataclass_fields__))
        if unknown:
            raise FaultError(f"{unknown[0]}: no such field; expected any of {', '.join(cls.__dataclass_fields__)}")
        for name, allowed in (("face", get_args(Face)), ("kind", get_args(Kind))):
            if given.get(name) not in allowed:
                raise FaultError(f"{name}: found {given.get(name)!r}; expected one of {', '.join(allowed)}")
        for name, kind in (("tenant", str), ("operation", str)):
            if not isinstance(given.get(name, ""), kind):
                raise FaultError(f"{name}: found {given[name]!r}; expected text")
        for name, most in (("after", _MOST), ("times", _MOST), ("seconds", _LONGEST_S)):
            value = given.get(name, 0)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not number or (name != "seconds" and isinstance(value, float)) or not 0 <= value <= most:
                raise FaultError(f"{name}: found {value!r}; expected a number from 0 to {most}")
        try:
            re.compile(given.get("operation", ""))
        except re.error as error:
            raise FaultError(f"operation: {error}; expected a regular expression") from None
        return cls(**given)


@dataclass
class Faults:
    """What is to go wrong, and the lags that hold.

    Args:
        clock: The cloud's clock; skewing it is a fault too.
        directory_lag: How long a change in Entra takes to reach every replica.
        exchange_lag: How long a change in Exchange takes to reach the mail servers.
        policy_lag: How long an authentication policy takes to count, or to end: up to 24 hours in the service.
        usual: The lags as they are when nothing goes wrong: of the directory, of Exchange and of its policies.
    """

    clock: Clock = field(default_factory=Clock)
    directory_lag: timedelta = timedelta()
    exchange_lag: timedelta = timedelta()
    policy_lag: timedelta = timedelta()
    usual: tuple[timedelta, timedelta, timedelta] = (timedelta(), timedelta(), timedelta())
    _armed: list[Fault] = field(default_factory=list)
    _awake: threading.Event = field(default_factory=threading.Event, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def armed(self) -> tuple[Fault, ...]:
        """The faults that have strikes left."""
        return tuple(self._armed)

    def add(self, face: Face, kind: Kind, **details: Any) -> Fault:
        """Arm a fault; `details` are the other fields of `Fault`.

        Raises:
            FaultError: A field is wrong.
        """
        fault = Fault.read({"face": face, "kind": kind, **details})
        self.arm(fault)
        return fault

    def arm(self, fault: Fault) -> None:
        """Let *fault* strike from now on."""
        with self._lock:
            self._armed.append(fault)

    def clear(self) -> None:
        """Let everything work again: no faults, the usual lags, the right time."""
        with self._lock:
            self._armed.clear()
            # Whoever is being kept waiting goes on; who comes later waits for another event.
            self._awake.set()
            self._awake = threading.Event()
        self.directory_lag, self.exchange_lag, self.policy_lag = self.usual
        self.clock.skew = timedelta()

    def pause(self, seconds: float) -> None:
        """Wait as a latency fault says, but no longer than until everything is to work again."""
        with self._lock:
            awake = self._awake
        awake.wait(seconds)

    def strike(self, face: Face, operation: str, tenant: str = "", *, costly: bool = True) -> Fault | None:
        """Return the first fault that meets this operation, and count it.

        Args:
            face: Where it was asked for.
            operation: As `Fault.operation` names it.
            tenant: The tenant's name it is about; empty for none.
            costly: Whether it needs what is behind the face. A throttle or an outage that names no operation does
                not strike where that is not so: a greeting is never refused for it.
        """
        with self._lock:
            for place, fault in enumerate(self._armed):
                if not fault.fits(face, tenant, operation, costly=costly):
                    continue
                if fault.after:
                    self._armed[place] = replace(fault, after=fault.after - 1)
                    continue
                if fault.times == 1:
                    del self._armed[place]
                elif fault.times:
                    self._armed[place] = replace(fault, times=fault.times - 1)
                return fault
        return None
