"""services/certificates: a key and its certificate, made here, for their owner alone."""

import base64
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailauth.errors import SecretError
from mailauth.secretrefs import SecretRef
from mailauth.services import certificates

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def ref(tmp_path_factory: pytest.TempPathFactory) -> SecretRef:
    """A certificate that lasts thirty days."""
    found = SecretRef("file", str(tmp_path_factory.mktemp("keys") / "mail.pem"))
    certificates.make(found, name="Mail", lasts=timedelta(days=30), now=NOW)
    return found


def test_it_is_a_pem_with_certificate_and_key_that_fit_each_other(ref: SecretRef) -> None:
    pem = Path(ref.name).read_bytes()
    certificate = x509.load_pem_x509_certificate(pem)
    key = serialization.load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert (key.key_size, key.public_key()) == (3072, certificate.public_key())
    assert certificate.subject.rfc4514_string() == "CN=Mail"


def test_it_counts_from_a_little_earlier_and_no_longer_than_asked(ref: SecretRef) -> None:
    found = certificates.find(ref)
    assert found is not None
    assert (found.starts, found.ends - found.starts) == (NOW - timedelta(minutes=5), timedelta(days=30))


def test_what_graph_is_sent_is_the_public_part_by_an_id_of_its_own(ref: SecretRef) -> None:
    found = certificates.find(ref)
    assert found is not None
    certificate = x509.load_der_x509_certificate(base64.b64decode(found.key))
    assert found.thumbprint == certificate.fingerprint(hashes.SHA1()).hex().upper()
    assert certificates.find(ref) == found


def test_a_key_is_never_overwritten(ref: SecretRef) -> None:
    before = Path(ref.name).read_bytes()
    with pytest.raises(SecretError, match="is there already and would be lost"):
        certificates.make(ref, name="Mail", lasts=timedelta(days=30))
    assert Path(ref.name).read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps rights elsewhere")
def test_only_its_owner_can_read_it(ref: SecretRef) -> None:
    assert stat.S_IMODE(Path(ref.name).stat().st_mode) == 0o600


def test_where_nothing_is_there_is_no_certificate(tmp_path: Path) -> None:
    assert certificates.find(SecretRef("file", str(tmp_path / "none.pem"))) is None


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        pytest.param("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n", "PRIVATE KEY", id="no key"),
        pytest.param(
            "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "CERTIFICATE", id="no certificate"
        ),
    ],
)
def test_half_a_pem_is_refused_and_not_repeated(tmp_path: Path, text: str, missing: str) -> None:
    path = tmp_path / "half.pem"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SecretError, match=f"holds no {missing}") as refused:
        certificates.find(SecretRef("file", str(path)))
    assert "AA==" not in str(refused.value)


def test_a_variable_of_the_environment_cannot_keep_a_key() -> None:
    with pytest.raises(SecretError, match="an environment variable cannot be written"):
        certificates.make(SecretRef("env", "MAILAUTH_TEST_KEY"), name="Mail", lasts=timedelta(days=30))
