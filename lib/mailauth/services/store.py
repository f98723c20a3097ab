"""What is kept on this machine: written whole or not at all, readable by its owner only.

Reports go where the user says. Caches, the archive of fetched sign-ins and notes for resuming go under
`home`, one folder per tenant name and directory id: a practice tenant and a customer of the same name
never share a row.
"""

import contextlib
import json
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import platformdirs

from mailauth.errors import EvidenceError, HeldError, MailauthError, StorageError

__all__ = [
    "archive_dir",
    "cache_dir",
    "check_writable",
    "expired",
    "fleet_dir",
    "forget",
    "home",
    "link",
    "link_key",
    "lock",
    "lock_folder",
    "mail_sign_in_file",
    "private_folder",
    "retire",
    "run_folder",
    "sign_in_file",
    "staging_dir",
    "sweep",
    "write_bytes",
    "write_evidence",
    "write_text",
]

_TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DIRECTORY_ID = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_PAST = re.compile(r"\.(\d{8}T\d{6}Z)\.json$")
_REPORT = re.compile(r"\d\d-[a-z0-9-]+\.(html|ipynb|json)")
# No directory id begins with a dot.
_RUN = ".run"
_ASIDE = ".aside"
_STAGING = "staging"
# Nobody else names a file so: what is swept is ours.
_PART = ".mailauth.part"
# Writing a file takes a moment; what is older than this was left by a process that is gone.
_PART_S = 60.0
_STAMP = "%Y%m%dT%H%M%SZ"
_LOOK_AGAIN_S = 0.2
# Windows refuses to replace a file for as long as a reader or a virus scanner has it open.
_REPLACE_WAITS_S = (0.05, 0.2, 0.5)


def home() -> Path:
    """Return the folder for what outlives a run: ``MAILAUTH_HOME``, else the platform's place for user data."""
    chosen = os.environ.get("MAILAUTH_HOME", "")
    return Path(chosen).absolute() if chosen else Path(platformdirs.user_data_dir("mailauth", appauthor=False))


def cache_dir(tenant: str, tenant_id: str = "") -> Path:
    """Return the folder for what can be made again from the logs; made if need be."""
    return private_folder(_kept(tenant, tenant_id) / "cache")


def archive_dir(tenant: str, tenant_id: str = "") -> Path:
    """Return the folder for sign-ins that were fetched and will leave the service's log; made if need be."""
    return private_folder(_kept(tenant, tenant_id) / "archive")


def link_key(tenant: str, tenant_id: str = "") -> bytes:
    """Return the key from which this machine makes the state of its consent links; made at random if need be.

    It is kept because an answer may come back days later, when another run has to know it again.
    """
    path = private_folder(_kept(tenant, tenant_id)) / "links.key"
    if not path.exists():
        write_bytes(path, secrets.token_bytes(32))
    return path.read_bytes()


def run_folder(tenant: str, *, afresh: bool) -> Path:
    """Return the folder in which a headless run of the tenant works; for whoever holds the tenant's lock.

    What it is given back with is whatever the last run left that was killed.

    Args:
        tenant: Its name in the tenants file.
        afresh: Whether that is removed.
    """
    folder = _all_kept(tenant) / _RUN
    if afresh and folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
    return private_folder(folder)


def aside_dir(tenant: str) -> Path:
    """Return the folder in which a tenant's reports are kept while they are made once more; made if need be."""
    return private_folder(_all_kept(tenant) / _ASIDE)


def fleet_dir(name: str) -> Path:
    """Return the folder for what a run over many tenants notes on its way; made if need be."""
    return private_folder(home() / "fleet" / name)


def staging_dir(name: str) -> Path:
    """Return the folder in which reports are made that go somewhere else; made if need be."""
    return private_folder(home() / _STAGING / name)


def sign_in_file(tenant: str, tenant_id: str = "") -> Path:
    """Return where a person's sign-in is kept between runs; its folder is made if need be."""
    return private_folder(_kept(tenant, tenant_id)) / "sign-in.bin"


def mail_sign_in_file(tenant: str, tenant_id: str) -> Path:
    """Return where the sign-ins of people with mailboxes are kept between runs; its folder is made if need be."""
    return private_folder(_kept(tenant, tenant_id)) / "mail-sign-in.bin"


def _kept(tenant: str, tenant_id: str) -> Path:
    directory_id = tenant_id.lower() or "unnamed"
    if not _DIRECTORY_ID.fullmatch(directory_id):
        raise MailauthError(f"tenant_id: found {tenant_id!r}; expected a GUID or a domain.")
    return _all_kept(tenant) / directory_id


def _all_kept(tenant: str) -> Path:
    # A name becomes a folder, and folders get removed: nothing that walks out of `home` may pass.
    if not _TENANT.fullmatch(tenant):
        raise MailauthError(f"tenant: found {tenant!r}; expected lower-case letters, digits and hyphens.")
    return home() / "tenants" / tenant


def private_folder(path: Path) -> Path:
    """Return *path* as a folder; it and the parents that it lacks are made for their owner only.

    Raises:
        MailauthError: It is a file, or cannot be made.
    """
    try:
        for folder in reversed((path, *path.parents)):
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{path} cannot be made: {error.strerror}.") from None
    if not path.is_dir():
        raise MailauthError(f"{path} is a file; expected a folder.")
    return path


def check_writable(folder: Path) -> None:
    """Insist that files can be made in *folder*, which is made if need be.

    Raises:
        MailauthError: They cannot.
    """
    private_folder(folder)
    try:
        handle, name = tempfile.mkstemp(prefix=".", suffix=_PART, dir=folder)
    except OSError as error:
        raise StorageError(f"{folder} cannot be written: {error.strerror}.", remedy="Choose another folder.") from None
    os.close(handle)
    Path(name).unlink()


def write_text(path: Path, text: str) -> Path:
    """Write *text* as UTF-8, line ends as they are, and return *path*.

    Raises:
        StorageError: As `write_bytes`.
    """
    # Logs hold halves of surrogate pairs, which UTF-8 cannot; one of them must not cost the page.
    return write_bytes(path, text.encode("utf-8", errors="replace"))


def write_bytes(path: Path, content: bytes) -> Path:
    """Write *content* so that a reader finds the old file or the new one, never a part; return *path*.

    Raises:
        StorageError: It cannot be written: no room, no permission, or another program has it open.
    """
    private_folder(path.parent)
    try:
        _write_whole(path, content)
    except PermissionError:
        raise StorageError(
            f"{path} cannot be written.", remedy="Close the program that has it open, or choose another folder."
        ) from None
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from None
    return path


def _write_whole(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}-", suffix=_PART, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _replace(temporary: Path, path: Path) -> None:
    for wait_s in _REPLACE_WAITS_S:
        try:
            temporary.replace(path)
            return
        except PermissionError:
            time.sleep(wait_s)
    temporary.replace(path)


def link(path: Path, beside: Path) -> Path:
    """Make *path* the same file as *beside*, or a copy where the file system knows no such thing; return *path*.

    Raises:
        StorageError: It cannot be written.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}{_PART}")
    try:
        os.link(beside, temporary)
    except OSError:
        return write_bytes(path, beside.read_bytes())
    try:
        _replace(temporary, path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        # Two names of one file are not replaced by each other: the system leaves both.
        temporary.unlink(missing_ok=True)
    return path


def sweep(folder: Path, *, older_than_s: float = _PART_S) -> None:
    """Remove what writers that were killed left in *folder* and below, where it is older than that."""
    oldest = time.time() - older_than_s
    for left in folder.rglob(f".*{_PART}"):
        with contextlib.suppress(OSError):
            if left.stat().st_mtime <= oldest:
                left.unlink()


def write_evidence(path: Path, record: Mapping[str, object]) -> Path:
    """Write *record* as JSON and return *path*.

    Raises:
        EvidenceError: It holds something that JSON has no word for; nothing was written.
    """
    try:
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise EvidenceError(f"{path.name} cannot be written as JSON: {error}") from None
    return write_text(path, text + "\n")


def retire(folder: Path, name: str, *, keep: timedelta) -> None:
    """Move a notebook's evidence from an earlier run to ``history``, and remove what lies there for longer than *keep*.

    Args:
        folder: The tenant's folder of reports.
        name: The notebook.
        keep: How long evidence stays.
    """
    held = folder / "evidence" / f"{name}.json"
    if held.exists():
        held.replace(private_folder(folder / "history") / f"{name}.{_made_at(held):{_STAMP}}.json")
    for past in (folder / "history").glob(f"{name}.*.json"):
        if expired(past.name, keep):
            past.unlink(missing_ok=True)


def expired(name: str, keep: timedelta) -> bool:
    """Return whether evidence of that name in ``history`` is older than *keep*; not where its name does not say."""
    # Not the file's own time: what was fetched from an address was written today.
    found = _PAST.search(name)
    return found is not None and _moment(found.group(1)) < datetime.now(UTC) - keep


def _moment(stamp: str) -> datetime:
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:  # no day of the calendar, so not of our making
        return datetime.max.replace(tzinfo=UTC)


def _made_at(path: Path) -> datetime:
    """Return when evidence was made: as it says itself, else when its file was written."""
    try:
        return datetime.fromisoformat(json.loads(path.read_text(encoding="utf-8"))["made_at"]).astimezone(UTC)
    except (OSError, ValueError, TypeError, KeyError, OverflowError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def forget(tenant: str, *, reports: Path | None = None, cache_only: bool = False) -> tuple[Path, ...]:
    """Remove what is kept of a tenant and return the folders that are gone.

    Args:
        tenant: Its name in the tenants file.
        reports: The folder of all reports, to remove the tenant's there too, and what was made on this machine for
            an address. A folder of that name which holds no report is left alone: it is somebody else's.
        cache_only: Only what can be made again from the logs; the archive of fetched sign-ins stays.

    Raises:
        MailauthError: The name is none, a run of the tenant is under way, or a folder cannot be removed.
    """
    wanted = sorted(_all_kept(tenant).glob("*/cache")) if cache_only else [_all_kept(tenant)]
    if reports is not None:
        # What went somewhere else was made here.
        places = [reports, *sorted((home() / _STAGING).glob("*"))]
        wanted += [place / tenant for place in places if _holds_reports(place / tenant)]
    with lock(tenant):
        return tuple(folder for folder in wanted if _remove(folder))


def _holds_reports(folder: Path) -> bool:
    if folder.is_symlink() or not folder.is_dir():
        return False
    made = [*folder.iterdir(), *folder.glob("evidence/*")]
    return any(_REPORT.fullmatch(path.name) for path in made)


def _remove(folder: Path) -> bool:
    if not folder.exists():
        return False
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise MailauthError(f"{folder} was not removed whole: {error.strerror}: {error.filename}") from None
    return True


@contextlib.contextmanager
def lock(tenant: str, *, wait_s: float = 0) -> Iterator[None]:
    """Hold a tenant for the length of the block: one run of it at a time.

    The operating system holds the lock, so it ends with the process that took it, however that dies. A
    process that holds it and asks again is refused too.

    Args:
        tenant: Its name in the tenants file.
        wait_s: How long to wait for another run to let go of it.

    Raises:
        HeldError: Another run holds it; the text says which process and since when.
    """
    with _awaited(private_folder(home() / "locks") / f"{_all_kept(tenant).name}.lock", tenant, wait_s):
        yield


@contextlib.contextmanager
def lock_folder(folder: Path, what: str, *, wait_s: float = 0) -> Iterator[None]:
    """Hold *folder* for the length of the block, as `lock` holds a tenant.

    Args:
        folder: Made if need be.
        what: What it stands for, in words.
        wait_s: How long to wait for another run to let go of it.

    Raises:
        HeldError: Another run holds it; the text says which process and since when.
    """
    with _awaited(private_folder(folder) / ".lock", what, wait_s):
        yield


@contextlib.contextmanager
def _awaited(path: Path, what: str, wait_s: float) -> Iterator[None]:
    until = time.monotonic() + wait_s
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(_locked(path, what))
                break
            except HeldError:
                if time.monotonic() >= until:
                    raise
                time.sleep(_LOOK_AGAIN_S)
        yield


@contextlib.contextmanager
def _locked(path: Path, what: str) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _taken(handle):
            raise HeldError(f"{what} is being run already{_holder(handle)}.", remedy="Wait for it to end, or stop it.")
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} since {now}".encode())
        yield
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    os.lseek(handle, 0, os.SEEK_SET)
    text = os.read(handle, 100).decode(errors="replace")
    return f" by {text}" if text else ""


if sys.platform == "win32":
    import msvcrt

    # Beyond the text, because nobody else can read a range that is locked.
    _LOCKED_BYTE = 1024

    def _taken(handle: int) -> bool:
        os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        os.lseek(handle, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def _taken(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
