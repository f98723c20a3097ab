"""The picture of days: its numbers where they belong, no words over others, nothing in it that acts or loads."""

import re
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from importlib import resources
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from mailauth import views
from mailauth.phrases import Named, phrase, words
from mailauth.report import Mark as PolicyMark
from mailauth.report import TrendDay
from mailauth.views import pages
from mailauth.views.drawn import Bars, Days, Drawn, Mark, SenderDays, Series
from mailauth.views.markup import STYLE
from tests.report_invented import HOSTILE

MONDAY = date(2026, 11, 2)


def _days(*senders: int, missing: Collection[int] = (), oauth: int = 0) -> tuple[TrendDay, ...]:
    return tuple(
        TrendDay(MONDAY + timedelta(days=number), count, 0, oauth, number in missing)
        for number, count in enumerate(senders)
    )


def _mark(number: int, kind: str = "policy") -> PolicyMark:
    at = MONDAY + timedelta(days=number)
    if kind == "policy":
        return PolicyMark(at, "policy", words("a policy"))
    return PolicyMark(at, "access", words("a condition"))


def _pictures(view: SenderDays) -> list[ElementTree.Element]:
    """Return the picture for a desk and the one for a telephone, read as XML."""
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", view.html())]


def _written(picture: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in picture.iter("text")]


def _bars(picture: ElementTree.Element, colour: str) -> list[tuple[float, float]]:
    """Return the place and the height of each bar of a colour."""
    [path] = [each for each in picture.iter("path") if colour in each.get("fill", "")]
    return [(float(x), float(high)) for x, high in re.findall(r"M([\d.]+) [\d.]+v-([\d.]+)h", path.get("d", ""))]


def test_bars_are_as_high_as_their_counts_and_none_stands_on_a_day_without_records() -> None:
    desk, phone = _pictures(SenderDays("t", _days(10, 5, 7, 0, 10, missing={2})))
    for picture in (desk, phone):
        assert [high for _, high in _bars(picture, "--warn")] == [130, 65, 130]
    places = [x for x, _ in _bars(desk, "--warn")]
    assert places[2] - places[0] == pytest.approx(4 * (places[1] - places[0]), abs=0.3)


@pytest.mark.parametrize(
    "sheet",
    [
        pytest.param(STYLE, id="a notebook"),
        pytest.param((resources.files(views) / "templates" / "page.css").read_text("utf-8"), id="a page"),
    ],
)
def test_only_a_style_sheet_brings_the_words_of_a_picture_into_sight_and_the_table_needs_none(sheet: str) -> None:
    picture, table = SenderDays("t", _days(1, 2)).html().split('</div><details class="twin">')

    assert picture.count('<div class="pictures" style="display:none"><div class="roomy"><svg') == 1
    assert "<text" not in table
    assert "<table>" in table
    assert re.search(r"\.pictures ?{ ?display: ?block ?!important;? ?}", sheet)


def test_each_kind_of_sender_has_an_axis_of_its_own() -> None:
    desk, _ = _pictures(SenderDays("t", _days(3, 1, oauth=1200)))
    assert [high for _, high in _bars(desk, "--info")] == [pytest.approx(1200 / 2000 * 64, abs=0.1)] * 2
    assert _written(desk) == [
        *("0", "1", "2", "3", "Senders with a password"),
        *("0", "1,000", "2,000", "Users and apps with OAuth"),
        "2 Nov",
    ]


def test_a_pointer_on_a_day_brings_up_its_numbers() -> None:
    desk, phone = _pictures(SenderDays("t", _days(3, 4, missing={1})))
    assert [each.text for each in desk.iter("title")] == [
        "2 Nov 2026: 3 senders with a password",
        "3 Nov 2026: no records",
    ]
    assert not [*phone.iter("title")]


def test_a_day_without_records_is_hatched_inside_of_its_column_and_said_to_be_no_zero() -> None:
    view = SenderDays("t", _days(3, 3, 3, 3, missing={1, 2}))
    desk, _ = _pictures(view)
    [band] = [each.get("d", "") for each in desk.iter("path") if each.get("stroke-opacity") == ".45"]
    places = [float(x) for x in re.findall(r"[ML]([\d.]+) ", band)]
    begin, step = 20, (720 - 20 - 2) / 4
    assert min(places) == pytest.approx(begin + step, abs=0.1)
    assert max(places) == pytest.approx(begin + 3 * step, abs=0.1)
    assert "Hatched days have no records, which is not zero." in view.html()
    assert "Hatched" not in SenderDays("t", _days(3, 3)).html()


def test_marks_of_one_day_share_a_line_and_their_words_stand_below_under_the_same_number() -> None:
    view = SenderDays("t", _days(*[3] * 9), [_mark(7), _mark(2), _mark(7, "access"), _mark(40)])
    desk, _ = _pictures(view)
    assert [each for each in _written(desk) if "policy" in each] == ["1 policy", "2 policy, access"]
    assert "<ol><li>4 Nov 2026: a policy</li><li>9 Nov 2026: a policy; a condition</li></ol>" in view.html()


@pytest.mark.parametrize("count", [5, 19, 60])
def test_words_of_marks_do_not_lie_over_each_other_nor_beyond_the_picture(count: int) -> None:
    view = SenderDays("t", _days(*[3] * 61), [_mark(61 - count + number) for number in range(count)])
    for picture in _pictures(view):
        width = float(picture.get("viewBox", "").split()[2])
        flags = [_box(each) for each in picture.iter("text") if _FLAG.match(each.text or "") and each.get("style")]
        assert len(flags) == count
        assert all(left >= 0 and right <= width for left, right, _ in flags)
        for lane in {y for *_, y in flags}:
            spans = sorted((left, right) for left, right, y in flags if y == lane)
            assert all(one[1] <= other[0] for one, other in pairwise(spans))


_FLAG = re.compile(r"\d+( policy)?$")


def _box(element: ElementTree.Element) -> tuple[float, float, float]:
    """Return from where to where a word reaches, and on which line it stands; a letter is 7 units wide."""
    x, y, wide = float(element.get("x", "")), float(element.get("y", "")), 7 * len(element.text or "")
    begin = {"start": x, "middle": x - wide / 2, "end": x - wide}[element.get("text-anchor", "")]
    return begin, begin + wide, y


@pytest.mark.parametrize(
    ("first", "count", "named"),
    [
        pytest.param(date(2026, 11, 4), 3, ["4 Nov"], id="no Monday"),
        pytest.param(date(2026, 10, 24), 20, ["26 Oct", "2 Nov", "9 Nov"], id="weeks"),
        pytest.param(date(2025, 10, 20), 400, ["Nov", "2026", "Mar", "May", "Jul", "Sep", "Nov"], id="months"),
        pytest.param(date(2020, 10, 20), 1200, ["2021", "Jul", "2022", "Jul", "2023", "Jul", "2024"], id="years"),
    ],
)
def test_the_axis_names_mondays_or_months_as_far_as_there_is_room(first: date, count: int, named: list[str]) -> None:
    days = [TrendDay(first + timedelta(days=number), 1, 0, 0, False) for number in range(count)]
    desk, _ = _pictures(SenderDays("t", days))
    assert _written(desk)[3:] == named


def test_whoever_does_not_see_it_hears_what_it_shows_and_has_the_table() -> None:
    view = SenderDays("Senders fell.", _days(3, 2, 1, missing={1}), [_mark(2)])
    said = (
        "Bars for each day from 2 Nov 2026 to 4 Nov 2026: senders with a password, at most 3. 1 day without records. "
        "Senders fell."
    )
    for picture in _pictures(view):
        assert (picture.get("role"), picture.get("aria-label")) == ("img", said)
    assert [row[0] for row in view.table.rows] == [date(2026, 11, day) for day in (2, 3, 4)]
    assert [row[1] for row in view.table.rows] == [3, None, 1]
    assert "3 Nov 2026" in view.text()
    assert "no records" in view.text()


def test_where_nobody_was_seen_the_table_stands_alone() -> None:
    for days in (_days(0, 0), ()):
        view = SenderDays("Nobody was seen", days)
        assert "<svg" not in view.html()
        assert "Nobody was seen" in view.text()


def test_a_strangers_words_stay_out_of_the_picture_and_are_text_below_it() -> None:
    mark = PolicyMark(MONDAY, "access", phrase("{name} changed", name=Named("free", HOSTILE)))
    view = SenderDays(HOSTILE, _days(3, 3), [mark])
    for picture in _pictures(view):
        assert {each.tag for each in picture.iter()} <= {"svg", "path", "text", "rect", "title"}
        assert "alert" not in "".join(picture.itertext())
    assert "<script" not in view.html()
    assert "\x1b" not in view.text()


def test_a_page_with_it_is_light_and_carries_no_chart_library() -> None:
    data, about = SenderDays("Senders fell", _days(*[3] * 31), [_mark(7)])._repr_mimebundle_()
    output = {"output_type": "display_data", "data": data, "metadata": about}
    cell = {"cell_type": "code", "metadata": {}, "source": "", "outputs": [output], "id": "c"}
    page = pages.render({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]})
    assert len(page.encode()) < 90_000
    assert "Plotly" not in page
    assert _names_within(page) == [""] * 2


def _drawn(picture: Days | Bars) -> list[ElementTree.Element]:
    """Return a chart's picture for a desk and the one for a telephone, read as XML."""
    html = Drawn("t", "a", picture).html()
    return [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", html)]


ROWS = Bars(
    ("SMTP AUTH", "IMAP", "POP"),
    (Series("Went through", "#d55e00", (200, 50, 0)), Series("Refused", "#808080", (0, 0, 3))),
)


def test_a_row_has_a_bar_as_long_as_its_count_with_the_number_beside_it_and_no_row_without_one() -> None:
    for picture in _drawn(ROWS):
        assert _written(picture) == ["Went through", "SMTP AUTH", "200", "IMAP", "50", "Refused", "POP", "3"]
        lengths = [float(found) for found in re.findall(r"h([\d.]+)v14", ElementTree.tostring(picture).decode())]
        assert lengths[0] == pytest.approx(4 * lengths[1], abs=0.3)
        # Another part has a scale of its own.
        assert lengths[2] > lengths[0]


def test_a_picture_of_rows_is_as_high_as_the_rows_that_have_a_count() -> None:
    def box(*series: Series) -> str:
        labels = [f"row {number}" for number in range(len(series[0].counts))]
        return Drawn("t", "a", Bars(labels, series)).html().partition('viewBox="')[2].partition('"')[0]

    holes = (Series("one", "#111", (3, 0, 0)), Series("two", "#222", (0, 2, 0)))
    assert box(*holes) == box(Series("one", "#111", (3,)), Series("two", "#222", (2,)))
    assert box(*holes) != box(Series("one", "#111", (3, 1)), Series("two", "#222", (2, 1)))


def test_a_hint_names_one_sender_as_one() -> None:
    day = TrendDay(MONDAY, 1, 1, 1, False)
    [hint] = re.findall(r"<title>(.*?)</title>", SenderDays("t", [day]).html())
    assert hint == "2 Nov 2026: 1 sender with a password, 1 phone with a certificate, 1 user or app with OAuth"


def test_rows_of_days_with_scales_of_their_own_say_so_and_one_alone_does_not() -> None:
    assert "Each row has a scale of its own." in SenderDays("t", _days(29, oauth=4)).html()
    assert "scale" not in SenderDays("t", _days(29)).html()


def test_parts_with_scales_of_their_own_say_so_and_one_alone_does_not() -> None:
    assert "a scale of its own" in Drawn("t", "a", ROWS).html()
    assert "a scale of its own" not in Drawn("t", "a", Bars(ROWS.labels, ROWS.series[:1])).html()


def test_names_of_rows_are_cut_for_the_room_that_there_is_and_bars_end_inside() -> None:
    long = Bars(("w" * 90, "IMAP"), (Series("n" * 90, "#d55e00", (1_234_567, 1)),))
    for picture in _drawn(long):
        width = float(picture.get("viewBox", "").split()[2])
        for word in picture.iter("text"):
            begin, end, _ = _box(word)
            assert begin >= 0
            assert end <= width


def test_strangers_names_of_rows_series_and_days_are_text() -> None:
    day = Days((MONDAY,), (Series(HOSTILE, "#d55e00", (3,)),), marks={MONDAY: [Mark("", HOSTILE)]})
    for picture in (Bars((HOSTILE,), (Series(HOSTILE, "#d55e00", (3,)),)), day):
        html = Drawn(HOSTILE, HOSTILE, picture).html()
        assert "<script" not in html
        assert "<a " not in html
        assert len(_drawn(picture)) == 2


def test_each_series_of_days_has_a_row_and_a_pointer_names_those_that_were_seen() -> None:
    series = (Series("SMTP AUTH", "#d55e00", (9, 0, 0)), Series("IMAP", "#0072b2", (1, 2, 0)))
    desk, _ = _drawn(Days([MONDAY + timedelta(days=number) for number in range(3)], series))
    assert [each.text for each in desk.iter("title")] == [
        "2 Nov 2026: 9 SMTP AUTH, 1 IMAP",
        "3 Nov 2026: 2 IMAP",
        "4 Nov 2026: none",
    ]


def _names_within(page: str) -> Sequence[str]:
    """Return what each picture refers to by address or name: nothing."""
    return ["".join(re.findall(r"href|url\(|\bid=|src=", found)) for found in re.findall(r"<svg.*?</svg>", page)]
