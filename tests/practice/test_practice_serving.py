"""The serving process: started by whoever comes first, shared, gone with its last user; states outlive it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

from practice.attending import SERVER, Attendance

LIBRARY = Path(__file__).parents[2] / "lib"
USER = (
    "import sys; from practice.configuration import configuration; print(configuration(), flush=True); sys.stdin.read()"
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a practice home that a first start has filled."""
    made = tmp_path_factory.mktemp("practice") / "home"
    with started(made, "first_s=0.1") as process:
        assert process.wait(240) == 0
    return made


@pytest.fixture
def other_home(home: Path, tmp_path: Path) -> Path:
    """Return a filled home that no other test uses."""
    return Path(shutil.copytree(home, tmp_path / "home", ignore=shutil.ignore_patterns(SERVER, "ports.json")))


@contextmanager
def user(home: Path) -> Iterator[tuple["subprocess.Popen[str]", Attendance]]:
    """Give a process that uses the practice cloud of *home*, and what it was told."""
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "MAILAUTH_PRACTICE_HOME": str(home)}
    command = [sys.executable, "-c", USER]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == str(home / "tenants.yaml")
        found = Attendance.read(home)
        assert found is not None
        try:
            yield process, found
        finally:
            process.kill()


def practice(home: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY), "MAILAUTH_PRACTICE_HOME": str(home)}
    command = [sys.executable, "-m", "practice", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=240, check=False)


def until(done: Callable[[], bool], seconds: float = 20) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and not done():
        time.sleep(0.05)
    return done()


def test_two_users_share_one_cloud(home: Path) -> None:
    with user(home) as (_, first), user(home) as (_, second):
        assert first == second


def test_two_homes_at_once_do_not_collide(home: Path, other_home: Path) -> None:
    with user(home) as (_, one), user(other_home) as (_, other):
        assert {one.base_url, one.imap, one.pop, one.smtp}.isdisjoint(
            {other.base_url, other.imap, other.pop, other.smtp}
        )
        assert practice(other_home, "--set", "skew_s=60").returncode == 0
        assert practice(home, "--set", "skew_s=0").stdout.endswith("skew_s 0\n")


def test_the_tenants_file_names_the_addresses_that_answer(home: Path) -> None:
    with user(home) as (_, found):
        content = YAML(typ="safe", pure=True).load(found.tenants_file)
        cloud = content["clouds"]["practice"]
        assert cloud["login"] == found.base_url
        assert [one["name"] for one in content["tenants"]] == ["contoso", "fabrikam", "northwind", "adatum"]
        for address in (cloud["imap"], cloud["pop"], cloud["smtp"], found.base_url.removeprefix("https://")):
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), timeout=5).close()


def test_every_pattern_and_reference_in_the_tenants_file_points_to_something(home: Path) -> None:
    with user(home) as (_, found):
        content = YAML(typ="safe", pure=True).load(found.tenants_file)
        for tenant in content["tenants"]:
            patterns = [pattern for source in tenant["signin_logs"] for pattern in source.get("files", ())]
            assert all(list(home.glob(pattern)) for pattern in patterns)
            named = [
                tenant["admin"],
                tenant["operator"],
                *(flow for app in tenant["mail_apps"] for flow in app["flows"]),
            ]
            references = [one[key] for one in named for key in ("certificate", "secret") if key in one]
            assert all((home / reference.removeprefix("file:")).is_file() for reference in references)


def test_it_stays_for_the_last_user_and_ends_after_a_while_without_one(other_home: Path) -> None:
    with serving(other_home, "grace_s=0.3"):
        with user(other_home) as (_, first):
            with user(other_home):
                pass
            # Longer than it stays when nobody is left.
            time.sleep(1)
            with user(other_home) as (_, again):
                assert again == first
        assert until(lambda: not (other_home / SERVER).exists())


def started(home: Path, settings: str = "") -> "subprocess.Popen[bytes]":
    """Start a serving process whose end the test sees."""
    code = f"from pathlib import Path; from practice.serving import serve; serve(Path({str(home)!r}), {settings})"
    return subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(LIBRARY)})


@contextmanager
def serving(home: Path, settings: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a serving process that is ready, and see it end by itself."""
    with started(home, settings) as process:
        try:
            assert until((home / SERVER).exists)
            yield process
            assert process.wait(20) == 0
        finally:
            process.kill()


def test_a_cloud_that_nobody_comes_to_ends_by_itself(other_home: Path) -> None:
    with serving(other_home, "first_s=2"):
        pass
    assert not (other_home / SERVER).exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to catch")
def test_told_to_end_it_ends_cleanly(other_home: Path) -> None:
    with serving(other_home, "first_s=60") as process:
        process.send_signal(signal.SIGTERM)
    assert not (other_home / SERVER).exists()


def test_a_killed_cloud_is_started_again_on_the_same_ports(other_home: Path) -> None:
    with started(other_home) as process:
        assert until((other_home / SERVER).exists)
        before = Attendance.read(other_home)
        process.kill()
    with user(other_home) as (_, after):
        assert before is not None
        assert (after.base_url, after.imap) == (before.base_url, before.imap)
        assert after.instance != before.instance


def test_a_second_process_that_serves_the_same_home_returns_at_once(other_home: Path) -> None:
    with serving(other_home, "grace_s=0.3"), user(other_home), started(other_home) as second:
        assert second.wait(60) == 0


def test_a_user_is_greeted_once_the_stories_are_todays(other_home: Path) -> None:
    (day,) = (other_home / "days").iterdir()
    with serving(other_home, "grace_s=0.3"):
        # As at midnight: what was made is another day's.
        day.rename(day.with_name("2026-01-01-then"))
        with user(other_home):
            assert day.is_dir()


def test_stories_that_cannot_be_told_are_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "days").write_text("in the way", encoding="utf-8")
    done = practice(tmp_path, "--answers", "contoso")
    assert done.returncode == 2
    assert "The practice cloud did not start" in done.stderr
    assert "FileExistsError" in done.stderr


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = practice(tmp_path / "file" / "home", "--answers", "contoso")
    assert (done.returncode, done.stdout) == (2, "")
    assert "expected a folder that can be written. MAILAUTH_PRACTICE_HOME names another one." in done.stderr


def test_an_engineers_changes_outlive_the_cloud_until_reset(other_home: Path) -> None:
    with serving(other_home, "grace_s=0.3"):
        assert practice(other_home, "--tenant", "adatum", "--set", "basic_smtp=removed").returncode == 0
    state = other_home / "states" / "adatum.json"
    assert json.loads(state.read_text(encoding="utf-8"))["exchange"]["basic_smtp"] == "removed"
    with serving(other_home, "grace_s=0.3"):
        assert practice(other_home, "--reset", "--tenant", "adatum").stdout == "As at first: adatum.\n"
    assert json.loads(state.read_text(encoding="utf-8"))["exchange"]["basic_smtp"] == "as announced"


def test_faults_and_settings_are_set_from_the_command_line(home: Path) -> None:
    with user(home):
        armed = practice(home, "--fault", "face=graph,kind=throttle,seconds=1.5", "--set", "skew_s=60")
        assert armed.stdout == "1 faults armed; directory_lag_s 2, exchange_lag_s 3, policy_lag_s 60, skew_s 60\n"
        cleared = practice(home, "--clear")
        assert cleared.stdout == "0 faults armed; directory_lag_s 2, exchange_lag_s 3, policy_lag_s 60, skew_s 0\n"
        wrong = practice(home, "--fault", "face=mars,kind=drop")
        assert (wrong.returncode, wrong.stderr[:34]) == (2, "practice: face: found 'mars'; expe")
        assert practice(home, "--fault", "graph").stderr == (
            "practice: found 'graph'; expected name=value, several with commas\n"
        )
        assert "--tenant goes with --reset or --set" in practice(home, "--tenant", "adatum").stderr


def test_an_unknown_tenant_is_answered_with_those_that_there_are(home: Path) -> None:
    done = practice(home, "--reset", "--tenant", "nowhere")
    assert done.returncode == 2
    assert done.stderr == (
        "practice: tenants: found 'nowhere'; expected any of adatum, contoso, fabrikam, northwind.\n"
    )


def test_the_answer_key_names_what_is_wrong(home: Path) -> None:
    done = practice(home, "--answers", "fabrikam")
    assert len(done.stdout.splitlines()) >= 6
    assert practice(home, "--answers", "contoso").stdout == "Nothing is wrong with it.\n"


def test_the_answer_key_knows_what_was_changed_meanwhile(other_home: Path) -> None:
    with serving(other_home, "grace_s=2"):
        assert "SMTP AUTH takes passwords" in practice(other_home, "--answers", "adatum").stdout
        practice(other_home, "--tenant", "adatum", "--set", "basic_smtp=removed")
        told = practice(other_home, "--answers", "adatum").stdout
    assert "SMTP AUTH takes passwords" not in told
    assert "- Nobody has registered an app for mail.\n" in told


def test_only_its_owner_can_read_a_home(home: Path) -> None:
    if os.name == "nt":
        pytest.skip("Windows keeps a user's folders by access lists, not by modes")
    secret = ["signing-key.pem", "issuer-key.pem", "server.json", "tenants.yaml", "keys", "states", "days", "signins"]
    with user(home):
        assert [name for name in secret if (home / name).stat().st_mode & 0o077] == []


def test_it_listens_on_loopback_only(other_home: Path) -> None:
    with serving(other_home, "first_s=2") as process:
        listening = [one for one in psutil.Process(process.pid).net_connections("tcp") if one.status == "LISTEN"]
    assert len({one.laddr.port for one in listening}) == 5
    assert {one.laddr.ip for one in listening} <= {"127.0.0.1", "::1"}
