"""Reports that go somewhere else arrive whole, build on what lies there, and are joined from shards."""

import json
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from click.testing import CliRunner
from fsspec.implementations.local import LocalFileSystem

from mailauth import fleet
from mailauth.cli import commands
from mailauth.errors import ConfigurationError, EvidenceError, MailauthError, UnreachableError
from mailauth.fleet import Outcome, Place
from mailauth.fleet.journal import Journal, joined, log_of
from mailauth.services import addresses, store
from mailauth.services.addresses import Address

MEMORY = "memory://bucket/reports"
KEEP, NOW = timedelta(days=90), datetime.now(UTC)


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
    place.begin({"woodgrove": KEEP})
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
    again.begin({"woodgrove": KEEP})
    again.ready("woodgrove")
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


# ---- the log


def log_there(name: str = "fleet.log") -> list[str]:
    """Return what the log at the address says, without the times."""
    text = fsspec.filesystem("memory").cat_file(f"/bucket/reports/{name}").decode()
    return [line.partition(" ")[2] for line in text.splitlines()]


def logged(*lines: str, shard: str = "") -> None:
    with Place(MEMORY) as place:
        place.begin({}, shard=shard)
        journal = Journal(place.folder / log_of(shard))
        for line in lines:
            journal(line)
        fleet.remember(place.folder, [QUIET], also=shard)
        place.end(shard=shard)


def fails(error: BaseException, before: Callable[[], None] = lambda: None) -> None:
    """Do what a run does that fails after its first line."""
    with Place(MEMORY) as place:
        place.begin({"woodgrove": KEEP})
        Journal(place.folder / "fleet.log")("woodgrove: started\x1b[2J")
        before()
        raise error


def test_the_log_lies_at_the_address_and_is_continued_by_whichever_machine_runs_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = machine(tmp_path, monkeypatch)
    for name in ("one", "two", "one"):
        on(name)
        logged(f"run on {name}")
    assert log_there() == ["run on one", "run on two", "run on one"]
    # Whoever only draws the page over all tenants adds nothing, and takes nothing away.
    on("two")
    fleet.join([MEMORY], MEMORY)
    assert log_there() == ["run on one", "run on two", "run on one"]


@pytest.mark.parametrize("error", [MailauthError("No worker starts."), KeyboardInterrupt(), OSError("disk full")])
def test_the_log_of_a_run_that_fails_lies_at_the_address(error: BaseException) -> None:
    logged("yesterday")
    with pytest.raises(type(error)):
        fails(error)
    assert log_there() == ["yesterday", "woodgrove: started␛[2J"]


def test_a_run_that_fails_says_why_although_its_log_cannot_be_put(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **options: object) -> None:
        raise OSError("503 slow down")

    with pytest.raises(MailauthError, match=r"^No worker starts\.$"):
        fails(
            MailauthError("No worker starts."),
            lambda: monkeypatch.setattr(fsspec.filesystem("memory"), "put_file", refused),
        )


def test_a_tenant_that_is_forgotten_is_gone_from_every_log_at_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = machine(tmp_path, monkeypatch)
    on("one")
    logged("woodgrove: quiet", "northwind: quiet")
    logged("woodgrove: exposed", "adatum: quiet", shard=fleet.shard_file(1, 2))
    on("two")
    done = CliRunner().invoke(commands, ["forget", "--tenant", "woodgrove", "--out", MEMORY])
    assert done.exit_code == 0, done.output
    on("one")
    logged("another night")
    assert log_there() == ["northwind: quiet", "another night"]
    assert log_there("fleet-1-of-2.log") == ["adatum: quiet"]


def test_what_is_written_while_a_log_is_elsewhere_follows_its_last_line() -> None:
    older, there = b"2026-11-22T10:00:00Z one: started\n", b"2026-11-23T10:00:01Z one: quiet\x1b[2J\n"
    here = (
        "2026-11-23T09:59:00Z forgotten: started\n2026-11-23T10:00:01Z one: quiet␛[2J\n"
        "2026-11-23T10:00:01Z forgotten: quiet\n2026-11-23T10:00:02Z two: quiet\n"
    )
    assert [file.splitlines() for file in joined([older, there], here)] == [
        ["2026-11-22T10:00:00Z one: started"],
        ["2026-11-23T10:00:01Z one: quiet␛[2J", "2026-11-23T10:00:02Z two: quiet"],
    ]
    # A log out of which everything was taken ends where its older file does.
    assert joined([there, b""], here)[1].splitlines() == ["2026-11-23T10:00:02Z two: quiet"]
    assert joined([b""], here) == [here]


def test_a_log_that_is_turned_over_lies_at_the_address_whole_whichever_machine_runs_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = machine(tmp_path, monkeypatch)
    on("one")
    night = [f"tenant-{number}: {'x' * 650}" for number in range(1_600)]
    logged(*night)
    assert len(log_there()) == len(night)
    for name, line in (("two", "the next night"), ("one", "the night after")):
        on(name)
        logged(line)
    assert log_there() == ["the next night", "the night after"]
    assert log_there("fleet.log.1") == night


def test_a_tenant_that_is_forgotten_is_gone_from_what_was_turned_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = machine(tmp_path, monkeypatch)
    on("one")
    logged("woodgrove: quiet", *(f"northwind: {'x' * 900}" for _ in range(1_100)))
    logged("another night")
    assert "woodgrove: quiet" in log_there("fleet.log.1")
    on("two")
    done = CliRunner().invoke(commands, ["forget", "--tenant", "woodgrove", "--out", MEMORY])
    assert done.exit_code == 0, done.output
    assert (len(log_there("fleet.log.1")), log_there()) == (1_100, ["another night"])
    on("one")
    logged("the night after")
    assert "woodgrove: quiet" not in (*log_there("fleet.log.1"), *log_there())


# ---- nights, of one machine and of another

FINDS = "10-find-basic-auth"


def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda name: monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / name))


def night(evidence: str, *, before: Callable[[Path], None] = lambda folder: None) -> Place:
    """Do what a run does with one tenant; what it finds is *evidence*."""
    with Place(MEMORY) as place:
        place.begin({"woodgrove": KEEP})
        place.ready("woodgrove")
        before(place.folder / "woodgrove")
        store.retire(place.folder / "woodgrove", FINDS, keep=KEEP)
        make(place, QUIET, evidence=evidence)
        fleet.remember(place.folder, [QUIET])
        place.end()
    return place


def made(days: int) -> str:
    return f'{{"made_at": "{NOW - timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"}}'


def history() -> list[str]:
    """Return what lies in the history at the address, the oldest first."""
    files = fsspec.filesystem("memory")
    return [files.cat_file(f"/bucket/reports/{name}").decode() for name in lies_at() if "/history/" in name]


def test_what_leads_to_a_tenants_pages_is_put_after_them(home: Path) -> None:
    place = Place(MEMORY)
    store.write_text(place.folder / "woodgrove" / "tables" / "z.csv", "table")
    make(place, QUIET)
    fleet.remember(place.folder, [QUIET])
    place.end()
    # As the store was filled.
    put = [name.removeprefix("/bucket/reports/") for name in fsspec.filesystem("memory").store]
    assert put[-3:] == ["woodgrove/index.html", "fleet.json", "index.html"]


def test_two_machines_at_one_address_keep_each_others_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on = machine(tmp_path, monkeypatch)
    for name, days in (("one", 9), ("two", 8), ("two", 7), ("one", 6), ("two", 5)):
        on(name)
        night(made(days))
    assert history() == [made(days) for days in (9, 8, 7, 6)]
    held = fsspec.filesystem("memory").cat_file(f"/bucket/reports/woodgrove/evidence/{FINDS}.json").decode()
    assert held == made(5)


def test_a_finding_that_never_arrived_is_history_when_another_machine_has_gone_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = machine(tmp_path, monkeypatch)
    on("one")
    night(made(9))
    store.write_text(Place(MEMORY).folder / "woodgrove" / "evidence" / f"{FINDS}.json", made(8))
    on("two")
    night(made(7))
    on("one")
    night(made(6))
    assert history() == [made(9), made(8), made(7)]


def test_what_a_run_took_away_here_is_gone_there_and_does_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = machine(tmp_path, monkeypatch)
    table, consent = Path("tables", "sends.csv"), Path("evidence", "30-consent.json")

    def leaves(folder: Path) -> None:
        for name in (table, consent):
            store.write_text(folder / name, "{}")

    def takes(folder: Path) -> None:
        (folder / consent).unlink()
        (folder / table).unlink(missing_ok=True)

    on("one")
    night(made(9), before=leaves)
    on("two")
    night(made(8), before=takes)
    there = {name for name in lies_at() if name.endswith(("sends.csv", "30-consent.json"))}
    # The table it never saw, so it may be another's.
    assert there == {"woodgrove/tables/sends.csv"}
    night(made(7), before=leaves)
    night(made(6), before=takes)
    on("one")
    place = night(made(5))
    assert (place.folder / "woodgrove" / table).exists()
    assert [name for name in lies_at() if name.endswith(("sends.csv", "30-consent.json"))] == []


def test_of_a_history_only_the_youngest_and_the_oldest_are_fetched_and_the_rest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = machine(tmp_path, monkeypatch)
    on("one")
    for days in (9, 8, 7, 6, 5, 4):
        night(made(days))
    on("two")
    with Place(MEMORY) as place:
        place.begin({"woodgrove": KEEP})
        place.ready("woodgrove")
    fetched = sorted((place.folder / "woodgrove" / "history").iterdir())
    assert [path.read_text() for path in fetched] == [made(9), made(6), made(5)]
    night(made(3))
    assert history() == [made(days) for days in (9, 8, 7, 6, 5, 4)]


def test_history_leaves_the_address_by_its_age_whoever_put_it_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = machine(tmp_path, monkeypatch)
    stamps = [f"{NOW - timedelta(days=days):%Y%m%dT%H%M%SZ}" for days in (99, 98, 97, 91, 89)]
    for stamp in stamps:
        fsspec.filesystem("memory").pipe(f"/bucket/reports/woodgrove/history/{FINDS}.{stamp}.json", stamp.encode())

    def leaves(folder: Path) -> None:
        # Of a notebook that does not run, so nothing retires it.
        store.write_text(folder / "history" / f"30-consent.{stamps[0]}.json", stamps[0])

    for name in ("one", "two"):
        on(name)
        night(made(1), before=leaves)
        assert [text for text in history() if not text.startswith("{")] == stamps[-1:]


def test_only_what_changed_is_put(home: Path) -> None:
    def leaves(folder: Path) -> None:
        store.write_text(folder / "20-register-app.html", "page")

    night(made(3), before=leaves)
    before = dict(fsspec.filesystem("memory").store)
    night(made(2))
    same = {
        name.rpartition("/")[2]
        for name, file in fsspec.filesystem("memory").store.items()
        if "woodgrove" in name and before.get(name) is file
    }
    # What the test writes as page is the same each night; the evidence is not, nor is what leads to the tenants.
    assert same == {"20-register-app.html", "index.html", f"{FINDS}.html"}


def test_a_slow_address_holds_no_tenant_up(monkeypatch: pytest.MonkeyPatch) -> None:
    files, open_again = fsspec.filesystem("memory"), threading.Event()
    put = files.put_file

    def slow(path: str, name: str, **options: object) -> None:
        assert open_again.wait(20)
        put(path, name, **options)

    monkeypatch.setattr(files, "put_file", slow)
    with Place(MEMORY) as place:
        for outcome in (QUIET, NORTHWIND):
            make(place, outcome)
        assert lies_at() == []
        open_again.set()
        fleet.remember(place.folder, [QUIET, NORTHWIND])
        place.end()
    assert {"woodgrove/index.html", "northwind/index.html"} < set(lies_at())


def test_pages_of_a_run_that_was_killed_before_they_arrived_arrive_when_it_is_taken_up(home: Path) -> None:
    with Place(MEMORY) as place:
        store.write_text(place.folder / "woodgrove" / "index.html", "page")
    with Place(MEMORY) as place:
        place.begin({"woodgrove": KEEP})
        fleet.remember(place.folder, [QUIET])
        place.end()
    assert "woodgrove/index.html" in lies_at()


def test_what_the_address_does_not_give_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    night(made(3))
    files = fsspec.filesystem("memory")
    ls, down = files.ls, True

    def refused(path: str, **options: object) -> object:
        if down:
            raise OSError("503 slow down")
        return ls(path, **options)

    monkeypatch.setattr(files, "ls", refused)
    with Place(MEMORY) as place:
        shutil.rmtree(place.folder)
        place.begin({"woodgrove": KEEP})
        with pytest.raises(UnreachableError, match="503 slow down"):
            place.ready("woodgrove")
        down = False
        with suppress(UnreachableError):
            place.ready("woodgrove")
        place.ready("woodgrove")
        assert (place.folder / "woodgrove" / "evidence" / f"{FINDS}.json").read_text() == made(3)


@pytest.mark.parametrize("asked", ["report", "index"])
@pytest.mark.parametrize("trouble", ["the address is down", "the disk is full"])
def test_a_night_that_fails_for_what_may_pass_ends_with_1(
    asked: str, trouble: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(made(3))
    (tmp_path / "tenants.yaml").write_text('{"tenants": [{"name": "woodgrove", "tenant_id": "woodgrove.example"}]}')
    if trouble == "the disk is full":
        # Written whole or not at all, and where a folder lies it cannot be.
        for path in (Place(MEMORY).folder / name for name in ("fleet.json", "index.html")):
            path.unlink()
            path.mkdir()
    else:

        def refused(*_: object, **options: object) -> None:
            raise OSError("503 slow down")

        monkeypatch.setattr(fsspec.filesystem("memory"), "cat_file", refused)
    to = {"report": ["--config", str(tmp_path / "tenants.yaml"), "--out", MEMORY], "index": [MEMORY]}
    done = CliRunner().invoke(commands, [asked, *to[asked]])
    said = {"the address is down": "503 slow down", "the disk is full": "cannot be written"}
    assert (done.exit_code, said[trouble] in done.output) == (1, True), done.output


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
