"""What a manager reads first: true for the tenant at hand, and no more than that."""

import re
from dataclasses import replace
from typing import Any

import pytest

from mailauth.tenants import Source
from mailauth.views import runbook
from mailauth.views.markup import text
from tests import case_invented
from tests.case_invented import SCANNER


def lines(**mailers: dict[str, Any]) -> dict[str, str]:
    """Return the further sentences of the first screen, by their bold words."""
    rows = [case_invented.mail(user, ago=ago, **more) for user, more in mailers.items() for ago in range(1, 9)]
    return dict(runbook.first_screen(case_invented.case(rows)).lines)


@pytest.mark.parametrize(
    ("mailers", "said", "unsaid"),
    [
        pytest.param({SCANNER: {}}, "Mail from the senders with a password is refused", "phones", id="a scanner"),
        pytest.param(
            {"ada@woodgrove.example": {"client_app": "Exchange ActiveSync", "step": "certificate"}},
            "Mail on the phones with certificates stops with 2026.",
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
    said = dict(runbook.first_screen(old).lines)["Progress"]
    assert said == f"1 SMTP AUTH sender with a password at the last good look ({text(old.findings.last_look)})."
    assert runbook.adoption(old).title.endswith(said.rstrip("."))


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
