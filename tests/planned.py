"""Plans made by hand, with one step of each kind that the runbook knows, and texts that want to be commands."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mailauth.plan import Cmdlet, GraphCall, Keep, Look, Plan, Ref, Step, Value
from mailauth.secretrefs import SecretRef

TENANT_ID = "11111111-1111-1111-1111-111111111111"
EXCHANGE_ID = "00000002-0000-0ff1-ce00-000000000000"
IMAP_ROLE = "5e5addcd-3e8d-4e90-baf5-964efab2b20a"
NOW = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
PLAN_ID = "20261127T093000-a1b2c3"

APP = Ref("app.id")
ENTERPRISE = Ref("enterprise.id")
EXCHANGE = Ref("exchange.id")
SID = Ref("exchange.principal.sid")
SECRET = Ref("secret.id")

HOSTILE = (
    "it's",
    "'; Remove-Mailbox -Identity ceo@woodgrove.example; '",
    "\u2019; Remove-Mailbox ceo; \u2018",
    "\u201a\u201b\u201c\u201d\u201e",
    "$(Remove-Mailbox ceo) $env:PATH `$x `n",
    "two\nRemove-Mailbox ceo\r\nlines",
    "a\u2028Remove-Mailbox ceo\u2029b\u0085c\x0bd\x0ce",
    "#> Remove-Mailbox ceo <#",
    "# SIG # Begin signature block",
    "\n'@\nRemove-Mailbox ceo\n@'",
    '\n"@\n',
    "nul\x00here",
    "\u202egnp.exe",
    "back\\slash \\u0027; \\",
    "M\u00fcller \u0411\u043e\u0440\u0438\u0441 \u65e5\u672c \U0001f600",
    "--% -Confirm:$true",
    "@{ a = 1 }",
    "",
    " ",
)


def plan(*steps: Step, bound: Mapping[str, str] | None = None, **more: Any) -> Plan:
    given = {"title": "Let Mail open the mailboxes", "tenant": "woodgrove", "cloud": "public", **more}
    return Plan(id=PLAN_ID, tenant_id=TENANT_ID, steps=steps, bound=bound or {}, made_at=NOW, **given)


def app(name: str = "Mail") -> Step:
    path = "/v1.0/applications(uniqueName='runbook-mail')"
    return Step(
        id="app:mail",
        title=f"Register {name}",
        why="The app signs in by its own name.",
        group="Registration",
        service="graph",
        do=GraphCall(
            "PATCH",
            (path,),
            {
                "displayName": name,
                "signInAudience": "AzureADMyOrg",
                "tags": [PLAN_ID],
                "requiredResourceAccess": [
                    {"resourceAppId": EXCHANGE_ID, "resourceAccess": [{"id": IMAP_ROLE, "type": "Role"}]}
                ],
                "isFallbackPublicClient": False,
                "notes": None,
            },
            {"Prefer": "create-if-missing"},
        ),
        look=Look(
            GraphCall("GET", (path,)),
            fields=("displayName", "requiredResourceAccess"),
            binds={"app.id": "id", "app.client_id": "appId"},
        ),
        before=None,
        after={
            "displayName": name,
            "requiredResourceAccess": [
                {"resourceAppId": EXCHANGE_ID, "resourceAccess": [{"id": IMAP_ROLE, "type": "Role"}]}
            ],
        },
        undo=GraphCall("DELETE", ("/v1.0/applications/", APP)),
        needs=("Application.ReadWrite.All",),
        leaves="Entra keeps a deleted registration for 30 days.",
    )


def enterprise() -> Step:
    client_id = Ref("app.client_id")
    return Step(
        id="enterprise:mail",
        title="Make the enterprise application",
        why="Consent is given to it.",
        group="Enterprise application",
        service="graph",
        do=GraphCall("POST", ("/v1.0/servicePrincipals",), {"appId": client_id}),
        look=Look(
            GraphCall("GET", ("/v1.0/servicePrincipals(appId='", client_id, "')")),
            binds={"enterprise.id": "id"},
        ),
        before=None,
        after={},
        undo=GraphCall("DELETE", ("/v1.0/servicePrincipals/", ENTERPRISE)),
        needs=("Application.ReadWrite.All",),
    )


def grant() -> Step:
    return Step(
        id="grant:mail",
        title="Add SMTP.Send for everybody",
        why="People send with it.",
        group="Consent",
        service="graph",
        do=GraphCall(
            "PATCH", ("/v1.0/oauth2PermissionGrants/", Ref("grant.id")), {"scope": "IMAP.AccessAsUser.All SMTP.Send"}
        ),
        look=Look(
            GraphCall("GET", ("/v1.0/servicePrincipals/", ENTERPRISE, "/oauth2PermissionGrants")),
            where={"consentType": "AllPrincipals", "resourceId": EXCHANGE},
            fields=("scope",),
            words=("scope",),
        ),
        before={"scope": ["IMAP.AccessAsUser.All"]},
        after={"scope": ["IMAP.AccessAsUser.All", "SMTP.Send"]},
        undo=GraphCall("PATCH", ("/v1.0/oauth2PermissionGrants/", Ref("grant.id")), {"scope": "IMAP.AccessAsUser.All"}),
        needs=("DelegatedPermissionGrant.ReadWrite.All",),
    )


def role() -> Step:
    return Step(
        id="role:imap",
        title="Give the app IMAP.AccessAsApp",
        why="Its tokens open IMAP.",
        group="Consent",
        service="graph",
        do=GraphCall(
            "POST",
            ("/v1.0/servicePrincipals/", EXCHANGE, "/appRoleAssignedTo"),
            {"principalId": ENTERPRISE, "resourceId": EXCHANGE, "appRoleId": IMAP_ROLE},
        ),
        look=Look(
            GraphCall("GET", ("/v1.0/servicePrincipals/", ENTERPRISE, "/appRoleAssignments")),
            where={"resourceId": EXCHANGE, "appRoleId": IMAP_ROLE},
            binds={"role.imap.id": "id"},
        ),
        before=None,
        after={},
        undo=GraphCall("DELETE", ("/v1.0/servicePrincipals/", EXCHANGE, "/appRoleAssignedTo/", Ref("role.imap.id"))),
        needs=("AppRoleAssignment.ReadWrite.All",),
    )


def secret() -> Step:
    return Step(
        id="secret:mail",
        title="Make a secret",
        why="The copier can do no better.",
        group="Credential",
        service="graph",
        do=GraphCall(
            "POST",
            ("/v1.0/applications/", APP, "/addPassword"),
            {"passwordCredential": {"displayName": PLAN_ID, "endDateTime": "2027-05-27T00:00:00Z"}},
        ),
        look=Look(
            GraphCall("GET", ("/v1.0/applications/", APP, "?$select=id,passwordCredentials")),
            where={"displayName": PLAN_ID},
            inside="passwordCredentials",
            binds={"secret.id": "keyId"},
        ),
        before=None,
        after={},
        undo=GraphCall("POST", ("/v1.0/applications/", APP, "/removePassword"), {"keyId": SECRET}),
        needs=("Application.ReadWrite.All",),
        keeps=Keep("secretText", SecretRef("file", "/home/w/mail.secret")),
    )


def certificate() -> Step:
    key = {"type": "AsymmetricX509Cert", "usage": "Verify", "key": "MIIB", "displayName": "CN=mail"}
    path = ("/v1.0/applications/", APP)
    return Step(
        id="certificate:mail",
        title="Add a certificate",
        why="The key never leaves this machine.",
        group="Credential",
        service="graph",
        do=GraphCall("PATCH", path, {"keyCredentials": [key]}),
        look=Look(GraphCall("GET", (*path, "?$select=id,keyCredentials")), fields=("keyCredentials.displayName",)),
        before={"keyCredentials.displayName": []},
        after={"keyCredentials.displayName": ["CN=mail"]},
        undo=GraphCall("PATCH", path, {"keyCredentials": []}),
        needs=("Application.ReadWrite.All",),
    )


def principal(name: str = "Mail") -> Step:
    client_id = Ref("app.client_id")
    return Step(
        id="principal:mail",
        title=f"Have Exchange know {name}",
        why="Permissions are given to it.",
        group="Exchange service principal",
        service="exchange",
        do=Cmdlet("New-ServicePrincipal", {"AppId": client_id, "ObjectId": ENTERPRISE, "DisplayName": name}),
        look=Look(
            Cmdlet("Get-ServicePrincipal"), where={"AppId": client_id, "ObjectId": ENTERPRISE}, binds={SID.name: "Sid"}
        ),
        before=None,
        after={},
        undo=Cmdlet("Remove-ServicePrincipal", {"Identity": ENTERPRISE}),
        needs=("Role Management",),
    )


def full_access(address: str) -> Step:
    right: dict[str, Value] = {"Identity": address, "User": ENTERPRISE, "AccessRights": ["FullAccess"]}
    return Step(
        id=f"full-access:{address}",
        title=f"Let Mail open {address}",
        why="IMAP and POP open a mailbox for whoever has FullAccess on it.",
        group="FullAccess",
        service="exchange",
        do=Cmdlet("Add-MailboxPermission", {**right, "AutoMapping": False}),
        look=Look(
            Cmdlet("Get-MailboxPermission", {"Identity": address}),
            where={"User": SID, "Deny": False},
            fields=("AccessRights",),
        ),
        before=None,
        after={"AccessRights": ["FullAccess"]},
        undo=Cmdlet("Remove-MailboxPermission", right),
        needs=("Mail Recipients",),
        watched=False,
    )


def send_as(address: str) -> Step:
    right: dict[str, Value] = {"Identity": address, "Trustee": ENTERPRISE, "AccessRights": ["SendAs"]}
    return Step(
        id=f"send-as:{address}",
        title=f"Let Mail send as {address}",
        why="Others' addresses need it.",
        group="SendAs",
        service="exchange",
        do=Cmdlet("Add-RecipientPermission", right),
        look=Look(
            Cmdlet("Get-RecipientPermission", {"Identity": address}), where={"Trustee": SID}, fields=("AccessRights",)
        ),
        before=None,
        after={"AccessRights": ["SendAs"]},
        undo=Cmdlet("Remove-RecipientPermission", right),
        needs=("Mail Recipients",),
    )


def switch(address: str, *, found: bool | None = None, wanted: bool | None = False) -> Step:
    name = "SmtpClientAuthenticationDisabled"
    return Step(
        id=f"smtp:{address}",
        title=f"Switch SMTP AUTH on for {address}",
        why="The switch turns the protocol off for tokens too.",
        group="Protocol switch",
        service="exchange",
        do=Cmdlet("Set-CASMailbox", {"Identity": address, name: wanted}),
        look=Look(Cmdlet("Get-CASMailbox", {"Identity": address}), fields=(name,)),
        before={name: found},
        after={name: wanted},
        undo=Cmdlet("Set-CASMailbox", {"Identity": address, name: found}),
        needs=("Mail Recipients",),
    )


def scope() -> Step:
    name = f"Mail {PLAN_ID}"
    return Step(
        id="scope:mail",
        title="Make a scope",
        why="It says which mailboxes the app may send from.",
        group="Scope",
        service="exchange",
        do=Cmdlet("New-ManagementScope", {"Name": name, "RecipientRestrictionFilter": "CustomAttribute1 -eq 'mail'"}),
        look=Look(Cmdlet("Get-ManagementScope"), where={"Name": name}),
        before=None,
        after={},
        undo=Cmdlet("Remove-ManagementScope", {"Identity": name}),
        needs=("Role Management",),
    )


def assignment() -> Step:
    name, smtp = f"Mail {PLAN_ID}", "Application SMTP.SendAsApp"
    return Step(
        id="assignment:mail",
        title="Let the app send from the scope",
        why="The role lets it send without a permission in its token.",
        group="Role",
        service="exchange",
        do=Cmdlet(
            "New-ManagementRoleAssignment",
            {"Name": name, "Role": smtp, "App": ENTERPRISE, "CustomResourceScope": name},
        ),
        look=Look(Cmdlet("Get-ManagementRoleAssignment", {"Role": smtp}), where={"Name": name}),
        before=None,
        after={},
        undo=Cmdlet("Remove-ManagementRoleAssignment", {"Identity": name}),
        needs=("Role Management",),
    )


def whole() -> Plan:
    """Return a plan with one step of each kind."""
    address = "orders@woodgrove.example"
    steps = (
        app(),
        enterprise(),
        grant(),
        role(),
        secret(),
        certificate(),
        principal(),
        full_access(address),
        send_as(address),
        switch(address),
        scope(),
        assignment(),
    )
    return plan(*steps, bound={"exchange.id": "22222222-2222-2222-2222-222222222222", "grant.id": "aGVsbG8"})


def thousand() -> Plan:
    """Return a plan that opens 1,000 mailboxes."""
    steps = [full_access(f"user{number:04}@woodgrove.example") for number in range(1000)]
    return plan(*steps, bound={ENTERPRISE.name: "e" * 8, SID.name: "S-1-5-21-1"})


def titled(step: Step, title: str) -> Step:
    """Return a step by another title."""
    return replace(step, title=title)
