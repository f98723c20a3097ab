"""Where the practice tenants' states are kept: one JSON file each, changed whole or not at all.

One process serves a practice home (`cloud` holds its lock), and all its threads come through here.
"""

import itertools
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import whole
from .state import Tenant

__all__ = ["States"]

_LOG = logging.getLogger(__name__)


class States:
    """The tenants of one practice home.

    Args:
        folder: Where the files are; made for its owner only. None keeps everything in memory.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._held: dict[str, Tenant] = {}
        self._text: dict[str, str] = {}
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            whole.clear(folder)
            for path in sorted(folder.glob("*.json")):
                self._read(path)

    def _read(self, path: Path) -> None:
        try:
            self._take(Tenant.read(path.read_bytes()))
        except ValueError as error:
            # Written by another edition of this package, or broken: put aside, so that the tenant is made anew.
            numbered = (path.with_suffix(f".unreadable-{number}") for number in itertools.count(1))
            aside = next(one for one in numbered if not one.exists())
            path.replace(aside)
            _LOG.warning("%s cannot be read and is kept as %s: %s", path.name, aside.name, str(error).splitlines()[0])

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The names of files that could not be read, then or earlier, and are kept."""
        return tuple(sorted(path.name for path in self._folder.glob("*.unreadable-*"))) if self._folder else ()

    @property
    def names(self) -> tuple[str, ...]:
        """The tenants' names."""
        with self._lock:
            return tuple(sorted(one.name for one in self._held.values()))

    def put(self, tenant: Tenant) -> None:
        """Add *tenant*, or set it in place of what its id had."""
        with self._lock:
            self._write(tenant)
            self._take(tenant)

    def find(self, key: str) -> Tenant | None:
        """Return a tenant by id, name or domain; to look at under `reading`, not to change."""
        wanted = key.lower()
        with self._lock:
            if wanted in self._held:
                return self._held[wanted]
            return next((one for one in self._held.values() if wanted == one.name or one.owns(wanted)), None)

    def of_workspace(self, workspace_id: str) -> Tenant | None:
        """Return the tenant whose Log Analytics workspace this is."""
        with self._lock:
            return next(
                (one for one in self._held.values() if workspace_id and one.logs.workspace_id == workspace_id.lower()),
                None,
            )

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold all tenants still."""
        with self._lock:
            yield

    @contextmanager
    def reading(self, key: str) -> Iterator[Tenant]:
        """Hold a tenant still while something is looked up in it.

        Raises:
            LookupError: There is none.
        """
        with self._lock:
            yield self._found(key)

    @contextmanager
    def changing(self, key: str) -> Iterator[Tenant]:
        """Give a tenant to change; it is kept when the block ends well, and is as before when it does not.

        Raises:
            LookupError: There is none.
        """
        with self._lock:
            tenant = self._found(key)
            try:
                yield tenant
                self._write(tenant)
            except BaseException:
                self._take(Tenant.read(self._text[tenant.tenant_id]))
                raise

    def _found(self, key: str) -> Tenant:
        tenant = self.find(key)
        if tenant is None:
            raise LookupError(f"there is no practice tenant {key!r}")
        return tenant

    def _take(self, tenant: Tenant) -> None:
        self._held[tenant.tenant_id] = tenant
        self._text[tenant.tenant_id] = tenant.written()

    def _write(self, tenant: Tenant) -> None:
        text = tenant.written()
        if self._folder is not None:
            whole.write(self._folder / f"{tenant.name}.json", text)
        self._text[tenant.tenant_id] = text
