"""Real public exports, read whole. They are no part of the project: MAILAUTH_SAMPLES names the folder that has them."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailauth.services import archive

_FOLDER = os.environ.get("MAILAUTH_SAMPLES", "")

pytestmark = pytest.mark.skipif(not _FOLDER, reason="MAILAUTH_SAMPLES is not set: no sample exports here")


@pytest.fixture(scope="module")
def samples() -> Path:
    return Path(_FOLDER).resolve()


@pytest.fixture(scope="module")
def everything(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[archive.Archive]:
    cache = tmp_path_factory.mktemp("cache")
    with archive.open("contoso.example", ["*.csv", "*.jsonl"], base=samples, cache=cache) as found:
        yield found


@pytest.mark.parametrize(
    ("name", "rows", "ids"),
    [
        pytest.param("msticpy_aad_logons.csv", 86, 45, id="older columns, Python and JSON text"),
        pytest.param("sentinel_training_lab_signins.csv", 56, 56, id="pairs of columns from a union"),
        pytest.param("sentinel_training_lab_disabled_accounts.csv", 4, 4, id="no time columns at all"),
        pytest.param("panther_signins.jsonl", 26, None, id="diagnostic lines, some of them sparse"),
    ],
)
def test_a_sample_is_read_whole(name: str, rows: int, ids: int | None, samples: Path, tmp_path: Path) -> None:
    with archive.open("contoso.example", [name], base=samples, cache=tmp_path / "cache") as found:
        (reading,) = found.readings
        held = [row for table in found.schema() for row in found.run(table).rows]
    assert (reading.rows, reading.lost, reading.trouble) == (rows, 0, "")
    assert len(held) == rows
    assert ids is None or len({row["Id"] for row in held}) == ids
    assert all(isinstance(row["CreatedDateTime"], datetime) for row in held)


def test_the_samples_together_keep_their_tenants_apart(everything: archive.Archive) -> None:
    said = [one.reason for one in everything.coverage if one.what == "records of several tenants"]
    assert len(said) == 1
    assert "records of 13 tenants" in said[0]


def test_one_tenants_guid_keeps_every_other_tenant_out(samples: Path, tmp_path: Path) -> None:
    tenant = "4b2462a4-bbee-495a-a0e1-f23ae524cc9c"
    with archive.open(tenant, ["*.csv", "*.jsonl"], base=samples, cache=tmp_path / "cache") as found:
        rows = found.run("SigninLogs").rows
        others = sum(sum(reading.others.values()) for reading in found.readings)
    assert {row["AADTenantId"] for row in rows} == {tenant}
    assert (len(rows), others) == (86, 86)


def test_results_are_codes_whatever_the_envelope_says(everything: archive.Archive) -> None:
    results = Counter(row["ResultType"] for table in everything.schema() for row in everything.run(table).rows)
    assert all(str(result).isdecimal() for result in results)
    assert results["50057"] == 4
    assert results["50126"] >= 1


def test_portal_dates_and_pairs_are_understood(samples: Path, tmp_path: Path) -> None:
    name = "sentinel_training_lab_signins.csv"
    with archive.open("contoso.example", [name], base=samples, cache=tmp_path / "cache") as found:
        times = [row["CreatedDateTime"] for row in found.run("SigninLogs").rows]
        steps = [row["AuthenticationDetails"] for row in found.run("SigninLogs").rows]
    assert datetime(2021, 4, 28, 14, 8, 45, 221_000, tzinfo=UTC) in times
    assert all(str(step).startswith("[") for step in steps)


def test_a_sample_that_is_opened_as_a_folder_names_what_is_no_export(samples: Path, tmp_path: Path) -> None:
    with archive.open("contoso.example", ["."], base=samples, cache=tmp_path / "cache") as found:
        named = {one.what: one.reason for one in found.coverage if one.what.startswith("file ")}
    assert named == {"file README.md": "This is plain text; it is not used."}
