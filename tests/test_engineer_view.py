"""What the engineer reads: proofs that are still good, doors, credentials, and rows for what nobody has looked at."""

import html
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailauth.phrases import phrase
from mailauth.report import Report
from mailauth.views import engineer
from mailauth.views.tables import Callout
from tests import report_invented as world
from tests.report_invented import BOX, FABRIKAM, NOON


def seen(view: Any) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<wbr>", "", re.sub(r"<(?!wbr)[^>]+>", " ", view.html()))))


def boxed(**tried: Any) -> Report:
    return replace(FABRIKAM, mailboxes=(replace(BOX, tried=(replace(world.TRIED, **tried),)),))


def test_a_protocol_that_is_wanted_and_was_not_tried_has_a_row_that_says_so() -> None:
    said = seen(engineer.proofs(FABRIKAM))
    assert "scanner@fabrikam.example shared SMTP proven Mail Relay secret 23 Nov 2026 12:00 UTC" in said
    assert "scanner@fabrikam.example shared IMAP not tried" in said


def test_a_proof_from_before_a_change_is_no_longer_one() -> None:
    said = seen(engineer.proofs(boxed(stale=True)))
    assert "SMTP no longer proven something was changed since" in said
    assert "SMTP proven" not in said


def test_a_refusal_stands_with_its_cause_its_remedy_and_when_to_try_again() -> None:
    refused = {"outcome": "refused", "cause": "The protocol is off", "remedy": "Switch it on.", "retest_at": NOON}
    said = seen(engineer.proofs(boxed(**refused)))
    assert "refused Mail Relay secret 23 Nov 2026 12:00 UTC The protocol is off too early to judge before" in said
    assert "Switch it on." in said


def test_what_was_skipped_counts_as_not_tried() -> None:
    said = seen(engineer.proofs(boxed(outcome="skipped")))
    assert said.count("not tried") == 2


def test_a_door_that_nobody_looked_at_is_not_shut() -> None:
    door = replace(BOX.doors[0], password="not looked at", delegated="unknown", app="open")
    said = seen(engineer.doors(replace(FABRIKAM, mailboxes=(replace(BOX, doors=(door,)),))))
    assert "SMTP not looked at unknown open" in said
    assert "closed" not in said


@pytest.mark.parametrize(
    ("ends", "word", "said"),
    [
        pytest.param(12, "ending", "secret ending 5 Dec 2026 12 ", id="soon"),
        pytest.param(-3, "ended", "secret ended 20 Nov 2026 3 days ago ", id="ended"),
        pytest.param(-1, "ended", "secret ended 22 Nov 2026 1 day ago ", id="ended yesterday"),
    ],
)
def test_a_credential_says_when_it_ends(ends: int, word: Any, said: str) -> None:
    one = replace(world.SECRET, ends=NOON + timedelta(days=ends), days=ends, word=word)
    assert said in seen(engineer.credentials(replace(FABRIKAM, credentials=(one,))))


def test_what_an_app_can_open_says_whether_that_was_asked_for_and_how_to_take_it_away() -> None:
    said = seen(engineer.openings(FABRIKAM))
    assert "Mail Relay every mailbox IMAP.AccessAsApp consent in Entra not asked for Remove the consent" in said


@pytest.mark.parametrize("view", [engineer.credentials, engineer.openings, engineer.senders], ids=lambda v: v.__name__)
def test_where_no_notebook_has_looked_nothing_is_called_absent(view: Callable[[Report], Any]) -> None:
    shown = view(world.unseen())
    assert isinstance(shown, Callout)
    assert shown.kind == "cannot know"


def test_looked_at_and_nothing_found_is_not_the_same_as_not_looked_at() -> None:
    none = replace(FABRIKAM, credentials=(), openings=())
    assert "The apps hold no credential of their own." in seen(engineer.credentials(none))
    assert "By what notebook 40 read, no app can open a mailbox." in seen(engineer.openings(none))


def test_each_app_says_of_each_part_who_looked_and_when() -> None:
    said = seen(engineer.apps(FABRIKAM))
    assert "ok Registered as wanted. looked at 23 Nov 2026 12:00 UTC" in said
    assert "not looked at Notebook 30 has left no evidence." in said
    assert "notebook 20 makes it" in seen(engineer.apps(replace(FABRIKAM, apps=())))


def test_doors_without_evidence_and_without_a_mailbox_are_told_apart() -> None:
    assert "Notebook 40 has not looked" in seen(engineer.doors(world.unseen()))
    assert "The tenants file names no mailbox." in seen(engineer.doors(replace(FABRIKAM, mailboxes=())))


def test_the_page_says_from_which_records_it_was_made() -> None:
    said = seen(engineer.sources(FABRIKAM))
    assert "10-find-basic-auth read 23 Nov 2026 12:00 UTC Made a minute before." in said
    assert "30-consent not there" in said
    assert "business dates partial" in seen(engineer.coverage(FABRIKAM))


def test_the_block_for_the_engineer_has_a_line_for_each_part() -> None:
    assert engineer.lines(FABRIKAM).text().splitlines() == ["In an engineer's words", "State  exposed, worst: 1"]


VIEWS = (engineer.lines, engineer.senders, engineer.apps, engineer.proofs, engineer.doors, engineer.credentials)


@pytest.mark.parametrize("view", [*VIEWS, engineer.openings, engineer.sources], ids=lambda view: view.__name__)
def test_no_name_in_a_report_becomes_markup(view: Callable[[Report], Any]) -> None:
    bad, odd = world.HOSTILE, phrase("{x}", x=world.address(world.HOSTILE))
    row = replace(world.ROW, account=bad, where=odd, sends_as=(bad,), road=odd, sender_id=bad)
    status = replace(world.WELL, said=(odd,))
    hostile = replace(
        FABRIKAM,
        apps=(replace(FABRIKAM.apps[0], name=bad, client_id=bad, registration=status),),
        mailboxes=(replace(BOX, address=bad, kind=bad, tried=(replace(world.TRIED, app=bad, remedy=bad, cause=bad),)),),
        credentials=(replace(world.SECRET, app=bad, name=bad, id=bad),),
        openings=(replace(world.OPENING, app=bad, mailbox=odd, right=bad, by=odd, take_away=odd),),
        engineer=replace(FABRIKAM.engineer, lines=(replace(FABRIKAM.engineer.lines[0], said=(odd,)),), senders=(row,)),
    )
    shown = view(hostile)
    assert "<script" not in shown.html()
    assert "\u202e" not in shown.html() + shown.text()
    assert "\x1b" not in shown.html() + shown.text()


def test_an_open_door_is_a_warning_for_a_password_and_none_for_a_token() -> None:
    door = replace(BOX.doors[0], password="open", delegated="open", app="closed")
    shown = engineer.doors(replace(FABRIKAM, mailboxes=(replace(BOX, doors=(door,)),)))
    assert [getattr(cell, "tone", "") for cell in shown.rows[0]][2:5] == ["warn", "ok", "quiet"]


def test_a_look_at_another_app_is_not_shown_as_a_look() -> None:
    other = replace(FABRIKAM.apps[0], consent=replace(world.NEVER, made_at=NOON))
    said = seen(engineer.apps(replace(FABRIKAM, apps=(other,))))
    assert "not looked at Notebook 30 has left no evidence. ok" in said
