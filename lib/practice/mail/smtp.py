"""Exchange Online's submission server: STARTTLS, EHLO again, AUTH LOGIN or XOAUTH2, then mail.

Texts of refusals are those of the catalogue (S1 to S18); what Exchange says when all is well, and the
lines marked so, are from general knowledge. RSET leaves no trace: nothing is kept before DATA ends.
BDAT and binary bodies are not offered, unlike in Exchange, because they are not understood here.
"""

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from email.utils import parseaddr
from secrets import token_hex
from typing import ClassVar, Final

from ..faults import Face
from . import sasl
from .desk import Desk, Entry, Word
from .session import About, Session, Turn
from .store import Mail

__all__ = ["Smtp"]

_HOST: Final = b"PRACTICE1.outlook.example"
_REFUSED: Final = b"535 5.7.3 Authentication unsuccessful [PRACTICE1.PRACP1.PROD.OUTLOOK.EXAMPLE]"
_UNSUCCESSFUL: Final = b"535 5.7.139 Authentication unsuccessful, "
_SWITCHED_OFF: Final = (
    _UNSUCCESSFUL
    + b"SmtpClientAuthentication is disabled for the %s. "
    + b"Visit https://aka.ms/smtp_auth_disabled for more information."
)
_ANONYMOUS: Final = b"530 5.7.57 Client not authenticated to send mail"
_NOT_AS: Final = b"550 5.7.60 SMTP; Client does not have permissions to send as this sender"
_RESTRICTED: Final = b"550 5.1.8 Access denied, bad outbound sender"  # the wording is not verified
_DENIED: Final = (  # the rest after the exception's name is general knowledge
    b"554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; "
    b"Failed to process message due to a permanent exception with message Cannot submit message."
)
_HURRIED: Final = (
    b"432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more information"
)
_DOWN: Final = b"451 4.7.0 Temporary server error. Please try again later. PRX4"
_DOWN_AUTH: Final = b"454 4.7.0 Temporary authentication failure"
_ARGUMENTS: Final = b"501 5.5.4 Invalid arguments"
_BASE64: Final = b"501 5.5.2 Cannot Base64 decode"
_SEQUENCE: Final = b"503 5.5.1 Bad sequence of commands"  # general knowledge
_UNKNOWN: Final = b"500 5.3.3 Unrecognized command"  # general knowledge
_MECHANISM: Final = b"504 5.7.4 Unrecognized authentication type"  # general knowledge
_TOO_LARGE: Final = b"552 5.3.4 Message size exceeds fixed maximum message size"  # general knowledge
_TOO_MANY: Final = b"421 4.7.0 Too many errors on this connection, closing transmission channel"  # general knowledge
_TIMEOUT: Final = b"421 4.4.1 Connection timed out"  # general knowledge

_WORDS: Final[dict[Word, bytes]] = {
    "wrong": _UNSUCCESSFUL + b"the user credentials were incorrect.",
    "blocked": _UNSUCCESSFUL
    + b"the request did not meet the criteria to be authenticated successfully. Contact your administrator.",
    # The wording is not verified.
    "locked": _UNSUCCESSFUL
    + b"user is locked by your organization's security defaults policy. Contact your administrator.",
    "removed": b"550 5.7.30 Basic authentication is not supported for Client Submission.",
    "Tenant": _SWITCHED_OFF % b"Tenant",
    "Mailbox": _SWITCHED_OFF % b"Mailbox",
    "policy": _UNSUCCESSFUL + b"basic authentication is disabled.",
    "no mailbox": _REFUSED,
}

_ERRORS: Final = 10
"""Refused commands that are borne on one connection."""
_RECIPIENTS: Final = 500
_COMMAND_BYTES: Final = 12_288
"""The longest command with its line end, AUTH's of RFC 4954; a response on a line of its own may be longer here."""

_PATH: Final = re.compile(
    r"(FROM|TO):\s*<([^<>\s\0-\x1f\x7f]*)>((?:\s+[A-Za-z0-9-]+(?:=[\x21-\x7e]*)?)*)\s*", re.IGNORECASE
)


class Smtp(Session):
    """One submission."""

    face: ClassVar[Face] = "smtp"
    costly: ClassVar[frozenset[str]] = frozenset({"AUTH", "MAIL"})

    def __init__(self, desk: Desk, address: str) -> None:
        super().__init__(desk, address)
        self._next: Callable[[bytes], None] | None = None
        self._operation = ""
        self._greeted = False
        self._name = b""
        self._sender: str | None = None
        self._recipients: list[str] = []
        self._body: list[bytes] | None = None
        self._size = 0
        self._errors = 0

    def greet(self) -> Turn:
        self.say(b"220 " + _HOST + b" Microsoft ESMTP MAIL Service ready")
        return self.turn()

    def about(self, line: bytes) -> About | None:
        if self._body is not None:
            return About("DATA", self.tenant) if line == b"." else None
        if self._next is not None:
            return self._about_sign_in(line)
        command, rest = _split(line)
        if command != "AUTH":
            return About(command, self.tenant) if command != "DATA" else None
        mechanism, _, initial = rest.partition(" ")
        return self._about_sign_in(initial.encode()) if initial and mechanism.upper() != "LOGIN" else None

    def heard(self, line: bytes) -> None:
        if self._body is not None:
            self._data_line(line)
            return
        if self._next is not None:
            step, self._next = self._next, None
            self._answer_challenge(step, line)
            return
        command, rest = _split(line)
        if len(line) + 2 > _COMMAND_BYTES:
            self._refuse(_ARGUMENTS)
        elif command in _COMMANDS:
            _COMMANDS[command](self, rest)
        else:
            self._refuse(_UNKNOWN)

    def too_long(self) -> Turn:
        return self.farewell(b"500 5.5.2 Line too long")  # general knowledge

    def timed_out(self) -> Turn:
        return self.farewell(_TIMEOUT)

    def throttled(self, line: bytes, seconds: float) -> Turn:
        self._forget()
        self.say(_HURRIED)
        return self.turn()

    def unavailable(self, line: bytes) -> Turn:
        signing_in = self._next is not None or _split(line)[0] == "AUTH"
        self._forget()
        self.say(_DOWN_AUTH if signing_in else _DOWN)
        return self.turn()

    # --- greeting and TLS -------------------------------------------------------------------------

    def _ehlo(self, rest: str) -> None:
        self._hello(rest)
        offered = [b"AUTH LOGIN XOAUTH2"] if self.secured else [b"STARTTLS"]
        size = b"SIZE %d" % self.limits.message_bytes
        lines = [_HOST + b" Hello [" + self.address.encode() + b"]", size, b"PIPELINING", b"DSN"]
        lines += [b"ENHANCEDSTATUSCODES", *offered, b"8BITMIME"]
        self.say(*(b"250-" + one for one in lines), b"250 SMTPUTF8")

    def _helo(self, rest: str) -> None:
        self._hello(rest)
        self.say(b"250 " + _HOST + b" Hello [" + self.address.encode() + b"]")

    def _hello(self, rest: str) -> None:
        self._greeted = True
        self._forget()

    def _starttls(self, rest: str) -> None:
        if rest:
            self._refuse(_ARGUMENTS)
        elif self.secured or not self._greeted:
            self._refuse(_SEQUENCE)
        else:
            self.say(b"220 2.0.0 SMTP server ready")
            # What was said in the clear counts no more: the client has to greet again.
            self.secured, self._greeted = True, False
            self._forget()
            self.start_tls()

    # --- authentication ---------------------------------------------------------------------------

    def _auth(self, rest: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        mechanism = mechanism.upper()
        if self.authenticated or not self._greeted:
            self._refuse(_SEQUENCE)
        elif not self.secured or mechanism not in ("LOGIN", "XOAUTH2"):
            self._refuse(_MECHANISM)
        elif mechanism == "XOAUTH2":
            if initial:
                self._answer_challenge(self._token, initial.encode())
            else:
                self._challenge(b"", self._token)
        elif initial:
            self._answer_challenge(self._login_name, initial.encode())
        else:
            self._challenge(b"VXNlcm5hbWU6", self._login_name)

    def _challenge(self, text: bytes, step: Callable[[bytes], None]) -> None:
        self.say(b"334 " + text)
        self._next = step

    def _answer_challenge(self, step: Callable[[bytes], None], line: bytes) -> None:
        if line == b"*":
            self._refuse(_ARGUMENTS)
            return
        try:
            text = sasl.decoded(line)
        except sasl.SaslError:
            self._refuse(_BASE64)
            return
        step(text)

    def _token(self, text: bytes) -> None:
        try:
            shown = sasl.xoauth2(text)
        except sasl.CutOffError:
            self._refuse(_ARGUMENTS)
            return
        entry = self.desk.with_token(shown) if shown else None
        if shown is None or entry is None or entry.admission.stage != "open":
            self._refuse(_REFUSED)
        elif entry.switch:
            self._refuse(_WORDS[entry.switch])
        else:
            self._enter(shown.user, entry)

    def _login_name(self, text: bytes) -> None:
        self._name = text
        self._challenge(b"UGFzc3dvcmQ6", self._login_word)

    def _login_word(self, text: bytes) -> None:
        shown = sasl.plain(b"\0" + self._name + b"\0" + text)
        if shown is None:
            self._refuse(_WORDS["wrong"])
            return

        def judged(found: tuple[Word, Entry]) -> None:
            word, entry = found
            if word == "ok":
                self._enter(shown.user, entry)
            else:
                self._refuse(_WORDS[word])

        self.wait_for(lambda: self.desk.with_password(shown, self.address), judged)

    def _enter(self, user: str, entry: Entry) -> None:
        self.tenant = self.desk.tenant_name(user)
        self.admitted(entry)
        self.say(b"235 2.7.0 Authentication successful")

    def _about_sign_in(self, line: bytes) -> About | None:
        if self._next == self._login_word:
            return About("AUTH", self.desk.tenant_name(self._name.decode("utf-8", "replace")))
        if self._next == self._login_name:
            return None  # a name alone: the password is still to come
        try:
            shown = sasl.shown("XOAUTH2", line)
        except sasl.SaslError:
            shown = None
        return About("AUTH", self.desk.tenant_name(shown.user) if shown else "")

    # --- mail -------------------------------------------------------------------------------------

    def _mail(self, rest: str) -> None:
        found = _PATH.fullmatch(rest)
        if not self._greeted or self._sender is not None:
            self._refuse(_SEQUENCE)
        elif self.seat is None:
            self._refuse(_ANONYMOUS)
        elif found is None or found[1].upper() != "FROM":
            self._refuse(_ARGUMENTS)
        elif _announced(found[3]) > self.limits.message_bytes:
            self.say(_TOO_LARGE)
        elif self.desk.hurried(self.seat):
            self.say(_HURRIED)
        elif barrier := self.desk.sending_barrier(self.seat, found[2]):
            self.say(_RESTRICTED if barrier == "restricted" else _NOT_AS)
        else:
            self._sender = found[2]
            self.say(b"250 2.1.0 Sender OK")

    def _rcpt(self, rest: str) -> None:
        found = _PATH.fullmatch(rest)
        if self.seat is None:
            self._refuse(_ANONYMOUS)
        elif self._sender is None:
            self._refuse(_SEQUENCE)
        elif found is None or found[1].upper() != "TO" or not re.fullmatch(r"[^@]+@[^@]+", found[2]):
            self._refuse(_ARGUMENTS)
        elif len(self._recipients) >= _RECIPIENTS:
            self.say(b"452 4.5.3 Too many recipients")
        elif self.desk.hurried(self.seat, len(self._recipients) + 1):
            self.say(_HURRIED)
        else:
            self._recipients.append(found[2])
            self.say(b"250 2.1.5 Recipient OK")

    def _data(self, rest: str) -> None:
        if self.seat is None:
            self._refuse(_ANONYMOUS)
        elif rest:
            self._refuse(_ARGUMENTS)
        elif self._sender is None or not self._recipients:
            self._refuse(_SEQUENCE)
        else:
            self._body, self._size = [], 0
            self.say(b"354 Start mail input; end with <CRLF>.<CRLF>")

    def _data_line(self, line: bytes) -> None:
        assert self._body is not None
        self._commands -= 1  # a line of a message is no command
        if line != b".":
            self._size += len(line) + 2
            # All of a message is read; what is more than is kept is forgotten on the way.
            if self._size <= self.limits.kept_bytes:
                self._body.append(line.removeprefix(b"."))
            return
        body, size = b"\r\n".join([*self._body, b""]), self._size
        sender, recipients = self._sender or "", self._recipients
        self._forget()
        if size <= self.limits.message_bytes:
            self._submit(sender, recipients, body, size)
        else:
            self.say(_TOO_LARGE)

    def _submit(self, sender: str, recipients: list[str], body: bytes, size: int) -> None:
        seat = self.seat
        assert seat is not None

        def act() -> bool:
            author = _author(body)
            if self.desk.sending_barrier(seat, author):
                return False
            text = body.decode("utf-8", "replace")
            self.desk.submit(seat, Mail(sender or author, recipients, text, size, self.address))
            return True

        def told(taken: bool) -> None:
            self.say(b"250 2.0.0 OK <%s@%s>" % (token_hex(16).encode(), _HOST) if taken else _DENIED)

        self.wait_for(act, told)

    def _rset(self, rest: str) -> None:
        self._forget()
        self.say(b"250 2.0.0 Resetting")

    def _noop(self, rest: str) -> None:
        self.say(b"250 2.0.0 OK")

    def _vrfy(self, rest: str) -> None:
        self.say(b"252 2.1.5 Cannot VRFY user")

    def _quit(self, rest: str) -> None:
        self.say(b"221 2.0.0 Service closing transmission channel")
        self.hang_up()

    def _forget(self) -> None:
        self._sender, self._recipients, self._body, self._next = None, [], None, None

    def _refuse(self, text: bytes) -> None:
        self.say(text)
        self._errors += 1
        if self._errors >= _ERRORS:
            self.say(_TOO_MANY)
            self.hang_up()


_COMMANDS: Final[dict[str, Callable[[Smtp, str], None]]] = {
    "EHLO": Smtp._ehlo,
    "HELO": Smtp._helo,
    "STARTTLS": Smtp._starttls,
    "AUTH": Smtp._auth,
    "MAIL": Smtp._mail,
    "RCPT": Smtp._rcpt,
    "DATA": Smtp._data,
    "RSET": Smtp._rset,
    "NOOP": Smtp._noop,
    "VRFY": Smtp._vrfy,
    "QUIT": Smtp._quit,
}


def _split(line: bytes) -> tuple[str, str]:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    command, _, rest = text.partition(" ")
    return command.upper(), rest.strip(" ")


def _announced(options: str) -> int:
    found = re.search(r"\bSIZE=(\d{1,18})\b", options, re.IGNORECASE)
    return int(found[1]) if found else 0


def _author(body: bytes) -> str:
    """Return the address in a message's From header, or '' where none can be read."""
    try:
        head = message_from_bytes(body.partition(b"\r\n\r\n")[0], policy=policy.compat32)
        return parseaddr(str(head.get("From") or ""))[1]
    except (ValueError, IndexError, AttributeError, RecursionError):
        return ""
