"""Conversations with a cloud's mail servers: a dialogue of the core over one socket, with one deadline for all of it.

Nothing secret is sent before TLS is verified: against the cloud's own certificates or the system's, with the
host's name, version 1.2 or newer. There is no way to ask for less.
"""

import errno
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from mailauth.clouds import Cloud, host_and_port
from mailauth.dialogue import Dialogue, SignIn, StartTls
from mailauth.imap import Imap
from mailauth.pop import Pop
from mailauth.proof import Stage, Talk
from mailauth.submission import Submission
from mailauth.tenants import Protocol

from . import dialing
from .dialing import Deadline, Proxy, ProxyError, Wire

__all__ = ["TIMEOUT_S", "talk"]

TIMEOUT_S: Final = 60.0
"""How long a whole conversation may take. Exchange Online delays the reply to a refused sign-in by seconds."""

_FAREWELL_S: Final = 2.0


def talk(
    cloud: Cloud,
    protocol: Protocol,
    sign_in: SignIn,
    *,
    initial: bool | None = None,
    names: bool = False,
    examine: bool = False,
    senders: Iterable[str] = (),
    to: str = "",
    send: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Talk:
    """Sign in to a mailbox, have one command succeed, leave, and return what was said.

    Args:
        cloud: Whose servers.
        protocol: Which.
        sign_in: As whom, to which mailbox: `dialogue.bearer` with a token, or one of `basic` that is to be refused.
        initial: IMAP: whether the token goes on the command's own line; None leaves it to what the server offers.
        names: IMAP: whether the transcript shows folder names, which are people's own words.
        examine: IMAP: whether the inbox is opened too, for reading only.
        senders: SMTP: who is to send, tried one after the other; nobody means the user of *sign_in*.
        to: SMTP: who is to receive; empty means that user.
        send: SMTP: whether a mail really goes out, from the first sender.
        timeout_s: How long all of it may take.

    Raises:
        SaslError: An address cannot be sent; nothing was.
        ConfigurationError: The cloud's ``ca_file`` cannot be read.
    """
    began = time.monotonic()

    def clock() -> int:
        return round((time.monotonic() - began) * 1000)

    dialogue: Dialogue
    match protocol:
        case "imap":
            dialogue = Imap(sign_in, initial=initial, names=names, examine=examine, clock=clock)
        case "pop":
            dialogue = Pop(sign_in, clock=clock)
        case "smtp":
            sent_at = datetime.now(UTC) if send else None
            dialogue = Submission(sign_in, senders=senders, to=to, sent_at=sent_at, clock=clock)
    return _converse(cloud, dialogue, Deadline(timeout_s))


def _converse(cloud: Cloud, dialogue: Dialogue, deadline: Deadline) -> Talk:
    asked = str(getattr(cloud, dialogue.protocol))
    host, port = host_and_port(asked)
    trusted = dialing.context(cloud)
    address = ""
    try:
        through = dialing.proxy(cloud, host, port)
        with _reach(through, host, port, deadline) as wire:
            address = wire.address
            dialogue.note(f"connected to {address}" + (", a proxy" if through else ""))
            dialogue.connected()
            _exchange(wire, dialogue, deadline, lambda: dialogue.secured(wire.secure(trusted, host)))
    except OSError as error:
        dialogue.failed(_sentence(error, host, dialogue.stage, deadline))
    return dialogue.talk(asked, address=address)


def _reach(through: Proxy | None, host: str, port: int, deadline: Deadline) -> Wire:
    if through is None:
        return dialing.connect(host, port, deadline)
    wire = dialing.connect(through.host, through.port, deadline)
    try:
        dialing.tunnel(wire, through, host, port)
    except BaseException:
        wire.close()
        raise
    return wire


def _exchange(wire: Wire, dialogue: Dialogue, deadline: Deadline, secure: Callable[[], None]) -> None:
    if dialogue.tls_first:
        secure()
    while not dialogue.ended:
        if data := dialogue.send():
            wire.send(data)
        for event in dialogue.receive(wire.receive()):
            if isinstance(event, StartTls):
                secure()
        if dialogue.outcome is not None:
            deadline.shorten(_FAREWELL_S)


# --- what went wrong, in sentences ----------------------------------------------------------------

_OLD: Final = {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "WRONG_SSL_VERSION"}
_NO_TLS: Final = {
    "WRONG_VERSION_NUMBER",
    "UNKNOWN_PROTOCOL",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "RECORD_LAYER_FAILURE",
}
_ROUTELESS: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL}


def _sentence(error: OSError, host: str, stage: Stage, deadline: Deadline) -> str:
    """Return what went wrong as a sentence of ours; nothing in it is from what was sent."""
    match error:
        case ProxyError():
            return str(error)
        case ssl.SSLCertVerificationError():
            why = error.verify_message or "it could not be verified"
            return f"The certificate that {host} showed is not to be trusted: {why}. Nothing secret was sent."
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return f"{host} closed the connection during the TLS handshake."
        case ssl.SSLError():
            return _tls_sentence(error.reason or "", host)
        case socket.gaierror():
            return f"The name {host} was not found."
        case TimeoutError():
            return f"{host} took longer than {deadline.seconds:g} seconds; it went no further than {_AT[stage]}."
        case ConnectionRefusedError():
            return f"{host} refused the connection: nothing listens on that port, or a firewall says so."
        case ConnectionResetError() | BrokenPipeError() | ConnectionAbortedError():
            return f"The connection to {host} was reset during {_AT[stage]}."
    if error.errno in _ROUTELESS:
        return f"There is no route to {host} from here."
    return f"The connection to {host} failed: {error.strerror or errno.errorcode.get(error.errno or 0, 'unknown')}."


def _tls_sentence(reason: str, host: str) -> str:
    if reason in _OLD:
        return f"{host} and this machine share no TLS version from 1.2 on; older ones are not spoken. Nothing was sent."
    if reason in _NO_TLS:
        return f"{host} does not answer with TLS on this port."
    return f"TLS with {host} failed: {reason.lower().replace('_', ' ') or 'no reason given'}."


_AT: Final[dict[Stage, str]] = {
    "connect": "the connection",
    "tls": "the TLS handshake",
    "greeting": "the greeting",
    "capability": "the list of what is offered",
    "authenticate": "the sign-in",
    "command": "the first command after the sign-in",
    "done": "the goodbye",
}
