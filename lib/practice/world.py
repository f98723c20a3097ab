"""What a practice tenant is made of: people, networks, devices that send mail, attackers. Values only.

`contoso`, `fabrikam`, `northwind` and `adatum` hold the stories; `signins` turns a world into
sign-in events; `expected` says what a good report finds in them. All addresses come from the
ranges kept for documentation (RFC 5737, RFC 3849, RFC 5398) and all names are invented.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cache
from typing import Final, Literal
from uuid import NAMESPACE_URL, uuid5

from .access import Reporting

__all__ = [
    "APPS",
    "POLICIES",
    "SATURDAY",
    "App",
    "Attack",
    "Mailer",
    "Network",
    "Person",
    "Policy",
    "Population",
    "Reported",
    "Rhythm",
    "Robot",
    "Site",
    "Steps",
    "World",
]

Population = Literal["member", "guest", "partner"]
Policy = Literal["block legacy", "require mfa"]
Steps = Literal["password", "app password", "certificate", "mfa", "token", "none"]

SATURDAY: Final = 5

_SMTP: Final = "Authenticated SMTP"

POLICIES: Final[Mapping[Policy, str]] = {
    "block legacy": "Block legacy authentication",
    "require mfa": "Require multifactor authentication",
}
"""What Conditional Access policies are called; their ids are those of "policy/" and the key."""


@dataclass(frozen=True)
class App:
    """An application as a sign-in row names it."""

    app_id: str
    name: str


APPS: Final[Mapping[str, App]] = {
    "exchange": App("00000002-0000-0ff1-ce00-000000000000", "Office 365 Exchange Online"),
    "graph": App("00000003-0000-0000-c000-000000000000", "Microsoft Graph"),
    "home": App("4765445b-32c6-49b0-83e6-1d93765276ca", "OfficeHome"),
    "outlook": App("d3590ed6-52b3-4102-aeff-aad2292ab01c", "Microsoft Office"),
    "teams": App("1fec8e78-bce4-4aaf-ab1b-5451cc387264", "Microsoft Teams"),
    "teams service": App("cc15fd57-2c6c-4117-a88c-83b1d56b4bbe", "Microsoft Teams Services"),
    "thunderbird": App("9e5f94bc-e8a4-4e73-b8be-63364c29d753", "Mozilla Thunderbird"),
    "powershell": App("fb78d390-0c51-40cd-8e17-fdbfab77341b", "Microsoft Exchange REST API Based Powershell"),
}


@dataclass(frozen=True)
class Network:
    """Where sign-ins come from.

    Args:
        address: An IPv4 address, or the first four groups of an IPv6 one ("2001:db8:4a:7"):
            the hosts of such a network change their lower half from day to day.
        city: As a sign-in row locates it.
        country: Two letters.
        asn: The autonomous system's number, from those kept for documentation.
    """

    address: str
    city: str
    country: str
    asn: int = 64500

    @property
    def group(self) -> str:
        """The network as a report groups it: the IPv4 address, or the whole IPv6 /64 in its short form."""
        return self.address if "." in self.address else str(ipaddress.IPv6Network(f"{self.address}::/64"))


@dataclass(frozen=True)
class Site:
    """A network with a name that people use for it, and whether colleagues work there."""

    name: str
    network: Network
    kind: Literal["office", "hosted", "home", "mobile", "away"]


@dataclass(frozen=True)
class Person:
    """Somebody who signs in the modern way.

    Args:
        account: The part before the @; for guests and partners a whole address.
        name: Display name.
        office: The key of the site where they work.
        home: The key of the site where they sign in from at times; empty for office only.
        population: Whose people they belong to.
    """

    account: str
    name: str
    office: str
    home: str = ""
    population: Population = "member"


@dataclass(frozen=True)
class Rhythm:
    """When something happens, counted in whole days back from today (1 is yesterday).

    Args:
        first: The oldest day.
        last: The newest day.
        per_day: At most this often; at least half of it.
        hours: First hour and the hour after the last, UTC.
        weekends: Whether Saturday and Sunday count.
        exactly: These days and no others, whatever day of the week they are.
    """

    first: int = 35
    last: int = 1
    per_day: int = 1
    hours: tuple[int, int] = (7, 18)
    weekends: bool = False
    exactly: tuple[int, ...] = ()

    def days(self, today: date) -> tuple[date, ...]:
        """Return the days on which it happens, oldest first."""
        back = sorted(self.exactly, reverse=True) or range(self.first, self.last - 1, -1)
        days = (today - timedelta(days=ago) for ago in back)
        return tuple(day for day in days if self.exactly or self.weekends or day.weekday() < SATURDAY)

    def within(self, first: int, last: int) -> "Rhythm | None":
        """Return what of it lies between two days, both counted back from today and both included; None for nothing."""
        if self.exactly:
            days = tuple(ago for ago in self.exactly if last <= ago <= first)
            return replace(self, exactly=days) if days else None
        cut = replace(self, first=min(self.first, first), last=max(self.last, last))
        return cut if cut.first >= cut.last else None


@dataclass(frozen=True)
class Mailer:
    """A device, program or person as one sender: an account, a protocol, an app and a network.

    Args:
        key: A short name within the world.
        story: What it is, in a sentence that a colleague would say.
        account: The part before the @, or a whole address.
        client: ClientAppUsed as most rows spell it.
        site: The key of the site it signs in from.
        rhythm: When.
        verdict: What a report should say of it, once a person's decisions are known.
        app: A key of `APPS`, or of the world's own apps.
        resource: The same, for what the token is for.
        protocol: AuthenticationProtocol.
        steps: What its authentication steps show.
        results: Result codes in the order they come, again from the start at the end.
        agents: User agents, in turn.
        spellings: Other spellings of `client`; every seventh row has one of them.
        interactive: Which user table holds it.
        requirement: AuthenticationRequirement.
        risk: RiskLevelDuringSignIn, which the first copy of a row does not have yet.
        scopes: What "Oauth Scope Info" lists.
        interrupted: The result code of a row that comes before each success, same correlation id.
        population: Whose account it is.
        unnamed: The verdict while no person has named the network; empty where that changes nothing.
        sends_as: The From addresses that it uses, where they are not its own.
    """

    key: str
    story: str
    account: str
    client: str
    site: str
    rhythm: Rhythm
    verdict: str
    app: str = "exchange"
    resource: str = "exchange"
    protocol: str = "ropc"
    steps: Steps = "password"
    results: tuple[str, ...] = ("0",)
    agents: tuple[str, ...] = ("BAV2ROPC",)
    spellings: tuple[str, ...] = ()
    interactive: bool = True
    requirement: str = "singleFactorAuthentication"
    risk: str = "none"
    scopes: tuple[str, ...] = ()
    interrupted: str = ""
    population: Population = "member"
    unnamed: str = ""
    sends_as: tuple[str, ...] = ()

    @property
    def sends(self) -> bool:
        """Whether it sends mail; a stranger's success shows that he could sign in, not that he sent anything."""
        by_smtp = self.client == _SMTP or "SMTP.Send" in self.scopes
        stolen = self.verdict == "suspected_compromise"
        return by_smtp and "0" in self.results and self.population == "member" and not stolen

    @property
    def sends_with_password(self) -> bool:
        """Whether it does so with a password."""
        return self.sends and self.client == _SMTP

    def moved(self, ago: int) -> "tuple[Mailer, ...]":
        """Return it as a sender that has used a token, and no password, for so many days: before that, and since."""
        before, since = self.rhythm.within(max(self.rhythm.first, ago), ago + 1), self.rhythm.within(ago, 1)
        after = replace(
            self, key=f"{self.key}, moved", client="Mobile Apps and Desktop clients", verdict="modern", app=_MOVED,
            protocol="oAuth2", steps="token", interactive=False, results=("0",), agents=("msal/1.34.0",), spellings=(),
            scopes=("SMTP.Send", "offline_access"), unnamed="",
        )  # fmt: skip
        parts = ((self, before), (after, since))
        return tuple(replace(one, rhythm=rhythm) for one, rhythm in parts if rhythm)


@dataclass(frozen=True)
class Attack:
    """Strangers guessing passwords.

    Args:
        key: A short name within the world.
        story: What it is.
        networks: Where the guesses come from.
        victims: Accounts that exist.
        inventions: Names that do not.
        clients: ClientAppUsed, in turn.
        rhythm: When; `per_day` is for all networks together.
        burst: A day on which there are many times more, counted back from today; 0 for none.
        agents: User agents, in turn. Attackers choose them freely.
    """

    key: str
    story: str
    networks: tuple[Network, ...]
    victims: tuple[str, ...]
    inventions: tuple[str, ...]
    clients: tuple[str, ...]
    rhythm: Rhythm
    burst: int = 0
    agents: tuple[str, ...] = ("BAV2ROPC",)


@dataclass(frozen=True)
class Robot:
    """An application that signs in as itself (client credentials), with a certificate.

    Args:
        key: A short name within the world.
        app: A key of the world's apps.
        resource: The same, for what the token is for.
        site: The key of the site it signs in from.
        rhythm: When.
        listed: Whether the tenants file names the app as one for mail; a log alone does not tell.
    """

    key: str
    app: str
    resource: str
    site: str
    rhythm: Rhythm
    listed: bool = True


@dataclass(frozen=True)
class Reported:
    """A line of the Exchange admin center's report on SMTP AUTH: a From address and how it was sent."""

    address: str
    protocol: Literal["Basic", "OAuth"]
    messages: int
    tls_1_2: float = 100.0


@dataclass(frozen=True)
class World:
    """One tenant and everything that happens in it.

    Args:
        name: The tenant's name in the tenants file.
        title: What its people call it.
        domain: Its mail domain.
        days: How many days back its story begins.
        sites: Networks that people have a name for, by key.
        people: Who works there, guests and partners included.
        apps: Applications beside `APPS`, by key.
        mailers: Who signs in for mail.
        attacks: Who tries to.
        robots: Applications that sign in as themselves.
        policies: Its Conditional Access policies, by key.
        reported: The SMTP AUTH report.
        reporting: What its Conditional Access policies that only report say of sign-ins; None where nobody asks.
    """

    name: str
    title: str
    domain: str
    days: int
    sites: Mapping[str, Site]
    people: tuple[Person, ...] = ()
    apps: Mapping[str, App] = field(default_factory=dict)
    mailers: tuple[Mailer, ...] = ()
    attacks: tuple[Attack, ...] = ()
    robots: tuple[Robot, ...] = ()
    policies: frozenset[Policy] = frozenset()
    reported: tuple[Reported, ...] = ()
    reporting: Reporting | None = None

    @property
    def tenant_id(self) -> str:
        """The Entra tenant's id, the same in every run."""
        return self.id_of("tenant")

    def id_of(self, what: str) -> str:
        """Return the id that this tenant has for *what*, the same in every run."""
        return _id(self.domain, what)

    def address(self, account: str) -> str:
        """Return the sign-in name of *account*: itself where it is an address already."""
        return account if "@" in account else f"{account}@{self.domain}"

    def app(self, key: str) -> App:
        """Return an application by its key, the world's own first."""
        return self.apps.get(key) or APPS[key]

    @property
    def password_senders(self) -> frozenset[str]:
        """The accounts that send with a password, by sign-in name."""
        return frozenset(self.address(each.account) for each in self.mailers if each.sends_with_password)

    def moved(self, since: Mapping[str, date], today: date) -> "World":
        """Return the same story with senders that were moved to OAuth: since then they use a token and no password.

        Args:
            since: From which day on, by sign-in name.
            today: The UTC day that the story is told on.
        """
        if not since:
            return self
        mailers: list[Mailer] = []
        names: set[str] = set()
        for each in self.mailers:
            day = since.get(self.address(each.account)) if each.sends_with_password else None
            mailers += each.moved((today - day).days) if day else (each,)
            names |= {self.address(one) for one in (each.account, *each.sends_as)} if day else set()
        apps = {**self.apps, _MOVED: App(self.id_of(f"app/{_MOVED}"), "Mail from devices")}
        reported = tuple(replace(one, protocol="OAuth") if one.address in names else one for one in self.reported)
        return replace(self, mailers=tuple(mailers), apps=apps, reported=reported)

    def mailer(self, key: str) -> Mailer:
        """Return a mailer by its key."""
        return next(mailer for mailer in self.mailers if mailer.key == key)


_MOVED: Final = "moved"


@cache
def _id(domain: str, what: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://{domain}/{what}"))
