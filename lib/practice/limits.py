"""How much Exchange Online's mail servers take, as one value that a test or a trainer may replace."""

from dataclasses import dataclass
from datetime import timedelta

__all__ = ["MailLimits"]


@dataclass(frozen=True)
class MailLimits:
    """Limits of the IMAP, POP and SMTP servers; ``backend.mail`` holds those in force for new connections.

    Args:
        basic_cache: How long a good SMTP password counts without asking Entra again. Exchange keeps one for up to
            24 hours (an old Microsoft source, not contradicted; unverified today).
        sessions: Open IMAP or POP sessions of one mailbox, each protocol by itself (15 and 20 are both quoted).
        senders: Submission connections of one mailbox at a time.
        messages_a_minute: Messages that one mailbox may submit in a minute.
        recipients_a_day: Recipients that one mailbox may send to in 24 hours.
        message_bytes: The largest message. Exchange takes far more; here each one is kept in the tenant's state.
        login_s: Seconds until a connection that has not authenticated is closed.
        idle_s: Seconds of silence until any connection is closed.
        early_commands: Commands before authentication.
        commands: Commands on one connection.
    """

    basic_cache: timedelta = timedelta(hours=24)
    sessions: int = 20
    senders: int = 3
    messages_a_minute: int = 30
    recipients_a_day: int = 10_000
    message_bytes: int = 1024 * 1024
    login_s: float = 60.0
    idle_s: float = 1800.0
    early_commands: int = 50
    commands: int = 100_000
