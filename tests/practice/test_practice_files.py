"""Files look as customers have them, byte for byte where that is what makes them awkward."""

import csv
import gzip
import json
import zlib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from practice import files, signins
from practice.fabrikam import FABRIKAM
from practice.northwind import NORTHWIND

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def fabrikam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fabrikam")
    files.fabrikam_files(folder, FABRIKAM, TODAY)
    return folder


@pytest.fixture(scope="module")
def northwind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("northwind")
    files.northwind_files(folder, NORTHWIND, TODAY)
    return folder


def lines(path: Path) -> list[bytes]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    assert data.endswith(b"\r\n")
    return data.removesuffix(b"\r\n").split(b"\r\n")


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in sorted(folder.glob("insights-logs-*/**/*.json*")) for line in lines(path)]


def test_the_tree_is_that_of_a_storage_account(fabrikam: Path) -> None:
    containers = {path.name for path in fabrikam.glob("insights-logs-*")}
    assert containers == {
        "insights-logs-signinlogs",
        "insights-logs-noninteractiveusersigninlogs",
        "insights-logs-serviceprincipalsigninlogs",
    }
    blob = next(fabrikam.glob("insights-logs-signinlogs/*/y=2026/m=11/d=20/h=09/m=00/PT1H.json"))
    assert blob.parts[-7] == f"tenantId={FABRIKAM.tenant_id}"
    assert all(json.loads(line)["properties"]["createdDateTime"].startswith("2026-11-20T09:") for line in lines(blob))


def test_old_blobs_are_packed(fabrikam: Path) -> None:
    packed = {path.relative_to(fabrikam).parts[3:5] for path in fabrikam.rglob("PT1H.json.gz")}
    plain = {path.relative_to(fabrikam).parts[3:5] for path in fabrikam.rglob("PT1H.json")}
    assert max(packed) < min(plain)


def test_the_archive_holds_every_event_and_some_of_them_again(fabrikam: Path) -> None:
    held = Counter(record["properties"]["id"] for record in records(fabrikam))
    assert set(held) == {event.id for event in signins.events(FABRIKAM, TODAY)}
    assert held.most_common(1)[0][1] > 1


def test_an_envelope_says_when_it_was_written_and_for_whom(fabrikam: Path) -> None:
    record = records(fabrikam)[0]
    assert record["tenantId"] == FABRIKAM.tenant_id
    assert record["time"] > record["properties"]["createdDateTime"]
    assert record["resultType"] == str(record["properties"]["status"]["errorCode"])


def test_graph_pages_link_to_the_next_and_the_last_to_none(fabrikam: Path) -> None:
    pages = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((fabrikam / "graph").iterdir())]
    assert len(pages) > 1
    assert ["@odata.nextLink" in page for page in pages] == [True] * (len(pages) - 1) + [False]
    times = [row["createdDateTime"] for page in pages for row in page["value"]]
    assert times == sorted(times, reverse=True)


def test_a_log_analytics_export_has_american_dates_and_marks_them_utc(fabrikam: Path) -> None:
    text = (fabrikam / "exports" / "query_data.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(text.decode("utf-8-sig").splitlines(keepends=True)))
    assert rows[0]["CreatedDateTime [UTC]"].startswith("11/17/2026, ")
    assert rows[0]["CreatedDateTime [UTC]"].endswith("M")
    assert json.loads(rows[0]["Status"])["errorCode"] == int(rows[0]["ResultType"])


def test_the_export_can_be_utf_16(tmp_path: Path) -> None:
    rows = list(signins.deliveries(signins.events(NORTHWIND, TODAY), TODAY))[:5]
    files.log_analytics_csv(tmp_path / "x.csv", NORTHWIND, rows, encoding="utf-16")
    assert (tmp_path / "x.csv").read_text(encoding="utf-16").startswith("TenantId,")


def test_the_report_counts_messages_by_sender_address(tmp_path: Path) -> None:
    files.smtp_report(tmp_path / files.REPORT, FABRIKAM)
    with (tmp_path / files.REPORT).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[-1]["Sender address"] == "alarm.panel@fabrikam.example"
    assert {row["Authentication Protocol"] for row in rows} == {"Basic", "OAuth"}


def test_the_portals_header_has_its_odd_names() -> None:
    header = files.PORTAL_HEADER
    assert [name for name, count in Counter(header).items() if count > 1] == ["Incoming token type"]
    assert {"Application ID ", "Resource ID ", "Autonomous system  number"} <= set(header)


def test_northwinds_downloads_leave_days_out_and_cannot_tell_a_certificate(northwind: Path) -> None:
    days: set[str] = set()
    for path in (northwind / "downloads").iterdir():
        with path.open(encoding="utf-8-sig", newline="") as file:
            header, *rows = csv.reader(file)
        assert tuple(header) == files.PORTAL_HEADER
        assert not any(row[header.index("Authentication requirement")] for row in rows)
        days |= {row[0][:10] for row in rows}
    assert days == {"2026-11-07", "2026-11-08", "2026-11-09", "2026-11-12", "2026-11-13"}
    assert not list(northwind.rglob("*AuthDetails*"))


def test_northwinds_archive_breaks_off_and_is_of_an_old_schema(northwind: Path) -> None:
    data = (northwind / "old" / "signins.json.gz").read_bytes()
    with pytest.raises(EOFError):
        gzip.decompress(data)
    readable = zlib.decompressobj(wbits=31).decompress(data).split(b"\r\n")
    properties = [json.loads(line)["properties"] for line in readable if line.endswith(b"}")]
    assert len(properties) > 20
    assert not {"authenticationRequirement", "authenticationProtocol"} & set(properties[0])


def test_what_northwind_holds_is_less_than_what_happened_there(tmp_path: Path) -> None:
    held = files.northwind_files(tmp_path, NORTHWIND, TODAY)
    assert held
    assert len(held) < len(signins.events(NORTHWIND, TODAY)) / 2
    assert (TODAY - max(event.at for event in held).date()).days == 10


def test_two_runs_write_the_same_bytes(tmp_path: Path, northwind: Path) -> None:
    files.northwind_files(tmp_path, NORTHWIND, TODAY)
    for path in sorted(path for path in northwind.rglob("*") if path.is_file()):
        assert (tmp_path / path.relative_to(northwind)).read_bytes() == path.read_bytes()
