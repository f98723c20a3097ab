"""Sign-in flows against a loopback token endpoint, with the real msal."""

import logging
import pickle
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme
from azure.core.credentials import TokenCredential

from mailauth.clouds import Cloud
from mailauth.errors import AccessError, ConfigurationError, SecretError, UnreachableError
from mailauth.secretrefs import SecretRef
from mailauth.services import identity
from tests import entra
from tests.entra import APP, SECRET, TENANT, TOKEN, Entra

SCOPE = "https://api.loganalytics.azure.com/.default"


@dataclass(frozen=True, kw_only=True)
class Admin:
    """Who signs in; the fields of a tenants file."""

    flow: str
    client_id: str = APP
    account: str = ""
    secret: SecretRef | None = None
    certificate: SecretRef | None = None
    password: SecretRef | None = None
    assertion: SecretRef | None = None


@pytest.fixture
def tenant() -> Entra:
    return Entra()


@pytest.fixture
def cloud(tenant: Entra, tmp_path: Path) -> Iterator[Cloud]:
    with entra.serving(tenant, tmp_path) as made:
        yield made


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> SecretRef:
    monkeypatch.setenv("FABRIKAM_SECRET", SECRET)
    return SecretRef("env", "FABRIKAM_SECRET")


def test_a_secret_gets_a_token_that_is_asked_for_once(cloud: Cloud, tenant: Entra, secret: SecretRef) -> None:
    made = identity.credential(Admin(flow="secret", secret=secret), tenant_id=TENANT, cloud=cloud, attended=False)
    assert made.get_token(SCOPE).token == TOKEN
    assert made.get_token(SCOPE).token == TOKEN
    assert [(form["grant_type"], form["scope"]) for form in tenant.asked] == [("client_credentials", SCOPE)]


def test_nothing_is_sent_before_a_token_is_wanted(cloud: Cloud, tenant: Entra, secret: SecretRef) -> None:
    identity.credential(Admin(flow="secret", secret=secret), tenant_id="nowhere", cloud=cloud, attended=False)
    assert tenant.asked == []


def test_a_token_and_a_secret_show_only_in_the_call_that_needs_them(
    cloud: Cloud, secret: SecretRef, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = identity.credential(Admin(flow="secret", secret=secret), tenant_id=TENANT, cloud=cloud, attended=False)
    token = made.get_token(SCOPE)
    shown = f"{token!r} {token} {made!r} {vars(made)!r} {caplog.text}"
    assert TOKEN not in shown
    assert SECRET not in shown


def test_a_wrong_secret_is_an_access_error_with_entras_number(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, secret: SecretRef
) -> None:
    monkeypatch.setenv("FABRIKAM_SECRET", "a-wrong-secret-of-some-length")
    made = identity.credential(Admin(flow="secret", secret=secret), tenant_id=TENANT, cloud=cloud, attended=False)
    with pytest.raises(AccessError, match=r"AADSTS7000215: Invalid client secret provided\.") as caught:
        made.get_token(SCOPE)
    assert caught.value.code == "AADSTS7000215"
    assert "secret's ID" in caught.value.remedy
    told = "".join(traceback.format_exception(caught.value))
    assert "Trace ID" not in told
    assert "a-wrong-secret" not in told


def test_a_secret_that_is_not_there_is_named_by_its_reference(cloud: Cloud) -> None:
    admin = Admin(flow="secret", secret=SecretRef("env", "NO_SUCH_VARIABLE_HERE"))
    made = identity.credential(admin, tenant_id=TENANT, cloud=cloud, attended=False)
    with pytest.raises(SecretError, match="env:NO_SUCH_VARIABLE_HERE"):
        made.get_token(SCOPE)


def test_a_device_code_is_shown_waited_for_and_then_silent(cloud: Cloud, tenant: Entra) -> None:
    shown: list[str] = []
    made = identity.credential(
        Admin(flow="device-code"), tenant_id=TENANT, cloud=cloud, attended=True, show=shown.append
    )
    assert made.get_token(SCOPE).token == TOKEN
    assert len(shown) == 1
    assert "https://microsoft.example/devicelogin and enter ABCD1234" in shown[0]
    assert "may alert your security team" in shown[0]
    made.get_token("https://graph.microsoft.com/.default")
    assert len(shown) == 1
    assert [form["grant_type"] for form in tenant.asked][-1] == "refresh_token"


@pytest.mark.parametrize("flow", ["interactive", "device-code"])
def test_a_flow_that_needs_a_person_fails_at_once_where_nobody_is(flow: str, cloud: Cloud, tenant: Entra) -> None:
    made = identity.credential(Admin(flow=flow), tenant_id=TENANT, cloud=cloud, attended=False)
    with pytest.raises(AccessError, match="a person has to sign in, and this run has nobody to ask") as caught:
        made.get_token(SCOPE)
    assert "certificate, federated or managed-identity" in caught.value.remedy
    assert tenant.asked == []


def test_a_person_signs_in_through_an_app_of_their_own_only(cloud: Cloud) -> None:
    with pytest.raises(ConfigurationError, match=r"admin\.client_id: found nothing; .* looks like phishing"):
        identity.credential(Admin(flow="interactive", client_id=""), tenant_id=TENANT, cloud=cloud, attended=True)


def test_a_certificate_signs_an_assertion(cloud: Cloud, tenant: Entra, tmp_path: Path) -> None:
    made = _certificate_credential(cloud, _pem(tmp_path))
    assert made.get_token(SCOPE).token == TOKEN
    form = tenant.asked[0]
    assert form["client_assertion_type"].endswith("jwt-bearer")
    assert form["client_assertion"].count(".") == 2


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "holds no CERTIFICATE"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "holds no PRIVATE KEY"),
    ],
)
def test_a_pem_without_one_of_its_parts_is_named(content: str, complaint: str, cloud: Cloud, tmp_path: Path) -> None:
    pem = tmp_path / "app.pem"
    pem.write_text(content, encoding="ascii")
    with pytest.raises(SecretError, match=complaint):
        _certificate_credential(cloud, pem).get_token(SCOPE)


def test_a_key_that_cannot_be_read_is_not_quoted(cloud: Cloud, tmp_path: Path) -> None:
    pem = tmp_path / "app.pem"
    key = "-----BEGIN PRIVATE KEY-----\nQUJDREVGR0g=\n-----END PRIVATE KEY-----\n"
    pem.write_text(key + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", encoding="ascii")
    with pytest.raises(SecretError, match="its private key cannot be read") as caught:
        _certificate_credential(cloud, pem).get_token(SCOPE)
    assert "QUJDREVG" not in "".join(traceback.format_exception(caught.value))


def test_another_providers_token_is_handed_over(cloud: Cloud, tenant: Entra, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("another.providers.token", encoding="ascii")
    admin = Admin(flow="federated", assertion=SecretRef("file", str(tmp_path / "token")))
    made = identity.credential(admin, tenant_id=TENANT, cloud=cloud, attended=False)
    assert made.get_token(SCOPE).token == TOKEN
    assert tenant.asked[0]["client_assertion"] == "another.providers.token"


def test_a_tenant_that_does_not_exist_says_what_to_check(cloud: Cloud, secret: SecretRef) -> None:
    made = identity.credential(Admin(flow="secret", secret=secret), tenant_id="nowhere", cloud=cloud, attended=False)
    with pytest.raises((AccessError, UnreachableError), match="nowhere") as caught:
        made.get_token(SCOPE)
    assert "tenant_id" in caught.value.remedy


def test_entra_that_does_not_answer_is_unreachable(cloud: Cloud, secret: SecretRef) -> None:
    nowhere = Cloud(**{**vars(cloud), "login": "https://localhost:9"})
    made = identity.credential(Admin(flow="secret", secret=secret), tenant_id=TENANT, cloud=nowhere, attended=False)
    with pytest.raises(UnreachableError, match="https://localhost:9: it does not answer"):
        made.get_token(SCOPE)


def test_a_certificate_authority_of_somebody_else_is_not_trusted(
    cloud: Cloud, secret: SecretRef, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    wrong = Cloud(**{**vars(cloud), "ca_file": other})
    made = identity.credential(Admin(flow="secret", secret=secret), tenant_id=TENANT, cloud=wrong, attended=False)
    with pytest.raises(UnreachableError, match="its certificate is not trusted"):
        made.get_token(SCOPE)


def test_a_refusal_keeps_the_number_that_tells_what_to_do(cloud: Cloud, tenant: Entra, secret: SecretRef) -> None:
    tenant.refuse = "AADSTS700016: Application with identifier '5f' was not found.\r\nTrace ID: 7"
    made = identity.credential(Admin(flow="secret", secret=secret), tenant_id=TENANT, cloud=cloud, attended=False)
    with pytest.raises(AccessError) as caught:
        made.get_token(SCOPE)
    assert caught.value.code == "AADSTS700016"
    assert "overview page" in caught.value.remedy
    assert "Trace" not in str(caught.value)


def test_tokens_are_remembered_in_plain_text_only_when_asked(cloud: Cloud, tmp_path: Path) -> None:
    for plain in (False, True):
        kept = tmp_path / f"tokens-{plain}"
        made = identity.credential(
            Admin(flow="device-code"),
            tenant_id=TENANT,
            cloud=cloud,
            attended=True,
            show=str,
            remember=kept,
            plain=plain,
        )
        made.get_token(SCOPE)
        written = kept.read_text(encoding="utf-8", errors="replace") if kept.exists() else ""
        assert plain or TOKEN not in written


def test_a_secret_is_not_pickled_with_a_credential(secret: SecretRef, cloud: Cloud) -> None:
    made = identity.credential(Admin(flow="secret", secret=secret), tenant_id=TENANT, cloud=cloud, attended=False)
    made.get_token(SCOPE)
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(made)


def _certificate_credential(cloud: Cloud, pem: Path) -> TokenCredential:
    admin = Admin(flow="certificate", certificate=SecretRef("file", str(pem)))
    return identity.credential(admin, tenant_id=TENANT, cloud=cloud, attended=False)


def _pem(folder: Path) -> Path:
    """Return a PEM with a certificate and its key, as an administrator would make one."""
    made = trustme.CA(key_type=trustme.KeyType.RSA).issue_cert("app.example", key_type=trustme.KeyType.RSA)
    pem = folder / "app.pem"
    made.private_key_and_cert_chain_pem.write_to_path(pem)
    return pem
