"""Notebook 40's look at a tenant as one value, what a person said beside it, and its record.

Where an app stands with the mailboxes that it is to open: what Exchange holds, what each mailbox lets in, as whom its
senders send, and what the app can open today. The plan over it is made in `mailgrants`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from . import admission, evidence, grants, mailgrants, parameters, permissions
from .admission import Conflict, Effective
from .checks import worst
from .conditions import AccessPolicy, Conditions
from .coverage import Coverage
from .errors import ConfigurationError
from .froms import Froms
from .hygiene import Matter, matters
from .mailgrants import ALL, App, Opening, Wish
from .organization import Openings, Organization, named
from .plan import Plan, Receipt
from .tenants import MailApp, Tenant
from .tenants import Mailbox as Wanted

__all__ = ["Found", "app_of", "listed", "networks", "record", "settings", "signers", "wish"]


@dataclass(frozen=True)
class Found:
    """What a look brought.

    Args:
        app: The app that is to open the mailboxes.
        wanted: Which mailboxes, from the tenants file.
        organization: What Exchange holds.
        conditions: What Entra holds.
        effective: What each of these mailboxes lets in, and each mailbox of somebody who signs in for another.
        opened: What the app can open over the whole organization; empty where that was not asked.
        froms: From addresses that were seen in use, by the account that used them.
        signs_in: Who signs in for a shared mailbox, as it was told; see `signers`.
        coverage: How far the look reached.
        source: Where it is from: ``exchange``, or the name of a file that a script collected.
    """

    app: App
    wanted: tuple[Wanted, ...]
    organization: Organization
    conditions: Conditions
    effective: tuple[Effective, ...] = ()
    opened: tuple[Openings, ...] = ()
    froms: tuple[Froms, ...] = ()
    signs_in: Mapping[str, str] = field(default_factory=dict)
    coverage: tuple[Coverage, ...] = ()
    source: str = "exchange"

    @property
    def senders(self) -> Mapping[str, tuple[str, ...]]:
        """From addresses that surely are a mailbox's own sender's, by its address in lower case.

        What another sender behind the same network may have used is left to a person.
        """
        boxes = ((self.organization.mailbox(each.account), each) for each in self.froms)
        return {
            box.address.lower(): tuple(use.address for use in each.others(self.organization) if use.sure)
            for box, each in boxes
            if box is not None
        }

    @property
    def conflict(self) -> Conflict:
        """Where turning SMTP AUTH off and sending with OAuth contradict each other, for whoever signs in to send."""
        sending = mailgrants.submitting(self.app, self.organization, wish(self))
        return admission.conflicts(self.effective, sending=sending)

    @property
    def hygiene(self) -> tuple[Matter, ...]:
        """What is wrong with the wanted mailboxes beside how they are signed in to."""
        return matters(self.organization, self.conditions, only=[each.address for each in self.wanted])

    @property
    def openings(self) -> tuple[Opening, ...]:
        """What the app itself can open or send as today, as far as it was read."""
        return mailgrants.openings(self.app, self.organization, wish(self), self.opened)


def wish(found: Found, *, let_passwords_in: str = "", remove_extra: str = "") -> Wish:
    """Return what is wanted.

    Args:
        found: The look.
        let_passwords_in: Addresses, with commas, where SMTP AUTH is opened though passwords come in with it.
        remove_extra: Addresses, with commas, that the app is to open no longer; or ``every mailbox``.

    Raises:
        ConfigurationError: One of them is no address, or no mailbox that was looked at.
    """
    told = frozenset(listed("let_passwords_in", let_passwords_in))
    known = {each.mailbox.address.lower() for each in found.effective}
    if strange := sorted(told - known):
        raise ConfigurationError(
            f"let_passwords_in: found {strange[0]}, which is none of the mailboxes that are planned.",
            remedy=f"Name one of {', '.join(sorted(known)) or 'none: no mailbox was read'}.",
        )
    boxes = {each.mailbox.address.lower(): each for each in found.effective}
    safe = {address for address, each in boxes.items() if admission.safe_to_open(each).outcome == "ok"}
    return Wish(
        mailboxes=found.wanted,
        senders=found.senders,
        signs_in=found.signs_in,
        doors={address: admission.safe_to_open(each, told=address in told) for address, each in boxes.items()},
        let_in=told - safe,
        remove_extra=frozenset(listed("remove_extra", remove_extra)),
    )


def app_of(mail_app: MailApp, consents: grants.Found) -> App:
    """Return an app as the consent that a script collected shows it; the registration is not in there."""
    kinds, held = grants.needs(mail_app), consents.held.get(mail_app.client_id)
    offer = next((each for each in consents.offers if each.resource == "exchange"), None)
    role = offer.id_of("role", permissions.of("smtp", "role")[0].value) if offer else ""
    return App(
        name=mail_app.name,
        client_id=mail_app.client_id,
        object_id=held.enterprise.object_id if held and held.enterprise else "",
        alone="role" in kinds,
        people="scope" in kinds,
        smtp=mail_app.smtp,
        consented=(offer.object_id, role) in held.roles if held and offer and role else None,
        wide=grants.wide(held.roles, consents.offers) if held else (),
    )


def networks(findings: Mapping[str, object]) -> Mapping[str, tuple[str, ...]]:
    """Return from which networks each account signed in to send, by account in lower case.

    Args:
        findings: The record of notebook 10.
    """
    data = findings.get("data")
    groups = data.get("groups", ()) if isinstance(data, Mapping) else ()
    found: dict[str, list[str]] = {}
    for group in groups:
        if group["user"] and group["protocol"] == "SMTP AUTH" and group["network"]["address"]:
            found.setdefault(str(group["user"]).lower(), []).append(str(group["network"]["address"]))
    return {account: tuple(dict.fromkeys(each)) for account, each in found.items()}


def listed(parameter: str, text: str) -> tuple[str, ...]:
    """Return the addresses of a list with commas, in lower case.

    Raises:
        ConfigurationError: One of them is no address; the text names the parameter.
    """
    parts = parameters.listed(text)
    return tuple(dict.fromkeys(part if part == ALL else _address(parameter, part) for part in parts))


def signers(text: str) -> Mapping[str, str]:
    """Return who signs in for which shared mailbox, by its address in lower case; ``""`` stands for all others.

    Args:
        text: Pairs with commas, such as ``orders@x.example=program@x.example``; an address alone is for all.

    Raises:
        ConfigurationError: Something in it is no address.
    """
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    return {
        _address("signs_in", shared) if equals else "": _address("signs_in", who if equals else shared)
        for shared, equals, who in pairs
    }


def _address(parameter: str, text: str) -> str:
    try:
        return named(text.strip())
    except ConfigurationError as error:
        raise ConfigurationError(f"{parameter}: {error.message}", remedy=error.remedy) from None


def record(
    tenant: Tenant, found: Found, change: Plan | None, receipt: Receipt | None, *, made_at: datetime
) -> Mapping[str, object]:
    """Return the record of notebook 40: what was found at last, what was planned, and what became of it.

    Args:
        tenant: The tenant.
        found: The last look.
        change: The plan; None where none was made.
        receipt: What became of it.
        made_at: The moment, aware.

    Raises:
        EvidenceError: The record does not fit its schema; the text names the field.
    """
    checks = change.checks if change else ()
    data = {
        "tenant_id": tenant.tenant_id,
        "app": {"name": found.app.name, "client_id": found.app.client_id, "object_id": found.app.object_id},
        "source": found.source,
        "outcome": worst(checks),
        "checks": [evidence.plain(check) for check in checks],
        "mailboxes": evidence.plain(list(_mailboxes(found))),
        "openings": [evidence.plain(each) for each in found.openings],
        "settings": evidence.plain(settings(found.organization, found.conditions)),
        "senders": evidence.plain(found.senders),
        "plan": evidence.planned(change, receipt),
    }
    return evidence.envelope("mailboxes", tenant, found.coverage, data, made_at)


def _mailboxes(found: Found) -> Iterator[Mapping[str, object]]:
    answers = {each.mailbox.address.lower(): each for each in found.effective}
    for each in found.wanted:
        known = found.organization.mailbox(each.address)
        told = answers.get(known.address.lower()) if known else None
        yield {
            "address": each.address,
            "protocols": list(each.protocols),
            "kind": known.kind if known else "",
            "doors": [
                {"protocol": one.protocol, "kind": one.kind, "state": one.state, "decides": one.decides.rule}
                for one in (told.answers if told else ())
            ],
        }


def settings(organization: Organization, held: Conditions) -> Mapping[str, object]:
    """Return what holds for the whole tenant, None for what was not read.

    Args:
        organization: What Exchange holds.
        held: What Entra puts before a mailbox.
    """
    seen = organization.settings
    legacy = None if held.policies is None else [each for each in held.policies if each.reaches("other")]
    changes = held.changes
    return {
        "smtp_off": seen.smtp_off,
        "ews": seen.ews,
        "ews_apps": None if seen.ews_apps is None else list(seen.ews_apps),
        "legacy_tls": seen.legacy_tls,
        "default_policy": seen.default_policy,
        "security_defaults": held.defaults,
        "access": None if legacy is None else [_access(each) for each in legacy],
        "changes": None
        if changes is None
        else [{"policy": each.policy, "at": each.at, "excluded": len(each.excluded)} for each in changes],
        "domains": None
        if held.domains is None
        else [{"name": name, "kind": kind} for name, kind in sorted(held.domains.items())],
    }


def _access(each: AccessPolicy) -> Mapping[str, object]:
    return {
        "id": each.id,
        "name": each.name,
        "state": each.state,
        "managed": each.managed,
        "stops": each.effect("other") == "stops",
        "excludes": len(each.exclude.ids),
        "changed_at": each.changed_at,
        "switches_on": each.switches_on,
    }
