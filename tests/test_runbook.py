"""What a manager reads first: true for the tenant at hand, and no more than that."""

from dataclasses import replace
from typing import Any

import pytest

from mailauth.tenants import Source
from mailauth.views import runbook
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
