"""Takes secrets out of text before it is kept: as they are, in base64 at any offset, twice so, in any case, in pieces.

A server may send back what it was sent: in an error text, inside a challenge, split over lines. No list of
places is complete, so every text from a server goes through here. A server that means to hide a token in what
it says (backwards, in cipher) can: it has the token already.
"""

import base64
import string
from collections.abc import Iterator

__all__ = ["REDACTED", "Redactor"]

REDACTED = "<redacted>"

_STRIDE = 4
_PIECE = 8
"""A run of so many characters of a token is taken out; finding it takes at least twice the stride less one."""

_LONG = 64
"""From so many characters on a secret counts as a token: random, so that a piece of it is no word of a language."""

_SHORTEST = 4
_FOLD = str.maketrans(string.ascii_uppercase + "-_", string.ascii_lowercase + "+/")


class Redactor:
    """Takes *secrets* out of text. A token goes in pieces too; a password only whole, as its pieces may be words."""

    def __init__(self, *secrets: str) -> None:
        self._whole: list[str] = []
        self._forms: list[str] = []
        for secret in filter(None, secrets):
            forms = [form.translate(_FOLD) for form in _forms(secret)]
            if len(secret) >= _LONG:
                self._forms += forms
            else:
                self._whole += [form for form in forms[:1] if len(form) >= _SHORTEST]
                self._whole += [form for form in forms[1:] if len(form) >= _PIECE]
        self._whole.sort(key=len, reverse=True)
        self._index: dict[str, list[tuple[int, int]]] = {}
        for number, form in enumerate(self._forms):
            for place in range(0, len(form) - _STRIDE + 1, _STRIDE):
                self._index.setdefault(form[place : place + _STRIDE], []).append((number, place))

    def __call__(self, text: str) -> str:
        """Return *text* without them."""
        folded = text.translate(_FOLD)
        spans = sorted([*self._pieces(folded), *self._wholes(folded)])
        kept, end = [], 0
        for start, stop in spans:
            if start > end or (start == end == 0):
                kept += [text[end:start], REDACTED]
            end = max(end, stop)
        return "".join([*kept, text[end:]])

    def _wholes(self, text: str) -> Iterator[tuple[int, int]]:
        for form in self._whole:
            place = text.find(form)
            while place >= 0:
                yield place, place + len(form)
                place = text.find(form, place + len(form))

    def _pieces(self, text: str) -> Iterator[tuple[int, int]]:
        place = 0
        while place <= len(text) - _STRIDE:
            runs = [self._run(text, place, *at) for at in self._index.get(text[place : place + _STRIDE], ())]
            start, stop = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
            if stop - start >= _PIECE:
                yield start, stop
                place = stop
            else:
                place += 1

    def _run(self, text: str, place: int, number: int, at: int) -> tuple[int, int]:
        """Return the stretch of *text* around *place* that is a stretch of a form around *at*."""
        form, start, stop, left, right = self._forms[number], place, place + _STRIDE, at, at + _STRIDE
        while start and left and text[start - 1] == form[left - 1]:
            start, left = start - 1, left - 1
        while stop < len(text) and right < len(form) and text[stop] == form[right]:
            stop, right = stop + 1, right + 1
        return start, stop


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield secret.encode().hex()
    for once in _coded(secret):
        yield once
        yield from _coded(once)


def _coded(text: str) -> Iterator[str]:
    """Yield what base64 makes of *text* at each offset, without the signs that its neighbours take part in."""
    data = text.encode()
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + data).decode()
        first, last = -(-offset * 4 // 3), (offset + len(data)) * 4 // 3
        yield coded[first:last]
