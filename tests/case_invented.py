"""An invented tenant for tests: sign-ins on its days, judged by the library, and the case made of them."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from mailauth import cases, clouds, decisions, signins, smtp_report
from mailauth.cases import Case
from mailauth.decisions import Decisions
from mailauth.findings import Findings
from mailauth.smtp_report import Report
from mailauth.summary import AdoptionRow, Answers, MailRow, NetworkRow
from mailauth.tenants import Tenant
from tests import mailrows
from tests.mailrows import NOW, OFFICE, SCANNER, TENANT_ID

__all__ = ["NOW", "OFFICE", "SCANNER", "TENANT", "case", "decided", "find", "mail", "report"]

TENANT = Tenant(name="woodgrove", tenant_id=TENANT_ID, cloud=clouds.built_in()["public"])
_HEADER = "Sender address,Domain,Authentication Protocol,TLS 1.0,TLS 1.1,TLS 1.2,Messages sent"


def mail(user: str = SCANNER, ago: int = 1, **more: Any) -> MailRow:
    """Return one row of two successes, so many days before now."""
    return mailrows.mail(user, ago=ago, **{"sign_ins": 2, **more})


def find(rows: Sequence[MailRow] = (), *, held: bool = True, until: int = 0) -> Findings:
    """Return what the rows say, in records of 30 days that end so many days ago; none at all where *held* is false."""
    held_from = NOW.replace(hour=0) - timedelta(days=30)
    token = AdoptionRow(held_from, "ada@woodgrove.example", "app", "Thunderbird", True, False, True, False, 3, "files")
    heard = Answers(
        mail=tuple(rows),
        networks=(NetworkRow(OFFICE, "site", "", 12),),
        adoption=(token,) if held else (),
        tables=mailrows.tables(30, until) if held else (),
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
