"""Kernel messages on a stream of bytes: the parts that Jupyter's session makes, with their channel and lengths."""

import struct
from collections.abc import Iterable, Iterator, Sequence

__all__ = ["IOPUB", "SHELL", "Decoder", "encode"]

SHELL = b"s"
IOPUB = b"i"

_HEAD = struct.Struct("!cI")  # the channel and the number of parts
_SIZE = struct.Struct("!Q")


def encode(channel: bytes, parts: Iterable[bytes]) -> bytes:
    """Return one message as bytes; a part is anything that has the bytes of its buffer."""
    held = [bytes(part) for part in parts]
    sizes = b"".join(_SIZE.pack(len(part)) for part in held)
    return b"".join((_HEAD.pack(channel, len(held)), sizes, *held))


class Decoder:
    """Puts messages together from pieces of any size."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, piece: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
        """Yield the channel and the parts of each message that *piece* completes."""
        self._held += piece
        while (sizes := self._sizes()) is not None:
            start = _HEAD.size + _SIZE.size * len(sizes)
            end = start + sum(sizes)
            if len(self._held) < end:
                return
            yield bytes(self._held[:1]), list(self._cut(start, sizes))
            del self._held[:end]

    def _sizes(self) -> Sequence[int] | None:
        if len(self._held) < _HEAD.size:
            return None
        _, count = _HEAD.unpack_from(self._held)
        if len(self._held) < _HEAD.size + _SIZE.size * count:
            return None
        return [_SIZE.unpack_from(self._held, _HEAD.size + _SIZE.size * place)[0] for place in range(count)]

    def _cut(self, start: int, sizes: Sequence[int]) -> Iterator[bytes]:
        for size in sizes:
            yield bytes(self._held[start : start + size])
            start += size
