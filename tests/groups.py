"""Invented groups for tests: the scanner of Woodgrove's Leeds office, and what a test changes about it."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from mailauth.findings import Day, Group, Network

__all__ = ["EXCHANGE", "LEEDS", "group"]

EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
LEEDS = Network("203.0.113.10", "64500", "GB", "Leeds office", "site", True, 9, 0)

_SCANNER = Group(
    sender_id="0123456789ab",
    user="scanner@woodgrove.example",
    user_id="22222222-2222-2222-2222-222222222222",
    population="member",
    protocol="SMTP AUTH",
    client_app_used="Authenticated SMTP",
    app="Office 365 Exchange Online",
    app_id=EXCHANGE,
    resource="Office 365 Exchange Online",
    network=LEEDS,
    networks=1,
    names=0,
    verdict="basic_sender",
    reason="A device or program that sends mail with a password from a known place: 44 successes on 22 days.",
    caveats=(),
    sources=("graph",),
    step="password",
    interactive="yes",
    successes=44,
    right_password_blocks=0,
    failures=1,
    token_events=0,
    days_active=22,
    first_seen=datetime(2026, 10, 26, 7, 2, tzinfo=UTC),
    last_seen=datetime(2026, 11, 20, 15, 40, tzinfo=UTC),
    last_success=datetime(2026, 11, 20, 15, 40, tzinfo=UTC),
    by_day=(Day(date(2026, 11, 19), 2, 0, 1), Day(date(2026, 11, 20), 2, 0, 0)),
    user_agents=("BAV2ROPC",),
    result_codes={"0": 44, "50126": 1},
    reasons={"success": {"0": 44}, "wrong password": {"50126": 1}},
)


def group(**changes: Any) -> Group:
    """Return the scanner with some of its fields changed."""
    return replace(_SCANNER, **changes)
