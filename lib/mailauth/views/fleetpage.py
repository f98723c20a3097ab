"""The page over all tenants: figures on top, then one table, whoever needs somebody first.

A thousand tenants fit into half a megabyte, so that the page still travels by mail: a row says each thing once and in
few letters, the labels that a telephone needs stand in the style, and sentences are cut where there are too many.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

from mailauth import escape
from mailauth.wording import capital, counted

from .frame import ONLY, PSEUDONYMS, Page, filled
from .markup import Badge, Cell, Tone, html, shortened, text
from .tables import Facts, state_badge

__all__ = ["LARGEST", "Row", "index"]

LARGEST = 490_000
"""How many bytes the page may have before its sentences are cut shorter."""

_SENTENCES = (240, 160, 110, 70, 40, 0)  # characters of a tenant's sentence, tried in this order
_OLD = timedelta(hours=36)


class Row(Protocol):
    """What the index shows of one tenant; the outcome of a run has all of it."""

    @property
    def tenant(self) -> str: ...
    @property
    def assessed(self) -> bool: ...
    @property
    def state(self) -> str: ...
    @property
    def sentence(self) -> str: ...
    @property
    def attention(self) -> int: ...
    @property
    def senders(self) -> int: ...
    @property
    def stops(self) -> int: ...
    @property
    def deadline(self) -> str: ...
    @property
    def ends(self) -> str: ...
    @property
    def when(self) -> str: ...
    @property
    def undecided(self) -> int: ...
    @property
    def expiring(self) -> int | None: ...
    @property
    def unproven(self) -> int | None: ...
    @property
    def watched(self) -> str: ...
    @property
    def held_since(self) -> str: ...
    @property
    def coverage(self) -> str: ...
    @property
    def throttled(self) -> bool: ...
    @property
    def read_until(self) -> str: ...
    @property
    def page(self) -> str: ...
    @property
    def made_at(self) -> str: ...


def index(
    rows: Iterable[Row], *, rehearsal: bool = False, made_at: datetime | None = None, pseudonyms: bool = False
) -> str:
    """Return the page over all tenants of a run, the one that needs somebody first on top.

    Args:
        rows: One per tenant; its page is expected in a folder of the tenant's name.
        rehearsal: Whether the tenants are invented ones.
        made_at: When the run began; without one, the latest of the rows.
        pseudonyms: Whether the tenants' names are pseudonyms.
    """
    ordered = sorted(rows, key=_urgency)
    made = made_at or max(filter(None, (_moment(row.made_at) for row in ordered)), default=None)
    pages = (_page(ordered, rehearsal, made, longest, pseudonyms) for longest in _SENTENCES)
    # The first that is small enough, or the last: whatever it weighs, every tenant stands on it.
    page = ""
    for page in pages:
        if len(page.encode()) <= LARGEST:
            break
    return page


def _page(rows: Sequence[Row], rehearsal: bool, made: datetime | None, longest: int, pseudonyms: bool) -> str:
    invented = "An invented tenant" if len(rows) == 1 else "Invented tenants"
    return filled(
        Page(
            title="Tenants · practice" if rehearsal else "Tenants",
            heading="Who still signs in with a password",
            above="All tenants",
            rehearsal=invented if rehearsal else "",
            made_at=text(made) if made else "",
            lead=f'<p class="lead">{escape.html(_counted(rows))}</p>',
            body=f'<div class="fleet">{_tiles(rows)}{_table(rows, made, longest)}</div>{_legend(rows)}',
            contents=(),
            parameters="",
            charts=False,
            personal=PSEUDONYMS if pseudonyms else f"says where tenants are open to strangers: {ONLY}",
            style=_rules(_columns(rows)),
        )
    )


# ---- states, and what outranks what


_NO_DAY = "9999"  # sorts behind every day

# Nobody could look, then from open to proven shut.
_STATES = ("", "cannot know", "exposed", "moving", "quiet", "closed")

_MEANINGS = {
    "": "The run did not end, or wrote nothing down.",
    "cannot know": "Nobody could look, or not lately: nothing follows from what is not shown.",
    "exposed": "An account needs somebody today, or senders use what ends and no move to OAuth has begun.",
    "moving": "Senders still use what ends, and the move to OAuth has begun.",
    "quiet": "No working password was seen in the records, which is no proof that there is none.",
    "closed": "Passwords are refused, and every sender was seen with the new method.",
}


def _state(row: Row) -> str:
    return row.state if row.assessed and row.state in _STATES else ""


def _urgency(row: Row) -> tuple[int, int, str, int, int, str]:
    state = _STATES.index(_state(row))
    return -row.attention, state, row.ends or _NO_DAY, -row.undecided, -row.stops, row.tenant


def _counted(rows: Sequence[Row]) -> str:
    counts = {word: sum(1 for row in rows if _state(row) == word) for word in _STATES}
    named = [f"{count:,} {word or 'not assessed'}" for word, count in counts.items() if count]
    urgent = sum(1 for row in rows if row.attention)
    today = f" {urgent:,} of them {'needs' if urgent == 1 else 'need'} somebody today." if urgent else ""
    return f"{counted(len(rows), 'tenant')}: {', '.join(named) or 'none'}.{today}"


# ---- figures on top


@dataclass(frozen=True)
class _Tile:
    """A figure with its words; where a reader has scripts it shows the rows that it counts.

    Args:
        count: How many tenants.
        words: What about them.
        tone: As in `Badge`.
        column: The column in which those rows differ from the others.
        key: What they have there; empty for any number but zero.
    """

    count: int
    words: str
    tone: Tone
    column: str
    key: str = ""

    def html(self) -> str:
        """Return the figure as an item of a list."""
        place = [column.title for column in _ALL].index(self.column)
        return (
            f'<li class="{self.tone}" data-column="{place}" data-is="{self.key}"><strong>{self.count:,}</strong> '
            f"<span>{escape.html(self.words)}</span></li>"
        )


def _tiles(rows: Sequence[Row]) -> str:
    states = [
        _Tile(
            sum(1 for row in rows if _state(row) == word), state_badge(word).text, state_badge(word).tone, "State", key
        )
        for word, key in ((word, str(_STATES.index(word))) for word in _STATES)
    ]
    undecided = sum(row.undecided for row in rows)
    work = [
        _work(rows, "attention", "Today", "bad", "needs somebody today", "need somebody today"),
        _work(
            rows,
            "undecided",
            "Undecided",
            "bad",
            f"has senders that nobody has decided on, {undecided:,} in all",
            f"have senders that nobody has decided on, {undecided:,} in all",
        ),
        _work(rows, "expiring", "Expiring", "warn", "has credentials that end soon", "have credentials that end soon"),
        _work(
            rows,
            "unproven",
            "Unproven",
            "know",
            "has mailboxes or accounts without a proof of OAuth",
            "have mailboxes or accounts without a proof of OAuth",
        ),
    ]
    broken = sum(1 for row in rows if row.watched == "broken")
    said = "no longer holds what was closed" if broken == 1 else "no longer hold what was closed"
    work.append(_Tile(broken, said, "bad", _WATCHED.title, _WATCH["broken"][0]))
    return _list("Tenants by state", states) + _list("What is to be done", work)


def _work(rows: Iterable[Row], figure: str, column: str, tone: Tone, one: str, several: str) -> _Tile:
    count = sum(1 for row in rows if getattr(row, figure))
    return _Tile(count, one if count == 1 else several, tone, column)


def _list(title: str, tiles: Iterable[_Tile]) -> str:
    shown = "".join(tile.html() for tile in tiles if tile.count)
    return f'<ul class="tiles" aria-label="{title}">{shown}</ul>' if shown else ""


# ---- the table


@dataclass(frozen=True)
class _Column:
    """A column: its title, what stands in a cell as HTML, what that is sorted by, and whether it is a number."""

    title: str
    cell: Callable[[Row], str]
    key: Callable[[Row], str] = lambda _: ""
    number: bool = False


def _figure(title: str, name: str) -> _Column:
    # Where nobody could look, a zero would say more than is known.
    def known(row: Row) -> str:
        found: int | None = getattr(row, name)
        if found is None:
            return ""
        return f"{found:,}" if found or _state(row) not in ("", "cannot know") else ""

    return _Column(title, known, number=True)


def _tenant(row: Row) -> str:
    name = escape.html(row.tenant)
    # A name that is no plain folder leads nowhere. The folder may lie beside this page's own: a shard's.
    plain = _FOLDER.fullmatch(row.tenant) and _PAGE.fullmatch(row.page)
    return f'<a href="{row.page}">{name}</a>' if plain else name


_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PAGE = re.compile(r"(?!/)[A-Za-z0-9_.~%/-]+/index\.html")


def _ends(row: Row) -> str:
    # In words where there are any: a day that nobody published is only there to sort by.
    day = _day(row.ends)
    said = escape.html(shortened(row.when.split(",")[0], _WHEN)) or (text(day) if day else escape.html(row.ends))
    return said or ("no day published" if row.deadline else "")


_WHEN = 40  # characters

_COVERAGE: dict[str, Tone] = {"complete": "ok", "partial": "warn", "absent": "bad", "unknown": "know"}


def _coverage(row: Row) -> str:
    read = _moment(row.read_until)
    until = f"<p>to {text(read.date())}" if read else ""
    missing = "<p>throttled" if row.throttled else ""
    return html(Badge(row.coverage, _COVERAGE.get(row.coverage, "quiet"))) + missing + until if row.coverage else ""


def _made(row: Row) -> str:
    return text(_moment(row.made_at)).removesuffix(" UTC") if row.made_at else ""


_COLUMNS = (
    _Column("Tenant", _tenant),
    _Column("State", lambda row: html(state_badge(_state(row))), lambda row: str(_STATES.index(_state(row)))),
    _figure("Today", "attention"),
    _figure("Basic senders", "senders"),
    _Column("Next end", _ends, lambda row: row.ends or (_NO_DAY if row.deadline else "")),
    _figure("Stop then", "stops"),
    _figure("Undecided", "undecided"),
    _figure("Expiring", "expiring"),
    _figure("Unproven", "unproven"),
    _Column("Coverage", _coverage),
)
_WATCH: dict[str, tuple[str, Tone]] = {
    "broken": ("0", "bad"),
    "cannot know": ("1", "know"),
    "undone": ("2", "warn"),
    "attention": ("3", "warn"),
    "held": ("4", "ok"),
}


def _watched(row: Row) -> str:
    if row.watched not in _WATCH:
        return ""
    since = _moment(row.held_since)
    return html(Badge(row.watched, _WATCH[row.watched][1])) + (f"<p>since {text(since.date())}" if since else "")


_WATCHED = _Column("What was closed", _watched, lambda row: _WATCH.get(row.watched, ("", ""))[0])
_MADE = _Column("Made (UTC)", _made, lambda row: row.made_at[:16])
_ALL = (*_COLUMNS, _WATCHED, _MADE)


def _columns(rows: Sequence[Row]) -> Sequence[_Column]:
    """Return the columns; where nobody has closed anything, nothing is said of that."""
    return _ALL if any(row.watched in _WATCH for row in rows) else (*_COLUMNS, _MADE)


def _table(rows: Sequence[Row], made: datetime | None, longest: int) -> str:
    if not rows:
        return '<div class="mailauth empty"><p><strong>Tenants.</strong> Nothing to show.</p></div>'
    columns = _columns(rows)
    head = "".join(f'<th scope="col"{_NUMBERS * column.number}>{column.title}</th>' for column in columns)
    body = "\n".join(_row(row, columns, made, longest) for row in rows)
    return (
        f'<div class="mailauth table wide"><table><caption>Tenants, whoever needs somebody first</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>\n{body}</tbody></table></div>"
    )


_NUMBERS = ' class="num"'


def _row(row: Row, columns: Sequence[_Column], made: datetime | None, longest: int) -> str:
    """Return one row; elements that HTML closes by itself are left open, which saves a tenth of the page."""
    name, *others = (_cell(column, row) for column in columns)
    others[0] += f"<p>{escape.html(shortened(row.sentence, longest))}" if longest and row.sentence else ""
    others[-1] += _age(_moment(row.made_at), made)
    return f"<tr><th scope=row{name}{''.join(f'<td{cell}' for cell in others)}"


def _cell(column: _Column, row: Row) -> str:
    key = column.key(row)
    sort = f' data-key="{escape.html(key)}"' if key else ""
    # A plain dash, and no element around it: there are thousands of them.
    return f"{sort}>{column.cell(row) or _DASH}"


_DASH = "\N{EN DASH}"


def _age(moment: datetime | None, made: datetime | None) -> str:
    """Return how old a row is where others on the page are newer."""
    if moment is None or made is None or made - moment < _OLD:
        return ""
    return f'<p><span class="badge warn">{counted((made - moment).days, "day")} old</span>'


def _rules(columns: Sequence[_Column]) -> str:
    """Return the style that a class on each of some thousand cells would cost too much for.

    Numbers stand at the right, and on a telephone each cell says what it holds.
    """
    places = list(enumerate(columns, start=1))
    numbers = ",".join(f".fleet td:nth-child({place})" for place, column in places if column.number)
    labels = (f'.fleet td:nth-child({place})::before{{content:"{column.title}"}}' for place, column in places[1:])
    return (
        f"@media (min-width: 40.01rem) {{ {numbers} {{ text-align: right }} }}\n"
        f"@media (max-width: 40rem) {{ {' '.join(labels)} }}\n"
    )


# ---- what the words mean


def _legend(rows: Sequence[Row]) -> str:
    shown = {_state(row) for row in rows}
    states: list[tuple[str, Cell]] = [
        (state_badge(state).text, words) for state, words in _MEANINGS.items() if state in shown
    ]
    ends = sorted({(row.ends or _NO_DAY, row.when, row.deadline) for row in rows if row.deadline})
    dates: list[tuple[str, Cell]] = [
        (capital(shortened(when)) or _ended(day), shortened(words)) for day, when, words in ends[:_DEADLINES]
    ]
    parts = [Facts(states, "What the states mean").html() if states else ""]
    parts += [Facts(dates, "What ends next").html()] if dates else []
    said_of = {_DASH, *(one.title for one in _columns(rows)), *(_THROTTLED for row in rows if row.throttled)}
    counts = [(title, said) for title, said in _WORDS if title in said_of]
    return "".join([*parts, Facts(counts, "What is counted").html()]) if rows else ""


_DEADLINES = 12
_THROTTLED = "Throttled"

_WORDS: Sequence[tuple[str, Cell]] = (
    ("Today", "Accounts that need somebody today: a stranger has the password, or may have it."),
    ("Basic senders", "Senders whose mail still goes through with a password."),
    ("Stop then", "Senders that the next end stops."),
    ("Undecided", "Those of which nobody has decided what becomes of them, by whom and until when."),
    (
        "Expiring",
        f"Secrets and certificates of mail apps that end within a month; {_DASH} where notebook 20 has not looked.",
    ),
    (
        "Unproven",
        "Mailboxes of the tenants file that OAuth has not opened by each of their protocols since the last change, and "
        "accounts that no longer send with a password while nothing proves that they moved.",
    ),
    (
        _THROTTLED,
        "A source asked to come back later, each time the tenant was tried. Its records are missing here, so a zero "
        "proves nothing. Run the tenant again when less is asked of the source, or fewer tenants at a time.",
    ),
    (
        "What was closed",
        "Whether what notebook 60 has closed still is, by the last watch, and since when; the tenant's page says what "
        f"broke. {_DASH} where nothing is closed, or nobody has watched.",
    ),
    (_DASH, "Not known: nobody could look, or the run did not get that far. It is not zero."),
)


def _ended(day: str) -> str:
    found = _day(day)
    return "No day published" if day == _NO_DAY else text(found) if found else day


def _day(words: str) -> date | None:
    try:
        return date.fromisoformat(words)
    except ValueError:
        return None


def _moment(made_at: str) -> datetime | None:
    try:
        return datetime.fromisoformat(made_at).astimezone(UTC)
    except ValueError:
        return None
