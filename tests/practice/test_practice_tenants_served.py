"""The four tenants on the wire: what msal gets for their apps, and what the mail servers make of it."""

import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msal
import pytest
import requests

from practice import cloud, credentials, tenants
from practice.cloud import Cloud
from practice.credentials import Credentials
from practice.estates import SIGN_IN_WORD
from tests.practice import mailing

SCOPE = "https://outlook.office365.com/.default"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return credentials.kept(tmp_path_factory.mktemp("keys") / "keys", ["all"])["all"]


@pytest.fixture(scope="module")
def practice(given: Credentials) -> Iterator[Cloud]:
    now = datetime.now(UTC)
    with cloud.start([tenants.build(name, now, given) for name in tenants.NAMES]) as running:
        yield running


def token(practice: Cloud, given: Credentials, name: str, key: str) -> dict[str, Any]:
    """Return what msal is told for an app of a tenant that shows its secret."""
    world = tenants.world_of(name)
    session = requests.Session()
    session.trust_env, session.verify = False, str(practice.ca_file)
    app = msal.ConfidentialClientApplication(
        world.app(key).app_id,
        client_credential=given.secret,
        authority=f"{practice.base_url}/{world.tenant_id}",
        instance_discovery=False,
        http_client=session,
    )
    told: dict[str, Any] = app.acquire_token_for_client([SCOPE])
    return told


def test_contoso_is_proven_by_each_protocol_that_its_mailboxes_use(practice: Cloud, given: Credentials) -> None:
    issued = token(practice, given, "contoso", "daemon")["access_token"]
    went_well = {"imap": ("OK AUTHENTICATE", "OK "), "pop": ("+OK", "+OK 1 "), "smtp": ("235 2.7.0", "250 2.1.0")}
    for proof in tenants.proofs("contoso"):
        for protocol in proof.protocols:
            said = mailing.sign_in(practice, protocol, f"{proof.account}@contoso.example", issued)
            for line, start in zip(said, went_well[protocol], strict=True):
                assert line.startswith(start), (proof.account, protocol, line)


def test_contoso_may_send_from_the_second_address(practice: Cloud, given: Credentials) -> None:
    issued = token(practice, given, "contoso", "daemon")["access_token"]
    with mailing.smtp(practice, "invoices@contoso.example", issued) as client:
        assert client.mail("billing@contoso.example")[0] == 250
        assert client.rcpt("office@customer.example")[0] == 250
        assert client.rset()[0] == 250


def test_fabrikams_secret_has_expired(practice: Cloud, given: Credentials) -> None:
    assert token(practice, given, "fabrikam", "relay")["error_codes"] == [7000222]


def test_a_password_at_contoso_is_refused_by_exchange_and_taken_at_adatum(practice: Cloud) -> None:
    def said(address: str) -> tuple[int, bytes]:
        with mailing.smtp(practice) as client:
            client.user, client.password = address, SIGN_IN_WORD
            return client.auth("LOGIN", client.auth_login, initial_response_ok=False)

    assert said("printer@adatum.example")[0] == 235
    with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
        said("scanner@contoso.example")
    assert b"5.7.139 Authentication unsuccessful, basic authentication is disabled" in refused.value.smtp_error
