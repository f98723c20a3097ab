"""The support bundle: one file, the same for the same values, with what support asks for and without a secret."""

import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner

from mailauth import bundle, cli
from mailauth.errors import MailauthError
from practice.signins import Table
from practice.wellknown import SIGN_IN_WORD
from tests import leaks
from tests.practice.mailing import ADA
from tests.practice.mailrefusals import having
from tests.practice.provable import READER_SECRET, Lab, provable
from tests.practice.woodgrove import SECRET, TENANT
from tests.test_session_diagnoses import ANSWER, CANARIES, EVERYTHING


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with provable(tmp_path_factory.mktemp("refused"), broken=having("ada_box", imap_enabled=False)) as found:
        yield found


def unpacked(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name).decode("utf-8") for name in archive.namelist()}


def test_it_holds_what_support_asks_for(lab: Lab) -> None:
    path = lab.run.bundles.of_proof(lab.prove(protocols="imap"))
    files = unpacked(path)
    assert list(files)[:2] == ["README.txt", "bundle.json"]
    record = json.loads(files["bundle.json"])
    data = record["data"]
    assert data["tenant_id"] == TENANT
    [app] = data["apps"]
    assert app["client_id"] == lab.made.daemon.app_id
    assert app["enterprise_application"]["object_id"] == app["exchange"]["object_id"]
    refused = next(each for each in data["attempts"] if each["mailbox"] == ADA)
    assert (refused["outcome"], refused["causes"][0]["id"]) == ("refused", "I12")
    assert refused["token"]["claims"]["tid"] == TENANT
    assert refused["region"] == "PRACP1"
    assert "AUTHENTICATE" in files[refused["transcript"]]
    [box] = [each for each in data["settings"]["mailboxes"] if each["address"] == ADA]
    assert box["imap"] is False
    assert {"Python", "OpenSSL", "platform", "mailauth-runbook"} <= {each["name"] for each in data["machine"]}
    assert path.stat().st_mode & 0o077 == 0


def test_where_it_cannot_be_written_nobody_signs_in_for_it(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "woodgrove").write_text("a file, where a folder is to be")

    def tokens() -> int:
        later = lab.practice.backend.now() + timedelta(minutes=1)
        return sum(1 for _ in lab.practice.backend.ledger.sign_ins(TENANT, now=later, tables=get_args(Table)))

    before = tokens()
    given = ["bundle", "--config", str(lab.config), "--tenant", "woodgrove", "--out", str(tmp_path)]
    ran = CliRunner().invoke(cli.commands, given, standalone_mode=False)
    assert isinstance(ran.exception, MailauthError)
    assert "support cannot be made" in str(ran.exception)
    assert tokens() == before


def test_entras_ids_are_in_it_where_no_token_was_got(tmp_path: Path) -> None:
    with provable(tmp_path, broken=lambda made: made.daemon.password_credentials.clear()) as lab:
        files = unpacked(lab.run.bundles.of_proof(lab.prove(protocols="imap")))
    ids = json.loads(files["bundle.json"])["data"]["ids"]
    assert {each["name"] for each in ids} >= {"correlation_id", "trace_id"}


def test_the_same_values_give_the_same_bytes(lab: Lab) -> None:
    proof, now = lab.prove(protocols="imap"), lab.run.now()
    made = [bundle.of_proof(lab.run.tenant, proof, machine=[("Python", "3")], made_at=now) for _ in range(2)]
    assert bundle.packed(made[0]) == bundle.packed(made[1])


def test_the_readme_says_what_is_real_and_what_is_left_out(lab: Lab) -> None:
    readme = unpacked(lab.run.bundles.of_proof(lab.prove(protocols="imap")))["README.txt"]
    assert "Mail addresses, names of apps, ids and names of servers are real" in readme
    assert "no token" in readme
    assert "Names of folders are left out." in readme


def test_no_secret_is_in_it(lab: Lab) -> None:
    path = lab.run.bundles.of_proof(lab.prove())
    pasted = lab.run.bundles.of_diagnosis(lab.run.diagnoses.diagnose(EVERYTHING))
    secrets = {**CANARIES, "daemon": SECRET, "reader": READER_SECRET, "word": SIGN_IN_WORD}
    assert leaks.search(secrets, folders=[path, pasted]) == []


def test_what_was_pasted_is_in_it_with_its_ids(lab: Lab) -> None:
    files = unpacked(lab.run.bundles.of_diagnosis(lab.run.diagnoses.diagnose(ANSWER)))
    data = json.loads(files["bundle.json"])["data"]
    assert {each["name"]: each["value"] for each in data["ids"]}["trace_id"] == "0b6a5f5e-1111-2222-3333-444455556666"
    assert data["pasted"]["causes"][0]["id"] == "AADSTS7000215"
    assert "AADSTS7000215" in files["transcripts/pasted.txt"]


@pytest.mark.parametrize(
    ("line", "left"),
    [
        pytest.param('* LIST (\\HasNoChildren) "/" "Divorce 2026"', '* LIST (\\HasNoChildren) "/" <folder>', id="LIST"),
        pytest.param("< * LSUB () NIL Secret", "< * LSUB () NIL <folder>", id="LSUB"),
        pytest.param('A3 EXAMINE "Divorce 2026"', "A3 EXAMINE <folder>", id="EXAMINE"),
        pytest.param("A3 EXAMINE INBOX", "A3 EXAMINE INBOX", id="INBOX"),
        pytest.param("A3 OK EXAMINE completed.", "A3 OK EXAMINE completed.", id="a reply"),
    ],
)
def test_names_of_folders_are_left_out(line: str, left: str) -> None:
    assert bundle.without_folders(line) == left


@pytest.mark.parametrize(
    ("server", "region"),
    [
        ("FR0P281CA0041.DEUP281.PROD.OUTLOOK.COM", "DEUP281"),
        ("outlook.office365.com", ""),
        ("PROD.OUTLOOK.COM", ""),
        ("", ""),
    ],
)
def test_the_region_is_read_from_the_servers_name(server: str, region: str) -> None:
    assert bundle.region(server) == region


def test_the_command_writes_one_file_and_says_where(lab: Lab, tmp_path: Path) -> None:
    where = ["--config", str(lab.config), "--tenant", "woodgrove"]
    given = ["bundle", *where, "--mailbox", ADA, "--protocol", "imap", "--out", str(tmp_path)]
    ran = CliRunner().invoke(cli.commands, given, standalone_mode=False)
    assert ran.return_value == 0
    path = Path(ran.stdout.strip())
    assert path == tmp_path / "woodgrove" / "support" / "50-prove-mail-oauth.zip"
    assert "I12" in unpacked(path)["bundle.json"]
