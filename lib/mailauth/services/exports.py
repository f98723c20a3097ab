"""Which files there are, and what each of them is, judged by its first bytes and never by its name.

A folder is walked whole, a pattern may hold ``**``, and a file met twice counts once. What
cannot be opened, or is no sign-in export, comes back with a sentence that says so.
"""

import codecs
import csv
import glob
import io
import json
import os
import re
import stat
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from mailauth import smtp_report

__all__ = ["Export", "Found", "Shape", "Source", "find", "header_names", "recognise"]

Shape = Literal["diagnostic", "graph", "lines", "document", "csv", "portal", "portal apps", "steps", "smtp", "parquet"]
"""``diagnostic`` and ``graph``: JSON Lines that the engine reads itself, enveloped or bare; ``lines``: any other JSON
Lines; ``document``: JSON pages, arrays or printed objects; ``csv``: Log Analytics columns; ``portal``, ``portal apps``
and ``steps``: the three kinds of Entra portal CSV; ``smtp``: the Exchange admin center's report."""

_HEAD: Final = 1 << 16
_LINE_LIMIT: Final = 1 << 26
_PAGE: Final = re.compile(
    r'\s*\{\s*(?:"@[\w.]+"\s*:\s*(?:"(?:[^"\\]|\\.)*"|-?\d+|null|true|false)\s*,\s*)*"(?:value|records)"\s*:\s*\['
)
_MAGIC: Final = {
    b"PAR1": "Parquet",
    b"PK\x03\x04": "a zip or Excel file; unpack it, or save it as CSV",
    b"%PDF": "a PDF",
    b"SQLite format 3": "a SQLite database",
    b"\x28\xb5\x2f\xfd": "packed with zstd; unpack it",
    b"BZh": "packed with bzip2; unpack it",
    b"\xfd7zXZ": "packed with xz; unpack it",
    b"7z\xbc\xaf": "a 7-Zip archive; unpack it",
    b"Obj\x01": "an Avro file; export JSON Lines, CSV or Parquet",
}


@dataclass(frozen=True)
class Export:
    """One file, as it was when it was looked at.

    Args:
        path: Where it is.
        size: Its length in bytes.
        changed_ns: When it was last written, in nanoseconds.
        shape: What it holds; None where it is not usable.
        packed: Whether it is gzip.
        encoding: How its text is written.
        delimiter: What stands between a CSV's columns.
        trouble: Why it is not usable.
    """

    path: Path
    size: int
    changed_ns: int
    shape: Shape | None = None
    packed: bool = False
    encoding: str = "utf-8"
    delimiter: str = ","
    trouble: str = ""

    @property
    def fast(self) -> bool:
        """Whether the engine can read the file itself, many at a time."""
        # The engine takes these letters for a pattern, and cannot be told of a name that is no text.
        plain = not re.search(r"[*?\[\]{}]|\A\w{2,}://", str(self.path)) and _is_text(str(self.path))
        return self.shape in ("diagnostic", "graph") and self.encoding == "utf-8" and plain


@dataclass(frozen=True)
class Found:
    """The files of some patterns, each once, and why a pattern or a folder gave none."""

    files: tuple[tuple[Path, os.stat_result], ...] = ()
    troubles: tuple[str, ...] = ()


@dataclass
class Source:
    """The bytes of a file, unpacked; what was wrong with them is known when they have been read.

    Args:
        path: The file.
        packed: Whether it is gzip.
        trouble: What was wrong; empty so far, or for good.
        cut: Whether an unknown part of the file is missing.
    """

    path: Path
    packed: bool
    trouble: str = field(default="", init=False)
    cut: bool = field(default=False, init=False)

    def tell(self, trouble: str, *, cut: bool = False) -> None:
        """Note what is wrong; what was noted first stays, because it is the cause."""
        self.trouble = self.trouble or trouble
        self.cut = self.cut or cut

    def __iter__(self) -> Iterator[bytes]:
        try:
            with self.path.open("rb") as file:
                raw = iter(lambda: file.read(1 << 20), b"")
                yield from self._unpacked(raw) if self.packed else raw
        except OSError as error:
            self.tell(_os_trouble(error), cut=True)

    def lines(self) -> Iterator[bytes]:
        """Yield the lines that are not blank; of one too long to be a record only a beginning."""
        pending: list[bytes] = []
        held = 0
        for chunk in self:
            *whole, rest = chunk.split(b"\n")
            for part in whole:
                line = b"".join([*pending, part]) if pending else part
                pending, held = [], 0
                if line.strip():
                    yield line
            if held < _LINE_LIMIT:
                pending.append(rest)
                held += len(rest)
        if (line := b"".join(pending)).strip():
            yield line

    def _unpacked(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        member = zlib.decompressobj(31)
        begun = False
        try:
            for chunk in raw:
                left = chunk
                while left:
                    if member.eof:
                        # Blobs that were appended to hold several members; padding between them is zeros.
                        left = left.lstrip(b"\0")
                        if not left:
                            break
                        member = zlib.decompressobj(31)
                    begun = True
                    yield member.decompress(left, 1 << 22)
                    left = member.unconsumed_tail or member.unused_data
        except zlib.error:
            self.tell("the gzip data is damaged", cut=True)
            return
        if begun and not member.eof:
            self.tell("the gzip file is truncated", cut=True)


def find(patterns: Sequence[str], base: Path) -> Found:
    """Return the files that *patterns* name.

    Args:
        patterns: Files, folders (taken whole) or globs, ``**`` included; relative ones hang on *base*.
        base: The folder that relative patterns start from.
    """
    files: dict[tuple[int, int] | str, tuple[Path, os.stat_result]] = {}
    troubles: list[str] = []
    for pattern in patterns:
        before = len(troubles)
        met = False
        for path in _matches(pattern, base, troubles):
            met = True
            try:
                status = path.stat()
            except OSError as error:
                troubles.append(f"{_shown(path, base)}: {_os_trouble(error)}")
                continue
            if stat.S_ISREG(status.st_mode):
                # The same file by another name (a link, an overlapping pattern) would be counted twice.
                files.setdefault((status.st_dev, status.st_ino) if status.st_ino else str(path), (path, status))
            else:
                troubles.append(f"{_shown(path, base)}: neither a file nor a folder")
        if not met and len(troubles) == before:
            troubles.append(f"{pattern}: no such file")
    ordered = sorted(files.values(), key=lambda one: str(one[0]))
    return Found(tuple(ordered), tuple(troubles))


def _matches(pattern: str, base: Path, troubles: list[str]) -> Iterator[Path]:
    whole = base / Path(pattern).expanduser()
    # A file that is really named like a pattern is meant as it stands.
    if os.path.lexists(whole):
        yield from _walk(whole, base, troubles) if whole.is_dir() else (whole,)
    elif glob.has_magic(pattern):
        rooted = str(whole) if Path(pattern).expanduser().is_absolute() else str(Path(glob.escape(str(base))) / pattern)
        # Path.glob knows no patterns that begin at a drive or the root.
        for path in sorted(map(Path, glob.iglob(rooted, recursive=True))):  # noqa: PTH207
            if not path.is_dir() and os.path.lexists(path):  # "none/**" names "none" though it is not there
                yield path
            elif not pattern.rstrip("/\\").endswith("**"):
                yield from _walk(path, base, troubles)


def _shown(path: Path, base: Path) -> str:
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path)


def _walk(folder: Path, base: Path, troubles: list[str]) -> Iterator[Path]:
    seen: set[tuple[int, int]] = set()

    def refused(error: OSError) -> None:
        troubles.append(f"{_shown(Path(error.filename or folder), base)}: {_os_trouble(error)}")

    for place, folders, names in os.walk(folder, onerror=refused, followlinks=True):
        try:
            status = Path(place).stat()
        except OSError as error:
            refused(error)
            continue
        if (status.st_dev, status.st_ino) in seen and status.st_ino:
            folders.clear()  # a link that leads back up would be walked for ever
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def recognise(path: Path, status: os.stat_result) -> Export:
    """Return what *path* is, from its first bytes."""
    known: dict[str, Any] = {"path": path, "size": status.st_size, "changed_ns": status.st_mtime_ns}
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError as error:
        return Export(**known, trouble=_os_trouble(error))
    if not head:
        return Export(**known, trouble="the file is empty")
    packed = head.startswith(b"\x1f\x8b")
    if packed:
        source = Source(path, packed)
        head = _first_bytes(source)
        if not head:
            return Export(**known, packed=True, trouble=source.trouble or "the file is empty")
    return _of_head(head, known, packed)


def _first_bytes(source: Source) -> bytes:
    found = bytearray()
    for chunk in source:
        found += chunk
        if len(found) >= _HEAD:
            break
    return bytes(found)


def _of_head(head: bytes, known: dict[str, Any], packed: bool) -> Export:
    magic = next((said for mark, said in _MAGIC.items() if head.startswith(mark)), "")
    if magic == "Parquet" and not packed:
        return Export(**known, shape="parquet")
    if magic:
        return Export(**known, packed=packed, trouble=f"this is {magic}")
    encoding = _encoding(head)
    if not encoding:
        return Export(**known, packed=packed, trouble="binary data, no sign-in export")
    known |= {"packed": packed, "encoding": encoding}
    text = codecs.getincrementaldecoder(encoding)("replace").decode(head).lstrip("\ufeff \t\r\n")
    if not text:
        return Export(**known, trouble="the file holds nothing but blanks")
    if text[0] in "{[":
        return _json_shape(text, known)
    return _csv_shape(text, known)


def _encoding(head: bytes) -> str:
    """Return the text encoding; '' for binary data. ``utf-16`` reads either order by its mark."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    sample = head[:4096]
    zeros = sample.count(0)
    if zeros > len(sample) // 3:
        odd = sample[1::2].count(0)
        return "utf-16-le" if odd > 0.6 * len(sample[1::2]) else "utf-16-be" if zeros - odd > odd * 3 else ""
    # A stray zero in a line is one broken record; many of them, or control bytes, are no text at all.
    if sum(sample.count(code) for code in (*range(9), *range(14, 32))) > len(sample) // 20:
        return ""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "utf-8" if sample.lstrip()[:1] in (b"{", b"[") else "cp1252"
    return "utf-8"


def _json_shape(text: str, known: dict[str, Any]) -> Export:
    if text[0] == "[" or _PAGE.match(text):
        return Export(**known, shape="document")
    lines = [line for line in text.split("\n", 40) if line.strip()][:30]
    # The first record that reads says what the file is; a broken line before it does not.
    record = next((found for line in lines if (found := _record(line)) is not None), None)
    if record is not None:
        return Export(**known, shape=_lines_shape(record))
    # One record longer than the head is a line; printed objects have short ones.
    if len(lines) == 1 and known["size"] > _HEAD // 2:
        return Export(**known, shape="diagnostic" if '"properties"' in text else "lines")
    if re.match(r"\{\s*\n", text):
        return Export(**known, shape="document")
    # Nothing whole came through; what can be saved is saved record by record.
    return Export(**known, shape="lines")


def _record(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _lines_shape(record: Mapping[str, Any]) -> Shape:
    if isinstance(record.get("properties"), dict) and "category" in record:
        return "diagnostic"
    return "graph" if "createdDateTime" in record and "properties" not in record else "lines"


def _csv_shape(text: str, known: dict[str, Any]) -> Export:
    names, delimiter = header_names(text)
    known |= {"delimiter": delimiter}
    have = {re.sub(r"\s*\[.*\]$", "", name).strip().lower() for name in names}
    shape = _csv_columns(have)
    if shape is None and smtp_report.looks_like(names):
        return Export(**known, shape="smtp")
    if shape is None:
        shown = (
            ", ".join(name.strip()[:40] for name in names[:5]) if len(names) > 1 and all(map(str.strip, names)) else ""
        )
        said = f"a table without the columns of a sign-in export (it begins with {shown})" if shown else "plain text"
        return Export(**known, trouble=f"this is {said}")
    return Export(**known, shape=shape)


def _csv_columns(have: set[str]) -> Shape | None:
    if "request id" in have:
        if "authentication method" in have:
            return "steps"
        if have & {"username", "client app"}:
            return "portal"
        return "portal apps" if "service principal id" in have else None
    app = have & {"clientappused", "appdisplayname", "appid"}
    when = have & {"createddatetime", "timegenerated", "authenticationdetails"}
    return "csv" if app and when else None


def header_names(text: str) -> tuple[list[str], str]:
    """Return the column names of a CSV that *text* begins, and what stands between them."""
    first, _, rest = text.partition("\n")
    if first.lower().startswith("sep="):
        first = rest.partition("\n")[0]
    delimiter = max(",;\t|", key=first.count)
    try:
        names = next(csv.reader(io.StringIO(first.rstrip("\r\n")), delimiter=delimiter), [])
    except csv.Error:
        names = []
    return names, delimiter


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return "\0" not in name


def _os_trouble(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "the file went away before it was read"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    return f"it cannot be read: {error.strerror or error}"
