"""Mailboxes, organizations and policies for the tests of what lets a sign-in in, by the names of how each is set."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations, product
from typing import Any, Final

from mailauth import conditions
from mailauth.conditions import Conditions
from mailauth.organization import AuthenticationPolicy, Mailbox, Organization, Settings

__all__ = ["ADA", "AT", "FACTORS", "GROUP", "Setting", "box", "entra", "exchange", "pairwise", "records", "whole"]

AT: Final = datetime(2026, 11, 25, 12, tzinfo=UTC)
ADA: Final = "5f0e4b0a-6f38-4a55-9d0f-3f4b8b8f0001"
GROUP: Final = "5f0e4b0a-6f38-4a55-9d0f-3f4b8b8f00aa"

Setting = Mapping[str, str]

FACTORS: Final[Mapping[str, Sequence[str]]] = {
    "tenant": ("on", "off", "unread"),
    "mailbox": ("inherit", "on", "off", "unread"),
    "policy": ("none", "lets", "does not let", "unread"),
    "default": ("none", "lets", "does not let", "unread"),
    "defaults": ("off", "on", "unread"),
    "access": ("none", "blocks", "asks", "reports", "excluded", "disabled", "members unread", "unread"),
}
"""What decides about SMTP AUTH, and each way in which it can be set."""


def whole(factors: Mapping[str, Sequence[str]] = FACTORS) -> Iterator[dict[str, str]]:
    """Yield every setting there is."""
    return (dict(zip(factors, values, strict=True)) for values in product(*factors.values()))


def pairwise(factors: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Return few settings that hold every pair of values of two factors: most faults need no more than two."""
    pairs = [(setting, frozenset(_pairs(setting))) for setting in whole(factors)]
    left = set().union(*(held for _, held in pairs))
    chosen: list[dict[str, str]] = []
    while left:
        best, held = max(pairs, key=lambda each: len(left & each[1]))
        chosen.append(best)
        left -= held
    return chosen


def _pairs(setting: Setting) -> Iterable[tuple[tuple[str, str], ...]]:
    return combinations(setting.items(), 2)


def box(mailbox: str = "inherit", policy: str = "none", **details: Any) -> Mailbox:
    """Return Ada's mailbox, in order but for what is told."""
    named = {"none": "", "unread": None}.get(policy, policy)
    switch = "unknown" if mailbox == "unread" else mailbox
    usual = {
        "address": "ada@woodgrove.example",
        "upn": "ada@woodgrove.example",
        "object_id": ADA,
        "kind": "UserMailbox",
        "imap": True,
        "pop": True,
        "active_sync": True,
        "smtp": switch,
        "authentication_policy": named,
        "licensed": True,
        "account_disabled": False,
    }
    return Mailbox(**{**usual, **details})


def exchange(tenant: str = "on", default: str = "none", *boxes: Mailbox) -> Organization:
    """Return an organization with two authentication policies, named for what they do."""
    named = {"none": "", "unread": None}.get(default, default)
    switch = {"on": False, "off": True, "unread": None}[tenant]
    policies = (AuthenticationPolicy("lets", {"Smtp": True}), AuthenticationPolicy("does not let", {"Smtp": False}))
    return Organization(Settings(smtp_off=switch, default_policy=named), policies=policies, mailboxes=boxes)


def entra(defaults: str = "off", access: str = "none", **further: Any) -> Conditions:
    """Return what Entra holds: security defaults, and a policy named for what it does to Ada's password."""
    found: dict[str, Any] = {
        "securityDefaults": {"isEnabled": defaults == "on"} if defaults != "unread" else None,
        "conditionalAccess": None if access == "unread" else records(access),
        "groupMembers": {} if access == "members unread" else {GROUP: [{"id": ADA}]},
        "domains": [{"id": "woodgrove.example", "authenticationType": "Managed"}],
        "users": [{"id": ADA, "userPrincipalName": "ada@woodgrove.example", "accountEnabled": True}],
    }
    return conditions.of({**found, **further})


def records(access: str, group: str = GROUP) -> list[dict[str, Any]]:
    """Return the policies of a directory, as Graph has them."""
    if access == "none":
        return []
    states = {"reports": "enabledForReportingButNotEnforced", "disabled": "disabled"}
    excluded = [group] if access in ("excluded", "members unread") else []
    return [
        {
            "id": "0a0a0a0a-6f38-4a55-9d0f-3f4b8b8f0002",
            "displayName": "No passwords",
            "state": states.get(access, "enabled"),
            "createdDateTime": "2026-03-02T09:00:00Z",
            "modifiedDateTime": None,
            "conditions": {
                "users": {"includeUsers": ["All"], "excludeUsers": [], "excludeGroups": excluded},
                "applications": {"includeApplications": ["All"], "excludeApplications": []},
                "clientAppTypes": ["all"] if access == "asks" else ["exchangeActiveSync", "other"],
            },
            "grantControls": {"operator": "OR", "builtInControls": ["mfa" if access == "asks" else "block"]},
        }
    ]
