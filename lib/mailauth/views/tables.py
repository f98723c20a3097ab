"""Tables, callouts and the first screen: values in, HTML and text out.

Everything is escaped at one place (`markup.html`), has a caption or a title, and says what it left out.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Literal

from mailauth import escape

from .markup import Badge, Cell, Link, Said, Tone, View, html, said, sort_key, text

__all__ = [
    "Badge",
    "Callout",
    "Cell",
    "Code",
    "Facts",
    "Headline",
    "Link",
    "Step",
    "Table",
    "Tone",
    "state_badge",
    "without_empty",
]


@dataclass(frozen=True)
class Table(View):
    """Rows with a caption; the first column names the row.

    Args:
        columns: The columns' titles.
        rows: As many cells each as there are columns.
        caption: What the table answers, with its window where it counts something.
        note: A sentence under the table: source, what is not in it.
        limit: How many rows are shown; the rest is counted in words.
        rest: Where the rest stands ("tables/senders.csv"), or empty.
        empty: What is said in place of a table without rows.

    Raises:
        ValueError: A row has too many or too few cells, or a column no title.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str
    note: str = ""
    limit: int = 50
    rest: str = ""
    empty: str = "Nothing to show."

    def __post_init__(self) -> None:
        # Who hears the table read out hears the title before each cell.
        if not all(self.columns):
            raise ValueError(f"table {self.caption!r}: column {[*self.columns].index('') + 1} has no title")
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise ValueError(
                    f"table {self.caption!r}: row {number} has {len(row)} cells for {len(self.columns)} columns"
                )

    @property
    def left_out(self) -> str:
        """How many rows are not shown and where they are; empty when all are."""
        if len(self.rows) <= self.limit:
            return ""
        where = f"; all of them are in {self.rest}" if self.rest else ""
        return f"Showing {self.limit:,} of {len(self.rows):,}{where}."

    def html(self) -> str:
        """Return an HTML table with caption, scopes and keys to sort by."""
        if not self.rows:
            said = f"<strong>{escape.html(self.caption)}</strong> {escape.html(self.empty)}"
            return f'<div class="mailauth empty"><p>{said}</p>{self._notes()}</div>'
        numeric = self._numeric()
        head = "".join(_head(*column) for column in zip(self.columns, numeric, strict=True))
        body = "".join(f"<tr>{self._row(row, numeric)}</tr>" for row in self.rows[: self.limit])
        return (
            f'<div class="mailauth table{self._width()}">'
            f"<table><caption>{escape.html(self.caption)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{self._notes()}</div>"
        )

    def spoken(self) -> Iterable[str]:
        """Return the table in columns of equal width; where a terminal has no room for them, row by row.

        In a pipe or a log a row stays a line, so that it can be searched; there COLUMNS sets the width.
        """
        if not self.rows:
            return self.caption, self.empty
        shown = [[text(cell) for cell in row] for row in self.rows[: self.limit]]
        widths = [max(map(len, column)) for column in zip(self.columns, *shown, strict=True)]
        lines = [_columned(row, widths) for row in [self.columns, *shown]]
        room = _room()
        if room and max(map(len, lines)) > room:
            lines = [line for row in shown for line in _card(self.columns, row, room)]
        return self.caption, *lines, *(note for note in (self.left_out, self.note) if note)

    def _width(self) -> str:
        count = len(self.columns)
        return " wide widest" if count > _WIDE else " wide" if count > _NARROW else ""

    def _numeric(self) -> list[bool]:
        """Return which columns hold numbers, and dashes, only."""
        columns = zip(*self.rows, strict=True)
        return [
            any(_is_number(cell) for cell in column) and all(cell is None or _is_number(cell) for cell in column)
            for column in map(list, columns)
        ]

    def _row(self, row: Sequence[Cell], numeric: Sequence[bool]) -> str:
        first, *others = (_cell(*parts) for parts in zip(row, self.columns, numeric, strict=True))
        return "".join([f'<th scope="row"{first}</th>', *(f"<td{cell}</td>" for cell in others)])

    def _notes(self) -> str:
        return "".join(f'<p class="note">{escape.html(note)}</p>' for note in (self.left_out, self.note) if note)


# So many columns still fit a telephone side by side.
_NARROW = 3
# More than so many fit a desk's screen in smaller letters only.
_WIDE = 8


_SENTENCE = 60  # characters; from here on a cell is read and not glanced at


def _is_number(cell: object) -> bool:
    return isinstance(cell, int | float)


_NUMBERS = ' class="num"'


def _head(column: str, numeric: bool) -> str:
    return f'<th scope="col"{_NUMBERS if numeric else ""}>{escape.html(column)}</th>'


def _columned(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _room() -> int | None:
    """Return how wide a line may be; None where nobody sees the end of it."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return None
    return max(_TERMINAL, shutil.get_terminal_size().columns)


_TERMINAL = 80  # columns of the narrowest terminal that is cared for


def _card(columns: Sequence[str], row: Sequence[str], room: int) -> Iterable[str]:
    """Yield one row: its name, and under it what each column says; an address or a link is never broken."""
    label = max(map(len, columns[1:]), default=0)
    fitted = partial(textwrap.wrap, width=room, break_long_words=False, break_on_hyphens=False)
    yield from fitted(row[0], subsequent_indent="  ")
    for column, words in zip(columns[1:], row[1:], strict=True):
        if words != text(None):
            yield from fitted(f"  {column.ljust(label)}  {words}", subsequent_indent=" " * (label + 4))


def without_empty(
    columns: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> tuple[Sequence[str], Sequence[Sequence[Cell]]]:
    """Return columns and rows without the columns in which no row says anything; the first stays."""
    kept = [at for at in range(len(columns)) if at == 0 or any(text(row[at]) != text(None) for row in rows)]
    return tuple(columns[at] for at in kept), [tuple(row[at] for at in kept) for row in rows]


def _cell(cell: Cell, column: str, numeric: bool) -> str:
    """Return attributes and content of one cell; on a telephone the label stands in place of the head."""
    key = sort_key(cell)
    sort = f' data-key="{escape.html(key)}"' if key else ""
    kind = "num" if numeric else "when" if isinstance(cell, date) else "words" if len(text(cell)) > _SENTENCE else ""
    named = f' class="{kind}"' if kind else ""
    return f'{named} data-label="{escape.html(column)}"{sort}>{html(cell)}'


@dataclass(frozen=True)
class Callout(View):
    """Something a reader must not miss.

    Args:
        kind: ``attention`` (somebody must act), ``cannot know`` (we could not look) or ``info``.
        title: The message in a few words.
        body: Its sentences, a paragraph each.
        steps: What to do, in order.
    """

    kind: Literal["attention", "cannot know", "info"]
    title: Said
    body: Sequence[Said] = ()
    steps: Sequence[Said] = ()

    def html(self) -> str:
        """Return the callout as an aside."""
        kind = _CALLOUTS[self.kind]
        body = "".join(f"<p>{said(sentence)}</p>" for sentence in self.body)
        steps = "".join(f"<li>{said(step)}</li>" for step in self.steps)
        return (
            f'<div class="mailauth callout {kind[0]}" role="note"><p class="title">'
            f"{html(Badge(kind[1], kind[0]))} <strong>{said(self.title)}</strong></p>"
            f"{body}{f'<ol>{steps}</ol>' if steps else ''}</div>"
        )

    def spoken(self) -> Iterable[str]:
        """Return title, sentences and steps."""
        steps = [f"  {number}. {step}" for number, step in enumerate(self.steps, start=1)]
        return f"{_CALLOUTS[self.kind][1]}: {self.title}", *map(str, self.body), *steps


_CALLOUTS: dict[str, tuple[Tone, str]] = {
    "attention": ("bad", "Today"),
    "cannot know": ("know", "Cannot know"),
    "info": ("info", "Good to know"),
}


@dataclass(frozen=True)
class Facts(View):
    """A few named values: which tenant, which window, how many.

    Args:
        items: Name and value.
        caption: What they are about.
    """

    items: Sequence[tuple[str, Cell]]
    caption: str = ""

    def html(self) -> str:
        """Return a description list."""
        rows = "".join(f"<div><dt>{escape.html(name)}</dt><dd>{html(value)}</dd></div>" for name, value in self.items)
        title = f'<p class="title"><strong>{escape.html(self.caption)}</strong></p>' if self.caption else ""
        return f'<div class="mailauth facts">{title}<dl>{rows}</dl></div>'

    def spoken(self) -> Iterable[str]:
        """Return a line for each value."""
        width = max((len(name) for name, _ in self.items), default=0)
        lines = (f"{name.ljust(width)}  {text(value)}" for name, value in self.items)
        return (self.caption, *lines) if self.caption else lines


@dataclass(frozen=True)
class Code(View):
    """Text to read or copy, such as a query; folded on a page, and on paper only where it is longer than one.

    Args:
        title: What it is.
        source: The text, shown as it is.
        link: Where it can be run, or None.
        note: A sentence above the text.
    """

    title: str
    source: str
    link: Link | None = None
    note: str = ""

    def html(self) -> str:
        """Return the text in a fold that opens without scripts."""
        note = f"<p>{escape.html(self.note)}</p>" if self.note else ""
        link = f"<p>{html(self.link)}</p>" if self.link else ""
        return (
            f'<details class="mailauth code{self._brief()}"><summary>{escape.html(self.title)}</summary>{note}{link}'
            f'<pre tabindex="0"><code>{escape.html(self.source)}</code></pre></details>'
        )

    def spoken(self) -> Iterable[str]:
        """Return title, link and text."""
        return self.title, *([self.link.url] if self.link else []), *self.source.splitlines()

    def _brief(self) -> str:
        lines = sum(1 + len(line) // _PAPER[0] for line in self.source.splitlines())
        return " brief" if lines <= _PAPER[1] else ""


_PAPER = (100, 60)  # letters in a line, and lines on a page


@dataclass(frozen=True)
class Step:
    """One thing of the first screen with its day: something that ends, or something to do.

    Args:
        when: The day in words ("end of December 2026"), as nobody may have published one.
        what: What happens, or what to do.
        more: What belongs to it in smaller letters: why, who, and where.
    """

    when: Said
    what: Said
    more: Said = ""


@dataclass(frozen=True)
class Headline(View):
    """The first screen: the sentence, what happens when, what to do, how far the eye reached.

    Args:
        state: The tenant in one word: exposed, moving, quiet, closed or cannot know.
        sentence: The tenant in a sentence or two, for somebody who has never seen a log.
        also: What belongs beside the sentence, in smaller letters.
        today: What cannot wait; stands right under the sentence.
        dates: What ends, and when.
        actions: What to do next, in order.
        decisions: What stops, and who decides what until when.
        lines: Further sentences under a bold word each ("Progress", "If nothing is done").
        reach: How far we looked, in sentences; the last thing on the first screen, never absent.
    """

    state: str
    sentence: Said
    reach: Sequence[Said]
    also: Sequence[Said] = ()
    today: Sequence[Callout] = ()
    dates: Sequence[Step] = ()
    actions: Sequence[Step] = ()
    decisions: Table | None = None
    lines: Sequence[tuple[str, Said]] = ()

    def html(self) -> str:
        """Return the first screen as one section."""
        parts = [
            f'<p class="state">{html(state_badge(self.state))}</p><p class="lead">{said(self.sentence)}</p>',
            *(_line("", each) for each in self.also),
            *(callout.html() for callout in self.today),
            self._ahead(),
            self.decisions.html() if self.decisions else "",
            *(_line(*line) for line in self.lines),
            *(_line("" if number else "How far we looked", each) for number, each in enumerate(self.reach)),
        ]
        return f'<section class="mailauth headline" aria-label="In short">{"".join(parts)}</section>'

    def spoken(self) -> Iterable[str]:
        """Return the first screen in its order."""
        yield f"{self.state.upper()}: {self.sentence}"
        yield from map(str, self.also)
        for callout in self.today:
            yield from callout.spoken()
        yield from (f"{step.when}: {step.what}" for step in self.dates)
        yield from (f"Next, {step.when}: {step.what}" for step in self.actions)
        yield from self.decisions.spoken() if self.decisions else ()
        yield from (f"{name}: {words}" for name, words in self.lines)
        yield f"How far we looked: {' '.join(map(str, self.reach))}"

    def about(self) -> dict[str, object]:
        """Return the mark, and that this stands on top of a page."""
        return {**super().about(), "mailauth_first": True}

    def _ahead(self) -> str:
        """Return what ends and what to do, each with its day; side by side where there is room."""
        rows = "".join(f"<div><dt>{said(s.when)}</dt><dd>{said(s.what)}{_more(s)}</dd></div>" for s in self.dates)
        ends = f'<dl class="dates">{rows}</dl>' if rows else ""
        if not self.actions:
            return ends
        ends = f'<div><p class="title">What ends, and when</p>{ends}</div>' if ends else ""
        todo = "".join(f"<li>{_todo(step)}</li>" for step in self.actions)
        return f'<div class="ahead">{ends}<div><p class="title">What to do next</p><ol>{todo}</ol></div></div>'


def state_badge(state: str) -> Badge:
    """Return the badge of a tenant's state; a state that is not proven says so."""
    return _STATES.get(state, Badge(state or "Not assessed", "know"))


_STATES = {
    "exposed": Badge("Exposed", "bad"),
    "moving": Badge("Moving", "warn"),
    "quiet": Badge("Quiet, not proven", "info"),
    "closed": Badge("Closed, proven", "ok"),
    "cannot know": Badge("Cannot know", "know"),
}


def _line(name: str, sentence: Said) -> str:
    title = f"<strong>{escape.html(name)}:</strong> " if name else ""
    return f'<p class="said">{title}{said(sentence)}</p>'


def _more(step: Step) -> str:
    return f'<div class="why">{said(step.more)}</div>' if step.more else ""


def _todo(step: Step) -> str:
    when = f'<span class="by">\N{MIDDLE DOT} {said(step.when)}</span>'
    return f'<span class="what">{said(step.what)}</span> {when}{_more(step)}'
