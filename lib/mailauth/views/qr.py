"""A link as a QR code: for an administrator whose browser is on a telephone or beyond a projector."""

from collections.abc import Iterable
from dataclasses import dataclass

import segno

from mailauth import escape

from .markup import Link, View

__all__ = ["QrCode"]


@dataclass(frozen=True)
class QrCode(View):
    """The code of a link that this library made; text from a log never becomes one.

    Args:
        title: What the link is.
        url: The address.

    Raises:
        ValueError: The address is not one that `Link` takes.
    """

    title: str
    url: str

    def __post_init__(self) -> None:
        Link(self.title, self.url)

    def html(self) -> str:
        """Return the code as a picture in the page itself, black on white whatever the page's colours are."""
        # The library draws from the modules alone, so the picture holds numbers and no text of ours or of others.
        code = segno.make_qr(self.url, error="m")
        drawn = code.svg_inline(omitsize=True, border=4, dark="#000", light="#fff")
        said = escape.html(f"{self.title}, as a QR code of its address")
        return (
            f'<figure class="mailauth qr"><figcaption>{escape.html(self.title)}, for a camera</figcaption>'
            f'<div role="img" aria-label="{said}" style="max-width:15rem">{drawn}</div></figure>'
        )

    def spoken(self) -> Iterable[str]:
        """Return the title and the address, which is all that the code holds."""
        return (f"{self.title}: {self.url}",)
