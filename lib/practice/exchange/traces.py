"""Which messages went through: ``Get-MessageTraceV2``, with its windows, its sizes and its way of going on.

There are no pages. A result that is cut ends with a warning that holds the next call as text: its end is the last
row's time, its ``StartingRecipientAddress`` the last row's recipient. Times are whole seconds, as in that text.
"""

import threading
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from practice.state import TracedMessage
from practice.windows import Window

from . import errors
from .binding import Given, Parameter
from .cmdlets import Cmdlet, Row, Run, stamp

__all__ = ["CMDLETS", "MOST_REQUESTS", "NAME", "WINDOW", "Allowance"]

NAME: Final = "Get-MessageTraceV2"
MOST_REQUESTS: Final = 100
WINDOW: Final = timedelta(minutes=5)

_KEPT: Final = timedelta(days=90)
_LONGEST: Final = timedelta(days=10)
_DEFAULT: Final = timedelta(hours=48)
_MOST: Final = 5000
_USUAL: Final = 1000
_STATES: Final = (
    "Delivered",
    "Expanded",
    "Failed",
    "FilteredAsSpam",
    "GettingStatus",
    "None",
    "Pending",
    "Quarantined",
)
_SUBJECTS: Final[dict[str, Callable[[str, str], bool]]] = {
    "Contains": lambda subject, wanted: wanted in subject,
    "StartsWith": str.startswith,
    "EndsWith": str.endswith,
}


class Allowance:
    """How many traces each tenant may still ask for: a hundred in five minutes, counted as they come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: defaultdict[str, Window] = defaultdict(Window)

    def wait_s(self, tenant_id: str, now: datetime) -> int:
        """Count one request; return 0 where it is allowed, or else how many seconds to wait before the next."""
        with self._lock:
            window = self._windows[tenant_id]
            wait_s = window.wait_s(now, WINDOW, MOST_REQUESTS)
            if not wait_s:
                window.count(now)
            return wait_s

    def forget(self, tenant_id: str) -> None:
        """Forget what a tenant has asked for."""
        with self._lock:
            self._windows.pop(tenant_id, None)


def _get(run: Run, given: Given) -> list[Row]:
    start, end = _window(run, given)
    size = given.get("ResultSize", _USUAL)
    if not 1 <= size <= _MOST:
        raise _wrong("ResultSize", f"Valid value for parameter ResultSize is between 1 and {_MOST}.")
    found = [one for one in run.exchange.traced_messages if _fits(one, given, start, end)]
    found.sort(key=lambda one: (-_second(one.received).timestamp(), one.recipient.lower(), one.message_trace_id))
    starting = given.text("StartingRecipientAddress").lower()
    if starting:
        last = _second(end)
        found = [one for one in found if _second(one.received) < last or one.recipient.lower() > starting]
    if len(found) > size:
        run.warn(_next_call(given, start, found[size - 1], size))
    return [_shown(one) for one in found[:size]]


def _window(run: Run, given: Given) -> tuple[datetime, datetime]:
    """Return the window, or refuse it. The limits are documented, the wording of the refusals is not: unverified."""
    end = given.get("EndDate") or run.now
    try:
        start = given.get("StartDate") or end - _DEFAULT
    except OverflowError:
        start = end
    if start > end:
        raise _wrong("StartDate", "The StartDate must be before the EndDate.")
    if end - start > _LONGEST:
        raise _wrong("StartDate", f"The time range of the query can't be longer than {_LONGEST.days} days.")
    # A day of grace: whoever asks for 90 days reckoned them a moment ago.
    if start < run.now - _KEPT - timedelta(days=1):
        raise _wrong("StartDate", f"The StartDate can't be more than {_KEPT.days} days ago.")
    return start, end


def _wrong(name: str, text: str) -> errors.CmdletError:
    return errors.invalid(f"Invalid value for parameter '{name}'. {text}", "System.ArgumentException")


def _fits(one: TracedMessage, given: Given, start: datetime, end: datetime) -> bool:
    senders = [address.lower() for address in given.texts("SenderAddress")]
    recipients = [address.lower() for address in given.texts("RecipientAddress")]
    subject = given.text("Subject").lower()
    return (
        _second(start) <= _second(one.received) <= _second(end)
        and (not senders or _matches(one.sender, senders))
        and (not recipients or _matches(one.recipient, recipients))
        and given.text("FromIP") in ("", one.from_ip)
        and given.text("MessageTraceId") in ("", one.message_trace_id)
        and (not given.texts("Status") or one.status in given.texts("Status"))
        and (not subject or _SUBJECTS[str(given.get("SubjectFilterType", "Contains"))](one.subject.lower(), subject))
    )


def _matches(address: str, wanted: list[str]) -> bool:
    """Whether an address is among those wanted, where ``*@domain`` stands for a whole domain."""
    lowered = address.lower()
    return any(lowered == one or (one.startswith("*@") and lowered.endswith(one[1:])) for one in wanted)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _shown(one: TracedMessage) -> Row:
    return {
        "MessageTraceId": one.message_trace_id,
        "MessageId": f"<{one.message_trace_id}@practice.example>",
        "Received": stamp(one.received),
        "SenderAddress": one.sender,
        "RecipientAddress": one.recipient,
        "Subject": one.subject,
        "Status": one.status,
        "FromIP": one.from_ip,
        "ToIP": "",
        "Size": one.size,
    }


def _next_call(given: Given, start: datetime, last: TracedMessage, size: int) -> str:
    """Return the warning that a cut result ends with; its frame is the real one."""
    call = [f'-StartDate "{stamp(start)}"', f'-EndDate "{stamp(last.received)}"']
    for name in ("SenderAddress", "RecipientAddress", "Status"):
        if given.texts(name):
            call.append(f"-{name} " + ",".join(f'"{one}"' for one in given.texts(name)))
    for name in ("FromIP", "MessageTraceId", "Subject", "SubjectFilterType"):
        if given.text(name):
            call.append(f'-{name} "{given.text(name)}"')
    call += [f'-StartingRecipientAddress "{last.recipient}"', f"-ResultSize {size}"]
    return f"There are more results, use the following command to get more. {NAME} {' '.join(call)}"


CMDLETS: Final = (
    Cmdlet(
        NAME,
        "Message Tracking",
        _get,
        (
            Parameter("StartDate", "moment"),
            Parameter("EndDate", "moment"),
            Parameter("SenderAddress", "texts", longest=320),
            Parameter("RecipientAddress", "texts", longest=320),
            Parameter("StartingRecipientAddress", longest=320),
            Parameter("FromIP", longest=64),
            Parameter("MessageTraceId", "guid"),
            Parameter("Status", "choices", choices=_STATES),
            Parameter("Subject"),
            Parameter("SubjectFilterType", "choice", choices=tuple(_SUBJECTS)),
            Parameter("ResultSize", "number"),
        ),
    ),
)
"""The cmdlets of this module."""
