"""What a whole run of a tenant left, kept aside while the tenant is tried once more: a worse end must not cost it."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mailauth.services import store

__all__ = ["kept"]

# Who was killed lets go of the tenant in a moment.
_WAIT_S = 20


@contextmanager
def kept(tenant: str, pages: Path) -> Iterator[Callable[[], None]]:
    """Keep a tenant's pages and evidence for the length of the block, and yield what puts them back.

    Args:
        tenant: Its name in the tenants file.
        pages: The folder in which they lie.

    Raises:
        StorageError: They cannot be kept.
        HeldError: They cannot be put back, because another run has the tenant: they are its own by then.
    """
    aside = store.aside_dir(tenant)

    def put_back() -> None:
        with store.lock(tenant, wait_s=_WAIT_S):
            _mirror(aside, pages)

    try:
        _mirror(pages, aside)
        yield put_back
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _mirror(source: Path, target: Path) -> None:
    """Make the files below *target* those below *source*, each of them whole at any time."""
    wanted = _files(source)
    for name in wanted:
        content = (source / name).read_bytes()
        if not (target / name).is_file() or (target / name).read_bytes() != content:
            store.write_bytes(target / name, content)
    for name in _files(target) - wanted:
        (target / name).unlink(missing_ok=True)


def _files(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
