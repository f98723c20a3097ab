"""The mail servers' desk: it looks a sign-in up in the states, counts sessions and messages, and keeps good passwords.

One desk serves one protocol of one practice cloud. Sessions look things up on the reactor's thread; what changes a
tenant (`Desk.with_password`, `Desk.submit`, `Desk.remove`) they have done on another, as it takes longer.
"""

import hashlib
import hmac
import secrets
import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from .. import signon
from ..backend import Backend
from ..limits import MailLimits
from ..state import Tenant
from ..tokens import TokenError
from ..windows import Window
from . import access, store
from .access import Admission, Protocol, View
from .sasl import Presented

__all__ = ["Desk", "Entry", "Seat", "Word"]

_CLIENT_APPS: Final = {"imap": "IMAP4", "pop": "POP3", "smtp": "Authenticated SMTP"}
_SECURITY_DEFAULTS: Final = "530035"
_MINUTE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)

Word = Literal["ok", "wrong", "blocked", "locked", "removed", "Tenant", "Mailbox", "policy", "no mailbox"]
"""What became of a password: Entra's word (ok, wrong, blocked, locked), or what Exchange had against it."""


@dataclass(frozen=True)
class Entry:
    """A sign-in to a mailbox, and whose it was; the tenant is '' where nobody owns the domain."""

    admission: Admission
    tenant_id: str = ""
    switch: Literal["", "Tenant", "Mailbox"] = ""


@dataclass(eq=False)
class Seat:
    """A place at the desk: one open session of a mailbox."""

    tenant_id: str
    mailbox: str
    until: datetime | None = None


@dataclass(frozen=True)
class _Sent:
    """What a mailbox sent lately."""

    messages: Window = field(default_factory=Window)
    recipients: Window = field(default_factory=Window)


@dataclass(frozen=True)
class _Good:
    """A password that Entra took: in which tenant, and when."""

    tenant_id: str
    at: datetime


@dataclass
class Desk:
    """What the connections of one protocol share."""

    backend: Backend
    protocol: Protocol
    _open: defaultdict[str, list[Seat]] = field(default_factory=lambda: defaultdict(list))
    _good: dict[bytes, _Good] = field(default_factory=dict, repr=False)
    _salt: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)
    _sent: defaultdict[tuple[str, str], _Sent] = field(default_factory=lambda: defaultdict(_Sent))
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.backend.on_forget(self._forget)

    @property
    def limits(self) -> MailLimits:
        """What the servers take just now."""
        return self.backend.mail

    def tenant_name(self, user: str) -> str:
        """Return the name of the tenant that a login name belongs to, or ''."""
        found = self._owner(user)
        return found.name if found else ""

    def with_token(self, shown: Presented) -> Entry:
        """Return what a token opens."""
        tenant, now = self._owner(shown.user), self.backend.now()
        if tenant is None:
            return Entry(Admission("refused", "nobody here owns the domain"))
        try:
            claims = self.backend.keys.read(shown.secret, now)
        except TokenError as error:
            return Entry(Admission("refused", f"the token is {error.flaw}"), tenant.tenant_id)
        with self.backend.states.reading(tenant.tenant_id) as held:
            view = _view(held, now)
            admission = access.token(view, self.protocol, shown.user, claims)
            box = view.exchange.mailbox(admission.mailbox) if admission.mailbox else None
            # The switch turns the protocol off, not only passwords; it is looked at once the token is believed.
            switch = access.submission_switch(view.exchange, box) if self.protocol == "smtp" and box else ""
        if admission.stage == "open" and self._full(admission.mailbox):
            admission = Admission("unconnected", "too many sessions", admission.mailbox, admission.until)
        return Entry(admission, tenant.tenant_id, switch)

    def with_password(self, shown: Presented, address: str) -> tuple[Word, Entry]:
        """Return what a password comes to; every one that reaches Entra leaves a row."""
        tenant, now = self._owner(shown.user), self.backend.now()
        nobody = Entry(Admission("refused", "the password opens nothing"), tenant.tenant_id if tenant else "")
        if tenant is None:
            return "wrong", nobody
        if self.protocol == "smtp":
            with self.backend.states.reading(tenant.tenant_id) as held:
                view = _view(held, now)
                barrier = access.basic_barrier(view, shown.user, now)
                box = access.mailbox_of(view, "smtp", shown.user)
            if barrier:
                return barrier, nobody
        if not self._known(shown, now):
            word = self._ask_entra(tenant.tenant_id, shown, address, now)
            if word != "ok":
                return word, nobody
        if self.protocol != "smtp":
            return "ok", nobody
        if isinstance(box, str):
            return "no mailbox", nobody
        return "ok", Entry(Admission("open", mailbox=box.guid), tenant.tenant_id)

    def take(self, entry: Entry) -> Seat:
        """Open a session; give the seat back with `leave`."""
        seat = Seat(entry.tenant_id, entry.admission.mailbox, entry.admission.until)
        self._open[seat.mailbox].append(seat)
        return seat

    def leave(self, seat: Seat) -> None:
        """End a session."""
        self._open[seat.mailbox].remove(seat)
        if not self._open[seat.mailbox]:
            del self._open[seat.mailbox]

    def over(self, seat: Seat) -> bool:
        """Whether the session's token has ended."""
        return seat.until is not None and self.backend.now() >= seat.until

    def sending_barrier(self, seat: Seat, sender: str) -> Literal["", "restricted", "not as"]:
        """Return what keeps the session's mailbox from sending as *sender*."""
        with self.backend.states.reading(seat.tenant_id) as held:
            view = _view(held, self.backend.now())
            box = view.exchange.mailbox(seat.mailbox)
            return "not as" if box is None else access.sending_barrier(view, box, sender)

    def hurried(self, seat: Seat, recipients: int = 0) -> bool:
        """Whether the session's mailbox has more connections, messages or recipients than it may."""
        now, limits = self.backend.now(), self.limits
        # Those that were there first go on.
        if self._open[seat.mailbox].index(seat) >= limits.senders:
            return True
        with self._lock:
            sent = self._sent[seat.tenant_id, seat.mailbox]
            waits = (
                sent.messages.wait_s(now, _MINUTE, limits.messages_a_minute),
                sent.recipients.wait_s(now, _DAY, limits.recipients_a_day, recipients),
            )
        return any(waits)

    def submit(self, seat: Seat, mail: store.Mail) -> None:
        """Deliver a message."""
        now = self.backend.now()
        with self._lock:
            sent = self._sent[seat.tenant_id, seat.mailbox]
            sent.messages.count(now)
            sent.recipients.count(now, len(mail.recipients))
        store.deliver(self.backend.states, store.Submission(seat.tenant_id, seat.mailbox, mail, now))

    def folder(self, seat: Seat, name: str) -> store.Contents:
        """Return what a folder holds now."""
        return store.folder(self.backend.states, seat.tenant_id, seat.mailbox, name)

    def folders(self, seat: Seat) -> list[str]:
        """Return the mailbox's folders."""
        with self.backend.states.reading(seat.tenant_id) as held:
            box = held.exchange.mailbox(seat.mailbox)
            return list(box.folders) if box else []

    def remove(self, seat: Seat, uids: Iterable[int]) -> None:
        """Remove messages from the inbox."""
        store.remove(self.backend.states, seat.tenant_id, seat.mailbox, uids)

    def _owner(self, user: str) -> Tenant | None:
        # Nothing owns the end of the old form user@domain\mailbox, as no domain holds a backslash.
        domain = user.rpartition("@")[2]
        found = self.backend.states.find(domain or "-")
        return found if found is not None and found.owns(domain) else None

    def _full(self, mailbox: str) -> bool:
        return self.protocol != "smtp" and len(self._open.get(mailbox, ())) >= self.limits.sessions

    def _known(self, shown: Presented, now: datetime) -> bool:
        if self.protocol != "smtp":
            return False
        with self._lock:
            good = self._good.get(self._mark(shown))
        # A clock that was set back leaves passwords that were good in the future: they are asked about again.
        return good is not None and good.at <= now < good.at + self.limits.basic_cache

    def _forget(self, tenant_id: str) -> None:
        """Forget what is remembered of a tenant that was made anew."""
        with self._lock:
            for mark in [mark for mark, good in self._good.items() if good.tenant_id == tenant_id]:
                del self._good[mark]
            for key in [key for key in self._sent if key[0] == tenant_id]:
                del self._sent[key]
        # What a session has seen is gone with the mailbox it opened: it ends as one whose token ends does.
        for seat in [seat for seats in list(self._open.values()) for seat in list(seats)]:
            if seat.tenant_id == tenant_id:
                seat.until = self.backend.now()

    def _mark(self, shown: Presented) -> bytes:
        said = f"{shown.user.lower()}\0{shown.secret}".encode()
        return hmac.new(self._salt, said, hashlib.sha256).digest()

    def _ask_entra(self, tenant_id: str, shown: Presented, address: str, now: datetime) -> Word:
        with self.backend.states.changing(tenant_id) as tenant:
            attempt = signon.Attempt(_CLIENT_APPS[self.protocol], address, now)
            done = signon.password(tenant, shown.user, shown.secret, attempt)
            row = signon.row(tenant, done) if done.seen else None
        if row is not None:
            self.backend.ledger.record(tenant_id, row)
        if done.code == "0":
            if self.protocol == "smtp":
                with self._lock:
                    self._good[self._mark(shown)] = _Good(tenant_id, now)
            return "ok"
        if done.code == _SECURITY_DEFAULTS:
            return "locked"
        # 53003 and its kin are policy; a password that is wrong, old or not enough is "incorrect".
        return "blocked" if done.code.startswith("53") else "wrong"


def _view(tenant: Tenant, now: datetime) -> View:
    return View(tenant.tenant_id, tenant.directory_in_force(now), tenant.exchange_in_force(now))
