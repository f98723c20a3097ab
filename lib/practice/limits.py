"""How much the mail servers, the log query API and Graph take: values that a test or a trainer may replace."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

__all__ = ["GraphLimits", "LogLimits", "MailLimits"]


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
        message_bytes: The largest message, as EHLO announces it (general knowledge). A mailbox's own limit, 35 MB
            unless it is raised, would be told in a bounce, which nothing sends here.
        kept_bytes: How much of a message is kept in the tenant's state; the rest of a larger one is read and cut off.
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
    message_bytes: int = 150 * 1024 * 1024
    kept_bytes: int = 1024 * 1024
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
        threads: Queries of all callers together that are worked on or wait; what is more is throttled. The service
            has no such limit: here each of them holds one of the cloud's 16 threads, and half are the other faces'.
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
    threads: int = 8
    queue_s: float = 180
    timeout_s: float = 180
    longest_s: float = 600
    query_characters: int = 100_000


@dataclass(frozen=True)
class GraphLimits:
    """Limits and habits of Microsoft Graph; ``backend.graph`` holds those in force for the next request.

    Args:
        reports: Requests for sign-in reports of one app in one tenant in `reports_s`; 0 for any number.
        reports_everywhere: The same of one app in all tenants together.
        reports_s: In seconds.
        page: The most objects of the directory in one answer.
        report_page: The most sign-ins in one answer.
        link_s: How long the link to the next page of a report leads there, in seconds: five to ten minutes were seen.
        search_s: How long a search of the audit log takes, in seconds.
        unlisted_filters: What becomes of a filter on a sign-in's property that the documentation does not list as
            one. That differs in reality, and ``ignored`` is the trap.
    """

    reports: int = 5
    reports_everywhere: int = 122
    reports_s: float = 10
    page: int = 999
    report_page: int = 1_000
    link_s: float = 420
    search_s: float = 4
    unlisted_filters: Literal["honoured", "ignored", "refused"] = "honoured"
