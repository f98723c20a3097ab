"""A tenant with many mailboxes on servers that are far away: ``python -m practice.slowmail FOLDER`` serves it.

It writes ``tenants.yaml`` into the folder, prints its path on a line, and serves until its standard input ends. Every
mail server waits before each answer; what a client makes of that is the client's to measure.
"""

import json
import sys
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .estates import Estate
from .state import Tenant
from .wellknown import EXCHANGE

__all__ = ["main", "tenant"]

LATENCY_S: Final = 0.05
_MAILBOXES: Final = 200
_TENANT: Final = "6b0f3c0d-52f4-4c0e-9a4e-2b1f9d3a7c22"
_ROLES: Final = ("IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp")


def tenant(secret: str, mailboxes: int = _MAILBOXES) -> tuple[Tenant, str]:
    """Return a tenant in order, and the client id of the app that opens all its mailboxes.

    Args:
        secret: The app's.
        mailboxes: How many.
    """
    estate = Estate("far", "Far", "far.example", _TENANT, datetime.now(UTC))
    estate.tenant.exchange.smtp_auth_disabled = False
    app = estate.app("Mail", asks=[("exchange", "role", role) for role in _ROLES])
    estate.secret(app, secret)
    principal = estate.enterprise_app(app)
    estate.allow(principal, EXCHANGE, *_ROLES)
    mirrored = estate.exchange_principal(app.app_id, principal.id, "Mail")
    for number in range(mailboxes):
        box = estate.mailbox(estate.user(f"person{number}", f"Person {number}"))
        estate.full_access(box, mirrored.sid)
    return estate.tenant, app.app_id


def main() -> None:
    """Run the command."""
    # A cloud takes a third of a second to import, which only whoever serves needs.
    from . import cloud

    folder, secret = Path(sys.argv[1]), "far~mail~Q8~invented-for-measuring"
    kept = folder / "mail.secret"
    kept.write_text(secret, encoding="utf-8")
    kept.chmod(0o600)
    state, client_id = tenant(secret)
    with ExitStack() as stack:
        practice = stack.enter_context(cloud.start([state]))
        practice.faults.add("imap", "latency", times=0, seconds=LATENCY_S)
        practice.faults.add("pop", "latency", times=0, seconds=LATENCY_S)
        practice.faults.add("smtp", "latency", times=0, seconds=LATENCY_S)
        app = {"name": "mail", "client_id": client_id, "flows": [{"kind": "secret", "secret": "file:mail.secret"}]}
        boxes = [{"address": box.primary_smtp} for box in state.exchange.mailboxes]
        own = {"name": "far", "tenant_id": _TENANT, "cloud": "far", "mail_apps": [app], "mailboxes": boxes}
        path = folder / "tenants.yaml"
        path.write_text(json.dumps({"clouds": {"far": practice.entry()}, "tenants": [own]}), encoding="utf-8")
        print(path, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
