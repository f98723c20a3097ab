"""A tenant's files on this machine and at an address: what is fetched, what is put, and what is taken away.

Another machine may be at work on the same address, a night before or after this one. So nothing is removed there that
this machine did not see there itself, and nothing is put there that did not change here.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from mailauth.errors import UnreachableError
from mailauth.services import store
from mailauth.services.addresses import Address

__all__ = ["Copies"]

_EVIDENCE, _HISTORY, _TABLES = "evidence", "history", "tables"
_KNOWN = ".there.json"
# A report looks at the one before it, which may be of the same run, and at the first.
_YOUNGEST = 2
_AGES = timedelta(days=36_500)


@dataclass(frozen=True)
class _Seen:
    """A file as it was when it was last the same here and there.

    Args:
        digest: What it held.
        version: What the address said of it; empty where that was not asked.
    """

    digest: str
    version: str = ""


class Copies:
    """A tenant's files.

    Args:
        remote: The address of all reports.
        folder: The tenant's folder on this machine.
        keep: How long history stays there; None for as long as nobody says.
    """

    def __init__(self, remote: Address, folder: Path, *, keep: timedelta | None = None) -> None:
        self._remote, self._folder, self._keep = remote, folder, keep
        self._tenant = folder.name

    def fetch(self) -> None:
        """Fetch what a run builds on, where it is not here: the evidence, and of its history the youngest and oldest.

        Raises:
            UnreachableError: The address does not give it.
        """
        known = self._known()
        there = self._versions(_EVIDENCE)
        for name, version in there.items():
            path, seen = self._folder / name, known.get(name)
            if not path.exists() or seen is None or seen.version != version:
                self._take(name, path, seen)
                known[name] = _Seen(_digest(path), version)
        # A folder that is gone whole was not left so by a run.
        for name in [each for each in known if there and each.startswith(f"{_EVIDENCE}/") and each not in there]:
            (self._folder / name).unlink(missing_ok=True)
            del known[name]
        for name in _needed(self._versions(_HISTORY)):
            if not (self._folder / name).exists():
                self._take(name, self._folder / name, None)
                known[name] = _Seen(_digest(self._folder / name))
        self._note(known)

    def put(self) -> None:
        """Put there what changed here, what leads to it last, and take away what a run here removed or is too old.

        Raises:
            UnreachableError: The address does not take it; what it took is found out when this is tried again.
        """
        known, here = self._known(), self._here()
        there = {name: version for part in ("", _EVIDENCE, _HISTORY) for name, version in self._versions(part).items()}
        changed = [name for name in here if self._differs(name, here[name], known, there)]
        changed.sort(key=lambda name: (name == "index.html", not name.startswith(_HISTORY)))
        self._remote.put({f"{self._tenant}/{name}": self._folder / name for name in changed})
        gone = [name for name in known if name.startswith((f"{_EVIDENCE}/", f"{_TABLES}/")) and name not in here]
        old = [name for name in there if name.startswith(f"{_HISTORY}/") and self._expired(name)]
        self._remote.remove(f"{self._tenant}/{name}" for name in (*gone, *old))
        versions = self._versions(_EVIDENCE) if changed else there
        kept = {name: seen for name, seen in known.items() if name in here}
        put = {name: _Seen(here[name], versions.get(name, "")) for name in changed}
        self._note(kept | put)

    def late(self) -> bool:
        """Whether something here was never put there."""
        known = self._known()
        return any(name not in known or known[name].digest != digest for name, digest in self._here().items())

    def _differs(self, name: str, digest: str, known: Mapping[str, _Seen], there: Mapping[str, str]) -> bool:
        if name.startswith(f"{_HISTORY}/"):
            # It never changes, but another machine may have found it too old.
            return name not in there and not self._expired(name)
        # Tables that another machine made fewer of are not to come back.
        lost = not name.startswith(f"{_TABLES}/") and name not in there
        return lost or name not in known or known[name].digest != digest

    def _take(self, name: str, path: Path, seen: _Seen | None) -> None:
        content = self._remote.read(f"{self._tenant}/{name}")
        if content is None:
            raise UnreachableError(f"{self._remote.text}: {self._tenant}/{name} was listed and is gone.")
        if path.exists() and path.read_bytes() == content:
            return
        if path.exists() and (seen is None or seen.digest != _digest(path)):
            # Made here and never put there: a finding of its night all the same.
            store.retire(self._folder, path.stem, keep=self._keep or _AGES)
        store.write_bytes(path, content)

    def _expired(self, name: str) -> bool:
        return self._keep is not None and store.expired(name, self._keep)

    def _versions(self, part: str) -> dict[str, str]:
        """Return what the address says of each file of a part, by its name below the tenant's folder."""
        found = self._remote.versions(f"{self._tenant}/{part}" if part else self._tenant)
        wanted = {name: version for name, version in found.items() if not part or name.endswith(".json")}
        return {f"{part}/{name}" if part else name: version for name, version in wanted.items()}

    def _here(self) -> dict[str, str]:
        """Return the digest of each file here, by its name below the tenant's folder."""
        found = (path for path in sorted(self._folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
        return {path.relative_to(self._folder).as_posix(): _digest(path) for path in found}

    def _known(self) -> dict[str, _Seen]:
        try:
            held = json.loads((self._folder / _KNOWN).read_text(encoding="utf-8"))
            return {str(name): _Seen(str(digest), str(version)) for name, (digest, version) in held.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _note(self, known: Mapping[str, _Seen]) -> None:
        held = {name: [seen.digest, seen.version] for name, seen in sorted(known.items())}
        store.write_text(self._folder / _KNOWN, json.dumps(held))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _needed(history: Iterable[str]) -> Iterator[str]:
    """Yield the youngest and the oldest of each notebook's; their names end with the time."""
    by_notebook = defaultdict[str, list[str]](list)
    for name in sorted(history):
        by_notebook[name.partition(".")[0]].append(name)
    for names in by_notebook.values():
        yield from dict.fromkeys((names[0], *names[-_YOUNGEST:]))
