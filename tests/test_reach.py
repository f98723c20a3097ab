"""How far the records reach: one statement for each table, and no other tenant's days among them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mailauth import calendar, reach, signins
from mailauth.coverage import Coverage, Window
from mailauth.summary import Answers, TableDay
from tests.mailrows import NOW, TENANT_ID, mail, tables

OTHER = "22222222-2222-2222-2222-222222222222"
ASKED = Window(NOW - timedelta(days=30), NOW)
TABLE = "interactive sign-ins"


def told(state: Any, reason: str, days: tuple[TableDay, ...] = ()) -> Coverage:
    """Return what an archive says of a table, with the span of *days*."""
    start, end = (days[-1].first, days[0].last) if days else (None, None)
    return Coverage(TABLE, state, "files", start, end, reason=reason, remedy="Export it again." if reason else "")


def limits(answers: Answers, *, tenant_id: str = TENANT_ID, asked: Window | None = ASKED) -> list[Coverage]:
    held = reach.held(answers, asked)
    business = calendar.business_dates(held, now=NOW)
    return list(reach.coverage(answers, tenant_id=tenant_id, asked=asked, held=held, business=business, now=NOW))


def of_table(answers: Answers, **more: Any) -> list[Coverage]:
    return [record for record in limits(answers, **more) if record.what == TABLE]


def test_a_table_that_files_and_rows_both_limit_has_one_record_with_both_reasons() -> None:
    days = tables(first=7)
    harm = told("partial", "1 of 3 files could not be used whole.", days)
    (record,) = of_table(Answers(tables=days, coverage=(harm,)))
    assert record.state == "partial"
    assert (
        record.reason
        == f"{harm.reason} The records of interactive sign-ins begin on 16 November 2026, not on 24 October 2026."
    )
    assert record.remedy.startswith("Export it again. Keep an archive")
    assert (record.start, record.end) == (days[-1].first, days[0].last)


def test_a_table_whose_rows_are_whole_keeps_the_reason_of_its_files() -> None:
    harm = told("partial", "1 of 3 files could not be used whole.", tables())
    assert of_table(Answers(tables=tables(), coverage=(harm,))) == [harm]


def test_a_table_of_which_the_window_holds_nothing_is_absent_and_not_complete_too() -> None:
    silent = tuple(day for day in tables() if day.table != "SigninLogs")
    whole = told("complete", "", tables(first=90, last=60))
    (record,) = of_table(Answers(tables=silent, coverage=(whole,)))
    assert record.state == "absent"


def test_rows_of_a_table_that_no_file_holds_make_it_a_part() -> None:
    (record,) = of_table(
        Answers(tables=tables(), coverage=(told("absent", "No file given holds interactive sign-ins."),))
    )
    assert (record.state, record.reason) == ("partial", "No file given holds interactive sign-ins.")
    assert record.start == tables()[-1].first


def test_a_column_that_a_table_lacks_is_a_record_of_its_own() -> None:
    column = told("partial", "The table has no column UserType.")
    reasons = [record.reason for record in of_table(Answers(tables=tables(first=7), coverage=(column,)))]
    assert reasons == [
        column.reason,
        "The records of interactive sign-ins begin on 16 November 2026, not on 24 October 2026.",
    ]


def test_several_tenants_that_an_archive_has_named_are_not_named_again() -> None:
    several = Coverage("records of several tenants", "partial", "files", reason="The files hold records of 2 tenants.")
    mixed = (*tables(), *tables(tenant_id=OTHER, last=29))
    found = limits(Answers(tables=mixed, coverage=(several,)), tenant_id="woodgrove.example")
    assert [record.what for record in found if "tenants" in record.what] == [several.what]


def test_strangers_of_another_source_are_still_named() -> None:
    several = Coverage("records of several tenants", "partial", "files", reason="The files hold records of 2 tenants.")
    mixed = (*tables(source="workspace"), *tables(tenant_id=OTHER, last=29, source="workspace"))
    found = limits(Answers(tables=mixed, coverage=(several,)), tenant_id="woodgrove.example")
    assert any(record.what == "records of other tenants" and record.lost == 3600 for record in found)


@pytest.mark.parametrize("tenant_id", [TENANT_ID, TENANT_ID.upper()])
def test_days_of_another_tenant_in_a_shared_workspace_are_not_held(tenant_id: str) -> None:
    shared = (*tables(first=7), *tables(first=30, tenant_id=OTHER))
    found = signins.assess(Answers(mail=(mail(),), tables=shared), tenant_id=tenant_id, now=NOW, window=ASKED)
    assert found.held == Window(datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, 11, tzinfo=UTC))
    (record,) = [each for each in found.coverage if each.what == TABLE]
    assert record.reason == "The records of interactive sign-ins begin on 16 November 2026, not on 24 October 2026."


def test_a_day_that_only_another_tenant_has_is_a_day_without_records() -> None:
    gap = NOW.replace(hour=0) - timedelta(days=4)
    ours = tuple(day for day in tables() if day.day != gap)
    shared = (*ours, *tables(first=4, last=4, tenant_id=OTHER))
    found = signins.assess(Answers(tables=shared), tenant_id=TENANT_ID, now=NOW, window=ASKED)
    assert found.missing_days == (gap.date(),)


def test_a_workspace_with_other_tenants_alone_was_no_look() -> None:
    found = signins.assess(Answers(tables=tables(tenant_id=OTHER)), tenant_id=TENANT_ID, now=NOW, window=ASKED)
    assert found.held is None
    assert found.state == "cannot know"
    assert [each.state for each in found.coverage if each.what == TABLE] == ["absent"]


def test_what_strangers_fill_in_makes_no_site_and_no_certificate_visible() -> None:
    blind = tables(with_requirement=0, with_steps=0)
    shared = (*blind, *(replace(day, tenant_id=OTHER) for day in tables()))
    found = signins.assess(Answers(tables=shared), tenant_id=TENANT_ID, now=NOW, window=ASKED)
    assert {"known sites", "certificates"} <= {each.what for each in found.coverage if each.state == "unknown"}


def test_a_domain_cannot_tell_days_apart_so_all_are_held() -> None:
    shared = Answers(tables=(*tables(first=7), *tables(first=30, tenant_id=OTHER)))
    assert reach.own(shared, "woodgrove.example") is shared


def test_business_dates_are_unknown_where_nothing_was_read_and_partial_where_records_miss_some() -> None:
    def state(answers: Answers) -> str:
        (record,) = [each for each in limits(answers) if each.what == "business dates"]
        return record.state

    assert state(Answers()) == "unknown"
    assert state(Answers(tables=tables())) == "partial"
