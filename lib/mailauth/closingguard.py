"""Whose password would come in by a change of notebook 60: a policy guards each switch, and each is set alone.

Somebody else may have set the one since the other was planned, so both are looked at right before either is changed.
Who takes passwords before a policy ends that is noted with its plan: taken back, it gives that back, and to nobody else.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from .closable import closes_passwords
from .closingsteps import ASSIGNED, POLICY
from .organization import AuthenticationPolicy, Mailbox, Organization, is_policy
from .plan import Cmdlet, Operation, Plan, Receipt, Step
from .waves import Wave, primary

__all__ = ["TOOK", "is_guard", "noted", "opened", "policies", "switches", "unguarded"]

TOOK: Final = "takes passwords by SMTP AUTH"
"""By this name a plan with policies notes the mailboxes whose passwords they end."""

_SMTP: Final = "SmtpClientAuthenticationDisabled"
_BASIC: Final = "AllowBasicAuthSmtp"
_POLICIES: Final = frozenset({ASSIGNED, POLICY})


def is_guard(receipt: Receipt) -> bool:
    """Whether taking a receipt back takes a policy from somebody."""
    return any(_taken_back(receipt))


def policies(change: Plan) -> tuple[Step, ...]:
    """Return the steps of a plan that make policies, alter them, or say who has which."""
    return tuple(each for each in change.steps if each.group in _POLICIES)


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


def noted(change: Plan, organization: Organization) -> Plan:
    """Return a plan with the mailboxes whose passwords its policies end; one without policies is as it was.

    A mailbox of which it is not known that it takes passwords is none of them.

    Args:
        change: The plan; none of it was carried out.
        organization: What Exchange holds right now.
    """
    steps = policies(change)
    if not steps:
        return change
    after = _changed((step.do for step in steps), organization)
    pairs = zip(organization.mailboxes or (), after.mailboxes or (), strict=True)
    ended = (box for box, then in pairs if _takes(organization, box) and closes_passwords(after, then))
    return replace(change, noted={**change.noted, TOOK: tuple(map(_id, ended))})


def opened(receipt: Receipt, organization: Organization) -> tuple[str, ...]:
    """Return the mailboxes that take passwords by SMTP AUTH once a receipt's policies are taken back.

    A mailbox that took them before, as the receipt has noted, gets back what it had, and is none of them.

    Args:
        receipt: What is to be taken back.
        organization: What Exchange holds right now.
    """
    steps = tuple(_taken_back(receipt))
    after = _changed((step.undo for step in _standing(steps, organization) if step.undo), organization)
    altered = frozenset(name for step in steps for name in _alters(step))
    before = frozenset(receipt.plan.noted.get(TOOK, ()))
    return tuple(
        box.address.lower()
        for box, then in zip(organization.mailboxes or (), after.mailboxes or (), strict=True)
        if _is_on(box.smtp, organization.settings.smtp_off)
        and closes_passwords(organization, box) is not False
        and (_policy(after, then) != _policy(organization, box) or _policy(organization, box) in altered)
        and not closes_passwords(after, then)
        and before.isdisjoint(box.names)
    )


def _taken_back(receipt: Receipt) -> Iterator[Step]:
    """Yield the steps whose undo takes a policy from somebody, the last first."""
    yield from (each for each in reversed(receipt.changed) if each.group in _POLICIES)


def _standing(steps: Iterable[Step], organization: Organization) -> Iterator[Step]:
    """Yield the steps but those that give an account a policy, where by now it has another one: no undo takes that."""
    for step in steps:
        box = organization.mailbox(_identity(step))
        held, wanted = box.authentication_policy if box else None, _given(step)
        if held is None or wanted is None or is_policy(held, wanted):
            yield step


def _identity(step: Step) -> str:
    named = step.do.parameters.get("Identity") if isinstance(step.do, Cmdlet) and step.group == ASSIGNED else None
    return str(named or "")


def _given(step: Step) -> str | None:
    held = step.after.get("AuthenticationPolicy") if isinstance(step.after, Mapping) else None
    return str(held) if held else None


def _alters(step: Step) -> Iterator[str]:
    """Yield the name of the policy that a step makes or alters, in lower case."""
    if step.group == POLICY and isinstance(step.do, Cmdlet):
        yield str(step.do.parameters.get("Identity") or step.do.parameters.get("Name")).lower()


def _changed(operations: Iterable[Operation], organization: Organization) -> Organization:
    """Return what Exchange holds once cmdlets that set policies are carried out."""
    held = {each.name.lower(): each for each in organization.policies or ()}
    owners, default = dict[str, str](), organization.settings.default_policy
    for each in operations:
        given = each.parameters if isinstance(each, Cmdlet) else {}
        name = str(given.get("Name") or given.get("Identity") or "")
        match each:
            case Cmdlet("New-AuthenticationPolicy" | "Set-AuthenticationPolicy"):
                held[name.lower()] = AuthenticationPolicy(name, {"Smtp": given.get(_BASIC) is True})
            case Cmdlet("Remove-AuthenticationPolicy"):
                held.pop(name.lower(), None)
            case Cmdlet("Set-User"):
                owners[name.lower()] = str(given["AuthenticationPolicy"] or "")
            case Cmdlet("Set-OrganizationConfig"):
                default = str(given["DefaultAuthenticationPolicy"] or "")
    return replace(
        organization,
        settings=replace(organization.settings, default_policy=default),
        policies=None if organization.policies is None else tuple(held.values()),
        mailboxes=tuple(_owning(box, owners) for box in organization.mailboxes or ()),
    )


def _owning(box: Mailbox, owners: Mapping[str, str]) -> Mailbox:
    given = next((owners[name] for name in box.names if name in owners), None)
    return box if given is None else replace(box, authentication_policy=given)


def _policy(organization: Organization, box: Mailbox) -> str | None:
    """Return the policy that counts for a mailbox, in lower case; '' for none, None where its own was not read."""
    own = box.authentication_policy
    return None if own is None else (own or organization.settings.default_policy or "").lower()


def _takes(organization: Organization, box: Mailbox) -> bool:
    """Whether a mailbox is known to take passwords."""
    on = box.smtp == "on" or (box.smtp == "inherit" and organization.settings.smtp_off is False)
    return on and closes_passwords(organization, box) is False


def _id(box: Mailbox) -> str:
    return (box.guid or box.object_id or box.address).lower()


def _is_on(smtp: str, off: bool | None) -> bool:
    # What was not read may be on.
    return smtp in ("on", "unknown") or (smtp == "inherit" and off is not True)
