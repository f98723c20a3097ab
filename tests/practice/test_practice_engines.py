"""The library's engines agree: the practice workspace answers, row for row, what the archive of the same story does."""

import dataclasses
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from mailauth import answers, signins
from mailauth.clouds import Cloud
from mailauth.coverage import Window
from mailauth.errors import AccessError
from mailauth.services import archive
from mailauth.services.workspace import Workspace
from mailauth.summary import Answers
from practice import cloud, files
from practice.access import Reporting
from practice.estates import Estate
from practice.fabrikam import FABRIKAM
from practice.ledger import copies
from practice.limits import LogLimits
from practice.signins import deliveries, events
from practice.state import ConditionalAccessPolicy
from practice.world import World

NOW = datetime.now(UTC)
TODAY = NOW.date()
WINDOW = Window(NOW - timedelta(days=29), NOW)
ROWS = tuple(deliveries(events(FABRIKAM, TODAY), TODAY))
REPORTS = ConditionalAccessPolicy(
    id="0ca00000-0000-4000-8000-000000000001",
    display_name='Block <old> "clients"',
    state="enabledForReportingButNotEnforced",
    modified_date_time=NOW - timedelta(days=12),
    conditions={
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]},
        "clientAppTypes": ["exchangeActiveSync", "other"],
    },
    grant_controls={"operator": "OR", "builtInControls": ["block"]},
)
READER = "a11ce000-0000-4000-8000-000000000001"


def _observed() -> World:
    """Return Fabrikam with a policy that only reports about everybody in its story."""
    firm = Estate("fabrikam", "Fabrikam", "fabrikam.example", FABRIKAM.tenant_id, NOW)
    for name in {FABRIKAM.address(one.account) for one in FABRIKAM.mailers}:
        firm.user(name, name)
    firm.tenant.directory.policies.conditional_access.append(REPORTS)
    return dataclasses.replace(FABRIKAM, reporting=Reporting(firm.tenant.directory))


OBSERVED = _observed()


class Credential:
    """Signs in as one of the tenant's users, for whatever is asked."""

    def __init__(self, practice: cloud.Cloud, user: str) -> None:
        self._practice, self._user = practice, user

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        audience = scopes[0].removesuffix("/.default")
        until = int(time.time()) + 3600
        issuer = f"https://sts.windows.net/{FABRIKAM.tenant_id}/"
        claims = {"aud": audience, "iss": issuer, "tid": FABRIKAM.tenant_id, "oid": self._user, "exp": until}
        return AccessToken(self._practice.backend.keys.sign(claims), until)


@pytest.fixture(scope="module")
def practice() -> Iterator[cloud.Cloud]:
    estate = Estate("fabrikam", "Fabrikam", "fabrikam.example", FABRIKAM.tenant_id, NOW)
    estate.user("reader", "Reader", id=READER)
    stranger = estate.user("stranger", "Stranger")
    estate.workspace(readers=[READER], retention_days=365)
    assert stranger.id != READER
    with cloud.start([estate.tenant]) as started:
        started.backend.ledger.fill(FABRIKAM.tenant_id, "story", lambda: copies(OBSERVED, ROWS))
        yield started


def reached(practice: cloud.Cloud) -> tuple[Cloud, str]:
    """Return the practice cloud as the library knows it, and the workspace's id."""
    with practice.states.reading("fabrikam") as tenant:
        workspace_id = tenant.logs.workspace_id
    return Cloud(name="practice", **{**practice.entry(), "ca_file": practice.ca_file}), workspace_id


def asked(engine: Any) -> Answers:
    parameters = answers.Parameters.standard(signins.Thresholds.standard())
    return answers.ask(engine, window=WINDOW, parameters=parameters, now=NOW)


def rows(found: Answers) -> dict[str, list[str]]:
    """Return each kind of answered row in an order of its own, without the witness that each names."""
    kinds = {field.name: getattr(found, field.name) for field in dataclasses.fields(found) if field.name != "coverage"}
    return {
        name: sorted(re.sub("source='(files|workspace)'", "", repr(row)) for row in value)
        for name, value in kinds.items()
        if isinstance(value, tuple)
    }


def test_the_workspace_answers_what_the_archive_of_the_same_story_answers(
    practice: cloud.Cloud, tmp_path: Path
) -> None:
    files.diagnostics(tmp_path / "logs", OBSERVED, ROWS, packed_before=TODAY - timedelta(days=20))
    with archive.open(FABRIKAM.tenant_id, ["logs/**/*.json*"], base=tmp_path, cache=tmp_path / "cache") as engine:
        wanted = rows(asked(engine))
    reach, workspace_id = reached(practice)
    with Workspace(reach, Credential(practice, READER), workspace_id) as engine:
        found = rows(asked(engine))
    assert len(wanted["mail"]) > 100
    assert sum(REPORTS.id in one for one in wanted["policies"]) > 50
    assert found == wanted


def test_who_is_no_reader_is_told_which_role_is_missing(practice: cloud.Cloud) -> None:
    reach, workspace_id = reached(practice)
    with practice.states.reading("fabrikam") as tenant:
        stranger = tenant.directory.user("stranger@fabrikam.example")
    assert stranger is not None
    with (
        Workspace(reach, Credential(practice, stranger.id), workspace_id) as engine,
        pytest.raises(AccessError) as told,
    ):
        engine.schema()
    assert told.value.code == "403 InsufficientAccessError"
    assert "Log Analytics Reader" in told.value.remedy


def test_the_library_sees_what_an_old_workspace_lacks_and_asks_it_all_the_same(practice: cloud.Cloud) -> None:
    with practice.states.changing("fabrikam") as tenant:
        before = tenant.logs
        tenant.logs = before.model_copy(
            update={"tables": ["SigninLogs"], "missing_columns": ["AuthenticationProtocol", "SessionId"]}
        )
    try:
        reach, workspace_id = reached(practice)
        with Workspace(reach, Credential(practice, READER), workspace_id) as engine:
            schema = engine.schema()
            assert set(schema) == {"SigninLogs"}
            assert "AuthenticationProtocol" not in schema["SigninLogs"]
            assert schema["SigninLogs"]["Status"] == "dynamic"
            assert asked(engine).mail
    finally:
        with practice.states.changing("fabrikam") as tenant:
            tenant.logs = before


def test_an_answer_that_is_cut_off_reaches_the_library_as_partial(practice: cloud.Cloud) -> None:
    practice.backend.logs = LogLimits(rows=50)
    try:
        reach, workspace_id = reached(practice)
        with Workspace(reach, Credential(practice, READER), workspace_id) as engine:
            reply = engine.run("SigninLogs | project Id", WINDOW)
    finally:
        practice.backend.logs = LogLimits()
    assert len(reply.rows) == 50
    assert "exceed the set limit of 50 records" in reply.partial


def test_the_library_waits_as_long_as_it_is_told_when_it_is_throttled(practice: cloud.Cloud) -> None:
    practice.faults.add("logs", "throttle", seconds=1)
    reach, workspace_id = reached(practice)
    with Workspace(reach, Credential(practice, READER), workspace_id) as engine:
        began = time.monotonic()
        assert engine.run("SigninLogs | count", WINDOW).rows[0]["Count"]
        assert time.monotonic() - began >= 1
