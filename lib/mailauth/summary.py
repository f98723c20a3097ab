"""What the queries answer, as values: one class per row kind, the same from every engine.

The column names are those that ``queries/*.kql`` project. `MailRow`, `NetworkRow`
and `NoiseTotal` come from ``mail_signins``, `AdoptionRow` from ``adoption``,
`TableDay` from ``coverage`` and `PolicyRow` from ``report_only``. Rows add up over
slices of the window: a day belongs to one slice only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .coverage import Coverage

__all__ = ["AdoptionRow", "Answers", "MailRow", "NetworkRow", "NoiseTotal", "PolicyRow", "TableDay"]


@dataclass(frozen=True)
class MailRow:
    """Sign-ins of one user by one protocol, app and network on one day with one result.

    Args:
        day: UTC midnight of the day.
        user: The user principal name in lower case; empty for names that do not exist, and for accounts that
            were only attacked where those are too many to be listed.
        user_id: The directory's id of the user; empty where the row had none.
        population: ``member``, ``guest``, ``partner`` (a service provider's own people) or ``nobody``.
        client_app: ClientAppUsed as sent, trimmed.
        protocol: AuthenticationProtocol as sent (``ropc``, ``none``, empty in old rows).
        app_id: The client application's id, lower case.
        app: The client application's display name.
        resource: The resource's display name.
        network: An IPv4 address, an IPv6 /64 (``2001:0db8:0000:0001::/64``), or empty. Empty also
            for a collapsed row: failures from passing networks, see `networks`.
        asn: The autonomous system's number as text, or empty.
        country: Two letters as sent, or empty.
        step: What the authentication steps show: ``certificate``, ``app password``, ``password`` or empty.
        result: The result code as text, ``0`` for success.
        note: ``malicious address`` where a 50053 is about the address and not the account, else empty.
        risk: ``medium`` or ``high`` as Entra ID Protection said (P2 only), else empty.
        interactive: Which of the two user tables held the rows.
        sign_ins: How many sign-ins, each Id once.
        first: Time of the first event.
        last: Time of the last event.
        user_agent: One user agent among them, at most 200 characters. Hostile text.
        networks: 1 for a row with its network; for a collapsed row the number of networks in it.
        names: For a collapsed row without a user: how many different names or accounts were tried; else 0.
        source: The witness that the row comes from; the engine fills it.
    """

    day: datetime
    user: str
    user_id: str
    population: str
    client_app: str
    protocol: str
    app_id: str
    app: str
    resource: str
    network: str
    asn: str
    country: str
    step: str
    result: str
    note: str
    risk: str
    interactive: bool
    sign_ins: int
    first: datetime
    last: datetime
    user_agent: str
    networks: int = 1
    names: int = 0
    source: str = ""

    @property
    def collapsed(self) -> bool:
        """Whether failures from several passing networks stand in this one row."""
        return not self.network and self.networks > 0 and self.result != "0"


@dataclass(frozen=True)
class NetworkRow:
    """What is known of one network in one slice of the window.

    Args:
        network: As in `MailRow`.
        fact: ``site`` (a member completed MFA there) or ``spray`` (a user's mail sign-in failed there).
        user_id: One person, where fewer people than the threshold were seen; empty where `people` counts enough.
        people: How many distinct people; 1 where `user_id` names one.
    """

    network: str
    fact: str
    user_id: str
    people: int


@dataclass(frozen=True)
class NoiseTotal:
    """Attack traffic over a slice: distinct networks, distinct names that do not exist."""

    sign_ins: int
    networks: int
    names: int


@dataclass(frozen=True)
class AdoptionRow:
    """One user's or one app's OAuth use for mail on one day.

    Args:
        day: UTC midnight.
        user: The user principal name in lower case; empty for an app that acts as itself.
        app_id: The client application's id, lower case.
        app: Its display name.
        imap: A token's scopes name IMAP.
        pop: … name POP.
        smtp: … name SMTP.
        registered: The app is one of the tenant's own mail apps in the tenants file.
        sign_ins: Rows behind it; refreshes dwarf everything else, so nothing is ranked by it.
        source: The witness.
    """

    day: datetime
    user: str
    app_id: str
    app: str
    imap: bool
    pop: bool
    smtp: bool
    registered: bool
    sign_ins: int
    source: str = ""


@dataclass(frozen=True)
class TableDay:
    """What one table holds of one day.

    Args:
        table: The table's name.
        day: UTC midnight of the event day.
        tenant_id: The Entra tenant the rows belong to, or empty.
        rows: Records, repeats included.
        sign_ins: Distinct Ids.
        with_requirement: Rows whose AuthenticationRequirement is filled; without it no site is known.
        with_steps: Rows with at least one authentication step; without it no certificate is seen.
        first: Time of the first event of the day.
        last: Time of the last.
        lag_s: The longest delay from event to record, in seconds.
        source: The witness.
    """

    table: str
    day: datetime
    tenant_id: str
    rows: int
    sign_ins: int
    with_requirement: int
    with_steps: int
    first: datetime
    last: datetime
    lag_s: int
    source: str = ""


@dataclass(frozen=True)
class PolicyRow:
    """Sign-ins of an old client that went through, and what a policy that only reports would have done to them.

    Args:
        day: UTC midnight.
        user: The user principal name in lower case.
        client_app: ClientAppUsed as sent, trimmed.
        app_id: The client application's id, lower case.
        policy_id: The policy, lower case; empty for all sign-ins of the row, whatever was said of them.
        policy: Its display name, at most 200 characters. Hostile text.
        sign_ins: How many, each Id once; with a policy, those that it spoke of.
        carried: Of how many the record carries what policies said.
        stopped: How many of them the policy would have stopped.
        first: Time of the first.
        last: Time of the last.
        source: The witness.
    """

    day: datetime
    user: str
    client_app: str
    app_id: str
    policy_id: str
    policy: str
    sign_ins: int
    carried: int
    stopped: int
    first: datetime
    last: datetime
    source: str = ""


@dataclass(frozen=True)
class Answers:
    """Everything the engines answered for one tenant: rows, and how far they reach.

    Args:
        mail: Basic and look-alike sign-ins.
        networks: Sites and sprays.
        noise: One per slice.
        not_mail: Sign-ins counted apart, by reason (``ropc elsewhere``, ``blank client``).
        adoption: OAuth use.
        tables: What the tables hold, by day.
        policies: What policies that only report would have done.
        coverage: What was asked and not held.
        queries: The text of each query as it ran, by ``source/name``.
    """

    mail: tuple[MailRow, ...] = ()
    networks: tuple[NetworkRow, ...] = ()
    noise: tuple[NoiseTotal, ...] = ()
    not_mail: Mapping[str, int] = field(default_factory=dict)
    adoption: tuple[AdoptionRow, ...] = ()
    tables: tuple[TableDay, ...] = ()
    policies: tuple[PolicyRow, ...] = ()
    coverage: tuple[Coverage, ...] = ()
    queries: Mapping[str, str] = field(default_factory=dict)
