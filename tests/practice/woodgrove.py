"""A practice tenant of the tests' own, small and in order: what a test breaks in it is what the test is about."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from practice import cloud
from practice.estates import Estate
from practice.state import Application, Mailbox, Redirects, ServicePrincipal, User
from practice.wellknown import EXCHANGE, GRAPH

TENANT = "0c6f6d1c-6d86-4a7c-8f6c-7d1d2a2f1e11"
DOMAIN = "woodgrove.example"
SECRET = "woodgrove~daemon~Q8~only-in-tests"
SCOPES = ("IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send")
ROLES = ("IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp")


@dataclass
class Woodgrove:
    """The tenant and what a test wants at hand.

    Args:
        estate: The builder; `estate.tenant` is the state.
        admin: A global administrator.
        ada: A person with a mailbox.
        ada_box: That mailbox.
        invoices: A shared mailbox that Ada and the daemon may open.
        daemon: An app that acts as itself, with `SECRET` and all that it needs for `ada_box` and `invoices`.
        daemon_principal: Its enterprise application.
        client: A public app that people sign in to, with consent to `SCOPES` for everybody.
        client_principal: Its enterprise application.
    """

    estate: Estate
    admin: User
    ada: User
    ada_box: Mailbox
    invoices: Mailbox
    daemon: Application
    daemon_principal: ServicePrincipal
    client: Application
    client_principal: ServicePrincipal


def woodgrove(now: datetime | None = None) -> Woodgrove:
    """Return the tenant, in order."""
    estate = Estate("woodgrove", "Woodgrove Bank", DOMAIN, TENANT, now or datetime.now(UTC))
    exchange = estate.tenant.exchange
    exchange.smtp_auth_disabled = False
    admin = estate.user("admin", "Wanda Admin", roles=["Global Administrator"])
    estate.mailbox(admin)
    ada = estate.user("ada", "Ada Byron")
    ada_box = estate.mailbox(ada, messages=["From: bob@fabrikam.example\r\nSubject: hello\r\n\r\nHello Ada\r\n"])
    invoices = estate.shared("invoices", "Invoices")
    estate.full_access(invoices, ada.id)
    estate.send_as(invoices, ada.id)
    daemon = estate.app("Daemon", asks=[("exchange", "role", role) for role in ROLES])
    estate.secret(daemon, SECRET)
    daemon_principal = estate.enterprise_app(daemon)
    estate.allow(daemon_principal, EXCHANGE, *ROLES)
    mirrored = estate.exchange_principal(daemon.app_id, daemon_principal.id, "Daemon")
    for box in (ada_box, invoices):
        estate.full_access(box, mirrored.sid)
    client = estate.app(
        "Mail client",
        asks=[("graph", "scope", scope) for scope in (*SCOPES, "offline_access")],
        public_client=Redirects(redirect_uris=["http://localhost", "https://localhost"]),
        is_fallback_public_client=True,
    )
    client_principal = estate.enterprise_app(client)
    estate.consent(client_principal, GRAPH, *SCOPES, "offline_access", "openid", "profile")
    estate.workspace()
    return Woodgrove(estate, admin, ada, ada_box, invoices, daemon, daemon_principal, client, client_principal)


@contextmanager
def running(
    made: Woodgrove | None = None, *, home: Path | None = None, settles: timedelta = timedelta(hours=24)
) -> Iterator[cloud.Cloud]:
    """Give a practice cloud that holds the tenant alone, and of which the tenants file says how long changes take."""
    with cloud.start([(made or woodgrove()).estate.tenant], home=home, settles=settles) as practice:
        yield practice
