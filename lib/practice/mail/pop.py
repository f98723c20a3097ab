"""Exchange Online's POP server: RFC 1939 with XOAUTH2 in its two-line form only.

Texts are those of the catalogue; the greeting's and QUIT's are Exchange's own. Those marked below are
from general knowledge. Deleting is real: a message that DELE marked is gone after QUIT.
"""

import hashlib
from collections.abc import Callable
from typing import ClassVar, Final

from ..faults import Face
from . import sasl
from .desk import Desk
from .session import About, Session, Turn, banner
from .store import Stored

__all__ = ["Pop"]

_REFUSED: Final = b"-ERR Authentication failure: unknown user name or bad password."
_LOGON: Final = b"-ERR Logon failure: unknown user name or bad password."
_STATE: Final = b"-ERR Command is not valid in this state."
_UNCONNECTED: Final = b"-ERR User is authenticated but not connected."
_CLOSED: Final = b"-ERR Connection is closed. 21"
_PROTOCOL: Final = b"-ERR Protocol error. 14"  # general knowledge: the number is not verified
_DOWN: Final = b"-ERR Server Unavailable. 21"  # general knowledge
_EXPIRED: Final = b"-ERR Session invalidated - AccessTokenExpired"  # by analogy with IMAP

_PATIENCE: Final = 2
"""Invalid commands that are borne; the next one closes the connection."""

_EARLY: Final = frozenset({"CAPA", "AUTH", "USER", "PASS", "QUIT"})
_LATE: Final = frozenset({"CAPA", "STAT", "LIST", "RETR", "UIDL", "DELE", "TOP", "NOOP", "RSET", "QUIT"})


class Pop(Session):
    """One POP conversation."""

    face: ClassVar[Face] = "pop"
    costly: ClassVar[frozenset[str]] = frozenset({"AUTH", "PASS", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE"})

    def __init__(self, desk: Desk, address: str) -> None:
        super().__init__(desk, address)
        self._mechanism = ""
        self._name = ""
        self._invalid = 0
        self._messages: tuple[Stored, ...] = ()
        self._marked: set[int] = set()

    def greet(self) -> Turn:
        self.say(f"+OK The Microsoft Exchange POP3 service is ready. [{banner()}]".encode())
        return self.turn()

    def about(self, line: bytes) -> About | None:
        if self._mechanism:
            shown = self._shown(line)
            return About("AUTH", self.desk.tenant_name(shown.user) if shown else "")
        command, _ = _split(line)
        if command in ("AUTH", "USER"):
            return None  # it is the next line that signs in
        if command == "PASS":
            return About(command, self.desk.tenant_name(self._name))
        return About(command, self.tenant)

    def heard(self, line: bytes) -> None:
        if self._mechanism:
            self._authenticate(line)
            return
        command, rest = _split(line)
        allowed = _LATE if self.authenticated else _EARLY
        if command not in _EARLY | _LATE:
            self._refuse(_PROTOCOL)
        elif self.authenticated and self.seat is None and command not in ("CAPA", "QUIT"):
            self._refuse(_UNCONNECTED)
        elif command not in allowed:
            self._refuse(_STATE)
        else:
            answer: Callable[[str], None] = getattr(self, f"_{command.lower()}")
            answer(rest)

    def too_long(self) -> Turn:
        return self.farewell(_PROTOCOL)

    def timed_out(self) -> Turn:
        return self.farewell(_CLOSED)

    def throttled(self, line: bytes, seconds: float) -> Turn:
        self._mechanism = ""
        self.say(b"-ERR Request is throttled. Suggested Backoff Time: %d milliseconds" % round(seconds * 1000))
        return self.turn()

    def unavailable(self, line: bytes) -> Turn:
        if self._mechanism:
            # Something behind the front end is down: a good token is taken, the mailbox is not reached (I14).
            self.heard(line)
        else:
            self.say(_UNCONNECTED if self.authenticated else _DOWN)
        self.lost()
        return self.turn()

    def expired(self) -> Turn | None:
        return self.farewell(_EXPIRED)

    # --- before authentication --------------------------------------------------------------------

    def _capa(self, rest: str) -> None:
        self.say(b"+OK", b"TOP", b"UIDL", b"SASL PLAIN XOAUTH2", b"USER", b".")

    def _auth(self, rest: str) -> None:
        mechanism = rest.upper()
        if mechanism not in ("XOAUTH2", "PLAIN"):
            # An initial response on the same line is refused like a mechanism that does not exist (P2).
            self._refuse(_PROTOCOL)
            return
        self._mechanism = mechanism
        self.say(b"+ ")

    def _shown(self, line: bytes) -> sasl.Presented | None:
        try:
            return sasl.shown(self._mechanism, line)
        except sasl.SaslError:
            return None

    def _authenticate(self, line: bytes) -> None:
        shown, mechanism, self._mechanism = self._shown(line), self._mechanism, ""
        if shown is None:
            self.say(_REFUSED)
        elif mechanism == "PLAIN":
            self.wait_for(lambda: self.desk.with_password(shown, self.address), lambda _: self.say(_REFUSED))
        else:
            self._enter(shown)

    def _enter(self, shown: sasl.Presented) -> None:
        entry = self.desk.with_token(shown)
        if entry.admission.stage == "refused":
            self.say(_REFUSED)
            return
        self.tenant = self.desk.tenant_name(shown.user)
        self.authenticated = True
        if entry.admission.stage == "open":
            self.admitted(entry)
            assert self.seat is not None
            self._messages = self.desk.folder(self.seat, "INBOX").messages
        self.say(b"+OK User successfully authenticated.")

    def _user(self, rest: str) -> None:
        self._name = rest[:320]
        self.say(b"+OK")

    def _pass(self, rest: str) -> None:
        user, self._name = self._name, ""
        if not user:
            self._refuse(_STATE)
            return
        if not rest:
            self.say(_LOGON)
            return
        # Entra may well take the password, and says so in a row; Exchange opens nothing for it.
        shown = sasl.Presented(user, rest)
        self.wait_for(lambda: self.desk.with_password(shown, self.address), lambda _: self.say(_LOGON))

    # --- with a mailbox ---------------------------------------------------------------------------

    def _stat(self, rest: str) -> None:
        held = self._held()
        self.say(b"+OK %d %d" % (len(held), sum(one.size for _, one in held)))

    def _list(self, rest: str) -> None:
        self._listing(rest, lambda one: b"%d" % one.size)

    def _uidl(self, rest: str) -> None:
        # As long as the message and its number are the same, so is this.
        self._listing(rest, lambda one: hashlib.sha256(b"%d " % one.uid + one.data).hexdigest()[:32].encode())

    def _retr(self, rest: str) -> None:
        found = self._one(rest)
        if found:
            self.say(b"+OK", *_dotted(found[1].data), b".")

    def _top(self, rest: str) -> None:
        number, _, count = rest.partition(" ")
        found = self._one(number)
        if not found:
            return
        head, _, body = found[1].data.partition(b"\r\n\r\n")
        lines = body.split(b"\r\n")[: int(count)] if count.isascii() and count.isdigit() and len(count) < 9 else []
        self.say(b"+OK", *_dotted(head), b"", *_dotted(b"\r\n".join(lines)), b".")

    def _dele(self, rest: str) -> None:
        found = self._one(rest)
        if found:
            self._marked.add(found[1].uid)
            self.say(b"+OK")

    def _noop(self, rest: str) -> None:
        self.say(b"+OK")

    def _rset(self, rest: str) -> None:
        self._marked.clear()
        self.say(b"+OK")

    def _quit(self, rest: str) -> None:
        seat, marked = self.seat, frozenset(self._marked)
        if seat is None or not marked:
            self._sign_off(None)
        else:
            self.wait_for(lambda: self.desk.remove(seat, marked), self._sign_off)

    def _sign_off(self, _removed: None) -> None:
        self.say(b"+OK Microsoft Exchange Server POP3 server signing off.")
        self.hang_up()

    def _held(self) -> list[tuple[int, Stored]]:
        return [(place, one) for place, one in enumerate(self._messages, 1) if one.uid not in self._marked]

    def _one(self, number: str) -> tuple[int, Stored] | None:
        held = {str(place): (place, one) for place, one in self._held()}
        found = held.get(number)
        if found is None:
            self.say(b"-ERR The specified message is out of range.")  # general knowledge
        return found

    def _listing(self, rest: str, shown: Callable[[Stored], bytes]) -> None:
        if rest:
            found = self._one(rest)
            if found:
                self.say(b"+OK %d %s" % (found[0], shown(found[1])))
            return
        self.say(b"+OK", *(b"%d %s" % (place, shown(one)) for place, one in self._held()), b".")

    def _refuse(self, text: bytes) -> None:
        self.say(text)
        self._invalid += 1
        if self._invalid > _PATIENCE:
            self.say(_CLOSED)
            self.hang_up()


def _split(line: bytes) -> tuple[str, str]:
    command, _, rest = line.decode("latin-1").partition(" ")
    return command.upper(), rest.strip(" ")


def _dotted(data: bytes) -> list[bytes]:
    lines = data.removesuffix(b"\r\n").split(b"\r\n")
    return [b"." + line if line.startswith(b".") else line for line in lines]
