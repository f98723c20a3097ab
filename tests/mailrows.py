"""Invented answers for tests: rows of a device in Woodgrove's office, and the days of the tables they stand in."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from mailauth.summary import MailRow, TableDay

__all__ = ["EXCHANGE", "NOW", "OFFICE", "SCANNER", "TENANT_ID", "mail", "tables"]

EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OFFICE = "203.0.113.10"
SCANNER = "scanner@woodgrove.example"
TENANT_ID = "11111111-1111-1111-1111-111111111111"


def mail(user: str = SCANNER, network: str = OFFICE, result: str = "0", ago: int = 1, **more: Any) -> MailRow:
    """Return one SMTP AUTH row, `ago` days before now."""
    day = NOW.replace(hour=0) - timedelta(days=ago)
    row = MailRow(
        day=day,
        user=user,
        user_id=f"id of {user}" if user else "",
        population="member" if user else "nobody",
        client_app="Authenticated SMTP",
        protocol="ropc",
        app_id=EXCHANGE,
        app="Office 365 Exchange Online",
        resource="Office 365 Exchange Online",
        network=network,
        asn="64500",
        country="GB",
        step="password",
        result=result,
        note="",
        risk="",
        interactive=True,
        sign_ins=1,
        first=day + timedelta(hours=8),
        last=day + timedelta(hours=9),
        user_agent="BAV2ROPC",
        networks=1,
        names=0,
        source="files",
    )
    return replace(row, **more)


def tables(first: int = 30, last: int = 0, **more: Any) -> tuple[TableDay, ...]:
    """Return what two user tables hold from `first` to `last` days ago."""
    days = []
    for ago in range(last, first + 1):
        day = NOW.replace(hour=0) - timedelta(days=ago)
        for table in ("SigninLogs", "AADNonInteractiveUserSignInLogs"):
            held = TableDay(table, day, TENANT_ID, 900, 880, 900, 870, day, day + timedelta(hours=11), 900, "files")
            days.append(replace(held, **more))
    return tuple(days)
