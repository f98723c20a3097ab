"""Conditional Access policies."""

from collections.abc import Mapping
from typing import Any, Final

from practice.access import sign_in_frequency
from practice.state import ConditionalAccessPolicy, Directory

from . import bodies, errors, queries
from .callers import Access
from .calls import Answer, Call, Key, Operation

__all__ = ["OPERATIONS"]

_KIND: Final = "ConditionalAccessPolicy"
_FIELDS: Final = frozenset({"displayName", "state", "conditions", "grantControls", "sessionControls"})
_FIXED: Final = frozenset({"id", "createdDateTime", "modifiedDateTime", "templateId"})
_POLICY: Final = queries.Kind(
    "conditionalAccessPolicy",
    "identity/conditionalAccess/policies",
    _FIELDS | {"id", "createdDateTime", "modifiedDateTime"},
)
_READ: Final = Access(
    ("Policy.Read.All", "Policy.Read.ConditionalAccess", "Policy.ReadWrite.ConditionalAccess"),
    roles=(
        "Global Administrator",
        "Global Reader",
        "Conditional Access Administrator",
        "Security Administrator",
        "Security Reader",
    ),
)
_WRITE: Final = Access(
    ("Policy.ReadWrite.ConditionalAccess",),
    roles=("Global Administrator", "Conditional Access Administrator", "Security Administrator"),
)


def _shown(policy: ConditionalAccessPolicy) -> dict[str, Any]:
    return policy.model_dump(mode="json", by_alias=True)


def _list(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.listed(call, _POLICY, map(_shown, directory.policies.conditional_access))


def _get(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.single(call, _POLICY, _shown(_one(directory, call.keys[0])))


def _one(directory: Directory, key: Key) -> ConditionalAccessPolicy:
    policy = next((one for one in directory.policies.conditional_access if one.id == key.guid), None)
    if policy is None:
        raise errors.Refusal(404, "NotFound", f"{key.value} does not exist in the directory.")
    return policy


def _post(call: Call) -> Answer:
    given = bodies.fields(call.body, _KIND, _FIELDS, _FIXED)
    bodies.text(given, "displayName", _KIND, longest=256)
    with call.tenant() as tenant:
        _check_premium(premium=tenant.premium)
    with call.changing() as (seen, directory):
        made = bodies.made(ConditionalAccessPolicy, {"state": "disabled", **given}, _KIND)
        made.created_date_time = call.now
        _check(seen, made)
        directory.policies.conditional_access.append(made)
    return call.one(_POLICY.collection, _shown(made), 201)


def _check_premium(*, premium: bool) -> None:
    if not premium:
        raise errors.denied("Your tenant is not licensed for this feature.", "AccessDenied")  # ≈


def _patch(call: Call) -> Answer:
    given = bodies.fields(call.body, _KIND, _FIELDS, _FIXED)
    with call.changing() as (seen, directory):
        policy = _one(directory, Key(_one(seen, call.keys[0]).id))
        bodies.merged(policy, given, _KIND)
        policy.modified_date_time = call.now
        _check(seen, policy)
    return Answer()


def _check(seen: Directory, policy: ConditionalAccessPolicy) -> None:
    if policy.state == "enabled" and seen.policies.security_defaults:
        raise errors.bad(
            "Security Defaults is enabled in the tenant. You must disable Security defaults before enabling a"
            " Conditional Access policy.",
            "BadRequest",
        )
    conditions: Mapping[str, Any] = policy.conditions
    if not all(isinstance(conditions.get(name), dict) for name in ("users", "applications")):
        # ≈
        raise errors.bad("1033: Policy must have both users and applications among its conditions.", "BadRequest")
    frequency = sign_in_frequency(policy)
    for name, control in (policy.session_controls or {}).items():
        if _is_on(control) and not (name == "signInFrequency" and frequency):
            raise errors.bad(
                f"The practice cloud does not enforce {name[:100]}, and takes no policy that asks for it.", "BadRequest"
            )
    if not policy.grant_controls and not frequency:
        raise errors.bad("1003: Policy must have at least one grant or session control.", "BadRequest")  # ≈


def _is_on(control: object) -> bool:
    if isinstance(control, Mapping):
        return control.get("isEnabled") is not False
    return bool(control)


def _delete(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        gone = _one(seen, call.keys[0]).id
        directory.policies.conditional_access = [one for one in directory.policies.conditional_access if one.id != gone]
    return Answer()


_AT: Final = "identity/conditionalAccess/policies"

OPERATIONS: Final = (
    Operation("GET", _AT, _list, _READ),
    Operation("POST", _AT, _post, _WRITE),
    Operation("GET", f"{_AT}/{{}}", _get, _READ),
    Operation("PATCH", f"{_AT}/{{}}", _patch, _WRITE),
    Operation("DELETE", f"{_AT}/{{}}", _delete, _WRITE),
)
