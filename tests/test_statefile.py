"""services/statefile: what the runbook made for a tenant, kept beside the tenants file and merged under it."""

import stat
import sys
from pathlib import Path

import pytest

from mailauth import secretrefs, tenants
from mailauth.errors import ConfigurationError
from mailauth.secretrefs import SecretRef
from mailauth.services import statefile

APP = "44444444-4444-4444-4444-444444444444"
RUNBOOK = "55555555-5555-5555-5555-555555555555"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tenants.yaml"
    path.write_text("tenants: [{name: adatum, tenant_id: adatum.example}]\n", encoding="utf-8")
    return path


def mail(file: Path, name: str = "mail.pem") -> dict[str, object]:
    kept = SecretRef("file", str(file.parent / "keys" / name))
    flows = [{"kind": "certificate", "certificate": kept}]
    return {"mail_apps": [{"name": "mail", "client_id": APP, "smtp": "rbac", "flows": flows}]}


def test_what_was_made_is_read_as_if_the_tenants_file_said_it(file: Path) -> None:
    statefile.merge(file, "adatum", mail(file))
    statefile.merge(file, "adatum", {"operator": {"flow": "interactive", "client_id": RUNBOOK}})
    tenant = tenants.load(file).tenant("adatum")
    assert tenant.operator is not None
    assert (tenant.operator.client_id, tenant.mail_apps[0].client_id) == (RUNBOOK, APP)
    assert tenant.mail_apps[0].flows[0].certificate == SecretRef("file", str(file.parent / "keys" / "mail.pem"))


def test_a_key_beside_the_tenants_file_is_named_from_there_so_that_the_folder_can_move(file: Path) -> None:
    where = statefile.merge(file, "adatum", mail(file))
    assert "certificate: file:keys/mail.pem" in where.read_text("utf-8")
    assert statefile.reference(SecretRef("file", "/elsewhere/mail.pem"), file) == "file:/elsewhere/mail.pem"


def test_a_comment_of_a_persons_stays_whatever_is_put_in_and_taken_out(file: Path) -> None:
    where = statefile.merge(file, "adatum", mail(file))
    where.write_text(where.read_text("utf-8") + "# Ask Ada before the key changes.\n", encoding="utf-8")
    statefile.merge(file, "adatum", mail(file, "second.pem"))
    assert "# Ask Ada before the key changes." in where.read_text("utf-8")
    statefile.remove(file, "adatum", mail(file, "second.pem"))
    assert "# Ask Ada before the key changes." in where.read_text("utf-8")
    assert tenants.load(file).tenant("adatum").mail_apps == ()


def test_taking_out_leaves_what_others_put_there(file: Path) -> None:
    statefile.merge(file, "adatum", mail(file))
    statefile.merge(file, "adatum", {"mail_apps": [{"name": "scanner", "client_id": RUNBOOK}]})
    statefile.remove(file, "adatum", mail(file))
    assert [app.name for app in tenants.load(file).tenant("adatum").mail_apps] == ["scanner"]
    statefile.remove(file, "adatum", {"mail_apps": [{"name": "scanner", "client_id": RUNBOOK}]})
    assert not statefile.path(file, "adatum").exists()


def test_a_value_that_changed_since_is_not_taken_out(file: Path) -> None:
    statefile.merge(file, "adatum", mail(file))
    statefile.merge(file, "adatum", mail(file, "second.pem"))
    statefile.remove(file, "adatum", mail(file))
    flows = tenants.load(file).tenant("adatum").mail_apps[0].flows
    assert [flow.certificate for flow in flows] == [SecretRef("file", str(file.parent / "keys" / "second.pem"))]


def test_a_list_of_words_holds_each_once_and_loses_those_alone_that_are_taken_out(file: Path) -> None:
    def box(*protocols: str) -> dict[str, object]:
        return {"mailboxes": [{"address": "orders@adatum.example", "protocols": list(protocols)}]}

    statefile.merge(file, "adatum", box("imap"))
    statefile.merge(file, "adatum", box("imap", "pop"))
    assert tenants.load(file).tenant("adatum").mailboxes[0].protocols == ("imap", "pop")
    statefile.remove(file, "adatum", box("pop", "smtp"))
    assert tenants.load(file).tenant("adatum").mailboxes[0].protocols == ("imap",)


def test_twice_is_once(file: Path) -> None:
    first = statefile.merge(file, "adatum", mail(file)).read_bytes()
    assert statefile.merge(file, "adatum", mail(file)).read_bytes() == first


def test_a_contradiction_with_the_tenants_file_names_both_places_and_writes_nothing(file: Path) -> None:
    own = f"{{name: mail, client_id: {RUNBOOK}}}"
    file.write_text(f"tenants: [{{name: adatum, tenant_id: adatum.example, mail_apps: [{own}]}}]\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"tenants\.yaml line 1: .*client_id.*state/adatum\.yaml line"):
        statefile.merge(file, "adatum", mail(file))
    assert not statefile.path(file, "adatum").exists()


def test_a_secret_in_place_of_a_reference_is_refused_and_not_repeated(file: Path) -> None:
    flows = [{"kind": "secret", "secret": "wQ~8Q~the-secret-itself"}]
    with pytest.raises(ConfigurationError) as refused:
        statefile.merge(file, "adatum", {"mail_apps": [{"name": "mail", "client_id": APP, "flows": flows}]})
    assert "wQ~" not in str(refused.value)
    assert not statefile.path(file, "adatum").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps rights elsewhere")
def test_only_its_owner_can_read_it(file: Path) -> None:
    where = statefile.merge(file, "adatum", mail(file))
    assert stat.S_IMODE(where.stat().st_mode) == 0o600
    assert stat.S_IMODE(where.parent.stat().st_mode) == 0o700


def test_other_kinds_of_reference_stand_as_they_are(file: Path) -> None:
    for text in ("env:MAIL_SECRET", "keyring:adatum/mail"):
        assert statefile.reference(secretrefs.parse(text), file) == text


def test_an_app_is_forgotten_whole_by_its_id(file: Path) -> None:
    statefile.merge(file, "adatum", {"mail_apps": [{"name": "scanner", "client_id": RUNBOOK}]})
    statefile.merge(file, "adatum", mail(file))
    statefile.forget_app(file, "adatum", APP.upper())
    assert [app.name for app in tenants.load(file).tenant("adatum").mail_apps] == ["scanner"]


def test_a_check_writes_nothing(file: Path) -> None:
    statefile.check(file, "adatum", mail(file))
    assert not statefile.path(file, "adatum").exists()
    with pytest.raises(ConfigurationError, match="client_id"):
        statefile.check(file, "adatum", {"mail_apps": [{"name": "mail", "client_id": "none"}]})
