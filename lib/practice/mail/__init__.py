"""Exchange Online's mail servers: IMAP, POP and SMTP submission."""

from twisted.internet import ssl as tls
from twisted.internet.protocol import ServerFactory
from twisted.python.threadpool import ThreadPool

from ..backend import Backend
from .desk import Desk
from .imap import Imap
from .pop import Pop
from .smtp import Smtp
from .wire import Factory

__all__ = ["imap", "pop", "smtp"]


def imap(backend: Backend, context: tls.ContextFactory, pool: ThreadPool) -> ServerFactory:
    """Return the IMAP server; it changes tenants on the threads of *pool*."""
    return Factory(Desk(backend, "imap"), Imap, context, pool)


def pop(backend: Backend, context: tls.ContextFactory, pool: ThreadPool) -> ServerFactory:
    """Return the POP server; it changes tenants on the threads of *pool*."""
    return Factory(Desk(backend, "pop"), Pop, context, pool)


def smtp(backend: Backend, context: tls.ContextFactory, pool: ThreadPool) -> ServerFactory:
    """Return the submission server; *context* is what STARTTLS shows, and *pool* as above."""
    return Factory(Desk(backend, "smtp"), Smtp, context, pool)
