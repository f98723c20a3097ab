"""What every view has in common: HTML for a browser, text for a terminal, and the mark that a page trusts.

A view builds its HTML from `escape.html` and its own tags only. The mark in the output's metadata says so, and the
page drops any other HTML that a cell printed.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Literal
from urllib.parse import urlsplit

from mailauth import escape
from mailauth.phrases import Named, Phrase

__all__ = [
    "MARK",
    "STYLE",
    "Badge",
    "Cell",
    "Link",
    "Place",
    "Said",
    "Stack",
    "Tone",
    "View",
    "html",
    "said",
    "sentences",
    "shortened",
    "show",
    "sort_key",
    "text",
]

MARK = "html"
"""The value of the output metadata ``mailauth`` on HTML that a view of ours made."""

Tone = Literal["bad", "warn", "ok", "know", "info", "quiet"]

# What JupyterLab needs to show a view decently; a page has its own style sheet and takes this one out.
STYLE = (
    "<style>.mailauth table{border-collapse:collapse;margin:.5em 0}"
    ".jp-RenderedHTMLCommon .mailauth :is(th,td){text-align:left;vertical-align:top;white-space:normal}"
    ".jp-RenderedHTMLCommon .mailauth :is(th,td).num{text-align:right}"
    ".mailauth caption{text-align:left;font-weight:600;padding:.25em 0}.mailauth .note{opacity:.75;margin:.25em 0}"
    ".mailauth :is(.title,.what){font-weight:600}.mailauth :is(.by,.why){opacity:.75}"
    ".mailauth .badge{font-weight:600}.mailauth .bad{color:var(--jp-error-color1,#b3261e)}"
    ".mailauth .warn{color:var(--jp-warn-color0,#8a5300)}.mailauth .ok{color:var(--jp-success-color0,#1b6e3c)}"
    ".mailauth.callout,.mailauth.headline{border-left:4px solid currentColor;padding:.1em 1em;margin:.5em 0}"
    ".mailauth.callout.bad{color:inherit;border-color:var(--jp-error-color1,#b3261e)}"
    ".mailauth .lead{font-size:1.25em;line-height:1.4}.mailauth dt{font-weight:600}"
    ".jp-RenderedHTMLCommon .mailauth dl{display:block;margin:0}.mailauth dl>div{display:flex;gap:1em;margin:.2em 0}"
    ".jp-RenderedHTMLCommon .mailauth :is(dt,dd){display:block;float:none;margin:0;padding:0}"
    ".mailauth dl>div>dt{flex:0 0 14em}"
    ".mailauth .pictures{display:block!important}"
    ".mailauth .fold::details-content{content-visibility:visible;block-size:auto}"
    ".mailauth .fold>summary{list-style:none}"
    ".mailauth pre{max-height:24em;overflow:auto}</style>"
)

# A user agent of five megabytes is a log's idea of a joke; the CSV file has the rest.
_LONGEST = 240
_LINE = 10_000  # characters of a whole line


@dataclass(frozen=True)
class Badge:
    """A state in words, with a colour that only repeats them."""

    text: str
    tone: Tone = "quiet"


@dataclass(frozen=True)
class Link:
    """A link that this library made; text from a log never becomes one.

    Args:
        text: What is shown.
        url: ``https://…``, ``#part`` of the same page, or a relative path of plain characters.

    Raises:
        ValueError: The address is of another kind.
    """

    text: str
    url: str

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        near = re.fullmatch(r"#?[A-Za-z0-9_][A-Za-z0-9._/-]*", self.url) and "//" not in self.url
        if not near and not (parts.scheme == "https" and parts.hostname and not re.search(r"[\s\"'<>\\]", self.url)):
            raise ValueError(f"link {self.text!r}: the address is neither https nor a plain relative path")


Said = str | Phrase
"""Words of a sentence: our own, or with names in them."""

Cell = str | int | float | date | Badge | Link | Phrase | None | Sequence["str | Badge | Link | Phrase"]
"""What may stand in a table: several values are shown one below the other, None as a dash."""


class View(ABC):
    """A value that shows itself in a notebook, a terminal and a page."""

    @abstractmethod
    def html(self) -> str:
        """Return the view as an HTML fragment, complete with its own escaping."""

    @abstractmethod
    def spoken(self) -> Iterable[str]:
        """Return the view's lines for a terminal, not escaped yet."""

    def text(self) -> str:
        """Return the view as text for a terminal."""
        return "\n".join(escape.line(line, limit=_LINE) for line in self.spoken())

    def _repr_html_(self) -> str:
        # Between two dollar signs JupyterLab sees mathematics, and MathJax makes links of it: the class keeps it out.
        return f'{STYLE}<div class="mathjax_ignore">{self.html()}</div>'

    def _repr_mimebundle_(self, **_asked: object) -> tuple[dict[str, str], dict[str, object]]:
        return {"text/html": self._repr_html_(), "text/plain": self.text()}, self.about()

    def about(self) -> dict[str, object]:
        """Return the output's metadata: the mark, and what else a page has to know."""
        return {"mailauth": MARK}

    def __str__(self) -> str:
        return self.text()


class Stack:
    """Several views of one cell, shown one below the other."""

    def __init__(self, views: Sequence[View]) -> None:
        self.views = views

    def _ipython_display_(self) -> None:
        for view in self.views:
            show(*view._repr_mimebundle_())


def show(bundle: Mapping[str, object], about: Mapping[str, object], **more: object) -> Any:
    """Show a finished bundle of types in a notebook; what comes back can show another in its place.

    Args:
        bundle: Content by type.
        about: The output's metadata.
        **more: ``display_id`` where the place is wanted again.
    """
    from IPython import display

    # IPython gives this function no types.
    publish: Callable[..., Any] = display.display
    return publish(bundle, raw=True, metadata=about, **more)


class Place:
    """A place below a cell in which what a control shows takes the place of what it showed before."""

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, *views: View) -> None:
        """Show *views*, one below the other."""
        bundles = [view._repr_mimebundle_() for view in views]
        data = {kind: "\n".join(str(each[kind]) for each, _ in bundles) for kind in bundles[0][0]}
        about = {name: value for _, each in bundles for name, value in each.items()}
        if self._handle is None:
            self._handle = show(data, about, display_id=True)
        else:
            self._handle.update(data, raw=True, metadata=about)


def html(cell: Cell) -> str:
    """Return one cell's HTML."""
    if isinstance(cell, Badge):
        return f'<span class="badge {cell.tone}">{escape.html(cell.text)}</span>'
    if isinstance(cell, Phrase):
        return said(cell) or _NONE
    if isinstance(cell, Link):
        return f'<a href="{escape.html(cell.url)}" rel="noreferrer">{escape.html(cell.text)}</a>'
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return "".join(map(_part, cell)) or _NONE
    if cell is None or cell == "":
        return _NONE
    if isinstance(cell, str):
        return _breakable(cell)
    return escape.html(text(cell))


def said(words: Said) -> str:
    """Return a sentence's HTML; a name in it is isolated: its letters do not turn round what is beside it."""
    if isinstance(words, str):
        return escape.html(_LONGER.sub(r"\1…", shortened(words, _PARAGRAPH)))
    return "".join(_named(part) if isinstance(part, Named) else escape.html(part) for part in words.parts)


# A name in the middle of a sentence may be a stranger's: thousands of letters without a blank. The longest address of
# ours, for a consent, has fewer.
_LONGER = re.compile(r"(\S{240})\S{360,}")
_PARAGRAPH = 6_000  # characters; a page's own paragraphs have a tenth of that


def _named(named: Named) -> str:
    return f"<bdi>{_breakable(named.value)}</bdi>" if named.value else ""


def _breakable(words: str) -> str:
    """Return text from outside; an address may be broken after its at sign, and what no line can hold anywhere."""
    marked = _LONG.sub(lambda found: f"{found[0]}\0", shortened(words).replace("\0", "\u2400").replace("@", "@\0"))
    return "<wbr>".join(map(escape.html, marked.split("\0")))


# A table gets no narrower than its longest word, and a stranger's has thousands of letters.
_LONG = re.compile(r"[^\s@\0-]{48}(?=[^\s@\0-])")


def _part(part: "str | Badge | Link | Phrase") -> str:
    """Return one of several values on a line of its own; a short one, such as an address, is not broken."""
    short = isinstance(part, str) and len(part) <= _ONE_LINE
    return f'<div class="part{" line" if short else ""}">{html(part)}</div>'


_ONE_LINE = 20  # characters

# A dash alone says nothing to a screen reader.
_DASH = "\N{EN DASH}"
_NONE = f'<span class="none" aria-label="none">{_DASH}</span>'


def text(cell: Cell) -> str:
    """Return one cell as words, on one line and without control characters."""
    if isinstance(cell, Badge | Link):
        return text(cell.text)
    if cell is None or cell == "":
        return _DASH
    if isinstance(cell, Phrase):
        return escape.line(cell.plain()) or _DASH
    if isinstance(cell, str):
        return escape.line(cell)
    if isinstance(cell, Sequence):
        return ", ".join(text(part) for part in cell) or _DASH
    if isinstance(cell, datetime):
        moment = cell.astimezone(UTC)
        # Midnight to the microsecond is a day: the border of a window, or a moment of which no more is told.
        return _day(moment) if moment.time() == time() else f"{_day(moment)} {moment:%H:%M} UTC"
    if isinstance(cell, date):
        return _day(cell)
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.1f}"


def sort_key(cell: Cell) -> str:
    """Return what a reader's sorting compares, or nothing where the words themselves do."""
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell) if isinstance(cell, int | float) else ""


def sentences(words: str) -> Sequence[str]:
    """Return a paragraph as its sentences: a cell is cut where one of them is too long, not where all are."""
    return [f"{part.rstrip('.')}." for part in words.split(". ") if part]


def shortened(words: str, longest: int = _LONGEST) -> str:
    """Return *words*, cut with an ellipsis where they are longer than a page can bear."""
    return words if len(words) <= longest else words[: longest - 1] + "…"


def _day(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


# strftime's names follow the machine's language.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
