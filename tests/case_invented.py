"""An invented tenant for tests: sign-ins on its days, judged by the library, and the case made of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mailauth import cases, clouds, decisions, signins, smtp_report
from mailauth.cases import Case
from mailauth.decisions import Decisions
from mailauth.findings import Findings
from mailauth.smtp_report import Report
from mailauth.summary import AdoptionRow, Answers, MailRow, NetworkRow, TableDay
from mailauth.tenants import Tenant

__all__ = ["NOW", "OFFICE", "SCANNER", "TENANT", "case", "decided", "find", "mail", "report"]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OFFICE = "203.0.113.10"
SCANNER = "scanner@woodgrove.example"
TENANT = Tenant(name="woodgrove", tenant_id="11111111-1111-1111-1111-111111111111", cloud=clouds.built_in()["public"])
_EXCHANGE = "00000002-0000-0ff1-ce00-000000000000"
_HEADER = "Sender address,Domain,Authentication Protocol,TLS 1.0,TLS 1.1,TLS 1.2,Messages sent"


def mail(user: str = SCANNER, ago: int = 1, **more: Any) -> MailRow:
    """Return one successful SMTP AUTH row of a device in the office, so many days before now."""
    day = NOW.replace(hour=0) - timedelta(days=ago)
    row = MailRow(
        day=day,
        user=user,
        user_id=f"id of {user}",
        population="member",
        client_app="Authenticated SMTP",
        protocol="ropc",
        app_id=_EXCHANGE,
        app="Office 365 Exchange Online",
        resource="Office 365 Exchange Online",
        network=OFFICE,
        asn="64500",
        country="GB",
        step="password",
        result="0",
        note="",
        risk="",
        interactive=True,
        sign_ins=2,
        first=day + timedelta(hours=8),
        last=day + timedelta(hours=9),
        user_agent="BAV2ROPC",
        source="files",
    )
    return replace(row, **more)


def find(rows: Sequence[MailRow] = (), *, held: bool = True, until: int = 0) -> Findings:
    """Return what the rows say, in records of 30 days that end so many days ago; none at all where *held* is false."""
    days = [NOW.replace(hour=0) - timedelta(days=ago) for ago in range(30, until - 1, -1)]
    tables = [
        TableDay(table, day, TENANT.tenant_id, 100, 100, 100, 100, day, day + timedelta(hours=11), 60, "files")
        for day in days
        for table in ("SigninLogs", "AADNonInteractiveUserSignInLogs")
    ]
    token = AdoptionRow(days[0], "ada@woodgrove.example", "app", "Thunderbird", True, False, True, False, 3, "files")
    heard = Answers(
        mail=tuple(rows),
        networks=(NetworkRow(OFFICE, "site", "", 12),),
        adoption=(token,) if held else (),
        tables=tuple(tables) if held else (),
    )
    return signins.assess(heard, tenant_id=TENANT.tenant_id, now=NOW)


def report(*lines: str, dated: bool = False) -> Report:
    """Return a mail report with lines such as ``scanner@woodgrove.example Basic 12``."""
    rows = [line.split() for line in lines]
    said = "\n".join(
        f"{address},,{how},0%,0%,100%,{count}{',2026-11-01' if dated else ''}" for address, how, count in rows
    )
    return smtp_report.parse(f"{_HEADER}{',Date' if dated else ''}\n{said}\n", "report.csv")


def decided(text: str) -> Decisions:
    """Return decisions as a person wrote them."""
    return decisions.parse(text, Path("woodgrove.yaml"))


def case(
    rows: Sequence[MailRow] = (),
    reports: Sequence[Report] = (),
    *,
    tenant: Tenant = TENANT,
    own: Decisions | None = None,
    found: Findings | None = None,
) -> Case:
    """Return the case of the rows and reports."""
    queries = {"files/mail_signins": "SigninLogs\n| take 1\n"}
    return cases.build(tenant, found or find(rows), queries, own, reports, today=NOW.date())
