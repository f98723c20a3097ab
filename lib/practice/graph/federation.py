"""Federated credentials of an app: whose tokens it may bring in place of a secret."""

from collections.abc import Mapping
from typing import Any, Final

from practice.state import Application, FederatedCredential

from . import bodies, errors, queries, wire
from .calls import Answer, Call, Key, Operation
from .registrations import READ, WRITE, found, managed

__all__ = ["OPERATIONS"]

_KIND: Final = "FederatedIdentityCredential"
_MOST: Final = 20
_FIELDS: Final = frozenset({"name", "issuer", "subject", "audiences", "description"})
_AT: Final = "applications/{}/federatedIdentityCredentials"


def _list(call: Call) -> Answer:
    with call.directory() as directory:
        app = found(directory, call.keys[0])
        return queries.listed(call, wire.FEDERATED, map(wire.federated, app.federated_credentials))


def _get(call: Call) -> Answer:
    with call.directory() as directory:
        app = found(directory, call.keys[0])
        return queries.single(call, wire.FEDERATED, wire.federated(_one(app, call.keys[1])))


def _post(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        app = managed(call, seen, directory, call.keys[0])
        return call.one(wire.FEDERATED.collection, wire.federated(_added(app, call.body)), 201)


def _added(app: Application, body: Mapping[str, Any]) -> FederatedCredential:
    given = bodies.fields(body, _KIND, _FIELDS, {"id"})
    for name, longest in (("name", 120), ("issuer", 600), ("subject", 600)):
        bodies.text(given, name, _KIND, longest=longest)
    if len(app.federated_credentials) >= _MOST:
        # ≈
        raise errors.bad(
            f"The number of federated identity credentials on the application exceeds the limit of {_MOST}."
        )
    made = bodies.made(FederatedCredential, given, _KIND)
    _check(app, made)
    app.federated_credentials = [*app.federated_credentials, made]
    return made


def _check(app: Application, made: FederatedCredential) -> None:
    if len(made.audiences) != 1:
        raise errors.wrong_value("audiences", _KIND)
    for other in app.federated_credentials:
        if other.id == made.id:
            continue
        # ≈
        if other.name == made.name:
            raise errors.conflict(f"FederatedIdentityCredential with name {made.name} already exists.")
        if (other.issuer, other.subject) == (made.issuer, made.subject):
            raise errors.conflict(
                "FederatedIdentityCredential with same issuer and subject already exists on the application."
            )


def _patch(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        app = managed(call, seen, directory, call.keys[0])
        key = call.keys[1]
        # Found by name, it is made where it is missing.
        if key.by == "name" and not _named(app, key):
            if "create-if-missing" not in call.prefer.lower():
                raise errors.missing(key.value)
            made = _added(app, {**call.body, "name": key.value})
            return call.one(wire.FEDERATED.collection, wire.federated(made), 201)
        held = _one(app, key)
        given = bodies.fields(call.body, _KIND, _FIELDS, {"id"})
        if given.get("name", held.name) != held.name:
            raise errors.read_only("name")
        bodies.merged(held, given, _KIND)
        _check(app, held)
    return Answer()


def _delete(call: Call) -> Answer:
    with call.changing() as (seen, directory):
        app = managed(call, seen, directory, call.keys[0])
        held = _one(app, call.keys[1])
        app.federated_credentials = [one for one in app.federated_credentials if one.id != held.id]
    return Answer()


def _one(app: Application, key: Key) -> FederatedCredential:
    held = _named(app, key) or next((one for one in app.federated_credentials if one.id == key.value.lower()), None)
    if held is None:
        raise errors.missing(key.value)
    return held


def _named(app: Application, key: Key) -> FederatedCredential | None:
    return next((one for one in app.federated_credentials if key.value == one.name), None)


OPERATIONS: Final = (
    Operation("GET", _AT, _list, READ),
    Operation("POST", _AT, _post, WRITE),
    Operation("GET", f"{_AT}/{{}}", _get, READ),
    Operation("PATCH", f"{_AT}/{{}}", _patch, WRITE),
    Operation("DELETE", f"{_AT}/{{}}", _delete, WRITE),
)
