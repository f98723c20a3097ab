"""Exchange's administration of a practice cloud, as the library reaches it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme
from azure.core.credentials import AccessToken

from mailauth.clouds import Cloud
from mailauth.plan import Cmdlet
from mailauth.services.exchange import Exchange
from practice import cloud
from practice.state import User
from tests import loganalytics
from tests.practice import tokens
from tests.practice.woodgrove import Woodgrove, running, woodgrove

__all__ = ["Answers", "Credential", "Lab", "administering", "answering", "cmdlet", "mailauth_cloud"]


@dataclass
class Credential:
    """Signs in with a token that it holds, and notes for what."""

    token: str = field(repr=False)
    asked: list[str] = field(default_factory=list)

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        self.asked += scopes
        return AccessToken(self.token, int(time.time()) + 3600)


@dataclass
class Lab:
    """An administration to test with.

    Args:
        exchange: As the library reaches it, with a global administrator's token.
        practice: The practice cloud behind it.
        made: The tenant that it holds.
        waited_s: How long each wait was to be; nothing really waits.
    """

    exchange: Exchange
    practice: cloud.Cloud
    made: Woodgrove
    waited_s: list[float]

    def as_person(self, user: User, scopes: str = "Exchange.Manage") -> Exchange:
        """Return the administration with another person's token; not entered."""
        token = tokens.of_person(self.practice.backend, self.made.estate.tenant, user, scopes)
        return self._as(token)

    def as_app(self, *roles: str) -> Exchange:
        """Return the administration with the daemon's token; not entered."""
        daemon, principal = self.made.daemon, self.made.daemon_principal
        tenant = self.made.estate.tenant
        return self._as(tokens.of_app(self.practice.backend, tenant, daemon.app_id, principal.id, *roles))

    def _as(self, token: str) -> Exchange:
        where, tenant_id = mailauth_cloud(self.practice), self.made.estate.tenant.tenant_id
        return Exchange(where, Credential(token), tenant_id=tenant_id, sleep=self.waited_s.append)


def mailauth_cloud(practice: cloud.Cloud) -> Cloud:
    """Return a practice cloud as the library knows clouds."""
    entry = practice.entry()
    return Cloud(name="practice", **{**entry, "ca_file": practice.ca_file})


@contextmanager
def administering(made: Woodgrove | None = None) -> Iterator[Lab]:
    """Give the administration of a practice cloud that holds one tenant."""
    tenant = made or woodgrove()
    with running(tenant) as practice:
        token = tokens.of_person(practice.backend, tenant.estate.tenant, tenant.admin, "Exchange.Manage")
        waited: list[float] = []
        where, tenant_id = mailauth_cloud(practice), tenant.estate.tenant.tenant_id
        with Exchange(where, Credential(token), tenant_id=tenant_id, sleep=waited.append) as exchange:
            yield Lab(exchange, practice, tenant, waited)


def cmdlet(name: str, **parameters: Any) -> Cmdlet:
    """Return a cmdlet with its parameters."""
    return Cmdlet(name, parameters)


@dataclass
class Answers:
    """What a server says, one answer after the other, the last one for ever.

    Args:
        said: Status, headers and body of each; a body that is no text is sent as JSON.
        asked: What it was asked: the path and the body.
    """

    said: list[tuple[int, dict[str, str], Any]]
    asked: list[tuple[str, Any]] = field(default_factory=list)


@contextmanager
def answering(answers: Answers, folder: Path) -> Iterator[Cloud]:
    """Serve *answers* over TLS on loopback, for what no practice cloud says, and give the cloud that leads there."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answers.asked.append((self.path, json.loads(body)))
            status, headers, said = answers.said[min(len(answers.asked), len(answers.said)) - 1]
            content = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = loganalytics.tls(authority).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield loganalytics.cloud(f"https://localhost:{server.server_port}", folder / "ca.pem")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
