"""Whose password would come in by a change of notebook 60: a policy guards each switch, and each is set alone.

Somebody else may have set the one since the other was planned, so both are looked at right before either is changed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .closable import closes_passwords
from .closingsteps import ASSIGNED, POLICY
from .organization import Mailbox, Organization
from .plan import Cmdlet, Plan, Receipt, Step
from .waves import Wave, primary

__all__ = ["is_guard", "opened", "switches", "unguarded"]

_SMTP: Final = "SmtpClientAuthenticationDisabled"
_TOUCHED: Final = frozenset({"done", "unclear"})


def is_guard(receipt: Receipt) -> bool:
    """Whether taking a receipt back takes a policy from somebody."""
    return any(_taken_back(receipt))


def switches(change: Plan) -> tuple[str, ...]:
    """Return for whom a plan turns SMTP AUTH on, as it names them."""
    asked = (step.do.parameters for step in change.steps if isinstance(step.do, Cmdlet))
    return tuple(str(each["Identity"]) for each in asked if each.get(_SMTP) is False and "Identity" in each)


def unguarded(change: Plan, wave: Wave, organization: Organization) -> tuple[str, ...]:
    """Return the mailboxes for which a plan turns SMTP AUTH on though no policy is seen to keep passwords out.

    Args:
        change: The plan.
        wave: Its wave; who is excepted by name keeps the password.
        organization: What Exchange holds right now.
    """
    spared = {each.address for each in wave.excepted}
    asked = (primary(organization, each) for each in switches(change))
    found = ((address, organization.mailbox(address)) for address in asked if address not in spared)
    return tuple(address for address, box in found if not (box and closes_passwords(organization, box)))


def opened(receipt: Receipt, organization: Organization, before: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the mailboxes that take passwords by SMTP AUTH once a receipt's policies are taken back.

    A mailbox for which SMTP AUTH was on before the policy gets back what it had, and is none of them.

    Args:
        receipt: What is to be taken back.
        organization: What Exchange holds right now.
        before: The settings as evidence has them from before the policy, or from right after; None for none.
    """
    steps = tuple(_taken_back(receipt))
    return tuple(
        box.address.lower()
        for box in organization.mailboxes or ()
        if _is_on(box.smtp, organization.settings.smtp_off)
        and any(_loses(box, step, organization) for step in steps)
        and not _was_on(box, before)
    )


def _taken_back(receipt: Receipt) -> Iterator[Step]:
    touched = {entry.step for entry in receipt.entries if entry.outcome in _TOUCHED}
    yield from (each for each in receipt.plan.steps if each.id in touched and each.group in (ASSIGNED, POLICY))


def _loses(box: Mailbox, step: Step, organization: Organization) -> bool:
    """Whether a mailbox that a policy guards loses that guard with a step."""
    if closes_passwords(organization, box) is False or not isinstance(step.do, Cmdlet):
        return False
    default = organization.settings.default_policy or ""
    if step.group == POLICY:
        name = step.do.parameters.get("Identity") or step.do.parameters.get("Name")
        return (box.authentication_policy or default).lower() == str(name).lower()
    if "Identity" in step.do.parameters:
        mine = str(step.do.parameters["Identity"]).lower() in box.names
        return mine and not _refuses(_before(step, "AuthenticationPolicy") or default, organization)
    follows = not box.authentication_policy
    return follows and not _refuses(_before(step, "DefaultAuthenticationPolicy"), organization)


def _before(step: Step, field: str) -> str:
    held = step.before.get(field) if isinstance(step.before, Mapping) else None
    return str(held or "")


def _refuses(name: str, organization: Organization) -> bool:
    policy = organization.policy(name) if name else None
    return bool(policy and not policy.allow_smtp)


def _was_on(box: Mailbox, before: Mapping[str, Any] | None) -> bool:
    every = before["mailboxes"] if before else None
    held = next((each["smtp"] for each in every or () if each["address"] == box.address.lower()), "unknown")
    return held != "unknown" and before is not None and _is_on(held, before["smtp_off"])


def _is_on(smtp: str, off: bool | None) -> bool:
    # What was not read may be on.
    return smtp in ("on", "unknown") or (smtp == "inherit" and off is not True)
