"""A practice tenant whose app is registered and consented, and of which Exchange knows nothing yet; and a run on it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mailauth import session, tenants
from mailauth.session import Run
from practice.cloud import Cloud
from practice.state import AppRoleAssignment, AuthenticationPolicy
from practice.wellknown import EXCHANGE, GRAPH
from tests.practice import mailing
from tests.practice.woodgrove import TENANT, Woodgrove, running, woodgrove

_SECRET = "practice-runbook-secret-1"
_READS = ("Application.Read.All", "AuditLog.Read.All", "Directory.Read.All", "Policy.Read.All")

ADA = {"address": mailing.ADA, "protocols": ["imap", "pop", "smtp"]}
INVOICES = {"address": mailing.INVOICES, "protocols": ["imap", "smtp"], "kind": "shared"}


@dataclass
class Lab:
    """A practice cloud with one tenant, and a run on it.

    Args:
        practice: The cloud.
        made: The tenant.
        run: The run.
    """

    practice: Cloud
    made: Woodgrove
    run: Run

    def exchange(self) -> dict[str, Any]:
        """Return what Exchange holds, as it is kept."""
        with self.practice.states.reading(TENANT) as tenant:
            return tenant.exchange.model_dump()

    def pass_time(self, **span: float) -> None:
        """Move the cloud's clock."""
        self.practice.backend.clock.skew += timedelta(**span)

    def sign_in(self, face: str, user: str, token: str) -> tuple[str, str]:
        """Return what a mail server says to a token, and to the first command that needs the mailbox."""
        return mailing.sign_in(self.practice, face, user, token)


def bare(**changes: Any) -> Woodgrove:
    """Return the tenant: consent is there, SMTP AUTH is off, a policy keeps passwords out; *changes* to Exchange."""
    made = woodgrove()
    exchange = made.estate.tenant.exchange
    exchange.principals, exchange.mailbox_permissions, exchange.recipient_permissions = [], [], []
    exchange.smtp_auth_disabled = True
    exchange.authentication_policies = [AuthenticationPolicy(name="No Basic", allow_basic={})]
    exchange.default_authentication_policy = "No Basic"
    for name, value in changes.items():
        setattr(exchange, name, value)
    runbook = made.estate.app("Runbook")
    made.estate.secret(runbook, _SECRET)
    principal = made.estate.enterprise_app(runbook)
    made.estate.allow(principal, GRAPH, *_READS)
    made.estate.allow(principal, EXCHANGE, "Exchange.ManageAsApp")
    made.estate.role(principal.id, "Global Administrator")
    return made


def without_smtp_consent(made: Woodgrove) -> Woodgrove:
    """Return the tenant with the daemon's SMTP.SendAsApp taken away."""
    directory = made.estate.tenant.directory
    roles = {role.id: role.value for one in directory.service_principals for role in one.app_roles}

    def sends(one: AppRoleAssignment) -> bool:
        return one.principal_id == made.daemon_principal.id and roles.get(one.app_role_id) == "SMTP.SendAsApp"

    directory.app_role_assignments = [one for one in directory.app_role_assignments if not sends(one)]
    return made


@contextmanager
def granting(
    folder: Path,
    made: Woodgrove,
    *mailboxes: dict[str, Any],
    flow: str = "secret",
    smtp: str = "consent",
    client_id: str = "",
) -> Iterator[Lab]:
    """Give a run on the tenant, whose tenants file names one app and these mailboxes.

    Args:
        folder: For the tenants file and what the run leaves.
        made: The tenant.
        mailboxes: As the tenants file has them.
        flow: How the app gets its tokens.
        smtp: What lets it send as itself.
        client_id: The app; the daemon by default.
    """
    with running(made) as practice:
        secret = folder / "runbook-secret"
        secret.write_text(_SECRET, encoding="utf-8")
        secret.chmod(0o600)
        runbook = next(one for one in made.estate.tenant.directory.applications if one.display_name == "Runbook")
        admin = {"flow": "secret", "client_id": runbook.app_id, "secret": f"file:{secret}"}
        flows = [{"kind": flow, **({"secret": f"file:{secret}"} if flow == "secret" else {})}]
        app = {"name": "mail", "client_id": client_id or made.daemon.app_id, "flows": flows, "smtp": smtp}
        path = folder / "tenants.yaml"
        tenant = {"name": "woodgrove", "tenant_id": TENANT, "cloud": "practice", "admin": admin, "operator": admin}
        whole = {**tenant, "mail_apps": [app], "mailboxes": list(mailboxes)}
        text = json.dumps({"clouds": {"practice": practice.entry()}, "tenants": [whole]})
        path.write_text(text, encoding="utf-8")
        configuration = tenants.load(path)
        chosen = configuration.tenant("woodgrove")
        run = session.Run(configuration, chosen, folder / "woodgrove", tell=lambda _: None, now=practice.backend.now)
        lab = Lab(practice, made, run)
        # Waiting moves the cloud's clock, which is all that a wait is for.
        lab.run = replace(run, sleep=lambda seconds: lab.pass_time(seconds=seconds))
        yield lab
