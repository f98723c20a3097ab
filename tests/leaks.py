"""The search for leaks: any twelve characters of a canary, however often and however they were encoded.

Everything is looked at as bytes. Each decoder turns what it recognizes anywhere in them into further bytes, which are
looked at in turn, `DEPTH` layers deep. What comes back tells where a leak is and under which layers, never what leaked.
"""

import html
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np
from numpy.typing import NDArray

__all__ = ["DECODERS", "DEPTH", "LENGTH", "Leak", "search"]

LENGTH = 12  # characters of a canary that make a leak
DEPTH = 4  # layers that are taken off
LIMIT = 1 << 28  # bytes that one packed stream may unpack to

_CHUNK = 256  # what is lost, at most, before the place where a stream breaks

_Decoder = Callable[[bytes], Iterator[bytes]]
_Bytes = NDArray[np.uint8]

_GRAM = 8  # the bytes that are compared at once
_STRIDE = LENGTH - _GRAM + 1  # any twelve bytes hold eight that begin at a multiple of five
_BITS = 20
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # Knuth's multiplicative hashing: 2**64 over the golden ratio
_APART = b"\n\n\n\n"  # keeps what stood apart from being read as one

_NONE = 0xFF
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Leak:
    """A canary's characters where they should not be.

    Args:
        canary: The canary's name.
        where: The file or the text.
        how: The layers they were under, outermost first; empty where they stand there as they are.
    """

    canary: str
    where: str
    how: tuple[str, ...] = ()


def search(
    canaries: Mapping[str, str],
    *,
    folders: Iterable[Path] = (),
    texts: Mapping[str, str] | None = None,
    besides: Iterable[Path] = (),
    decoders: Mapping[str, _Decoder] | None = None,
) -> list[Leak]:
    """Return the leaks in all files below *folders* and in *texts*, by canary and place; a file's name is read, too.

    Layers that several files have alike are looked under in the first of them.

    Args:
        canaries: Names and what is searched for.
        folders: Folders or files.
        texts: Names and outputs.
        besides: The files that may hold a canary.
        decoders: `DECODERS`, unless a test switches one off.

    Raises:
        ValueError: A canary is too short to be found, a file is missing, or a stream unpacks to more than `LIMIT`.
    """
    sought = _Sought(canaries)
    layers = DECODERS if decoders is None else decoders
    found: set[Leak] = set()
    seen: dict[tuple[int, int], int] = {}
    for where, content in _everything(folders, texts or {}, {path.resolve() for path in besides}):
        found.update(_leaks(sought, layers, where, content, seen))
    return sorted(found, key=lambda leak: (leak.canary, leak.where, leak.how))


def _everything(folders: Iterable[Path], texts: Mapping[str, str], besides: set[Path]) -> Iterator[tuple[str, bytes]]:
    for name, text in texts.items():
        yield name, text.encode("utf-8", "surrogatepass")
    for folder in folders:
        if not folder.exists():
            raise ValueError(f"{folder} is not there")
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*")):
            yield f"the name of {path.parent}", os.fsencode(path.name)
            if path.is_file() and path.resolve() not in besides:
                yield str(path), path.read_bytes()


def _leaks(
    sought: "_Sought", decoders: Mapping[str, _Decoder], where: str, content: bytes, seen: dict[tuple[int, int], int]
) -> Iterator[Leak]:
    layers: list[tuple[tuple[str, ...], bytes]] = [((), content)]
    for how, data in layers:  # grows while it is read
        mark = (hash(data), len(data))
        known = seen.get(mark, DEPTH + 1) <= len(how)
        # Layers often commute, and then lead to the same bytes: those are searched once. A file is always searched.
        if len(data) < LENGTH or (how and known):
            continue
        yield from (Leak(name, where, how) for name in sought.within(data))
        if len(how) < DEPTH and not known:
            layers.extend(((*how, name), deeper) for name, decode in decoders.items() for deeper in decode(data))
        seen[mark] = min(len(how), seen.get(mark, DEPTH))


class _Sought:
    """What is searched for, ready to be found in one pass over the data."""

    def __init__(self, canaries: Mapping[str, str]) -> None:
        self._names: dict[bytes, str] = {}
        grams: set[bytes] = set()
        for name, canary in canaries.items():
            text = canary.encode()
            if len(text) < LENGTH:
                raise ValueError(f"{name} has {len(text)} characters; {LENGTH} are needed")
            self._names.update((text[at : at + LENGTH], name) for at in range(len(text) - LENGTH + 1))
            grams.update(text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1))
        self._grams = np.sort(np.frombuffer(b"".join(grams), dtype="<u8"))
        self._table = np.zeros(1 << _BITS, dtype=bool)
        self._table[_hashed(self._grams)] = True

    def within(self, data: bytes) -> set[str]:
        """Return the names of the canaries that *data* holds a piece of."""
        if len(data) < LENGTH:
            return set()
        words = np.ndarray(((len(data) - _GRAM) // _STRIDE + 1,), "<u8", data, 0, (_STRIDE,))
        names: set[str] = set()
        for begin in range(0, len(words), 1 << 20):
            part = np.ascontiguousarray(words[begin : begin + (1 << 20)])
            likely = np.flatnonzero(self._table[_hashed(part)])
            nearest = np.searchsorted(self._grams, part[likely]) % len(self._grams)
            for index in likely[self._grams[nearest] == part[likely]]:
                at = (begin + int(index)) * _STRIDE
                pieces = (data[start : start + LENGTH] for start in range(max(0, at - _STRIDE + 1), at + 1))
                names.update(self._names[piece] for piece in pieces if piece in self._names)
        return names


def _hashed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    hashed: NDArray[np.uint64] = (words * _FACTOR) >> np.uint64(64 - _BITS)
    return hashed


def _values(*alphabets: bytes) -> bytes:
    """Return for each byte what it stands for in one of *alphabets*, or `_NONE`: a table for `bytes.translate`."""
    values = bytearray([_NONE] * 256)
    for alphabet in alphabets:
        for value, byte in enumerate(alphabet):
            values[byte] = value
    return bytes(values)


# Both alphabets at once: where a character belongs to one of them only, it stands for the same value.
_SEXTETS = _values(_BASE64 + b"+/", _BASE64 + b"-_")
_NIBBLES = _values(b"0123456789abcdef", b"0123456789ABCDEF")
_PUNCTUATION = _values(b" :,-")


def _runs(data: bytes, values: bytes, shortest: int) -> _Bytes:
    """Return the values of all runs of *shortest* characters and more, with what is around them.

    Such a run fills all of some blocks of eight; these and their neighbours are kept, as they hold the run's ends.
    """
    read = np.frombuffer((data + bytes([0] * (-len(data) % 8))).translate(values), dtype=np.uint8).reshape(-1, 8)
    filled = ((read != _NONE).view(np.uint64) == 0x0101010101010101).ravel()
    for _ in range(shortest // 8 - 2):
        filled = filled & (np.append(filled[1:], False) | np.insert(filled[:-1], 0, False))
    if not filled.any():
        return np.empty(0, dtype=np.uint8)
    kept = filled.copy()
    kept[1:] |= filled[:-1]
    kept[:-1] |= filled[1:]
    runs: _Bytes = read[kept].ravel()
    return runs


def _base64(data: bytes) -> Iterator[bytes]:
    """Decode each run at each of the four places where its first group may begin."""
    runs = _runs(data, _SEXTETS, 16)
    for phase in range(4 if len(runs) else 0):
        shifted = runs[phase:]
        padding = np.full(-len(shifted) % 4, _NONE, dtype=np.uint8)
        first, second, third, fourth = np.concatenate((shifted, padding)).reshape(-1, 4).T
        out = np.empty((len(first), 3), dtype=np.uint8)
        for column, (left, right, up, down) in enumerate(
            ((first, second, 2, 4), (second, third, 4, 2), (third, fourth, 6, 0))
        ):
            whole = (left != _NONE) & (right != _NONE)
            out[:, column] = np.where(whole, (left << up) | (right >> down), 10)
        yield out.tobytes()


def _hex(data: bytes) -> Iterator[bytes]:
    """Decode each run of pairs at both places where a pair may begin, and pairs with one sign between them."""
    runs = _runs(data, _NIBBLES, 2 * LENGTH)
    for phase in range(2 if len(runs) else 0):
        shifted = runs[phase : len(runs) - (len(runs) - phase) % 2]
        high, low = shifted.reshape(-1, 2).T
        yield np.where((high != _NONE) & (low != _NONE), (high << 4) | low, 10).astype(np.uint8).tobytes()
    if dumped := list(_dumped(data)):
        yield _APART.join(dumped)


def _dumped(data: bytes) -> Iterator[bytes]:
    marks = np.flatnonzero(np.frombuffer(data.translate(_PUNCTUATION), dtype=np.uint8) != _NONE)
    # The expression is slow where there is nothing to find: it is tried where marks stand three apart.
    span, end = LENGTH - 2, 0
    for mark in marks[:-span][marks[span:] - marks[:-span] == 3 * span].tolist():
        if mark >= end and (match := _PAIRS.match(data, max(0, mark - 2))):
            end = match.end()
            yield bytes.fromhex(re.sub(rb"[^0-9A-Fa-f]", b"", match[0]).decode())


_PAIRS = re.compile(rb"(?:[0-9A-Fa-f]{2}[ :,\-]){11,}[0-9A-Fa-f]{2}")


def _escaped(pattern: bytes, decode: Callable[[bytes], bytes]) -> _Decoder:
    """Return a decoder for escapes within text: what is around them is kept, so that words come out whole.

    Text without an escape for half a kilobyte is left out: the layer above has seen it.
    """
    escape, reach = re.compile(pattern), 512

    def decoded(data: bytes) -> Iterator[bytes]:
        spans = [match.span() for match in escape.finditer(data)]
        if not spans:
            return
        gaps = [at for at, (one, other) in enumerate(pairwise(spans), 1) if other[0] - one[1] > 2 * reach]
        bounds = zip([0, *gaps], [*gaps, len(spans)], strict=True)
        parts = (data[max(0, spans[first][0] - reach) : spans[last - 1][1] + reach] for first, last in bounds)
        yield escape.sub(lambda match: decode(match[0]), _APART.join(parts))

    return decoded


_LETTERS = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def _unescaped(escape: bytes) -> bytes:
    letter, code = escape[1:2], int(escape[2:] or b"0", 16)
    if letter == b"x":
        return bytes([code])
    if letter in b"uU":
        return chr(code).encode("utf-8", "replace") if code <= 0x10FFFF else b"?"
    return _LETTERS.get(letter, letter)


def _entity(entity: bytes) -> bytes:
    return html.unescape(entity.decode()).encode("utf-8", "replace")


def _soft(escape: bytes) -> bytes:
    return bytes.fromhex(escape[1:].decode()) if escape[1:2] not in b"\r\n" else b""


def _utf16(data: bytes) -> Iterator[bytes]:
    """Decode runs of ASCII characters in two bytes each, whichever of them comes first."""
    runs = [data[max(0, run.start() - 1) : run.end()].replace(b"\0", b"") for run in _WIDE.finditer(data)]
    if runs:
        yield _APART.join(runs)


_WIDE = re.compile(rb"\0[\x09-\x7e](?:\0[\x09-\x7e]){10,}")


def _lines(data: bytes) -> Iterator[bytes]:
    """Join the lines that base64 was broken into, as in letters and PEM."""
    blocks = [re.sub(rb"\s+", b"", block[0]) for block in _BROKEN.finditer(b"\n" + data)]
    if blocks:
        yield _APART.join(blocks)


_BROKEN = re.compile(rb"\n(?:[ \t]*[A-Za-z0-9+/_\-]{16,}\r?\n)+[ \t]*[A-Za-z0-9+/_\-]+")


def _unpacked(data: memoryview, bits: int) -> bytes:
    """Return what a packed stream holds up to its end, or nearly up to where it breaks."""
    unpacker, out, size = zlib.decompressobj(bits), [], 0
    for begin in range(0, len(data), _CHUNK):
        try:
            out.append(unpacker.decompress(data[begin : begin + (_CHUNK)]))
        except zlib.error:
            break
        size += len(out[-1])
        if size > LIMIT:
            raise ValueError(f"a stream unpacks to more than {LIMIT} bytes, which nobody searched")
        if unpacker.eof:
            break
    return b"".join(out)


def _packed(pattern: bytes, bits: int, header: Callable[[bytes, int], int] = lambda _, at: at) -> _Decoder:
    """Return a decoder of streams that begin with *pattern*; *header* tells where the stream itself begins."""
    beginning = re.compile(pattern, re.DOTALL)

    def unpacked(data: bytes) -> Iterator[bytes]:
        view = memoryview(data)
        for match in beginning.finditer(data):
            if len(content := _unpacked(view[header(data, match.start()) :], bits)) >= LENGTH:
                yield content

    return unpacked


def _member(data: bytes, at: int) -> int:
    """Return where a member of a zip archive begins, behind its local header."""
    lengths = data[at + 26 : at + 30]
    return at + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")


DECODERS: Mapping[str, _Decoder] = {
    "base64": _base64,
    "lines": _lines,
    "hex": _hex,
    "url": _escaped(rb"%[0-9A-Fa-f]{2}", unquote_to_bytes),
    "quoted-printable": _escaped(rb"=(?:[0-9A-F]{2}|\r?\n)", _soft),
    "json": _escaped(rb'\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|["\\/bfnrt])', _unescaped),
    "html": _escaped(rb"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});", _entity),
    "utf-16": _utf16,
    "gzip": _packed(rb"\x1f\x8b\x08", 31),
    "zlib": _packed(rb"[\x48\x58\x68\x78](?:[\x01\x5e\x9c\xda])", 15),
    "zip": _packed(rb"PK\x03\x04.{4}\x08\x00", -15, _member),
}
