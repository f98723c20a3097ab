"""Exchange Online's IMAP server: what can be done with a mailbox that is open (`dialogue` has what comes before).

A mailbox is read, not changed: flags are not kept, and commands that would write (STORE, APPEND, CREATE
and the like) are refused with NO. New mail is told at NOOP and at IDLE's beginning and end. What is
marked so is from general knowledge.
"""

import re
from collections.abc import Iterator
from typing import Final

from twisted.mail import imap4

from . import search
from .desk import Desk, Seat
from .dialogue import Dialogue, exactly, nothing
from .fetch import fetched, items
from .letters import Letter, string
from .store import Stored
from .syntax import ArgumentError, Node, members, text, wildcard

__all__ = ["Imap"]

_TERMS: Final = 200
_USES: Final = {
    "Deleted Items": rb" \Trash",
    "Drafts": rb" \Drafts",
    "Junk Email": rb" \Junk",
    "Sent Items": rb" \Sent",
}


class Imap(Dialogue):
    """One IMAP conversation, with its mailbox."""

    def __init__(self, desk: Desk, address: str) -> None:
        super().__init__(desk, address)
        self._held: list[Stored] = []

    def _do_noop(self, given: list[Node]) -> None:
        nothing(given)
        self.refresh()
        self.done("NOOP")

    def _do_namespace(self, given: list[Node]) -> None:
        nothing(given)
        self.say(b'* NAMESPACE (("" "/")) NIL NIL')
        self.done("NAMESPACE")

    def _do_list(self, given: list[Node], command: str = "LIST") -> None:
        reference, pattern = (_folder_name(one) for one in exactly(given, 2))
        if not pattern:
            self.say(f'* {command} (\\Noselect) "/" ""'.encode())
        for name in self._folders():
            if pattern and wildcard((reference + pattern)[:255].replace("inbox", "INBOX"), name):
                flags = rb"\Marked \HasNoChildren" if name == "INBOX" else rb"\HasNoChildren" + _USES.get(name, b"")
                self.say(b'* %s (%s) "/" %s' % (command.encode(), flags, _shown_name(name)))
        self.done(command)

    def _do_lsub(self, given: list[Node]) -> None:
        self._do_list(given, "LSUB")

    def _do_status(self, given: list[Node]) -> None:
        folder, wanted = exactly(given, 2)
        name = self._known(folder)
        if not isinstance(wanted, list):
            raise ArgumentError
        if not name:
            return
        contents = self.desk.folder(self._at, name)
        count = len(contents.messages)
        facts = {b"MESSAGES": count, b"RECENT": 0, b"UNSEEN": count, b"UIDNEXT": contents.uid_next}
        facts[b"UIDVALIDITY"] = contents.validity
        keys = list(dict.fromkeys(text(one).upper() for one in wanted))
        if not keys or not set(keys) <= set(facts):
            raise ArgumentError
        shown = b" ".join(b"%s %d" % (key, facts[key]) for key in keys)
        self.say(b"* STATUS %s (%s)" % (_shown_name(name), shown))
        self.done("STATUS")

    def _do_select(self, given: list[Node], command: str = "SELECT", code: bytes = b"[READ-WRITE] ") -> None:
        self._selected, self._held = "", []
        name = self._known(exactly(given, 1)[0])
        if not name:
            return
        contents = self.desk.folder(self._at, name)
        self._selected = name
        self._held = list(contents.messages)
        self.say(b"* %d EXISTS" % len(self._held), b"* 0 RECENT")
        self.say(rb"* FLAGS (\Seen \Answered \Flagged \Deleted \Draft $MDNSent)")
        self.say(b"* OK [PERMANENTFLAGS ()] Permanent flags")
        if self._held:
            self.say(b"* OK [UNSEEN 1] Is the first unseen message")
        self.say(b"* OK [UIDVALIDITY %d] UIDVALIDITY value" % contents.validity)
        self.say(b"* OK [UIDNEXT %d] The next unique identifier value" % contents.uid_next)
        self.done(command, code)

    def _do_examine(self, given: list[Node]) -> None:
        self._do_select(given, "EXAMINE", b"[READ-ONLY] ")

    def _do_idle(self, given: list[Node]) -> None:
        nothing(given)
        self._idle = True
        self.say(b"+ IDLE accepted, awaiting DONE command.")  # general knowledge
        self.refresh()

    # --- messages ---------------------------------------------------------------------------------

    def _do_fetch(self, given: list[Node], *, by_uid: bool = False) -> None:
        chosen, wanted = exactly(given, 2)
        asked = items(wanted, by_uid=by_uid)
        numbers = members(text(chosen), [one.uid if by_uid else one.place for one in self._letters()])
        for letter in self._letters():
            if (letter.uid if by_uid else letter.place) in numbers:
                self.say(b"* %d FETCH (%s)" % (letter.place, fetched(letter, asked)))
        self.done("FETCH")

    def _do_search(self, given: list[Node], *, by_uid: bool = False) -> None:
        if len(given) > 2 and text(given[0] if not isinstance(given[0], list) else b"").upper() == b"CHARSET":
            if text(given[1]).upper() not in (b"UTF-8", b"US-ASCII"):
                self.say(self._tag + b" NO [BADCHARSET (US-ASCII UTF-8)] The specified charset is not supported.")
                return
            given = given[2:]
        if len(given) > _TERMS:
            raise ArgumentError
        asked = search.compiled(given, list(self._letters()))
        found = [one.uid if by_uid else one.place for one in self._letters() if asked(one)]
        self.say(b" ".join([b"* SEARCH", *(b"%d" % one for one in found)]))
        self.done("SEARCH")

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
        nothing(given)
        self.refresh()
        self.done("CHECK")

    def _do_close(self, given: list[Node]) -> None:
        nothing(given)
        self._selected, self._held = "", []
        self.done("CLOSE")

    def _do_unselect(self, given: list[Node]) -> None:
        nothing(given)
        self._selected, self._held = "", []
        self.done("UNSELECT")

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

    def _letters(self) -> Iterator[Letter]:
        """Yield the folder's messages to look into, each anew: a session keeps nothing of what it took apart."""
        return (Letter(place, one) for place, one in enumerate(self._held, 1))

    def refresh(self) -> None:
        if not self._selected or self.seat is None:
            return
        now = {one.uid: one for one in self.desk.folder(self._at, self._selected).messages}
        for one in [one for one in self._held if one.uid not in now]:
            self.say(b"* %d EXPUNGE" % (self._held.index(one) + 1))
            self._held.remove(one)
        held = {one.uid for one in self._held}
        came = [one for uid, one in now.items() if uid not in held]
        self._held += came
        if came:
            self.say(b"* %d EXISTS" % len(self._held))


def _folder_name(node: Node) -> str:
    try:
        return str(imap4.decoder(text(node))[0])
    except (ValueError, LookupError):
        raise ArgumentError from None


def _shown_name(name: str) -> bytes:
    coded: bytes = imap4.encoder(name)[0]
    return coded if re.fullmatch(rb"[A-Za-z0-9./-]+", coded) else string(coded.decode("ascii"))
