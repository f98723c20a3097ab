"""A run that proves mail of the tests' own practice tenant, as a tenants file names its apps and mailboxes."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mailauth import session, tenants
from mailauth.proving import Proof
from mailauth.session import Run
from practice.cloud import Cloud
from practice.wellknown import EXCHANGE, GRAPH
from tests.practice import mailing
from tests.practice.woodgrove import SECRET, TENANT, Woodgrove, running, woodgrove

READER_SECRET = "woodgrove~reader~Q8~only-in-tests"
_READS = ("Application.Read.All", "AuditLog.Read.All", "Directory.Read.All", "Policy.Read.All")

ADA: Mapping[str, Any] = {"address": mailing.ADA}
INVOICES: Mapping[str, Any] = {"address": mailing.INVOICES, "kind": "shared"}


@dataclass
class Lab:
    """A practice cloud with one tenant, and a run on it.

    Args:
        practice: The cloud.
        made: The tenant.
        run: The run; waiting in it moves the cloud's clock.
        config: The tenants file.
        waits: How long was waited, in seconds.
    """

    practice: Cloud
    made: Woodgrove
    run: Run
    config: Path
    waits: list[float]

    def prove(self, **asked: str) -> Proof:
        """Return what comes of trying, explained."""
        return self.run.proofs.prove(**asked)

    def pass_time(self, seconds: float) -> None:
        """Move the cloud's clock."""
        self.waits.append(seconds)
        self.practice.backend.clock.skew += timedelta(seconds=seconds)


def with_reader(made: Woodgrove) -> Woodgrove:
    """Return the tenant with an app that reads what explains a refusal, and changes what a plan changes."""
    runbook = made.estate.app("Runbook")
    made.estate.secret(runbook, READER_SECRET)
    principal = made.estate.enterprise_app(runbook)
    made.estate.allow(principal, GRAPH, *_READS)
    made.estate.allow(principal, EXCHANGE, "Exchange.ManageAsApp")
    made.estate.role(principal.id, "Global Administrator")
    return made


def kept(folder: Path, name: str, text: str) -> str:
    """Keep a secret in a file, and return the reference to it."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return f"file:{path}"


@contextmanager
def provable(
    folder: Path,
    *,
    broken: Callable[[Woodgrove], object] = lambda made: None,
    mailboxes: Sequence[Mapping[str, Any]] = (ADA, INVOICES),
    flows: Callable[[Cloud, Woodgrove, str], Sequence[Mapping[str, Any]]] | None = None,
    hosts: Callable[[Cloud], Mapping[str, Any]] = lambda practice: {},
    reads: bool = True,
    client: bool = False,
    smtp: str = "consent",
) -> Iterator[Lab]:
    """Give a run on the tenant; its app is the daemon with its secret unless said otherwise.

    Args:
        folder: For the tenants file and what the run leaves.
        broken: What is wrong with the tenant.
        mailboxes: As the tenants file has them.
        flows: The app's flows, from the cloud, the tenant and the reference to its secret.
        hosts: What takes the place of parts of the cloud's entry.
        reads: Whether anybody is configured who reads.
        client: Whether the app is the one that people sign in to.
        smtp: What lets the app send as itself.
    """
    made = with_reader(woodgrove())
    broken(made)
    with running(made) as practice:
        runbook = next(one for one in made.estate.tenant.directory.applications if one.display_name == "Runbook")
        reader = {"flow": "secret", "client_id": runbook.app_id, "secret": kept(folder, "reader.secret", READER_SECRET)}
        secret = kept(folder, "daemon.secret", SECRET)
        own = flows(practice, made, secret) if flows else [{"kind": "secret", "secret": secret}]
        client_id = made.client.app_id if client else made.daemon.app_id
        app = {"name": "mail", "client_id": client_id, "flows": list(own), "smtp": smtp}
        who = {"admin": reader, "operator": reader} if reads else {}
        tenant = {"name": "woodgrove", "tenant_id": TENANT, "cloud": "here", **who}
        whole = {**tenant, "mail_apps": [app], "mailboxes": list(mailboxes)}
        clouds = {"here": {**practice.entry(), **hosts(practice)}}
        path = folder / "tenants.yaml"
        path.write_text(json.dumps({"clouds": clouds, "tenants": [whole]}), encoding="utf-8")
        configuration = tenants.load(path)
        run = session.Run(
            configuration,
            configuration.tenant("woodgrove"),
            folder / "out" / "woodgrove",
            tell=lambda _: None,
            now=practice.backend.now,
        )
        lab = Lab(practice, made, run, path, [])
        lab.run = replace(run, sleep=lab.pass_time)
        yield lab
