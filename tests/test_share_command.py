"""`mailauth share` on a tenant full of canaries, with text in it that means harm."""

import base64
import gzip
import json
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mailauth import cli, evidence, session
from mailauth.errors import MailauthError
from mailauth.services import sharing, store
from tests import leaks, schemed
from tests.exported import graph, lines, write

TENANT = "kestrelmarsh-lighthouse"
TENANT_ID = "5b1e0c6a-7d4f-4a7e-9f0b-3c2d1e0f9a8b"
DOMAIN = "quillbarrowfen.example"
NETWORKS = ("198.51.100.217", "2001:db8:beef:cafe::/64")
CANARIES = {
    "tenant": TENANT,
    "tenant id": TENANT_ID,
    "domain": DOMAIN,
    "copier": "thistlecopier.north",
    "person": "marrowfield.ottoline",
    "user id": "9f3b7c1d-2e4a-4b6c-8d0e-1f2a3b4c5d6e",
    "app": "Wrenholtbury Dispatch",
    "app id": "c7a5d3b1-9e8f-4d6c-b2a0-0f1e2d3c4b5a",
    "agent": "Gossamervale-Mailer/3.1",
    "script": "document.title='brackenhurst'",
    "place": "Larkspurholm depot",
    "owner": "Peregrine Hollowayde",
    "note": "rings Mrs Ashcombewater first",
    "device": "the copier by Fennimorewick's desk",
    "vendor": "Copperquill Ltd 3000",
    "file": "dunmoorcastle-signins",
    "network": NETWORKS[0],
    "newer network": "2001:db8:beef:cafe",
}
STALE = "tenant-00000000000"
CONFIG = f"""
tenants:
  - name: {TENANT}
    tenant_id: {TENANT_ID}
    signin_logs: [{{files: ["exports/*.json"]}}]
    mail_apps: [{{name: wrenholt, client_id: {CANARIES["app id"]}, flows: [{{kind: interactive}}]}}]
    mailboxes: [{{address: {CANARIES["copier"]}@{DOMAIN}, protocols: [smtp]}}]
    decisions: decisions.yaml
"""
DECISIONS = f"""
networks: {{{NETWORKS[0]}: {CANARIES["place"]}}}
senders:
  - {{user: {CANARIES["copier"]}@{DOMAIN}, what: "{CANARIES["device"]}", owner: {CANARIES["owner"]}, due: 2026-12-04,
     vendor: {CANARIES["vendor"]}, note: "{CANARIES["note"]}"}}
vendors: {{{CANARIES["vendor"]}: {{oauth: no, note: "{CANARIES["note"]}"}}}}
"""


def signins() -> Iterator[dict[str, Any]]:
    """Yield sign-ins of a copier on its days, of a person by a mailer of their own, and of a stranger with a script."""
    now = datetime.now(UTC).replace(microsecond=0)
    who = {"homeTenantId": TENANT_ID, "resourceTenantId": TENANT_ID, "userId": CANARIES["user id"]}
    person = {"userPrincipalName": f"{CANARIES['person']}@{DOMAIN}", "userId": TENANT_ID[::-1]}
    for ago in range(1, 20):
        when = (now - timedelta(days=ago)).isoformat().replace("+00:00", "Z")
        copier = {"userPrincipalName": f"{CANARIES['copier']}@{DOMAIN}", "ipAddress": NETWORKS[0]}
        yield graph(ago, createdDateTime=when, **who | copier)
        own = {"ipAddress": "2001:db8:beef:cafe::25", "userAgent": CANARIES["agent"], "clientAppUsed": "IMAP4"}
        yield graph(100 + ago, createdDateTime=when, **who | person | own)
    script = {"userAgent": f"<script>{CANARIES['script']}</script>", "ipAddress": "192.0.2.77", "clientAppUsed": "POP3"}
    yield graph(300, createdDateTime=when, **who | person | script, riskLevelDuringSignIn="high")
    yield graph(301, createdDateTime=when, **who | {"appDisplayName": CANARIES["app"], "appId": CANARIES["app id"]})


@dataclass(frozen=True)
class Shared:
    """What lies there after a tenant's report was made and shared.

    Args:
        reports: The folder of all reports.
        folder: What was shared.
        canaries: What nobody may find in it, with all that was planted in evidence of other notebooks.
        told: What the command said.
    """

    reports: Path
    folder: Path
    canaries: dict[str, str]
    told: str


def run(*words: str) -> tuple[int, str]:
    """Run a command and return its status and what it said."""
    told = CliRunner().invoke(cli.commands, words, standalone_mode=False, catch_exceptions=False)
    return int(told.return_value or 0), told.output


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MAILAUTH_HOME", str(folder / "home"))
        write(folder / "exports" / "one.json", lines(signins()))
        write(folder / "exports" / f"{CANARIES['file']}.json", b'{"none": "of', packed=False)
        (folder / "decisions.yaml").write_text(DECISIONS, encoding="utf-8")
        config = folder / "tenants.yaml"
        config.write_text(CONFIG, encoding="utf-8")
        canaries = CANARIES | report(config, folder / "reports")
        # What a key named that is lost: nobody could tell any more whose it is.
        store.write_evidence(folder / "reports" / "shareable" / STALE / "evidence" / "90-tenant-report.json", {})
        _, told = run("share", "--out", str(folder / "reports"))
        yield Shared(folder / "reports", folder / "reports" / "shareable", canaries, told)


def report(config: Path, out: Path) -> dict[str, str]:
    """Leave a tenant's report: what 00, 10 and 90 leave, and of the others records full of canaries, returned here."""
    opened = session.open(TENANT, config=str(config), out=str(out))
    opened.keep_start(opened.preflight())
    opened.keep_findings(opened.find())
    planted: dict[str, str] = {}
    for number, name in (
        ("20-register-app", "registration"),
        ("30-consent", "consent"),
        ("40-grant-mailboxes", "mailboxes"),
        ("50-prove-mail-oauth", "attempts"),
    ):
        plant = schemed.Planted(f"{number[:2]}")
        record = schemed.made(name, plant)
        record |= {"tenant": TENANT, "cloud": "public"}
        record["data"]["tenant_id"] = TENANT_ID
        evidence.check(name, record)
        store.write_evidence(out / TENANT / "evidence" / f"{number}.json", record)
        planted |= plant.canaries
    opened.reports.keep(opened.reports.gather())
    old = {"schema": "mailauth/diagnosis/1", "was": CANARIES["person"]}
    store.write_evidence(out / TENANT / "evidence" / "80-diagnose.json", old)
    written = (out / TENANT / "evidence").glob("[2345]*.json")
    held = " ".join(path.read_text("utf-8") for path in written)
    return {place: canary for place, canary in planted.items() if canary in held}


def test_nothing_of_it_is_in_anything_that_was_shared(shared: Shared) -> None:
    assert len(shared.canaries) > 100
    assert leaks.search(shared.canaries, folders=[shared.folder]) == []


def test_the_owners_report_holds_what_is_not_shared(shared: Shared) -> None:
    found = leaks.search(CANARIES, folders=[shared.reports / TENANT])

    assert {leak.canary for leak in found} == set(CANARIES)


def test_only_pages_records_and_tables_are_shared(shared: Shared) -> None:
    (tenant,) = shared.folder.iterdir()
    made = sorted(str(path.relative_to(tenant)) for path in tenant.rglob("*") if path.is_file())

    assert re.fullmatch(r"tenant-[0-9a-z]{11}", tenant.name)
    assert tenant.name != STALE
    assert {path.rpartition(".")[2] for path in made} == {"html", "json", "csv"}
    assert {"index.html", "evidence/90-tenant-report.json", "tables/senders.csv", "tables/attempts.csv"} <= set(made)


def test_the_page_says_the_same_of_each_under_other_names(shared: Shared) -> None:
    (tenant,) = shared.folder.iterdir()
    page = (tenant / "index.html").read_text("utf-8")
    own = json.loads((shared.reports / TENANT / "evidence" / "90-tenant-report.json").read_text("utf-8"))
    theirs = json.loads((tenant / "evidence" / "90-tenant-report.json").read_text("utf-8"))
    groups = json.loads((tenant / "evidence" / "10-find-basic-auth.json").read_text("utf-8"))["data"]["groups"]
    copier = next(each for each in groups if each["days_active"] == 19 and each["protocol"] == "SMTP AUTH")

    assert theirs["data"]["state"]["word"] == own["data"]["state"]["word"] == "exposed"
    assert theirs["data"]["summary"]["senders"] == own["data"]["summary"]["senders"]
    assert copier["decision"]["due"] == "2026-12-04"
    for name in (copier["user"].partition("@")[0], copier["decision"]["owner"], tenant.name):
        assert name in page
        assert any(name in path.read_text("utf-8-sig") for path in tenant.glob("tables/*.csv")) or name == tenant.name
    assert "pseudonym" in page


def test_a_record_that_no_longer_fits_is_left_out_and_named(shared: Shared) -> None:
    assert f"{TENANT}: the evidence of 80-diagnose does not fit its schema and is left out" in shared.told
    assert not list(shared.folder.glob("*/evidence/80-diagnose.json"))


@pytest.mark.parametrize("place", ["a chart", "packed", "the file's name"])
def test_what_is_planted_in_what_was_shared_is_found(place: str, shared: Shared, tmp_path: Path) -> None:
    (page,) = shared.folder.glob("*/index.html")
    text = page.read_text("utf-8").replace("tenant-", f"{TENANT}-" if place == "a chart" else "tenant-")
    packed = base64.b64encode(gzip.compress(TENANT.encode())).decode()
    name = f"{TENANT}.html" if place == "the file's name" else "index.html"
    (tmp_path / name).write_text(text + f"<script>{packed if place == 'packed' else ''}</script>", encoding="utf-8")

    assert {leak.canary for leak in leaks.search(CANARIES, folders=[tmp_path])} == {"tenant"}


@pytest.mark.parametrize("half", ["mailbox", "domain", "owner", "network", "tenant"])
def test_the_owner_finds_out_who_is_meant(shared: Shared, half: str) -> None:
    (tenant,) = shared.folder.iterdir()
    groups = json.loads((tenant / "evidence" / "10-find-basic-auth.json").read_text("utf-8"))["data"]["groups"]
    copier = next(each for each in groups if each["days_active"] == 19 and each["protocol"] == "SMTP AUTH")
    mailbox, _, domain = copier["user"].partition("@")
    asked = {
        "mailbox": mailbox,
        "domain": domain,
        "owner": copier["decision"]["owner"],
        "network": copier["network"]["address"],
        "tenant": tenant.name,
    }[half]
    meant = {"mailbox": CANARIES["copier"], "domain": DOMAIN, "owner": CANARIES["owner"], "network": NETWORKS[0]}
    status, told = run("share", "--out", str(shared.reports), "--lookup", asked)

    assert status == 0
    assert meant.get(half, TENANT) in told


def test_nobody_is_found_for_a_name_of_another_key(shared: Shared) -> None:
    status, told = run("share", "--out", str(shared.reports), "--lookup", "person-00000000000")

    assert (status, "another key" in told) == (1, True)


def test_a_tenant_without_a_report_is_refused_and_nothing_is_written(shared: Shared, tmp_path: Path) -> None:
    with pytest.raises(
        MailauthError, match=r"^contoso has no report\. Run `mailauth report --tenant contoso` first\.$"
    ):
        run(
            "share",
            "--out",
            str(shared.reports),
            "--tenant",
            TENANT,
            "--tenant",
            "contoso",
            "--to",
            str(tmp_path / "to"),
        )

    assert list(tmp_path.iterdir()) == []


def test_another_key_gives_other_names_and_removes_what_the_old_one_named(
    shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    (first,) = shared.folder.iterdir()
    shutil.copytree(shared.folder, tmp_path / "to")
    run("share", "--out", str(shared.reports), "--to", str(tmp_path / "to"), "--new-key")
    (second,) = (tmp_path / "to").iterdir()

    assert second.name != first.name
    assert run("share", "--out", str(shared.reports), "--lookup", first.name)[0] == 1
    assert run("share", "--out", str(shared.reports), "--lookup", second.name)[0] == 0


@pytest.mark.skipif(sys.platform == "win32", reason="a kernel there has ports only, and says so")
def test_the_page_is_drawn_without_a_word_over_no_port(
    shared: Shared, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run("share", "--out", str(shared.reports), "--to", str(tmp_path / "to"))

    assert (tmp_path / "to").is_dir()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("option", "value"), [("--to", "."), ("--tenant", "contoso")])
def test_a_new_key_is_kept_only_with_an_edition(
    option: str, value: str, shared: Shared, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shared.reports)
    index = (shared.reports / "index.html").exists()
    before = sharing.key()

    with pytest.raises(MailauthError, match=r"real names|no report"):
        run("share", "--out", str(shared.reports), "--new-key", option, value)

    assert sharing.key() == before
    assert (shared.reports / "index.html").exists() == index


def test_an_edition_of_another_version_is_left_off_the_index_and_said(shared: Shared, tmp_path: Path) -> None:
    store.write_evidence(tmp_path / "tenant-0000000000a" / "evidence" / "90-tenant-report.json", {"schema": "old"})
    _, told = run("share", "--out", str(shared.reports), "--to", str(tmp_path))

    assert "tenant-0000000000a: what lies there is of another version" in told


def test_what_was_shared_of_a_tenant_is_forgotten_with_it(shared: Shared) -> None:
    (tenant,) = shared.folder.iterdir()
    status, told = run("forget", "--tenant", TENANT, "--out", str(shared.reports))

    assert (status, str(tenant) in told) == (0, True)
    assert not tenant.exists()
    assert not (shared.reports / TENANT).exists()
