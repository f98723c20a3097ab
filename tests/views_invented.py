"""An invented tenant for the tests of views and pages: values as the findings have them, and a notebook over them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from mailauth.coverage import Coverage
from mailauth.findings import (
    Adoption,
    AdoptionDay,
    AdoptionUser,
    Attention,
    Day,
    Group,
    Network,
    ProtocolSummary,
    ReasonSummary,
    TrendRow,
)
from mailauth.views import listings
from mailauth.views.tables import Badge, Callout, Headline, Step, Table

HOSTILE = "<script>alert(1)</script><a href='https://evil.example'>click</a>\x1b[31m=1+1"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST = date(2026, 10, 25)
DAYS = [FIRST + timedelta(days=n) for n in range(30)]
MISSING = (date(2026, 11, 7), date(2026, 11, 8))
MARKS = {date(2026, 11, 16): "policy on noreply@"}
WINDOW = "25 October to 23 November 2026, exported files"

_BASE = Group(
    sender_id="0123456789ab",
    user="scanner@fabrikam.example",
    user_id="u1",
    population="member",
    protocol="SMTP AUTH",
    client_app_used="Authenticated SMTP",
    app="Office 365 Exchange Online",
    app_id="00000002-0000-0ff1-ce00-000000000000",
    resource="Office 365 Exchange Online",
    network=Network("203.0.113.10", "64500", "GB", "Leeds office", "site", True, people=4),
    networks=1,
    names=0,
    verdict="basic_sender",
    reason="It works from a place where members work.",
    caveats=(),
    sources=("files",),
    step="password",
    interactive="no",
    successes=40,
    right_password_blocks=0,
    failures=2,
    token_events=0,
    days_active=22,
    first_seen=datetime(2026, 10, 25, 6, tzinfo=UTC),
    last_seen=NOON,
    last_success=NOON,
    by_day=tuple(Day(day, 2, 0, 0) for day in DAYS if day.weekday() < 5),
    user_agents=("BAV2ROPC",),
    result_codes={"0": 40, "50126": 2},
    reasons={"success": {"0": 40}, "wrong password": {"50126": 2}},
)


def group(**fields: Any) -> Group:
    """Return the Leeds scanner with other *fields*."""
    return replace(_BASE, **fields)


GROUPS: tuple[Group, ...] = (
    group(
        sender_id="d0",
        user="dora@fabrikam.example",
        protocol="IMAP",
        network=Network("198.51.100.77", "64511", "BR", victims=5),
        verdict="suspected_compromise",
        interactive="yes",
        successes=1,
        failures=0,
        days_active=1,
        by_day=(Day(date(2026, 11, 14), 1, 0, 0),),
        user_agents=(HOSTILE,),
    ),
    _BASE,
    group(
        sender_id="e0",
        user="erp@fabrikam.example",
        app="Invoices",
        app_id="22222222-2222-2222-2222-222222222222",
        network=Network("192.0.2.1", "64512", "IE"),
        verdict="basic_unconfirmed",
        interactive="both",
        successes=31,
        failures=0,
        days_active=20,
        by_day=tuple(Day(day, 1, 0, 0) for day in DAYS[:20]),
    ),
    group(
        sender_id="a0",
        user="",
        network=Network(),
        networks=1380,
        names=96,
        population="nobody",
        verdict="attack_noise",
        successes=0,
        failures=41207,
        by_day=(),
    ),
)

TREND = tuple(
    TrendRow(day, protocol, max(0, weight - n // 6) if day.weekday() < 5 else 0, 0, n % 3, 900)
    for n, day in enumerate(DAYS)
    if day not in MISSING
    for protocol, weight in (("SMTP AUTH", 12), ("ActiveSync", 7), ("IMAP", 1))
)
PROTOCOLS = (
    ProtocolSummary("SMTP AUTH", 3, 3, 212, 4, 31, 30112, NOON),
    ProtocolSummary("ActiveSync", 14, 14, 120, 0, 6, 310, NOON),
    ProtocolSummary("IMAP", 2, 2, 12, 9, 15, 10790, NOON),
)
REASONS = (
    ReasonSummary("success", ("0",), "accepted", 19, 344, 0),
    ReasonSummary("wrong password", ("50126",), "no", 60, 41300, 41207),
    ReasonSummary("blocked by Conditional Access", ("53003",), "right_then_stopped", 4, 13, 0),
    ReasonSummary("locked", ("50053",), "not_evaluated", 6, 21, 0),
)
ADOPTION = Adoption(
    60,
    tuple(AdoptionDay(day, 1, 0, 1 + n // 8, 2 + n // 8) for n, day in enumerate(DAYS) if day not in MISSING),
    (
        AdoptionUser(
            "noreply@fabrikam.example",
            "33333333-3333-3333-3333-333333333333",
            "Mail Relay",
            ("SMTP AUTH",),
            True,
            14,
            FIRST,
            DAYS[-1],
        ),
    ),
)
ATTENTION = (
    Attention(
        GROUPS[0],
        "Suspected compromise",
        "dora@fabrikam.example signed in once with the right password on 14 November from 198.51.100.77 (BR), a "
        "network that tried five other accounts.",
        (
            "Reset the password and revoke the sessions before anything else.",
            "Read the account's inbox rules and forwarding.",
        ),
    ),
)
COVERAGE = (
    Coverage("interactive sign-ins", "complete", "files", datetime(2026, 10, 25, tzinfo=UTC), NOON),
    Coverage(
        "business dates",
        "partial",
        "tenant",
        reason="The records do not contain the quarter end of 30 September 2026.",
        remedy="Ask for the mail report, which looks back 90 days.",
    ),
    Coverage(
        "refused by an Exchange policy", "unknown", "tenant", reason="Such a refusal leaves no row in any sign-in log."
    ),
)


def headline() -> Headline:
    """Return the first screen of the invented tenant."""
    decisions = Table(
        ("What stops", "Used for", "Last seen", "Decision", "Owner", "By"),
        (
            (
                "Scanners, Leeds office (scanner@)",
                "scan to mail, also to customers",
                date(2026, 11, 22),
                "Own relay that speaks OAuth",
                "J. Ward",
                date(2026, 12, 11),
            ),
            (
                "ERP invoices (erp@)",
                "invoices to customers",
                date(2026, 11, 20),
                "OAuth in the ERP, vendor confirmed",
                None,
                None,
            ),
            (
                "14 phones with certificates",
                "mail on phones",
                date(2026, 11, 23),
                "New profile from device management",
                "M. Roy",
                date(2026, 12, 11),
            ),
        ),
        "What stops, and who decides",
    )
    return Headline(
        "exposed",
        "Three systems will stop sending mail when Microsoft switches off password sign-in at the end of December "
        "2026. One account needs attention today.",
        (
            "Sign-in records of 25 October to 23 November 2026. A job that runs once a year would not show.",
            "Two addresses use your own login server; their failures are not visible to us.",
        ),
        today=tuple(Callout("attention", one.title, (one.evidence,), one.steps) for one in ATTENTION),
        dates=(
            Step(
                "11 December 2026",
                "Decisions for the scanners and the phones are due, before the change freeze of 14 December.",
            ),
            Step(
                "End of December 2026",
                "Password sign-in for sending mail is switched off; Microsoft has published no day.",
            ),
        ),
        decisions=decisions,
        lines=(
            ("Progress", "9 password senders in September, 3 now."),
            ("If nothing is done", "Scans and invoices are refused without any message to your staff."),
        ),
    )


def senders() -> Table:
    """Return the widest table there is: senders with a decision each."""
    why = ("It sends to customers, so the tenant's own relay is the nearest road.", "Open: can the device do OAuth?")
    more: dict[str, tuple[Any, ...]] = {
        group.sender_id: (
            ("Own relay that speaks OAuth", Badge("proposal", "quiet")),
            why,
            "J. Ward",
            date(2026, 12, 11),
        )
        for group in GROUPS[1:3]
    }
    columns = ("Decision", "Why, and what is missing", "Owner", "Until")
    return listings.groups(GROUPS, caption="Senders and what is to be done about each", more=more, columns=columns)


def many(count: int) -> Table:
    """Return a table of so many invented accounts."""
    rows = [(f"user{n:05}@fabrikam.example", n % 31, HOSTILE if n == 3 else "BAV2ROPC") for n in range(count)]
    return Table(("Account", "Days", "User agent"), rows, "Accounts that were tried", rest="tables/accounts.csv")


_TITLE = """\
# 10 · Find who still signs in with a password

| needs | changes | undo | minutes |
|---|---|---|---|
| 00 | nothing | - | 2 |
"""
_PARAMETERS = """\
tenant = "fabrikam"
config = "/home/anna/secret-customer/tenants.yaml"
client_secret = "Q8Zz~hunter2-hunter2-hunter2-hunter2"
"""
_IMPORTS = """\
from tests import views_invented as world
from mailauth.views import controls, figures, listings, tables
"""
_REACH = """\
## How far did we look?

**Expect** no row that says absent.

Every number below is limited by these lines.
"""
_WHO = """\
## Who, and from where?

#### A heading that skips

See [the start](00-start.ipynb) and [the grants](40-grant-mailboxes.ipynb). <img src=x onerror=alert(1)>
"""
_QUERY = """\
tables.Code(
    "The query behind this page",
    "SigninLogs | where ClientAppUsed == '<b>IMAP</b>'",
    tables.Link("Open it in the portal", "https://portal.azure.com/#blade/x"),
)
"""
_OWN_FIGURE = """\
from plotly import graph_objects

graph_objects.Figure(
    graph_objects.Bar(x=["a", "b"], y=[1, 2]), {"title": {"text": "A figure of somebody's own"}, "height": 300}
)
"""
_CELLS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("md", _TITLE, ()),
    ("code", 'tenant: str = ""  # a name in the tenants file', ("parameters",)),
    ("code", _PARAMETERS, ("injected-parameters",)),
    ("code", _IMPORTS, ()),
    ("code", "world.headline()", ()),
    ("md", _REACH, ()),
    ("code", "listings.coverage(world.COVERAGE)", ()),
    ("md", "## Which protocols?", ()),
    ("code", "figures.protocols(world.PROTOCOLS, window=world.WINDOW)", ()),
    ("md", "## Is it getting less?", ()),
    ("code", "figures.trend(world.TREND, missing=world.MISSING, marks=world.MARKS, window=world.WINDOW)", ()),
    ("md", _WHO, ()),
    ("code", "world.senders()", ()),
    ("code", "controls.Filter(world.GROUPS)", ()),
    ("code", "figures.senders(world.GROUPS, window=world.WINDOW)", ()),
    ("md", "## Why were sign-ins refused?", ()),
    ("code", "figures.reasons(world.REASONS, window=world.WINDOW)", ()),
    ("md", "## Does OAuth take over?", ()),
    ("code", "figures.adoption(world.ADOPTION, world.GROUPS, missing=world.MISSING, window=world.WINDOW)", ()),
    ("code", _OWN_FIGURE, ()),
    ("md", "## Attacks", ()),
    ("code", "world.many(60)", ()),
    ("code", _QUERY, ()),
    ("code", 'tables.Callout("info", "Mail is not lost yet", ("A good password is remembered for up to a day.",))', ()),
    ("code", 'print("for whoever runs this")', ("notebook-only",)),
)


def notebook() -> Any:
    """Return the notebook over the invented tenant, not run yet."""
    nbformat: Any = import_module("nbformat")
    return nbformat.from_dict(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "cells": [_cell(number, *cell) for number, cell in enumerate(_CELLS)],
        }
    )


def _cell(number: int, kind: str, source: str, tags: tuple[str, ...]) -> dict[str, Any]:
    common = {"id": f"cell-{number}", "metadata": {"tags": list(tags)}, "source": source}
    if kind == "md":
        return {"cell_type": "markdown", **common}
    return {"cell_type": "code", "outputs": [], "execution_count": None, **common}


def executed() -> Any:
    """Return the notebook as a real kernel left it, with papermill's metadata."""
    import nbclient

    node = nbclient.NotebookClient(
        notebook(), timeout=120, resources={"metadata": {"path": str(Path(__file__).parents[1])}}
    ).execute()
    node.metadata["papermill"] = {
        "parameters": {
            "tenant": "fabrikam",
            "config": "/home/anna/secret-customer/tenants.yaml",
            "client_secret": "Q8Zz~hunter2",
        },
        "input_path": "/home/anna/secret-customer/notebooks/10-find-basic-auth.ipynb",
        "environment_variables": {"HOME": "/home/anna"},
        "start_time": "2026-11-23T14:02:11.123456+00:00",
    }
    return node
