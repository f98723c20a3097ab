"""A world's firm as an estate: its people and their mailboxes, who administers it, what its phones and scanners left.

The four tenants begin as a `Firm` and differ in what their own modules do to it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal

from . import catalogue
from .credentials import Credentials
from .estates import Estate
from .state import Application, Mailbox, MobileDevice, ServicePrincipal, TracedMessage, User
from .wellknown import EXCHANGE, GRAPH, MICROSOFT
from .world import POLICIES, App, Mailer, World

__all__ = ["OPERATOR", "READER", "Firm", "MailApp", "Proof"]

READER: Final = "Runbook reader"
"""The app registration that the runbook reads with."""

OPERATOR: Final = "Runbook operator"
"""The app registration that the runbook changes a tenant with."""

_READS: Final = ("Application.Read.All", "AuditLog.Read.All", "Directory.Read.All", "Policy.Read.All")
_CHANGES: Final = (
    "Application.ReadWrite.All",
    "AppRoleAssignment.ReadWrite.All",
    "DelegatedPermissionGrant.ReadWrite.All",
    "Directory.Read.All",
    "Policy.Read.All",
    "Policy.ReadWrite.ConditionalAccess",
)
_MODERN: Final = ("browser", "mobileAppsAndDesktopClients")
_LEGACY: Final = ("exchangeActiveSync", "other")
_TRACED_DAYS: Final = 10
_REFUSED: Final = timedelta(days=4 * 365)


@dataclass(frozen=True)
class MailApp:
    """A mail app as the tenants file names it.

    Args:
        name: What it is called there.
        app: A key of the world's apps.
        flows: How it gets tokens.
    """

    name: str
    app: str
    flows: tuple[Literal["interactive", "certificate", "secret"], ...]


@dataclass(frozen=True)
class Proof:
    """A mailbox that is to be proven on the wire, as the tenants file names it.

    Args:
        account: The part before the @ of its primary address.
        protocols: By which it is used.
        kind: Whose it is.
        send_as: Further accounts that it sends from.
    """

    account: str
    protocols: tuple[Literal["imap", "pop", "smtp"], ...]
    kind: Literal["user", "shared"] = "user"
    send_as: tuple[str, ...] = ()


class Firm(Estate):
    """A tenant under construction, with its people, an administrator and the runbook's two apps in place.

    Args:
        world: Its story.
        now: The moment from which dates are reckoned; the story ends with the (UTC) day before.
        given: What its apps sign in with.
    """

    def __init__(self, world: World, now: datetime, given: Credentials) -> None:
        super().__init__(world.name, world.title, world.domain, world.tenant_id, now)
        self.world = world
        self.given = given
        self.admin = self.user("admin", f"{world.title} administrator", roles=["Global Administrator"])
        self.mailbox(self.admin)
        for person in world.people:
            if person.population == "member":
                self.mailbox(self.user(person.account, person.name))
            elif person.population == "guest":
                self._guest(person.account, person.name)
        self.reader = self._runbook(READER, given.reader, _READS, "Global Reader")
        self.operator = self._runbook(
            OPERATOR, given.operator, _CHANGES, "Exchange Administrator", "Cloud Application Administrator"
        )

    def account(self, account: str, name: str, **details: Any) -> Mailbox:
        """Add a licensed account of a device or program, with its mailbox; *details* are fields of `Mailbox`."""
        return self.mailbox(self.user(account, name, mfa=False), **details)

    def canary(self) -> Mailbox:
        """Add a mailbox that nobody uses, with a password of its own: on it, one may be tried."""
        owner = self.user("canary", "Canary for sign-in tests", mfa=False, password=self.given.canary)
        return self.mailbox(owner)

    def mailbox(self, owner: User, **details: Any) -> Mailbox:
        """Give *owner* a mailbox with something in it; *details* are further fields of `Mailbox`."""
        made = super().mailbox(owner, plan=self.tenant.exchange.cas_mailbox_plans[0].name, **details)
        made.messages = [_welcome(made.primary_smtp, self.world, self.now)]
        return made

    def box(self, account: str) -> Mailbox:
        """Return the mailbox that has the address of *account*, or belongs to the account of that name."""
        address = self.world.address(account)
        found = self.tenant.exchange.mailbox(address) or self.tenant.exchange.mailbox(self.person(account).id)
        assert found is not None, address
        return found

    def person(self, account: str) -> User:
        """Return the account of that name."""
        found = self.tenant.directory.user(self.world.address(account))
        assert found is not None, account
        return found

    def people(self, accounts: Iterable[str]) -> list[User]:
        """Return the accounts of these names."""
        return [self.person(account) for account in accounts]

    def allow_smtp(self, accounts: Iterable[str]) -> None:
        """Turn SMTP AUTH on for the mailboxes of these accounts, whatever the organization says."""
        for account in accounts:
            self.box(account).smtp_auth_disabled = False

    def known_client(self, app: App) -> ServicePrincipal:
        """Add the enterprise application of an app that its publisher registered."""
        return self._foreign(app, catalogue.owner(app.app_id))

    def microsofts(self, app: App) -> ServicePrincipal:
        """Add the enterprise application of an app of Microsoft's own."""
        return self._foreign(app, MICROSOFT)

    def _foreign(self, app: App, owner: str) -> ServicePrincipal:
        foreign = Application(app_id=app.app_id, display_name=app.name)
        return self.enterprise_app(foreign, app_owner_organization_id=owner)

    def require_mfa(self, *, days: float, exclude: Iterable[str] = ()) -> None:
        """Ask everybody but the accounts *exclude* for a second factor, where a client can show one."""
        groups = [self.group("Service accounts", self.people(exclude))] if exclude else []
        name = POLICIES["require mfa"]
        self.policy("require mfa", name, controls=["mfa"], clients=_MODERN, days=days, exclude=groups)

    def block_legacy(self, *, days: float, exclude: Mapping[str, Iterable[str]]) -> None:
        """Block clients that only take a password; *exclude* are accounts by the name of their group."""
        groups = [self.group(name, self.people(accounts)) for name, accounts in exclude.items()]
        name = POLICIES["block legacy"]
        self.policy("block legacy", name, controls=["block"], clients=_LEGACY, days=days, exclude=groups)

    def block_legacy_one_day(self, *, days: float) -> None:
        """Add Microsoft's own policy of that kind, which only reports until it switches itself on."""
        self.policy(
            "managed block legacy",
            "Microsoft-managed: Block legacy authentication",
            controls=["block"],
            clients=_LEGACY,
            days=days,
            state="enabledForReportingButNotEnforced",
        )

    def phones(self, *, versions: Mapping[str, str] = MappingProxyType({}), quarantined: Iterable[str] = ()) -> None:
        """Add the partnership of each phone in the story.

        Args:
            versions: The protocol version by a mailer's key, where it is not 16.1.
            quarantined: Keys of mailers whose phones wait for an administrator.
        """
        seen = set()
        for mailer in self.world.mailers:
            phone = mailer.account, mailer.agents[0]
            if mailer.client == "Exchange ActiveSync" and mailer.population == "member" and phone not in seen:
                seen.add(phone)
                made = self._phone(mailer, versions.get(mailer.key, "16.1"))
                made.access_state = "Quarantined" if mailer.key in quarantined else "Allowed"
                self.tenant.exchange.mobile_devices.append(made)

    def trace(self, robots: Mapping[str, str] | None = None) -> None:
        """Add the messages of the last days that Exchange took for sending.

        Args:
            robots: Accounts by the key of the robot that sends as them.
        """
        for mailer in (each for each in self.world.mailers if each.sends):
            for account in (mailer.account, *mailer.sends_as):
                self._traced(account, mailer.rhythm.days(self._today), mailer.site, mailer.rhythm.hours)
        for robot in self.world.robots:
            if robots and robot.key in robots:
                self._traced(robots[robot.key], robot.rhythm.days(self._today), robot.site, robot.rhythm.hours)

    @property
    def _today(self) -> date:
        return self.now.astimezone(UTC).date()

    def _guest(self, address: str, name: str) -> None:
        outside = f"{address.replace('@', '_')}#EXT#@{self.tenant.name}.onmicrosoft.example"
        self.user(address, name, user_principal_name=outside, user_type="Guest", licensed=False, password="")

    def _runbook(self, name: str, certificate: str, values: tuple[str, ...], *roles: str) -> ServicePrincipal:
        app = self.app(
            name,
            asks=[*(("graph", "role", value) for value in values), ("exchange", "role", "Exchange.ManageAsApp")],
        )
        self.certificate(app, certificate)
        made = self.enterprise_app(app)
        self.allow(made, GRAPH, *values)
        self.allow(made, EXCHANGE, "Exchange.ManageAsApp")
        for role in roles:
            self.role(made.id, role)
        return made

    def _phone(self, mailer: Mailer, version: str) -> MobileDevice:
        agent = mailer.agents[0]
        days = mailer.rhythm.days(self._today)
        # Without a certificate it has not got in since Exchange stopped taking passwords for ActiveSync.
        synced = datetime.combine(days[-1], time(12), UTC) if mailer.steps == "certificate" else self.now - _REFUSED
        return MobileDevice(
            guid=self.id_of(f"phone/{mailer.key}"),
            mailbox=self.box(mailer.account).guid,
            device_id=self.id_of(f"device/{mailer.key}").replace("-", "").upper(),
            model=agent.partition("/")[0].removeprefix("Apple-"),
            os="iOS" if agent.startswith("Apple") else "Android",
            client_version=version,
            user_agent=agent,
            first_sync=self.now - _REFUSED - timedelta(days=90),
            last_sync=synced,
        )

    def _traced(self, account: str, days: Iterable[date], site: str, hours: tuple[int, int]) -> None:
        network = self.world.sites[site].network
        for day in days:
            if (self._today - day).days <= _TRACED_DAYS:
                received = datetime.combine(day, time(hours[0], 12), UTC)
                self.tenant.exchange.traced_messages.append(
                    TracedMessage(
                        message_trace_id=self.id_of(f"trace/{account}/{site}/{day}"),
                        received=received,
                        sender=self.world.address(account),
                        recipient="office@customer.example" if day.day % 2 else self.admin.user_principal_name,
                        subject=f"From {account}, {day}",
                        from_ip=network.address if "." in network.address else f"{network.address}::25",
                        size=48_000 + 100 * day.day,
                    )
                )


def _welcome(address: str, world: World, now: datetime) -> str:
    return (
        f"From: it@{world.domain}\r\nTo: {address}\r\nDate: {now:%a, %d %b %Y %H:%M:%S +0000}\r\n"
        f"Message-ID: <welcome.{address.partition('@')[0]}@{world.domain}>\r\nSubject: Welcome\r\n\r\n"
        f"This mailbox of {world.title} is invented.\r\n"
    )
