"""Users, groups and directory roles."""

from collections.abc import Mapping
from typing import Any, Final

from practice.state import Directory, Group, User
from practice.wellknown import ROLES

from . import errors, queries, wire
from .callers import Access
from .calls import Answer, Call, Key, Operation

__all__ = ["OPERATIONS"]

_READ: Final = Access(("Directory.Read.All", "Directory.ReadWrite.All", "User.Read.All", "User.ReadWrite.All"))
_READ_GROUPS: Final = Access(
    ("Directory.Read.All", "Directory.ReadWrite.All", "Group.Read.All", "GroupMember.Read.All")
)
_READ_ROLES: Final = Access(
    ("Directory.Read.All", "Directory.ReadWrite.All", "RoleManagement.Read.Directory", "RoleManagement.Read.All")
)
_ME: Final = Access(("User.Read", *_READ.permissions))

_ROLE: Final = queries.Kind(
    "directoryRole", "directoryRoles", frozenset({"id", "displayName", "description", "roleTemplateId"})
)
_ASSIGNMENT: Final = queries.Kind(
    "unifiedRoleAssignment",
    "roleManagement/directory/roleAssignments",
    frozenset({"id", "principalId", "roleDefinitionId", "directoryScopeId", "principal", "roleDefinition"}),
)
_DEFINITION: Final = queries.Kind(
    "unifiedRoleDefinition",
    "roleManagement/directory/roleDefinitions",
    frozenset({"id", "displayName", "isBuiltIn", "isEnabled", "templateId"}),
)
_NAMES: Final[Mapping[str, str]] = {template: name for name, template in ROLES.items()}


# Users.


def _users(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.listed(call, wire.USER, map(wire.user, directory.users))


def _count_users(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.count(call, wire.USER, map(wire.user, directory.users))


def _user(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.single(call, wire.USER, wire.user(_one(directory, call.keys[0].of("id", "userPrincipalName"))))


def _one(directory: Directory, name: str) -> User:
    user = directory.user(name)
    if user is None:
        raise errors.missing(name)
    return user


def _me(call: Call) -> Answer:
    if not call.caller.delegated:
        raise errors.bad("/me request is only valid with delegated authentication flow.", "BadRequest")
    with call.directory() as directory:
        return queries.single(call, wire.USER, wire.user(_one(directory, call.caller.object_id)))


def _member_of(call: Call) -> Answer:
    with call.directory() as directory:
        return _holds(call, directory, _one(directory, call.keys[0].value).id)


def _mine(call: Call) -> Answer:
    with call.directory() as directory:
        return _holds(call, directory, call.caller.object_id)


def _holds(call: Call, directory: Directory, identity: str) -> Answer:
    groups = [_object("group", wire.group(one)) for one in directory.groups if identity in one.members]
    roles = [_object("directoryRole", _role(call, template)) for template in sorted(directory.roles_of(identity))]
    return queries.listed(call, _objects("roleTemplateId", "description"), groups + roles)


def _objects(*further: str) -> queries.Kind:
    return queries.Kind(wire.OBJECT.name, wire.OBJECT.collection, wire.OBJECT.properties | set(further))


def _object(kind: str, record: Mapping[str, Any]) -> dict[str, Any]:
    return {"@odata.type": f"#microsoft.graph.{kind}", **record}


# Groups.


def _groups(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.listed(call, _group_kind(directory), map(wire.group, directory.groups))


def _get_group(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.single(call, _group_kind(directory), wire.group(_group(directory, call.keys[0])))


def _group_kind(directory: Directory) -> queries.Kind:
    def members(record: Mapping[str, Any]) -> list[dict[str, Any]]:
        return _members_of(directory, _group(directory, Key(str(record["id"]))))

    return queries.Kind(wire.GROUP.name, wire.GROUP.collection, wire.GROUP.properties, related={"members": members})


def _group(directory: Directory, key: Key) -> Group:
    group = next((one for one in directory.groups if one.id == key.guid), None)
    if group is None:
        raise errors.missing(key.value)
    return group


def _members(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.listed(call, _objects(), _members_of(directory, _group(directory, call.keys[0])))


def _members_of(directory: Directory, group: Group) -> list[dict[str, Any]]:
    return [_object("user", wire.user(one)) for one in directory.users if one.id in group.members]


# Roles.


def _role(call: Call, template: str) -> dict[str, Any]:
    return {
        "id": wire.derived_id(call.caller.tenant_id, "role", template),
        "displayName": _NAMES.get(template, template),
        "description": None,
        "roleTemplateId": template,
    }


def _roles(call: Call) -> Answer:
    with call.directory() as directory:
        # A role that nobody ever held is not there: Entra makes it when it is first given.
        held = sorted({one.role_template_id for one in directory.role_assignments})
        return queries.listed(call, _ROLE, [_role(call, template) for template in held])


def _template(call: Call, directory: Directory) -> str:
    key = call.keys[0]
    if key.by == "roleTemplateId":
        return key.value.lower()
    for one in directory.role_assignments:
        if _role(call, one.role_template_id)["id"] == key.value.lower():
            return one.role_template_id
    raise errors.missing(key.value)


def _get_role(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.single(call, _ROLE, _role(call, _template(call, directory)))


def _role_members(call: Call) -> Answer:
    with call.directory() as directory:
        template = _template(call, directory)
        held = {one.principal_id for one in directory.role_assignments if one.role_template_id == template}
        people = [_object("user", wire.user(one)) for one in directory.users if one.id in held]
        apps = [
            _object("servicePrincipal", wire.principal(one, None))
            for one in directory.service_principals
            if one.id in held
        ]
        return queries.listed(call, _objects(), people + apps)


def _assignments(call: Call) -> Answer:
    with call.directory() as directory:
        records = [
            {
                "id": wire.derived_id(one.principal_id, one.role_template_id),
                "principalId": one.principal_id,
                "roleDefinitionId": one.role_template_id,
                "directoryScopeId": "/",
            }
            for one in directory.role_assignments
        ]
        related = {
            "roleDefinition": lambda one: _definition(one["roleDefinitionId"]),
            "principal": lambda one: _principal(directory, one["principalId"]),
        }
        kind = queries.Kind(_ASSIGNMENT.name, _ASSIGNMENT.collection, _ASSIGNMENT.properties, related=related)
        return queries.listed(call, kind, records)


def _principal(directory: Directory, identity: str) -> dict[str, Any] | None:
    user = next((one for one in directory.users if one.id == identity), None)
    if user is not None:
        return _object("user", wire.user(user))
    app = next((one for one in directory.service_principals if one.id == identity), None)
    return _object("servicePrincipal", wire.principal(app, None)) if app is not None else None


def _definition(template: str) -> dict[str, Any]:
    return {
        "id": template,
        "displayName": _NAMES.get(template, template),
        "isBuiltIn": True,
        "isEnabled": True,
        "templateId": template,
    }


def _definitions(call: Call) -> Answer:
    return queries.listed(call, _DEFINITION, map(_definition, _NAMES))


OPERATIONS: Final = (
    Operation("GET", "users", _users, _READ),
    Operation("GET", "users/$count", _count_users, _READ),
    Operation("GET", "users/{}", _user, _READ),
    Operation("GET", "users/{}/memberOf", _member_of, _READ),
    Operation("GET", "users/{}/transitiveMemberOf", _member_of, _READ),
    Operation("GET", "me", _me, _ME),
    Operation("GET", "me/memberOf", _mine, _ME),
    Operation("GET", "me/transitiveMemberOf", _mine, _ME),
    Operation("GET", "groups", _groups, _READ_GROUPS),
    Operation("GET", "groups/{}", _get_group, _READ_GROUPS),
    Operation("GET", "groups/{}/members", _members, _READ_GROUPS),
    Operation("GET", "groups/{}/transitiveMembers", _members, _READ_GROUPS),
    Operation("GET", "directoryRoles", _roles, _READ_ROLES),
    Operation("GET", "directoryRoles/{}", _get_role, _READ_ROLES),
    Operation("GET", "directoryRoles/{}/members", _role_members, _READ_ROLES),
    Operation("GET", "roleManagement/directory/roleAssignments", _assignments, _READ_ROLES),
    Operation("GET", "roleManagement/directory/roleDefinitions", _definitions, _READ_ROLES),
)
