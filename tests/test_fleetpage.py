"""The page over all tenants: who comes first, what is counted, and that a thousand of them still fit into a mail."""

import html.parser
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from mailauth.views import fleetpage

HOSTILE = "<script>alert(1)</script>[x](https://evil.example)=1+1\u202egpj\x1b[31m\u0301\u0301\u200b" + "W" * 200


@dataclass(frozen=True)
class Outcome:
    tenant: str
    assessed: bool = True
    state: str = "quiet"
    sentence: str = "Nothing was seen."
    attention: int = 0
    senders: int = 0
    stops: int = 0
    deadline: str = ""
    ends: str = ""
    when: str = ""
    undecided: int = 0
    expiring: int | None = 0
    unproven: int | None = 0
    watched: str = ""
    held_since: str = ""
    coverage: str = "partial"
    throttled: bool = False
    read_until: str = "2026-11-22T23:46:00Z"
    page: str = "reports/x/index.html"
    made_at: str = "2026-11-23T14:02:00Z"


class Reader(html.parser.HTMLParser):
    """Collects the rows as a browser sees them, every link, and every script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "a":
            self.links.append(str(dict(attrs)["href"]))

    def handle_endtag(self, tag: str) -> None:
        self.tags.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        if "tbody" in self.tags and "/tbody" not in self.tags:
            self.rows[-1][-1] += data


def _row(page: str, tenant: str) -> dict[str, str]:
    """Return a tenant's cells by the title of their column."""
    found = next(cells for cells in Reader(page).rows if cells and cells[0] == tenant)
    return dict(zip(_TITLES, (cell.strip() for cell in found), strict=True))


_TITLES = (
    *("Tenant", "State", "Today", "Basic", "Next", "Stops", "Undecided", "Expiring", "Unproven"),
    *("Coverage", "Made"),
)


def test_whoever_needs_somebody_comes_first_then_what_nobody_could_look_into_then_what_stops_soonest() -> None:
    rows = [
        Outcome("adatum", state="closed"),
        Outcome("contoso", state="cannot know"),
        Outcome("litware", state="exposed", stops=3, ends="2026-12-31"),
        Outcome("fabrikam", state="exposed", attention=1, sentence="<b>Three</b> systems stop."),
        Outcome("proseware", state="exposed", stops=3, ends="2026-12-11"),
        Outcome("tailspin", assessed=False, state="exposed", page="", made_at="", sentence="SourceError: no files"),
    ]
    page = fleetpage.index(rows)

    order = [cells[0] for cells in Reader(page).rows if cells and cells[0]]
    assert order == ["fabrikam", "tailspin", "contoso", "proseware", "litware", "adatum"]
    assert "tailspin/index.html" not in page
    assert "&lt;b&gt;Three&lt;/b&gt;" in page
    assert "6 tenants: 1 not assessed, 1 cannot know, 3 exposed, 1 closed. 1 of them needs somebody today." in page
    assert "Made 23 Nov 2026 14:02 UTC" in page


def test_a_row_says_what_is_known_of_a_tenant() -> None:
    known = Outcome(
        "fabrikam", state="exposed", attention=2, senders=7, stops=4, deadline="SMTP AUTH ends", ends="2026-12-31",
        undecided=6, expiring=1, unproven=3,
    )  # fmt: skip
    row = _row(fleetpage.index([known]), "fabrikam")

    assert row["State"] == "ExposedNothing was seen."
    assert (row["Today"], row["Basic"], row["Next"], row["Stops"]) == ("2", "7", "31 Dec 2026", "4")
    assert (row["Undecided"], row["Expiring"], row["Unproven"], row["Coverage"]) == (
        "6",
        "1",
        "3",
        "partialto 22 Nov 2026",
    )
    assert row["Made"] == "23 Nov 2026 14:02"


@pytest.mark.parametrize("changes", [{"state": "cannot know"}, {"assessed": False}])
def test_no_zero_stands_where_nobody_could_look(changes: Any) -> None:
    blind = _row(fleetpage.index([Outcome("contoso", **changes)]), "contoso")
    seen = _row(fleetpage.index([Outcome("adatum", state="closed")]), "adatum")

    assert (blind["Basic"], blind["Today"]) == ("\N{EN DASH}", "\N{EN DASH}")
    assert (seen["Basic"], seen["Today"]) == ("0", "0")


def test_of_credentials_that_nobody_looked_at_no_zero_is_said() -> None:
    page = fleetpage.index([Outcome("fabrikam", state="exposed", expiring=None), Outcome("adatum", state="exposed")])

    assert [_row(page, name)["Expiring"] for name in ("fabrikam", "adatum")] == ["\N{EN DASH}", "0"]
    assert "have credentials that end soon" not in page


def test_what_a_watch_said_stands_in_a_column_of_its_own_where_anything_is_closed() -> None:
    rows = [
        Outcome("a", state="closed", watched="held", held_since="2026-11-02T10:00:00Z"),
        Outcome("b", state="quiet", watched="broken"),
        Outcome("c", state="quiet", watched="cannot know"),
        Outcome("d", state="exposed"),
    ]
    page = fleetpage.index(rows)
    cells = {row[0]: row[10] for row in Reader(page).rows if row and row[0]}

    assert cells == {"a": "heldsince 2 Nov 2026", "b": "broken", "c": "cannot know", "d": "\N{EN DASH}"}
    assert '<th scope="col">What was closed</th><th scope="col">Made (UTC)</th>' in page
    assert 'data-column="10" data-is="0"><strong>1</strong> <span>no longer holds what was closed</span>' in page
    assert "What was closed" not in fleetpage.index([Outcome("d", state="exposed")])


def test_what_throttled_means_and_what_mends_it_stands_below_where_a_tenant_was() -> None:
    missed, whole = (fleetpage.index([Outcome("fabrikam", throttled=throttled)]) for throttled in (True, False))

    assert "<dt>Throttled</dt><dd>A source asked to come back later" in missed
    assert "fewer tenants at a time" in missed
    assert "hrottled" not in whole


def test_an_end_without_a_day_says_so_and_the_legend_names_it() -> None:
    page = fleetpage.index([Outcome("fabrikam", deadline="Microsoft says when passwords go for good")])

    assert _row(page, "fabrikam")["Next"] == "no day published"
    assert "<dt>No day published</dt><dd>Microsoft says when passwords go for good</dd>" in page


def test_the_figures_on_top_count_tenants_and_what_stops_undecided() -> None:
    rows = [
        Outcome("a", state="exposed", attention=3, undecided=2),
        Outcome("b", state="exposed", undecided=5, expiring=1),
        Outcome("c"),
    ]
    page = fleetpage.index(rows)

    assert "<strong>2</strong> <span>Exposed</span>" in page
    assert "<strong>1</strong> <span>needs somebody today</span>" in page
    assert "<strong>2</strong> <span>have senders that nobody has decided on, 7 in all</span>" in page
    assert "<strong>1</strong> <span>has credentials that end soon</span>" in page
    assert "proof of OAuth</span>" not in page


def test_a_row_that_is_older_than_the_others_says_how_old_it_is() -> None:
    rows = [Outcome("new"), Outcome("old", made_at="2026-11-19T14:02:00Z")]
    page = fleetpage.index(rows)

    assert _row(page, "old")["Made"] == "19 Nov 2026 14:024 days old"
    assert _row(page, "new")["Made"] == "23 Nov 2026 14:02"


def test_only_the_states_that_are_shown_are_explained() -> None:
    page = fleetpage.index([Outcome("fabrikam", state="exposed"), Outcome("contoso")])

    for said in ("no move to OAuth has begun", "which is no proof that there is none"):
        assert said in page
    assert "Passwords are refused, and every sender" not in page


def test_it_says_that_its_tenants_are_invented_and_not_that_it_names_people() -> None:
    several = fleetpage.index([Outcome("fabrikam"), Outcome("contoso")], rehearsal=True)

    assert "Invented tenants: nothing on this page" in several
    assert "An invented tenant" not in several
    assert "names people" not in several


def test_an_index_of_nobody_is_a_page_too() -> None:
    assert "0 tenants: none." in fleetpage.index([], made_at=datetime(2026, 11, 23, tzinfo=UTC))


def _thousand(sentence: str) -> list[Outcome]:
    """Return a thousand tenants with names of the greatest length that a tenants file admits."""
    return [
        Outcome(
            f"{number:04}-customer-{'x' * 49}", state="exposed", sentence=sentence, attention=12, senders=1_234,
            stops=123, deadline=HOSTILE, ends="2026-12-31", when="end of December 2026, no day published",
            undecided=1_234, expiring=12, unproven=123, watched="held", held_since="2026-11-02T10:00:00Z",
        )
        for number in range(1_000)
    ]  # fmt: skip


@pytest.mark.parametrize("sentence", [HOSTILE * 9, "Seven senders stop. " * 40, ""], ids=["hostile", "long", "none"])
def test_a_thousand_tenants_weigh_less_than_half_a_megabyte(sentence: str) -> None:
    page = fleetpage.index(_thousand(sentence))
    reader = Reader(page)

    assert len(page.encode()) < 500_000
    assert sum(1 for cells in reader.rows if cells and cells[0].endswith("x")) == 1_000
    assert reader.links.count("#main") == 1
    assert len(reader.links) == 1_001


def test_a_few_tenants_keep_their_sentences() -> None:
    sentence = "Seven senders will stop sending mail when Microsoft switches off password sign-in. Three accounts wait."

    assert sentence in fleetpage.index([Outcome("fabrikam", sentence=sentence)])


@pytest.mark.parametrize(
    ("page", "links"),
    [
        ("x/index.html", ["x/index.html"]),
        ("../shard-2/x/index.html", ["../shard-2/x/index.html"]),
        ("", []),
        ("//evil.example/x/index.html", []),
        ("javascript:x/index.html", []),
        ('"onclick=x/index.html', []),
    ],
)
def test_a_tenant_links_to_its_page_and_nowhere_else(page: str, links: list[str]) -> None:
    assert Reader(fleetpage.index([Outcome("x", page=page)])).links == ["#main", *links]


def test_a_day_that_nobody_published_is_said_in_words_and_sorted_by() -> None:
    later = Outcome("a", deadline="It ends", ends="2027-04-01", when="1 April 2027")
    sooner = Outcome("b", deadline="It ends", ends="2026-12-31", when="end of December 2026, no day published")
    reader = Reader(fleetpage.index([later, sooner]))
    assert [(cells[0], cells[4]) for cells in reader.rows if len(cells) > 4][-2:] == [
        ("b", "end of December 2026"),
        ("a", "1 April 2027"),
    ]


def test_a_hostile_name_leads_nowhere_and_stays_text() -> None:
    names = [
        HOSTILE,
        "javascript:alert(1)",
        "../../etc/passwd",
        "//evil.example",
        '"><svg onload=alert(1)>',
        "=cmd|x!A0",
    ]
    rows = [
        Outcome(name, sentence=HOSTILE, deadline=HOSTILE, ends=HOSTILE, when=HOSTILE, coverage=HOSTILE)
        for name in names
    ]
    reader = Reader(fleetpage.index(rows))

    assert reader.links == ["#main"]
    assert reader.tags.count("script") == 1
    assert "svg" not in reader.tags
