import base64
import copy
import gzip
import hashlib
import html.parser
import itertools
import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from mailauth.views import pages, scrubbing
from mailauth.views.tables import Callout, Table
from tests import views_invented as world

VOID = {"meta", "link", "br", "wbr", "img", "input", "hr"}


@pytest.fixture(scope="module")
def executed() -> Any:
    return world.executed()


@pytest.fixture(scope="module")
def page(executed: Any) -> str:
    return pages.render(executed, tenant="Fabrikam", rehearsal=True, beside=("00-start",))


class Reader(html.parser.HTMLParser):
    """Collects what a test asks about, and that every element is closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.headings: list[int] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append((self.elements[-1][1], data))


def _code(*outputs: dict[str, Any], tags: tuple[str, ...] = ()) -> dict[str, Any]:
    metadata = {"tags": list(tags)}
    return {"cell_type": "code", "metadata": metadata, "source": "shown()", "outputs": list(outputs), "id": "c"}


def _shown(data: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def _notebook(*cells: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": list(cells)}


def _markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source, "id": "m"}


def test_the_page_is_well_formed_with_headings_in_order(page: str) -> None:
    levels = Reader(page).headings
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_the_first_screen_stands_above_everything_and_no_chart_above_it(page: str) -> None:
    places = [page.index(words) for words in ("<h1>", "Three systems will stop", "On this page", "<figure")]
    assert places == sorted(places)


def test_the_front_page_is_headed_by_whose_it_is_and_the_others_by_what_they_show() -> None:
    book = _notebook(_markdown("# 90 · Report"))
    front = pages.render(book, tenant="A & B", front=True, over="../index.html")
    assert "<h1>A &amp; B</h1>" in front
    assert re.search(r'<p class="above"><a href="../index.html">All tenants</a> · 90 · Report</p>', front)
    assert "<h1>90 · Report</h1>" in pages.render(book, tenant="A & B")
    assert "<h1>90 · Report</h1>" in pages.render(book, front=True)


def test_code_parameters_and_what_speaks_to_the_operator_stay_away(page: str) -> None:
    for words in ("world.headline()", "for whoever runs this", "Expect", "minutes", "a name in the tenants file"):
        assert words not in re.sub(r'<script type="text/plain".*?</script>', "", page, flags=re.DOTALL)


def test_a_page_says_that_it_is_a_rehearsal_wherever_it_names_the_tenant(page: str, executed: Any) -> None:
    assert "<title>Fabrikam · 10 · Find who still signs in with a password · practice</title>" in page
    assert "An invented tenant" in page
    assert "practice" not in pages.render(_notebook(_markdown("# Title")), tenant="Woodgrove").lower()


def test_links_lead_to_pages_that_lie_beside_it_and_nowhere_else(page: str) -> None:
    targets = {attrs["href"] for tag, attrs in Reader(page).elements if tag == "a"}
    assert "00-start.html" in targets
    assert not any(target for target in targets if target and "40-grant" in target)


def test_every_place_to_jump_to_exists_once(page: str) -> None:
    elements = Reader(page).elements
    names = [attrs["id"] for _, attrs in elements if attrs.get("id")]
    assert len(names) == len(set(names))
    assert {attrs["href"] for tag, attrs in elements if tag == "a" and str(attrs["href"]).startswith("#")} <= {
        f"#{name}" for name in names
    }


def test_the_policy_admits_exactly_the_scripts_on_the_page_and_the_library(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe-eval" not in policy[1]
    reader = Reader(page)
    packed = next(text for attrs, text in reader.scripts if attrs.get("id") == "library")
    library = gzip.decompress(base64.b64decode(packed)).decode()
    own = [text for attrs, text in reader.scripts if not attrs]
    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in [*own, library]}
    assert set(re.findall(r"'sha256-[^']+'", policy[1])) == hashes
    assert len(own) == 2


def test_nothing_on_the_page_asks_the_network(page: str) -> None:
    for tag, attrs in Reader(page).elements:
        if tag != "a":
            assert not any(str(value).startswith(("http", "//")) for value in attrs.values()), (tag, attrs)
    assert "@import" not in page
    assert "url(" not in page


def test_the_page_is_small_enough_for_a_mail(page: str) -> None:
    assert len(page.encode()) < 2_500_000


def test_a_page_without_charts_carries_no_chart_library() -> None:
    page = pages.render(_notebook(_markdown("# Title\n\n## Part\n\nWords.")))
    assert len(page.encode()) < 40_000
    assert 'id="library"' not in page
    assert "Plotly" not in page


def test_each_chart_has_its_finding_its_words_and_its_table_inside_and_its_figure_is_not_on_the_page(page: str) -> None:
    figures = re.findall(r'<figure class="mailauth drawn">.*?</figure>', page, re.DOTALL)
    assert len(figures) == 5
    for figure in figures:
        assert re.search(r"<figcaption>\w", figure)
        assert len(re.findall(r'<svg [^>]*role="img" aria-label="\w', figure)) == 2
        assert "<details" in figure
        assert "<caption>" in figure
        assert "<script" not in figure


def test_a_figure_of_somebodys_own_is_drawn_by_the_library_that_comes_with_it(page: str) -> None:
    [figure] = re.findall(r'<figure class="chart">.*?</figure>', page, re.DOTALL)
    assert "<figcaption>A figure of somebody&#x27;s own</figcaption>" in figure
    assert 'role="img" aria-label="A figure' in figure
    [spec] = re.findall(r'<script type="application/json">(.*?)</script>', figure, re.DOTALL)
    assert set(json.loads(spec)) == {"data", "layout"}
    assert "title" not in json.loads(spec)["layout"]


def test_a_page_of_our_own_charts_carries_no_chart_library(executed: Any) -> None:
    ours = copy.deepcopy(executed)
    ours.cells = [cell for cell in ours.cells if "graph_objects" not in cell.source]
    page = pages.render(ours)
    assert page.count('<figure class="mailauth drawn">') == 5
    assert "Plotly" not in page
    assert len(page.encode()) < 250_000


def test_a_chart_cannot_end_the_script_it_travels_in() -> None:
    spec = {"data": [{"name": "</script><script>alert(1)</script><!--"}], "layout": {}}
    page = pages.render(_notebook(_code(_shown({"application/vnd.plotly.v1+json": spec}))))
    carried = next(text for attrs, text in Reader(page).scripts if attrs.get("type") == "application/json")
    assert json.loads(carried)["data"] == spec["data"]
    assert "<script>alert(1)" not in page


def test_html_that_no_view_of_ours_made_is_dropped_for_its_escaped_text() -> None:
    foreign = _shown({"text/html": "<b onclick=x>bold</b>", "text/plain": "<b>plain</b> & more\nlines"})
    page = pages.render(_notebook(_code(foreign)))
    assert "onclick" not in page
    assert "&lt;b&gt;plain&lt;/b&gt; &amp; more" in page


@pytest.mark.parametrize(
    "data",
    [
        {"image/svg+xml": "<svg onload=alert(1)>", "text/plain": "<Figure size 1x1>"},
        {"text/markdown": "[x](javascript:alert(1))", "text/plain": "<IPython.core.display.Markdown object>"},
        {"application/javascript": "alert(1)", "text/plain": "<IPython.core.display.Javascript object>"},
        {"application/vnd.jupyter.widget-view+json": {"model_id": "m"}, "text/plain": "Box(children=())"},
    ],
)
def test_other_outputs_that_could_act_leave_nothing(data: dict[str, Any]) -> None:
    page = pages.render(_notebook(_code(_shown(data))))
    main = page[page.index("<main") : page.index("</main>")]
    assert re.sub(r"<[^>]+>", "", main).strip() == ""


def test_a_picture_is_carried_with_its_words() -> None:
    shown = _shown({"image/png": base64.b64encode(b"png").decode() + "\n"}, alt='A "cat"')
    page = pages.render(_notebook(_code(shown)))
    assert '<img src="data:image/png;base64,cG5n" alt="A &quot;cat&quot;">' in page


def test_an_error_is_a_short_box_without_paths_and_the_page_says_that_it_is_not_whole() -> None:
    error = {
        "output_type": "error",
        "ename": "SourceError",
        "evalue": "No files match /home/anna/exports/*.json <b>",
        "traceback": ["\x1b[31m/home/anna/.venv/lib/x.py in <module>"],
    }
    page = pages.render(_notebook(_markdown("# Title"), _code(error)))
    assert page.count("SourceError: No files match …/") == 2
    assert "This run did not end" in page
    assert "anna" not in page
    assert "&lt;b&gt;" in page


def test_warnings_on_stderr_are_not_for_readers_and_stdout_is_text() -> None:
    streams = [{"output_type": "stream", "name": n, "text": f"{n} \x1b[1m<i>"} for n in ("stdout", "stderr")]
    page = pages.render(_notebook(_code(*streams)))
    assert '<pre class="plain" tabindex="0">stdout &lt;i&gt;</pre>' in page
    assert "stderr" not in page


def test_markdown_shows_no_raw_html_no_foreign_picture_and_no_link_but_https() -> None:
    source = "<img src=x onerror=alert(1)> ![alt words](https://evil.example/p.png) [a](javascript:x) [b](https://ok.example/)"
    page = pages.render(_notebook(_markdown(source)))
    assert "<img" not in page
    assert "javascript:" not in page
    assert "alt words" in page
    assert '<a href="https://ok.example/" rel="noreferrer">b</a>' in page


def test_dollar_signs_are_money_and_not_formulas() -> None:
    assert "$42 per million, $50 more" in pages.render(_notebook(_markdown("It costs $42 per million, $50 more.")))


def test_headings_with_the_same_words_get_names_of_their_own() -> None:
    page = pages.render(_notebook(_markdown("# T\n\n## Größe?\n\n## Größe?")))
    assert re.findall(r'<h2 id="([^"]+)"', page) == ["part-größe", "part-größe-2"]


APPENDIX = '<details class="fold appendix">'


def test_a_table_that_tells_in_full_what_stands_above_it_is_a_fold_and_words_are_not() -> None:
    table = Table(("A",), [("x",)], "T (1 to 2 May)").html()
    shown = [_shown({"text/html": html}, mailauth="html") for html in (table, "<p>Nothing was seen.</p>")]
    page = pages.render(_notebook(*(_code(each, tags=(pages.DETAIL,)) for each in shown)))

    assert f'<details class="fold detail"><summary>In full: T</summary>{table}</details>' in page
    assert page.count('<details class="fold detail">') == 1


@pytest.mark.parametrize(
    "caption", ["T, in full (1 to 2 May; files)", "T, in full, 23 Oct 2026 to 26 Nov 2026 UTC; files"]
)
def test_a_fold_is_called_as_its_table_without_the_window(caption: str) -> None:
    shown = _shown({"text/html": Table(("A",), [("x",)], caption).html()}, mailauth="html")
    page = pages.render(_notebook(_code(shown, tags=(pages.DETAIL,))))
    assert "<summary>In full: T, in full</summary>" in page


def test_the_long_tables_of_the_look_are_folds_on_a_telephone_and_what_cannot_wait_is_not() -> None:
    book = json.loads((Path(__file__).parents[1] / "notebooks" / "10-find-basic-auth.ipynb").read_text("utf-8"))
    folds = {"".join(cell["source"]) for cell in book["cells"] if pages.DETAIL in cell["metadata"].get("tags", ())}
    assert {f"runbook.{name}(case)" for name in ("coverage", "senders", "users", "explore")} <= folds
    assert "runbook.attention(case)" not in folds


def test_from_the_cell_that_says_so_on_a_page_is_an_appendix_behind_its_heading() -> None:
    begins = _markdown("## For the engineer\n\nIn other words.") | {"metadata": {"tags": [pages.APPENDIX]}}
    page = pages.render(_notebook(_markdown("# T\n\n## First"), begins, _markdown("## Last")))
    opens, heading, closes = (page.index(part) for part in (APPENDIX, "Last</h2>", "</details>\n<"))

    assert page.index("First</h2>") < opens < heading
    assert '<summary><h2 id="part-for-the-engineer">For the engineer</h2></summary>\n<p>In other words.</p>' in page
    assert heading < page.rindex("</details>")
    assert closes < opens
    assert APPENDIX not in pages.render(_notebook(_markdown("# T\n\n## First")))
    assert '<li><a href="#part-last">Last</a></li>' in page


def test_the_title_is_found_where_its_cell_is_hidden() -> None:
    hidden = _markdown("# The title\n\nHow to run this.")
    hidden["metadata"] = {"tags": [pages.HIDDEN]}
    page = pages.render(_notebook(hidden, _markdown("## Part")))
    assert "<h1>The title</h1>" in page
    assert "How to run this" not in page


def test_an_edition_for_others_leads_to_nothing_that_it_does_not_hold() -> None:
    leads = _markdown("Notebook 10 holds every number.")
    leads["metadata"] = {"tags": [pages.FULL]}
    book = _notebook(_markdown("# The title"), leads)
    assert "holds every number" in pages.render(book)
    assert "holds every number" not in pages.render(book, pseudonyms=True)


def test_what_leads_out_of_the_report_is_not_in_its_edition_for_others() -> None:
    book = json.loads((Path(__file__).parents[1] / "notebooks" / "90-tenant-report.ipynb").read_text("utf-8"))
    cells = {"".join(each["source"]): each["metadata"].get("tags", []) for each in book["cells"]}
    found = [
        tags for said, tags in cells.items() if re.search(r"holds every number|has the map|makes an edition", said)
    ]
    assert found == [[pages.FULL]] * 3


def test_the_parameters_of_the_run_are_shown_without_secrets_and_paths(page: str) -> None:
    assert re.search(r"<dt>tenant</dt><dd>fabrikam</dd>", page)
    assert re.search(r"<dt>config</dt><dd>tenants.yaml</dd>", page)
    assert "hunter2" not in page
    assert "anna" not in page
    assert "Made 23 Nov 2026 14:02 UTC" in page


def test_a_page_is_made_from_a_file_too(tmp_path: Path, executed: Any, page: str) -> None:
    nbformat: Any = import_module("nbformat")
    path = tmp_path / "10.ipynb"
    path.write_text(nbformat.writes(executed), encoding="utf-8")
    assert pages.render(path, tenant="Fabrikam", rehearsal=True, beside=("00-start",)) == page


def test_the_scrubbed_notebook_is_valid_opens_and_says_nothing_of_the_machine(executed: Any) -> None:
    nbformat: Any = import_module("nbformat")
    before = copy.deepcopy(executed)
    clean = pages.scrub(executed)
    nbformat.validate(clean)
    written = nbformat.writes(clean)
    assert executed == before
    for words in ("anna", "secret-customer", "hunter2", "widget-view", "environment", "start_time", str(Path.home())):
        assert words not in written
    assert "config = 'tenants.yaml'\\n\", " in written or "config = 'tenants.yaml'" in written
    assert "Three systems will stop" in written
    assert "application/vnd.plotly.v1+json" in written


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("tenant", "fabrikam", "fabrikam"),
        ("days", 30, "30"),
        ("config", "/home/anna/secret-customer/tenants.yaml", "tenants.yaml"),
        ("config", "C:\\Users\\anna\\tenants.yaml", "tenants.yaml"),
        ("config", "~/customers/tenants.yaml", "tenants.yaml"),
        ("out", "reports", "reports"),
        ("client_secret", "short", "(removed)"),
        ("client_secret", "env:FABRIKAM_SECRET", "env:FABRIKAM_SECRET"),
        ("note", "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln", "(removed)"),
        ("note", "Q8Zz~aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "(removed)"),
        ("client", "22222222-2222-2222-2222-222222222222", "22222222-2222-2222-2222-222222222222"),
        ("apply", False, "False"),
    ],
)
def test_a_parameter_is_shown_but_for_secrets_and_folders(name: str, value: object, shown: str) -> None:
    assert scrubbing.cleaned(name, value) == shown


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("in /home/anna/x/tenants.yaml line 12", "in …/tenants.yaml line 12"),
        ("in C:\\Users\\anna\\tenants.yaml: bad", "in …/tenants.yaml: bad"),
        ("see https://learn.microsoft.com/en-us/x", "see https://learn.microsoft.com/en-us/x"),
        ("IMAP/POP on 24/10/2026", "IMAP/POP on 24/10/2026"),
        ("2001:db8:0:1::/64", "2001:db8:0:1::/64"),
        ("exports/y=2026/m=11/PT1H.json", "exports/y=2026/m=11/PT1H.json"),
        ("</td><td>a/b</td>", "</td><td>a/b</td>"),
        ("<td>/home/anna/x/y.json</td><td>1</td>", "<td>…/y.json</td><td>1</td>"),
        ("<td>C:\\Users\\anna\\y.json</td><td>1</td>", "<td>…/y.json</td><td>1</td>"),
        ("in C:\\Users\\Anna Smith\\tenants.yaml: bad", "in …/tenants.yaml: bad"),
        ("'C:\\\\Users\\\\Anna Smith\\\\my exports\\\\a.json', 3", "'…/a.json', 3"),
        ("C:/Users/Anna O'Neill (York)/a.json is bad", "…/a.json is bad"),
        ("file:///C:/Users/Anna%20Smith/a.json", "…/a.json"),
        ("\\\\server\\all people\\a.json, \\\\server\\b c\\d.json", "…/a.json, …/d.json"),
        (repr("\\\\server\\all people\\a.json"), "'…/a.json'"),
        ("C:\\Users\\anna\\a.json and D:\\x y\\b.json", "…/a.json and …/b.json"),
        ("two files, /home/anna/a.json and exports/b.json", "two files, …/a.json and exports/b.json"),
        ("<td>\\\\server\\anna\\y.json</td>", "<td>…/y.json</td>"),
        ("<td></td></tr></table><br/><p></p>", "<td></td></tr></table><br/><p></p>"),
        ("<b>IMAP</b>/<b>POP</b>", "<b>IMAP</b>/<b>POP</b>"),
    ],
)
def test_paths_lose_their_folders_and_nothing_else_changes(words: str, shown: str) -> None:
    assert scrubbing.without_paths(words) == shown


def test_a_tenants_page_leads_back_to_the_page_over_all_tenants_where_there_is_one(page: str) -> None:
    notebook = _notebook(_markdown("# Title"))
    assert '<a href="../index.html">All tenants</a>' in pages.render(notebook, tenant="a", over="../index.html")
    assert "All tenants" not in page


def test_the_pages_of_a_tenant_lead_to_each_other() -> None:
    notebook = _notebook(_markdown("# Title"))
    page = pages.render(notebook, tenant="a", beside=("40-grant-mailboxes", "20-register-app"), here="20-register-app")
    assert '<span aria-current="page">20 register app</span> · <a href="40-grant-mailboxes.html">' in page
    assert 'class="beside"' not in pages.render(notebook, tenant="a", beside=("00-start",), here="00-start")


def test_a_page_of_many_long_tables_stays_small_enough_for_a_mail() -> None:
    rows = [(f"{n}@fabrikam.example", *["'" * 240] * 8) for n in range(200)]
    table = Table([f"c{n}" for n in range(9)], rows, "Rows", limit=200)
    data, metadata = table._repr_mimebundle_()
    chart = _code(_shown({"application/vnd.plotly.v1+json": {"data": [], "layout": {}}}))
    page = pages.render(_notebook(chart, *(_code(_shown(dict(data), **metadata)) for _ in range(8))))
    assert len(page.encode()) < 2_500_000
    assert page.count("The page has room for") == 8
    assert page.count("@<wbr>fabrikam.example") >= 24


def test_a_name_of_thousands_of_letters_is_cut_in_a_sentence_too() -> None:
    callout = Callout("attention", "W" * 5_000, (f"{'W' * 5_000} signed in.", "x " * 9_000), ("W" * 5_000,))
    assert len(callout.html()) < 8_000
    assert "W… signed in." in callout.html()
