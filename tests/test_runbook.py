"""What a manager reads first: true for the tenant at hand, and no more than that."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailauth.cases import Case
from mailauth.engines import Reply
from mailauth.tenants import Source
from mailauth.views import runbook
from mailauth.views.controls import Filter
from mailauth.views.figures import Chart
from mailauth.views.markup import Stack, text
from mailauth.views.tables import Callout
from tests import case_invented
from tests.case_invented import SCANNER


def lines(**mailers: dict[str, Any]) -> dict[str, str]:
    """Return the further sentences of the first screen, by their bold words."""
    rows = [case_invented.mail(user, ago=ago, **more) for user, more in mailers.items() for ago in range(1, 9)]
    return {name: str(said) for name, said in runbook.first_screen(case_invented.case(rows)).lines}


@pytest.mark.parametrize(
    ("mailers", "said", "unsaid"),
    [
        pytest.param({SCANNER: {}}, "Mail from the senders with a password is refused", "phones", id="a scanner"),
        pytest.param(
            {"ada@woodgrove.example": {"client_app": "Exchange ActiveSync", "step": "certificate"}},
            "Mail on the phones with certificates stops at the end of December 2026 (no day has been published).",
            "password",
            id="a phone",
        ),
    ],
)
def test_if_nothing_is_done_speaks_only_of_what_the_tenant_has(
    mailers: dict[str, dict[str, Any]], said: str, unsaid: str
) -> None:
    told = lines(**mailers)["If nothing is done"]
    assert said in told
    assert unsaid not in told


def test_a_tenant_without_senders_is_told_of_no_loss() -> None:
    assert "If nothing is done" not in lines()


def test_a_query_opens_in_the_portal_where_the_workspace_is_known_and_else_says_how_to_get_there() -> None:
    resource = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/logs/providers/x/workspaces/logs"
    named = Source(kind="workspace", workspace_id="x", resource_id=resource)
    known = replace(case_invented.TENANT, sources=(named,))
    shown = [
        runbook.queries(replace(case_invented.case(tenant=tenant), queries={"coverage": "print 1"})).views[0]
        for tenant in (known, case_invented.TENANT)
    ]
    opened, listed = (str(one.html()) for one in shown)
    assert "Open this query in the portal" in opened
    assert "LogsBlade.AnalyticsShareLinkToQuery" in opened
    assert "choose the workspace, paste the text" in listed


PHONE = {"client_app": "Exchange ActiveSync", "step": "certificate"}


def test_sentences_of_if_nothing_is_done_begin_with_a_capital() -> None:
    told = lines(**{SCANNER: {}, "ada@woodgrove.example": PHONE})["If nothing is done"]
    assert re.findall(r"(?:^|\. )([a-z]\w*)", told) == []


def test_progress_speaks_of_now_only_while_the_records_do() -> None:
    rows = [case_invented.mail(ago=ago) for ago in range(12, 20)]
    assert lines(**{SCANNER: {}})["Progress"] == "1 SMTP AUTH sender with a password now."
    old = case_invented.case(found=case_invented.find(rows, until=12))
    assert old.state == "cannot know"
    said = str(dict(runbook.first_screen(old).lines)["Progress"])
    assert said == f"1 SMTP AUTH sender with a password at the last good look ({text(old.findings.last_look)})."
    assert str(runbook.adoption(old).title).endswith(said.rstrip("."))


def test_open_decisions_are_those_of_the_table_and_the_rest_is_named_as_such() -> None:
    mailers = {"erp@woodgrove.example": {}, "old@woodgrove.example": {"result": "50126"}}
    rows = [case_invented.mail(user, ago=ago, **more) for user, more in mailers.items() for ago in range(1, 9)]
    case = case_invented.case(rows)
    assert len(case.undecided()) == 2
    said = dict(runbook.first_screen(case).lines)["Open"]
    assert said == "1 sender and 1 that does not stop in December cannot be decided: an answer is missing for each."


def test_phones_of_two_makes_are_not_called_by_the_name_of_one() -> None:
    makes = {"ada": "Apple-iPhone14C5/2008.65", "ben": "Apple-iPhone14C5/2008.65", "cem": "Android-SAMSUNG/101.2"}
    rows = [
        case_invented.mail(f"{name}@woodgrove.example", ago=ago, user_agent=agent, **PHONE)
        for name, agent in makes.items()
        for ago in range(1, 9)
    ]
    table = runbook.first_screen(case_invented.case(rows)).decisions
    assert table is not None
    [row] = table.rows
    assert row[0] == ("3 accounts", "ActiveSync with a certificate")
    assert row[1] == ("2: phone or tablet (iPhone)", "1: phone or tablet (Android phone)")


NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "10-find-basic-auth.ipynb"
VIEWS = sorted(set(re.findall(r"runbook\.(\w+)\(case\)", NOTEBOOK.read_text(encoding="utf-8"))))
# These speak of the sources themselves, or of the other witness.
OF_SOURCES = {"coverage", "first_screen", "queries", "reported"}
DECIDED = "senders:\n  - user: scanner@woodgrove.example\n    protocol: SMTP AUTH\n    owner: J. Ward\n"
# What may be said without a record: that there is none, what other sources lack, and facts about a date.
ADMITTED = (
    r"No sign-in record was (?:there to )?read|does not mean that nobody signed in|leaves no (?:sign-in )?record"
    r"|No mail report was imported|No SMTP AUTH clients report was given|needs no licence"
    r"|no day (?:has been )?published|no page was found|Nothing by itself"
)


def unread(*reports: str) -> Case:
    """Return a case without any sign-in record, with a decision, and a mail report where one is given."""
    given = [case_invented.report(*reports)] if reports else []
    found = case_invented.find(held=False)
    return case_invented.case(reports=given, own=case_invented.decided(DECIDED), found=found)


def told(view: Any) -> Iterator[str]:
    """Yield all that a reader of *view* reads, whatever its kind."""
    if isinstance(view, Stack):
        for one in view.views:
            yield from told(one)
    elif isinstance(view, Chart):
        yield from (view.title, view.alt, view.table.html())
    else:
        yield (view.table() if isinstance(view, Filter) else view).html()


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize(
    "reports", [pytest.param((), id="no witness"), pytest.param((f"{SCANNER} Basic 12",), id="the report alone")]
)
def test_where_nothing_was_read_no_view_speaks_of_nobody_none_or_zero(name: str, reports: tuple[str, ...]) -> None:
    said = re.sub(r"<[^>]+>", " ", " ".join(told(getattr(runbook, name)(unread(*reports)))))
    facts = re.findall(r"(?i)\b(?:nobody|nothing|none|no|0|any more|every)\b.{0,40}", re.sub(ADMITTED, "", said))
    assert facts == []


@pytest.mark.parametrize("name", sorted(set(VIEWS) - OF_SOURCES))
def test_where_nothing_was_read_a_view_of_the_records_cannot_know(name: str) -> None:
    shown = getattr(runbook, name)(unread())
    assert isinstance(shown, Callout)
    assert shown.kind == "cannot know"
    assert str(shown.title).startswith("No sign-in record was read: it is unknown ")


@pytest.mark.parametrize("name", sorted(set(VIEWS) - OF_SOURCES - {"letters", "unmatched"}))
def test_where_records_were_read_a_view_speaks_of_them_though_they_hold_no_sender(name: str) -> None:
    assert not isinstance(getattr(runbook, name)(case_invented.case()), Callout)


def test_decisions_are_called_gone_only_where_somebody_looked() -> None:
    own = case_invented.decided(DECIDED)
    assert len(case_invented.case(own=own).unmatched) == 1
    assert unread().unmatched == ()


def test_dates_that_the_mail_report_alone_touches_say_so() -> None:
    shown = runbook.deadlines(unread(f"{SCANNER} Basic 12"))
    assert "No sign-in record was read: these touch what the mail report shows." in shown.text()


def test_what_only_the_report_can_know_is_not_said_to_be_missing_in_a_log_that_was_not_read() -> None:
    shown = runbook.reported(unread(f"{SCANNER} Basic 12")).text()
    assert "the sign-in log was not read" in shown
    assert "only in this report" not in shown


def test_a_question_that_was_refused_has_no_empty_answer() -> None:
    refused = runbook.rows(Reply([], partial="workspace: cannot be reached")).text()
    assert "Cannot know: workspace: cannot be reached" in refused
    assert "no row" not in refused
    assert "The query answered no row." in runbook.rows(Reply([])).text()
