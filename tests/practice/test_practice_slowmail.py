"""Servers that are far away: a tenant in order, whose every answer takes its time, until whoever asked lets go."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mailauth import tenants
from mailauth.session import Run
from practice import slowmail


def test_it_serves_mailboxes_that_open_slowly_and_ends_with_its_input(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "practice.slowmail", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdin is not None
        assert served.stdout is not None
        path = Path(served.stdout.readline().strip())
        configuration = tenants.load(path)
        run = Run(configuration, configuration.tenant("far"), tmp_path / "out", tell=lambda _: None)
        rows = run.proofs.rows()
        proof = run.proofs.attempts(rows[:3])
        served.stdin.close()
        assert served.wait(20) == 0
    assert len(rows) == 600
    assert proof.good, proof.tried
    answers = {"imap": 6, "pop": 5, "smtp": 7}
    for each in proof.tried:
        assert each.attempt.talk is not None
        assert each.attempt.talk.took_ms >= answers[each.attempt.protocol] * slowmail.LATENCY_S * 1_000 * 0.6
    assert json.loads(path.read_text(encoding="utf-8"))["tenants"][0]["name"] == "far"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c_leaves_the_command_with_what_has_ended(tmp_path: Path) -> None:
    server = [sys.executable, "-m", "practice.slowmail", str(tmp_path)]
    with subprocess.Popen(server, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as served:
        assert served.stdin is not None
        assert served.stdout is not None
        config = served.stdout.readline().strip()
        command = [sys.executable, "-m", "mailauth", "prove", "--tenant", "far", "--config", config, "--json"]
        told = tmp_path / "told"
        environment = {**os.environ, "MAILAUTH_PROGRESS": str(told)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as proving:
            ends = time.monotonic() + 60
            while not (told.exists() and " of 600: " in told.read_text(encoding="utf-8")):
                assert time.monotonic() < ends
                time.sleep(0.05)
            proving.send_signal(signal.SIGINT)
            shown, _ = proving.communicate(timeout=60)
        served.stdin.close()
    data = json.loads(shown)["data"]
    outcomes = [each["outcome"] for each in data["attempts"]]
    assert proving.returncode == 130
    assert data["interrupted"]
    assert len(outcomes) == 600
    assert 0 < outcomes.count("ok") < 600
    assert set(outcomes) == {"ok", "skipped"}
