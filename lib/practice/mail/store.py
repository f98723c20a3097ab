"""Messages in the tenants' mailboxes: read, removed, delivered; none leaves the machine.

Configuration lags behind an administrator's change; messages do not, so they are always those that
stand now. Reading takes the states' lock for well under a millisecond. Delivering and removing write the whole
tenant, once each: some 50 ms where it holds as much as it may, so the servers have that done off the reactor's thread.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_string, policy
from functools import cached_property
from typing import Final

from ..state import Exchange, Mailbox, Tenant, TracedMessage, TraceStatus, new_id
from ..states import States

__all__ = ["Contents", "Mail", "Stored", "Submission", "deliver", "folder", "remove"]

_KEPT: Final = 1_000
"""Messages that a folder keeps; the oldest go first."""
_FOLDER_CHARACTERS: Final = 4 * 1024 * 1024
"""What a folder keeps, however few messages that are."""
_TENANT_CHARACTERS: Final = 16 * 1024 * 1024
"""What all folders of a tenant keep together; the fullest gives up its oldest message first."""
_TRACED: Final = 5_000

_INBOX: Final = "INBOX"
_SENT: Final = "Sent Items"


@dataclass(frozen=True)
class Stored:
    """One message, whole."""

    uid: int
    text: str

    @property
    def data(self) -> bytes:
        """The message with line ends as on the wire; made anew each time, for sessions that hold a folder open."""
        return self.text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n").encode("utf-8", "replace")

    @cached_property
    def size(self) -> int:
        """How many bytes `data` is."""
        return len(self.data)


@dataclass(frozen=True)
class Contents:
    """A folder's messages, oldest first, the number that the next one gets, and since when numbers are given."""

    messages: tuple[Stored, ...] = ()
    uid_next: int = 1
    validity: int = 1


@dataclass(frozen=True)
class Mail:
    """A message and its envelope.

    Args:
        sender: The envelope's sender, or the header's where that is empty.
        recipients: The envelope's.
        text: The message, or as much of it as is kept.
        size: How long it was, in bytes.
        address: Where it came from.
    """

    sender: str
    recipients: Sequence[str]
    text: str
    size: int
    address: str


@dataclass(frozen=True)
class Submission:
    """What a client handed in.

    Args:
        tenant_id: Of the mailbox that authenticated.
        mailbox: That mailbox's guid.
        mail: What was handed in.
        at: When.
    """

    tenant_id: str
    mailbox: str
    mail: Mail
    at: datetime


def folder(states: States, tenant_id: str, mailbox: str, name: str) -> Contents:
    """Return what a folder holds; folders other than the inbox and Sent Items are empty."""
    with states.reading(tenant_id) as tenant:
        # A tenant that is made anew numbers anew; the moment grows each time, as RFC 3501 wants of UIDVALIDITY.
        validity = int(tenant.made.timestamp()) if tenant.made else 1
        box = tenant.exchange.mailbox(mailbox)
        if box is None or name not in (_INBOX, _SENT):
            return Contents(validity=validity)
        pile = _Pile.of(box, name)
        return Contents(tuple(map(Stored, pile.uids, pile.texts)), pile.uid_next, validity)


def remove(states: States, tenant_id: str, mailbox: str, uids: Iterable[int]) -> None:
    """Take messages out of the inbox for good; those that are gone already are passed over."""
    gone = set(uids)
    with states.changing(tenant_id) as tenant:
        box = tenant.exchange.mailbox(mailbox)
        if box is not None:
            _Pile.of(box, _INBOX).without(gone).put(box)


def deliver(states: States, handed_in: Submission) -> None:
    """Put a message into the practice mailboxes it is for, a copy into Sent Items, and rows into the traces.

    What is addressed outside the practice tenants stays pending.
    """
    trace_id = new_id()
    statuses: dict[str, TraceStatus] = dict.fromkeys(handed_in.mail.recipients, "Pending")
    homes = _homes(states, statuses)
    own = homes.pop(handed_in.tenant_id, [])
    for tenant_id, recipients in homes.items():
        with states.changing(tenant_id) as tenant:
            there = _arrive(tenant.exchange, handed_in, recipients)
            _settle(tenant, handed_in, there, trace_id)
        statuses.update(there)
    with states.changing(handed_in.tenant_id) as tenant:
        statuses.update(_arrive(tenant.exchange, handed_in, own))
        box = tenant.exchange.mailbox(handed_in.mailbox)
        if box is not None and box.copies_sent:
            _Pile.of(box, _SENT).added(handed_in.mail.text).put(box)
        _settle(tenant, handed_in, statuses, trace_id)


def _homes(states: States, recipients: Iterable[str]) -> defaultdict[str, list[str]]:
    """Return the recipients by the practice tenants that own their domains."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in recipients:
        tenant = states.find(one.rpartition("@")[2] or "-")
        if tenant is not None:
            found[tenant.tenant_id].append(one)
    return found


def _arrive(exchange: Exchange, handed_in: Submission, recipients: Iterable[str]) -> dict[str, TraceStatus]:
    """Deliver within a tenant, and say what a trace says of each recipient."""
    when = f"{handed_in.at:%a, %d %b %Y %H:%M:%S +0000}"
    text = f"Received: from client ([{handed_in.mail.address}]) by practice; {when}\r\n{handed_in.mail.text}"
    statuses: dict[str, TraceStatus] = {}
    for recipient in recipients:
        box = exchange.mailbox(recipient)
        if box is None or box.kind == "MailUser" or box.soft_deleted:
            statuses[recipient] = "Failed"
        else:
            _Pile.of(box, _INBOX).added(text).put(box)
            statuses[recipient] = "Delivered"
    return statuses


def _settle(tenant: Tenant, handed_in: Submission, statuses: Mapping[str, TraceStatus], trace_id: str) -> None:
    """Trace a message, and let go of what is more than a tenant keeps."""
    subject = _subject(handed_in.mail.text)
    tenant.exchange.traced_messages += [
        TracedMessage(
            message_trace_id=trace_id,
            received=handed_in.at,
            sender=handed_in.mail.sender,
            recipient=recipient,
            subject=subject,
            status=status,
            from_ip=handed_in.mail.address,
            size=handed_in.mail.size,
        )
        for recipient, status in statuses.items()
    ]
    del tenant.exchange.traced_messages[:-_TRACED]
    _trim(tenant.exchange)


def _trim(exchange: Exchange) -> None:
    piles = [(box, _Pile.of(box, name)) for box in exchange.mailboxes for name in (_INBOX, _SENT)]
    sizes = [pile.characters for _, pile in piles]
    while sum(sizes) > _TENANT_CHARACTERS:
        fullest = sizes.index(max(sizes))
        box, pile = piles[fullest]
        pile.drop()
        pile.put(box)
        sizes[fullest] = pile.characters


def _subject(text: str) -> str:
    try:
        raw = message_from_string(text.partition("\r\n\r\n")[0], policy=policy.compat32)["subject"]
        # Taken apart only so far as it is shown: the parser needs minutes for a megabyte of encoded words.
        found = policy.default.header_fetch_parse("subject", str(raw or "")[:1000])
    except (ValueError, IndexError, AttributeError, LookupError, RecursionError):
        # The parser has its bad days with hostile headers; a trace without a subject is still one.
        return ""
    return " ".join(str(found).split())[:255]


@dataclass
class _Pile:
    """A folder's messages and their UIDs, taken out of a mailbox to be changed."""

    name: str
    texts: list[str]
    uids: list[int]
    uid_next: int

    @classmethod
    def of(cls, box: Mailbox, name: str) -> "_Pile":
        """Return a folder's own; messages that have no UID yet get one."""
        texts, uids, uid_next = box.messages, box.uids, box.uid_next
        if name == _SENT:
            texts, uids, uid_next = box.sent, box.sent_uids, box.sent_uid_next
        numbered = uids[: len(texts)]
        new = range(uid_next, uid_next + len(texts) - len(numbered))
        return cls(name, list(texts), [*numbered, *new], new.stop)

    def put(self, box: Mailbox) -> None:
        """Set the folder in place of what *box* had."""
        if self.name == _SENT:
            box.sent, box.sent_uids, box.sent_uid_next = self.texts, self.uids, self.uid_next
        else:
            box.messages, box.uids, box.uid_next = self.texts, self.uids, self.uid_next

    @property
    def characters(self) -> int:
        """How long the messages are together."""
        return sum(map(len, self.texts))

    def added(self, text: str) -> "_Pile":
        """Return the folder with one more message, which stays, and no more than a folder keeps."""
        self.texts.append(text)
        self.uids.append(self.uid_next)
        self.uid_next += 1
        total = self.characters
        while len(self.texts) > 1 and (len(self.texts) > _KEPT or total > _FOLDER_CHARACTERS):
            total -= len(self.texts[0])
            self.drop()
        return self

    def without(self, gone: set[int]) -> "_Pile":
        """Return the folder without some messages."""
        kept = [(uid, text) for uid, text in zip(self.uids, self.texts, strict=True) if uid not in gone]
        return _Pile(self.name, [text for _, text in kept], [uid for uid, _ in kept], self.uid_next)

    def drop(self) -> None:
        """Let the oldest message go; its UID never names another."""
        del self.texts[0], self.uids[0]
