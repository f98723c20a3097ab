"""The runbook's own app registrations to sign in with: one that reads, and another one that changes.

Both are public clients: a person signs in to them in a browser, with PKCE, and what that lets the runbook do is what
the person may do. They hold no secret that could be stolen. An app of one's own keeps a borrowed id of Microsoft's out
of the sign-in log, where it looks like phishing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import urlencode

from .checks import Check
from .clouds import Cloud
from .literals import literal
from .plan import Bound, GraphCall, Look, Plan, Ref, Step, Value
from .registration import MARK
from .tenants import Admin, Tenant

__all__ = ["BOOTSTRAP", "KINDS", "SCOPES", "Found", "Kind", "Known", "commands", "consent_link", "plan", "state"]

Kind = Literal["reader", "operator"]
KINDS: Final[tuple[Kind, ...]] = ("reader", "operator")

BOOTSTRAP: Final = Admin(flow="interactive", client_id="14d82eec-204b-4c2f-b7e8-296a70dab67e", remember="never")
"""Microsoft Graph Command Line Tools: whom somebody signs in to once, because no app of one's own can exist yet."""

SCOPES: Final = ("Application.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All", "Directory.Read.All")
"""What that one sign-in is asked for: to register the two, and to take back what was agreed to for it."""

_GRAPH: Final = "00000003-0000-0000-c000-000000000000"
_EXCHANGE: Final = "00000002-0000-0ff1-ce00-000000000000"
_NAMES: Final[Mapping[Kind, str]] = {"reader": "Mail OAuth Runbook (reads)", "operator": "Mail OAuth Runbook (changes)"}
# Listed so that an administrator can agree to all of it by one link; a sign-in asks only for what its plan needs.
_ASKS: Final[Mapping[Kind, Mapping[str, tuple[str, ...]]]] = {
    "reader": {
        _GRAPH: ("Application.Read.All", "AuditLog.Read.All", "Directory.Read.All", "Policy.Read.All"),
        _EXCHANGE: ("Exchange.Manage",),
    },
    "operator": {
        _GRAPH: (
            "Application.ReadWrite.All",
            "AppRoleAssignment.ReadWrite.All",
            "DelegatedPermissionGrant.ReadWrite.All",
            "Directory.Read.All",
            "Policy.Read.All",
        ),
        _EXCHANGE: ("Exchange.Manage",),
    },
}
_REDIRECT: Final = "http://localhost"
_APPS: Final = "/v1.0/applications"
_NEEDS: Final = ("Application.ReadWrite.All",)
_LAG: Final = timedelta(minutes=2)
_KEPT: Final = "it waits among the deleted applications for 30 days, where it can be restored or removed for good"


@dataclass(frozen=True)
class Known:
    """One of the two as the tenant has it.

    Args:
        object_id: The registration's object id; empty where there is none.
        client_id: Its application id.
        audience: Who can sign in, as Graph calls it.
        redirects: The addresses of its public client.
        asks: The permissions that it lists, as Graph's records.
        principal: The object id of its enterprise application; empty where there is none.
    """

    object_id: str = ""
    client_id: str = ""
    audience: str = ""
    redirects: tuple[str, ...] = ()
    asks: Sequence[Mapping[str, Any]] = ()
    principal: str = ""


@dataclass(frozen=True)
class Found:
    """What the tenant holds.

    Args:
        apps: The two.
        offers: The ids of the delegated permissions that a resource offers, by name, by the resource's application id.
    """

    apps: Mapping[Kind, Known] = field(default_factory=dict)
    offers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def unique_name(kind: Kind) -> str:
    """Return the name by which one of the two is found again, whatever it is called meanwhile."""
    return f"{MARK}-{kind}"


def plan(found: Found, *, tenant: Tenant, id: str, now: datetime, multi: bool = False) -> Plan:
    """Return what makes the two registrations; no steps where they are as they should be.

    Args:
        found: What the look brought.
        tenant: The tenant.
        id: The plan's id.
        now: The clock.
        multi: Let other tenants consent to them as well, for whoever looks after many.
    """
    steps = tuple(step for kind in KINDS for step in _Making(found, kind, id, multi).steps())
    bound = {f"{kind}.{name}": value for kind, each in found.apps.items() for name, value in _ids(each)}
    return Plan.of(
        tenant,
        id=id,
        title="Register the runbook's own apps",
        now=now,
        steps=steps,
        checks=(*_borrowed(steps), *_lacking(found), *(_SUPPLY_CHAIN if multi else ())),
        bound=bound,
    )


def state(bound: Bound, tenant: Tenant) -> Mapping[str, Any]:
    """Return what the tenant's state file is to hold: who reads and who changes, where the tenants file says nobody.

    Args:
        bound: What is known after the plan.
        tenant: The tenant.
    """
    wanted = {"admin": ("reader", tenant.admin), "operator": ("operator", tenant.operator)}
    return {
        name: {"flow": "interactive", "client_id": bound[f"{kind}.appId"]}
        for name, (kind, there) in wanted.items()
        if there is None and f"{kind}.appId" in bound
    }


def consent_link(cloud: Cloud, *, tenant_id: str, client_id: str) -> str:
    """Return the address at which an administrator of a customer lets one of a partner's two apps in."""
    query = urlencode({"client_id": client_id, "redirect_uri": _REDIRECT})
    return f"{cloud.login.rstrip('/')}/{tenant_id}/adminconsent?{query}"


def commands(tenant: Tenant, *, multi: bool = False) -> str:
    """Return the same as a short PowerShell script for an administrator, who sends back the two ids that it shows."""
    apps: dict[str, Value] = {
        _NAMES[kind]: {
            "UniqueName": unique_name(kind),
            "Asks": {resource: list(values) for resource, values in _ASKS[kind].items()},
        }
        for kind in KINDS
    }
    return _COMMANDS.format(
        tenant=literal(tenant.tenant_id),
        scopes=literal(list(SCOPES[:1])),
        audience=literal(_audience(multi)),
        redirect=literal(_REDIRECT),
        apps=literal(apps),
    )


_COMMANDS: Final = """\
Connect-MgGraph -TenantId {tenant} -Scopes {scopes} -NoWelcome
$Apps = {apps}
foreach ($Name in $Apps.Keys) {{
    $Asks = foreach ($Resource in $Apps[$Name].Asks.Keys) {{
        $Offered = (Get-MgServicePrincipal -Filter "appId eq '$Resource'").Oauth2PermissionScopes
        $Wanted = @($Offered | Where-Object -Property Value -In -Value $Apps[$Name].Asks[$Resource])
        $Access = @($Wanted | ForEach-Object -Process {{ @{{ Id = $_.Id; Type = 'Scope' }} }})
        @{{ ResourceAppId = $Resource; ResourceAccess = $Access }}
    }}
    $App = New-MgApplication -DisplayName $Name -UniqueName $Apps[$Name].UniqueName -SignInAudience {audience} `
        -PublicClient @{{ RedirectUris = @({redirect}) }} -RequiredResourceAccess $Asks
    $null = New-MgServicePrincipal -AppId $App.AppId
    "$Name $($App.AppId)"
}}
"""


def _audience(multi: bool) -> str:
    return "AzureADMultipleOrgs" if multi else "AzureADMyOrg"


def _ids(each: Known) -> Iterator[tuple[str, str]]:
    if each.object_id:
        yield from (("id", each.object_id), ("appId", each.client_id))
    if each.principal:
        yield "principal", each.principal


def _borrowed(steps: Sequence[Step]) -> Iterator[Check]:
    if steps:
        said = (
            "this once, somebody signs in to Microsoft Graph Command Line Tools "
            f"({BOOTSTRAP.client_id}), because no app of your own can exist yet"
        )
        remedy = (
            "The sign-in log shows it. What is agreed to for it is recorded and taken back by the undo; `--print` "
            "gives the same as PowerShell, for an administrator to run."
        )
        yield Check("a borrowed app", "ok", said, remedy)


def _lacking(found: Found) -> Iterator[Check]:
    wanted = dict.fromkeys(
        (resource, value) for kind in KINDS for resource in _ASKS[kind] for value in _ASKS[kind][resource]
    )
    for resource, value in wanted:
        if value not in found.offers.get(resource, {}):
            remedy = "It is left out. What needs it says so when it is tried."
            yield Check(f"permission {value}", "cannot know", f"the tenant's {resource} does not offer it", remedy)


_SUPPLY_CHAIN: Final = (
    Check(
        "several tenants",
        "ok",
        "one registration serves every tenant that consents: whoever can change it, or act as somebody who signs in to "
        "it, reaches them all",
        "Keep its owners few, protect them with strong MFA, and give an app that acts as itself a federated credential "
        "and never one certificate for every customer.",
    ),
)


@dataclass(frozen=True)
class _Making:
    """The steps for one of the two."""

    found: Found
    kind: Kind
    id: str
    multi: bool

    @property
    def known(self) -> Known:
        return self.found.apps.get(self.kind, Known())

    def steps(self) -> Iterator[Step]:
        """Yield what is missing."""
        if not self.known.object_id:
            yield self._registered()
        else:
            yield from self._changes()
        if not self.known.principal:
            yield self._enterprise()

    def _asks(self) -> list[Mapping[str, Value]]:
        return [
            {"resourceAppId": resource, "resourceAccess": [{"id": offered[value], "type": "Scope"} for value in values]}
            for resource, wanted in _ASKS[self.kind].items()
            if (values := [value for value in wanted if value in (offered := self.found.offers.get(resource, {}))])
        ]

    def _registered(self) -> Step:
        address = f"{_APPS}(uniqueName='{unique_name(self.kind)}')"
        body: dict[str, Value] = {
            "displayName": _NAMES[self.kind],
            "signInAudience": _audience(self.multi),
            "publicClient": {"redirectUris": [_REDIRECT]},
            "requiredResourceAccess": self._asks(),
            "tags": [MARK],
            "notes": f"Made by the Mail OAuth Runbook, plan {self.id}.",
        }
        fields = ("displayName", "signInAudience", "publicClient.redirectUris", "requiredResourceAccess")
        select = "id,appId,displayName,signInAudience,publicClient,requiredResourceAccess"
        return Step(
            id=f"app:{self.kind}",
            title=f"Register {_NAMES[self.kind]}",
            why="Sign-ins are then seen to be yours, and ask for what is needed and no more.",
            group="app registration",
            service="graph",
            do=GraphCall("PATCH", (address,), body, {"Prefer": "create-if-missing"}),
            look=Look(
                GraphCall("GET", (f"{address}?$select={select}",)),
                fields=fields,
                binds={f"{self.kind}.id": "id", f"{self.kind}.appId": "appId"},
            ),
            before=None,
            after={
                "displayName": body["displayName"],
                "signInAudience": body["signInAudience"],
                "publicClient.redirectUris": [_REDIRECT],
                "requiredResourceAccess": body["requiredResourceAccess"],
            },
            undo=GraphCall("DELETE", (f"{_APPS}/", Ref(f"{self.kind}.id"))),
            needs=_NEEDS,
            lag=_LAG,
            leaves=_KEPT,
        )

    def _changes(self) -> Iterator[Step]:
        known, audience = self.known, _audience(self.multi)
        if _REDIRECT not in known.redirects:
            after = [*known.redirects, _REDIRECT]
            yield self._field("publicClient.redirectUris", list(known.redirects), after, "Let a browser come back here")
        if known.audience != audience and self.multi:
            yield self._field("signInAudience", known.audience, audience, "Let other tenants consent to it")
        if lacking := [each for each in self._asks() if not self._listed(each)]:
            others = [
                each
                for each in known.asks
                if each.get("resourceAppId") not in {one["resourceAppId"] for one in lacking}
            ]
            yield self._field(
                "requiredResourceAccess",
                list(known.asks),
                [*others, *map(self._joined, lacking)],
                "List what it asks for",
            )

    def _listed(self, wanted: Mapping[str, Value]) -> bool:
        return self._held(wanted) >= {_key(each) for each in _accesses(wanted)}

    def _held(self, wanted: Mapping[str, Value]) -> set[tuple[str, str]]:
        same = [each for each in self.known.asks if each.get("resourceAppId") == wanted["resourceAppId"]]
        return {_key(each) for record in same for each in _accesses(record)}

    def _joined(self, wanted: Mapping[str, Value]) -> Mapping[str, Value]:
        held = self._held(wanted)
        every = sorted(held | {_key(each) for each in _accesses(wanted)})
        access: list[Value] = [{"id": id, "type": kind} for id, kind in every]
        return {"resourceAppId": wanted["resourceAppId"], "resourceAccess": access}

    def _field(self, name: str, before: Value, after: Value, title: str) -> Step:
        top, _, inner = name.partition(".")
        path = f"{_APPS}/{self.known.object_id}"
        return Step(
            id=f"{name}:{self.kind}",
            title=f"{title}: {_NAMES[self.kind]}",
            why="The runbook signs in to it that way.",
            group="app registration",
            service="graph",
            do=GraphCall("PATCH", (path,), {top: {inner: after} if inner else after}),
            look=Look(GraphCall("GET", (f"{path}?$select=id,{top}",)), fields=(name,)),
            before={name: before},
            after={name: after},
            undo=GraphCall("PATCH", (path,), {top: {inner: before} if inner else before}),
            needs=_NEEDS,
            lag=_LAG,
        )

    def _enterprise(self) -> Step:
        app_id: str | Ref = self.known.client_id or Ref(f"{self.kind}.appId")
        path = ("/v1.0/servicePrincipals(appId='", app_id, "')")
        return Step(
            id=f"enterprise:{self.kind}",
            title=f"Let the tenant know {_NAMES[self.kind]}",
            why="Consent is held by its enterprise application.",
            group="enterprise application",
            service="graph",
            do=GraphCall("POST", ("/v1.0/servicePrincipals",), {"appId": app_id, "tags": [MARK]}),
            look=Look(GraphCall("GET", (*path, "?$select=id,appId")), binds={f"{self.kind}.principal": "id"}),
            before=None,
            after={},
            undo=GraphCall("DELETE", path),
            needs=_NEEDS,
            lag=_LAG,
            leaves=_KEPT,
        )


def _accesses(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return record.get("resourceAccess") or ()


def _key(access: Mapping[str, Any]) -> tuple[str, str]:
    return str(access.get("id") or "").lower(), str(access.get("type") or "")
