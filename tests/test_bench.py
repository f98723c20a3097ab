"""The measurements say the truth: the same invented sign-ins each time, and a limit that is missed is called so."""

from pathlib import Path

import pytest

from mailauth import bench, benchfleet
from mailauth.services import archive


def _blobs(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json")}


def test_invented_sign_ins_are_the_same_every_time_and_read_whole(tmp_path: Path) -> None:
    for name in ("one", "two"):
        bench.invent(tmp_path / name, seed=7, size=2_000_000, hours=240)
    assert _blobs(tmp_path / "one") == _blobs(tmp_path / "two")
    assert len(_blobs(tmp_path / "one")) == 6
    with archive.open(bench.TENANT, ["one"], base=tmp_path, cache=tmp_path / "cache") as found:
        assert sum(reading.rows for reading in found.readings) > 300
        assert not any(reading.trouble for reading in found.readings)


def test_a_page_of_two_names_counts_once_among_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "90.html").write_bytes(b"x" * 300_000)
    (tmp_path / "a" / "index.html").hardlink_to(tmp_path / "a" / "90.html")
    (tmp_path / "b.json").write_bytes(b"x" * 200_000)
    assert benchfleet.left_mb(tmp_path) == 0.5


def test_what_a_night_leaves_is_the_mean_of_the_tenants_that_left_evidence(tmp_path: Path) -> None:
    for name, size in (("a", 100_000), ("b", 300_000)):
        (tmp_path / name / "evidence").mkdir(parents=True)
        (tmp_path / name / "evidence" / "10.json").write_bytes(b"x" * size)
    (tmp_path / "index.html").write_bytes(b"x" * 900_000)
    assert benchfleet.mean_left_mb(tmp_path) == 0.2


@pytest.mark.parametrize(
    ("found", "judged", "verdict"),
    [(1.5, True, "ok"), (2.5, True, "MISSED"), (2.5, False, "")],
    ids=["held", "missed", "not judged"],
)
def test_a_figure_says_whether_its_limit_held(
    found: float, judged: bool, verdict: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bench.show([bench.limited("opening", found, 2.0, "times", judged=judged)])
    line = capsys.readouterr().out.strip()
    assert f"{found:.2f} times" in line
    assert line.endswith(verdict or "at most 2 times")
