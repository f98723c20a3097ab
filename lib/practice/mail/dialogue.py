"""IMAP up to the mailbox: commands put together and sorted by state, authentication, Exchange's refusals and closing.

Texts of refusals are those of the catalogue (I1 to I24); completions follow Exchange's pattern, and what
is marked so is from general knowledge.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from ..faults import Face
from . import sasl
from .desk import Desk
from .session import LONGEST, About, Session, Turn, banner
from .syntax import ArgumentError, Node, Text, nested, text, words

__all__ = ["Dialogue", "exactly", "nothing"]

_EARLY_CAPABILITY: Final = (
    b"* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+"
)
_LATE_CAPABILITY: Final = (
    b"* CAPABILITY IMAP4 IMAP4rev1 AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CLIENTACCESSRULES "
    b"CLIENTNETWORKPRESENCELOCATION BACKENDAUTHENTICATE CHILDREN IDLE NAMESPACE LITERAL+"
)
_STATE: Final = b"BAD Command received in Invalid state."
_UNCONNECTED: Final = b"BAD User is authenticated but not connected."
_ARGUMENTS: Final = b"BAD Command Argument Error. 11"
_RESPONSE: Final = b"BAD Command Argument Error. 12"
_UNKNOWN: Final = b"BAD Command Error. 10"  # general knowledge
_EMPTY: Final = b"BAD Command Error. 12"
_CLOSED: Final = b"* BYE Connection closed. 14"
_FAILED: Final = b" NO AUTHENTICATE failed."
_EXPIRED: Final = b"* BYE Session invalidated - AccessTokenExpired"
_DOWN: Final = b"BAD Server Unavailable. 15"  # general knowledge

_PATIENCE: Final = 2
"""Invalid commands that are borne; the next one closes the connection."""
_PIECES: Final = 20
_LITERAL: Final = re.compile(rb"\{(\d{1,10})(\+?)\}$")
_COMMAND: Final = re.compile(
    rb"([\x21\x23\x24\x26\x27\x2c-\x5b\x5d-\x7a\x7c-\x7e]{1,64}) +([A-Za-z]{1,16})(?: (.*))?", re.DOTALL
)

_ALWAYS: Final = frozenset({"CAPABILITY", "LOGOUT"})
_EARLY: Final = _ALWAYS | {"NOOP", "ID", "AUTHENTICATE", "LOGIN"}
_LATE: Final = _ALWAYS | {"NOOP", "ID", "NAMESPACE", "LIST", "LSUB", "STATUS", "SELECT", "EXAMINE", "IDLE"}
_SELECTED: Final = frozenset({"FETCH", "SEARCH", "UID", "CHECK", "CLOSE", "UNSELECT"})
_WRITING: Final = frozenset({"APPEND", "CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE"})
_WRITING_SELECTED: Final = frozenset({"STORE", "COPY", "MOVE", "EXPUNGE"})
_KNOWN: Final = _EARLY | _LATE | _SELECTED | _WRITING | _WRITING_SELECTED | {"STARTTLS"}


class Dialogue(Session):
    """One IMAP conversation."""

    face: ClassVar[Face] = "imap"
    costly: ClassVar[frozenset[str]] = frozenset(
        {"AUTHENTICATE", "LOGIN", "LIST", "LSUB", "STATUS", "SELECT", "EXAMINE", "FETCH", "SEARCH", "UID"}
    )

    def __init__(self, desk: Desk, address: str) -> None:
        super().__init__(desk, address)
        self._pieces: list[bytes | Text] = []
        self._tag = b"*"
        self._mechanism = ""
        self._idle = False
        self._invalid = 0
        self._selected = ""

    def greet(self) -> Turn:
        self.say(f"* OK The Microsoft Exchange IMAP4 service is ready. [{banner()}]".encode())
        return self.turn()

    def about(self, line: bytes) -> About | None:
        if self._mechanism:
            return About("AUTHENTICATE", self._tenant_shown(self._mechanism, line))
        match = _COMMAND.fullmatch(line.rstrip())
        if self._pieces or self._idle or match is None:
            return None
        command, rest = match[2].decode().upper(), (match[3] or b"").split()
        if command == "AUTHENTICATE":
            initial = self._tenant_shown(rest[0].decode("latin-1").upper(), rest[1]) if len(rest) == 2 else None
            return None if initial is None else About(command, initial)
        if command == "LOGIN":
            return About(command, self.desk.tenant_name(rest[0].strip(b'"').decode("latin-1")) if rest else "")
        return About(command, self.tenant)

    def heard(self, line: bytes) -> None:
        if self._mechanism:
            self._answer_challenge(line)
        elif self._idle:
            self._idle = False
            if line.strip().upper() == b"DONE":
                self.refresh()
                self.done("IDLE")
            else:
                self._bad(_ARGUMENTS)
        else:
            self._piece(line)

    def literal(self, data: bytes) -> Turn:
        self._pieces.append(Text(data))
        return self.turn()

    def too_long(self) -> Turn:
        return self.farewell(b"* " + _ARGUMENTS, _CLOSED)

    def timed_out(self) -> Turn:
        return self.farewell(_CLOSED)

    def throttled(self, line: bytes, seconds: float) -> Turn:
        self._take_tag(line)
        self._mechanism = ""
        wait = b"BAD Request is throttled. Suggested Backoff Time: %d milliseconds" % round(seconds * 1000)
        self.say(self._tag + b" " + wait)
        self._drop_literal(line)
        return self.turn()

    def unavailable(self, line: bytes) -> Turn:
        if self._mechanism or self._take_tag(line) == "AUTHENTICATE":
            # Something behind the front end is down: a good token is taken, the mailbox is not reached (I14).
            self.heard(line)
            self.lost()
            return self.turn()
        self.lost()
        self.say(self._tag + b" " + (_UNCONNECTED if self.authenticated else _DOWN))
        self._drop_literal(line)
        return self.turn()

    def expired(self) -> Turn | None:
        return self.farewell(_EXPIRED)

    @abstractmethod
    def refresh(self) -> None:
        """Tell what came and went in the selected folder."""

    # --- commands, put together and sorted --------------------------------------------------------

    def _piece(self, line: bytes) -> None:
        """Take in a line, which may go on after a literal."""
        match = _LITERAL.search(line)
        if match is None:
            pieces, self._pieces = [*self._pieces, line], []
            self._whole(pieces)
            return
        size, at_once = int(match[1]), bool(match[2])
        if size > LONGEST or len(self._pieces) >= _PIECES:
            first = self._pieces[0] if self._pieces else line
            self._pieces = []
            self._take_tag(first if isinstance(first, bytes) else b"")
            self._bad(_ARGUMENTS)
            self._drop_literal(line)
            return
        self._pieces.append(line[: match.start()])
        if not at_once:
            self.say(b"+ Ready for additional command text.")
        if size:
            self.await_literal(size)
        else:
            self._pieces.append(Text(b""))

    def _whole(self, pieces: Sequence[bytes | Text]) -> None:
        first = pieces[0]
        match = _COMMAND.fullmatch(first.rstrip() if isinstance(first, bytes) else b"")
        if match is None:
            self._tag = b"*"
            self._bad(_EMPTY)
            return
        self._tag, command = match[1], match[2].decode().upper()
        # What is in the way is told before what is wrong with the arguments.
        refusal = self._barred(command)
        if refusal:
            self._bad(refusal)
            return
        if command in _WRITING | _WRITING_SELECTED:
            self.say(self._tag + b" NO " + command.encode() + b" failed.")
            return
        try:
            self._act(command, [match[3] or b"", *pieces[1:]])
        except ArgumentError:
            self._bad(_ARGUMENTS)

    def _barred(self, command: str) -> bytes:
        if command not in _KNOWN:
            return _UNKNOWN
        if self.authenticated and self.seat is None and command not in _ALWAYS:
            return _UNCONNECTED
        allowed = _EARLY
        if self.authenticated:
            allowed = _LATE | _WRITING | (_SELECTED | _WRITING_SELECTED if self._selected else frozenset())
        return b"" if command in allowed else _STATE

    def _act(self, command: str, pieces: Sequence[bytes | Text]) -> None:
        if command == "AUTHENTICATE":
            self._authenticate(pieces)
            return
        if any(isinstance(one, Text) and b"\0" in one.data for one in pieces):
            raise ArgumentError
        act: Callable[[list[Node]], None] = getattr(self, f"_do_{command.lower()}")
        act(nested(words(pieces)))

    def _bad(self, said: bytes) -> None:
        self.say(self._tag + b" " + said)
        self._invalid += 1
        if self._invalid > _PATIENCE:
            self.say(_CLOSED)
            self.hang_up()

    def done(self, command: str, code: bytes = b"") -> None:
        """Complete a command."""
        self.say(self._tag + b" OK " + code + command.encode() + b" completed.")

    def _take_tag(self, line: bytes) -> str:
        match = _COMMAND.match(line.rstrip())
        if match is None or self._mechanism:
            return ""
        self._tag = match[1]
        return match[2].decode().upper()

    def _drop_literal(self, line: bytes) -> None:
        """Hang up where a literal follows unasked: its bytes would count as commands."""
        match = _LITERAL.search(line)
        if match and match[2]:
            self.hang_up()

    # --- before authentication --------------------------------------------------------------------

    def _do_capability(self, given: list[Node]) -> None:
        nothing(given)
        self.say(_LATE_CAPABILITY if self.authenticated else _EARLY_CAPABILITY)
        self.done("CAPABILITY")

    def _do_id(self, given: list[Node]) -> None:
        self.say(b'* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")')  # general knowledge
        self.done("ID")

    def _do_logout(self, given: list[Node]) -> None:
        nothing(given)
        self.say(b"* BYE Microsoft Exchange Server IMAP4 server signing off.")
        self.done("LOGOUT")
        self.hang_up()

    def _do_login(self, given: list[Node]) -> None:
        name, word = (text(one).decode("utf-8", "replace") for one in exactly(given, 2))
        self._word(sasl.Presented(name, word) if name and word else None, b" NO LOGIN failed.")

    def _word(self, shown: sasl.Presented | None, refusal: bytes) -> None:
        """Refuse a password. Entra may well take it, and says so in a row; Exchange opens nothing for it.

        Of the forms that are reported of LOGIN's refusal (I9) the plainest: nothing is known to decide between them.
        """
        if shown is None:
            self.say(self._tag + refusal)
        else:
            self.wait_for(lambda: self.desk.with_password(shown, self.address), lambda _: self.say(self._tag + refusal))

    def _authenticate(self, pieces: Sequence[bytes | Text]) -> None:
        given = pieces[0].split() if isinstance(pieces[0], bytes) and len(pieces) == 1 else []
        mechanism = given[0].decode("latin-1").upper() if given else ""
        if mechanism not in ("XOAUTH2", "PLAIN") or len(given) > 2:
            raise ArgumentError
        self._mechanism = mechanism
        if len(given) == 2:
            self._answer_challenge(given[1])
        else:
            self.say(b"+ ")

    def _answer_challenge(self, line: bytes) -> None:
        mechanism, self._mechanism = self._mechanism, ""
        try:
            shown = sasl.shown(mechanism, line)
        except sasl.SaslError:
            self._bad(_RESPONSE)
            return
        if shown is None or mechanism == "PLAIN":
            self._word(shown, _FAILED)
            return
        entry = self.desk.with_token(shown)
        if entry.admission.stage == "refused":
            self.say(self._tag + _FAILED)
            return
        self.tenant = self.desk.tenant_name(shown.user)
        self.authenticated = True
        if entry.admission.stage == "open":
            self.admitted(entry)
        self.done("AUTHENTICATE")

    def _tenant_shown(self, mechanism: str, line: bytes) -> str:
        try:
            shown = sasl.shown(mechanism, line)
        except sasl.SaslError:
            return ""
        return self.desk.tenant_name(shown.user) if shown else ""


def nothing(given: list[Node]) -> None:
    """Insist on no arguments.

    Raises:
        ArgumentError: There are some.
    """
    exactly(given, 0)


def exactly(given: list[Node], count: int) -> list[Node]:
    """Return *given* where it is *count* arguments.

    Raises:
        ArgumentError: It is more or fewer.
    """
    if len(given) != count:
        raise ArgumentError
    return given
