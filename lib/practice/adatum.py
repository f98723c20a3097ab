"""Adatum: a small workshop that has not begun. One printer, one program, no app."""

from typing import Final

from .world import Attack, Mailer, Network, Person, Reported, Rhythm, Site, World

__all__ = ["ADATUM"]

_SITES: Final = {
    "office": Site("Derby workshop", Network("203.0.113.180", "Derby", "GB"), "office"),
}

ADATUM: Final = World(
    name="adatum",
    title="Adatum",
    domain="adatum.example",
    days=30,
    sites=_SITES,
    people=(
        Person("kim.asante", "Kim Asante", "office"),
        Person("lou.ferrer", "Lou Ferrer", "office"),
        Person("mona.dahl", "Mona Dahl", "office"),
        Person("omar.aziz", "Omar Aziz", "office"),
    ),
    mailers=(
        Mailer(
            "printer",
            "The printer scans to mail, with a password.",
            "printer",
            "Authenticated SMTP",
            "office",
            Rhythm(first=30, per_day=5),
            "basic_sender",
        ),
        Mailer(
            "order program",
            "The order program asks for the shared mailbox orders by IMAP; Entra accepts its password, Exchange opens "
            "nothing.",
            "order.program",
            "IMAP4",
            "office",
            Rhythm(first=30, per_day=6, hours=(0, 24), weekends=True),
            "accepted_not_opened",
            agents=("CBAInPROD",),
        ),
    ),
    attacks=(
        Attack(
            "guesses",
            "A few guesses a day.",
            tuple(Network(f"192.0.2.{host}", "", "RU", 64509) for host in range(6, 120, 9)),
            ("kim.asante", "printer"),
            ("info", "office", "scan"),
            ("Authenticated SMTP", "IMAP4"),
            Rhythm(first=30, per_day=6, hours=(0, 24), weekends=True),
        ),
    ),
    policies=frozenset({"require mfa"}),
    reported=(Reported("printer@adatum.example", "Basic", 214),),
)
"""The tenant that is to be taken from nothing to proven."""
