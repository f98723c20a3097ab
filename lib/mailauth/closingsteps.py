"""One change each on the way to a tenant that takes no password: policies, who has them, switches, what new ones get.

Each function returns one step: what is sent, the look that shows what it changes, and what takes it back. Which of them
a wave needs, and when, is `closing`'s business.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from . import cmdlets
from .mailsteps import mailbox_look, smtp_switch
from .organization import Mailbox
from .organization import Plan as MailboxPlan
from .plan import Cmdlet, GraphCall, Look, Ref, Step, Value
from .wording import span

__all__ = [
    "ACCESS",
    "ASSIGNED",
    "POLICY",
    "REPORT_ONLY",
    "TEMPLATE",
    "access_policy",
    "assigned",
    "default_policy",
    "following",
    "kept",
    "new_mailboxes",
    "policy",
    "strict",
    "tenant_switch",
    "tried_on",
]

POLICY: Final = "Authentication policy"
"""The group of steps that make or alter policies."""

ASSIGNED: Final = "Policy assignment"
"""The group of steps that say who has which policy."""

TEMPLATE: Final = "Block legacy authentication (report-only, from the mail runbook)"
"""What the Conditional Access policy is called, that a person may switch on."""

ACCESS: Final = "access-policy"
"""The id of the step that makes it."""

REPORT_ONLY: Final = "enabledForReportingButNotEnforced"

_SMTP: Final = "SmtpClientAuthenticationDisabled"
_BASIC: Final = "AllowBasicAuthSmtp"
_LAG: Final = timedelta(hours=1)
_AT: Final = "/v1.0/identity/conditionalAccess/policies"
_ID: Final = Ref("closing.access-policy.id")


def _old_state(settles: timedelta) -> str:
    return (
        f"an undo counts within {span(settles)}: until then passwords may be refused or taken. Where SMTP AUTH "
        "was switched on since, take that back first, as passwords come in by it"
    )


def _needs(cmdlet: Cmdlet) -> tuple[str, ...]:
    return (cmdlets.known()[cmdlet.name].role,)


def policy(name: str) -> Step:
    """Return a new authentication policy, in which every protocol refuses passwords."""
    # What a new policy is not asked to allow is off in it.
    make = Cmdlet("New-AuthenticationPolicy", {"Name": name})
    return Step(
        id=f"authentication-policy:{name.lower()}",
        title=f"Make the authentication policy “{name}”, which takes no passwords",
        why="It refuses passwords before anybody checks them. Whether tokens pass is documented both ways: prove it.",
        group=POLICY,
        service="exchange",
        do=make,
        look=_policy_look(name),
        before=None,
        after={_BASIC: False},
        undo=Cmdlet("Remove-AuthenticationPolicy", {"Identity": name}),
        needs=_needs(make),
    )


def strict(name: str, *, settles: timedelta) -> Step:
    """Return the change of an authentication policy that takes passwords for SMTP AUTH; it counts within *settles*."""
    # Left out, the switch stays as it is: off has to be said.
    change = Cmdlet("Set-AuthenticationPolicy", {"Identity": name, _BASIC: False})
    return Step(
        id=f"no-basic-smtp:{name.lower()}",
        title=f"Have the authentication policy “{name}” take no passwords for SMTP AUTH",
        why="Whoever has the policy sends with a password while it allows that.",
        group=POLICY,
        service="exchange",
        do=change,
        look=_policy_look(name),
        before={_BASIC: True},
        after={_BASIC: False},
        undo=Cmdlet("Set-AuthenticationPolicy", {"Identity": name, _BASIC: True}),
        needs=_needs(change),
        lag=settles,
        leaves=_old_state(settles),
    )


def _policy_look(name: str) -> Look:
    return Look(Cmdlet("Get-AuthenticationPolicy"), where={"Name": name}, fields=(_BASIC,), flags=(_BASIC,))


def assigned(box: Mailbox, name: str, *, settles: timedelta) -> Step:
    """Return the assignment of the policy *name* to a mailbox's account; it counts within *settles*."""
    who, found = box.guid or box.upn or box.address, box.authentication_policy or None
    change = Cmdlet("Set-User", {"Identity": who, "AuthenticationPolicy": name})
    return Step(
        id=f"policy-of:{box.address.lower()}",
        title=f"Give {box.address} the authentication policy “{name}”",
        why="A user's own policy comes before the organization's default, which the admin center may change unseen.",
        group=ASSIGNED,
        service="exchange",
        do=change,
        look=mailbox_look("Get-User", box, "AuthenticationPolicy", name=box.upn),
        before={"AuthenticationPolicy": found},
        after={"AuthenticationPolicy": name},
        undo=Cmdlet("Set-User", {"Identity": who, "AuthenticationPolicy": found}),
        needs=_needs(change),
        lag=settles,
        leaves=_old_state(settles),
    )


def default_policy(found: str, name: str, *, settles: timedelta) -> Step:
    """Return the choice of the policy *name* for whoever has none of their own.

    Args:
        found: Today's; empty for none.
        name: The policy.
        settles: How long at most until it counts.
    """
    change = Cmdlet("Set-OrganizationConfig", {"DefaultAuthenticationPolicy": name})
    back: Mapping[str, Value] = {"DefaultAuthenticationPolicy": found or None}
    return Step(
        id="default-policy",
        title=f"Give everybody without an authentication policy of their own “{name}”",
        why="The next account has no policy of its own, and the default is what it gets.",
        group=ASSIGNED,
        service="exchange",
        do=change,
        look=Look(Cmdlet("Get-OrganizationConfig"), fields=("DefaultAuthenticationPolicy",)),
        before=back,
        after={"DefaultAuthenticationPolicy": name},
        undo=Cmdlet("Set-OrganizationConfig", back),
        needs=_needs(change),
        lag=settles,
        leaves=_old_state(settles),
    )


def tried_on(box: Mailbox) -> Step:
    """Return a canary's own SMTP AUTH switch, on: a policy keeps passwords out of it, and one is refused there."""
    return smtp_switch(
        box,
        False,
        id="smtp-auth-on",
        title=f"Turn SMTP AUTH on for {box.address}, the canary",
        why="While it is off, the refusal of a password would speak of the switch and not of the policy.",
    )


def following(box: Mailbox) -> Step:
    """Return a mailbox's own SMTP AUTH switch, which is on, as one that follows the organization again."""
    return smtp_switch(
        box,
        None,
        id="smtp-auth-follows",
        title=f"Have {box.address} follow the organization's SMTP AUTH switch again",
        why="Nothing was seen to send from it with OAuth; a switch of its own outlasts the organization's.",
        leaves="nothing sends from it until it is taken back; a device may have given up by then",
    )


def kept(box: Mailbox, until: str) -> Step:
    """Return a mailbox's own SMTP AUTH switch, on for passwords too: it is excepted by name; *until* is its last day.

    Args:
        box: The mailbox.
        until: The last day of the exception, as a person reads it.
    """
    return smtp_switch(
        box,
        False,
        id="smtp-auth-kept",
        title=f"Keep SMTP AUTH on for {box.address}, for passwords too, until {until}",
        why="It is excepted by name, and would be off with the organization's switch.",
        leaves="what was sent with a password meanwhile stays sent",
    )


def tenant_switch() -> Step:
    """Return the organization's SMTP AUTH switch, off."""
    change = Cmdlet("Set-TransportConfig", {_SMTP: True})
    return Step(
        id="smtp-auth-off",
        title="Switch SMTP AUTH off for the organization",
        why="It stays on for the mailboxes with a switch of their own, and no new one opens by itself.",
        group="Organization switch",
        service="exchange",
        do=change,
        look=Look(Cmdlet("Get-TransportConfig"), fields=(_SMTP,)),
        before={_SMTP: False},
        after={_SMTP: True},
        undo=Cmdlet("Set-TransportConfig", {_SMTP: False}),
        needs=_needs(change),
        lag=_LAG,
        leaves="taken back, every mailbox that follows it is open again for what its authentication policy lets in",
    )


def new_mailboxes(plan: MailboxPlan) -> Step:
    """Return what a mailbox plan gives to new mailboxes, without the POP and IMAP that are on in it."""
    on = {"ImapEnabled": plan.imap, "PopEnabled": plan.pop}
    off: dict[str, Value] = {name: False for name, is_on in on.items() if is_on}
    back: dict[str, Value] = dict.fromkeys(off, True)
    change = Cmdlet("Set-CASMailboxPlan", {"Identity": plan.name, **off})
    return Step(
        id=f"mailbox-plan:{plan.name.lower()}",
        title=f"Give new mailboxes of the plan {plan.title or plan.name} no POP or IMAP",
        why="What is closed for everybody today opens again with the next hire otherwise.",
        group="Mailbox plan",
        service="exchange",
        do=change,
        look=Look(Cmdlet("Get-CASMailboxPlan", {"Identity": plan.name}), fields=tuple(off)),
        before=back,
        after=off,
        undo=Cmdlet("Set-CASMailboxPlan", {"Identity": plan.name, **back}),
        needs=_needs(change),
        lag=_LAG,
        leaves="mailboxes that were made meanwhile keep what they got",
    )


def access_policy(spared: Iterable[str]) -> Step:
    """Return a Conditional Access policy against clients that show nothing but a password, which only reports.

    Args:
        spared: The object ids of the accounts that are excepted by name.
    """
    body: Mapping[str, Value] = {
        "displayName": TEMPLATE,
        "state": REPORT_ONLY,
        "conditions": {
            "clientAppTypes": ["exchangeActiveSync", "other"],
            "applications": {"includeApplications": ["All"]},
            "users": {"includeUsers": ["All"], "excludeUsers": sorted(spared)},
        },
        "grantControls": {"operator": "OR", "builtInControls": ["block"]},
    }
    return Step(
        id=ACCESS,
        title="Make a Conditional Access policy against legacy clients, which only reports",
        why="The sign-in log then shows whom it would stop; a person switches it on, or does not.",
        group="Conditional Access",
        service="graph",
        do=GraphCall("POST", (_AT,), body),
        look=Look(GraphCall("GET", (_AT,)), where={"displayName": TEMPLATE}, fields=("state",), binds={_ID.name: "id"}),
        before=None,
        after={"state": REPORT_ONLY},
        undo=GraphCall("DELETE", (f"{_AT}/", _ID)),
        needs=("Policy.ReadWrite.ConditionalAccess", "Policy.Read.All"),
        leaves="what it reported stays in the sign-in log; once somebody has switched it on, it is theirs to take back",
    )
