"""A plan of the tests' own: an app that may open mailboxes, made as notebooks 20 and 30 make one."""

from datetime import datetime, timedelta
from pathlib import Path

from mailauth import plan as plans
from mailauth.plan import GraphCall, Keep, Look, Plan, Ref, Step
from mailauth.secretrefs import SecretRef

__all__ = ["CALLS", "NAME", "NEEDS", "STEPS", "plan"]

NAME = "mailauth-mover"
IMAP_ROLE = "5e5addcd-3e8d-4e90-baf5-964efab2b20a"
NEEDS = ("Application.ReadWrite.All", "Cloud Application Administrator")

STEPS = ("app", "principal", "role", "grant", "secret")
# What each of them sends, as the practice cloud's faults know it.
CALLS = {
    "app": r"PATCH .*/applications",
    "principal": r"POST .*/servicePrincipals$",
    "role": r"POST .*/appRoleAssignedTo",
    "grant": r"POST .*/oauth2PermissionGrants",
    "secret": r"POST .*/addPassword",
}


def plan(tenant: str, tenant_id: str, exchange: str, *, now: datetime, secret: Path, cloud: str = "practice") -> Plan:
    """Return the plan.

    Args:
        tenant: The tenant's name.
        tenant_id: Its directory.
        exchange: The object id of Exchange's enterprise application there.
        now: The clock.
        secret: Where the secret goes.
        cloud: The cloud's name.
    """
    made = plans.new_id(now)
    steps = (_app(made), _principal(), _role(exchange), _grant(exchange))
    kept = _secret(f"mailauth {made}", SecretRef("file", str(secret)))
    return Plan(made, "An app for mail", tenant, tenant_id, cloud, (*steps, kept), made_at=now)


def _app(made: str) -> Step:
    where = f"/v1.0/applications(uniqueName='{NAME}')"
    return Step(
        id="app",
        title="Register Mover",
        why="It signs in.",
        group="App",
        service="graph",
        do=GraphCall(
            "PATCH",
            (where,),
            {"displayName": "Mover", "signInAudience": "AzureADMyOrg", "notes": f"Made by plan {made}."},
            {"Prefer": "create-if-missing"},
        ),
        look=Look(
            GraphCall("GET", (where,)), fields=("displayName",), binds={"app.id": "id", "app.client_id": "appId"}
        ),
        before=None,
        after={"displayName": "Mover"},
        undo=GraphCall("DELETE", ("/v1.0/applications/", Ref("app.id"))),
        needs=NEEDS,
        lag=timedelta(minutes=2),
        leaves="The app stays among the deleted ones for 30 days.",
    )


def _principal() -> Step:
    return Step(
        id="principal",
        title="Make Mover's enterprise application",
        why="Permissions are given to it.",
        group="App",
        service="graph",
        do=GraphCall("POST", ("/v1.0/servicePrincipals",), {"appId": Ref("app.client_id")}),
        look=Look(
            GraphCall("GET", ("/v1.0/servicePrincipals(appId='", Ref("app.client_id"), "')")),
            binds={"principal.id": "id"},
        ),
        before=None,
        after={},
        undo=GraphCall("DELETE", ("/v1.0/servicePrincipals/", Ref("principal.id"))),
        needs=NEEDS,
    )


def _role(exchange: str) -> Step:
    return Step(
        id="role",
        title="Give Mover IMAP.AccessAsApp",
        why="It opens mailboxes as itself.",
        group="Consent",
        service="graph",
        do=GraphCall(
            "POST",
            ("/v1.0/servicePrincipals/", exchange, "/appRoleAssignedTo"),
            {"principalId": Ref("principal.id"), "resourceId": exchange, "appRoleId": IMAP_ROLE},
        ),
        look=Look(
            GraphCall("GET", ("/v1.0/servicePrincipals/", Ref("principal.id"), "/appRoleAssignments")),
            where={"appRoleId": IMAP_ROLE, "resourceId": exchange},
            binds={"role.id": "id"},
        ),
        before=None,
        after={},
        undo=GraphCall("DELETE", ("/v1.0/servicePrincipals/", exchange, "/appRoleAssignedTo/", Ref("role.id"))),
        needs=("AppRoleAssignment.ReadWrite.All", "Cloud Application Administrator"),
    )


def _grant(exchange: str) -> Step:
    return Step(
        id="grant",
        title="Let Mover open mailboxes for everybody",
        why="People sign in to it.",
        group="Consent",
        service="graph",
        do=GraphCall(
            "POST",
            ("/v1.0/oauth2PermissionGrants",),
            {
                "clientId": Ref("principal.id"),
                "consentType": "AllPrincipals",
                "resourceId": exchange,
                "scope": "IMAP.AccessAsUser.All",
            },
        ),
        look=Look(
            GraphCall("GET", ("/v1.0/servicePrincipals/", Ref("principal.id"), "/oauth2PermissionGrants")),
            where={"resourceId": exchange, "consentType": "AllPrincipals"},
            fields=("scope",),
            binds={"grant.id": "id"},
            words=("scope",),
        ),
        before=None,
        after={"scope": ["IMAP.AccessAsUser.All"]},
        undo=GraphCall("DELETE", ("/v1.0/oauth2PermissionGrants/", Ref("grant.id"))),
        needs=("DelegatedPermissionGrant.ReadWrite.All",),
    )


def _secret(name: str, into: SecretRef) -> Step:
    return Step(
        id="secret",
        title="Make a secret",
        why="It proves that it is Mover.",
        group="Credential",
        service="graph",
        do=GraphCall(
            "POST",
            ("/v1.0/applications/", Ref("app.id"), "/addPassword"),
            {"passwordCredential": {"displayName": name}},
        ),
        look=Look(
            GraphCall("GET", ("/v1.0/applications/", Ref("app.id"))),
            where={"displayName": name},
            binds={"secret.id": "keyId"},
            inside="passwordCredentials",
        ),
        before=None,
        after={},
        undo=GraphCall("POST", ("/v1.0/applications/", Ref("app.id"), "/removePassword"), {"keyId": Ref("secret.id")}),
        needs=NEEDS,
        keeps=Keep("secretText", into),
    )
