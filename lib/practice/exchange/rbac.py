"""Management roles, who holds them, over which recipients: role assignments, scopes, role groups, and the test
of what an app may do (``Test-ServicePrincipalAuthorization``), which asks the current state and no cache."""

from typing import Final

from practice import management_scopes, opath
from practice.state import Group, ManagementRoleAssignment, ManagementScope

from . import access, errors, recipients
from .binding import Given, Parameter
from .cmdlets import IDENTITY, RESULT_SIZE, Cmdlet, Row, Run, assign

__all__ = ["CMDLETS"]

_ROLE: Final = "Role Management"
_APPLICATION: Final = "Application "
_APPLICATION_ROLES: Final = (
    "Application Calendars.Read",
    "Application Calendars.ReadWrite",
    "Application Contacts.Read",
    "Application Contacts.ReadWrite",
    "Application EWS.AccessAsApp",
    "Application Exchange Full Access",
    "Application Mail Full Access",
    "Application Mail.Read",
    "Application Mail.ReadBasic",
    "Application Mail.ReadWrite",
    "Application Mail.Send",
    "Application MailboxSettings.Read",
    "Application MailboxSettings.ReadWrite",
    "Application SMTP.SendAsApp",
)
"""What an app can be given. There is none for IMAP and POP: those need rights on each mailbox."""


# --- roles and role groups ------------------------------------------------------------------------


def _role(run: Run, name: str) -> str:
    known = (*_APPLICATION_ROLES, *access.MANAGEMENT_ROLES)
    found = next((one for one in known if one.lower() == name.lower()), None)
    if found is None:
        raise errors.not_found(name, domain=run.initial_domain)
    return found


def _get_roles(run: Run, given: Given) -> list[Row]:
    identity = given.text("Identity")
    names = [_role(run, identity)] if identity else [*_APPLICATION_ROLES, *access.MANAGEMENT_ROLES]
    if given.text("Cmdlet"):
        holders = run.holders(given.text("Cmdlet"))
        names = [name for name in names if name in holders]
    return [
        {
            "Identity": name,
            "Name": name,
            "RoleType": "".join(letter for letter in name if letter.isalnum()),
            "IsEndUserRole": False,
        }
        for name in names
    ]


def _group(run: Run, name: str) -> str:
    found = next((one for one in access.GROUPS if one.lower() == name.lower()), None)
    if found is None:
        raise errors.not_found(name, domain=run.initial_domain)
    return found


def _get_role_groups(run: Run, given: Given) -> list[Row]:
    identity = given.text("Identity")
    return [
        {
            "Identity": name,
            "Name": name,
            "DisplayName": name,
            "Roles": sorted(access.GROUPS[name]),
            "Members": access.members(run.directory, name),
        }
        for name in ([_group(run, identity)] if identity else access.GROUPS)
    ]


def _get_members(run: Run, given: Given) -> list[Row]:
    """Return who is in a role group. Exchange shows groups that stand for the directory roles; here their holders."""
    rows: list[Row] = []
    for key in access.members(run.directory, _group(run, given.text("Identity"))):
        person, box, app = run.people.get(key), run.box(key), run.directory.principal(key)
        name: str
        kind: str
        if person is not None:
            name, kind = person.display_name, box.kind if box else "User"
        else:
            name, kind = app.display_name if app else key, "ServicePrincipal"
        rows.append({"Identity": key, "Name": key, "DisplayName": name, "RecipientType": kind})
    return rows


# --- scopes ---------------------------------------------------------------------------------------


def _scope(run: Run, name: str) -> ManagementScope:
    found = next((one for one in run.exchange.management_scopes if one.name.lower() == name.lower()), None)
    if found is None:
        raise errors.not_found(name, domain=run.initial_domain)
    return found


def _scope_shown(one: ManagementScope) -> Row:
    return {
        "Identity": one.name,
        "Name": one.name,
        "RecipientFilter": one.filter,
        "RecipientRoot": "",
        "ScopeRestrictionType": "RecipientScope",
        "Exclusive": False,
    }


def _get_scopes(run: Run, given: Given) -> list[Row]:
    identity = given.text("Identity")
    return [_scope_shown(one) for one in ([_scope(run, identity)] if identity else run.exchange.management_scopes)]


def _new_scope(run: Run, given: Given) -> list[Row]:
    name = given.text("Name")
    if any(one.name.lower() == name.lower() for one in run.exchange.management_scopes):
        raise errors.duplicate(name)
    made = ManagementScope(name=name, filter=_filter(name, given.text("RecipientRestrictionFilter")))
    run.exchange.management_scopes.append(made)
    return [_scope_shown(made)]


def _set_scope(run: Run, given: Given) -> list[Row]:
    one = _scope(run, given.text("Identity"))
    text = given.text("RecipientRestrictionFilter")
    assign(run, one, {"filter": _filter(one.name, text)} if text else {}, one.name)
    return []


def _filter(name: str, text: str) -> str:
    """Return a filter that can be read, or refuse it; the wording of the refusal is unverified."""
    try:
        opath.read(text, management_scopes.PROPERTIES)
    except opath.FilterError as error:
        raise errors.invalid(
            f'The recipient filter "{errors.shown(text)}" of the management scope "{name}" is invalid: {error}.',
            "Microsoft.Exchange.Data.ParsingException",
        ) from None
    return text


def _remove_scope(run: Run, given: Given) -> list[Row]:
    gone = _scope(run, given.text("Identity"))
    users = [one.name for one in run.exchange.role_assignments if one.scope.lower() == gone.name.lower()]
    if users:
        # Unverified: that it is refused is documented, its wording is not.
        raise errors.invalid(
            f"The management scope \"{gone.name}\" can't be removed because it's in use by these role assignments: "
            f"{', '.join(users)}."
        )
    run.exchange.management_scopes = [one for one in run.exchange.management_scopes if one.name != gone.name]
    return []


# --- role assignments -----------------------------------------------------------------------------


def _assignment(run: Run, name: str) -> ManagementRoleAssignment:
    found = next((one for one in run.exchange.role_assignments if one.name.lower() == name.lower()), None)
    if found is None:
        raise errors.not_found(name, domain=run.initial_domain)
    return found


def _assignment_shown(run: Run, one: ManagementRoleAssignment) -> Row:
    app = one.assignee_type == "ServicePrincipal"
    person = run.people.get(one.assignee)
    return {
        "Identity": one.name,
        "Name": one.name,
        "Role": one.role,
        "RoleAssignee": one.assignee,
        "RoleAssigneeName": person.display_name if person else one.assignee,
        "RoleAssigneeType": one.assignee_type,
        "App": one.assignee if app else None,
        "CustomResourceScope": one.scope or None if app else None,
        "CustomRecipientWriteScope": one.scope or None,
        "RecipientWriteScope": "CustomRecipientScope" if one.scope else "Organization",
        "Enabled": True,
    }


def _get_assignments(run: Run, given: Given) -> list[Row]:
    if given.text("Identity"):
        found = [_assignment(run, given.text("Identity"))]
    else:
        found = list(run.exchange.role_assignments)
    if given.text("Role"):
        wanted = _role(run, given.text("Role"))
        found = [one for one in found if one.role == wanted]
    if given.text("RoleAssignee"):
        keys = _assignees(run, given.text("RoleAssignee"))
        found = [one for one in found if one.assignee.lower() in keys]
    return [_assignment_shown(run, one) for one in found]


def _assignees(run: Run, identity: str) -> set[str]:
    app = run.exchange.principal(identity)
    person = run.directory.user(identity)
    return {identity.lower(), *([app.object_id] if app else ()), *([person.id] if person else ())}


def _new_assignment(run: Run, given: Given) -> list[Row]:
    role = _role(run, given.text("Role"))
    if given.text("App"):
        # The object id is what the cmdlet's page asks for; the application id works too, as for every identity.
        kind, assignee = "ServicePrincipal", recipients.principal(run, given.text("App")).object_id
    elif given.text("User"):
        kind, assignee = "User", recipients.user(run, given.text("User")).id
    else:
        kind, assignee = "RoleGroup", _group(run, given.text("SecurityGroup"))
    _check_kind(role, kind)
    other = "CustomRecipientWriteScope" if kind == "ServicePrincipal" else "CustomResourceScope"
    if other in given:
        raise errors.unknown_parameters([other])
    wanted = given.text("CustomResourceScope") or given.text("CustomRecipientWriteScope")
    made = ManagementRoleAssignment.model_validate(
        {
            "name": _assignment_name(run, given.text("Name"), role, assignee),
            "role": role,
            "assignee": assignee,
            "assignee_type": kind,
            "scope": _scope(run, wanted).name if wanted else "",
        }
    )
    run.exchange.role_assignments.append(made)
    return [_assignment_shown(run, made)]


def _check_kind(role: str, kind: str) -> None:
    """Refuse an app an administrative role, and a person an application's; documented, its wording unverified."""
    if role.startswith(_APPLICATION) is not (kind == "ServicePrincipal"):
        holder = "a service principal" if kind == "ServicePrincipal" else "a user or a group"
        raise errors.invalid(f'The management role "{role}" can\'t be assigned to {holder}.')


def _assignment_name(run: Run, given: str, role: str, assignee: str) -> str:
    """Return the name of a new assignment: as given, or made of role and holder, 64 characters at most."""
    taken = {one.name.lower() for one in run.exchange.role_assignments}
    if given:
        if given.lower() in taken:
            raise errors.duplicate(given)
        return given
    name = f"{role}-{assignee}"[:64]
    number = 1
    while name.lower() in taken:
        name = f"{f'{role}-{assignee}'[:58]}-{number}"
        number += 1
    return name


def _remove_assignment(run: Run, given: Given) -> list[Row]:
    gone = _assignment(run, given.text("Identity"))
    run.exchange.role_assignments = [one for one in run.exchange.role_assignments if one.name != gone.name]
    return []


def _test(run: Run, given: Given) -> list[Row]:
    app = recipients.principal(run, given.text("Identity"))
    box = recipients.mailbox(run, given.text("Resource")) if given.text("Resource") else None
    return [
        {
            "RoleName": one.role,
            "GrantedPermissions": one.role.removeprefix(_APPLICATION),
            "AllowedResourceScope": one.scope or "Organization",
            "ScopeType": "CustomRecipientScope" if one.scope else "Organization",
            "InScope": management_scopes.covers(run.exchange, run.directory, one.scope, box) if box else "Not Run",
        }
        for one in run.exchange.role_assignments
        if one.assignee_type == "ServicePrincipal" and one.assignee == app.object_id
    ]


# --- groups ---------------------------------------------------------------------------------------


def _get_groups(run: Run, given: Given) -> list[Row]:
    wanted = given.text("Identity").lower()
    found = [one for one in run.directory.groups if wanted in ("", *_group_names(run, one))]
    if wanted and not found:
        raise errors.not_found(given.text("Identity"), domain=run.initial_domain)
    return [
        {
            "Identity": one.display_name,
            "Name": one.display_name,
            "DisplayName": one.display_name,
            "DistinguishedName": management_scopes.distinguished_name(run.directory, one),
            "ExternalDirectoryObjectId": one.id,
            "Guid": one.id,
            "Members": list(one.members),
        }
        for one in found
    ]


def _group_names(run: Run, one: Group) -> tuple[str, ...]:
    return one.id, one.display_name.lower(), management_scopes.distinguished_name(run.directory, one).lower()


_LIST: Final = (Parameter("Identity"),)
_FILTER: Final = Parameter("RecipientRestrictionFilter", longest=10_000)
_FORCE: Final = Parameter("Force", "switch")

CMDLETS: Final = (
    Cmdlet("Get-ManagementRole", _ROLE, _get_roles, (*_LIST, Parameter("Cmdlet"))),
    Cmdlet("Get-RoleGroup", _ROLE, _get_role_groups, _LIST),
    Cmdlet("Get-RoleGroupMember", _ROLE, _get_members, (IDENTITY, RESULT_SIZE)),
    Cmdlet("Get-Group", "Mail Recipients", _get_groups, (*_LIST, RESULT_SIZE)),
    Cmdlet("Get-ManagementScope", _ROLE, _get_scopes, _LIST),
    Cmdlet(
        "New-ManagementScope",
        _ROLE,
        _new_scope,
        (
            Parameter("Name", required=True, longest=64),
            Parameter("RecipientRestrictionFilter", required=True, longest=10_000),
            _FORCE,
        ),
        customizes=True,
    ),
    Cmdlet("Set-ManagementScope", _ROLE, _set_scope, (IDENTITY, _FILTER)),
    Cmdlet("Remove-ManagementScope", _ROLE, _remove_scope, (IDENTITY,)),
    Cmdlet(
        "Get-ManagementRoleAssignment",
        _ROLE,
        _get_assignments,
        (*_LIST, Parameter("Role"), Parameter("RoleAssignee")),
    ),
    Cmdlet(
        "New-ManagementRoleAssignment",
        _ROLE,
        _new_assignment,
        (
            Parameter("Name", longest=64),
            Parameter("Role", required=True),
            Parameter("App"),
            Parameter("User"),
            Parameter("SecurityGroup"),
            Parameter("CustomResourceScope"),
            Parameter("CustomRecipientWriteScope"),
            _FORCE,
        ),
        one_of=(("App", "User", "SecurityGroup"),),
        customizes=True,
    ),
    Cmdlet("Remove-ManagementRoleAssignment", _ROLE, _remove_assignment, (IDENTITY, _FORCE)),
    Cmdlet("Test-ServicePrincipalAuthorization", _ROLE, _test, (IDENTITY, Parameter("Resource"))),
)
"""The cmdlets of this module."""
