"""What is given away, on this machine: the key of its pseudonyms, and folders that appear whole or not at all."""

import contextlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from mailauth.errors import EvidenceError, MailauthError

from . import store

__all__ = ["another_key", "begun", "keep_key", "key", "past", "records", "removed", "staged"]

_BYTES: Final = 32
_WAIT_S: Final = 10
_STAGE: Final = ".making-"
_OLD: Final = ".old-"


def key() -> bytes:
    """Return the key that the pseudonyms of this machine are made with; made at random if need be.

    Raises:
        MailauthError: The file does not hold a key, or cannot be written.
    """
    path = _place()
    _made_once(path)
    held = path.read_bytes()
    if len(held) != _BYTES:
        raise MailauthError(
            f"{path.name}: found {len(held)} bytes; expected {_BYTES}.",
            remedy="Put the file back from a copy, or make another key with --new-key: the names change with it.",
        )
    return held


def another_key() -> bytes:
    """Return a key made at random, which takes nothing's place yet."""
    return secrets.token_bytes(_BYTES)


def keep_key(made: bytes) -> None:
    """Put a key in the place of the one before it. With that one goes the way back from every name it gave."""
    store.write_bytes(_place(), made)


def _place() -> Path:
    return store.private_folder(store.home()) / "pseudonyms.key"


def _made_once(path: Path) -> None:
    if path.exists():
        return
    # Two runs that begin at once must not each have a key: whoever comes second waits, and finds the file there.
    with store.lock_folder(path.parent / "sharing", path.name, wait_s=_WAIT_S):
        if not path.exists():
            store.write_bytes(path, another_key())


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

    Where the block fails, nothing of it is left, and *folder* is as it was. All files get one time of change: the order
    in which they were made is the order of the names behind the pseudonyms.

    Raises:
        MailauthError: An entry cannot be moved to its place; what was there before stays.
    """
    store.private_folder(folder)
    _tidy(folder)
    stage = Path(tempfile.mkdtemp(prefix=_STAGE, dir=folder))
    try:
        yield stage
        now = time.time()
        for path in (*stage.rglob("*"), stage):
            os.utime(path, (now, now))
        for made in sorted(stage.iterdir()):
            _take_place(made, folder / made.name)
    except BaseException:
        _remove_empty(stage, folder)
        raise
    shutil.rmtree(stage)


def _tidy(folder: Path) -> None:
    """Remove what a run that was killed left, and put back what it had moved aside."""
    for stage in folder.glob(f"{_STAGE}*"):
        shutil.rmtree(stage)
    for old in folder.glob(f"{_OLD}*"):
        target = old.with_name(old.name.removeprefix(_OLD))
        if target.exists():
            shutil.rmtree(old)
        else:
            old.rename(target)


def _take_place(made: Path, target: Path) -> None:
    old = target.with_name(f"{_OLD}{target.name}")
    try:
        if target.is_dir():
            target.rename(old)
        made.replace(target)
    except OSError as error:
        if old.is_dir() and not target.exists():
            old.rename(target)
        raise MailauthError(
            f"{target.name} cannot be put in its place: {error.strerror or error}.",
            remedy="Close what has a file in that folder open, and run the command again.",
        ) from None
    if old.is_dir():
        shutil.rmtree(old)


def _remove_empty(stage: Path, folder: Path) -> None:
    """Remove the stage, and the folder where nothing else is in it."""
    shutil.rmtree(stage, ignore_errors=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
