"""Whose password would come in by a change of notebook 60: a policy guards each switch, and each is set alone.

Somebody else may have set the one since the other was planned, so both are looked at right before either is changed.
Who takes passwords before a policy ends that is noted with its plan: taken back, it opens these and nobody else.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from .closable import closes_passwords
from .closingsteps import ASSIGNED, POLICY
from .organization import AuthenticationPolicy, Mailbox, Organization, is_policy
from .plan import Cmdlet, Operation, Plan, Receipt, Seen, Step, Value
from .waves import Wave, primary

__all__ = [
    "GUARDED",
    "TOOK",
    "Restored",
    "guarded",
    "is_guard",
    "noted",
    "opened",
    "policies",
    "restored",
    "switches",
    "unguarded",
]

TOOK: Final = "takes passwords by SMTP AUTH"
"""By this name a plan with policies notes the mailboxes whose passwords they end."""

GUARDED: Final = "guarded by a policy"
"""By this name a plan notes the mailboxes out of which a policy is to keep passwords, as SMTP AUTH is on for them."""

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


def guarded(change: Plan) -> tuple[str, ...]:
    """Return for whom a plan turns SMTP AUTH on and a policy is to keep passwords out, as it has noted them."""
    noted = frozenset(change.noted.get(GUARDED, ()))
    return tuple(each for each in switches(change) if each in noted)


def unguarded(change: Plan, organization: Organization) -> tuple[str, ...]:
    """Return those that are `guarded`, and no policy is seen to keep passwords out of them.

    Args:
        change: The plan, which has noted them.
        organization: What Exchange holds right now.
    """
    found = ((primary(organization, each), organization.mailbox(each)) for each in guarded(change))
    return tuple(address for address, box in found if not (box and closes_passwords(organization, box)))


def noted(change: Plan, organization: Organization, wave: Wave | None = None) -> Plan:
    """Return a plan with whose passwords its policies end, and out of whose mailboxes a policy is to keep them.

    A mailbox of which it is not known that it takes passwords is none whose passwords end.

    Args:
        change: The plan; none of it was carried out.
        organization: What Exchange holds right now.
        wave: Its wave; who is excepted in it by name keeps the password. None where it takes policies back.
    """
    found = dict[str, tuple[str, ...]]()
    if steps := policies(change):
        after = _changed((step.do for step in steps), organization)
        pairs = zip(organization.mailboxes or (), after.mailboxes or (), strict=True)
        found[TOOK] = tuple(
            _id(box) for box, then in pairs if _takes(organization, box) and closes_passwords(after, then)
        )
    if wave and switches(change):
        spared = {each.address for each in wave.excepted}
        found[GUARDED] = tuple(each for each in switches(change) if primary(organization, each) not in spared)
    return replace(change, noted=found)


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


@dataclass(frozen=True)
class Restored:
    """What a plan that takes policies back leaves, as a script compares it with what stands when it is run.

    Args:
        held: The policy that each account has, by what it is called in the plan, where nobody else has set one since;
            ``""`` is the organization's default.
        given: The one that it gets.
        altered: Whether a policy that is altered or removed refuses passwords then, by its name.
    """

    held: Mapping[str, Value]
    given: Mapping[str, Value]
    altered: Mapping[str, Value]


def restored(back: Plan) -> Restored | None:
    """Return what a plan that takes policies back leaves; None for any other plan."""
    steps = [step for step in policies(back) if step.takes_back and isinstance(step.do, Cmdlet)]
    owned = {_identity(step): step for step in steps if step.group == ASSIGNED}
    made = [(name, step.do) for step in steps for name in _alters(step)]
    if not steps:
        return None
    return Restored(
        {name: _owned(step.before) for name, step in owned.items()},
        {name: _owned(step.after) for name, step in owned.items()},
        {name: isinstance(do, Cmdlet) and _refuses(do) for name, do in made},
    )


def _owned(seen: Seen) -> Value:
    held: Value = next(iter((seen or {}).values()), None)
    return held


def _refuses(do: Cmdlet) -> bool:
    return do.name != "Remove-AuthenticationPolicy" and do.parameters.get(_BASIC) is not True


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
            case Cmdlet("Remove-AuthenticationPolicy"):
                held.pop(name.lower(), None)
            case Cmdlet("New-AuthenticationPolicy" | "Set-AuthenticationPolicy") as made:
                held[name.lower()] = AuthenticationPolicy(name, {"Smtp": not _refuses(made)})
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
