"""What of the old ways is still open in a tenant: passwords by SMTP AUTH, old clients, old phones, old TLS."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ..mail import access
from ..state import AuthenticationPolicy, ConditionalAccessPolicy, Mailbox, Tenant
from .meant import listed

__all__ = ["faults", "refuses_passwords"]

_LEGACY: Final = frozenset({"exchangeActiveSync", "other", "all"})
_OLDEST_PHONE: Final = (16, 1)


def faults(tenant: Tenant, now: datetime) -> Iterator[str]:
    """Yield what is still open."""
    yield from _passwords(tenant, now)
    yield from _organization(tenant)
    yield from _policies(tenant)
    yield from _plans(tenant)
    yield from _phones(tenant)


def refuses_passwords(tenant: Tenant, box: Mailbox, now: datetime) -> bool:
    """Whether passwords are refused for *box* even where SMTP AUTH is on."""
    policy, allowed = _policy(tenant, box), tenant.exchange.basic_smtp_at(now)
    if tenant.directory.policies.security_defaults or allowed == "removed":
        return True
    return not policy.allow_basic.get("Smtp", False) if policy else allowed != "on"


def _policy(tenant: Tenant, box: Mailbox) -> AuthenticationPolicy | None:
    name = (box.authentication_policy or tenant.exchange.default_authentication_policy).lower()
    return next((one for one in tenant.exchange.authentication_policies if one.name.lower() == name), None)


def _passwords(tenant: Tenant, now: datetime) -> Iterator[str]:
    if tenant.directory.policies.security_defaults:
        return
    view = access.View(tenant.tenant_id, tenant.directory, tenant.exchange)
    taken: defaultdict[str, list[str]] = defaultdict(list)
    for box in tenant.exchange.mailboxes:
        if box.kind != "MailUser" and not box.soft_deleted and not access.basic_barrier(view, box.primary_smtp, now):
            policy = _policy(tenant, box)
            taken[policy.name if policy else ""].append(box.primary_smtp)
    for name, addresses in taken.items():
        many = f"{len(addresses)} mailboxes" if len(addresses) > 1 else "1 mailbox"
        why = f"the authentication policy {name} allows Basic" if name else "no authentication policy refuses Basic"
        yield f"SMTP AUTH takes passwords for {many} ({listed(addresses)}): {why}."


def _organization(tenant: Tenant) -> Iterator[str]:
    if not tenant.exchange.smtp_auth_disabled:
        yield (
            "SMTP AUTH is on in the organization, for every mailbox without a switch of its own; it should be off "
            "there, and on for the mailboxes that send."
        )
    if tenant.exchange.legacy_tls:
        yield "The organization lets clients in by TLS 1.0 and 1.1, which end with 2026."


def _policies(tenant: Tenant) -> Iterator[str]:
    policies = tenant.directory.policies
    blocking = [one for one in policies.conditional_access if _blocks(one)]
    enforced = [one for one in blocking if one.state == "enabled"]
    if not policies.security_defaults and not enforced:
        yield "Nothing blocks clients that only take a password: no Conditional Access policy is enforced that does."
    for one in enforced:
        users = _part(one.conditions, "users")
        if "All" not in _names(users, "includeUsers"):
            yield f'The policy "{one.display_name}" blocks old clients for some people only.'
        if left := [*_groups(tenant, users), *_excluded(tenant, users)]:
            yield f'The policy "{one.display_name}" leaves out {listed(left)}; in the end it should leave out nobody.'
    for one in blocking:
        if one.state == "enabledForReportingButNotEnforced":
            yield f'The policy "{one.display_name}" only reports; it should be enforced, or go.'


def _blocks(policy: ConditionalAccessPolicy) -> bool:
    clients = _names(policy.conditions, "clientAppTypes")
    return "block" in _names(policy.grant_controls, "builtInControls") and bool(_LEGACY.intersection(clients))


def _groups(tenant: Tenant, users: Mapping[str, Any]) -> Iterator[str]:
    groups = {one.id: one for one in tenant.directory.groups}
    for key in _names(users, "excludeGroups"):
        group = groups.get(key)
        yield f"the group {group.display_name} with {len(group.members)} members" if group else f"the group {key}"


def _excluded(tenant: Tenant, users: Mapping[str, Any]) -> Iterator[str]:
    for key in _names(users, "excludeUsers"):
        user = tenant.directory.user(key)
        yield user.user_principal_name if user else key


def _part(held: Mapping[str, Any] | None, key: str) -> Mapping[str, Any]:
    found = (held or {}).get(key)
    return found if isinstance(found, Mapping) else {}


def _names(held: Mapping[str, Any] | None, key: str) -> Sequence[str]:
    found = (held or {}).get(key)
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _plans(tenant: Tenant) -> Iterator[str]:
    """Say which plans open again what was closed: a protocol that is off for most mailboxes was closed on purpose."""
    boxes = [one for one in tenant.exchange.mailboxes if one.kind != "MailUser"]
    closed = {
        "IMAP": sum(not one.imap_enabled for one in boxes) * 2 > len(boxes),
        "POP": sum(not one.pop_enabled for one in boxes) * 2 > len(boxes),
    }
    for plan in tenant.exchange.cas_mailbox_plans:
        opens = {"IMAP": plan.imap_enabled, "POP": plan.pop_enabled}
        if again := [protocol for protocol, on in opens.items() if on and closed[protocol]]:
            yield f"The mailbox plan {plan.name} turns {listed(again)} on for every new mailbox; it should not."


def _phones(tenant: Tenant) -> Iterator[str]:
    for phone in tenant.exchange.mobile_devices:
        box = tenant.exchange.mailbox(phone.mailbox)
        which = f"The phone {phone.model or phone.device_id} of {box.primary_smtp if box else phone.mailbox}"
        version = tuple(int(one) for one in re.findall(r"\d+", phone.client_version))
        if phone.client_type == "EAS" and version < _OLDEST_PHONE:
            yield f"{which} speaks ActiveSync {phone.client_version}; Exchange refuses what is below 16.1."
        if phone.access_state == "Quarantined":
            more = ", as every new phone will" if tenant.exchange.default_access_level == "Quarantine" else ""
            yield f"{which} is in quarantine and waits for an administrator{more}."
