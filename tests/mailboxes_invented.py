"""An organization with a few mailboxes, and an app that is to open them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mailauth import clouds, mailgrants
from mailauth.checks import Check
from mailauth.mailgrants import App, Wish
from mailauth.organization import Mailbox, MailboxRight, Organization, Principal, SendAs, Settings
from mailauth.plan import Cmdlet, Plan, Step
from mailauth.tenants import Mailbox as Wanted
from mailauth.tenants import Tenant

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
APP_ID = "aaaaaaaa-0000-0000-0000-000000000001"
ENTERPRISE = "eeeeeeee-0000-0000-0000-000000000002"
REGISTRATION = "dddddddd-0000-0000-0000-000000000003"
SID = "S-1-5-21-1-2-3-1104"

APP = App("mail", APP_ID, ENTERPRISE, REGISTRATION, consented=False)
KNOWN = Principal(ENTERPRISE, APP_ID, "mail", SID, "99999999-0000-0000-0000-000000000009")
TENANT = Tenant(name="woodgrove", tenant_id="11111111-1111-1111-1111-111111111111", cloud=clouds.built_in()["public"])
SAFE = Check("SMTP AUTH", "ok", "a password stays refused")


def address(name: str) -> str:
    return f"{name}@woodgrove.example"


def box(name: str, **fields: Any) -> Mailbox:
    """Return a mailbox in order, with SMTP AUTH as the organization has it."""
    own = address(name)
    known: dict[str, Any] = {"upn": own, "addresses": (own,), "kind": "UserMailbox", "licensed": True}
    return Mailbox(own, name, **{**known, "imap": True, "pop": True, "smtp": "inherit", **fields})


def organization(*boxes: Mailbox, **fields: Any) -> Organization:
    """Return an organization of these mailboxes, read whole, in which nobody was given anything."""
    whole: dict[str, Any] = {
        "settings": Settings(smtp_off=True, dehydrated=False),
        "principals": (KNOWN,),
        "rights": {each.address: () for each in boxes},
        "send_as": (),
        "scopes": (),
        "assignments": (),
        "smtp_role": True,
    }
    return Organization(mailboxes=boxes, **{**whole, **fields})


def right(name: str, trustee: str, **fields: Any) -> dict[str, tuple[MailboxRight, ...]]:
    """Return that *trustee* has FullAccess on a mailbox."""
    return {address(name): (MailboxRight(address(name), trustee, ("FullAccess",), **fields),)}


def sends(name: str, trustee: str) -> SendAs:
    return SendAs(address(name), trustee)


def wanted(name: str, *protocols: Any, **fields: Any) -> Wanted:
    return Wanted(address=address(name), protocols=protocols or ("imap",), **fields)


def wish(*mailboxes: Wanted, **fields: Any) -> Wish:
    """Return a wish in which SMTP AUTH can be opened safely everywhere."""
    doors = {each.address: SAFE for each in mailboxes}
    return Wish(mailboxes, **{"doors": doors, **fields})


def planned(held: Organization, asked: Wish, app: App = APP, tenant: Tenant = TENANT) -> Plan:
    return mailgrants.plan(app, held, asked, tenant=tenant, id="20261123T090000-abc123", now=NOW)


def calls(steps: Iterable[Step]) -> list[tuple[str, dict[str, Any]]]:
    """Return what steps send."""
    sent = [step.do for step in steps]
    return [(each.name, dict(each.parameters)) for each in sent if isinstance(each, Cmdlet)]


def told(plan: Plan) -> dict[str, str]:
    """Return the outcome of each check by its name."""
    return {check.name: check.outcome for check in plan.checks}


def by_role(app: App = APP) -> App:
    return replace(app, smtp="rbac")


def for_people(app: App = APP) -> App:
    return replace(app, alone=False, people=True)
