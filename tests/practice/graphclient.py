"""Asks the practice Graph over TLS as tools do, with tokens such as Entra gives."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from mailauth import clouds
from mailauth.services import http
from practice import cloud
from practice.limits import GraphLimits
from practice.state import ServicePrincipal, User
from practice.wellknown import GRAPH
from tests.practice.woodgrove import Woodgrove, woodgrove

__all__ = ["Client", "Lab", "lab"]

ALL = (
    "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All"
    " Directory.Read.All Policy.Read.All Policy.ReadWrite.ApplicationConfiguration Policy.ReadWrite.Authorization"
    " Policy.ReadWrite.ConsentRequest Policy.ReadWrite.ConditionalAccess Domain.Read.All AuditLog.Read.All"
    " AuditLogsQuery-Entra.Read.All DelegatedAdminRelationship.Read.All"
)
"""What an administrator who does everything asks for."""


@dataclass(repr=False)
class Client:
    """Somebody with a token.

    Args:
        base: Where Graph is, without a version.
        session: How it is reached.
        token: The access token.
        headers: Sent with every request.
    """

    base: str
    session: requests.Session
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """Return the answer to a request; *path* begins with the version or, without one, is v1.0's."""
        versioned = path if path.startswith(("/v1.0", "/beta")) else f"/v1.0{path}"
        headers = {**self.headers, **({"Authorization": f"Bearer {self.token}"} if self.token else {})}
        headers |= options.pop("headers", {})
        return self.session.request(
            method, f"{self.base}{versioned}", json=body, headers=headers, timeout=30, **options
        )

    def get(self, path: str, **options: str) -> Any:
        """Return the JSON at *path*; *options* are the query's, without the dollar."""
        answer = self.ask("GET", path, params={f"${name}": value for name, value in options.items()})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, status: int = 201) -> Any:
        """Return what *body* sent to *path* gives."""
        answer = self.ask("POST", path, {} if body is None else body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def patch(self, path: str, body: object, status: int = 204, **headers: str) -> Any:
        """Return what a change gives."""
        answer = self.ask("PATCH", path, body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str, str]:
        """Return status, code and message of a refusal, which has to be told as Graph tells one."""
        answer = self.ask(method, path, body, **options)
        error = json.loads(answer.content)["error"]
        assert set(error["innerError"]) == {"date", "request-id", "client-request-id"}
        return answer.status_code, error["code"], error["message"]


@dataclass(repr=False)
class Lab:
    """A practice cloud with one tenant, and clients of its Graph."""

    made: Woodgrove
    practice: cloud.Cloud

    def __post_init__(self) -> None:
        self._session = http.session(self.cloud())

    def close(self) -> None:
        """Let its connections go."""
        self._session.close()

    def cloud(self) -> clouds.Cloud:
        """Return the cloud as the library knows it."""
        entry = self.practice.entry()
        return clouds.Cloud(name="practice", **{**entry, "ca_file": Path(entry["ca_file"])})

    def token(self, **claims: Any) -> str:
        """Return a token for Graph with further or other claims."""
        now = int(self.practice.backend.now().timestamp())
        tid = claims.get("tid", self.made.estate.tenant.tenant_id)
        usual = {
            "aud": "https://graph.microsoft.com",
            "iss": f"https://sts.windows.net/{tid}/",
            "tid": tid,
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
            "ver": "1.0",
        }
        return self.practice.backend.keys.sign({**usual, **claims})

    def user(self, who: User, scopes: str = ALL) -> Client:
        """Return a client at which *who* is signed in."""
        return self.client(
            self.token(oid=who.id, appid=self.made.client.app_id, scp=scopes, upn=who.user_principal_name)
        )

    def app(self, who: ServicePrincipal, *roles: str) -> Client:
        """Return a client that is an app of its own."""
        return self.client(self.token(oid=who.id, appid=who.app_id, roles=list(roles), idtyp="app"))

    def client(self, token: str) -> Client:
        """Return a client with *token*."""
        return Client(f"{self.practice.base_url}/graph", self._session, token)

    def forget(self) -> None:
        """Have the faces forget what happened in the tenant, as a reset does."""
        for forget in self.practice.backend.forget:
            forget(self.made.estate.tenant.tenant_id)

    @property
    def admin(self) -> Client:
        """The global administrator."""
        return self.user(self.made.admin)

    @property
    def graph_id(self) -> str:
        """The object id of Graph's own enterprise application."""
        found = self.made.estate.tenant.directory.principal(GRAPH)
        assert found is not None
        return found.id


@contextmanager
def lab(made: Woodgrove | None = None, *, home: Path | None = None, put: bool = True) -> Iterator[Lab]:
    """Give a practice cloud that holds one tenant, whose reports may be asked for without waiting.

    Args:
        made: The tenant.
        home: Where it is kept.
        put: Whether to set it anew; else *home* has it already.
    """
    tenant = made or woodgrove()
    with cloud.start([tenant.estate.tenant] if put else [], home=home) as practice:
        practice.backend.graph = GraphLimits(reports=0)
        found = Lab(tenant, practice)
        yield found
        found.close()
