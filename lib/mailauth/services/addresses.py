"""Where reports go: a folder of this machine, or an address that fsspec can reach, such as an object store.

A service's credentials are what its own package finds: the environment, a managed or workload identity, its files.
"""

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from mailauth import escape
from mailauth.errors import ConfigurationError, UnreachableError

__all__ = ["Address", "folder_of", "relative"]

# Two letters at least, because one is a drive of Windows.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)
# What services say of a file that is another when the file is; the time of the last look is none of it.
_VERSION = (
    "ETag",
    "LastModified",
    "content_md5",
    "created",
    "etag",
    "generation",
    "last_modified",
    "last_write_time",
    "md5Hash",
    "modified",
    "modify",
    "mtime",
    "size",
    "updated",
)
# There, what is written is seen when it is whole. Elsewhere it is written beside its place and moved.
_WHOLE = frozenset({"abfs", "abfss", "adl", "az", "gcs", "gs", "memory", "oci", "oss", "s3", "s3a"})


def folder_of(address: str) -> Path | None:
    """Return the folder that *address* names on this machine, as an absolute path, or None where it is elsewhere."""
    scheme = _SCHEME.match(address)
    if scheme is None:
        return Path(address).resolve()
    if scheme.group(1).lower() in ("file", "local"):
        parts = urlsplit(address)
        if parts.netloc not in ("", "localhost"):
            raise ConfigurationError(f"{address}: found the host {parts.netloc!r}; expected file:///FOLDER.")
        return Path(url2pathname(unquote(parts.path))).resolve()
    return None


class Address:
    """A folder somewhere else.

    Args:
        text: Its address, such as ``s3://bucket/reports``.

    Raises:
        ConfigurationError: The address holds a password, nothing installed can reach it, or it is none.
    """

    def __init__(self, text: str) -> None:
        parts = urlsplit(text)
        if parts.password:
            # Not repeated: this text ends in logs.
            raise ConfigurationError(
                f"The {parts.scheme} address holds a password.",
                remedy="Leave it out; the package that reaches it finds its own in the environment.",
            )
        self.text = text.rstrip("/")
        self._scheme = parts.scheme.lower()
        self._fs, self._root = _opened(self.text, self._scheme)

    def read(self, name: str) -> bytes | None:
        """Return what the file *name* holds, or None where there is none."""
        try:
            content: bytes = self._fs.cat_file(self._at(name))
        except FileNotFoundError:
            return None
        except Exception as error:
            raise self._unreachable(error) from None
        return content

    def names(self, folder: str = "") -> list[str]:
        """Return the names of the files and folders in *folder*, none where there is none."""
        try:
            found = self._fs.ls(self._at(folder), detail=False)
        except FileNotFoundError:
            return []
        except Exception as error:
            raise self._unreachable(error) from None
        return sorted(posixpath.basename(str(path).rstrip("/")) for path in found)

    def versions(self, folder: str) -> dict[str, str]:
        """Return, by name, what is another text when the file in *folder* is another; nothing where there is none."""
        place = self._at(folder)
        try:
            # What other machines put there since is not among what was listed before.
            self._fs.invalidate_cache(place)
            found = [each for each in self._fs.ls(place, detail=True) if each["type"] == "file"]
        except FileNotFoundError:
            return {}
        except Exception as error:
            raise self._unreachable(error) from None
        said = {str(each["name"]): [str(each[name]) for name in _VERSION if name in each] for each in found}
        return {posixpath.basename(name): " ".join(version) for name, version in said.items()}

    def put(self, files: Mapping[str, Path]) -> None:
        """Copy files there, in order: each name from its path. A reader finds the old or the new one, never a part."""
        try:
            for name, path in files.items():
                self._put(self._at(name), path)
        except Exception as error:
            raise self._unreachable(error) from None

    def remove(self, names: Iterable[str]) -> None:
        """Remove files there; what is gone already is no matter."""
        for name in names:
            try:
                self._fs.rm_file(self._at(name))
            except FileNotFoundError:
                continue
            except Exception as error:
                raise self._unreachable(error) from None

    def remove_folder(self, name: str) -> bool:
        """Remove a folder with all that is in it; return whether there was one."""
        place = self._at(name)
        try:
            there: bool = self._fs.exists(place)
            if there:
                self._fs.rm(place, recursive=True)
        except Exception as error:
            raise self._unreachable(error) from None
        return there

    def _put(self, place: str, path: Path) -> None:
        self._fs.makedirs(posixpath.dirname(place), exist_ok=True)
        if self._scheme in _WHOLE:
            self._fs.put_file(str(path), place)
            return
        beside = posixpath.join(posixpath.dirname(place), f".{posixpath.basename(place)}.part")
        self._fs.put_file(str(path), beside)
        self._fs.mv(beside, place)

    def _at(self, name: str) -> str:
        return posixpath.join(self._root, name) if name else self._root

    def _unreachable(self, error: Exception) -> UnreachableError:
        said = escape.line(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)
        return UnreachableError(f"{self.text}: {type(error).__name__}: {said}", code="unreachable")


def _opened(text: str, scheme: str) -> tuple[Any, str]:
    try:
        fsspec: Any = import_module("fsspec")
    except ImportError:
        raise ConfigurationError(
            f"{text}: an address like this needs fsspec.",
            remedy="Install it beside the runbook: .venv/bin/python -m pip install fsspec",
        ) from None
    try:
        found, root = fsspec.core.url_to_fs(text)
    except ImportError as error:
        raise ConfigurationError(
            f"{text}: {error}.",
            remedy=f"{scheme}: addresses need it beside the runbook: .venv/bin/python -m pip install …",
        ) from None
    except ValueError as error:
        raise ConfigurationError(
            f"{text}: {error}.", remedy="Expected a folder, or an address such as s3://bucket/reports."
        ) from None
    except Exception as error:
        raise UnreachableError(f"{text}: {type(error).__name__}: {escape.line(str(error))}") from None
    return found, str(root).rstrip("/")


def relative(address: str, start: str) -> str | None:
    """Return how *address* is reached from *start* by a link, or None where no relative link leads there."""
    here, there = folder_of(start), folder_of(address)
    if here is not None and there is not None:
        try:
            return Path(os.path.relpath(there, here)).as_posix()
        except ValueError:  # another drive
            return None
    if here is not None or there is not None:
        return None
    one, other = urlsplit(start), urlsplit(address)
    if (one.scheme, one.netloc) != (other.scheme, other.netloc):
        return None
    return posixpath.relpath(other.path or "/", one.path or "/")
