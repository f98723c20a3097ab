"""The practice home: made once a day, whole, for its owner alone, by however many programs at once."""

import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest

from practice import configuration

TODAY = date(2026, 11, 23)
LIBRARY = Path(configuration.__file__).parents[1]


def days(home: Path) -> list[str]:
    return sorted(path.name[:10] for path in (home / "days").iterdir())


def test_the_tenants_file_points_to_files_that_are_there(tmp_path: Path) -> None:
    path = configuration.make(tmp_path / "home", TODAY)
    patterns = [line.split('"')[1] for line in path.read_text(encoding="utf-8").splitlines() if '- "' in line]
    assert len(patterns) == 5
    assert all(list(path.parent.glob(pattern)) for pattern in patterns)


def test_a_second_call_on_the_same_day_writes_nothing(tmp_path: Path) -> None:
    path = configuration.make(tmp_path, TODAY)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    assert configuration.make(tmp_path, TODAY) == path
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before


def test_the_next_day_has_files_of_its_own_and_old_ones_go_after_a_while(tmp_path: Path) -> None:
    path = configuration.make(tmp_path, TODAY)
    configuration.make(tmp_path, date(2026, 11, 24))
    assert days(tmp_path) == ["2026-11-23", "2026-11-24"]
    assert "days/2026-11-23" not in path.read_text(encoding="utf-8")
    for folder in (tmp_path / "days").iterdir():
        os.utime(folder, (time.time() - 7_200,) * 2)
    configuration.make(tmp_path, date(2026, 11, 24))
    assert days(tmp_path) == ["2026-11-24"]


def test_what_else_stands_in_the_home_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "fabrikam.yaml").write_text("mailboxes: []\n", encoding="utf-8")
    configuration.make(tmp_path, TODAY)
    configuration.make(tmp_path, date(2026, 11, 24))
    assert (tmp_path / "state" / "fabrikam.yaml").is_file()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a user's folders by access lists, not by modes")
def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = configuration.make(tmp_path / "a" / "home", TODAY)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0
    assert all(folder.stat().st_mode & 0o077 == 0 for folder in (path.parent / "days").iterdir())


def test_programs_that_start_at_once_agree(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from practice.configuration import configuration; print(configuration())"]
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "MAILAUTH_PRACTICE_HOME": str(tmp_path)}
    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = {process.communicate(timeout=60)[0].strip() for process in started}
    assert [process.returncode for process in started] == [0, 0, 0]
    assert said == {str(tmp_path / "tenants.yaml")}
    assert len(list((tmp_path / "days").iterdir())) == 1


def test_a_failed_start_leaves_nothing_half_made(tmp_path: Path) -> None:
    (tmp_path / "days").write_text("in the way", encoding="utf-8")
    with pytest.raises(OSError, match="days"):
        configuration.make(tmp_path, TODAY)
    assert not (tmp_path / "tenants.yaml").exists()


def test_both_tenants_are_there_within_two_seconds(tmp_path: Path) -> None:
    began = time.process_time()
    configuration.make(tmp_path, TODAY)
    assert time.process_time() - began < 2
