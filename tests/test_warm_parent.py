"""The warm parent: one process per job, and nothing that a job does to itself reaches the parent or the next."""

import json
import mmap
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mailauth import warm
from mailauth.services import store

HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(not warm.CAN_FORK, reason="no process can be forked here")


class Parent:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert self.hear() == {"ready": True}

    def ask(self, **request: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Return what is said next, without what it cost."""
        assert self.process.stdout is not None
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return {name: value for name, value in said.items() if not name.endswith("cpu_s")}

    def do(self, job: str, **more: Any) -> dict[str, Any]:
        self.ask(job=job, **more)
        return self.hear()


@pytest.fixture
def parent() -> Iterator[Parent]:
    with subprocess.Popen(
        [sys.executable, str(HERE / "warmparent.py"), "0.2"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        umask=0o022,
    ) as process:
        yield Parent(process)
        process.kill()


def running(process: int) -> bool:
    """Whether it runs: one that has ended and that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(seen: Callable[[], bool], within_s: float = 20) -> None:
    until = time.monotonic() + within_s
    while not seen():
        assert time.monotonic() < until
        time.sleep(0.02)


HANGS = """
import time
try:
    open({started!r}, "w").write(str(os.getpid()))
    os.rename({started!r}, {started!r} + ".pid")
    time.sleep(60)
finally:
    open({started!r} + ".tidied", "w").close()
"""


@pytest.fixture
def hanging(parent: Parent, tmp_path: Path) -> Callable[..., int]:
    """Return what gives the parent a job that hangs, and then its process."""

    def hang(code: str = HANGS, **more: Any) -> int:
        parent.ask(job=code.format(started=str(tmp_path / "job")), **more)
        pid = tmp_path / "job.pid"
        wait_for(pid.exists)
        return int(pid.read_text())

    return hang


def test_each_job_is_a_process_of_its_own_and_leaves_nothing_to_the_next(parent: Parent) -> None:
    leaks = "leaked.append('x'); os.environ['LEAKED'] = 'x'; os.chdir('/'); os.umask(0o077); answer = os.getpid()"
    looks = "answer = [os.getpid(), os.getppid(), leaked, os.environ.get('LEAKED'), os.getcwd(), os.umask(0)]"
    before = parent.do(leaks)["outcome"]
    process, above, *rest = parent.do(looks)["outcome"]
    assert process != before
    assert above == parent.process.pid
    assert rest == [[], None, str(Path.cwd()), 0o022]


@pytest.mark.parametrize(
    ("job", "why"),
    [
        pytest.param("os._exit(3)", "the process ended with 3 and no answer", id="exits"),
        pytest.param("1 / 0", "the process ended with 1 and no answer", id="raises"),
        pytest.param("os.kill(os.getpid(), 11)", "the process was ended by SIGSEGV", id="crashes"),
        pytest.param(
            "os.kill(os.getpid(), 9)", "the process was killed; a machine that ran out of memory does that", id="killed"
        ),
    ],
)
def test_a_job_that_dies_ends_itself_alone(parent: Parent, job: str, why: str) -> None:
    assert parent.do(job) == {"died": why, "transient": True}
    assert parent.do("answer = 1") == {"outcome": 1}


def test_what_a_job_prints_and_reads_is_no_part_of_the_talk(parent: Parent) -> None:
    said = parent.do("import sys; print('{}'); os.write(1, b'{}'); answer = [sys.stdin.read(), 'x' * 300_000]")
    assert said == {"outcome": ["", "x" * 300_000]}


def test_progress_is_passed_on_as_it_comes(parent: Parent) -> None:
    tells = "for n in (1, 2):\n with open(progress, 'a') as log: log.write(f'line {n}\\n')\nanswer = 'done'"
    parent.ask(job=tells)
    assert [parent.hear() for _ in range(3)] == [{"progress": "line 1"}, {"progress": "line 2"}, {"outcome": "done"}]


def test_half_a_line_of_progress_is_no_beginning_of_the_next_job(parent: Parent) -> None:
    assert parent.do("log = open(progress, 'a'); log.write('half a li'); log.flush(); os._exit(3)")["died"]
    parent.ask(job="with open(progress, 'a') as log: log.write('whole\\n')")
    assert [parent.hear(), parent.hear()] == [{"progress": "whole"}, {"outcome": None}]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds")
def test_a_job_has_no_file_of_its_parent_open(parent: Parent) -> None:
    looks = (
        "held = {}\n"
        "for n in os.listdir('/proc/self/fd'):\n"
        " try: held[int(n)] = os.readlink('/proc/self/fd/' + n)\n"
        " except OSError: pass\n"
        "answer = [where.split(':')[0] for n, where in held.items() if n > 2 and where != '/dev/null']"
    )
    # The one is what it answers through.
    assert parent.do(looks) == {"outcome": ["pipe"]}


def test_a_job_that_is_stopped_ends_in_good_order_and_the_parent_goes_on(
    parent: Parent, hanging: Callable[..., int], tmp_path: Path
) -> None:
    process = hanging()
    parent.ask(stop="somebody asked")
    assert parent.hear() == {"died": "somebody asked", "transient": False}
    assert (tmp_path / "job.tidied").exists()
    assert not running(process)
    parent.ask(stop="nothing runs")
    assert parent.do("answer = 1") == {"outcome": 1}


def test_a_job_past_its_limit_and_grace_is_killed(parent: Parent, hanging: Callable[..., int]) -> None:
    process = hanging(limit_s=0.5)
    assert parent.hear() == {"died": "the time limit passed and it did not end", "transient": False}
    assert not running(process)


def test_what_a_job_leaves_running_ends_with_it(parent: Parent) -> None:
    starts = "import subprocess; answer = subprocess.Popen(['sleep', '60']).pid"
    left = parent.do(starts)["outcome"]
    wait_for(lambda: not running(left))


def test_when_nobody_listens_any_more_job_and_parent_end(
    parent: Parent, hanging: Callable[..., int], tmp_path: Path
) -> None:
    process = hanging()
    assert parent.process.stdin is not None
    parent.process.stdin.close()
    assert parent.process.wait(20) == 0
    assert (tmp_path / "job.tidied").exists()
    assert not running(process)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_parent_that_is_killed_takes_its_job_along(parent: Parent, hanging: Callable[..., int]) -> None:
    process = hanging()
    parent.process.kill()
    wait_for(lambda: not running(process))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process holds")
@pytest.mark.parametrize("jobs", [40, pytest.param(1_000, marks=pytest.mark.full)])
def test_a_parent_does_not_grow(parent: Parent, jobs: int) -> None:
    place = Path(f"/proc/{parent.process.pid}")

    def held() -> tuple[int, int]:
        return int((place / "statm").read_text().split()[1]), len(list((place / "fd").iterdir()))

    for _ in range(10):
        parent.do("answer = 'x' * 10_000")
    pages, files = held()
    for _ in range(jobs):
        parent.do("answer = 'x' * 10_000")
    grown, opened = held()[0] - pages, held()[1] - files
    assert opened == 0
    assert grown * mmap.PAGESIZE < 1_000_000


MAIN = "from mailauth.fleet import serving; serving.main()"


def test_a_worker_that_forks_none_answers_the_same_orders(tmp_path: Path) -> None:
    job = {"tenant": "woodgrove", "config": "none", "out": str(tmp_path), "project": str(tmp_path), "notebooks": []}
    with (
        store.lock("woodgrove"),
        subprocess.Popen(
            [sys.executable, "-c", f"from mailauth import warm; warm.CAN_FORK = False; {MAIN}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as worker,
    ):
        assert worker.stdin is not None
        assert worker.stdout is not None
        for _ in range(2):
            worker.stdin.write(json.dumps({"job": job}) + "\n")
            worker.stdin.flush()
            assert json.loads(worker.stdout.readline())["outcome"]["ended"] == "held"
        worker.stdin.close()
        assert worker.wait(20) == 130
