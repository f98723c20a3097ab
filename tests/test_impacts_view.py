"""What notebook 60 shows of the dates: all of them, what each does here, and no promise where nobody has looked."""

from typing import Any

from mailauth import evidence
from mailauth.closable import Known
from mailauth.closingrecord import Look
from mailauth.conditions import Conditions
from mailauth.organization import Organization, Settings
from mailauth.views import impacts
from mailauth.views.markup import Badge
from tests.case_invented import SCANNER, case, mail
from tests.closings import NOW
from tests.mailboxes_invented import TENANT


def look(findings: Any = None, **settings: Any) -> Look:
    """Return a look at a tenant of which only these settings were read."""
    return Look(Known(Organization(settings=Settings(**settings)), Conditions(), findings, NOW), ())


def rows(seen: Look) -> dict[str, tuple[str, str]]:
    """Return the badge and the sentence of each date, by its title."""
    found = {}
    for _, title, badge, said, *_ in impacts.calendar(TENANT, seen).rows:
        assert isinstance(badge, Badge)
        found[str(title)] = badge.text, str(said)
    return found


def test_an_account_that_a_date_stops_is_named_and_what_was_not_read_is_unknown() -> None:
    found = evidence.findings(case([mail(ago=ago) for ago in range(1, 20)]))
    told = rows(look(found, ews="on", ews_apps=()))
    title = TENANT.calendar.get("smtp-auth-default-off").title
    assert told[title] == ("breaks something", f"Touches {SCANNER}.")
    assert [badge for badge, said in told.values() if "Conditional Access was not read" in said] == ["cannot know"]
    assert any("switched on here" in said for _, said in told.values())


def test_where_nobody_has_looked_at_sign_ins_no_date_is_said_to_break_nothing() -> None:
    told = rows(look())
    assert len(told) > 5
    assert {badge for badge, _ in told.values()} == {"cannot know"}


def test_the_note_says_as_of_when_the_dates_are_and_hostile_names_stay_text() -> None:
    hostile = "<img src=x onerror=alert(1)>@w.example"
    shown = impacts.calendar(TENANT, look(evidence.findings(case([mail(hostile, ago=ago) for ago in range(1, 9)]))))
    assert "as read from their sources on" in shown.note
    assert "&lt;img" in shown.html()
    assert "<img" not in shown.html()
