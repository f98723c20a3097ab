"""A practice tenant on its way to taking no password: look, plan, carry out, prove, and what the mail servers say."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mailauth import closable, closing, session, tenants, waves
from mailauth.closable import Known, Proof
from mailauth.plan import Plan, Receipt, new_id
from mailauth.services import conditions, organization
from mailauth.session import Run, looking
from mailauth.waves import Wave
from practice import cloud, credentials
from practice import tenants as stories
from practice.cloud import Cloud
from practice.estates import Estate
from practice.mail.access import View, basic_barrier
from practice.state import Exchange, Tenant
from tests.practice import mailing, tokens

__all__ = ["Lab", "closing_in", "signed_in"]

_DAY = timedelta(hours=24)
_REFUSED = "5.7.139 Authentication unsuccessful, basic authentication is disabled"
_SECRET = "practice-runbook-secret-1"


def signed_in(user: str, **changes: Any) -> dict[str, Any]:
    """Return a group of notebook 10's evidence: somebody who signs in with a password by SMTP AUTH."""
    return {
        "sender_id": f"id-{user.partition('@')[0]}",
        "user": user,
        "population": "member",
        "protocol": "SMTP AUTH",
        "verdict": "basic_sender",
        "network": {"address": "203.0.113.180", "label": ""},
        "successes": 20,
        "last_seen": "2026-11-26T10:00:00Z",
        "moved": False,
        **changes,
    }


@dataclass
class Lab:
    """A practice cloud with one tenant, and what is known of it.

    Args:
        practice: The cloud.
        config: The tenants file.
        folder: What runs leave.
        groups: What notebook 10 found.
        proofs: What was tried on the wire.
        since: Since when policies were seen.
    """

    practice: Cloud
    config: Path
    folder: Path
    name: str
    groups: Sequence[Mapping[str, Any]] = ()
    proofs: list[Proof] = field(default_factory=list)
    since: Mapping[str, datetime] = field(default_factory=dict)
    loose: frozenset[str] = frozenset()
    looked: datetime | None = None

    @property
    def run(self) -> Run:
        """A run that begins now, by the cloud's clock: nobody stays signed in for a day."""
        configuration, now = tenants.load(self.config), self.practice.backend.now
        tenant, folder = configuration.tenant(self.name), self.folder / self.name
        made = session.Run(configuration, tenant, folder, tell=lambda _: None, now=now)
        return replace(made, sleep=lambda seconds: self.pass_time(timedelta(seconds=seconds)))

    def pass_time(self, span: timedelta) -> None:
        """Move the cloud's clock."""
        self.practice.backend.clock.skew += span

    def exchange(self) -> dict[str, Any]:
        """Return what Exchange holds, as it is kept, but what is on its way."""
        with self.practice.states.reading(self.name) as tenant:
            return tenant.exchange.model_dump(exclude={"former_policies"})

    def look(self, run: Run | None = None) -> tuple[Known, tuple[Wave, ...]]:
        """Return what is known, and the waves; insist that nothing which takes a password is called closed."""
        run = run or self.run
        with run.exchange() as exchange:
            held = organization.read(exchange)
        access = conditions.read(run.tenant.cloud, run.reader(), [])
        now, (receipts, _) = run.now(), looking.receipts(run)
        known = Known(held, access, self._record(now), now, tuple(self.proofs), receipts, self.since, self.loose)
        known = replace(known, looked=self.looked)
        own = [box for box in held.mailboxes or () if box.authentication_policy]
        self.since, self.looked = closable.remembered(known), now
        self.loose = frozenset(box.address.lower() for box in own if not closable.closes_passwords(held, box))
        made = waves.of(run.tenant, held, known.findings, None, today=now.date())
        self._honest(known, made)
        return known, made

    def _record(self, now: datetime) -> Mapping[str, Any]:
        data = {
            "state": {"word": "quiet", "sentence": ""},
            "groups": self.groups,
            "reported": (),
            "adoption": {},
            "held": {"from": (now - 30 * _DAY).isoformat(), "to": now.isoformat()},
            "missing_days": (),
            "last_look": None,
        }
        tables = ("interactive sign-ins", "non-interactive sign-ins")
        return {
            "made_at": now.isoformat(),
            "coverage": [{"what": each, "state": "complete"} for each in tables],
            "data": data,
        }

    def _honest(self, known: Known, made: Sequence[Wave]) -> None:
        taking = self.takes_passwords()
        for wave in made:
            if closing.standing(wave, known).word == "closed":
                assert not taking & set(wave.mailboxes), wave

    def takes_passwords(self) -> set[str]:
        """Return the mailboxes on which the mail servers take a password now."""
        now = self.practice.backend.now()
        with self.practice.states.reading(self.name) as tenant:
            held: Exchange = tenant.exchange_in_force(now)
            view = View(tenant.tenant_id, tenant.directory_in_force(now), held)
            boxes = [box.primary_smtp for box in held.mailboxes if box.kind != "MailUser"]
            return {address.lower() for address in boxes if not basic_barrier(view, address, now)}

    def plan(self, name: str, run: Run | None = None) -> Plan:
        """Return what is next for a wave."""
        run = run or self.run
        known, made = self.look(run)
        at = [wave.name for wave in made].index(name)
        return closing.plan(made[at], known, tenant=run.tenant, id=new_id(known.now), before=made[:at])

    def closed(self, name: str) -> list[Receipt]:
        """Close a wave, stage by stage, and return the receipts."""
        done: list[Receipt] = []
        for _ in range(12):
            run = self.run
            known, made = self.look(run)
            wave = next(each for each in made if each.name == name)
            stage = closing.stage(wave, known)
            if stage == "closed":
                return done
            if stage == "waiting":
                self.pass_time(_DAY)
            elif stage == "prove":
                self.pass_time(timedelta(hours=1))
                self.prove(wave)
            elif stage == "policy" and any(closable.untried(wave, known)):
                self.tokens(wave)
            else:
                change = self.plan(name, run)
                assert change.steps, [str(check) for check in change.checks]
                done.append(run.closing.carry_out(wave, change, apply=True))
                assert done[-1].whole, done[-1].entries
        raise AssertionError(f"{name} does not come to an end: {stage}")

    def tokens(self, wave: Wave) -> None:
        """Try a token on each sender on the wire."""
        for address in sorted(wave.provable):
            said = self.with_token(address)
            self.proofs.append(Proof(address, "oauth", said.startswith("235"), self.practice.backend.now(), said))

    def prove(self, wave: Wave) -> None:
        """Try a token on each sender, and one password on the canary, on the wire."""
        self.tokens(wave)
        said = self.with_password(wave.canary)
        self.proofs.append(Proof(wave.canary, "password", _REFUSED in said, self.practice.backend.now(), said))

    def with_token(self, address: str) -> str:
        """Return what SMTP says to the account's own token."""
        with self.practice.states.reading(self.name) as tenant:
            user = tenant.directory.user(address)
            assert user is not None
            token = tokens.of_person(self.practice.backend, tenant, user, "SMTP.Send")
        return mailing.sign_in(self.practice, "smtp", address, token)[0]

    def with_password(self, address: str) -> str:
        """Return what SMTP says to the account's password."""
        with self.practice.states.reading(self.name) as tenant:
            user = tenant.directory.user(address)
            assert user is not None
        with mailing.Raw(self.practice, "smtp") as raw:
            raw.start_tls()
            raw.ask("AUTH LOGIN")
            raw.ask(base64.b64encode(address.encode()).decode())
            return raw.ask(base64.b64encode(user.password.encode()).decode())

    def mend(self, app: str) -> None:
        """Have an app of the tenants file registered, consented to and granted, as notebooks 20, 30 and 40 do it."""
        part = self.run.registrations
        wanted = part.wanted(app, flow="app-only", credential="secret")
        look = part.look(wanted)
        place = part.place(look, wanted)
        assert part.apply(part.plan(look, wanted, place), look, wanted, place, apply=True).whole
        run = self.run
        assert run.carry_out(run.consents.plan(run.consents.look()), apply=True).whole
        assert run.carry_out(run.mailboxes.plan(run.mailboxes.look(everywhere=True)), apply=True).whole

    def undo(self, name: str) -> None:
        """Take a wave back, receipt by receipt."""
        known, made = self.look()
        wave = next(each for each in made if each.name == name)
        for receipt in closing.receipts_of(known.receipts, wave):
            back = self.run.take_back(receipt.where, apply=True)
            assert back.whole, back.entries


@contextmanager
def closing_in(folder: Path, name: str, **more: Any) -> Iterator[Lab]:
    """Give a practice tenant as it is at first; *more* are fields of its entry in the tenants file."""
    given = credentials.kept(folder / "keys", [name])[name]
    tenant: Tenant = stories.build(name, datetime.now(UTC), given)
    # The cloud's clock goes on by days, and a certificate's assertion is dated by this machine's.
    secret = folder / "keys" / f"{name}-runbook.secret"
    secret.write_text(_SECRET, encoding="ascii")
    secret.chmod(0o600)
    builder = Estate(name, name, f"{name}.example", tenant.tenant_id, datetime.now(UTC))
    builder.tenant = tenant
    entry = {**stories.entry(name, "."), "signin_logs": [], **more}
    del entry["decisions"]
    for role in ("admin", "operator"):
        client_id = entry[role]["client_id"]
        builder.secret(next(one for one in tenant.directory.applications if one.app_id == client_id), _SECRET)
        entry[role] = {"client_id": client_id, "flow": "secret", "secret": f"file:{secret}"}
    with cloud.start([tenant]) as practice:
        practice.faults.policy_lag = _DAY
        path = folder / "tenants.yaml"
        path.write_text(json.dumps({"clouds": {"practice": practice.entry()}, "tenants": [entry]}), encoding="utf-8")
        yield Lab(practice, path, folder / "reports", name)
