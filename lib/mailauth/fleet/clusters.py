"""Tenants on a Dask cluster that is there: each is a task, done by a worker of this package beside the Dask worker.

What travels is the order, which holds no secret, and back comes the outcome. Secrets are read where the work is done,
from that machine's own environment, files and identity, and pages go from there to the folder or address of reports.
"""

import hashlib
import ipaddress
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from importlib import import_module, metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mailauth import escape, session
from mailauth.errors import ConfigurationError, HeldError, MailauthError, UnreachableError
from mailauth.services import store
from mailauth.services.beside import beside

from .jobs import Job
from .outcomes import Outcome
from .publishing import Place
from .workers import COMMAND, Answer, Hand, Teller, Worker, close

__all__ = ["checked", "done", "gathered", "look_there", "work_there"]

_LOOK_S = 0.5
_CONNECT_S = 20
# A worker that its nanny starts again is back in less.
_NO_WORKER_S = 60
# Workers that wait for the next tenant hold memory of machines that are others' as well.
_IDLE_S = 60
_SHARED_AGE = timedelta(days=1)
_SHARED = ".shared-"


@dataclass(frozen=True)
class _Needs:
    """What every machine of the cluster must have.

    Args:
        version: The version of the runbook.
        config: The tenants file.
        digest: The SHA-256 of its content; empty where that is not compared.
        out: The folder of reports, empty where they go to an address.
        shared: A file in it that this machine wrote.
        address: Where reports go that do not go to a folder.
    """

    version: str
    config: str
    digest: str
    out: str
    shared: str
    address: str

    def lacking(self) -> str:
        """Return what this machine lacks, empty where it has all."""
        if (here := _version()) != self.version:
            return f"it has version {here} of the runbook, and this one is {self.version}"
        config = Path(self.config)
        if not config.is_file():
            return f"it has no {config}: the tenants file must lie there at the same path"
        if self.digest and _digest(config) != self.digest:
            return f"its {config} is another one"
        if self.out and not Path(self.out, self.shared).is_file():
            return f"it does not see the folder {self.out} of this machine: reports need a shared one, or an address"
        return ""


def checked(address: str) -> str:
    """Return *address* if tenants may travel to it: by TLS, or without on loopback.

    Raises:
        ConfigurationError: They may not; the text says why.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or port is None:
        raise ConfigurationError(f"--dask: found {address!r}; expected tls://HOST:PORT.")
    if parts.scheme == "tls" or (parts.scheme == "tcp" and _is_loopback(host)):
        return address
    if parts.scheme == "tcp":
        raise ConfigurationError(
            f"--dask: {address} is not encrypted, and whoever reaches a cluster like this can run anything on it.",
            remedy="Expected tls://HOST:PORT; tcp:// is for a cluster on this machine's loopback.",
        )
    raise ConfigurationError(f"--dask: found {parts.scheme}://; expected tls://HOST:PORT.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def gathered(
    address: str, place: Place, jobs: Sequence[Job], *, most: int = 0, command: Sequence[str] | None = None
) -> Iterator[list[Hand]]:
    """Yield those who do tenants on a cluster, one for each that is to run at a time.

    Args:
        address: The scheduler's.
        place: Where reports go.
        jobs: What is to be done.
        most: How many at a time; 0 for as many as the cluster has threads.
        command: What starts a worker there; None for the one of its own installation.

    Raises:
        ConfigurationError: The address is none for tenants, Dask or its certificates are missing, or a machine of the
            cluster lacks something.
        UnreachableError: The cluster did not answer.
    """
    client = _connected(checked(address))
    try:
        with _shared(place) as shared:
            config = Path(jobs[0].config)
            out = "" if place.elsewhere else str(place.folder)
            to = place.shown if place.elsewhere else ""
            needs = _Needs(_version(), str(config), _digest(config), out, shared, to)
            cluster = _Cluster(client, needs, command)
            room = cluster.check()
            hands: list[Hand] = [_Remote(cluster) for _ in range(min(most or room, len(jobs)))]
            yield hands
    finally:
        client.close()


def _connected(address: str) -> Any:
    try:
        distributed: Any = import_module("distributed")
        dask: Any = import_module("dask")
    except ImportError:
        raise ConfigurationError(
            "--dask needs the package distributed, in the version of the cluster.",
            remedy='Install it beside the runbook: .venv/bin/python -m pip install -e ".[dask]"',
        ) from None
    security = None
    if address.startswith("tls:"):
        wanted = ("distributed.comm.tls.ca-file", "distributed.comm.tls.client.cert")
        if missing := [name for name in wanted if not dask.config.get(name, None)]:
            variables = " and ".join(f"DASK_{name.replace('.', '__').replace('-', '_').upper()}" for name in wanted)
            raise ConfigurationError(
                f"--dask: Dask's configuration has no {' and no '.join(missing)}.",
                remedy=f"Name the cluster's files there, or in {variables}; the key in client.key, if it has its own.",
            )
        try:
            security = distributed.Security(require_encryption=True)
            security.get_connection_args("client")
        except OSError as error:
            raise ConfigurationError(f"--dask: the certificates in Dask's configuration: {error}.") from None
    try:
        return distributed.Client(address, security=security, set_as_default=False, timeout=_CONNECT_S)
    except OSError as error:
        raise UnreachableError(f"--dask: {address}: {escape.line(str(error))}", code="unreachable") from None


@contextmanager
def _shared(place: Place) -> Iterator[str]:
    """Leave a file among the reports for the length of the block, by which a machine sees that its folder is ours."""
    path = store.private_folder(place.folder) / f"{_SHARED}{secrets.token_hex(8)}"
    for left in place.folder.glob(f"{_SHARED}*"):
        # Of a run that was killed.
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _SHARED_AGE.total_seconds():
                left.unlink()
    store.write_text(path, "")
    try:
        yield path.name
    finally:
        path.unlink(missing_ok=True)


class _Cluster:
    """The Dask workers as far as a run knows them."""

    def __init__(self, client: Any, needs: _Needs, command: Sequence[str] | None) -> None:
        self.client = client
        self.command = tuple(command) if command else ()
        self.run = secrets.token_hex(8)
        # The file may be edited while the run goes on; that it was the same at the start is what counts.
        self.needs = replace(needs, digest="")
        self._asked = needs
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}
        self._seen_at = -_LOOK_S
        self._busy: dict[str, int] = {}
        self._waiting: list[_Remote] = []

    def check(self) -> int:
        """Return how many tenants can run at a time.

        Raises:
            ConfigurationError: A machine lacks something; the text says which and what.
        """
        threads = self.alive()
        if not threads:
            raise ConfigurationError("--dask: the cluster has no worker.", remedy="Start some, then this again.")
        for at in threads:
            checked(at)
        found = self.client.run(look_there, asdict(self._asked), on_error="return")
        lacking = [f"{at}: {_lack(said)}" for at, said in sorted(found.items()) if said]
        if lacking:
            raise ConfigurationError("--dask: a worker cannot do this.\n" + "\n".join(map(escape.line, lacking)))
        return sum(threads.values())

    def alive(self) -> dict[str, int]:
        """Return how many threads each worker has, by address; asked again after a moment.

        Raises:
            OSError: The scheduler does not answer.
        """
        with self._lock:
            if time.monotonic() - self._seen_at >= _LOOK_S:
                # Its own look, scheduler_info, is written over between asking and answering by a look without workers.
                held = self.client.sync(self.client.scheduler.identity, n_workers=-1)["workers"]
                self._seen = {at: int(worker["nthreads"]) for at, worker in held.items()}
                self._seen_at = time.monotonic()
            return self._seen

    @contextmanager
    def in_line(self, hand: "_Remote") -> Iterator[None]:
        """Have *hand* wait behind those that came before, or who just ended a tenant would always be quicker."""
        with self._lock:
            self._waiting.append(hand)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.remove(hand)

    def take(self, hand: "_Remote") -> str | None:
        """Return the worker with the most room and count a tenant to it; None without room, or for who is not first.

        Raises:
            OSError: The scheduler does not answer.
        """
        threads = self.alive()
        with self._lock:
            room = {at: count - self._busy.get(at, 0) for at, count in threads.items() if _may(at)}
            best = max(room, key=lambda at: room[at], default=None)
            if best is None or room[best] <= 0 or self._waiting[0] is not hand:
                return None
            self._busy[best] = self._busy.get(best, 0) + 1
            return best

    def give_back(self, at: str) -> None:
        """Count one tenant less to a worker."""
        with self._lock:
            self._busy[at] -= 1


def _may(at: str) -> bool:
    try:
        return bool(checked(at))
    except ConfigurationError:
        return False


def _lack(said: object) -> str:
    if isinstance(said, ImportError):
        return f"the runbook is not installed there as it is here ({said})"
    return str(said)


class _Remote:
    """One tenant at a time on the cluster, seen from the fleet as a worker of this machine is."""

    def __init__(self, cluster: _Cluster) -> None:
        self._cluster = cluster
        self._stopped = False

    def dismiss(self) -> None:
        """Take no further job, and cancel the one that runs."""
        self._stopped = True

    def do(self, job: Job, *, limit_s: float | None, killed: str = "", tell: Teller) -> Answer:
        """Have *job* done, as `Worker.do`."""
        try:
            if (at := self._place()) is None:
                why = "interrupted" if self._stopped else "the cluster has no worker"
                return Answer(None, why, passing=True, mute=True)
            try:
                tell(f"at {at}")
                return self._sent(job, at, limit_s, killed)
            finally:
                self._cluster.give_back(at)
        except OSError as error:
            return Answer(None, f"the Dask scheduler does not answer: {error}", passing=True, mute=True)

    def _place(self) -> str | None:
        alive_at = time.monotonic()
        with self._cluster.in_line(self):
            while not self._stopped:
                if at := self._cluster.take(self):
                    return at
                now = time.monotonic()
                alive_at = now if self._cluster.alive() else alive_at
                if now - alive_at > _NO_WORKER_S:
                    return None
                time.sleep(_LOOK_S)
        return None

    def _sent(self, job: Job, at: str, limit_s: float | None, killed: str) -> Answer:
        order = {"job": asdict(job), "limit_s": limit_s, "killed": killed}
        order |= {"needs": asdict(self._cluster.needs), "run": self._cluster.run}
        client, key = self._cluster.client, f"mailauth-{secrets.token_hex(8)}"
        # To one worker only: when that is gone, the fleet decides what becomes of the tenant, and not the scheduler,
        # which would start it elsewhere without a word.
        bound = {"workers": [at], "allow_other_workers": False, "pure": False, "key": key}
        future = client.submit(work_there, json.dumps(order), self._cluster.command, **bound)
        try:
            while not self._stopped:
                try:
                    return Answer.of_row(json.loads(future.result(timeout=_LOOK_S)))
                except TimeoutError:
                    if at not in self._cluster.alive():
                        return Answer(None, f"the Dask worker {at} is gone", passing=True)
            return Answer(None, "interrupted")
        except OSError:
            raise
        except Exception as error:
            # What Dask says of a task that it lost has many types.
            return Answer(None, f"{at}: {type(error).__name__}: {escape.line(str(error))}", passing=True)
        finally:
            with suppress(Exception):
                future.cancel()


# ---- on the cluster


def look_there(needs: Mapping[str, str]) -> str:
    """Return what the machine lacks on which this runs, empty where it has all; *needs* are `_Needs` by name."""
    try:
        session.project()
    except ConfigurationError as error:
        return f"{error} Or set MAILAUTH_ROOT where the worker is started."
    return _Needs(**needs).lacking()


def work_there(order: str, command: Sequence[str] = ()) -> str:
    """Do one tenant in a process beside the Dask worker whose task this is, and return the answer as JSON.

    Args:
        order: A job and what goes with it, as JSON.
        command: What starts that process.
    """
    told = json.loads(order)
    if lack := look_there(told["needs"]):
        return json.dumps(Answer(None, f"the worker on which it ran lacks something: {lack}").row())
    job = Job(**told["job"] | {"notebooks": tuple(told["job"]["notebooks"]), "project": str(session.project())})
    with _hired(tuple(command) or COMMAND) as hand, _ended_with_task(hand):
        return json.dumps(done(hand, job, told).row())


def done(hand: Hand, job: Job, told: Mapping[str, Any]) -> Answer:
    """Have *hand* do a tenant with what it builds on, put what it leaves where reports go, and return the answer.

    Args:
        hand: A worker of this machine.
        job: The tenant's.
        told: The order that holds the job.
    """
    # The folder in which pages are made for an address is the same for every run that has the tenant.
    folder = store.fleet_dir(f"dask-{hashlib.sha256(job.tenant.encode()).hexdigest()[:16]}")
    try:
        with store.lock_folder(folder, job.tenant):
            return _done(hand, job, told, folder / "run")
    except HeldError as error:
        return Answer(Outcome(job.tenant, False, sentence=str(error), ended="held", rehearsal=job.rehearsal))
    except UnreachableError as error:
        return Answer(None, str(error), passing=True)
    except (MailauthError, OSError) as error:
        return Answer(None, f"{type(error).__name__}: {error}")


def _done(hand: Hand, job: Job, told: Mapping[str, Any], note: Path) -> Answer:
    address, killed, run = (str(each) for each in (told["needs"]["address"], told["killed"], told["run"]))
    place = Place(address, apart=True) if address else None
    job = job if place is None else replace(job, out=str(place.folder))
    # Of a process that was killed here, the pages are to show what it reached, and nothing is to lie over that.
    if not (killed and _is_left(note, run)):
        _cleared(job, place, killed=bool(killed))
    store.write_text(note, run)
    answer = hand.do(job, limit_s=told["limit_s"], killed=killed, tell=lambda line: None)
    # What a killed process reached stays for the pages that are asked for next; after a whole run none are.
    if answer.outcome is not None or job.again:
        if place is not None:
            place.hand_over(job.tenant, answer.outcome, again=job.again)
        note.unlink(missing_ok=True)
    return answer


def _is_left(note: Path, run: str) -> bool:
    """Whether the run that is told by *note* is *run*: a process that was killed leaves one, also of long ago."""
    return note.exists() and note.read_text(encoding="utf-8") == run


def _cleared(job: Job, place: Place | None, *, killed: bool) -> None:
    """Remove what another run left of a tenant here, and fetch what the tenant's run builds on."""
    if killed:
        with store.lock(job.tenant):
            store.run_folder(job.tenant, afresh=True)
    if place is not None:
        place.fetch(job.tenant, keep=timedelta(days=job.keep_days))


_idle: dict[Worker, tuple[tuple[str, ...], threading.Timer]] = {}
_idle_lock = threading.Lock()


@contextmanager
def _hired(command: tuple[str, ...]) -> Iterator[Worker]:
    """Yield a worker: one that waits here since the last tenant, or a new one."""
    with _idle_lock:
        found = next((worker for worker, (its, _) in _idle.items() if its == command), None)
        if found is not None:
            _idle.pop(found)[1].cancel()
    worker = found or Worker(store.fleet_dir("dask") / f"worker-{secrets.token_hex(4)}.log", command=command)
    try:
        yield worker
    finally:
        if worker.stopped:
            _let_go(worker)
        else:
            timer = threading.Timer(_IDLE_S, _tire, [worker])
            timer.daemon = True
            with _idle_lock:
                _idle[worker] = command, timer
            timer.start()


def _tire(worker: Worker) -> None:
    with _idle_lock:
        # Taken at the last moment, it is nobody's to end.
        if _idle.pop(worker, None) is None:
            return
    _let_go(worker)


def _let_go(worker: Worker) -> None:
    close([worker])
    worker.errors.unlink(missing_ok=True)


@contextmanager
def _ended_with_task(hand: Worker) -> Iterator[None]:
    """End what *hand* does when the task of this thread is cancelled: also when whoever sent it is gone."""
    dask: Any = import_module("distributed").get_worker()
    key = dask.get_current_task()

    def watch(over: threading.Event) -> None:
        while not over.wait(_LOOK_S):
            task = dask.state.tasks.get(key)
            if task is None or task.state == "cancelled":
                close([hand])
                return

    with beside(watch):
        yield


def _version() -> str:
    return metadata.version("mailauth-runbook")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
