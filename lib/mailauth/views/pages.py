"""Pages: an executed notebook in, one self-contained HTML file out.

A page is read by people who have neither Python nor the portal, often from a mail attachment: it asks the network for
nothing, hides the code, shows a table beside each chart and runs no script but the ones whose hashes stand in its
policy. What a log said is on it as text only.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import import_module, resources
from pathlib import Path
from typing import Any, Protocol

from mailauth import escape

from . import outline
from .figures import PLOTLY
from .markup import MARK, STYLE, Badge, Cell, Link, sentences, text
from .scrubbing import parameters, scrub
from .tables import Callout, Facts, Table, state_badge

__all__ = ["HIDDEN", "Row", "index", "render", "scrub"]

HIDDEN = "notebook-only"
"""The tag of a cell that speaks to whoever runs the notebook and not to the page's reader."""

_NEVER_SHOWN = frozenset({HIDDEN, "parameters", "injected-parameters", "remove-cell"})


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
    def undecided(self) -> int: ...
    @property
    def page(self) -> str: ...
    @property
    def made_at(self) -> str: ...


@dataclass(frozen=True)
class _Page:
    """What the template fills in; every field but the plain texts is finished HTML.

    Args:
        title: The document's title.
        heading: What stands on top.
        above: Whose page it is.
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


def render(
    notebook: Any,
    *,
    tenant: str = "",
    rehearsal: bool = False,
    title: str = "",
    facts: Sequence[tuple[str, str]] = (),
    made_at: datetime | None = None,
    beside: Collection[str] = (),
    over: str = "",
    here: str = "",
) -> str:
    """Return the page of an executed notebook.

    Args:
        notebook: The notebook's node, its dictionary, or the path of its file.
        tenant: Whose page it is; part of the title.
        rehearsal: Whether the tenant is an invented one; the page then says so wherever it names the tenant.
        title: The heading; without one, the notebook's first.
        facts: Further lines for the table of parameters.
        made_at: When the run began; without one, what papermill noted.
        beside: Names of the notebooks whose pages lie in the same folder; links to others become plain words.
        over: Where the page over all tenants lies, seen from this one; empty where there is none.
        here: This page's own name among those beside it: the page then leads to the others.
    """
    executed = _read(notebook)
    given = [*parameters(executed).items(), *facts]
    moment = made_at or _began(executed)
    node = scrub(executed)
    headings = outline.Outline(beside)
    shown = [cell for cell in node["cells"] if not _NEVER_SHOWN & set(cell["metadata"].get("tags", []))]
    lead = _stopped(node) + "".join(_own(output) for output in _all_outputs(shown) if _is_first(output))
    body = "\n".join(_cell(cell, headings) for cell in shown)
    heading = title or headings.title or outline.first_title(node["cells"]) or "Report"
    page = _Page(
        title=" · ".join(part for part in (tenant, heading, "practice" if rehearsal else "") if part),
        heading=heading,
        above=tenant,
        rehearsal="An invented tenant" if rehearsal else "",
        made_at=text(moment) if moment else "",
        lead=lead,
        body=body,
        contents=headings.contents,
        parameters=Facts(given, "This run").html() if given else "",
        charts=_CHART in body,
        personal="names people and their sign-ins",
        over=over,
        beside=_beside(beside, here),
    )
    return _filled(page)


def _beside(names: Collection[str], here: str) -> Sequence[tuple[str, str]]:
    """Return the pages of a tenant, in words and by name, where there is more than this one."""
    found = sorted({*names, here}) if here else []
    return [(name.replace("-", " "), "" if name == here else f"{name}.html") for name in found if len(found) > 1]


def index(rows: Iterable[Row], *, rehearsal: bool = False, made_at: datetime | None = None) -> str:
    """Return the page over all tenants of a run, the one that needs somebody first on top.

    Args:
        rows: One per tenant; its page is expected in a folder of the tenant's name.
        rehearsal: As in `render`.
        made_at: As in `render`; without one, the latest of the rows.
    """
    ordered = sorted(rows, key=_urgency)
    cells = [
        (
            Link(row.tenant, f"{row.tenant}/index.html") if row.page else row.tenant,
            state_badge(row.state if row.assessed else ""),
            Badge(f"{row.attention:,} today", "bad") if row.attention else None,
            row.undecided or None,
            sentences(row.sentence),
            _moment(row.made_at),
        )
        for row in ordered
    ]
    columns = ("Tenant", "State", "Needs somebody", "Open decisions", "In a sentence", "Made")
    note = "An open decision is a sender of which nobody can say what to do before a question is answered."
    table = Table(columns, cells, "Tenants", note=note, limit=5_000)
    latest = max((row.made_at for row in ordered), default="")
    page = _Page(
        title="Tenants · practice" if rehearsal else "Tenants",
        heading="Who still signs in with a password",
        above="All tenants",
        rehearsal=_invented(len(ordered)) if rehearsal else "",
        made_at=text(made_at) if made_at else text(_moment(latest)) if latest else "",
        lead=f'<p class="lead">{escape.html(_counted(ordered))}</p>',
        body=table.html() + Facts(_meanings(ordered), "What the states mean").html(),
        contents=(),
        parameters="",
        charts=False,
        personal="says where tenants are open to strangers",
    )
    return _filled(page)


# What outranks what on the index: somebody is needed, nobody could look, then from open to proven shut.
_STATES = ("", "cannot know", "exposed", "moving", "quiet", "closed")


_MEANINGS = {
    "": "The run did not end, or wrote nothing down.",
    "cannot know": "Nobody could look, or not lately: nothing follows from what is not shown.",
    "exposed": "An account needs somebody today, or senders use what ends and no move to OAuth has begun.",
    "moving": "Senders still use what ends, and the move to OAuth has begun.",
    "quiet": "No working password was seen in the records, which is no proof that there is none.",
    "closed": "Passwords are refused, and every sender was seen with the new method.",
}


def _meanings(rows: Iterable[Row]) -> list[tuple[str, Cell]]:
    """Return what each state on the page means."""
    shown = {_state(row) for row in rows}
    return [(state_badge(state).text, words) for state, words in _MEANINGS.items() if state in shown]


def _invented(count: int) -> str:
    return "An invented tenant" if count == 1 else "Invented tenants"


def _state(row: Row) -> str:
    return row.state if row.assessed and row.state in _STATES else ""


def _urgency(row: Row) -> tuple[int, int, str]:
    return -row.attention, _STATES.index(_state(row)), row.tenant


def _counted(rows: Sequence[Row]) -> str:
    counts = {word: sum(1 for row in rows if _state(row) == word) for word in _STATES}
    named = [f"{count:,} {word or 'not assessed'}" for word, count in counts.items() if count]
    urgent = sum(1 for row in rows if row.attention)
    today = f" {urgent:,} of them {'needs' if urgent == 1 else 'need'} somebody today." if urgent else ""
    return f"{len(rows):,} {'tenant' if len(rows) == 1 else 'tenants'}: {', '.join(named) or 'none'}.{today}"


def _moment(made_at: str) -> datetime | None:
    try:
        return datetime.fromisoformat(made_at)
    except ValueError:
        return None


# ---- cells to HTML


def _read(notebook: Any) -> Any:
    nbformat: Any = import_module("nbformat")  # here, because it takes a second that a page alone is worth
    if isinstance(notebook, str | Path):
        return nbformat.reads(Path(notebook).read_text(encoding="utf-8"), as_version=4)
    return nbformat.from_dict(notebook)


def _began(notebook: Any) -> datetime | None:
    """Return when papermill began, which it writes in the machine's own time zone."""
    began = _moment(str(notebook["metadata"].get("papermill", {}).get("start_time", "")))
    return began.astimezone(UTC) if began else None


def _cell(cell: Any, headings: outline.Outline) -> str:
    if cell["cell_type"] == "markdown":
        return headings.markdown(_joined(cell["source"]))
    return _outputs(cell["outputs"]) if cell["cell_type"] == "code" else ""


def _outputs(outputs: Sequence[Any]) -> str:
    """Return a cell's outputs; the table that follows a chart goes into the chart's figure."""
    parts: list[str] = []
    for output in outputs:
        if _is_first(output):
            continue
        if output.get("metadata", {}).get("mailauth_twin") and parts and parts[-1].startswith(_CHART):
            parts[-1] = parts[-1].replace(_TWIN, _twin(_own(output)), 1)
        else:
            parts.append(_output(output))
    return "\n".join(part.replace(_TWIN, "") for part in parts if part)


def _all_outputs(cells: Iterable[Any]) -> Iterable[Any]:
    return (output for cell in cells for output in cell.get("outputs", ()))


def _is_first(output: Any) -> bool:
    """Whether an output is the first screen, which stands above everything that the notebook shows before it."""
    return bool(output.get("metadata", {}).get("mailauth_first"))


_CHART = '<figure class="chart"'
_TWIN = "<!-- table -->"


def _output(output: Any) -> str:
    kind = output["output_type"]
    if kind == "stream":
        return _words(_joined(output["text"]))
    if kind == "error":
        return Callout("cannot know", "This step stopped", (f"{output['ename']}: {output['evalue']}",)).html()
    data = output["data"]
    if PLOTLY in data:
        return _chart(data[PLOTLY], output.get("metadata", {}).get("mailauth", {}))
    if "text/html" in data and output.get("metadata", {}).get("mailauth") == MARK:
        return _own(output)
    for mime in ("image/png", "image/jpeg"):
        if mime in data:
            return _picture(mime, _joined(data[mime]), output.get("metadata", {}))
    return _words(_joined(data.get("text/plain", "")))


def _own(output: Any) -> str:
    return _joined(output["data"]["text/html"]).replace(STYLE, "")


def _words(words: str) -> str:
    """Return plain text; the name of an object that could show itself in a notebook only says nothing to a reader."""
    if not words.strip() or (words.startswith("<") and words.rstrip().endswith(">") and "\n" not in words.strip()):
        return ""
    return f'<pre class="plain" tabindex="0">{escape.html(words)}</pre>'


def _picture(mime: str, encoded: str, metadata: Mapping[str, Any]) -> str:
    alt = metadata.get("alt") or metadata.get(mime, {}).get("alt") or "A picture without a description"
    # Decoded and encoded again: nothing but base64 can then stand in the address.
    picture = base64.b64encode(base64.b64decode(encoded)).decode("ascii")
    return f'<p><img src="data:{mime};base64,{picture}" alt="{escape.html(str(alt))}"></p>'


def _chart(figure: Mapping[str, Any], about: Any) -> str:
    """Return a figure: the finding, the place to draw in, the numbers as JSON, and room for the table."""
    about = about if isinstance(about, Mapping) else {}
    layout = dict(figure.get("layout", {}))
    drawn = layout.pop("title", {})
    title = str(about.get("title") or (drawn.get("text") if isinstance(drawn, Mapping) else "") or "Chart")
    alt = str(about.get("alt") or title)
    # The finding stands above the figure here, so the room for it inside goes.
    top = int((layout.pop("margin", None) or {}).get("t") or _TOP)
    height = int(layout.get("height") or 360) - top + _TOP
    spec = _json({"data": figure.get("data", []), "layout": layout | {"height": height}})
    return (
        f"{_CHART}><figcaption>{escape.html(title)}</figcaption>"
        f'<div class="plot" role="img" aria-label="{escape.html(alt)}" data-height="{height}" hidden></div>'
        f'<script type="application/json">{spec}</script>'
        f"{_TWIN}</figure>"
    )


_TOP = 34  # pixels above a chart on a page, for its legend; charts.js has the same number


def _json(value: object) -> str:
    """Return JSON that cannot end the element it stands in, nor begin a comment there."""
    words = json.dumps(value, separators=(",", ":"), sort_keys=True, default=str)
    return words.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _twin(table: str) -> str:
    return f'<details class="twin" open><summary>The numbers as a table</summary>{table}</details>'


def _stopped(node: Any) -> str:
    """Return the line above everything for a run that did not end, or nothing."""
    for output in _all_outputs(node["cells"]):
        if output["output_type"] == "error":
            said = f"{output['ename']}: {output['evalue']}"
            body = (said, "What is below was found before that. What is missing was not looked at.")
            return Callout("cannot know", "This run did not end", body).html()
    return ""


def _joined(words: Any) -> str:
    return words if isinstance(words, str) else "".join(words)


# ---- the file around them


def _filled(page: _Page) -> str:
    from .exporter import fill

    scripts = {"page": _template("page.js")} | ({"charts": _template("charts.js")} if page.charts else {})
    library, digest = _plotly() if page.charts else ("", "")
    hashes = " ".join(f"'{value}'" for value in [*map(_sha256, scripts.values()), digest] if value)
    return fill(page=page, style=_template("page.css"), scripts=scripts, library=library, hashes=hashes)


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
