"""Kusto's own parser over every query, against the tables' columns and types as the library holds them.

The parser is the npm package @kusto/language-service-next, found in ``.ci/node_modules`` (where ``.ci/run`` puts it) or
in the folder that MAILAUTH_NODE_MODULES names.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailauth import kql, reference
from mailauth.answers import Parameters
from mailauth.coverage import Window

Judged = Mapping[str, Mapping[str, tuple[str, ...]]]
"""By case and query: what is wrong with it."""

CHECK = Path(__file__).with_name("kusto_check.js")
PACKAGE = "@kusto/language-service-next"
WINDOW = Window(datetime(2026, 10, 24, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
PARAMETERS = Parameters(
    right=("53003", "50074"),
    interrupted=("50074",),
    nobody=("50034",),
    regular_days=3,
    spray_victims=3,
    site_people=2,
    named_networks=("203.0.113.0/28", "2001:db8::/32"),
    registered_apps=(),
    not_password=("50140",),
    listed_policies=("5c1d3b52-0f6e-4f6d-9a55-2f4f0f9f1a01",),
    tenant_id="7c1d3b52-0f6e-4f6d-9a55-2f4f0f9f1a01",
)
FULL: dict[str, dict[str, str]] = {table: dict(reference.columns(table)) for table in kql.TABLES}
# What workspaces of 2020 and 2021 lacked, and then some.
YOUNG = {
    "AuthenticationProtocol",
    "IncomingTokenType",
    "SessionId",
    "AuthenticationRequirement",
    "AuthenticationProcessingDetails",
    "ResultDescription",
    "AutonomousSystemNumber",
    "CrossTenantAccessType",
    "RiskLevelDuringSignIn",
    "ConditionalAccessPolicies",
    "UserId",
    "CreatedDateTime",
}
SCHEMAS: dict[str, dict[str, dict[str, str]]] = {
    "every column": FULL,
    "an older workspace": {
        table: {name: kind for name, kind in columns.items() if name not in YOUNG} for table, columns in FULL.items()
    },
    "interactive only": {"SigninLogs": FULL["SigninLogs"]},
    "no table at all": {},
}


@pytest.fixture(scope="module")
def node_modules() -> Path:
    """Return the folder that holds the parser; without it skip, saying why, but fail where CI should have it."""
    named = os.environ.get("MAILAUTH_NODE_MODULES", "")
    folder = Path(named) if named else Path(__file__).parents[2] / ".ci" / "node_modules"
    missing = (
        "node is not on PATH"
        if shutil.which("node") is None
        else f"{PACKAGE} is not in {folder}; .ci/run installs it"
        if not (folder / PACKAGE).is_dir()
        else ""
    )
    if missing and os.environ.get("CI"):
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    return folder


def filled(schema: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the queries as they are asked of a workspace with *schema*."""
    return {name: kql.query(name, window=WINDOW, schema=schema, **PARAMETERS.of(name, WINDOW)) for name in kql.names()}


SHIPPED = {name: kql.source(name) for name in kql.names()}
WRONG = {
    "column": "SigninLogs | project NoSuchColumn",
    "type": "SigninLogs | extend next = ResultType + 1",
    "word": "SigninLogs | project kind = Id",
    "table": "AADNoSuchLogs | count",
}


@pytest.fixture(scope="module")
def judged(node_modules: Path) -> Judged:
    """Return what the parser says of all queries, which it is started for once: that takes seconds."""
    cases = {name: {"tables": schema, "queries": filled(schema)} for name, schema in SCHEMAS.items()}
    cases["as they ship"] = {"tables": FULL, "queries": SHIPPED}
    cases["wrong"] = {"tables": FULL, "queries": WRONG}
    done = subprocess.run(
        ["node", str(CHECK), str(node_modules)],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, dict[str, list[dict[str, Any]]]] = json.loads(done.stdout)
    return {case: {name: _serious(found) for name, found in texts.items()} for case, texts in answer.items()}


def _serious(found: list[dict[str, Any]]) -> tuple[str, ...]:
    """Return the errors and warnings."""
    return tuple(
        f"{one['severity']}: {one['message']} ({one['text']})"
        for one in found
        if one["severity"] in ("Error", "Warning")
    )


@pytest.mark.parametrize("case", SCHEMAS)
def test_kustos_own_parser_finds_nothing_wrong(case: str, judged: Judged) -> None:
    assert judged[case] == dict.fromkeys(kql.names(), ())


def test_the_files_can_be_pasted_as_they_ship(judged: Judged) -> None:
    assert judged["as they ship"] == dict.fromkeys(SHIPPED, ())


def test_the_parser_does_find_what_is_wrong(judged: Judged) -> None:
    assert [name for name, complaints in judged["wrong"].items() if complaints] == list(WRONG)
