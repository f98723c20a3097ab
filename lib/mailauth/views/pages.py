"""Pages: an executed notebook in, one self-contained HTML file out.

A page is read by people who have neither Python nor the portal, often from a mail attachment: it asks the network for
nothing, hides the code, shows a table beside each chart and runs no script but the ones whose hashes stand in its
policy. What a log said is on it as text only.
"""

import base64
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from mailauth import escape

from . import outline
from .drawn import TWIN, folded
from .figures import PLOTLY
from .fitting import fitted
from .frame import ONLY, PSEUDONYMS, Page, filled
from .markup import MARK, STYLE, text
from .scrubbing import parameters, scrub
from .tables import Callout, Facts

__all__ = ["APPENDIX", "DETAIL", "FULL", "HIDDEN", "render", "scrub"]

HIDDEN = "notebook-only"
"""The tag of a cell that speaks to whoever runs the notebook and not to the page's reader."""

APPENDIX = "appendix"
"""The tag of the cell from which on a page is for whoever does the work; it begins with the heading of that part.

On a telephone the part is folded behind the heading, on paper it begins on a page of its own.
"""

DETAIL = "detail"
"""The tag of a cell whose tables tell in full what stands above them in short: folded on a telephone."""

FULL = "full-only"
"""The tag of a cell that leads to what an edition for others does not hold."""

# A page of 2.5 MB can be mailed. What stands around a page's own parts takes 50 KB, and the chart library most of it.
_ROOM = 2_430_000
_LIBRARY = 1_960_000

_PERSONAL = f"names people and their sign-ins: {ONLY}"

_NEVER_SHOWN = frozenset({HIDDEN, "parameters", "injected-parameters", "remove-cell"})


def render(
    notebook: Any,
    *,
    tenant: str = "",
    rehearsal: bool = False,
    title: str = "",
    facts: Sequence[tuple[str, str]] = (),
    unfinished: Sequence[str] = (),
    made_at: datetime | None = None,
    beside: Collection[str] = (),
    over: str = "",
    here: str = "",
    pseudonyms: bool = False,
    front: bool = False,
) -> str:
    """Return the page of an executed notebook.

    Args:
        notebook: The notebook's node, its dictionary, or the path of its file.
        tenant: Whose page it is; part of the title.
        rehearsal: Whether the tenant is an invented one; the page then says so wherever it names the tenant.
        title: The heading; without one, the notebook's first.
        facts: Further lines for the table of parameters.
        unfinished: What else of the same run did not end, a sentence each; the page says so above everything.
        made_at: When the run began; without one, what papermill noted.
        beside: Names of the notebooks whose pages lie in the same folder; links to others become plain words.
        over: Where the page over all tenants lies, seen from this one; empty where there is none.
        pseudonyms: Whether its names are pseudonyms; what is said of passing it on follows from that.
        here: This page's own name among those beside it: the page then leads to the others.
        front: Whether it is the tenant's page: the tenant's name is then its heading, and the notebook's stands above.
    """
    executed = _read(notebook)
    given = [*parameters(executed).items(), *facts]
    moment = made_at or _began(executed)
    node = scrub(executed)
    headings = outline.Outline(beside)
    unshown = _NEVER_SHOWN | ({FULL} if pseudonyms else set())
    shown = [cell for cell in node["cells"] if unshown.isdisjoint(_tags(cell))]
    first = "".join(_own(output) for output in _all_outputs(shown) if _is_first(output))
    lead = _stopped(node) + _unfinished(unfinished) + first
    drawn = _drawn(shown, headings)
    body = fitted(drawn, room=_ROOM - _LIBRARY * (_CHART in drawn) - len(lead.encode()))
    heading = title or headings.title or outline.first_title(node["cells"]) or "Report"
    page = Page(
        title=" · ".join(part for part in (tenant, heading, "practice" if rehearsal else "") if part),
        heading=tenant if front and tenant else heading,
        above=heading if front and tenant else tenant,
        rehearsal="An invented tenant" if rehearsal else "",
        made_at=text(moment) if moment else "",
        lead=lead,
        body=body,
        contents=headings.contents,
        parameters=Facts(given, "This run").html() if given else "",
        charts=_CHART in body,
        personal=PSEUDONYMS if pseudonyms else _PERSONAL,
        over=over,
        beside=_beside(beside, here),
    )
    return filled(page)


def _beside(names: Collection[str], here: str) -> Sequence[tuple[str, str]]:
    """Return the pages of a tenant, in words and by name, where there is more than this one."""
    found = sorted({*names, here}) if here else []
    return [(name.replace("-", " "), "" if name == here else f"{name}.html") for name in found if len(found) > 1]


# ---- cells to HTML


def _read(notebook: Any) -> Any:
    nbformat: Any = import_module("nbformat")  # here, because it takes a second that a page alone is worth
    if isinstance(notebook, str | Path):
        return nbformat.reads(Path(notebook).read_text(encoding="utf-8"), as_version=4)
    return nbformat.from_dict(notebook)


def _began(notebook: Any) -> datetime | None:
    """Return when papermill began, which it writes in the machine's own time zone."""
    began = str(notebook["metadata"].get("papermill", {}).get("start_time", ""))
    try:
        return datetime.fromisoformat(began).astimezone(UTC)
    except ValueError:
        return None


def _drawn(cells: Sequence[Any], headings: outline.Outline) -> str:
    """Return the cells one below the other, those of the appendix in a fold of their own."""
    begins = next((number for number, cell in enumerate(cells) if APPENDIX in _tags(cell)), len(cells))
    parts = [_cell(cell, headings) for cell in cells]
    return "\n".join((*parts[:begins], _appendix("\n".join(parts[begins:]))))


def _appendix(drawn: str) -> str:
    heading, ends, rest = drawn.partition("</h2>")
    return f'<details class="fold appendix"><summary>{heading}{ends}</summary>{rest}</details>' if ends else drawn


def _called(shown: str) -> str:
    """Return what the first table is called, without its window."""
    caption = shown.partition("<caption>")[2].partition("</caption>")[0]
    return _WINDOW.split(caption)[0] or "the table"


_WINDOW = re.compile(r" \(|, (?=\d)")


def _tags(cell: Any) -> Collection[str]:
    tags: Collection[str] = cell["metadata"].get("tags", ())
    return tags


def _cell(cell: Any, headings: outline.Outline) -> str:
    if cell["cell_type"] == "markdown":
        return headings.markdown(_joined(cell["source"]))
    if cell["cell_type"] != "code":
        return ""
    shown = _outputs(cell["outputs"])
    if DETAIL in _tags(cell) and "<table>" in shown:
        return f'<details class="fold detail"><summary>In full: {_called(shown)}</summary>{shown}</details>'
    return shown


def _outputs(outputs: Sequence[Any]) -> str:
    """Return a cell's outputs; the table that follows a chart goes into the chart's figure."""
    parts: list[str] = []
    for output in outputs:
        if _is_first(output):
            continue
        if output.get("metadata", {}).get("mailauth_twin") and parts and TWIN in parts[-1]:
            parts[-1] = parts[-1].replace(TWIN, folded(_own(output)), 1)
        else:
            parts.append(_output(output))
    return "\n".join(part.replace(TWIN, "") for part in parts if part)


def _all_outputs(cells: Iterable[Any]) -> Iterable[Any]:
    return (output for cell in cells for output in cell.get("outputs", ()))


def _is_first(output: Any) -> bool:
    """Whether an output is the first screen, which stands above everything that the notebook shows before it."""
    return bool(output.get("metadata", {}).get("mailauth_first"))


_CHART = '<figure class="chart"'


def _output(output: Any) -> str:
    kind = output["output_type"]
    if kind == "stream":
        return _words(_joined(output["text"]))
    if kind == "error":
        return Callout("cannot know", "This step stopped", (f"{output['ename']}: {output['evalue']}",)).html()
    data = output["data"]
    if "text/html" in data and output.get("metadata", {}).get("mailauth") == MARK:
        return _own(output)
    if PLOTLY in data:
        return _chart(data[PLOTLY])
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


def _chart(figure: Mapping[str, Any]) -> str:
    """Return a figure of somebody's own cell: its title, the place to draw in, and the numbers as JSON."""
    layout = dict(figure.get("layout", {}))
    drawn = layout.pop("title", {})
    title = str((drawn.get("text") if isinstance(drawn, Mapping) else "") or "Chart")
    # The title stands above the figure here, so the room for it inside goes.
    top = int((layout.pop("margin", None) or {}).get("t") or _TOP)
    height = int(layout.get("height") or 360) - top + _TOP
    spec = _json({"data": figure.get("data", []), "layout": layout | {"height": height}})
    return (
        f"{_CHART}><figcaption>{escape.html(title)}</figcaption>"
        f'<div class="plot" role="img" aria-label="{escape.html(title)}" data-height="{height}" hidden></div>'
        f'<script type="application/json">{spec}</script></figure>'
    )


_TOP = 34  # pixels above a chart on a page, for its legend; charts.js has the same number


def _json(value: object) -> str:
    """Return JSON that cannot end the element it stands in, nor begin a comment there."""
    words = json.dumps(value, separators=(",", ":"), sort_keys=True, default=str)
    return words.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _stopped(node: Any) -> str:
    """Return the line above everything for a run that did not end, or nothing."""
    for output in _all_outputs(node["cells"]):
        if output["output_type"] == "error":
            said = f"{output['ename']}: {output['evalue']}"
            body = (said, "What is below was found before that. What is missing was not looked at.")
            return Callout("cannot know", "This run did not end", body).html()
    return ""


def _unfinished(parts: Sequence[str]) -> str:
    """Return the line above everything where the notebooks before this one did not all end, or nothing."""
    said = (*parts, "What they would have found is missing here, or from before.")
    return Callout("cannot know", "Not everything before this page was run", said).html() if parts else ""


def _joined(words: Any) -> str:
    return words if isinstance(words, str) else "".join(words)
