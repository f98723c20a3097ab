"""The apps that Exchange knows: ``*-ServicePrincipal``.

Exchange takes any object id: that it is the enterprise application's, and not the registration's, is for the
administrator to know. That is how the classic mistake is made.
"""

import secrets
from typing import Final

from practice.state import ExchangePrincipal

from . import errors, recipients
from .binding import Given, Parameter
from .cmdlets import IDENTITY, Cmdlet, Row, Run, assign

__all__ = ["CMDLETS"]

_ROLE: Final = "Role Management"
_NAME: Final = Parameter("DisplayName", longest=256)

# Word for word as far as public transcripts give it, spelling included (E1); they break off here.
_DEPRECATED: Final = "The ServiceId parameter is being depreciated and will be replaced with ObjectId."


def _shown(one: ExchangePrincipal) -> Row:
    return {
        "DisplayName": one.display_name,
        "ObjectId": one.object_id,
        "AppId": one.app_id,
        "Sid": one.sid,
        "Identity": one.object_id,
        "Id": one.object_id,
        "Name": one.object_id,
        "Guid": one.guid,
        "ExchangeObjectId": one.guid,
    }


def _get(run: Run, given: Given) -> list[Row]:
    identity = given.text("Identity")
    return [_shown(one) for one in ([recipients.principal(run, identity)] if identity else run.exchange.principals)]


def _new(run: Run, given: Given) -> list[Row]:
    object_id = given.text("ObjectId") or given.text("ServiceId")
    if given.text("ServiceId"):
        run.warn(_DEPRECATED)
    app_id = given.text("AppId")
    for one in run.exchange.principals:
        if app_id == one.app_id or object_id == one.object_id:
            raise errors.duplicate(one.object_id)
    made = ExchangePrincipal(
        object_id=object_id, app_id=app_id, display_name=given.text("DisplayName"), sid=_fresh_sid()
    )
    run.exchange.principals.append(made)
    return [_shown(made)]


def _set(run: Run, given: Given) -> list[Row]:
    one = recipients.principal(run, given.text("Identity"))
    values = {"display_name": given.text("DisplayName")} if "DisplayName" in given else {}
    assign(run, one, values, one.object_id)
    return []


def _remove(run: Run, given: Given) -> list[Row]:
    """Forget an app. Its permissions stay as a SID that nobody has any more: an app made again has a new one."""
    gone = recipients.principal(run, given.text("Identity"))
    run.exchange.principals = [one for one in run.exchange.principals if one.guid != gone.guid]
    return []


def _fresh_sid() -> str:
    return "-".join(("S-1-5-21", *(str(secrets.randbits(32)) for _ in range(3)), str(1000 + secrets.randbits(24))))


CMDLETS: Final = (
    Cmdlet("Get-ServicePrincipal", _ROLE, _get, (Parameter("Identity"), Parameter("Organization"))),
    Cmdlet(
        "New-ServicePrincipal",
        _ROLE,
        _new,
        (
            Parameter("AppId", "guid", required=True),
            Parameter("ObjectId", "guid"),
            Parameter("ServiceId", "guid"),
            _NAME,
        ),
        one_of=(("ObjectId", "ServiceId"),),
    ),
    Cmdlet("Set-ServicePrincipal", _ROLE, _set, (IDENTITY, _NAME)),
    Cmdlet("Remove-ServicePrincipal", _ROLE, _remove, (IDENTITY,)),
)
"""The cmdlets of this module."""
