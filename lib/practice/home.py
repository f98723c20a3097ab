"""A practice home on disk: today's stories as files and rows, the tenants' states, and the tenants file that names all.

The stories are told relative to today, so their files and rows are made anew when the (UTC) day changes, or this
package does. What an engineer changed in a tenant is its state, and stays. One process writes here (`serving`).
"""

import hashlib
import io
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from . import credentials, tenants, whole
from .access import Reporting
from .attending import TENANTS
from .cloud import Cloud
from .ledger import Copy, copies
from .signins import SEED, deliveries, events
from .world import World

__all__ = ["Home", "fill"]

# A notebook that was opened on the old files may still be reading them.
_GRACE_S: Final = 24 * 3_600
# Long enough for a fortnight of whole days without a password.
_MOVED: Final = timedelta(days=15)
_SUPERSEDED: Final = ".superseded"
_HEADER: Final = (
    "# The practice tenants: invented, written by the practice cloud when it starts. Changes here are lost;\n"
    "# the files in decisions are yours to change, and so are the tenants themselves.\n"
)


class Home:
    """The folder of a running practice cloud.

    Args:
        folder: Made for its owner alone.
        practice: The cloud that runs on it.
        today: Gives the UTC day that the stories are told on.
    """

    def __init__(
        self, folder: Path, practice: Cloud, *, today: Callable[[], date] = lambda: datetime.now(UTC).date()
    ) -> None:
        self._folder = folder
        self._today = today
        self._practice = practice
        self._told = ""
        self._refreshing = threading.Lock()
        self.credentials = credentials.kept(folder / "keys", tenants.NAMES)

    def refresh(self) -> None:
        """Have today's stories in place; nothing to do is the usual case."""
        with self._refreshing:
            self._refresh()

    def reset(self, names: Sequence[str]) -> None:
        """Make the tenants of these names as they were at first; what happened in them since is forgotten."""
        backend = self._practice.backend
        with self._refreshing:
            self._make(names)
            for name in names:
                self._decide(name, self._today(), anew=True)
                # What the runbook made there, and noted beside the tenants file, is gone with it.
                (self._folder / "state" / f"{name}.yaml").unlink(missing_ok=True)
                tenant_id = tenants.world_of(name).tenant_id
                backend.ledger.forget(tenant_id)
                for forget in backend.forget:
                    forget(tenant_id)
            self._refresh()

    def move(self, name: str, account: str) -> str:
        """Have an account of a tenant send with a token, and no password, since a while; return what is wrong with it.

        The story is told anew, as weeks cannot be waited for in a rehearsal: records and reports then show what they
        would show of a sender that was moved so long ago.
        """
        world = tenants.world_of(name)
        address = world.address(account).lower()
        if address not in world.password_senders:
            return f"found {account!r}; expected one of {', '.join(sorted(world.password_senders)) or 'none there is'}"
        with self._refreshing:
            with self._practice.states.changing(name) as tenant:
                tenant.moved = {**tenant.moved, address: self._today() - _MOVED}
            self._refresh()
        return ""

    def _refresh(self) -> None:
        today = self._today()
        edition = f"{today.isoformat()}-{_edition()}{self._moves(*tenants.NAMES)}"
        if self._told != edition or not self._is_whole(edition):
            self._tell(today, edition)
            self._told = edition

    def _moved(self, name: str) -> Mapping[str, date]:
        held = self._practice.states.find(name)
        return held.moved if held else {}

    def _moves(self, *names: str) -> str:
        """Return what tells an edition in which somebody has moved from the others; empty where nobody has."""
        moved = [(name, *each) for name in names for each in sorted(self._moved(name).items())]
        return f"-{_digest(repr(moved).encode())[:8]}" if moved else ""

    def _story(self, name: str) -> World:
        world = tenants.world_of(name).moved(self._moved(name), self._today())
        with self._practice.states.reading(name) as tenant:
            return replace(world, reporting=Reporting(tenant.directory.model_copy(deep=True)))

    def _is_whole(self, edition: str) -> bool:
        """Whether nobody has taken anything away since the stories were told."""
        files = (self._folder / TENANTS, *(self._decisions(name) for name in tenants.NAMES))
        day = self._folder / "days" / edition
        return all(path.exists() for path in (*files, *(day / name for name in tenants.NAMES)))

    def _tell(self, today: date, edition: str) -> None:
        days = self._folder / "days"
        days.mkdir(mode=0o700, exist_ok=True)
        day = days / edition
        self._make([name for name in tenants.NAMES if self._practice.states.find(name) is None])
        if not all((day / name).is_dir() for name in tenants.NAMES):
            shutil.rmtree(day, ignore_errors=True)
            fill(day, today, told=self._story)
        for name in tenants.NAMES:
            with self._practice.states.changing(name) as tenant:
                tenants.add_operator(tenant, self.credentials[name])
            world, own = self._story(name), f"{today.isoformat()}-{_edition()}{self._moves(name)}"
            self._practice.backend.ledger.fill(world.tenant_id, own, partial(_rows, world, today))
            self._decide(name, today)
        self._write_tenants(day)
        _clear(days, keep=day)

    def _decisions(self, name: str) -> Path:
        return self._folder / "decisions" / f"{name}.yaml"

    def _decide(self, name: str, today: date, *, anew: bool = False) -> None:
        """Have a tenant's decisions in place: today's, unless a person has changed them."""
        path = self._decisions(name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        mark = path.with_name(f".{name}.sha256")
        if not anew and path.exists() and mark.exists() and _digest(path.read_bytes()) != mark.read_text("ascii"):
            return
        text = tenants.decided(name, today).encode()
        whole.write(path, text)
        whole.write(mark, _digest(text))

    def _make(self, names: Sequence[str]) -> None:
        """Make tenants from their stories, whatever they were before."""
        now = datetime.now(UTC)
        for name in names:
            self._practice.states.put(tenants.build(name, now, self.credentials[name]))

    def _write_tenants(self, day: Path) -> None:
        where = day.relative_to(self._folder).as_posix()
        content = {
            "clouds": {"practice": {**self._practice.entry(), "ca_file": "ca.pem"}},
            "tenants": [tenants.entry(name, where) for name in tenants.NAMES],
            "defaults": {"tenant": tenants.DEFAULT, "partner": tenants.PARTNER},
        }
        text = io.StringIO(newline="\n")
        YAML(typ="safe", pure=True).dump(content, text)
        whole.write(self._folder / TENANTS, _HEADER + text.getvalue())


def _rows(world: World, today: date) -> Iterator[Copy]:
    return copies(world, deliveries(events(world, today), today))


def fill(folder: Path, today: date, *, told: Callable[[str], World] = tenants.world_of) -> None:
    """Write a day's exports to *folder*, whole or not at all; *told* gives a tenant's story."""
    # mkdtemp makes a folder for its owner alone.
    unfinished = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        tenants.write_exports(unfinished, today, told=told)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _clear(days: Path, *, keep: Path) -> None:
    """Remove the days that were superseded long enough ago."""
    (keep / _SUPERSEDED).unlink(missing_ok=True)
    for folder in days.iterdir():
        mark = folder / _SUPERSEDED
        if folder != keep and not mark.exists():
            mark.touch()
        elif folder != keep and time.time() - mark.stat().st_mtime > _GRACE_S:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def _edition() -> str:
    """Return a short name for what this package would write: its own text, and the seed."""
    digest = hashlib.sha256(str(SEED).encode())
    for module in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()[:8]
