"""Notebook 30's part of a session: consent as the tenant holds it, the links that ask for it, and their answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import consent, evidence, grants, mailclients
from ..consent import Answer, AppLinks
from ..errors import ConfigurationError
from ..grants import Consents
from ..services import directory, store
from .tenancy import Tenancy

__all__ = ["Consenting"]


@dataclass(frozen=True)
class Consenting:
    """What notebook 30 asks of a tenant.

    Args:
        tenancy: The tenant, opened.
    """

    tenancy: Tenancy

    def look(self) -> Consents:
        """Return the consent that the tenant holds for its mail apps and for well-known programs; changes nothing.

        What cannot be read is coverage, and what depends on it is not known.
        """
        tenancy, tenant = self.tenancy, self.tenancy.tenant
        clients = [client.app_id for client in mailclients.known()]
        try:
            tenancy.tell("reading the tenant's consent")
            apps = {app.client_id: app.name for app in tenant.mail_apps if app.client_id}
            found = directory.read(tenant.cloud, tenancy.reader(), apps, clients=clients)
        except ConfigurationError as error:
            found = directory.unread(error)
        tenancy.tell("")
        return grants.assess(tenant, found)

    def links(self, state: Consents, *, redirect_uri: str = "") -> tuple[AppLinks, ...]:
        """Return the links by which an administrator consents to each mail app; asks nobody and changes nothing.

        Args:
            state: What `look` returned: it knows the redirect addresses that an app has registered.
            redirect_uri: Where the browser is to be sent back to, as registered; empty for one that the tenant knows.
        """
        tenant = self.tenancy.tenant
        used = consent.families(protocol for box in tenant.mailboxes for protocol in box.protocols)
        key = store.link_key(tenant.name, tenant.tenant_id)
        return tuple(
            consent.for_app(
                tenant.cloud,
                tenant=tenant.tenant_id,
                app=app.name,
                client_id=app.client_id,
                redirect_uri=redirect_uri or consent.redirect(app.redirect_uris),
                key=key,
                families=used or consent.ALL,
            )
            for app in state.apps
            if app.client_id
        )

    def client_links(self) -> tuple[AppLinks, ...]:
        """Return the link for each well-known mail program that Microsoft still lets in."""
        where, tenant = self.tenancy.tenant.cloud, self.tenancy.tenant.tenant_id
        return tuple(
            consent.for_app(where, tenant=tenant, app=client.name, client_id=client.app_id)
            for client in mailclients.known()
            if not client.disabled
        )

    def read(self, callback: str, links: Sequence[AppLinks]) -> Answer | None:
        """Return what the address says that a browser was sent back to; None where none was pasted.

        Raises:
            ConfigurationError: The text is no such address.
        """
        if not callback.strip():
            return None
        try:
            return consent.read(callback, links, tenant_id=self.tenancy.tenant.tenant_id)
        except ValueError as error:
            raise ConfigurationError(f"callback: {error}.") from None

    def keep(self, state: Consents, links: Sequence[AppLinks]) -> Path:
        """Write notebook 30's evidence and return where it is."""
        record = evidence.consents(self.tenancy.tenant, state, links, made_at=self.tenancy.now())
        return store.write_evidence(self.tenancy.folder / "evidence" / "30-consent.json", record)
