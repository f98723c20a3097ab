"""A practice tenant that is to take no passwords: a pilot, a canary, a mailbox with a switch of its own; its runs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from mailauth import cases, evidence, session, tenants
from mailauth.closingrecord import Look
from mailauth.plan import Receipt
from mailauth.services import store
from mailauth.session import Run
from mailauth.summary import MailRow
from practice.cloud import Cloud
from practice.state import ConditionalAccessPolicy, Tenant
from practice.wellknown import SIGN_IN_WORD
from tests import case_invented
from tests.practice import mailing
from tests.practice.provable import READER_SECRET, kept, with_reader
from tests.practice.woodgrove import SECRET, TENANT, Woodgrove, running, woodgrove

ADA, CANARY, PRINTER = mailing.ADA, "canary@woodgrove.example", "printer@woodgrove.example"

CLOSING: Mapping[str, Any] = {"pilot": ADA}

BLOCK = ConditionalAccessPolicy(
    display_name="No old programs",
    state="enabledForReportingButNotEnforced",
    conditions={
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]},
        "clientAppTypes": ["exchangeActiveSync", "other"],
    },
    grant_controls={"operator": "OR", "builtInControls": ["block"]},
)
"""Against programs that show nothing but a password; it only reports."""


def exclude(tenant: Tenant) -> None:
    """Leave the printer out of that policy, as somebody in the admin center does."""
    user = tenant.directory.user("printer@woodgrove.example")
    assert user is not None
    (policy,) = tenant.directory.policies.conditional_access
    policy.conditions = {**policy.conditions, "users": {"includeUsers": ["All"], "excludeUsers": [user.id]}}


def leave_sign_ins(run: Run, rows: Sequence[MailRow] = (), *, held: bool = True) -> None:
    """Leave what notebook 10 leaves of these sign-ins, read now; *held* false: of a log that held nothing."""
    found = case_invented.find(rows, held=held)
    made = cases.build(run.tenant, found, {}, None, (), today=case_invented.NOW.date())
    record = evidence.findings(replace(made, findings=replace(found, tenant_id=run.tenant.tenant_id)))
    record = {**record, "made_at": evidence.plain(run.now())}
    store.write_evidence(run.folder / "evidence" / "10-find-basic-auth.json", record)


@dataclass
class Lab:
    """A practice cloud with one tenant, and runs on it.

    Args:
        practice: The cloud.
        made: The tenant.
        config: The tenants file.
        folder: What runs leave.
    """

    practice: Cloud
    made: Woodgrove
    config: Path
    folder: Path

    @property
    def run(self) -> Run:
        """A run that begins now, by the cloud's clock, as nobody signs in for longer than a day."""
        configuration = tenants.load(self.config)
        tenant, now = configuration.tenant("woodgrove"), self.practice.backend.now
        return session.Run(configuration, tenant, self.folder / "woodgrove", tell=lambda _: None, now=now)

    def pass_time(self, **span: float) -> None:
        """Move the cloud's clock."""
        self.practice.backend.clock.skew += timedelta(**span)

    def sign_ins(self, rows: Sequence[MailRow] = (), *, held: bool = True) -> None:
        """Leave what notebook 10 leaves of these sign-ins, read now; *held* false: of a log that held nothing."""
        leave_sign_ins(self.run, rows, held=held)

    def step(self, wave: str = "") -> tuple[Look, Receipt]:
        """Do what one run of the notebook does: look, try, apply the next stage, look again, keep the record."""
        run = self.run
        look = run.closing.look()
        chosen = look.wave(wave)
        proving = run.closing.is_to_prove(look, chosen)
        tries = run.closing.prove(look, chosen, tokens=proving, password=proving)
        look = look.with_proofs(tries.proofs)
        change = run.closing.plan(look, chosen)
        receipt = run.closing.carry_out(chosen, change, apply=True)
        after = run.closing.look().with_proofs(tries.proofs)
        run.closing.keep(after, after.wave(chosen.name), change, receipt)
        return after, receipt

    def exchange(self) -> dict[str, Any]:
        """Return what Exchange holds, as it is kept, but what is on its way."""
        with self.practice.states.reading("woodgrove") as tenant:
            return tenant.exchange.model_dump(exclude={"former_policies"})

    def words(self, look: Look) -> dict[str, str]:
        """Return how each wave stands."""
        return {each.name: look.standing(each).word for each in look.waves}


@contextmanager
def shutting(
    folder: Path,
    closing: Mapping[str, Any] = CLOSING,
    *,
    canary: bool = True,
    settles: timedelta = timedelta(hours=24),
    **more: Any,
) -> Iterator[Lab]:
    """Give a tenant whose policies let passwords in; *more* are fields of its entry in the tenants file.

    Args:
        folder: Where keys, the tenants file and reports go.
        closing: What the tenants file says of closing, but of the canary.
        canary: Whether it names one.
        settles: How long changes take, as the tenants file says, and as long as a policy does take.
        more: As above.
    """
    made = with_reader(woodgrove())
    estate = made.estate
    estate.mailbox(estate.user("canary", "Canary"))
    estate.mailbox(estate.user("printer", "Printer")).smtp_auth_disabled = False
    with running(made, settles=settles) as practice:
        practice.faults.policy_lag = min(settles, timedelta(seconds=1))
        runbook = next(one for one in estate.tenant.directory.applications if one.display_name == "Runbook")
        who = {"flow": "secret", "client_id": runbook.app_id, "secret": kept(folder, "reader.secret", READER_SECRET)}
        flows = [{"kind": "secret", "secret": kept(folder, "daemon.secret", SECRET)}]
        word = {"canary": {"address": CANARY, "password": kept(folder, "canary.word", SIGN_IN_WORD)}} if canary else {}
        tenant = {
            "name": "woodgrove",
            "tenant_id": TENANT,
            "cloud": "practice",
            "admin": who,
            "operator": who,
            "mail_apps": [{"name": "mail", "client_id": made.daemon.app_id, "flows": flows}],
            "mailboxes": [{"address": ADA, "protocols": ["smtp"]}],
            "closing": {**closing, **word},
            **more,
        }
        path = folder / "tenants.yaml"
        text = json.dumps({"clouds": {"practice": practice.entry()}, "tenants": [tenant]})
        path.write_text(text, encoding="utf-8")
        yield Lab(practice, made, path, folder / "reports")


def switched(lab: Lab, address: str, *, off: bool | None) -> None:
    """Set a mailbox's own SMTP AUTH switch, as somebody else would."""
    with lab.practice.states.changing("woodgrove") as tenant:
        box = next(each for each in tenant.exchange.mailboxes if each.primary_smtp == address)
        box.smtp_auth_disabled = off
