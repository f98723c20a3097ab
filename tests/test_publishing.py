"""Reports that go somewhere else arrive whole, build on what lies there, and are joined from shards."""

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest
from click.testing import CliRunner
from fsspec.implementations.local import LocalFileSystem

from mailauth import fleet
from mailauth.cli import commands
from mailauth.errors import ConfigurationError, EvidenceError, MailauthError
from mailauth.fleet import Outcome, Place
from mailauth.services import addresses, store
from mailauth.services.addresses import Address

MEMORY = "memory://bucket/reports"


def quiet(tenant: str) -> Outcome:
    page = f"{tenant}/index.html"
    return Outcome(tenant, True, "quiet", "Nothing was seen.", page=page, made_at="2026-11-23T10:00:00Z")


QUIET, NORTHWIND = quiet("woodgrove"), quiet("northwind")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    fsspec.filesystem("memory").store.clear()
    return tmp_path / "home"


def lies_at() -> list[str]:
    return sorted(name.removeprefix("/bucket/reports/") for name in fsspec.filesystem("memory").store)


def make(place: Place, outcome: Outcome, *, evidence: str = "1") -> None:
    """Leave what a run leaves, on this machine."""
    folder = place.folder / outcome.tenant
    store.write_text(folder / "10-find-basic-auth.html", "page")
    store.write_text(folder / "index.html", "page")
    store.write_text(folder / "evidence" / "10-find-basic-auth.json", evidence)
    store.write_text(folder / ".index.html-abc.part", "half")
    place.ended(outcome)


def test_what_goes_elsewhere_arrives_with_what_leads_to_it(home: Path) -> None:
    place = Place(MEMORY)
    place.begin(["woodgrove"])
    make(place, QUIET)
    assert "index.html" not in lies_at()
    fleet.remember(place.folder, [QUIET])
    place.end()
    tenant = ["10-find-basic-auth.html", "evidence/10-find-basic-auth.json", "index.html"]
    assert lies_at() == ["fleet.json", "index.html", *(f"woodgrove/{name}" for name in tenant)]
    assert home in place.folder.parents
    assert (place.shown, place.elsewhere) == (MEMORY, True)


def test_a_machine_that_never_saw_the_address_builds_on_what_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(MEMORY)
    for outcome in (QUIET, NORTHWIND):
        make(place, outcome)
    fleet.remember(place.folder, [QUIET, NORTHWIND])
    place.end()
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "another"))
    again = Place(MEMORY)
    again.begin(["woodgrove"])
    held = again.folder / "woodgrove" / "evidence" / "10-find-basic-auth.json"
    assert held.read_text() == "1"
    store.retire(again.folder / "woodgrove", "10-find-basic-auth", keep=timedelta(days=90))
    make(again, QUIET, evidence="2")
    rows = fleet.remember(again.folder, [replace(QUIET, state="exposed")])
    again.end()
    assert [(row.tenant, row.state) for row in rows] == [("northwind", "quiet"), ("woodgrove", "exposed")]
    assert [name.split("/")[1] for name in lies_at() if "woodgrove/" in name and name.endswith(".json")] == [
        "evidence",
        "history",
    ]


def test_an_address_that_fails_costs_no_other_tenant_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place(MEMORY)
    files = fsspec.filesystem("memory")
    put, down = files.put_file, True

    def refused(path: str, name: str, **options: object) -> None:
        if down:
            raise OSError("503 slow down")
        put(path, name, **options)

    monkeypatch.setattr(files, "put_file", refused)
    make(place, QUIET)
    assert lies_at() == []
    fleet.remember(place.folder, [QUIET])
    with pytest.raises(MailauthError, match=r"^memory://bucket/reports: OSError: 503 slow down$"):
        place.end()
    down = False
    place.end()
    assert "woodgrove/index.html" in lies_at()


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        pytest.param("s3://bucket/reports", r"Install s3fs.* s3: addresses need it", id="a package is missing"),
        pytest.param("nowhere://a/b", r"nowhere.*such as s3://bucket/reports\.$", id="unknown"),
        pytest.param("sftp://me:hunter2hunter2@host/a", r"^The sftp address holds a password\.", id="password"),
        pytest.param("file://host/a", r"found the host 'host'", id="a file elsewhere"),
    ],
)
def test_an_address_that_cannot_be_used_says_what_is_missing(address: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as raised:
        Place(address)
    assert "hunter2" not in str(raised.value)


def test_a_folder_is_a_folder_however_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("a b", str(tmp_path / "a b"), (tmp_path / "a b").as_uri()):
        assert addresses.folder_of(text) == tmp_path / "a b"
        assert not Place(text).elsewhere
    assert addresses.folder_of("s3://bucket/a") is None


def test_where_a_write_is_seen_before_it_is_whole_it_is_moved_into_place(tmp_path: Path) -> None:
    puts: list[str] = []

    def put_file(self: object, path: str, name: str, **options: object) -> None:
        puts.append(Path(name).name)
        shutil.copyfile(path, name)

    def stripped(path: str) -> str:
        return path.removeprefix("disk://")

    # Files as on a server, where others see what is half written.
    below = {"protocol": "disk", "put_file": put_file, "_strip_protocol": staticmethod(stripped)}
    fsspec.register_implementation("disk", type("Disk", (LocalFileSystem,), below), clobber=True)
    (tmp_path / "page").write_text("page")
    Address(f"disk://{tmp_path / 'there'}").put({"a/index.html": tmp_path / "page"})
    assert puts == [".index.html.part"]
    assert [path.name for path in (tmp_path / "there").rglob("*.*")] == ["index.html"]


def test_a_tenant_that_is_forgotten_is_gone_from_the_address_as_well(home: Path) -> None:
    place = Place(MEMORY)
    for outcome in (QUIET, NORTHWIND):
        make(place, outcome)
    fleet.remember(place.folder, [QUIET, NORTHWIND])
    place.end()
    done = CliRunner().invoke(commands, ["forget", "--tenant", "woodgrove", "--out", MEMORY])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, f"removed {MEMORY}/woodgrove"), done.output
    assert [name for name in lies_at() if name.startswith("woodgrove")] == []
    assert [path for path in home.rglob("*woodgrove*") if path.suffix != ".lock"] == []
    text = fsspec.filesystem("memory").cat_file("/bucket/reports/fleet.json").decode()
    assert ("northwind" in text, "woodgrove" in text) == (True, False)


# ---- shards


def left_by_shard(address: str, first: int, *tenants: Outcome) -> None:
    place = Place(address)
    for outcome in tenants:
        make(place, outcome)
    fleet.remember(place.folder, tenants, also=fleet.shard_file(first, 2))
    place.end(shard=fleet.shard_file(first, 2))


def test_shards_at_one_address_hand_in_files_of_their_own_and_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left_by_shard(MEMORY, 1, QUIET)
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "another"))
    left_by_shard(MEMORY, 2, NORTHWIND)
    assert "index.html" not in lies_at()
    rows, page = fleet.join([MEMORY], MEMORY)
    assert [row.tenant for row in rows] == ["northwind", "woodgrove"]
    assert page == f"{MEMORY}/index.html"
    text = fsspec.filesystem("memory").cat_file("/bucket/reports/index.html").decode()
    assert 'href="northwind/index.html"' in text
    record = json.loads(fsspec.filesystem("memory").cat_file("/bucket/reports/fleet.json"))
    assert record["totals"]["tenants"] == 2


def test_shards_in_folders_of_their_own_are_linked_from_a_page_beside_them(tmp_path: Path) -> None:
    old = replace(QUIET, state="exposed", made_at="2026-11-22T10:00:00Z")
    left_by_shard(str(tmp_path / "one"), 1, QUIET)
    left_by_shard(str(tmp_path / "two ü"), 2, NORTHWIND, old)
    rows, page = fleet.join([str(tmp_path / "one"), str(tmp_path / "two ü")], str(tmp_path / "all"))
    # Of a tenant in both, the youngest counts.
    assert [(row.tenant, row.state) for row in rows] == [("northwind", "quiet"), ("woodgrove", "quiet")]
    text = Path(page).read_text(encoding="utf-8")
    assert 'href="../one/woodgrove/index.html"' in text
    assert 'href="../two%20%C3%BC/northwind/index.html"' in text


def test_what_is_no_fleets_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(MailauthError, match=r"holds no fleet\.json"):
        fleet.join([str(tmp_path / "a")], str(tmp_path / "a"))
    left_by_shard(str(tmp_path / "a"), 1, QUIET)
    record = json.loads((tmp_path / "a" / "fleet.json").read_text())
    record["tenants"][0]["page"] = "//evil.example/woodgrove/index.html"
    (tmp_path / "a" / "fleet-1-of-2.json").write_text(json.dumps(record))
    (tmp_path / "a" / "index.html").unlink()
    with pytest.raises(EvidenceError, match=r"fleet-1-of-2\.json: .*tenants\[0\]\.page"):
        fleet.join([str(tmp_path / "a")], str(tmp_path / "a"))
    assert not (tmp_path / "a" / "index.html").exists()
