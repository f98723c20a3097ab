"""Exchange Online's IMAP server: its greeting, capabilities, refusals and closing, and enough of RFC 3501 to read mail.

Texts of refusals are those of the catalogue (I1 to I24); completions follow Exchange's pattern, and what
is marked so is from general knowledge. A mailbox is read, not changed: flags are not kept, and
commands that would write (STORE, APPEND, CREATE and the like) are refused with NO.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from twisted.mail import imap4

from ..faults import Face
from . import sasl, search
from .desk import Desk, Seat
from .fetch import fetched, items
from .letters import Letter, string
from .session import LONGEST, About, Session, Turn, banner
from .syntax import ArgumentError, Node, Text, members, nested, text, wildcard, words

__all__ = ["Imap"]

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
_EXPIRED: Final = b"* BYE Session invalidated - AccessTokenExpired"
_DOWN: Final = b"BAD Server Unavailable. 15"  # general knowledge

_PATIENCE: Final = 2
"""Invalid commands that are borne; the next one closes the connection."""
_PIECES: Final = 20
_TERMS: Final = 200
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

_USES: Final = {
    "Deleted Items": rb" \Trash",
    "Drafts": rb" \Drafts",
    "Junk Email": rb" \Junk",
    "Sent Items": rb" \Sent",
}


class Imap(Session):
    """One IMAP conversation."""

    face: ClassVar[Face] = "imap"

    def __init__(self, desk: Desk, address: str) -> None:
        super().__init__(desk, address)
        self._pieces: list[bytes | Text] = []
        self._tag = b"*"
        self._mechanism = ""
        self._idle = False
        self._invalid = 0
        self._folder = ""
        self._letters: list[Letter] = []

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
            self._end_idle(line)
        else:
            self._piece(line)

    def literal(self, data: bytes) -> Turn:
        self._pieces.append(Text(data))
        return self.turn()

    def too_long(self) -> Turn:
        self.say(b"* " + _ARGUMENTS, _CLOSED)
        self.hang_up()
        return self.turn()

    def timed_out(self) -> Turn:
        self.say(_CLOSED)
        self.hang_up()
        return self.turn()

    def throttled(self, line: bytes, seconds: float) -> Turn:
        self._take_tag(line)
        wait = b"BAD Request is throttled. Suggested Backoff Time: %d milliseconds" % round(seconds * 1000)
        self.say(self._tag + b" " + wait)
        self._drop_literal(line)
        return self.turn()

    def unavailable(self, line: bytes) -> Turn:
        signing_in = self._take_tag(line) in ("AUTHENTICATE", "LOGIN") or bool(self._mechanism)
        self._mechanism = ""
        if signing_in or self.authenticated:
            # Something behind the front end is down: the credential is taken, the mailbox is not reached (I14).
            self.lost()
            self.authenticated = True
        if signing_in:
            self._done("AUTHENTICATE")
        else:
            self.say(self._tag + b" " + (_UNCONNECTED if self.authenticated else _DOWN))
        self._drop_literal(line)
        return self.turn()

    def expired(self) -> Turn | None:
        self.say(_EXPIRED)
        self.hang_up()
        return self.turn()

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
        refusal = self._barred(command)
        if refusal:
            self._bad(refusal)
            return
        if command in _WRITING | _WRITING_SELECTED:
            self.say(self._tag + b" NO " + command.encode() + b" failed.")
            return
        try:
            # What is in the way is told before what is wrong with the arguments.
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
            allowed = _LATE | _WRITING | (_SELECTED | _WRITING_SELECTED if self._folder else frozenset())
        return b"" if command in allowed else _STATE

    def _act(self, command: str, pieces: Sequence[bytes | Text]) -> None:
        if command == "AUTHENTICATE":
            self._authenticate(pieces)
            return
        if any(isinstance(one, Text) and b"\0" in one.data for one in pieces):
            raise ArgumentError
        act: Callable[[list[Node]], None] = getattr(self, f"_do_{command.lower()}")
        act(nested(words(pieces)))

    def _bad(self, text_: bytes) -> None:
        self.say(self._tag + b" " + text_)
        self._invalid += 1
        if self._invalid > _PATIENCE:
            self.say(_CLOSED)
            self.hang_up()

    def _done(self, command: str, code: bytes = b"") -> None:
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
        _none(given)
        self.say(_LATE_CAPABILITY if self.authenticated else _EARLY_CAPABILITY)
        self._done("CAPABILITY")

    def _do_noop(self, given: list[Node]) -> None:
        _none(given)
        self._refresh()
        self._done("NOOP")

    def _do_id(self, given: list[Node]) -> None:
        self.say(b'* ID ("name" "Microsoft.Exchange.Imap4.Imap4Server" "version" "15.20")')  # general knowledge
        self._done("ID")

    def _do_logout(self, given: list[Node]) -> None:
        _none(given)
        self.say(b"* BYE Microsoft Exchange Server IMAP4 server signing off.")
        self._done("LOGOUT")
        self.hang_up()

    def _do_login(self, given: list[Node]) -> None:
        name, word = (text(one).decode("utf-8", "replace") for one in _exactly(given, 2))
        if name and word:
            # Entra may well take the password, and says so in a row; Exchange opens nothing for it.
            self.desk.with_password(sasl.Presented(name, word), self.address)
        self.say(self._tag + b" NO LOGIN failed.")

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
            shown = _shown(mechanism, line)
        except sasl.SaslError:
            self._bad(_RESPONSE)
            return
        entry = self.desk.with_token(shown) if shown and mechanism == "XOAUTH2" else None
        if shown and mechanism == "PLAIN":
            self.desk.with_password(shown, self.address)
        if shown is None or entry is None or entry.admission.stage == "refused":
            self.say(self._tag + b" NO AUTHENTICATE failed.")
            return
        self.tenant = self.desk.tenant_name(shown.user)
        self.authenticated = True
        if entry.admission.stage == "open":
            self.admitted(entry)
        self._done("AUTHENTICATE")

    def _tenant_shown(self, mechanism: str, line: bytes) -> str:
        try:
            shown = _shown(mechanism, line)
        except sasl.SaslError:
            return ""
        return self.desk.tenant_name(shown.user) if shown else ""

    # --- folders ----------------------------------------------------------------------------------

    def _do_namespace(self, given: list[Node]) -> None:
        _none(given)
        self.say(b'* NAMESPACE (("" "/")) NIL NIL')
        self._done("NAMESPACE")

    def _do_list(self, given: list[Node], command: str = "LIST") -> None:
        reference, pattern = (_folder_name(one) for one in _exactly(given, 2))
        if not pattern:
            self.say(f'* {command} (\\Noselect) "/" ""'.encode())
        for name in self._folders():
            if pattern and wildcard((reference + pattern)[:255].replace("inbox", "INBOX"), name):
                flags = rb"\Marked \HasNoChildren" if name == "INBOX" else rb"\HasNoChildren" + _USES.get(name, b"")
                self.say(b'* %s (%s) "/" %s' % (command.encode(), flags, _shown_name(name)))
        self._done(command)

    def _do_lsub(self, given: list[Node]) -> None:
        self._do_list(given, "LSUB")

    def _do_status(self, given: list[Node]) -> None:
        folder, wanted = _exactly(given, 2)
        name = self._known(folder)
        if not isinstance(wanted, list):
            raise ArgumentError
        if not name:
            return
        contents = self.desk.folder(self._at, name)
        count = len(contents.messages)
        facts = {b"MESSAGES": count, b"RECENT": 0, b"UNSEEN": count, b"UIDNEXT": contents.uid_next}
        facts[b"UIDVALIDITY"] = self._validity(name)
        keys = list(dict.fromkeys(text(one).upper() for one in wanted))
        if not keys or not set(keys) <= set(facts):
            raise ArgumentError
        shown = b" ".join(b"%s %d" % (key, facts[key]) for key in keys)
        self.say(b"* STATUS %s (%s)" % (_shown_name(name), shown))
        self._done("STATUS")

    def _do_select(self, given: list[Node], command: str = "SELECT", code: bytes = b"[READ-WRITE] ") -> None:
        self._folder, self._letters = "", []
        name = self._known(_exactly(given, 1)[0])
        if not name:
            return
        contents = self.desk.folder(self._at, name)
        self._folder = name
        self._letters = [Letter(place, one) for place, one in enumerate(contents.messages, 1)]
        self.say(b"* %d EXISTS" % len(self._letters), b"* 0 RECENT")
        self.say(rb"* FLAGS (\Seen \Answered \Flagged \Deleted \Draft $MDNSent)")
        self.say(b"* OK [PERMANENTFLAGS ()] Permanent flags")
        if self._letters:
            self.say(b"* OK [UNSEEN 1] Is the first unseen message")
        self.say(b"* OK [UIDVALIDITY %d] UIDVALIDITY value" % self._validity(name))
        self.say(b"* OK [UIDNEXT %d] The next unique identifier value" % contents.uid_next)
        self._done(command, code)

    def _do_examine(self, given: list[Node]) -> None:
        self._do_select(given, "EXAMINE", b"[READ-ONLY] ")

    def _do_idle(self, given: list[Node]) -> None:
        _none(given)
        self._idle = True
        self._refresh()
        self.say(b"+ IDLE accepted, awaiting DONE command.")  # general knowledge

    def _end_idle(self, line: bytes) -> None:
        self._idle = False
        if line.strip().upper() == b"DONE":
            self._refresh()
            self._done("IDLE")
        else:
            self._bad(_ARGUMENTS)

    # --- messages ---------------------------------------------------------------------------------

    def _do_fetch(self, given: list[Node], *, by_uid: bool = False) -> None:
        chosen, wanted = _exactly(given, 2)
        asked = items(wanted, by_uid=by_uid)
        numbers = members(text(chosen), [one.uid if by_uid else one.place for one in self._letters])
        for letter in self._letters:
            if (letter.uid if by_uid else letter.place) in numbers:
                self.say(b"* %d FETCH (%s)" % (letter.place, fetched(letter, asked)))
        self._done("FETCH")

    def _do_search(self, given: list[Node], *, by_uid: bool = False) -> None:
        if len(given) > 2 and text(given[0] if not isinstance(given[0], list) else b"").upper() == b"CHARSET":
            if text(given[1]).upper() not in (b"UTF-8", b"US-ASCII"):
                self.say(self._tag + b" NO [BADCHARSET (US-ASCII UTF-8)] The specified charset is not supported.")
                return
            given = given[2:]
        if len(given) > _TERMS:
            raise ArgumentError
        asked = search.compiled(given, self._letters)
        found = [one.uid if by_uid else one.place for one in self._letters if asked(one)]
        self.say(b" ".join([b"* SEARCH", *(b"%d" % one for one in found)]))
        self._done("SEARCH")

    def _do_uid(self, given: list[Node]) -> None:
        command = text(given[0]).upper() if given else b""
        if command == b"FETCH":
            self._do_fetch(given[1:], by_uid=True)
        elif command == b"SEARCH":
            self._do_search(given[1:], by_uid=True)
        elif command in (b"STORE", b"COPY", b"MOVE", b"EXPUNGE"):
            self.say(self._tag + b" NO " + command + b" failed.")
        else:
            raise ArgumentError

    def _do_check(self, given: list[Node]) -> None:
        _none(given)
        self._refresh()
        self._done("CHECK")

    def _do_close(self, given: list[Node]) -> None:
        _none(given)
        self._folder, self._letters = "", []
        self._done("CLOSE")

    def _do_unselect(self, given: list[Node]) -> None:
        _none(given)
        self._folder, self._letters = "", []
        self._done("UNSELECT")

    # --- the mailbox ------------------------------------------------------------------------------

    @property
    def _at(self) -> Seat:
        assert self.seat is not None
        return self.seat

    def _folders(self) -> list[str]:
        return self.desk.folders(self._at)

    def _known(self, folder: Node) -> str:
        """Return a folder's own name, or '' after saying that there is none."""
        name = _folder_name(folder)
        found = next((one for one in self._folders() if one == name or one.upper() == name.upper() == "INBOX"), "")
        if not found:
            echoed = name if re.fullmatch(r"[\x20-\x7e]{1,255}", name) else "The folder"
            self.say(self._tag + f" NO {echoed} doesn't exist.".encode())  # general knowledge
        return found

    def _validity(self, name: str) -> int:
        """Return UIDVALIDITY: the same as long as the mailbox lives."""
        digest = hashlib.sha256(f"{self._at.mailbox}/{name}".encode()).digest()
        return int.from_bytes(digest[:4]) // 2 + 1

    def _refresh(self) -> None:
        """Tell what came and went in the selected folder."""
        if not self._folder or self.seat is None:
            return
        now = {one.uid: one for one in self.desk.folder(self._at, self._folder).messages}
        for letter in [one for one in self._letters if one.uid not in now]:
            self.say(b"* %d EXPUNGE" % (self._letters.index(letter) + 1))
            self._letters.remove(letter)
        held = {one.uid for one in self._letters}
        came = [one for uid, one in now.items() if uid not in held]
        self._letters += [Letter(0, one) for one in came]
        for place, letter in enumerate(self._letters, 1):
            letter.place = place
        if came:
            self.say(b"* %d EXISTS" % len(self._letters))


def _shown(mechanism: str, line: bytes) -> sasl.Presented | None:
    data = sasl.decoded(line)
    return sasl.xoauth2(data) if mechanism == "XOAUTH2" else sasl.plain(data)


def _none(given: list[Node]) -> None:
    _exactly(given, 0)


def _exactly(given: list[Node], count: int) -> list[Node]:
    if len(given) != count:
        raise ArgumentError
    return given


def _folder_name(node: Node) -> str:
    try:
        return str(imap4.decoder(text(node))[0])
    except (ValueError, LookupError):
        raise ArgumentError from None


def _shown_name(name: str) -> bytes:
    coded: bytes = imap4.encoder(name)[0]
    return coded if re.fullmatch(rb"[A-Za-z0-9./-]+", coded) else string(coded.decode("ascii"))
