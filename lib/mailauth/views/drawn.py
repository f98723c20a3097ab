"""Charts as pictures that stand in the page itself: no script, no chart library, nothing to load.

A picture is made of numbers and of names that are cut and escaped. What others wrote at length, such as a policy's name
in a mark, stands below it as text, and passes where every cell does.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import ceil
from typing import Final

from mailauth import escape
from mailauth.report import Mark as PolicyMark
from mailauth.report import TrendDay
from mailauth.wording import capital, counted

from .markup import Cell, Said, View, said, shortened, text
from .tables import Table

__all__ = ["TWIN", "Bars", "Days", "Drawn", "Mark", "SenderDays", "Series", "folded"]

TWIN: Final = "<!-- table -->"
"""Where a page puts the table of a chart that comes after it."""


@dataclass(frozen=True)
class Series:
    """What is counted, by day or by row.

    Args:
        name: What it is. May come from a log.
        colour: Of its bars.
        counts: One for each day or row; a day without records counts nothing.
        one: What a single one is called, where that is another name.
    """

    name: str
    colour: str
    counts: Sequence[int]
    one: str = ""

    def counted(self, count: int) -> str:
        """Return a number of them in words, as one line of HTML."""
        return escape.html(text(shortened(counted(count, self.one or self.name, self.name), _NAME)))


@dataclass(frozen=True)
class Mark:
    """What changed on a day.

    Args:
        kind: In a word of ours, which stands in the picture; may be empty.
        said: In a sentence, which stands below it.
    """

    kind: str
    said: Said


@dataclass(frozen=True)
class Drawn(View):
    """A chart as a picture with its finding, for a desk and for a telephone.

    Args:
        title: The finding.
        alt: What the picture shows, for those who do not see it.
        picture: The picture.
        below: Finished HTML that stands under it.
    """

    title: str
    alt: str
    picture: "Days | Bars"
    below: str = TWIN

    def html(self) -> str:
        """Return a figure: the pictures, what has to be said of them, and what stands below."""
        # A browser shrinks a picture with the letters in it: a telephone gets one of its own, without the words that
        # only a pointer brings up.
        desk, phone = (self.picture.svg(self.alt, width=width, hints=width == _DESK) for width in (_DESK, _PHONE))
        pictures = f'<div class="roomy">{desk}</div><div class="narrow" hidden>{phone}</div>{self.picture.notes()}'
        # Where a notebook is not trusted, JupyterLab takes style sheets and the elements of a picture away and leaves
        # its words: a style that every sheet of ours overrules keeps them out of sight, and the table stays.
        shown = f'<div class="pictures" style="display:none">{pictures}</div>'
        return _framed(self.title, f"{shown}{self.below}")

    def spoken(self) -> Iterable[str]:
        """Return the finding and what the picture shows."""
        return (self.title, self.alt)


def folded(table: str) -> str:
    """Return the HTML of a chart's table, folded."""
    return f'<details class="twin"><summary>The numbers as a table</summary>{table}</details>'


def _framed(title: str, inside: str) -> str:
    return f'<figure class="mailauth drawn"><figcaption>{escape.html(title)}</figcaption>{inside}</figure>'


@dataclass(frozen=True)
class SenderDays(View):
    """Senders by day, with a password, with a certificate and with OAuth; a day without records is hatched.

    Args:
        title: The finding.
        days: As in `Trend.days`: without a break, the oldest first.
        marks: As in `Trend.marks`; several of one day share a line, and one beyond the days has none.
        window: The window and source in words, for the table's caption.
    """

    title: str
    days: Sequence[TrendDay]
    marks: Sequence[PolicyMark] = ()
    window: str = ""

    @property
    def table(self) -> Table:
        """The same numbers, with what the marks say."""
        marks = self._by_day()
        rows = [(row.day, *_counts(row), _remark(row, marks.get(row.day, ()))) for row in self.days]
        caption = f"Senders by day (UTC), {self.window}" if self.window else "Senders by day (UTC)"
        columns = ("Day", "With a password", "Phones with a certificate", "With OAuth", "Remark")
        return Table(columns, rows, caption, _NOTE, limit=400)

    @property
    def alt(self) -> str:
        """What the picture shows, for those who do not see it."""
        shown = [f"{each.name}, at most {max(each.counts):,}" for each in _senders(self.days)]
        if not shown:
            return self.title
        lost = sum(row.missing for row in self.days)
        gaps = f" {counted(lost, 'day')} without records." if lost else ""
        span = f"from {text(self.days[0].day)} to {text(self.days[-1].day)}"
        return f"Bars for each day {span}: {'; '.join(shown)}.{gaps} {text(self.title).rstrip('.')}."

    def html(self) -> str:
        """Return a figure: the picture for a desk and for a telephone, what the marks say, and the table folded."""
        series = _senders(self.days)
        if not series:
            return _framed(self.title, self.table.html())
        missing = frozenset(row.day for row in self.days if row.missing)
        picture = Days([row.day for row in self.days], series, missing, self._by_day())
        return Drawn(self.title, self.alt, picture, folded(self.table.html())).html()

    def spoken(self) -> Iterable[str]:
        """Return the finding and the table."""
        return (self.title, *self.table.spoken())

    def _by_day(self) -> dict[date, list[Mark]]:
        found: dict[date, list[Mark]] = {}
        for mark in sorted(self.marks, key=lambda mark: mark.day):
            if self.days and self.days[0].day <= mark.day <= self.days[-1].day:
                found.setdefault(mark.day, []).append(Mark(_KIND_WORDS[mark.kind], mark.said))
        return found


_NOTE: Final = (
    "With a password, an account counts for each program and network; else it counts once. However often it signs "
    "in, a day counts it no more than that. A day without records is a gap, not a zero."
)
_KIND_WORDS: Final = {"service": "Microsoft", "policy": "policy", "access": "access", "change": "change"}
# A page has its own colours, for the dark and for paper too; JupyterLab gets one that shows on white and on black.
_KINDS: Final = (
    ("senders with a password", "var(--warn,#d55e00)", "sender with a password"),
    ("phones with a certificate", "var(--know,#a8589b)", "phone with a certificate"),
    ("users and apps with OAuth", "var(--info,#0072b2)", "user or app with OAuth"),
)


def _counts(row: TrendDay) -> tuple[int | None, int | None, int | None]:
    return (None, None, None) if row.missing else (row.senders, row.certificates, row.oauth)


def _remark(row: TrendDay, marks: Sequence[Mark]) -> Cell:
    said_of = [mark.said for mark in marks]
    return (*(["no records"] if row.missing else []), *said_of) or None


def _senders(days: Sequence[TrendDay]) -> list[Series]:
    """Return the kinds of senders that were seen on any day."""
    columns = zip(*(tuple(count or 0 for count in _counts(row)) for row in days), strict=True)
    return [
        Series(name, colour, counts, one)
        for (name, colour, one), counts in zip(_KINDS, columns, strict=False)
        if any(counts)
    ]


# --- days ----------------------------------------------------------------------------------------

_DESK: Final = 720  # units, each about a pixel
_PHONE: Final = 360
_LETTER: Final = 8  # units that a letter of 12 takes, rather too many than too few
_LANE: Final = 17  # height of a line of marks' words
_HEAD: Final = 24  # room for the words above each row of bars
_ROWS: Final = (130, 64)  # height of the first row of bars, and of each other
_HATCH: Final = 7
_CLOSE: Final = 4  # width of a day from which on there is white between the bars
_MOST_SAID: Final = 20  # marks below the picture
_NAME: Final = 60  # characters of a series' or a row's name


@dataclass(frozen=True)
class Days:
    """Days in columns, a row of bars for each series with an axis of its own, marks as lines through all rows.

    Args:
        days: Without a break, the oldest first; one at least.
        series: One at least, each with a count.
        missing: Days without records, which are hatched.
        marks: By day, each day one of *days*, in order.
    """

    days: Sequence[date]
    series: Sequence[Series]
    missing: Collection[date] = frozenset()
    marks: Mapping[date, Sequence[Mark]] = field(default_factory=dict)

    def svg(self, alt: str, *, width: int, hints: bool) -> str:
        """Return the picture.

        Args:
            alt: What it shows.
            width: In units.
            hints: Whether a pointer on a day brings up its numbers.
        """
        return _DayPicture(self, width).svg(alt, hints=hints)

    def notes(self) -> str:
        """Return what the marks say, what the hatching means, and what has to be said of the scales."""
        lines = [f"{text(day)}: {'; '.join(said(mark.said) for mark in those)}" for day, those in self.marks.items()]
        shown = "".join(f"<li>{line}</li>" for line in lines[:_MOST_SAID])
        notes = (
            "The numbers on the lines:" if lines else "",
            f"{len(lines) - _MOST_SAID} more stand in the table." if len(lines) > _MOST_SAID else "",
            "Hatched days have no records, which is not zero." if self.missing else "",
            "Each row has a scale of its own." if len(self.series) > 1 else "",
        )
        first, *others = (f'<p class="note">{note}</p>' if note else "" for note in notes)
        return first + (f"<ol>{shown}</ol>" if shown else "") + "".join(others)


@dataclass(frozen=True)
class _Flag:
    """A mark in the picture: its few words, where its line stands, and where the words begin and end downwards."""

    words: str
    at: float
    begins: float
    foot: int


@dataclass(frozen=True)
class _DayPicture:
    """`Days` in a width of so many units."""

    of: Days
    width: int

    def svg(self, alt: str, *, hints: bool) -> str:
        flags = self._flags()
        top = max((flag.foot for flag in flags), default=0) + 2
        rows, bottom = self._rows(top)
        lines = "".join(f"M{flag.at} {flag.foot}V{bottom}" for flag in flags)
        parts = [
            self._gaps(top + _HEAD, bottom),
            f'<path d="{lines}" stroke="currentColor" stroke-width="1.5" stroke-dasharray="5 4"/>' if lines else "",
            *rows,
            *(_words(flag.begins, flag.foot - 5, flag.words, "start", _STRONG) for flag in flags),
            *self._axis(bottom),
            *(self._hints(top, bottom) if hints else ()),
        ]
        return _svg(self.width, bottom + 24, alt, parts)

    @property
    def _left(self) -> int:
        most = max(max(each.counts) for each in self.of.series)
        return 12 + _LETTER * len(f"{_ticks(most, 4)[-1]:,}")

    @property
    def _step(self) -> float:
        return (self.width - self._left - 2) / len(self.of.days)

    def _at(self, number: float) -> float:
        """Return where a day begins, counted from the first."""
        return round(self._left + number * self._step, 1)

    def _rows(self, top: int) -> tuple[list[str], int]:
        """Return the rows of bars, and where the last of them ends."""
        parts: list[str] = []
        for number, each in enumerate(self.of.series):
            height = _ROWS[min(number, 1)]
            parts += self._row(each, top + _HEAD, height)
            top += _HEAD + height
        return parts, top

    def _row(self, series: Series, top: int, height: int) -> Iterator[str]:
        ticks = _ticks(max(series.counts), 4 if height == _ROWS[0] else 2)
        foot, unit = top + height, height / ticks[-1]
        grid = "".join(f"M{self._left} {foot - tick * unit:.1f}H{self.width}" for tick in ticks[1:])
        yield f'<path d="{grid}" stroke="var(--line,var(--jp-border-color2,#9aa1ab))"/>'
        wide = self._step - min(6, self._step * 0.28 * (self._step > _CLOSE))
        begin = (self._step - wide) / 2 / self._step
        bars = "".join(
            f"M{self._at(number + begin)} {foot}v{-count * unit:.1f}h{wide:.1f}V{foot}z"
            for number, count in enumerate(series.counts)
            if count
        )
        yield f'<path d="{bars}" fill="{series.colour}"/>'
        yield f'<path d="M{self._left} {foot}H{self.width}" stroke="currentColor"/>'
        for tick in ticks:
            yield _words(self._left - 6, foot - tick * unit + 4, f"{tick:,}", "end")
        yield _words(self._left, top - 8, _name(series.name, self.width - self._left), "start", _STRONG)

    def _gaps(self, top: int, bottom: int) -> str:
        """Return hatched bands where there are no records; drawn as lines, as a pattern would need a name."""
        bands = "".join(
            _hatched(self._at(first), self._at(last + 1), top, bottom)
            for first, last in _runs([number for number, day in enumerate(self.of.days) if day in self.of.missing])
        )
        return f'<path d="{bands}" stroke="currentColor" stroke-opacity=".45"/>' if bands else ""

    def _number(self, day: date) -> int:
        return (day - self.of.days[0]).days

    def _flags(self) -> list[_Flag]:
        """Return the marks' words, none over another; what a mark says stands below the picture."""
        flags: list[_Flag] = []
        ends: list[float] = []  # by lane, how far it is taken
        for number, (day, marks) in enumerate(self.of.marks.items(), start=1):
            at = self._at(self._number(day))
            kinds = ", ".join(dict.fromkeys(mark.kind for mark in marks if mark.kind))
            words = f"{number} {kinds}".rstrip() if len(self.of.marks) <= _MOST_SAID else f"{number}"
            begins = max(0.0, min(at - 4, self.width - _LETTER * len(words)))
            lane = next((lane for lane, end in enumerate(ends) if end < begins), len(ends))
            ends[lane : lane + 1] = [begins + _LETTER * (len(words) + 1)]
            flags.append(_Flag(words, at, begins, _LANE * (lane + 1)))
        return flags

    def _axis(self, bottom: int) -> Iterator[str]:
        shown = _named(self.of.days, (self.width - self._left) // 52)
        middles = {self._at(self._number(day) + 0.5): words for day, words in shown.items()}
        yield f'<path d="{"".join(f"M{at} {bottom}v5" for at in middles)}" stroke="currentColor"/>'
        for at, words in middles.items():
            half = _LETTER * len(words) / 2
            yield _words(max(half, min(at, self.width - half)), bottom + 18, words, "middle")

    def _hints(self, top: int, bottom: int) -> Iterator[str]:
        counts = zip(*(each.counts for each in self.of.series), strict=True)
        for number, (day, those) in enumerate(zip(self.of.days, counts, strict=True)):
            told = ", ".join(each.counted(count) for each, count in zip(self.of.series, those, strict=True) if count)
            words = "no records" if day in self.of.missing else told or "none"
            yield (
                f'<rect x="{self._at(number)}" y="{top}" width="{self._step:.1f}" height="{bottom - top}" fill="none" '
                f'pointer-events="all"><title>{text(day)}: {words}</title></rect>'
            )


# --- rows ----------------------------------------------------------------------------------------

_LINE: Final = 24  # height of a row
_BAR: Final = 14
_SHARE: Final = 0.36  # of a desk's width, for the names of rows


@dataclass(frozen=True)
class Bars:
    """Rows by name, for each series those with a count: one below the other, each series on a scale of its own.

    Args:
        labels: The names of the rows, in order. May come from a log.
        series: One at least, each with a count.
    """

    labels: Sequence[str]
    series: Sequence[Series]

    def svg(self, alt: str, *, width: int, hints: bool) -> str:
        """Return the picture; every count is written beside its bar, so that no hints are needed.

        Args:
            alt: What it shows.
            width: In units; where that is little, a row's name stands above its bar.
            hints: As in `Days`.
        """
        left, lines = (round(width * _SHARE), 1) if hints else (0, 2)
        parts: list[str] = []
        top = 0
        for each in self.series:
            parts.append(_words(0, top + 16, _name(each.name, width), "start", _STRONG))
            top += _HEAD
            parts += self._rows(each, top, left, width, lines)
            top += lines * _LINE * sum(map(bool, each.counts)) + 8
        return _svg(width, top, alt, parts)

    def notes(self) -> str:
        """Return what has to be said of the scales."""
        return '<p class="note">Each part has a scale of its own.</p>' if len(self.series) > 1 else ""

    def _rows(self, series: Series, top: int, left: int, width: int, lines: int) -> Iterator[str]:
        most = max(series.counts)
        room = width - left - 12 - _LETTER * len(f"{most:,}")
        letters = (left or width) // _LETTER
        shown = [(label, count) for label, count in zip(self.labels, series.counts, strict=True) if count]
        for number, (label, count) in enumerate(shown):
            foot = top + (number + 1) * lines * _LINE
            name = shortened(text(label), min(_NAME, letters))
            yield _words(0, foot - (lines - 1) * _LINE - 7, name, "start")
            wide = max(2.0, room * count / most)
            yield f'<path d="M{left} {foot - 19}h{wide:.1f}v{_BAR}h{-wide:.1f}z" fill="{series.colour}"/>'
            yield _words(left + wide + 6, foot - 7, f"{count:,}", "start")


# --- what pictures share ---------------------------------------------------------------------------


def _svg(width: int, height: int, alt: str, parts: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape.html(alt)}" width="100%" '
        f'style="display:block;max-width:52rem" font-size="12" fill="currentColor">{"".join(parts)}</svg>'
    )


def _name(name: str, width: int) -> str:
    """Return a series' name, cut for its room."""
    return capital(shortened(text(name), min(_NAME, width // _LETTER)))


# What runs behind the words stops around them.
_STRONG: Final = (
    ' font-weight="600" style="paint-order:stroke;stroke:var(--page,var(--jp-layout-color0,#fff));stroke-width:4px"'
)


def _words(x: float, y: float, words: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape.html(words)}</text>'


def _ticks(highest: int, most: int) -> range:
    """Return the counts that an axis names: from zero to *highest* or over it, in at most so many steps."""
    step = next(
        step for power in range(18) for step in (10**power, 2 * 10**power, 5 * 10**power) if highest <= step * most
    )
    return range(0, step * ceil(highest / step) + 1, step)


def _named(days: Sequence[date], most: int) -> dict[date, str]:
    """Return the days that the axis names: Mondays while there is room for them, else the beginnings of months."""
    mondays = [day for day in days if day.weekday() == 0] or [days[0]]
    for weeks in (1, 2):
        if len(mondays[::weeks]) <= most:
            return {day: text(day).rsplit(" ", 1)[0] for day in mondays[::weeks]}
    firsts = [day for day in days if day.day == 1]
    apart = next((apart for apart in (1, 2, 3, 6) if ceil(len(firsts) / apart) < most), 12)
    return {day: _month(day) for day in firsts if (day.month - 1) % apart == 0}


def _month(day: date) -> str:
    _, month, year = text(day).split()
    return year if day.month == 1 else month


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each unbroken run."""
    for number in numbers:
        if number - 1 not in numbers:
            yield number, next(last for last in range(number, numbers[-1] + 1) if last + 1 not in numbers)


def _hatched(left: float, right: float, top: float, bottom: float) -> str:
    """Return lines that rise to the right and end at the borders of a box."""
    parts = []
    # Such a line holds x + y; each is cut where it leaves the box.
    for total in range(ceil((left + top) / _HATCH) * _HATCH, int(right + bottom) + 1, _HATCH):
        begin, end = max(left, total - bottom), min(right, total - top)
        parts.append(f"M{begin:.1f} {total - begin:.1f}L{end:.1f} {total - end:.1f}")
    return "".join(parts)
