"""Fabrikam is mended through Graph and Exchange's administration alone, until nothing is wrong with it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from practice import answers, cloud, credentials, tenants
from practice.cloud import Cloud
from practice.credentials import Credentials
from practice.state import Tenant
from practice.wellknown import EXCHANGE, GRAPH, permission
from tests.practice import mailing, tokens
from tests.practice.graphclient import ALL, Client

KEY = "the-key-of-the-door"
SCOPES = f"{ALL} User.ReadWrite.All Group.Read.All"
OUTLOOK = "https://outlook.office365.com/.default"
RELAY, FLEET = (tenants.world_of("fabrikam").app(key).app_id for key in ("relay", "fleet"))
OLD_THUNDERBIRD = "08162f7c-0fd2-4200-a84a-f25a4db0b584"
SERVICEDESK, TICKETS = "servicedesk@fabrikam.example", "tickets@fabrikam.example"


@dataclass(repr=False)
class Engineer:
    """Fabrikam's administrator, at the faces and at the trainer's door.

    Args:
        practice: The cloud.
        graph: A client of Graph.
        session: Trusts the cloud's certificate.
        token: For Exchange's administration.
        tenant_id: Fabrikam.
    """

    practice: Cloud
    graph: Client
    session: requests.Session
    token: str
    tenant_id: str

    def run(self, cmdlet: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of a cmdlet that works."""
        address = f"{self.practice.base_url}/exchange/adminapi/beta/{self.tenant_id}/InvokeCommand"
        sent: dict[str, Any] = {"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}}
        answer = self.session.post(address, json=sent, headers={"Authorization": f"Bearer {self.token}"}, timeout=30)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["value"]
        return rows

    def wrong(self) -> list[str]:
        """Return what the trainer's door says is wrong."""
        headers = {"Authorization": f"Bearer {KEY}"}
        address = f"{self.practice.base_url}/practice/tenants/fabrikam/answers"
        told: list[str] = self.session.get(address, headers=headers, timeout=30).json()["answers"]
        return told

    def delete(self, path: str) -> None:
        """Delete what Graph has at *path*."""
        assert self.graph.ask("DELETE", path).status_code == 204

    def principal(self, app_id: str) -> dict[str, Any]:
        """Return an app's enterprise application."""
        found: dict[str, Any] = self.graph.get(f"/servicePrincipals(appId='{app_id}')")
        return found

    def policy(self, name: str) -> dict[str, Any]:
        """Return a Conditional Access policy."""
        held = self.graph.get("/identity/conditionalAccess/policies")["value"]
        found: dict[str, Any] = next(one for one in held if one["displayName"] == name)
        return found


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return credentials.kept(tmp_path_factory.mktemp("keys") / "keys", ["all"])["all"]


@pytest.fixture
def engineer(given: Credentials) -> Iterator[Engineer]:
    tenant = tenants.build("fabrikam", datetime.now(UTC), given)
    with cloud.start([tenant]) as practice, requests.Session() as session:
        practice.backend.door_key, practice.backend.answers = KEY, answers.of
        session.trust_env, session.verify = False, str(practice.ca_file)
        yield signed_in(practice, session, tenant)


def signed_in(practice: Cloud, session: requests.Session, tenant: Tenant) -> Engineer:
    admin = tenant.directory.user("admin@fabrikam.example")
    assert admin is not None
    for_graph = tokens.of_person(practice.backend, tenant, admin, SCOPES, aud="https://graph.microsoft.com")
    for_exchange = tokens.of_person(practice.backend, tenant, admin, "Exchange.Manage")
    graph = Client(f"{practice.base_url}/graph", session, for_graph)
    return Engineer(practice, graph, session, for_exchange, tenant.tenant_id)


# --- what the engineer does -----------------------------------------------------------------------


def renew_the_secret(at: Engineer) -> None:
    app = at.graph.get(f"/applications(appId='{RELAY}')")
    at.graph.post(f"/applications/{app['id']}/addPassword", {"passwordCredential": {"displayName": "new"}}, 200)
    old = {"keyId": app["passwordCredentials"][0]["keyId"]}
    at.graph.post(f"/applications/{app['id']}/removePassword", old, 204)


def consent_to_pop(at: Engineer) -> None:
    client, resource = at.principal(RELAY)["id"], at.principal(EXCHANGE)["id"]
    (grant,) = at.graph.get(f"/servicePrincipals/{client}/oauth2PermissionGrants")["value"]
    at.graph.patch(f"/oauth2PermissionGrants/{grant['id']}", {"scope": f"{grant['scope']} POP.AccessAsUser.All"})
    role = permission("exchange", "POP.AccessAsApp", "role")
    body = {"principalId": client, "resourceId": resource, "appRoleId": role}
    at.graph.post(f"/servicePrincipals/{client}/appRoleAssignments", body)


def end_ews(at: Engineer) -> None:
    client = at.principal(FLEET)["id"]
    for one in at.graph.get(f"/servicePrincipals/{client}/appRoleAssignments")["value"]:
        at.delete(f"/servicePrincipals/{client}/appRoleAssignments/{one['id']}")
    scope = {"id": permission("graph", "IMAP.AccessAsUser.All", "scope"), "type": "Scope"}
    wanted = [{"resourceAppId": GRAPH, "resourceAccess": [scope]}]
    at.graph.patch(f"/applications(appId='{FLEET}')", {"requiredResourceAccess": wanted})


def end_the_old_thunderbird(at: Engineer) -> None:
    at.delete(f"/servicePrincipals/{at.principal(OLD_THUNDERBIRD)['id']}")


def tell_exchange_the_right_id(at: Engineer) -> None:
    principal = at.principal(RELAY)
    at.run("Remove-ServicePrincipal", Identity=at.run("Get-ServicePrincipal", Identity=RELAY)[0]["ObjectId"])
    at.run("New-ServicePrincipal", AppId=RELAY, ObjectId=principal["id"], DisplayName=principal["displayName"])
    for account in ("reports", "archive", "servicedesk", "invoices"):
        box = f"{account}@fabrikam.example"
        at.run("Add-MailboxPermission", Identity=box, User=principal["id"], AccessRights=["FullAccess"])


def turn_imap_on(at: Engineer) -> None:
    at.run("Set-CASMailbox", Identity="archive@fabrikam.example", ImapEnabled=True)


def rename_by_graph(at: Engineer) -> None:
    at.graph.patch(f"/users/{TICKETS}", {"userPrincipalName": SERVICEDESK})


def refuse_passwords(at: Engineer) -> None:
    at.run("New-AuthenticationPolicy", Name="Block Basic")
    at.run("Set-OrganizationConfig", DefaultAuthenticationPolicy="Block Basic")


def open_submission(at: Engineer) -> None:
    at.run("Set-CASMailbox", Identity="invoices@fabrikam.example", SmtpClientAuthenticationDisabled=False)


def license_the_shared_mailbox(at: Engineer) -> None:
    seat = {"skuId": "4b9405b0-7788-4568-add1-99614e613b69", "disabledPlans": []}
    body = {"addLicenses": [seat], "removeLicenses": []}
    at.graph.post("/users/invoices@fabrikam.example/assignLicense", body, 200)


def leave_nobody_out(at: Engineer) -> None:
    policy = at.policy("Block legacy authentication")
    users = {**policy["conditions"]["users"], "excludeGroups": []}
    change = {"conditions": {**policy["conditions"], "users": users}}
    at.graph.patch(f"/identity/conditionalAccess/policies/{policy['id']}", change)


def enforce_microsofts_policy(at: Engineer) -> None:
    policy = at.policy("Microsoft-managed: Block legacy authentication")
    at.graph.patch(f"/identity/conditionalAccess/policies/{policy['id']}", {"state": "enabled"})


def remove_the_old_phone(at: Engineer) -> None:
    for phone in at.run("Get-MobileDevice"):
        if phone["ClientVersion"] == "14.1":
            at.run("Remove-MobileDevice", Identity=phone["Identity"], Confirm=False)


def release_from_quarantine(at: Engineer) -> None:
    for phone in at.run("Get-MobileDevice"):
        if phone["DeviceAccessState"] == "Quarantined":
            box = phone["Identity"].partition("\\")[0]
            at.run("Set-CASMailbox", Identity=box, ActiveSyncAllowedDeviceIDs={"Add": phone["DeviceId"]})


MENDS: list[tuple[str, Callable[[Engineer], None]]] = [
    ("The client secret of Fabrikam Mail Relay expired", renew_the_secret),
    ("Fabrikam Mail Relay asks for POP.AccessAsUser.All", consent_to_pop),
    ("Fleet Mailer holds full_access_as_app", end_ews),
    ("Deb Hale consented to Thunderbird under the id", end_the_old_thunderbird),
    ("Exchange knows Fabrikam Mail Relay by the object id of its app registration", tell_exchange_the_right_id),
    ("IMAP is off for the mailbox archive@fabrikam.example", turn_imap_on),
    ("The account tickets@fabrikam.example has a mailbox whose primary address is", rename_by_graph),
    ("SMTP AUTH takes passwords for", refuse_passwords),
    ("SMTP AUTH is off for invoices@fabrikam.example", open_submission),
    ("The shared mailbox invoices@fabrikam.example has no licence", license_the_shared_mailbox),
    ('The policy "Block legacy authentication" leaves out', leave_nobody_out),
    ('The policy "Microsoft-managed: Block legacy authentication" only reports', enforce_microsofts_policy),
    ("The phone Android-Mail of hugo.penn@fabrikam.example speaks ActiveSync 14.1", remove_the_old_phone),
    ("The phone iPad11C6 of asha.rao@fabrikam.example is in quarantine", release_from_quarantine),
]


def test_fabrikam_is_mended_through_the_faces_until_nothing_is_wrong(engineer: Engineer) -> None:
    left = engineer.wrong()
    assert len(left) == len(MENDS)
    for start, mend in MENDS:
        assert [one for one in left if one.startswith(start)], (start, left)
        mend(engineer)
        found = engineer.wrong()
        assert not [one for one in found if one.startswith(start)], (start, found)
        assert len(found) == len(left) - 1, (start, found)
        left = found
    assert left == []


def test_what_was_mended_opens_the_mailboxes(engineer: Engineer) -> None:
    for _, mend in MENDS:
        mend(engineer)
    path = f"/applications(appId='{RELAY}')/addPassword"
    secret = engineer.graph.post(path, {"passwordCredential": {"displayName": "mail"}}, 200)["secretText"]
    form = {"grant_type": "client_credentials", "client_id": RELAY, "client_secret": secret, "scope": OUTLOOK}
    address = f"{engineer.practice.base_url}/{engineer.tenant_id}/oauth2/v2.0/token"
    issued = engineer.session.post(address, data=form, timeout=30).json()["access_token"]
    went_well = {"imap": ("OK AUTHENTICATE", "OK "), "pop": ("+OK", "+OK "), "smtp": ("235 2.7.0", "250 2.1.0")}
    for proof in tenants.proofs("fabrikam"):
        for protocol in proof.protocols:
            said = mailing.sign_in(engineer.practice, protocol, f"{proof.account}@fabrikam.example", issued)
            for line, start in zip(said, went_well[protocol], strict=True):
                assert line.startswith(start), (proof.account, protocol, line)


def rename_by_exchange(at: Engineer) -> None:
    at.run("Set-Mailbox", Identity=SERVICEDESK, MicrosoftOnlineServicesID=SERVICEDESK)


def detour(at: Engineer) -> None:
    """Make the wrong one of the two addresses the primary one, see it told, and put it right."""
    at.run("Set-Mailbox", Identity=SERVICEDESK, WindowsEmailAddress=TICKETS)
    assert f"{SERVICEDESK} is only a further address of the mailbox {TICKETS}." in at.wrong()
    rename_by_graph(at)
    at.run("Set-Mailbox", Identity=SERVICEDESK, EmailAddresses=[f"SMTP:{SERVICEDESK}", f"smtp:{TICKETS}"])


@pytest.mark.parametrize("mend", [rename_by_graph, rename_by_exchange, detour])
def test_an_account_and_its_mailbox_become_one_by_either_face(
    engineer: Engineer, mend: Callable[[Engineer], None]
) -> None:
    mend(engineer)
    assert not [one for one in engineer.wrong() if "servicedesk" in one or "tickets" in one]
