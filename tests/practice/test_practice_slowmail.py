"""Servers that are far away: a tenant in order, whose every answer takes its time, until whoever asked lets go."""

import json
import subprocess
import sys
from pathlib import Path

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
