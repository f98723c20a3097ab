"""Notebook 20's part of a session: the app registration that is wanted, as it is, made, proven and rotated."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from azure.core.credentials import TokenCredential

from .. import grants, parameters, permissions, plan, registration, registrationplan, registrationrecord, secretrefs
from ..checks import Check, worst
from ..errors import ConfigurationError, SecretError
from ..plan import Plan, Receipt, Step
from ..registration import Advice, Federated, Found, Policy, Wanted
from ..registrationplan import Place
from ..secretrefs import SecretRef
from ..services import certificates, identity, registrations, secrets, statefile, store
from ..tenants import Admin, MailApp
from . import scripts
from .scripts import Kept
from .tenancy import Tenancy

__all__ = ["Registering"]

_NAME = "mail"
_FOLDER = "credentials"
_THEN = (
    "run notebook 20 without apply, or mailauth register: it finds the app that this made, and notes its id in "
    "{state}, where 30 and 40 find it."
)
_HINT = 3  # letters of a secret that Entra goes on showing
_ENDINGS = {"certificate": ".pem", "secret": ".secret"}
# What a plan's receipt keeps for the day on which it is taken back.
_APP, _KIND, _BEFORE, _AFTER = "app.name", "kept.kind", "kept.before", "kept.after"


@dataclass(frozen=True)
class Registering:
    """What notebook 20 asks of a tenant.

    Args:
        tenancy: The tenant, opened.
    """

    tenancy: Tenancy

    def wanted(
        self,
        app: str = "",
        *,
        flow: str = "",
        protocols: str = "",
        audience: str = "",
        clients: str = "",
        credential: str = "",
        smtp: str = "",
        federated: str = "",
        days: int = 365,
    ) -> Wanted:
        """Return the registration that these parameters ask for; what is left empty is chosen.

        Args:
            app: Its name; empty for the first mail app of the tenants file, or ``mail``.
            flow: ``delegated``, ``app-only`` or ``both``; empty for what the tenants file says of the app, else
                delegated where there are clients, and app-only where there are none.
            protocols: Some of ``imap, pop, smtp``, with commas; empty for those of the tenant's mailboxes.
            audience: ``single`` or ``multi``; empty for ``single``, or for several where the app serves them already.
            clients: What people sign in with, with commas: the names of `registration.CLIENTS`.
            credential: ``certificate``, ``federated``, ``secret`` or ``none``; empty for a certificate where the app
                acts as itself.
            smtp: ``rbac`` or ``consent``; empty for what the tenants file says of the app, else for a role in Exchange
                where the app only sends and the cloud is known to have the role.
            federated: ``NAME ISSUER SUBJECT`` for a federated credential.
            days: How long a certificate or secret is to last.

        Raises:
            ConfigurationError: One is wrong, or two do not fit each other.
        """
        known = self._known(app)
        who = _listed(clients)
        chosen = flow or _flow(known) or ("delegated" if who else "app-only")
        used = _listed(protocols) or self._used()
        sends_only = used == ("smtp",)
        by_role = sends_only and registration.rbac_for_smtp(self.tenancy.tenant.cloud)
        asked: dict[str, Any] = {
            "name": app or (known.name if known else _NAME),
            "flow": chosen,
            "protocols": used,
            "audience": audience,
            "clients": who or (("program",) if chosen != "app-only" else ()),
            "credential": credential or ("none" if chosen == "delegated" else "certificate"),
            "federated": _federated(federated),
            "smtp": smtp or (known.smtp if known and known.client_id else "") or ("rbac" if by_role else "consent"),
            "lasts": timedelta(days=days),
        }
        try:
            return Wanted(**asked)
        except ValueError as error:
            raise ConfigurationError(f"{error}.") from None

    def advice(self, wanted: Wanted, *, own_code: bool | None = None) -> tuple[Advice, ...]:
        """Return the ways to mail there are, the one for what is wanted marked.

        Args:
            wanted: What is wanted.
            own_code: Whether somebody can change the program that is to sign in; None where nobody said.
        """
        return registration.advice(wanted.protocols, attended=wanted.for_people, own_code=own_code)

    def look(self, wanted: Wanted) -> Found:
        """Return what the tenant holds of the registration; changes nothing. What cannot be read is coverage."""
        tenancy, tenant = self.tenancy, self.tenancy.tenant
        known = self._known(wanted.name)
        try:
            tenancy.renew()
            tenancy.tell("reading the app registration")
            client_id = known.client_id if known else ""
            found = registrations.read(tenant.cloud, tenancy.reader(), wanted.unique_name, client_id=client_id)
        except ConfigurationError as error:
            found = registrations.unread(error)
        tenancy.tell("")
        return found

    def lint(self, found: Found, wanted: Wanted, place: Place | None = None) -> tuple[Check, ...]:
        """Return what is right and wrong about what was found; asks nobody."""
        checks = registration.lint(found, wanted, self.tenancy.tenant.cloud, now=self.tenancy.now())
        return (*checks, *_at_hand(found, place))

    def place(self, found: Found, wanted: Wanted, *, keep_in: str = "", make: bool = False) -> Place | None:
        """Return where the app's credential is kept, or will be; None where nothing has to be.

        Args:
            found: What the look brought.
            wanted: What is wanted.
            keep_in: ``file:PATH`` from the tenants file's folder, or ``keyring:SERVICE/USER``; empty for the place that
                the tenants file names for it, else for a file of its own beside the tenants file.
            make: Make a certificate there where there is none, as applying the plan would.

        Raises:
            SecretError: It is no reference, or what is there is no certificate with its key.
        """
        if wanted.credential not in _ENDINGS:
            return None
        place = self._place(keep_in) if keep_in else self._usual(found, wanted)
        if make and wanted.credential == "certificate" and not place.held:
            return self._made(found, wanted, place)
        return place

    def plan(self, found: Found, wanted: Wanted, place: Place | None) -> Plan:
        """Return what would be done; asks nobody.

        Raises:
            ConfigurationError: The tenants file says something else of the app than what would be noted of it.
        """
        now = self.tenancy.now()
        made = registrationplan.plan(
            found, wanted, tenant=self.tenancy.tenant, id=plan.new_id(now), now=now, place=place
        )
        ref = place.ref if place else None
        self._check_state(wanted, found.app.client_id if found.app else "", ref)
        return self._noted(made, wanted, before="", after=ref)

    def scripts(self, change: Plan) -> Kept | None:
        """Write *change* as a PowerShell script with the same effect, and the one that takes it back.

        None where there is nothing to change, or a certificate has to be made first: its public part stands in the
        script.
        """
        if not change.steps or registrationplan.needs_certificate(change):
            return None
        file = self.tenancy.configuration.path
        then = _THEN.format(state=statefile.path(file, self.tenancy.tenant.name).relative_to(file.parent).as_posix())
        return scripts.keep(self.tenancy.folder, change, then=then)

    def apply(self, change: Plan, found: Found, wanted: Wanted, place: Place | None, *, apply: bool = False) -> Receipt:
        """Carry *change* out, note the app in the state file, and return the receipt; without *apply* only plan.

        An app that is there and right, as a script leaves it, is noted without *apply* too: 30 and 40 need its id.
        After a rotation the state file goes on naming the old credential, and programs go on using it, until `prove`
        has proven the new one.

        Args:
            change: What `plan` or `rotate` returned.
            found: The look behind it.
            wanted: What is wanted.
            place: Where the credential goes. A certificate is made there before anything is sent.
            apply: Whether to do it.

        Raises:
            MailauthError: Nobody is configured who may change the tenant, or the credential cannot be written.
        """
        if apply and registrationplan.needs_certificate(change) and place:
            made = place if place.certificate else self._made(found, wanted, place)
            assert made.certificate is not None
            change = replace(change, bound={**change.bound, **registrationplan.bound(made.certificate)})
        receipt = self.tenancy.carry_out(change, apply=apply)
        client_id = receipt.bound.get("app.appId", "")
        right = not change.steps and worst(change.checks) != "wrong" and change.bound.get(_BEFORE) == ""
        unknown = client_id not in {each.client_id for each in self.tenancy.tenant.mail_apps}
        if client_id and (apply or (right and unknown)):
            # Whoever has no credential yet is noted by its id alone: a reference to nothing would stop every run.
            kept = self._state(wanted, client_id, place.ref if place else None)
            rotated = bool(change.bound.get(_BEFORE))
            self._note(kept if receipt.whole and not rotated else _without_flows(kept))
        return receipt

    def undone(self, receipt: Receipt) -> None:
        """Take what an undo took back out of the state file too; a receipt of anything else changes nothing.

        Args:
            receipt: Of the undo.
        """
        if not receipt.undoes:
            return
        settled = {entry.step for entry in receipt.entries if entry.outcome in ("done", "already")}
        gone = {step.id for step in receipt.plan.steps if step.id in settled and _takes_away(step)}
        client_id, known = receipt.bound.get("app.appId", ""), receipt.bound
        file, tenant = self.tenancy.configuration.path, self.tenancy.tenant.name
        if any(step.startswith("app:") for step in gone):
            statefile.forget_app(file, tenant, client_id)
        elif any(step.startswith(("certificate:", "secret:")) for step in gone) and known.get(_KIND):
            app = {"name": known[_APP], "client_id": client_id}
            kind, before, after = known[_KIND], known.get(_BEFORE, ""), known[_AFTER]
            statefile.remove(file, tenant, {"mail_apps": [{**app, "flows": [{"kind": kind, kind: after}]}]})
            if before:
                self._note({"mail_apps": [{**app, "flows": [{"kind": kind, kind: before}]}]})
            else:
                self._note({"mail_apps": [app]})

    def rotate(
        self, found: Found, wanted: Wanted, place: Place | None, *, keep_in: str = ""
    ) -> tuple[Plan, Place | None]:
        """Return the plan for a new credential beside the old one, and the place for it; `apply` carries it out.

        Args:
            found: What the look brought.
            wanted: What is wanted.
            place: Where the old credential is; None for an app that has none to rotate, and then nothing is planned.
            keep_in: Where the new one goes; empty, or ``file``, for a file of its own beside the tenants file.

        Raises:
            SecretError: *keep_in* is no reference.
        """
        now, tenant = self.tenancy.now(), self.tenancy.tenant
        if place is None:
            return registrationplan.nothing_to_rotate(wanted, tenant=tenant, id=plan.new_id(now), now=now), None
        new = self._free(wanted) if keep_in in ("", "file") else self._place(keep_in, "rotate")
        made = registrationplan.rotate(found, wanted, tenant=tenant, id=plan.new_id(now), now=now, place=new)
        try:
            self._check_state(wanted, found.app.client_id if found.app else "", new.ref)
        except ConfigurationError as error:
            # Whoever only looks gets to the end of the notebook; whoever rotates is stopped here.
            made = replace(made, steps=(), checks=(*made.checks, _fixed(error, asked=bool(keep_in))))
        return self._noted(made, wanted, before=self._written(place.ref), after=new.ref), new

    def prove(self, found: Found, wanted: Wanted, place: Place | None, *, note: bool = False) -> Check:
        """Ask Entra for a token for mail with the app's credential, waiting for a new one; opens no mailbox.

        Args:
            found: A look: it tells the app's id.
            wanted: What is wanted.
            place: Where the credential is.
            note: Whether the state file is to name it from now on, once it is proven.
        """
        name = f"a token for {wanted.name}"
        if found.app is None:
            return Check(name, "not configured", "there is no registration", "Register it first.")
        if not wanted.acts_alone:
            return Check(name, "not configured", "people sign in to it", "Signing in with a program proves it.")
        scope = f"{self.tenancy.tenant.cloud.mail_resource.rstrip('/')}/.default"
        self.tenancy.tell("asking for a token with the new credential")
        who = self._signing_in(found.app.client_id, wanted, place)
        proof = registrations.prove(who, scope, name=name, sleep=self.tenancy.sleep)
        self.tenancy.tell("")
        if note and place and proof.outcome == "ok":
            self._note(self._state(wanted, found.app.client_id, place.ref))
        return proof

    def retire(self, found: Found, wanted: Wanted, place: Place | None, proof: Check, *, key_ids: str = "") -> Plan:
        """Return the plan that removes old credentials; `apply` carries it out.

        Args:
            found: A look after the new credential was added.
            wanted: What is wanted.
            place: Where the credential is that stays.
            proof: What `prove` said of it.
            key_ids: Which go, with commas; empty for all others of the runbook's own making.
        """
        now = self.tenancy.now()
        # As it is now: when it was planned, it was empty.
        place = self._at(place.ref) if place else None
        going = _listed(key_ids) or registrationplan.older(found, wanted, now=now, place=place)
        made = registrationplan.retire(
            found, wanted, going, proof, tenant=self.tenancy.tenant, id=plan.new_id(now), now=now, place=place
        )
        return self.tenancy.considered(made)

    def keep(
        self,
        found: Found,
        wanted: Wanted,
        checks: Sequence[Check],
        change: Plan,
        receipt: Receipt | None = None,
        place: Place | None = None,
    ) -> Path:
        """Write notebook 20's evidence and return where it is; it holds ids, dates and references, never a secret."""
        record = registrationrecord.record(
            self.tenancy.tenant,
            found,
            wanted,
            checks,
            change,
            receipt,
            reference=self._written(place.ref) if place else "",
            made_at=self.tenancy.now(),
        )
        return store.write_evidence(self.tenancy.folder / "evidence" / "20-register-app.json", record)

    # What is known here.

    def _known(self, name: str) -> MailApp | None:
        apps = self.tenancy.tenant.mail_apps
        return next((app for app in apps if app.name == name or not name), None)

    def _used(self) -> tuple[str, ...]:
        used = {protocol for box in self.tenancy.tenant.mailboxes for protocol in box.protocols}
        return tuple(each for each in permissions.PROTOCOLS if each in used or not used)

    # Places.

    def _place(self, text: str, field: str = "keep_in") -> Place:
        try:
            ref = secretrefs.parse(text, base=self.tenancy.configuration.path.parent)
        except SecretError as error:
            raise SecretError(f"{field}: {error}") from None
        place = self._at(ref)
        if ref.kind == "env" and not place.held:
            said = f"{field}: found {ref}, which nothing can be written to; expected file:PATH or keyring:SERVICE/USER"
            raise SecretError(said)
        return place

    def _at(self, ref: SecretRef) -> Place:
        held = secrets.is_taken(ref)
        try:
            return Place(ref, held, certificates.find(ref) if held else None)
        except SecretError:
            # A secret, or something else: whoever wants a certificate there is told when it is used.
            return Place(ref, held, hint=_hint(ref))

    def _usual(self, found: Found, wanted: Wanted) -> Place:
        named = self._noted_ref(wanted)
        if named:
            return self._at(named)
        first = self._at(self._file(wanted, ""))
        return first if not first.held or self._is_usable(first, found, wanted) else self._free(wanted)

    def _noted_ref(self, wanted: Wanted) -> SecretRef | None:
        known = self._known(wanted.name)
        flows = known.flows if known else ()
        flow = next((flow for flow in flows if flow.kind == wanted.credential), None)
        return (flow.certificate if wanted.credential == "certificate" else flow.secret) if flow else None

    def _is_usable(self, place: Place, found: Found, wanted: Wanted) -> bool:
        if wanted.credential == "certificate":
            longest = (found.policy or Policy()).certificate_lasts
            made = place.certificate
            fits = made is not None and (longest is None or made.ends - made.starts <= longest)
            return fits and made is not None and made.ends - self.tenancy.now() > timedelta(days=30)
        return found.app is not None

    def _free(self, wanted: Wanted) -> Place:
        day = f"{self.tenancy.now():%Y%m%d}"
        names = (self._file(wanted, f"-{day}{more}") for more in ("", *(f"-{n}" for n in range(2, 1_000))))
        return Place(next(ref for ref in names if not secrets.is_taken(ref)))

    def _file(self, wanted: Wanted, more: str) -> SecretRef:
        name = f"{self.tenancy.tenant.name}-{wanted.slug}{more}{_ENDINGS[wanted.credential]}"
        return SecretRef("file", str(self.tenancy.configuration.path.parent / _FOLDER / name))

    def _made(self, found: Found, wanted: Wanted, place: Place) -> Place:
        lasts = (found.policy or Policy()).lasts(wanted)
        made = certificates.make(place.ref, name=wanted.name, lasts=lasts, now=self.tenancy.now())
        return Place(place.ref, held=True, certificate=made)

    def _written(self, ref: SecretRef) -> str:
        return statefile.reference(ref, self.tenancy.configuration.path)

    def _signing_in(self, client_id: str, wanted: Wanted, place: Place | None) -> Callable[[], TokenCredential]:
        kept: dict[str, Any] = {wanted.credential: place.ref} if place else {}
        who = Admin(flow=cast(Any, wanted.credential), client_id=client_id, **kept)
        tenant = self.tenancy.tenant
        return lambda: identity.credential(who, tenant_id=tenant.tenant_id, cloud=tenant.cloud, attended=False)

    # The state file.

    def _noted(self, made: Plan, wanted: Wanted, *, before: str, after: SecretRef | None) -> Plan:
        told = {_APP: wanted.name, _BEFORE: before}
        if after:
            told |= {_KIND: wanted.credential, _AFTER: self._written(after)}
        return self.tenancy.considered(replace(made, bound={**made.bound, **told}))

    def _note(self, content: statefile.Content) -> None:
        statefile.merge(self.tenancy.configuration.path, self.tenancy.tenant.name, content)

    def _state(self, wanted: Wanted, client_id: str, ref: SecretRef | None) -> dict[str, Any]:
        """Return what is to be noted of the app; a place that is named already is not named again in other words."""
        return registrationplan.state(wanted, client_id, None if ref == self._noted_ref(wanted) else ref)

    def _check_state(self, wanted: Wanted, client_id: str, ref: SecretRef | None) -> None:
        content = self._state(wanted, client_id, ref)
        if not client_id:
            del content["mail_apps"][0]["client_id"]
        statefile.check(self.tenancy.configuration.path, self.tenancy.tenant.name, content)


def _hint(ref: SecretRef) -> str:
    """Return as much of a secret as Entra shows of it; empty where it cannot be read."""
    try:
        return secrets.read(ref).reveal()[:_HINT]
    except SecretError:
        return ""


def _fixed(error: ConfigurationError, *, asked: bool) -> Check:
    """Return what keeps a rotation from being noted; wrong only where somebody asked for one."""
    said = error.message
    if "stands here" in said:
        where = said.partition(": ")[0]
        # The other value is what a rotation would note, and stands nowhere yet.
        said = f"{where} names the credential itself; a new one is noted in the state file, which may not contradict it"
    remedy = "Take the reference out of the tenants file, and run 20 with apply: the state file holds it from then on."
    if asked:
        return Check("tenants file", "wrong", said, remedy)
    return Check("tenants file", "not configured", said, f"Nothing to do today. Before a rotation: {remedy}")


def _takes_away(step: Step) -> bool:
    """Whether a step removes something: an undo that is undone adds it again."""
    if step.before is None or step.after is None:
        return step.after is None
    return any(len(now or ()) < len(step.before.get(name) or ()) for name, now in step.after.items() if _is_list(now))


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple)


def _without_flows(content: dict[str, Any]) -> dict[str, Any]:
    return {"mail_apps": [{key: app[key] for key in ("name", "client_id", "smtp")} for app in content["mail_apps"]]}


def _flow(app: MailApp | None) -> str:
    kinds = grants.needs(app) if app else ()
    return {(): "", ("scope",): "delegated", ("role",): "app-only"}.get(kinds, "both")


def _federated(text: str) -> Federated | None:
    parts = text.split(maxsplit=2)
    if not parts:
        return None
    try:
        if len(parts) == 3:
            return Federated(*parts)
    except ValueError as error:
        raise ConfigurationError(f"{error}.") from None
    raise ConfigurationError(f"federated: found {len(parts)} words; expected NAME ISSUER SUBJECT, with blanks between.")


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(parameters.listed(text.lower())))


def _at_hand(found: Found, place: Place | None) -> Iterator[Check]:
    """Yield whether the certificate on this machine is the app's."""
    if place is None or place.certificate is None or found.app is None:
        return
    held = {each.thumbprint.upper() for each in found.app.of_kind("certificate")}
    if not held:
        return
    name = f"certificate at {place.ref.kind}"
    if place.certificate.thumbprint in held:
        yield Check(name, "ok", f"{place.certificate.thumbprint} is on the app")
    else:
        said = f"{place.certificate.thumbprint} is not on the app (AADSTS700027)"
        yield Check(name, "wrong", said, "The plan adds it.")
