"""One HTTP session per cloud, with its own certificates and proxy: for msal, azure-core and Kusto alike.

A cloud with its own certificates must not be caught by ``REQUESTS_CA_BUNDLE``, nor a loopback
cloud by ``HTTPS_PROXY``; the public cloud behind a company's proxy needs just these.
"""

import ssl
from typing import Any

import requests
from azure.core.pipeline.transport import RequestsTransport
from requests.adapters import HTTPAdapter

from mailauth.clouds import Cloud
from mailauth.errors import ConfigurationError

__all__ = ["session", "transport"]


class _OwnCertificates(HTTPAdapter):
    """Trusts one context and nothing that the environment names."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._context)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, ssl_context=self._context)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        # requests merges REQUESTS_CA_BUNDLE into `verify`, which would take part in choosing the connection.
        return super().send(request, *args, **{**kwargs, "verify": True})

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the connection to the context: what requests adds here widens the trust."""
        conn.cert_reqs = "CERT_REQUIRED"


def session(cloud: Cloud) -> requests.Session:
    """Return a session that reaches *cloud* as its entry says.

    Raises:
        ConfigurationError: The cloud's ``ca_file`` cannot be read.
    """
    made = requests.Session()
    # Without the environment there are no .netrc passwords either.
    made.trust_env = cloud.proxy == "environment"
    if cloud.proxy not in ("environment", "none", ""):
        made.proxies = {"https": cloud.proxy}
    if cloud.ca_file is not None:
        made.mount("https://", _OwnCertificates(_context(cloud)))
    return made


def transport(cloud: Cloud, *, timeout_s: float = 300) -> RequestsTransport:
    """Return the same as a transport for azure-core.

    Args:
        cloud: Whose hosts are asked.
        timeout_s: How long one answer may take to begin.

    Raises:
        ConfigurationError: As `session`.
    """
    return RequestsTransport(session=session(cloud), connection_timeout=30, read_timeout=timeout_s)


def _context(cloud: Cloud) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=cloud.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"cloud {cloud.name}: ca_file: {cloud.ca_file} cannot be read ({error.strerror or type(error).__name__}); "
            "expected certificates in PEM form."
        ) from None
