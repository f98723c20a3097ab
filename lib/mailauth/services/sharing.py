"""What is given away, on this machine: the key of its pseudonyms, and folders that appear whole or not at all."""

import contextlib
import json
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mailauth.errors import EvidenceError, MailauthError

from . import store

__all__ = ["begun", "key", "past", "records", "removed", "staged"]

_BYTES: Final = 32
_WAIT_S: Final = 10
_STAGE: Final = ".making-"
_OLD: Final = ".old-"


def key(*, afresh: bool = False) -> bytes:
    """Return the key that the pseudonyms of this machine are made with; made at random if need be.

    Args:
        afresh: Whether to make another one. With the old one goes the way back from every name it gave.

    Raises:
        MailauthError: The file does not hold a key, or cannot be written.
    """
    path = store.private_folder(store.home()) / "pseudonyms.key"
    if afresh:
        store.write_bytes(path, secrets.token_bytes(_BYTES))
    else:
        _made_once(path)
    held = path.read_bytes()
    if len(held) != _BYTES:
        raise MailauthError(
            f"{path.name}: found {len(held)} bytes; expected {_BYTES}.",
            remedy="Put the file back from a copy, or make another key with --new-key: the names change with it.",
        )
    return held


def _made_once(path: Path) -> None:
    if path.exists():
        return
    # Two runs that begin at once must not each have a key: whoever comes second waits, and finds the file there.
    with store.lock_folder(path.parent / "sharing", path.name, wait_s=_WAIT_S):
        if not path.exists():
            store.write_bytes(path, secrets.token_bytes(_BYTES))


def begun() -> contextlib.AbstractContextManager[None]:
    """Hold what is given away from this machine for the length of the block: one at a time.

    Raises:
        HeldError: Another run holds it.
    """
    return store.lock_folder(store.home() / "sharing", "The edition for others", wait_s=_WAIT_S)


def records(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the evidence in a tenant's folder of reports, by notebook.

    Raises:
        EvidenceError: A file is no JSON object; the text names it.
    """
    return {path.stem: _read(path) for path in sorted((folder / "evidence").glob("[0-9][0-9]-*.json"))}


def past(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the evidence of a tenant's earlier runs; a file that cannot be read is passed over."""
    for path in sorted((folder / "history").glob("*.json"), reverse=True):
        with contextlib.suppress(EvidenceError):
            yield _read(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    if not isinstance(found, dict):
        raise EvidenceError(f"{path.parent.name}/{path.name} cannot be read as a record.")
    return found


def removed(folder: Path) -> tuple[Path, ...]:
    """Remove *folder* where it is one, and return what is gone."""
    if not folder.is_dir():
        return ()
    shutil.rmtree(folder)
    return (folder,)


@contextlib.contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give a new folder to the block; when it is over, what lies there takes its place in *folder*, each entry whole.

    Where the block fails, nothing of it is left, and *folder* is as it was.
    """
    store.private_folder(folder)
    for left in (*folder.glob(f"{_STAGE}*"), *folder.glob(f"{_OLD}*")):
        shutil.rmtree(left)
    stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=folder))
    try:
        yield stage
        for made in sorted(stage.iterdir()):
            _take_place(made, folder / made.name)
    except BaseException:
        _remove_empty(stage, folder)
        raise
    shutil.rmtree(stage)


def _take_place(made: Path, target: Path) -> None:
    if target.is_dir():
        old = target.with_name(f"{_OLD}{target.name}")
        target.rename(old)
        made.rename(target)
        shutil.rmtree(old)
    else:
        made.replace(target)


def _remove_empty(stage: Path, folder: Path) -> None:
    """Remove the stage, and the folder where nothing else is in it."""
    shutil.rmtree(stage, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
