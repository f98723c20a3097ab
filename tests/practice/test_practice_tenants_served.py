"""The four tenants on the wire: what msal gets for their apps, and what the mail servers make of it."""

import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msal
import pytest
import requests

from practice import cloud, credentials, tenants
from practice.cloud import Cloud
from practice.credentials import Credentials
from practice.wellknown import SIGN_IN_WORD
from tests.practice import mailing

SCOPE = "https://outlook.office365.com/.default"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys"


@pytest.fixture(scope="module")
def given(keys: Path) -> Credentials:
    return credentials.kept(keys, ["all"])["all"]


@pytest.fixture(scope="module")
def practice(given: Credentials) -> Iterator[Cloud]:
    now = datetime.now(UTC)
    with cloud.start([tenants.build(name, now, given) for name in tenants.NAMES]) as running:
        yield running


def session(practice: Cloud) -> requests.Session:
    made = requests.Session()
    made.trust_env, made.verify = False, str(practice.ca_file)
    return made


def token(practice: Cloud, name: str, app_id: str, credential: Any, scope: str = SCOPE) -> dict[str, Any]:
    """Return what msal is told for an app of a tenant that shows *credential*."""
    app = msal.ConfidentialClientApplication(
        app_id,
        client_credential=credential,
        authority=f"{practice.base_url}/{tenants.world_of(name).tenant_id}",
        instance_discovery=False,
        http_client=session(practice),
    )
    told: dict[str, Any] = app.acquire_token_for_client([scope])
    return told


def app_of(name: str, key: str) -> str:
    return tenants.world_of(name).app(key).app_id


def certificate(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="ascii")
    return {"private_key": text, "public_certificate": text}


def test_contoso_is_proven_by_each_protocol_that_its_mailboxes_use(practice: Cloud, given: Credentials) -> None:
    issued = token(practice, "contoso", app_of("contoso", "daemon"), given.secret)["access_token"]
    went_well = {"imap": ("OK AUTHENTICATE", "OK "), "pop": ("+OK", "+OK 1 "), "smtp": ("235 2.7.0", "250 2.1.0")}
    for proof in tenants.proofs("contoso"):
        for protocol in proof.protocols:
            said = mailing.sign_in(practice, protocol, f"{proof.account}@contoso.example", issued)
            for line, start in zip(said, went_well[protocol], strict=True):
                assert line.startswith(start), (proof.account, protocol, line)


def test_contoso_may_send_from_the_second_address(practice: Cloud, given: Credentials) -> None:
    issued = token(practice, "contoso", app_of("contoso", "daemon"), given.secret)["access_token"]
    with mailing.smtp(practice, "invoices@contoso.example", issued) as client:
        assert client.mail("billing@contoso.example")[0] == 250
        assert client.rcpt("office@customer.example")[0] == 250
        assert client.rset()[0] == 250


def test_fabrikams_secret_has_expired(practice: Cloud, given: Credentials) -> None:
    assert token(practice, "fabrikam", app_of("fabrikam", "relay"), given.secret)["error_codes"] == [7000222]


def test_fabrikams_certificate_gets_a_token_that_exchange_does_not_know(practice: Cloud, keys: Path) -> None:
    issued = token(practice, "fabrikam", app_of("fabrikam", "relay"), certificate(keys / "all-mail.pem"))
    said, _ = mailing.sign_in(practice, "imap", "invoices@fabrikam.example", issued["access_token"])
    assert said == "NO AUTHENTICATE failed."


@pytest.mark.parametrize(("name", "status"), [("contoso", 200), ("fabrikam", 200), ("northwind", 403), ("adatum", 200)])
def test_the_runbook_reads_sign_ins_where_the_tenant_has_p1(
    practice: Cloud, keys: Path, name: str, status: int
) -> None:
    reader = tenants.entry(name, ".")["admin"]["client_id"]
    scope = "https://graph.microsoft.com/.default"
    issued = token(practice, name, reader, certificate(keys / "all-reader.pem"), scope)
    headers = {"Authorization": f"Bearer {issued['access_token']}"}
    asked = f"{practice.base_url}/graph/v1.0/auditLogs/signIns?$top=1"
    assert session(practice).get(asked, headers=headers, timeout=30).status_code == status


def test_a_password_at_contoso_is_refused_by_exchange_and_taken_at_adatum(practice: Cloud) -> None:
    def said(address: str) -> tuple[int, bytes]:
        with mailing.smtp(practice) as client:
            client.user, client.password = address, SIGN_IN_WORD
            return client.auth("LOGIN", client.auth_login, initial_response_ok=False)

    assert said("printer@adatum.example")[0] == 235
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        said("scanner@contoso.example")
    assert b"5.7.139 Authentication unsuccessful, basic authentication is disabled" in refused.value.smtp_error
