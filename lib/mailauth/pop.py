"""POP, from the greeting to the count of messages; nothing is read, marked or deleted.

The sign-in takes two lines, the only form that Exchange documents: no token is sent before the server asks for it.
"""

from typing import ClassVar

from .dialogue import Astray, Dialogue, Refused, Said, Script, server_name
from .proof import Stage
from .tenants import Protocol

__all__ = ["Pop"]


class Pop(Dialogue):
    """One POP conversation."""

    protocol: ClassVar[Protocol] = "pop"

    def _prove(self) -> Script[None]:
        line = yield from self._reply([])
        self.server = server_name(line)
        self._insist(line)
        self.stage = "capability"
        yield from self._capabilities()
        self.stage = "authenticate"
        yield from self._authenticate()
        self.stage = "command"
        yield from self._expect(Said("STAT", "STAT"))

    def _leave(self) -> Script[None]:
        yield from self._ask(Said("QUIT", "QUIT"))

    def _capabilities(self) -> Script[None]:
        # CAPA is optional (RFC 2449); where there is none, the server's answer to AUTH tells.
        if not (yield from self._ask(Said("CAPA", "CAPA"))).startswith("+"):
            return
        listed: list[str] = []
        while (line := self._heard((yield from self._line()))) != ".":
            listed.append(line)
        self.offered = self._names(listed)
        words = [line.upper().split() or [""] for line in listed]
        self._must_offer(name for first, *rest in words if first == "SASL" for name in rest)

    def _authenticate(self) -> Script[None]:
        for command in self._sign_in.commands:
            yield from self._expect(command)
        if self._sign_in.mechanism:
            asked = f"AUTH {self._sign_in.mechanism}"
            left = list(self._sign_in.answers)
            yield from self._expect(Said(asked, asked), left)
            if left:
                raise Astray("The server let us in before a token was sent, so nothing could be proven.")

    def _expect(self, command: Said, left: list[Said] | None = None) -> Script[None]:
        self._insist((yield from self._ask(command, left)))

    def _ask(self, command: Said, left: list[Said] | None = None) -> Script[str]:
        self._say(command)
        return (yield from self._reply(left))

    def _reply(self, left: list[Said] | None) -> Script[str]:
        while True:
            line = self._heard((yield from self._line()))
            mark, _, rest = line.partition(" ")
            if mark in ("+OK", "-ERR"):
                return line
            if mark != "+" or left is None or self.stage != "authenticate":
                raise Astray(_STRAY.get(self.stage, "The server's line is no answer of POP's."), line)
            self._answer(rest, left)

    def _insist(self, line: str) -> None:
        if not line.startswith("+OK"):
            raise Refused(line)


_STRAY: dict[Stage, str] = {"greeting": "What answered does not greet as a POP server does."}
