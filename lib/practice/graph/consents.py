"""Consent: delegated scopes by ``oauth2PermissionGrants``, app roles by ``appRoleAssignments``."""

from collections.abc import Iterable
from typing import Any, Final

from practice.state import AppRoleAssignment, Directory, Grant, ServicePrincipal
from practice.wellknown import GRAPH

from . import bodies, errors, queries, wire
from .callers import ADMINS_OF_APPS, Access
from .calls import Answer, Call, Key, Operation
from .principals import found
from .registrations import READ

__all__ = ["OPERATIONS"]

_GRANT: Final = "OAuth2PermissionGrant"
_ASSIGNMENT: Final = "AppRoleAssignment"
_ANY_ROLE: Final = ("Global Administrator", "Privileged Role Administrator")
_READ_GRANTS: Final = Access(
    ("DelegatedPermissionGrant.ReadWrite.All", "DelegatedPermissionGrant.Read.All", *READ.permissions)
)
_WRITE_GRANTS: Final = Access(
    ("DelegatedPermissionGrant.ReadWrite.All",), roles=(*ADMINS_OF_APPS, "Privileged Role Administrator")
)
_WRITE_ROLES: Final = Access(
    ("AppRoleAssignment.ReadWrite.All",), roles=(*ADMINS_OF_APPS, "Privileged Role Administrator")
)
# These were required once; what they say has no effect any more.
_IGNORED: Final = ("startTime", "expiryTime")


# Delegated scopes.


def _grants(call: Call) -> Answer:
    with call.directory() as directory:
        return _listed_grants(call, directory.grants)


def _grants_of_client(call: Call) -> Answer:
    with call.directory() as directory:
        client = found(directory, call.keys[0])
        return _listed_grants(call, (one for one in directory.grants if one.client_id == client.id))


def _grants_of_user(call: Call) -> Answer:
    with call.directory() as directory:
        user = directory.user(call.keys[0].value)
        if user is None:
            raise errors.missing(call.keys[0].value)
        return _listed_grants(call, (one for one in directory.grants if one.principal_id == user.id))


def _listed_grants(call: Call, grants: Iterable[Grant]) -> Answer:
    return queries.listed(call, wire.GRANT, map(wire.grant, grants))


def _get_grant(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.single(call, wire.GRANT, wire.grant(_grant(directory, call.keys[0])))


def _grant(directory: Directory, key: Key) -> Grant:
    grant = next((one for one in directory.grants if one.id == key.value), None)
    if grant is None:
        raise errors.missing(key.value)
    return grant


def _post_grant(call: Call) -> Answer:
    given = {name: value for name, value in call.body.items() if name not in _IGNORED}
    given = bodies.fields(given, _GRANT, wire.GRANT.properties - {"id"}, {"id"})
    for name in ("clientId", "resourceId"):
        bodies.text(given, name, _GRANT)
    made = bodies.made(Grant, given, _GRANT)
    with call.changing() as (seen, directory):
        for identity in (made.client_id, made.resource_id):
            found(seen, Key(identity))
        _check_principal(seen, made)
        if any(_key(one) == _key(made) for one in directory.grants):
            raise errors.conflict("Permission entry already exists.")
        directory.grants.append(made)
    return call.one(wire.GRANT.collection, wire.grant(made), 201)


def _check_principal(seen: Directory, made: Grant) -> None:
    if made.consent_type == "AllPrincipals":
        if made.principal_id is not None:
            raise errors.wrong_value("principalId", _GRANT)
    elif made.principal_id is None:
        raise errors.wrong_value("principalId", _GRANT)
    elif not any(one.id == made.principal_id for one in seen.users):
        raise errors.missing(made.principal_id)


def _key(grant: Grant) -> tuple[str, str, str | None]:
    return grant.client_id, grant.resource_id, grant.principal_id


def _patch_grant(call: Call) -> Answer:
    given = bodies.fields(call.body, _GRANT, {"scope"}, wire.GRANT.properties - {"scope"})
    with call.changing() as (seen, directory):
        grant = _grant(directory, Key(_grant(seen, call.keys[0]).id))
        # What it says now is all there is: whoever wants to add sends the union.
        bodies.merged(grant, given, _GRANT)
    return Answer()


def _delete_grant(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        identity = _grant(seen, call.keys[0]).id
        directory.grants = [one for one in directory.grants if one.id != identity]
    return Answer()


# App roles.


def _roles_of_client(call: Call) -> Answer:
    with call.directory() as directory:
        client = found(directory, call.keys[0])
        records = [wire.assignment(one) for one in directory.app_role_assignments if one.principal_id == client.id]
        return queries.listed(call, wire.ASSIGNMENT, records)


def _roles_at_resource(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.listed(call, wire.ASSIGNMENT, wire.assignments_to(found(directory, call.keys[0]), directory))


def _assign_from_client(call: Call) -> Answer:
    return _assign(call, "principalId")


def _assign_at_resource(call: Call) -> Answer:
    return _assign(call, "resourceId")


def _assign(call: Call, whose: str) -> Answer:
    names = {"principalId", "resourceId", "appRoleId"}
    given = bodies.fields(call.body, _ASSIGNMENT, names, wire.ASSIGNMENT.properties - names)
    principal_id, resource_id, role_id = (
        bodies.text(given, name, _ASSIGNMENT).lower() for name in ("principalId", "resourceId", "appRoleId")
    )
    with call.changing() as (seen, directory):
        if found(seen, call.keys[0]).id != {"principalId": principal_id, "resourceId": resource_id}[whose]:
            raise errors.wrong_value(whose, _ASSIGNMENT)
        resource = found(seen, Key(resource_id))
        _check_right(call, seen, resource)
        user = next((one for one in seen.users if one.id == principal_id), None)
        if user is not None:
            return _let_in(call, directory, resource_id, user.id, role_id)
        made = _made(call, resource, found(seen, Key(principal_id)), role_id)
        if any(_role_key(one) == _role_key(made) for one in directory.app_role_assignments):
            raise errors.bad("Permission being assigned already exists on the object")
        directory.app_role_assignments.append(made)
    return call.one(wire.ASSIGNMENT.collection, wire.assignment(made), 201)


def _check_right(call: Call, seen: Directory, resource: ServicePrincipal) -> None:
    # Microsoft Graph's own roles reach everything, so an administrator of apps may not give them.
    if call.caller.delegated and resource.app_id == GRAPH and not call.caller.holds(seen, _ANY_ROLE):
        raise errors.denied()


def _made(call: Call, resource: ServicePrincipal, client: ServicePrincipal, role_id: str) -> AppRoleAssignment:
    offered = any(
        one.id == role_id and one.is_enabled and "Application" in one.allowed_member_types for one in resource.app_roles
    )
    if not offered and role_id != wire.EVERYBODY:
        raise errors.bad("Permission being assigned was not found on application")
    return AppRoleAssignment(
        app_role_id=role_id,
        principal_id=client.id,
        principal_display_name=client.display_name,
        resource_id=resource.id,
        resource_display_name=resource.display_name,
        created_date_time=call.now,
    )


def _role_key(one: AppRoleAssignment) -> tuple[str, str, str]:
    return one.principal_id, one.resource_id, one.app_role_id


def _let_in(call: Call, directory: Directory, resource_id: str, user_id: str, role_id: str) -> Answer:
    if role_id != wire.EVERYBODY:
        raise errors.bad("Permission being assigned was not found on application")
    resource = found(directory, Key(resource_id))
    if user_id in resource.assigned_to:
        raise errors.bad("Permission being assigned already exists on the object")
    resource.assigned_to = [*resource.assigned_to, user_id]
    made = next(one for one in wire.assignments_to(resource, directory) if one["principalId"] == user_id)
    return call.one(wire.ASSIGNMENT.collection, made, 201)


def _unassign(call: Call) -> Answer:
    wanted = call.keys[1].value
    with call.changing() as (seen, directory):
        holder = found(seen, call.keys[0])
        held = _assignment(seen, holder, wanted)
        resource = found(directory, Key(str(held["resourceId"])))
        _check_right(call, seen, resource)
        directory.app_role_assignments = [one for one in directory.app_role_assignments if one.id != wanted]
        if held["principalType"] != "ServicePrincipal":
            resource.assigned_to = [one for one in resource.assigned_to if one != held["principalId"]]
    return Answer()


def _assignment(seen: Directory, holder: ServicePrincipal, wanted: str) -> dict[str, Any]:
    of_client = [wire.assignment(one) for one in seen.app_role_assignments if one.principal_id == holder.id]
    for one in (*of_client, *wire.assignments_to(holder, seen)):
        if one["id"] == wanted:
            return one
    raise errors.missing(wanted)


_ONE_GRANT: Final = "oauth2PermissionGrants/{}"
_OF_CLIENT: Final = "servicePrincipals/{}/appRoleAssignments"
_AT_RESOURCE: Final = "servicePrincipals/{}/appRoleAssignedTo"

OPERATIONS: Final = (
    Operation("GET", "oauth2PermissionGrants", _grants, _READ_GRANTS),
    Operation("POST", "oauth2PermissionGrants", _post_grant, _WRITE_GRANTS),
    Operation("GET", _ONE_GRANT, _get_grant, _READ_GRANTS),
    Operation("PATCH", _ONE_GRANT, _patch_grant, _WRITE_GRANTS),
    Operation("DELETE", _ONE_GRANT, _delete_grant, _WRITE_GRANTS),
    Operation("GET", "servicePrincipals/{}/oauth2PermissionGrants", _grants_of_client, _READ_GRANTS),
    Operation("GET", "users/{}/oauth2PermissionGrants", _grants_of_user, _READ_GRANTS),
    Operation("GET", _OF_CLIENT, _roles_of_client, READ),
    Operation("POST", _OF_CLIENT, _assign_from_client, _WRITE_ROLES),
    Operation("DELETE", f"{_OF_CLIENT}/{{}}", _unassign, _WRITE_ROLES),
    Operation("GET", _AT_RESOURCE, _roles_at_resource, READ),
    Operation("POST", _AT_RESOURCE, _assign_at_resource, _WRITE_ROLES),
    Operation("DELETE", f"{_AT_RESOURCE}/{{}}", _unassign, _WRITE_ROLES),
)
