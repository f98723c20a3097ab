"""Entra's token endpoint on loopback, as far as msal talks to it."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import trustme

from mailauth.clouds import Cloud
from tests.loganalytics import cloud, tls

TENANT = "7c1d3b52-0f6e-4f6d-9a55-2f4f0f9f1a01"
APP = "5f5f5f5f-0000-4000-8000-00000000c1c1"
SECRET = "the~secret.of-the_app~that-nobody-sees"
TOKEN = "eyJ0.access-token-that-nobody-sees.sig"
REFRESH = "0.refresh-token-that-nobody-sees"


@dataclass
class Entra:
    """The tenant; a test reads what was asked.

    Args:
        refuse: An error description to answer instead of tokens.
        pending: How many times a device code is still waited for.
        asked: The forms that the token endpoint got.
    """

    refuse: str = ""
    pending: int = 1
    asked: list[dict[str, str]] = field(default_factory=list)

    def token(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """Return status and JSON for a token request."""
        self.asked.append(form)
        if self.refuse:
            return 400, {"error": "invalid_client", "error_description": self.refuse}
        kind = form["grant_type"].rpartition(":")[2]
        if kind == "client_credentials":
            known = form.get("client_secret") == SECRET or "client_assertion" in form
            return (200, _tokens()) if known else (401, _wrong_secret())
        if kind == "device_code" and self.pending:
            self.pending -= 1
            return 400, {"error": "authorization_pending", "error_description": "AADSTS70016: still waiting"}
        return 200, {**_tokens(), "refresh_token": REFRESH, "id_token": _id_token(), "client_info": _client_info()}


@contextmanager
def serving(entra: Entra, folder: Path) -> Iterator[Cloud]:
    """Serve *entra* on loopback and give the cloud whose login it is."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(entra))
    server.socket = tls(authority).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield cloud(f"https://localhost:{server.server_port}", folder / "ca.pem")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(entra: Entra) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"https://{self.headers['Host']}/{TENANT}"
            found = self.path.startswith(f"/{TENANT}/")
            self._send(200, _metadata(base)) if found else self._send(400, _no_tenant())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            if self.path.endswith("/devicecode"):
                self._send(200, _device())
            else:
                self._send(*entra.token(form))

        def _send(self, status: int, answer: dict[str, Any]) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Stay quiet."""

    return Handler


def _metadata(base: str) -> dict[str, Any]:
    return {
        "issuer": f"{base}/v2.0",
        "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
        "token_endpoint": f"{base}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
    }


def _no_tenant() -> dict[str, Any]:
    return {"error": "invalid_tenant", "error_description": "AADSTS90002: Tenant 'nowhere' not found."}


def _wrong_secret() -> dict[str, Any]:
    said = "AADSTS7000215: Invalid client secret provided. Trace ID: 1 Timestamp: 2026-11-23 10:00:00Z"
    return {"error": "invalid_client", "error_description": said}


def _device() -> dict[str, Any]:
    return {
        "user_code": "ABCD1234",
        "device_code": "device-code",
        "verification_uri": "https://microsoft.example/devicelogin",
        "expires_in": 900,
        "interval": 1,
        "message": "To sign in …",
    }


def _tokens() -> dict[str, Any]:
    return {"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN}


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _id_token() -> str:
    now = int(time.time())
    claims = {
        "aud": APP,
        "iss": "https://localhost/",
        "iat": now,
        "nbf": now - 60,
        "exp": now + 3600,
        "tid": TENANT,
        "oid": "person",
        "sub": "person",
        "preferred_username": "admin@fabrikam.example",
    }
    return f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}.x"


def _client_info() -> str:
    return _part({"uid": "person", "utid": TENANT})
