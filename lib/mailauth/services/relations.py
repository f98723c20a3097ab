"""Delegated admin relationships, read from the partner's own tenant. Reading changes nothing."""

from azure.core.credentials import TokenCredential

from mailauth import roads
from mailauth.clouds import Cloud
from mailauth.roads import Relation

from .client import Graph, Pace
from .parts import Parts

__all__ = ["read"]

_PACE = (50, 10.0)


def read(cloud: Cloud, credential: TokenCredential) -> tuple[Relation, ...]:
    """Return the partner's relationships with customers.

    Raises:
        AccessError: They may not be read.
        UnreachableError: Nothing answered.
    """
    scopes = (f"{cloud.graph.rstrip('/')}/DelegatedAdminRelationship.Read.All",)
    with Graph(cloud, credential, pace=Pace(*_PACE), needs=roads.NEEDS, scopes=scopes) as graph:
        return roads.relations(Parts(graph).all(roads.PATH))
