"""App registrations: making, finding, changing and deleting them, and who owns them."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final, TypeVar

from practice import enterprise_apps
from practice.state import Application, Directory, ServicePrincipal

from . import bodies, certificates, errors, passwords, queries, wire
from .callers import ADMINS_OF_APPS
from .calls import Answer, Call, Key, Operation
from .registrations import READ, WRITE, found, managed

__all__ = ["OPERATIONS", "free_name", "kept"]

_KIND: Final = "Application"
_LONGEST_NAME: Final = 256
_KEPT: Final = timedelta(days=30)
_Kept = TypeVar("_Kept", Application, ServicePrincipal)

_PARTS: Final = ("api", "web", "spa", "publicClient")
_CHANGEABLE: Final = frozenset(
    {
        "displayName",
        "signInAudience",
        "requiredResourceAccess",
        "isFallbackPublicClient",
        "appRoles",
        "identifierUris",
        "keyCredentials",
        "tags",
        "notes",
        *_PARTS,
    }
)
_FIXED: Final = frozenset(
    {"id", "appId", "createdDateTime", "deletedDateTime", "verifiedPublisher", "disabledByMicrosoftStatus"}
)


def _list(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.listed(call, _kind(call, directory), [_shown(call, one) for one in directory.applications])


def _count(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.count(call, wire.APPLICATION, map(wire.application, directory.applications))


def _get(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.single(call, _kind(call, directory), _shown(call, found(directory, call.keys[0])))


def _shown(call: Call, app: Application) -> dict[str, Any]:
    shown = wire.application(app)
    # The public part of a certificate is given to those who name the property, and only then.
    if "keyCredentials" not in queries.selected(call, wire.APPLICATION):
        shown["keyCredentials"] = [{**one, "key": None} for one in shown["keyCredentials"]]
    return shown


def _kind(call: Call, directory: Directory) -> queries.Kind:
    def owners(record: Mapping[str, Any]) -> list[dict[str, Any]]:
        app = next(one for one in directory.applications if one.id == record["id"])
        return _owners_of(directory, app)

    return queries.Kind(
        wire.APPLICATION.name, wire.APPLICATION.collection, wire.APPLICATION.properties, related={"owners": owners}
    )


def _post(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        return _created(call, seen, directory, call.body)


def _created(call: Call, seen: Directory, directory: Directory, body: Mapping[str, Any]) -> Answer:
    caller = call.caller
    if caller.delegated and not (
        seen.policies.allowed_to_create_apps or caller.holds(seen, (*ADMINS_OF_APPS, "Application Developer"))
    ):
        raise errors.denied()
    given = bodies.fields(body, _KIND, {*_CHANGEABLE, "uniqueName", "passwordCredentials"}, _FIXED)
    wanted = given.pop("passwordCredentials", [])
    name = bodies.text(given, "displayName", _KIND, longest=_LONGEST_NAME)
    # Graph's own default is wide; whoever wants an app of this tenant alone has to say so.
    app = Application(
        display_name=name,
        sign_in_audience="AzureADandPersonalMicrosoftAccount",
        created_date_time=call.now,
        owners=[caller.object_id],
    )
    if "uniqueName" in given:
        app.unique_name = free_name(call, directory, bodies.text(given, "uniqueName", _KIND, longest=_LONGEST_NAME))
        del given["uniqueName"]
    _change(call, seen, directory, app, given)
    shown = [_with_secret(call, seen, app, one) for one in passwords.asked(wanted)]
    directory.applications.append(app)
    answer = {**wire.application(app), **({"passwordCredentials": shown} if shown else {})}
    return call.one("applications", answer, 201)


def _with_secret(call: Call, seen: Directory, app: Application, wanted: Mapping[str, Any]) -> dict[str, Any]:
    made, text = passwords.made(call, seen, app, wanted)
    app.password_credentials.append(made)
    return wire.secret(made, text)


def kept(call: Call, among: Iterable[_Kept]) -> list[_Kept]:
    """Return what was deleted, and can still be restored."""
    return [one for one in among if one.deleted_date_time is None or one.deleted_date_time + _KEPT > call.now]


def free_name(call: Call, directory: Directory, name: str) -> str:
    """Return a unique name that no registration has; a deleted one keeps its name until it is gone for good.

    Raises:
        Refusal: One has it.
    """
    if any(one.unique_name == name for one in directory.applications):
        raise errors.conflict(
            "A conflicting object with one or more of the specified property values is present in the directory."
        )
    # https://learn.microsoft.com/graph/templates/known-issues-graph-bicep: 30 days, or until it is removed for good.
    if any(one.unique_name == name for one in kept(call, directory.deleted_applications)):
        raise errors.bad("Another object with the same value for property uniqueName already exists.")
    return name


def _patch(call: Call) -> Answer:
    key = call.keys[0]
    if key.by == "uniqueName":
        return _upsert(call, key)
    with call.changing() as (seen, directory):
        _change(call, seen, directory, managed(call, seen, directory, key), call.body)
    return Answer()


def _upsert(call: Call, key: Key) -> Answer:
    with call.changing() as (seen, directory):
        # An upsert is there to be repeated: it looks where the change was made, not where it has yet to arrive.
        if any(one.unique_name == key.value for one in directory.applications):
            _change(call, directory, directory, managed(call, directory, directory, key), call.body)
            return Answer()
        if "create-if-missing" not in call.prefer.lower():
            raise errors.missing(key.value)
        return _created(call, seen, directory, {**call.body, "uniqueName": key.value})


def _change(call: Call, seen: Directory, directory: Directory, app: Application, body: Mapping[str, Any]) -> None:
    given = bodies.fields(body, _KIND, {*_CHANGEABLE, "uniqueName"}, {*_FIXED, "passwordCredentials"})
    if given.pop("uniqueName", app.unique_name) != app.unique_name:
        raise errors.read_only("uniqueName")
    if "displayName" in given:
        bodies.text(given, "displayName", _KIND, longest=_LONGEST_NAME)
    if "keyCredentials" in given:
        app.key_credentials = certificates.replaced(call, seen, app, given.pop("keyCredentials"))
    for name in _PARTS:
        if isinstance(given.get(name), dict):
            model = getattr(app, "public_client" if name == "publicClient" else name)
            given[name] = {**model.model_dump(mode="json", by_alias=True), **given[name]}
    before = _entitlements(app)
    bodies.merged(app, given, _KIND)
    if not before <= {identity for identity, _ in _offered(app)}:
        raise errors.bad(
            "Property value cannot be deleted unless it is disabled first.", "CannotDeleteOrUpdateEnabledEntitlement"
        )
    _free_uris(directory, app)
    for principal in directory.service_principals:
        if principal.app_id == app.app_id:
            enterprise_apps.mirror(app, principal)


def _entitlements(app: Application) -> set[str]:
    """Return the ids of the app's own roles and scopes that are enabled: somebody may hold them."""
    return {identity for identity, enabled in _offered(app) if enabled}


def _offered(app: Application) -> list[tuple[str, bool]]:
    roles = [(one.id, one.is_enabled) for one in app.app_roles]
    return roles + [(one.id, one.is_enabled) for one in app.api.oauth2_permission_scopes]


def _free_uris(directory: Directory, app: Application) -> None:
    for other in directory.applications:
        taken = set(other.identifier_uris) & set(app.identifier_uris)
        if other.id != app.id and taken:
            raise errors.conflict(
                "Another object with the same value for property identifierUris already exists.", status=400
            )


def _delete(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        app = managed(call, seen, directory, call.keys[0])
        directory.applications.remove(app)
        app.deleted_date_time = call.now
        directory.deleted_applications.append(app)
        # Documented of the portal; that Graph does the same is unverified.
        principal = directory.principal(app.app_id)
        if principal is not None:
            enterprise_apps.delete(directory, principal, call.now)
    return Answer()


# Owners.


def _owners(call: Call) -> Answer:
    with call.directory() as directory:
        return queries.listed(call, wire.OBJECT, _owners_of(directory, found(directory, call.keys[0])))


def _owners_of(directory: Directory, app: Application) -> list[dict[str, Any]]:
    people = [
        {"@odata.type": "#microsoft.graph.user", **wire.user(one)} for one in directory.users if one.id in app.owners
    ]
    apps = [
        {"@odata.type": "#microsoft.graph.servicePrincipal", **wire.principal(one, None)}
        for one in directory.service_principals
        if one.id in app.owners
    ]
    return people + apps


def _add_owner(call: Call) -> Answer:
    wanted = bodies.reference(call.body)
    with call.changing() as (seen, directory):
        app = managed(call, seen, directory, call.keys[0])
        if wanted not in {one.id for one in seen.users} | {one.id for one in seen.service_principals}:
            raise errors.missing(wanted)
        if wanted in app.owners:
            raise errors.bad(
                "One or more added object references already exist for the following modified properties: 'owners'."
            )
        app.owners = [*app.owners, wanted]
    return Answer()


def _remove_owner(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        app = managed(call, seen, directory, call.keys[0])
        owner = call.keys[1].guid
        if owner not in app.owners:
            raise errors.missing(owner)
        app.owners = [one for one in app.owners if one != owner]
    return Answer()


OPERATIONS: Final = (
    Operation("GET", "applications", _list, READ),
    Operation("GET", "applications/$count", _count, READ),
    Operation("GET", "applications/{}", _get, READ),
    Operation("POST", "applications", _post, WRITE),
    Operation("PATCH", "applications/{}", _patch, WRITE),
    Operation("DELETE", "applications/{}", _delete, WRITE),
    Operation("GET", "applications/{}/owners", _owners, READ),
    Operation("POST", "applications/{}/owners/$ref", _add_owner, WRITE),
    Operation("DELETE", "applications/{}/owners/{}/$ref", _remove_owner, WRITE),
)
