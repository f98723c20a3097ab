"""A tenant, opened: who signs in to it, where its things go, and the clock; what every part of a session stands on."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from azure.core.credentials import TokenCredential

from .. import parameters
from ..errors import ConfigurationError
from ..services import identity, progress, store
from ..tenants import Admin, Configuration, Tenant

__all__ = ["Tenancy", "attended", "history"]


@dataclass(frozen=True)
class Tenancy:
    """One tenant, opened.

    Args:
        configuration: The tenants file it is from.
        tenant: The tenant.
        folder: Where its pages, evidence, tables and receipts go.
        tell: Called with a line of progress.
        now: The clock.
        renew: Called before anything is asked: what the configuration starts may have ended since.
    """

    configuration: Configuration
    tenant: Tenant
    folder: Path
    tell: Callable[[str], None] = field(default_factory=progress.teller)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    renew: Callable[[], object] = lambda: None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.tenant.name!r}, cloud {self.tenant.cloud.name!r})"

    def reader(self) -> TokenCredential:
        """Return who signs in to read.

        Raises:
            ConfigurationError: Nobody is configured.
        """
        if self.tenant.admin is None:
            raise ConfigurationError(
                f"{self.tenant.name} names nobody who signs in.",
                remedy="Add admin: to the tenant, for example admin: {flow: interactive, client_id: …}.",
            )
        return self._reader

    def operator(self) -> TokenCredential:
        """Return who signs in to change the tenant: never who reads it, and never in a headless report.

        Raises:
            ConfigurationError: Nobody is configured.
        """
        if self.tenant.operator is None:
            raise ConfigurationError(
                f"{self.tenant.name} names nobody who may change it.",
                remedy="Run `mailauth runbook-app` once: it makes an app registration of your own to sign in with, and "
                "notes it as the tenant's operator.",
            )
        return self._operator

    # One each, so that a person is asked once, however many parts of a session read.
    @cached_property
    def _reader(self) -> TokenCredential:
        assert self.tenant.admin is not None
        kept = self.tenant.admin.remember
        file = None if kept == "never" else store.sign_in_file(self.tenant.name, self.tenant.tenant_id)
        return self._signed_in(self.tenant.admin, remember=file, strict=kept == "encrypted", plain=kept == "plain")

    @cached_property
    def _operator(self) -> TokenCredential:
        assert self.tenant.operator is not None
        # In memory: what can change a tenant does not outlive the run.
        return self._signed_in(self.tenant.operator)

    def _signed_in(self, admin: Admin, **kept: Any) -> TokenCredential:
        where = self.tenant
        return identity.credential(admin, tenant_id=where.tenant_id, cloud=where.cloud, attended=attended(), **kept)


def attended() -> bool:
    """Whether a person sits there: a headless run names its progress file, papermill injects a cell."""
    return not os.environ.get("MAILAUTH_PROGRESS") and not parameters.injected(history())


def history() -> Sequence[str]:
    """Return the cells that this kernel has run; empty outside a kernel."""
    if "IPython" not in sys.modules:
        return ()
    from IPython import get_ipython

    shell = get_ipython()
    return () if shell is None else tuple(shell.user_ns.get("In", ()))
