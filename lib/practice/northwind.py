"""Northwind: a workshop whose logs cannot answer. Seven days of downloads, with gaps, and one old, broken file."""

from typing import Final

from .world import Attack, Mailer, Network, Person, Rhythm, Site, Steps, World

__all__ = ["ARCHIVED", "DOWNLOADED", "NORTHWIND", "SECURED"]

DOWNLOADED: Final = ((16, 14), (11, 10))
"""The days of the two portal downloads, counted back from today; the two between them were forgotten."""

ARCHIVED: Final = (33, 25)
"""The days of the old archive."""

SECURED: Final = 9
"""How many days ago security defaults were turned on."""

_EAS = "Exchange ActiveSync"

_STOPPED: Final[tuple[tuple[str, Steps, str, str], ...]] = (
    ("dora.quist", "certificate", "none", "Apple-iPhone13C2/1804.70"),
    ("emil.sand", "password", "ropc", "Android-Mail/2023.08"),
)

_SITES: Final = {
    "york": Site("York workshop", Network("203.0.113.150", "York", "GB"), "office"),
    "carrier": Site("a mobile network", Network("203.0.113.202", "London", "GB", 64504), "mobile"),
    "web": Site("the web shop's host", Network("198.51.100.88", "Amsterdam", "NL", 64501), "hosted"),
}

NORTHWIND: Final = World(
    name="northwind",
    title="Northwind",
    domain="northwind.example",
    days=33,
    sites=_SITES,
    people=(
        Person("dora.quist", "Dora Quist", "york"),
        Person("emil.sand", "Emil Sand", "york"),
        Person("faye.lowe", "Faye Lowe", "york"),
        Person("gus.hart", "Gus Hart", "york"),
        Person("hana.novak", "Hana Novak", "york"),
    ),
    mailers=(
        Mailer(
            "web shop",
            "The web shop sends order confirmations; only an old, broken file knows of it.",
            "shop",
            "Authenticated SMTP",
            "web",
            Rhythm(first=33, last=25, per_day=5, hours=(0, 24), weekends=True),
            "basic_unconfirmed",
        ),
        # The portal's download has no authentication steps, so nobody can tell these two apart.
        Mailer(
            "dora's phone",
            "A phone with a certificate, which this log cannot show.",
            "dora.quist",
            _EAS,
            "york",
            Rhythm(first=16, last=SECURED + 1, per_day=3),
            "",
            steps="certificate",
            protocol="none",
            agents=("Apple-iPhone13C2/1804.70",),
        ),
        Mailer(
            "emil's phone",
            "A phone with a password, which this log cannot show either.",
            "emil.sand",
            _EAS,
            "york",
            Rhythm(first=16, last=SECURED + 1, per_day=3),
            "",
            agents=("Android-Mail/2023.08",),
        ),
        # Nothing of these is in any file: security defaults were turned on after the last download.
        *(
            Mailer(
                f"{account.partition('.')[0]}'s phone since",
                "The same phone, which security defaults stop.",
                account,
                _EAS,
                "york",
                Rhythm(first=SECURED, per_day=3),
                "",
                results=("530035",),
                steps=steps,
                protocol=protocol,
                agents=(agent,),
            )
            for account, steps, protocol, agent in _STOPPED
        ),
        Mailer(
            "faye on the road",
            "Failures of one phone on a mobile network.",
            "faye.lowe",
            _EAS,
            "carrier",
            Rhythm(exactly=(15,), per_day=2),
            "attack_noise",
            results=("50126",),
        ),
    ),
    attacks=(
        Attack(
            "guesses",
            "A few guesses a day.",
            tuple(Network(f"192.0.2.{host}", "", "RU", 64509) for host in range(2, 40, 4)),
            ("dora.quist", "shop"),
            ("sales", "info", "=1+1"),
            ("Authenticated SMTP", "IMAP4"),
            Rhythm(first=16, per_day=8, hours=(0, 24), weekends=True),
            agents=("BAV2ROPC", "<b>x</b>"),
        ),
    ),
)
"""The tenant whose logs cannot answer."""
