"""The file around a page: the template, the style, the scripts, and the policy that admits those by their hash."""

import base64
import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from . import outline

__all__ = ["ONLY", "PSEUDONYMS", "Page", "filled"]

ONLY = "pass it on only to those who need it for moving mail off passwords"
PSEUDONYMS = (
    "holds pseudonyms in the place of names. Days, counts and countries are real: who has the same logs can tell by "
    "them who is meant"
)
"""To whom a page may go that holds names."""


@dataclass(frozen=True)
class Page:
    """What the template fills in; lead, body and parameters are finished HTML, everything else is plain text.

    Args:
        title: The document's title.
        heading: What stands on top.
        above: Whose page it is, or what it shows of whom the heading names.
        rehearsal: Who is invented here, or empty.
        made_at: When the run began.
        lead: What stands before everything else.
        body: The page itself.
        contents: The headings to jump to.
        parameters: What the run was told.
        charts: Whether the page draws any.
        personal: What of people and tenants the page holds.
        over: Where the page over all tenants is, or empty.
        beside: The tenant's pages, in words and by name; the page itself has no name. None where there is no other.
        style: Rules of this page alone, after those of every page.
    """

    title: str
    heading: str
    above: str
    rehearsal: str
    made_at: str
    lead: str
    body: str
    contents: Sequence[outline.Heading]
    parameters: str
    charts: bool
    personal: str
    over: str = ""
    beside: Sequence[tuple[str, str]] = ()
    style: str = ""


def filled(page: Page) -> str:
    """Return *page* as one file that asks the network for nothing."""
    from .exporter import fill

    scripts = {"page": _template("page.js")} | ({"charts": _template("charts.js")} if page.charts else {})
    library, digest = _plotly() if page.charts else ("", "")
    hashes = " ".join(f"'{value}'" for value in [*map(_sha256, scripts.values()), digest] if value)
    return fill(page=page, style=_template("page.css") + page.style, scripts=scripts, library=library, hashes=hashes)


def _template(name: str) -> str:
    found = (resources.files(__package__) / "templates" / name).read_text(encoding="utf-8")
    # The browser hashes what it parsed, and parsing turns every line end into \n.
    return found.replace("\r\n", "\n")


def _sha256(script: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}"


@cache
def _plotly() -> tuple[str, str]:
    """Return the chart library, packed for a page, and the hash by which the page's policy admits it."""
    source = (resources.files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    packed = gzip.compress(source.encode(), 9, mtime=0)
    return base64.b64encode(packed).decode("ascii"), _sha256(source)
