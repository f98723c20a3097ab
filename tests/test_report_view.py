"""The page's first screen and what stands below it: in order, with window and source, and never fine where unseen."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from mailauth.phrases import Phrase, phrase, words
from mailauth.report import Report
from mailauth.views import report as page
from mailauth.views.drawn import SenderDays
from mailauth.views.tables import Callout, Table
from tests import report_invented as world
from tests.report_invented import FABRIKAM, NOON


def seen(shown: Any) -> str:
    """Return the words of a view, as a reader sees them."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<wbr>", "", re.sub(r"<(?!wbr)[^>]+>", " ", shown.html()))))


def test_the_first_screen_goes_from_the_sentence_to_how_far_we_looked_and_holds_no_chart() -> None:
    said = seen(page.first_screen(FABRIKAM))
    order = [
        "Exposed",
        "Fabrikam : two systems will stop sending mail",
        "1 account needs somebody today",
        "End of December 2026, no day published",
        "What to do next",
        "Reset the password of dora@fabrikam.example",
        "What stops (sign-in records of 24 Oct 2026 to 23 Nov 2026 UTC)",
        "Progress: 9 password senders in September, 2 now.",
        "If nothing is done: Scans and invoices are refused",
        "How far we looked: Sign-in records of 24 October",
    ]
    assert [said.index(each) for each in order] == sorted(said.index(each) for each in order)
    assert page.first_screen(FABRIKAM).about()["mailauth_first"]


def test_what_is_urgent_is_one_line_for_an_account_with_its_first_step_and_owner() -> None:
    twice = replace(FABRIKAM, urgent=(world.URGENT, replace(world.URGENT, protocol="SMTP AUTH", sender_id="x")))
    [callout] = page.first_screen(twice).today
    assert str(callout.title) == "1 account needs somebody today"
    assert [str(line) for line in callout.body] == [
        "Suspected compromise: dora@fabrikam.example signed in once from 198.51.100.77, on 14 November 2026. "
        "Reset the password and revoke the sessions before anything else. Owner: nobody yet."
    ]


def test_a_first_sentence_does_not_end_inside_a_name() -> None:
    odd = replace(world.URGENT, evidence=phrase("{who} was here. Twice.", who=world.address("a. b")), steps=())
    [callout] = page.first_screen(replace(FABRIKAM, urgent=(odd,))).today
    assert str(callout.body[0]) == "Suspected compromise: a. b was here. Owner: nobody yet."


@pytest.mark.parametrize(
    ("fields", "by"),
    [
        pytest.param({}, "11 Dec 2026", id="their day"),
        pytest.param({"due": date(2026, 11, 1)}, "1 Nov 2026 overdue", id="overdue"),
        pytest.param({"exception_until": date(2027, 3, 1)}, "1 Mar 2027 exception", id="an exception"),
        pytest.param({"due": None}, "no day 11 Dec 2026 proposed", id="proposed"),
        pytest.param({"due": None, "propose": None}, "no day", id="nothing hurries"),
    ],
)
def test_a_row_of_what_stops_says_by_when_and_whose_day_that_is(fields: dict[str, Any], by: str) -> None:
    one = replace(FABRIKAM, stops=(replace(world.SCANS, **fields),), actions=(), endings=())
    assert f"decided J. Ward {by} " in seen(page.first_screen(one))


def test_a_row_that_nobody_decided_says_what_is_missing_three_times() -> None:
    table = page.first_screen(replace(FABRIKAM, stops=(world.INVOICES,))).decisions
    assert table
    assert "One answer is missing not decided nobody yet no day 11 Dec 2026 proposed" in seen(table)


def test_a_date_that_nobody_published_is_printed_in_words_only() -> None:
    shown = seen(page.first_screen(FABRIKAM)) + seen(page.endings(FABRIKAM)) + seen(page.stops(FABRIKAM))
    assert "31 Dec" not in shown
    assert "Microsoft switches off password sign-in for SMTP AUTH 2 senders" in shown


def test_a_date_counts_as_the_first_sentence_does_and_what_only_may_stop_apart() -> None:
    rows = (world.SCANS, world.INVOICES, replace(world.SCANS, kind="reported", sender_ids=()))
    one = replace(FABRIKAM, stops=rows)

    assert "2 senders and up to 1 more of the table below" in seen(page.first_screen(one))
    assert "2, and up to 1 more" in seen(page.endings(one))


@pytest.mark.parametrize(
    "view",
    [page.attention, page.stops, page.endings, page.senders, page.trend],
    ids=lambda view: view.__name__,
)
def test_where_nobody_looked_a_view_says_so_and_shows_no_number(view: Callable[[Report], Any]) -> None:
    shown = view(world.unseen())
    assert isinstance(shown, Callout)
    assert shown.kind == "cannot know"
    assert str(shown.title).startswith("No sign-in record was read: it is unknown wh")


def test_what_is_urgent_is_shown_whether_or_not_anybody_looked() -> None:
    assert isinstance(page.attention(world.unseen(urgent=(world.URGENT,))), Table)


def test_nothing_seen_is_never_called_fine() -> None:
    empty = replace(FABRIKAM, urgent=(), stops=(), endings=(), actions=())
    words_shown = " ".join(map(seen, (page.attention(empty), page.stops(empty))))
    assert "Nothing was seen. What the records do not hold stands under" in words_shown
    assert "Nothing was seen. That proves nothing about what left no record." in words_shown
    assert not re.search(r"\b(fine|safe|clean|all good|no risk)\b", words_shown, re.IGNORECASE)


def test_progress_adds_up_and_a_first_run_says_only_that_it_is_the_first() -> None:
    said = seen(page.progress(FABRIKAM))
    assert "Since 3 Sep 2026; now: sign-in records of 24 Oct 2026 to 23 Nov 2026 UTC" in said
    assert "Senders on 3 Sep 2026 9 Senders now 2 Send with a password no more 7 of these proven 6" in said
    assert " ".join(seen(page.progress(world.unseen())).split()) == "Progress No earlier run is known."


def test_each_wave_says_how_it_stands_since_when_and_who_is_left_out_until_when() -> None:
    said = seen(page.waves(FABRIKAM))
    assert "Where passwords have ended, as notebook 60 saw it on 23 Nov 2026" in said
    assert "The pilot 2 closed (proven) 24 Oct 2026 1 of 1" in said
    assert "The group copiers 0 left out" in said
    assert "The whole tenant 40 closing" in said
    assert "1 of 2 copier@fabrikam.example until 27 December 2026" in said
    assert "Notebook 60 has left no evidence here" in seen(page.waves(world.unseen(waves=())))


def test_a_wave_that_leaves_many_out_names_some_and_counts_the_others() -> None:
    many = tuple(replace(world.LEFT_OUT[0], address=f"box{number}@fabrikam.example") for number in range(25))
    said = seen(page.waves(replace(FABRIKAM, waves=(replace(FABRIKAM.waves[2], left_out=many),))))
    assert "box19@fabrikam.example until 27 December 2026 5 more" in said


def test_a_sender_that_fell_silent_is_quiet_and_not_moved() -> None:
    table = page.senders(FABRIKAM)
    assert isinstance(table, Table)
    rows = {str(row[0]): getattr(row[4], "text", "") for row in table.rows}
    assert rows["noreply@fabrikam.example"] == "quiet, not proven"


def test_the_trend_draws_marks_and_leaves_days_without_records_out() -> None:
    chart = page.trend(FABRIKAM)
    assert isinstance(chart, SenderDays)
    assert [row[1] for row in chart.table.rows[8:12]] == [3, None, None, 3]
    said = seen(chart)
    assert "1 policy" in said
    assert "The numbers on the lines: 16 Nov 2026: policy on scanner@fabrikam.example" in said
    assert "2 Nov 2026 - - - no records" in said.replace("\N{EN DASH}", "-")
    assert chart.title == "Password senders fell from 3 to 1 a day"


def test_runs_stand_newest_first() -> None:
    assert [row[0] for row in page.runs(FABRIKAM).rows] == [NOON, world.FIRST]


def test_changes_name_the_run_they_are_counted_from() -> None:
    said = seen(page.changed(FABRIKAM))
    assert "What changed since the run of 16 Nov 2026 12:00 UTC" in said
    assert "erp@fabrikam.example : one network more a network look at it" in said
    assert "Nothing to compare with yet No earlier run is known." in seen(page.changed(world.unseen()))


def test_a_comparison_that_was_not_possible_is_not_no_change() -> None:
    changes = replace(FABRIKAM.changes, lines=(), said=words("Neither run could read sign-ins."))
    assert "Neither run could read sign-ins." in seen(page.changed(replace(FABRIKAM, changes=changes)))


def test_more_urgent_accounts_than_the_first_screen_bears_are_counted() -> None:
    many = tuple(replace(world.URGENT, account=f"u{n}@fabrikam.example") for n in range(7))
    [callout] = page.first_screen(replace(FABRIKAM, urgent=many)).today
    assert str(callout.title) == "7 accounts need somebody today"
    assert str(callout.body[-1]) == "3 more accounts: see “What needs somebody today?” below."


def test_more_rows_than_the_first_screen_bears_are_counted() -> None:
    table = page.first_screen(replace(FABRIKAM, stops=(world.SCANS,) * 11)).decisions
    assert table
    assert table.left_out == "Showing 8 of 11; all of them are in “What stops, and when?” below."


VIEWS = (page.first_screen, page.attention, page.stops, page.endings, page.progress, page.senders)


@pytest.mark.parametrize("view", [*VIEWS, page.changed, page.runs, page.purpose], ids=lambda view: view.__name__)
def test_no_name_in_a_report_becomes_markup(view: Callable[[Report], Any]) -> None:
    odd = phrase("{x}", x=world.address(world.HOSTILE))
    hostile = replace(
        FABRIKAM,
        state=replace(world.STATE, sentence=odd, also=(odd,), proofs=(odd,), missing=(odd,)),
        urgent=(replace(world.URGENT, account=world.HOSTILE, evidence=odd, owner=world.HOSTILE, steps=(odd,)),),
        stops=(replace(world.SCANS, what=odd, used_for=odd, decision=odd, owner=world.HOSTILE, witness=odd),),
        actions=(replace(world.ACTIONS[0], title=odd, why=odd, owner=world.HOSTILE, where=odd, when=odd),),
        changes=replace(FABRIKAM.changes, lines=(replace(FABRIKAM.changes.lines[0], said=odd),)),
        if_nothing=(odd,),
        purpose=odd,
    )
    shown = view(hostile)
    assert "<script" not in shown.html()
    assert "\u202e" not in shown.html() + shown.text()
    assert "\x1b" not in shown.html() + shown.text()


def test_a_state_that_is_not_proven_says_what_is_missing() -> None:
    quiet = replace(
        world.STATE, word="quiet", missing=(words("Nobody tried a password."),), proofs=(words("One box."),)
    )
    said = seen(page.first_screen(replace(FABRIKAM, state=quiet)))
    assert "Quiet, not proven" in said
    assert "Not proven yet: Nobody tried a password." in said
    assert "Proven: One box." in said


def test_a_report_older_than_its_day_still_counts_overdue_from_its_own_day() -> None:
    late = replace(FABRIKAM, stops=(world.SCANS,), made_at=NOON + timedelta(days=30), actions=(), endings=())
    assert "11 Dec 2026 overdue" in seen(page.first_screen(late))
    assert page.name("person", "") == Phrase()


def test_an_account_seen_by_two_protocols_is_one_row_with_its_steps_once() -> None:
    also = replace(world.URGENT, protocol="SMTP AUTH", evidence=words("And by SMTP AUTH."), last_seen=NOON)
    table = page.attention(replace(FABRIKAM, urgent=(world.URGENT, also)))
    assert isinstance(table, Table)
    said = seen(table)
    assert len(table.rows) == 1
    assert "dora@fabrikam.example IMAP SMTP AUTH Suspected compromise" in said
    assert "And by SMTP AUTH. Reset the password" in said
    assert said.count("Reset the password") == 1


def test_a_reason_that_stands_in_the_box_above_is_not_repeated_beside_the_step() -> None:
    steps = page.first_screen(FABRIKAM).actions
    assert [str(step.more) for step in steps] == [
        "In the Entra admin center. Owner: nobody yet.",
        "Nobody has, and it stops in December. In the decisions file. Owner: M. Roy.",
    ]


def test_why_nobody_could_look_stands_right_under_the_sentence() -> None:
    state = replace(world.STATE, word="cannot know", also=(words("The permission was taken away."),), missing=())
    said = seen(page.first_screen(replace(FABRIKAM, state=state)))
    assert said.index("The permission was taken away.") < said.index("What to do next")
    assert seen(page.first_screen(FABRIKAM)).index("Also: Microsoft's mail report") > said.index("What to do next")


def test_nothing_seen_in_records_that_end_too_early_says_until_when_anybody_could_look() -> None:
    early = replace(FABRIKAM.looked, last_look=date(2026, 11, 17))
    said = seen(page.attention(replace(FABRIKAM, urgent=(), looked=early)))
    assert "Nothing was seen up to 17 Nov 2026; nobody could look since." in said


def test_an_edition_for_others_says_on_its_first_screen_that_its_names_are_pseudonyms() -> None:
    shared = replace(FABRIKAM, edition="shareable")
    assert "The names are pseudonyms: Each stands for one person, mailbox" in seen(page.first_screen(shared))
    assert "The names on this page are pseudonyms" in seen(page.purpose(shared))
    assert "pseudonym" not in seen(page.first_screen(FABRIKAM)) + seen(page.purpose(FABRIKAM))
