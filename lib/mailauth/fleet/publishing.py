"""Reports that go somewhere else: made on this machine, then put there whole, what leads to them last."""

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from mailauth.errors import EvidenceError, MailauthError, UnreachableError
from mailauth.services import store
from mailauth.services.addresses import Address, folder_of, relative

from . import outcomes
from .outcomes import FLEET, Outcome

__all__ = ["Place", "join", "shard_file"]

_SHARD = re.compile(r"fleet-\d+-of-\d+\.json")
_FOLDERS = ("evidence", "history", "tables")


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
        self._late: list[Outcome] = []

    @property
    def elsewhere(self) -> bool:
        """Whether the reports leave this machine."""
        return self._remote is not None

    def begin(self, tenants: Iterable[str]) -> None:
        """Fetch what earlier runs left there and this one builds on: the fleet's file, and the tenants' evidence."""
        if self._remote is None:
            return
        if (held := self._remote.read(FLEET)) is not None:
            store.write_bytes(self.folder / FLEET, held)
            known = _rows(held, f"{self.shown}/{FLEET}")
            for row in known:
                store.private_folder(self.folder / row.tenant)
        for tenant in tenants:
            if not (self.folder / tenant / "evidence").exists():
                self._remote.fetch(dict(self._evidence(tenant)))

    def fetch(self, tenant: str) -> None:
        """Fetch a tenant's evidence in place of whatever an earlier run left on this machine.

        Raises:
            UnreachableError: The address does not give it.
        """
        assert self._remote is not None
        shutil.rmtree(self.folder / tenant, ignore_errors=True)
        self._remote.fetch(dict(self._evidence(tenant)))

    def hand_over(self, outcome: Outcome) -> None:
        """Put a tenant's pages there and keep nothing here.

        Raises:
            UnreachableError: The address does not take them.
        """
        self._put(outcome)
        shutil.rmtree(self.folder / outcome.tenant, ignore_errors=True)

    def has_page(self, tenant: str) -> bool:
        """Whether a tenant's page lies there.

        Raises:
            UnreachableError: The address does not say.
        """
        if self._remote is None:
            return (self.folder / tenant / "index.html").is_file()
        return "index.html" in self._remote.names(tenant)

    def _evidence(self, tenant: str) -> Iterator[tuple[str, Path]]:
        assert self._remote is not None
        for folder in ("evidence", "history"):
            for name in self._remote.names(f"{tenant}/{folder}"):
                if name.endswith(".json"):
                    yield f"{tenant}/{folder}/{name}", store.private_folder(self.folder / tenant / folder) / name

    def ended(self, outcome: Outcome) -> None:
        """Put a tenant's pages there, whatever came of it; where that fails, `end` tries again."""
        try:
            self._put(outcome)
        except UnreachableError:
            self._late.append(outcome)

    def _put(self, outcome: Outcome) -> None:
        if self._remote is None or outcome.ended == "held":
            return
        folder = self.folder / outcome.tenant
        for part in _FOLDERS:
            here = {path.name for path in (folder / part).glob("*")}
            gone = [name for name in self._remote.names(f"{outcome.tenant}/{part}") if name not in here]
            self._remote.remove(f"{outcome.tenant}/{part}/{name}" for name in gone)
        found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith(".")]
        found.sort(key=lambda path: path == folder / "index.html")
        self._remote.put({path.relative_to(self.folder).as_posix(): path for path in found})

    def forget(self, tenant: str) -> list[str]:
        """Remove a tenant's pages there and fetch what leads to the others; return the address that is gone, if any."""
        if self._remote is None:
            return []
        self.begin(())
        # What marks on this machine that it has pages there.
        shutil.rmtree(self.folder / tenant, ignore_errors=True)
        return [f"{self.shown}/{tenant}"] if self._remote.remove_folder(tenant) else []

    def end(self, *, shard: str = "") -> None:
        """Put there what leads to the pages.

        Args:
            shard: The file of this shard: then only that, because others write the page over all of them as well.

        Raises:
            UnreachableError: The address did not take something; the text says what, and it lies on this machine.
        """
        for outcome in self._late:
            self._put(outcome)
        if self._remote is not None:
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
