"""Messages in the tenants' mailboxes: read, removed, delivered; none leaves the machine.

Configuration lags behind an administrator's change; messages do not, so they are always those that
stand now. Every call takes the states' lock for its own length only and is done in milliseconds,
which is why the servers make it on the reactor's thread.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_string, policy
from email.errors import MessageError
from typing import Final

from ..state import Mailbox, Tenant, TracedMessage, new_id
from ..states import States

__all__ = ["Contents", "Stored", "Submission", "deliver", "folder", "remove"]

_KEPT: Final = 1_000
"""Messages that a mailbox keeps; the oldest go first."""
_TRACED: Final = 5_000


@dataclass(frozen=True)
class Stored:
    """One message, whole, with line ends as on the wire."""

    uid: int
    data: bytes


@dataclass(frozen=True)
class Contents:
    """A folder's messages, oldest first, and the number that the next one gets."""

    messages: tuple[Stored, ...] = ()
    uid_next: int = 1


@dataclass(frozen=True)
class Submission:
    """What a client handed in.

    Args:
        tenant_id: Of the mailbox that authenticated.
        mailbox: That mailbox's guid.
        sender: The envelope's sender, or the header's where that is empty.
        recipients: The envelope's.
        text: The whole message.
        address: Where the client is.
        at: When.
    """

    tenant_id: str
    mailbox: str
    sender: str
    recipients: Sequence[str]
    text: str
    address: str
    at: datetime


def folder(states: States, tenant_id: str, mailbox: str, name: str) -> Contents:
    """Return what a folder holds; folders other than the inbox and Sent Items are empty."""
    with states.reading(tenant_id) as tenant:
        box = tenant.exchange.mailbox(mailbox)
        if box is None or name not in ("INBOX", "Sent Items"):
            return Contents()
        texts = box.messages if name == "INBOX" else box.sent
        numbers = _numbers(box) if name == "INBOX" else list(range(1, len(box.sent) + 1))
        uid_next = max([box.uid_next - 1 if name == "INBOX" else 0, *numbers]) + 1
        held = (Stored(uid, _wire(text)) for uid, text in zip(numbers, texts, strict=True))
        return Contents(tuple(held), uid_next)


def remove(states: States, tenant_id: str, mailbox: str, uids: Iterable[int]) -> None:
    """Take messages out of the inbox for good; those that are gone already are passed over."""
    gone = set(uids)
    with states.changing(tenant_id) as tenant:
        box = tenant.exchange.mailbox(mailbox)
        if box is None or not gone:
            return
        kept = [(uid, text) for uid, text in zip(_numbers(box), box.messages, strict=True) if uid not in gone]
        _settle(box)
        box.uids, box.messages = [uid for uid, _ in kept], [text for _, text in kept]


def deliver(states: States, handed_in: Submission) -> None:
    """Put a message into the practice mailboxes it is for, a copy into Sent Items, and rows into the traces."""
    trace_id = new_id()
    statuses = {one: _arrives(states, handed_in, one, trace_id) for one in dict.fromkeys(handed_in.recipients)}
    with states.changing(handed_in.tenant_id) as tenant:
        box = tenant.exchange.mailbox(handed_in.mailbox)
        if box is not None and box.copies_sent:
            box.sent.append(handed_in.text)
            del box.sent[:-_KEPT]
        for recipient, status in statuses.items():
            _trace(tenant, handed_in, recipient, status, trace_id)


Status = str


def _arrives(states: States, handed_in: Submission, recipient: str, trace_id: str) -> Status:
    """Deliver to one recipient and say what a trace says; outside the practice tenants a message stays pending."""
    found = states.find(recipient.rpartition("@")[2] or "-")
    if found is None:
        return "Pending"
    with states.changing(found.tenant_id) as tenant:
        box = tenant.exchange.mailbox(recipient)
        status = "Failed" if box is None or box.kind == "MailUser" or box.soft_deleted else "Delivered"
        if box is not None and status == "Delivered":
            _settle(box)
            when = f"{handed_in.at:%a, %d %b %Y %H:%M:%S +0000}"
            box.messages.append(
                f"Received: from client ([{handed_in.address}]) by practice; {when}\r\n{handed_in.text}"
            )
            box.uids.append(box.uid_next)
            box.uid_next += 1
            del box.messages[:-_KEPT], box.uids[:-_KEPT]
        if tenant.tenant_id != handed_in.tenant_id:
            _trace(tenant, handed_in, recipient, status, trace_id)
    return status


def _trace(tenant: Tenant, handed_in: Submission, recipient: str, status: Status, trace_id: str) -> None:
    row = TracedMessage.model_validate(
        {
            "message_trace_id": trace_id,
            "received": handed_in.at,
            "sender": handed_in.sender,
            "recipient": recipient,
            "subject": _subject(handed_in.text),
            "status": status,
            "from_ip": handed_in.address,
            "size": len(handed_in.text),
        }
    )
    tenant.exchange.traced_messages.append(row)
    del tenant.exchange.traced_messages[:-_TRACED]


def _subject(text: str) -> str:
    try:
        found = message_from_string(text.partition("\r\n\r\n")[0], policy=policy.default)["subject"]
    except (MessageError, ValueError, IndexError, AttributeError):
        # The parser has its bad days with hostile headers; a trace without a subject is still one.
        return ""
    return " ".join(str(found or "").split())[:255]


def _numbers(box: Mailbox) -> list[int]:
    """Return the UIDs of a mailbox's messages."""
    held = box.uids[: len(box.messages)]
    return [*held, *range(box.uid_next, box.uid_next + len(box.messages) - len(held))]


def _settle(box: Mailbox) -> None:
    numbers = _numbers(box)
    box.uids, box.uid_next = numbers, max([box.uid_next - 1, *numbers]) + 1


def _wire(text: str) -> bytes:
    return "\r\n".join(text.replace("\r\n", "\n").replace("\r", "\n").split("\n")).encode("utf-8", "replace")
