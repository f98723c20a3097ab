"""The runbook's own registrations, read from Microsoft Graph. Reading changes nothing."""

from typing import Any, Final

from mailauth import permissions
from mailauth.runbookapps import KINDS, Found, Kind, Known, unique_name

from .client import Graph
from .parts import Parts

__all__ = ["read"]

_APP: Final = "id,appId,signInAudience,publicClient,requiredResourceAccess"


def read(graph: Graph) -> Found:
    """Return what the tenant holds of the two, and what Graph and Exchange offer there.

    Raises:
        AccessError: Whoever asks may not read registrations.
        SourceError: As `Graph.get`.
    """
    look = Parts(graph)
    offers = {
        app_id: _offered(look.principal(app_id, "oauth2PermissionScopes")) for app_id in permissions.APP_IDS.values()
    }
    return Found({kind: _known(look, kind) for kind in KINDS}, offers)


def _offered(record: Any) -> dict[str, str]:
    return {str(each.get("value")): str(each.get("id")) for each in record.get("oauth2PermissionScopes") or ()}


def _known(look: Parts, kind: Kind) -> Known:
    app = look.if_any(f"/v1.0/applications(uniqueName='{unique_name(kind)}')", {"$select": _APP})
    if not app:
        return Known()
    client_id = str(app.get("appId") or "")
    return Known(
        object_id=str(app.get("id") or ""),
        client_id=client_id,
        audience=str(app.get("signInAudience") or ""),
        redirects=tuple((app.get("publicClient") or {}).get("redirectUris") or ()),
        asks=app.get("requiredResourceAccess") or (),
        principal=str(look.principal(client_id, "id").get("id") or ""),
    )
