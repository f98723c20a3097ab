"""What conversations with mail servers have in common: bytes in, events out and bytes to send; no sockets, no clock.

A dialogue reads what came, decides what to send next, knows how far it came and writes its own transcript,
redacted as it is written. Whoever has the socket does this:

```text
dialogue.connected(); dialogue.secured(tls)          secured at once where TLS goes from the first byte
until dialogue.ended:
    send what dialogue.send() returns
    for event in dialogue.receive(what came, b"" at the end): StartTls? shake hands, then dialogue.secured(tls)
dialogue.failed(stage's trouble in a sentence)        where the wire fails
```

Each protocol is one generator, read from top to bottom, that yields what it waits for.
"""

import base64
import re
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import ClassVar, Final, Literal, TypeAlias, TypeVar

from . import sasl
from .proof import Line, Outcome, Stage, Talk, Tls, Way
from .redaction import Redactor
from .tenants import Protocol

__all__ = [
    "ALL_BYTES",
    "ALL_LINES",
    "LINE_BYTES",
    "Astray",
    "Dialogue",
    "Ended",
    "Event",
    "Received",
    "Refused",
    "Said",
    "Script",
    "SignIn",
    "StartTls",
    "bearer",
    "server_name",
]

LINE_BYTES: Final = 65_536
"""The longest line that is read."""
ALL_BYTES: Final = 1_048_576
"""The most that is read of one conversation."""
ALL_LINES: Final = 20_000
"""The most lines that are read of one conversation."""

_KEPT_LINES: Final = 1_000
_KEPT_CHARACTERS: Final = 2_000
_KEPT_NAMES: Final = 100

T = TypeVar("T")
Want: TypeAlias = int | Literal["line", "tls"]
"""What a script waits for: a line, so many bytes, or TLS."""
Script: TypeAlias = Generator[Want, bytes, T]


@dataclass(frozen=True)
class Said:
    """Something to send, and what the transcript shows in its place; `sent` may be secret and stays out of reprs."""

    sent: str = field(repr=False)
    shown: str


@dataclass(frozen=True)
class SignIn:
    """How to sign in: commands one after the other, or one SASL mechanism.

    Args:
        user: The mailbox to open.
        mechanism: What a server must offer, such as ``XOAUTH2``; empty where `commands` say it all.
        answers: What is answered to each continuation, in base64.
        commands: What is sent instead, the last one deciding.
        secrets: What must never be shown.
    """

    user: str
    mechanism: str = ""
    answers: tuple[Said, ...] = ()
    commands: tuple[Said, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)


def bearer(user: str, token: str) -> SignIn:
    """Return the sign-in with a token, by XOAUTH2.

    Raises:
        SaslError: As `sasl.initial_response`.
    """
    response = sasl.initial_response(user, token)
    return SignIn(user, "XOAUTH2", (Said(response, f"<{sasl.redact(response)}>"),), secrets=(token,))


@dataclass(frozen=True)
class Received:
    """A line came; `text` is redacted, and hostile."""

    text: str


@dataclass(frozen=True)
class StartTls:
    """The server awaits a TLS handshake; nothing more is read in the clear."""


@dataclass(frozen=True)
class Ended:
    """It is over: close the connection."""

    outcome: Outcome
    stage: Stage


Event: TypeAlias = Received | StartTls | Ended


class Refused(Exception):
    """Not an error but an end: the server's line that decided, with a sentence of ours where the line is not enough."""

    def __init__(self, reply: str, said: str = "", *, leave: bool = True) -> None:
        super().__init__()
        self.reply, self.said, self.leave = reply, said, leave


class Astray(Exception):
    """Not an error but an end: the conversation cannot go on, in a sentence; nobody says goodbye."""

    def __init__(self, said: str, reply: str = "") -> None:
        super().__init__()
        self.said, self.reply = said, reply


class Dialogue:
    """One conversation, from its greeting to its end. Subclasses say what is asked.

    Args:
        sign_in: How to sign in.
        clock: Returns the milliseconds since the connection was asked for.
    """

    protocol: ClassVar[Protocol]
    tls_first: ClassVar[bool] = True
    """Whether TLS goes from the first byte."""

    def __init__(self, sign_in: SignIn, *, clock: Callable[[], int] = lambda: 0) -> None:
        self.stage: Stage = "connect"
        self.outcome: Outcome | None = None
        self.ended = False
        self.reply = self.said = self.server = ""
        self.offered: tuple[str, ...] = ()
        self.offered_after: tuple[str, ...] = ()
        self.tls: Tls | None = None
        self.lines: list[Line] = []
        self._sign_in = sign_in
        self._clock = clock
        self._redact = Redactor(*sign_in.secrets)
        self._in = _Incoming()
        self._out = bytearray()
        self._events: list[Event] = []
        self._left_out = 0
        self._excused = False
        self._script = self._whole()
        self._want: Want = "line"

    # --- for whoever has the socket ---------------------------------------------------------------

    def connected(self) -> None:
        """Take note that the connection stands."""
        self.stage = "tls" if self.tls_first else "greeting"
        self._want = next(self._script)

    def secured(self, tls: Tls) -> None:
        """Go on under TLS; what came in the clear and was not read yet counts for nothing, and is reported."""
        self.tls = tls
        injected = self._in.drop()
        if injected:
            self.said = f"{injected:,} bytes came in the clear before TLS began; they were thrown away"
            self.note(self.said + ": somebody may sit in between")
        self.note(f"{tls.version} {tls.cipher}")
        if self.tls_first:
            self.stage = "greeting"
        elif self._want == "tls":
            self._step(b"")

    def receive(self, data: bytes) -> list[Event]:
        """Return what came of *data*, in order; ``b""`` says that the server has closed the connection."""
        self._events = []
        if self.ended:
            return []
        if data:
            self._in.feed(data)
            self._advance()
        else:
            self._closed()
        return self._events

    def send(self) -> bytes:
        """Return what is to be sent now, once."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def failed(self, said: str) -> None:
        """End because the wire failed, as *said* in a sentence; an outcome that stands already stays.

        Where the server complained before, its complaint decides.
        """
        complaint = self._complaint()
        self._end("refused" if complaint else "unreachable", complaint, said)

    def note(self, text: str) -> None:
        """Write a line of ours into the transcript."""
        self._write("note", text)

    def talk(self, host: str, *, address: str = "") -> Talk:
        """Return the conversation as a value.

        Args:
            host: ``host:port``, as asked for.
            address: What was connected to.
        """
        lines = list(self.lines)
        if self._left_out:
            lines.append(Line(self._clock(), "note", f"{self._left_out:,} more lines, not kept"))
        return Talk(
            protocol=self.protocol,
            host=host,
            outcome=self.outcome or "unreachable",
            stage=self.stage,
            reply=self.reply,
            said=self.said,
            server=self.server,
            offered=self.offered,
            offered_after=self.offered_after,
            tls=self.tls,
            address=address,
            lines=tuple(lines),
            took_ms=self._clock(),
        )

    # --- for the protocols ------------------------------------------------------------------------

    def _prove(self) -> Script[None]:
        """Ask everything; raises `Refused` or `Astray` where it does not end well."""
        raise NotImplementedError

    def _leave(self) -> Script[None]:
        """Say goodbye."""
        raise NotImplementedError

    def _complaint(self) -> str:
        """Return the last line that may explain a connection that just closed, unredacted."""
        return ""

    def _line(self) -> Script[str]:
        """Wait for a line and return it as it is, without writing it down."""
        return _text((yield "line"))

    def _heard(self, text: str) -> str:
        """Write a line that came into the transcript where it may be shown, and return it."""
        if self._shows(text):
            self._events.append(Received(self._write("received", text)))
        return text

    def _shows(self, text: str) -> bool:
        """Whether a line may be shown, redacted."""
        return True

    def _say(self, said: Said) -> None:
        """Send a line."""
        self._write("sent", said.shown)
        self._out += said.sent.encode() + b"\r\n"

    def _answer(self, challenge: str, left: list[Said]) -> None:
        """Answer a continuation with the next of *left*; one that comes when all is said, once with nothing.

        Google and Dovecot explain a refusal in such a challenge and wait before they refuse; without the
        empty line the next command would be taken for the answer.

        Raises:
            Astray: There have been too many.
        """
        if left:
            self._say(left.pop(0))
            return
        if self._excused:
            raise Astray("The server went on asking after all was said.", challenge)
        self._excused = True
        refusal = sasl.read_refusal(challenge)
        told = [f"{name} {value}" for name, value in (("status", refusal.status), ("scope", refusal.scope)) if value]
        self.note("the challenge says: " + (", ".join(told) or "nothing that can be read"))
        self._say(Said("", "(an empty line)"))

    def _names(self, listed: Iterable[str]) -> tuple[str, ...]:
        """Return what a server lists, redacted and bounded."""
        return tuple(_cut(self._redact(one)) for one in islice(listed, _KEPT_NAMES))

    def _must_offer(self, mechanisms: Iterable[str]) -> None:
        """Insist that what the sign-in needs is offered.

        Raises:
            Refused: It is not.
        """
        wanted, offered = self._sign_in.mechanism, sorted(mechanisms)
        if wanted and wanted not in offered:
            names = ", ".join(offered) or "no sign-in at all"
            raise Refused("", f"The server does not offer {wanted} but {names}; nothing secret was sent.")

    # --- inside -----------------------------------------------------------------------------------

    def _whole(self) -> Script[None]:
        try:
            yield from self._prove()
        except Refused as end:
            self._decide("refused", end.reply, end.said)
            if not end.leave:
                return
        else:
            self.stage = "done"
            self._decide("ok")
        yield from self._leave()

    def _advance(self) -> None:
        while not self.ended:
            try:
                data = self._in.take(self._want)
            except _TooMuchError as error:
                self._end("unreachable", said=str(error))
                return
            if data is None:
                return
            self._step(data)

    def _step(self, data: bytes) -> None:
        try:
            self._want = self._script.send(data)
        except StopIteration:
            self._end("ok")
        except Astray as end:
            self._end("unreachable", end.reply, end.said)
        else:
            if self._want == "tls":
                self._events.append(StartTls())

    def _closed(self) -> None:
        if self.outcome is not None:
            self._end(self.outcome)
            return
        half = self._in.rest()
        if half and self._want == "line":
            self._heard(_text(half))
            self.note("the line above has no end")
        self.note("the server closed the connection")
        if self._complaint():
            self.failed("The server closed the connection then.")
        else:
            self.failed(f"The server closed the connection {_DURING[self.stage]}.")

    def _decide(self, outcome: Outcome, reply: str = "", said: str = "") -> None:
        if self.outcome is None:
            self.outcome = outcome
            self.reply = _cut(self._redact(reply))
            self.said = _cut(self._redact(said)) or self.said

    def _end(self, outcome: Outcome, reply: str = "", said: str = "") -> None:
        if self.ended:
            return
        if said and self.outcome is not None:
            self.note(f"{said} The outcome stands.")
        self._decide(outcome, reply, said)
        self.ended = True
        self._out.clear()
        self._script.close()
        assert self.outcome is not None
        self._events.append(Ended(self.outcome, self.stage))

    def _write(self, way: Way, text: str) -> str:
        shown = _cut(self._redact(text))
        if len(self.lines) < _KEPT_LINES:
            self.lines.append(Line(self._clock(), way, shown))
        else:
            self._left_out += 1
        return shown


def server_name(greeting: str) -> str:
    """Return the server's own name, which Exchange hides in its greeting: base64 of UTF-16, in brackets."""
    for coded in re.findall(r"\[([A-Za-z0-9+/]{8,1024}={0,2})\]", greeting):
        try:
            name = base64.b64decode(coded, validate=True).decode("utf-16-le")
        except ValueError:
            continue
        if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name):
            return name
    return ""


_DURING: Final = {
    "connect": "before anything was said",
    "tls": "before TLS began",
    "greeting": "before it greeted",
    "capability": "while it was asked what it offers",
    "authenticate": "during the sign-in, without a reply",
    "command": "after the sign-in, without a reply",
    "done": "at the end",
}


class _TooMuchError(Exception):
    """The server sends more than is read; its text is a sentence."""


class _Incoming:
    """What came and was not read yet, and how much it was in all."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._looked = 0  # no line end before this place, so that drops of data cost no second look
        self._bytes = self._lines = 0

    def feed(self, data: bytes) -> None:
        self._data += data

    def take(self, want: Want) -> bytes | None:
        """Return what is wanted, or None where it has not come yet.

        Raises:
            _TooMuchError: It will not be waited for.
        """
        if want == "tls":
            if len(self._data) > ALL_BYTES:
                raise _TooMuchError("The server sent more in the clear than is read, in place of a TLS handshake.")
            return None
        data = self._bite() if want == "line" else self._piece(want)
        if self._bytes > ALL_BYTES:
            raise _TooMuchError(f"The server sent more than {ALL_BYTES:,} bytes; the rest was not read.")
        if self._lines > ALL_LINES:
            raise _TooMuchError(f"The server sent more than {ALL_LINES:,} lines; the rest was not read.")
        return data

    def rest(self) -> bytes:
        return bytes(self._data[:LINE_BYTES])

    def drop(self) -> int:
        """Forget what came, and return how much it was."""
        dropped = len(self._data)
        self._data.clear()
        self._looked = 0
        return dropped

    def _bite(self) -> bytes | None:
        end = self._data.find(b"\n", self._looked, LINE_BYTES + 1)
        if end < 0:
            self._looked = len(self._data)
            if self._looked > LINE_BYTES:
                raise _TooMuchError(f"The server sent a line of more than {LINE_BYTES:,} bytes; it was not read on.")
            return None
        self._lines += 1
        return self._cut(end + 1)

    def _piece(self, size: int) -> bytes | None:
        if size + self._bytes > ALL_BYTES:
            raise _TooMuchError(f"The server announced {size:,} bytes in one piece; they were not read.")
        return self._cut(size) if len(self._data) >= size else None

    def _cut(self, size: int) -> bytes:
        data = bytes(self._data[:size])
        del self._data[:size]
        self._looked = 0
        self._bytes += size
        return data


def _text(data: bytes) -> str:
    return data.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")


def _cut(text: str) -> str:
    more = len(text) - _KEPT_CHARACTERS
    return f"{text[:_KEPT_CHARACTERS]}… ({more:,} more characters)" if more > 0 else text
