"""Notebook 40's part of a session: what lets an app open mailboxes, the plan for what is missing, and its undo."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from .. import admission, collector, mailboxes, mailgrants
from ..checks import Check
from ..conditions import Conditions
from ..coverage import Coverage, Window
from ..errors import ConfigurationError, MailauthError, SourceError
from ..froms import Froms
from ..mailboxes import Found
from ..mailgrants import App
from ..organization import SMTP_ROLE, Mailbox, Openings, Organization, Principal
from ..plan import Plan, Receipt, new_id
from ..services import conditions, mailapps, store, traces
from ..services import organization as exchange_holdings
from ..services.exchange import Exchange
from ..tenants import MailApp
from ..tenants import Mailbox as Wanted
from . import scripts
from .scripts import Kept
from .tenancy import Tenancy, project

__all__ = ["Granting"]

# Whom a mailbox lets in, and how full it is, costs one request each; for more than this only what is planned is asked.
_EVERYWHERE: Final = 200
_TESTED: Final = 50
# As far back as one question to the message trace reaches.
_TRACED: Final = timedelta(days=10)


@dataclass(frozen=True)
class Granting:
    """What notebook 40 asks of a tenant, and does to it.

    Args:
        tenancy: The tenant, opened.
    """

    tenancy: Tenancy

    def app(self, name: str = "") -> MailApp:
        """Return the app that is to open mailboxes; one without a client id where the tenants file names none.

        Args:
            name: What the tenants file calls it; empty for the first that is registered.

        Raises:
            ConfigurationError: There is none of that name, or it has no client id yet.
        """
        apps = self.tenancy.tenant.mail_apps
        if not name:
            return next((app for app in apps if app.client_id), MailApp(name="an app"))
        found = next((app for app in apps if app.name == name), None)
        if found is None:
            known = ", ".join(app.name for app in apps) or "no mail app"
            raise ConfigurationError(f"app: found {name!r}; {self.tenancy.tenant.name} has {known}.")
        if not found.client_id:
            raise ConfigurationError(f"app: {name} has no client_id.", remedy="Run 20 first: it registers the app.")
        return found

    def look(self, app: str = "", *, signs_in: str = "", collected: str = "", everywhere: bool = False) -> Found:
        """Return where the app stands; changes nothing. What cannot be read is coverage.

        Args:
            app: What the tenants file calls the app; empty for the first that is registered.
            signs_in: Who signs in for shared mailboxes; see `mailboxes.signers`.
            collected: A file that the collector script wrote, to be read in place of the tenant; from the project
                folder on. Nobody is asked then.
            everywhere: Whether to ask every mailbox of a large organization whom it lets in, a request each.

        Raises:
            ConfigurationError: The app, a parameter or the file is wrong.
        """
        mail_app, told = self.app(app), mailboxes.signers(signs_in)
        if collected:
            return self._collected(mail_app, told, Path(collected).expanduser())
        known, reached = self._known(mail_app)
        held = self._held(known, told, everywhere=everywhere)
        accounts = [box.object_id for name in _asked(held) if (box := held.organization.mailbox(name))]
        judged = self._judged(held, self._conditions(accounts))
        self.tenancy.tell("")
        return replace(judged, coverage=(*reached, *judged.coverage, *judged.conditions.coverage))

    def collecting(self, *, signs_in: str = "") -> Kept:
        """Write a script that only reads, for somebody who may; `look` takes the file that it leaves.

        Args:
            signs_in: As for `look`: these accounts' mailboxes are read too.

        Raises:
            ConfigurationError: Something in *signs_in* is no address.
        """
        tenancy, told = self.tenancy, mailboxes.signers(signs_in)
        boxes = [address for each in tenancy.tenant.mailboxes for address in (each.address, *each.send_as)]
        addresses = tuple(dict.fromkeys((*boxes, *told.values())))
        return scripts.named(scripts.collecting(tenancy.folder, tenancy.tenant, mailboxes=addresses, now=tenancy.now()))

    def scripts(self, change: Plan) -> Kept | None:
        """Write *change* as a PowerShell script with the same effect, and the one that takes it back.

        None where there is nothing to change.
        """
        return scripts.named(scripts.keep(self.tenancy.folder, change)) if change.steps else None

    def plan(self, found: Found, *, let_passwords_in: str = "", remove_extra: str = "") -> Plan:
        """Return what is still to be done, and what speaks against it; asks nobody and changes nothing.

        Args:
            found: The look.
            let_passwords_in: See `mailboxes.wish`.
            remove_extra: See `mailboxes.wish`.

        Raises:
            ConfigurationError: A parameter is wrong.
        """
        wish = mailboxes.wish(found, let_passwords_in=let_passwords_in, remove_extra=remove_extra)
        now = self.tenancy.now()
        change = mailgrants.plan(
            found.app,
            found.organization,
            wish,
            tenant=self.tenancy.tenant,
            id=new_id(now),
            now=now,
            opened=found.opened,
        )
        return self.tenancy.considered(change)

    def tested(self, found: Found, *, collected: str = "") -> tuple[Check, ...]:
        """Return whether the app's role covers each mailbox that it is to send from, as Exchange itself says.

        The test asks the current state; live traffic follows it within 30 minutes to 2 hours. Nobody is asked where the
        look was read from a file.
        """
        app = found.app
        boxes = [box for each in found.wanted if "smtp" in each.protocols and (box := _box(found, each.address))]
        if collected or not (app.alone and app.smtp == "rbac" and app.object_id and boxes):
            return ()
        try:
            with self.tenancy.exchange() as exchange:
                return tuple(_tested(exchange, app, box) for box in boxes[:_TESTED])
        except MailauthError as error:
            return (Check(f"the role {SMTP_ROLE}", "cannot know", error.message, error.remedy),)

    def keep(self, found: Found, change: Plan | None = None, receipt: Receipt | None = None) -> Path:
        """Write notebook 40's evidence and return where it is."""
        tenancy = self.tenancy
        record = mailboxes.record(tenancy.tenant, found, change, receipt, made_at=tenancy.now())
        return store.write_evidence(tenancy.folder / "evidence" / "40-grant-mailboxes.json", record)

    # Reading.

    def _known(self, app: MailApp) -> tuple[App, tuple[Coverage, ...]]:
        if not app.client_id:
            return App(app.name, "", alone=False), ()
        self.tenancy.tell(f"reading {app.name} in the directory")
        try:
            return mailapps.read(self.tenancy.tenant.cloud, self.tenancy.reader(), app)
        except ConfigurationError as error:
            return mailapps.unread(app, error)

    def _held(self, app: App, told: Mapping[str, str], *, everywhere: bool) -> Found:
        """Return the look as far as Exchange tells."""
        boxes, nothing = self.tenancy.tenant.mailboxes, conditions.unread(ConfigurationError("Nobody has looked yet."))
        found = Found(app, boxes, Organization(), nothing, signs_in=told)
        try:
            with self.tenancy.exchange() as exchange:
                froms, dark = self._froms(exchange, boxes)
                asked = _trustees(found, froms)
                addresses = [each.address for each in boxes]
                few = everywhere or len(addresses) <= _EVERYWHERE
                held = exchange_holdings.read(
                    exchange, mailboxes=addresses, trustees=asked, sizes=few, tell=self.tenancy.tell
                )
                held = self._with_holders(exchange, replace(found, organization=held))
                opened, lost = self._opened(exchange, app, held, everywhere=everywhere)
                coverage = (*held.coverage, *dark, *lost)
                return replace(found, organization=held, froms=froms, opened=opened, coverage=coverage)
        except MailauthError as error:
            lost_all = Coverage("what Exchange holds", "unknown", "exchange", reason=error.message, remedy=error.remedy)
            return replace(found, coverage=(lost_all,))

    def _with_holders(self, exchange: Exchange, found: Found) -> Organization:
        """Return the organization with as whom those may send who open a shared mailbox and were not named."""
        held = found.organization
        asked = held.trustees or frozenset()
        new = [each for each in _holders(found) if each.lower() not in asked]
        if not new:
            return held
        more = exchange_holdings.read(exchange, trustees=new)
        known = more.send_as if not asked else (*(held.send_as or ()), *(more.send_as or ()))
        return replace(held, send_as=known, trustees=asked | (more.trustees or frozenset()))

    def _froms(self, exchange: Exchange, boxes: Iterable[Wanted]) -> tuple[tuple[Froms, ...], tuple[Coverage, ...]]:
        """Return what the senders that notebook 10 knows put into From."""
        accounts = [each.address for each in boxes if "smtp" in each.protocols]
        if not accounts:
            return (), ()
        every = mailboxes.networks(self._findings())
        wanted = {each.lower() for each in accounts}
        senders = {account: places for account, places in every.items() if account in wanted}
        others = {account: places for account, places in every.items() if account not in wanted}
        dark = [each for each in accounts if each.lower() not in senders]
        said = f"Not known: the networks that {', '.join(dark)} sent from."
        remedy = "Run 10 first: it finds the networks; or write the addresses under send_as."
        unknown = Coverage(_SENDERS, "unknown", "exchange", reason=said, remedy=remedy) if dark else None
        now = self.tenancy.now()
        window, tell = Window(now - _TRACED, now), self.tenancy.tell
        found = traces.read(exchange, senders, window=window, neighbours=others, now=now, tell=tell)
        return found, (*(each for one in found for each in one.coverage), *([unknown] if unknown else ()))

    def _findings(self) -> Mapping[str, object]:
        """Return the evidence of notebook 10; nothing where it left none."""
        try:
            text = (self.tenancy.folder / "evidence" / "10-find-basic-auth.json").read_text(encoding="utf-8")
            found = json.loads(text)
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, Mapping) else {}

    def _opened(
        self, exchange: Exchange, app: App, held: Organization, *, everywhere: bool
    ) -> tuple[tuple[Openings, ...], tuple[Coverage, ...]]:
        """Return what the app's entries can open over the whole organization, where that is few enough to ask."""
        entries = [one for one in held.principals or () if app.alone and app.client_id == one.app_id]
        boxes = held.mailboxes or ()
        if not entries or not boxes:
            return (), ()
        if len(boxes) > _EVERYWHERE and not everywhere:
            said = f"{len(boxes)} mailboxes, and whom each lets in takes a request of its own: the rest was not asked."
            return (), (
                Coverage(_BEYOND, "partial", "exchange", reason=said, remedy="Set everywhere to ask them all."),
            )
        return tuple(self._openings(exchange, one, boxes) for one in entries), (
            Coverage(_BEYOND, "complete", "exchange"),
        )

    def _openings(self, exchange: Exchange, one: Principal, boxes: Iterable[Mailbox]) -> Openings:
        tenancy = self.tenancy
        folder = store.cache_dir(tenancy.tenant.name, tenancy.tenant.tenant_id)
        kept = folder / f"openings-{one.object_id}.ndjson"
        found = exchange_holdings.openings(exchange, one, boxes, kept=kept, now=tenancy.now(), tell=tenancy.tell)
        # Kept for a look that breaks off only: the next whole one asks anew.
        kept.unlink(missing_ok=True)
        return found

    def _collected(self, app: MailApp, told: Mapping[str, str], path: Path) -> Found:
        """Return the look that a file holds."""
        tenant = self.tenancy.tenant
        try:
            text = (project() / path).read_text(encoding="utf-8-sig")
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ConfigurationError(f"collected: {path.name} cannot be read: {why}.") from None
        held = collector.read(text, tenant=tenant)
        found = Found(
            app=mailboxes.app_of(app, held.consents),
            wanted=tenant.mailboxes,
            organization=held.organization,
            conditions=held.conditions,
            signs_in=told,
            coverage=held.coverage,
            source=path.name,
        )
        return self._judged(found, held.conditions)

    def _judged(self, found: Found, held: Conditions) -> Found:
        """Return the look with what each mailbox lets in."""
        now, app = self.tenancy.now(), found.app.object_id
        dates = self.tenancy.tenant.calendar
        judged = admission.every(found.organization, held, now=now, app=app, only=_asked(found), calendar=dates)
        return replace(found, conditions=held, effective=judged)

    def _conditions(self, accounts: list[str]) -> Conditions:
        self.tenancy.tell("reading what Entra asks of sign-ins")
        try:
            return conditions.read(self.tenancy.tenant.cloud, self.tenancy.reader(), accounts)
        except (ConfigurationError, SourceError) as error:
            return conditions.unread(error)


_SENDERS: Final = "From addresses in use"
_BEYOND: Final = "what else the app can open"


def _trustees(found: Found, froms: Iterable[Froms]) -> tuple[str, ...]:
    """Return for whom it is asked as whom they may send: the app by each of its ids, and whoever signs in."""
    app = found.app
    ids = (app.object_id, app.registration_id, *sorted(app.deleted_ids)) if app.alone else ()
    known = {each.account for each in froms if len(each.uses) > 1}
    senders = [
        each.address
        for each in found.wanted
        if "smtp" in each.protocols and (each.send_as or each.address.lower() in known)
    ]
    return tuple(dict.fromkeys(filter(None, (*ids, *senders, *found.signs_in.values()))))


def _asked(found: Found) -> list[str]:
    """Return the mailboxes that are judged: the wanted ones, and those of whoever signs in for a shared one."""
    wanted = [each.address for each in found.wanted]
    return list(dict.fromkeys((*wanted, *found.signs_in.values(), *_holders(found))))


def _holders(found: Found) -> list[str]:
    """Return the people who open the shared mailboxes that people are to open."""
    return [
        row.trustee
        for each in found.wanted
        if each.kind != "user" and found.app.people
        for row in found.organization.rights_of(each.address) or ()
        if row.opens and "@" in row.trustee
    ]


def _box(found: Found, address: str) -> Mailbox | None:
    return found.organization.mailbox(address)


def _tested(exchange: Exchange, app: App, box: Mailbox) -> Check:
    name = f"the role on {box.address}"
    try:
        covers = exchange_holdings.covering(exchange, app.object_id, box.address)
    except SourceError as error:
        return Check(name, "cannot know", error.message, error.remedy)
    if not covers:
        return Check(name, "wrong", f"{app.name} has no role that covers it", "Apply the plan, then look again.")
    everywhere = any(str(row.get("ScopeType")) == "Organization" for row in covers)
    if everywhere:
        return Check(name, "wrong", "a role without a scope covers it, and every other mailbox", "See remove_extra.")
    return Check(name, "ok", str(covers[0].get("AllowedResourceScope") or "in scope"))
