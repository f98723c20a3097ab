"""The grants of the app that somebody signs in to, before and after they do; and one sign-in between the two looks."""

from azure.core.credentials import TokenCredential

from mailauth.clouds import Cloud
from mailauth.errors import SourceError
from mailauth.signing import Grant, grant

from .client import Graph, Pace
from .parts import Parts

__all__ = ["grants"]

_NEEDS = "reading what an app was granted needs Directory.Read.All"
_PACE = (50, 10.0)


def grants(cloud: Cloud, credential: TokenCredential, client_id: str) -> tuple[Grant, ...] | None:
    """Return the delegated grants of an app; none where the tenant does not know it, None where they may not be read.

    Args:
        cloud: Where Graph is.
        credential: Who looks; before the first sign-in that has to be somebody else than who signs in.
        client_id: The app.
    """
    scopes = (f"{cloud.graph.rstrip('/')}/Directory.Read.All",)
    with Graph(cloud, credential, pace=Pace(*_PACE), needs=_NEEDS, scopes=scopes) as graph:
        look = Parts(graph)
        try:
            known = look.principal(client_id, "id")
            if not known:
                return ()
            asked = {"$filter": f"clientId eq '{known['id']}'"}
            return tuple(grant(record) for record in look.all("/v1.0/oauth2PermissionGrants", asked))
        except SourceError:
            return None
