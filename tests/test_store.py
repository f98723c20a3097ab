"""What is kept on the machine is whole, private, apart by tenant, and gone when asked."""

import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailauth.errors import EvidenceError, HeldError, MailauthError
from mailauth.services import store

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
GUID = "11111111-1111-1111-1111-111111111111"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_home_is_the_platforms_place_unless_it_is_chosen(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert store.home() == home
    monkeypatch.setenv("MAILAUTH_HOME", "")
    assert store.home().is_absolute()
    assert store.home().name == "mailauth"


def test_two_directories_of_one_name_share_nothing(home: Path) -> None:
    practice, customer = store.cache_dir("contoso", "contoso.example"), store.cache_dir("contoso", GUID.upper())
    assert practice != customer
    assert customer == home / "tenants" / "contoso" / GUID / "cache"
    assert store.archive_dir("contoso", GUID) == customer.parent / "archive"


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", "/etc", "a\\b", "-a", "a" * 64, "a\n"])
def test_a_name_that_is_no_tenants_becomes_no_folder(home: Path, name: str) -> None:
    for act in (store.cache_dir, store.forget):
        with pytest.raises(MailauthError, match=r"^tenant: found"):
            act(name)
    with pytest.raises(MailauthError, match=r"^tenant: found"), store.lock(name):
        pass
    with pytest.raises(MailauthError, match=r"^tenant_id: found"):
        store.cache_dir("a", "../b")
    assert not (home / "tenants").exists()


@posix
def test_files_and_new_folders_are_for_their_owner_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    before = os.umask(0)
    try:
        path = store.write_text(tmp_path / "reports" / "contoso" / "index.html", "page")
    finally:
        os.umask(before)
    assert permissions(path) == 0o600
    assert permissions(path.parent) == permissions(path.parent.parent) == 0o700
    assert permissions(tmp_path) == 0o755  # a folder that was there belongs to the user


def test_a_file_is_replaced_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    store.write_text(path, "old\r\n")
    store.write_text(path, "new\r\n")
    assert path.read_bytes() == b"new\r\n"
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["a.csv"]


def test_half_a_surrogate_pair_does_not_cost_the_page(tmp_path: Path) -> None:
    assert store.write_text(tmp_path / "a", "agent \ud800 é").read_text(encoding="utf-8") == "agent ? é"


def test_evidence_is_json_that_people_can_read(tmp_path: Path) -> None:
    path = store.write_evidence(tmp_path / "evidence" / "10.json", {"tenant": "Ünal", "data": {"groups": []}})
    text = path.read_text(encoding="utf-8")
    assert "Ünal" in text
    assert json.loads(text) == {"tenant": "Ünal", "data": {"groups": []}}


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, b"bytes"])
def test_evidence_that_json_cannot_hold_is_not_written(tmp_path: Path, value: object) -> None:
    with pytest.raises(EvidenceError, match=r"^10\.json cannot be written as JSON"):
        store.write_evidence(tmp_path / "10.json", {"data": value})
    assert not (tmp_path / "10.json").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(MailauthError, match="is a file; expected a folder"):
        store.write_text(tmp_path / "file" / "a", "")
    with pytest.raises(MailauthError, match="folder cannot be written"):
        store.write_text(tmp_path / "folder", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@posix
def test_the_key_of_links_stays_is_the_owners_and_goes_with_the_tenant(home: Path) -> None:
    key = store.link_key("contoso", GUID)
    assert (len(key), store.link_key("contoso", GUID)) == (32, key)
    assert key != store.link_key("fabrikam", GUID)
    assert permissions(home / "tenants" / "contoso" / GUID / "links.key") == 0o600
    store.forget("contoso")
    assert store.link_key("contoso", GUID) != key


def test_forget_removes_what_is_kept_and_what_was_reported(home: Path, tmp_path: Path) -> None:
    reports = tmp_path / "reports"
    (store.cache_dir("contoso", GUID) / "a.parquet").write_text("rows")
    store.write_text(store.archive_dir("fabrikam") / "b.parquet", "rows")
    store.write_text(reports / "contoso" / "10-find-basic-auth.html", "page")
    assert store.forget("contoso", reports=reports) == (home / "tenants" / "contoso", reports / "contoso")
    assert store.forget("contoso", reports=reports) == ()
    assert not (reports / "contoso").exists()
    assert store.archive_dir("fabrikam").joinpath("b.parquet").exists()


def test_forget_leaves_reports_when_it_is_not_given_their_folder(tmp_path: Path) -> None:
    page = store.write_text(tmp_path / "contoso" / "10-find-basic-auth.html", "page")
    assert store.forget("contoso") == ()
    assert page.exists()


def test_forget_leaves_a_folder_that_holds_no_report(tmp_path: Path) -> None:
    store.write_text(tmp_path / "notebooks" / "index.html", "somebody else's")
    assert store.forget("notebooks", reports=tmp_path) == ()
    assert (tmp_path / "notebooks" / "index.html").exists()


@posix
def test_forget_does_not_follow_a_link(tmp_path: Path) -> None:
    store.write_text(tmp_path / "elsewhere" / "10-find-basic-auth.html", "page")
    (tmp_path / "contoso").symlink_to(tmp_path / "elsewhere")
    assert store.forget("contoso", reports=tmp_path) == ()
    assert (tmp_path / "elsewhere" / "10-find-basic-auth.html").exists()


def test_a_tenant_is_run_once_at_a_time() -> None:
    with store.lock("contoso"):
        with (
            pytest.raises(MailauthError, match=rf"contoso is being run already by process {os.getpid()} since 20"),
            store.lock("contoso"),
        ):
            pass
        with pytest.raises(MailauthError, match="being run already"):
            store.forget("contoso")
        with store.lock("fabrikam"):
            pass
    with store.lock("contoso"):
        pass


def test_the_lock_of_a_process_that_died_is_free() -> None:
    dies = (
        "import os\nfrom mailauth.services import store\n"
        "with store.lock('contoso'):\n print('held', flush=True)\n input()\n os._exit(9)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "lib")}
    with subprocess.Popen(
        [sys.executable, "-c", dies], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(MailauthError, match=f"by process {process.pid}"), store.lock("contoso"):
            pass
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(10) == 9
    with store.lock("contoso"):
        pass


def test_evidence_of_an_earlier_run_goes_to_history_and_leaves_it_in_time(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence" / "10-find-basic-auth.json"
    young, old = (f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}" for days in (89, 91))
    store.write_evidence(evidence, {"made_at": young})
    store.retire(tmp_path, "10-find-basic-auth", keep=timedelta(days=90))
    [kept] = (tmp_path / "history").iterdir()
    assert not evidence.exists()
    assert kept.name == f"10-find-basic-auth.{young.replace('-', '').replace(':', '')}.json"
    assert json.loads(kept.read_text(encoding="utf-8")) == {"made_at": young}
    # All of them were written just now, as by a machine that fetched them.
    for name in (old.replace("-", "").replace(":", ""), "20269999T000000Z", "theirs"):
        (tmp_path / "history" / f"10-find-basic-auth.{name}.json").write_text("{}")
    store.retire(tmp_path, "10-find-basic-auth", keep=timedelta(days=90))
    left = [path.name.split(".")[1] for path in (tmp_path / "history").iterdir()]
    assert sorted(left) == sorted([kept.name.split(".")[1], "20269999T000000Z", "theirs"])


def test_evidence_that_does_not_say_when_it_was_made_is_as_old_as_its_file(tmp_path: Path) -> None:
    evidence = tmp_path / "evidence" / "00-start.json"
    store.write_text(evidence, "{}")
    os.utime(evidence, (1_700_000_000, 1_700_000_000))
    store.retire(tmp_path, "00-start", keep=timedelta(days=36_500))
    assert [path.name for path in (tmp_path / "history").iterdir()] == ["00-start.20231114T221320Z.json"]


def test_a_link_is_one_file_that_is_replaced_whole_or_a_copy_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, index = store.write_text(tmp_path / "90.html", "one"), tmp_path / "index.html"
    for _ in range(2):
        store.link(index, page)
        assert index.samefile(page)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["90.html", "index.html"]
    store.write_text(page, "two")
    assert index.read_text() == "one"

    def unknown(*_: object) -> None:
        raise OSError("Operation not permitted")

    monkeypatch.setattr(os, "link", unknown)
    store.link(index, page)
    assert (index.read_text(), index.samefile(page)) == ("two", False)


def test_forgetting_the_cache_leaves_the_archive(tmp_path: Path) -> None:
    cache, archive = store.cache_dir("woodgrove", "a.example"), store.archive_dir("woodgrove", "a.example")
    assert store.forget("woodgrove", cache_only=True) == (cache,)
    assert archive.is_dir()
    assert not cache.exists()
    store.forget("woodgrove")
    assert not archive.exists()


def test_what_a_killed_writer_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    store.write_text(tmp_path / "a" / "page.html", "whole")
    for name in (".page.html-x1.mailauth.part", "a/.page.html-x2.mailauth.part", "a/mine.part", "a/.theirs.iso.part"):
        (tmp_path / name).write_text("half")
    store.sweep(tmp_path)
    assert len(list(tmp_path.rglob("*.part"))) == 4
    store.sweep(tmp_path, older_than_s=0)
    assert {path.name for path in tmp_path.rglob("*.*")} == {"page.html", "mine.part", ".theirs.iso.part"}


def test_a_run_works_in_a_folder_that_its_successor_finds_until_it_begins_afresh() -> None:
    (store.run_folder("woodgrove", afresh=True) / "course.json").write_text("{}")
    assert list(store.run_folder("woodgrove", afresh=False).iterdir())
    assert not list(store.run_folder("woodgrove", afresh=True).iterdir())
    store.forget("woodgrove")
    assert not store.home().joinpath("tenants", "woodgrove").exists()


def test_a_folder_is_held_by_one_and_waited_for_no_longer_than_said(tmp_path: Path) -> None:
    with (
        store.lock_folder(tmp_path, "the index"),
        pytest.raises(HeldError, match=r"^the index is being run already by process \d+ since "),
        store.lock_folder(tmp_path, "the index", wait_s=0.3),
    ):
        pass
    with store.lock_folder(tmp_path, "the index"):
        pass
