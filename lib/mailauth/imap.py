"""IMAP, from the greeting to the list of folders: what a mailbox lets a program do, asked without changing anything.

A reply is told without the tag, which is ours: ``NO AUTHENTICATE failed.``; an untagged one as it came.
Folder names are people's own words, so they are counted and not kept unless asked for.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from .dialogue import Astray, Dialogue, Refused, Said, Script, SignIn, server_name
from .tenants import Protocol

__all__ = ["Imap"]

_LITERAL: Final = re.compile(r"~?\{(\d{1,10})\+?\}$")
_TEXTS: Final = {"OK", "NO", "BAD", "BYE", "PREAUTH"}
"""Untagged answers that are text to their end, so that a brace in them announces nothing."""
_FOLDERS: Final = {"LIST", "LSUB", "XLIST", "STATUS"}


@dataclass(frozen=True)
class _Answer:
    """A tagged answer: OK, NO or BAD, and the line without its tag."""

    status: str
    text: str


class Imap(Dialogue):
    """One IMAP conversation.

    Args:
        sign_in: How to sign in.
        initial: Whether the SASL response goes on the command's own line; None leaves it to whether SASL-IR is offered.
        names: Whether the transcript shows folder names.
        examine: Whether the inbox is opened, for reading only.
        clock: As in `Dialogue`.
    """

    protocol: ClassVar[Protocol] = "imap"

    def __init__(
        self,
        sign_in: SignIn,
        *,
        initial: bool | None = None,
        names: bool = False,
        examine: bool = False,
        clock: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__(sign_in, clock=clock)
        self._initial = initial
        self._shows_names = names
        self._examines = examine
        self._tag = 0
        self._folders = 0
        self._capabilities = ""
        self._grumble = ""
        self._leaving = False
        self._inside = False  # a response that goes on after a literal

    def _prove(self) -> Script[None]:
        yield from self._greeting()
        self.stage = "capability"
        self.offered = yield from self._capability()
        self._must_offer(self._mechanisms())
        self.stage = "authenticate"
        yield from self._authenticate()
        self.stage = "command"
        yield from self._look()

    def _leave(self) -> Script[None]:
        self._leaving = True
        yield from self._ask(Said("LOGOUT", "LOGOUT"))

    def _complaint(self) -> str:
        return self._grumble

    # --- the stages -------------------------------------------------------------------------------

    def _greeting(self) -> Script[None]:
        line = self._heard((yield from self._line()))
        self.server = server_name(line)
        kind = line.upper().split(" ")[:2]
        if kind == ["*", "BYE"]:
            raise Refused(line, leave=False)
        if kind == ["*", "PREAUTH"]:
            raise Astray("The server let us in before anybody signed in, so nothing could be proven.", line)
        if kind != ["*", "OK"]:
            raise Astray("What answered does not greet as an IMAP server does.", line)

    def _capability(self) -> Script[tuple[str, ...]]:
        self._capabilities = ""
        answer = yield from self._ask(Said("CAPABILITY", "CAPABILITY"))
        # After a sign-in the list is for information; LIST decides.
        if answer.status != "OK" and self.stage == "capability":
            raise Refused(answer.text)
        return self._names(self._capabilities.split())

    def _mechanisms(self) -> Iterable[str]:
        return [name.removeprefix("AUTH=") for name in map(str.upper, self.offered) if name.startswith("AUTH=")]

    def _authenticate(self) -> Script[None]:
        for command, answers in self._ways():
            answer = yield from self._ask(command, answers)
            if answer.status != "OK":
                raise Refused(answer.text)
            if answers:
                raise Astray("The server let us in before a token was sent, so nothing could be proven.", answer.text)

    def _ways(self) -> list[tuple[Said, list[Said]]]:
        if self._sign_in.commands:
            if "LOGINDISABLED" in map(str.upper, self.offered):
                raise Refused("", "The server says LOGINDISABLED, so no password was sent.")
            return [(command, []) for command in self._sign_in.commands]
        command, answers = f"AUTHENTICATE {self._sign_in.mechanism}", list(self._sign_in.answers)
        initial = "SASL-IR" in map(str.upper, self.offered) if self._initial is None else self._initial
        if initial:
            first = answers.pop(0)
            return [(Said(f"{command} {first.sent}", f"{command} {first.shown}"), answers)]
        return [(Said(command, command), answers)]

    def _look(self) -> Script[None]:
        self.offered_after = yield from self._capability()
        if "ID" in map(str.upper, (*self.offered, *self.offered_after)):
            yield from self._ask(Said('ID ("name" "mailauth")', 'ID ("name" "mailauth")'))
        yield from self._expect('LIST "" "*"')
        if not self._shows_names:
            self.note(f"{self._folders:,} folders; their names are not shown")
        if self._examines:
            yield from self._expect("EXAMINE INBOX")

    # --- commands and answers ---------------------------------------------------------------------

    def _expect(self, command: str) -> Script[None]:
        answer = yield from self._ask(Said(command, command))
        if answer.status != "OK":
            raise Refused(answer.text)

    def _ask(self, command: Said, left: list[Said] | None = None) -> Script[_Answer]:
        self._tag += 1
        tag = f"A{self._tag}"
        self._say(Said(f"{tag} {command.sent}", f"{tag} {command.shown}"))
        while True:
            line = yield from self._response()
            mark, _, rest = line.partition(" ")
            status = rest.partition(" ")[0].upper()
            if mark == "*":
                self._untagged(line, rest)
            elif mark == "+" and left is not None:
                self._answer(rest, left)
            elif mark == tag and status in ("OK", "NO", "BAD"):
                return self._tagged(status, rest)
            else:
                raise Astray(_STRAY.get(mark, "The server answered a command that was not sent."), line)

    def _tagged(self, status: str, rest: str) -> _Answer:
        if status == "OK":
            self._coded(rest)
        self._grumble = "" if status == "OK" else rest
        return _Answer(status, rest)

    def _untagged(self, line: str, rest: str) -> None:
        """Take in what is said beside the answer: it is no failure, except for a goodbye that was not asked for."""
        kind, _, text = rest.partition(" ")
        match kind.upper():
            case "BYE" if not self._leaving:
                # "Connection closed. 14" tells nothing: the line before it does.
                raise Refused(self._grumble or line, leave=False)
            case "NO" | "BAD":
                self._grumble = line
            case "CAPABILITY":
                self._capabilities = text
            case "LIST":
                self._folders += 1
            case "OK":
                self._coded(rest)

    def _coded(self, text: str) -> None:
        found = re.search(r"\[CAPABILITY ([^\]]*)\]", text, re.IGNORECASE)
        if found and not self._capabilities:
            self._capabilities = found[1]

    def _response(self) -> Script[str]:
        """Return one response, with the literals in it, of as many lines as they make it."""
        piece = yield from self._line()
        pieces = [piece]
        while _kind(pieces[0]) not in _TEXTS and (found := _LITERAL.search(piece)):
            self._inside = True
            literal = yield int(found[1])
            piece = yield from self._line()
            pieces += [literal.decode("utf-8", "replace"), piece]
        self._inside = False
        return self._heard("".join(pieces))

    def _shows(self, text: str) -> bool:
        return self._shows_names or not (self._inside or _kind(text) in _FOLDERS)


def _kind(line: str) -> str:
    """Return what an untagged response is; OK for every other line, as that is text too."""
    mark, _, rest = line.partition(" ")
    return rest.partition(" ")[0].upper() if mark == "*" else "OK"


_STRAY: Final = {
    "+": "The server asked for more where nothing was to be said.",
    "": "The server sent an empty line in place of an answer.",
}
