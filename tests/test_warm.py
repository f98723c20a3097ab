"""The engine ``mailauth-warm``: the stock engine's notebooks, without its kernels, and nothing of one in the next."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mailauth import warm
from tests import warmbooks

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).parent

pytestmark = pytest.mark.skipif(not warm.CAN_FORK, reason="no process can be forked here")

FAILS = ("print('as far as this')", "1 / 0", "print('never')")
REFUSED = ("from mailauth import session\nrun = session.open(config='nowhere.yaml')", "print('never')")
LEAVES = ("print('goodbye')", "import sys; sys.exit(0)", "print('never')")
DIES = ("print('as far as this')", "import os, time; time.sleep(0.5); os._exit(1)", "print('never')")


def run(orders: Sequence[Mapping[str, object]]) -> list[str]:
    """Run the orders in one process without threads; return the name of each one's error, empty where it ran whole."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    done = subprocess.run(
        [sys.executable, str(HERE / "warmrun.py")],
        input=json.dumps(orders),
        capture_output=True,
        text=True,
        env=environment,
        check=True,
        timeout=300,
    )
    said: list[str] = json.loads(done.stdout.splitlines()[-1])
    return said


def order(book: Path, target: Path, engine: str = "mailauth-warm", **options: object) -> dict[str, object]:
    target.parent.mkdir(exist_ok=True)
    return {
        "input_path": str(book),
        "output_path": str(target),
        "engine_name": engine,
        "cwd": str(book.parent),
    } | options


def said(path: Path) -> list[str]:
    """Return what the cells of an executed notebook printed, or what they raised."""
    book = json.loads(path.read_text(encoding="utf-8"))
    outputs = [output for cell in book["cells"] for output in cell.get("outputs", ())]
    return ["".join(each.get("text", ())) or f"{each.get('ename')}: {each.get('evalue')}" for each in outputs]


# ---- the same notebook as the stock engine's


BOOKS = {"everything": warmbooks.EVERYTHING, "fails": FAILS, "refused": REFUSED, "leaves": LEAVES, "dies": DIES}


ENGINES = ("nbclient", "mailauth-warm")
_ANSWERS_S = 60  # far longer than a cell of these notebooks takes

# What each notebook of the project is given beside its tenant.
ON_PRACTICE: dict[str, dict[str, object]] = {
    "00-start": {},
    "10-find-basic-auth": {},
    "20-register-app": {},
    "30-consent": {},
    "40-grant-mailboxes": {},
    "50-prove-mail-oauth": {},
    "60-close-basic": {},
    "80-diagnose": {"pasted": "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria"},
    "90-tenant-report": {},
}


def answered(orders: Sequence[Mapping[str, object]]) -> list[str]:
    """Run the orders, and again those whose kernel never answered: now and then the stock engine's loses a message.

    Its client and its kernel then wait for one another without end, each of them idle.
    """
    ended = run([{**each, "execution_timeout": _ANSWERS_S} for each in orders])
    lost = [number for number, end in enumerate(ended) if end == "CellTimeoutError"]
    for number, again in zip(lost, run([orders[number] for number in lost]) if lost else (), strict=True):
        ended[number] = again
    return ended


def with_both(folder: Path, books: Sequence[Path], **given: object) -> tuple[list[str], list[str]]:
    """Run *books* with each engine into a folder of its name; return how they ended.

    What the notebooks themselves leave lies in the same place for both, with nothing in it of the other's.
    """
    out = folder / "reports"
    ended = []
    for engine in ENGINES:
        orders = [
            order(book, folder / engine / book.name, engine, parameters={**given, "out": str(out)})
            if book.parent.name == "notebooks"
            else order(book, folder / engine / book.name, engine)
            for book in books
        ]
        ended.append(answered(orders))
        if out.exists():
            out.rename(folder / f"reports-{engine}")
    return ended[0], ended[1]


def project(name: str) -> Path:
    return ROOT / "notebooks" / f"{name}.ipynb"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[str]]:
    """Run each book with each engine; return where they lie and how they ended."""
    folder = tmp_path_factory.mktemp("books")
    books = [warmbooks.write(folder / f"{name}.ipynb", cells) for name, cells in BOOKS.items()]
    return folder, *with_both(folder, [*books, project("00-start")], tenant="adatum")


def assert_equal(folder: Path, name: str) -> None:
    stock, ours = (warmbooks.lines(folder / engine / f"{name}.ipynb") for engine in ENGINES)
    assert ours == stock


@pytest.mark.xdist_group("warm")
class TestEqual:
    @pytest.mark.parametrize("name", [*BOOKS, "00-start"])
    def test_a_notebook_is_the_stock_engines(self, both: tuple[Path, list[str], list[str]], name: str) -> None:
        assert_equal(both[0], name)

    def test_a_run_ends_with_the_stock_engines_error(self, both: tuple[Path, list[str], list[str]]) -> None:
        failed = ["PapermillExecutionError"] * 3
        assert both[1] == both[2] == [*failed, "", "DeadKernelError", ""]

    def test_an_error_that_a_person_can_act_on_is_its_text_alone_and_fails_the_cell(
        self, both: tuple[Path, list[str], list[str]]
    ) -> None:
        for engine in ENGINES:
            book = json.loads((both[0] / engine / "refused.ipynb").read_text(encoding="utf-8"))
            [error] = [each for cell in book["cells"] for each in cell.get("outputs", ()) if "traceback" in each]
            assert error["ename"] == "ConfigurationError"
            assert "nowhere.yaml" in error["evalue"]
            assert error["traceback"][0].startswith("ConfigurationError: ")
            assert not [line for line in error["traceback"] if "Traceback" in line or "session.open" in line]

    def test_the_books_do_what_they_are_made_for(self, both: tuple[Path, list[str], list[str]]) -> None:
        outputs = (both[0] / "mailauth-warm" / "everything.ipynb").read_text(encoding="utf-8")
        for trace in ("application/vnd.plotly.v1+json", "widget-state+json", "StdinNotImplementedError", "awaited"):
            assert trace in outputs
        assert said(both[0] / "mailauth-warm" / "dies.ipynb") == ["as far as this\n"]


@pytest.mark.full
@pytest.mark.parametrize("name", ON_PRACTICE)
def test_a_notebook_of_the_project_is_the_stock_engines(tmp_path: Path, name: str) -> None:
    assert with_both(tmp_path, [project(name)], tenant="adatum", **ON_PRACTICE[name]) == ([""], [""])
    assert_equal(tmp_path, name)


# ---- apart from one another


LEAKS = (
    "import os, sys, json, signal, builtins, random, time, warnings, logging, atexit, tempfile, decimal",
    "os.environ['LEAKED'] = 'yes'; os.chdir('/'); sys.path.insert(0, '/leaked'); os.umask(0o077)",
    "json.LEAKED = True; builtins.LEAKED = True; sys.modules['leaked'] = json",
    "signal.signal(signal.SIGTERM, signal.SIG_IGN); warnings.simplefilter('error'); logging.disable()",
    "decimal.getcontext().prec = 3; random.seed(1); sys.setrecursionlimit(99_999)",
    "from mailauth import errors; errors.LEAKED = True; kept = tempfile.TemporaryDirectory()",
    "atexit.register(lambda: open('/dev/null')); print(os.getpid(), kept.name)",
)
LOOKS = (
    "import os, sys, json, signal, builtins, warnings, logging, decimal",
    "print(os.environ.get('LEAKED'), os.getcwd(), '/leaked' in sys.path, 'leaked' in sys.modules)",
    "print(hasattr(json, 'LEAKED'), hasattr(builtins, 'LEAKED'), json.loads('1'), 'kept' in globals())",
    "print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, logging.root.manager.disable)",
    "print(decimal.getcontext().prec, sys.getrecursionlimit() == 99_999, 'error' in [f[0] for f in warnings.filters])",
    "from mailauth import errors; print(hasattr(errors, 'LEAKED')); m = os.umask(0); print(os.getpid())",
)
# What other users of the machine could reach: an address, or a socket with a name in the file system.
LISTENS = (
    "import os, psutil",
    "links = psutil.Process().net_connections(kind='all')",
    "print({(link.family.name, link.laddr or '', link.status) for link in links})",
    "print(type(get_ipython().kernel).__module__)",
)
DRAWS = "import random, uuid; print(random.random(), uuid.uuid4())"


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("apart")
    books = {"leaks": LEAKS, "looks": LOOKS, "listens": LISTENS, "draws": (DRAWS,)}
    for name, cells in books.items():
        warmbooks.write(folder / f"{name}.ipynb", cells)
    runs = [*books, "draws"]
    orders = [order(folder / f"{name}.ipynb", folder / "out" / f"{n}.ipynb") for n, name in enumerate(runs)]
    assert run(orders) == [""] * len(runs)
    return folder


@pytest.mark.xdist_group("warm")
class TestApart:
    def test_nothing_that_a_notebook_does_reaches_the_next(self, apart: Path) -> None:
        *answers, process = said(apart / "out" / "1.ipynb")
        assert answers == [
            f"None {apart} False False\n",
            "False False 1 False\n",
            "True 0\n",
            "28 False False\n",
        ]
        before = said(apart / "out" / "0.ipynb")[-1].split()[0]
        assert process.split() == ["False", process.split()[1]]
        assert process.split()[1] != before

    def test_what_a_notebook_left_to_its_end_is_done_at_its_end(self, apart: Path) -> None:
        process, kept = said(apart / "out" / "0.ipynb")[-1].split()
        assert not Path(kept).exists()
        assert not running(int(process))

    def test_the_kernel_opens_no_port_and_no_named_socket(self, apart: Path) -> None:
        links, kernel = said(apart / "out" / "2.ipynb")
        assert kernel == "mailauth.warm.kernel\n"
        assert links == "{('AF_UNIX', '', 'NONE')}\n"

    def test_two_notebooks_do_not_draw_the_same_numbers(self, apart: Path) -> None:
        assert said(apart / "out" / "3.ipynb") != said(apart / "out" / "4.ipynb")


def running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


# ---- time limits and ends


def test_a_cell_past_its_time_ends_the_run_and_the_kernel(tmp_path: Path) -> None:
    book = warmbooks.write(
        tmp_path / "slow.ipynb", ("import os, time; print(os.getpid(), flush=True)", "time.sleep(60)")
    )
    began = time.monotonic()
    assert run([order(book, tmp_path / "out.ipynb", execution_timeout=1)]) == ["CellTimeoutError"]
    assert time.monotonic() - began < 30
    assert not running(int(said(tmp_path / "out.ipynb")[0]))


def test_ctrl_c_ends_the_cell_in_good_order_and_leaves_no_kernel(tmp_path: Path) -> None:
    started, tidied = tmp_path / "started", tmp_path / "tidied"
    cell = f"""
import os, time
try:
    _ = open({str(started)!r}, "w").write(str(os.getpid()))
    os.rename({str(started)!r}, {str(started) + ".pid"!r})
    time.sleep(60)
finally:
    _ = open({str(tidied)!r}, "w").write("yes")
"""
    book = warmbooks.write(tmp_path / "slow.ipynb", (cell,))
    command = [sys.executable, str(HERE / "warmrun.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as runner:
        assert runner.stdin is not None
        runner.stdin.write(json.dumps([order(book, tmp_path / "out.ipynb")]))
        runner.stdin.close()
        pid = Path(f"{started}.pid")
        wait_for(pid.exists)
        runner.send_signal(signal.SIGINT)
        assert runner.wait(30) == -signal.SIGINT
        assert runner.stderr is not None
        assert "KeyboardInterrupt" in runner.stderr.read()
    assert tidied.read_text() == "yes"
    assert not running(int(pid.read_text()))


def wait_for(seen: "object", within_s: float = 30) -> None:
    assert callable(seen)
    until = time.monotonic() + within_s
    while not seen():
        assert time.monotonic() < until
        time.sleep(0.02)


# ---- which engine


def choice(book: Mapping[str, object], kernel: str = "python3", **options: object) -> str:
    return str(warm.chosen(book, kernel, options).__name__)


def cells(*sources: str) -> dict[str, object]:
    return {"cells": [{"cell_type": "code", "source": source} for source in sources]}


@pytest.mark.parametrize("asked", ["%matplotlib tk", "x = 1\n  %gui qt", "%connect_info", "%subshell"])
def test_what_only_a_kernel_with_ports_has_is_the_stock_engines(asked: str) -> None:
    assert choice(cells("1 + 1", asked)) == "NBClientEngine"


def test_a_process_with_threads_is_not_forked() -> None:
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        assert not warm.alone()
        assert choice(cells("1 + 1")) == "NBClientEngine"
    finally:
        over.set()
        thread.join()


CHOOSES = """
import sys
from mailauth import warm
book = {"cells": []}
print(*(warm.chosen(book, kernel, {}).__name__ for kernel in ("python3", "no-such-kernel")))
print(warm.chosen(book, "python3", {"progress_bar": True}).__name__)
print(warm.chosen(book, "python3", {"kernel_manager_class": object}).__name__)
"""


def test_the_warm_engine_takes_this_pythons_own_kernel_only() -> None:
    done = subprocess.run([sys.executable, "-c", CHOOSES], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["Forking", "NBClientEngine", "NBClientEngine", "NBClientEngine"]


def test_papermill_knows_the_engine_by_its_name() -> None:
    found = subprocess.run(
        [
            sys.executable,
            "-c",
            "from papermill.engines import papermill_engines as e; print(e.get_engine('mailauth-warm'))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout == f"{warm.WarmEngine}\n"
