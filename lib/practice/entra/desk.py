"""What Entra remembers of sign-ins under way: codes that were redeemed, and devices that wait for their person.

In memory only: a code lives for minutes, and what should outlive the process travels sealed.
"""

import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from .persons import SignedIn

__all__ = ["DEVICE_LASTS", "INTERVAL_S", "Desk", "Device"]

DEVICE_LASTS: Final = timedelta(minutes=15)
INTERVAL_S: Final = 5
_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_MOST: Final = 10_000


@dataclass
class Device:
    """A device that shows a code and polls.

    Args:
        code: What it polls with.
        user_code: What the person types.
        client_id: The app on it.
        scope: What the app asked for.
        realm: The address's first part that it asked at.
        until: When the code ends.
        signed_in: Who signed in; None as long as nobody has.
        declined: Whether somebody said no.
        polled: When it asked last.
    """

    code: str
    user_code: str
    client_id: str
    scope: str
    realm: str
    until: datetime
    signed_in: SignedIn | None = None
    declined: bool = False
    polled: datetime | None = None


@dataclass
class Desk:
    """Everything that is under way in one practice cloud."""

    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _redeemed: dict[str, datetime] = field(default_factory=dict)
    _devices: dict[str, Device] = field(default_factory=dict)

    def redeem(self, code_id: str, until: datetime, now: datetime) -> bool:
        """Count a code as redeemed until it ends anyway; False where it was before."""
        with self._lock:
            self._redeemed = {one: end for one, end in self._redeemed.items() if end > now}
            if code_id in self._redeemed:
                return False
            self._redeemed[code_id] = until
            return True

    def new_device(self, now: datetime, **details: Any) -> Device:
        """Return a device with fresh codes; *details* are the other fields of `Device`."""
        user_code = "".join(secrets.choice(_LETTERS) for _ in range(9))
        made = Device(secrets.token_urlsafe(48), user_code, until=now + DEVICE_LASTS, **details)
        with self._lock:
            # Codes that ended a while ago are forgotten, so that asking without end fills nothing.
            kept = {one.code: one for one in self._devices.values() if one.until + DEVICE_LASTS > now}
            self._devices = dict(list(kept.items())[-_MOST:])
            self._devices[made.code] = made
        return made

    def device(self, code: str) -> Device | None:
        """Return the device that polls with *code*."""
        with self._lock:
            return self._devices.get(code)

    def device_shown(self, user_code: str, now: datetime) -> Device | None:
        """Return the device that shows *user_code*, if it still waits."""
        wanted = "".join(user_code.upper().split()).replace("-", "")
        with self._lock:
            return next(
                (
                    one
                    for one in self._devices.values()
                    if one.user_code == wanted and one.until > now and one.signed_in is None and not one.declined
                ),
                None,
            )

    def forget(self, code: str) -> None:
        """Forget a device that has its tokens."""
        with self._lock:
            self._devices.pop(code, None)

    def forget_tenant(self, tenant_id: str) -> None:
        """Forget the devices that somebody signed in to in a tenant: its people are other people from here on."""
        with self._lock:
            self._devices = {
                code: one
                for code, one in self._devices.items()
                if one.signed_in is None or one.signed_in.tenant != tenant_id
            }
