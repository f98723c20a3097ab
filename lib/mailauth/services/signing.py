"""The grants of the app that somebody signs in to, to be looked at before and after they do."""

from collections.abc import Sequence

from azure.core.credentials import TokenCredential

from mailauth.clouds import Cloud
from mailauth.errors import SourceError
from mailauth.signing import Grant, grant

from .client import Graph, Pace
from .parts import Parts

__all__ = ["grants"]

_NEEDS = "reading what an app was granted needs Directory.Read.All"
_PACE = (50, 10.0)


def grants(
    cloud: Cloud, credential: TokenCredential, client_id: str, *, scopes: Sequence[str] = ()
) -> tuple[Grant, ...] | None:
    """Return the delegated grants of an app; none where the tenant does not know it, None where they may not be read.

    Args:
        cloud: Where Graph is.
        credential: Who looks; before the first sign-in that has to be somebody else than who signs in.
        client_id: The app.
        scopes: What a person is asked for; none for what the app was let do before.
    """
    asked = [f"{cloud.graph.rstrip('/')}/{scope}" for scope in scopes]
    with Graph(cloud, credential, pace=Pace(*_PACE), needs=_NEEDS, scopes=asked) as graph:
        look = Parts(graph)
        try:
            known = look.principal(client_id, "id")
            if not known:
                return ()
            query = {"$filter": f"clientId eq '{known['id']}'"}
            return tuple(grant(record) for record in look.all("/v1.0/oauth2PermissionGrants", query))
        except SourceError:
            return None
