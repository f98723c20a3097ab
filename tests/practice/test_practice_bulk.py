"""A big archive is the small one many times over, every record with an Id of its own."""

import json
from datetime import date
from pathlib import Path

import pytest

from practice import bulk

TODAY = date(2026, 11, 23)


def test_copies_have_ids_of_their_own_and_the_size_asked_for(tmp_path: Path) -> None:
    written = bulk.write(tmp_path, 20_000_000, TODAY)
    paths = list(tmp_path.rglob("PT1H.json"))
    assert written == sum(path.stat().st_size for path in paths) >= 20_000_000
    blob = next(path for path in sorted(paths) if "signinlogs" in str(path))
    ids = [json.loads(line)["properties"]["id"] for line in blob.read_bytes().splitlines()]
    assert {text[:8] for text in ids} == {"00000000", "00000001"}


@pytest.mark.parametrize("text", ["many", "2TB", "-1"])
def test_a_size_that_is_none_is_refused_with_what_would_be_one(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bulk.main([f"--bytes={text}", "--out", "x"])
    assert "500MB" in capsys.readouterr().err
