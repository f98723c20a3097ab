"""What section 6 of notebook 60 shows: the log's answer beside the inferred one, and where the log has none."""

from typing import Any

import pytest

from mailauth.closable import Known
from mailauth.closingrecord import Look
from mailauth.conditions import Conditions
from mailauth.organization import Organization
from mailauth.reportonly import WHAT
from mailauth.views import reportonly
from mailauth.views.markup import Badge
from mailauth.views.tables import Table
from tests.closings import NOW, WHOLE, group, record
from tests.test_reportonly import BLOCK, ruling, said

HOSTILE = "<img src=x onerror=alert(1)>"


def look(findings: Any) -> Look:
    return Look(Known(Organization(), Conditions(policies=(BLOCK,)), findings, NOW), ())


def shown(findings: Any) -> str:
    return "\n".join(map(str, reportonly.blocked(look(findings)).views))


def carrying(source: str, sign_ins: int, carried: int) -> dict[str, Any]:
    return {"source": source, "sign_ins": sign_ins, "carried": carried}


def test_each_row_says_whether_it_is_in_the_log_or_inferred() -> None:
    told = said(ruling(), ruling(user="ada@w.example", stopped=0), sources=[carrying("graph", 9, 9)])
    [table] = reportonly.blocked(look(record(group("bob"), group("ada"), group("eve"), **told))).views
    assert isinstance(table, Table)
    answers = [(row[0], row[4], row[5]) for row in table.rows]
    assert [(who, answer.text, why) for who, answer, why in answers if isinstance(answer, Badge)] == [
        ("bob@w.example", "yes (in the log)", ["“Block”: would have stopped 1 of 2 sign-ins"]),
        ("ada@w.example", "no (in the log)", ["“Block”: would have stopped 0 of 2 sign-ins"]),
        ("eve@w.example", "yes (inferred)", "nothing: no such policy spoke of it"),
    ]


@pytest.mark.parametrize(
    ("sources", "words"),
    [
        pytest.param([carrying("graph", 9, 0)], "without Policy.Read.All", id="permission"),
        pytest.param([carrying("workspace", 9, 0)], "the column ConditionalAccessPolicies", id="column"),
        pytest.param([carrying("files", 9, 4)], "files: some records carry it", id="part"),
    ],
)
def test_a_log_that_does_not_say_it_is_no_log_in_which_nobody_would_be_stopped(sources: Any, words: str) -> None:
    text = shown(record(group("bob"), **said(sources=sources)))
    assert "Where the log does not say what policies did" in text
    assert words in text
    assert "no such policy spoke of it" not in text


def test_policies_that_were_not_told_apart_are_no_silence() -> None:
    why = "2 further policies that only report spoke of old clients, and what they said is not counted."
    cut = {"what": WHAT, "state": "partial", "source": "files", "reason": why, "remedy": "Run 60."}
    found = record(group("bob"), coverage=[*WHOLE, cut], **said(sources=[carrying("files", 9, 9)]))
    assert f"files: {why} Run 60." in shown(found)
    assert "no such policy spoke of it" not in shown(found)


def test_where_no_source_was_asked_what_policies_said_nobody_can_know() -> None:
    text = shown(record(group("bob"), **said()))
    assert "cannot know" in text
    assert "no such policy spoke of it" not in text


def test_older_evidence_says_that_the_question_is_newer_and_no_evidence_that_nobody_looked() -> None:
    assert "older than this question. Run 10 again." in shown(record(group("bob")))
    assert "Cannot know: notebook 10 has left no evidence." in shown(None)


def test_the_name_of_a_policy_is_text() -> None:
    told = record(group("bob"), **said(ruling(policy=HOSTILE), sources=[carrying("graph", 9, 9)]))
    html = "".join(view.html() for view in reportonly.blocked(look(told)).views)
    assert "&lt;img" in html
    assert "<img" not in html
