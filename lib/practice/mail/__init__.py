"""Exchange Online's mail servers: IMAP, POP and SMTP submission."""

from typing import Any

from twisted.internet import ssl as tls
from twisted.internet.protocol import Protocol, ServerFactory

from practice.backend import Backend

__all__ = ["imap", "pop", "smtp"]


class _Factory(ServerFactory):
    """Makes a server's connections ."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def buildProtocol(self, addr: Any) -> Any:
        """Return the protocol for a new connection."""
        made = Protocol()
        made.factory = self
        return made


def imap(backend: Backend, context: tls.ContextFactory) -> ServerFactory:
    """Return the IMAP server."""
    return _Factory(backend)


def pop(backend: Backend, context: tls.ContextFactory) -> ServerFactory:
    """Return the POP server."""
    return _Factory(backend)


def smtp(backend: Backend, context: tls.ContextFactory) -> ServerFactory:
    """Return the submission server; *context* is what STARTTLS shows."""
    return _Factory(backend)
