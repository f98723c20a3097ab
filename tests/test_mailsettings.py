"""What to enter where: the hosts of the tenant's own cloud, its app, and no password."""

from dataclasses import replace

import pytest

from mailauth import advice, clouds, mailsettings
from mailauth.mailsettings import Settings
from mailauth.tenants import MailApp, Tenant
from tests.case_invented import SCANNER, TENANT

APP_ID = "aaaaaaaa-0000-4000-8000-000000000001"
WITH_APP = replace(TENANT, mail_apps=(MailApp(name="relay", client_id=APP_ID),))


def settings(
    road: str = "oauth", *, kind: str = "application", protocol: str = "SMTP AUTH", tenant: Tenant = WITH_APP
) -> Settings:
    return mailsettings.of(road, kind=kind, protocol=protocol, account=SCANNER, tenant=tenant)


def fields(held: Settings) -> dict[str, str]:
    return {each.name: each.value.plain() for each in held.fields}


def test_an_application_that_sends_is_told_host_port_encryption_user_and_app() -> None:
    entered = fields(settings())

    assert (entered["Server"], entered["Port"], entered["Encryption"]) == ("smtp.office365.com", "587", "STARTTLS")
    assert (entered["User name"], entered["Application (client) id"]) == (SCANNER, APP_ID)
    assert entered["Where tokens come from"] == (
        f"https://login.microsoftonline.com/{TENANT.tenant_id}/oauth2/v2.0/token"
    )
    assert entered["Scope, where an app signs in"] == "https://outlook.office365.com/.default"
    assert entered["Scope, where a person signs in"] == "https://outlook.office.com/SMTP.Send offline_access"


def test_a_national_cloud_has_its_own_hosts() -> None:
    entered = fields(settings(tenant=replace(WITH_APP, cloud=clouds.built_in()["gcc-high"])))

    assert entered["Server"] == "smtp.office365.us"
    assert entered["Where tokens come from"].startswith("https://login.microsoftonline.us/")
    assert entered["Scope, where a person signs in"] == "https://outlook.office365.us/SMTP.Send offline_access"


def test_a_mail_program_and_a_reader_are_told_other_things() -> None:
    program = fields(settings(kind="mail program (Thunderbird)"))
    reader = fields(settings(protocol="IMAP"))

    assert program["Sign-in"] == "OAuth2, also called modern authentication"
    assert (reader["Server for IMAP"], reader["Port for IMAP"]) == ("outlook.office365.com", "993")
    assert "Server" not in reader


def test_what_is_not_known_of_a_tenant_is_said_in_words() -> None:
    assert fields(settings(tenant=TENANT))["Application (client) id"] == (
        "the client id of the app that notebook 20 registers"
    )
    assert fields(settings("connector"))["Server"] == "the host that the MX record of woodgrove.example names"


def test_several_apps_are_told_apart_by_name() -> None:
    other = MailApp(name="erp", client_id="bbbbbbbb-0000-4000-8000-000000000001")
    tenant = replace(WITH_APP, mail_apps=(*WITH_APP.mail_apps, other))

    entered = fields(settings(tenant=tenant))["Application (client) id"]
    assert entered == f"{APP_ID} (relay) or {other.client_id} (erp)"


@pytest.mark.parametrize("road", advice.roads())
def test_each_road_has_settings_for_a_sender(road: str) -> None:
    held = settings(road)

    assert held.fields
    assert held.where
    assert held.after
    assert "{" not in str((held.where, held.fields, held.after)).replace("{'", "")


def test_a_road_of_a_persons_own_has_none() -> None:
    assert settings("by pigeon") == Settings()
