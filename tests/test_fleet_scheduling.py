"""Tenants are tried as often as makes sense, each by one process at a time, and a run that was killed is taken up."""

import concurrent.futures
import contextlib
import json
import os
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from mailauth import evidence, fleet
from mailauth.errors import HeldError, MailauthError, UnreachableError
from mailauth.fleet import Job, Outcome, Patience, outcomes
from mailauth.fleet.journal import Journal
from mailauth.fleet.pace import Pace
from mailauth.fleet.record import Record, name_of
from mailauth.services import store

WORKER = (sys.executable, str(Path(__file__).with_name("fleetworker.py")))
AT_ONCE = Patience(attempts=3, first_s=0.05, factor=1, throttled_s=0.05)
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MAILAUTH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def jobs_of(out: Path, acts: dict[str, list[str]]) -> list[Job]:
    return [Job(tenant, "none", str(out), str(out), parameters={"acts": list(each)}) for tenant, each in acts.items()]


def ran(
    out: Path, acts: dict[str, list[str]], *, workers: int = 2, limit_s: float | None = None
) -> tuple[dict[str, Outcome], list[str]]:
    said: list[str] = []
    jobs = jobs_of(out, acts)
    found = fleet.run(jobs, workers=workers, say=said.append, limit_s=limit_s, patience=AT_ONCE, command=WORKER)
    assert [outcome.tenant for outcome in found] == list(acts)
    return {outcome.tenant: outcome for outcome in found}, said


def asked(out: Path) -> list[list[object]]:
    return [json.loads(line) for line in (out / "asked.jsonl").read_text().splitlines()]


@posix
def test_only_what_may_pass_is_tried_again_and_not_for_ever(tmp_path: Path) -> None:
    acts = {
        "fine": ["whole"],
        "unlucky": ["killed", "out of memory", "whole"],
        "throttled": ["throttled", "whole"],
        "refused": ["refused"],
        "hopeless": ["killed"],
        "broken": ["defect"],
    }
    found, said = ran(tmp_path, acts)
    assert {name: (each.ended, each.attempts) for name, each in found.items()} == {
        "fine": ("whole", 1),
        "unlucky": ("whole", 3),
        "throttled": ("whole", 2),
        "refused": ("stopped", 1),
        "hopeless": ("died", 3),
        "broken": ("died", 1),
    }
    assert "a machine that ran out of memory does that" in found["hopeless"].sentence
    assert "ValueError: a defect" in found["broken"].sentence
    # Who died gets a page all the same, of what was reached; who answered has one already.
    salvaged = [name for name, killed, *_ in asked(tmp_path) if killed]
    assert sorted(str(name) for name in salvaged) == ["broken", "hopeless"]
    assert found["hopeless"].page == "hopeless/index.html"
    assert not any("\x1b" in line for line in said)
    assert any(re.fullmatch(r"throttled: UnreachableError: throttled; tried again in \d s", line) for line in said)


def test_a_whole_run_whose_source_throttled_is_tried_again_after_the_others_and_says_so_where_it_stays(
    tmp_path: Path,
) -> None:
    acts = {"busy": ["whole but throttled", "whole"], "crowded": ["whole but throttled"], "fine": ["whole"]}
    found, said = ran(tmp_path, acts, workers=1)
    assert {name: (each.ended, each.throttled, each.attempts) for name, each in found.items()} == {
        "busy": ("whole", False, 2),
        "crowded": ("whole", True, 3),
        "fine": ("whole", False, 1),
    }
    assert [str(name) for name, *_ in asked(tmp_path)][:3] == ["busy", "crowded", "fine"]
    assert any(
        line.startswith("busy: a source throttled, and its records are missing; tried again in") for line in said
    )
    assert any(line.startswith("crowded: Nothing was seen. (a source throttled to the end; ") for line in said)
    rows = json.loads((tmp_path / "fleet.json").read_text(encoding="utf-8"))["tenants"]
    assert {row["tenant"]: row["throttled"] for row in rows} == {"busy": False, "crowded": True, "fine": False}
    assert (tmp_path / "index.html").read_text(encoding="utf-8").count("<p>throttled") == 1


@posix
@pytest.mark.parametrize(
    "worse",
    [["killed", "killed"], ["reached, then killed", "worse"], ["worse"], ["defect"], ["out of memory", "throttled"]],
    ids=" then ".join,
)
def test_a_further_attempt_that_ends_worse_costs_nothing_of_the_whole_one(tmp_path: Path, worse: list[str]) -> None:
    last_night = tmp_path / "busy" / "evidence" / "20-register-app.json"
    store.write_text(last_night, '"last night"')
    found, said = ran(tmp_path, {"busy": ["whole but throttled", *worse], "fine": ["whole"]})
    one = found["busy"]
    assert (one.assessed, one.ended, one.coverage, one.throttled) == (True, "whole", "partial", True), said
    assert (one.page, one.attempts) == ("busy/index.html", len(worse) + 1)
    files = {path.relative_to(tmp_path / "busy").as_posix() for path in (tmp_path / "busy").rglob("*.*")}
    assert files == {"index.html", "evidence/20-register-app.json"}
    assert (tmp_path / "busy" / "index.html").read_text(encoding="utf-8").startswith("<title>busy</title>")
    assert last_night.read_text(encoding="utf-8") == '"last night"'
    assert not [name for name, killed, *_ in asked(tmp_path) if killed]
    assert not list((tmp_path / "home").rglob(".aside"))


def test_a_run_that_stopped_for_good_is_not_tried_again_because_a_source_throttled_too(tmp_path: Path) -> None:
    found, _ = ran(tmp_path, {"busy": ["stopped by a throttled source"]})
    assert (found["busy"].ended, found["busy"].attempts, len(asked(tmp_path))) == ("stopped", 1, 1)


def test_pages_made_of_what_a_run_left_that_died_are_not_made_again_for_a_reason_that_may_pass(tmp_path: Path) -> None:
    (job,) = jobs_of(tmp_path, {"one": ["defect"]})
    job = replace(job, parameters={**job.parameters, "salvage": "throttled"})
    (found,) = fleet.run([job], workers=1, say=print, patience=AT_ONCE, command=WORKER)
    assert [bool(killed) for _, killed, *_ in asked(tmp_path)] == [False, True]
    assert (found.ended, found.attempts) == ("stopped", 1)


def test_a_whole_run_stays_where_the_next_attempt_is_held(tmp_path: Path) -> None:
    asked_for = list[str]()

    def ready(tenant: str) -> None:
        asked_for.append(tenant)
        if len(asked_for) > 1:
            raise UnreachableError("s3://bucket: 503")

    (job,) = jobs_of(tmp_path, {"busy": ["whole but throttled"]})
    (found,) = fleet.run([job], workers=1, say=print, patience=AT_ONCE, command=WORKER, ready=ready)
    assert (found.ended, found.assessed, found.page, len(asked_for)) == ("whole", True, "busy/index.html", 3)


@pytest.mark.parametrize(("limit_s", "attempts"), [(0.9, 1), (600, 2)])
def test_a_throttled_tenant_is_not_tried_again_in_less_time_than_a_whole_run_took(
    tmp_path: Path, limit_s: float, attempts: int
) -> None:
    found, _ = ran(tmp_path, {"busy": ["slow, and throttled", "whole"]}, limit_s=limit_s)
    assert (found["busy"].ended, found["busy"].attempts) == ("whole", attempts)


def test_a_tenant_that_waits_for_a_throttled_source_is_shown_when_the_run_is_interrupted(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        if "tried again" in line:
            raise KeyboardInterrupt

    jobs = jobs_of(tmp_path, {"busy": ["whole but throttled", "whole"]})
    with pytest.raises(KeyboardInterrupt):
        fleet.run(jobs, workers=1, say=interrupt, command=WORKER)
    assert fleet.recall(tmp_path)["busy"].throttled
    # It is no tenant that is done: whoever takes the run up tries it again.
    (found,) = fleet.run(jobs, workers=1, say=print, command=WORKER)
    assert (found.throttled, len(asked(tmp_path))) == (False, 2)


def test_the_last_line_of_a_tenant_says_how_far_the_fleet_is(tmp_path: Path) -> None:
    _, said = ran(tmp_path, {"one": ["whole"], "two": ["whole"]}, workers=1)
    assert said[0] == "one: started"
    assert re.fullmatch(
        r"one: Nothing was seen\. \(\d s; 1 of 2, [\d,.]+ a minute, done about \d\d:\d\d UTC\)", said[2]
    )
    assert re.fullmatch(r"two: Nothing was seen\. \(\d s; 2 of 2\)", said[-1])
    # A terminal is not to be told what to do by what a tenant's run says.
    assert "one: whole␛[2J" in said


def test_a_shard_hands_in_its_outcomes_and_its_log_in_files_of_its_own(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, {"one": ["whole"]})
    fleet.run(jobs, workers=1, say=print, command=WORKER, also=fleet.shard_file(2, 8))
    assert [path.name for path in sorted(tmp_path.glob("fleet-*"))] == ["fleet-2-of-8.json", "fleet-2-of-8.log"]
    assert not (tmp_path / "fleet.log").exists()


def test_a_tenant_that_another_run_has_is_left_out_and_keeps_what_is_known_of_it(tmp_path: Path) -> None:
    known = Outcome("one", True, "exposed", "Two senders.", made_at="2026-11-22T10:00:00Z")
    (tmp_path / "one").mkdir()
    fleet.remember(tmp_path, [known])
    with store.lock("one"):
        found, said = ran(tmp_path, {"one": ["whole"], "two": ["whole"]})
    assert (found["one"].ended, found["one"].attempts, found["two"].ended) == ("held", 3, "whole")
    assert any("one is being run already by process" in line for line in said)
    assert fleet.recall(tmp_path)["one"] == known


def test_a_tenant_is_not_run_before_what_it_builds_on_is_here_and_nothing_is_said_of_it(tmp_path: Path) -> None:
    waits = {"late": 1, "lost": 99, "fine": 0}

    def ready(tenant: str) -> None:
        waits[tenant] -= 1
        if waits[tenant] >= 0:
            raise UnreachableError("s3://bucket: 503")

    jobs = jobs_of(tmp_path, {name: ["whole"] for name in waits})
    found = fleet.run(jobs, workers=1, say=print, patience=AT_ONCE, command=WORKER, ready=ready)
    assert [(each.ended, each.attempts, each.sentence) for each in found] == [
        ("whole", 2, "Nothing was seen."),
        ("held", 3, "s3://bucket: 503"),
        ("whole", 1, "Nothing was seen."),
    ]
    assert sorted(str(name) for name, *_ in asked(tmp_path)) == ["fine", "late"]
    assert sorted(fleet.recall(tmp_path)) == ["fine", "late"]


def test_the_same_set_is_not_run_twice_at_once(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, {"one": ["whole"]})
    with (
        store.lock_folder(store.fleet_dir(name_of(jobs)), "it"),
        pytest.raises(HeldError, match=r"^this set of tenants is being run already by process \d+ since "),
    ):
        fleet.run(jobs, workers=1, say=print, command=WORKER)


def test_where_no_worker_starts_the_rest_is_not_tried(tmp_path: Path) -> None:
    broken = (sys.executable, "-c", "raise SystemExit('broken installation')")
    jobs = jobs_of(tmp_path, {f"t{number}": ["whole"] for number in range(50)})
    with pytest.raises(MailauthError, match=r"^No worker starts: the process ended with 1: broken installation"):
        fleet.run(jobs, workers=1, say=print, patience=AT_ONCE, command=broken)


def test_a_worker_that_does_not_come_back_is_killed_when_the_time_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailauth.fleet.workers._GRACE_S", 0.5)
    found, _ = ran(tmp_path, {"stuck": ["hangs"], "fine": ["whole"]}, limit_s=0.5)
    assert (found["stuck"].ended, found["fine"].ended) == ("died", "whole")
    assert "did not come back" in found["stuck"].sentence


def test_the_files_of_a_run_are_for_their_owner_and_fit_their_schema(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ran(out, {"one": ["whole"], "two": ["refused"]})
    record = json.loads((out / "fleet.json").read_text())
    evidence.check("fleet", record)
    assert record["totals"] | {"tenants": 2, "assessed": 1, "states": {"quiet": 2}} == record["totals"]
    assert [row["ended"] for row in record["tenants"]] == ["whole", "stopped"]
    log = (out / "fleet.log").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ ", line) for line in log)
    assert "two: AccessError: refused" in log[-1] + log[-2]
    if os.name != "nt":
        made = [path for path in (out, *out.rglob("*")) if path.name != "asked.jsonl"]
        assert [path for path in made if path.stat().st_mode & 0o077] == []


# ---- killed

RUN = """
import sys
from mailauth import fleet
from mailauth.fleet import Job, Patience
out, worker, tenants, act = sys.argv[1], sys.argv[2:4], int(sys.argv[4]), sys.argv[5]
jobs = [Job(f"t{n:04}", "none", out, out, parameters={"acts": [act]}) for n in range(tenants)]
try:
    fleet.run(jobs, workers=2, say=lambda line: print(line, flush=True), patience=Patience(5, 0.05, 1), command=worker)
except KeyboardInterrupt:
    sys.exit(130)
"""


def started(out: Path, tenants: int, act: str = "slow") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(out), *WORKER, str(tenants), act],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def standing(said: str) -> int:
    """Return how many tenants were done when the last one ended."""
    counts = re.findall(r"; ([\d,]+) of [\d,]+[,)]", said)
    return int(counts[-1].replace(",", "")) if counts else 0


def told(process: "subprocess.Popen[str]", wanted: str) -> None:
    assert process.stdout is not None
    assert any(wanted in line for line in process.stdout)


def gone(children: list[psutil.Process], within_s: float) -> list[psutil.Process]:
    return psutil.wait_procs(children, timeout=within_s)[1]


@posix
@pytest.mark.parametrize("tenants", [12, pytest.param(1_000, marks=pytest.mark.full)])
def test_after_kills_at_random_moments_every_tenant_has_one_whole_page(tmp_path: Path, tenants: int) -> None:
    """Workers and the run itself are killed again and again; then it is left to end."""
    chance = random.Random(20261127)
    killed, said = 0, ""
    for wanted in range(2, 8, 2) if tenants < 100 else range(90, 990, 90):
        process = started(tmp_path, tenants)
        while process.poll() is None and standing(said) < wanted:
            said += line(process)
            if chance.random() < (0.3 if tenants < 100 else 0.02) and (
                workers := psutil.Process(process.pid).children()
            ):
                chance.choice(workers).kill()
                killed += 1
            for page in tmp_path.glob("*/index.html"):
                assert page.read_text().endswith("</html>"), "half a page was seen"
        workers = psutil.Process(process.pid).children() if process.poll() is None else []
        process.kill()
        process.communicate()
        assert gone(workers, 5) == []
    assert killed
    process = started(tmp_path, tenants)
    said += process.communicate(timeout=600)[0]
    assert process.returncode == 0, said
    assert "taking up the run that began at" in said
    record = json.loads((tmp_path / "fleet.json").read_text())
    assert [row["tenant"] for row in record["tenants"]] == [f"t{number:04}" for number in range(tenants)]
    assert {row["ended"] for row in record["tenants"]} == {"whole"}
    for number in range(tenants):
        folder = tmp_path / f"t{number:04}"
        assert [path.name for path in folder.iterdir() if path.suffix != ".part"] == ["index.html"]
        assert (folder / "index.html").read_text().endswith("</html>")
    counts = Counter(str(name) for name, *_ in asked(tmp_path))
    # Done is done: none that was noted as whole ran again, so few ran more often than they were killed.
    assert max(counts.values()) <= 8
    assert sum(counts.values()) < tenants * 2 + 20


def test_a_night_whose_index_cannot_be_written_is_taken_up_and_not_done_again(tmp_path: Path) -> None:
    (tmp_path / "fleet.json").mkdir()
    acts = {"one": ["whole"], "two": ["whole"]}
    with pytest.raises(MailauthError, match=r"fleet\.json cannot be written"):
        ran(tmp_path, acts)
    (tmp_path / "fleet.json").rmdir()
    _, said = ran(tmp_path, acts)
    assert said[0].endswith("2 of 2 tenants are done")
    assert len(asked(tmp_path)) == 2
    assert sorted(fleet.recall(tmp_path)) == ["one", "two"]
    ran(tmp_path, acts)
    assert len(asked(tmp_path)) == 4


def test_the_index_is_written_by_one_at_a_time(tmp_path: Path) -> None:
    with contextlib.ExitStack() as let_go, concurrent.futures.ThreadPoolExecutor(1) as pool:
        let_go.enter_context(outcomes.held(tmp_path))
        writing = pool.submit(fleet.remember, tmp_path, [])
        try:
            assert concurrent.futures.wait([writing], timeout=0.5).not_done
            assert list(tmp_path.glob("fleet.json")) == []
        finally:
            let_go.close()
        assert writing.result(20) == []
    assert (tmp_path / "fleet.json").exists()


@posix
def test_who_was_killed_lets_go_of_the_tenant_in_a_moment_and_its_pages_are_made_then(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, {"one": ["killed, and holds on"]})
    [found] = fleet.run(jobs, workers=1, say=print, patience=Patience(attempts=1), command=WORKER)
    assert (found.ended, found.attempts, found.page) == ("died", 1, "one/index.html")
    # The attempt, the pages that another held still, the pages.
    assert [bool(killed) for _, killed, *_ in asked(tmp_path)] == [False, True, True]


@posix
def test_a_run_that_is_told_to_end_ends_its_workers_and_keeps_what_is_done(tmp_path: Path) -> None:
    process = started(tmp_path, 40)
    told(process, "2 of 40")
    workers = psutil.Process(process.pid).children()
    assert len(workers) == 2
    process.terminate()
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130
    assert re.search(r"interrupted; \d+ of 40 tenants are done", said)
    assert gone(workers, 1) == []
    assert 2 <= len(fleet.recall(tmp_path)) < 40


@posix
def test_a_run_that_is_told_to_end_before_any_tenant_says_so_at_once_and_leaves_no_page_of_none(tmp_path: Path) -> None:
    process = started(tmp_path, 2, "waits")
    told(process, "waits")
    process.terminate()
    said = process.communicate(timeout=60)[0]
    assert re.search(r"stopping: .*\ninterrupted; 0 of 2 tenants are done", said)
    assert not [name for name in ("index.html", "fleet.json") if (tmp_path / name).exists()]


# ---- the parts


def test_a_run_that_did_not_end_is_taken_up_while_it_is_young_or_when_asked(tmp_path: Path) -> None:
    path, began = tmp_path / "run.json", datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    done = Outcome("one", True, "quiet", pages=("00-start",))
    first = Record.begin(path, resume=None, now=began)
    first.add(done)
    first.add(replace(done, tenant="two", assessed=False))
    for hours, resume, taken in ((11, None, True), (11, True, True), (13, True, True), (13, None, False)):
        again = Record.begin(path, resume=resume, now=began + timedelta(hours=hours))
        assert again.done == ({"one": done} if taken else {})
    first.add(done)
    assert Record.begin(path, resume=False, now=began).done == {}
    first.add(done)
    first.end()
    assert Record.begin(path, resume=True, now=began).done == {}


@pytest.mark.parametrize("text", ["", "{}", '{"began_at": 1, "done": []}'])
def test_a_record_that_is_none_is_begun_anew(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    assert not Record.begin(tmp_path / "run.json", resume=True).done


def test_another_set_is_another_run(tmp_path: Path) -> None:
    jobs = jobs_of(tmp_path, {"one": [], "two": []})
    names = {
        name_of(jobs),
        name_of(jobs[:1]),
        name_of([replace(job, parameters={"days": 7}) for job in jobs]),
        name_of([replace(job, notebooks=("00-start",)) for job in jobs]),
    }
    assert len(names) == 4
    assert name_of([replace(job, indexed=True) for job in jobs]) in names


def test_the_pace_is_that_of_the_last_ends() -> None:
    now = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
    pace = Pace(1_000, done=12, clock=lambda: now)
    said = ""
    for seconds in (19, 19, 19, 19, 19):
        now += timedelta(seconds=seconds)
        said = pace.end()
    # 3.16 a minute; 983 are left, which takes 311.3 minutes.
    assert said == "17 of 1,000, 3.2 a minute, done about 19:13 UTC"


def test_the_pace_names_the_day_when_it_is_another() -> None:
    now = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)
    pace = Pace(3, clock=lambda: now)
    now += timedelta(minutes=20)
    assert pace.end() == "1 of 3, 0.1 a minute, done about 2026-11-24 00:30 UTC"


def test_what_is_forgotten_is_gone_from_the_log_and_from_what_did_not_end(tmp_path: Path) -> None:
    path = store.fleet_dir("set") / "run.json"
    record = Record.begin(path, resume=None)
    for name in ("one", "one-more"):
        record.add(Outcome(name, True, sentence="scanner@one.example signs in with a password."))
        Journal(tmp_path / "fleet.log")(f"{name}: scanner@one.example signs in with a password. (3 s; 1 of 2)")
    fleet.forget(tmp_path, "one")
    assert list(Record.begin(path, resume=True).done) == ["one-more"]
    [line] = (tmp_path / "fleet.log").read_text(encoding="utf-8").splitlines()
    assert " one-more: scanner" in line


def test_a_log_stays_one_line_per_entry_and_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "fleet.log"
    Journal(path)("one: found\n2026-01-01T00:00:00Z two: quiet \u202e")
    line = path.read_text(encoding="utf-8")
    assert line.count("\n") == 1
    assert "\u202e" not in line
    for _ in range(6):
        path.write_text("x" * 1_000_001)
        Journal(path)("began")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["fleet.log", *(f"fleet.log.{n}" for n in (1, 2, 3))]
    assert path.stat().st_size < 100
