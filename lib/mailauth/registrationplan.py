"""The plan that makes an app registration what is wanted: made once, changed field by field, credentials one by one.

What others put into a list stays in it: the step holds the whole list as it was seen, so that a change by somebody
else in between stops the plan. A credential is added and an old one removed by two plans, so that mail never stops.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from . import permissions, registration
from .checks import Check, Outcome
from .clouds import Cloud
from .permissions import Permission
from .plan import GraphCall, Keep, Look, Plan, Ref, Step, Value
from .registration import MARK, App, Ask, Credential, Found, Platform, Policy, Wanted
from .secretrefs import SecretRef
from .tenants import Tenant
from .wording import called, counted

__all__ = [
    "Certificate",
    "Place",
    "bound",
    "needs_certificate",
    "nothing_to_rotate",
    "older",
    "plan",
    "retire",
    "rotate",
    "state",
]

_APPS: Final = "/v1.0/applications"
_CREATE: Final = {"Prefer": "create-if-missing"}
_NEEDS: Final = ("Application.ReadWrite.All",)
# Replicas: Graph answers 400 NoBackingApplicationObject or 404 for as long.
_LAG: Final = timedelta(minutes=2)
# Entra accepts a new certificate or secret at all of its sign-in servers later than Graph shows it.
_LAG_OF_CREDENTIALS: Final = timedelta(minutes=5)
# By this tag the portal lists it among the enterprise applications.
_SHOWN: Final = "WindowsAzureActiveDirectoryIntegratedApp"
_ASKS: Final = "requiredResourceAccess"
_PUBLIC: Final = "isFallbackPublicClient"
_MOST_FEDERATED: Final = 20
_EXEMPT: Final = (
    "Choose a certificate or a federated credential; or an administrator assigns this one app a policy of its own in "
    "which passwordAddition is disabled, before the secret is added."
)


@dataclass(frozen=True)
class Certificate:
    """The public part of a certificate, as Graph is sent it.

    Args:
        key: DER, in base64.
        key_id: The id that it gets: made of its contents, so that the same certificate is never added twice.
        starts: From when it counts.
        ends: Until when.
        thumbprint: SHA-1, upper-case hex.
    """

    key: str
    key_id: str
    starts: datetime
    ends: datetime
    thumbprint: str


@dataclass(frozen=True)
class Place:
    """Where the app's credential is kept on this machine.

    Args:
        ref: The reference.
        held: Whether something is there already.
        certificate: For a certificate that is there: its public part.
        hint: For a secret that is there: what Entra shows of it too, which tells one from another.
    """

    ref: SecretRef
    held: bool = False
    certificate: Certificate | None = None
    hint: str = field(default="", repr=False)


def plan(
    found: Found,
    wanted: Wanted,
    *,
    tenant: Tenant,
    id: str,
    now: datetime,
    place: Place | None = None,
) -> Plan:
    """Return what makes the registration what is wanted; no steps where it is.

    Args:
        found: What the look brought.
        wanted: The registration.
        tenant: The tenant.
        id: The plan's id; stands in what is made.
        now: The clock.
        place: Where its credential is kept; not needed for a federated one or none.
    """
    making = _Making(found, wanted, tenant.cloud, id, now)
    title = f"Register {called(wanted.name)}" if found.app is None else f"Change {called(found.app.name)}"
    checks = tuple(making.refusals(place))
    steps = () if any(check.outcome == "wrong" for check in checks) else tuple(making.steps(place))
    return Plan.of(
        tenant,
        id=id,
        title=title,
        now=now,
        steps=steps,
        checks=(*checks, *making.remarks()),
        bound=making.known(place),
    )


def rotate(found: Found, wanted: Wanted, *, tenant: Tenant, id: str, now: datetime, place: Place) -> Plan:
    """Return the plan that adds a new certificate or secret beside the old ones, which go on working.

    Args:
        found: What the look brought.
        wanted: The registration; its `credential` says what is added.
        tenant: The tenant.
        id: The plan's id.
        now: The clock.
        place: Where the new credential goes: not where the old one is.
    """
    making = _Making(found, wanted, tenant.cloud, id, now)
    checks = tuple(making.refusals(place, rotating=True))
    fits = not any(check.outcome == "wrong" for check in checks)
    return Plan.of(
        tenant,
        id=id,
        title=f"Rotate the {wanted.credential} of {called(wanted.name)}",
        now=now,
        steps=tuple(making.credential(place, rotating=True)) if fits else (),
        checks=checks,
        bound=making.known(place),
    )


def nothing_to_rotate(wanted: Wanted, *, tenant: Tenant, id: str, now: datetime) -> Plan:
    """Return a plan without steps, for an app that has no certificate or secret of its own."""
    said = "people prove who they are" if wanted.credential == "none" else "a federated credential does not end"
    return Plan.of(
        tenant,
        id=id,
        title=f"Rotate the credential of {called(wanted.name)}",
        now=now,
        checks=(Check("rotation", "ok", f"there is nothing to rotate: {said}"),),
    )


def retire(
    found: Found,
    wanted: Wanted,
    key_ids: Sequence[str],
    proof: Check,
    *,
    tenant: Tenant,
    id: str,
    now: datetime,
    place: Place | None = None,
) -> Plan:
    """Return the plan that removes old certificates and secrets, once a new one is proven.

    Args:
        found: What the look brought.
        wanted: The registration.
        key_ids: Which go, by key id.
        proof: What came of asking for a token with the credential that stays; not ok: nothing is removed.
        tenant: The tenant.
        id: The plan's id.
        now: The clock.
        place: Where the credential is that was proven, and stays.
    """
    making = _Making(found, wanted, tenant.cloud, id, now)
    unfit = (*_unfit(found, key_ids, proof, now), *_in_use(found, wanted, key_ids, now, place))
    checks = unfit if key_ids else (Check("retire", "ok", "no old one is left"),)
    which = counted(len(key_ids), "old credential") if key_ids else "old credentials"
    return Plan.of(
        tenant,
        id=id,
        title=f"Retire {which} of {called(wanted.name)}",
        now=now,
        steps=() if checks else tuple(making.removals(key_ids)),
        checks=checks or (proof,),
    )


def older(found: Found, wanted: Wanted, *, now: datetime, place: Place | None) -> tuple[str, ...]:
    """Return the key ids of the runbook's own credentials that the one in use has replaced.

    What others added is theirs to remove, and is named by its id.

    Args:
        found: What the look brought.
        wanted: The registration.
        now: The clock.
        place: Where the credential in use is, which is known by it. Where Entra shows no hint, the newest secret stays.
    """
    staying = _staying(found, wanted, now, place)
    return tuple(each.id for each in _ours(found) if staying and each is not staying)


def _ours(found: Found) -> Sequence[Credential]:
    app = found.app
    return [each for each in app.of_kind("certificate", "secret") if each.name.startswith(MARK)] if app else []


def _staying(found: Found, wanted: Wanted, now: datetime, place: Place | None) -> Credential | None:
    """Return the credential in use, as `older` knows it; None where it is none of the runbook's own."""
    kept = place.certificate if place else None
    valid = [each for each in _ours(found) if each.kind == wanted.credential and each.is_valid(now)]
    if kept:
        valid = [each for each in valid if kept.thumbprint == each.thumbprint.upper() or kept.key_id == each.id]
    elif place and place.hint and any(each.hint for each in valid):
        valid = [each for each in valid if each.hint == place.hint]
    return max(valid, key=lambda each: (each.starts or now, each.name), default=None)


def bound(certificate: Certificate) -> Mapping[str, str]:
    """Return what the steps of a plan have to know of a certificate that was made after the plan."""
    return {
        "certificate.key": certificate.key,
        "certificate.keyId": certificate.key_id,
        "certificate.starts": _time(certificate.starts),
        "certificate.ends": _time(certificate.ends),
    }


def needs_certificate(change: Plan) -> bool:
    """Whether a certificate has to be made before *change* can be carried out."""
    return "certificate.key" not in change.bound and any(step.id.startswith("certificate:") for step in change.steps)


def state(wanted: Wanted, client_id: str, ref: SecretRef | None) -> dict[str, Any]:
    """Return what the tenant's state file is to hold of the app: its id, and references."""
    flows: list[dict[str, object]] = [{"kind": "interactive"}] if wanted.for_people else []
    if wanted.acts_alone:
        kept: dict[str, object] = {wanted.credential: ref} if ref and wanted.credential != "federated" else {}
        flows.append({"kind": wanted.credential, **kept})
    return {"mail_apps": [{"name": wanted.name, "client_id": client_id, "smtp": wanted.smtp, "flows": flows}]}


@dataclass(frozen=True)
class _Making:
    """What all the steps of one plan are made of."""

    found: Found
    wanted: Wanted
    cloud: Cloud
    id: str
    now: datetime

    @property
    def mark(self) -> str:
        """The name of what the plan makes."""
        return f"{MARK} {self.id}"

    @property
    def path(self) -> tuple[str | Ref, ...]:
        """The registration's address."""
        app = self.found.app
        return (f"{_APPS}/", app.object_id) if app else (f"{_APPS}/", Ref("app.id"))

    def known(self, place: Place | None) -> Mapping[str, str]:
        """Return what the look and the place tell already."""
        app, made = self.found.app, self.found.principal
        held = bound(place.certificate) if place and place.certificate else {}
        known = {"app.id": app.object_id, "app.appId": app.client_id} if app else {}
        return {**held, **known, **({"principal.id": made.object_id} if made else {})}

    # What speaks against it.

    def refusals(self, place: Place | None, *, rotating: bool = False) -> Iterator[Check]:
        """Yield why nothing is tried."""
        if not self.found.known:
            remedy = "The coverage says why, and what helps."
            yield Check("registration", "wrong", "it could not be read, so nothing is planned on a guess", remedy)
            return
        if rotating and self.found.app is None:
            yield Check("registration", "wrong", "there is none to rotate a credential of", "Register it first.")
            return
        for each in self._lacking():
            remedy = (
                "Exchange Online was never set up in this tenant, or the look was refused: the coverage says which."
            )
            yield Check(f"permission {each.value}", "wrong", "the tenant does not offer it", remedy)
        if rotating or self._adds_credential(place):
            yield from self._policy(place)
        if self.wanted.credential == "certificate" and (rotating or self._adds_credential(place)):
            yield from _hidden(self.found.app)
        if rotating and place and place.held and (place.certificate is None or self._has(place.certificate)):
            remedy = "Name another place: what is there is needed until the new one is proven."
            yield Check("place", "wrong", f"{place.ref} holds something already", remedy)
        yield from self._federated_refusals()

    def _lacking(self) -> Iterator[Permission]:
        return (each for each in registration.wanted_permissions(self.wanted) if not self._ask(each))

    def _policy(self, place: Place | None) -> Iterator[Check]:
        policy = self.found.policy
        if policy is None:
            remedy = "Let who looks read it (Policy.Read.All). A policy that forbids it shows when it is tried."
            yield Check("app management policy", "cannot know", "it could not be read", remedy)
            return
        said = f"set by {', '.join(policy.names)}" if policy.names else "no policy limits credentials"
        kind = self.wanted.credential
        if kind == "secret" and not policy.secrets:
            yield Check("app management policy", "wrong", f"secrets are not allowed, {said}", _EXEMPT)
        elif kind == "certificate" and policy.trusted_issuers:
            remedy = "Have the tenant's authority issue a certificate, put it with its key where the reference points."
            self_made = f"only certificates of trusted authorities are allowed, {said}; one made here is refused"
            outcome: Outcome = "cannot know" if place and place.held else "wrong"
            yield Check("app management policy", outcome, self_made, remedy)
        elif kind == "certificate" and (too_long := _too_long(place, policy)):
            remedy = "Name another place for it: a new one is made no longer than the policy allows."
            yield Check("app management policy", "wrong", f"{too_long}, {said}", remedy)
        elif (lasts := policy.lasts(self.wanted)) < self.wanted.lasts and kind in ("certificate", "secret"):
            yield Check("app management policy", "ok", f"it is to last {lasts.days} days at most, {said}")
        else:
            yield Check("app management policy", "ok", said)

    def _federated_refusals(self) -> Iterator[Check]:
        wanted, app = self.wanted.federated, self.found.app
        if wanted is None:
            return
        audience, sure = registration.federated_audience(self.cloud)
        if not sure:
            remedy = "Compare it with the portal's suggestion before you rely on it."
            yield Check("federated audience", "cannot know", f"{audience}: no page of the vendor's was read", remedy)
        held = app.of_kind("federated") if app else ()
        for each in held:
            alike = (each.issuer, each.subject, each.audience) == (wanted.issuer, wanted.subject, audience)
            if each.name == wanted.name and not alike:
                said = f"{each.name} is there for issuer {each.issuer} and subject {each.subject}"
                yield Check("federated credential", "wrong", said, "Choose another name, or remove that one first.")
        if len(held) >= _MOST_FEDERATED:
            said = f"the app has {len(held)}, and Entra takes no more"
            yield Check("federated credential", "wrong", said, "Remove one that is not used any more.")

    def remarks(self) -> Iterator[Check]:
        """Yield what is left to a person, and what was decided."""
        if self.wanted.by_rbac:
            if not registration.rbac_for_smtp(self.cloud):
                said = f"whether cloud {self.cloud.name} has the role Application SMTP.SendAsApp was not verified"
                yield Check(
                    "SMTP by RBAC", "cannot know", said, "If notebook 40 does not find it, set smtp to consent."
                )
            else:
                yield Check("SMTP by RBAC", "ok", "SMTP.SendAsApp is left out: notebook 40 gives a role in Exchange")
        elif self.wanted.acts_alone and "smtp" in self.wanted.protocols:
            said = "with SMTP.SendAsApp the app can send as every mailbox that it may open"
            yield Check("SMTP by consent", "ok", said)
        if self.wanted.audience == "multi":
            said = "one credential opens mailboxes in every tenant that consents: whoever steals it has them all"
            remedy = "Prefer a federated credential, and one app per customer where a contract asks for it."
            yield Check("several tenants", "cannot know", said, remedy)
        if self.found.principal and not self.found.principal.enabled:
            remedy = "The plan leaves it off: ask who did it. Switch it on in its properties."
            yield Check("enterprise application", "wrong", "somebody switched it off", remedy)

    # What is sent.

    def steps(self, place: Place | None) -> Iterator[Step]:
        """Yield the steps."""
        if self.found.app is None:
            yield self._made()
        else:
            yield from self._changes(self.found.app)
        if self.found.principal is None:
            yield self._enterprise()
        yield from self.credential(place)

    def _made(self) -> Step:
        body = self._body()
        address = f"{_APPS}(uniqueName='{self.wanted.unique_name}')"
        fields = ("displayName", "signInAudience", _PUBLIC, _ASKS)
        redirects = tuple(f"{each}.redirectUris" for each in get_args(Platform))
        held = registration.redirects(self.wanted, self.cloud)
        wanted_redirects = {f"{each}.redirectUris": list(held.get(each, ())) for each in get_args(Platform)}
        return Step(
            id=f"app:{self.wanted.slug}",
            title=f"Register {called(self.wanted.name)}",
            why="Programs name it by its application id when they ask for a token.",
            group="app registration",
            service="graph",
            do=GraphCall("PATCH", (address,), body, _CREATE),
            look=Look(
                GraphCall("GET", (f"{address}?$select={_select('id', 'appId', *fields, *get_args(Platform))}",)),
                fields=(*fields, *redirects),
                flags=_flags(*fields),
                binds={"app.id": "id", "app.appId": "appId"},
            ),
            before=None,
            after={**{name: body[name] for name in fields}, **wanted_redirects},
            undo=GraphCall("DELETE", (f"{_APPS}/", Ref("app.id"))),
            needs=_NEEDS,
            lag=_LAG,
            leaves="it waits among the deleted applications for 30 days, where it can be restored or removed for good",
        )

    def _body(self) -> dict[str, Value]:
        redirects = registration.redirects(self.wanted, self.cloud)
        return {
            "displayName": self.wanted.name,
            # Graph's own default lets personal accounts in.
            "signInAudience": self.wanted.graph_audience,
            _PUBLIC: self.wanted.for_people,
            _ASKS: _as_records(self._asks(())),
            "tags": [MARK],
            "notes": f"Made by the Mail OAuth Runbook, plan {self.id}.",
            **{each: {"redirectUris": list(uris)} for each, uris in redirects.items()},
        }

    def _changes(self, app: App) -> Iterator[Step]:
        asked = self._asks(app.asks)
        if set(asked) != set(app.asks):
            yield self._field(
                _ASKS,
                "Ask for the permissions that mail needs",
                "Consent covers what stands in the registration at that moment; what others put there stays.",
                _as_records(app.asks),
                _as_records(asked),
            )
        if not self.wanted.leaves(app.audience):
            why = "It decides which accounts and tenants can sign in."
            title = f"Let {'several tenants' if self.wanted.audience == 'multi' else 'this tenant alone'} use it"
            yield self._field("signInAudience", title, why, app.audience, self.wanted.graph_audience)
        # Never off: whoever signs in by it would be cut off. The lint names it.
        if self.wanted.for_people and not app.fallback_public:
            why = "Device code and programs without a secret need it; an app that acts as itself does not."
            yield self._field(_PUBLIC, "Switch public client flows on", why, False, True)
        yield from self._redirects(app)

    def _redirects(self, app: App) -> Iterator[Step]:
        wanted = registration.redirects(self.wanted, self.cloud)
        public = set(wanted.get("publicClient", ()))
        held = {each: app.redirects.get(each, ()) for each in get_args(Platform)}
        anywhere = {uri for uris in held.values() for uri in uris}
        after = {
            "publicClient": (*held["publicClient"], *(each for each in public if each not in held["publicClient"])),
            # An address under two platforms is refused, so what moves is taken away first.
            "web": tuple(
                each
                for each in (*held["web"], *(one for one in wanted.get("web", ()) if one not in anywhere))
                if each not in public
            ),
            "spa": tuple(each for each in held["spa"] if each not in public),
        }
        for platform in ("spa", "web", "publicClient"):
            if set(after[platform]) != set(held[platform]):
                yield self._field(
                    f"{platform}.redirectUris",
                    f"Set the redirect addresses for {_PLATFORMS[platform]}",
                    "Entra sends an answer to a registered address only, letter by letter.",
                    list(held[platform]),
                    sorted(after[platform]),
                )

    def _field(self, name: str, title: str, why: str, before: Value, after: Value) -> Step:
        top, _, inner = name.partition(".")
        return Step(
            id=f"{name}:{self.wanted.slug}",
            title=title,
            why=why,
            group="app registration",
            service="graph",
            do=GraphCall("PATCH", self.path, {top: {inner: after} if inner else after}),
            look=Look(GraphCall("GET", (*self.path, f"?$select=id,{top}")), fields=(name,), flags=_flags(name)),
            before={name: before},
            after={name: after},
            undo=GraphCall("PATCH", self.path, {top: {inner: before} if inner else before}),
            needs=_NEEDS,
            lag=_LAG,
        )

    def _enterprise(self) -> Step:
        address = ("/v1.0/servicePrincipals(appId='", Ref("app.appId"), "')")
        return Step(
            id=f"principal:{self.wanted.slug}",
            title=f"Make the enterprise application of {called(self.wanted.name)}",
            why="Consent is held by it, and Exchange is told of the app by its object id.",
            group="app registration",
            service="graph",
            do=GraphCall("PATCH", address, {"tags": [MARK, _SHOWN]}, _CREATE),
            look=Look(
                GraphCall("GET", (*address, "?$select=id,appId")),
                fields=("appId",),
                binds={"principal.id": "id"},
            ),
            before=None,
            after={"appId": Ref("app.appId")},
            undo=GraphCall("DELETE", ("/v1.0/servicePrincipals/", Ref("principal.id"))),
            needs=_NEEDS,
            lag=_LAG,
            leaves="it waits among the deleted ones for 30 days, with the consents that it held",
        )

    def _ask(self, wanted: Permission) -> Ask | None:
        """Return what asks for a permission, by the id that the tenant's own resource offers it under."""
        offer = next((each for each in self.found.offers if each.resource == wanted.resource), None)
        found = offer.id_of(wanted.kind, wanted.value) if offer else ""
        return Ask(permissions.APP_IDS[wanted.resource], found.lower(), wanted.kind) if found else None

    def _asks(self, held: Iterable[Ask]) -> tuple[Ask, ...]:
        """Return what the registration is to ask for: what it does and lacks, without what defeats the role."""
        unwanted = {self._ask(each) for each in permissions.of("smtp", "role")} if self.wanted.by_rbac else set()
        either = {self._ask(each): self._twins(each) for each in registration.wanted_permissions(self.wanted)}
        kept = [each for each in dict.fromkeys(held) if each not in unwanted]
        added = [ask for ask, twins in either.items() if ask and not twins & set(kept)]
        return (*kept, *added)

    def _twins(self, wanted: Permission) -> set[Ask | None]:
        """Return what serves as well: a delegated permission may be listed on either resource."""
        if not wanted.protocol:
            return {self._ask(wanted)}
        return {self._ask(each) for each in permissions.of(wanted.protocol, wanted.kind)}

    # Credentials.

    def credential(self, place: Place | None, *, rotating: bool = False) -> Iterator[Step]:
        """Yield the step that adds the credential, where there is none yet."""
        if not rotating and not self._adds_credential(place):
            return
        if self.wanted.federated:
            yield self._federated()
        elif self.wanted.credential == "certificate" and not (place and self._has(place.certificate)):
            yield self._certificate()
        elif self.wanted.credential == "secret" and place:
            yield self._secret(place.ref)

    def _adds_credential(self, place: Place | None) -> bool:
        app, wanted = self.found.app, self.wanted
        if wanted.credential == "none":
            return False
        if app is None:
            return True
        if wanted.federated:
            return wanted.federated.name not in {each.name for each in app.of_kind("federated")}
        if wanted.credential == "certificate":
            return not (place and self._has(place.certificate))
        # Which secret a place holds cannot be told from Graph: one of ours that counts, and something kept, is enough.
        ours = any(each.name.startswith(MARK) and each.is_valid(self.now) for each in app.of_kind("secret"))
        return not (ours and place and place.held)

    def _has(self, certificate: Certificate | None) -> bool:
        held = {str(each.get("key") or "") for each in (self.found.app.keys if self.found.app else ())}
        ids = {each.id for each in (self.found.app.of_kind("certificate") if self.found.app else ())}
        return certificate is not None and (certificate.key_id in ids or certificate.key in held)

    def _certificate(self) -> Step:
        app = self.found.app
        held = [dict(each) for each in app.keys] if app else []
        ids = [each.get("keyId") for each in held]
        new: dict[str, Value] = {
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
            "displayName": self.mark,
            "key": Ref("certificate.key"),
            "keyId": Ref("certificate.keyId"),
            "startDateTime": Ref("certificate.starts"),
            "endDateTime": Ref("certificate.ends"),
        }
        return self._keys(
            f"certificate:{self.wanted.slug}:{self.id}",
            "Add the certificate",
            "The app proves with its private key, which stays on this machine, who it is.",
            (held, ids),
            ([*held, new], [*ids, Ref("certificate.keyId")]),
        )

    def _keys(self, id: str, title: str, why: str, before: tuple[Value, Value], after: tuple[Value, Value]) -> Step:
        name = "keyCredentials.keyId"
        return Step(
            id=id,
            title=title,
            why=why,
            group="credential",
            service="graph",
            # The list is replaced whole: one that is not sent is gone.
            do=GraphCall("PATCH", self.path, {"keyCredentials": after[0]}),
            look=Look(GraphCall("GET", (*self.path, "?$select=id,keyCredentials")), fields=(name,)),
            before={name: before[1]},
            after={name: after[1]},
            undo=GraphCall("PATCH", self.path, {"keyCredentials": before[0]}),
            needs=_NEEDS,
            lag=_LAG_OF_CREDENTIALS,
        )

    def _federated(self) -> Step:
        wanted = self.wanted.federated
        assert wanted is not None
        audience, _ = registration.federated_audience(self.cloud)
        given: dict[str, Value] = {"issuer": wanted.issuer, "subject": wanted.subject, "audiences": [audience]}
        path = (*self.path, "/federatedIdentityCredentials")
        return Step(
            id=f"federated:{self.wanted.slug}:{wanted.name}",
            title=f"Take tokens of {wanted.issuer}",
            why="Nothing is kept that can be stolen or that ends.",
            group="credential",
            service="graph",
            do=GraphCall("POST", path, {"name": wanted.name, **given, "description": self.mark}),
            look=Look(
                GraphCall("GET", path),
                where={"name": wanted.name},
                fields=tuple(given),
                binds={"federated.id": "id"},
            ),
            before=None,
            after=given,
            undo=GraphCall("DELETE", (*path, "/", Ref("federated.id"))),
            needs=_NEEDS,
            lag=_LAG_OF_CREDENTIALS,
        )

    def _secret(self, into: SecretRef) -> Step:
        policy = self.found.policy or Policy()
        ends = self.now + policy.lasts(self.wanted) - timedelta(minutes=5)
        given: Mapping[str, Value] = {"displayName": self.mark, "endDateTime": _time(ends)}
        return Step(
            id=f"secret:{self.wanted.slug}:{self.id}",
            title=f"Add a secret that ends on {ends.date().isoformat()}",
            why="The app proves with it who it is; whoever reads it can do the same.",
            group="credential",
            service="graph",
            do=GraphCall("POST", (*self.path, "/addPassword"), {"passwordCredential": given}),
            look=Look(
                GraphCall("GET", (*self.path, "?$select=id,passwordCredentials")),
                where={"displayName": self.mark},
                fields=("displayName",),
                binds={"secret.keyId": "keyId"},
                inside="passwordCredentials",
            ),
            before=None,
            after={"displayName": self.mark},
            undo=GraphCall("POST", (*self.path, "/removePassword"), {"keyId": Ref("secret.keyId")}),
            needs=_NEEDS,
            lag=_LAG_OF_CREDENTIALS,
            leaves="the text of the secret, which stays where it was written and opens nothing any more",
            keeps=Keep("secretText", into),
        )

    # Removing what a new credential replaced.

    def removals(self, key_ids: Sequence[str]) -> Iterator[Step]:
        """Yield the steps that remove these credentials."""
        app = self.found.app
        assert app is not None
        going = {each.lower() for each in key_ids}
        held = [dict(each) for each in app.keys]
        staying = [each for each in held if str(each.get("keyId")).lower() not in going]
        if len(staying) < len(held):
            yield self._keys(
                f"retire-certificates:{self.wanted.slug}:{self.id}",
                f"Remove {counted(len(held) - len(staying), 'old certificate')}",
                "A key that nobody uses can only be stolen.",
                (held, [each.get("keyId") for each in held]),
                (staying, [each.get("keyId") for each in staying]),
            )
        for each in app.of_kind("secret"):
            if each.id.lower() in going:
                yield self._removed(each.id, each.name)

    def _removed(self, key_id: str, name: str) -> Step:
        return Step(
            id=f"retire-secret:{self.wanted.slug}:{key_id}",
            title=f"Remove the secret {name or key_id}",
            why="A secret that nobody uses can only be stolen.",
            group="credential",
            service="graph",
            do=GraphCall("POST", (*self.path, "/removePassword"), {"keyId": key_id}),
            look=Look(
                GraphCall("GET", (*self.path, "?$select=id,passwordCredentials")),
                where={"keyId": key_id},
                fields=("keyId",),
                inside="passwordCredentials",
            ),
            before={"keyId": key_id},
            after=None,
            needs=_NEEDS,
            lag=_LAG_OF_CREDENTIALS,
            leaves="A removed secret is gone: make a new one with rotate.",
        )


_PLATFORMS: Final[Mapping[str, str]] = {
    "publicClient": "mobile and desktop applications",
    "web": "web, where consent links come back to",
    "spa": "single-page applications",
}


def _hidden(app: App | None) -> Iterator[Check]:
    """Yield which certificates came without their contents: the list is sent whole, and would lose or refuse them."""
    hidden = [str(each.get("keyId")) for each in (app.keys if app else ()) if not each.get("key")]
    if hidden:
        said = f"Graph showed {', '.join(hidden)} without the contents, and the whole list has to be sent"
        remedy = "Look again. If it stays so, upload the certificate by hand under Certificates & secrets."
        yield Check("certificates on the app", "wrong", said, remedy)


def _unfit(found: Found, key_ids: Sequence[str], proof: Check, now: datetime) -> Iterator[Check]:
    if proof.outcome != "ok":
        remedy = "Rotate, wait until the new credential is proven, and run this again: nothing is removed before."
        yield Check("proof of the new credential", "wrong", proof.found or proof.outcome, remedy)
    app = found.app
    if app is None:
        yield Check("registration", "wrong", "it is not there, or could not be read", "Look again.")
        return
    if any(each.id.lower() in map(str.lower, key_ids) for each in app.of_kind("certificate")):
        yield from _hidden(app)
    known = {each.id.lower(): each for each in app.of_kind("certificate", "secret")}
    for key_id in key_ids:
        if key_id.lower() not in known:
            yield Check("retire", "wrong", f"the app has no credential {key_id}", "Take its id from the table above.")
    going = {each.lower() for each in key_ids}
    if not any(each.is_valid(now) and each.id.lower() not in going for each in app.credentials):
        yield Check("retire", "wrong", "no credential that counts would be left", "Rotate first.")


def _in_use(
    found: Found, wanted: Wanted, key_ids: Sequence[str], now: datetime, place: Place | None
) -> Iterator[Check]:
    staying = _staying(found, wanted, now, place)
    if staying and staying.id.lower() in map(str.lower, key_ids):
        said = f"{staying.id} is the one in use, which was just proven"
        yield Check("retire", "wrong", said, "Name the old one; to give this one up, rotate first.")


def _too_long(place: Place | None, policy: Policy) -> str:
    made = place.certificate if place else None
    if made is None or policy.certificate_lasts is None or made.ends - made.starts <= policy.certificate_lasts:
        return ""
    return f"the certificate lasts {(made.ends - made.starts).days} days, {policy.certificate_lasts.days} are allowed"


def _as_records(asked: Iterable[Ask]) -> list[Value]:
    """Return permissions in the form of Graph, by resource."""
    by_resource: dict[str, list[Value]] = {}
    for ask in asked:
        kind = "Role" if ask.kind == "role" else "Scope"
        by_resource.setdefault(ask.resource_app_id, []).append({"id": ask.id, "type": kind})
    return [{"resourceAppId": app_id, "resourceAccess": access} for app_id, access in by_resource.items()]


def _flags(*names: str) -> tuple[str, ...]:
    # Graph may answer null where it was set to false.
    return tuple(name for name in names if name == _PUBLIC)


def _select(*names: str) -> str:
    return ",".join(names)


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
