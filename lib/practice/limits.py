"""How much Exchange Online's mail servers and the log query API take: values that a test or a trainer may replace."""

from dataclasses import dataclass
from datetime import timedelta

__all__ = ["LogLimits", "MailLimits"]


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


@dataclass(frozen=True)
class LogLimits:
    """Limits of the log query API; ``backend.logs`` holds those in force for the next request.

    Args:
        rows: Rows of one answer; what is more is cut off, and the answer says so.
        answer_bytes: The same for its size as JSON.
        requests: Requests of one caller in `window_s`.
        window_s: In seconds.
        concurrent: Queries of one caller that are worked on at a time; more wait.
        queue: How many wait.
        queue_s: For how long, in seconds.
        timeout_s: How long a query may take that asks for no other time, in seconds.
        longest_s: How long it may ask for.
        query_characters: The longest query text. The service's own limit was not found; here a long text would keep
            a thread busy for minutes.
    """

    rows: int = 500_000
    answer_bytes: int = 100 * 1024 * 1024
    requests: int = 200
    window_s: float = 30
    concurrent: int = 5
    queue: int = 200
    queue_s: float = 180
    timeout_s: float = 180
    longest_s: float = 600
    query_characters: int = 100_000
