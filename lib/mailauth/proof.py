"""What trying a mailbox on the wire came to, as values: made by the services, read by causes, tables and evidence.

A login proves nothing until the next command works, so an attempt is ``ok`` only after LIST, STAT or a mail transaction
up to RSET. Nothing in here holds a token, a secret or a SASL string: a transcript is redacted where it is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from .tenants import FlowKind, Protocol

__all__ = ["Attempt", "Line", "NoToken", "Outcome", "Stage", "Talk", "Tls", "Way"]

Outcome = Literal["ok", "refused", "unreachable", "no_token", "skipped"]
Way = Literal["sent", "received", "note"]
Stage = Literal["connect", "tls", "greeting", "capability", "authenticate", "command", "done"]


@dataclass(frozen=True)
class Line:
    """One line of a transcript.

    Args:
        at_ms: Milliseconds since the connection was asked for.
        way: ``sent``, ``received`` or ``note`` (ours, about what happened in between).
        text: What went over the wire, without its line end, redacted; or our note. Text from a server is hostile.
    """

    at_ms: int
    way: Way
    text: str


@dataclass(frozen=True)
class Tls:
    """What was negotiated, and the certificate that the server showed and that was verified.

    Args:
        version: Such as ``TLSv1.3``.
        cipher: The suite.
        subject, issuer: The names in the certificate.
        names: The host names that it is for.
        ends_at: When it ends.
    """

    version: str
    cipher: str
    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    ends_at: datetime | None = None


@dataclass(frozen=True)
class Talk:
    """A conversation with a mail server, from the connection to its end.

    Args:
        protocol: Which.
        host: ``host:port``, as asked for.
        outcome: ``ok``, ``refused`` or ``unreachable``.
        stage: How far it came: the stage that was not finished, ``done`` where all were.
        reply: The server's line that decided, redacted; empty where none did.
        said: Our own words about an end that no line of the server's explains.
        server: The server's own name, decoded from its greeting where it hides it there.
        offered: What it offered before the login, one capability each.
        offered_after: What it offered after the login.
        tls: What was negotiated; None where it did not come to that.
        address: The address that was connected to, or the proxy's.
        lines: The transcript.
        took_ms: How long all of it took.
    """

    protocol: Protocol
    host: str
    outcome: Outcome
    stage: Stage
    reply: str = ""
    said: str = ""
    server: str = ""
    offered: tuple[str, ...] = ()
    offered_after: tuple[str, ...] = ()
    tls: Tls | None = None
    address: str = ""
    lines: tuple[Line, ...] = ()
    took_ms: int = 0


@dataclass(frozen=True)
class NoToken:
    """Why there was no token.

    Args:
        code: The AADSTS number with its prefix, or a word of ours such as ``interaction_required``.
        error: The OAuth error, such as ``invalid_grant``.
        said: The service's description without ids and times.
        correlation_id, trace_id: What Microsoft's support asks for.
        at: When the service says it was.
    """

    code: str
    error: str = ""
    said: str = ""
    correlation_id: str = ""
    trace_id: str = ""
    at: str = ""


@dataclass(frozen=True)
class Attempt:
    """One mailbox, by one protocol, with one app and flow.

    Args:
        mailbox: The address that was to be opened: the ``user=`` of the SASL string.
        protocol: Which.
        app: The app's name in the tenants file.
        client_id: Its id.
        flow: How its token was got; empty where the app has no flow, or there is no app.
        outcome: As in the module's text; ``skipped`` says why in `said`.
        at: When it began.
        user: Who signed in, for a token of a person; empty for an app's own.
        claims: What the token says that a finding may need, never the token; empty where there was none.
        no_token: Why there was no token.
        talk: The conversation; None where it did not come to one.
        said: Why it was skipped, in a sentence.
    """

    mailbox: str
    protocol: Protocol
    app: str
    client_id: str
    flow: FlowKind | Literal[""]
    outcome: Outcome
    at: datetime
    user: str = ""
    claims: Mapping[str, object] = field(default_factory=dict)
    no_token: NoToken | None = None
    talk: Talk | None = None
    said: str = ""
