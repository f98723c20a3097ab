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


@pytest.mark.parametrize("domain", ["woodgrove.example", "mail-of-our-firm-s.aaaaaaaaa.example"])
def test_a_domain_cannot_tell_days_apart_so_all_are_held(domain: str) -> None:
    shared = Answers(tables=(*tables(first=7), *tables(first=30, tenant_id=OTHER)))
    assert reach.own(shared, domain) is shared


def test_business_dates_are_unknown_where_nothing_was_read_and_partial_where_records_miss_some() -> None:
    def state(answers: Answers) -> str:
        (record,) = [each for each in limits(answers) if each.what == "business dates"]
        return record.state

    assert state(Answers()) == "unknown"
    assert state(Answers(tables=tables())) == "partial"


OTHER_TABLE = "AADNonInteractiveUserSignInLogs"
QUIET = "No record on Saturdays and Sundays, as in every week held."


def table(name: str, *empty: int, ago: Any = range(31), **more: Any) -> tuple[TableDay, ...]:
    """Return what one table holds, but on the weekdays *empty* (Monday is 0)."""
    days = (day for each in ago for day in tables(first=each, last=each, **more))
    return tuple(day for day in days if day.table == name and day.day.weekday() not in empty)


def state_of(days: tuple[TableDay, ...], *, asked: Window = ASKED, live: tuple[Coverage, ...] = ()) -> Coverage:
    found = limits(Answers(tables=days, coverage=live), asked=asked)
    return next(each for each in found if each.what == "non-interactive sign-ins")


def test_weekends_that_are_empty_in_every_week_are_silence_where_other_records_of_these_days_arrived() -> None:
    found = state_of((*table("SigninLogs"), *table(OTHER_TABLE, 5, 6)))
    assert (found.state, found.reason, found.remedy) == ("complete", QUIET, "")


def test_an_office_that_leaves_nothing_at_weekends_is_silent_and_told_what_that_rests_on() -> None:
    days = (*table("SigninLogs", 5, 6), *table(OTHER_TABLE, 5, 6))
    found = state_of(days)
    assert (found.state, found.reason, found.remedy) == ("complete", QUIET, "")
    (rests,) = unseen(days)
    assert (rests.state, rests.source) == ("unknown", "tenant")
    assert rests.reason.startswith("No record of any kind arrived on Saturdays and Sundays: they are taken for days on")
    assert rests.remedy == "If something does send on these days, check that their records are delivered."
    assert reach.missing_days(Answers(tables=days), ASKED) == ()


def unseen(days: tuple[TableDay, ...], *live: Coverage) -> list[Coverage]:
    return [each for each in limits(Answers(tables=days, coverage=live)) if each.what == reach.UNSEEN]


def test_silence_of_which_apps_or_a_live_reading_tell_rests_on_no_guess() -> None:
    days = (*table("SigninLogs", 5, 6), *table(OTHER_TABLE, 5, 6))
    apps = tables(table="AADServicePrincipalSignInLogs")
    live = Coverage("interactive sign-ins by legacy mail clients", "complete", "graph", ASKED.start, ASKED.end)
    assert (unseen((*days, *apps)), unseen(days, live), unseen(tables())) == ([], [], [])
    assert state_of((*days, *apps)).state == "complete"


def test_weekends_on_which_another_source_holds_the_same_table_are_lost() -> None:
    ours = (*table("SigninLogs", 5, 6, source="workspace"), *table(OTHER_TABLE, 5, 6, source="workspace"))
    apps = tables(table="AADServicePrincipalSignInLogs", source="workspace")
    # Two Saturdays, 21 and 14 November.
    files = (*table("SigninLogs", ago=[2, 9]), *table(OTHER_TABLE, ago=[2, 9]))
    days = (*ours, *apps, *files)
    found = [each for each in limits(Answers(tables=days)) if (each.what, each.source) == (TABLE, "workspace")]
    assert [each.state for each in found] == ["partial"]
    assert "4 days in between hold no record of interactive sign-ins: 31 October 2026, " in found[0].reason
    assert [f"{day:%d %b}" for day in reach.missing_days(Answers(tables=days), ASKED)] == ["24 Oct", "31 Oct", "07 Nov"]


def test_a_table_that_another_source_holds_on_saturdays_is_lost_on_them_whatever_else_arrived() -> None:
    workspace = (*table("SigninLogs", source="workspace"), *table(OTHER_TABLE, 5, 6, source="workspace"))
    found = limits(Answers(tables=(*workspace, *table(OTHER_TABLE, ago=[2, 9]))))
    (told,) = [each for each in found if (each.what, each.source) == ("non-interactive sign-ins", "workspace")]
    assert (told.state, "21 November" in told.reason, "22 November" in told.reason) == ("partial", True, False)


def test_a_password_that_another_witness_saw_on_a_saturday_makes_the_empty_saturdays_holes() -> None:
    days = (*table("SigninLogs", 5, 6), *table(OTHER_TABLE, 5, 6))
    answers = Answers(tables=days, mail=(mail(ago=2, source="audit"),))
    found = next(each for each in limits(answers) if each.what == TABLE)
    assert (found.state, "21 November 2026" in found.reason, "22 November" in found.reason) == ("partial", True, False)
    missing = reach.missing_days(answers, ASKED)
    assert {day.weekday() for day in missing} == {5}
    assert (NOW - timedelta(days=2)).date() in missing


def test_what_arrived_from_one_source_is_no_proof_that_another_delivered() -> None:
    files, workspace = table("SigninLogs"), table(OTHER_TABLE, 5, 6, source="workspace")
    found = limits(Answers(tables=(*files, *workspace)))
    told = {each.source: each.state for each in found if each.what == "non-interactive sign-ins"}
    assert told["workspace"] == "partial"


def test_tables_of_one_source_that_are_empty_on_different_weekdays_leave_no_day_without_a_record() -> None:
    days = (*table("SigninLogs", 5, 6), *table(OTHER_TABLE, 6))
    assert reach.missing_days(Answers(tables=days), ASKED) == ()
    lost = tuple(day for day in days if day.day.date() != (NOW - timedelta(days=2)).date())
    assert reach.missing_days(Answers(tables=lost), ASKED) == ((NOW - timedelta(days=2)).date(),)


def test_three_weekdays_in_a_row_may_be_silent() -> None:
    assert state_of((*table("SigninLogs"), *table(OTHER_TABLE, 4, 5, 6))).state == "complete"


def test_a_month_that_ended_on_a_silent_day_was_not_seen_to_end() -> None:
    days = (*table("SigninLogs", 5, 6), *table(OTHER_TABLE, 5, 6))
    found = signins.assess(Answers(tables=days), tenant_id=TENANT_ID, now=NOW, window=ASKED)
    assert (found.missing_days, found.business.month_ends) == ((), ())


def test_a_weekend_of_which_nothing_arrived_though_others_held_something_is_a_hole() -> None:
    lost = {1, 2}
    days = (*table("SigninLogs", ago=[each for each in range(31) if each not in lost]), *table(OTHER_TABLE, 5, 6))
    found = state_of(days)
    assert (found.state, found.reason) == (
        "partial",
        "2 days in between hold no record of non-interactive sign-ins: 21 November 2026, 22 November 2026.",
    )
    assert set(reach.missing_days(Answers(tables=days), ASKED)) == {
        (NOW - timedelta(days=each)).date() for each in lost
    }


def test_one_weekend_with_a_record_makes_the_empty_ones_holes() -> None:
    worked = table(OTHER_TABLE, ago=[8, 9])
    found = state_of((*table("SigninLogs"), *table(OTHER_TABLE, 5, 6), *worked))
    assert found.state == "partial"
    assert "6 days in between hold no record of non-interactive sign-ins: 31 October 2026, " in found.reason


def test_a_working_day_without_records_is_a_hole_beside_silent_weekends_and_its_remedy_can_be_followed() -> None:
    days = (*table("SigninLogs"), *table(OTHER_TABLE, 5, 6, ago=[each for each in range(31) if each != 4]))
    found = state_of(days)
    assert (found.state, found.reason) == (
        "partial",
        "1 day in between holds no record of non-interactive sign-ins: 19 November 2026.",
    )
    assert "Add graph: {} to the tenant's signin_logs" in found.remedy
    what = "non-interactive sign-ins by legacy mail clients"
    live = Coverage(what, "complete", "graph", ASKED.start, ASKED.end)
    assert state_of(days, live=(live,)).state == "complete"


def test_two_weeks_show_no_rhythm() -> None:
    asked = Window(NOW - timedelta(days=14), NOW)
    days = (*table("SigninLogs", ago=range(15)), *table(OTHER_TABLE, 5, 6, ago=range(15)))
    assert state_of(days, asked=asked).state == "partial"


def test_a_table_that_speaks_on_three_weekdays_only_shows_no_rhythm() -> None:
    assert state_of((*table("SigninLogs"), *table(OTHER_TABLE, 1, 3, 5, 6))).state == "partial"


@pytest.mark.parametrize(("now", "state"), [(22, "complete"), (21, "complete"), (20, "partial")])
def test_a_window_that_begins_or_ends_in_a_silent_weekend_is_whole(now: int, state: str) -> None:
    # 22 November 2026 is a Sunday, and 24 October a Saturday; on Friday the 20th nothing since Wednesday is a loss.
    asked = Window(datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 11, now, 20, tzinfo=UTC))
    until = {22: 3, 21: 3, 20: 5}[now]
    days = table(OTHER_TABLE, 5, 6, ago=range(until, 31))
    assert state_of((*table("SigninLogs", ago=range(1, 31)), *days), asked=asked).state == state


def test_what_an_archive_calls_whole_still_says_on_which_days_it_holds_nothing() -> None:
    days = (*table("SigninLogs"), *table(OTHER_TABLE, 5, 6))
    whole = Coverage("non-interactive sign-ins", "complete", "files", days[-1].first, days[0].last)
    assert state_of(days, live=(whole,)).reason == QUIET
