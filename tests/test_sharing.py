"""What is given away: the key, the folders that appear whole, and the edition that `mailauth share` leaves."""

import os
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mailauth.errors import EvidenceError, MailauthError
from mailauth.services import sharing


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_the_key_is_made_once_and_is_its_owners_alone(home: Path) -> None:
    first = sharing.key()
    (path,) = home.glob("*.key")

    assert len(first) == 32
    assert sharing.key() == first == path.read_bytes()
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_runs_that_begin_at_once_have_one_key(home: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: sharing.key(), range(16)))

    assert len(keys) == 1
    assert sorted(path.name for path in home.iterdir()) == ["pseudonyms.key", "sharing"]


def test_another_key_takes_the_place_of_the_first_when_it_is_kept(home: Path) -> None:
    first, second = sharing.key(), sharing.another_key()

    assert sharing.key() == first != second
    sharing.keep_key(second)
    assert sharing.key() == second


def test_a_key_that_was_cut_is_refused_and_not_replaced(home: Path) -> None:
    sharing.key()
    (home / "pseudonyms.key").write_bytes(b"short")

    with pytest.raises(MailauthError, match=r"^pseudonyms\.key: found 5 bytes; expected 32\. Put the file back"):
        sharing.key()


def test_a_folder_takes_the_place_of_the_one_before_it(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with sharing.staged(tmp_path / "to") as stage:
            (stage / "tenant-a").mkdir()
            (stage / "tenant-a" / text).write_text(text)
            (stage / "index.html").write_text(text)

    assert sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "to").rglob("*")) == [
        "to/index.html",
        "to/tenant-a",
        "to/tenant-a/new",
    ]


@pytest.mark.parametrize("before", [True, False])
def test_a_run_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path, before: bool) -> None:
    def run(text: str, *, fails: bool = False) -> None:
        with sharing.staged(tmp_path / "to") as stage:
            (stage / "index.html").write_text(text)
            if fails:
                raise KeyboardInterrupt

    if before:
        run("old")
    with pytest.raises(KeyboardInterrupt):
        run("new", fails=True)

    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["old"] * before
    assert (tmp_path / "to").exists() == before


def test_what_a_killed_run_left_is_gone_after_the_next(tmp_path: Path) -> None:
    (tmp_path / "to" / ".making-x" / "tenant-a").mkdir(parents=True)
    with sharing.staged(tmp_path / "to") as stage:
        (stage / "index.html").write_text("new")

    assert [path.name for path in (tmp_path / "to").iterdir()] == ["index.html"]


def test_evidence_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / "10-find-basic-auth.json").write_text("[")

    with pytest.raises(EvidenceError, match=r"^evidence/10-find-basic-auth\.json cannot be read as a record\.$"):
        sharing.records(tmp_path)


def test_all_files_have_one_time_of_change(tmp_path: Path) -> None:
    with sharing.staged(tmp_path / "to") as stage:
        for number, name in enumerate(("tenant-b", "tenant-a", "index.html")):
            path = stage / name
            path.write_text(name)
            os.utime(path, (number, number))

    assert len({path.stat().st_mtime_ns for path in (tmp_path / "to").iterdir()}) == 1


def test_what_a_killed_run_had_moved_aside_comes_back(tmp_path: Path) -> None:
    aside = tmp_path / "to" / ".old-tenant-a"
    aside.mkdir(parents=True)
    (aside / "index.html").write_text("good")

    with sharing.staged(tmp_path / "to"):
        pass

    assert (tmp_path / "to" / "tenant-a" / "index.html").read_text() == "good"
    assert not aside.exists()
