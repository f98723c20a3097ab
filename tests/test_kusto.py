"""The real Kusto client against a loopback cluster."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from mailauth.clouds import Cloud
from mailauth.errors import QueryError, SourceError, UnreachableError
from mailauth.services.kusto import Kusto
from tests import loganalytics, signinrows
from tests.kustocluster import serving
from tests.loganalytics import Credential


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Cloud, str]]:
    rows = [signinrows.row(f"user{number}", signinrows.START + timedelta(hours=number)) for number in range(3)]
    with serving({"SigninLogs": rows}, tmp_path) as served:
        yield served


def test_rows_come_with_their_own_types(cluster: tuple[Cloud, str]) -> None:
    cloud, address = cluster
    with Kusto(cloud, Credential(), address, "memory") as engine:
        columns = "UserPrincipalName, CreatedDateTime, IsInteractive, n = strlen(Location)"
        reply = engine.run(f"SigninLogs | project {columns}")
    assert {
        "UserPrincipalName": "user0@fabrikam.example",
        "CreatedDateTime": signinrows.START,
        "IsInteractive": True,
        "n": 2,
    } in reply.rows


def test_the_schema_says_what_is_there(cluster: tuple[Cloud, str]) -> None:
    cloud, address = cluster
    with Kusto(cloud, Credential(), address, "memory") as engine:
        schema = engine.schema()
    assert set(schema) == {"SigninLogs"}
    assert schema["SigninLogs"]["CreatedDateTime"] == "datetime"


def test_the_credential_stays_open_for_others(cluster: tuple[Cloud, str]) -> None:
    class Shared(Credential):
        closed = False

        def close(self) -> None:
            self.closed = True

    cloud, address = cluster
    credential = Shared()
    with Kusto(cloud, credential, address, "memory") as engine:
        engine.run("print 1")
    assert credential.scopes
    assert not credential.closed


def test_a_database_that_does_not_exist_is_named(cluster: tuple[Cloud, str]) -> None:
    cloud, address = cluster
    with (
        Kusto(cloud, Credential(), address, "nowhere") as engine,
        pytest.raises(SourceError, match=r"Database nowhere at .* does not exist"),
    ):
        engine.run("print 1")


def test_a_text_that_is_refused_is_a_query_error(cluster: tuple[Cloud, str]) -> None:
    cloud, address = cluster
    with Kusto(cloud, Credential(), address, "memory") as engine, pytest.raises(QueryError, match="NoSuchTable"):
        engine.run("NoSuchTable | count")


def test_a_cluster_that_does_not_answer_is_unreachable(cluster: tuple[Cloud, str], tmp_path: Path) -> None:
    closed = loganalytics.cloud("https://localhost:9", tmp_path / "ca.pem")
    with (
        Kusto(closed, Credential(), "https://localhost:9", "memory") as engine,
        pytest.raises(UnreachableError, match="cannot be reached"),
    ):
        engine.run("print 1")
