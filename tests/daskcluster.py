"""A Dask cluster on loopback: scheduler and workers as processes of their own, by TLS with a certificate made here."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import trustme

_START_S = 60
_DASK = (sys.executable, "-m", "dask")
_FILES = {"ca-file": "ca.pem", "scheduler.cert": "it.pem", "worker.cert": "it.pem", "client.cert": "it.pem"}


@dataclass
class Cluster:
    """What a test sees of the cluster.

    Args:
        address: The scheduler's.
        workers: The processes, by the worker's name.
    """

    address: str
    workers: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def of(self, pid: int) -> str:
        """Return the name of the worker below which the process *pid* runs."""
        above = {pid, *(parent.pid for parent in psutil.Process(pid).parents())}
        return next(name for name, process in self.workers.items() if process.pid in above)


def certified(folder: Path) -> dict[str, str]:
    """Make certificates in *folder* and return the settings of Dask that name them."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(folder / "it.pem"))
    return {f"distributed.comm.tls.{name}": str(folder / file) for name, file in _FILES.items()}


def variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Return *settings* as Dask reads them from the environment."""
    return {f"DASK_{name.replace('.', '__').replace('-', '_').upper()}": value for name, value in settings.items()}


@contextmanager
def running(folder: Path, *, names: tuple[str, ...] = ("one", "two"), settings: Mapping[str, str]) -> Iterator[Cluster]:
    """Run a scheduler, and for each name a worker with one thread."""
    environment = {**os.environ, **variables(settings)}
    where, started = folder / "scheduler.json", list[subprocess.Popen[bytes]]()

    def start(*words: str) -> "subprocess.Popen[bytes]":
        with (folder / f"dask-{len(started)}.log").open("wb") as log:
            started.append(subprocess.Popen([*_DASK, *words], env=environment, stdout=log, stderr=log, cwd=folder))
        return started[-1]

    try:
        start(
            *("scheduler", "--protocol", "tls", "--host", "127.0.0.1", "--port", "0"),
            *("--no-dashboard", "--scheduler-file", str(where)),
        )
        cluster = Cluster(_address(where))
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--protocol", "tls")
        for name in names:
            local = ("--local-directory", str(folder / f"{name}-files"))
            cluster.workers[name] = start("worker", cluster.address, "--name", name, *options, *local)
        for number in range(1, len(started)):
            _wait_for(folder / f"dask-{number}.log", b"Registered to")
        yield cluster
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


def _address(path: Path) -> str:
    _wait_for(path, b"}")
    return str(json.loads(path.read_text())["address"])


def _wait_for(path: Path, wanted: bytes) -> None:
    until = time.monotonic() + _START_S
    while not path.exists() or wanted not in path.read_bytes():
        assert time.monotonic() < until, path.read_text() if path.exists() else f"no {path}"
        time.sleep(0.1)
