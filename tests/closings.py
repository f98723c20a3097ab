"""A tenant whose passwords are to end, made by hand: a pilot, a canary, a scanner, and whoever else a test needs."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mailauth import closing, tenants, waves
from mailauth.closable import Known, Proof
from mailauth.conditions import Conditions
from mailauth.organization import AuthenticationPolicy, Mailbox, Organization, Settings
from mailauth.organization import Plan as MailboxPlan
from mailauth.plan import Entry, Plan, Receipt, Step
from mailauth.tenants import Tenant
from mailauth.waves import Wave

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
DAY = timedelta(hours=24)
POLICY = "Block Basic SMTP"
CLOSING = "pilot: ada@w.example\n      canary: {address: canary@w.example, password: 'env:CANARY'}"

EXCEPTED = "{address: bob@w.example, reason: in March, until: 2027-03-31}"


def tenant(closing: str = CLOSING, mailboxes: str = "[{address: ada@w.example, protocols: [smtp]}]") -> Tenant:
    """Return the tenant of a tenants file; *closing* is what stands under ``closing:``."""
    text = f"""tenants:
  - name: w
    tenant_id: w.example
    mail_apps: [{{name: mail, client_id: 11111111-1111-1111-1111-111111111111}}]
    mailboxes: {mailboxes}
    closing:
      {closing}
"""
    return tenants.load_text(text, Path("tenants.yaml")).tenant("w")


def box(name: str, **fields: Any) -> Mailbox:
    """Return a mailbox that follows the organization, without a policy of its own."""
    address = f"{name}@w.example"
    own: dict[str, Any] = {
        "smtp": "inherit",
        "authentication_policy": "",
        "kind": "UserMailbox",
        "object_id": f"id-{name}",
    }
    return Mailbox(address, **{"upn": address, "addresses": (address,), **own, **fields})


def organization(*boxes: Mailbox, policies: Mapping[str, bool] | None = None, **fields: Any) -> Organization:
    """Return what Exchange holds; *policies* say by name whether they let passwords in by SMTP AUTH."""
    settings: dict[str, Any] = {"smtp_off": True, "default_policy": "", "dehydrated": False}
    settings |= {name: fields.pop(name) for name in [*settings] if name in fields}
    made = tuple(AuthenticationPolicy(name, {"Smtp": lets}) for name, lets in (policies or {}).items())
    whole: dict[str, Any] = {"plans": (MailboxPlan("P1", imap=True, pop=False),), **fields}
    return Organization(
        settings=Settings(**settings),
        policies=made,
        mailboxes=boxes or (box("ada"), box("canary"), box("bob", smtp="on")),
        **whole,
    )


def closed_organization(**fields: Any) -> Organization:
    """Return what Exchange holds when everything is done."""
    own: dict[str, Any] = {"authentication_policy": POLICY, "smtp": "on"}
    boxes = (box("ada", **own), box("canary", **own), box("bob"))
    plans = (MailboxPlan("P1", imap=False, pop=False),)
    return organization(*boxes, **{"policies": {POLICY: False}, "default_policy": POLICY, "plans": plans, **fields})


def group(name: str, **fields: Any) -> dict[str, Any]:
    """Return a group of notebook 10's evidence: somebody who signs in with a password by SMTP AUTH."""
    return {
        "sender_id": f"id-{name}",
        "user": f"{name}@w.example",
        "population": "member",
        "protocol": "SMTP AUTH",
        "verdict": "basic_sender",
        "network": {"address": "203.0.113.180", "label": ""},
        "successes": 20,
        "last_seen": "2026-11-26T10:00:00Z",
        "moved": False,
        **fields,
    }


WHOLE = [
    {"what": f"{kind} sign-ins", "state": "complete", "reason": "", "remedy": ""}
    for kind in ("interactive", "non-interactive")
]


def record(*groups: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the evidence of notebook 10, made an hour ago."""
    data: dict[str, Any] = {
        "state": {"word": "quiet", "sentence": "Nobody."},
        "groups": list(groups),
        "reported": [],
        "adoption": {"users": []},
        "held": {"from": "2026-10-28T00:00:00Z", "to": "2026-11-27T11:00:00Z"},
        "missing_days": [],
        "last_look": None,
    }
    whole = {"made_at": "2026-11-27T11:00:00Z", "coverage": WHOLE}
    whole |= {name: fields.pop(name) for name in [*whole] if name in fields}
    return {**whole, "data": {**data, **fields}}


SINCE = dict.fromkeys(("", "ada@w.example", "canary@w.example", "bob@w.example"), NOW - 2 * DAY)
PROOFS = (
    Proof("ada@w.example", "oauth", good=True, at=NOW - timedelta(hours=2)),
    Proof("canary@w.example", "password", good=True, at=NOW - timedelta(hours=2)),
)


def known(held: Organization | None = None, **fields: Any) -> Known:
    """Return what is known; by default all is closed and proven."""
    whole: dict[str, Any] = {
        "conditions": Conditions(defaults=True, policies=()),
        "findings": record(),
        "now": NOW,
        "proofs": PROOFS,
        "since": SINCE,
    }
    return Known(held or closed_organization(), **{**whole, **fields})


def made(known: Known, tenant_: Tenant | None = None) -> tuple[Wave, ...]:
    """Return the waves."""
    return waves.of(tenant_ or tenant(), known.organization, known.findings, None, today=known.now.date())


def planned(known: Known, name: str = "pilot", tenant_: Tenant | None = None) -> Plan:
    """Return what is next for a wave, the waves before it left out of account."""
    whole = tenant_ or tenant()
    [wave] = [each for each in made(known, whole) if each.name == name]
    return closing.plan(wave, known, tenant=whole, id="20261127T120000-abc123")


def receipt(steps: Sequence[Step], at: datetime, *, title: str = "Wave pilot: x", undoes: str = "") -> Receipt:
    """Return the receipt of steps that were done at a moment."""
    plan = Plan(f"{at:%Y%m%dT%H%M%S}-1", title, "w", "w.example", "public", tuple(steps), made_at=at)
    return Receipt(plan, tuple(Entry(step.id, "done", at, settles_at=at + step.lag) for step in steps), undoes=undoes)
