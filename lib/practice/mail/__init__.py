"""Exchange Online's mail servers: IMAP, POP and SMTP submission."""

from twisted.internet import ssl as tls
from twisted.internet.protocol import ServerFactory

from practice.backend import Backend

from .desk import Desk
from .imap import Imap
from .pop import Pop
from .smtp import Smtp
from .wire import Factory

__all__ = ["imap", "pop", "smtp"]


def imap(backend: Backend, context: tls.ContextFactory) -> ServerFactory:
    """Return the IMAP server."""
    return Factory(Desk(backend, "imap"), Imap, context)


def pop(backend: Backend, context: tls.ContextFactory) -> ServerFactory:
    """Return the POP server."""
    return Factory(Desk(backend, "pop"), Pop, context)


def smtp(backend: Backend, context: tls.ContextFactory) -> ServerFactory:
    """Return the submission server; *context* is what STARTTLS shows."""
    return Factory(Desk(backend, "smtp"), Smtp, context)
