"""Reports that go somewhere else: made on this machine, then put there whole, what leads to them last."""

import concurrent.futures
import hashlib
import re
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import PurePosixPath
from urllib.parse import quote

from mailauth.errors import EvidenceError, MailauthError
from mailauth.services import store
from mailauth.services.addresses import Address, folder_of, relative

from . import outcomes
from .copies import Copies
from .journal import joined, log_of, logs, with_older
from .outcomes import FLEET, Outcome

__all__ = ["Place", "join", "shard_file"]

_SHARD = re.compile(r"fleet-\d+-of-\d+\.json")


def shard_file(first: int, count: int) -> str:
    """Return the name of the file in which a shard hands in its outcomes."""
    return f"fleet-{first}-of-{count}.json"


class Place:
    """Where reports go: *folder* is where they are made, on this machine in any case.

    Args:
        address: A folder, or an address that fsspec can reach.
        apart: Whether tenants are made here that another machine has charge of: what goes to the address is made in
            a folder that nothing else uses.

    Raises:
        ConfigurationError: The address is none, or nothing installed can reach it.
    """

    def __init__(self, address: str, *, apart: bool = False) -> None:
        here = folder_of(address)
        self._remote = None if here is not None else Address(address)
        # The name of the folder says nothing of the address: it holds a customer's pages.
        self.folder = here if here is not None else store.staging_dir(_name(address) + "-apart" * apart)
        self.shown = str(here) if here is not None else address.rstrip("/")
        self._keep: Mapping[str, timedelta] = {}
        # Of each its own thread: a slow address holds neither the tenants' order nor their pages up.
        self._fetching, self._putting = (concurrent.futures.ThreadPoolExecutor(1) for _ in range(2))
        self._fetched: dict[str, concurrent.futures.Future[None]] = {}
        self._put: dict[str, concurrent.futures.Future[None] | None] = {}
        # What they were when the run began; whoever begins none has no log to put.
        self._logs: dict[str, bytes | None] = {}

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            # Whoever looks why nothing came looks there. That it cannot be put is no news beside what went wrong.
            with suppress(MailauthError):
                self._put_logs()
        for pool in (self._fetching, self._putting):
            pool.shutdown(wait=False, cancel_futures=True)

    @property
    def elsewhere(self) -> bool:
        """Whether the reports leave this machine."""
        return self._remote is not None

    def begin(self, keep: Mapping[str, timedelta], *, shard: str = "") -> None:
        """Fetch what earlier runs left there and this one goes on with: the fleet's file, the log, in time the tenants.

        Args:
            keep: The tenants that are to run, in order, and how long the history of each is kept.
            shard: The file of this shard, whose log is another than the fleet's.

        Raises:
            UnreachableError: The address does not answer.
        """
        if self._remote is None:
            return
        if (held := self._remote.read(FLEET)) is not None:
            store.write_bytes(self.folder / FLEET, held)
            for row in _rows(held, f"{self.shown}/{FLEET}"):
                store.private_folder(self.folder / row.tenant)
        self._fetch_log(log_of(shard))
        self._keep = keep
        for tenant in keep:
            self._fetched[tenant] = self._fetching.submit(self._copies(tenant).fetch)

    def ready(self, tenant: str) -> None:
        """Wait until what a tenant's run builds on is here.

        Raises:
            UnreachableError: The address does not give it; asked again, this tries again.
        """
        if (future := self._fetched.get(tenant)) is None:
            return
        try:
            future.result()
        except MailauthError:
            self._fetched[tenant] = self._fetching.submit(self._copies(tenant).fetch)
            raise

    def fetch(self, tenant: str, *, keep: timedelta) -> None:
        """Fetch a tenant's evidence in place of whatever an earlier run left on this machine.

        Args:
            tenant: Its name.
            keep: How long its history is kept.

        Raises:
            UnreachableError: The address does not give it.
        """
        shutil.rmtree(self.folder / tenant, ignore_errors=True)
        self._keep = {**self._keep, tenant: keep}
        self._copies(tenant).fetch()

    def hand_over(self, tenant: str, outcome: Outcome | None, *, again: bool = False) -> None:
        """Put a tenant's pages there and keep nothing here.

        Args:
            tenant: Its name.
            outcome: What came of it, or None where its process died.
            again: Whether those of a whole run of this night lie there: then only another one's are put.

        Raises:
            UnreachableError: The address does not take them.
        """
        if outcome is not None and outcome.ended != "held" and (outcome.assessed or not again):
            self._copies(tenant).put()
        shutil.rmtree(self.folder / tenant, ignore_errors=True)

    def has_page(self, tenant: str) -> bool:
        """Whether a tenant's page lies there.

        Raises:
            UnreachableError: The address does not say.
        """
        if self._remote is None:
            return (self.folder / tenant / "index.html").is_file()
        return "index.html" in self._remote.names(tenant)

    def ended(self, outcome: Outcome) -> None:
        """Have a tenant's pages put there, whatever came of it; where that fails, `end` tries again."""
        if self._remote is not None:
            held = outcome.ended == "held"
            self._put[outcome.tenant] = None if held else self._putting.submit(self._copies(outcome.tenant).put)

    def _copies(self, tenant: str) -> Copies:
        assert self._remote is not None
        return Copies(self._remote, self.folder / tenant, keep=self._keep.get(tenant))

    def forget(self, tenant: str) -> list[str]:
        """Remove a tenant's pages there and fetch what leads to the others; return the address that is gone, if any."""
        if self._remote is None:
            return []
        self.begin({})
        for name in logs(self._remote.names()):
            self._fetch_log(name)
        # What marks on this machine that it has pages there.
        shutil.rmtree(self.folder / tenant, ignore_errors=True)
        return [f"{self.shown}/{tenant}"] if self._remote.remove_folder(tenant) else []

    def _fetch_log(self, name: str) -> None:
        """Fetch a log with its older files, so that what is turned over here is so at the address as well."""
        assert self._remote is not None
        there = {each: self._remote.read(each) for each in with_older(name)}
        self._logs |= there
        if all(content is None for content in there.values()):
            return
        paths = [self.folder / each for each in there]
        here = "".join(path.read_text(encoding="utf-8", errors="replace") for path in paths if path.exists())
        texts = joined([content or b"" for content in there.values()], here)
        for path, content, text in zip(paths, there.values(), texts, strict=True):
            if text or content is not None:
                store.write_text(path, text)
            else:
                path.unlink(missing_ok=True)

    def _put_logs(self) -> None:
        """Put each log there that is another than it was."""
        if self._remote is not None:
            held = {name: self.folder / name for name in self._logs}
            written = {name: path for name, path in held.items() if path.exists()}
            self._remote.put({name: path for name, path in written.items() if path.read_bytes() != self._logs[name]})

    def end(self, *, shard: str = "") -> None:
        """Put there what leads to the pages.

        Args:
            shard: The file of this shard: then only that, because others write the page over all of them as well.

        Raises:
            UnreachableError: The address did not take something; the text says what, and it lies on this machine.
        """
        if self._remote is None:
            return
        concurrent.futures.wait([future for future in self._put.values() if future is not None])
        # What failed, and what was done before this run was taken up and had not arrived.
        for tenant in dict.fromkeys((*self._put, *self._keep)):
            copies, future = self._copies(tenant), self._put.get(tenant)
            failed = future is not None and future.exception() is not None
            if failed or (tenant not in self._put and copies.late()):
                copies.put()
        self._put_logs()
        names = [shard] if shard else [FLEET, "index.html"]
        self._remote.put({name: self.folder / name for name in names})


def join(addresses: Sequence[str], out: str) -> tuple[list[Outcome], str]:
    """Write one page and one file over what shards left; return the rows and the page's address.

    Of a tenant that is in several, the youngest outcome counts.

    Args:
        addresses: Where shards put their reports.
        out: Where the page goes; usually one of them.

    Raises:
        MailauthError: An address holds no fleet's file, or one that is none.
    """
    found: dict[str, Outcome] = {}
    for address in addresses:
        way = relative(address, out)
        for row in _left_at(address):
            page = "" if way is None or not row.page else quote(str(PurePosixPath(way, row.page)))
            if row.tenant not in found or found[row.tenant].made_at < row.made_at:
                found[row.tenant] = replace(row, page=page)
    rows = [found[name] for name in sorted(found)]
    place = Place(out)
    with outcomes.held(place.folder):
        outcomes.draw(place.folder, rows)
    place.end()
    return rows, f"{place.shown}/index.html" if place.elsewhere else str(place.folder / "index.html")


def _left_at(address: str) -> list[Outcome]:
    folder = folder_of(address)
    remote = None if folder is not None else Address(address)
    names = [path.name for path in folder.glob("*.json")] if folder is not None else remote.names() if remote else []
    wanted = sorted(name for name in names if name == FLEET or _SHARD.fullmatch(name))
    if not wanted:
        raise MailauthError(
            f"{address} holds no {FLEET}.", remedy="Name the place that `mailauth report --out` wrote to."
        )
    rows: list[Outcome] = []
    for name in wanted:
        content = (folder / name).read_bytes() if folder is not None else remote.read(name) if remote else None
        rows += _rows(content or b"", f"{address}/{name}")
    return rows


def _rows(content: bytes, where: str) -> list[Outcome]:
    try:
        return outcomes.read(content.decode("utf-8"), where)
    except UnicodeDecodeError:
        raise EvidenceError(f"{where}: not UTF-8.") from None


def _name(address: str) -> str:
    return hashlib.sha256(address.rstrip("/").encode()).hexdigest()[:16]
