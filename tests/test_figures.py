import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from mailauth.findings import Adoption, Group, ProtocolSummary, TrendRow
from mailauth.views import figures
from mailauth.views.figures import Chart
from tests import views_invented as world

NOON = world.NOON


def _layout(chart: Chart) -> Any:
    return chart.figure.to_plotly_json()["layout"]


def _data(chart: Chart) -> Any:
    return chart.figure.to_plotly_json()["data"]


def _protocols(*rows: tuple[str, int, int]) -> tuple[ProtocolSummary, ...]:
    return tuple(ProtocolSummary(name, 1, 1, successes, 0, failures, 0, NOON) for name, successes, failures in rows)


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        pytest.param((), "No password sign-in was seen", id="nothing"),
        pytest.param((("IMAP", 0, 7),), "No password sign-in went through", id="refused only"),
        pytest.param(
            (("SMTP AUTH", 5, 0), ("IMAP", 0, 7)),
            "Every password sign-in that went through used SMTP AUTH",
            id="one protocol",
        ),
        pytest.param(
            (("SMTP AUTH", 212, 0), ("IMAP", 132, 0)),
            "SMTP AUTH carries most password sign-ins that went through: 212 of 344",
            id="two",
        ),
        pytest.param(
            (("ActiveSync with a certificate", 500, 0), ("SMTP AUTH", 5, 0)),
            "Every password sign-in that went through used SMTP AUTH",
            id="certificates are no passwords",
        ),
        pytest.param(
            (("ActiveSync with a certificate", 500, 0),),
            "No password sign-in was seen, only certificates",
            id="certificates only",
        ),
    ],
)
def test_the_protocol_chart_states_its_finding(rows: tuple[tuple[str, int, int], ...], title: str) -> None:
    assert figures.protocols(_protocols(*rows)).title == title


def _trend(*counts: int) -> tuple[TrendRow, ...]:
    return tuple(TrendRow(date(2026, 11, day), "IMAP", count, 0, 0, 0) for day, count in enumerate(counts, start=1))


@pytest.mark.parametrize(
    ("counts", "title"),
    [
        ((0, 0, 0), "No password sign-in went through on any day of the records"),
        ((4, 4, 1, 1), "Password sign-ins fell: about 4 a day at first, 1 a day at the end"),
        ((1, 1, 4, 4), "Password sign-ins rose: about 1 a day at first, 4 a day at the end"),
        ((4, 4, 4, 4), "Password sign-ins held steady: about 4 a day at first, 4 a day at the end"),
        ((4, 4, 0, 0), "The last password sign-in that went through was on 2 Nov 2026"),
        ((3,), "3 password sign-ins went through on 1 Nov 2026"),
    ],
)
def test_the_trend_states_its_finding(counts: tuple[int, ...], title: str) -> None:
    assert figures.trend(_trend(*counts)).title == title


def test_a_day_without_records_is_a_band_and_a_dash_and_never_a_zero() -> None:
    chart = figures.trend(world.TREND, missing=world.MISSING, marks=world.MARKS)
    band, line = _layout(chart)["shapes"]
    assert (band["x0"], band["x1"]) == ("2026-11-06T12:00", "2026-11-08T12:00")
    assert line["x0"] == "2026-11-15T12:00"
    row = next(row for row in chart.table.rows if row[0] == world.MISSING[0])
    assert row[1:] == (None, None, None, None, "no records")
    assert next(row for row in chart.table.rows if row[0] == date(2026, 11, 16))[-1] == "policy on noreply@"


def test_certificates_are_shown_and_never_called_passwords() -> None:
    phones = ProtocolSummary("ActiveSync with a certificate", 14, 14, 120, 2, 6, 0, NOON)
    chart = figures.protocols([*_protocols(("SMTP AUTH", 5, 1)), phones])
    series = {trace["name"]: trace["x"] for trace in _data(chart)}
    assert series == {
        "Went through": [5, 0],
        "Went through with a certificate": [0, 120],
        "Certificate, then stopped": [0, 2],
        "Refused": [1, 6],
    }
    assert chart.table.caption == "Sign-ins with a password or a certificate by protocol"
    assert figures.protocols(world.PROTOCOLS).table.caption == "Password sign-ins by protocol"


def test_the_trend_counts_passwords_and_shows_certificates_beside_them() -> None:
    phones = [TrendRow(date(2026, 11, day), "ActiveSync with a certificate", 50 * day, 1, 2, 0) for day in range(1, 5)]
    chart = figures.trend([*_trend(4, 4, 4, 4), *phones])
    assert chart.title == "Password sign-ins held steady: about 4 a day at first, 4 a day at the end"
    assert {trace["name"]: sum(trace["y"]) for trace in _data(chart)} == {
        "ActiveSync with a certificate": 500,
        "IMAP": 16,
    }
    assert chart.table.columns[5:7] == ("Certificate, went through", "Certificate, stopped or refused")
    assert chart.table.rows[0] == (date(2026, 11, 1), 4, 0, 0, 0, 50, 3, "")
    assert chart.table.caption == "Sign-ins with a password or a certificate by day (UTC)"


def test_a_password_is_orange_and_a_certificate_purple_in_every_chart_that_has_both() -> None:
    phones = [TrendRow(world.FIRST, "ActiveSync with a certificate", 900, 0, 0, 0)]
    by_day = {trace["name"]: trace["marker"]["color"] for trace in _data(figures.trend([*_trend(4, 4), *phones]))}
    assert by_day == {"ActiveSync with a certificate": figures.PURPLE, "IMAP": figures.ORANGE}
    rows = [replace(world.PROTOCOLS[0], protocol=name) for name in ("IMAP", "ActiveSync with a certificate")]
    colours = {trace["name"]: trace["marker"]["color"] for trace in _data(figures.protocols(rows))}
    assert colours["Went through"] == figures.ORANGE
    assert colours["Went through with a certificate"] == figures.PURPLE


def test_more_protocols_than_colours_become_one_series_and_no_count_is_lost() -> None:
    rows = [TrendRow(world.FIRST, f"protocol {n}", 20 - n, 0, 0, 0) for n in range(9)]
    traces = _data(figures.trend(rows))
    assert [trace["name"] for trace in traces][-1] == "other protocols"
    assert len({trace["marker"]["color"] for trace in traces}) == len(traces) == 7
    assert sum(sum(trace["y"]) for trace in traces) == sum(row.successes for row in rows)


def test_attacks_stand_in_the_table_and_not_in_the_bars() -> None:
    chart = figures.reasons(world.REASONS)
    assert (
        chart.title == "Wrong password leads the refusals outside attacks: 93 of 127; 13 came with the right password"
    )
    assert max(max(trace["x"]) for trace in _data(chart)) == 93
    assert chart.table.rows[0] == ("Wrong password", "no", 60, 93, 41207, "50126")


def test_reasons_keep_the_capitals_of_names() -> None:
    assert "Blocked by Conditional Access" in [row[0] for row in figures.reasons(world.REASONS).table.rows]


def test_adoption_counts_senders_and_leaves_gaps_where_nobody_looked() -> None:
    chart = figures.adoption(world.ADOPTION, world.GROUPS, missing=world.MISSING)
    password, oauth = _data(chart)
    gap = password["x"].index("2026-11-07")
    assert password["y"][gap] is None
    assert oauth["y"][gap] is None
    assert password["y"][password["x"].index("2026-10-26")] == 2
    assert chart.title == "1 user or app held OAuth tokens for mail; 2 SMTP AUTH senders still send with a password"


def test_without_tokens_adoption_says_so() -> None:
    chart = figures.adoption(Adoption(), world.GROUPS)
    assert chart.title == "No OAuth token for mail was seen; 2 SMTP AUTH senders still send with a password"


@pytest.mark.parametrize(
    ("groups", "last_look", "said"),
    [
        pytest.param(
            [world.group(moved=True)], None, "no SMTP AUTH sender with a password is known now", id="it has moved"
        ),
        pytest.param(
            [world.group(), world.group(protocol="IMAP")],
            None,
            "1 SMTP AUTH sender still sends with a password",
            id="IMAP is no sender",
        ),
        pytest.param(
            [world.group()],
            date(2026, 11, 16),
            "1 SMTP AUTH sender with a password at the last good look (16 Nov 2026)",
            id="old records",
        ),
    ],
)
def test_adoption_counts_the_senders_that_the_first_screen_counts(
    groups: list[Group], last_look: date | None, said: str
) -> None:
    assert figures.adoption(Adoption(), groups, last_look=last_look).title.endswith(f"; {said}")


def test_the_curve_of_adoption_is_of_the_senders_that_its_title_counts() -> None:
    phone = world.group(protocol="ActiveSync", sender_id="1")
    moved = world.group(moved=True, sender_id="2")
    by_day = figures.adoption(Adoption(), [world.group(), phone, moved]).table
    assert by_day.columns[1] == "SMTP AUTH senders with a password"
    assert max(row[1] for row in by_day.rows if isinstance(row[1], int)) == 2


def test_small_counts_get_a_mark_each_and_larger_ones_are_left_to_the_chart() -> None:
    few, many = figures.protocols(_protocols(("IMAP", 2, 3))), figures.protocols(_protocols(("IMAP", 3, 3)))
    assert _layout(few)["xaxis"]["dtick"] == 1
    assert "dtick" not in _layout(many)["xaxis"]
    assert _layout(figures.trend(_trend(4, 0, 1)))["yaxis"]["dtick"] == 1
    assert _layout(figures.adoption(world.ADOPTION, world.GROUPS))["yaxis"]["dtick"] == 1


def test_senders_are_ranked_by_days_and_shortened_names_stay_apart() -> None:
    twins = [replace(world.GROUPS[1], user=f"{'long' * 20}{n}@x.example", sender_id=str(n)) for n in range(2)]
    chart = figures.senders([*twins, world.GROUPS[2]])
    assert [row[3] for row in chart.table.rows] == [22, 22, 20]
    assert _data(chart)[0]["y"] == [0, 1, 2]
    assert len(_layout(chart)["yaxis"]["ticktext"]) == 3


CHARTS: list[Callable[[], Chart]] = [
    lambda: figures.protocols(world.PROTOCOLS),
    lambda: figures.trend(world.TREND, missing=world.MISSING, marks=world.MARKS),
    lambda: figures.reasons(world.REASONS),
    lambda: figures.adoption(world.ADOPTION, world.GROUPS),
    lambda: figures.senders(world.GROUPS),
]


@pytest.mark.parametrize("make", CHARTS)
def test_every_chart_has_a_title_words_and_a_table(make: Callable[[], Chart]) -> None:
    chart = make()
    assert chart.title
    assert len(chart.alt) > len("Bar chart")
    assert chart.table.rows
    assert json.dumps(chart.figure.to_plotly_json())


@pytest.mark.parametrize(
    "chart",
    [
        figures.protocols(()),
        figures.trend(()),
        figures.reasons(()),
        figures.adoption(Adoption(), ()),
        figures.senders(()),
    ],
)
def test_where_there_is_nothing_the_sentence_stands_alone(chart: Chart) -> None:
    assert chart.figure is None
    assert chart.title.startswith("No")


@pytest.mark.parametrize("make", CHARTS)
def test_the_picture_of_a_page_holds_the_numbers_of_the_figure(make: Callable[[], Chart]) -> None:
    chart = make()
    assert chart.picture
    traces = _data(chart)
    counts = [trace["x" if trace.get("orientation") == "h" else "y"] for trace in traces]
    assert [[count or 0 for count in each] for each in counts if any(each)] == [
        list(each.counts) for each in chart.picture.series
    ]
    assert [trace["name"] for trace in traces] == [each.name for each in chart.picture.series]


def test_a_chart_is_a_figure_in_a_notebook_and_a_picture_on_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda bundle, **more: shown.append((bundle, more["metadata"])))
    figures.trend(world.TREND)._ipython_display_()
    (bundle, about), (_, twin) = shown
    assert set(bundle) == {figures.PLOTLY, "text/html", "text/plain"}
    assert "<svg" in bundle["text/html"]
    assert about == {"mailauth": "html"}
    assert twin["mailauth_twin"]


def test_hostile_names_reach_the_chart_as_text_only() -> None:
    bad = replace(world.GROUPS[1], user=world.HOSTILE, network=replace(world.GROUPS[1].network, label=world.HOSTILE))
    row = ProtocolSummary(world.HOSTILE, 1, 1, 3, 0, 0, 0, NOON)
    trend = figures.trend(
        [TrendRow(world.FIRST, world.HOSTILE, 2, 0, 0, 0)], marks={world.FIRST: world.HOSTILE}, missing=()
    )
    for chart in (figures.senders([bad]), figures.protocols([row]), trend):
        assert "<script" not in json.dumps(chart.figure.to_plotly_json()).replace("<extra></extra>", "")
        assert "<a href" not in json.dumps(chart.figure.to_plotly_json())


def test_showing_a_chart_does_not_import_nbformat() -> None:
    # plotly's own renderer does, and pays a second for it in every kernel.
    script = (
        "from tests import views_invented as w; from mailauth.views import figures; "
        "sys.modules.pop('nbformat', None); figures.protocols(w.PROTOCOLS)._ipython_display_(); "
        "sys.exit('nbformat' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {script}"], check=True)


def test_words_of_marks_that_are_near_each_other_stand_below_each_other_and_late_ones_before_their_line() -> None:
    marks = {
        date(2026, 10, 26): 'Conditional Access "Block legacy" changed',
        date(2026, 11, 16): "policy on noreply@",
        date(2026, 11, 17): "<b>default</b> off",
    }
    drawn = figures.trend(world.TREND, marks=marks).figure.to_plotly_json()["layout"]["annotations"]
    placed = {each["text"]: (each["x"], each["y"], each["xanchor"]) for each in drawn}
    assert placed == {
        'Conditional Access "Block legacy" changed': ("2026-10-26", 0.98, "left"),
        "policy on noreply@": ("2026-11-15", 0.98, "right"),
        "&lt;b&gt;default&lt;/b&gt; off": ("2026-11-16", 0.9, "right"),
    }
