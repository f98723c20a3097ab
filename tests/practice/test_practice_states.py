"""States are changed whole or not at all, in memory and on disk; files are written whole, for their owner only."""

import getpass
import os
from pathlib import Path

import pytest

from practice import whole
from practice.states import States
from tests.practice.woodgrove import woodgrove


@pytest.fixture
def states(tmp_path: Path) -> States:
    made = States(tmp_path)
    made.put(woodgrove().estate.tenant)
    return made


def test_a_change_is_there_for_the_next_process(states: States, tmp_path: Path) -> None:
    with states.changing("woodgrove") as tenant:
        tenant.exchange.reject_direct_send = True
    with States(tmp_path).reading("woodgrove") as tenant:
        assert tenant.exchange.reject_direct_send


def _break_off(states: States) -> None:
    with states.changing("woodgrove") as tenant:
        tenant.exchange.reject_direct_send = True
        tenant.directory.users.clear()
        raise RuntimeError("half way")


def test_a_change_that_fails_leaves_all_as_it_was(states: States, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="half way"):
        _break_off(states)
    for one in (states, States(tmp_path)):
        with one.reading("woodgrove") as tenant:
            assert not tenant.exchange.reject_direct_send
            assert tenant.directory.user("ada@woodgrove.example")


@pytest.mark.skipif(getpass.getuser() == "root" or os.name == "nt", reason="this user may write in any folder")
def test_a_change_that_cannot_be_kept_is_none(states: States, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError), states.changing("woodgrove") as tenant:
            tenant.exchange.reject_direct_send = True
    finally:
        tmp_path.chmod(0o700)
    with states.reading("woodgrove") as tenant:
        assert not tenant.exchange.reject_direct_send


def test_a_tenant_is_found_by_id_name_and_domain_in_any_case(states: States) -> None:
    keys = ("0c6f6d1c-6d86-4a7c-8f6c-7d1d2a2f1e11", "woodgrove", "WOODGROVE.example")
    assert {found.name for key in keys if (found := states.find(key))} == {"woodgrove"}
    assert states.find("nowhere.example") is None


def test_a_file_that_cannot_be_read_is_kept_each_time_under_a_name_of_its_own(tmp_path: Path) -> None:
    for text in ("one", "two"):
        (tmp_path / "adatum.json").write_text(text, encoding="utf-8")
        assert States(tmp_path).names == ()
    kept = sorted(path.read_text(encoding="utf-8") for path in tmp_path.glob("adatum.unreadable-*"))
    assert kept == ["one", "two"]


def test_what_a_killed_process_left_unfinished_is_cleared(states: States, tmp_path: Path) -> None:
    (tmp_path / ".unfinished-x").write_text("half", encoding="utf-8")
    States(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["woodgrove.json"]


def test_a_file_is_written_for_its_owner_and_a_failure_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole.write(path, "one")
    assert os.name == "nt" or path.stat().st_mode & 0o077 == 0
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        whole.write(tmp_path / "folder", "two")
    assert path.read_text(encoding="utf-8") == "one"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]
