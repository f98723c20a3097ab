"""App management policies: which credentials an app may be given, and for how long.

A policy that is assigned to the app decides for each restriction that it names; the tenant's
default decides the rest, where it is enabled.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from practice.state import Application, Policies

from . import errors

__all__ = ["check_key", "check_secret", "governing"]

_DURATION: Final = TypeAdapter(timedelta)
_MOMENT: Final = TypeAdapter(datetime)

# Codes and sentences as tools have met and match them.
_TYPE: Final = ("CredentialTypeNotAllowedAsPerAppPolicy", "Credential type not allowed as per assigned policy")
_LIFETIME: Final = (
    "CredentialInvalidLifetimeAsPerAppPolicy",
    "Credential lifetime exceeds the max value allowed as per assigned policy",
)

Restriction = Mapping[str, Any]


def check_secret(policies: Policies, app: Application, start: datetime, end: datetime) -> None:
    """Return if *app* may be given a client secret for this time.

    Raises:
        Refusal: A policy forbids it.
    """
    found = governing(policies, app, "passwordCredentials")
    if "passwordAddition" in found:
        raise errors.bad(_TYPE[1], _TYPE[0])
    _check_lifetime(found.get("passwordLifetime"), start, end)


def check_key(policies: Policies, app: Application, start: datetime, end: datetime) -> None:
    """Return if *app* may be given a certificate for this time.

    Raises:
        Refusal: A policy forbids it.
    """
    _check_lifetime(governing(policies, app, "keyCredentials").get("asymmetricKeyLifetime"), start, end)


def governing(policies: Policies, app: Application, credentials: str) -> dict[str, Restriction]:
    """Return the restrictions that hold for *app*, by type.

    Args:
        policies: The tenant's.
        app: The app registration.
        credentials: ``passwordCredentials`` or ``keyCredentials``.
    """
    own: dict[str, Restriction] = {}
    for policy in policies.managed_app_policies:
        if policy.get("isEnabled") is True and app.id in _list(policy.get("appliesTo")):
            own |= _by_type(_part(policy, "restrictions", credentials))
    default: dict[str, Restriction] = {}
    if policies.app_management.get("isEnabled") is True:
        default = _by_type(_part(policies.app_management, "applicationRestrictions", credentials))
    return {name: one for name, one in {**default, **own}.items() if _in_force(one, app)}


def _in_force(restriction: Restriction, app: Application) -> bool:
    if restriction.get("state", "enabled") != "enabled":
        return False
    after = _read(_MOMENT, restriction.get("restrictForAppsCreatedAfterDateTime"))
    return after is None or app.created_date_time is None or app.created_date_time >= after


def _check_lifetime(restriction: Restriction | None, start: datetime, end: datetime) -> None:
    longest = _read(_DURATION, (restriction or {}).get("maxLifetime"))
    if longest is not None and end - start > longest:
        raise errors.bad(_LIFETIME[1], _LIFETIME[0])


def _by_type(restrictions: Iterable[Any]) -> dict[str, Restriction]:
    return {str(one.get("restrictionType")): one for one in restrictions if isinstance(one, Mapping)}


def _part(policy: Mapping[str, Any], outer: str, inner: str) -> list[Any]:
    found = policy.get(outer)
    return _list(found.get(inner)) if isinstance(found, Mapping) else []


def _list(found: object) -> list[Any]:
    return found if isinstance(found, list) else []


def _read(kind: TypeAdapter[Any], value: object) -> Any:
    if not isinstance(value, str):
        return None
    try:
        found = kind.validate_python(value)
    except ValidationError:
        return None
    return None if isinstance(found, datetime) and found.tzinfo is None else found
