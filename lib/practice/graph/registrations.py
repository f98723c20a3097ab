"""App registrations as every operation on one needs them: found, and checked to be the caller's to change."""

from typing import Final

from practice.state import Application, Directory

from . import errors
from .callers import ADMINS_OF_APPS, Access
from .calls import Call, Key

__all__ = ["READ", "WRITE", "found", "managed"]

READ: Final = Access(
    ("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"), owned=True
)
WRITE: Final = Access(("Application.ReadWrite.All",), owned=True)


def found(directory: Directory, key: Key) -> Application:
    """Return an app registration by object id, application id or unique name.

    Raises:
        Refusal: There is none, or none yet.
    """
    if key.by == "uniqueName":
        app = next((one for one in directory.applications if one.unique_name == key.value), None)
    elif key.by == "appId":
        app = next((one for one in directory.applications if one.app_id == key.value.lower()), None)
    else:
        app = next((one for one in directory.applications if one.id == key.guid), None)
    if app is None:
        raise errors.missing(key.value)
    return app


def managed(call: Call, seen: Directory, directory: Directory, key: Key) -> Application:
    """Return an app registration to change.

    Args:
        call: Whose caller must own it or be allowed to change any.
        seen: The directory as this replica shows it, where it must have arrived.
        directory: The directory to change.
        key: Which.

    Raises:
        Refusal: There is none, none yet, or it is not the caller's to change.
    """
    app = found(directory, Key(found(seen, key).id))
    caller = call.caller
    any_app = caller.holds(seen, ADMINS_OF_APPS) if caller.delegated else caller.has("Application.ReadWrite.All")
    if not any_app and caller.object_id not in app.owners:
        raise errors.denied()
    return app
