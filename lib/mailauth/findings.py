"""What is known of a tenant's password sign-ins, as values: groups, summaries, state, and how far the eye reached.

`signins.assess` makes them; everything after it (roads, dates, evidence, pages) only reads them. Texts from the log
(users, apps, user agents, countries) are hostile and stand here as they came.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, get_args

from .calendar import BusinessDates
from .coverage import Coverage, Window
from .networks import Kind

__all__ = [
    "ACTIVE_SENDER",
    "ATTENTION",
    "MAY_BE_SMTP",
    "VERDICTS",
    "ActiveSyncUser",
    "Adoption",
    "AdoptionDay",
    "AdoptionUser",
    "AppSummary",
    "AttackTotals",
    "Attention",
    "Day",
    "Findings",
    "Group",
    "Headline",
    "Network",
    "PolicyCarrier",
    "PolicyRuling",
    "ProtocolSummary",
    "ReasonSummary",
    "ReportOnly",
    "RopcSplit",
    "State",
    "TrendRow",
    "UserSummary",
    "Verdict",
]

Verdict = Literal[
    "suspected_compromise",
    "password_known",
    "confirm_today",
    "basic_sender",
    "basic_unconfirmed",
    "certificate",
    "blocked_by_policy",
    "stale_sender",
    "ropc_mail_app",
    "powershell_password",
    "accepted_not_opened",
    "attack_noise",
    "not_mail",
    "modern",
]

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
"""Every verdict, from what a person must see first to what nobody needs to look at."""

ATTENTION: frozenset[Verdict] = frozenset({"suspected_compromise", "password_known", "confirm_today"})
"""Verdicts that speak of a stranger and stand above every migration."""

MAY_BE_SMTP: frozenset[str] = frozenset({"SMTP AUTH", "Other clients", "Unknown"})
"""Protocols of sign-ins that may have been SMTP: an older client, or an audit log, names none."""

ACTIVE_SENDER: frozenset[Verdict] = frozenset({"basic_sender", "basic_unconfirmed"})
"""Verdicts of what works with a password today."""

State = Literal["exposed", "moving", "quiet", "closed", "cannot know"]
"""The tenant in one word. ``quiet`` is not proven, ``closed`` is: a sign-in log alone never says ``closed``."""


@dataclass(frozen=True)
class Network:
    """Where sign-ins came from.

    Args:
        address: An IPv4 address, an IPv6 /64 in its short form, or empty where the record holds none or where
            passing networks are counted together.
        asn: The autonomous system's number as text, or empty.
        country: Two letters as sent, or empty.
        label: The name a person gave it, or empty.
        kind: ``site`` or ``hosted`` as a person said of the network, ``claimed`` where a person's decision names it
            for this sender, ``members`` where members passed MFA there, else empty.
        known_site: Whether members work there: seen, or said by a person.
        people: How many members passed MFA there.
        victims: How many accounts failed a mail sign-in there.
    """

    address: str = ""
    asn: str = ""
    country: str = ""
    label: str = ""
    kind: Kind = ""
    known_site: bool = False
    people: int = 0
    victims: int = 0

    @property
    def confirmed(self) -> bool:
        """Whether the place is accounted for: a known site, or one that a person named."""
        return bool(self.kind)


@dataclass(frozen=True)
class Day:
    """One UTC day of a group.

    Args:
        day: The day.
        successes: Sign-ins that went through.
        right_password_blocks: The password was right, then something stopped it.
        failures: Every other refusal of a password.
    """

    day: date
    successes: int
    right_password_blocks: int
    failures: int


@dataclass(frozen=True)
class Group:
    """One sender, or one attack on an account: a user by one protocol and app from one network.

    Args:
        sender_id: Twelve hexadecimal digits that stay the same from run to run.
        user: The user principal name in lower case; empty for an attack on names that do not exist, or on so many
            accounts that they were only counted.
        user_id: The directory's id of the user, or empty.
        population: ``member``, ``guest``, ``partner`` or ``nobody`` (a name that does not exist).
        protocol: The protocol's name ("SMTP AUTH", "IMAP" …).
        client_app_used: ClientAppUsed in its most frequent spelling.
        app: The client application's display name.
        app_id: Its id, lower case.
        resource: The resource's display name.
        network: Where from; for `attack_noise` an empty address.
        networks: How many networks stand behind it; above 1 for attacks only, and then at least so many.
        names: Where `user` is empty: at least so many different names.
        verdict: One of `VERDICTS`.
        reason: The verdict's evidence in a sentence, without the user's name.
        caveats: What the verdict could not take into account, a sentence each.
        sources: The witnesses, sorted.
        step: ``certificate``, ``app password``, ``password`` or empty, as the authentication steps say.
        interactive: ``yes``, ``no`` or ``both``: which of the two user tables held it.
        successes: Sign-ins that went through. They are password checks, not messages.
        right_password_blocks: The password was right (or had just expired), then something stopped it.
        failures: Every other refusal of a password.
        token_events: Events that are about a token or a screen and not about a password.
        days_active: Days with a success; where there was none, days with any sign-in.
        first_seen: Time of the first event.
        last_seen: Time of the last event.
        last_success: Time of the last event on the last day with a success, or None.
        by_day: Its days, in order; days without a sign-in are left out.
        user_agents: The most frequent ones, at most five. Hostile text.
        result_codes: Sign-ins by result code, in the order of the codes.
        reasons: Sign-ins by class of result ("wrong password" …) and code, because one code can mean two things.
        risk: ``medium`` or ``high`` where Entra ID Protection said so, else empty.
        oauth_days: Days on which the same user held a token for this protocol.
        moved: Whether it holds tokens now and has used no password for a while: moved, as it seems, and not proven.
    """

    sender_id: str
    user: str
    user_id: str
    population: str
    protocol: str
    client_app_used: str
    app: str
    app_id: str
    resource: str
    network: Network
    networks: int
    names: int
    verdict: Verdict
    reason: str
    caveats: tuple[str, ...]
    sources: tuple[str, ...]
    step: str
    interactive: Literal["yes", "no", "both"]
    successes: int
    right_password_blocks: int
    failures: int
    token_events: int
    days_active: int
    first_seen: datetime
    last_seen: datetime
    last_success: datetime | None
    by_day: tuple[Day, ...]
    user_agents: tuple[str, ...]
    result_codes: Mapping[str, int]
    reasons: Mapping[str, Mapping[str, int]]
    risk: str = ""
    oauth_days: int = 0
    moved: bool = False

    @property
    def sign_ins(self) -> int:
        """Everything counted in this group."""
        return self.successes + self.right_password_blocks + self.failures + self.token_events

    @property
    def member(self) -> bool:
        """Whether the account belongs to this tenant; only such accounts stand in the headline."""
        return self.population == "member"

    @property
    def sends_with_a_password(self) -> bool:
        """Whether the headline counts it among the senders: a member's SMTP AUTH sender that works today."""
        return self.ends_in_2026 and self.verdict in ACTIVE_SENDER

    @property
    def ends_in_2026(self) -> bool:
        """Whether the headline counts it: a member's SMTP AUTH sender, or ActiveSync with a certificate."""
        if not self.member or self.moved:
            return False
        if self.verdict == "certificate":
            return self.protocol == "ActiveSync" and self.successes + self.right_password_blocks > 0
        return self.verdict in ACTIVE_SENDER and self.protocol == "SMTP AUTH"


@dataclass(frozen=True)
class ProtocolSummary:
    """One protocol over the window; attacks apart."""

    protocol: str
    groups: int
    users: int
    successes: int
    right_password_blocks: int
    failures: int
    attacks: int
    last_seen: datetime


@dataclass(frozen=True)
class UserSummary:
    """One account over the window: the worst and the sender, so that one never hides the other.

    Args:
        user: The user principal name.
        population: ``member``, ``guest`` or ``partner``.
        worst: The verdict that a person must see first.
        sender: The verdict of its most active sender, or empty where nothing of it works or tries.
        verdicts: All of its verdicts, the worst first.
        protocols: Protocols of everything but attacks, sorted; of the attacks where there is nothing else.
        networks: How many networks it signs in from, attacks left out.
        days_active: Days with a success over all groups.
        successes: As in `Group`.
        right_password_blocks: As in `Group`.
        failures: As in `Group`, attacks left out.
        attacks: Failures from passing networks.
        last_seen: Time of the last event, attacks included.
        oauth_days: Days on which it held a token for a mail protocol.
    """

    user: str
    population: str
    worst: Verdict
    sender: Verdict | Literal[""]
    verdicts: tuple[Verdict, ...]
    protocols: tuple[str, ...]
    networks: int
    days_active: int
    successes: int
    right_password_blocks: int
    failures: int
    attacks: int
    last_seen: datetime
    oauth_days: int


@dataclass(frozen=True)
class AppSummary:
    """One client application over the window; attacks apart."""

    app_id: str
    app: str
    protocols: tuple[str, ...]
    users: int
    successes: int
    right_password_blocks: int
    failures: int
    attacks: int
    last_seen: datetime


@dataclass(frozen=True)
class ReasonSummary:
    """One class of results.

    Args:
        reason: "success", "wrong password", "blocked by Conditional Access" …
        codes: The result codes behind it, sorted by number.
        password: What most of them say of the password: ``accepted``, ``right_then_stopped``, ``probably``, ``no``,
            ``not_evaluated`` or ``not_password``.
        users: How many accounts.
        sign_ins: How many, attacks included.
        attacks: How many of them are attack noise.
    """

    reason: str
    codes: tuple[str, ...]
    password: str
    users: int
    sign_ins: int
    attacks: int


@dataclass(frozen=True)
class TrendRow:
    """One protocol on one UTC day; `attacks` are not in `failures`."""

    day: date
    protocol: str
    successes: int
    right_password_blocks: int
    failures: int
    attacks: int


@dataclass(frozen=True)
class ActiveSyncUser:
    """One account's ActiveSync: what came with a certificate, and what did not.

    Args:
        user: The user principal name.
        population: ``member``, ``guest`` or ``partner``.
        with_certificate: Sign-ins that went through with a certificate.
        without_certificate: Sign-ins that went through without one.
        refused: Sign-ins that did not go through, attacks left out.
        days: Days with a success of either kind.
        networks: How many networks.
        first_seen: Time of the first event.
        last_seen: Time of the last.
    """

    user: str
    population: str
    with_certificate: int
    without_certificate: int
    refused: int
    days: int
    networks: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True)
class RopcSplit:
    """Password grants by whose fault they are, in sign-ins; only the first is Basic authentication.

    Args:
        basic: Exchange hands a password over: a legacy protocol.
        mail_app: An app trades a password for a mail token.
        powershell: PowerShell with a stored password.
        elsewhere: Password grants that have nothing to do with mail.
        blank_client: Records without a client name that a modern resource answered.
    """

    basic: int
    mail_app: int
    powershell: int
    elsewhere: int
    blank_client: int


@dataclass(frozen=True)
class AttackTotals:
    """Failures from passing networks.

    Args:
        sign_ins: How many.
        accounts: How many accounts of the tenant were aimed at.
        networks: At least so many networks.
        names: At least so many names that do not exist.
    """

    sign_ins: int
    accounts: int
    networks: int
    names: int


@dataclass(frozen=True)
class AdoptionDay:
    """Sender-days of OAuth for mail on one UTC day: how many users or apps held a token for each protocol."""

    day: date
    imap: int
    pop: int
    smtp: int
    senders: int


@dataclass(frozen=True)
class AdoptionUser:
    """One user's, or one app's own, OAuth use for mail through one application.

    Args:
        user: The user principal name; empty for an app that acts as itself.
        app_id: The application's id.
        app: Its display name.
        protocols: ``IMAP``, ``POP``, ``SMTP AUTH`` as its tokens' scopes name them; empty for an app-only token,
            which names none.
        registered: Whether the tenants file lists the app as the tenant's own.
        days: On how many days.
        first: The first of them.
        last: The last of them.
    """

    user: str
    app_id: str
    app: str
    protocols: tuple[str, ...]
    registered: bool
    days: int
    first: date
    last: date


@dataclass(frozen=True)
class Adoption:
    """OAuth for mail in sender-days; never to be set against Basic sign-ins as a percentage."""

    sender_days: int = 0
    days: tuple[AdoptionDay, ...] = ()
    users: tuple[AdoptionUser, ...] = ()


@dataclass(frozen=True)
class PolicyCarrier:
    """Whether the records of one source carry what Conditional Access policies said.

    Args:
        source: The witness.
        sign_ins: Sign-ins of old clients that went through.
        carried: On how many of them the record carries it.
    """

    source: str
    sign_ins: int
    carried: int


@dataclass(frozen=True)
class PolicyRuling:
    """What one Conditional Access policy that only reports said of one account's sign-ins by one protocol.

    Args:
        user: The user principal name.
        protocol: The protocol's name.
        policy_id: The policy.
        policy: Its display name. Hostile text.
        sign_ins: Of how many sign-ins it spoke; all of them went through.
        stopped: How many of them it would have stopped.
        first_seen: Time of the first that it spoke of.
        last_seen: Time of the last.
    """

    user: str
    protocol: str
    policy_id: str
    policy: str
    sign_ins: int
    stopped: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True)
class ReportOnly:
    """What policies that only report would have done to old clients.

    Args:
        sources: By source, whether its records carry that at all.
        rulings: By account, protocol and policy, what would have been stopped most often first.
    """

    sources: tuple[PolicyCarrier, ...] = ()
    rulings: tuple[PolicyRuling, ...] = ()


@dataclass(frozen=True)
class Headline:
    """The numbers of the first sentence; accounts of this tenant only.

    Args:
        senders: SMTP AUTH senders that work today: user, app and network.
        accounts: The accounts behind them.
        unconfirmed: How many of the senders come from a place that nobody has confirmed.
        unnamed: Senders that work today by a protocol that the record does not name (the audit log never does); they
            may be SMTP AUTH and are not in `senders`.
        certificate_users: Accounts with ActiveSync by certificate.
        attention: Accounts, of whatever population, that need somebody today.
    """

    senders: int = 0
    accounts: int = 0
    unconfirmed: int = 0
    unnamed: int = 0
    certificate_users: int = 0
    attention: int = 0


@dataclass(frozen=True)
class Attention:
    """Something that cannot wait for a migration.

    Args:
        group: What it is about.
        title: The verdict in words.
        evidence: What was seen, in a sentence with the user, the place and the day. Hostile text.
        steps: What to do first, in order.
    """

    group: Group
    title: str
    evidence: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """Everything that the sign-ins of one tenant say, and do not say.

    Args:
        tenant_id: The tenant.
        made_at: When the findings were made.
        asked: The window asked for, or None for whatever the sources hold.
        held: From the first to the last sign-in record that was read, of any kind; None where there was none.
        state: The tenant in one word.
        sentence: The tenant in one or two sentences that a manager understands, without the tenant's name.
        headline: The numbers behind the sentence.
        attention: What needs somebody today, the worst first.
        groups: Every sender and attack: the worst first, then by days active.
        protocols: By protocol, by successes.
        users: By account, the worst first.
        apps: By client application.
        reasons: By class of result, in the order of the facts.
        trend: By day and protocol.
        missing_days: Days within `held` of which no user table holds a record, but for weekdays silent in every week.
        activesync: ActiveSync by account.
        ropc: Password grants by whose fault they are.
        attacks: Attack noise in total.
        not_mail: Sign-ins counted apart, by reason.
        adoption: OAuth for mail.
        business: Month, quarter and year ends that the held window contains and misses.
        coverage: Everything that limits the numbers.
        last_look: The last day of the records, where they end too early to speak of today.
        report_only: What Conditional Access policies that only report would have done.
    """

    tenant_id: str
    made_at: datetime
    asked: Window | None
    held: Window | None
    state: State
    sentence: str
    headline: Headline
    attention: tuple[Attention, ...]
    groups: tuple[Group, ...]
    protocols: tuple[ProtocolSummary, ...]
    users: tuple[UserSummary, ...]
    apps: tuple[AppSummary, ...]
    reasons: tuple[ReasonSummary, ...]
    trend: tuple[TrendRow, ...]
    missing_days: tuple[date, ...]
    activesync: tuple[ActiveSyncUser, ...]
    ropc: RopcSplit
    attacks: AttackTotals
    not_mail: Mapping[str, int]
    adoption: Adoption
    business: BusinessDates
    coverage: tuple[Coverage, ...]
    last_look: date | None = None
    report_only: ReportOnly = ReportOnly()
