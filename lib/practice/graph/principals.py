"""Enterprise applications: how a tenant knows its own apps and other publishers'."""

from collections.abc import Mapping
from typing import Any, Final

from practice import catalogue, enterprise_apps
from practice.state import Application, Directory, ServicePrincipal

from . import bodies, errors, queries, wire
from .callers import ADMINS_OF_APPS
from .calls import Answer, Call, Key, Operation
from .registrations import READ, WRITE

__all__ = ["OPERATIONS", "found"]

_KIND: Final = "ServicePrincipal"
_CHANGEABLE: Final = frozenset({"accountEnabled", "appRoleAssignmentRequired", "tags"})
_FIXED: Final = wire.PRINCIPAL.properties - _CHANGEABLE


def found(directory: Directory, key: Key) -> ServicePrincipal:
    """Return an enterprise application by object id or application id.

    Raises:
        Refusal: There is none, or none yet.
    """
    if key.by == "appId":
        principal = next((one for one in directory.service_principals if one.app_id == key.value.lower()), None)
    else:
        principal = next((one for one in directory.service_principals if one.id == key.guid), None)
    if principal is None:
        raise errors.missing(key.value)
    return principal


def _managed(call: Call, seen: Directory, directory: Directory, key: Key) -> ServicePrincipal:
    principal = found(directory, Key(found(seen, key).id))
    _check_owner(call, seen, directory.application(principal.app_id))
    return principal


def _check_owner(call: Call, seen: Directory, app: Application | None) -> None:
    caller = call.caller
    anyone = caller.holds(seen, ADMINS_OF_APPS) if caller.delegated else caller.has("Application.ReadWrite.All")
    if not anyone and (app is None or caller.object_id not in app.owners):
        raise errors.denied()


def _shown(directory: Directory, principal: ServicePrincipal) -> dict[str, Any]:
    return wire.principal(principal, directory.application(principal.app_id))


def _list(call: Call) -> Answer:
    with call.directory() as directory:
        records = [_shown(directory, one) for one in directory.service_principals]
        return queries.listed(call, wire.PRINCIPAL, records)


def _count(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.count(call, wire.PRINCIPAL, [_shown(directory, one) for one in directory.service_principals])


def _get(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.single(call, wire.PRINCIPAL, _shown(directory, found(directory, call.keys[0])))


def _post(call: Call) -> Answer:
    app_id = bodies.text(call.body, "appId", _KIND).lower()
    with call.changing() as (seen, directory):
        return _created(call, seen, directory, app_id, call.body)


def _patch(call: Call) -> Answer:
    key = call.keys[0]
    with call.changing() as (seen, directory):
        if key.by == "appId" and directory.principal(key.value) is None:
            if "create-if-missing" not in call.prefer.lower():
                raise errors.missing(key.value)
            return _created(call, seen, directory, key.value.lower(), call.body)
        # An upsert is there to be repeated: it looks where the change was made, not where it has yet to arrive.
        where = directory if "create-if-missing" in call.prefer.lower() else seen
        _change(_managed(call, where, directory, key), call.body)
    return Answer()


def _created(call: Call, seen: Directory, directory: Directory, app_id: str, body: Mapping[str, Any]) -> Answer:
    app, publisher = _backing(call, seen, app_id)
    if directory.principal(app_id) is not None:
        raise errors.conflict(
            "The service principal cannot be created, updated, or restored because the service principal name"
            f" {app_id} is already in use."
        )
    _check_creator(call, seen, app, publisher)
    principal = enterprise_apps.made(app, publisher)
    _change(principal, {name: value for name, value in body.items() if name != "appId"})
    directory.service_principals.append(principal)
    return call.one("servicePrincipals", _shown(directory, principal), 201)


def _backing(call: Call, seen: Directory, app_id: str) -> tuple[Application, str]:
    """Return the registration that an application id is of, and the tenant that it belongs to."""
    own = next((one for one in seen.applications if one.app_id == app_id), None)
    if own is not None:
        return own, call.caller.tenant_id
    for name in call.backend.states.names:
        other = call.backend.states.find(name)
        if other is None or other.tenant_id == call.caller.tenant_id:
            continue
        app = next((one for one in other.directory_in_force(call.now).applications if one.app_id == app_id), None)
        if app is not None and app.sign_in_audience != "AzureADMyOrg":
            return app, other.tenant_id
    if app_id in catalogue.published():
        return catalogue.published()[app_id], catalogue.owner(app_id)
    said = f"The appId '{app_id[:100]}' of the service principal does not reference a valid application object."
    raise errors.bad(said, details=({"code": "NoBackingApplicationObject", "message": said, "target": "appId"},))


def _check_creator(call: Call, seen: Directory, app: Application, publisher: str) -> None:
    caller, own = call.caller, publisher == call.caller.tenant_id
    if not caller.delegated and not caller.has("Application.ReadWrite.All") and not own:
        raise errors.denied(
            "When using this permission, the backing application of the service principal being created must in the"
            " local tenant"
        )
    _check_owner(call, seen, app if own else None)


def _change(principal: ServicePrincipal, body: Mapping[str, Any]) -> None:
    given = bodies.fields(body, _KIND, _CHANGEABLE, _FIXED)
    bodies.merged(principal, given, _KIND)


def _delete(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        principal = _managed(call, seen, directory, call.keys[0])
        enterprise_apps.delete(directory, principal, call.now)
    return Answer()


OPERATIONS: Final = (
    Operation("GET", "servicePrincipals", _list, READ),
    Operation("GET", "servicePrincipals/$count", _count, READ),
    Operation("GET", "servicePrincipals/{}", _get, READ),
    Operation("POST", "servicePrincipals", _post, WRITE),
    Operation("PATCH", "servicePrincipals/{}", _patch, WRITE),
    Operation("DELETE", "servicePrincipals/{}", _delete, WRITE),
)
