"""Sign-ins to verdicts: who still uses a password for mail, from where, and what that means.

`assess` takes what the queries answered and returns `Findings`. It opens nothing, is linear in the rows, and does not
care about their order. The values that it returns are described in `findings` and can be had from here as well.
"""

from collections.abc import Collection
from datetime import datetime

from . import adoption, calendar, networks, reach, reportonly, results, standing, summaries
from .coverage import Window
from .deadlines import Calendar
from .decisions import Decisions
from .findings import (
    Adoption,
    Attention,
    Day,
    Findings,
    Group,
    Headline,
    Network,
    State,
    Verdict,
)
from .grouping import groups_of, sender_id
from .summary import Answers, MailRow
from .verdicts import Thresholds

__all__ = [
    "Adoption",
    "Attention",
    "Day",
    "Findings",
    "Group",
    "Headline",
    "Network",
    "State",
    "Thresholds",
    "Verdict",
    "assess",
    "sender_id",
]


def assess(
    answers: Answers,
    *,
    tenant_id: str,
    now: datetime,
    window: Window | None = None,
    thresholds: Thresholds | None = None,
    decisions: Decisions | None = None,
    registered_apps: Collection[str] = (),
    small_tenant: bool = False,
    dates: Calendar | None = None,
) -> Findings:
    """Return what *answers* say of a tenant, and what they cannot say.

    Args:
        answers: From every source of the tenant, put together.
        tenant_id: The tenant's id or domain; records of another id are named in the coverage.
        now: The moment to judge from.
        window: The event times asked for; None for whatever the sources hold.
        thresholds: None for the numbers that ship with the library.
        decisions: A person's names of networks; None where there is no such file.
        registered_apps: Application ids of the tenant's own mail apps.
        small_tenant: Whether one member makes a known site (tenants below `Thresholds.small_tenant` members).
        dates: What ends when; None for what ships with the library.
    """
    limits = thresholds or Thresholds.standard()
    places = networks.places(
        answers.networks,
        (row for row in answers.mail if _is_victim(row)),
        limits=(limits.site(small_tenant=small_tenant), limits.spray_victims),
        decisions=decisions,
    )
    oauth = adoption.summarise(answers.adoption, registered_apps)
    # Another tenant's days in a shared workspace say nothing of this one.
    ours = reach.own(answers, tenant_id)
    held = reach.held(ours, window)
    moment = min(now, window.end) if window else now
    groups = groups_of(
        answers.mail,
        places,
        limits,
        oauth=adoption.days_by_protocol(answers.adoption),
        sites_known=reach.sites_known(ours),
        moment=moment,
    )
    engines = {name.partition("/")[0] for name in answers.queries}
    # A job of a month's end may run on a day that is silent in every other week.
    business = calendar.business_dates(held, now=now, missing=reach.empty_days(ours, held))
    coverage = reach.coverage(answers, tenant_id=tenant_id, asked=window, held=held, business=business, now=now)
    stand = standing.of(groups, oauth, coverage, engines=engines, held=held, moment=moment, limits=limits, dates=dates)
    return Findings(
        tenant_id=tenant_id,
        made_at=now,
        asked=window,
        held=held,
        state=stand.state,
        sentence=stand.sentence,
        last_look=stand.last_look,
        headline=stand.headline,
        attention=standing.attention(groups),
        groups=groups,
        protocols=summaries.by_protocol(groups),
        users=summaries.by_user(groups, adoption.days_by_user(answers.adoption)),
        apps=summaries.by_app(groups),
        reasons=summaries.by_reason(groups),
        trend=summaries.trend(groups),
        missing_days=reach.missing_days(ours, held),
        activesync=summaries.activesync(groups),
        ropc=summaries.ropc(groups, answers.not_mail),
        attacks=summaries.attacks(groups, answers.noise),
        not_mail=dict(sorted(answers.not_mail.items())),
        adoption=oauth,
        business=business,
        coverage=coverage,
        report_only=reportonly.summarise(answers.policies),
    )


def _is_victim(row: MailRow) -> bool:
    refused = results.read(row.result).answer not in ("accepted", "not_password")
    return refused and "certificate" not in row.step.lower()
