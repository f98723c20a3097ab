"""Notebook 30's part of a session: consent as the tenant holds it, the links that ask for it, and their answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import consent, consentrecord, directgrants, grants, mailclients
from ..consent import Answer, AppLinks
from ..directgrants import Wanted
from ..errors import ConfigurationError
from ..grants import Consents
from ..parameters import listed
from ..plan import Plan, Receipt, new_id
from ..services import directory, loopback, store
from .tenancy import Tenancy, attended

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

        An app that needs no permission has none.

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
            if app.client_id and not app.needs_nothing
        )

    def plan(self, state: Consents, *, people: str = "", clients: str = "", remove: str = "") -> Plan:
        """Return the plan that grants through Microsoft Graph what the mail apps lack; changes nothing.

        Args:
            state: What `look` returned.
            people: The addresses of those who alone are to use the apps, separated by commas; empty for everybody.
            clients: Well-known mail programs that everybody is to use, by name or id, separated by commas.
            remove: The names of permissions to take back, separated by commas.

        Raises:
            ConfigurationError: Somebody of *people* has no account.
            SourceError: The accounts could not be read.
        """
        now = self.tenancy.now()
        wanted = Wanted(self._accounts(listed(people)), listed(clients), listed(remove))
        change = directgrants.plan(self.tenancy.tenant, state, wanted, id=new_id(now), now=now)
        return self.tenancy.considered(change)

    def _accounts(self, addresses: Sequence[str]) -> Mapping[str, str]:
        """Return who is meant, by object id."""
        if not addresses:
            return {}
        found = directory.accounts(self.tenancy.tenant.cloud, self.tenancy.reader(), addresses)
        lost = [address for address in addresses if address not in found]
        if lost:
            raise ConfigurationError(
                f"people: found {', '.join(lost)}; expected addresses that accounts of {self.tenancy.tenant.name} sign "
                "in with."
            )
        return {user_id: address for address, user_id in found.items()}

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

    def listen(self, links: Sequence[AppLinks], *, wait_s: int) -> Answer | None:
        """Wait on this machine for the answer to one of the links, and return it; None where none came.

        Args:
            links: The links, as somebody opens them in a browser on this machine meanwhile.
            wait_s: How long, in seconds; 0 for not at all. A headless run never waits.

        Raises:
            ConfigurationError: No link leads back to this machine, or somebody else listens there.
        """
        if not wait_s or not attended():
            return None
        self.tenancy.tell(f"waiting for {wait_s} seconds: open a link now")
        try:
            return loopback.wait(links, tenant_id=self.tenancy.tenant.tenant_id, wait_s=wait_s)
        finally:
            self.tenancy.tell("")

    def keep(
        self, state: Consents, links: Sequence[AppLinks], change: Plan | None = None, receipt: Receipt | None = None
    ) -> Path:
        """Write notebook 30's evidence and return where it is.

        Args:
            state: The consent as it is at the end.
            links: The links.
            change: What was planned.
            receipt: What became of it.
        """
        tenancy = self.tenancy
        record = consentrecord.record(tenancy.tenant, state, links, change, receipt, made_at=tenancy.now())
        return store.write_evidence(self.tenancy.folder / "evidence" / "30-consent.json", record)
