"""What was deleted within 30 days: app registrations and enterprise applications, to look at, bring back or remove."""

from typing import Any, Final

from practice import enterprise_apps
from practice.state import Application, Directory, ServicePrincipal

from . import errors, queries, wire
from .applications import free_name, kept
from .callers import ADMINS_OF_APPS
from .calls import Answer, Call, Operation
from .registrations import READ, WRITE

__all__ = ["OPERATIONS"]

_Object = Application | ServicePrincipal


def _shown(directory: Directory, found: _Object) -> dict[str, Any]:
    if isinstance(found, Application):
        return wire.application(found)
    return wire.principal(found, _backing(directory, found))


def _backing(directory: Directory, principal: ServicePrincipal) -> Application | None:
    """Return the registration of an enterprise application, deleted or not, where the tenant has it."""
    every = (*directory.applications, *directory.deleted_applications)
    return next((one for one in every if one.app_id == principal.app_id), None)


def _list_apps(call: Call) -> Answer:
    with call.directory() as directory:
        found = kept(call, directory.deleted_applications)
        return queries.listed(call, wire.APPLICATION, [_shown(directory, one) for one in found])


def _list_principals(call: Call) -> Answer:
    with call.directory() as directory:
        found = kept(call, directory.deleted_service_principals)
        return queries.listed(call, wire.PRINCIPAL, [_shown(directory, one) for one in found])


def _get(call: Call) -> Answer:
    with call.directory() as directory:
        found = _one(call, directory)
        kind = wire.APPLICATION if isinstance(found, Application) else wire.PRINCIPAL
        return queries.single(call, kind, _shown(directory, found))


def _one(call: Call, directory: Directory) -> _Object:
    key = call.keys[0]
    every: list[_Object] = [
        *kept(call, directory.deleted_applications),
        *kept(call, directory.deleted_service_principals),
    ]
    found = next((one for one in every if one.id == key.guid), None)
    if found is None:
        raise errors.missing(key.value)
    return found


def _managed(call: Call, directory: Directory) -> _Object:
    found, caller = _one(call, directory), call.caller
    app = found if isinstance(found, Application) else _backing(directory, found)
    anyone = caller.holds(directory, ADMINS_OF_APPS) if caller.delegated else caller.has("Application.ReadWrite.All")
    if not anyone and (app is None or caller.object_id not in app.owners):
        raise errors.denied()
    return found


def _gone_with(directory: Directory, app: Application) -> list[ServicePrincipal]:
    """Return the enterprise application that went with its registration."""
    return [
        one
        for one in directory.deleted_service_principals
        if (one.app_id, one.deleted_date_time) == (app.app_id, app.deleted_date_time)
    ]


def _forget(call: Call) -> Answer:
    with call.changing() as (_, directory):
        found = _managed(call, directory)
        if isinstance(found, Application):
            for principal in _gone_with(directory, found):
                enterprise_apps.forget(directory, principal)
            directory.deleted_applications.remove(found)
        else:
            enterprise_apps.forget(directory, found)
    return Answer()


def _restore(call: Call) -> Answer:
    with call.changing() as (_, directory):
        found = _managed(call, directory)
        if isinstance(found, Application):
            _restore_app(call, directory, found)
        else:
            _restore_principal(call, directory, found)
        kind = "application" if isinstance(found, Application) else "servicePrincipal"
        return call.one("directoryObjects", {"@odata.type": f"#microsoft.graph.{kind}", **_shown(directory, found)})


def _restore_app(call: Call, directory: Directory, app: Application) -> None:
    gone = _gone_with(directory, app)
    directory.deleted_applications.remove(app)
    if app.unique_name is not None:
        free_name(call, directory, app.unique_name)
    # Documented of the portal; that Graph does the same is unverified.
    for principal in gone:
        enterprise_apps.restore(directory, principal)
    app.deleted_date_time = None
    directory.applications.append(app)


def _restore_principal(call: Call, directory: Directory, principal: ServicePrincipal) -> None:
    if directory.principal(principal.app_id) is not None:
        raise errors.conflict(
            "The service principal cannot be created, updated, or restored because the service principal name"
            f" {principal.app_id} is already in use."
        )
    own = principal.app_owner_organization_id == call.caller.tenant_id
    if own and directory.application(principal.app_id) is None:
        # That the registration has to be there first is general knowledge, the wording unverified.
        raise errors.bad(
            f"The appId '{principal.app_id}' of the service principal does not reference a valid application object."
        )
    enterprise_apps.restore(directory, principal)


OPERATIONS: Final = (
    Operation("GET", "directory/deletedItems/application", _list_apps, READ),
    Operation("GET", "directory/deletedItems/servicePrincipal", _list_principals, READ),
    Operation("GET", "directory/deletedItems/{}", _get, READ),
    Operation("DELETE", "directory/deletedItems/{}", _forget, WRITE),
    Operation("POST", "directory/deletedItems/{}/restore", _restore, WRITE),
)
