"""Contoso: a publisher in Cambridge and Norwich that has moved. Its last password worked weeks ago."""

from typing import Final

from .world import App, Attack, Mailer, Network, Person, Reported, Rhythm, Robot, Site, World

__all__ = ["CONTOSO", "MOVED"]

MOVED: Final = 25
"""How many days ago passwords were closed: Conditional Access first, then the authentication policy."""

_SMTP = "Authenticated SMTP"
_NATIVE = "Mobile Apps and Desktop clients"
_MFA = "multiFactorAuthentication"

_SITES: Final = {
    "cambridge": Site("Cambridge office", Network("203.0.113.20", "Cambridge", "GB"), "office"),
    "norwich": Site("Norwich office", Network("203.0.113.60", "Norwich", "GB"), "office"),
    "yara home": Site("Yara's home", Network("2001:db8:4b:3", "Ely", "GB", 64503), "home"),
    "azure": Site("Contoso's own servers in Azure", Network("203.0.113.221", "London", "GB", 64508), "hosted"),
}

_PEOPLE: Final = (
    Person("alma.reed", "Alma Reed", "cambridge"),
    Person("bo.ekman", "Bo Ekman", "cambridge"),
    Person("carla.nunes", "Carla Nunes", "cambridge"),
    Person("dev.shah", "Dev Shah", "cambridge"),
    Person("edith.moss", "Edith Moss", "cambridge"),
    Person("finn.hall", "Finn Hall", "cambridge"),
    Person("yara.haddad", "Yara Haddad", "cambridge", "yara home"),
    Person("greta.lund", "Greta Lund", "norwich"),
    Person("henry.okoye", "Henry Okoye", "norwich"),
    Person("ida.wolff", "Ida Wolff", "norwich"),
    Person("jack.tran", "Jack Tran", "norwich"),
    Person("nils@paperworks.example", "Nils Aker (Paperworks)", "norwich", population="guest"),
)

_APPS: Final = {
    "mail": App("2d1f6a3b-94c7-4a0e-8b52-6f3e7d9c1a01", "Contoso Mail"),
    "daemon": App("7a9e4c52-1b6d-4f83-a0c9-e5d2b8f43a02", "Contoso Mail Daemon"),
    "alerts": App("c3b5d7e9-2f41-4c68-9a7b-0d1e2f3a4b03", "Contoso Alerts"),
}


def _oauth(key: str, story: str, account: str, site: str, rhythm: Rhythm, *scopes: str, agent: str) -> Mailer:
    """Return a device or program with a token of its own account, confirmed once with a second factor."""
    return Mailer(
        key, story, account, _NATIVE, site, rhythm, "modern",
        app="mail", protocol="oAuth2", steps="token", interactive=False, requirement=_MFA,
        agents=(agent,), scopes=(*scopes, "offline_access"),
    )  # fmt: skip


_BEFORE: Final = (
    Mailer(
        "scanner before",
        "The copiers in Cambridge sent with a password until they were moved to OAuth.",
        "scanner",
        _SMTP,
        "cambridge",
        Rhythm(first=36, last=MOVED + 1, per_day=6),
        "basic_sender",
        sends_as=("reception",),
    ),
    Mailer(
        "copier before",
        "The copier in Norwich, until the same week.",
        "copier.norwich",
        _SMTP,
        "norwich",
        Rhythm(first=36, last=MOVED + 2, per_day=3),
        "basic_sender",
        agents=("",),
    ),
)

_NOW: Final = (
    _oauth(
        "scanner",
        "The copiers in Cambridge send through the mail relay, which holds a token for them.",
        "scanner",
        "cambridge",
        Rhythm(first=MOVED, per_day=7),
        "SMTP.Send",
        agent="msal/1.34.0",
    ),
    _oauth(
        "copier",
        "The copier in Norwich does OAuth itself since its last firmware.",
        "copier.norwich",
        "norwich",
        Rhythm(first=MOVED, per_day=4),
        "SMTP.Send",
        agent="",
    ),
    _oauth(
        "tickets",
        "The ticket system fetches by POP and answers by SMTP.",
        "tickets",
        "cambridge",
        Rhythm(first=36, per_day=5, hours=(0, 24), weekends=True),
        "POP.AccessAsUser.All",
        "SMTP.Send",
        agent="msal4j/1.15",
    ),
    Mailer(
        "yara's thunderbird",
        "Yara reads and sends with Thunderbird at home.",
        "yara.haddad",
        _NATIVE,
        "yara home",
        Rhythm(first=36, per_day=3, hours=(17, 22), weekends=True),
        "modern",
        app="thunderbird",
        protocol="oAuth2",
        steps="token",
        interactive=False,
        requirement=_MFA,
        agents=("Mozilla/5.0 (X11; Linux x86_64) Thunderbird/140.4",),
        scopes=("IMAP.AccessAsUser.All", "SMTP.Send", "offline_access"),
    ),
    Mailer(
        "door display",
        "The display at the meeting room asks by ActiveSync with its old password; policy stops it.",
        "display",
        "Exchange ActiveSync",
        "cambridge",
        Rhythm(first=MOVED - 1, per_day=3),
        "blocked_by_policy",
        results=("53003",),
        agents=("Android-Mail/2021.03",),
    ),
)

_STRANGERS: Final = tuple(
    Network(f"192.0.2.{host}", *("", "RU", 64509) if host % 2 else ("Hanoi", "VN", 64510)) for host in range(5, 250, 14)
)
_VICTIMS: Final = ("scanner", "alma.reed", "carla.nunes", "tickets", "greta.lund", "invoices")
_INVENTIONS: Final = ("info", "sales", "office", "hr", "support", "noreply", "scan", "backup", "john.smith", "=1+1")

_ATTACKS: Final = (
    Attack(
        "guesses before",
        "Strangers guess passwords at SMTP, until Exchange refuses passwords before Entra hears of them.",
        _STRANGERS,
        _VICTIMS,
        _INVENTIONS,
        (_SMTP, _SMTP, "IMAP4", "POP3"),
        Rhythm(first=36, last=MOVED + 1, per_day=14, hours=(0, 24), weekends=True),
        agents=("BAV2ROPC", ""),
    ),
    Attack(
        "guesses",
        "Strangers guess on, at the protocols whose passwords still reach Entra.",
        _STRANGERS,
        _VICTIMS,
        _INVENTIONS,
        ("IMAP4", "POP3", "Exchange ActiveSync", "Other clients"),
        Rhythm(first=MOVED, per_day=12, hours=(0, 24), weekends=True),
        agents=("BAV2ROPC", "CBAInPROD", '<script>document.title="read"</script>'),
    ),
)

CONTOSO: Final = World(
    name="contoso",
    title="Contoso",
    domain="contoso.example",
    days=36,
    sites=_SITES,
    people=_PEOPLE,
    apps=_APPS,
    mailers=(*_BEFORE, *_NOW),
    attacks=_ATTACKS,
    robots=(
        Robot("daemon", "daemon", "exchange", "azure", Rhythm(first=36, per_day=6, hours=(0, 24), weekends=True)),
        Robot(
            "alerts",
            "alerts",
            "exchange",
            "azure",
            Rhythm(first=36, per_day=3, hours=(0, 24), weekends=True),
            # It may send as one mailbox and open none, so no mailbox is to be proven with it.
            listed=False,
        ),
    ),
    policies=frozenset({"block legacy", "require mfa"}),
    # Seven days, the report's own default: the passwords are older than it.
    reported=(
        Reported("scanner@contoso.example", "OAuth", 87),
        Reported("reception@contoso.example", "OAuth", 9),
        Reported("copier.norwich@contoso.example", "OAuth", 28),
        Reported("tickets@contoso.example", "OAuth", 212),
        Reported("invoices@contoso.example", "OAuth", 301),
        Reported("alerts@contoso.example", "OAuth", 61),
        Reported("yara.haddad@contoso.example", "OAuth", 17),
    ),
)
"""The tenant that has moved."""
