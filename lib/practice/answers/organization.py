"""What is wrong with what an Exchange organization knows of the apps: their principals, and roles that apps hold."""

from collections.abc import Iterator

from ..management_scopes import covers
from ..state import ExchangePrincipal, ManagementRoleAssignment, Tenant
from .meant import APP_ROLES, SENDING_ROLE, Meant, held_roles

__all__ = ["faults"]


def faults(tenant: Tenant, wanted: Meant) -> Iterator[str]:
    """Yield what is wrong with the organization's principals and role assignments."""
    exchange = tenant.exchange
    if exchange.dehydrated:
        yield (
            "The organization is dehydrated: Enable-OrganizationCustomization has to run before an authentication "
            "policy, a management scope or a role assignment can be made."
        )
    for work in wanted.works:
        roles = held_roles(tenant, work.app.app_id)
        if roles.intersection(APP_ROLES.values()) and exchange.principal(work.app.app_id) is None:
            yield f"Exchange does not know {work.name}; it has to be told its enterprise application's object id."
        elif work.by_role and not (work.uses or work.by_exchange):
            yield f"{work.name} has FullAccess to no mailbox at all."
    for mirrored in exchange.principals:
        yield from _mirrored(tenant, mirrored)
    for held in exchange.role_assignments:
        if held.role == SENDING_ROLE and held.assignee_type == "ServicePrincipal":
            yield from _role(tenant, held)


def _mirrored(tenant: Tenant, mirrored: ExchangePrincipal) -> Iterator[str]:
    name = mirrored.display_name or mirrored.app_id
    principal = tenant.directory.principal(mirrored.app_id)
    app = tenant.directory.application(mirrored.app_id)
    if principal is None:
        yield f"Exchange knows {name}, an app that has no enterprise application in the tenant."
    elif mirrored.object_id != principal.id:
        found = "the object id of its app registration" if app and app.id == mirrored.object_id else "another id"
        yield (
            f"Exchange knows {name} by {found}, {mirrored.object_id}, in place of its enterprise application's object "
            f"id, {principal.id}: it has to be removed, made anew and given its rights again."
        )


def _role(tenant: Tenant, held: ManagementRoleAssignment) -> Iterator[str]:
    exchange = tenant.exchange
    mirrored = exchange.principal(held.assignee)
    if mirrored is None:
        yield f"The role assignment {held.name} is for an app that Exchange does not know."
        return
    name = mirrored.display_name or mirrored.app_id
    if not held.scope:
        yield f"{name} may send as every mailbox: its role assignment {held.name} has no scope."
    elif not any(covers(exchange, tenant.directory, held.scope, box) for box in exchange.mailboxes):
        yield f"{name} may send as no mailbox: the scope {held.scope} of its role assignment {held.name} covers none."
