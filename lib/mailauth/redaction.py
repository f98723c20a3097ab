"""Takes secrets out of text before it is kept: as they are, in base64 at any offset, twice so, in any case, in pieces.

A server may send back what it was sent: in an error text, inside a challenge, split over lines. No list of
places is complete, so every text from a server goes through here. A server that means to hide a token in what
it says (backwards, in cipher) can: it has the token already.
"""

import base64
import string
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["REDACTED", "Redactor"]

REDACTED = "<redacted>"

_GRAM = 6
"""What is looked up at each place of a text; a run around it is followed to both ends."""
_PIECE = 8
"""A shorter run is chance. One of eight characters of a token is always found, in base64 one of eleven."""

_LONG = 64
"""From so many characters on a secret counts as a token: random, so that a piece of it is no word of a language."""

_SHORTEST = 4
_FOLD = str.maketrans(string.ascii_uppercase + "-_", string.ascii_lowercase + "+/")


class Redactor:
    """Takes *secrets* out of text. A token goes in pieces too; a password only whole, as its pieces may be words."""

    def __init__(self, *secrets: str) -> None:
        self._whole: list[str] = []
        self._forms: list[_Form] = []
        for secret in filter(None, secrets):
            if len(secret) >= _LONG:
                self._forms += _forms(secret)
            else:
                own, *others = (form.text for form in _forms(secret))
                self._whole += [own] * (len(own) >= _SHORTEST)
                self._whole += [form for form in others if len(form) >= _PIECE]
        self._index = {
            form.text[place : place + _GRAM]: (form.text, place)
            for form in self._forms
            for place in range(0, len(form.text) - _GRAM + 1, form.stride)
        }

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
        while place <= len(text) - _GRAM:
            at = self._index.get(text[place : place + _GRAM])
            start, stop = _run(text, place, *at) if at else (0, 0)
            if stop - start >= _PIECE:
                yield start, stop
                place = stop
            else:
                place += 1


@dataclass(frozen=True)
class _Form:
    """What a secret may look like, folded, and how many characters apart it is looked for."""

    text: str
    stride: int


def _run(text: str, place: int, form: str, at: int) -> tuple[int, int]:
    """Return the stretch of *text* around *place* that is a stretch of *form* around *at*."""
    start, stop, left, right = place, place + _GRAM, at, at + _GRAM
    while start and left and text[start - 1] == form[left - 1]:
        start, left = start - 1, left - 1
    while stop < len(text) and right < len(form) and text[stop] == form[right]:
        stop, right = stop + 1, right + 1
    return start, stop


def _forms(secret: str) -> list[_Form]:
    """Return the secret itself first. What takes more characters to say the same is looked for less densely."""
    once = list(_coded(secret))
    return [
        _Form(secret.translate(_FOLD), 1),
        *(_Form(text.translate(_FOLD), _GRAM) for text in once),
        *(_Form(text.translate(_FOLD), 2 * _GRAM) for one in once for text in _coded(one)),
        _Form(secret.encode().hex(), 2 * _GRAM),
    ]


def _coded(text: str) -> Iterator[str]:
    """Yield what base64 makes of *text* at each offset, without the signs that its neighbours take part in."""
    data = text.encode()
    for offset in range(3):
        coded = base64.b64encode(bytes(offset) + data).decode()
        first, last = -(-offset * 4 // 3), (offset + len(data)) * 4 // 3
        yield coded[first:last]
