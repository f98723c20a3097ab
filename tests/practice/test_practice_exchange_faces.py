"""The Exchange administration among the other faces: Entra's tokens open it, the mail servers obey it."""

import imaplib
import ssl
from datetime import timedelta

import msal

from practice.wellknown import EXCHANGE
from tests.practice import tokens
from tests.practice.administration import Administration, administering
from tests.practice.woodgrove import DOMAIN, SECRET, TENANT, woodgrove

BOX = f"admin@{DOMAIN}"
DENIED = "User is authenticated but not connected."


def test_a_token_that_msal_gets_from_this_clouds_entra_opens_it() -> None:
    made = woodgrove()
    made.estate.allow(made.daemon_principal, EXCHANGE, "Exchange.ManageAsApp")
    made.estate.role(made.daemon_principal.id, "Exchange Administrator")
    with administering(made) as admin:
        client = msal.ConfidentialClientApplication(
            made.daemon.app_id,
            client_credential=SECRET,
            authority=f"{admin.practice.base_url}/{TENANT}",
            instance_discovery=False,
            http_client=admin.session,
        )
        admin.token = client.acquire_token_for_client(["https://outlook.office365.com/.default"])["access_token"]
        assert admin.rows("Get-ServicePrincipal")[0]["AppId"] == made.daemon.app_id


def lists(admin: Administration) -> str:
    """Return what IMAP says to LIST, or what stops it, when the daemon opens `BOX` as itself."""
    backend, made = admin.practice.backend, admin.made
    principal = made.daemon_principal
    token = tokens.of_app(backend, made.estate.tenant, principal.app_id, principal.id, "IMAP.AccessAsApp")
    host, _, port = admin.practice.imap.partition(":")
    context = ssl.create_default_context(cafile=str(admin.practice.ca_file))
    with imaplib.IMAP4_SSL(host, int(port), ssl_context=context, timeout=10) as server:
        try:
            server.authenticate("XOAUTH2", lambda _: f"user={BOX}\x01auth=Bearer {token}\x01\x01".encode())
            return server.list()[0]
        except imaplib.IMAP4.error as error:
            return str(error)


def test_the_mail_servers_obey_a_cmdlet_when_the_lag_is_over() -> None:
    with administering() as admin:
        app = admin.rows("Get-ServicePrincipal")[0]["ObjectId"]
        assert DENIED in lists(admin)
        admin.practice.faults.exchange_lag = timedelta(minutes=30)
        admin.answer("Add-MailboxPermission", Identity=BOX, User=app, AccessRights="FullAccess", AutoMapping=False)
        assert admin.rows("Get-MailboxPermission", Identity=BOX, User=app)
        assert DENIED in lists(admin)
        admin.practice.faults.clock.skew = timedelta(minutes=31)
        assert lists(admin) == "OK"


def test_a_protocol_that_a_cmdlet_turns_off_is_off_and_on_again() -> None:
    with administering() as admin:
        app = admin.rows("Get-ServicePrincipal")[0]["ObjectId"]
        admin.answer("Add-MailboxPermission", Identity=BOX, User=app, AccessRights="FullAccess")
        for on, said in ((False, DENIED), (True, "OK")):
            admin.answer("Set-CASMailbox", Identity=BOX, ImapEnabled=on)
            assert said in lists(admin)
